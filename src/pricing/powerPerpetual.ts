/**
 * @file Power perpetuals: worth a power of the spot, never expiring, paid for by a normalisation factor that shrinks.
 *
 * A unit is worth scale × normalisation × S^p when marked at its index. Whoever holds it pays for the convexity: over a time Δ the
 * normalisation is multiplied by (index/mark)^(Δ/period). Without arbitrage the mark is above the index by just what that comes to
 * over the period,
 *
 *     mark/index = exp(period × (p − 1)(r + pσ²/2)),   for squeeth, p = 2:  exp(period × (r + σ²)),
 *
 * so that a mark tells a volatility. Squeeth (Opyn, 2022) has p = 2, a scale of 1e-4 and a period of 420 hours; its contract takes
 * means over seven minutes for index and mark and keeps the ratio of the two within 0.8 and 1.4.
 *
 * Sources: D. White, D. Robinson, Z. Koticha, A. Leone, A. Gauba, A. Krishnan, "Power perpetuals", Paradigm (2021); Opyn, Squeeth's
 * Controller, on Ethereum at 0x64187ae08781B09368e6253F9E94951243A493D5 (constants and formula of the funding).
 */

import { GimbalError } from '../core/errors.ts'

/** What a power perpetual is. */
export interface PowerTerms {
  /** Power of the spot; 2 for squeeth. Above 0. */
  readonly power: number
  /** Quote per unit per spot^power at a normalisation of 1; 1e-4 for squeeth. */
  readonly scale: number
  /** Over which ln(mark/index) is paid, years of 365 days. */
  readonly periodYears: number
  /** Least and greatest mark/index that funding is computed from. */
  readonly ratioMin: number
  readonly ratioMax: number
}

/** Squeeth on Ethereum. */
export const SQUEETH: PowerTerms = {
  power: 2,
  scale: 1e-4,
  periodYears: 420 / (365 * 24),
  ratioMin: 0.8,
  ratioMax: 1.4,
}

/** A power perpetual in a market. */
export interface PowerMarket {
  /** Quote per base. */
  readonly spot: number
  /** As it is now, funding up to now included. */
  readonly normalisation: number
  /** A fraction a year. */
  readonly volatility: number
  /** Of the quote currency, a year; 0 when absent. */
  readonly rate?: number
}

/**
 * Worth and Greeks of one unit, quote; conventions of `black76.ts`: vega per 1.00 of volatility, rho per 1.00 of rate, theta, charm,
 * color and veta per year of time passing. The normalisation is a state that shrinks with time: that is theta.
 */
export interface PowerGreeks {
  readonly price: number
  /** Worth of a unit marked at its index. */
  readonly index: number
  readonly delta: number
  readonly gamma: number
  readonly vega: number
  readonly theta: number
  readonly rho: number
  readonly vanna: number
  readonly volga: number
  readonly charm: number
  readonly speed: number
  readonly zomma: number
  readonly color: number
  readonly veta: number
}

function requirePositive(figures: Record<string, number>): void {
  for (const [name, value] of Object.entries(figures))
    if (!(Number.isFinite(value) && value > 0))
      throw new GimbalError('argument-invalid', 'A power perpetual needs figures above 0', { [name]: value })
}

/** @throws {GimbalError} `argument-invalid`. */
function requireTerms({ power, scale, periodYears, ratioMin, ratioMax }: PowerTerms): void {
  requirePositive({ power, scale, periodYears, ratioMin, ratioMax })
  if (ratioMin > 1 || ratioMax < 1)
    throw new GimbalError('argument-invalid', 'Bounds of mark/index must hold 1', { ratioMin, ratioMax })
}

/**
 * Worth of one unit, at a volatility, and all its Greeks. Without the bounds of the ratio: those hold back what a mark pays, not
 * what it is worth while it lies within.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function powerPerpetual(terms: PowerTerms, market: PowerMarket): PowerGreeks {
  requireTerms(terms)
  const { power, scale, periodYears } = terms
  const { spot, normalisation, volatility, rate = 0 } = market
  requirePositive({ spot, normalisation })
  if (!(volatility >= 0 && Number.isFinite(volatility) && Number.isFinite(rate)))
    throw new GimbalError('argument-invalid', 'Volatility must be at least 0, the rate a number', { volatility, rate })
  const index = scale * normalisation * spot ** power
  // What a unit costs a year, as a fraction of its price.
  const funding = (power - 1) * (rate + 0.5 * power * volatility * volatility)
  const price = index * Math.exp(periodYears * funding)
  if (!Number.isFinite(price))
    throw new GimbalError(
      'argument-invalid',
      'A power perpetual of these figures is worth more than a number can say',
      {
        spot,
        normalisation,
        volatility,
        rate,
      },
    )
  // ∂ of the exponent by σ.
  const lean = periodYears * (power - 1) * power * volatility
  const fundingLean = (power - 1) * power * volatility
  const delta = (power * price) / spot
  const gamma = ((power - 1) * delta) / spot
  const vega = lean * price
  return {
    price,
    index,
    delta,
    gamma,
    vega,
    theta: -funding * price,
    rho: periodYears * (power - 1) * price,
    vanna: lean * delta,
    volga: price * (lean * lean + periodYears * (power - 1) * power),
    charm: -funding * delta,
    speed: ((power - 2) * gamma) / spot,
    zomma: lean * gamma,
    color: -funding * gamma,
    veta: -fundingLean * price - funding * vega,
  }
}

/** Mark/index of a unit that trades for `price`, unbounded. @throws {GimbalError} `argument-invalid`. */
export function powerRatio(terms: PowerTerms, price: number, spot: number, normalisation: number): number {
  requireTerms(terms)
  requirePositive({ price, spot, normalisation })
  return price / (terms.scale * normalisation * spot ** terms.power)
}

/**
 * Volatility at which a unit is worth its price, a fraction a year; NaN for a mark below what it is worth without volatility,
 * which no volatility explains (it is paid to be held).
 *
 * @param price Of one unit, quote. Squeeth trades in ether: times the spot.
 * @throws {GimbalError} `argument-invalid`, also for a power of 1, which has no convexity.
 */
export function powerImpliedVolatility(
  terms: PowerTerms,
  market: { readonly price: number; readonly spot: number; readonly normalisation: number; readonly rate?: number },
): number {
  if (terms.power === 1) throw new GimbalError('argument-invalid', 'A power of 1 tells no volatility', { power: 1 })
  const { price, spot, normalisation, rate = 0 } = market
  if (!Number.isFinite(rate)) throw new GimbalError('argument-invalid', 'The rate must be a number', { rate })
  const carry = Math.log(powerRatio(terms, price, spot, normalisation)) / (terms.periodYears * (terms.power - 1))
  const variance = (2 * (carry - rate)) / terms.power
  return variance >= 0 ? Math.sqrt(variance) : Number.NaN
}

/** What a long pays, a fraction of its worth a year: ln(mark/index)/period, the ratio kept within its bounds. Negative: is paid. */
export function powerFundingRate(terms: PowerTerms, ratio: number): number {
  requireTerms(terms)
  requirePositive({ ratio })
  return Math.log(Math.min(terms.ratioMax, Math.max(terms.ratioMin, ratio))) / terms.periodYears
}

/**
 * The normalisation factor after a time in which mark/index stood at `ratio`.
 *
 * @param years Since it was last computed, at least 0.
 * @throws {GimbalError} `argument-invalid`.
 */
export function nextNormalisation(terms: PowerTerms, normalisation: number, ratio: number, years: number): number {
  requirePositive({ normalisation })
  if (!(Number.isFinite(years) && years >= 0))
    throw new GimbalError('argument-invalid', 'Time does not run backwards', { years })
  return normalisation * Math.exp(-powerFundingRate(terms, ratio) * years)
}
