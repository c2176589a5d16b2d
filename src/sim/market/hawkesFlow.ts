/**
 * @file Order flow that excites itself: a multivariate Hawkes process with two exponential memories, simulated exactly.
 *
 * Intensity of type i: μᵢ + Σ over past events j of G[i][j] × (share × β₁ e^(−β₁ age) + (1 − share) × β₂ e^(−β₂ age)).
 * G[i][j] is the mean number of events of type i that one event of type j directly causes; the process is stationary
 * when the spectral radius of G is below one, which is checked.
 *
 * Exactness. The total intensity is a constant plus two decaying exponentials, and each of the three alone has a waiting
 * time that can be drawn by inverting its distribution; the first of the three is the next event. Nothing is thinned
 * away, and which of the three won tells immigrants (baseline) from children, so the realised branching ratio is known
 * and not estimated.
 *
 * Sources: A. G. Hawkes, Biometrika 58 (1971) 83; A. Dassios, H. Zhao, "Exact simulation of Hawkes process with
 * exponentially decaying intensity", Electronic Communications in Probability 18 (2013), for the inversion.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'

/** What defines a flow of n types. */
export interface HawkesParameters {
  /** μ, events per second of each type. */
  readonly baseline: readonly number[]
  /** G by row: children of type i per event of type j at [i × n + j]. */
  readonly offspring: readonly number[]
  /** β₁ and β₂, per second: the fast memory and the slow. */
  readonly decayFast: number
  readonly decaySlow: number
  /** Share of the children that come from the fast memory. */
  readonly fastShare: number
}

/** Spectral radius of a non-negative n × n matrix, by power iteration. Accuracy: 1e-9 for primitive matrices. */
export function spectralRadius(matrix: readonly number[], n: number): number {
  let vector = new Float64Array(n).fill(1 / n)
  let radius = 0
  for (let round = 0; round < 2000; round++) {
    const next = new Float64Array(n)
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) next[i] += matrix[i * n + j] * vector[j]
    const sum = next.reduce((a, b) => a + b, 0)
    if (sum === 0) return 0
    for (let i = 0; i < n; i++) next[i] /= sum
    vector = next
    if (Math.abs(sum - radius) < 1e-13) return sum
    radius = sum
  }
  return radius
}

export class HawkesFlow {
  readonly types: number
  readonly #random: Random
  readonly #offspring: Float64Array
  readonly #baseline: Float64Array
  /** Multipliers of the baseline: how busy each type is now. */
  readonly #scale: Float64Array
  /** Excitation of each type at `timeSeconds`, by memory; and their sums. */
  readonly #fast: Float64Array
  readonly #slow: Float64Array
  #fastTotal = 0
  #slowTotal = 0
  #baselineTotal = 0
  readonly #decayFast: number
  readonly #decaySlow: number
  readonly #fastJump: number
  readonly #slowJump: number
  /** Time of the last event or advance, in seconds. */
  timeSeconds = 0
  /** Events so far, and those of them that nothing caused. */
  events = 0
  immigrants = 0

  /** @throws {GimbalError} `config-invalid` when shapes do not fit or the flow would explode. */
  constructor(parameters: HawkesParameters, random: Random) {
    const { baseline, offspring, decayFast, decaySlow, fastShare } = parameters
    const n = baseline.length
    const radius = offspring.length === n * n ? spectralRadius(offspring, n) : Number.NaN
    const sound = baseline.every((each) => each >= 0) && offspring.every((each) => each >= 0)
    if (!(radius < 1) || !sound || !(decayFast > 0) || !(decaySlow > 0) || !(fastShare >= 0 && fastShare <= 1))
      throw new GimbalError('config-invalid', 'A Hawkes flow must be stationary', {
        types: n,
        offspring: offspring.length,
        spectralRadius: radius,
        allowed: 'below 1',
      })
    this.types = n
    this.#random = random
    this.#offspring = Float64Array.from(offspring)
    this.#baseline = Float64Array.from(baseline)
    this.#scale = new Float64Array(n).fill(1)
    this.#fast = new Float64Array(n)
    this.#slow = new Float64Array(n)
    this.#decayFast = decayFast
    this.#decaySlow = decaySlow
    this.#fastJump = fastShare * decayFast
    this.#slowJump = (1 - fastShare) * decaySlow
    this.#sumBaseline()
  }

  /** Multiplies the baseline of one type from now on; children are caused as before, so stationarity holds. */
  setScale(type: number, factor: number): void {
    this.#scale[type] = factor
    this.#sumBaseline()
  }

  /** Intensity of one type now, events per second. */
  intensity(type: number): number {
    return this.#baseline[type] * this.#scale[type] + this.#fast[type] + this.#slow[type]
  }

  /**
   * Draws when the next event would happen, provided nothing changes before: see `commit` and `advance`.
   *
   * @returns Seconds from `timeSeconds`.
   */
  wait(): number {
    const random = this.#random
    let wait = this.#baselineTotal > 0 ? random.exponential(1 / this.#baselineTotal) : Number.POSITIVE_INFINITY
    const fast = fading(random, this.#fastTotal, this.#decayFast)
    if (fast < wait) wait = fast
    const slow = fading(random, this.#slowTotal, this.#decaySlow)
    if (slow < wait) wait = slow
    this.#winner = wait === fast ? 1 : wait === slow ? 2 : 0
    return wait
  }
  /** Which part of the intensity the event drawn by `wait` comes from. */
  #winner = 0

  /** Time passes without an event: excitation fades. What `wait` drew is void. */
  advance(seconds: number): void {
    const fastDecay = Math.exp(-this.#decayFast * seconds)
    const slowDecay = Math.exp(-this.#decaySlow * seconds)
    const fast = this.#fast
    const slow = this.#slow
    let fastTotal = 0
    let slowTotal = 0
    for (let i = 0; i < fast.length; i++) {
      fastTotal += fast[i] *= fastDecay
      slowTotal += slow[i] *= slowDecay
    }
    this.#fastTotal = fastTotal
    this.#slowTotal = slowTotal
    this.timeSeconds += seconds
  }

  /** Lets the event drawn by `wait` happen, `seconds` being what it returned. Returns its type. */
  commit(seconds: number): number {
    this.advance(seconds)
    const weights = this.#winner === 1 ? this.#fast : this.#winner === 2 ? this.#slow : undefined
    const total = this.#winner === 1 ? this.#fastTotal : this.#winner === 2 ? this.#slowTotal : this.#baselineTotal
    let left = this.#random.uniform() * total
    let type = 0
    for (; type < this.types - 1; type++) {
      left -= weights ? weights[type] : this.#baseline[type] * this.#scale[type]
      if (left < 0) break
    }
    if (this.#winner === 0) this.immigrants++
    this.#happen(type)
    return type
  }

  /** An event of this type happens now for a reason outside the flow, which reacts to it as to any other. */
  excite(type: number): void {
    this.immigrants++
    this.#happen(type)
  }

  #happen(type: number): void {
    this.events++
    const n = this.types
    for (let i = 0; i < n; i++) {
      const children = this.#offspring[i * n + type]
      this.#fast[i] += children * this.#fastJump
      this.#slow[i] += children * this.#slowJump
      this.#fastTotal += children * this.#fastJump
      this.#slowTotal += children * this.#slowJump
    }
  }

  #sumBaseline(): void {
    let total = 0
    for (let i = 0; i < this.types; i++) total += this.#baseline[i] * this.#scale[i]
    this.#baselineTotal = total
  }
}

/** Waiting time of a process whose intensity is `total` now and fades at `decay`: infinite when it fades away first. */
function fading(random: Random, total: number, decay: number): number {
  if (total <= 0) return Number.POSITIVE_INFINITY
  const rest = 1 + (decay / total) * Math.log(1 - random.uniform())
  return rest > 0 ? -Math.log(rest) / decay : Number.POSITIVE_INFINITY
}
