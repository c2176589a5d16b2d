/**
 * Goal: intervals cover what they promise, with few scores and many, in calm and under drift.
 * Method: the exact coverage law of split conformal prediction by simulation; the bound of adaptive inference as a property over
 * arbitrary outcomes; interruption changes nothing.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { AdaptiveConformal, calibrateInterval, conformalQuantile } from './conformal.ts'

describe('the quantile', () => {
  const scores = Float64Array.of(1, 2, 3, 4, 5, 6, 7, 8, 9)
  test.each([
    [0.9, 9],
    [0.1, 1],
    [0.5, 5],
    [0.51, 6],
    [0.91, Number.POSITIVE_INFINITY],
    [0, Number.NEGATIVE_INFINITY],
  ])('at level %d of nine scores is %d', (level, wanted) => {
    expect(conformalQuantile(scores, level)).toBe(wanted)
  })
  test('of the first few looks at no more', () => {
    expect(conformalQuantile(scores, 0.75, 3)).toBe(3)
  })
})

test('a new figure lies outside as often as promised, over all calibrations: between missRate − 2/(n + 1) and missRate', () => {
  const random = new Random(1)
  const [n, missRate, runs] = [39, 0.1, 20_000]
  let outside = 0
  for (let run = 0; run < runs; run++) {
    // Lopsided, as errors of variance forecasts are.
    const scores = Float64Array.from({ length: n }, () => random.exponential(1) - 0.7)
    const { below, above } = calibrateInterval(scores, missRate)
    const actual = random.exponential(1) - 0.7
    if (actual < -below || actual > above) outside++
  }
  // (n + 1) × 0.05 is whole, so the promise is met exactly; five standard errors around it.
  expect(Math.abs(outside / runs - missRate)).toBeLessThan(5 * Math.sqrt((missRate * (1 - missRate)) / runs))
})

test('lopsided errors give lopsided widths', () => {
  const random = new Random(2)
  const { below, above, count } = calibrateInterval(
    Float64Array.from({ length: 999 }, () => random.exponential(1)),
    0.2,
  )
  expect(count).toBe(999)
  expect(above).toBeCloseTo(-Math.log(0.1), 0)
  expect(-below).toBeCloseTo(-Math.log(0.9), 1)
})

test('missing scores are left out, and too few are refused with the number that would do', () => {
  const scores = Float64Array.from({ length: 40 }, (_, i) => (i < 39 ? i : Number.NaN))
  expect(calibrateInterval(scores, 0.05).count).toBe(39)
  expect(() => calibrateInterval(scores.subarray(1), 0.05)).toThrow(
    expect.objectContaining({ code: 'table-invalid', facts: expect.objectContaining({ errors: 38, least: 39 }) }),
  )
  expect(() => calibrateInterval(scores, 1)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
})

describe('adaptive intervals', () => {
  test('whatever happens, each side misses its share to within (1 + step) / (step × outcomes)', () => {
    const world = fc.record({
      missRate: fc.double({ min: 0.01, max: 0.9, noNaN: true }),
      step: fc.double({ min: 0.001, max: 0.5, noNaN: true }),
      window: fc.integer({ min: 1, max: 60 }),
      // Errors that leap by orders of magnitude, to set the widths a trap.
      scores: fc.array(fc.double({ min: -1e6, max: 1e6, noNaN: true }), { minLength: 20, maxLength: 300 }),
    })
    fc.assert(
      fc.property(world, ({ missRate, step, window, scores }) => {
        const adaptive = new AdaptiveConformal(missRate, step, window)
        let missedBelow = 0
        let missedAbove = 0
        for (const score of scores) {
          const { below, above } = adaptive
          if (-score > below) missedBelow++
          if (score > above) missedAbove++
          adaptive.learn(score, below, above)
        }
        const bound = (1 + step) / (step * scores.length) + 1e-9
        expect(Math.abs(missedBelow / scores.length - missRate / 2)).toBeLessThanOrEqual(bound)
        expect(Math.abs(missedAbove / scores.length - missRate / 2)).toBeLessThanOrEqual(bound)
      }),
    )
  })

  test('when errors grow tenfold overnight they catch up, where fixed widths do not', () => {
    const random = new Random(3)
    const calm = Float64Array.from({ length: 500 }, () => random.normal())
    const fixed = calibrateInterval(calm, 0.1)
    const adaptive = new AdaptiveConformal(0.1, 0.02, 500, calm)
    let missedFixed = 0
    let missed = 0
    for (let i = 0; i < 3000; i++) {
      const score = 10 * random.normal()
      const { below, above } = adaptive
      if (score < -below || score > above) missed++
      if (score < -fixed.below || score > fixed.above) missedFixed++
      adaptive.learn(score, below, above)
    }
    expect(missedFixed / 3000).toBeGreaterThan(0.8)
    expect(missed / 3000).toBeLessThan(0.13)
  })

  test('in a steady world they settle where fixed ones are', () => {
    const random = new Random(4)
    const adaptive = new AdaptiveConformal(0.2, 0.005, 1000)
    for (let i = 0; i < 5000; i++) adaptive.learn(random.normal(), adaptive.below, adaptive.above)
    expect(adaptive.above).toBeGreaterThan(1.05)
    expect(adaptive.above).toBeLessThan(1.55)
    expect(adaptive.below).toBeGreaterThan(1.05)
    expect(adaptive.below).toBeLessThan(1.55)
  })

  test('stopped, written as JSON and gone on with they are the same', () => {
    const random = new Random(5)
    const whole = new AdaptiveConformal(0.1, 0.03, 50)
    let parted = new AdaptiveConformal(0.1, 0.03, 50)
    for (let i = 0; i < 300; i++) {
      const score = random.normal()
      whole.learn(score, whole.below, whole.above)
      parted.learn(score, parted.below, parted.above)
      if (i % 37 === 0) parted = AdaptiveConformal.from(JSON.parse(JSON.stringify(parted.state())))
      expect([parted.below, parted.above]).toEqual([whole.below, whole.above])
    }
    expect(parted.state()).toEqual(whole.state())
  })

  test('an outcome nobody knows changes nothing; settings that make no sense are refused', () => {
    const adaptive = new AdaptiveConformal(0.1, 0.03, 50, [1, 2, 3])
    const before = adaptive.state()
    adaptive.learn(Number.NaN, adaptive.below, adaptive.above)
    expect(adaptive.state()).toEqual(before)
    for (const [missRate, step, window] of [
      [0, 0.1, 5],
      [0.1, 0, 5],
      [0.1, 0.1, 1.5],
    ] as const)
      expect(() => new AdaptiveConformal(missRate, step, window)).toThrow(
        expect.objectContaining({ code: 'config-invalid' }),
      )
  })
})
