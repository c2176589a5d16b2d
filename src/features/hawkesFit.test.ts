/**
 * Goal: the most likely Hawkes process is found, and its branching ratio recovered.
 *
 * Method: reference vectors (where GIMBAL_SHARED has them); the likelihood as a plain double sum; processes simulated by
 * thinning with known parameters.
 */

import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { fitHawkes, type HawkesExponential, hawkesLogLikelihood, hawkesResiduals } from './hawkesFit.ts'

/** Events of a process until there are `count`, by Ogata's thinning. */
function simulate({ baseline, jump, decay }: HawkesExponential, count: number, seed: number): number[] {
  const random = new Random(seed)
  const times: number[] = []
  let now = 0
  let excited = 0
  while (times.length < count) {
    const bound = baseline + excited
    const wait = random.exponential(1 / bound)
    now += wait
    excited *= Math.exp(-decay * wait)
    if (random.uniform() * bound > baseline + excited) continue
    times.push(now)
    excited += jump
  }
  return times
}

/** Greatest distance between the distribution of figures and the exponential's with mean 1. */
function kolmogorov(figures: Float64Array): number {
  const sorted = Float64Array.from(figures).sort()
  const n = sorted.length
  return Math.max(...Array.from(sorted, (x, i) => Math.max((i + 1) / n - (1 - Math.exp(-x)), 1 - Math.exp(-x) - i / n)))
}

const vectors = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/reference/vectors/t10_hawkes_exp.json`
const absent = !existsSync(vectors)

describe.skipIf(absent)(absent ? 'reference vectors: skipped, GIMBAL_SHARED has none' : 'reference vectors', () => {
  interface Case {
    true: { mu: number; alpha: number; beta: number; T: number }
    times: number[]
    loglik_at_true: number
    loglik_at_half_mu: number
    mle: { mu: number; alpha: number; beta: number; branching: number }
    loglik_mle: number
    ks_residuals: { stat: number }
  }
  const cases = absent ? [] : (JSON.parse(readFileSync(vectors, 'utf8')).cases as Case[])
  const numbered = cases.map((each, i) => [i, each] as const)
  const near = (value: number, expected: number) => Math.abs(value / expected - 1)

  test.each(numbered)('log-likelihood, case %i', (_i, { true: { mu, alpha, beta, T }, times, ...wanted }) => {
    const process = { baseline: mu, jump: alpha, decay: beta }
    expect(near(hawkesLogLikelihood(times, T, process), wanted.loglik_at_true)).toBeLessThan(1e-12)
    const half = hawkesLogLikelihood(times, T, { ...process, baseline: mu / 2 })
    expect(near(half, wanted.loglik_at_half_mu)).toBeLessThan(1e-12)
  })

  test.each(numbered)('maximum likelihood, case %i', (_i, { true: { T }, times, mle, loglik_mle }) => {
    const fit = fitHawkes(times, T)
    expect(near(fit.baseline, mle.mu)).toBeLessThan(1e-5)
    expect(near(fit.jump, mle.alpha)).toBeLessThan(1e-5)
    expect(near(fit.decay, mle.beta)).toBeLessThan(1e-5)
    expect(near(fit.branching, mle.branching)).toBeLessThan(1e-5)
    expect(near(fit.logLikelihood, loglik_mle)).toBeLessThan(1e-9)
  })

  test.each(numbered)(
    'residuals are exponential, case %i',
    (_i, { true: { mu, alpha, beta, T }, times, ...wanted }) => {
      const fit = fitHawkes(times, T)
      const distances = [fit, { baseline: mu, jump: alpha, decay: beta }].map((each) =>
        kolmogorov(hawkesResiduals(times, each)),
      )
      expect(Math.min(...distances.map((distance) => near(distance, wanted.ks_residuals.stat)))).toBeLessThan(1e-4)
    },
  )
})

test('the likelihood is its definition, summed the slow way', () => {
  const process = { baseline: 0.4, jump: 1.1, decay: 1.9 }
  const times = simulate(process, 60, 5)
  const horizon = times.at(-1)! + 0.7
  let slow = -process.baseline * horizon
  for (const [i, time] of times.entries()) {
    let intensity = process.baseline
    for (const before of times.slice(0, i)) intensity += process.jump * Math.exp(-process.decay * (time - before))
    slow += Math.log(intensity) - (process.jump / process.decay) * (1 - Math.exp(-process.decay * (horizon - time)))
  }
  expect(Math.abs(hawkesLogLikelihood(times, horizon, process) / slow - 1)).toBeLessThan(1e-13)
  const residuals = hawkesResiduals(times, process)
  let total = process.baseline * times.at(-1)!
  for (const time of times)
    total += (process.jump / process.decay) * (1 - Math.exp(-process.decay * (times.at(-1)! - time)))
  expect(residuals.reduce((sum, each) => sum + each, 0)).toBeCloseTo(total, 10)
})

// Five seeds each: the standard error of the ratio on 2,000 events is about 0.02 to 0.03.
test.each([
  [0.3, 1],
  [0.6, 5],
  [0.8, 2],
])('branching %f with decay %f is recovered on 2,000 events', (branching, decay) => {
  const errors = [1, 2, 3, 4, 5].map((seed) => {
    const times = simulate({ baseline: 1, jump: branching * decay, decay }, 2000, seed)
    return fitHawkes(times, times.at(-1)!).branching - branching
  })
  const mean = errors.reduce((sum, each) => sum + each, 0) / errors.length
  expect(Math.abs(mean)).toBeLessThan(0.03)
  for (const error of errors) expect(Math.abs(error)).toBeLessThan(0.1)
  expect(errors.filter((error) => Math.abs(error) < 0.05).length).toBeGreaterThanOrEqual(4)
})

test('events at a constant rate have next to no branching, and no likelihood to show for it', () => {
  const branchings = [1, 2, 3, 4, 5].map((seed) => {
    const random = new Random(seed)
    let now = 0
    const times = Array.from({ length: 2000 }, () => (now += random.exponential(1)))
    const fit = fitHawkes(times, now)
    // Two parameters more than a constant rate, and no likelier than chance makes it.
    const gain = fit.logLikelihood - (2000 * Math.log(2000 / now) - 2000)
    expect(gain).toBeGreaterThanOrEqual(-1e-9)
    expect(gain).toBeLessThan(6)
    return fit.branching
  })
  expect(branchings.sort((a, b) => a - b)[2]).toBeLessThan(0.08)
})

test('events like clockwork have none', () => {
  const times = Array.from({ length: 100 }, (_, i) => i + 1)
  expect(fitHawkes(times, 100)).toMatchObject({ jump: 0, branching: 0, baseline: 1 })
})

test('events of one moment do not cause one another, however short the memory', () => {
  const process = { baseline: 0.4, jump: 1.1, decay: 1.9 }
  const times = [1, 1, 1, 2.5, 2.5, 4]
  let slow = -process.baseline * 5
  for (const time of times) {
    const before = times.filter((each) => each < time)
    const excited = before.reduce((sum, each) => sum + process.jump * Math.exp(-process.decay * (time - each)), 0)
    slow += Math.log(process.baseline + excited)
    slow -= (process.jump / process.decay) * (1 - Math.exp(-process.decay * (5 - time)))
  }
  expect(hawkesLogLikelihood(times, 5, process)).toBeCloseTo(slow, 12)
  // A clock that strikes three times at once excites nothing.
  const chimes = Array.from({ length: 300 }, (_, i) => Math.floor(i / 3) + 1)
  expect(fitHawkes(chimes, 100)).toMatchObject({ jump: 0, branching: 0, baseline: 3 })
})

test.each([
  ['times out of order', [2, 1], 3, 1],
  ['a time that is no number', [Number.NaN], 3, 1],
  ['an endless horizon', [1], Number.POSITIVE_INFINITY, 1],
  ['a decay of 0', [1], 3, 0],
])('no likelihood is made of %s', (_what, times, horizon, decay) => {
  const invalid = expect.objectContaining({ code: 'argument-invalid' })
  expect(() => hawkesLogLikelihood(times, horizon, { baseline: 1, jump: 1, decay })).toThrow(invalid)
})

test.each([
  ['too few', [1, 2, 3], 10],
  ['out of order', [1, 2, 3, 4, 5, 4, 7, 8, 9, 10], 10],
  ['after the horizon', [1, 2, 3, 4, 5, 6, 7, 8, 9, 11], 10],
  ['before 0', [-1, 2, 3, 4, 5, 6, 7, 8, 9, 10], 10],
])('events %s are refused', (_what, times, horizon) => {
  expect(() => fitHawkes(times, horizon)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})
