/**
 * @file Bybit frames as messages: v2 (2019-2023, `orderBookL2_25`, `orderBook_200.100ms`) and v5 (`orderbook.500`).
 *
 * v2 books: a snapshot, then deltas of rows to delete, update and insert. Their `cross_seq` only grows: a lost delta
 * leaves no hole in it, so what is rejected from such a connection counts as a gap of its books. v5 books: `u` grows
 * by one; a snapshot may come at any time (u = 1 after the venue restarts). No checksums.
 *
 * v2 printed the sizes of linear contracts from single precision: 12.85 as 12.849999. Where the lot is defined, such a
 * size is read as the multiple of it that single precision cannot tell from what was printed; the trap
 * `single-precision-sizes` says so once, and every one is counted.
 */

import { Grid } from '../../core/decimal.ts'
import { Flag, Kind } from '../../market/tape.ts'
import type { ImportSink, Place } from '../../store/importer.ts'
import type { Definitions } from '../definitions.ts'
import {
  type Fields,
  isRecord,
  list,
  optionalNumber,
  parseJson,
  price,
  record,
  side,
  size,
  text,
  timeMs,
  whole,
} from '../fields.ts'
import { Frame, type FrameParser, refuse, venueTime } from '../frame.ts'
import { Sequences } from '../sequence.ts'
import { type BybitCategory, sketchSymbol } from './wire.ts'

const TOPICS_SKIPPED: ReadonlySet<string> = new Set([
  'instrument_info',
  'klineV2',
  'candle',
  'insurance',
  'kline_lt',
  'tickers_lt',
])
const USER_TOPICS: ReadonlySet<string> = new Set(['order', 'position', 'execution', 'wallet', 'stop_order', 'greeks'])

/** Two steps of single precision, as a fraction: one for the printing, one for the sums made in it before. */
const SINGLE_PRECISION = 2 ** -22

/** Parser of one connection. */
export class BybitFrames implements FrameParser {
  readonly #frame: Frame
  readonly #sink: ImportSink
  readonly #sequences: Sequences
  readonly #definitions: Definitions
  readonly #category: BybitCategory
  readonly #instruments = new Map<string, number>()
  /** v2 books that were told of a loss and have had no snapshot since; a second loss adds nothing. */
  readonly #sound = new Map<string, boolean>()
  #version: 2 | 5 | undefined
  /** Grids of sizes by symbol, where defined. */
  readonly #lots = new Map<string, Grid>()
  #rounded = false

  constructor(sink: ImportSink, options: { definitions?: Definitions; category?: BybitCategory } = {}) {
    this.#sink = sink
    this.#frame = new Frame(sink)
    this.#sequences = new Sequences(sink, this.#frame)
    this.#definitions = options.definitions ?? new Map()
    this.#category = options.category ?? 'linear'
  }

  frame(text: string, timeUs: number, place: Place): void {
    this.#frame.open(timeUs, place)
    try {
      this.#read(record(parseJson(text), 'frame'))
    } catch (error) {
      this.#frame.reject(error)
      if (this.#version === 2 && !/"topic":"(?:trade|instrument_info|klineV2)/.test(text)) this.#loseBooks()
    }
  }

  #loseBooks(): void {
    const { timeUs, place } = this.#frame
    for (const [symbol, sound] of this.#sound) {
      if (!sound) continue
      this.#sound.set(symbol, false)
      this.#sink.gap(this.#instrument(symbol), timeUs, timeUs, place, 0, 0)
    }
  }

  #read(frame: Fields): void {
    const { topic } = frame
    if (topic === undefined) {
      if (frame['success'] === false)
        this.#sink.trap('venue-error', this.#frame.place, String(frame['ret_msg']).slice(0, 200))
      else if ('success' in frame || 'op' in frame || 'ret_msg' in frame) this.#sink.skip('reply')
      else refuse('frame-unknown')
      return
    }
    const parts = text(topic, 'topic').split('.')
    switch (parts[0]) {
      case 'orderBookL2_25':
      case 'orderBook_200':
        this.#version = 2
        this.#bookV2(frame, text(topic, 'topic'))
        return
      case 'orderbook':
        this.#version = 5
        this.#bookV5(frame, text(topic, 'topic'), parts[1] ?? '')
        return
      case 'trade':
        this.#tradesV2(list(frame['data'], 'data'))
        break
      case 'publicTrade':
        this.#tradesV5(list(frame['data'], 'data'))
        break
      case 'tickers':
        this.#ticker(record(frame['data'], 'data'), timeMs(frame['ts'], 'ts'))
        break
      case 'liquidation':
      case 'allLiquidation':
        this.#liquidations(frame['data'])
        break
      case 'kline':
        this.#bars(list(frame['data'], 'data'), parts[2] ?? '')
        break
      default:
        if (USER_TOPICS.has(parts[0]!)) this.#sink.skip('user-channel')
        else if (TOPICS_SKIPPED.has(parts[0]!)) this.#sink.skip(`topic ${parts[0]}`)
        else refuse('channel-unknown', String(topic).slice(0, 60))
        return
    }
    this.#frame.deliver()
  }

  #bookV2(message: Fields, topic: string): void {
    const frame = this.#frame
    const symbol = topic.slice(topic.lastIndexOf('.') + 1)
    const snapshot = message['type'] === 'snapshot'
    if (!snapshot && message['type'] !== 'delta') refuse('field-invalid', 'type')
    const id = whole(message['cross_seq'], 'cross_seq')
    const venueTimeUs = venueTime(whole(message['timestamp_e6'], 'timestamp_e6') / 1000)
    const instrument = this.#instrument(symbol)
    frame.begin('book', instrument, venueTimeUs)
    const { data } = message
    if (snapshot) this.#rowsV2(isRecord(data) ? data['order_book'] : data, symbol, id, Flag.SNAPSHOT, false)
    else {
      const changes = record(data, 'data')
      this.#rowsV2(changes['delete'], symbol, id, 0, true)
      this.#rowsV2(changes['update'], symbol, id, 0, false)
      this.#rowsV2(changes['insert'], symbol, id, 0, false)
    }
    if (this.#deliverBook(symbol, topic, instrument, venueTimeUs, snapshot, Number.NaN, id)) {
      if (snapshot) this.#sound.set(symbol, true)
    }
  }

  #rowsV2(rows: unknown, symbol: string, id: number, flags: number, removed: boolean): void {
    for (const entry of list(rows, 'rows')) {
      const level = record(entry, 'level')
      if (level['symbol'] !== symbol) refuse('field-invalid', 'symbol of another book')
      const direction = side(level['side'], 'Buy', 'Sell')
      this.#frame.row(
        Kind.DEPTH,
        direction,
        price(level['price'], 'price'),
        removed ? 0 : this.#sizeV2(symbol, level['size']),
        id,
        flags,
      )
    }
  }

  /** A size of v2: see the header on single precision. */
  #sizeV2(symbol: string, value: unknown): number {
    const read = size(value, 'size')
    const lots = this.#lots.get(symbol)
    if (!lots || !Number.isNaN(lots.index(read))) return read
    const nearest = lots.value(Math.round(read / lots.size))
    if (Math.abs(nearest - read) > Math.abs(read) * SINGLE_PRECISION) return read
    if (!this.#rounded) {
      this.#rounded = true
      this.#sink.trap('single-precision-sizes', this.#frame.place, `${symbol} ${read} read as ${nearest}`)
    }
    this.#sink.count('sizes printed in single precision')
    return nearest
  }

  #bookV5(message: Fields, topic: string, depth: string): void {
    const frame = this.#frame
    const data = record(message['data'], 'data')
    const symbol = text(data['s'], 's')
    const snapshot = message['type'] === 'snapshot'
    if (!snapshot && message['type'] !== 'delta') refuse('field-invalid', 'type')
    const id = whole(data['u'], 'u')
    // `cts` is when the matching engine made it, `ts` when the gateway sent it.
    const venueTimeUs = timeMs(message['cts'] ?? message['ts'], 'ts')
    const instrument = this.#instrument(symbol)
    if (depth === '1') {
      this.#touch(data, instrument, venueTimeUs)
      return
    }
    frame.begin('book', instrument, venueTimeUs)
    for (const [field, direction] of [
      ['b', 1],
      ['a', -1],
    ] as const) {
      for (const entry of list(data[field], field)) {
        const level = list(entry, field)
        frame.row(
          Kind.DEPTH,
          direction,
          price(level[0], 'price'),
          size(level[1], 'size'),
          id,
          snapshot ? Flag.SNAPSHOT : 0,
        )
      }
    }
    this.#deliverBook(symbol, topic, instrument, venueTimeUs, snapshot, id - 1, id)
  }

  /** Depth 1: only the side that changed is sent; a size of 0 takes it away. */
  #touch(data: Fields, instrument: number, venueTimeUs: number): void {
    const frame = this.#frame
    frame.begin('quote', instrument, venueTimeUs)
    for (const [field, direction] of [
      ['b', 1],
      ['a', -1],
    ] as const) {
      const levels = list(data[field], field).map((level) => list(level, field))
      const level = levels.find((each) => size(each[1], 'size') > 0) ?? levels[0]
      if (level) frame.row(Kind.QUOTE, direction, price(level[0], 'price'), size(level[1], 'size'))
    }
    frame.deliver()
    this.#sink.count('quotes')
  }

  #deliverBook(
    symbol: string,
    topic: string,
    instrument: number,
    venueTimeUs: number,
    snapshot: boolean,
    previous: number,
    id: number,
  ): boolean {
    const frame = this.#frame
    const { rows } = frame
    if (snapshot) {
      if (rows === 0) frame.row(Kind.DEPTH, 1, 0, 0, id, Flag.SNAPSHOT)
      frame.flag(0, Flag.RESET)
    }
    const applies =
      this.#sequences.claims(symbol, topic) &&
      (snapshot || this.#sequences.accepts(symbol, instrument, venueTimeUs, previous, id))
    if (!applies) {
      frame.clear()
      return false
    }
    frame.deliver()
    this.#sequences.applied(symbol, id)
    this.#sink.count(snapshot ? 'snapshots' : 'depth updates')
    this.#sink.count(snapshot ? 'snapshot levels' : 'depth levels', rows)
    if (!snapshot && rows === 0) this.#sink.skip('empty-update')
    return true
  }

  #tradesV2(trades: readonly unknown[]): void {
    for (const each of trades) {
      const trade = record(each, 'trade')
      const timeUs = timeMs(trade['trade_time_ms'], 'trade_time_ms')
      const symbol = text(trade['symbol'], 'symbol')
      this.#instrument(symbol)
      const amount = this.#sizeV2(symbol, trade['size'])
      this.#trade(symbol, timeUs, trade['side'], trade['price'], amount, false)
    }
  }

  #tradesV5(trades: readonly unknown[]): void {
    for (const each of trades) {
      const trade = record(each, 'trade')
      this.#trade(
        text(trade['s'], 's'),
        timeMs(trade['T'], 'T'),
        trade['S'],
        trade['p'],
        trade['v'],
        trade['BT'] === true,
      )
    }
  }

  /** Bybit's trade ids are UUIDs: they are not kept. */
  #trade(symbol: string, timeUs: number, taker: unknown, at: unknown, amount: unknown, block: boolean): void {
    const frame = this.#frame
    frame.begin('trade', this.#instrument(symbol), timeUs)
    const flags = block ? Flag.SPECIAL : 0
    frame.row(Kind.TRADE, side(taker, 'Buy', 'Sell'), price(at, 'price'), size(amount, 'size'), 0, flags)
    this.#sink.count('trades')
  }

  /** A ticker's delta says only what changed. */
  #ticker(data: Fields, timeUs: number): void {
    const frame = this.#frame
    const instrument = this.#instrument(text(data['symbol'], 'symbol'))
    frame.begin('mark', instrument, timeUs)
    const mark = optionalNumber(data['markPrice'], 'markPrice')
    if (mark !== undefined && mark > 0) frame.row(Kind.MARK, 0, 0, 0, mark)
    const index = optionalNumber(data['indexPrice'], 'indexPrice')
    if (index !== undefined && index > 0) frame.row(Kind.INDEX, 0, 0, 0, index)
    const interest = optionalNumber(data['openInterest'], 'openInterest')
    if (interest !== undefined) {
      frame.begin('interest', instrument, timeUs)
      frame.row(Kind.OPEN_INTEREST, 0, 0, interest, optionalNumber(data['openInterestValue'], 'openInterestValue') ?? 0)
    }
    const rate = optionalNumber(data['fundingRate'], 'fundingRate')
    const due = optionalNumber(data['nextFundingTime'], 'nextFundingTime')
    if (rate !== undefined && due !== undefined && due > 0) {
      frame.begin('funding', instrument, timeUs)
      frame.row(Kind.FUNDING_FORECAST, 0, 0, Math.max(0, timeMs(due, 'nextFundingTime') - timeUs), rate)
    }
    this.#sink.count('tickers')
  }

  /** `Buy` here is the side of the position that was liquidated: the forced order sold. */
  #liquidations(data: unknown): void {
    const frame = this.#frame
    for (const each of Array.isArray(data) ? data : [data]) {
      const order = record(each, 'liquidation')
      const symbol = text(order['s'] ?? order['symbol'], 's')
      const timeUs = timeMs(order['T'] ?? order['updatedTime'] ?? order['time'], 'T')
      const direction = -side(order['S'] ?? order['side'], 'Buy', 'Sell')
      const amount = size(order['v'] ?? order['size'] ?? order['qty'], 'v')
      frame.begin('liquidation', this.#instrument(symbol), timeUs)
      frame.row(Kind.LIQUIDATION, direction, price(order['p'] ?? order['price'], 'p'), amount)
      this.#sink.count('liquidations')
    }
  }

  #bars(bars: readonly unknown[], symbol: string): void {
    const frame = this.#frame
    for (const each of bars) {
      const bar = record(each, 'bar')
      if (bar['confirm'] !== true) {
        this.#sink.skip('bar-unfinished')
        continue
      }
      const openUs = timeMs(bar['start'], 'start')
      const closeUs = timeMs(bar['end'], 'end') + 1000
      if (closeUs <= openUs) refuse('time-invalid', 'a bar that closes before it opens')
      frame.begin('bar', this.#instrument(symbol), closeUs)
      frame.row(Kind.BAR_OPEN, 0, price(bar['open'], 'open'), 0)
      frame.row(Kind.BAR_HIGH, 0, price(bar['high'], 'high'), 0)
      frame.row(Kind.BAR_LOW, 0, price(bar['low'], 'low'), 0)
      frame.row(Kind.BAR_CLOSE, 0, price(bar['close'], 'close'), size(bar['volume'], 'volume'), closeUs - openUs)
      this.#sink.count('bars')
    }
  }

  #instrument(symbol: string): number {
    let instrument = this.#instruments.get(symbol)
    if (instrument === undefined) {
      const spec = this.#definitions.get(symbol) ?? sketchSymbol(symbol, this.#category)
      instrument = this.#sink.instrument(spec)
      if (spec.lotSize !== undefined) this.#lots.set(symbol, new Grid(spec.lotSize))
      this.#instruments.set(symbol, instrument)
    }
    return instrument
  }
}
