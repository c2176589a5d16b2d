/**
 * @file A search at full size: on threads, over a queue, with a worker killed, with the search itself killed.
 *
 *   node bench/search.mjs [--trials 200] [--iterations 10000000] [--redis redis-server]
 *
 * Runs one search (tree-structured Parzen estimator, six parameters) five times: on one thread, on two, by two `gimbal
 * worker` processes over a Redis server started for it on a free port of this machine, the same with one worker killed
 * with SIGKILL after a third of the trials, and the same with the search killed in the middle and started again.
 * Compares every trial, the best one and every line of the ledger but dates. Efficiency on two cores is told twice: the
 * trials' own seconds over twice the wall time, as the bar has it, and the time of one thread over twice that of two,
 * which trials slowed down by one another cannot flatter. Prints one JSON document; exits 1 when anything differs.
 *
 * Needs a build (`npm run build`) and two idle cores.
 */

import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { availableParallelism, loadavg, tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values } = parseArgs({
  options: {
    trials: { type: 'string', default: '200' },
    iterations: { type: 'string', default: '10000000' },
    redis: { type: 'string', default: 'redis-server' },
  },
})
if (!existsSync('dist/apps/main.js')) throw new Error('no build: npm run build')
const trials = Number(values.trials)
const folder = mkdtempSync(join(tmpdir(), 'gimbal-search-'))
const failures = []
const unit = { kind: 'uniform', min: 0, max: 1 }
const spec = {
  family: 'machinery',
  evaluator: 'test-function',
  space: { x1: unit, x2: unit, x3: unit, x4: unit, x5: unit, x6: unit },
  fixed: { function: 'hartmann6', iterations: Number(values.iterations), noise: 0.01 },
  method: { name: 'tpe' },
  metric: 'test-function',
  trials,
  seed: 1,
  // SHA-256 of nothing: its trials look at no data.
  dataHash: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  version: JSON.parse(readFileSync('package.json', 'utf8')).version,
}

/** A program, what it says, and a promise of its end. */
function start(args, onLine = () => {}) {
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  let out = ''
  let err = ''
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
    for (const line of text.split('\n')) if (line !== '') onLine(line)
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
  })
  const ended = new Promise((done) => child.once('close', (code, signal) => done({ code, signal, out, err })))
  const ready = new Promise((done) => child.stderr.on('data', () => err.includes('taking trials') && done()))
  return { child, ended, ready }
}

/** Runs the search; the answer of its last line, and what it left without dates and seconds. */
async function search(name, runner, onTrial) {
  const out = join(folder, name)
  mkdirSync(out, { recursive: true })
  const running = start(['tests/search/searchProcess.mjs', JSON.stringify({ spec, out, ...runner })], (line) => {
    if (/^\d+$/.test(line)) onTrial?.(Number(line), running.child)
  })
  const said = await running.ended
  if (said.signal) return { killed: said.signal }
  const answer = JSON.parse(said.out.trimEnd().split('\n').at(-1))
  if (said.code !== 0) failures.push(`${name}: ${answer.message}`)
  return { answer, left: left(out) }
}

function left(out) {
  const lines = (path) =>
    readFileSync(path, 'utf8')
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line))
  const [file] = readdirSync(join(out, 'search')).filter((name) => name.endsWith('.jsonl'))
  const finished = lines(join(out, 'search', file)).slice(1)
  const ledger = lines(join(out, 'trials.jsonl'))
  return JSON.stringify([
    finished
      .sort((a, b) => a.number - b.number)
      .map(({ number, configuration, result: { seconds: _, ...result } }) => [number, configuration, result]),
    ledger.map(({ date: _, hash: __, previous: ___, ...entry }) => entry),
  ])
}

async function freePort() {
  const probe = createServer()
  await new Promise((done) => probe.listen(0, '127.0.0.1', done))
  const { port } = probe.address()
  await new Promise((done) => probe.close(done))
  return port
}

/** A Redis server of its own, so that no answers of another run are found; two workers; then whatever `work` does. */
async function withWorkers(work) {
  const port = await freePort()
  const dir = mkdtempSync(join(folder, 'redis-'))
  const options = ['--port', port, '--bind', '127.0.0.1', '--dir', dir, '--save', '', '--appendonly', 'no']
  const server = spawn(values.redis, options.map(String), { stdio: ['ignore', 'pipe', 'inherit'] })
  const queue = `redis://127.0.0.1:${port}`
  const workers = []
  try {
    await new Promise((done, failed) => {
      server.once('error', failed)
      server.stdout.on('data', (text) => /Ready to accept/.test(`${text}`) && done())
    })
    for (let i = 0; i < 2; i++)
      workers.push(start(['dist/apps/main.js', 'worker', '--queue', queue, '--concurrency', '1', '--json']))
    await Promise.all(workers.map(({ ready }) => ready))
    const result = await work(queue, workers)
    for (const { child } of workers) child.kill('SIGTERM')
    const ended = await Promise.all(workers.map(({ ended }) => ended))
    return { ...result, workers: ended.map(({ out, signal }) => signal ?? JSON.parse(out).trials) }
  } finally {
    for (const { child } of workers) child.kill('SIGKILL')
    server.kill('SIGKILL')
  }
}

const load = loadavg()[0]
const one = await search('one', { threads: 1 })
const two = await search('two', { threads: 2 })
const queued = await withWorkers((queue) => search('queued', { queue }))
const workerKilled = await withWorkers((queue, workers) => {
  const third = Math.floor(trials / 3)
  return search('workerKilled', { queue }, (finished) => finished === third && workers[0].child.kill('SIGKILL'))
})
const searchKilled = await withWorkers(async (queue) => {
  const half = Math.floor(trials / 2)
  const first = await search('searchKilled', { queue }, (finished, child) => finished === half && child.kill('SIGKILL'))
  if (first.killed !== 'SIGKILL') failures.push('searchKilled: it was not killed')
  return search('searchKilled', { queue })
})

const runs = { one, two, queued, workerKilled, searchKilled }
const round = (value) => Math.round(value * 1000) / 1000
const report = {}
for (const [name, { answer, left: found, workers }] of Object.entries(runs)) {
  const same = found === one.left
  if (!same) failures.push(`${name}: trials or ledger differ from those of one thread`)
  if (answer.trials !== trials) failures.push(`${name}: ${answer.trials} trials`)
  report[name] = {
    best: answer.best.number,
    score: answer.best.result.score,
    sameTrialsAndLedger: same,
    resumed: answer.resumed,
    wallSeconds: round(answer.wall),
    ...(workers && { trialsByWorker: workers }),
    ...((name === 'two' || name === 'queued') && {
      efficiency: round(answer.work / (2 * answer.wall)),
      againstOneThread: round(one.answer.wall / (2 * answer.wall)),
    }),
  }
}
console.log(
  JSON.stringify({ trials, cores: availableParallelism(), loadBefore: round(load), ...report, failures }, undefined, 2),
)
rmSync(folder, { recursive: true, force: true })
process.exitCode = failures.length > 0 ? 1 : 0
