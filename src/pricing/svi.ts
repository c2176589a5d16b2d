/**
 * @file One smile in five numbers: total variance w(k) = a + b (ρ (k − m) + √((k − m)² + σ²)) at log-moneyness k = ln(K/F).
 *
 * Beside the raw form stands the one a trader reads, jump-wings: variance and skew at the money, the two wing slopes, and the
 * least variance. Durrleman's function g is the density of the slice up to a positive factor: butterflies are free of
 * arbitrage where it is not negative.
 *
 * Sources: J. Gatheral and A. Jacquier, "Arbitrage-free SVI volatility surfaces", Quant. Finance 14 (2014), 59-71 (sections
 * 2, 3.1, 3.2); R. W. Lee, "The moment formula for implied volatility at extreme strikes", Math. Finance 14 (2004), 469-480.
 */

import { GimbalError } from '../core/errors.ts'

/** Parameters of a slice. `sigma` above 0, `b` at least 0, `rho` in [−1, 1], least variance not negative. */
export interface RawSvi {
  readonly a: number
  readonly b: number
  readonly rho: number
  readonly m: number
  readonly sigma: number
}

/** Least total variance of a slice, a + bσ√(1 − ρ²). */
export function sviLeastVariance({ a, b, rho, sigma }: RawSvi): number {
  return a + b * sigma * Math.sqrt((1 - rho) * (1 + rho))
}

/** @throws {GimbalError} `argument-invalid` unless it is a slice whose variance is nowhere negative. */
export function requireSvi(slice: RawSvi): void {
  const { a, b, rho, m, sigma } = slice
  const finite =
    Number.isFinite(a) && Number.isFinite(b) && Number.isFinite(rho) && Number.isFinite(m) && Number.isFinite(sigma)
  if (finite && b >= 0 && rho >= -1 && rho <= 1 && sigma > 0 && sviLeastVariance(slice) >= 0) return
  throw new GimbalError('argument-invalid', 'Not a slice: b >= 0, |rho| <= 1, sigma > 0, variance nowhere negative', {
    a,
    b,
    rho,
    m,
    sigma,
  })
}

/**
 * ρx + √(x² + σ²), x = k − m, given the root. On the falling side of a steep wing two nearly equal figures cancel: there it is
 * (σ² + (1 − ρ²)x²)/(√(x² + σ²) − ρx).
 */
function hinge(rho: number, sigma: number, x: number, root: number): number {
  const lean = rho * x
  return lean < 0 ? (sigma * sigma + (1 - rho) * (1 + rho) * x * x) / (root - lean) : lean + root
}

/** ρ + x/√(x² + σ²), the slope of it, likewise. */
function hingeSlope(rho: number, sigma: number, x: number, root: number): number {
  if (!(rho * x < 0)) return rho + x / root
  return ((1 - rho) * (1 + rho) * x * x - rho * rho * sigma * sigma) / (root * (x - rho * root))
}

/**
 * Total variance at log-moneyness `k`. Accuracy: 1e-12 relative (test "reference vectors"). Of the hot path, like all that takes a
 * `k` here: nothing is checked, NaN in is NaN out; `requireSvi` is asked once a slice.
 */
export function sviVariance(slice: RawSvi, k: number): number {
  const x = k - slice.m
  return slice.a + slice.b * hinge(slice.rho, slice.sigma, x, Math.sqrt(x * x + slice.sigma * slice.sigma))
}

/** Total variance with its first two derivatives in log-moneyness, and Durrleman's g. */
export interface SmilePoint {
  readonly variance: number
  readonly slope: number
  readonly curvature: number
  readonly g: number
}

/**
 * Durrleman's function (1 − kw'/2w)² − w'²/4 (1/w + 1/4) + w''/2, of total variance and its derivatives in k.
 *
 * @param variance Above 0.
 */
export function durrleman(k: number, variance: number, slope: number, curvature: number): number {
  const lean = 1 - (0.5 * k * slope) / variance
  return lean * lean - 0.25 * slope * slope * (1 / variance + 0.25) + 0.5 * curvature
}

/** What a slice is at log-moneyness `k`. */
export function sviPoint(slice: RawSvi, k: number): SmilePoint {
  const { a, b, rho, m, sigma } = slice
  const x = k - m
  const root = Math.sqrt(x * x + sigma * sigma)
  const variance = a + b * hinge(rho, sigma, x, root)
  const slope = b * hingeSlope(rho, sigma, x, root)
  const curvature = (b * sigma * sigma) / (root * root * root)
  return { variance, slope, curvature, g: durrleman(k, variance, slope, curvature) }
}

/** g at log-moneyness `k`, without making a point of it. */
export function sviDurrleman(slice: RawSvi, k: number): number {
  const x = k - slice.m
  const root = Math.sqrt(x * x + slice.sigma * slice.sigma)
  const variance = slice.a + slice.b * hinge(slice.rho, slice.sigma, x, root)
  const slope = slice.b * hingeSlope(slice.rho, slice.sigma, x, root)
  return durrleman(k, variance, slope, (slice.b * slice.sigma * slice.sigma) / (root * root * root))
}

/** Slopes of total variance far out: Lee's moment formula allows neither above 2. */
export function leeSlopes({ b, rho }: RawSvi): { readonly left: number; readonly right: number } {
  return { left: b * (1 - rho), right: b * (1 + rho) }
}

/** The slice as traders say it. All figures but `skew` are not negative; variances are a year's. */
export interface JumpWings {
  /** v: variance at the money, a year. */
  readonly variance: number
  /** ψ: slope of volatility √(w/T) at the money, times √T. */
  readonly skew: number
  /** p: slope of the left (put) wing over √w(0). */
  readonly putWing: number
  /** c: slope of the right (call) wing over √w(0). */
  readonly callWing: number
  /** ṽ: least variance, a year. */
  readonly leastVariance: number
}

/** @throws {GimbalError} `argument-invalid` for no slice, time not above 0, or no variance at the money. */
export function jumpWings(slice: RawSvi, years: number): JumpWings {
  requireSvi(slice)
  const { b, rho, m, sigma } = slice
  const total = sviVariance(slice, 0)
  if (!(Number.isFinite(years) && years > 0 && total > 0))
    throw new GimbalError('argument-invalid', 'Jump-wings need time and variance', { years, total })
  const root = Math.sqrt(total)
  return {
    variance: total / years,
    skew: ((0.5 * b) / root) * (rho - m / Math.sqrt(m * m + sigma * sigma)),
    putWing: (b * (1 - rho)) / root,
    callWing: (b * (1 + rho)) / root,
    leastVariance: sviLeastVariance(slice) / years,
  }
}

/**
 * The raw form of jump-wings.
 *
 * With β = ρ − 2ψ√w/b = m/√(m² + σ²) and d = 1 − ρβ − √((1 − ρ²)(1 − β²)), m = (v − ṽ)Tβ/(bd) and σ = (v − ṽ)T√(1 − β²)/(bd):
 * Gatheral & Jacquier's Lemma 3.2 without its case m = 0. d is written as (ρ − β)²/(1 − ρβ + √…), which does not cancel.
 *
 * @throws {GimbalError} `argument-invalid` where no slice has these wings, and where many do: the least variance at the money
 *   leaves its curvature open.
 */
export function fromJumpWings(wings: JumpWings, years: number): RawSvi {
  const { variance, skew, putWing, callWing, leastVariance } = wings
  const total = variance * years
  const root = Math.sqrt(total)
  const b = 0.5 * root * (callWing + putWing)
  const rho = (callWing - putWing) / (callWing + putWing)
  const beta = rho - (2 * skew * root) / b
  const across = Math.sqrt((1 - rho * rho) * (1 - beta * beta))
  const distance = ((rho - beta) * (rho - beta)) / (1 - rho * beta + across)
  const scale = (total - leastVariance * years) / (b * distance)
  const sigma = scale * Math.sqrt(1 - beta * beta)
  const slice = { a: leastVariance * years - b * sigma * Math.sqrt(1 - rho * rho), b, rho, m: scale * beta, sigma }
  const finite = [years, variance, skew, putWing, callWing, leastVariance].every(Number.isFinite)
  if (
    !(finite && years > 0 && total > 0 && b > 0 && sigma > 0 && sigma < Number.POSITIVE_INFINITY && leastVariance >= 0)
  )
    throw new GimbalError('argument-invalid', 'No one slice has these jump-wings', {
      years,
      variance,
      skew,
      putWing,
      callWing,
      leastVariance,
    })
  return slice
}

/** Density of ln(S_T/F) at `k` by the slice: g(k) n(d₋)/√w. Integrates to 1 where the slice is free of arbitrage. */
export function sviDensity(slice: RawSvi, k: number): number {
  const { variance, g } = sviPoint(slice, k)
  const root = Math.sqrt(variance)
  const lower = -k / root - 0.5 * root
  return (g * Math.exp(-0.5 * lower * lower)) / Math.sqrt(2 * Math.PI * variance)
}
