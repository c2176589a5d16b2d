/**
 * @file Whether forecasts of tails were right: as many breaches as said, one not calling the next, and as deep as said.
 *
 * A loss is positive; a breach is a loss above the value at risk forecast for its step. Steps with a NaN among loss or forecast are
 * left out, and counted out of the observations: what came before and after them did not follow one another.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { studentCdf } from '../../research/studentT.ts'
import { chiSquareSurvival } from './chiSquare.ts'
import { requireLevel } from './historicalTail.ts'

/** A likelihood-ratio test. */
export interface RatioTest {
  readonly statistic: number
  readonly freedom: number
  /** Probability of a statistic at least as large were the forecasts right (asymptotic). */
  readonly p: number
}

/** Breaches of value at risk in the order of time. */
export interface Breaches {
  readonly observations: number
  readonly breaches: number
  /** Expected: observations × (1 − level). */
  readonly expected: number
  /** How often a step with (first index 1) or without a breach was followed by one with or without: n00, n01, n10, n11. */
  readonly transitions: readonly [n00: number, n01: number, n10: number, n11: number]
}

/** @throws {GimbalError} `argument-invalid` when lengths differ, a figure is infinite, or nothing is left to judge. */
export function countBreaches(losses: Float64Array, valueAtRisk: Float64Array, level: number): Breaches {
  requireLevel(level)
  if (losses.length !== valueAtRisk.length)
    throw new GimbalError('argument-invalid', 'Losses and their forecasts differ in number', {
      losses: losses.length,
      forecasts: valueAtRisk.length,
    })
  const transitions: [number, number, number, number] = [0, 0, 0, 0]
  let observations = 0
  let breaches = 0
  let before = -1
  for (let t = 0; t < losses.length; t++) {
    const excess = losses[t]! - valueAtRisk[t]!
    if (Number.isNaN(losses[t]!) || Number.isNaN(valueAtRisk[t]!)) {
      before = -1
      continue
    }
    if (!Number.isFinite(excess))
      throw new GimbalError('argument-invalid', 'A loss or its forecast is infinite', {
        step: t,
        loss: losses[t]!,
        valueAtRisk: valueAtRisk[t]!,
      })
    const breach = excess > 0 ? 1 : 0
    if (before >= 0) transitions[before * 2 + breach]!++
    before = breach
    observations++
    breaches += breach
  }
  if (observations === 0) throw new GimbalError('argument-invalid', 'No loss has a forecast to be judged by')
  return { observations, breaches, expected: observations * (1 - level), transitions }
}

/** n ln p, 0 for n = 0 whatever p. */
function timesLog(n: number, p: number): number {
  return n === 0 ? 0 : n * Math.log(p)
}

/** Log-likelihood of `hits` among `n`, each with probability `p`. */
function binomial(hits: number, n: number, p: number): number {
  return timesLog(hits, p) + timesLog(n - hits, 1 - p)
}

/** Proportion of failures: as many breaches as the level says? (P. Kupiec, J. Derivatives 3, 1995) */
export function kupiec({ breaches, observations, expected }: Breaches): RatioTest {
  const said = binomial(breaches, observations, expected / observations)
  const found = binomial(breaches, observations, breaches / observations)
  return ratioTest(2 * (found - said), 1)
}

/** Does one breach call the next? (P. Christoffersen, International Economic Review 39, 1998: first-order independence) */
export function christoffersen({ transitions: [n00, n01, n10, n11] }: Breaches): RatioTest {
  const after0 = n00 + n01
  const after1 = n10 + n11
  const hits = n01 + n11
  const alike = binomial(hits, after0 + after1, hits / (after0 + after1 || 1))
  const apart = binomial(n01, after0, n01 / (after0 || 1)) + binomial(n11, after1, n11 / (after1 || 1))
  return ratioTest(2 * (apart - alike), 1)
}

/** Conditional coverage: both at once. */
export function conditionalCoverage(breaches: Breaches): RatioTest {
  return ratioTest(kupiec(breaches).statistic + christoffersen(breaches).statistic, 2)
}

function ratioTest(raw: number, freedom: number): RatioTest {
  // Equal likelihoods may come out apart by rounding.
  const statistic = Math.max(0, raw)
  return { statistic, freedom, p: chiSquareSurvival(statistic, freedom) }
}

/** Test of expected shortfall, one-sided: a small `p` says losses were deeper (or more) than forecast. */
export interface ShortfallTest {
  readonly statistic: number
  readonly p: number
  readonly breaches: number
}

/**
 * Second test of C. Acerbi and B. Szekely, "Back-testing expected shortfall", Risk (December 2014): Z = 1 − mean of
 * loss × [breach] / ((1 − level) × ES). Zero in expectation when forecasts are right, negative when risk was understated; the authors
 * reject at 5 % below −0.70 for 250 days at 97.5 % whatever the distribution.
 *
 * `p` is of Student's t on the terms of the mean, for any number of steps: the terms are skewed, so with under some twenty breaches
 * it is a guide and no more. NaN where no step breached, or all did alike.
 *
 * @throws {GimbalError} `argument-invalid` as {@link countBreaches}; also for an expected shortfall that is no loss (0 or below), by
 *   which depth cannot be measured. An infinite one is never exceeded.
 */
export function acerbiSzekely(
  losses: Float64Array,
  valueAtRisk: Float64Array,
  expectedShortfall: Float64Array,
  level: number,
): ShortfallTest {
  const judged = withShortfall(losses, valueAtRisk, expectedShortfall)
  const { observations: n, breaches } = countBreaches(losses, judged, level)
  const terms = new Float64Array(n)
  let at = 0
  for (let t = 0; t < losses.length; t++) {
    if (Number.isNaN(losses[t]!) || Number.isNaN(judged[t]!)) continue
    const term = losses[t]! > judged[t]! ? losses[t]! / ((1 - level) * expectedShortfall[t]!) : 0
    if (!(expectedShortfall[t]! > 0 && Number.isFinite(term)))
      throw new GimbalError('argument-invalid', 'An expected shortfall to be judged is a loss above 0', {
        step: t,
        expectedShortfall: expectedShortfall[t]!,
      })
    terms[at++] = term
  }
  const mean = terms.reduce((sum, each) => sum + each, 0) / n
  const squares = terms.reduce((sum, each) => sum + (each - mean) ** 2, 0)
  const deviation = Math.sqrt(squares / n / (n - 1))
  const statistic = 1 - mean
  return { statistic, p: deviation > 0 ? studentCdf(statistic / deviation, n - 1) : Number.NaN, breaches }
}

/** The values at risk, NaN where the shortfall is: a step is judged by both or not at all. @throws {GimbalError} `argument-invalid`. */
function withShortfall(losses: Float64Array, valueAtRisk: Float64Array, expectedShortfall: Float64Array): Float64Array {
  if (expectedShortfall.length !== losses.length)
    throw new GimbalError('argument-invalid', 'Losses and their forecasts differ in number', {
      losses: losses.length,
      forecasts: expectedShortfall.length,
    })
  return valueAtRisk.map((each, t) => (Number.isNaN(expectedShortfall[t]!) ? Number.NaN : each))
}

/**
 * Exceedance residuals of McNeil and Frey (2000, section 3.2): how far losses beyond the value at risk lay above the expected
 * shortfall, in units of the value at risk; mean 0 when the forecasts are right. One-sided bootstrap against a mean above 0
 * (B. Efron, R. Tibshirani, "An introduction to the bootstrap", 1993, p. 224).
 *
 * NaN for fewer than two breaches, or where all lay equally deep.
 *
 * @param resamples How many; the least p is about 1 over their number.
 * @throws {GimbalError} `argument-invalid` as {@link countBreaches}; also where a breach was judged by a value at risk of 0 or below,
 *   which is no unit, or by a shortfall that is infinite.
 */
export function exceedanceResiduals(
  losses: Float64Array,
  valueAtRisk: Float64Array,
  expectedShortfall: Float64Array,
  random: Random,
  resamples = 2_000,
): ShortfallTest {
  const judged = withShortfall(losses, valueAtRisk, expectedShortfall)
  countBreaches(losses, judged, 0.99)
  const residuals: number[] = []
  for (let t = 0; t < losses.length; t++) {
    if (!(losses[t]! > judged[t]!)) continue
    const residual = (losses[t]! - expectedShortfall[t]!) / judged[t]!
    if (!(judged[t]! > 0 && Number.isFinite(residual)))
      throw new GimbalError('argument-invalid', 'A breach cannot be measured by its forecast', {
        step: t,
        valueAtRisk: judged[t]!,
        expectedShortfall: expectedShortfall[t]!,
      })
    residuals.push(residual)
  }
  const n = residuals.length
  const statistic = n < 2 ? Number.NaN : studentised(residuals)
  if (!Number.isFinite(statistic)) return { statistic: Number.NaN, p: Number.NaN, breaches: n }
  const mean = residuals.reduce((sum, each) => sum + each, 0) / n
  const drawn = new Array<number>(n)
  let beyond = 0
  for (let k = 0; k < resamples; k++) {
    for (let i = 0; i < n; i++) drawn[i] = residuals[random.integer(0, n - 1)]! - mean
    // A resample of one value repeated has no deviation; its mean says on which side it lies.
    if (studentised(drawn) >= statistic) beyond++
  }
  return { statistic, p: (beyond + 1) / (resamples + 1), breaches: n }
}

/** Mean over its standard error; infinite with the sign of the mean where there is no deviation. */
function studentised(values: readonly number[]): number {
  const n = values.length
  const mean = values.reduce((sum, each) => sum + each, 0) / n
  const squares = values.reduce((sum, each) => sum + (each - mean) ** 2, 0)
  return mean / Math.sqrt(squares / (n - 1) / n)
}
