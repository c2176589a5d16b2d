/**
 * @file Importer `lean-options`: minute files of index options and of the index itself in the format of QuantConnect's
 * LEAN, one contract a file inside a zip, no header.
 *
 *   20210104_spx_minute_quote_european_call_32000000_20210115.csv   time, bid open/high/low/close/size, ask likewise
 *   …_trade_european_…                                              time, open, high, low, close, volume
 *   …_openinterest_european_…                                       time, contracts
 *   20210104_spx_minute_trade.csv                                   the index: time, open, high, low, close, ticks
 *
 * Times are milliseconds since midnight of the minute's start, in New York for options and in Chicago for the index
 * (LEAN's market-hours database says so; trap `chicago-time`); rows are known when the minute ends. Prices and
 * strikes of options are in ten-thousandths of a dollar, those of the index in dollars. Of a minute of quotes the close
 * is kept (QUOTE bid and ask, stream `quote`), its open, high and low are not. A minute of trades is a bar. Open interest is one
 * OPEN_INTEREST, at the time given. The index is a bar of SPX-USD-SPOT@cboe without volume (the file counts
 * ticks) and an INDEX; it cannot be traded.
 *
 * SPX options settle on the opening of their expiry (09:30 New York), SPXW ones on the close (16:00): expiries carry
 * that time. Contracts are of 100, in dollars: SPXW-USD-OPTION-20210104-3700-C@cboe.
 *
 * Traps: `chicago-time`, `missing-bars` and `flat-bars` for the index, `crossed-quote`, `out-of-order`.
 *
 * Source: https://github.com/QuantConnect/Lean/blob/master/Data/option/readme.md
 */

import { HOUR_US, isoTime, MINUTE_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { Importer, ImportSink, SketchedInstrument } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { BarSeries, checkBar, decimalsOf } from './barsSeries.ts'
import { firstLine, plainName, readTable, type TableRow, tableInvalid } from './csv.ts'
import { spot } from './csvInstrument.ts'
import { newYorkOffsetUs, parseIsoUs } from './csvTime.ts'

const NAME =
  /^(\d{4})(\d\d)(\d\d)_([a-z]+)_minute_(quote|trade|openinterest)(?:_(european|american)_(call|put)_(\d+)_(\d{4})(\d\d)(\d\d))?\.csv$/
const PRICE_SCALE = 10_000
const DAY_MS = 86_400_000
const WIDTH = { quote: 11, trade: 6, openinterest: 2 } as const
type LeanType = keyof typeof WIDTH

/** What the name of a member tells. */
interface LeanFile {
  readonly type: LeanType
  readonly instrument: SketchedInstrument
  readonly option: boolean
  /** Midnight on the clock of the file, in µs since 1970 UTC. */
  readonly midnightUs: number
}

/** Roots whose options settle on the opening print of their last day; all others settle on the close. */
const OPENING_SETTLED = new Set(['SPX', 'NDX', 'RUT'])

function midnightUs(year: string, month: string, day: string): number {
  const dayUs = parseIsoUs(`${year}-${month}-${day}`)
  return dayUs - newYorkOffsetUs(Number(year), Number(month), Number(day))
}

function describe(name: string): LeanFile | undefined {
  const match = NAME.exec(plainName(name))
  if (!match) return undefined
  const [, year = '', month = '', day = '', ticker = '', type, , right, strike = '', ...expiry] = match
  const root = ticker.toUpperCase()
  const start = midnightUs(year, month, day)
  if (Number.isNaN(start)) return undefined
  if (right === undefined) {
    if (type !== 'trade') return undefined
    const index = { ...spot('cboe', root, root, 'USD'), tickSize: '0.01', lotSize: '1', source: 'gimbal: index points' }
    // Chicago's clock is an hour behind New York's, all year round.
    return { type, instrument: index, option: false, midnightUs: start + HOUR_US }
  }
  const [expiryYear = '', expiryMonth = '', expiryDay = ''] = expiry
  const settles = OPENING_SETTLED.has(root) ? 9.5 : 16
  const expiryUs = midnightUs(expiryYear, expiryMonth, expiryDay) + settles * HOUR_US
  const points = Number(strike) / PRICE_SCALE
  if (Number.isNaN(expiryUs) || !(points > 0)) return undefined
  const instrument: SketchedInstrument = {
    base: root,
    quote: 'USD',
    kind: 'option',
    venue: 'cboe',
    venueSymbol: plainName(name)
      .replace(/^.*_(?=(?:european|american)_)/, `${root} `)
      .replace(/\.csv$/, ''),
    payoff: 'linear',
    settle: 'USD',
    // Cboe index options trade in nickels below 3 dollars and in dimes above: the finer of the two.
    tickSize: '0.05',
    lotSize: '1',
    multiplier: '100',
    expiry: `${expiryYear}-${expiryMonth}-${expiryDay}`,
    expiryUs,
    strike: String(points),
    right: right as 'call' | 'put',
    source: 'Cboe contract specifications',
  }
  return { type: type as LeanType, instrument, option: true, midnightUs: start }
}

/** Time of a line in µs since 1970; milliseconds since midnight on the wall clock. */
function lineTime(row: TableRow, file: LeanFile): number {
  const ms = row.whole(0)
  if (ms < 0 || ms >= DAY_MS) row.fault('time-invalid', row.text(0).slice(0, 40))
  return file.midnightUs + ms * 1000
}

/** A price in ten-thousandths of a dollar, as the nearest double to its decimal. */
function scaled(row: TableRow, column: number): number {
  const value = row.whole(column)
  if (value < 0) row.fault('price-negative', row.text(column).slice(0, 40))
  return value / PRICE_SCALE
}

/** One side of a minute of quotes: its close and size, or nothing when the cells are empty or zero. */
function quoteSide(row: TableRow, first: number): { price: number; size: number } {
  const unquoted = [0, 1, 2, 3].every((at) => row.text(first + at) === '')
  if (unquoted && (row.text(first + 4) === '' || row.text(first + 4) === '0')) return { price: 0, size: 0 }
  const open = scaled(row, first)
  const high = scaled(row, first + 1)
  const low = scaled(row, first + 2)
  const close = scaled(row, first + 3)
  const size = row.size(first + 4)
  if (!row.faulty) checkBar(row, open, high, low, close)
  // An option worth nothing is bid at 0.00: that is no bid.
  return close === 0 || size === 0 ? { price: 0, size: 0 } : { price: close, size }
}

class LeanReader {
  readonly #sink: ImportSink
  readonly #file: LeanFile
  readonly #index: number
  readonly #series: BarSeries | undefined
  #lastUs = 0

  constructor(sink: ImportSink, file: LeanFile) {
    this.#sink = sink
    this.#file = file
    this.#index = sink.instrument(file.instrument)
    // Minutes without a trade are left out of an option's file, so there a gap means nothing; an index has none.
    this.#series = file.option ? undefined : new BarSeries(sink, file.instrument, 'trade', MINUTE_US)
  }

  read(row: TableRow): void {
    const timeUs = lineTime(row, this.#file)
    if (row.faulty) return
    if (timeUs === this.#lastUs) {
      row.fault('duplicate-time', isoTime(timeUs))
      return
    }
    if (this.#file.type === 'quote') this.#quote(row, timeUs)
    else if (this.#file.type === 'openinterest') this.#interest(row, timeUs)
    else if (this.#file.option) this.#trades(row, timeUs)
    else this.#indexMinute(row, timeUs)
    if (!row.faulty) this.#lastUs = Math.max(this.#lastUs, timeUs)
  }

  end(): void {
    this.#series?.end()
  }

  /** Flags of a row at this time; reports a step backwards. */
  #flags(row: TableRow, timeUs: number): number {
    if (timeUs > this.#lastUs) return 0
    this.#sink.trap('out-of-order', row.place, `${isoTime(timeUs)} after ${isoTime(this.#lastUs)}`)
    return Flag.SUSPECT
  }

  #quote(row: TableRow, timeUs: number): void {
    const bid = quoteSide(row, 1)
    const ask = quoteSide(row, 6)
    if (row.faulty) return
    const sink = this.#sink
    const crossed = bid.size > 0 && ask.size > 0 && bid.price > ask.price
    if (crossed) sink.trap('crossed-quote', row.place, `bid ${bid.price} over ask ${ask.price}`)
    const flags = this.#flags(row, timeUs) | (crossed ? Flag.SUSPECT : 0)
    const endUs = timeUs + MINUTE_US
    sink.begin('quote', this.#index, endUs, endUs)
    sink.row(Kind.QUOTE, 1, bid.price, bid.size, 0, flags)
    sink.row(Kind.QUOTE, -1, ask.price, ask.size, 0, flags)
    sink.end()
    sink.count('quotes')
    if (bid.size === 0 || ask.size === 0) sink.count('one-sided')
  }

  #interest(row: TableRow, timeUs: number): void {
    const contracts = row.size(1)
    if (row.faulty) return
    this.#sink.begin('interest', this.#index, timeUs, timeUs)
    this.#sink.row(Kind.OPEN_INTEREST, 0, 0, contracts, 0, this.#flags(row, timeUs))
    this.#sink.end()
    this.#sink.count('open interests')
  }

  #trades(row: TableRow, timeUs: number): void {
    const open = scaled(row, 1)
    const high = scaled(row, 2)
    const low = scaled(row, 3)
    const close = scaled(row, 4)
    const volume = row.size(5)
    if (low === 0) row.fault('price-not-positive', row.text(3))
    if (!row.faulty) checkBar(row, open, high, low, close)
    if (row.faulty) return
    const sink = this.#sink
    const flags = this.#flags(row, timeUs)
    const endUs = timeUs + MINUTE_US
    sink.begin('bar', this.#index, endUs, endUs)
    sink.row(Kind.BAR_OPEN, 0, open, 0, 0, flags)
    sink.row(Kind.BAR_HIGH, 0, high, 0, 0, flags)
    sink.row(Kind.BAR_LOW, 0, low, 0, 0, flags)
    sink.row(Kind.BAR_CLOSE, 0, close, volume, MINUTE_US, flags)
    sink.end()
    sink.count('bars')
  }

  #indexMinute(row: TableRow, timeUs: number): void {
    const open = row.price(1)
    const high = row.price(2)
    const low = row.price(3)
    const close = row.price(4)
    row.size(5)
    if (row.faulty) return
    checkBar(row, open, high, low, close)
    if (row.faulty) return
    const closeUs = timeUs + MINUTE_US
    const priceDecimals = Math.max(...[1, 2, 3, 4].map((column) => decimalsOf(row.text(column))))
    const bar = { closeUs, open, high, low, close, volume: 0, priceDecimals, volumeDecimals: 0, place: row.place }
    const reason = this.#series!.take(bar)
    if (reason !== '') {
      row.fault(reason, isoTime(timeUs))
      return
    }
    this.#sink.begin('mark', this.#index, closeUs, closeUs)
    this.#sink.row(Kind.INDEX, 0, 0, 0, close, timeUs < this.#lastUs ? Flag.SUSPECT : 0)
    this.#sink.end()
  }
}

async function read(file: InputFile, sink: ImportSink): Promise<void> {
  const what = describe(file.name)
  if (!what) {
    throw new GimbalError('file-invalid', 'Not a name of a LEAN minute file', {
      file: file.name,
      line: 1,
      byte: 0,
      expected: '20210104_spx_minute_quote_european_call_32000000_20210115.csv',
    })
  }
  const reader = new LeanReader(sink, what)
  await readTable(
    file,
    sink,
    (row) => {
      if (row.count !== WIDTH[what.type]) {
        throw tableInvalid(file, row, 'Not as many columns as a LEAN minute file has', {
          expected: `${WIDTH[what.type]} of ${what.type}`,
          found: String(row.count),
        })
      }
      if (!what.option) sink.trap('chicago-time', row.place, 'minutes of the index are counted on the clock of Chicago')
      return 'data'
    },
    (row) => reader.read(row),
  )
  reader.end()
}

export const leanOptions: Importer = {
  name: 'lean-options',
  version: 1,
  summary: 'Minute quotes, trades and open interest of index options, and the index, in the format of LEAN',
  example: 'gimbal import --catalog DIR indexoption_usa_minute_spxw_20210104_quote_european.zip',
  options: {},
  provenance: 'real',
  recognise(name, head) {
    const what = describe(name)
    return what && firstLine(head).split(',').length === WIDTH[what.type] ? 0.98 : 0
  },
  read,
}
