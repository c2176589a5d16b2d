/**
 * Goal: VPIN is the share of one-sided volume in volume time, and uses nothing it could not have known.
 *
 * Method: the paper's form against reference vectors (where GIMBAL_SHARED has them); hand-made trades.
 */

import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WatchedMarket } from '../../tests/features/watchedMarket.ts'
import { normalCdf } from '../core/errorFunction.ts'
import { VPIN, vpinBulk } from './vpin.ts'

const vectors = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/reference/vectors/t10_orderflow.json`
const absent = !existsSync(vectors)

describe.skipIf(absent)(absent ? 'reference vectors: skipped, GIMBAL_SHARED has none' : 'reference vectors', () => {
  interface Case {
    kind: string
    volume: number[]
    dp: number[]
    sigma_dp_ddof1: number
    bucket_volume: number
    window: number
    n_buckets: number
    vpin_first3: number[]
    vpin_last: number
  }
  const cases = absent ? [] : (JSON.parse(readFileSync(vectors, 'utf8')).cases as Case[])
  test.each(cases.filter(({ kind }) => kind === 'vpin_bvc').map((each, i) => [i, each] as const))(
    'case %i',
    (_i, c) => {
      const vpin = vpinBulk(c.volume, c.dp, c.sigma_dp_ddof1, c.bucket_volume, c.window)
      expect(vpin).toHaveLength(c.n_buckets - c.window + 1)
      for (const [i, value] of c.vpin_first3.entries()) expect(Math.abs(vpin[i]! / value - 1)).toBeLessThan(1e-12)
      expect(Math.abs(vpin.at(-1)! / c.vpin_last - 1)).toBeLessThan(1e-12)
    },
  )
})

test('bulk classification splits a trade over the buckets it fills', () => {
  const lean = 2 * normalCdf(1) - 1
  // 15 bought by the lean, then 5 sold by it: buckets of 10 hold 10 × lean and 5 × lean − 5 × lean.
  const vpin = vpinBulk([15, 5], [1, -1], 1, 10, 1)
  expect(vpin[0]).toBeCloseTo(lean, 14)
  expect(vpin[1]).toBeCloseTo(0, 14)
})

test('no VPIN is made of arrays that do not fit', () => {
  const invalid = expect.objectContaining({ code: 'argument-invalid' })
  expect(() => vpinBulk([1], [1, 2], 1, 1, 1)).toThrow(invalid)
  expect(() => vpinBulk([1], [1], 0, 1, 1)).toThrow(invalid)
  expect(() => vpinBulk([1, Number.NaN], [1, 1], 1, 1, 1)).toThrow(invalid)
  expect(() => vpinBulk([1, 1], [1, Number.NaN], 1, 1, 1)).toThrow(invalid)
  expect(() => vpinBulk([Number.POSITIVE_INFINITY], [1], 1, 1, 1)).toThrow(invalid)
})

const settings = { buckets: 2, bucketLots: 10, barSeconds: 1 }

test('by side, a bucket counts by what was bought less what was sold in it', () => {
  const market = new WatchedMarket(VPIN, settings).trade(1, 100, 8).trade(-1, 100, 2)
  expect(market.look()['by-side']).toBeNaN()
  // The second bucket: 5 bought, 5 of nobody.
  market.trade(1, 100, 5).trade(0, 100, 5)
  expect(market.look()['by-side']).toBeCloseTo((6 + 5) / 20, 14)
  // One sale of 25 fills two buckets and opens a third.
  expect(market.trade(-1, 100, 25).look()['by-side']).toBe(1)
})

test('a trade of a million buckets leaves the last ones full of it', () => {
  const market = new WatchedMarket(VPIN, settings).trade(1, 100, 3).trade(-1, 100, 10_000_000_000)
  expect(market.look()['by-side']).toBe(1)
})

test('in bulk, a bar counts when the next has begun, by its change over the deviation so far', () => {
  const market = new WatchedMarket(VPIN, settings).at(0).trade(1, 100, 5).at(0.5).trade(1, 103, 5)
  market.at(1).trade(-1, 102, 10)
  expect(market.look()['bulk']).toBeNaN()
  market.at(2).trade(1, 102, 1)
  // Changes +3 and −1 with weights that forget nothing to speak of in a second.
  const first = 2 * normalCdf(1) - 1
  const second = 1 - 2 * normalCdf(-1 / Math.sqrt((9 + 1) / 2))
  expect(market.look()['bulk']).toBeCloseTo((first + second) / 2, 3)
})

test('a bar after a gap takes its change from its own first trade', () => {
  const trade = (market: WatchedMarket) => market.at(1).trade(1, 500, 10).at(2).trade(1, 500, 1).look()['bulk']
  const before = () => new WatchedMarket(VPIN, settings).at(0).trade(1, 100, 5).at(0.5).trade(1, 103, 5)
  const flat = trade(before().gap())!
  expect(flat).toBeCloseTo((2 * normalCdf(1) - 1) / 2, 12)
  expect(trade(before())).toBeGreaterThan(flat)
})

test('a learnt bucket holds what its seconds bring', () => {
  const market = new WatchedMarket(VPIN, { buckets: 2, bucketSeconds: 5, learnSeconds: 10 })
  // 4 lots a second, alternately bought and sold: buckets of 20 lots, balanced, from the tenth second on.
  for (let second = 0; second < 19; second++) market.at(second).trade(second % 2 === 0 ? 1 : -1, 100, 4)
  expect(market.look()['by-side']).toBeNaN()
  for (let second = 19; second < 40; second++) market.at(second).trade(second % 2 === 0 ? 1 : -1, 100, 4)
  expect(market.look()['by-side']).toBeLessThan(0.25)
  for (let second = 40; second < 60; second++) market.at(second).trade(1, 100, 4)
  expect(market.look()['by-side']).toBe(1)
})

test('long silence and a venue that is down are unknown', () => {
  const market = new WatchedMarket(VPIN, settings).at(0).trade(1, 100, 50)
  expect(market.look()['by-side']).toBe(1)
  expect(market.at(601).look()['by-side']).toBeNaN()
  expect(market.trade(1, 100, 1).outage(true).look()['by-side']).toBeNaN()
})
