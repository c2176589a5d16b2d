/**
 * Goal: the microprice is Stoikov's, and the chain learnt from a market is the one the market follows.
 *
 * Method: the algebra against reference vectors (where GIMBAL_SHARED has them) and against its own defining equation; a
 * market whose chain is known, whose microprice must be found; books changed by hand.
 */

import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WatchedMarket } from '../../tests/features/watchedMarket.ts'
import { Random } from '../core/random.ts'
import { MICROPRICE } from './microprice.ts'
import { firstMove, MicropriceCounts, micropriceSeries, solveInPlace } from './micropriceChain.ts'

const vectors = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/reference/vectors/t10_orderflow.json`
const absent = !existsSync(vectors)
interface Chain {
  kind: string
  Q: number[][]
  R1: number[][]
  R2: number[][]
  K: number[]
  G1: number[]
  B: number[][]
  G_star: number[]
}

/** Three buckets of imbalance, made symmetric by hand. */
const SMALL = {
  Q: [0.2, 0.3, 0.1, 0.2, 0.3, 0.2, 0.1, 0.3, 0.2],
  R1: [0.3, 0.1, 0.15, 0.15, 0.1, 0.3],
  K: [-0.5, 0.5],
  R2: [0.1, 0.1, 0.2, 0.1, 0.1, 0.1, 0.2, 0.1, 0.1],
}

describe.skipIf(absent)(absent ? 'reference chains: skipped, GIMBAL_SHARED has none' : 'reference chains', () => {
  const cases = absent ? [] : (JSON.parse(readFileSync(vectors, 'utf8')).cases as Chain[])
  test.each(cases.filter(({ kind }) => kind === 'microprice_chain').map((each, i) => [i, each] as const))(
    'case %i',
    (_i, { Q, R1, K, R2, G1, B, G_star }) => {
      const first = firstMove(Q.flat(), R1.flat(), K, R2.flat())
      for (const [x, value] of G1.entries()) expect(Math.abs(first.move[x]! - value)).toBeLessThan(1e-14)
      for (const [x, value] of B.flat().entries()) expect(Math.abs(first.next[x]! - value)).toBeLessThan(1e-14)
      const series = micropriceSeries(first)
      for (const [x, value] of G_star.entries()) expect(Math.abs(series[x]! - value)).toBeLessThan(1e-13)
    },
  )
})

test('the microprice is the first move plus the microprice after it', () => {
  const first = firstMove(SMALL.Q, SMALL.R1, SMALL.K, SMALL.R2)
  const g = micropriceSeries(first)
  for (let x = 0; x < 3; x++) {
    let after = first.move[x]!
    for (let y = 0; y < 3; y++) after += first.next[x * 3 + y]! * g[y]!
    expect(g[x]).toBeCloseTo(after, 14)
  }
  expect(g[0]).toBeLessThan(0)
  expect(g[2]).toBeCloseTo(-g[0]!, 14)
})

test('a chain in which the mid cannot move, drifts or has other shapes is refused', () => {
  const still = { Q: [0.5, 0.5, 0.5, 0.5], R1: [0, 0], K: [1], R2: [0, 0, 0, 0] }
  const invalid = expect.objectContaining({ code: 'argument-invalid' })
  expect(() => firstMove(still.Q, still.R1, still.K, still.R2)).toThrow(invalid)
  expect(() => firstMove(SMALL.Q, SMALL.R1, [1], SMALL.R2)).toThrow(invalid)
  // Two states that lead to each other only: 1 − Q is singular, which rounding hides.
  const closed = [0.1, 0.9, 0, 0.2, 0.8, 0, 0.2, 0.2, 0.2]
  expect(() => firstMove(closed, [0, 0, 0, 0, 0.2, 0.2], SMALL.K, [0, 0, 0, 0, 0, 0, 0, 0, 0.4])).toThrow(invalid)
  const drifting = firstMove([0.5], [0.5], [1], [0.5])
  expect(() => micropriceSeries(drifting)).toThrow(invalid)
})

test('linear equations are solved whatever the order of their rows', () => {
  const work = Float64Array.from([0, 2, 4, 3, 0, 9])
  expect(solveInPlace(work, 2, 3)).toBe(true)
  expect([work[2], work[5]]).toEqual([3, 2])
  expect(solveInPlace(Float64Array.from([1, 2, 4, 2, 4, 9]), 2, 3)).toBe(false)
})

test('counts of a symmetric chain give the microprice of that chain', () => {
  // Counts in proportion to the probabilities, so large that the one observation a state starts with is lost in them.
  const counts = new MicropriceCounts(3, 1)
  for (let x = 0; x < 3; x++) {
    for (let y = 0; y < 3; y++) {
      for (let i = 0; i < Math.round(SMALL.Q[x * 3 + y]! * 2000); i++) counts.add(x, y, 0)
      for (let k = 0; k < 2; k++) {
        const share = (SMALL.R1[x * 2 + k]! * SMALL.R2[x * 3 + y]!) / (SMALL.R1[x * 2]! + SMALL.R1[x * 2 + 1]!)
        for (let i = 0; i < Math.round(share * 2000); i++) counts.add(x, y, SMALL.K[k]!)
      }
    }
  }
  counts.fit()
  const exact = micropriceSeries(firstMove(SMALL.Q, SMALL.R1, SMALL.K, SMALL.R2))
  for (let x = 0; x < 3; x++) expect(Math.abs(counts.adjustment[x]! - exact[x]!)).toBeLessThan(1e-3)
})

test('a state from which the mid was never seen to move has an answer', () => {
  const counts = new MicropriceCounts(2, 2)
  for (let i = 0; i < 100; i++) counts.add(0, 2, 0)
  counts.fit()
  for (const value of counts.adjustment) expect(value).toBe(0)
})

test('in a market whose mid moves against the thinner side the microprice says so', () => {
  // At each change the mid goes a tick up with a probability of a quarter of the bid's share, down with a quarter of the
  // ask's, and the lots are drawn anew whatever happened: only the next change is foreseeable, and G* = (2 I − 1) / 4.
  const random = new Random(3)
  const market = new WatchedMarket(MICROPRICE, { buckets: 4, refitEvents: 19_500, spreads: 1 })
  let tick = 10_000
  let [bid, ask] = [50, 50]
  for (let i = 0; i <= 20_000; i++) {
    const draw = random.uniform()
    const imbalance = bid / (bid + ask)
    if (draw < 0.25 * imbalance) tick++
    else if (draw < 0.25) tick--
    bid = random.integer(1, 99)
    ask = 100 - bid
    market.quote([tick, bid], [tick + 1, ask])
  }
  for (const [lots, expected] of [
    [12, -0.1875],
    [37, -0.0625],
    [62, 0.0625],
    [87, 0.1875],
  ] as const)
    expect(Math.abs(market.quote([tick, lots], [tick + 1, 100 - lots]).look()['microprice']! - expected)).toBeLessThan(
      0.02,
    )
})

test('the weighted mid lies by the share of the bid', () => {
  const figures = new WatchedMarket(MICROPRICE).quote([9998, 30], [10_002, 10]).look()
  expect(figures['weighted-mid']).toBeCloseTo(1, 14)
  expect(figures['weighted-mid-bps']).toBeCloseTo(1, 14)
  expect(figures['microprice']).toBeNaN()
})

test('a jump across a gap teaches nothing', () => {
  const market = new WatchedMarket(MICROPRICE, { refitEvents: 1, buckets: 2 }).quote([100, 9], [101, 1])
  market.gap().quote([200, 9], [201, 1])
  expect(market.look()['microprice']).toBeNaN()
  expect(market.quote([201, 9], [202, 1]).look()['microprice']).toBeGreaterThan(0)
})
