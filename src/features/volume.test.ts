/**
 * Goal: volume is set against its own past and against what is usual at this time of day.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { volume } from '../../tests/features/oracles/volume.ts'
import { barTape, generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { VOLUME } from './volume.ts'

const SHORT = { intervalSeconds: 10, windowsSeconds: '10,60', historySeconds: '300', profileDays: 1 }

test.each([
  [generatedTape(3), 1, SHORT],
  [nastyTape(9, 4000), 1, SHORT],
  [barTape(4), 0, { profileDays: 1 }],
] as const)('$name: streaming is batch', (tape, target, settings) => {
  const { differences, known } = compare(VOLUME, volume, settings, tape, target)
  expect(differences).toEqual([])
  // One tape is shorter than a day.
  expect(Object.entries(known).filter(([name, count]) => count === 0 && !name.includes('profile'))).toEqual([])
})

test('an hour twice as busy as the same hour of the last two days', () => {
  const tape = new WrittenTape()
  // 100 lots an hour, 300 in hour 9 of each day, 600 in hour 9 of the third.
  for (let hour = 1; hour <= 58; hour++) {
    const lots = hour % 24 === 10 ? (hour > 48 ? 600 : 300) : 100
    tape.bar(3600 * hour, 3600, [10, 10, 10, 10], lots)
  }
  const settings = { intervalSeconds: 3600, windowsSeconds: '3600', historySeconds: '86400', profileDays: 2 }
  const [answer] = tape.ask(VOLUME, settings, 58 * 3600)
  expect(answer!['volume-3600s']).toBeCloseTo(0.6, 12)
  expect(answer!['against-profile-3600s']).toBeCloseTo(Math.log(2), 12)
  expect(answer!['against-history-3600s']).toBeCloseTo(Math.log(600 / ((600 + 23 * 100) / 24)), 12)
})

test('the same contracts at twice the price are twice the money, unless a contract is worth its face', () => {
  const tape = new WrittenTape({}, { payoff: 'inverse', settle: 'BTC', quote: 'USD', lotSize: '1', multiplier: '100' })
  for (let hour = 1; hour <= 4; hour++) {
    const tick = hour > 2 ? 2000 : 1000
    for (const instrument of [0, 1]) tape.bar(3600 * hour, 3600, [tick, tick, tick, tick], 5, instrument)
  }
  const settings = { intervalSeconds: 3600, windowsSeconds: '7200', historySeconds: '14400', profileDays: 1 }
  const ask = (instrument: string) => tape.ask(VOLUME, { ...settings, instrument }, 4 * 3600)[0]!
  const [linear, inverse] = tape.universe.instruments.map(({ id }) => ask(id))
  expect(linear!['volume-7200s']).toBeCloseTo(2 * 5 * 0.001 * 200, 12)
  expect(linear!['against-history-7200s']).toBeCloseTo(Math.log(2 / 1.5), 12)
  expect(inverse!['volume-7200s']).toBeCloseTo(2 * 5 * 100, 9)
  expect(inverse!['against-history-7200s']).toBeCloseTo(0, 12)
})

test('a cell that does not divide the day has no profile, and is refused', () => {
  expect(() => new WrittenTape().ask(VOLUME, { intervalSeconds: 7 })).toThrow(
    expect.objectContaining({ code: 'config-invalid' }),
  )
})
