/**
 * @file What moves a generated market from outside: the value everyone estimates, how nervous the time is, and the crash.
 *
 * The logarithm of the value is a random walk with stochastic volatility: two mean-reverting factors (minutes and half
 * an hour) and a two-state regime (calm, busy) multiply it, which gives returns fat tails and clustered sizes. At a known
 * time a crash may begin: value falls, stress rises at once and fades slowly; everything else reads stress.
 */

import { SECOND_US } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'

/** Figures of the crash. Fractions are of the logarithm of value; times in seconds from its beginning. */
export const CRASH = {
  fall: 0.06,
  fallSeconds: 120,
  rebound: 0.02,
  reboundSeconds: 900,
  /** Stress rises to 1 over this time, stays, and then halves every half-life. */
  riseSeconds: 20,
  holdSeconds: 150,
  stressHalfLifeSeconds: 240,
} as const

const CALM_SECONDS = 1500
const BUSY_SECONDS = 480
/** Volatility of value from outside, per √s; order flow adds its impact to it (marketSimulation.ts). */
const VOLATILITY = 0.8e-4
/** [volatility, activity] by regime. */
const CALM = { volatility: 0.7, activity: 0.8 }
const BUSY = { volatility: 1.5, activity: 1.7 }

export class MarketWorld {
  readonly #random: Random
  readonly #crashSeconds: number
  /** Natural logarithm of the value, in quote per base. */
  logValue: number
  /** 0 in ordinary times, 1 at the height of a crash. */
  stress = 0
  busy = false
  #slow = 0
  #fast = 0
  #nextRegimeSeconds: number
  #nextFactorSeconds = 0

  /** @param crashSeconds When the crash begins, in seconds from the start; infinite for none. */
  constructor(startPrice: number, crashSeconds: number, random: Random) {
    this.logValue = Math.log(startPrice)
    this.#crashSeconds = crashSeconds
    this.#random = random
    this.#nextRegimeSeconds = random.exponential(CALM_SECONDS)
  }

  /** How busy order flow is, as a multiple. */
  get activity(): number {
    return (this.busy ? BUSY : CALM).activity
  }

  /** Moves on to `seconds`, which is `step` after the last time. */
  advance(seconds: number, step: number): void {
    const random = this.#random
    if (seconds >= this.#nextRegimeSeconds) {
      this.busy = !this.busy
      this.#nextRegimeSeconds = seconds + random.exponential(this.busy ? BUSY_SECONDS : CALM_SECONDS)
    }
    if (seconds >= this.#nextFactorSeconds) {
      this.#nextFactorSeconds = seconds + 1
      // Half-lives of one and of thirty minutes, deviations of 0.4 and 0.35 in the logarithm of volatility.
      this.#fast = meanRevert(this.#fast, 60, 0.4, random)
      this.#slow = meanRevert(this.#slow, 1800, 0.35, random)
    }
    this.#setStress(seconds)
    const level = (this.busy ? BUSY : CALM).volatility * Math.exp(this.#fast + this.#slow) * (1 + 5 * this.stress)
    // Rarely, news: a jump of several usual seconds.
    const news = random.uniform() < step / 400 ? 6 * VOLATILITY * level * random.normal() : 0
    this.logValue += VOLATILITY * level * Math.sqrt(step) * random.normal() + news + this.#crashDrift(seconds) * step
  }

  #setStress(seconds: number): void {
    const since = seconds - this.#crashSeconds
    if (!(since >= 0)) return
    const { riseSeconds, holdSeconds, stressHalfLifeSeconds } = CRASH
    const fading = Math.max(0, since - riseSeconds - holdSeconds)
    this.stress = Math.min(1, since / riseSeconds) * 0.5 ** (fading / stressHalfLifeSeconds)
  }

  /** Drift of the logarithm of value per second. */
  #crashDrift(seconds: number): number {
    const since = seconds - this.#crashSeconds
    const { fall, fallSeconds, rebound, reboundSeconds } = CRASH
    if (!(since >= 0) || since > fallSeconds + reboundSeconds) return 0
    return since <= fallSeconds ? -fall / fallSeconds : rebound / reboundSeconds
  }
}

/** One second of a mean-reverting factor with the given half-life and stationary deviation. */
export function meanRevert(value: number, halfLifeSeconds: number, deviation: number, random: Random): number {
  const keep = 0.5 ** (1 / halfLifeSeconds)
  return value * keep + deviation * Math.sqrt(1 - keep * keep) * random.normal()
}

/** Start of generated markets unless asked otherwise: 1 January 2025, 00:00 UTC. */
export const GENERATED_START_US = 1_735_689_600 * SECOND_US
