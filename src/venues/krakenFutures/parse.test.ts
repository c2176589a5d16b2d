/**
 * Goal: Kraken Futures' books count one by one per product, and its trades say what they were.
 * Method: hand-made frames, one rule each.
 */

import { expect, test } from 'vitest'
import { ListSink } from '../../importers/listSink.ts'
import { Flag, Kind } from '../../market/tape.ts'
import { KrakenFuturesFrames } from './parse.ts'
import { definitionsOf, sketchProduct } from './wire.ts'

const T0 = 1_626_994_927_000

function read(frames: readonly object[]): ListSink {
  const sink = new ListSink()
  const parser = new KrakenFuturesFrames(sink)
  for (const [index, frame] of frames.entries()) {
    parser.frame(JSON.stringify(frame), (T0 + 100) * 1000 + index, { line: index + 1, byte: index })
  }
  return sink
}

const snapshot = (seq: number, product_id = 'PI_XBTUSD') => ({
  feed: 'book_snapshot',
  product_id,
  timestamp: T0,
  seq,
  bids: [{ price: 100, qty: 5 }],
  asks: [{ price: 101, qty: 6 }],
})
const update = (seq: number, qty = 3, side = 'sell', product_id = 'PI_XBTUSD') => ({
  feed: 'book',
  product_id,
  side,
  seq,
  price: 101,
  qty,
  timestamp: T0,
})
const trade = (type: string, seq: number) => ({
  feed: 'trade',
  product_id: 'PI_XBTUSD',
  uid: 'x',
  side: 'buy',
  type,
  seq,
  time: T0,
  qty: 5,
  price: 100.5,
})

test('updates count one by one, each product for itself', () => {
  const sink = read([
    snapshot(5),
    snapshot(50, 'PI_ETHUSD'),
    update(6),
    update(51, 3, 'sell', 'PI_ETHUSD'),
    update(7, 0),
  ])
  expect(sink.gaps).toEqual([])
  expect(sink.messages[0]).toMatchObject({ instrument: 'BTC-USD-PERP@kraken-futures', venueTimeUs: T0 * 1000 })
  expect(sink.rows(Kind.DEPTH).at(-1)).toMatchObject({ side: -1, price: 101, size: 0 })
})

test('a hole is a gap; a number twice or late is reported and not applied', () => {
  const sink = read([snapshot(5), update(6), update(8), update(8), update(7)])
  expect(sink.gaps).toMatchObject([{ expected: 6, received: 7, place: { line: 3, byte: 2 } }])
  expect(sink.traps.map(({ name }) => name)).toEqual(['duplicate-update', 'out-of-order-update'])
  expect(sink.counts.get('depth updates')).toBe(2)
})

test('a rejected update is the gap that follows', () => {
  const sink = read([snapshot(5), update(6, -1), update(7)])
  expect(sink.rejects).toMatchObject([{ name: 'size-invalid' }])
  expect(sink.gaps).toMatchObject([{ expected: 5, received: 6 }])
})

test('past trades come oldest first and suspect; liquidations are special and told apart', () => {
  const sink = read([
    { feed: 'trade_snapshot', product_id: 'PI_XBTUSD', trades: [trade('fill', 2), trade('fill', 1)] },
    trade('liquidation', 3),
  ])
  expect(sink.rows(Kind.TRADE).map(({ value, flags }) => [value, flags])).toEqual([
    [1, Flag.END | Flag.SUSPECT],
    [2, Flag.END | Flag.SUSPECT],
    [3, Flag.END | Flag.SPECIAL],
  ])
  expect(sink.rows(Kind.LIQUIDATION)).toMatchObject([{ side: 1, price: 100.5, size: 5 }])
})

test('a ticker is quote, mark, interest and the relative rate; the lite one has no sizes and is skipped', () => {
  const sink = read([
    {
      feed: 'ticker',
      product_id: 'PI_XBTUSD',
      time: T0,
      bid: 100,
      bid_size: 2,
      ask: 101,
      ask_size: 3,
      markPrice: 100.4,
      index: 100.3,
      openInterest: 9,
      funding_rate: 4e-9,
      relative_funding_rate: -0.00001,
      next_funding_rate_time: T0 + 1000,
    },
    { feed: 'ticker_lite', product_id: 'PI_XBTUSD', bid: 100, ask: 101 },
    { event: 'subscribed', feed: 'book', product_ids: [] },
    { feed: 'unheard' },
  ])
  expect(sink.messages.map(({ stream }) => stream)).toEqual(['quote', 'mark', 'interest', 'funding'])
  expect(sink.rows(Kind.FUNDING_FORECAST)).toMatchObject([{ size: 1_000_000, value: -0.00001 }])
  expect([...sink.skips.keys()]).toEqual(['ticker_lite', 'reply'])
  expect(sink.rejects).toMatchObject([{ name: 'channel-unknown' }])
})

test('products name their instruments', () => {
  expect(sketchProduct('PI_XBTUSD')).toMatchObject({ base: 'BTC', payoff: 'inverse', settle: 'BTC', kind: 'perp' })
  expect(sketchProduct('FI_ETHUSD_211231')).toMatchObject({ kind: 'future', expiry: '2021-12-31' })
  expect(sketchProduct('PF_SOLUSD')).toMatchObject({ payoff: 'linear', settle: 'USD' })
  expect(sketchProduct('PV_XRPXBT')).toMatchObject({ quote: 'BTC', settle: 'BTC', payoff: 'linear' })
  expect(() => sketchProduct('PI_XBTUSD_211231')).toThrow('symbol-unknown')
  const reply = { instruments: [{ symbol: 'pi_xbtusd', tickSize: 0.5, contractSize: 1 }, { symbol: 'in_xbtusd' }] }
  expect(definitionsOf(reply, 'test').instruments.get('PI_XBTUSD')).toMatchObject({ tickSize: '0.5', lotSize: '1' })
})
