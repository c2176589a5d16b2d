/**
 * Goal: the exponential mean is RiskMetrics, and its fitted memory is the right one.
 *
 * Method: the published recursion; a market whose variance follows an exponential mean, whose lambda must come back; the loss
 * at the fitted lambda against a fine grid; missing steps; the random walk.
 */

import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { EwmaForecaster, RISK_METRICS_LAMBDA } from './ewma.ts'
import { followingVariance, type VarianceSeries, walkForward } from './forecaster.ts'
import { losses, qlike, summariseLosses } from './qlike.ts'

/** Local-level market: today's expected variance moves a share of the way to what was realised. */
function market(steps: number, lambda: number, seed: number): VarianceSeries {
  const random = new Random(seed)
  let level = 1
  const variance = Float64Array.from({ length: steps }, () => {
    const realised = level * Math.exp(0.5 * random.normal() - 0.125)
    level = lambda * level + (1 - lambda) * realised
    return realised
  })
  return { variance, returns: new Float64Array(steps) }
}

function forecasts(lambda: number | undefined, series: VarianceSeries, horizon = 1): Float64Array {
  const forecaster = new EwmaForecaster(lambda)
  const out = new Float64Array(series.variance.length)
  const fit = forecaster.fit(series, 0, out.length, horizon)
  forecaster.forecast(fit, series, 0, out.length, horizon, out)
  return out
}

test('after its first steps it is the published recursion', () => {
  const series = market(1000, 0.9, 1)
  const found = forecasts(RISK_METRICS_LAMBDA, series)
  let recursion = series.variance[0]!
  for (const [t, each] of series.variance.entries()) {
    recursion = 0.94 * recursion + 0.06 * each
    if (t > 400) expect(found[t]! / recursion).toBeCloseTo(1, 9)
  }
  // The second forecast is the weighted mean of two steps, not a made-up start.
  expect(found[1]).toBeCloseTo((series.variance[1]! + 0.94 * series.variance[0]!) / 1.94, 12)
})

test('with lambda 0 the next steps are as the last', () => {
  const series = market(50, 0.9, 2)
  expect(forecasts(0, series, 4)).toEqual(series.variance.map((each) => 4 * each))
  expect(new EwmaForecaster(0).name).toBe('random-walk')
})

test.each([0.7, 0.94, 0.99])('a market with memory %f is found to have it', (lambda) => {
  const series = market(20_000, lambda, 3)
  const fit = new EwmaForecaster().fit(series, 0, 20_000, 1)
  expect(Math.abs((1 - fit.lambda) / (1 - lambda) - 1)).toBeLessThan(0.15)
})

test('no lambda of a fine grid has a smaller QLIKE than the fitted one', () => {
  const series = market(3000, 0.9, 4)
  series.variance[700] = Number.NaN
  for (const horizon of [1, 5]) {
    const realised = followingVariance(series.variance, horizon)
    const loss = (lambda: number | undefined) =>
      summariseLosses(losses(qlike, realised, forecasts(lambda, series, horizon))).mean
    const fitted = loss(undefined)
    for (let lambda = 0.01; lambda < 1; lambda += 0.01) expect(fitted).toBeLessThan(loss(lambda) + 1e-9)
  }
})

test('a missing step leaves the forecast as it was', () => {
  const series = market(100, 0.9, 5)
  series.variance[60] = Number.NaN
  const found = forecasts(0.94, series)
  expect(found[60]).toBe(found[59])
  expect(found[61]).not.toBe(found[60])
})

test('the future changes nothing', () => {
  const series = market(600, 0.9, 6)
  const changed = { ...series, variance: series.variance.map((each, t) => (t < 500 ? each : 9 * each)) }
  const plan = { first: 100, window: 0, every: 50 }
  const before = walkForward(new EwmaForecaster(), series, 3, plan)
  const after = walkForward(new EwmaForecaster(), changed, 3, plan)
  expect(after.subarray(0, 500)).toEqual(before.subarray(0, 500))
  expect(after.subarray(500)).not.toEqual(before.subarray(500))
})

test('a lambda of one, and a market without a step that moved, are refused', () => {
  expect(() => new EwmaForecaster(1)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  const still: VarianceSeries = { variance: new Float64Array(100), returns: new Float64Array(100) }
  expect(() => new EwmaForecaster().fit(still, 0, 100, 1)).toThrow(expect.objectContaining({ code: 'fit-failed' }))
})
