/**
 * Goal: the heavier side of the book is told as it is defined, and nothing is told of a book that cannot be trusted.
 *
 * Method: books small enough to add up by hand. That streaming equals batch on long tapes is tests/features' business.
 */

import { expect, test } from 'vitest'
import { WatchedMarket } from '../../tests/features/watchedMarket.ts'
import { BOOK_IMBALANCE } from './bookImbalance.ts'

const settings = { levels: '1,2,5', withinBps: '1,20', decayBps: 10, weightedLevels: 2, staleSeconds: 60 }
// Mid 10,000 ticks: a tick is a basis point.
const watched = () =>
  new WatchedMarket(BOOK_IMBALANCE, settings).snapshot(
    [
      [9999, 30],
      [9998, 50],
      [9970, 1000],
    ],
    [
      [10_001, 10],
      [10_003, 20],
      [10_015, 60],
    ],
  )

test('lots are summed over the best levels, those there are', () => {
  const figures = watched().look()
  expect(figures['levels-1']).toBeCloseTo((30 - 10) / 40, 14)
  expect(figures['levels-2']).toBeCloseTo((80 - 30) / 110, 14)
  expect(figures['levels-5']).toBeCloseTo((1080 - 90) / 1170, 14)
})

test('lots are summed within a distance, its bound included', () => {
  const figures = watched().look()
  expect(figures['within-1bps']).toBeCloseTo((30 - 10) / 40, 14)
  expect(figures['within-20bps']).toBeCloseTo((80 - 90) / 170, 14)
})

test('a lot further away weighs less', () => {
  const bid = 30 * Math.exp(-0.1) + 50 * Math.exp(-0.2)
  const ask = 10 * Math.exp(-0.1) + 20 * Math.exp(-0.3)
  expect(watched().look()['weighted']).toBeCloseTo((bid - ask) / (bid + ask), 14)
})

test('a level taken away no longer counts', () => {
  expect(
    watched()
      .depth([[9999, 0]])
      .look()['levels-1'],
  ).toBeCloseTo((50 - 10) / 60, 14)
})

test('a book that lost updates is unknown until the next snapshot', () => {
  const market = watched().gap()
  expect(market.look()['levels-1']).toBeNaN()
  expect(market.depth([[9999, 31]]).look()['levels-1']).toBeNaN()
  expect(market.snapshot([[9999, 30]], [[10_001, 90]]).look()['levels-1']).toBeCloseTo(-0.5, 14)
})

test.each([
  ['crossed', (market: WatchedMarket) => market.depth([[10_001, 5]])],
  ['one-sided', (market: WatchedMarket) => market.snapshot([[9999, 5]], [])],
  ['down', (market: WatchedMarket) => market.outage(true)],
  ['silent', (market: WatchedMarket) => market.at(61)],
])('a market that is %s has no imbalance', (_what, happen) => {
  expect(Object.values(happen(watched()).look()).every(Number.isNaN)).toBe(true)
})

test('where only the touch is quoted, only the first level is known', () => {
  const figures = new WatchedMarket(BOOK_IMBALANCE, settings).quote([9999, 30], [10_001, 10]).look()
  expect(figures['levels-1']).toBe(0.5)
  expect(Object.values(figures).filter(Number.isNaN)).toHaveLength(5)
})

test.each([{ levels: '2,1' }, { levels: '0,1' }, { levels: '' }, { withinBps: '1,x' }, { levels: '1.5' }])(
  'settings %j make no sense',
  (bad) => {
    expect(() => new WatchedMarket(BOOK_IMBALANCE, bad)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  },
)
