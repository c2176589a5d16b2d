/**
 * Goal: raw Binance logs come in whole, in pairs without a gap, and damaged ones are refused line by line.
 *
 * Method: small hand-made logs; files damaged at random; and, where the recordings are at hand ($GIMBAL_SHARED, default
 * ../shared), real pairs against an independent count by JSON.parse and a book rebuilt the slow way. FULL=1 takes all.
 */

import { existsSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { Flag, Kind } from '../market/tape.ts'
import { type InputFile, openInput } from '../store/inputFile.ts'
import { BinanceFrames } from '../venues/binance/parse.ts'
import { binanceRaw, marketOf } from './binanceRaw.ts'
import { fuzzCases, fuzzImporter, importText } from './fuzz.ts'
import { ListSink } from './listSink.ts'
import { nanosecondPrefix } from './recordedFrames.ts'

const NS = 1_721_347_020_984_480_942n
const line = (index: number, frame: object) => `${NS + BigInt(index) * 1_000_000n} ${JSON.stringify(frame)}`
const T = 1_721_347_020_900
const depth = (U: number, u: number, pu: number, b: string[][] = [['63943.90', '1.5']]) => ({
  stream: 'btcusdt@depth@0ms',
  data: { e: 'depthUpdate', E: T, T, s: 'BTCUSDT', U, u, pu, b, a: [['63944.00', '0.000']] },
})
const USDM = [
  line(0, depth(8, 9, 7)),
  line(1, {
    stream: 'btcusdt@bookTicker',
    data: { e: 'bookTicker', u: 9, s: 'BTCUSDT', b: '63943.90', B: '46.371', a: '63944.00', A: '0.095', T, E: T },
  }),
  line(2, { lastUpdateId: 10, E: T, T, bids: [['63943.90', '46.372']], asks: [['63944.00', '1']] }),
  line(3, depth(10, 12, 9)),
  line(4, {
    stream: 'btcusdt@trade',
    data: { e: 'trade', E: T, T, s: 'BTCUSDT', t: 51, p: '63943.90', q: '0.310', X: 'MARKET', m: true },
  }),
  line(5, depth(13, 15, 12)),
]
const SPOT = [
  line(0, {
    stream: 'btcusdt@depth@100ms',
    data: { e: 'depthUpdate', E: T, s: 'BTCUSDT', U: 1, u: 4, b: [['61837.63000000', '0.00000000']], a: [] },
  }),
  line(1, {
    stream: 'btcusdt@bookTicker',
    data: { u: 4, s: 'BTCUSDT', b: '61837.62000000', B: '3.78826000', a: '61837.64000000', A: '1.54698000' },
  }),
  line(2, { lastUpdateId: 4, bids: [['61837.62000000', '1']], asks: [['61837.64000000', '1']] }),
  line(3, {
    stream: 'btcusdt@trade',
    data: { e: 'trade', E: T, s: 'BTCUSDT', t: 37, p: '61837.63000000', q: '0.02000000', T, m: true, M: true },
  }),
  line(4, {
    stream: 'btcusdt@depth@100ms',
    data: { e: 'depthUpdate', E: T, s: 'BTCUSDT', U: 5, u: 5, b: [], a: [['61837.64000000', '0.5']] },
  }),
]

test('the time of receipt is the prefix, rounded down to microseconds', async () => {
  expect(nanosecondPrefix('1721347020984480942 {}')).toBe(1_721_347_020_984_480)
  for (const prefix of [
    '172134702098448094 {}',
    '172134702098448094a {}',
    '1721347020984480942{}',
    '0000000000000000001 {}',
  ]) {
    expect(nanosecondPrefix(prefix)).toBeNaN()
  }
  const sink = await importText(binanceRaw, 'a.jsonl', `${USDM.join('\n')}\n`)
  expect(sink.messages[0]!.timeUs).toBe(1_721_347_020_984_480)
  expect(sink.rejects).toEqual([])
  expect(Object.fromEntries(sink.counts)).toMatchObject({ 'depth updates': 3, snapshots: 1, trades: 1, quotes: 1 })
})

test('the market is told by its frames', async () => {
  expect((await importText(binanceRaw, 'a', SPOT.join('\n'))).instruments).toMatchObject([{ venue: 'binance' }])
  const coin = { stream: 'btcusd_perp@depth@0ms', data: { ...depth(1, 2, 0).data, s: 'BTCUSD_PERP', ps: 'BTCUSD' } }
  expect((await importText(binanceRaw, 'a', line(0, coin))).instruments).toMatchObject([{ venue: 'binance-coinm' }])
  expect(marketOf('{"e":"aggTrade","s":"BTCUSDT"}')).toBeUndefined()
  await expect(importText(binanceRaw, 'a', SPOT.join('\n'), { market: 'moon' })).rejects.toMatchObject({
    code: 'argument-invalid',
  })
})

test('a line that cannot be read is named by line and byte, and the rest is read', async () => {
  const sink = await importText(
    binanceRaw,
    'a',
    [USDM[0], 'rubbish', `${NS} {"e":`, ...USDM.slice(1), `${NS} {"e":"tra`].join('\n'),
  )
  expect(sink.rejects.map(({ name, place }) => [name, place])).toEqual([
    ['line-malformed', { line: 2, byte: USDM[0]!.length + 1 }],
    ['json-invalid', { line: 3, byte: USDM[0]!.length + 9 }],
    ['json-invalid', expect.objectContaining({ line: 9 })],
  ])
  expect(sink.counts.get('depth updates')).toBe(3)
})

test('a file of nothing readable is refused as a whole', async () => {
  await expect(importText(binanceRaw, 'a.jsonl', 'x\ny\n')).rejects.toMatchObject({
    code: 'file-invalid',
    facts: { file: 'a.jsonl', line: 1, byte: 0 },
  })
  await expect(importText(binanceRaw, 'a.jsonl', '')).rejects.toMatchObject({ code: 'file-invalid' })
})

test('it is sure of its own lines and of no one else’s', () => {
  expect(binanceRaw.recognise('a', USDM[0]!)).toBeGreaterThan(0.9)
  expect(binanceRaw.recognise('a', SPOT[2]!)).toBeGreaterThan(0.8)
  expect(binanceRaw.recognise('a', `${NS} {"channel":"l2Book"}`)).toBe(0)
  expect(binanceRaw.recognise('a', 'time_ms,open,high')).toBe(0)
})

test('damaged logs leave rejects and never a wrong number', { timeout: 600_000 }, async () => {
  for (const [name, lines] of [
    ['usdm', USDM],
    ['spot', SPOT],
  ] as const) {
    const report = await fuzzImporter(binanceRaw, name, lines, Math.ceil(fuzzCases(process.env) / 2), 20240718)
    expect(report.rejects).toBeGreaterThan(report.cases / 5)
    expect(report.messages).toBeGreaterThan(report.cases)
    if (process.env['FUZZ']) console.log('binance-raw', name, report)
  }
})

const shared = `${process.env['GIMBAL_SHARED'] ?? '../shared'}/data/l2`
const pairs = [
  ['usdm_btcusdt_20240718', 'usdm_btcusdt_20240719'],
  ['usdm_ethusdt_20240718', 'usdm_ethusdt_20240719'],
  ['cm_btcusd_perp_20240808', 'cm_btcusd_perp_20240809'],
  ['cm_ethusd_perp_20240808', 'cm_ethusd_perp_20240809'],
  ['spot_btcusdt_20240808', 'spot_btcusdt_20240809'],
  ['spot_ethusdt_20240808', 'spot_ethusdt_20240809'],
]
// The smallest first file whole and a minute of its second in every run; every line of all pairs on request.
const full = process.env['FULL'] === '1'
const chosen = full ? pairs : pairs.slice(0, 1)
const linesMax = full ? Number.POSITIVE_INFINITY : 12_000

/** A recording up to `linesMax` lines. */
async function opened(path: string): Promise<InputFile> {
  const file = await openInput(path)
  return {
    ...file,
    text: file.text.bind(file),
    lines: (onLine) =>
      file.lines((text, line, byte, complete) => line <= linesMax && onLine(text, line, byte, complete)),
  }
}

interface Frame {
  data?: { e?: string; u: number; U: number; b: [string, string][]; a: [string, string][]; B?: string }
  lastUpdateId?: number
  bids?: [string, string][]
  asks?: [string, string][]
}

/** Counts by JSON.parse, and the book rebuilt as Binance's documentation says, all updates kept before any is applied. */
class SlowBook {
  readonly counts = { updates: 0, levels: 0, trades: 0, quotes: 0 }
  readonly #updates: NonNullable<Frame['data']>[] = []
  #snapshot: Frame | undefined

  take(frame: Frame): void {
    if (frame.lastUpdateId !== undefined) {
      this.#snapshot = frame
      return
    }
    const data = frame.data!
    if (data.e === 'depthUpdate') {
      this.#updates.push(data)
      this.counts.updates++
      this.counts.levels += data.b.length + data.a.length
    } else if (data.e === 'trade') this.counts.trades++
    else if (data.B !== undefined) this.counts.quotes++
  }

  book(spot: boolean): Map<string, number> {
    const book = new Map<string, number>()
    const set = (side: string, levels: [string, string][]) => {
      for (const [price, size] of levels) {
        if (Number(size) > 0) book.set(`${side}${Number(price)}`, Number(size))
        else book.delete(`${side}${Number(price)}`)
      }
    }
    set('1 ', this.#snapshot!.bids!)
    set('-1 ', this.#snapshot!.asks!)
    const last = this.#snapshot!.lastUpdateId!
    for (const { u, b, a } of this.#updates) {
      if (spot ? u <= last : u < last) continue
      set('1 ', b)
      set('-1 ', a)
    }
    return book
  }
}

describe.skipIf(!existsSync(shared))('real recordings (passed over where they are absent)', () => {
  test.each(chosen)(
    '%s and %s: no gap, every record counted, the book is the one JSON.parse rebuilds',
    { timeout: 60_000 },
    async (first, second) => {
      const memory = new Map<string, string>()
      const slow = new SlowBook()
      const book = new Map<string, number>()
      for (const name of [first!, second!]) {
        const path = `${shared}/${name}.jsonl.gz`
        const sink = new ListSink(memory)
        await binanceRaw.read(await opened(path), sink, {})
        expect(sink.gaps).toEqual([])
        expect(sink.rejects).toEqual([])
        expect(sink.traps.map((trap) => trap.name).filter((trap) => trap !== 'no-venue-time')).toEqual([])
        const before = { ...slow.counts }
        for (const each of gunzipSync(readFileSync(path)).toString().trimEnd().split('\n').slice(0, linesMax))
          slow.take(JSON.parse(each.slice(20)))
        const count = (what: string) => sink.counts.get(what) ?? 0
        expect({
          updates: count('depth updates') + (sink.skips.get('update-before-snapshot') ?? 0),
          trades: count('trades'),
          quotes: count('quotes'),
        }).toEqual({
          updates: slow.counts.updates - before.updates,
          trades: slow.counts.trades - before.trades,
          quotes: slow.counts.quotes - before.quotes,
        })
        if (!sink.skips.has('update-before-snapshot'))
          expect(count('depth levels')).toBe(slow.counts.levels - before.levels)
        for (const row of sink.rows(Kind.DEPTH)) {
          if (row.flags & Flag.RESET) book.clear()
          if (row.size > 0) book.set(`${row.side} ${row.price}`, row.size)
          else book.delete(`${row.side} ${row.price}`)
        }
      }
      expect(book).toEqual(slow.book(first!.startsWith('spot')))
      expect(book.size).toBeGreaterThan(1000)
    },
  )

  test('the second of a pair alone says that its snapshot is missing', { timeout: 60_000 }, async () => {
    const sink = new ListSink()
    await binanceRaw.read(await opened(`${shared}/${pairs[0]![1]}.jsonl.gz`), sink, {})
    expect(sink.gaps).toEqual([])
    expect(sink.traps.map(({ name }) => name)).toContain('no-snapshot')
  })

  test('the scanner and JSON.parse leave the same rows of every real frame', { timeout: 120_000 }, async () => {
    const files = full ? pairs.flat() : ['usdm_btcusdt_20240719', 'cm_ethusd_perp_20240808', 'spot_ethusdt_20240808']
    const frames = full ? Number.POSITIVE_INFINITY : 2000
    for (const name of files) {
      const [scanned, parsed] = [new ListSink(), new ListSink()]
      const market = name.startsWith('usdm') ? 'usdm' : name.startsWith('cm') ? 'coinm' : 'spot'
      const parsers = [new BinanceFrames(market, scanned), new BinanceFrames(market, parsed, { scan: false })]
      await (await openInput(`${shared}/${name}.jsonl.gz`)).lines((text, line, byte) => {
        if (line > frames) return
        for (const parser of parsers) parser.frame(text.slice(20), nanosecondPrefix(text), { line, byte })
      })
      expect(scanned.messages.length).toBeGreaterThan(1000)
      expect(scanned.messages).toEqual(parsed.messages)
      expect(scanned.counts).toEqual(parsed.counts)
    }
  })
})
