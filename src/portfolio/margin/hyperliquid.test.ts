/**
 * Goal: margin, liquidation and funding of Hyperliquid are those of its documentation.
 * Method: reference vectors (exact rationals) where they are at hand; continuity, closed form and pools by property.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { FuturePosition, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import { accountValue } from '../valuation.ts'
import {
  HYPERLIQUID_TIERS,
  hyperliquid,
  hyperliquidFunding,
  hyperliquidInitial,
  hyperliquidLiquidation,
  hyperliquidLiquidationPrice,
  hyperliquidMaintenance,
  hyperliquidTier,
  type LeverageTier,
} from './hyperliquid.ts'
import { liquidationPrices } from './liquidation.ts'
import { freeCollateral } from './marginReport.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t08_venue_margin.json')
const given = existsSync(VECTORS)
// biome-ignore lint/suspicious/noExplicitAny: cases of many kinds, checked by what is expected of them
const cases: any[] = given ? JSON.parse(readFileSync(VECTORS, 'utf8')).cases : []
const kind = (name: string) => cases.filter((each) => each.kind === name)
const tiersOf = (rows: [number, number][]): LeverageTier[] =>
  rows.map(([lowerBound, maxLeverage]) => ({ lowerBound, maxLeverage }))

const perp = (asset: string, size: number, entry: number, more: Partial<FuturePosition> = {}): FuturePosition => ({
  kind: 'perp', asset, size, entry, payoff: 'linear', settle: 'USDC', ...more,
}) // biome-ignore format: a table row
const account = (positions: FuturePosition[], USDC: number): VenueAccount => ({
  venue: 'hyperliquid', margin: 'hyperliquid', balances: { USDC }, positions,
}) // biome-ignore format: a table row
const market = (prices: Record<string, number>) => new SnapshotView({ timeUs: 0, spot: prices })

describe.skipIf(!given)('reference vectors (skipped where the reference material is absent)', () => {
  test('maintenance margin, rate and deduction of every tier', () => {
    expect(kind('hyperliquid_maintenance_margin').length).toBeGreaterThan(5)
    for (const c of kind('hyperliquid_maintenance_margin')) {
      const tiers = tiersOf(c.tiers_lower_maxlev)
      expect(hyperliquidTier(tiers, c.notional).rate).toBeCloseTo(c.rate, 15)
      expect(Math.abs(hyperliquidTier(tiers, c.notional).deduction - c.deduction)).toBeLessThanOrEqual(1e-9)
      expect(Math.abs(hyperliquidMaintenance(tiers, c.notional) / c.maintenance_margin - 1)).toBeLessThan(1e-12)
    }
  })

  test('liquidation prices of isolated positions', () => {
    expect(kind('hyperliquid_liq_price_isolated').length).toBeGreaterThan(5)
    for (const c of kind('hyperliquid_liq_price_isolated')) {
      const tiers = [{ lowerBound: 0, maxLeverage: c.max_leverage }]
      const equity = c.margin_available + hyperliquidMaintenance(tiers, c.entry * c.size)
      const price = hyperliquidLiquidationPrice({ size: c.side * c.size, price: c.entry, equity, tiers })
      expect(Math.abs(price - c.liq_price)).toBeLessThanOrEqual(1e-12 * c.entry)
    }
  })

  test('funding', () => {
    expect(kind('hyperliquid_funding').length).toBeGreaterThan(2)
    for (const c of kind('hyperliquid_funding')) {
      const funding = hyperliquidFunding(c.oracle, c.impact_bid, c.impact_ask)
      expect(Math.abs(funding.premium / c.premium - 1)).toBeLessThan(1e-11)
      expect(Math.abs(funding.rate8h / c.funding_8h - 1)).toBeLessThan(1e-11)
      expect(Math.abs(funding.hourly / c.hourly - 1)).toBeLessThan(1e-11)
      expect(Math.abs((-c.oracle * funding.hourly) / c.payment_long_1unit - 1)).toBeLessThan(1e-11)
    }
  })
})

test('maintenance is continuous in size at every bound, and at most half of initial', () => {
  for (const [asset, tiers] of Object.entries(HYPERLIQUID_TIERS)) {
    for (const { lowerBound } of tiers) {
      const below = hyperliquidMaintenance(tiers, lowerBound * (1 - 1e-12))
      expect(Math.abs(hyperliquidMaintenance(tiers, lowerBound) - below), asset).toBeLessThanOrEqual(1e-3)
    }
  }
  fc.assert(
    fc.property(
      fc.constantFrom(...Object.values(HYPERLIQUID_TIERS)),
      fc.double({ min: 1e-9, max: 1e9, noNaN: true }),
      fc.option(fc.integer({ min: 1, max: 40 }), { nil: undefined }),
      (tiers, notional, leverage) => {
        const maintenance = hyperliquidMaintenance(tiers, notional)
        expect(maintenance).toBeGreaterThanOrEqual(0)
        expect(hyperliquidInitial(tiers, notional, leverage)).toBeGreaterThanOrEqual(2 * maintenance - 1e-12 * notional)
      },
    ),
  )
})

test('at the closed-form liquidation price equity equals maintenance, and the search finds the same', () => {
  const cushion = fc.double({ min: 0.03, max: 3, noNaN: true })
  fc.assert(
    fc.property(fc.constantFrom(1, -1), fc.double({ min: 10, max: 2e4, noNaN: true }), cushion, (side, size, share) => {
      // From half a million to a billion dollars: both tiers of BTC, and liquidations that cross from one to the other.
      const price = 50_000
      const held = account([perp('BTC', side * size, 48_000)], 0)
      const profit = side * size * (price - 48_000)
      const funded = { ...held, balances: { USDC: share * size * price - profit } }
      const tiers = HYPERLIQUID_TIERS['BTC']!
      const at = hyperliquidLiquidationPrice({ size: side * size, price, equity: share * size * price, tiers })
      const found = liquidationPrices(hyperliquid(), funded, 'BTC', market({ BTC: price }))
      if (!(at > 0.0101 * price)) {
        expect(found.down).toBeNaN()
        return
      }
      const there = hyperliquid().assess(funded, market({ BTC: at }))
      expect(Math.abs(there.equity - there.maintenance)).toBeLessThan(1e-9 * size * price)
      expect(Math.abs((side > 0 ? found.down : found.up) / at - 1)).toBeLessThan(1e-9)
      expect(side > 0 ? found.up : found.down).toBeNaN()
    }),
    { numRuns: 60 },
  )
})

test('an isolated position stands for itself: its pool breaks, the cross account does not', () => {
  const held = account([perp('ETH', 100, 2_000, { isolatedMargin: 20_000 }), perp('BTC', -1, 60_000)], 50_000)
  const view = market({ ETH: 2_000, BTC: 60_000 })
  const report = hyperliquid().assess(held, view)
  expect(report.pools.map(({ name, equity }) => [name, equity])).toEqual([
    ['USDC', 50_000],
    ['ETH perp at hyperliquid', 20_000],
  ])
  expect(report.equity).toBe(accountValue(held, view))
  expect(report.liquidatable).toBe(false)
  const found = liquidationPrices(hyperliquid(), held, 'ETH', view)
  expect(found.downPool).toBe('ETH perp at hyperliquid')
  expect(found.down).toBeCloseTo((2_000 - 200) / (1 - 0.02), 9)
  expect(found.up).toBeNaN()
  expect(freeCollateral(report.pools[0]!)).toBe(50_000 - 60_000 / 40)
})

test('what is not known is named, and is liquidatable', () => {
  const report = hyperliquid().assess(account([perp('ETH', 1, 2_000)], 1e9), market({ BTC: 60_000 }))
  expect(report.liquidatable).toBe(true)
  expect(report.missing).toEqual(['perpetual hyperliquid ETH'])
})

test('what the venue does not carry is refused by name', () => {
  const view = market({ BTC: 60_000, ABC: 1 })
  const refused = { code: 'margin-unsupported' }
  const assess = (positions: unknown[], USDC = 0) =>
    hyperliquid().assess(account(positions as FuturePosition[], USDC), view)
  expect(() => assess([perp('ABC', 1, 1)])).toThrow(expect.objectContaining(refused))
  expect(() => assess([perp('BTC', 1, 1, { settle: 'USDT' })])).toThrow(expect.objectContaining(refused))
  expect(() => assess([perp('BTC', 1, 1, { payoff: 'inverse' })])).toThrow(expect.objectContaining(refused))
  expect(() => assess([{ kind: 'supply', asset: 'BTC', amount: 1, rate: 0 }])).toThrow(expect.objectContaining(refused))
  expect(() => assess([perp('BTC', Number.NaN, 1)])).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  expect(() => hyperliquid().assess({ ...account([], 0), balances: { BTC: -1 } }, view)).toThrow(
    expect.objectContaining(refused),
  )
})

test('large positions are sold in parts, hopeless ones taken over', () => {
  expect(hyperliquidLiquidation(100, 100, 1e6)).toEqual({ kind: 'none' })
  expect(hyperliquidLiquidation(99, 100, 1e6)).toEqual({ kind: 'market', fraction: 0.2, coolDownSeconds: 30 })
  expect(hyperliquidLiquidation(99, 100, 1e5)).toEqual({ kind: 'market', fraction: 1, coolDownSeconds: 30 })
  expect(hyperliquidLiquidation(66, 100, 1e6)).toEqual({ kind: 'backstop' })
  expect(hyperliquidLiquidation(Number.NaN, 100, 1e6)).toEqual({ kind: 'backstop' })
})

test('funding is capped by the hour and pulled towards interest inside the clamp', () => {
  expect(hyperliquidFunding(100, 99.9, 100.1).rate8h).toBe(0.0001)
  expect(hyperliquidFunding(100, 199, 200).hourly).toBe(0.04)
  expect(hyperliquidFunding(100, 40, 41).hourly).toBe(-0.04)
})
