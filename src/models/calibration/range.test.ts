/**
 * Goal: a row from elsewhere is told from one like those of training, and nothing is inside by default.
 * Method: named cases for bounds, categories and missing figures; shares by simulation; agreement of the joint distance with
 * the textbook's formula.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import type { Table } from '../learner.ts'
import { JointRange, jointRange } from './jointRange.ts'
import { TrainingRange, trainingRange } from './range.ts'

const NONE = Number.NaN

const table: Table = {
  rows: 5,
  names: ['spread', 'venue', 'imbalance', 'never', 'still'],
  columns: [
    Float64Array.of(1, 2, 3, 4, 5),
    Float64Array.of(0, 2, 2, 0, 7),
    Float64Array.of(-1, NONE, 0, 1, NONE),
    Float64Array.of(NONE, NONE, NONE, NONE, NONE),
    Float64Array.of(3, 3, 3, 3, 3),
  ],
  categorical: [1],
}

describe('column by column', () => {
  const range = new TrainingRange(trainingRange(table, 0))
  const outside = (...row: number[]) => row.map((figure, column) => range.outside(column, figure))

  test('the training rows are inside', () => {
    for (let i = 0; i < table.rows; i++)
      expect(range.share(Float64Array.from(table.columns, (column) => column[i]!))).toBe(0)
  })

  test('bounds belong to the inside, infinities to the outside', () => {
    expect(outside(5, 7, 1, NONE, 3)).toEqual([false, false, false, false, false])
    expect(outside(5.0001, 7, -1.1, 0, 2.999)).toEqual([true, false, true, true, true])
    expect(range.outside(0, Number.POSITIVE_INFINITY)).toBe(true)
    expect(range.outside(0, Number.NEGATIVE_INFINITY)).toBe(true)
  })

  test('a missing figure is outside where training had none missing', () => {
    expect(outside(NONE, NONE, NONE, NONE, NONE)).toEqual([true, true, false, false, true])
  })

  test('a category between known ones is not known', () => {
    expect([0, 1, 2, 7, 8].map((category) => range.outside(1, category))).toEqual([false, true, false, false, true])
  })

  test('the share counts columns, wherever the row begins', () => {
    expect(range.share(Float64Array.of(99, 99, 9, 2, 0, NONE, 3), 2)).toBe(0.2)
  })

  test('goes through JSON', () => {
    const again = new TrainingRange(JSON.parse(JSON.stringify(trainingRange(table, 0))))
    const row = Float64Array.of(9, 1, NONE, 1, NONE)
    expect(again.share(row)).toBe(range.share(row))
    expect(again.share(row)).toBe(0.8)
  })

  test('rows like those of training lie outside with two tails of their columns; rows from elsewhere with most', () => {
    const random = new Random(1)
    const draw = (rows: number, scale: number): Table => ({
      rows,
      names: Array.from({ length: 10 }, (_, i) => `c${i}`),
      columns: Array.from({ length: 10 }, () => Float64Array.from({ length: rows }, () => scale * random.normal())),
    })
    const trained = new TrainingRange(trainingRange(draw(5000, 1), 0.01))
    const mean = ({ rows, columns }: Table) => {
      let sum = 0
      for (let i = 0; i < rows; i++) sum += trained.share(Float64Array.from(columns, (column) => column[i]!)) / rows
      return sum
    }
    expect(Math.abs(mean(draw(2000, 1)) - 0.02)).toBeLessThan(0.006)
    expect(mean(draw(500, 20))).toBeGreaterThan(0.85)
  })

  test('what makes no sense is refused', () => {
    const code = (code: string) => expect.objectContaining({ code })
    expect(() => trainingRange(table, 0.5)).toThrow(code('config-invalid'))
    expect(() => trainingRange({ rows: 0, names: [], columns: [] })).toThrow(code('table-invalid'))
    expect(() => new TrainingRange({ names: ['a'], columns: [] })).toThrow(code('model-invalid'))
    const swapped = { low: 2, high: 1, categories: null, missing: false }
    expect(() => new TrainingRange({ names: ['a'], columns: [swapped] })).toThrow(code('model-invalid'))
  })
})

describe('together', () => {
  const random = new Random(2)
  const rows = 4000
  const bid = Float64Array.from({ length: rows }, () => random.normal())
  const ask = bid.map((x) => 100 + 5 * (0.98 * x + 0.2 * random.normal()))
  const still = new Float64Array(rows).fill(3)
  const both: Table = { rows, names: ['bid', 'ask', 'still'], columns: [bid, ask, still] }
  const spec = jointRange(both, 0.01)
  const joint = new JointRange(JSON.parse(JSON.stringify(spec)))

  test('columns that part where they went together are outside, though each alone is ordinary', () => {
    expect(joint.distance(Float64Array.of(1.5, 107.5, 3))).toBeLessThan(1)
    expect(joint.distance(Float64Array.of(1.5, 92.5, 3))).toBeGreaterThan(1)
  })

  test('the tail of the training rows lies beyond the limit', () => {
    let beyond = 0
    for (let i = 0; i < rows; i++) if (joint.distance(Float64Array.of(bid[i]!, ask[i]!, 3)) > 1) beyond++
    expect(beyond / rows).toBeCloseTo(0.01, 3)
  })

  test('missing figures and columns that never moved count for nothing; no row is infinitely far', () => {
    expect(joint.distance(Float64Array.of(NONE, NONE, NONE))).toBe(0)
    expect(joint.distance(Float64Array.of(NONE, NONE, 999))).toBe(0)
    const wild = joint.distance(Float64Array.of(Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0))
    expect(wild).toBeGreaterThan(3)
    expect(wild).toBeLessThan(100)
  })

  test('the distance is the root of x′ Σ⁻¹ x', () => {
    // Σ = L L′ from the spec, inverted by hand for two columns.
    const [a, b, c] = spec.factor as [number, number, number]
    const [xx, xy, yy] = [a * a, a * b, b * b + c * c]
    const x = (0.7 - spec.centre[0]!) / spec.scale[0]!
    const y = (99 - spec.centre[1]!) / spec.scale[1]!
    const wanted = Math.sqrt((yy * x * x - 2 * xy * x * y + xx * y * y) / (xx * yy - xy * xy)) / spec.limit
    expect(joint.distance(Float64Array.of(9, 0.7, 99, 3), 1)).toBeCloseTo(wanted, 10)
  })

  test('columns that repeat each other do no harm', () => {
    const twice = jointRange({ rows, names: ['a', 'b', 'c'], columns: [bid, bid, bid] }, 0.01)
    expect(new JointRange(twice).distance(Float64Array.of(1, 1, 1))).toBeLessThan(1)
    expect(new JointRange(twice).distance(Float64Array.of(2, -2, 2))).toBeGreaterThan(1)
  })

  test('what makes no sense is refused', () => {
    expect(() => jointRange({ ...both, rows: 19 })).toThrow(expect.objectContaining({ code: 'table-invalid' }))
    expect(() => jointRange(both, 0)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
    expect(() => new JointRange({ ...spec, factor: [1] })).toThrow(expect.objectContaining({ code: 'model-invalid' }))
  })
})
