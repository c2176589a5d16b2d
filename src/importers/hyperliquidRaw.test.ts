/**
 * Goal: raw Hyperliquid logs come in whole.
 * Method: hand-made lines; files damaged at random; the real recording, where it is at hand, against JSON.parse.
 */

import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { Kind } from '../market/tape.ts'
import { openInput } from '../store/inputFile.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { hyperliquidRaw } from './hyperliquidRaw.ts'
import { ListSink } from './listSink.ts'

const NS = 1_737_918_843_893_903_123n
const line = (index: number, frame: object) => `${NS + BigInt(index) * 1_000_000n} ${JSON.stringify(frame)}`
const T = 1_737_918_843_500
const level = (px: string, sz: string) => ({ n: 5, px, sz })
const LINES = [
  line(0, {
    channel: 'l2Book',
    data: { coin: 'BTC', levels: [[level('105055.0', '3.03622')], [level('105056.0', '1')]], time: T },
  }),
  line(1, {
    channel: 'trades',
    data: [
      {
        coin: 'BTC',
        hash: '0x0',
        px: '105056.0',
        side: 'B',
        sz: '0.00219',
        tid: 121451470284048,
        time: T - 50_000,
        users: [],
      },
    ],
  }),
  line(2, { channel: 'l2Book', data: { coin: 'BTC', levels: [[level('105055.0', '3')], []], time: T + 500 } }),
  line(3, {
    channel: 'activeAssetCtx',
    data: { coin: 'BTC', ctx: { funding: '0.0000125', openInterest: '1', oraclePx: '1', markPx: '1' } },
  }),
]

test('books and trades are read with their two times', async () => {
  const sink = await importText(hyperliquidRaw, 'a.jsonl', `${LINES.join('\n')}\n`)
  expect(sink.rejects).toEqual([])
  expect(sink.messages[0]).toMatchObject({ timeUs: 1_737_918_843_893_903, venueTimeUs: T * 1000 })
  expect(sink.rows(Kind.DEPTH)).toHaveLength(3)
  expect(sink.traps.map(({ name }) => name)).toContain('trade-replay')
})

test('it is sure of its own lines only', () => {
  expect(hyperliquidRaw.recognise('a', LINES[0]!)).toBeGreaterThan(0.9)
  expect(hyperliquidRaw.recognise('a', `${NS} {"stream":"btcusdt@depth"}`)).toBe(0)
})

test('damaged logs leave rejects and never a wrong number', { timeout: 600_000 }, async () => {
  const report = await fuzzImporter(hyperliquidRaw, 'a.jsonl', LINES, fuzzCases(process.env), 20250126)
  expect(report.rejects).toBeGreaterThan(report.cases / 5)
  expect(report.messages).toBeGreaterThan(report.cases)
  if (process.env['FUZZ']) console.log('hyperliquid-raw', report)
})

const recording = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/data/l2/hyperliquid_btcusd_20250126.jsonl.gz`

test.skipIf(!existsSync(recording))(
  'the real recording counts as JSON.parse counts it (passed over where it is absent)',
  async () => {
    const sink = new ListSink()
    await hyperliquidRaw.read(await openInput(recording), sink, {})
    const frames = gunzipSync(readFileSync(recording))
      .toString()
      .trimEnd()
      .split('\n')
      .map((each) => JSON.parse(each.slice(20)))
    const books = frames.filter(({ channel }) => channel === 'l2Book')
    const trades = frames.filter(({ channel }) => channel === 'trades').flatMap(({ data }) => data)
    expect(sink.counts.get('snapshots')).toBe(books.length)
    expect(sink.rows(Kind.DEPTH)).toHaveLength(books.flatMap(({ data }) => data.levels.flat()).length)
    expect(sink.rows(Kind.TRADE).map(({ value }) => value)).toEqual(trades.map(({ tid }) => tid))
    expect([sink.rejects, sink.gaps]).toEqual([[], []])
    expect(books.length + trades.length).toBeGreaterThan(100)
  },
)
