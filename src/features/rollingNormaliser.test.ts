/**
 * Goal: a figure is told in units of its own recent past, robustly, without the future and without what is missing.
 *
 * Method: one property against the sentence in the header, evaluated from scratch at every look (every figure so far is
 * kept, sorted anew, quantiles by definition); then the edges by name.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import '../../tests/propertySeed.ts'
import { RollingNormaliser } from './rollingNormaliser.ts'

const NORMAL_RANGE = 1.3489795003921634

/** What the header says of the last of `looks`. */
function byDefinition(looks: readonly number[], window: number): number {
  const figure = looks.at(-1)!
  if (Number.isNaN(figure)) return Number.NaN
  const kept = looks.filter((each) => !Number.isNaN(each)).slice(-window)
  const sorted = [...kept].sort((a, b) => a - b)
  const quantile = (share: number) => {
    const place = share * (sorted.length - 1)
    const below = sorted[Math.floor(place)]!
    return below + (place % 1) * (sorted[Math.ceil(place)]! - below)
  }
  const scale = (quantile(0.75) - quantile(0.25)) / NORMAL_RANGE
  if (kept.length < 20 || !(scale > 0)) return Number.NaN
  return Math.min(10, Math.max(-10, (figure - quantile(0.5)) / scale))
}

test('any series of figures, missing ones among them, is normalised as the definition says, and each by itself', () => {
  const figure = fc.oneof(
    { weight: 5, arbitrary: fc.double({ min: -100, max: 100, noNaN: true }) },
    // Few values, so that equal ones leave and enter the window.
    { weight: 5, arbitrary: fc.integer({ min: -2, max: 2 }) },
    { weight: 1, arbitrary: fc.constantFrom(Number.NaN, 1e9, -1e9, -0) },
  )
  fc.assert(
    fc.property(
      fc.integer({ min: 20, max: 40 }),
      fc.array(fc.tuple(figure, figure), { minLength: 60, maxLength: 120 }),
      (window, looks) => {
        const normaliser = new RollingNormaliser(2, window)
        const before: [number[], number[]] = [[], []]
        for (const look of looks) {
          const values = Float64Array.from(look)
          normaliser.apply(values)
          for (const column of [0, 1] as const) {
            before[column].push(look[column])
            const defined = byDefinition(before[column], window)
            if (Number.isNaN(defined)) expect(values[column]).toBeNaN()
            else expect(values[column]).toBeCloseTo(defined, 9)
          }
        }
      },
    ),
    { numRuns: 60 },
  )
})

describe('what has no scale is not told', () => {
  test('the first nineteen figures of a market are not; the twentieth is', () => {
    const normaliser = new RollingNormaliser(1, 50)
    for (let look = 1; look <= 20; look++) {
      const values = Float64Array.of(look)
      normaliser.apply(values)
      expect(Number.isNaN(values[0]!)).toBe(look < 20)
    }
  })

  test('nor is one that never moves, until it does', () => {
    const normaliser = new RollingNormaliser(1, 20)
    const said = Array.from({ length: 40 }, (_, look) => {
      const values = Float64Array.of(look < 30 ? 7 : look)
      normaliser.apply(values)
      return values[0]!
    })
    expect(said.slice(0, 30).every(Number.isNaN)).toBe(true)
    expect(said.at(-1)).toBeGreaterThan(0)
  })

  test('one wild figure is cut off at ten, and moves the scale of the others by little', () => {
    const random = new Random(3)
    const normaliser = new RollingNormaliser(1, 200)
    for (let look = 0; look < 200; look++) normaliser.apply(Float64Array.of(random.normal()))
    const wild = Float64Array.of(1e12)
    normaliser.apply(wild)
    expect(wild[0]).toBe(10)
    const after = Float64Array.of(1)
    normaliser.apply(after)
    // The deviation was 1: the same figure still is about one of them.
    expect(after[0]).toBeGreaterThan(0.8)
    expect(after[0]).toBeLessThan(1.2)
  })
})

test.each([19, 0, 20.5, Number.NaN])('a window of %d looks is refused', (window) => {
  expect(() => new RollingNormaliser(1, window)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
})
