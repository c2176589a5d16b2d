/**
 * @file What one market's bad day means for the system, and the system's for one market: CoVaR and marginal expected shortfall.
 *
 * Sources: T. Adrian, M. Brunnermeier, "CoVaR", American Economic Review 106 (2016); V. Acharya, L. Pedersen, T. Philippon,
 * M. Richardson, "Measuring systemic risk", Review of Financial Studies 30 (2017). Here figures are returns: bad ones are negative.
 */

import { GimbalError } from '../../core/errors.ts'
import { type AssetReturns, requireReturns } from './absorption.ts'
import { quantileRegression } from './quantileRegression.ts'

/**
 * Quantile by linear interpolation between order statistics (type 7 of R. Hyndman, Y. Fan 1996).
 *
 * @throws {GimbalError} `argument-invalid` for no values, one that is not finite, a q outside 0 to 1.
 */
export function interpolatedQuantile(values: Float64Array, q: number): number {
  if (values.length === 0 || !values.every(Number.isFinite) || !(q >= 0 && q <= 1))
    throw new GimbalError('argument-invalid', 'A quantile is one of finite numbers', { values: values.length, q })
  const sorted = values.slice().sort()
  const at = q * (sorted.length - 1)
  const below = Math.floor(at)
  const above = Math.min(below + 1, sorted.length - 1)
  return sorted[below]! + (at - below) * (sorted[above]! - sorted[below]!)
}

/** Mean return of all assets at each step: a system of equal parts. */
export function systemReturns(returns: AssetReturns): Float64Array {
  const { assets, steps } = requireReturns(returns)
  const out = new Float64Array(steps)
  for (const row of returns) for (let t = 0; t < steps; t++) out[t]! += row[t]! / assets
  return out
}

export interface CoVar {
  /** The asset's own quantile. */
  readonly valueAtRisk: number
  /** The system's quantile when the asset is at its own. */
  readonly coVar: number
  /** What the asset's going from its median to its quantile does to the system's. */
  readonly deltaCoVar: number
  readonly intercept: number
  readonly slope: number
  readonly loss: number
}

/** @param q Share of the worst steps: 0.05. @throws {GimbalError} `argument-invalid`. */
export function coVar(asset: Float64Array, system: Float64Array, q: number): CoVar {
  const { intercept, slope, loss } = quantileRegression(asset, system, q)
  const valueAtRisk = interpolatedQuantile(asset, q)
  return {
    valueAtRisk,
    coVar: intercept + slope * valueAtRisk,
    deltaCoVar: slope * (valueAtRisk - interpolatedQuantile(asset, 0.5)),
    intercept,
    slope,
    loss,
  }
}

/** Mean return of the asset over the steps in which the system was at or below its quantile. @throws {GimbalError} `argument-invalid`. */
export function marginalExpectedShortfall(asset: Float64Array, system: Float64Array, q: number): number {
  if (asset.length !== system.length || asset.length === 0 || !(q > 0 && q < 1) || !asset.every(Number.isFinite))
    throw new GimbalError('argument-invalid', 'Asset and system need the same steps, and finite returns in each', {
      asset: asset.length,
      system: system.length,
      q,
    })
  const edge = interpolatedQuantile(system, q)
  let sum = 0
  let count = 0
  for (let t = 0; t < asset.length; t++) {
    if (!(system[t]! <= edge)) continue
    sum += asset[t]!
    count++
  }
  return sum / count
}
