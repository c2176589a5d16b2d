/** Goal: bins that tell figures apart where there are few, and hold equal shares where there are many. Method: counting. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { binBounds, binBoundsOfLightgbm, boundBetween } from './binBounds.ts'

const sorted = (values: readonly number[]) => Float64Array.from(values).sort()
const binOf = (bounds: readonly number[], value: number) => bounds.filter((bound) => bound < value).length

test('a bound lies between any two figures, neighbours included', () => {
  const figure = fc.double({ noNaN: true, noDefaultInfinity: true })
  fc.assert(
    fc.property(figure, figure, (a, b) => {
      fc.pre(a !== b)
      const bound = boundBetween(Math.min(a, b), Math.max(a, b))
      expect(bound).toBeGreaterThanOrEqual(Math.min(a, b))
      expect(bound).toBeLessThan(Math.max(a, b))
    }),
  )
  expect(boundBetween(1, 1 + Number.EPSILON)).toBe(1)
  // Halfway between these rounds to the upper one.
  expect(boundBetween(1 + Number.EPSILON, 1 + 2 * Number.EPSILON)).toBe(1 + Number.EPSILON)
  expect(boundBetween(-5e-324, 0)).toBe(-5e-324)
  expect(boundBetween(-1.7e308, 1.7e308)).toBe(0)
})

test('few figures get a bin each, in the middle between them; too rare ones share', () => {
  expect(binBounds(sorted([1, 1, 2, 4]), 255, 1)).toEqual([1.5, 3])
  expect(binBounds(sorted([1, 1, 2, 4, 4, 4]), 255, 2)).toEqual([1.5])
  expect(binBounds(sorted([7, 7]), 255, 1)).toEqual([])
  expect(binBounds(sorted([]), 255, 1)).toEqual([])
})

test('zero apart: a bin of its own, occupied or not, and never a bin too many', () => {
  const zero = Math.fround(1e-35)
  const ulp = Number.EPSILON
  expect(binBoundsOfLightgbm(sorted([-3, -1, 2, 4, 4]), 255, 1)).toEqual([-2 + ulp, -zero, zero, 3 + 2 * ulp])
  expect(binBoundsOfLightgbm(sorted([0, -0, 1e-40, 2, 4]), 255, 1)).toEqual([zero, 3 + 2 * ulp])
  expect(binBoundsOfLightgbm(sorted([-3, -1]), 255, 1)).toEqual([-2 + ulp, -zero])
  expect(binBoundsOfLightgbm(sorted([0, 0]), 255, 1)).toEqual([])
  fc.assert(
    fc.property(fc.array(fc.integer({ min: -40, max: 40 })), fc.integer({ min: 1, max: 30 }), (figures, binsMax) => {
      const bounds = binBoundsOfLightgbm(sorted(figures), binsMax, 1)
      expect(bounds.length).toBeLessThan(binsMax)
      expect(bounds).toEqual([...new Set(bounds)].sort((a, b) => a - b))
    }),
  )
})

test('many figures are cut into bins of like count', () => {
  const random = new Random(1)
  const values = sorted(Array.from({ length: 20_000 }, () => random.normal() ** 3))
  const bounds = binBounds(values, 255, 3)
  const counts = new Int32Array(256)
  for (const value of values) counts[binOf(bounds, value)]!++
  expect(bounds.length).toBeGreaterThan(240)
  expect(Math.max(...counts)).toBeLessThanOrEqual(Math.ceil(20_000 / 255) + 1)
})

test('a figure that fills a bin shares it with no more than half of another', () => {
  const values = sorted([...Array<number>(5000).fill(0), ...Array.from({ length: 5000 }, (_, i) => (i - 2500.5) / 100)])
  const bounds = binBounds(values, 100, 3)
  const zero = binOf(bounds, 0)
  expect(bounds.length).toBeLessThanOrEqual(99)
  const others = [...values].filter((value) => value !== 0 && binOf(bounds, value) === zero)
  expect(others.length).toBeLessThan(5000 / 99 / 2)
})

test('bounds are ascending and never more than asked for', () => {
  fc.assert(
    fc.property(
      fc.array(fc.integer({ min: 0, max: 60 }), { minLength: 1, maxLength: 400 }),
      fc.integer({ min: 1, max: 40 }),
      fc.integer({ min: 1, max: 9 }),
      (values, bins, rowsMin) => {
        const bounds = binBounds(sorted(values), bins, rowsMin)
        expect(bounds.length).toBeLessThan(Math.max(2, bins + 1))
        expect(bounds.every((bound, i) => i === 0 || bound > bounds[i - 1]!)).toBe(true)
      },
    ),
  )
})
