/**
 * @file The spread: what it is, what it usually is, and how long since it widened.
 *
 * Means are over time, not over updates: each sound touch counts as long as it stood, and a moment half-life old counts
 * half. Time without a sound touch (lost updates, an outage, a crossed instant, silence beyond `staleSeconds`) does not count;
 * until touches were watched for a whole half-life the means are NaN. A widening is a spread above that of the sound touch
 * before it; across a break (`GAP`, `OUTAGE`, book reset) there is none, and the time since the last is no longer known.
 */

import { SECOND_US } from '../core/clock.ts'
import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { targetHas } from './settingLists.ts'
import { TOUCH_SETTINGS, type TouchWatch, watchTouch } from './touchWatch.ts'

const SETTINGS = {
  ...TOUCH_SETTINGS,
  halfLifeSeconds: { default: 60, min: 0.001, doc: 'age at which a moment counts half in the means, seconds' },
} as const satisfies SettingsShape

const OWNER = 'feature spread'

class Spread implements Feature {
  readonly instruments: readonly number[]
  readonly #touch: TouchWatch
  readonly #halfLifeUs: number
  readonly #decayPerUs: number
  /** Integrals over the past up to `integratedUs`: of the weight, of weight × spread, of weight while the spread was one tick. */
  #weight = 0
  #spread = 0
  #oneTick = 0
  #integratedUs = Number.NaN
  #watchedUs = 0
  /** Spread standing since `integratedUs`, ticks; NaN while there is no sound touch. */
  #standing = Number.NaN
  /** Until when it may be taken to stand without being heard again. */
  #standsUntilUs = 0
  #widenedUs = Number.NaN
  #breaks = 0

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const { instrument, touch } = watchTouch(settings, context)
    this.instruments = [instrument]
    this.#touch = touch
    this.#halfLifeUs = settings.halfLifeSeconds * SECOND_US
    this.#decayPerUs = Math.LN2 / this.#halfLifeUs
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    const touch = this.#touch
    if (!touch.onRow(batch, row, timeUs)) return
    this.#integrate(timeUs)
    if (touch.breaks !== this.#breaks) {
      this.#breaks = touch.breaks
      this.#widenedUs = Number.NaN
    }
    if (touch.compared && touch.ask - touch.bid > touch.askBefore - touch.bidBefore) this.#widenedUs = timeUs
    this.#standing = touch.sound ? touch.ask - touch.bid : Number.NaN
    this.#standsUntilUs = touch.touchedUs + touch.staleUs
  }

  /** Adds the spread that stood since the last call. */
  #integrate(timeUs: number): void {
    const elapsedUs = timeUs - this.#integratedUs
    if (elapsedUs === 0) return
    const sinceUs = this.#integratedUs
    this.#integratedUs = timeUs
    if (!(elapsedUs > 0)) return
    const decay = Math.exp(-this.#decayPerUs * elapsedUs)
    this.#weight *= decay
    this.#spread *= decay
    this.#oneTick *= decay
    const part = this.#part(sinceUs, timeUs)
    if (!(part > 0)) return
    this.#weight += part
    this.#spread += part * this.#standing
    if (this.#standing === 1) this.#oneTick += part
    this.#watchedUs += Math.min(timeUs, this.#standsUntilUs) - sinceUs
  }

  /** Weight, as of `timeUs`, of the time the standing spread stood since `sinceUs`; µs of a moment ago. */
  #part(sinceUs: number, timeUs: number): number {
    if (Number.isNaN(this.#standing)) return 0
    const untilUs = Math.min(timeUs, this.#standsUntilUs)
    if (!(untilUs > sinceUs)) return 0
    const rate = this.#decayPerUs
    return (Math.exp(-rate * (timeUs - untilUs)) * -Math.expm1(-rate * (untilUs - sinceUs))) / rate
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const touch = this.#touch
    if (!touch.fresh(nowUs)) {
      out.fill(Number.NaN, at, at + 5)
      return
    }
    const ticks = touch.ask - touch.bid
    out[at] = ticks
    out[at + 1] = (ticks / touch.mid) * 10_000
    // The touch is fresh, so all of the time since the last message counts.
    const sinceUs = nowUs - this.#integratedUs
    const decay = Math.exp(-this.#decayPerUs * sinceUs)
    const part = this.#part(this.#integratedUs, nowUs)
    const weight = this.#weight * decay + part
    const known = this.#watchedUs + sinceUs >= this.#halfLifeUs
    out[at + 2] = known ? (this.#oneTick * decay + (ticks === 1 ? part : 0)) / weight : Number.NaN
    out[at + 3] = known ? ticks / ((this.#spread * decay + part * ticks) / weight) : Number.NaN
    out[at + 4] = (nowUs - this.#widenedUs) / SECOND_US
  }
}

export const SPREAD: FeatureFamily = {
  name: 'spread',
  summary: 'Spread in ticks and basis points, and its regime.',
  version: 1,
  settings: SETTINGS,
  outputs: () => [
    { name: 'ticks', unit: 'ticks', doc: 'Best ask less best bid.' },
    { name: 'bps', unit: 'bps', doc: 'The same over the mid.' },
    { name: 'one-tick-share', unit: 'fraction', doc: 'Share of the past during which the spread was one tick.' },
    { name: 'ratio', unit: '', doc: 'Spread over its mean over the past.' },
    { name: 'since-widened', unit: 's', doc: 'Time since the spread last rose.' },
  ],
  suits: (tape) => targetHas(tape, 'book', 'quote'),
  build: (settings, context) => new Spread(readSettings(OWNER, SETTINGS, settings), context),
}
