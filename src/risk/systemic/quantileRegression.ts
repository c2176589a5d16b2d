/**
 * @file A line through a quantile: intercept and slope that minimise the pinball loss, exactly.
 *
 * Method: the minimum lies at a line through two points. With one point held, the best slope is a weighted median of the slopes to
 * the others; the point it finds is held next, and so on: simplex with a line search (cf. I. Barrodale, F. Roberts, SIAM J. Numerical
 * Analysis 10, 1973). It ends where no line through any point on the present one is better; the loss is linear between
 * neighbouring such lines, so that is the minimum. Each step costs n log n.
 */

import { GimbalError } from '../../core/errors.ts'

export interface QuantileLine {
  readonly intercept: number
  readonly slope: number
  /** Σ ρ(y − intercept − slope x), ρ(e) = e (q − [e < 0]). */
  readonly loss: number
}

/**
 * @param q Between 0 and 1.
 * @throws {GimbalError} `argument-invalid` for unequal lengths, figures that are not finite, or an x that never differs.
 */
export function quantileRegression(x: Float64Array, y: Float64Array, q: number): QuantileLine {
  const n = x.length
  const first = x[0]!
  if (n < 2 || y.length !== n || !(q > 0 && q < 1) || !x.every(Number.isFinite) || !y.every(Number.isFinite))
    throw new GimbalError('argument-invalid', 'A quantile regression needs pairs of finite numbers and 0 < q < 1', {
      x: n,
      y: y.length,
      q,
    })
  if (x.every((each) => each === first))
    throw new GimbalError('argument-invalid', 'A regressor that never differs has no slope', { x: first })
  const search = new PivotSearch(x, y, q)
  // Begin at the point nearest the quantile of y; any would do.
  const sorted = y.slice().sort()
  let line = search.through(Math.max(0, y.indexOf(sorted[Math.min(n - 1, Math.floor(q * n))]!)))
  for (;;) {
    const better = search.improve(line)
    if (!better) return line
    line = better
  }
}

class PivotSearch {
  readonly #x: Float64Array
  readonly #y: Float64Array
  readonly #q: number
  readonly #slopes: Float64Array
  readonly #order: number[] = []

  constructor(x: Float64Array, y: Float64Array, q: number) {
    this.#x = x
    this.#y = y
    this.#q = q
    this.#slopes = new Float64Array(x.length)
  }

  /** The best line through a point: the loss is convex in the slope and bends where the line meets another point. */
  through(pivot: number): QuantileLine {
    const x = this.#x
    const y = this.#y
    const x0 = x[pivot]!
    const y0 = y[pivot]!
    const order = this.#order
    order.length = 0
    // Derivative of the loss by the slope as the slope goes to −∞.
    let derivative = 0
    for (let i = 0; i < x.length; i++) {
      const dx = x[i]! - x0
      if (dx === 0) continue
      this.#slopes[i] = (y[i]! - y0) / dx
      order.push(i)
      // Then points to the right lie above the line (error positive), those to the left below it.
      derivative -= dx > 0 ? this.#q * dx : (this.#q - 1) * dx
    }
    order.sort((a, b) => this.#slopes[a]! - this.#slopes[b]! || a - b)
    let slope = 0
    for (const i of order) {
      slope = this.#slopes[i]!
      derivative += Math.abs(x[i]! - x0)
      if (derivative >= 0) break
    }
    const intercept = y0 - slope * x0
    return { intercept, slope, loss: this.#loss(intercept, slope) }
  }

  /** A line through a point of this one that is better by more than rounding. */
  improve(line: QuantileLine): QuantileLine | undefined {
    const x = this.#x
    const y = this.#y
    const { intercept, slope, loss } = line
    for (let i = 0; i < x.length; i++) {
      const scale = Math.abs(y[i]!) + Math.abs(intercept) + Math.abs(slope * x[i]!)
      if (Math.abs(y[i]! - intercept - slope * x[i]!) > 1e-12 * scale) continue
      const found = this.through(i)
      if (found.loss < loss * (1 - 1e-14) - 1e-300) return found
    }
    return undefined
  }

  #loss(intercept: number, slope: number): number {
    let sum = 0
    for (let i = 0; i < this.#x.length; i++) {
      const error = this.#y[i]! - intercept - slope * this.#x[i]!
      sum += error >= 0 ? this.#q * error : (this.#q - 1) * error
    }
    return sum
  }
}
