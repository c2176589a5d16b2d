/**
 * @file Whether one forecast lost less than another, by more than chance.
 *
 * Forecasts over h steps made at every step have errors that overlap: their loss differences hang together over h − 1 steps,
 * and the variance of their mean has to say so.
 *
 * Sources: F. Diebold, R. Mariano, "Comparing predictive accuracy", J. Business & Economic Statistics 13 (1995). D. Harvey,
 * S. Leybourne, P. Newbold, "Testing the equality of prediction mean squared errors", Int. J. Forecasting 13 (1997): the
 * correction for few rows, and Student's t.
 */

import { GimbalError } from '../core/errors.ts'
import { automaticBlockMean, blockShortfall, fewBlocks, requireSeries, resampledMeans } from './stationaryBootstrap.ts'
import { studentCdf } from './studentT.ts'

/** How two forecasts compare. */
export interface ForecastComparison {
  readonly count: number
  /** Mean of loss − rival loss: below 0, the first forecast lost less. */
  readonly meanDifference: number
  /** Of that mean, corrected for few rows. */
  readonly standardError: number
  /** Mean over standard error; below 0, the first forecast is better. 0 for equal losses. */
  readonly t: number
  /** Two-sided, by Student's t with count − 1 degrees of freedom; 1 for equal losses. */
  readonly p: number
  /** Probability of a t this low or lower if neither were better. */
  readonly pBetter: number
  /**
   * Weights of the h − 1 autocovariances: `equal`, as Diebold and Mariano have it; `falling` (Bartlett's, never negative) where
   * the equal ones gave a variance that is not positive, which happens with long horizons and few rows.
   */
  readonly weights: 'equal' | 'falling'
}

/**
 * Compares the losses of two forecasts of the same things.
 *
 * @param horizon Steps between rows that a forecast reaches ahead, at least 1: for 1 h ahead every 5 minutes, 12.
 * @throws {GimbalError} `argument-invalid`: lengths that differ, a loss that is no number, not more rows than 2 × horizon.
 *
 * Accuracy: 1e-12 against the formulas evaluated term by term (test "Diebold-Mariano").
 */
export function dieboldMariano(loss: Float64Array, rivalLoss: Float64Array, horizon: number): ForecastComparison {
  const count = requireSeries([loss, rivalLoss])
  if (!Number.isSafeInteger(horizon) || horizon < 1 || count <= 2 * horizon)
    throw new GimbalError('argument-invalid', 'Too few rows to compare forecasts of this horizon', { count, horizon })
  const differences = loss.map((value, row) => value - rivalLoss[row]!)
  const meanDifference = differences.reduce((sum, value) => sum + value, 0) / count
  let weights: ForecastComparison['weights'] = 'equal'
  let variance = meanVariance(differences, meanDifference, horizon, () => 1)
  if (!(variance > 0)) {
    weights = 'falling'
    variance = meanVariance(differences, meanDifference, horizon, (lag) => 1 - lag / horizon)
  }
  const correction = Math.sqrt((count + 1 - 2 * horizon + (horizon * (horizon - 1)) / count) / count)
  const standardError = Math.sqrt(Math.max(0, variance)) / correction
  const t = meanDifference === 0 ? 0 : meanDifference / standardError
  const pBetter = meanDifference === 0 ? 0.5 : studentCdf(t, count - 1)
  const p = 2 * studentCdf(-Math.abs(t), count - 1)
  return { count, meanDifference, standardError, t, p: meanDifference === 0 ? 1 : p, pBetter, weights }
}

/** Variance of the mean from autocovariances below the horizon. */
function meanVariance(
  differences: Float64Array,
  mean: number,
  horizon: number,
  weight: (lag: number) => number,
): number {
  const count = differences.length
  let variance = 0
  for (let lag = 0; lag < horizon; lag++) {
    let sum = 0
    for (let row = lag; row < count; row++) sum += (differences[row]! - mean) * (differences[row - lag]! - mean)
    variance += (lag === 0 ? 1 : 2 * weight(lag)) * (sum / count)
  }
  return variance / count
}

/** A mean and between which bounds it lies. */
export interface MeanInterval {
  readonly mean: number
  readonly low: number
  readonly high: number
  readonly blockMean: number
}

export interface IntervalSettings {
  /** Share of the intervals that hold the true mean; 0.95 unless told. */
  readonly confidence?: number
  /** 2,000 unless told. */
  readonly resamples?: number
  /** Steps rows overlap over, which blocks are no shorter than; 1 unless told. */
  readonly horizon?: number
}

/**
 * Interval of a mean (of loss differences, of returns) by the stationary bootstrap: the basic interval, which mirrors the
 * resampled quantiles at the mean. Blocks of {@link automaticBlockMean}; draws are widened by what blocks cut and few of them
 * leave unknown ({@link blockShortfall}, {@link fewBlocks}).
 *
 * @param uniform Uniform in [0, 1).
 * @throws {GimbalError} `argument-invalid`.
 *
 * Accuracy: see the test "the interval of a mean".
 */
export function meanInterval(
  values: Float64Array,
  uniform: () => number,
  settings: IntervalSettings = {},
): MeanInterval {
  const { confidence = 0.95, resamples = 2000, horizon = 1 } = settings
  if (!(confidence > 0 && confidence < 1))
    throw new GimbalError('argument-invalid', 'A confidence lies between 0 and 1', { confidence })
  const count = requireSeries([values])
  const blockMean = Math.min(count, Math.max(horizon, automaticBlockMean(values)))
  const mean = values.reduce((sum, value) => sum + value, 0) / count
  const shortfall = blockShortfall(values, blockMean, horizon)
  const means = resampledMeans([values], resamples, blockMean, uniform)
  const errors = Float64Array.from(
    means,
    ([each]) => (each! - mean) * shortfall * fewBlocks(count, blockMean, uniform),
  ).sort()
  const tail = (1 - confidence) / 2
  const quantile = (share: number) => {
    const at = share * (resamples - 1)
    const [below, above] = [Math.floor(at), Math.ceil(at)]
    return errors[below]! + (at - below) * (errors[above]! - errors[below]!)
  }
  return { mean, low: mean - quantile(1 - tail), high: mean - quantile(tail), blockMean }
}
