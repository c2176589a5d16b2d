/**
 * Goal: the number of threads changes nothing but the time; threads come late, are kept from working, die, and no tree notices.
 *
 * Method: the trainer translated to JavaScript (a thread of its own cannot read TypeScript on Node 20); fits of every objective,
 * many seeds and sizes around the edges of chunks, compared field by field with the same fit on one thread; a machine busy
 * with other threads, so that workers are run late and out of order.
 */

import { availableParallelism } from 'node:os'
import { pathToFileURL } from 'node:url'
import { Worker } from 'node:worker_threads'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { translate } from '../../../tests/runTypeScript.ts'
import { Random } from '../../core/random.ts'
import { readSettings, type SettingValue } from '../../core/settings.ts'
import type { TrainingSet } from '../learner.ts'
import type * as Fits from './fitTrees.ts'
import { Word } from './treeJobs.ts'
import { ROWS_PER_CHUNK } from './treePlan.ts'
import { OBJECTIVES, TREE_SETTINGS } from './treeSettings.ts'
import type * as Threads from './treeThreads.ts'

const FITS = 'src/models/trees/fitTrees.ts'
const THREADS = 'src/models/trees/treeThreads.ts'
const translated = translate([FITS, THREADS, 'src/models/trees/treeWorker.ts'])
let fitTrees: typeof Fits.fitTrees
let TreeThreads: typeof Threads.TreeThreads
let crews: Threads.TreeThreads[] = []
/** Fits on three threads of which a worker counted some rows. */
let helped = 0

function noteHelp(): void {
  const words = new Int32Array(crews[2]!.control)
  if (words[Word.USED + 1]! + words[Word.USED + 2]! > 0) helped++
}

beforeAll(async () => {
  fitTrees = ((await import(pathToFileURL(translated.path(FITS)).href)) as typeof Fits).fitTrees
  TreeThreads = ((await import(pathToFileURL(translated.path(THREADS)).href)) as typeof Threads).TreeThreads
  crews = await Promise.all([1, 2, 3].map((count) => TreeThreads.open(count)))
})
afterAll(async () => {
  await Promise.all(crews.map((crew) => crew.close()))
  translated.remove()
})

function market(seed: number, rows: number, objective: string, weighted: boolean): TrainingSet {
  const random = new Random(seed)
  const columns = Array.from({ length: 10 }, (_, column) =>
    Float64Array.from({ length: rows }, () =>
      column === 9 ? random.integer(0, 20) : column % 4 === 3 && random.uniform() < 0.1 ? Number.NaN : random.normal(),
    ),
  )
  const label = Float64Array.from({ length: rows }, (_, i) => {
    const y = columns[0]![i]! * columns[1]![i]! + columns[2]![i]! + (columns[9]![i]! % 2) + 0.5 * random.normal()
    if (objective === 'binary') return y > 0 ? 1 : 0
    if (objective === 'multiclass') return y > 1 ? 2 : y > 0 ? 1 : 0
    return objective === 'poisson' || objective === 'gamma' || objective === 'qlike' ? Math.exp(y / 2) : y
  })
  const names = columns.map((_, i) => `x${i}`)
  const weight = Float64Array.from(label, () => 0.5 + random.uniform())
  return { table: { rows, names, columns, categorical: [9] }, label, ...(weighted ? { weight } : {}) }
}

const settings = (objective: string, given: Readonly<Record<string, SettingValue>> = {}) =>
  readSettings('trees', TREE_SETTINGS, {
    objective,
    rounds: 3,
    leaves: 12,
    classCount: objective === 'multiclass' ? 3 : 1,
    ...given,
  })

/** Fits on 1, 2 and 3 threads; expects them to be equal in every bit. */
function expectEqual(set: TrainingSet, given: ReturnType<typeof settings>, validation?: TrainingSet) {
  const [alone, ...others] = crews.map((threads) =>
    fitTrees(set, given, validation ? { threads, validation } : { threads }),
  )
  expect(alone!.ensemble.trees[0]!.leafCount).toBeGreaterThan(2)
  for (const other of others) expect(other).toEqual(alone)
  noteHelp()
}

test.each(OBJECTIVES)(
  '%s: 1, 2 and 3 threads grow identical trees, weighted, sampled and validated as well',
  (objective) => {
    for (const weighted of [false, true])
      expectEqual(market(1, 9000, objective, weighted), settings(objective), market(2, 2500, objective, !weighted))
    expectEqual(
      market(3, 7000, objective, false),
      settings(objective, { rowShare: 0.5, featureShare: 0.7, featureShareNode: 0.6 }),
    )
  },
)

test('so they do on tables that fill a chunk, nearly or just not', () => {
  for (const rows of [ROWS_PER_CHUNK - 1, ROWS_PER_CHUNK, ROWS_PER_CHUNK + 1, 2 * ROWS_PER_CHUNK + 1])
    expectEqual(market(rows, rows, 'regression', false), settings('regression', { rounds: 2 }))
})

test('so they do thirty times over, on a machine that has other things to do', async () => {
  // Three threads that never rest, on whatever processors there are: workers come late, and are sent away in the middle.
  const busy = Array.from({ length: 3 }, () => new Worker('for (;;);', { eval: true }))
  try {
    for (let seed = 1; seed <= 30; seed++) {
      const objective = OBJECTIVES[seed % OBJECTIVES.length]!
      const set = market(seed, 4000, objective, seed % 2 === 0)
      const given = settings(objective, { seed, rounds: 2 })
      expect(fitTrees(set, given, { threads: crews[2]! })).toEqual(fitTrees(set, given))
      noteHelp()
    }
  } finally {
    await Promise.all(busy.map((worker) => worker.terminate()))
  }
})

test('in some of these fits workers did take part, where there is more than one processor', () => {
  if (availableParallelism() > 1) expect(helped).toBeGreaterThan(0)
})

describe('threads that cannot help are refused', () => {
  test('as many as none, or more than the control block has room for', async () => {
    for (const count of [0, 1.5, 129])
      await expect(TreeThreads.open(count)).rejects.toMatchObject({ code: 'argument-invalid' })
  })

  test('after they were closed', async () => {
    const threads = await TreeThreads.open(2)
    await threads.close()
    expect(() => fitTrees(market(1, 300, 'regression', false), settings('regression'), { threads })).toThrow(
      expect.objectContaining({ code: 'threads-unavailable' }),
    )
  })

  test('in the middle of another fit, which goes on', () => {
    const set = market(1, 3000, 'regression', false)
    const given = settings('regression')
    const threads = crews[1]!
    let refused = 0
    const outer = fitTrees(set, given, {
      threads,
      onRound: () => {
        expect(() => fitTrees(set, given, { threads })).toThrow(
          expect.objectContaining({ code: 'threads-unavailable' }),
        )
        refused++
        // A fit of its own, on the caller's thread, may be made meanwhile.
        expect(fitTrees(set, settings('regression', { rounds: 1 })).rounds).toBe(1)
      },
    })
    expect(refused).toBe(3)
    expect(outer).toEqual(fitTrees(set, given))
  })

  test('a watcher that throws ends the fit, and the threads are free for the next', () => {
    const set = market(1, 3000, 'regression', false)
    const threads = crews[2]!
    const watcher = () => {
      throw new RangeError('enough')
    }
    expect(() => fitTrees(set, settings('regression'), { threads, onRound: watcher })).toThrow('enough')
    expect(fitTrees(set, settings('regression'), { threads })).toEqual(fitTrees(set, settings('regression')))
  })
})
