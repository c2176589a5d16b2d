/** @file LightGBM's own examples: reading them, handing them to the peer, judging forecasts of their test rows. */

import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { FlatPredictor } from '../../../dist/models/trees/flatPredictor.js'
import { ROOT } from '../environment.mjs'

const source = join(process.env.GIMBAL_SHARED ?? join(ROOT, '..', 'shared'), 'data', 'tabular')
if (!existsSync(source)) throw new Error(`LightGBM's examples are not there: ${source}; set GIMBAL_SHARED`)

/** A table of LightGBM's examples: the label, then the figures, by tabulators. */
export function readExample(name, part) {
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
  const [weight, initScore] = [beside('weight'), beside('init')]
  const table = { rows: rows.length, names, columns }
  return { table, label, ...(weight && { weight }), ...(initScore && { initScore }) }
}

/** Writes a set where accuracyPeer.py looks for it. */
export function saveSet(folder, name, part, set) {
  const write = (kind, array) =>
    array && writeFileSync(join(folder, `${name}.${part}.${kind}`), Buffer.from(array.buffer))
  write('figures', Float64Array.from(set.table.columns.flatMap((column) => [...column])))
  write('labels', set.label)
  write('weights', set.weight)
  write('starts', set.initScore)
}

/** Scores of an ensemble before its link. */
export function rawScores(ensemble, { table }) {
  const predictor = new FlatPredictor({ ...ensemble, objective: 'regression' }) // Raw: no link.
  const row = new Float64Array(table.columns.length)
  return Float64Array.from({ length: table.rows }, (_, i) => {
    for (let column = 0; column < row.length; column++) row[column] = table.columns[column][i]
    return predictor.predict(row)
  })
}

/** Losses of raw scores on a test set; test rows count alike, as LightGBM's own metrics do without their weights. */
export function judge(name, raw, { label, initScore }) {
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
