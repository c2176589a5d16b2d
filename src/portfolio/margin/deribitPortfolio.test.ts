/**
 * Goal: scenario margins as Deribit and Paradex document them.
 * Method: reference vectors for the weighted scan; Deribit's own example of a risk vector; what such a margin must be by property.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CALL, PUT } from '../../pricing/right.ts'
import type { FuturePosition, OptionPosition, Position, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import {
  DERIBIT_PORTFOLIO_TERMS,
  dampened,
  deltaShock,
  deribitPortfolio,
  extendedProfit,
  PARADEX_SCENARIOS,
  rollShock,
  weightedScan,
} from './deribitPortfolio.ts'
import { liquidationPrices } from './liquidation.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t08_venue_margin.json')
const given = existsSync(VECTORS)

test.skipIf(!given)('the published scan as in the reference vectors (skipped where they are absent)', () => {
  // biome-ignore lint/suspicious/noExplicitAny: cases of many kinds, checked by what is expected of them
  const cases: any[] = JSON.parse(readFileSync(VECTORS, 'utf8')).cases
  const scans = cases.filter(({ kind }) => kind === 'span_scan_paradex_24')
  expect(scans.length).toBeGreaterThan(2)
  for (const c of scans) {
    expect(PARADEX_SCENARIOS.map(({ price, volatility, weight }) => [price, volatility, weight])).toEqual(
      c.scenarios_dS_dIV_weight,
    )
    const expiries = c.legs.map((leg: Record<string, number>) => ({
      days: leg['dte'],
      forward: c.spot,
      options: [{ amount: leg['qty'], strike: leg['K'], right: leg['call'] ? 1 : -1, volatility: leg['iv'] }],
    }))
    const found = weightedScan(expiries, c.perp_qty, c.spot)
    expect(found.worst).toBe(c.worst_index)
    expect(Math.abs(found.risk / c.scan_risk - 1)).toBeLessThan(1e-12)
    for (const [i, profit] of c.weighted_pnl.entries()) {
      expect(Math.abs(found.profits[i]! - profit)).toBeLessThan(1e-12 * c.spot * 10)
    }
  }
})

test("the extended table carries a coin profit to the edge of the range, as in the venue's example of a sold perpetual", () => {
  // an answer of private/pme/simulate, February 2026: pre-aggregated vector of a short perpetual, ETH, range 18 %.
  const terms = DERIBIT_PORTFOLIO_TERMS['ETH']!
  const coins = 0.21939959699999997 / (1 / 0.82 - 1)
  for (const move of terms.extendedMoves) {
    const profit = coins * (1 / (1 + move) - 1)
    expect(extendedProfit(profit, move, terms, true)).toBeCloseTo(move < 0 ? 0.219399597 : -0.1524641267, 8)
  }
})

test('dampener, delta and roll shocks', () => {
  const terms = DERIBIT_PORTFOLIO_TERMS['BTC']!
  expect(dampened(-1e6, 0.32, terms, 1)).toBe(-900_000)
  expect(dampened(-50_000, 0.32, terms, 1)).toBe(0)
  expect(dampened(-1e6, 0.16, terms, 1)).toBe(-1e6)
  expect(deltaShock(-200, 100_000, terms)).toBe(0)
  expect(deltaShock(300, 100_000, terms)).toBeCloseTo(300 * 100 * 0.000_05, 12)
  expect(deltaShock(1e6, 100_000, terms)).toBeCloseTo(1e5, 9)
  expect(rollShock(-10, 0, terms)).toBeCloseTo(0.1, 12)
  expect(rollShock(10, 1, terms)).toBeCloseTo(10 * Math.expm1(0.075), 12)
})

const DAY_US = 86_400e6
const market = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000 }, volatility: { BTC: 0.55 } })
const option = (right: 1 | -1, strike: number, size: number, days: number, settle: string): OptionPosition => ({
  kind: 'option', asset: 'BTC', size, right, strike, expiryUs: days * DAY_US, settle,
}) // biome-ignore format: a table row
const perp = (dollars: number): FuturePosition => ({
  kind: 'perp', asset: 'BTC', size: dollars, entry: 90_000, payoff: 'inverse', settle: 'BTC',
}) // biome-ignore format: a table row
const account = (positions: Position[], balances: Record<string, number> = {}): VenueAccount => ({
  venue: 'deribit', margin: 'deribit-portfolio', balances, positions,
}) // biome-ignore format: a table row
const engine = deribitPortfolio()
const anyOption = fc.record({
  right: fc.constantFrom(CALL, PUT),
  strike: fc.double({ min: 30_000, max: 250_000, noNaN: true }),
  size: fc.double({ min: -50, max: 50, noNaN: true }),
  days: fc.integer({ min: 0, max: 300 }),
  settle: fc.constantFrom('BTC', 'USDC'),
})

test('margin is never negative, maintenance is four fifths of it, and a pair asks no more than its legs', () => {
  fc.assert(
    fc.property(
      fc.array(anyOption, { maxLength: 8 }),
      fc.double({ min: -5e6, max: 5e6, noNaN: true }),
      (rows, size) => {
        const options = rows.map((o) => option(o.right, o.strike, o.size, o.days, o.settle))
        const whole = engine.assess(account([...options, perp(size)]), market)
        const [one, other] = [engine.assess(account(options), market), engine.assess(account([perp(size)]), market)]
        expect(whole.initial).toBeGreaterThanOrEqual(0)
        expect(whole.maintenance).toBeCloseTo(0.8 * whole.initial, 4)
        expect(whole.initial).toBeLessThanOrEqual(one.initial + other.initial + 1e-4)
      },
    ),
  )
})

test('a perpetual alone is asked the edge of the range and the roll', () => {
  const [pool] = engine.assess(account([perp(-90_000)], { BTC: 1 }), market).pools
  expect(pool!.initial).toBeCloseTo(0.16 / 1.16 + 0.01, 12)
  expect(pool!.lines[0]!.what).toBe('worst scenario BTC: price +16 %, volatility same')
})

test('equity counts bought options, and meets maintenance where the search says', () => {
  const held = account([option(CALL, 100_000, 5, 60, 'BTC'), option(CALL, 120_000, -12, 60, 'BTC'), perp(90_000)], {
    BTC: 1.5,
  })
  const found = liquidationPrices(engine, held, 'BTC', market)
  const at = (price: number) =>
    engine.assess(held, new SnapshotView({ timeUs: 0, spot: { BTC: price }, volatility: { BTC: 0.55 } })).pools[0]!
  expect(found.up).toBeGreaterThan(90_000)
  expect(Math.abs(at(found.up).equity / at(found.up).maintenance - 1)).toBeLessThan(1e-9)
  const long = engine.assess(account([option(CALL, 90_000, 1, 60, 'USDC')]), market)
  expect(long.equity).toBeGreaterThan(long.initial)
})

test('a future hedged by options of its own expiry slips nowhere, at any basis', () => {
  const expiryUs = 60 * DAY_US
  const steep = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000 }, volatility: { BTC: 0.55 }, basis: { BTC: 0.4 } })
  for (const settle of ['USDC', 'BTC']) {
    const linear = settle === 'USDC'
    const forward = steep.forward('BTC', expiryUs)
    // A bought call and a sold put at one strike are a forward struck there; sold against it, the future at its mark.
    const future: FuturePosition = {
      kind: 'future', asset: 'BTC', size: linear ? -1 : -forward, entry: forward, payoff: linear ? 'linear' : 'inverse', settle, expiryUs,
    } // biome-ignore format: one contract
    const legs = [option(CALL, forward, 1, 60, settle), option(PUT, forward, -1, 60, settle), future]
    const [scan] = engine.assess(account(legs, { [settle]: 1e3 }), steep).pools[0]!.lines
    expect(scan!.initial).toBeLessThan(linear ? 1e-6 : 1e-11)
  }
})

test('unknown volatility is named and liquidatable', () => {
  const dark = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000 } })
  const report = engine.assess(account([option(CALL, 90_000, -1, 30, 'BTC')], { BTC: 1e6 }), dark)
  expect([report.liquidatable, report.missing]).toEqual([true, ['volatility BTC 1970-01-31 90000']])
})
