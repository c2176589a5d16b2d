/**
 * Goal: a cell holds what was traded in it, from bars or trades, and is unknown where that is not known.
 *
 * Method: written tapes through the families that show it (volume, range-volatility), and by hand.
 */

import { expect, test } from 'vitest'
import { WrittenTape } from '../../tests/features/againstOracle.ts'
import { MarketState } from '../market/marketState.ts'
import { Kind, TapeBatch } from '../market/tape.ts'
import { TradedCells } from './tradedCells.ts'

/** Reads a written tape into cells of one minute; asks by the minute at which a cell ends. */
function cells(tape: WrittenTape, remembered = 100) {
  const { rows, universe } = tape.whole
  const market = new MarketState(universe.at(0))
  const traded = new TradedCells(market, 60e6, remembered)
  const batch = new TapeBatch(8)
  for (let row = 0; row < rows.count; row++) {
    const { timeUs, kind, side, tick, lots, value, flags } = rows
    const at = timeUs[row]!
    batch.count = 0
    batch.push(at, at, kind[row]!, 0, side[row]!, tick[row]!, lots[row]!, value[row]!, flags[row]!)
    market.apply(batch, 0, at)
    traded.onRow(batch, 0, at)
  }
  const cell = (minute: number) => tape.startUs / 60e6 + minute
  return {
    lots: (minute: number) => traded.lotsAt(cell(minute)),
    prices: (minute: number) => [
      traded.openAt(cell(minute)),
      traded.highAt(cell(minute)),
      traded.lowAt(cell(minute)),
      traded.closeAt(cell(minute)),
    ],
    volume: (minute: number, count: number) => traded.volume(cell(minute), count),
  }
}

test('trades make a bar; the one on the boundary belongs to the cell that ends there', () => {
  const tape = new WrittenTape()
  const trades = [
    [-1, 990, 1],
    [5, 1000, 2],
    [20, 1010, 3],
    [60, 995, 4],
    [60.000001, 1001, 5],
  ] as const
  for (const [seconds, tick, lots] of trades) tape.trade(seconds, tick, lots)
  const { lots, prices } = cells(tape)
  expect(prices(1)).toEqual([1000, 1010, 995, 995])
  expect([lots(0), lots(1), lots(2)]).toEqual([Number.NaN, 9, 5])
})

test('a cell without trades is known and empty while the market is heard, and unknown in silence', () => {
  const tape = new WrittenTape()
  tape.trade(-1, 1000, 1)
  tape.quote(50, 1000)
  tape.quote(300.5, 1000)
  const { lots, prices } = cells(tape)
  expect([lots(1), lots(2), lots(3)]).toEqual([0, Number.NaN, Number.NaN])
  expect(prices(1)).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN])
})

test('bars count where they fill the cell; a missing one makes it unknown; longer ones are left out', () => {
  const tape = new WrittenTape()
  tape.bar(30, 30, [10, 14, 9, 12], 5)
  tape.bar(60, 30, [12, 13, 8, 11], 6)
  tape.bar(90, 30, [11, 12, 10, 12], 7)
  tape.bar(180, 60, [12, 15, 11, 14], 8)
  tape.bar(300, 120, [14, 16, 12, 13], 9)
  const { lots, prices } = cells(tape)
  expect(prices(1)).toEqual([10, 14, 8, 11])
  expect([lots(1), lots(2), lots(3), lots(4), lots(5)]).toEqual([11, Number.NaN, 8, Number.NaN, Number.NaN])
})

test('a break makes its cell unknown, an outage every cell until it is over', () => {
  const broken = new WrittenTape()
  for (let minute = 0; minute < 8; minute++) {
    for (let i = 0; i < 6; i++) broken.quote(60 * minute + 10 * i + 0.5, 1000)
    if (minute === 2) broken.row(60 * minute + 55, Kind.GAP)
    if (minute === 4) broken.row(60 * minute + 55, Kind.OUTAGE, { value: 1 })
    if (minute === 6) broken.row(60 * minute + 55, Kind.OUTAGE, { value: 0 })
    broken.trade(60 * minute + 57, 1000, 1)
  }
  const { lots } = cells(broken)
  // The trade of the first minute came in its cell, before which nothing was known.
  expect([1, 2, 3, 4, 5, 6, 7, 8].map(lots)).toEqual([
    Number.NaN,
    1,
    Number.NaN,
    1,
    Number.NaN,
    Number.NaN,
    Number.NaN,
    1,
  ])
})

test('a volume needs half of its cells and is scaled to all of them', () => {
  const tape = new WrittenTape()
  tape.bar(60, 60, [10, 10, 10, 10], 4)
  tape.bar(180, 60, [10, 10, 10, 10], 8)
  const { volume } = cells(tape)
  expect(volume(3, 3)).toBe(18)
  expect(volume(4, 4)).toBe(24)
  expect(volume(5, 5)).toBeNaN()
})

test('what is forgotten is unknown', () => {
  const tape = new WrittenTape()
  for (let minute = 1; minute <= 20; minute++) tape.bar(60 * minute, 60, [10, 10, 10, 10], minute)
  const { lots } = cells(tape, 5)
  expect([lots(20), lots(16), lots(10)]).toEqual([20, 16, Number.NaN])
})
