/**
 * @file BitMEX WebSocket frames as messages.
 *
 * `orderBookL2` rows are known by id: a `partial` gives id, price and size of each, an `insert` adds one, an `update`
 * and a `delete` name only the id, so the parser keeps id → price. There is no sequence number: an id never heard of,
 * or a frame that could not be read, means something was lost, which is a gap until the next `partial`.
 */

import { Flag, Kind } from '../../market/tape.ts'
import type { ImportSink, Place } from '../../store/importer.ts'
import type { Definitions } from '../definitions.ts'
import {
  type Fields,
  list,
  number,
  optionalNumber,
  parseJson,
  price,
  record,
  side,
  size,
  text,
  timeIso,
  whole,
} from '../fields.ts'
import { Frame, type FrameParser, refuse } from '../frame.ts'
import { Sequences } from '../sequence.ts'

const TABLES_SKIPPED: ReadonlySet<string> = new Set([
  'announcement',
  'chat',
  'connected',
  'insurance',
  'orderBook10',
  'publicNotifications',
  'quoteBin1m',
  'quoteBin5m',
  'quoteBin1h',
  'quoteBin1d',
  'settlement',
])
const USER_TABLES: ReadonlySet<string> = new Set([
  'execution',
  'order',
  'margin',
  'position',
  'wallet',
  'transact',
  'affiliate',
])
const BIN_US: Readonly<Record<string, number>> = {
  tradeBin1m: 60_000_000,
  tradeBin5m: 300_000_000,
  tradeBin1h: 3_600_000_000,
  tradeBin1d: 86_400_000_000,
}

/** Rows of one book by id. */
interface Rows {
  readonly instrument: number
  readonly prices: Map<number, number>
  /** False from a loss to the next partial. */
  sound: boolean
}

/** Parser of one connection. */
export class BitmexFrames implements FrameParser {
  readonly #frame: Frame
  readonly #sink: ImportSink
  readonly #sequences: Sequences
  readonly #definitions: Definitions
  readonly #instruments = new Map<string, number>()
  readonly #books = new Map<string, Rows>()
  /** Table of the frame at hand; empty until it was read. */
  #table = ''

  /** @param definitions Contracts by symbol, from `instrument/active`: frames of any other are rejected. */
  constructor(sink: ImportSink, definitions: Definitions) {
    this.#sink = sink
    this.#frame = new Frame(sink)
    this.#sequences = new Sequences(sink, this.#frame)
    this.#definitions = definitions
  }

  frame(text: string, timeUs: number, place: Place): void {
    this.#frame.open(timeUs, place)
    this.#table = ''
    try {
      this.#read(record(parseJson(text), 'frame'))
    } catch (error) {
      this.#frame.reject(error)
      if (this.#table === '' || this.#table.startsWith('orderBookL2')) this.#loseBooks()
    }
  }

  #loseBooks(): void {
    for (const book of this.#books.values()) this.#lose(book)
  }

  #lose(book: Rows): void {
    if (!book.sound) return
    book.sound = false
    const { timeUs, place } = this.#frame
    this.#sink.gap(book.instrument, timeUs, timeUs, place, 0, 0)
  }

  #read(frame: Fields): void {
    if (!('table' in frame)) {
      if ('error' in frame) this.#sink.trap('venue-error', this.#frame.place, String(frame['error']).slice(0, 200))
      else if ('success' in frame || 'info' in frame || 'request' in frame) this.#sink.skip('reply')
      else refuse('frame-unknown')
      return
    }
    const table = text(frame['table'], 'table')
    this.#table = table
    const action = text(frame['action'], 'action')
    if (USER_TABLES.has(table)) {
      this.#sink.skip('user-channel')
      return
    }
    if (TABLES_SKIPPED.has(table)) {
      this.#sink.skip(`table ${table}`)
      return
    }
    const rows = list(frame['data'], 'data').map((row) => record(row, 'row'))
    switch (table) {
      case 'orderBookL2':
      case 'orderBookL2_25':
        this.#book(table, action, rows, frame)
        return
      case 'quote':
        for (const row of rows) this.#quote(row)
        break
      case 'trade':
        this.#trades(rows, action === 'partial')
        break
      case 'liquidation':
        for (const row of rows) this.#liquidation(row, action)
        break
      case 'funding':
        for (const row of rows) this.#funding(row)
        break
      case 'instrument':
        for (const row of rows) this.#statistics(row)
        break
      default:
        if (BIN_US[table] === undefined) refuse('channel-unknown', table.slice(0, 40))
        for (const row of rows) this.#bar(row, BIN_US[table]!, action)
    }
    this.#frame.deliver()
  }

  #book(table: string, action: string, rows: readonly Fields[], message: Fields): void {
    if (action !== 'partial' && action !== 'insert' && action !== 'update' && action !== 'delete') {
      refuse('field-invalid', 'action')
    }
    if (action !== 'partial') {
      // A message may hold rows of several books: each becomes a message of its own.
      const symbols = new Set(rows.map((row) => text(row['symbol'], 'symbol')))
      for (const symbol of symbols)
        this.#change(
          table,
          action,
          symbol,
          rows.filter((row) => row['symbol'] === symbol),
        )
      return
    }
    const filter = message['filter'] === undefined ? {} : record(message['filter'], 'filter')
    const symbol = text(filter['symbol'] ?? rows[0]?.['symbol'], 'symbol')
    if (!this.#sequences.claims(symbol, table)) return
    const frame = this.#frame
    const instrument = this.#instrument(symbol)
    const book: Rows = { instrument, prices: new Map(), sound: true }
    frame.begin('book', instrument, rowTime(rows, frame.timeUs))
    for (const row of rows) {
      if (row['symbol'] !== symbol) refuse('field-invalid', 'symbol of another book')
      const at = price(row['price'], 'price')
      book.prices.set(whole(row['id'], 'id'), at)
      frame.row(Kind.DEPTH, side(row['side'], 'Buy', 'Sell'), at, size(row['size'], 'size'), 0, Flag.SNAPSHOT)
    }
    if (rows.length === 0) frame.row(Kind.DEPTH, 1, 0, 0, 0, Flag.SNAPSHOT)
    frame.flag(0, Flag.RESET)
    frame.deliver()
    this.#books.set(symbol, book)
    this.#sink.count('snapshots')
    this.#sink.count('snapshot levels', rows.length)
  }

  #change(table: string, action: string, symbol: string, rows: readonly Fields[]): void {
    if (!this.#sequences.claims(symbol, table)) return
    const frame = this.#frame
    const book = this.#books.get(symbol)
    if (!book) {
      // Without the partial an id has no price, so there is nothing to store.
      this.#sink.skip('update-before-snapshot')
      return
    }
    const changes: (() => void)[] = []
    let unknown = 0
    frame.begin('book', book.instrument, rowTime(rows, frame.timeUs))
    for (const row of rows) {
      const id = whole(row['id'], 'id')
      const direction = side(row['side'], 'Buy', 'Sell')
      const own = row['price'] === undefined ? undefined : price(row['price'], 'price')
      const at = action === 'insert' ? price(row['price'], 'price') : (own ?? book.prices.get(id))
      if (at === undefined) {
        unknown++
        continue
      }
      // Updates may leave out the size when only the time changed.
      if (action === 'update' && row['size'] === undefined) continue
      frame.row(Kind.DEPTH, direction, at, action === 'delete' ? 0 : size(row['size'], 'size'))
      changes.push(() => (action === 'delete' ? book.prices.delete(id) : book.prices.set(id, at)))
    }
    const { rows: drafted } = frame
    frame.deliver()
    for (const change of changes) change()
    this.#sink.count('depth updates')
    this.#sink.count('depth levels', drafted)
    if (unknown > 0) {
      this.#sink.trap('unknown-order-id', frame.place, `${symbol}: ${unknown} rows of an id never heard of`)
      this.#lose(book)
    }
  }

  #quote(row: Fields): void {
    const frame = this.#frame
    frame.begin('quote', this.#instrument(text(row['symbol'], 'symbol')), timeIso(row['timestamp'], 'timestamp'))
    for (const [field, direction] of [
      ['bid', 1],
      ['ask', -1],
    ] as const) {
      const at = optionalNumber(row[`${field}Price`], `${field}Price`) ?? 0
      frame.row(Kind.QUOTE, direction, at, at === 0 ? 0 : (optionalNumber(row[`${field}Size`], `${field}Size`) ?? 0))
    }
    this.#sink.count('quotes')
  }

  /** Trade ids are UUIDs: they are not kept. */
  #trades(rows: readonly Fields[], past: boolean): void {
    const frame = this.#frame
    for (const row of rows) {
      const timeUs = timeIso(row['timestamp'], 'timestamp')
      frame.begin('trade', this.#instrument(text(row['symbol'], 'symbol')), timeUs)
      const direction = row['side'] === undefined || row['side'] === '' ? 0 : side(row['side'], 'Buy', 'Sell')
      const flags = past ? Flag.SUSPECT : 0
      frame.row(Kind.TRADE, direction, price(row['price'], 'price'), size(row['size'], 'size'), 0, flags)
      this.#sink.count('trades')
    }
    if (past && rows.length > 0) {
      this.#sink.trap('trade-replay', frame.place, `${rows.length} trades made before the recording began`)
    }
  }

  #liquidation(row: Fields, action: string): void {
    if (action !== 'insert') {
      this.#sink.skip('liquidation-order change')
      return
    }
    const frame = this.#frame
    frame.begin('liquidation', this.#instrument(text(row['symbol'], 'symbol')), frame.timeUs)
    const direction = side(row['side'], 'Buy', 'Sell')
    frame.row(Kind.LIQUIDATION, direction, price(row['price'], 'price'), size(row['leavesQty'], 'leavesQty'))
    this.#sink.count('liquidations')
  }

  #funding(row: Fields): void {
    const frame = this.#frame
    const interval = /T(\d\d):(\d\d):/.exec(text(row['fundingInterval'], 'fundingInterval'))
    if (!interval) refuse('field-invalid', 'fundingInterval')
    const intervalUs = (Number(interval[1]) * 60 + Number(interval[2])) * 60_000_000
    frame.begin('funding', this.#instrument(text(row['symbol'], 'symbol')), timeIso(row['timestamp'], 'timestamp'))
    frame.row(Kind.FUNDING, 0, 0, intervalUs, number(row['fundingRate'], 'fundingRate'))
    this.#sink.count('fundings')
  }

  /** Rows of the instrument table say only what changed. */
  #statistics(row: Fields): void {
    const frame = this.#frame
    const symbol = text(row['symbol'], 'symbol')
    if (!this.#definitions.has(symbol)) {
      this.#sink.skip('index or contract not defined')
      return
    }
    const instrument = this.#instrument(symbol)
    const timeUs = row['timestamp'] === undefined ? frame.timeUs : timeIso(row['timestamp'], 'timestamp')
    frame.begin('mark', instrument, timeUs)
    const mark = optionalNumber(row['markPrice'], 'markPrice')
    if (mark !== undefined && mark > 0) frame.row(Kind.MARK, 0, 0, 0, mark)
    const index = optionalNumber(row['indicativeSettlePrice'], 'indicativeSettlePrice')
    if (index !== undefined && index > 0) frame.row(Kind.INDEX, 0, 0, 0, index)
    const interest = optionalNumber(row['openInterest'], 'openInterest')
    if (interest !== undefined) {
      frame.begin('interest', instrument, timeUs)
      frame.row(Kind.OPEN_INTEREST, 0, 0, interest)
    }
    this.#sink.count('instrument states')
  }

  /** Bins are stamped with their end. */
  #bar(row: Fields, lengthUs: number, action: string): void {
    if (action === 'partial' || row['open'] === undefined || row['open'] === null) {
      this.#sink.skip('bar-history or empty bar')
      return
    }
    const frame = this.#frame
    frame.begin('bar', this.#instrument(text(row['symbol'], 'symbol')), timeIso(row['timestamp'], 'timestamp'))
    frame.row(Kind.BAR_OPEN, 0, price(row['open'], 'open'), 0)
    frame.row(Kind.BAR_HIGH, 0, price(row['high'], 'high'), 0)
    frame.row(Kind.BAR_LOW, 0, price(row['low'], 'low'), 0)
    frame.row(Kind.BAR_CLOSE, 0, price(row['close'], 'close'), size(row['volume'], 'volume'), lengthUs)
    this.#sink.count('bars')
  }

  #instrument(symbol: string): number {
    let instrument = this.#instruments.get(symbol)
    if (instrument === undefined) {
      const spec = this.#definitions.get(symbol)
      if (!spec) return refuse('instrument-undefined', symbol.slice(0, 40))
      instrument = this.#sink.instrument(spec)
      this.#instruments.set(symbol, instrument)
    }
    return instrument
  }
}

/** The last time on rows that carry one (since 2022); else that of receipt. */
function rowTime(rows: readonly Fields[], receivedUs: number): number {
  const stamped = rows.findLast((row) => row['timestamp'] !== undefined)
  return stamped ? timeIso(stamped['timestamp'], 'timestamp') : receivedUs
}
