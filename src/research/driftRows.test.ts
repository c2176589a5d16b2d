/**
 * Goal: a row of drift says how far a window lies from what its model learnt from, and what that cost.
 *
 * Method: windows of a market in which one thing changes at a known sample, and the rest stays; losses and sums by hand.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { driftRows } from './driftRows.ts'
import type { Judgement, Walk } from './study.ts'

const COUNT = 900
const range = (from: number, to: number) => Uint32Array.from({ length: to - from }, (_, i) => from + i)
const WINDOWS = [
  { trainedUs: 300, train: range(0, 300), test: range(300, 600) },
  { trainedUs: 600, train: range(0, 600), test: range(600, COUNT) },
]

/** Three columns of noise; the second moves by three deviations at sample 650; errors are noise and then `shift` beside it, where `shifted`. */
function market(
  shift: number,
  overlap = 1,
  judged: (i: number) => boolean = () => true,
  shifted: (i: number) => boolean = () => true,
) {
  const random = new Random(1)
  const columns = [0, 1, 2].map((at) =>
    Float64Array.from({ length: COUNT }, (_, i) => random.normal() + (at === 1 && i >= 650 ? 3 : 0)),
  )
  const timesUs = Float64Array.from({ length: COUNT }, (_, i) => i * 1e6)
  const forecast = new Float64Array(COUNT).fill(2)
  const label = forecast.map(
    (value, i) => value * Math.exp(0.1 * random.normal() + (i >= 720 && shifted(i) ? shift : 0)),
  )
  const rows = [...timesUs.keys()].filter((i) => i >= 300 && judged(i))
  const judgement: Judgement = {
    rows,
    losses: new Map([
      ['model', Float64Array.from(rows, (i) => i)],
      ['har', Float64Array.from(rows, (i) => 2 * i)],
    ]),
    overlap,
  }
  const walk: Walk = { windows: WINDOWS, fits: [], forecast }
  const table = { rows: COUNT, names: ['a', 'b', 'c'], columns }
  return driftRows(table, timesUs, label, walk, judgement, 'har')
}

describe('a window', () => {
  test('like its training is told as such; one in which a column moved names the column', () => {
    const [calm, moved] = market(0)
    expect([calm!.fromUs, calm!.toUs, moved!.fromUs, moved!.toUs]).toEqual([300e6, 599e6, 600e6, 899e6])
    expect(calm!.psi).toBeLessThan(0.25)
    expect(moved!.psi).toBeGreaterThan(1)
    expect(moved!.column).toBe('b')
    expect(calm!.outside).toBeLessThan(0.02)
    // A sixth and more of the window's second column, a third of the columns.
    expect(moved!.outside).toBeGreaterThan(0.08)
    expect(moved!.outside).toBeLessThan(0.3)
  })

  test('shows the mean losses of model and best baseline on the samples judged', () => {
    const [first, second] = market(0, 1, (i) => i % 2 === 0)
    expect([first!.modelLoss, first!.baselineLoss]).toEqual([449, 898])
    expect([second!.modelLoss, second!.baselineLoss]).toEqual([749, 1498])
  })

  test('alarms when errors shift by two deviations, up or down, and not while they do not', () => {
    // By chance one window of three hundred errors may just reach the limit.
    for (const { cusum } of market(0)) expect(cusum).toBeLessThan(1.3)
    expect(market(0.2)[1]!.cusum).toBeGreaterThan(3)
    expect(market(-0.2)[1]!.cusum).toBeGreaterThan(3)
  })

  test('looks at errors one horizon apart, and at no others', () => {
    const calm = market(0, 2)[1]!.cusum
    const even = market(1, 2, undefined, (i) => i % 2 === 0)
    const odd = market(1, 2, undefined, (i) => i % 2 === 1)
    expect(even[1]!.cusum).toBeGreaterThan(2)
    expect(odd[1]!.cusum).toBe(calm)
  })

  test('of too few errors raises no alarm', () => {
    expect(market(5, 1, (i) => i % 11 === 0)[1]!.cusum).toBe(0)
  })
})
