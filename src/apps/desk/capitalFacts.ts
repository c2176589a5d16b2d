/** @file Which money should move between a book's accounts, and whether its deltas could be held with less capital. */

import { DAY_US, MINUTE_US } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { dollarLike } from '../../market/instrument.ts'
import type { Book } from '../../portfolio/book.ts'
import { type Candidate, candidateFromView, sigmaMoves } from '../../portfolio/capital/capitalRequest.ts'
import { type MoveProposal, proposeMoves, type TransferRoute } from '../../portfolio/capital/collateralMoves.ts'
import { highsSolver } from '../../portfolio/capital/highsSolver.ts'
import { optimiseCapital } from '../../portfolio/capital/optimise.ts'
import type { NamedMove } from '../../portfolio/collateral.ts'
import { greeksTable } from '../../portfolio/greeksTable.ts'
import { exposedAssets } from '../../portfolio/margin/liquidation.ts'
import { assessBook } from '../../portfolio/margin/registry.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import type { AccountFacts, MovesFacts, OptimisedFacts } from '../../report/deskReport.ts'
import { impliedVolatility } from './marginFacts.ts'

/** What a desk knows of itself and nobody can tell it. */
export interface CapitalTerms {
  /** A withdrawal and a deposit: dollars, and how long until it counts. */
  readonly transferFee: number
  readonly transferUs: number
  /** Move of all coins that accounts are to survive, either way, a fraction. */
  readonly survive: number
  /** What capital costs a year, a fraction, and over how many days placements are judged. */
  readonly capitalRate: number
  readonly horizonDays: number
  /** Deviations of a day that optimised accounts are to survive. */
  readonly sigmas: number
}

/** Ours: venues credit after some confirmations and charge a few dollars; a fifth either way is a bad day. */
export const CAPITAL_TERMS: CapitalTerms = {
  transferFee: 5,
  transferUs: 30 * MINUTE_US,
  survive: 0.2,
  capitalRate: 0.1,
  horizonDays: 7,
  sigmas: 3,
}
/** Most of a venue's depth a placement may take, in dollars a percent of price. */
const DEPTH_SHARE = 0.5

function coinsOf(book: Book): string[] {
  return [...new Set(book.accounts.flatMap(exposedAssets))].filter((asset) => !dollarLike(asset)).sort()
}

/** Proposed transfers; `refusal` says why there can be none. */
export async function movesFacts(
  book: Book,
  view: MarketView,
  accounts: readonly AccountFacts[],
  terms: CapitalTerms,
): Promise<MovesFacts> {
  const coins = coinsOf(book)
  const moves = [-terms.survive, terms.survive].map((move): NamedMove => {
    const spot = Object.fromEntries(coins.map((asset) => [asset, 1 + move]))
    const percent = Number(Math.abs(100 * move).toPrecision(6))
    return { name: `all coins ${move > 0 ? '+' : '−'}${percent} %`, shift: { spot } }
  })
  const survived = moves.map(({ name }) => name)
  const nothing = { survived, moves: [], missing: [] }
  const silent = accounts.filter(({ refusal, missing }) => refusal !== '' || missing.length > 0)
  if (silent.length > 0)
    return {
      ...nothing,
      refusal: `Nothing is proposed while ${silent.map(({ venue }) => venue).join(', ')} cannot be assessed.`,
    }
  const routes = routesOf(book, view, terms)
  if (routes.length === 0) return { ...nothing, refusal: 'No account has a balance that could move to another.' }
  const wanted = { moves, marginRatio: 1, byUs: view.timeUs + Math.max(DAY_US, terms.transferUs) }
  let found: MoveProposal
  try {
    found = proposeMoves(book, view, routes, wanted, await highsSolver())
  } catch (error) {
    if (!(error instanceof GimbalError) || error.code !== 'solver-failed') throw error
    return { ...nothing, refusal: `The solver gave up: ${error.message.split('\n')[0]}.` }
  }
  return {
    survived,
    moves: found.moves.map(({ from, to, currency, units, cost, arrivesUs }) => {
      const dollars = units * view.spot(currency)
      return { from, to, currency, units, dollars, cost, takesUs: arrivesUs - view.timeUs }
    }),
    missing: found.missing,
    refusal: '',
  }
}

/** Every balance to every account that margins something in that currency. */
function routesOf(book: Book, view: MarketView, { transferFee, transferUs }: CapitalTerms): TransferRoute[] {
  const routes: TransferRoute[] = []
  for (const [from, { balances, venue }] of book.accounts.entries())
    for (const [currency, units] of Object.entries(balances))
      for (const [to, account] of book.accounts.entries()) {
        if (from === to || !(units > 0) || account.margin === undefined) continue
        const taken = new Set(account.positions.flatMap((each) => ('settle' in each ? [each.settle] : [])))
        if (!(currency in account.balances) && !taken.has(currency)) continue
        const gas = view.transactionCost(venue) + view.transactionCost(account.venue)
        const name = `${currency} ${from} ${venue} to ${to} ${account.venue}`
        routes.push({ name, from, to, currency, withdrawalFee: transferFee, gas, bridgeShare: 0, takesUs: transferUs })
      }
  return routes
}

/** Dollars below which nothing is proposed: the least order of Hyperliquid, and more than that of the others. */
const LEAST_ORDER = 10

/**
 * The deltas the book has, with its perpetuals placed anew among the accounts that hold some.
 *
 * @throws {GimbalError} `argument-invalid` for a book without perpetuals; as the optimiser does.
 */
export async function optimisedFacts(book: Book, view: MarketView, terms: CapitalTerms): Promise<OptimisedFacts> {
  const { capitalRate, horizonDays, sigmas } = terms
  const candidates: Candidate[] = []
  const assets = new Set<string>()
  for (const [account, { venue, margin, positions }] of book.accounts.entries()) {
    if (margin === undefined) continue
    for (const contract of positions) {
      if (contract.kind !== 'perp' || contract.isolatedMargin !== undefined) continue
      const notionalMost = DEPTH_SHARE * (view.liquidity(venue, contract.asset)?.depth ?? 0)
      const name = contract.instrument ?? `${contract.asset} perpetual at ${venue}`
      if (candidates.some((each) => each.name === name && each.account === account)) continue
      const candidate = candidateFromView({ name, account, contract, lot: 0, notionalMost }, book, view)
      if (!candidate) continue
      candidates.push({ ...candidate, sizeMin: LEAST_ORDER / view.spot(contract.asset) })
      assets.add(contract.asset)
    }
  }
  if (candidates.length === 0)
    throw new GimbalError(
      'argument-invalid',
      '--optimise places perpetuals anew, and the book has none in margin that can be seen to trade',
      {},
    )
  const table = greeksTable(book, view)
  const limits = [...assets].map((asset) => {
    const delta = table.assets.find((row) => row.asset === asset)?.greeks.delta ?? 0
    const room = Math.max(
      1e-9,
      1e-4 * (Math.abs(delta) + candidates.reduce((sum, each) => sum + each.buyMost, 0) / 100),
    )
    return { name: `delta ${asset}`, greek: 'delta' as const, asset, min: delta - room, max: delta + room }
  })
  const cash: Record<string, number> = {}
  const collateral = book.accounts.flatMap(({ margin, balances }, account) => {
    if (margin === undefined || !candidates.some((each) => each.account === account)) return []
    return Object.entries(balances)
      .filter(([, units]) => units > 0)
      .map(([currency, units]) => ({ account, currency, depositMost: 1e9, withdrawMost: units }))
  })
  for (const { margin, balances } of book.accounts)
    if (margin === undefined)
      for (const [currency, units] of Object.entries(balances))
        if (units > 0) cash[currency] = (cash[currency] ?? 0) + units
  const volatility = Object.fromEntries(
    coinsOf(book).map((asset) => {
      const said = impliedVolatility(asset, view)
      return [asset, said > 0 ? said : 0.8]
    }),
  )
  const initialBefore = assessBook(book, view).reduce((sum, report) => sum + (report?.initial ?? 0), 0)
  const answer = optimiseCapital(
    {
      ...{ book, market: view, candidates, limits, collateral, cash },
      moves: sigmaMoves(volatility, sigmas, 1),
      capitalCharge: (capitalRate * horizonDays) / 365,
      horizonDays,
    },
    await highsSolver(),
  )
  return {
    feasible: answer.feasible,
    trades: answer.trades.map(({ name, venue, size, held, cost }) => {
      return { name, venue, size, held, cost, why: answer.reasons.find((each) => each.name === name)?.text ?? '' }
    }),
    collateral: answer.collateral.map(({ venue, currency, units, dollars }) => ({ venue, currency, units, dollars })),
    initialBefore,
    initial: answer.initial,
    capitalAdded: answer.capitalAdded,
    trading: answer.trading,
    carry: answer.carry,
    horizonDays,
    binding: answer.binding.map(({ name }) => name),
    violations: answer.violations.map(({ name, by }) => `${name} by ${by.toPrecision(3)}`),
  }
}
