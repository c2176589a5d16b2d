/**
 * @file Whether the best of many beats the benchmark, or only looks so because there were many.
 *
 * White's reality check compares the best mean difference with what resampling makes of differences without an edge. Hansen's
 * test divides by each model's own spread and lets hopeless models not count: a search is not excused by the rubbish in it.
 *
 * Both are asymptotic: over a few hundred rows that hang together, blocks show too little of how uncertain a mean is, and the
 * tests reject too often. Unless a block length is given, which gives the papers' own figures, differences are therefore held
 * against draws widened by {@link blockShortfall} and {@link fewBlocks}.
 *
 * Sources: H. White, "A reality check for data snooping", Econometrica 68 (2000). P. Hansen, "A test for superior predictive
 * ability", J. Business & Economic Statistics 23 (2005).
 */

import { GimbalError } from '../core/errors.ts'
import {
  automaticBlockMean,
  blockShortfall,
  bootstrapDeviation,
  fewBlocks,
  requireSeries,
  resampledMeans,
} from './stationaryBootstrap.ts'

export interface BootstrapSettings {
  /** Resamples; 1,000 unless told. p-values are multiples of its inverse. */
  readonly resamples?: number
  /** Mean rows of a block: the tests as published. Unless told, the mean over the models of {@link automaticBlockMean}. */
  readonly blockMean?: number
  /** Steps that rows overlap over, which an automatic block is no shorter than; 1 unless told. */
  readonly horizon?: number
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
  /** Long-run standard deviation of each model's difference, per row: what its mean is divided by. */
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
  const { horizon = 1 } = settings
  const automatic = settings.blockMean === undefined
  const blockMean = settings.blockMean ?? automaticBlocks(differences, rows, horizon)
  if (!(blockMean >= 1)) throw new GimbalError('argument-invalid', 'A block has at least one row', { blockMean })
  const models = differences.length
  const root = Math.sqrt(rows)
  const means = Float64Array.from(differences, (series) => series.reduce((sum, value) => sum + value, 0) / rows)
  // How far draws spread, and how far the means do that they are held against.
  const drawn = Float64Array.from(differences, (series) => bootstrapDeviation(series, blockMean))
  const shortfall = differences.map((series) => (automatic ? blockShortfall(series, blockMean, horizon) : 1))
  const deviation = drawn.map((each, k) => each * shortfall[k]!)
  // A model that is the benchmark itself neither beats it nor counts.
  const standardised = (mean: number, k: number, by = deviation) => (by[k]! > 0 ? (root * mean) / by[k]! : 0)
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
    const wider = automatic ? fewBlocks(rows, blockMean, uniform) : 1
    let greatest = Number.NEGATIVE_INFINITY
    const greatests = [0, 0, 0]
    for (let k = 0; k < models; k++) {
      greatest = Math.max(greatest, wider * shortfall[k]! * root * (resampled[k]! - means[k]!))
      for (let i = 0; i < 3; i++)
        greatests[i] = Math.max(greatests[i]!, wider * standardised(resampled[k]! - centres[i]![k]!, k, drawn))
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

function automaticBlocks(differences: readonly Float64Array[], rows: number, horizon: number): number {
  const mean = differences.reduce((sum, each) => sum + automaticBlockMean(each), 0) / differences.length
  return Math.min(rows, Math.max(horizon, mean))
}
