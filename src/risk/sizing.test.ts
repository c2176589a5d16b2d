/**
 * Goal: sizes shrink with turbulence, ill health and drawdown, and nothing a model says makes them larger.
 * Method: the factor at its corners and its monotony; the filter on simulated spells; the gate's own judgement of an order.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { MINUTE_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { ASK, BID } from '../market/book.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { OpenOrder } from '../policies/policy.ts'
import { Ledger } from '../portfolio/portfolio.ts'
import { MarginRatio } from './breakers/marginRatio.ts'
import { TailLimit } from './breakers/tailLimit.ts'
import { DEFAULT_RISK, type RiskConfig } from './riskConfig.ts'
import { RiskGate } from './riskGate.ts'
import { DEFAULT_SIZING, sizeFactor, Turbulence } from './sizing.ts'

describe('the factor', () => {
  const factor = (probability: number, health: number, drawdown: number) =>
    sizeFactor(DEFAULT_SIZING, probability, health, drawdown)

  test('is 1 in good times and its least in bad ones', () => {
    expect(factor(0, 1, 0)).toBe(1)
    expect(factor(0, Number.NaN, -0.1)).toBe(1)
    expect(factor(1, 1, 0)).toBe(DEFAULT_SIZING.turbulentFactor)
    expect(factor(0, 0, 0)).toBe(DEFAULT_SIZING.unwellFactor)
    expect(factor(0, 1, 0.5)).toBe(DEFAULT_SIZING.drawdownFactor)
    expect(factor(Number.NaN, 1, Number.NaN)).toBe(DEFAULT_SIZING.turbulentFactor * DEFAULT_SIZING.drawdownFactor)
  })

  test('lies in (0, 1] and never grows as anything gets worse', () => {
    const share = fc.double({ min: -0.5, max: 1.5, noNaN: true })
    fc.assert(
      fc.property(share, share, share, fc.double({ min: 0, max: 1, noNaN: true }), (p, h, d, worse) => {
        const now = factor(p, h, d)
        expect(now > 0 && now <= 1).toBe(true)
        for (const other of [factor(p + worse, h, d), factor(p, h - worse, d), factor(p, h, d + worse)])
          expect(other).toBeLessThanOrEqual(now + 1e-15)
      }),
    )
  })
})

describe('turbulence', () => {
  /** Walks on for some minutes of moves of a size; returns where to and how often turbulence was the likelier state. */
  function walk(turbulence: Turbulence, random: Random, start: number, fromUs: number, minutes: number, size: number) {
    let price = start
    let turbulent = 0
    for (let k = 0; k < minutes; k++) {
      price *= Math.exp(size * random.normal())
      turbulence.observe(price, fromUs + k * MINUTE_US)
      if (turbulence.probability > 0.5) turbulent++
    }
    return { price, turbulent: turbulent / minutes }
  }

  test('is rare in a day of calm, usual while moves are four times as large, and ebbs away', () => {
    const turbulence = new Turbulence()
    const random = new Random(3)
    const calm = walk(turbulence, random, 1e6, 0, 1_440, 0.001)
    expect(calm.turbulent).toBeLessThan(0.03)
    const wild = walk(turbulence, random, calm.price, 1_440 * MINUTE_US, 60, 0.004)
    expect(wild.turbulent).toBeGreaterThan(0.75)
    const after = walk(turbulence, random, wild.price, 1_500 * MINUTE_US, 120, 0.001)
    expect(after.turbulent).toBeLessThan(0.25)
    expect(turbulence.probability).toBeLessThan(0.2)
  })

  test('a single misprint is not turbulence', () => {
    const turbulence = new Turbulence()
    const random = new Random(3)
    const { price } = walk(turbulence, random, 1e6, 0, 200, 0.001)
    const before = turbulence.probability
    turbulence.observe(price * 2, 200 * MINUTE_US)
    turbulence.observe(price, 201 * MINUTE_US)
    turbulence.observe(price, 202 * MINUTE_US)
    expect(turbulence.probability).toBeLessThan(Math.max(0.2, before + 0.1))
  })
})

describe('the gate', () => {
  const universe = new Universe([
    new Instrument({
      base: 'BTC',
      quote: 'USDT',
      kind: 'perp',
      venue: 'test',
      venueSymbol: 'BTC',
      payoff: 'linear',
      settle: 'USDT',
      tickSize: '1',
      lotSize: '0.001',
      multiplier: '1',
      source: 'test',
    }),
  ])

  function desk(config: RiskConfig, cash = 100_000): RiskGate {
    const market = new MarketState(universe.at(0))
    const batch = new TapeBatch(2)
    batch.push(0, 0, Kind.DEPTH, 0, BID, 49_999, 1e6, 0, Flag.RESET)
    batch.push(0, 0, Kind.DEPTH, 0, ASK, 50_001, 1e6, 0, Flag.END)
    market.apply(batch, 0, 0)
    market.apply(batch, 1, 0)
    const ledger = new Ledger(universe, [market], { USDT: cash })
    const open: OpenOrder[] = []
    return new RiskGate(config, { universe, markets: [market], ledger, openOrders: () => open })
  }

  /** The largest order in whole lots of 50 dollars that passes. */
  function largest(gate: RiskGate): number {
    for (let lots = 5_000; lots > 0; lots -= 10)
      if (gate.judge({ instrument: 0, side: 1, lots, type: 'limit', tick: 49_999 }, 0, 0) === '') return lots
    return 0
  }

  test('halves the largest order when a model is sure of turbulence; calm reports and other models loosen nothing', () => {
    const gate = desk(DEFAULT_RISK)
    expect([gate.sizeFactor(0), largest(gate)]).toEqual([1, 5_000])
    gate.reportTurbulence(0, 1, 0)
    expect([gate.sizeFactor(0), largest(gate)]).toEqual([0.5, 2_500])
    gate.reportTurbulence(0, Number.NaN, 0)
    expect(gate.sizeFactor(0)).toBe(0.5)
    for (const calm of [0, -5, Number.NEGATIVE_INFINITY]) {
      gate.reportTurbulence(0, calm, 0)
      expect([gate.sizeFactor(0), largest(gate)]).toEqual([1, 5_000])
    }
  })

  test('without a sizing in the configuration sizes stay', () => {
    const { sizing: _, ...config } = DEFAULT_RISK
    const gate = desk(config)
    gate.reportTurbulence(0, 1, 0)
    expect(gate.sizeFactor(0)).toBe(1)
  })

  test('a margin nobody knows trips at once, and a report without a rule does nothing', () => {
    const gate = desk(DEFAULT_RISK)
    gate.reportMargin('test', 0.1, 1)
    expect(gate.latched).toEqual([])
    gate.reportMargin('test', Number.NaN, 2)
    expect(gate.latched.map(({ breaker, act, scope }) => [breaker, act, scope])).toEqual([
      ['margin-ratio', 'flatten', { of: 'venue', venue: 'test' }],
    ])
    const silent = desk({ ...DEFAULT_RISK, breakers: [] })
    silent.reportMargin('test', Number.NaN, 2)
    expect(silent.latched).toEqual([])
  })
})

describe('breakers of tails and margin', () => {
  const settings = { limit: 0.1, level: 0.9, sampleUs: 1, horizonUs: 4, window: 50, warmup: 20 }

  test('what was learnt of a small position holds for a large one', () => {
    const breaker = new TailLimit('expected-shortfall', settings)
    // Every tenth sample loses 1 % of the exposure, the others nothing: the worst tenth averages 1 %, over four samples 2 %.
    let equity = 1_000
    for (let t = 0; t <= 40; t++) {
      if (t > 0 && t % 10 === 5) equity -= 1
      breaker.observe(equity, 100, t)
    }
    const scale = Math.max(1, breaker.measured / ((0.02 * 100) / equity))
    expect(breaker.measured).toBeCloseTo((scale * 0.02 * 100) / equity, 12)
    expect(scale).toBeLessThan(2.1)
    expect(breaker.observe(equity, 100, 41)).toBe(false)
    expect(breaker.observe(equity, 10_000, 42)).toBe(true)
    expect(breaker.measured).toBeGreaterThan(0.19)
    breaker.rebase()
    expect(breaker.observe(equity, 10_000, 43)).toBe(false)
  })

  test('an account without a position cannot lose, one without equity can lose everything, an unknown exposure breaches', () => {
    const breaker = new TailLimit('value-at-risk', settings)
    for (let t = 0; t < 60; t++) expect(breaker.observe(t % 3 === 0 ? 100 : 90, 0, t)).toBe(false)
    for (let t = 60; t < 100; t++) breaker.observe(t % 2 === 0 ? 100 : 90, 10, t)
    expect(breaker.observe(-5, 10, 100)).toBe(true)
    // Below zero without a position equity still moves: nothing is learnt of it.
    for (let t = 101; t < 104; t++) breaker.observe(-5 * t, 0, t)
    breaker.observe(100, 10, 104)
    expect(breaker.measured).toBeLessThan(10)
    expect(breaker.observe(100, Number.NaN, 105)).toBe(true)
    expect(breaker.measured).toBeNaN()
  })

  test('a position grown, or held between two samples, teaches what it lost per dollar of the most it was', () => {
    const breaker = new TailLimit('expected-shortfall', settings)
    let equity = 1_000
    let t = 0
    for (; t < 30; t++) breaker.observe(equity, 100, t)
    // From 100 to 10,000 dollars at the start of a sample: 1 % of it is no 100 % of the small one.
    equity -= 100
    breaker.observe(equity, 10_000, t++)
    // And back again, a large one held only between two samples.
    breaker.observe(equity, 100, t++)
    breaker.look(10_000)
    equity -= 100
    breaker.observe(equity, 100, t++)
    for (; t < 60; t++) breaker.observe(equity, 100, t)
    // The worst tenth of fifty: two of 1 % and three of nothing, over four samples.
    const plain = ((2 * 0.01) / 5) * 2 * (100 / equity)
    expect(breaker.measured / plain).toBeGreaterThan(0.99)
    expect(breaker.measured / plain).toBeLessThan(2)
  })

  test('dust teaches nothing: what equity does beside it is not its doing', () => {
    const breaker = new TailLimit('expected-shortfall', settings)
    let equity = 1_000
    for (let t = 0; t < 40; t++) {
      // A hundredth of a dollar held, while fees of other things cost a dollar a sample.
      equity -= 1
      breaker.observe(equity, 0.01, t)
    }
    for (let t = 40; t < 70; t++) breaker.observe(equity, 500, t)
    expect(breaker.observe(equity, 500, 70)).toBe(false)
    expect(breaker.measured).toBe(0)
  })

  test('money taken out is no loss', () => {
    const lossless = new TailLimit('expected-shortfall', settings)
    for (let t = 0; t < 40; t++) {
      lossless.observe(1_000 - 10 * t, 50, t)
      lossless.transfer(-10)
    }
    expect(lossless.measured).toBe(0)
  })

  test('margin: at the limit it holds, beyond it and below zero equity it breaches', () => {
    const breaker = new MarginRatio(0.9)
    expect([0, 0.9, 0.91, -3, Number.NaN].map((ratio) => breaker.observe(ratio))).toEqual([
      false,
      false,
      true,
      true,
      true,
    ])
  })
})
