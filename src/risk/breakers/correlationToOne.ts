/** @file Breaker: everything moves together, so what looked like several positions is one. */

/** Average pairwise correlation of log returns, by exponential averages of their products. */
export class CorrelationToOne {
  readonly allowed: number
  /** Average over all pairs whose two sides moved at all. */
  measured = 0
  readonly #count: number
  readonly #keep: number
  readonly #warmup: number
  readonly #last: Float64Array
  readonly #returns: Float64Array
  /** Upper triangle with diagonal, by rows. // [count × (count + 1) / 2] */
  readonly #products: Float64Array
  #samples = 0

  /**
   * @param count How many instruments; an observation costs their number squared.
   * @param halfLife Samples after which one counts half.
   * @param warmup Samples before anything is judged.
   */
  constructor(count: number, correlationMax: number, halfLife: number, warmup: number) {
    this.allowed = correlationMax
    this.#count = count
    this.#keep = 0.5 ** (1 / halfLife)
    this.#warmup = warmup
    this.#last = new Float64Array(count).fill(Number.NaN)
    this.#returns = new Float64Array(count)
    this.#products = new Float64Array((count * (count + 1)) / 2)
  }

  /** @param prices One per instrument, any unit; NaN where unknown, which leaves its pairs as they were. */
  observe(prices: Float64Array): boolean {
    const { length } = prices
    const last = this.#last
    const returns = this.#returns
    for (let i = 0; i < length; i++) {
      returns[i] = Math.log(prices[i]! / last[i]!)
      if (prices[i]! > 0) last[i] = prices[i]!
    }
    this.#accumulate()
    if (++this.#samples <= this.#warmup) return false
    this.measured = this.#average()
    return !(this.measured <= this.allowed)
  }

  #accumulate(): void {
    const returns = this.#returns
    const products = this.#products
    const keep = this.#keep
    let at = 0
    for (let i = 0; i < this.#count; i++) {
      for (let j = i; j < this.#count; j++, at++) {
        const product = returns[i]! * returns[j]!
        if (!Number.isNaN(product)) products[at] = keep * products[at]! + (1 - keep) * product
      }
    }
  }

  #average(): number {
    const products = this.#products
    const count = this.#count
    let sum = 0
    let pairs = 0
    let row = 0
    for (let i = 0; i < count; i++) {
      const own = products[row]!
      for (let j = i + 1; j < count; j++) {
        const other = products[diagonal(j, count)]!
        const scale = Math.sqrt(own * other)
        if (scale > 0) {
          sum += products[row + j - i]! / scale
          pairs++
        }
      }
      row += count - i
    }
    return pairs === 0 ? 0 : sum / pairs
  }

  /** Correlations are learned again. */
  rebase(): void {
    this.#products.fill(0)
    this.#samples = 0
  }
}

/** Place of element (i, i) in an upper triangle of `count` rows. */
function diagonal(i: number, count: number): number {
  return i * count - (i * (i - 1)) / 2
}
