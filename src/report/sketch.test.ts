/**
 * Goal: fixed memory loses nothing a reader relies on: extremes, sums, counts, quantiles, first and last and worst.
 *
 * Method: each bounded structure against the unbounded one it stands for, over random inputs.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FirstAndLast, Worst } from './shortList.ts'
import { ACCURACY, distribution, Sketch } from './sketch.ts'
import { Timeline } from './timeline.ts'

const values = fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 1, maxLength: 300 })

describe('a sketch', () => {
  test('has every quantile within its accuracy of the sorted values', () => {
    fc.assert(
      fc.property(values, fc.double({ min: 0, max: 1, noNaN: true }), (all, q) => {
        const sketch = new Sketch()
        for (const value of all) sketch.add(value)
        const sorted = [...all].sort((a, b) => a - b)
        const exact = sorted[Math.floor(q * (all.length - 1))]!
        expect(Math.abs(sketch.quantile(q) - exact)).toBeLessThanOrEqual(Math.abs(exact) * ACCURACY * 1.001 + 1e-9)
        expect([sketch.min, sketch.max, sketch.count]).toEqual([sorted[0], sorted.at(-1), all.length])
      }),
    )
  })

  test.each(['linear', 'log'] as const)('re-binned on a %s axis still holds every value', (scale) => {
    fc.assert(
      fc.property(values, (all) => {
        const sketch = new Sketch()
        for (const value of all) sketch.add(value)
        const found = distribution(sketch, 'x', scale)
        const binned = found.counts.reduce((sum, count) => sum + count, 0)
        expect(binned + found.below + found.above).toBe(all.length)
        expect(found.edges.length).toBe(found.counts.length === 0 ? 0 : found.counts.length + 1)
        expect(found.counts.length).toBeLessThanOrEqual(40)
        for (let i = 1; i < found.edges.length; i++) expect(found.edges[i]).toBeGreaterThan(found.edges[i - 1]!)
      }),
    )
  })

  test('of nothing has no figures', () => {
    expect(distribution(new Sketch(), 'x', 'log')).toMatchObject({
      count: 0,
      mean: null,
      p50: null,
      max: null,
      counts: [],
    })
  })
})

test('a timeline of any length holds the extremes, ends and sums of its buckets', () => {
  const steps = fc.array(
    fc.record({ gap: fc.integer({ min: 0, max: 5000 }), value: fc.integer({ min: -99, max: 99 }) }),
    {
      minLength: 1,
      maxLength: 400,
    },
  )
  fc.assert(
    fc.property(steps, fc.constantFrom(2, 8, 50), (all, bucketsMax) => {
      const timeline = new Timeline(bucketsMax, 10)
      const range = timeline.range()
      const last = timeline.last()
      const sum = timeline.sum()
      let timeUs = 1_000_003
      const seen: { timeUs: number; value: number }[] = []
      for (const { gap, value } of all) {
        timeUs += gap
        timeline.moveTo(timeUs)
        range.set(value)
        last.set(value)
        sum.add(value)
        seen.push({ timeUs, value })
      }
      expect(timeline.count).toBeLessThanOrEqual(bucketsMax)
      let held = 0
      for (let bucket = 0; bucket < timeline.count; bucket++) {
        const from = timeline.startUs(bucket)
        const inside = seen
          .filter((each) => each.timeUs >= from && each.timeUs < from + timeline.widthUs)
          .map((each) => each.value)
        held += inside.length
        expect(range.open[bucket]).toBe(inside[0])
        expect(range.high[bucket]).toBe(Math.max(...inside))
        expect(range.low[bucket]).toBe(Math.min(...inside))
        expect(range.close[bucket]).toBe(inside.at(-1))
        expect(last.values[bucket]).toBe(inside.at(-1))
        expect(sum.values[bucket]).toBe(inside.reduce((total, value) => total + value, 0))
      }
      expect(held).toBe(all.length)
    }),
  )
})

test('the first, the last and the worst are kept, each in order', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 50 }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 9 }),
      (all, each) => {
        const list = new FirstAndLast<number>(each)
        const worst = new Worst<number>(each)
        for (const value of all) {
          list.add(value)
          worst.add(value, value)
        }
        expect(list.count).toBe(all.length)
        expect(list.entries).toEqual(all.length <= 2 * each ? all : [...all.slice(0, each), ...all.slice(-each)])
        expect(worst.entries).toEqual([...all].sort((a, b) => a - b).slice(0, each))
      },
    ),
  )
})
