/**
 * Goal: what is added to, cancelled from and traded in the queues at the touch is told apart, whichever feed speaks first.
 *
 * Method: queues changed by hand.
 */

import { expect, test } from 'vitest'
import { WatchedMarket } from '../../tests/features/watchedMarket.ts'
import { QUEUE_DYNAMICS } from './queueDynamics.ts'

const watched = () =>
  new WatchedMarket(QUEUE_DYNAMICS, { windowsSeconds: '10', refillSeconds: 1 }).at(-20).snapshot(
    [
      [99, 10],
      [98, 20],
    ],
    [
      [101, 10],
      [102, 20],
    ],
  )
/** At 9.5 s the window of twenty half-seconds holds exactly 9.5 s. */
const END = 9.5

test('what is gone and was not traded was cancelled', () => {
  const market = watched()
    .at(1)
    .depth([[99, 40]])
    .at(2)
    .trade(-1, 99, 15)
    .depth([[99, 25]])
    .at(3)
    .depth([[99, 20]])
  const figures = market.at(END).look()
  expect(figures['bid-added-10s']).toBeCloseTo(30 / 9.5, 12)
  expect(figures['bid-traded-10s']).toBeCloseTo(15 / 9.5, 12)
  expect(figures['bid-cancelled-10s']).toBeCloseTo(5 / 9.5, 12)
  expect(figures['ask-added-10s']).toBe(0)
})

test('a book that tells of a trade first gives the same', () => {
  const change = (bookFirst: boolean) => {
    const market = watched().at(2)
    if (bookFirst) market.depth([[99, 4]]).trade(-1, 99, 6)
    else market.trade(-1, 99, 6).depth([[99, 4]])
    return market.at(END).look()
  }
  expect(change(true)).toEqual(change(false))
  expect(change(true)['bid-cancelled-10s']).toBe(0)
})

test('an emptied price takes its lots with it, an improved one brings its own', () => {
  const market = watched()
    .at(1)
    .depth([[99, 0]])
    .at(2)
    .depth([], [[100, 7]])
  const figures = market.at(END).look()
  expect(figures['bid-cancelled-10s']).toBeCloseTo(10 / 9.5, 12)
  expect(figures['bid-added-10s']).toBe(0)
  expect(figures['ask-added-10s']).toBeCloseTo(7 / 9.5, 12)
})

test('half of a queue of 10 that loses 1 a second is gone in 10 ln 2 seconds', () => {
  const market = watched().at(0.25)
  for (let i = 0; i < 19; i++) market.at(0.25 + i / 2).depth([[99, i % 2 === 0 ? 9.5 : 10.5]])
  // Removed: 0.5 once, then 1 at each even step; added likewise. Standing: about 10 on average.
  const removed = 0.5 + 9
  const standing = (10 * 9.5 + 9 * 10.5) / 19
  expect(market.at(END).look()['bid-half-life-10s']).toBeCloseTo((Math.LN2 * standing * 9.5) / removed, 10)
})

test('an emptied price that comes back in time is refilled, one that does not is not', () => {
  const market = watched()
    .at(1)
    .depth([[99, 0]])
  expect(market.look()['bid-refill-10s']).toBeNaN()
  expect(
    market
      .at(1.5)
      .depth([[99, 3]])
      .look()['bid-refill-10s'],
  ).toBe(1)
  market
    .at(2)
    .depth([[99, 0]])
    .at(3.5)
    .depth([[99, 3]])
  expect(market.look()['bid-refill-10s']).toBe(0.5)
  market
    .at(4)
    .depth([[99, 0]])
    .at(4.1)
    .depth([
      [98, 0],
      [97, 5],
    ])
  expect(market.look()['bid-refill-10s']).toBeCloseTo(1 / 3, 12)
})

test('a gap forgets the depletion pending and compares nothing across itself', () => {
  const market = watched()
    .at(1)
    .depth([[99, 0]])
    .gap()
    .snapshot([[99, 500]], [[101, 10]])
  const figures = market.at(END).look()
  expect(figures['bid-refill-10s']).toBeNaN()
  expect(figures['bid-added-10s']).toBe(0)
})

test('trades behind the touch and of unknown side are not the queue’s', () => {
  const figures = watched()
    .at(1)
    .depth([[98, 21]])
    .trade(-1, 98, 5)
    .trade(0, 99, 5)
    .at(END)
    .look()
  expect(figures['bid-traded-10s']).toBe(0)
})
