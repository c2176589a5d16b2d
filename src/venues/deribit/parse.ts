/**
 * @file Deribit WebSocket frames (JSON-RPC notifications) as messages.
 *
 * Books: a `snapshot` and then `change`s, each naming the `change_id` it follows; anything else means lost updates.
 * Grouped books are full snapshots every time. No checksums. Option prices are in coin, volatilities in percent.
 */

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
  timeMs,
  whole,
} from '../fields.ts'
import { Frame, type FrameParser, refuse } from '../frame.ts'
import { Sequences } from '../sequence.ts'
import { isCombo, sketchName } from './wire.ts'

const CHANNELS_SKIPPED: ReadonlySet<string> = new Set([
  'chart',
  'deribit_price_index',
  'deribit_price_ranking',
  'deribit_price_statistics',
  'deribit_volatility_index',
  'estimated_expiration_price',
  'incremental_ticker',
  'instrument',
  'markprice',
  'platform_state',
  'block_rfq',
  'rfq',
])

/** Parser of one connection. */
export class DeribitFrames implements FrameParser {
  readonly #frame: Frame
  readonly #sink: ImportSink
  readonly #sequences: Sequences
  readonly #definitions: Definitions
  readonly #instruments = new Map<string, number>()
  readonly #perpetuals = new Set<string>()
  readonly #options = new Set<string>()

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

  #read(frame: Fields): void {
    const { method } = frame
    if (method === undefined) {
      if (isRecord(frame['error'])) {
        this.#sink.trap('venue-error', this.#frame.place, JSON.stringify(frame['error']).slice(0, 200))
      } else if ('result' in frame) this.#sink.skip('reply')
      else refuse('frame-unknown')
      return
    }
    if (method === 'heartbeat') {
      this.#sink.skip('heartbeat')
      return
    }
    if (method !== 'subscription') refuse('frame-unknown', String(method).slice(0, 40))
    const params = record(frame['params'], 'params')
    const channel = text(params['channel'], 'channel')
    const parts = channel.split('.')
    const { data } = params
    if (isCombo(parts[1] ?? '')) {
      this.#sink.skip('combo')
      return
    }
    switch (parts[0]) {
      case 'book':
        this.#book(record(data, 'data'), channel, parts)
        return
      case 'trades':
        this.#trades(list(data, 'data'))
        break
      case 'ticker':
        this.#ticker(record(data, 'data'))
        break
      case 'quote':
        this.#quote(record(data, 'data'))
        break
      case 'perpetual':
        this.#perpetual(record(data, 'data'), parts[1] ?? '')
        break
      default:
        if (parts[0] === 'user') this.#sink.skip('user-channel')
        else if (CHANNELS_SKIPPED.has(parts[0]!)) this.#sink.skip(`channel ${parts[0]}`)
        else refuse('channel-unknown', channel.slice(0, 60))
        return
    }
    this.#frame.deliver()
  }

  #book(data: Fields, channel: string, parts: readonly string[]): void {
    const frame = this.#frame
    const name = text(data['instrument_name'], 'instrument_name')
    const grouped = parts.length === 5
    if (grouped && parts[2] !== 'none') {
      this.#sink.skip('book of grouped prices')
      return
    }
    const type = grouped ? 'snapshot' : data['type']
    if (type !== 'snapshot' && type !== 'change') refuse('field-invalid', 'type')
    const id = whole(data['change_id'], 'change_id')
    const venueTimeUs = timeMs(data['timestamp'], 'timestamp')
    const instrument = this.#instrument(name)
    frame.begin('book', instrument, venueTimeUs)
    const snapshot = type === 'snapshot'
    for (const [field, direction] of SIDES) {
      for (const entry of list(data[field], field)) {
        const level = list(entry, field)
        const at = level.length - 2
        const action = at === 1 ? level[0] : 'new'
        if ((at !== 0 && at !== 1) || (action !== 'new' && action !== 'change' && action !== 'delete')) {
          refuse('field-invalid', `${field}: not a level`)
        }
        const amount = action === 'delete' ? 0 : size(level[at + 1], 'amount')
        frame.row(Kind.DEPTH, direction, price(level[at], 'price'), amount, id, snapshot ? Flag.SNAPSHOT : 0)
      }
    }
    const { rows } = frame
    if (snapshot) {
      if (rows === 0) frame.row(Kind.DEPTH, 1, 0, 0, id, Flag.SNAPSHOT)
      frame.flag(0, Flag.RESET)
    }
    if (!this.#sequences.claims(name, channel)) {
      frame.clear()
      return
    }
    if (!snapshot) {
      const previous = whole(data['prev_change_id'], 'prev_change_id')
      if (!this.#sequences.accepts(name, instrument, venueTimeUs, previous, id)) {
        frame.clear()
        return
      }
    }
    frame.deliver()
    this.#sequences.applied(name, id)
    this.#sink.count(snapshot ? 'snapshots' : 'depth updates')
    this.#sink.count(snapshot ? 'snapshot levels' : 'depth levels', rows)
    if (!snapshot && rows === 0) this.#sink.skip('empty-update')
  }

  #trades(trades: readonly unknown[]): void {
    const frame = this.#frame
    for (const each of trades) {
      const trade = record(each, 'trade')
      const name = text(trade['instrument_name'], 'instrument_name')
      if (isCombo(name)) {
        this.#sink.skip('combo')
        continue
      }
      const instrument = this.#instrument(name)
      const timeUs = timeMs(trade['timestamp'], 'timestamp')
      const direction = side(trade['direction'], 'buy', 'sell')
      const at = price(trade['price'], 'price')
      const amount = size(trade['amount'], 'amount')
      const { liquidation } = trade
      const special = liquidation !== undefined || trade['block_trade_id'] !== undefined
      frame.begin('trade', instrument, timeUs)
      frame.row(Kind.TRADE, direction, at, amount, tradeNumber(trade['trade_id']), special ? Flag.SPECIAL : 0)
      this.#sink.count('trades')
      if (liquidation === undefined) continue
      if (liquidation !== 'M' && liquidation !== 'T' && liquidation !== 'MT') refuse('field-invalid', 'liquidation')
      // Who was liquidated: the taker (T), the maker (M) on the other side, or both.
      frame.begin('liquidation', instrument, timeUs)
      if (liquidation !== 'M') frame.row(Kind.LIQUIDATION, direction, at, amount)
      if (liquidation !== 'T') frame.row(Kind.LIQUIDATION, -direction, at, amount)
      this.#sink.count('liquidations')
    }
  }

  #ticker(data: Fields): void {
    const frame = this.#frame
    const name = text(data['instrument_name'], 'instrument_name')
    const instrument = this.#instrument(name)
    const timeUs = timeMs(data['timestamp'], 'timestamp')
    this.#touch(data, instrument, timeUs)
    frame.begin('mark', instrument, timeUs)
    const mark = optionalNumber(data['mark_price'], 'mark_price')
    if (mark !== undefined) frame.row(Kind.MARK, 0, 0, 0, nonNegative(mark, 'mark_price'))
    const index = optionalNumber(data['index_price'], 'index_price')
    if (index !== undefined) frame.row(Kind.INDEX, 0, 0, 0, nonNegative(index, 'index_price'))
    const interest = optionalNumber(data['open_interest'], 'open_interest')
    if (interest !== undefined) {
      frame.begin('interest', instrument, timeUs)
      frame.row(Kind.OPEN_INTEREST, 0, 0, interest)
    }
    if (this.#options.has(name)) this.#greeks(data, instrument, timeUs)
    const funding = optionalNumber(data['current_funding'], 'current_funding')
    if (funding !== undefined && this.#perpetuals.has(name)) this.#forecast(instrument, timeUs, funding)
    this.#sink.count('tickers')
  }

  #greeks(data: Fields, instrument: number, timeUs: number): void {
    const frame = this.#frame
    frame.begin('option', instrument, timeUs)
    const volatility = optionalNumber(data['mark_iv'], 'mark_iv')
    if (volatility !== undefined) frame.row(Kind.IMPLIED_VOLATILITY, 0, 0, 0, nonNegative(volatility, 'mark_iv') / 100)
    const greeks = data['greeks'] === undefined || data['greeks'] === null ? {} : record(data['greeks'], 'greeks')
    for (const [field, kind] of GREEKS) {
      const greek = optionalNumber(greeks[field], field)
      if (greek !== undefined) frame.row(kind, 0, 0, 0, greek)
    }
    const forward = optionalNumber(data['underlying_price'], 'underlying_price')
    if (forward !== undefined) frame.row(Kind.FORWARD, 0, 0, 0, nonNegative(forward, 'underlying_price'))
  }

  #quote(data: Fields): void {
    const instrument = this.#instrument(text(data['instrument_name'], 'instrument_name'))
    this.#touch(data, instrument, timeMs(data['timestamp'], 'timestamp'))
    this.#sink.count('quotes')
  }

  #touch(data: Fields, instrument: number, timeUs: number): void {
    const frame = this.#frame
    frame.begin('quote', instrument, timeUs)
    for (const [field, direction] of [
      ['bid', 1],
      ['ask', -1],
    ] as const) {
      const at = optionalNumber(data[`best_${field}_price`], field) ?? 0
      const amount = optionalNumber(data[`best_${field}_amount`], field) ?? 0
      const volatility = optionalNumber(data[`${field}_iv`], `${field}_iv`) ?? 0
      // A side without an order has no size, and whatever price is printed beside it means nothing.
      frame.row(Kind.QUOTE, direction, amount === 0 ? 0 : at, at === 0 ? 0 : amount, volatility / 100)
    }
  }

  #perpetual(data: Fields, name: string): void {
    const frame = this.#frame
    const instrument = this.#instrument(name)
    const timeUs = timeMs(data['timestamp'], 'timestamp')
    frame.begin('mark', instrument, timeUs)
    frame.row(Kind.INDEX, 0, 0, 0, price(data['index_price'], 'index_price'))
    this.#forecast(instrument, timeUs, number(data['interest'], 'interest'))
    this.#sink.count('perpetual funding')
  }

  /** Funding accrues continuously and is quoted for eight hours: nothing is due at a moment, so `lots` is zero. */
  #forecast(instrument: number, timeUs: number, rate: number): void {
    this.#frame.begin('funding', instrument, timeUs)
    this.#frame.row(Kind.FUNDING_FORECAST, 0, 0, 0, rate)
  }

  #instrument(name: string): number {
    let instrument = this.#instruments.get(name)
    if (instrument === undefined) {
      const spec = this.#definitions.get(name) ?? sketchName(name)
      instrument = this.#sink.instrument(spec)
      this.#instruments.set(name, instrument)
      if (spec.kind === 'perp') this.#perpetuals.add(name)
      if (spec.kind === 'option') this.#options.add(name)
    }
    return instrument
  }
}

const SIDES = [
  ['bids', 1],
  ['asks', -1],
] as const

const GREEKS = [
  ['delta', Kind.DELTA],
  ['gamma', Kind.GAMMA],
  ['vega', Kind.VEGA],
  ['theta', Kind.THETA],
  ['rho', Kind.RHO],
] as const

function nonNegative(value: number, name: string): number {
  return value >= 0 ? value : refuse('price-invalid', `${name}: ${value}`)
}

/** `403691824` or `ETH-31524291` as a number; 0 where it is neither. */
function tradeNumber(id: unknown): number {
  const digits = /^(?:[A-Z_]+-)?(\d{1,15})$/.exec(String(id))
  return digits ? Number(digits[1]) : 0
}
