/**
 * Goal: every baseline can be run beside every other, and none knows the future.
 *
 * Method: one simulated market with clusters, one plan of retraining for all; names differ; forecasts are positive, as large
 * as what came, unchanged by another future, and survive being written down as text between fit and forecast.
 */

import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { volatilityBaselines } from './baselines.ts'
import { followingVariance, type SeriesForecaster, type VarianceSeries, walkForward } from './forecaster.ts'
import { GarchFilter } from './garch.ts'

/** Days of 48 half hours whose variance follows a GARCH. */
function market(days: number): VarianceSeries {
  const random = new Random(8)
  const filter = new GarchFilter({ mu: 0, omega: 0.02, alpha: 0.1, gamma: 0, beta: 0.88, presample: 1 })
  const returns = new Float64Array(days)
  const variance = new Float64Array(days)
  const quarticity = new Float64Array(days)
  for (let day = 0; day < days; day++) {
    for (let k = 0; k < 48; k++) {
      const step = Math.sqrt(filter.variance / 48) * random.normal()
      returns[day]! += step
      variance[day]! += step * step
      quarticity[day]! += 16 * step ** 4
    }
    filter.update(returns[day]!)
  }
  return { returns, variance, quarticity }
}

/** The same forecaster, every fit of which goes through text. */
function throughText(forecaster: SeriesForecaster): SeriesForecaster {
  return {
    name: forecaster.name,
    stepsMin: (horizon) => forecaster.stepsMin(horizon),
    fit: (...given) => JSON.parse(JSON.stringify(forecaster.fit(...given))),
    forecast: (...given) => forecaster.forecast(...given),
  }
}

test('all baselines forecast one market side by side, causally and from plain data', () => {
  const series = market(900)
  const changed: VarianceSeries = {
    returns: series.returns.map((each, t) => (t < 800 ? each : 3 * each)),
    variance: series.variance.map((each, t) => (t < 800 ? each : 9 * each)),
    quarticity: series.quarticity!.map((each, t) => (t < 800 ? each : 81 * each)),
  }
  const baselines = volatilityBaselines(undefined, true)
  expect(new Set(baselines.map(({ name }) => name)).size).toBe(baselines.length)
  expect(volatilityBaselines().map(({ name }) => name)).not.toContain('harq')
  const realised = followingVariance(series.variance, 5)
  for (const forecaster of baselines) {
    const plan = { first: 400, window: 0, every: 100 }
    const forecast = walkForward(forecaster, series, 5, plan)
    let ratio = 0
    for (let t = 400; t < 800; t++) ratio += realised[t]! / forecast[t]! / 400
    expect(ratio, forecaster.name).toBeGreaterThan(0.7)
    expect(ratio, forecaster.name).toBeLessThan(1.6)
    expect(walkForward(throughText(forecaster), series, 5, plan)).toEqual(forecast)
    expect(walkForward(forecaster, changed, 5, plan).subarray(0, 800)).toEqual(forecast.subarray(0, 800))
  }
})
