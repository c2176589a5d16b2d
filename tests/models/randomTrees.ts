/** @file Trees nobody trained: of random shape, with every kind of split, consistent with themselves. */

import type { Random } from '../../src/core/random.ts'
import type { Tree, TreeEnsemble } from '../../src/models/trees/ensemble.ts'

/** Which splits there are: `plain` has numbers with known and missing figures; `all` has zeros for missing and categories too. */
export type Splits = 'plain' | 'all'

/** A tree that grew by splitting random leaves; leaf and node numbers are given as LightGBM gives them. */
export function randomTree(random: Random, columns: number, leafCount: number, splits: Splits): Tree {
  const nodes = leafCount - 1
  const tree = {
    leafCount,
    feature: new Int32Array(nodes),
    threshold: new Float64Array(nodes),
    decision: new Uint8Array(nodes),
    left: new Int32Array(nodes),
    right: new Int32Array(nodes),
    gain: Float64Array.from({ length: nodes }, () => random.exponential(1)),
    nodeValue: Float64Array.from({ length: nodes }, () => random.normal()),
    nodeWeight: new Float64Array(nodes),
    nodeCount: new Int32Array(nodes),
    leafValue: Float64Array.from({ length: leafCount }, () => random.normal()),
    leafWeight: Float64Array.from({ length: leafCount }, () => random.exponential(10)),
    leafCounts: Int32Array.from({ length: leafCount }, () => random.integer(1, 50)),
    shrinkage: 0.1,
  }
  const bounds = [0]
  const words: number[] = []
  const parent = new Int32Array(leafCount).fill(-1)
  for (let node = 0; node < nodes; node++) {
    const leaf = random.integer(0, node)
    const above = parent[leaf]!
    if (above >= 0) {
      if (tree.left[above] === ~leaf) tree.left[above] = node
      else tree.right[above] = node
    }
    tree.left[node] = ~leaf
    tree.right[node] = ~(node + 1)
    parent[leaf] = parent[node + 1] = node
    tree.feature[node] = random.integer(0, columns - 1)
    const kind = splits === 'plain' ? random.integer(0, 1) * 2 : random.integer(0, 3)
    if (kind === 3) {
      tree.decision[node] = 1 | (random.integer(0, 2) << 2)
      tree.threshold[node] = bounds.length - 1
      for (let word = random.integer(0, 2); word >= 0; word--) words.push(random.bits() >>> 0)
      bounds.push(words.length)
    } else {
      tree.decision[node] = (random.integer(0, 1) << 1) | (kind << 2)
      tree.threshold[node] = random.integer(0, 5) === 0 ? 0 : 0.7 * random.normal()
    }
  }
  // Children have greater numbers, so counts add up from the last node to the root.
  for (let node = nodes - 1; node >= 0; node--)
    for (const child of [tree.left[node]!, tree.right[node]!]) {
      tree.nodeCount[node]! += child < 0 ? tree.leafCounts[~child]! : tree.nodeCount[child]!
      tree.nodeWeight[node]! += child < 0 ? tree.leafWeight[~child]! : tree.nodeWeight[child]!
    }
  return { ...tree, categoryBounds: Int32Array.from(bounds), categoryWords: Uint32Array.from(words) }
}

export function randomEnsemble(
  random: Random,
  shape: { columns: number; trees: number; leaves: number; splits: Splits; classCount?: number },
): TreeEnsemble {
  const { columns, trees, leaves, splits, classCount = 1 } = shape
  return {
    objective: classCount > 1 ? 'multiclass' : 'regression',
    objectiveParameters: {},
    classCount,
    names: Array.from({ length: columns }, (_, column) => `column-${column}`),
    columnInfos: Array.from({ length: columns }, () => '[-3:3]'),
    trees: Array.from({ length: trees }, () => randomTree(random, columns, leaves, splits)),
    averaged: false,
  }
}

/** A row with some of everything that can go wrong in one. */
export function randomRow(random: Random, columns: number): Float64Array {
  return Float64Array.from({ length: columns }, () => {
    switch (random.integer(0, 11)) {
      case 0:
        return Number.NaN
      case 1:
        return 0
      case 2:
        // About the bound within which figures count as 0, a float32.
        return Math.fround(1e-35) * (random.integer(-2, 2) + random.integer(-1, 1) * Number.EPSILON)
      case 3:
        return random.integer(-3, 100)
      case 4:
        return random.integer(0, 1) === 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
      case 5:
        return 4294967296 * random.normal()
      default:
        return random.normal()
    }
  })
}
