/**
 * @file A study: from a dataset to whether anything was learnt, for one quantity over one horizon.
 *
 * Walk-forward: the samples after the first share of the history are judged window by window, each window by a model fitted to
 * what was known when it began (labels that reach into the window are left out). Baselines are fitted at the same moments to
 * the same past. All are judged on exactly the samples every one of them had an answer for.
 */

import { GimbalError } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import type { Quantity } from '../models/forecast.ts'
import type { TreeThreads } from '../models/trees/treeThreads.ts'
import { walkForward } from '../models/volatility/forecaster.ts'
import { qlike } from '../models/volatility/qlike.ts'
import type { Dataset } from './dataset.ts'
import { compareLosses, meanInterval } from './dieboldMariano.ts'
import {
  type FittedForecast,
  type ForecastSamples,
  fitForecast,
  forecastRows,
  type LearnerSpec,
} from './forecastLearner.ts'
import { forwardVariance, forwardVolume, type Labels, liquidityDemand } from './labels.ts'
import { baselinesFor, demandBaselines, stepSeries } from './seriesBaselines.ts'
import { walkForward as splitWalk, type WalkForwardSplit } from './splits.ts'
import type { SkillRow, SkillTable } from './verdict.ts'

/** How a study is laid out. */
export interface StudyPlan {
  readonly quantity: Quantity
  readonly horizonUs: number
  /** Share of the samples before the first forecast. */
  readonly firstShare: number
  /** Windows the rest is cut into: the model is fitted anew for each. */
  readonly windows: number
  /** Most recent share of all samples that is learnt from; 0 learns from everything since the beginning. */
  readonly slideShare: number
  readonly learner: LearnerSpec
  readonly seed: number
}

/** Called between fits; lets the caller show progress, and stop by throwing. */
export type Turn = (text: string) => Promise<void>

/** Labels of a plan, floored so that a loss in logarithms exists. */
export function labelsOf(dataset: Dataset, quantity: Quantity, horizonUs: number): Labels {
  const { path, timesUs } = dataset
  const labels =
    quantity === 'variance'
      ? forwardVariance(path, timesUs, { horizonUs })
      : quantity === 'volume'
        ? forwardVolume(path, timesUs, { horizonUs })
        : quantity === 'demand'
          ? liquidityDemand(path, timesUs, { horizonUs })
          : undefined
  if (!labels)
    throw new GimbalError('argument-invalid', 'This quantity cannot be studied', {
      quantity,
      known: 'variance, volume, demand',
    })
  return { label: floored(labels.label), endsUs: labels.endsUs }
}

/**
 * Zeros, which short windows of a quiet market hold, and figures nearly as small are raised to a tenth of the least positive
 * label of the first tenth of the samples that have one: QLIKE knows no zero, and a floor taken from all labels would know the
 * future. Where nothing ever happened no label is known.
 */
function floored(label: Float64Array): Float64Array {
  const known = label.filter((value) => !Number.isNaN(value))
  const beginning = known.subarray(0, Math.max(50, known.length / 10)).filter((value) => value > 0)
  const first = known.find((value) => value > 0)
  if (first === undefined) return label.map(() => Number.NaN)
  const floor = (beginning.length > 0 ? beginning.reduce((a, b) => Math.min(a, b)) : first) / 10
  return label.map((value) => Math.max(value, floor))
}

/** In no walk of these samples is one before this moment judged: what is fitted for a whole study must have been known by then. */
export function judgedFromUs(timesUs: Float64Array, firstShare: number): number {
  return timesUs[0]! + (timesUs[timesUs.length - 1]! - timesUs[0]!) * firstShare
}

/** The walk of a plan over a dataset's samples. @throws {GimbalError} `table-invalid` when there are too few samples. */
export function walkOf(
  timesUs: Float64Array,
  labels: Labels,
  { firstShare, windows, slideShare }: Pick<StudyPlan, 'firstShare' | 'windows' | 'slideShare'>,
): readonly WalkForwardSplit[] {
  const samples = timesUs.length
  const lengthUs = timesUs[samples - 1]! - timesUs[0]!
  if (samples * firstShare < 200 || samples * (1 - firstShare) < windows)
    throw new GimbalError('table-invalid', 'Too few samples for a walk-forward', { samples, firstShare, windows })
  if (labels.endsUs.every(Number.isNaN))
    throw new GimbalError(
      'table-invalid',
      'No sample has a label: the data are shorter than the horizon, or do not hold what it measures',
      { samples, seconds: lengthUs / 1e6 },
    )
  return splitWalk(
    { timesUs, endsUs: labels.endsUs },
    {
      firstTrainUs: lengthUs * firstShare,
      // A hair longer, so that the last sample does not need a window of its own.
      retrainUs: (lengthUs * (1 - firstShare) * (1 + 1e-9)) / windows,
      ...(slideShare > 0 ? { windowUs: lengthUs * slideShare } : {}),
    },
  )
}

/** Forecasts made along a walk, and the models that made them. */
export interface Walk {
  readonly windows: readonly WalkForwardSplit[]
  readonly fits: readonly FittedForecast[]
  /** One a sample; NaN before the first window and where the model had no answer. */
  readonly forecast: Float64Array
}

/** Fits and forecasts window by window. */
export async function walkModel(
  samples: ForecastSamples,
  windows: readonly WalkForwardSplit[],
  learner: LearnerSpec,
  seed: number,
  turn: Turn,
  threads?: TreeThreads,
): Promise<Walk> {
  const forecast = new Float64Array(samples.timesUs.length).fill(Number.NaN)
  const fits: FittedForecast[] = []
  for (const [index, window] of windows.entries()) {
    await turn(`window ${index + 1} of ${windows.length}`)
    const fitted = fitForecast(samples, window.train, learner, seed, threads)
    fits.push(fitted)
    forecastRows(fitted, samples.table, window.test, forecast)
  }
  return { windows, fits, forecast }
}

/** Errors of a baseline that cannot be fitted to these data: HAR of a few minutes, GARCH of prices that stand still. */
const UNFITTED: ReadonlySet<string> = new Set(['fit-failed', 'table-invalid', 'argument-invalid'])

/** Forecasts of the baselines. */
export interface BaselineWalk {
  /** One a sample by name; NaN before the first window and where a baseline had no answer. */
  readonly forecasts: ReadonlyMap<string, Float64Array>
  /** Names of those that could not be fitted: they judge nothing, and a result has to say so. */
  readonly unfitted: readonly string[]
}

/** Baseline forecasts at the samples, fitted anew as often as the model is, each time to everything known by then. */
export async function walkBaselines(
  dataset: Dataset,
  labels: Labels,
  plan: StudyPlan,
  windows: readonly WalkForwardSplit[],
  turn: Turn,
): Promise<BaselineWalk> {
  const { path, timesUs } = dataset
  const first = windows[0]!.test[0]!
  if (plan.quantity === 'demand') return { forecasts: demandBaselines(labels, path, timesUs, first), unfitted: [] }
  const series = stepSeries(path, plan.quantity)
  const horizon = Math.round(plan.horizonUs / path.stepUs)
  const step = (sample: number) => Math.floor((timesUs[sample]! - path.startUs) / path.stepUs)
  const firstStep = step(first)
  const every = Math.max(1, Math.ceil((path.points - firstStep) / windows.length))
  const found = new Map<string, Float64Array>()
  const unfitted: string[] = []
  for (const baseline of baselinesFor(plan.quantity, path, plan.horizonUs, firstStep)) {
    await turn(`baseline ${baseline.name}`)
    let steps: Float64Array
    try {
      steps = walkForward(baseline, series, horizon, { first: firstStep, window: 0, every })
    } catch (error) {
      if (!(error instanceof GimbalError) || !UNFITTED.has(error.code)) throw error
      unfitted.push(baseline.name)
      continue
    }
    const forecast = new Float64Array(timesUs.length).fill(Number.NaN)
    for (let i = first; i < timesUs.length; i++) {
      const at = step(i)
      if (at < path.points) forecast[i] = steps[at]!
    }
    found.set(baseline.name, forecast)
  }
  return { forecasts: found, unfitted }
}

/** Losses of several forecasts on the samples where all of them, and the truth, are there. */
export interface Judgement {
  /** Numbers of the samples judged. */
  readonly rows: readonly number[]
  readonly losses: ReadonlyMap<string, Float64Array>
  /** Samples a forecast reaches over: what losses overlap by. */
  readonly overlap: number
}

/**
 * @throws {GimbalError} `table-invalid` when fewer than 50 samples are left.
 */
export function judgeForecasts(
  labels: Labels,
  timesUs: Float64Array,
  forecasts: ReadonlyMap<string, Float64Array>,
  horizonUs: number,
): Judgement {
  const rows: number[] = []
  for (let i = 0; i < timesUs.length; i++) {
    if (!(labels.label[i]! > 0)) continue
    let all = true
    for (const forecast of forecasts.values()) all &&= forecast[i]! > 0
    if (all) rows.push(i)
  }
  if (rows.length < LEAST)
    throw new GimbalError('table-invalid', 'Too few samples are left that every forecast has an answer for', {
      samples: rows.length,
      least: LEAST,
      forecasts: [...forecasts.keys()].join(' '),
    })
  const losses = new Map<string, Float64Array>()
  for (const [name, forecast] of forecasts)
    losses.set(
      name,
      Float64Array.from(rows, (row) => qlike(labels.label[row]!, forecast[row]!)),
    )
  const spacingUs = (timesUs[rows.at(-1)!]! - timesUs[rows[0]!]!) / (rows.length - 1)
  return { rows, losses, overlap: Math.max(1, Math.ceil(horizonUs / spacingUs)) }
}

/**
 * QLIKE at some samples; where a forecast is missing, what one ten times too low would cost: whoever says nothing where it is hard
 * must not be better for it. Of configurations, of placebos, and of what a search tries.
 */
export function lossesAt(label: Float64Array, forecast: Float64Array, rows: Iterable<number>): Float64Array {
  return Float64Array.from(rows, (row) => {
    const loss = qlike(label[row]!, forecast[row]!)
    return Number.isFinite(loss) ? loss : MISSING_LOSS
  })
}

const MISSING_LOSS = qlike(1, 0.1)

const LEAST = 50
/** Share of the worst samples left out of the trimmed losses. */
const TRIM = 0.01

/**
 * The table of a judgement: the model first, then baselines by their loss.
 *
 * Losses overlap over the horizon, and hang together longer where surprises come in clusters: `dieboldMariano` holds for both, and
 * for few rows ({@link compareLosses}).
 */
export function skillTable(
  judgement: Judgement,
  labels: Labels,
  timesUs: Float64Array,
  forecasts: ReadonlyMap<string, Float64Array>,
  plan: Pick<StudyPlan, 'quantity' | 'horizonUs' | 'seed'>,
  roles: (name: string) => SkillRow['role'] = (name) => (name === 'model' ? 'model' : 'baseline'),
): SkillTable {
  const { rows, losses } = judgement
  const model = losses.get('model')!
  const modelMean = mean(model)
  const made = [...losses].map(([name, loss]): SkillRow => {
    const random = new Random(plan.seed).fork(`skill/${name}`)
    const own = mean(loss)
    const interval = meanInterval(loss, () => random.uniform(), { resamples: RESAMPLES, horizon: judgement.overlap })
    if (name === 'model') return row(name, 'model', own, interval, 0, { low: 0, high: 0 }, Number.NaN, Number.NaN)
    const difference = loss.map((value, i) => value - model[i]!)
    const between = meanInterval(difference, () => random.uniform(), {
      resamples: RESAMPLES,
      horizon: judgement.overlap,
    })
    const compared = compare(model, loss, judgement.overlap)
    return row(
      name,
      roles(name),
      own,
      interval,
      own / modelMean - 1,
      { low: between.low / modelMean, high: between.high / modelMean },
      compared.t,
      compared.p,
    )
  })
  const order = { model: 0, baseline: 1, placebo: 2 }
  made.sort((a, b) => order[a.role] - order[b.role] || a.loss - b.loss)
  const names = made.map(({ name }) => name)
  return {
    quantity: plan.quantity,
    horizonUs: plan.horizonUs,
    loss: 'qlike',
    samples: rows.length,
    fromUs: timesUs[rows[0]!]!,
    toUs: timesUs[rows.at(-1)!]!,
    rows: made,
    logR2: Object.fromEntries(names.map((name) => [name, logR2(labels.label, forecasts.get(name)!, rows)])),
    trimmed: Object.fromEntries(names.map((name) => [name, trimmedMean(losses.get(name)!)])),
  }
}

const RESAMPLES = 1000

function row(
  name: string,
  role: SkillRow['role'],
  loss: number,
  interval: { low: number; high: number },
  excess: number,
  between: { low: number; high: number },
  dieboldMariano_: number,
  pValue: number,
): SkillRow {
  return {
    name,
    role,
    loss,
    low: interval.low,
    high: interval.high,
    excess,
    excessLow: between.low,
    excessHigh: between.high,
    dieboldMariano: dieboldMariano_,
    pValue,
  }
}

/** Whether a model lost less than a rival: `t` on the scale of the normal distribution, and its two-sided p. */
export function compare(model: Float64Array, rival: Float64Array, overlap: number): { t: number; p: number } {
  const { score, p } = compareLosses(model, rival, overlap)
  return { t: score, p }
}

function mean(values: Float64Array): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}

function trimmedMean(values: Float64Array): number {
  const sorted = values.slice().sort()
  return mean(sorted.subarray(0, Math.ceil(sorted.length * (1 - TRIM))))
}

/** Spread of logarithms, relative to their size, that rounding alone can make of a constant. */
const CONSTANT = 1e-24

/** R² of the regression of ln truth on ln forecast; NaN where one of them is the same everywhere. */
function logR2(label: Float64Array, forecast: Float64Array, rows: readonly number[]): number {
  let [x, y] = [0, 0]
  for (const i of rows) {
    x += Math.log(forecast[i]!)
    y += Math.log(label[i]!)
  }
  x /= rows.length
  y /= rows.length
  let [xx, xy, yy] = [0, 0, 0]
  for (const i of rows) {
    const dx = Math.log(forecast[i]!) - x
    const dy = Math.log(label[i]!) - y
    xx += dx * dx
    xy += dx * dy
    yy += dy * dy
  }
  const varies = (squares: number, mean: number) => squares > CONSTANT * rows.length * (1 + mean * mean)
  return varies(xx, x) && varies(yy, y) ? (xy * xy) / (xx * yy) : Number.NaN
}
