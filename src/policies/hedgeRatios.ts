/**
 * @file How much of each of several instruments to hold against a risk: least variance, less what trading, margin and thin
 * markets cost.
 *
 *   minimise over h    (a/2) Var(book + Σ h_j r_j)  +  Σ_j [ t_j |h_j − h⁰_j| + (q_j/2)(h_j − h⁰_j)² + m_j |h_j| ]
 *   with               l_j <= h_j <= u_j
 *
 * in dollars, returns being over the time the hedge is meant to stand. Without costs and bounds this is the regression of the
 * book on the hedges: h = −C⁻¹ c (L. Johnson, Review of Economic Studies 27 (1960), 139-151; L. Ederington, J. of Finance 34
 * (1979), 157-170). The costs are kinks in single variables, so that the best point is reached one variable at a time
 * (P. Tseng, "Convergence of a block coordinate descent method for nondifferentiable minimization", J. of Optimization Theory
 * and Applications 109 (2001), 475-494); since perpetuals of one coin are nearly the same thing and make that slow, the system of
 * those not at a kink is solved as a whole now and then, and taken where it satisfies every condition.
 */

import { assert, GimbalError } from '../core/errors.ts'

/** One instrument to hedge with. */
export interface HedgeInstrument {
  /** Dollars held now, signed. */
  readonly held: number
  /** Cost of trading a dollar: half the spread and the fee. */
  readonly costRate: number
  /** Further cost of trading x dollars at once is (impact/2) x²: what a thin market takes. */
  readonly impact: number
  /** Cost over the hedge's time of holding a dollar long or short: what its margin would earn elsewhere. */
  readonly marginRate: number
  /** What holding a dollar long costs over that time: funding; negative where it pays. */
  readonly carryRate: number
  /** Least and most dollars that may be held. */
  readonly lower: number
  readonly upper: number
}

export interface HedgeProblem {
  readonly instruments: readonly HedgeInstrument[]
  /** Covariance of the instruments' returns over the hedge's time, row by row. */
  readonly covariance: Float64Array
  /** Covariance of each instrument's return with the profit of the book to be hedged, in dollars. */
  readonly withBook: Float64Array
  /** Absolute risk aversion, per dollar. */
  readonly riskAversion: number
  /** Added to every variance, as a share of their mean: what is known of a covariance from few returns. */
  readonly ridge: number
}

export interface HedgePlan {
  /** Dollars to hold, signed, by instrument. */
  readonly holdings: Float64Array
  /** Change of Var(book + hedge) from holding nothing, in dollars²; negative where the hedge takes risk away. */
  readonly varianceChange: number
  /** Cost of the trades, with impact. */
  readonly tradeCost: number
  /** Cost over the hedge's time of holding them: margin and funding. */
  readonly holdingCost: number
}

const SWEEPS_MAX = 20_000
const SWEEPS_BETWEEN_SOLVES = 8
/** How far from zero a derivative may be, as a share of the terms it is made of. */
const TOLERANCE = 1e-10

/**
 * @throws {GimbalError} `argument-invalid` for shapes or figures that make no sense; `fit-failed` when no point satisfies the
 *   conditions to 1e-10, which a covariance that is none can cause.
 */
export function hedgeRatios(problem: HedgeProblem): HedgePlan {
  const { instruments } = problem
  const n = instruments.length
  requireSound(problem)
  const quadratic = quadraticTerms(problem)
  const linear = Float64Array.from(
    instruments,
    ({ held, impact, carryRate }, j) => impact * held - carryRate - problem.riskAversion * problem.withBook[j]!,
  )
  const holdings = Float64Array.from(instruments, ({ held, lower, upper }) => clamp(held, lower, upper))
  for (let sweep = 1; sweep <= SWEEPS_MAX; sweep++) {
    for (let j = 0; j < n; j++) holdings[j] = bestAlone(instruments[j]!, j, quadratic, linear, holdings)
    if (sweep % SWEEPS_BETWEEN_SOLVES === 0 || n === 1) {
      solveFree(instruments, quadratic, linear, holdings)
      if (optimal(instruments, quadratic, linear, holdings)) return planOf(problem, holdings)
    }
  }
  throw new GimbalError('fit-failed', 'No hedge satisfies the conditions of the best one', { instruments: n })
}

/** a C with its ridge, and the impact on the diagonal. */
function quadraticTerms({ instruments, covariance, riskAversion, ridge }: HedgeProblem): Float64Array {
  const n = instruments.length
  let mean = 0
  for (let j = 0; j < n; j++) mean += covariance[j * n + j]! / n
  const terms = Float64Array.from(covariance, (each) => riskAversion * each)
  for (let j = 0; j < n; j++) terms[j * n + j]! += riskAversion * ridge * mean + instruments[j]!.impact
  return terms
}

/** Slope of the smooth part in one variable. */
function slope(j: number, quadratic: Float64Array, linear: Float64Array, holdings: Float64Array): number {
  const n = holdings.length
  let sum = -linear[j]!
  for (let k = 0; k < n; k++) sum += quadratic[j * n + k]! * holdings[k]!
  return sum
}

/** The best holding of one instrument with all others as they are: where the slope crosses zero, a kink or a bound. */
function bestAlone(
  { held, costRate, marginRate, lower, upper }: HedgeInstrument,
  j: number,
  quadratic: Float64Array,
  linear: Float64Array,
  holdings: Float64Array,
): number {
  const curvature = quadratic[j * holdings.length + j]!
  const level = curvature * holdings[j]! - slope(j, quadratic, linear, holdings)
  const first = Math.min(0, held)
  const second = Math.max(0, held)
  const between = held > 0 ? costRate - marginRate : marginRate - costRate
  const below = (level + marginRate + costRate) / curvature
  const middle = (level + between) / curvature
  const above = (level - marginRate - costRate) / curvature
  let best: number
  if (below < first) best = below
  else if (above > second) best = above
  else best = clamp(middle, first, second)
  return clamp(best, lower, upper)
}

/** Sign of the region a holding lies in relative to both kinks; NaN on a kink or bound, where it is held fast. */
function kinkSlope({ held, costRate, marginRate, lower, upper }: HedgeInstrument, holding: number): number {
  if (holding === lower || holding === upper || holding === held || holding === 0) {
    const free =
      holding > lower && holding < upper && (holding !== held || costRate === 0) && (holding !== 0 || marginRate === 0)
    if (!free) return Number.NaN
  }
  return costRate * Math.sign(holding - held) + marginRate * Math.sign(holding)
}

/** Solves for all instruments that are on no kink, the others held fast; keeps the answer where it stays in its region. */
function solveFree(
  instruments: readonly HedgeInstrument[],
  quadratic: Float64Array,
  linear: Float64Array,
  holdings: Float64Array,
): void {
  const n = instruments.length
  const slopes = instruments.map((instrument, j) => kinkSlope(instrument, holdings[j]!))
  const free = [...slopes.keys()].filter((j) => !Number.isNaN(slopes[j]))
  const m = free.length
  if (m === 0) return
  const matrix = new Float64Array(m * m)
  const right = new Float64Array(m)
  for (const [row, j] of free.entries()) {
    right[row] = linear[j]! - slopes[j]!
    for (let k = 0; k < n; k++) if (!free.includes(k)) right[row]! -= quadratic[j * n + k]! * holdings[k]!
    for (const [column, k] of free.entries()) matrix[row * m + column] = quadratic[j * n + k]!
  }
  if (!solveDefinite(matrix, right)) return
  const stays = free.every(
    (j, row) => kinkSlope(instruments[j]!, right[row]!) === slopes[j] && inside(instruments[j]!, right[row]!),
  )
  if (stays) for (const [row, j] of free.entries()) holdings[j] = right[row]!
}

/** Whether no small change of any one holding, and so no change at all, is better. */
function optimal(
  instruments: readonly HedgeInstrument[],
  quadratic: Float64Array,
  linear: Float64Array,
  holdings: Float64Array,
): boolean {
  const n = instruments.length
  return instruments.every(({ held, costRate, marginRate, lower, upper }, j) => {
    const at = holdings[j]!
    let scale = Math.abs(linear[j]!) + costRate + marginRate
    for (let k = 0; k < n; k++) scale += Math.abs(quadratic[j * n + k]! * holdings[k]!)
    const smooth = slope(j, quadratic, linear, holdings)
    const turn = (kink: number, rate: number) =>
      (at === kink ? [-rate, rate] : [Math.sign(at - kink) * rate, Math.sign(at - kink) * rate]) as [number, number]
    const [tradeLow, tradeHigh] = turn(held, costRate)
    const [marginLow, marginHigh] = turn(0, marginRate)
    const slack = TOLERANCE * scale
    const rising = smooth + tradeHigh + marginHigh >= -slack || at === upper
    const falling = smooth + tradeLow + marginLow <= slack || at === lower
    return rising && falling
  })
}

/** Cholesky in place, the answer in `right`; false where the matrix is not positive definite. */
function solveDefinite(matrix: Float64Array, right: Float64Array): boolean {
  const n = right.length
  for (let j = 0; j < n; j++) {
    for (let i = j; i < n; i++) {
      let sum = matrix[i * n + j]!
      for (let k = 0; k < j; k++) sum -= matrix[i * n + k]! * matrix[j * n + k]!
      if (i === j) {
        if (!(sum > 0)) return false
        matrix[j * n + j] = Math.sqrt(sum)
      } else matrix[i * n + j] = sum / matrix[j * n + j]!
    }
  }
  for (let i = 0; i < n; i++) {
    for (let k = 0; k < i; k++) right[i]! -= matrix[i * n + k]! * right[k]!
    right[i]! /= matrix[i * n + i]!
  }
  for (let i = n - 1; i >= 0; i--) {
    for (let k = i + 1; k < n; k++) right[i]! -= matrix[k * n + i]! * right[k]!
    right[i]! /= matrix[i * n + i]!
  }
  return true
}

function planOf({ instruments, covariance, withBook }: HedgeProblem, holdings: Float64Array): HedgePlan {
  const n = holdings.length
  let varianceChange = 0
  let tradeCost = 0
  let holdingCost = 0
  for (const [j, { held, costRate, impact, marginRate, carryRate }] of instruments.entries()) {
    const holding = holdings[j]!
    const traded = holding - held
    tradeCost += costRate * Math.abs(traded) + 0.5 * impact * traded * traded
    holdingCost += marginRate * Math.abs(holding) + carryRate * holding
    varianceChange += 2 * withBook[j]! * holding
    for (let k = 0; k < n; k++) varianceChange += covariance[j * n + k]! * holding * holdings[k]!
  }
  return { holdings, varianceChange, tradeCost, holdingCost }
}

function requireSound({ instruments, covariance, withBook, riskAversion, ridge }: HedgeProblem): void {
  const n = instruments.length
  const finite = (values: Iterable<number>) => [...values].every((value) => Number.isFinite(value))
  const shapes = n > 0 && covariance.length === n * n && withBook.length === n
  const figures =
    shapes &&
    finite(covariance) &&
    finite(withBook) &&
    riskAversion > 0 &&
    ridge >= 0 &&
    instruments.every(
      ({ held, costRate, impact, marginRate, carryRate, lower, upper }) =>
        finite([held, carryRate]) && costRate >= 0 && impact >= 0 && marginRate >= 0 && lower <= upper,
    )
  const definite = figures && instruments.every((_, j) => covariance[j * n + j]! > 0)
  if (!definite)
    throw new GimbalError(
      'argument-invalid',
      'A hedge needs instruments with variance, finite figures and costs of at least 0',
      {
        instruments: n,
        covariances: covariance.length,
        riskAversion,
        ridge,
      },
    )
  for (let j = 0; j < n; j++)
    for (let k = 0; k < j; k++)
      assert(covariance[j * n + k] === covariance[k * n + j], 'a covariance is the same both ways')
}

function inside({ lower, upper }: HedgeInstrument, holding: number): boolean {
  return holding >= lower && holding <= upper
}

function clamp(value: number, lower: number, upper: number): number {
  return Math.min(Math.max(value, lower), upper)
}
