/**
 * @file Where the mid is heading, by the lots at the touch: the weighted mid, and Stoikov's microprice.
 *
 * The weighted mid lies in the spread by the share of lots on the bid side. The microprice is the mid plus what it is
 * expected to move in all, by a Markov chain over (imbalance, spread) counted from every change of the touch heard so far:
 * see `micropriceChain.ts`. The chain is solved anew after every `refitEvents` changes, and old changes then lose weight;
 * before the first solution the microprice is NaN. Moves of the mid by more than `moveTicksMax` count as that much, as
 * Stoikov too leaves jumps out. No change is counted across a break: a `GAP`, an `OUTAGE`, a reset.
 *
 * Source: S. Stoikov, "The micro-price", Quantitative Finance 18 (2018) 1959; from it differ forgetting, the one
 * observation each state starts with, and the spread, whose last bucket is open.
 */

import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { MicropriceCounts } from './micropriceChain.ts'
import { targetHas } from './settingLists.ts'
import { TOUCH_SETTINGS, type TouchWatch, watchTouch } from './touchWatch.ts'

const SETTINGS = {
  ...TOUCH_SETTINGS,
  buckets: {
    default: 10,
    min: 2,
    max: 50,
    whole: true,
    doc: 'buckets of imbalance, the share of lots on the bid side',
  },
  spreads: {
    default: 2,
    min: 1,
    max: 10,
    whole: true,
    doc: 'buckets of spread: 1, 2, … ticks, the last also everything wider',
  },
  moveTicksMax: { default: 5, min: 0.5, doc: 'a larger move of the mid between two touches counts as this, ticks' },
  refitEvents: { default: 1000, min: 1, whole: true, doc: 'changes of the touch between two solutions of the chain' },
  kept: { default: 0.98, min: 0, max: 1, doc: 'share of the weight of old changes kept at each solution' },
} as const satisfies SettingsShape

const OWNER = 'feature microprice'

class Microprice implements Feature {
  readonly instruments: readonly number[]
  readonly #touch: TouchWatch
  readonly #counts: MicropriceCounts
  readonly #buckets: number
  readonly #spreads: number
  readonly #moveTicksMax: number
  readonly #refitEvents: number
  readonly #kept: number
  #events = 0
  #fitted = false

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const { instrument, touch } = watchTouch(settings, context)
    this.instruments = [instrument]
    this.#touch = touch
    this.#buckets = settings.buckets
    this.#spreads = settings.spreads
    this.#counts = new MicropriceCounts(this.#buckets, this.#spreads)
    this.#moveTicksMax = settings.moveTicksMax
    this.#refitEvents = settings.refitEvents
    this.#kept = settings.kept
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    const touch = this.#touch
    if (!touch.onRow(batch, row, timeUs) || !touch.compared) return
    const { bidBefore, bidLotsBefore, askBefore, askLotsBefore, bid, bidLots, ask, askLots } = touch
    // A message that left the touch alone would be a step of the chain on the spot, which changes no answer.
    if (bid === bidBefore && ask === askBefore && bidLots === bidLotsBefore && askLots === askLotsBefore) return
    const move = (bid + ask - bidBefore - askBefore) / 2
    this.#counts.add(
      this.#state(bidBefore, bidLotsBefore, askBefore, askLotsBefore),
      this.#state(bid, bidLots, ask, askLots),
      Math.max(-this.#moveTicksMax, Math.min(this.#moveTicksMax, move)),
    )
    if (++this.#events < this.#refitEvents) return
    this.#events = 0
    this.#counts.fit()
    this.#counts.forget(this.#kept)
    this.#fitted = true
  }

  #state(bid: number, bidLots: number, ask: number, askLots: number): number {
    const bucket = Math.min(this.#buckets - 1, Math.floor((bidLots / (bidLots + askLots)) * this.#buckets))
    return bucket + this.#buckets * (Math.min(this.#spreads, ask - bid) - 1)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const touch = this.#touch
    if (!touch.fresh(nowUs)) {
      out.fill(Number.NaN, at, at + 4)
      return
    }
    const { bid, bidLots, ask, askLots, mid } = touch
    const weighted = (ask - bid) * (bidLots / (bidLots + askLots) - 0.5)
    const micro = this.#fitted ? this.#counts.adjustment[this.#state(bid, bidLots, ask, askLots)]! : Number.NaN
    out[at] = weighted
    out[at + 1] = (weighted / mid) * 10_000
    out[at + 2] = micro
    out[at + 3] = (micro / mid) * 10_000
  }
}

export const MICROPRICE: FeatureFamily = {
  name: 'microprice',
  summary: 'Weighted mid and microprice, as distances from the mid.',
  version: 1,
  settings: SETTINGS,
  outputs: () => [
    { name: 'weighted-mid', unit: 'ticks', doc: 'Weighted mid less mid.' },
    { name: 'weighted-mid-bps', unit: 'bps', doc: 'The same over the mid.' },
    { name: 'microprice', unit: 'ticks', doc: 'Microprice less mid.' },
    { name: 'microprice-bps', unit: 'bps', doc: 'The same over the mid.' },
  ],
  suits: (tape) => targetHas(tape, 'book', 'quote'),
  build: (settings, context) => new Microprice(readSettings(OWNER, SETTINGS, settings), context),
}
