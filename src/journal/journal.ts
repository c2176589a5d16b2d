/**
 * @file What the engine writes down, in order: every input it took and every act it decided, before the act leaves.
 *
 * State is a fold over the inputs; the acts are there to be compared with when the fold is run again. Inputs are
 * market rows, order events, account events, the passing of time and a person's reset of a breaker; acts are orders,
 * amendments, cancellations, refusals and the gate's demands.
 */

import type { AccountEvent, Intent, Order, OrderEvent } from '../market/order.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { GateAct, GateReset } from '../risk/gate.ts'

/** Where the engine writes. Implementations: the file journal, the replay comparer, {@link NoJournal}. */
export interface Journal {
  /** Input: one tape row, at its time in the engine's order. Called for every row: must not allocate. */
  row(batch: TapeBatch, row: number, instrument: number, timeUs: number): void
  /** Input: the clock reached `timeUs` without an event. */
  clock(timeUs: number): void
  orderEvent(event: OrderEvent): void
  accountEvent(event: AccountEvent): void
  /** Input: a person put a breaker back. The record says what the gate found in force, so replays compare it too. */
  gateReset(reset: GateReset): void
  /** Act: this order is about to leave. */
  order(order: Order): void
  cancel(orderId: number, policy: number, timeUs: number): void
  amend(orderId: number, tick: number, lots: number, policy: number, timeUs: number): void
  /** Act not taken: the gate refused. */
  refusal(intent: Intent, policy: number, limit: string, timeUs: number): void
  gateAct(act: GateAct): void
  /** Makes everything written so far survive the process; called before any act reaches a venue. */
  commit(): void
}

/** Keeps nothing: for benchmarks of other things and for tests. */
export class NoJournal implements Journal {
  row(): void {}
  clock(): void {}
  orderEvent(): void {}
  accountEvent(): void {}
  gateReset(): void {}
  order(): void {}
  cancel(): void {}
  amend(): void {}
  refusal(): void {}
  gateAct(): void {}
  commit(): void {}
}
