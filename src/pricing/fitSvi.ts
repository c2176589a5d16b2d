/**
 * @file Slices of SVI through the bids and asks of a chain, all expiries at once.
 *
 * A slice is found in three steps. A search over (m, σ), each with its best a, d = ρbσ, c = bσ by linear least squares, gives a
 * start near the global optimum. From there Levenberg and Marquardt's method fits the bands: a quote costs nothing while the
 * slice lies well between its bid and its ask, its distance in half spreads squared beyond, linear further out (Huber), so that a
 * wrong quote pulls no harder than a right one; a weak pull to the mids settles what the bands leave open, and because it would
 * trade a quote missed by a hair for many met better, the cost begins before the bid or ask is reached. Half spreads are of
 * variance, a half spread in price over vega: what is weighed by vega is the distance, not the quote.
 * Where slices cross, or their butterflies are arbitrage, the same method runs again over all of them with these as costs, each
 * slice touching only its neighbours (a banded system), with rising weight. What remains of a crossing is removed exactly.
 *
 * The parameters fitted are the logarithms of least variance, of both wing slopes and of σ, and m: every point is a slice with
 * positive variance, and Lee's bound is a limit of a coordinate.
 *
 * Sources: Zeliade Systems, "Quasi-explicit calibration of Gatheral's SVI model" (2009), for the search; D. W. Marquardt, "An
 * algorithm for least-squares estimation of nonlinear parameters", SIAM J. 11 (1963); Gatheral & Jacquier (see `svi.ts`).
 */

import { GimbalError } from '../core/errors.ts'
import { durrleman, type RawSvi, requireSvi, sviVariance } from './svi.ts'
import { butterflyFree, calendarFree, checkButterfly, checkCalendar, repairButterfly } from './sviArbitrage.ts'

/** What is known of one expiry: bands of total variance at log-moneyness, a row each, all columns of one length. */
export interface SliceBands {
  readonly years: number
  readonly logMoneyness: Float64Array
  /** Total variance of the bid; not negative. */
  readonly low: Float64Array
  /** Total variance of the ask; above `low` or equal. */
  readonly high: Float64Array
  /** Total variance of the mid price, between them. */
  readonly mid: Float64Array
}

/** What had to be done to a slice to keep the surface free of arbitrage. */
export type SliceOutcome =
  /** Free as the bands would have it. */
  | 'fitted'
  /** Fitted together with others because they crossed or a butterfly was arbitrage. */
  | 'constrained'
  /** Moved after the fit: what was left of a crossing or butterfly is removed. */
  | 'repaired'

/** A slice found. */
export interface FittedSlice {
  readonly slice: RawSvi
  readonly outcome: SliceOutcome
}

const PARAMETERS = 5
/** Places of the parameters of a slice. */
const LEAST = 0
const LEFT = 1
const RIGHT = 2
const CENTRE = 3
const BEND = 4
/** Columns kept of each row of the normal matrix: a slice couples with its neighbours. */
const BAND = 2 * PARAMETERS
/** Of a distance from the mid, in half spreads, squared. */
const PULL = 0.2
/** Share of the way from bid or ask to mid at which a quote begins to cost. */
const MARGIN = 0.3
/** Half spreads beyond that from which a quote pulls no harder. */
const HUBER = 0.35
/** Least a quote counts for. */
const COUNT_LEAST = 0.05
/** Weight of the start of the search, per unit of a logarithm: moves nothing that quotes say anything about. */
const RIDGE = 0.02
/** The same where quotes are fewer than parameters: what they leave open stays near the guess. */
const RIDGE_GUESSED = 0.3
/** Least half spread, as a share of variance: what a locked quote is taken to know. */
const HALF_SPREAD_LEAST = 0.0005
/** Variance below which nothing is told apart: 1 % a year over three seconds. */
const VARIANCE_LEAST = 1e-11
/** Greatest wing slope; Lee's bound is 2. */
const SLOPE_MAX = 1.95
/** Points at which g is asked for, even in asinh((k − m)/σ) from −4 to 4. */
const BUTTERFLY_POINTS = 33
/** g asked for at them: more than none, for what lies between. */
const G_LEAST = 0.002
/** Points at which two slices are asked not to cross. */
const CALENDAR_POINTS = 25
/** Share of variance by which a later slice is asked to lie higher. */
const CALENDAR_MARGIN = 2e-4
/** What a crossing or a negative g is measured in when it is a cost: 1 % of variance, 0.01 of g. */
const COST_UNIT = 0.01
/** Cost a quote that freedom from arbitrage may have: half a quote in a hundred missed by a half spread. */
const DEAR = 0.01
/** Weights of the rounds in which slices are kept apart. */
const ROUNDS = [3, 30, 300, 1000, 1000, 1000, 1000, 1000, 1000, 1000] as const
const WINGS = [LEFT, RIGHT] as const

/** Shape of a slice from its parameters at `at`. */
function sliceAt(x: Float64Array, at: number): RawSvi {
  const left = Math.exp(x[at + LEFT]!)
  const right = Math.exp(x[at + RIGHT]!)
  return fromSlopes(Math.exp(x[at + LEAST]!), left, right, x[at + CENTRE]!, Math.exp(x[at + BEND]!))
}

/** The slice with this least variance and these wing slopes. */
function fromSlopes(least: number, left: number, right: number, m: number, sigma: number): RawSvi {
  const sum = left + right
  return { a: least - sigma * Math.sqrt(left * right), b: 0.5 * sum, rho: (right - left) / sum, m, sigma }
}

/** Data and limits of the slices being fitted. */
interface Problem {
  readonly bands: readonly SliceBands[]
  /** 1 over half a spread of variance, a row each. */
  readonly inverse: readonly Float64Array[]
  /** What a quote counts for: its vega over that at the money, a row each. */
  readonly counts: readonly Float64Array[]
  /** √ of variance at the money: the scale of each slice along k. */
  readonly scale: Float64Array
  /** Parameters of the search: what the ridge holds on to. */
  readonly start: Float64Array
  readonly ridge: number
  readonly lower: Float64Array
  readonly upper: Float64Array
}

/** Weighted least squares of variance on 1, z, √(z² + 1) at given m and σ; returns its cost and fills a, d, c. */
function innerFit(bands: SliceBands, inverse: Float64Array, m: number, sigma: number, out: Float64Array): number {
  let s00 = 0
  let s01 = 0
  let s02 = 0
  let s11 = 0
  let s12 = 0
  let s22 = 0
  let t0 = 0
  let t1 = 0
  let t2 = 0
  let squares = 0
  const { logMoneyness, mid } = bands
  for (let i = 0; i < mid.length; i++) {
    const weight = inverse[i]! * inverse[i]!
    const z = (logMoneyness[i]! - m) / sigma
    const r = Math.sqrt(z * z + 1)
    const y = mid[i]!
    s00 += weight
    s01 += weight * z
    s02 += weight * r
    s11 += weight * z * z
    s12 += weight * z * r
    s22 += weight * r * r
    t0 += weight * y
    t1 += weight * z * y
    t2 += weight * r * y
    squares += weight * y * y
  }
  // Eliminate the constant, then d, then c: a tiny ridge keeps columns that cannot be told apart.
  const c01 = s01 / s00
  const c02 = s02 / s00
  const d11 = (s11 - s01 * c01) * (1 + 1e-9) + 1e-300
  const d12 = s12 - s01 * c02
  const d22 = (s22 - s02 * c02) * (1 + 1e-9) + 1e-300
  const u1 = t1 - c01 * t0
  const u2 = t2 - c02 * t0
  const determinant = d11 * d22 - d12 * d12
  let d = (u1 * d22 - u2 * d12) / determinant
  let c = (u2 * d11 - u1 * d12) / determinant
  // Inside the cone 0 <= c, |d| <= c, and below Lee's bound.
  if (!(c > 1e-6)) c = Math.max(1e-6, Math.abs(u1 / d11))
  c = Math.min(c, SLOPE_MAX * sigma * 0.5)
  const cone = 0.99 * c
  d = (u1 - d12 * c) / d11
  d = Math.min(Math.max(d, -cone), cone)
  let a = t0 / s00 - c01 * d - c02 * c
  const root = Math.sqrt(c * c - d * d)
  // The least variance a + √(c² − d²) must be positive.
  a = Math.max(a, 0.02 * (t0 / s00) - root)
  out[0] = a
  out[1] = d
  out[2] = c
  return (
    squares -
    2 * (a * t0 + d * t1 + c * t2) +
    (a * a * s00 + d * d * s11 + c * c * s22 + 2 * (a * d * s01 + a * c * s02 + d * c * s12))
  )
}

/** Parameters of the best of a grid of (m, σ), into `x` at `at`. @throws {GimbalError} `fit-failed`. */
function search(bands: SliceBands, inverse: Float64Array, scale: number, x: Float64Array, at: number): void {
  const { logMoneyness } = bands
  let low = Number.POSITIVE_INFINITY
  let high = Number.NEGATIVE_INFINITY
  for (const k of logMoneyness) {
    if (k < low) low = k
    if (k > high) high = k
  }
  low = Math.max(low, -3 * scale)
  high = Math.min(high, 3 * scale)
  const inner = new Float64Array(3)
  let best = Number.POSITIVE_INFINITY
  for (let i = 0; i <= 10; i++) {
    const m = low + ((high - low) * i) / 10
    for (let j = 0; j < 8; j++) {
      const sigma = scale * 0.1 * 1.75 ** j
      const cost = innerFit(bands, inverse, m, sigma, inner)
      if (!(cost < best)) continue
      best = cost
      const [a, d, c] = inner as unknown as [number, number, number]
      x[at + LEAST] = Math.log(a + Math.sqrt(c * c - d * d))
      x[at + LEFT] = Math.log((c - d) / sigma)
      x[at + RIGHT] = Math.log((c + d) / sigma)
      x[at + CENTRE] = m
      x[at + BEND] = Math.log(sigma)
    }
  }
  if (best === Number.POSITIVE_INFINITY)
    throw new GimbalError(
      'fit-failed',
      'No slice starts from these bands: their figures are beyond what squares can hold',
      {
        years: bands.years,
        rows: bands.mid.length,
        least: Math.min(...bands.mid),
        most: Math.max(...bands.mid),
      },
    )
}

/** What a quote knows: one over its half spread of variance, a row each. */
function inverseOf({ low, high, mid }: SliceBands): Float64Array {
  return low.map((from, i) => 1 / Math.max(0.5 * (high[i]! - from), HALF_SPREAD_LEAST * mid[i]!, VARIANCE_LEAST))
}

/** What a quote counts for: its vega over that at the money, a row each. */
function countsOf({ logMoneyness, mid }: SliceBands): Float64Array {
  return logMoneyness.map((k, i) => {
    const s = Math.sqrt(mid[i]!)
    const d1 = -k / s + 0.5 * s
    return Math.max(COUNT_LEAST, Math.exp(-0.5 * d1 * d1))
  })
}

/** Limits of the parameters of a slice of scale `s`, into `lower` and `upper` at `at`, and its start moved within. */
function limit(s: number, start: Float64Array, lower: Float64Array, upper: Float64Array, at: number): void {
  lower[at + LEAST] = Math.log(1e-4 * s * s)
  upper[at + LEAST] = Math.log(100 * s * s)
  lower[at + LEFT] = lower[at + RIGHT] = Math.log(1e-4 * Math.min(1, s))
  upper[at + LEFT] = upper[at + RIGHT] = Math.log(SLOPE_MAX)
  lower[at + CENTRE] = -6 * s
  upper[at + CENTRE] = 6 * s
  lower[at + BEND] = Math.log(0.03 * s)
  upper[at + BEND] = Math.log(20 * s)
  for (let j = at; j < at + PARAMETERS; j++) start[j] = Math.min(Math.max(start[j]!, lower[j]!), upper[j]!)
}

function pose(bands: readonly SliceBands[]): Problem {
  const n = bands.length * PARAMETERS
  const inverse = bands.map(inverseOf)
  const scale = Float64Array.from(bands, ({ logMoneyness, mid }) => {
    let nearest = 0
    for (let i = 1; i < mid.length; i++) if (Math.abs(logMoneyness[i]!) < Math.abs(logMoneyness[nearest]!)) nearest = i
    return Math.sqrt(Math.max(mid[nearest]!, VARIANCE_LEAST))
  })
  const start = new Float64Array(n)
  const lower = new Float64Array(n)
  const upper = new Float64Array(n)
  for (let i = 0; i < bands.length; i++) {
    search(bands[i]!, inverse[i]!, scale[i]!, start, i * PARAMETERS)
    limit(scale[i]!, start, lower, upper, i * PARAMETERS)
  }
  return { bands, inverse, counts: bands.map(countsOf), scale, start, ridge: RIDGE, lower, upper }
}

/** Variance of a slice at k and its derivatives by the five parameters. */
const GRADIENT = new Float64Array(2 * PARAMETERS)

/** Columns of a table of slices unpacked from their parameters: no logarithm is undone twice an evaluation. */
const SHAPE = 6

function unpack(x: Float64Array, slices: number, shapes: Float64Array): void {
  for (let i = 0; i < slices; i++) {
    const at = i * PARAMETERS
    const to = i * SHAPE
    const left = Math.exp(x[at + LEFT]!)
    const right = Math.exp(x[at + RIGHT]!)
    const sigma = Math.exp(x[at + BEND]!)
    shapes[to] = Math.exp(x[at + LEAST]!)
    shapes[to + 1] = left
    shapes[to + 2] = right
    shapes[to + 3] = x[at + CENTRE]!
    shapes[to + 4] = sigma
    shapes[to + 5] = sigma * Math.sqrt(left * right)
  }
}

/** Variance at k of slice `i` of the table; its gradient into {@link GRADIENT} from `to`, times `sign`. */
function varianceAt(shapes: Float64Array, i: number, k: number, to: number, sign: number): number {
  const from = i * SHAPE
  const least = shapes[from]!
  const left = shapes[from + 1]!
  const right = shapes[from + 2]!
  const sigma = shapes[from + 4]!
  const root = shapes[from + 5]!
  const x = k - shapes[from + 3]!
  const s = Math.sqrt(x * x + sigma * sigma)
  const down = 0.5 * left * (s - x)
  const up = 0.5 * right * (s + x)
  GRADIENT[to + LEAST] = sign * least
  GRADIENT[to + LEFT] = sign * (down - 0.5 * root)
  GRADIENT[to + RIGHT] = sign * (up - 0.5 * root)
  GRADIENT[to + CENTRE] = sign * 0.5 * (left - right - ((left + right) * x) / s)
  GRADIENT[to + BEND] = sign * ((0.5 * (left + right) * sigma * sigma) / s - root)
  return least + down + up - root
}

/** Variance alone. */
function bareVariance(shapes: Float64Array, i: number, k: number): number {
  const from = i * SHAPE
  const sigma = shapes[from + 4]!
  const x = k - shapes[from + 3]!
  const s = Math.sqrt(x * x + sigma * sigma)
  return shapes[from]! + 0.5 * (shapes[from + 1]! * (s - x) + shapes[from + 2]! * (s + x)) - shapes[from + 5]!
}

/** Normal equations of the whole problem: lower half of a banded matrix, and the gradient. */
class Normal {
  readonly matrix: Float64Array
  readonly gradient: Float64Array
  readonly shapes: Float64Array
  cost = 0.5

  constructor(n: number) {
    this.shapes = new Float64Array((n / PARAMETERS) * SHAPE)
    this.matrix = new Float64Array(n * BAND)
    this.gradient = new Float64Array(n)
  }

  clear(): void {
    this.matrix.fill(0)
    this.gradient.fill(0)
    this.cost = 0
  }

  /** Adds a residual of weight `weight` whose derivatives by `count` parameters from `at` on are in {@link GRADIENT}. */
  add(residual: number, weight: number, at: number, count: number): void {
    const { matrix, gradient } = this
    for (let i = 0; i < count; i++) {
      const scaled = weight * GRADIENT[i]!
      gradient[at + i] = gradient[at + i]! + scaled * residual
      const row = (at + i) * BAND + i
      for (let j = 0; j <= i; j++) matrix[row - j] = matrix[row - j]! + scaled * GRADIENT[j]!
    }
  }
}

/** Costs of one slice's quotes and of its distance from the start. */
function addQuotes(problem: Problem, x: Float64Array, i: number, normal: Normal): void {
  const { logMoneyness, low, high, mid } = problem.bands[i]!
  const inverse = problem.inverse[i]!
  const counts = problem.counts[i]!
  const at = i * PARAMETERS
  const { shapes } = normal
  let cost = 0
  for (let row = 0; row < mid.length; row++) {
    const w = varianceAt(shapes, i, logMoneyness[row]!, 0, 1)
    const unit = inverse[row]!
    const count = counts[row]!
    const least = low[row]! + MARGIN * (mid[row]! - low[row]!)
    const most = high[row]! - MARGIN * (high[row]! - mid[row]!)
    const outside = w < least ? w - least : w > most ? w - most : 0
    const distance = Math.abs(outside) * unit
    // Beyond the bend of Huber's cost the weight falls, so that the pull stays what it was there.
    const far = distance > HUBER
    const weight = far ? HUBER / distance : 1
    cost += count * (far ? HUBER * (2 * distance - HUBER) : distance * distance)
    // The pull to the mid bends too; both are of one derivative, so they are one row.
    const centre = w - mid[row]!
    const away = Math.abs(centre) * unit
    const bent = away > 1 + HUBER
    const pull = bent ? (PULL * (1 + HUBER)) / away : PULL
    cost += count * (bent ? PULL * (1 + HUBER) * (2 * away - 1 - HUBER) : PULL * away * away)
    const square = count * unit * unit
    const stiffness = (outside === 0 ? 0 : weight) + pull
    normal.add((outside * weight + pull * centre) / stiffness, square * stiffness, at, PARAMETERS)
  }
  for (let j = 0; j < PARAMETERS; j++) {
    const unit = problem.ridge / (j === CENTRE ? problem.scale[i]! : 1)
    const away = unit * (x[at + j]! - problem.start[at + j]!)
    cost += away * away
    normal.gradient[at + j] = normal.gradient[at + j]! + away * unit
    const diagonal = (at + j) * BAND
    normal.matrix[diagonal] = normal.matrix[diagonal]! + unit * unit
  }
  normal.cost += cost
}

const NUDGED = new Float64Array(PARAMETERS)
const NUDGED_SHAPE = new Float64Array(SHAPE)

/** Where g is asked for, in (k − m)/σ. */
const BENDS = Float64Array.from({ length: BUTTERFLY_POINTS }, (_, j) => Math.sinh((8 * j) / (BUTTERFLY_POINTS - 1) - 4))

/** g of slice `i` of the table at k. */
function bareDurrleman(shapes: Float64Array, i: number, k: number): number {
  const from = i * SHAPE
  const left = shapes[from + 1]!
  const right = shapes[from + 2]!
  const sigma = shapes[from + 4]!
  const x = k - shapes[from + 3]!
  const s = Math.sqrt(x * x + sigma * sigma)
  const w = shapes[from]! + 0.5 * (left * (s - x) + right * (s + x)) - shapes[from + 5]!
  const slope = 0.5 * (right - left + ((left + right) * x) / s)
  return durrleman(k, w, slope, (0.5 * (left + right) * sigma * sigma) / (s * s * s))
}

/** Cost of g below {@link G_LEAST}; derivatives by differences, which only points that cost anything need. */
function addButterfly(x: Float64Array, i: number, weight: number, cuts: readonly number[], normal: Normal): void {
  const at = i * PARAMETERS
  const m = x[at + CENTRE]!
  const { shapes } = normal
  const sigma = shapes[i * SHAPE + 4]!
  for (let j = 0; j < BUTTERFLY_POINTS + cuts.length; j++) {
    const k = j < BUTTERFLY_POINTS ? m + sigma * BENDS[j]! : cuts[j - BUTTERFLY_POINTS]!
    const g = bareDurrleman(shapes, i, k)
    if (g >= G_LEAST) continue
    const residual = (G_LEAST - g) / COST_UNIT
    for (let p = 0; p < PARAMETERS; p++) {
      for (let q = 0; q < PARAMETERS; q++) NUDGED[q] = x[at + q]!
      const step = p === CENTRE ? 1e-5 * sigma : 1e-5
      NUDGED[p] = NUDGED[p]! + step
      unpack(NUDGED, 1, NUDGED_SHAPE)
      GRADIENT[p] = (g - bareDurrleman(NUDGED_SHAPE, 0, k)) / (step * COST_UNIT)
    }
    normal.cost += weight * residual * residual
    normal.add(residual, weight, at, PARAMETERS)
  }
}

/** Furthest log-moneyness at which slices are asked not to cross: twice as far as anybody quotes, at least three deviations. */
function reachOf(problem: Problem): number {
  let reach = 0
  for (let i = 0; i < problem.bands.length; i++) {
    reach = Math.max(reach, 3 * problem.scale[i]!)
    for (const k of problem.bands[i]!.logMoneyness) reach = Math.max(reach, 2 * Math.abs(k))
  }
  return reach
}

/** Cost of slice `i + 1` lying below slice `i` where they are asked not to, and of wings that will cross. */
function addCalendar(x: Float64Array, i: number, points: readonly number[], weight: number, normal: Normal): void {
  const at = i * PARAMETERS
  const { shapes } = normal
  for (let j = 0; j < points.length; j++) {
    const k = points[j]!
    const earlier = bareVariance(shapes, i, k)
    const later = bareVariance(shapes, i + 1, k)
    const unit = 1 / (COST_UNIT * earlier)
    const residual = (earlier * (1 + CALENDAR_MARGIN) - later) * unit
    if (!(residual > 0)) continue
    varianceAt(shapes, i, k, 0, 1)
    varianceAt(shapes, i + 1, k, PARAMETERS, -1)
    // Measured in units of the earlier variance, whose own change only scales the residual: left out of the derivative.
    for (let p = 0; p < BAND; p++) GRADIENT[p] = GRADIENT[p]! * unit
    normal.cost += weight * residual * residual
    normal.add(residual, weight, at, BAND)
  }
  for (const wing of WINGS) {
    const residual = (x[at + wing]! - x[at + PARAMETERS + wing]! + CALENDAR_MARGIN) / COST_UNIT
    if (!(residual > 0)) continue
    GRADIENT.fill(0)
    GRADIENT[wing] = 1 / COST_UNIT
    GRADIENT[PARAMETERS + wing] = -1 / COST_UNIT
    normal.cost += weight * residual * residual
    normal.add(residual, weight, at, BAND)
  }
}

/** Where neighbours are asked not to cross, a list a pair, and slices asked for their g, a list a slice. */
interface Cuts {
  readonly calendar: number[][]
  readonly butterfly: number[][]
}

/** Points over what is quoted, and some far beyond it, for every pair. */
function firstCuts(problem: Problem): Cuts {
  const reach = reachOf(problem)
  const calendar = problem.bands.slice(1).map((_, i) => {
    const scale = problem.scale[i]!
    const far = Math.asinh(reach / scale)
    const points = Array.from(
      { length: CALENDAR_POINTS },
      (_, j) => scale * Math.sinh(far * ((2 * j) / (CALENDAR_POINTS - 1) - 1)),
    )
    // Further out, where slices are their asymptotes, and wings of nearly one slope may cross late.
    for (let k = 2 * reach; k < 3000 * reach; k *= 3) points.push(-k, k)
    return points
  })
  return { calendar, butterfly: problem.bands.map(() => []) }
}

function evaluate(problem: Problem, x: Float64Array, weight: number, cuts: Cuts | undefined, normal: Normal): void {
  normal.clear()
  const slices = problem.bands.length
  unpack(x, slices, normal.shapes)
  for (let i = 0; i < slices; i++) {
    addQuotes(problem, x, i, normal)
    addButterfly(x, i, Math.max(weight, 1), cuts?.butterfly[i] ?? [], normal)
    if (cuts && i + 1 < slices) addCalendar(x, i, cuts.calendar[i]!, weight, normal)
  }
}

/** Solves (A + damping × diag A) step = −gradient by Cholesky's method within the band; false where A is not positive. */
function solve(normal: Normal, damping: number, factor: Float64Array, step: Float64Array): boolean {
  const { matrix, gradient } = normal
  const n = gradient.length
  for (let row = 0; row < n; row++) {
    const first = Math.max(0, row - BAND + 1)
    for (let column = first; column <= row; column++) {
      let sum = matrix[row * BAND + row - column]!
      if (column === row) sum += damping * sum + 1e-12
      for (let k = Math.max(first, column - BAND + 1); k < column; k++)
        sum -= factor[row * BAND + row - k]! * factor[column * BAND + column - k]!
      if (column < row) factor[row * BAND + row - column] = sum / factor[column * BAND]!
      else if (sum > 0) factor[row * BAND] = Math.sqrt(sum)
      else return false
    }
  }
  for (let row = 0; row < n; row++) {
    let sum = -gradient[row]!
    for (let k = Math.max(0, row - BAND + 1); k < row; k++) sum -= factor[row * BAND + row - k]! * step[k]!
    step[row] = sum / factor[row * BAND]!
  }
  for (let row = n - 1; row >= 0; row--) {
    let sum = step[row]!
    for (let k = row + 1; k < Math.min(n, row + BAND); k++) sum -= factor[k * BAND + k - row]! * step[k]!
    step[row] = sum / factor[row * BAND]!
  }
  return true
}

/** Levenberg and Marquardt from `x`, in place, to within a thousandth of a millionth of the cost or `iterations`. */
function descend(problem: Problem, x: Float64Array, weight: number, cuts: Cuts | undefined, iterations: number): void {
  const n = x.length
  const { lower, upper } = problem
  const factor = new Float64Array(n * BAND)
  const step = new Float64Array(n)
  const trial = new Float64Array(n)
  let normal = new Normal(n)
  let next = new Normal(n)
  evaluate(problem, x, weight, cuts, normal)
  let damping = 1e-3
  let flat = 0
  for (let i = 0; i < iterations; i++) {
    if (solve(normal, damping, factor, step)) {
      for (let j = 0; j < n; j++) trial[j] = Math.min(Math.max(x[j]! + step[j]!, lower[j]!), upper[j]!)
      evaluate(problem, trial, weight, cuts, next)
      if (next.cost < normal.cost) {
        const gain = normal.cost - next.cost
        x.set(trial)
        const kept = normal
        normal = next
        next = kept
        damping = Math.max(damping * 0.2, 1e-9)
        if (gain > 1e-5 * normal.cost) flat = 0
        else if (++flat === 3) return
        continue
      }
    }
    damping *= 5
    if (damping > 1e8) return
  }
}

/** A part of a problem: one slice. */
function only(problem: Problem, i: number): Problem {
  const from = i * PARAMETERS
  const cut = (column: Float64Array) => column.subarray(from, from + PARAMETERS)
  return {
    bands: [problem.bands[i]!],
    inverse: [problem.inverse[i]!],
    counts: [problem.counts[i]!],
    scale: problem.scale.subarray(i, i + 1),
    start: cut(problem.start),
    ridge: problem.ridge,
    lower: cut(problem.lower),
    upper: cut(problem.upper),
  }
}

/** Whether each slice is free by itself and against its neighbours. Where it is not, the worst place becomes a cut. */
function findTrouble(slices: readonly RawSvi[], cuts: Cuts): boolean[] {
  const trouble = slices.map((slice, i) => {
    if (butterflyFree(slice)) return false
    const { at } = checkButterfly(slice)
    if (Number.isFinite(at)) cuts.butterfly[i]!.push(at)
    return true
  })
  for (let i = 1; i < slices.length; i++) {
    if (calendarFree(slices[i - 1]!, slices[i]!)) continue
    const { at } = checkCalendar(slices[i - 1]!, slices[i]!)
    if (Number.isFinite(at)) cuts.calendar[i - 1]!.push(at)
    trouble[i - 1] = true
    trouble[i] = true
  }
  return trouble
}

/** Parameters of a slice, as {@link sliceAt} reads them. */
function packed({ a, b, rho, m, sigma }: RawSvi): Float64Array {
  const x = new Float64Array(PARAMETERS)
  x[LEAST] = Math.log(a + b * sigma * Math.sqrt((1 - rho) * (1 + rho)))
  x[LEFT] = Math.log(b * (1 - rho))
  x[RIGHT] = Math.log(b * (1 + rho))
  x[CENTRE] = m
  x[BEND] = Math.log(sigma)
  return x
}

/** Room left between the wings of neighbours, as a logarithm: wings of one slope may cross late. */
const WING_ROOM = 1e-6
/** Places tried between a slice and its refit. */
const STEPS_BACK = 16

/**
 * Fits one slice while its neighbours stay, with wings no steeper than the later and no flatter than the earlier one's, from the
 * start of `part` and as far on the way there from `held` as it is free. Undefined where nothing free is nearer to the quotes.
 */
function fitBetween(
  part: Problem,
  held: RawSvi,
  before: RawSvi | undefined,
  after: RawSvi | undefined,
): RawSvi | undefined {
  const lower = part.lower.slice()
  const upper = part.upper.slice()
  for (const wing of WINGS) {
    if (before) lower[wing] = Math.max(lower[wing]!, packed(before)[wing]! + WING_ROOM)
    if (after) upper[wing] = Math.min(upper[wing]!, packed(after)[wing]! - WING_ROOM)
    if (!(lower[wing]! < upper[wing]!)) return undefined
  }
  const x = part.start.map((start, j) => Math.min(Math.max(start, lower[j]!), upper[j]!))
  descend({ ...part, lower, upper }, x, 0, undefined, 60)
  const normal = new Normal(PARAMETERS)
  const costOf = (y: Float64Array) => {
    evaluate(part, y, 0, undefined, normal)
    return normal.cost
  }
  const from = packed(held)
  const known = costOf(from)
  for (let step = STEPS_BACK; step > 0; step--) {
    const y = from.map((value, j) => value + (step / STEPS_BACK) * (x[j]! - value))
    if (!(costOf(y) < known)) continue
    const slice = sliceAt(y, 0)
    if (!butterflyFree(slice)) continue
    if ((before && !calendarFree(before, slice)) || (after && !calendarFree(slice, after))) continue
    return slice
  }
  return undefined
}

/**
 * A slice through quotes that are fewer than its parameters: a guess, moved to them as far as it stays free between its neighbours.
 * What the quotes leave open stays as guessed.
 *
 * @param guess Free by itself and between the neighbours.
 */
export function fitGuessed(
  bands: SliceBands,
  guess: RawSvi,
  before: RawSvi | undefined,
  after: RawSvi | undefined,
): RawSvi {
  const start = packed(guess)
  const lower = new Float64Array(PARAMETERS)
  const upper = new Float64Array(PARAMETERS)
  const scale = Math.sqrt(sviVariance(guess, 0))
  limit(scale, start, lower, upper, 0)
  const part = {
    bands: [bands],
    inverse: [inverseOf(bands)],
    counts: [countsOf(bands)],
    scale: Float64Array.of(scale),
    start,
    ridge: RIDGE_GUESSED,
    lower,
    upper,
  }
  return fitBetween(part, guess, before, after) ?? guess
}

/** The slice with wings at least as steep as those of `earlier`, raised until it lies above it everywhere. */
function raised(slice: RawSvi, earlier: RawSvi): RawSvi {
  const left = Math.max(slice.b * (1 - slice.rho), earlier.b * (1 - earlier.rho) * (1 + 1e-9))
  const right = Math.max(slice.b * (1 + slice.rho), earlier.b * (1 + earlier.rho) * (1 + 1e-9))
  const least = slice.a + slice.b * slice.sigma * Math.sqrt((1 - slice.rho) * (1 + slice.rho))
  let lifted = fromSlopes(least, left, right, slice.m, slice.sigma)
  for (let i = 0; i < 8 && !calendarFree(earlier, lifted); i++) {
    const { least: gap } = checkCalendar(earlier, lifted)
    if (gap === Number.NEGATIVE_INFINITY) break
    lifted = { ...lifted, a: lifted.a + Math.max(-gap, 0) * (1 + 1e-6) + 1e-12 * 10 ** i }
  }
  return lifted
}

/**
 * The slice, moved as little as it takes to be free by itself and above `earlier`.
 *
 * First butterflies, then the crossing by raising; should raising make butterflies again, the slice is mixed with the earlier one
 * raised to its own variance at the money, which is free: by as small a share as will do.
 *
 * @throws {GimbalError} `argument-invalid` for no slices, or time not above 0; `fit-failed` when even that is not free.
 */
export function settleSlice(slice: RawSvi, years: number, earlier: RawSvi | undefined): RawSvi {
  if (!(Number.isFinite(years) && years > 0))
    throw new GimbalError('argument-invalid', 'A slice needs time above 0', { years })
  requireSvi(slice)
  if (earlier !== undefined) requireSvi(earlier)
  const fair = butterflyFree(slice) ? slice : repairButterfly(slice, years).slice
  if (earlier === undefined || calendarFree(earlier, fair)) return fair
  const lifted = raised(fair, earlier)
  if (butterflyFree(lifted) && calendarFree(earlier, lifted)) return lifted
  const rise = Math.max(0, sviVariance(fair, 0) - sviVariance(earlier, 0))
  const safe = { ...earlier, a: earlier.a + Math.max(rise, CALENDAR_MARGIN * sviVariance(earlier, 0)) }
  const mix = (share: number): RawSvi => {
    const blend = (p: number, q: number) => p + share * (q - p)
    return raised(
      {
        a: blend(lifted.a, safe.a),
        b: blend(lifted.b, safe.b),
        rho: blend(lifted.rho, safe.rho),
        m: blend(lifted.m, safe.m),
        sigma: blend(lifted.sigma, safe.sigma),
      },
      earlier,
    )
  }
  const free = (candidate: RawSvi) => butterflyFree(candidate) && calendarFree(earlier, candidate)
  for (let share = 1 / 64; share < 1; share += 1 / 64) {
    const candidate = mix(share)
    if (free(candidate)) return candidate
  }
  if (free(safe)) return safe
  throw new GimbalError('fit-failed', 'No slice free of arbitrage was found above the one before it', {
    years,
    ...slice,
  })
}

/**
 * Fits a slice to each expiry so that no butterfly and no pair of slices can be arbitraged, at any strike.
 *
 * @param bands Ascending in `years`, each with at least five rows at five strikes.
 * @throws {GimbalError} `argument-invalid` for expiries out of order; `fit-failed` where no free slices were found.
 */
export function fitSlices(bands: readonly SliceBands[]): FittedSlice[] {
  for (let i = 0; i < bands.length; i++) {
    const { years, mid } = bands[i]!
    if (Number.isFinite(years) && years > (i === 0 ? 0 : bands[i - 1]!.years) && mid.length >= 5) continue
    throw new GimbalError('argument-invalid', 'Bands must ascend in time and have five rows each', {
      slice: i,
      years,
      rows: mid.length,
    })
  }
  const problem = pose(bands)
  const alone = problem.start.slice()
  for (let i = 0; i < bands.length; i++) {
    const at = i * PARAMETERS
    descend(only(problem, i), alone.subarray(at, at + PARAMETERS), 0, undefined, 60)
  }
  const none = bands.map(() => false)
  const fitted = fitTogether(problem, alone.slice(), none)
  const normal = new Normal(alone.length)
  const costOf = (x: Float64Array) => {
    evaluate(problem, x, 0, undefined, normal)
    return normal.cost
  }
  const costs = (slices: readonly FittedSlice[]) =>
    costOf(Float64Array.from(slices.flatMap(({ slice }) => [...packed(slice)])))
  const cost = costs(fitted)
  let rows = 0
  for (const { mid } of bands) rows += mid.length
  // What freedom from arbitrage costs is little: where it is not, the descent took a wrong turn, and begins elsewhere.
  if (cost - costOf(alone) <= DEAR * rows) return fitted
  const other = fitTogether(
    problem,
    ordered(problem, alone),
    none.map(() => true),
  )
  return costs(other) < cost ? other : fitted
}

/** The slices of `alone`, their wings made to steepen with time, each fitted again with the wings that makes. */
function ordered(problem: Problem, alone: Float64Array): Float64Array {
  const x = alone.slice()
  const slices = problem.bands.length
  for (const wing of WINGS) {
    // Means of neighbours out of order: the nearest slopes, as logarithms, that do not fall.
    const blocks: { sum: number; count: number }[] = []
    for (let i = 0; i < slices; i++) {
      let block = { sum: x[i * PARAMETERS + wing]!, count: 1 }
      for (let last = blocks.at(-1); last && last.sum / last.count >= block.sum / block.count; last = blocks.at(-1)) {
        block = { sum: block.sum + last.sum, count: block.count + last.count }
        blocks.pop()
      }
      blocks.push(block)
    }
    let at = wing
    let lift = 0
    for (const { sum, count } of blocks)
      for (let i = 0; i < count; i++, at += PARAMETERS) x[at] = sum / count + (lift += CALENDAR_MARGIN)
  }
  for (let i = 0; i < slices; i++) {
    const part = only(problem, i)
    const at = i * PARAMETERS
    const own = x.subarray(at, at + PARAMETERS)
    const lower = part.lower.slice()
    const upper = part.upper.slice()
    for (const wing of WINGS) lower[wing] = upper[wing] = own[wing]!
    descend({ ...part, lower, upper }, own, 0, undefined, 60)
  }
  return x
}

/**
 * Slices free of arbitrage from parameters near them.
 *
 * @param x Used up.
 * @param held Which slices are known not to be as their bands would have them.
 */
function fitTogether(problem: Problem, x: Float64Array, held: readonly boolean[]): FittedSlice[] {
  const { bands } = problem
  const read = () => bands.map((_, i) => sliceAt(x, i * PARAMETERS))
  const cuts = firstCuts(problem)
  let trouble = findTrouble(read(), cuts)
  const constrained = trouble.map((each, i) => each || held[i]!)
  for (const weight of ROUNDS) {
    if (!trouble.includes(true)) break
    descend(problem, x, weight, cuts, 40)
    trouble = findTrouble(read(), cuts)
    for (const [i, each] of trouble.entries()) if (each) constrained[i] = true
  }
  const fitted: FittedSlice[] = []
  for (const [i, slice] of read().entries()) {
    const settled = settleSlice(slice, bands[i]!.years, fitted[i - 1]?.slice)
    const outcome = settled !== slice ? 'repaired' : constrained[i] ? 'constrained' : 'fitted'
    fitted.push({ slice: settled, outcome })
  }
  // The joint descent can leave a slice where it first gave way, short expiries above all, though better ones fit between. Twice,
  // because what one slice gives back its neighbours can use.
  for (let sweep = 0; sweep < 2; sweep++)
    for (const [i, { slice, outcome }] of fitted.entries()) {
      if (outcome === 'fitted') continue
      const better = fitBetween(only(problem, i), slice, fitted[i - 1]?.slice, fitted[i + 1]?.slice)
      if (better) fitted[i] = { slice: better, outcome: 'constrained' }
    }
  return fitted
}
