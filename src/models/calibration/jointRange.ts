/**
 * @file Whether the columns of a row go together as they did in training: a robust Mahalanobis distance.
 *
 * Figures are put in units of their column's median and interquartile range, cut off at ±10 so that no single one rules, and the
 * covariance of those is shrunk towards its diagonal, so that it can be inverted however the columns repeat each other. A
 * missing figure is taken for the median: what is missing when it should not be is for `range.ts`. The limit is a quantile
 * of the distances of the training rows themselves, so nothing is assumed normal.
 *
 * Sources: P. C. Mahalanobis, "On the generalised distance in statistics" (1936); O. Ledoit, M. Wolf, "A well-conditioned
 * estimator for large-dimensional covariance matrices", J. Multivariate Analysis 88 (2004), for shrinking.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Table } from '../learner.ts'
import { quantile } from './range.ts'

/** How training rows lay together, in plain data that JSON holds. */
export interface JointRangeSpec {
  readonly names: readonly string[]
  readonly centre: readonly number[]
  /** Interquartile range in units of a normal deviation; 0 for a column that does not move, which then counts for nothing. */
  readonly scale: readonly number[]
  /** Lower triangle of the covariance's Cholesky factor, row by row. */
  readonly factor: readonly number[]
  /** Distance that all but `tail` of the training rows kept within. */
  readonly limit: number
}

const NORMAL_RANGE = 1.3489795003921634
const CUT = 10
/** Weight of the diagonal in the covariance. */
const SHRINK = 0.1

/**
 * The joint range of a training table, from at most `rowsMax` rows spread evenly over it. O(rows × columns²).
 *
 * @param tail Share of the training rows that may lie beyond the limit.
 * @throws {GimbalError} `config-invalid` unless 0 < tail < 1; `table-invalid` for fewer than 20 rows.
 */
export function jointRange(table: Table, tail = 0.001, rowsMax = 20_000): JointRangeSpec {
  if (!(tail > 0 && tail < 1))
    throw new GimbalError('config-invalid', 'The tail of a joint range is a share between 0 and 1', { tail })
  if (table.rows < 20)
    throw new GimbalError('table-invalid', 'Too few rows to say how columns go together', {
      rows: table.rows,
      least: 20,
    })
  const count = table.columns.length
  const centre: number[] = []
  const scale: number[] = []
  for (const column of table.columns) {
    const sorted = Float64Array.from(column).filter((value) => !Number.isNaN(value))
    sorted.sort()
    centre.push(sorted.length === 0 ? 0 : quantile(sorted, 0.5))
    scale.push(sorted.length === 0 ? 0 : (quantile(sorted, 0.75) - quantile(sorted, 0.25)) / NORMAL_RANGE)
  }
  const rows = Math.min(table.rows, rowsMax)
  const units = new Float64Array(rows * count)
  for (let i = 0; i < rows; i++) {
    const row = Math.floor((i * table.rows) / rows)
    for (let j = 0; j < count; j++) units[i * count + j] = inUnits(table.columns[j]![row]!, centre[j]!, scale[j]!)
  }
  const covariance = new Float64Array(count * count)
  for (let i = 0; i < rows; i++)
    for (let j = 0; j < count; j++) {
      const unit = units[i * count + j]!
      for (let k = 0; k <= j; k++) covariance[j * count + k]! += (unit * units[i * count + k]!) / rows
    }
  for (let j = 0; j < count; j++) for (let k = 0; k < j; k++) covariance[j * count + k]! *= 1 - SHRINK
  const factor = cholesky(covariance, count)
  const measure = new JointRange({ names: table.names, centre, scale, factor, limit: 1 })
  const row = new Float64Array(count)
  const distances = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    const from = Math.floor((i * table.rows) / rows)
    for (let j = 0; j < count; j++) row[j] = table.columns[j]![from]!
    distances[i] = measure.distance(row)
  }
  distances.sort()
  return { names: table.names, centre, scale, factor, limit: quantile(distances, 1 - tail) }
}

/** Measures rows against a joint range. */
export class JointRange {
  readonly #centre: Float64Array
  readonly #scale: Float64Array
  readonly #factor: Float64Array
  readonly #limit: number
  readonly #solved: Float64Array

  /** @throws {GimbalError} `model-invalid` when the parts of the spec do not fit each other. */
  constructor({ names, centre, scale, factor, limit }: JointRangeSpec) {
    const count = names.length
    if (centre.length !== count || scale.length !== count || factor.length !== (count * (count + 1)) / 2)
      throw new GimbalError('model-invalid', 'The parts of a joint range do not fit each other', {
        names: count,
        centres: centre.length,
        scales: scale.length,
        factors: factor.length,
      })
    this.#centre = Float64Array.from(centre)
    this.#scale = Float64Array.from(scale)
    this.#factor = Float64Array.from(factor)
    this.#limit = limit
    this.#solved = new Float64Array(count)
  }

  /**
   * Distance of a row from the middle of training over the distance that all but a tail of training kept within: above 1 is
   * outside. Allocates nothing; columns² / 2 multiplications.
   */
  distance(row: Float64Array, offset = 0): number {
    const solved = this.#solved
    const factor = this.#factor
    let sum = 0
    for (let j = 0, at = 0; j < solved.length; j++) {
      let rest = inUnits(row[offset + j]!, this.#centre[j]!, this.#scale[j]!)
      for (let k = 0; k < j; k++) rest -= factor[at++]! * solved[k]!
      rest /= factor[at++]!
      solved[j] = rest
      sum += rest * rest
    }
    return Math.sqrt(sum) / this.#limit
  }
}

function inUnits(figure: number, centre: number, scale: number): number {
  if (Number.isNaN(figure) || scale === 0) return 0
  return Math.max(-CUT, Math.min(CUT, (figure - centre) / scale))
}

/** Lower triangle, row by row. A column without variance gets a factor of 1: its units are all 0. */
function cholesky(matrix: Float64Array, count: number): number[] {
  const factor: number[] = []
  const at = (j: number, k: number) => (j * (j + 1)) / 2 + k
  for (let j = 0; j < count; j++)
    for (let k = 0; k <= j; k++) {
      let rest = matrix[j * count + k]!
      for (let i = 0; i < k; i++) rest -= factor[at(j, i)]! * factor[at(k, i)]!
      if (j === k) factor.push(matrix[j * count + j] === 0 ? 1 : Math.sqrt(rest))
      else factor.push(rest / factor[at(k, k)]!)
    }
  return factor
}
