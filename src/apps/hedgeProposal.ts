/**
 * @file Hedges for a book as it is: how much of each perpetual it can trade to take the most risk away for what that costs.
 *
 * The book's delta in every coin is set against perpetuals at the accounts it has. What is minimised is the variance over the hedge's
 * time plus the costs of trading (half the spread, fee, impact), of holding (funding) and of the margin its venue would ask more
 * (`policies/hedgeRatios.ts`). Margin before and after is that of each account's own engine.
 */

import { GimbalError } from '../core/errors.ts'
import { dollarLike } from '../market/instrument.ts'
import { hedgeRatios } from '../policies/hedgeRatios.ts'
import type { Book, FuturePosition, VenueAccount } from '../portfolio/book.ts'
import { greeksTable } from '../portfolio/greeksTable.ts'
import type { MarginEngine } from '../portfolio/margin/marginEngine.ts'
import { marginEngine } from '../portfolio/margin/registry.ts'
import { marginAfter, withTrade } from '../portfolio/margin/whatIf.ts'
import type { MarketView } from '../portfolio/marketView.ts'
import { bookValue } from '../portfolio/valuation.ts'
import { impliedVolatility } from './desk/marginFacts.ts'

/** How a hedge is judged. */
export interface ProposalWish {
  /** Delta wanted, base units by asset; 0 where not named. */
  readonly targets: Readonly<Record<string, number>>
  /** Relative risk aversion: divided by the book's worth, per dollar. */
  readonly riskAversion: number
  /** Hours the hedge is meant to stand. */
  readonly horizonHours: number
  /** What money bound as margin would earn a year. */
  readonly marginYearly: number
}

export const DEFAULT_WISH: ProposalWish = { targets: {}, riskAversion: 30, horizonHours: 24, marginYearly: 0.05 }

/** Volatility a year where no options tell one, and deviation of a perpetual from spot over a day. Ours. */
const ASSUMED_VOLATILITY = 0.6
const BASIS_DEVIATION = 0.0005
/** Engines that carry perpetuals. */
const CARRIES = new Set([
  'hyperliquid',
  'dydx-v4',
  'derive-standard',
  'derive-portfolio',
  'deribit-standard',
  'deribit-portfolio',
])
const DAY_HOURS = 24
const YEAR_HOURS = 8760

/** One trade that is proposed. */
export interface ProposedHedge {
  readonly venue: string
  readonly account: number
  readonly asset: string
  readonly settle: string
  /** Base units, signed; of an inverse contract dollars are {@link notional}. */
  readonly units: number
  /** Dollars, signed. */
  readonly notional: number
  readonly price: number
  /** Dollars: half the spread, fee, impact. */
  readonly spread: number
  readonly fee: number
  readonly impact: number
  /** Dollars a day the trade pays in funding; negative is received. */
  readonly fundingPerDay: number
}

export interface AssetHedge {
  readonly asset: string
  readonly price: number
  readonly volatility: number
  readonly volatilityAssumed: boolean
  readonly target: number
  readonly before: { readonly delta: number; readonly gamma: number; readonly vega: number; readonly theta: number }
  readonly after: { readonly delta: number; readonly gamma: number; readonly vega: number; readonly theta: number }
  /** Of the profit of delta and of the perpetuals' basis over the horizon, dollars. */
  readonly deviationBefore: number
  readonly deviationAfter: number
  readonly trades: readonly ProposedHedge[]
  /** Why nothing can be traded; empty where something can. */
  readonly refusal: string
}

export interface MarginChange {
  readonly venue: string
  readonly engine: string
  readonly initialBefore: number
  readonly initialAfter: number
  readonly maintenanceBefore: number
  readonly maintenanceAfter: number
  readonly equityBefore: number
  readonly equityAfter: number
  readonly liquidatableAfter: boolean
}

export interface HedgeProposal {
  readonly assets: readonly AssetHedge[]
  readonly margin: readonly MarginChange[]
  /** Dollars. */
  readonly cost: number
  readonly fundingPerDay: number
  readonly unpriced: readonly string[]
}

interface Candidate {
  readonly account: number
  readonly venue: string
  readonly engine: MarginEngine
  readonly contract: FuturePosition
  readonly price: number
  readonly held: number
}

/** The perpetual of an asset an account trades: the one it holds, else one in money it has; undefined where it can have none. */
function perpetualOf(account: VenueAccount, asset: string, price: number): FuturePosition | undefined {
  const held = account.positions.find(
    (each): each is FuturePosition => each.kind === 'perp' && each.asset === asset && each.isolatedMargin === undefined,
  )
  if (held) return { ...held, size: 0, entry: price }
  const dollars = Object.entries(account.balances).find(([currency, units]) => dollarLike(currency) && units > 0)
  if (dollars) return { kind: 'perp', asset, size: 0, payoff: 'linear', entry: price, settle: dollars[0] }
  const coins = account.balances[asset] ?? 0
  const inverse = account.margin?.startsWith('deribit') && coins > 0
  return inverse ? { kind: 'perp', asset, size: 0, payoff: 'inverse', entry: price, settle: asset } : undefined
}

function candidatesOf(book: Book, view: MarketView, asset: string): Candidate[] {
  return book.accounts.flatMap((account, index): Candidate[] => {
    const { venue, margin, positions } = account
    const price = view.perpetual(venue, asset)
    if (margin === undefined || !CARRIES.has(margin) || !(price > 0)) return []
    if (view.liquidity(venue, asset) === undefined) return []
    const contract = perpetualOf(account, asset, price)
    if (!contract) return []
    let held = 0
    for (const each of positions)
      if (each.kind === 'perp' && each.asset === asset && each.isolatedMargin === undefined)
        held += each.payoff === 'inverse' ? each.size : each.size * price
    return [{ account: index, venue, engine: marginEngine(margin), contract, price, held }]
  })
}

function ofNotional({ contract, price }: Candidate, notional: number): FuturePosition {
  return { ...contract, size: contract.payoff === 'inverse' ? notional : notional / price, entry: price }
}

/** Dollars of initial margin a dollar of hedge binds more, on the side it is needed; not below 0: hedging may also free some. */
function marginRateOf(candidate: Candidate, book: Book, view: MarketView, wanted: number): number {
  const { engine, account } = candidate
  const before = engine.assess(book.accounts[account]!, view).initial
  const after = marginAfter(engine, book.accounts[account]!, { position: ofNotional(candidate, wanted) }, view).initial
  return Math.max(0, (after - before) / Math.abs(wanted))
}

function hedgeAsset(
  asset: string,
  book: Book,
  view: MarketView,
  wish: ProposalWish,
  greeks: AssetHedge['before'],
): AssetHedge {
  const price = view.spot(asset)
  const told = impliedVolatility(asset, view)
  const volatility = told > 0 ? told : ASSUMED_VOLATILITY
  const target = wish.targets[asset] ?? 0
  const exposed = (greeks.delta - target) * price
  const variance = (volatility * volatility * wish.horizonHours) / YEAR_HOURS
  const candidates = candidatesOf(book, view, asset)
  const basis = (BASIS_DEVIATION * BASIS_DEVIATION * wish.horizonHours) / DAY_HOURS
  const deviation = (dollars: number, holdings: ArrayLike<number>) => {
    let squares = 0
    for (let j = 0; j < holdings.length; j++) squares += holdings[j]! ** 2
    return Math.sqrt(dollars * dollars * variance + squares * basis)
  }
  const common = {
    ...{ asset, price, volatility, volatilityAssumed: !(told > 0), target, before: greeks },
    deviationBefore: deviation(
      exposed,
      candidates.map((each) => each.held),
    ),
  }
  const worth = bookValue(book, view)
  const refusal = !(worth > 0)
    ? 'the book is worth nothing, or its worth is not known'
    : candidates.length === 0
      ? 'no account has a perpetual of it with a price, liquidity and money to margin it'
      : ''
  if (refusal !== '' || exposed === 0)
    return { ...common, after: greeks, deviationAfter: common.deviationBefore, trades: [], refusal }
  const n = candidates.length
  const covariance = new Float64Array(n * n).fill(variance)
  for (let j = 0; j < n; j++) covariance[j * n + j]! += basis
  // What is held already is part of the delta: the rest of the book is what the holdings are set against.
  const held = candidates.reduce((sum, each) => sum + each.held, 0)
  const { holdings } = hedgeRatios({
    instruments: candidates.map((each) => {
      const { halfSpread, takerFee, depth } = view.liquidity(each.venue, asset)!
      return {
        held: each.held,
        costRate: halfSpread + takerFee,
        impact: 0.01 / depth,
        marginRate: (marginRateOf(each, book, view, -exposed) * wish.marginYearly * wish.horizonHours) / YEAR_HOURS,
        carryRate: (view.fundingPerDay(each.venue, asset) * wish.horizonHours) / DAY_HOURS,
        lower: Number.NEGATIVE_INFINITY,
        upper: Number.POSITIVE_INFINITY,
      }
    }),
    covariance,
    withBook: new Float64Array(n).fill((exposed - held) * variance),
    riskAversion: wish.riskAversion / worth,
    ridge: 0,
  })
  const trades = candidates.flatMap((each, j): ProposedHedge[] => {
    const notional = holdings[j]! - each.held
    // Less than a dollar is rounding of the search, not a trade.
    if (Math.abs(notional) < 1) return []
    const { halfSpread, takerFee, depth } = view.liquidity(each.venue, asset)!
    return [
      {
        ...{ venue: each.venue, account: each.account, asset, settle: each.contract.settle },
        ...{ units: notional / each.price, notional, price: each.price },
        spread: halfSpread * Math.abs(notional),
        fee: takerFee * Math.abs(notional),
        impact: (0.005 * notional * notional) / depth,
        fundingPerDay: notional * view.fundingPerDay(each.venue, asset),
      },
    ]
  })
  const after = afterTrades(book, view, candidates, trades)
  const row = greeksTable(after, view).assets.find((each) => each.asset === asset)?.greeks ?? greeks
  const left = (row.delta - target) * price
  return {
    ...common,
    after: { delta: row.delta, gamma: row.gamma, vega: row.vega, theta: row.theta },
    deviationAfter: deviation(left, holdings),
    trades,
    refusal: '',
  }
}

function afterTrades(
  book: Book,
  view: MarketView,
  candidates: readonly Candidate[],
  trades: readonly ProposedHedge[],
): Book {
  const accounts = [...book.accounts]
  for (const { account, notional, spread, fee, impact } of trades) {
    const candidate = candidates.find((each) => each.account === account)!
    const { settle } = candidate.contract
    const cash = { [settle]: -(spread + fee + impact) / view.spot(settle) }
    accounts[account] = withTrade(accounts[account]!, { position: ofNotional(candidate, notional), cash })
  }
  return { ...book, accounts }
}

/**
 * Hedges for every coin the book has a delta in.
 *
 * @throws {GimbalError} `argument-invalid` for a target of an asset the book has nothing to do with; as margin engines and
 *   {@link hedgeRatios} do.
 */
export function proposeHedges(book: Book, view: MarketView, wish: ProposalWish = DEFAULT_WISH): HedgeProposal {
  const table = greeksTable(book, view)
  const coins = table.assets.filter(({ asset }) => !dollarLike(asset))
  for (const asset of Object.keys(wish.targets)) {
    if (coins.some((each) => each.asset === asset)) continue
    throw new GimbalError('argument-invalid', 'A delta is wanted of an asset the book does not know', {
      asset,
      known: coins.map((each) => each.asset).join(' '),
    })
  }
  let after = book
  const assets: AssetHedge[] = []
  for (const { asset, greeks } of coins) {
    const { delta, gamma, vega, theta } = greeks
    // Nothing is hedged by half: what has no price might be what the rest is a hedge of.
    const unknown = table.unpriced.length > 0 || !Number.isFinite(delta)
    if (unknown) {
      const price = view.spot(asset)
      const before = { delta, gamma, vega, theta }
      const blind = { deviationBefore: Number.NaN, deviationAfter: Number.NaN, trades: [] }
      const refusal = 'something held has no price, and nothing should be hedged by half'
      const figures = { volatility: Number.NaN, volatilityAssumed: false, target: wish.targets[asset] ?? 0 }
      assets.push({ asset, price, ...figures, before, after: before, ...blind, refusal })
      continue
    }
    const hedged = hedgeAsset(asset, after, view, wish, { delta, gamma, vega, theta })
    assets.push(hedged)
    after = afterTrades(after, view, candidatesOf(after, view, asset), hedged.trades)
  }
  const trades = assets.flatMap((each) => each.trades)
  const margin = book.accounts.flatMap((account, index): MarginChange[] => {
    if (account.margin === undefined) return []
    const engine = marginEngine(account.margin)
    const [was, is] = [engine.assess(account, view), engine.assess(after.accounts[index]!, view)]
    return [
      {
        ...{ venue: account.venue, engine: account.margin },
        ...{ initialBefore: was.initial, initialAfter: is.initial },
        ...{ maintenanceBefore: was.maintenance, maintenanceAfter: is.maintenance },
        ...{ equityBefore: was.equity, equityAfter: is.equity },
        liquidatableAfter: is.liquidatable,
      },
    ]
  })
  return {
    assets,
    margin,
    cost: trades.reduce((sum, { spread, fee, impact }) => sum + spread + fee + impact, 0),
    fundingPerDay: trades.reduce((sum, each) => sum + each.fundingPerDay, 0),
    unpriced: table.unpriced.map(({ venue, name, missing }) => `${name} at ${venue}: ${missing.join(', ')}`),
  }
}
