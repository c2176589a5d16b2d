/**
 * Goal: Binance's books chain as its documentation says, a loss is one gap, and the scanner never disagrees with JSON.
 * Method: hand-made frames for each rule; then the two readers side by side on frames damaged at random.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { damage } from '../../importers/fuzz.ts'
import { ListSink } from '../../importers/listSink.ts'
import { Flag, Kind } from '../../market/tape.ts'
import { BinanceFrames } from './parse.ts'
import { type BinanceMarket, definitionsOf, sketchSymbol } from './wire.ts'

const T0 = 1_721_347_021_000
type Level = readonly [price: string, size: string]

/** A futures update covering U..u, chained by pu. */
function update(U: number, u: number, pu: number, b: Level[] = [['100.1', '2']], a: Level[] = [], s = 'BTCUSDT') {
  return { stream: `${s.toLowerCase()}@depth`, data: { e: 'depthUpdate', E: T0 + 1, T: T0, s, U, u, pu, b, a } }
}

function spotUpdate(U: number, u: number, b: Level[] = [['100.1', '2']]) {
  return { stream: 'btcusdt@depth', data: { e: 'depthUpdate', E: T0, s: 'BTCUSDT', U, u, b, a: [] } }
}

function snapshot(lastUpdateId: number, bids: Level[] = [['100', '1']], asks: Level[] = [['101', '3']]) {
  return { lastUpdateId, E: T0 + 5, T: T0 + 4, bids, asks }
}

function read(
  market: BinanceMarket,
  frames: readonly unknown[],
  memory = new Map<string, string>(),
  options: { symbol?: string; scan?: boolean } = { symbol: 'BTCUSDT' },
) {
  const sink = new ListSink(memory)
  const parser = new BinanceFrames(market, sink, options)
  for (const [index, frame] of frames.entries()) {
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
    parser.frame(text, (T0 + 10) * 1000 + index, { line: index + 1, byte: index })
  }
  parser.finish()
  return sink
}

const traps = (sink: ListSink) => sink.traps.map(({ name }) => name)
const depths = (sink: ListSink) => sink.rows(Kind.DEPTH).map(({ side, price, size }) => [side, price, size])

describe('futures chain by pu', () => {
  test('a snapshot resets the book and the updates after it chain without a gap', () => {
    const sink = read('usdm', [snapshot(10), update(9, 12, 8), update(13, 15, 12, [], [['101', '0']])])
    expect(sink.gaps).toEqual([])
    expect(sink.messages[0]!.rows.map(({ flags }) => flags)).toEqual([
      Flag.RESET | Flag.SNAPSHOT,
      Flag.SNAPSHOT | Flag.END,
    ])
    expect(depths(sink)).toEqual([
      [1, 100, 1],
      [-1, 101, 3],
      [1, 100.1, 2],
      [-1, 101, 0],
    ])
    expect(sink.messages[1]).toMatchObject({ instrument: 'BTC-USDT-PERP@binance-usdm', venueTimeUs: T0 * 1000 })
  })

  test('updates that end before the snapshot are left, and those reaching beyond it are applied again after it', () => {
    const frames = [
      update(1, 4, 0),
      update(5, 8, 4, [['99', '7']]),
      update(9, 12, 8, [['98', '6']]),
      snapshot(8),
      update(13, 14, 12),
    ]
    const sink = read('usdm', frames)
    expect(sink.gaps).toEqual([])
    // Three as received, the snapshot, then 5..8 (reaches L) and 9..12 again, then the live one.
    expect(sink.messages.map(({ rows }) => rows.map(({ price }) => price))).toEqual([
      [100.1],
      [99],
      [98],
      [100, 101],
      [99],
      [98],
      [100.1],
    ])
    expect(sink.counts.get('depth updates')).toBe(4)
    expect(sink.counts.get('depth levels applied again after a snapshot')).toBe(2)
  })

  test('updates received after the snapshot and older than it are skipped', () => {
    const sink = read('usdm', [snapshot(10), update(5, 8, 4), update(9, 11, 8)])
    expect(sink.skips.get('update-before-snapshot')).toBe(1)
    expect(sink.gaps).toEqual([])
    expect(sink.counts.get('depth updates')).toBe(1)
  })

  test('a snapshot older than anything received is a gap', () => {
    expect(read('usdm', [snapshot(10), update(15, 16, 14)]).gaps).toMatchObject([{ expected: 10, received: 14 }])
    expect(read('usdm', [snapshot(10), update(11, 16, 10)]).gaps).toEqual([])
  })

  test('a lost update is one gap at its place, and the chain goes on behind it', () => {
    const sink = read('usdm', [snapshot(10), update(10, 12, 9), update(15, 16, 14), update(17, 18, 16)])
    expect(sink.gaps).toMatchObject([{ expected: 12, received: 14, place: { line: 3, byte: 2 } }])
    const kinds = sink.messages.map(({ rows }) => rows[0]!.kind)
    expect(kinds).toEqual([Kind.DEPTH, Kind.DEPTH, Kind.GAP, Kind.DEPTH, Kind.DEPTH])
  })

  test('a duplicate and a late update are reported and not applied', () => {
    const sink = read('usdm', [
      snapshot(10),
      update(10, 12, 9),
      update(10, 12, 9),
      update(13, 15, 12),
      update(11, 12, 10),
    ])
    expect(traps(sink)).toEqual(['duplicate-update', 'out-of-order-update'])
    expect(sink.counts.get('depth updates')).toBe(2)
    expect(sink.gaps).toEqual([])
  })

  test('an update of nothing is skipped, but its numbers count', () => {
    const sink = read('usdm', [snapshot(10), update(10, 12, 9, []), update(13, 15, 12)])
    expect(sink.skips.get('empty-update')).toBe(1)
    expect(sink.gaps).toEqual([])
  })

  test('an unreadable update leaves nothing and shows up as a gap', () => {
    const broken = update(13, 14, 12, [
      ['100', '1'],
      ['101', '-1'],
    ])
    const sink = read('usdm', [snapshot(10), update(10, 12, 9), broken, update(15, 16, 14)])
    expect(sink.rejects).toMatchObject([{ name: 'size-invalid', place: { line: 3, byte: 2 } }])
    expect(depths(sink).filter(([, price]) => price === 100 || price === 101)).toHaveLength(2)
    expect(sink.gaps).toHaveLength(1)
  })

  test('two symbols of one connection keep their own chains', () => {
    const eth = (U: number, u: number, pu: number) => update(U, u, pu, [['5', '1']], [], 'ETHUSDT')
    expect(read('usdm', [update(1, 2, 0), eth(101, 102, 100), update(3, 4, 2), eth(103, 104, 102)]).gaps).toEqual([])
  })
})

describe('spot chains by U', () => {
  test('the first update must cover the number after the snapshot', () => {
    const book = { lastUpdateId: 10, bids: [['100', '1']], asks: [] }
    expect(read('spot', [spotUpdate(1, 2), book, spotUpdate(9, 12), spotUpdate(13, 13)]).gaps).toEqual([])
    expect(read('spot', [spotUpdate(1, 2), book, spotUpdate(11, 12)]).gaps).toEqual([])
    expect(read('spot', [spotUpdate(1, 2), book, spotUpdate(12, 13)]).gaps).toMatchObject([
      { expected: 11, received: 12 },
    ])
    expect(
      read('spot', [spotUpdate(1, 2), book, spotUpdate(9, 10), spotUpdate(11, 12)]).skips.get('update-before-snapshot'),
    ).toBe(1)
  })

  test('a hole is a gap', () => {
    expect(read('spot', [spotUpdate(1, 4), spotUpdate(5, 6), spotUpdate(8, 9)]).gaps).toMatchObject([
      { expected: 7, received: 8 },
    ])
  })
})

describe('a pair of files', () => {
  const first = [snapshot(10), update(10, 12, 9)]

  test('the second goes on where the first ended: no gap, no complaint', () => {
    const memory = new Map<string, string>()
    read('usdm', [update(8, 9, 7), ...first], memory)
    const sink = read('usdm', [update(13, 15, 12)], memory)
    expect(sink.gaps).toEqual([])
    expect(sink.traps).toEqual([])
    expect(sink.counts.get('chains continued from an earlier file')).toBe(1)
  })

  test('alone, the second says what it misses', () => {
    const sink = read('usdm', [update(13, 15, 12)])
    expect(sink.traps).toMatchObject([{ name: 'no-snapshot', place: { line: 1, byte: 0 } }])
    expect(sink.traps[0]!.detail).toContain('from update 12')
    expect(sink.gaps).toEqual([])
    expect(sink.counts.get('depth updates')).toBe(1)
  })

  test('a file lost between the two is a gap', () => {
    const memory = new Map<string, string>()
    read('usdm', [update(8, 9, 7), ...first], memory)
    expect(read('usdm', [update(23, 25, 22)], memory).gaps).toMatchObject([{ expected: 12, received: 22 }])
  })
})

describe('other events', () => {
  test('the aggressor sells when the buyer is the maker; trades not of the market are special, empty ones skipped', () => {
    const trade = (m: boolean, X: string, p = '63960.00', q = '0.310') => ({
      stream: 'btcusdt@trade',
      data: { e: 'trade', E: T0 + 2, T: T0, s: 'BTCUSDT', t: 5182006711, p, q, X, m },
    })
    const sink = read('usdm', [trade(true, 'MARKET'), trade(false, 'INSURANCE_FUND'), trade(false, 'NA', '0', '0')])
    expect(sink.rows(Kind.TRADE)).toEqual([
      { kind: Kind.TRADE, side: -1, price: 63960, size: 0.31, value: 5182006711, flags: Flag.END },
      { kind: Kind.TRADE, side: 1, price: 63960, size: 0.31, value: 5182006711, flags: Flag.END | Flag.SPECIAL },
    ])
    expect(sink.skips.get('empty-trade')).toBe(1)
  })

  test('trades and their aggregates of one instrument are not both counted', () => {
    const trade = { e: 'trade', E: T0, T: T0, s: 'BTCUSDT', t: 1, p: '1', q: '1', X: 'MARKET', m: true }
    const aggregate = { e: 'aggTrade', E: T0, T: T0, s: 'BTCUSDT', a: 1, p: '1', q: '1', f: 1, l: 2, m: true }
    for (const frames of [
      [trade, aggregate],
      [aggregate, trade],
    ]) {
      expect(read('usdm', frames).rows(Kind.TRADE)).toHaveLength(1)
    }
  })

  test('a book ticker is both sides of the touch; spot has no time of its own and says so', () => {
    const ticker = { stream: 'btcusdt@bookTicker', data: { u: 7, s: 'BTCUSDT', b: '99.5', B: '2', a: '100.5', A: '3' } }
    const sink = read('spot', [ticker])
    expect(sink.messages).toMatchObject([{ stream: 'quote', venueTimeUs: (T0 + 10) * 1000 }])
    expect(sink.rows(Kind.QUOTE).map(({ side, price, size }) => [side, price, size])).toEqual([
      [1, 99.5, 2],
      [-1, 100.5, 3],
    ])
    expect(traps(sink)).toEqual(['no-venue-time'])
  })

  test('mark, index and funding forecast come from one event, timed by E', () => {
    const event = {
      e: 'markPriceUpdate',
      E: T0,
      s: 'BTCUSDT',
      p: '100.5',
      P: '100',
      i: '99.5',
      r: '-0.0001',
      T: T0 + 60_000,
    }
    const sink = read('usdm', [event])
    expect(sink.messages.map(({ stream, venueTimeUs }) => [stream, venueTimeUs])).toEqual([
      ['mark', T0 * 1000],
      ['funding', T0 * 1000],
    ])
    expect(sink.rows().map(({ kind, size, value }) => [kind, size, value])).toEqual([
      [Kind.MARK, 0, 100.5],
      [Kind.INDEX, 0, 99.5],
      [Kind.FUNDING_FORECAST, 60_000_000, -0.0001],
    ])
  })

  test('a forced order is a liquidation of its filled size; a bar counts once closed; statistics are skipped', () => {
    const o = {
      s: 'BTCUSDT',
      S: 'SELL',
      o: 'LIMIT',
      f: 'IOC',
      q: '3',
      p: '90',
      ap: '91',
      X: 'FILLED',
      l: '1',
      z: '2',
      T: T0,
    }
    const k = { t: T0 - 60_000, T: T0 - 1, s: 'BTCUSDT', i: '1m', o: '1', c: '2', h: '3', l: '0.5', v: '9', x: true }
    const sink = read('usdm', [
      { e: 'forceOrder', E: T0, o },
      { e: 'kline', E: T0, s: 'BTCUSDT', k },
      { e: 'kline', E: T0, s: 'BTCUSDT', k: { ...k, x: false } },
      { e: '24hrTicker', E: T0, s: 'BTCUSDT' },
      { result: null, id: 1 },
      { e: 'surprise' },
    ])
    expect(sink.rows(Kind.LIQUIDATION)).toMatchObject([{ side: -1, price: 91, size: 2 }])
    expect(sink.rows(Kind.BAR_CLOSE)).toMatchObject([{ price: 2, size: 9, value: 60_000_000 }])
    expect(sink.messages.at(-1)!.venueTimeUs).toBe(T0 * 1000)
    expect([...sink.skips.keys()]).toEqual(['bar-unfinished', 'event 24hrTicker', 'reply'])
    expect(sink.rejects).toMatchObject([{ name: 'event-unknown' }])
  })

  test('a snapshot that names no symbol belongs to the only one there is, or is rejected', () => {
    expect(read('usdm', [snapshot(10)], new Map(), {}).rejects).toMatchObject([{ name: 'snapshot-without-symbol' }])
    const two = [update(1, 2, 0), update(1, 2, 0, [['1', '1']], [], 'ETHUSDT'), snapshot(10)]
    expect(read('usdm', two, new Map(), {}).rejects).toMatchObject([{ name: 'snapshot-without-symbol' }])
  })
})

test('symbols name their instruments, with the contracts of each market', () => {
  expect(sketchSymbol('coinm', 'BTCUSD_PERP')).toMatchObject({ payoff: 'inverse', settle: 'BTC', multiplier: '100' })
  expect(sketchSymbol('coinm', 'ETHUSD_240927')).toMatchObject({
    kind: 'future',
    expiry: '2024-09-27',
    multiplier: '10',
  })
  expect(sketchSymbol('usdm', '1000SHIBUSDT')).toMatchObject({ base: '1000SHIB', quote: 'USDT', kind: 'perp' })
  expect(sketchSymbol('spot', 'ETHBTC')).toMatchObject({ base: 'ETH', quote: 'BTC', kind: 'spot', settle: 'BTC' })
  expect(() => sketchSymbol('usdm', 'nonsense')).toThrow('symbol-unknown')
})

test('exchangeInfo gives steps, and entries it cannot make sense of are counted', () => {
  const filters = [
    { filterType: 'PRICE_FILTER', tickSize: '0.10' },
    { filterType: 'LOT_SIZE', stepSize: '0.001' },
  ]
  const reply = {
    symbols: [
      { symbol: 'BTCUSDT', baseAsset: 'BTC', quoteAsset: 'USDT', marginAsset: 'USDT', filters },
      { symbol: 'X' },
    ],
  }
  const read = definitionsOf('usdm', reply, 'test')
  expect(read.instruments.get('BTCUSDT')).toMatchObject({ tickSize: '0.1', lotSize: '0.001' })
  expect(read.unreadable).toBe(1)
})

test('on damaged frames the scanner and JSON leave the same messages, gaps, traps and rejects', () => {
  const frames = [
    update(8, 9, 7),
    snapshot(10),
    update(10, 12, 9, [['63943.90', '46.371']], [['63944.00', '0.095']]),
    {
      stream: 'btcusdt@trade',
      data: { e: 'trade', E: T0, T: T0, s: 'BTCUSDT', t: 5, p: '63960.00', q: '0.310', X: 'MARKET', m: false },
    },
    {
      stream: 'btcusdt@bookTicker',
      data: { e: 'bookTicker', u: 13, s: 'BTCUSDT', b: '1.5', B: '2', a: '1.6', A: '3', T: T0, E: T0 },
    },
    update(13, 15, 12, [], [['63944.00', '0.000']]),
  ].map((frame) => JSON.stringify(frame))
  let different = 0
  for (let number = 0; number < 2000; number++) {
    const damaged = damage(frames, new Random(7).fork(`case ${number}`)).split('\n')
    const [scanned, parsed] = [true, false].map((scan) =>
      read('usdm', damaged, new Map(), { symbol: 'BTCUSDT', scan }),
    ) as [ListSink, ListSink]
    expect(scanned.messages).toEqual(parsed.messages)
    expect(scanned.gaps).toEqual(parsed.gaps)
    expect(scanned.rejects.map(({ place }) => place)).toEqual(parsed.rejects.map(({ place }) => place))
    if (scanned.messages.length !== 6) different++
  }
  expect(different).toBeGreaterThan(700)
})
