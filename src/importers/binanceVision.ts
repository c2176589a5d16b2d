/**
 * @file Importer `binance-vision`: the public archive of Binance, data.binance.vision.
 *
 *   klines, markPriceKlines, indexPriceKlines, premiumIndexKlines, aggTrades, trades, bookTicker, bookDepth,
 *   fundingRate, metrics, liquidationSnapshot; spot, USD-M (um) and COIN-M (cm); daily and monthly; with header or without
 *
 * The name gives symbol and interval or type (`BTCUSDT-1h-2024-01.csv`, `BTCUSDT-aggTrades-2024-01-01.csv`). The four
 * sorts of klines share names and columns, and so do spot and USD-M ones: the path tells (`…/futures/um/daily/
 * markPriceKlines/…`), or the options `market` and `type`. Where a market shows in the columns (spot trades have a last column
 * of their own) or in the symbol (`BTCUSD_PERP`), neither is needed. Times are in milliseconds, of spot files since
 * 2025 in microseconds: their digits tell.
 *
 * SCALAR rows: premiumIndexKlines 1 (close of the premium index); metrics 1-4 (long/short ratios: top traders by
 * accounts, by positions, all accounts, taker volume); bookDepth 1000 + 10 × percentage (depth within it), 2000 + 10 × percentage (notional).
 *
 * Source: https://github.com/binance/binance-public-data
 */

import { HOUR_US, isoTime } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { Importer, ImportOptions, ImportSink, SketchedInstrument } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { type BarKind, BarSeries, checkBar, decimalsOf } from './barsSeries.ts'
import { findColumns, firstLine, plainName, readTable, type TableRow, tableInvalid } from './csv.ts'
import { type BinanceMarket, binanceInstrument } from './csvInstrument.ts'
import { intervalUs, nextMonthUs } from './csvTime.ts'
import { FundingSeries } from './fundingSeries.ts'

const KLINES = ['klines', 'markPriceKlines', 'indexPriceKlines', 'premiumIndexKlines'] as const
const OTHERS = [
  'aggTrades',
  'trades',
  'bookTicker',
  'bookDepth',
  'fundingRate',
  'metrics',
  'liquidationSnapshot',
] as const
type VisionType = (typeof KLINES)[number] | (typeof OTHERS)[number]
const TYPES: readonly string[] = [...KLINES, ...OTHERS]

/** Columns where a file has no header, in the archive's order; alternatives are the names headers use. */
const COLUMNS = {
  klines: {
    open_time: ['open_time'],
    open: ['open'],
    high: ['high'],
    low: ['low'],
    close: ['close'],
    volume: ['volume'],
    close_time: ['close_time'],
  },
  aggTrades: {
    id: ['agg_trade_id', 'agg_id', 'a'],
    price: ['price', 'p'],
    quantity: ['quantity', 'qty', 'q'],
    first: ['first_trade_id', 'first_id', 'f'],
    last: ['last_trade_id', 'last_id', 'l'],
    time: ['transact_time', 'time', 't'],
    maker: ['is_buyer_maker', 'm'],
  },
  trades: {
    id: ['id'],
    price: ['price'],
    quantity: ['qty', 'quantity'],
    quote: ['quote_qty', 'quoteqty', 'base_qty'],
    time: ['time'],
    maker: ['is_buyer_maker', 'isbuyermaker'],
  },
  bookTicker: {
    id: ['update_id'],
    bid: ['best_bid_price'],
    bidSize: ['best_bid_qty'],
    ask: ['best_ask_price'],
    askSize: ['best_ask_qty'],
    time: ['transaction_time'],
    heard: ['event_time'],
  },
  bookDepth: { time: ['timestamp'], percentage: ['percentage'], depth: ['depth'], notional: ['notional'] },
  fundingRate: { time: ['calc_time'], hours: ['funding_interval_hours'], rate: ['last_funding_rate'] },
  metrics: {
    time: ['create_time'],
    symbol: ['symbol'],
    interest: ['sum_open_interest'],
    value: ['sum_open_interest_value'],
    topAccounts: ['count_toptrader_long_short_ratio'],
    topPositions: ['sum_toptrader_long_short_ratio'],
    accounts: ['count_long_short_ratio'],
    taker: ['sum_taker_long_short_vol_ratio'],
  },
  liquidationSnapshot: {
    time: ['time'],
    side: ['side'],
    type: ['order_type'],
    force: ['time_in_force'],
    original: ['original_quantity'],
    price: ['price'],
    average: ['average_price'],
    status: ['order_status'],
    lastFill: ['last_fill_quantity'],
    filled: ['accumulated_fill_quantity'],
  },
} as const satisfies Record<string, Record<string, readonly string[]>>

/** What the name and the options tell. */
interface VisionFile {
  readonly symbol: string
  readonly type: VisionType
  readonly interval: string
  readonly market: BinanceMarket | undefined
}

const NAME = new RegExp(
  `^([A-Z0-9]+(?:_(?:PERP|\\d{6}))?)-(${OTHERS.join('|')}|\\d+(?:s|m|h|d|w|mo))-\\d{4}-\\d\\d(?:-\\d\\d)?\\.csv$`,
)

function describe(name: string, path: string, options: ImportOptions): VisionFile | undefined {
  const match = NAME.exec(plainName(name))
  if (!match) return undefined
  const [, symbol = '', what = ''] = match
  const place = path.replaceAll('\\', '/')
  const named = (OTHERS as readonly string[]).includes(what)
  const fromPath = KLINES.find((type) => place.includes(`/${type}/`)) ?? 'klines'
  const type = options['type'] ?? (named ? what : fromPath)
  if (!TYPES.includes(type)) {
    throw new GimbalError('argument-invalid', 'Unknown type of file', { given: type, known: TYPES.join(' ') })
  }
  const asked = options['market']
  if (asked !== undefined && asked !== 'spot' && asked !== 'um' && asked !== 'cm') {
    throw new GimbalError('argument-invalid', 'Unknown market', { given: asked, known: 'spot um cm' })
  }
  const shown =
    /\/futures\/(um|cm)\//.exec(place)?.[1] ?? (/\/spot\/(?:daily|monthly)\//.test(place) ? 'spot' : undefined)
  const futures = type !== 'klines' && type !== 'aggTrades' && type !== 'trades'
  const implied = /USD_(PERP|\d{6})$/.test(symbol) ? 'cm' : futures || /_\d{6}$/.test(symbol) ? 'um' : undefined
  return {
    symbol,
    type: type as VisionType,
    interval: named ? '' : what,
    market: asked ?? (shown as BinanceMarket | undefined) ?? implied,
  }
}

/** Spot files of trades have one column more than those of futures: whether the trade was the best match. */
function marketOf(what: VisionFile, row: TableRow): BinanceMarket | undefined {
  if (what.market) return what.market
  if (what.type === 'aggTrades') return row.count === 8 ? 'spot' : 'um'
  if (what.type === 'trades') return row.count === 7 ? 'spot' : 'um'
  return undefined
}

type Read = (row: TableRow) => void

/** Everything a reader of one file works with. */
interface Reading {
  readonly sink: ImportSink
  readonly instrument: SketchedInstrument
  readonly what: VisionFile
  readonly at: Readonly<Record<string, number>>
}

/** One reader for each type; `end` passes on what was held back. */
const READERS: Readonly<Record<VisionType, (reading: Reading) => { read: Read; end?: () => void }>> = {
  klines: (reading) => readKlines(reading, 'trade'),
  markPriceKlines: (reading) => readKlines(reading, 'mark'),
  indexPriceKlines: (reading) => readKlines(reading, 'index'),
  premiumIndexKlines: readPremium,
  aggTrades: readTrades,
  trades: readTrades,
  bookTicker: readTicker,
  bookDepth: readDepth,
  fundingRate: readFundingRate,
  metrics: readMetrics,
  liquidationSnapshot: readLiquidations,
}

/** When a kline ended: its own `close_time` is one unit before, and must agree with the interval. */
function klineEnd(row: TableRow, at: Readonly<Record<string, number>>, interval: string): number {
  const openUs = row.epochTime(at['open_time']!)
  const lastUs = row.epochTime(at['close_time']!)
  const length = intervalUs(interval)
  const closeUs = length === undefined ? nextMonthUs(openUs) : openUs + length
  // The unit shows in the digits, and a kline's last instant is one such unit before its end.
  const unitUs = row.text(at['close_time']!).length >= 16 ? 1 : 1000
  if (!row.faulty && lastUs + unitUs !== closeUs)
    row.fault('close-time-contradictory', `ends ${isoTime(lastUs)}, interval ${interval}`)
  return closeUs
}

function readKlines({ sink, instrument, what, at }: Reading, kind: BarKind): { read: Read; end: () => void } {
  const durationUs = intervalUs(what.interval) ?? 30 * 24 * HOUR_US
  const series = new BarSeries(sink, instrument, kind, durationUs)
  const read: Read = (row) => {
    const closeUs = klineEnd(row, at, what.interval)
    const open = row.price(at['open']!)
    const high = row.price(at['high']!)
    const low = row.price(at['low']!)
    const close = row.price(at['close']!)
    const volume = kind === 'trade' ? row.size(at['volume']!) : 0
    if (row.faulty) return
    checkBar(row, open, high, low, close)
    if (row.faulty) return
    const priceDecimals = Math.max(...['open', 'high', 'low', 'close'].map((name) => decimalsOf(row.text(at[name]!))))
    const volumeDecimals = decimalsOf(row.text(at['volume']!))
    const reason = series.take({
      closeUs,
      open,
      high,
      low,
      close,
      volume,
      priceDecimals,
      volumeDecimals,
      place: row.place,
    })
    if (reason !== '') row.fault(reason, isoTime(closeUs))
  }
  return { read, end: () => series.end() }
}

function readPremium({ sink, instrument, what, at }: Reading): { read: Read } {
  const index = sink.instrument(instrument)
  return {
    read(row) {
      const closeUs = klineEnd(row, at, what.interval)
      const close = row.decimal(at['close']!)
      if (row.faulty) return
      sink.begin('scalar', index, closeUs, closeUs)
      sink.row(Kind.SCALAR, 0, 0, 1, close)
      sink.end()
      sink.count('bars')
    },
  }
}

function readTrades({ sink, instrument, at }: Reading): { read: Read } {
  const index = sink.instrument(instrument)
  let lastId = Number.NaN
  let lastUs = 0
  return {
    read(row) {
      const id = row.whole(at['id']!)
      const price = row.price(at['price']!)
      const quantity = row.price(at['quantity']!)
      const timeUs = row.epochTime(at['time']!)
      const maker = row.truth(at['maker']!)
      if (row.faulty) return
      if (id <= lastId) {
        row.fault(id === lastId ? 'duplicate-id' : 'id-backwards', `${id} after ${lastId}`)
        return
      }
      if (id > lastId + 1) {
        sink.trap('missing-ids', row.place, `${id - lastId - 1} missing before ${id}`)
        sink.count('missing ids', id - lastId - 1)
      }
      const backwards = timeUs < lastUs
      if (backwards) sink.trap('out-of-order', row.place, `${isoTime(timeUs)} after ${isoTime(lastUs)}`)
      else lastUs = timeUs
      lastId = id
      sink.begin('trade', index, timeUs, timeUs)
      // When the buyer was the maker, the aggressor sold.
      sink.row(Kind.TRADE, maker ? -1 : 1, price, quantity, id, backwards ? Flag.SUSPECT : 0)
      sink.end()
      sink.count('trades')
    },
  }
}

function readTicker({ sink, instrument, at }: Reading): { read: Read } {
  const index = sink.instrument(instrument)
  let lastId = Number.NaN
  return {
    read(row) {
      const id = row.whole(at['id']!)
      const bid = row.size(at['bid']!)
      const bidSize = row.size(at['bidSize']!)
      const ask = row.size(at['ask']!)
      const askSize = row.size(at['askSize']!)
      const venueTimeUs = row.epochTime(at['time']!)
      const timeUs = row.epochTime(at['heard']!)
      if (row.faulty) return
      if (id <= lastId) sink.trap('out-of-order', row.place, `update ${id} after ${lastId}`)
      const flags = id <= lastId ? Flag.SUSPECT : 0
      lastId = Math.max(id, Number.isNaN(lastId) ? id : lastId)
      sink.begin('quote', index, timeUs, venueTimeUs)
      sink.row(Kind.QUOTE, 1, bidSize === 0 ? 0 : bid, bid === 0 ? 0 : bidSize, 0, flags)
      sink.row(Kind.QUOTE, -1, askSize === 0 ? 0 : ask, ask === 0 ? 0 : askSize, 0, flags)
      sink.end()
      sink.count('quotes')
    },
  }
}

/** Rows of one time are one message. */
function readDepth({ sink, instrument, at }: Reading): { read: Read; end: () => void } {
  const index = sink.instrument(instrument)
  let openUs = 0
  const end = () => {
    if (openUs > 0) sink.end()
    openUs = 0
  }
  const read: Read = (row) => {
    const timeUs = row.isoTime(at['time']!)
    const tenths = Math.round(row.decimal(at['percentage']!) * 10)
    const depth = row.size(at['depth']!)
    const notional = row.size(at['notional']!)
    if (Math.abs(tenths) > 400 || tenths === 0)
      row.fault('percentage-invalid', row.text(at['percentage']!).slice(0, 40))
    if (row.faulty) return
    if (timeUs !== openUs) {
      end()
      sink.begin('scalar', index, timeUs, timeUs)
      openUs = timeUs
    }
    sink.row(Kind.SCALAR, 0, 0, 1000 + tenths, depth)
    sink.row(Kind.SCALAR, 0, 0, 2000 + tenths, notional)
    sink.count('depth bands')
  }
  return { read, end }
}

function readFundingRate({ sink, instrument, at }: Reading): { read: Read; end: () => void } {
  const series = new FundingSeries(sink, instrument)
  const read: Read = (row) => {
    const timeUs = row.epochTime(at['time']!)
    const hours = row.whole(at['hours']!)
    const rate = row.decimal(at['rate']!)
    if (hours < 1 || hours > 24) row.fault('interval-invalid', row.text(at['hours']!).slice(0, 40))
    if (Math.abs(rate) > 1) row.fault('rate-beyond-one', row.text(at['rate']!).slice(0, 40))
    if (!row.faulty) series.take(row, timeUs, rate, 0, hours * HOUR_US)
  }
  return { read, end: () => series.end() }
}

function readMetrics({ sink, instrument, what, at }: Reading): { read: Read } {
  const index = sink.instrument(instrument)
  const ratios = ['topAccounts', 'topPositions', 'accounts', 'taker']
  return {
    read(row) {
      const timeUs = row.isoTime(at['time']!)
      const interest = row.size(at['interest']!)
      const value = row.size(at['value']!)
      const scalars = ratios.map((name) => row.decimalOrNone(at[name]!))
      if (row.text(at['symbol']!) !== what.symbol) row.fault('symbol-changed', row.text(at['symbol']!).slice(0, 40))
      if (row.faulty) return
      sink.begin('interest', index, timeUs, timeUs)
      sink.row(Kind.OPEN_INTEREST, 0, 0, interest, value)
      sink.end()
      sink.begin('scalar', index, timeUs, timeUs)
      for (const [i, ratio] of scalars.entries()) if (ratio !== undefined) sink.row(Kind.SCALAR, 0, 0, i + 1, ratio)
      sink.end()
      sink.count('metrics')
    },
  }
}

function readLiquidations({ sink, instrument, at }: Reading): { read: Read } {
  const index = sink.instrument(instrument)
  return {
    read(row) {
      const timeUs = row.epochTime(at['time']!)
      const side = row.text(at['side']!)
      const price = row.price(at['average']!)
      const filled = row.size(at['filled']!)
      if (side !== 'BUY' && side !== 'SELL') row.fault('side-invalid', side.slice(0, 40))
      if (row.faulty) return
      if (filled === 0) {
        sink.skip('liquidation order without fill')
        return
      }
      sink.begin('liquidation', index, timeUs, timeUs)
      sink.row(Kind.LIQUIDATION, side === 'BUY' ? 1 : -1, price, filled, 0)
      sink.end()
      sink.count('liquidations')
    },
  }
}

async function read(file: InputFile, sink: ImportSink, options: ImportOptions): Promise<void> {
  const what = describe(file.name, file.path, options)
  if (!what) {
    throw new GimbalError('file-invalid', 'Not a name of the Binance archive', {
      file: file.name,
      line: 1,
      byte: 0,
      expected: 'BTCUSDT-1h-2024-01.csv, BTCUSDT-aggTrades-2024-01-01.csv',
    })
  }
  let reader: { read: Read; end?: () => void } | undefined
  await readTable(
    file,
    sink,
    (row) => {
      const market = marketOf(what, row)
      if (!market) {
        throw new GimbalError('argument-invalid', 'Neither path nor columns tell the market of this file', {
          file: file.name,
          remedy: '--option market=spot, um or cm',
        })
      }
      const instrument = binanceInstrument(market, what.symbol)
      if (!instrument) {
        throw tableInvalid(file, row, 'Not a symbol of this market', { market, found: what.symbol })
      }
      const wanted = what.type in COLUMNS ? COLUMNS[what.type as keyof typeof COLUMNS] : COLUMNS.klines
      const names = Object.keys(wanted)
      const headed = !/^[\d-]/.test(row.text(0).trim())
      if (!headed && row.count < names.length) {
        throw tableInvalid(file, row, 'Too few columns', { expected: names.join(','), found: String(row.count) })
      }
      const at = headed
        ? findColumns(file, row, wanted as Record<string, readonly string[]>)
        : Object.fromEntries(names.map((name, column) => [name, column]))
      reader = READERS[what.type]({ sink, instrument, what, at })
      return headed ? 'header' : 'data'
    },
    (row) => reader!.read(row),
  )
  reader?.end?.()
}

export const binanceVision: Importer = {
  name: 'binance-vision',
  version: 1,
  summary: 'The public archive of Binance: klines, trades, quotes, funding, metrics of spot, USD-M and COIN-M',
  example: 'gimbal import --catalog DIR data/futures/um/monthly/klines/BTCUSDT/1h/BTCUSDT-1h-2024-01.zip',
  options: {
    market: 'spot, um or cm, where neither path, columns nor symbol tell',
    type: `what the file holds, where the path does not tell: ${TYPES.join(', ')}`,
  },
  provenance: 'real',
  recognise(name, head) {
    if (!NAME.test(plainName(name))) return 0
    return firstLine(head).split(',').length >= 3 ? 0.95 : 0
  },
  read,
}
