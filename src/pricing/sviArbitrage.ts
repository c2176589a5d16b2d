/**
 * @file Whether slices of SVI can be arbitraged, decided for every strike from nothing to infinity and not on a grid.
 *
 * Butterfly. With k = m + σ sinh u and t = e^u everything in Durrleman's g is rational in t, and (g − floor) × w² cosh³u × t⁵ is a
 * polynomial of degree ten. Over x = t/(1 + t) in [0, 1] its Bernstein coefficients are its own ones divided by binomials. A
 * polynomial whose Bernstein coefficients are not negative is not negative; where they disagree the interval is halved, which
 * converges quadratically. Rounding is carried along: the same polynomial of absolute values bounds what was lost.
 *
 * Calendar. A later slice must not lie below an earlier one. Both are convex: over an interval the later lies above its
 * tangent and the earlier below its chord, so two numbers decide the interval, or, where they run in parallel, the bounds of their
 * curvatures; far out the asymptotes do.
 *
 * Repair. A slice that fails is pulled, in jump-wings, towards the one of SSVI that shares its variance, skew and put wing,
 * no further than needed.
 *
 * Sources: Gatheral & Jacquier (see `svi.ts`), Lemma 2.2, sections 2.1 and 5.1; R. T. Farouki and V. T. Rajan, "On the numerical
 * condition of polynomials in Bernstein form", CAGD 4 (1987), 191-216.
 */

import { GimbalError } from '../core/errors.ts'
import { normalisedBlack } from './normalisedBlack.ts'
import { ssviPhiWithin, ssviRaw } from './ssvi.ts'
import {
  fromJumpWings,
  type JumpWings,
  jumpWings,
  leeSlopes,
  type RawSvi,
  requireSvi,
  sviDurrleman,
  sviLeastVariance,
  sviPoint,
  sviVariance,
} from './svi.ts'

/** `undecided`: touching zero as far as rounding lets one see; to be treated as arbitrage. */
export type Verdict = 'free' | 'arbitrage' | 'undecided'

const DEGREE = 10
const TERMS = DEGREE + 1
const BINOMIALS = [1, 10, 45, 120, 210, 252, 210, 120, 45, 10, 1]
/** Halvings of [0, 1] before an interval is given up, and intervals looked at altogether. */
const DEPTH = 48
const INTERVALS = 2000
/** Units of rounding per coefficient: products of six factors, sums of up to eleven, halvings. */
const ROUNDING = 64 * 2 ** -53

/** Scratch of one decision; nothing is kept between decisions. */
const POLYNOMIAL = new Float64Array(TERMS * (DEPTH + 2))
const LOST = new Float64Array(TERMS * (DEPTH + 2))
const FROM = new Float64Array(DEPTH + 2)
const WIDTH = new Float64Array(DEPTH + 2)
const FIRST = new Float64Array(TERMS)
const SECOND = new Float64Array(TERMS)
const THIRD = new Float64Array(TERMS)

/** out = p × q, of `m` and `n` coefficients. */
function multiply(p: ArrayLike<number>, m: number, q: ArrayLike<number>, n: number, out: Float64Array): void {
  for (let i = 0; i < m + n - 1; i++) out[i] = 0
  for (let i = 0; i < m; i++) for (let j = 0; j < n; j++) out[i + j] = out[i + j]! + p[i]! * q[j]!
}

/**
 * Coefficients, in powers of t from −5 to 5, of C (2wC − bkR)² − s C b²R² (w + w²/4) + 2w² b/σ − 4 s floor w²C³ with C = cosh u
 * and R = ρ cosh u + sinh u, which is 4w²C³ (g − floor); s is 1, or −1 to bound the rounding by figures without signs.
 */
function fillNumerator(
  cosh: readonly number[],
  lean: readonly number[],
  k: readonly number[],
  w: readonly number[],
  b: number,
  sigma: number,
  floor: number,
  sign: 1 | -1,
  out: Float64Array,
  at: number,
): void {
  // 2wC − bkR, five terms.
  multiply(k, 3, lean, 3, FIRST)
  multiply(w, 3, cosh, 3, SECOND)
  for (let i = 0; i < 5; i++) FIRST[i] = 2 * SECOND[i]! - sign * b * FIRST[i]!
  multiply(FIRST, 5, FIRST, 5, SECOND)
  multiply(SECOND, 9, cosh, 3, THIRD)
  for (let i = 0; i < TERMS; i++) out[at + i] = THIRD[i]!
  // w², five terms.
  multiply(w, 3, w, 3, FIRST)
  const square = [FIRST[0]!, FIRST[1]!, FIRST[2]!, FIRST[3]!, FIRST[4]!]
  for (let i = 0; i < 5; i++) out[at + 3 + i] = out[at + 3 + i]! + (2 * b * square[i]!) / sigma
  // C R² (w + w²/4).
  multiply(lean, 3, lean, 3, FIRST)
  multiply(FIRST, 5, cosh, 3, SECOND)
  const sum = square.map((value, i) => 0.25 * value + (i > 0 && i < 4 ? w[i - 1]! : 0))
  multiply(SECOND, 7, sum, 5, THIRD)
  for (let i = 0; i < TERMS; i++) out[at + i] = out[at + i]! - sign * b * b * THIRD[i]!
  if (floor === 0) return
  multiply(cosh, 3, cosh, 3, FIRST)
  multiply(FIRST, 5, cosh, 3, SECOND)
  multiply(SECOND, 7, square, 5, THIRD)
  for (let i = 0; i < TERMS; i++) out[at + i] = out[at + i]! - 4 * sign * floor * THIRD[i]!
}

/** Bernstein coefficients of (g − floor) × w² cosh³u in the first row of {@link POLYNOMIAL}, bounds of what rounding took in {@link LOST}. */
function fillBernstein({ a, b, rho, m, sigma }: RawSvi, floor: number): void {
  const up = 0.5 * (1 + rho)
  const down = 0.5 * (1 - rho)
  const cosh = [0.5, 0, 0.5]
  fillNumerator(
    cosh,
    [-down, 0, up],
    [-0.5 * sigma, m, 0.5 * sigma],
    [b * sigma * down, a, b * sigma * up],
    b,
    sigma,
    floor,
    1,
    POLYNOMIAL,
    0,
  )
  fillNumerator(
    cosh,
    [down, 0, up],
    [0.5 * sigma, Math.abs(m), 0.5 * sigma],
    [b * sigma * down, Math.abs(a), b * sigma * up],
    b,
    sigma,
    Math.abs(floor),
    -1,
    LOST,
    0,
  )
  for (let i = 0; i < TERMS; i++) {
    POLYNOMIAL[i] = POLYNOMIAL[i]! / BINOMIALS[i]!
    LOST[i] = (ROUNDING * LOST[i]!) / BINOMIALS[i]!
  }
}

/** Splits the coefficients of row `from` at the middle: its right half goes to row `to`, its left half replaces it. De Casteljau. */
function halve(coefficients: Float64Array, from: number, to: number): void {
  const left = from * TERMS
  const right = to * TERMS
  for (let i = 0; i < TERMS; i++) coefficients[right + i] = coefficients[left + i]!
  // Round r leaves coefficient r of the left half, and the right half's own from the end.
  for (let r = 1; r < TERMS; r++) {
    for (let i = 0; i < TERMS - r; i++)
      coefficients[right + i] = 0.5 * (coefficients[right + i]! + coefficients[right + i + 1]!)
    coefficients[left + r] = coefficients[right]!
  }
}

/** Where along x in [0, 1] the slice's k is. */
function logMoneynessAt({ m, sigma }: RawSvi, x: number): number {
  const t = x / (1 - x)
  return m + 0.5 * sigma * (t - 1 / t)
}

/** Whether g >= floor everywhere; where it is found not to be, `at` is a log-moneyness where it is not. */
function decide(slice: RawSvi, floor: number): { verdict: Verdict; at: number } {
  fillBernstein(slice, floor)
  let depth = 0
  FROM[0] = 0
  WIDTH[0] = 1
  for (let looked = 0; looked < INTERVALS; looked++) {
    const row = depth * TERMS
    let least = 0
    for (let i = 0; i < TERMS; i++) least = Math.min(least, POLYNOMIAL[row + i]! - LOST[row + i]!)
    // The first and last coefficients are values, and a value that rounding cannot explain is an answer.
    if (POLYNOMIAL[row]! < -LOST[row]!) return { verdict: 'arbitrage', at: logMoneynessAt(slice, FROM[depth]!) }
    if (POLYNOMIAL[row + DEGREE]! < -LOST[row + DEGREE]!)
      return { verdict: 'arbitrage', at: logMoneynessAt(slice, FROM[depth]! + WIDTH[depth]!) }
    if (least >= 0) {
      if (depth-- === 0) return { verdict: 'free', at: Number.NaN }
      continue
    }
    if (depth === DEPTH) return { verdict: 'undecided', at: logMoneynessAt(slice, FROM[depth]!) }
    halve(POLYNOMIAL, depth, depth + 1)
    halve(LOST, depth, depth + 1)
    WIDTH[depth] = 0.5 * WIDTH[depth]!
    WIDTH[depth + 1] = WIDTH[depth]!
    FROM[depth + 1] = FROM[depth]! + WIDTH[depth]!
    depth++
  }
  return { verdict: 'undecided', at: logMoneynessAt(slice, FROM[depth]!) }
}

/** Whether g >= floor at every strike, with certainty: an `undecided` slice is not. */
export function butterflyFree(slice: RawSvi, floor = 0): boolean {
  return sviLeastVariance(slice) > 0 && decide(slice, floor).verdict === 'free'
}

/** Where a slice can be arbitraged with butterflies, and how much. */
export interface ButterflyCheck {
  readonly verdict: Verdict
  /** Least g, and where: ±Infinity when it is the limit far out. */
  readonly gLeast: number
  readonly at: number
  /** Ranges of log-moneyness where g is negative, ascending; their ends are roots of g. */
  readonly negative: readonly { readonly from: number; readonly to: number }[]
}

/** Points at which g is looked at before its least value is refined; even in asinh((k − m)/σ), which is where g bends. */
const SCAN = 257

function bisectRoot(slice: RawSvi, negative: number, other: number): number {
  let inside = negative
  let outside = other
  for (let i = 0; i < 200; i++) {
    const middle = 0.5 * (inside + outside)
    if (middle === inside || middle === outside) break
    if (sviDurrleman(slice, middle) < 0) inside = middle
    else outside = middle
  }
  return inside
}

/** Golden section for a least value of `f` between `low` and `high`. */
function leastBetween(f: (x: number) => number, low: number, high: number): number {
  const ratio = 0.6180339887498949
  let a = low
  let b = high
  let x = b - ratio * (b - a)
  let y = a + ratio * (b - a)
  let fx = f(x)
  let fy = f(y)
  for (let i = 0; i < 80 && b - a > 1e-13 * (1 + Math.abs(a) + Math.abs(b)); i++) {
    if (fx < fy) {
      b = y
      y = x
      fy = fx
      x = b - ratio * (b - a)
      fx = f(x)
    } else {
      a = x
      x = y
      fx = fy
      y = a + ratio * (b - a)
      fy = f(y)
    }
  }
  return fx < fy ? x : y
}

/**
 * The verdict on a slice, which holds for every strike, and a description, which is found by looking.
 *
 * @throws {GimbalError} `argument-invalid` for parameters that are no slice.
 */
export function checkButterfly(slice: RawSvi): ButterflyCheck {
  requireSvi(slice)
  const { m, sigma } = slice
  const leastVariance = sviLeastVariance(slice)
  if (leastVariance === 0) {
    // Without variance there is a strike whose options are their exercise: a density of zero beside one that is not.
    const at = m - (slice.rho * sigma) / Math.sqrt((1 - slice.rho) * (1 + slice.rho))
    return { verdict: 'undecided', gLeast: Number.NaN, at, negative: [] }
  }
  const decision = decide(slice, 0)
  // Far enough that w is its asymptote: g settles where k dwarfs m, σ and a/b.
  const far = Math.asinh((1000 * (1 + Math.abs(m) + leastVariance + sigma)) / sigma)
  const k = (i: number) => m + sigma * Math.sinh(far * ((2 * i) / (SCAN - 1) - 1))
  const g = Float64Array.from({ length: SCAN }, (_, i) => sviDurrleman(slice, k(i)))
  const { left, right } = leeSlopes(slice)
  let gLeast = 0.25 - (left * left) / 16
  let at = Number.NEGATIVE_INFINITY
  if (left === 0) gLeast = 1
  const limit = right === 0 ? 1 : 0.25 - (right * right) / 16
  if (limit < gLeast) {
    gLeast = limit
    at = Number.POSITIVE_INFINITY
  }
  const negative: { from: number; to: number }[] = []
  const note = (point: number) => {
    const value = sviDurrleman(slice, point)
    if (value < gLeast) {
      gLeast = value
      at = point
    }
    return value
  }
  let start = g[0]! < 0 ? Number.NEGATIVE_INFINITY : Number.NaN
  for (let i = 1; i < SCAN; i++) {
    if (g[i]! < 0 && Number.isNaN(start)) start = bisectRoot(slice, k(i), k(i - 1))
    if (g[i]! >= 0 && !Number.isNaN(start)) {
      negative.push({ from: start, to: bisectRoot(slice, k(i - 1), k(i)) })
      start = Number.NaN
    }
    const valley = i < SCAN - 1 && g[i]! <= g[i - 1]! && g[i]! <= g[i + 1]!
    if (!valley) continue
    const bottom = leastBetween((point) => sviDurrleman(slice, point), k(i - 1), k(i + 1))
    // A dip between two points that are not negative.
    if (note(bottom) < 0 && g[i - 1]! >= 0 && g[i]! >= 0 && g[i + 1]! >= 0)
      negative.push({ from: bisectRoot(slice, bottom, k(i - 1)), to: bisectRoot(slice, bottom, k(i + 1)) })
  }
  if (!Number.isNaN(start)) negative.push({ from: start, to: Number.POSITIVE_INFINITY })
  if (decision.verdict === 'arbitrage') note(decision.at)
  return { verdict: decision.verdict, gLeast, at, negative }
}

/** Whether a later slice lies below an earlier one, where most, and by how much. */
export interface CalendarCheck {
  readonly verdict: Verdict
  /** Least w(later) − w(earlier) among the points looked at; −Infinity when the asymptotes cross. */
  readonly least: number
  readonly at: number
}

/** Bounds of w far out to the right, from `k` on, as w lies under α + slope k + rest and above α + slope k. */
function asymptote({ a, b, rho, m, sigma }: RawSvi, side: 1 | -1, k: number) {
  const slope = b * (1 + side * rho)
  const x = k - side * m
  // √(x² + σ²) − x without cancelling.
  return { slope, level: a - side * slope * m, rest: (b * sigma * sigma) / (x + Math.sqrt(x * x + sigma * sigma)) }
}

/** Whether the later slice stays above beyond |k| on one side; undefined where it cannot be told from there. */
function aboveBeyond(earlier: RawSvi, later: RawSvi, side: 1 | -1, k: number): boolean | undefined {
  const low = asymptote(earlier, side, k)
  const high = asymptote(later, side, k)
  if (high.slope < low.slope) return false
  if (high.level - low.level + (high.slope - low.slope) * k >= low.rest) return true
  const slope = side * sviPoint(later, side * k).slope
  if (slope >= low.slope && sviVariance(later, side * k) >= sviVariance(earlier, side * k)) return true
  return undefined
}

const CROSSING = { low: new Float64Array(DEPTH + 2), high: new Float64Array(DEPTH + 2) }

/** w'' at distance `x` from a slice's centre, falling with it. */
function curvatureAt({ b, sigma }: RawSvi, x: number): number {
  const root = Math.sqrt(x * x + sigma * sigma)
  return (b * sigma * sigma) / (root * root * root)
}

/** Greatest w'' between two points: at the one nearest to the centre. */
function mostCurved(slice: RawSvi, from: number, to: number): number {
  return curvatureAt(slice, Math.min(Math.max(slice.m, from), to) - slice.m)
}

/** Least w'' between two points: at the one furthest from the centre. */
function leastCurved(slice: RawSvi, from: number, to: number): number {
  return curvatureAt(slice, Math.max(Math.abs(from - slice.m), Math.abs(to - slice.m)))
}

/** Whether `later` lies nowhere below `earlier`, for every strike; `at` is where it was found to, or could not be told. */
function decideCalendar(earlier: RawSvi, later: RawSvi): { verdict: Verdict; at: number } {
  let reach = 1 + 2 * Math.max(Math.abs(earlier.m) + earlier.sigma, Math.abs(later.m) + later.sigma)
  let right: boolean | undefined
  let left: boolean | undefined
  for (let i = 0; i < 40; i++) {
    right = aboveBeyond(earlier, later, 1, reach)
    left = aboveBeyond(earlier, later, -1, reach)
    if (right === false) return { verdict: 'arbitrage', at: Number.POSITIVE_INFINITY }
    if (left === false) return { verdict: 'arbitrage', at: Number.NEGATIVE_INFINITY }
    if (right && left) break
    reach *= 2
  }
  if (!right || !left) return { verdict: 'undecided', at: right ? -reach : reach }
  const { low, high } = CROSSING
  low[0] = -reach
  high[0] = reach
  let depth = 0
  for (let looked = 0; looked < INTERVALS; looked++) {
    const from = low[depth]!
    const to = high[depth]!
    const middle = 0.5 * (from + to)
    const { variance, slope } = sviPoint(later, middle)
    const earlierFrom = sviVariance(earlier, from)
    const earlierTo = sviVariance(earlier, to)
    const half = slope * (to - middle)
    const room = -8 * 2 ** -53 * (Math.abs(variance) + Math.abs(half) + earlierFrom + earlierTo)
    const clear = variance - half - earlierFrom >= room && variance + half - earlierTo >= room
    // Or: what lies between falls below the ends by no more than an eighth of the greatest curvature times the width squared.
    const width = to - from
    const sag = 0.125 * width * width * Math.max(0, mostCurved(later, from, to) - leastCurved(earlier, from, to))
    const gap = Math.min(sviVariance(later, from) - earlierFrom, sviVariance(later, to) - earlierTo)
    if (clear || gap - sag >= -room) {
      if (depth-- === 0) return { verdict: 'free', at: Number.NaN }
      continue
    }
    if (variance < sviVariance(earlier, middle) + room) return { verdict: 'arbitrage', at: middle }
    if (depth === DEPTH) return { verdict: 'undecided', at: middle }
    high[depth + 1] = to
    low[depth + 1] = middle
    high[depth] = middle
    depth++
  }
  return { verdict: 'undecided', at: low[depth]! }
}

/** Whether the later slice lies nowhere below the earlier one, with certainty. */
export function calendarFree(earlier: RawSvi, later: RawSvi): boolean {
  return decideCalendar(earlier, later).verdict === 'free'
}

/** The verdict on two slices, which holds for every strike, and the place where the later one is lowest above the earlier. */
export function checkCalendar(earlier: RawSvi, later: RawSvi): CalendarCheck {
  requireSvi(earlier)
  requireSvi(later)
  const { verdict, at: found } = decideCalendar(earlier, later)
  if (Math.abs(found) === Number.POSITIVE_INFINITY) return { verdict, least: Number.NEGATIVE_INFINITY, at: found }
  const gap = (k: number) => sviVariance(later, k) - sviVariance(earlier, k)
  let at = Number.isNaN(found) ? 0 : found
  let least = gap(at)
  for (const { m, sigma } of [earlier, later]) {
    const far = Math.asinh((4 + Math.abs(m)) / sigma)
    const k = (i: number) => m + sigma * Math.sinh(far * ((2 * i) / (SCAN - 1) - 1))
    for (let i = 1; i < SCAN - 1; i++) {
      if (gap(k(i)) > gap(k(i - 1)) || gap(k(i)) > gap(k(i + 1))) continue
      const bottom = leastBetween(gap, k(i - 1), k(i + 1))
      if (gap(bottom) < least) {
        least = gap(bottom)
        at = bottom
      }
    }
  }
  return { verdict, least, at }
}

/** A slice made free of butterfly arbitrage. */
export interface SliceRepair {
  readonly slice: RawSvi
  /** Jump-wings given up for it: those of the slice as it was, and as it is. */
  readonly before: JumpWings
  readonly after: JumpWings
  /** Root mean square change of out-of-the-money prices over the forward, within three deviations. */
  readonly moved: number
}

/** Strikes at which a repair is judged: three deviations either way at the money's volatility. */
const JUDGED = 49

function priceDistance(slice: RawSvi, target: RawSvi): number {
  const root = Math.sqrt(sviVariance(target, 0))
  let sum = 0
  for (let i = 0; i < JUDGED; i++) {
    const k = 3 * root * ((2 * i) / (JUDGED - 1) - 1)
    const price = (of: RawSvi) =>
      Math.exp(0.5 * k) * normalisedBlack(-Math.abs(k), Math.sqrt(Math.max(0, sviVariance(of, k))))
    const change = price(slice) - price(target)
    sum += change * change
  }
  return Math.sqrt(sum / JUDGED)
}

/** The slice of wings, where there is one and it is free. */
function freeSlice(wings: JumpWings, years: number): RawSvi | undefined {
  if (!(wings.callWing >= 0 && wings.putWing >= 0 && wings.callWing + wings.putWing > 0)) return undefined
  try {
    const slice = fromJumpWings(wings, years)
    return butterflyFree(slice) ? slice : undefined
  } catch (error) {
    if (error instanceof GimbalError) return undefined
    throw error
  }
}

/**
 * The slice nearest to one with butterfly arbitrage that has none: same variance, skew and put wing, call wing and least
 * variance moved towards those of SSVI (c' = p + 2ψ, ṽ' = v 4pc'/(p + c')²) as little as prices within three deviations allow.
 * The slice of SSVI is free wherever its wings are not too steep; where they are, φ is first made smaller.
 *
 * Source: Gatheral & Jacquier, section 5.1. Given a slice without arbitrage it is returned as it is.
 *
 * @throws {GimbalError} `argument-invalid` for no slice, or one without variance or wings.
 */
export function repairButterfly(slice: RawSvi, years: number): SliceRepair {
  const before = jumpWings(slice, years)
  if (butterflyFree(slice)) return { slice, before, after: before, moved: 0 }
  // SSVI's slice: φ√θ = p + c' and ρ = (c' − p)/(c' + p). A right wing that would fall lies almost flat instead.
  const total = sviVariance(slice, 0)
  const callWing = Math.max(before.putWing + 2 * before.skew, 0.005 * before.putWing, 1e-6)
  const putWing = Math.max(before.putWing, 0.005 * callWing)
  const shape = {
    theta: total,
    rho: (callWing - putWing) / (callWing + putWing),
    phi: (callWing + putWing) / Math.sqrt(total),
  }
  const steep = ssviRaw(shape)
  const safe = butterflyFree(steep) ? steep : ssviRaw({ ...shape, phi: ssviPhiWithin(shape) })
  if (!butterflyFree(safe))
    throw new GimbalError('fit-failed', 'No slice free of butterfly arbitrage was found near this one', { ...before })
  const target = jumpWings(safe, years)
  let best = safe
  let bestDistance = priceDistance(safe, slice)
  // For each least variance between SSVI's and its own, the call wing goes back as far as it may.
  const attempt = (share: number) => {
    const leastVariance = target.leastVariance + share * (before.leastVariance - target.leastVariance)
    let reached = 0
    let refused = 1
    for (let i = 0; i < 30; i++) {
      const back = i === 0 ? 1 : 0.5 * (reached + refused)
      const wing = target.callWing + back * (before.callWing - target.callWing)
      const candidate = freeSlice({ ...target, callWing: wing, leastVariance }, years)
      if (candidate === undefined) refused = back
      else {
        reached = back
        const distance = priceDistance(candidate, slice)
        if (distance < bestDistance) {
          best = candidate
          bestDistance = distance
        }
        if (back === 1) break
      }
    }
  }
  for (let i = 0; i <= 40; i++) attempt(i / 40)
  return { slice: best, before, after: jumpWings(best, years), moved: bestDistance }
}
