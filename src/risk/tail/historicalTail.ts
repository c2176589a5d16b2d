/**
 * @file Value at risk and expected shortfall of a sample of losses, as they stand.
 *
 * A loss is positive. Value at risk at a level (0.99) is the least loss that at least that share of the sample does not exceed;
 * expected shortfall is the mean of the worst 1 − level, the loss at its edge counted for the part that belongs to it (C. Acerbi,
 * D. Tasche, J. Banking & Finance 26, 2002), which makes it coherent for every sample and level.
 */

import { GimbalError } from '../../core/errors.ts'

/** A tail in the unit of the losses it came from. */
export interface Tail {
  readonly valueAtRisk: number
  readonly expectedShortfall: number
}

/** @throws {GimbalError} `argument-invalid` unless 0.5 < level < 1. */
export function requireLevel(level: number): void {
  if (!(level > 0.5 && level < 1))
    throw new GimbalError('argument-invalid', 'A level of risk lies between 0.5 and 1', { level })
}

/** @throws {GimbalError} `argument-invalid` unless all are finite. */
export function requireLosses(losses: Float64Array): void {
  for (const [at, loss] of losses.entries()) {
    if (!Number.isFinite(loss))
      throw new GimbalError('argument-invalid', 'A loss in a sample is not a finite number', { at, loss })
  }
}

/**
 * The tail of losses already in ascending order, of which the first `count` places are used. NaN while there are fewer than
 * 1 / (1 − level) of them: the worst one of a hundred is not known from fifty. Allocates nothing.
 */
export function shortfallOfSorted(sorted: Float64Array, count: number, level: number): number {
  const weight = count * (1 - level)
  if (!(weight > 1 - 1e-9)) return Number.NaN
  const whole = Math.min(count, Math.floor(weight + 1e-9))
  let sum = 0
  for (let i = count - whole; i < count; i++) sum += sorted[i]!
  const edge = sorted[count - whole - 1]!
  const part = weight - whole
  if (part > 1e-9) sum += part * edge
  // No mean of losses at or beyond the edge is below it, whatever rounding says.
  return Math.max(edge, sum / Math.max(weight, whole))
}

/** As {@link shortfallOfSorted}, the value at risk. */
export function quantileOfSorted(sorted: Float64Array, count: number, level: number): number {
  if (!(count * (1 - level) > 1 - 1e-9)) return Number.NaN
  return sorted[count - Math.floor(count * (1 - level) + 1e-9) - 1]!
}

/**
 * @param losses Positive is a loss, any unit; at least 1 / (1 − level) of them, all finite.
 * @throws {GimbalError} `argument-invalid`.
 */
export function historicalTail(losses: Float64Array, level: number): Tail {
  requireLevel(level)
  requireLosses(losses)
  if (!(losses.length * (1 - level) > 1 - 1e-9))
    throw new GimbalError('argument-invalid', 'Too few losses to know their tail at this level', {
      losses: losses.length,
      lossesMin: Math.ceil(1 / (1 - level) - 1e-9),
      level,
    })
  const sorted = losses.slice().sort()
  return {
    valueAtRisk: quantileOfSorted(sorted, sorted.length, level),
    expectedShortfall: shortfallOfSorted(sorted, sorted.length, level),
  }
}
