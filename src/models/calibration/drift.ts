/**
 * @file Whether the world moves away from the training, and whether the forecasts begin to err: two monitors that run along.
 *
 * Neither needs to know what went wrong. The first sees inputs change before outcomes are known; the second sees errors, whatever the
 * inputs look like.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Table } from '../learner.ts'
import { quantile } from './range.ts'

/** How a table's columns were spread, in plain data that JSON holds. */
export interface DriftSpec {
  readonly names: readonly string[]
  readonly columns: readonly ColumnSpread[]
}

export interface ColumnSpread {
  /** Ascending; a figure belongs to the bin after the last edge below it. Fewer than nine where figures repeat. */
  readonly edges: readonly number[]
  /** Share of the training rows in each bin, missing figures last; smoothed by half a row, so none is 0. */
  readonly shares: readonly number[]
}

/**
 * Bins at the deciles of every column, which hold a tenth of the training rows each where figures do not repeat, and one for
 * missing figures.
 *
 * @throws {GimbalError} `table-invalid` for a table without rows; `config-invalid` unless there are 2 to 200 bins.
 */
export function driftSpec(table: Table, bins = 10): DriftSpec {
  if (!Number.isSafeInteger(bins) || bins < 2 || bins > 200)
    throw new GimbalError('config-invalid', 'A spread is told in 2 to 200 bins', { bins })
  if (!(table.rows > 0)) throw new GimbalError('table-invalid', 'A table without rows has no spread', { rows: 0 })
  const columns = table.columns.map((column): ColumnSpread => {
    const sorted = Float64Array.from(column).filter((value) => !Number.isNaN(value))
    sorted.sort()
    const edges: number[] = []
    for (let bin = 1; bin < bins && sorted.length > 0; bin++) {
      const edge = quantile(sorted, bin / bins)
      // An edge at the greatest figure would have nothing after it.
      if (edge !== edges.at(-1) && edge < sorted.at(-1)!) edges.push(edge)
    }
    const counts = new Float64Array(edges.length + 2)
    for (const value of column) counts[binOf(edges, value)]!++
    return { edges, shares: Array.from(counts, (count) => (count + 0.5) / (table.rows + 0.5 * counts.length)) }
  })
  return { names: table.names, columns }
}

/**
 * Population stability index of two spreads over the same bins: Σ (a − e) ln(a / e), 0 when they are equal. Above 0.1 is commonly
 * called a change and above 0.25 a great one; of `rows` rows that did not change it is about (bins − 1) / rows by chance alone.
 *
 * Source: D. Lewis, "An introduction to credit scoring" (1994); B. Yurdakul, "Statistical properties of population stability
 * index" (2018), for its distribution.
 */
export function stabilityIndex(actual: ArrayLike<number>, expected: ArrayLike<number>): number {
  let sum = 0
  for (let bin = 0; bin < expected.length; bin++)
    sum += (actual[bin]! - expected[bin]!) * Math.log(actual[bin]! / expected[bin]!)
  return sum
}

/** Population stability of every column over the last rows. */
export class PopulationStability {
  readonly names: readonly string[]
  readonly #spec: DriftSpec
  readonly #window: number
  /** Bins of the last rows, row by row in a ring, and how many of each column are in each bin. */
  readonly #bins: Uint8Array
  readonly #counts: readonly Float64Array[]
  #rows = 0
  #head = 0

  /**
   * @param window Rows looked back. By chance alone an index of 11 bins is about 10 / window: take some hundreds at least.
   * @param remembered Bins of rows heard before, from {@link state}.
   * @throws {GimbalError} `config-invalid` for a window that is no whole number; `model-invalid` for a state of other columns.
   */
  constructor(spec: DriftSpec, window: number, remembered: readonly number[] = []) {
    if (!Number.isSafeInteger(window) || window < 1)
      throw new GimbalError('config-invalid', 'Drift needs a window of whole rows', { window })
    const width = spec.columns.length
    if (remembered.length % Math.max(1, width) !== 0 || remembered.length > window * width)
      throw new GimbalError('model-invalid', 'What a drift monitor remembered is of other columns', {
        figures: remembered.length,
        columns: width,
      })
    this.names = spec.names
    this.#spec = spec
    this.#window = window
    this.#bins = new Uint8Array(window * width)
    this.#counts = spec.columns.map(({ edges }) => new Float64Array(edges.length + 2))
    for (let at = 0; at < remembered.length; at += width) {
      for (let column = 0; column < width; column++) this.#put(column, remembered[at + column]!)
      this.#advance()
    }
  }

  /** Rows in the window so far. */
  get rows(): number {
    return this.#rows
  }

  /** Takes a row; NaN has a bin of its own. Allocates nothing. */
  add(row: Float64Array, offset = 0): void {
    const { columns } = this.#spec
    for (let column = 0; column < columns.length; column++)
      this.#put(column, binOf(columns[column]!.edges, row[offset + column]!))
    this.#advance()
  }

  /** Index of one column over the window; NaN before the first row. */
  index(column: number): number {
    if (this.#rows === 0) return Number.NaN
    const counts = this.#counts[column]!
    const { shares } = this.#spec.columns[column]!
    // Half a row a bin of what was expected: an empty bin has a logarithm, and without change nothing is added to the index.
    const added = 0.5 * shares.length
    const actual = Array.from(counts, (count, bin) => (count + added * shares[bin]!) / (this.#rows + added))
    return stabilityIndex(actual, shares)
  }

  /** Bins of the rows in the window, oldest first: plain data to go on from. */
  state(): number[] {
    const width = this.#counts.length
    const first = (this.#head - this.#rows + this.#window) % this.#window
    const bins: number[] = []
    for (let i = 0; i < this.#rows; i++) {
      const at = ((first + i) % this.#window) * width
      bins.push(...this.#bins.subarray(at, at + width))
    }
    return bins
  }

  #put(column: number, bin: number): void {
    const at = this.#head * this.#counts.length + column
    const counts = this.#counts[column]!
    if (this.#rows === this.#window) counts[this.#bins[at]!]!--
    this.#bins[at] = bin
    counts[bin]!++
  }

  #advance(): void {
    this.#head = (this.#head + 1) % this.#window
    if (this.#rows < this.#window) this.#rows++
  }
}

/** What a {@link Cusum} looks for. */
export interface CusumSettings {
  /** Mean and standard deviation of the errors while all is well, known and not estimated: 0 and 1 of {@link RecursiveResiduals}. */
  readonly mean: number
  readonly deviation: number
  /** Slack, in deviations: half of the shift that should be found soonest. */
  readonly allowance: number
  /** Sum at which it alarms, in deviations: see {@link cusumLimit}. */
  readonly limit: number
}

/**
 * Two-sided cumulative sum of forecast errors: finds that the mean has shifted sooner than any window does.
 *
 * Each side sums what errors exceed the allowance by, never below 0, and alarms above the limit. How long that takes on average,
 * while all is well and after a shift, says {@link cusumRunLength}. Errors are taken to be independent, their mean and deviation
 * to be known. Those of forecasts are neither: give it the {@link RecursiveResiduals} of one error a horizon.
 *
 * Source: E. S. Page, "Continuous inspection schemes", Biometrika 41 (1954).
 */
export class Cusum {
  readonly settings: CusumSettings
  /** Sums of errors above and below the mean, in deviations. */
  above: number
  below: number

  /**
   * @param state Sums to go on from.
   * @throws {GimbalError} `config-invalid` unless deviation and limit are above 0 and the allowance is not below 0.
   */
  constructor(settings: CusumSettings, state = { above: 0, below: 0 }) {
    const { mean, deviation, allowance, limit } = settings
    if (!Number.isFinite(mean) || !(deviation > 0) || !(allowance >= 0) || !(limit > 0))
      throw new GimbalError('config-invalid', 'A cumulative sum needs a deviation and a limit above 0', {
        mean,
        deviation,
        allowance,
        limit,
      })
    this.settings = settings
    this.above = state.above
    this.below = state.below
  }

  /** Takes an error; NaN changes nothing. Returns whether a side is above the limit now. */
  add(error: number): boolean {
    const { mean, deviation, allowance } = this.settings
    if (!Number.isNaN(error)) {
      const distance = (error - mean) / deviation
      this.above = Math.max(0, this.above + distance - allowance)
      this.below = Math.max(0, this.below - distance - allowance)
    }
    return this.alarmed
  }

  get alarmed(): boolean {
    return this.above > this.settings.limit || this.below > this.settings.limit
  }

  /** Begins again, as after a model was trained anew. */
  reset(): void {
    this.above = 0
    this.below = 0
  }
}

/** Degrees of freedom from which a deviation is known well enough to measure an error in. */
const FREEDOM_LEAST = 3

/**
 * What is new in each forecast error: its distance from what a line through all pairs of errors before it makes of its
 * predecessor, in deviations, on the scale of the normal distribution. Of errors that hang together as an autoregression of order
 * one these are independent and standard normal from the first on, for nothing in them is estimated from what follows. A shift of
 * the mean shows as one of (1 − φ) times its size, which is its size in long-run deviations, until the line has taken it in.
 *
 * Overlapping errors hang together otherwise: take one a horizon. So taken and summed by a {@link Cusum} of allowance 0.5 and limit
 * 5, sixty errors, looked at from the twentieth on, alarm by chance in 7 to 8 % of runs at persistence 0, 9 to 10 % at 0.6 and
 * about 20 % at 0.9, where 8 % is promised; with mean and deviation of the first twenty, 25, 80 and 95 % do (test).
 *
 * Source: R. L. Brown, J. Durbin, J. M. Evans, "Techniques for testing the constancy of regression relationships over time",
 * J. Royal Statistical Society B 37 (1975), 149; to the normal scale by M. Abramowitz, I. Stegun (1964), 26.7.8.
 */
export class RecursiveResiduals {
  /** The first error, from which all are counted: the sums lose no digits to a great mean. */
  #origin = Number.NaN
  #previous = Number.NaN
  /** Pairs of an error and its predecessor, and the sums of both, of squares and of products. */
  #pairs = 0
  #before = 0
  #after = 0
  #beforeSquared = 0
  #product = 0
  /** Residuals squared, summed, and how many. */
  #squares = 0
  #freedom = 0

  /** Takes an error. NaN for the first few, for a missing error and the one after it, and while all were the same. */
  add(error: number): number {
    if (Number.isNaN(this.#origin)) this.#origin = error
    const before = this.#previous
    const after = error - this.#origin
    this.#previous = after
    if (Number.isNaN(before + after)) return Number.NaN
    const score = this.#score(before, after)
    this.#pairs++
    this.#before += before
    this.#after += after
    this.#beforeSquared += before * before
    this.#product += before * after
    return score
  }

  #score(before: number, after: number): number {
    const n = this.#pairs
    const spread = n * this.#beforeSquared - this.#before * this.#before
    if (!(spread > 0)) return Number.NaN
    const slope = (n * this.#product - this.#before * this.#after) / spread
    const level = (this.#after - slope * this.#before) / n
    const leverage = (this.#beforeSquared - 2 * before * this.#before + n * before * before) / spread
    const residual = (after - level - slope * before) / Math.sqrt(1 + leverage)
    const freedom = this.#freedom++
    const squares = this.#squares
    this.#squares += residual * residual
    if (freedom < FREEDOM_LEAST || !(squares > 0)) return Number.NaN
    const t = residual / Math.sqrt(squares / freedom)
    return (t * (1 - 0.25 / freedom)) / Math.sqrt(1 + (0.5 * t * t) / freedom)
  }
}

/**
 * Errors until a two-sided {@link Cusum} alarms, on average, for independent normal errors whose mean has shifted by `shift`
 * deviations. For one side, with Δ = ±shift − allowance and b = limit + 1.166,
 *
 *     (exp(−2Δb) + 2Δb − 1) / (2Δ²),   b² for Δ = 0;
 *
 * the two sides' rates add up. Within 4 % of the exact values for limits of 4 and 5 (test, which also simulates them).
 *
 * Source: D. Siegmund, "Sequential analysis" (1985), section 10.
 */
export function cusumRunLength(shift: number, allowance: number, limit: number): number {
  const oneSide = (drift: number): number => {
    const bound = limit + 1.166
    const exponent = 2 * drift * bound
    // Close to no drift the formula is a difference of nearly equal figures; its limit is as good there.
    return Math.abs(exponent) < 1e-4 ? bound * bound : (Math.expm1(-exponent) + exponent) / (2 * drift * drift)
  }
  return 1 / (1 / oneSide(shift - allowance) + 1 / oneSide(-shift - allowance))
}

/**
 * Limit at which a {@link Cusum} raises a false alarm every `runLength` errors on average.
 *
 * @throws {GimbalError} `config-invalid` for a run length that no limit above 0 has.
 */
export function cusumLimit(runLength: number, allowance: number): number {
  let low = 0
  let high = 1
  if (!(allowance >= 0) || !(runLength > cusumRunLength(0, allowance, low)) || runLength === Number.POSITIVE_INFINITY)
    throw new GimbalError('config-invalid', 'No limit has such a run length', { runLength, allowance })
  while (cusumRunLength(0, allowance, high) < runLength) high *= 2
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2
    if (cusumRunLength(0, allowance, middle) < runLength) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** Bin of a figure: how many edges lie below it, or the last bin when it is missing. */
function binOf(edges: readonly number[], value: number): number {
  if (Number.isNaN(value)) return edges.length + 1
  let low = 0
  let high = edges.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (edges[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
