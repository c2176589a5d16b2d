/** @file A thread that helps fits: sleeps until called, does chunks of jobs until the fit is over. See treeThreads.ts. */

import { parentPort, workerData } from 'node:worker_threads'
import type { KernelMemory } from './kernel.ts'
import { type FitTerms, TreeJobs, Word } from './treeJobs.ts'
import { SPINS } from './treeThreads.ts'

/** What a worker needs to know of a fit. */
export interface FitMessage {
  readonly memory: KernelMemory
  readonly control: SharedArrayBuffer
  readonly terms: FitTerms
  /** Number of the fit: a message read after its fit is over is ignored. */
  readonly fit: number
}

const CLOSED = -1

/** Counts this thread out of `word` and wakes the leader if it waits for that. */
function leave(words: Int32Array, word: number): void {
  Atomics.sub(words, word, 1)
  if (Atomics.load(words, Word.LEAD_WAITS) !== 0) Atomics.notify(words, word)
}

function attend({ memory, control, terms, fit }: FitMessage, lane: number): void {
  const words = new Int32Array(control)
  Atomics.add(words, Word.ATTENDING, 1)
  try {
    if (Atomics.load(words, Word.FIT) !== fit) return
    help(words, new TreeJobs(memory, control, terms, lane))
  } catch (error) {
    Atomics.store(words, Word.FAILED, 1)
    throw error // Ends the thread: the next fit on these threads is refused, and the leader stops this one.
  } finally {
    leave(words, Word.ATTENDING)
  }
}

function help(words: Int32Array, jobs: TreeJobs): void {
  let done = 0
  for (let spins = 0; ; spins++) {
    const ticket = Atomics.load(words, Word.TICKET)
    if (ticket === CLOSED) return
    if (ticket % 2 === 1 && ticket !== done) {
      Atomics.add(words, Word.INSIDE, 1)
      try {
        if (Atomics.load(words, Word.TICKET) === ticket) takeChunks(words, jobs)
      } catch (error) {
        Atomics.store(words, Word.FAILED, 1) // Before the leader may think this chunk done.
        throw error
      } finally {
        leave(words, Word.INSIDE)
      }
      done = ticket
      spins = 0
    } else if (spins >= SPINS) {
      Atomics.add(words, Word.SLEEPING, 1)
      Atomics.wait(words, Word.TICKET, ticket)
      Atomics.sub(words, Word.SLEEPING, 1)
      spins = 0
    }
  }
}

function takeChunks(words: Int32Array, jobs: TreeJobs): void {
  const job = words[Word.JOB]!
  const chunks = words[Word.CHUNKS]!
  for (let chunk = Atomics.add(words, Word.NEXT, 1); chunk < chunks; chunk = Atomics.add(words, Word.NEXT, 1))
    jobs.run(job, chunk)
}

if (parentPort) {
  const lane = workerData as number
  parentPort.on('message', (message: FitMessage) => attend(message, lane))
  parentPort.postMessage('ready')
}
