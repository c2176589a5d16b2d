/**
 * @file Trials on other processes and hosts: put into a queue on Redis (BullMQ), taken by any number of `gimbal worker`s.
 *
 * A job is named by its search and the number of its trial, so asking twice is asking once: a search that was killed and
 * started again picks up answers that came while it was away. A worker that vanishes loses its hold on the trial after a
 * few seconds, and another takes it; one that answers after all says the same.
 *
 * Source: BullMQ's documentation, "Stalled jobs", "Idempotent jobs".
 */

import { Queue, QueueEvents } from 'bullmq'
import { GimbalError } from '../../core/errors.ts'
import { connectQueue, QUEUE_NAME, type QueueConnection } from './queueConnection.ts'
import { type ErrorRecord, errorOf, reasonOf, type TrialResult, type TrialRunner, type TrialTask } from './trial.ts'

/** Times a job is started at most, by workers that die or cannot reach their data. */
export const JOB_TRIES = 3
/** Answers are kept on the server for a week, in case the search that asked comes back. */
const KEPT = { age: 7 * 86_400, count: 100_000 }

export interface QueueOptions {
  /** See `connectQueue`. */
  readonly url: string
  /** Trials in the queue at once: at least as many as all workers run together. */
  readonly concurrency?: number
}

interface Pending {
  readonly task: TrialTask
  readonly done: (result: TrialResult) => void
  readonly failed: (error: Error) => void
}

export class QueueRunner implements TrialRunner {
  readonly concurrency: number
  readonly #connection: QueueConnection
  readonly #queue: Queue<TrialTask, TrialResult>
  readonly #events: QueueEvents
  readonly #pending = new Map<string, Pending>()
  #closed = false

  /** @throws {GimbalError} `argument-invalid`, `queue-failed`. */
  static async open({ url, concurrency = 256 }: QueueOptions): Promise<QueueRunner> {
    const connection = await connectQueue(url)
    try {
      const queue = new Queue<TrialTask, TrialResult>(QUEUE_NAME, { connection: connection.redis })
      queue.on('error', connection.note)
      await queue.waitUntilReady()
      // Listening begins where the stream of events ends now: not later, or the first answers would be missed, and not
      // earlier, or the failure of an earlier run of this search would be taken for one of this.
      const [latest] = await connection.redis.xrevrange(queue.toKey('events'), '+', '-', 'COUNT', 1)
      const events = new QueueEvents(QUEUE_NAME, { connection: connection.redis, lastEventId: latest?.[0] ?? '0-0' })
      events.on('error', connection.note)
      return new QueueRunner(connection, queue, events, concurrency)
    } catch (error) {
      connection.close()
      throw new GimbalError('queue-failed', 'The Redis server of the queue does not work', {
        queue: connection.address,
        reason: reasonOf(error),
      })
    }
  }

  private constructor(
    connection: QueueConnection,
    queue: Queue<TrialTask, TrialResult>,
    events: QueueEvents,
    concurrency: number,
  ) {
    this.concurrency = concurrency
    this.#connection = connection
    this.#queue = queue
    this.#events = events
    events.on('completed', ({ jobId, returnvalue }) => {
      this.#take(jobId)?.done(returnvalue as unknown as TrialResult)
    })
    events.on('failed', ({ jobId, failedReason }) => {
      const pending = this.#take(jobId)
      pending?.failed(failureOf(failedReason, pending.task))
    })
    connection.lost.catch((error: Error) => this.#failAll(error))
    // A server that was restarted may have forgotten its jobs; asking again is asking once.
    connection.redis.on('ready', () => {
      for (const [id, { task }] of this.#pending) this.#ask(id, task).catch((error) => this.#take(id)?.failed(error))
    })
  }

  /** Workers that are listening now. */
  async workers(): Promise<number> {
    return this.#queue.getWorkersCount()
  }

  /**
   * @throws {GimbalError} `trial-failed`, or what the worker said (`file-missing`, `file-invalid`, `storage-failed`,
   *   `version-mismatch`), naming its host; `queue-failed` when the server is lost.
   */
  async run(task: TrialTask): Promise<TrialResult> {
    if (this.#closed) throw closedBefore(task)
    const id = `${task.search}-${task.number}`
    const answer = new Promise<TrialResult>((done, failed) => this.#pending.set(id, { task, done, failed }))
    try {
      await Promise.race([this.#ask(id, task), this.#connection.lost])
    } catch (error) {
      this.#take(id)?.failed(error as Error)
    }
    return answer
  }

  async close(): Promise<void> {
    this.#closed = true
    for (const [id, { task }] of this.#pending) {
      this.#take(id)?.failed(closedBefore(task))
      // Nobody is interested in it any more, unless a worker is already at it.
      await this.#queue.remove(id).catch(this.#connection.note)
    }
    await this.#events.close().catch(this.#connection.note)
    await this.#queue.close().catch(this.#connection.note)
    this.#connection.close()
  }

  /** Puts a job into the queue unless it is there; takes its answer when there is one. */
  async #ask(id: string, task: TrialTask): Promise<void> {
    const before = await this.#queue.getJob(id)
    const state = before ? await before.getState() : 'unknown'
    if (before && state === 'completed') return this.#take(id)?.done(before.returnvalue)
    // A failure of an earlier run, whose cause has been seen to.
    if (before && state === 'failed') await before.remove()
    await this.#queue.add('trial', task, {
      jobId: id,
      attempts: JOB_TRIES,
      backoff: { type: 'fixed', delay: 1_000 },
      removeOnComplete: KEPT,
      removeOnFail: KEPT,
    })
  }

  #take(id: string): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    return pending
  }

  #failAll(error: Error): void {
    for (const id of [...this.#pending.keys()]) this.#take(id)?.failed(error)
  }
}

/** What a worker gave as the reason: its error as JSON, or BullMQ's own words. */
function failureOf(reason: string, { number, evaluator, configuration }: TrialTask): GimbalError {
  const about = { trial: number, evaluator, configuration: JSON.stringify(configuration) }
  try {
    return errorOf(JSON.parse(reason) as ErrorRecord, about)
  } catch {
    return new GimbalError('trial-failed', 'A trial’s worker vanished every time it was tried', { ...about, reason })
  }
}

function closedBefore({ number }: TrialTask): GimbalError {
  return new GimbalError('trial-failed', 'The runner was closed before the trial was finished', { trial: number })
}
