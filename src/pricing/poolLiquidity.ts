/**
 * @file Liquidity in a range of a Uniswap v3 pool as a derivative: worth, Greeks, what it loses to arbitrage and what fees say of
 * volatility.
 *
 * In its range, liquidity L is worth V = L(2√P − P/√b − √a), concave in the price: whoever provides it has sold convexity, and
 * loses ½σ²P²|Γ| = Lσ²√P/4 a year to those who trade against it at prices better than the pool's (loss-versus-rebalancing). Fees
 * are the premium: they pay for a volatility of σ when a year of them, γ × volume × L/L_pool, is just that,
 *
 *     σ = 2√(γ × volume/(L_pool √P)) = 2γ√(volume/tickLiquidity),
 *
 * the second form where the spacing of the ticks is twice the fee and tickLiquidity is what lies in one of them.
 *
 * Sources: H. Adams et al., "Uniswap v3 core" (2021), section 6; J. Milionis, C. Moallemi, T. Roughgarden, A. L. Zhang, "Automated
 * market making and loss-versus-rebalancing", arXiv 2208.06046; J. Milionis, C. Moallemi, T. Roughgarden, "Automated market making
 * and arbitrage profits in the presence of fees", arXiv 2305.14604; G. Lambert, "On-chain volatility and Uniswap v3" (2021).
 */

import { normalCdf } from '../core/errorFunction.ts'
import { GimbalError } from '../core/errors.ts'

/** Liquidity between two prices. */
export interface PoolRange {
  /** L in √(base × quote), human units of both tokens. Negative where it is owed. */
  readonly liquidity: number
  /** Quote per base; 0 for no lower end. */
  readonly lower: number
  /** Above `lower`; Infinity for no upper end. */
  readonly upper: number
}

/** Worth and Greeks of liquidity in quote, fees apart. */
export interface PoolGreeks {
  readonly value: number
  /** Base held: ∂V/∂P. */
  readonly base: number
  /** Quote held. */
  readonly quote: number
  /** ∂²V/∂P², at most 0 for liquidity provided. 0 outside of the range and at its ends. */
  readonly gamma: number
  /** ∂³V/∂P³. */
  readonly speed: number
}

/** @throws {GimbalError} `argument-invalid`. */
function requireRange({ liquidity, lower, upper }: PoolRange, price: number): void {
  if (
    !(
      [liquidity, lower, price].every(Number.isFinite) &&
      typeof upper === 'number' &&
      lower >= 0 &&
      upper > lower &&
      price > 0
    )
  )
    throw new GimbalError('argument-invalid', 'Liquidity needs a range (0 <= lower < upper) and a price above 0', {
      liquidity,
      lower,
      upper,
      price,
    })
}

/** @throws {GimbalError} `argument-invalid` unless σ is a number, at least 0. */
function requireVolatility(volatility: number): void {
  if (!(Number.isFinite(volatility) && volatility >= 0))
    throw new GimbalError('argument-invalid', 'Volatility must be at least 0', { volatility })
}

/**
 * Worth and Greeks of liquidity at a price (quote per base). Amounts are those of Uniswap v3's whitepaper, eq. 6.29 and 6.30.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function poolGreeks(range: PoolRange, price: number): PoolGreeks {
  requireRange(range, price)
  const { liquidity, lower, upper } = range
  const root = Math.sqrt(Math.min(Math.max(price, lower), upper))
  const base = liquidity * (1 / root - 1 / Math.sqrt(upper))
  const quote = liquidity * (root - Math.sqrt(lower))
  const inside = price > lower && price < upper
  const gamma = inside ? -liquidity / (2 * price * Math.sqrt(price)) : 0
  return { value: base * price + quote, base, quote, gamma, speed: inside ? (-1.5 * gamma) / price : 0 }
}

/**
 * What liquidity loses to arbitrage, quote a year: Lσ²√P/4 in range (Milionis et al., section 4), 0 outside.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function lossVersusRebalancing(range: PoolRange, price: number, volatility: number): number {
  requireVolatility(volatility)
  const { gamma } = poolGreeks(range, price)
  return gamma === 0 ? 0 : -0.5 * gamma * (volatility * price) ** 2
}

/**
 * Share of the loss that is left to arbitrageurs when the pool has a fee and blocks come in a Poisson stream:
 * 1/(1 + √(2λ) γ/σ), the chance that a block has a trade in it (arXiv 2305.14604, theorem 2). The rest is paid back as fees.
 *
 * @param feeLog γ, the fee as ln(1/(1 − fee)), about the fee itself.
 * @param blocksPerYear λ.
 */
export function arbitrageShare(feeLog: number, blocksPerYear: number, volatility: number): number {
  if (
    !([feeLog, blocksPerYear, volatility].every(Number.isFinite) && feeLog >= 0 && blocksPerYear > 0 && volatility > 0)
  )
    throw new GimbalError('argument-invalid', 'Fee, blocks and volatility must not be negative', {
      feeLog,
      blocksPerYear,
      volatility,
    })
  return 1 / (1 + (Math.sqrt(2 * blocksPerYear) * feeLog) / volatility)
}

/**
 * Worth liquidity is expected to have after a time, if the price is a martingale of constant volatility. Its distance to the worth
 * now is what arbitrage is expected to take until then.
 *
 * The parts in, below and above the range are means of P, √P and 1 over pieces of the log-normal law.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function expectedPoolValue(range: PoolRange, price: number, volatility: number, years: number): number {
  requireVolatility(volatility)
  if (!(years >= 0 && Number.isFinite(years)))
    throw new GimbalError('argument-invalid', 'Time must not be negative', { years })
  const now = poolGreeks(range, price)
  const s = volatility * Math.sqrt(years)
  if (s === 0) return now.value
  const { liquidity, lower, upper } = range
  // Chance of ending below a price when moments of order m weigh the law: N((ln(x/P) + s²/2)/s − m s).
  const below = (x: number, m: number) =>
    x === 0 ? 0 : x === Number.POSITIVE_INFINITY ? 1 : normalCdf((Math.log(x / price) + 0.5 * s * s) / s - m * s)
  const inside = (m: number) => below(upper, m) - below(lower, m)
  const rootUpper = Math.sqrt(upper)
  const rootLower = Math.sqrt(lower)
  const roots = Math.sqrt(price) * Math.exp(-0.125 * s * s) * inside(0.5)
  let sum = 2 * roots - rootLower * inside(0) - (price / rootUpper) * inside(1)
  if (lower > 0) sum += (1 / rootLower - 1 / rootUpper) * price * below(lower, 1)
  if (upper < Number.POSITIVE_INFINITY) sum += (rootUpper - rootLower) * (1 - below(upper, 0))
  return liquidity * sum
}

/** A pool's trading, as fees see it. */
export interface PoolTrading {
  /** The pool's fee, a fraction of what is traded: 0.003. */
  readonly fee: number
  /** Quote traded a year (of 365 days) while the price is where it is. */
  readonly volumePerYear: number
  /** L that is active at the price, all providers together. */
  readonly poolLiquidity: number
}

/** @throws {GimbalError} `argument-invalid`. */
function requireTrading({ fee, volumePerYear, poolLiquidity }: PoolTrading): void {
  const finite = [fee, volumePerYear, poolLiquidity].every(Number.isFinite)
  if (!(finite && fee >= 0 && fee < 1 && volumePerYear >= 0 && poolLiquidity > 0))
    throw new GimbalError('argument-invalid', 'Fees need a fee below 1, a volume and liquidity above 0', {
      fee,
      volumePerYear,
      poolLiquidity,
    })
}

/** Fees liquidity earns at a price, quote a year: its share of the active liquidity, in range; 0 outside. */
export function poolFees(range: PoolRange, price: number, trading: PoolTrading): number {
  requireRange(range, price)
  requireTrading(trading)
  if (!(price > range.lower && price < range.upper)) return 0
  return (trading.fee * trading.volumePerYear * range.liquidity) / trading.poolLiquidity
}

/**
 * Volatility that a pool's fees pay for: at which a year of them is the loss-versus-rebalancing of the same liquidity.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function feeImpliedVolatility(trading: PoolTrading, price: number): number {
  requireTrading(trading)
  requireRange({ liquidity: 1, lower: 0, upper: Number.POSITIVE_INFINITY }, price)
  return 2 * Math.sqrt((trading.fee * trading.volumePerYear) / (trading.poolLiquidity * Math.sqrt(price)))
}

/**
 * The same in Lambert's form, 2 fee √(volume/tickLiquidity), for pools whose spacing of ticks is twice their fee (60 of 0.01 % for
 * 0.3 %, 10 for 0.05 %, 200 for 1 %).
 *
 * @param volumePerYear Quote traded a year. Lambert's figures are a day's, times √365.
 * @param tickLiquidity Quote worth of all liquidity within one spacing of ticks, at the price.
 */
export function lambertVolatility(fee: number, volumePerYear: number, tickLiquidity: number): number {
  requireTrading({ fee, volumePerYear, poolLiquidity: tickLiquidity })
  return 2 * fee * Math.sqrt(volumePerYear / tickLiquidity)
}
