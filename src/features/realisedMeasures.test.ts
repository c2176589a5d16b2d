/**
 * Goal: variance, jumps and shape of the returns of a window are those of its definition, and missing where it is.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { realisedMeasures } from '../../tests/features/oracles/realisedMeasures.ts'
import { barTape, generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { Kind } from '../market/tape.ts'
import { REALISED_MEASURES } from './realisedMeasures.ts'

test.each([
  [generatedTape(3), 1, { intervalSeconds: 5, windowsSeconds: '60,300' }],
  [nastyTape(9, 4000), 0, { intervalSeconds: 1, windowsSeconds: '30,120' }],
  [barTape(4), 0, { intervalSeconds: 300, windowsSeconds: '3600,14400' }],
] as const)('$name: streaming is batch', (tape, target, settings) => {
  const { differences, known } = compare(REALISED_MEASURES, realisedMeasures, settings, tape, target)
  expect(differences).toEqual([])
  expect(Object.entries(known).filter(([name, count]) => count === 0 && !name.startsWith('jump-z'))).toEqual([])
})

test('five bars by hand: variance, and its upper and lower halves', () => {
  const tape = new WrittenTape()
  const closes = [1000, 1010, 1000, 990, 1000]
  for (const [i, close] of closes.entries()) tape.bar(300 * (i + 1), 300, [close, close, close, close])
  const settings = { windowsSeconds: '1200' }
  const [early, whole] = tape.ask(REALISED_MEASURES, settings, 600, 1500)
  const r = closes.slice(1).map((close, i) => Math.log(close / closes[i]!))
  const squares = r.map((x) => x * x)
  expect(early!['variance-1200s']).toBeNaN()
  expect(whole!['variance-1200s']).toBeCloseTo(
    squares.reduce((a, b) => a + b),
    15,
  )
  expect(whole!['lower-semivariance-1200s']).toBeCloseTo(squares[1]! + squares[2]!, 15)
})

test('a break leaves its return out and keeps both sides, scaled to the window', () => {
  const tape = new WrittenTape()
  for (let i = 0; i <= 10; i++) {
    tape.quote(i, i % 2 === 0 ? 1000 : 1010)
    if (i === 5) tape.row(i + 0.2, Kind.GAP)
    if (i === 5) tape.quote(i + 0.4, 5000)
  }
  const [answer] = tape.ask(REALISED_MEASURES, { intervalSeconds: 1, windowsSeconds: '10' }, 10.5)
  // Nine returns of the same size; the move to the wild price and back lies across the gap, between two points.
  expect(answer!['variance-10s']).toBeCloseTo(10 * Math.log(1010 / 1000) ** 2, 12)
  expect(answer!['upper-semivariance-10s']).toBeCloseTo((10 / 9) * 5 * Math.log(1010 / 1000) ** 2, 12)
})

test('windows that are no whole steps are refused', () => {
  const tape = new WrittenTape()
  for (const windowsSeconds of ['301', '300', '0', '', 'x', '3600,3600'])
    expect(() => tape.ask(REALISED_MEASURES, { windowsSeconds })).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
})
