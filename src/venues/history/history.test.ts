/**
 * Goal: a download is complete, in order, without a row twice, whatever the server and the process do meanwhile.
 * Method: every kind against a loopback server with the venues' page limits; faults injected; a download interrupted
 * at every page must end in the very bytes of one that was not. Recorded answers are served verbatim where available.
 */

import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { daysBetween, download, HistoryClient, type HistoryRequest, type PagedHistory } from './history.ts'
import { HISTORY, historyKind } from './kinds.ts'
import { LoopbackHistory } from './loopbackHistory.ts'

let server: LoopbackHistory
let baseUrl: string
let folder: string

beforeAll(async () => {
  server = new LoopbackHistory()
  baseUrl = await server.listen()
})
afterAll(() => server.close())
beforeEach(() => {
  server.faults.length = 0
  server.requests.length = 0
  server.recorded = undefined
  folder = mkdtempSync(join(tmpdir(), 'gimbal-history-'))
  return () => rmSync(folder, { recursive: true, force: true })
})

const DAY_US = 86_400e6
const FROM = Date.UTC(2025, 9, 1) * 1000
const request = (days: number, more: Partial<HistoryRequest> = {}): HistoryRequest => ({
  coin: 'BTC',
  interval: '1h',
  fromUs: FROM,
  toUs: FROM + days * DAY_US,
  ...more,
})
const client = (more: object = {}) =>
  new HistoryClient({ baseUrl, rate: 100_000, backoffMs: 1, timeoutMs: 5_000, ...more })
const rows = (file: string) => readFileSync(file, 'utf8').trim().split('\n').slice(1)

describe('every paged kind', () => {
  const hours = (days: number) => days * 24
  test.each([
    ['hyperliquid', 'candles', 300, hours(300), 2],
    ['hyperliquid', 'funding', 50, hours(50), 3],
    ['deribit', 'candles', 300, hours(300), 2],
    ['deribit', 'funding', 60, hours(60), 3],
    ['deribit', 'volatility-index', 60, hours(60), 2],
    ['dydx', 'candles', 10, hours(10), 3],
    ['dydx', 'funding', 10, hours(10), 3],
  ])('%s %s: each hour once, in order', async (venue, what, days, expected, pagesMin) => {
    const kind = historyKind(venue, what)
    const result = await download(kind, client(), request(days, { interval: kind.needsInterval ? '1h' : '' }), folder)
    const times = rows(result.files[0]!).map((line) => Number(line.split(',')[0]))
    expect(times).toEqual(Array.from({ length: expected }, (_, i) => FROM / 1000 + i * 3_600_000))
    expect(result.rows).toBe(expected)
    expect(result.pages).toBeGreaterThanOrEqual(pagesMin)
  })

  test('deribit trades: a page that ends inside a millisecond loses and repeats nothing', async () => {
    const result = await download(
      historyKind('deribit', 'trades'),
      client(),
      request(0, { interval: '', toUs: FROM + 300e6 }),
      folder,
    )
    const ids = rows(result.files[0]!).map((line) => line.split(',')[4])
    expect(ids).toHaveLength(3_000)
    expect(new Set(ids).size).toBe(3_000)
    expect(result.pages).toBeGreaterThan(3)
  })
})

describe('when things go wrong', () => {
  const kind = historyKind('hyperliquid', 'funding') as PagedHistory

  test('a limited, failing or vanishing server is asked again, and the file is the same', async () => {
    const calm = await download(kind, client(), request(50, { interval: '' }), join(folder, 'calm'))
    server.faults.push('rate-limited', 'none', 'server-error', 'hang-up')
    const stormy = client()
    const result = await download(kind, stormy, request(50, { interval: '' }), join(folder, 'stormy'))
    expect(readFileSync(result.files[0]!)).toEqual(readFileSync(calm.files[0]!))
    expect(stormy.retries).toBe(3)
  })

  test('a download interrupted after any page goes on where it was, to the same bytes', async () => {
    const whole = await download(kind, client(), request(100, { interval: '' }), join(folder, 'whole'))
    for (let stopAfter = 1; stopAfter < whole.pages; stopAfter++) {
      const place = join(folder, `cut-${stopAfter}`)
      const abort = new AbortController()
      let pages = 0
      const first = download(kind, client({ signal: abort.signal }), request(100, { interval: '' }), place, () => {
        if (++pages === stopAfter) abort.abort(new Error('interrupted'))
      })
      await expect(first).rejects.toThrow('interrupted')
      expect(existsSync(join(place, 'hyperliquid-funding-BTC-20251001-20260109.csv'))).toBe(false)
      const second = await download(kind, client(), request(100, { interval: '' }), place)
      expect(second.resumed).toBe(true)
      expect(readFileSync(second.files[0]!)).toEqual(readFileSync(whole.files[0]!))
    }
  })

  test('what is there already is not asked for again', async () => {
    await download(kind, client(), request(1, { interval: '' }), folder)
    const asked = server.requests.length
    expect(await download(kind, client(), request(1, { interval: '' }), folder)).toMatchObject({ skipped: 1, rows: 0 })
    expect(server.requests.length).toBe(asked)
  })

  test('a server that keeps failing is given up on, with its last words', async () => {
    server.faults.push(...Array<'server-error'>(9).fill('server-error'))
    await expect(download(kind, client({ attempts: 3 }), request(1, { interval: '' }), folder)).rejects.toMatchObject({
      code: 'fetch-failed',
      facts: { attempts: 3, last: 'HTTP 503 try later' },
    })
  })

  test('a page of HTML is an error that shows it', async () => {
    server.faults.push('not-json')
    await expect(download(kind, client(), request(1, { interval: '' }), folder)).rejects.toMatchObject({
      code: 'fetch-failed',
      facts: { start: '<html>maintenance</html>' },
    })
  })

  test('an empty range and a missing interval are refused before anything is asked', async () => {
    await expect(download(kind, client(), request(0), folder)).rejects.toMatchObject({ code: 'argument-invalid' })
    const candles = historyKind('hyperliquid', 'candles')
    await expect(download(candles, client(), request(1, { interval: '' }), folder)).rejects.toMatchObject({
      code: 'argument-invalid',
    })
    expect(server.requests).toEqual([])
    expect(() => historyKind('deribit', 'gossip')).toThrow(/candles funding trades/)
  })

  test('requests leave no faster than the rate', async () => {
    const start = performance.now()
    await download(kind, client({ rate: 50 }), request(100, { interval: '' }), folder)
    expect(server.requests.length).toBe(6)
    expect(performance.now() - start).toBeGreaterThan(5 * 20 - 5)
  })
})

describe('ready-made files', () => {
  const path = '/data/futures/um/daily/klines/BTCUSDT/1h/BTCUSDT-1h-2025-10-01.zip'
  const kind = historyKind('binance-vision', 'klines')

  test('are checked against their checksum, kept under the venue’s own path, and missing days are named', async () => {
    server.addFile(path, Buffer.from('a zip'))
    const result = await download(kind, client(), request(2, { coin: 'um/BTCUSDT' }), folder)
    expect(result.files).toEqual([join(folder, path)])
    expect(readFileSync(join(folder, path), 'utf8')).toBe('a zip')
    expect(result.missing).toEqual([path.replace('10-01.zip', '10-02.zip')])
    expect(await download(kind, client(), request(1, { coin: 'um/BTCUSDT' }), folder)).toMatchObject({
      skipped: 1,
      rows: 0,
    })
  })

  test('a file that does not match its checksum is refused and not kept', async () => {
    server.addFile(path, Buffer.from('damaged'), 'ab'.repeat(32))
    await expect(download(kind, client(), request(1, { coin: 'um/BTCUSDT' }), folder)).rejects.toMatchObject({
      code: 'fetch-failed',
    })
    expect(existsSync(join(folder, path))).toBe(false)
  })

  test('the archive of Hyperliquid is laid out by day and hour without a leading zero', () => {
    const archive = historyKind('hyperliquid', 'archive')
    if (!('files' in archive)) throw new Error('the archive comes as files')
    const some = archive.files(request(0, { toUs: FROM + 2 * 3_600e6 }))
    expect(some.map((file) => file.path)).toEqual([
      '/market_data/20251001/0/l2Book/BTC.lz4',
      '/market_data/20251001/1/l2Book/BTC.lz4',
    ])
  })

  test('spot and coin-margined files have paths of their own', () => {
    const trades = historyKind('binance-vision', 'trades')
    if (!('files' in trades)) throw new Error('Binance Vision comes as files')
    expect(trades.files(request(1, { coin: 'spot/ETHUSDT' }))[0]!.path).toBe(
      '/data/spot/daily/trades/ETHUSDT/ETHUSDT-trades-2025-10-01.zip',
    )
    expect(trades.files(request(1, { coin: 'cm/ETHUSD_PERP' }))[0]!.path).toBe(
      '/data/futures/cm/daily/trades/ETHUSD_PERP/ETHUSD_PERP-trades-2025-10-01.zip',
    )
  })
})

test('days are counted in UTC, the last one excluded when it has only begun', () => {
  expect(daysBetween(FROM + 1, FROM + DAY_US)).toEqual(['2025-10-01'])
  expect(daysBetween(FROM, FROM + DAY_US + 1)).toEqual(['2025-10-01', '2025-10-02'])
})

test('every kind names a command that imports what it fetched', () => {
  for (const kind of HISTORY) expect(kind.importCommand(request(1), 'f')).toMatch(/^gimbal import f --importer [a-z-]+/)
})

const shared = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'samples', 'venues')
describe.skipIf(!existsSync(shared))('recorded answers (skipped where the samples are not at hand)', () => {
  test('deribit bars', async () => {
    server.recorded = readFileSync(join(shared, 'deribit/nautilus/http_get_tradingview_chart_data.json'), 'utf8')
    const fromUs = 1_766_483_460_000_000
    const result = await download(
      historyKind('deribit', 'candles'),
      client(),
      request(0, { interval: '1m', fromUs, toUs: fromUs + 300e6 }),
      folder,
    )
    expect(rows(result.files[0]!)[0]).toBe('1766483460000,87451,87456.5,87451,87456.5,2.94375216')
    expect(result.rows).toBe(5)
  })

  test('deribit trades: the same page served over and over ends the download instead of going in a circle', async () => {
    server.recorded = readFileSync(join(shared, 'deribit/nautilus/http_get_last_trades.json'), 'utf8')
    const fromUs = 1_766_332_000_000_000
    const all = download(
      historyKind('deribit', 'trades'),
      client(),
      request(1, { coin: 'ETH-PERPETUAL', interval: '', fromUs, toUs: fromUs + DAY_US }),
      folder,
    )
    await expect(all).resolves.toMatchObject({ pages: 2 })
  })
})
