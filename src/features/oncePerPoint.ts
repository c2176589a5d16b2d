/**
 * @file Figures that change only at the points of a clock, reckoned once a point however often they are looked at.
 *
 * What a feature says of point g = ⌊now / interval⌋ is final as soon as it is asked later than g × interval: every row up to
 * then was heard, and none that comes can belong to g any more. Asked exactly at g × interval it may still change (another
 * message of the same microsecond), so that answer is not kept.
 */

import type { TapeBatch } from '../market/tape.ts'
import type { Feature } from './feature.ts'

export class OncePerPoint implements Feature {
  readonly instruments: readonly number[]
  readonly #feature: Feature
  readonly #intervalUs: number
  readonly #figures: Float64Array
  /** Point the figures kept are of; NaN when none are. */
  #point = Number.NaN

  /** @param feature One whose figures depend on ⌊nowUs / intervalUs⌋ only. @param width How many it writes. */
  constructor(feature: Feature, intervalUs: number, width: number) {
    this.instruments = feature.instruments
    this.#feature = feature
    this.#intervalUs = intervalUs
    this.#figures = new Float64Array(width)
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    this.#feature.onRow(batch, row, instrument, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const point = Math.floor(nowUs / this.#intervalUs)
    const pointUs = point * this.#intervalUs
    if (point !== this.#point) {
      this.#feature.write(this.#figures, 0, pointUs)
      this.#point = nowUs > pointUs ? point : Number.NaN
    }
    out.set(this.#figures, at)
  }
}
