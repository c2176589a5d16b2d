/**
 * Goal: a placebo cuts what connects features and labels, and changes nothing else.
 *
 * Method: properties: what is kept is counted; the association of a feature that is the label itself is gone.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { completeDataset, type Dataset } from './dataset.ts'
import { drawShift, permuteLabels, shiftFeatures } from './placebo.ts'

const invalid = expect.objectContaining({ code: 'argument-invalid' })

test('any labels: every known one is used once, whole blocks stay together, the unknown stay where they are', () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.integer({ min: 2, max: 80 }), fc.integer({ min: 1, max: 12 }), (seed, count, block) => {
      const random = new Random(seed)
      const label = Float64Array.from({ length: count }, (_, i) => (random.uniform() < 0.2 ? Number.NaN : i))
      const endsUs = label.map((value) => value + 3)
      const known = [...label].filter((value) => !Number.isNaN(value))
      const permute = (from: number) => permuteLabels({ label, endsUs }, block, new Random(from))
      if (known.length <= block) {
        expect(() => permute(1)).toThrow(invalid)
        return
      }
      const found = permute(seed)
      expect(found.endsUs).toEqual(endsUs)
      expect(found).toEqual(permute(seed))
      found.label.forEach((value, i) => {
        expect(Number.isNaN(value)).toBe(Number.isNaN(label[i]!))
      })
      const moved = [...found.label].filter((value) => !Number.isNaN(value))
      expect(moved).not.toEqual(known)
      expect([...moved].sort((a, b) => a - b)).toEqual(known)
      // Breaks in the order of neighbours come at block edges only.
      const next = new Map(known.map((value, i) => [value, known[i + 1]]))
      const breaks = moved.slice(1).filter((value, i) => next.get(moved[i]!) !== value).length
      expect(breaks).toBeLessThanOrEqual(Math.ceil(known.length / block) - 1)
    }),
  )
})

function dataset(columns: Float64Array[]): Dataset {
  const rows = columns[0]!.length
  const grid = () => new Float64Array(3)
  return completeDataset({
    features: { target: 'X', sampling: { every: 'time', intervalUs: 1 }, normaliseOver: 0, features: [] },
    schemaHash: 'a',
    timesUs: Float64Array.from({ length: rows }, (_, i) => i),
    table: { rows, names: columns.map((_, i) => `f${i}`), columns },
    path: {
      startUs: 0,
      stepUs: 1,
      points: 3,
      price: grid(),
      buyVolume: grid(),
      sellVolume: grid(),
      spread: grid(),
      depth: grid(),
      funding: grid(),
    },
    source: { kind: 'synthetic', name: 'test', dataHash: 'b', rows: 9 },
  })
}

test('shifted features are those of another time, all columns alike, and the shift can be undone', () => {
  const before = dataset([Float64Array.of(0, 1, 2, 3, 4), Float64Array.of(5, 6, 7, 8, 9)])
  const shifted = shiftFeatures(before, 2)
  expect(shifted.table.columns.map((column) => [...column])).toEqual([
    [3, 4, 0, 1, 2],
    [8, 9, 5, 6, 7],
  ])
  expect(shifted.hash).not.toBe(before.hash)
  expect(shifted.timesUs).toEqual(before.timesUs)
  expect(shiftFeatures(shifted, -2).table.columns).toEqual(before.table.columns)
  expect(() => shiftFeatures(before, 5)).toThrow(invalid)
})

test('a feature that is the label says nothing of it in either placebo', () => {
  const random = new Random(3)
  let value = 0
  const label = Float64Array.from({ length: 5000 }, () => (value = 0.9 * value + random.normal()))
  const correlation = (a: ArrayLike<number>, b: ArrayLike<number>) => {
    let [ab, aa, bb] = [0, 0, 0]
    for (let i = 0; i < a.length; i++) {
      ab += a[i]! * b[i]!
      aa += a[i]! ** 2
      bb += b[i]! ** 2
    }
    return ab / Math.sqrt(aa * bb)
  }
  const permuted = permuteLabels({ label, endsUs: label.map((_, i) => i + 1) }, 50, random)
  expect(Math.abs(correlation(label, permuted.label))).toBeLessThan(0.15)
  // Clustering is kept: neighbours are nearly as alike as before.
  expect(correlation(permuted.label.subarray(1), permuted.label.subarray(0, 4999))).toBeGreaterThan(0.8)
  const shift = drawShift(5000, random)
  expect(shift).toBeGreaterThanOrEqual(1250)
  expect(shift).toBeLessThanOrEqual(3750)
  const shifted = shiftFeatures(dataset([label]), shift)
  expect(Math.abs(correlation(label, shifted.table.columns[0]!))).toBeLessThan(0.15)
})
