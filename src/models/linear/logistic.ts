/**
 * @file Logistic regression by iteratively reweighted least squares, with an optional ridge.
 *
 * Minimises mean(weight × -log-likelihood) + ridge / 2 × Σ standardised coefficient², the intercept free: glmnet's scaling,
 * as in leastSquares.ts. Each step is a weighted least-squares problem solved by Householder reflections; a step that would
 * raise the loss is halved.
 *
 * Source: P. McCullagh, J. Nelder, "Generalized Linear Models", 2nd ed. (1989), section 2.5.
 */

import { GimbalError } from '../../core/errors.ts'
import type { TrainingSet } from '../learner.ts'
import { type Design, type DesignSettings, designOf, originalUnits } from './design.ts'
import { inverseGram, solveUpper, TriangularFactor } from './householder.ts'
import { LinearModel, sigmoid } from './linearModel.ts'

export interface LogisticSettings extends DesignSettings {
  /** Penalty on the mean log loss per half squared standardised coefficient; 0 when absent. */
  readonly ridge?: number
}

export interface LogisticFit {
  /** Answers probabilities. */
  readonly model: LinearModel
  readonly rows: number
  readonly dropped: number
  readonly iterations: number
  /** Weighted mean of the log loss, penalty left out, in nats. */
  readonly logLoss: number
  /** From the information matrix: intercept first (NaN without one). NaN under a ridge, whose estimates are biased. */
  readonly standardErrors: Float64Array
}

const ITERATIONS_MAX = 60
const TOLERANCE = 1e-11
/** A row this sure adds nothing to the information; when all are, the classes are separated. */
const LEAST_INFORMATION = 1e-12

/**
 * @param set Labels from 0 to 1: classes, or shares of a class.
 * @throws {GimbalError} `table-invalid`: as `designOf`, a label outside [0, 1]. `config-invalid`: a negative ridge.
 *   `fit-failed`: no finite answer, because a combination of columns parts the classes, or columns follow from one another;
 *   a ridge makes it finite.
 */
export function logisticRegression(set: TrainingSet, settings: LogisticSettings = {}): LogisticFit {
  const { ridge = 0 } = settings
  if (!(ridge >= 0 && ridge < Number.POSITIVE_INFINITY))
    throw new GimbalError('config-invalid', 'A ridge is a finite number of at least 0', { ridge })
  const design = designOf(set, settings)
  const bad = set.label.findIndex((label) => label < 0 || label > 1)
  if (bad >= 0)
    throw new GimbalError('table-invalid', 'A label of logistic regression lies outside [0, 1]', {
      row: bad,
      label: set.label[bad]!,
    })
  const x = standardisedRows(set, design)
  const size = design.columns.length + (design.intercept ? 1 : 0)
  let coefficients: Float64Array = new Float64Array(size)
  let loss = penalised(set, design, x, coefficients, ridge)
  for (let iteration = 1; iteration <= ITERATIONS_MAX; iteration++) {
    const { factor, information } = reweighted(set, design, x, coefficients, ridge)
    if (ridge === 0 && (information < LEAST_INFORMATION || singular(factor, size))) throw separated(set, iteration)
    const right = new Float64Array(size)
    for (let i = 0; i < size; i++) right[i] = factor.r[i * (size + 1) + size]!
    const step = solveUpper(factor.r, size + 1, size, right)
    let share = 1
    let next = moved(coefficients, step, share)
    let nextLoss = penalised(set, design, x, next, ridge)
    while (!(nextLoss <= loss + 1e-14 * Math.abs(loss)) && share > 1e-6) {
      share /= 2
      next = moved(coefficients, step, share)
      nextLoss = penalised(set, design, x, next, ridge)
    }
    const largest = step.reduce((most, each) => Math.max(most, Math.abs(each)), 0)
    const size0 = next.reduce((most, each) => Math.max(most, Math.abs(each)), 1)
    coefficients = next
    loss = nextLoss
    if (largest > TOLERANCE * size0 && share > 1e-6) continue
    return finished(set, design, x, coefficients, ridge, iteration)
  }
  throw separated(set, ITERATIONS_MAX)
}

function finished(
  set: TrainingSet,
  design: Design,
  x: Float64Array,
  standardised: Float64Array,
  ridge: number,
  iterations: number,
): LogisticFit {
  const { columns, rows, dropped, shift, scale } = design
  const size = standardised.length
  const first = design.intercept ? 1 : 0
  const standardErrors = new Float64Array(columns.length + 1).fill(Number.NaN)
  if (ridge === 0) {
    const gram = inverseGram(reweighted(set, design, x, standardised, 0).factor.r, size + 1, size)
    // Of intercept - Σ coefficient × shift / scale, a linear combination of the standardised coefficients.
    const combination = Float64Array.from({ length: size }, (_, i) =>
      i < first ? 1 : -shift[i - first]! / scale[i - first]!,
    )
    let variance = 0
    for (let i = 0; i < size; i++)
      for (let j = 0; j < size; j++) variance += combination[i]! * combination[j]! * gram[i * size + j]!
    if (first === 1) standardErrors[0] = Math.sqrt(variance)
    for (let i = 0; i < columns.length; i++)
      standardErrors[1 + i] = Math.sqrt(gram[(first + i) * size + first + i]!) / scale[i]!
  }
  const { intercept, coefficients } = originalUnits(design, standardised)
  return {
    model: new LinearModel({
      names: set.table.names,
      columns,
      coefficients,
      intercept,
      link: 'sigmoid',
      correction: 0,
      floor: null,
      ceiling: null,
    }),
    rows: rows.length,
    dropped,
    iterations,
    logLoss: penalised(set, design, x, standardised, 0),
    standardErrors,
  }
}

function separated({ table }: TrainingSet, iterations: number): GimbalError {
  return new GimbalError('fit-failed', 'Logistic regression has no finite answer here', {
    rows: table.rows,
    columns: table.names.length,
    iterations,
    cause: 'columns part the classes exactly, never change, or follow from one another',
    remedy: 'set a ridge',
  })
}

/** Rows that count, standardised, intercept first; row by row. */
function standardisedRows({ table }: TrainingSet, { columns, rows, shift, scale, intercept }: Design): Float64Array {
  const first = intercept ? 1 : 0
  const size = columns.length + first
  const x = new Float64Array(rows.length * size)
  for (let at = 0; at < rows.length; at++) {
    if (intercept) x[at * size] = 1
    for (let i = 0; i < columns.length; i++)
      x[at * size + first + i] = scale[i]! > 0 ? (table.columns[columns[i]!]![rows[at]!]! - shift[i]!) / scale[i]! : 0
  }
  return x
}

/** The least-squares problem of one Newton step, solved for the change of the coefficients; and the mean information a row. */
function reweighted(
  { label, weight }: TrainingSet,
  { rows, weightSum, intercept }: Design,
  x: Float64Array,
  coefficients: Float64Array,
  ridge: number,
): { factor: TriangularFactor; information: number } {
  const size = coefficients.length
  const factor = new TriangularFactor(size + 1)
  const out = factor.row
  let sum = 0
  for (let at = 0; at < rows.length; at++) {
    const probability = sigmoid(score(x, at, coefficients))
    const own = weight ? weight[rows[at]!]! : 1
    const information = probability * (1 - probability)
    sum += own * information
    if (information === 0) continue
    const root = Math.sqrt(own * information)
    for (let i = 0; i < size; i++) out[i] = root * x[at * size + i]!
    out[size] = (root * (label[rows[at]!]! - probability)) / information
    factor.push()
  }
  for (let i = intercept ? 1 : 0; ridge > 0 && i < size; i++) {
    out.fill(0)
    out[i] = Math.sqrt(ridge * weightSum)
    out[size] = -out[i]! * coefficients[i]!
    factor.push()
  }
  factor.finish()
  return { factor, information: sum / weightSum }
}

function singular({ r, columns }: TriangularFactor, size: number): boolean {
  let largest = 0
  for (let i = 0; i < size; i++) largest = Math.max(largest, Math.abs(r[i * columns + i]!))
  for (let i = 0; i < size; i++) if (!(Math.abs(r[i * columns + i]!) > 1e-10 * largest)) return true
  return false
}

function score(x: Float64Array, at: number, coefficients: Float64Array): number {
  let sum = 0
  for (let i = 0; i < coefficients.length; i++) sum += coefficients[i]! * x[at * coefficients.length + i]!
  return sum
}

function moved(from: Float64Array, step: Float64Array, share: number): Float64Array {
  return from.map((each, i) => each + share * step[i]!)
}

/** Mean log loss and penalty. log(1 + exp(s)) is taken from the side that cannot overflow. */
function penalised(
  { label, weight }: TrainingSet,
  { rows, weightSum, intercept }: Design,
  x: Float64Array,
  coefficients: Float64Array,
  ridge: number,
): number {
  let sum = 0
  for (let at = 0; at < rows.length; at++) {
    const s = score(x, at, coefficients)
    const softplus = Math.max(s, 0) + Math.log1p(Math.exp(-Math.abs(s)))
    sum += (weight ? weight[rows[at]!]! : 1) * (softplus - label[rows[at]!]! * s)
  }
  let squares = 0
  for (let i = intercept ? 1 : 0; i < coefficients.length; i++) squares += coefficients[i]! ** 2
  return sum / weightSum + (ridge / 2) * squares
}
