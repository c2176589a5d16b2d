/**
 * @file European options in Heston's model of stochastic variance,
 *
 *     dF = F √v dW,   dv = κ(θ − v) dt + ξ √v dZ,   dW dZ = ρ dt,
 *
 * by Lewis' integral along the middle of the strip where the characteristic function φ lives. Black's price of the same mean
 * variance is taken out of the integral, which leaves a difference that is small where the models agree:
 *
 *     C = Black + √(FK)/π ∫₀^∞ Re[e^{iux} (φ_Black(u − i/2) − φ(u − i/2))] / (u² + ¼) du,   x = ln(F/K).
 *
 * φ is in the form whose logarithm never leaves its principal branch ("the little Heston trap"), with β − d rewritten as
 * −ξ²(u² + ¼)/(β + d), so that a small ξ loses no digits and ξ = 0 is Black's model itself.
 *
 * Sources: S. L. Heston, Rev. Financial Studies 6 (1993), 327-343; A. L. Lewis, "Option valuation under stochastic volatility"
 * (2000), chapter 2; H. Albrecher, P. Mayer, W. Schoutens, J. Tistaert, "The little Heston trap", Wilmott (2007), 83-92;
 * L. Andersen and V. Piterbarg, "Interest rate modeling" (2010), section 8.4, for the control variate; R. Piessens et al.,
 * QUADPACK (1983), for the rule of 7 and 15 points.
 */

import { GimbalError } from '../core/errors.ts'
import { black76Price } from './black76.ts'
import { logRatio } from './logRatio.ts'
import type { Right } from './right.ts'

/** The model's five parameters. */
export interface HestonModel {
  /** Variance now, a year. At least 0. */
  readonly v0: number
  /** Speed at which variance returns to its mean, a year. At least 0. */
  readonly kappa: number
  /** The mean it returns to. At least 0. */
  readonly theta: number
  /** Volatility of variance. At least 0. Feller's condition 2κθ ≥ ξ² is not needed. */
  readonly xi: number
  /** Correlation of price and variance, in [−1, 1]. */
  readonly rho: number
}

/** One option in the model. */
export interface HestonOption extends HestonModel {
  readonly right: Right
  /** Quote per base. */
  readonly forward: number
  readonly strike: number
  /** Years of 365 days. */
  readonly years: number
  /** Discounting of the premium, a year; 0 when absent. */
  readonly rate?: number
}

/** What an option came to. */
export interface HestonPrice {
  readonly price: number
  /** Estimated bound of the error of the price, same unit. */
  readonly error: number
  /** How often the characteristic function was looked at. */
  readonly evaluations: number
}

/** Half of Kronrod's 15 nodes and weights on [−1, 1], and Gauss' weights at every other node. */
const NODES = [
  0.9914553711208126, 0.9491079123427585, 0.8648644233597691, 0.7415311855993945, 0.5860872354676911,
  0.4058451513773972, 0.2077849550078985, 0,
] as const // biome-ignore format: a table
const KRONROD = [
  0.02293532201052922, 0.06309209262997854, 0.1047900103222502, 0.1406532597159259, 0.1690047266392679,
  0.1903505780647854, 0.2044329400752989, 0.2094821410847278,
] as const // biome-ignore format: a table
const GAUSS = [0, 0.1294849661688697, 0, 0.2797053914892767, 0, 0.3818300505051189, 0, 0.4179591836734694] as const

/** Absolute tolerance of the whole integral; the price's is this times √(FK)/π. */
const TOLERANCE = 1e-12
/** Deepest halving of a stretch, and the greatest number of stretches, each twice as long as the one before. */
const DEPTH_MAX = 24
const STRETCHES_MAX = 60
/** A tolerance below what rounding leaves of a sum is not asked for: units of the sum of absolute values, per radian of its phase. */
const ROUNDING = 2 ** -51
/** Looks at the characteristic function before halving ends: a tenth of a second. */
const EVALUATIONS_MAX = 500_000
/** Error of the integral with which there is no price. */
const ERROR_MAX = 1e-9

/** Mean total variance ∫E[v]dt over `years`. @throws {GimbalError} `argument-invalid` for figures below 0 or that are none. */
export function hestonMeanVariance({ v0, kappa, theta }: HestonModel, years: number): number {
  if (![v0, kappa, theta, years].every((figure) => Number.isFinite(figure) && figure >= 0))
    throw new GimbalError('argument-invalid', 'No mean variance: figures must be at least 0', {
      v0,
      kappa,
      theta,
      years,
    })
  const fall = kappa * years
  // (1 − e^(−κT))/κ, which tends to T.
  const weight = fall === 0 ? years : -Math.expm1(-fall) / kappa
  return theta * (years - weight) + v0 * weight
}

/**
 * The characteristic function of ln(F_T/F) at u − i/2, as modulus' logarithm and argument.
 *
 * @param out Receives [ln |φ|, arg φ].
 */
function fillCharacteristic(model: HestonModel, years: number, u: number, out: Float64Array): void {
  const { v0, kappa, theta, xi, rho } = model
  const square = u * u + 0.25
  // β = κ − ρξ(½ + iu), d = √(β² + ξ²(u² + ¼)), the root of positive real part.
  const bRe = kappa - 0.5 * rho * xi
  const bIm = -rho * xi * u
  const rRe = bRe * bRe - bIm * bIm + xi * xi * square
  const rIm = 2 * bRe * bIm
  const size = Math.hypot(rRe, rIm)
  const large = Math.sqrt(0.5 * (size + Math.abs(rRe)))
  const small = large === 0 ? 0 : rIm / (2 * large)
  const dRe = rRe >= 0 ? large : Math.abs(small)
  const dIm = rRe >= 0 ? small : rIm >= 0 ? large : -large
  const sRe = bRe + dRe
  const sIm = bIm + dIm
  const sNorm = sRe * sRe + sIm * sIm
  // q = −(u² + ¼)/(β + d) is (β − d)/ξ²; p = q/(β + d) is g/ξ² of the little trap.
  const qRe = (-square * sRe) / sNorm
  const qIm = (square * sIm) / sNorm
  const pRe = (qRe * sRe + qIm * sIm) / sNorm
  const pIm = (qIm * sRe - qRe * sIm) / sNorm
  const gRe = xi * xi * pRe
  const gIm = xi * xi * pIm
  // f = 1 − e^(−dT), without cancelling for small d.
  const shrink = Math.exp(-dRe * years)
  const turn = dIm * years
  const half = Math.sin(0.5 * turn)
  const fRe = -Math.expm1(-dRe * years) + shrink * 2 * half * half
  const fIm = shrink * Math.sin(turn)
  // 1 − g e^(−dT) = (1 − g) + g f.
  const oneRe = 1 - gRe
  const oneIm = -gIm
  const nRe = oneRe + gRe * fRe - gIm * fIm
  const nIm = oneIm + gRe * fIm + gIm * fRe
  const nNorm = nRe * nRe + nIm * nIm
  // What multiplies v0: q f / (1 − g e^(−dT)).
  const tRe = qRe * fRe - qIm * fIm
  const tIm = qRe * fIm + qIm * fRe
  let re = (v0 * (tRe * nRe + tIm * nIm)) / nNorm
  let im = (v0 * (tIm * nRe - tRe * nIm)) / nNorm
  // What multiplies κθ: qT − 2/ξ² ln(1 + z), z = g f/(1 − g) = ξ² w.
  const oneNorm = oneRe * oneRe + oneIm * oneIm
  const hRe = pRe * fRe - pIm * fIm
  const hIm = pRe * fIm + pIm * fRe
  const wRe = (hRe * oneRe + hIm * oneIm) / oneNorm
  const wIm = (hIm * oneRe - hRe * oneIm) / oneNorm
  const zRe = xi * xi * wRe
  const zIm = xi * xi * wIm
  let lRe: number
  let lIm: number
  if (Math.abs(zRe) + Math.abs(zIm) < 1e-8) {
    // ln(1 + z)/ξ² = w (1 − z/2 + …), the rest below 1e-16.
    lRe = wRe - 0.5 * (wRe * zRe - wIm * zIm)
    lIm = wIm - 0.5 * (wRe * zIm + wIm * zRe)
  } else {
    lRe = (0.5 * Math.log1p(2 * zRe + zRe * zRe + zIm * zIm)) / (xi * xi)
    lIm = Math.atan2(zIm, 1 + zRe) / (xi * xi)
  }
  re += kappa * theta * (qRe * years - 2 * lRe)
  im += kappa * theta * (qIm * years - 2 * lIm)
  out[0] = re
  out[1] = im
}

function requireOption(option: HestonOption): void {
  const { right, forward, strike, years, rate = 0, v0, kappa, theta, xi, rho } = option
  const finite = [forward, strike, years, rate, v0, kappa, theta, xi, rho].every(Number.isFinite)
  const sound =
    (right === 1 || right === -1) &&
    forward > 0 &&
    strike > 0 &&
    years >= 0 &&
    v0 >= 0 &&
    kappa >= 0 &&
    theta >= 0 &&
    xi >= 0 &&
    Math.abs(rho) <= 1
  if (!finite || !sound)
    throw new GimbalError(
      'argument-invalid',
      'No price: forward and strike must be above 0; time, v0, kappa, theta, xi at least 0; rho in [−1, 1]; all finite',
      { right, forward, strike, years, rate, v0, kappa, theta, xi, rho },
    )
}

/**
 * Price of a European option in Heston's model, with an estimate of its error.
 *
 * Accuracy: 1e-12 of √(FK), absolute; `error` says what was reached. A wing worth less than that has no digits.
 *
 * @throws {GimbalError} `argument-invalid`; `fit-failed` when the integral does not converge, as can happen for variance next to 0.
 */
export function hestonEstimate(option: HestonOption): HestonPrice {
  requireOption(option)
  const { right, forward, strike, years, rate = 0, xi } = option
  const variance = hestonMeanVariance(option, years)
  const control = black76Price({ right, forward, strike, years: 1, volatility: Math.sqrt(variance) })
  const discount = Math.exp(-rate * years)
  if (xi === 0 || variance === 0) return { price: discount * control, error: 0, evaluations: 0 }

  const x = logRatio(forward, strike)
  const phi = new Float64Array(2)
  let evaluations = 0
  const at = (u: number) => {
    evaluations++
    fillCharacteristic(option, years, u, phi)
    const square = u * u + 0.25
    const turn = u * x
    const black = Math.exp(-0.5 * variance * square) * Math.cos(turn)
    return (black - Math.exp(phi[0]!) * Math.cos(phi[1]! + turn)) / square
  }
  let error = 0
  const over = (from: number, to: number, tolerance: number, depth: number): number => {
    const centre = 0.5 * (from + to)
    const half = 0.5 * (to - from)
    let kronrod = 0
    let gauss = 0
    let size = 0
    for (let k = 0; k < 8; k++) {
      const offset = half * NODES[k]!
      const low = at(centre - offset)
      const high = k === 7 ? 0 : at(centre + offset)
      kronrod += KRONROD[k]! * (low + high)
      gauss += GAUSS[k]! * (low + high)
      size += KRONROD[k]! * (Math.abs(low) + Math.abs(high))
    }
    const off = half * Math.abs(kronrod - gauss)
    const floor = ROUNDING * half * size * (1 + Math.abs(phi[1]!) + to * Math.abs(x))
    if (!(off >= 0))
      throw new GimbalError('fit-failed', "Heston's integral is not a number", { ...option, reached: to })
    if (off <= Math.max(tolerance, floor) || depth === DEPTH_MAX || evaluations > EVALUATIONS_MAX) {
      error += off
      return half * kronrod
    }
    return over(from, centre, 0.5 * tolerance, depth + 1) + over(centre, to, 0.5 * tolerance, depth + 1)
  }

  // Where Black's part has fallen to a third; Heston's falls later, and stretches double.
  let from = 0
  let to = Math.min(1e6, Math.max(0.5, 1.5 / Math.sqrt(variance)))
  let sum = 0
  for (let stretch = 0; ; stretch++) {
    sum += over(from, to, TOLERANCE / (stretch + 1) ** 2 / 2, 0)
    // Both moduli fall with u, so that what follows is below their sum over u.
    fillCharacteristic(option, years, to, phi)
    const rest = (Math.exp(phi[0]!) + Math.exp(-0.5 * variance * to * to)) / to
    if (rest < 0.1 * TOLERANCE) {
      error += rest
      break
    }
    if (stretch === STRETCHES_MAX)
      throw new GimbalError('fit-failed', "Heston's integral does not converge", { ...option, reached: to, rest })
    from = to
    to *= 2
  }
  if (!(error < ERROR_MAX))
    throw new GimbalError('fit-failed', "Heston's integral does not converge", { ...option, error, evaluations })
  const scale = (Math.sqrt(forward) * Math.sqrt(strike)) / Math.PI
  const exercise = Math.max(0, right * (forward - strike))
  const most = right === 1 ? forward : strike
  // Rounding may leave a wing on the wrong side of its bounds.
  const price = Math.min(most, Math.max(exercise, control + scale * sum))
  if (!(price >= 0)) throw new GimbalError('fit-failed', "Heston's integral is not a number", { ...option })
  return { price: discount * price, error: discount * scale * error, evaluations }
}

/**
 * Price of a European option in Heston's model, quote per base: that of {@link hestonEstimate}.
 *
 * @throws {GimbalError} as `hestonEstimate`.
 */
export function hestonPrice(option: HestonOption): number {
  return hestonEstimate(option).price
}
