/**
 * Goal: BitMEX rows are known by id, and an id never heard of is a gap.
 * Method: hand-made frames, one rule each.
 */

import { expect, test } from 'vitest'
import { ListSink } from '../../importers/listSink.ts'
import { Instrument } from '../../market/instrument.ts'
import { Flag, Kind } from '../../market/tape.ts'
import { BitmexFrames } from './parse.ts'
import { definitionsOf } from './wire.ts'

const T0 = Date.parse('2021-07-22T22:36:10Z') * 1000
const XBT = {
  symbol: 'XBTUSD',
  rootSymbol: 'XBT',
  typ: 'FFWCSX',
  quoteCurrency: 'USD',
  settlCurrency: 'XBt',
  isInverse: true,
  multiplier: -100000000,
  tickSize: 0.5,
  lotSize: 100,
  fundingInterval: '2000-01-01T08:00:00.000Z',
  makerFee: -0.00025,
  takerFee: 0.00075,
}
const { instruments } = definitionsOf(
  [
    XBT,
    {
      ...XBT,
      symbol: 'BCHUSD',
      rootSymbol: 'BCH',
      isInverse: false,
      isQuanto: true,
      multiplier: 100,
      tickSize: 0.05,
      lotSize: 1,
    },
    {
      ...XBT,
      symbol: 'XRPU21',
      rootSymbol: 'XRP',
      typ: 'FFCCSX',
      quoteCurrency: 'XBT',
      isInverse: false,
      multiplier: 100000000,
      tickSize: 1e-8,
      lotSize: 1,
      expiry: '2021-09-24T12:00:00.000Z',
      fundingInterval: null,
    },
  ],
  'test',
)

function read(frames: readonly (object | string)[]): ListSink {
  const sink = new ListSink()
  const parser = new BitmexFrames(sink, instruments)
  for (const [index, frame] of frames.entries()) {
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
    parser.frame(text, T0 + index, { line: index + 1, byte: index })
  }
  return sink
}

const book = (action: string, data: object[], symbol = 'XBTUSD') => ({
  table: 'orderBookL2',
  action,
  data: data.map((row) => ({ symbol, ...row })),
  ...(action === 'partial' ? { filter: { symbol } } : {}),
})
const partial = book('partial', [
  { id: 7, side: 'Sell', size: 100, price: 101 },
  { id: 9, side: 'Buy', size: 200, price: 99 },
])

test('updates and deletes find their price by id; inserts bring one', () => {
  const sink = read([
    partial,
    book('update', [{ id: 9, side: 'Buy', size: 300 }]),
    book('insert', [{ id: 8, side: 'Buy', size: 400, price: 100 }]),
    book('delete', [
      { id: 7, side: 'Sell' },
      { id: 8, side: 'Buy' },
    ]),
  ])
  expect(sink.rows(Kind.DEPTH).map(({ side, price, size }) => [side, price, size])).toEqual([
    [-1, 101, 100],
    [1, 99, 200],
    [1, 99, 300],
    [1, 100, 400],
    [-1, 101, 0],
    [1, 100, 0],
  ])
  expect(sink.gaps).toEqual([])
  expect(sink.messages[0]).toMatchObject({ instrument: 'BTC-USD-PERP@bitmex', venueTimeUs: T0 })
})

test('an id never heard of is a gap, once until the next partial; so is a frame that cannot be read', () => {
  const unknown = book('update', [{ id: 77, side: 'Buy', size: 300 }])
  const sink = read([
    partial,
    unknown,
    unknown,
    partial,
    '{"table":"orderB',
    partial,
    book('delete', [{ id: 7, side: 'Sell' }]),
  ])
  expect(sink.gaps.map(({ place }) => place.line)).toEqual([2, 5])
  expect(sink.traps.map(({ name }) => name)).toEqual(['unknown-order-id', 'unknown-order-id'])
})

test('without a partial there is no price, so nothing is stored', () => {
  const sink = read([book('update', [{ id: 9, side: 'Buy', size: 300 }])])
  expect(sink.messages).toEqual([])
  expect(sink.skips.get('update-before-snapshot')).toBe(1)
})

test('a frame is taken whole or not at all', () => {
  const sink = read([
    partial,
    book('insert', [
      { id: 8, side: 'Buy', size: 400, price: 100 },
      { id: 6, side: 'Buy', size: -1, price: 98 },
    ]),
  ])
  expect(sink.rejects).toMatchObject([{ name: 'size-invalid' }])
  expect(sink.rows(Kind.DEPTH)).toHaveLength(2)
  expect(sink.gaps).toHaveLength(1)
})

test('quotes may lack a side, past trades are suspect, liquidations, funding and states are told', () => {
  const timestamp = '2021-07-22T22:36:09.500Z'
  const trade = { timestamp, symbol: 'XBTUSD', side: 'Sell', size: 100, price: 100.5 }
  const sink = read([
    {
      table: 'quote',
      action: 'insert',
      data: [{ timestamp, symbol: 'XBTUSD', bidPrice: null, askPrice: 101, askSize: 5 }],
    },
    { table: 'trade', action: 'partial', data: [trade] },
    { table: 'trade', action: 'insert', data: [trade] },
    {
      table: 'liquidation',
      action: 'insert',
      data: [{ orderID: 'x', symbol: 'XBTUSD', side: 'Sell', price: 99, leavesQty: 100 }],
    },
    {
      table: 'funding',
      action: 'insert',
      data: [{ timestamp, symbol: 'XBTUSD', fundingInterval: '2000-01-01T08:00:00.000Z', fundingRate: -0.0001 }],
    },
    {
      table: 'instrument',
      action: 'update',
      data: [
        { symbol: 'XBTUSD', timestamp, markPrice: 100.25, openInterest: 9 },
        { symbol: '.BXBT', markPrice: 1 },
      ],
    },
    { table: 'chat', action: 'insert', data: [] },
  ])
  expect(sink.rows(Kind.QUOTE).map(({ price, size }) => [price, size])).toEqual([
    [0, 0],
    [101, 5],
  ])
  expect(sink.rows(Kind.TRADE).map(({ side, flags }) => [side, flags])).toEqual([
    [-1, Flag.END | Flag.SUSPECT],
    [-1, Flag.END],
  ])
  expect(sink.rows(Kind.LIQUIDATION)).toMatchObject([{ side: -1, price: 99, size: 100 }])
  expect(sink.rows(Kind.FUNDING)).toMatchObject([{ size: 8 * 3_600_000_000, value: -0.0001 }])
  expect(sink.rows(Kind.MARK)).toMatchObject([{ value: 100.25 }])
  expect(sink.messages[0]!.venueTimeUs).toBe(Date.parse(timestamp) * 1000)
})

test('contracts are worth what the definition says: one dollar, quanto satoshi, or a coin', () => {
  expect(instruments.get('XBTUSD')).toMatchObject({ payoff: 'inverse', multiplier: '1', settle: 'BTC', kind: 'perp' })
  expect(instruments.get('XRPU21')).toMatchObject({
    payoff: 'linear',
    multiplier: '1',
    quote: 'BTC',
    expiry: '2021-09-24',
    tickSize: '0.00000001',
  })
  // One BCHUSD contract earns 100 satoshi a dollar of price: 1e-6 BTC, which is 1e4 atoms of 1e-10.
  const bch = new Instrument({ ...instruments.get('BCHUSD')!, tickSize: '0.05', lotSize: '1', source: 'test' })
  expect(bch.valueAtoms(bch.ticks.index(101), 1) - bch.valueAtoms(bch.ticks.index(100), 1)).toBe(1e4)
  expect(read([book('partial', [], 'UNHEARD')]).rejects).toMatchObject([{ name: 'instrument-undefined' }])
})
