/**
 * @file What the desk's commands found, as plain data: the JSON twin of their page, and all the page is made from.
 *
 * Deterministic: the same market and book give the same bytes, so neither wall time nor the machine is in it. A figure that is not
 * known is NaN here and null in JSON.
 */

import type { GreeksTable } from '../portfolio/greeksTable.ts'
import type { MarginLine } from '../portfolio/margin/marginEngine.ts'
import type { HeatMap } from '../risk/stress/frontier.ts'
import type { Losses } from '../risk/stress/heldBook.ts'
import type { UnwatchedBreaker } from '../risk/stress/protectiveRules.ts'
import type { ReverseShock } from '../risk/stress/reverseStress.ts'
import type { CascadeEvent } from '../risk/stress/stressMoment.ts'

/** Raised when a field changes its meaning or goes; adding fields does not raise it. */
export const DESK_SCHEMA_VERSION = 1

/** Where the market comes from: recorded and read back, generated, both, or figures somebody wrote down. */
export type MarketKind = 'real' | 'replayed' | 'synthetic' | 'mixed' | 'given'

/** A quote that was believed, as volatilities, fractions a year; `high` Infinity where no volatility reaches the ask. */
export interface SmileQuote {
  readonly strike: number
  readonly logMoneyness: number
  readonly low: number
  readonly mid: number
  readonly high: number
  readonly inside: boolean
}

/** An expiry of a fitted surface. */
export interface ExpiryFacts {
  readonly expiryUs: number
  readonly days: number
  readonly forward: number
  /** Where the forward comes from; '' where it lies between others. */
  readonly forwardSource: string
  /** How the slice was made, `ExpiryOutcome`. */
  readonly outcome: string
  /** At the money (strike = forward), a fraction a year. */
  readonly volatility: number
  /** Of volatility over ln(K/F), at the money: first and second derivative. */
  readonly skew: number
  readonly curvature: number
  readonly rows: number
  readonly used: number
  /** Rows not believed, by reason. */
  readonly refused: Readonly<Record<string, number>>
  /** Root mean square distance of the surface from mids, in volatility; NaN without quotes. */
  readonly rmse: number
  /** Believed rows whose bid and ask hold the surface. */
  readonly inside: number
  /** Volatility of the variance swap to this expiry, and the share of its variance that lies between the strikes believed. */
  readonly varianceSwap: number
  readonly varianceSwapQuoted: number
  /** Durrleman's g at its least: below 0 a butterfly could be had for nothing. NaN where the surface has no slice of its own. */
  readonly gLeast: number
  readonly gAt: number
  /** `free`, `arbitrage`, `undecided`; 'interpolated' where the surface has no slice of its own. */
  readonly verdict: string
  readonly quotes: readonly SmileQuote[]
  /** The fitted smile over the strikes quoted, and a little beyond. */
  readonly smile: readonly { readonly logMoneyness: number; readonly volatility: number }[]
  /** Risk-neutral density of the price at expiry, per unit of ln(K/F). */
  readonly density: readonly { readonly logMoneyness: number; readonly density: number }[]
}

export interface SurfaceFacts {
  readonly asset: string
  readonly venue: string
  readonly timeUs: number
  readonly quotes: number
  readonly used: number
  readonly refused: Readonly<Record<string, number>>
  readonly expiries: readonly ExpiryFacts[]
  /** Volatility of the variance swap over thirty days. */
  readonly index30: number
  /** Median of half the difference between the volatilities of ask and bid, options near the money. */
  readonly halfSpread: number
  readonly arbitrage: {
    readonly free: boolean
    readonly butterflies: number
    readonly calendars: number
    /** Least g found between expiries and beyond the last. */
    readonly gBetween: number
    readonly gBeyond: number
    /** Least gap of total variance between neighbouring slices, and the earlier one's expiry. */
    readonly calendarLeast: number
    readonly calendarUs: number
  }
}

/** The book at one price of an asset. */
export interface LadderRow {
  /** Price over today's. */
  readonly factor: number
  readonly price: number
  /** Change of the book's worth, dollars. */
  readonly profit: number
  readonly delta: number
  readonly deltaDollars: number
  readonly gammaDollars: number
  readonly vega: number
  readonly theta: number
}

export interface Ladder {
  readonly asset: string
  readonly rows: readonly LadderRow[]
}

export interface GreeksFacts {
  readonly table: GreeksTable
  /** One for each asset whose Greeks bend, and for each asset where none does. */
  readonly ladders: readonly Ladder[]
}

/** Where an account meets its maintenance when one asset moves. Prices NaN where it does not. */
export interface LiquidationFacts {
  readonly asset: string
  readonly price: number
  /** The asset's volatility used for the distances, and whether options say it or it is assumed. */
  readonly volatility: number
  readonly volatilityAssumed: boolean
  readonly down: number
  readonly up: number
  readonly downPercent: number
  readonly upPercent: number
  /** Standard deviations of a day's move. */
  readonly downDeviations: number
  readonly upDeviations: number
}

/** What a position asks of its account: margin with it less margin without. Dollars. */
export interface MarginShare {
  readonly name: string
  readonly initial: number
  readonly maintenance: number
  readonly equity: number
}

export interface PoolFacts {
  readonly name: string
  readonly currency: string
  readonly equity: number
  readonly initial: number
  readonly maintenance: number
  readonly free: number
  /** The largest, by initial margin. */
  readonly lines: readonly MarginLine[]
  readonly linesLeftOut: number
}

export interface AccountFacts {
  readonly account: number
  readonly venue: string
  /** '' for a wallet, in which nothing can be liquidated. */
  readonly engine: string
  readonly source: string
  /** Worth of everything in it at the market, dollars. */
  readonly value: number
  /** As its venue counts, dollars; NaN for a wallet. */
  readonly equity: number
  readonly initial: number
  readonly maintenance: number
  /** Equity beyond initial margin, over its pools, dollars. */
  readonly free: number
  /** Equity over maintenance of the weakest pool; Infinity where nothing is asked. */
  readonly ratio: number
  readonly liquidatable: boolean
  readonly missing: readonly string[]
  /** Why its venue's rules cannot say; '' when they can. */
  readonly refusal: string
  readonly pools: readonly PoolFacts[]
  readonly liquidations: readonly LiquidationFacts[]
  readonly shares: readonly MarginShare[]
  readonly balances: readonly { readonly currency: string; readonly units: number; readonly dollars: number }[]
}

/** Margin ratios of the accounts as all coins move together. */
export interface MarginLadder {
  readonly factors: readonly number[]
  /** Equity over maintenance of the weakest pool; Infinity where nothing is asked. // [accounts][factors] */
  readonly ratios: readonly (readonly number[])[]
}

/** Money that should move so that every account survives the moves asked for, at the least cost. */
export interface MovesFacts {
  /** What was asked: `all coins −20 %`. */
  readonly survived: readonly string[]
  readonly moves: readonly {
    readonly from: string
    readonly to: string
    readonly currency: string
    readonly units: number
    /** Dollars sent, what it costs, and how long it takes. */
    readonly dollars: number
    readonly cost: number
    readonly takesUs: number
  }[]
  /** What no route and no free money can provide, dollars an account. */
  readonly missing: readonly { readonly venue: string; readonly dollars: number }[]
  /** Why nothing could be proposed; '' when it could. */
  readonly refusal: string
}

/** The same deltas at the least cost of capital, trading and carry. */
export interface OptimisedFacts {
  readonly feasible: boolean
  readonly trades: readonly {
    readonly name: string
    readonly venue: string
    readonly size: number
    readonly held: number
    readonly cost: number
    readonly why: string
  }[]
  readonly collateral: readonly {
    readonly venue: string
    readonly currency: string
    readonly units: number
    readonly dollars: number
  }[]
  /** Dollars: initial margin before and after, own money put in less taken out, cost of trading, carry over the horizon. */
  readonly initialBefore: number
  readonly initial: number
  readonly capitalAdded: number
  readonly trading: number
  readonly carry: number
  readonly horizonDays: number
  readonly binding: readonly string[]
  readonly violations: readonly string[]
}

export interface MarginFacts {
  readonly accounts: readonly AccountFacts[]
  readonly ladder: MarginLadder
  readonly moves: MovesFacts
  /** Absent where it was not asked. */
  readonly optimised?: OptimisedFacts
}

/** A scenario with and without protection. */
export interface ScenarioFacts {
  readonly name: string
  readonly about: string
  /** In the language of scenarios. */
  readonly text: string
  readonly outcome: string
  readonly unprotectedOutcome: string
  readonly survived: boolean
  readonly unprotectedSurvived: boolean
  readonly cause: string
  readonly verdict: string
  readonly start: number
  readonly end: number
  readonly minimum: number
  readonly minimumAtUs: number
  readonly unprotectedEnd: number
  readonly unprotectedMinimum: number
  readonly losses: Readonly<Losses>
  readonly acted: readonly string[]
  readonly liquidated: readonly string[]
  readonly unprotectedLiquidated: readonly string[]
}

/** Equity through the worst scenario. */
export interface PathFacts {
  readonly name: string
  readonly guarded: readonly { readonly atUs: number; readonly equity: number; readonly ratio: number }[]
  readonly bare: readonly { readonly atUs: number; readonly equity: number; readonly ratio: number }[]
  readonly events: readonly CascadeEvent[]
  readonly eventsLeftOut: number
}

/** Loss in the tail of what history would have done to this book. */
export interface TailFacts {
  readonly level: number
  readonly horizonUs: number
  readonly shocks: number
  readonly fromUs: number
  readonly toUs: number
  readonly valueAtRisk: number
  readonly expectedShortfall: number
  readonly worst: number
  readonly byAccount: readonly { readonly venue: string; readonly expectedShortfall: number }[]
}

export interface StressFacts {
  readonly equity: number
  readonly scenarios: readonly ScenarioFacts[]
  /** Names of those a protected book does not survive. */
  readonly deadly: readonly string[]
  readonly heatMap: HeatMap
  readonly liquidation: ReverseShock | undefined
  readonly ruin: ReverseShock | undefined
  readonly reverseHorizonUs: number
  readonly evaluations: number
  readonly path: PathFacts | undefined
  /** Undefined without a history of prices; then `tailMissing` says why. */
  readonly tail: TailFacts | undefined
  readonly tailMissing: string
  /** Names of the breakers that watched, and those of the gate's usual ones that no scenario can read. */
  readonly rules: readonly string[]
  readonly unwatched: readonly UnwatchedBreaker[]
}

/** Everything the page shows. Sections that were not computed are absent. */
export interface DeskReport {
  readonly schemaVersion: number
  readonly gimbalVersion: string
  readonly market: {
    readonly kind: MarketKind
    readonly source: string
    readonly timeUs: number
    readonly assumptions: readonly string[]
    readonly spots: readonly { readonly asset: string; readonly price: number }[]
  }
  readonly book?: {
    readonly name: string
    /** Made up by gimbal to fit the market. */
    readonly example: boolean
    readonly accounts: number
    readonly positions: number
    readonly value: number
  }
  readonly surfaces?: readonly SurfaceFacts[]
  readonly greeks?: GreeksFacts
  readonly margin?: MarginFacts
  readonly stress?: StressFacts
}
