/**
 * Goal: the price on the clock is what was known at each point, of the finest rows there are, and never bridges a break.
 *
 * Method: written tapes, one idea each; the comparison with an independent batch definition on generated, malicious and real
 * tapes is made by the families that stand on it.
 */

import { describe, expect, test } from 'vitest'
import { WrittenTape } from '../../tests/features/againstOracle.ts'
import { MarketState } from '../market/marketState.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { ClockedPrice, type ClockedSource } from './clockedPrice.ts'

/** Feeds a written tape to a clock of whole seconds; `at` asks in seconds after the start. */
function clock(tape: WrittenTape, intervalSeconds = 1, source: ClockedSource = 'price', points = 1000) {
  const { rows, universe } = tape.whole
  const market = new MarketState(universe.at(0))
  const price = new ClockedPrice(market, intervalSeconds * 1e6, points, source)
  const batch = new TapeBatch(8)
  for (let row = 0; row < rows.count; row++) {
    const { timeUs, kind, side, tick, lots, value, flags } = rows
    batch.count = 0
    const at = timeUs[row]!
    batch.push(at, at, kind[row]!, 0, side[row]!, tick[row]!, lots[row]!, value[row]!, flags[row]!)
    market.apply(batch, 0, at)
    price.onRow(batch, 0, at)
  }
  const point = (seconds: number) => price.pointAt(tape.startUs + seconds * 1e6)
  return {
    price,
    value: (seconds: number) => price.valueAt(point(seconds)),
    change: (seconds: number) => price.returnAt(point(seconds)),
    fresh: (seconds: number) => price.freshAt(point(seconds)),
    between: (from: number, to: number) => price.change(point(from), point(to)),
  }
}

test('a point takes the last mid heard up to it, its own microsecond included', () => {
  const tape = new WrittenTape()
  tape.quote(0.5, 1000)
  tape.quote(1, 1010)
  tape.quote(1.000001, 1020)
  tape.quote(2.5, 1030)
  const { value, change } = clock(tape)
  expect([value(0), value(1), value(2), value(3)]).toEqual([Number.NaN, 1010, 1020, 1030])
  expect(change(2)).toBeCloseTo(Math.log(1020 / 1010), 14)
  expect(change(1)).toBeNaN()
})

test('quotes count where their message ends with something else, as an option’s does', () => {
  const tape = new WrittenTape()
  tape.row(1, Kind.QUOTE, { side: 1, tick: 999, lots: 1, flags: 0 })
  tape.row(1, Kind.QUOTE, { side: -1, tick: 1001, lots: 1, flags: 0 })
  tape.row(1, Kind.IMPLIED_VOLATILITY, { value: 0.5 })
  const { value } = clock(tape)
  expect([value(0), value(1), value(2)]).toEqual([Number.NaN, 1000, 1000])
})

test('a touch that is crossed or one-sided says nothing', () => {
  const tape = new WrittenTape()
  tape.quote(0.5, 1000)
  tape.row(1.2, Kind.QUOTE, { side: 1, tick: 1005, lots: 1 })
  tape.row(2.2, Kind.QUOTE, { side: 1, tick: 1005, lots: 0 })
  const { value } = clock(tape)
  expect([value(1), value(2), value(3)]).toEqual([1000, 1000, 1000])
})

test('a price unconfirmed for more than a minute is unknown', () => {
  const tape = new WrittenTape()
  tape.quote(0.5, 1000)
  tape.quote(200.5, 1000)
  const { value, change } = clock(tape)
  expect([value(60), value(61), value(200), value(201)]).toEqual([1000, Number.NaN, Number.NaN, 1000])
  expect([change(60), change(61), change(201)]).toEqual([0, Number.NaN, Number.NaN])
})

describe('bars', () => {
  const tape = new WrittenTape()
  tape.bar(300, 300, [1000, 1010, 990, 1005])
  tape.bar(600, 300, [1005, 1010, 990, 1000])
  tape.bar(1200, 300, [1005, 1010, 990, 1002])

  test('a close is known at the time of the bar, and a missing bar is missing', () => {
    const { value, change } = clock(tape, 300)
    expect([value(300), value(600), value(900), value(1200)]).toEqual([1005, 1000, Number.NaN, 1002])
    expect(change(600)).toBeCloseTo(Math.log(1000 / 1005), 14)
    expect(change(1200)).toBeNaN()
  })

  test('between closes a finer clock holds the last one', () => {
    const { value } = clock(tape, 60)
    expect([value(360), value(540), value(899), value(900)]).toEqual([1005, 1005, 1000, Number.NaN])
  })

  test('do not count while a touch is heard, and do again a minute after', () => {
    const mixed = new WrittenTape()
    mixed.quote(30, 2000)
    mixed.bar(60, 60, [1, 1, 1, 1000])
    mixed.bar(120, 60, [1, 1, 1, 1001])
    const { value } = clock(mixed, 60)
    expect([value(60), value(120)]).toEqual([2000, 1001])
  })
})

test('trades count where there is neither touch nor bar', () => {
  const tape = new WrittenTape()
  tape.trade(0.5, 1000, 1)
  tape.quote(1.5, 1010)
  tape.trade(2.5, 1020, 1)
  const { value } = clock(tape)
  expect([value(1), value(2), value(3)]).toEqual([1000, 1010, 1010])
})

describe('breaks', () => {
  test.each([
    ['lost updates', Kind.GAP, 3],
    ['an outage that is over', Kind.OUTAGE, 0],
  ] as const)('%s: no difference across, the price again when it is told again', (_, kind, number) => {
    const tape = new WrittenTape()
    for (const second of [0, 1, 2]) tape.quote(second + 0.5, 1000 + second)
    tape.row(2.7, kind, { value: number })
    tape.quote(3.5, 1010)
    tape.quote(4.5, 1020)
    const { value, change, between } = clock(tape)
    expect([value(2), value(3), value(4)]).toEqual([1001, Number.NaN, 1010])
    expect([change(3), change(4)]).toEqual([Number.NaN, Number.NaN])
    expect(change(5)).toBeCloseTo(Math.log(1020 / 1010), 14)
    expect(between(2, 5)).toBeNaN()
  })

  test('inside one step, too', () => {
    const tape = new WrittenTape()
    tape.quote(0.5, 1000)
    tape.row(1.2, Kind.GAP)
    tape.quote(1.4, 1010)
    const { value, change } = clock(tape)
    expect([value(1), value(2)]).toEqual([1000, 1010])
    expect(change(2)).toBeNaN()
  })

  test('a venue that is down has no price, whatever is still heard', () => {
    const tape = new WrittenTape()
    tape.quote(0.5, 1000)
    tape.row(1.2, Kind.OUTAGE, { value: 1 })
    tape.quote(1.4, 1010)
    expect(clock(tape).value(2)).toBeNaN()
  })

  test('a snapshot that restates a live book is none', () => {
    const tape = new WrittenTape()
    for (const [seconds, mid] of [
      [0.5, 1000],
      [1.5, 1002],
    ] as const) {
      tape.row(seconds, Kind.DEPTH, { side: 1, tick: mid - 1, lots: 2, flags: Flag.RESET | Flag.SNAPSHOT })
      tape.row(seconds, Kind.DEPTH, { side: -1, tick: mid + 1, lots: 2, flags: Flag.SNAPSHOT | Flag.END })
    }
    expect(clock(tape).change(2)).toBeCloseTo(Math.log(1002 / 1000), 14)
  })
})

test('a point is fresh when the price was told again since the one before', () => {
  const tape = new WrittenTape()
  tape.quote(0.5, 1000)
  tape.quote(2.5, 1000)
  const { fresh } = clock(tape)
  expect([fresh(1), fresh(2), fresh(3), fresh(4)]).toEqual([true, false, true, false])
})

test('index, mark and open interest have clocks of their own; what is no number is not heard', () => {
  const tape = new WrittenTape()
  tape.quote(0.5, 1000)
  tape.row(0.6, Kind.INDEX, { value: 99.5 })
  tape.row(1.6, Kind.INDEX, { value: Number.NaN })
  tape.row(1.7, Kind.OPEN_INTEREST, { lots: 77 })
  expect(clock(tape, 1, 'index').value(2)).toBe(99.5)
  expect(clock(tape, 1, 'interest').value(2)).toBe(77)
  expect(clock(tape, 1, 'mark').value(2)).toBeNaN()
})

test('what lies further back than the clock remembers is unknown, even after a long silence', () => {
  const tape = new WrittenTape()
  tape.quote(0.5, 1000)
  tape.quote(1.5, 1001)
  tape.quote(10_000.5, 1002)
  const { value } = clock(tape, 1, 'price', 5)
  expect([value(1), value(2), value(9_999), value(10_001)]).toEqual([Number.NaN, Number.NaN, Number.NaN, 1002])
})
