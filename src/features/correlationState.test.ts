/**
 * Goal: how much moves as one, by mean correlation and first eigenvalue.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { correlationState } from '../../tests/features/oracles/correlationState.ts'
import { barTape, generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { Random } from '../core/random.ts'
import { CORRELATION_STATE, largestEigenvalue } from './correlationState.ts'

test.each([
  [generatedTape(3), 1, { intervalSeconds: 1, windowsSeconds: '30,120' }],
  [nastyTape(9, 4000), 1, { intervalSeconds: 1, windowsSeconds: '30,120' }],
  [barTape(4), 1, { intervalSeconds: 300, windowsSeconds: '3600' }],
] as const)('$name: streaming is batch', (tape, target, settings) => {
  const { differences, known } = compare(CORRELATION_STATE, correlationState, settings, tape, target)
  expect(differences).toEqual([])
  expect(Object.values(known).filter((count) => count === 0)).toEqual([])
})

/** Three walks of which each second's move is `common` and the rest their own. */
function market(common: number): WrittenTape {
  const random = new Random(3)
  const tape = new WrittenTape({}, {}, {})
  const mids = [100_000, 100_000, 100_000]
  for (let second = 0; second <= 600; second++) {
    const shared = random.normal()
    for (const [instrument, mid] of mids.entries()) {
      const move = Math.sqrt(common) * shared + Math.sqrt(1 - common) * random.normal()
      mids[instrument] = mid + Math.round(20 * move)
      tape.quote(second, mids[instrument]!, instrument)
    }
  }
  return tape
}

test.each([0, 0.5, 0.95])('of three markets that share %f of their variance', (common) => {
  const [answer] = market(common).ask(CORRELATION_STATE, { intervalSeconds: 1, windowsSeconds: '600' }, 600)
  expect(Math.abs(answer!['mean-600s']! - common)).toBeLessThan(0.08)
  expect(Math.abs(answer!['target-600s']! - common)).toBeLessThan(0.08)
  // Equal correlations ρ of n give a first eigenvalue of 1 + (n − 1)ρ.
  expect(Math.abs(answer!['first-share-600s']! - (1 + 2 * common) / 3)).toBeLessThan(0.08)
})

test('a neighbour that stands still takes no part; alone there is nothing to compare', () => {
  const tape = new WrittenTape({}, {})
  for (let second = 0; second <= 60; second++) {
    tape.quote(second, 1000 + (second % 7))
    tape.quote(second, 500, 1)
  }
  const [answer] = tape.ask(CORRELATION_STATE, { intervalSeconds: 1, windowsSeconds: '30' }, 60)
  expect(answer!['mean-30s']).toBeNaN()
})

test('the largest eigenvalue of a matrix made of known ones is found', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 0, max: 1e6 }), (size, seed) => {
      const random = new Random(seed)
      const values = Array.from({ length: size }, () => random.normal())
      // Householder's reflection of a diagonal matrix: the same eigenvalues, no zeros.
      const v = Array.from({ length: size }, () => random.normal())
      const norm = v.reduce((sum, x) => sum + x * x, 0)
      const mirror = (i: number, j: number) => (i === j ? 1 : 0) - (2 * v[i]! * v[j]!) / norm
      const matrix = new Float64Array(size * size)
      for (let i = 0; i < size; i++)
        for (let j = 0; j < size; j++)
          for (let k = 0; k < size; k++) matrix[i * size + j]! += mirror(i, k) * values[k]! * mirror(j, k)
      expect(Math.abs(largestEigenvalue(matrix, size, size) - Math.max(...values))).toBeLessThan(1e-13 * (1 + size))
    }),
    { numRuns: 100 },
  )
})
