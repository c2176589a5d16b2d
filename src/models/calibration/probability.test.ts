/**
 * Goal: calibrated probabilities are those of the outcomes, and measures of calibration say so when they are not.
 * Method: known parameters recovered, optimality conditions of the fits, the nearest never-falling line by brute force.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { fitIsotonic, fitPlatt, isotonicValue, plattProbability, Reliability } from './probability.ts'

describe('Platt’s map', () => {
  test('recovers the slope and intercept outcomes were drawn with', () => {
    const random = new Random(1)
    const score = Float64Array.from({ length: 50_000 }, () => 1000 + 100 * random.normal())
    const outcome = score.map((x) => (random.uniform() < 1 / (1 + Math.exp(-(0.02 * (x - 1000) - 1))) ? 1 : 0))
    const map = fitPlatt(score, outcome)
    expect(Math.abs(map.slope / 0.02 - 1)).toBeLessThan(0.03)
    expect(Math.abs(plattProbability(map, 1000) - 1 / (1 + Math.E))).toBeLessThan(0.01)
  })

  test('is where the likelihood of the softened outcomes is greatest: both derivatives vanish', () => {
    fc.assert(
      fc.property(fc.integer(), fc.integer({ min: 3, max: 40 }), (seed, rows) => {
        const random = new Random(seed)
        const score = Float64Array.from({ length: rows }, () => 5 * random.normal())
        const outcome = score.map((x) => (x + 3 * random.normal() > 0 ? 1 : 0))
        const weight = score.map(() => random.exponential(1))
        const map = fitPlatt(score, outcome, weight)
        let [positive, negative] = [0, 0]
        for (let i = 0; i < rows; i++) {
          if (outcome[i] === 1) positive += weight[i]!
          else negative += weight[i]!
        }
        let [slope, intercept] = [0, 0]
        for (let i = 0; i < rows; i++) {
          const target = outcome[i] === 1 ? (positive + 1) / (positive + 2) : 1 / (negative + 2)
          const error = weight[i]! * (plattProbability(map, score[i]!) - target)
          slope += error * score[i]!
          intercept += error
        }
        expect(Math.abs(slope) + Math.abs(intercept)).toBeLessThan(1e-5 * rows)
      }),
    )
  })

  test('stays finite when scores part the outcomes cleanly, or are all the same', () => {
    const parted = fitPlatt(Float64Array.of(-2, -1, 1, 2), Float64Array.of(0, 0, 1, 1))
    expect(plattProbability(parted, 1)).toBeGreaterThan(0.6)
    expect(plattProbability(parted, 1)).toBeLessThan(0.95)
    const same = fitPlatt(Float64Array.of(3, 3, 3, 3), Float64Array.of(0, 0, 0, 1))
    // (3 × 1/5 + 2/3) / 4, the mean of the softened outcomes.
    expect(plattProbability(same, 3)).toBeCloseTo(0.31666666666666665, 9)
  })

  test('wants outcomes of 0 and 1', () => {
    expect(() => fitPlatt(Float64Array.of(1, 2), Float64Array.of(0, 0.5))).toThrow(
      expect.objectContaining({ code: 'table-invalid' }),
    )
  })
})

describe('the isotonic map', () => {
  test('worked by hand', () => {
    const map = fitIsotonic(Float64Array.of(1, 2, 3, 4, 5), Float64Array.of(1, 3, 2, 4, 0))
    // 3, 2 pool to 2.5; 4, 0 pool to 2, below 2.5: all four pool to 9 / 4.
    expect(map).toEqual({ score: [1, 2, 5], value: [1, 2.25, 2.25] })
    expect(isotonicValue(map, 1.5)).toBe(1.625)
    expect([0, 9].map((at) => isotonicValue(map, at))).toEqual([1, 2.25])
    expect(isotonicValue(map, Number.NaN)).toBeNaN()
  })

  test('is the nearest of all never-falling lines: max over lower, min over upper sets of the mean', () => {
    const row = fc.record({
      score: fc.integer({ min: 0, max: 8 }),
      label: fc.double({ min: -5, max: 5, noNaN: true }),
      weight: fc.double({ min: 0.1, max: 3, noNaN: true }),
    })
    fc.assert(
      fc.property(fc.array(row, { minLength: 1, maxLength: 25 }), (rows) => {
        const pick = (field: 'score' | 'label' | 'weight') => Float64Array.from(rows, (each) => each[field])
        const map = fitIsotonic(pick('score'), pick('label'), pick('weight'))
        const levels = [...new Set(rows.map(({ score }) => score))].sort((a, b) => a - b)
        const mean = (from: number, to: number) => {
          const inside = rows.filter(({ score }) => score >= levels[from]! && score <= levels[to]!)
          return (
            inside.reduce((sum, { label, weight }) => sum + label * weight, 0) /
            inside.reduce((sum, { weight }) => sum + weight, 0)
          )
        }
        // Brunk's minimax formula, which needs no pooling.
        for (const [at, level] of levels.entries()) {
          let wanted = Number.NEGATIVE_INFINITY
          for (let from = 0; from <= at; from++) {
            let least = Number.POSITIVE_INFINITY
            for (let to = at; to < levels.length; to++) least = Math.min(least, mean(from, to))
            wanted = Math.max(wanted, least)
          }
          expect(isotonicValue(map, level)).toBeCloseTo(wanted, 9)
        }
        for (let i = 1; i < map.value.length; i++) {
          expect(map.value[i]!).toBeGreaterThanOrEqual(map.value[i - 1]!)
          expect(map.score[i]!).toBeGreaterThan(map.score[i - 1]!)
        }
      }),
    )
  })

  test('a hundred thousand rows that only fall are one pool, at once', () => {
    const score = Float64Array.from({ length: 100_000 }, (_, i) => i)
    const map = fitIsotonic(
      score,
      score.map((x) => -x),
    )
    expect(map.value).toEqual([-49_999.5, -49_999.5])
  })

  test('nothing to fit is refused', () => {
    const none = new Float64Array(0)
    expect(() => fitIsotonic(none, none)).toThrow(expect.objectContaining({ code: 'table-invalid' }))
    expect(() => fitIsotonic(Float64Array.of(1), Float64Array.of(Number.NaN))).toThrow(
      expect.objectContaining({ code: 'table-invalid' }),
    )
  })
})

describe('reliability', () => {
  test('worked by hand', () => {
    const reliability = new Reliability(2)
    for (const [probability, outcome] of [
      [0.2, 0],
      [0.4, 1],
      [0.8, 1],
      [1, 1],
    ] as const)
      reliability.add(probability, outcome)
    reliability.add(Number.NaN, 1)
    expect(reliability.count).toBe(4)
    expect(reliability.brier).toBeCloseTo((0.04 + 0.36 + 0.04 + 0) / 4, 15)
    expect(reliability.calibrationError).toBeCloseTo((Math.abs(0.6 - 1) + Math.abs(1.8 - 2)) / 4, 15)
    const [low, high] = reliability.table()
    expect(low).toMatchObject({ from: 0, to: 0.5, count: 2, observed: 0.5 })
    expect(low!.forecast).toBeCloseTo(0.3, 15)
    expect(low!.error).toBeCloseTo(Math.sqrt(0.16 + 0.24) / 2, 15)
    expect(high).toMatchObject({ count: 2, observed: 1 })
  })

  test('true forecasts are within their errors, overconfident ones are found and cured', () => {
    const random = new Random(9)
    const told = new Reliability()
    const cured = new Reliability()
    const rows = 20_000
    const raw = Float64Array.from({ length: rows }, () => random.normal())
    const outcome = raw.map((x) => (random.uniform() < 1 / (1 + Math.exp(-x)) ? 1 : 0))
    const half = rows / 2
    // Says three times the odds' logarithm: far too sure.
    const sure = raw.map((x) => 1 / (1 + Math.exp(-3 * x)))
    const map = fitIsotonic(sure.subarray(0, half), outcome.subarray(0, half))
    for (let i = half; i < rows; i++) {
      told.add(sure[i]!, outcome[i]!)
      cured.add(isotonicValue(map, sure[i]!), outcome[i]!)
    }
    expect(told.calibrationError).toBeGreaterThan(0.1)
    expect(cured.calibrationError).toBeLessThan(0.025)
    expect(cured.brier).toBeLessThan(told.brier - 0.01)
    for (const { observed, forecast, error, count } of cured.table())
      if (count > 100) expect(Math.abs(observed - forecast)).toBeLessThan(6 * error)
  })

  test('goes on from its state, and refuses what is no probability', () => {
    const whole = new Reliability(5)
    whole.add(0.3, 1)
    const parted = new Reliability(5, JSON.parse(JSON.stringify(whole.state())))
    whole.add(0.9, 0)
    parted.add(0.9, 0)
    expect(parted.state()).toEqual(whole.state())
    expect(() => whole.add(1.1, 1)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
    expect(() => whole.add(0.5, 2)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  })
})
