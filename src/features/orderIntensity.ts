/**
 * @file How often the market's orders reach a resting order, by its distance from the mid: λ(δ) = A exp(−kδ).
 *
 * Each aggressive order reaches some depth beyond the mid, and would have filled everything resting nearer. Counting
 * them by the depth they reached gives, for every δ, the rate at which a quote at δ would have been hit; A and k are
 * read off a straight line through the logarithms of those rates, each weighted by the count behind it (the variance of
 * a logarithm of n counts is about 1/n). Counts and time are forgotten exponentially, so the figures follow the market.
 *
 * Sources: M. Avellaneda, S. Stoikov, "High-frequency trading in a limit order book", Quantitative Finance 8 (2008) 217,
 * for the law; hftbacktest, tutorial "Guéant-Lehalle-Fernandez-Tapia market making model and grid trading", for counting
 * reached depths. We differ in counting sweeps instead of time slices, in splitting the rate between the two sides,
 * in weighting, and in widening the bins when the market outgrows them.
 */

import { SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'

const BINS = 64
/** A bin's rate enters the fit from this many (forgotten) sweeps on. */
const COUNT_MIN = 3

export class OrderIntensity {
  readonly #decayPerUs: number
  readonly #sweepsMin: number
  /** Sweeps by depth reached: bin i holds depths in [i, i + 1) × width. The last also holds everything deeper. */
  readonly #counts = new Float64Array(BINS)
  #widthTicks = 0.5
  #seconds = 0
  #decayedUs = Number.NaN
  #sweeps = 0
  /** The sweep under way: trades of one instant and one side belong together. */
  #sweepUs = Number.NaN
  #sweepSide = 0
  #sweepDepth = 0
  /** Rate at the mid, per second and side; NaN until enough was seen. */
  arrivalPerSecond = Number.NaN
  /** Decay of the rate, per tick of distance; NaN until enough was seen. */
  decayPerTick = Number.NaN

  /**
   * @param halfLifeUs After this much time a sweep counts half.
   * @param sweepsMin Sweeps that must have been seen before a fit is made.
   * @throws {GimbalError} `config-invalid` unless the half-life is positive.
   */
  constructor(halfLifeUs: number, sweepsMin = 30) {
    if (!(halfLifeUs > 0))
      throw new GimbalError('config-invalid', 'An intensity half-life must be positive', { halfLifeUs })
    this.#decayPerUs = Math.LN2 / halfLifeUs
    this.#sweepsMin = sweepsMin
  }

  /**
   * Takes a trade into account.
   *
   * @param side Of the aggressor; trades of one instant whose side is unknown (0) are one sweep.
   * @param depthTicks Distance of the trade from the mid before it, in ticks, away from it counted positive.
   */
  onTrade(timeUs: number, side: number, depthTicks: number): void {
    if (timeUs === this.#sweepUs && side === this.#sweepSide) {
      if (depthTicks > this.#sweepDepth) this.#sweepDepth = depthTicks
      return
    }
    this.#closeSweep()
    this.#sweepUs = timeUs
    this.#sweepSide = side
    this.#sweepDepth = depthTicks
    if (Number.isNaN(this.#decayedUs)) this.#decayedUs = timeUs
  }

  /** Starts the clock of a market in which nothing may trade for a while, and forgets with it. */
  observe(timeUs: number): void {
    if (Number.isNaN(this.#decayedUs)) this.#decayedUs = timeUs
    const elapsedUs = timeUs - this.#decayedUs
    if (!(elapsedUs > 0)) return
    const decay = Math.exp(-this.#decayPerUs * elapsedUs)
    for (let i = 0; i < BINS; i++) this.#counts[i] *= decay
    this.#seconds = this.#seconds * decay + elapsedUs / SECOND_US
    this.#decayedUs = timeUs
  }

  /** Brings `arrivalPerSecond` and `decayPerTick` up to date; every few seconds is often enough. */
  fit(timeUs: number): void {
    this.#closeSweep()
    this.observe(timeUs)
    if (this.#sweeps < this.#sweepsMin || !(this.#seconds > 0)) return
    this.#widen()
    const counts = this.#counts
    let first = 0
    while (first < BINS - 1 && counts[first] < 1e-9) first++
    // Weighted line through (distance, ln rate): sums over bins of w, wx, wy, wxx, wxy.
    let w = 0
    let wx = 0
    let wy = 0
    let wxx = 0
    let wxy = 0
    let points = 0
    let reached = 0
    let end = 0
    for (let i = first; i < BINS; i++) reached += counts[i]
    for (let i = first; i < BINS && (reached >= COUNT_MIN || points < 2); i++) {
      // Where every sweep stops at one level there is no second point: half a sweep stands for "none yet".
      const count = Math.max(reached, 0.5)
      const x = i * this.#widthTicks
      const y = Math.log(count / (2 * this.#seconds))
      w += count
      wx += count * x
      wy += count * y
      wxx += count * x * x
      wxy += count * x * y
      points++
      end = i
      reached -= counts[i]
    }
    const spread = w * wxx - wx * wx
    if (end === first || !(spread > 0)) return
    const slope = (w * wxy - wx * wy) / spread
    if (!(slope < 0)) return
    this.decayPerTick = -slope
    this.arrivalPerSecond = Math.exp((wy - slope * wx) / w)
  }

  #closeSweep(): void {
    if (Number.isNaN(this.#sweepUs)) return
    this.observe(this.#sweepUs)
    const bin = Math.max(0, Math.floor(this.#sweepDepth / this.#widthTicks))
    this.#counts[bin < BINS ? bin : BINS - 1] += 1
    this.#sweeps++
    this.#sweepUs = Number.NaN
  }

  /** Doubles the bins' width while a noticeable share of sweeps ends in the last, open one. Exact for all the others. */
  #widen(): void {
    const counts = this.#counts
    let total = 0
    for (let i = 0; i < BINS; i++) total += counts[i]
    if (counts[BINS - 1] < 0.02 * total) return
    for (let i = 0; i < BINS / 2; i++) counts[i] = counts[2 * i] + counts[2 * i + 1]
    counts.fill(0, BINS / 2)
    this.#widthTicks *= 2
  }
}
