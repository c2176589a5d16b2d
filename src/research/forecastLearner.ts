/**
 * @file Learning a positive quantity (variance, volume, demand): a log-linear start, boosted trees on what it leaves over, a
 * scale and an interval from samples the trees did not see.
 *
 * The start is a ridge regression of the logarithm of the label on a few columns, log-HAR for variance: it extrapolates, which
 * trees cannot. The trees then minimise QLIKE in the logarithm, beginning at the start's forecast; their number is chosen on
 * the last part of the training span, parted from the rest by the horizon. The same part gives the scale that makes forecasts
 * right in the mean and the bounds that held the truth (split conformal: models/calibration/conformal.ts), so both are honest about unseen samples.
 *
 * Source of the loss: A. Patton, "Volatility forecast comparison using imperfect volatility proxies", J. Econometrics 160
 * (2011): QLIKE ranks forecasts of variance right even though only a noisy proxy is seen.
 */

import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingValue } from '../core/settings.ts'
import { BoostedModel } from '../models/boostedModel.ts'
import { calibrateInterval } from '../models/calibration/conformal.ts'
import type { Model, Table, TrainingSet } from '../models/learner.ts'
import { exponentiated, leastSquares } from '../models/linear/leastSquares.ts'
import { LinearModel, type LinearParameters } from '../models/linear/linearModel.ts'
import type { TreeEnsemble } from '../models/trees/ensemble.ts'
import { fitTrees } from '../models/trees/fitTrees.ts'
import { FlatPredictor } from '../models/trees/flatPredictor.ts'
import { TREE_SETTINGS } from '../models/trees/treeSettings.ts'
import type { TreeThreads } from '../models/trees/treeThreads.ts'

/** How to learn, as plain data. */
export interface LearnerSpec {
  /** Columns of the log-linear start; none starts from the mean. Those missing in over a tenth of the samples learnt from are left out. */
  readonly baseColumns: readonly string[]
  /** Penalty of the start, per squared standardised coefficient. */
  readonly ridge: number
  /** Settings of the trees; objective and seed are set by the learner. `rounds` 0 leaves the start alone. */
  readonly trees: Readonly<Record<string, SettingValue>>
  /** Last share of the training samples, held back to choose the number of trees, the scale and the interval. */
  readonly validationShare: number
  /** Probability the interval should hold the truth with. */
  readonly level: number
}

export const DEFAULT_LEARNER: LearnerSpec = {
  baseColumns: [],
  ridge: 1e-4,
  trees: {
    rounds: 400,
    learningRate: 0.03,
    leaves: 15,
    rowsPerLeafMin: 100,
    lambdaL2: 10,
    rowShare: 0.5,
    featureShare: 0.5,
    earlyStopRounds: 40,
  },
  validationShare: 0.2,
  level: 0.9,
}

/** Samples to learn from, oldest first. */
export interface ForecastSamples {
  readonly table: Table
  /** Positive; NaN where the future was not recorded. */
  readonly label: Float64Array
  readonly timesUs: Float64Array
  /** When each label was known. */
  readonly endsUs: Float64Array
}

/** What was learnt. */
export interface FittedForecast {
  readonly base: LinearParameters
  readonly ensemble: TreeEnsemble | null
  /** Answers in the unit of the label, before the scale. */
  readonly model: Model
  /** Times this the forecast is right in the mean on the samples held back. */
  readonly scale: number
  /** Bounds of truth over scaled forecast that held `level` of the samples held back. */
  readonly low: number
  readonly high: number
  readonly level: number
  readonly rounds: number
  /** Samples learnt from, and those held back. */
  readonly trained: number
  readonly held: number
  /** Mean QLIKE on the samples held back, scaled. */
  readonly heldLoss: number
}

/**
 * Fits on some samples and on nothing else. Deterministic in samples, spec and seed.
 *
 * @param rows Numbers of the samples that may be used, ascending; those without a label are left out.
 * @throws {GimbalError} `table-invalid` when too few are left to learn from; `config-invalid`.
 */
export function fitForecast(
  samples: ForecastSamples,
  rows: ArrayLike<number> & Iterable<number>,
  spec: LearnerSpec,
  seed: number,
  threads?: TreeThreads,
): FittedForecast {
  const { label, timesUs, endsUs } = samples
  const usable: number[] = []
  for (const row of rows) if (label[row]! > 0) usable.push(row)
  const firstHeld = Math.floor(usable.length * (1 - spec.validationShare))
  const held = usable.slice(firstHeld)
  const heldFromUs = held.length > 0 ? timesUs[held[0]!]! : Number.POSITIVE_INFINITY
  // A label that reaches into the samples held back would have told the trees of them.
  const learnt = usable.slice(0, firstHeld).filter((row) => endsUs[row]! <= heldFromUs)
  if (learnt.length < LEAST || held.length < LEAST)
    throw new GimbalError('table-invalid', 'Too few samples to learn a forecast from', {
      samples: usable.length,
      learnt: learnt.length,
      heldBack: held.length,
      least: LEAST,
    })
  const base = new LinearModel(fitBase(samples, learnt, spec))
  const training = trainingSet(samples, learnt, base)
  const validation = trainingSet(samples, held, base)
  const wanted = Number(spec.trees['rounds'] ?? 1)
  let ensemble: TreeEnsemble | null = null
  let rounds = 0
  if (training.rows.length < LEAST || validation.rows.length < LEAST)
    throw new GimbalError(
      'table-invalid',
      'Too few samples have an answer of the start: its columns are missing there',
      {
        learnt: training.rows.length,
        heldBack: validation.rows.length,
        least: LEAST,
      },
    )
  if (wanted > 0) {
    const settings = readSettings('the trees', TREE_SETTINGS, {
      ...spec.trees,
      objective: 'qlike',
      boostFromAverage: false,
      seed,
    })
    const fit = fitTrees(training.set, settings, { validation: validation.set, ...(threads ? { threads } : {}) })
    ensemble = fit.ensemble
    rounds = fit.bestRound
  }
  const model = ensemble ? new BoostedModel(base, new FlatPredictor(ensemble)) : base
  const ratios = ratiosOn(samples, held, model)
  if (ratios.length < LEAST)
    throw new GimbalError('table-invalid', 'Too few samples held back have a forecast: its columns are missing there', {
      heldBack: held.length,
      withForecast: ratios.length,
      least: LEAST,
    })
  // The mean of y/f is what QLIKE wants a forecast to be multiplied by: it is where its derivative in the scale vanishes.
  const scale = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length
  // In logarithms, where errors of a positive quantity are nearest to symmetric.
  const interval = calibrateInterval(
    Float64Array.from(ratios, (ratio) => Math.log(ratio / scale)),
    1 - spec.level,
  )
  return {
    base: base.parameters,
    ensemble,
    model,
    scale,
    low: Math.exp(-interval.below),
    high: Math.exp(interval.above),
    level: spec.level,
    rounds,
    trained: learnt.length,
    held: held.length,
    heldLoss: ratios.reduce((sum, ratio) => sum + ratio / scale - Math.log(ratio / scale) - 1, 0) / ratios.length,
  }
}

/** Fewest samples to learn from and to hold back. */
const LEAST = 30

/** Log-linear start on the samples learnt from; the mean of the label where no columns are named. */
function fitBase({ table, label }: ForecastSamples, rows: readonly number[], spec: LearnerSpec): LinearParameters {
  const columns = spec.baseColumns.filter((name) => mostlyKnown(table, name, rows))
  if (columns.length === 0) {
    const mean = rows.reduce((sum, row) => sum + label[row]!, 0) / rows.length
    const { names } = table
    return {
      names,
      columns: [],
      coefficients: [],
      intercept: Math.log(mean),
      link: 'exp',
      correction: 0,
      floor: null,
      ceiling: null,
    }
  }
  const logs = Float64Array.from(rows, (row) => Math.log(label[row]!))
  const fit = leastSquares(
    { table: gathered(table, rows), label: logs },
    { columns, missing: 'drop', ridge: spec.ridge },
  )
  // An exponential runs off where a column does: nothing is forecast that lies far beyond what was learnt from.
  let [least, most] = [Number.POSITIVE_INFINITY, 0]
  for (const row of rows) {
    least = Math.min(least, label[row]!)
    most = Math.max(most, label[row]!)
  }
  return { ...exponentiated(fit, least / BEYOND), ceiling: most * BEYOND }
}

/** How far beyond the labels learnt from a start may go. */
const BEYOND = 10

/** Share of missing figures from which a column would cost more answers than it improves. */
const MISSING_MAX = 0.1

function mostlyKnown(table: Table, name: string, rows: readonly number[]): boolean {
  const at = table.names.indexOf(name)
  if (at < 0) return true // The regression names what is not there.
  const column = table.columns[at]!
  let missing = 0
  for (const row of rows) if (Number.isNaN(column[row]!)) missing++
  return missing <= MISSING_MAX * rows.length
}

/** The samples that the start has an answer for, with that answer as the score to begin from. */
function trainingSet(
  { table, label }: ForecastSamples,
  rows: readonly number[],
  base: LinearModel,
): { set: TrainingSet; rows: readonly number[] } {
  const row = new Float64Array(table.names.length)
  const kept: number[] = []
  const scores: number[] = []
  for (const each of rows) {
    readRow(table, each, row)
    const answer = base.predict(row)
    if (!(answer > 0)) continue
    kept.push(each)
    scores.push(Math.log(answer))
  }
  return {
    rows: kept,
    set: {
      table: gathered(table, kept),
      label: Float64Array.from(kept, (each) => label[each]!),
      initScore: Float64Array.from(scores),
    },
  }
}

function ratiosOn({ table, label }: ForecastSamples, rows: readonly number[], model: Model): number[] {
  const row = new Float64Array(table.names.length)
  const ratios: number[] = []
  for (const each of rows) {
    readRow(table, each, row)
    const ratio = label[each]! / model.predict(row)
    if (Number.isFinite(ratio)) ratios.push(ratio)
  }
  return ratios
}

/** Scaled forecasts for some samples, written at their places; NaN where the model has nothing to say. */
export function forecastRows(
  fitted: FittedForecast,
  table: Table,
  rows: ArrayLike<number> & Iterable<number>,
  out: Float64Array,
): void {
  const row = new Float64Array(table.names.length)
  for (const each of rows) {
    readRow(table, each, row)
    const answer = fitted.model.predict(row) * fitted.scale
    out[each] = answer > 0 && answer < Number.POSITIVE_INFINITY ? answer : Number.NaN
  }
}

/** Copies one row of a table. */
export function readRow(table: Table, row: number, out: Float64Array): void {
  for (let column = 0; column < out.length; column++) out[column] = table.columns[column]![row]!
}

/** Some rows of a table, copied. */
export function gathered(table: Table, rows: readonly number[]): Table {
  return {
    rows: rows.length,
    names: table.names,
    columns: table.columns.map((column) => Float64Array.from(rows, (row) => column[row]!)),
    ...(table.categorical ? { categorical: table.categorical } : {}),
  }
}
