/**
 * @file How much trading excites itself: intensities of buy and sell orders with exponential memory, and the branching ratio.
 *
 * Trades of one time and one side are one order; trades of unknown side are left out. The intensity of a side is that of a
 * Hawkes process with the given decay β and the branching ratio n found over the window: (1 − n) × its mean rate +
 * n × β Σ exp(−β age), in orders per second. The branching ratio is 1 − √(mean / variance) of the numbers of orders in the
 * bins of the window: it needs no shape of the memory, but only sees what excites within a bin, so it is too low where
 * bins are short against the memory; `hawkesFit.ts` fits exactly, offline. Counts no more spread than chance's give 0.
 *
 * Figures are NaN until a whole window was heard, in silence as long, while the venue is down, and with fewer than
 * {@link ORDERS_MIN} orders in the window.
 *
 * Sources: A. G. Hawkes, Biometrika 58 (1971) 83; S. J. Hardiman, J.-P. Bouchaud, "Branching-ratio approximation for the
 * self-exciting Hawkes process", Physical Review E 90 (2014) 062807.
 */

import { SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { INSTRUMENT_SETTING, namedInstrument, numberList, spanUs, targetHas } from './settingLists.ts'
import { Hearing } from './windowSums.ts'

/** Orders a window must hold. */
const ORDERS_MIN = 20

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  decaysPerSecond: { default: '0.1,1,10', doc: 'decays β of the memory, per second, ascending' },
  binSeconds: { default: 2, min: 0.001, doc: 'bins the orders are counted in, seconds' },
  windowSeconds: { default: 120, min: 0.01, doc: 'window of whole bins the branching ratio is found over, seconds' },
} as const satisfies SettingsShape

const OWNER = 'feature hawkes'

/**
 * Branching ratio from counts of events in equal bins: 1 − √(mean / variance), and 0 where the variance is not above the
 * mean; NaN for fewer than two bins or no events. Source: Hardiman & Bouchaud (2014), (6).
 */
export function branchingFromCounts(bins: number, sum: number, squares: number): number {
  if (!(bins > 1) || !(sum > 0)) return Number.NaN
  const mean = sum / bins
  const variance = (squares - sum * mean) / (bins - 1)
  return variance > mean ? 1 - Math.sqrt(mean / variance) : 0
}

class Hawkes implements Feature {
  readonly instruments: readonly number[]
  readonly #hearing: Hearing
  readonly #decays: Float64Array
  /** Σ exp(−β age) by decay as of `orderedUs`: buys, then sells. */
  readonly #excited: Float64Array
  #orderedUs = Number.NEGATIVE_INFINITY
  #orderedSide = 0
  readonly #binUs: number
  readonly #bins: number
  /** Orders by bin, the bin under way included, each slot with the number of its bin. */
  readonly #stamps: Float64Array
  readonly #buys: Float64Array
  readonly #sells: Float64Array

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = namedInstrument(context, settings.instrument)
    this.instruments = [instrument]
    this.#hearing = new Hearing(context.markets[instrument]!)
    this.#decays = Float64Array.from(numberList(OWNER, 'decaysPerSecond', settings.decaysPerSecond, 1e-6))
    this.#excited = new Float64Array(2 * this.#decays.length)
    this.#binUs = spanUs(settings.binSeconds)
    this.#bins = Math.floor(spanUs(settings.windowSeconds) / this.#binUs)
    if (this.#bins < 5)
      throw new GimbalError('config-invalid', 'A branching ratio needs a window of at least five bins', {
        binSeconds: settings.binSeconds,
        windowSeconds: settings.windowSeconds,
      })
    this.#stamps = new Float64Array(this.#bins + 1).fill(-1)
    this.#buys = new Float64Array(this.#bins + 1)
    this.#sells = new Float64Array(this.#bins + 1)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#hearing.onRow(timeUs)
    const side = batch.side[row]!
    if (batch.kind[row] !== Kind.TRADE || side === 0) return
    if (timeUs === this.#orderedUs && side === this.#orderedSide) return
    const decays = this.#decays
    const at = side > 0 ? 0 : decays.length
    for (let i = 0; i < decays.length; i++) {
      const fade = Math.exp((-decays[i]! * (timeUs - this.#orderedUs)) / SECOND_US)
      this.#excited[i]! *= fade
      this.#excited[decays.length + i]! *= fade
      this.#excited[at + i]! += 1
    }
    this.#orderedUs = timeUs
    this.#orderedSide = side
    const bin = Math.floor(timeUs / this.#binUs)
    const slot = bin % this.#stamps.length
    if (this.#stamps[slot] !== bin) {
      this.#stamps[slot] = bin
      this.#buys[slot] = 0
      this.#sells[slot] = 0
    }
    if (side > 0) this.#buys[slot]!++
    else this.#sells[slot]!++
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const decays = this.#decays
    const bin = Math.floor(nowUs / this.#binUs)
    let buys = 0
    let sells = 0
    let squares = 0
    for (let slot = 0; slot < this.#stamps.length; slot++) {
      const stamp = this.#stamps[slot]!
      if (stamp < bin - this.#bins || stamp >= bin) continue
      const count = this.#buys[slot]! + this.#sells[slot]!
      buys += this.#buys[slot]!
      sells += this.#sells[slot]!
      squares += count * count
    }
    if (!this.#hearing.covers((bin - this.#bins) * this.#binUs) || buys + sells < ORDERS_MIN) {
      out.fill(Number.NaN, at, at + 2 + 3 * decays.length)
      return
    }
    const seconds = (this.#bins * this.#binUs) / SECOND_US
    const branching = branchingFromCounts(this.#bins, buys + sells, squares)
    out[at] = (buys + sells) / seconds
    out[at + 1] = branching
    for (let i = 0; i < decays.length; i++) {
      const fade = Math.exp((-decays[i]! * (nowUs - this.#orderedUs)) / SECOND_US)
      const bought = decays[i]! * this.#excited[i]! * fade
      const sold = decays[i]! * this.#excited[decays.length + i]! * fade
      const buying = (1 - branching) * (buys / seconds) + branching * bought
      const selling = (1 - branching) * (sells / seconds) + branching * sold
      out[at + 2 + 3 * i] = buying
      out[at + 3 + 3 * i] = selling
      out[at + 4 + 3 * i] = (buying - selling) / (buying + selling)
    }
  }
}

export const HAWKES: FeatureFamily = {
  name: 'hawkes',
  summary: 'Self-exciting intensities of buy and sell orders, and the branching ratio of trading.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const { decaysPerSecond } = readSettings(OWNER, SETTINGS, given)
    return [
      { name: 'rate', unit: '1/s', doc: 'Orders per second over the window.' },
      { name: 'branching', unit: 'fraction', doc: 'Share of orders that earlier orders caused.' },
      ...numberList(OWNER, 'decaysPerSecond', decaysPerSecond, 1e-6).flatMap((decay) => [
        {
          name: `buys-${decay}`,
          unit: '1/s',
          doc: `Intensity of buy orders with a memory of decay ${decay} per second.`,
        },
        { name: `sells-${decay}`, unit: '1/s', doc: 'Intensity of sell orders.' },
        { name: `imbalance-${decay}`, unit: '', doc: 'Their difference over their sum.' },
      ]),
    ]
  },
  suits: (tape) => targetHas(tape, 'trade'),
  build: (settings, context) => new Hawkes(readSettings(OWNER, SETTINGS, settings), context),
}
