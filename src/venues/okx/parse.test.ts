/**
 * Goal: OKX's books are held to their checksum and sequence; a mismatch is one gap until the next snapshot.
 * Method: hand-made frames whose checksums are computed here by the bitwise definition of CRC-32, not by the parser's.
 */

import { expect, test } from 'vitest'
import { ListSink } from '../../importers/listSink.ts'
import { Flag, Kind } from '../../market/tape.ts'
import { OkxFrames } from './parse.ts'
import { definitionsOf, sketchName } from './wire.ts'

const T0 = 1_652_459_225_000

/** CRC-32 (IEEE 802.3) bit by bit, as a signed integer. */
function crc(text: string): number {
  let register = -1
  for (const byte of Buffer.from(text)) {
    register ^= byte
    for (let bit = 0; bit < 8; bit++) register = (register >>> 1) ^ (register & 1 ? 0xedb88320 : 0)
  }
  return ~register
}

type Level = readonly [price: string, size: string]

function book(action: 'snapshot' | 'update', bids: Level[], asks: Level[], more: object) {
  const full = (levels: Level[]) => levels.map(([price, size]) => [price, size, '0', '1'])
  return {
    arg: { channel: 'books', instId: 'BTC-USDT' },
    action,
    data: [{ bids: full(bids), asks: full(asks), ts: String(T0), ...more }],
  }
}

function read(frames: readonly (object | string)[]): ListSink {
  const sink = new ListSink()
  const parser = new OkxFrames(sink)
  for (const [index, frame] of frames.entries()) {
    const text = typeof frame === 'string' ? frame : JSON.stringify(frame)
    parser.frame(text, (T0 + 100) * 1000 + index, { line: index + 1, byte: index })
  }
  return sink
}

const start = book(
  'snapshot',
  [
    ['99.50', '1.0'],
    ['99', '2'],
  ],
  [['101', '3']],
  { checksum: crc('99.50:1.0:101:3:99:2') },
)

test('the checksum is of the digits sent, bids and asks interleaved, the longer side alone at the end', () => {
  const sink = read([
    start,
    book(
      'update',
      [['99.50', '0']],
      [
        ['100', '1.10'],
        ['102', '5'],
      ],
      { checksum: crc('99:2:100:1.10:101:3:102:5') },
    ),
    book('update', [], [['100', '1.2']], { checksum: crc('99:2:100:1.2:101:3:102:5') }),
  ])
  expect(sink.counts.get('checksums verified')).toBe(3)
  expect(sink.gaps).toEqual([])
  expect(sink.messages[0]!.rows[0]!.flags & Flag.RESET).toBe(Flag.RESET)
})

test('only the 25 best levels a side are summed', () => {
  const bids = Array.from({ length: 30 }, (_, index): Level => [String(100 - index), '1'])
  const sum = crc(
    bids
      .slice(0, 25)
      .map(([price]) => `${price}:1`)
      .join(':'),
  )
  expect(read([book('snapshot', bids, [], { checksum: sum })]).counts.get('checksums verified')).toBe(1)
})

test('a mismatch is one gap, whatever follows, until the next snapshot', () => {
  const update = book('update', [['98', '1']], [], { checksum: 12345 })
  const sink = read([start, update, update, start, update])
  expect(sink.gaps.map(({ place }) => place.line)).toEqual([2, 5])
  expect(sink.traps.map(({ name }) => name)).toEqual(['checksum-mismatch', 'checksum-mismatch'])
})

test('an update must name the one it follows; after a break the checksum is not blamed again', () => {
  const numbered = (seqId: number, prevSeqId: number, checksum = 1) =>
    book('update', [['98', '1']], [], { seqId, prevSeqId, checksum })
  const first = book('snapshot', [['99', '1']], [], { seqId: 5, prevSeqId: -1 })
  const sink = read([
    first,
    numbered(7, 5, crc('99:1:98:1')),
    numbered(9, 8),
    numbered(10, 9),
    numbered(10, 10),
    numbered(10, 9),
  ])
  expect(sink.gaps).toMatchObject([{ expected: 7, received: 8, place: { line: 3, byte: 2 } }])
  expect(sink.traps.map(({ name }) => name)).toEqual(['duplicate-update'])
})

test('after maintenance numbers start again below', () => {
  const first = book('snapshot', [['99', '1']], [], { seqId: 50, prevSeqId: -1 })
  expect(read([first, book('update', [['98', '1']], [], { seqId: 3, prevSeqId: 50 })]).gaps).toEqual([])
})

test('tickers, trades and pong; a contract without a definition is refused', () => {
  const sink = read([
    {
      arg: { channel: 'tickers', instId: 'BTC-USDT' },
      data: [{ instId: 'BTC-USDT', askPx: '101', askSz: '2', bidPx: '', bidSz: '', ts: String(T0) }],
    },
    {
      arg: { channel: 'trades', instId: 'BTC-USDT' },
      data: [{ instId: 'BTC-USDT', tradeId: '78', px: '100', sz: '0.5', side: 'sell', ts: String(T0) }],
    },
    'pong',
    { event: 'subscribe', arg: {} },
    {
      arg: { channel: 'trades', instId: 'BTC-USD-SWAP' },
      data: [{ instId: 'BTC-USD-SWAP', tradeId: '78', px: '100', sz: '1', side: 'buy', ts: String(T0) }],
    },
  ])
  expect(sink.rows(Kind.QUOTE).map(({ price, size }) => [price, size])).toEqual([
    [0, 0],
    [101, 2],
  ])
  expect(sink.rows(Kind.TRADE)).toMatchObject([{ side: -1, price: 100, size: 0.5, value: 78 }])
  expect(sink.rejects).toMatchObject([{ name: 'instrument-undefined' }])
})

test('definitions give contracts their worth', () => {
  const entry = (more: object) => ({ instType: 'SWAP', ctMult: '1', lotSz: '1', tickSz: '0.1', ...more })
  const { instruments, unreadable } = definitionsOf(
    {
      data: [
        entry({ instId: 'BTC-USD-SWAP', ctVal: '100', ctValCcy: 'USD', settleCcy: 'BTC' }),
        entry({ instId: 'BTC-USDT-SWAP', ctVal: '0.01', ctValCcy: 'BTC', settleCcy: 'USDT' }),
        entry({
          instId: 'BTC-USD-220514-22000-C',
          instType: 'OPTION',
          ctVal: '1',
          ctMult: '0.1',
          settleCcy: 'BTC',
          expTime: '1652515200000',
        }),
        entry({
          instId: 'BTC-USD-220513',
          instType: 'FUTURES',
          ctVal: '100',
          settleCcy: 'BTC',
          expTime: '1652515200000',
        }),
      ],
    },
    'test',
  )
  expect(instruments.get('BTC-USD-SWAP')).toMatchObject({ payoff: 'inverse', multiplier: '100', settle: 'BTC' })
  expect(instruments.get('BTC-USDT-SWAP')).toMatchObject({ payoff: 'linear', multiplier: '0.01', settle: 'USDT' })
  expect(instruments.get('BTC-USD-220514-22000-C')).toMatchObject({
    kind: 'option',
    multiplier: '0.1',
    strike: '22000',
    right: 'call',
  })
  expect(unreadable).toBe(1)
  expect(() => sketchName('what')).toThrow('symbol-unknown')
})
