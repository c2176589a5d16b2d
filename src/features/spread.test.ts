/**
 * Goal: the spread and its regime over time, not over updates, with nothing carried across a break.
 *
 * Method: spreads that stand for known lengths of time.
 */

import { expect, test } from 'vitest'
import { WatchedMarket } from '../../tests/features/watchedMarket.ts'
import { Flag, Kind } from '../market/tape.ts'
import { SPREAD } from './spread.ts'

const market = () =>
  new WatchedMarket(SPREAD, { halfLifeSeconds: 10, staleSeconds: 30 }).at(0).quote([1000, 1], [1001, 1])

test('the spread is told in ticks and basis points', () => {
  const figures = market().quote([999, 1], [1001, 1]).look()
  expect(figures['ticks']).toBe(2)
  expect(figures['bps']).toBeCloseTo(20, 12)
})

test('a burst of a thousand updates counts as the millisecond it lasts', () => {
  const watched = market()
  for (let i = 0; i < 1000; i++) watched.at(10 + i * 1e-6).quote([1000, i], [1003, 1])
  watched.at(10.001).quote([1000, 1], [1001, 1])
  expect(watched.at(20).look()['one-tick-share']).toBeGreaterThan(0.999)
})

test('after a half-life at three ticks half of the past was at one', () => {
  const watched = market()
  for (let second = 1; second <= 200; second++) watched.at(second).quote([1000, second], [1001, 1])
  watched.quote([1000, 1], [1003, 1])
  const figures = watched.at(210).look()
  expect(figures['one-tick-share']).toBeCloseTo(0.5, 5)
  expect(figures['ratio']).toBeCloseTo(3 / 2, 5)
})

test('the means wait for a half-life of touches, gaps not counted', () => {
  const watched = market()
  expect(watched.at(9.9).look()['ratio']).toBeNaN()
  expect(watched.at(10).look()['ratio']).toBeCloseTo(1, 12)
  const interrupted = market().at(5).gap().at(8).quote([1000, 1], [1001, 1])
  expect(interrupted.at(12).look()['ratio']).toBeNaN()
  expect(interrupted.at(13).look()['ratio']).toBeCloseTo(1, 12)
})

test('a widening is remembered until a break', () => {
  const watched = market()
  expect(watched.look()['since-widened']).toBeNaN()
  watched.at(2).quote([1000, 1], [1002, 1]).at(3).quote([1000, 1], [1001, 1])
  expect(watched.at(7).look()['since-widened']).toBe(5)
  watched.at(8).outage(true).at(9).outage(false).quote([1000, 1], [1005, 1])
  expect(watched.look()['ticks']).toBe(5)
  expect(watched.look()['since-widened']).toBeNaN()
})

test('a quote heard on one side only since a gap is no touch', () => {
  const watched = market().gap().row(Kind.QUOTE, 1, 1000, 5, 0, Flag.END)
  expect(watched.look()['ticks']).toBeNaN()
})
