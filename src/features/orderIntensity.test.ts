/**
 * Goal: A and k are those the market was made with, follow it when it changes, and exist even where ticks are coarse.
 *
 * Method: Poisson sweeps of exponential depth with known parameters; then named cases of real markets.
 */

import { describe, expect, test } from 'vitest'
import { SECOND_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { OrderIntensity } from './orderIntensity.ts'

/** Sweeps on both sides at total rate 2A, reaching exponential depths of mean 1/k, for a while. */
function feed(
  estimate: OrderIntensity,
  random: Random,
  fromUs: number,
  seconds: number,
  arrival: number,
  decay: number,
): number {
  let timeUs = fromUs
  const endUs = fromUs + seconds * SECOND_US
  for (;;) {
    timeUs += random.exponential(SECOND_US / (2 * arrival))
    if (timeUs >= endUs) return endUs
    estimate.onTrade(Math.round(timeUs), random.bits() > 0 ? 1 : -1, random.exponential(1 / decay))
  }
}

describe('A and k of exponential sweeps are recovered', () => {
  test.each([
    { arrival: 2, decay: 0.3 },
    { arrival: 0.9, decay: 0.8 },
    // Depths of 200 ticks: the bins must widen.
    { arrival: 5, decay: 0.005 },
  ])('A $arrival per second, k $decay per tick', ({ arrival, decay }) => {
    const estimate = new OrderIntensity(3600 * SECOND_US)
    const random = new Random(11)
    let timeUs = 0
    for (let i = 0; i < 40; i++) {
      timeUs = feed(estimate, random, timeUs, 100, arrival, decay)
      estimate.fit(timeUs)
    }
    expect(Math.abs(estimate.arrivalPerSecond / arrival - 1)).toBeLessThan(0.08)
    expect(Math.abs(estimate.decayPerTick / decay - 1)).toBeLessThan(0.08)
  })
})

test('a market that falls quiet is believed to be quiet after a few half-lives', () => {
  const estimate = new OrderIntensity(300 * SECOND_US)
  const random = new Random(3)
  const busyUs = feed(estimate, random, 0, 2000, 4, 0.3)
  estimate.fit(busyUs)
  expect(Math.abs(estimate.arrivalPerSecond - 4)).toBeLessThan(0.5)
  estimate.fit(feed(estimate, random, busyUs, 2000, 1, 0.3))
  expect(Math.abs(estimate.arrivalPerSecond - 1)).toBeLessThan(0.3)
})

test('the trades of one sweep count once, by the deepest', () => {
  const one = new OrderIntensity(300 * SECOND_US)
  const many = new OrderIntensity(300 * SECOND_US)
  const random = new Random(5)
  for (let second = 1; second <= 300; second++) {
    const depth = 0.5 + Math.floor(random.exponential(3))
    one.onTrade(second * SECOND_US, 1, depth)
    for (let reached = 0.5; reached <= depth; reached++) many.onTrade(second * SECOND_US, 1, reached)
  }
  one.fit(301 * SECOND_US)
  many.fit(301 * SECOND_US)
  expect(many.arrivalPerSecond).toBe(one.arrivalPerSecond)
  expect(many.decayPerTick).toBe(one.decayPerTick)
})

test('where every sweep stops at the touch, the rate falls steeply instead of being unknown', () => {
  const estimate = new OrderIntensity(300 * SECOND_US)
  for (let second = 1; second <= 300; second++) estimate.onTrade(second * SECOND_US, 1, 0.5)
  estimate.fit(301 * SECOND_US)
  expect(estimate.decayPerTick).toBeGreaterThan(5)
  expect(estimate.arrivalPerSecond * Math.exp(-estimate.decayPerTick * 0.5)).toBeCloseTo(0.5, 1)
})

test('nothing is said before enough sweeps were seen', () => {
  const estimate = new OrderIntensity(300 * SECOND_US, 30)
  for (let second = 1; second <= 29; second++) estimate.onTrade(second * SECOND_US, 1, second % 5)
  estimate.fit(40 * SECOND_US)
  expect(estimate.arrivalPerSecond).toBeNaN()
  estimate.onTrade(41 * SECOND_US, 1, 2)
  estimate.fit(42 * SECOND_US)
  expect(estimate.arrivalPerSecond).toBeGreaterThan(0)
})
