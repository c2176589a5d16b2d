/**
 * Goal: trees correct their start where they have been, and leave it alone where they have not.
 *
 * Method: trees grown on a table made for it; shares of gain and ranges reckoned again by definition; rows moved out of
 * training column by column.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { readSettings } from '../../core/settings.ts'
import { type ColumnRange, trainingRange } from '../calibration/range.ts'
import { CorrectionGuard, guardOf } from './correctionGuard.ts'
import { fitTrees } from './fitTrees.ts'
import { FlatPredictor } from './flatPredictor.ts'
import { gainImportance } from './importance.ts'
import { TREE_SETTINGS } from './treeSettings.ts'

const ROWS = 1000
const random = new Random(1)
const columns = Array.from({ length: 4 }, () => Float64Array.from({ length: ROWS }, () => random.normal()))
const table = { rows: ROWS, names: ['strong', 'weak', 'steady', 'noise'], columns }
// The third column never changes: no split can be on it.
columns[2]!.fill(3)
const label = Float64Array.from(columns[0]!, (x, i) => 2 * Math.sign(x) + 0.7 * columns[1]![i]! + 0.1 * random.normal())
const { ensemble } = fitTrees(
  { table, label },
  readSettings('trees', TREE_SETTINGS, { rounds: 20, boostFromAverage: false }),
)
const trees = new FlatPredictor(ensemble)
const spec = { weight: 0.5, ...guardOf(ensemble, trees, table) }
const guard = new CorrectionGuard(spec)
const rowAt = (i: number) => Float64Array.from(columns, (column) => column[i]!)
const raw = Array.from({ length: ROWS }, (_, i) => trees.raw(rowAt(i)))

test('a guard holds what training did: corrections, shares of the gain, ranges of the columns split on', () => {
  const gains = gainImportance(ensemble)
  const total = gains.reduce((sum, gain) => sum + gain, 0)
  expect(spec.columns).not.toContain(2)
  expect(spec.columns).toContain(0)
  for (const [at, column] of spec.columns.entries()) expect(spec.shares[at]).toBeCloseTo(gains[column]! / total, 12)
  expect([spec.least, spec.most]).toEqual([Math.min(...raw), Math.max(...raw)])
  const whole = trainingRange(table)
  expect(spec.range.columns).toEqual(spec.columns.map((column) => whole.columns[column]))
  expect(JSON.parse(JSON.stringify(spec))).toEqual(spec)
})

test('inside training the weight is all that is taken off', () => {
  const inside = [...Array(ROWS).keys()].filter((i) =>
    spec.columns.every((column, at) => {
      const { low, high } = spec.range.columns[at]!
      return columns[column]![i]! >= low! && columns[column]![i]! <= high!
    }),
  )
  expect(inside.length).toBeGreaterThan(0.98 * ROWS)
  for (const i of inside) {
    expect(guard.left(rowAt(i))).toBe(1)
    expect(guard.held(raw[i]!, rowAt(i))).toBe(0.5 * raw[i]!)
  }
})

test('what is left falls with the gain that lies outside and with how far, to nothing at a quarter; unused columns do not count', () => {
  const far = fc.double({ min: 0, max: 1, noNaN: true })
  fc.assert(
    fc.property(fc.array(far, { minLength: 4, maxLength: 4 }), fc.boolean(), (beyond, above) => {
      const row = Float64Array.of(0.1, -0.2, 1e9, 0.3)
      let outside = 0
      for (const [at, column] of spec.columns.entries()) {
        const { low, high } = spec.range.columns[at]!
        // Up to half a width outside, of which a quarter is all.
        const distance = 0.5 * beyond[column]! * (high! - low!)
        row[column] = above ? high! + distance : low! - distance
        outside += spec.shares[at]! * Math.min(1, 2 * beyond[column]!)
      }
      expect(guard.left(row)).toBeCloseTo(Math.max(0, 1 - 4 * outside), 9)
    }),
  )
  // The strong column alone is more than a quarter; a missing figure that training never had is as far outside as can be.
  expect(guard.held(2, Float64Array.of(50, 0, 3, 0))).toBe(0)
  expect(guard.held(2, Float64Array.of(Number.NaN, 0, 3, 0))).toBe(0)
})

test('a category training never had, and any figure where training had but one or none, are wholly outside', () => {
  const sets = fc.constantFrom<[ColumnRange, number, number]>(
    [{ low: null, high: null, categories: [1, 2], missing: false }, 3, 0],
    [{ low: null, high: null, categories: [1, 2], missing: false }, 2, 1],
    [{ low: 5, high: 5, categories: null, missing: false }, 5.001, 0],
    [{ low: 5, high: 5, categories: null, missing: false }, 5, 1],
    [{ low: null, high: null, categories: null, missing: true }, 1, 0],
    [{ low: null, high: null, categories: null, missing: true }, Number.NaN, 1],
  )
  fc.assert(
    fc.property(sets, ([range, figure, left]) => {
      const one = { ...spec, columns: [0], shares: [1], range: { names: ['x'], columns: [range] } }
      expect(new CorrectionGuard(one).left(Float64Array.of(figure))).toBe(left)
    }),
  )
})

test('no correction is larger than those of training, whichever leaves come together', () => {
  const row = rowAt(5)
  expect(guard.held(1e9, row)).toBe(0.5 * spec.most)
  expect(guard.held(-1e9, row)).toBe(0.5 * spec.least)
})

test('a row is read from its offset', () => {
  const padded = new Float64Array(7)
  padded.set([50, 0, 3, 0], 3)
  expect(guard.left(padded, 3)).toBe(0)
  expect(guard.left(padded.fill(0).fill(3, 5, 6), 3)).toBe(1)
})

test('trees that never split have nothing to hold back, and nothing to look at', () => {
  const flat = fitTrees(
    { table, label: label.map(() => 1) },
    readSettings('trees', TREE_SETTINGS, { rounds: 1 }),
  ).ensemble
  const none = guardOf(flat, new FlatPredictor(flat), table)
  expect(none.columns).toEqual([])
  expect(new CorrectionGuard({ weight: 1, ...none }).left(rowAt(0))).toBe(1)
})

test.each([
  ['a weight above one', { weight: 1.1 }],
  ['a weight that is none', { weight: Number.NaN }],
  ['bounds upside down', { least: 1, most: -1 }],
  ['a share too few', { shares: spec.shares.slice(1) }],
  ['a negative share', { shares: spec.shares.map(() => -1) }],
  ['a range too few', { range: { names: spec.range.names.slice(1), columns: spec.range.columns.slice(1) } }],
  ['a column before the first', { columns: spec.columns.map(() => -1) }],
])('%s is refused', (_, change) => {
  expect(() => new CorrectionGuard({ ...spec, ...change })).toThrow(expect.objectContaining({ code: 'model-invalid' }))
})
