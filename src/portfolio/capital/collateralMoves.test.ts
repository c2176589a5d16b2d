/**
 * Goal: proposed transfers do what is wanted, in time, and nothing does it cheaper.
 *
 * Method: one account in need, several ways to it whose costs can be written down; and seeded routes against every subset of them.
 */

import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import type { Book, FuturePosition } from '../book.ts'
import { marginEngine } from '../margin/registry.ts'
import { ShiftedView, SnapshotView } from '../marketView.ts'
import { proposeMoves, type TransferRoute } from './collateralMoves.ts'
import { highsSolver } from './highsSolver.ts'

const HOUR_US = 3600e6
const market = new SnapshotView({ timeUs: 0, spot: { BTC: 100_000 } })
const short: FuturePosition = {
  kind: 'perp',
  asset: 'BTC',
  size: -1,
  entry: 100_000,
  payoff: 'linear',
  settle: 'USDC',
}
const book: Book = {
  accounts: [
    { venue: 'hyperliquid', margin: 'hyperliquid', balances: { USDC: 5_000 }, positions: [short] },
    { venue: 'dydx', margin: 'dydx-v4', balances: { USDC: 60_000 }, positions: [] },
    { venue: 'wallet', balances: { USDC: 9_000 }, positions: [] },
  ],
  inTransit: [],
}
const rise = { name: 'BTC +20 %', shift: { spot: { BTC: 1.2 } } }
// 20,000 of loss and 120,000 / 80 of maintenance, 5,000 are there.
const LACKING = 16_500
const wanted = { moves: [rise], marginRatio: 1, byUs: 24 * HOUR_US }
const route = (name: string, from: number, fixed: number, bridgeShare: number, hours: number): TransferRoute => ({
  name,
  from,
  to: 0,
  currency: 'USDC',
  withdrawalFee: fixed,
  gas: 0,
  bridgeShare,
  takesUs: hours * HOUR_US,
})
const solver = await highsSolver()

test('what is lacking is sent the cheapest way that arrives in time, fees on top', () => {
  const routes = [route('slow', 1, 1, 0, 48), route('bridge', 1, 2, 0.001, 1), route('flat', 1, 30, 0, 1)]
  const { feasible, moves, cost, accounts, weakest, doneUs } = proposeMoves(book, market, routes, wanted, solver)
  expect(feasible).toBe(true)
  expect(moves).toHaveLength(1)
  expect(moves[0]).toMatchObject({ route: 'bridge', from: 'dydx', to: 'hyperliquid', arrivesUs: HOUR_US })
  expect(moves[0]!.arriving).toBeCloseTo(LACKING, 2)
  expect(moves[0]!.units).toBeCloseTo((LACKING + 2) / 0.999, 2)
  expect(cost).toBeCloseTo(2 + (0.001 * (LACKING + 2)) / 0.999, 3)
  expect(doneUs).toBe(HOUR_US)
  expect(accounts[0]!.before).toBeCloseTo(-LACKING, 6)
  expect(accounts[0]!.after).toBeCloseTo(0, 2)
  expect(weakest!.venue).toBe('hyperliquid')
  // 5,000 above entry: 105,000 (1 + 1/80) = 105,000 + … gives the venue's own price.
  expect(Math.exp(weakest!.distanceBefore)).toBeCloseTo(105_000 / (1 + 1 / 80) / 100_000, 6)
  expect(Math.exp(weakest!.distanceAfter)).toBeCloseTo(1.2, 6)
})

test('with too little to send, the answer is what there is and says what is missing', () => {
  const { feasible, moves, missing } = proposeMoves(book, market, [route('wallet', 2, 1, 0, 1)], wanted, solver)
  expect(feasible).toBe(false)
  expect(moves[0]!.units).toBeCloseTo(9_000, 4)
  expect(missing).toEqual([{ venue: 'hyperliquid', dollars: expect.closeTo(LACKING - 8_999, 2) }])
})

test('a venue that asks a tenth of who withdraws lets no more go, though margin would', () => {
  const [needy] = book.accounts
  const long = { ...short, size: 1 }
  const lender = { venue: 'other', margin: 'hyperliquid', balances: { USDC: 25_000 }, positions: [long] }
  const pair = { accounts: [needy!, lender], inTransit: [] }
  const found = proposeMoves(pair, market, [route('flat', 1, 0, 0, 1)], wanted, solver)
  // 25,000 less a tenth of 100,000; a fortieth is its initial margin, and a rise takes nothing from who is long.
  expect(found.moves[0]!.units).toBeCloseTo(15_000, 4)
  expect(found.missing).toEqual([{ venue: 'hyperliquid', dollars: expect.closeTo(LACKING - 15_000, 2) }])
})

test('money already on its way is not sent again, if it comes in time', () => {
  const routes = [route('bridge', 1, 2, 0.001, 1)]
  const coming = (hours: number): Book => ({
    ...book,
    inTransit: [{ from: 'wallet', to: 'hyperliquid', currency: 'USDC', units: 20_000, arrivesUs: hours * HOUR_US }],
  })
  expect(proposeMoves(coming(2), market, routes, wanted, solver).moves).toEqual([])
  expect(proposeMoves(coming(48), market, routes, wanted, solver).moves).toHaveLength(1)
})

test('the source keeps what its own positions ask', () => {
  const both: Book = { ...book, accounts: [book.accounts[0]!, { ...book.accounts[1]!, positions: [short] }] }
  const { accounts, feasible } = proposeMoves(both, market, [route('bridge', 1, 2, 0.001, 1)], wanted, solver)
  expect(feasible).toBe(true)
  for (const { after } of accounts) expect(after).toBeGreaterThan(-0.01)
})

test('no subset of routes does it cheaper, 30 seeded sets of four', () => {
  for (let seed = 1; seed <= 30; seed++) {
    const random = new Random(seed)
    const routes = [0, 1, 2, 3].map(
      (i): TransferRoute => ({
        ...route(`r${i}`, 1 + (i % 2), 40 * random.uniform(), 0.004 * random.uniform(), 1),
        most: 4_000 + 14_000 * random.uniform(),
      }),
    )
    const { feasible, cost } = proposeMoves(book, market, routes, wanted, solver)
    // With a set of routes opened the cheapest shares are filled first: money is linear, and each account's is enough for any two but the wallet's.
    let best = Number.POSITIVE_INFINITY
    for (let set = 1; set < 16; set++) {
      const chosen = routes.filter((_, i) => set & (1 << i)).sort((a, b) => a.bridgeShare - b.bridgeShare)
      const left = [0, 60_000, 9_000]
      let need = LACKING
      let spent = 0
      for (const { withdrawalFee } of chosen) {
        need += withdrawalFee
        spent += withdrawalFee
      }
      for (const { from, most, bridgeShare } of chosen) {
        const sent = Math.min(most!, left[from]!, Math.max(0, need) / (1 - bridgeShare))
        left[from]! -= sent
        need -= sent * (1 - bridgeShare)
        spent += sent * bridgeShare
      }
      if (need <= 1e-9) best = Math.min(best, spent)
    }
    expect([seed, feasible]).toEqual([seed, Number.isFinite(best)])
    if (feasible) expect(Math.abs(cost / best - 1), `case ${seed}: ${cost} against ${best}`).toBeLessThan(1e-4)
  }
})

test('the engines agree that the move is survived', () => {
  const { moves } = proposeMoves(book, market, [route('bridge', 1, 2, 0.001, 1)], wanted, solver)
  const after = { ...book.accounts[0]!, balances: { USDC: 5_000 + moves[0]!.arriving + 0.01 } }
  const report = marginEngine('hyperliquid').assess(after, new ShiftedView(market, rise.shift))
  expect(report.liquidatable).toBe(false)
})

test('a route to nowhere, or with a fee that is no number, is refused by name', () => {
  for (const wrong of [{ to: 7 }, { gas: Number.NaN }, { bridgeShare: 1 }]) {
    const routes = [{ ...route('bridge', 1, 2, 0, 1), ...wrong }]
    expect(() => proposeMoves(book, market, routes, wanted, solver)).toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    )
  }
})
