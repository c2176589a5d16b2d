/**
 * Goal: a capture's files are read each by itself, with the definitions and snapshots of their run.
 *
 * Method: hand-made captures of every venue, in memory and in a folder; files damaged at random; and, where they are at
 * hand, the real captures against an independent count by JSON.parse.
 */

import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Grid } from '../core/decimal.ts'
import { instrumentId } from '../market/instrument.ts'
import { offGrid } from '../market/message.ts'
import { Flag, Kind } from '../market/tape.ts'
import { openInput } from '../store/inputFile.ts'
import { cryptofeed } from './cryptofeed.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { ListSink } from './listSink.ts'
import { secondsEpoch } from './recordedFrames.ts'

const S = 1_626_992_741
const T = S * 1000
const got = (index: number, frame: object) => `${S + index}.0${index}: ${JSON.stringify(frame)}`
const asked = (url: string, reply: object) => `${url} -> ${S - 5}.5: ${JSON.stringify(reply)}`
const future = (U: number, u: number, pu: number) => ({
  stream: 'ctkusdt@depth@100ms',
  data: { e: 'depthUpdate', E: T, T, s: 'CTKUSDT', U, u, pu, b: [['1.01', '5']], a: [] },
})
const bitmexXbt = {
  symbol: 'XBTUSD',
  rootSymbol: 'XBT',
  typ: 'FFWCSX',
  quoteCurrency: 'USD',
  settlCurrency: 'XBt',
  isInverse: true,
  multiplier: -100000000,
  tickSize: 0.5,
  lotSize: 100,
}
const deribitBook = (more: object) => ({
  jsonrpc: '2.0',
  method: 'subscription',
  params: {
    channel: 'book.BTC-PERPETUAL.raw',
    data: { timestamp: T, instrument_name: 'BTC-PERPETUAL', bids: [['new', 100, 10]], asks: [], ...more },
  },
})

/** A small capture of each venue, definitions included. */
const CAPTURES: Readonly<Record<string, readonly string[]>> = {
  'BINANCE_FUTURES.ws.1.0': [
    'wss://fstream.binance.com/stream?streams=x <-> 1626992740.17',
    got(1, future(1, 4, 0)),
    got(2, future(5, 6, 4)),
    got(3, {
      stream: 'ctkusdt@aggTrade',
      data: { e: 'aggTrade', E: T, a: 16, s: 'CTKUSDT', p: '1.01', q: '10', f: 2, l: 2, T, m: false },
    }),
  ],
  'DERIBIT.ws.1.0': [
    got(1, deribitBook({ type: 'snapshot', change_id: 5 })),
    got(2, deribitBook({ type: 'change', prev_change_id: 5, change_id: 6 })),
  ],
  'DYDX.ws.1.0': [
    got(1, { type: 'connected', message_id: 0 }),
    got(2, {
      type: 'subscribed',
      message_id: 1,
      channel: 'v3_orderbook',
      id: 'ETH-USD',
      contents: { bids: [{ price: '1', offset: '5', size: '6.2' }], asks: [] },
    }),
    got(3, {
      type: 'channel_data',
      message_id: 2,
      id: 'ETH-USD',
      channel: 'v3_orderbook',
      contents: { offset: '6', bids: [], asks: [['4217.8', '13.34']] },
    }),
  ],
  'BYBIT.ws.25.0': [
    got(1, {
      topic: 'orderBookL2_25.EOSUSD',
      type: 'snapshot',
      data: [{ price: '7.943', symbol: 'EOSUSD', id: 79430, side: 'Buy', size: 154219 }],
      cross_seq: 5,
      timestamp_e6: T * 1000,
    }),
    got(2, {
      topic: 'orderBookL2_25.EOSUSD',
      type: 'delta',
      data: { delete: [], update: [{ price: '7.943', symbol: 'EOSUSD', id: 79430, side: 'Buy', size: 1 }], insert: [] },
      cross_seq: 7,
      timestamp_e6: T * 1000,
    }),
  ],
  'OKX.ws.1.0': [
    got(1, {
      arg: { channel: 'books', instId: 'BTC-USDT' },
      action: 'snapshot',
      data: [{ asks: [], bids: [['99', '1', '0', '1']], ts: String(T), checksum: 1650404264 }],
    }),
    got(2, {
      arg: { channel: 'books', instId: 'BTC-USDT' },
      action: 'update',
      data: [{ asks: [['100', '1', '0', '1']], bids: [], ts: String(T), checksum: 0 }],
    }),
  ],
  'BITMEX.ws.1.0': [
    asked('https://www.bitmex.com/api/v1/instrument/active', [bitmexXbt]),
    got(1, {
      table: 'orderBookL2',
      action: 'partial',
      filter: { symbol: 'XBTUSD' },
      data: [{ symbol: 'XBTUSD', id: 7, side: 'Buy', size: 100, price: 99.5 }],
    }),
    got(2, { table: 'orderBookL2', action: 'update', data: [{ symbol: 'XBTUSD', id: 7, side: 'Buy', size: 200 }] }),
  ],
  'KRAKEN_FUTURES.ws.1.0': [
    got(1, {
      feed: 'book_snapshot',
      product_id: 'PI_XBTUSD',
      timestamp: T,
      seq: 5,
      bids: [{ price: 100.5, qty: 5 }],
      asks: [],
    }),
    got(2, { feed: 'book', product_id: 'PI_XBTUSD', side: 'sell', seq: 6, price: 101, qty: 3, timestamp: T }),
  ],
}

test('an epoch in seconds is read digit by digit, not through a double', () => {
  expect(secondsEpoch('1626992741.3105128')).toBe(1_626_992_741_310_512)
  expect(secondsEpoch('1626992741.06217')).toBe(1_626_992_741_062_170)
  expect(secondsEpoch('1626992741')).toBe(1_626_992_741_000_000)
  for (const text of ['1e9', '-1626992741', '16269927411', '']) expect(secondsEpoch(text)).toBeNaN()
})

test.each(Object.entries(CAPTURES))('%s is read and told by its name', async (name, lines) => {
  const sink = await importText(cryptofeed, name, `${lines.join('\n')}\n`)
  expect(sink.rejects).toEqual([])
  expect(sink.rows(Kind.DEPTH)).toHaveLength(2)
  expect(new Set(sink.messages.map(({ instrument }) => instrument)).size).toBe(1)
})

test('without a telling name the address tells; without either a line is refused', async () => {
  const sink = await importText(cryptofeed, 'renamed', CAPTURES['BINANCE_FUTURES.ws.1.0']!.join('\n'))
  expect(sink.counts.get('depth updates')).toBe(2)
  const lost = importText(cryptofeed, 'renamed', CAPTURES['DERIBIT.ws.1.0']!.join('\n'))
  await expect(lost).rejects.toMatchObject({ code: 'file-invalid', facts: { reason: 'venue-unknown' } })
})

test('a websocket file takes definitions and snapshots from the files of its run; those are imported alone too', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'gimbal-capture-'))
  try {
    const filters = [
      { filterType: 'PRICE_FILTER', tickSize: '0.001' },
      { filterType: 'LOT_SIZE', stepSize: '1' },
    ]
    const exchange = {
      symbols: [{ symbol: 'CTKUSDT', baseAsset: 'CTK', quoteAsset: 'USDT', marginAsset: 'USDT', filters }],
    }
    const snapshot = { lastUpdateId: 4, E: T, T, bids: [['1', '2']], asks: [['1.02', '3']] }
    const files = {
      'BINANCE_FUTURES.0': [asked('https://fapi.binance.com/fapi/v1/exchangeInfo', exchange), 'configuration: {}'],
      'BINANCE_FUTURES.http.0.0': [
        `https://fapi.binance.com/fapi/v1/depth?symbol=CTKUSDT&limit=1000 -> ${S + 1}.5: ${JSON.stringify(snapshot)}`,
      ],
      'BINANCE_FUTURES.ws.1.0': CAPTURES['BINANCE_FUTURES.ws.1.0']!,
    }
    for (const [name, lines] of Object.entries(files)) writeFileSync(join(folder, name), `${lines.join('\n')}\n`)
    const read = async (name: string) => {
      const sink = new ListSink()
      await cryptofeed.read(await openInput(join(folder, name)), sink, {})
      return sink
    }
    const frames = await read('BINANCE_FUTURES.ws.1.0')
    expect(frames.instruments).toMatchObject([{ tickSize: '0.001', lotSize: '1' }])
    // The update before the snapshot, the snapshot, that update again (it reaches the snapshot), the one after.
    expect(frames.rows(Kind.DEPTH).map(({ price, flags }) => [price, flags & Flag.RESET])).toEqual([
      [1.01, 0],
      [1, Flag.RESET],
      [1.02, 0],
      [1.01, 0],
      [1.01, 0],
    ])
    expect(frames.gaps).toEqual([])
    expect((await read('BINANCE_FUTURES.0')).counts.get('instrument definitions')).toBe(1)
    expect((await read('BINANCE_FUTURES.http.0.0')).skips.get('snapshot imported with its websocket file')).toBe(1)
    rmSync(join(folder, 'BINANCE_FUTURES.ws.1.0'))
    expect((await read('BINANCE_FUTURES.http.0.0')).counts.get('snapshot levels')).toBe(2)
  } finally {
    rmSync(folder, { recursive: true })
  }
})

test('it is sure of its own lines only', () => {
  expect(cryptofeed.recognise('a', 'wss://www.bitmex.com/realtime <-> 1626993367.388005')).toBeGreaterThan(0.9)
  expect(cryptofeed.recognise('a', asked('https://x.y/z', {}))).toBeGreaterThan(0.9)
  expect(cryptofeed.recognise('a', 'time_ms,open')).toBe(0)
})

test.each(Object.entries(CAPTURES))(
  'damaged captures of %s leave rejects and never a wrong number',
  { timeout: 600_000 },
  async (name, lines) => {
    const cases = Math.ceil(fuzzCases(process.env) / Object.keys(CAPTURES).length)
    const report = await fuzzImporter(cryptofeed, name, lines, cases, 20210722)
    expect(report.rejects).toBeGreaterThan(cases / 5)
    expect(report.messages).toBeGreaterThan(cases / 4)
    if (process.env['FUZZ']) console.log('cryptofeed', name, report)
  },
)

const captures = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/data/l2/ws_captures`
const names = existsSync(captures) ? readdirSync(captures) : []

/** Levels of books, trades and quotes in a websocket capture, counted without the parsers. */
async function independentCount(path: string): Promise<{ levels: number; trades: number }> {
  let levels = 0
  let trades = 0
  const length = (value: unknown) => (Array.isArray(value) ? value.length : 0)
  await (await openInput(path)).lines((line) => {
    const received = /^\d{10}\.\d+: (.*)$/.exec(line)
    if (!received) return
    const frame = JSON.parse(received[1]!)
    const { topic, table, feed, channel, type } = frame
    const data = frame.params?.data ?? frame.data
    if (frame.data?.e === 'depthUpdate') levels += length(data.b) + length(data.a)
    if (frame.data?.e === 'aggTrade') trades++
    if (frame.params?.channel.startsWith('book.')) levels += length(data.bids) + length(data.asks)
    if (topic?.startsWith('orderBookL2')) {
      levels +=
        type === 'snapshot'
          ? length(data.order_book ?? data)
          : length(data.delete) + length(data.update) + length(data.insert)
    }
    if (topic?.startsWith('trade.')) trades += length(data)
    if (table === 'orderBookL2') levels += length(data)
    if (table === 'trade') trades += length(data)
    if (feed === 'book_snapshot') levels += length(frame.bids) + length(frame.asks)
    if (feed === 'book' && frame.product_id) levels++
    if (feed === 'trade' && frame.uid) trades++
    if (feed === 'trade_snapshot') trades += length(frame.trades)
    if (frame.arg?.channel === 'books' && data) levels += length(data[0].bids) + length(data[0].asks)
    if (frame.arg?.channel === 'trades' && data) trades += length(data)
    if (channel === 'v3_orderbook') {
      const present = (each: { size?: string }) => each.size === undefined || Number(each.size) > 0
      levels += frame.contents.bids.filter(present).length + frame.contents.asks.filter(present).length
    }
    if (channel === 'v3_trades') trades += length(frame.contents.trades)
  })
  return { levels, trades }
}

describe.skipIf(names.length === 0)('real captures (passed over where they are absent)', () => {
  test.each(names)('%s: no gap, no reject, every level and trade counted', async (name) => {
    const path = join(captures, name)
    const sink = new ListSink()
    await cryptofeed.read(await openInput(path), sink, {})
    expect([sink.gaps, sink.rejects]).toEqual([[], []])
    if (!name.includes('.ws.')) {
      const seen =
        (sink.counts.get('instrument definitions') ?? 0) +
        (sink.skips.get('snapshot imported with its websocket file') ?? 0)
      expect(seen).toBeGreaterThan(0)
      return
    }
    const count = (what: string) => sink.counts.get(what) ?? 0
    const own = await independentCount(path)
    expect(count('trades')).toBe(own.trades)
    if (name.startsWith('BINANCE')) {
      // Updates older than the snapshot are left, and the snapshots come from the file beside it.
      expect(count('depth levels')).toBeGreaterThan(own.levels * 0.98)
    } else {
      expect(count('depth levels') + count('snapshot levels') + count('depth levels overtaken by a later offset')).toBe(
        own.levels,
      )
    }
    if (name.startsWith('OKX')) expect(count('checksums verified')).toBe(count('snapshots') + count('depth updates'))
    // What the definitions call a step is one: but for orders older than Binance's last change of CTKUSDT's tick.
    const steps = new Map(
      sink.instruments.map((each) => [instrumentId({ tickSize: '1', lotSize: '1', source: '', ...each }), each]),
    )
    const between = new Set<string>()
    for (const { instrument, rows } of sink.messages) {
      const { tickSize, lotSize } = steps.get(instrument)!
      const [ticks, lots] = [new Grid(tickSize!), new Grid(lotSize!)]
      for (const { kind, price, size } of rows) {
        if (!offGrid(kind) && (Number.isNaN(ticks.index(price)) || Number.isNaN(lots.index(size))))
          between.add(instrument)
      }
    }
    expect([...between]).toEqual(name.startsWith('BINANCE') ? ['CTK-USDT-PERP@binance-usdm'] : [])
  })
})
