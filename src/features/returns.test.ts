/**
 * Goal: returns, their size in deviations, and the distance from high and low.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { returns } from '../../tests/features/oracles/returns.ts'
import { barTape, generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { Kind } from '../market/tape.ts'
import { RETURNS } from './returns.ts'

const SHORT = { intervalSeconds: 1, horizonsSeconds: '1,10,60', volatilitySeconds: '60', extremesSeconds: '60' }

test.each([
  [generatedTape(3), 2, SHORT],
  [nastyTape(9, 4000), 2, SHORT],
  [barTape(4), 1, {}],
] as const)('$name: streaming is batch', (tape, target, settings) => {
  const { differences, known } = compare(RETURNS, returns, settings, tape, target)
  expect(differences).toEqual([])
  expect(Object.values(known).filter((count) => count === 0)).toEqual([])
})

test('a fall from the high, in deviations', () => {
  const tape = new WrittenTape()
  const mids = [1000, 1010, 1000, 1010, 990]
  for (const [i, mid] of mids.entries()) tape.quote(i, mid)
  const settings = { ...SHORT, horizonsSeconds: '1,4', volatilitySeconds: '4', extremesSeconds: '4' }
  const [answer] = tape.ask(RETURNS, settings, 4)
  const r = mids.slice(1).map((mid, i) => Math.log(mid / mids[i]!))
  const step = Math.sqrt(r.map((x) => x * x).reduce((a, b) => a + b) / 4)
  expect(answer!['return-4s']).toBeCloseTo(Math.log(0.99), 14)
  expect(answer!['scaled-4s']).toBeCloseTo(Math.log(0.99) / (2 * step), 12)
  expect(answer!['from-high-4s']).toBeCloseTo(Math.log(990 / 1010), 14)
  expect(answer!['from-low-4s']).toBe(0)
})

test('a high from before lost updates is no high any more', () => {
  const tape = new WrittenTape()
  for (let i = 0; i < 4; i++) tape.quote(i, 2000)
  tape.row(3.5, Kind.GAP)
  for (let i = 4; i < 8; i++) tape.quote(i, 1000)
  const settings = { ...SHORT, extremesSeconds: '8' }
  const [answer] = tape.ask(RETURNS, settings, 7)
  expect(answer!['from-high-8s']).toBe(0)
  expect(answer!['return-10s']).toBeNaN()
})

test('a window that is one is not given as two: neither would be passed over in silence', () => {
  const tape = new WrittenTape()
  for (const setting of ['volatilitySeconds', 'extremesSeconds'])
    expect(() => tape.ask(RETURNS, { [setting]: '86400,3600' })).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
})
