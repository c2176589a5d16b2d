/**
 * Goal: dYdX frames count their ids, v3 offsets decide between two words about a price, crossed books pass.
 * Method: hand-made frames of v3 and v4, one rule each.
 */

import { expect, test } from 'vitest'
import { ListSink } from '../../importers/listSink.ts'
import { Flag, Kind } from '../../market/tape.ts'
import { DydxFrames } from './parse.ts'
import { definitionsOf } from './wire.ts'

const T0 = 1_635_444_230_000_000

function read(frames: readonly object[]): ListSink {
  const sink = new ListSink()
  const parser = new DydxFrames(sink)
  for (const [index, frame] of frames.entries()) {
    parser.frame(JSON.stringify(frame), T0 + index, { line: index + 1, byte: index })
  }
  parser.finish()
  return sink
}

const subscribed = (message_id: number, bids: object[], asks: object[], channel = 'v4_orderbook') => ({
  type: 'subscribed',
  connection_id: 'c',
  message_id,
  channel,
  id: 'BTC-USD',
  contents: { bids, asks },
})
const update = (message_id: number, contents: object, channel = 'v4_orderbook') => ({
  type: 'channel_data',
  connection_id: 'c',
  message_id,
  channel,
  id: 'BTC-USD',
  contents,
})
const connected = { type: 'connected', connection_id: 'c', message_id: 0 }
const depths = (sink: ListSink) => sink.rows(Kind.DEPTH).map(({ side, price, size }) => [side, price, size])

test('a book is its snapshot and absolute sizes after it; crossed is normal', () => {
  const sink = read([
    connected,
    subscribed(1, [{ price: '100', size: '1' }], [{ price: '101', size: '2' }]),
    update(2, { bids: [['102', '3']] }),
    { ...update(3, [{ asks: [['101', '0']] }, { bids: [['100', '0']] }]), type: 'channel_batch_data' },
  ])
  expect(depths(sink)).toEqual([
    [1, 100, 1],
    [-1, 101, 2],
    [1, 102, 3],
    [-1, 101, 0],
    [1, 100, 0],
  ])
  expect(sink.gaps).toEqual([])
  expect(sink.messages[0]).toMatchObject({ instrument: 'BTC-USD-PERP@dydx' })
})

test('v3: the greater offset is the later word about a price, whatever the order of arrival', () => {
  const v3 = 'v3_orderbook'
  const sink = read([
    connected,
    subscribed(
      1,
      [
        { price: '100', offset: '5', size: '1' },
        { price: '99', offset: '6', size: '0' },
      ],
      [],
      v3,
    ),
    update(2, { offset: '9', bids: [['100', '4']], asks: [] }, v3),
    update(3, { offset: '8', bids: [['100', '7']], asks: [] }, v3),
    update(
      4,
      {
        offset: '7',
        bids: [
          ['99', '2'],
          ['100', '7'],
        ],
        asks: [],
      },
      v3,
    ),
  ])
  expect(depths(sink)).toEqual([
    [1, 100, 1],
    [1, 100, 4],
    [1, 99, 2],
  ])
  expect(sink.skips.get('overtaken-update')).toBe(1)
  expect(sink.counts.get('depth levels overtaken by a later offset')).toBe(2)
})

test('ids that come late are no loss; one that never comes is a gap of every book', () => {
  const v3 = 'v3_orderbook'
  const at = (id: number) => update(id, { offset: String(id), bids: [['100', '4']], asks: [] }, v3)
  const start = [connected, subscribed(1, [], [], v3)]
  const late = read([...start, at(3), at(2), at(4)])
  expect(late.gaps).toEqual([])
  expect(late.traps.map(({ name }) => name)).toEqual(['out-of-order-frame'])
  const lost = read([...start, at(3), at(4)])
  expect(lost.gaps).toMatchObject([{ expected: 2, instrument: 'BTC-USD-PERP@dydx' }])
  const many = read([...start, ...Array.from({ length: 100 }, (_, index) => at(index + 3))])
  expect(many.gaps).toHaveLength(1)
  expect(many.gaps[0]!.place.line).toBeLessThan(75)
})

test('v4 has no offsets: a late update leaves the book in doubt; a frame twice is rejected', () => {
  const bid = { bids: [['100', '4']] }
  expect(read([connected, subscribed(1, [], []), update(3, bid), update(2, bid)]).gaps).toHaveLength(1)
  const twice = read([connected, subscribed(1, [], []), update(2, bid), update(2, bid)])
  expect(twice.rejects).toMatchObject([{ name: 'duplicate-frame', place: { line: 4, byte: 3 } }])
})

test('a rejected update is a gap in time', () => {
  const sink = read([
    connected,
    subscribed(1, [], []),
    update(2, { bids: [['100', '-4']] }),
    update(3, { bids: [['99', '1']] }),
  ])
  expect(sink.rejects).toMatchObject([{ name: 'size-invalid' }])
  expect(sink.gaps).toMatchObject([{ expected: 2 }])
})

test('trades: a history on subscribing is suspect, liquidations and deleveragings are told apart', () => {
  const trade = (type: string, size: string) => ({
    id: '0a',
    side: 'SELL',
    size,
    price: '100',
    type,
    createdAt: '2021-10-28T18:03:49.123Z',
  })
  const sink = read([
    connected,
    {
      ...subscribed(1, [], []),
      channel: 'v4_trades',
      contents: { trades: [trade('LIMIT', '2'), trade('LIMIT', '1')] },
    },
    update(2, { trades: [trade('LIQUIDATED', '3')] }, 'v4_trades'),
    update(3, { trades: [trade('DELEVERAGED', '4')] }, 'v4_trades'),
  ])
  expect(sink.rows(Kind.TRADE).map(({ size, flags }) => [size, flags])).toEqual([
    [1, Flag.END | Flag.SUSPECT],
    [2, Flag.END | Flag.SUSPECT],
    [3, Flag.END | Flag.SPECIAL],
    [4, Flag.END | Flag.SPECIAL],
  ])
  expect(sink.rows(Kind.LIQUIDATION)).toMatchObject([{ side: -1, size: 3 }])
  expect(sink.rows(Kind.DELEVERAGING)).toMatchObject([{ side: -1, size: 4 }])
  expect(sink.messages[0]!.venueTimeUs).toBe(Date.parse('2021-10-28T18:03:49.123Z') * 1000)
})

test('markets give oracle price, open interest and the coming funding rate', () => {
  const sink = read([
    connected,
    update(1, { trading: { 'BTC-USD': { openInterest: '12', nextFundingRate: '0.0001' } } }, 'v4_markets'),
    update(
      2,
      { oraclePrices: { 'BTC-USD': { oraclePrice: '43300', effectiveAt: '2021-10-28T18:03:50.000Z' } } },
      'v4_markets',
    ),
    update(3, { 'BTC-USD': { indexPrice: '1', oraclePrice: '43301' } }, 'v3_markets'),
  ])
  expect(sink.rows().map(({ kind, size, value }) => [kind, kind === Kind.FUNDING_FORECAST ? 0 : size, value])).toEqual([
    [Kind.OPEN_INTEREST, 12, 0],
    [Kind.FUNDING_FORECAST, 0, 0.0001],
    [Kind.MARK, 0, 43300],
    [Kind.INDEX, 0, 43300],
    [Kind.MARK, 0, 43301],
    [Kind.INDEX, 0, 43301],
  ])
})

test('definitions of both generations give steps', () => {
  const v3 = definitionsOf({ markets: { 'BTC-USD': { market: 'BTC-USD', tickSize: '1', stepSize: '0.0001' } } }, 'test')
  const v4 = definitionsOf({ markets: { 'BTC-USD': { ticker: 'BTC-USD', tickSize: '1', stepSize: '0.0001' } } }, 'test')
  expect(v3).toEqual(v4)
  expect(v3.instruments.get('BTC-USD')).toMatchObject({ tickSize: '1', lotSize: '0.0001', settle: 'USDC' })
})
