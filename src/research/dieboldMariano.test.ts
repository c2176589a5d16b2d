/**
 * Goal: one forecast is called better than another as often as chance allows, with overlapping horizons, too.
 *
 * Method: the formulas term by term on small cases; tabulated values of Student's t; the size of the test and the coverage of
 * intervals over many worlds in which neither forecast is better.
 */

import { describe, expect, test } from 'vitest'
import { normalCdf } from '../core/errorFunction.ts'
import { Random } from '../core/random.ts'
import { compareLosses, dieboldMariano, meanInterval } from './dieboldMariano.ts'
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

describe('the comparison', () => {
  const against = (differences: Float64Array, overlap: number) =>
    compareLosses(differences, new Float64Array(differences.length), overlap)

  /** Sums over `overlap` draws of an autoregression. */
  function differences(rows: number, overlap: number, memory: number, draw: () => number) {
    let value = 0
    const next = () => (value = memory * value + draw())
    for (let i = 0; i < 100; i++) next()
    const draws = Float64Array.from({ length: rows + overlap - 1 }, next)
    let sum = draws.subarray(0, overlap - 1).reduce((a, b) => a + b, 0)
    return Float64Array.from({ length: rows }, (_, i) => {
      sum += draws[i + overlap - 1]!
      const now = sum
      sum -= draws[i]!
      return now
    })
  }

  test('worked by hand: two waves over sixteen rows', () => {
    const random = new Random(2)
    const given = Float64Array.from({ length: 16 }, () => random.normal() + 1)
    const mean = given.reduce((sum, value) => sum + value, 0) / 16
    const about = (lag: number) => {
      let sum = 0
      for (let i = lag; i < 16; i++) sum += (given[i]! - mean) * (given[i - lag]! - mean)
      return sum
    }
    const r = about(1) / about(0)
    const next = Math.max(1 / 8, r + (1 + 3 * r) / 16 + 1 / 4)
    const reach = Math.sqrt(1 + (12 * next) / (1 - next) ** 2)
    let [power, seen] = [0, 0]
    const found = against(given, 1)
    expect(found.freedom).toBe(Math.floor(Math.min(0.4 * 16 ** (2 / 3), (0.45 * 16) / reach)))
    for (let wave = 1; wave <= found.freedom; wave++) {
      let sum = 0
      for (let i = 0; i < 16; i++) sum += given[i]! * Math.cos((Math.PI * wave * (i + 0.5)) / 16)
      power += (2 / 16) * sum * sum
      const half = (Math.PI * reach * wave) / 32
      seen += (Math.sin(half) / half) ** 2
    }
    expect(found.standardError).toBeCloseTo(Math.sqrt(power / seen / 16), 12)
    const p = 2 * studentCdf(-mean / found.standardError, found.freedom)
    expect(found.p).toBeCloseTo(p, 12)
    expect(2 * normalCdf(-found.score)).toBeCloseTo(p, 12)
    const mirrored = compareLosses(new Float64Array(16), given, 1)
    expect(mirrored.score).toBeCloseTo(-found.score, 12)
    expect(mirrored.p).toBeCloseTo(found.p, 12)
  })

  test('knows the less, the further rows overlap, and more from more rows', () => {
    const random = new Random(4)
    const given = Float64Array.from({ length: 2000 }, () => random.normal())
    const freedoms = [1, 6, 24, 48, 400, 5000].map((overlap) => against(given, overlap).freedom)
    expect(freedoms).toEqual([...freedoms].sort((a, b) => b - a))
    expect(freedoms[0]).toBe(Math.floor(0.4 * 2000 ** (2 / 3)))
    expect(freedoms.slice(-2)).toEqual([1, 1])
    expect(against(given.subarray(0, 100), 6).freedom).toBeLessThan(freedoms[1]!)
  })

  test('equal forecasts are equal, and one that is always worse leaves no doubt', () => {
    const loss = Float64Array.of(1, 2, 3, 4)
    expect(compareLosses(loss, loss, 1)).toMatchObject({ p: 1, score: 0 })
    const worse = loss.map((value) => value + 1)
    expect(compareLosses(loss, worse, 1)).toMatchObject({ p: 0, score: Number.NEGATIVE_INFINITY })
    expect(compareLosses(worse, loss, 1)).toMatchObject({ p: 0, score: Number.POSITIVE_INFINITY })
  })

  test('a true difference is found about as often as with the variance known', () => {
    let found = 0
    for (let world = 0; world < 300; world++) {
      const random = new Random(world)
      const given = differences(1000, 6, 0, () => random.normal() - 3.3 / Math.sqrt(1000))
      if (against(given, 6).score < -1.65) found++
    }
    // Three standard errors and a third from 0: a test that knew the variance would find it in 95 of 100.
    expect(found / 300).toBeGreaterThan(0.88)
  })

  // The default run looks at corners only.
  const grid = FULL
    ? [60, 120, 300, 1000, 2000].flatMap((rows) =>
        [1, 6, 12, 24, 48].flatMap((overlap) =>
          [0, 0.3, 0.5, 0.8].map((memory): [number, number, number] => [rows, overlap, memory]),
        ),
      )
    : ([
        [60, 1, 0],
        [60, 6, 0.8],
        [60, 48, 0.3],
        [300, 6, 0],
        [300, 48, 0.8],
        [1000, 24, 0.5],
      ] as [number, number, number][])
  test.each(grid)(
    'of %i rows that overlap by %i, autocorrelation %f, calls one better as often as it says',
    (rows, overlap, memory) => {
      const worlds = FULL ? 4000 : 500
      let [two, below, above, far] = [0, 0, 0, 0]
      for (let world = 0; world < worlds; world++) {
        const random = new Random(world).fork(`${rows}/${overlap}/${memory}`)
        const { p, score } = against(
          differences(rows, overlap, memory, () => random.normal()),
          overlap,
        )
        if (p < 0.05) two++
        if (score < -1.645) below++
        if (score > 1.645) above++
        if (score < -2.33) far++
      }
      if (FULL)
        console.log(
          `compared ${rows} ${overlap} ${memory}: ${[two, below, above, far].map((n) => ((100 * n) / worlds).toFixed(1)).join(' ')}`,
        )
      expect(two / worlds).toBeGreaterThan(FULL ? 0.03 : 0.02)
      expect(two / worlds).toBeLessThan(FULL ? 0.07 : 0.09)
      expect(below / worlds).toBeLessThan(FULL ? 0.07 : 0.09)
    },
  )

  test('losses that cannot be compared are refused', () => {
    const four = new Float64Array(4)
    for (const [loss, rival, overlap] of [
      [four, new Float64Array(5), 1],
      [four.subarray(2), four.subarray(2), 1],
      [four, four.map(() => Number.NaN), 1],
      [four, four, 0],
      [four, four, 1.5],
    ] as const)
      expect(() => compareLosses(loss, rival, overlap)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
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
