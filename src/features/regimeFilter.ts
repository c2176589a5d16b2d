/**
 * @file Which regime a market is in, judged step by step from the past alone: a hidden Markov filter, and a detector of
 * breaks.
 *
 * Both are handed parameters as plain data (`models/regime` fits them), take one figure a step (a log return, as a rule)
 * and never look ahead: what they say of a step is not revised later. Nothing is allocated after construction.
 */

import { GimbalError } from '../core/errors.ts'

/** A Gaussian hidden Markov model as plain data. States are in order of variance, the calmest first. */
export interface HiddenMarkovParameters {
  /** Mean and variance of the figure in each state, in its unit and its square. */
  readonly means: readonly number[]
  readonly variances: readonly number[]
  /** `transition[i][j]`: probability that j follows i. Rows sum to 1. */
  readonly transition: readonly (readonly number[])[]
  /** Probability of each state at the first step. */
  readonly initial: readonly number[]
}

/** @throws {GimbalError} `config-invalid`, saying what is wrong. */
export function requireHiddenMarkov({ means, variances, transition, initial }: HiddenMarkovParameters): void {
  const fail = (reason: string): never => {
    throw new GimbalError('config-invalid', `Not a hidden Markov model: ${reason}`, { states: means.length })
  }
  const states = means.length
  const distribution = (row: readonly number[] | undefined) =>
    row?.length === states &&
    row.every((each) => each >= 0) &&
    Math.abs(row.reduce((sum, each) => sum + each, 0) - 1) < 1e-6
  if (states === 0 || variances.length !== states) fail('there is not one mean and one variance a state')
  if (!means.every(Number.isFinite)) fail('a mean is not finite')
  if (!variances.every((each, i) => each > 0 && Number.isFinite(each) && each >= (variances[i - 1] ?? 0)))
    fail('variances are positive and ascending')
  if (transition.length !== states || !transition.every(distribution)) fail('a row of transitions does not sum to 1')
  if (!distribution(initial)) fail('the first probabilities do not sum to 1')
}

function normalised(row: readonly number[]): number[] {
  const sum = row.reduce((total, each) => total + each, 0)
  return row.map((each) => each / sum)
}

/** Long-run probability of each state, by repeated squaring of the transitions. */
export function stationaryDistribution(transition: readonly (readonly number[])[]): number[] {
  let power = transition.map((row) => [...row])
  // 2^40 steps: no chain that mixes at all within a recording has not.
  for (let k = 0; k < 40; k++) {
    power = power.map((row) => power.map((_, j) => row.reduce((sum, each, i) => sum + each * power[i]![j]!, 0)))
    power = power.map(normalised)
  }
  return power[0]!
}

/** Forward probabilities of a hidden Markov model. */
export class HiddenMarkovFilter {
  readonly states: number
  /** Probability of each state at the step last taken, given all figures up to it. */
  readonly probabilities: Float64Array
  /** Log density of the last figure, given those before it; 0 for a missing one. */
  logDensity = 0
  /** Probability of each state at the next step. */
  readonly #next: Float64Array
  readonly #initial: Float64Array
  readonly #transition: Float64Array
  readonly #means: Float64Array
  readonly #variances: Float64Array
  /** -ln √(2π variance) of each state. */
  readonly #heights: Float64Array
  readonly #logs: Float64Array

  /** @throws {GimbalError} `config-invalid`. */
  constructor(parameters: HiddenMarkovParameters) {
    requireHiddenMarkov(parameters)
    const { means, variances, transition, initial } = parameters
    this.states = means.length
    this.#initial = Float64Array.from(normalised(initial))
    this.probabilities = this.#initial.slice()
    this.#next = this.#initial.slice()
    // Rows written down in a few digits are made to sum to 1.
    this.#transition = Float64Array.from(transition.flatMap(normalised))
    this.#means = Float64Array.from(means)
    this.#variances = Float64Array.from(variances)
    this.#heights = Float64Array.from(variances, (variance) => -0.5 * Math.log(2 * Math.PI * variance))
    this.#logs = new Float64Array(means.length)
  }

  /** Takes the figure of the next step; NaN is missing, and lets time pass. */
  update(x: number): void {
    const { probabilities, states } = this
    const next = this.#next
    this.logDensity = 0
    if (Number.isNaN(x)) probabilities.set(next)
    else {
      const logs = this.#logs
      // Densities are taken relative to the greatest possible one: no outlier is beyond all states.
      let most = Number.NEGATIVE_INFINITY
      for (let i = 0; i < states; i++) {
        const distance = x - this.#means[i]!
        logs[i] = this.#heights[i]! - (0.5 * distance * distance) / this.#variances[i]!
        if (next[i]! > 0 && logs[i]! > most) most = logs[i]!
      }
      let sum = 0
      for (let i = 0; i < states; i++) {
        const joint = next[i]! > 0 ? next[i]! * Math.exp(logs[i]! - most) : 0
        probabilities[i] = joint
        sum += joint
      }
      for (let i = 0; i < states; i++) probabilities[i]! /= sum
      this.logDensity = most + Math.log(sum)
    }
    for (let j = 0; j < states; j++) {
      let sum = 0
      for (let i = 0; i < states; i++) sum += probabilities[i]! * this.#transition[i * states + j]!
      next[j] = sum
    }
  }

  /** Variance of the next step's figure, over what it may be in every state. */
  get expectedVariance(): number {
    let mean = 0
    let square = 0
    for (let i = 0; i < this.states; i++) {
      mean += this.#next[i]! * this.#means[i]!
      square += this.#next[i]! * (this.#variances[i]! + this.#means[i]! * this.#means[i]!)
    }
    return square - mean * mean
  }

  /** Starts over. */
  reset(): void {
    this.probabilities.set(this.#initial)
    this.#next.set(this.#initial)
  }

  /** Takes over the position of a filter of the same parameters. */
  copyFrom(other: HiddenMarkovFilter): void {
    this.probabilities.set(other.probabilities)
    this.#next.set(other.#next)
    this.logDensity = other.logDensity
  }
}

/** What a {@link BreakDetector} believes before it has seen anything; plain data. */
export interface BreakParameters {
  /** Probability of a break at any step. */
  readonly hazard: number
  /** Longest run told apart: beyond it figures are forgotten, one for each new one. */
  readonly runLengthMax: number
  /** Between breaks the figure is normal; mean and variance are drawn anew at each: mean from N(mean, variance / strength) ... */
  readonly mean: number
  readonly strength: number
  /** ... and variance from the inverse gamma distribution of this shape and scale. */
  readonly shape: number
  readonly scale: number
}

/** @throws {GimbalError} `config-invalid`. */
export function requireBreaks({ hazard, runLengthMax, mean, strength, shape, scale }: BreakParameters): void {
  const positive = [strength, shape, scale].every((each) => each > 0 && Number.isFinite(each))
  const whole = Number.isSafeInteger(runLengthMax) && runLengthMax >= 1
  if (!(hazard > 0 && hazard < 1) || !whole || !positive || !Number.isFinite(mean))
    throw new GimbalError('config-invalid', 'A detector of breaks cannot believe that', {
      hazard,
      runLengthMax,
      mean,
      strength,
      shape,
      scale,
    })
}

/**
 * Bayesian online change-point detection: the probability of every length of time since the last break.
 *
 * Source: R. Adams, D. MacKay, "Bayesian online changepoint detection", arXiv:0710.3742 (2007), with the normal-inverse-gamma
 * model (K. Murphy, "Conjugate Bayesian analysis of the Gaussian distribution", 2007) and a constant hazard. Run length 0
 * after a figure means that a break lies between it and the next, so that its probability is always the hazard.
 *
 * Deviation: run lengths are capped. The last one stands for all that are as long or longer; when two such meet, their mean
 * and variance are those of the mixture, and they count as `runLengthMax` figures. Until `runLengthMax` figures were seen the
 * recursion is exact. Cost: O(runLengthMax) a step.
 */
export class BreakDetector {
  readonly parameters: BreakParameters
  /** Probability of each run length, 0 to `runLengthMax`; sums to 1. */
  readonly probabilities: Float64Array
  /** Log density of the last figure, given those before it. */
  logDensity = 0
  /** Run lengths that are possible so far: more than this many figures were not seen. */
  #longest = 0
  /** Of each run length: posterior mean and scale. */
  readonly #means: Float64Array
  readonly #scales: Float64Array
  /** Of each run length: posterior strength, shape, and what its density has in common for all figures. */
  readonly #strengths: Float64Array
  readonly #shapes: Float64Array
  readonly #heights: Float64Array
  readonly #logs: Float64Array

  /** @throws {GimbalError} `config-invalid`. */
  constructor(parameters: BreakParameters) {
    requireBreaks(parameters)
    this.parameters = parameters
    const { runLengthMax, strength, shape } = parameters
    const size = runLengthMax + 1
    this.probabilities = new Float64Array(size)
    this.#means = new Float64Array(size)
    this.#scales = new Float64Array(size)
    this.#logs = new Float64Array(size)
    this.#strengths = Float64Array.from({ length: size }, (_, run) => strength + run)
    this.#shapes = Float64Array.from({ length: size }, (_, run) => shape + run / 2)
    // ln Γ(a + 1/2) - ln Γ(a) for a = shape + run / 2, two interleaved recurrences of step 1.
    this.#heights = new Float64Array(size)
    this.#heights[0] = logGammaRatio(shape)
    if (size > 1) this.#heights[1] = Math.log(shape) - this.#heights[0]!
    for (let run = 2; run < size; run++) {
      const before = this.#shapes[run - 2]!
      this.#heights[run] = this.#heights[run - 2]! + Math.log((before + 0.5) / before)
    }
    for (let run = 0; run < size; run++)
      this.#heights[run]! -= 0.5 * Math.log((2 * Math.PI * (this.#strengths[run]! + 1)) / this.#strengths[run]!)
    this.reset()
  }

  /** Takes the next figure. A missing one (NaN) is no figure: run lengths count what was seen. */
  update(x: number): void {
    if (Number.isNaN(x)) return
    const { hazard, runLengthMax, mean, scale } = this.parameters
    const { probabilities } = this
    const means = this.#means
    const scales = this.#scales
    const logs = this.#logs
    const longest = this.#longest
    let most = Number.NEGATIVE_INFINITY
    for (let run = 0; run <= longest; run++) {
      const strength = this.#strengths[run]!
      const distance = x - means[run]!
      const excess = (distance * distance * strength) / (2 * (strength + 1) * scales[run]!)
      logs[run] = this.#heights[run]! - 0.5 * Math.log(scales[run]!) - (this.#shapes[run]! + 0.5) * Math.log1p(excess)
      if (logs[run]! > most && probabilities[run]! > 0) most = logs[run]!
      // The posterior of this run with the figure in it, in place: moved one up below.
      means[run]! += distance / (strength + 1)
      scales[run]! *= 1 + excess
    }
    let sum = 0
    for (let run = 0; run <= longest; run++) sum += probabilities[run]! *= Math.exp(logs[run]! - most)
    this.logDensity = most + Math.log(sum)
    const grown = (1 - hazard) / sum
    if (longest === runLengthMax) this.#mergeLongest()
    for (let run = Math.min(longest, runLengthMax - 1); run >= 0; run--) {
      probabilities[run + 1] = probabilities[run]! * grown
      means[run + 1] = means[run]!
      scales[run + 1] = scales[run]!
    }
    probabilities[0] = hazard
    means[0] = mean
    scales[0] = scale
    if (longest < runLengthMax) this.#longest = longest + 1
  }

  /** Puts the runs that are about to have `runLengthMax` figures and one more into one, at `runLengthMax - 1`, where both count alike. */
  #mergeLongest(): void {
    const { probabilities } = this
    const means = this.#means
    const scales = this.#scales
    const last = this.parameters.runLengthMax
    const shape = this.#shapes[last]!
    const strength = this.#strengths[last]!
    // One figure too many is forgotten: the estimate of the variance stays, its weight is that of `last` figures.
    const kept = (scales[last]! * shape) / (shape + 0.5)
    const total = probabilities[last]! + probabilities[last - 1]!
    const share = total > 0 ? probabilities[last]! / total : 0.5
    const distance = means[last]! - means[last - 1]!
    means[last - 1]! += share * distance
    scales[last - 1] =
      share * kept + (1 - share) * scales[last - 1]! + 0.5 * strength * share * (1 - share) * distance * distance
    probabilities[last - 1] = total
  }

  /** Probability that the present run is at most `steps` long: that a break happened as recently. */
  recent(steps: number): number {
    let sum = 0
    for (let run = 0; run <= Math.min(steps, this.#longest); run++) sum += this.probabilities[run]!
    return Math.min(1, sum)
  }

  /** Mean of the run length, the longest counting as `runLengthMax`. */
  get expectedRunLength(): number {
    let sum = 0
    for (let run = 1; run <= this.#longest; run++) sum += run * this.probabilities[run]!
    return sum
  }

  /** Starts over: a break lies before the next figure. */
  reset(): void {
    this.probabilities.fill(0)
    this.probabilities[0] = 1
    this.#means[0] = this.parameters.mean
    this.#scales[0] = this.parameters.scale
    this.#longest = 0
  }

  /** Takes over the position of a detector of the same parameters. */
  copyFrom(other: BreakDetector): void {
    this.probabilities.set(other.probabilities)
    this.#means.set(other.#means)
    this.#scales.set(other.#scales)
    this.#longest = other.#longest
    this.logDensity = other.logDensity
  }
}

/**
 * ln Γ(a + 1/2) - ln Γ(a) for a > 0, to 1e-14: Stirling's series of the ratio, after moving a beyond 30.
 *
 * Source: F. Tricomi, A. Erdélyi, "The asymptotic expansion of a ratio of gamma functions", Pacific J. Math. 1 (1951) 133.
 */
export function logGammaRatio(a: number): number {
  let moved = a
  let sum = 0
  for (; moved < 30; moved++) sum -= Math.log((moved + 0.5) / moved)
  const inverse = 1 / moved
  const square = inverse * inverse
  const series = inverse * (-1 / 8 + square * (1 / 192 + square * (-1 / 640 + (square * 17) / 14336)))
  return sum + 0.5 * Math.log(moved) + series
}
