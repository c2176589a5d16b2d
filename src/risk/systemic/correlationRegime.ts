/**
 * @file How tightly markets move together now, against how they usually do: streaming, from prices.
 *
 * Exponential averages of products of log returns give a correlation matrix; its largest eigenvalue over the number of assets is the
 * absorption ratio of one component (Kritzman et al. 2011), and its standardised distance from its own slow average is their warning
 * signal. Allocates nothing after construction; a sample costs a few times the square of the number of assets.
 */

import { GimbalError } from '../../core/errors.ts'

export interface CorrelationRegimeSettings {
  /** Memory of the correlations, and of what is usual, in samples. */
  readonly halfLife: number
  readonly usualHalfLife: number
  /** Samples before anything is said. */
  readonly warmup: number
}

/** `tight`: beyond one deviation above the usual (Kritzman et al.'s signal). `one`: above 0.95 whatever is usual. */
export type CorrelationState = 'unknown' | 'ordinary' | 'tight' | 'one'

const ONE = 0.95
const POWER_STEPS = 50

export class CorrelationRegime {
  /** Average correlation over all pairs; NaN until known. */
  correlation = Number.NaN
  /** Largest eigenvalue of the correlation matrix over the number of assets: 1/n to 1. */
  absorption = Number.NaN
  /** Distance of `absorption` from its slow average in its own deviations. */
  shift = Number.NaN
  state: CorrelationState = 'unknown'
  readonly #count: number
  readonly #keep: number
  readonly #usualKeep: number
  readonly #warmup: number
  readonly #last: Float64Array
  readonly #returns: Float64Array
  // [count × count]
  readonly #products: Float64Array
  readonly #vector: Float64Array
  readonly #image: Float64Array
  #samples = 0
  #mean = 0
  #square = 0
  #weight = 0

  /** @throws {GimbalError} `argument-invalid`. */
  constructor(count: number, { halfLife, usualHalfLife, warmup }: CorrelationRegimeSettings) {
    if (!(Number.isSafeInteger(count) && count >= 2 && halfLife > 0 && usualHalfLife > halfLife && warmup >= 2))
      throw new GimbalError(
        'argument-invalid',
        'A regime of correlation needs two assets and a longer memory of the usual',
        {
          count,
          halfLife,
          usualHalfLife,
          warmup,
        },
      )
    this.#count = count
    this.#keep = 0.5 ** (1 / halfLife)
    this.#usualKeep = 0.5 ** (1 / usualHalfLife)
    this.#warmup = warmup
    this.#last = new Float64Array(count).fill(Number.NaN)
    this.#returns = new Float64Array(count)
    this.#products = new Float64Array(count * count)
    this.#vector = new Float64Array(count)
    this.#image = new Float64Array(count)
  }

  /** @param prices One an asset, any unit, at the same moment; a sample with one missing is passed over. */
  observe(prices: Float64Array): void {
    const n = this.#count
    const returns = this.#returns
    let whole = true
    for (let i = 0; i < n; i++) {
      returns[i] = Math.log(prices[i]! / this.#last[i]!)
      if (prices[i]! > 0) this.#last[i] = prices[i]!
      if (!Number.isFinite(returns[i]!)) whole = false
    }
    if (!whole) return
    const products = this.#products
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        products[i * n + j] = this.#keep * products[i * n + j]! + (1 - this.#keep) * returns[i]! * returns[j]!
    if (++this.#samples < this.#warmup || !this.#measure()) return
    const { absorption } = this
    if (this.#weight > 0) {
      const mean = this.#mean / this.#weight
      const deviation = Math.sqrt(Math.max(0, this.#square / this.#weight - mean * mean))
      this.shift = deviation > 0 ? (absorption - mean) / deviation : 0
      this.state = this.correlation > ONE ? 'one' : this.shift > 1 ? 'tight' : 'ordinary'
    }
    const keep = this.#usualKeep
    this.#mean = keep * this.#mean + absorption
    this.#square = keep * this.#square + absorption * absorption
    this.#weight = keep * this.#weight + 1
  }

  /** False while an asset has not moved at all. */
  #measure(): boolean {
    const n = this.#count
    const products = this.#products
    let sum = 0
    for (let i = 0; i < n; i++) {
      const own = products[i * n + i]!
      if (!(own > 0)) return false
      for (let j = i + 1; j < n; j++) sum += products[i * n + j]! / Math.sqrt(own * products[j * n + j]!)
    }
    this.correlation = (2 * sum) / (n * (n - 1))
    this.absorption = this.#largestEigenvalue() / n
    return true
  }

  /** Of the correlation matrix, by power iteration from the last sample's vector; good to far below its own noise. */
  #largestEigenvalue(): number {
    const n = this.#count
    const products = this.#products
    const vector = this.#vector
    const image = this.#image
    // A start no matrix is blind to: all assets, a little unlike.
    if (vector[0] === 0) for (let i = 0; i < n; i++) vector[i] = 1 + i / (10 * n)
    let value = 0
    for (let step = 0; step < POWER_STEPS; step++) {
      let norm = 0
      for (let i = 0; i < n; i++) {
        let along = 0
        for (let j = 0; j < n; j++)
          along += (products[i * n + j]! / Math.sqrt(products[i * n + i]! * products[j * n + j]!)) * vector[j]!
        image[i] = along
        norm += along * along
      }
      norm = Math.sqrt(norm)
      for (let i = 0; i < n; i++) vector[i] = image[i]! / norm
      if (Math.abs(norm - value) < 1e-12 * norm) return norm
      value = norm
    }
    return value
  }
}
