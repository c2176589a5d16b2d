/**
 * Goal: a market's health falls where 10 October 2025 would have shown, is unknown where nothing is known, and never knows the future.
 * Method: markets written row by row on one perpetual of 100 dollars; hand-worked parts.
 */

import { describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../../core/clock.ts'
import { Random } from '../../core/random.ts'
import { ASK, BID } from '../../market/book.ts'
import { Instrument } from '../../market/instrument.ts'
import { MarketState } from '../../market/marketState.ts'
import { Flag, Kind, TapeBatch } from '../../market/tape.ts'
import { LiquidationMap } from './liquidationMap.ts'
import { DEFAULT_HEALTH, MarketHealth } from './marketHealth.ts'

const perpetual = new Instrument({
  base: 'SOL',
  quote: 'USDC',
  kind: 'perp',
  venue: 'test',
  venueSymbol: 'SOL',
  payoff: 'linear',
  settle: 'USDC',
  tickSize: '0.01',
  lotSize: '1',
  multiplier: '1',
  fundingIntervalUs: 8 * HOUR_US,
  source: 'test',
})

class Market {
  readonly state = new MarketState(perpetual)
  readonly #batch = new TapeBatch(16)

  row(nowUs: number, kind: number, side: number, tick: number, lots: number, value: number, flags: number): void {
    this.#batch.count = 0
    this.#batch.push(nowUs, nowUs, kind, 0, side, tick, lots, value, flags)
    this.state.apply(this.#batch, 0, nowUs)
  }

  book(nowUs: number, tick: number, lots: number): void {
    this.row(nowUs, Kind.DEPTH, BID, tick - 1, lots, 0, Flag.RESET)
    this.row(nowUs, Kind.DEPTH, ASK, tick + 1, lots, 0, 0)
    // Beyond 1 %: no depth.
    this.row(nowUs, Kind.DEPTH, BID, tick - 200, 1e6, 0, Flag.END)
  }

  interest(nowUs: number, lots: number): void {
    this.row(nowUs, Kind.OPEN_INTEREST, 0, 0, lots, 0, Flag.END)
  }

  funding(nowUs: number, rate: number): void {
    this.row(nowUs, Kind.FUNDING, 0, 0, 8 * HOUR_US, rate, Flag.END)
  }
}

/** Book, open interest and funding as ever, sampled each minute. */
function ordinary(health: MarketHealth, market: Market, fromUs: number, untilUs: number): void {
  const random = new Random(1)
  for (let t = fromUs; t < untilUs; t += MINUTE_US) {
    market.book(t, 10_000, 1_000)
    market.interest(t, 100_000 + random.integer(-5, 5))
    if (t % (8 * HOUR_US) === 0) market.funding(t, 1e-4 + 2e-5 * random.normal())
    health.observe(market.state, t)
  }
}

describe('health', () => {
  test('nothing known is unknown and not healthy', () => {
    const health = new MarketHealth()
    expect(health.observe(new MarketState(perpetual), 0)).toBe(true)
    expect([health.score, health.known, health.depth, health.funding, health.clusters, health.insurance]).toEqual([
      Number.NaN,
      0,
      Number.NaN,
      Number.NaN,
      Number.NaN,
      Number.NaN,
    ])
    expect(health.observe(new MarketState(perpetual), DEFAULT_HEALTH.sampleUs - 1)).toBe(false)
  })

  test('an ordinary market is well, once each part had time to learn what is ordinary', () => {
    const health = new MarketHealth()
    const market = new Market()
    ordinary(health, market, 0, HOUR_US)
    expect(health.known).toBe(0)
    ordinary(health, market, HOUR_US, 3 * DAY_US)
    expect(health.known).toBe(3)
    expect(health.depth).toBeCloseTo(1, 2)
    expect(health.funding).toBeGreaterThan(0.99)
    // A twentieth of the positions has leverage 50 and lies 1 % away.
    expect(health.clusters).toBeCloseTo(1 - 0.05 / 0.335, 2)
    expect(health.score).toBeCloseTo((health.depth * health.funding * health.clusters) ** (1 / 3), 12)
  })

  test('a book of a fiftieth, funding at thirty deviations, a fund of a tenth of the need: each takes its own part down', () => {
    const health = new MarketHealth()
    const market = new Market()
    ordinary(health, market, 0, 3 * DAY_US)
    const t = 3 * DAY_US
    market.book(t, 10_000, 20)
    market.funding(t, 3e-3)
    // One per cent of 100,000 contracts of 100 dollars is 100,000 dollars.
    health.reportInsuranceFund(10_000, t)
    health.observe(market.state, t)
    expect(health.depth).toBeCloseTo(0, 2)
    expect(health.funding).toBe(0)
    expect(health.insurance).toBeCloseTo(0.1, 3)
    expect(health.score).toBe(0)
    expect(health.known).toBe(4)
    // Half the usual depth is a sixth of the way on the scale of logarithms.
    market.book(t + MINUTE_US, 10_000, 500)
    health.observe(market.state, t + MINUTE_US)
    expect(health.depth).toBeCloseTo(1 - Math.log(2) / Math.log(50), 2)
  })

  test('an empty side is no depth at all, and a gapped book unknown', () => {
    const health = new MarketHealth()
    const market = new Market()
    ordinary(health, market, 0, DAY_US)
    market.row(DAY_US, Kind.DEPTH, ASK, 10_001, 0, 0, Flag.END)
    health.observe(market.state, DAY_US)
    expect(health.depth).toBe(0)
    market.row(DAY_US + MINUTE_US, Kind.GAP, 0, 0, 0, 1, Flag.END)
    health.observe(market.state, DAY_US + MINUTE_US)
    expect(health.depth).toBeNaN()
  })

  test('what a venue stopped telling is no longer known', () => {
    const health = new MarketHealth()
    const market = new Market()
    ordinary(health, market, 0, 3 * DAY_US)
    health.reportInsuranceFund(1e9, 3 * DAY_US - MINUTE_US)
    health.observe(market.state, 3 * DAY_US + 9 * HOUR_US)
    expect([health.known, health.score]).toEqual([0, Number.NaN])
  })

  test('a sample is the same whatever comes later', () => {
    const scores = (shock: boolean) => {
      const health = new MarketHealth()
      const market = new Market()
      const found: number[] = []
      ordinary(health, market, 0, 2 * HOUR_US)
      for (let k = 0; k < 50; k++) {
        const t = 2 * HOUR_US + k * 10 * SECOND_US
        market.book(t, 10_000, shock && k >= 25 ? 10 : 1_000 - k)
        health.observe(market.state, t)
        found.push(health.score)
      }
      return found
    }
    const before = scores(false)
    const after = scores(true)
    expect(after.slice(0, 25)).toEqual(before.slice(0, 25))
    expect(after[25]).toBeLessThan(0.1)
  })
})

describe('the liquidation map', () => {
  const ONE = [{ leverage: 10, share: 1 }]

  test('puts longs below and shorts above where half the initial margin is gone', () => {
    const map = new LiquidationMap(DAY_US, ONE)
    map.observe(100, 1_000, 0)
    const clusters = map.clusters(10)
    expect(clusters.map(({ side, lots }) => [side, lots])).toEqual([
      [1, 1_000],
      [-1, 1_000],
    ])
    expect(clusters[0]!.price).toBeCloseTo(95, 0)
    expect(clusters[1]!.price).toBeCloseTo(105, 0)
    expect(map.within(0.04)).toBe(0)
    expect(map.within(0.06)).toBe(1_000)
  })

  test('a price that reaches a level empties it, and the interest that goes is first what it ran over', () => {
    const map = new LiquidationMap(1e30, ONE)
    map.observe(100, 1_000, 0)
    map.observe(96, 1_500, MINUTE_US)
    // 500 opened at 96 are liquidated at 91.2; the thousand at 95 are still there.
    expect(map.within(0.06)).toBeCloseTo(1_500, 6)
    map.observe(94, 500, 2 * MINUTE_US)
    expect(map.clusters(10).filter(({ side }) => side > 0)).toEqual([
      { price: expect.closeTo(91.2, 0), lots: expect.closeTo(500, 6), side: 1 },
    ])
  })

  test('what was run over long ago does not answer for interest that goes today', () => {
    const map = new LiquidationMap(DAY_US, ONE)
    map.observe(100, 1_000, 0)
    map.observe(94, 1_000, MINUTE_US)
    map.observe(94, 1_000, 30 * DAY_US)
    map.observe(94, 500, 30 * DAY_US + MINUTE_US)
    expect(map.within(0.06)).toBeCloseTo(500, 0)
  })

  test('positions are renewed at the market by half in a half-life', () => {
    const map = new LiquidationMap(DAY_US, ONE)
    map.observe(100, 1_000, 0)
    map.observe(104, 1_000, DAY_US)
    const longs = map.clusters(10).filter(({ side }) => side > 0)
    expect(longs.map(({ lots }) => lots)).toEqual([expect.closeTo(500, 6), expect.closeTo(500, 6)])
    expect(longs[1]!.price).toBeCloseTo(98.8, 0)
  })
})
