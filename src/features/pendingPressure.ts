/**
 * @file What waits to be put into a block: gas asked for, tips offered, and how many offer more than the base fee.
 *
 * Per window, of `PENDING_TRANSACTION` rows heard in it: `gas` (sum of gas limits, millions), `count`, and `urgent`, the share of that
 * gas whose tip was above the base fee in force when it was heard (none known: neither counted nor divided by). `tip-50` and `tip-90` are
 * quantiles of the tips of the last 256 transactions heard within the longest window, in gwei; five at least.
 *
 * A window is that of `windowSums.ts`; with nothing pending in it gas is 0, if the feed was heard at all. A base fee is no longer known
 * after a gap or an outage. The instrument is chosen as by the family `gas`.
 */

import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily, FeatureOutput } from './feature.ts'
import { gasHas, gasInstrumentOf } from './gas.ts'
import { RecentFigures, sortedQuantile } from './recentFigures.ts'
import { numberList, spanName, spanUs } from './settingLists.ts'
import { Hearing, WindowSums } from './windowSums.ts'

const SETTINGS = {
  instrument: {
    default: '',
    doc: 'instrument of the chain, by id; the first of base GAS, else the target, when empty',
  },
  windowsSeconds: { default: '12,60', doc: 'lengths of the windows, seconds, ascending' },
} as const satisfies SettingsShape

const OWNER = 'feature pending-pressure'
const WEI_PER_GWEI = 1e9
const GAS_PER_MILLION = 1e6
const REMEMBERED = 256
const LEAST = 5

/** Fields of the windows. */
const GAS_ASKED = 0
const COUNT = 1
const URGENT = 2
/** Gas whose urgency could be told. */
const TOLD = 3

class PendingPressure implements Feature {
  readonly instruments: readonly number[]
  readonly #market: MarketState
  readonly #hearing: Hearing
  readonly #windows: readonly WindowSums[]
  readonly #longestUs: number
  readonly #tips = new RecentFigures(REMEMBERED)
  readonly #sorted = new Float64Array(REMEMBERED)
  #baseFee = Number.NaN

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = gasInstrumentOf(context.universe, context.target, settings.instrument)
    this.instruments = [instrument]
    this.#market = context.markets[instrument]!
    this.#hearing = new Hearing(this.#market)
    const spans = numberList(OWNER, 'windowsSeconds', settings.windowsSeconds, 0.001).map(spanUs)
    this.#windows = spans.map((us) => new WindowSums(us, 4))
    this.#longestUs = spans.at(-1)!
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#hearing.onRow(timeUs)
    const kind = batch.kind[row]!
    if (kind === Kind.PENDING_TRANSACTION) this.#pending(timeUs, batch.lots[row]!, batch.value[row]!)
    else if (kind === Kind.BASE_FEE) this.#baseFee = batch.value[row]!
    else if (kind === Kind.GAP || kind === Kind.OUTAGE) this.#baseFee = Number.NaN
  }

  #pending(timeUs: number, gas: number, tip: number): void {
    if (!(gas >= 0 && tip >= 0 && gas < Number.POSITIVE_INFINITY && tip < Number.POSITIVE_INFINITY)) return
    this.#tips.push(timeUs, tip / WEI_PER_GWEI)
    for (let i = 0; i < this.#windows.length; i++) {
      const window = this.#windows[i]!
      window.add(timeUs, GAS_ASKED, gas)
      window.add(timeUs, COUNT, 1)
      if (!(this.#baseFee >= 0)) continue
      window.add(timeUs, TOLD, gas)
      if (tip > this.#baseFee) window.add(timeUs, URGENT, gas)
    }
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    for (let i = 0; i < this.#windows.length; i++) {
      const window = this.#windows[i]!
      const place = at + 3 * i
      if (!this.#hearing.covers(window.startUs(nowUs))) {
        out.fill(Number.NaN, place, place + 3)
        continue
      }
      const told = window.sum(nowUs, TOLD)
      out[place] = window.sum(nowUs, GAS_ASKED) / GAS_PER_MILLION
      out[place + 1] = window.sum(nowUs, COUNT)
      out[place + 2] = told > 0 ? window.sum(nowUs, URGENT) / told : Number.NaN
    }
    const end = at + 3 * this.#windows.length
    const count = this.#market.down ? 0 : this.#sortTips(nowUs)
    out[end] = count >= LEAST ? sortedQuantile(this.#sorted, count, 0.5) : Number.NaN
    out[end + 1] = count >= LEAST ? sortedQuantile(this.#sorted, count, 0.9) : Number.NaN
  }

  /** Sorts the remembered tips of the longest window into the scratch array; returns how many there are. */
  #sortTips(nowUs: number): number {
    const count = this.#tips.copyKnown(this.#tips.after(nowUs - this.#longestUs), this.#sorted)
    this.#sorted.subarray(0, count).sort()
    return count
  }
}

export const PENDING_PRESSURE: FeatureFamily = {
  name: 'pending-pressure',
  summary: 'Gas waiting to be included, its tips, and the share that bids above the base fee.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const { windowsSeconds } = readSettings(OWNER, SETTINGS, given)
    const outputs: FeatureOutput[] = numberList(OWNER, 'windowsSeconds', windowsSeconds, 0.001)
      .map(spanName)
      .flatMap((span) => [
        { name: `gas-${span}`, unit: 'million gas', doc: `Gas asked for by transactions first seen within ${span}.` },
        { name: `count-${span}`, unit: '', doc: 'Number of them.' },
        { name: `urgent-${span}`, unit: 'fraction', doc: 'Share of their gas whose tip is above the base fee.' },
      ])
    outputs.push(
      { name: 'tip-50', unit: 'gwei', doc: 'Median tip of the last 256 transactions within the longest window.' },
      { name: 'tip-90', unit: 'gwei', doc: 'Their 90 % quantile.' },
    )
    return outputs
  },
  suits: (tape) => gasHas(tape, 'pending'),
  build: (settings, context) => new PendingPressure(readSettings(OWNER, SETTINGS, settings), context),
}
