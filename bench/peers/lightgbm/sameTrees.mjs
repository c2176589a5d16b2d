/**
 * @file Whether gimbal and LightGBM grow the same trees from the same chances: LightGBM's own examples with the parameters of
 * their configuration files, once with all rows and columns in every tree, then with the shares of the configuration and
 * with smaller ones, drawn as LightGBM draws them with the same seed. Three classes are made of the binary example by cutting
 * its last but two column, m_wbb, in three.
 *
 *   GIMBAL_SHARED=../shared node bench/peers/lightgbm/sameTrees.mjs [--json]
 *
 * In LightGBM's manner what is left are ties: where gains are equal, to the precision of its 32-bit gradients, either choice is
 * as good, and of bounds between which a leaf has no rows LightGBM may take the one at zero. The last rows are our own manner
 * without chance: bins of zero as of any figure, rows of leaves counted where LightGBM estimates them from hessians.
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
  multiclass: { objective: 'multiclass', classCount: 3, learningRate: 0.1, leaves: 15, rowsPerLeafMin: 50 },
}
/** Shares of the examples' configuration files; a few rows, and columns drawn anew at every node; few columns. */
const SHARES = {
  all: [{ seed: 1 }],
  configured: [0, 1, 2, 3, 4].map((seed) => ({ seed, rowShare: 0.8, rowShareEvery: 5, featureShare: 0.8 })),
  small: [
    { seed: 5, rowShare: 0.3, rowShareEvery: 1, featureShareNode: 0.5 },
    { seed: 0, rowShare: 0.3, rowShareEvery: 2, featureShare: 0.1, featureShareNode: 0.5 },
  ],
}
const ROUNDS = 100

/** Three classes of about equal size instead of two. */
function classes(set, cuts) {
  const column = set.table.columns[25]
  const sorted = column.slice().sort()
  const [low, high] = cuts ?? [1, 2].map((third) => sorted[Math.floor((third * sorted.length) / 3)])
  const others = set.table.columns.filter((_, i) => i !== 25)
  const table = { rows: set.table.rows, names: others.map((_, i) => `x${i}`), columns: others }
  return {
    set: { table, label: column.map((figure) => Number(figure >= low) + Number(figure >= high)) },
    cuts: [low, high],
  }
}

function example(name) {
  const [train, test] = ['train', 'test'].map((part) => readExample(name === 'multiclass' ? 'binary' : name, part))
  if (name !== 'multiclass') return [train, test]
  const { set, cuts } = classes(train)
  return [set, classes(test, cuts).set]
}

/** Trees LightGBM grows. */
function lightgbm(name, given, settings) {
  saveSet(folder, name, 'train', given)
  saveSet(folder, name, 'test', given)
  const parameters = {
    objective: settings.objective,
    num_class: settings.classCount ?? 1,
    learning_rate: settings.learningRate,
    num_leaves: settings.leaves,
    max_bin: 255,
    min_data_in_leaf: settings.rowsPerLeafMin,
    min_sum_hessian_in_leaf: settings.hessianPerLeafMin,
    bagging_fraction: settings.rowShare ?? 1,
    bagging_freq: settings.rowShareEvery ?? 1,
    feature_fraction: settings.featureShare ?? 1,
    feature_fraction_bynode: settings.featureShareNode ?? 1,
  }
  const { columns } = given.table
  const { seed } = settings
  const task = { name, rounds: ROUNDS, seeds: [seed], columns: columns.length, text: true, lightgbm: parameters }
  writeFileSync(join(folder, 'cases.json'), JSON.stringify([task]))
  const { status, stderr } = spawnSync(peer, [join(ROOT, 'bench', 'peers', 'lightgbm', 'accuracyPeer.py'), folder], {
    encoding: 'utf8',
  })
  if (status !== 0) throw new Error(stderr)
  return readLightgbmModel(readFileSync(join(folder, `${name}.${seed}.txt`), 'utf8'))
}

/** Trees that split on the same columns in the same order, at thresholds that divide the same figures. */
function alike(a, b) {
  const close = (x, y) => Math.abs(x - y) <= 1e-9 * Math.max(1, Math.abs(x))
  return (
    a.feature.length === b.feature.length &&
    a.feature.every((column, node) => column === b.feature[node] && close(a.threshold[node], b.threshold[node]))
  )
}

/** Where two trees part: the first node not the same, and by how much of its gain the choices differ. */
function parting(a, b) {
  const differs = (_, node) =>
    a.feature[node] !== b.feature[node] || Math.abs(a.threshold[node] - b.threshold[node]) > 1e-9
  const node = Array.from(a.feature).findIndex(differs)
  if (node < 0) return `node ${a.feature.length}`
  return `node ${node}, gains ${a.gain[node].toPrecision(8)} and ${b.gain[node].toPrecision(8)}`
}

const results = []
for (const [name, own] of Object.entries(EXAMPLES)) {
  const [train, test] = example(name)
  const runs = Object.entries(SHARES).flatMap(([shares, drawn]) => drawn.map((share) => ['lightgbm', shares, share]))
  for (const [manner, shares, share] of [...runs, ['gimbal', 'all', { seed: 1 }]]) {
    const settings = { ...own, ...share, hessianPerLeafMin: 5 }
    const given = { ...settings, rounds: ROUNDS, manner }
    const { ensemble } = fitTrees(train, readSettings('trees', TREE_SETTINGS, given))
    const theirs = lightgbm(name, train, settings)
    const same = ensemble.trees.map((tree, i) => alike(tree, theirs.trees[i]))
    const first = same.indexOf(false)
    const row = {
      example: name,
      manner,
      shares,
      seed: share.seed,
      trees: same.length,
      treesAlike: same.filter((each) => each).length,
      alikeFromTheFirst: first < 0 ? same.length : first,
      parting: first < 0 ? '' : parting(ensemble.trees[first], theirs.trees[first]),
    }
    results.push(name === 'multiclass' ? row : { ...row, ...losses(name, ensemble, theirs, test) })
  }
}

/** Losses of both on the test rows, and their difference in percent. */
function losses(name, ensemble, theirs, test) {
  const [ours, other] = [ensemble, theirs].map((each) => judge(name, rawScores(each, test), test))
  return Object.fromEntries(
    Object.keys(ours).flatMap((metric) => [
      [metric, Number(ours[metric].toFixed(6))],
      [`${metric}Percent`, Number((100 * (ours[metric] / other[metric] - 1)).toFixed(3))],
    ]),
  )
}
if (values.json) console.log(JSON.stringify(results, undefined, 2))
else console.table(results)
