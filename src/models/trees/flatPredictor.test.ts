/**
 * Goal: predictions are LightGBM's, bit for bit in raw scores, however fast they are made.
 *
 * Method: LightGBM's own predictions on rows with NaN, zeros, infinities and impossible categories; then, for random trees
 * with every kind of split, agreement with walking the trees by the plain definition of a split (decision.ts).
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LIGHTGBM_CASES, lightgbmCase } from '../../../tests/models/lightgbmCases.ts'
import { randomEnsemble, randomRow } from '../../../tests/models/randomTrees.ts'
import { Random } from '../../core/random.ts'
import { predictTable, type Table } from '../learner.ts'
import { leafOf } from './decision.ts'
import type { TreeEnsemble } from './ensemble.ts'
import { FlatPredictor } from './flatPredictor.ts'
import { readLightgbmModel } from './lightgbmText.ts'

function tableOf(names: readonly string[], rows: readonly Float64Array[]): Table {
  const columns = names.map((_, column) => Float64Array.from(rows, (row) => row[column]!))
  return { rows: rows.length, names, columns }
}

/** Sum of the leaves the plain definition leads to, class by class. */
function plainRaw({ trees, classCount, averaged }: TreeEnsemble, row: Float64Array): number[] {
  const sums = new Array<number>(classCount).fill(0)
  for (const [index, tree] of trees.entries()) sums[index % classCount]! += tree.leafValue[leafOf(tree, row)]!
  return averaged ? sums.map((sum) => sum / Math.max(1, trees.length / classCount)) : sums
}

test.each(LIGHTGBM_CASES)('$name: raw scores are LightGBM’s to the last bit', ({ model, rows, raw }) => {
  const ensemble = readLightgbmModel(model)
  const predictor = new FlatPredictor(ensemble)
  const out = new Float64Array(ensemble.classCount)
  for (const [i, row] of rows.entries()) {
    predictor.rawClasses(row, out)
    // LightGBM calls the sum of a random forest its raw score; ours is the mean, as its answers are made from.
    const wanted = ensemble.averaged ? raw[i]!.map((sum) => sum / ensemble.trees.length) : raw[i]!
    expect([...out]).toEqual(wanted)
  }
})

test.each(LIGHTGBM_CASES)('$name: answers are LightGBM’s', ({ model, rows, answers }) => {
  const predictor = new FlatPredictor(readLightgbmModel(model))
  const out = new Float64Array(predictor.classCount)
  for (const [i, row] of rows.entries()) {
    predictor.predictClasses(row, out)
    for (const [label, wanted] of answers[i]!.entries())
      expect(Math.abs(out[label]! - wanted)).toBeLessThanOrEqual(1e-14 * Math.abs(wanted))
    if (predictor.classCount === 1) expect(predictor.predict(row)).toBe(out[0])
  }
})

test('of several classes the most probable is the answer', () => {
  const { model, rows, answers } = lightgbmCase('multiclass')
  const predictor = new FlatPredictor(readLightgbmModel(model))
  for (const [i, row] of rows.entries())
    expect(predictor.predict(row)).toBe(answers[i]!.indexOf(Math.max(...answers[i]!)))
  expect(new Set(rows.map((row) => predictor.predict(row))).size).toBeGreaterThan(1)
})

test('any trees, any rows: row by row, as a table and by the plain definition are the same to the last bit', () => {
  const shape = fc.record({
    seed: fc.integer(),
    columns: fc.integer({ min: 1, max: 6 }),
    rounds: fc.integer({ min: 0, max: 7 }),
    leaves: fc.integer({ min: 1, max: 20 }),
    splits: fc.constantFrom('plain' as const, 'all' as const),
    classCount: fc.integer({ min: 1, max: 3 }),
    averaged: fc.boolean(),
    count: fc.integer({ min: 1, max: 70 }),
  })
  fc.assert(
    fc.property(shape, ({ seed, columns, rounds, leaves, splits, classCount, averaged, count }) => {
      const random = new Random(seed)
      const trees = rounds * classCount
      const ensemble = { ...randomEnsemble(random, { columns, trees, leaves, splits, classCount }), averaged }
      const rows = Array.from({ length: count }, () => randomRow(random, columns))
      const predictor = new FlatPredictor(ensemble)
      const table = predictor.rawTable(tableOf(ensemble.names, rows))
      const out = new Float64Array(classCount)
      // Behind some other figures, to see that the offset is kept.
      const behind = new Float64Array(3 + columns)
      for (const [i, row] of rows.entries()) {
        const wanted = plainRaw(ensemble, row)
        behind.set(row, 3)
        predictor.rawClasses(behind, out, 3)
        expect([...out]).toEqual(wanted)
        expect(wanted.map((_, label) => table[label * count + i])).toEqual(wanted)
      }
    }),
    { numRuns: 150 },
  )
})

test('a whole table gets the answers its rows get', () => {
  for (const name of ['binary', 'multiclass', 'categorical', 'gamma']) {
    const { model, rows } = lightgbmCase(name)
    const predictor = new FlatPredictor(readLightgbmModel(model))
    const table = tableOf(predictor.names, rows)
    expect(predictor.predictTable(table)).toEqual(predictTable(predictor, table))
    const shares = predictor.predictClassesTable(table)
    const out = new Float64Array(predictor.classCount)
    for (const [i, row] of rows.entries()) {
      predictor.predictClasses(row, out)
      for (let label = 0; label < out.length; label++) expect(shares[label * rows.length + i]).toBe(out[label])
    }
  }
})

test('float32 columns are read as the figures they hold', () => {
  const ensemble = randomEnsemble(new Random(5), { columns: 2, trees: 5, leaves: 8, splits: 'plain' })
  const columns = [Float32Array.of(0.1, Number.NaN), Float32Array.of(-0.3, 2)]
  const raw = new FlatPredictor(ensemble).rawTable({ rows: 2, names: ensemble.names, columns })
  expect(raw[0]).toBe(plainRaw(ensemble, Float64Array.of(Math.fround(0.1), Math.fround(-0.3)))[0])
})

test('rows too short, other columns and half rounds are refused', () => {
  const ensemble = randomEnsemble(new Random(5), { columns: 3, trees: 2, leaves: 4, splits: 'plain' })
  const predictor = new FlatPredictor(ensemble)
  const code = (code: string) => expect.objectContaining({ code })
  expect(() => predictor.raw(new Float64Array(2))).toThrow(code('table-invalid'))
  expect(() => predictor.predict(new Float64Array(4), 2)).toThrow(code('table-invalid'))
  expect(() => predictor.rawTable({ rows: 0, names: ['a', 'b', 'c'], columns: [] })).toThrow(code('schema-mismatch'))
  expect(() => new FlatPredictor({ ...ensemble, classCount: 3 })).toThrow(code('model-invalid'))
  const several = new FlatPredictor({ ...ensemble, objective: 'multiclass', classCount: 2 })
  expect(() => several.raw(new Float64Array(3))).toThrow(code('argument-invalid'))
})
