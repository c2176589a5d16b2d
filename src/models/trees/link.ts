/**
 * @file From raw scores of boosted trees to the unit of the label, and back.
 *
 * Source: `ConvertOutput` of each objective in LightGBM (src/objective, MIT), read for the formulas.
 */

import { GimbalError } from '../../core/errors.ts'
import type { TreeEnsemble } from './ensemble.ts'

/** Plain data. `slope` is `sigmoid` of binary, else 1. */
export interface Link {
  /**
   * `identity`; `signedSquare`: raw·|raw| (regression on signed roots); `sigmoid`: probability of the label 1; `exp`: a mean
   * above 0; `softmax`: probabilities of the classes, which one raw score alone does not give.
   */
  readonly kind: 'identity' | 'signedSquare' | 'sigmoid' | 'exp' | 'softmax'
  readonly slope: number
}

/** The link of an ensemble's objective. */
export function linkOf({
  objective,
  objectiveParameters,
}: Pick<TreeEnsemble, 'objective' | 'objectiveParameters'>): Link {
  switch (objective) {
    case 'regression':
    case 'regression_l1':
      return { kind: objectiveParameters['sqrt'] ? 'signedSquare' : 'identity', slope: 1 }
    case 'huber':
    case 'quantile':
      return { kind: 'identity', slope: 1 }
    case 'binary':
      return { kind: 'sigmoid', slope: objectiveParameters['sigmoid'] ?? 1 }
    case 'multiclass':
      return { kind: 'softmax', slope: 1 }
    case 'poisson':
    case 'gamma':
    case 'qlike':
      return { kind: 'exp', slope: 1 }
  }
}

/**
 * A raw score in the unit of the label.
 *
 * @throws {GimbalError} `argument-invalid` for softmax, which needs the scores of all classes: {@link softmax}.
 */
export function fromRaw(link: Link, raw: number): number {
  switch (link.kind) {
    case 'identity':
      return raw
    case 'signedSquare':
      return raw * Math.abs(raw)
    case 'sigmoid':
      return 1 / (1 + Math.exp(-link.slope * raw))
    case 'exp':
      return Math.exp(raw)
    case 'softmax':
      throw oneOfMany()
  }
}

/**
 * Inverse of {@link fromRaw}. The ends of the range are infinite: probability 0 or 1, mean 0; outside it is NaN.
 *
 * @throws {GimbalError} `argument-invalid` for softmax: raw scores are the logarithms of the probabilities, up to a
 *   constant the classes share.
 */
export function toRaw(link: Link, value: number): number {
  switch (link.kind) {
    case 'identity':
      return value
    case 'signedSquare':
      return Math.sign(value) * Math.sqrt(Math.abs(value))
    case 'sigmoid':
      return (Math.log(value) - Math.log1p(-value)) / link.slope
    case 'exp':
      return Math.log(value)
    case 'softmax':
      throw oneOfMany()
  }
}

/** Replaces the raw scores of all classes by their probabilities, in place. The greatest is taken off first: nothing overflows. */
export function softmax(scores: Float64Array): void {
  let greatest = scores[0]!
  for (let i = 1; i < scores.length; i++) greatest = Math.max(greatest, scores[i]!)
  let sum = 0
  for (let i = 0; i < scores.length; i++) sum += scores[i] = Math.exp(scores[i]! - greatest)
  for (let i = 0; i < scores.length; i++) scores[i] = scores[i]! / sum
}

function oneOfMany(): GimbalError {
  return new GimbalError('argument-invalid', 'One raw score of several classes has no meaning alone', {
    link: 'softmax',
    remedy: 'ask for all classes',
  })
}
