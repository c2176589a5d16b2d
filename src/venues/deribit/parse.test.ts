/**
 * Goal: Deribit's books chain by change id, its options keep their volatility and Greeks, its flags their meaning.
 * Method: hand-made notifications, one rule each.
 */

import { expect, test } from 'vitest'
import { ListSink } from '../../importers/listSink.ts'
import { Flag, Kind } from '../../market/tape.ts'
import { DeribitFrames } from './parse.ts'
import { definitionsOf, sketchName } from './wire.ts'

const T0 = 1_626_993_723_632

function read(frames: readonly (readonly [channel: string, data: unknown])[]): ListSink {
  const sink = new ListSink()
  const parser = new DeribitFrames(sink)
  for (const [index, [channel, data]] of frames.entries()) {
    const frame = { jsonrpc: '2.0', method: 'subscription', params: { channel, data } }
    parser.frame(JSON.stringify(frame), (T0 + 1000) * 1000 + index, { line: index + 1, byte: index })
  }
  return sink
}

const BOOK = 'book.BTC-PERPETUAL.raw'
const snapshot = (change_id: number) =>
  [
    BOOK,
    {
      type: 'snapshot',
      timestamp: T0,
      instrument_name: 'BTC-PERPETUAL',
      change_id,
      bids: [['new', 100, 10]],
      asks: [['new', 101, 20]],
    },
  ] as const
const change = (
  prev_change_id: number,
  change_id: number,
  bids: unknown[] = [['change', 100, 30]],
  asks: unknown[] = [],
) =>
  [
    BOOK,
    { type: 'change', timestamp: T0, instrument_name: 'BTC-PERPETUAL', change_id, prev_change_id, bids, asks },
  ] as const

test('changes chain by the id they follow; a deleted level goes to zero', () => {
  const sink = read([snapshot(5), change(5, 9), change(9, 12, [], [['delete', 101, 0]])])
  expect(sink.gaps).toEqual([])
  expect(sink.rows(Kind.DEPTH).map(({ side, price, size }) => [side, price, size])).toEqual([
    [1, 100, 10],
    [-1, 101, 20],
    [1, 100, 30],
    [-1, 101, 0],
  ])
  expect(sink.messages[0]).toMatchObject({ instrument: 'BTC-USD-PERP@deribit', venueTimeUs: T0 * 1000 })
  expect(sink.messages[0]!.rows[0]!.flags & Flag.RESET).toBe(Flag.RESET)
})

test('a change that follows another id is a gap; repeated and late ones are reported and left', () => {
  expect(read([snapshot(5), change(7, 9)]).gaps).toMatchObject([
    { expected: 5, received: 7, place: { line: 2, byte: 1 } },
  ])
  const sink = read([snapshot(5), change(5, 9), change(5, 9), change(5, 8)])
  expect(sink.traps.map(({ name }) => name)).toEqual(['duplicate-update', 'out-of-order-update'])
  expect(sink.counts.get('depth updates')).toBe(1)
})

test('a book that starts with a change is stored and said to lack its snapshot', () => {
  const sink = read([change(5, 9)])
  expect(sink.traps).toMatchObject([{ name: 'no-snapshot' }])
  expect(sink.rows(Kind.DEPTH)).toHaveLength(1)
})

test('a grouped book is a snapshot each time, and two depths of one book are not mixed', () => {
  const grouped = (change_id: number) =>
    [
      'book.BTC-PERPETUAL.none.10.100ms',
      { timestamp: T0, instrument_name: 'BTC-PERPETUAL', change_id, bids: [[100, 5]], asks: [] },
    ] as const
  const sink = read([grouped(1), grouped(2), snapshot(3)])
  expect(sink.counts.get('snapshots')).toBe(2)
  expect(sink.skips.get('second-book-channel')).toBe(1)
})

test('a liquidated trade is special and a liquidation of whoever was liquidated', () => {
  const trade = {
    timestamp: T0,
    price: 100,
    amount: 10,
    direction: 'sell',
    instrument_name: 'BTC-PERPETUAL',
    trade_id: '403',
    trade_seq: 1,
  }
  const sink = read([['trades.BTC-PERPETUAL.raw', [trade, { ...trade, trade_id: 'ETH-7', liquidation: 'M' }]]])
  expect(sink.rows(Kind.TRADE).map(({ side, value, flags }) => [side, value, flags])).toEqual([
    [-1, 403, Flag.END],
    [-1, 7, Flag.END | Flag.SPECIAL],
  ])
  expect(sink.rows(Kind.LIQUIDATION).map(({ side }) => side)).toEqual([1])
})

test('an option’s ticker is quotes with volatility, mark, interest, volatility, Greeks and forward', () => {
  const name = 'ETH-30JUL21-2800-C'
  const greeks = { vega: 0.2, theta: -1.6, rho: 0.01, gamma: 0.0002, delta: 0.03 }
  const sink = read([
    [
      `ticker.${name}.raw`,
      {
        instrument_name: name,
        timestamp: T0,
        mark_price: 0.002,
        mark_iv: 120,
        index_price: 2006,
        open_interest: 12,
        underlying_price: 2003,
        greeks,
        bid_iv: 115,
        best_bid_price: 0.0015,
        best_bid_amount: 4,
        best_ask_price: 0,
        best_ask_amount: 0,
        ask_iv: 0,
      },
    ],
  ])
  expect(sink.messages.map(({ stream }) => stream)).toEqual(['quote', 'mark', 'interest', 'option'])
  expect(sink.rows().map(({ kind, price, size, value }) => [kind, price, size, value])).toEqual([
    [Kind.QUOTE, 0.0015, 4, 1.15],
    [Kind.QUOTE, 0, 0, 0],
    [Kind.MARK, 0, 0, 0.002],
    [Kind.INDEX, 0, 0, 2006],
    [Kind.OPEN_INTEREST, 0, 12, 0],
    [Kind.IMPLIED_VOLATILITY, 0, 0, 1.2],
    [Kind.DELTA, 0, 0, 0.03],
    [Kind.GAMMA, 0, 0, 0.0002],
    [Kind.VEGA, 0, 0, 0.2],
    [Kind.THETA, 0, 0, -1.6],
    [Kind.RHO, 0, 0, 0.01],
    [Kind.FORWARD, 0, 0, 2003],
  ])
})

test('a perpetual forecasts its funding; combinations and volatility indices are skipped', () => {
  const sink = read([
    ['perpetual.BTC-PERPETUAL.raw', { timestamp: T0, interest: -0.0001, index_price: 100 }],
    ['trades.BTC-CS-19MAY26-70000_75000.raw', []],
    ['deribit_volatility_index.btc_usd', { timestamp: T0, volatility: 80 }],
    ['unheard.X', {}],
  ])
  expect(sink.rows(Kind.FUNDING_FORECAST)).toMatchObject([{ value: -0.0001 }])
  expect([...sink.skips.keys()]).toEqual(['combo', 'channel deribit_volatility_index'])
  expect(sink.rejects).toMatchObject([{ name: 'channel-unknown' }])
})

test('names tell kind, expiry, strike and payoff', () => {
  expect(sketchName('BTC-PERPETUAL')).toMatchObject({ kind: 'perp', payoff: 'inverse', settle: 'BTC' })
  expect(sketchName('ETH-25MAR22')).toMatchObject({ kind: 'future', expiry: '2022-03-25' })
  expect(sketchName('BTC-24SEP21-8000-P')).toMatchObject({
    kind: 'option',
    strike: '8000',
    right: 'put',
    expiry: '2021-09-24',
  })
  expect(sketchName('XRP_USDC-30AUG24-0d62-C')).toMatchObject({ payoff: 'linear', settle: 'USDC', strike: '0.62' })
  expect(() => sketchName('BTC-31FEB24')).toThrow('symbol-unknown')
})

test('definitions give steps, expiry and fees', () => {
  const entry = {
    instrument_name: 'BTC-24SEP21-8000-P',
    tick_size: 0.0005,
    min_trade_amount: 0.1,
    contract_size: 1,
    expiration_timestamp: 1632470400000,
    maker_commission: 0.0003,
    taker_commission: 0.0003,
  }
  const { instruments, unreadable } = definitionsOf({ result: [entry, { instrument_name: '?' }] }, 'test')
  expect(instruments.get(entry.instrument_name)).toMatchObject({
    tickSize: '0.0005',
    lotSize: '0.1',
    expiryUs: 1632470400000000,
    fees: { makerBps: 3, takerBps: 3 },
  })
  expect(unreadable).toBe(1)
})
