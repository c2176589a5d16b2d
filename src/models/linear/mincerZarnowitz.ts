/**
 * @file Whether forecasts are right on average and move as much as what they forecast: regress the one on the other.
 *
 * Source: J. Mincer, V. Zarnowitz, "The evaluation of economic forecasts" (1969): realised = intercept + slope × forecast +
 * error; an unbiased, efficient forecast has intercept 0 and slope 1.
 */

import { GimbalError } from '../../core/errors.ts'
import { leastSquares } from './leastSquares.ts'

export interface MincerZarnowitz {
  readonly intercept: number
  readonly slope: number
  readonly r2: number
  /** Newey-West standard errors. */
  readonly interceptError: number
  readonly slopeError: number
  /** Wald statistic of intercept 0 and slope 1 together, and the chance of a greater one were they true (chi-squared, 2). */
  readonly wald: number
  readonly pValue: number
  /** Pairs used, and pairs left out because one of the two was missing (under `logs`: not positive). */
  readonly pairs: number
  readonly left: number
}

/**
 * @param logs Regresses the logs of both: for variances, where a few large days would decide everything.
 * @param hacLags Lags of the standard errors; at least the horizon less one where forecasts overlap.
 * @throws {GimbalError} `argument-invalid` when lengths differ; `table-invalid` with fewer than three pairs or forecasts that
 *   never change.
 */
export function mincerZarnowitz(
  forecast: Float64Array,
  realised: Float64Array,
  options: { readonly logs?: boolean; readonly hacLags?: number } = {},
): MincerZarnowitz {
  const { logs = false, hacLags = 0 } = options
  if (forecast.length !== realised.length)
    throw new GimbalError('argument-invalid', 'Forecasts and what came of them differ in number', {
      forecasts: forecast.length,
      realised: realised.length,
    })
  // A pair left out keeps its place as a missing figure, so that lags stay lags in time.
  const taken = (value: number) => (logs ? (value > 0 ? Math.log(value) : Number.NaN) : value)
  const column = forecast.map(taken)
  const label = realised.map(taken)
  for (let i = 0; i < label.length; i++) {
    if (Number.isFinite(label[i]!) && Number.isFinite(column[i]!)) continue
    column[i] = Number.NaN
    label[i] = 0
  }
  const fit = leastSquares(
    { table: { rows: label.length, names: ['forecast'], columns: [column] }, label },
    { missing: 'drop', hacLags },
  )
  const { intercept, coefficients } = fit.model.parameters
  const slope = coefficients[0]!
  const [a, b, , d] = fit.hacCovariance as unknown as [number, number, number, number]
  const determinant = a * d - b * b
  const wald = (d * intercept * intercept - 2 * b * intercept * (slope - 1) + a * (slope - 1) ** 2) / determinant
  return {
    intercept,
    slope,
    r2: fit.r2,
    interceptError: fit.hacStandardErrors![0]!,
    slopeError: fit.hacStandardErrors![1]!,
    wald,
    pValue: Math.exp(-wald / 2),
    pairs: fit.rows,
    left: fit.dropped,
  }
}
