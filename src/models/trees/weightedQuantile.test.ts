/** Goal: the figure that minimises the pinball loss. Method: that loss over every candidate, and repetition for weight. */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { weightedQuantile } from './weightedQuantile.ts'

const values = fc.array(fc.integer({ min: -9, max: 9 }), { minLength: 1, maxLength: 60 })
const shares = fc.constantFrom(0.1, 0.25, 0.5, 0.75, 0.9, 0.99)

test('no figure has a smaller pinball loss, and a weight is a number of repetitions', () => {
  fc.assert(
    fc.property(values, shares, fc.infiniteStream(fc.integer({ min: 0, max: 3 })), (given, alpha, weights) => {
      const weight: number[] = given.map(() => Number(weights.next().value ?? 1))
      if (!weight.some((each) => each > 0)) weight[0] = 1
      const loss = (at: number) =>
        given.reduce((sum, y, i) => sum + weight[i]! * (y > at ? alpha * (y - at) : (1 - alpha) * (at - y)), 0)
      const answer = weightedQuantile(Float64Array.from(given), Float64Array.from(weight), alpha)
      expect(loss(answer)).toBeLessThanOrEqual(Math.min(...given.map(loss)) + 1e-9)
      const repeated = given.flatMap((value, i) => Array<number>(weight[i]!).fill(value))
      expect(weightedQuantile(Float64Array.from(repeated), undefined, alpha)).toBe(answer)
    }),
  )
})

test('of an even number the median is the middle of the middle two, as everyone expects', () => {
  expect(weightedQuantile(Float64Array.of(4, 1, 3, 2), undefined, 0.5)).toBe(2.5)
  expect(weightedQuantile(Float64Array.of(4, 1, 9, 3, 2), undefined, 0.5)).toBe(3)
  expect(weightedQuantile(Float64Array.of(1, 2, 3), Float64Array.of(1, 0, 1), 0.5)).toBe(2)
  expect(weightedQuantile(Float64Array.of(5), Float64Array.of(0), 0.5)).toBe(0)
})

test('a hundred thousand equal or sorted figures take no longer than others', () => {
  const many = Float64Array.from({ length: 100_000 }, (_, i) => i)
  expect(weightedQuantile(many.slice(), undefined, 0.25)).toBe(24_999.5)
  expect(weightedQuantile(many.slice().reverse(), undefined, 0.9)).toBe(89_999.5)
  expect(weightedQuantile(many.fill(3), undefined, 0.3)).toBe(3)
})
