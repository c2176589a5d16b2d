/** @file Mean and deviation of a figure heard now and then, the past being forgotten with time. */

import { GimbalError } from '../core/errors.ts'

export class ExponentialMoments {
  readonly #decayPerUs: number
  #weight = 0
  #mean = 0
  /** Weighted sum of squared distances from the mean. */
  #squares = 0
  #heardUs = Number.NaN
  /** Figures heard so far. */
  count = 0

  /**
   * @param halfLifeUs After this much time a figure counts half.
   * @throws {GimbalError} `config-invalid` unless positive.
   */
  constructor(halfLifeUs: number) {
    if (!(halfLifeUs > 0)) throw new GimbalError('config-invalid', 'A half-life must be positive', { halfLifeUs })
    this.#decayPerUs = Math.LN2 / halfLifeUs
  }

  /** West's update of a weighted mean and variance (D. H. D. West, Comm. ACM 22 (1979) 532), every old weight decayed. */
  add(timeUs: number, value: number): void {
    const decay = this.count === 0 ? 0 : Math.exp(-this.#decayPerUs * Math.max(0, timeUs - this.#heardUs))
    const before = this.#weight * decay
    this.#weight = before + 1
    const distance = value - this.#mean
    this.#mean += distance / this.#weight
    this.#squares = this.#squares * decay + (distance * distance * before) / this.#weight
    this.#heardUs = timeUs
    this.count++
  }

  /** Weighted mean; NaN before the first figure. */
  get mean(): number {
    return this.count === 0 ? Number.NaN : this.#mean
  }

  /** Weighted standard deviation around the mean, of the figures heard (not corrected for their number). */
  get deviation(): number {
    return this.count === 0 ? Number.NaN : Math.sqrt(this.#squares / this.#weight)
  }
}
