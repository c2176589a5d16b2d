/**
 * @file What a split does with a figure, said plainly: the definition that `flatPredictor.ts` is fast at.
 *
 * LightGBM's own `predict` takes figures within 1e-35 of 0 for 0 before it asks any tree. It is not done here: a trainer that
 * puts a threshold between 0 and such a figure is right about it, and LightGBM's never does.
 *
 * Source: LightGBM 4.7.0, include/LightGBM/tree.h (`NumericalDecision`, `CategoricalDecision`; MIT), read for the rules.
 */

import { Missing, type Tree } from './ensemble.ts'

/** LightGBM's `kZeroThreshold`, a float32 compared as a double: figures within it of 0 count as 0 where 0 is missing. */
export const ZERO_WITHIN = Math.fround(1e-35)

/** Whether a split sends a figure to its left child. */
export function goesLeft(tree: Tree, node: number, figure: number): boolean {
  const bits = tree.decision[node]!
  const threshold = tree.threshold[node]!
  if ((bits & 1) === 1) return holdsCategory(tree, threshold, figure)
  const missing = bits >> 2
  const value = Number.isNaN(figure) && missing !== Missing.NAN ? 0 : figure
  const absent = missing === Missing.ZERO ? Math.abs(value) <= ZERO_WITHIN : Number.isNaN(value)
  return absent ? (bits & 2) !== 0 : value <= threshold
}

/** Whether a set holds a category: the figure cut to a whole number, which NaN, negative and unknown ones have none of. */
function holdsCategory({ categoryBounds, categoryWords }: Tree, set: number, figure: number): boolean {
  // C++ cuts to a 32-bit integer, and what does not fit becomes negative.
  if (!(figure > -1 && figure < 2147483648)) return false
  const category = Math.trunc(figure)
  const word = categoryBounds[set]! + Math.floor(category / 32)
  return word < categoryBounds[set + 1]! && ((categoryWords[word]! >>> (category % 32)) & 1) === 1
}

/** The leaf a row falls into. */
export function leafOf(tree: Tree, row: Float64Array, offset = 0): number {
  if (tree.leafCount === 1) return 0
  let node = 0
  while (node >= 0)
    node = goesLeft(tree, node, row[offset + tree.feature[node]!]!) ? tree.left[node]! : tree.right[node]!
  return ~node
}
