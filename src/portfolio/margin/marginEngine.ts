/** @file What a margin engine promises: how much a venue asks of an account, and what stands behind it. */

import type { VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'

/** One figure of a margin, named, so that a report can say where it came from. */
export interface MarginLine {
  /** `BTC-USD-PERP@hyperliquid`, `worst scenario −16 % spot, volatility up`, `concentration`. */
  readonly what: string
  readonly initial: number
  readonly maintenance: number
}

/** One sum of collateral that is judged by itself: a venue's whole account, a currency of it, or one isolated position. */
export interface MarginPool {
  /** `USDC`, `BTC`, or the isolated position's name. */
  readonly name: string
  /** Currency of the figures below; `USD` where the venue reckons in dollars over all collateral. */
  readonly currency: string
  /** What counts towards margin, after haircuts. */
  readonly equity: number
  /** What is asked before anything may be opened or withdrawn. */
  readonly initial: number
  /** What must be left by whoever withdraws, where a venue asks more for that than `initial`. */
  readonly toWithdraw?: number
  /** Below this the venue liquidates. */
  readonly maintenance: number
  readonly lines: readonly MarginLine[]
}

/** What a venue asks of an account. */
export interface MarginReport {
  readonly engine: string
  readonly pools: readonly MarginPool[]
  /** Sums over pools in dollars. */
  readonly equity: number
  readonly initial: number
  readonly maintenance: number
  /** Whether some pool's equity is below its maintenance. A figure that is not a number counts as liquidatable. */
  readonly liquidatable: boolean
  /** What was asked of the market and is not known, by name: `spot BTC`, `volatility BTC 2026-03-27 60000`. Empty when all is. */
  readonly missing: readonly string[]
}

/** The margin rules of one venue in one mode; a pure function of account and market. */
export interface MarginEngine {
  /** `hyperliquid`, `dydx-v4`, `derive-standard`, `derive-portfolio`, `deribit-standard`, `deribit-portfolio`, `aave-v3`, `gmx-v2`. */
  readonly name: string
  /** Document and date of the rules. */
  readonly source: string
  /** @throws {GimbalError} `margin-unsupported` for a position this venue does not carry, naming it. */
  assess(account: VenueAccount, market: MarketView): MarginReport
}
