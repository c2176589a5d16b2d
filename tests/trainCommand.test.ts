/**
 * Goal: `gimbal train` searches, judges on later data and keeps a model, and a search that was stopped goes on where it was.
 *
 * Method: the built program in a folder of its own, on twenty-five minutes of the generated market with few features: the same
 * search whole, from two threads, and interrupted and begun again.
 */

import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { train } from '../src/apps/commands/train.ts'
import { Terminal } from '../src/apps/terminal.ts'
import { ModelRegistry } from '../src/models/modelRegistry.ts'
import { TrialLedger } from '../src/research/trialLedger.ts'
import { ensureBuilt } from './built.ts'
import { ended, type Said, startGimbal } from './commandLine.ts'

const FOLDER = mkdtempSync(join(tmpdir(), 'gimbal-train-'))
const TRAIN = [
  ...['train', '--minutes', '25', '--only', 'har-ladder,ewma-variance', '--forecast', 'variance:10s'],
  ...['--windows', '2', '--method', 'random'],
]
const TRIALS = 6

const run = (...args: string[]) => startGimbal(FOLDER, [...TRAIN, ...args])
const json = ({ out }: Said) => JSON.parse(out)
const at = (...parts: string[]) => join(FOLDER, ...parts)

/** Trials of a ledger in the order they were entered, but for their dates, and hashes, in which dates are. */
function tried(out: string) {
  return new TrialLedger(at(out, 'trials.jsonl'))
    .trials()
    .map(({ family, kind, policy, settingsHash, dataHash, seed, metric, score }) => ({
      ...{ family, kind, policy, settingsHash, dataHash, seed, metric, score },
    }))
}

let one: Said
let two: Said

beforeAll(async () => {
  ensureBuilt()
  ;[one, two] = await Promise.all(
    ['1', '2'].map((threads) =>
      ended(
        run(
          '--trials',
          `${TRIALS}`,
          '--threads',
          threads,
          '--out',
          `out-${threads}`,
          '--models',
          `models-${threads}`,
          '--json',
        ),
      ),
    ) as [Promise<Said>, Promise<Said>],
  )
}, 60_000)
afterAll(() => rmSync(FOLDER, { recursive: true, force: true }))

describe('a search', () => {
  test('ends with the same model, the same best trial and the same ledger from one thread and from two', () => {
    expect([one.code, two.code]).toEqual([0, 0])
    const [a, b] = [json(one), json(two)]
    // When a trial was made, and how long it took, is another matter.
    for (const { search } of [a, b]) {
      delete search.best.result.seconds
      delete search.best.date
    }
    expect(b).toEqual(a)
    expect(tried('out-2')).toEqual(tried('out-1'))
    expect([a.search.trials, a.search.resumed]).toEqual([TRIALS, 0])
  })

  test('chooses the trial of least loss; what is judged later is its learner, and enters the ledger as one fit', () => {
    const { search, skill } = json(one)
    const trials = tried('out-1')
    const searched = trials.filter(({ kind }) => kind === 'search')
    expect(searched).toHaveLength(TRIALS)
    expect(search.best.result.score).toBe(Math.min(...searched.map(({ score }) => score!)))
    const [fit] = trials.filter(({ kind }) => kind === 'fit')
    expect(trials).toHaveLength(TRIALS + 1)
    expect(fit).toMatchObject({ policy: 'trees on variance over 10 s', metric: 'qlike/variance over 10 s' })
    expect(fit!.score).toBe(skill.rows[0].loss)
    expect(new Set(trials.map(({ family }) => family)).size).toBe(1)
  })

  test('keeps a model that says what it was trained on', () => {
    const { id, name } = json(one)
    const artifact = new ModelRegistry(at('models-1')).find(id).artifact
    expect(artifact).toMatchObject({ id, name, quantity: 'variance', horizonUs: 10e6 })
    expect(artifact.trained.datasetHash).toBe(tried('out-1')[0]!.dataHash)
    expect(existsSync(at('out-1', 'datasets', `${artifact.trained.datasetHash}.dataset`))).toBe(true)
  })

  test('that is interrupted exits 130, and begun again goes on from the trials it had finished, to the same end', async () => {
    const args = ['--threads', '1', '--out', 'out-cut', '--models', 'models-cut']
    const child = run(...args, '--trials', '500')
    const said = ended(child)
    const finished = () => {
      const folder = at('out-cut', 'search')
      if (!existsSync(folder)) return 0
      const lines = readdirSync(folder)
        .filter((name) => name.endsWith('.jsonl'))
        .map((name) => readFileSync(join(folder, name), 'utf8').split('\n').length - 2)
      return Math.max(0, ...lines)
    }
    while (child.exitCode === null && finished() < 2) await new Promise((next) => setTimeout(next, 10))
    child.kill('SIGINT')
    const { code, err } = await said
    expect(code).toBe(130)
    expect(err).toContain('run it again to go on')
    const before = tried('out-cut').length
    expect(before).toBeGreaterThanOrEqual(1)
    expect(before).toBeLessThan(500)
    const trials = Math.max(TRIALS, before)
    const again = json(await ended(run(...args, '--trials', `${trials}`, '--json')))
    expect(again.search.resumed).toBeGreaterThanOrEqual(before)
    expect(tried('out-cut').slice(0, TRIALS)).toEqual(tried('out-1').slice(0, TRIALS))
    if (trials === TRIALS) expect(again.id).toBe(json(one).id)
  }, 60_000)
})

describe('a wish that makes no sense', () => {
  class Quiet extends Terminal {
    override notice(): void {}
    override progress(): void {}
  }
  const options: Parameters<typeof train>[1] = {
    ...{ instrument: [], seed: '1', minutes: '1', feature: [], forecast: 'variance:10s', trials: '1', windows: '2' },
    ...{ method: 'tpe', first: '0.4', threads: '1', out: at('wishes'), models: at('wishes', 'models') },
  }

  test.each<[string, Partial<typeof options>]>([
    ['a forecast of nothing known', { forecast: 'profit:1h' }],
    ['half a trial', { trials: '0.5' }],
    ['fewer than no trials', { trials: '-1' }],
    ['a method nobody knows', { method: 'guess' }],
    ['no window', { windows: '0' }],
    ['no thread', { threads: '0' }],
    ['a whole history before the first forecast', { first: '1' }],
    ['samples every so often', { every: 'often' }],
  ])('%s is refused before anything is read', async (_name, change) => {
    await expect(train(new Quiet(false), { ...options, ...change })).rejects.toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    )
  })

  test('no forecast at all is a usage error to a shell', async () => {
    const { code, err } = await ended(startGimbal(FOLDER, ['train']))
    expect([code, err.includes('--forecast quantity:horizon')]).toEqual([2, true])
  })
})
