/**
 * @file The generalised Pareto distribution, which the excesses of losses over a high threshold follow in the limit
 * (A. Balkema, L. de Haan 1974; J. Pickands 1975), and tails beyond a sample by it.
 *
 *   P(excess > y) = (1 + ξ y / β)^(−1/ξ),   ξ > 0 a power tail, ξ = 0 exponential, ξ < 0 bounded
 *
 * Fitted by maximum likelihood, reduced to one dimension (S. Grimshaw, Technometrics 35, 1993), or by probability-weighted moments
 * (J. Hosking, J. Wallis, Technometrics 29, 1987), which are steadier below fifty excesses and have no error for ξ of 1/2 or more. Where
 * moments say that the tail ends below an excess that was seen, it ends there (D. Dupuis, M. Tsao, Communications in Statistics: Theory
 * and Methods 27, 1998).
 */

import { GimbalError } from '../../core/errors.ts'
import { requireLevel, requireLosses, type Tail } from './historicalTail.ts'

export type ParetoMethod = 'likelihood' | 'weighted-moments'

/**
 * A fitted distribution of excesses. Errors are standard errors by the method's asymptotic theory; NaN where it has none: moments with
 * a shape of 1/2 or more, a likelihood whose best shape lies at the bound of −1/2, as fifty excesses of a light tail may have it.
 */
export interface ParetoFit {
  readonly method: ParetoMethod
  /** ξ; no unit. */
  readonly shape: number
  /** β; unit of the losses. */
  readonly scale: number
  readonly shapeError: number
  readonly scaleError: number
  /** Covariance of shape and scale. */
  readonly covariance: number
  readonly excesses: number
  /** −Infinity where moments end the tail at the greatest excess, as the density there is 0. */
  readonly logLikelihood: number
}

const EXCESSES_MIN = 20
const GRID = 48
/** Below this the likelihood has no regular maximum (R. Smith, Biometrika 72, 1985): the search ends there. */
const SHAPE_MIN = -0.5
/** Closer than this it has ended there. */
const AT_BOUND = 1e-4

/**
 * @param excesses Losses less the threshold, all above 0; at least 20.
 * @throws {GimbalError} `argument-invalid`; `fit-failed` when the excesses do not differ or no regular maximum exists.
 */
export function fitGeneralisedPareto(excesses: Float64Array, method: ParetoMethod = 'likelihood'): ParetoFit {
  const n = excesses.length
  let sum = 0
  let most = 0
  for (const excess of excesses) {
    if (!(excess > 0 && excess < Number.POSITIVE_INFINITY))
      throw new GimbalError('argument-invalid', 'An excess over a threshold is a positive number', { excess })
    sum += excess
    if (excess > most) most = excess
  }
  if (n < EXCESSES_MIN)
    throw new GimbalError('argument-invalid', 'Too few losses beyond the threshold to fit a tail', {
      excesses: n,
      excessesMin: EXCESSES_MIN,
    })
  const mean = sum / n
  if (!(most > mean * (1 + 1e-9))) throw new GimbalError('fit-failed', 'Excesses that never differ have no tail', { n })
  return method === 'likelihood' ? byLikelihood(excesses, mean, most) : byMoments(excesses, mean)
}

/** Mean of ln(1 + θ y): the best shape given θ = ξ / β. */
function shapeAt(excesses: Float64Array, theta: number): number {
  let sum = 0
  for (let i = 0; i < excesses.length; i++) sum += Math.log1p(theta * excesses[i]!)
  return sum / excesses.length
}

/** Mean log-likelihood at θ with its best shape. */
function profile(excesses: Float64Array, theta: number, mean: number): number {
  if (Math.abs(theta * mean) < 1e-9) return -Math.log(mean) - 1
  const shape = shapeAt(excesses, theta)
  if (!(shape >= SHAPE_MIN)) return Number.NEGATIVE_INFINITY
  return -Math.log(shape / theta) - shape - 1
}

function byLikelihood(excesses: Float64Array, mean: number, most: number): ParetoFit {
  // θ in places 0 … 1: below the middle from −1/most to 0, above it from 0 to far. The median is (2^ξ − 1) / θ, so the far end is
  // a shape of 11; the mean of a tail that has none grows with the sample.
  const median = excesses.slice().sort()[excesses.length >> 1]!
  const theta = (place: number) => {
    const x = 2 * place - 1
    return x < 0 ? (x * (1 - 1e-9)) / most : (Math.expm1(10 * x) / median) * 0.1
  }
  const value = (place: number) => profile(excesses, theta(place), mean)
  let best = 0
  let highest = Number.NEGATIVE_INFINITY
  for (let i = 0; i <= GRID; i++) {
    const found = value(i / GRID)
    if (found > highest) {
      highest = found
      best = i
    }
  }
  const place = goldenMaximum(value, Math.max(0, (best - 1) / GRID), Math.min(1, (best + 1) / GRID))
  const n = excesses.length
  const bound = atBound(excesses, most)
  const likelihood = Math.max(n * value(place), bound.logLikelihood)
  const at = theta(place)
  const flat = Math.abs(at * mean) < 1e-9
  const ended = bound.logLikelihood === likelihood
  const shape = ended ? SHAPE_MIN : flat ? 0 : shapeAt(excesses, at)
  const scale = ended ? bound.scale : flat ? mean : shape / at
  if (!(scale > 0 && likelihood > Number.NEGATIVE_INFINITY) || place > 1 - 1e-4)
    throw new GimbalError('fit-failed', 'No regular maximum of the likelihood of a Pareto tail', { shape, scale, n })
  const inside = shape > SHAPE_MIN + AT_BOUND
  return {
    method: 'likelihood',
    shape,
    scale,
    shapeError: inside ? (1 + shape) / Math.sqrt(n) : Number.NaN,
    scaleError: inside ? scale * Math.sqrt((2 * (1 + shape)) / n) : Number.NaN,
    covariance: (-scale * (1 + shape)) / n,
    excesses: n,
    logLikelihood: likelihood,
  }
}

/** The best scale for a shape of −1/2, of which the profile by θ knows nothing: Σ y / (2β − y) = n. */
function atBound(excesses: Float64Array, most: number): { readonly scale: number; readonly logLikelihood: number } {
  const n = excesses.length
  // The sum falls in β: from infinity at most / 2, and below n where every term is below 1.
  let low = most / 2
  let high = most
  while (high - low > 1e-15 * most) {
    const scale = (low + high) / 2
    if (scale === low || scale === high) break
    let sum = 0
    for (let i = 0; i < n; i++) sum += excesses[i]! / (2 * scale - excesses[i]!)
    if (sum > n) low = scale
    else high = scale
  }
  let logLikelihood = -n * Math.log(high)
  for (let i = 0; i < n; i++) logLikelihood += Math.log1p(-excesses[i]! / (2 * high))
  return { scale: high, logLikelihood }
}

function byMoments(excesses: Float64Array, mean: number): ParetoFit {
  const sorted = excesses.slice().sort()
  const n = sorted.length
  let weighted = 0
  for (let i = 0; i < n; i++) weighted += (1 - (i + 0.65) / n) * sorted[i]!
  weighted /= n
  // Hosking and Wallis write k for −ξ and α for β.
  const k = mean / (mean - 2 * weighted) - 2
  const scale = (2 * mean * weighted) / (mean - 2 * weighted)
  // A tail that ended below an excess that was seen would understate every loss beyond it.
  const shape = Math.max(-k, -scale / sorted[n - 1]!)
  if (!(scale > 0) || !(shape < 1))
    throw new GimbalError('fit-failed', 'Weighted moments fit no tail with a mean', { shape, scale, excesses: n })
  let logLikelihood = 0
  for (const y of sorted) {
    const inside = 1 + (shape * y) / scale
    logLikelihood -= Math.log(scale) + (Math.abs(shape) < 1e-12 ? y / scale : (1 + 1 / shape) * Math.log(inside))
  }
  if (-k < shape) logLikelihood = Number.NEGATIVE_INFINITY
  const common = shape < 0.5 ? 1 / ((1 + 2 * k) * (3 + 2 * k) * n) : Number.NaN
  return {
    method: 'weighted-moments',
    shape,
    scale,
    shapeError: Math.sqrt(common * (1 + k) * (2 + k) ** 2 * (1 + k + 2 * k * k)),
    scaleError: scale * Math.sqrt(common * (7 + 18 * k + 11 * k * k + 2 * k ** 3)),
    covariance: -common * scale * (2 + k) * (2 + 6 * k + 7 * k * k + 2 * k ** 3),
    excesses: n,
    logLikelihood,
  }
}

function goldenMaximum(value: (x: number) => number, low: number, high: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2
  let a = high - ratio * (high - low)
  let b = low + ratio * (high - low)
  let valueA = value(a)
  let valueB = value(b)
  while (high - low > 1e-9) {
    if (valueA > valueB) {
      high = b
      b = a
      valueB = valueA
      valueA = value((a = high - ratio * (high - low)))
    } else {
      low = a
      a = b
      valueA = valueB
      valueB = value((b = low + ratio * (high - low)))
    }
  }
  // The higher of the last two: beside a bound the middle may lie beyond it.
  return valueA > valueB ? a : b
}

/** How much of a sample belongs to its tail. */
export interface ThresholdRule {
  /** Share of the losses beyond the threshold; 0.1 when absent, as McNeil and Frey take 100 of 1,000. */
  readonly share?: number
  /** Fewest losses beyond it; 50 when absent. In a short sample they are a larger share. */
  readonly excessesMin?: number
}

/** A tail by peaks over a threshold, with standard errors (delta method; they leave out that the threshold was chosen). */
export interface ParetoTail extends Tail {
  readonly valueAtRiskError: number
  readonly expectedShortfallError: number
  readonly threshold: number
  readonly fit: ParetoFit
}

/**
 * Value at risk and expected shortfall beyond a threshold: (A. McNeil, R. Frey, J. Empirical Finance 7, 2000, eq. 9 and 17)
 *
 *   VaR = u + β/ξ ((k / (n (1 − level)))^ξ − 1),   ES = (VaR + β − ξ u) / (1 − ξ) = VaR + β (k / (n (1 − level)))^ξ / (1 − ξ)
 *
 * A shape of 1 or more has no mean, and the expected shortfall is Infinity.
 *
 * @param losses Positive is a loss.
 * @throws {GimbalError} `argument-invalid`: the level lies inside the threshold, too few losses; `fit-failed`.
 */
export function peaksOverThreshold(
  losses: Float64Array,
  level: number,
  method: ParetoMethod = 'likelihood',
  { share = 0.1, excessesMin = 50 }: ThresholdRule = {},
): ParetoTail {
  requireLevel(level)
  requireLosses(losses)
  const n = losses.length
  const sorted = losses.slice().sort()
  // The threshold is a loss of the sample, and ties with it are not beyond it.
  let count = Math.max(Math.ceil(share * n), excessesMin)
  if (!(count < n))
    throw new GimbalError('argument-invalid', 'Too few losses for a threshold among them', { losses: n, count })
  const threshold = sorted[n - 1 - count]!
  while (count > 0 && !(sorted[n - count]! > threshold)) count--
  if (!(count / n >= 1 - level))
    throw new GimbalError('argument-invalid', 'The level lies below the threshold of the tail', { level, count, n })
  const excesses = sorted.slice(n - count)
  for (let i = 0; i < count; i++) excesses[i]! -= threshold
  const fit = fitGeneralisedPareto(excesses, method)
  const beyond = count / n / (1 - level)
  const { shape, scale, covariance } = fit
  const errorOf = (of: (shape: number, scale: number, beyond: number) => number) => {
    const step = 1e-5
    const byShape = (of(shape + step, scale, beyond) - of(shape - step, scale, beyond)) / (2 * step)
    const byScale = (of(shape, scale * (1 + step), beyond) - of(shape, scale * (1 - step), beyond)) / (2 * step * scale)
    const byBeyond =
      (of(shape, scale, beyond * (1 + step)) - of(shape, scale, beyond * (1 - step))) / (2 * step * beyond)
    // How many of n losses lie beyond is a binomial number.
    const variance = (beyond * beyond * (1 - count / n)) / count
    return Math.sqrt(
      (byShape * fit.shapeError) ** 2 +
        (byScale * fit.scaleError) ** 2 +
        2 * byShape * byScale * covariance +
        byBeyond * byBeyond * variance,
    )
  }
  const valueAtRisk = (xi: number, beta: number, m: number) => threshold + beta * growth(xi, Math.log(m))
  const shortfall = (xi: number, beta: number, m: number) =>
    xi < 1 ? valueAtRisk(xi, beta, m) + (beta * m ** xi) / (1 - xi) : Number.POSITIVE_INFINITY
  return {
    valueAtRisk: valueAtRisk(shape, scale, beyond),
    expectedShortfall: shortfall(shape, scale, beyond),
    valueAtRiskError: errorOf(valueAtRisk),
    expectedShortfallError: shape < 1 ? errorOf(shortfall) : Number.NaN,
    threshold,
    fit,
  }
}

/** (e^(ξ x) − 1) / ξ, x in the limit of ξ = 0. */
function growth(shape: number, x: number): number {
  return Math.abs(shape) < 1e-9 ? x : Math.expm1(shape * x) / shape
}
