/**
 * Goal: order-flow imbalance is the paper's, over windows of time, and compares only what may be compared.
 *
 * Method: the formula against hand-worked events and reference vectors (where GIMBAL_SHARED has them); books changed by hand.
 */

import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { WatchedMarket } from '../../tests/features/watchedMarket.ts'
import { ORDER_FLOW_IMBALANCE, orderFlowEvent } from './orderFlowImbalance.ts'

describe('one event', () => {
  test.each([
    ['more at the bid', [100, 5, 101, 7, 100, 8, 101, 7], 3],
    ['less at the ask', [100, 5, 101, 7, 100, 5, 101, 4], 3],
    ['a better bid', [100, 5, 102, 7, 101, 2, 102, 7], 2],
    ['a worse bid', [100, 5, 102, 7, 99, 9, 102, 7], -5],
    ['a better ask', [100, 5, 102, 7, 100, 5, 101, 3], -3],
    ['a worse ask', [100, 5, 102, 7, 100, 5, 103, 9], 7],
    ['an absent bid that comes', [Number.NEGATIVE_INFINITY, 0, 102, 7, 100, 4, 102, 7], 4],
    ['an absent bid that stays away', [Number.NEGATIVE_INFINITY, 0, 102, 7, Number.NEGATIVE_INFINITY, 0, 102, 7], 0],
  ] as const)('%s', (_what, [b0, qb0, a0, qa0, b1, qb1, a1, qa1], flow) => {
    expect(orderFlowEvent(b0, qb0, a0, qa0, b1, qb1, a1, qa1)).toBe(flow)
  })
})

const vectors = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/reference/vectors/t10_orderflow.json`
const absent = !existsSync(vectors)

describe.skipIf(absent)(absent ? 'reference vectors: skipped, GIMBAL_SHARED has none' : 'reference vectors', () => {
  interface Case {
    kind: string
    quotes_b_qb_a_qa: [number, number, number, number][]
    e_first10: number[]
    ofi_windows10: number[]
    mid_change_ticks: number[]
    ols: { beta: number; r2: number }
  }
  const cases = absent ? [] : (JSON.parse(readFileSync(vectors, 'utf8')).cases as Case[])
  test.each(cases.filter(({ kind }) => kind === 'ofi').map((each, i) => [i, each] as const))('case %i', (_i, each) => {
    const flows = each.quotes_b_qb_a_qa.slice(1).map(([b, qb, a, qa], i) => {
      const [b0, qb0, a0, qa0] = each.quotes_b_qb_a_qa[i]!
      return orderFlowEvent(b0, qb0, a0, qa0, b, qb, a, qa)
    })
    expect(flows.slice(0, 10)).toEqual(each.e_first10)
    const windows = each.ofi_windows10.map((_, w) => flows.slice(10 * w, 10 * w + 10).reduce((x, y) => x + y, 0))
    expect(windows).toEqual(each.ofi_windows10)
    const mean = (numbers: number[]) => numbers.reduce((x, y) => x + y, 0) / numbers.length
    const [mx, my] = [mean(windows), mean(each.mid_change_ticks)]
    const xy = windows.reduce((sum, x, i) => sum + (x - mx) * (each.mid_change_ticks[i]! - my), 0)
    const xx = windows.reduce((sum, x) => sum + (x - mx) ** 2, 0)
    const yy = each.mid_change_ticks.reduce((sum, y) => sum + (y - my) ** 2, 0)
    expect(Math.abs(xy / xx / each.ols.beta - 1)).toBeLessThan(1e-12)
    expect(Math.abs((xy * xy) / (xx * yy) / each.ols.r2 - 1)).toBeLessThan(1e-12)
  })
})

const settings = { windowsSeconds: '10', levels: 2 }
const watched = (extra = {}) =>
  new WatchedMarket(ORDER_FLOW_IMBALANCE, { ...settings, ...extra }).at(-20).snapshot(
    [
      [99, 5],
      [98, 6],
    ],
    [
      [101, 7],
      [102, 8],
    ],
  )

test('a window sums what the touch and the levels behind it did', () => {
  const market = watched()
    .at(0)
    .depth([[99, 9]])
    .depth([[98, 1]])
    .depth([], [[102, 4]])
  const figures = market.at(1).look()
  expect(figures['best-10s']).toBe(4)
  expect(figures['levels-10s']).toBe(4 - 5 + 4)
  expect(figures['best-depth-10s']).toBeCloseTo(4 / ((9 + 7) / 2), 12)
  expect(market.at(12).heartbeat().look()['best-10s']).toBeNaN()
})

test('what happens behind the levels compared changes nothing', () => {
  expect(
    watched()
      .at(0)
      .depth([[90, 500]])
      .look()['levels-10s'],
  ).toBe(0)
})

test('a crossed instant is passed over, not a break', () => {
  const market = watched()
    .at(0)
    .depth([[101, 3]])
  expect(market.look()['best-10s']).toBeNaN()
  expect(
    market
      .depth([[101, 0]])
      .depth([[99, 6]])
      .look()['best-10s'],
  ).toBe(1)
})

test.each([
  ['a gap', (market: WatchedMarket) => market.gap()],
  ['an outage', (market: WatchedMarket) => market.outage(true).outage(false)],
  ['a reset', (market: WatchedMarket) => market],
])('nothing is compared across %s', (_what, happen) => {
  const market = happen(
    watched()
      .at(0)
      .depth([[99, 6]]),
  ).snapshot([[99, 500]], [[101, 7]])
  expect(market.look()['best-10s']).toBe(1)
  expect(market.depth([[99, 502]]).look()['best-10s']).toBe(3)
})

test('a venue that sends only snapshots has a flow where one says so', () => {
  const change = (market: WatchedMarket) =>
    market
      .at(0)
      .snapshot([[99, 50]], [[101, 7]])
      .look()['best-10s']
  expect(change(watched())).toBeNaN()
  expect(change(watched({ snapshots: true }))).toBe(45)
  expect(change(watched({ snapshots: true }).gap())).toBeNaN()
})

test('quotes alone give the flow of the touch, not of the levels behind it', () => {
  const market = new WatchedMarket(ORDER_FLOW_IMBALANCE, settings).at(-20).quote([99, 5], [101, 7])
  const figures = market.at(0).quote([99, 8], [101, 7]).look()
  expect(figures['best-10s']).toBe(3)
  expect(figures['levels-10s']).toBeNaN()
})

test('a window is unknown until it was heard in full', () => {
  expect(
    watched()
      .at(-15)
      .depth([[99, 8]])
      .look()['best-10s'],
  ).toBeNaN()
  expect(
    watched()
      .at(-10)
      .depth([[99, 8]])
      .look()['best-10s'],
  ).toBe(3)
})
