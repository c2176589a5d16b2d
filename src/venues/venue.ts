/**
 * @file What every live venue adapter implements: a feed and a gateway over one asynchronous edge.
 *
 * The core is synchronous. An adapter turns what arrives on its sockets into calls of {@link VenueHandlers}, one
 * message at a time and never from inside `submit`, `cancel` or `amend`: those only send. Everything it hands over
 * carries the time at which it was received, read once for each message from the clock the adapter was given.
 *
 * Order of a session: `connect`, `snapshot` (the caller reconciles inside the callback), `subscribe`; after `onLost`
 * the same again. Before the snapshot nothing but the snapshot is handed over: what happened before it is in it.
 */

import type { VenuePort } from '../engine/engine.ts'
import type { VenueOrder, VenueSnapshot } from '../engine/recovery.ts'
import type { AccountMark } from '../journal/header.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import type { TapeBatch } from '../market/tape.ts'

/** Who listens. Handlers are synchronous; what they throw is the end of the run, not of the connection. */
export interface VenueHandlers {
  /** Rows of complete messages, all received at `timeUs`. The batch is valid during the call. */
  onRows(batch: TapeBatch, timeUs: number): void
  onOrder(event: OrderEvent): void
  onAccount(event: AccountEvent): void
  /** The connection is gone and nothing more will come of it. Said once, and not after `close`. */
  onLost(reason: string): void
}

/** One venue, live. As a {@link VenuePort} it is what the engine sends to. */
export interface Venue extends VenuePort {
  readonly name: string
  /**
   * Opens the connection and logs in. From then on the venue takes nothing more from an earlier session of this
   * account: an order that was on its way when that session died is either in the next snapshot or will never be.
   *
   * @throws {GimbalError} `venue-refused` when it does not answer or does not want us.
   */
  connect(handlers: VenueHandlers): Promise<void>
  /**
   * Asks for the account as of one moment: open orders, fills and account events since the mark, positions, cash.
   * `receive` is called synchronously with the answer, before anything that happened after it is handed over. A venue
   * that cannot answer as of one moment is asked until two answers agree.
   *
   * @throws {GimbalError} `venue-refused` when the connection is lost first; what `receive` throws.
   */
  snapshot(since: AccountMark, receive: (snapshot: VenueSnapshot, timeUs: number) => void): Promise<void>
  /** Starts the market data of every instrument of the universe: a snapshot of each book first. */
  subscribe(): void
  /** Cancels an order that is not ours to name by id (see `reconcile`). */
  cancelStray(order: VenueOrder): void
  /**
   * Sends an order under a client order id made of the journal's run and the order's id, so that the venue takes it
   * once however often it is told. On a lost connection it is answered by `rejected`, reason `venue-down`.
   */
  submit: VenuePort['submit']
  readonly connected: boolean
  close(): Promise<void>
}
