/** @file What runs in a worker thread: one trial after another, as `threads.ts` sends them. */

import { parentPort, workerData } from 'node:worker_threads'
import { assert } from '../../core/errors.ts'
import { DatasetReader } from './datasetStore.ts'
import { type ErrorRecord, type Evaluator, evaluateTrial, recordOf, type TrialScore, type TrialTask } from './trial.ts'

/** What a thread is told when it starts: address of the module whose `EVALUATORS` it knows. */
export interface ThreadSettings {
  readonly evaluators: string
}

/** A trial for a thread, and where its dataset lies on this host. */
export interface ThreadQuestion {
  readonly task: TrialTask
  readonly path: string | undefined
}

export type ThreadAnswer = { readonly score: TrialScore } | { readonly error: ErrorRecord }

assert(parentPort !== null, 'this file is started as a worker thread')
const port = parentPort
const { evaluators } = workerData as ThreadSettings
const registry = (await import(evaluators)) as { readonly EVALUATORS: Readonly<Record<string, Evaluator>> }
const reader = new DatasetReader()

port.on('message', async ({ task, path }: ThreadQuestion) => {
  let answer: ThreadAnswer
  try {
    answer = { score: await evaluateTrial(registry.EVALUATORS, task, () => reader.read(task.dataHash, path)) }
  } catch (error) {
    answer = { error: recordOf(error) }
  }
  port.postMessage(answer)
})
