/**
 * @file Probabilities that mean what they say: maps from scores to probabilities, and measures of how true they are.
 *
 * Maps are fitted on outcomes the score was not trained on. Platt's has two parameters and suits few outcomes; the isotonic one
 * takes any rising shape and wants a thousand or more.
 */

import { GimbalError } from '../../core/errors.ts'

/** Platt's map: probability 1 / (1 + exp(−(slope × score + intercept))). Plain data. */
export interface PlattMap {
  readonly slope: number
  readonly intercept: number
}

/**
 * Fits Platt's map by Newton's method with backtracking on the regularised likelihood: outcomes count as (n₊ + 1) / (n₊ + 2)
 * and 1 / (n₋ + 2) instead of 1 and 0, so that separable scores give a finite slope.
 *
 * Sources: J. Platt, "Probabilistic outputs for support vector machines" (1999); H.-T. Lin, C.-J. Lin, R. C. Weng, "A note on
 * Platt's probabilistic outputs", Machine Learning 68 (2007), for the iteration.
 *
 * @param outcome 0 or 1. @param weight Non-negative; 1 when absent.
 * @throws {GimbalError} `table-invalid` for lengths that differ, outcomes of another kind, scores that are not finite.
 */
export function fitPlatt(score: Float64Array, outcome: Float64Array, weight?: Float64Array): PlattMap {
  requireOutcomes(score, outcome, weight)
  let positive = 0
  let negative = 0
  let mean = 0
  for (let i = 0; i < score.length; i++) {
    const counts = weight ? weight[i]! : 1
    if (outcome[i] === 1) positive += counts
    else negative += counts
    mean += counts * score[i]!
  }
  mean /= positive + negative
  let spread = 0
  for (let i = 0; i < score.length; i++) spread += (weight ? weight[i]! : 1) * (score[i]! - mean) ** 2
  // In units of their spread the scores make a well-conditioned problem whatever their own unit.
  const scale = Math.sqrt(spread / (positive + negative)) || 1
  const high = (positive + 1) / (positive + 2)
  const low = 1 / (negative + 2)

  let slope = 0
  let intercept = Math.log((positive + 1) / (negative + 1))
  const loss = (a: number, b: number): number => {
    let sum = 0
    for (let i = 0; i < score.length; i++) {
      const raw = (a * (score[i]! - mean)) / scale + b
      const target = outcome[i] === 1 ? high : low
      // −t log p − (1 − t) log(1 − p), without overflow.
      sum += (weight ? weight[i]! : 1) * (Math.max(raw, 0) - raw * target + Math.log1p(Math.exp(-Math.abs(raw))))
    }
    return sum
  }
  let current = loss(slope, intercept)
  for (let round = 0; round < 100; round++) {
    let gradientSlope = 0
    let gradientIntercept = 0
    let curveSlope = 1e-12
    let curveBoth = 0
    let curveIntercept = 1e-12
    for (let i = 0; i < score.length; i++) {
      const counts = weight ? weight[i]! : 1
      const x = (score[i]! - mean) / scale
      const p = 1 / (1 + Math.exp(-(slope * x + intercept)))
      const error = counts * (p - (outcome[i] === 1 ? high : low))
      const curve = counts * p * (1 - p)
      gradientSlope += error * x
      gradientIntercept += error
      curveSlope += curve * x * x
      curveBoth += curve * x
      curveIntercept += curve
    }
    if (Math.abs(gradientSlope) + Math.abs(gradientIntercept) < 1e-10 * (positive + negative)) break
    const determinant = curveSlope * curveIntercept - curveBoth * curveBoth
    const stepSlope = -(curveIntercept * gradientSlope - curveBoth * gradientIntercept) / determinant
    const stepIntercept = -(curveSlope * gradientIntercept - curveBoth * gradientSlope) / determinant
    let length = 1
    let next = loss(slope + stepSlope, intercept + stepIntercept)
    while (next > current && length > 1e-10) {
      length /= 2
      next = loss(slope + length * stepSlope, intercept + length * stepIntercept)
    }
    if (!(next < current)) break
    slope += length * stepSlope
    intercept += length * stepIntercept
    current = next
  }
  return { slope: slope / scale, intercept: intercept - (slope * mean) / scale }
}

/** Probability of the outcome 1 by Platt's map. */
export function plattProbability({ slope, intercept }: PlattMap, score: number): number {
  return 1 / (1 + Math.exp(-(slope * score + intercept)))
}

/** A rising broken line: `value[i]` at `score[i]`, straight between, flat outside. Plain data. */
export interface IsotonicMap {
  /** Ascending; at least one. */
  readonly score: readonly number[]
  /** Never falling. */
  readonly value: readonly number[]
}

/**
 * The never-falling values nearest to the labels in squares, by pooling neighbours that are out of order. Labels may be 0 and 1
 * (then values are probabilities) or any figures. Equal scores get one value.
 *
 * Source: M. Ayer et al., "An empirical distribution function for sampling with incomplete information", Ann. Math. Statist. 26
 * (1955). O(n log n).
 *
 * @throws {GimbalError} `table-invalid` for lengths that differ, nothing to fit, or figures that are not finite.
 */
export function fitIsotonic(score: Float64Array, label: Float64Array, weight?: Float64Array): IsotonicMap {
  requireFigures(score, label, weight)
  const order = Uint32Array.from(score.keys()).sort((a, b) => score[a]! - score[b]!)
  // Pools from left to right: first and last score, mean, weight.
  const first: number[] = []
  const last: number[] = []
  const mean: number[] = []
  const mass: number[] = []
  const pool = (): void => {
    const above = mean.length - 1
    const below = above - 1
    const total = mass[below]! + mass[above]!
    mean[below] = (mean[below]! * mass[below]! + mean[above]! * mass[above]!) / total
    mass[below] = total
    last[below] = last[above]!
    for (const column of [first, last, mean, mass]) column.pop()
  }
  for (let i = 0; i < order.length; ) {
    // Equal scores cannot be told apart, so they are one point from the start.
    const at = score[order[i]!]!
    let sum = 0
    let total = 0
    for (; i < order.length && score[order[i]!] === at; i++) {
      const counts = weight ? weight[order[i]!]! : 1
      sum += counts * label[order[i]!]!
      total += counts
    }
    if (total === 0) continue
    first.push(at)
    last.push(at)
    mean.push(sum / total)
    mass.push(total)
    while (mean.length > 1 && mean.at(-2)! >= mean.at(-1)!) pool()
  }
  const map: { score: number[]; value: number[] } = { score: [], value: [] }
  for (let i = 0; i < mean.length; i++)
    for (const at of first[i] === last[i] ? [first[i]!] : [first[i]!, last[i]!]) {
      map.score.push(at)
      map.value.push(mean[i]!)
    }
  return map
}

/** The map's value at a score; NaN for NaN. */
export function isotonicValue({ score, value }: IsotonicMap, at: number): number {
  if (Number.isNaN(at)) return Number.NaN
  if (at <= score[0]!) return value[0]!
  if (at >= score.at(-1)!) return value.at(-1)!
  let low = 0
  let high = score.length - 1
  while (high - low > 1) {
    const middle = (low + high) >>> 1
    if (score[middle]! <= at) low = middle
    else high = middle
  }
  const share = (at - score[low]!) / (score[high]! - score[low]!)
  return value[low]! + share * (value[high]! - value[low]!)
}

/** One bin of a reliability table. */
export interface ReliabilityBin {
  /** Bounds of the forecast probability. */
  readonly from: number
  readonly to: number
  readonly count: number
  /** Mean forecast and share of outcomes 1; NaN in an empty bin. */
  readonly forecast: number
  readonly observed: number
  /** Standard error of `observed` were the forecasts true. */
  readonly error: number
}

/** Everything a {@link Reliability} has counted, bin by bin: plain data. */
export interface ReliabilityState {
  readonly counts: readonly number[]
  readonly forecasts: readonly number[]
  readonly outcomes: readonly number[]
  readonly variances: readonly number[]
  readonly squares: number
}

/** Forecast probabilities against outcomes, counted as they come: reliability table, calibration error, Brier score. */
export class Reliability {
  readonly #counts: Float64Array
  readonly #forecasts: Float64Array
  readonly #outcomes: Float64Array
  /** Sum of p (1 − p) by bin. */
  readonly #variances: Float64Array
  #squares = 0

  /** @param bins Equal bins of [0, 1]. @param state Counts to go on from. */
  constructor(bins = 10, state?: ReliabilityState) {
    this.#counts = Float64Array.from(state?.counts ?? new Float64Array(bins))
    this.#forecasts = Float64Array.from(state?.forecasts ?? new Float64Array(bins))
    this.#outcomes = Float64Array.from(state?.outcomes ?? new Float64Array(bins))
    this.#variances = Float64Array.from(state?.variances ?? new Float64Array(bins))
    this.#squares = state?.squares ?? 0
  }

  /**
   * A forecast and what came of it; NaN of either is left out.
   *
   * @param outcome 0 or 1.
   * @throws {GimbalError} `argument-invalid` for a probability outside [0, 1] or another outcome.
   */
  add(probability: number, outcome: number): void {
    if (Number.isNaN(probability) || Number.isNaN(outcome)) return
    if (!(probability >= 0 && probability <= 1) || (outcome !== 0 && outcome !== 1))
      throw new GimbalError('argument-invalid', 'Reliability is counted of probabilities and of outcomes 0 or 1', {
        probability,
        outcome,
      })
    const bins = this.#counts.length
    const bin = Math.min(bins - 1, Math.floor(probability * bins))
    this.#counts[bin]!++
    this.#forecasts[bin]! += probability
    this.#outcomes[bin]! += outcome
    this.#variances[bin]! += probability * (1 - probability)
    this.#squares += (probability - outcome) ** 2
  }

  /** Forecasts counted. */
  get count(): number {
    return this.#counts.reduce((sum, count) => sum + count, 0)
  }

  /** Mean squared distance of probability and outcome; 0.25 for always saying one half. NaN before the first. */
  get brier(): number {
    return this.#squares / this.count
  }

  /** Expected calibration error: mean distance of forecast and observed share, bins weighted by their counts. NaN before the first. */
  get calibrationError(): number {
    let sum = 0
    for (let bin = 0; bin < this.#counts.length; bin++) sum += Math.abs(this.#forecasts[bin]! - this.#outcomes[bin]!)
    return sum / this.count
  }

  /** The table, a line for every bin. */
  table(): ReliabilityBin[] {
    const bins = this.#counts.length
    return Array.from(this.#counts, (count, bin) => ({
      from: bin / bins,
      to: (bin + 1) / bins,
      count,
      forecast: this.#forecasts[bin]! / count,
      observed: this.#outcomes[bin]! / count,
      error: Math.sqrt(this.#variances[bin]!) / count,
    }))
  }

  /** Everything counted: plain data. */
  state(): ReliabilityState {
    return {
      counts: [...this.#counts],
      forecasts: [...this.#forecasts],
      outcomes: [...this.#outcomes],
      variances: [...this.#variances],
      squares: this.#squares,
    }
  }
}

function requireFigures(score: Float64Array, label: Float64Array, weight?: Float64Array): void {
  const fail = (reason: string, facts: Record<string, number>): never => {
    throw new GimbalError('table-invalid', `No map from scores can be fitted: ${reason}`, facts)
  }
  if (score.length !== label.length || (weight && weight.length !== score.length))
    fail('lengths differ', { scores: score.length, labels: label.length, weights: weight?.length ?? score.length })
  let total = 0
  for (let i = 0; i < score.length; i++) {
    if (!Number.isFinite(score[i]!) || !Number.isFinite(label[i]!))
      fail('a figure is not finite', { row: i, score: score[i]!, label: label[i]! })
    const counts = weight ? weight[i]! : 1
    if (!(counts >= 0 && counts < Number.POSITIVE_INFINITY)) fail('a weight makes no sense', { row: i, weight: counts })
    total += counts
  }
  if (!(total > 0)) fail('there is nothing to fit', { rows: score.length })
}

function requireOutcomes(score: Float64Array, outcome: Float64Array, weight?: Float64Array): void {
  requireFigures(score, outcome, weight)
  const at = outcome.findIndex((value) => value !== 0 && value !== 1)
  if (at >= 0)
    throw new GimbalError('table-invalid', 'Outcomes of probabilities are 0 or 1', { row: at, outcome: outcome[at]! })
}
