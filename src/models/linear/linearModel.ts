/** @file A linear score and what is made of it: the answer of least squares, logistic regression, HAR and log-HAR. */

import { GimbalError } from '../../core/errors.ts'
import type { Model } from '../learner.ts'

/** What the raw score goes through to become an answer. */
export type Link = 'identity' | 'exp' | 'sigmoid'

/** A linear model as plain data: survives JSON unchanged. */
export interface LinearParameters {
  /** Columns of the table it is asked with, in order. */
  readonly names: readonly string[]
  /** Which of them count, by position in `names`; the others may be missing. */
  readonly columns: readonly number[]
  /** One for each of `columns`, in the unit of the raw score per unit of the column. */
  readonly coefficients: readonly number[]
  readonly intercept: number
  readonly link: Link
  /** Added to the raw score before the link. For logs: half the residual variance, since E exp(x) = exp(mean + variance / 2). */
  readonly correction: number
  /** Answers are kept within these, where they are not null. */
  readonly floor: number | null
  readonly ceiling: number | null
  /** What is answered instead of anything below the floor; the floor itself when absent. */
  readonly belowFloor?: number
}

/** Answers NaN when one of its columns is missing. */
export class LinearModel implements Model {
  readonly parameters: LinearParameters
  readonly #columns: Int32Array
  readonly #coefficients: Float64Array
  readonly #link: Link
  readonly #intercept: number
  readonly #floor: number
  readonly #ceiling: number
  readonly #belowFloor: number

  /** @throws {GimbalError} `argument-invalid`: lengths that differ, figures that are not finite, a column out of range. */
  constructor(parameters: LinearParameters) {
    const { names, columns, coefficients, intercept, correction, link, floor, ceiling, belowFloor } = parameters
    const fail = (reason: string): never => {
      throw new GimbalError('argument-invalid', `Not a linear model: ${reason}`, {
        names: names.length,
        columns: columns.length,
        coefficients: coefficients.length,
      })
    }
    if (columns.length !== coefficients.length) fail('there is not one coefficient a column')
    if (columns.some((column) => !(Number.isInteger(column) && column >= 0 && column < names.length)))
      fail('it uses a column that has no name')
    if (![intercept, correction, belowFloor ?? 0, ...coefficients].every(Number.isFinite))
      fail('a coefficient is not finite')
    if (!['identity', 'exp', 'sigmoid'].includes(link)) fail('its link is unknown')
    this.parameters = parameters
    this.#columns = Int32Array.from(columns)
    this.#coefficients = Float64Array.from(coefficients)
    this.#link = link
    this.#intercept = intercept + correction
    this.#floor = floor ?? Number.NEGATIVE_INFINITY
    this.#ceiling = ceiling ?? Number.POSITIVE_INFINITY
    this.#belowFloor = belowFloor ?? this.#floor
  }

  get names(): readonly string[] {
    return this.parameters.names
  }

  /** The score before the link, correction included. */
  raw(row: Float64Array, offset = 0): number {
    let score = this.#intercept
    const columns = this.#columns
    for (let i = 0; i < columns.length; i++) score += this.#coefficients[i]! * row[offset + columns[i]!]!
    return score
  }

  predict(row: Float64Array, offset = 0): number {
    const raw = this.raw(row, offset)
    const answer = this.#link === 'identity' ? raw : this.#link === 'exp' ? Math.exp(raw) : sigmoid(raw)
    if (answer < this.#floor) return this.#belowFloor
    return Math.min(answer, this.#ceiling)
  }
}

/** 1 / (1 + exp(-x)) without overflow or loss in the tails. */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + Math.exp(-x))
  const e = Math.exp(x)
  return e / (1 + e)
}
