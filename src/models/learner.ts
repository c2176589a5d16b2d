/**
 * @file What learners take and give: a table of columns in, a model out.
 *
 * A missing value is NaN, everywhere. Learners that cannot deal with one say so (`table-invalid`); trees learn which way
 * it goes. A model is plain data plus `predict`: deterministic, allocation-free, and the same in research and in the engine.
 */

import { GimbalError } from '../core/errors.ts'

/** Rows of figures in columns. */
export interface Table {
  readonly rows: number
  /** Names of the columns, in order. */
  readonly names: readonly string[]
  /** One array of `rows` figures a column; NaN is missing. Categories are whole numbers of at least 0. */
  readonly columns: readonly (Float64Array | Float32Array)[]
  /** Numbers of the columns that hold categories; none when absent. */
  readonly categorical?: readonly number[]
}

/** What a learner learns from: the table, what to say, and how much each row counts. */
export interface TrainingSet {
  readonly table: Table
  readonly label: Float64Array
  /** Non-negative; 1 for every row when absent. */
  readonly weight?: Float64Array
  /** Score to start from, in the objective's raw unit; 0 when absent. For softmax: class by class, `rows` figures each. */
  readonly initScore?: Float64Array
}

/** A trained model of one answer a row. */
export interface Model {
  /** Names of the columns it was trained on, in order. */
  readonly names: readonly string[]
  /**
   * Answer for one row, in the unit of the label. Allocates nothing.
   *
   * @param row Figures in the order of `names`, beginning at `offset`; NaN is missing.
   */
  predict(row: Float64Array, offset?: number): number
}

/** Answers for every row of a table whose columns are those of the model, by name and in order. */
export function predictTable(model: Model, table: Table, out = new Float64Array(table.rows)): Float64Array {
  requireColumns(model.names, table.names)
  const row = new Float64Array(table.names.length)
  for (let i = 0; i < table.rows; i++) {
    for (let column = 0; column < row.length; column++) row[column] = table.columns[column]![i]!
    out[i] = model.predict(row)
  }
  return out
}

/** @throws {GimbalError} `schema-mismatch` unless both lists are the same, naming the first difference. */
export function requireColumns(wanted: readonly string[], given: readonly string[]): void {
  const at = wanted.findIndex((name, index) => given[index] !== name)
  if (at < 0 && wanted.length === given.length) return
  const first = at < 0 ? wanted.length : at
  throw new GimbalError('schema-mismatch', 'These are not the columns the model was trained on', {
    column: first,
    wanted: wanted[first] ?? 'none',
    given: given[first] ?? 'none',
    columnsWanted: wanted.length,
    columnsGiven: given.length,
  })
}

/**
 * Checks a training set once, so that learners need not.
 *
 * @throws {GimbalError} `table-invalid`: lengths that differ, a label that is not finite, a negative or infinite weight, an
 *   infinite figure, no rows.
 */
export function requireTrainingSet({ table, label, weight, initScore }: TrainingSet): void {
  const fail = (reason: string, facts: Record<string, string | number>): never => {
    throw new GimbalError('table-invalid', `Nothing can be learnt from this table: ${reason}`, facts)
  }
  const { rows, names, columns } = table
  if (!(rows > 0)) fail('it has no rows', { rows })
  if (names.length !== columns.length)
    fail('names and columns differ in number', { names: names.length, columns: columns.length })
  if (new Set(names).size !== names.length) fail('two columns have the same name', { names: names.join(' ') })
  for (const [index, column] of columns.entries()) {
    if (column.length !== rows)
      fail('a column has another length', { column: names[index]!, rows, length: column.length })
    const at = firstInfinite(column)
    if (at >= 0) fail('a figure is infinite', { column: names[index]!, row: at })
  }
  if (label.length !== rows) fail('there is not one label a row', { rows, labels: label.length })
  const bad = label.findIndex((value) => !Number.isFinite(value))
  if (bad >= 0) fail('a label is not a number', { row: bad, label: label[bad]! })
  if (weight && weight.length !== rows) fail('there is not one weight a row', { rows, weights: weight.length })
  const light = weight ? weight.findIndex((value) => !(value >= 0) || value === Number.POSITIVE_INFINITY) : -1
  if (light >= 0) fail('a weight is negative or not a number', { row: light, weight: weight![light]! })
  if (initScore && (initScore.length % rows !== 0 || initScore.length === 0))
    fail('there is not one starting score a row', { rows, scores: initScore.length })
}

/** A plain loop: the largest tables are looked at figure by figure, where a callback each would take longer than binning. */
function firstInfinite(column: Float64Array | Float32Array): number {
  for (let row = 0; row < column.length; row++) if (Math.abs(column[row]!) === Number.POSITIVE_INFINITY) return row
  return -1
}
