/**
 * Goal: Hyperliquid's snapshots replace the book, its replayed trades are marked, and both readers agree.
 * Method: hand-made frames for each channel; the scanner beside JSON on frames damaged at random.
 */

import { expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { damage } from '../../importers/fuzz.ts'
import { ListSink } from '../../importers/listSink.ts'
import { Flag, Kind } from '../../market/tape.ts'
import { HyperliquidFrames } from './parse.ts'
import { sketchCoin } from './wire.ts'

const T0 = 1_737_918_840_000

function read(frames: readonly unknown[], scan = true): ListSink {
  const sink = new ListSink()
  const parser = new HyperliquidFrames(sink, { scan })
  for (const [index, frame] of frames.entries()) {
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
    parser.frame(text, (T0 + 100) * 1000 + index * 1000, { line: index + 1, byte: index })
  }
  return sink
}

const level = (px: string, sz: string) => ({ px, sz, n: 2 })
const book = (bids: object[], asks: object[], time = T0) => ({
  channel: 'l2Book',
  data: { coin: 'BTC', time, levels: [bids, asks] },
})
const trade = (time: number, tid = 5, side = 'B') => ({
  coin: 'BTC',
  side,
  px: '100.5',
  sz: '0.2',
  time,
  hash: '0x',
  tid,
  users: [],
})

test('each book replaces the one before, whatever the order of its keys', () => {
  const sink = read([
    book([level('100', '1'), level('99', '2')], [level('101', '3')]),
    '{"channel":"l2Book","data":{"coin":"BTC","levels":[[{"n":1,"px":"100.5","sz":"4"}],[]],"time":1737918840500}}',
    book([], [], T0 + 600),
  ])
  expect(sink.messages.map(({ rows }) => rows.map(({ side, price, size }) => [side, price, size]))).toEqual([
    [
      [1, 100, 1],
      [1, 99, 2],
      [-1, 101, 3],
    ],
    [[1, 100.5, 4]],
    [[1, 0, 0]],
  ])
  for (const { rows } of sink.messages) {
    expect(rows.map(({ flags }) => (flags & Flag.RESET) !== 0)).toEqual(rows.map((_, index) => index === 0))
    expect(rows.every(({ flags }) => (flags & Flag.SNAPSHOT) !== 0)).toBe(true)
  }
  expect(sink.messages[0]).toMatchObject({ instrument: 'BTC-USDC-PERP@hyperliquid', venueTimeUs: T0 * 1000 })
})

test('a book older than the last is reported and not applied', () => {
  const sink = read([book([level('100', '1')], [], T0), book([level('99', '1')], [], T0 - 1)])
  expect(sink.traps).toMatchObject([{ name: 'out-of-order-snapshot', place: { line: 2, byte: 1 } }])
  expect(sink.messages).toHaveLength(1)
})

test('trades repeated on subscribing are marked suspect; later ones are not', () => {
  const sink = read([
    { channel: 'trades', data: [trade(T0 - 60_000), trade(T0 + 150, 6)] },
    { channel: 'trades', data: [trade(T0 + 50, 7, 'A')] },
  ])
  expect(sink.rows(Kind.TRADE).map(({ side, value, flags }) => [side, value, flags])).toEqual([
    [1, 5, Flag.END | Flag.SUSPECT],
    [1, 6, Flag.END],
    [-1, 7, Flag.END],
  ])
  expect(sink.traps.map(({ name }) => name)).toEqual(['trade-replay'])
})

test('a context is mark, oracle, open interest and the rate due on the hour', () => {
  const ctx = {
    funding: '0.0000125',
    openInterest: '12.5',
    oraclePx: '100',
    markPx: '100.5',
    premium: null,
    midPx: null,
  }
  const sink = read([{ channel: 'activeAssetCtx', data: { coin: 'BTC', ctx } }])
  const untilHour = 3_600_000_000 - (((T0 + 100) * 1000) % 3_600_000_000)
  expect(sink.rows().map(({ kind, size, value }) => [kind, size, value])).toEqual([
    [Kind.MARK, 0, 100.5],
    [Kind.INDEX, 0, 100],
    [Kind.OPEN_INTEREST, 12.5, 0],
    [Kind.FUNDING_FORECAST, untilHour, 0.0000125],
  ])
})

test('a best bid and offer may lack a side', () => {
  const sink = read([{ channel: 'bbo', data: { coin: 'BTC', time: T0, bbo: [level('100', '1'), null] } }])
  expect(sink.rows(Kind.QUOTE).map(({ side, price, size }) => [side, price, size])).toEqual([
    [1, 100, 1],
    [-1, 0, 0],
  ])
})

test('a candle is a bar once the next has opened', () => {
  const candle = (t: number, c: string) => ({
    channel: 'candle',
    data: { t, T: t + 59_999, s: 'BTC', i: '1m', o: '1', c, h: '9', l: '1', v: '5', n: 2 },
  })
  const sink = read([candle(T0 - 60_000, '2'), candle(T0 - 60_000, '3'), candle(T0, '4')])
  expect(sink.messages).toMatchObject([{ stream: 'bar', venueTimeUs: T0 * 1000 }])
  expect(sink.rows(Kind.BAR_CLOSE)).toMatchObject([{ price: 3, size: 5, value: 60_000_000 }])
})

test('accounts are nobody’s market data, unknown channels and damaged frames are rejected', () => {
  const sink = read([
    { channel: 'userFills', data: { user: '0x', fills: [] } },
    { channel: 'subscriptionResponse', data: {} },
    { channel: 'pong' },
    { channel: 'unheard', data: {} },
    book([level('100', '-1')], []),
    book([level('0', '1')], []),
    '{"channel":"l2Book","data":',
  ])
  expect([...sink.skips.keys()]).toEqual(['user-channel', 'channel subscriptionResponse', 'channel pong'])
  expect(sink.rejects.map(({ name }) => name)).toEqual([
    'channel-unknown',
    'size-invalid',
    'price-invalid',
    'json-invalid',
  ])
  expect(sink.messages).toEqual([])
})

test('coins name their instruments', () => {
  expect(sketchCoin('kPEPE')).toMatchObject({ base: 'kPEPE', kind: 'perp', quote: 'USDC' })
  expect(sketchCoin('xyz:TSLA')).toMatchObject({ base: 'xyz:TSLA', kind: 'perp' })
  expect(sketchCoin('PURR/USDC')).toMatchObject({ base: 'PURR', quote: 'USDC', kind: 'spot' })
  expect(sketchCoin('@107')).toMatchObject({ base: '@107', kind: 'spot' })
})

test('on damaged frames the scanner and JSON leave the same messages and rejects', () => {
  const frames = [
    book([level('105055.0', '3.03622'), level('105054.0', '0.1428')], [level('105056.0', '1')]),
    book([level('105055.0', '3')], [], T0 + 500),
    book([], [level('105056.0', '1')], T0 + 900),
  ].map((frame) => JSON.stringify(frame))
  let different = 0
  for (let number = 0; number < 2000; number++) {
    const damaged = damage(frames, new Random(3).fork(`case ${number}`)).split('\n')
    const [scanned, parsed] = [read(damaged), read(damaged, false)]
    expect(scanned.messages).toEqual(parsed.messages)
    expect(scanned.rejects.map(({ place }) => place)).toEqual(parsed.rejects.map(({ place }) => place))
    if (scanned.messages.length !== 3) different++
  }
  expect(different).toBeGreaterThan(500)
})
