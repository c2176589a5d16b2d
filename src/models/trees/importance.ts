/** @file What the columns of boosted trees were worth while they were grown; what they are worth in use says `treeShap.ts`. */

import type { TreeEnsemble } from './ensemble.ts'

/** Splits on each column, those without gain left out, as LightGBM counts them. */
export function splitImportance({ names, trees }: TreeEnsemble): Float64Array {
  const counts = new Float64Array(names.length)
  for (const { feature, gain } of trees)
    for (let node = 0; node < feature.length; node++) if (gain[node]! > 0) counts[feature[node]!]!++
  return counts
}

/** Sum of the gains of the splits on each column, in the unit of the loss. */
export function gainImportance({ names, trees }: TreeEnsemble): Float64Array {
  const sums = new Float64Array(names.length)
  for (const { feature, gain } of trees)
    for (let node = 0; node < feature.length; node++) if (gain[node]! > 0) sums[feature[node]!]! += gain[node]!
  return sums
}
