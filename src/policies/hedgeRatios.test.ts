/**
 * Goal: no other holding of the hedges is better, whatever the costs and bounds; and covariances are those of what was heard.
 *
 * Method: the closed form where there is one; worked figures; a fine grid of two holdings as the oracle, and random moves from the
 * answer for more; returns of known correlation.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { type HedgeInstrument, type HedgeProblem, hedgeRatios } from './hedgeRatios.ts'
import { ReturnCovariance } from './returnCovariance.ts'

const free: HedgeInstrument = {
  held: 0,
  costRate: 0,
  impact: 0,
  marginRate: 0,
  carryRate: 0,
  lower: Number.NEGATIVE_INFINITY,
  upper: Number.POSITIVE_INFINITY,
}

/** What is minimised, written as in the definition. */
function objective(
  { instruments, covariance, withBook, riskAversion, ridge }: HedgeProblem,
  h: readonly number[],
): number {
  const n = h.length
  const mean = instruments.reduce((sum, _, j) => sum + covariance[j * n + j]!, 0) / n
  let value = 0
  for (let j = 0; j < n; j++) {
    const { held, costRate, impact, marginRate, carryRate } = instruments[j]!
    value += riskAversion * withBook[j]! * h[j]! + (riskAversion / 2) * ridge * mean * h[j]! ** 2
    value += costRate * Math.abs(h[j]! - held) + (impact / 2) * (h[j]! - held) ** 2
    value += marginRate * Math.abs(h[j]!) + carryRate * h[j]!
    for (let k = 0; k < n; k++) value += (riskAversion / 2) * covariance[j * n + k]! * h[j]! * h[k]!
  }
  return value
}

/** A problem of n hedges with the returns of a factor and their own noise. */
const problems = (n: number) =>
  fc
    .record({
      betas: fc.array(fc.double({ min: 0.5, max: 1.5, noNaN: true }), { minLength: n, maxLength: n }),
      noise: fc.array(fc.double({ min: 1e-4, max: 0.5, noNaN: true }), { minLength: n, maxLength: n }),
      terms: fc.array(
        fc.record({
          held: fc.constantFrom(0, -2, 1.5, 3),
          costRate: fc.constantFrom(0, 0.01, 0.2),
          impact: fc.constantFrom(0, 0.05, 1),
          marginRate: fc.constantFrom(0, 0.02, 0.3),
          carryRate: fc.constantFrom(0, 0.05, -0.1),
          lower: fc.constantFrom(-10, -1, 0),
          upper: fc.constantFrom(0, 2, 10),
        }),
        { minLength: n, maxLength: n },
      ),
      exposure: fc.double({ min: -8, max: 8, noNaN: true }),
      riskAversion: fc.constantFrom(0.1, 1, 5),
    })
    .map(({ betas, noise, terms, exposure, riskAversion }): HedgeProblem => {
      const covariance = new Float64Array(n * n)
      for (let j = 0; j < n; j++)
        for (let k = 0; k < n; k++) covariance[j * n + k] = betas[j]! * betas[k]! + (j === k ? noise[j]! ** 2 : 0)
      return {
        instruments: terms,
        covariance,
        withBook: Float64Array.from(betas, (beta) => beta * exposure),
        riskAversion,
        ridge: 0,
      }
    })

test('without costs it is the regression of the book on the hedge, with its sign turned', () => {
  // A book of 1,000 dollars in a coin of deviation 4 %, hedged by another of 5 % with correlation 0.8: −1,000 × 0.8 × 4/5.
  const plan = hedgeRatios({
    instruments: [free],
    covariance: Float64Array.of(0.0025),
    withBook: Float64Array.of(1000 * 0.8 * 0.04 * 0.05),
    riskAversion: 1e-3,
    ridge: 0,
  })
  expect(plan.holdings[0]).toBeCloseTo(-640, 9)
  // What is left is 1 − 0.8² of the variance.
  expect(plan.varianceChange).toBeCloseTo(-(0.8 ** 2) * (1000 * 0.04) ** 2, 6)
})

test('of two perpetuals alike the one that costs less is used, until its bound', () => {
  const problem = (upperCheap: number): HedgeProblem => ({
    instruments: [
      { ...free, costRate: 0.0005, lower: -upperCheap },
      { ...free, costRate: 0.001 },
    ],
    covariance: Float64Array.of(0.0016, 0.0016 * 0.99999, 0.0016 * 0.99999, 0.0016),
    withBook: Float64Array.of(0.0016 * 10_000, 0.0016 * 10_000),
    riskAversion: 1e-2,
    ridge: 0,
  })
  const wide = hedgeRatios(problem(1e9)).holdings
  // The last 31 dollars (0.0005 / (0.01 × 0.0016)) of risk are not worth their cost.
  expect(wide[0]).toBeCloseTo(-(10_000 - 31.25), 6)
  expect(wide[1]).toBe(0)
  const narrow = hedgeRatios(problem(4000)).holdings
  expect(narrow[0]).toBe(-4000)
  expect(narrow[1]).toBeCloseTo(-(10_000 - 62.5 - 4000 * 0.99999), 6)
})

test('what is held stays held where moving it costs more than it brings', () => {
  const plan = hedgeRatios({
    instruments: [{ ...free, held: -9_990, costRate: 0.0005 }],
    covariance: Float64Array.of(0.0016),
    withBook: Float64Array.of(16),
    riskAversion: 1e-2,
    ridge: 0,
  })
  expect(plan.holdings[0]).toBe(-9_990)
  expect(plan.tradeCost).toBe(0)
})

test('a thin market’s cost spreads a hedge over venues by what each can bear', () => {
  const { holdings } = hedgeRatios({
    instruments: [
      { ...free, impact: 1e-6 },
      { ...free, impact: 3e-6 },
    ],
    covariance: Float64Array.of(0.01, 0.01, 0.01, 0.01),
    withBook: Float64Array.of(1000, 1000),
    riskAversion: 1,
    ridge: 0,
  })
  expect(holdings[0]! / holdings[1]!).toBeCloseTo(3, 6)
  expect(holdings[0]! + holdings[1]!).toBeCloseTo(-100_000, -2)
})

test('two hedges: no point of a fine grid is better', () => {
  fc.assert(
    fc.property(problems(2), (problem) => {
      const best = objective(problem, [...hedgeRatios(problem).holdings])
      const [a, b] = problem.instruments
      for (let i = 0; i <= 40; i++)
        for (let j = 0; j <= 40; j++) {
          const point = [a!.lower + ((a!.upper - a!.lower) * i) / 40, b!.lower + ((b!.upper - b!.lower) * j) / 40]
          expect(objective(problem, point)).toBeGreaterThanOrEqual(best - 1e-9)
        }
    }),
    { numRuns: 60 },
  )
})

test('five hedges: no move from the answer is better, and bounds hold', () => {
  fc.assert(
    fc.property(problems(5), fc.integer({ min: 1, max: 1e9 }), (problem, seed) => {
      const { holdings } = hedgeRatios(problem)
      const best = objective(problem, [...holdings])
      const random = new Random(seed)
      for (const [j, { lower, upper }] of problem.instruments.entries()) {
        expect(holdings[j]).toBeGreaterThanOrEqual(lower)
        expect(holdings[j]).toBeLessThanOrEqual(upper)
      }
      for (let move = 0; move < 60; move++) {
        const size = 10 ** -random.integer(0, 6)
        const point = problem.instruments.map(({ lower, upper }, j) =>
          Math.min(upper, Math.max(lower, holdings[j]! + size * random.normal())),
        )
        expect(objective(problem, point)).toBeGreaterThanOrEqual(best - 1e-9)
      }
    }),
    { numRuns: 200 },
  )
})

test.each([
  { instruments: [] },
  { covariance: Float64Array.of(0) },
  { covariance: Float64Array.of(1, 2) },
  { withBook: Float64Array.of(Number.NaN) },
  { riskAversion: 0 },
  { ridge: -1 },
  { instruments: [{ ...free, costRate: -1 }] },
  { instruments: [{ ...free, lower: 2, upper: 1 }] },
])('%j is refused', (change) => {
  const sound = {
    instruments: [free],
    covariance: Float64Array.of(1),
    withBook: Float64Array.of(1),
    riskAversion: 1,
    ridge: 0,
  }
  expect(() => hedgeRatios({ ...sound, ...change })).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})

describe('covariance as it is heard', () => {
  test('returns of known deviation and correlation, one heard a little later than the other', () => {
    const covariance = new ReturnCovariance(2, 60e6, 30 * 86_400e6)
    const random = new Random(4)
    let first = Math.log(100)
    let second = Math.log(50)
    for (let minute = 1; minute <= 20_000; minute++) {
      const common = random.normal()
      first += 0.001 * common
      second += 0.002 * (0.6 * common + 0.8 * random.normal())
      covariance.update(0, minute * 60e6 + 1e6, Math.exp(first))
      covariance.update(1, minute * 60e6 + 9e6, Math.exp(second))
    }
    const hour = 3600e6
    expect(covariance.over(0, 0, hour) / (60 * 0.001 ** 2)).toBeCloseTo(1, 1)
    expect(covariance.over(1, 1, hour) / (60 * 0.002 ** 2)).toBeCloseTo(1, 1)
    expect(covariance.over(0, 1, hour) / (60 * 0.6 * 0.001 * 0.002)).toBeCloseTo(1, 1)
    expect(covariance.over(1, 0, hour)).toBe(covariance.over(0, 1, hour))
  })

  test('says nothing before it has heard enough of all', () => {
    const covariance = new ReturnCovariance(2, 60e6, 3600e6, 3)
    for (let minute = 0; minute < 50; minute++) covariance.update(0, minute * 60e6, 100 + minute)
    expect(covariance.known).toBe(false)
    expect(covariance.over(0, 0, 60e6)).toBeNaN()
    for (let minute = 50; minute < 55; minute++)
      for (const which of [0, 1]) covariance.update(which, minute * 60e6, 100 + minute)
    expect(covariance.known).toBe(true)
  })

  test('a half-life no longer than the grid is refused', () => {
    expect(() => new ReturnCovariance(1, 60e6, 60e6)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  })
})
