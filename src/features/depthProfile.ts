/**
 * @file How much stands in the book at each distance from the mid: compared with how much usually does, and in money.
 *
 * Bands are disjoint: the first reaches from the mid to the first bound, the next from there to the second. Each band's lots
 * are divided by their own mean over the past, in which a sample half-life old counts half. The past is sampled at the first
 * message of the book that ends in each interval of `sampleSeconds` with a sound touch: how often the book changes, and how
 * often anyone looks, does not weigh. Until {@link SAMPLES_MIN} samples were taken a figure is NaN; so is a band that was
 * always empty.
 *
 * `log-within-…` is the natural logarithm of what both sides show from the mid to the bound, in the quote currency: what
 * demand for liquidity is measured by. It needs no past; of an empty stretch it is NaN.
 */

import { SECOND_US } from '../core/clock.ts'
import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import { ASK, BID, type Book, isLevel, type Side } from '../market/book.ts'
import { quoteWorth } from '../market/instrument.ts'
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
  /** Quote currency by band, of both sides. */
  readonly #money: Float64Array
  readonly #inverse: boolean
  /** Quote currency of a lot, or of a tick × lot where the contract is linear. */
  readonly #unit: number
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
    this.#money = new Float64Array(this.#bandsBps.length)
    this.#inverse = market.instrument.inverse
    this.#unit = quoteWorth(market.instrument, 1, 1)
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
    const bands = this.#money.length
    if (!this.#touch.fresh(nowUs) || !this.#market.hasBook) {
      out.fill(Number.NaN, at, at + count + bands)
      return
    }
    this.#measure()
    for (let i = 0; i < count; i++) {
      const mean = this.#samples < SAMPLES_MIN ? 0 : this.#sums[i]! / this.#weight
      out[at + i] = mean > 0 ? this.#now[i]! / mean : Number.NaN
    }
    let within = 0
    for (let i = 0; i < bands; i++) {
      within += this.#money[i]!
      out[at + count + i] = within > 0 ? Math.log(within) : Number.NaN
    }
  }

  #measure(): void {
    const bands = this.#bandsBps.length
    this.#now.fill(0)
    this.#money.fill(0)
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
      const lots = book.lotsAt(side, tick)
      this.#now[at + band]! += lots
      this.#money[band]! += this.#unit * (this.#inverse ? lots : lots * tick)
    }
  }
}

export const DEPTH_PROFILE: FeatureFamily = {
  name: 'depth-profile',
  summary: 'Depth at each distance from the mid, relative to its own forgetting mean, and in money.',
  version: 2,
  settings: SETTINGS,
  outputs(given) {
    const bands = numberList(OWNER, 'bandsBps', readSettings(OWNER, SETTINGS, given).bandsBps, 0)
    const relative = ['bid', 'ask'].flatMap((side) =>
      bands.map((bps, i) => ({
        name: `${side}-${bps}bps`,
        unit: '',
        doc: `Lots on the ${side} side from ${i === 0 ? 'the mid' : `${bands[i - 1]} bps`} to ${bps} bps away, over their mean.`,
      })),
    )
    const money = bands.map((bps) => ({
      name: `log-within-${bps}bps`,
      unit: 'ln quote',
      doc: `Logarithm of what both sides show up to ${bps} bps from the mid, in the quote currency.`,
    }))
    return [...relative, ...money]
  },
  suits: (tape) => targetHas(tape, 'book'),
  build: (settings, context) => new DepthProfile(readSettings(OWNER, SETTINGS, settings), context),
}
