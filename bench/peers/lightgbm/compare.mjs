/**
 * @file gimbal's trees, LightGBM and XGBoost on the same figures with equal settings: time to train, binning included, and
 * loss on rows held out.
 *
 *   node bench/peers/lightgbm/compare.mjs [--rows 500000] [--columns 50] [--rounds 100] [--threads 1,2] [--repeats 3]
 *     [--objective regression|binary] [--seed 20261122] [--without xgboost] [--json]
 *
 * Every run is a process of its own; within a repetition all are run one after another, and every other repetition in the
 * opposite order, so that a busy minute falls on all. Ratios are of medians. CPU seconds are printed beside wall seconds: on a
 * machine with other work they say more, though spinning while waiting for the other thread counts there and not in wall time.
 */

import { spawnSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { Random } from '../../../dist/core/random.js'
import { median, python, ROOT } from '../environment.mjs'

const { values } = parseArgs({
  options: {
    rows: { type: 'string', default: '500000' },
    columns: { type: 'string', default: '50' },
    rounds: { type: 'string', default: '100' },
    threads: { type: 'string', default: '1,2' },
    repeats: { type: 'string', default: '3' },
    objective: { type: 'string', default: 'regression' },
    seed: { type: 'string', default: '20261122' },
    without: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
})
const settings = {
  rows: Number(values.rows),
  columns: Number(values.columns),
  objective: values.objective,
  rounds: Number(values.rounds),
  leaves: 63,
  learningRate: 0.1,
  bins: 255,
  rowsPerLeafMin: 20,
}
if (settings.columns < 20) throw new Error('--columns: the signal is made of the first 20')
const here = join(ROOT, 'bench', 'peers', 'lightgbm')
const folder = join(ROOT, '.cache', 'peers', 'trees')
mkdirSync(folder, { recursive: true })
writeFileSync(join(folder, 'settings.json'), JSON.stringify(settings))

/**
 * Normal figures; a label made of products, waves, steps and slopes of a third of the columns, and noise. The product has a
 * slope of its own: of a pure one no first split gains anything, and when a library happens upon it decides its loss.
 */
function write(name, rows, random) {
  const figures = new Float32Array(rows * settings.columns)
  for (let i = 0; i < figures.length; i++) figures[i] = random.normal()
  const labels = new Float64Array(rows)
  for (let i = 0; i < rows; i++) {
    const x = (column) => figures[column * rows + i]
    let sum = (x(0) + 0.5) * x(1) + Math.sin(3 * x(2)) + 0.5 * x(3) ** 2 + (x(4) > 0 ? x(5) : 0) + 0.3 * Math.abs(x(6))
    for (let column = 7; column < 17; column++) sum += 0.2 * x(column)
    labels[i] = sum + 0.5 * random.normal()
    if (settings.objective === 'binary') labels[i] = labels[i] > 0 ? 1 : 0
  }
  writeFileSync(join(folder, `${name}.figures`), Buffer.from(figures.buffer))
  writeFileSync(join(folder, `${name}.labels`), Buffer.from(labels.buffer))
}
const random = new Random(Number(values.seed))
write('train', settings.rows, random.fork('train'))
write('test', Math.max(1000, settings.rows / 5), random.fork('test'))

const binary = python('lightgbm', ['lightgbm==4.6.0', 'xgboost==3.1.1', 'numpy==2.3.5'])
const libraries = ['gimbal', 'lightgbm', 'xgboost'].filter((name) => !values.without.split(',').includes(name))

function train(library, threads) {
  const [command, args] =
    library === 'gimbal'
      ? [process.execPath, [join(here, 'ours.mjs'), folder, String(threads)]]
      : [binary, [join(here, 'peer.py'), folder, library, String(threads)]]
  const { status, stdout, stderr } = spawnSync(command, args, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`${library} failed: ${stderr}`)
  return JSON.parse(stdout.trim().split('\n').at(-1))
}

const runs = values.threads
  .split(',')
  .flatMap((threads) => libraries.map((library) => ({ library, threads: Number(threads), wall: [], cpu: [], loss: 0 })))
for (let repeat = 0; repeat < Number(values.repeats); repeat++)
  for (const run of repeat % 2 === 0 ? runs : [...runs].reverse()) {
    const { wall, cpu, loss } = train(run.library, run.threads)
    run.wall.push(wall)
    run.cpu.push(cpu)
    run.loss = loss
    if (!values.json)
      console.error(`${run.library} ${run.threads}: wall ${wall.toFixed(2)} cpu ${cpu.toFixed(2)} loss ${loss}`)
  }

const rounded = (figure) => Number(figure.toFixed(3))
const results = runs.map(({ library, threads, wall, cpu, loss }) => {
  const lightgbm = runs.find((other) => other.library === 'lightgbm' && other.threads === threads)
  return {
    library,
    threads,
    wallSeconds: rounded(median(wall)),
    cpuSeconds: rounded(median(cpu)),
    loss,
    ...(lightgbm && {
      wallOverLightgbm: rounded(median(wall) / median(lightgbm.wall)),
      cpuOverLightgbm: rounded(median(cpu) / median(lightgbm.cpu)),
      lossOverLightgbm: Number((loss / lightgbm.loss).toFixed(5)),
    }),
  }
})
const report = { settings, node: process.version, cpu: cpus()[0].model, cores: cpus().length, results }
if (values.json) console.log(JSON.stringify(report, undefined, 2))
else console.table(results)
