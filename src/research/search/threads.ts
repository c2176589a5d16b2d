/**
 * @file Trials on worker threads of this process: the runner that is used unless another is named.
 *
 * A thread runs one trial at a time. One that dies (out of memory, `process.exit` in an evaluator) is replaced, and its
 * trial given to another; a trial that killed as many threads as it has tries ends the search by name.
 */

import { availableParallelism } from 'node:os'
import { extname } from 'node:path'
import { Worker } from 'node:worker_threads'
import { type Clock, SECOND_US } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import type { DatasetStore } from './datasetStore.ts'
import { errorOf, reasonOf, type TrialResult, type TrialRunner, type TrialTask } from './trial.ts'
import type { ThreadAnswer, ThreadQuestion, ThreadSettings } from './trialThread.ts'

export interface ThreadOptions {
  /** Times trials. */
  readonly clock: Clock
  /** Threads; as many as the machine has cores when absent. Changes no result. */
  readonly threads?: number
  /** Where datasets lie; trials that look at no data need none. */
  readonly datasets?: DatasetStore
  /** Times a trial is started at most. */
  readonly tries?: number
  /** Module that exports `EVALUATORS`; gimbal's own when absent. */
  readonly evaluators?: URL
}

interface Waiting {
  readonly question: ThreadQuestion
  /** Threads it has killed. */
  deaths: number
  readonly done: (result: TrialResult) => void
  readonly failed: (error: Error) => void
}

/** This file's extension: threads run what this process runs, sources or build. */
const EXTENSION = extname(import.meta.url)

export class ThreadRunner implements TrialRunner {
  readonly concurrency: number
  readonly #clock: Clock
  readonly #datasets: DatasetStore | undefined
  readonly #tries: number
  readonly #settings: ThreadSettings
  readonly #idle: Worker[] = []
  readonly #threads = new Set<Worker>()
  readonly #waiting: Waiting[] = []
  #closed = false

  constructor({ clock, threads = availableParallelism(), datasets, tries = 3, evaluators }: ThreadOptions) {
    if (!Number.isSafeInteger(threads) || threads < 1)
      throw new GimbalError('argument-invalid', 'Trials need at least one thread', { threads })
    this.concurrency = threads
    this.#clock = clock
    this.#datasets = datasets
    this.#tries = tries
    this.#settings = { evaluators: String(evaluators ?? new URL(`./evaluators${EXTENSION}`, import.meta.url)) }
  }

  /**
   * @throws {GimbalError} `trial-failed` when the evaluator fails or as many threads died as are tried; `file-missing`,
   *   `file-invalid` and `storage-failed` of the data.
   */
  async run(task: TrialTask): Promise<TrialResult> {
    const path = await this.#datasets?.locate(task.dataHash)
    return new Promise((done, failed) => {
      if (this.#closed) return failed(abandoned(task))
      this.#waiting.push({ question: { task, path }, deaths: 0, done, failed })
      this.#next()
    })
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const { question, failed } of this.#waiting.splice(0)) failed(abandoned(question.task))
    await Promise.all([...this.#threads].map((thread) => thread.terminate()))
  }

  #next(): void {
    while (this.#waiting.length > 0 && (this.#idle.length > 0 || this.#threads.size < this.concurrency))
      this.#give(this.#idle.pop() ?? this.#start(), this.#waiting.shift()!)
  }

  #start(): Worker {
    const thread = new Worker(new URL(`./trialThread${EXTENSION}`, import.meta.url), { workerData: this.#settings })
    this.#threads.add(thread)
    return thread
  }

  #give(thread: Worker, waiting: Waiting): void {
    const startUs = this.#clock.nowUs
    let reason = 'it ended by itself'
    const onMessage = (answer: ThreadAnswer) => {
      thread.removeAllListeners()
      // An idle thread that dies is noticed here, with no trial to give to another.
      thread.on('error', () => {})
      thread.on('exit', () => this.#buried(thread))
      this.#idle.push(thread)
      if ('error' in answer) waiting.failed(errorOf(answer.error))
      else waiting.done({ ...answer.score, seconds: (this.#clock.nowUs - startUs) / SECOND_US })
      this.#next()
    }
    const onError = (error: Error) => {
      reason = reasonOf(error)
    }
    const onExit = () => {
      this.#buried(thread)
      waiting.deaths++
      const { task } = waiting.question
      if (this.#closed) waiting.failed(abandoned(task))
      else if (waiting.deaths < this.#tries) this.#waiting.unshift(waiting)
      else
        waiting.failed(
          new GimbalError('trial-failed', 'A trial’s thread died every time it was tried', {
            trial: task.number,
            evaluator: task.evaluator,
            configuration: JSON.stringify(task.configuration),
            tries: this.#tries,
            reason,
          }),
        )
      this.#next()
    }
    thread.removeAllListeners()
    thread.on('message', onMessage)
    thread.on('error', onError)
    thread.on('exit', onExit)
    thread.postMessage({ task: waiting.question.task, path: waiting.question.path } satisfies ThreadQuestion)
  }

  #buried(thread: Worker): void {
    this.#threads.delete(thread)
    const at = this.#idle.indexOf(thread)
    if (at >= 0) this.#idle.splice(at, 1)
  }
}

function abandoned(task: TrialTask): GimbalError {
  return new GimbalError('trial-failed', 'The runner was closed before the trial was finished', { trial: task.number })
}
