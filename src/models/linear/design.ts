/**
 * @file What linear learners do to a table before they look at it: choose columns, deal with missing rows, standardise.
 *
 * Columns are centred and scaled to unit deviation (weighted, population) whether or not there is a penalty: a ridge is then
 * the same for every column, and factorisations stay well conditioned when variances of 1e-8 stand beside counts of 1e6.
 */

import { GimbalError } from '../../core/errors.ts'
import { requireTrainingSet, type TrainingSet } from '../learner.ts'

export interface DesignSettings {
  /** Columns to use, by name; all of the table's when absent. */
  readonly columns?: readonly string[]
  /** Rows in which a used column is NaN: `refuse` (the default) throws `table-invalid`, `drop` leaves them out and counts them. */
  readonly missing?: 'refuse' | 'drop'
  /** False fits through the origin: columns are then scaled but not centred. */
  readonly intercept?: boolean
}

/** A table ready to be regressed on. */
export interface Design {
  /** Positions of the used columns in the table. */
  readonly columns: readonly number[]
  /** Numbers of the rows that count, ascending: complete and of positive weight. */
  readonly rows: Int32Array
  readonly dropped: number
  readonly weightSum: number
  readonly intercept: boolean
  /** Per used column: what is taken off and what it is divided by. A column that never changes has scale 0. */
  readonly shift: Float64Array
  readonly scale: Float64Array
}

/** A deviation this small beside the figures themselves is rounding: the column does not change. */
const CONSTANT = 1e-13

/** @throws {GimbalError} `table-invalid` as `requireTrainingSet`, a missing figure where refused, no complete row; `schema-mismatch` for a column that is not there. */
export function designOf(set: TrainingSet, settings: DesignSettings): Design {
  requireTrainingSet(set)
  const { table, weight } = set
  const { missing = 'refuse', intercept = true } = settings
  const columns = (settings.columns ?? table.names).map((name) => {
    const at = table.names.indexOf(name)
    if (at < 0)
      throw new GimbalError('schema-mismatch', 'The table has no such column', {
        wanted: name,
        given: table.names.join(' '),
      })
    return at
  })
  const kept: number[] = []
  let dropped = 0
  for (let i = 0; i < table.rows; i++) {
    const hole = columns.find((column) => Number.isNaN(table.columns[column]![i]!))
    if (hole !== undefined && missing === 'refuse')
      throw new GimbalError('table-invalid', 'A linear fit cannot use a missing figure', {
        column: table.names[hole]!,
        row: i,
        remedy: "drop such rows (missing: 'drop')",
      })
    if (hole !== undefined) dropped++
    else if (!weight || weight[i]! > 0) kept.push(i)
  }
  if (kept.length === 0)
    throw new GimbalError('table-invalid', 'Nothing can be learnt from this table: no row is complete', {
      rows: table.rows,
      dropped,
    })
  const rows = Int32Array.from(kept)
  let weightSum = 0
  for (const row of rows) weightSum += weight ? weight[row]! : 1
  const shift = new Float64Array(columns.length)
  const scale = new Float64Array(columns.length)
  for (const [at, column] of columns.entries()) {
    const figures = table.columns[column]!
    let sum = 0
    let largest = 0
    for (const row of rows) {
      sum += (weight ? weight[row]! : 1) * figures[row]!
      largest = Math.max(largest, Math.abs(figures[row]!))
    }
    const mean = intercept ? sum / weightSum : 0
    let squares = 0
    for (const row of rows) squares += (weight ? weight[row]! : 1) * (figures[row]! - mean) ** 2
    const deviation = Math.sqrt(squares / weightSum)
    shift[at] = mean
    scale[at] = deviation > CONSTANT * largest ? deviation : 0
  }
  return { columns, rows, dropped, weightSum, intercept, shift, scale }
}

/** Turns coefficients of standardised columns (and intercept first, where there is one) into those of the columns themselves. */
export function originalUnits(
  design: Design,
  standardised: Float64Array,
): { intercept: number; coefficients: number[] } {
  const first = design.intercept ? 1 : 0
  let intercept = design.intercept ? standardised[0]! : 0
  const coefficients = design.columns.map((_, at) => {
    const coefficient = design.scale[at]! > 0 ? standardised[first + at]! / design.scale[at]! : 0
    intercept -= coefficient * design.shift[at]!
    return coefficient
  })
  return { intercept: design.intercept ? intercept : 0, coefficients }
}
