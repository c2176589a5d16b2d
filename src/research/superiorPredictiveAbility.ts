/**
 * @file Whether the best of many beats the benchmark, or only looks so because there were many.
 *
 * White's reality check compares the best mean difference with what resampling makes of differences without an edge. Hansen's
 * test divides by each model's own spread and lets hopeless models not count: a search is not excused by the rubbish in it.
 *
 * Sources: H. White, "A reality check for data snooping", Econometrica 68 (2000). P. Hansen, "A test for superior predictive
 * ability", J. Business & Economic Statistics 23 (2005).
 */

import { GimbalError } from '../core/errors.ts'
import { automaticBlockMean, requireSeries, resampledMeans } from './stationaryBootstrap.ts'

export interface BootstrapSettings {
  /** Resamples; 1,000 unless told. p-values are multiples of its inverse. */
  readonly resamples?: number
  /** Mean rows of a block; unless told, the mean over the models of {@link automaticBlockMean}. */
  readonly blockMean?: number
}

/** What both tests say. p-values: the probability of a best as good as this one if no model had an edge. */
export interface SuperiorAbility {
  readonly models: number
  readonly rows: number
  readonly resamples: number
  readonly blockMean: number
  /** The model with the greatest standardised mean. */
  readonly best: number
  /** √n times the greatest mean difference, and White's p-value. */
  readonly realityCheck: { readonly statistic: number; readonly p: number }
  /** Long-run standard deviation of each model's difference, per row. */
  readonly deviation: Float64Array
  /**
   * Hansen's: the greatest standardised mean (0 when none is positive), and three p-values. `consistent` is the test; `lower`
   * lets every worse model count as equal to its own mean, `upper` every model as equal to the benchmark.
   */
  readonly statistic: number
  readonly lower: number
  readonly consistent: number
  readonly upper: number
}

/**
 * Tests the best of several models against a benchmark.
 *
 * @param differences One array a model: performance minus the benchmark's (for losses: the benchmark's minus the model's), so
 *   that positive is better; of equal length, in order of time.
 * @param uniform Uniform in [0, 1).
 * @throws {GimbalError} `argument-invalid`: no model, fewer than three rows, a figure that is no number.
 *
 * Accuracy: 1e-10 against reference vectors, p-values exact for the same stream (test "reference vectors"). Size: see the test
 * "of models without an edge".
 */
export function superiorPredictiveAbility(
  differences: readonly Float64Array[],
  uniform: () => number,
  settings: BootstrapSettings = {},
): SuperiorAbility {
  const rows = requireSeries(differences)
  const resamples = settings.resamples ?? 1000
  const blockMean =
    settings.blockMean ?? differences.reduce((sum, each) => sum + automaticBlockMean(each), 0) / differences.length
  if (!(blockMean >= 1)) throw new GimbalError('argument-invalid', 'A block has at least one row', { blockMean })
  const models = differences.length
  const root = Math.sqrt(rows)
  const means = Float64Array.from(differences, (series) => series.reduce((sum, value) => sum + value, 0) / rows)
  const deviation = Float64Array.from(differences, (series, k) => longRunDeviation(series, means[k]!, 1 / blockMean))
  // A model that is the benchmark itself neither beats it nor counts.
  const standardised = (mean: number, k: number) => (deviation[k]! > 0 ? (root * mean) / deviation[k]! : 0)
  const threshold = -Math.sqrt(2 * Math.log(Math.log(rows)))
  const centres = [
    means.map((mean) => Math.max(mean, 0)),
    means.map((mean, k) => (standardised(mean, k) > threshold ? mean : 0)),
    means,
  ]
  let best = 0
  for (let k = 1; k < models; k++) if (standardised(means[k]!, k) > standardised(means[best]!, best)) best = k
  const statistic = Math.max(0, standardised(means[best]!, best))
  const realityStatistic = root * Math.max(...means)
  const atLeast = [0, 0, 0]
  let realityAtLeast = 0
  for (const resampled of resampledMeans(differences, resamples, blockMean, uniform)) {
    let greatest = Number.NEGATIVE_INFINITY
    const greatests = [0, 0, 0]
    for (let k = 0; k < models; k++) {
      greatest = Math.max(greatest, root * (resampled[k]! - means[k]!))
      for (let i = 0; i < 3; i++)
        greatests[i] = Math.max(greatests[i]!, standardised(resampled[k]! - centres[i]![k]!, k))
    }
    if (greatest >= realityStatistic) realityAtLeast++
    for (let i = 0; i < 3; i++) if (greatests[i]! >= statistic) atLeast[i]!++
  }
  return {
    models,
    rows,
    resamples,
    blockMean,
    best,
    realityCheck: { statistic: realityStatistic, p: realityAtLeast / resamples },
    deviation,
    statistic,
    lower: atLeast[0]! / resamples,
    consistent: atLeast[1]! / resamples,
    upper: atLeast[2]! / resamples,
  }
}

/**
 * Long-run standard deviation of a series by the weights under which the stationary bootstrap sees it; 0 where the weighted
 * sum is not positive, as for a constant.
 *
 * Source: Politis & Romano (1994), lemma 1: κ(j) = (1 − j/n)(1 − q)^j + (j/n)(1 − q)^(n − j).
 */
function longRunDeviation(series: Float64Array, mean: number, restart: number): number {
  const count = series.length
  const stay = 1 - restart
  let variance = 0
  let power = 0
  for (let lag = 0; lag < count; lag++) {
    const weight = lag === 0 ? 1 : (1 - lag / count) * stay ** lag + (lag / count) * stay ** (count - lag)
    // Lags in the middle weigh nothing in double precision.
    if (weight < 1e-18) continue
    let sum = 0
    for (let row = lag; row < count; row++) sum += (series[row]! - mean) * (series[row - lag]! - mean)
    variance += (lag === 0 ? 1 : 2) * weight * (sum / count)
    if (lag === 0) power = sum / count
  }
  return power > 1e-24 * mean * mean && variance > 0 ? Math.sqrt(variance) : 0
}
