/**
 * @file Books whose updates are numbered: which to apply, which to leave, and when some were lost.
 *
 * For venues whose snapshots come in the stream itself. (Binance's come from elsewhere and late: see its parser.)
 */

import type { ImportSink } from '../store/importer.ts'
import type { Frame } from './frame.ts'

/** Sequence numbers of all books of one connection. */
export class Sequences {
  readonly #sink: ImportSink
  readonly #frame: Frame
  /** Number of the last snapshot or update applied, by symbol. */
  readonly #last = new Map<string, number>()
  /** Which channel each book is taken from. */
  readonly #channels = new Map<string, string>()

  constructor(sink: ImportSink, frame: Frame) {
    this.#sink = sink
    this.#frame = frame
  }

  /** Whether a book is to be taken from `channel`: two depths of one book must not be mixed, so the first seen wins. */
  claims(symbol: string, channel: string): boolean {
    const taken = this.#channels.get(symbol)
    if (taken === undefined) this.#channels.set(symbol, channel)
    if (taken === undefined || taken === channel) return true
    this.#sink.skip('second-book-channel')
    return false
  }

  /** Sequence number a book stands at; undefined before its first snapshot or update. */
  last(symbol: string): number | undefined {
    return this.#last.get(symbol)
  }

  /**
   * Judges an update before it is delivered, reporting what is wrong with it.
   *
   * @param previous Number the update says it follows, or NaN where a venue's numbers only have to grow.
   * @param id Its own number.
   * @returns Whether to apply it. Afterwards call {@link applied}.
   */
  accepts(symbol: string, instrument: number, venueTimeUs: number, previous: number, id: number): boolean {
    const { timeUs, place } = this.#frame
    const last = this.#last.get(symbol)
    if (last === undefined) {
      this.#sink.trap('no-snapshot', place, `${symbol} starts with update ${id}`)
      return true
    }
    if (id <= last) {
      const name = id === last ? 'duplicate-update' : 'out-of-order-update'
      this.#sink.trap(name, place, `${symbol} ${id} after ${last}`)
      return false
    }
    if (previous === last || Number.isNaN(previous)) return true
    this.#sink.gap(instrument, timeUs, venueTimeUs, place, last, previous)
    return true
  }

  /** Notes that the snapshot or update numbered `id` was delivered. */
  applied(symbol: string, id: number): void {
    this.#last.set(symbol, id)
  }
}
