/**
 * @file The touch from message to message: what it is now, what it was before, and whether the two may be compared.
 *
 * The touch comes from the book where depth updates are heard, else from quotes. It is looked at where a message ends. A
 * touch is *sound* when it has two uncrossed sides, no updates were lost and the venue is up; quotes must have been heard
 * for both sides since the last break. A break is a lost update (`GAP`), an outage beginning or ending, or a book that is
 * reset: nothing is compared across it. A touch that is crossed or one-sided for an instant is no break: the next sound one
 * is compared with the last sound one.
 *
 * Some venues (Hyperliquid) send nothing but full snapshots, each a reset: with `snapshots` these are compared with one
 * another, unless an update was lost or the venue was down in between.
 */

import { BID } from '../market/book.ts'
import type { MarketState } from '../market/marketState.ts'
import { Flag, Kind, type TapeBatch } from '../market/tape.ts'
import type { FeatureContext } from './feature.ts'
import { INSTRUMENT_SETTING, namedInstrument, SNAPSHOTS_SETTING, STALE_SETTING, spanUs } from './settingLists.ts'

/** Settings of a family that speaks of the touch as it stands now. */
export const TOUCH_SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  snapshots: SNAPSHOTS_SETTING,
  staleSeconds: STALE_SETTING,
} as const

/** The watch such settings ask for, and the instrument it is of. @throws {GimbalError} `instrument-unknown`. */
export function watchTouch(
  settings: { readonly instrument: string; readonly staleSeconds: number; readonly snapshots?: boolean },
  context: FeatureContext,
): { readonly instrument: number; readonly market: MarketState; readonly touch: TouchWatch } {
  const instrument = namedInstrument(context, settings.instrument)
  const market = context.markets[instrument]!
  return { instrument, market, touch: new TouchWatch(market, settings.snapshots, spanUs(settings.staleSeconds)) }
}

export class TouchWatch {
  readonly #market: MarketState
  readonly #snapshots: boolean
  /** How long a touch that is not heard again is known, µs. */
  readonly staleUs: number
  #touched = false
  #bookSeen = false
  #bidQuoted = false
  #askQuoted = false
  /** Whether the present touch is sound. */
  sound = false
  /** Whether a sound touch was seen since the last break: `bid` to `askLots` are the last such, ticks and lots. */
  known = false
  bid = 0
  bidLots = 0
  ask = 0
  askLots = 0
  /** Whether the message just ended left a sound touch that may be compared with the one before: `bidBefore` to `askLotsBefore`. */
  compared = false
  bidBefore = 0
  bidLotsBefore = 0
  askBefore = 0
  askLotsBefore = 0
  /** Breaks so far. */
  breaks = 0
  /** When the book or the quotes that make the touch were last heard, µs. */
  touchedUs = Number.NEGATIVE_INFINITY

  /**
   * @param snapshots Whether the book comes as full snapshots: a reset is then the next book and no break.
   * @param staleUs How long a touch that is not heard again is known.
   */
  constructor(market: MarketState, snapshots = false, staleUs = Number.POSITIVE_INFINITY) {
    this.#market = market
    this.#snapshots = snapshots
    this.staleUs = staleUs
  }

  /** Mid of the last sound touch since the last break, in ticks; NaN when there is none. */
  get mid(): number {
    return this.known ? (this.bid + this.ask) / 2 : Number.NaN
  }

  /** Whether the touch is sound and was heard within {@link staleUs} before `nowUs`. */
  fresh(nowUs: number): boolean {
    return this.sound && nowUs - this.touchedUs <= this.staleUs
  }

  /** Takes a row the market already has. Returns true when it ended a message that spoke of the touch or broke it. */
  onRow(batch: TapeBatch, row: number, timeUs: number): boolean {
    const kind = batch.kind[row]!
    const flags = batch.flags[row]!
    if (kind === Kind.DEPTH) {
      // The first depth update takes the touch over from the quotes: another source, not the next touch.
      if (!this.#bookSeen || (!this.#snapshots && (flags & Flag.RESET) !== 0)) this.#break()
      this.#bookSeen = true
      this.#touched = true
      this.touchedUs = timeUs
    } else if (kind === Kind.QUOTE) {
      if (!this.#bookSeen) {
        if (batch.side[row] === BID) this.#bidQuoted = true
        else this.#askQuoted = true
        this.#touched = true
        this.touchedUs = timeUs
      }
    } else if (kind === Kind.GAP || kind === Kind.OUTAGE) {
      this.#break()
      this.#touched = true
    }
    if (!this.#touched || (flags & Flag.END) === 0) return false
    this.#touched = false
    this.#look()
    return true
  }

  #break(): void {
    this.breaks++
    this.sound = false
    this.known = false
    this.compared = false
    this.#bidQuoted = false
    this.#askQuoted = false
  }

  #look(): void {
    const market = this.#market
    this.sound = market.quoted && (this.#bookSeen || (this.#bidQuoted && this.#askQuoted))
    this.compared = this.sound && this.known
    if (!this.sound) return
    this.bidBefore = this.bid
    this.bidLotsBefore = this.bidLots
    this.askBefore = this.ask
    this.askLotsBefore = this.askLots
    this.bid = market.bestBid
    this.bidLots = market.bestBidLots
    this.ask = market.bestAsk
    this.askLots = market.bestAskLots
    this.known = true
  }
}
