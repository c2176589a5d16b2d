/**
 * Goal: the optimiser's placement is the cheapest there is, and what it says about it is so.
 *
 * Method: small seeded markets (up to four contracts on up to three venues, few lots each) where every combination of lots can be walked:
 * for each, costs are added up by hand and collateral is what the venues' engines ask, today and after every move. Forty cases, two
 * hundred with FULL=1. Then answers whose numbers can be written down.
 */

import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import type { FuturePosition, OptionPosition, VenueAccount } from '../book.ts'
import { marginEngine } from '../margin/registry.ts'
import { withTrade } from '../margin/whatIf.ts'
import { ShiftedView, SnapshotView } from '../marketView.ts'
import { positionGreeks } from '../positionGreeks.ts'
import { futureMark, optionDollars } from '../valuation.ts'
import { type Candidate, type CapitalRequest, candidateFromView, sigmaMoves } from './capitalRequest.ts'
import { highsSolver } from './highsSolver.ts'
import { type CapitalAnswer, optimiseCapital } from './optimise.ts'

const CASES = process.env['FULL'] ? 200 : 40
const DAY_US = 86_400e6
const solver = await highsSolver()

const perp = (size = 0, entry = 90_000): FuturePosition => ({
  kind: 'perp',
  asset: 'BTC',
  size,
  entry,
  payoff: 'linear',
  settle: 'USDC',
})
const option = (right: 1 | -1, strike: number, days = 20): OptionPosition => ({
  kind: 'option',
  asset: 'BTC',
  size: 0,
  right,
  strike,
  expiryUs: days * DAY_US,
  settle: 'USDC',
})

/** Least objective over every combination of lots, with its sizes; Infinity if none meets the rules. */
function bruteForce(request: CapitalRequest): { objective: number; sizes: number[] } {
  const { book, market, candidates, limits, moves, cash, capitalCharge, horizonDays, accountsMost, collateral } =
    request
  const price = ({ account, contract }: Candidate) =>
    contract.kind === 'option'
      ? optionDollars(contract, market)
      : futureMark(contract, book.accounts[account]!.venue, market)
  const prices = candidates.map(price)
  const unit = candidates.map(({ account, contract }, i) => {
    const position = contract.kind === 'option' ? { ...contract, size: 1 } : { ...contract, size: 1, entry: prices[i]! }
    return positionGreeks(position, book.accounts[account]!.venue, market)
  })
  const now = limits.map(({ greek }) =>
    book.accounts
      .flatMap(({ positions, venue }) => positions.map((p) => positionGreeks(p, venue, market)[greek]))
      .reduce((a, b) => a + b, 0),
  )
  const needed = (account: VenueAccount): number => {
    const engine = marginEngine(account.margin!)
    const today = engine.assess(account, market)
    let least = today.initial - today.equity
    for (const { shift } of moves) {
      const there = engine.assess(account, new ShiftedView(market, shift))
      least = Math.max(least, there.maintenance - there.equity)
    }
    return least
  }
  const lots = candidates.map(({ lot, buyMost, sellMost, sizeMin = 0 }) => {
    const all: number[] = []
    for (let n = -Math.floor(sellMost / lot + 1e-9); n <= Math.floor(buyMost / lot + 1e-9); n++) {
      if (n === 0 || Math.abs(n * lot) >= sizeMin - 1e-9) all.push(n * lot)
    }
    return all
  })
  let best = { objective: Number.POSITIVE_INFINITY, sizes: [] as number[] }
  // An account's need depends on its own sizes only.
  const known = new Map<string, number>()
  const traded = book.accounts.map((_, a) =>
    candidates.flatMap((candidate, j) => (candidate.account === a ? [{ candidate, j }] : [])),
  )
  const sizes = candidates.map(() => 0)
  const judge = () => {
    for (const [i, { greek, min = -Infinity, max = Infinity }] of limits.entries()) {
      let sum = now[i]!
      for (const [j, size] of sizes.entries()) sum += size * unit[j]![greek]
      if (sum < min - 1e-7 || sum > max + 1e-7) return
    }
    let objective = 0
    let used = 0
    let placed = 0
    for (const [a, account] of book.accounts.entries()) {
      const here = traded[a]!
      if (here.some(({ j }) => sizes[j] !== 0)) {
        used++
        objective += market.transactionCost(account.venue)
      }
      const key = `${a} ${here.map(({ j }) => sizes[j]).join(' ')}`
      let need = known.get(key)
      if (need === undefined) {
        let after = account
        for (const { candidate, j } of here) {
          const size = sizes[j]!
          if (size === 0) continue
          const cost = Math.abs(size) * (candidate.halfSpread + candidate.fee) + candidate.impact * size * size
          const { contract } = candidate
          const position = contract.kind === 'option' ? { ...contract, size } : { ...contract, size, entry: prices[j]! }
          const premium = contract.kind === 'option' ? size * prices[j]! : 0
          after = withTrade(after, { position, cash: { USDC: -cost - premium } })
        }
        need = needed(after)
        known.set(key, need)
      }
      const choice = collateral.find((each) => each.account === a)!
      const moved = Math.max(need, -Math.min(choice.withdrawMost, account.balances['USDC'] ?? 0))
      if (moved > choice.depositMost) return
      placed += moved
      objective += moved * capitalCharge + Math.abs(moved) * (choice.cost ?? 0)
    }
    if (placed > cash['USDC']! || used > (accountsMost ?? 99)) return
    for (const [j, size] of sizes.entries()) {
      const { halfSpread, fee, impact } = candidates[j]!
      objective += Math.abs(size) * (halfSpread + fee) + impact * size * size - horizonDays * size * unit[j]!.carry
    }
    if (objective < best.objective) best = { objective, sizes: [...sizes] }
  }
  const walk = (j: number): void => {
    if (j === candidates.length) {
      judge()
      return
    }
    for (const size of lots[j]!) {
      sizes[j] = size
      walk(j + 1)
    }
  }
  walk(0)
  return best
}

/** A seeded request of up to four contracts. */
function smallCase(seed: number, rules?: string): CapitalRequest {
  const random = new Random(seed)
  const between = (a: number, b: number) => a + (b - a) * random.uniform()
  const optionEngine = rules ?? ['deribit-standard', 'deribit-portfolio', 'derive-portfolio'][seed % 3]!
  const accounts: VenueAccount[] = [
    {
      venue: 'hyperliquid',
      margin: 'hyperliquid',
      balances: { USDC: seed % 2 ? 20_000 : 0 },
      positions: seed % 4 === 1 ? [perp(0.5, 88_000)] : [],
    },
    { venue: 'dydx', margin: 'dydx-v4', balances: { USDC: 0 }, positions: [] },
    { venue: 'options', margin: optionEngine, balances: { USDC: seed % 5 === 0 ? 30_000 : 0 }, positions: [] },
  ]
  const market = new SnapshotView({
    timeUs: 0,
    spot: { BTC: 90_000 },
    volatility: { BTC: between(0.4, 0.7) },
    perpetual: { 'hyperliquid BTC': between(89_900, 90_100), 'dydx BTC': between(89_900, 90_100) },
    fundingPerDay: { 'hyperliquid BTC': between(-4e-4, 4e-4), 'dydx BTC': between(-4e-4, 4e-4) },
    transactionCost: seed % 3 === 0 ? { dydx: between(1, 200) } : {},
  })
  const terms = (account: number, contract: FuturePosition | OptionPosition, i: number): Candidate => ({
    name: `c${i}`,
    account,
    contract,
    lot: contract.kind === 'option' ? 0.5 : 0.25,
    ...(random.uniform() < 0.3 && { sizeMin: 0.75 }),
    buyMost: between(1, 1.8),
    sellMost: between(1, 1.8),
    halfSpread: between(1, 40),
    fee: between(5, 40),
    impact: random.uniform() < 0.7 ? between(1, 60) : 0,
  })
  const strikes = [80_000, 85_000, 90_000, 95_000, 100_000]
  const strike = () => strikes[Math.floor(5 * random.uniform())]!
  const first = strike()
  const second = strikes[(strikes.indexOf(first) + 2) % 5]!
  const candidates = [
    terms(0, perp(), 0),
    terms(1, perp(), 1),
    terms(2, option(-1, first), 2),
    ...(seed % 2 ? [terms(2, option(1, second), 3)] : []),
  ]
  const vega = (seed % 2 ? -1 : -0.6) * between(20, 90)
  return {
    book: { accounts, inTransit: [] },
    market,
    candidates,
    limits: [
      { name: 'delta', greek: 'delta', asset: 'BTC', min: -0.15, max: 0.15 },
      { name: 'vega', greek: 'vega', asset: 'BTC', max: vega },
    ],
    collateral: accounts.map((_, account) => ({
      account,
      currency: 'USDC',
      depositMost: 500_000,
      withdrawMost: 500_000,
      cost: account === 1 ? 0.002 : 0,
    })),
    cash: { USDC: 400_000 },
    moves: seed % 7 === 0 ? [] : sigmaMoves({ BTC: 0.6 }, between(1, 3), 3),
    capitalCharge: [0.02, 0.2, 1][seed % 3]!,
    horizonDays: between(1, 20),
    ...(seed % 4 === 0 && { accountsMost: 2 }),
  }
}

function rulesHold(request: CapitalRequest, answer: CapitalAnswer): void {
  for (const [i, { name, min = -Infinity, max = Infinity }] of request.limits.entries()) {
    expect(answer.exposures[name], `${i} ${name}`).toBeGreaterThanOrEqual(min - 1e-6)
    expect(answer.exposures[name]).toBeLessThanOrEqual(max + 1e-6)
  }
  for (const account of answer.accounts) expect(account?.tightest.cushion ?? 0).toBeGreaterThan(-0.02)
  for (const { name, size } of answer.trades) {
    const { lot } = request.candidates.find((each) => each.name === name)!
    expect(Math.abs(size / lot - Math.round(size / lot))).toBeLessThan(1e-9)
  }
}

test(`no combination of lots is cheaper than the answer by a thousandth, ${CASES} small markets`, () => {
  let feasible = 0
  for (let seed = 1; seed <= CASES; seed++) {
    const request = smallCase(seed)
    const best = bruteForce(request)
    const answer = optimiseCapital(request, solver)
    expect([seed, answer.feasible]).toEqual([seed, Number.isFinite(best.objective)])
    if (!answer.feasible) continue
    feasible++
    rulesHold(request, answer)
    const off = (answer.objective - best.objective) / Math.max(Math.abs(best.objective), 100)
    expect(Math.abs(off), `case ${seed}: ${answer.objective} against ${best.objective}`).toBeLessThan(1e-3)
  }
  expect(feasible).toBeGreaterThan(0.6 * CASES)
}, 120_000)

test('under rules that are not convex the answer keeps them, and says by how much it may be too careful', () => {
  // Derive's standard margin asks the lesser of two figures, which no plane lies below.
  for (let seed = 1; seed <= 5; seed++) {
    const request = smallCase(seed, 'derive-standard')
    const best = bruteForce(request)
    const answer = optimiseCapital(request, solver)
    expect([seed, answer.feasible]).toEqual([seed, true])
    rulesHold(request, answer)
    const off = answer.objective - best.objective
    expect(off).toBeGreaterThan(-1e-3 * Math.max(100, Math.abs(best.objective)))
  }
})

/** Two perpetuals to choose from: dear to trade and no gas, cheap and with gas. */
function twoVenues(changes: Partial<CapitalRequest> = {}): CapitalRequest {
  const accounts: VenueAccount[] = [
    { venue: 'hyperliquid', margin: 'hyperliquid', balances: {}, positions: [] },
    { venue: 'dydx', margin: 'dydx-v4', balances: {}, positions: [] },
  ]
  const candidate = (account: number, fee: number): Candidate => ({
    name: ['here', 'there'][account]!,
    account,
    contract: perp(),
    lot: 0.01,
    buyMost: 3,
    sellMost: 3,
    halfSpread: 0,
    fee,
    impact: 0,
  })
  return {
    book: { accounts, inTransit: [] },
    market: new SnapshotView({ timeUs: 0, spot: { BTC: 100_000 }, transactionCost: { dydx: 5 } }),
    candidates: [candidate(0, 40), candidate(1, 10)],
    limits: [{ name: 'delta', greek: 'delta', asset: 'BTC', min: 2, max: 2 }],
    collateral: [0, 1].map((account) => ({ account, currency: 'USDC', depositMost: 1e6, withdrawMost: 0 })),
    cash: { USDC: 1e6 },
    moves: [],
    capitalCharge: 0.001,
    horizonDays: 1,
    ...changes,
  }
}

test('gas, fees and margin rates decide between venues, and the answer says what each alternative costs', () => {
  // Margin 1/40 here, 1/50 there (2 %); two coins: 80 + 0.001 × 5,080 here, 20 + 5 + 0.001 × 4,020 there.
  const answer = optimiseCapital(twoVenues(), solver)
  const asked = marginEngine('dydx-v4').assess(
    { venue: 'dydx', margin: 'dydx-v4', balances: { USDC: 0 }, positions: [perp(2, 100_000)] },
    new SnapshotView({ timeUs: 0, spot: { BTC: 100_000 } }),
  ).initial
  expect(answer.trades).toMatchObject([{ name: 'there', size: 2, cost: 20 }])
  expect(answer.objective).toBeCloseTo(25 + 0.001 * (asked + 20), 4)
  expect(answer.gas).toBe(5)
  expect(answer.alternatives).toEqual([
    { without: 'dydx', account: 1, objective: expect.closeTo(80 + 0.001 * 5_080, 4), dearer: expect.any(Number) },
  ])
  const delta = answer.binding.find(({ name }) => name === 'delta')!
  // One coin more: fee, and the charge on its margin and on the fee.
  expect(delta.price).toBeCloseTo(10 + 0.001 * (asked / 2 + 10), 4)
  expect(answer.reasons[0]).toMatchObject({ name: 'there', trading: 10 })
  expect(answer.reasons[0]!.exposures[0]!.worth).toBeCloseTo(delta.price, 6)
  expect(answer.reasons[0]!.trading + answer.reasons[0]!.margin).toBeCloseTo(delta.price, 2)
})

test('what cannot be had is named, with how much of it, and the rest is placed', () => {
  const far = optimiseCapital(twoVenues({ limits: [{ name: 'delta', greek: 'delta', asset: 'BTC', min: 7 }] }), solver)
  expect(far.feasible).toBe(false)
  expect(far.violations).toEqual([{ name: 'delta', kind: 'exposure', by: expect.closeTo(1, 4) }])
  expect(far.exposures['delta']).toBeCloseTo(6, 6)
  // 200,000 dollars of one venue on 1,000 of own money: margin or exposure is short, and it says so.
  const poor = optimiseCapital(twoVenues({ cash: { USDC: 1_000 } }), solver)
  expect(poor.feasible).toBe(false)
  expect(poor.violations.length).toBeGreaterThan(0)
  const carry = twoVenues({ limits: [{ name: 'income', greek: 'carry', min: 10 }] })
  expect(optimiseCapital(carry, solver).violations).toMatchObject([{ name: 'income', by: expect.closeTo(10, 4) }])
})

test('what is held counts: closing frees margin, and nothing is bought that is there', () => {
  const request = twoVenues()
  const [first, second] = request.book.accounts
  const held: VenueAccount = { ...first!, balances: { USDC: 10_000 }, positions: [perp(2, 100_000)] }
  const book = { accounts: [held, second!], inTransit: [] }
  const none = optimiseCapital({ ...request, book }, solver)
  expect(none.trades).toEqual([])
  const flat = { name: 'delta', greek: 'delta' as const, asset: 'BTC', min: 0, max: 0 }
  const collateral = [{ account: 0, currency: 'USDC', depositMost: 0, withdrawMost: 1e6 }]
  const closed = optimiseCapital(
    { ...request, book, collateral, limits: [flat], candidates: [request.candidates[0]!] },
    solver,
  )
  expect(closed.trades).toMatchObject([{ name: 'here', size: -2, held: 0 }])
  // All of it may go but what closing cost.
  expect(closed.capitalAdded).toBeCloseTo(-10_000 + 80, 2)
})

test('the same request has the same answer to the last digit', () => {
  expect(JSON.stringify(optimiseCapital(smallCase(7), solver))).toBe(
    JSON.stringify(optimiseCapital(smallCase(7), solver)),
  )
})

test('requests without sense are refused by name', () => {
  const wrong: Partial<CapitalRequest>[] = [
    { capitalCharge: 0 },
    { capitalCharge: Number.NaN },
    { market: new SnapshotView({ timeUs: 0, spot: {} }) },
    { candidates: [{ ...twoVenues().candidates[0]!, fee: Number.NaN }] },
    { candidates: [{ ...twoVenues().candidates[0]!, account: 9 }] },
    { limits: [{ name: 'delta', greek: 'delta', asset: 'BTC', min: 2, max: 1 }] },
    { cash: { USDC: Number.NaN } },
    { cash: { USDC: -1 } },
  ]
  for (const changes of wrong) {
    expect(() => optimiseCapital(twoVenues(changes), solver)).toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    )
  }
})

test('what cannot be seen to trade is no candidate, and an account that is not there is named', () => {
  const { book } = twoVenues()
  const facing = (depth: number) => {
    const liquidity = { 'hyperliquid BTC': { halfSpread: 1e-4, depth, takerFee: 1e-4 } }
    return new SnapshotView({ timeUs: 0, spot: { BTC: 100_000 }, liquidity })
  }
  const terms = { name: 'here', account: 0, contract: perp(), lot: 0, notionalMost: 1e6 }
  for (const depth of [0, Number.NaN]) expect(candidateFromView(terms, book, facing(depth))).toBeUndefined()
  expect(candidateFromView({ ...terms, account: 1 }, book, facing(1e6))).toBeUndefined()
  expect(candidateFromView(terms, book, facing(1e6))).toMatchObject({ buyMost: 10, impact: 50 })
  expect(() => candidateFromView({ ...terms, account: 9 }, book, facing(1e6))).toThrow(
    expect.objectContaining({ code: 'argument-invalid', facts: { name: 'here', account: 9 } }),
  )
})
