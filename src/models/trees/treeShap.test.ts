/**
 * Goal: contributions are the Shapley values they claim to be, and add up to the score.
 *
 * Method: LightGBM's pred_contrib; Shapley's formula over all subsets of columns for small random trees; the sum for deep
 * ones, where recursions over subset sizes lose digits.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LIGHTGBM_CASES } from '../../../tests/models/lightgbmCases.ts'
import { randomEnsemble, randomRow, randomTree } from '../../../tests/models/randomTrees.ts'
import { Random } from '../../core/random.ts'
import { goesLeft } from './decision.ts'
import type { Tree, TreeEnsemble } from './ensemble.ts'
import { FlatPredictor } from './flatPredictor.ts'
import { gainImportance, splitImportance } from './importance.ts'
import { readLightgbmModel } from './lightgbmText.ts'
import { shapImportance, TreeShap } from './treeShap.ts'

/** What the tree answers when only the columns in `known` (bits) are. */
function answer(tree: Tree, row: Float64Array, known: number, node = tree.leafCount > 1 ? 0 : ~0): number {
  if (node < 0) return tree.leafValue[~node]!
  const [left, right] = [tree.left[node]!, tree.right[node]!]
  const column = tree.feature[node]!
  if ((known >> column) & 1) return answer(tree, row, known, goesLeft(tree, node, row[column]!) ? left : right)
  const rows = (child: number) => (child < 0 ? tree.leafCounts[~child]! : tree.nodeCount[child]!)
  const share = rows(left) / (rows(left) + rows(right))
  return share * answer(tree, row, known, left) + (1 - share) * answer(tree, row, known, right)
}

/** Shapley's own formula: the mean over all orders in which columns could become known. */
function shapley(trees: readonly Tree[], row: Float64Array, columns: number): number[] {
  const factorial = (n: number): number => (n < 2 ? 1 : n * factorial(n - 1))
  const values = new Array<number>(columns).fill(0)
  for (let known = 0; known < 1 << columns; known++) {
    const size = known.toString(2).replaceAll('0', '').length
    const weight = (factorial(size) * factorial(columns - size - 1)) / factorial(columns)
    for (let column = 0; column < columns; column++)
      if (!((known >> column) & 1))
        for (const tree of trees)
          values[column]! += weight * (answer(tree, row, known | (1 << column)) - answer(tree, row, known))
  }
  return values
}

test.each(LIGHTGBM_CASES)('$name: contributions are LightGBM’s to 1e-12', ({ model, rows, contributions }) => {
  const ensemble = readLightgbmModel(model)
  const shap = new TreeShap(ensemble)
  const out = new Float64Array(ensemble.classCount * (ensemble.names.length + 1))
  // LightGBM explains the sum of a random forest, not its mean.
  const scale = ensemble.averaged ? ensemble.trees.length : 1
  for (const [i, row] of rows.entries()) {
    shap.contributions(row, out)
    expect(out.length).toBe(contributions[i]!.length)
    for (const [at, wanted] of contributions[i]!.entries())
      expect(Math.abs(out[at]! * scale - wanted)).toBeLessThan(1e-12)
  }
})

test('small trees: contributions are the mean over all orders of the columns', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 5 }),
      (seed, leaves, columns) => {
        const random = new Random(seed)
        const ensemble = randomEnsemble(random, { columns, trees: 2, leaves, splits: 'all' })
        const row = randomRow(random, columns)
        const out = new Float64Array(columns + 1)
        new TreeShap(ensemble).contributions(row, out)
        const wanted = [
          ...shapley(ensemble.trees, row, columns),
          answer(ensemble.trees[0]!, row, 0) + answer(ensemble.trees[1]!, row, 0),
        ]
        for (const [at, value] of wanted.entries()) expect(Math.abs(out[at]! - value)).toBeLessThan(1e-12)
      },
    ),
    { numRuns: 60 },
  )
})

test('a training row nobody was is no matter: leaves without rows contribute only to rows that fall into them', () => {
  const random = new Random(11)
  for (let i = 0; i < 20; i++) {
    const ensemble = randomEnsemble(random, { columns: 4, trees: 1, leaves: 6, splits: 'plain' })
    const tree = ensemble.trees[0]!
    // One leaf loses its rows; every node above it loses as many.
    const lost = tree.leafCounts[2]!
    tree.leafCounts[2] = 0
    for (let child = ~2, node = parentOf(tree, child); node >= 0; child = node, node = parentOf(tree, child))
      tree.nodeCount[node]! -= lost
    const row = randomRow(random, 4)
    const out = new Float64Array(5)
    new TreeShap(ensemble).contributions(row, out)
    const wanted = shapley(ensemble.trees, row, 4)
    for (const [at, value] of wanted.entries()) expect(Math.abs(out[at]! - value)).toBeLessThan(1e-12)
  }
})

function parentOf({ left, right }: Tree, child: number): number {
  return Math.max(left.indexOf(child), right.indexOf(child))
}

/** A comb: every split on another column than the last, one leaf a level. */
function deepTree(random: Random, columns: number, leaves: number): Tree {
  const tree = randomTree(random, columns, leaves, 'plain')
  for (let node = 0; node < leaves - 1; node++) {
    tree.feature[node] = node % columns
    tree.left[node] = ~node
    tree.right[node] = node + 1 < leaves - 1 ? node + 1 : ~(leaves - 1)
    tree.nodeCount[node] = tree.leafCounts.subarray(node).reduce((sum, count) => sum + count, 0)
  }
  return tree
}

test('contributions of deep trees add up to the score', () => {
  const random = new Random(17)
  const columns = 60
  const deep: TreeEnsemble = {
    ...randomEnsemble(random, { columns, trees: 0, leaves: 1, splits: 'plain' }),
    trees: Array.from({ length: 5 }, () => deepTree(random, columns, 63)),
  }
  const wide = randomEnsemble(random, { columns, trees: 20, leaves: 63, splits: 'all' })
  for (const ensemble of [deep, wide, { ...wide, averaged: true }]) {
    const shap = new TreeShap(ensemble)
    const predictor = new FlatPredictor(ensemble)
    const out = new Float64Array(columns + 1)
    for (let i = 0; i < 5; i++) {
      const row = randomRow(random, columns)
      shap.contributions(row, out)
      const sum = out.reduce((total, value) => total + value, 0)
      expect(Math.abs(sum - predictor.raw(row))).toBeLessThan(1e-12)
    }
  }
})

test('columns are worth their mean absolute contribution; splits and gains are counted', () => {
  const random = new Random(23)
  const ensemble = randomEnsemble(random, { columns: 3, trees: 4, leaves: 6, splits: 'all', classCount: 2 })
  const rows = Array.from({ length: 7 }, () => randomRow(random, 3))
  const columns = [0, 1, 2].map((column) => Float64Array.from(rows, (row) => row[column]!))
  const wanted = new Float64Array(3)
  const out = new Float64Array(8)
  const shap = new TreeShap(ensemble)
  for (const row of rows) {
    shap.contributions(row, out)
    for (const at of [0, 1, 2, 4, 5, 6]) wanted[at % 4]! += Math.abs(out[at]!) / rows.length
  }
  const found = shapImportance(ensemble, { rows: rows.length, names: ensemble.names, columns })
  for (let column = 0; column < 3; column++) expect(found[column]).toBeCloseTo(wanted[column]!, 12)
  ensemble.trees[0]!.gain[0] = 0
  const sum = (values: Float64Array) => values.reduce((total, value) => total + value, 0)
  expect(sum(splitImportance(ensemble))).toBe(4 * 5 - 1)
  expect(sum(gainImportance(ensemble))).toBeCloseTo(
    ensemble.trees.reduce((total, tree) => total + sum(tree.gain), 0),
    10,
  )
})

test('trees that do not say how many rows went where cannot be explained', () => {
  const ensemble = randomEnsemble(new Random(2), { columns: 2, trees: 1, leaves: 4, splits: 'plain' })
  ensemble.trees[0]!.leafCounts.fill(0)
  ensemble.trees[0]!.nodeCount.fill(0)
  expect(() => new TreeShap(ensemble)).toThrow(expect.objectContaining({ code: 'model-invalid' }))
})
