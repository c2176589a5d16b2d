/**
 * Goal: the same search gives the same trials, the same best one and the same ledger, whoever runs its trials, however many
 * at once, in whatever order they finish, and however often it is interrupted.
 *
 * Method: a runner that finishes trials in a seeded random order and dies where it is told to, under arbitrary orders,
 * against the search run one trial after another; files cut at arbitrary bytes; ledgers compared without their dates.
 */

import {
  appendFileSync,
  closeSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { TrialLedger } from '../trialLedger.ts'
import { EVALUATORS } from './evaluators.ts'
import { InlineRunner } from './inline.ts'
import { runSearch, type SearchOutcome, type SearchSpec, searchHash } from './search.ts'
import { TEST_FUNCTIONS } from './testFunction.ts'
import { evaluateTrial, NO_DATA, type TrialResult, type TrialRunner, type TrialTask } from './trial.ts'

const folder = mkdtempSync(join(tmpdir(), 'gimbal-search-'))
afterAll(() => rmSync(folder, { recursive: true }))

const SPEC: SearchSpec = {
  family: 'machinery',
  evaluator: 'test-function',
  space: TEST_FUNCTIONS.branin.space,
  fixed: { function: 'branin', noise: 0.1 },
  first: [{ x1: 0, x2: 0 }],
  method: { name: 'tpe', settings: { startup: 5, parallel: 4 } },
  metric: 'test-function',
  trials: 30,
  seed: 7,
  dataHash: NO_DATA,
  version: '1.2.3',
}

/** A clock that never tells the same time twice: dates differ from run to run. */
function restlessClock(startUs = 1e15): { nowUs: number } {
  let now = startUs
  return {
    get nowUs() {
      return (now += 1_234_567)
    },
  }
}

/** Runs so many trials at once, and finishes them in a random order; stops working after some. */
class ShuffledRunner implements TrialRunner {
  readonly concurrency: number
  readonly started: number[] = []
  readonly #random: Random
  readonly #diesAfter: number
  readonly #open: (() => void)[] = []
  #finished = 0

  constructor(concurrency: number, seed: number, diesAfter = Number.POSITIVE_INFINITY) {
    this.concurrency = concurrency
    this.#random = new Random(seed)
    this.#diesAfter = diesAfter
  }

  async run(task: TrialTask): Promise<TrialResult> {
    this.started.push(task.number)
    const score = await evaluateTrial(EVALUATORS, task, () => {
      throw new Error('no data')
    })
    await new Promise<void>((done) => {
      this.#open.push(done)
      // Finishes one of those open, once everybody who is ready has started.
      setImmediate(() => this.#open.splice(this.#random.integer(0, this.#open.length - 1), 1)[0]?.())
    })
    if (this.#finished++ >= this.#diesAfter) throw new Error('the machine burnt down')
    return { ...score, seconds: this.#random.uniform() }
  }

  async close(): Promise<void> {}
}

let homes = 0
const freshHome = () => mkdtempSync(join(folder, `${++homes}-`))

async function search(spec: SearchSpec, runner: TrialRunner, home = freshHome()) {
  const ledger = new TrialLedger(join(home, 'trials.jsonl'))
  const outcome = await runSearch(spec, runner, ledger, { out: home, clock: restlessClock(home.length * 1e15) })
  return { outcome, ledger, home, entries: entriesOf(ledger) }
}

const entriesOf = (ledger: TrialLedger) =>
  ledger
    .trials()
    .map(({ policy, settingsHash, seed, metric, score, kind }) => [policy, settingsHash, seed, metric, score, kind])

/** What may not differ: all but seconds and dates. */
const tried = ({ trials }: SearchOutcome) =>
  trials.map(({ number, configuration, result: { score, metrics } }) => ({ number, configuration, score, metrics }))

const inline = () => new InlineRunner({ clock: restlessClock() })
const alone = await search(SPEC, inline())

test('a search tries what it was given first, and finds its best', () => {
  const { outcome } = alone
  expect(outcome.trials.map(({ number }) => number)).toEqual(Array.from({ length: 30 }, (_, i) => i))
  expect(outcome.trials[0]!.configuration).toEqual({ ...SPEC.fixed, x1: 0, x2: 0 })
  const scores = outcome.trials.map(({ result }) => result.score!)
  expect(outcome.best?.result.score).toBe(Math.min(...scores))
  expect(scores[0]).toBeCloseTo(55.6, 0) // Branin at the origin is 55.602.
  expect(alone.entries).toHaveLength(30)
})

test('whatever order trials finish in, and however many run at once: same trials, same best, same ledger', async () => {
  await fc.assert(
    fc.asyncProperty(fc.integer({ min: 1, max: 12 }), fc.nat(), async (concurrency, seed) => {
      const { outcome, entries } = await search(SPEC, new ShuffledRunner(concurrency, seed))
      expect(tried(outcome)).toEqual(tried(alone.outcome))
      expect(outcome.best?.number).toBe(alone.outcome.best?.number)
      expect(entries).toEqual(alone.entries)
    }),
    { numRuns: 15 },
  )
})

test('random search too, and it runs as many at once as the runner has room for', async () => {
  const spec: SearchSpec = { ...SPEC, method: { name: 'random' }, trials: 20 }
  const runner = new ShuffledRunner(20, 1)
  const wide = await search(spec, runner)
  expect(tried(wide.outcome)).toEqual(tried((await search(spec, inline())).outcome))
  expect(runner.started.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, i) => i))
})

test('interrupted anywhere, with the last lines torn: it goes on, and everything comes out the same, each entry once', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ after: fc.nat({ max: 8 }), cut: fc.nat({ max: 400 }), ledger: fc.boolean() }), {
        minLength: 1,
        maxLength: 3,
      }),
      fc.nat(),
      async (crashes, seed) => {
        const home = freshHome()
        const file = join(home, 'search', `${searchHash(SPEC)}.jsonl`)
        const ledgerFile = join(home, 'trials.jsonl')
        for (const { after, cut, ledger } of crashes) {
          await expect(search(SPEC, new ShuffledRunner(5, seed, after), home)).rejects.toThrow()
          const text = readFileSync(file, 'utf8')
          // A crash while a line was written: a part of it is there. Or, at most, the last entry never reached the ledger.
          appendFileSync(
            file,
            text
              .slice(text.lastIndexOf('\n', text.length - 2) + 1)
              .slice(0, cut)
              .replace('\n', ''),
          )
          const entered = new TrialLedger(ledgerFile).trials()
          if (ledger && entered.length > 0) {
            const lines = readFileSync(ledgerFile, 'utf8').trimEnd().split('\n')
            writeFileSync(
              ledgerFile,
              `${lines.slice(0, -1).join('\n')}${lines.length > 1 ? '\n' : ''}${lines.at(-1)!.slice(0, cut)}`,
            )
          }
        }
        const { outcome, entries } = await search(SPEC, new ShuffledRunner(3, seed), home)
        expect(tried(outcome)).toEqual(tried(alone.outcome))
        expect(outcome.best?.number).toBe(alone.outcome.best?.number)
        expect(entries).toEqual(alone.entries)
      },
    ),
    { numRuns: 15 },
  )
})

test('a search that was finished runs nothing again and enters nothing again', async () => {
  const { home } = await search(SPEC, inline())
  const runner = new ShuffledRunner(1, 1)
  const again = await search(SPEC, runner, home)
  expect(runner.started).toEqual([])
  expect(again.outcome.resumed).toBe(30)
  expect(again.entries).toEqual(alone.entries)
  expect(again.outcome.best?.number).toBe(alone.outcome.best?.number)
})

test('a search given more trials continues; the first are as they were', async () => {
  const home = freshHome()
  await search({ ...SPEC, trials: 12 }, inline(), home)
  const runner = new ShuffledRunner(4, 9)
  const { outcome, entries } = await search(SPEC, runner, home)
  expect(Math.min(...runner.started)).toBe(12)
  expect(tried(outcome)).toEqual(tried(alone.outcome))
  expect(entries).toEqual(alone.entries)
})

test('a configuration tried twice is entered twice and counted once', async () => {
  const spec: SearchSpec = {
    ...SPEC,
    space: { x1: { kind: 'choice', values: [1, 2] }, x2: { kind: 'choice', values: [3] } },
    first: [],
    trials: 10,
  }
  const { ledger, home } = await search(spec, inline())
  expect(ledger.trials()).toHaveLength(10)
  expect(ledger.countTrials('machinery')).toBe(2)
  expect((await search(spec, inline(), home)).entries).toHaveLength(10)
})

test('equal trials finished in the same instant are each entered once, an interruption between them notwithstanding', async () => {
  const spec: SearchSpec = {
    ...SPEC,
    space: { x1: { kind: 'choice', values: [1] }, x2: { kind: 'choice', values: [3] } },
    first: [],
    trials: 6,
  }
  const home = freshHome()
  const file = join(home, 'trials.jsonl')
  const run = () =>
    runSearch(spec, new InlineRunner({ clock: { nowUs: 0 } }), new TrialLedger(file), {
      out: home,
      clock: { nowUs: 0 },
    })
  await run()
  const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
  writeFileSync(file, `${lines.slice(0, 4).join('\n')}\n`)
  await run()
  expect(readFileSync(file, 'utf8').trimEnd().split('\n')).toEqual(lines)
})

test('a trial that finishes after its search has failed writes nowhere', async () => {
  const home = freshHome()
  let finish: (result: TrialResult) => void = () => {}
  const late = new Promise<TrialResult>((done) => {
    finish = done
  })
  const runner: TrialRunner = {
    concurrency: 2,
    run: async ({ number }) => (number === 0 ? Promise.reject(new Error('the machine burnt down')) : late),
    close: async () => {},
  }
  await expect(search({ ...SPEC, method: { name: 'random' }, first: [] }, runner, home)).rejects.toThrow('burnt')
  // The system gives the number of the file that was closed to the next one opened.
  const other = join(home, 'other')
  const file = openSync(other, 'w')
  finish({ score: 1, metrics: {}, seconds: 1 })
  await new Promise((done) => setImmediate(done))
  closeSync(file)
  expect(readFileSync(other, 'utf8')).toBe('')
  expect(new TrialLedger(join(home, 'trials.jsonl')).trials()).toEqual([])
})

test('every part of a search but the number of trials makes it another search', () => {
  const changed: Partial<SearchSpec>[] = [
    { family: 'other' },
    { evaluator: 'other' },
    { space: { ...SPEC.space, x1: { kind: 'uniform', min: -5, max: 11 } } },
    { fixed: { function: 'branin', noise: 0.2 } },
    { first: [] },
    { method: { name: 'random' } },
    { method: { name: 'tpe', settings: { startup: 5, parallel: 5 } } },
    { metric: 'profit' },
    { seed: 8 },
    { dataHash: 'f'.repeat(64) },
    { version: '1.2.4' },
  ]
  const hashes = changed.map((change) => searchHash({ ...SPEC, ...change }))
  expect(new Set([...hashes, searchHash(SPEC)]).size).toBe(changed.length + 1)
  expect(searchHash({ ...SPEC, trials: 1000 })).toBe(searchHash(SPEC))
})

test('where more is better the greatest score is the best, the earlier of equals; what was not scored is none', async () => {
  const scores = [null, 1, 3, 3, null, 2]
  const judged: TrialRunner = {
    concurrency: 2,
    run: async ({ number }) => ({ score: scores[number]!, metrics: {}, seconds: 0 }),
    close: async () => {},
  }
  const spec: SearchSpec = { ...SPEC, metric: 'profit', trials: 6 }
  expect((await search(spec, judged)).outcome.best?.number).toBe(2)
  expect((await search({ ...spec, metric: 'qlike' }, judged)).outcome.best?.number).toBe(1)
  scores.fill(null)
  expect((await search(spec, judged)).outcome.best).toBeNull()
})

test('a stopped search ends at once with the reason, and keeps what it has', async () => {
  const home = freshHome()
  const abort = new AbortController()
  const stopping = runSearch(SPEC, new ShuffledRunner(3, 1), new TrialLedger(join(home, 'trials.jsonl')), {
    out: home,
    clock: restlessClock(),
    signal: abort.signal,
    onTrial: (_, finished) => {
      if (finished === 10) abort.abort(new Error('enough'))
    },
  })
  await expect(stopping).rejects.toThrow('enough')
  const { outcome, entries } = await search(SPEC, inline(), home)
  expect(outcome.resumed).toBeGreaterThanOrEqual(10)
  expect(entries).toEqual(alone.entries)
})

describe('refused by name', () => {
  const invalid = (code: string) => expect.objectContaining({ code })

  test('two runs of one search in one folder', async () => {
    const home = freshHome()
    const first = search(SPEC, new ShuffledRunner(2, 1), home)
    await expect(search(SPEC, inline(), home)).rejects.toThrow(invalid('search-busy'))
    await first
  })

  test('a file of finished trials that is another search’s, or has a line changed', async () => {
    const { home } = await search({ ...SPEC, trials: 5 }, inline())
    const file = join(home, 'search', `${searchHash(SPEC)}.jsonl`)
    const lines = readFileSync(file, 'utf8').trimEnd().split('\n')
    const damaged = (line: number) =>
      expect.objectContaining({ code: 'search-invalid', facts: expect.objectContaining({ line }) })
    const write = (texts: readonly string[]) => writeFileSync(file, `${texts.join('\n')}\n`)
    write([lines[0]!.replace('1.2.3', '1.2.2'), ...lines.slice(1)])
    await expect(search(SPEC, inline(), home)).rejects.toThrow(damaged(1))
    write([...lines.slice(0, 2), lines[2]!.slice(1), ...lines.slice(3)])
    await expect(search(SPEC, inline(), home)).rejects.toThrow(damaged(3))
    write([...lines, lines[2]!])
    await expect(search(SPEC, inline(), home)).rejects.toThrow(damaged(7))
    truncateSync(file, 0)
    expect((await search({ ...SPEC, trials: 5 }, inline(), home)).outcome.resumed).toBe(0)
  })

  test.each<[string, Partial<SearchSpec>, string]>([
    ['no trials', { trials: 0 }, 'config-invalid'],
    ['a parameter both fixed and searched', { fixed: { x1: 1 } }, 'config-invalid'],
    ['a first configuration outside the space', { first: [{ x1: 100, x2: 0 }] }, 'config-invalid'],
    ['a metric nobody knows', { metric: 'beauty' }, 'argument-invalid'],
    ['an evaluator nobody knows', { evaluator: 'oracle' }, 'trial-failed'],
    ['an evaluator that is asked nonsense', { fixed: { function: 'sine' } }, 'trial-failed'],
  ])('%s', async (_, change, code) => {
    await expect(search({ ...SPEC, ...change }, inline())).rejects.toThrow(invalid(code))
  })

  test.each([[{ score: Number.NaN, metrics: {} }], [{ score: 1, metrics: { loss: Number.POSITIVE_INFINITY } }]])(
    'an answer that is not finite: %j',
    async (answer) => {
      const runner = new InlineRunner({
        clock: restlessClock(),
        evaluators: { 'test-function': { summary: '', evaluate: () => answer } },
      })
      await expect(search(SPEC, runner)).rejects.toThrow(invalid('trial-failed'))
    },
  )
})

test('the least values of the test functions are what the literature says', () => {
  const { branin, hartmann6 } = TEST_FUNCTIONS
  expect(branin.at([Math.PI, 2.275])).toBeCloseTo(branin.least, 12)
  expect(branin.at([-Math.PI, 12.275])).toBeCloseTo(branin.least, 12)
  expect(hartmann6.at([0.20169, 0.150011, 0.476874, 0.275332, 0.311652, 0.6573])).toBeCloseTo(hartmann6.least, 8)
})
