/**
 * Goal: a forecast that is right on average passes, one that exaggerates is found out.
 *
 * Method: simulated forecasts with known bias; the test's size over seeds; logs; missing pairs. The published HAR vectors
 * check the regression itself in volatility/har.test.ts.
 */

import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { mincerZarnowitz } from './mincerZarnowitz.ts'

function market(seed: number, exaggeration: number) {
  const random = new Random(seed)
  const forecast = new Float64Array(500)
  const realised = new Float64Array(500)
  for (let i = 0; i < 500; i++) {
    const level = random.normal()
    forecast[i] = exaggeration * level
    realised[i] = level + random.normal()
  }
  return { forecast, realised }
}

test('a forecast twice too bold has slope one half, and is rejected', () => {
  const { forecast, realised } = market(1, 2)
  const result = mincerZarnowitz(forecast, realised)
  expect(Math.abs(result.slope - 0.5)).toBeLessThan(3 * result.slopeError)
  expect(result.pValue).toBeLessThan(1e-6)
  expect(result.pairs).toBe(500)
})

test('an honest forecast is rejected at the 5 % level about one time in twenty', () => {
  let rejected = 0
  for (let seed = 0; seed < 400; seed++) {
    const { forecast, realised } = market(seed, 1)
    if (mincerZarnowitz(forecast, realised).pValue < 0.05) rejected++
  }
  expect(rejected / 400).toBeGreaterThan(0.025)
  expect(rejected / 400).toBeLessThan(0.085)
})

test('pairs that are missing, or not positive under logs, are left out and counted', () => {
  const forecast = Float64Array.of(1, 2, Number.NaN, 4, 5, 0)
  const realised = Float64Array.of(1.1, 1.9, 3, Number.NaN, 5.2, 6)
  expect(mincerZarnowitz(forecast, realised).left).toBe(2)
  const logs = mincerZarnowitz(forecast, realised, { logs: true })
  expect([logs.pairs, logs.left]).toEqual([3, 3])
})

test('forecasts and outcomes of different number are refused', () => {
  expect(() => mincerZarnowitz(new Float64Array(3), new Float64Array(4))).toThrow(
    expect.objectContaining({ code: 'argument-invalid' }),
  )
})
