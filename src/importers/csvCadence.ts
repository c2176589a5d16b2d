/**
 * @file Series that should tick at one pace (bars, minutes, funding payments): what is missing, repeated or out of order.
 *
 * Nothing is filled in. A missing step is reported with its span; a repeated time is for the caller to reject, since
 * the same funding paid twice would be a wrong number; a step backwards is passed on as doubtful.
 */

import { isoTime } from '../core/clock.ts'
import type { ImportSink, Place } from '../store/importer.ts'

/** What a time is to the one before it. */
export type Step = 'next' | 'repeated' | 'backwards'

/** Watches the times of one series. */
export class Cadence {
  readonly #sink: ImportSink
  readonly #what: string
  readonly #stepUs: number
  #lastUs = Number.NaN

  /** @param what Plural noun for the report: `bars`, `minutes`. Gaps are counted as `missing-bars`. */
  constructor(sink: ImportSink, what: string, stepUs: number) {
    this.#sink = sink
    this.#what = what
    this.#stepUs = stepUs
  }

  /** Last time taken, NaN before the first. */
  get lastUs(): number {
    return this.#lastUs
  }

  /** Takes the next time; reports a gap before it (`missing-…`) or a step back (`out-of-order`). */
  take(timeUs: number, place: Place): Step {
    const last = this.#lastUs
    if (timeUs === last) return 'repeated'
    if (timeUs < last) {
      this.#sink.trap('out-of-order', place, `${isoTime(timeUs)} after ${isoTime(last)}`)
      return 'backwards'
    }
    this.#lastUs = timeUs
    const missing = Math.round((timeUs - last) / this.#stepUs) - 1
    if (missing > 0) {
      const span = `${isoTime(last + this.#stepUs)} to ${isoTime(timeUs - this.#stepUs)}`
      this.#sink.trap(`missing-${this.#what}`, place, `${missing} missing: ${span}`)
      this.#sink.count(`missing ${this.#what}`, missing)
    }
    return 'next'
  }
}
