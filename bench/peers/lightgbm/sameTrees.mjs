/**
 * @file Whether gimbal and LightGBM grow the same trees when nothing is left to chance: LightGBM's own examples with the
 * parameters of their configuration files, all rows and all columns in every tree.
 *
 *   GIMBAL_SHARED=../shared node bench/peers/lightgbm/sameTrees.mjs [--json]
 *
 * Three steps, each with one difference more: columns of at most 200 levels, which both libraries give a bin each, and leaves
 * of any number of rows; leaves of at least as many rows as the example asks for, which LightGBM estimates from hessians
 * (the same where hessians are one) and gimbal counts; the columns as they are, which each library cuts into bins by rules of
 * its own. Near ties go either way, since LightGBM's gradients are 32-bit. What the last step changes in the loss is what bins
 * alone are worth on 500 test rows, sampling apart (that is accuracy.mjs).
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { readSettings } from '../../../dist/core/settings.js'
import { fitTrees } from '../../../dist/models/trees/fitTrees.js'
import { readLightgbmModel } from '../../../dist/models/trees/lightgbmText.js'
import { TREE_SETTINGS } from '../../../dist/models/trees/treeSettings.js'
import { python, ROOT } from '../environment.mjs'
import { judge, rawScores, readExample, saveSet } from './examples.mjs'

const { values } = parseArgs({ options: { json: { type: 'boolean', default: false } } })
const folder = join(ROOT, '.cache', 'peers', 'trees-same')
mkdirSync(folder, { recursive: true })
const peer = python('lightgbm', ['lightgbm==4.6.0', 'xgboost==3.1.1', 'numpy==2.3.5'])

const EXAMPLES = {
  binary: { objective: 'binary', learningRate: 0.1, leaves: 63, rowsPerLeafMin: 50 },
  regression: { objective: 'regression', learningRate: 0.05, leaves: 31, rowsPerLeafMin: 100 },
}
const ROUNDS = 100
const LEVELS = 200

/** Each figure replaced by the number of quantiles of training it reaches. */
function levelled(train, test) {
  const columns = train.table.columns.map((column, at) => {
    const sorted = column.slice().sort()
    const cuts = new Set(
      Array.from({ length: LEVELS - 1 }, (_, i) => sorted[Math.floor(((i + 1) * sorted.length) / LEVELS)]),
    )
    const level = (figure) => 1 + [...cuts].filter((cut) => figure >= cut).length
    return [column.map(level), test.table.columns[at].map(level)]
  })
  return [train, test].map((set, part) => ({
    ...set,
    table: { ...set.table, columns: columns.map((both) => both[part]) },
  }))
}

/** Trees and raw scores of LightGBM. */
function lightgbm(name, given, test, settings) {
  saveSet(folder, name, 'train', given)
  saveSet(folder, name, 'test', test)
  const parameters = {
    objective: settings.objective,
    learning_rate: settings.learningRate,
    num_leaves: settings.leaves,
    max_bin: 255,
    min_data_in_leaf: settings.rowsPerLeafMin,
    min_sum_hessian_in_leaf: settings.hessianPerLeafMin,
  }
  const columns = test.table.columns.length
  writeFileSync(
    join(folder, 'cases.json'),
    JSON.stringify([{ name, rounds: ROUNDS, seeds: [1], columns, text: true, lightgbm: parameters }]),
  )
  const { status, stderr } = spawnSync(peer, [join(ROOT, 'bench', 'peers', 'lightgbm', 'accuracyPeer.py'), folder], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  const raw = readFileSync(join(folder, `${name}.1.raw`))
  return {
    ensemble: readLightgbmModel(readFileSync(join(folder, `${name}.1.txt`), 'utf8')),
    raw: new Float64Array(raw.buffer, raw.byteOffset, raw.length / 8),
  }
}

/** Trees that split on the same columns in the same order, at thresholds that divide the same figures. */
function alike(a, b) {
  const close = (x, y) => Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x))
  return (
    a.feature.length === b.feature.length &&
    a.feature.every((column, node) => column === b.feature[node] && close(a.threshold[node], b.threshold[node]))
  )
}

const results = []
for (const [name, own] of Object.entries(EXAMPLES)) {
  const asTheyAre = [readExample(name, 'train'), readExample(name, 'test')]
  const steps = [
    ['at most 200 levels', levelled(...asTheyAre), 1],
    ['at most 200 levels', levelled(...asTheyAre), own.rowsPerLeafMin],
    ['as they are', asTheyAre, own.rowsPerLeafMin],
  ]
  for (const [columns, [train, test], rowsPerLeafMin] of steps) {
    const settings = { ...own, rowsPerLeafMin, hessianPerLeafMin: 5 }
    const { ensemble } = fitTrees(train, readSettings('trees', TREE_SETTINGS, { ...settings, rounds: ROUNDS }))
    const theirs = lightgbm(name, train, test, settings)
    const same = ensemble.trees.map((tree, i) => alike(tree, theirs.ensemble.trees[i]))
    const first = same.indexOf(false)
    const [ours, other] = [judge(name, rawScores(ensemble, test), test), judge(name, theirs.raw, test)]
    for (const metric of Object.keys(ours))
      results.push({
        example: name,
        columns,
        rowsPerLeafMin,
        treesAlike: same.filter((each) => each).length,
        alikeFromTheFirst: first < 0 ? ROUNDS : first,
        metric,
        gimbal: Number(ours[metric].toFixed(6)),
        lightgbm: Number(other[metric].toFixed(6)),
        differencePercent: Number((100 * (ours[metric] / other[metric] - 1)).toFixed(3)),
      })
  }
}
if (values.json) console.log(JSON.stringify(results, undefined, 2))
else console.table(results)
