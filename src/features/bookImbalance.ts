/**
 * @file Which side of the book is heavier: (bids − asks) / (bids + asks), in lots, over the best levels, within a distance
 * of the mid, and weighted by distance. +1: only bids, −1: only asks.
 *
 * A side with fewer levels than asked for gives those it has. Where only a touch is quoted, the first level alone is known.
 *
 * Source: Á. Cartea, R. Donnelly, S. Jaimungal, "Enhancing trading strategies with order book signals", Applied
 * Mathematical Finance 25 (2018) 1, for the imbalance as a signal.
 */

import { readSettings, type SettingsOf, type SettingsShape, type SettingValue } from '../core/settings.ts'
import { ASK, BID, type Book, isLevel, type Side } from '../market/book.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { INSTRUMENT_SETTING, numberList, STALE_SETTING, targetHas } from './settingLists.ts'
import { type TouchWatch, watchTouch } from './touchWatch.ts'

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  levels: { default: '1,2,3,5,10,20', doc: 'numbers of best levels summed, ascending' },
  withinBps: { default: '5,20', doc: 'distances from the mid summed within, basis points, ascending' },
  decayBps: {
    default: 5,
    min: 0.001,
    doc: 'distance after which a lot counts 1/e in the weighted imbalance, basis points',
  },
  weightedLevels: { default: 20, min: 1, whole: true, doc: 'levels a side the weighted imbalance looks at' },
  staleSeconds: STALE_SETTING,
} as const satisfies SettingsShape

const OWNER = 'feature book-imbalance'

class BookImbalance implements Feature {
  readonly instruments: readonly number[]
  readonly #market: MarketState
  readonly #touch: TouchWatch
  readonly #levels: readonly number[]
  readonly #withinBps: readonly number[]
  readonly #decayBps: number
  readonly #weightedLevels: number
  /** Sums of the bids, then of the asks, in the order of the outputs. */
  readonly #bids: Float64Array
  readonly #asks: Float64Array

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const { instrument, market, touch } = watchTouch(settings, context)
    this.instruments = [instrument]
    this.#market = market
    this.#touch = touch
    this.#levels = numberList(OWNER, 'levels', settings.levels, 1, true)
    this.#withinBps = numberList(OWNER, 'withinBps', settings.withinBps, 0)
    this.#decayBps = settings.decayBps
    this.#weightedLevels = settings.weightedLevels
    const outputs = this.#levels.length + this.#withinBps.length + 1
    this.#bids = new Float64Array(outputs)
    this.#asks = new Float64Array(outputs)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#touch.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const bids = this.#bids
    const asks = this.#asks
    const count = bids.length
    const touch = this.#touch
    if (!touch.fresh(nowUs)) {
      out.fill(Number.NaN, at, at + count)
      return
    }
    if (!this.#market.hasBook) {
      out.fill(Number.NaN, at, at + count)
      if (this.#levels[0] === 1) out[at] = ratio(touch.bidLots, touch.askLots)
      return
    }
    this.#sum(this.#market.book, BID, bids)
    this.#sum(this.#market.book, ASK, asks)
    for (let i = 0; i < count; i++) out[at + i] = ratio(bids[i]!, asks[i]!)
  }

  /** Walks a side outwards from the touch once, as far as any figure needs. */
  #sum(book: Book, side: Side, sums: Float64Array): void {
    const levels = this.#levels
    const within = this.#withinBps
    const mid = this.#touch.mid
    const levelsMax = levels.at(-1)!
    const bpsMax = within.at(-1)!
    const weighted = levels.length + within.length
    sums.fill(0)
    let total = 0
    let rank = 0
    let levelAt = 0
    let bpsAt = 0
    for (let tick = book.best(side); isLevel(side, tick); tick = book.nextTick(side, tick)) {
      const bps = ((side * (mid - tick)) / mid) * 10_000
      if (rank >= levelsMax && rank >= this.#weightedLevels && bps > bpsMax) break
      while (bpsAt < within.length && bps > within[bpsAt]!) sums[levels.length + bpsAt++] = total
      const lots = book.lotsAt(side, tick)
      total += lots
      rank++
      if (rank <= this.#weightedLevels) sums[weighted]! += lots * Math.exp(-bps / this.#decayBps)
      if (rank === levels[levelAt]) sums[levelAt++] = total
    }
    while (levelAt < levels.length) sums[levelAt++] = total
    while (bpsAt < within.length) sums[levels.length + bpsAt++] = total
  }
}

/** (bid − ask) / (bid + ask); NaN where there is neither. */
function ratio(bid: number, ask: number): number {
  return bid + ask > 0 ? (bid - ask) / (bid + ask) : Number.NaN
}

export const BOOK_IMBALANCE: FeatureFamily = {
  name: 'book-imbalance',
  summary: 'Which side of the book is heavier, over levels, within distances, and weighted by distance.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const { levels, withinBps } = readSettings(OWNER, SETTINGS, given)
    return [
      ...numberList(OWNER, 'levels', levels, 1, true).map((level) => ({
        name: `levels-${level}`,
        unit: '',
        doc: `(bids − asks) / (bids + asks) in lots over the best ${level} level${level === 1 ? '' : 's'} a side.`,
      })),
      ...numberList(OWNER, 'withinBps', withinBps, 0).map((bps) => ({
        name: `within-${bps}bps`,
        unit: '',
        doc: `The same within ${bps} basis points of the mid.`,
      })),
      { name: 'weighted', unit: '', doc: 'The same, a lot counting exp(−distance / decayBps).' },
    ]
  },
  suits: (tape) => targetHas(tape, 'book'),
  build: (settings: Readonly<Record<string, SettingValue>>, context) =>
    new BookImbalance(readSettings(OWNER, SETTINGS, settings), context),
}
