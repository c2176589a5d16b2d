/**
 * @file Time to train boosted trees, binning included, by number of threads, and that all grow the same trees.
 *
 *   npm run build && node bench/trees.mjs [--rows 500000] [--columns 50] [--rounds 100] [--leaves 63] [--objective regression]
 *     [--threads 1,2] [--repeats 3] [--json]
 *
 * Repetitions of the thread counts alternate. The hash is of every threshold, value and gain: equal trees, equal hash. Beside
 * rivals: bench/peers/lightgbm/compare.mjs.
 */

import { createHash } from 'node:crypto'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import { Random } from '../dist/core/random.js'
import { readSettings } from '../dist/core/settings.js'
import { fitTrees } from '../dist/models/trees/fitTrees.js'
import { TREE_SETTINGS } from '../dist/models/trees/treeSettings.js'
import { TreeThreads } from '../dist/models/trees/treeThreads.js'
import { median } from './peers/environment.mjs'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '500000' },
    columns: { type: 'string', default: '50' },
    rounds: { type: 'string', default: '100' },
    leaves: { type: 'string', default: '63' },
    objective: { type: 'string', default: 'regression' },
    threads: { type: 'string', default: '1,2' },
    repeats: { type: 'string', default: '3' },
    json: { type: 'boolean', default: false },
  },
})
const rows = Number(values.rows)
const random = new Random(1)
const columns = Array.from({ length: Number(values.columns) }, () =>
  Float32Array.from({ length: rows }, () => random.normal()),
)
const label = Float64Array.from({ length: rows }, (_, row) => {
  const y = columns.reduce((sum, column, i) => sum + Math.sin(column[row] * (1 + (i % 3))) / (1 + i), random.normal())
  if (values.objective === 'binary') return y > 0 ? 1 : 0
  return ['poisson', 'gamma', 'qlike'].includes(values.objective) ? Math.exp(y / 2) : y
})
const set = { table: { rows, names: columns.map((_, i) => `x${i}`), columns }, label }
const { objective, rounds, leaves } = values
const settings = readSettings('trees', TREE_SETTINGS, { objective, rounds, leaves })

const runs = values.threads.split(',').map((count) => ({ threads: Number(count), wall: [], cpu: [], hash: '' }))
for (let repeat = 0; repeat < Number(values.repeats); repeat++)
  for (const run of repeat % 2 === 0 ? runs : [...runs].reverse()) {
    const threads = await TreeThreads.open(run.threads)
    const before = process.cpuUsage()
    const start = performance.now()
    const { ensemble } = fitTrees(set, settings, { threads })
    run.wall.push((performance.now() - start) / 1000)
    const { user, system } = process.cpuUsage(before)
    run.cpu.push((user + system) / 1e6)
    await threads.close()
    const hash = createHash('sha256')
    for (const tree of ensemble.trees) hash.update(tree.threshold).update(tree.leafValue).update(tree.gain)
    run.hash = hash.digest('hex').slice(0, 16)
  }

const results = runs.map(({ threads, wall, cpu, hash }) => ({
  threads,
  wallSeconds: Number(median(wall).toFixed(3)),
  cpuSeconds: Number(median(cpu).toFixed(3)),
  hash,
}))
if (values.json)
  console.log(JSON.stringify({ rows, columns: columns.length, settings, cpu: cpus()[0].model, results }, undefined, 2))
else console.table(results)
if (new Set(results.map(({ hash }) => hash)).size > 1) throw new Error('the number of threads changed the trees')
