/**
 * @file The price of an instrument on a clock: its last trusted value at every multiple of an interval.
 *
 * Point g is the price as it stood when every row up to and including g × interval was heard ("previous tick" sampling). Of
 * the rows there are, the finest counts: the mid of a sound touch (book or quotes); a bar's close, known at the bar's time,
 * where no touch was heard for a minute; a trade where neither was. A touch that is crossed or has one side says nothing.
 *
 * A point is unknown (NaN)
 * - from a `GAP` or an `OUTAGE` on, until a price is heard again from a book that was restated and a venue that is up;
 * - when the price is too old: more than a minute and more than an interval for touches and trades; a whole bar, and a
 *   whole interval, for bars, so that a missing bar is missing.
 *
 * No difference is taken between two sides of a `GAP` or an `OUTAGE`. A snapshot that restates a live book is no break: the
 * mid on either side of it is the same quantity, and some venues send nothing but snapshots.
 *
 * Returns are logarithmic, computed as ln(1 + Δ/p) from ticks, which keeps full precision where ln p₂ − ln p₁ loses five
 * digits of a five-minute return.
 *
 * The same clock serves figures that lie in rows of their own: index, mark, forward price, open interest.
 */

import { MINUTE_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { MarketState } from '../market/marketState.ts'
import { Flag, Kind, type TapeBatch } from '../market/tape.ts'

/** What is put on the clock. `price` is in ticks; the others as their rows give them. */
export type ClockedSource = 'price' | 'index' | 'mark' | 'forward' | 'interest'

/** A price is trusted for this long without being confirmed, unless the interval or the bar is longer. */
export const SILENCE_US = MINUTE_US

const ROW_KIND: Readonly<Record<ClockedSource, number>> = {
  price: 0,
  index: Kind.INDEX,
  mark: Kind.MARK,
  forward: Kind.FORWARD,
  interest: Kind.OPEN_INTEREST,
}

/** Change from `before` to `after` as a logarithm. */
export function logReturn(before: number, after: number): number {
  return Math.log1p((after - before) / before)
}

export class ClockedPrice {
  readonly intervalUs: number
  readonly #market: MarketState
  readonly #rowKind: number
  readonly #silenceUs: number
  readonly #capacity: number
  readonly #values: Float64Array
  readonly #returns: Float64Array
  /** Breaks heard before the point. */
  readonly #breaks: Float64Array
  /** Whether the price was confirmed since the point before. */
  readonly #fresh: Uint8Array
  /** Latest point written to the rings, and the time from which the next one is certain. */
  #closed = Number.NEGATIVE_INFINITY
  #nextUs = Number.NEGATIVE_INFINITY
  #value = Number.NaN
  #heardUs = Number.NEGATIVE_INFINITY
  #touchUs = Number.NEGATIVE_INFINITY
  /** Whether the message under way spoke of the book or the quotes. */
  #touched = false
  #barUs = Number.NEGATIVE_INFINITY
  #barSilenceUs = 0
  /** Duration of the bar the value comes from; 0 when it comes from none. */
  #barDurationUs = 0
  #break = 0
  #confirmed = 0

  /**
   * @param points Points remembered, the present one included.
   * @param silenceUs How long a figure is trusted unconfirmed; at least the interval.
   * @throws {GimbalError} `config-invalid` unless the interval is a positive whole number of µs and `points` in 1 … 2^21.
   */
  constructor(
    market: MarketState,
    intervalUs: number,
    points: number,
    source: ClockedSource = 'price',
    silenceUs: number = SILENCE_US,
  ) {
    if (!Number.isSafeInteger(intervalUs) || intervalUs < 1 || !(points >= 1 && points <= 2 ** 21))
      throw new GimbalError('config-invalid', 'No price can be put on such a clock', { intervalUs, points })
    this.intervalUs = intervalUs
    this.#market = market
    this.#rowKind = ROW_KIND[source]
    this.#silenceUs = Math.max(silenceUs, intervalUs)
    this.#capacity = points + 1
    this.#values = new Float64Array(points + 1).fill(Number.NaN)
    this.#returns = new Float64Array(points + 1).fill(Number.NaN)
    this.#breaks = new Float64Array(points + 1)
    this.#fresh = new Uint8Array(points + 1)
  }

  /** A row of the instrument, already applied to its market. */
  onRow(batch: TapeBatch, row: number, timeUs: number): void {
    if (timeUs > this.#nextUs) this.#close(timeUs)
    const kind = batch.kind[row]!
    if (kind === Kind.GAP || kind === Kind.OUTAGE) {
      this.#break++
      this.#value = Number.NaN
      this.#touchUs = this.#barUs = Number.NEGATIVE_INFINITY
    } else if (this.#rowKind !== 0) {
      if (kind === this.#rowKind && !this.#market.down)
        this.#hear(timeUs, kind === Kind.OPEN_INTEREST ? batch.lots[row]! : batch.value[row]!, 0)
    } else {
      // A message that began with quotes may end with something else: an option's volatility, its open interest.
      if (kind === Kind.DEPTH || kind === Kind.QUOTE) this.#touched = true
      else if (kind === Kind.BAR_CLOSE || kind === Kind.TRADE) this.#hearTraded(batch, row, kind, timeUs)
      if (this.#touched && (batch.flags[row]! & Flag.END) !== 0) this.#hearTouch(timeUs)
    }
  }

  #hearTouch(timeUs: number): void {
    const market = this.#market
    this.#touched = false
    if (!market.quoted) return
    this.#touchUs = timeUs
    this.#hear(timeUs, (market.bestBid + market.bestAsk) / 2, 0)
  }

  #hearTraded(batch: TapeBatch, row: number, kind: number, timeUs: number): void {
    if (this.#market.down || timeUs - this.#touchUs <= SILENCE_US) return
    if (kind === Kind.BAR_CLOSE) {
      const durationUs = batch.value[row]!
      this.#barUs = timeUs
      this.#barSilenceUs = Math.max(durationUs, SILENCE_US)
      this.#hear(timeUs, batch.tick[row]!, durationUs)
    } else if (timeUs - this.#barUs > this.#barSilenceUs) this.#hear(timeUs, batch.tick[row]!, 0)
  }

  #hear(timeUs: number, value: number, barDurationUs: number): void {
    if (!(value > 0) || value === Number.POSITIVE_INFINITY) return
    this.#value = value
    this.#heardUs = timeUs
    this.#barDurationUs = barDurationUs
    this.#confirmed = 1
  }

  /** Last point at which the present value is still trusted. */
  get #trustedTo(): number {
    if (Number.isNaN(this.#value)) return Number.NEGATIVE_INFINITY
    const interval = this.intervalUs
    if (this.#barDurationUs > 0)
      return Math.ceil((this.#heardUs + Math.max(this.#barDurationUs, interval)) / interval) - 1
    return Math.floor((this.#heardUs + this.#silenceUs) / interval)
  }

  /** Writes down every point before `timeUs`: no row will belong to them any more. */
  #close(timeUs: number): void {
    const last = Math.ceil(timeUs / this.intervalUs) - 1
    if (this.#closed > Number.NEGATIVE_INFINITY) {
      const trusted = this.#trustedTo
      for (let point = Math.max(this.#closed + 1, last - this.#capacity + 1); point <= last; point++) {
        const slot = this.#slot(point)
        const value = point <= trusted ? this.#value : Number.NaN
        const before = point === this.#closed + 1 ? this.#closedReturn(value) : 0
        this.#values[slot] = value
        this.#returns[slot] = value > 0 ? before : Number.NaN
        this.#breaks[slot] = this.#break
        this.#fresh[slot] = point === this.#closed + 1 ? this.#confirmed : 0
      }
      this.#confirmed = 0
    }
    this.#closed = last
    this.#nextUs = (last + 1) * this.intervalUs
  }

  /** Return from the latest closed point to `value`. */
  #closedReturn(value: number): number {
    const slot = this.#slot(this.#closed)
    return this.#breaks[slot] === this.#break ? logReturn(this.#values[slot]!, value) : Number.NaN
  }

  #slot(point: number): number {
    const rest = point % this.#capacity
    return rest < 0 ? rest + this.#capacity : rest
  }

  #remembered(point: number): boolean {
    return point > this.#closed - this.#capacity
  }

  /** The last point at or before a time. */
  pointAt(timeUs: number): number {
    return Math.floor(timeUs / this.intervalUs)
  }

  /** Value at a point (ticks for prices), given that everything up to it was heard; NaN when unknown or forgotten. */
  valueAt(point: number): number {
    if (point > this.#closed) return point <= this.#trustedTo ? this.#value : Number.NaN
    return this.#remembered(point) ? this.#values[this.#slot(point)]! : Number.NaN
  }

  /** Breaks heard before a point: two points may be compared where it is the same. */
  breaksAt(point: number): number {
    if (point > this.#closed) return this.#break
    return this.#remembered(point) ? this.#breaks[this.#slot(point)]! : Number.NaN
  }

  /** Whether the price was confirmed between the point before and this one. */
  freshAt(point: number): boolean {
    if (point > this.#closed) return point === this.#closed + 1 && this.#confirmed === 1 && point <= this.#trustedTo
    return this.#remembered(point) && this.#fresh[this.#slot(point)] === 1 && this.valueAt(point) > 0
  }

  /** Logarithmic change over the step that ends at a point; NaN when an end is unknown or a break lies between. */
  returnAt(point: number): number {
    if (point <= this.#closed) return this.#remembered(point) ? this.#returns[this.#slot(point)]! : Number.NaN
    if (!(point <= this.#trustedTo)) return Number.NaN
    return point === this.#closed + 1 && this.#closed > Number.NEGATIVE_INFINITY ? this.#closedReturn(this.#value) : 0
  }

  /** Logarithmic change from one point to a later one; NaN when an end is unknown or a break lies between. */
  change(from: number, to: number): number {
    return this.breaksAt(from) === this.breaksAt(to) ? logReturn(this.valueAt(from), this.valueAt(to)) : Number.NaN
  }

  /**
   * Copies the returns of the `count` steps that end at the last point up to `nowUs`, oldest first; NaN where unknown.
   *
   * @param out At least `count` long.
   */
  copyReturns(nowUs: number, count: number, out: Float64Array): void {
    const first = this.pointAt(nowUs) - count + 1
    // Points written down lie in the ring one after another; the rest, and what is forgotten, is asked for singly.
    const from = Math.max(first, this.#closed - this.#capacity + 1)
    const to = Math.min(first + count - 1, this.#closed)
    if (!(from <= to)) {
      for (let i = 0; i < count; i++) out[i] = this.returnAt(first + i)
      return
    }
    for (let point = first; point < from; point++) out[point - first] = Number.NaN
    const ring = this.#returns
    let slot = this.#slot(from)
    for (let at = from - first; at <= to - first; at++) {
      out[at] = ring[slot]!
      slot++
      if (slot === this.#capacity) slot = 0
    }
    for (let point = to + 1; point < first + count; point++) out[point - first] = this.returnAt(point)
  }
}
