/**
 * @file How much of everything is one thing: the absorption ratio, and how unusual a day's moves were: turbulence.
 *
 * Sources: M. Kritzman, Y. Li, S. Page, R. Rigobon, "Principal components as a measure of systemic risk", J. Portfolio Management 37
 * (2011); M. Kritzman, Y. Li, "Skulls, financial turbulence, and risk management", Financial Analysts Journal 66 (2010).
 */

import { GimbalError } from '../../core/errors.ts'
import { symmetricEigen } from './symmetricEigen.ts'

/** Returns of several assets: one array an asset, the same steps in each. // [assets][steps] */
export type AssetReturns = readonly Float64Array[]

/** @throws {GimbalError} `argument-invalid` for unequal lengths, fewer than two steps, a figure that is not finite. */
export function requireReturns(returns: AssetReturns): { readonly assets: number; readonly steps: number } {
  const steps = returns[0]?.length ?? 0
  if (returns.length < 1 || steps < 2 || returns.some((row) => row.length !== steps || !row.every(Number.isFinite)))
    throw new GimbalError('argument-invalid', 'Returns of assets are arrays of equal length of finite numbers', {
      assets: returns.length,
      steps,
    })
  return { assets: returns.length, steps }
}

/** Sample covariance, denominator steps − 1. // [assets × assets] */
export function covariance(returns: AssetReturns): Float64Array {
  const { assets, steps } = requireReturns(returns)
  const centred = returns.map((row) => {
    const mean = row.reduce((sum, each) => sum + each, 0) / steps
    return row.map((each) => each - mean)
  })
  const out = new Float64Array(assets * assets)
  for (let i = 0; i < assets; i++) {
    for (let j = i; j < assets; j++) {
      let sum = 0
      for (let t = 0; t < steps; t++) sum += centred[i]![t]! * centred[j]![t]!
      out[i * assets + j] = out[j * assets + i] = sum / (steps - 1)
    }
  }
  return out
}

/**
 * Share of the total variance in the first `components` principal components, 0 to 1. With n assets alike in variance it is
 * components / n when they go their own ways and 1 when they go one way, so it is read against n and against its own past.
 *
 * @param components Kritzman et al. take a fifth of the number of assets.
 * @throws {GimbalError} `argument-invalid`, also where nothing moves.
 */
export function absorptionRatio(returns: AssetReturns, components: number): number {
  return absorptionOf(covariance(returns), components)
}

/** As {@link absorptionRatio}, of a covariance matrix. */
export function absorptionOf(matrix: Float64Array, components: number): number {
  const { values } = symmetricEigen(matrix)
  let total = 0
  let first = 0
  for (const [k, value] of values.entries()) {
    total += value
    if (k < components) first += value
  }
  if (!(total > 0) || !(Number.isSafeInteger(components) && components >= 1 && components <= values.length))
    throw new GimbalError(
      'argument-invalid',
      'An absorption ratio needs assets that move, and some of their components',
      {
        components,
        assets: values.length,
        total,
      },
    )
  // What is left over may come out below 0 by rounding.
  return Math.min(1, first / total)
}

/**
 * Turbulence of each step: (r − mean)ᵀ Σ⁻¹ (r − mean). About the number of assets on an ordinary day.
 *
 * Mean and covariance are those of `reference`, the same returns when absent: then each step knows the future, which suits history
 * and no decision.
 *
 * @throws {GimbalError} `argument-invalid`, also where assets move in lockstep and the covariance has no inverse.
 */
export function turbulence(returns: AssetReturns, reference: AssetReturns = returns): Float64Array {
  const { assets, steps } = requireReturns(returns)
  if (reference.length !== assets)
    throw new GimbalError('argument-invalid', 'Turbulence compares the same assets', { assets, with: reference.length })
  const { values, vectors } = symmetricEigen(covariance(reference))
  if (!(values[assets - 1]! > 1e-14 * values[0]!))
    throw new GimbalError('argument-invalid', 'Assets in lockstep have no turbulence', {
      least: values[assets - 1]!,
      most: values[0]!,
    })
  const means = reference.map((row) => row.reduce((sum, each) => sum + each, 0) / row.length)
  const out = new Float64Array(steps)
  for (let t = 0; t < steps; t++) {
    let distance = 0
    for (let k = 0; k < assets; k++) {
      let along = 0
      for (let i = 0; i < assets; i++) along += vectors[k * assets + i]! * (returns[i]![t]! - means[i]!)
      distance += (along * along) / values[k]!
    }
    out[t] = distance
  }
  return out
}
