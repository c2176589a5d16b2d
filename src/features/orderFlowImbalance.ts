/**
 * @file Order-flow imbalance: by how much buying interest grew more than selling interest, read off changes of the book.
 *
 * At each message of the book level m contributes e = q_b 1{b ≥ b'} − q_b' 1{b ≤ b'} − q_a 1{a ≤ a'} + q_a' 1{a ≥ a'}, where
 * b, a are its prices, q its lots and a prime marks the message before; windows sum it. An absent level is infinitely bad and
 * empty. `best` takes the touch alone, `levels` the sum over the best `levels`; `…-depth` is the same over the mean lots a
 * side then had there, which is what moves the price: ΔP ≈ OFI / (2 depth), in ticks.
 *
 * Nothing is compared across a `GAP`, an `OUTAGE` or a book reset (unless `snapshots` says that the venue sends nothing else); an
 * instant of a crossed book is passed over. A window in which no two books could be compared is NaN.
 *
 * Sources: R. Cont, A. Kukanov, S. Stoikov, "The price impact of order book events", J. Financial Econometrics 12 (2014)
 * 47; levels behind the touch: K. Xu, M. Gould, S. Howison, "Multi-level order-flow imbalance in a limit order book",
 * Market Microstructure and Liquidity 4 (2018).
 */

import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import { ASK, BID, type Book, isLevel, type Side } from '../market/book.ts'
import type { MarketState } from '../market/marketState.ts'
import { Flag, Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import {
  INSTRUMENT_SETTING,
  namedInstrument,
  numberList,
  SNAPSHOTS_SETTING,
  spanName,
  spanUs,
  targetHas,
} from './settingLists.ts'
import { TouchWatch } from './touchWatch.ts'
import { Hearing, WindowSums } from './windowSums.ts'

/**
 * Contribution of one level between two books, in the unit of the sizes.
 *
 * Prices in any one unit; an absent level has an infinitely bad price and size 0. Source: Cont, Kukanov, Stoikov (2014), (4).
 */
export function orderFlowEvent(
  bidBefore: number,
  bidLotsBefore: number,
  askBefore: number,
  askLotsBefore: number,
  bid: number,
  bidLots: number,
  ask: number,
  askLots: number,
): number {
  let flow = 0
  if (bid >= bidBefore) flow += bidLots
  if (bid <= bidBefore) flow -= bidLotsBefore
  if (ask <= askBefore) flow -= askLots
  if (ask >= askBefore) flow += askLotsBefore
  return flow
}

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  snapshots: SNAPSHOTS_SETTING,
  windowsSeconds: { default: '1,10,60', doc: 'lengths of the windows, seconds, ascending' },
  levels: { default: 5, min: 1, max: 100, whole: true, doc: 'levels a side the multi-level figure sums' },
} as const satisfies SettingsShape

const OWNER = 'feature order-flow-imbalance'

/** Fields of the windows. */
const COMPARED = 0
const BEST = 1
const BEST_DEPTH = 2
const LEVELS_COMPARED = 3
const LEVELS = 4
const LEVELS_DEPTH = 5

class OrderFlowImbalance implements Feature {
  readonly instruments: readonly number[]
  readonly #market: MarketState
  readonly #touch: TouchWatch
  readonly #hearing: Hearing
  readonly #windows: readonly WindowSums[]
  readonly #levels: number
  /** Best levels at the last sound book and at this one: ticks and lots of bids, then of asks. */
  readonly #ticks: Float64Array
  readonly #lots: Float64Array
  readonly #ticksBefore: Float64Array
  readonly #lotsBefore: Float64Array
  /** Whether the `before` columns hold a book since the last break, and the breaks then. */
  #held = false
  #breaks = 0
  /** Whether a row since then lies among the levels compared. */
  #near = false

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = namedInstrument(context, settings.instrument)
    this.instruments = [instrument]
    this.#market = context.markets[instrument]!
    this.#touch = new TouchWatch(this.#market, settings.snapshots)
    this.#hearing = new Hearing(this.#market)
    this.#windows = numberList(OWNER, 'windowsSeconds', settings.windowsSeconds, 0.001).map(
      (seconds) => new WindowSums(spanUs(seconds), 6),
    )
    this.#levels = settings.levels
    this.#ticks = new Float64Array(2 * settings.levels)
    this.#lots = new Float64Array(2 * settings.levels)
    this.#ticksBefore = new Float64Array(2 * settings.levels)
    this.#lotsBefore = new Float64Array(2 * settings.levels)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#hearing.onRow(timeUs)
    const touch = this.#touch
    if (batch.kind[row] === Kind.DEPTH && !this.#near) {
      const side = batch.side[row] === BID ? BID : ASK
      const worst = this.#ticksBefore[(side === BID ? 1 : 2) * this.#levels - 1]!
      this.#near = (batch.flags[row]! & Flag.RESET) !== 0 || side * batch.tick[row]! >= side * worst
    }
    if (!touch.onRow(batch, row, timeUs)) return
    if (touch.breaks !== this.#breaks) {
      this.#breaks = touch.breaks
      this.#held = false
    }
    // What an unsound book was told lies between the sound ones around it: `near` is kept.
    if (!touch.sound) return
    if (touch.compared) this.#compareTouch(timeUs)
    if (this.#market.hasBook) this.#compareLevels(timeUs)
  }

  #compareTouch(timeUs: number): void {
    const { bidBefore, bidLotsBefore, askBefore, askLotsBefore, bid, bidLots, ask, askLots } = this.#touch
    const flow = orderFlowEvent(bidBefore, bidLotsBefore, askBefore, askLotsBefore, bid, bidLots, ask, askLots)
    for (let i = 0; i < this.#windows.length; i++) {
      const window = this.#windows[i]!
      window.add(timeUs, COMPARED, 1)
      window.add(timeUs, BEST, flow)
      window.add(timeUs, BEST_DEPTH, bidLots + askLots)
    }
  }

  #compareLevels(timeUs: number): void {
    const levels = this.#levels
    if (this.#near || !this.#held) {
      this.#copy(this.#market.book, BID, 0)
      this.#copy(this.#market.book, ASK, levels)
    }
    const t = this.#ticks
    const q = this.#lots
    const p = this.#ticksBefore
    const o = this.#lotsBefore
    let flow = 0
    let depth = 0
    for (let b = 0, a = levels; b < levels; b++, a++) {
      flow += orderFlowEvent(p[b]!, o[b]!, p[a]!, o[a]!, t[b]!, q[b]!, t[a]!, q[a]!)
      depth += q[b]! + q[a]!
    }
    if (this.#held) {
      for (let i = 0; i < this.#windows.length; i++) {
        const window = this.#windows[i]!
        window.add(timeUs, LEVELS_COMPARED, 1)
        window.add(timeUs, LEVELS, flow)
        window.add(timeUs, LEVELS_DEPTH, depth)
      }
    }
    p.set(t)
    o.set(q)
    this.#held = true
    this.#near = false
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    for (let i = 0; i < this.#windows.length; i++) {
      const window = this.#windows[i]!
      const known = this.#hearing.covers(window.startUs(nowUs))
      this.#pair(out, at + 4 * i, window, nowUs, known, COMPARED)
      this.#pair(out, at + 4 * i + 2, window, nowUs, known, LEVELS_COMPARED)
    }
  }

  /** A flow and the same over the mean lots a side, from three fields beginning at `field`. */
  #pair(out: Float64Array, at: number, window: WindowSums, nowUs: number, known: boolean, field: number): void {
    const compared = known ? window.sum(nowUs, field) : 0
    const flow = window.sum(nowUs, field + 1)
    out[at] = compared > 0 ? flow : Number.NaN
    out[at + 1] = compared > 0 ? flow / (window.sum(nowUs, field + 2) / (2 * compared)) : Number.NaN
  }

  #copy(book: Book, side: Side, at: number): void {
    const end = at + this.#levels
    let tick = book.best(side)
    for (let i = at; i < end; i++) {
      const there = isLevel(side, tick)
      this.#ticks[i] = there ? tick : -side * Number.POSITIVE_INFINITY
      this.#lots[i] = there ? book.lotsAt(side, tick) : 0
      if (there) tick = book.nextTick(side, tick)
    }
  }
}

export const ORDER_FLOW_IMBALANCE: FeatureFamily = {
  name: 'order-flow-imbalance',
  summary: 'By how much buying interest in the book grew more than selling interest, at the touch and behind it.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const { windowsSeconds, levels } = readSettings(OWNER, SETTINGS, given)
    return numberList(OWNER, 'windowsSeconds', windowsSeconds, 0.001).flatMap((seconds) => {
      const span = spanName(seconds)
      return [
        { name: `best-${span}`, unit: 'lots', doc: `Order-flow imbalance of the touch over ${span}.` },
        { name: `best-depth-${span}`, unit: '', doc: 'The same over the mean lots a side at the touch.' },
        { name: `levels-${span}`, unit: 'lots', doc: `Sum over the best ${levels} levels over ${span}.` },
        { name: `levels-depth-${span}`, unit: '', doc: 'The same over the mean lots a side on those levels.' },
      ]
    })
  },
  suits: (tape) => targetHas(tape, 'book', 'quote'),
  build: (settings, context) => new OrderFlowImbalance(readSettings(OWNER, SETTINGS, settings), context),
}
