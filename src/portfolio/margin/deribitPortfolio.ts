/**
 * @file Deribit's segregated portfolio margin (S:PM): a matrix of prices and volatilities, per currency and underlying.
 *
 * Nine prices across the range times three volatilities; eight further moves, from −66 to +500 %, of which only a fraction counts
 * (range over move, translated to the edge of the range where profit is in coins) less a fixed dampener, so that a few far
 * options do not decide. The worst of it, plus shocks for delta that the market could not absorb and for deltas of
 * different expiries that offset each other, is initial margin; maintenance is a fixed share.
 *
 * Sources: support.deribit.com, "Portfolio Margin", for what is counted; parameters from answers of private/pme/simulate
 * (`model_params`): BTC as in the example of docs.deribit.com (June 2024), ETH as published by a user (February 2026), whose risk
 * vector also fixes the rule of the extended table. How dampener, delta shock and roll shock follow from their parameters is
 * not documented: the rules here follow independent implementations and are not verified against the venue. Netting
 * between currencies (X:PM) is not here.
 *
 * Beside it the plain weighted scan that Paradex publishes with the same shocks (docs.paradex.trade, "Portfolio Margin").
 */

import { normalCdf } from '../../core/errorFunction.ts'
import { dollarLike } from '../../market/instrument.ts'
import type { FuturePosition, OptionPosition, VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'
import { futureMark } from '../valuation.ts'
import { deribitPosition, futureCoins, futureProfit } from './deribitStandard.ts'
import type { MarginEngine, MarginLine, MarginReport } from './marginEngine.ts'
import { marginReport, pooled, refuseDebts, refusePosition, requireNumbers } from './marginReport.ts'
import { OptionScan, type ScannedOption } from './optionScan.ts'
import { WatchedView } from './watchedView.ts'

const YEAR_US = 365 * 86_400_000_000
const DAY_US = 86_400_000_000

/** How far volatility moves: (30 / days)^power times a range, relative. */
export interface VegaPower {
  /** Under thirty days. */
  readonly shortTerm: number
  readonly longTerm: number
}

/** Source: docs.deribit.com, private/pme/simulate; docs.paradex.trade, "Portfolio Margin". */
export const VEGA_POWER: VegaPower = { shortTerm: 0.3, longTerm: 0.13 }

/** (30 / days)^power, days at least 1. */
export function volatilityStretch(days: number, power: VegaPower = VEGA_POWER): number {
  return (30 / Math.max(1, days)) ** (days < 30 ? power.shortTerm : power.longTerm)
}

/** One scenario of a weighted scan. */
export interface WeightedScenario {
  /** Relative moves of price and volatility, the latter stretched by {@link volatilityStretch}. */
  readonly price: number
  readonly volatility: number
  /** Share of the profit that counts. */
  readonly weight: number
}

const BOTH = [0.4, -0.22]
/** The 24 scenarios of Paradex. Source: docs.paradex.trade, "Portfolio Margin", read November 2026. */
export const PARADEX_SCENARIOS: readonly WeightedScenario[] = [
  ...[0.16, 0.12, 0.08, 0.04, 0, -0.04, -0.08, -0.12, -0.16].flatMap((price) =>
    (Math.abs(price) === 0.16 ? [0.4] : BOTH).map((volatility) => ({ price, volatility, weight: 1 })),
  ),
  { price: -0.66, volatility: 0.4, weight: 0.24 },
  { price: -0.33, volatility: 0.4, weight: 0.48 },
  { price: 0.5, volatility: 0.4, weight: 0.32 },
  { price: 1, volatility: 0.4, weight: 0.16 },
  { price: 2, volatility: 0.4, weight: 0.08 },
  { price: 3, volatility: 0.4, weight: 0.0533 },
  { price: 4, volatility: 0.4, weight: 0.04 },
  { price: 5, volatility: 0.4, weight: 0.032 },
]

/** Options of one expiry on a forward. */
export interface ScannedExpiry {
  readonly days: number
  readonly forward: number
  readonly options: readonly ScannedOption[]
}

/** What a weighted scan finds, dollars. */
export interface ScanResult {
  /** Weighted profit of every scenario. */
  readonly profits: readonly number[]
  /** The greatest weighted loss, at least 0. */
  readonly risk: number
  /** Index of the scenario it is of; −1 where none loses. */
  readonly worst: number
}

/**
 * Revalues options and futures under weighted scenarios; linear contracts, undiscounted.
 *
 * @param deltaOne Base units of futures and perpetuals, which move with `spot`.
 */
export function weightedScan(
  expiries: readonly ScannedExpiry[],
  deltaOne: number,
  spot: number,
  scenarios: readonly WeightedScenario[] = PARADEX_SCENARIOS,
  power: VegaPower = VEGA_POWER,
): ScanResult {
  const profits = scenarios.map(({ price }) => deltaOne * spot * price)
  const scan = new OptionScan()
  for (const { days, forward, options } of expiries) {
    scan.load(options, days / 365)
    scan.spread(0, 1, 0)
    const now = scan.worth(forward, 0)
    const stretch = volatilityStretch(days, power)
    for (const [i, { price, volatility }] of scenarios.entries()) {
      scan.spread(1, Math.max(0, 1 + volatility * stretch), 0)
      profits[i]! += scan.worth(forward * (1 + price), 1) - now
    }
  }
  let risk = 0
  let worst = -1
  for (const [i, { weight }] of scenarios.entries()) {
    profits[i]! *= weight
    if (-profits[i]! <= risk) continue
    risk = -profits[i]!
    worst = i
  }
  return { profits, risk, worst }
}

/** Parameters of one underlying, named as the venue does. */
export interface DeribitPortfolioTerms {
  /** Largest regular move, and how many steps to it either side. */
  readonly priceRange: number
  readonly buckets: number
  readonly volatilityRangeUp: number
  readonly volatilityRangeDown: number
  readonly minVolatilityForShockUp: number
  readonly power: VegaPower
  readonly extendedMoves: readonly number[]
  readonly extendedFactor: number
  /** Dollars. */
  readonly extendedDampener: number
  /** Delta in dollars the market absorbs, what each further coin adds to the shock, and its most. */
  readonly deltaThreshold: number
  readonly deltaIncrement: number
  readonly deltaShockMax: number
  /** Move of an expiry against others: e^(risk × years) − 1, at least the minimum. */
  readonly annualisedMoveRisk: number
  readonly minMove: number
  readonly maintenanceFactor: number
}

const BTC: DeribitPortfolioTerms = {
  priceRange: 0.16,
  buckets: 4,
  volatilityRangeUp: 0.5,
  volatilityRangeDown: 0.25,
  minVolatilityForShockUp: 0.5,
  power: VEGA_POWER,
  extendedMoves: [-0.66, -0.33, 0.5, 1, 2, 3, 4, 5],
  extendedFactor: 1,
  extendedDampener: 100_000,
  deltaThreshold: 20e6,
  deltaIncrement: 0.000_05,
  deltaShockMax: 0.1,
  annualisedMoveRisk: 0.075,
  minMove: 0.01,
  maintenanceFactor: 0.8,
}

/** Source: `model_params` of private/pme/simulate: BTC as of June 2024 (documentation), ETH as of February 2026 (a user's answer). */
export const DERIBIT_PORTFOLIO_TERMS: Readonly<Record<string, DeribitPortfolioTerms>> = {
  BTC,
  ETH: {
    ...BTC,
    priceRange: 0.18,
    volatilityRangeUp: 0.4,
    extendedDampener: 200_000,
    deltaIncrement: 0.000_004,
    annualisedMoveRisk: 0.05,
    minMove: 0.005,
  },
}

/**
 * What counts of a profit under an extended move, before the dampener: the fraction range / move, and where profit is in coins
 * their worth at the move carried to the edge of the range.
 */
export function extendedProfit(profit: number, move: number, terms: DeribitPortfolioTerms, inCoins: boolean): number {
  const share = (terms.extendedFactor * terms.priceRange) / Math.abs(move)
  if (!inCoins) return profit * share
  return (profit * share * (1 + move)) / (1 + Math.sign(move) * terms.priceRange)
}

/** A profit with the dampener taken off it, towards zero; `price` is that at which dollars become the profit's unit. */
export function dampened(profit: number, move: number, terms: DeribitPortfolioTerms, price: number): number {
  const most = Math.max(Math.abs(move) / terms.priceRange, 1) - 1
  const amount = Math.min((most * terms.extendedDampener) / price, Math.abs(profit))
  return profit < 0 ? profit + amount : profit - amount
}

/** Shock for delta beyond what the market absorbs, in coins; `delta` in coins, either sign. */
export function deltaShock(delta: number, index: number, terms: DeribitPortfolioTerms): number {
  const coins = Math.abs(delta)
  const beyond = Math.max(0, coins - terms.deltaThreshold / index)
  return coins * Math.min(terms.deltaShockMax, beyond * terms.deltaIncrement)
}

/** Shock for the delta of one expiry moving against the others, in coins; perpetuals are at 0 years. */
export function rollShock(delta: number, years: number, terms: DeribitPortfolioTerms): number {
  return Math.abs(delta) * Math.max(terms.minMove, Math.expm1(terms.annualisedMoveRisk * Math.max(0, years)))
}

/** All positions of one underlying in one settlement currency. */
interface Group {
  readonly asset: string
  readonly inCoins: boolean
  /** Futures and perpetuals as base units, with the mark they move from; expiry 0 is the perpetual. */
  readonly futures: { readonly coins: number; readonly mark: number; readonly expiryUs: number }[]
  readonly expiries: Map<number, OptionPosition[]>
}

/** What one group is asked, in its settlement currency. */
interface GroupMargin {
  readonly scan: number
  readonly worst: string
  readonly delta: number
  readonly roll: number
}

function percent(move: number): string {
  const rounded = Math.round(1000 * move) / 10
  return `${rounded < 0 ? '−' : '+'}${Math.abs(rounded)} %`
}

/** Deltas of futures and options, by what they are to the delta shock and by expiry. */
function deltasOf(group: Group, market: MarketView): { bought: number; rest: number; byExpiry: Map<number, number> } {
  const byExpiry = new Map<number, number>()
  let bought = 0
  let rest = 0
  const add = (expiryUs: number, delta: number) => byExpiry.set(expiryUs, (byExpiry.get(expiryUs) ?? 0) + delta)
  for (const { coins, expiryUs } of group.futures) {
    rest += coins
    add(expiryUs, coins)
  }
  for (const [expiryUs, options] of group.expiries) {
    const forward = market.forward(group.asset, expiryUs, options[0]!.instrument)
    const years = Math.max(0, (expiryUs - market.timeUs) / YEAR_US)
    for (const { right, strike, size, instrument } of options) {
      const s = market.volatility(group.asset, expiryUs, strike, instrument) * Math.sqrt(years)
      const d1 =
        s === 0 ? Math.sign(forward - strike) * Number.POSITIVE_INFINITY : Math.log(forward / strike) / s + s / 2
      const delta = size * right * (Number.isNaN(d1) && s === 0 ? 0.5 : normalCdf(right * d1))
      if (size > 0) bought += delta
      else rest += delta
      add(expiryUs, delta)
    }
  }
  return { bought, rest, byExpiry }
}

/** Prices the matrix of a group. The scan's worth is in dollars of the forward; coins divide by it. */
function scanGroup(group: Group, terms: DeribitPortfolioTerms, market: MarketView, scan: OptionScan): GroupMargin {
  const { asset, inCoins, futures, expiries } = group
  const spot = market.spot(asset)
  const moves = Array.from(
    { length: 2 * terms.buckets + 1 },
    (_, i) => (terms.priceRange * (i - terms.buckets)) / terms.buckets,
  )
  const cells = [
    ...moves.flatMap((move) => [0, 1, 2].map((way) => ({ move, way, extended: false }))),
    ...terms.extendedMoves.map((move) => ({ move, way: 1, extended: true })),
  ]
  let coins = 0
  let dollars = 0
  for (const future of futures) {
    coins += future.coins
    dollars += future.coins * future.mark
  }
  // Every future moves from its own mark, as options do from their forward: else a hedge at a basis would seem to slip.
  // In coins q base units gain q (1 − 1/(1 + move)), in dollars q × mark × move.
  const profits = cells.map(({ move }) => (inCoins ? coins * (move / (1 + move)) : dollars * move))
  for (const [expiryUs, options] of expiries) {
    const forward = market.forward(asset, expiryUs, options[0]!.instrument)
    const years = Math.max(0, (expiryUs - market.timeUs) / YEAR_US)
    const stretch = volatilityStretch((expiryUs - market.timeUs) / DAY_US, terms.power)
    scan.load(
      options.map(({ size, strike, right, instrument }) => ({
        amount: size,
        strike,
        right,
        volatility: market.volatility(asset, expiryUs, strike, instrument),
      })),
      years,
    )
    scan.spread(0, 1, 0)
    scan.spread(1, 1 + terms.volatilityRangeUp * stretch, terms.minVolatilityForShockUp)
    scan.spread(2, Math.max(0, 1 - terms.volatilityRangeDown * stretch), 0)
    const now = scan.worth(forward, 0) / (inCoins ? forward : 1)
    for (const [i, { move, way }] of cells.entries()) {
      const there = forward * (1 + move)
      profits[i]! += scan.worth(there, way) / (inCoins ? there : 1) - now
    }
  }
  let least = 0
  let worst = 'no scenario loses'
  for (const [i, { move, way, extended }] of cells.entries()) {
    let profit = profits[i]!
    if (extended) {
      const edge = inCoins ? (1 + Math.sign(move) * terms.priceRange) * spot : 1
      profit = dampened(extendedProfit(profit, move, terms, inCoins), move, terms, edge)
    }
    if (profit >= least) continue
    least = profit
    worst = `worst scenario ${asset}: price ${percent(move)}, volatility ${['same', 'up', 'down'][way]}${extended ? ', extended' : ''}`
  }
  const { bought, rest, byExpiry } = deltasOf(group, market)
  // Bought options may take delta away, never add to it: their loss is bounded by what they are worth.
  const net = rest < 0 ? Math.min(Math.max(bought + rest, rest), 0) : Math.max(Math.min(bought + rest, rest), 0)
  const unit = inCoins ? 1 : spot
  let roll = 0
  for (const [expiryUs, delta] of byExpiry) {
    roll += rollShock(delta, expiryUs === 0 ? 0 : (expiryUs - market.timeUs) / YEAR_US, terms)
  }
  // A figure that is not a number must not be passed over by a comparison.
  const unknown = profits.some(Number.isNaN)
  return { scan: unknown ? Number.NaN : -least, worst, delta: unit * deltaShock(net, spot, terms), roll: unit * roll }
}

const NAME = 'deribit-portfolio'

function groupOf(groups: Map<string, Group>, position: FuturePosition | OptionPosition): Group {
  const key = `${position.settle} ${position.asset}`
  const known = groups.get(key)
  if (known) return known
  const opened: Group = {
    asset: position.asset,
    inCoins: !dollarLike(position.settle),
    futures: [],
    expiries: new Map(),
  }
  groups.set(key, opened)
  return opened
}

/**
 * The engine: a pool per settlement currency, in it a matrix per underlying, their margins added. Equity counts options at their
 * worth, bought ones too.
 */
export function deribitPortfolio(
  terms: Readonly<Record<string, DeribitPortfolioTerms>> = DERIBIT_PORTFOLIO_TERMS,
): MarginEngine {
  const scan = new OptionScan()
  return {
    name: NAME,
    source: 'support.deribit.com, Portfolio Margin; docs.deribit.com, private/pme/simulate (2024 to 2026)',
    assess(account: VenueAccount, market: MarketView): MarginReport {
      requireNumbers(account)
      refuseDebts(NAME, account, () => true)
      const view = new WatchedView(market)
      const equities = new Map<string, number>(Object.entries(account.balances))
      const groups = new Map<string, Group>()
      for (const each of account.positions) {
        const position = deribitPosition(NAME, each, account.venue)
        if (!Object.hasOwn(terms, position.asset)) {
          refusePosition(NAME, position, account.venue, 'its asset has no listed terms')
        }
        if (position.size === 0) continue
        const group = groupOf(groups, position)
        let worth: number
        if (position.kind === 'option') {
          const { expiryUs, strike, right, size } = position
          group.expiries.set(expiryUs, [...(group.expiries.get(expiryUs) ?? []), position])
          scan.load(
            [
              {
                amount: size,
                strike,
                right,
                volatility: view.volatility(position.asset, expiryUs, strike, position.instrument),
              },
            ],
            (expiryUs - market.timeUs) / YEAR_US,
          )
          scan.spread(0, 1, 0)
          const forward = view.forward(position.asset, expiryUs, position.instrument)
          worth = scan.worth(forward, 0) / (group.inCoins ? forward : 1) - size * (position.entry ?? 0)
        } else {
          const mark = futureMark(position, account.venue, view)
          const expiryUs = position.kind === 'perp' ? 0 : (position.expiryUs ?? 0)
          group.futures.push({ coins: futureCoins(position, mark), mark, expiryUs })
          worth = futureProfit(position, mark)
        }
        equities.set(position.settle, (equities.get(position.settle) ?? 0) + worth)
      }
      const lines = new Map<string, MarginLine[]>()
      for (const [key, group] of groups) {
        const listed = terms[group.asset]!
        const asked = scanGroup(group, listed, view, scan)
        const line = (what: string, initial: number): MarginLine => ({
          what,
          initial,
          maintenance: listed.maintenanceFactor * initial,
        })
        const currency = key.slice(0, key.indexOf(' '))
        const rows = lines.get(currency) ?? []
        lines.set(currency, rows)
        rows.push(
          line(asked.worst, asked.scan),
          line(`delta shock ${group.asset}`, asked.delta),
          line(`roll shock ${group.asset}`, asked.roll),
        )
      }
      const pools = [...equities].map(([currency, equity]) =>
        pooled(currency, currency, equity, lines.get(currency) ?? []),
      )
      return marginReport(NAME, pools, view)
    },
  }
}
