/**
 * Goal: tails are measured as their papers say, and the tests that judge them have the coverage they claim.
 * Method: closed forms of known distributions, brute force, hand-worked likelihood ratios, simulation on a fixed seed.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { normalQuantile } from '../../core/errorFunction.ts'
import { Random } from '../../core/random.ts'
import type { Book } from '../../portfolio/book.ts'
import { SnapshotView } from '../../portfolio/marketView.ts'
import {
  acerbiSzekely,
  christoffersen,
  conditionalCoverage,
  countBreaches,
  exceedanceResiduals,
  kupiec,
} from './backtest.ts'
import { bookTail, shocksOf } from './bookTail.ts'
import { chiSquareSurvival, upperGamma } from './chiSquare.ts'
import { filteredTail, filterReturns } from './filteredTail.ts'
import { fitGeneralisedPareto, peaksOverThreshold } from './generalisedPareto.ts'
import { historicalTail } from './historicalTail.ts'
import { liquidityAdjusted, liquidityCost, liquidityLegs } from './liquidityAdjusted.ts'
import { LiveTail } from './liveTail.ts'
import { SortedWindow } from './sortedWindow.ts'
import { TAIL_METHODS, tailForecasts } from './tailForecasts.ts'

describe('chi-square', () => {
  test('has the quantiles of the tables', () => {
    // 95 % and 99.9 % points to the digits of scipy 1.10.
    for (const [freedom, x, p] of [
      [1, 3.841458820694124, 0.05],
      [2, 5.991464547107979, 0.05],
      [3, 7.814727903251179, 0.05],
      [10, 18.307038053275146, 0.05],
      [5, 20.515005652432873, 0.001],
    ] as const)
      expect(Math.abs(chiSquareSurvival(x, freedom) / p - 1)).toBeLessThan(1e-12)
    expect(chiSquareSurvival(0, 3)).toBe(1)
    expect(chiSquareSurvival(Number.NaN, 3)).toBeNaN()
  })

  test('closed forms of one and two degrees and of whole a agree with the incomplete gamma', () => {
    fc.assert(
      fc.property(fc.double({ min: 1e-6, max: 300, noNaN: true }), fc.integer({ min: 1, max: 20 }), (x, a) => {
        expect(Math.abs(upperGamma(0.5, x / 2) / chiSquareSurvival(x, 1) - 1)).toBeLessThan(1e-11)
        let term = Math.exp(-x)
        let sum = term
        for (let k = 1; k < a; k++) sum += term *= x / k
        expect(Math.abs(upperGamma(a, x) / sum - 1)).toBeLessThan(1e-11)
      }),
    )
  })
})

describe('historical', () => {
  test('of 1 to 100 at 95 %: 95, and the mean of 96 to 100', () => {
    const losses = Float64Array.from({ length: 100 }, (_, i) => 100 - i)
    const { valueAtRisk, expectedShortfall } = historicalTail(losses, 0.95)
    expect(valueAtRisk).toBe(95)
    expect(expectedShortfall).toBeCloseTo(98, 10)
  })

  test('the loss at the edge counts for its part: 30 losses at 95 % are one and a half', () => {
    const losses = Float64Array.from({ length: 30 }, (_, i) => i + 1)
    expect(historicalTail(losses, 0.95).expectedShortfall).toBeCloseTo((30 + 0.5 * 29) / 1.5, 12)
  })

  test('shortfall is never below value at risk, and both are those of the books added to cash', () => {
    const losses = fc.array(fc.double({ min: -100, max: 100, noNaN: true }), { minLength: 20, maxLength: 200 })
    fc.assert(
      fc.property(losses, fc.double({ min: -50, max: 50, noNaN: true }), (values, cash) => {
        const tail = historicalTail(Float64Array.from(values), 0.95)
        expect(tail.expectedShortfall).toBeGreaterThanOrEqual(tail.valueAtRisk - 1e-9)
        const moved = historicalTail(
          Float64Array.from(values, (each) => each - cash),
          0.95,
        )
        expect(moved.expectedShortfall).toBeCloseTo(tail.expectedShortfall - cash, 9)
      }),
    )
  })

  test('of equal losses both are that loss, to the last digit', () => {
    for (const loss of [0.1, 3e12, 1 / 3, -0.7])
      for (const count of [20, 30, 61, 500]) {
        const { valueAtRisk, expectedShortfall } = historicalTail(new Float64Array(count).fill(loss), 0.95)
        expect(valueAtRisk).toBe(loss)
        expect(expectedShortfall).toBeGreaterThanOrEqual(loss)
        expect(Math.abs(expectedShortfall / loss - 1)).toBeLessThan(1e-14)
      }
  })

  test('what a sample cannot know is refused', () => {
    expect(() => historicalTail(new Float64Array(99), 0.99)).not.toThrow('finite')
    expect(() => historicalTail(new Float64Array(99), 0.99)).toThrow('Too few')
    expect(() => historicalTail(Float64Array.of(1, Number.NaN), 0.6)).toThrow('finite')
    expect(() => historicalTail(new Float64Array(99), 1)).toThrow('level')
  })
})

test('a sorted window holds the last figures and no others, in order', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -9, max: 9 })), fc.integer({ min: 1, max: 8 }), (figures, capacity) => {
      const window = new SortedWindow(capacity)
      for (const figure of figures) window.push(figure)
      const kept = figures.slice(-capacity)
      expect([...window.sorted.subarray(0, window.count)]).toEqual(kept.toSorted((a, b) => a - b))
      const mean = kept.reduce((sum, each) => sum + each * each, 0) / (kept.length || 1)
      expect(window.meanSquare).toBeCloseTo(mean, 9)
    }),
  )
})

/** Excesses of a Pareto tail by inversion. */
function paretoDraws(random: Random, count: number, shape: number, scale: number): Float64Array {
  return Float64Array.from({ length: count }, () => {
    const u = 1 - random.uniform()
    return Math.abs(shape) < 1e-12 ? -scale * Math.log(u) : (scale * (u ** -shape - 1)) / shape
  })
}

describe('generalised Pareto', () => {
  test.each([-0.2, 0, 0.25])('shape %d is recovered within its stated error by both methods', (shape) => {
    const random = new Random(7)
    for (const method of ['likelihood', 'weighted-moments'] as const) {
      let inside = 0
      let error = 0
      const runs = 200
      for (let k = 0; k < runs; k++) {
        const fit = fitGeneralisedPareto(paretoDraws(random, 400, shape, 2), method)
        if (Math.abs(fit.shape - shape) < 1.96 * fit.shapeError) inside++
        error += fit.shape - shape
        // The scale's error is judged with it.
        expect(Math.abs(fit.scale - 2)).toBeLessThan(6 * fit.scaleError)
      }
      expect(inside / runs).toBeGreaterThan(0.88)
      expect(Math.abs(error / runs)).toBeLessThan(0.03)
    }
  })

  test('the likelihood is at its top: no neighbour is likelier', () => {
    const excesses = paretoDraws(new Random(5), 300, 0.3, 1)
    const { shape, scale, logLikelihood } = fitGeneralisedPareto(excesses)
    const at = (xi: number, beta: number) =>
      excesses.reduce((sum, y) => sum - Math.log(beta) - (1 + 1 / xi) * Math.log1p((xi * y) / beta), 0)
    expect(at(shape, scale)).toBeCloseTo(logLikelihood, 8)
    for (const [a, b] of [
      [1e-3, 0],
      [-1e-3, 0],
      [0, 1e-3],
      [0, -1e-3],
    ] as const)
      expect(at(shape + a, scale + b)).toBeLessThan(logLikelihood)
  })

  test('tails without a mean, and without a variance of any kind, are fitted as they are', () => {
    const random = new Random(12)
    for (const shape of [1, 2, 4]) {
      const errors = Array.from({ length: 30 }, () => {
        const fit = fitGeneralisedPareto(paretoDraws(random, 300, shape, 5))
        return (fit.shape - shape) / fit.shapeError
      })
      expect(errors.filter((error) => Math.abs(error) < 1.96).length).toBeGreaterThan(24)
    }
  })

  test('at the bound of the shape the likelihood is still a number', () => {
    const random = new Random(3)
    for (let k = 0; k < 100; k++) {
      const fit = fitGeneralisedPareto(Float64Array.from({ length: 50 }, () => 1e-9 * (1 - random.uniform())))
      expect(fit.shape).toBeGreaterThanOrEqual(-0.5)
      expect(fit.logLikelihood).toBeGreaterThan(Number.NEGATIVE_INFINITY)
    }
    // There the scale is the best one for that shape, which no neighbour betters.
    const excesses = Float64Array.from({ length: 20 }, () => 1 - random.uniform() ** 2)
    const { shape, scale, logLikelihood } = fitGeneralisedPareto(excesses)
    expect(shape).toBe(-0.5)
    const at = (beta: number) => excesses.reduce((sum, y) => sum - Math.log(beta) + Math.log(1 - y / (2 * beta)), 0)
    expect(at(scale)).toBeCloseTo(logLikelihood, 10)
    for (const change of [0.99, 1.01]) expect(at(scale * change)).toBeLessThan(logLikelihood)
  })

  test('by moments no tail ends below a loss that was seen', () => {
    const random = new Random(3)
    let atEnd = 0
    for (let k = 0; k < 100; k++) {
      const excesses = Float64Array.from({ length: 50 }, () => random.integer(1, 5))
      const { shape, scale, logLikelihood } = fitGeneralisedPareto(excesses, 'weighted-moments')
      expect(Number.isNaN(logLikelihood)).toBe(false)
      if (shape >= 0) continue
      const end = -scale / shape
      expect(end).toBeGreaterThanOrEqual(Math.max(...excesses) * (1 - 1e-12))
      if (end < Math.max(...excesses) * (1 + 1e-12)) atEnd++
    }
    expect(atEnd).toBeGreaterThan(50)
  })

  test('too few or equal excesses are refused', () => {
    expect(() => fitGeneralisedPareto(new Float64Array(10).fill(1))).toThrow('argument-invalid')
    expect(() => fitGeneralisedPareto(new Float64Array(30).fill(1))).toThrow('fit-failed')
    expect(() => fitGeneralisedPareto(new Float64Array(30))).toThrow('argument-invalid')
  })

  test('extrapolates a power tail beyond its sample, within its error', () => {
    // P(X > x) = x^−4 for x above 1: the threshold's excesses are exactly Pareto, VaR is (1 − level)^−1/4.
    const random = new Random(19)
    const level = 0.9995
    const truth = 2000 ** 0.25
    let inside = 0
    let insideShortfall = 0
    for (let k = 0; k < 100; k++) {
      const losses = Float64Array.from({ length: 1_000 }, () => (1 - random.uniform()) ** -0.25)
      const tail = peaksOverThreshold(losses, level)
      if (Math.abs(tail.valueAtRisk - truth) < 1.96 * tail.valueAtRiskError) inside++
      if (Math.abs(tail.expectedShortfall - (4 / 3) * truth) < 1.96 * tail.expectedShortfallError) insideShortfall++
    }
    expect(inside).toBeGreaterThan(80)
    expect(insideShortfall).toBeGreaterThan(75)
    expect(() => peaksOverThreshold(new Float64Array(1_000), 0.8)).toThrow('argument-invalid')
    const unknown = Float64Array.from({ length: 1_000 }, (_, i) =>
      i === 0 ? Number.NEGATIVE_INFINITY : random.normal(),
    )
    expect(() => peaksOverThreshold(unknown, 0.99)).toThrow('argument-invalid')
  })
})

describe('filtered', () => {
  test('doubling the present volatility doubles the tail, and the plain sample hardly sees it', () => {
    const random = new Random(2)
    const calm = Float64Array.from({ length: 1_000 }, () => 0.01 * random.normal())
    const storm = calm.map((each, t) => (t >= 900 ? 3 * each : each))
    const ratio = (of: (r: Float64Array) => number) => of(storm) / of(calm)
    const filter = { kind: 'ewma', lambda: 0.94 } as const
    expect(ratio((r) => filteredTail(r, 0.99, filter).valueAtRisk)).toBeGreaterThan(2.3)
    expect(
      ratio(
        (r) =>
          historicalTail(
            r.map((x) => -x),
            0.95,
          ).valueAtRisk,
      ),
    ).toBeLessThan(1.5)
  })

  test('residuals of a GARCH with its own parameters are the noise it was made of', () => {
    const random = new Random(4)
    const parameters = { mu: 1e-4, omega: 2e-6, alpha: 0.1, gamma: 0, beta: 0.88, presample: 1e-4 }
    const noise: number[] = []
    let variance = parameters.omega + 0.98 * parameters.presample
    const returns = Float64Array.from({ length: 500 }, () => {
      const z = random.normal()
      noise.push(z)
      const value = parameters.mu + Math.sqrt(variance) * z
      variance = parameters.omega + parameters.alpha * (value - parameters.mu) ** 2 + parameters.beta * variance
      return value
    })
    const { losses, deviation } = filterReturns(returns, { kind: 'garch', parameters })
    for (const [t, z] of noise.entries()) expect(losses[t]!).toBeCloseTo(-z, 9)
    expect(deviation).toBeCloseTo(Math.sqrt(variance), 12)
  })

  test('returns that never move, or are not numbers, are refused', () => {
    expect(() => filteredTail(new Float64Array(500), 0.99)).toThrow('fit-failed')
    expect(() => filteredTail(Float64Array.of(0, Number.NaN), 0.99)).toThrow('argument-invalid')
  })
})

describe('back-tests', () => {
  test('Kupiec and Christoffersen by hand', () => {
    // Ten breaches in 250 at 99 %: LR = 12.955 (Jorion, Value at Risk, 3rd ed., table 6-3's region).
    const losses = Float64Array.from({ length: 250 }, (_, t) => (t % 25 === 0 ? 2 : 0))
    const counted = countBreaches(losses, new Float64Array(250).fill(1), 0.99)
    expect(counted).toEqual({
      observations: 250,
      breaches: 10,
      expected: expect.closeTo(2.5, 12),
      transitions: [230, 9, 10, 0],
    })
    const byHand = 2 * (10 * Math.log(0.04 / 0.01) + 240 * Math.log(0.96 / 0.99))
    expect(kupiec(counted).statistic).toBeCloseTo(byHand, 10)
    const p = 9 / 249
    const apart = 230 * Math.log(230 / 239) + 9 * Math.log(9 / 239)
    const alike = 240 * Math.log(1 - p) + 9 * Math.log(p)
    expect(christoffersen(counted).statistic).toBeCloseTo(2 * (apart - alike), 10)
    expect(conditionalCoverage(counted).statistic).toBeCloseTo(byHand + 2 * (apart - alike), 10)
  })

  test('no breach at all has a p-value and no NaN', () => {
    const counted = countBreaches(new Float64Array(500), new Float64Array(500).fill(1), 0.99)
    expect(kupiec(counted).statistic).toBeCloseTo(-1000 * Math.log(0.99), 9)
    expect(christoffersen(counted)).toEqual({ statistic: 0, freedom: 1, p: 1 })
  })

  test('breaches in a row are found dependent', () => {
    const losses = Float64Array.from({ length: 500 }, (_, t) => (t % 100 < 5 ? 2 : 0))
    const counted = countBreaches(losses, new Float64Array(500).fill(1), 0.95)
    expect(kupiec(counted).p).toBeGreaterThan(0.9)
    expect(christoffersen(counted).p).toBeLessThan(1e-6)
  })

  test('steps without a forecast are not observations', () => {
    const counted = countBreaches(Float64Array.of(5, 5, 0), Float64Array.of(Number.NaN, 1, 1), 0.9)
    expect([counted.observations, counted.breaches]).toEqual([2, 1])
    expect(() => countBreaches(Float64Array.of(1), Float64Array.of(Number.NaN), 0.9)).toThrow('argument-invalid')
  })

  test('steps on either side of a missing one did not follow one another', () => {
    const losses = Float64Array.of(2, 2, Number.NaN, 2, 0, 2)
    expect(countBreaches(losses, new Float64Array(6).fill(1), 0.9).transitions).toEqual([0, 1, 1, 1])
    expect(() => countBreaches(Float64Array.of(Number.POSITIVE_INFINITY), Float64Array.of(1), 0.9)).toThrow('infinite')
  })

  test('depth is not measured by what is no depth', () => {
    const losses = Float64Array.of(2, 3, 0, 4)
    const ones = new Float64Array(4).fill(1)
    const zeros = new Float64Array(4)
    const random = new Random(1)
    expect(() => acerbiSzekely(losses, ones, zeros, 0.9)).toThrow('argument-invalid')
    expect(() => acerbiSzekely(losses, ones, zeros.fill(1e-310), 0.9)).toThrow('argument-invalid')
    expect(() => acerbiSzekely(losses, ones, ones.slice(1), 0.9)).toThrow('argument-invalid')
    expect(() => exceedanceResiduals(losses, zeros.fill(0), ones, random)).toThrow('argument-invalid')
    expect(() => exceedanceResiduals(losses, ones.slice(1), ones, random)).toThrow('argument-invalid')
    // A forecast without a shortfall is none: the step is left out by both.
    const part = Float64Array.of(1.5, Number.NaN, 1.5, 1.5)
    expect(acerbiSzekely(losses, ones, part, 0.9)).toMatchObject({ breaches: 2 })
    expect(exceedanceResiduals(losses, ones, part, random)).toMatchObject({ breaches: 2 })
  })

  test('breaches all alike have no spread to be tested by', () => {
    const [twos, ones] = [2, 1].map((each) => new Float64Array(10).fill(each)) as [Float64Array, Float64Array]
    expect(acerbiSzekely(twos, ones, twos, 0.9)).toEqual({
      statistic: expect.closeTo(-9, 10),
      p: Number.NaN,
      breaches: 10,
    })
    expect(exceedanceResiduals(twos, ones, ones, new Random(1))).toEqual({
      statistic: Number.NaN,
      p: Number.NaN,
      breaches: 10,
    })
  })

  test('right forecasts are rejected one time in twenty, and understated shortfalls nearly always', () => {
    const random = new Random(23)
    const level = 0.975
    const valueAtRisk = normalQuantile(level)
    const density = Math.exp(-0.5 * valueAtRisk ** 2) / Math.sqrt(2 * Math.PI)
    const expectedShortfall = density / (1 - level)
    const rejected = { kupiec: 0, coverage: 0, acerbi: 0, residuals: 0, low: 0, lowResiduals: 0 }
    const runs = 300
    const rows = (value: number) => new Float64Array(1_000).fill(value)
    for (let k = 0; k < runs; k++) {
      const losses = Float64Array.from({ length: 1_000 }, () => random.normal())
      const counted = countBreaches(losses, rows(valueAtRisk), level)
      if (kupiec(counted).p < 0.05) rejected.kupiec++
      if (conditionalCoverage(counted).p < 0.05) rejected.coverage++
      if (acerbiSzekely(losses, rows(valueAtRisk), rows(expectedShortfall), level).p < 0.05) rejected.acerbi++
      if (k >= 100) continue
      const residuals = (shortfall: number) =>
        exceedanceResiduals(losses, rows(valueAtRisk), rows(shortfall), random, 200).p
      if (residuals(expectedShortfall) < 0.05) rejected.residuals++
      if (residuals(0.88 * expectedShortfall) < 0.05) rejected.lowResiduals++
      if (acerbiSzekely(losses, rows(0.75 * valueAtRisk), rows(0.75 * expectedShortfall), level).p < 0.05)
        rejected.low++
    }
    const share = (count: number, of: number) => count / of
    expect(share(rejected.kupiec, runs)).toBeLessThan(0.09)
    expect(share(rejected.kupiec, runs)).toBeGreaterThan(0.015)
    expect(share(rejected.coverage, runs)).toBeLessThan(0.1)
    expect(share(rejected.acerbi, runs)).toBeLessThan(0.08)
    expect(rejected.residuals).toBeLessThan(14)
    expect(rejected.low).toBeGreaterThan(90)
    expect(rejected.lowResiduals).toBeGreaterThan(80)
  })

  test('on a simulated GARCH every scaled method covers, and the plain sample breaks in clusters', () => {
    const random = new Random(31)
    let variance = 1e-4
    const returns = Float64Array.from({ length: 2_500 }, () => {
      const value = Math.sqrt(variance) * random.normal()
      variance = 4e-6 + 0.12 * value * value + 0.84 * variance
      return value
    })
    const losses = returns.map((each) => -each)
    const settings = { window: 500, refitEvery: 250 }
    for (const method of TAIL_METHODS) {
      const { valueAtRisk, expectedShortfall } = tailForecasts(returns, method, 0.95, settings)
      const counted = countBreaches(losses, valueAtRisk, 0.95)
      expect(counted.observations).toBe(2_000)
      expect(Math.abs(counted.breaches - 100), method).toBeLessThan(35)
      for (let t = 500; t < 2_500; t += 97) expect(expectedShortfall[t]!).toBeGreaterThan(valueAtRisk[t]!)
      if (method === 'garch-historical') expect(conditionalCoverage(counted).p, method).toBeGreaterThan(0.05)
    }
  })

  test('a forecast does not know the step it is for', () => {
    const random = new Random(9)
    const returns = Float64Array.from({ length: 160 }, () => random.normal())
    const changed = returns.map((each, t) => (t >= 150 ? 9 * each : each))
    for (const method of ['historical', 'ewma-historical', 'garch-historical'] as const) {
      const settings = { window: 120, refitEvery: 10 }
      const before = tailForecasts(returns, method, 0.95, settings).valueAtRisk
      const after = tailForecasts(changed, method, 0.95, settings).valueAtRisk
      expect([...after.subarray(0, 151)]).toEqual([...before.subarray(0, 151)])
      expect(after[159]).not.toBe(before[159])
    }
  })
})

describe('live', () => {
  test('is the tail of the sample it has seen, transfers left out', () => {
    const random = new Random(6)
    const live = new LiveTail({ level: 0.95, sampleUs: 1_000, window: 200 })
    const returns: number[] = []
    let equity = 1e6
    live.observe(equity, 0)
    for (let t = 1; t <= 350; t++) {
      const gain = 0.01 * random.normal()
      returns.push(gain)
      equity *= 1 + gain
      if (t === 150) {
        equity += 5e5
        live.transfer(5e5 / (1 + gain))
      }
      expect(live.observe(equity, t * 1_000)).toBe(true)
      expect(live.observe(1, t * 1_000 + 1)).toBe(false)
    }
    const tail = historicalTail(
      Float64Array.from(returns.slice(-200), (each) => -each),
      0.95,
    )
    expect(live.valueAtRisk).toBeCloseTo(tail.valueAtRisk, 12)
    expect(live.expectedShortfall).toBeCloseTo(tail.expectedShortfall, 12)
    expect(live.filteredExpectedShortfall).toBeGreaterThan(live.filteredValueAtRisk)
    expect(Math.abs(live.filteredValueAtRisk / 0.0164 - 1)).toBeLessThan(0.4)
  })

  test('a withdrawal of everything is no loss, and no gain when something is left', () => {
    const live = new LiveTail({ level: 0.95, sampleUs: 1, window: 40 })
    for (let t = 0; t < 60; t++) {
      if (t === 45) live.transfer(-200)
      live.observe(100 + (t % 3), t)
    }
    expect(live.samples).toBe(58)
    expect(live.deviation).toBeLessThan(0.1)
    expect(live.expectedShortfall).toBeLessThan(0.1)
  })

  test('says nothing before it can, and passes over what is no equity', () => {
    const live = new LiveTail({ level: 0.95, sampleUs: 1, window: 50 })
    for (let t = 0; t < 20; t++) live.observe(100 + (t % 3), t)
    expect(live.observe(Number.NaN, 20)).toBe(false)
    expect(live.observe(-5, 21)).toBe(false)
    expect([live.samples, live.valueAtRisk]).toEqual([19, Number.NaN])
    live.observe(100, 22)
    expect(live.valueAtRisk).toBeGreaterThan(0)
    expect(() => new LiveTail({ level: 0.99, sampleUs: 1, window: 50 })).toThrow('argument-invalid')
  })
})

describe('of a book', () => {
  const liquidity = { halfSpread: 1e-4, depth: 1e7, takerFee: 5e-4 }
  const market = new SnapshotView({
    timeUs: 0,
    spot: { BTC: 50_000 },
    volatility: { BTC: 0.5 },
    liquidity: { 'alpha BTC': liquidity },
  })
  const perp = (size: number) =>
    ({ kind: 'perp', asset: 'BTC', size, payoff: 'linear', entry: 48_000, settle: 'USDC' }) as const
  const option = (right: 1 | -1, size: number) =>
    ({ kind: 'option', asset: 'BTC', size, right, strike: 50_000, expiryUs: 30 * 86_400e6, settle: 'USDC' }) as const
  const random = new Random(17)
  let price = 100
  const prices = Float64Array.from({ length: 501 }, () => (price *= Math.exp(0.02 * random.normal())))
  const shocks = shocksOf({ prices: { BTC: prices } })
  const bookOf = (...positions: Book['accounts'][number]['positions']): Book => ({
    accounts: [{ venue: 'alpha', balances: { USDC: 1e5 }, positions }],
    inTransit: [],
  })

  test('a perpetual loses what its price does', () => {
    const returns = Float64Array.from({ length: 500 }, (_, t) => 1 - prices[t + 1]! / prices[t]!)
    const { valueAtRisk, expectedShortfall } = historicalTail(returns, 0.975)
    const tail = bookTail(bookOf(perp(2)), market, shocks, 0.975)
    expect(tail.valueAtRisk).toBeCloseTo(2 * 50_000 * valueAtRisk, 6)
    expect(tail.expectedShortfall).toBeCloseTo(2 * 50_000 * expectedShortfall, 6)
  })

  test('a long straddle cannot lose more than it cost, a short one can; volatility shocks count', () => {
    const straddle = (size: number) => bookOf(option(1, size), option(-1, size))
    const long = bookTail(straddle(1), market, shocks, 0.99)
    const short = bookTail(straddle(-1), market, shocks, 0.99)
    expect(long.expectedShortfall).toBeLessThan(short.expectedShortfall)
    const volatilities = { BTC: prices.map((each) => 0.5 * Math.sqrt(100 / each)) }
    const both = bookTail(straddle(-1), market, shocksOf({ prices: { BTC: prices }, volatilities }), 0.99)
    expect(both.valueAtRisk).not.toBeCloseTo(short.valueAtRisk, 2)
  })

  test('shares of the accounts sum to the whole, and a hedge has a negative one', () => {
    const book: Book = {
      accounts: [
        { venue: 'alpha', balances: {}, positions: [perp(2)] },
        { venue: 'beta', balances: {}, positions: [perp(-0.5)] },
      ],
      inTransit: [{ from: 'alpha', to: 'beta', currency: 'BTC', units: 0.1, arrivesUs: 5 }],
    }
    const { byAccount, expectedShortfall, worst } = bookTail(book, market, shocks, 0.975)
    expect(byAccount.map(({ venue }) => venue)).toEqual(['alpha', 'beta', 'in transit'])
    expect(byAccount.reduce((sum, each) => sum + each.expectedShortfall, 0)).toBeCloseTo(expectedShortfall, 6)
    expect(byAccount[1]!.expectedShortfall).toBeLessThan(0)
    expect(worst.length).toBe(13)
  })

  test('a price that is not known, or a history with holes in every stretch, is refused', () => {
    const eth = { ...perp(1), asset: 'ETH' }
    expect(() => bookTail(bookOf(eth), market, shocks, 0.99)).toThrow('unknown worth')
    expect(() => shocksOf({ prices: { BTC: Float64Array.of(1, Number.NaN, 1) } })).toThrow('whole')
    expect(() => shocksOf({ prices: { BTC: prices, ETH: prices.slice(1) } })).toThrow('lengths')
  })

  test('getting out costs the spread, the push and the fee; of an unknown market, nobody knows', () => {
    const legs = liquidityLegs(bookOf(perp(2), option(1, -1)), market)
    expect(legs).toHaveLength(1)
    // Two coins less the delta of a call at the money, somewhat above one half.
    expect(legs[0]!.dollars).toBeGreaterThan(70_000)
    expect(legs[0]!.dollars).toBeLessThan(75_000)
    const cost = liquidityCost([{ venue: 'alpha', asset: 'BTC', dollars: 1e6 }], market, { depthLeft: 0.5 })
    expect(cost.exogenous).toBeCloseTo(1e6 * 4e-4, 6)
    expect(cost.endogenous).toBeCloseTo((0.005 * 1e12) / 5e6, 6)
    expect(cost.fees).toBeCloseTo(500, 9)
    const tail = liquidityAdjusted({ valueAtRisk: 10, expectedShortfall: 20 }, cost)
    expect(tail.expectedShortfall - tail.valueAtRisk).toBeCloseTo(10, 9)
    const unknown = liquidityCost([{ venue: 'beta', asset: 'BTC', dollars: 1e6 }], market)
    expect(unknown).toMatchObject({ total: Number.NaN, unknown: ['beta BTC'] })
  })
})
