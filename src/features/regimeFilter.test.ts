/**
 * Goal: the filter and the detector say what probability theory says, of the past alone.
 *
 * Method: every path of states, and every set of breaks, of short series enumerated and weighed one by one; densities of
 * segments from the closed form of the evidence, with a gamma function of another make; planted breaks; the cap against the
 * uncapped recursion; outliers that underflow; copies and restarts.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import {
  BreakDetector,
  type BreakParameters,
  HiddenMarkovFilter,
  type HiddenMarkovParameters,
  logGammaRatio,
  stationaryDistribution,
} from './regimeFilter.ts'

/** A random model of two to four states. */
function model(states: number, random: Random): HiddenMarkovParameters {
  const distribution = () => {
    const raw = Array.from({ length: states }, () => 0.05 + random.uniform())
    const sum = raw.reduce((total, each) => total + each, 0)
    return raw.map((each) => each / sum)
  }
  return {
    means: Array.from({ length: states }, () => random.normal()),
    variances: Array.from({ length: states }, () => 0.1 + 3 * random.uniform()).sort((a, b) => a - b),
    transition: Array.from({ length: states }, distribution),
    initial: distribution(),
  }
}

/** Probability of each state at the last step, and the likelihood, by adding up every path. */
function everyPath({ means, variances, transition, initial }: HiddenMarkovParameters, series: number[]) {
  const states = means.length
  const ends = new Array<number>(states).fill(0)
  for (let code = 0; code < states ** series.length; code++) {
    let weight = 1
    let before = -1
    let rest = code
    for (const x of series) {
      const state = rest % states
      rest = Math.floor(rest / states)
      weight *= before < 0 ? initial[state]! : transition[before]![state]!
      if (!Number.isNaN(x))
        weight *=
          Math.exp((-0.5 * (x - means[state]!) ** 2) / variances[state]!) / Math.sqrt(2 * Math.PI * variances[state]!)
      before = state
    }
    ends[before]! += weight
  }
  const likelihood = ends.reduce((sum, each) => sum + each, 0)
  return { probabilities: ends.map((each) => each / likelihood), likelihood }
}

describe('hidden Markov filter', () => {
  test('says what all paths together say, missing figures included', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 4 }), fc.integer({ min: 1, max: 6 }), fc.nat(), (states, steps, seed) => {
        const random = new Random(seed)
        const parameters = model(states, random)
        const series = Array.from({ length: steps }, () => (random.uniform() < 0.2 ? Number.NaN : 2 * random.normal()))
        const filter = new HiddenMarkovFilter(parameters)
        let logLikelihood = 0
        for (const [t, x] of series.entries()) {
          filter.update(x)
          logLikelihood += filter.logDensity
          const wanted = everyPath(parameters, series.slice(0, t + 1))
          for (let i = 0; i < states; i++) expect(filter.probabilities[i]).toBeCloseTo(wanted.probabilities[i]!, 11)
          expect(logLikelihood).toBeCloseTo(Math.log(wanted.likelihood), 9)
        }
      }),
      { numRuns: 60 },
    )
  })

  const CALM_AND_WILD: HiddenMarkovParameters = {
    means: [0, 0],
    variances: [1e-8, 1e-4],
    transition: [
      [0.99, 0.01],
      [0.05, 0.95],
    ],
    initial: [0.5, 0.5],
  }

  test('expects the variance of the mixture the next step is', () => {
    const filter = new HiddenMarkovFilter({ ...CALM_AND_WILD, means: [0.001, -0.002] })
    filter.update(1e-4)
    const p = filter.probabilities[0]! * 0.99 + filter.probabilities[1]! * 0.05
    const mean = p * 0.001 - (1 - p) * 0.002
    const square = p * (1e-8 + 1e-6) + (1 - p) * (1e-4 + 4e-6)
    expect(filter.expectedVariance / (square - mean * mean)).toBeCloseTo(1, 12)
  })

  test('an outlier beyond every state is no accident: probabilities stay probabilities', () => {
    const filter = new HiddenMarkovFilter(CALM_AND_WILD)
    for (const x of [0, 5, -1e6, 0]) {
      filter.update(x)
      expect(filter.probabilities[0]! + filter.probabilities[1]!).toBeCloseTo(1, 12)
      expect(Number.isFinite(filter.expectedVariance)).toBe(true)
    }
  })

  test('left alone it forgets towards the long run', () => {
    const filter = new HiddenMarkovFilter(CALM_AND_WILD)
    filter.update(0.01)
    for (let i = 0; i < 1000; i++) filter.update(Number.NaN)
    const longRun = stationaryDistribution(CALM_AND_WILD.transition)
    expect(longRun[0]).toBeCloseTo(5 / 6, 12)
    expect(filter.probabilities[0]).toBeCloseTo(5 / 6, 12)
  })

  test('a copy goes on as the original, and starting over forgets all', () => {
    const [filter, copy] = [new HiddenMarkovFilter(CALM_AND_WILD), new HiddenMarkovFilter(CALM_AND_WILD)]
    for (const x of [1e-4, 0.02, 3e-3]) filter.update(x)
    copy.copyFrom(filter)
    filter.update(1e-3)
    copy.update(1e-3)
    expect(copy.probabilities).toEqual(filter.probabilities)
    copy.reset()
    copy.update(1e-3)
    const fresh = new HiddenMarkovFilter(CALM_AND_WILD)
    fresh.update(1e-3)
    expect(copy.probabilities).toEqual(fresh.probabilities)
  })

  test.each([
    ['variances out of order', { variances: [1e-4, 1e-8] }],
    ['a variance of zero', { variances: [0, 1] }],
    [
      'a row that does not sum to 1',
      {
        transition: [
          [0.9, 0.2],
          [0.5, 0.5],
        ],
      },
    ],
    ['a negative probability', { initial: [1.5, -0.5] }],
    ['one mean too few', { means: [0] }],
  ])('%s are refused', (_, wrong) => {
    expect(() => new HiddenMarkovFilter({ ...CALM_AND_WILD, ...wrong })).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
  })
})

const PRIOR: BreakParameters = { hazard: 0.1, runLengthMax: 50, mean: 0.2, strength: 0.7, shape: 1.3, scale: 0.9 }

/** Lanczos's approximation (g = 7, n = 9), good to 1e-13: independent of the one under test. */
function logGamma(x: number): number {
  const c = [
    0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313, -176.61502916214059,
    12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6, 1.5056327351493116e-7,
  ]
  let sum = c[0]!
  for (let i = 1; i < 9; i++) sum += c[i]! / (x - 1 + i)
  const t = x + 6.5
  return 0.5 * Math.log(2 * Math.PI) + (x - 0.5) * Math.log(t) - t + Math.log(sum)
}

/** Log evidence of one segment under the prior: K. Murphy (2007), equation 95. */
function logEvidence(x: number[], { mean, strength, shape, scale }: BreakParameters): number {
  const n = x.length
  if (n === 0) return 0
  const centre = x.reduce((sum, each) => sum + each, 0) / n
  const squares = x.reduce((sum, each) => sum + (each - centre) ** 2, 0)
  const scaleN = scale + squares / 2 + (strength * n * (centre - mean) ** 2) / (2 * (strength + n))
  const shapeN = shape + n / 2
  return (
    logGamma(shapeN) -
    logGamma(shape) +
    shape * Math.log(scale) -
    shapeN * Math.log(scaleN) +
    0.5 * Math.log(strength / (strength + n)) -
    (n / 2) * Math.log(2 * Math.PI)
  )
}

/** Probability of each run length, and the likelihood, by adding up every set of breaks between and after the figures. */
function everyBreak(series: number[], prior: BreakParameters) {
  const n = series.length
  const runs = new Array<number>(n + 1).fill(0)
  // Bit t: a break follows figure t.
  for (let breaks = 0; breaks < 2 ** n; breaks++) {
    let log = 0
    let start = 0
    for (let t = 0; t < n; t++) {
      const broke = ((breaks >> t) & 1) === 1
      log += Math.log(broke ? prior.hazard : 1 - prior.hazard)
      if (broke) {
        log += logEvidence(series.slice(start, t + 1), prior)
        start = t + 1
      }
    }
    runs[n - start]! += Math.exp(log + logEvidence(series.slice(start), prior))
  }
  const likelihood = runs.reduce((sum, each) => sum + each, 0)
  return { probabilities: runs.map((each) => each / likelihood), likelihood }
}

describe('detector of breaks', () => {
  test('says what all sets of breaks together say', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 9 }), fc.nat(), (steps, seed) => {
        const random = new Random(seed)
        const series = Array.from({ length: steps }, (_, t) => (t > 4 ? 3 : 0.5) * random.normal())
        const detector = new BreakDetector(PRIOR)
        let logLikelihood = 0
        for (const x of series) {
          detector.update(x)
          logLikelihood += detector.logDensity
        }
        const wanted = everyBreak(series, PRIOR)
        for (const [run, each] of wanted.probabilities.entries())
          expect(detector.probabilities[run]).toBeCloseTo(each, 11)
        expect(logLikelihood).toBeCloseTo(Math.log(wanted.likelihood), 9)
        const mean = wanted.probabilities.reduce((sum, each, run) => sum + run * each, 0)
        expect(detector.expectedRunLength).toBeCloseTo(mean, 9)
      }),
      { numRuns: 40 },
    )
  })

  test('run lengths sum to 1 for as long as it runs, cap or no cap, and the last step was a break as often as breaks are', () => {
    const random = new Random(3)
    const detector = new BreakDetector({ ...PRIOR, runLengthMax: 20 })
    for (let t = 0; t < 500; t++) {
      detector.update((t % 100 < 50 ? 0.1 : 5) * random.normal())
      expect(detector.probabilities.reduce((sum, each) => sum + each, 0)).toBeCloseTo(1, 12)
      expect(detector.probabilities[0]).toBe(PRIOR.hazard)
    }
  })

  test('a deviation that trebles is noticed within 15 steps, one that falls to a third within 25, in nine of ten markets', () => {
    let [risen, fallen] = [0, 0]
    for (let seed = 0; seed < 40; seed++) {
      const random = new Random(seed)
      const detector = new BreakDetector({
        hazard: 1 / 200,
        runLengthMax: 300,
        mean: 0,
        strength: 10,
        shape: 1,
        scale: 1,
      })
      const noticed = (deviation: number, steps: number) => {
        for (let t = 0; t < steps; t++) detector.update(deviation * random.normal())
        // The break itself may be placed a few steps early.
        return detector.recent(steps + 10) > 0.5
      }
      for (let t = 0; t < 150; t++) detector.update(random.normal())
      if (noticed(3, 15)) risen++
      for (let t = 0; t < 150; t++) detector.update(3 * random.normal())
      if (noticed(1, 25)) fallen++
    }
    expect(risen).toBeGreaterThanOrEqual(36)
    expect(fallen).toBeGreaterThanOrEqual(36)
  })

  test('without a break, none is seen', () => {
    let seen = 0
    for (let seed = 100; seed < 120; seed++) {
      const random = new Random(seed)
      const detector = new BreakDetector({
        hazard: 1 / 500,
        runLengthMax: 300,
        mean: 0,
        strength: 10,
        shape: 1,
        scale: 1,
      })
      for (let t = 0; t < 250; t++) detector.update(random.normal())
      if (detector.recent(30) > 0.5) seen++
    }
    expect(seen).toBeLessThanOrEqual(2)
  })

  test('a cap of 200 changes little of what a cap of 2000 says, and goes on for ever', () => {
    const random = new Random(5)
    const [short, long] = [200, 2000].map(
      (runLengthMax) => new BreakDetector({ hazard: 1 / 300, runLengthMax, mean: 0, strength: 10, shape: 1, scale: 1 }),
    ) as [BreakDetector, BreakDetector]
    for (let t = 0; t < 1500; t++) {
      const x = (t < 900 ? 1 : 2.5) * random.normal()
      short.update(x)
      long.update(x)
      expect(Math.abs(short.recent(20) - long.recent(20))).toBeLessThan(0.1)
      expect(short.expectedRunLength).toBeLessThanOrEqual(200 + 1e-9)
    }
  })

  test('a missing figure is no figure', () => {
    const [holed, whole] = [new BreakDetector(PRIOR), new BreakDetector(PRIOR)]
    for (const x of [1, 2, Number.NaN, 3]) holed.update(x)
    for (const x of [1, 2, 3]) whole.update(x)
    expect(holed.probabilities).toEqual(whole.probabilities)
  })

  test('a copy goes on as the original, and starting over forgets all', () => {
    const [detector, copy] = [new BreakDetector(PRIOR), new BreakDetector(PRIOR)]
    for (const x of [1, 2, -8, 9]) detector.update(x)
    copy.copyFrom(detector)
    detector.update(0.3)
    copy.update(0.3)
    expect(copy.probabilities).toEqual(detector.probabilities)
    copy.reset()
    copy.update(0.3)
    const fresh = new BreakDetector(PRIOR)
    fresh.update(0.3)
    expect(copy.probabilities).toEqual(fresh.probabilities)
    expect(copy.logDensity).toBe(fresh.logDensity)
  })

  test.each([
    { hazard: 0 },
    { hazard: 1 },
    { runLengthMax: 0.5 },
    { scale: 0 },
    { strength: -1 },
    { mean: Number.NaN },
  ])('a belief of %j is refused', (wrong) => {
    expect(() => new BreakDetector({ ...PRIOR, ...wrong })).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  })
})

test('ln Γ(a + 1/2) - ln Γ(a) agrees with the gamma function, and exactly where it is known', () => {
  expect(logGammaRatio(1)).toBeCloseTo(Math.log(Math.sqrt(Math.PI) / 2), 14)
  expect(logGammaRatio(0.5)).toBeCloseTo(-0.5 * Math.log(Math.PI), 14)
  for (const a of [0.03, 0.7, 3.3, 29.9, 30, 41.5, 1000])
    expect(logGammaRatio(a)).toBeCloseTo(logGamma(a + 0.5) - logGamma(a), 11)
})
