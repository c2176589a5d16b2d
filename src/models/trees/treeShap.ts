/**
 * @file How much each column contributed to a raw score: exact Shapley values of the trees.
 *
 * The game is that of "path-dependent" TreeSHAP, LightGBM's `pred_contrib`: a coalition of columns is worth what the tree
 * answers when splits on other columns send the row both ways, in proportion to the training rows that went there. A leaf
 * under distinct columns 1..n pays its value times the product of one factor a column: o (1 if the row goes that way, else
 * 0) for those in the coalition, z (share of training rows) for the others. Weighted over all coalitions, column i gets
 *
 *     value × (oᵢ − zᵢ) × ∫₀¹ Π_{j≠i} (t oⱼ + (1 − t) zⱼ) dt,
 *
 * because ∫ tˢ (1 − t)ⁿ⁻¹⁻ˢ dt = s! (n − 1 − s)! / n!, the Shapley weight. The integrand is a polynomial of degree n − 1 whose
 * terms are all positive, so Gauss-Legendre quadrature with ⌈n/2⌉ points is exact and loses no digits, however deep the tree,
 * where the recursions over subset sizes divide by small differences. Leaves below an edge share the edge's factor, so one
 * walk over the tree does: O(leaves × distinct columns on a path) a tree and row, a factor of the depth less than Lundberg's.
 *
 * Sources: S. M. Lundberg, G. G. Erion, S.-I. Lee, "Consistent individualized feature attribution for tree ensembles",
 * arXiv:1802.03888 (2018), for the values; P. Yu et al., "Linear TreeShap", NeurIPS 35 (2022), for summing below an edge.
 */

import { GimbalError } from '../../core/errors.ts'
import { requireColumns, type Table } from '../learner.ts'
import { goesLeft } from './decision.ts'
import type { Tree, TreeEnsemble } from './ensemble.ts'

/** A tree with what does not depend on the row. */
interface Prepared {
  readonly tree: Tree
  /** Per node, share of its training rows that went left and right. */
  readonly leftShare: Float64Array
  readonly rightShare: Float64Array
  /** Points to integrate with. */
  readonly rule: QuadratureRule
}

/** Points in (0, 1) and weights that integrate polynomials of degree 2 × points − 1 exactly. */
interface QuadratureRule {
  readonly points: Float64Array
  readonly weights: Float64Array
}

export class TreeShap {
  readonly names: readonly string[]
  readonly classCount: number
  /** By class: the raw score expected of a training row, which contributions start from. */
  readonly expected: Float64Array
  readonly #trees: readonly Prepared[]
  readonly #divisor: number
  /** By column: product of the o and of the z on the path so far; 1 where the path has not asked. */
  readonly #ones: Float64Array
  readonly #zeros: Float64Array
  /** By depth and point: product of the factors of the path; sum of value × product over the leaves below; 1 / factor before. */
  readonly #products: Float64Array
  readonly #sums: Float64Array
  readonly #inverses: Float64Array

  /**
   * @throws {GimbalError} `model-invalid` for trees without the numbers of training rows, which say how absent columns are
   *   averaged over.
   */
  constructor({ names, classCount, trees, averaged }: TreeEnsemble) {
    this.names = names
    this.classCount = classCount
    this.#divisor = averaged ? Math.max(1, trees.length / classCount) : 1
    this.expected = new Float64Array(classCount)
    const rules: QuadratureRule[] = []
    let room = 0
    this.#trees = trees.map((tree, number) => {
      const leftShare = new Float64Array(tree.leafCount - 1)
      const rightShare = new Float64Array(tree.leafCount - 1)
      for (let node = 0; node < leftShare.length; node++) {
        const left = rowsOf(tree, tree.left[node]!)
        const right = rowsOf(tree, tree.right[node]!)
        // The children's sum, not the node's own count: only so do shares add up to 1 and contributions to the score.
        if (!(left + right > 0))
          throw new GimbalError('model-invalid', 'A tree does not say how many training rows went where', {
            tree: number,
            node,
          })
        leftShare[node] = left / (left + right)
        rightShare[node] = right / (left + right)
      }
      const { depth, columns } = measure(tree)
      const count = Math.max(1, Math.ceil(columns / 2))
      const rule = (rules[count] ??= gaussLegendre(count))
      room = Math.max(room, (depth + 1) * count)
      const prepared = { tree, leftShare, rightShare, rule }
      this.expected[number % classCount]! += expectedOf(prepared) / this.#divisor
      return prepared
    })
    this.#ones = new Float64Array(names.length).fill(1)
    this.#zeros = new Float64Array(names.length).fill(1)
    this.#products = new Float64Array(room)
    this.#sums = new Float64Array(room)
    this.#inverses = new Float64Array(room)
  }

  /**
   * Contributions of every column to the raw score of a row, in the objective's raw unit; the expected score comes last, so
   * that the figures of a class add up to its raw score (to 1e-12 relative: test).
   *
   * @param out Receives classCount × (columns + 1) figures, class by class, as LightGBM's `pred_contrib` lays them out.
   *   (For random forests LightGBM's are those of the sum; these are those of the mean.)
   */
  contributions(row: Float64Array, out: Float64Array, offset = 0): void {
    const width = this.names.length + 1
    out.fill(0, 0, width * this.classCount)
    for (let number = 0; number < this.#trees.length; number++) {
      const prepared = this.#trees[number]!
      if (prepared.tree.leafCount === 1) continue
      this.#products.fill(1, 0, prepared.rule.points.length)
      this.#descend(prepared, 0, 0, row, offset, out, (number % this.classCount) * width)
    }
    for (let label = 0; label < this.classCount; label++) {
      const at = label * width
      for (let column = 0; column < width - 1; column++) out[at + column]! /= this.#divisor
      out[at + width - 1] = this.expected[label]!
    }
  }

  /** Walks below `node` and leaves, for every point, the sum of value × product over its leaves in `#sums`. */
  #descend(
    prepared: Prepared,
    node: number,
    depth: number,
    row: Float64Array,
    offset: number,
    out: Float64Array,
    outAt: number,
  ): void {
    const { tree, rule } = prepared
    const { points, weights } = rule
    const count = points.length
    const at = depth * count
    const products = this.#products
    const sums = this.#sums
    if (node < 0) {
      const value = tree.leafValue[~node]!
      for (let k = 0; k < count; k++) sums[at + k] = value * products[at + k]!
      return
    }
    const column = tree.feature[node]!
    const left = goesLeft(tree, node, row[offset + column]!)
    const one = this.#ones[column]!
    const zero = this.#zeros[column]!
    const inverses = this.#inverses
    for (let k = 0; k < count; k++) {
      sums[at + k] = 0
      inverses[at + k] = 1 / (one * points[k]! + zero * (1 - points[k]!))
    }
    for (let side = 0; side < 2; side++) {
      const child = side === 0 ? tree.left[node]! : tree.right[node]!
      const childOne = left === (side === 0) ? one : 0
      const childZero = zero * (side === 0 ? prepared.leftShare[node]! : prepared.rightShare[node]!)
      // Neither the row nor any training row comes here: nothing below contributes.
      if (childOne === 0 && childZero === 0) continue
      const below = at + count
      for (let k = 0; k < count; k++)
        products[below + k] =
          products[at + k]! * inverses[at + k]! * (childOne * points[k]! + childZero * (1 - points[k]!))
      this.#ones[column] = childOne
      this.#zeros[column] = childZero
      this.#descend(prepared, child, depth + 1, row, offset, out, outAt)
      // The column's factor is that of its last split on the path: what the split before it claimed for these leaves is
      // taken back.
      let share = 0
      for (let k = 0; k < count; k++) {
        const sum = sums[below + k]!
        sums[at + k]! += sum
        const now = (childOne - childZero) / (childOne * points[k]! + childZero * (1 - points[k]!))
        share += weights[k]! * sum * (now - (one - zero) * inverses[at + k]!)
      }
      out[outAt + column]! += share
    }
    this.#ones[column] = one
    this.#zeros[column] = zero
  }
}

/**
 * What each column is worth in use: mean over the rows of its absolute contribution to the raw score, summed over classes.
 *
 * @throws {GimbalError} `schema-mismatch` unless the columns are the model's; `model-invalid` as {@link TreeShap}.
 */
export function shapImportance(ensemble: TreeEnsemble, table: Table): Float64Array {
  requireColumns(ensemble.names, table.names)
  const shap = new TreeShap(ensemble)
  const columns = table.names.length
  const row = new Float64Array(columns)
  const contributions = new Float64Array(ensemble.classCount * (columns + 1))
  const means = new Float64Array(columns)
  for (let i = 0; i < table.rows; i++) {
    for (let column = 0; column < columns; column++) row[column] = table.columns[column]![i]!
    shap.contributions(row, contributions)
    for (let label = 0; label < ensemble.classCount; label++)
      for (let column = 0; column < columns; column++)
        means[column]! += Math.abs(contributions[label * (columns + 1) + column]!) / table.rows
  }
  return means
}

function rowsOf({ nodeCount, leafCounts }: Tree, child: number): number {
  return child >= 0 ? nodeCount[child]! : leafCounts[~child]!
}

/** Splits on the longest path, and most distinct columns on a path. */
function measure({ leafCount, feature, left, right }: Tree): { depth: number; columns: number } {
  const most = { depth: 0, columns: 0 }
  const path: number[] = []
  const descend = (node: number): void => {
    if (node < 0) {
      most.depth = Math.max(most.depth, path.length)
      most.columns = Math.max(most.columns, new Set(path).size)
      return
    }
    path.push(feature[node]!)
    descend(left[node]!)
    descend(right[node]!)
    path.pop()
  }
  if (leafCount > 1) descend(0)
  return most
}

function expectedOf({ tree, leftShare, rightShare }: Prepared): number {
  const below = (node: number): number =>
    node < 0
      ? tree.leafValue[~node]!
      : leftShare[node]! * below(tree.left[node]!) + rightShare[node]! * below(tree.right[node]!)
  return below(tree.leafCount > 1 ? 0 : ~0)
}

/** Gauss-Legendre points and weights on (0, 1): roots of the Legendre polynomial by Newton's method, to the last bits. */
function gaussLegendre(count: number): QuadratureRule {
  const points = new Float64Array(count)
  const weights = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    let x = Math.cos((Math.PI * (i + 0.75)) / (count + 0.5))
    let slope = 1
    for (let step = 0; step < 10; step++) {
      let before = 1
      let value = x
      for (let n = 2; n <= count; n++) {
        const next = ((2 * n - 1) * x * value - (n - 1) * before) / n
        before = value
        value = next
      }
      slope = (count * (before - x * value)) / (1 - x * x)
      x -= value / slope
    }
    points[i] = (1 - x) / 2
    weights[i] = 1 / ((1 - x * x) * slope * slope)
  }
  return { points, weights }
}
