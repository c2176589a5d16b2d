/**
 * @file Funding payments of one instrument on their way into a sink, each with the interval it pays for.
 *
 * The interval is read off the times, because names lie about it and venues change it. A payment's interval is the
 * usual one; a new one is believed when two payments in a row keep to it, else a payment is missing. Hence the
 * delay of one.
 */

import { HOUR_US, isoTime } from '../core/clock.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { ImportSink, Place, SketchedInstrument } from '../store/importer.ts'
import type { TableRow } from './csv.ts'

/** Intervals venues are known to use, in hours. */
const HOURS: readonly number[] = [1, 2, 4, 8, 24]
/** Interval of a table that holds a single payment: the custom since BitMEX introduced funding in 2016. */
const CUSTOM_US = 8 * HOUR_US

interface Payment {
  readonly timeUs: number
  readonly rate: number
  /** Time since the payment before, rounded to hours: venues are milliseconds late. NaN for the first. */
  readonly sinceUs: number
  /** The interval as the file states it; 0 when it does not. */
  readonly statedUs: number
  readonly place: Place
  readonly flags: number
}

/** Takes payments in order of time and passes them on one behind. */
export class FundingSeries {
  readonly #sink: ImportSink
  readonly #index: number
  #held: Payment | undefined
  #lastUs = Number.NaN
  #intervalUs = 0

  constructor(sink: ImportSink, instrument: SketchedInstrument) {
    this.#sink = sink
    this.#index = sink.instrument(instrument)
  }

  /**
   * Takes the next payment. Leaves a fault on the row when its time was already paid.
   *
   * @param rate Fraction of notional per interval; longs pay when positive.
   * @param statedUs The interval as the file states it, in µs: believed, and only gaps are judged by the times.
   */
  take(row: TableRow, timeUs: number, rate: number, flags = 0, statedUs = 0): void {
    if (timeUs === this.#lastUs) {
      row.fault('duplicate-time', isoTime(timeUs))
      return
    }
    const backwards = timeUs < this.#lastUs
    if (backwards) {
      this.#sink.trap('out-of-order', row.place, `${isoTime(timeUs)} after ${isoTime(this.#lastUs)}`)
      const since = { sinceUs: Number.NaN, statedUs }
      this.#emit({ timeUs, rate, ...since, place: row.place, flags: flags | Flag.SUSPECT })
      return
    }
    const sinceUs = Math.round((timeUs - this.#lastUs) / HOUR_US) * HOUR_US
    this.#resolve(sinceUs)
    this.#lastUs = timeUs
    this.#held = { timeUs, rate, sinceUs, statedUs, place: row.place, flags }
  }

  /** Passes on the last payment. */
  end(): void {
    this.#resolve(Number.NaN)
  }

  #resolve(nextSinceUs: number): void {
    const held = this.#held
    if (!held) return
    this.#held = undefined
    if (this.#intervalUs === 0 && HOURS.includes(nextSinceUs / HOUR_US)) this.#intervalUs = nextSinceUs
    const since = held.sinceUs
    const before = this.#intervalUs
    if (held.statedUs > 0) this.#intervalUs = held.statedUs
    if (!Number.isNaN(since) && since !== this.#intervalUs && since !== before) {
      const hours = `${since / HOUR_US} h since the payment before, usually ${this.#intervalUs / HOUR_US} h`
      if (HOURS.includes(since / HOUR_US) && nextSinceUs === since) {
        this.#sink.trap('funding-interval-changed', held.place, hours)
        this.#intervalUs = since
      } else if (since > this.#intervalUs) {
        this.#sink.trap('missing-funding', held.place, hours)
        if (this.#intervalUs > 0) this.#sink.count('missing funding', Math.round(since / this.#intervalUs) - 1)
      } else this.#sink.trap('funding-off-pace', held.place, hours)
    }
    this.#emit(held)
  }

  #emit({ timeUs, rate, flags }: Payment): void {
    this.#sink.begin('funding', this.#index, timeUs, timeUs)
    this.#sink.row(Kind.FUNDING, 0, 0, this.#intervalUs || CUSTOM_US, rate, flags)
    this.#sink.end()
    this.#sink.count('funding payments')
  }
}
