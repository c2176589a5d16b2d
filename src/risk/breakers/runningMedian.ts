/** @file The exact median of the last values: what is normal for an instrument, untouched by a few wild ones. */

/** A window of values kept both in order of arrival and in order of size. */
export class RunningMedian {
  readonly #arrived: Float64Array
  readonly #sorted: Float64Array
  #count = 0
  #next = 0

  /** @param samples Length of the window. An add moves up to this many numbers: keep it to hundreds. */
  constructor(samples: number) {
    this.#arrived = new Float64Array(samples)
    this.#sorted = new Float64Array(samples)
  }

  get full(): boolean {
    return this.#count === this.#arrived.length
  }

  /** Middle value of the window, the lower of two; NaN when empty. */
  get median(): number {
    return this.#count === 0 ? Number.NaN : this.#sorted[(this.#count - 1) >> 1]!
  }

  clear(): void {
    this.#count = 0
    this.#next = 0
  }

  /** Adds a value, which must not be NaN, and forgets the oldest when the window is full. */
  add(value: number): void {
    const sorted = this.#sorted
    if (this.#count === this.#arrived.length) {
      const gone = this.#place(this.#arrived[this.#next]!)
      sorted.copyWithin(gone, gone + 1, this.#count)
      this.#count--
    }
    const at = this.#place(value)
    sorted.copyWithin(at + 1, at, this.#count)
    sorted[at] = value
    this.#count++
    this.#arrived[this.#next] = value
    this.#next = this.#next + 1 === this.#arrived.length ? 0 : this.#next + 1
  }

  /** Index of the first value not below `value`. */
  #place(value: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#sorted[middle]! < value) low = middle + 1
      else high = middle
    }
    return low
  }
}

/** The middle one of three values. */
export function middleOfThree(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c))
}
