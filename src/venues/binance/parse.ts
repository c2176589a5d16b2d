/**
 * @file Binance frames (combined or raw streams, and REST depth snapshots) as messages.
 *
 * Sequence rules, from "How to manage a local order book correctly" of each market's documentation:
 * - an update covers ids U to u. USD-M and COIN-M updates chain by `pu`, the `u` of the update before; spot updates
 *   by U = previous u + 1;
 * - a REST snapshot with `lastUpdateId` L comes asynchronously: updates received before it may be newer than it. The
 *   last few hundred updates are therefore kept, and those reaching beyond L are applied again right after the
 *   snapshot. The first to apply must satisfy U ≤ L + 1 ≤ u (spot) or U ≤ L ≤ u (futures; `pu` = L is as good).
 *
 * Updates before the first snapshot are stored as they are (a replica that has had no snapshot shows `empty`), since
 * in the second file of a pair they go on from the first. What they go on from is noted by `remember` at each file's
 * end; only a chain that is provably broken is a gap.
 *
 * Prices and sizes of depth, trade and book-ticker frames are read by a hand-written scanner; every frame it does not
 * recognise, character for character, goes through `JSON.parse`. Both fill the same fields, so one body applies them.
 */

import { instrumentId } from '../../market/instrument.ts'
import { Flag, Kind } from '../../market/tape.ts'
import type { ImportSink, Place, SketchedInstrument } from '../../store/importer.ts'
import {
  type Fields,
  isRecord,
  list,
  number,
  optionalNumber,
  parseJson,
  price,
  record,
  size,
  text,
  timeMs,
  whole,
} from '../fields.ts'
import { Frame, type FrameParser, refuse, venueTime } from '../frame.ts'
import { Char, keyCode, Scanner } from '../scan.ts'
import { type BinanceMarket, EVENTS_SKIPPED, sketchSymbol } from './wire.ts'

/** Updates kept for each book, to be applied again after a late snapshot: 2.5 s and more of the fastest stream. */
const RECENT_UPDATES = 512

/** Where the chain of one book stands. */
class Chain {
  readonly instrument: number
  readonly id: string
  /** `u` of the last update or L of the snapshot; -1 before anything is known. */
  last = -1
  /** The next update is the first after a snapshot with L = last, and may overlap it. */
  overlapping = false
  /** A snapshot was seen, or the chain goes on from an earlier file that had one. */
  anchored = false
  firstPlace: Place | undefined
  /** `pu` (futures) or U - 1 (spot) of the first update read. */
  firstPrevious = -1
  lastTimeUs = 0
  /** Recent updates as received, oldest first once `recentAt` is taken into account. */
  readonly recent: string[] = []
  recentAt = 0
  /** Which stream of trades this instrument's volume is taken from; both would count it twice. */
  trades: 'trade' | 'aggTrade' | undefined

  constructor(instrument: number, id: string) {
    this.instrument = instrument
    this.id = id
  }

  keep(text: string): void {
    if (this.recent.length < RECENT_UPDATES) this.recent.push(text)
    else this.recent[this.recentAt++ % RECENT_UPDATES] = text
  }

  *kept(): Generator<string> {
    for (let i = 0; i < this.recent.length; i++) yield this.recent[(this.recentAt + i) % this.recent.length]!
  }
}

/** Which of the frequent events the parser's fields hold. */
const Event = { NONE: 0, DEPTH: 1, TRADE: 2, TICKER: 3 } as const

/** Parser of one connection to one of Binance's markets. */
export class BinanceFrames implements FrameParser {
  readonly market: BinanceMarket
  readonly #frame: Frame
  readonly #sink: ImportSink
  readonly #definitions: ReadonlyMap<string, SketchedInstrument>
  readonly #scan: boolean
  readonly #chains = new Map<string, Chain>()
  readonly #scanner = new Scanner()
  #soleSymbol = ''
  /** The last chain looked up: recordings have long runs of one symbol. */
  #lastSymbol = ''
  #lastChain: Chain | undefined
  /** The first frame without a time of its own. */
  #timeless: Place | undefined

  // The event at hand, filled by the scanner or from JSON.
  #event: number = Event.NONE
  #symbol = ''
  #eventTime = 0
  #transactionTime = 0
  #firstId = 0
  #lastId = 0
  #previousId = -1
  #bid = 0
  #bidSize = 0
  #ask = 0
  #askSize = 0
  #tradeId = -1
  #tradeStream: 'trade' | 'aggTrade' = 'trade'
  #price = 0
  #size = 0
  #buyerIsMaker = false
  #market = true
  #levels = 0
  #bids = 0
  #prices = new Float64Array(2048)
  #sizes = new Float64Array(2048)

  /**
   * @param options.definitions Instruments by symbol, from exchangeInfo; names are read by rule where it has none.
   * @param options.symbol Whose the REST snapshots are that name no symbol; by default the only one seen so far.
   * @param options.scan False reads everything through `JSON.parse`: for tests and to measure the difference.
   */
  constructor(
    market: BinanceMarket,
    sink: ImportSink,
    options: { definitions?: ReadonlyMap<string, SketchedInstrument>; symbol?: string; scan?: boolean } = {},
  ) {
    this.market = market
    this.#sink = sink
    this.#frame = new Frame(sink)
    this.#definitions = options.definitions ?? new Map()
    this.#soleSymbol = options.symbol ?? ''
    this.#scan = options.scan ?? true
  }

  frame(text: string, timeUs: number, place: Place): void {
    this.#frame.open(timeUs, place)
    try {
      if (!(this.#scan && this.#scanFrame(text))) {
        const event = parseJson(text)
        if (!this.#fromJson(event)) return
      }
      this.#apply(text)
    } catch (error) {
      this.#frame.reject(error)
    }
  }

  /**
   * Takes a REST depth snapshot whose reply does not say whose it is.
   *
   * @param text The reply: `{"lastUpdateId":…,"bids":[…],"asks":[…]}`.
   */
  snapshot(symbol: string, text: string, timeUs: number, place: Place): void {
    this.#frame.open(timeUs, place)
    try {
      this.#applySnapshot(record(parseJson(text), 'snapshot'), symbol)
    } catch (error) {
      this.#frame.reject(error)
    }
  }

  /** Notes where each chain ends, and reports books that went without a snapshot. */
  finish(): void {
    if (this.#timeless) {
      const detail = 'book tickers of the spot market carry no time: that of receipt stands in'
      this.#sink.trap('no-venue-time', this.#timeless, detail)
    }
    for (const chain of this.#chains.values()) {
      if (chain.last < 0) continue
      this.#sink.remember?.(`binance chain ${chain.id}`, String(chain.last))
      if (!chain.anchored && chain.firstPlace) {
        const detail = `${chain.id} goes on from update ${chain.firstPrevious}: import the file that ends there first`
        this.#sink.trap('no-snapshot', chain.firstPlace, detail)
      }
    }
  }

  /** Fills the event's fields; false where the frame is not, character for character, of a known shape. */
  #scanFrame(text: string): boolean {
    const scanner = this.#scanner
    scanner.open(text)
    let wrapped = false
    let named = false
    if (text.startsWith('{"stream":"')) {
      scanner.at = 10
      if (!scanner.string() || scanner.end === scanner.start || !text.startsWith(',"data":', scanner.at)) return false
      named = text.endsWith('@bookTicker', scanner.end)
      scanner.at += 8
      wrapped = true
    }
    if (!scanner.take(Char.OPEN_BRACE)) return false
    this.#clearEvent()
    let event = ''
    let seen = 0
    for (;;) {
      const key = scanner.key()
      let value = 0
      // A key seen twice means the last in JSON and trouble here: `seen` has a bit for each.
      let bit = 0
      switch (key) {
        case KEY_e:
          bit = 1
          if (!scanner.string()) return false
          event = scanner.is('depthUpdate')
            ? 'depth'
            : scanner.is('bookTicker')
              ? 'ticker'
              : scanner.is('trade')
                ? 'trade'
                : ''
          if (event === '') return false
          break
        case KEY_E:
          bit = 2
          value = this.#eventTime = scanner.integer()
          break
        case KEY_T:
          bit = 4
          value = this.#transactionTime = scanner.integer()
          break
        case KEY_s:
          bit = 8
          if (!scanner.string()) return false
          if (!scanner.is(this.#lastSymbol)) this.#symbol = scanner.slice()
          else this.#symbol = this.#lastSymbol
          break
        case KEY_ps:
          bit = 16
          if (!scanner.string()) return false
          break
        case KEY_U:
          bit = 32
          value = this.#firstId = scanner.integer()
          break
        case KEY_u:
          bit = 64
          value = this.#lastId = scanner.integer()
          break
        case KEY_pu:
          bit = 128
          value = this.#previousId = scanner.integer()
          break
        case KEY_b:
          bit = 256
          if (scanner.peek() === Char.OPEN_BRACKET) {
            if (this.#levels !== 0 || !this.#scanLevels()) return false
            this.#bids = this.#levels
            bit |= 0x100000
          } else value = this.#bid = scanner.decimal()
          break
        case KEY_a:
          bit = 512
          if (scanner.peek() === Char.OPEN_BRACKET) {
            if (!this.#scanLevels()) return false
            bit |= 0x200000
            // Asks after bids is the only order levels are kept in.
            if (!(seen & 256)) return false
          } else value = this.#ask = scanner.decimal()
          break
        case KEY_B:
          bit = 1024
          value = this.#bidSize = scanner.decimal()
          break
        case KEY_A:
          bit = 2048
          value = this.#askSize = scanner.decimal()
          break
        case KEY_t:
          bit = 4096
          value = this.#tradeId = scanner.integer()
          break
        case KEY_p:
          bit = 8192
          value = this.#price = scanner.decimal()
          break
        case KEY_q:
          bit = 16384
          value = this.#size = scanner.decimal()
          break
        case KEY_X:
          bit = 32768
          if (!scanner.string()) return false
          this.#market = scanner.is('MARKET')
          break
        case KEY_m:
          bit = 65536
          value = scanner.boolean()
          this.#buyerIsMaker = value === 1
          break
        case KEY_M:
          bit = 131072
          value = scanner.boolean()
          break
        default:
          return false
      }
      if (Number.isNaN(value) || (seen & bit) !== 0) return false
      seen |= bit
      if (scanner.take(Char.COMMA)) continue
      if (scanner.take(Char.CLOSE_BRACE)) break
      return false
    }
    if (wrapped && !scanner.take(Char.CLOSE_BRACE)) return false
    if (!scanner.done) return false
    // Spot book tickers carry no event name: the stream's name, or their six fields, tell.
    if (event === '' && (seen & NAMELESS_TICKER) === NAMELESS_TICKER && (named || !wrapped)) event = 'ticker'
    const needed =
      event === 'depth' ? NEEDED_DEPTH : event === 'trade' ? NEEDED_TRADE : event === 'ticker' ? NEEDED_TICKER : 0
    if (needed === 0 || (seen & needed) !== needed) return false
    if (event === 'depth' && (seen & 0x300000) !== 0x300000) return false
    if (event === 'ticker' && (seen & 0x300000) !== 0) return false
    this.#event = event === 'depth' ? Event.DEPTH : event === 'trade' ? Event.TRADE : Event.TICKER
    return true
  }

  /** `[["63943.90","46.371"],…]` appended to the level columns. */
  #scanLevels(): boolean {
    const scanner = this.#scanner
    if (!scanner.take(Char.OPEN_BRACKET)) return false
    if (scanner.take(Char.CLOSE_BRACKET)) return true
    for (;;) {
      if (!scanner.take(Char.OPEN_BRACKET)) return false
      const price = scanner.decimal()
      if (!scanner.take(Char.COMMA)) return false
      const size = scanner.decimal()
      if (Number.isNaN(price) || Number.isNaN(size) || !scanner.take(Char.CLOSE_BRACKET)) return false
      this.#pushLevel(price, size)
      if (scanner.take(Char.COMMA)) continue
      return scanner.take(Char.CLOSE_BRACKET)
    }
  }

  #pushLevel(price: number, size: number): void {
    if (this.#levels === this.#prices.length) {
      const grow = (column: Float64Array) => {
        const larger = new Float64Array(column.length * 2)
        larger.set(column)
        return larger
      }
      this.#prices = grow(this.#prices)
      this.#sizes = grow(this.#sizes)
    }
    this.#prices[this.#levels] = price
    this.#sizes[this.#levels++] = size
  }

  #clearEvent(): void {
    this.#event = Event.NONE
    this.#eventTime = 0
    this.#transactionTime = 0
    this.#previousId = -1
    this.#tradeStream = 'trade'
    this.#market = true
    this.#levels = 0
    this.#bids = 0
  }

  /** Fills the event's fields from JSON and returns true, or deals with the frame itself and returns false. */
  #fromJson(json: unknown): boolean {
    this.#clearEvent()
    if (Array.isArray(json)) {
      // `!markPrice@arr` and its like: an array of events without a wrapper.
      for (const each of json) this.#fromEvent(record(each, 'event'), '')
      this.#frame.deliver()
      return false
    }
    const outer = record(json, 'frame')
    if (!('stream' in outer)) return this.#fromEvent(outer, '')
    const stream = text(outer['stream'], 'stream')
    const { data } = outer
    if (Array.isArray(data)) {
      for (const each of data) this.#fromEvent(record(each, 'event'), stream)
      this.#frame.deliver()
      return false
    }
    return this.#fromEvent(record(data, 'data'), stream)
  }

  #fromEvent(event: Fields, stream: string): boolean {
    if ('lastUpdateId' in event) {
      this.#applySnapshot(event, typeof event['symbol'] === 'string' ? event['symbol'] : this.#soleSymbol)
      return false
    }
    if ('result' in event || 'error' in event) {
      if (isRecord(event['error']))
        this.#sink.trap('venue-error', this.#frame.place, JSON.stringify(event['error']).slice(0, 200))
      else this.#sink.skip('reply')
      return false
    }
    const name = event['e']
    if (name === undefined && 'b' in event && 'B' in event && (stream === '' || stream.endsWith('@bookTicker'))) {
      return this.#tickerFromJson(event)
    }
    switch (name) {
      case 'depthUpdate':
        return this.#depthFromJson(event)
      case 'bookTicker':
        return this.#tickerFromJson(event)
      case 'trade':
      case 'aggTrade':
        return this.#tradeFromJson(event, name)
      case 'markPriceUpdate':
        this.#markPrice(event)
        return this.#deliverSingle()
      case 'forceOrder':
        this.#liquidation(event)
        return this.#deliverSingle()
      case 'kline':
        this.#bar(event)
        return this.#deliverSingle()
      default:
        if (typeof name === 'string' && EVENTS_SKIPPED.has(name)) this.#sink.skip(`event ${name}`)
        else refuse('event-unknown', String(name).slice(0, 40))
        return false
    }
  }

  #deliverSingle(): false {
    this.#frame.deliver()
    return false
  }

  #depthFromJson(event: Fields): boolean {
    this.#symbol = text(event['s'], 's')
    this.#eventTime = whole(event['E'], 'E')
    this.#transactionTime = event['T'] === undefined ? 0 : whole(event['T'], 'T')
    this.#firstId = whole(event['U'], 'U')
    this.#lastId = whole(event['u'], 'u')
    this.#previousId = event['pu'] === undefined ? -1 : whole(event['pu'], 'pu')
    this.#levelsFromJson(event['b'], 'b')
    this.#bids = this.#levels
    this.#levelsFromJson(event['a'], 'a')
    this.#event = Event.DEPTH
    return true
  }

  #levelsFromJson(value: unknown, name: string): void {
    for (const entry of list(value, name)) {
      const level = list(entry, name)
      this.#pushLevel(number(level[0], `${name} price`), number(level[1], `${name} size`))
    }
  }

  #tickerFromJson(event: Fields): boolean {
    this.#symbol = text(event['s'], 's')
    this.#eventTime = event['E'] === undefined ? 0 : whole(event['E'], 'E')
    this.#transactionTime = event['T'] === undefined ? 0 : whole(event['T'], 'T')
    this.#lastId = whole(event['u'], 'u')
    this.#bid = size(event['b'], 'b')
    this.#bidSize = size(event['B'], 'B')
    this.#ask = size(event['a'], 'a')
    this.#askSize = size(event['A'], 'A')
    this.#event = Event.TICKER
    return true
  }

  #tradeFromJson(event: Fields, name: 'trade' | 'aggTrade'): boolean {
    this.#symbol = text(event['s'], 's')
    this.#tradeStream = name
    this.#eventTime = whole(event['E'], 'E')
    this.#transactionTime = whole(event['T'], 'T')
    this.#tradeId = whole(event[name === 'trade' ? 't' : 'a'], 'trade id')
    this.#price = size(event['p'], 'p')
    this.#size = size(event['q'], 'q')
    if (typeof event['m'] !== 'boolean') refuse('field-invalid', 'm: not a boolean')
    this.#buyerIsMaker = event['m']
    if (event['X'] !== undefined && typeof event['X'] !== 'string') refuse('field-invalid', 'X: not text')
    this.#market = event['X'] === undefined || event['X'] === 'MARKET'
    this.#event = Event.TRADE
    return true
  }

  /** Acts on the event whose fields are filled. */
  #apply(text: string): void {
    const frame = this.#frame
    const chain = this.#chain(this.#symbol)
    const ms = this.#transactionTime > 0 ? this.#transactionTime : this.#eventTime
    // Spot book tickers say no time at all: the time of receipt stands in.
    const venueTimeUs = ms > 0 ? venueTime(ms) : frame.timeUs
    if (ms === 0) this.#timeless ??= frame.place
    if (this.#event === Event.DEPTH) {
      this.#applyDepth(chain, venueTimeUs, text)
    } else if (this.#event === Event.TRADE) {
      if ((chain.trades ??= this.#tradeStream) !== this.#tradeStream) {
        this.#sink.skip(`trades-twice: ${this.#tradeStream}`)
        return
      }
      if (this.#price === 0 || this.#size === 0) {
        // Futures send trades of nothing with X = NA.
        this.#sink.skip('empty-trade')
        return
      }
      frame.begin('trade', chain.instrument, venueTimeUs)
      const side = this.#buyerIsMaker ? -1 : 1
      frame.row(Kind.TRADE, side, this.#price, this.#size, this.#tradeId, this.#market ? 0 : Flag.SPECIAL)
      frame.deliver()
      this.#sink.count('trades')
    } else {
      frame.begin('quote', chain.instrument, venueTimeUs)
      frame.row(Kind.QUOTE, 1, this.#bid, this.#bidSize)
      frame.row(Kind.QUOTE, -1, this.#ask, this.#askSize)
      frame.deliver()
      this.#sink.count('quotes')
    }
  }

  #applyDepth(chain: Chain, venueTimeUs: number, text: string): void {
    const { market } = this
    const frame = this.#frame
    const first = this.#firstId
    const last = this.#lastId
    if (last < first) refuse('sequence-invalid', `u ${last} before U ${first}`)
    if (market !== 'spot' && this.#previousId < 0) refuse('field-invalid', 'pu: missing from a futures update')
    const previous = market === 'spot' ? first - 1 : this.#previousId
    this.#draftDepth(chain, venueTimeUs)

    let broken = false
    if (chain.last < 0) {
      chain.firstPlace = frame.place
      chain.firstPrevious = previous
      const note = this.#sink.recall?.(`binance chain ${chain.id}`)
      const before = note !== undefined && /^\d{1,16}$/.test(note) ? Number(note) : -1
      if (before === previous) {
        chain.anchored = true
        this.#sink.count('chains continued from an earlier file')
      } else if (before >= 0 && before < previous) {
        // What the catalog already holds of this book ends elsewhere: whoever reads on must not splice the two.
        chain.last = before
        broken = true
      }
    } else if (chain.overlapping) {
      const stale = market === 'spot' ? last <= chain.last : last < chain.last
      if (stale) {
        frame.clear()
        this.#sink.skip('update-before-snapshot')
        return
      }
      broken = !overlaps(market, chain.last, first, previous)
    } else if (last <= chain.last) {
      frame.clear()
      this.#sink.trap(
        last === chain.last ? 'duplicate-update' : 'out-of-order-update',
        frame.place,
        `${chain.id} u ${last} after ${chain.last}`,
      )
      return
    } else broken = previous !== chain.last

    if (broken) {
      const { timeUs, place } = frame
      this.#sink.gap(
        chain.instrument,
        timeUs,
        venueTimeUs,
        place,
        market === 'spot' ? chain.last + 1 : chain.last,
        market === 'spot' ? first : previous,
      )
    }
    const { rows } = frame
    frame.deliver()
    chain.last = last
    chain.overlapping = false
    chain.lastTimeUs = frame.timeUs
    chain.keep(text)
    this.#sink.count('depth updates')
    if (rows === 0) this.#sink.skip('empty-update')
    else this.#sink.count('depth levels', rows)
  }

  #draftDepth(chain: Chain, venueTimeUs: number): void {
    const frame = this.#frame
    frame.begin('book', chain.instrument, venueTimeUs)
    const levels = this.#levels
    const bids = this.#bids
    for (let i = 0; i < levels; i++) {
      const price = this.#prices[i]!
      if (price === 0) refuse('price-invalid', '0')
      frame.row(Kind.DEPTH, i < bids ? 1 : -1, price, this.#sizes[i]!, this.#lastId)
    }
  }

  /** A REST snapshot, then again whatever was received before it and reaches beyond it. */
  #applySnapshot(snapshot: Fields, symbol: string): void {
    if (symbol === '') refuse('snapshot-without-symbol', 'several symbols, or none, were seen: say --symbol')
    const { market } = this
    const frame = this.#frame
    const chain = this.#chain(symbol)
    const lastUpdateId = whole(snapshot['lastUpdateId'], 'lastUpdateId')
    const time = snapshot['T'] ?? snapshot['E']
    const venueTimeUs = time === undefined ? frame.timeUs : timeMs(time, 'T')
    this.#clearEvent()
    this.#levelsFromJson(snapshot['bids'], 'bids')
    this.#bids = this.#levels
    this.#levelsFromJson(snapshot['asks'], 'asks')
    const levels = this.#levels
    frame.begin('book', chain.instrument, venueTimeUs)
    for (let i = 0; i < levels; i++) {
      const price = this.#prices[i]!
      if (price === 0) refuse('price-invalid', '0')
      frame.row(Kind.DEPTH, i < this.#bids ? 1 : -1, price, this.#sizes[i]!, lastUpdateId, Flag.SNAPSHOT)
    }
    if (levels === 0) frame.row(Kind.DEPTH, 1, 0, 0, lastUpdateId, Flag.SNAPSHOT)
    frame.flag(0, Flag.RESET)
    frame.deliver()
    chain.last = lastUpdateId
    chain.overlapping = true
    chain.anchored = true
    this.#sink.count('snapshots')
    this.#sink.count('snapshot levels', levels)

    for (const text of chain.kept()) {
      // They were readable once, so they are again.
      if (!(this.#scan && this.#scanFrame(text))) this.#fromJson(parseJson(text))
      const last = this.#lastId
      const previous = market === 'spot' ? this.#firstId - 1 : this.#previousId
      if (market === 'spot' ? last <= chain.last : last < chain.last) continue
      if (chain.overlapping && !overlaps(market, chain.last, this.#firstId, previous)) {
        const expected = market === 'spot' ? chain.last + 1 : chain.last
        this.#sink.gap(chain.instrument, frame.timeUs, frame.timeUs, frame.place, expected, this.#firstId)
      }
      const ms = this.#transactionTime > 0 ? this.#transactionTime : this.#eventTime
      this.#draftDepth(chain, venueTime(ms))
      this.#sink.count('depth levels applied again after a snapshot', frame.rows)
      frame.deliver()
      chain.last = last
      chain.overlapping = false
    }
  }

  /** Mark, index and the funding rate as it stands: `{"e":"markPriceUpdate","p":mark,"i":index,"r":rate,"T":due}`. */
  #markPrice(event: Fields): void {
    const frame = this.#frame
    const chain = this.#chain(text(event['s'], 's'))
    // T is when funding is due, not when this happened.
    const timeUs = timeMs(event['E'], 'E')
    frame.begin('mark', chain.instrument, timeUs)
    frame.row(Kind.MARK, 0, 0, 0, price(event['p'], 'p'))
    const index = optionalNumber(event['i'], 'i')
    if (index !== undefined && index > 0) frame.row(Kind.INDEX, 0, 0, 0, index)
    this.#sink.count('marks')
    const rate = optionalNumber(event['r'], 'r')
    const due = optionalNumber(event['T'], 'T')
    if (rate === undefined || due === undefined || due === 0) return
    frame.begin('funding', chain.instrument, timeUs)
    frame.row(Kind.FUNDING_FORECAST, 0, 0, Math.max(0, timeMs(due, 'T') - timeUs), rate)
    this.#sink.count('funding forecasts')
  }

  /** A liquidation order; its size is what was filled so far (`z`), as the stream shows an order at most once a second. */
  #liquidation(event: Fields): void {
    const frame = this.#frame
    const order = record(event['o'], 'o')
    const chain = this.#chain(text(order['s'], 's'))
    const side = order['S'] === 'BUY' ? 1 : order['S'] === 'SELL' ? -1 : refuse('field-invalid', 'S')
    const average = number(order['ap'], 'ap')
    const filled = size(order['z'], 'z')
    frame.begin('liquidation', chain.instrument, timeMs(order['T'] ?? event['E'], 'T'))
    frame.row(
      Kind.LIQUIDATION,
      side,
      average > 0 ? average : price(order['p'], 'p'),
      filled > 0 ? filled : size(order['q'], 'q'),
    )
    this.#sink.count('liquidations')
  }

  /** A bar, once it is closed. */
  #bar(event: Fields): void {
    const frame = this.#frame
    const bar = record(event['k'], 'k')
    const chain = this.#chain(text(event['s'], 's'))
    if (bar['x'] !== true) {
      if (bar['x'] !== false) refuse('field-invalid', 'x: not a boolean')
      this.#sink.skip('bar-unfinished')
      return
    }
    const openUs = timeMs(bar['t'], 't')
    const closeUs = timeMs(bar['T'], 'T') + 1000
    if (closeUs <= openUs) refuse('time-invalid', 'a bar that closes before it opens')
    frame.begin('bar', chain.instrument, closeUs)
    frame.row(Kind.BAR_OPEN, 0, price(bar['o'], 'o'), 0)
    frame.row(Kind.BAR_HIGH, 0, price(bar['h'], 'h'), 0)
    frame.row(Kind.BAR_LOW, 0, price(bar['l'], 'l'), 0)
    frame.row(Kind.BAR_CLOSE, 0, price(bar['c'], 'c'), size(bar['v'], 'v'), closeUs - openUs)
    this.#sink.count('bars')
  }

  #chain(symbol: string): Chain {
    if (symbol === this.#lastSymbol && this.#lastChain) return this.#lastChain
    let chain = this.#chains.get(symbol)
    if (!chain) {
      const spec = this.#definitions.get(symbol) ?? sketchSymbol(this.market, symbol)
      const id = instrumentId({ tickSize: '1', lotSize: '1', source: '', ...spec })
      chain = new Chain(this.#sink.instrument(spec), id)
      this.#chains.set(symbol, chain)
      if (this.#chains.size === 1) this.#soleSymbol ||= symbol
      else if (this.#chains.size === 2 && this.#soleSymbol === [...this.#chains.keys()][0]) this.#soleSymbol = ''
    }
    this.#lastSymbol = symbol
    this.#lastChain = chain
    return chain
  }
}

/** Whether an update may be the first after a snapshot with `lastUpdateId` L. */
function overlaps(market: BinanceMarket, lastUpdateId: number, first: number, previous: number): boolean {
  return market === 'spot' ? first <= lastUpdateId + 1 : first <= lastUpdateId || previous === lastUpdateId
}

const KEY_e = keyCode('e')
const KEY_E = keyCode('E')
const KEY_T = keyCode('T')
const KEY_s = keyCode('s')
const KEY_ps = keyCode('ps')
const KEY_U = keyCode('U')
const KEY_u = keyCode('u')
const KEY_pu = keyCode('pu')
const KEY_b = keyCode('b')
const KEY_a = keyCode('a')
const KEY_B = keyCode('B')
const KEY_A = keyCode('A')
const KEY_t = keyCode('t')
const KEY_p = keyCode('p')
const KEY_q = keyCode('q')
const KEY_X = keyCode('X')
const KEY_m = keyCode('m')
const KEY_M = keyCode('M')

const NAMELESS_TICKER = 8 | 64 | 256 | 512 | 1024 | 2048
const NEEDED_DEPTH = 1 | 2 | 8 | 32 | 64 | 256 | 512
const NEEDED_TRADE = 1 | 2 | 4 | 8 | 4096 | 8192 | 16384 | 65536
const NEEDED_TICKER = NAMELESS_TICKER
