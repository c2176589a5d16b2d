/**
 * @file Kraken Futures WebSocket (v1) frames as messages.
 *
 * Books: `book_snapshot`, then `book` with one level each; `seq` grows by one per product, and a hole in it is a gap.
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
  timeMs,
  whole,
} from '../fields.ts'
import { Frame, type FrameParser, refuse } from '../frame.ts'
import { Sequences } from '../sequence.ts'
import { sketchProduct } from './wire.ts'

const USER_FEEDS: ReadonlySet<string> = new Set([
  'account_log',
  'balances',
  'balances_snapshot',
  'fills',
  'fills_snapshot',
  'notifications_auth',
  'open_orders',
  'open_orders_snapshot',
  'open_positions',
])

/** Parser of one connection. */
export class KrakenFuturesFrames implements FrameParser {
  readonly #frame: Frame
  readonly #sink: ImportSink
  readonly #sequences: Sequences
  readonly #definitions: Definitions
  readonly #instruments = new Map<string, number>()

  constructor(sink: ImportSink, definitions: Definitions = new Map()) {
    this.#sink = sink
    this.#frame = new Frame(sink)
    this.#sequences = new Sequences(sink, this.#frame)
    this.#definitions = definitions
  }

  frame(text: string, timeUs: number, place: Place): void {
    this.#frame.open(timeUs, place)
    try {
      this.#read(record(parseJson(text), 'frame'))
    } catch (error) {
      this.#frame.reject(error)
    }
  }

  #read(message: Fields): void {
    if ('event' in message) {
      const failed = message['event'] === 'error' || message['event'] === 'alert'
      if (failed) this.#sink.trap('venue-error', this.#frame.place, String(message['message']).slice(0, 200))
      else this.#sink.skip('reply')
      return
    }
    const feed = text(message['feed'], 'feed')
    switch (feed) {
      case 'book_snapshot':
        this.#snapshot(message)
        return
      case 'book':
        this.#update(message)
        return
      case 'trade':
        this.#trade(message, false)
        break
      case 'trade_snapshot': {
        const trades = list(message['trades'], 'trades')
        // Newest first on the wire.
        for (const trade of trades.toReversed()) this.#trade(record(trade, 'trade'), true)
        if (trades.length > 0) {
          const detail = `${message['product_id']}: ${trades.length} trades made before the recording began`
          this.#sink.trap('trade-replay', this.#frame.place, detail)
        }
        break
      }
      case 'ticker':
        this.#ticker(message)
        break
      case 'heartbeat':
      case 'ticker_lite':
        // The lite ticker prints prices without sizes.
        this.#sink.skip(feed)
        return
      default:
        if (USER_FEEDS.has(feed)) this.#sink.skip('user-channel')
        else refuse('channel-unknown', feed.slice(0, 40))
        return
    }
    this.#frame.deliver()
  }

  #snapshot(message: Fields): void {
    const frame = this.#frame
    const product = text(message['product_id'], 'product_id')
    const id = whole(message['seq'], 'seq')
    frame.begin('book', this.#instrument(product), timeMs(message['timestamp'], 'timestamp'))
    for (const [field, direction] of [
      ['bids', 1],
      ['asks', -1],
    ] as const) {
      for (const entry of list(message[field], field)) {
        const level = record(entry, field)
        frame.row(Kind.DEPTH, direction, price(level['price'], 'price'), size(level['qty'], 'qty'), id, Flag.SNAPSHOT)
      }
    }
    const { rows } = frame
    if (rows === 0) frame.row(Kind.DEPTH, 1, 0, 0, id, Flag.SNAPSHOT)
    frame.flag(0, Flag.RESET)
    frame.deliver()
    this.#sequences.applied(product, id)
    this.#sink.count('snapshots')
    this.#sink.count('snapshot levels', rows)
  }

  #update(message: Fields): void {
    const frame = this.#frame
    const product = text(message['product_id'], 'product_id')
    const id = whole(message['seq'], 'seq')
    const instrument = this.#instrument(product)
    const venueTimeUs = timeMs(message['timestamp'], 'timestamp')
    const direction = side(message['side'], 'buy', 'sell')
    frame.begin('book', instrument, venueTimeUs)
    frame.row(Kind.DEPTH, direction, price(message['price'], 'price'), size(message['qty'], 'qty'), id)
    if (!this.#sequences.accepts(product, instrument, venueTimeUs, id - 1, id)) {
      frame.clear()
      return
    }
    frame.deliver()
    this.#sequences.applied(product, id)
    this.#sink.count('depth updates')
    this.#sink.count('depth levels')
  }

  /** Trade ids are UUIDs; `seq` numbers the trades of a product and is kept instead. */
  #trade(trade: Fields, past: boolean): void {
    const frame = this.#frame
    const instrument = this.#instrument(text(trade['product_id'], 'product_id'))
    const timeUs = timeMs(trade['time'], 'time')
    const direction = side(trade['side'], 'buy', 'sell')
    const at = price(trade['price'], 'price')
    const amount = size(trade['qty'], 'qty')
    const type = text(trade['type'], 'type')
    const flags = (type === 'fill' ? 0 : Flag.SPECIAL) | (past ? Flag.SUSPECT : 0)
    frame.begin('trade', instrument, timeUs)
    frame.row(Kind.TRADE, direction, at, amount, whole(trade['seq'], 'seq'), flags)
    this.#sink.count('trades')
    if (type !== 'liquidation') return
    frame.begin('liquidation', instrument, timeUs)
    frame.row(Kind.LIQUIDATION, direction, at, amount, 0, past ? Flag.SUSPECT : 0)
    this.#sink.count('liquidations')
  }

  #ticker(message: Fields): void {
    const frame = this.#frame
    const instrument = this.#instrument(text(message['product_id'], 'product_id'))
    const timeUs = timeMs(message['time'], 'time')
    frame.begin('quote', instrument, timeUs)
    for (const [field, direction] of [
      ['bid', 1],
      ['ask', -1],
    ] as const) {
      const at = optionalNumber(message[field], field) ?? 0
      frame.row(Kind.QUOTE, direction, at, at === 0 ? 0 : (optionalNumber(message[`${field}_size`], field) ?? 0))
    }
    frame.begin('mark', instrument, timeUs)
    const mark = optionalNumber(message['markPrice'], 'markPrice')
    if (mark !== undefined && mark > 0) frame.row(Kind.MARK, 0, 0, 0, mark)
    const index = optionalNumber(message['index'], 'index')
    if (index !== undefined && index > 0) frame.row(Kind.INDEX, 0, 0, 0, index)
    const interest = optionalNumber(message['openInterest'], 'openInterest')
    if (interest !== undefined) {
      frame.begin('interest', instrument, timeUs)
      frame.row(Kind.OPEN_INTEREST, 0, 0, interest)
    }
    const due = optionalNumber(message['next_funding_rate_time'], 'next_funding_rate_time')
    // `funding_rate` is in dollars per contract; the relative one is the rate.
    if (message['relative_funding_rate'] !== undefined && due !== undefined) {
      frame.begin('funding', instrument, timeUs)
      const dueUs = timeMs(due, 'next_funding_rate_time')
      const rate = number(message['relative_funding_rate'], 'relative_funding_rate')
      frame.row(Kind.FUNDING_FORECAST, 0, 0, Math.max(0, dueUs - timeUs), rate)
    }
    this.#sink.count('tickers')
  }

  #instrument(product: string): number {
    let instrument = this.#instruments.get(product)
    if (instrument === undefined) {
      const symbol = product.toUpperCase()
      instrument = this.#sink.instrument(this.#definitions.get(symbol) ?? sketchProduct(symbol))
      this.#instruments.set(product, instrument)
    }
    return instrument
  }
}
