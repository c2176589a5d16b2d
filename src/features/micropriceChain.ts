/**
 * @file Stoikov's microprice as linear algebra: where the mid is heading, given the state of the touch.
 *
 * States are buckets of (imbalance, spread). Between two looks the mid either stays, with the state moving by Q, or jumps:
 * by K[k] with probabilities R1[·][k], into a state with probabilities R2. Then the first jump is expected to be
 * G1 = (1 − Q)⁻¹ R1 K, the state after it distributed as B = (1 − Q)⁻¹ R2, and the microprice lies G* = Σ Bⁱ G1 from the mid.
 *
 * Matrices are row by row in flat arrays. Source: S. Stoikov, "The micro-price: a high-frequency estimator of future
 * prices", Quantitative Finance 18 (2018) 1959, section 3.
 */

import { GimbalError } from '../core/errors.ts'

/**
 * Solves A X = Y by Gaussian elimination with row pivoting, in place: `work` holds the rows [A | Y] and ends as [1 | X].
 *
 * @param n Rows. @param columns Of A and Y together.
 * @returns False when A is singular; `work` is then spoilt.
 */
export function solveInPlace(work: Float64Array, n: number, columns: number): boolean {
  for (let pivot = 0; pivot < n; pivot++) {
    let best = pivot
    for (let row = pivot + 1; row < n; row++)
      if (Math.abs(work[row * columns + pivot]!) > Math.abs(work[best * columns + pivot]!)) best = row
    const value = work[best * columns + pivot]!
    if (!(Math.abs(value) > 0)) return false
    if (best !== pivot) {
      for (let column = pivot; column < columns; column++) {
        const kept = work[pivot * columns + column]!
        work[pivot * columns + column] = work[best * columns + column]!
        work[best * columns + column] = kept
      }
    }
    for (let column = pivot; column < columns; column++) work[pivot * columns + column]! /= value
    for (let row = 0; row < n; row++) {
      const factor = work[row * columns + pivot]!
      if (row === pivot || factor === 0) continue
      for (let column = pivot; column < columns; column++)
        work[row * columns + column]! -= factor * work[pivot * columns + column]!
    }
  }
  return true
}

/** What the first jump of the mid is expected to be from each state, and which states follow it. */
export interface FirstMove {
  /** In the unit of K, a state each. */
  readonly move: Float64Array
  /** n × n: rows are the state before, columns the state after. */
  readonly next: Float64Array
}

/**
 * G1 and B of the paper.
 *
 * Shapes: Q and R2 are n × n, R1 is n × K.length.
 *
 * @throws {GimbalError} `argument-invalid` when shapes differ, or when the mid can never move from some state.
 */
export function firstMove(
  Q: ArrayLike<number>,
  R1: ArrayLike<number>,
  K: ArrayLike<number>,
  R2: ArrayLike<number>,
): FirstMove {
  const n = Math.round(Math.sqrt(Q.length))
  if (n * n !== Q.length || R2.length !== Q.length || R1.length !== n * K.length)
    throw new GimbalError('argument-invalid', 'Not the matrices of one chain', {
      Q: Q.length,
      R1: R1.length,
      K: K.length,
      R2: R2.length,
    })
  requireMoves(Q, R2, n)
  const columns = 2 * n + 1
  const work = new Float64Array(n * columns)
  for (let x = 0; x < n; x++) {
    for (let y = 0; y < n; y++) {
      work[x * columns + y] = (x === y ? 1 : 0) - Q[x * n + y]!
      work[x * columns + n + 1 + y] = R2[x * n + y]!
    }
    for (let k = 0; k < K.length; k++) work[x * columns + n]! += R1[x * K.length + k]! * K[k]!
  }
  if (!solveInPlace(work, n, columns))
    throw new GimbalError('argument-invalid', 'From some state of this chain the mid never moves', { states: n })
  const move = new Float64Array(n)
  const next = new Float64Array(n * n)
  for (let x = 0; x < n; x++) {
    move[x] = work[x * columns + n]!
    for (let y = 0; y < n; y++) next[x * n + y] = work[x * columns + n + 1 + y]!
  }
  return { move, next }
}

/**
 * That from every state one is reached from which the mid moves. Where that is not so, 1 − Q is singular, but by rounding may not
 * look it, and its inverse would be a number of any size.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
function requireMoves(Q: ArrayLike<number>, R2: ArrayLike<number>, n: number): void {
  const states = Array.from({ length: n }, (_, x) => x)
  const moving = new Set<number>()
  for (let before = -1; moving.size > before; ) {
    before = moving.size
    for (const x of states)
      if (states.some((y) => R2[x * n + y]! > 0 || (Q[x * n + y]! > 0 && moving.has(y)))) moving.add(x)
  }
  if (moving.size < n)
    throw new GimbalError('argument-invalid', 'From some state of this chain the mid never moves', { states: n })
}

/**
 * G* = Σ Bⁱ G1, summed until a term is below 1e-15 of the sum.
 *
 * @throws {GimbalError} `argument-invalid` when it does not converge: the chain drifts, so it was not made symmetric.
 */
export function micropriceSeries({ move, next }: FirstMove): Float64Array {
  const n = move.length
  const sum = Float64Array.from(move)
  let term = Float64Array.from(move)
  for (let round = 0; round < 100_000; round++) {
    const after = new Float64Array(n)
    let greatest = 0
    let scale = 0
    for (let x = 0; x < n; x++) {
      for (let y = 0; y < n; y++) after[x]! += next[x * n + y]! * term[y]!
      sum[x]! += after[x]!
      greatest = Math.max(greatest, Math.abs(after[x]!))
      scale = Math.max(scale, Math.abs(sum[x]!))
    }
    if (greatest <= 1e-15 * scale) return sum
    term = after
  }
  throw new GimbalError('argument-invalid', 'The microprice of this chain does not converge', { states: n })
}

/**
 * The chain as it is learnt: counts of what the touch did, made symmetric between bid and ask, and the microprice they imply.
 *
 * State = imbalance bucket + buckets × (spread bucket). Every observation is entered twice, the second time with bid and ask
 * exchanged, so that the chain has no drift. Each state starts with one observation of the mid going nowhere on average,
 * into itself or its mirror image: without it a state from which the mid was never seen to move would have no answer. The
 * sum of the series is then found by solving for one half of the states, the other being its negative: no rounding can
 * make it drift.
 */
export class MicropriceCounts {
  readonly #buckets: number
  readonly #states: number
  readonly #half: number
  /** Counts x → y with the mid unmoved, and with it moved; sums of moves in ticks; observations. */
  readonly #still: Float64Array
  readonly #moved: Float64Array
  readonly #shift: Float64Array
  readonly #total: Float64Array
  readonly #work: Float64Array
  readonly #halfWork: Float64Array
  /** Microprice less mid, ticks, by state; as of the last {@link fit}. */
  readonly adjustment: Float64Array

  /** @param buckets Of imbalance. @param spreads Of spread. */
  constructor(buckets: number, spreads: number) {
    const states = buckets * spreads
    this.#buckets = buckets
    this.#states = states
    this.#half = Math.floor(buckets / 2) * spreads
    this.#still = new Float64Array(states * states)
    this.#moved = new Float64Array(states * states)
    this.#shift = new Float64Array(states)
    this.#total = new Float64Array(states)
    this.#work = new Float64Array(states * (2 * states + 1))
    this.#halfWork = new Float64Array(this.#half * (this.#half + 1))
    this.adjustment = new Float64Array(states)
  }

  /** The state with bid and ask exchanged. */
  mirror(state: number): number {
    const bucket = state % this.#buckets
    return state - bucket + this.#buckets - 1 - bucket
  }

  /** Enters a change of the touch. @param moveTicks Of the mid. */
  add(from: number, to: number, moveTicks: number): void {
    this.#enter(from, to, moveTicks)
    this.#enter(this.mirror(from), this.mirror(to), -moveTicks)
  }

  #enter(from: number, to: number, moveTicks: number): void {
    const at = from * this.#states + to
    if (moveTicks === 0) this.#still[at]!++
    else {
      this.#moved[at]!++
      this.#shift[from]! += moveTicks
    }
    this.#total[from]!++
  }

  /** Forgets: every count keeps this share of its weight. */
  forget(kept: number): void {
    for (let i = 0; i < this.#still.length; i++) {
      this.#still[i]! *= kept
      this.#moved[i]! *= kept
    }
    for (let i = 0; i < this.#total.length; i++) {
      this.#shift[i]! *= kept
      this.#total[i]! *= kept
    }
  }

  /** Brings {@link adjustment} up to date. Allocates nothing; of the order of states³ steps. */
  fit(): void {
    const n = this.#states
    const columns = 2 * n + 1
    const work = this.#work
    for (let x = 0; x < n; x++) {
      const weight = this.#total[x]! + 1
      const row = x * columns
      for (let y = 0; y < n; y++) {
        work[row + y] = -this.#still[x * n + y]! / weight
        work[row + n + 1 + y] = this.#moved[x * n + y]! / weight
      }
      // 1 − Q(x, x) as what leaves x: the difference would lose the digits of a rare move.
      let leaving = 1
      for (let y = 0; y < n; y++) leaving += this.#moved[x * n + y]! + (y === x ? 0 : this.#still[x * n + y]!)
      work[row + x] = leaving / weight
      work[row + n] = this.#shift[x]! / weight
      work[row + n + 1 + x]! += 0.5 / weight
      work[row + n + 1 + this.mirror(x)]! += 0.5 / weight
    }
    solveInPlace(work, n, columns)
    this.#sumSeries(columns)
  }

  /** Σ Bⁱ G1 on the states of the lower half of imbalances; the upper half is its negative, the middle 0. */
  #sumSeries(columns: number): void {
    const n = this.#states
    const half = this.#half
    const perSpread = Math.floor(this.#buckets / 2)
    const work = this.#work
    const system = this.#halfWork
    for (let i = 0; i < half; i++) {
      const x = this.#stateOf(i, perSpread)
      for (let j = 0; j < half; j++) {
        const y = this.#stateOf(j, perSpread)
        const flow = work[x * columns + n + 1 + y]! - work[x * columns + n + 1 + this.mirror(y)]!
        system[i * (half + 1) + j] = (i === j ? 1 : 0) - flow
      }
      system[i * (half + 1) + half] = (work[x * columns + n]! - work[this.mirror(x) * columns + n]!) / 2
    }
    solveInPlace(system, half, half + 1)
    this.adjustment.fill(0)
    for (let i = 0; i < half; i++) {
      const x = this.#stateOf(i, perSpread)
      this.adjustment[x] = system[i * (half + 1) + half]!
      this.adjustment[this.mirror(x)] = 0 - this.adjustment[x]!
    }
  }

  #stateOf(index: number, perSpread: number): number {
    return (index % perSpread) + this.#buckets * Math.floor(index / perSpread)
  }
}
