/**
 * @file The units in which every sensitivity of gimbal is stated, from one position to the whole book.
 *
 * Everything is in dollars of the whole position (signed size included), per asset:
 *
 *   delta  base units: ∂V/∂S. Coins held as collateral have delta too.        theta  dollars a day of time passing
 *   gamma  base units per dollar: ∂²V/∂S²                                      rho    dollars per 0.01 of rate
 *   vega   dollars per 0.01 of volatility                                      vanna  base units of delta per 0.01 of volatility
 *   volga  dollars of vega per 0.01 of volatility                              charm  base units of delta a day
 *
 * Forwards move with spot at a constant ratio; volatility sticks to the strike.
 */

export interface Greeks {
  /** Dollars. */
  value: number
  delta: number
  gamma: number
  vega: number
  theta: number
  rho: number
  vanna: number
  volga: number
  charm: number
  /** Dollars a day received: funding, interest, pool fees. Not part of theta. */
  carry: number
}

/** All zero. */
export function noGreeks(): Greeks {
  return { value: 0, delta: 0, gamma: 0, vega: 0, theta: 0, rho: 0, vanna: 0, volga: 0, charm: 0, carry: 0 }
}

/** Sets all to zero; returns the same object. */
export function clearGreeks<T extends Greeks>(greeks: T): T {
  greeks.value = greeks.delta = greeks.gamma = greeks.vega = greeks.theta = 0
  greeks.rho = greeks.vanna = greeks.volga = greeks.charm = greeks.carry = 0
  return greeks
}

/** Adds `other`, times `factor`, to `sum`. */
export function addGreeks(sum: Greeks, other: Readonly<Greeks>, factor = 1): void {
  sum.value += factor * other.value
  sum.delta += factor * other.delta
  sum.gamma += factor * other.gamma
  sum.vega += factor * other.vega
  sum.theta += factor * other.theta
  sum.rho += factor * other.rho
  sum.vanna += factor * other.vanna
  sum.volga += factor * other.volga
  sum.charm += factor * other.charm
  sum.carry += factor * other.carry
}
