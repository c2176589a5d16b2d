/**
 * Goal: answers are in the unit of the label, and come back to the raw scores they were made from.
 * Method: values worked by hand, inverses as a property, limits; agreement with LightGBM's answers is in flatPredictor.test.ts.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { fromRaw, linkOf, softmax, toRaw } from './link.ts'

const OBJECTIVES = ['regression', 'regression_l1', 'huber', 'quantile', 'binary', 'poisson', 'gamma', 'qlike'] as const

test('each objective has the link of its label', () => {
  const kind = (objective: (typeof OBJECTIVES)[number] | 'multiclass') =>
    linkOf({ objective, objectiveParameters: {} }).kind
  expect(OBJECTIVES.map(kind)).toEqual(['identity', 'identity', 'identity', 'identity', 'sigmoid', 'exp', 'exp', 'exp'])
  expect(kind('multiclass')).toBe('softmax')
})

test('values worked by hand', () => {
  expect(fromRaw({ kind: 'sigmoid', slope: 2 }, Math.log(3) / 2)).toBeCloseTo(0.75, 15)
  expect(fromRaw({ kind: 'exp', slope: 1 }, Math.log(5))).toBeCloseTo(5, 14)
  expect(fromRaw({ kind: 'signedSquare', slope: 1 }, -3)).toBe(-9)
  const scores = Float64Array.of(1000, 1000 + Math.log(3))
  softmax(scores)
  expect(scores[1]).toBeCloseTo(0.75, 12)
})

test('there and back again', () => {
  const links = OBJECTIVES.map((objective) => linkOf({ objective, objectiveParameters: { sigmoid: 1.5 } }))
  links.push({ kind: 'signedSquare', slope: 1 })
  fc.assert(
    fc.property(fc.constantFrom(...links), fc.double({ min: -15, max: 15, noNaN: true }), (link, raw) => {
      expect(Math.abs(toRaw(link, fromRaw(link, raw)) - raw)).toBeLessThan(1e-5)
    }),
  )
})

test('certainty is infinitely far, what cannot be is not a number, and one score of many classes is refused', () => {
  expect(toRaw({ kind: 'sigmoid', slope: 1 }, 1)).toBe(Number.POSITIVE_INFINITY)
  expect(toRaw({ kind: 'sigmoid', slope: 1 }, 0)).toBe(Number.NEGATIVE_INFINITY)
  expect(toRaw({ kind: 'exp', slope: 1 }, -1)).toBeNaN()
  expect(() => fromRaw({ kind: 'softmax', slope: 1 }, 0)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})
