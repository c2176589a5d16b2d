/** @file A log-linear start and the trees that correct it: start × exp(trees), for quantities that are positive. */

import { type Model, requireColumns } from './learner.ts'
import type { LinearModel } from './linear/linearModel.ts'
import type { CorrectionGuard } from './trees/correctionGuard.ts'
import type { FlatPredictor } from './trees/flatPredictor.ts'

export class BoostedModel implements Model {
  readonly base: LinearModel
  readonly trees: FlatPredictor
  readonly guard: CorrectionGuard | null
  readonly #floor: number
  readonly #ceiling: number

  /**
   * @param guard What holds the trees back; with it forecasts keep within the bounds of the start, too. Without one trees are
   *   taken at their word.
   * @throws {GimbalError} `schema-mismatch` unless start and trees were trained on the same columns.
   */
  constructor(base: LinearModel, trees: FlatPredictor, guard: CorrectionGuard | null = null) {
    requireColumns(base.names, trees.names)
    this.base = base
    this.trees = trees
    this.guard = guard
    const { floor, ceiling } = base.parameters
    this.#floor = guard ? (floor ?? 0) : 0
    this.#ceiling = guard ? (ceiling ?? Number.POSITIVE_INFINITY) : Number.POSITIVE_INFINITY
  }

  get names(): readonly string[] {
    return this.base.names
  }

  predict(row: Float64Array, offset = 0): number {
    const raw = this.trees.raw(row, offset)
    const correction = this.guard ? this.guard.held(raw, row, offset) : raw
    const answer = this.base.predict(row, offset) * Math.exp(correction)
    return Math.min(Math.max(answer, this.#floor), this.#ceiling)
  }
}
