/**
 * Goal: what repeats every day is known, and nothing of the future is.
 * Method: a series that is a daily pattern times a level, whose next hours can be said exactly; the future changed beyond recognition;
 * noise with and without a pattern, judged by QLIKE.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { DiurnalForecaster } from './diurnal.ts'
import { EwmaForecaster } from './ewma.ts'
import { followingVariance, type VarianceSeries, walkForward } from './forecaster.ts'
import { qlike } from './qlike.ts'

const DAY = 96
const hourOf = (step: number) => Math.floor(step / 4) % 24
const byHour = () => new DiurnalForecaster(new EwmaForecaster(), hourOf, DAY)

function series(days: number, of: (step: number) => number): VarianceSeries {
  const variance = Float64Array.from({ length: days * DAY }, (_, step) => of(step))
  return { variance, returns: variance.map(Math.sqrt) }
}

const pattern = (step: number) => 1 + (hourOf(step) >= 13 && hourOf(step) < 17 ? 3 : 0)

describe('a day that repeats', () => {
  test('is forecast exactly, into its busy hours and out of them, where a mean of the past is late', () => {
    const market = series(20, (step) => 0.25 * pattern(step))
    const plan = { first: 12 * DAY, window: 0, every: 2 * DAY }
    const truth = followingVariance(market.variance, 6)
    const found = walkForward(byHour(), market, 6, plan)
    const late = walkForward(new EwmaForecaster(), market, 6, plan)
    for (let step = plan.first; step < market.variance.length - 6; step++)
      expect(found[step]).toBeCloseTo(truth[step]!, 9)
    expect(
      Math.max(...late.slice(plan.first, -6).map((value, i) => Math.abs(value / truth[plan.first + i]! - 1))),
    ).toBeGreaterThan(0.5)
  })

  test('is learnt from what was known: another future, the same forecasts', () => {
    const random = new Random(1)
    const market = series(20, (step) => pattern(step) * random.exponential(1))
    const spoilt = {
      ...market,
      variance: market.variance.map((value, step) => (step > 14 * DAY ? 7 + (step % 5) : value)),
    }
    const plan = { first: 12 * DAY, window: 0, every: DAY }
    const [a, b] = [market, spoilt].map((each) => walkForward(byHour(), each, 4, plan))
    expect(a!.subarray(0, 14 * DAY + 1)).toEqual(b!.subarray(0, 14 * DAY + 1))
  })
})

test('in noise a pattern of the day helps by far where there is one, and costs next to nothing where there is none', () => {
  const loss = (of: (step: number) => number, seed: number) => {
    const random = new Random(seed)
    const market = series(40, (step) => of(step) * random.exponential(1))
    const truth = followingVariance(market.variance, 4)
    const plan = { first: 20 * DAY, window: 0, every: 5 * DAY }
    const mean = (forecast: Float64Array) => {
      const losses = Array.from(forecast).flatMap((each, i) =>
        each > 0 && truth[i]! > 0 ? [qlike(truth[i]!, each)] : [],
      )
      return losses.reduce((a, b) => a + b, 0) / losses.length
    }
    return mean(walkForward(byHour(), market, 4, plan)) / mean(walkForward(new EwmaForecaster(), market, 4, plan))
  }
  for (const seed of [1, 2, 3]) {
    expect(loss(pattern, seed)).toBeLessThan(0.7)
    expect(loss(() => 1, seed)).toBeLessThan(1.1)
  }
})

test('a market with an hour in which nothing ever happens has no such pattern', () => {
  const market = series(20, (step) => (hourOf(step) === 3 ? 0 : 1))
  expect(() => walkForward(byHour(), market, 4, { first: 12 * DAY, window: 0, every: DAY })).toThrow(
    expect.objectContaining({ code: 'fit-failed' }),
  )
})
