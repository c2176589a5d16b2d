/**
 * Goal: funding per day, its history, forecast, clock and spreads, from any settlement interval.
 *
 * Method: against the batch definition on generated, malicious and bar tapes with short windows, to 1e-11 of the figure; then
 * written markets, one idea each.
 */

import { expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { funding } from '../../tests/features/oracles/funding.ts'
import { barTape, generatedTape, nastyTape } from '../../tests/features/tapes.ts'
import { Random } from '../core/random.ts'
import { Kind } from '../market/tape.ts'
import { FUNDING } from './funding.ts'

const HOUR = 3600
const nasty = nastyTape(9, 4000)

/** A month of two perpetuals, settled every eight hours and every hour, with a day lost in one of them. */
function month(): WrittenTape {
  const tape = new WrittenTape({ fundingIntervalUs: 8 * HOUR * 1e6 }, { fundingIntervalUs: HOUR * 1e6 })
  const random = new Random(1)
  for (let hour = 1; hour <= 720; hour++) {
    if (hour % 8 === 0) tape.row(hour * HOUR, Kind.FUNDING, { lots: 8 * HOUR * 1e6, value: 1e-4 * random.normal() })
    if (hour < 300 || hour > 324)
      tape.row(hour * HOUR, Kind.FUNDING, { instrument: 1, lots: HOUR * 1e6, value: 1e-5 * random.normal() })
    if (hour % 3 === 0) tape.row(hour * HOUR + 60, Kind.FUNDING_FORECAST, { lots: HOUR * 1e6, value: 1e-4 })
  }
  return tape
}

const written = month()
test.each([
  [
    nasty,
    2,
    { others: `${nasty.universe.at(0).id},${nasty.universe.at(1).id}`, historyDays: 1, paidDays: '0.1,0.5' },
    false,
  ],
  [generatedTape(3), 1, {}, false],
  [barTape(4), 0, {}, false],
  [written.whole, 0, { others: written.universe.at(1).id, historyDays: 10 }, true],
  [written.whole, 1, { others: written.universe.at(0).id, historyDays: 10 }, false],
] as const)('$name: streaming is batch', (tape, target, settings, all) => {
  const { differences, known } = compare(FUNDING, funding, settings, tape, target)
  expect(differences).toEqual([])
  if (all) expect(Object.values(known).filter((count) => count === 0)).toEqual([])
})

test('one venue pays 0.01 % every eight hours, the other 0.002 % every hour', () => {
  const tape = new WrittenTape({}, {})
  for (let hour = 0; hour <= 48; hour++) {
    if (hour % 8 === 0) tape.row(hour * HOUR, Kind.FUNDING, { lots: 8 * HOUR * 1e6, value: 1e-4 })
    tape.row(hour * HOUR, Kind.FUNDING, { instrument: 1, lots: HOUR * 1e6, value: 2e-5 })
  }
  const settings = { others: tape.universe.at(1).id, paidDays: '1' }
  const [answer, late] = tape.ask(FUNDING, settings, 48 * HOUR + 2 * HOUR, 65 * HOUR)
  expect(answer!['rate']).toBeCloseTo(3e-4, 15)
  expect(answer!['paid-1d']).toBeCloseTo(3e-4, 15)
  expect(answer!['spread-1']).toBeCloseTo(3e-4 - 4.8e-4, 15)
  expect(answer!['across-mean']).toBeCloseTo((3e-4 - 4.8e-4) / 2, 15)
  expect(answer!['across-range']).toBeCloseTo(1.8e-4, 15)
  // A quarter of the interval has gone by.
  expect(answer!['clock-sine']).toBeCloseTo(1, 12)
  expect(answer!['clock-cosine']).toBeCloseTo(0, 12)
  // All settlements were the same: there is no deviation to divide by.
  expect(answer!['scaled']).toBeNaN()
  expect(late!['rate']).toBeNaN()
})

test('a forecast counts until it is due, and sets the clock', () => {
  const tape = new WrittenTape({ fundingIntervalUs: 8 * HOUR * 1e6 })
  tape.row(0, Kind.FUNDING_FORECAST, { lots: 2 * HOUR * 1e6, value: 1e-4 })
  const [early, due, past] = tape.ask(FUNDING, {}, 0, 2 * HOUR, 2 * HOUR + 1)
  expect(early!['forecast']).toBeCloseTo(3e-4, 15)
  expect(early!['clock-sine']).toBeCloseTo(-1, 12)
  expect(due!['forecast']).toBeCloseTo(3e-4, 15)
  expect(past!['forecast']).toBeNaN()
})

test('a venue that is down has no rate', () => {
  const tape = new WrittenTape()
  tape.row(0, Kind.FUNDING, { lots: 8 * HOUR * 1e6, value: 1e-4 })
  tape.row(60, Kind.OUTAGE, { value: 1 })
  tape.row(120, Kind.OUTAGE, { value: 0 })
  const [before, down, up] = tape.ask(FUNDING, {}, 30, 90, 150)
  expect([before!['rate'], down!['rate'], up!['rate']]).toEqual([3e-4, Number.NaN, 3e-4])
})
