/**
 * Goal: gradients and hessians are the derivatives of the losses reports speak of.
 * Method: central differences of the loss, at weights, and at scores on either side of every kink.
 */

import { describe, expect, test } from 'vitest'
import type { Objective } from './ensemble.ts'
import { fillGradients, lossSum, type ObjectiveSettings } from './objectives.ts'

const settings = (objective: Objective): ObjectiveSettings => ({
  objective,
  alpha: 0.7,
  sigmoid: 1.3,
  maxDeltaStep: 0.7,
  classCount: objective === 'multiclass' ? 3 : 1,
})
const LABELS: Record<string, number[]> = { binary: [0, 1, 1, 0], multiclass: [0, 1, 2, 1] }

/** First and second derivative of the loss by each score, by differences, over the given factor. */
function derivatives(objective: Objective, score: Float64Array, label: Float64Array, weight: Float64Array) {
  const step = 1e-4
  const rows = label.length
  const at = (i: number, by: number) => {
    const moved = score.slice()
    moved[i]! += by
    return lossSum(settings(objective), { rows, label, weight, score: moved }, i % rows, (i % rows) + 1)
  }
  return Array.from(score, (_, i) => ({
    first: (at(i, step) - at(i, -step)) / (2 * step),
    second: (at(i, step) - 2 * at(i, 0) + at(i, -step)) / step ** 2,
  }))
}

describe.each([
  // LightGBM halves the square, and stretches some hessians: factors on the true derivatives.
  ['regression', 0.5, 0.5],
  ['regression_l1', 1, Number.NaN],
  ['huber', 1, Number.NaN],
  ['quantile', 1, Number.NaN],
  ['binary', 1, 1],
  ['multiclass', 1, 1.5],
  ['poisson', 1, Number.NaN],
  ['gamma', 1, 1],
  ['qlike', 1, 1],
] as [Objective, number, number][])('%s', (objective, firstFactor, secondFactor) => {
  const label = Float64Array.from(LABELS[objective] ?? [0.5, 2, 3, 1])
  const weight = Float64Array.of(1, 2, 0.5, 3)
  const { classCount } = settings(objective)
  const score = Float64Array.from({ length: 4 * classCount }, (_, i) => [0.3, -1.1, 2.2, 0.9, 1.4, -0.2][i % 6]!)
  const gradient = new Float64Array(score.length)
  const hessian = new Float64Array(score.length)
  fillGradients(settings(objective), { rows: 4, label, weight, score }, gradient, hessian, 0, 4)
  const truth = derivatives(objective, score, label, weight)

  test('its gradient is the slope of its loss', () => {
    for (const [i, { first }] of truth.entries()) expect(gradient[i]).toBeCloseTo(first * firstFactor, 6)
  })

  test('its hessian is the curvature, or what stands in for none', () => {
    for (const [i, { second }] of truth.entries()) {
      if (!Number.isNaN(secondFactor)) expect(hessian[i]).toBeCloseTo(second * secondFactor, 5)
      else if (objective === 'poisson') expect(hessian[i]).toBeCloseTo(weight[i]! * Math.exp(score[i]! + 0.7), 12)
      else expect(hessian[i]).toBe(weight[i])
    }
  })
})

test('scores far out give finite losses and gradients', () => {
  for (const objective of ['binary', 'multiclass'] as const) {
    const { classCount } = settings(objective)
    const set = {
      rows: 2,
      label: Float64Array.of(0, 1),
      weight: undefined,
      score: Float64Array.from({ length: 2 * classCount }, (_, i) => (i % 2 ? 800 : -800)),
    }
    const gradient = new Float64Array(2 * classCount)
    const hessian = new Float64Array(2 * classCount)
    fillGradients(settings(objective), set, gradient, hessian, 0, 2)
    expect([...gradient, ...hessian, lossSum(settings(objective), set, 0, 2)].every(Number.isFinite)).toBe(true)
  }
})
