/**
 * @file A volatility index from the options a venue lists: what a variance swap of 30 days would cost, in the manner of the VIX and
 * of Deribit's DVOL.
 *
 * Variance of one expiry, as in the VIX: out-of-the-money prices, each weighed with ΔK/K², less what the strike next below the
 * forward is off,
 *
 *     T σ² = 2 Σ ΔK/K² Q(K) − (F/K₀ − 1)²,   Q undiscounted, at K₀ the mean of call and put;
 *
 * and the index interpolates T σ² of the expiry before and the one after the term, linearly in time.
 *
 * What is public of DVOL: the smile of the expiries around 30 days, the venue's mark volatilities instead of quotes, annualised
 * and expressed in points. Not public in every detail are which strikes it takes and how it fills the gaps between them. Ours takes every strike
 * with a mark, does not fill gaps, and says what the strikes that are not listed would add (`truncated`). `fittedVolatilityIndex`
 * of `varianceSwap.ts` is the same figure off a fitted surface, without gaps and ends.
 *
 * Sources: Cboe, "Volatility index methodology: Cboe volatility index" (2023); Deribit Insights, "DVOL: Deribit implied volatility
 * index" (2021); K. Demeterfi, E. Derman, M. Kamal, J. Zou, "More than you ever wanted to know about volatility swaps" (1999).
 */

import { GimbalError } from '../core/errors.ts'
import { black76Price } from './black76.ts'
import type { ForwardCurve } from './forwardCurve.ts'
import { impliedVolatility } from './impliedVolatility.ts'
import { normalisedBlack } from './normalisedBlack.ts'
import type { OptionQuotes } from './optionQuotes.ts'

const DAY_US = 86_400_000_000
const YEAR_US = 365 * DAY_US

/** Options of one expiry by ascending strike. */
export interface ListedStrip {
  /** Quote per base, ascending. */
  readonly strike: ArrayLike<number>
  /** Undiscounted prices in quote; NaN where there is none. */
  readonly call: ArrayLike<number>
  readonly put: ArrayLike<number>
  readonly forward: number
  /** Years of 365 days. */
  readonly years: number
}

/** Variance of a strip. */
export interface ListedVariance {
  /** σ² a year. */
  readonly variance: number
  /** How many strikes it is made of. */
  readonly strikes: number
  readonly lowest: number
  readonly highest: number
  /**
   * What options beyond the lowest and the highest strike would add to `variance`, if volatility stayed there as it is at the
   * last strike: not added, but known to be missing. Of a smile that goes on rising it is too little.
   */
  readonly truncated: { readonly low: number; readonly high: number }
}

/** ∫ of out-of-the-money prices over F e^(−k) dk beyond a log-moneyness, of a flat smile of deviation `s`; by Simpson's rule. */
function beyond(k: number, side: 1 | -1, s: number): number {
  const steps = 200
  const reach = 10 * s + 0.5 * s * s
  const at = (z: number) => Math.exp(-0.5 * z) * normalisedBlack(-Math.abs(z), s)
  let sum = at(k) + at(k + side * reach)
  for (let i = 1; i < steps; i++) sum += (i % 2 === 1 ? 4 : 2) * at(k + (side * reach * i) / steps)
  return (sum * reach) / (3 * steps)
}

/**
 * Variance of one expiry from listed strikes.
 *
 * Accuracy: beside what is truncated, the sum over strikes h apart is too large by up to (h/K₀)²/(6Tσ²) of the
 * variance: trapezoids cut the corner at the forward. With twenty strikes a deviation that is 4e-4.
 *
 * @throws {GimbalError} `argument-invalid` for strikes out of order or no forward; `fit-failed` with fewer than two strikes with a
 * price on either side of the forward.
 */
export function listedVariance({ strike, call, put, forward, years }: ListedStrip): ListedVariance {
  if (!(forward > 0 && years > 0 && Number.isFinite(forward) && Number.isFinite(years)))
    throw new GimbalError('argument-invalid', 'A strip needs forward and time', { forward, years })
  const priced: { strike: number; price: number }[] = []
  let centre = Number.NaN
  for (let i = 0; i < strike.length; i++) {
    if (!(strike[i]! > (i === 0 ? 0 : strike[i - 1]!)))
      throw new GimbalError('argument-invalid', 'Strikes of a strip must ascend from above 0', { strike: strike[i]! })
    if (strike[i]! <= forward && call[i]! > 0 && put[i]! > 0) centre = strike[i]!
  }
  for (let i = 0; i < strike.length; i++) {
    const at = strike[i]!
    const price = at < centre ? put[i]! : at > centre ? call[i]! : 0.5 * (call[i]! + put[i]!)
    if (price > 0 && price < Number.POSITIVE_INFINITY) priced.push({ strike: at, price })
  }
  const below = priced.findIndex((one) => one.strike === centre)
  if (below < 2 || priced.length - below < 3)
    throw new GimbalError('fit-failed', 'Too few strikes with a price around the forward', {
      forward,
      below: Math.max(0, below),
      above: Math.max(0, priced.length - below - 1),
    })
  let sum = 0
  priced.forEach((one, i) => {
    const left = priced[i - 1]?.strike ?? one.strike
    const right = priced[i + 1]?.strike ?? one.strike
    const width = i === 0 || i === priced.length - 1 ? right - left : 0.5 * (right - left)
    sum += (width / (one.strike * one.strike)) * one.price
  })
  const off = forward / centre - 1
  const ends = [priced[0]!, priced.at(-1)!] as const
  const [low, high] = ends.map((end, i) => {
    const side = i === 0 ? -1 : 1
    // The end strikes have a whole spacing in the sum, half of which lies beyond them.
    const inner = i === 0 ? priced[1]! : priced.at(-2)!
    const edge = end.strike + 0.5 * (end.strike - inner.strike)
    const s = deviationOf(side, forward, end.strike, end.price)
    return edge > 0 && s > 0 ? (2 * beyond(Math.log(edge / forward), side, s)) / years : 0
  }) as [number, number]
  return {
    variance: (2 * sum - off * off) / years,
    strikes: priced.length,
    lowest: ends[0].strike,
    highest: ends[1].strike,
    truncated: { low, high },
  }
}

function deviationOf(right: 1 | -1, forward: number, strike: number, price: number): number {
  return price < Math.min(forward, strike) ? impliedVolatility({ right, forward, strike, years: 1, price }) : Number.NaN
}

/** One of the two expiries of an index. */
export interface IndexExpiry extends ListedVariance {
  readonly expiryUs: number
  readonly forward: number
}

/** A volatility index and what it is made of. */
export interface VolatilityIndex {
  /** A fraction a year: 0.55 where a venue shows 55. */
  readonly volatility: number
  readonly near: IndexExpiry
  readonly next: IndexExpiry
  /** Volatility that the strikes not listed would add, by `truncated` of both. */
  readonly truncated: number
}

/**
 * The index of a snapshot of a chain, from the venue's mark volatilities (`markVolatility`) or, where there are none, its marks.
 *
 * @param days The term; 30 when absent.
 * @throws {GimbalError} `argument-invalid` when the snapshot has no marks; `fit-failed` when no expiry lies on one side of the
 * term, or a strip is too thin.
 */
export function listedVolatilityIndex(quotes: OptionQuotes, curve: ForwardCurve, days = 30): VolatilityIndex {
  if (!quotes.markVolatility && !quotes.mark)
    throw new GimbalError('argument-invalid', 'An index needs marks', { asset: quotes.asset })
  const term = quotes.timeUs + days * DAY_US
  let before = Number.NEGATIVE_INFINITY
  let after = Number.POSITIVE_INFINITY
  for (const expiry of quotes.expiryUs) {
    if (expiry > quotes.timeUs && expiry <= term) before = Math.max(before, expiry)
    if (expiry > term) after = Math.min(after, expiry)
  }
  if (!Number.isFinite(before) || !Number.isFinite(after))
    throw new GimbalError('fit-failed', 'An index needs expiries on both sides of its term', { days, before, after })
  const near = stripVariance(quotes, curve, before)
  const next = stripVariance(quotes, curve, after)
  const share = (term - before) / (after - before)
  const years = (expiryUs: number) => (expiryUs - quotes.timeUs) / YEAR_US
  const mixed = (of: (expiry: IndexExpiry) => number) =>
    ((1 - share) * years(before) * of(near) + share * years(after) * of(next)) / years(term)
  const variance = mixed((expiry) => expiry.variance)
  const whole = mixed((expiry) => expiry.variance + expiry.truncated.low + expiry.truncated.high)
  return { volatility: Math.sqrt(variance), near, next, truncated: Math.sqrt(whole) - Math.sqrt(variance) }
}

function stripVariance(quotes: OptionQuotes, curve: ForwardCurve, expiryUs: number): IndexExpiry {
  const forward = curve.at(expiryUs)
  const years = (expiryUs - quotes.timeUs) / YEAR_US
  const prices = new Map<number, { call: number; put: number }>()
  // What turns a mark into undiscounted quote.
  const unit = quotes.settlement === 'coin' ? forward : Math.exp((quotes.rate ?? 0) * years)
  for (let i = 0; i < quotes.right.length; i++) {
    if (quotes.expiryUs[i] !== expiryUs) continue
    const right = quotes.right[i]
    const strike = quotes.strike[i]!
    const volatility = quotes.markVolatility?.[i] ?? Number.NaN
    if ((right !== 1 && right !== -1) || !(strike > 0 && forward > 0)) continue
    const price =
      volatility > 0 && Number.isFinite(volatility)
        ? black76Price({ right, forward, strike, years, volatility })
        : (quotes.mark?.[i] ?? Number.NaN) * unit
    const both = prices.get(strike) ?? { call: Number.NaN, put: Number.NaN }
    if (right === 1) both.call = price
    else both.put = price
    prices.set(strike, both)
  }
  const strikes = [...prices.keys()].sort((a, b) => a - b)
  const strip = {
    strike: strikes,
    call: strikes.map((strike) => prices.get(strike)!.call),
    put: strikes.map((strike) => prices.get(strike)!.put),
    forward,
    years,
  }
  return { ...listedVariance(strip), expiryUs, forward }
}
