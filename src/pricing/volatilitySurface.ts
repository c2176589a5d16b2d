/** @file What a surface of implied volatility promises, however it was made. */

/**
 * Implied volatility of the options of one asset, over expiry and strike, at one moment.
 *
 * Years are of 365 days from `timeUs` to the expiry; volatility is Black-76 on the forward of that expiry, a fraction a year. Every
 * option of a batch asks, so nothing throws: what is no number, or no strike above 0, is answered with NaN, and who prices a
 * single option refuses it by name.
 */
export interface VolatilitySurface {
  readonly asset: string
  /** The moment it describes. */
  readonly timeUs: number
  /** Expiries that were fitted, in microseconds, ascending. */
  readonly expiriesUs: readonly number[]
  /** Forward price, quote per base. NaN at or before `timeUs`. */
  forward(expiryUs: number): number
  /** Total variance σ²T at log-moneyness ln(K/F). Between expiries linear in T at constant log-moneyness. */
  totalVariance(expiryUs: number, logMoneyness: number): number
  /** √(totalVariance / T) at a strike, quote per base. NaN at or before `timeUs`. */
  volatility(expiryUs: number, strike: number): number
}
