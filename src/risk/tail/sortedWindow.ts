/** @file The last figures of a stream, kept both in order of time and in order of size. Allocates nothing after construction. */

/**
 * A push costs a binary search and one move of memory: 0.2 µs at 500 figures, against 20 µs for sorting them anew (`tail.bench.ts`).
 * NaN is refused by not being kept.
 */
export class SortedWindow {
  readonly capacity: number
  /** Ascending; the first `count` places are used. */
  readonly sorted: Float64Array
  readonly #ring: Float64Array
  #next = 0
  #count = 0
  #squares = 0

  constructor(capacity: number) {
    this.capacity = capacity
    this.sorted = new Float64Array(capacity)
    this.#ring = new Float64Array(capacity)
  }

  get count(): number {
    return this.#count
  }

  /** Mean of the squares of what is kept; 0 for nothing. */
  get meanSquare(): number {
    return this.#count === 0 ? 0 : Math.max(0, this.#squares) / this.#count
  }

  /** Takes a figure in, and the oldest out where there is no room. */
  push(figure: number): void {
    if (Number.isNaN(figure)) return
    const { sorted } = this
    if (this.#count === this.capacity) {
      const old = this.#ring[this.#next]!
      const at = this.#place(old)
      sorted.copyWithin(at, at + 1, this.#count)
      this.#count--
      this.#squares -= old * old
    }
    const at = this.#place(figure)
    sorted.copyWithin(at + 1, at, this.#count)
    sorted[at] = figure
    this.#count++
    this.#squares += figure * figure
    this.#ring[this.#next] = figure
    this.#next = this.#next + 1 === this.capacity ? 0 : this.#next + 1
    // Sums that grow and shrink gather rounding: once a round they are made anew.
    if (this.#next === 0) this.#resum()
  }

  clear(): void {
    this.#count = 0
    this.#next = 0
    this.#squares = 0
  }

  #resum(): void {
    let sum = 0
    for (let i = 0; i < this.#count; i++) sum += this.sorted[i]! * this.sorted[i]!
    this.#squares = sum
  }

  /** First place whose figure is not below `figure`. */
  #place(figure: number): number {
    let low = 0
    let high = this.#count
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.sorted[middle]! < figure) low = middle + 1
      else high = middle
    }
    return low
  }
}
