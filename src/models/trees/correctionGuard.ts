/**
 * @file How far trees are let correct the start they were boosted from: not beyond what they did in training, less where the
 * world is not the one of training, and by no more of it than has paid.
 *
 * Trees stand still outside the figures they learnt from: in a storm, after months of calm, they go on taking off what was too
 * much in the liveliest hours they know, from a start that has risen with the storm. So the correction fades out with how much of
 * what it rests on lies outside. Each column the trees split on counts by its share of the gain, in full from a quarter of the
 * range's width beyond the range on; where a quarter of the gain is outside nothing is left of the correction, and the forecast
 * is the start's.
 */

import { GimbalError } from '../../core/errors.ts'
import { type RangeSpec, TrainingRange, trainingRange } from '../calibration/range.ts'
import type { Table } from '../learner.ts'
import type { TreeEnsemble } from './ensemble.ts'
import type { FlatPredictor } from './flatPredictor.ts'
import { gainImportance } from './importance.ts'

/** In plain data that JSON holds. */
export interface GuardSpec {
  /** Share of the correction that is believed, 0 to 1. */
  readonly weight: number
  /** Least and greatest correction of the samples learnt from: sums of trees, before the weight. */
  readonly least: number
  readonly most: number
  /** Columns the trees split on, by position among the model's, and what each counts: its share of the gain. */
  readonly columns: readonly number[]
  readonly shares: readonly number[]
  /** Their ranges in training, in the same order. */
  readonly range: RangeSpec
}

// Fading at once beyond the range would drop a correction that rests on one column at its first new extreme.
/** Share of the gain outside training at which nothing is left of a correction. */
const NOTHING_LEFT = 0.25
/** Distance from the range, in widths of it, from which on a column is wholly outside. */
const FAR = 0.25

/** What training says of a guard; its weight comes from samples the trees did not see. */
export function guardOf(ensemble: TreeEnsemble, predictor: FlatPredictor, table: Table): Omit<GuardSpec, 'weight'> {
  const gains = gainImportance(ensemble)
  const columns = [...gains.keys()].filter((column) => gains[column]! > 0)
  const total = columns.reduce((sum, column) => sum + gains[column]!, 0)
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]
  const row = new Float64Array(table.columns.length)
  for (let i = 0; i < table.rows; i++) {
    for (let column = 0; column < row.length; column++) row[column] = table.columns[column]![i]!
    const correction = predictor.raw(row)
    least = Math.min(least, correction)
    most = Math.max(most, correction)
  }
  return {
    least,
    most,
    columns,
    shares: columns.map((column) => gains[column]! / total),
    range: trainingRange({
      rows: table.rows,
      names: columns.map((column) => table.names[column]!),
      columns: columns.map((column) => table.columns[column]!),
      categorical: columns.flatMap((column, at) => (table.categorical?.includes(column) ? [at] : [])),
    }),
  }
}

/** Holds corrections back. Allocates nothing; a few comparisons a column. */
export class CorrectionGuard {
  readonly spec: GuardSpec
  readonly #columns: Int32Array
  readonly #shares: Float64Array
  readonly #range: TrainingRange
  readonly #low: Float64Array
  readonly #high: Float64Array

  /** @throws {GimbalError} `model-invalid` when the parts do not fit each other, or a figure is none. */
  constructor(spec: GuardSpec) {
    const { weight, least, most, columns, shares, range } = spec
    const fits =
      weight >= 0 &&
      weight <= 1 &&
      least <= most &&
      columns.length === shares.length &&
      columns.length === range.names.length &&
      columns.every((column) => Number.isInteger(column) && column >= 0) &&
      shares.every((share) => share >= 0)
    if (!fits)
      throw new GimbalError('model-invalid', 'The parts of a guard do not fit each other', {
        weight,
        least,
        most,
        columns: columns.length,
        shares: shares.length,
        ranges: range.names.length,
      })
    this.spec = spec
    this.#columns = Int32Array.from(columns)
    this.#shares = Float64Array.from(shares)
    this.#range = new TrainingRange(range)
    this.#low = Float64Array.from(range.columns, ({ low }) => low ?? Number.NaN)
    this.#high = Float64Array.from(range.columns, ({ high }) => high ?? Number.NaN)
  }

  /** Share of a correction that is left at a row, 0 to 1: 1 where everything the trees look at is as it was in training. */
  left(row: Float64Array, offset = 0): number {
    let outside = 0
    for (let i = 0; i < this.#columns.length; i++) {
      const figure = row[offset + this.#columns[i]!]!
      if (this.#range.outside(i, figure)) outside += this.#shares[i]! * this.#far(i, figure)
    }
    return Math.max(0, 1 - outside / NOTHING_LEFT)
  }

  /** How far outside a figure is, 0 to 1: one that is missing or of no known category is as far as can be. */
  #far(i: number, figure: number): number {
    const width = this.#high[i]! - this.#low[i]!
    const beyond = figure > this.#high[i]! ? figure - this.#high[i]! : this.#low[i]! - figure
    // A width of nothing, or none at all: any distance is far.
    return beyond < FAR * width ? beyond / (FAR * width) : 1
  }

  /** What is made of a correction at a row. @param correction Sum of the trees. */
  held(correction: number, row: Float64Array, offset = 0): number {
    const { weight, least, most } = this.spec
    return weight * this.left(row, offset) * Math.min(Math.max(correction, least), most)
  }
}
