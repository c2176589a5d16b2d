/** @file The other side of `queue.ts`: takes trials out of the queue and has them run here. */

import { hostname } from 'node:os'
import { type Job, UnrecoverableError, Worker } from 'bullmq'
import { z } from 'zod'
import { GimbalError } from '../../core/errors.ts'
import { JOB_TRIES } from './queue.ts'
import { connectQueue, QUEUE_NAME } from './queueConnection.ts'
import { recordOf, type TrialResult, type TrialRunner, type TrialTask } from './trial.ts'

const SettingValue = z.union([z.string(), z.number(), z.boolean()])
const Task = z.object({
  search: z.string().regex(/^[0-9a-f]{64}$/),
  number: z.int().min(0),
  evaluator: z.string(),
  configuration: z.record(z.string(), SettingValue),
  seed: z.number(),
  // It becomes a file name.
  dataHash: z.string().regex(/^[0-9a-f]{64}$/),
  version: z.string(),
})

export interface ServeOptions {
  /** See `connectQueue`. */
  readonly url: string
  /** Runs the trials; as many at once as its concurrency. Closed by who made it. */
  readonly runner: TrialRunner
  /** Version of gimbal: trials of another are refused. */
  readonly version: string
  /** Stops taking trials; those under way are finished first. */
  readonly signal: AbortSignal
  readonly onReady?: (address: string) => void
  readonly onTrial?: (task: TrialTask, result: TrialResult) => void
  /** After this long without a sign of life a worker's trial is given to another. */
  readonly lockMs?: number
}

/**
 * Takes trials until told to stop.
 *
 * @returns How many were finished here.
 * @throws {GimbalError} `argument-invalid`, `queue-failed`; `version-mismatch` after refusing a trial of another version.
 */
export async function serveTrials(options: ServeOptions): Promise<number> {
  const { url, runner, version, signal, onReady, onTrial, lockMs = 15_000 } = options
  const connection = await connectQueue(url)
  const host = hostname()
  let finished = 0
  let refuse: (error: GimbalError) => void = () => {}
  const refused = new Promise<never>((_, reject) => {
    refuse = reject
  })
  refused.catch(() => {})

  async function take({ data }: Job<TrialTask, TrialResult>): Promise<TrialResult> {
    try {
      const task = parseTask(data)
      if (task.version !== version) {
        const mismatch = new GimbalError('version-mismatch', 'Search and worker are of different versions of gimbal', {
          search: task.version,
          worker: version,
        })
        refuse(mismatch)
        throw mismatch
      }
      const result = await runner.run(task)
      finished++
      onTrial?.(task, result)
      return result
    } catch (error) {
      const record = recordOf(error)
      const text = JSON.stringify({ ...record, facts: { ...record.facts, host, process: process.pid } })
      // Only what may be different the next time, or on another host, is worth another try.
      throw record.code === 'storage-failed' ? new Error(text) : new UnrecoverableError(text)
    }
  }

  const worker = new Worker<TrialTask, TrialResult>(QUEUE_NAME, take, {
    connection: connection.redis,
    concurrency: runner.concurrency,
    lockDuration: lockMs,
    stalledInterval: Math.max(1, Math.floor(lockMs / 3)),
    maxStalledCount: JOB_TRIES - 1,
  })
  worker.on('error', connection.note)
  try {
    await Promise.race([worker.waitUntilReady(), connection.lost])
    onReady?.(connection.address)
    await Promise.race([aborted(signal), refused, connection.lost])
    await worker.close()
  } catch (error) {
    // A lost server cannot be told anything; after a refusal what is under way is still finished and told.
    await worker.close(!(error instanceof GimbalError && error.code === 'version-mismatch'))
    throw error
  } finally {
    connection.close()
  }
  return finished
}

function parseTask(data: unknown): TrialTask {
  const { success, data: task } = Task.safeParse(data)
  if (success) return task
  throw new GimbalError('trial-failed', 'What came out of the queue is not a trial', {
    found: JSON.stringify(data).slice(0, 200),
  })
}

function aborted(signal: AbortSignal): Promise<void> {
  return new Promise((done) => {
    if (signal.aborted) done()
    else signal.addEventListener('abort', () => done(), { once: true })
  })
}
