/**
 * @file gimbal's trees and LightGBM on LightGBM's own examples, with the parameters of their configuration files, over many
 * seeds: AUC and log loss of the binary example, squared loss of the regression example, on its test rows. Once with the rows
 * and columns LightGBM draws with the same seed, so that what differs is not luck, and once with draws of our own.
 *
 *   GIMBAL_SHARED=../shared node bench/peers/lightgbm/accuracy.mjs [--seeds 20] [--json]
 *
 * The examples (examples/binary_classification, examples/regression; MIT) are read from $GIMBAL_SHARED/data/tabular. Weights of
 * the binary and starting scores of the regression rows are used, as LightGBM's command line does when it finds the files.
 */

import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readSettings } from '../../../dist/core/settings.js'
import { fitTrees } from '../../../dist/models/trees/fitTrees.js'
import { TREE_SETTINGS } from '../../../dist/models/trees/treeSettings.js'
import { python, ROOT, runPeer } from '../environment.mjs'
import { judge, rawScores, readExample, saveSet } from './examples.mjs'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '20' }, json: { type: 'boolean', default: false } },
})
const folder = join(ROOT, '.cache', 'peers', 'trees-accuracy')
mkdirSync(folder, { recursive: true })

const seeds = Array.from({ length: Number(values.seeds) }, (_, i) => i + 1)
const cases = [
  {
    name: 'binary',
    rounds: 100,
    seeds,
    lightgbm: {
      objective: 'binary',
      learning_rate: 0.1,
      num_leaves: 63,
      max_bin: 255,
      feature_fraction: 0.8,
      bagging_freq: 5,
      bagging_fraction: 0.8,
      min_data_in_leaf: 50,
      min_sum_hessian_in_leaf: 5,
    },
    ours: { objective: 'binary', learningRate: 0.1, leaves: 63, featureShare: 0.8, rowsPerLeafMin: 50 },
  },
  {
    name: 'regression',
    rounds: 100,
    seeds,
    lightgbm: {
      objective: 'regression',
      learning_rate: 0.05,
      num_leaves: 31,
      max_bin: 255,
      feature_fraction: 0.9,
      bagging_freq: 5,
      bagging_fraction: 0.8,
      min_data_in_leaf: 100,
      min_sum_hessian_in_leaf: 5,
    },
    ours: { objective: 'regression', learningRate: 0.05, leaves: 31, featureShare: 0.9, rowsPerLeafMin: 100 },
  },
]
for (const each of cases)
  Object.assign(each.ours, { rounds: each.rounds, rowShare: 0.8, rowShareEvery: 5, hessianPerLeafMin: 5 })

const sets = new Map()
for (const each of cases) {
  const train = readExample(each.name, 'train')
  const test = readExample(each.name, 'test')
  each.columns = train.table.columns.length
  saveSet(folder, each.name, 'train', train)
  saveSet(folder, each.name, 'test', test)
  sets.set(each.name, { train, test })
}
writeFileSync(join(folder, 'cases.json'), JSON.stringify(cases))
runPeer(python('lightgbm', ['lightgbm==4.6.0', 'xgboost==3.1.1', 'numpy==2.3.5']), [
  join(ROOT, 'bench', 'peers', 'lightgbm', 'accuracyPeer.py'),
  folder,
])

const results = []
for (const { name, ours, seeds: all } of cases) {
  const { train, test } = sets.get(name)
  const lightgbm = all.map((seed) => {
    const theirs = readFileSync(join(folder, `${name}.${seed}.raw`))
    return judge(name, new Float64Array(theirs.buffer, theirs.byteOffset, theirs.length / 8), test)
  })
  for (const manner of ['lightgbm', 'gimbal']) {
    const gimbal = all.map((seed) => {
      const { ensemble } = fitTrees(train, readSettings('trees', TREE_SETTINGS, { ...ours, seed, manner }))
      return judge(name, rawScores(ensemble, test), test)
    })
    for (const metric of Object.keys(gimbal[0])) results.push(compared(name, manner, metric, gimbal, lightgbm))
  }
}

/** Means over seeds, their spread, and the standard error of the mean difference, seed by seed. */
function compared(example, manner, metric, gimbal, lightgbm) {
  const mean = (figures) => figures.reduce((sum, each) => sum + each, 0) / figures.length
  const spread = (figures) => {
    const around = mean(figures)
    return Math.sqrt(figures.reduce((sum, each) => sum + (each - around) ** 2, 0) / (figures.length - 1))
  }
  const [ours, theirs] = [gimbal, lightgbm].map((all) => all.map((each) => each[metric]))
  const differences = ours.map((each, i) => each - theirs[i])
  const percent = (figure) => Number(((100 * figure) / mean(theirs)).toFixed(3))
  return {
    example,
    manner,
    metric,
    gimbal: Number(mean(ours).toFixed(6)),
    lightgbm: Number(mean(theirs).toFixed(6)),
    differencePercent: percent(mean(differences)),
    standardErrorPercent: percent(spread(differences) / Math.sqrt(differences.length)),
    seedSpreadGimbal: Number(spread(ours).toFixed(6)),
    seedSpreadLightgbm: Number(spread(theirs).toFixed(6)),
  }
}
if (values.json) console.log(JSON.stringify(results, undefined, 2))
else console.table(results)
