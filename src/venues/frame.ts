/**
 * @file One frame on its way from a venue's text to messages: read whole, checked, then handed over, or refused whole.
 *
 * Parsers draft rows here while they read. Nothing reaches the sink before the last character has proved readable, so
 * a frame damaged in its middle leaves nothing behind, and a parser advances its sequence only after the hand-over: a
 * refused update shows up again as the gap it is.
 */

import { GimbalError } from '../core/errors.ts'
import type { Stream } from '../market/message.ts'
import type { ImportSink, Place } from '../store/importer.ts'

/** Reads the frames of one connection in order of receipt; each venue's `parse.ts` exports one. */
export interface FrameParser {
  /**
   * Takes one frame and drives the sink. What cannot be read is rejected with its place; nothing is thrown for it.
   *
   * @param text The frame as received, JSON.
   * @param timeUs When it was received, µs since 1970.
   * @param place Where it lies in its recording; live, a running number.
   */
  frame(text: string, timeUs: number, place: Place): void
  /** Reports what only the end of a recording shows, such as books that never had a snapshot. */
  finish?(): void
}

/** Above this no price, size or count is believed: 2^50, where doubles still tell quarters apart. */
export const NUMBER_MAX = 2 ** 50
/** Times after 2100-01-01 or before 2009-01-03, when there was nothing to trade, are not believed. */
const TIME_MIN_US = 1_230_940_800_000_000
const TIME_MAX_US = 4_102_444_800_000_000

/** Stops reading the frame at hand: it will be rejected as `reason` with `detail`. */
export function refuse(reason: string, detail = ''): never {
  throw new GimbalError('payload-invalid', reason, { reason, detail })
}

/** A venue's time in milliseconds as µs; refuses what cannot be a time. */
export function venueTime(ms: number): number {
  const us = Math.floor(ms * 1000)
  if (!(us >= TIME_MIN_US && us <= TIME_MAX_US)) refuse('time-invalid', `${ms} ms`)
  return us
}

/** Whether a time in µs lies between the first coin and the year 2100. */
export function plausibleTime(timeUs: number): boolean {
  return timeUs >= TIME_MIN_US && timeUs <= TIME_MAX_US
}

/** The frame being read: where and when it was received, and the rows drafted from it. */
export class Frame {
  readonly sink: ImportSink
  timeUs = 0
  place: Place = { line: 0, byte: 0 }
  /** Rows drafted so far. */
  rows = 0
  #messages = 0
  readonly #streams: Stream[] = []
  readonly #instruments: number[] = []
  readonly #venueTimes: number[] = []
  /** First row of each message. */
  readonly #starts: number[] = []
  #capacity = 4096
  #kind = new Uint8Array(this.#capacity)
  #side = new Int8Array(this.#capacity)
  #flags = new Uint8Array(this.#capacity)
  #price = new Float64Array(this.#capacity)
  #size = new Float64Array(this.#capacity)
  #value = new Float64Array(this.#capacity)

  constructor(sink: ImportSink) {
    this.sink = sink
  }

  /** Starts over with the next frame. */
  open(timeUs: number, place: Place): void {
    this.timeUs = timeUs
    this.place = place
    this.clear()
  }

  /** Forgets what was drafted. */
  clear(): void {
    this.rows = 0
    this.#messages = 0
  }

  /** Starts the next message of the frame. @param venueTimeUs When the venue says it happened, µs. */
  begin(stream: Stream, instrument: number, venueTimeUs: number): void {
    const at = this.#messages++
    this.#streams[at] = stream
    this.#instruments[at] = instrument
    this.#venueTimes[at] = venueTimeUs
    this.#starts[at] = this.rows
  }

  /** Drafts a row; refuses a price or size that is negative, not finite or beyond {@link NUMBER_MAX}. */
  row(kind: number, side: number, price: number, size: number, value = 0, flags = 0): void {
    if (!(price >= 0 && price < NUMBER_MAX)) refuse('price-invalid', `${price}`)
    if (!(size >= 0 && size < NUMBER_MAX)) refuse('size-invalid', `${size}`)
    if (!(value > -Number.MAX_VALUE && value < Number.MAX_VALUE)) refuse('value-invalid', `${value}`)
    const at = this.rows
    if (at === this.#capacity) this.#grow()
    this.#kind[at] = kind
    this.#side[at] = side
    this.#price[at] = price
    this.#size[at] = size
    this.#value[at] = value
    this.#flags[at] = flags
    this.rows = at + 1
  }

  /** Adds a flag to a drafted row. */
  flag(row: number, flag: number): void {
    this.#flags[row]! |= flag
  }

  /** Hands every drafted message to the sink, and forgets them. */
  deliver(): void {
    const { sink, timeUs, rows } = this
    for (let message = 0; message < this.#messages; message++) {
      const end = message + 1 < this.#messages ? this.#starts[message + 1]! : rows
      sink.begin(this.#streams[message]!, this.#instruments[message]!, timeUs, this.#venueTimes[message]!)
      for (let row = this.#starts[message]!; row < end; row++) {
        sink.row(
          this.#kind[row]!,
          this.#side[row]!,
          this.#price[row]!,
          this.#size[row]!,
          this.#value[row]!,
          this.#flags[row]!,
        )
      }
      sink.end()
    }
    this.clear()
  }

  /** Rejects the frame because of `error`; rethrows what is not about the frame (a full disk, our own mistake). */
  reject(error: unknown): void {
    this.clear()
    if (!(error instanceof GimbalError)) throw error
    if (error.code === 'payload-invalid') {
      const { reason, detail } = error.facts
      this.sink.reject(reason === undefined ? 'payload-invalid' : String(reason), this.place, String(detail ?? ''))
    } else if (error.code === 'off-grid' || error.code === 'instrument-invalid') {
      this.sink.abandon()
      this.sink.reject(error.code, this.place, error.message.split('\n', 1)[0])
    } else throw error
  }

  #grow(): void {
    this.#capacity *= 2
    const grown = <T extends Uint8Array | Int8Array | Float64Array>(old: T, column: T): T => {
      column.set(old)
      return column
    }
    this.#kind = grown(this.#kind, new Uint8Array(this.#capacity))
    this.#side = grown(this.#side, new Int8Array(this.#capacity))
    this.#flags = grown(this.#flags, new Uint8Array(this.#capacity))
    this.#price = grown(this.#price, new Float64Array(this.#capacity))
    this.#size = grown(this.#size, new Float64Array(this.#capacity))
    this.#value = grown(this.#value, new Float64Array(this.#capacity))
  }
}
