/**
 * @file What each objective asks of a forecast: its loss, the loss's first two derivatives by the raw score, and the best
 * constant. The derivatives are LightGBM's (src/objective/*.hpp; MIT), so that equal settings mean the same.
 *
 * With raw score f, label y:
 *
 *   objective      forecast  loss                    gradient           hessian
 *   regression     f         (y - f)²                f - y              1          (half the true ones)
 *   regression_l1  f         |y - f|                 sign(f - y)        1
 *   huber          f         ½r² or α(|r| - α/2)     r cut to ±α        1          (r = f - y)
 *   quantile       f         α(y - f) or (1-α)(f-y)  -α or 1 - α        1
 *   binary         p         -log p or -log(1 - p)   s(p - y)           s²p(1 - p) (p = 1 / (1 + exp(-s f)))
 *   multiclass     softmax   -log p of its class     p - [class is y]   p(1 - p) K / (K - 1)
 *   poisson        exp f     exp f - y f             exp f - y          exp(f + maxDeltaStep)
 *   gamma, qlike   exp f     y exp(-f) + f           1 - y exp(-f)      y exp(-f)
 *
 * qlike differs from gamma in what it is for: a label that is a variance. Up to what the label alone decides, its loss is
 * Patton's (J. Econometrics 160, 2011).
 */

import { GimbalError } from '../../core/errors.ts'
import type { Objective } from './ensemble.ts'
import { weightedQuantile } from './weightedQuantile.ts'

/** Settings objectives read. */
export interface ObjectiveSettings {
  readonly objective: Objective
  readonly alpha: number
  readonly sigmoid: number
  readonly maxDeltaStep: number
  readonly classCount: number
}

/** Rows an objective looks at; all arrays by row, scores class by class. */
export interface LabelledRows {
  readonly rows: number
  readonly label: Float64Array
  readonly weight: Float64Array | undefined
  readonly score: Float64Array
}

/**
 * Writes gradients, and hessians where they are not all 1, of rows `from` up to `to`, all classes, laid out as scores are.
 *
 * @param hessian None when every hessian is 1 (then there are no weights either).
 */
export function fillGradients(
  settings: ObjectiveSettings,
  set: LabelledRows,
  gradient: Float64Array,
  hessian: Float64Array | undefined,
  from: number,
  to: number,
): void {
  const { label, score, weight } = set
  const { objective, alpha, sigmoid } = settings
  switch (objective) {
    case 'regression':
      for (let i = from; i < to; i++) gradient[i] = score[i]! - label[i]!
      hessian?.fill(1, from, to)
      break
    case 'regression_l1':
      for (let i = from; i < to; i++) gradient[i] = Math.sign(score[i]! - label[i]!)
      hessian?.fill(1, from, to)
      break
    case 'huber':
      for (let i = from; i < to; i++) gradient[i] = Math.max(-alpha, Math.min(alpha, score[i]! - label[i]!))
      hessian?.fill(1, from, to)
      break
    case 'quantile':
      for (let i = from; i < to; i++) gradient[i] = score[i]! >= label[i]! ? 1 - alpha : -alpha
      hessian?.fill(1, from, to)
      break
    case 'binary':
      for (let i = from; i < to; i++) {
        const p = 1 / (1 + Math.exp(-sigmoid * score[i]!))
        gradient[i] = sigmoid * (p - label[i]!)
        hessian![i] = sigmoid * sigmoid * p * (1 - p)
      }
      break
    case 'multiclass':
      fillSoftmax(settings.classCount, set, gradient, hessian!, from, to)
      break
    case 'poisson': {
      const stretch = Math.exp(settings.maxDeltaStep)
      for (let i = from; i < to; i++) {
        const mean = Math.exp(score[i]!)
        gradient[i] = mean - label[i]!
        hessian![i] = mean * stretch
      }
      break
    }
    case 'gamma':
    case 'qlike':
      for (let i = from; i < to; i++) {
        const ratio = label[i]! * Math.exp(-score[i]!)
        gradient[i] = 1 - ratio
        hessian![i] = ratio
      }
      break
  }
  if (!weight) return
  for (let k = 0; k < settings.classCount; k++)
    for (let i = from; i < to; i++) {
      gradient[k * set.rows + i]! *= weight[i]!
      hessian![k * set.rows + i]! *= weight[i]!
    }
}

function fillSoftmax(
  classes: number,
  { rows, label, score }: LabelledRows,
  gradient: Float64Array,
  hessian: Float64Array,
  from: number,
  to: number,
): void {
  const stretch = classes / (classes - 1)
  for (let i = from; i < to; i++) {
    let greatest = score[i]!
    for (let k = 1; k < classes; k++) greatest = Math.max(greatest, score[k * rows + i]!)
    let sum = 0
    for (let k = 0; k < classes; k++) sum += gradient[k * rows + i] = Math.exp(score[k * rows + i]! - greatest)
    for (let k = 0; k < classes; k++) {
      const p = gradient[k * rows + i]! / sum
      gradient[k * rows + i] = p - (label[i] === k ? 1 : 0)
      hessian[k * rows + i] = stretch * p * (1 - p)
    }
  }
}

/** Sum of weight × loss over rows `from` up to `to`. */
export function lossSum(settings: ObjectiveSettings, set: LabelledRows, from: number, to: number): number {
  const { label, weight } = set
  let sum = 0
  for (let i = from; i < to; i++) sum += (weight ? weight[i]! : 1) * lossOf(settings, set, i, label[i]!)
  return sum
}

function lossOf(settings: ObjectiveSettings, set: LabelledRows, row: number, label: number): number {
  const { alpha, sigmoid, classCount } = settings
  const score = set.score[row]!
  switch (settings.objective) {
    case 'regression':
      return (label - score) ** 2
    case 'regression_l1':
      return Math.abs(label - score)
    case 'huber': {
      const far = Math.abs(label - score)
      return far <= alpha ? 0.5 * far * far : alpha * (far - 0.5 * alpha)
    }
    case 'quantile':
      return label > score ? alpha * (label - score) : (1 - alpha) * (score - label)
    case 'binary': {
      // log(1 + exp(-m)) of the margin m, without overflow.
      const margin = (label > 0 ? 1 : -1) * sigmoid * score
      return margin > 0 ? Math.log1p(Math.exp(-margin)) : Math.log1p(Math.exp(margin)) - margin
    }
    case 'multiclass': {
      let greatest = score
      for (let k = 1; k < classCount; k++) greatest = Math.max(greatest, set.score[k * set.rows + row]!)
      let sum = 0
      for (let k = 0; k < classCount; k++) sum += Math.exp(set.score[k * set.rows + row]! - greatest)
      return greatest + Math.log(sum) - set.score[label * set.rows + row]!
    }
    case 'poisson':
      return Math.exp(score) - label * score
    default:
      return label * Math.exp(-score) + score
  }
}

/**
 * The raw score, class by class, that is best when it is the same for every row: mean, median, quantile, log-odds or
 * log-mean. Huber starts from the mean, as LightGBM does; its own best constant has no closed form.
 */
export function bestConstant(settings: ObjectiveSettings, { label, weight }: LabelledRows): number[] {
  const { objective, classCount } = settings
  if (objective === 'regression_l1' || objective === 'quantile')
    return [weightedQuantile(label.slice(), weight?.slice(), objective === 'quantile' ? settings.alpha : 0.5)]
  const weights = new Array<number>(classCount).fill(0)
  let total = 0
  let sum = 0
  for (let i = 0; i < label.length; i++) {
    const each = weight ? weight[i]! : 1
    total += each
    sum += each * label[i]!
    if (objective === 'multiclass') weights[label[i]!]! += each
  }
  const mean = sum / total
  switch (objective) {
    case 'regression':
    case 'huber':
      return [mean]
    case 'binary': {
      const p = Math.max(1e-15, Math.min(1 - 1e-15, mean))
      return [Math.log(p / (1 - p)) / settings.sigmoid]
    }
    case 'multiclass':
      return weights.map((each) => Math.log(Math.max(1e-15, each / total)))
    default:
      return [Math.log(mean)]
  }
}

/** @throws {GimbalError} `table-invalid` when a label means nothing to the objective, or all weights are 0. */
export function requireLabels(
  { objective, classCount }: ObjectiveSettings,
  label: Float64Array,
  weight?: Float64Array,
): void {
  const fail = (reason: string, allowed: string, row: number): never => {
    throw new GimbalError('table-invalid', reason, { objective, row, label: label[row]!, allowed })
  }
  const refuse = (allowed: string, wrong: (value: number) => boolean) => {
    for (let i = 0; i < label.length; i++)
      if (wrong(label[i]!)) fail('A label means nothing to the objective', allowed, i)
  }
  if (objective === 'binary') refuse('0 or 1', (value) => value !== 0 && value !== 1)
  if (objective === 'multiclass')
    refuse(`0 to ${classCount - 1}`, (value) => !(Number.isInteger(value) && value >= 0 && value < classCount))
  if (objective === 'poisson' || objective === 'gamma' || objective === 'qlike') {
    refuse('0 or more', (value) => value < 0)
    if (label.every((value, row) => value === 0 || weight?.[row] === 0))
      fail('Every label is 0, whose logarithm is nowhere', 'at least one above 0', 0)
  }
  if (weight?.every((value) => value === 0))
    throw new GimbalError('table-invalid', 'Every weight is 0: there is nothing to learn from', { rows: label.length })
}
