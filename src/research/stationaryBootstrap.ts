/**
 * @file The stationary bootstrap: a series resampled in blocks of random length, so that what hangs together in time stays
 * together.
 *
 * Sources: D. Politis, J. Romano, "The stationary bootstrap", J. American Statistical Association 89 (1994). Block length:
 * D. Politis, H. White, "Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23 (2004), with the
 * correction of A. Patton, D. Politis, H. White, Econometric Reviews 28 (2009).
 */

import { normalQuantile } from '../core/errorFunction.ts'
import { GimbalError } from '../core/errors.ts'

/**
 * Draws row numbers for one resample: a block begins anywhere and runs on, around the end, for a geometric number of rows.
 *
 * @param rows Receives the row numbers, each from 0 to its length − 1.
 * @param blockMean Mean rows of a block, at least 1; 1 resamples rows one by one.
 * @param uniform Uniform in [0, 1): one draw for the first row, then one a row, and another where a new block begins.
 */
export function stationaryRows(rows: Uint32Array, blockMean: number, uniform: () => number): void {
  const count = rows.length
  const restart = 1 / blockMean
  let row = Math.floor(uniform() * count)
  rows[0] = row
  for (let i = 1; i < count; i++) {
    if (uniform() < restart) row = Math.floor(uniform() * count)
    else if (++row === count) row = 0
    rows[i] = row
  }
}

/**
 * Means of resampled series, all resampled by the same rows.
 *
 * @param series One array a series, of equal length.
 * @returns One array a resample, one mean a series. @throws {GimbalError} `argument-invalid`.
 */
export function resampledMeans(
  series: readonly Float64Array[],
  resamples: number,
  blockMean: number,
  uniform: () => number,
): Float64Array[] {
  const count = requireSeries(series)
  if (!(blockMean >= 1)) throw new GimbalError('argument-invalid', 'A block has at least one row', { blockMean })
  if (!Number.isSafeInteger(resamples) || resamples < 1)
    throw new GimbalError('argument-invalid', 'A bootstrap needs a whole number of resamples', { resamples })
  // Sums of a block are differences of running sums: its rows need not be walked for every series.
  const width = series.length
  const running = new Float64Array((count + 1) * width)
  for (let k = 0; k < width; k++)
    for (let row = 0; row < count; row++) running[(row + 1) * width + k] = running[row * width + k]! + series[k]![row]!
  const rows = new Uint32Array(count)
  return Array.from({ length: resamples }, () => {
    stationaryRows(rows, blockMean, uniform)
    const means = new Float64Array(width)
    for (let i = 0; i < count; ) {
      const first = rows[i]!
      let end = i + 1
      while (end < count && rows[end] === rows[end - 1]! + 1) end++
      const from = first * width
      const to = (first + end - i) * width
      for (let k = 0; k < width; k++) means[k]! += running[to + k]! - running[from + k]!
      i = end
    }
    for (let k = 0; k < width; k++) means[k]! /= count
    return means
  })
}

/** @returns The common length. @throws {GimbalError} `argument-invalid`. */
export function requireSeries(series: readonly Float64Array[]): number {
  const count = series[0]?.length ?? 0
  const fail = (reason: string, facts: Record<string, number>): never => {
    throw new GimbalError('argument-invalid', `These series cannot be resampled: ${reason}`, facts)
  }
  if (count < 3) fail('fewer than three rows', { rows: count })
  for (const [index, each] of series.entries()) {
    if (each.length !== count) fail('they differ in length', { series: index, rows: count, length: each.length })
    const row = each.findIndex((value) => !Number.isFinite(value))
    if (row >= 0) fail('a figure is not a number', { series: index, row })
  }
  return count
}

/** What one series says about how far it hangs together. */
interface Memory {
  /** Lag-window estimate of the long-run variance, per row, with weights that are flat before they fall: hardly biased. */
  readonly variance: number
  /** Σ |lag| times the weighted autocovariances: what the bias of a window of falling weights grows with. */
  readonly slope: number
}

/**
 * Long-run variance by the flat-top window of Politis & White (2004), section 3.2; undefined for a series without variance.
 *
 * Its width is twice the last lag before which correlations matter.
 */
function memoryOf(series: Float64Array, mean: number): Memory | undefined {
  const count = series.length
  const insignificant = Math.max(5, Math.ceil(Math.sqrt(Math.log10(count))))
  const lagMax = Math.min(count - 1, Math.ceil(Math.sqrt(count)) + insignificant)
  const covariance = Float64Array.from({ length: lagMax + 1 }, (_, lag) => autocovariance(series, mean, lag))
  if (!(covariance[0]! > 1e-30 * mean * mean) || covariance[0] === 0) return undefined
  // After the last lag that matters several in a row are within two standard errors of nothing.
  const noise = 2 * Math.sqrt(Math.log10(count) / count) * covariance[0]!
  let last = 0
  for (let lag = 1, quiet = 0; lag <= lagMax && quiet < insignificant; lag++) {
    if (Math.abs(covariance[lag]!) < noise) quiet++
    else {
      last = lag
      quiet = 0
    }
  }
  const window = Math.min(2 * Math.max(last, 1), lagMax)
  let slope = 0
  let variance = covariance[0]!
  for (let lag = 1; lag <= window; lag++) {
    const weight = Math.min(1, 2 * (1 - lag / window))
    slope += 2 * weight * lag * covariance[lag]!
    variance += 2 * weight * covariance[lag]!
  }
  return { variance, slope }
}

/** Of a series with this mean; its rows count in full however large the lag is. */
export function autocovariance(series: Float64Array, mean: number, lag: number): number {
  let sum = 0
  for (let row = lag; row < series.length; row++) sum += (series[row]! - mean) * (series[row - lag]! - mean)
  return sum / series.length
}

function meanOf(series: Float64Array): number {
  return series.reduce((sum, value) => sum + value, 0) / series.length
}

/**
 * Block length that makes the bootstrapped variance of the mean most accurate, for one series; at least 1, at most
 * min(3 √n, n / 3). A series without variance needs none: 1.
 *
 * Accuracy: the mean over 40 series of 4,000 rows is within 15 % of the theoretical length for autoregressions of 0.3 to 0.7
 * (test "block length").
 * Source: Politis & White (2004), section 3.2; corrected constant of Patton, Politis & White (2009): D = 2 g(0)².
 */
export function automaticBlockMean(series: Float64Array): number {
  const count = requireSeries([series])
  const memory = memoryOf(series, meanOf(series))
  if (!memory || !(memory.variance > 0)) return 1
  const longest = Math.ceil(Math.min(3 * Math.sqrt(count), count / 3))
  const length = ((memory.slope / memory.variance) ** 2 * count) ** (1 / 3)
  return Math.min(longest, Math.max(1, length))
}

/**
 * Rows over which sums of independent draws would hang together as a series does, by its flat-top window; 0 for a series without
 * variance. Of sums over h rows the slope is (h² − 1) / 3h times the variance, of an autoregression of r 2r / (1 − r²) times.
 */
export function memoryReach(series: Float64Array): number {
  const memory = memoryOf(series, meanOf(series))
  return memory && memory.variance > 0 ? Math.max(0, (3 * memory.slope) / memory.variance) : 0
}

/**
 * Long-run standard deviation of a series, per row, by the weights under which the stationary bootstrap sees it; 0 where the
 * weighted sum is not positive, as for a constant.
 *
 * Source: Politis & Romano (1994), lemma 1: κ(j) = (1 − j/n)(1 − q)^j + (j/n)(1 − q)^(n − j).
 */
export function bootstrapDeviation(series: Float64Array, blockMean: number): number {
  const count = series.length
  const mean = meanOf(series)
  const stay = 1 - 1 / blockMean
  const power = autocovariance(series, mean, 0)
  let variance = power
  for (let lag = 1; lag < count; lag++) {
    const weight = (1 - lag / count) * stay ** lag + (lag / count) * stay ** (count - lag)
    // Lags in the middle weigh nothing in double precision.
    if (weight >= 1e-18) variance += 2 * weight * autocovariance(series, mean, lag)
  }
  return power > 1e-24 * mean * mean && variance > 0 ? Math.sqrt(variance) : 0
}

/** Correlation from one row to the next above which a series is taken to have no mean worth estimating: 65 times the variance. */
export const MEMORY_MAX = 0.97

/**
 * By how much the mean of a series is more uncertain than resampling it in blocks shows, as a factor of its deviation, at
 * least 1: blocks cut what hangs together, and the mean they are taken around was itself fitted to the rows.
 *
 * The variance is the greatest of three: the bootstrap's, times n / (n − 2b + 1), because weights that sum to 2b − 1 lose so
 * many nths of it to the fitted mean (n / (n − 1) where b is 1); that of the flat-top window, times the same; and, of rows that
 * do not overlap, that of a first-order autoregression, its correlation corrected for its bias in short series. Rows that do
 * overlap hang together over the horizon and no further, which the flat-top window sees and an autoregression would double.
 *
 * @param horizon Steps that rows overlap over, at least 1.
 *
 * Sources: the third variance is that of D. Andrews, C. Monahan, "An improved heteroskedasticity and autocorrelation consistent
 * covariance matrix estimator", Econometrica 60 (1992) with nothing left after whitening; its bias: M. Kendall, "Note on bias in
 * the estimation of autocorrelation", Biometrika 41 (1954). Taking the greatest is our own, for tests that do not reject too often.
 */
export function blockShortfall(series: Float64Array, blockMean: number, horizon = 1): number {
  const count = series.length
  const mean = meanOf(series)
  const deviation = bootstrapDeviation(series, blockMean)
  const memory = memoryOf(series, mean)
  if (!memory || deviation === 0) return 1
  const spare = Math.max(count - 2 * blockMean + 1, count / 3)
  const power = autocovariance(series, mean, 0)
  const seen = autocovariance(series, mean, 1) / power
  const step = Math.min(MEMORY_MAX, Math.max(0, seen + (1 + 3 * seen) / count))
  const whitened = horizon > 1 ? 0 : (power * (1 + step)) / (1 - step)
  const widest = Math.max((Math.max(memory.variance, deviation ** 2) * count) / spare, whitened)
  return Math.sqrt(widest) / deviation
}

/**
 * Draws √(ν/χ²_ν), ν = n/b: what a deviation known from ν blocks only adds to the spread of a ratio to it, as Student's t is
 * wider than the normal distribution.
 *
 * ν is the equivalent degrees of freedom of a variance with the bootstrap's weights, whose squares sum to b (M. Priestley,
 * "Spectral analysis and time series" (1981), 6.2.4); the draw is that of E. Wilson and M. Hilferty, Proc. National Academy of
 * Sciences 17 (1931) 684.
 *
 * @param uniform Uniform in [0, 1): one draw.
 */
export function fewBlocks(rows: number, blockMean: number, uniform: () => number): number {
  const part = 2 / (9 * (rows / blockMean))
  const root = 1 - part + normalQuantile(uniform()) * Math.sqrt(part)
  return Math.max(root, 0.1) ** -1.5
}
