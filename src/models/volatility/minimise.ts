/**
 * @file Least value of a smooth function of a few variables whose gradient is known: BFGS, then Newton's method.
 *
 * BFGS (J. Nocedal, S. Wright, "Numerical Optimization", 2nd ed., algorithm 6.1) with a bracketing line search for the weak
 * Wolfe conditions stops where values no longer differ in double precision, which leaves half the digits of the variables. Newton
 * steps on the gradient alone, its derivative taken by central differences, recover the other half.
 */

/** Returns the value at `x` and writes its gradient; not finite outside the domain. */
export type SmoothFunction = (x: Float64Array, gradient: Float64Array) => number

export interface Minimum {
  readonly x: Float64Array
  readonly value: number
  /** Largest element of the gradient there, in absolute value. */
  readonly slope: number
  readonly evaluations: number
}

const ITERATIONS_MAX = 200
const SEARCH_MAX = 40
/** Nothing is gained below this slope of a value of order one ... */
const FLAT = 1e-11
/** ... and below this one Newton's method needs fewer evaluations. */
const NEARLY_FLAT = 1e-6

/** The lowest point found from `start`; whether it is one is for `slope` to say. */
export function minimise(evaluate: SmoothFunction, start: Float64Array): Minimum {
  const size = start.length
  let evaluations = 0
  const at = (x: Float64Array, gradient: Float64Array) => {
    evaluations++
    return evaluate(x, gradient)
  }
  let x: Float64Array = start.slice()
  let gradient: Float64Array = new Float64Array(size)
  let value = at(x, gradient)
  const inverse = identity(size)
  for (let iteration = 0; iteration < ITERATIONS_MAX && largest(gradient) > NEARLY_FLAT; iteration++) {
    const direction = multiplied(inverse, gradient).map((each) => -each)
    let descent = dot(direction, gradient)
    if (!(descent < 0)) {
      inverse.set(identity(size))
      for (let i = 0; i < size; i++) direction[i] = -gradient[i]!
      descent = -dot(gradient, gradient)
    }
    const next = lineSearch(at, x, value, direction, descent)
    if (!next) break
    const step = next.x.map((each, i) => each - x[i]!)
    const turn = next.gradient.map((each, i) => each - gradient[i]!)
    // The first step has no scale yet: take that of the curvature it met.
    if (iteration === 0) scale(inverse, dot(step, turn) / dot(turn, turn))
    update(inverse, step, turn)
    x = next.x
    gradient = next.gradient
    value = next.value
  }
  const { x: floor, value: least, slope } = polished(at, x, gradient, value)
  return { x: floor, value: least, slope, evaluations }
}

/** A step along `direction` that lowers the value enough and flattens the slope enough; undefined when rounding forbids any. */
function lineSearch(
  evaluate: SmoothFunction,
  x: Float64Array,
  value: number,
  direction: Float64Array,
  descent: number,
) {
  let low = 0
  let high = Number.POSITIVE_INFINITY
  let share = Math.min(1, 2 / Math.max(1e-300, largest(direction)))
  let best: { x: Float64Array; gradient: Float64Array; value: number } | undefined
  for (let i = 0; i < SEARCH_MAX; i++) {
    const to = x.map((each, k) => each + share * direction[k]!)
    const gradient = new Float64Array(x.length)
    const reached = evaluate(to, gradient)
    const enough = reached <= value + 1e-4 * share * descent
    if (!enough || !Number.isFinite(reached)) high = share
    else {
      if (!best || reached <= best.value) best = { x: to, gradient, value: reached }
      if (dot(gradient, direction) >= 0.9 * descent) return { x: to, gradient, value: reached }
      low = share
    }
    share = high === Number.POSITIVE_INFINITY ? 2 * low : (low + high) / 2
  }
  return best
}

/** Newton steps, as long as each makes the gradient smaller. */
function polished(evaluate: SmoothFunction, x: Float64Array, gradient: Float64Array, value: number) {
  for (let round = 0; round < 4 && largest(gradient) > FLAT; round++) {
    const step = solveSymmetric(hessian(evaluate, x), gradient)
    if (!step) break
    const to = x.map((each, i) => each - step[i]!)
    const slope = new Float64Array(x.length)
    const reached = evaluate(to, slope)
    if (!(largest(slope) < largest(gradient)) || !(reached <= value + 1e-9 * Math.abs(value))) break
    x = to
    gradient = slope
    value = reached
  }
  return { x, value, slope: largest(gradient) }
}

/** Second derivatives by central differences of the gradient, made symmetric: row by row. */
export function hessian(evaluate: SmoothFunction, x: Float64Array, relativeStep = 1e-5): Float64Array {
  const size = x.length
  const out = new Float64Array(size * size)
  const above = new Float64Array(size)
  const below = new Float64Array(size)
  const moved = x.slice()
  for (let i = 0; i < size; i++) {
    const step = relativeStep * Math.max(Math.abs(x[i]!), 1e-2)
    moved[i] = x[i]! + step
    evaluate(moved, above)
    moved[i] = x[i]! - step
    evaluate(moved, below)
    moved[i] = x[i]!
    for (let j = 0; j < size; j++) {
      const slope = (above[j]! - below[j]!) / (2 * step)
      out[i * size + j]! += slope / 2
      out[j * size + i]! += slope / 2
    }
  }
  return out
}

/** Solves A x = b for a symmetric positive definite A, row by row; undefined when it is not. */
export function solveSymmetric(matrix: Float64Array, b: Float64Array): Float64Array | undefined {
  const size = b.length
  const lower = new Float64Array(size * size)
  for (let i = 0; i < size; i++)
    for (let j = 0; j <= i; j++) {
      let rest = matrix[i * size + j]!
      for (let k = 0; k < j; k++) rest -= lower[i * size + k]! * lower[j * size + k]!
      if (i === j && !(rest > 0)) return undefined
      lower[i * size + j] = i === j ? Math.sqrt(rest) : rest / lower[j * size + j]!
    }
  const x = b.slice()
  for (let i = 0; i < size; i++) {
    for (let k = 0; k < i; k++) x[i]! -= lower[i * size + k]! * x[k]!
    x[i]! /= lower[i * size + i]!
  }
  for (let i = size - 1; i >= 0; i--) {
    for (let k = i + 1; k < size; k++) x[i]! -= lower[k * size + i]! * x[k]!
    x[i]! /= lower[i * size + i]!
  }
  return x
}

/** BFGS update of the inverse second derivatives; left alone where the curvature met is not positive. */
function update(inverse: Float64Array, step: Float64Array, turn: Float64Array): void {
  const size = step.length
  const curvature = dot(step, turn)
  if (!(curvature > 1e-300)) return
  const bent = multiplied(inverse, turn)
  const outer = (1 + dot(turn, bent) / curvature) / curvature
  for (let i = 0; i < size; i++)
    for (let j = 0; j < size; j++)
      inverse[i * size + j]! += outer * step[i]! * step[j]! - (bent[i]! * step[j]! + step[i]! * bent[j]!) / curvature
}

function identity(size: number): Float64Array {
  const out = new Float64Array(size * size)
  for (let i = 0; i < size; i++) out[i * size + i] = 1
  return out
}

function scale(matrix: Float64Array, factor: number): void {
  if (factor > 0 && Number.isFinite(factor)) for (let i = 0; i < matrix.length; i++) matrix[i]! *= factor
}

function multiplied(matrix: Float64Array, x: Float64Array): Float64Array {
  return x.map((_, i) => {
    let sum = 0
    for (let j = 0; j < x.length; j++) sum += matrix[i * x.length + j]! * x[j]!
    return sum
  })
}

function dot(a: Float64Array, b: Float64Array): number {
  let sum = 0
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!
  return sum
}

function largest(x: Float64Array): number {
  let most = 0
  for (let i = 0; i < x.length; i++) {
    // A gradient that is not a number is no minimum.
    if (Number.isNaN(x[i]!)) return Number.POSITIVE_INFINITY
    most = Math.max(most, Math.abs(x[i]!))
  }
  return most
}
