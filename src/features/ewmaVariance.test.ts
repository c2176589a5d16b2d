/**
 * Goal: RiskMetrics' variance on the clock, from the first memory on.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { ewmaVariance } from '../../tests/features/oracles/ewmaVariance.ts'
import { barTape, generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { EWMA_VARIANCE } from './ewmaVariance.ts'

test.each([
  [generatedTape(3), 1, { intervalSeconds: 5, lambdas: '0.5,0.94' }],
  [nastyTape(9, 4000), 0, { intervalSeconds: 1, lambdas: '0.5,0.9' }],
  [barTape(4), 0, {}],
] as const)('$name: streaming is batch', (tape, target, settings) => {
  const { differences, known } = compare(EWMA_VARIANCE, ewmaVariance, settings, tape, target)
  expect(differences).toEqual([])
  expect(Object.values(known).filter((count) => count === 0)).toEqual([])
})

test('three returns by hand: unknown before one memory, weighted after, unknown after as long a silence', () => {
  const tape = new WrittenTape()
  const closes = [1000, 1010, 1000, 1030]
  for (const [i, close] of closes.entries()) tape.bar(300 * (i + 1), 300, [close, close, close, close])
  const [one, three, late] = tape.ask(EWMA_VARIANCE, { lambdas: '0.5' }, 600, 1200, 1800)
  const [a, b, c] = closes.slice(1).map((close, i) => Math.log(close / closes[i]!) ** 2) as [number, number, number]
  expect(one!['variance-0.5']).toBeNaN()
  expect(three!['variance-0.5']).toBeCloseTo((c + b / 2 + a / 4) / 1.75, 15)
  expect(late!['variance-0.5']).toBeNaN()
})

test('the last return before a long silence counts after it', () => {
  const tape = new WrittenTape()
  const closes = [1000, 1010, 1000, 1030]
  for (const [i, close] of closes.entries()) tape.bar(300 * (i + 1), 300, [close, close, close, close])
  const later = 10 * 86_400
  tape.bar(later, 300, [2000, 2000, 2000, 2000])
  tape.bar(later + 300, 300, [2040, 2040, 2040, 2040])
  const [after] = tape.ask(EWMA_VARIANCE, { lambdas: '0.5' }, later + 300)
  const [a, b, c] = closes.slice(1).map((close, i) => Math.log(close / closes[i]!) ** 2) as [number, number, number]
  const d = Math.log(2040 / 2000) ** 2
  expect(after!['variance-0.5']).toBeCloseTo((d + c / 2 + b / 4 + a / 8) / 1.875, 15)
})

test('lambdas outside 0 … 1 are refused', () => {
  for (const lambdas of ['1', '0', '', '0.9,0.9'])
    expect(() => new WrittenTape().ask(EWMA_VARIANCE, { lambdas })).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
})
