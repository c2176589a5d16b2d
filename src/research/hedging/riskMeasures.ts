/**
 * @file What a distribution of profits is worth to who fears losses: the figures hedges are judged by, all as amounts of money
 * that would have to be added (positive is bad), in the unit of the profits.
 */

import { GimbalError } from '../../core/errors.ts'

/**
 * Entropic risk ln(mean exp(−a x)) / a, the certainty equivalent of exponential utility.
 *
 * @param profits One per path. @param riskAversion a > 0, per unit of profit.
 * @throws {GimbalError} `argument-invalid`.
 *
 * Source: H. Föllmer and A. Schied, "Convex measures of risk and trading constraints", Finance and Stochastics 6 (2002), 429-447.
 */
export function entropicRisk(profits: ArrayLike<number>, riskAversion: number): number {
  const worst = requireProfits(profits, riskAversion > 0)
  // Relative to the worst path no exponential overflows.
  let sum = 0
  for (let i = 0; i < profits.length; i++) sum += Math.exp(-riskAversion * (profits[i]! - worst))
  return Math.log(sum / profits.length) / riskAversion - worst
}

/** Standard error of {@link entropicRisk} over independent paths, by the delta method: sd(e^(−ax)) / (a √n mean(e^(−ax))). */
export function entropicStandardError(profits: ArrayLike<number>, riskAversion: number): number {
  const worst = requireProfits(profits, riskAversion > 0)
  const n = profits.length
  let sum = 0
  for (let i = 0; i < n; i++) sum += Math.exp(-riskAversion * (profits[i]! - worst))
  const mean = sum / n
  let squares = 0
  for (let i = 0; i < n; i++) squares += (Math.exp(-riskAversion * (profits[i]! - worst)) - mean) ** 2
  return Math.sqrt(squares / n) / (riskAversion * Math.sqrt(n) * mean)
}

/**
 * Expected shortfall: mean loss over the ⌈level × n⌉ worst paths.
 *
 * @param level Share of paths, in (0, 1].
 * @throws {GimbalError} `argument-invalid`.
 */
export function expectedShortfall(profits: ArrayLike<number>, level: number): number {
  requireProfits(profits, level > 0 && level <= 1)
  const sorted = Float64Array.from(profits).sort()
  const count = Math.ceil(level * sorted.length)
  let sum = 0
  for (let i = 0; i < count; i++) sum += sorted[i]!
  return -sum / count
}

/**
 * Conditional value at risk of the empirical distribution: min over w of w + mean((−x − w)⁺) / level. Where level × n is not
 * whole, the path at the edge counts by its share, which is where it differs from {@link expectedShortfall}.
 *
 * Source: R. T. Rockafellar and S. Uryasev, "Optimization of conditional value-at-risk", J. of Risk 2 (2000), 21-41.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function conditionalValueAtRisk(profits: ArrayLike<number>, level: number): number {
  requireProfits(profits, level > 0 && level <= 1)
  const sorted = Float64Array.from(profits).sort()
  const mass = level * sorted.length
  const whole = Math.floor(mass)
  let sum = 0
  for (let i = 0; i < whole; i++) sum += sorted[i]!
  if (mass > whole) sum += (mass - whole) * sorted[whole]!
  return -sum / mass
}

/**
 * Optimised certainty equivalent of the quadratic loss x + a x²/2: mean loss plus a/2 times the variance (divided by n).
 *
 * Source: A. Ben-Tal and M. Teboulle, "An old-new concept of convex risk measures: the optimized certainty equivalent",
 * Mathematical Finance 17 (2007), 449-476.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function meanVarianceRisk(profits: ArrayLike<number>, riskAversion: number): number {
  requireProfits(profits, riskAversion >= 0)
  const n = profits.length
  let sum = 0
  for (let i = 0; i < n; i++) sum += profits[i]!
  const mean = sum / n
  let squares = 0
  for (let i = 0; i < n; i++) squares += (profits[i]! - mean) ** 2
  return -mean + (0.5 * riskAversion * squares) / n
}

/** Returns the worst profit. */
function requireProfits(profits: ArrayLike<number>, sound: boolean): number {
  let worst = Number.POSITIVE_INFINITY
  for (let i = 0; i < profits.length; i++) {
    const profit = profits[i]!
    if (!Number.isFinite(profit)) sound = false
    else if (profit < worst) worst = profit
  }
  if (sound && profits.length > 0) return worst
  throw new GimbalError('argument-invalid', 'A risk measure needs finite profits and a parameter in its range', {
    paths: profits.length,
  })
}
