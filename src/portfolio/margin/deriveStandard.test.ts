/** Goal: Derive's standard margin. Method: figures by hand from its documentation; spreads, coins, peg; bounds by property. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { CALL, PUT } from '../../pricing/right.ts'
import type { OptionPosition, Position, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import {
  DERIVE_STANDARD_TERMS,
  deriveExpiryMargin,
  deriveGreatestLoss,
  deriveIsolatedOption,
  deriveStandard,
} from './deriveStandard.ts'
import { liquidationPrices } from './liquidation.ts'

const BTC = DERIVE_STANDARD_TERMS['BTC']!
const DAY_US = 86_400e6
const market = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000, ETH: 3_000 }, volatility: { BTC: 0.55, ETH: 0.7 } })
const option = (right: 1 | -1, strike: number, size: number, days = 30): OptionPosition => ({
  kind: 'option', asset: 'BTC', size, right, strike, expiryUs: days * DAY_US, settle: 'USDC',
}) // biome-ignore format: a table row
const account = (positions: Position[], balances: Record<string, number> = {}): VenueAccount => ({
  venue: 'derive', margin: 'derive-standard', balances, positions,
}) // biome-ignore format: a table row
const engine = deriveStandard()

test('sold options by themselves', () => {
  const call = deriveIsolatedOption(CALL, 90_000, -2, 90_000, 5_000, BTC)
  expect([call.initial, call.maintenance]).toEqual([2 * (13_500 + 5_000), 2 * (8_100 + 5_000)])
  // 10 % out of the money leaves 5 %, below the least of 13 %.
  expect(deriveIsolatedOption(CALL, 99_000, -1, 90_000, 2_000, BTC).initial).toBe(0.13 * 90_000 + 2_000)
  // A put so deep that a share of its mark is more than a share of spot.
  const put = deriveIsolatedOption(PUT, 200_000, -1, 90_000, 110_000, BTC)
  expect(put.maintenance).toBeCloseTo(1.09 * 110_000, 9)
  expect(put.initial).toBeCloseTo(1.05 * 1.09 * 110_000, 9)
  expect(deriveIsolatedOption(PUT, 80_000, 3, 90_000, 1_000, BTC)).toEqual({ initial: 0, maintenance: 0 })
})

test('a spread is asked its greatest loss, a naked call its own margin', () => {
  const spread = [
    { right: 1, strike: 90_000, size: -1, mark: 5_000 },
    { right: 1, strike: 95_000, size: 1, mark: 3_000 },
  ]
  expect(deriveGreatestLoss(spread)).toBe(5_000)
  expect(deriveExpiryMargin(spread, 90_000, 90_000, BTC)).toEqual({ initial: 5_000, maintenance: 5_000 })
  const naked = deriveExpiryMargin([spread[0]!], 90_000, 90_000, BTC)
  expect(naked.initial).toBe(18_500)
  // Covered from above alone: two sold against one bought leaves one whose loss has no bound.
  const ratio = deriveExpiryMargin([{ ...spread[0]!, size: -2 }, spread[1]!], 90_000, 90_000, BTC)
  expect(ratio.initial).toBe(Math.min(37_000, 10_000 + 1.2 * 90_000 - 0))
  const put = deriveExpiryMargin([{ right: -1, strike: 10_000, size: -1, mark: 1 }], 90_000, 90_000, BTC)
  expect(put.maintenance).toBe(Math.min(8_101, 10_000))
})

test('coins back at a discount, cash may be borrowed, perpetuals are asked a share', () => {
  const perp: Position = { kind: 'perp', asset: 'BTC', size: -1, entry: 91_000, payoff: 'linear', settle: 'USDC' }
  const report = engine.assess(account([perp], { BTC: 1, USDC: -10_000 }), market)
  expect(report.equity).toBe(90_000 - 10_000 + 1_000)
  expect(report.maintenance).toBeCloseTo(90_000 * 0.25 + 0.065 * 90_000, 8)
  expect(report.initial).toBeCloseTo(90_000 * (1 - 0.75 * 0.93) + 0.1 * 90_000, 8)
  // Below its threshold the stable coin costs initial margin, and maintenance nothing.
  const depegged = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000, USDC: 0.94 } })
  const pool = engine.assess(account([perp], { BTC: 1, USDC: -10_000 }), depegged).pools[0]!
  expect(pool.initial - report.initial).toBeCloseTo(2 * (0.99 - 0.94) * 90_000, 6)
  expect(pool.maintenance).toBeCloseTo(report.maintenance, 8)
})

test('maintenance never above initial, margin never negative, offsets never cost', () => {
  const anyOption = fc.record({
    right: fc.constantFrom(CALL, PUT),
    strike: fc.double({ min: 30_000, max: 250_000, noNaN: true }),
    size: fc.double({ min: -20, max: 20, noNaN: true }),
    days: fc.constantFrom(7, 30),
  })
  fc.assert(
    fc.property(fc.array(anyOption, { maxLength: 8 }), (rows) => {
      const positions = rows.map((o) => option(o.right, o.strike, o.size, o.days))
      const report = engine.assess(account(positions), market)
      expect(report.maintenance).toBeGreaterThanOrEqual(0)
      expect(report.initial).toBeGreaterThanOrEqual(report.maintenance - 1e-9)
      const apart = positions.reduce((sum, position) => sum + engine.assess(account([position]), market).initial, 0)
      expect(report.initial).toBeLessThanOrEqual(apart + 1e-6)
    }),
  )
})

test('the search finds where equity meets maintenance; unknowns are named, strangers refused', () => {
  const held = account([option(CALL, 95_000, -2)], { USDC: 60_000, BTC: 0.5 })
  const found = liquidationPrices(engine, held, 'BTC', market)
  const there = engine.assess(held, new SnapshotView({ timeUs: 0, spot: { BTC: found.up }, volatility: { BTC: 0.55 } }))
  expect(Math.abs(there.equity / there.maintenance - 1)).toBeLessThan(1e-9)
  const dark = engine.assess(
    account([option(CALL, 95_000, -1)], { USDC: 1e9 }),
    new SnapshotView({ timeUs: 0, spot: { BTC: 1 } }),
  )
  expect([dark.liquidatable, dark.missing]).toEqual([true, ['volatility BTC 1970-01-31 95000']])
  const refused = expect.objectContaining({ code: 'margin-unsupported' })
  expect(() => engine.assess(account([{ ...option(CALL, 1, 1), settle: 'BTC' }]), market)).toThrow(refused)
  expect(() => engine.assess(account([{ ...option(CALL, 1, 1), asset: 'ABC' }]), market)).toThrow(refused)
  expect(() => engine.assess(account([], { BTC: -1 }), market)).toThrow(refused)
})

test('expiries a second apart offset nothing', () => {
  const market = new SnapshotView({ timeUs: 0, spot: { BTC: 60_000 }, volatility: { BTC: 0.6 } })
  const call = (size: number, expiryUs: number) =>
    ({ kind: 'option', asset: 'BTC', size, right: 1, strike: 60_000, expiryUs, settle: 'USDC' }) as const
  const asked = (bought: number) => {
    const positions = [call(-1, 86_400e6), call(1, bought)]
    return deriveStandard().assess({ venue: 'derive', balances: {}, positions }, market).initial
  }
  expect(asked(86_400e6)).toBe(0)
  expect(asked(86_401e6)).toBeGreaterThan(0.13 * 60_000)
})
