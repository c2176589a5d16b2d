/**
 * @file OKX v5 WebSocket frames as messages.
 *
 * Books (`books`, `books-l2-tbt`, `books50-l2-tbt`): a snapshot, then updates. Where they carry `seqId`, an update
 * must name the last one as its `prevSeqId`. Where they carry `checksum`, the CRC-32 of the 25 best levels a side,
 * interleaved as `bid price:bid size:ask price:ask size:…` in the digits sent, must equal it after the update: the
 * replica is otherwise wrong, which is a gap until the next snapshot.
 */

import { crc32 } from 'node:zlib'
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
  timeMs,
  whole,
} from '../fields.ts'
import { Frame, type FrameParser, refuse } from '../frame.ts'
import { Sequences } from '../sequence.ts'
import { sketchName } from './wire.ts'

const CHECKED_LEVELS = 25
const CHANNELS_SKIPPED: ReadonlySet<string> = new Set([
  'index-tickers',
  'estimated-price',
  'price-limit',
  'status',
  'instruments',
  'economic-calendar',
  'public-struc-block-trades',
  'option-trades',
  'adl-warning',
])
const USER_CHANNELS: ReadonlySet<string> = new Set([
  'account',
  'positions',
  'orders',
  'fills',
  'balance_and_position',
  'account-greeks',
])

/** A level in the digits the venue sent. */
interface TextLevel {
  readonly price: number
  readonly priceText: string
  sizeText: string
}

/** One side of a book in text, best level first: what the checksum is made of. */
class TextLadder {
  readonly #levels: TextLevel[] = []
  readonly #sign: 1 | -1

  constructor(side: 1 | -1) {
    this.#sign = side
  }

  set(at: number, priceText: string, sizeText: string, empty: boolean): void {
    const levels = this.#levels
    let low = 0
    for (let high = levels.length; low < high; ) {
      const middle = (low + high) >>> 1
      if (this.#sign * levels[middle]!.price > this.#sign * at) low = middle + 1
      else high = middle
    }
    const found = levels[low]?.price === at
    if (empty) {
      if (found) levels.splice(low, 1)
    } else if (found) levels[low]!.sizeText = sizeText
    else levels.splice(low, 0, { price: at, priceText, sizeText })
  }

  at(rank: number): TextLevel | undefined {
    return this.#levels[rank]
  }
}

/** The replica a checksum is checked against. */
class CheckedBook {
  readonly bids = new TextLadder(1)
  readonly asks = new TextLadder(-1)
  /** False from a mismatch or a gap to the next snapshot: one lost update is reported once. */
  sound = true

  /** CRC-32 as the signed integer the venue prints. */
  checksum(): number {
    const parts: string[] = []
    for (let rank = 0; rank < CHECKED_LEVELS; rank++) {
      const bid = this.bids.at(rank)
      const ask = this.asks.at(rank)
      if (bid) parts.push(bid.priceText, bid.sizeText)
      if (ask) parts.push(ask.priceText, ask.sizeText)
    }
    return crc32(parts.join(':')) | 0
  }
}

/** Parser of one connection. */
export class OkxFrames implements FrameParser {
  readonly #frame: Frame
  readonly #sink: ImportSink
  readonly #sequences: Sequences
  readonly #definitions: Definitions
  readonly #instruments = new Map<string, number>()
  readonly #books = new Map<string, CheckedBook>()

  constructor(sink: ImportSink, definitions: Definitions = new Map()) {
    this.#sink = sink
    this.#frame = new Frame(sink)
    this.#sequences = new Sequences(sink, this.#frame)
    this.#definitions = definitions
  }

  frame(text: string, timeUs: number, place: Place): void {
    this.#frame.open(timeUs, place)
    if (text === 'pong') {
      this.#sink.skip('pong')
      return
    }
    try {
      this.#read(record(parseJson(text), 'frame'))
    } catch (error) {
      this.#frame.reject(error)
    }
  }

  #read(frame: Fields): void {
    if ('event' in frame) {
      if (frame['event'] === 'error')
        this.#sink.trap('venue-error', this.#frame.place, String(frame['msg']).slice(0, 200))
      else this.#sink.skip('reply')
      return
    }
    const arg = record(frame['arg'], 'arg')
    const channel = text(arg['channel'], 'channel')
    const name = typeof arg['instId'] === 'string' ? arg['instId'] : ''
    const entries = list(frame['data'], 'data')
    if (channel === 'books' || channel === 'books-l2-tbt' || channel === 'books50-l2-tbt' || channel === 'books5') {
      const action = channel === 'books5' ? 'snapshot' : text(frame['action'], 'action')
      for (const entry of entries) this.#book(channel, name, action, record(entry, 'book'))
      return
    }
    for (const entry of entries) {
      if (channel.startsWith('candle')) this.#bar(name, channel.slice(6), list(entry, 'candle'))
      else if (!this.#entry(channel, record(entry, 'data'), name)) return
    }
    this.#frame.deliver()
  }

  /** Drafts one entry of a channel; false when the channel is not stored. */
  #entry(channel: string, data: Fields, name: string): boolean {
    const frame = this.#frame
    switch (channel) {
      case 'tickers': {
        const timeUs = timeMs(data['ts'], 'ts')
        frame.begin('quote', this.#instrument(text(data['instId'], 'instId')), timeUs)
        this.#quoteRow(1, data['bidPx'], data['bidSz'])
        this.#quoteRow(-1, data['askPx'], data['askSz'])
        this.#sink.count('quotes')
        return true
      }
      case 'bbo-tbt': {
        frame.begin('quote', this.#instrument(name), timeMs(data['ts'], 'ts'))
        const bid = list(list(data['bids'], 'bids')[0] ?? [], 'bid')
        const ask = list(list(data['asks'], 'asks')[0] ?? [], 'ask')
        this.#quoteRow(1, bid[0], bid[1])
        this.#quoteRow(-1, ask[0], ask[1])
        this.#sink.count('quotes')
        return true
      }
      case 'trades':
      case 'trades-all': {
        const id = /^\d{1,15}$/.test(String(data['tradeId'])) ? Number(data['tradeId']) : 0
        const direction = side(data['side'], 'buy', 'sell')
        frame.begin('trade', this.#instrument(text(data['instId'], 'instId')), timeMs(data['ts'], 'ts'))
        frame.row(Kind.TRADE, direction, price(data['px'], 'px'), size(data['sz'], 'sz'), id)
        this.#sink.count('trades')
        return true
      }
      case 'mark-price':
        frame.begin('mark', this.#instrument(text(data['instId'], 'instId')), timeMs(data['ts'], 'ts'))
        frame.row(Kind.MARK, 0, 0, 0, price(data['markPx'], 'markPx'))
        this.#sink.count('marks')
        return true
      case 'open-interest':
        frame.begin('interest', this.#instrument(text(data['instId'], 'instId')), timeMs(data['ts'], 'ts'))
        frame.row(Kind.OPEN_INTEREST, 0, 0, size(data['oi'], 'oi'))
        this.#sink.count('open interests')
        return true
      case 'funding-rate': {
        const timeUs = data['ts'] === undefined ? frame.timeUs : timeMs(data['ts'], 'ts')
        const dueUs = timeMs(data['fundingTime'], 'fundingTime')
        frame.begin('funding', this.#instrument(text(data['instId'], 'instId')), timeUs)
        frame.row(Kind.FUNDING_FORECAST, 0, 0, Math.max(0, dueUs - timeUs), number(data['fundingRate'], 'fundingRate'))
        this.#sink.count('funding forecasts')
        return true
      }
      case 'liquidation-orders':
        this.#liquidations(data)
        return true
      case 'opt-summary':
        this.#option(data)
        return true
      default:
        if (USER_CHANNELS.has(channel)) this.#sink.skip('user-channel')
        else if (CHANNELS_SKIPPED.has(channel)) this.#sink.skip(`channel ${channel}`)
        else refuse('channel-unknown', channel.slice(0, 40))
        return false
    }
  }

  #quoteRow(direction: 1 | -1, at: unknown, amount: unknown): void {
    const level = optionalNumber(at, 'price') ?? 0
    this.#frame.row(Kind.QUOTE, direction, level, level === 0 ? 0 : (optionalNumber(amount, 'size') ?? 0))
  }

  #liquidations(data: Fields): void {
    const frame = this.#frame
    const instrument = this.#instrument(text(data['instId'], 'instId'))
    for (const entry of list(data['details'], 'details')) {
      const detail = record(entry, 'detail')
      const direction = side(detail['side'], 'buy', 'sell')
      frame.begin('liquidation', instrument, timeMs(detail['ts'], 'ts'))
      // The price of bankruptcy: OKX does not print the price of execution.
      frame.row(Kind.LIQUIDATION, direction, price(detail['bkPx'], 'bkPx'), size(detail['sz'], 'sz'))
      this.#sink.count('liquidations')
    }
  }

  #option(data: Fields): void {
    const frame = this.#frame
    frame.begin('option', this.#instrument(text(data['instId'], 'instId')), timeMs(data['ts'], 'ts'))
    for (const [field, kind] of OPTION_FIELDS) {
      const value = optionalNumber(data[field], field)
      if (value !== undefined) frame.row(kind, 0, 0, 0, value)
    }
    this.#sink.count('option summaries')
  }

  /** `[open ms, open, high, low, close, volume in contracts, …, confirmed]`. */
  #bar(name: string, interval: string, candle: readonly unknown[]): void {
    const frame = this.#frame
    const parts = /^(\d{1,2})([mHDW])(?:utc)?$/.exec(interval)
    if (candle[candle.length - 1] !== '1' || !parts) {
      this.#sink.skip(parts ? 'bar-unfinished' : 'bar of a calendar interval')
      return
    }
    const lengthUs =
      Number(parts[1]) * { m: 60, H: 3600, D: 86_400, W: 604_800 }[parts[2] as 'm' | 'H' | 'D' | 'W'] * 1e6
    frame.begin('bar', this.#instrument(name), timeMs(candle[0], 'ts') + lengthUs)
    frame.row(Kind.BAR_OPEN, 0, price(candle[1], 'open'), 0)
    frame.row(Kind.BAR_HIGH, 0, price(candle[2], 'high'), 0)
    frame.row(Kind.BAR_LOW, 0, price(candle[3], 'low'), 0)
    frame.row(Kind.BAR_CLOSE, 0, price(candle[4], 'close'), size(candle[5], 'volume'), lengthUs)
    this.#sink.count('bars')
  }

  #book(channel: string, name: string, action: string, data: Fields): void {
    const frame = this.#frame
    const snapshot = action === 'snapshot'
    if (!snapshot && action !== 'update') refuse('field-invalid', 'action')
    const instrument = this.#instrument(name)
    const venueTimeUs = timeMs(data['ts'], 'ts')
    const id = data['seqId'] === undefined ? -1 : whole(data['seqId'], 'seqId')
    frame.begin('book', instrument, venueTimeUs)
    for (const [field, direction] of SIDES) {
      for (const entry of list(data[field], field)) {
        const level = list(entry, field)
        text(level[0], 'price')
        text(level[1], 'size')
        frame.row(
          Kind.DEPTH,
          direction,
          price(level[0], 'price'),
          size(level[1], 'size'),
          Math.max(0, id),
          snapshot ? Flag.SNAPSHOT : 0,
        )
      }
    }
    const { rows } = frame
    if (snapshot) {
      if (rows === 0) frame.row(Kind.DEPTH, 1, 0, 0, Math.max(0, id), Flag.SNAPSHOT)
      frame.flag(0, Flag.RESET)
    }
    const checksum = optionalNumber(data['checksum'], 'checksum')
    if (!this.#sequences.claims(name, channel)) {
      frame.clear()
      return
    }
    let book = this.#books.get(name)
    if (snapshot) {
      book = new CheckedBook()
      this.#books.set(name, book)
    } else if (!book) {
      this.#sink.trap('no-snapshot', frame.place, `${name} starts with an update`)
      book = new CheckedBook()
      book.sound = false
      this.#books.set(name, book)
    }
    if (id >= 0 && !snapshot && !this.#follows(name, instrument, venueTimeUs, data, id, book)) {
      frame.clear()
      return
    }
    frame.deliver()
    if (id >= 0) this.#sequences.applied(name, id)
    this.#sink.count(snapshot ? 'snapshots' : 'depth updates')
    this.#sink.count(snapshot ? 'snapshot levels' : 'depth levels', rows)
    if (!snapshot && rows === 0) this.#sink.skip('empty-update')
    if (channel !== 'books5') this.#check(book, data, checksum, instrument, venueTimeUs)
  }

  /** Whether an update with `seqId` is to be applied; reports a broken sequence. */
  #follows(
    name: string,
    instrument: number,
    venueTimeUs: number,
    data: Fields,
    id: number,
    book: CheckedBook,
  ): boolean {
    const previous = number(data['prevSeqId'], 'prevSeqId')
    const last = this.#sequences.last(name)
    // Every minute without a change the venue repeats its number; after maintenance it starts again below it.
    if (last === undefined || (id === last && previous === last) || (id < previous && previous === last)) return true
    const applies = this.#sequences.accepts(name, instrument, venueTimeUs, previous, id)
    if (applies && previous !== last) book.sound = false
    return applies
  }

  #check(book: CheckedBook, data: Fields, checksum: number | undefined, instrument: number, venueTimeUs: number): void {
    for (const [field, direction] of SIDES) {
      const ladder = direction === 1 ? book.bids : book.asks
      for (const entry of data[field] as readonly (readonly string[])[]) {
        ladder.set(Number(entry[0]), entry[0]!, entry[1]!, Number(entry[1]) === 0)
      }
    }
    if (checksum === undefined || !book.sound) return
    const own = book.checksum()
    if (own === checksum) {
      this.#sink.count('checksums verified')
      return
    }
    book.sound = false
    const { timeUs, place } = this.#frame
    this.#sink.trap('checksum-mismatch', place, `venue ${checksum}, replica ${own}`)
    this.#sink.gap(instrument, timeUs, venueTimeUs, place, checksum, own)
  }

  #instrument(name: string): number {
    let instrument = this.#instruments.get(name)
    if (instrument === undefined) {
      instrument = this.#sink.instrument(this.#definitions.get(name) ?? sketchName(name))
      this.#instruments.set(name, instrument)
    }
    return instrument
  }
}

const SIDES = [
  ['bids', 1],
  ['asks', -1],
] as const

const OPTION_FIELDS = [
  ['markVol', Kind.IMPLIED_VOLATILITY],
  ['delta', Kind.DELTA],
  ['gamma', Kind.GAMMA],
  ['vega', Kind.VEGA],
  ['theta', Kind.THETA],
  ['fwdPx', Kind.FORWARD],
] as const
