/**
 * @file The public history gimbal knows how to fetch, venue by venue. Rows are written as the importers read them.
 */

import { GimbalError } from '../../core/errors.ts'
import {
  daysBetween,
  expectArray,
  type FiledHistory,
  type HistoryKind,
  type HistoryRequest,
  numeric,
  type PagedHistory,
} from './history.ts'

const BARS = 'time_ms,open,high,low,close,volume'

const INTERVAL_MS: Record<string, number> = {
  '1m': 60_000,
  '3m': 180_000,
  '5m': 300_000,
  '15m': 900_000,
  '30m': 1_800_000,
  '1h': 3_600_000,
  '2h': 7_200_000,
  '4h': 14_400_000,
  '8h': 28_800_000,
  '12h': 43_200_000,
  '1d': 86_400_000,
}

function intervalMs(interval: string): number {
  const ms = INTERVAL_MS[interval]
  if (ms === undefined) {
    throw new GimbalError('argument-invalid', 'Unknown bar length', {
      given: interval,
      known: Object.keys(INTERVAL_MS).join(' '),
    })
  }
  return ms
}

const barsCommand = (instrument: string) => (request: HistoryRequest, file: string) =>
  `gimbal import ${file} --importer bars --option instrument=${instrument.replace('COIN', request.coin)} --option interval=${request.interval}`
const fundingCommand = (instrument: string) => (request: HistoryRequest, file: string) =>
  `gimbal import ${file} --importer bars --option series=funding --option columns=time=time_ms,open=rate --option instrument=${instrument.replace('COIN', request.coin)}`

/** `POST /info {"type":"candleSnapshot"}`: at most 5,000 candles an answer, the newest 5,000 in all. Hyperliquid docs, "Info endpoint". */
const hyperliquidCandles: PagedHistory = {
  venue: 'hyperliquid',
  what: 'candles',
  summary: 'bars of a perpetual or spot coin',
  header: BARS,
  baseUrl: 'https://api.hyperliquid.xyz',
  rate: 1,
  needsInterval: true,
  importCommand: barsCommand('COIN-USDC-PERP@hyperliquid'),
  async page(client, request, cursor) {
    const step = intervalMs(request.interval)
    const startTime = cursor === undefined ? Math.ceil(request.fromUs / 1000) : Number(cursor)
    const endTime = Math.ceil(request.toUs / 1000) - 1
    const answer = await client.postJson('/info', {
      type: 'candleSnapshot',
      req: { coin: request.coin, interval: request.interval, startTime, endTime },
    })
    const candles = expectArray(answer, 'candles').filter(
      (candle) => numeric(candle, 't') >= startTime && numeric(candle, 't') <= endTime,
    )
    const lines = candles.map((c) =>
      [numeric(c, 't'), ...['o', 'h', 'l', 'c', 'v'].map((field) => String(numeric(c, field)))].join(','),
    )
    const last = candles.at(-1)
    const next = last ? numeric(last, 't') + step : endTime + 1
    return { lines, cursor: candles.length > 0 && next <= endTime ? String(next) : undefined }
  },
}

/** `POST /info {"type":"fundingHistory"}`: hourly, at most 500 an answer. */
const hyperliquidFunding: PagedHistory = {
  venue: 'hyperliquid',
  what: 'funding',
  summary: 'hourly funding rates of a perpetual',
  header: 'time_ms,rate,premium',
  baseUrl: 'https://api.hyperliquid.xyz',
  rate: 1,
  needsInterval: false,
  importCommand: fundingCommand('COIN-USDC-PERP@hyperliquid'),
  async page(client, request, cursor) {
    const startTime = cursor === undefined ? Math.ceil(request.fromUs / 1000) : Number(cursor)
    const endTime = Math.ceil(request.toUs / 1000) - 1
    const rows = expectArray(
      await client.postJson('/info', { type: 'fundingHistory', coin: request.coin, startTime, endTime }),
      'funding rates',
    )
    const lines = rows.map((row) => `${numeric(row, 'time')},${numeric(row, 'fundingRate')},${numeric(row, 'premium')}`)
    const last = rows.at(-1)
    const next = last ? numeric(last, 'time') + 1 : endTime + 1
    return { lines, cursor: rows.length > 0 && next <= endTime ? String(next) : undefined }
  },
}

/**
 * `s3://hyperliquid-archive/market_data/{YYYYMMDD}/{H}/l2Book/{COIN}.lz4`, hour not zero-padded; the requester pays, so
 * requests are signed. Hyperliquid docs, "Historical data".
 */
const hyperliquidArchive: FiledHistory = {
  venue: 'hyperliquid',
  what: 'archive',
  summary: 'hourly archives of order-book snapshots (requester pays: needs AWS credentials)',
  baseUrl: 'https://hyperliquid-archive.s3.ap-northeast-1.amazonaws.com',
  rate: 5,
  needsInterval: false,
  importCommand: (_request, file) => `gimbal import ${file} --importer hyperliquid-archive`,
  files(request) {
    const files: { path: string }[] = []
    for (const day of daysBetween(request.fromUs, request.toUs)) {
      for (let hour = 0; hour < 24; hour++) {
        const startUs = Date.parse(`${day}T00:00:00Z`) * 1000 + hour * 3_600e6
        if (startUs + 3_600e6 <= request.fromUs || startUs >= request.toUs) continue
        files.push({ path: `/market_data/${day.replaceAll('-', '')}/${hour}/l2Book/${request.coin}.lz4` })
      }
    }
    return files
  },
}

interface DeribitAnswer {
  readonly result?: unknown
  readonly error?: { readonly message?: string; readonly code?: number }
}

/** Unwraps a JSON-RPC answer. @throws {GimbalError} `fetch-failed` with the venue's own words. */
function deribitResult(answer: unknown): Record<string, unknown> {
  const { result, error } = answer as DeribitAnswer
  if (error)
    throw new GimbalError('fetch-failed', 'Deribit refused', { code: error.code ?? 0, message: error.message ?? '' })
  if (typeof result !== 'object' || result === null)
    throw new GimbalError('fetch-failed', 'Deribit answered without a result', {})
  return result as Record<string, unknown>
}

const DERIBIT_RESOLUTION: Record<string, string> = {
  '1m': '1',
  '3m': '3',
  '5m': '5',
  '15m': '15',
  '30m': '30',
  '1h': '60',
  '2h': '120',
  '12h': '720',
  '1d': '1D',
}

/** `public/get_tradingview_chart_data`: about 5,000 bars an answer. */
const deribitCandles: PagedHistory = {
  venue: 'deribit',
  what: 'candles',
  summary: 'bars of any instrument',
  header: BARS,
  baseUrl: 'https://www.deribit.com',
  rate: 5,
  needsInterval: true,
  importCommand: (request, file) =>
    `gimbal import ${file} --importer bars --option instrument=${request.coin.replace('-PERPETUAL', '-USD-PERP')}@deribit --option interval=${request.interval}`,
  async page(client, request, cursor) {
    const resolution = DERIBIT_RESOLUTION[request.interval]
    if (!resolution)
      throw new GimbalError('argument-invalid', 'Deribit has no bars of this length', {
        given: request.interval,
        known: Object.keys(DERIBIT_RESOLUTION).join(' '),
      })
    const step = intervalMs(request.interval)
    const start = cursor === undefined ? Math.ceil(request.fromUs / 1000 / step) * step : Number(cursor)
    const lastMs = Math.ceil(request.toUs / 1000) - 1
    const end = Math.min(lastMs, start + step * 4_999)
    const result = deribitResult(
      await client.getJson('/api/v2/public/get_tradingview_chart_data', {
        instrument_name: request.coin,
        start_timestamp: start,
        end_timestamp: end,
        resolution,
      }),
    )
    const columns = ['ticks', 'open', 'high', 'low', 'close', 'volume'].map((name) => {
      const column = result[name]
      if (result['status'] !== 'no_data' && !Array.isArray(column))
        throw new GimbalError('fetch-failed', `Deribit bars without ${name}`, {})
      return (column ?? []) as number[]
    })
    const lines: string[] = []
    for (let i = 0; i < columns[0]!.length; i++) {
      if (columns[0]![i]! >= start && columns[0]![i]! <= end) lines.push(columns.map((column) => column[i]).join(','))
    }
    const next = end + 1 - ((end + 1) % step) + ((end + 1) % step === 0 ? 0 : step)
    return { lines, cursor: next <= lastMs ? String(next) : undefined }
  },
}

/** `public/get_funding_rate_history`: hourly, at most about 30 days an answer. */
const deribitFunding: PagedHistory = {
  venue: 'deribit',
  what: 'funding',
  summary: 'hourly funding of a perpetual',
  header: 'time_ms,rate,index_price,rate_8h',
  baseUrl: 'https://www.deribit.com',
  rate: 5,
  needsInterval: false,
  importCommand: (request, file) =>
    `gimbal import ${file} --importer bars --option series=funding --option columns=time=time_ms,open=rate --option instrument=${request.coin.replace('-PERPETUAL', '-USD-PERP')}@deribit`,
  async page(client, request, cursor) {
    const start = cursor === undefined ? Math.ceil(request.fromUs / 1000) : Number(cursor)
    const lastMs = Math.ceil(request.toUs / 1000) - 1
    const end = Math.min(lastMs, start + 29 * 86_400_000)
    const answer = (await client.getJson('/api/v2/public/get_funding_rate_history', {
      instrument_name: request.coin,
      start_timestamp: start,
      end_timestamp: end,
    })) as DeribitAnswer
    if (answer.error) deribitResult(answer)
    const rows = expectArray(answer.result, 'funding rates').sort(
      (a, b) => numeric(a, 'timestamp') - numeric(b, 'timestamp'),
    )
    const lines = rows.map(
      (row) =>
        `${numeric(row, 'timestamp')},${numeric(row, 'interest_1h')},${numeric(row, 'index_price')},${numeric(row, 'interest_8h')}`,
    )
    return { lines, cursor: end < lastMs ? String(end + 1) : undefined }
  },
}

/** `public/get_last_trades_by_instrument_and_time` on the history server, which keeps trades since the beginning. */
const deribitTrades: PagedHistory = {
  venue: 'deribit',
  what: 'trades',
  summary: 'every trade of an instrument, expired ones too',
  header: 'exchange,symbol,timestamp,local_timestamp,id,side,price,amount',
  baseUrl: 'https://history.deribit.com',
  rate: 5,
  needsInterval: false,
  importCommand: (_request, file) => `gimbal import ${file} --importer tardis --option type=trades`,
  async page(client, request, cursor) {
    const [startText, lastSeen = ''] = (cursor ?? String(Math.ceil(request.fromUs / 1000))).split('/')
    const start = Number(startText)
    const lastMs = Math.ceil(request.toUs / 1000) - 1
    const result = deribitResult(
      await client.getJson('/api/v2/public/get_last_trades_by_instrument_and_time', {
        instrument_name: request.coin,
        start_timestamp: start,
        end_timestamp: lastMs,
        count: 1000,
        sorting: 'asc',
        include_old: 'true',
      }),
    )
    let trades = expectArray(result['trades'], 'trades')
    // The next page starts in the millisecond in which this one ended, so what was seen there is skipped by its id.
    const seen = trades.findIndex((trade) => String(trade['trade_id']) === lastSeen)
    if (seen >= 0) trades = trades.slice(seen + 1)
    const lines = trades.map((trade) => {
      const us = numeric(trade, 'timestamp') * 1000
      return [
        'deribit',
        request.coin,
        us,
        us,
        trade['trade_id'],
        trade['direction'],
        numeric(trade, 'price'),
        numeric(trade, 'amount'),
      ].join(',')
    })
    const last = trades.at(-1)
    return {
      lines,
      cursor: result['has_more'] === true && last ? `${numeric(last, 'timestamp')}/${last['trade_id']}` : undefined,
    }
  },
}

/** `public/get_volatility_index_data` (DVOL): bars of the index, `continuation` pages backwards. */
const deribitVolatility: PagedHistory = {
  venue: 'deribit',
  what: 'volatility-index',
  summary: 'bars of DVOL of a currency',
  header: 'time_ms,open,high,low,close',
  baseUrl: 'https://www.deribit.com',
  rate: 5,
  needsInterval: true,
  importCommand: (request, file) =>
    `gimbal import ${file} --importer bars --option instrument=${request.coin}DVOL-USD-SPOT@deribit --option interval=${request.interval}`,
  async page(client, request, cursor) {
    const step = intervalMs(request.interval)
    const start = cursor === undefined ? Math.ceil(request.fromUs / 1000 / step) * step : Number(cursor)
    const lastMs = Math.ceil(request.toUs / 1000) - 1
    const end = Math.min(lastMs, start + step * 999)
    const result = deribitResult(
      await client.getJson('/api/v2/public/get_volatility_index_data', {
        currency: request.coin,
        start_timestamp: start,
        end_timestamp: end,
        resolution: request.interval === '1d' ? '1D' : step / 1000,
      }),
    )
    const rows = result['data']
    if (!Array.isArray(rows)) throw new GimbalError('fetch-failed', 'DVOL answer without data', {})
    const lines = (rows as number[][])
      .filter((row) => row[0]! >= start && row[0]! <= end)
      .sort((a, b) => a[0]! - b[0]!)
      .map((row) => row.join(','))
    const next = start + step * 1000
    return { lines, cursor: next <= lastMs ? String(next) : undefined }
  },
}

const DYDX_RESOLUTION: Record<string, string> = {
  '1m': '1MIN',
  '5m': '5MINS',
  '15m': '15MINS',
  '30m': '30MINS',
  '1h': '1HOUR',
  '4h': '4HOURS',
  '1d': '1DAY',
}

const isoOf = (ms: number) => new Date(ms).toISOString()

/** Indexer `candles/perpetualMarkets/{market}`: newest first, at most 100 an answer (1,000 on recent indexers). */
const dydxCandles: PagedHistory = {
  venue: 'dydx',
  what: 'candles',
  summary: 'bars of a perpetual',
  header: BARS,
  baseUrl: 'https://indexer.dydx.trade',
  rate: 5,
  needsInterval: true,
  importCommand: (request, file) =>
    `gimbal import ${file} --importer bars --option instrument=${request.coin}-PERP@dydx --option interval=${request.interval}`,
  async page(client, request, cursor) {
    const resolution = DYDX_RESOLUTION[request.interval]
    if (!resolution)
      throw new GimbalError('argument-invalid', 'dYdX has no bars of this length', {
        given: request.interval,
        known: Object.keys(DYDX_RESOLUTION).join(' '),
      })
    const step = intervalMs(request.interval)
    const start = cursor === undefined ? Math.ceil(request.fromUs / 1000 / step) * step : Number(cursor)
    const lastMs = Math.ceil(request.toUs / 1000) - 1
    const end = Math.min(lastMs + 1, start + step * 100)
    const answer = (await client.getJson(`/v4/candles/perpetualMarkets/${encodeURIComponent(request.coin)}`, {
      resolution,
      fromISO: isoOf(start),
      toISO: isoOf(end),
      limit: 100,
    })) as { candles?: unknown }
    const lines = expectArray(answer.candles, 'candles')
      .map((candle) => ({ ms: Date.parse(String(candle['startedAt'])), candle }))
      .filter(({ ms }) => ms >= start && ms < end)
      .sort((a, b) => a.ms - b.ms)
      .map(({ ms, candle }) =>
        [ms, ...['open', 'high', 'low', 'close', 'baseTokenVolume'].map((field) => numeric(candle, field))].join(','),
      )
    return { lines, cursor: end <= lastMs ? String(end) : undefined }
  },
}

/** Indexer `historicalFunding/{market}`: newest first; paged backwards by `effectiveBeforeOrAt`. The rows of a page are written oldest first, the pages newest first. */
const dydxFunding: PagedHistory = {
  venue: 'dydx',
  what: 'funding',
  summary: 'hourly funding of a perpetual',
  header: 'time_ms,rate,price',
  baseUrl: 'https://indexer.dydx.trade',
  rate: 5,
  needsInterval: false,
  importCommand: (request, file) =>
    `gimbal import ${file} --importer bars --option series=funding --option columns=time=time_ms,open=rate --option instrument=${request.coin}-PERP@dydx`,
  async page(client, request, cursor) {
    const firstMs = Math.ceil(request.fromUs / 1000)
    const start = cursor === undefined ? firstMs : Number(cursor)
    const lastMs = Math.ceil(request.toUs / 1000) - 1
    // Asked in windows of 100 hours from the oldest on, so that the file is in order of time.
    const end = Math.min(lastMs, start + 99 * 3_600_000)
    const answer = (await client.getJson(`/v4/historicalFunding/${encodeURIComponent(request.coin)}`, {
      effectiveBeforeOrAt: isoOf(end),
      limit: 100,
    })) as { historicalFunding?: unknown }
    const lines = expectArray(answer.historicalFunding, 'funding rates')
      .map((row) => ({ ms: Date.parse(String(row['effectiveAt'])), row }))
      .filter(({ ms }) => ms >= start && ms <= end)
      .sort((a, b) => a.ms - b.ms)
      .map(({ ms, row }) => `${ms},${numeric(row, 'rate')},${numeric(row, 'price')}`)
    return { lines, cursor: end < lastMs ? String(end + 1) : undefined }
  },
}

/** Files of Binance Vision, with their SHA-256 checksums. Binance public-data README. */
function vision(what: string, summary: string, monthly: boolean): FiledHistory {
  return {
    venue: 'binance-vision',
    what,
    summary,
    baseUrl: 'https://data.binance.vision',
    rate: 10,
    needsInterval: what.toLowerCase().includes('klines'),
    importCommand: (_request, file) => `gimbal import ${file} --importer binance-vision`,
    files(request) {
      // `um/BTCUSDT`, `cm/BTCUSD_PERP` or `spot/BTCUSDT`; perpetuals in USDT when only the symbol is given.
      const [first, second] = request.coin.split('/')
      const market = second === undefined ? 'um' : first!
      const symbol = second ?? first!
      const root = market === 'spot' ? 'spot' : market === 'um' || market === 'cm' ? `futures/${market}` : undefined
      if (!root || !symbol)
        throw new GimbalError('argument-invalid', 'Name the market as um/, cm/ or spot/', {
          given: request.coin,
          example: 'um/BTCUSDT',
        })
      const days = daysBetween(request.fromUs, request.toUs)
      const stamps = monthly ? [...new Set(days.map((day) => day.slice(0, 7)))] : days
      const interval = what.toLowerCase().includes('klines') ? request.interval : ''
      return stamps.map((stamp) => {
        const name = interval ? `${symbol}-${interval}-${stamp}` : `${symbol}-${what}-${stamp}`
        const path = `/data/${root}/${monthly ? 'monthly' : 'daily'}/${what}/${symbol}/${interval ? `${interval}/` : ''}${name}.zip`
        return { path, checksum: `${path}.CHECKSUM` }
      })
    },
  }
}

export const HISTORY: readonly HistoryKind[] = [
  hyperliquidCandles,
  hyperliquidFunding,
  hyperliquidArchive,
  deribitCandles,
  deribitFunding,
  deribitTrades,
  deribitVolatility,
  dydxCandles,
  dydxFunding,
  vision('klines', 'daily files of bars', false),
  vision('aggTrades', 'daily files of aggregated trades', false),
  vision('trades', 'daily files of trades', false),
  vision('bookTicker', 'daily files of the touch', false),
  vision('metrics', 'daily files of open interest and ratios', false),
  vision('markPriceKlines', 'daily files of mark-price bars', false),
  vision('fundingRate', 'monthly files of funding rates', true),
]

/** @throws {GimbalError} `argument-invalid`, with what there is. */
export function historyKind(venue: string, what: string): HistoryKind {
  const kind = HISTORY.find((each) => each.venue === venue && each.what === what)
  if (kind) return kind
  const known = HISTORY.filter((each) => each.venue === venue).map((each) => each.what)
  throw new GimbalError('argument-invalid', 'No such history', {
    asked: `${venue} ${what}`,
    known: known.length > 0 ? known.join(' ') : [...new Set(HISTORY.map((each) => each.venue))].join(' '),
  })
}
