/**
 * @file Black's formula in its two essential variables: x = ln(F/K) and s = σ√T.
 *
 *     b(x, s) = e^(x/2) N(x/s + s/2) − e^(−x/2) N(x/s − s/2)
 *
 * is the undiscounted price of a call over √(FK). Written like that it loses everything in the wings, where two nearly equal
 * tails are subtracted. With h = x/s, t = s/2 and the ratio Y(z) = N(z)/n(z), which is smooth and slow,
 *
 *     b(x, s) = n(h) e^(−t²/2) [Y(h + t) − Y(h − t)],
 *
 * and the bracket is taken in the way that suits where it is: an asymptotic series far out, a Taylor series in t for short
 * expiries, scaled error functions in between, the formula itself in the money.
 *
 * Source: P. Jäckel, "Let's Be Rational", Wilmott 75 (2015), 40-53, section 6. Differs from it in how the series are summed: by
 * recurrences instead of expanded polynomials.
 *
 * Everywhere x <= 0 (out of the money); puts and calls in the money follow by parity.
 */

import { erfcx, expMinusHalfSquare } from '../core/errorFunction.ts'

const ROOT_HALF_PI = 1.2533141373155003
const ONE_OVER_ROOT_TWO_PI = 0.3989422804014327
/** From here outwards the asymptotic series reaches full precision (its least term at z = 10 is below 1e-21). */
const FAR = 10
/** Below this t the Taylor series does, with eight terms. */
const SHORT = 0.21
/** Above this d1 nothing cancels in the formula as it stands. */
const INSIDE = 0.85

/**
 * Y(h + t) − Y(h − t) for h + t <= −10, from Y(−z) ~ 1/z − 1/z³ + 3/z⁵ − …: each difference of powers is 1/z₁ − 1/z₂ =
 * 2t/(z₁z₂) times a sum of positive terms, so nothing cancels however small t is.
 */
function farDifference(h: number, t: number): number {
  const near = -1 / (h + t)
  const far = 1 / (t - h)
  // Sums of near^i far^j over i + j = n: the quotient of (near^(n+1) − far^(n+1)) and (near − far).
  let quotient = 1
  let farPower = 1
  let factor = 1
  let sum = 1
  for (let odd = 1; odd < 99; odd += 2) {
    farPower *= far
    quotient = quotient * near + farPower
    farPower *= far
    quotient = quotient * near + farPower
    factor *= -odd
    const term = factor * quotient
    sum += term
    if (Math.abs(term) < 1e-17 * sum) break
  }
  return 2 * t * near * far * sum
}

/** Y(h + t) − Y(h − t) by Taylor in t: odd derivatives obey Y⁽ⁿ⁺²⁾ = (h² + 2n + 1) Y⁽ⁿ⁾ − n(n − 1) Y⁽ⁿ⁻²⁾, from Y' = 1 + hY. */
function shortDifference(h: number, t: number): number {
  const q = h * h
  const w = t * t
  const d1 = 1 + h * ROOT_HALF_PI * erfcx(-Math.SQRT1_2 * h)
  const d3 = (q + 3) * d1 - 1
  const d5 = (q + 7) * d3 - 6 * d1
  const d7 = (q + 11) * d5 - 20 * d3
  const d9 = (q + 15) * d7 - 42 * d5
  const d11 = (q + 19) * d9 - 72 * d7
  const d13 = (q + 23) * d11 - 110 * d9
  const d15 = (q + 27) * d13 - 156 * d11
  // Divided by 3!, 5!, …, 15!.
  const rest =
    d3 * (1 / 6) +
    w *
      (d5 * (1 / 120) +
        w *
          (d7 * (1 / 5040) +
            w *
              (d9 * (1 / 362_880) +
                w * (d11 * (1 / 39_916_800) + w * (d13 * (1 / 6_227_020_800) + w * d15 * (1 / 1_307_674_368_000))))))
  return 2 * t * (d1 + w * rest)
}

/**
 * Y(h + t) − Y(h − t) where it must be summed as a series; NaN where the two may be subtracted. Places in a row, see `fillTails`.
 *
 * @param h Place of h, of either sign: its distance from 0 counts. s/2 follows it.
 * @param out Where the difference goes.
 */
export function fillDifference(row: Float64Array, h: number, out: number): void {
  const distance = Math.abs(row[h]!)
  const t = row[h + 1]!
  if (distance - t >= FAR) row[out] = farDifference(-distance, t)
  else if (t < SHORT) row[out] = shortDifference(-distance, t)
  else row[out] = Number.NaN
}

/** N(−z)/n(z), Mills' ratio. */
function mills(z: number): number {
  return ROOT_HALF_PI * erfcx(Math.SQRT1_2 * z)
}

/**
 * b of h = x/s and t = s/2, given ∂b/∂s and the upper bound e^(x/2), which callers have at hand.
 *
 * @param h At most 0.
 */
export function blackFrom(h: number, t: number, vega: number, bound: number): number {
  if (h + t <= -FAR) return vega * farDifference(h, t)
  if (t < SHORT) return vega * shortDifference(h, t)
  if (h + t > INSIDE) return bound - complementFrom(h, t, vega)
  return vega * (mills(-h - t) - mills(t - h))
}

/** e^(x/2) − b: how far the price is below its upper bound. A sum of positive terms, exact where b is nearly the bound. */
export function complementFrom(h: number, t: number, vega: number): number {
  return vega * (mills(h + t) + mills(t - h))
}

/** ∂b/∂s = n(h) e^(−t²/2). */
export function vegaFrom(h: number, t: number): number {
  return ONE_OVER_ROOT_TWO_PI * Math.exp(-0.5 * (h * h + t * t))
}

/**
 * Undiscounted price of an out-of-the-money call over √(FK).
 *
 * Accuracy: 4e-16 × (3 + h²) relative, which is what rounding x or s changes by itself.
 *
 * Of the hot path: nothing is checked, NaN in is NaN out. `black76Price` refuses by name.
 *
 * @param x ln(F/K), at most 0.
 * @param s σ√T, at least 0; NaN for less.
 */
export function normalisedBlack(x: number, s: number): number {
  if (!(s > 0)) return s === 0 ? 0 : Number.NaN
  const h = x / s
  const t = 0.5 * s
  const vega = ONE_OVER_ROOT_TWO_PI * expMinusHalfSquare(h) * expMinusHalfSquare(t)
  return blackFrom(h, t, vega, Math.exp(0.5 * x))
}
