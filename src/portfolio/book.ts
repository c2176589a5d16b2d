/**
 * @file What is held, over all venues and protocols, as plain data: the argument of valuation, margin, hedging and stress.
 *
 * The ledger (`portfolio.ts`) counts one run's money in atoms. A book is wider and in doubles: it also holds what no run of
 * ours traded (a pool position, a loan, an account elsewhere), and questions are asked of it that change nothing.
 *
 * Sizes are in units of the base asset (an option contract is one base unit), prices in dollars per base unit unless said
 * otherwise. Positive is bought, lent or supplied; negative is sold; debts are positions of their own.
 */

import { isoDay } from '../core/clock.ts'
import type { Right } from '../pricing/right.ts'

/** The last moment a date can be written of, microseconds since 1970. */
export const TIME_MAX_US = 8.64e18

interface Held {
  /** Base asset by its symbol: `BTC`. What prices come from and Greeks are summed over. */
  readonly asset: string
  /** Instrument's name where it has one; appears in reports. */
  readonly instrument?: string
}

/** A perpetual or dated future. Its profit since `entry` is owed, its notional is not paid. */
export interface FuturePosition extends Held {
  readonly kind: 'perp' | 'future'
  /** Linear: base units. Inverse: contracts of one dollar. Signed. */
  readonly size: number
  readonly payoff: 'linear' | 'inverse'
  /** Average price paid, dollars per base. */
  readonly entry: number
  /** Currency of margin and profit: `USDC`, or the asset itself for inverse ones. A linear one backed by coins (GMX) owes dollars in them. */
  readonly settle: string
  /** Futures only. */
  readonly expiryUs?: number
  /** Set aside for this position alone, in `settle`, and no longer among the free balances; absent: cross margin. */
  readonly isolatedMargin?: number
  /** Leverage chosen at the venue; absent: the most it allows. */
  readonly leverage?: number
}

/** A European option. */
export interface OptionPosition extends Held {
  readonly kind: 'option'
  /** Contracts of one base unit, signed. */
  readonly size: number
  readonly right: Right
  /** Dollars per base. */
  readonly strike: number
  readonly expiryUs: number
  /** The asset itself for coin-settled (inverse) options, whose price is a fraction of it; else a dollar coin. */
  readonly settle: string
  /**
   * Price paid, in units of `settle`, where profit since then is still owed (a futures-style ledger such as ours).
   * Absent: the premium changed hands at once and the option is an asset worth its price.
   */
  readonly entry?: number
}

/** Liquidity in a constant-product pool, over all prices or between two (Uniswap v2, v3). */
export interface PoolPosition extends Held {
  readonly kind: 'pool'
  /** Liquidity L in √(base × quote), human units of both tokens. Negative: borrowed, as a perpetual option does. */
  readonly liquidity: number
  /** Currency of the other token; a dollar coin or an asset the market knows. */
  readonly quote: string
  /** Range in quote per base; 0 and Infinity for the whole line. */
  readonly lower: number
  readonly upper: number
  /** Fees earned and not yet collected, in base and quote units. */
  readonly feesBase?: number
  readonly feesQuote?: number
  /** Share of value earned as fees a day at present, a fraction; 0 when absent. */
  readonly feeYieldPerDay?: number
}

/**
 * Squeeth and its like: `scale × normalisation × spot²` at its index, and worth more by what its convexity costs over its 420 hours
 * at the market's volatility (`pricing/powerPerpetual.ts`): that is the mark it can be sold at.
 */
export interface PowerPosition extends Held {
  readonly kind: 'power'
  readonly size: number
  /** Dollars per unit per spot²: 1e-4 for squeeth. */
  readonly scale: number
  /** Normalisation factor, which pays the funding by shrinking: of the moment of the book, and kept through revaluations. */
  readonly normalisation: number
  readonly entry: number
  readonly settle: string
}

/** Supplied to, or borrowed from, a lending protocol. */
export interface LendingPosition extends Held {
  readonly kind: 'supply' | 'debt'
  /** Units of the asset, not negative. */
  readonly amount: number
  /** Interest a year, continuously compounded: earned on supply, owed on debt. */
  readonly rate: number
  /** Supply only: share of value that may be borrowed, and below which the loan is liquidated; and what liquidators are paid. */
  readonly loanToValue?: number
  readonly liquidationThreshold?: number
  readonly liquidationBonus?: number
}

export type Position = FuturePosition | OptionPosition | PoolPosition | PowerPosition | LendingPosition

/** One account, margined as one: at a venue, a subaccount there, or a wallet on one protocol. */
export interface VenueAccount {
  readonly venue: string
  /** Name of the margin engine that rules it (`margin/registry.ts`); absent: nothing here can be liquidated (a wallet). */
  readonly margin?: string
  /** Free balances in units of each currency, coins included: what spot holdings are. May be negative where a venue lends. */
  readonly balances: Readonly<Record<string, number>>
  readonly positions: readonly Position[]
}

/** Money on its way between two accounts: it backs neither until it arrives. */
export interface Transfer {
  readonly from: string
  readonly to: string
  readonly currency: string
  readonly units: number
  readonly arrivesUs: number
}

export interface Book {
  readonly accounts: readonly VenueAccount[]
  readonly inTransit: readonly Transfer[]
}

/** `2026-01-30`; the figure itself where it is no time. */
function dayOf(timeUs: number): string {
  return Math.abs(timeUs) <= TIME_MAX_US ? isoDay(timeUs) : String(timeUs)
}

/** A position's name in reports: its instrument's, else what it is. */
export function positionName(position: Position): string {
  if (position.instrument !== undefined) return position.instrument
  const { kind, asset } = position
  switch (position.kind) {
    case 'option':
      return `${asset} ${dayOf(position.expiryUs)} ${position.strike} ${position.right > 0 ? 'call' : 'put'}`
    case 'future':
      return `${asset} ${position.expiryUs === undefined ? '' : dayOf(position.expiryUs)} future`
    case 'pool':
      return `${asset}/${position.quote} pool ${position.lower} to ${position.upper}`
    default:
      return `${asset} ${kind}`
  }
}
