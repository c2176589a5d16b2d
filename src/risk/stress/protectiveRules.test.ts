/**
 * Goal: breakers read a cascade as the gate reads a run, and those that cannot are named.
 * Method: readings by hand; the default configuration counted, each breaker either watched or named with a reason.
 */

import { describe, expect, test } from 'vitest'
import { SnapshotView } from '../../portfolio/marketView.ts'
import { type BreakerRule, DEFAULT_RISK } from '../riskConfig.ts'
import { type ProtectiveWatch, protectiveRules, type StressReading, unwatchedBreakers } from './protectiveRules.ts'
import { Timeline } from './scenario.ts'
import { parseScenario } from './scenarioText.ts'
import { ShockedView } from './shockedView.ts'

const calm = new SnapshotView({
  timeUs: 0,
  spot: { BTC: 100_000 },
  fundingPerDay: { 'hyperliquid BTC': 0.0003 },
  liquidity: { 'hyperliquid BTC': { halfSpread: 0.0001, depth: 1e7, takerFee: 0 } },
})

function reading(text: string, marginRatios: readonly number[] = []): StressReading {
  const { levels } = new Timeline(parseScenario(text)).moments.at(-1)!
  return {
    timeUs: 0,
    elapsedUs: 60e6,
    equity: 1e6,
    market: new ShockedView(calm, levels),
    before: calm,
    calm,
    marginRatios,
    assets: ['BTC'],
    perpetuals: [{ venue: 'hyperliquid', asset: 'BTC' }],
    venues: ['hyperliquid'],
    profit: () => 0,
  }
}

function watch(rule: BreakerRule): ProtectiveWatch {
  return protectiveRules({ breakers: [rule], confirmUs: 10e6, flattenLeaves: 'coin-hedges' })[0]!.watch()
}
const base = { confirmations: 2, cooldownUs: 0 } as const

describe('margin used up', () => {
  const rule = { ...base, breaker: 'margin-ratio', act: 'flatten', ratioMax: 0.9 } as const

  test('is maintenance over equity, of each account by itself, and asks once', () => {
    const margin = watch(rule)
    expect(margin.observe(reading('spot BTC x1', [1.2, Number.POSITIVE_INFINITY]))).toEqual([])
    const [demand, ...others] = margin.observe(reading('spot BTC x1', [1.25, 1.1]))
    expect(others).toEqual([])
    expect(demand).toMatchObject({ act: 'flatten', account: 1, leaves: 'coin-hedges', allowed: 0.9 })
    expect(demand!.measured).toBeCloseTo(1 / 1.1, 12)
    expect(margin.observe(reading('spot BTC x1', [1.05, 1.05]))).toMatchObject([{ account: 0 }])
    expect(margin.observe(reading('spot BTC x1', [1.05, 1.05]))).toEqual([])
  })

  test.each([0, -0.5, Number.NEGATIVE_INFINITY, Number.NaN])(
    'an equity over maintenance of %d is beyond any limit',
    (ratio) => {
      expect(watch(rule).observe(reading('spot BTC x1', [ratio]))).toMatchObject([{ act: 'flatten', account: 0 }])
    },
  )
})

describe('health of a market', () => {
  const rule = { ...base, breaker: 'market-health', act: 'reduce-only', healthMin: 0.1, partsMin: 2 } as const

  test('is lost when a fiftieth of the depth is left, or funding is where it never was', () => {
    for (const text of ['depth x0.02', 'funding * 2%/d'])
      expect(watch(rule).observe(reading(text))).toMatchObject([{ act: 'reduce-only', allowed: 0.1 }])
  })

  test('is well with a third of the depth: √(1 − ln 3 / ln 50)', () => {
    const strict = { ...rule, healthMin: 0.85 }
    const [demand] = watch(strict).observe(reading('depth x0.333333333333333333'))
    expect(demand!.measured).toBeCloseTo(Math.sqrt(1 - Math.log(3) / Math.log(50)), 9)
    expect(watch(rule).observe(reading('depth x0.333333333333333333'))).toEqual([])
  })

  test('is not judged on parts no view tells', () => {
    expect(watch({ ...rule, partsMin: 3 }).observe(reading('depth x0.001, funding * 5%/d'))).toEqual([])
  })
})

test('a trade of a book that began with nothing, or with debts, may lose nothing, as in the gate', () => {
  const rule = { ...base, breaker: 'trade-loss', act: 'flatten', limit: 0.1 } as const
  const after = (equity: number, profit: number) =>
    watch(rule).observe({ ...reading('spot BTC x0.9'), equity, profit: () => profit })
  for (const equity of [-1_000, 0]) expect(after(equity, -500)).toMatchObject([{ act: 'flatten', asset: 'BTC' }])
  expect(after(1_000, -90)).toEqual([])
  expect(after(1_000, -110)).toMatchObject([{ act: 'flatten' }])
})

test('every breaker of the default configuration is watched, or named with what it lacks', () => {
  const watched = new Set(protectiveRules(DEFAULT_RISK).map(({ name }) => name))
  const unwatched = unwatchedBreakers(DEFAULT_RISK)
  for (const { breaker, why } of unwatched) expect([watched.has(breaker), why.length > 10]).toEqual([false, true])
  const all = new Set(DEFAULT_RISK.breakers.map(({ breaker }) => breaker))
  expect(watched.size + unwatched.length).toBe(all.size)
  expect(unwatched.map(({ breaker }) => breaker)).toContain('expected-shortfall')
  expect([...watched]).toEqual(expect.arrayContaining(['margin-ratio', 'market-health']))
})

test('a rule over one policy’s capital is named: its book is not known', () => {
  const rule = { ...base, breaker: 'daily-loss', act: 'pause', limit: 0.1, policy: 0, capital: 1_000 } as const
  expect(unwatchedBreakers({ breakers: [rule] })).toEqual([
    { breaker: 'daily-loss', why: 'a policy has no book of its own in a scenario' },
  ])
})
