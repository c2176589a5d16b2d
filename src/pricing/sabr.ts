/**
 * @file The SABR smile by Hagan's expansion, to compare slices of SVI with: three parameters at a given β.
 *
 * Source: P. Hagan, D. Kumar, A. Lesniewski, D. Woodward, "Managing smile risk", Wilmott (2002), equation 2.17a. An expansion in
 * ν²T: far from the money and for long expiries its density can be negative, which is why the surface is not made of it.
 */

import { GimbalError } from '../core/errors.ts'
import { logRatio } from './logRatio.ts'

/** dF = α F^β dW, dα = ν α dZ, correlation ρ. */
export interface Sabr {
  /** Above 0; unit of volatility × F^(1 − β). */
  readonly alpha: number
  /** In [0, 1]. */
  readonly beta: number
  /** In (−1, 1). */
  readonly rho: number
  /** Volatility of volatility a year, at least 0. */
  readonly nu: number
}

/** z/x(z), x = ln((√(1 − 2ρz + z²) + z − ρ)/(1 − ρ)), without cancelling however near z is to 0 or ρ to −1. */
function stretch(z: number, rho: number): number {
  if (z < 0) return stretch(-z, -rho)
  if (z === 0) return 1
  const root = Math.sqrt(1 + z * (z - 2 * rho))
  return z / Math.log1p((z * (root + 1 + z - 2 * rho)) / ((root + 1) * (1 - rho)))
}

function volatilityOf(
  alpha: number,
  beta: number,
  rho: number,
  nu: number,
  f: number,
  k: number,
  years: number,
): number {
  const log = logRatio(f, k)
  const power = 1 - beta
  const middle = (f * k) ** (0.5 * power)
  const span = power * power * log * log
  const z = (nu / alpha) * middle * log
  const level = alpha / middle
  const drift =
    (power * power * level * level) / 24 + 0.25 * rho * beta * nu * level + ((2 - 3 * rho * rho) / 24) * nu * nu
  return (level / (1 + span / 24 + (span * span) / 1920)) * stretch(z, rho) * (1 + drift * years)
}

/**
 * Black volatility a year at a strike.
 *
 * Accuracy: 1e-10 relative, at the money too (test "reference vectors").
 *
 * @throws {GimbalError} `argument-invalid` for parameters out of range, or forward, strike or time not above 0; `fit-failed` where
 *   the expansion, far from where it holds, is not above 0 or no number.
 */
export function sabrVolatility(sabr: Sabr, forward: number, strike: number, years: number): number {
  const { alpha, beta, rho, nu } = sabr
  const finite = [alpha, beta, rho, nu, forward, strike, years].every(Number.isFinite)
  const sound =
    alpha > 0 && beta >= 0 && beta <= 1 && Math.abs(rho) < 1 && nu >= 0 && forward > 0 && strike > 0 && years > 0
  if (!(finite && sound))
    throw new GimbalError(
      'argument-invalid',
      'No SABR volatility: a parameter, forward, strike or time is out of range',
      {
        alpha,
        beta,
        rho,
        nu,
        forward,
        strike,
        years,
      },
    )
  const volatility = volatilityOf(alpha, beta, rho, nu, forward, strike, years)
  if (volatility > 0 && volatility < Number.POSITIVE_INFINITY) return volatility
  throw new GimbalError(
    'fit-failed',
    "Hagan's expansion has no volatility here: its time is too long for these parameters",
    {
      alpha,
      beta,
      rho,
      nu,
      forward,
      strike,
      years,
      volatility,
    },
  )
}

/** A calibrated smile. */
export interface SabrFit {
  readonly sabr: Sabr
  /** Weighted root mean square distance in volatility. */
  readonly distance: number
}

/** Sum of squared weighted distances at α, ρ, ν = exp, tanh, exp of the coordinates; fills the distances. */
function distances(
  x: Float64Array,
  beta: number,
  forward: number,
  years: number,
  strike: ArrayLike<number>,
  volatility: ArrayLike<number>,
  weight: ArrayLike<number>,
  out: Float64Array,
): number {
  let sum = 0
  const alpha = Math.exp(x[0]!)
  const rho = Math.tanh(x[1]!)
  const nu = Math.exp(x[2]!)
  for (let i = 0; i < out.length; i++) {
    out[i] = weight[i]! * (volatilityOf(alpha, beta, rho, nu, forward, strike[i]!, years) - volatility[i]!)
    sum += out[i]! * out[i]!
  }
  return sum
}

/** Solves three linear equations by elimination with pivots, in place; false where they are singular. */
function solveThree(matrix: Float64Array, right: Float64Array): boolean {
  for (let column = 0; column < 3; column++) {
    let pivot = column
    for (let row = column + 1; row < 3; row++)
      if (Math.abs(matrix[row * 3 + column]!) > Math.abs(matrix[pivot * 3 + column]!)) pivot = row
    if (!(Math.abs(matrix[pivot * 3 + column]!) > 1e-300)) return false
    for (let j = 0; j < 3; j++) {
      const kept = matrix[column * 3 + j]!
      matrix[column * 3 + j] = matrix[pivot * 3 + j]!
      matrix[pivot * 3 + j] = kept
    }
    const kept = right[column]!
    right[column] = right[pivot]!
    right[pivot] = kept
    for (let row = 0; row < 3; row++) {
      if (row === column) continue
      const factor = matrix[row * 3 + column]! / matrix[column * 3 + column]!
      for (let j = 0; j < 3; j++) matrix[row * 3 + j] = matrix[row * 3 + j]! - factor * matrix[column * 3 + j]!
      right[row] = right[row]! - factor * right[column]!
    }
  }
  for (let i = 0; i < 3; i++) right[i] = right[i]! / matrix[i * 4]!
  return true
}

/**
 * α, ρ and ν through volatilities at a given β, by Levenberg and Marquardt's method on ln α, artanh ρ, ln ν.
 *
 * @param weight Of each distance; all 1 when absent.
 * @throws {GimbalError} `argument-invalid` for fewer than three strikes or figures that are no numbers above 0; `fit-failed` where
 *   the expansion has no figure for them.
 */
export function fitSabr(
  beta: number,
  forward: number,
  years: number,
  strike: ArrayLike<number>,
  volatility: ArrayLike<number>,
  weight: ArrayLike<number> = new Float64Array(strike.length).fill(1),
): SabrFit {
  const rows = strike.length
  let nearest = 0
  let sound =
    [beta, forward, years].every(Number.isFinite) &&
    rows >= 3 &&
    forward > 0 &&
    years > 0 &&
    forward + years < 1e100 &&
    beta >= 0 &&
    beta <= 1
  let weights = 0
  for (let i = 0; i < rows; i++) {
    sound &&=
      [strike[i]!, volatility[i]!, weight[i]!].every(Number.isFinite) &&
      strike[i]! > 0 &&
      volatility[i]! > 0 &&
      weight[i]! >= 0 &&
      weight[i]! < 1e100 &&
      strike[i]! + volatility[i]! < 1e100
    weights += weight[i]! * weight[i]!
    if (Math.abs(strike[i]! - forward) < Math.abs(strike[nearest]! - forward)) nearest = i
  }
  if (!sound || !(weights > 0))
    throw new GimbalError(
      'argument-invalid',
      'SABR needs volatilities at three strikes, forward, time and beta in range',
      {
        rows,
        forward,
        years,
        beta,
      },
    )
  const x = Float64Array.of(Math.log(volatility[nearest]! * forward ** (1 - beta)), 0, Math.log(1 / Math.sqrt(years)))
  const trial = new Float64Array(3)
  const here = new Float64Array(rows)
  const there = new Float64Array(rows)
  const slopes = [new Float64Array(rows), new Float64Array(rows), new Float64Array(rows)] as const
  const matrix = new Float64Array(9)
  const step = new Float64Array(3)
  let cost = distances(x, beta, forward, years, strike, volatility, weight, here)
  let damping = 1e-3
  for (let pass = 0; pass < 200 && damping < 1e12; pass++) {
    for (let p = 0; p < 3; p++) {
      trial.set(x)
      trial[p] = trial[p]! + 1e-6
      distances(trial, beta, forward, years, strike, volatility, weight, slopes[p]!)
      for (let i = 0; i < rows; i++) slopes[p]![i] = (slopes[p]![i]! - here[i]!) / 1e-6
    }
    for (let p = 0; p < 3; p++) {
      let against = 0
      for (let i = 0; i < rows; i++) against -= slopes[p]![i]! * here[i]!
      step[p] = against
      for (let q = 0; q < 3; q++) {
        let sum = 0
        for (let i = 0; i < rows; i++) sum += slopes[p]![i]! * slopes[q]![i]!
        matrix[p * 3 + q] = p === q ? sum * (1 + damping) + 1e-14 : sum
      }
    }
    if (!solveThree(matrix, step)) break
    for (let p = 0; p < 3; p++) trial[p] = x[p]! + Math.min(Math.max(step[p]!, -1), 1)
    trial[1] = Math.min(Math.max(trial[1]!, -4), 4)
    const next = distances(trial, beta, forward, years, strike, volatility, weight, there)
    if (next < cost) {
      const done = cost - next < 1e-14 * cost
      cost = next
      x.set(trial)
      here.set(there)
      damping = Math.max(damping * 0.2, 1e-12)
      if (done) break
    } else damping *= 6
  }
  if (!Number.isFinite(cost))
    throw new GimbalError('fit-failed', 'No SABR smile is near these volatilities', { rows, forward, years, beta })
  return {
    sabr: { alpha: Math.exp(x[0]!), beta, rho: Math.tanh(x[1]!), nu: Math.exp(x[2]!) },
    distance: Math.sqrt(cost / weights),
  }
}
