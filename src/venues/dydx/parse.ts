/**
 * @file dYdX WebSocket frames as messages: v3 (2021-2024) and the v4 indexer, which share their envelope.
 *
 * Every frame of a connection carries the next `message_id`; a number that never comes means a frame was lost, of
 * which market nobody can know, so every book of the connection has a gap. Recorders may write frames in another
 * order than they were sent: a number is given up only when 64 later ones have come.
 *
 * v3 books carry an `offset` with each update and snapshot level; the greater offset is the later word about a price,
 * whatever the order of arrival. v4 books have none. Crossed books are normal on both: cancels and fills of
 * different validators arrive as they will.
 */

import { HOUR_US } from '../../core/clock.ts'
import { Flag, Kind } from '../../market/tape.ts'
import type { ImportSink, Place } from '../../store/importer.ts'
import type { Definitions } from '../definitions.ts'
import {
  type Fields,
  isRecord,
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
import { sketchMarket } from './wire.ts'

/** Later message ids after which a missing one is given up. */
const REORDER_MAX = 64

/** One book: whether it had a snapshot, and on v3 the offset of the last word about each price. */
class Standing {
  readonly instrument: number
  snapshot = false
  readonly offsets = new Map<string, number>()

  constructor(instrument: number) {
    this.instrument = instrument
  }
}

/** Parser of one connection. */
export class DydxFrames implements FrameParser {
  readonly #frame: Frame
  readonly #sink: ImportSink
  readonly #definitions: Definitions
  readonly #instruments = new Map<string, number>()
  readonly #books = new Map<string, Standing>()
  /** The candle forming for each id. */
  readonly #candles = new Map<string, Fields>()
  /** Number of the frame at hand once it was accepted; -1 before. */
  #id = -1
  #nextId = -1
  readonly #missing = new Set<number>()
  #lastPlace: Place = { line: 1, byte: 0 }

  constructor(sink: ImportSink, definitions: Definitions = new Map()) {
    this.#sink = sink
    this.#frame = new Frame(sink)
    this.#definitions = definitions
  }

  frame(text: string, timeUs: number, place: Place): void {
    this.#frame.open(timeUs, place)
    this.#lastPlace = place
    this.#id = -1
    try {
      this.#read(record(parseJson(text), 'frame'))
    } catch (error) {
      this.#frame.reject(error)
      // What was in it is lost: its number goes missing, and with it, in time, the trust in the books.
      if (this.#id >= 0) this.#missing.add(this.#id)
    }
  }

  /** Gives up what is still missing. */
  finish(): void {
    if (this.#missing.size > 0) this.#giveUp([...this.#missing])
  }

  #read(frame: Fields): void {
    const type = text(frame['type'], 'type')
    const id = whole(frame['message_id'], 'message_id')
    const late = this.#number(id)
    this.#id = id
    switch (type) {
      case 'connected':
        this.#sink.skip('connected')
        return
      case 'unsubscribed':
      case 'pong':
        this.#sink.skip(type)
        return
      case 'error':
        this.#sink.trap('venue-error', this.#frame.place, String(frame['message']).slice(0, 200))
        return
      case 'subscribed':
      case 'channel_data':
      case 'channel_batch_data':
        break
      default:
        refuse('frame-unknown', type.slice(0, 40))
    }
    const channel = text(frame['channel'], 'channel')
    const market = typeof frame['id'] === 'string' ? frame['id'] : ''
    const initial = type === 'subscribed'
    const { contents } = frame
    const parts = type === 'channel_batch_data' ? list(contents, 'contents') : [contents]
    for (const part of parts) this.#contents(channel, market, record(part, 'contents'), initial, late)
    this.#frame.deliver()
  }

  /** Follows the connection's numbers; returns whether this frame came after its place. */
  #number(id: number): boolean {
    if (this.#nextId < 0 || id === this.#nextId) {
      this.#nextId = id + 1
      this.#expire(id)
      return false
    }
    if (id < this.#nextId) {
      const known = this.#missing.delete(id)
      if (!known && id === 0) {
        // A new connection in the same recording.
        this.#missing.clear()
        this.#nextId = 1
        return false
      }
      this.#sink.trap(known ? 'out-of-order-frame' : 'duplicate-frame', this.#frame.place, `message_id ${id}`)
      if (!known) refuse('duplicate-frame', `message_id ${id}`)
      return true
    }
    if (id - this.#nextId > 1_000_000) refuse('sequence-invalid', `message_id ${id} after ${this.#nextId - 1}`)
    if (id - this.#nextId > REORDER_MAX) {
      this.#gap(this.#nextId, id)
      this.#missing.clear()
    } else for (let missing = this.#nextId; missing < id; missing++) this.#missing.add(missing)
    this.#nextId = id + 1
    this.#expire(id)
    return false
  }

  /** Gives up numbers that frame `id` left too far behind. */
  #expire(id: number): void {
    if (this.#missing.size === 0) return
    const lost = [...this.#missing].filter((missing) => id - missing > REORDER_MAX)
    if (lost.length > 0) this.#giveUp(lost)
  }

  #giveUp(ids: readonly number[]): void {
    for (const id of ids) this.#missing.delete(id)
    this.#gap(Math.min(...ids), this.#nextId - 1)
  }

  #gap(expected: number, received: number): void {
    const { timeUs } = this.#frame
    for (const book of this.#books.values()) {
      this.#sink.gap(book.instrument, timeUs, timeUs, this.#lastPlace, expected, received)
    }
    if (this.#books.size === 0)
      this.#sink.trap('frames-lost', this.#lastPlace, `message_id ${expected} to ${received - 1}`)
  }

  #contents(channel: string, market: string, contents: Fields, initial: boolean, late: boolean): void {
    switch (channel) {
      case 'v3_orderbook':
      case 'v4_orderbook':
        this.#book(market, contents, initial, late)
        return
      case 'v3_trades':
      case 'v4_trades':
        this.#trades(market, list(contents['trades'], 'trades'), initial)
        return
      case 'v3_markets':
      case 'v4_markets':
        this.#markets(contents)
        return
      case 'v4_candles':
        this.#candle(market, contents, initial)
        return
      case 'v3_accounts':
      case 'v4_subaccounts':
      case 'v4_parent_subaccounts':
        this.#sink.skip('user-channel')
        return
      case 'v4_block_height':
        this.#sink.skip('channel v4_block_height')
        return
      default:
        refuse('channel-unknown', channel.slice(0, 40))
    }
  }

  #book(market: string, contents: Fields, initial: boolean, late: boolean): void {
    const frame = this.#frame
    const instrument = this.#instrument(market)
    const known = this.#books.get(market) ?? new Standing(instrument)
    const offset = contents['offset'] === undefined ? -1 : whole(contents['offset'], 'offset')
    const start = frame.rows
    let stale = 0
    const offsets: [key: string, offset: number][] = []
    frame.begin('book', instrument, frame.timeUs)
    for (const [field, direction] of SIDES) {
      // v4 batches leave out the side that did not change.
      for (const entry of list(contents[field] ?? (initial ? undefined : []), field)) {
        const level = isRecord(entry) ? [entry['price'], entry['size'], entry['offset']] : list(entry, field)
        const at = price(level[0], 'price')
        const amount = size(level[1], 'size')
        const own = level[2] === undefined ? offset : whole(level[2], 'offset')
        if (own >= 0) {
          const key = `${field}${level[0]}`
          if (!initial && own < (known.offsets.get(key) ?? -1)) {
            stale++
            continue
          }
          offsets.push([key, own])
        }
        // Snapshots of v3 list prices whose orders are gone: their offsets count, their levels do not.
        if (initial && amount === 0) continue
        frame.row(Kind.DEPTH, direction, at, amount, Math.max(0, own), initial ? Flag.SNAPSHOT : 0)
      }
    }
    const rows = frame.rows - start
    if (initial) {
      if (rows === 0) frame.row(Kind.DEPTH, 1, 0, 0, 0, Flag.SNAPSHOT)
      frame.flag(start, Flag.RESET)
      known.offsets.clear()
    } else if (!known.snapshot && !this.#books.has(market)) {
      this.#sink.trap('no-snapshot', frame.place, `${market} starts with an update`)
    } else if (late && offset < 0) {
      // Without offsets nothing tells which of two words about a price is the later.
      const { timeUs, place } = frame
      this.#sink.gap(instrument, timeUs, timeUs, place, this.#nextId, this.#nextId - 1)
    }
    for (const [key, own] of offsets) known.offsets.set(key, own)
    if (initial) known.snapshot = true
    this.#books.set(market, known)
    this.#sink.count(initial ? 'snapshots' : 'depth updates')
    this.#sink.count(initial ? 'snapshot levels' : 'depth levels', rows)
    if (stale > 0) this.#sink.count('depth levels overtaken by a later offset', stale)
    if (!initial && rows === 0) this.#sink.skip(stale > 0 ? 'overtaken-update' : 'empty-update')
  }

  #trades(market: string, trades: readonly unknown[], initial: boolean): void {
    const frame = this.#frame
    const instrument = this.#instrument(market)
    let repeats = 0
    // Newest first on the wire.
    for (const each of trades.toReversed()) {
      const trade = record(each, 'trade')
      const timeUs = timeIso(trade['createdAt'], 'createdAt')
      const direction = side(trade['side'], 'BUY', 'SELL')
      const at = price(trade['price'], 'price')
      const amount = size(trade['size'], 'size')
      const forced = trade['liquidation'] === true || trade['type'] === 'LIQUIDATED' || trade['type'] === 'DELEVERAGED'
      if (initial) repeats++
      frame.begin('trade', instrument, timeUs)
      frame.row(Kind.TRADE, direction, at, amount, 0, (forced ? Flag.SPECIAL : 0) | (initial ? Flag.SUSPECT : 0))
      if (!forced) continue
      frame.begin('liquidation', instrument, timeUs)
      const kind = trade['type'] === 'DELEVERAGED' ? Kind.DELEVERAGING : Kind.LIQUIDATION
      frame.row(kind, direction, at, amount, 0, initial ? Flag.SUSPECT : 0)
      this.#sink.count('liquidations')
    }
    this.#sink.count('trades', trades.length)
    if (repeats > 0) {
      this.#sink.trap('trade-replay', frame.place, `${market}: ${repeats} trades made before the recording began`)
    }
  }

  /** `{markets:{…}}` on subscribing; later `{"BTC-USD":{…}}` (v3), or `{trading:{…}}` and `{oraclePrices:{…}}` (v4). */
  #markets(contents: Fields): void {
    const groups = [contents['markets'], contents['trading'], contents['oraclePrices']].filter(
      (group) => group !== undefined,
    )
    for (const group of groups.length > 0 ? groups : [contents]) {
      for (const [market, entry] of Object.entries(record(group, 'markets')))
        this.#market(market, record(entry, market))
    }
  }

  #market(market: string, fields: Fields): void {
    const frame = this.#frame
    const { timeUs } = frame
    const oracle = optionalNumber(fields['oraclePrice'], 'oraclePrice')
    const interest = optionalNumber(fields['openInterest'], 'openInterest')
    const rate = optionalNumber(fields['nextFundingRate'], 'nextFundingRate')
    if (oracle === undefined && interest === undefined && rate === undefined) {
      this.#sink.skip('market-statistics')
      return
    }
    const instrument = this.#instrument(market)
    if (oracle !== undefined && oracle > 0) {
      const effective = fields['effectiveAt']
      frame.begin('mark', instrument, effective === undefined ? timeUs : timeIso(effective, 'effectiveAt'))
      // Margin and liquidation on dYdX go by the oracle price: it is mark and index in one.
      frame.row(Kind.MARK, 0, 0, 0, oracle)
      frame.row(Kind.INDEX, 0, 0, 0, oracle)
    }
    if (interest !== undefined) {
      frame.begin('interest', instrument, timeUs)
      frame.row(Kind.OPEN_INTEREST, 0, 0, interest)
    }
    if (rate !== undefined) {
      frame.begin('funding', instrument, timeUs)
      frame.row(Kind.FUNDING_FORECAST, 0, 0, HOUR_US - (timeUs % HOUR_US), rate)
    }
    this.#sink.count('market states')
  }

  /** Candles are sent while they form, by id `BTC-USD/1MIN`; one is complete when the next has opened. */
  #candle(id: string, contents: Fields, initial: boolean): void {
    if (initial) {
      this.#sink.skip('candle-history')
      return
    }
    const frame = this.#frame
    const [market, resolution] = id.split('/')
    const lengthUs = CANDLE_US[resolution ?? '']
    if (lengthUs === undefined) refuse('field-invalid', `resolution ${resolution}`)
    const openUs = timeIso(contents['startedAt'], 'startedAt')
    for (const field of ['open', 'high', 'low', 'close']) price(contents[field], field)
    size(contents['baseTokenVolume'], 'baseTokenVolume')
    const before = this.#candles.get(id)
    if (before && timeIso(before['startedAt'], 'startedAt') < openUs) {
      const endUs = timeIso(before['startedAt'], 'startedAt') + lengthUs
      frame.begin('bar', this.#instrument(market!), endUs)
      frame.row(Kind.BAR_OPEN, 0, number(before['open'], 'open'), 0)
      frame.row(Kind.BAR_HIGH, 0, number(before['high'], 'high'), 0)
      frame.row(Kind.BAR_LOW, 0, number(before['low'], 'low'), 0)
      frame.row(
        Kind.BAR_CLOSE,
        0,
        number(before['close'], 'close'),
        number(before['baseTokenVolume'], 'volume'),
        lengthUs,
      )
      this.#sink.count('bars')
    } else this.#sink.skip('bar-unfinished')
    this.#candles.set(id, contents)
  }

  #instrument(market: string): number {
    let instrument = this.#instruments.get(market)
    if (instrument === undefined) {
      instrument = this.#sink.instrument(this.#definitions.get(market) ?? sketchMarket(market))
      this.#instruments.set(market, instrument)
    }
    return instrument
  }
}

const SIDES = [
  ['bids', 1],
  ['asks', -1],
] as const

const CANDLE_US: Readonly<Record<string, number>> = {
  '1MIN': HOUR_US / 60,
  '5MINS': HOUR_US / 12,
  '15MINS': HOUR_US / 4,
  '30MINS': HOUR_US / 2,
  '1HOUR': HOUR_US,
  '4HOURS': 4 * HOUR_US,
  '1DAY': 24 * HOUR_US,
}
