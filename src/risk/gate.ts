/**
 * @file The gate: nothing reaches a venue or a chain except through it.
 *
 * The engine asks `judge` before every order and amendment, tells it everything that happens, and after each event
 * carries out the acts it demands. A policy cannot see, import or loosen it: `policies` lies on a lower floor.
 */

import { GimbalError } from '../core/errors.ts'
import type { AccountEvent, Intent, Order, OrderEvent } from '../market/order.ts'
import type { OpenOrder } from '../policies/policy.ts'

/**
 * What a tripped breaker does, mildest first: `pause` refuses new orders that add risk and keeps what rests; `cancel`
 * also cancels resting orders; `reduce-only` cancels and lets only reducing orders through; `flatten` also closes
 * positions at market, all but what offsets coins that stay; `halt` cancels everything, refuses everything and leaves positions to a person.
 */
export type GateActKind = 'pause' | 'cancel' | 'reduce-only' | 'flatten' | 'halt'

/** What a limit or breaker covers. Kept apart, so that a small position cannot close a whole book. */
export type Scope =
  | { readonly of: 'account' }
  | { readonly of: 'venue'; readonly venue: string }
  | { readonly of: 'policy'; readonly policy: number }
  | { readonly of: 'position'; readonly instrument: number }

/** A demand of the gate, for the engine to carry out at once and the journal to keep. */
export interface GateAct {
  readonly act: GateActKind
  /** Name of the breaker: `drawdown-from-peak`. */
  readonly breaker: string
  readonly scope: Scope
  readonly timeUs: number
  /** What was measured and what was allowed, in the breaker's own unit. */
  readonly measured: number
  readonly allowed: number
  readonly unit: string
  /** Events from the first breach to this act: 1 when a single one was enough. */
  readonly confirmations: number
  /** Each read that counted towards the act, oldest first: the evidence for whoever has to reset it. */
  readonly reads?: readonly BreachRead[]
}

/** One measurement that counted as a breach. */
export interface BreachRead {
  readonly timeUs: number
  readonly measured: number
}

/** A breaker put back by a person: for the journal, before anything trades again. */
export interface GateReset {
  readonly breaker: string
  readonly scope: Scope
  /** What was in force until now, and since when. */
  readonly act: GateActKind
  readonly latchedUs: number
  readonly who: string
  readonly reason: string
  readonly timeUs: number
}

/** A tripped breaker, as shown to people. */
export interface LatchView {
  readonly breaker: string
  readonly scope: Scope
  readonly act: GateActKind
  /** When it first tripped, and when it last grew more severe. */
  readonly sinceUs: number
  readonly actUs: number
  readonly measured: number
  readonly allowed: number
  readonly unit: string
}

/** What the engine needs of a gate. */
export interface Gate {
  /** End of a market message about an instrument. Called for every message: must not allocate. */
  onMarket(instrument: number, nowUs: number): void
  /** After the ledger was updated. `order` is what the event answers; undefined when it is no longer open here. */
  onOrderEvent(event: OrderEvent, order: Order | undefined): void
  onAccountEvent(event: AccountEvent): void
  /** Time passed without an event: staleness and end-of-day are judged here. */
  onClock(nowUs: number): void
  /** Lets an intent through (''), or names the limit it would break. `policy` is -1 for the gate's own orders. */
  judge(intent: Intent, policy: number, nowUs: number): string
  /** As `judge`, for a new price and total size of an open order. */
  judgeAmend(order: Order, tick: number, lots: number, nowUs: number): string
  /**
   * A model that a policy trades on spoke: `share` of its inputs, 0 to 1, lies outside the range of its training; NaN
   * means nobody knows. Follows from the rows heard, so a replay tells it again and no journal need keep it.
   *
   * @param model Number of the model among the run's: each confirms its own breaches, so one at home cannot hide one that
   *   is not.
   */
  reportRange(policy: number, share: number, nowUs: number, model?: number): void
  /**
   * A margin engine looked at an account: `ratio` is maintenance margin over equity, 1 being liquidation; NaN means nobody knows and
   * trips at once. Follows from rows heard and money booked, so a replay tells it again and no journal need keep it.
   *
   * @param venue As instruments name it: what trips covers its instruments.
   */
  reportMargin(venue: string, ratio: number, nowUs: number): void
  /**
   * A model's probability that an instrument's market is turbulent; NaN is certainty. Believed where it is above the gate's own, until
   * the next report: it can make sizes smaller and never larger.
   */
  reportTurbulence(instrument: number, probability: number, nowUs: number): void
  /** Signed lots a flatten leaves of a position now, between 0 and what is held: `coinHedges.ts`. */
  leaves(instrument: number): number
  /** An order, amendment or cancellation left: counts towards the message rate. */
  onSent(kind: 'order' | 'cancel' | 'amend', instrument: number, nowUs: number): void
  /** Acts demanded since last asked, oldest first; undefined when there are none, which is nearly always. */
  takeActs(): readonly GateAct[] | undefined
  /** Earliest time at which `onClock` would have something to judge; infinite for never. */
  readonly nextClockUs: number
  /** Everything tripped and not reset, oldest first. */
  readonly latched: readonly LatchView[]
  /**
   * Takes a latch away. The engine calls it (`Engine.resetBreaker`), which also writes the record down: a gate whose
   * state changed without the journal knowing cannot be replayed.
   *
   * @param who The person who answers for it. @param reason Why it is safe to trade again.
   * @throws {GimbalError} `reset-refused`; then nothing has changed.
   */
  reset(breaker: string, scope: Scope, who: string, reason: string, nowUs: number): GateReset
}

/**
 * Signed lots of a position that a flatten must still send an order for: what is held, without what it leaves and without what orders
 * of the gate on their way close already. Several breakers trip in one moment, and not every venue honours reduce-only.
 */
export function stillToClose(
  { held, left }: { readonly held: number; readonly left: number },
  instrument: number,
  orders: Iterable<OpenOrder>,
): number {
  const closing = held - left
  let lots = Math.abs(closing)
  for (const order of orders)
    if (order.policy < 0 && order.instrument === instrument && order.side * closing < 0) lots -= order.leavesLots
  return lots > 0 ? Math.sign(closing) * lots : 0
}

/** A gate that lets everything through: for tests of other things and nothing else. */
export class OpenGate implements Gate {
  readonly nextClockUs = Number.POSITIVE_INFINITY
  onMarket(): void {}
  onOrderEvent(): void {}
  onAccountEvent(): void {}
  onClock(): void {}
  judge(): string {
    return ''
  }
  judgeAmend(): string {
    return ''
  }
  reportRange(): void {}
  reportMargin(): void {}
  reportTurbulence(): void {}
  leaves(): number {
    return 0
  }
  onSent(): void {}
  takeActs(): undefined {
    return undefined
  }
  get latched(): readonly LatchView[] {
    return []
  }
  reset(breaker: string, ..._rest: unknown[]): GateReset {
    throw new GimbalError('reset-refused', 'Breaker not reset: this gate has none', { breaker })
  }
}
