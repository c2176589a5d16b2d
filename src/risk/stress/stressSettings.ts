/**
 * @file What a stress assumes besides its scenario: routes of money, terms of liquidation, hedges, costs of options.
 *
 * Everything here is an assumption, so everything here has a source or says that it is ours, and all of it can be replaced.
 */

import { HOUR_US, MINUTE_US, SECOND_US } from '../../core/clock.ts'
import { HYPERLIQUID_LIQUIDATION } from '../../portfolio/margin/hyperliquid.ts'

/** How money gets from one account to another. `*` stands for any venue. */
export interface TransferRoute {
  readonly from: string
  readonly to: string
  readonly timeUs: number
  /** Dollars besides a transaction at either end. */
  readonly fee: number
}

/** What a venue does to an account below maintenance. */
export interface LiquidationTerms {
  /** Fraction of the notional closed that is charged on top of the cost of the trade. */
  readonly penalty: number
  /** The same for options. */
  readonly optionPenalty: number
  /** Equity over maintenance below which the venue takes the whole account and gives nothing back; 0 for never. */
  readonly takeover: number
  /** Whether what an account owes beyond its collateral is ours to pay. */
  readonly recourse: boolean
  /** Of a position larger than `above` dollars only `share` is sold at first; what must be sold within `coolDownUs` of that, whole. */
  readonly partial?: { readonly above: number; readonly share: number; readonly coolDownUs: number }
  readonly source: string
}

const OURS = 'our assumption'
const DERIBIT_TERMS =
  'support.deribit.com, Insurance Fund: it covers what a bankrupt account owes; liquidation orders 0.75 % futures and perpetuals, ' +
  '0.19 % options, as we remember the fee page (an older one says 0.5 % BTC, 0.9 % ETH, 0.2 % options)'

/** By name of margin engine; `*` for those without a line. */
export const LIQUIDATION_TERMS: Readonly<Record<string, LiquidationTerms>> = {
  hyperliquid: {
    penalty: 0,
    optionPenalty: 0,
    takeover: HYPERLIQUID_LIQUIDATION.backstopShare,
    recourse: false,
    partial: {
      above: HYPERLIQUID_LIQUIDATION.partialAbove,
      share: HYPERLIQUID_LIQUIDATION.partialFraction,
      coolDownUs: HYPERLIQUID_LIQUIDATION.coolDownSeconds * SECOND_US,
    },
    source:
      'hyperliquid.gitbook.io, Liquidations: no clearance fee; backstop below 2/3 of maintenance keeps the margin; a fifth of what is ' +
      'larger than 100,000 USDC, and in the 30 s after that whole positions',
  },
  'dydx-v4': {
    penalty: 0.015,
    optionPenalty: 0.015,
    takeover: 0,
    recourse: false,
    source: 'dydx v4 chain, max_liquidation_fee_ppm 15000: the most it may take',
  },
  'deribit-standard': {
    penalty: 0.0075,
    optionPenalty: 0.0019,
    takeover: 0,
    recourse: false,
    source: DERIBIT_TERMS,
  },
  'deribit-portfolio': {
    penalty: 0.0075,
    optionPenalty: 0.0019,
    takeover: 0,
    recourse: false,
    source: DERIBIT_TERMS,
  },
  'aave-v3': {
    penalty: 0.05,
    optionPenalty: 0,
    takeover: 0,
    recourse: false,
    source:
      'Aave v3: bonus of the collateral, 5 % where a position does not name its own; the loan is not backed by more',
  },
  '*': { penalty: 0.01, optionPenalty: 0.01, takeover: 0, recourse: true, source: OURS },
}

/** Where the delta of an asset is put right, in order of preference among equals. */
export interface HedgePlace {
  readonly asset: string
  readonly venue: string
}

export interface StressSettings {
  /** First that fits; an account no route leads to cannot be helped. */
  readonly routes: readonly TransferRoute[]
  readonly terms: Readonly<Record<string, LiquidationTerms>>
  /** Equity over maintenance below which we send money, and what it is to be afterwards (sources keep that much too). */
  readonly callBelow: number
  readonly callTo: number
  /** Perpetuals to hedge with; absent: those the book holds. */
  readonly hedges?: readonly HedgePlace[]
  /** Time over which an unhedged delta would be carried: what a rebalance saves is the mean loss of half a normal move over it. */
  readonly hedgeHorizonUs: number
  /** Volatility for that where an asset has no options, a fraction a year. */
  readonly hedgeVolatility: number
  /** Half the spread of an option before any shock, in volatility: 0.02 is two points. */
  readonly optionHalfSpread: number
  /** Most an option's fee may be of its value. */
  readonly optionFeeCap: number
  /** Share of the move our own trades make that stays in the price, and how soon half of it is gone. */
  readonly impactShare: number
  readonly impactHalfLifeUs: number
}

/** Assumptions for a book of a few million dollars over order-book venues and a lender. */
export const DEFAULT_STRESS: StressSettings = {
  // A withdrawal, a few confirmations, a deposit; withdrawal fees of venues are a few dollars.
  routes: [{ from: '*', to: '*', timeUs: 30 * MINUTE_US, fee: 5 }],
  terms: LIQUIDATION_TERMS,
  callBelow: 1.5,
  callTo: 2,
  hedgeHorizonUs: HOUR_US,
  hedgeVolatility: 0.8,
  optionHalfSpread: 0.02,
  // Deribit: 0.03 % of the underlying, at most 12.5 % of the option's price.
  optionFeeCap: 0.125,
  // Half of the impact of a large order is gone when it is done (Bouchaud et al., "Trades, Quotes and Prices", 2018, ch. 12).
  impactShare: 0.5,
  impactHalfLifeUs: 10 * MINUTE_US,
}

/** Terms of an engine, or those for any. */
export function termsOf(settings: StressSettings, engine: string | undefined): LiquidationTerms {
  return settings.terms[engine ?? '*'] ?? settings.terms['*'] ?? LIQUIDATION_TERMS['*']!
}

/** The first route that fits; undefined where money cannot go. */
export function routeOf(settings: StressSettings, from: string, to: string): TransferRoute | undefined {
  const fits = (pattern: string, venue: string) => pattern === '*' || pattern === venue
  return settings.routes.find((route) => fits(route.from, from) && fits(route.to, to))
}
