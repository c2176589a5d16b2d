/**
 * @file What every forecaster of variance has in common, so that research can run them side by side.
 *
 * Time is in steps: a step is whatever the series was sampled at (a day, an hour, five minutes). A forecast made at step t
 * knows figures up to and including step t and says how much variance the next `horizon` steps will have together.
 */

import { GimbalError } from '../../core/errors.ts'

/** One market in equal steps, oldest first. NaN is missing. All arrays have the same length. */
export interface VarianceSeries {
  /** Log return of each step. */
  readonly returns: Float64Array
  /** Realised variance of each step: the sum of squared finer returns, or the squared return where there are none. */
  readonly variance: Float64Array
  /** Realised quarticity of each step, (M / 3) Σ r⁴ over its M finer returns; only HARQ asks for it. */
  readonly quarticity?: Float64Array
}

/** Fits and forecasts. `Fit` is plain data. */
export interface SeriesForecaster<Fit = unknown> {
  /** `har`, `garch`, …: how reports call it. */
  readonly name: string
  /** Fewest steps {@link fit} can learn from at a horizon. */
  stepsMin(horizon: number): number
  /**
   * Learns from steps [start, end) and from nothing else: a label that would reach to `end` or beyond is not used.
   *
   * @throws {GimbalError} `fit-failed`, `table-invalid`, `config-invalid`.
   */
  fit(series: VarianceSeries, start: number, end: number, horizon: number): Fit
  /**
   * Forecasts made at steps [from, to): out[i] is the variance of steps (from + i, from + i + horizon] together, from figures
   * of steps up to from + i. NaN where they do not suffice; else positive.
   */
  forecast(fit: Fit, series: VarianceSeries, from: number, to: number, horizon: number, out: Float64Array): void
}

/** When a forecaster is fitted anew, and on what. */
export interface Retraining {
  /** First step a forecast is made at. */
  readonly first: number
  /** Steps of the sliding window of training; 0 learns from everything since the first step. */
  readonly window: number
  /** Steps between fits. */
  readonly every: number
}

/**
 * Forecasts as they would have been made at the time: at step t by a fit to steps up to t that is at most `every` steps old.
 *
 * @returns One a step of the series: the variance of the next `horizon` steps together; NaN before `first`.
 * @throws {GimbalError} `argument-invalid` when nothing could have been learnt before `first`; what `fit` throws.
 */
export function walkForward<Fit>(
  forecaster: SeriesForecaster<Fit>,
  series: VarianceSeries,
  horizon: number,
  { first, window, every }: Retraining,
): Float64Array {
  const steps = series.variance.length
  const least = forecaster.stepsMin(horizon)
  if (first + 1 < least || (window > 0 && window < least) || !(every >= 1) || !(horizon >= 1))
    throw new GimbalError('argument-invalid', `Too little to learn from for ${forecaster.name}`, {
      first,
      window,
      every,
      horizon,
      stepsMin: least,
    })
  const out = new Float64Array(steps).fill(Number.NaN)
  for (let from = first; from < steps; from += every) {
    const start = window > 0 ? Math.max(0, from + 1 - window) : 0
    const to = Math.min(steps, from + every)
    const fit = forecaster.fit(series, start, from + 1, horizon)
    forecaster.forecast(fit, series, from, to, horizon, out.subarray(from, to))
  }
  return out
}

/** Variance that came after each step: of steps (t, t + horizon] together; NaN where one is missing or not yet known. */
export function followingVariance(variance: Float64Array, horizon: number): Float64Array {
  const out = new Float64Array(variance.length).fill(Number.NaN)
  for (let t = 0; t + horizon < variance.length; t++) {
    let sum = 0
    for (let k = 1; k <= horizon; k++) sum += variance[t + k]!
    out[t] = sum
  }
  return out
}
