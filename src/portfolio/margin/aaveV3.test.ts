/**
 * Goal: health factors and liquidations are Aave v3's. Method: reference vectors; the toxic bound by property; the loan by search.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { Position, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import {
  type AaveCollateral,
  aaveAverageThreshold,
  aaveCloseFactor,
  aaveHealthFactor,
  aaveLiquidate,
  aaveToxicBelow,
  aaveV3,
} from './aaveV3.ts'
import { liquidationPrices } from './liquidation.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t08_venue_margin.json')
const given = existsSync(VECTORS)
const near = (found: number, wanted: number) => expect(Math.abs(found / wanted - 1)).toBeLessThan(1e-12)

test.skipIf(!given)('reference vectors (skipped where the reference material is absent)', () => {
  // biome-ignore lint/suspicious/noExplicitAny: cases of many kinds, checked by what is expected of them
  const cases: any[] = JSON.parse(readFileSync(VECTORS, 'utf8')).cases
  let liquidations = 0
  for (const c of cases.filter(({ kind }) => kind === 'aave_v3_health_factor')) {
    const collaterals: AaveCollateral[] = c.collateral_amount_price_lt.map(([amount, price, lt]: number[]) => ({
      value: amount! * price!,
      liquidationThreshold: lt!,
    }))
    near(aaveHealthFactor(collaterals, c.debt_usd), c.health_factor)
    near(aaveAverageThreshold(collaterals), c.avg_lt)
    expect(aaveCloseFactor(c.health_factor)).toBe(c.close_factor_v3_0 ?? 0)
    if (!c.liquidatable) continue
    liquidations++
    const done = aaveLiquidate(collaterals, c.debt_usd, 0, c.bonus)
    near(done.repaid, c.repay_usd)
    near(done.seized, c.seized_usd)
    near(done.protocolFee, c.protocol_fee_usd)
    near(done.liquidatorProfit, c.liquidator_profit_usd)
    near(done.healthFactorAfter, c.health_factor_after)
    expect(done.toxic).toBe(c.toxic)
  }
  expect(liquidations).toBeGreaterThan(1)
  for (const c of cases.filter(({ kind }) => kind === 'toxic_liquidation_bound')) {
    near(aaveToxicBelow(c.LT, c.bonus), c.hf_at_which_liquidation_stops_improving)
  }
})

test('a liquidation mends a loan above the toxic bound and worsens it below', () => {
  const share = fc.double({ min: 0.5, max: 0.9, noNaN: true })
  fc.assert(
    fc.property(share, fc.double({ min: 0.01, max: 0.1, noNaN: true }), share, (threshold, bonus, health) => {
      const debt = 1_000
      const bound = aaveToxicBelow(threshold, bonus)
      fc.pre(Math.abs(health - bound) > 1e-6)
      const collaterals = [{ value: (health * debt) / threshold, liquidationThreshold: threshold }]
      const done = aaveLiquidate(collaterals, debt, 0, bonus)
      // Where everything is repaid nothing is left to be worse.
      if (done.repaid < debt) expect(done.toxic).toBe(health < bound)
    }),
  )
})

const account = (positions: Position[]): VenueAccount => ({ venue: 'aave', margin: 'aave-v3', balances: {}, positions })

test('a loan is liquidated at health factor one, which search finds at the price the formula gives', () => {
  const loan = account([
    { kind: 'supply', asset: 'ETH', amount: 10, rate: 0, loanToValue: 0.8, liquidationThreshold: 0.83 },
    { kind: 'debt', asset: 'USDC', amount: 15_000, rate: 0.05 },
  ])
  const report = aaveV3().assess(loan, new SnapshotView({ timeUs: 0, spot: { ETH: 3_000 } }))
  expect([report.equity, report.initial, report.maintenance].map((x) => Math.round(x))).toEqual([15_000, 6_000, 5_100])
  const found = liquidationPrices(aaveV3(), loan, 'ETH', new SnapshotView({ timeUs: 0, spot: { ETH: 3_000 } }))
  near(found.down, 15_000 / (10 * 0.83))
  expect(found.up).toBeNaN()
  const short = account([
    { kind: 'supply', asset: 'USDC', amount: 30_000, rate: 0, liquidationThreshold: 0.78 },
    { kind: 'debt', asset: 'ETH', amount: 5, rate: 0 },
  ])
  near(
    liquidationPrices(aaveV3(), short, 'ETH', new SnapshotView({ timeUs: 0, spot: { ETH: 3_000 } })).up,
    0.78 * 6_000,
  )
})

test('a supplier who owes nothing is asked nothing; unknown reserves and prices are not passed over', () => {
  const view = new SnapshotView({ timeUs: 0, spot: { ETH: 3_000, ABC: 1 } })
  const supplied = aaveV3({ ETH: { loanToValue: 0.8, liquidationThreshold: 0.83 } }).assess(
    account([{ kind: 'supply', asset: 'ETH', amount: 1, rate: 0 }]),
    view,
  )
  expect([supplied.initial, supplied.liquidatable]).toEqual([0, false])
  const unknown: Position = { kind: 'supply', asset: 'ABC', amount: 1, rate: 0 }
  expect(() => aaveV3().assess(account([unknown]), view)).toThrow(
    expect.objectContaining({ code: 'margin-unsupported' }),
  )
  const dark = aaveV3().assess(account([{ kind: 'debt', asset: 'WBTC', amount: 1, rate: 0 }]), view)
  expect([dark.liquidatable, dark.missing]).toEqual([true, ['spot WBTC']])
})
