/**
 * @file Least squares: ordinary, weighted, ridge; with classical and Newey-West standard errors.
 *
 * Minimises mean(weight × residual²) + ridge × Σ standardised coefficient², the intercept free: the ridge has the same
 * meaning whatever the number of rows and the units of the columns (glmnet's lambda with alpha 0, Friedman, Hastie,
 * Tibshirani, J. Statistical Software 33(1), 2010).
 *
 * Standard errors that hold under autocorrelation: W. Newey, K. West, Econometrica 55 (1987) 703: Bartlett weights
 * 1 - l/(L + 1), no small-sample correction. Rows left out count as scores of zero at their place, so that a lag remains
 * that many rows of the table (A. Parzen's amplitude modulation; D. Datta, W. Du, "Nonparametric HAC estimation for time
 * series data with missing observations", Fed. Int. Finance DP 1060, 2012).
 */

import { GimbalError } from '../../core/errors.ts'
import type { TrainingSet } from '../learner.ts'
import { type Design, type DesignSettings, designOf, originalUnits } from './design.ts'
import { inverseGram, solveUpper, TriangularFactor } from './householder.ts'
import { LinearModel, type LinearParameters } from './linearModel.ts'

export interface LeastSquaresSettings extends DesignSettings {
  /** Penalty on the mean squared error per squared standardised coefficient; 0 when absent. */
  readonly ridge?: number
  /** Lags of the Newey-West covariance, in rows; not computed when absent. */
  readonly hacLags?: number
}

export interface LeastSquaresFit {
  readonly model: LinearModel
  /** Rows used, and rows left out because a figure was missing. */
  readonly rows: number
  readonly dropped: number
  /** Weighted sum of squared residuals. */
  readonly residualSquares: number
  /** `residualSquares` over rows less coefficients. */
  readonly residualVariance: number
  /** Share of the label's variance (about its mean; about 0 without intercept) that is explained. */
  readonly r2: number
  readonly adjustedR2: number
  /** Intercept first (NaN without one), then a figure a coefficient. NaN under a ridge, whose estimates are biased. */
  readonly standardErrors: Float64Array
  /** As `standardErrors`, valid under autocorrelation and heteroscedasticity; absent unless lags were asked for. */
  readonly hacStandardErrors?: Float64Array
  /** Covariance behind the hac errors: intercept (where there is one) and coefficients, row by row. */
  readonly hacCovariance?: Float64Array
}

/** A standardised column whose part not explained by those before it is below this says what they said. */
const DEPENDENT = 1e-10

/**
 * @throws {GimbalError} `table-invalid`: as `designOf`; fewer rows than coefficients, a column that never changes or follows
 *   from others (both are fine with a ridge). `config-invalid`: a negative ridge, lags that are not whole.
 */
export function leastSquares(set: TrainingSet, settings: LeastSquaresSettings = {}): LeastSquaresFit {
  const { ridge = 0, hacLags } = settings
  if (!(ridge >= 0 && ridge < Number.POSITIVE_INFINITY))
    throw new GimbalError('config-invalid', 'A ridge is a finite number of at least 0', { ridge })
  if (hacLags !== undefined && !(Number.isSafeInteger(hacLags) && hacLags >= 0))
    throw new GimbalError('config-invalid', 'Newey-West lags are a whole number of rows', { hacLags })
  const design = designOf(set, settings)
  const { rows } = design
  const labelMean = design.intercept ? meanLabel(set, design) : 0
  const size = design.columns.length + (design.intercept ? 1 : 0)
  const factor = factorise(set, design, labelMean, ridge)
  if (ridge === 0) requireFullRank(set, design, factor, size)

  const stride = size + 1
  const right = new Float64Array(size)
  for (let i = 0; i < size; i++) right[i] = factor.r[i * stride + size]!
  const standardised = solveUpper(factor.r, stride, size, right)
  const { intercept, coefficients } = originalUnits(design, standardised)
  const model = new LinearModel({
    names: set.table.names,
    columns: design.columns,
    coefficients,
    intercept: design.intercept ? intercept + labelMean : 0,
    link: 'identity',
    correction: 0,
    floor: null,
    ceiling: null,
  })

  // From the rows and not from R, where a good fit would cancel and a ridge would add its own.
  const scores = new Float64Array(hacLags === undefined ? 0 : set.table.rows * size)
  const { residualSquares, totalSquares } = residuals(set, design, standardised, labelMean, scores)
  const freedom = rows.length - size
  const residualVariance = residualSquares / freedom
  const r2 = 1 - residualSquares / totalSquares
  const gram = inverseGram(factor.r, stride, size)
  const back = backTransform(design, size)
  const classical = new Float64Array(gram.length)
  for (let i = 0; i < gram.length; i++) classical[i] = gram[i]! * residualVariance
  const hacCovariance =
    hacLags === undefined
      ? undefined
      : congruence(back, congruence(gram, longRunScores(scores, set.table.rows, size, hacLags), size), size)
  return {
    model,
    rows: rows.length,
    dropped: design.dropped,
    residualSquares,
    residualVariance,
    r2,
    adjustedR2: 1 - ((rows.length - (design.intercept ? 1 : 0)) / freedom) * (1 - r2),
    standardErrors: rootDiagonal(ridge > 0 ? undefined : congruence(back, classical, size), design, size),
    ...(hacCovariance && {
      hacCovariance,
      hacStandardErrors: rootDiagonal(ridge > 0 ? undefined : hacCovariance, design, size),
    }),
  }
}

/** The parameters of a fit of logs, made to answer in the unit itself: link exp, half the residual variance added. */
export function exponentiated(fit: LeastSquaresFit, floor: number | null = null): LinearParameters {
  return { ...fit.model.parameters, link: 'exp', correction: fit.residualVariance / 2, floor }
}

function meanLabel({ label, weight }: TrainingSet, { rows, weightSum }: Design): number {
  let sum = 0
  for (const row of rows) sum += (weight ? weight[row]! : 1) * label[row]!
  return sum / weightSum
}

/** R of [1 X y], standardised and weighted, with the ridge as further rows. */
function factorise({ table, label, weight }: TrainingSet, design: Design, labelMean: number, ridge: number) {
  const { columns, rows, shift, scale, intercept, weightSum } = design
  const first = intercept ? 1 : 0
  const size = columns.length + first
  const factor = new TriangularFactor(size + 1)
  const out = factor.row
  for (const row of rows) {
    const root = weight ? Math.sqrt(weight[row]!) : 1
    if (intercept) out[0] = root
    for (let i = 0; i < columns.length; i++)
      out[first + i] = scale[i]! > 0 ? (root * (table.columns[columns[i]!]![row]! - shift[i]!)) / scale[i]! : 0
    out[size] = root * (label[row]! - labelMean)
    factor.push()
  }
  for (let i = 0; ridge > 0 && i < columns.length; i++) {
    out.fill(0)
    out[first + i] = Math.sqrt(ridge * weightSum)
    factor.push()
  }
  factor.finish()
  return factor
}

function requireFullRank({ table }: TrainingSet, design: Design, factor: TriangularFactor, size: number): void {
  const fail = (reason: string, facts: Record<string, string | number>): never => {
    throw new GimbalError('table-invalid', `Least squares has no single answer: ${reason}`, {
      ...facts,
      remedy: 'leave the column out, or set a ridge',
    })
  }
  const { rows, columns, weightSum, intercept } = design
  if (rows.length <= size) fail('there are too few rows', { rows: rows.length, coefficients: size })
  for (let i = intercept ? 1 : 0; i < size; i++) {
    const column = table.names[columns[i - (intercept ? 1 : 0)]!]!
    if (Math.abs(factor.r[i * (size + 1) + i]!) < DEPENDENT * Math.sqrt(weightSum))
      fail('a column never changes or follows from those before it', { column })
  }
}

/** Sums of squares; fills `scores` (weight × row × residual at the row's own place in the table) where it has room. */
function residuals(
  { table, label, weight }: TrainingSet,
  design: Design,
  standardised: Float64Array,
  labelMean: number,
  scores: Float64Array,
): { residualSquares: number; totalSquares: number } {
  const { columns, rows, shift, scale, intercept } = design
  const first = intercept ? 1 : 0
  const size = standardised.length
  const x = new Float64Array(size)
  x[0] = 1
  let residualSquares = 0
  let totalSquares = 0
  for (const row of rows) {
    const own = weight ? weight[row]! : 1
    let residual = label[row]! - labelMean
    totalSquares += own * residual * residual
    for (let i = 0; i < columns.length; i++)
      x[first + i] = scale[i]! > 0 ? (table.columns[columns[i]!]![row]! - shift[i]!) / scale[i]! : 0
    for (let i = 0; i < size; i++) residual -= standardised[i]! * x[i]!
    residualSquares += own * residual * residual
    if (scores.length > 0) for (let i = 0; i < size; i++) scores[row * size + i] = own * x[i]! * residual
  }
  return { residualSquares, totalSquares }
}

/** Newey-West sum of the scores' autocovariances (not divided by the rows). */
function longRunScores(scores: Float64Array, rows: number, size: number, lags: number): Float64Array {
  const sum = new Float64Array(size * size)
  for (let lag = 0; lag <= Math.min(lags, rows - 1); lag++) {
    const bartlett = 1 - lag / (lags + 1)
    for (let row = lag; row < rows; row++)
      for (let i = 0; i < size; i++) {
        const now = scores[row * size + i]! * bartlett
        if (now === 0) continue
        for (let j = 0; j < size; j++) {
          const product = now * scores[(row - lag) * size + j]!
          sum[i * size + j]! += product
          if (lag > 0) sum[j * size + i]! += product
        }
      }
  }
  return sum
}

/** The matrix that turns standardised coefficients into those of the columns themselves. */
function backTransform({ columns, shift, scale, intercept }: Design, size: number): Float64Array {
  const back = new Float64Array(size * size)
  const first = intercept ? 1 : 0
  if (intercept) back[0] = 1
  for (let i = 0; i < columns.length; i++) {
    if (!(scale[i]! > 0)) continue
    back[(first + i) * size + first + i] = 1 / scale[i]!
    if (intercept) back[first + i] = -shift[i]! / scale[i]!
  }
  return back
}

/** A M A' of square matrices, row by row. */
function congruence(a: Float64Array, m: Float64Array, size: number): Float64Array {
  const half = new Float64Array(size * size)
  const out = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++)
      for (let k = 0; k < size; k++) half[i * size + j]! += a[i * size + k]! * m[k * size + j]!
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++)
      for (let k = 0; k < size; k++) out[i * size + j]! += half[i * size + k]! * a[j * size + k]!
  return out
}

/** Roots of the diagonal, intercept first; NaN where there is nothing to say. */
function rootDiagonal(covariance: Float64Array | undefined, design: Design, size: number): Float64Array {
  const errors = new Float64Array(design.columns.length + 1).fill(Number.NaN)
  if (!covariance) return errors
  const offset = design.intercept ? 0 : 1
  for (let i = 0; i < size; i++) errors[offset + i] = Math.sqrt(covariance[i * size + i]!)
  return errors
}
