/**
 * Goal: one forecast is called better than another as often as chance allows, with overlapping horizons, too.
 *
 * Method: the formulas term by term on small cases; tabulated values of Student's t; the size of the test and the coverage of
 * intervals over many worlds in which neither forecast is better.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { dieboldMariano, meanInterval } from './dieboldMariano.ts'
import { studentCdf } from './studentT.ts'

const FULL = process.env['FULL'] === '1'

describe("Student's t", () => {
  test('closed forms for one, two and four degrees of freedom', () => {
    for (const t of [-30, -3, -0.7, 0, 0.2, 1, 4, 50]) {
      expect(Math.abs(studentCdf(t, 1) - (0.5 + Math.atan(t) / Math.PI))).toBeLessThan(1e-12)
      expect(Math.abs(studentCdf(t, 2) - (0.5 + t / (2 * Math.sqrt(2 + t * t))))).toBeLessThan(1e-12)
      const u = t / Math.sqrt(4 + t * t)
      expect(Math.abs(studentCdf(t, 4) - (0.5 + 0.75 * (u - u ** 3 / 3)))).toBeLessThan(1e-12)
    }
  })

  test('tabulated quantiles', () => {
    const quantiles = [
      [2.570581835636314, 5, 0.975],
      [1.8124611228107335, 10, 0.95],
      [2.0422724563012373, 30, 0.975],
      [1.9623390808264078, 1000, 0.975],
    ] as const
    for (const [t, freedom, p] of quantiles) expect(Math.abs(studentCdf(t, freedom) - p)).toBeLessThan(1e-10)
  })
})

describe('Diebold-Mariano', () => {
  test('worked by hand: horizon 2 over five rows', () => {
    // Differences 1, 0, 2, -1, 3: mean 1, autocovariances (10, -5)/5, corrected by (5 + 1 - 4 + 2/5)/5.
    const found = dieboldMariano(Float64Array.of(2, 1, 3, 0, 4), Float64Array.of(1, 1, 1, 1, 1), 2)
    const covariance = (0 * -1 + -1 * 1 + 1 * -2 + -2 * 2) / 5
    expect(found.meanDifference).toBe(1)
    expect(covariance * 2 + 2).toBeLessThan(0)
    expect(found.weights).toBe('falling')
    const variance = (2 + 2 * 0.5 * covariance) / 5
    expect(found.standardError).toBeCloseTo(Math.sqrt(variance) / Math.sqrt(2.4 / 5), 12)
    const one = dieboldMariano(Float64Array.of(2, 1, 3, 0, 4), Float64Array.of(1, 1, 1, 1, 1), 1)
    // Horizon 1 is Student's test of a mean.
    expect(one.t).toBeCloseTo(1 / Math.sqrt(10 / 4 / 5), 12)
    expect(one.weights).toBe('equal')
    expect(one.p).toBeCloseTo(2 * studentCdf(-one.t, 4), 12)
    expect(one.pBetter).toBeCloseTo(1 - one.p / 2, 12)
  })

  test('overlapping horizon with equal weights, term by term', () => {
    const random = new Random(3)
    const differences = overlapping(random, 60, 3)
    const zero = new Float64Array(60)
    const found = dieboldMariano(differences, zero, 3)
    const mean = differences.reduce((sum, value) => sum + value, 0) / 60
    const autocovariance = (lag: number) => {
      let sum = 0
      for (let i = lag; i < 60; i++) sum += (differences[i]! - mean) * (differences[i - lag]! - mean)
      return sum / 60
    }
    const variance = (autocovariance(0) + 2 * autocovariance(1) + 2 * autocovariance(2)) / 60
    const t = (mean / Math.sqrt(variance)) * Math.sqrt((60 + 1 - 6 + (3 * 2) / 60) / 60)
    expect(found.weights).toBe('equal')
    expect(found.t).toBeCloseTo(t, 12)
    const mirrored = dieboldMariano(zero, differences, 3)
    expect(mirrored.t).toBeCloseTo(-t, 12)
    expect(mirrored.p).toBeCloseTo(found.p, 12)
  })

  test('equal forecasts are equal', () => {
    const loss = Float64Array.of(1, 2, 3, 4)
    expect(dieboldMariano(loss, loss, 1)).toMatchObject({ t: 0, p: 1, pBetter: 0.5 })
  })

  test('a rival that is always worse by the same amount leaves no doubt', () => {
    const loss = Float64Array.of(1, 2, 3, 4)
    const found = dieboldMariano(
      loss,
      loss.map((value) => value + 1),
      1,
    )
    expect(found.p).toBe(0)
    expect(found.t).toBe(Number.NEGATIVE_INFINITY)
  })

  test('where neither is better, one is called better about as often as the level says', () => {
    const worlds = FULL ? 4000 : 400
    let rejected = 0
    for (let world = 0; world < worlds; world++) {
      const differences = overlapping(new Random(world), 300, 6)
      if (dieboldMariano(differences, new Float64Array(300), 6).p < 0.05) rejected++
    }
    if (FULL) console.log(`Diebold-Mariano, horizon 6, 300 rows: ${rejected / worlds} rejected at 5 %`)
    expect(rejected / worlds).toBeGreaterThan(0.025)
    expect(rejected / worlds).toBeLessThan(0.085)
  })

  test('losses that cannot be compared are refused', () => {
    const four = new Float64Array(4)
    for (const [loss, rival, horizon] of [
      [four, new Float64Array(5), 1],
      [four, four, 2],
      [four, four.map(() => Number.NaN), 1],
      [four, four, 0],
    ] as const)
      expect(() => dieboldMariano(loss, rival, horizon)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  })
})

/** Sums of `reach` shocks in a row: what hangs together over `reach` − 1 steps. */
function overlapping(random: Random, rows: number, reach: number): Float64Array {
  const shocks = Float64Array.from({ length: rows + reach }, () => random.normal())
  return Float64Array.from({ length: rows }, (_, i) => shocks.subarray(i, i + reach).reduce((sum, x) => sum + x, 0))
}

test.each([
  [400, 0.5],
  [250, 0.5],
  [250, 0],
])('the interval of a mean of %i rows with autocorrelation %f holds it about as often as promised', (rows, memory) => {
  const worlds = FULL ? 2000 : 150
  let held = 0
  for (let world = 0; world < worlds; world++) {
    const random = new Random(world).fork('interval')
    let value = 0
    const values = Float64Array.from({ length: rows }, () => (value = memory * value + random.normal()) + 3)
    const { low, high, mean } = meanInterval(values, () => random.uniform(), { resamples: 300 })
    expect(low).toBeLessThan(mean)
    expect(high).toBeGreaterThan(mean)
    if (low < 3 && high > 3) held++
  }
  if (FULL)
    console.log(`95 % interval of a mean, autocorrelation ${memory}, ${rows} rows: holds it in ${held / worlds}`)
  expect(held / worlds).toBeGreaterThan(FULL ? 0.93 : 0.9)
  expect(held / worlds).toBeLessThan(FULL ? 0.97 : 0.99)
})
