/**
 * Goal: HAR and its relatives are the published regressions, and no forecast knows the future.
 *
 * Method: the reference vectors (simulated realised variance, regressed by statsmodels) where they are present: coefficients,
 * classical and Newey-West errors, logs, rolling forecasts and their losses; recovery of coefficients from series simulated
 * with them; a permuted future; missing steps; a table's columns against the series.
 */

import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { readSettings } from '../../core/settings.ts'
import { HAR_LADDER } from '../../features/harLadder.ts'
import { predictTable } from '../learner.ts'
import { mincerZarnowitz } from '../linear/mincerZarnowitz.ts'
import { followingVariance, type VarianceSeries, walkForward } from './forecaster.ts'
import { CORSI_LAGS, fitHarColumns, HAR_VARIANTS, HarForecaster, harColumns, ladderColumns } from './har.ts'
import { losses, qlike, squaredError, summariseLosses } from './qlike.ts'
import { rollingMean } from './rollingMean.ts'

const shared = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/reference/vectors/t03_har_qlike.json`
const absent = existsSync(shared) ? '' : ' (absent here: nothing compared)'

interface HarCase {
  rv: number[]
  beta: number[]
  r2: number
  adj_r2: number
  se_ols: number[]
  se_hac5: number[]
  log_beta: number[]
  log_r2: number
  log_sigma2: number
  rolling: Record<string, number> & { first3: number[] }
}

function cases(): HarCase[] {
  return absent ? [] : (JSON.parse(readFileSync(shared, 'utf8')) as { cases: HarCase[] }).cases
}

function onlyVariance(variance: ArrayLike<number>): VarianceSeries {
  return { variance: Float64Array.from(variance), returns: new Float64Array(variance.length) }
}

function expectClose(found: ArrayLike<number>, wanted: readonly number[], relative: number): void {
  expect(found.length).toBe(wanted.length)
  for (const [i, each] of wanted.entries()) expect(Math.abs(found[i]! / each - 1)).toBeLessThan(relative)
}

describe(`reference vectors of HAR${absent}`, () => {
  test('coefficients to 1e-8, classical and Newey-West errors to 1e-7', () => {
    for (const { rv, beta, r2, adj_r2, se_ols, se_hac5 } of cases()) {
      const { regression } = new HarForecaster('har').regress(onlyVariance(rv), 0, rv.length, 1, 5)
      const { intercept, coefficients } = regression.model.parameters
      expectClose([intercept, ...coefficients], beta, 1e-8)
      expectClose(regression.standardErrors, se_ols, 1e-7)
      expectClose(regression.hacStandardErrors!, se_hac5, 1e-7)
      expectClose([regression.r2, regression.adjustedR2], [r2, adj_r2], 1e-9)
    }
  })

  test('regression of the logs, with the variance that corrects their bias', () => {
    for (const { rv, log_beta, log_r2, log_sigma2 } of cases()) {
      const { fit, regression } = new HarForecaster('log-har').regress(onlyVariance(rv), 0, rv.length, 1)
      const { intercept, coefficients } = regression.model.parameters
      expectClose([intercept, ...coefficients], log_beta, 1e-8)
      expectClose([regression.r2, regression.residualVariance], [log_r2, log_sigma2], 1e-8)
      expect(fit.parameters.correction).toBe(regression.residualVariance / 2)
    }
  })

  test('rolling forecasts out of sample: losses, regression on the outcome, the first three', () => {
    for (const { rv, rolling } of cases()) {
      const series = onlyVariance(rv)
      const pairs = rolling['window']!
      const first = pairs + 21
      const forecast = walkForward(new HarForecaster('har'), series, 1, { first, window: pairs + 22, every: 1 })
      const realised = followingVariance(series.variance, 1)
      const summary = (loss: typeof qlike, asked: Float64Array) => {
        const answers = summariseLosses(losses(loss, realised.subarray(first), asked.subarray(first)))
        expect(answers.count).toBe(rolling['n_oos'])
        return answers.mean
      }
      expectClose(forecast.subarray(first, first + 3), rolling.first3, 1e-8)
      expectClose(
        [
          summary(qlike, forecast),
          summary(qlike, series.variance),
          summary(squaredError, forecast),
          summary(squaredError, series.variance),
        ],
        [rolling['qlike_har']!, rolling['qlike_rw']!, rolling['mse_har']!, rolling['mse_rw']!],
        1e-8,
      )
      const { intercept, slope, r2 } = mincerZarnowitz(forecast.subarray(first), realised.subarray(first))
      expectClose([intercept, slope, r2], [rolling['mz_const']!, rolling['mz_slope']!, rolling['mz_r2']!], 1e-6)
    }
  })
})

/** A market whose variance follows a HAR with the given coefficients; returns and quarticity as its days would show them. */
function harMarket(steps: number, coefficients: readonly number[], seed: number): VarianceSeries {
  const random = new Random(seed)
  const variance = new Float64Array(steps).fill(1)
  for (let t = 22; t < steps; t++) {
    const mean = (lag: number) => variance.subarray(t - lag, t).reduce((sum, each) => sum + each, 0) / lag
    const expected =
      coefficients[0]! + coefficients[1]! * mean(1) + coefficients[2]! * mean(5) + coefficients[3]! * mean(22)
    variance[t] = expected * Math.exp(0.3 * random.normal() - 0.045)
  }
  return {
    variance,
    returns: variance.map((each) => Math.sqrt(each) * random.normal()),
    quarticity: variance.map((each) => each * each * (1 + random.uniform())),
  }
}

const TRUTH = [0.1, 0.4, 0.3, 0.2]

test('the coefficients a market was made with come back', () => {
  const series = harMarket(30_000, TRUTH, 4)
  const { regression } = new HarForecaster('har').regress(series, 0, 30_000, 1, 22)
  const found = [regression.model.parameters.intercept, ...regression.model.parameters.coefficients]
  for (const [i, each] of found.entries())
    expect(Math.abs(each - TRUTH[i]!)).toBeLessThan(4 * regression.hacStandardErrors![i]!)
  expect(Math.abs(found[1]! - 0.4)).toBeLessThan(0.05)
})

test('every variant forecasts positive variance, on average what came, and better than the average', () => {
  const series = harMarket(3000, TRUTH, 5)
  const mean = (figures: Float64Array) => figures.reduce((sum, each) => sum + each, 0) / figures.length
  for (const variant of HAR_VARIANTS)
    for (const horizon of [1, 10]) {
      const plan = { first: 999, window: 0, every: 200 }
      const forecast = walkForward(new HarForecaster(variant), series, horizon, plan).subarray(999, 3000 - horizon)
      const realised = followingVariance(series.variance, horizon).subarray(999, 3000 - horizon)
      expect(forecast.every((each) => each > 0)).toBe(true)
      expect(Math.abs(mean(forecast) / mean(realised) - 1)).toBeLessThan(0.05)
      const flat = realised.map(() => mean(realised))
      const better = summariseLosses(losses(qlike, realised, forecast)).mean
      expect(better).toBeLessThan(0.8 * summariseLosses(losses(qlike, realised, flat)).mean)
    }
})

test('what comes after a step changes neither its fit nor its forecast', () => {
  const series = harMarket(400, TRUTH, 6)
  const known = 300
  const other = harMarket(400, TRUTH, 7)
  const splice = (a: Float64Array, b: Float64Array) => a.map((each, t) => (t < known ? each : b[t]!))
  const changed: VarianceSeries = {
    variance: splice(series.variance, other.variance),
    returns: splice(series.returns, other.returns),
    quarticity: splice(series.quarticity!, other.quarticity!),
  }
  for (const variant of HAR_VARIANTS) {
    const plan = { first: 150, window: 120, every: 7 }
    const before = walkForward(new HarForecaster(variant), series, 3, plan)
    const after = walkForward(new HarForecaster(variant), changed, 3, plan)
    expect(after.subarray(0, known)).toEqual(before.subarray(0, known))
    expect(after.subarray(known)).not.toEqual(before.subarray(known))
  }
})

test('where a forecast makes no sense the mean of training stands, and beyond the greatest its bound', () => {
  const series = harMarket(300, TRUTH, 8)
  const labels = series.variance.subarray(22)
  const [least, most] = [Math.min(...labels), Math.max(...labels)]
  const mean = labels.reduce((sum, label) => sum + label, 0) / labels.length
  // Calm and storm beyond anything seen.
  const beyond = { ...series, variance: series.variance.map((each, t) => (t < 150 ? 1e-6 * each : 1e6 * each)) }
  const bounds = { har: Number.POSITIVE_INFINITY, harq: most, 'har-leverage': 10 * most }
  for (const variant of ['har', 'harq', 'har-leverage'] as const) {
    const forecaster = new HarForecaster(variant)
    const fit = forecaster.fit(series, 0, 300, 1)
    const shifted = (by: number) => {
      const out = new Float64Array(300)
      const parameters = { ...fit.parameters, intercept: fit.parameters.intercept + by }
      forecaster.forecast({ ...fit, parameters }, beyond, 0, 300, 1, out)
      return out
    }
    expect(shifted(-1)[100]! / mean).toBeCloseTo(1, 12)
    for (const forecast of shifted(-1).subarray(21))
      expect(forecast >= least && forecast <= bounds[variant] * (1 + 1e-12)).toBe(true)
    expect(shifted(1e9)[100]! / Math.min(bounds[variant], shifted(1e9)[100]!)).toBeCloseTo(1, 12)
  }
  const logs = new HarForecaster('log-har').fit(series, 0, 300, 1).parameters
  expect(logs.floor).toBeCloseTo(least / 10, 12)
  expect(logs.ceiling).toBeCloseTo(most * 10, 9)
  expect(logs.belowFloor).toBeUndefined()
  const falls = new HarForecaster('log-har-leverage').fit(series, 0, 300, 1).parameters
  expect(falls.floor! / least).toBeCloseTo(1, 12)
  expect(falls.ceiling! / most).toBeCloseTo(10, 9)
  expect(falls.belowFloor! / mean).toBeCloseTo(1, 12)
})

test('a crash after calm does not carry HARQ to the floor: it loses no more than the mean of training does', () => {
  const calm = harMarket(400, TRUTH, 8)
  // The least forecast of a calm market is far below what a crash brings.
  const crash = {
    ...calm,
    variance: calm.variance.map((each, t) => (t < 350 ? each : 300 * each)),
    quarticity: calm.quarticity!.map((each, t) => (t < 350 ? each : 90_000 * each)),
  }
  const forecaster = new HarForecaster('harq')
  // A product that is taken off, as it comes out of noisily measured days.
  const fit = forecaster.fit(calm, 0, 350, 1)
  const { coefficients } = fit.parameters
  const parameters = {
    ...fit.parameters,
    coefficients: [...coefficients.slice(0, -1), -Math.abs(coefficients.at(-1)!) - 1],
  }
  const out = new Float64Array(400)
  forecaster.forecast({ ...fit, parameters }, crash, 0, 400, 1, out)
  for (let t = 352; t < 399; t++) expect(out[t]).toBeGreaterThanOrEqual(parameters.belowFloor!)
})

test('a missing step is missing in every mean that holds it, and in no other', () => {
  const series = harMarket(200, TRUTH, 8)
  series.variance[100] = Number.NaN
  const forecaster = new HarForecaster('har')
  const out = new Float64Array(200)
  forecaster.forecast(forecaster.fit(series, 0, 200, 1), series, 0, 200, 1, out)
  for (let t = 0; t < 200; t++) expect(Number.isNaN(out[t]!)).toBe(t < 21 || (t >= 100 && t < 122))
})

test('columns of a table give the fit of the series they were made from', () => {
  const series = harMarket(500, TRUTH, 9)
  const steps = 500 - 22
  for (const variant of ['har', 'harq', 'log-har', 'log-har-leverage'] as const) {
    const own = harColumns(variant, CORSI_LAGS, series, 21, 21 + steps)
    const table = {
      rows: steps,
      names: ['hour', ...own.names],
      columns: [new Float64Array(steps).fill(Number.NaN), ...own.columns],
    }
    const label = followingVariance(series.variance, 1).subarray(21, 21 + steps)
    const answers = predictTable(fitHarColumns({ table, label }, variant, own.names), table)
    const forecaster = new HarForecaster(variant)
    const out = new Float64Array(steps)
    forecaster.forecast(forecaster.fit(series, 0, 500, 1), series, 21, 21 + steps, 1, out)
    for (let i = 0; i < steps; i++) expect(answers[i]! / out[i]!).toBeCloseTo(1, 10)
  }
})

test('the columns named are those the features have', () => {
  const settings = readSettings('feature har-ladder', HAR_LADDER.settings, {})
  const names = HAR_LADDER.outputs(settings).map(({ name }) => name)
  for (const variant of HAR_VARIANTS)
    for (const ladder of ['har-ladder/', 'har-ladder/day-'])
      for (const column of ladderColumns(variant, ladder)) expect(names).toContain(column.slice('har-ladder/'.length))
  expect(ladderColumns('log-har-leverage')).toHaveLength(6)
})

test('sliding means are sums over the window, whatever the window and the place asked for', () => {
  const random = new Random(2)
  const figures = Float64Array.from({ length: 100 }, (_, i) => (i === 40 ? Number.NaN : random.normal()))
  for (const window of [1, 2, 5, 22, 99, 100, 101])
    for (const [from, to] of [
      [0, 100],
      [3, 50],
      [37, 38],
      [60, 100],
    ] as const) {
      const out = rollingMean(figures, window, from, to)
      for (let t = from; t < to; t++) {
        const last = t + 1 < window ? [Number.NaN] : [...figures.subarray(t + 1 - window, t + 1)]
        const mean = last.reduce((sum, each) => sum + each, 0) / window
        if (Number.isNaN(mean)) expect(out[t - from]).toBeNaN()
        else expect(out[t - from]).toBeCloseTo(mean, 12)
      }
    }
})

test('a forecast for another horizon, HARQ without quarticity and spans out of order are refused', () => {
  const series = harMarket(200, TRUTH, 1)
  const forecaster = new HarForecaster('har')
  const fit = forecaster.fit(series, 0, 200, 1)
  expect(() => forecaster.forecast(fit, series, 0, 1, 2, new Float64Array(1))).toThrow(
    expect.objectContaining({ code: 'argument-invalid' }),
  )
  expect(() => new HarForecaster('harq').fit(onlyVariance(series.variance), 0, 200, 1)).toThrow(
    expect.objectContaining({ code: 'config-invalid' }),
  )
  expect(() => new HarForecaster('har', [5, 1])).toThrow(expect.objectContaining({ code: 'config-invalid' }))
})
