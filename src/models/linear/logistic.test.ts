/**
 * Goal: logistic regression finds the probabilities that make the data likeliest, and refuses where none are finite.
 *
 * Method: two-group tables whose answer is the log odds of each group, with the standard errors of a two by two table; the
 * score equations at the optimum; recovery of known coefficients; separation; the ridge's limits.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import type { TrainingSet } from '../learner.ts'
import { logisticRegression } from './logistic.ts'

function set(label: number[], ...columns: number[][]): TrainingSet {
  return {
    table: {
      rows: label.length,
      names: columns.map((_, i) => `x${i}`),
      columns: columns.map((column) => Float64Array.from(column)),
    },
    label: Float64Array.from(label),
  }
}

/** 3 of 10 rise without the signal, 8 of 12 with it. */
const SIGNAL = [...Array(10).fill(0), ...Array(12).fill(1)] as number[]
const RISES = SIGNAL.map((signal, i) => (signal === 0 ? Number(i < 3) : Number(i < 18)))

test('a signal that is there or not: intercept and slope are log odds and log odds ratio', () => {
  const fit = logisticRegression(set(RISES, SIGNAL))
  const { intercept, coefficients } = fit.model.parameters
  expect(intercept).toBeCloseTo(Math.log(3 / 7), 12)
  expect(coefficients[0]).toBeCloseTo(Math.log(8 / 4) - Math.log(3 / 7), 12)
  expect(fit.standardErrors[0]).toBeCloseTo(Math.sqrt(1 / 3 + 1 / 7), 10)
  expect(fit.standardErrors[1]).toBeCloseTo(Math.sqrt(1 / 3 + 1 / 7 + 1 / 8 + 1 / 4), 10)
  expect(fit.model.predict(Float64Array.of(1))).toBeCloseTo(8 / 12, 12)
  const entropy = (p: number) => -p * Math.log(p) - (1 - p) * Math.log(1 - p)
  expect(fit.logLoss).toBeCloseTo((10 * entropy(0.3) + 12 * entropy(2 / 3)) / 22, 12)
})

test('a share with a weight is as many rows of each class', () => {
  const weighted = logisticRegression({ ...set([0.3, 8 / 12], [0, 1]), weight: Float64Array.of(10, 12) })
  expect(weighted.model.parameters.coefficients[0]).toBeCloseTo(Math.log(2) - Math.log(3 / 7), 11)
})

test('at the optimum the errors are orthogonal to every column, and known coefficients come back', () => {
  const random = new Random(21)
  const count = 20_000
  const x = [0, 1, 2].map((scale) => Array.from({ length: count }, () => random.normal() * 10 ** (3 * scale - 3)))
  const truth = [0.5, -800, 1.2, 0.0007]
  const label = x[0]!.map((_, i) => {
    const score = truth[0]! + truth[1]! * x[0]![i]! + truth[2]! * x[1]![i]! + truth[3]! * x[2]![i]!
    return Number(random.uniform() < 1 / (1 + Math.exp(-score)))
  })
  const { model, standardErrors } = logisticRegression(set(label, ...x))
  const found = [model.parameters.intercept, ...model.parameters.coefficients]
  for (const [i, each] of found.entries()) expect(Math.abs(each - truth[i]!)).toBeLessThan(4 * standardErrors[i]!)
  const row = new Float64Array(3)
  const sums = [0, 0, 0, 0]
  for (let i = 0; i < count; i++) {
    for (let j = 0; j < 3; j++) row[j] = x[j]![i]!
    const error = label[i]! - model.predict(row)
    sums[0]! += error
    for (let j = 0; j < 3; j++) sums[j + 1]! += error * row[j]! * 10 ** (3 - 3 * j)
  }
  for (const each of sums) expect(Math.abs(each)).toBeLessThan(1e-6)
})

describe('classes that a column parts', () => {
  const parted = set([0, 0, 0, 1, 1, 1], [1, 2, 3, 4, 5, 6])
  const nearlyParted = set([0, 0, 0, 1, 1, 1], [1, 1, 1, 1, 2, 2])

  test.each([
    ['exactly', parted],
    ['on one side', nearlyParted],
  ])('%s have no finite answer', (_, given) => {
    expect(() => logisticRegression(given)).toThrow(expect.objectContaining({ code: 'fit-failed' }))
  })

  test('have one with a ridge, and the score equation it solves', () => {
    const ridge = 0.1
    const { model } = logisticRegression(parted, { ridge })
    const { coefficients } = model.parameters
    const deviation = Math.sqrt(35 / 12)
    let slope = 0
    for (let i = 0; i < 6; i++)
      slope += ((parted.label[i]! - model.predict(Float64Array.of(i + 1))) * (i - 2.5)) / deviation / 6
    expect(slope).toBeCloseTo(ridge * coefficients[0]! * deviation, 12)
  })
})

test('an endless ridge leaves the base rate', () => {
  const { model } = logisticRegression(set(RISES, SIGNAL), { ridge: 1e12 })
  expect(model.predict(Float64Array.of(1))).toBeCloseTo(0.5, 9)
  expect(model.predict(Float64Array.of(0))).toBeCloseTo(11 / 22, 9)
})

test('a label of 2 is refused', () => {
  expect(() => logisticRegression(set([0, 2], [1, 2]))).toThrow(expect.objectContaining({ code: 'table-invalid' }))
})
