/**
 * @file Importer `tardis`: CSV datasets of tardis.dev, told apart by their headers.
 *
 *   incremental_book_L2, book_snapshot_5, book_snapshot_25, trades, quotes, derivative_ticker, liquidations, options_chain
 *
 * `timestamp` is the venue's time and `local_timestamp` when tardis.dev heard it, both in microseconds. Edited
 * fixtures carry nanoseconds: they are read, and counted as trap `nanosecond-stamps`. Rows of one book message share
 * symbol, both times and `is_snapshot`; the first snapshot row after others resets the book, as the service documents.
 *
 * Other traps: `clock-behind` (heard before it happened), `out-of-order`, `no-snapshot` (updates before the first
 * snapshot, flagged), `funding-due-past`. Not stored and counted: `last_price`, `predicted_funding_rate`.
 *
 * Source: https://docs.tardis.dev/downloadable-csv-files
 */

import { isoTime } from '../core/clock.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { Importer, ImportOptions, ImportSink } from '../store/importer.ts'
import type { InputFile } from '../store/inputFile.ts'
import { firstLine, readTable, type TableRow, tableInvalid } from './csv.ts'
import { chosenInstrument, INSTRUMENT_OPTIONS } from './csvInstrument.ts'
import { tardisInstrument } from './tardisSymbol.ts'

const PREFIX = 'exchange,symbol,timestamp,local_timestamp,'
const FIRST = 4 // Column after the prefix.

function snapshotHeader(levels: number): string {
  const columns: string[] = []
  for (let i = 0; i < levels; i++) {
    columns.push(`asks[${i}].price`, `asks[${i}].amount`, `bids[${i}].price`, `bids[${i}].amount`)
  }
  return columns.join(',')
}

/** Columns after the prefix, for each data type. */
const HEADERS = {
  incremental_book_L2: 'is_snapshot,side,price,amount',
  book_snapshot_5: snapshotHeader(5),
  book_snapshot_25: snapshotHeader(25),
  trades: 'id,side,price,amount',
  quotes: 'ask_amount,ask_price,bid_price,bid_amount',
  derivative_ticker:
    'funding_timestamp,funding_rate,predicted_funding_rate,open_interest,last_price,index_price,mark_price',
  options_chain:
    'type,strike_price,expiration,open_interest,last_price,bid_price,bid_amount,bid_iv,ask_price,ask_amount,ask_iv,' +
    'mark_price,mark_iv,underlying_index,underlying_price,delta,gamma,vega,theta,rho',
} as const
type DataType = keyof typeof HEADERS | 'liquidations'

/** Trades and liquidations have the same columns: the name tells them apart, or the option `type`. */
function dataType(file: InputFile, row: TableRow, options: ImportOptions): DataType {
  const header = row.cells.slice(0, row.count).join(',')
  const found = Object.entries(HEADERS).find(([, columns]) => header === PREFIX + columns)?.[0] as DataType | undefined
  const asked = options['type']
  if (!found || (asked !== undefined && asked !== found && !(asked === 'liquidations' && found === 'trades'))) {
    throw tableInvalid(file, row, 'Not the header of a tardis.dev dataset', {
      expected: `${PREFIX}… of ${asked ?? [...Object.keys(HEADERS), 'liquidations'].join(', ')}`,
      found: header.slice(0, 300),
    })
  }
  return found === 'trades' && (asked === 'liquidations' || /liquidations/.test(file.path)) ? 'liquidations' : found
}

/** One symbol of a file. */
interface Feed {
  readonly index: number
  /** Whether a snapshot has been seen, and whether the last book row belonged to one. */
  hasSnapshot: boolean
  inSnapshot: boolean
}

/** Turns rows into messages; keeps what lasts longer than a row. */
class TardisReader {
  readonly #sink: ImportSink
  readonly #options: ImportOptions
  readonly #feeds = new Map<string, Feed>()
  #exchange = ''
  #symbol = ''
  #feed: Feed | undefined
  /** Of the book message being filled. */
  #open: Feed | undefined
  #openSnapshot = false
  #timeUs = 0
  #venueTimeUs = 0
  #heardUs = 0

  constructor(sink: ImportSink, options: ImportOptions) {
    this.#sink = sink
    this.#options = options
  }

  read(type: DataType, row: TableRow): void {
    const venueTimeUs = this.#time(row, 2)
    const timeUs = this.#time(row, 3)
    const feed = this.#feedOf(row)
    if (row.faulty || !feed) return
    switch (type) {
      case 'incremental_book_L2':
        this.#level(row, feed, timeUs, venueTimeUs)
        break
      case 'book_snapshot_5':
        this.#snapshot(row, feed, timeUs, venueTimeUs, 5)
        break
      case 'book_snapshot_25':
        this.#snapshot(row, feed, timeUs, venueTimeUs, 25)
        break
      case 'trades':
      case 'liquidations':
        this.#trade(row, feed, timeUs, venueTimeUs, type === 'liquidations')
        break
      case 'quotes':
        this.#quote(row, feed, timeUs, venueTimeUs)
        break
      case 'derivative_ticker':
        this.#ticker(row, feed, timeUs, venueTimeUs)
        break
      case 'options_chain':
        this.#option(row, feed, timeUs, venueTimeUs)
        break
    }
  }

  end(): void {
    if (this.#open) this.#sink.end()
    this.#open = undefined
  }

  /** A level was lost: the books it may have belonged to are not whole until their next snapshot. */
  lost(row: TableRow): void {
    this.end()
    const named = this.#feeds.get(`${row.text(0)} ${row.text(1)}`)
    for (const feed of named ? [named] : this.#feeds.values()) {
      if (feed.hasSnapshot) this.#sink.gap(feed.index, this.#heardUs, this.#venueTimeUs, row.place, 1, 0)
    }
  }

  #time(row: TableRow, column: number): number {
    const digits = row.text(column).length
    if (digits === 19) this.#sink.trap('nanosecond-stamps', row.place, row.text(column))
    else if (digits !== 16) return row.fault('time-invalid', `column ${column + 1}: ${row.text(column).slice(0, 40)}`)
    return row.epochTime(column)
  }

  #feedOf(row: TableRow): Feed | undefined {
    const exchange = row.text(0)
    const symbol = row.text(1)
    if (exchange === this.#exchange && symbol === this.#symbol) return this.#feed
    const key = `${exchange} ${symbol}`
    let feed = this.#feeds.get(key)
    if (!feed) {
      const chosen = this.#feeds.size === 0 ? chosenInstrument(this.#options, symbol) : undefined
      const instrument = chosen ?? tardisInstrument(exchange, symbol)
      if (!instrument || (this.#exchange !== '' && exchange !== this.#exchange)) {
        row.fault('symbol-unknown', `${key.slice(0, 60)}: name it with --option instrument=…`)
        return undefined
      }
      feed = { index: this.#sink.instrument(instrument), hasSnapshot: false, inSnapshot: false }
      this.#feeds.set(key, feed)
    }
    this.#exchange = exchange
    this.#symbol = symbol
    this.#feed = feed
    return feed
  }

  /** Reports what is odd about the times of a new message. */
  #watch(row: TableRow, timeUs: number, venueTimeUs: number): void {
    if (timeUs < venueTimeUs) {
      this.#sink.trap('clock-behind', row.place, `heard ${venueTimeUs - timeUs} µs before it happened`)
    }
    if (timeUs < this.#heardUs) {
      this.#sink.trap('out-of-order', row.place, `${isoTime(timeUs)} after ${isoTime(this.#heardUs)}`)
    } else this.#heardUs = timeUs
  }

  #level(row: TableRow, feed: Feed, timeUs: number, venueTimeUs: number): void {
    const snapshot = row.truth(FIRST)
    const side = bookSide(row, FIRST + 1)
    const price = row.price(FIRST + 2)
    const amount = row.size(FIRST + 3)
    if (row.faulty) return
    const sameMessage =
      this.#open === feed &&
      timeUs === this.#timeUs &&
      venueTimeUs === this.#venueTimeUs &&
      snapshot === this.#openSnapshot
    if (!sameMessage) {
      this.end()
      this.#watch(row, timeUs, venueTimeUs)
      this.#sink.begin('book', feed.index, timeUs, venueTimeUs)
      this.#open = feed
      this.#openSnapshot = snapshot
      this.#timeUs = timeUs
      this.#venueTimeUs = venueTimeUs
      if (!snapshot && !feed.hasSnapshot) {
        this.#sink.trap('no-snapshot', row.place, 'updates before the first snapshot: the book is not whole')
      }
    }
    let flags = snapshot ? Flag.SNAPSHOT : feed.hasSnapshot ? 0 : Flag.SUSPECT
    if (snapshot && !feed.inSnapshot) flags |= Flag.RESET
    feed.inSnapshot = snapshot
    if (snapshot) feed.hasSnapshot = true
    this.#sink.row(Kind.DEPTH, side, price, amount, 0, flags)
    this.#sink.count('depth levels')
  }

  #snapshot(row: TableRow, feed: Feed, timeUs: number, venueTimeUs: number, levels: number): void {
    const found: [side: number, price: number, amount: number][] = []
    for (let i = 0; i < levels * 2; i++) {
      const column = FIRST + i * 2
      if (row.text(column) === '' && row.text(column + 1) === '') continue
      found.push([i % 2 === 0 ? -1 : 1, row.price(column), row.size(column + 1)])
    }
    if (row.faulty) return
    this.#watch(row, timeUs, venueTimeUs)
    this.#sink.begin('book', feed.index, timeUs, venueTimeUs)
    if (found.length === 0) this.#sink.row(Kind.DEPTH, 0, 0, 0, 0, Flag.RESET | Flag.SNAPSHOT)
    for (const [at, [side, price, amount]] of found.entries()) {
      this.#sink.row(Kind.DEPTH, side, price, amount, 0, at === 0 ? Flag.RESET | Flag.SNAPSHOT : Flag.SNAPSHOT)
    }
    this.#sink.end()
    this.#sink.count('book snapshots')
    this.#sink.count('depth levels', found.length)
  }

  #trade(row: TableRow, feed: Feed, timeUs: number, venueTimeUs: number, liquidation: boolean): void {
    const spelled = row.text(FIRST + 1)
    const side = spelled === 'buy' ? 1 : spelled === 'sell' ? -1 : 0
    if (side === 0 && (spelled !== 'unknown' || liquidation)) row.fault('side-invalid', spelled.slice(0, 40))
    const price = row.price(FIRST + 2)
    const amount = row.size(FIRST + 3)
    if (row.faulty) return
    // Ids that are not whole numbers (BitMEX has UUIDs) have no place in a row.
    const id = /^\d{1,15}$/.test(row.text(FIRST)) ? Number(row.text(FIRST)) : 0
    this.#watch(row, timeUs, venueTimeUs)
    this.#sink.begin(liquidation ? 'liquidation' : 'trade', feed.index, timeUs, venueTimeUs)
    this.#sink.row(liquidation ? Kind.LIQUIDATION : Kind.TRADE, side, price, amount, liquidation ? 0 : id)
    this.#sink.end()
    this.#sink.count(liquidation ? 'liquidations' : 'trades')
  }

  #quote(row: TableRow, feed: Feed, timeUs: number, venueTimeUs: number): void {
    const ask = touch(row, FIRST + 1, FIRST)
    const bid = touch(row, FIRST + 2, FIRST + 3)
    if (row.faulty) return
    this.#watch(row, timeUs, venueTimeUs)
    this.#sink.begin('quote', feed.index, timeUs, venueTimeUs)
    this.#sink.row(Kind.QUOTE, 1, bid.price, bid.size, 0)
    this.#sink.row(Kind.QUOTE, -1, ask.price, ask.size, 0)
    this.#sink.end()
    this.#sink.count('quotes')
  }

  #ticker(row: TableRow, feed: Feed, timeUs: number, venueTimeUs: number): void {
    const dueUs = row.text(FIRST) === '' ? undefined : this.#time(row, FIRST)
    const rate = row.decimalOrNone(FIRST + 1)
    const predicted = row.decimalOrNone(FIRST + 2)
    const interest = row.text(FIRST + 3) === '' ? undefined : row.size(FIRST + 3)
    const last = row.text(FIRST + 4) === '' ? undefined : row.price(FIRST + 4)
    const index = row.text(FIRST + 5) === '' ? undefined : row.price(FIRST + 5)
    const mark = row.text(FIRST + 6) === '' ? undefined : row.price(FIRST + 6)
    if (row.faulty) return
    const sink = this.#sink
    this.#watch(row, timeUs, venueTimeUs)
    sink.begin('mark', feed.index, timeUs, venueTimeUs)
    if (mark !== undefined) sink.row(Kind.MARK, 0, 0, 0, mark)
    if (index !== undefined) sink.row(Kind.INDEX, 0, 0, 0, index)
    sink.end()
    if (rate !== undefined) {
      const past = dueUs !== undefined && dueUs < timeUs
      if (past) sink.trap('funding-due-past', row.place, `due ${isoTime(dueUs)}, heard ${isoTime(timeUs)}`)
      sink.begin('funding', feed.index, timeUs, venueTimeUs)
      const untilUs = dueUs === undefined || past ? 0 : dueUs - timeUs
      sink.row(Kind.FUNDING_FORECAST, 0, 0, untilUs, rate, past ? Flag.SUSPECT : 0)
      sink.end()
    }
    if (interest !== undefined) {
      sink.begin('interest', feed.index, timeUs, venueTimeUs)
      sink.row(Kind.OPEN_INTEREST, 0, 0, interest, 0)
      sink.end()
    }
    sink.count('tickers')
    if (predicted !== undefined) sink.count('predicted funding rates not stored')
    if (last !== undefined) sink.count('last prices not stored')
  }

  #option(row: TableRow, feed: Feed, timeUs: number, venueTimeUs: number): void {
    const bid = touch(row, FIRST + 5, FIRST + 6)
    const ask = touch(row, FIRST + 8, FIRST + 9)
    const bidVolatility = row.decimalOrNone(FIRST + 7)
    const askVolatility = row.decimalOrNone(FIRST + 10)
    const interest = row.text(FIRST + 3) === '' ? undefined : row.size(FIRST + 3)
    const mark = row.decimalOrNone(FIRST + 11)
    const volatility = row.decimalOrNone(FIRST + 12)
    const forward = row.decimalOrNone(FIRST + 14)
    const greeks = GREEKS.map((kind, at) => ({ kind, value: row.decimalOrNone(FIRST + 15 + at) }))
    const type = row.text(FIRST)
    const right = /-([CP])$/.exec(row.text(1))?.[1]
    if ((type !== 'call' && type !== 'put') || (right !== undefined && (right === 'C') !== (type === 'call'))) {
      row.fault('option-contradictory', `${row.text(1)} called ${type}`.slice(0, 80))
    }
    if (row.faulty) return
    const sink = this.#sink
    this.#watch(row, timeUs, venueTimeUs)
    sink.begin('option', feed.index, timeUs, venueTimeUs)
    sink.row(Kind.QUOTE, 1, bid.price, bid.size, (bidVolatility ?? 0) / 100)
    sink.row(Kind.QUOTE, -1, ask.price, ask.size, (askVolatility ?? 0) / 100)
    if (mark !== undefined) sink.row(Kind.MARK, 0, 0, 0, mark)
    if (volatility !== undefined) sink.row(Kind.IMPLIED_VOLATILITY, 0, 0, 0, volatility / 100)
    for (const { kind, value } of greeks) if (value !== undefined) sink.row(kind, 0, 0, 0, value)
    if (forward !== undefined) sink.row(Kind.FORWARD, 0, 0, 0, forward)
    if (interest !== undefined) sink.row(Kind.OPEN_INTEREST, 0, 0, interest, 0)
    sink.end()
    sink.count('option summaries')
    if (bid.size === 0 || ask.size === 0) sink.count('one-sided')
  }
}

const GREEKS = [Kind.DELTA, Kind.GAMMA, Kind.VEGA, Kind.THETA, Kind.RHO]

function bookSide(row: TableRow, column: number): number {
  const text = row.text(column)
  if (text === 'bid') return 1
  return text === 'ask' ? -1 : row.fault('side-invalid', text.slice(0, 40))
}

/** One side of a touch: absent (both zero) when price or amount is empty or zero. */
function touch(row: TableRow, priceColumn: number, sizeColumn: number): { price: number; size: number } {
  if (row.text(priceColumn) === '' || row.text(sizeColumn) === '') return { price: 0, size: 0 }
  const price = row.size(priceColumn)
  const size = row.size(sizeColumn)
  return price === 0 || size === 0 ? { price: 0, size: 0 } : { price, size }
}

async function read(file: InputFile, sink: ImportSink, options: ImportOptions): Promise<void> {
  const reader = new TardisReader(sink, options)
  let type: DataType | undefined
  await readTable(
    file,
    sink,
    (row) => {
      type = dataType(file, row, options)
      return 'header'
    },
    (row) => reader.read(type!, row),
    (row) => {
      if (type === 'incremental_book_L2') reader.lost(row)
    },
  )
  reader.end()
}

export const tardis: Importer = {
  name: 'tardis',
  version: 1,
  summary: 'CSV datasets of tardis.dev: books, trades, quotes, tickers, liquidations, option chains',
  example: 'gimbal import --catalog DIR deribit_incremental_book_L2_2020-04-01_BTC-PERPETUAL.csv.gz',
  options: {
    ...INSTRUMENT_OPTIONS,
    type: 'liquidations, where the path does not say that a file of trades holds them',
  },
  provenance: 'real',
  recognise(_name, head) {
    const first = firstLine(head)
    return Object.values(HEADERS).some((columns) => first === PREFIX + columns) ? 0.98 : 0
  },
  read,
}
