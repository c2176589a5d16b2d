/**
 * Goal: each queue model moves an order as the published formula says.
 *
 * Method: one order with 40 ahead and 60 behind sees its level of 100 fall to 80, worked by hand for each model; then
 * the corners the formulas rely on (trades explained once, infinities, nothing there), and bounds for all.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { queueModelNamed } from './queueModels.ts'

const NAMES = ['risk-averse', 'power:1', 'power:3', 'power2:2', 'power3:2', 'log', 'log2']

function after(name: string, frontLots: number, before: number, now: number, tradedLots = 0, lotSize = 1): number {
  const place = { frontLots, tradedLots }
  queueModelNamed(name).depth(place, before, now, lotSize)
  expect(place.tradedLots).toBe(0)
  return place.frontLots
}

describe('40 ahead and 60 behind, the level falls from 100 to 80', () => {
  test.each([
    ['risk-averse', 40], // min(40, 80)
    ['power:1', 32], // p = 60/100: 40 − 0.4 × 20
    ['power:3', 40 - (1 - 216_000 / 280_000) * 20], // p = 60³/(60³ + 40³)
    ['power2:2', 40 - (1 - 3600 / 10_000) * 20], // p = 60²/100²
    ['power3:2', 40 - 0.16 * 20], // 1 − p = 0.4²
    ['log', 40 - (1 - Math.log(61) / (Math.log(61) + Math.log(41))) * 20],
    ['log2', 40 - (1 - Math.log(61) / Math.log(101)) * 20],
  ])('%s leaves %f', (name, expected) => {
    expect(after(name, 40, 100, 80)).toBeCloseTo(expected, 12)
  })
})

test('a decrease that trades explain moves nobody again', () => {
  // 40 ahead, 15 traded: 25. The level falls by 20, of which 5 were cancelled: 25 − 0.25 × 5 with p = 75/100.
  expect(after('power:1', 25, 100, 80, 15)).toBeCloseTo(23.75, 12)
  expect(after('power:1', 25, 100, 90, 15)).toBe(25)
})

test('what cannot have been behind was ahead', () => {
  // 90 ahead, 10 behind, 60 gone with p = 0.1: 54 from ahead, and 6 from behind. All in the level of 40.
  expect(after('power:1', 90, 100, 40)).toBeCloseTo(36, 12)
  // Everything gone, in whatever shares: nothing is ahead.
  expect(after('power3:3', 48, 50, 0)).toBeCloseTo(0, 12)
})

test('an empty level gives no number, which the level bounds', () => {
  expect(after('power:2', 0, 0, 0)).toBe(0)
  expect(after('log', 0, 0, 0)).toBe(0)
})

test('the logarithmic models reckon in contracts, not in lots', () => {
  // 40,000 lots of 0.001 are the 40 contracts above.
  expect(after('log2', 40_000, 100_000, 80_000, 0, 0.001) / 1000).toBeCloseTo(after('log2', 40, 100, 80), 9)
})

test('a name that is none is refused', () => {
  for (const name of ['power', 'power:0', 'power:x', 'fifo', 'log:2']) {
    expect(() => queueModelNamed(name)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  }
  expect(NAMES.map((name) => queueModelNamed(name).name)).toEqual(NAMES)
})

test('no model puts an order further back than it was, or than the level is large', () => {
  const size = fc.integer({ min: 0, max: 1000 })
  fc.assert(
    fc.property(fc.constantFrom(...NAMES), size, size, size, (name, front, behind, now) => {
      const moved = after(name, front, front + behind, now)
      expect(moved).toBeLessThanOrEqual(Math.min(front, now) + 1e-9)
      // Rigtorp's assumption orders them: pessimistic is never beaten by a hopeful model's worse place.
      expect(moved).toBeLessThanOrEqual(after('risk-averse', front, front + behind, now) + 1e-9)
    }),
  )
})
