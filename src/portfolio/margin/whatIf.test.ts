/** Goal: trades are booked as a venue would, and margin after them is that of the account they leave. Method: by hand and by property. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import type { FuturePosition, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import { accountValue } from '../valuation.ts'
import { marginEngine } from './registry.ts'
import { marginAfter, marginalMargins, withTrade } from './whatIf.ts'

const perp = (size: number, entry: number, more: Partial<FuturePosition> = {}): FuturePosition => ({
  kind: 'perp', asset: 'BTC', size, entry, payoff: 'linear', settle: 'USDC', ...more,
}) // biome-ignore format: a table row
const account = (positions: FuturePosition[]): VenueAccount => ({
  venue: 'hyperliquid', margin: 'hyperliquid', balances: { USDC: 10_000 }, positions,
}) // biome-ignore format: a table row
const market = new SnapshotView({ timeUs: 0, spot: { BTC: 60_000 } })

test('adding averages the entry, closing books profit, turning starts anew', () => {
  const held = account([perp(1, 50_000)])
  expect(withTrade(held, { position: perp(1, 60_000) }).positions).toEqual([perp(2, 55_000)])
  const closed = withTrade(held, { position: perp(-1, 60_000), cash: { USDC: -27 } })
  expect([closed.positions, closed.balances]).toEqual([[], { USDC: 19_973 }])
  const turned = withTrade(held, { position: perp(-3, 40_000) })
  expect([turned.positions, turned.balances]).toEqual([[perp(-2, 40_000)], { USDC: 0 }])
  const isolated = account([perp(1, 50_000, { isolatedMargin: 5_000 })])
  expect(withTrade(isolated, { position: perp(-1, 50_000, { isolatedMargin: 0 }) }).balances).toEqual({ USDC: 15_000 })
  expect(withTrade(held, { position: perp(1, 60_000, { isolatedMargin: 9 }) }).positions.length).toBe(2)
})

test('a trade at the mark leaves the worth of an account as it was, linear or inverse', () => {
  const size = fc.double({ min: -5, max: 5, noNaN: true }).filter((x) => Math.abs(x) > 1e-3)
  fc.assert(
    fc.property(fc.constantFrom('linear' as const, 'inverse' as const), size, size, (payoff, held, traded) => {
      const scale = payoff === 'linear' ? 1 : 60_000
      const more = { payoff, settle: payoff === 'linear' ? 'USDC' : 'BTC' }
      const before = account([perp(held * scale, 50_000, more)])
      const after = withTrade(before, { position: perp(traded * scale, 60_000, more) })
      expect(accountValue(after, market)).toBeCloseTo(accountValue(before, market), 5)
    }),
  )
})

test('backed by coins, the other side of a market is a position of its own: no dollars are booked as coins', () => {
  const long = perp(1, 50_000, { settle: 'BTC', isolatedMargin: 0.2 })
  const before = account([long])
  const short = perp(-1, 60_000, { settle: 'BTC', isolatedMargin: 0.1 })
  const after = withTrade(before, { position: short, cash: { USDC: -9 } })
  expect([after.positions, after.balances]).toEqual([[long, short], { USDC: 9_991 }])
  const added = withTrade(before, { position: perp(1, 60_000, { settle: 'BTC', isolatedMargin: 0.1 }) })
  expect(added.positions).toEqual([
    perp(2, 55_000, { settle: 'BTC', isolatedMargin: expect.closeTo(0.3, 12) as number }),
  ])
})

test('margin after a trade, and what each position adds', () => {
  const engine = marginEngine('hyperliquid')
  const held = account([perp(1, 60_000), perp(-0.5, 60_000, { asset: 'ETH' })])
  const view = new SnapshotView({ timeUs: 0, spot: { BTC: 60_000, ETH: 2_000 } })
  expect(marginAfter(engine, held, { position: perp(-1, 60_000) }, view).initial).toBe(1_000 / 25)
  expect(marginalMargins(engine, held, view).map(({ initial, maintenance }) => [initial, maintenance])).toEqual([
    [1_500, 750],
    [40, 20],
  ])
})
