/** @file How the world moved away from what each model of a walk was trained on, window by window. */

import { Cusum, driftSpec, PopulationStability, RecursiveResiduals } from '../models/calibration/drift.ts'
import { TrainingRange, trainingRange } from '../models/calibration/range.ts'
import type { Table } from '../models/learner.ts'
import { gathered, readRow } from './forecastLearner.ts'
import type { Judgement, Walk } from './study.ts'
import type { DriftRow } from './verdict.ts'

/** Slack and limit of the error sums, in deviations: about 500 errors between false alarms, 10 to find a shift of one. */
const ALLOWANCE = 0.5
const LIMIT = 5
/** Errors that must have told what is usual before any is judged. */
const USUAL_LEAST = 10

/**
 * One row a window: the column that changed most, the share of figures outside the training's range, losses, and the error
 * sum. Errors are ln truth − ln forecast, taken one horizon apart so that they do not overlap.
 */
export function driftRows(
  table: Table,
  timesUs: Float64Array,
  label: Float64Array,
  walk: Walk,
  judgement: Judgement,
  baseline: string,
): DriftRow[] {
  const model = judgement.losses.get('model')!
  const rival = judgement.losses.get(baseline)!
  const place = new Map(judgement.rows.map((row, index) => [row, index]))
  const row = new Float64Array(table.names.length)
  return walk.windows.map(({ train, test }) => {
    const training = gathered(table, Array.from(train))
    const stability = new PopulationStability(driftSpec(training), test.length)
    const range = new TrainingRange(trainingRange(training))
    const errors: number[] = []
    let outside = 0
    let [own, other, judged] = [0, 0, 0]
    for (const sample of test) {
      readRow(table, sample, row)
      stability.add(row)
      outside += range.share(row)
      const at = place.get(sample)
      if (at === undefined) continue
      own += model[at]!
      other += rival[at]!
      if (judged % judgement.overlap === 0) errors.push(Math.log(label[sample]! / walk.forecast[sample]!))
      judged++
    }
    let [psi, column] = [0, '']
    for (const [index, name] of table.names.entries()) {
      const each = stability.index(index)
      if (each > psi) [psi, column] = [each, name]
    }
    return {
      fromUs: timesUs[test[0]!]!,
      toUs: timesUs[test.at(-1)!]!,
      psi,
      column,
      outside: outside / test.length,
      modelLoss: own / judged,
      baselineLoss: other / judged,
      cusum: highestSum(errors) / LIMIT,
    }
  })
}

/**
 * Highest point of the two-sided sum of what is new in the errors, those after the first third of them; 0 where they are too few to
 * say. Errors of neighbouring horizons hang together, and few say little of their mean: both are in {@link RecursiveResiduals}.
 */
function highestSum(errors: readonly number[]): number {
  const usual = Math.floor(errors.length / 3)
  if (usual < USUAL_LEAST) return 0
  const residuals = new RecursiveResiduals()
  const cusum = new Cusum({ mean: 0, deviation: 1, allowance: ALLOWANCE, limit: LIMIT })
  let highest = 0
  for (const [index, error] of errors.entries()) {
    const residual = residuals.add(error)
    if (index < usual) continue
    cusum.add(residual)
    highest = Math.max(highest, cusum.above, cusum.below)
  }
  return highest
}
