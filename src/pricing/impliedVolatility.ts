/**
 * @file Implied volatility to the last digit a price can tell, in two iterations whatever the option.
 *
 * The price is brought to x = ln(F/K) <= 0 and β = time value/√(FK). The tangent at the point of inflection s = √(2|x|)
 * divides (0, e^(x/2)) into four parts; in each a rational cubic through known values and slopes gives a first guess, in the
 * outer two after a transformation that makes the curve almost straight. Two steps of Householder's method of order four
 * follow, on 1/ln b for small prices, on b itself, or on ln(e^(x/2) − b) for large ones.
 *
 * Sources: P. Jäckel, "Let's Be Rational", Wilmott 75 (2015), 40-53; R. Delbourgo and J. A. Gregory, "Shape preserving
 * piecewise rational interpolation", SIAM J. Sci. Stat. Comput. 6 (1985), 967-976. Written from the papers.
 */

import { erfcx, normalCdf, normalQuantile } from '../core/errorFunction.ts'
import { GimbalError } from '../core/errors.ts'
import { logRatio } from './logRatio.ts'
import { blackFrom, complementFrom, vegaFrom } from './normalisedBlack.ts'
import { CALL, type Right } from './right.ts'

const ROOT_THREE = 1.7320508075688772
const ONE_OVER_ROOT_TWO_PI = 0.3989422804014327
const ROOT_HALF_PI = 1.2533141373155003
const TWO_PI = 2 * Math.PI

/** What an inversion came to, a row each; the names are in {@link VOLATILITY_STATUS_NAMES}. */
export const VolatilityStatus = {
  /** The volatility is there. */
  SOLVED: 0,
  /** The price is exactly what exercise is worth: the volatility is 0. */
  AT_INTRINSIC: 1,
  /** Less than exercise is worth: no volatility gives it. */
  BELOW_INTRINSIC: 2,
  /** At or above what any volatility gives: the forward for a call, the strike for a put, discounted. */
  ABOVE_MAXIMUM: 3,
  /** Expired. */
  TIME_NOT_POSITIVE: 4,
  /** A figure is not a finite number, forward, strike or discount is not above 0, or the right is neither call nor put. */
  INPUT_INVALID: 5,
  /** The figures are beyond what the formula can hold: moneyness beyond e^±1400, or a price lost among denormal numbers. */
  OUT_OF_RANGE: 6,
} as const

/** Sentences for people, by status. */
export const VOLATILITY_STATUS_NAMES: readonly string[] = [
  'solved',
  'at intrinsic value',
  'below intrinsic value',
  'at or above the greatest price',
  'time to expiry is not positive',
  'input is not a number or not positive',
  'out of range',
]

/**
 * r of the rational cubic below, at least as large as keeps its shape: monotone where the data are, convex or concave where
 * they are (Delbourgo & Gregory, section 3).
 */
function shapeParameter(slopeLeft: number, slopeRight: number, chord: number, wanted: number): number {
  const floor = -0.99999998
  const monotone = slopeLeft * chord >= 0 && slopeRight * chord >= 0
  const convex = slopeLeft <= chord && chord <= slopeRight
  const concave = slopeLeft >= chord && chord >= slopeRight
  let least = floor
  if (monotone && chord !== 0) least = Math.max(least, (slopeRight + slopeLeft) / chord)
  if (convex || concave) {
    const span = slopeRight - slopeLeft
    const right = slopeRight - chord
    const left = chord - slopeLeft
    if (right !== 0 && left !== 0) least = Math.max(least, Math.abs(span / right), Math.abs(span / left))
    else if (span !== 0) return Number.POSITIVE_INFINITY // One end is straight: only the chord keeps the shape.
  }
  return Math.max(wanted, least)
}

/**
 * Rational cubic through (xl, yl) and (xr, yr) with the given slopes, at `at`. Its second derivative is fitted to `curvature`
 * at the left end or at the right one as far as the shape allows.
 */
function rationalCubic(
  at: number,
  xl: number,
  xr: number,
  yl: number,
  yr: number,
  slopeLeft: number,
  slopeRight: number,
  curvature: number,
  curvatureAtLeft: boolean,
): number {
  const width = xr - xl
  if (!(width > 0)) return 0.5 * (yl + yr)
  const chord = (yr - yl) / width
  const t = (at - xl) / width
  const u = 1 - t
  const numerator = 0.5 * width * curvature + (slopeRight - slopeLeft)
  const denominator = curvatureAtLeft ? chord - slopeLeft : slopeRight - chord
  const wanted =
    numerator === 0
      ? 0
      : denominator === 0
        ? numerator > 0
          ? Number.POSITIVE_INFINITY
          : Number.NEGATIVE_INFINITY
        : numerator / denominator
  const r = shapeParameter(slopeLeft, slopeRight, chord, wanted)
  if (!(r < 1e16)) return yr * t + yl * u
  return (
    (yr * t * t * t +
      (r * yr - width * slopeRight) * t * t * u +
      (r * yl + width * slopeLeft) * t * u * u +
      yl * u * u * u) /
    (1 + (r - 3) * t * u)
  )
}

/** The first guess for prices below that of the tangent's foot: interpolates (2π|x|/√27) N(−|x|/(s√3))³, flat at 0. */
function guessLow(beta: number, x: number, sLow: number, bLow: number): number {
  const size = -x
  const z = size / (ROOT_THREE * sLow)
  const y = z * z
  const square = sLow * sLow
  const ratio = ROOT_HALF_PI * erfcx(Math.SQRT1_2 * z)
  const shape = Math.exp(-0.5 * y)
  const phi = ONE_OVER_ROOT_TWO_PI * shape * ratio
  const growth = Math.exp(0.125 * square) / (shape * shape)
  const f = ((TWO_PI * size) / (3 * ROOT_THREE)) * phi * phi * phi
  const slope = TWO_PI * y * phi * phi * growth
  const curvature =
    (Math.PI / 6) *
    (y / (square * sLow)) *
    phi *
    (8 * ROOT_THREE * sLow * size + (3 * square * (square - 8) - 8 * x * x) * ratio) *
    growth *
    growth
  let guess = rationalCubic(beta, 0, bLow, 0, f, 1, slope, curvature, false)
  if (!(guess > 0)) {
    const t = beta / bLow
    guess = (f * t + bLow * (1 - t)) * t
  }
  return Math.abs(x / (ROOT_THREE * normalQuantile(ROOT_THREE * Math.cbrt(guess / (TWO_PI * size)))))
}

/** The first guess for prices above that of the tangent's head: interpolates N(−s/2), which ends at 0 with slope −½. */
function guessHigh(beta: number, x: number, bMax: number, sHigh: number, bHigh: number): number {
  const h = x / sHigh
  const square = h * h
  const f = normalCdf(-0.5 * sHigh)
  const slope = -0.5 * Math.exp(0.5 * square)
  const curvature = ROOT_HALF_PI * Math.exp(square + 0.125 * sHigh * sHigh) * (square / sHigh)
  let guess = rationalCubic(beta, bHigh, bMax, f, 0, slope, -0.5, curvature, true)
  if (!(guess > 0)) {
    const width = bMax - bHigh
    const t = (beta - bHigh) / width
    guess = (f * (1 - t) + 0.5 * width * t) * (1 - t)
  }
  return -2 * normalQuantile(guess)
}

/** Householder's step of order four from ν = −g/g', γ = g''/g', δ = g'''/g'. */
function step(nu: number, gamma: number, delta: number): number {
  return (nu * (1 + 0.5 * gamma * nu)) / (1 + nu * (gamma + (delta * nu) / 6))
}

/** Of ν alone, kept from running off: no step may halve s. */
function moved(s: number, nu: number, gamma: number, delta: number): number {
  return s + Math.max(-0.5 * s, step(nu, gamma, delta))
}

/** On g = b − β. With b' the vega, b''/b' = h²/s − s/4 and b'''/b' = (b''/b')² − 3h²/s² − ¼. */
function refineMiddle(beta: number, x: number, bound: number, guess: number): number {
  let s = guess
  for (let i = 0; i < 2; i++) {
    const h = x / s
    const t = 0.5 * s
    const vega = vegaFrom(h, t)
    const second = (h * h) / s - 0.5 * t
    const third = second * second - 3 * (h / s) * (h / s) - 0.25
    s = moved(s, (beta - blackFrom(h, t, vega, bound)) / vega, second, third)
  }
  return s
}

/** On g = 1/ln b − 1/ln β, which is nearly straight where b is small. */
function refineLow(beta: number, x: number, bound: number, guess: number): number {
  const target = Math.log(beta)
  let s = guess
  for (let i = 0; i < 2; i++) {
    const h = x / s
    const t = 0.5 * s
    const vega = vegaFrom(h, t)
    const b = blackFrom(h, t, vega, bound)
    const growth = vega / b
    const log = Math.log(b)
    const inverse = 1 / log
    const second = (h * h) / s - 0.5 * t
    const third = second * second - 3 * (h / s) * (h / s) - 0.25
    const lean = growth * (1 + 2 * inverse)
    const delta = third + 2 * growth * growth * (1 + 3 * inverse * (1 + inverse)) - 3 * second * lean
    s = moved(s, ((target - log) * log) / (target * growth), second - lean, delta)
  }
  return s
}

/** On g = ln(e^(x/2) − β) − ln(e^(x/2) − b), which is nearly straight where b is nearly its bound. */
function refineHigh(beta: number, x: number, bound: number, guess: number): number {
  const room = bound - beta
  let s = guess
  for (let i = 0; i < 2; i++) {
    const h = x / s
    const t = 0.5 * s
    const vega = vegaFrom(h, t)
    const left = complementFrom(h, t, vega)
    const q = vega / left
    const second = (h * h) / s - 0.5 * t
    const third = second * second - 3 * (h / s) * (h / s) - 0.25
    s = moved(s, Math.log(left / room) / q, second + q, third + q * (3 * second + 2 * q))
  }
  return s
}

/**
 * The s = σ√T at which `normalisedBlack` is β.
 *
 * Accuracy: 8 × max(1, |∂ln s/∂ln β|) × 2^-52 relative, for x from 0 to −30 and s from 1e-8 to 16 (test "reference vectors").
 *
 * @param beta Time value over √(FK), above 0 and below e^(x/2).
 * @param x ln(F/K), at most 0.
 * @returns NaN when the figures leave the range of numbers on the way, and for NaN: this is the hot path, `impliedVolatility`
 *   refuses by name.
 */
export function impliedTotalVolatility(beta: number, x: number): number {
  const bound = Math.exp(0.5 * x)
  const sCentre = Math.sqrt(-2 * x)
  // At the inflection h = −t, where the formula is short.
  const bCentre = 0.5 * bound * (1 - erfcx(Math.sqrt(-x)))
  const vCentre = bound * ONE_OVER_ROOT_TWO_PI
  if (beta < bCentre) {
    // The tangent's foot, √(π/2) |x| where that is a hair's breadth above 0 and the difference would be rounding.
    const sLow = sCentre < 1e-6 ? -x * ROOT_HALF_PI : sCentre - bCentre / vCentre
    const vLow = vegaFrom(x / sLow, 0.5 * sLow)
    const bLow = blackFrom(x / sLow, 0.5 * sLow, vLow, bound)
    if (beta < bLow) return refineLow(beta, x, bound, guessLow(beta, x, sLow, bLow))
    const guess = rationalCubic(beta, bLow, bCentre, sLow, sCentre, 1 / vLow, 1 / vCentre, 0, false)
    return refineMiddle(beta, x, bound, guess)
  }
  const sHigh = sCentre + (bound - bCentre) / vCentre
  const vHigh = vegaFrom(x / sHigh, 0.5 * sHigh)
  const bHigh = blackFrom(x / sHigh, 0.5 * sHigh, vHigh, bound)
  if (beta <= bHigh) {
    const guess = rationalCubic(beta, bCentre, bHigh, sCentre, sHigh, 1 / vCentre, 1 / vHigh, 0, true)
    return refineMiddle(beta, x, bound, guess)
  }
  const guess = guessHigh(beta, x, bound, sHigh, bHigh)
  return beta > 0.5 * bound ? refineHigh(beta, x, bound, guess) : refineMiddle(beta, x, bound, guess)
}

/** One option whose price is known. */
export interface QuotedOption {
  readonly right: Right
  /** Price of the forward, quote per base. */
  readonly forward: number
  readonly strike: number
  /** Time to expiry in years of 365 days. */
  readonly years: number
  /** Premium in quote; of an option priced in coins, that price times the forward. */
  readonly price: number
  /** Discounting of the premium, a year; 0 when absent. */
  readonly rate?: number
}

/** Columns of {@link QuotedOption}, all of one length. */
export interface QuotedColumns {
  readonly right: Int8Array
  readonly forward: Float64Array
  readonly strike: Float64Array
  readonly years: Float64Array
  readonly price: Float64Array
  /** 0 for every row when absent. */
  readonly rate?: Float64Array
}

const LEAST_NORMAL = 2.2250738585072014e-308

/** The status of a row before anything is computed: SOLVED where there is something to solve. */
function statusOf(right: number, forward: number, strike: number, years: number, price: number): number {
  if (
    !(
      (right === CALL || right === -CALL) &&
      forward > 0 &&
      strike > 0 &&
      forward < Number.POSITIVE_INFINITY &&
      strike < Number.POSITIVE_INFINITY &&
      years < Number.POSITIVE_INFINITY &&
      price - price === 0
    ) ||
    Number.isNaN(years)
  )
    return VolatilityStatus.INPUT_INVALID
  if (!(years > 0)) return VolatilityStatus.TIME_NOT_POSITIVE
  const exercise = right * (forward - strike)
  const timeValue = exercise > 0 ? price - exercise : price
  if (timeValue < 0) return VolatilityStatus.BELOW_INTRINSIC
  if (timeValue >= Math.min(forward, strike)) return VolatilityStatus.ABOVE_MAXIMUM
  return timeValue === 0 ? VolatilityStatus.AT_INTRINSIC : VolatilityStatus.SOLVED
}

/** The volatility of an undiscounted price whose status is SOLVED; NaN when it cannot be told. */
function solve(right: number, forward: number, strike: number, years: number, price: number): number {
  const exercise = right * (forward - strike)
  const scale = Math.sqrt(forward * strike)
  const beta = (exercise > 0 ? price - exercise : price) / scale
  if (!(beta >= LEAST_NORMAL && scale < Number.POSITIVE_INFINITY)) return Number.NaN
  const x = logRatio(forward, strike)
  const s = impliedTotalVolatility(beta, x > 0 ? -x : x)
  return s > 0 && s < Number.POSITIVE_INFINITY ? s / Math.sqrt(years) : Number.NaN
}

/**
 * Volatility at which Black's formula gives the price, a year, as a fraction; 0 for a price that is exactly the exercise.
 *
 * Accuracy: as {@link impliedTotalVolatility}.
 *
 * @throws {GimbalError} `argument-invalid`, with the reason of {@link VOLATILITY_STATUS_NAMES} in its facts.
 */
export function impliedVolatility(option: QuotedOption): number {
  const { right, forward, strike, years, price, rate = 0 } = option
  const undiscounted = rate === 0 ? price : price * Math.exp(rate * years)
  const numbers = [forward, strike, years, price, rate].every((value) => typeof value === 'number')
  let status = numbers ? statusOf(right, forward, strike, years, undiscounted) : VolatilityStatus.INPUT_INVALID
  if (status === VolatilityStatus.AT_INTRINSIC) return 0
  if (status === VolatilityStatus.SOLVED) {
    const volatility = solve(right, forward, strike, years, undiscounted)
    if (!Number.isNaN(volatility)) return volatility
    status = VolatilityStatus.OUT_OF_RANGE
  }
  throw new GimbalError('argument-invalid', 'No volatility gives this price', {
    reason: VOLATILITY_STATUS_NAMES[status]!,
    right,
    forward,
    strike,
    years,
    price,
    rate,
  })
}

/**
 * Volatilities of quoted options, a row each. A row without one is NaN and says why in `status`.
 *
 * @param volatility Receives volatilities a year, as fractions.
 * @param status Receives {@link VolatilityStatus}.
 * @returns How many rows have no volatility.
 * @throws {GimbalError} `argument-invalid` when lengths differ.
 */
export function impliedVolatilityBatch(options: QuotedColumns, volatility: Float64Array, status: Uint8Array): number {
  const rows = options.right.length
  for (const [name, column] of Object.entries({ ...options, volatility, status }) as [string, ArrayLike<number>][])
    if (column !== undefined && column.length !== rows)
      throw new GimbalError('argument-invalid', 'Columns of options differ in length', {
        right: rows,
        [name]: column.length,
      })
  const { right, forward, strike, years, price, rate } = options
  let refused = 0
  for (let i = 0; i < rows; i++) {
    const undiscounted = rate === undefined || rate[i]! === 0 ? price[i]! : price[i]! * Math.exp(rate[i]! * years[i]!)
    let outcome = statusOf(right[i]!, forward[i]!, strike[i]!, years[i]!, undiscounted)
    let answer = Number.NaN
    if (outcome === VolatilityStatus.SOLVED) {
      answer = solve(right[i]!, forward[i]!, strike[i]!, years[i]!, undiscounted)
      if (Number.isNaN(answer)) outcome = VolatilityStatus.OUT_OF_RANGE
    } else if (outcome === VolatilityStatus.AT_INTRINSIC) answer = 0
    if (Number.isNaN(answer)) refused++
    volatility[i] = answer
    status[i] = outcome
  }
  return refused
}
