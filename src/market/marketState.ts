/**
 * @file What is known about one instrument: book, last trade, mark, funding, and how fresh each is.
 *
 * The same class serves the policy's view (rows in order of receipt) and the simulated exchange's own view (rows in
 * venue order). A field is NaN, and its time -Infinity, until something was heard.
 */

import { ASK, BID, Book, type Side } from './book.ts'
import type { Instrument } from './instrument.ts'
import { Flag, Kind, type TapeBatch } from './tape.ts'

/** How far a mark may lag behind the latest quote and still be the venue's mark. */
const MARK_FRESH_US = 60_000_000

export class MarketState {
  readonly instrument: Instrument
  readonly book = new Book()
  /** When we last heard anything, and the venue time it carried. */
  updatedUs = Number.NEGATIVE_INFINITY
  venueUpdatedUs = Number.NEGATIVE_INFINITY
  /** When book or touch last changed hands: staleness is judged on it. */
  quotedUs = Number.NEGATIVE_INFINITY
  tradeTick = 0
  tradeLots = 0
  tradeSide = 0
  tradedUs = Number.NEGATIVE_INFINITY
  /** Touch from QUOTE rows, for venues or recordings without a book. Lots 0: no level. */
  bidTick = 0
  bidLots = 0
  askTick = 0
  askLots = 0
  /** Last completed bar. */
  barOpen = 0
  barHigh = 0
  barLow = 0
  barClose = 0
  barLots = 0
  barDurationUs = 0
  barUs = Number.NEGATIVE_INFINITY
  mark = Number.NaN
  markUs = Number.NEGATIVE_INFINITY
  markHigh = Number.NaN
  markLow = Number.NaN
  index = Number.NaN
  indexUs = Number.NEGATIVE_INFINITY
  forward = Number.NaN
  impliedVolatility = Number.NaN
  fundingRate = Number.NaN
  fundingIntervalUs = 0
  fundedUs = Number.NEGATIVE_INFINITY
  fundingForecast = Number.NaN
  fundingDueUs = Number.NaN
  openInterest = Number.NaN
  /** Updates lost since the start, and connections dropped. */
  gaps = 0
  down = false
  #bookRows = false
  /** Mid of the last sound touch: an instant of a crossed book must not leave positions without a price. */
  #soundMid = Number.NaN

  constructor(instrument: Instrument) {
    this.instrument = instrument
  }

  /** Takes one row into account. `timeUs` is the time of this view. Returns true when the row ends its message. */
  apply(batch: TapeBatch, row: number, timeUs: number): boolean {
    const flags = batch.flags[row]!
    const kind = batch.kind[row]!
    this.updatedUs = timeUs
    if (kind === Kind.DEPTH) {
      if ((flags & Flag.RESET) !== 0) this.book.reset()
      const tick = batch.tick[row]!
      const lots = batch.lots[row]!
      if (tick !== 0 || lots !== 0) this.book.set(batch.side[row] as Side, tick, lots)
      this.#bookRows = true
      this.quotedUs = timeUs
    } else this.#applyOther(kind, batch, row, timeUs)
    if ((flags & Flag.END) === 0) return false
    if (this.quoted) this.#soundMid = (this.bestBid + this.bestAsk) / 2
    this.venueUpdatedUs = batch.venueTimeUs[row]!
    return true
  }

  #applyOther(kind: number, batch: TapeBatch, row: number, timeUs: number): void {
    const tick = batch.tick[row]!
    const lots = batch.lots[row]!
    const value = batch.value[row]!
    switch (kind) {
      case Kind.TRADE:
        this.tradeTick = tick
        this.tradeLots = lots
        this.tradeSide = batch.side[row]!
        this.tradedUs = timeUs
        break
      case Kind.QUOTE:
        if (batch.side[row] === BID) {
          this.bidTick = tick
          this.bidLots = lots
        } else {
          this.askTick = tick
          this.askLots = lots
        }
        this.quotedUs = timeUs
        break
      case Kind.BAR_OPEN:
        this.barOpen = tick
        break
      case Kind.BAR_HIGH:
        this.barHigh = tick
        break
      case Kind.BAR_LOW:
        this.barLow = tick
        break
      case Kind.BAR_CLOSE:
        this.barClose = tick
        this.barLots = lots
        this.barDurationUs = value
        this.barUs = timeUs
        this.quotedUs = timeUs
        break
      case Kind.MARK:
        this.mark = value
        this.markUs = timeUs
        this.markHigh = value
        this.markLow = value
        break
      case Kind.MARK_EXTREME:
        if (batch.side[row]! > 0) this.markHigh = value
        else this.markLow = value
        break
      case Kind.INDEX:
        this.index = value
        this.indexUs = timeUs
        break
      case Kind.FORWARD:
        this.forward = value
        break
      case Kind.IMPLIED_VOLATILITY:
        this.impliedVolatility = value
        break
      case Kind.FUNDING:
        this.fundingRate = value
        this.fundingIntervalUs = lots
        this.fundedUs = timeUs
        break
      case Kind.FUNDING_FORECAST:
        this.fundingForecast = value
        this.fundingDueUs = timeUs + lots
        break
      case Kind.OPEN_INTEREST:
        this.openInterest = lots
        break
      case Kind.GAP:
        this.gaps++
        this.book.markGap()
        break
      case Kind.OUTAGE:
        this.down = value !== 0
        if (this.down) this.book.markGap()
        break
    }
  }

  /** Whether an order book is being kept, rather than only a touch or bars. */
  get hasBook(): boolean {
    return this.#bookRows
  }

  /** Best bid in ticks: from the book where there is one, else from quotes; very low when absent. */
  get bestBid(): number {
    if (this.#bookRows) return this.book.bestBid
    return this.bidLots > 0 ? this.bidTick : -0x7fffffff
  }

  /** Best ask in ticks; very high when absent. */
  get bestAsk(): number {
    if (this.#bookRows) return this.book.bestAsk
    return this.askLots > 0 ? this.askTick : 0x7fffffff
  }

  get bestBidLots(): number {
    return this.#bookRows ? this.book.bestLots(BID) : this.bidLots
  }

  get bestAskLots(): number {
    return this.#bookRows ? this.book.bestLots(ASK) : this.askLots
  }

  /** Whether there is a two-sided, uncrossed, trustworthy touch. */
  get quoted(): boolean {
    const bid = this.bestBid
    const ask = this.bestAsk
    return bid > -0x7fffffff && ask < 0x7fffffff && bid < ask && this.trusted
  }

  /** Whether what is shown can be traded on: no lost updates, venue up. */
  get trusted(): boolean {
    return !this.down && !(this.#bookRows && this.book.status !== 'live')
  }

  /**
   * The price to reckon with, in ticks and possibly fractional: mid of a sound touch, else last bar close, else the mid
   * of the last sound touch, else last trade; NaN when nothing was heard. How old it may be is for `stale-data` to say.
   */
  get referenceTick(): number {
    if (this.quoted) return (this.bestBid + this.bestAsk) / 2
    if (this.barUs > Number.NEGATIVE_INFINITY) return this.barClose
    if (!Number.isNaN(this.#soundMid)) return this.#soundMid
    if (this.tradedUs > Number.NEGATIVE_INFINITY) return this.tradeTick
    return Number.NaN
  }

  /**
   * The price margin and equity are reckoned at, in quote per base: the venue's mark (a NaN among marks is passed on,
   * and trips `equity-nan`), else the reference. Venues mark every few seconds; a mark a minute older than the latest
   * quote comes from a coarser recording, and would price one leg of a hedge an hour behind the other.
   */
  get markPrice(): number {
    return this.#marked ? this.mark : this.referenceTick * this.instrument.ticks.size
  }

  /** When what {@link markPrice} is was heard; -Infinity when nothing was. */
  get pricedUs(): number {
    return this.#marked ? this.markUs : Math.max(this.quotedUs, this.tradedUs)
  }

  /** Whether the venue's mark is the price to reckon with. */
  get #marked(): boolean {
    return this.markUs > Number.NEGATIVE_INFINITY && this.quotedUs - this.markUs <= MARK_FRESH_US
  }
}
