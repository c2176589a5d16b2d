/**
 * @file Causal, robust normalisation: each figure less the median of its last looks, over their interquartile range.
 *
 * The window holds the present look and those before it, never a later one. A missing figure stays missing and takes no
 * place in the window. Until `LEAST` figures were seen, and while they were all the same, the answer is NaN: there is no
 * scale yet. Answers are clamped to ±CLAMP, so that one wild figure cannot rule a model.
 *
 * Cost: a sorted ring per figure, moved by binary search: O(window) memory moves a look, no allocation.
 */

import { GimbalError } from '../core/errors.ts'
import { sortedQuantile } from './recentFigures.ts'

/** Raised whenever the same figures would be normalised otherwise: part of the schema hash. */
export const NORMALISER_VERSION = 1

const LEAST = 20
const CLAMP = 10
/** Interquartile range of a standard normal: makes the scale a deviation where figures are normal. */
const NORMAL_RANGE = 1.3489795003921634

export class RollingNormaliser {
  readonly #window: number
  readonly #rings: readonly Float64Array[]
  readonly #sorted: readonly Float64Array[]
  readonly #counts: Int32Array
  readonly #heads: Int32Array

  /**
   * @param figures Number of figures a look. @param window Looks remembered of each.
   * @throws {GimbalError} `config-invalid` for a window shorter than 20.
   */
  constructor(figures: number, window: number) {
    if (!Number.isSafeInteger(window) || window < LEAST)
      throw new GimbalError('config-invalid', 'Normalisation needs a window of whole looks', { window, least: LEAST })
    this.#window = window
    this.#rings = Array.from({ length: figures }, () => new Float64Array(window))
    this.#sorted = Array.from({ length: figures }, () => new Float64Array(window))
    this.#counts = new Int32Array(figures)
    this.#heads = new Int32Array(figures)
  }

  /** Takes a look and replaces its figures by the normalised ones, in place. */
  apply(values: Float64Array): void {
    for (let i = 0; i < this.#rings.length; i++) {
      const value = values[i]!
      if (Number.isNaN(value)) continue
      this.#remember(i, value)
      const count = this.#counts[i]!
      const sorted = this.#sorted[i]!
      const scale = (sortedQuantile(sorted, count, 0.75) - sortedQuantile(sorted, count, 0.25)) / NORMAL_RANGE
      const score = (value - sortedQuantile(sorted, count, 0.5)) / scale
      values[i] = count < LEAST || !(scale > 0) ? Number.NaN : Math.max(-CLAMP, Math.min(CLAMP, score))
    }
  }

  #remember(index: number, value: number): void {
    const ring = this.#rings[index]!
    const sorted = this.#sorted[index]!
    const head = this.#heads[index]!
    let count = this.#counts[index]!
    if (count === this.#window) {
      const at = lowerBound(sorted, count, ring[head]!)
      sorted.copyWithin(at, at + 1, count)
      count--
    }
    const at = lowerBound(sorted, count, value)
    sorted.copyWithin(at + 1, at, count)
    sorted[at] = value
    ring[head] = value
    this.#counts[index] = count + 1
    this.#heads[index] = (head + 1) % this.#window
  }
}

function lowerBound(sorted: Float64Array, count: number, value: number): number {
  let low = 0
  let high = count
  while (low < high) {
    const middle = (low + high) >>> 1
    if (sorted[middle]! < value) low = middle + 1
    else high = middle
  }
  return low
}
