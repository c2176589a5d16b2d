/**
 * @file How much of the market moves as one: realised correlations of the target and its neighbours, and their first eigenvalue.
 *
 * Returns are taken on the clock of clockedPrice.ts. An instrument takes part where at least half of its returns of the window
 * are known and it moved. The correlation of two of them is Σxy/√(Σx² Σy²) over the steps at which both are known.
 * - `mean-w`: mean correlation of all pairs; `target-w`: of the target with the others;
 * - `first-share-w`: largest eigenvalue of the correlation matrix over its size, 1 when everything moves as one.
 * NaN with fewer than two instruments, or where two of them have no moves in common.
 *
 * Source of the last as a measure of systemic risk: M. Kritzman, Y. Li, S. Page, R. Rigobon, "Principal components as a measure
 * of systemic risk", J. Portfolio Management 37(4) (2011). Accuracy of the eigenvalue: 1e-13, by Jacobi's rotations.
 */

import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice } from './clockedPrice.ts'
import type { Feature, FeatureFamily } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { priced } from './priced.ts'
import { namedOthers, secondsLabel, windowsOf } from './secondsList.ts'

/**
 * Largest eigenvalue of a symmetric matrix, which is destroyed: cyclic Jacobi rotations (G. Golub, C. Van Loan, "Matrix
 * computations", 8.5).
 *
 * Shapes: `matrix` holds rows of `stride` figures, of which the first `size` of the first `size` rows count.
 */
export function largestEigenvalue(matrix: Float64Array, size: number, stride: number): number {
  for (let sweep = 0; sweep < 60; sweep++) {
    let rest = 0
    for (let i = 0; i < size; i++)
      for (let j = i + 1; j < size; j++) rest += matrix[i * stride + j]! * matrix[i * stride + j]!
    if (rest < 1e-30) break
    for (let i = 0; i < size; i++) for (let j = i + 1; j < size; j++) rotate(matrix, size, stride, i, j)
  }
  let largest = Number.NEGATIVE_INFINITY
  for (let i = 0; i < size; i++) largest = Math.max(largest, matrix[i * stride + i]!)
  return largest
}

/** Makes entry (p, q) zero. */
function rotate(matrix: Float64Array, size: number, stride: number, p: number, q: number): void {
  const entry = matrix[p * stride + q]!
  if (entry === 0) return
  const theta = (matrix[q * stride + q]! - matrix[p * stride + p]!) / (2 * entry)
  const t = (theta >= 0 ? 1 : -1) / (Math.abs(theta) + Math.sqrt(theta * theta + 1))
  const c = 1 / Math.sqrt(t * t + 1)
  const s = t * c
  for (let k = 0; k < size; k++) {
    const a = matrix[k * stride + p]!
    const b = matrix[k * stride + q]!
    matrix[k * stride + p] = c * a - s * b
    matrix[k * stride + q] = s * a + c * b
  }
  for (let k = 0; k < size; k++) {
    const a = matrix[p * stride + k]!
    const b = matrix[q * stride + k]!
    matrix[p * stride + k] = c * a - s * b
    matrix[q * stride + k] = s * a + c * b
  }
}

class CorrelationState implements Feature {
  readonly instruments: readonly number[]
  readonly #prices: readonly ClockedPrice[]
  readonly #windows: readonly number[]
  readonly #returns: readonly Float64Array[]
  /** Places of the instruments that take part; the target is place 0. */
  readonly #present: Int32Array
  readonly #matrix: Float64Array

  constructor(
    instruments: readonly number[],
    markets: readonly MarketState[],
    intervalUs: number,
    windows: readonly number[],
  ) {
    const most = Math.max(...windows)
    this.instruments = instruments
    this.#windows = windows
    this.#prices = instruments.map((index) => new ClockedPrice(markets[index]!, intervalUs, most + 1))
    this.#returns = instruments.map(() => new Float64Array(most))
    this.#present = new Int32Array(instruments.length)
    this.#matrix = new Float64Array(instruments.length ** 2)
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    for (let i = 0; i < this.instruments.length; i++)
      if (this.instruments[i] === instrument) this.#prices[i]!.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const most = this.#returns[0]!.length
    for (let i = 0; i < this.#prices.length; i++) this.#prices[i]!.copyReturns(nowUs, most, this.#returns[i]!)
    for (let w = 0; w < this.#windows.length; w++) this.#writeWindow(most - this.#windows[w]!, most, out, at + 3 * w)
  }

  #writeWindow(from: number, to: number, out: Float64Array, at: number): void {
    const size = this.#takePart(from, to)
    const stride = this.#present.length
    let sum = 0
    let ofTarget = 0
    for (let a = 0; a < size; a++) {
      this.#matrix[a * stride + a] = 1
      for (let b = a + 1; b < size; b++) {
        const x = this.#returns[this.#present[a]!]!
        const correlation = realisedCorrelation(x, this.#returns[this.#present[b]!]!, from, to)
        this.#matrix[a * stride + b] = correlation
        this.#matrix[b * stride + a] = correlation
        sum += correlation
        if (a === 0) ofTarget += correlation
      }
    }
    // A NaN among the correlations would never leave the rotations.
    const known = size >= 2 && !Number.isNaN(sum)
    out[at] = known ? sum / ((size * (size - 1)) / 2) : Number.NaN
    out[at + 1] = known && this.#present[0] === 0 ? ofTarget / (size - 1) : Number.NaN
    out[at + 2] = known ? largestEigenvalue(this.#matrix, size, stride) / size : Number.NaN
  }

  /** Finds who takes part; returns how many. */
  #takePart(from: number, to: number): number {
    let size = 0
    for (let i = 0; i < this.#returns.length; i++) {
      const returns = this.#returns[i]!
      let known = 0
      let moved = false
      for (let j = from; j < to; j++) {
        if (Number.isNaN(returns[j]!)) continue
        known++
        if (returns[j]! !== 0) moved = true
      }
      if (moved && 2 * known >= to - from) this.#present[size++] = i
    }
    return size
  }
}

function realisedCorrelation(x: Float64Array, y: Float64Array, from: number, to: number): number {
  let xy = 0
  let xx = 0
  let yy = 0
  for (let i = from; i < to; i++) {
    const a = x[i]!
    const b = y[i]!
    if (Number.isNaN(a + b)) continue
    xy += a * b
    xx += a * a
    yy += b * b
  }
  return xx > 0 && yy > 0 ? xy / Math.sqrt(xx * yy) : Number.NaN
}

const OWNER = 'feature correlation-state'

export const CORRELATION_STATE: FeatureFamily = {
  name: 'correlation-state',
  summary: 'Mean correlation of the target and its neighbours, and the share of their first eigenvalue.',
  version: 1,
  settings: {
    others: { default: '', doc: 'Instruments beside the target, between commas; its neighbours when empty.' },
    intervalSeconds: {
      default: 10,
      min: 1e-3,
      max: 86_400,
      doc: 'Step of the clock returns are taken on, in seconds.',
    },
    windowsSeconds: { default: '600,3600', doc: 'Windows in seconds, between commas: whole steps, at least three.' },
  },
  outputs(settings) {
    const { intervalUs, windows } = windowsOf(OWNER, settings, 3)
    return windows.flatMap((count) => {
      const label = secondsLabel(count * intervalUs)
      return [
        { name: `mean-${label}`, unit: '', doc: `Mean correlation of all pairs over ${label}.` },
        { name: `target-${label}`, unit: '', doc: 'Mean correlation of the target with the others.' },
        { name: `first-share-${label}`, unit: 'fraction', doc: 'Share of the first eigenvalue.' },
      ]
    })
  },
  suits: ({ universe, target, streams }) =>
    priced({ universe, target, streams }, target) &&
    universe.instruments.some(
      ({ kind }, index) => index !== target && kind !== 'option' && priced({ universe, target, streams }, index),
    ),
  build(settings, context) {
    const { intervalUs, windows } = windowsOf(OWNER, settings, 3)
    const others = namedOthers('Feature correlation-state', settings['others'], context)
    const feature = new CorrelationState([context.target, ...others], context.markets, intervalUs, windows)
    return new OncePerPoint(feature, intervalUs, this.outputs(settings).length)
  },
}
