/**
 * @file Time series of a run of unknown length in fixed memory, without losing an extreme.
 *
 * All series of a run share one row of time buckets. When the row is full the buckets become twice as wide and
 * neighbours merge: opens, highs, lows, closes and sums survive exactly, only the moment within the bucket is lost.
 * Sampling every n-th point would be simpler and would hide the one tick that mattered.
 */

import { assert } from '../core/errors.ts'

/** A column of a {@link Timeline}: values that merge when buckets do. */
interface Column {
  merge(target: number, source: number): void
  clear(bucket: number): void
}

/** Open, high, low and close of a quantity per bucket; NaN where nothing was set. */
export class RangeColumn implements Column {
  readonly open: Float64Array
  readonly high: Float64Array
  readonly low: Float64Array
  readonly close: Float64Array
  readonly #timeline: Timeline

  /** @internal Use {@link Timeline.range}. */
  constructor(timeline: Timeline) {
    const empty = () => new Float64Array(timeline.bucketsMax).fill(Number.NaN)
    this.#timeline = timeline
    this.open = empty()
    this.high = empty()
    this.low = empty()
    this.close = empty()
  }

  /** Takes a value into the current bucket; NaN is ignored. */
  set(value: number): void {
    const at = this.#timeline.current
    if (Number.isNaN(value)) return
    if (Number.isNaN(this.open[at]!)) {
      this.open[at] = value
      this.high[at] = value
      this.low[at] = value
    } else if (value > this.high[at]!) this.high[at] = value
    else if (value < this.low[at]!) this.low[at] = value
    this.close[at] = value
  }

  merge(target: number, source: number): void {
    if (Number.isNaN(this.open[source]!)) return
    if (Number.isNaN(this.open[target]!)) {
      this.open[target] = this.open[source]!
      this.high[target] = this.high[source]!
      this.low[target] = this.low[source]!
    } else {
      this.high[target] = Math.max(this.high[target]!, this.high[source]!)
      this.low[target] = Math.min(this.low[target]!, this.low[source]!)
    }
    this.close[target] = this.close[source]!
  }

  clear(bucket: number): void {
    this.open[bucket] = Number.NaN
    this.high[bucket] = Number.NaN
    this.low[bucket] = Number.NaN
    this.close[bucket] = Number.NaN
  }
}

/** The last value per bucket; NaN where nothing was set. */
export class LastColumn implements Column {
  readonly values: Float64Array
  readonly #timeline: Timeline

  /** @internal Use {@link Timeline.last}. */
  constructor(timeline: Timeline) {
    this.#timeline = timeline
    this.values = new Float64Array(timeline.bucketsMax).fill(Number.NaN)
  }

  set(value: number): void {
    if (!Number.isNaN(value)) this.values[this.#timeline.current] = value
  }

  merge(target: number, source: number): void {
    if (!Number.isNaN(this.values[source]!)) this.values[target] = this.values[source]!
  }

  clear(bucket: number): void {
    this.values[bucket] = Number.NaN
  }
}

/** A sum per bucket; zero where nothing was added. */
export class SumColumn implements Column {
  readonly values: Float64Array
  readonly #timeline: Timeline

  /** @internal Use {@link Timeline.sum}. */
  constructor(timeline: Timeline) {
    this.#timeline = timeline
    this.values = new Float64Array(timeline.bucketsMax)
  }

  add(value: number): void {
    this.values[this.#timeline.current]! += value
  }

  merge(target: number, source: number): void {
    this.values[target]! += this.values[source]!
  }

  clear(bucket: number): void {
    this.values[bucket] = 0
  }
}

/** The shared row of buckets. Call `moveTo`, then set the columns. */
export class Timeline {
  readonly bucketsMax: number
  /** Width of a bucket in µs: the first width times a power of two. */
  widthUs: number
  /** Buckets in use; those in which nothing happened take no room. */
  count = 0
  /** Index of the bucket being filled. */
  current = 0
  #nextUs = Number.NEGATIVE_INFINITY
  /** Bucket numbers since 1970, ascending. */
  readonly #numbers: Float64Array
  readonly #columns: Column[] = []

  /** @param bucketsMax Even; once full, between half of it and all of it are in use. */
  constructor(bucketsMax: number, widthUs: number) {
    assert(bucketsMax >= 2 && widthUs >= 1 && Number.isInteger(widthUs), 'a timeline has room and a width')
    this.bucketsMax = bucketsMax
    this.widthUs = widthUs
    this.#numbers = new Float64Array(bucketsMax)
  }

  range(): RangeColumn {
    return this.#keep(new RangeColumn(this))
  }

  last(): LastColumn {
    return this.#keep(new LastColumn(this))
  }

  sum(): SumColumn {
    return this.#keep(new SumColumn(this))
  }

  /** Makes the bucket holding `timeUs` current; times never run backwards. */
  moveTo(timeUs: number): void {
    if (timeUs < this.#nextUs) return
    let number = Math.floor(timeUs / this.widthUs)
    // Quiet stretches take no bucket, so it is the span that counts, not only how many are filled.
    while (this.count > 0 && number - this.#numbers[0]! >= this.bucketsMax) {
      this.#widen()
      number = Math.floor(timeUs / this.widthUs)
    }
    if (this.count === 0 || number > this.#numbers[this.count - 1]!) {
      this.#numbers[this.count] = number
      this.count++
    }
    this.current = this.count - 1
    this.#nextUs = (number + 1) * this.widthUs
  }

  /** Start of a bucket in µs since 1970. */
  startUs(bucket: number): number {
    return this.#numbers[bucket]! * this.widthUs
  }

  #keep<C extends Column>(column: C): C {
    this.#columns.push(column)
    return column
  }

  #widen(): void {
    const numbers = this.#numbers
    this.widthUs *= 2
    let target = -1
    for (let source = 0; source < this.count; source++) {
      const number = Math.floor(numbers[source]! / 2)
      const fresh = target < 0 || numbers[target] !== number
      if (fresh) target++
      if (target !== source) {
        for (const column of this.#columns) {
          if (fresh) column.clear(target)
          column.merge(target, source)
        }
      }
      numbers[target] = number
    }
    for (let bucket = target + 1; bucket < this.count; bucket++) {
      for (const column of this.#columns) column.clear(bucket)
    }
    this.count = target + 1
    this.current = target
  }
}
