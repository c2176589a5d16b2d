/**
 * @file gimbal's trees and LightGBM on LightGBM's own examples, with the parameters of their configuration files, over many
 * seeds: AUC and log loss of the binary example, squared loss of the regression example, on its test rows.
 *
 *   GIMBAL_SHARED=../shared node bench/peers/lightgbm/accuracy.mjs [--seeds 20] [--json]
 *
 * The examples (examples/binary_classification, examples/regression; MIT) are read from $GIMBAL_SHARED/data/tabular. Weights of
 * the binary and starting scores of the regression rows are used, as LightGBM's command line does when it finds the files.
 */

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { gunzipSync } from 'node:zlib'
import { readSettings } from '../../../dist/core/settings.js'
import { fitTrees } from '../../../dist/models/trees/fitTrees.js'
import { FlatPredictor } from '../../../dist/models/trees/flatPredictor.js'
import { TREE_SETTINGS } from '../../../dist/models/trees/treeSettings.js'
import { python, ROOT, runPeer } from '../environment.mjs'

const { values } = parseArgs({
  options: { seeds: { type: 'string', default: '20' }, json: { type: 'boolean', default: false } },
})
const source = join(process.env.GIMBAL_SHARED ?? join(ROOT, '..', 'shared'), 'data', 'tabular')
if (!existsSync(source)) throw new Error(`LightGBM's examples are not there: ${source}; set GIMBAL_SHARED`)
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

/** A table of LightGBM's examples: the label, then the figures, by tabulators. */
function read(name, part) {
  const lines = gunzipSync(readFileSync(join(source, `lightgbm_${name}.${part}.gz`)))
    .toString()
    .trim()
    .split('\n')
  const rows = lines.map((line) => line.trim().split('\t').map(Number))
  const columns = Array.from({ length: rows[0].length - 1 }, (_, i) => Float64Array.from(rows, (row) => row[i + 1]))
  const beside = (kind) => {
    const path = join(source, `lightgbm_${name}.${part}.${kind}`)
    return existsSync(path) ? Float64Array.from(readFileSync(path, 'utf8').trim().split('\n'), Number) : undefined
  }
  const label = Float64Array.from(rows, (row) => row[0])
  const names = columns.map((_, i) => `x${i}`)
  return { table: { rows: rows.length, names, columns }, label, weight: beside('weight'), initScore: beside('init') }
}

function save(name, part, set) {
  const write = (kind, array) =>
    array && writeFileSync(join(folder, `${name}.${part}.${kind}`), Buffer.from(array.buffer))
  write('figures', Float64Array.from(set.table.columns.flatMap((column) => [...column])))
  write('labels', set.label)
  write('weights', set.weight)
  write('starts', set.initScore)
}

function rawScores(ensemble, { table }) {
  const predictor = new FlatPredictor({ ...ensemble, objective: 'regression' }) // Raw: no link.
  const row = new Float64Array(table.columns.length)
  return Float64Array.from({ length: table.rows }, (_, i) => {
    for (let column = 0; column < row.length; column++) row[column] = table.columns[column][i]
    return predictor.predict(row)
  })
}

/** Losses of raw scores on a test set; test rows count alike, as LightGBM's own metrics do without their weights. */
function judge(name, raw, { label, initScore }) {
  if (name === 'regression')
    return { l2: raw.reduce((sum, f, i) => sum + (f + (initScore?.[i] ?? 0) - label[i]) ** 2, 0) / raw.length }
  const order = [...raw.keys()].sort((a, b) => raw[a] - raw[b])
  let below = 0
  let pairs = 0
  for (let i = 0; i < order.length; ) {
    let next = i
    let negatives = 0
    let positives = 0
    for (; next < order.length && raw[order[next]] === raw[order[i]]; next++)
      label[order[next]] > 0 ? positives++ : negatives++
    pairs += positives * (below + negatives / 2)
    below += negatives
    i = next
  }
  const logLoss = raw.reduce((sum, f, i) => sum + Math.log1p(Math.exp(label[i] > 0 ? -f : f)), 0) / raw.length
  return { auc: pairs / (below * (raw.length - below)), logLoss }
}

const sets = new Map()
for (const each of cases) {
  const train = read(each.name, 'train')
  const test = read(each.name, 'test')
  each.columns = train.table.columns.length
  save(each.name, 'train', train)
  save(each.name, 'test', test)
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
  const judged = all.map((seed) => {
    const { weight, initScore, ...rest } = train
    const given = { ...rest, ...(weight && { weight }), ...(initScore && { initScore }) }
    const { ensemble } = fitTrees(given, readSettings('trees', TREE_SETTINGS, { ...ours, seed }))
    const theirs = readFileSync(join(folder, `${name}.${seed}.raw`))
    return {
      gimbal: judge(name, rawScores(ensemble, test), test),
      lightgbm: judge(name, new Float64Array(theirs.buffer, theirs.byteOffset, theirs.length / 8), test),
    }
  })
  for (const metric of Object.keys(judged[0].gimbal)) {
    const mean = (library) => judged.reduce((sum, each) => sum + each[library][metric], 0) / judged.length
    const spread = (library) =>
      Math.sqrt(
        judged.reduce((sum, each) => sum + (each[library][metric] - mean(library)) ** 2, 0) / (judged.length - 1),
      )
    results.push({
      example: name,
      metric,
      gimbal: Number(mean('gimbal').toFixed(6)),
      lightgbm: Number(mean('lightgbm').toFixed(6)),
      differencePercent: Number((100 * (mean('gimbal') / mean('lightgbm') - 1)).toFixed(3)),
      seedSpreadGimbal: Number(spread('gimbal').toFixed(6)),
      seedSpreadLightgbm: Number(spread('lightgbm').toFixed(6)),
    })
  }
}
if (values.json) console.log(JSON.stringify(results, undefined, 2))
else console.table(results)
