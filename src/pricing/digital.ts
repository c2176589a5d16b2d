/**
 * @file Digital options off a surface: what pays one unit of quote, or one unit of base, if the price ends above (or below) a strike.
 *
 * A cash digital is minus the slope of the call in its strike. Along a smile the volatility moves with the strike, so the slope has
 * a second part, vega times skew:
 *
 *     −∂C/∂K = N(d₂) − n(d₂) w′(k) / (2√w),   w total variance at k = ln(K/F).
 *
 * For a steep smile that part is a tenth of the price and more; `digitalBySpread` is the same from prices of two calls, which is
 * also how it is hedged. What pays the base is a call plus K cash digitals.
 *
 * Source: J. Gatheral, "The volatility surface" (2006), chapter 8, "Digital options and digital cliquets".
 */

import { normalCdf } from '../core/errorFunction.ts'
import { GimbalError } from '../core/errors.ts'
import { black76Price } from './black76.ts'
import { logRatio } from './logRatio.ts'
import type { Right } from './right.ts'
import type { VolatilitySurface } from './volatilitySurface.ts'

const YEAR_US = 365 * 86_400_000_000

/** A surface that knows the slope of its total variance in log-moneyness, as `SviSurface` does. */
interface SlopedSurface extends VolatilitySurface {
  point(expiryUs: number, logMoneyness: number): { readonly variance: number; readonly slope: number }
}

/** A digital option: +1 pays above its strike, −1 below. */
export interface DigitalTerms {
  readonly right: Right
  readonly expiryUs: number
  /** Quote per base. */
  readonly strike: number
  /** Discounting of what is paid in quote, a year; 0 when absent. */
  readonly rate?: number
}

/** Worth of a digital option. Outside [0, discount] only where the surface has arbitrage. */
export interface DigitalPrice {
  /** Of one unit of quote, in quote. */
  readonly cash: number
  /** Of one unit of base, in quote; over the forward, in base. */
  readonly asset: number
  /** The part of `cash` that is the smile's: without it, it would be N(±d₂). */
  readonly skew: number
}

/** Step of the five-point slope, where a surface does not tell its own. */
const STEP = 1e-3

function slopeOf(surface: VolatilitySurface, expiryUs: number, k: number): number {
  const known = (surface as Partial<SlopedSurface>).point
  if (known !== undefined) return known.call(surface, expiryUs, k).slope
  const at = (offset: number) => surface.totalVariance(expiryUs, k + offset * STEP)
  return (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * STEP)
}

/** @throws {GimbalError} `argument-invalid` where the surface has neither forward nor variance. */
function place(surface: VolatilitySurface, { right, expiryUs, strike, rate = 0 }: DigitalTerms) {
  const forward = surface.forward(expiryUs)
  const years = (expiryUs - surface.timeUs) / YEAR_US
  const known = [expiryUs, strike, rate].every(Number.isFinite) && strike > 0 && forward > 0
  const k = known ? logRatio(strike, forward) : Number.NaN
  const variance = surface.totalVariance(expiryUs, k)
  if ((right !== 1 && right !== -1) || !(variance > 0 && Number.isFinite(variance)))
    throw new GimbalError('argument-invalid', 'The surface says nothing of this digital option', {
      right,
      expiryUs,
      strike,
      forward,
      variance,
      rate,
    })
  return { forward, years, k, variance, discount: Math.exp(-rate * years) }
}

/**
 * Worth of a digital option, with the smile's part.
 *
 * Accuracy: that of the surface's slope; 1e-12 of the discount where the surface has `point`.
 *
 * @throws {GimbalError} `argument-invalid` for no option, or an expiry or strike the surface knows nothing of.
 */
export function digitalOption(surface: VolatilitySurface, terms: DigitalTerms): DigitalPrice {
  const { forward, k, variance, discount } = place(surface, terms)
  const { right, strike, expiryUs } = terms
  const root = Math.sqrt(variance)
  const d2 = -k / root - 0.5 * root
  const density = Math.exp(-0.5 * d2 * d2) / Math.sqrt(2 * Math.PI)
  const skew = (-right * density * slopeOf(surface, expiryUs, k)) / (2 * root)
  return {
    cash: discount * (normalCdf(right * d2) + skew),
    asset: discount * (forward * normalCdf(right * (d2 + root)) + strike * skew),
    skew: discount * skew,
  }
}

/**
 * Worth of a cash digital as a spread: options `width` apart around the strike, each at its own volatility, over the width. The
 * error is width²/24 times the slope of the density.
 *
 * @param width Quote per base, above 0 and below twice the strike.
 * @throws {GimbalError} `argument-invalid`.
 */
export function digitalBySpread(surface: VolatilitySurface, terms: DigitalTerms, width: number): number {
  const { right, strike, expiryUs, rate = 0 } = terms
  const { forward, years } = place(surface, terms)
  if (!(Number.isFinite(width) && width > 0 && width < 2 * strike))
    throw new GimbalError('argument-invalid', 'A spread needs a width between 0 and twice its strike', {
      width,
      strike,
    })
  const priceAt = (at: number) =>
    black76Price({ right, forward, strike: at, years, volatility: surface.volatility(expiryUs, at), rate })
  return (right * (priceAt(strike - 0.5 * width) - priceAt(strike + 0.5 * width))) / width
}
