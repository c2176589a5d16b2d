/**
 * Goal: what the collateral view calls free, counted and at risk is what venues would let go, count and take.
 *
 * Method: accounts whose margins can be reckoned by hand from the venues' published rates.
 */

import { expect, test } from 'vitest'
import type { Book, FuturePosition } from './book.ts'
import { collateralView } from './collateral.ts'
import { SnapshotView } from './marketView.ts'

const market = new SnapshotView({ timeUs: 0, spot: { BTC: 100_000 }, volatility: { BTC: 0.5 } })
const perp = (size: number): FuturePosition => ({
  kind: 'perp',
  asset: 'BTC',
  size,
  entry: 100_000,
  payoff: 'linear',
  settle: 'USDC',
})
const fall = { name: 'BTC −20 %', shift: { spot: { BTC: 0.8 } } }
const book: Book = {
  accounts: [
    { venue: 'hyperliquid', margin: 'hyperliquid', balances: { USDC: 25_000 }, positions: [perp(1)] },
    { venue: 'derive', margin: 'derive-standard', balances: { USDC: 1_000, BTC: 1 }, positions: [] },
    { venue: 'wallet', balances: { BTC: 2 }, positions: [] },
  ],
  inTransit: [{ from: 'wallet', to: 'derive', currency: 'BTC', units: 0.5, arrivesUs: 60e6 }],
}

test('free is what lies above initial margin, idle what may go and the move is still survived', () => {
  const [account] = collateralView(book, market, [fall]).accounts
  const [dollars] = account!.currencies
  // A fortieth of 100,000 is asked, a tenth of who withdraws; after the fall 80,000 / 80 of maintenance and the loss of 20,000.
  expect(account!.initial).toBe(2_500)
  expect(account!.free).toBe(22_500)
  expect(dollars!.free).toBeCloseTo(15_000, 6)
  expect(dollars!.inUse).toBeCloseTo(10_000, 6)
  expect(dollars!.idle).toBeCloseTo(25_000 - 20_000 - 1_000, 6)
  expect(dollars!.counted.initial).toBeCloseTo(1, 6)
})

test('a coin counts with its haircut, and an account without rules lets everything go', () => {
  const { accounts } = collateralView(book, market)
  const coin = accounts[1]!.currencies.find(({ currency }) => currency === 'BTC')!
  // Derive's standard terms for BTC: 0.75 of its worth, of that 0.9333… towards initial margin.
  expect(coin.counted.maintenance).toBeCloseTo(0.75, 6)
  expect(coin.counted.initial).toBeLessThan(0.75)
  expect(coin.free).toBe(1)
  expect(accounts[2]!.currencies[0]).toMatchObject({ units: 2, free: 2, idle: 2, inUse: 0 })
})

test('what a move would lose to liquidation is maintenance margin, or what equity is left', () => {
  const at = (units: number) =>
    collateralView({ accounts: [{ ...book.accounts[0]!, balances: { USDC: units } }], inTransit: [] }, market, [fall])
      .accounts[0]!.atRisk[0]!
  expect(at(25_000)).toEqual({ move: 'BTC −20 %', liquidated: [], lost: 0, equity: 5_000 })
  expect(at(20_400)).toMatchObject({ liquidated: ['USDC'], lost: 400, equity: 400 })
  expect(at(15_000)).toMatchObject({ liquidated: ['USDC'], lost: 0, equity: -5_000 })
})

test('money on its way is counted once, backs nothing, and must be going somewhere', () => {
  const { totals, accounts } = collateralView(book, market)
  expect(totals.find(({ currency }) => currency === 'BTC')).toMatchObject({
    units: 3,
    inTransit: 0.5,
    dollars: 350_000,
  })
  expect(accounts[1]!.arriving).toEqual(book.inTransit)
  expect(accounts[1]!.equity).toBeCloseTo(101_000, 6)
  for (const end of ['from', 'to'] as const) {
    const lost = { ...book, inTransit: [{ ...book.inTransit[0]!, [end]: 'nowhere' }] }
    const facts = expect.objectContaining({ account: 'nowhere', currency: 'BTC' })
    expect(() => collateralView(lost, market)).toThrow(expect.objectContaining({ code: 'argument-invalid', facts }))
  }
})
