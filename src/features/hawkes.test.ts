/**
 * Goal: intensities rise with orders and fade at the given pace; the branching ratio is found where orders cause orders.
 *
 * Method: counts by hand; a self-exciting flow of known branching ratio.
 */

import { expect, test } from 'vitest'
import { WatchedMarket } from '../../tests/features/watchedMarket.ts'
import { Random } from '../core/random.ts'
import { branchingFromCounts, HAWKES } from './hawkes.ts'

test('counts spread like chance have branching 0, four times the variance one half', () => {
  // Mean 2 and variance 2, then mean 2 and variance 8, over 2 bins: (1, 3) and (0, 4).
  expect(branchingFromCounts(2, 4, 10)).toBe(0)
  expect(branchingFromCounts(2, 4, 16)).toBeCloseTo(0.5, 14)
  expect(branchingFromCounts(2, 0, 0)).toBeNaN()
  expect(branchingFromCounts(1, 4, 16)).toBeNaN()
})

/** Twenty orders a second for the window, as even as can be: branching 0. */
function even(): WatchedMarket {
  const market = new WatchedMarket(HAWKES, { decaysPerSecond: '1', binSeconds: 1, windowSeconds: 10 })
    .at(-1)
    .heartbeat()
  for (let i = 0; i < 200; i++) market.at(i / 20).trade(i % 4 === 0 ? -1 : 1, 100, 1)
  return market.at(10)
}

test('without branching the intensity is the mean rate of the side', () => {
  const figures = even().look()
  expect(figures).toMatchObject({ rate: 20, branching: 0, 'buys-1': 15, 'sells-1': 5, 'imbalance-1': 0.5 })
})

test('with branching it follows the last orders and fades', () => {
  const market = new WatchedMarket(HAWKES, { decaysPerSecond: '1', binSeconds: 1, windowSeconds: 10 })
    .at(-1)
    .heartbeat()
  // Forty buys in one bin of ten: mean 4, variance 160, branching 1 − √(1/40).
  for (let i = 0; i < 40; i++) market.at(9 + i / 1e5).trade(1, 100, 1)
  const branching = 1 - Math.sqrt(1 / 40)
  const memory = (nowSeconds: number) => {
    let sum = 0
    for (let i = 0; i < 40; i++) sum += Math.exp(-(nowSeconds - 9 - i / 1e5))
    return sum
  }
  for (const now of [10, 12, 15]) {
    const figures = market.at(now).heartbeat().look()
    expect(figures['branching']).toBeCloseTo(branching, 12)
    expect(figures['buys-1']).toBeCloseTo((1 - branching) * 4 + branching * memory(now), 10)
    expect(figures['sells-1']).toBe(0)
  }
})

test('a sweep told as many trades of one instant is one order', () => {
  const market = even()
  const before = market.look()['rate']!
  for (let i = 0; i < 50; i++) market.trade(1, 100 + i, 1)
  expect(market.at(11).heartbeat().look()['rate']).toBeCloseTo(before - 2 + 0.1, 12)
})

test('trades of unknown side, few orders and silence tell nothing', () => {
  const market = new WatchedMarket(HAWKES, { decaysPerSecond: '1', binSeconds: 1, windowSeconds: 10 })
    .at(-1)
    .heartbeat()
  for (let i = 0; i < 100; i++) market.at(i / 10).trade(0, 100, 1)
  expect(market.at(10).look()['rate']).toBeNaN()
  expect(even().at(25).look()['rate']).toBeNaN()
  expect(even().outage(true).look()['rate']).toBeNaN()
})

test('the branching ratio of a self-exciting flow is found where bins are long against its memory', () => {
  const [baseline, jump, decay] = [2, 3, 5]
  const random = new Random(2)
  const market = new WatchedMarket(HAWKES, { decaysPerSecond: '5', binSeconds: 4, windowSeconds: 2000 })
    .at(0)
    .heartbeat()
  let now = 0
  let excited = 0
  while (now < 2004) {
    const bound = baseline + excited
    const wait = random.exponential(1 / bound)
    now += wait
    excited *= Math.exp(-decay * wait)
    if (random.uniform() * bound > baseline + excited) continue
    market.at(now).trade(random.bits() > 0 ? 1 : -1, 100, 1)
    excited += jump
  }
  const figures = market.look()
  expect(Math.abs(figures['branching']! - 0.6)).toBeLessThan(0.08)
  expect(Math.abs(figures['rate']! - 5)).toBeLessThan(0.5)
})

test('a window of too few bins is refused', () => {
  expect(() => new WatchedMarket(HAWKES, { binSeconds: 2, windowSeconds: 8 })).toThrow(
    expect.objectContaining({ code: 'config-invalid' }),
  )
})
