/**
 * @file The evaluator of searches for a learner of forecasts: purged cross-validation inside the span nothing is judged on.
 *
 * Only the first share of the time is seen. It is cut into folds; every fold is forecast by a model of the others, purged of
 * labels that reach into it and with an embargo of a horizon after it. The score is the mean QLIKE over all folds; a missing
 * forecast is charged as the walk charges it.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Quantity } from '../../models/forecast.ts'
import { DEFAULT_LEARNER, fitForecast, forecastRows, type LearnerSpec } from '../forecastLearner.ts'
import { purgedKFold } from '../splits.ts'
import { labelsOf, lossesAt } from '../study.ts'
import type { Configuration, SearchSpace } from './searchSpace.ts'
import type { Evaluator, TrialScore } from './trial.ts'

/** What may be tried of a learner. */
export const LEARNER_SPACE: SearchSpace = {
  leaves: { kind: 'integer', min: 4, max: 63, log: true },
  learningRate: { kind: 'log-uniform', min: 0.01, max: 0.2 },
  rowsPerLeafMin: { kind: 'integer', min: 20, max: 500, log: true },
  lambdaL2: { kind: 'log-uniform', min: 0.1, max: 300 },
  rowShare: { kind: 'uniform', min: 0.3, max: 1 },
  featureShare: { kind: 'uniform', min: 0.15, max: 1 },
  ridge: { kind: 'log-uniform', min: 1e-6, max: 0.1 },
}

/** What every trial of a search for a learner shares. */
export interface ForecastSearch {
  readonly quantity: Quantity
  readonly horizonUs: number
  /** Columns of the start, between spaces. */
  readonly baseColumns: string
  /** Share of the time, from the first sample to the last, that may be seen. */
  readonly share: number
  readonly folds: number
}

/** The learner a configuration stands for. */
export function learnerOf(configuration: Configuration): LearnerSpec {
  const { ridge, baseColumns, quantity: _q, horizonUs: _h, share: _s, folds: _f, ...trees } = configuration
  return {
    ...DEFAULT_LEARNER,
    baseColumns: String(baseColumns ?? '')
      .split(' ')
      .filter((name) => name !== ''),
    ridge: Number(ridge ?? DEFAULT_LEARNER.ridge),
    trees: { ...DEFAULT_LEARNER.trees, ...trees },
  }
}

export const FORECAST_FIT: Evaluator = {
  summary: 'A learner of forecasts by purged cross-validation inside the span nothing is judged on (QLIKE).',
  evaluate(task, load): TrialScore {
    const dataset = load()
    const { quantity, horizonUs, share, folds } = task.configuration as unknown as ForecastSearch
    const labels = labelsOf(dataset, quantity, horizonUs)
    const { table, timesUs } = dataset
    // As the walk counts: a share of the time, whatever the samples' spacing, and no label may reach beyond it.
    const [firstUs, lastUs] = [timesUs[0]!, timesUs[table.rows - 1]!]
    const untilUs = firstUs + share * (lastUs - firstUs)
    const within = Uint32Array.from(timesUs.keys()).filter(
      (row) => labels.label[row]! > 0 && labels.endsUs[row]! <= untilUs,
    )
    const samples = { table, label: labels.label, timesUs, endsUs: labels.endsUs }
    const learner = learnerOf(task.configuration)
    const forecast = new Float64Array(table.rows).fill(Number.NaN)
    let rounds = 0
    for (const { train, test } of purgedKFold({ timesUs, endsUs: labels.endsUs }, folds, horizonUs, within)) {
      const fitted = fitForecast(samples, train, learner, task.seed)
      rounds += fitted.rounds
      forecastRows(fitted, table, test, forecast)
    }
    // Before the first answer columns are still warming up: the walk judges none of that.
    const first = within.findIndex((row) => forecast[row]! > 0)
    if (first < 0)
      throw new GimbalError('table-invalid', 'No sample of the search had a forecast', {
        samples: within.length,
        folds,
      })
    const losses = lossesAt(labels.label, forecast, within.subarray(first))
    const score = losses.reduce((sum, loss) => sum + loss, 0) / losses.length
    return { score, metrics: { judged: losses.length, rounds: rounds / folds } }
  },
}
