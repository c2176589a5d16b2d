/**
 * @file Variance as an exponentially weighted mean of past variance: RiskMetrics, and what it is with a better memory.
 *
 * Source: J.P. Morgan/Reuters, "RiskMetrics technical document", 4th ed. (1996), section 5.2: 0.94 for daily returns. Weights
 * are normalised by their sum, so that the first steps are an ordinary mean and no starting value is made up; later this is
 * the published recursion. With lambda 0 it is the random walk: tomorrow as today.
 */

import { GimbalError } from '../../core/errors.ts'
import type { SeriesForecaster, VarianceSeries } from './forecaster.ts'
import { rollingMean } from './rollingMean.ts'

/** A fitted EWMA as plain data. */
export interface EwmaFit {
  /** Weight of yesterday relative to today. */
  readonly lambda: number
}

export const RISK_METRICS_LAMBDA = 0.94
/** Range searched: a memory of one step to one of five thousand. */
const LAMBDA_MAX = 0.9998
const GRID = 16

export class EwmaForecaster implements SeriesForecaster<EwmaFit> {
  readonly name: string
  readonly #lambda: number | undefined

  /**
   * @param lambda From 0 to below 1; fitted by QLIKE over the horizon when absent.
   * @throws {GimbalError} `config-invalid`.
   */
  constructor(lambda?: number) {
    if (lambda !== undefined && !(lambda >= 0 && lambda < 1))
      throw new GimbalError('config-invalid', 'A lambda lies in [0, 1)', { lambda })
    this.name = lambda === undefined ? 'ewma-fitted' : lambda === 0 ? 'random-walk' : `ewma-${lambda}`
    this.#lambda = lambda
  }

  stepsMin(horizon: number): number {
    return this.#lambda === undefined ? 20 + horizon : 1
  }

  fit({ variance }: VarianceSeries, start: number, end: number, horizon: number): EwmaFit {
    if (this.#lambda !== undefined) return { lambda: this.#lambda }
    const known = variance.subarray(start, end)
    const ahead = rollingMean(known, horizon, horizon, Math.max(horizon, known.length))
    const loss = (place: number) => meanLoss(known, ahead, lambdaOf(place))
    // A grid finds the valley, golden sections its floor: the loss need not have a single one.
    const step = 1 / (GRID - 1)
    let best = 0
    let least = Number.POSITIVE_INFINITY
    for (let i = 0; i < GRID; i++) {
      const found = loss(i * step)
      if (found < least) {
        least = found
        best = i
      }
    }
    if (least === Number.POSITIVE_INFINITY)
      throw new GimbalError('fit-failed', 'No variance to fit an exponential mean to', { start, end, horizon })
    return { lambda: lambdaOf(goldenSection(loss, Math.max(0, (best - 1) * step), Math.min(1, (best + 1) * step))) }
  }

  forecast(
    { lambda }: EwmaFit,
    { variance }: VarianceSeries,
    from: number,
    to: number,
    horizon: number,
    out: Float64Array,
  ): void {
    let sum = 0
    let weight = 0
    for (let t = 0; t < to; t++) {
      const figure = variance[t]!
      // A missing step adds nothing and ages nothing: the mean stays what it was.
      if (!Number.isNaN(figure)) {
        sum = lambda * sum + figure
        weight = lambda * weight + 1
      }
      if (t >= from) out[t - from] = sum > 0 ? (horizon * sum) / weight : Number.NaN
    }
  }
}

/** 0 to 1 spread evenly over the logarithm of the memory 1 / (1 - lambda). */
function lambdaOf(place: number): number {
  return 1 - (1 - LAMBDA_MAX) ** place
}

/**
 * Mean of ln f + realised / f: QLIKE but for what no forecast changes, and finite for a realised 0.
 *
 * @param ahead Mean variance of the steps (t, t + horizon] at place t.
 */
function meanLoss(variance: Float64Array, ahead: Float64Array, lambda: number): number {
  let sum = 0
  let weight = 0
  let total = 0
  let count = 0
  // Logs are taken of products: one for dozens of steps.
  let product = 1
  for (let i = 0; i < ahead.length; i++) {
    const figure = variance[i]!
    if (!Number.isNaN(figure)) {
      sum = lambda * sum + figure
      weight = lambda * weight + 1
    }
    const forecast = sum / weight
    if (!(forecast > 0) || Number.isNaN(ahead[i]!)) continue
    total += ahead[i]! / forecast
    product *= forecast
    if (product < 1e-200 || product > 1e200) {
      total += Math.log(product)
      product = 1
    }
    count++
  }
  return count === 0 ? Number.POSITIVE_INFINITY : (total + Math.log(product)) / count
}

/** Where a function with one valley between `low` and `high` is least, to 1e-6. */
function goldenSection(loss: (x: number) => number, low: number, high: number): number {
  const ratio = (Math.sqrt(5) - 1) / 2
  let a = high - ratio * (high - low)
  let b = low + ratio * (high - low)
  let lossA = loss(a)
  let lossB = loss(b)
  while (high - low > 1e-6) {
    if (lossA < lossB) {
      high = b
      b = a
      lossB = lossA
      lossA = loss((a = high - ratio * (high - low)))
    } else {
      low = a
      a = b
      lossA = lossB
      lossB = loss((b = low + ratio * (high - low)))
    }
  }
  return (low + high) / 2
}
