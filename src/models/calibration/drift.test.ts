/**
 * Goal: monitors alarm when the world changes and as seldom as they say when it does not.
 * Method: indices worked by hand and against counting a window anew; run lengths by simulation against the formula.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import {
  Cusum,
  cusumLimit,
  cusumRunLength,
  driftSpec,
  PopulationStability,
  RecursiveResiduals,
  stabilityIndex,
} from './drift.ts'

describe('population stability', () => {
  test('worked by hand', () => {
    expect(stabilityIndex([0.5, 0.5], [0.25, 0.75])).toBeCloseTo(0.25 * Math.log(2) + 0.25 * Math.log(1.5), 15)
    expect(stabilityIndex([0.2, 0.8], [0.2, 0.8])).toBe(0)
  })

  test('bins are deciles of the training; repeated figures share one, missing ones have their own', () => {
    const column = Float64Array.from({ length: 1000 }, (_, i) => i + 1)
    const lumpy = column.map((x) => (x <= 700 ? 0 : x <= 900 ? Number.NaN : 1))
    const spec = driftSpec({ rows: 1000, names: ['even', 'lumpy'], columns: [column, lumpy] })
    expect(spec.columns[0]!.edges.length).toBe(9)
    for (const share of spec.columns[0]!.shares.slice(0, 10)) expect(share).toBeCloseTo(0.1, 3)
    expect(spec.columns[1]!.edges).toEqual([0])
    expect(spec.columns[1]!.shares.map((share) => share.toFixed(2))).toEqual(['0.70', '0.10', '0.20'])
  })

  test('the window is what was heard last, counted as if anew, also after an interruption', () => {
    const random = new Random(1)
    const draw = () => (random.integer(0, 9) === 0 ? Number.NaN : random.normal())
    const columns = [0, 1].map(() => Float64Array.from({ length: 500 }, draw))
    const spec = driftSpec({ rows: 500, names: ['a', 'b'], columns })
    const world = fc.array(fc.tuple(fc.double({ min: -3, max: 3 }), fc.double({ min: -3, max: 3 })), {
      minLength: 1,
      maxLength: 60,
    })
    fc.assert(
      fc.property(world, fc.integer({ min: 1, max: 20 }), (rows, window) => {
        let stability = new PopulationStability(spec, window)
        for (const [i, row] of rows.entries()) {
          stability.add(Float64Array.of(99, ...row), 1)
          if (i % 7 === 3)
            stability = new PopulationStability(spec, window, JSON.parse(JSON.stringify(stability.state())))
        }
        const last = rows.slice(-window)
        expect(stability.rows).toBe(last.length)
        for (const column of [0, 1]) {
          const { edges, shares } = spec.columns[column]!
          const added = 0.5 * shares.length
          const counts = shares.map((share) => added * share)
          for (const row of last) {
            const bin = edges.findIndex((edge) => row[column]! <= edge)
            counts[Number.isNaN(row[column]!) ? edges.length + 1 : bin < 0 ? edges.length : bin]!++
          }
          const actual = counts.map((count) => count / (last.length + added))
          expect(stability.index(column)).toBeCloseTo(stabilityIndex(actual, shares), 12)
        }
      }),
    )
  })

  test('of rows that did not change it is (bins − 1) / rows by chance; a shift of one deviation is beyond doubt', () => {
    const random = new Random(2)
    const training = Float64Array.from({ length: 20_000 }, () => random.normal())
    const spec = driftSpec({ rows: training.length, names: ['x'], columns: [training] })
    let mean = 0
    for (let run = 0; run < 200; run++) {
      const stability = new PopulationStability(spec, 500)
      for (let i = 0; i < 500; i++) stability.add(Float64Array.of(random.normal()))
      mean += stability.index(0) / 200
    }
    // Nothing is missing, so ten bins are in use: 9 / 500, over 200 runs with a standard error of 0.0006.
    expect(Math.abs(mean - 0.018)).toBeLessThan(0.0024)
    const shifted = new PopulationStability(spec, 500)
    expect(shifted.index(0)).toBeNaN()
    for (let i = 0; i < 500; i++) shifted.add(Float64Array.of(1 + random.normal()))
    expect(shifted.index(0)).toBeGreaterThan(0.5)
  })

  test('what makes no sense is refused', () => {
    const spec = driftSpec({ rows: 1, names: ['x'], columns: [Float64Array.of(1)] })
    const code = (code: string) => expect.objectContaining({ code })
    expect(() => new PopulationStability(spec, 0)).toThrow(code('config-invalid'))
    expect(() => new PopulationStability(spec, 1, [0, 0])).toThrow(code('model-invalid'))
    expect(() => driftSpec({ rows: 0, names: [], columns: [] })).toThrow(code('table-invalid'))
    expect(() => driftSpec({ rows: 1, names: ['x'], columns: [Float64Array.of(1)] }, 1)).toThrow(code('config-invalid'))
  })
})

describe('cumulative sums of errors', () => {
  const settings = { mean: 2, deviation: 3, allowance: 0.5, limit: 4 }

  /** Errors until the alarm, on average over many runs. */
  function simulated(shift: number, limit: number, runs: number, seed: number): { mean: number; error: number } {
    const random = new Random(seed)
    let [sum, squares] = [0, 0]
    for (let run = 0; run < runs; run++) {
      const cusum = new Cusum({ ...settings, limit })
      let length = 1
      while (!cusum.add(2 + 3 * (shift + random.normal()))) length++
      sum += length
      squares += length * length
    }
    const mean = sum / runs
    return { mean, error: Math.sqrt((squares / runs - mean * mean) / runs) }
  }

  // Exact two-sided run lengths at allowance 0.5: D. C. Montgomery, "Introduction to statistical quality control", table 9.3.
  test.each([
    [0, 4, 168],
    [0.5, 4, 26.6],
    [1, 4, 8.38],
    [2, 4, 3.34],
    [0, 5, 465],
    [1, 5, 10.4],
  ])('a shift of %d deviations is found at limit %d after %d errors on average', (shift, limit, exact) => {
    expect(Math.abs(cusumRunLength(shift, 0.5, limit) / exact - 1)).toBeLessThan(0.04)
    const { mean, error } = simulated(shift, limit, 3000, 7)
    expect(Math.abs(mean - exact)).toBeLessThan(4 * error + 0.01 * exact)
    // Both sides are watched alike.
    expect(cusumRunLength(-shift, 0.5, limit)).toBeCloseTo(cusumRunLength(shift, 0.5, limit), 9)
  })

  test('without drift beyond the allowance the formula has its limit', () => {
    const near = cusumRunLength(0.5 + 1e-9, 0.5, 4)
    expect(near).toBeCloseTo(cusumRunLength(0.5, 0.5, 4), 6)
    expect(cusumRunLength(0.5 + 1e-4, 0.5, 4)).toBeCloseTo(near, 1)
  })

  test('the limit is chosen by how often it may alarm falsely', () => {
    for (const runLength of [50, 1000, 100_000])
      expect(cusumRunLength(0, 0.5, cusumLimit(runLength, 0.5)) / runLength).toBeCloseTo(1, 9)
    expect(() => cusumLimit(1, 0.5)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
    expect(() => cusumLimit(Number.POSITIVE_INFINITY, 0.5)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  })

  test('both directions are found, a missing error changes nothing, sums go on from where they were', () => {
    for (const direction of [1, -1]) {
      const cusum = new Cusum(settings)
      // Two deviations each, less the allowance: 1.5, 3, then over 4.
      expect([8, 8, 8].map(() => cusum.add(2 + 6 * direction))).toEqual([false, false, true])
      expect(cusum.add(Number.NaN)).toBe(true)
      cusum.reset()
      expect(cusum.alarmed).toBe(false)
    }
    const first = new Cusum(settings)
    first.add(5)
    const { above, below } = first
    const second = new Cusum(settings, { above, below })
    second.add(9)
    first.add(9)
    expect(second).toEqual(first)
    expect(() => new Cusum({ ...settings, deviation: 0 })).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  })
})

describe('what is new in errors', () => {
  /** Errors of forecasts a horizon of `overlap` samples ahead, one a horizon, whose surprises persist by φ from one to the next. */
  function errors(random: Random, count: number, persistence: number, overlap: number): number[] {
    let level = random.normal()
    const surprises = Array.from({ length: count }, () => {
      const now = level
      level = persistence * level + Math.sqrt(1 - persistence * persistence) * random.normal()
      return now
    })
    // What two neighbours share of a horizon is the same in both.
    return surprises.flatMap((now, i) => {
      const next = surprises[i + 1] ?? now
      return Array.from({ length: overlap }, (_, j) => 5 + (now * (overlap - j) + next * j) / overlap)
    })
  }

  const promise = { mean: 0, deviation: 1, allowance: 0.5, limit: 5 }
  const [COUNT, FIRST, RUNS] = [60, 20, 1500]

  /** Share of runs that alarm although nothing happens. */
  function alarms(persistence: number, overlap: number, scores: (errors: readonly number[]) => number[]): number {
    const random = new Random(11)
    let runs = 0
    for (let run = 0; run < RUNS; run++) {
      const cusum = new Cusum(promise)
      const all = scores(errors(random, COUNT, persistence, overlap))
      if (all.slice(FIRST * (all.length / COUNT)).some((score) => cusum.add(score))) runs++
    }
    return runs / RUNS
  }

  /** In deviations from the mean of the first third, as a Cusum of estimated figures would have it. */
  function estimated(all: readonly number[]): number[] {
    const first = all.slice(0, all.length / 3)
    const mean = first.reduce((sum, error) => sum + error, 0) / first.length
    const deviation = Math.sqrt(first.reduce((sum, error) => sum + (error - mean) ** 2, 0) / (first.length - 1))
    return all.map((error) => (error - mean) / deviation)
  }

  function residualsOf(all: readonly number[]): number[] {
    const residuals = new RecursiveResiduals()
    return all.map((error) => residuals.add(error))
  }

  // Forty errors of an alarm every 465: the first sum takes a few errors to grow, so that a little less is right.
  const promised = 1 - Math.exp(-(COUNT - FIRST) / 465)

  test.each([
    [0, 0.02],
    [0.3, 0.02],
    [0.6, 0.03],
  ])('at persistence %d alarms of nothing are as rare as promised', (persistence, margin) => {
    expect(Math.abs(alarms(persistence, 1, residualsOf) - promised)).toBeLessThan(margin)
    expect(alarms(persistence, 1, estimated)).toBeGreaterThan(2.5 * promised)
  })

  test('what persists for ten errors and more alarms more often, and overlapping errors nearly always', () => {
    const long = alarms(0.9, 1, residualsOf)
    expect(long).toBeGreaterThan(promised)
    expect(long).toBeLessThan(3 * promised)
    expect(alarms(0, 8, estimated)).toBeGreaterThan(0.9)
    const everyEighth = (all: readonly number[]) => residualsOf(all.filter((_, i) => i % 8 === 0))
    expect(Math.abs(alarms(0, 8, everyEighth) - promised)).toBeLessThan(0.02)
  })

  test('a shift of two deviations is found in nearly every run', () => {
    const random = new Random(3)
    let found = 0
    for (let run = 0; run < 300; run++) {
      const cusum = new Cusum(promise)
      const shifted = errors(random, 120, 0.3, 1).map((error, i) => error + (i >= 70 ? 2 : 0))
      if (residualsOf(shifted).some((score, i) => i >= 40 && cusum.add(score))) found++
    }
    expect(found / 300).toBeGreaterThan(0.9)
  })

  test('is the residual of a regression on all pairs before, whatever unit and level errors have', () => {
    const all = errors(new Random(5), 12, 0.5, 1)
    const last = all.length - 1
    // By definition: least squares of each error on its predecessor, residuals over their spread, one after another.
    const recursive = (upTo: number): number => {
      const x = all.slice(0, upTo - 1)
      const y = all.slice(1, upTo)
      const [mx, my] = [x, y].map((figures) => figures.reduce((sum, figure) => sum + figure, 0) / figures.length)
      const spread = x.reduce((sum, figure) => sum + (figure - mx!) ** 2, 0)
      const slope = x.reduce((sum, figure, i) => sum + (figure - mx!) * (y[i]! - my!), 0) / spread
      const distance = all[upTo - 1]! - mx!
      const residual = all[upTo]! - my! - slope * distance
      return residual / Math.sqrt(1 + 1 / x.length + distance ** 2 / spread)
    }
    const before = Array.from({ length: last - 3 }, (_, i) => recursive(i + 3))
    const freedom = before.length
    const t = recursive(last) / Math.sqrt(before.reduce((sum, residual) => sum + residual ** 2, 0) / freedom)
    const score = residualsOf(all)[last]!
    expect(score).toBeCloseTo((t * (1 - 1 / (4 * freedom))) / Math.sqrt(1 + (t * t) / (2 * freedom)), 9)
    expect(residualsOf(all.map((error) => 1e6 + 1e-3 * error))[last]).toBeCloseTo(score, 4)
    expect(score).not.toBeNaN()
  })

  test('of equal errors is nothing, and neither an error missed nor the one after it is judged', () => {
    expect(residualsOf(Array<number>(20).fill(3)).every(Number.isNaN)).toBe(true)
    const all = errors(new Random(5), 20, 0, 1)
    const missed = residualsOf(all.map((error, i) => (i === 15 ? Number.NaN : error)))
    expect(missed.map(Number.isNaN).lastIndexOf(true)).toBe(16)
    expect(missed.map(Number.isNaN).indexOf(false)).toBeLessThan(8)
  })
})
