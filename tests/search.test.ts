/**
 * Goal: trials come out the same on threads and on workers in other processes, whatever dies meanwhile, and `gimbal
 * worker` can be told to stop, and says what is wrong with its queue.
 *
 * Method: the built program, because threads load it. Evaluators that end their thread; processes killed with SIGKILL in
 * the middle of a search; a Redis server of the test's own on a free port of this machine. Every outcome is compared with
 * the search run on one thread, trial after trial. `bench/search.mjs` does the same at full size.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { completeDataset, saveDataset } from '../src/research/dataset.ts'
import type { SearchSpec } from '../src/research/search/search.ts'
import { NO_DATA } from '../src/research/search/trial.ts'
import { TrialLedger } from '../src/research/trialLedger.ts'
import { ensureBuilt } from './built.ts'

const PROGRAM = resolve('dist/apps/main.js')
const FRAGILE = pathToFileURL(resolve('tests/search/fragileEvaluators.mjs')).href
const VERSION = (JSON.parse(readFileSync('package.json', 'utf8')) as { version: string }).version
const folder = mkdtempSync(join(tmpdir(), 'gimbal-search-'))
const children = new Set<ChildProcess>()

beforeAll(() => ensureBuilt())
afterAll(() => {
  for (const child of children) child.kill('SIGKILL')
  rmSync(folder, { recursive: true, force: true })
})

let homes = 0
function freshHome(): string {
  const home = join(folder, `${++homes}`)
  mkdirSync(home)
  return home
}

const SPEC: SearchSpec = {
  family: 'machinery',
  evaluator: 'test-function',
  space: { x1: { kind: 'uniform', min: -5, max: 10 }, x2: { kind: 'uniform', min: 0, max: 15 } },
  fixed: { function: 'branin', iterations: 100_000 },
  method: { name: 'tpe', settings: { startup: 5, parallel: 6 } },
  metric: 'test-function',
  trials: 40,
  seed: 3,
  dataHash: NO_DATA,
  version: VERSION,
}

/** A search of an evaluator that breaks things, in a folder where it leaves its marks. */
function fragile(evaluator: string, fixed: Record<string, number>, trials = 6) {
  const marks = freshHome()
  const spec: SearchSpec = {
    ...SPEC,
    evaluator,
    space: { x: { kind: 'uniform', min: 0, max: 1 } },
    fixed: { ...fixed, folder: marks },
    trials,
  }
  const tries = () => readdirSync(marks).map((name) => readFileSync(join(marks, name), 'utf8').length)
  return { spec, marks, tries }
}

/** A dataset of two samples in a folder, under the hash of its content. */
function dataset(figures: readonly [number, number]) {
  const place = freshHome()
  const none = new Float64Array(2)
  const made = completeDataset({
    features: { target: 'A-B-PERP@test', sampling: { every: 'time', intervalUs: 1e6 }, normaliseOver: 0, features: [] },
    schemaHash: '',
    timesUs: Float64Array.of(1e6, 2e6),
    table: { rows: 2, names: ['figure'], columns: [Float64Array.from(figures)] },
    path: {
      ...{ startUs: 0, stepUs: 1e6, points: 2 },
      ...{ price: none, buyVolume: none, sellVolume: none, spread: none, depth: none, funding: none },
    },
    source: { kind: 'synthetic', name: 'two samples', dataHash: '', rows: 2 },
  })
  saveDataset(made, join(place, `${made.hash}.dataset`))
  return { hash: made.hash, place }
}

interface Said {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly out: string
  readonly err: string
}

/** A child, what it says, and a way to wait for something it says. */
function start(args: readonly string[]) {
  const env = { ...process.env, GIMBAL_QUEUE: '', AWS_ACCESS_KEY_ID: '' }
  const child = spawn(process.execPath, args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  children.add(child)
  let out = ''
  let err = ''
  const listeners = new Set<() => void>()
  child.stdout.setEncoding('utf8').on('data', (text) => {
    out += text
    for (const listener of listeners) listener()
  })
  child.stderr.setEncoding('utf8').on('data', (text) => {
    err += text
    for (const listener of listeners) listener()
  })
  const ended = new Promise<Said>((done) =>
    child.once('close', (code, signal) => {
      children.delete(child)
      for (const listener of listeners) listener()
      done({ code, signal, out, err })
    }),
  )
  const said = (pattern: RegExp) =>
    new Promise<void>((done, failed) => {
      const look = () => {
        if (pattern.test(out) || pattern.test(err)) done()
        else if (child.exitCode !== null) failed(new Error(`it ended without saying ${pattern}: ${out} ${err}`))
        else return
        listeners.delete(look)
      }
      listeners.add(look)
      look()
    })
  return { child, ended, said }
}

const searching = (question: object) => start(['tests/search/searchProcess.mjs', JSON.stringify(question)])
const working = (question: object) => start(['tests/search/workerProcess.mjs', JSON.stringify(question)])
const answer = ({ out }: Said) => JSON.parse(out.trimEnd().split('\n').at(-1)!)

/** What a search left in its folder, without dates and seconds. */
function left(home: string) {
  const entries = new TrialLedger(join(home, 'trials.jsonl')).trials()
  const [file] = readdirSync(join(home, 'search')).filter((name) => name.endsWith('.jsonl'))
  const lines = readFileSync(join(home, 'search', file!), 'utf8')
    .trimEnd()
    .split('\n')
    .slice(1)
  const trials = lines
    .map((line) => JSON.parse(line))
    .map(({ number, configuration, result: { score, metrics } }) => ({
      number,
      configuration,
      score,
      metrics,
    }))
  return {
    trials: trials.sort((a, b) => a.number - b.number),
    entries: entries.map(({ settingsHash, seed, score }) => ({ settingsHash, seed, score })),
  }
}

let alone: { readonly said: Said; readonly left: ReturnType<typeof left> }
beforeAll(async () => {
  const out = freshHome()
  const said = await searching({ spec: SPEC, out, threads: 1 }).ended
  alone = { said, left: left(out) }
  expect(alone.left.trials).toHaveLength(40)
  expect(alone.left.entries).toHaveLength(40)
})

describe('on threads', () => {
  test('as many as there are: same trials, same best, same ledger as on one', async () => {
    const out = freshHome()
    const said = await searching({ spec: SPEC, out, threads: 3 }).ended
    expect(answer(said).best.number).toBe(answer(alone.said).best.number)
    expect(left(out)).toEqual(alone.left)
  })

  test('a search killed twice in the middle goes on with the trials that are missing', async () => {
    const out = freshHome()
    for (const finished of [9, 25]) {
      const { child, ended, said } = searching({ spec: SPEC, out, threads: 2 })
      await said(new RegExp(`^${finished}$`, 'm'))
      child.kill('SIGKILL')
      expect((await ended).signal).toBe('SIGKILL')
    }
    const said = await searching({ spec: SPEC, out, threads: 2 }).ended
    expect(answer(said).resumed).toBeGreaterThanOrEqual(25)
    expect(answer(said).best.number).toBe(answer(alone.said).best.number)
    expect(left(out)).toEqual(alone.left)
  })

  test('a thread that dies is replaced, and its trial tried again', async () => {
    const { spec, tries } = fragile('mortal', { deaths: 2 })
    const said = await searching({ spec, out: freshHome(), threads: 2, evaluators: FRAGILE }).ended
    expect(answer(said)).toMatchObject({ trials: 6 })
    expect(tries()).toEqual([3, 3, 3, 3, 3, 3])
  })

  test('a trial that kills every thread ends the search by name; so does one that throws, which is not tried again', async () => {
    const run = ({ spec }: { spec: SearchSpec }) =>
      searching({ spec, out: freshHome(), threads: 1, evaluators: FRAGILE }).ended
    const [deadly, broken] = await Promise.all([run(fragile('mortal', { deaths: 99 })), run(fragile('broken', {}))])
    expect([deadly.code, broken.code]).toEqual([1, 1])
    expect(answer(deadly)).toMatchObject({ code: 'trial-failed', facts: { trial: 0, tries: 3, evaluator: 'mortal' } })
    expect(answer(broken)).toMatchObject({ code: 'trial-failed', facts: { reason: 'this learner cannot learn' } })
  })
})

test('trials on threads read the dataset their search names, and no other', async () => {
  const { hash, place } = dataset([20, 22])
  const spec: SearchSpec = { ...fragile('reading', {}, 3).spec, dataHash: hash }
  const run = (change: object) =>
    searching({ spec, out: freshHome(), threads: 2, evaluators: FRAGILE, data: place, ...change }).ended
  const wrong = dataset([1, 2])
  renameSync(join(wrong.place, `${wrong.hash}.dataset`), join(wrong.place, `${hash}.dataset`))
  const said = await Promise.all([run({}), run({ data: freshHome() }), run({ data: wrong.place })])
  const [right, absent, altered] = said.map(answer)
  expect(right.best.result.score).toBe(42)
  expect([absent.code, altered.code]).toEqual(['file-missing', 'file-invalid'])
})

describe('gimbal worker', () => {
  test('says what is wrong with its options or its queue, and no password', async () => {
    const cases: [args: string[], code: number, name: string][] = [
      [[], 2, 'argument-invalid'],
      [['--queue', 'http://127.0.0.1:6379'], 2, 'argument-invalid'],
      [['--queue', 'redis://127.0.0.1:6379', '--concurrency', '0'], 2, 'argument-invalid'],
      [['--queue', 'redis://127.0.0.1:6379', '--data', 's3://bucket'], 2, 'argument-invalid'],
      [['--queue', 'redis://me:hush@127.0.0.1:1'], 1, 'queue-failed'],
    ]
    const said = await Promise.all(cases.map(([args]) => start([PROGRAM, 'worker', ...args, '--json']).ended))
    for (const [index, { code, out, err }] of said.entries()) {
      expect([cases[index]![0], code, JSON.parse(out).error.code]).toEqual(cases[index])
      expect(out + err).not.toContain('hush')
    }
  })
})

const REDIS = 'redis-server'
const redisHere = spawnSync(REDIS, ['--version']).status === 0
const redisTests = redisHere ? 'over Redis' : 'over Redis: not tested, there is no redis-server on PATH'

describe.skipIf(!redisHere)(redisTests, () => {
  let server: ChildProcess
  let queue: string
  let port: number

  beforeAll(async () => {
    port = await freePort()
    queue = `redis://:hush@127.0.0.1:${port}`
    const settings = { port, bind: '127.0.0.1', dir: folder, save: '', appendonly: 'no', requirepass: 'hush' }
    server = spawn(
      REDIS,
      Object.entries(settings).flatMap(([name, value]) => [`--${name}`, `${value}`]),
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    children.add(server)
    await new Promise<void>((done, failed) => {
      server.once('exit', () => failed(new Error('redis-server ended')))
      server.stdout!.on('data', (text) => /Ready to accept connections/.test(`${text}`) && done())
    })
  })
  afterAll(() => server.kill('SIGKILL'))

  test('two gimbal workers: same trials, same best, same ledger as one thread; told to stop, they do', async () => {
    const workers = [0, 1].map(() => start([PROGRAM, 'worker', '--queue', queue, '--concurrency', '1', '--json']))
    await Promise.all(workers.map(({ said }) => said(/taking trials/)))
    const out = freshHome()
    const said = await searching({ spec: SPEC, out, queue }).ended
    expect(answer(said).best.number).toBe(answer(alone.said).best.number)
    expect(left(out)).toEqual(alone.left)
    for (const { child } of workers) child.kill('SIGTERM')
    const ended = await Promise.all(workers.map(({ ended }) => ended))
    expect(ended.map(({ code }) => code)).toEqual([0, 0])
    const counts = ended.map(({ out }) => JSON.parse(out).trials as number)
    expect(counts[0]! + counts[1]!).toBe(40)
    expect(Math.min(...counts)).toBeGreaterThan(0)
    expect(ended.map(({ err }) => err).join('')).not.toContain('hush')
  })

  test('asked again, a search finds its answers on the server, without any worker', async () => {
    const out = freshHome()
    const said = await searching({ spec: SPEC, out, queue }).ended
    expect(answer(said)).toMatchObject({ trials: 40, resumed: 0 })
    expect(left(out)).toEqual(alone.left)
  })

  test('a worker killed with SIGKILL in the middle of a trial: another takes it, nothing is lost', async () => {
    const { spec, marks, tries } = fragile('slow', { seconds: 0.15 }, 12)
    const question = { queue, version: VERSION, lockMs: 1_000, evaluators: FRAGILE }
    const [killed, other] = [working(question), working(question)]
    await Promise.all([killed.said(/ready/), other.said(/ready/)])
    const out = freshHome()
    const search = searching({ spec, out, queue })
    await killed.said(/^\d+$/m)
    // It is in the middle of its next trial, or about to ask for it.
    await new Promise((done) => setTimeout(done, 100))
    killed.child.kill('SIGKILL')
    const said = await search.ended
    expect(answer(said)).toMatchObject({ trials: 12 })
    expect(left(out).entries).toHaveLength(12)
    expect(readdirSync(marks)).toHaveLength(12)
    // One trial was begun twice: the one that was under way.
    expect(tries().sort()).toEqual([...new Array(11).fill(1), 2])
    other.child.kill('SIGTERM')
    expect((await other.ended).code).toBe(0)
  })

  test('a worker told to stop finishes the trial it is at', async () => {
    const { spec } = fragile('slow', { seconds: 0.6 }, 1)
    const worker = working({ queue, version: VERSION, lockMs: 1_000, evaluators: FRAGILE })
    await worker.said(/ready/)
    const search = searching({ spec, out: freshHome(), queue })
    const mark = join(`${spec.fixed['folder']}`, '0')
    while (!existsSync(mark)) await new Promise((done) => setTimeout(done, 10))
    worker.child.kill('SIGTERM')
    expect(await worker.ended).toMatchObject({ code: 0, out: 'ready\n0\n' })
    expect(answer(await search.ended)).toMatchObject({ trials: 1 })
  })

  test('what an evaluator failed of reaches the search, with the host it failed on', async () => {
    const { spec } = fragile('broken', {})
    const worker = working({ queue, version: VERSION, lockMs: 1_000, evaluators: FRAGILE })
    const said = answer(await searching({ spec, out: freshHome(), queue }).ended)
    expect(said).toMatchObject({ code: 'trial-failed', facts: { reason: 'this learner cannot learn' } })
    expect(said.facts.process).toBe(worker.child.pid)
    // The cause seen to, the same search does not stumble over the old failure.
    worker.child.kill('SIGTERM')
    await worker.ended
  })

  test('a worker reads datasets where it is told they lie; without the right one it says which host lacks it', async () => {
    const { hash, place } = dataset([20, 22])
    const spec: SearchSpec = { ...fragile('reading', {}, 3).spec, dataHash: hash }
    for (const data of [freshHome(), place]) {
      const worker = working({ queue, version: VERSION, lockMs: 1_000, evaluators: FRAGILE, data })
      const said = answer(await searching({ spec, out: freshHome(), queue }).ended)
      if (data === place) expect(said.best.result.score).toBe(42)
      else expect(said).toMatchObject({ code: 'file-missing', facts: { process: worker.child.pid, place: data } })
      worker.child.kill('SIGTERM')
      await worker.ended
    }
  })

  test('a worker of another version refuses by name, and both sides end', async () => {
    const worker = working({ queue, version: '0.0.1', lockMs: 1_000 })
    await worker.said(/ready/)
    const { spec } = fragile('slow', { seconds: 0 }, 3)
    const said = answer(await searching({ spec, out: freshHome(), queue }).ended)
    expect(said).toMatchObject({ code: 'version-mismatch', facts: { search: VERSION, worker: '0.0.1' } })
    expect(await worker.ended).toMatchObject({ code: 1, out: 'ready\nversion-mismatch\n' })
  })

  test('a wrong password is a queue that failed', async () => {
    const said = answer(
      await searching({ spec: SPEC, out: freshHome(), queue: `redis://:guess@127.0.0.1:${port}` }).ended,
    )
    expect(said).toMatchObject({ code: 'queue-failed', facts: { queue: `redis://127.0.0.1:${port}` } })
    expect(JSON.stringify(said)).not.toContain('guess')
  })
})

async function freePort(): Promise<number> {
  const probe = createServer()
  await new Promise<void>((done) => probe.listen(0, '127.0.0.1', done))
  const { port } = probe.address() as { port: number }
  await new Promise((done) => probe.close(done))
  return port
}
