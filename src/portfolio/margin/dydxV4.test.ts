/**
 * Goal: dYdX v4's requirements, liquidation prices and funding, to the quantum.
 * Method: reference vectors in whole numbers; rounding and engine against them by property.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SnapshotView } from '../marketView.ts'
import {
  type DydxMarket,
  dydxBankruptcyPrice,
  dydxClampFunding,
  dydxFillablePrice,
  dydxFundingIndexDelta,
  dydxFundingLimit,
  dydxHumanPrice,
  dydxNetCollateral,
  dydxNotional,
  dydxRequirement,
  dydxV4,
} from './dydxV4.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t08_venue_margin.json')
const given = existsSync(VECTORS)
// biome-ignore lint/suspicious/noExplicitAny: cases of many kinds, checked by what is expected of them
const cases: any[] = given ? JSON.parse(readFileSync(VECTORS, 'utf8')).cases : []
const kind = (name: string) => cases.filter((each) => each.kind === name)

describe.skipIf(!given)('reference vectors (skipped where the reference material is absent)', () => {
  test('requirements, net collateral and fillable price', () => {
    expect(kind('dydx_v4_margin').length).toBeGreaterThan(5)
    for (const c of kind('dydx_v4_margin')) {
      const market: DydxMarket = {
        atomicResolution: c.atomic_resolution,
        initialMarginPpm: BigInt(c.initial_margin_ppm),
        maintenanceFractionPpm: BigInt(c.maintenance_fraction_ppm),
        openInterestLower: BigInt(c.oi_lower),
        openInterestUpper: BigInt(c.oi_upper),
      }
      const base = BigInt(c.base_quantums)
      const notional = dydxNotional(base, BigInt(c.price_raw_exp_m6), -6, c.atomic_resolution)
      expect(notional).toBe(BigInt(c.net_notional_quote_quantums))
      const asked = dydxRequirement(notional, market, BigInt(c.oi_quote))
      expect(asked.initial).toBe(BigInt(c.IMR))
      expect(asked.maintenance).toBe(BigInt(c.MMR))
      const net = dydxNetCollateral(BigInt(c.quote_balance), [notional])
      expect(net).toBe(BigInt(c.TNC))
      expect(net < asked.maintenance).toBe(c.liquidatable)
      const price = dydxFillablePrice({
        baseQuantums: base,
        notional,
        maintenance: asked.maintenance,
        netCollateral: net,
        totalMaintenance: asked.maintenance,
        bankruptcyAdjustmentPpm: BigInt(c.bankruptcy_adjustment_ppm),
        spreadToMaintenancePpm: BigInt(c.spread_to_mmr_ppm),
      })
      const [top, bottom = '1'] = c.fillable_price_quote_per_base_quantum.split('/')
      expect(price).toEqual({ numerator: BigInt(top), denominator: BigInt(bottom) })
      expect(dydxHumanPrice(price, c.atomic_resolution)).toBe(c.fillable_price_human)
    }
  })

  test('funding index and its clamp', () => {
    expect(kind('dydx_v4_funding_index_delta').length).toBeGreaterThan(2)
    for (const c of kind('dydx_v4_funding_index_delta')) {
      const terms = [BigInt(c.funding_8h_ppm), BigInt(c.dt_s), BigInt(c.price_raw)] as const
      expect(dydxFundingIndexDelta(...terms, c.price_exponent, c.atomic_resolution)).toBe(BigInt(c.index_delta))
    }
    for (const c of kind('dydx_v4_funding_clamp')) {
      const limit = dydxFundingLimit(
        BigInt(c.initial_margin_ppm),
        BigInt(c.maintenance_fraction_ppm),
        BigInt(c.clamp_factor_ppm),
      )
      expect(limit).toBe(BigInt(c.max_abs_8h_ppm))
      expect(dydxClampFunding(limit + 1n, limit)).toBe(limit)
      expect(dydxClampFunding(-limit - 1n, limit)).toBe(-limit)
      expect(dydxClampFunding(7n, limit)).toBe(7n)
    }
  })
})

test('requirements round up, grow with open interest, and never pass the notional', () => {
  const market: DydxMarket = {
    atomicResolution: -9,
    initialMarginPpm: 50_000n,
    maintenanceFractionPpm: 600_000n,
    openInterestLower: 20_000_000n,
    openInterestUpper: 50_000_000n,
  }
  expect(dydxRequirement(1n, market, 0n)).toEqual({ initial: 1n, maintenance: 1n })
  expect(dydxRequirement(-1_000_000n, market, 35_000_000n)).toEqual({ initial: 525_000n, maintenance: 30_000n })
  fc.assert(
    fc.property(fc.bigInt(-(10n ** 15n), 10n ** 15n), fc.bigInt(0n, 6n * 10n ** 7n), (notional, interest) => {
      const { initial, maintenance } = dydxRequirement(notional, market, interest)
      const more = dydxRequirement(notional, market, interest + 1_000n).initial
      expect(maintenance >= 0n && maintenance <= initial && initial <= more).toBe(true)
      expect(more <= (notional < 0n ? -notional : notional)).toBe(true)
    }),
  )
})

test('the bankruptcy price takes exactly what is left, and an account without any is filled at its worst', () => {
  const terms = {
    baseQuantums: 10n,
    notional: 2_000n,
    maintenance: 100n,
    netCollateral: 60n,
    totalMaintenance: 200n,
    bankruptcyAdjustmentPpm: 1_000_000n,
    spreadToMaintenancePpm: 100_000n,
  }
  expect(dydxBankruptcyPrice(terms)).toEqual({ numerator: 197n, denominator: 1n })
  // 2000 − 0.7 × 0.1 × 100 = 1993 over 10; at the bottom 1990 over 10; a short pays more instead.
  expect(dydxFillablePrice(terms)).toEqual({ numerator: 1_993n, denominator: 10n })
  expect(dydxFillablePrice({ ...terms, netCollateral: -500n })).toEqual({ numerator: 199n, denominator: 1n })
  expect(dydxFillablePrice({ ...terms, netCollateral: 500n })).toEqual({ numerator: 200n, denominator: 1n })
  const short = { ...terms, baseQuantums: -10n, notional: -2_000n, netCollateral: -500n }
  expect(dydxFillablePrice(short)).toEqual({ numerator: 201n, denominator: 1n })
})

test('the engine asks what the quantums ask, in dollars', () => {
  const market = new SnapshotView({ timeUs: 0, spot: { BTC: 65_000, SOL: 140 } })
  const perp = { kind: 'perp', payoff: 'linear', settle: 'USDC' } as const
  const report = dydxV4().assess(
    {
      venue: 'dydx',
      margin: 'dydx-v4',
      balances: { USDC: 10_000 },
      positions: [
        { ...perp, asset: 'BTC', size: -2, entry: 64_000 },
        { ...perp, asset: 'SOL', size: 100, entry: 130, isolatedMargin: 1_000 },
      ],
    },
    market,
  )
  expect(report.pools.map(({ equity, initial, maintenance }) => [equity, initial, maintenance])).toEqual([
    [8_000, 2_600, 1_560],
    [2_000, 700, 420],
  ])
  const crowded = dydxV4({
    SOL: { initial: 0.05, maintenance: 0.03, openInterestLower: 40e6, openInterestUpper: 100e6, openInterest: 70e6 },
  })
  const asked = crowded.assess(
    { venue: 'dydx', balances: {}, positions: [{ ...perp, asset: 'SOL', size: 10, entry: 140 }] },
    market,
  )
  expect(asked.initial).toBeCloseTo(1_400 * 0.525, 9)
})
