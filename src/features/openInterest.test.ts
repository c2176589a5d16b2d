/**
 * Goal: open interest against volume and history.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { openInterest } from '../../tests/features/oracles/openInterest.ts'
import { generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { Kind } from '../market/tape.ts'
import { OPEN_INTEREST } from './openInterest.ts'

const SHORT = { intervalSeconds: 1, windowsSeconds: '5,60', historySeconds: '120' }

test.each([
  [generatedTape(3), 1],
  [nastyTape(9, 4000), 0],
] as const)('$name: streaming is batch', (tape, target) => {
  const { differences, known } = compare(OPEN_INTEREST, openInterest, SHORT, tape, target, 120)
  expect(differences).toEqual([])
  expect(Object.values(known).filter((count) => count === 0)).toEqual([])
})

test('a hundred lots more while four hundred were traded', () => {
  const tape = new WrittenTape()
  tape.trade(-1, 1000, 1)
  for (let i = 0; i <= 10; i++) {
    tape.row(i, Kind.OPEN_INTEREST, { lots: 1000 + (i > 5 ? 100 : 0) })
    tape.trade(i + 0.5, 1000, 40)
  }
  const settings = { ...SHORT, windowsSeconds: '10', historySeconds: '10' }
  const [answer] = tape.ask(OPEN_INTEREST, settings, 10)
  expect(answer!['change-10s']).toBeCloseTo(Math.log(1.1), 14)
  expect(answer!['of-volume-10s']).toBeCloseTo(100 / 400, 14)
  // One move in ten steps: the root mean square is the move over the root of ten.
  expect(answer!['scaled-10s']).toBeCloseTo(1, 12)
  expect(answer!['level']).toBeCloseTo(Math.log(1100 / 1050), 14)
})

test('a figure that was not repeated for as long as it is trusted is unknown', () => {
  const tape = new WrittenTape()
  tape.row(0, Kind.OPEN_INTEREST, { lots: 1000 })
  const settings = { ...SHORT, silenceSeconds: 100, windowsSeconds: '5', historySeconds: '5' }
  const [fresh, stale] = tape.ask(OPEN_INTEREST, settings, 100, 101)
  expect(fresh!['level']).toBe(0)
  expect(stale!['level']).toBeNaN()
})
