/**
 * Goal: the estimate is the volatility the path was made with, whatever the pace of updates and the bounce around it.
 *
 * Method: paths of known volatility, watched on time, irregularly, with bounce and with pauses; then the definition
 * itself, computed over the whole history at once.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SECOND_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { RealisedVolatility } from './realisedVolatility.ts'

/** Feeds a Brownian path of volatility `sigma` per √s, updated at exponential intervals; returns the last estimate. */
function watch(sigma: number, meanIntervalUs: number, bounce: number, seed: number): number {
  const random = new Random(seed)
  const estimate = new RealisedVolatility(SECOND_US, 1000 * SECOND_US)
  let timeUs = 0
  let price = 30_000
  while (timeUs < 5000 * SECOND_US) {
    const elapsedUs = Math.ceil(random.exponential(meanIntervalUs))
    timeUs += elapsedUs
    price += sigma * Math.sqrt(elapsedUs / SECOND_US) * random.normal()
    estimate.update(timeUs, price + bounce * (random.bits() > 0 ? 0.5 : -0.5))
  }
  return estimate.perRootSecond
}

describe('the volatility of a Brownian path is recovered', () => {
  // About 1,440 effective samples: the standard error of the estimate is 1/√(2·1440) ≈ 1.9 %.
  test.each([
    [0.3, 50_000],
    [3, 50_000],
    [3, 400_000],
  ])('σ %f ticks per √s, updates every %f µs', (sigma, meanIntervalUs) => {
    expect(watch(sigma, meanIntervalUs, 0, 7)).toBeGreaterThan(0.93 * sigma)
    expect(watch(sigma, meanIntervalUs, 0, 7)).toBeLessThan(1.07 * sigma)
  })

  test('bounce of a tick adds at most its own variance once a sample, not once an update', () => {
    // Per update (20 a second) it would add 20 × 0.5; per sample it adds 2 × 0.25.
    expect(watch(3, 50_000, 1, 7)).toBeLessThan(1.07 * Math.sqrt(9 + 0.5))
  })
})

test('a doubled volatility is half believed after one half-life', () => {
  const estimate = new RealisedVolatility(SECOND_US, 100 * SECOND_US)
  let price = 0
  let timeUs = 0
  const walk = (step: number, seconds: number) => {
    for (let i = 0; i < seconds; i++) estimate.update((timeUs += SECOND_US), (price += i % 2 === 0 ? step : -step))
  }
  walk(1, 2000)
  expect(estimate.perRootSecond).toBeCloseTo(1, 6)
  walk(2, 101)
  expect(estimate.perRootSecond ** 2).toBeCloseTo(2.5, 1)
})

test('nothing is said before enough was seen', () => {
  const estimate = new RealisedVolatility(SECOND_US, 100 * SECOND_US, 20)
  for (let i = 0; i < 20; i++) estimate.update(i * SECOND_US, i)
  expect(estimate.perRootSecond).toBeNaN()
  estimate.update(20 * SECOND_US, 20)
  expect(estimate.perRootSecond).toBeCloseTo(1, 1)
})

test('a move while the price was lost does not count', () => {
  const estimate = new RealisedVolatility(SECOND_US, 1000 * SECOND_US)
  for (let i = 0; i < 50; i++) estimate.update(i * SECOND_US, i % 2)
  const before = estimate.perRootSecond
  estimate.interrupt()
  for (let i = 60; i < 110; i++) estimate.update(i * SECOND_US, 1000 + (i % 2))
  expect(Math.abs(estimate.perRootSecond - before)).toBeLessThan(0.05)
})

test('computed live it equals the sums over the whole history', () => {
  const updates = fc.array(
    fc.record({ waitUs: fc.integer({ min: 0, max: 4_000_000 }), change: fc.integer({ min: -9, max: 9 }) }),
    {
      minLength: 2,
      maxLength: 60,
    },
  )
  fc.assert(
    fc.property(updates, (all) => {
      const halfLifeUs = 10 * SECOND_US
      const estimate = new RealisedVolatility(SECOND_US, halfLifeUs, 1)
      const path: { timeUs: number; price: number }[] = []
      let timeUs = 0
      let price = 100
      for (const { waitUs, change } of all) {
        timeUs += waitUs
        price += change
        path.push({ timeUs, price })
        estimate.update(timeUs, price)
      }
      // The price just before each whole second since the first update; every second forgets and adds its square.
      const start = Math.floor(path[0].timeUs / SECOND_US)
      const end = Math.floor(timeUs / SECOND_US)
      const at = (second: number) => path.filter((each) => each.timeUs < second * SECOND_US).at(-1) ?? path[0]
      const decay = 0.5 ** (SECOND_US / halfLifeUs)
      let squares = 0
      let seconds = 0
      let last = path[0].price
      let stride = 1
      for (let second = start + 1; second <= end; second++) {
        const heard = path.some((each) => Math.floor(each.timeUs / SECOND_US) === second)
        if (!heard && second < end) {
          stride++
          continue
        }
        const now = at(second).price
        squares = squares * decay ** stride + (now - last) ** 2
        seconds = seconds * decay ** stride + stride
        last = now
        stride = 1
      }
      if (seconds === 0) expect(estimate.perRootSecond).toBeNaN()
      else expect(estimate.perRootSecond).toBeCloseTo(Math.sqrt(squares / seconds), 9)
    }),
    { numRuns: 200 },
  )
})

test('a half-life shorter than the sampling interval is refused', () => {
  expect(() => new RealisedVolatility(SECOND_US, SECOND_US)).toThrow(
    expect.objectContaining({ code: 'config-invalid' }),
  )
})
