/**
 * Goal: losses that rank forecasts as the truth would.
 *
 * Method: values worked by hand; the property QLIKE is used for (a noisy proxy ranks as the true variance does); what has no
 * loss; trimming; a plan that leaves too little to learn from.
 */

import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { EwmaForecaster } from './ewma.ts'
import { followingVariance, walkForward } from './forecaster.ts'
import { losses, qlike, squaredError, squaredLogError, summariseLosses } from './qlike.ts'

test('a forecast of half and one of twice what came', () => {
  expect(qlike(3, 3)).toBe(0)
  expect(qlike(2, 1)).toBeCloseTo(1 - Math.LN2, 15)
  expect(qlike(1, 2)).toBeCloseTo(Math.LN2 - 0.5, 15)
  expect(squaredError(1, 3)).toBe(4)
  expect(squaredLogError(Math.E, 1)).toBe(1)
})

test('a realised zero is infinitely far from any forecast; a forecast that is not positive has no loss', () => {
  expect(qlike(0, 1)).toBe(Number.POSITIVE_INFINITY)
  for (const forecast of [0, -1, Number.NaN]) expect(qlike(1, forecast)).toBeNaN()
  expect(squaredLogError(0, 1)).toBeNaN()
})

test('judged by one noisy squared return a day, the true variance still beats one 20 % too low or too high', () => {
  const random = new Random(1)
  const truth = Float64Array.from({ length: 100_000 }, () => Math.exp(random.normal()))
  // A squared return of a day: right on average, and off by its own size.
  const proxy = truth.map((each) => each * random.normal() ** 2)
  const loss = (factor: number) =>
    summariseLosses(
      losses(
        qlike,
        proxy,
        truth.map((each) => factor * each),
      ),
    ).mean
  expect(loss(1)).toBeLessThan(loss(0.8))
  expect(loss(1)).toBeLessThan(loss(1.2))
})

test('the trimmed mean leaves the worst losses out, and what has no loss is counted', () => {
  const each = Float64Array.from({ length: 200 }, (_, i) => i)
  each[0] = Number.NaN
  each[1] = Number.POSITIVE_INFINITY
  const { mean, trimmedMean, count, left } = summariseLosses(each, 0.01)
  expect([count, left]).toEqual([198, 2])
  expect(mean).toBeCloseTo(100.5, 12)
  expect(trimmedMean).toBeCloseTo(100, 12)
})

test('what follows a step is the sum of the next ones, and unknown at the end', () => {
  expect(followingVariance(Float64Array.of(1, 2, 3, 4), 2)).toEqual(Float64Array.of(5, 7, Number.NaN, Number.NaN))
})

test('a plan that begins before anything could be learnt is refused', () => {
  const series = { variance: new Float64Array(100).fill(1), returns: new Float64Array(100) }
  expect(() => walkForward(new EwmaForecaster(), series, 1, { first: 5, window: 0, every: 1 })).toThrow(
    expect.objectContaining({ code: 'argument-invalid' }),
  )
})
