/**
 * @file Tree-structured Parzen estimator: trials are drawn where good ones lie dense and bad ones do not.
 *
 * Finished trials are split by their loss into the best share γ and the rest. For each parameter, on its own scale
 * (logarithms for logarithmic ones), two densities are fitted: l to the good, g to the rest. Expected improvement grows
 * with l/g, so of a few draws from l the one with the greatest ratio is taken. A density is a mixture, in equal parts, of
 * the prior and of one normal, cut off at the ends of the scale, around each trial; its width is the greater of the
 * distances to its two neighbours, held within reasonable bounds. Choices count: prior plus how often each was taken.
 * A parameter that hangs on another's choice learns from the trials it was in force in only.
 *
 * Deviations from the paper: the draw is chosen parameter by parameter rather than once for the whole configuration (as
 * in Hyperopt and Optuna; the ratio is a product over parameters, so this looks at more combinations for the same work);
 * the good are counted by ⌈γ·n⌉ and at most 25 (Hyperopt's cap); trials that are still open count with the rest,
 * whatever they turn out to be, which keeps trials that run at once apart (a "constant liar", Optuna's option).
 *
 * Source: J. Bergstra, R. Bardenet, Y. Bengio, B. Kégl, "Algorithms for hyper-parameter optimization", NIPS 24 (2011),
 * section 4.
 */

import { normalCdf } from '../../core/errorFunction.ts'
import { Random } from '../../core/random.ts'
import { readSettings, type SettingsShape, type SettingValue } from '../../core/settings.ts'
import type { Proposer, Tried } from './proposer.ts'
import { drawOf } from './randomSearch.ts'
import {
  type ChoiceParameter,
  type Configuration,
  fromScale,
  inForce,
  orderedParameters,
  type Parameter,
  type SearchSpace,
  scaleOf,
  toScale,
} from './searchSpace.ts'

export const TPE_SETTINGS = {
  startup: {
    default: 20,
    min: 1,
    max: 1e6,
    whole: true,
    doc: 'First trials, drawn at random, before anything is learnt.',
  },
  gamma: { default: 0.15, min: 0.01, max: 0.5, doc: 'Share of trials that count as good.' },
  goodMax: { default: 25, min: 1, max: 1e6, whole: true, doc: 'At most this many trials count as good.' },
  candidates: {
    default: 24,
    min: 1,
    max: 10_000,
    whole: true,
    doc: 'Draws from the good density a value is chosen among.',
  },
  parallel: {
    default: 8,
    min: 0,
    max: 100_000,
    whole: true,
    doc: 'Trial n learns from trials below n − parallel only, so that many can run at once with the same result.',
  },
} as const satisfies SettingsShape

type Numeric = Exclude<Parameter, ChoiceParameter>

/**
 * Deterministic in (space, seed, settings) and in the order of trial numbers, not of completion: see `proposer.ts`.
 *
 * @throws {GimbalError} `config-invalid` for a space or settings that make no sense.
 */
export function tpe(space: SearchSpace, seed: number, given: Readonly<Record<string, SettingValue>> = {}): Proposer {
  const settings = readSettings('search tpe', TPE_SETTINGS, given)
  const names = orderedParameters(space)
  const { parallel } = settings

  function propose(number: number, known: readonly Tried[], open: readonly Configuration[]): Configuration {
    if (known.length < settings.startup) return drawOf(space, seed, number)
    const ranked = [...known].sort(
      (a, b) =>
        // Infinity − Infinity is NaN, for which `||` goes on to the number: what could not be scored comes last, in order.
        (a.loss ?? Number.POSITIVE_INFINITY) - (b.loss ?? Number.POSITIVE_INFINITY) || a.number - b.number,
    )
    const goodCount = Math.min(settings.goodMax, Math.ceil(settings.gamma * known.length))
    const good = ranked.slice(0, goodCount).map(({ configuration }) => configuration)
    const rest = [...ranked.slice(goodCount).map(({ configuration }) => configuration), ...open]
    const random = new Random(seed).fork(`trial ${number}`).fork('tpe')
    const chosen: Record<string, SettingValue> = {}
    for (const name of names) {
      const parameter = space[name]!
      if (!inForce(parameter, chosen)) continue
      const stream = random.fork(name)
      const values = (trials: readonly Configuration[]) =>
        trials.flatMap((each) => (Object.hasOwn(each, name) ? [each[name]!] : []))
      chosen[name] =
        parameter.kind === 'choice'
          ? chooseValue(parameter, values(good), values(rest), stream, settings.candidates)
          : chooseNumber(parameter, values(good) as number[], values(rest) as number[], stream, settings.candidates)
    }
    return chosen
  }
  return { parallel, propose }
}

/** Of `candidates` draws from the good, the value with the greatest ratio of shares. */
function chooseValue(
  { values }: ChoiceParameter,
  good: readonly SettingValue[],
  rest: readonly SettingValue[],
  random: Random,
  candidates: number,
): SettingValue {
  const share = (taken: readonly SettingValue[]) => {
    // The prior weighs as much as one trial, spread over all values: none is ever ruled out.
    const counts = values.map((value) => 1 / values.length + taken.filter((each) => each === value).length)
    return counts.map((count) => count / (taken.length + 1))
  }
  const likely = share(good)
  const unlikely = share(rest)
  let best = 0
  let bestRatio = Number.NEGATIVE_INFINITY
  for (let draw = 0; draw < candidates; draw++) {
    let at = 0
    for (let left = random.uniform() - likely[0]!; left >= 0 && at < values.length - 1; left -= likely[at]!) at++
    const ratio = likely[at]! / unlikely[at]!
    if (ratio > bestRatio) {
      bestRatio = ratio
      best = at
    }
  }
  return values[best]!
}

function chooseNumber(
  parameter: Numeric,
  good: readonly number[],
  rest: readonly number[],
  random: Random,
  candidates: number,
): number {
  const likely = new ParzenDensity(parameter, good)
  const unlikely = new ParzenDensity(parameter, rest)
  let best = Number.NaN
  let bestRatio = Number.NEGATIVE_INFINITY
  for (let draw = 0; draw < candidates; draw++) {
    const value = fromScale(parameter, likely.draw(random))
    const ratio = Math.log(likely.mass(value)) - Math.log(unlikely.mass(value))
    if (ratio > bestRatio) {
      bestRatio = ratio
      best = value
    }
  }
  return best
}

/** The prior and a normal around each trial, in equal parts, on the scale of one number. */
export class ParzenDensity {
  readonly #parameter: Numeric
  readonly #low: number
  readonly #high: number
  readonly #centres: Float64Array
  readonly #widths: Float64Array
  /** Of each normal, what lies below the scale and how much within it. */
  readonly #below: Float64Array
  readonly #within: Float64Array

  /** @param values Of the trials, in the unit of the parameter. */
  constructor(parameter: Numeric, values: readonly number[]) {
    this.#parameter = parameter
    const { low, high } = scaleOf(parameter)
    this.#low = low
    this.#high = high
    const centres = Float64Array.from(values, (value) => toScale(parameter, value)).sort()
    const count = centres.length
    // Hyperopt's bounds: the more trials, the narrower a normal may be, down to a hundredth of the scale.
    const narrowest = (high - low) / Math.min(100, count + 1)
    this.#centres = centres
    this.#widths = new Float64Array(count)
    this.#below = new Float64Array(count)
    this.#within = new Float64Array(count)
    for (let i = 0; i < count; i++) {
      const left = centres[i]! - (i > 0 ? centres[i - 1]! : low)
      const right = (i < count - 1 ? centres[i + 1]! : high) - centres[i]!
      const width = Math.min(high - low, Math.max(left, right, narrowest))
      this.#widths[i] = width
      this.#below[i] = normalCdf((low - centres[i]!) / width)
      this.#within[i] = normalCdf((high - centres[i]!) / width) - this.#below[i]!
    }
  }

  /** A place on the scale, drawn from the density. */
  draw(random: Random): number {
    const at = random.integer(0, this.#centres.length) - 1
    if (at < 0) return this.#low + random.uniform() * (this.#high - this.#low)
    // At least 0.34 of a normal no wider than the scale around a point on it lies within, so this ends at once.
    for (;;) {
      const place = this.#centres[at]! + this.#widths[at]! * random.normal()
      if (place >= this.#low && place <= this.#high) return place
    }
  }

  /** How likely a value is: density on the scale, or for whole numbers the probability of the value itself. */
  mass(value: number): number {
    const whole = this.#parameter.kind === 'integer'
    const from = toScale(this.#parameter, whole ? value - 0.5 : value)
    const to = whole ? toScale(this.#parameter, value + 0.5) : from
    let sum = (whole ? to - from : 1) / (this.#high - this.#low)
    for (let i = 0; i < this.#centres.length; i++) {
      const width = this.#widths[i]!
      const z = (from - this.#centres[i]!) / width
      const part = whole
        ? normalCdf((to - this.#centres[i]!) / width) - normalCdf(z)
        : Math.exp(-0.5 * z * z) / (width * Math.sqrt(2 * Math.PI))
      sum += part / this.#within[i]!
    }
    return sum / (this.#centres.length + 1)
  }
}
