/**
 * @file GARCH(1,1) and GJR-GARCH by Gaussian maximum likelihood.
 *
 *   e_t = r_t - mu,   h_t = omega + (alpha + gamma [e_{t-1} < 0]) e²_{t-1} + beta h_{t-1}
 *
 * Sources: T. Bollerslev, J. Econometrics 31 (1986) 307; L. Glosten, R. Jagannathan, D. Runkle, J. Finance 48 (1993) 1779.
 * The presample follows G. Fiorentini, G. Calzolari, L. Panattoni, "Analytic derivatives and the computation of GARCH
 * estimates", J. Applied Econometrics 11 (1996): e²_0 = h_0 = mean (r - mu)², which is the benchmark programs are judged by
 * (B. McCullough, C. Renfro 1998; C. Brooks, S. Burke, G. Persand 2001). Gradients are analytic.
 *
 * A missing return stands for its expectation: variance moves on as forecast, and the likelihood gets no term.
 */

import { GimbalError } from '../../core/errors.ts'
import type { SeriesForecaster, VarianceSeries } from './forecaster.ts'
import { hessian, minimise, solveSymmetric } from './minimise.ts'

/** Plain data. Units: returns as given, variances their squares. */
export interface GarchParameters {
  /** Mean return a step. */
  readonly mu: number
  readonly omega: number
  readonly alpha: number
  /** Added to alpha after a fall; 0 without the GJR term. */
  readonly gamma: number
  readonly beta: number
  /** Variance before the first step. */
  readonly presample: number
}

export interface GarchFit {
  readonly parameters: GarchParameters
  /** Constant included. */
  readonly logLikelihood: number
  /** Returns used. */
  readonly returns: number
  /** Passes over the data. */
  readonly evaluations: number
}

export interface GarchSettings {
  /** Adds the GJR term; false when absent. */
  readonly leverage?: boolean
  /** `constant` (the default) estimates mu, `zero` fixes it. */
  readonly mean?: 'constant' | 'zero'
}

/** alpha + gamma / 2 + beta: the share of a shock to variance that is left after a step, given symmetric returns. */
export function persistence({ alpha, gamma, beta }: GarchParameters): number {
  return alpha + gamma / 2 + beta
}

/** Fewest returns worth a fit. */
const RETURNS_MIN = 100
/** Slope of the mean log-likelihood above which the search did not settle. */
const SETTLED = 1e-5
/** Shares closer than this to what they may not pass are at it. */
const AT_BOUND = 1e-6
const HALF_LOG_2PI = 0.5 * Math.log(2 * Math.PI)

/** Starts tried: persistence, and the share of it that is news. */
const STARTS = [
  [0.999, 0.03],
  [0.99, 0.05],
  [0.97, 0.1],
  [0.95, 0.2],
  [0.8, 0.3],
  [0.4, 0.5],
] as const

/** Returns in units of their own deviation, with the moments the presample needs. */
interface Scaled {
  /** NaN is missing. */
  readonly x: Float64Array
  readonly known: number
  readonly mean: number
  readonly meanSquare: number
  readonly unit: number
}

/**
 * @param returns One a step; NaN is missing.
 * @throws {GimbalError} `fit-failed`: fewer than 100 returns, returns that never differ, a search that does not settle.
 */
export function fitGarch(returns: Float64Array, settings: GarchSettings = {}): GarchFit {
  const { leverage = false, mean = 'constant' } = settings
  const scaled = inOwnUnits(returns)
  const free = new FreeParameters(scaled, leverage, mean === 'constant')
  const minimum = minimise((x, gradient) => free.loss(x, gradient), free.start())
  if (!(minimum.slope < SETTLED))
    throw new GimbalError('fit-failed', 'The search for GARCH parameters did not settle', {
      returns: scaled.known,
      slope: minimum.slope,
    })
  const theta = new Float64Array(5)
  free.natural(minimum.x, theta)
  const { unit, known } = scaled
  const square = unit * unit
  return {
    parameters: {
      mu: theta[0]! * unit,
      omega: theta[1]! * square,
      alpha: theta[2]!,
      gamma: theta[3]!,
      beta: theta[4]!,
      presample: (scaled.meanSquare - 2 * theta[0]! * scaled.mean + theta[0]! ** 2) * square,
    },
    logLikelihood: -known * (minimum.value + Math.log(unit)),
    returns: known,
    evaluations: minimum.evaluations,
  }
}

/** Log-likelihood at given parameters; `presample` is worked out from the returns and mu, as in a fit. */
export function garchLogLikelihood(returns: Float64Array, parameters: Omit<GarchParameters, 'presample'>): number {
  const { mu, omega, alpha, gamma, beta } = parameters
  const scaled = inOwnUnits(returns)
  const { unit, known } = scaled
  const theta = Float64Array.of(mu / unit, omega / (unit * unit), alpha, gamma, beta)
  return -known * (lossOf(scaled, theta, new Float64Array(5)) + Math.log(unit))
}

/** Standard errors of a fit from the second derivatives of its log-likelihood. */
export type GarchErrors = Readonly<Record<'mu' | 'omega' | 'alpha' | 'gamma' | 'beta', number>>

/**
 * Standard errors by the inverse of the observed information. NaN for a parameter the fit held fixed, and for all where the
 * fit lies at a bound or the likelihood has no curvature: there the errors of the theory do not hold. Five-minute returns of
 * crypto markets often end at the bound of stationarity.
 */
export function garchStandardErrors(returns: Float64Array, fit: GarchFit, settings: GarchSettings = {}): GarchErrors {
  const { leverage = false, mean = 'constant' } = settings
  const { mu, omega, alpha, gamma, beta } = fit.parameters
  const scaled = inOwnUnits(returns)
  const { unit } = scaled
  const theta = Float64Array.of(mu / unit, omega / (unit * unit), alpha, gamma, beta)
  const inside =
    persistence(fit.parameters) < 1 - AT_BOUND && alpha > AT_BOUND && alpha + gamma > AT_BOUND && beta > AT_BOUND
  const free = [...(mean === 'constant' ? [0] : []), 1, 2, ...(leverage ? [3] : []), 4]
  const full = theta.slice()
  const slopes = new Float64Array(5)
  const restricted = (x: Float64Array, gradient: Float64Array) => {
    for (const [i, at] of free.entries()) full[at] = x[i]!
    const value = lossOf(scaled, full, slopes)
    for (const [i, at] of free.entries()) gradient[i] = slopes[at]!
    return value
  }
  const x = Float64Array.from(free, (at) => theta[at]!)
  const curvature = hessian(restricted, x)
  const errors = new Float64Array(5).fill(Number.NaN)
  for (const [i, at] of free.entries()) {
    const column = solveSymmetric(
      curvature,
      Float64Array.from(free, (_, k) => Number(k === i)),
    )
    if (column && inside) errors[at] = Math.sqrt(column[i]! / scaled.known)
  }
  return {
    mu: errors[0]! * unit,
    omega: errors[1]! * unit * unit,
    alpha: errors[2]!,
    gamma: errors[3]!,
    beta: errors[4]!,
  }
}

function inOwnUnits(returns: Float64Array): Scaled {
  let known = 0
  let sum = 0
  for (let t = 0; t < returns.length; t++) {
    if (!Number.isFinite(returns[t]!)) continue
    known++
    sum += returns[t]!
  }
  const centre = sum / known
  let squares = 0
  for (let t = 0; t < returns.length; t++) if (Number.isFinite(returns[t]!)) squares += (returns[t]! - centre) ** 2
  const unit = Math.sqrt(squares / known)
  // Equal returns differ from their mean by rounding.
  if (known < RETURNS_MIN || !(unit > 1e-12 * Math.abs(centre)))
    throw new GimbalError('fit-failed', 'A GARCH needs returns that move', {
      returns: known,
      returnsMin: RETURNS_MIN,
      deviation: known > 0 ? unit : 0,
    })
  const x = returns.map((each) => (Number.isFinite(each) ? each / unit : Number.NaN))
  return { x, known, mean: centre / unit, meanSquare: 1 + (centre / unit) ** 2, unit }
}

/**
 * Mean negative log-likelihood of scaled returns, and its derivatives by mu, omega, alpha, gamma, beta.
 *
 * @param theta In that order. @param gradient Likewise.
 */
function lossOf({ x, known, mean, meanSquare }: Scaled, theta: Float64Array, gradient: Float64Array): number {
  const mu = theta[0]!
  const omega = theta[1]!
  const alpha = theta[2]!
  const gamma = theta[3]!
  const beta = theta[4]!
  const left = alpha + gamma / 2 + beta
  const presample = meanSquare - 2 * mu * mean + mu * mu
  let h = omega + left * presample
  let hMu = left * 2 * (mu - mean)
  let hOmega = 1
  let hAlpha = presample
  let hGamma = presample / 2
  let hBeta = presample
  let gMu = 0
  let gOmega = 0
  let gAlpha = 0
  let gGamma = 0
  let gBeta = 0
  let sum = 0
  // Logs are taken of products: one for dozens of steps.
  let product = 1
  for (let t = 0; t < x.length; t++) {
    if (!(h > 0)) return Number.POSITIVE_INFINITY
    const e = x[t]! - mu
    if (Number.isNaN(e)) {
      // Missing: the variance takes the place of the square.
      hMu *= left
      hOmega = 1 + left * hOmega
      hAlpha = h + left * hAlpha
      hGamma = h / 2 + left * hGamma
      hBeta = h + left * hBeta
      h = omega + left * h
      continue
    }
    const square = e * e
    const inverse = 1 / h
    const ratio = square * inverse
    product *= h
    if (product > 1e100 || product < 1e-100) {
      sum += Math.log(product)
      product = 1
    }
    sum += ratio
    const pull = (1 - ratio) * inverse
    gMu += pull * hMu - 2 * e * inverse
    gOmega += pull * hOmega
    gAlpha += pull * hAlpha
    gGamma += pull * hGamma
    gBeta += pull * hBeta
    const fell = e < 0
    const news = fell ? alpha + gamma : alpha
    hMu = beta * hMu - 2 * news * e
    hOmega = 1 + beta * hOmega
    hAlpha = square + beta * hAlpha
    hGamma = (fell ? square : 0) + beta * hGamma
    hBeta = h + beta * hBeta
    h = omega + news * square + beta * h
  }
  const half = 0.5 / known
  gradient[0] = gMu * half
  gradient[1] = gOmega * half
  gradient[2] = gAlpha * half
  gradient[3] = gGamma * half
  gradient[4] = gBeta * half
  return HALF_LOG_2PI + (sum + Math.log(product)) * half
}

/**
 * The parameters as free numbers: mu, ln omega, and the logits of what makes up the persistence, whose sum stays below 1:
 * alpha and beta; with leverage half of alpha, half of alpha + gamma, and beta, all of them at least 0.
 */
class FreeParameters {
  readonly #scaled: Scaled
  readonly #leverage: boolean
  readonly #mean: boolean
  readonly #theta = new Float64Array(5)
  readonly #slopes = new Float64Array(5)
  readonly #shares: Float64Array

  constructor(scaled: Scaled, leverage: boolean, mean: boolean) {
    this.#scaled = scaled
    this.#leverage = leverage
    this.#mean = mean
    this.#shares = new Float64Array(leverage ? 3 : 2)
  }

  /** The likeliest of a few starts. */
  start(): Float64Array {
    const gradient = new Float64Array(this.#mean ? this.#shares.length + 2 : this.#shares.length + 1)
    let best = gradient
    let least = Number.POSITIVE_INFINITY
    for (const [total, news] of STARTS) {
      const parts = this.#leverage
        ? [(total * news) / 2, (total * news) / 2, total * (1 - news)]
        : [total * news, total * (1 - news)]
      const logits = parts.map((part) => Math.log(part / (1 - total)))
      const x = Float64Array.from([...(this.#mean ? [this.#scaled.mean] : []), Math.log(1 - total), ...logits])
      const loss = this.loss(x, gradient)
      if (!(loss < least)) continue
      least = loss
      best = x
    }
    return best
  }

  /** Writes mu, omega, alpha, gamma, beta. */
  natural(x: Float64Array, theta: Float64Array): void {
    const shares = this.#shares
    const first = this.#mean ? 2 : 1
    theta[0] = this.#mean ? x[0]! : 0
    theta[1] = Math.exp(x[first - 1]!)
    let most = 0
    for (let i = 0; i < shares.length; i++) most = Math.max(most, x[first + i]!)
    let total = Math.exp(-most)
    for (let i = 0; i < shares.length; i++) total += shares[i] = Math.exp(x[first + i]! - most)
    for (let i = 0; i < shares.length; i++) shares[i]! /= total
    theta[2] = this.#leverage ? 2 * shares[0]! : shares[0]!
    theta[3] = this.#leverage ? 2 * shares[1]! - 2 * shares[0]! : 0
    theta[4] = shares.at(-1)!
  }

  loss(x: Float64Array, gradient: Float64Array): number {
    const theta = this.#theta
    const slopes = this.#slopes
    const shares = this.#shares
    this.natural(x, theta)
    const value = lossOf(this.#scaled, theta, slopes)
    const first = this.#mean ? 2 : 1
    if (this.#mean) gradient[0] = slopes[0]!
    gradient[first - 1] = slopes[1]! * theta[1]!
    const byShare = this.#leverage
      ? [2 * (slopes[2]! - slopes[3]!), 2 * slopes[3]!, slopes[4]!]
      : [slopes[2]!, slopes[4]!]
    let mean = 0
    for (let i = 0; i < shares.length; i++) mean += shares[i]! * byShare[i]!
    for (let i = 0; i < shares.length; i++) gradient[first + i] = shares[i]! * (byShare[i]! - mean)
    return value
  }
}

/** Variance step by step: what is known of the next step after each return. Allocates nothing. */
export class GarchFilter {
  readonly parameters: GarchParameters
  readonly #persistence: number
  /** Variance of the next step. */
  variance: number

  constructor(parameters: GarchParameters) {
    this.parameters = parameters
    this.#persistence = persistence(parameters)
    this.variance = parameters.omega + this.#persistence * parameters.presample
  }

  /** Takes the return of the step just over; NaN is missing. */
  update(step: number): void {
    const { mu, omega, alpha, gamma, beta } = this.parameters
    const e = step - mu
    if (Number.isNaN(e)) this.variance = omega + this.#persistence * this.variance
    else this.variance = omega + (e < 0 ? alpha + gamma : alpha) * e * e + beta * this.variance
  }

  /** Variance of the step `ahead` steps on, given all so far; 1 is the next. */
  ahead(ahead: number): number {
    let variance = this.variance
    for (let k = 1; k < ahead; k++) variance = this.parameters.omega + this.#persistence * variance
    return variance
  }

  /** Variance of the next `horizon` steps together. */
  over(horizon: number): number {
    let variance = this.variance
    let sum = variance
    for (let k = 1; k < horizon; k++) sum += variance = this.parameters.omega + this.#persistence * variance
    return sum
  }
}

/** GARCH among the forecasters; fits returns, forecasts their variance. The filter starts at the series' first step. */
export class GarchForecaster implements SeriesForecaster<GarchFit> {
  readonly name: string
  readonly #settings: GarchSettings

  constructor(settings: GarchSettings = {}) {
    this.name = settings.leverage ? 'gjr-garch' : 'garch'
    this.#settings = settings
  }

  stepsMin(): number {
    return RETURNS_MIN
  }

  fit({ returns }: VarianceSeries, start: number, end: number): GarchFit {
    return fitGarch(returns.subarray(start, end), this.#settings)
  }

  forecast(
    fit: GarchFit,
    { returns }: VarianceSeries,
    from: number,
    to: number,
    horizon: number,
    out: Float64Array,
  ): void {
    const filter = new GarchFilter(fit.parameters)
    // The sum over the horizon is linear in the next step's variance: two points give it for all.
    const zero = new GarchFilter({ ...fit.parameters, presample: 0 })
    zero.variance = 0
    const base = zero.over(horizon)
    zero.variance = 1
    const slope = zero.over(horizon) - base
    for (let t = 0; t < to; t++) {
      filter.update(returns[t]!)
      if (t >= from) out[t - from] = base + slope * filter.variance
    }
  }
}
