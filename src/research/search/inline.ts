/** @file Trials on the thread that asks, one at a time: for tests, and for searches of trials cheaper than a message. */

import type { Clock } from '../../core/clock.ts'
import { SECOND_US } from '../../core/clock.ts'
import { DatasetReader, type DatasetStore } from './datasetStore.ts'
import { EVALUATORS } from './evaluators.ts'
import { type Evaluator, evaluateTrial, type TrialResult, type TrialRunner, type TrialTask } from './trial.ts'

export interface InlineOptions {
  /** Times trials. */
  readonly clock: Clock
  /** Where datasets lie; trials that look at no data need none. */
  readonly datasets?: DatasetStore
  readonly evaluators?: Readonly<Record<string, Evaluator>>
}

export class InlineRunner implements TrialRunner {
  readonly concurrency = 1
  readonly #options: InlineOptions
  readonly #reader = new DatasetReader()

  constructor(options: InlineOptions) {
    this.#options = options
  }

  /** @throws {GimbalError} `trial-failed`; `file-missing`, `file-invalid` and `storage-failed` of the data. */
  async run(task: TrialTask): Promise<TrialResult> {
    const { clock, datasets, evaluators = EVALUATORS } = this.#options
    const startUs = clock.nowUs
    const path = await datasets?.locate(task.dataHash)
    const score = await evaluateTrial(evaluators, task, () => this.#reader.read(task.dataHash, path))
    return { ...score, seconds: (clock.nowUs - startUs) / SECOND_US }
  }

  async close(): Promise<void> {}
}
