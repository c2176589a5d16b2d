/**
 * @file Boosted trees as plain data: what the trainer makes, the predictor flattens, and LightGBM's text format holds.
 *
 * The shape of a tree is LightGBM's, so that models move both ways without loss.
 * Source: LightGBM, include/LightGBM/tree.h and src/io/tree.cpp (MIT), read for the format; the code here is our own.
 */

/** How a split treats missing values. Numbers are those of LightGBM's `decision_type`, bits 2 and 3. */
export const Missing = {
  /** Training saw none: NaN is taken for 0. */
  NONE: 0,
  /** 0 (within 1e-35) and NaN are missing and go the default way. */
  ZERO: 1,
  /** NaN goes the default way. */
  NAN: 2,
} as const

/**
 * One tree in flat arrays. Internal nodes are numbered from 0, the root; a child below 0 is leaf `~child`. A tree of a
 * single leaf has no nodes.
 */
export interface Tree {
  readonly leafCount: number
  /** Per node: column split on, and its threshold (numerical: figure <= threshold goes left; categorical: number of its set in `categoryBounds`). */
  readonly feature: Int32Array
  readonly threshold: Float64Array
  /** Per node, bits as in LightGBM: 1 categorical, 2 missing goes left, then {@link Missing} from bit 2 on. */
  readonly decision: Uint8Array
  readonly left: Int32Array
  readonly right: Int32Array
  /** Per node: gain of the split, and value, weight and rows of the node had it been a leaf. */
  readonly gain: Float64Array
  readonly nodeValue: Float64Array
  readonly nodeWeight: Float64Array
  readonly nodeCount: Int32Array
  /** Per leaf. Values include the shrinkage. Weight is the sum of hessians. */
  readonly leafValue: Float64Array
  readonly leafWeight: Float64Array
  readonly leafCounts: Int32Array
  /** Category sets: set s is the bits of words `categoryBounds[s]` to `categoryBounds[s + 1]`; a category in it goes left. */
  readonly categoryBounds: Int32Array
  readonly categoryWords: Uint32Array
  /** Learning rate already inside the leaf values. */
  readonly shrinkage: number
}

/** Objectives, by LightGBM's names where it has them; `qlike` and its log link are ours. */
export type Objective =
  | 'regression'
  | 'regression_l1'
  | 'huber'
  | 'quantile'
  | 'binary'
  | 'multiclass'
  | 'poisson'
  | 'gamma'
  | 'qlike'

/** Trees whose sum is a raw score; `link` turns it into the unit of the label. */
export interface TreeEnsemble {
  readonly objective: Objective
  /** Parameters of the objective that prediction or continued training need: `alpha` of huber and quantile, `sigmoid` of binary. */
  readonly objectiveParameters: Readonly<Record<string, number>>
  /** Classes of multiclass, else 1: tree i belongs to class i modulo `classCount`. */
  readonly classCount: number
  readonly names: readonly string[]
  /** Per column what training saw: `[least:greatest]`, `none` for a column never used, or the categories joined by `:`. LightGBM's `feature_infos`. */
  readonly columnInfos: readonly string[]
  readonly trees: readonly Tree[]
  /** Whether the raw score is the mean of the trees instead of their sum (random forests). */
  readonly averaged: boolean
}
