/** Goal: the table is the normal distribution to the last digits of 1. Method: against the accurate one, densely and at the ends. */

import { expect, test } from 'vitest'
import { normalCdf } from '../../core/errorFunction.ts'
import { tabulatedNormalCdf } from './normalTable.ts'

test('within 5e-16 of the accurate distribution everywhere, and exact beyond its ends', () => {
  let worst = 0
  for (let i = -9_000; i <= 9_000; i++) {
    const x = i / 1000 + 0.000_37
    worst = Math.max(worst, Math.abs(tabulatedNormalCdf(x) - normalCdf(x)))
  }
  expect(worst).toBeLessThan(5e-16)
  expect([-1e9, -8.5, 8.5, 1e9].map(tabulatedNormalCdf)).toEqual([0, 0, 1, 1])
  expect(tabulatedNormalCdf(Number.NaN)).toBeNaN()
  expect(tabulatedNormalCdf(Number.NEGATIVE_INFINITY)).toBe(0)
})
