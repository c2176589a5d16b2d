/**
 * Goal: liquidity in a range is worth, weighs and loses what the pool's own arithmetic says, and fees tell a volatility.
 *
 * Method: published vectors of the loss; Greeks against differences; the expected worth by integrating the loss over time and the
 * law of the price, two roads that share no formula; real minutes of a pool of ether on Polygon.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GimbalError } from '../core/errors.ts'
import type { PoolPosition } from '../portfolio/book.ts'
import { poolAmounts } from '../portfolio/valuation.ts'
import {
  arbitrageShare,
  expectedPoolValue,
  feeImpliedVolatility,
  lambertVolatility,
  lossVersusRebalancing,
  poolFees,
  poolGreeks,
} from './poolLiquidity.ts'

const shared = process.env['GIMBAL_SHARED'] ?? '../shared'
const file = join(shared, 'reference/vectors/t07_lvr.json')
const told = existsSync(file)

test(`losses and shares of the reference vectors${told ? '' : ' (not checked: no reference vectors here)'}`, () => {
  if (!told) return
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Record<string, number>[] }
  let checked = 0
  for (const c of cases as (Record<string, number> & { kind: unknown })[]) {
    if (c.kind === 'lvr_v3_range') {
      const range = { liquidity: c['L']!, lower: c['p_lower']!, upper: c['p_upper']! }
      expect(poolGreeks(range, c['price']!).value / c['value']!).toBeCloseTo(1, 12)
      expect(lossVersusRebalancing(range, c['price']!, c['sigma']!) / c['lvr_rate']!).toBeCloseTo(1, 12)
    } else if (c.kind === 'lvr_cpmm') {
      // Of the whole line: V = 2L√P.
      const range = { liquidity: c['pool_value']! / 2, lower: 0, upper: Number.POSITIVE_INFINITY }
      expect(poolGreeks(range, 1).value).toBe(c['pool_value'])
      expect(lossVersusRebalancing(range, 1, c['sigma_annual']!) / c['lvr_rate_per_year']!).toBeCloseTo(1, 12)
    } else if (c.kind === 'arb_profit_with_fees') {
      const share = arbitrageShare(c['fee_log']!, 86_400 / c['mean_block_time_s']!, c['sigma_daily']!)
      expect(share / c['P_trade']!).toBeCloseTo(1, 12)
    } else continue
    checked++
  }
  expect(checked).toBeGreaterThan(5)
})

const range = { liquidity: 1000, lower: 1600, upper: 2400 }

test('Greeks are the differences of the worth, inside, below and above', () => {
  for (const price of [1200, 1700, 2300, 3000]) {
    const at = (p: number) => poolGreeks(range, p)
    const { base, gamma, speed } = at(price)
    expect(base).toBeCloseTo((at(price + 0.01).value - at(price - 0.01).value) / 0.02, 6)
    expect(gamma).toBeCloseTo((at(price + 0.01).base - at(price - 0.01).base) / 0.02, 9)
    expect(speed).toBeCloseTo((at(price + 0.01).gamma - at(price - 0.01).gamma) / 0.02, 11)
  }
  expect(poolGreeks(range, 3000).value).toBe(poolGreeks(range, 2400).value)
  // The ledger's own amounts are the same.
  const position = { kind: 'pool', asset: 'ETH', quote: 'USDC', ...range } as PoolPosition
  for (const price of [1200, 1700, 2300, 3000]) {
    const { base, quote } = poolGreeks(range, price)
    expect(poolAmounts(position, price)).toEqual({ base, quote })
  }
})

test('what is expected to be left is what is there less what arbitrage takes on the way', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1000, max: 3500, noNaN: true }),
      fc.double({ min: 0.2, max: 1.2, noNaN: true }),
      fc.double({ min: 0.01, max: 0.5, noNaN: true }),
      (price, volatility, years) => {
        // Mean of the loss over the law at each time, and over the times.
        let taken = 0
        const times = 60
        for (let i = 0; i < times; i++) {
          // Squares of evenly spaced times: near 0 the law narrows quickly.
          const u = (i + 0.5) / times
          const s = volatility * Math.sqrt(years) * u
          // The law between the ends of the range, in deviations.
          const low = Math.max(-8, (Math.log(range.lower / price) + 0.5 * s * s) / s)
          const high = Math.min(8, (Math.log(range.upper / price) + 0.5 * s * s) / s)
          const cells = 200
          const width = Math.max(0, high - low) / cells
          let mean = 0
          for (let j = 0; j < cells; j++) {
            const z = low + (j + 0.5) * width
            const end = price * Math.exp(s * z - 0.5 * s * s)
            const weight = (Math.exp(-0.5 * z * z) / Math.sqrt(2 * Math.PI)) * width
            mean += weight * lossVersusRebalancing(range, end, volatility)
          }
          taken += mean * ((2 * u * years) / times)
        }
        const now = poolGreeks(range, price).value
        const left = expectedPoolValue(range, price, volatility, years)
        expect(Math.abs(now - taken - left)).toBeLessThan(2e-5 * now)
        expect(left).toBeLessThanOrEqual(now * (1 + 1e-12))
      },
    ),
    { numRuns: 12 },
  )
})

test('the whole line loses as √P does: V e^(−σ²T/8)', () => {
  const whole = { liquidity: 5, lower: 0, upper: Number.POSITIVE_INFINITY }
  expect(expectedPoolValue(whole, 2000, 0.8, 0.7)).toBeCloseTo(10 * Math.sqrt(2000) * Math.exp((-0.64 * 0.7) / 8), 9)
  expect(expectedPoolValue(range, 2000, 0.8, 0)).toBe(poolGreeks(range, 2000).value)
})

test('fees that pay for a volatility are its loss, in both forms', () => {
  const price = 1850
  const trading = { fee: 0.003, volumePerYear: 3e9, poolLiquidity: 2e5 }
  const sigma = feeImpliedVolatility(trading, price)
  expect(poolFees(range, price, trading) / lossVersusRebalancing(range, price, sigma)).toBeCloseTo(1, 12)
  expect(poolFees(range, 3000, trading)).toBe(0)
  // One spacing of 60 ticks above the price, in quote.
  const upper = price * 1.0001 ** 60
  const inTick = poolGreeks({ liquidity: trading.poolLiquidity, lower: price, upper }, price).value
  expect(lambertVolatility(0.003, 3e9, inTick) / sigma).toBeCloseTo(1, 2)
})

test('what is no position is refused', () => {
  for (const bad of [{ lower: 2400 }, { lower: -1 }, { liquidity: Number.NaN }])
    expect(() => poolGreeks({ ...range, ...bad }, 2000)).toThrow(GimbalError)
  expect(() => poolGreeks(range, 0)).toThrow(GimbalError)
  expect(() => lossVersusRebalancing(range, 2000, -0.1)).toThrow(GimbalError)
  expect(() => expectedPoolValue(range, 2000, 0.5, -1)).toThrow(GimbalError)
})

const pool = 'polygon-0x45dda9cb7c25131df268515131f647d726f50608-2023-08-'
const days = ['13', '14', '15', '16'].map((day) => join(shared, 'data/onchain', `${pool}${day}.minute.csv.gz`))
const present = days.every(existsSync)

test(`a pool of ether on Polygon pays for a volatility of its market${present ? '' : ' (not checked: no such data here)'}`, () => {
  if (!present) return
  // Token 0 is a dollar coin of 6 decimals, token 1 ether of 18; ticks are of ether per dollar in atoms.
  let dollars = 0
  let weighted = 0
  let rows = 0
  for (const path of days)
    for (const line of gunzipSync(readFileSync(path)).toString().trim().split('\n').slice(1)) {
      const [, , , close, , , , in0, in1, liquidity] = line.split(',')
      const price = 1e12 / 1.0001 ** Number(close)
      const traded = Number(in0) / 1e6 + (Number(in1) / 1e18) * price
      dollars += traded
      weighted += Number(liquidity) / 1e12
      rows++
      expect(price).toBeGreaterThan(1500)
      expect(price).toBeLessThan(2000)
    }
  const trading = { fee: 0.0005, volumePerYear: (dollars * 365) / 4, poolLiquidity: weighted / rows }
  const sigma = feeImpliedVolatility(trading, 1840)
  // Options on ether were quoted at 25 to 45 %; pools pay about that, fees of those who know nothing included.
  expect(sigma).toBeGreaterThan(0.1)
  expect(sigma).toBeLessThan(0.6)
})
