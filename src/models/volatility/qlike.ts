/**
 * @file How wrong a forecast of variance was.
 *
 * QLIKE and the squared error rank forecasts as the true variance would although only a noisy measure of it is seen
 * (A. Patton, "Volatility forecast comparison using imperfect volatility proxies", J. Econometrics 160 (2011) 246); the log
 * error does not, and is here to look at. QLIKE depends on the ratio alone: quiet and wild days count alike.
 */

import { GimbalError } from '../../core/errors.ts'

/** Realised / forecast - ln(realised / forecast) - 1: 0 when right, infinite for a realised 0; NaN unless the forecast is positive. */
export function qlike(realised: number, forecast: number): number {
  if (!(forecast > 0) || !(realised >= 0)) return Number.NaN
  const ratio = realised / forecast
  return ratio - Math.log(ratio) - 1
}

/** (realised - forecast)², in squared units of variance. */
export function squaredError(realised: number, forecast: number): number {
  return (realised - forecast) ** 2
}

/** (ln realised - ln forecast)²; NaN unless both are positive. */
export function squaredLogError(realised: number, forecast: number): number {
  return realised > 0 && forecast > 0 ? (Math.log(realised) - Math.log(forecast)) ** 2 : Number.NaN
}

export type VarianceLoss = (realised: number, forecast: number) => number

/** Losses of a run of forecasts. */
export interface LossSummary {
  readonly mean: number
  /** Mean without the greatest share of losses: a few jumps from calm to storm can outweigh a year. */
  readonly trimmedMean: number
  /** Pairs with a finite loss, and pairs without one. */
  readonly count: number
  readonly left: number
}

/** Loss pair by pair; NaN where either is missing. */
export function losses(
  loss: VarianceLoss,
  realised: Float64Array,
  forecast: Float64Array,
  out = new Float64Array(realised.length),
): Float64Array {
  if (realised.length !== forecast.length)
    throw new GimbalError('argument-invalid', 'Forecasts and what came of them differ in number', {
      forecasts: forecast.length,
      realised: realised.length,
    })
  for (let i = 0; i < realised.length; i++) out[i] = loss(realised[i]!, forecast[i]!)
  return out
}

/**
 * Mean and trimmed mean of losses; those that are not finite are left out and counted.
 *
 * @param trim Share of the greatest losses the trimmed mean leaves out, rounded down to whole losses.
 */
export function summariseLosses(each: Float64Array, trim = 0.01): LossSummary {
  const finite = each.filter(Number.isFinite).sort()
  const kept = finite.length - Math.floor(trim * finite.length)
  let sum = 0
  let trimmed = 0
  for (let i = 0; i < finite.length; i++) {
    sum += finite[i]!
    if (i < kept) trimmed += finite[i]!
  }
  return {
    mean: sum / finite.length,
    trimmedMean: trimmed / kept,
    count: finite.length,
    left: each.length - finite.length,
  }
}
