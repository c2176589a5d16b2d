/**
 * @file Trains gimbal's trees once on the figures compare.mjs wrote, and prints what it took. One process a run, as for the
 * others: what the compiler needs to warm up is in the figure.
 *
 *   node bench/peers/lightgbm/ours.mjs FOLDER THREADS
 */

import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { readSettings } from '../../../dist/core/settings.js'
import { fitTrees } from '../../../dist/models/trees/fitTrees.js'
import { FlatPredictor } from '../../../dist/models/trees/flatPredictor.js'
import { TREE_SETTINGS } from '../../../dist/models/trees/treeSettings.js'
import { TreeThreads } from '../../../dist/models/trees/treeThreads.js'

const [folder, count] = process.argv.slice(2)
const settings = JSON.parse(readFileSync(join(folder, 'settings.json'), 'utf8'))

function read(name) {
  const figures = readFileSync(join(folder, `${name}.figures`))
  const all = new Float32Array(figures.buffer, figures.byteOffset, figures.length / 4)
  const rows = all.length / settings.columns
  const labels = readFileSync(join(folder, `${name}.labels`))
  return {
    table: {
      rows,
      names: Array.from({ length: settings.columns }, (_, column) => `x${column}`),
      columns: Array.from({ length: settings.columns }, (_, column) => all.slice(column * rows, (column + 1) * rows)),
    },
    label: new Float64Array(labels.buffer, labels.byteOffset, labels.length / 8),
  }
}

const train = read('train')
const test = read('test')
const { objective, rounds, leaves, learningRate, bins, rowsPerLeafMin } = settings
const given = { objective, rounds, leaves, learningRate, bins, rowsPerLeafMin }

const start = performance.now()
const before = process.cpuUsage()
const threads = await TreeThreads.open(Number(count))
const fit = fitTrees(train, readSettings('trees', TREE_SETTINGS, given), { threads })
await threads.close()
const wall = (performance.now() - start) / 1000
const used = process.cpuUsage(before)

const predictor = new FlatPredictor(fit.ensemble)
const row = new Float64Array(settings.columns)
let loss = 0
for (let i = 0; i < test.table.rows; i++) {
  for (let column = 0; column < row.length; column++) row[column] = test.table.columns[column][i]
  const forecast = predictor.predict(row)
  const p = Math.min(1 - 1e-15, Math.max(1e-15, forecast))
  loss += objective === 'binary' ? -Math.log(test.label[i] > 0 ? p : 1 - p) : (forecast - test.label[i]) ** 2
}
console.log(JSON.stringify({ wall, cpu: (used.user + used.system) / 1e6, loss: loss / test.table.rows }))
