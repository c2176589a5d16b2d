/**
 * Goal: regimes that are there are found, with their parameters; nothing said online knows the future.
 *
 * Method: markets simulated from known models of two and three states; the likelihood along every fit; the best of other
 * starts; smoothing against every path enumerated; permuted futures; missing steps; units.
 */

import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import type { HiddenMarkovParameters } from '../../features/regimeFilter.ts'
import {
  filteredProbabilities,
  fitHiddenMarkov,
  hiddenMarkovLogLikelihood,
  smoothedProbabilities,
} from './hiddenMarkov.ts'

function simulate({ means, variances, transition, initial }: HiddenMarkovParameters, steps: number, seed: number) {
  const random = new Random(seed)
  const draw = (distribution: readonly number[]) => {
    let rest = random.uniform()
    const at = distribution.findIndex((each) => (rest -= each) < 0)
    return at < 0 ? distribution.length - 1 : at
  }
  const states = new Int8Array(steps)
  const x = new Float64Array(steps)
  for (let t = 0; t < steps; t++) {
    states[t] = draw(t === 0 ? initial : transition[states[t - 1]!]!)
    x[t] = means[states[t]!]! + Math.sqrt(variances[states[t]!]!) * random.normal()
  }
  return { states, x }
}

const TWO: HiddenMarkovParameters = {
  means: [0, 0],
  variances: [4e-7, 6e-6],
  transition: [
    [0.98, 0.02],
    [0.06, 0.94],
  ],
  initial: [0.75, 0.25],
}

const THREE: HiddenMarkovParameters = {
  means: [0.0003, 0, -0.004],
  variances: [4e-7, 4e-6, 6e-5],
  transition: [
    [0.97, 0.02, 0.01],
    [0.03, 0.95, 0.02],
    [0.01, 0.07, 0.92],
  ],
  initial: [1, 0, 0],
}

test('two regimes of variance come back, seed after seed', () => {
  for (let seed = 1; seed <= 5; seed++) {
    const { x, states } = simulate(TWO, 6000, seed)
    const { parameters, logLikelihood, settled } = fitHiddenMarkov(x, { states: 2, means: 'zero' }, new Random(seed))
    expect(settled).toBe(true)
    for (const i of [0, 1]) {
      expect(Math.abs(parameters.variances[i]! / TWO.variances[i]! - 1)).toBeLessThan(0.12)
      expect(Math.abs(parameters.transition[i]![i]! - TWO.transition[i]![i]!)).toBeLessThan(0.02)
      expect(parameters.means[i]).toBe(0)
    }
    expect(logLikelihood).toBeGreaterThan(hiddenMarkovLogLikelihood(TWO, x))
    expect(hiddenMarkovLogLikelihood(parameters, x)).toBeCloseTo(logLikelihood, 5)
    // Online, the more likely regime is the true one about as often as under the true parameters.
    const hits = (probabilities: Float64Array) =>
      states.reduce((sum, state, t) => sum + Number(probabilities[2 * t + state]! > 0.5), 0) / 6000
    expect(hits(filteredProbabilities(parameters, x))).toBeGreaterThan(hits(filteredProbabilities(TWO, x)) - 0.01)
  }
})

test('three regimes with means of their own come back, in order of variance', () => {
  const { x } = simulate(THREE, 20_000, 7)
  const { parameters } = fitHiddenMarkov(x, { states: 3 }, new Random(1))
  for (const i of [0, 1, 2]) {
    const { [i]: variance } = THREE.variances
    expect(Math.abs(parameters.variances[i]! / variance! - 1)).toBeLessThan(0.15)
    expect(Math.abs(parameters.means[i]! - THREE.means[i]!)).toBeLessThan(0.12 * Math.sqrt(variance!))
    for (const j of [0, 1, 2])
      expect(Math.abs(parameters.transition[i]![j]! - THREE.transition[i]![j]!)).toBeLessThan(0.025)
  }
})

test('the likelihood never falls from one iteration to the next, whatever the market', () => {
  for (let seed = 0; seed < 6; seed++) {
    const random = new Random(seed)
    // From no regimes at all to figures that are mostly zero.
    const x = Float64Array.from({ length: 400 }, () =>
      seed % 3 === 0 && random.uniform() < 0.5 ? 0 : random.normal() ** (seed % 3 === 1 ? 3 : 1),
    )
    if (seed % 2 === 0) x[50] = Number.NaN
    for (const states of [2, 4])
      for (const means of ['free', 'zero'] as const) {
        const { path } = fitHiddenMarkov(x, { states, means, restarts: 1 }, new Random(seed))
        for (let i = 1; i < path.length; i++)
          expect(path[i]! - path[i - 1]!).toBeGreaterThan(-1e-9 * Math.abs(path[i]!))
      }
  }
})

test('smoothing says of each step what every path together says, and filtering what was known', () => {
  const { x } = simulate(TWO, 8, 9)
  x[3] = Number.NaN
  const { means, variances, transition, initial } = TWO
  const weights = new Float64Array(16)
  let total = 0
  for (let code = 0; code < 256; code++) {
    let weight = 1
    for (let t = 0; t < 8; t++) {
      const [state, before] = [(code >> t) & 1, (code >> (t - 1)) & 1]
      weight *= t === 0 ? initial[state]! : transition[before]![state]!
      if (t !== 3)
        weight *= Math.exp((-0.5 * (x[t]! - means[state]!) ** 2) / variances[state]!) / Math.sqrt(variances[state]!)
    }
    total += weight
    for (let t = 0; t < 8; t++) weights[2 * t + ((code >> t) & 1)]! += weight
  }
  const smoothed = smoothedProbabilities(TWO, x)
  for (let i = 0; i < 16; i++) expect(smoothed[i]).toBeCloseTo(weights[i]! / total, 11)
  const filtered = filteredProbabilities(TWO, x)
  for (const i of [14, 15]) expect(filtered[i]).toBeCloseTo(smoothed[i]!, 11)
})

test('the future changes what is smoothed and nothing that is filtered', () => {
  const { x } = simulate(TWO, 300, 10)
  const other = x.map((each, t) => (t < 200 ? each : 5 * each))
  expect(filteredProbabilities(TWO, other).subarray(0, 400)).toEqual(filteredProbabilities(TWO, x).subarray(0, 400))
  expect(smoothedProbabilities(TWO, other).subarray(0, 400)).not.toEqual(smoothedProbabilities(TWO, x).subarray(0, 400))
})

test('units only scale the answer, missing steps hardly move it, and the same seed gives the same', () => {
  const { x } = simulate(TWO, 4000, 11)
  const fitted = (series: Float64Array) => fitHiddenMarkov(series, { states: 2 }, new Random(2))
  const plain = fitted(x).parameters
  expect(fitted(x).parameters).toEqual(plain)
  const bps = fitted(x.map((each) => 1e4 * each)).parameters
  const holed = fitted(x.map((each, t) => (t % 20 === 0 ? Number.NaN : each))).parameters
  for (const i of [0, 1]) {
    expect(bps.variances[i]! / plain.variances[i]! / 1e8).toBeCloseTo(1, 6)
    expect(holed.variances[i]! / plain.variances[i]!).toBeCloseTo(1, 0)
  }
})

test('one state, too few figures and figures that never differ are refused', () => {
  const { x } = simulate(TWO, 400, 12)
  expect(() => fitHiddenMarkov(x, { states: 1 }, new Random(1))).toThrow(
    expect.objectContaining({ code: 'config-invalid' }),
  )
  for (const series of [x.subarray(0, 40), new Float64Array(400).fill(0.1)])
    expect(() => fitHiddenMarkov(series, { states: 2 }, new Random(1))).toThrow(
      expect.objectContaining({ code: 'fit-failed' }),
    )
})
