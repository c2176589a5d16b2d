/**
 * @file How parsers hand over what a venue said: messages of rows with prices and sizes as numbers.
 *
 * The same parsing code serves importers, whose sink writes to the catalog, and live feeds, whose sink
 * ({@link TapeSink}) fills tape batches. A message is begun, filled and ended, or abandoned as a whole: a frame that
 * turns out to be damaged in its middle leaves nothing behind.
 */

import { GimbalError } from '../core/errors.ts'
import type { Universe } from './instrument.ts'
import { Flag, Kind, TapeBatch } from './tape.ts'

/** The streams of a catalog: rows of one message always belong to one stream. */
export const STREAMS = [
  'book',
  'trade',
  'quote',
  'bar',
  'mark',
  'funding',
  'interest',
  'liquidation',
  'option',
  'pool',
  'lending',
  'block',
  'gas',
  'pending',
  'order',
  'scalar',
] as const
export type Stream = (typeof STREAMS)[number]

/**
 * The stream that rows of a kind belong to by themselves, for tapes that were not imported: a catalog knows the streams of its
 * messages, where an option's quote or a block's base fee come with the option and the block. A book's gap or outage may come in
 * any stream and is counted to none, like our own orders.
 */
export function streamOfKind(kind: number): Stream | undefined {
  switch (kind) {
    case Kind.DEPTH:
      return 'book'
    case Kind.TRADE:
      return 'trade'
    case Kind.QUOTE:
      return 'quote'
    case Kind.BAR_OPEN:
    case Kind.BAR_HIGH:
    case Kind.BAR_LOW:
    case Kind.BAR_CLOSE:
      return 'bar'
    case Kind.MARK:
    case Kind.MARK_EXTREME:
    case Kind.INDEX:
      return 'mark'
    case Kind.FUNDING:
    case Kind.FUNDING_FORECAST:
      return 'funding'
    case Kind.OPEN_INTEREST:
    case Kind.VOLUME:
      return 'interest'
    case Kind.LIQUIDATION:
    case Kind.DELEVERAGING:
      return 'liquidation'
    case Kind.POOL_STATE:
    case Kind.POOL_SWAP:
      return 'pool'
    case Kind.BLOCK:
      return 'block'
    case Kind.BASE_FEE:
    case Kind.GAS_PRICE:
      return 'gas'
    case Kind.PENDING_TRANSACTION:
      return 'pending'
    case Kind.SUPPLY_RATE:
    case Kind.BORROW_RATE:
    case Kind.SUPPLY_INDEX:
    case Kind.BORROW_INDEX:
      return 'lending'
    case Kind.SCALAR:
      return 'scalar'
    case Kind.IMPLIED_VOLATILITY:
    case Kind.DELTA:
    case Kind.GAMMA:
    case Kind.VEGA:
    case Kind.THETA:
    case Kind.RHO:
    case Kind.FORWARD:
      return 'option'
    case Kind.ORDER_ADD:
    case Kind.ORDER_CHANGE:
    case Kind.ORDER_REMOVE:
      return 'order'
    default:
      return undefined
  }
}

/** Takes messages of one instrument each. */
export interface MessageSink {
  /** @param instrument Index the sink gave, or the index in the run's universe. */
  begin(stream: Stream, instrument: number, timeUs: number, venueTimeUs: number): void
  /**
   * One row. `price` and `size` are in the instrument's own units (quote per base; contracts); 0 where the kind has none.
   *
   * @param flags `Flag.RESET`, `SNAPSHOT`, `SUSPECT` as they apply; `END` is set by `end`.
   */
  row(kind: number, side: number, price: number, size: number, value: number, flags?: number): void
  /** Completes the message; a message without rows leaves nothing. */
  end(): void
  /** Forgets the message begun. */
  abandon(): void
}

/** Kinds whose `price` and `size` are plain numbers kept as they are, because they are not on the instrument's grids. */
export function offGrid(kind: number): boolean {
  return (
    kind === Kind.FUNDING ||
    kind === Kind.FUNDING_FORECAST ||
    kind === Kind.POOL_SWAP ||
    kind === Kind.POOL_STATE ||
    kind === Kind.PENDING_TRANSACTION ||
    kind === Kind.SCALAR ||
    kind === Kind.GAP ||
    kind === Kind.OUTAGE
  )
}

/**
 * Turns messages into tape rows: prices into ticks, sizes into lots.
 *
 * @throws {GimbalError} `off-grid` when a price or a size is not a multiple of its step; the message is abandoned.
 */
export class TapeSink implements MessageSink {
  readonly #universe: Universe
  /** Rows so far; whoever drains it sets `count` to 0. Grows when full, so a message is never split. */
  batch: TapeBatch
  #start = 0
  #instrument = 0
  #timeUs = 0
  #venueTimeUs = 0

  constructor(universe: Universe, capacity = 4096) {
    this.#universe = universe
    this.batch = new TapeBatch(capacity)
  }

  begin(_stream: Stream, instrument: number, timeUs: number, venueTimeUs: number): void {
    this.#start = this.batch.count
    this.#instrument = instrument
    this.#timeUs = timeUs
    this.#venueTimeUs = venueTimeUs
  }

  row(kind: number, side: number, price: number, size: number, value: number, flags = 0): void {
    let tick = price
    let lots = size
    if (!offGrid(kind)) {
      const instrument = this.#universe.at(this.#instrument)
      tick = price === 0 ? 0 : instrument.ticks.index(price)
      lots = size === 0 ? 0 : instrument.lots.index(size)
      if (Number.isNaN(tick) || Number.isNaN(lots) || Math.abs(tick) > 0x7ffffffe) {
        this.abandon()
        throw new GimbalError('off-grid', `Price or size between two steps of ${instrument.id}`, {
          price,
          tickSize: instrument.ticks.text,
          size,
          lotSize: instrument.lots.text,
        })
      }
    }
    if (this.batch.count === this.batch.capacity) {
      const larger = new TapeBatch(this.batch.capacity * 2)
      larger.pushRows(this.batch, 0, this.batch.count)
      this.batch = larger
    }
    this.batch.push(this.#timeUs, this.#venueTimeUs, kind, this.#instrument, side, tick, lots, value, flags)
  }

  end(): void {
    if (this.batch.count > this.#start) this.batch.flags[this.batch.count - 1]! |= Flag.END
    this.#start = this.batch.count
  }

  abandon(): void {
    this.batch.count = this.#start
  }
}
