/**
 * Goal: least squares gives the answer that exact arithmetic gives, and standard errors that say what they mean.
 *
 * Method: normal equations solved in exact fractions for small whole-number tables; limits of the ridge; weights as repeated
 * rows; Newey-West against its definition on a case worked from the formula; badly scaled columns; what must be refused. HAR
 * vectors test it on series: see volatility/har.test.ts.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import type { Table, TrainingSet } from '../learner.ts'
import { predictTable } from '../learner.ts'
import { TriangularFactor } from './householder.ts'
import { exponentiated, leastSquares } from './leastSquares.ts'
import { LinearModel } from './linearModel.ts'

function table(...columns: number[][]): Table {
  return {
    rows: columns[0]!.length,
    names: columns.map((_, i) => `x${i}`),
    columns: columns.map((column) => Float64Array.from(column)),
  }
}

function set(label: number[], ...columns: number[][]): TrainingSet {
  return { table: table(...columns), label: Float64Array.from(label) }
}

/** Solves (X'X) b = X'y in whole numbers by Bareiss elimination; undefined where singular. */
function exactNormalEquations(rows: number[][], label: number[]): number[] | undefined {
  const size = rows[0]!.length
  const m = Array.from({ length: size }, (_, i) =>
    Array.from({ length: size + 1 }, (_, j) =>
      rows.reduce((sum, row, t) => sum + BigInt(row[i]!) * BigInt(j < size ? row[j]! : label[t]!), 0n),
    ),
  )
  let previous = 1n
  for (let k = 0; k < size; k++) {
    const pivot = m.findIndex((row, i) => i >= k && row[k] !== 0n)
    if (pivot < 0) return undefined
    ;[m[k], m[pivot]] = [m[pivot]!, m[k]!]
    for (let i = 0; i < size; i++) {
      if (i === k) continue
      const factor = m[i]![k]!
      for (let j = 0; j <= size; j++) m[i]![j] = (m[i]![j]! * m[k]![k]! - factor * m[k]![j]!) / previous
    }
    previous = m[k]![k]!
  }
  return m.map((row, i) => Number((row[size]! * 10n ** 20n) / row[i]!) / 1e20)
}

test('small whole-number tables give the answer of the normal equations in exact fractions', () => {
  const digit = fc.integer({ min: -9, max: 9 })
  const rows = fc.array(fc.tuple(digit, digit, digit), { minLength: 6, maxLength: 12 })
  let compared = 0
  fc.assert(
    fc.property(rows, (figures) => {
      const label = figures.map(([, , y]) => y)
      const x = figures.map(([a, b]) => [1, a, b])
      const exact = exactNormalEquations(x, label)
      if (!exact) return
      compared++
      const { model } = leastSquares(
        set(
          label,
          figures.map(([a]) => a),
          figures.map(([, b]) => b),
        ),
      )
      const found = [model.parameters.intercept, ...model.parameters.coefficients]
      for (const [i, each] of exact.entries()) expect(found[i]).toBeCloseTo(each, 10)
    }),
  )
  expect(compared).toBeGreaterThan(50)
})

test('through the origin there is no intercept, and the slope is Σxy / Σx²', () => {
  const fit = leastSquares(set([1, 2, 4], [1, 2, 3]), { intercept: false })
  expect(fit.model.parameters.intercept).toBe(0)
  expect(fit.model.parameters.coefficients[0]).toBeCloseTo(17 / 14, 14)
  expect(fit.standardErrors[0]).toBeNaN()
  // Residuals -3/14, -6/14, 5/14: variance (70/196) / 2, over Σx² = 14.
  expect(fit.standardErrors[1]).toBeCloseTo(Math.sqrt(70 / 196 / 2 / 14), 14)
})

test('a line through three points: coefficients, errors and shares explained as worked by hand', () => {
  // y = 0, 1, 5 at x = 0, 1, 2: slope 5/2, intercept -1/2, residuals 1/2, -1, 1/2.
  const fit = leastSquares(set([0, 1, 5], [0, 1, 2]), { hacLags: 1 })
  const { intercept, coefficients } = fit.model.parameters
  expect(intercept).toBeCloseTo(-0.5, 14)
  expect(coefficients[0]).toBeCloseTo(2.5, 14)
  expect(fit.residualVariance).toBeCloseTo(1.5, 14)
  expect(fit.r2).toBeCloseTo(1 - 1.5 / 14, 14)
  expect(fit.adjustedR2).toBeCloseTo(1 - 2 * (1.5 / 14), 14)
  expect(fit.standardErrors[0]).toBeCloseTo(Math.sqrt(1.5 * (1 / 3 + 1 / 2)), 14)
  expect(fit.standardErrors[1]).toBeCloseTo(Math.sqrt(1.5 / 2), 14)
  // Newey-West of the slope: centred scores -1/2, 0, 1/2 give Γ0 = 1/2, Γ1 = 0; over (Σ(x - x̄)²)² = 4.
  expect(fit.hacStandardErrors![1]).toBeCloseTo(Math.sqrt(0.5 / 4), 14)
  // Of the intercept: influences e_t (1/3 - (x_t - 1) / 2) = 5/12, -1/3, -1/12; Γ0 + 2 × 1/2 × Γ1.
  const influence = [5 / 12, -1 / 3, -1 / 12]
  const long = influence.reduce((sum, each, t) => sum + each * each + (t > 0 ? each * influence[t - 1]! : 0), 0)
  expect(fit.hacStandardErrors![0]).toBeCloseTo(Math.sqrt(long), 14)
})

test('a weight of three is three equal rows', () => {
  const y = [1, 3, 2, 5, 4]
  const x = [1, 2, 3, 4, 6]
  const weight = Float64Array.from([1, 3, 0, 2, 1])
  const weighted = leastSquares({ ...set(y, x), weight })
  const repeat = (figures: number[]) => figures.flatMap((each, i) => Array.from({ length: weight[i]! }, () => each))
  const repeated = leastSquares(set(repeat(y), repeat(x)))
  expect(weighted.model.parameters.intercept).toBeCloseTo(repeated.model.parameters.intercept, 12)
  expect(weighted.model.parameters.coefficients[0]).toBeCloseTo(repeated.model.parameters.coefficients[0]!, 12)
  expect(weighted.residualSquares).toBeCloseTo(repeated.residualSquares, 12)
  expect(weighted.rows).toBe(4)
})

describe('ridge', () => {
  const random = new Random(5)
  const x1 = Array.from({ length: 200 }, () => random.normal())
  const x2 = x1.map((each) => 1000 * (each + 0.1 * random.normal()))
  const y = x1.map((each, i) => 2 + each + 0.001 * x2[i]! + 0.1 * random.normal())

  test('none is least squares, an endless one leaves the mean', () => {
    const plain = leastSquares(set(y, x1, x2)).model.parameters
    const slight = leastSquares(set(y, x1, x2), { ridge: 1e-12 }).model.parameters
    const endless = leastSquares(set(y, x1, x2), { ridge: 1e12 }).model.parameters
    for (const i of [0, 1]) expect(slight.coefficients[i]! / plain.coefficients[i]!).toBeCloseTo(1, 6)
    expect(Math.abs(endless.coefficients[0]!)).toBeLessThan(1e-10)
    expect(endless.intercept).toBeCloseTo(y.reduce((sum, each) => sum + each, 0) / 200, 8)
  })

  test('one standardised column shrinks by 1 / (1 + ridge)', () => {
    const plain = leastSquares(set(y, x2)).model.parameters.coefficients[0]!
    expect(leastSquares(set(y, x2), { ridge: 0.25 }).model.parameters.coefficients[0]! / plain).toBeCloseTo(0.8, 12)
  })

  test('the units of a column do not matter, and two equal columns share what one had', () => {
    const fit = leastSquares(set(y, x1, x1), { ridge: 0.01 }).model.parameters.coefficients
    expect(fit[0]).toBeCloseTo(fit[1]!, 12)
    const inMillionths = leastSquares(
      set(
        y,
        x1.map((each) => 1e6 * each),
      ),
      { ridge: 0.5 },
    ).model.parameters
    const inUnits = leastSquares(set(y, x1), { ridge: 0.5 }).model.parameters
    expect(1e6 * inMillionths.coefficients[0]!).toBeCloseTo(inUnits.coefficients[0]!, 12)
    expect(leastSquares(set(y, x1), { ridge: 0.5 }).standardErrors).toEqual(new Float64Array(2).fill(Number.NaN))
  })

  test('a column that never changes gets nothing', () => {
    expect(
      leastSquares(
        set(
          y,
          x1,
          y.map(() => 0.3),
        ),
        { ridge: 0.1 },
      ).model.parameters.coefficients[1],
    ).toBe(0)
  })
})

test('columns of 1e-9 beside columns of 1e9 lose no digits', () => {
  const random = new Random(3)
  const small = Array.from({ length: 1000 }, () => 1e-9 * (5 + random.uniform()))
  const large = Array.from({ length: 1000 }, () => 1e9 * (5 + random.uniform()))
  const y = small.map((each, i) => 3 + 2e9 * each - 4e-9 * large[i]!)
  const { intercept, coefficients } = leastSquares(set(y, small, large)).model.parameters
  expect(intercept).toBeCloseTo(3, 9)
  expect(coefficients[0]! / 2e9).toBeCloseTo(1, 11)
  expect(coefficients[1]! / -4e-9).toBeCloseTo(1, 11)
})

test('a row a hundred million times smaller than those before it still counts in the triangle', () => {
  const factor = new TriangularFactor(2)
  for (const row of [
    [1e8, 1],
    [1, 1],
  ]) {
    factor.row.set(row)
    factor.push()
    factor.finish()
  }
  const [a, b, , c] = factor.r as unknown as [number, number, number, number]
  // R'R = X'X: the second column's part along the first is (1e8 + 1) / √(1e16 + 1).
  expect(Math.abs(b / Math.sign(a))).toBeCloseTo((1e8 + 1) / Math.sqrt(1e16 + 1), 14)
  expect(c * c).toBeCloseTo(1 - 2e-8, 14)
})

test('Newey-West is the same in any units, whatever the block a row falls into', () => {
  const random = new Random(9)
  const x = Array.from({ length: 700 }, () => random.normal())
  let noise = 0
  const y = x.map((each) => each + (noise = 0.8 * noise + random.normal()))
  const fit = leastSquares(set(y, x), { hacLags: 12 })
  // By definition, in the columns' own units: (X'X)^-1 S (X'X)^-1.
  const { intercept, coefficients } = fit.model.parameters
  const g = x.map((each, t) => {
    const e = y[t]! - intercept - coefficients[0]! * each
    return [e, e * each]
  })
  const s = [0, 1, 2, 3].map((k) => {
    const [i, j] = [k >> 1, k & 1]
    let sum = 0
    for (let lag = -12; lag <= 12; lag++)
      for (let t = 0; t < 700; t++) sum += (1 - Math.abs(lag) / 13) * g[t]![i]! * (g[t - lag]?.[j] ?? 0)
    return sum
  })
  const sum1 = x.reduce((sum, each) => sum + each, 0)
  const sum2 = x.reduce((sum, each) => sum + each * each, 0)
  const determinant = 700 * sum2 - sum1 * sum1
  const slopeRow = [-sum1 / determinant, 700 / determinant]
  const variance = slopeRow.reduce((sum, a, i) => sum + slopeRow.reduce((t, b, j) => t + a * b * s[2 * i + j]!, 0), 0)
  expect(fit.hacStandardErrors![1]! / Math.sqrt(variance)).toBeCloseTo(1, 10)
  // The autocorrelation is in the errors: the classical ones of the intercept are far too small.
  expect(fit.hacStandardErrors![0]!).toBeGreaterThan(2 * fit.standardErrors[0]!)
})

describe('missing figures', () => {
  const holed = set([1, 2, 9, 4], [1, 2, Number.NaN, 4])

  test('are refused by name, or dropped and counted', () => {
    expect(() => leastSquares(holed)).toThrow(expect.objectContaining({ code: 'table-invalid' }))
    const fit = leastSquares(holed, { missing: 'drop' })
    expect([fit.rows, fit.dropped]).toEqual([3, 1])
    expect(fit.model.parameters.coefficients[0]).toBeCloseTo(1, 12)
  })

  test('only matter in columns that are used', () => {
    const wide = set([1, 2, 3, 4], [Number.NaN, 1, 2, 3], [1, 2, 3, 4])
    const { model } = leastSquares(wide, { columns: ['x1'] })
    expect(model.names).toEqual(['x0', 'x1'])
    expect(predictTable(model, wide.table)[0]).toBeCloseTo(1, 12)
  })

  test('in a question give no answer', () => {
    const { model } = leastSquares(set([1, 2, 4], [1, 2, 3]))
    expect(model.predict(Float64Array.of(Number.NaN))).toBeNaN()
  })

  test('keep their place among the lags', () => {
    // Rows 0 and 2 stay two apart when row 1 is dropped: at one lag, no two scores meet.
    const y = [1, 0, 3, 0, 2, 0, 7, 0]
    const x = [1, Number.NaN, 2, Number.NaN, 3, Number.NaN, 5, Number.NaN]
    const apart = leastSquares(set(y, x), { missing: 'drop', hacLags: 1 }).hacStandardErrors
    const white = leastSquares(set(y, x), { missing: 'drop', hacLags: 0 }).hacStandardErrors
    expect(apart).toEqual(white)
  })
})

describe('what must be refused', () => {
  test.each([
    ['a column that never changes', set([1, 2, 3, 4], [5, 5, 5, 5])],
    ['a column that is the sum of two others', set([1, 2, 3, 5, 8], [1, 2, 3, 4, 1], [2, 0, 1, 5, 3], [3, 2, 4, 9, 4])],
    ['as many coefficients as rows', set([1, 2], [3, 4])],
  ])('%s has no single answer', (_, given) => {
    expect(() => leastSquares(given)).toThrow(expect.objectContaining({ code: 'table-invalid' }))
  })

  test('a column that is not there', () => {
    expect(() => leastSquares(set([1, 2, 4], [1, 2, 3]), { columns: ['y'] })).toThrow(
      expect.objectContaining({ code: 'schema-mismatch' }),
    )
  })

  test('a negative ridge', () => {
    expect(() => leastSquares(set([1, 2, 4], [1, 2, 3]), { ridge: -1 })).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
  })
})

test('a fit of logs answers with the mean of the log-normal, not its median', () => {
  const random = new Random(11)
  const x = Array.from({ length: 20_000 }, () => random.normal())
  const y = x.map((each) => Math.exp(1 + 0.5 * each + 0.8 * random.normal()))
  const model = new LinearModel(exponentiated(leastSquares(set(y.map(Math.log), x))))
  const mean = y.reduce((sum, each) => sum + each, 0) / y.length
  const answer = predictTable(model, table(x)).reduce((sum, each) => sum + each, 0) / y.length
  expect(answer / mean).toBeCloseTo(1, 1)
  expect(model.predict(Float64Array.of(0))).toBeCloseTo(Math.exp(1 + 0.32), 1)
})

test('a model is plain data: text and back changes no answer', () => {
  const { model } = leastSquares(set([1, 2, 4], [1, 2, 3]))
  const copy = new LinearModel(JSON.parse(JSON.stringify({ ...model.parameters, floor: 2 })))
  expect(copy.predict(Float64Array.of(3))).toBe(model.predict(Float64Array.of(3)))
  expect(copy.predict(Float64Array.of(-9))).toBe(2)
  expect(() => new LinearModel({ ...model.parameters, coefficients: [Number.NaN] })).toThrow(
    expect.objectContaining({ code: 'argument-invalid' }),
  )
})

test('an answer below the floor is the floor, or what is to stand in its place; one above the ceiling is the ceiling', () => {
  const parameters = {
    ...{ names: ['x'], columns: [0], coefficients: [1], intercept: 0, link: 'identity' as const, correction: 0 },
    ...{ floor: 1, ceiling: 4 },
  }
  const answers = (more: object) =>
    [-7, 1, 2, 9].map((x) => new LinearModel({ ...parameters, ...more }).predict(Float64Array.of(x)))
  expect(answers({})).toEqual([1, 1, 2, 4])
  expect(answers({ belowFloor: 2.5 })).toEqual([2.5, 1, 2, 4])
  expect(answers({ floor: null, ceiling: null })).toEqual([-7, 1, 2, 9])
  expect(new LinearModel({ ...parameters, belowFloor: 2.5 }).predict(Float64Array.of(Number.NaN))).toBeNaN()
  expect(() => new LinearModel({ ...parameters, belowFloor: Number.NaN })).toThrow(/not finite/)
})
