/**
 * Goal: basis, carry and change against the index, the mark or another instrument.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { basis } from '../../tests/features/oracles/basis.ts'
import { generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { Kind } from '../market/tape.ts'
import { BASIS } from './basis.ts'

const SHORT = { intervalSeconds: 1, changesSeconds: '5,60', historySeconds: '120' }
const generated = generatedTape(3)
const nasty = nastyTape(9, 4000)

test.each([
  [generated, 1, SHORT],
  [generated, 2, { ...SHORT, other: generated.universe.at(0).id }],
  [nasty, 2, { ...SHORT, against: 'mark' }],
  [nasty, 0, { ...SHORT, other: nasty.universe.at(1).id }],
] as const)('$name: streaming is batch', (tape, target, settings) => {
  const { differences, known } = compare(BASIS, basis, settings, tape, target)
  expect(differences).toEqual([])
  expect(Object.values(known).filter((count) => count === 0)).toEqual([])
})

test.each([1, 8])('a perpetual 0.1 % above its index is carried for eight hours, settled every %i', (hours) => {
  const tape = new WrittenTape({ fundingIntervalUs: hours * 3600e6 })
  for (let i = 0; i <= 10; i++) {
    tape.quote(i, 10_010)
    tape.row(i, Kind.INDEX, { value: i < 6 ? 1000 : 999 })
  }
  const settings = { ...SHORT, changesSeconds: '5', historySeconds: '10' }
  const [answer] = tape.ask(BASIS, settings, 10)
  expect(answer!['basis']).toBeCloseTo(Math.log(1001 / 999), 13)
  expect(answer!['carry']).toBeCloseTo(Math.log(1001 / 999) * 3 * 365, 9)
  expect(answer!['change-5s']).toBeCloseTo(Math.log(1000 / 999), 13)
})

test('a future over the spot is carried to its expiry, and not in its last hour', () => {
  const tape = new WrittenTape({ kind: 'future', expiry: '2025-06-02' }, { kind: 'spot', tickSize: '0.01' })
  for (let hour = 0; hour < 32; hour++) {
    tape.quote(3600 * hour + 59, 10_100)
    tape.quote(3600 * hour + 59, 100_000, 1)
  }
  const settings = {
    ...SHORT,
    intervalSeconds: 60,
    changesSeconds: '60',
    historySeconds: '120',
    other: tape.universe.at(1).id,
  }
  const [early, late] = tape.ask(BASIS, settings, 60, 3600 * 31 + 61)
  // 32 hours from midnight to the expiry at 08:00 of the next day, less a minute.
  expect(early!['carry']).toBeCloseTo((Math.log(1.01) * 365 * 86_400) / (32 * 3600 - 60), 6)
  expect(late!['basis']).toBeCloseTo(Math.log(1.01), 12)
  expect(late!['carry']).toBeNaN()
})

test('an instrument is not set against itself', () => {
  const tape = new WrittenTape()
  expect(() => tape.ask(BASIS, { other: tape.universe.at(0).id })).toThrow(
    expect.objectContaining({ code: 'config-invalid' }),
  )
  expect(() => tape.ask(BASIS, { other: 'DOGE-USDT-PERP@nowhere' })).toThrow(
    expect.objectContaining({ code: 'instrument-unknown' }),
  )
})
