/**
 * @file Threads that help a fit: started once, asleep between fits, and never in the way.
 *
 * A job is opened by writing an odd ticket and closed by the next even one. Whoever comes in time takes chunks from a
 * counter, the leading thread like every other; a thread the operating system runs late finds the job closed and has
 * missed nothing, so a busy machine slows a fit down by no more than the work it takes away. Waiting is a short spin, then
 * sleep in the kernel (Atomics.wait).
 *
 * Entering: a thread counts itself in, then looks at the ticket again. Leaving a job: the leader closes the ticket, then
 * waits until nobody is inside. Atomics are sequentially consistent, so either the thread sees the closed ticket or the
 * leader sees the thread.
 */

import { Worker } from 'node:worker_threads'
import { GimbalError } from '../../core/errors.ts'
import { CONTROL_BYTES, LANES_MAX, Word } from './treeJobs.ts'
import type { FitMessage } from './treeWorker.ts'

/** Looks at a word before a thread goes to sleep: some tens of microseconds. */
export const SPINS = 20_000

/** Worker threads for {@link fitTrees}; any number of fits, one after another. */
export class TreeThreads {
  /** Threads that work, the caller's included. */
  readonly count: number
  readonly control: SharedArrayBuffer
  readonly #workers: readonly Worker[]
  readonly #words: Int32Array
  #fit = 0
  #busy = false
  #lost = false

  private constructor(count: number, workers: readonly Worker[]) {
    this.count = count
    this.control = new SharedArrayBuffer(CONTROL_BYTES)
    this.#words = new Int32Array(this.control)
    this.#workers = workers
    for (const worker of workers) {
      worker.on('exit', () => (this.#lost = true))
      worker.on('error', () => (this.#lost = true))
    }
  }

  /** Only the caller's thread: nothing to start, nothing to close. */
  static alone(): TreeThreads {
    return new TreeThreads(1, [])
  }

  /**
   * Starts `count - 1` workers. They keep no process alive.
   *
   * @throws {GimbalError} `argument-invalid` unless 1 to 128.
   */
  static async open(count: number): Promise<TreeThreads> {
    if (!Number.isInteger(count) || count < 1 || count > LANES_MAX)
      throw new GimbalError('argument-invalid', 'Trees are trained by 1 to 128 threads', { count })
    const starting = Array.from(
      { length: count - 1 },
      (_, i) =>
        new Promise<Worker>((started, failed) => {
          const worker = new Worker(new URL('./treeWorker.js', import.meta.url), { workerData: i + 1 })
          worker.once('error', failed)
          worker.once('message', () => {
            worker.off('error', failed)
            worker.unref()
            started(worker)
          })
        }),
    )
    return new TreeThreads(count, await Promise.all(starting))
  }

  /** Ends the workers. */
  async close(): Promise<void> {
    await Promise.all(this.#workers.map((worker) => worker.terminate()))
  }

  /**
   * Calls the workers to a fit; they help until {@link leave}.
   *
   * @throws {GimbalError} `threads-unavailable` after `close`, or during another fit on the same threads.
   */
  join(message: Omit<FitMessage, 'control' | 'fit'>): void {
    if (this.#busy || this.#lost)
      throw new GimbalError('threads-unavailable', 'These threads cannot help a fit', {
        reason: this.#busy ? 'they are in the middle of another' : 'they were closed or died',
      })
    this.#busy = true
    // What threads count themselves in and out of is never reset: one may be late for the fit before.
    for (const word of [Word.TICKET, Word.FAILED, Word.SERIAL]) Atomics.store(this.#words, word, 0)
    this.#words.fill(0, Word.USED, Word.USED + LANES_MAX)
    this.#fit++
    Atomics.store(this.#words, Word.FIT, this.#fit)
    for (const worker of this.#workers) worker.postMessage({ ...message, control: this.control, fit: this.#fit })
  }

  /** Sends the workers back to sleep, and returns when none touches the memory any more. */
  leave(): void {
    Atomics.store(this.#words, Word.FIT, 0)
    Atomics.store(this.#words, Word.TICKET, -1)
    Atomics.notify(this.#words, Word.TICKET)
    this.#untilZero(Word.ATTENDING)
    this.#busy = false
  }

  /** Does a job with all who come, `work` being the caller's way to do a chunk; returns when every chunk is done. */
  run(job: number, chunks: number, work: (job: number, chunk: number) => void): void {
    const words = this.#words
    if (this.#workers.length === 0 || chunks < 2) {
      for (let chunk = 0; chunk < chunks; chunk++) work(job, chunk)
      return
    }
    words[Word.JOB] = job
    words[Word.CHUNKS] = chunks
    Atomics.store(words, Word.NEXT, 0)
    Atomics.add(words, Word.TICKET, 1)
    if (Atomics.load(words, Word.SLEEPING) > 0) Atomics.notify(words, Word.TICKET)
    try {
      for (let chunk = Atomics.add(words, Word.NEXT, 1); chunk < chunks; chunk = Atomics.add(words, Word.NEXT, 1))
        work(job, chunk)
    } finally {
      Atomics.add(words, Word.TICKET, 1)
      this.#untilZero(Word.INSIDE)
    }
    if (Atomics.load(words, Word.FAILED) !== 0)
      throw new GimbalError('threads-unavailable', 'A thread failed in the middle of a fit', { job })
  }

  #untilZero(word: number): void {
    const words = this.#words
    for (let spins = 0; Atomics.load(words, word) !== 0; spins++) {
      if (spins < SPINS) continue
      Atomics.store(words, Word.LEAD_WAITS, 1)
      const value = Atomics.load(words, word)
      if (value !== 0) Atomics.wait(words, word, value, 100)
      Atomics.store(words, Word.LEAD_WAITS, 0)
    }
  }
}
