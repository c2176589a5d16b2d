/**
 * Goal: an index from listed strikes is the swap of the smile behind them, but for what it says is missing.
 *
 * Method: chains listed off a surface whose fair variance is known; the VIX's own sum by hand;
 * real chains of Deribit against the same swap off the surface that is fitted to their quotes.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { GimbalError } from '../core/errors.ts'
import { black76Price } from './black76.ts'
import { fitSurface } from './fitSurface.ts'
import { ForwardCurve } from './forwardCurve.ts'
import { forwardCurveOf, type OptionQuotes } from './optionQuotes.ts'
import { ssviRaw } from './ssvi.ts'
import { SviSurface } from './sviSurface.ts'
import { fittedVolatilityIndex, varianceSwapVolatility } from './varianceSwap.ts'
import { listedVariance, listedVolatilityIndex } from './volatilityIndex.ts'

const DAY_US = 86_400e6
const near = 24 * DAY_US
const next = 52 * DAY_US
const curve = new ForwardCurve(0, [
  { expiryUs: near, forward: 90_100, source: 'venue' },
  { expiryUs: next, forward: 90_700, source: 'venue' },
])
const surface = new SviSurface('BTC', curve, [
  { expiryUs: near, svi: ssviRaw({ theta: 0.02, rho: -0.2, phi: 3 }) },
  { expiryUs: next, svi: ssviRaw({ theta: 0.05, rho: -0.2, phi: 2 }) },
])

function listed(step: number, low: number, high: number, marks: 'volatility' | 'price' = 'volatility'): OptionQuotes {
  const rows: { right: 1 | -1; strike: number; expiryUs: number; volatility: number; mark: number }[] = []
  for (const expiryUs of [near, next])
    for (let strike = low; strike <= high; strike += step)
      for (const right of [1, -1] as const) {
        const volatility = surface.volatility(expiryUs, strike)
        const forward = surface.forward(expiryUs)
        const years = expiryUs / (365 * DAY_US)
        const mark = black76Price({ right, forward, strike, years, volatility }) / forward
        rows.push({ right, strike, expiryUs, volatility, mark })
      }
  const column = (of: (row: (typeof rows)[number]) => number) => Float64Array.from(rows, of)
  return {
    asset: 'BTC',
    timeUs: 0,
    settlement: 'coin',
    right: Int8Array.from(rows, ({ right }) => right),
    strike: column(({ strike }) => strike),
    expiryUs: column(({ expiryUs }) => expiryUs),
    bid: column(() => Number.NaN),
    ask: column(() => Number.NaN),
    ...(marks === 'volatility'
      ? { markVolatility: column(({ volatility }) => volatility) }
      : { mark: column(({ mark }) => mark) }),
  }
}

test('with strikes close and far enough it is the swap of the surface', () => {
  const index = listedVolatilityIndex(listed(250, 10_000, 400_000), curve)
  expect(Math.sqrt(index.near.variance)).toBeCloseTo(varianceSwapVolatility(surface, near), 4)
  expect(Math.sqrt(index.next.variance)).toBeCloseTo(varianceSwapVolatility(surface, next), 4)
  expect(Math.abs(index.truncated)).toBeLessThan(1e-6)
  expect(index.near.expiryUs).toBe(near)
  expect(index.next.expiryUs).toBe(next)
  // Between expiries this mixes swaps and the surface smiles: not the same, and no further apart than a tenth of a point.
  expect(index.volatility).toBeCloseTo(fittedVolatilityIndex(surface), 2)
  const onExpiry = listedVolatilityIndex(listed(250, 10_000, 400_000), curve, 24)
  expect(onExpiry.volatility).toBe(Math.sqrt(onExpiry.near.variance))
})

test('marks in coins say the same as volatilities', () => {
  const byVolatility = listedVolatilityIndex(listed(1000, 40_000, 200_000), curve)
  const byPrice = listedVolatilityIndex(listed(1000, 40_000, 200_000, 'price'), curve)
  expect(byPrice.volatility).toBeCloseTo(byVolatility.volatility, 12)
})

test('of what strikes at the ends leave out more than half is told, and never too much', () => {
  const whole = listedVolatilityIndex(listed(500, 10_000, 400_000), curve)
  const cut = listedVolatilityIndex(listed(500, 72_000, 115_000), curve)
  const missing = whole.volatility - cut.volatility
  expect(missing).toBeGreaterThan(0.01)
  // Flat wings are lower than these smiles', so that it is told too little, never too much.
  expect(cut.truncated).toBeLessThan(missing)
  expect(cut.truncated).toBeGreaterThan(0.6 * missing)
})

test('the sum is the one of the VIX', () => {
  // Five strikes by hand: weights of half the distance of the neighbours, of a whole spacing at the ends.
  const strip = {
    strike: [80, 90, 100, 110, 125],
    call: [22, 13, 6, 2, 0.5],
    put: [0.5, 2, 5, 11, 25],
    forward: 101,
    years: 0.1,
  }
  const sum =
    (10 * 0.5) / 80 ** 2 + (10 * 2) / 90 ** 2 + (10 * 5.5) / 100 ** 2 + (12.5 * 2) / 110 ** 2 + (15 * 0.5) / 125 ** 2
  const { variance, strikes, lowest, highest } = listedVariance(strip)
  expect(variance).toBeCloseTo((2 * sum - 0.01 ** 2) / 0.1, 12)
  expect([strikes, lowest, highest]).toEqual([5, 80, 125])
})

test('a chain that cannot tell is refused by name', () => {
  const quotes = listed(1000, 40_000, 200_000)
  expect(() => listedVolatilityIndex(quotes, curve, 10)).toThrow(/both sides/)
  expect(() => listedVolatilityIndex(quotes, curve, 90)).toThrow(/both sides/)
  expect(() => listedVolatilityIndex(listed(1000, 89_000, 200_000), curve)).toThrow(/Too few strikes/)
  const { markVolatility: _, ...bare } = quotes
  expect(() => listedVolatilityIndex(bare, curve)).toThrow(GimbalError)
  expect(() => listedVariance({ strike: [2, 1], call: [1, 1], put: [1, 1], forward: 1, years: 1 })).toThrow(/ascend/)
})

const folder = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data/options/deribit')
const present = existsSync(folder)

/** Quotes and marks of one coin in a snapshot of Deribit's chain. */
function snapshot(path: string, coin: string): OptionQuotes {
  const [header, ...lines] = gunzipSync(readFileSync(path)).toString().trim().split('\n')
  const names = header!.split(',')
  const rows = lines
    .map((line) => Object.fromEntries(line.split(',').map((cell, i) => [names[i]!, cell])))
    .filter((row) => row['currency'] === coin)
  const column = (of: (row: Record<string, string>) => number) => Float64Array.from(rows, of)
  return {
    asset: coin,
    timeUs: Date.parse(rows[0]!['timestamp']!) * 1000,
    settlement: 'coin',
    right: Int8Array.from(rows, (row) => (row['option_type'] === 'call' ? 1 : -1)),
    strike: column((row) => Number(row['strike'])),
    expiryUs: column((row) => Date.parse(row['expiry_datetime']!) * 1000),
    bid: column((row) => Number(row['bid_price'])),
    ask: column((row) => Number(row['ask_price'])),
    forward: column((row) => Number(row['underlying'])),
    markVolatility: column((row) => Number(row['implied_volatility'])),
  }
}

test(`marks of Deribit give the index of a surface fitted to its quotes, less what is not listed${present ? '' : ' (not checked: no such data here)'}`, () => {
  if (!present) return
  const files = readdirSync(folder).sort()
  for (const i of [0, 60, 120])
    for (const coin of ['BTC', 'ETH']) {
      const quotes = snapshot(join(folder, files[i]!), coin)
      const { volatility, truncated, near: before } = listedVolatilityIndex(quotes, forwardCurveOf(quotes))
      const fitted = fittedVolatilityIndex(fitSurface(quotes).surface)
      // Over sixty chains the listed figure was 1.6 % below the fitted one in the middle, 7.4 % at most where fewer than
      // twenty strikes are listed: there flat wings say too little of what is missing.
      expect(volatility / fitted).toBeLessThan(1.01)
      expect((volatility + truncated) / fitted).toBeGreaterThan(before.strikes < 30 ? 0.93 : 0.97)
      expect(truncated).toBeGreaterThanOrEqual(0)
      expect(truncated).toBeLessThan(0.015)
    }
})
