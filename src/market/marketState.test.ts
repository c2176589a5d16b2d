/** Goal: what is known about an instrument follows its rows, kind by kind. Method: hand-made rows; no kind may disturb another's field. */

import { expect, test } from 'vitest'
import { Instrument } from './instrument.ts'
import { MarketState } from './marketState.ts'
import { Flag, Kind, TapeBatch } from './tape.ts'

function market(): MarketState {
  return new MarketState(
    new Instrument({
      base: 'BTC',
      quote: 'USDT',
      kind: 'perp',
      venue: 'test',
      venueSymbol: 'BTCUSDT',
      payoff: 'linear',
      settle: 'USDT',
      tickSize: '0.5',
      lotSize: '1',
      multiplier: '1',
      source: 'test',
    }),
  )
}

type Row = readonly [kind: number, side: number, tick: number, lots: number, value: number, flags?: number]

function apply(state: MarketState, timeUs: number, ...rows: Row[]): boolean[] {
  const batch = new TapeBatch(8)
  return rows.map(([kind, side, tick, lots, value, flags], i) => {
    batch.push(timeUs, timeUs - 5, kind, 0, side, tick, lots, value, flags ?? (i === rows.length - 1 ? Flag.END : 0))
    return state.apply(batch, i, timeUs)
  })
}

test('nothing is known before anything was heard', () => {
  const state = market()
  expect(state.quoted).toBe(false)
  expect(state.referenceTick).toBeNaN()
  expect(state.markPrice).toBeNaN()
  expect(state.bestBid).toBeLessThan(state.bestAsk)
})

test('a message ends once, and the book it brought is trusted only while live', () => {
  const state = market()
  const ends = apply(state, 10, [Kind.DEPTH, 1, 99, 5, 0, Flag.RESET], [Kind.DEPTH, -1, 101, 4, 0])
  expect(ends).toEqual([false, true])
  expect([state.quoted, state.referenceTick, state.venueUpdatedUs]).toEqual([true, 100, 5])
  apply(state, 11, [Kind.GAP, 0, 0, 0, 3])
  expect([state.quoted, state.gaps, state.book.status]).toEqual([false, 1, 'gap'])
  expect(state.quotedUs).toBe(10)
})

test('a lone reset empties the book', () => {
  const state = market()
  apply(state, 10, [Kind.DEPTH, 1, 99, 5, 0, Flag.RESET])
  apply(state, 11, [Kind.DEPTH, 0, 0, 0, 0, Flag.RESET | Flag.END])
  expect(state.book.levels(1)).toBe(0)
})

test('without a book the touch comes from quotes, and a quote of no size is no level', () => {
  const state = market()
  apply(state, 1, [Kind.QUOTE, 1, 98, 2, 0], [Kind.QUOTE, -1, 100, 3, 0])
  expect([state.bestBid, state.bestAsk, state.bestAskLots, state.referenceTick]).toEqual([98, 100, 3, 99])
  apply(state, 2, [Kind.QUOTE, -1, 0, 0, 0])
  expect(state.quoted).toBe(false)
})

test('a book, once kept, outranks quotes that arrive beside it', () => {
  const state = market()
  apply(state, 1, [Kind.DEPTH, 1, 99, 5, 0, Flag.RESET], [Kind.DEPTH, -1, 101, 4, 0])
  apply(state, 2, [Kind.QUOTE, 1, 42, 1, 0], [Kind.QUOTE, -1, 43, 1, 0])
  expect([state.bestBid, state.bestAsk]).toEqual([99, 101])
})

test('a bar is known at its close, and stands in for a touch nobody has', () => {
  const state = market()
  apply(
    state,
    300,
    [Kind.BAR_OPEN, 0, 10, 0, 0],
    [Kind.BAR_HIGH, 0, 14, 0, 0],
    [Kind.BAR_LOW, 0, 9, 0, 0],
    [Kind.BAR_CLOSE, 0, 12, 77, 300],
  )
  expect([state.barOpen, state.barHigh, state.barLow, state.barClose, state.barLots, state.barUs]).toEqual([
    10, 14, 9, 12, 77, 300,
  ])
  expect([state.referenceTick, state.markPrice]).toEqual([12, 6])
})

test('mark, index, funding and interest keep to their own fields', () => {
  const state = market()
  apply(state, 5, [Kind.MARK_EXTREME, 1, 0, 0, 103], [Kind.MARK_EXTREME, -1, 0, 0, 97], [Kind.MARK, 0, 0, 0, 100])
  expect([state.mark, state.markHigh, state.markLow, state.markPrice]).toEqual([100, 100, 100, 100])
  apply(state, 6, [Kind.INDEX, 0, 0, 0, 99.5])
  apply(state, 7, [Kind.FUNDING, 0, 0, 28_800e6, 0.0001])
  apply(state, 8, [Kind.FUNDING_FORECAST, 0, 0, 1_000, 0.0002])
  apply(state, 9, [Kind.OPEN_INTEREST, 0, 0, 12_345, 0])
  expect([state.index, state.fundingRate, state.fundingIntervalUs, state.fundingForecast, state.fundingDueUs]).toEqual([
    99.5, 0.0001, 28_800e6, 0.0002, 1_008,
  ])
  expect([state.openInterest, state.mark]).toEqual([12_345, 100])
})

test('a venue that went down quotes nothing until it is back with a snapshot', () => {
  const state = market()
  apply(state, 1, [Kind.DEPTH, 1, 99, 5, 0, Flag.RESET], [Kind.DEPTH, -1, 101, 4, 0])
  apply(state, 2, [Kind.OUTAGE, 0, 0, 0, 1])
  apply(state, 3, [Kind.OUTAGE, 0, 0, 0, 0])
  expect([state.down, state.quoted]).toEqual([false, false])
  apply(state, 4, [Kind.DEPTH, 1, 99, 5, 0, Flag.RESET], [Kind.DEPTH, -1, 101, 4, 0])
  expect(state.quoted).toBe(true)
})

test('a book crossed for an instant is not quoted, and the last sound mid stays the price to reckon with', () => {
  const state = market()
  apply(state, 1, [Kind.DEPTH, 1, 99, 5, 0, Flag.RESET], [Kind.DEPTH, -1, 101, 4, 0])
  apply(state, 2, [Kind.DEPTH, 1, 103, 5, 0])
  expect([state.quoted, state.referenceTick]).toEqual([false, 100])
})

test('a mark is the price to reckon with until quotes have left it a minute behind', () => {
  const state = market()
  apply(state, 0, [Kind.MARK, 0, 0, 0, 40])
  apply(state, 60_000_000, [Kind.QUOTE, 1, 99, 2, 0], [Kind.QUOTE, -1, 101, 3, 0])
  expect(state.markPrice).toBe(40)
  apply(state, 60_000_001, [Kind.QUOTE, 1, 99, 2, 0], [Kind.QUOTE, -1, 101, 3, 0])
  expect(state.markPrice).toBe(50)
})

test('a mark that is no number is not replaced by something that is', () => {
  const state = market()
  apply(state, 1, [Kind.QUOTE, 1, 99, 2, 0], [Kind.QUOTE, -1, 101, 3, 0])
  apply(state, 2, [Kind.MARK, 0, 0, 0, Number.NaN])
  expect(state.markPrice).toBeNaN()
})
