/**
 * @file A trial: one configuration, evaluated. A pure function of the task below, whoever runs it, wherever, how often.
 */

import { createHash } from 'node:crypto'
import { type ErrorCode, GimbalError } from '../../core/errors.ts'
import type { Dataset } from '../dataset.ts'
import type { Configuration } from './searchSpace.ts'

/** `dataHash` of trials that look at no data: the SHA-256, hex, of nothing. */
export const NO_DATA = createHash('sha256').digest('hex')

/** Everything a trial depends on; plain data, sent to threads and other hosts as JSON. */
export interface TrialTask {
  /** {@link searchHash} of the search it belongs to. */
  readonly search: string
  /** From 0, within the search. */
  readonly number: number
  /** Name in the registry of evaluators. */
  readonly evaluator: string
  /** What was drawn, and what all trials of the search share. */
  readonly configuration: Configuration
  readonly seed: number
  /** Hash of the dataset, {@link NO_DATA} without one. Where it lies is each host's own affair: see `datasetStore.ts`. */
  readonly dataHash: string
  /** Version of gimbal that asks; results of another would not be comparable. */
  readonly version: string
}

/** What an evaluator answers. */
export interface TrialScore {
  /** What the search is after, in the unit of its metric; null where this configuration could not be scored: worst of all. */
  readonly score: number | null
  /** Anything else worth keeping, by name; null is unknown. */
  readonly metrics: Readonly<Record<string, number | null>>
  /** Sharpe ratio per return, its number of returns and their interval in µs, where the trial traded. */
  readonly returns?: { readonly sharpe: number | null; readonly count: number; readonly clockUs: number }
}

/** A score and how long it took. Seconds are told to people and compared by nobody: they differ from run to run. */
export interface TrialResult extends TrialScore {
  readonly seconds: number
}

/** Judges configurations. Must be pure: same task, same data, same answer, to the last bit. */
export interface Evaluator {
  /** A sentence for `--help`. */
  readonly summary: string
  /**
   * @param load Gives the dataset, its content checked against `task.dataHash`; the same object to every trial of a thread,
   *   which must not change it. Throws where the search has no data.
   */
  evaluate(task: TrialTask, load: () => Dataset): TrialScore | Promise<TrialScore>
}

/** Runs trials somewhere. */
export interface TrialRunner {
  /** How many trials it makes sense to ask for at once. */
  readonly concurrency: number
  /**
   * @throws {GimbalError} `trial-failed` when the trial cannot be finished; what its runner documents when the runner itself
   *   fails.
   */
  run(task: TrialTask): Promise<TrialResult>
  /** Gives back threads and connections; trials under way are abandoned. */
  close(): Promise<void>
}

/**
 * Runs an evaluator and checks its answer.
 *
 * @throws {GimbalError} `trial-failed`: no such evaluator, it threw, or its answer is not a score. Errors with a code of their
 *   own (`file-missing`, `file-invalid`, …) are passed on as they are: they are about the data, not about the trial.
 */
export async function evaluateTrial(
  evaluators: Readonly<Record<string, Evaluator>>,
  task: TrialTask,
  load: () => Dataset,
): Promise<TrialScore> {
  const facts = { trial: task.number, evaluator: task.evaluator, configuration: JSON.stringify(task.configuration) }
  const evaluator = Object.hasOwn(evaluators, task.evaluator) ? evaluators[task.evaluator] : undefined
  if (!evaluator)
    throw new GimbalError('trial-failed', 'No such evaluator', { ...facts, known: Object.keys(evaluators).join(' ') })
  let answer: TrialScore
  try {
    answer = await evaluator.evaluate(task, load)
  } catch (error) {
    if (error instanceof GimbalError && DATA_ERRORS.has(error.code)) throw error
    throw new GimbalError('trial-failed', 'A trial failed', { ...facts, reason: reasonOf(error) }, { cause: error })
  }
  const bad = [answer.score, answer.returns?.sharpe ?? null, ...Object.values(answer.metrics)].find(
    (value) => value !== null && !Number.isFinite(value),
  )
  if (bad !== undefined)
    throw new GimbalError('trial-failed', 'A trial’s figures must be finite, or null where unknown', {
      ...facts,
      found: String(bad),
    })
  return answer
}

const DATA_ERRORS: ReadonlySet<ErrorCode> = new Set(['file-missing', 'file-invalid', 'storage-failed'])

/** First line of what went wrong, without the stack. */
export function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message.split('\n', 1)[0]! : String(error)
}

/** An error as it crosses threads and hosts. */
export interface ErrorRecord {
  /** Absent where it was not one of ours. */
  readonly code?: ErrorCode
  readonly summary: string
  readonly facts: Readonly<Record<string, string | number | boolean>>
}

/** Writes an error down. */
export function recordOf(error: unknown): ErrorRecord {
  if (!(error instanceof GimbalError)) return { summary: reasonOf(error), facts: {} }
  const facts: Record<string, string | number | boolean> = {}
  for (const [fact, value] of Object.entries(error.facts)) facts[fact] = typeof value === 'bigint' ? `${value}` : value
  return { code: error.code, summary: reasonOf(error), facts }
}

/** The error again; one that was not ours as `trial-failed`. @param more Facts only the side that reads it knows. */
export function errorOf(record: ErrorRecord, more: ErrorRecord['facts'] = {}): GimbalError {
  const { code = 'trial-failed', summary, facts } = record
  return new GimbalError(code, summary, { ...facts, ...more })
}
