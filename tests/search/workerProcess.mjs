/**
 * @file A worker as `gimbal worker` wires it, whose trials are given up sooner when it vanishes, so that tests need not
 * wait, and which can pretend to be of another version.
 *
 *   node workerProcess.mjs '{"queue": URL, "version": "1.2.3", "lockMs": 1000, "evaluators": URL?, "data": PLACE?}'
 *
 * Prints `ready`, then the number of every trial it finished.
 */

import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

const { queue, version, lockMs, evaluators, data } = JSON.parse(process.argv[2])
const load = (path) => import(pathToFileURL(join(process.cwd(), 'dist/research/search', path)).href)
const { ThreadRunner } = await load('threads.js')
const { openDatasetStore } = await load('datasetStore.js')
const { serveTrials } = await load('queueWorker.js')

const clock = { nowUs: 0 }
const runner = new ThreadRunner({
  clock,
  threads: 1,
  ...(data && { datasets: openDatasetStore(data) }),
  ...(evaluators && { evaluators: new URL(evaluators) }),
})
const abort = new AbortController()
process.once('SIGTERM', () => abort.abort())
try {
  await serveTrials({
    url: queue,
    runner,
    version,
    lockMs,
    signal: abort.signal,
    onReady: () => process.stdout.write('ready\n'),
    onTrial: ({ number }) => process.stdout.write(`${number}\n`),
  })
} catch (error) {
  process.stdout.write(`${error.code}\n`)
  process.exitCode = 1
} finally {
  await runner.close()
}
