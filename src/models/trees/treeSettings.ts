/** @file Settings of the tree trainer: LightGBM's meanings and defaults where it has the setting (docs, "Parameters"). */

import { GimbalError } from '../../core/errors.ts'
import type { SettingsOf, SettingsShape } from '../../core/settings.ts'
import type { Objective } from './ensemble.ts'

/** All objectives, in the order their numbers have in shared memory. */
export const OBJECTIVES: readonly Objective[] = [
  'regression',
  'regression_l1',
  'huber',
  'quantile',
  'binary',
  'multiclass',
  'poisson',
  'gamma',
  'qlike',
]

const WHOLE_MAX = 2 ** 31 - 1

export const TREE_SETTINGS = {
  objective: { default: 'regression', choices: OBJECTIVES, doc: 'what a forecast is judged by while learning' },
  rounds: { default: 100, min: 1, max: 100_000, doc: 'trees to grow, of each class' },
  learningRate: { default: 0.1, min: 1e-6, max: 1, doc: 'share of its step a tree takes' },
  leaves: { default: 31, min: 2, max: 65_536, doc: 'most leaves of a tree' },
  depthMax: { default: -1, min: -1, max: 65_536, doc: 'most splits between root and leaf; -1 is no limit' },
  rowsPerLeafMin: { default: 20, min: 1, max: WHOLE_MAX, doc: 'fewest rows of a leaf' },
  hessianPerLeafMin: { default: 1e-3, min: 0, doc: 'least sum of hessians in a leaf' },
  lambdaL1: { default: 0, min: 0, doc: 'penalty on the size of leaf values' },
  lambdaL2: { default: 0, min: 0, doc: 'penalty on the square of leaf values' },
  gainMin: { default: 0, min: 0, doc: 'least gain that justifies a split' },
  bins: { default: 255, min: 2, max: 255, doc: 'most bins of a column, the one of missing values included' },
  minDataInBin: { default: 3, min: 1, max: WHOLE_MAX, doc: 'fewest sampled rows of a bin' },
  binSampleRows: { default: 200_000, min: 1, max: WHOLE_MAX, doc: 'rows sampled to place the bounds of bins' },
  rowShare: { default: 1, min: 1e-6, max: 1, doc: 'share of rows a tree sees, drawn without replacement' },
  rowShareEvery: { default: 1, min: 1, max: WHOLE_MAX, doc: 'rounds after which rows are drawn again' },
  featureShare: { default: 1, min: 1e-6, max: 1, doc: 'share of columns a tree sees' },
  featureShareNode: { default: 1, min: 1e-6, max: 1, doc: "share of the tree's columns a split may choose from" },
  earlyStopRounds: {
    default: 0,
    min: 0,
    max: WHOLE_MAX,
    doc: 'rounds without a better validation loss after which to stop and keep the best; 0 never stops',
  },
  monotone: {
    default: '',
    doc: 'columns the forecast may only rise (+) or fall (-) with, by name: +spread,-depth',
  },
  categorySmooth: { default: 10, min: 0, doc: 'hessian added to a category before categories are ordered' },
  categoryL2: { default: 10, min: 0, doc: 'lambdaL2 added in splits that order categories' },
  categoriesPerSplitMax: { default: 32, min: 1, max: 255, doc: 'most categories on the smaller side of a split' },
  categoriesOneHotMax: { default: 4, min: 1, max: 255, doc: 'up to so many categories are split one against the rest' },
  rowsPerCategoryGroupMin: { default: 100, min: 1, max: WHOLE_MAX, doc: 'fewest rows by which a category set grows' },
  alpha: { default: 0.9, min: 1e-9, doc: 'huber: where squares turn into absolutes; quantile: which one, below 1' },
  sigmoid: { default: 1, min: 1e-9, doc: 'binary: steepness of the logistic link' },
  classCount: { default: 1, min: 1, max: 1000, doc: 'multiclass: number of classes, labelled 0, 1, …' },
  maxDeltaStep: { default: 0.7, min: 1e-9, doc: 'poisson: added to the log forecast in the hessian' },
  boostFromAverage: { default: true, doc: 'start from the best constant' },
  seed: { default: 1, doc: 'of all sampling' },
  manner: {
    default: 'gimbal',
    choices: ['gimbal', 'lightgbm'],
    doc: 'lightgbm: drawn and binned as by LightGBM 4.6 whose parameter seed is given as this seed, rows of leaves estimated',
  },
} as const satisfies SettingsShape

export type TreeSettings = SettingsOf<typeof TREE_SETTINGS>

/** Objectives whose every row has hessian 1 when rows have no weights. */
export function hessianIsOne(objective: Objective): boolean {
  return (
    objective === 'regression' || objective === 'regression_l1' || objective === 'huber' || objective === 'quantile'
  )
}

/** Objectives whose leaf values are quantiles of the residuals instead of Newton steps. */
export function renewsLeaves(objective: Objective): boolean {
  return objective === 'regression_l1' || objective === 'quantile'
}

/**
 * Settings that are right one by one, judged together.
 *
 * @returns Direction per column: 1, -1, or 0 for none.
 * @throws {GimbalError} `config-invalid`.
 */
export function monotoneDirections(
  settings: TreeSettings,
  names: readonly string[],
  categorical: readonly number[],
): Int8Array {
  const fail = (summary: string, facts: Record<string, string | number>): never => {
    throw new GimbalError('config-invalid', summary, facts)
  }
  const { objective, classCount, alpha } = settings
  if ((objective === 'multiclass') !== classCount > 1)
    fail('multiclass has two classes or more, every other objective one', { objective, classCount })
  if (objective === 'quantile' && alpha >= 1) fail('A quantile lies below 1', { alpha })
  const directions = new Int8Array(names.length)
  const given = settings.monotone.split(',').filter((text) => text.trim() !== '')
  for (const text of given.map((each) => each.trim())) {
    const direction = text[0] === '+' ? 1 : text[0] === '-' ? -1 : 0
    const column = names.indexOf(text.slice(1))
    if (direction === 0 || column < 0)
      fail('A monotone column is written as its sign and its name', { given: text, columns: names.join(' ') })
    if (categorical.includes(column))
      fail('Categories have no order a forecast could follow', { column: names[column]! })
    directions[column] = direction
  }
  if (given.length > 0 && renewsLeaves(objective as Objective))
    fail('Leaf values that are quantiles cannot be held monotone', { objective, monotone: settings.monotone })
  return directions
}
