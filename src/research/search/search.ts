/**
 * @file The search loop: propose, run, write down, enter into the ledger; from the start or from where it was killed.
 *
 * Whoever runs the trials, however many at once, whenever interrupted: the same search gives the same trials, the same
 * best one and the same lines in the ledger of trials, dates and seconds apart. Three things make it so: proposals follow
 * the rule of `proposer.ts`; a trial is a pure function of its task; and the ledger is written in order of trial number,
 * from the file of finished trials, each exactly once.
 */

import { createHash } from 'node:crypto'
import { type Clock, isoTime } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import type { SettingValue } from '../../core/settings.ts'
import { lowerIsBetter, type Trial, type TrialLedger } from '../trialLedger.ts'
import { type FinishedTrial, FinishedTrials } from './finishedTrials.ts'
import type { Proposer, Tried } from './proposer.ts'
import { randomSearch } from './randomSearch.ts'
import {
  type Configuration,
  configurationHash,
  requireConfiguration,
  type SearchSpace,
  spaceHash,
} from './searchSpace.ts'
import { tpe } from './tpe.ts'
import type { TrialRunner, TrialTask } from './trial.ts'

/** How proposals are made. */
export type SearchMethod =
  | { readonly name: 'random' }
  | { readonly name: 'tpe'; readonly settings?: Readonly<Record<string, SettingValue>> }

/** A search, as plain data. */
export interface SearchSpec {
  /** What is searched over, for the ledger: trials of one family compete for the same conclusion. */
  readonly family: string
  readonly evaluator: string
  readonly space: SearchSpace
  /** What every trial has besides what is drawn. */
  readonly fixed: Configuration
  /** Tried before anything is proposed, in this order: defaults to beat, say. Points of the space. */
  readonly first?: readonly Configuration[]
  readonly method: SearchMethod
  /** What the evaluator's score is, by a name of `trialLedger.ts`, which also says whether less is better. */
  readonly metric: string
  /** How many trials; raising it continues the search. */
  readonly trials: number
  /** Of proposals, and handed to every trial: all are judged on the same draws. */
  readonly seed: number
  /** Hash of the dataset, `NO_DATA` without one. */
  readonly dataHash: string
  /** Version of gimbal. */
  readonly version: string
}

/** What a search found. */
export interface SearchOutcome {
  readonly hash: string
  /** The best by score, the earlier of equals; null where none could be scored. */
  readonly best: FinishedTrial | null
  /** In order of number. */
  readonly trials: readonly FinishedTrial[]
  /** How many were finished before, by an interrupted run. */
  readonly resumed: number
}

/** What the loop needs besides the search. */
export interface SearchEnvironment {
  /** Folder whose `search/` holds the files of finished trials. */
  readonly out: string
  /** Dates trials for the ledger. */
  readonly clock: Clock
  /** Hears of every trial as it is finished; not of those of an earlier run. */
  readonly onTrial?: (trial: FinishedTrial, finished: number) => void
  /** Stops the search; what is finished is kept. */
  readonly signal?: AbortSignal
}

/**
 * SHA-256, hex, of everything that decides what trial n is: all of the spec but the number of trials, which may grow.
 *
 * @throws {GimbalError} `config-invalid` for a space that makes no sense.
 */
export function searchHash(spec: SearchSpec): string {
  const { family, evaluator, space, fixed, first = [], method, metric, seed, dataHash, version } = spec
  const settings = method.name === 'tpe' ? configurationHash(method.settings ?? {}) : ''
  const parts = [family, evaluator, spaceHash(space), configurationHash(fixed), first.map(configurationHash)]
  return createHash('sha256')
    .update(JSON.stringify([...parts, method.name, settings, metric, seed, dataHash, version]))
    .digest('hex')
}

/**
 * Runs a search to its end, or goes on with one that was interrupted.
 *
 * @throws {GimbalError} `config-invalid` for a spec that makes no sense, `argument-invalid` for a metric nobody knows; `search-busy` and `search-invalid` of its file;
 *   whatever the runner throws, with every trial finished until then kept; the reason of `signal` when it was aborted.
 */
export async function runSearch(
  spec: SearchSpec,
  runner: TrialRunner,
  ledger: TrialLedger,
  environment: SearchEnvironment,
): Promise<SearchOutcome> {
  requireSpec(spec)
  const search = searchHash(spec)
  const finished = FinishedTrials.open(environment.out, { search, version: spec.version, spec })
  try {
    return await new SearchRun(spec, search, runner, finished, ledger, environment).toTheEnd()
  } finally {
    finished.close()
  }
}

function requireSpec(spec: SearchSpec): void {
  const { trials, fixed, space, first = [], metric } = spec
  lowerIsBetter(metric)
  if (!Number.isSafeInteger(trials) || trials < 1)
    throw new GimbalError('config-invalid', 'A search needs at least one trial', { trials })
  const twice = Object.keys(fixed).find((name) => Object.hasOwn(space, name))
  if (twice !== undefined)
    throw new GimbalError('config-invalid', 'A parameter is both fixed and searched over', { parameter: twice })
  for (const configuration of first) requireConfiguration(space, configuration)
}

class SearchRun {
  readonly #spec: SearchSpec
  readonly #search: string
  readonly #runner: TrialRunner
  readonly #finished: FinishedTrials
  readonly #ledger: TrialLedger
  readonly #environment: SearchEnvironment
  readonly #proposer: Proposer
  readonly #first: readonly Configuration[]
  /** Drawn part of every configuration proposed so far, by number. */
  readonly #proposed: Configuration[] = []
  readonly #running = new Map<number, Promise<void>>()
  readonly #entered: EnteredTrials
  /** Trials below this are in the ledger. */
  #inLedger = 0
  /** Trials below this are finished. */
  #complete = 0
  #over = false

  constructor(
    spec: SearchSpec,
    search: string,
    runner: TrialRunner,
    finished: FinishedTrials,
    ledger: TrialLedger,
    environment: SearchEnvironment,
  ) {
    this.#spec = spec
    this.#search = search
    this.#runner = runner
    this.#finished = finished
    this.#ledger = ledger
    this.#environment = environment
    this.#proposer =
      spec.method.name === 'tpe'
        ? tpe(spec.space, spec.seed, spec.method.settings)
        : randomSearch(spec.space, spec.seed)
    this.#first = spec.first ?? []
    this.#entered = new EnteredTrials(finished.count > 0 ? ledger.trials() : [])
  }

  async toTheEnd(): Promise<SearchOutcome> {
    const resumed = this.#finished.count
    this.#settle()
    const { signal } = this.#environment
    const aborted = signal ? onceAborted(signal) : undefined
    try {
      for (let number = 0; number < this.#spec.trials; number++) {
        signal?.throwIfAborted()
        while (!this.#mayPropose(number)) await this.#oneMore(aborted?.promise)
        this.#proposed.push(this.#configuration(number))
        if (this.#finished.get(number)) continue
        while (this.#running.size >= this.#runner.concurrency) await this.#oneMore(aborted?.promise)
        this.#start(number)
      }
      while (this.#running.size > 0) await this.#oneMore(aborted?.promise)
    } finally {
      aborted?.forget()
      // When one trial failed, the others are left to the runner: nobody waits for them or writes them down.
      this.#over = true
      for (const running of this.#running.values()) running.catch(() => {})
    }
    return this.#outcome(resumed)
  }

  #mayPropose(number: number): boolean {
    return number < this.#first.length || this.#complete >= number - this.#proposer.parallel
  }

  /** What trial `number` draws: what it drew before where it is finished, else what is proposed. */
  #configuration(number: number): Configuration {
    const before = this.#finished.get(number)
    if (before) return this.#drawnPart(before.configuration)
    if (number < this.#first.length) return this.#first[number]!
    const known = Math.max(0, number - this.#proposer.parallel)
    const sign = lowerIsBetter(this.#spec.metric) ? 1 : -1
    const tried: Tried[] = []
    for (let each = 0; each < known; each++) {
      const { score } = this.#finished.get(each)!.result
      tried.push({ number: each, configuration: this.#proposed[each]!, loss: score === null ? null : sign * score })
    }
    return this.#proposer.propose(number, tried, this.#proposed.slice(known))
  }

  #drawnPart(configuration: Configuration): Configuration {
    return Object.fromEntries(Object.entries(configuration).filter(([name]) => Object.hasOwn(this.#spec.space, name)))
  }

  #start(number: number): void {
    const { evaluator, fixed, seed, dataHash, version } = this.#spec
    const configuration = { ...fixed, ...this.#proposed[number]! }
    const task: TrialTask = { search: this.#search, number, evaluator, configuration, seed, dataHash, version }
    const running = this.#runner.run(task).then((result) => {
      if (this.#over) return
      this.#running.delete(number)
      const date = isoTime(this.#environment.clock.nowUs)
      const trial: FinishedTrial = { number, configuration, result, date }
      this.#finished.add(trial)
      this.#settle()
      this.#environment.onTrial?.(trial, this.#finished.count)
    })
    this.#running.set(number, running)
  }

  async #oneMore(aborted: Promise<never> | undefined): Promise<void> {
    await Promise.race(aborted ? [...this.#running.values(), aborted] : this.#running.values())
  }

  /** Enters into the ledger what is finished without a gap before it. */
  #settle(): void {
    for (let trial = this.#finished.get(this.#complete); trial; trial = this.#finished.get(this.#complete))
      this.#complete++
    for (; this.#inLedger < Math.min(this.#complete, this.#spec.trials); this.#inLedger++) {
      const trial = this.#ledgerTrial(this.#finished.get(this.#inLedger)!)
      if (!this.#entered.take(trial)) this.#ledger.append(trial)
    }
  }

  #ledgerTrial({ configuration, result, date }: FinishedTrial): Trial {
    const { family, evaluator, dataHash, seed, metric } = this.#spec
    return {
      date,
      family,
      kind: 'search',
      policy: evaluator,
      settingsHash: configurationHash(configuration),
      dataHash,
      seed,
      metric,
      score: result.score,
      sharpe: result.returns?.sharpe ?? null,
      returns: result.returns?.count ?? 0,
      clockUs: result.returns?.clockUs ?? 0,
    }
  }

  #outcome(resumed: number): SearchOutcome {
    const trials: FinishedTrial[] = []
    for (let number = 0; number < this.#spec.trials; number++) trials.push(this.#finished.get(number)!)
    return { hash: this.#search, best: bestOf(trials, this.#spec.metric), trials, resumed }
  }
}

/** The best by score, the earlier of equals; null where none was scored. @param trials In order of number. */
export function bestOf(trials: readonly FinishedTrial[], metric: string): FinishedTrial | null {
  const lower = lowerIsBetter(metric)
  let best: FinishedTrial | null = null
  for (const trial of trials) {
    const { score } = trial.result
    if (score === null) continue
    const before = best?.result.score ?? null
    if (before === null || (lower ? score < before : score > before)) best = trial
  }
  return best
}

/**
 * What an interrupted run already entered into the ledger. A trial's line follows from its line in the file of finished
 * trials, date and all, so whether it is there can be looked up, and nothing needs to be written down about it.
 */
class EnteredTrials {
  readonly #counts = new Map<string, number>()

  constructor(trials: readonly Trial[]) {
    for (const trial of trials) this.#counts.set(keyOf(trial), (this.#counts.get(keyOf(trial)) ?? 0) + 1)
  }

  /** Whether the trial is in the ledger; of equal lines each counts once. */
  take(trial: Trial): boolean {
    const key = keyOf(trial)
    const count = this.#counts.get(key) ?? 0
    if (count > 0) this.#counts.set(key, count - 1)
    return count > 0
  }
}

function keyOf({ date, family, kind, policy, settingsHash, dataHash, seed, metric, score }: Trial): string {
  return JSON.stringify([date, family, kind, policy, settingsHash, dataHash, seed, metric, score])
}

/** A promise that rejects when a signal is aborted, and how to stop listening. */
function onceAborted(signal: AbortSignal): { readonly promise: Promise<never>; readonly forget: () => void } {
  let listener = () => {}
  const promise = new Promise<never>((_, reject) => {
    listener = () => reject(signal.reason)
    signal.addEventListener('abort', listener, { once: true })
  })
  promise.catch(() => {})
  return { promise, forget: () => signal.removeEventListener('abort', listener) }
}
