/**
 * Goal: each breaker breaches beyond its limit and not at it, on NaN always, and after a rebase measures anew.
 * Method: hand-worked values at the edge; the running median against sorting, the correlation against its definition.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../../core/clock.ts'
import { Random } from '../../core/random.ts'
import { ClockSkew } from './clockSkew.ts'
import { CorrelationToOne } from './correlationToOne.ts'
import { DailyLoss } from './dailyLoss.ts'
import { DepthCollapse } from './depthCollapse.ts'
import { DrawdownFromPeak } from './drawdownFromPeak.ts'
import { DrawdownFromStart } from './drawdownFromStart.ts'
import { EquityNan } from './equityNan.ts'
import { FeedLatency } from './feedLatency.ts'
import { FundingExtreme } from './fundingExtreme.ts'
import { GappedData } from './gappedData.ts'
import { MarkDivergence } from './markDivergence.ts'
import { ModelRange } from './modelRange.ts'
import { RejectStorm } from './rejectStorm.ts'
import { middleOfThree, RunningMedian } from './runningMedian.ts'
import { SpreadShock } from './spreadShock.ts'
import { StaleData } from './staleData.ts'
import { TradeLoss } from './tradeLoss.ts'
import { VolatilityJump } from './volatilityJump.ts'

describe('losses', () => {
  test('from the peak: the peak follows gains, and settled values alone', () => {
    const breaker = new DrawdownFromPeak(0.25)
    expect([100, 200, 150].map((equity) => breaker.observe(equity, equity))).toEqual([false, false, false])
    expect(breaker.observe(149.9, 149.9)).toBe(true)
    expect([breaker.peak, breaker.measured]).toEqual([200, expect.closeTo(0.2505, 12)])
    breaker.observe(400, 200)
    expect(breaker.peak).toBe(200)
    breaker.rebase()
    expect(breaker.observe(149.9, 149.9)).toBe(false)
    expect(breaker.observe(112, 112)).toBe(true)
  })

  test('from the start: gains do not raise it', () => {
    const breaker = new DrawdownFromStart(0.25)
    expect([100, 200, 75].map((equity) => breaker.observe(equity, equity))).toEqual([false, false, false])
    expect(breaker.observe(74.9, 74.9)).toBe(true)
    breaker.rebase()
    expect(breaker.observe(74.9, 74.9)).toBe(false)
  })

  test('of a day: a new day opens at its own equity', () => {
    const breaker = new DailyLoss(0.1)
    expect(breaker.observe(100, 100, DAY_US - 2)).toBe(false)
    expect(breaker.observe(90, 90, DAY_US - 1)).toBe(false)
    expect(breaker.observe(81, 90, DAY_US)).toBe(false)
    expect(breaker.observe(80.9, 80.9, 2 * DAY_US - 1)).toBe(true)
  })

  test('a transfer is neither a loss nor a gain', () => {
    for (const breaker of [new DrawdownFromPeak(0.1), new DrawdownFromStart(0.1), new DailyLoss(0.1)]) {
      breaker.observe(100, 100, 0)
      breaker.transfer(-50)
      expect([breaker.observe(50, 50, 1), breaker.measured]).toEqual([false, 0])
      expect(breaker.observe(44.9, 44.9, 2)).toBe(true)
    }
  })

  test('NaN, and an account with nothing left, are breaches', () => {
    for (const make of [() => new DrawdownFromPeak(0.9), () => new DrawdownFromStart(0.9), () => new DailyLoss(0.9)]) {
      const unknown = make()
      unknown.observe(100, 100, 0)
      expect([unknown.observe(Number.NaN, 100, 1), unknown.measured]).toEqual([true, Number.NaN])
      expect(make().observe(-5, -5, 0)).toBe(true)
    }
  })

  test('of a trade: from its opening, with its fee, until it is closed or turned', () => {
    const breaker = new TradeLoss(0.1)
    expect(breaker.observe(0, 0, 1_000)).toBe(false)
    expect(breaker.observe(5, -2, 998)).toBe(false)
    expect(breaker.measured).toBeCloseTo(2 / 998, 12)
    expect(breaker.observe(5, 60, 1_060)).toBe(false)
    expect(breaker.observe(5, -99.9, 900)).toBe(true)
    expect([breaker.observe(0, -100, 900), breaker.closed]).toEqual([true, true])
    // The next trade begins with what the last one left.
    expect(breaker.observe(-5, -100, 900)).toBe(false)
    expect([breaker.observe(5, -150, 850), breaker.closed]).toEqual([false, true])
    expect([breaker.observe(5, -235, 765), breaker.closed]).toEqual([false, false])
    expect(breaker.observe(5, -235.1, 765)).toBe(true)
    expect(breaker.observe(5, Number.NaN, 765)).toBe(true)
  })

  test('of a trade beside coins: their gain excuses, their loss since the opening accuses nobody', () => {
    const breaker = new TradeLoss(0.1)
    breaker.observe(0, 0, 1_000, -300)
    expect(breaker.observe(-5, 0, 1_000, -300)).toBe(false)
    expect([breaker.observe(-5, -250, 1_000, -150), breaker.measured]).toEqual([false, 0.1])
    expect(breaker.observe(-5, -251, 1_000, -150)).toBe(true)
    expect([breaker.observe(-5, -90, 600, -600), breaker.measured]).toEqual([false, 0.09])
  })

  test('equity unknown: not while starting up, at once afterwards', () => {
    const early = new EquityNan(10)
    expect([0, 10, 11].map((at) => early.observe(Number.NaN, at))).toEqual([false, false, true])
    const later = new EquityNan(10)
    expect([later.observe(5, 0), later.observe(Number.NaN, 1)]).toEqual([false, true])
  })
})

describe('feeds', () => {
  test('stale data', () => {
    const breaker = new StaleData(100)
    expect([breaker.observe(50, 0, 150), breaker.observe(50, 0, 151)]).toEqual([false, true])
    expect(breaker.deadlineUs(50)).toBe(151)
    expect([breaker.observe(0, 60, 150), breaker.observe(0, 60, 151)]).toEqual([false, true])
    breaker.rebase(200)
    expect([breaker.observe(50, 0, 300), breaker.observe(50, 0, 301)]).toEqual([false, true])
  })

  test('gapped data', () => {
    const breaker = new GappedData(100)
    expect(breaker.deadlineUs).toBe(Number.POSITIVE_INFINITY)
    expect([breaker.observe(true, 50), breaker.observe(true, 150), breaker.observe(true, 151)]).toEqual([
      false,
      false,
      true,
    ])
    expect(breaker.observe(false, 152)).toBe(false)
    expect([breaker.observe(true, 160), breaker.deadlineUs]).toEqual([false, 261])
  })

  test('feed latency', () => {
    const breaker = new FeedLatency(100)
    expect([breaker.observe(100, 0), breaker.observe(101, 0), breaker.observe(0, Number.NaN)]).toEqual([
      false,
      true,
      true,
    ])
  })

  test('clock skew: ahead by message, behind and drift by window', () => {
    const ahead = new ClockSkew(10, 1e9, 1e9, 1e9)
    expect([ahead.observe(0, 10), ahead.judged]).toEqual([false, false])
    expect([ahead.observe(0, 11), ahead.judged, ahead.kind, ahead.measured]).toEqual([true, true, 'ahead', 11])
    expect([ahead.observe(1, 1), ahead.judged]).toEqual([false, true])
    expect(ahead.observe(1, Number.NaN)).toBe(true)

    const behind = new ClockSkew(10, 100, 1e9, 1_000)
    expect(behind.observe(0, -500)).toBe(false)
    expect(behind.observe(500, 500 - 101)).toBe(false)
    expect([behind.observe(1_000, 0), behind.kind, behind.measured]).toEqual([true, 'behind', 101])
    behind.observe(1_500, 1_400)
    expect(behind.observe(2_000, 0)).toBe(false)

    const drift = new ClockSkew(10, 1e9, 50, 1_000)
    for (const [at, lag] of [
      [0, 20],
      [1_000, 25],
      [2_000, 70],
    ] as const)
      expect(drift.observe(at, at - lag)).toBe(false)
    expect([drift.observe(3_000, 3_000 - 71), drift.kind, drift.measured]).toEqual([true, 'drift', 51])
    drift.rebase()
    expect([drift.observe(4_000, 3_900), drift.observe(5_000, 4_900), drift.observe(6_000, 5_900)]).toEqual(
      Array(3).fill(false),
    )
  })
})

describe('markets', () => {
  test('spread against its median', () => {
    const breaker = new SpreadShock({ blowoutRatio: 5, blowoutBpsMin: 0, collapseRatio: 0.5, samples: 3, sampleUs: 10 })
    const see = (spread: number, at: number) => breaker.observe(spread, 10_000, at)
    expect(see(1_000, 0)).toBe(false)
    for (const at of [10, 20, 30]) see(4, at)
    expect([see(20, 40), see(21, 40), breaker.allowed]).toEqual([false, true, 20])
    expect([see(2, 41), see(1, 41), see(-1, 41), breaker.allowed]).toEqual([false, true, true, 2])
    expect([see(Number.POSITIVE_INFINITY, 42), see(Number.NaN, 42)]).toEqual([true, true])
    breaker.rebase()
    for (let at = 100; at < 200; at += 10) expect(see(100, at)).toBe(false)
    expect(see(501, 200)).toBe(true)
  })

  test('many times a spread of one tick is no blowout while it costs next to nothing', () => {
    const breaker = new SpreadShock({ blowoutRatio: 5, blowoutBpsMin: 20, collapseRatio: 0, samples: 3, sampleUs: 10 })
    for (const at of [10, 20, 30]) breaker.observe(1, 100_000, at)
    expect([breaker.observe(200, 100_000, 40), breaker.observe(201, 100_000, 41), breaker.allowed]).toEqual([
      false,
      true,
      200,
    ])
    expect(breaker.observe(Number.POSITIVE_INFINITY, -0x7fffffff, 42)).toBe(true)
  })

  test('depth against its median', () => {
    const breaker = new DepthCollapse(0.1, 3, 10)
    for (const at of [0, 10, 20]) expect(breaker.observe(1_000, at)).toBe(false)
    expect([breaker.observe(100, 21), breaker.observe(99, 21), breaker.observe(Number.NaN, 21)]).toEqual([
      false,
      true,
      true,
    ])
    breaker.rebase()
    expect(breaker.observe(5, 22)).toBe(false)
  })

  test('mark and index', () => {
    const breaker = new MarkDivergence(100)
    expect([breaker.observe(101, 100), breaker.observe(101.01, 100), breaker.observe(98.99, 100)]).toEqual([
      false,
      true,
      true,
    ])
    for (const [mark, index] of [
      [Number.NaN, 1],
      [1, Number.NaN],
      [1, 0],
      [1, -1],
    ] as const)
      expect([breaker.observe(mark, index), breaker.measured]).toEqual([true, Number.NaN])
  })

  test('funding is compared per eight hours', () => {
    const breaker = new FundingExtreme(0.008)
    expect([breaker.observe(-0.008, 8 * HOUR_US), breaker.observe(-0.0081, 8 * HOUR_US)]).toEqual([false, true])
    expect([breaker.observe(0.001, HOUR_US), breaker.observe(0.0011, HOUR_US)]).toEqual([false, true])
    expect(breaker.observe(Number.NaN, HOUR_US)).toBe(true)
  })

  test('volatility: the ratio of a market that began to move k times as much tends to k', () => {
    const breaker = new VolatilityJump(3, MINUTE_US, 1_000 * HOUR_US, MINUTE_US)
    const random = new Random(5)
    let price = 1e6
    let at = 0
    const walk = (seconds: number, step: number) => {
      let breaches = 0
      for (let i = 0; i < seconds; i++)
        if (breaker.observe((price += step * random.normal()), (at += SECOND_US))) breaches++
      return breaches
    }
    expect(walk(4 * 3_600, 10)).toBe(0)
    expect(breaker.measured).toBeGreaterThan(0.6)
    expect(breaker.measured).toBeLessThan(1.6)
    expect(walk(300, 50)).toBeGreaterThan(100)
    expect(breaker.measured).toBeGreaterThan(3)
    expect(breaker.measured).toBeLessThan(6)
  })

  test('volatility: one misprint of half the price is not seen at all', () => {
    const breaker = new VolatilityJump(3, MINUTE_US, HOUR_US, MINUTE_US)
    for (let i = 1; i < 600; i++) breaker.observe(10_000 + (i % 7), i * SECOND_US)
    const before = breaker.measured
    expect(breaker.observe(5_000, 600 * SECOND_US)).toBe(false)
    expect(breaker.observe(10_001, 601 * SECOND_US)).toBe(false)
    expect(breaker.measured).toBeLessThan(1.5 * before)
    expect(breaker.observe(Number.NaN, 602 * SECOND_US)).toBe(true)
  })

  test('correlation: equals its definition with exponential weights', () => {
    const count = 4
    const halfLife = 12
    const breaker = new CorrelationToOne(count, 1, halfLife, 5)
    const random = new Random(9)
    const prices = new Float64Array(count).fill(100)
    const returns: number[][] = []
    for (let n = 0; n < 80; n++) {
      const shared = random.normal()
      const before = [...prices]
      for (let i = 0; i < count; i++) prices[i]! *= Math.exp(0.001 * (shared + (i + 1) * 0.5 * random.normal()))
      if (n > 0) returns.push(before.map((price, i) => Math.log(prices[i]! / price)))
      breaker.observe(prices)
    }
    const product = (i: number, j: number) =>
      returns.reduce((sum, row, n) => sum + row[i]! * row[j]! * 0.5 ** ((returns.length - n) / halfLife), 0)
    let sum = 0
    for (let i = 0; i < count; i++)
      for (let j = i + 1; j < count; j++) sum += product(i, j) / Math.sqrt(product(i, i) * product(j, j))
    expect(breaker.measured).toBeCloseTo(sum / 6, 9)
  })

  test('correlation: a price not yet known leaves the others alone', () => {
    const breaker = new CorrelationToOne(3, 0.9, 10, 1)
    const random = new Random(2)
    let breached = false
    for (let n = 0; n < 30; n++) {
      const price = 100 + random.normal()
      breached = breaker.observe(new Float64Array([price, 2 * price, Number.NaN]))
    }
    expect([breached, breaker.measured]).toEqual([true, expect.closeTo(1, 9)])
  })
})

test('rejections in a sliding window', () => {
  const breaker = new RejectStorm(2, 100)
  expect([0, 50, 151].map((at) => breaker.observe(at))).toEqual([false, false, false])
  expect([breaker.observe(152), breaker.observe(250), breaker.measured]).toEqual([false, true, 3])
  breaker.rebase()
  expect(breaker.observe(251)).toBe(false)
})

test('inputs out of range', () => {
  const breaker = new ModelRange(0.2)
  expect([0.2, 0.21, Number.NaN].map((share) => breaker.observe(share))).toEqual([false, true, true])
})

test('the running median is the middle of the last values sorted', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 9 }),
      fc.array(fc.integer({ min: 0, max: 5 }), { maxLength: 60 }),
      (size, values) => {
        const running = new RunningMedian(size)
        for (const [at, value] of values.entries()) {
          running.add(value)
          const window = values.slice(Math.max(0, at + 1 - size), at + 1).sort((a, b) => a - b)
          expect(running.median).toBe(window[(window.length - 1) >> 1])
          expect(running.full).toBe(at + 1 >= size)
        }
      },
    ),
  )
})

test('the middle of three is the middle of three', () => {
  fc.assert(
    fc.property(fc.tuple(fc.integer(), fc.integer(), fc.integer()), (three) => {
      expect(middleOfThree(...three)).toBe([...three].sort((a, b) => a - b)[1])
    }),
  )
})
