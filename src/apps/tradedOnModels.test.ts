/**
 * Goal: what a policy earned, paid and risked with a model is reckoned over the judged span, and over nothing before it.
 * Method: a timeline of ten buckets made by hand, with holes.
 */

import { describe, expect, test } from 'vitest'
import { judgedSpan } from './tradedOnModels.ts'

const WIDTH = 60e6
type Run = Parameters<typeof judgedSpan>[0]

function run(close: readonly (number | null)[], fees: readonly (number | null)[], slippage = close.map(() => 0)): Run {
  return {
    timeline: { startUs: close.map((_, i) => i * WIDTH), widthUs: WIDTH },
    equity: { close },
    attribution: { fees, slippage },
    startEquity: 1000,
    lastUs: close.length * WIDTH - 5e6,
  } as unknown as Run
}

describe('a span', () => {
  //                 0    1     2     3    4    5     6    7     8    9
  const close = [1000, 900, null, 1200, 600, 660, null, 594, 1100, 990]
  const fees = [-1, -2, null, -3, -4, -6, -6, null, -9, null]

  test('begins at the close of the bucket it begins in: what that bucket brought and cost is not in it', () => {
    const span = judgedSpan(run(close, fees), 4.5 * WIDTH)
    expect([span.fromUs, span.toUs]).toEqual([5 * WIDTH, 10 * WIDTH - 5e6])
    expect([span.profit, span.costs]).toEqual([390, 5])
    // From 600: 10 % up, nothing known, 10 % down, and so on.
    expect([...span.returns]).toEqual([0.1, 0, -0.1, 1100 / 594 - 1, -0.1].map((value) => expect.closeTo(value, 12)))
    // The deepest fall is from 660 to 594, or from 1,100 to 990; those before the span do not count.
    expect(span.drawdown).toBeCloseTo(0.1, 12)
  })

  test('that begins where equity is unknown begins with what was known last', () => {
    expect(judgedSpan(run(close, fees), 2 * WIDTH)).toMatchObject({ profit: 90, costs: 7 })
    expect(judgedSpan(run([null, null, 1100], [null, -2, -3]), 0)).toMatchObject({ profit: 100, costs: 3 })
  })

  test('after the end holds nothing', () => {
    const span = judgedSpan(run(close, fees), 100 * WIDTH)
    expect(span).toMatchObject({ profit: 0, costs: 0, drawdown: 0, fromUs: 10 * WIDTH - 5e6 })
    expect(span.returns).toHaveLength(0)
  })

  test('adds slippage to fees', () => {
    const slippage = [-5, -5, -5, -5, -5, -15, -15, -15, -15, -15]
    expect(judgedSpan(run(close, fees, slippage), 4.5 * WIDTH).costs).toBe(15)
  })
})
