/**
 * @file The backtest loop: two views of one tape, one engine, one replayed exchange, no clock.
 *
 * The exchange sees rows when they happened at the venue; the engine sees them when they were received. Neither may
 * run ahead of what the other could still cause: the exchange moves forward only to the next moment at which the
 * engine could act on something, so an order sent on hearing of a fill arrives before anything later at the venue.
 */

import type { Engine, VenuePort } from '../engine/engine.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import type { MergedTape, TapeBatch } from '../market/tape.ts'

/** A venue that is computed rather than reached: what the backtest loop drives. */
export interface SimulatedVenue extends VenuePort {
  /** Time of the next thing that happens inside the venue by itself: an order arriving, an expiry, a timer. */
  readonly nextInternalUs: number
  /** Lets everything inside happen that is due up to and including `timeUs`. */
  advanceTo(timeUs: number): void
  /** A market row at the venue, at venue time `timeUs`; everything internal due before it has happened. */
  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void
  /** When the earliest answer reaches us; infinite when none is under way. */
  readonly nextDeliveryUs: number
  /** Removes and returns the earliest answer. */
  takeDelivery(): { readonly order?: OrderEvent; readonly account?: AccountEvent }
}

/** What a run of the loop did. */
export interface BacktestCounts {
  readonly rows: number
  readonly firstUs: number
  readonly lastUs: number
  /**
   * Rows the engine saw before the venue had them: their venue time is later than their receipt, for clocks that
   * disagree. Orders could then act on the venue's future; give the source a `venueShiftUs` until this is zero.
   */
  readonly rowsAhead: number
}

/** After the last row, answers still under way are delivered for this long. */
const SETTLE_US = 60_000_000
const ROWS_BETWEEN_PROGRESS = 1 << 20

/**
 * Runs to the end of the tape, and on until the last answers have come, at most a minute longer: so that the engine's
 * ledger ends as the venues' do.
 *
 * Ties are broken the same way always: at the venue, market rows before arrivals of the same microsecond; for the
 * engine, answers of the venue, then timers, then market rows.
 *
 * @param venueTape The tape in the venue's order; `received` the same tape in order of receipt.
 * @param onProgress Called about every million rows; returning false stops the run early.
 */
export function runBacktest(
  engine: Engine,
  venue: SimulatedVenue,
  venueTape: MergedTape,
  received: MergedTape,
  onProgress?: (rows: number, timeUs: number) => boolean | undefined,
): BacktestCounts {
  const loop = new BacktestLoop(engine, venue, venueTape, received)
  while (loop.run(ROWS_BETWEEN_PROGRESS)) if (onProgress?.(loop.rows, loop.lastUs) === false) break
  return loop.finish()
}

/**
 * The loop of {@link runBacktest} a stretch at a time, for callers that must listen to the world in between: a signal
 * is not heard while JavaScript runs. How it is cut into stretches changes nothing.
 */
export class BacktestLoop implements BacktestCounts {
  rows = 0
  rowsAhead = 0
  readonly firstUs: number
  lastUs: number
  readonly #engine: Engine
  readonly #venue: SimulatedVenue
  readonly #venueTape: MergedTape
  readonly #received: MergedTape
  #more: boolean

  constructor(engine: Engine, venue: SimulatedVenue, venueTape: MergedTape, received: MergedTape) {
    engine.start()
    this.#engine = engine
    this.#venue = venue
    this.#venueTape = venueTape
    this.#received = received
    this.#more = received.advance()
    this.firstUs = this.#more ? received.timeUs : Number.NaN
    this.lastUs = this.firstUs
    venueTape.advance()
  }

  /** Feeds the engine up to `rowsMax` rows, with all that comes before and between them. Returns whether any are left. */
  run(rowsMax: number): boolean {
    const engine = this.#engine
    const venue = this.#venue
    const venueTape = this.#venueTape
    const received = this.#received
    let left = rowsMax
    let rowsAhead = 0
    let lastUs = this.lastUs
    while (this.#more && left > 0) {
      const rowUs = received.timeUs
      const clockUs = engine.nextClockUs
      const untilUs = Math.min(clockUs, rowUs)
      // The venue may run up to the engine's next moment, or to its own next answer, whichever comes first.
      for (;;) {
        const rowAtUs = venueTape.timeUs
        const internalUs = venue.nextInternalUs
        const nextUs = Math.min(rowAtUs, internalUs)
        if (nextUs > untilUs || nextUs > venue.nextDeliveryUs) break
        if (rowAtUs <= internalUs) {
          venue.onRow(venueTape.batch, venueTape.row, venueTape.instrument, rowAtUs)
          venueTape.advance()
        } else venue.advanceTo(internalUs)
      }
      if (venue.nextDeliveryUs <= untilUs) {
        deliver(engine, venue)
      } else if (clockUs <= rowUs) {
        engine.stepClock(clockUs)
      } else {
        if (received.venueTimeUs > rowUs) rowsAhead++
        engine.stepRow(received.batch, received.row, received.instrument, rowUs)
        lastUs = rowUs
        left--
        this.#more = received.advance()
      }
    }
    this.rows += rowsMax - left
    this.rowsAhead += rowsAhead
    this.lastUs = lastUs
    return this.#more
  }

  /** Ends the last moment and delivers the answers still under way. Nothing is run afterwards. */
  finish(): BacktestCounts {
    // What the last row asked for (the gate reads equity a microsecond after it) belongs to the run.
    const { nextClockUs } = this.#engine
    if (nextClockUs <= this.lastUs + 1) this.#engine.stepClock(nextClockUs)
    const untilUs = this.lastUs + SETTLE_US
    const venue = this.#venue
    while (Math.min(venue.nextDeliveryUs, venue.nextInternalUs) <= untilUs) {
      if (venue.nextInternalUs <= venue.nextDeliveryUs) venue.advanceTo(venue.nextInternalUs)
      else deliver(this.#engine, venue)
    }
    const { rows, firstUs, lastUs, rowsAhead } = this
    return { rows, firstUs, lastUs, rowsAhead }
  }
}

function deliver(engine: Engine, venue: SimulatedVenue): void {
  const delivery = venue.takeDelivery()
  if (delivery.order) engine.stepOrder(delivery.order)
  if (delivery.account) engine.stepAccount(delivery.account)
}
