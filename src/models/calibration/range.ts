/**
 * @file Whether a model is asked about a world it was not trained on, column by column: what the gate's `model-range` breaker
 * listens to.
 *
 * Every column has bounds between which all but a small share of its training figures lay. Which columns a row leaves is
 * simple to explain and cheap (two comparisons a column); rows whose columns are ordinary one by one but not together are
 * for `jointRange.ts`.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Table } from '../learner.ts'

/** Where training was, in plain data that JSON holds. */
export interface RangeSpec {
  readonly names: readonly string[]
  readonly columns: readonly ColumnRange[]
}

export interface ColumnRange {
  /** Bounds of a number, both inside; null when training had no figure at all, or the column holds categories. */
  readonly low: number | null
  readonly high: number | null
  /** Categories training had, ascending; null for a number. */
  readonly categories: readonly number[] | null
  /** Whether training had missing figures: only then is a missing one inside. */
  readonly missing: boolean
}

/**
 * The range of a training table.
 *
 * @param tail Share of a column's figures left out at each end, so that one wild row does not make everything ordinary. Rows like
 *   those of training lie outside with 2 × tail of their columns on average: set the breaker well above.
 * @throws {GimbalError} `config-invalid` unless 0 <= tail < 0.5; `table-invalid` for a table without rows.
 */
export function trainingRange(table: Table, tail = 0.001): RangeSpec {
  if (!(tail >= 0 && tail < 0.5))
    throw new GimbalError('config-invalid', 'The tail of a range is a share below one half', { tail })
  if (!(table.rows > 0)) throw new GimbalError('table-invalid', 'A table without rows has no range', { rows: 0 })
  const categorical = new Set(table.categorical ?? [])
  const columns = table.columns.map((column, index): ColumnRange => {
    const sorted = Float64Array.from(column).filter((value) => !Number.isNaN(value))
    sorted.sort()
    const missing = sorted.length < column.length
    if (categorical.has(index)) return { low: null, high: null, categories: [...new Set(sorted)], missing }
    if (sorted.length === 0) return { low: null, high: null, categories: null, missing }
    return { low: quantile(sorted, tail), high: quantile(sorted, 1 - tail), categories: null, missing }
  })
  return { names: table.names, columns }
}

/** Linear interpolation between order statistics (Hyndman & Fan's type 7). */
export function quantile(sorted: Float64Array, share: number): number {
  const place = share * (sorted.length - 1)
  const below = Math.floor(place)
  const above = Math.min(sorted.length - 1, below + 1)
  return sorted[below]! + (place - below) * (sorted[above]! - sorted[below]!)
}

/** Measures rows against a range. */
export class TrainingRange {
  readonly names: readonly string[]
  readonly #low: Float64Array
  readonly #high: Float64Array
  readonly #missing: Uint8Array
  readonly #categories: readonly (ReadonlySet<number> | null)[]

  /** @throws {GimbalError} `model-invalid` when names and ranges differ in number, or bounds are no bounds. */
  constructor({ names, columns }: RangeSpec) {
    if (names.length !== columns.length)
      throw new GimbalError('model-invalid', 'A range does not have one entry a column', {
        names: names.length,
        ranges: columns.length,
      })
    this.names = names
    // Without figures there is no inside: low above high.
    this.#low = Float64Array.from(columns, ({ low }) => low ?? Number.POSITIVE_INFINITY)
    this.#high = Float64Array.from(columns, ({ high }) => high ?? Number.NEGATIVE_INFINITY)
    this.#missing = Uint8Array.from(columns, ({ missing }) => (missing ? 1 : 0))
    this.#categories = columns.map(({ categories }) => categories && new Set(categories))
    const bad = columns.findIndex(
      ({ low, high }) => (low === null) !== (high === null) || (low !== null && !(low <= high!)),
    )
    if (bad >= 0) throw new GimbalError('model-invalid', 'A range has bounds that are none', { column: names[bad]! })
  }

  /** Share of the columns, 0 to 1, in which a row lies outside; 0 for no columns. Allocates nothing. */
  share(row: Float64Array, offset = 0): number {
    const count = this.#low.length
    let outside = 0
    for (let column = 0; column < count; column++) if (this.outside(column, row[offset + column]!)) outside++
    return count === 0 ? 0 : outside / count
  }

  /** Whether a figure lies outside the range of a column: beyond its bounds, of no known category, or missing as never before. */
  outside(column: number, figure: number): boolean {
    if (Number.isNaN(figure)) return this.#missing[column] === 0
    const categories = this.#categories[column]
    if (categories) return !categories.has(figure)
    return !(figure >= this.#low[column]! && figure <= this.#high[column]!)
  }
}
