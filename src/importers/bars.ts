/**
 * @file Importer `bars`: tables of bars, marks and funding with a known or a declared column map.
 *
 * A bar is known when it ends, so both its times are its close; its rows are BAR_OPEN, BAR_HIGH, BAR_LOW and
 * BAR_CLOSE of one message. A bar of marks is one message too: MARK with the close, then its two extremes, so that
 * after the message the last mark is the close and the extremes still stand (a MARK row resets them).
 *
 * Layouts recognised by name and header, all others through the options:
 *
 *   BTC_USDT-5m.csv                   spot at binance; BTC_USDT_USDT-5m-futures.csv and -mark: perp at binance-usdm
 *   BTC_USDT_USDT-1h-funding_rate.csv the rate stands in `open` and the pace is not the name's: trap `rate-in-open`
 *   Binance_BTCUSDT_1h.csv            CryptoDataDownload: an address on the first line, newest bar first
 *   BTCUSDT_spot_1h_2017_2023.csv     symbol, market and interval in the name, at binance
 *   BTC_perp_1m_202201.csv            a base without quote: venue unnamed, stamps at the CLOSE, volume in dollars
 *
 * Traps by name: `interpolated-bars` (a bar that is the exact midpoint of its neighbours in all five columns was drawn
 * with a ruler through an outage, and its second half leaks the future), `missing-bars`, `flat-bars`, `newest-first`,
 * `out-of-order`, `rate-in-open`, `stamped-at-close`, `volume-in-quote`, `venue-unnamed`.
 */

import { isoTime } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { Importer, ImportOptions, ImportSink, SketchedInstrument } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { type Bar, type BarKind, BarSeries, checkBar, decimalsOf } from './barsSeries.ts'
import { findColumns, firstLine, plainName, readTable, type TableRow } from './csv.ts'
import {
  chosenInstrument,
  funded,
  INSTRUMENT_OPTIONS,
  inversePerp,
  linearPerp,
  splitPair,
  spot,
} from './csvInstrument.ts'
import { intervalUs, type StampUnit, stampUnit, zoneOffsetUs } from './csvTime.ts'
import { FundingSeries } from './fundingSeries.ts'

/** What the values of a table are. */
type Series = 'trade' | 'mark' | 'index' | 'funding'
const SERIES: readonly string[] = ['trade', 'mark', 'index', 'funding']

/** What a name tells about its bars. */
interface NamedBars {
  readonly series: Series
  readonly instrument?: SketchedInstrument
  readonly interval?: string
  /** Stamped with the bar's close, and its volume counted in the quote currency. */
  readonly quoteVolume?: boolean
}

/** Everything needed to read a table of bars. */
interface BarPlan {
  readonly series: Series
  readonly instrument: SketchedInstrument
  /** Length of a bar; undefined for funding, whose pace is read off the times. */
  readonly durationUs: number
  readonly unit: StampUnit
  readonly offsetUs: number
  readonly stampedAtClose: boolean
  readonly quoteVolume: boolean
  readonly newestFirst: boolean
}

const FREQTRADE = /^([A-Z0-9]+)_([A-Z0-9]+)(?:_([A-Z0-9]+))?-(\d+[smhdw])(?:-(futures|mark|index|funding_rate))?\.csv$/
const SPELLED = /^([A-Za-z0-9]+)_(spot|perp)_(\d+[smhdw])(?:_.*)?\.csv$/
const DOWNLOAD = /^([A-Za-z]+)_([A-Z0-9]+)_(minute|\d+h|hour|1h|d|day|\d+[mhd])(?:_.*)?\.csv$/
const ADDRESS = /^(?:https?:\/\/\S+|www\.\S+)$/i
const NEWEST_FIRST_ROWS_MAX = 5_000_000

function named(name: string): NamedBars | undefined {
  const file = plainName(name)
  const candle = FREQTRADE.exec(file)
  if (candle) {
    const [, base = '', quote = '', settle, interval = '', kind] = candle
    const symbol = `${base}${quote}`
    if (!settle)
      return kind ? undefined : { series: 'trade', instrument: spot('binance', symbol, base, quote), interval }
    const perp =
      settle === base
        ? inversePerp('binance-coinm', `${symbol}_PERP`, base, quote, base === 'BTC' ? '100' : '10')
        : linearPerp('binance-usdm', symbol, base, quote, '1', settle)
    const series = kind === 'mark' || kind === 'index' ? kind : kind === 'funding_rate' ? 'funding' : 'trade'
    return { series, instrument: funded(perp, 8), interval }
  }
  const spelled = SPELLED.exec(file)
  if (spelled) {
    const [, symbol = '', market, interval = ''] = spelled
    const pair = splitPair(symbol)
    if (!pair) {
      if (market === 'spot') return undefined
      return { series: 'trade', instrument: linearPerp('unnamed', file, symbol, 'USD'), interval, quoteVolume: true }
    }
    const instrument =
      market === 'spot'
        ? spot('binance', symbol, pair.base, pair.quote)
        : funded(linearPerp('binance-usdm', symbol, pair.base, pair.quote), 8)
    return { series: 'trade', instrument, interval }
  }
  const download = DOWNLOAD.exec(file)
  if (download) {
    const [, venue = '', symbol = '', spell = ''] = download
    const pair = splitPair(symbol)
    const interval =
      spell === 'minute' ? '1m' : spell === 'hour' ? '1h' : spell === 'd' || spell === 'day' ? '1d' : spell
    if (pair) return { series: 'trade', instrument: spot(venue.toLowerCase(), symbol, pair.base, pair.quote), interval }
  }
  return undefined
}

function plan(file: InputFile, options: ImportOptions, newestFirst: boolean): BarPlan {
  const found = named(file.name)
  const series = options['series'] ?? found?.series ?? 'trade'
  if (!SERIES.includes(series)) {
    throw new GimbalError('argument-invalid', 'Unknown series', { given: series, known: SERIES.join(' ') })
  }
  const instrument = chosenInstrument(options, found?.instrument?.venueSymbol) ?? found?.instrument
  if (!instrument) {
    throw new GimbalError('argument-invalid', 'The name of this file does not tell its instrument', {
      file: file.name,
      remedy: '--option instrument=BTC-USDT-PERP@binance-usdm',
    })
  }
  const interval = options['interval'] ?? found?.interval ?? ''
  const durationUs = intervalUs(interval)
  if (durationUs === undefined && series !== 'funding') {
    throw new GimbalError('argument-invalid', 'The length of these bars is not known', {
      file: file.name,
      given: interval,
      remedy: '--option interval=5m',
    })
  }
  const order = options['order'] ?? (newestFirst ? 'descending' : 'ascending')
  if (order !== 'ascending' && order !== 'descending') {
    throw new GimbalError('argument-invalid', 'Unknown order', { given: order, known: 'ascending descending' })
  }
  const stamp = options['stamp'] ?? (found?.quoteVolume && !options['columns'] ? 'close' : 'open')
  if (stamp !== 'open' && stamp !== 'close') {
    throw new GimbalError('argument-invalid', 'Bars are stamped at open or at close', { given: stamp })
  }
  const volume = options['volume'] ?? (found?.quoteVolume && !options['columns'] ? 'quote' : 'base')
  if (volume !== 'base' && volume !== 'quote') {
    throw new GimbalError('argument-invalid', 'Volume is counted in base or in quote', { given: volume })
  }
  return {
    series: series as Series,
    instrument: volume === 'quote' ? { ...instrument, lotSize: QUOTE_VOLUME_LOT } : instrument,
    durationUs: durationUs ?? 0,
    unit: stampUnit(options['time-unit'] ?? 'auto'),
    offsetUs: zoneOffsetUs(options['time-zone-offset'] ?? '0'),
    stampedAtClose: stamp === 'close',
    quoteVolume: volume === 'quote',
    newestFirst: order === 'descending',
  }
}

/** Volume counted in dollars becomes base units rounded to this step: no venue's lot, only a sensible one. */
const QUOTE_VOLUME_LOT = '0.0001'
const QUOTE_VOLUME_DECIMALS = 4

interface BarColumns {
  readonly time: number
  readonly open: number
  readonly high: number
  readonly low: number
  readonly close: number
  readonly volume: number
}

/** The columns of a header, by their usual names or by the option `columns`. */
function columnsOf(file: InputFile, row: TableRow, options: ImportOptions, what: BarPlan): BarColumns {
  const map = new Map<string, string>()
  for (const part of (options['columns'] ?? '').split(',').filter(Boolean)) {
    const [key = '', column = ''] = part.split('=')
    if (!['time', 'open', 'high', 'low', 'close', 'volume'].includes(key) || column === '') {
      throw new GimbalError('argument-invalid', 'A column map names time, open, high, low, close and volume', {
        given: part,
        example: 'time=time_ms,open=open,high=high,low=low,close=close,volume=volume',
      })
    }
    map.set(key, column)
  }
  const pick = (key: string, ...usual: string[]) => {
    const chosen = map.get(key)
    return chosen === undefined ? usual : [chosen]
  }
  const funding = what.series === 'funding'
  const rest = (key: string) => (funding ? pick(key, key, '') : pick(key, key))
  return findColumns(file, row, {
    time: pick('time', 'time_ms', 'unix', 'open_time', 'timestamp', 'datetime', 'date', 'time', 'open time'),
    open: pick('open', 'open'),
    high: rest('high'),
    low: rest('low'),
    close: rest('close'),
    volume: pick('volume', 'volume', `volume ${what.instrument.base}`, 'volume_base', ''),
  })
}

/** Reads a line of bars; undefined when it left a fault. */
function readBar(row: TableRow, columns: BarColumns, what: BarPlan): Bar | undefined {
  const stamp = row.stamp(columns.time, what.unit, what.offsetUs)
  const open = row.price(columns.open)
  const high = row.price(columns.high)
  const low = row.price(columns.low)
  const close = row.price(columns.close)
  const volume = columns.volume < 0 ? 0 : row.size(columns.volume)
  if (row.faulty) return undefined
  checkBar(row, open, high, low, close)
  if (row.faulty) return undefined
  return {
    closeUs: what.stampedAtClose ? stamp : stamp + what.durationUs,
    open,
    high,
    low,
    close,
    volume,
    priceDecimals: Math.max(
      decimalsOf(row.text(columns.open)),
      decimalsOf(row.text(columns.high)),
      decimalsOf(row.text(columns.low)),
      decimalsOf(row.text(columns.close)),
    ),
    volumeDecimals: decimalsOf(row.text(columns.volume)),
    place: row.place,
  }
}

async function readFunding(file: InputFile, sink: ImportSink, options: ImportOptions, what: BarPlan): Promise<void> {
  const series = new FundingSeries(sink, what.instrument)
  let columns: BarColumns | undefined
  await readTable(
    file,
    sink,
    (row) => {
      columns = columnsOf(file, row, options, what)
      if (columns.high >= 0) {
        sink.trap(
          'rate-in-open',
          row.place,
          'a table of bars holding funding: the rate is in column open, paid at its time',
        )
      }
      return 'header'
    },
    (row) => {
      const { time, open, high, low, close, volume } = columns!
      const timeUs = row.stamp(time, what.unit, what.offsetUs)
      const rate = row.decimal(open)
      if (row.faulty) return
      if (Math.abs(rate) > 1) row.fault('rate-beyond-one', row.text(open))
      for (const other of [high, low, close, volume]) {
        // Some writers repeat the rate in every column; anything else is a table of prices under a wrong name.
        const value = other < 0 ? 0 : row.decimal(other)
        if (value !== 0 && value !== rate)
          row.fault('not-funding', `column ${other + 1}: ${row.text(other).slice(0, 40)}`)
      }
      if (!row.faulty) series.take(row, timeUs, rate)
    },
  )
  series.end()
}

async function readBars(file: InputFile, sink: ImportSink, options: ImportOptions): Promise<void> {
  let columns: BarColumns | undefined
  let what = plan(file, options, false)
  if (what.series === 'funding') return readFunding(file, sink, options, what)
  let series: BarSeries | undefined
  const held: Bar[] = []
  await readTable(
    file,
    sink,
    (row) => {
      if (row.count === 1 && ADDRESS.test(row.text(0).trim())) {
        what = plan(file, options, true)
        return 'preamble'
      }
      columns = columnsOf(file, row, options, what)
      if (what.newestFirst) sink.trap('newest-first', row.place, 'declared newest first: read in reverse')
      if (what.stampedAtClose) sink.trap('stamped-at-close', row.place, 'a time here is when its bar ended')
      if (what.quoteVolume) {
        sink.trap('volume-in-quote', row.place, `divided by the bar's mean price and rounded to ${QUOTE_VOLUME_LOT}`)
      }
      if (what.instrument.venue === 'unnamed') {
        sink.trap('venue-unnamed', row.place, 'the file does not say where this traded; --option instrument=… names it')
      }
      const decimals = what.quoteVolume ? QUOTE_VOLUME_DECIMALS : undefined
      series = new BarSeries(sink, what.instrument, what.series as BarKind, what.durationUs, decimals)
      return 'header'
    },
    (row) => {
      const bar = readBar(row, columns!, what)
      if (!bar) return
      if (!what.newestFirst) {
        const reason = series!.take(bar)
        if (reason !== '') row.fault(reason, isoTime(bar.closeUs))
      } else if (held.push(bar) > NEWEST_FIRST_ROWS_MAX) {
        throw new GimbalError('file-invalid', 'Too many bars to read in reverse', {
          file: file.name,
          line: row.line,
          byte: row.byte,
          rowsMax: NEWEST_FIRST_ROWS_MAX,
        })
      }
    },
  )
  for (let i = held.length - 1; i >= 0; i--) {
    const reason = series!.take(held[i]!)
    if (reason !== '') sink.reject(reason, held[i]!.place, isoTime(held[i]!.closeUs))
  }
  series?.end()
}

/** Whether a header line has the five columns of bars. */
function looksLikeBars(line: string): boolean {
  const names = line
    .toLowerCase()
    .split(',')
    .map((name) => name.trim())
  return ['open', 'high', 'low', 'close'].every((name) => names.includes(name)) && !names.includes('close_time')
}

export const bars: Importer = {
  name: 'bars',
  version: 1,
  summary: 'Tables of bars, marks or funding: freqtrade-like, CryptoDataDownload, or any with a column map',
  example:
    'gimbal import --catalog DIR prices.csv.gz --importer bars --option instrument=BTC-USDT-PERP@binance-usdm --option interval=5m',
  options: {
    ...INSTRUMENT_OPTIONS,
    interval: 'length of a bar: 1m, 5m, 1h, 1d',
    series: 'trade (default), mark, index or funding',
    columns: 'column map: time=time_ms,open=open,high=high,low=low,close=close,volume=volume',
    'time-unit': 'auto (default: by the number of digits), s, ms, us, ns or iso',
    'time-zone-offset': 'offset from UTC of times that name no zone: +3, -05:30',
    stamp: 'open (default) or close: which end of the bar its time is',
    volume: 'base (default) or quote: what volume is counted in',
    order: 'ascending (default) or descending: the declared order of lines',
  },
  provenance: 'real',
  recognise(name, head) {
    const first = firstLine(head)
    const lines = head.split('\n')
    if (ADDRESS.test(first.trim()) && looksLikeBars(lines[1] ?? '')) return 0.95
    if (!looksLikeBars(first)) return 0
    return named(name) ? 0.9 : 0.4
  },
  read: readBars,
}
