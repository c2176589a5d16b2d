/**
 * @file How much stands in the book at each distance from the mid, compared with how much usually does.
 *
 * Bands are disjoint: the first reaches from the mid to the first bound, the next from there to the second. Each band's lots
 * are divided by their own mean over the past, in which a sample half-life old counts half. The past is sampled at the first
 * message of the book that ends in each interval of `sampleSeconds` with a sound touch: how often the book changes, and how
 * often anyone looks, does not weigh. Until {@link SAMPLES_MIN} samples were taken a figure is NaN; so is a band that was
 * always empty.
 */

import { SECOND_US } from '../core/clock.ts'
import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import { ASK, BID, type Book, isLevel, type Side } from '../market/book.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { INSTRUMENT_SETTING, numberList, STALE_SETTING, spanUs, targetHas } from './settingLists.ts'
import { type TouchWatch, watchTouch } from './touchWatch.ts'

/** Samples of the past before a figure is given. */
const SAMPLES_MIN = 20

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  bandsBps: { default: '2,5,10,25', doc: 'outer bounds of the bands, basis points from the mid, ascending' },
  halfLifeSeconds: { default: 600, min: 0.001, doc: 'age at which a sample of the past counts half, seconds' },
  sampleSeconds: { default: 1, min: 0.001, doc: 'interval between samples of the past, seconds' },
  staleSeconds: STALE_SETTING,
} as const satisfies SettingsShape

const OWNER = 'feature depth-profile'

class DepthProfile implements Feature {
  readonly instruments: readonly number[]
  readonly #market: MarketState
  readonly #touch: TouchWatch
  readonly #bandsBps: readonly number[]
  readonly #sampleUs: number
  readonly #decayPerUs: number
  /** Lots by band now: bids, then asks; and the forgetting sums of past ones, in the same order. */
  readonly #now: Float64Array
  readonly #sums: Float64Array
  #weight = 0
  #samples = 0
  #sampledUs = Number.NaN
  #interval = Number.NEGATIVE_INFINITY

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const { instrument, market, touch } = watchTouch(settings, context)
    this.instruments = [instrument]
    this.#market = market
    this.#touch = touch
    this.#bandsBps = numberList(OWNER, 'bandsBps', settings.bandsBps, 0)
    this.#sampleUs = spanUs(settings.sampleSeconds)
    this.#decayPerUs = Math.LN2 / (settings.halfLifeSeconds * SECOND_US)
    this.#now = new Float64Array(2 * this.#bandsBps.length)
    this.#sums = new Float64Array(2 * this.#bandsBps.length)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    if (!this.#touch.onRow(batch, row, timeUs) || !this.#touch.sound || !this.#market.hasBook) return
    const interval = Math.floor(timeUs / this.#sampleUs)
    if (interval === this.#interval) return
    this.#interval = interval
    this.#measure()
    const decay = this.#samples === 0 ? 0 : Math.exp(-this.#decayPerUs * (timeUs - this.#sampledUs))
    this.#weight = this.#weight * decay + 1
    for (let i = 0; i < this.#sums.length; i++) this.#sums[i] = this.#sums[i]! * decay + this.#now[i]!
    this.#samples++
    this.#sampledUs = timeUs
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const count = this.#now.length
    if (!this.#touch.fresh(nowUs) || !this.#market.hasBook || this.#samples < SAMPLES_MIN) {
      out.fill(Number.NaN, at, at + count)
      return
    }
    this.#measure()
    for (let i = 0; i < count; i++) {
      const mean = this.#sums[i]! / this.#weight
      out[at + i] = mean > 0 ? this.#now[i]! / mean : Number.NaN
    }
  }

  #measure(): void {
    const bands = this.#bandsBps.length
    this.#now.fill(0)
    this.#fill(this.#market.book, BID, 0)
    this.#fill(this.#market.book, ASK, bands)
  }

  #fill(book: Book, side: Side, at: number): void {
    const bands = this.#bandsBps
    const mid = this.#touch.mid
    let band = 0
    for (let tick = book.best(side); isLevel(side, tick); tick = book.nextTick(side, tick)) {
      const bps = ((side * (mid - tick)) / mid) * 10_000
      while (band < bands.length && bps > bands[band]!) band++
      if (band === bands.length) return
      this.#now[at + band]! += book.lotsAt(side, tick)
    }
  }
}

export const DEPTH_PROFILE: FeatureFamily = {
  name: 'depth-profile',
  summary: 'Depth at each distance from the mid, relative to its own forgetting mean.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const bands = numberList(OWNER, 'bandsBps', readSettings(OWNER, SETTINGS, given).bandsBps, 0)
    return ['bid', 'ask'].flatMap((side) =>
      bands.map((bps, i) => ({
        name: `${side}-${bps}bps`,
        unit: '',
        doc: `Lots on the ${side} side from ${i === 0 ? 'the mid' : `${bands[i - 1]} bps`} to ${bps} bps away, over their mean.`,
      })),
    )
  },
  suits: (tape) => targetHas(tape, 'book'),
  build: (settings, context) => new DepthProfile(readSettings(OWNER, SETTINGS, settings), context),
}
