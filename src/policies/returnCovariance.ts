/**
 * @file Covariance of several prices' returns as they are heard, the past forgotten exponentially.
 *
 * All prices are looked at on one grid of times, each taking its last value before the point: returns over the same spans, so
 * that a slow feed does not look independent of a fast one by more than its delay. A mean return of zero is taken for known.
 *
 * Source of the weighting: J. P. Morgan/Reuters, "RiskMetrics technical document", 4th ed. (1996), section 5.2.
 */

import { GimbalError } from '../core/errors.ts'

export class ReturnCovariance {
  readonly #sampleUs: number
  readonly #decay: number
  readonly #samplesMin: number
  readonly #latest: Float64Array
  readonly #sampled: Float64Array
  readonly #returns: Float64Array
  readonly #products: Float64Array
  #weight = 0
  #samples = 0
  #sampledUs = Number.NaN

  /**
   * @param count How many prices. @param sampleUs Spacing of the grid. @param halfLifeUs After this a return counts half.
   * @param samplesMin Returns before anything is said.
   * @throws {GimbalError} `config-invalid` unless 0 < sampleUs < halfLifeUs.
   */
  constructor(count: number, sampleUs: number, halfLifeUs: number, samplesMin = 20) {
    if (!(sampleUs > 0) || !(halfLifeUs > sampleUs))
      throw new GimbalError('config-invalid', 'A covariance’s half-life must exceed its sampling interval', {
        sampleUs,
        halfLifeUs,
      })
    this.#sampleUs = sampleUs
    this.#decay = 2 ** (-sampleUs / halfLifeUs)
    this.#samplesMin = samplesMin
    this.#latest = new Float64Array(count).fill(Number.NaN)
    this.#sampled = new Float64Array(count).fill(Number.NaN)
    this.#returns = new Float64Array(count)
    this.#products = new Float64Array(count * count)
  }

  /** Takes one price, valid from `timeUs` on. */
  update(which: number, timeUs: number, price: number): void {
    const point = Math.floor(timeUs / this.#sampleUs) * this.#sampleUs
    if (point > this.#sampledUs) this.#sample(Math.round((point - this.#sampledUs) / this.#sampleUs))
    if (!(point <= this.#sampledUs)) this.#sampledUs = point
    this.#latest[which] = Math.log(price)
  }

  /** Whether enough was heard of all prices. */
  get known(): boolean {
    return this.#samples >= this.#samplesMin
  }

  /** Covariance of the log returns of two prices over `horizonUs`; NaN while unknown. */
  over(first: number, second: number, horizonUs: number): number {
    if (!this.known) return Number.NaN
    const n = this.#latest.length
    return ((this.#products[first * n + second]! / this.#weight) * horizonUs) / this.#sampleUs
  }

  /** @param intervals Grid intervals that passed: a return over several counts as so many of equal size. */
  #sample(intervals: number): void {
    const n = this.#latest.length
    let whole = true
    for (let i = 0; i < n; i++) {
      this.#returns[i] = this.#latest[i]! - this.#sampled[i]!
      this.#sampled[i] = this.#latest[i]!
      whole &&= !Number.isNaN(this.#returns[i]!)
    }
    if (!whole) return
    const decay = this.#decay ** intervals
    this.#weight = this.#weight * decay + intervals
    this.#samples++
    for (let i = 0; i < n; i++)
      for (let j = 0; j < n; j++)
        this.#products[i * n + j] = this.#products[i * n + j]! * decay + this.#returns[i]! * this.#returns[j]!
  }
}
