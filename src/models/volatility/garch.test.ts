/**
 * Goal: GARCH estimates that agree with the published benchmark, know how sure they are, and cost little.
 *
 * Method: the Bollerslev-Ghysels exchange-rate benchmark (log-likelihood at given points, the maximum, standard errors,
 * forecasts) where it is present; analytic gradient against differences; recovery of known parameters from simulated
 * markets with and without the leverage term, within the errors the fit itself states; missing returns; the filter against
 * the definition.
 */

import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { type VarianceSeries, walkForward } from './forecaster.ts'
import {
  fitGarch,
  GarchFilter,
  GarchForecaster,
  type GarchParameters,
  garchLogLikelihood,
  garchStandardErrors,
} from './garch.ts'
import { hessian, minimise } from './minimise.ts'

const shared = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/reference/vectors/t03_garch_dem2gbp.json`
const absent = existsSync(shared) ? '' : ' (absent here: nothing compared)'

interface Benchmark {
  header: { published_FCP_1996: { se_hessian: Record<string, number> } }
  cases: {
    x: number[]
    mle: Record<string, number>
    h_first5: number[]
    h_last: number
    forecast_var_10: number[]
    loglik_points: { params: { mu: number; omega: number; alpha: number; beta: number }; loglik: number }[]
  }[]
}

describe(`the German mark against the pound, 1984 to 1991${absent}`, () => {
  const benchmark = absent ? undefined : (JSON.parse(readFileSync(shared, 'utf8')) as Benchmark)

  test('the log-likelihood at given parameters to 1e-9', () => {
    for (const { x, loglik_points } of benchmark?.cases ?? [])
      for (const { params, loglik } of loglik_points)
        expect(Math.abs(garchLogLikelihood(Float64Array.from(x), { ...params, gamma: 0 }) - loglik)).toBeLessThan(1e-9)
  })

  test('the maximum: log-likelihood to 1e-8, coefficients to six digits, published standard errors to five', () => {
    for (const { x, mle } of benchmark?.cases ?? []) {
      const returns = Float64Array.from(x)
      const fit = fitGarch(returns)
      expect(fit.logLikelihood).toBeGreaterThan(mle['loglik']! - 1e-8)
      expect(Math.abs(fit.logLikelihood - mle['loglik']!)).toBeLessThan(1e-8)
      const errors = garchStandardErrors(returns, fit)
      for (const name of ['mu', 'omega', 'alpha', 'beta'] as const) {
        expect(Math.abs(fit.parameters[name] / mle[name]! - 1)).toBeLessThan(1e-6)
        expect(Math.abs(errors[name] / benchmark!.header.published_FCP_1996.se_hessian[name]! - 1)).toBeLessThan(1e-5)
      }
    }
  })

  test('variances step by step, and ten days ahead', () => {
    for (const { x, h_first5, h_last, forecast_var_10, mle } of benchmark?.cases ?? []) {
      const { mu, omega, alpha, beta } = mle as unknown as GarchParameters
      const presample = x.reduce((sum, each) => sum + (each - mu) ** 2, 0) / x.length
      const filter = new GarchFilter({ mu, omega, alpha, gamma: 0, beta, presample })
      const seen = x.map((each) => {
        const { variance } = filter
        filter.update(each)
        return variance
      })
      for (const [i, each] of h_first5.entries()) expect(seen[i]! / each).toBeCloseTo(1, 12)
      expect(seen.at(-1)! / h_last).toBeCloseTo(1, 12)
      for (const [i, each] of forecast_var_10.entries()) expect(filter.ahead(i + 1) / each).toBeCloseTo(1, 11)
      const sum = forecast_var_10.reduce((total, each) => total + each, 0)
      expect(filter.over(10) / sum).toBeCloseTo(1, 11)
    }
  })
})

function simulate(parameters: GarchParameters, steps: number, seed: number): Float64Array {
  const random = new Random(seed)
  const filter = new GarchFilter(parameters)
  return Float64Array.from({ length: steps }, () => {
    const step = parameters.mu + Math.sqrt(filter.variance) * random.normal()
    filter.update(step)
    return step
  })
}

const PLAIN: GarchParameters = { mu: 1e-5, omega: 2e-8, alpha: 0.08, gamma: 0, beta: 0.9, presample: 1e-6 }
const LEVERED: GarchParameters = { ...PLAIN, alpha: 0.03, gamma: 0.1, beta: 0.89 }

test.each([
  ['news of both signs', PLAIN, false],
  ['falls that count more', LEVERED, true],
])('parameters of a market with %s come back within the errors stated', (_, truth, leverage) => {
  const names = leverage
    ? (['mu', 'omega', 'alpha', 'gamma', 'beta'] as const)
    : (['mu', 'omega', 'alpha', 'beta'] as const)
  let squares = 0
  for (let seed = 1; seed <= 10; seed++) {
    const returns = simulate(truth, 5000, seed)
    const fit = fitGarch(returns, { leverage })
    const errors = garchStandardErrors(returns, fit, { leverage })
    expect(garchLogLikelihood(returns, fit.parameters)).toBeCloseTo(fit.logLikelihood, 6)
    expect(fit.logLikelihood).toBeGreaterThan(garchLogLikelihood(returns, truth))
    for (const name of names) {
      const distance = (fit.parameters[name] - truth[name]) / errors[name]
      expect(Math.abs(distance)).toBeLessThan(4)
      squares += distance * distance
    }
  }
  // Distances in units of the stated errors are about standard normal: the errors are neither boast nor excuse.
  expect(squares / (10 * names.length)).toBeGreaterThan(0.4)
  expect(squares / (10 * names.length)).toBeLessThan(1.8)
})

test('the units of returns do not matter', () => {
  const returns = simulate(PLAIN, 3000, 3)
  const plain = fitGarch(returns).parameters
  const bps = fitGarch(returns.map((each) => 1e4 * each)).parameters
  expect(bps.omega / plain.omega / 1e8).toBeCloseTo(1, 6)
  expect(bps.beta).toBeCloseTo(plain.beta, 7)
})

test('a missing return moves the variance as forecast, and costs the fit little', () => {
  const filter = new GarchFilter(PLAIN)
  filter.update(0.004)
  const expected = filter.ahead(3)
  filter.update(Number.NaN)
  filter.update(Number.NaN)
  expect(filter.variance).toBeCloseTo(expected, 18)
  const returns = simulate(PLAIN, 6000, 4)
  const holed = returns.map((each, t) => (t % 50 === 7 ? Number.NaN : each))
  const [whole, some] = [fitGarch(returns), fitGarch(holed)]
  expect(some.returns).toBe(5880)
  const errors = garchStandardErrors(returns, whole)
  for (const name of ['omega', 'alpha', 'beta'] as const)
    expect(Math.abs(some.parameters[name] - whole.parameters[name])).toBeLessThan(1.5 * errors[name])
})

test('a mean of zero is held, and its error is not stated', () => {
  const returns = simulate(PLAIN, 2000, 5)
  const fit = fitGarch(returns, { mean: 'zero' })
  expect(fit.parameters.mu).toBe(0)
  const errors = garchStandardErrors(returns, fit, { mean: 'zero' })
  expect(errors.mu).toBeNaN()
  expect(errors.beta).toBeGreaterThan(0)
})

test('at the bound of stationarity there are estimates and no errors', () => {
  const returns = simulate({ ...PLAIN, alpha: 0.15, beta: 0.86 }, 3000, 9)
  const fit = fitGarch(returns)
  expect(fit.parameters.alpha + fit.parameters.beta).toBeGreaterThan(1 - 1e-6)
  expect(garchStandardErrors(returns, fit).beta).toBeNaN()
})

test('a market without clusters is forecast to stay as it is', () => {
  const random = new Random(6)
  const returns = Float64Array.from({ length: 4000 }, () => random.normal())
  const { parameters } = fitGarch(returns)
  expect(parameters.alpha).toBeLessThan(0.03)
  const filter = new GarchFilter(parameters)
  for (const each of returns) {
    filter.update(each)
    expect(Math.abs(filter.over(50) / 50 - 1)).toBeLessThan(0.15)
  }
})

test('forecasts follow the filter, and never the future', () => {
  const returns = simulate(PLAIN, 1200, 7)
  const series: VarianceSeries = { returns, variance: returns.map((each) => each * each) }
  const forecaster = new GarchForecaster()
  const fit = forecaster.fit(series, 0, 800)
  const out = new Float64Array(100)
  forecaster.forecast(fit, series, 900, 1000, 12, out)
  const filter = new GarchFilter(fit.parameters)
  for (let t = 0; t < 1000; t++) {
    filter.update(returns[t]!)
    if (t >= 900) expect(out[t - 900]! / filter.over(12)).toBeCloseTo(1, 12)
  }
  const plan = { first: 500, window: 400, every: 250 }
  const changed = { ...series, returns: returns.map((each, t) => (t < 900 ? each : -2 * each)) }
  const before = walkForward(forecaster, series, 12, plan)
  const after = walkForward(forecaster, changed, 12, plan)
  expect(after.subarray(0, 900)).toEqual(before.subarray(0, 900))
  expect(after.subarray(900)).not.toEqual(before.subarray(900))
})

test('returns that never move, or too few of them, are refused', () => {
  for (const returns of [new Float64Array(500), new Float64Array(500).fill(0.1), new Float64Array(50).map((_, t) => t)])
    expect(() => fitGarch(returns)).toThrow(expect.objectContaining({ code: 'fit-failed' }))
})

test('the search finds the floor of a curved valley to fourteen digits', () => {
  const rosenbrock = (x: Float64Array, gradient: Float64Array) => {
    const [a, b] = [x[0]!, x[1]!]
    gradient[0] = -2 * (1 - a) - 400 * a * (b - a * a)
    gradient[1] = 200 * (b - a * a)
    return (1 - a) ** 2 + 100 * (b - a * a) ** 2
  }
  const { x, slope } = minimise(rosenbrock, Float64Array.of(-1.2, 1))
  expect(x[0]).toBeCloseTo(1, 11)
  expect(x[1]).toBeCloseTo(1, 11)
  expect(slope).toBeLessThan(1e-9)
  const [aa, ab, , bb] = hessian(rosenbrock, Float64Array.of(1, 1)) as unknown as [number, number, number, number]
  expect([aa, ab, bb].map(Math.round)).toEqual([802, -400, 200])
})
