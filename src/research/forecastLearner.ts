/**
 * @file Learning a positive quantity (variance, volume, demand): a log-linear start, boosted trees on what it leaves over as
 * far as they have proved their worth, and an interval from samples neither saw.
 *
 * The start is a ridge regression of the logarithm of the label on a few columns, log-HAR for variance: it extrapolates, which
 * trees cannot. It is set right in the mean of truth over forecast on what it learnt from, so that columns that tell nothing
 * leave the mean. The trees then minimise QLIKE in the logarithm, beginning at the start's forecast.
 *
 * What the trees are worth is not asked of one stretch of time, which may have been calm or a crash. The later part of the
 * samples is cut into blocks; each is forecast by a start and trees fitted to what was known before it. All blocks together
 * say how many trees there should be (none is an answer), what share of their correction to believe (the weight that loses
 * least QLIKE, from 0: then the forecast is the start's and nothing else) and which bounds held the truth (split conformal:
 * models/calibration/conformal.ts). Start and trees are then fitted to all samples. Where the trees look at a world
 * outside their training the correction fades out: models/trees/correctionGuard.ts.
 *
 * A market whose level moves on leaves forecasts behind, too low for months or too high; a crash makes them too low for an
 * hour. The mean of truth over forecast cannot tell one from the other. So the later half of the blocks is cut into stretches, and
 * forecasts are scaled only as far as all of them agree, which stretches before a crash and in it do not.
 *
 * Sources: N. Duan, "Smearing estimate: a nonparametric retransformation method", J. American Statistical Association 78
 * (1983): the mean behind a regression of logarithms. A. Patton, "Volatility forecast comparison using imperfect volatility
 * proxies", J. Econometrics 160 (2011): QLIKE ranks forecasts of variance right even though only a noisy proxy is seen.
 * L. Breiman, "Stacked regressions", Machine Learning 24 (1996): weights from forecasts of samples not learnt from, none negative.
 */

import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingValue } from '../core/settings.ts'
import type { FittedSpec } from '../models/artifact.ts'
import { BoostedModel } from '../models/boostedModel.ts'
import { calibrateInterval } from '../models/calibration/conformal.ts'
import type { Model, Table, TrainingSet } from '../models/learner.ts'
import { exponentiated, leastSquares } from '../models/linear/leastSquares.ts'
import { LinearModel, type LinearParameters } from '../models/linear/linearModel.ts'
import { CorrectionGuard, type GuardSpec, guardOf } from '../models/trees/correctionGuard.ts'
import type { TreeEnsemble } from '../models/trees/ensemble.ts'
import { fitTrees } from '../models/trees/fitTrees.ts'
import { FlatPredictor } from '../models/trees/flatPredictor.ts'
import { writeLightgbmModel } from '../models/trees/lightgbmText.ts'
import { TREE_SETTINGS, type TreeSettings } from '../models/trees/treeSettings.ts'
import type { TreeThreads } from '../models/trees/treeThreads.ts'
import { qlike } from '../models/volatility/qlike.ts'

/** How to learn, as plain data. */
export interface LearnerSpec {
  /** Columns of the log-linear start; none starts from the mean. Those missing in over a tenth of the samples learnt from are left out. */
  readonly baseColumns: readonly string[]
  /** Penalty of the start, per squared standardised coefficient. */
  readonly ridge: number
  /**
   * Settings of the trees; objective and seed are set by the learner. `rounds` is the most there may be, 0 leaves the start
   * alone; a block is given up after `earlyStopRounds` without a lower loss on it.
   */
  readonly trees: Readonly<Record<string, SettingValue>>
  /** Last share of the training samples, forecast block by block to choose the number of trees, their weight and the interval. */
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
  validationShare: 0.6,
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
  /** Null where the trees were worth nothing: the model then is the start. */
  readonly ensemble: TreeEnsemble | null
  /** What holds the trees back; null without trees. */
  readonly guard: GuardSpec | null
  /** Answers in the unit of the label, before the scale. */
  readonly model: Model
  /** Times this a forecast is at the level the market has moved to; 1 where the stretches do not agree that it has. */
  readonly scale: number
  /** Bounds of truth over scaled forecast that held `level` of the samples held back. */
  readonly low: number
  readonly high: number
  readonly level: number
  readonly rounds: number
  /** Share of the trees' correction that is believed; 0 without trees. */
  readonly weight: number
  /** Samples learnt from, and those of them that were forecast by what was known before their block. */
  readonly trained: number
  readonly judged: number
  /** Mean QLIKE of those forecasts, and of the start's alone, both before the scale. */
  readonly heldLoss: number
  readonly startLoss: number
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
  const usable: number[] = []
  for (const row of rows) if (samples.label[row]! > 0) usable.push(row)
  const settings = readSettings('the trees', TREE_SETTINGS, {
    ...spec.trees,
    rounds: Math.max(1, Number(spec.trees['rounds'] ?? 1)),
    objective: 'qlike',
    boostFromAverage: false,
    seed,
  })
  const wanted = Number(spec.trees['rounds'] ?? 1) > 0
  const blocks = foldsOf(samples, usable, spec.validationShare).flatMap(
    (fold) => blockOf(samples, fold, spec, wanted ? settings : null, threads) ?? [],
  )
  const base = new LinearModel(fitBase(samples, requireEnough(usable, blocks), spec))
  const training = trainingSet(samples, usable, base)
  requireEnough(training.rows, blocks)
  const proved = worthOf(samples, blocks)
  const { weight } = proved
  let guarded: { ensemble: TreeEnsemble; model: BoostedModel; guard: GuardSpec } | null = null
  if (weight > 0) {
    const { ensemble } = fitTrees(
      training.set,
      { ...settings, rounds: proved.rounds, earlyStopRounds: 0 },
      threads ? { threads } : {},
    )
    guarded = boosted(base, ensemble, training.set.table, weight)
  }
  const { ratios, startRatios } = proved
  const scale = scaleOf(proved.drifts)
  // In logarithms, where errors of a positive quantity are nearest to symmetric.
  const interval = calibrateInterval(
    Float64Array.from(ratios, (ratio) => Math.log(ratio / scale)),
    1 - spec.level,
  )
  return {
    base: base.parameters,
    ensemble: guarded?.ensemble ?? null,
    guard: guarded?.guard ?? null,
    model: guarded?.model ?? base,
    scale,
    low: Math.exp(-interval.below),
    high: Math.exp(interval.above),
    level: spec.level,
    rounds: guarded ? guarded.ensemble.trees.length : 0,
    weight,
    trained: training.rows.length,
    judged: ratios.length,
    heldLoss: meanLoss(ratios),
    startLoss: meanLoss(startRatios),
  }
}

/** What was learnt as plain data, for an artifact; the scale is told beside it. */
export function fittedSpec({ base, ensemble, guard }: FittedForecast): FittedSpec {
  if (!ensemble) return { kind: 'linear', parameters: base }
  return { kind: 'boosted', base, text: writeLightgbmModel(ensemble), guard }
}

/** Blocks the later samples are cut into. */
const BLOCKS = 3

/** Samples of a block, and what was known before it. */
interface Fold {
  readonly learnt: readonly number[]
  readonly held: readonly number[]
}

/** Blocks in order of time; a label that reaches into its block is not known before it. Those with too little before them are left out. */
function foldsOf({ timesUs, endsUs }: ForecastSamples, usable: readonly number[], share: number): Fold[] {
  const first = Math.floor(usable.length * (1 - share))
  const begin = (block: number) => first + Math.floor(((usable.length - first) * block) / BLOCKS)
  const folds: Fold[] = []
  for (let block = 0; block < BLOCKS; block++) {
    const held = usable.slice(begin(block), begin(block + 1))
    if (held.length === 0) continue
    const fromUs = timesUs[held[0]!]!
    const learnt = usable.slice(0, begin(block)).filter((row) => endsUs[row]! <= fromUs)
    if (learnt.length >= LEAST) folds.push({ learnt, held })
  }
  return folds
}

/** A block forecast by what was known before it. */
interface Block {
  readonly held: readonly number[]
  readonly base: LinearModel
  /** Null without trees. */
  readonly ensemble: TreeEnsemble | null
  readonly table: Table
  /** Mean loss y exp(−f) + f on the block: of the start, then after each round. */
  readonly curve: readonly number[]
}

/** Undefined where the start has too few answers: its columns are missing there. */
function blockOf(
  samples: ForecastSamples,
  { learnt, held }: Fold,
  spec: LearnerSpec,
  settings: TreeSettings | null,
  threads: TreeThreads | undefined,
): Block | undefined {
  const base = new LinearModel(fitBase(samples, learnt, spec))
  const training = trainingSet(samples, learnt, base)
  const validation = trainingSet(samples, held, base)
  if (training.rows.length < LEAST || validation.rows.length === 0) return undefined
  const { label, initScore } = validation.set
  const ofStart = label.reduce((sum, y, i) => sum + y * Math.exp(-initScore![i]!) + initScore![i]!, 0) / label.length
  const { table } = training.set
  if (!settings) return { held: validation.rows, base, ensemble: null, table, curve: [ofStart] }
  const curve = [ofStart]
  let best = 1
  // Stopped here and not by the trainer, which would keep no more than its own best: how many there are is for all blocks to say.
  const onRound = (round: number, _training: number, loss: number) => {
    curve.push(loss)
    if (loss < curve[best]! || round === 1) best = round
    return settings.earlyStopRounds === 0 || round - best < settings.earlyStopRounds
  }
  const { ensemble } = fitTrees(
    training.set,
    { ...settings, earlyStopRounds: 0 },
    { validation: validation.set, onRound, ...(threads ? { threads } : {}) },
  )
  return { held: validation.rows, base, ensemble, table, curve }
}

/** What the blocks say of trees, with the outcome: truth over forecast, sample by sample. */
interface Worth {
  readonly rounds: number
  readonly weight: number
  readonly ratios: readonly number[]
  readonly startRatios: readonly number[]
  /** ln truth less the start's score before its correction. */
  readonly drifts: readonly number[]
}

function worthOf(samples: ForecastSamples, blocks: readonly Block[]): Worth {
  const startRatios = blocks.flatMap(({ held, base }) => ratiosOn(samples, held, base))
  const drifts = blocks.flatMap(({ held, base }) =>
    ratiosOn(samples, held, base).map((ratio) => Math.log(ratio) + base.parameters.correction),
  )
  const rounds = roundsOf(blocks)
  const none = { rounds: 0, weight: 0, ratios: startRatios, startRatios, drifts }
  if (rounds === 0) return none
  const models = blocks.map(({ base, ensemble, table }) => {
    const trees = ensemble!.trees.slice(0, rounds)
    return boosted(base, { ...ensemble!, trees }, table, 1).model
  })
  const corrections = blocks.flatMap(({ held, base }, at) => {
    const own = ratiosOn(samples, held, models[at]!)
    return ratiosOn(samples, held, base).map((ratio, i) => Math.log(ratio / own[i]!))
  })
  const weight = weightOf(startRatios, corrections)
  if (weight === 0) return none
  const ratios = startRatios.map((ratio, i) => ratio * Math.exp(-weight * corrections[i]!))
  return { rounds, weight, ratios, startRatios, drifts }
}

/**
 * The number of rounds after which all blocks together had lost least. A block that was given up is taken to have stayed where it
 * was: a little too kind to many rounds.
 */
function roundsOf(blocks: readonly Block[]): number {
  const most = Math.max(...blocks.map(({ curve }) => curve.length - 1))
  let best = 0
  let least = Number.POSITIVE_INFINITY
  for (let round = 0; round <= most; round++) {
    let loss = 0
    for (const { curve, held } of blocks) loss += held.length * curve[Math.min(round, curve.length - 1)]!
    if (loss < least) {
      best = round
      least = loss
    }
  }
  return best
}

/**
 * The share, 0 to 1, of the corrections that loses least QLIKE. With ratios r of truth over the start's forecast and corrections c
 * in logarithms it minimises mean(r exp(−w c) + w c), which is convex in w: halved until nothing is left to halve.
 */
function weightOf(ratios: readonly number[], corrections: readonly number[]): number {
  const slope = (weight: number) =>
    ratios.reduce((sum, r, i) => sum + corrections[i]! * (1 - r * Math.exp(-weight * corrections[i]!)), 0)
  if (slope(0) >= 0) return 0
  if (slope(1) <= 0) return 1
  let [low, high] = [0, 1]
  for (let step = 0; step < HALVINGS; step++) {
    const middle = (low + high) / 2
    if (slope(middle) < 0) low = middle
    else high = middle
  }
  return (low + high) / 2
}

/** A weight to a millionth. */
const HALVINGS = 20

/** Stretches the later half of the samples held back is cut into. */
const STRETCHES = 8

/**
 * What forecasts are multiplied by: as much as every stretch agrees on, 1 where some lie above and others below. (Eight tosses of
 * a coin agree once in 128 times: the sign test, whatever the distribution.) Drift is the geometric mean of truth over the
 * start's answer before its correction, which is 1 where the start was fitted: a mean of ratios would lie below 1 in most
 * stretches of any quantity with rare great values.
 *
 * @param drifts ln truth less the start's uncorrected score, in order of time.
 */
function scaleOf(drifts: readonly number[]): number {
  const first = Math.floor(drifts.length / 2)
  const begin = (stretch: number) => first + Math.floor(((drifts.length - first) * stretch) / STRETCHES)
  const means = Array.from({ length: STRETCHES }, (_, stretch) => {
    const own = drifts.slice(begin(stretch), begin(stretch + 1))
    return own.reduce((sum, drift) => sum + drift, 0) / own.length
  })
  return Math.exp(Math.min(Math.max(0, Math.min(...means)), Math.max(...means)))
}

/** Start and trees, held back by what their training says. */
function boosted(
  base: LinearModel,
  ensemble: TreeEnsemble,
  table: Table,
  weight: number,
): { ensemble: TreeEnsemble; model: BoostedModel; guard: GuardSpec } {
  const predictor = new FlatPredictor(ensemble)
  const guard = { weight, ...guardOf(ensemble, predictor, table) }
  return { ensemble, guard, model: new BoostedModel(base, predictor, new CorrectionGuard(guard)) }
}

/** @throws {GimbalError} `table-invalid`. */
function requireEnough(rows: readonly number[], blocks: readonly Block[]): readonly number[] {
  const held = blocks.reduce((sum, block) => sum + block.held.length, 0)
  if (rows.length < LEAST || held < LEAST)
    throw new GimbalError(
      'table-invalid',
      'Too few samples to learn a forecast from, or too few the start has an answer for',
      {
        samples: rows.length,
        heldBack: held,
        least: LEAST,
      },
    )
  return rows
}

function meanLoss(ratios: readonly number[]): number {
  return ratios.reduce((sum, ratio) => sum + qlike(ratio, 1), 0) / ratios.length
}

/** Fewest samples to learn from and to hold back. */
const LEAST = 30

/** Log-linear start on the samples learnt from; the mean of the label where no columns are named. */
function fitBase({ table, label }: ForecastSamples, rows: readonly number[], spec: LearnerSpec): LinearParameters {
  const columns = spec.baseColumns.filter((name) => mostlyKnown(table, name, rows))
  if (columns.length === 0) {
    const mean = rows.reduce((sum, row) => sum + label[row]!, 0) / rows.length
    const meanLog = rows.reduce((sum, row) => sum + Math.log(label[row]!), 0) / rows.length
    const { names } = table
    return {
      names,
      columns: [],
      coefficients: [],
      intercept: meanLog,
      link: 'exp',
      correction: Math.log(mean) - meanLog,
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
  const answers = { ...exponentiated(fit, least / BEYOND), ceiling: most * BEYOND }
  // Half the residual variance is right for normal logarithms only; where the columns tell nothing the forecast has to be the mean.
  const ratios = ratiosOn({ table, label }, rows, new LinearModel(answers)).filter((ratio) => ratio > 0)
  const mean = ratios.reduce((sum, ratio) => sum + ratio, 0) / ratios.length
  return { ...answers, correction: answers.correction + Math.log(mean) }
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

/** Truth over forecast; the samples are those the start has an answer for. */
function ratiosOn(
  { table, label }: Pick<ForecastSamples, 'table' | 'label'>,
  rows: readonly number[],
  model: Model,
): number[] {
  const row = new Float64Array(table.names.length)
  const ratios: number[] = []
  for (const each of rows) {
    readRow(table, each, row)
    ratios.push(label[each]! / model.predict(row))
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
    columns: table.columns.map((column) => {
      const own = new Float64Array(rows.length)
      for (let i = 0; i < own.length; i++) own[i] = column[rows[i]!]!
      return own
    }),
    ...(table.categorical ? { categorical: table.categorical } : {}),
  }
}
