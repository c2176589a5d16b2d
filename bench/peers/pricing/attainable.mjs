/**
 * @file How far volatilities are from those the prices were made of, in units of what a price in doubles can tell.
 *
 * ∂ln σ/∂ln p = p/(σ vega). A rival that answers in log-moneyness rounds x = ln(F/K) too; all are given the same forward, strike and
 * price, so that is part of what it can do.
 */

import { black76 } from '../../../dist/pricing/black76.js'

/** Shares and quantiles over the rows whose price is a normal double. */
export function accuracyOf(options, found) {
  const errors = []
  let missing = 0
  let rows = 0
  for (let i = 0; i < found.length; i++) {
    const price = options.price[i]
    if (!(price > 1e-300)) continue
    rows++
    const terms = Object.fromEntries(
      ['right', 'forward', 'strike', 'years', 'volatility', 'rate'].map((k) => [k, options[k][i]]),
    )
    const { vega } = black76(terms)
    const attainable = 2 ** -52 * Math.max(1, price / (terms.volatility * vega))
    const error = Math.abs(found[i] / terms.volatility - 1)
    if (!Number.isFinite(error)) missing++
    else errors.push(error / attainable)
  }
  errors.sort((a, b) => a - b)
  const at = (share) => Number(errors[Math.min(errors.length - 1, Math.floor(share * errors.length))].toPrecision(3))
  const within = errors.filter((error) => error <= 8).length / rows
  return {
    rows,
    missing,
    within8Attainable: Number(within.toFixed(4)),
    medianAttainable: at(0.5),
    p99Attainable: at(0.99),
    maxAttainable: at(1),
  }
}
