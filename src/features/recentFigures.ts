/**
 * @file The last figures of an instrument with their times: for what is asked of a window as a whole (quantiles, deviations, the
 * value in force when it began) and cannot be kept as a sum.
 *
 * A break (lost updates, an outage) is an entry too, of NaN: no difference is taken across it.
 */

export class RecentFigures {
  readonly #capacity: number
  readonly #times: Float64Array
  readonly #first: Float64Array
  readonly #second: Float64Array
  /** Number of the next entry; entries are numbered from 0 for ever. */
  end = 0
  /** Number of the latest break; −1 before any. */
  lastBreak = -1

  /** @param capacity Entries remembered, two figures each; a power of two. */
  constructor(capacity: number) {
    this.#capacity = capacity
    this.#times = new Float64Array(capacity)
    this.#first = new Float64Array(capacity)
    this.#second = new Float64Array(capacity)
  }

  /** Times never decrease. */
  push(timeUs: number, first: number, second = 0): void {
    const slot = this.end & (this.#capacity - 1)
    this.#times[slot] = timeUs
    this.#first[slot] = first
    this.#second[slot] = second
    this.end++
  }

  pushBreak(timeUs: number): void {
    this.lastBreak = this.end
    this.push(timeUs, Number.NaN, Number.NaN)
  }

  /** Number of the oldest entry remembered. */
  get begin(): number {
    return Math.max(0, this.end - this.#capacity)
  }

  timeUs(entry: number): number {
    return this.#times[entry & (this.#capacity - 1)]!
  }

  first(entry: number): number {
    return this.#first[entry & (this.#capacity - 1)]!
  }

  second(entry: number): number {
    return this.#second[entry & (this.#capacity - 1)]!
  }

  /** Number of the first remembered entry later than `timeUs`; `end` when there is none. */
  after(timeUs: number): number {
    let low = this.begin
    let high = this.end
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      if (this.timeUs(middle) <= timeUs) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Number of the entry in force at `timeUs`: the last at or before it. −1 when there is none, or it is forgotten. */
  inForce(timeUs: number): number {
    const entry = this.after(timeUs) - 1
    return entry >= this.begin ? entry : -1
  }

  /** Copies the first figures of entries `from` up to the end, breaks left out. @returns How many. */
  copyKnown(from: number, out: Float64Array): number {
    let count = 0
    for (let entry = Math.max(from, this.begin); entry < this.end; entry++) {
      const value = this.first(entry)
      if (!Number.isNaN(value)) out[count++] = value
    }
    return count
  }
}

/** Linear interpolation between order statistics (Hyndman & Fan's type 7) of the first `count` figures, ascending; NaN of none. */
export function sortedQuantile(sorted: Float64Array, count: number, share: number): number {
  if (count === 0) return Number.NaN
  const place = share * (count - 1)
  const below = Math.floor(place)
  const above = Math.min(count - 1, below + 1)
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!)
}
