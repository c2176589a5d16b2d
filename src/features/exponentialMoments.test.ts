/**
 * Goal: mean and deviation are those of the weighted history.
 * Method: the definition over the whole history, for any sequence of figures and pauses.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ExponentialMoments } from './exponentialMoments.ts'

test('computed live they equal the weighted sums over the whole history', () => {
  const figure = fc.record({ waitUs: fc.integer({ min: 0, max: 3000 }), value: fc.integer({ min: -1000, max: 1000 }) })
  fc.assert(
    fc.property(fc.array(figure, { minLength: 1, maxLength: 40 }), (figures) => {
      const moments = new ExponentialMoments(1000)
      const times: number[] = []
      let timeUs = 5
      for (const { waitUs, value } of figures) {
        timeUs += waitUs
        times.push(timeUs)
        moments.add(timeUs, value)
      }
      const weights = times.map((each) => 0.5 ** ((timeUs - each) / 1000))
      const total = weights.reduce((a, b) => a + b, 0)
      const mean = figures.reduce((sum, { value }, i) => sum + value * weights[i], 0) / total
      const variance = figures.reduce((sum, { value }, i) => sum + (value - mean) ** 2 * weights[i], 0) / total
      expect(moments.mean).toBeCloseTo(mean, 7)
      expect(moments.deviation).toBeCloseTo(Math.sqrt(variance), 4)
    }),
  )
})

test('before the first figure nothing is known', () => {
  expect(new ExponentialMoments(1).mean).toBeNaN()
  expect(() => new ExponentialMoments(0)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
})
