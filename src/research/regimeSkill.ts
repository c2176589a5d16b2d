/**
 * @file What fitted regimes said of returns they were not fitted to: whether they tell of the next return more than one variance
 * would, or a moving one, and whether the market moved more when they called it turbulent.
 *
 * The score is the logarithm of the density a forecaster gave to what came (T. Gneiting, A. Raftery, "Strictly proper scoring
 * rules, prediction, and estimation", J. American Statistical Association 102 (2007) 359): no forecaster gains by saying other
 * than it believes. Rivals are Gaussian with a mean of zero.
 */

import type { Random } from '../core/random.ts'
import { HiddenMarkovFilter, type HiddenMarkovParameters } from '../features/regimeFilter.ts'
import { meanInterval } from './dieboldMariano.ts'

/** A mean with its 95 % interval by the stationary bootstrap. */
interface Gain {
  readonly mean: number
  readonly low: number
  readonly high: number
}

export interface RegimeSkill {
  /** Returns judged: those after the fitted ones that are known. */
  readonly steps: number
  /** Mean log density of a return, given those before it, less that under the one variance of the fitted returns. */
  readonly overOne: Gain
  /** The same against an exponentially weighted variance. */
  readonly overMoving: Gain
  /**
   * Mean square of the next return when turbulent over that when not: each step counts by the probability of the most turbulent
   * state before it. NaN where either never had any.
   */
  readonly spread: number
  /** Mean probability of the most turbulent state. */
  readonly turbulent: number
}

/** Weight of the past in the rival's moving variance, as J.P. Morgan's RiskMetrics has it (1996). */
const LAMBDA = 0.94
/** Least variance of a rival, relative to that of the fitted returns: as of the states (models/regime/hiddenMarkov.ts). */
const FLOOR = 1e-4
/** Fewest returns of which anything is said. */
const LEAST = 50

/** Regimes fitted at one moment of a walk. */
export interface RegimeFit {
  readonly parameters: HiddenMarkovParameters
  /** Returns it was fitted to, from the first on. */
  readonly fitted: number
  /** First return it is judged on, `fitted` or later. */
  readonly from: number
}

/**
 * Judges regimes on the returns after those they were fitted to, each step by the filter that heard all before it.
 *
 * @param returns One a step, from the first fitted one on; NaN is unknown.
 * @param fitted How many of them, from the first, the regimes were fitted to.
 * @returns null when fewer than 50 known returns are left to judge, or none of the fitted moved.
 */
export function judgeRegimes(
  parameters: HiddenMarkovParameters,
  returns: Float64Array,
  fitted: number,
  random: Random,
): RegimeSkill | null {
  return judgeRegimeWalk([{ parameters, fitted, from: fitted }], returns, random)
}

/**
 * The same for regimes fitted again and again: each return is judged by the last fit before it, whose filter has heard the
 * market from the first return on, as it would have in a run. The one variance is that of what this fit was fitted to.
 *
 * @param fits At least one, in order of time.
 */
export function judgeRegimeWalk(fits: readonly RegimeFit[], returns: Float64Array, random: Random): RegimeSkill | null {
  const overOne: number[] = []
  const overMoving: number[] = []
  let [wild, wildWeight, calm, calmWeight, sum] = [0, 0, 0, 0, 0]
  for (const [index, { parameters, fitted, from }] of fits.entries()) {
    const until = fits[index + 1]?.from ?? returns.length
    const variance = meanSquare(returns.subarray(0, fitted))
    if (!(variance > 0)) return null
    const filter = new HiddenMarkovFilter(parameters)
    const last = filter.states - 1
    let moving = meanSquare(returns.subarray(0, fits[0]!.fitted))
    for (let t = 0; t < until; t++) {
      const before = filter.probabilities[last]!
      const r = returns[t]!
      filter.update(r)
      if (Number.isNaN(r)) continue
      if (t >= from) {
        overOne.push(filter.logDensity - logDensity(r, variance))
        overMoving.push(filter.logDensity - logDensity(r, Math.max(moving, FLOOR * variance)))
        wild += before * r * r
        wildWeight += before
        calm += (1 - before) * r * r
        calmWeight += 1 - before
        sum += filter.probabilities[last]!
      }
      moving = LAMBDA * moving + (1 - LAMBDA) * r * r
    }
  }
  if (overOne.length < LEAST) return null
  const gain = (values: readonly number[], name: string): Gain => {
    const chance = random.fork(name)
    const { mean, low, high } = meanInterval(Float64Array.from(values), () => chance.uniform(), { resamples: 1000 })
    return { mean, low, high }
  }
  return {
    steps: overOne.length,
    overOne: gain(overOne, 'over one regime'),
    overMoving: gain(overMoving, 'over a moving variance'),
    spread: wild / wildWeight / (calm / calmWeight),
    turbulent: sum / overOne.length,
  }
}

/** Of the known figures; NaN of none. */
function meanSquare(values: Float64Array): number {
  const known = values.filter((value) => !Number.isNaN(value))
  return known.reduce((sum, value) => sum + value * value, 0) / known.length
}

/** ln of the Gaussian density with a mean of zero. */
function logDensity(x: number, variance: number): number {
  return -0.5 * (Math.log(2 * Math.PI * variance) + (x * x) / variance)
}
