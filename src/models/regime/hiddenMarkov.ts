/**
 * @file A Gaussian hidden Markov model, fitted by expectation-maximisation: calm and turbulent regimes of a series of returns.
 *
 * Baum-Welch (L. Baum, T. Petrie, G. Soules, N. Weiss, Annals of Math. Statistics 41 (1970) 164; scaling as in L. Rabiner,
 * Proc. IEEE 77 (1989) 257). Densities enter as logs relative to the greatest of a step, so that no outlier underflows. The
 * likelihood has many local maxima: short runs from several seeded starts, the best of which is finished.
 *
 * What the engine uses is the forward filter (features/regimeFilter.ts). {@link smoothedProbabilities} knows the future and
 * is for pictures of the past.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import { HiddenMarkovFilter, type HiddenMarkovParameters, requireHiddenMarkov } from '../../features/regimeFilter.ts'

export interface HiddenMarkovSettings {
  /** 2 to 4. */
  readonly states: number
  /** `zero` tells states apart by variance alone, which is what regimes of returns differ in; `free` (the default) estimates means. */
  readonly means?: 'free' | 'zero'
  /** Starts tried; 5 when absent. */
  readonly restarts?: number
}

export interface HiddenMarkovFit {
  readonly parameters: HiddenMarkovParameters
  readonly logLikelihood: number
  /** Log-likelihood after each iteration of the best start: never falls. */
  readonly path: Float64Array
  /** Whether the last iteration gained next to nothing. */
  readonly settled: boolean
}

/** Iterations of a start that is only tried, and of the one that is finished. */
const TRIED = 12
const FINISHED = 400
/** A gain a step below this ends the search. */
const GAIN = 1e-8
/** Least variance of a state, relative to that of the whole: keeps a state from closing in on a single figure. */
const FLOOR = 1e-4
/** Fewest steps a state. */
const STEPS_MIN = 25
/** Steps of the blocks whose variances the starts are made from. */
const BLOCK = 10

/**
 * @param series One figure a step; NaN is missing.
 * @throws {GimbalError} `config-invalid`: states other than 2 to 4. `fit-failed`: too few figures, or none that differ.
 */
export function fitHiddenMarkov(series: Float64Array, settings: HiddenMarkovSettings, random: Random): HiddenMarkovFit {
  const { states, means = 'free', restarts = 5 } = settings
  if (!(Number.isInteger(states) && states >= 2 && states <= 4))
    throw new GimbalError('config-invalid', 'A hidden Markov model has 2 to 4 states', { states })
  const { x, unit, centre, known } = standardised(series, means === 'zero', states)
  const work = new ForwardBackward(x, states, means === 'zero')
  let best: { parameters: Working; likelihood: number } | undefined
  for (let start = 0; start < Math.max(1, restarts); start++) {
    const parameters = startingPoint(x, states, means === 'zero', start === 0 ? undefined : random)
    let likelihood = Number.NEGATIVE_INFINITY
    for (let i = 0; i < TRIED; i++) likelihood = work.iterate(parameters)
    if (!best || likelihood > best.likelihood) best = { parameters, likelihood }
  }
  const { parameters } = best!
  const path: number[] = []
  let settled = false
  for (let i = 0; i < FINISHED && !settled; i++) {
    path.push(work.iterate(parameters) - known * Math.log(unit))
    settled = i > 0 && path[i]! - path[i - 1]! < GAIN * known
  }
  // Each entry is the likelihood before that iteration's step; the last step's own is yet to be taken.
  path.push(work.likelihood(parameters) - known * Math.log(unit))
  return {
    parameters: inOrder(parameters, unit, centre),
    logLikelihood: path.at(-1)!,
    path: Float64Array.from(path),
    settled,
  }
}

/** Probability of each state at each step from the past alone, `states` figures a step: what the filter said at the time. */
export function filteredProbabilities(parameters: HiddenMarkovParameters, series: Float64Array): Float64Array {
  const filter = new HiddenMarkovFilter(parameters)
  const out = new Float64Array(series.length * filter.states)
  for (let t = 0; t < series.length; t++) {
    filter.update(series[t]!)
    out.set(filter.probabilities, t * filter.states)
  }
  return out
}

/** Log-likelihood of a series. */
export function hiddenMarkovLogLikelihood(parameters: HiddenMarkovParameters, series: Float64Array): number {
  const filter = new HiddenMarkovFilter(parameters)
  let sum = 0
  for (let t = 0; t < series.length; t++) {
    filter.update(series[t]!)
    sum += filter.logDensity
  }
  return sum
}

/** Probability of each state at each step from the WHOLE series, `states` figures a step. Knows the future: for pictures only. */
export function smoothedProbabilities(parameters: HiddenMarkovParameters, series: Float64Array): Float64Array {
  requireHiddenMarkov(parameters)
  const { means, variances, transition, initial } = parameters
  const work = new ForwardBackward(series, means.length, false)
  work.expect({
    means: Float64Array.from(means),
    variances: Float64Array.from(variances),
    transition: Float64Array.from(transition.flat()),
    initial: Float64Array.from(initial),
  })
  return work.smoothed.slice()
}

/** Parameters in arrays, in the unit of the figures at work. */
interface Working {
  readonly means: Float64Array
  readonly variances: Float64Array
  /** Row by row. */
  readonly transition: Float64Array
  readonly initial: Float64Array
}

function standardised(series: Float64Array, zeroMean: boolean, states: number) {
  let known = 0
  let sum = 0
  for (const each of series) {
    if (!Number.isFinite(each)) continue
    known++
    sum += each
  }
  const centre = zeroMean ? 0 : sum / known
  let squares = 0
  for (const each of series) if (Number.isFinite(each)) squares += (each - centre) ** 2
  const unit = Math.sqrt(squares / known)
  // Equal figures differ from their mean by rounding.
  if (known < STEPS_MIN * states || !(unit > 1e-12 * Math.abs(centre)))
    throw new GimbalError('fit-failed', 'A hidden Markov model needs more figures that differ', {
      figures: known,
      figuresMin: STEPS_MIN * states,
      deviation: known > 0 ? unit : 0,
    })
  const x = series.map((each) => (Number.isFinite(each) ? (each - centre) / unit : Number.NaN))
  return { x, unit, centre, known }
}

/** Variances of groups of blocks from the calmest to the wildest, states that last; shaken where chance is given. */
function startingPoint(x: Float64Array, states: number, zeroMean: boolean, random?: Random): Working {
  const figures = x.filter((each) => !Number.isNaN(each))
  const blocks: { variance: number; mean: number }[] = []
  for (let at = 0; at + BLOCK <= figures.length; at += BLOCK) {
    const block = figures.subarray(at, at + BLOCK)
    const mean = block.reduce((sum, each) => sum + each, 0) / BLOCK
    blocks.push({ mean, variance: block.reduce((sum, each) => sum + (each - (zeroMean ? 0 : mean)) ** 2, 0) / BLOCK })
  }
  // Every second start groups by mean: regimes may differ in either.
  const byMean = !zeroMean && random !== undefined && random.uniform() < 0.5
  blocks.sort((a, b) => (byMean ? a.mean - b.mean : a.variance - b.variance))
  const means = new Float64Array(states)
  const variances = new Float64Array(states)
  for (let i = 0; i < states; i++) {
    const group = blocks.slice(Math.floor((i * blocks.length) / states), Math.floor(((i + 1) * blocks.length) / states))
    const shake = random ? Math.exp(0.7 * random.normal()) : 1
    variances[i] = Math.max(FLOOR, (shake * group.reduce((sum, each) => sum + each.variance, 0)) / group.length)
    if (byMean) means[i] = group.reduce((sum, each) => sum + each.mean, 0) / group.length
    else if (!zeroMean && random) means[i] = 0.3 * random.normal()
  }
  const transition = new Float64Array(states * states)
  for (let i = 0; i < states; i++) {
    const leave = random ? 0.01 + 0.2 * random.uniform() : 0.05
    for (let j = 0; j < states; j++) transition[i * states + j] = i === j ? 1 - leave : leave / (states - 1)
  }
  return { means, variances, transition, initial: new Float64Array(states).fill(1 / states) }
}

/** One series, and room for the passes over it. */
class ForwardBackward {
  readonly #x: Float64Array
  readonly #states: number
  readonly #zeroMean: boolean
  /** Per step and state: density relative to the greatest of the step. */
  readonly #densities: Float64Array
  /** Per step and state: forward probability; after {@link expect} of the state given everything. */
  readonly smoothed: Float64Array
  /** Per step: what the forward probabilities were divided by. */
  readonly #scales: Float64Array
  readonly #pairs: Float64Array

  constructor(x: Float64Array, states: number, zeroMean: boolean) {
    this.#x = x
    this.#states = states
    this.#zeroMean = zeroMean
    this.#densities = new Float64Array(x.length * states)
    this.smoothed = new Float64Array(x.length * states)
    this.#scales = new Float64Array(x.length)
    this.#pairs = new Float64Array(states * states)
  }

  /** Improves the parameters by one step of expectation and maximisation; returns the log-likelihood they had before. */
  iterate(parameters: Working): number {
    const likelihood = this.expect(parameters)
    this.#maximise(parameters)
    return likelihood
  }

  /** Forward pass: returns the log-likelihood. */
  likelihood({ means, variances, transition, initial }: Working): number {
    const x = this.#x
    const states = this.#states
    const densities = this.#densities
    const forward = this.smoothed
    const heights = variances.map((variance) => -0.5 * Math.log(2 * Math.PI * variance))
    const next = initial.slice()
    let sum = 0
    for (let t = 0; t < x.length; t++) {
      const at = t * states
      if (Number.isNaN(x[t]!)) densities.fill(1, at, at + states)
      else {
        let most = Number.NEGATIVE_INFINITY
        for (let i = 0; i < states; i++) {
          const distance = x[t]! - means[i]!
          densities[at + i] = heights[i]! - (0.5 * distance * distance) / variances[i]!
          if (next[i]! > 0 && densities[at + i]! > most) most = densities[at + i]!
        }
        // A state that cannot be here may be likelier than all that can: its density is of no consequence.
        for (let i = 0; i < states; i++) densities[at + i] = Math.exp(Math.min(0, densities[at + i]! - most))
        sum += most
      }
      let scale = 0
      for (let i = 0; i < states; i++) scale += forward[at + i] = next[i]! * densities[at + i]!
      this.#scales[t] = scale
      sum += Math.log(scale)
      for (let i = 0; i < states; i++) forward[at + i]! /= scale
      for (let j = 0; j < states; j++) {
        let into = 0
        for (let i = 0; i < states; i++) into += forward[at + i]! * transition[i * states + j]!
        next[j] = into
      }
    }
    return sum
  }

  /** Forward and backward pass: fills `smoothed` and the expected transitions; returns the log-likelihood. */
  expect(parameters: Working): number {
    const likelihood = this.likelihood(parameters)
    const { transition } = parameters
    const states = this.#states
    const densities = this.#densities
    const smoothed = this.smoothed
    const pairs = this.#pairs.fill(0)
    // What the future says of each state at the step ahead, times that step's density over its scale.
    const ahead = new Float64Array(states).fill(1)
    const behind = new Float64Array(states)
    for (let t = this.#x.length - 2; t >= 0; t--) {
      const at = t * states
      for (let j = 0; j < states; j++) ahead[j]! *= densities[at + states + j]! / this.#scales[t + 1]!
      for (let i = 0; i < states; i++) {
        let back = 0
        for (let j = 0; j < states; j++) {
          const term = transition[i * states + j]! * ahead[j]!
          back += term
          pairs[i * states + j]! += smoothed[at + i]! * term
        }
        behind[i] = back
      }
      let sum = 0
      for (let i = 0; i < states; i++) {
        sum += smoothed[at + i]! *= behind[i]!
        ahead[i] = behind[i]!
      }
      // Sums to 1 but for what rounding added on the way back.
      for (let i = 0; i < states; i++) smoothed[at + i]! /= sum
    }
    return likelihood
  }

  #maximise({ means, variances, transition, initial }: Working): void {
    const x = this.#x
    const states = this.#states
    for (let i = 0; i < states; i++) {
      let weight = 0
      let sum = 0
      let squares = 0
      for (let t = 0; t < x.length; t++) {
        if (Number.isNaN(x[t]!)) continue
        const share = this.smoothed[t * states + i]!
        weight += share
        sum += share * x[t]!
        squares += share * x[t]! * x[t]!
      }
      // A state nobody is in stays as it is.
      if (weight > 1e-12) {
        const mean = this.#zeroMean ? 0 : sum / weight
        means[i] = mean
        // The likeliest variance of at least FLOOR: a constraint, so the likelihood still never falls.
        variances[i] = Math.max(FLOOR, squares / weight - mean * mean)
      }
      initial[i] = this.smoothed[i]!
      let leaving = 0
      for (let j = 0; j < states; j++) leaving += this.#pairs[i * states + j]!
      if (leaving > 1e-12)
        for (let j = 0; j < states; j++) transition[i * states + j] = this.#pairs[i * states + j]! / leaving
    }
  }
}

/** States by ascending variance, in the series' own unit. */
function inOrder(
  { means, variances, transition, initial }: Working,
  unit: number,
  centre: number,
): HiddenMarkovParameters {
  const states = means.length
  const order = [...variances.keys()].sort((a, b) => variances[a]! - variances[b]!)
  return {
    means: order.map((i) => means[i]! * unit + centre),
    variances: order.map((i) => variances[i]! * unit * unit),
    transition: order.map((i) => order.map((j) => transition[i * states + j]!)),
    initial: order.map((i) => initial[i]!),
  }
}
