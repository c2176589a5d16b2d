/**
 * @file Sums over the last so many seconds that cannot drift.
 *
 * A window is {@link WINDOW_BUCKETS} buckets of time, aligned to multiples of their width: the one holding the moment
 * asked about, as far as it has come, and those before it. It therefore reaches back between 95 % and 100 % of its nominal
 * length, begins at {@link WindowSums.startUs}, and is a plain sum of what was added since: nothing is ever subtracted.
 */

import type { MarketState } from '../market/marketState.ts'

/** Buckets of a window. */
export const WINDOW_BUCKETS = 20

/** Width of the buckets of a window of `windowUs`, whole µs. */
export function bucketWidthUs(windowUs: number): number {
  return Math.max(1, Math.round(windowUs / WINDOW_BUCKETS))
}

export class WindowSums {
  readonly #fields: number
  readonly #bucketUs: number
  /** Bucket numbers held by the slots, and their figures: field f of slot s at s × fields + f. */
  readonly #stamps = new Float64Array(WINDOW_BUCKETS).fill(-1)
  readonly #figures: Float64Array
  /** The slot last added to, and the end of its bucket: times never decrease, so most additions go there too. */
  #open = 0
  #openEndUs = Number.NEGATIVE_INFINITY

  /** @param windowUs Nominal length, whole µs. @param fields Figures kept, each 0 in an empty window. */
  constructor(windowUs: number, fields: number) {
    this.#fields = fields
    this.#bucketUs = bucketWidthUs(windowUs)
    this.#figures = new Float64Array(WINDOW_BUCKETS * fields)
  }

  /** Beginning of the window that ends at `nowUs`; the window holds it. */
  startUs(nowUs: number): number {
    return (Math.floor(nowUs / this.#bucketUs) - WINDOW_BUCKETS + 1) * this.#bucketUs
  }

  /** Adds to a figure; times never decrease. */
  add(timeUs: number, field: number, value: number): void {
    this.#figures[this.#slot(timeUs) * this.#fields + field]! += value
  }

  /** Raises a figure to `value` where it is below; for figures of at least 0 read by {@link greatest}. */
  raise(timeUs: number, field: number, value: number): void {
    const at = this.#slot(timeUs) * this.#fields + field
    if (value > this.#figures[at]!) this.#figures[at] = value
  }

  /** Sum of a figure over the window that ends at `nowUs`. */
  sum(nowUs: number, field: number): number {
    const last = Math.floor(nowUs / this.#bucketUs)
    let sum = 0
    for (let bucket = last - WINDOW_BUCKETS + 1; bucket <= last; bucket++) {
      const slot = bucket % WINDOW_BUCKETS
      if (this.#stamps[slot] === bucket) sum += this.#figures[slot * this.#fields + field]!
    }
    return sum
  }

  /** Greatest of a figure over the window that ends at `nowUs`; 0 where nothing was heard. */
  greatest(nowUs: number, field: number): number {
    const last = Math.floor(nowUs / this.#bucketUs)
    let greatest = 0
    for (let slot = 0; slot < WINDOW_BUCKETS; slot++) {
      const stamp = this.#stamps[slot]!
      if (stamp <= last && stamp > last - WINDOW_BUCKETS)
        greatest = Math.max(greatest, this.#figures[slot * this.#fields + field]!)
    }
    return greatest
  }

  /** Slot of the bucket of a time, emptied when it held an older one. */
  #slot(timeUs: number): number {
    if (timeUs < this.#openEndUs) return this.#open
    const bucket = Math.floor(timeUs / this.#bucketUs)
    const slot = bucket % WINDOW_BUCKETS
    this.#open = slot
    this.#openEndUs = (bucket + 1) * this.#bucketUs
    if (this.#stamps[slot] !== bucket) {
      this.#stamps[slot] = bucket
      this.#figures.fill(0, slot * this.#fields, (slot + 1) * this.#fields)
    }
    return slot
  }
}

/**
 * Since when and how lately an instrument was heard, whatever its rows said: nothing happening is known only where
 * something could have been heard.
 */
export class Hearing {
  readonly #market: MarketState
  #firstUs = Number.POSITIVE_INFINITY
  #lastUs = Number.NEGATIVE_INFINITY

  constructor(market: MarketState) {
    this.#market = market
  }

  onRow(timeUs: number): void {
    if (timeUs < this.#firstUs) this.#firstUs = timeUs
    this.#lastUs = timeUs
  }

  /** Whether a window that began at `startUs` was listened to from its beginning on, not in silence, and the venue is up. */
  covers(startUs: number): boolean {
    return this.#firstUs <= startUs && this.#lastUs >= startUs && !this.#market.down
  }
}
