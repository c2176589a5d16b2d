/** Goal: GMX v2's positions and their liquidation prices. Method: figures by hand; closed form against search and engine. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FuturePosition, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import { accountValue, positionValue } from '../valuation.ts'
import { GMX_TERMS, type GmxTerms, gmxImpact, gmxLiquidationPrice, gmxMinCollateral, gmxV2 } from './gmxV2.ts'
import { liquidationPrices } from './liquidation.ts'

const terms: GmxTerms = { ...GMX_TERMS['ETH']!, minCollateralUsd: 5, impactFactor: 1e-9, impactMax: 0.005 }
const engine = gmxV2({ ETH: terms })
const market = new SnapshotView({ timeUs: 0, spot: { ETH: 3_000 } })
const account = (size: number, isolatedMargin: number, settle = 'USDC'): VenueAccount => ({
  venue: 'gmx', margin: 'gmx-v2', balances: {}, positions: [
    { kind: 'perp', asset: 'ETH', size, entry: 3_000, payoff: 'linear', settle, isolatedMargin },
  ],
}) // biome-ignore format: a table row

test('what must remain is a share of size, at least a few dollars, plus fee and impact of closing', () => {
  expect(gmxMinCollateral(300, terms)).toEqual({ initial: 5, maintenance: 5 })
  const [pool] = engine.assess(account(10, 2_000), market).pools
  expect(pool!.equity).toBe(2_000)
  expect(pool!.maintenance).toBeCloseTo(150 + 18 + 0.9, 9)
  expect(gmxImpact(1e9, terms)).toBe(0.005 * 1e9)
})

test('the closed form is where the engine and the search liquidate, for either side and collateral', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(1 as const, -1 as const),
      fc.double({ min: 0.1, max: 1_000, noNaN: true }),
      fc.double({ min: 0.02, max: 0.9, noNaN: true }),
      fc.boolean(),
      (side, tokens, share, base) => {
        const dollars = Math.max(20, share * tokens * 3_000)
        const collateral = base ? dollars / 3_000 : dollars
        const held = account(side * tokens, collateral, base ? 'ETH' : 'USDC')
        const at = gmxLiquidationPrice(
          { side, tokens, entry: 3_000, collateral, collateralIsBase: base, owed: 0 },
          terms,
        )
        const found = liquidationPrices(engine, held, 'ETH', market)
        const one = side > 0 ? found.down : found.up
        if (Number.isNaN(at) || at < 31 || at > 299_000) expect(one).toBeNaN()
        else expect(Math.abs(one / at - 1)).toBeLessThan(1e-9)
      },
    ),
    { numRuns: 50 },
  )
})

test('cross margin and unlisted assets are refused, unknown prices liquidatable', () => {
  const refused = expect.objectContaining({ code: 'margin-unsupported' })
  const [position] = account(1, 1).positions as [FuturePosition]
  const { isolatedMargin: _, ...cross } = position
  expect(() => engine.assess({ ...account(1, 1), positions: [cross] }, market)).toThrow(refused)
  expect(() => engine.assess({ ...account(1, 1), positions: [{ ...position, asset: 'ABC' }] }, market)).toThrow(refused)
  const dark = engine.assess(account(1, 1_000), new SnapshotView({ timeUs: 0, spot: { BTC: 1 } }))
  expect([dark.liquidatable, dark.missing]).toEqual([true, ['perpetual gmx ETH']])
})

test('as listed, a dollar must remain and no impact counts: the venue caps it at nothing in liquidations', () => {
  expect(gmxMinCollateral(100, GMX_TERMS['BTC']!)).toEqual({ initial: 1, maintenance: 1 })
  expect(gmxImpact(1e9, { ...GMX_TERMS['BTC']!, impactFactor: 1e-9 })).toBe(0)
})

test('backed by coins, profit is dollars in margin and in worth alike', () => {
  const risen = new SnapshotView({ timeUs: 0, spot: { ETH: 3_300 } })
  for (const [size, settle] of [[10, 'ETH'], [-10, 'ETH'], [10, 'USDC']] as const) {
    const held = account(size, settle === 'ETH' ? 2 : 6_000, settle)
    expect(positionValue(held.positions[0]!, 'gmx', risen)).toBeCloseTo(300 * size, 9)
    expect(accountValue(held, risen)).toBeCloseTo(engine.assess(held, risen).equity, 9)
  }
}) // biome-ignore format: one position a row
