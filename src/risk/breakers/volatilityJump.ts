/** @file Breaker: the market moves several times as much as it did. */

import { middleOfThree } from './runningMedian.ts'

/**
 * Short-run over long-run volatility, both exponential averages of squared log returns per unit of time.
 *
 * Prices pass a median of three samples first: a single misprint would otherwise be two enormous returns, and stay in
 * the short average long enough to be confirmed.
 */
export class VolatilityJump {
  readonly allowed: number
  /** Ratio of the two volatilities. */
  measured = 0
  readonly #shortUs: number
  readonly #longUs: number
  readonly #warmupUs: number
  #before = Number.NaN
  #last = Number.NaN
  #smooth = Number.NaN
  #lastUs = Number.NaN
  #firstUs = Number.NaN
  #short = 0
  #long = 0

  constructor(ratioMax: number, shortUs: number, longUs: number, warmupUs: number) {
    this.allowed = ratioMax
    this.#shortUs = shortUs
    this.#longUs = longUs
    this.#warmupUs = warmupUs
  }

  /** @param tick Price in ticks, possibly fractional: its own step is the least movement that means anything. */
  observe(tick: number, nowUs: number): boolean {
    if (Number.isNaN(tick)) this.measured = Number.NaN
    if (!(tick > 0)) return Number.isNaN(tick)
    const smooth = Number.isNaN(this.#before) ? tick : middleOfThree(this.#before, this.#last, tick)
    this.#before = this.#last
    this.#last = tick
    const elapsedUs = nowUs - this.#lastUs
    this.#lastUs = nowUs
    const from = this.#smooth
    this.#smooth = smooth
    if (Number.isNaN(from)) {
      this.#firstUs = nowUs
      return false
    }
    if (!(elapsedUs > 0)) return false
    const change = Math.log(smooth / from)
    const rate = (change * change) / elapsedUs
    const ageUs = nowUs - this.#firstUs
    // While young an average weighs all it has seen alike; afterwards it forgets at its own pace.
    this.#short += (rate - this.#short) * Math.max(1 - Math.exp(-elapsedUs / this.#shortUs), elapsedUs / ageUs)
    this.#long += (rate - this.#long) * Math.max(1 - Math.exp(-elapsedUs / this.#longUs), elapsedUs / ageUs)
    // A market that never moved would make any step a jump: one tick in a short period is the floor.
    const floor = 1 / (smooth * smooth * this.#shortUs)
    this.measured = Math.sqrt(this.#short / Math.max(this.#long, floor))
    return ageUs > this.#warmupUs && !(this.measured <= this.allowed)
  }

  /** What is usual is learned again, from the next value. */
  rebase(): void {
    this.#forget()
  }

  #forget(): void {
    this.measured = 0
    this.#short = 0
    this.#long = 0
    this.#before = Number.NaN
    this.#last = Number.NaN
    this.#smooth = Number.NaN
    this.#lastUs = Number.NaN
  }
}
