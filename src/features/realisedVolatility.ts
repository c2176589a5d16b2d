/**
 * @file Volatility of a price as it is heard, per square root of a second.
 *
 * The price is looked at on a fixed grid of times, each point taking the last price known before it ("previous tick"
 * sampling), so that neither bid-ask bounce inside an interval nor the burstiness of updates counts as movement. Squared
 * changes and the time they took are summed with the same exponential forgetting, and the variance is their ratio: it is
 * unbiased from the first sample on, whatever the pauses between updates.
 *
 * Source of the sampling argument: T. G. Andersen, T. Bollerslev, F. X. Diebold, P. Labys, "Modeling and forecasting
 * realized volatility", Econometrica 71 (2003).
 */

import { SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'

export class RealisedVolatility {
  readonly #sampleUs: number
  readonly #decayPerUs: number
  readonly #samplesMin: number
  /** Grid time of the last sample, and the price it took. */
  #sampledUs = Number.NaN
  #sampled = 0
  #price = 0
  #squares = 0
  #seconds = 0
  #samples = 0

  /**
   * @param sampleUs Spacing of the grid; a few times the mean interval between changes of the price.
   * @param halfLifeUs After this much time a change counts half.
   * @param samplesMin Grid intervals that must have passed before an estimate is given.
   * @throws {GimbalError} `config-invalid` unless 0 < sampleUs < halfLifeUs.
   */
  constructor(sampleUs: number, halfLifeUs: number, samplesMin = 20) {
    if (!(sampleUs > 0) || !(halfLifeUs > sampleUs))
      throw new GimbalError('config-invalid', 'A volatility half-life must exceed its sampling interval', {
        sampleUs,
        halfLifeUs,
      })
    this.#sampleUs = sampleUs
    this.#decayPerUs = Math.LN2 / halfLifeUs
    this.#samplesMin = samplesMin
  }

  /** Takes the price valid from `timeUs` on, in any unit; the estimate is in the same one. */
  update(timeUs: number, price: number): void {
    if (timeUs >= this.#sampledUs + this.#sampleUs) this.#sample(timeUs)
    else if (Number.isNaN(this.#sampledUs)) {
      this.#sampledUs = Math.floor(timeUs / this.#sampleUs) * this.#sampleUs
      this.#sampled = price
    }
    this.#price = price
  }

  /** The price was lost (gap, outage): what it does until the next update is not counted as movement. */
  interrupt(): void {
    this.#sampledUs = Number.NaN
  }

  /** Volatility in price units per √second; NaN until enough was seen. */
  get perRootSecond(): number {
    return this.#samples >= this.#samplesMin ? Math.sqrt(this.#squares / this.#seconds) : Number.NaN
  }

  /** Closes the grid intervals that ended at or before `timeUs`; all of the change happened somewhere in them. */
  #sample(timeUs: number): void {
    const intervals = Math.floor((timeUs - this.#sampledUs) / this.#sampleUs)
    const elapsedUs = intervals * this.#sampleUs
    const change = this.#price - this.#sampled
    const decay = Math.exp(-this.#decayPerUs * elapsedUs)
    this.#squares = this.#squares * decay + change * change
    this.#seconds = this.#seconds * decay + elapsedUs / SECOND_US
    this.#samples += intervals
    this.#sampledUs += elapsedUs
    this.#sampled = this.#price
  }
}
