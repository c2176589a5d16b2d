/**
 * @file Tail of the chi-square distribution, by the regularised incomplete gamma function.
 *
 * Series below a + 1, continued fraction (modified Lentz) above it: Abramowitz & Stegun 6.5.29 and 6.5.31, so that neither
 * tail is found as 1 less the other where it is small.
 */

import { erfc } from '../../core/errorFunction.ts'
import { GimbalError } from '../../core/errors.ts'
import { logGamma } from '../../research/studentT.ts'

const TERMS_MAX = 10_000

/**
 * Q(a, x) = Γ(a, x) / Γ(a): the upper regularised incomplete gamma function. Relative error below 1e-12 for a up to 1,000.
 *
 * @param a Above 0. @param x 0 or more.
 * @throws {GimbalError} `argument-invalid`.
 */
export function upperGamma(a: number, x: number): number {
  if (!(a > 0 && a < Number.POSITIVE_INFINITY && x >= 0))
    throw new GimbalError('argument-invalid', 'The incomplete gamma function needs a above 0 and x of at least 0', {
      a,
      x,
    })
  if (x === 0) return 1
  if (x === Number.POSITIVE_INFINITY) return 0
  const front = Math.exp(a * Math.log(x) - x - logGamma(a))
  return x < a + 1 ? 1 - front * lowerSeries(a, x) : front * upperFraction(a, x)
}

/** Σ xⁿ / (a (a+1) … (a+n)). */
function lowerSeries(a: number, x: number): number {
  let term = 1 / a
  let sum = term
  for (let n = 1; n < TERMS_MAX; n++) {
    term *= x / (a + n)
    sum += term
    if (term < sum * 1e-17) break
  }
  return sum
}

/** 1/(x+1−a− 1(1−a)/(x+3−a− 2(2−a)/(x+5−a− …))). */
function upperFraction(a: number, x: number): number {
  const tiny = 1e-300
  let b = x + 1 - a
  let c = 1 / tiny
  let d = 1 / b
  let fraction = d
  for (let n = 1; n < TERMS_MAX; n++) {
    const over = -n * (n - a)
    b += 2
    d = 1 / (over * d + b || tiny)
    c = b + over / c || tiny
    fraction *= c * d
    if (Math.abs(c * d - 1) < 1e-16) break
  }
  return fraction
}

/**
 * Probability that a chi-square variable exceeds `x`.
 *
 * @param freedom Degrees of freedom, above 0. One and two have closed forms and use them.
 */
export function chiSquareSurvival(x: number, freedom: number): number {
  if (Number.isNaN(x)) return Number.NaN
  if (x <= 0) return 1
  if (freedom === 1) return erfc(Math.sqrt(x / 2))
  if (freedom === 2) return Math.exp(-x / 2)
  return upperGamma(freedom / 2, x / 2)
}
