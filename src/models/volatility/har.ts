/**
 * @file Heterogeneous autoregression of realised variance: tomorrow by the last day, week and month.
 *
 * Variants, each a linear regression of the variance of the next steps on means of past variance RV(L) over L steps:
 * - `har`: F. Corsi, "A simple approximate long-memory model of realized volatility", J. Financial Econometrics 7(2) (2009);
 * - `harq`: adds √RQ(1) × RV(1), so that a noisily measured day counts less: T. Bollerslev, A. Patton, R. Quaedvlieg,
 *   "Exploiting the errors", J. Econometrics 192 (2016);
 * - `log-har`: logs of all; the forecast is the mean of a log-normal, exp(score + s² / 2);
 * - `har-leverage`, `log-har-leverage`: add the negative part of the mean return over the same spans: F. Corsi, R. Renò,
 *   "Discrete-time volatility forecasting with persistent leverage effect", J. Business & Economic Statistics 30 (2012).
 *
 * Where a regressor leaves what was learnt from (a crash after calm weeks, a short history), these run off: HARQ's product of
 * two variances and the falls of the leverage variants carry forecasts below zero or through the roof. So they go through the
 * "insanity filter" of N. Swanson, H. White, "Forecasting economic time series using flexible versus fixed specification and
 * linear versus nonlinear econometric models", Int. J. Forecasting 13 (1997), in the form of Bollerslev, Patton and Quaedvlieg:
 * a forecast below the least label of training makes no sense, and the mean of training takes its place; plain log-HAR, which
 * knows a market calmer than ever, stops at a tenth of that label. Above the greatest label theirs puts the mean, too; here the
 * bound itself stands, which keeps a storm a storm: for HARQ the greatest label, for variants that grow with the market in
 * one of their terms or exponentially ten times that, for plain HAR none.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Table, TrainingSet } from '../learner.ts'
import { exponentiated, type LeastSquaresFit, leastSquares } from '../linear/leastSquares.ts'
import { LinearModel, type LinearParameters } from '../linear/linearModel.ts'
import type { SeriesForecaster, VarianceSeries } from './forecaster.ts'
import { rollingMean } from './rollingMean.ts'

export const HAR_VARIANTS = ['har', 'harq', 'log-har', 'har-leverage', 'log-har-leverage'] as const
export type HarVariant = (typeof HAR_VARIANTS)[number]

/** A day, a week and a month of a market that trades five days a week: the published spans. */
export const CORSI_LAGS: readonly number[] = [1, 5, 22]

/** A fitted HAR as plain data. */
export interface HarFit {
  readonly variant: HarVariant
  /** Steps each mean reaches back, ascending. */
  readonly lags: readonly number[]
  readonly horizon: number
  readonly parameters: LinearParameters
}

export class HarForecaster implements SeriesForecaster<HarFit> {
  readonly name: string
  readonly #variant: HarVariant
  readonly #lags: readonly number[]

  /**
   * @param lags Steps each mean reaches back, ascending; the first is the step `harq` corrects for noise.
   * @throws {GimbalError} `config-invalid`.
   */
  constructor(variant: HarVariant, lags: readonly number[] = CORSI_LAGS) {
    if (lags.length === 0 || lags.some((lag, i) => !(Number.isSafeInteger(lag) && lag > (lags[i - 1] ?? 0))))
      throw new GimbalError('config-invalid', 'Spans of a HAR are whole numbers of steps, ascending', {
        lags: lags.join(' '),
      })
    this.name = variant
    this.#variant = variant
    this.#lags = lags
  }

  stepsMin(horizon: number): number {
    // Twice as many pairs as coefficients: enough for an answer, not for a good one.
    return this.#lags.at(-1)! + horizon + 4 * this.#lags.length
  }

  fit(series: VarianceSeries, start: number, end: number, horizon: number): HarFit {
    return this.regress(series, start, end, horizon).fit
  }

  /**
   * As {@link fit}, with the regression itself: coefficients in the order of the spans, intercept apart.
   *
   * @param hacLags Lags of Newey-West standard errors; none when absent.
   */
  regress(
    series: VarianceSeries,
    start: number,
    end: number,
    horizon: number,
    hacLags?: number,
  ): { fit: HarFit; regression: LeastSquaresFit } {
    const variant = this.#variant
    const logs = variant.startsWith('log-')
    const from = start + this.#lags.at(-1)! - 1
    // The label of the last pair ends with step end - 1.
    const table = harColumns(variant, this.#lags, series, from, Math.max(from, end - horizon), start)
    const label = new Float64Array(table.rows)
    for (let i = 0; i < table.rows; i++) {
      let sum = 0
      for (let k = 1; k <= horizon; k++) sum += series.variance[from + i + k]!
      label[i] = logs ? Math.log(sum) : sum
      // A pair without a label is left out as one with a missing figure is: it keeps its place among the lags.
      if (Number.isFinite(label[i]!)) continue
      label[i] = 0
      for (const column of table.columns) column[i] = Number.NaN
    }
    const regression = leastSquares({ table, label }, { missing: 'drop', ...(hacLags !== undefined && { hacLags }) })
    const parameters = bounded(variant, regression, { table, label })
    return { fit: { variant, lags: this.#lags, horizon, parameters }, regression }
  }

  forecast(fit: HarFit, series: VarianceSeries, from: number, to: number, horizon: number, out: Float64Array): void {
    requireHorizon(this.name, fit.horizon, horizon)
    const model = new LinearModel(fit.parameters)
    const { columns } = harColumns(fit.variant, fit.lags, series, from, to, 0)
    const row = new Float64Array(columns.length)
    for (let i = 0; i < to - from; i++) {
      for (let j = 0; j < row.length; j++) row[j] = columns[j]![i]!
      out[i] = model.predict(row)
    }
  }
}

/** @throws {GimbalError} `argument-invalid`: a direct regression answers for the horizon it was fitted to and no other. */
function requireHorizon(name: string, fitted: number, asked: number): void {
  if (fitted !== asked)
    throw new GimbalError('argument-invalid', `${name} was fitted to another horizon`, { fitted, asked })
}

/**
 * The regressors at steps [from, to), none of them reaching back before `start`. A figure that cannot be had (a missing step,
 * the log of zero) is NaN.
 *
 * @throws {GimbalError} `config-invalid` when `harq` is asked without quarticity.
 */
export function harColumns(
  variant: HarVariant,
  lags: readonly number[],
  series: VarianceSeries,
  from: number,
  to: number,
  start = 0,
): Table {
  const logs = variant.startsWith('log-')
  const names = lags.map((lag) => `${logs ? 'log-' : ''}rv-${lag}`)
  const variance = start > 0 ? series.variance.subarray(start) : series.variance
  const returns = start > 0 ? series.returns.subarray(start) : series.returns
  const columns = lags.map((lag) => {
    const mean = rollingMean(variance, lag, from - start, to - start)
    return logs ? mean.map((each) => (each > 0 ? Math.log(each) : Number.NaN)) : mean
  })
  if (variant === 'harq') {
    if (!series.quarticity)
      throw new GimbalError('config-invalid', 'HARQ needs the realised quarticity of each step', { variant })
    const quarticity = rollingMean(series.quarticity.subarray(start), lags[0]!, from - start, to - start)
    names.push(`rq-root-${lags[0]!}`)
    columns.push(quarticity.map((each, i) => Math.sqrt(each) * columns[0]![i]!))
  }
  if (variant.endsWith('leverage'))
    for (const lag of lags) {
      names.push(`fall-${lag}`)
      columns.push(rollingMean(returns, lag, from - start, to - start).map((each) => Math.min(each, 0)))
    }
  return { rows: Math.max(0, to - from), names, columns }
}

/** Columns of the feature family `har-ladder` a variant is regressed on. @param ladder `har-ladder/`, or `har-ladder/day-`. */
export function ladderColumns(variant: HarVariant, ladder = 'har-ladder/'): readonly string[] {
  const rungs = ['1', '5', '22']
  return [
    ...rungs.map((rung) => `${ladder}${variant.startsWith('log-') ? 'log-' : ''}rv-${rung}`),
    ...(variant === 'harq' ? [`${ladder}rq-root-1`] : []),
    ...(variant.endsWith('leverage') ? rungs.map((rung) => `${ladder}fall-${rung}`) : []),
  ]
}

/**
 * HAR on columns of a table, such as a dataset's: the label is the variance over the horizon, in its own unit, whatever the
 * variant. Rows with a missing figure, and for logs with a label of zero, are left out.
 *
 * @param columns Names of the columns, in the form the variant wants them: logs for the log variants.
 * @throws {GimbalError} `table-invalid`, `schema-mismatch`.
 */
export function fitHarColumns(set: TrainingSet, variant: HarVariant, columns: readonly string[]): LinearModel {
  const logs = variant.startsWith('log-')
  const { table, weight } = set
  const kept: number[] = []
  for (let i = 0; i < table.rows; i++) if (!logs || set.label[i]! > 0) kept.push(i)
  const pick = (figures: Float64Array | Float32Array) => Float64Array.from(kept, (row) => figures[row]!)
  const chosen: TrainingSet = {
    table: { rows: kept.length, names: table.names, columns: table.columns.map(pick) },
    label: logs ? pick(set.label).map(Math.log) : pick(set.label),
    ...(weight && { weight: pick(weight) }),
  }
  const regression = leastSquares(chosen, { columns, missing: 'drop' })
  return new LinearModel(bounded(variant, regression, chosen))
}

/** How far beyond what was seen in training an exponential may go. */
const BEYOND = 10

/** The regression with the variant's link and the bounds of the header. */
function bounded(variant: HarVariant, regression: LeastSquaresFit, { table, label }: TrainingSet): LinearParameters {
  const { parameters } = regression.model
  const logs = variant.startsWith('log-')
  let least = Number.POSITIVE_INFINITY
  let most = Number.NEGATIVE_INFINITY
  let sum = 0
  let count = 0
  for (let i = 0; i < table.rows; i++) {
    if (parameters.columns.some((column) => Number.isNaN(table.columns[column]![i]!))) continue
    const figure = logs ? Math.exp(label[i]!) : label[i]!
    least = Math.min(least, figure)
    most = Math.max(most, figure)
    sum += figure
    count++
  }
  const mean = sum / count
  if (variant === 'log-har') return { ...exponentiated(regression, least / BEYOND), ceiling: most * BEYOND }
  if (logs) return { ...exponentiated(regression, least), ceiling: most * BEYOND, belowFloor: mean }
  const ceiling = variant === 'har' ? null : variant === 'harq' ? most : most * BEYOND
  return { ...parameters, floor: least, ceiling, belowFloor: mean }
}
