/**
 * Goal: the simulated flow is the Hawkes process it claims to be.
 *
 * Method: rates against (1 − G)⁻¹μ, the realised branching ratio against the spectral radius, and time rescaling: the
 * integrals of the intensity between events, worked out from the definition, must be standard exponential.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { HawkesFlow, type HawkesParameters, spectralRadius } from './hawkesFlow.ts'

const PARAMETERS: HawkesParameters = {
  baseline: [0.5, 1],
  // Columns add up to 0.7: every event causes 0.7 others.
  offspring: [0.5, 0.3, 0.2, 0.4],
  decayFast: 20,
  decaySlow: 0.5,
  fastShare: 0.6,
}

function simulate(parameters: HawkesParameters, seconds: number, seed: number) {
  const flow = new HawkesFlow(parameters, new Random(seed))
  const times: number[] = []
  const types: number[] = []
  for (;;) {
    const wait = flow.wait()
    if (flow.timeSeconds + wait > seconds) break
    types.push(flow.commit(wait))
    times.push(flow.timeSeconds)
  }
  return { flow, times, types }
}

test('the spectral radius of a matrix with equal column sums is that sum', () => {
  expect(spectralRadius(PARAMETERS.offspring, 2)).toBeCloseTo(0.7, 9)
  expect(spectralRadius([2, 0, 0, 3], 2)).toBeCloseTo(3, 9)
  expect(spectralRadius([0, 0, 0, 0], 2)).toBe(0)
})

describe('over eleven hours', () => {
  const seconds = 40_000
  const { flow, times, types } = simulate(PARAMETERS, seconds, 12)

  test('each type happens at its stationary rate', () => {
    // (1 − G)⁻¹ μ with 1 − G = [[0.5, −0.3], [−0.2, 0.6]], of determinant 0.24.
    const expected = [(0.6 * 0.5 + 0.3 * 1) / 0.24, (0.2 * 0.5 + 0.5 * 1) / 0.24]
    for (const type of [0, 1]) {
      const rate = types.filter((each) => each === type).length / seconds
      // Clustering widens the error of a count by 1/(1 − n): about 1 % here.
      expect(Math.abs(rate / expected[type] - 1)).toBeLessThan(0.04)
    }
  })

  test('the realised branching ratio is that of the matrix', () => {
    expect(Math.abs(1 - flow.immigrants / flow.events - 0.7)).toBeLessThan(0.01)
  })

  test('rescaled by its intensity, time runs evenly for each type', () => {
    const { baseline, offspring, decayFast, decaySlow, fastShare } = PARAMETERS
    for (const type of [0, 1]) {
      // Excitation of this type by memory, carried from event to event; the integral since the type's last event.
      let fast = 0
      let slow = 0
      let last = 0
      let integral = 0
      const residuals: number[] = []
      for (let at = 0; at < times.length; at++) {
        const elapsed = times[at] - last
        integral += baseline[type] * elapsed
        integral += (fast / decayFast) * -Math.expm1(-decayFast * elapsed)
        integral += (slow / decaySlow) * -Math.expm1(-decaySlow * elapsed)
        fast *= Math.exp(-decayFast * elapsed)
        slow *= Math.exp(-decaySlow * elapsed)
        if (types[at] === type) {
          residuals.push(integral)
          integral = 0
        }
        fast += offspring[type * 2 + types[at]] * fastShare * decayFast
        slow += offspring[type * 2 + types[at]] * (1 - fastShare) * decaySlow
        last = times[at]
      }
      // Kolmogorov-Smirnov against the exponential; 1.95/√n is passed by all but one right sample in a thousand.
      residuals.sort((a, b) => a - b)
      const n = residuals.length
      let distance = 0
      for (let i = 0; i < n; i++) {
        const uniform = 1 - Math.exp(-residuals[i])
        distance = Math.max(distance, Math.abs(uniform - i / n), Math.abs(uniform - (i + 1) / n))
      }
      expect(n).toBeGreaterThan(50_000)
      expect(distance).toBeLessThan(1.95 / Math.sqrt(n))
    }
  })
})

test('advancing in small steps without events changes nothing but the draws', () => {
  const flow = new HawkesFlow(PARAMETERS, new Random(1))
  flow.excite(0)
  const other = new HawkesFlow(PARAMETERS, new Random(1))
  other.excite(0)
  flow.advance(1)
  for (let i = 0; i < 100; i++) other.advance(0.01)
  expect(other.intensity(1)).toBeCloseTo(flow.intensity(1), 12)
})

test('the same seed gives the same flow', () => {
  expect(simulate(PARAMETERS, 50, 3).times).toEqual(simulate(PARAMETERS, 50, 3).times)
  expect(simulate(PARAMETERS, 50, 3).times).not.toEqual(simulate(PARAMETERS, 50, 4).times)
})

test.each([
  ['explosive', { offspring: [0.9, 0.3, 0.2, 0.9] }],
  ['of a wrong shape', { offspring: [0.1] }],
  ['of negative offspring', { offspring: [0.5, -0.1, 0.1, 0.5] }],
  ['without decay', { decaySlow: 0 }],
])('a flow that is %s is refused', (_, wrong) => {
  expect(() => new HawkesFlow({ ...PARAMETERS, ...wrong }, new Random(1))).toThrow(
    expect.objectContaining({ code: 'config-invalid' }),
  )
})
