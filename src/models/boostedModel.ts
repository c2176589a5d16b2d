/** @file A log-linear start and the trees that correct it: start × exp(trees), for quantities that are positive. */

import { type Model, requireColumns } from './learner.ts'
import type { LinearModel } from './linear/linearModel.ts'
import type { FlatPredictor } from './trees/flatPredictor.ts'

export class BoostedModel implements Model {
  readonly base: LinearModel
  readonly trees: FlatPredictor

  /** @throws {GimbalError} `schema-mismatch` unless both were trained on the same columns. */
  constructor(base: LinearModel, trees: FlatPredictor) {
    requireColumns(base.names, trees.names)
    this.base = base
    this.trees = trees
  }

  get names(): readonly string[] {
    return this.base.names
  }

  predict(row: Float64Array, offset = 0): number {
    return this.base.predict(row, offset) * Math.exp(this.trees.raw(row, offset))
  }
}
