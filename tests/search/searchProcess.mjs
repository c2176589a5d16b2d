/**
 * @file A search in a process of its own, which tests and `bench/search.mjs` kill: the built program's modules, as a
 * command would wire them.
 *
 *   node searchProcess.mjs '{"spec": …, "out": DIR, "threads": 2 | "queue": URL, "evaluators": URL?, "data": PLACE?}'
 *
 * Prints a line a trial, then one JSON line: hash, best, wall seconds, seconds of the trials.
 */

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const { spec, out, threads, queue, evaluators, data } = JSON.parse(process.argv[2])
const load = (path) => import(pathToFileURL(join(process.cwd(), 'dist/research', path)).href)
const { runSearch } = await load('search/search.js')
const { TrialLedger } = await load('trialLedger.js')
const { ThreadRunner } = await load('search/threads.js')
const { openDatasetStore } = await load('search/datasetStore.js')
const { QueueRunner } = await load('search/queue.js')

const clock = {
  get nowUs() {
    return Math.round((performance.timeOrigin + performance.now()) * 1000)
  },
}
const startUs = clock.nowUs
let runner
try {
  runner = queue
    ? await QueueRunner.open({ url: queue })
    : new ThreadRunner({
        clock,
        threads,
        ...(data && { datasets: openDatasetStore(data) }),
        ...(evaluators && { evaluators: new URL(evaluators) }),
      })
  const { hash, best, trials, resumed } = await runSearch(spec, runner, new TrialLedger(join(out, 'trials.jsonl')), {
    out,
    clock,
    onTrial: (_, finished) => process.stdout.write(`${finished}\n`),
  })
  const work = trials.reduce((sum, { result }) => sum + result.seconds, 0)
  const wall = (clock.nowUs - startUs) / 1e6
  process.stdout.write(`${JSON.stringify({ hash, best, resumed, trials: trials.length, wall, work })}\n`)
} catch (error) {
  process.stdout.write(`${JSON.stringify({ code: error.code, message: error.message, facts: error.facts })}\n`)
  process.exitCode = 1
} finally {
  await runner?.close()
}
