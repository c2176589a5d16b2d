/**
 * @file The stationary bootstrap: a series resampled in blocks of random length, so that what hangs together in time stays
 * together.
 *
 * Sources: D. Politis, J. Romano, "The stationary bootstrap", J. American Statistical Association 89 (1994). Block length:
 * D. Politis, H. White, "Automatic block-length selection for the dependent bootstrap", Econometric Reviews 23 (2004), with the
 * correction of A. Patton, D. Politis, H. White, Econometric Reviews 28 (2009).
 */

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
  const mean = series.reduce((sum, value) => sum + value, 0) / count
  const longest = Math.ceil(Math.min(3 * Math.sqrt(count), count / 3))
  const insignificant = Math.max(5, Math.ceil(Math.sqrt(Math.log10(count))))
  const lagMax = Math.min(count - 1, Math.ceil(Math.sqrt(count)) + insignificant)
  const covariance = new Float64Array(lagMax + 1)
  for (let lag = 0; lag <= lagMax; lag++) {
    let sum = 0
    for (let row = lag; row < count; row++) sum += (series[row]! - mean) * (series[row - lag]! - mean)
    covariance[lag] = sum / count
  }
  if (!(covariance[0]! > 1e-30 * mean * mean) || covariance[0] === 0) return 1
  // The last lag before which correlations matter: after it, several in a row are within two standard errors of nothing.
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
  let spectrum = covariance[0]!
  for (let lag = 1; lag <= window; lag++) {
    const weight = Math.min(1, 2 * (1 - lag / window))
    slope += 2 * weight * lag * covariance[lag]!
    spectrum += 2 * weight * covariance[lag]!
  }
  if (!(spectrum > 0)) return 1
  const length = ((slope / spectrum) ** 2 * count) ** (1 / 3)
  return Math.min(longest, Math.max(1, length))
}
