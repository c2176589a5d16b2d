/**
 * Goal: who traded how much, in windows of time; silence is not calm, and unknown sides are nobody's.
 *
 * Method: trades placed by hand.
 */

import { expect, test } from 'vitest'
import { WatchedMarket } from '../../tests/features/watchedMarket.ts'
import { TRADE_FLOW } from './tradeFlow.ts'

const watched = () => new WatchedMarket(TRADE_FLOW, { windowsSeconds: '1,10' }).at(-20).heartbeat().at(0)

test('volume is told by side, in all and by trade', () => {
  const figures = watched().trade(1, 100, 6).trade(-1, 99, 2).trade(0, 100, 10).look()
  expect(figures).toMatchObject({ 'signed-10s': 4, 'volume-10s': 18, 'count-10s': 3, 'size-10s': 6, 'largest-10s': 10 })
  expect(figures['imbalance-10s']).toBe(0.5)
})

test('a trade leaves the short window before the long one', () => {
  const market = watched().trade(1, 100, 6)
  expect(market.at(0.9).look()['signed-1s']).toBe(6)
  const figures = market.at(2).heartbeat().look()
  expect(figures).toMatchObject({ 'signed-1s': 0, 'volume-1s': 0, 'count-1s': 0, 'signed-10s': 6 })
  expect(figures['imbalance-1s']).toBeNaN()
  expect(figures['size-1s']).toBeNaN()
})

test('no trades while the feed is alive is 0, no feed is unknown', () => {
  expect(watched().at(20).heartbeat().look()['volume-10s']).toBe(0)
  expect(watched().at(20).look()['volume-10s']).toBeNaN()
  expect(watched().trade(1, 100, 1).outage(true).look()['volume-10s']).toBeNaN()
})

test('a run goes on through trades of unknown side and ends with the other side or a gap', () => {
  const market = watched().trade(1, 100, 6).trade(0, 100, 9).trade(1, 101, 1)
  expect(market.look()).toMatchObject({ run: 2, 'run-lots': 7 })
  expect(market.trade(-1, 100, 3).look()).toMatchObject({ run: -1, 'run-lots': -3 })
  expect(market.gap().look()['run']).toBeNaN()
  expect(market.trade(-1, 100, 3).look()['run']).toBe(-1)
  expect(market.at(11).heartbeat().look()['run']).toBeNaN()
})

test('sums do not drift: after a hundred thousand trades an empty window is 0 exactly', () => {
  const market = watched()
  for (let i = 0; i < 100_000; i++) market.at(i / 1000).trade(i % 3 === 0 ? 1 : -1, 100, 0.1 + i * 1e-7)
  expect(market.at(120).heartbeat().look()['signed-10s']).toBe(0)
})
