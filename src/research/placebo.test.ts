/**
 * Goal: a placebo cuts what connects features and labels, and changes nothing else.
 *
 * Method: properties: what is kept is counted; the association of a feature that is the label itself is gone.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import type { Table } from '../models/learner.ts'
import { permuteLabels, shiftFeatures } from './placebo.ts'

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

function table(...columns: Float64Array[]): Table {
  return { rows: columns[0]!.length, names: columns.map((_, i) => `f${i}`), columns }
}

test('any block: its features are those of one stretch, a quarter of the history away at least, all columns alike', () => {
  fc.assert(
    fc.property(
      fc.nat(1e6),
      fc.integer({ min: 4, max: 90 }),
      fc.integer({ min: 0, max: 9 }),
      fc.integer({ min: 1, max: 20 }),
      (seed, rows, first, block) => {
        const before = table(
          Float64Array.from({ length: first + rows }, (_, i) => i),
          Float64Array.from({ length: first + rows }, (_, i) => 1000 + i),
        )
        const [moved, other] = shiftFeatures(before, block, new Random(seed), first).columns as [
          Float64Array,
          Float64Array,
        ]
        expect([...other]).toEqual([...moved].map((value) => 1000 + value))
        expect([...moved.subarray(0, first)]).toEqual([...before.columns[0]!.subarray(0, first)])
        for (let row = 0; row < rows; row++) {
          const away = (moved[first + row]! - first - row + rows) % rows
          expect(Math.min(away, rows - away)).toBeGreaterThanOrEqual(Math.ceil(rows / 4))
          if (row % block > 0) expect((moved[first + row]! - moved[first + row - 1]! + rows) % rows).toBe(1)
        }
      },
    ),
  )
  for (const [rows, block] of [
    [3, 1],
    [8, 0],
    [8, 1.5],
  ] as const)
    expect(() => shiftFeatures(table(new Float64Array(rows)), block, new Random(1))).toThrow(invalid)
})

test('a clock among moved features does not tell the hour', () => {
  // Ten weeks of quarters of an hour; what happens follows the day and nothing else.
  const rows = 6720
  const turn = (row: number) => (2 * Math.PI * row) / 96
  const sine = Float64Array.from({ length: rows }, (_, row) => Math.sin(turn(row)))
  const cosine = Float64Array.from({ length: rows }, (_, row) => Math.cos(turn(row)))
  const explained = (columns: Table['columns']) =>
    columns.reduce((sum, column) => sum + correlation(column, cosine) ** 2, 0)
  expect(explained([sine, cosine])).toBeGreaterThan(0.99)
  for (let seed = 0; seed < 10; seed++)
    expect(explained(shiftFeatures(table(sine, cosine), 53, new Random(seed)).columns)).toBeLessThan(0.1)
})

test('a feature that is the label says nothing of it in either placebo', () => {
  const random = new Random(3)
  let value = 0
  const label = Float64Array.from({ length: 5000 }, () => (value = 0.9 * value + random.normal()))
  const permuted = permuteLabels({ label, endsUs: label.map((_, i) => i + 1) }, 50, random)
  expect(Math.abs(correlation(label, permuted.label))).toBeLessThan(0.15)
  // Clustering is kept: neighbours are nearly as alike as before.
  expect(correlation(permuted.label.subarray(1), permuted.label.subarray(0, 4999))).toBeGreaterThan(0.8)
  const moved = shiftFeatures(table(label), 50, random).columns[0]!
  expect(Math.abs(correlation(label, moved))).toBeLessThan(0.15)
  expect(correlation(moved.subarray(1), moved.subarray(0, 4999))).toBeGreaterThan(0.8)
})

function correlation(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0]
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!
    aa += a[i]! ** 2
    bb += b[i]! ** 2
  }
  return ab / Math.sqrt(aa * bb)
}
