/**
 * @file How large to be now: a factor of 0 to 1 on the sizes of orders and positions, from regime, health and drawdown.
 *
 * The gate multiplies an instrument's size limits by it, for orders that add risk. It follows from rows heard and money booked alone,
 * so a replay finds the same; a model may report that it sees turbulence, and be believed only as far as it asks for less. Nothing
 * makes it larger than the configuration allows.
 */

import { DAY_US, MINUTE_US } from '../core/clock.ts'
import { HiddenMarkovFilter } from '../features/regimeFilter.ts'
import { middleOfThree } from './breakers/runningMedian.ts'

/** Each part goes from 1 in good times to its least in bad ones; the factor is their product. */
export interface SizingConfig {
  /** Factor when turbulence is certain. */
  readonly turbulentFactor: number
  /** Health from which sizes are full, and the factor at a health of 0. An unknown health leaves sizes as they are. */
  readonly healthFull: number
  readonly unwellFactor: number
  /** Drawdown from the peak up to which sizes are full, that from which the factor is `drawdownFactor`, and that factor. */
  readonly drawdownBegin: number
  readonly drawdownEnd: number
  readonly drawdownFactor: number
}

export const DEFAULT_SIZING: SizingConfig = {
  turbulentFactor: 0.5,
  healthFull: 0.5,
  unwellFactor: 0.25,
  drawdownBegin: 0.05,
  drawdownEnd: 0.2,
  drawdownFactor: 0.25,
}

/** @param probability Of turbulence, 0 to 1; NaN is certainty. @param health 0 to 1; NaN unknown. @param drawdown From the peak; NaN unknown. */
export function sizeFactor(config: SizingConfig, probability: number, health: number, drawdown: number): number {
  const turbulent = Number.isNaN(probability) ? 1 : Math.min(1, Math.max(0, probability))
  const regime = 1 - (1 - config.turbulentFactor) * turbulent
  const unwell = Number.isNaN(health) ? 0 : Math.min(1, Math.max(0, 1 - health / config.healthFull))
  const healthy = 1 - (1 - config.unwellFactor) * unwell
  const { drawdownBegin, drawdownEnd, drawdownFactor } = config
  // An equity that is not known is `equity-nan`'s case; a size is not granted on it.
  const deep = Number.isNaN(drawdown) ? 1 : (drawdown - drawdownBegin) / (drawdownEnd - drawdownBegin)
  return regime * healthy * (1 - (1 - drawdownFactor) * Math.min(1, Math.max(0, deep)))
}

const SAMPLE_US = MINUTE_US
/** Memory of the usual volatility, and observation before anything is said. */
const USUAL_US = DAY_US
const WARMUP_SAMPLES = 60

/** Moves beyond this many usual deviations wait for the next price to confirm them. */
const DOUBTFUL = 4

/**
 * Probability that a market is turbulent: a two-state filter of minute returns in units of the usual volatility (an exponential
 * mean over a day, from before the return). Calm has 0.7 of its variance, turbulence 9 times as much; spells last 200 and 30
 * minutes. Parameters are fixed and not fitted: what is asked is "three times as wild as usual, for minutes on end?".
 *
 * Each price is judged when the next is known, and a wild one becomes the middle of the three: a misprint would otherwise be two
 * wild returns. 0 until an hour was seen. Allocates nothing after construction.
 */
export class Turbulence {
  probability = 0
  readonly #filter = new HiddenMarkovFilter({
    means: [0, 0],
    variances: [0.7, 9],
    transition: [
      [0.995, 0.005],
      [1 / 30, 29 / 30],
    ],
    initial: [0.9, 0.1],
  })
  #nextUs = Number.NEGATIVE_INFINITY
  /** The last price believed, and the one that waits to be. */
  #tick = Number.NaN
  #tickUs = Number.NaN
  #waiting = Number.NaN
  #waitingUs = Number.NaN
  #usual = 0
  #samples = 0

  /** @param tick Price in ticks, possibly fractional; NaN is passed over. Returns whether it became a sample. */
  observe(tick: number, nowUs: number): boolean {
    if (nowUs < this.#nextUs || !(tick > 0)) return false
    this.#nextUs = nowUs + SAMPLE_US
    if (this.#tick > 0) this.#judge(tick)
    else {
      this.#tick = this.#waiting
      this.#tickUs = this.#waitingUs
    }
    this.#waiting = tick
    this.#waitingUs = nowUs
    return true
  }

  /** Believes the price that waited, now that the one after it is known. */
  #judge(after: number): void {
    // Per minute, however long the market was silent; one tick is the least that counts as moving.
    const elapsed = (this.#waitingUs - this.#tickUs) / SAMPLE_US
    const usual = Math.max(this.#usual, 1 / (this.#tick * this.#tick))
    let change = Math.log(this.#waiting / this.#tick)
    if (change * change > DOUBTFUL * DOUBTFUL * usual * elapsed)
      this.#waiting = middleOfThree(this.#tick, this.#waiting, after)
    change = Math.log(this.#waiting / this.#tick)
    this.#tick = this.#waiting
    this.#tickUs = this.#waitingUs
    const perMinute = (change * change) / elapsed
    if (this.#samples >= WARMUP_SAMPLES) {
      this.#filter.update(Math.sign(change) * Math.sqrt(perMinute / usual))
      this.probability = this.#filter.probabilities[1]!
    }
    this.#samples++
    const weight = Math.max(1 - Math.exp((-elapsed * SAMPLE_US) / USUAL_US), 1 / this.#samples)
    // One return cannot make itself usual.
    const bounded = this.#samples > WARMUP_SAMPLES ? Math.min(perMinute, 25 * usual) : perMinute
    this.#usual += weight * (bounded - this.#usual)
  }
}
