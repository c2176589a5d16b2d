/**
 * @file How far a hedge may be off before it is worth putting right.
 *
 * All of these answer one question for an exponential utility of absolute risk aversion a (per dollar): a deviation of x base
 * units costs (a/2) σ²S² x² dollars a year of risk, and trading it away costs c S dollars a unit and k dollars a time. Sizes
 * are those of the whole position: deltas in base units, gammas in base units per dollar.
 */

import { GimbalError } from '../../core/errors.ts'

/**
 * A band around the delta without costs: nothing is traded while the deviation is within `outer`, and beyond it the
 * deviation is brought back to `inner`. Both in base units, 0 <= inner <= outer.
 */
export interface HedgeBand {
  readonly inner: number
  readonly outer: number
}

/** What a band is reckoned from. */
export interface HedgeCosts {
  /** Cost of trading, a fraction of what is traded: half the spread and the fee. */
  readonly proportional: number
  /** Cost of one trade whatever its size, in dollars: gas. */
  readonly fixed: number
}

/**
 * Half-width of the asymptotic no-trade band for small proportional costs: (3 e^(−rτ) c S Γ² / 2a)^(1/3), in base units.
 *
 * @param cost Proportional cost, a fraction. @param price Dollars per base. @param gamma Base units per dollar, of the position.
 * @param riskAversion Absolute, per dollar. @param discount e^(−rτ), τ the time to expiry; 1 for coins.
 *
 * Source: A. E. Whalley and P. Wilmott, "An asymptotic analysis of an optimal hedging model for option pricing with
 * transaction costs", Mathematical Finance 7 (1997), 307-324, eq. 3.21.
 */
export function whalleyWilmottHalfWidth(
  cost: number,
  price: number,
  gamma: number,
  riskAversion: number,
  discount = 1,
): number {
  return Math.cbrt((1.5 * discount * cost * price * gamma * gamma) / riskAversion)
}

/**
 * The asymptotic band for proportional and fixed costs together. With v = Γ²/a the points A (back to) and B (traded at) solve
 *
 *   A B (A + B) = 3 c S v        (A + B) (B − A)³ = 12 k v
 *
 * which give A = B of {@link whalleyWilmottHalfWidth} without fixed cost, and A = 0, B = (12 k v)^(1/4) without proportional cost.
 * They follow from h'' = a(A² + AB + B² − 3x²)/(3Γ²), the inner equation of the problem, with h'(A) = h'(B) = c S and
 * h(B) − h(A) = k + c S (B − A).
 *
 * Source: A. E. Whalley and P. Wilmott, "Optimal hedging of options with small but arbitrary transaction cost structure",
 * European J. of Applied Mathematics 10 (1999), 117-139.
 */
export function gammaBand(costs: HedgeCosts, price: number, gamma: number, riskAversion: number): HedgeBand {
  requireSound(costs, price, riskAversion)
  const v = (gamma * gamma) / riskAversion
  const p = 3 * costs.proportional * price * v
  const q = 12 * costs.fixed * v
  if (q === 0) {
    const half = Math.cbrt(p / 2)
    return { inner: half, outer: half }
  }
  if (p === 0) return { inner: 0, outer: q ** 0.25 }
  // With m the middle of A and B and d half their distance: 2m(m² − d²) = p and 16 m d³ = q. The left side rises in m.
  const distance = (m: number) => Math.cbrt(q / (16 * m))
  const excess = (m: number) => 2 * m * (m * m - distance(m) ** 2) - p
  let low = (q / 16) ** 0.25 // There m = d, and A = 0.
  let high = Math.max(2 * low, 2 * Math.cbrt(p))
  while (excess(high) < 0) high *= 2
  for (let i = 0; i < 200 && high - low > 1e-15 * high; i++) {
    const middle = 0.5 * (low + high)
    if (excess(middle) < 0) low = middle
    else high = middle
  }
  const m = 0.5 * (low + high)
  const d = distance(m)
  return { inner: Math.max(0, m - d), outer: m + d }
}

/**
 * The band where gamma matters little: a deviation held to the horizon risks (a/2) σ²S² τ x², so the part of it beyond
 * inner = c / (a S σ² τ) costs more than its trade, and the trade pays its fixed cost beyond outer = inner + √(2k / (a σ²S²τ)).
 * The first is the term by which Zakamouline widens the gamma band, which closes where gamma vanishes although trading there
 * still costs (V. Zakamouline, "European option pricing and hedging with both fixed and proportional transaction costs",
 * J. of Economic Dynamics and Control 30 (2006), 1-25).
 *
 * @param volatility A year, a fraction. @param years The time for which the deviation would be held.
 */
export function holdingBand(
  costs: HedgeCosts,
  price: number,
  volatility: number,
  years: number,
  riskAversion: number,
): HedgeBand {
  requireSound(costs, price, riskAversion)
  const risk = riskAversion * (volatility * price) ** 2 * years
  if (!(risk > 0))
    throw new GimbalError('argument-invalid', 'A deviation without risk is never worth trading', { volatility, years })
  const inner = (costs.proportional * price) / risk
  return { inner, outer: inner + Math.sqrt((2 * costs.fixed) / risk) }
}

/** The wider of two bands at either point. */
export function widerBand(a: HedgeBand, b: HedgeBand): HedgeBand {
  return { inner: Math.max(a.inner, b.inner), outer: Math.max(a.outer, b.outer) }
}

/** What to trade, in base units, when the position's delta is `deviation` away from where it should be; 0 within the band. */
export function bandTrade(deviation: number, band: HedgeBand): number {
  const size = Math.abs(deviation)
  return size > band.outer ? -Math.sign(deviation) * (size - band.inner) : 0
}

/**
 * Volatility at which an option hedged at fixed intervals breaks even with its costs: σ √(1 ± √(8/π) c / (σ √δt)), a year.
 * 0 where a buyer's costs eat all of it.
 *
 * @param side −1 for who sold the option and must earn the costs, +1 for who bought it.
 * @param cost One way, a fraction. @param intervalYears Time between two trades of the hedge.
 *
 * Source: H. E. Leland, "Option pricing and replication with transactions costs", J. of Finance 40 (1985), 1283-1301; the
 * buyer's sign after T. Hoggard, A. E. Whalley and P. Wilmott, Advances in Futures and Options Research 7 (1994), 21-35.
 */
export function lelandVolatility(volatility: number, cost: number, intervalYears: number, side: 1 | -1): number {
  const number = (Math.sqrt(8 / Math.PI) * cost) / (volatility * Math.sqrt(intervalYears))
  return volatility * Math.sqrt(Math.max(0, 1 - side * number))
}

function requireSound(costs: HedgeCosts, price: number, riskAversion: number): void {
  if (costs.proportional >= 0 && costs.fixed >= 0 && price > 0 && riskAversion > 0) return
  throw new GimbalError(
    'argument-invalid',
    'A hedge band needs costs of at least 0, a price and a risk aversion above 0',
    {
      proportional: costs.proportional,
      fixed: costs.fixed,
      price,
      riskAversion,
    },
  )
}
