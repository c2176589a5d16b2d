/**
 * Goal: depth is measured band by band and compared with its own past, whatever the pace of updates.
 *
 * Method: books that stand still, then change by a known factor.
 */

import { expect, test } from 'vitest'
import { WatchedMarket } from '../../tests/features/watchedMarket.ts'
import { DEPTH_PROFILE } from './depthProfile.ts'

const settings = { bandsBps: '2,10', halfLifeSeconds: 10, sampleSeconds: 1 }
/** A book of 100 lots at 1 bp and 300 at 5 bps a side, confirmed every half second for so long. */
function quiet(seconds: number): WatchedMarket {
  const market = new WatchedMarket(DEPTH_PROFILE, settings)
  market.snapshot(
    [
      [9999, 100],
      [9995, 300],
    ],
    [
      [10_001, 100],
      [10_005, 300],
    ],
  )
  for (let half = 1; half < 2 * seconds; half++) market.at(half / 2).depth([[9995, 300]])
  return market
}

test('a book as deep as ever has a profile of ones', () => {
  const market = quiet(30)
  for (const [name, value] of Object.entries(market.look()))
    if (!name.startsWith('log')) expect(value).toBeCloseTo(1, 12)
})

test('what is shown is told in money, from the first message on', () => {
  const figures = quiet(2).look()
  expect(figures['bid-2bps']).toBeNaN()
  // 0.1 coins on each side at 999.9 and 1000.1 dollars; within ten basis points 0.3 more at 999.5 and 1000.5.
  expect(figures['log-within-2bps']).toBeCloseTo(Math.log(2 * 100), 12)
  expect(figures['log-within-10bps']).toBeCloseTo(Math.log(2 * 400), 12)
})

test('nothing is said before twenty samples', () => {
  expect(quiet(19).look()['bid-2bps']).toBeNaN()
  expect(quiet(20).look()['bid-2bps']).toBeCloseTo(1, 12)
})

test('twice the depth in one band shows in that band alone', () => {
  const figures = quiet(30)
    .depth([[9995, 600]])
    .look()
  expect(figures['bid-10bps']).toBeCloseTo(2, 12)
  expect(figures['bid-2bps']).toBeCloseTo(1, 12)
  expect(figures['ask-10bps']).toBeCloseTo(1, 12)
})

test('after a half-life the new depth is half of what is usual', () => {
  const market = quiet(200)
  for (let second = 200; second < 210; second++) market.at(second).depth([[9995, 900]])
  // Ten samples of 900 with the last at weight 1: their share of all weight is 1 − 2^(−1).
  expect(market.look()['bid-10bps']).toBeCloseTo(900 / (0.5 * 300 + 0.5 * 900), 5)
})

test('a hundred updates within a second are one sample', () => {
  const market = quiet(30)
  for (let i = 0; i < 100; i++) market.at(30 + i / 1000).depth([[9995, 3000]])
  const weight = (1 - 2 ** -3) / (1 - 2 ** -0.1)
  expect(market.look()['bid-10bps']).toBeGreaterThan(3000 / (300 + (2700 / weight) * 1.1))
})

test('the profile of a book that lost updates is unknown', () => {
  expect(quiet(30).gap().look()['bid-2bps']).toBeNaN()
})
