/**
 * What it measures: a forecast of 100 trees of 63 leaves for one row, which the engine pays at every sample of every model;
 * for a row of a table, which research pays; and its explanation by column. The plain walk is there to compare with.
 */

import { bench } from '../../../tests/bench.ts'
import { randomEnsemble } from '../../../tests/models/randomTrees.ts'
import { Random } from '../../core/random.ts'
import { leafOf } from './decision.ts'
import { FlatPredictor } from './flatPredictor.ts'
import { TreeShap } from './treeShap.ts'

const COLUMNS = 50
const ROWS = 4096

const random = new Random(42)
const plain = randomEnsemble(random, { columns: COLUMNS, trees: 100, leaves: 63, splits: 'plain' })
const mixed = randomEnsemble(random, { columns: COLUMNS, trees: 100, leaves: 63, splits: 'all' })
// Every twentieth figure is missing.
const figures = Float64Array.from({ length: ROWS * COLUMNS }, () =>
  random.integer(1, 20) === 1 ? Number.NaN : random.normal(),
)

/** Row by row, from all over the table, so that neither the row nor the way through the trees is foreseen. */
function rowByRow(predict: (row: Float64Array, offset: number) => number): (events: number) => number {
  return (events) => {
    let hash = 0
    for (let i = 0; i < events; i++) {
      const score = predict(figures, ((i * 2039) % ROWS) * COLUMNS)
      hash = (Math.imul(hash, 31) + Math.round(score * 1e6)) | 0
    }
    return hash
  }
}

const predictor = new FlatPredictor(plain)
bench(
  'trees: one row, 100 × 63 leaves',
  [200, 200_000],
  rowByRow((row, at) => predictor.raw(row, at)),
)

const categories = new FlatPredictor(mixed)
bench(
  'trees: one row, categories and zeros too',
  [200, 100_000],
  rowByRow((row, at) => categories.raw(row, at)),
)

bench(
  'trees: one row, the plain way',
  [200, 50_000],
  rowByRow((row, at) => {
    let sum = 0
    for (let i = 0; i < plain.trees.length; i++) sum += plain.trees[i]!.leafValue[leafOf(plain.trees[i]!, row, at)]!
    return sum
  }),
)

bench('trees: one row of a table', [ROWS, 50 * ROWS], (events) => {
  const columns = plain.names.map((_, column) => {
    return Float64Array.from({ length: ROWS }, (_, row) => figures[row * COLUMNS + column]!)
  })
  const out = new Float64Array(ROWS)
  let hash = 0
  for (let i = 0; i < events; i += ROWS) {
    predictor.rawTable({ rows: ROWS, names: plain.names, columns }, out)
    hash = (Math.imul(hash, 31) + Math.round(out[i % ROWS]! * 1e6)) | 0
  }
  return hash
})

const shap = new TreeShap(plain)
const contributions = new Float64Array(COLUMNS + 1)
bench(
  'trees: contributions of one row',
  [10, 2_000],
  rowByRow((row, at) => {
    shap.contributions(row, contributions, at)
    return contributions[7]!
  }),
)
