/**
 * Goal: impact and cost of trading are the papers' figures, from intervals and mids that were known.
 *
 * Method: the papers' forms against reference vectors (where GIMBAL_SHARED has them); markets made with a known impact,
 * bounce and spread.
 */

import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WatchedMarket } from '../../tests/features/watchedMarket.ts'
import { Random } from '../core/random.ts'
import { amihudIlliquidity, kyleLambda, PRICE_IMPACT, rollSpread } from './priceImpact.ts'

const vectors = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/reference/vectors/t10_orderflow.json`
const absent = !existsSync(vectors)

describe.skipIf(absent)(absent ? 'reference vectors: skipped, GIMBAL_SHARED has none' : 'reference vectors', () => {
  interface Case {
    kind: string
    sign: number[]
    volume: number[]
    dp: number[]
    p0: number
    kyle_lambda_ols_no_const: number
    se: number
    t: number
    roll_spread: number | null
    amihud: number
  }
  const cases = absent ? [] : (JSON.parse(readFileSync(vectors, 'utf8')).cases as Case[])
  test.each(cases.filter(({ kind }) => kind === 'kyle_lambda').map((each, i) => [i, each] as const))(
    'case %i',
    (_i, c) => {
      const near = (value: number, expected: number) => expect(Math.abs(value / expected - 1)).toBeLessThan(1e-10)
      const { lambda, error, t } = kyleLambda(
        c.volume.map((volume, i) => volume * c.sign[i]!),
        c.dp,
      )
      near(lambda, c.kyle_lambda_ols_no_const)
      near(error, c.se)
      near(t, c.t)
      let price = c.p0
      const prices = c.dp.map((change) => (price += change))
      near(amihudIlliquidity(prices, c.volume), c.amihud)
      if (c.roll_spread === null) expect(rollSpread(prices)).toBeNaN()
      else near(rollSpread(prices), c.roll_spread)
    },
  )
})

test('a price that bounces over a spread of 2 at random has a Roll spread of about 2', () => {
  const random = new Random(1)
  const prices = Array.from({ length: 20_000 }, () => (random.bits() > 0 ? 101 : 99))
  expect(rollSpread(prices)).toBeGreaterThan(1.95)
  expect(rollSpread(prices)).toBeLessThan(2.05)
})

test('intervals without a trade are no illiquidity', () => {
  expect(amihudIlliquidity([100, 101, 99, 98], [5, 2, 0, 4])).toBeCloseTo(
    (Math.log(101 / 100) / (101 * 2) + Math.log(99 / 98) / (98 * 4)) / 2,
    15,
  )
  expect(amihudIlliquidity([100, 101], [5, 0])).toBeNaN()
  expect(kyleLambda([0, 0, 0], [1, 0, 1]).lambda).toBeNaN()
})

test.each([
  ['an unknown price', [100, Number.NaN], [1, 1]],
  ['a price of 0', [100, 0], [1, 1]],
  ['a negative volume', [100, 101], [1, -1]],
])('%s is refused', (_what, price, volume) => {
  expect(() => amihudIlliquidity(price, volume)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})

test('figures of too few or unequal numbers are refused', () => {
  const invalid = expect.objectContaining({ code: 'argument-invalid' })
  expect(() => kyleLambda([1, 2], [1])).toThrow(invalid)
  expect(() => rollSpread([1, 2, 3])).toThrow(invalid)
  expect(() => amihudIlliquidity([1], [1])).toThrow(invalid)
})

/**
 * A market in which every second one trade of `lots(i)` (negative: sold) prints a tick and a half from the mid, and moves the
 * mid by a tick for every 10 lots half a second later.
 */
function impacted(seconds: number, lots: (second: number) => number, settings = {}): WatchedMarket {
  const market = new WatchedMarket(PRICE_IMPACT, { halfLifeSeconds: 100, realisedSeconds: 2, ...settings })
  let bid = 10_000
  market.at(0).quote([bid, 5], [bid + 3, 5])
  for (let second = 0; second < seconds; second++) {
    const signed = lots(second)
    const side = Math.sign(signed)
    market.at(second + 0.2).trade(side, side > 0 ? bid + 3 : bid, Math.abs(signed))
    bid += signed / 10
    market.at(second + 0.7).quote([bid, 5], [bid + 3, 5])
  }
  return market.at(seconds + 0.1).heartbeat()
}
const alternating = (second: number) => (second % 2 === 0 ? 10 : -10)

test('lambda is the move of the mid per lot', () => {
  expect(impacted(60, alternating).look()['kyle-lambda']).toBeCloseTo(0.1, 12)
  expect(impacted(60, (second) => 10 * (1 + (second % 3))).look()['kyle-lambda']).toBeCloseTo(0.1, 12)
})

test('illiquidity is the mean move in basis points per lot', () => {
  // A tick in about 10,000 is a basis point, over 10 lots.
  expect(impacted(60, alternating).look()['amihud']).toBeCloseTo(0.1, 4)
})

test('the effective spread is twice the distance from the mid before the trade', () => {
  expect(impacted(60, alternating).look()['effective-spread']).toBeCloseTo(3, 2)
})

test('a book that tells of a trade before the trade does not change its effective spread, given the lag', () => {
  const spread = (quoteLagSeconds: number) => {
    const market = new WatchedMarket(PRICE_IMPACT, { quoteLagSeconds })
    for (let second = 0; second < 60; second++) {
      market.at(second).quote([10_000, 5], [10_002, 5])
      market.at(second + 0.5).quote([10_010, 5], [10_012, 5])
      market.at(second + 0.505).trade(1, 10_002, 1)
    }
    return market.look()['effective-spread']!
  }
  expect(spread(0.01)).toBeCloseTo(2, 2)
  expect(spread(0)).toBeLessThan(0)
})

test('the realised spread is what is left once the mid has moved', () => {
  // Buys only: two seconds after the end of its second the mid is 3 ticks higher (its own and two later trades of 10 lots).
  expect(impacted(60, () => 10).look()['realised-spread']).toBeCloseTo(3 - 2 * 3, 1)
})

test("Roll's spread of a bounce is told in ticks", () => {
  // Buys and sells in turn at mids a tick apart: trades at +3, then at +1, changes of ±2, product −4.
  expect(impacted(60, alternating).look()['roll-spread']).toBeCloseTo(4, 12)
})

test('a move across a gap is nobody’s impact', () => {
  const market = impacted(60, alternating)
  const before = market.look()
  market.at(61).trade(1, 10_003, 10).at(61.5).gap().quote([20_000, 5], [20_003, 5])
  const after = market.at(63).heartbeat().look()
  expect(after['kyle-lambda']).toBeCloseTo(before['kyle-lambda']!, 12)
  // The jump of 10,000 ticks would make it thousands of basis points.
  expect(Math.abs(after['realised-spread']!)).toBeLessThan(10)
})

test('months of silence are skipped, not walked, and leave the figures unknown while they last', () => {
  const market = impacted(60, alternating).at(1e7).heartbeat()
  expect(market.look()['kyle-lambda']).toBeCloseTo(0.1, 12)
  expect(market.at(1e7 + 101).look()['kyle-lambda']).toBeNaN()
  expect(impacted(60, alternating).outage(true).look()['kyle-lambda']).toBeNaN()
})

test('nothing is said of nineteen intervals', () => {
  expect(impacted(20, alternating).look()['kyle-lambda']).toBeNaN()
  expect(impacted(21, alternating).look()['kyle-lambda']).toBeCloseTo(0.1, 12)
})
