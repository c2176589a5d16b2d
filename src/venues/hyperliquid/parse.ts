/**
 * @file Hyperliquid WebSocket frames as messages.
 *
 * `l2Book` is a full snapshot of up to twenty levels a side every time, without sequence number or checksum: nothing
 * can be lost but time, so the only rule is that a snapshot older than the last is not applied. The first `trades`
 * frame after subscribing repeats recent trades: those made before the recording began are flagged `SUSPECT`.
 *
 * `l2Book` frames are read by the scanner, everything else and every `l2Book` of unexpected shape by `JSON.parse`.
 */

import { HOUR_US } from '../../core/clock.ts'
import { Flag, Kind } from '../../market/tape.ts'
import type { ImportSink, Place } from '../../store/importer.ts'
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
import { Frame, type FrameParser, refuse, venueTime } from '../frame.ts'
import { Char, keyCode, Scanner } from '../scan.ts'
import { CANDLE_US, CHANNELS_SKIPPED, sketchCoin, USER_CHANNELS } from './wire.ts'

/** Parser of one connection. */
export class HyperliquidFrames implements FrameParser {
  readonly #frame: Frame
  readonly #sink: ImportSink
  readonly #scan: boolean
  readonly #scanner = new Scanner()
  readonly #instruments = new Map<string, number>()
  readonly #lastBookUs = new Map<string, number>()
  /** Coins whose first frame of trades has passed. */
  readonly #traded = new Set<string>()
  /** The open candle of each coin and interval, stored once the next one opens. */
  readonly #candles = new Map<string, Fields>()
  #startUs = Number.POSITIVE_INFINITY
  #coin = ''
  #timeMs = 0
  #levels = 0
  #bids = 0
  readonly #prices = new Float64Array(512)
  readonly #sizes = new Float64Array(512)

  /** @param options.scan False reads everything through `JSON.parse`: for tests and to measure the difference. */
  constructor(sink: ImportSink, options: { scan?: boolean } = {}) {
    this.#sink = sink
    this.#frame = new Frame(sink)
    this.#scan = options.scan ?? true
  }

  frame(text: string, timeUs: number, place: Place): void {
    this.#frame.open(timeUs, place)
    if (timeUs < this.#startUs) this.#startUs = timeUs
    try {
      if (this.#scan && this.#scanBook(text)) this.#applyBook()
      else this.#fromJson(record(parseJson(text), 'frame'))
    } catch (error) {
      this.#frame.reject(error)
    }
  }

  /** `{"channel":"l2Book","data":{"coin":…,"levels":[[{"px","sz","n"}…],[…]],"time":…}}`, keys in any order. */
  #scanBook(text: string): boolean {
    if (!text.startsWith('{"channel":"l2Book","data":{')) return false
    const scanner = this.#scanner
    scanner.open(text)
    scanner.at = 28
    this.#levels = 0
    let seen = 0
    for (;;) {
      if (!scanner.string()) return false
      const bit = scanner.is('coin') ? 1 : scanner.is('levels') ? 2 : scanner.is('time') ? 4 : 0
      if (bit === 0 || (seen & bit) !== 0 || !scanner.take(Char.COLON)) return false
      seen |= bit
      if (bit === 1) {
        if (!scanner.string()) return false
        if (!scanner.is(this.#coin)) this.#coin = scanner.slice()
      } else if (bit === 4) {
        this.#timeMs = scanner.integer()
        if (Number.isNaN(this.#timeMs)) return false
      } else {
        if (!scanner.take(Char.OPEN_BRACKET) || !this.#scanSide()) return false
        this.#bids = this.#levels
        if (!scanner.take(Char.COMMA) || !this.#scanSide() || !scanner.take(Char.CLOSE_BRACKET)) return false
      }
      if (scanner.take(Char.COMMA)) continue
      return scanner.take(Char.CLOSE_BRACE) && scanner.take(Char.CLOSE_BRACE) && scanner.done && seen === 7
    }
  }

  #scanSide(): boolean {
    const scanner = this.#scanner
    if (!scanner.take(Char.OPEN_BRACKET)) return false
    if (scanner.take(Char.CLOSE_BRACKET)) return true
    for (;;) {
      if (!scanner.take(Char.OPEN_BRACE)) return false
      let seen = 0
      let price = 0
      let size = 0
      for (;;) {
        const key = scanner.key()
        let value = 0
        let bit = 0
        if (key === KEY_px) {
          bit = 1
          value = price = scanner.decimal()
        } else if (key === KEY_sz) {
          bit = 2
          value = size = scanner.decimal()
        } else if (key === KEY_n) {
          bit = 4
          value = scanner.integer()
        } else return false
        if (Number.isNaN(value) || (seen & bit) !== 0) return false
        seen |= bit
        if (scanner.take(Char.COMMA)) continue
        if (scanner.take(Char.CLOSE_BRACE)) break
        return false
      }
      if ((seen & 3) !== 3 || this.#levels === this.#prices.length) return false
      this.#prices[this.#levels] = price
      this.#sizes[this.#levels++] = size
      if (scanner.take(Char.COMMA)) continue
      return scanner.take(Char.CLOSE_BRACKET)
    }
  }

  #fromJson(frame: Fields): void {
    const channel = text(frame['channel'], 'channel')
    const { data } = frame
    switch (channel) {
      case 'l2Book':
        this.#bookFromJson(record(data, 'data'))
        this.#applyBook()
        return
      case 'trades':
        this.#trades(list(data, 'data'))
        break
      case 'bbo':
        this.#bestBidOffer(record(data, 'data'))
        break
      case 'activeAssetCtx':
      case 'activeSpotAssetCtx':
        this.#context(record(data, 'data'))
        break
      case 'candle':
        this.#candle(record(data, 'data'))
        break
      case 'error':
        this.#sink.trap('venue-error', this.#frame.place, String(data).slice(0, 200))
        return
      default:
        if (USER_CHANNELS.has(channel)) this.#sink.skip('user-channel')
        else if (CHANNELS_SKIPPED.has(channel)) this.#sink.skip(`channel ${channel}`)
        else refuse('channel-unknown', channel.slice(0, 40))
        return
    }
    this.#frame.deliver()
  }

  #bookFromJson(book: Fields): void {
    this.#coin = text(book['coin'], 'coin')
    this.#timeMs = whole(book['time'], 'time')
    const sides = list(book['levels'], 'levels')
    if (sides.length !== 2) refuse('field-invalid', 'levels: not two sides')
    this.#levels = 0
    for (const [index, entries] of sides.entries()) {
      for (const entry of list(entries, 'levels')) {
        const level = record(entry, 'level')
        if (this.#levels === this.#prices.length) refuse('field-invalid', 'levels: too many')
        this.#prices[this.#levels] = number(level['px'], 'px')
        this.#sizes[this.#levels++] = number(level['sz'], 'sz')
      }
      if (index === 0) this.#bids = this.#levels
    }
  }

  #applyBook(): void {
    const frame = this.#frame
    const venueTimeUs = venueTime(this.#timeMs)
    const instrument = this.#instrument(this.#coin)
    frame.begin('book', instrument, venueTimeUs)
    for (let i = 0; i < this.#levels; i++) {
      if (!(this.#prices[i]! > 0)) refuse('price-invalid', `${this.#prices[i]}`)
      if (!(this.#sizes[i]! > 0)) refuse('size-invalid', 'a level of nothing in a snapshot')
      frame.row(Kind.DEPTH, i < this.#bids ? 1 : -1, this.#prices[i]!, this.#sizes[i]!, 0, Flag.SNAPSHOT)
    }
    if (this.#levels === 0) frame.row(Kind.DEPTH, 1, 0, 0, 0, Flag.SNAPSHOT)
    frame.flag(0, Flag.RESET)
    const last = this.#lastBookUs.get(this.#coin) ?? 0
    if (venueTimeUs < last) {
      frame.clear()
      this.#sink.trap(
        'out-of-order-snapshot',
        frame.place,
        `${this.#coin} ${(last - venueTimeUs) / 1000} ms older than the last`,
      )
      return
    }
    frame.deliver()
    this.#lastBookUs.set(this.#coin, venueTimeUs)
    this.#sink.count('snapshots')
    this.#sink.count('snapshot levels', this.#levels)
  }

  #trades(trades: readonly unknown[]): void {
    const frame = this.#frame
    const coins = new Set<string>()
    let repeats = 0
    for (const each of trades) {
      const trade = record(each, 'trade')
      const coin = text(trade['coin'], 'coin')
      const timeUs = timeMs(trade['time'], 'time')
      coins.add(coin)
      const repeat = !this.#traded.has(coin) && timeUs < this.#startUs
      if (repeat) repeats++
      frame.begin('trade', this.#instrument(coin), timeUs)
      frame.row(
        Kind.TRADE,
        side(trade['side'], 'B', 'A'),
        price(trade['px'], 'px'),
        size(trade['sz'], 'sz'),
        whole(trade['tid'], 'tid'),
        repeat ? Flag.SUSPECT : 0,
      )
    }
    const { rows } = frame
    frame.deliver()
    this.#sink.count('trades', rows)
    for (const coin of coins) this.#traded.add(coin)
    if (repeats > 0) {
      this.#sink.trap(
        'trade-replay',
        frame.place,
        `${repeats} trades made before the recording began, repeated on subscribing`,
      )
    }
  }

  #bestBidOffer(data: Fields): void {
    const frame = this.#frame
    const levels = list(data['bbo'], 'bbo')
    if (levels.length !== 2) refuse('field-invalid', 'bbo: not two sides')
    frame.begin('quote', this.#instrument(text(data['coin'], 'coin')), timeMs(data['time'], 'time'))
    for (const [index, entry] of levels.entries()) {
      const level = entry === null ? undefined : record(entry, 'bbo')
      const at = level ? price(level['px'], 'px') : 0
      frame.row(Kind.QUOTE, index === 0 ? 1 : -1, at, level ? size(level['sz'], 'sz') : 0)
    }
    this.#sink.count('quotes')
  }

  /** Mark, oracle, open interest and funding. The frame carries no time: that of receipt stands in. */
  #context(data: Fields): void {
    const frame = this.#frame
    const { timeUs } = frame
    const instrument = this.#instrument(text(data['coin'], 'coin'))
    const context = record(data['ctx'], 'ctx')
    frame.begin('mark', instrument, timeUs)
    frame.row(Kind.MARK, 0, 0, 0, price(context['markPx'], 'markPx'))
    const oracle = optionalNumber(context['oraclePx'], 'oraclePx')
    if (oracle !== undefined && oracle > 0) frame.row(Kind.INDEX, 0, 0, 0, oracle)
    const interest = optionalNumber(context['openInterest'], 'openInterest')
    if (interest !== undefined) {
      frame.begin('interest', instrument, timeUs)
      frame.row(Kind.OPEN_INTEREST, 0, 0, interest)
    }
    const funding = optionalNumber(context['funding'], 'funding')
    if (funding !== undefined) {
      frame.begin('funding', instrument, timeUs)
      // Paid on the hour.
      frame.row(Kind.FUNDING_FORECAST, 0, 0, HOUR_US - (timeUs % HOUR_US), funding)
    }
    this.#sink.count('marks')
  }

  /** Candles are sent while they form; one is complete when the next has opened. */
  #candle(candle: Fields): void {
    const coin = text(candle['s'], 's')
    const interval = text(candle['i'], 'i')
    const openUs = timeMs(candle['t'], 't')
    const key = `${coin} ${interval}`
    const before = this.#candles.get(key)
    const frame = this.#frame
    // Read now, so that a damaged candle is refused where it stands.
    for (const field of ['o', 'h', 'l', 'c']) price(candle[field], field)
    size(candle['v'], 'v')
    const closeUs = timeMs(candle['T'], 'T') + 1000
    if (closeUs <= openUs) refuse('time-invalid', 'a candle that closes before it opens')
    if (before && timeMs(before['t'], 't') < openUs) {
      const beforeUs = timeMs(before['t'], 't')
      const endUs = CANDLE_US[interval] ? beforeUs + CANDLE_US[interval] : timeMs(before['T'], 'T') + 1000
      frame.begin('bar', this.#instrument(coin), endUs)
      frame.row(Kind.BAR_OPEN, 0, price(before['o'], 'o'), 0)
      frame.row(Kind.BAR_HIGH, 0, price(before['h'], 'h'), 0)
      frame.row(Kind.BAR_LOW, 0, price(before['l'], 'l'), 0)
      frame.row(Kind.BAR_CLOSE, 0, price(before['c'], 'c'), size(before['v'], 'v'), endUs - beforeUs)
      this.#sink.count('bars')
    } else this.#sink.skip('bar-unfinished')
    this.#candles.set(key, candle)
  }

  #instrument(coin: string): number {
    let instrument = this.#instruments.get(coin)
    if (instrument === undefined) {
      instrument = this.#sink.instrument(sketchCoin(coin))
      this.#instruments.set(coin, instrument)
    }
    return instrument
  }
}

const KEY_px = keyCode('px')
const KEY_sz = keyCode('sz')
const KEY_n = keyCode('n')
