/**
 * @file What a policy is and what it may see. It wants; risk decides; the engine acts.
 *
 * A policy sees the market as received, the engine's clock, its own orders and the portfolio. It holds no reference
 * to the gate, the venue or the journal, so it can loosen nothing. It must be a deterministic function of what it was
 * told: chance comes from `context.random`, timers from `context.schedule`.
 */

import type { Clock } from '../core/clock.ts'
import type { Random } from '../core/random.ts'
import type { Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { AccountEvent, Intent, OrderEvent } from '../market/order.ts'
import type { Forecast, Forecasts } from '../models/forecast.ts'
import type { Portfolio } from '../portfolio/portfolio.ts'

/** One of our orders as we know it; read-only for policies. */
export interface OpenOrder {
  readonly id: number
  readonly policy: number
  readonly instrument: number
  readonly side: 1 | -1
  readonly tick: number
  readonly lots: number
  readonly leavesLots: number
  readonly reduceOnly: boolean
  /** `sent` until the venue answers; `cancelling` once we asked. */
  readonly state: 'sent' | 'open' | 'cancelling' | 'amending'
  readonly sentUs: number
}

/** What the engine lends a policy. */
export interface PolicyContext {
  readonly clock: Clock
  readonly universe: Universe
  readonly portfolio: Portfolio
  readonly random: Random
  /** What models say; of nothing in a run without models. */
  readonly forecasts: Forecasts
  market(instrument: number): MarketState
  /** This policy's own open orders, in order of submission. */
  orders(): readonly OpenOrder[]
  order(id: number): OpenOrder | undefined
  /**
   * Asks for an order. Returns its id, or 0 when the gate refused (the journal says why; `lastRefusal` too).
   * The answer of the venue comes later through `onOrder`.
   */
  submit(intent: Intent): number
  cancel(id: number): void
  /** Asks for a new price and total size; the queue place is kept only where the venue keeps it. */
  amend(id: number, tick: number, lots: number): void
  cancelAll(instrument?: number): void
  /** Limit that refused the last submit, or ''. */
  readonly lastRefusal: string
  /** Calls `onTimer(name)` once, at `atUs` or at the first event after it. */
  schedule(atUs: number, name: string): void
}

export interface Policy {
  /** Kebab-case name with which the command line selects it. */
  readonly name: string
  /** Its settings as plain data: written to the journal, shown in the report, enough to build it again. */
  readonly settings: Readonly<Record<string, string | number | boolean>>
  /** Instruments it wants to hear about, by index; called once before the first event. */
  start(context: PolicyContext): readonly number[]
  /** The end of a message about one of its instruments. */
  onMarket(instrument: number): void
  onOrder?(event: OrderEvent): void
  onAccount?(event: AccountEvent): void
  /** A model spoke about one of its instruments. A policy that has this method trades on models: the gate watches their range. */
  onForecast?(forecast: Forecast): void
  onTimer?(name: string): void
}
