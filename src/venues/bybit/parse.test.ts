/**
 * Goal: both generations of Bybit's books are followed, and what single precision did to sizes is undone and told.
 * Method: hand-made frames, one rule each.
 */

import { expect, test } from 'vitest'
import { ListSink } from '../../importers/listSink.ts'
import { Flag, Kind } from '../../market/tape.ts'
import type { SketchedInstrument } from '../../store/importer.ts'
import { BybitFrames } from './parse.ts'
import { definitionsOf, sketchSymbol } from './wire.ts'

const T0 = 1_618_677_786_000

function read(frames: readonly (object | string)[], definitions = new Map<string, SketchedInstrument>()): ListSink {
  const sink = new ListSink()
  const parser = new BybitFrames(sink, { definitions })
  for (const [index, frame] of frames.entries()) {
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
    parser.frame(text, (T0 + 500) * 1000 + index, { line: index + 1, byte: index })
  }
  return sink
}

const row = (price: string, side: string, size?: number) => ({
  price,
  symbol: 'BCHUSDT',
  id: '1',
  side,
  ...(size === undefined ? {} : { size }),
})
const snapshotV2 = (seq: number, size = 2) => ({
  topic: 'orderBookL2_25.BCHUSDT',
  type: 'snapshot',
  data: { order_book: [row('100.5', 'Buy', size), row('101', 'Sell', 3)] },
  cross_seq: String(seq),
  timestamp_e6: String(T0 * 1000),
})
const deltaV2 = (seq: number, changes: object) => ({
  topic: 'orderBookL2_25.BCHUSDT',
  type: 'delta',
  data: { delete: [], update: [], insert: [], ...changes },
  cross_seq: seq,
  timestamp_e6: T0 * 1000,
})
const depths = (sink: ListSink) => sink.rows(Kind.DEPTH).map(({ side, price, size }) => [side, price, size])

test('v2: rows deleted, updated and inserted; numbers only grow', () => {
  const sink = read([
    snapshotV2(5),
    deltaV2(8, { delete: [row('101', 'Sell')], update: [row('100.5', 'Buy', 4)], insert: [row('102', 'Sell', 1)] }),
    deltaV2(8, { update: [row('100.5', 'Buy', 9)] }),
    deltaV2(7, { update: [row('100.5', 'Buy', 9)] }),
  ])
  expect(depths(sink)).toEqual([
    [1, 100.5, 2],
    [-1, 101, 3],
    [-1, 101, 0],
    [1, 100.5, 4],
    [-1, 102, 1],
  ])
  expect(sink.traps.map(({ name }) => name)).toEqual(['duplicate-update', 'out-of-order-update'])
  expect(sink.gaps).toEqual([])
})

test('v2: what cannot be read is a gap until the next snapshot, because its numbers have no holes to show it', () => {
  const sink = read([
    snapshotV2(5),
    '{"topic":"orderBookL2',
    deltaV2(8, { update: [row('100.5', 'Buy', -4)] }),
    snapshotV2(9),
    '{',
  ])
  expect(sink.gaps.map(({ place }) => place.line)).toEqual([2, 5])
  expect(read([snapshotV2(5), '{"topic":"trade.BCHUSDT","data":[{}]}']).gaps).toEqual([])
})

test('v2: a size printed from single precision is the lot it came from, and is told', () => {
  const lots = { ...sketchSymbol('BCHUSDT'), tickSize: '0.05', lotSize: '0.01' }
  const sink = read([snapshotV2(5, 12.849999), snapshotV2(6, 12.8401)], new Map([['BCHUSDT', lots]]))
  expect(
    sink
      .rows(Kind.DEPTH)
      .filter(({ side }) => side === 1)
      .map(({ size }) => size),
  ).toEqual([12.85, 12.8401])
  expect(sink.traps).toMatchObject([{ name: 'single-precision-sizes' }])
  expect(sink.counts.get('sizes printed in single precision')).toBe(1)
})

const bookV5 = (type: string, u: number, b: string[][], a: string[][] = []) => ({
  topic: 'orderbook.50.BTCUSDT',
  type,
  ts: T0 + 1,
  cts: T0,
  data: { s: 'BTCUSDT', b, a, u, seq: u * 7 },
})

test('v5: updates are numbered without holes, and a snapshot may come at any time', () => {
  const sink = read([
    bookV5('snapshot', 5, [['100', '1']]),
    bookV5('delta', 6, [['100', '0']]),
    bookV5('delta', 8, []),
    bookV5('snapshot', 1, [['99', '1']]),
    bookV5('delta', 2, []),
  ])
  expect(sink.gaps).toMatchObject([{ expected: 6, received: 7, place: { line: 3, byte: 2 } }])
  expect(sink.skips.get('empty-update')).toBe(2)
  expect(sink.messages[0]).toMatchObject({ venueTimeUs: T0 * 1000, instrument: 'BTC-USDT-PERP@bybit' })
})

test('v5: depth 1 is a quote of the side that changed', () => {
  const touch = {
    topic: 'orderbook.1.BTCUSDT',
    type: 'delta',
    ts: T0,
    data: { s: 'BTCUSDT', b: [], a: [['101', '2']], u: 1, seq: 1 },
  }
  expect(read([touch]).rows(Kind.QUOTE)).toMatchObject([{ side: -1, price: 101, size: 2 }])
})

test('trades of both generations, liquidations by the side that sold, closed bars', () => {
  const sink = read([
    {
      topic: 'trade.BTCUSD',
      data: [{ trade_time_ms: T0, symbol: 'BTCUSD', side: 'Sell', size: 4, price: 60621.5, trade_id: 'x' }],
    },
    {
      topic: 'publicTrade.BTCUSDT',
      type: 'snapshot',
      ts: T0,
      data: [{ T: T0, s: 'BTCUSDT', S: 'Buy', v: '0.1', p: '100', BT: true }],
    },
    {
      topic: 'allLiquidation.BTCUSDT',
      type: 'snapshot',
      ts: T0,
      data: [{ T: T0, s: 'BTCUSDT', S: 'Buy', v: '0.5', p: '99' }],
    },
    {
      topic: 'kline.1.BTCUSDT',
      type: 'snapshot',
      ts: T0,
      data: [
        { start: T0 - 60_000, end: T0 - 1, open: '1', high: '3', low: '1', close: '2', volume: '5', confirm: true },
      ],
    },
    {
      topic: 'tickers.BTCUSDT',
      type: 'delta',
      ts: T0,
      data: {
        symbol: 'BTCUSDT',
        markPrice: '100.5',
        openInterest: '7',
        fundingRate: '-0.0001',
        nextFundingTime: String(T0 + 1000),
      },
    },
    { success: true, ret_msg: '', request: {} },
  ])
  expect(sink.rows(Kind.TRADE).map(({ side, price, flags }) => [side, price, flags])).toEqual([
    [-1, 60621.5, Flag.END],
    [1, 100, Flag.END | Flag.SPECIAL],
  ])
  expect(sink.rows(Kind.LIQUIDATION)).toMatchObject([{ side: -1, price: 99, size: 0.5 }])
  expect(sink.rows(Kind.BAR_CLOSE)).toMatchObject([{ price: 2, size: 5, value: 60_000_000 }])
  expect(sink.rows(Kind.FUNDING_FORECAST)).toMatchObject([{ size: 1_000_000, value: -0.0001 }])
})

test('symbols and definitions', () => {
  expect(sketchSymbol('BTCUSD')).toMatchObject({ payoff: 'inverse', settle: 'BTC', kind: 'perp' })
  expect(sketchSymbol('BTCUSDM21')).toMatchObject({ kind: 'future', expiry: '2021-06-25' })
  expect(sketchSymbol('BTCUSDT', 'spot')).toMatchObject({ kind: 'spot' })
  const v2 = {
    result: [
      {
        name: 'BTCUSD',
        alias: 'BTCUSD',
        base_currency: 'BTC',
        price_filter: { tick_size: '0.5' },
        lot_size_filter: { qty_step: 1 },
      },
    ],
  }
  expect(definitionsOf(v2, 'test').instruments.get('BTCUSD')).toMatchObject({ tickSize: '0.5', lotSize: '1' })
  const v5 = {
    result: {
      category: 'linear',
      list: [
        {
          symbol: 'BTCUSDT',
          baseCoin: 'BTC',
          quoteCoin: 'USDT',
          settleCoin: 'USDT',
          deliveryTime: '0',
          fundingInterval: 480,
          priceFilter: { tickSize: '0.10' },
          lotSizeFilter: { qtyStep: '0.001' },
        },
      ],
    },
  }
  expect(definitionsOf(v5, 'test').instruments.get('BTCUSDT')).toMatchObject({ tickSize: '0.1', kind: 'perp' })
})
