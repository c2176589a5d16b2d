/**
 * @file The price at which leveraged value investors and noise traders clear, with margin limits: how leverage makes fat tails.
 *
 * Source: S. Thurner, J. D. Farmer, J. Geanakoplos, "Leverage causes fat tails and clustered volatility", Quantitative Finance 12
 * (2012). Each fund holds min(β m, λ_max) W / p of the asset, m = max(V − p, 0); noise traders hold ξ / p; N are outstanding.
 */

import { GimbalError } from '../../core/errors.ts'

export interface LeverageMarket {
  /** Wealth of each fund in money; a fund at or below 0 is bankrupt and holds nothing. */
  readonly wealth: readonly number[]
  /** Aggression β of each fund: leverage taken per unit of mispricing. Above 0. */
  readonly aggression: readonly number[]
  /** Most leverage allowed. */
  readonly leverageMax: number
  /** Money noise traders hold. */
  readonly noiseDemand: number
  /** Units outstanding, and what one is worth. */
  readonly supply: number
  readonly value: number
}

/**
 * The clearing price: supply × p = noise + Σ min(β m, λ) W, whose two sides cross once because the left rises in p and the right
 * does not. Both are straight between the prices at which a fund meets its limit, so the answer is exact up to rounding.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function clearingPrice(market: LeverageMarket): number {
  const { wealth, aggression, leverageMax, noiseDemand, supply, value } = market
  if (
    wealth.length !== aggression.length ||
    !aggression.every((beta) => beta > 0) ||
    !(leverageMax >= 0 && noiseDemand >= 0 && supply > 0 && value > 0) ||
    !wealth.every(Number.isFinite)
  )
    throw new GimbalError('argument-invalid', 'Not a market of leveraged funds', {
      funds: wealth.length,
      leverageMax,
      noiseDemand,
      supply,
      value,
    })
  const excess = (price: number) => {
    let demand = noiseDemand
    const mispricing = Math.max(value - price, 0)
    for (const [i, beta] of aggression.entries())
      demand += Math.min(beta * mispricing, leverageMax) * Math.max(0, wealth[i]!)
    return supply * price - demand
  }
  const kinks = [0, ...aggression.map((beta) => Math.max(0, value - leverageMax / beta)), value].sort((a, b) => a - b)
  let low = 0
  let excessLow = excess(0)
  for (const kink of kinks) {
    const found = excess(kink)
    if (found >= 0) return found === excessLow ? kink : low - (excessLow * (kink - low)) / (found - excessLow)
    low = kink
    excessLow = found
  }
  // Above its value no fund holds any.
  return noiseDemand / supply
}
