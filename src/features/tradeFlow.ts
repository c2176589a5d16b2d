/**
 * @file Who trades: volume by the side of the aggressor, its imbalance, counts and sizes, in windows of time, and the run
 * of trades of one side that is under way.
 *
 * A trade of unknown side counts in volume, count and sizes, not in what needs a side, and neither prolongs nor ends a run.
 * A window with no trades in it has volume 0, if the instrument was heard at all; ratios are then NaN. A run ends at a
 * `GAP` or an `OUTAGE`, and is no longer known after the longest window without a trade of known side.
 */

import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { INSTRUMENT_SETTING, namedInstrument, numberList, spanName, spanUs, targetHas } from './settingLists.ts'
import { Hearing, WindowSums } from './windowSums.ts'

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  windowsSeconds: { default: '1,10,60', doc: 'lengths of the windows, seconds, ascending' },
} as const satisfies SettingsShape

const OWNER = 'feature trade-flow'

/** Fields of the windows. */
const BOUGHT = 0
const SOLD = 1
const VOLUME = 2
const COUNT = 3
const LARGEST = 4
const PER_WINDOW = 6

class TradeFlow implements Feature {
  readonly instruments: readonly number[]
  readonly #market: MarketState
  readonly #hearing: Hearing
  readonly #windows: readonly WindowSums[]
  readonly #memoryUs: number
  #runSide = 0
  #runTrades = 0
  #runLots = 0
  #runUs = Number.NEGATIVE_INFINITY

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = namedInstrument(context, settings.instrument)
    this.instruments = [instrument]
    this.#market = context.markets[instrument]!
    this.#hearing = new Hearing(this.#market)
    const spans = numberList(OWNER, 'windowsSeconds', settings.windowsSeconds, 0.001).map(spanUs)
    this.#windows = spans.map((us) => new WindowSums(us, 5))
    this.#memoryUs = spans.at(-1)!
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#hearing.onRow(timeUs)
    const kind = batch.kind[row]!
    if (kind === Kind.TRADE) this.#trade(timeUs, batch.side[row]!, batch.lots[row]!)
    else if (kind === Kind.GAP || kind === Kind.OUTAGE) this.#runSide = 0
  }

  #trade(timeUs: number, side: number, lots: number): void {
    for (let i = 0; i < this.#windows.length; i++) {
      const window = this.#windows[i]!
      if (side > 0) window.add(timeUs, BOUGHT, lots)
      else if (side < 0) window.add(timeUs, SOLD, lots)
      window.add(timeUs, VOLUME, lots)
      window.add(timeUs, COUNT, 1)
      window.raise(timeUs, LARGEST, lots)
    }
    if (side === 0) return
    if (side !== this.#runSide) {
      this.#runSide = side
      this.#runTrades = 0
      this.#runLots = 0
    }
    this.#runTrades++
    this.#runLots += lots
    this.#runUs = timeUs
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    for (let i = 0; i < this.#windows.length; i++) this.#writeWindow(out, at + PER_WINDOW * i, this.#windows[i]!, nowUs)
    const known = this.#runSide !== 0 && nowUs - this.#runUs <= this.#memoryUs && !this.#market.down
    const end = at + PER_WINDOW * this.#windows.length
    out[end] = known ? this.#runSide * this.#runTrades : Number.NaN
    out[end + 1] = known ? this.#runSide * this.#runLots : Number.NaN
  }

  #writeWindow(out: Float64Array, at: number, window: WindowSums, nowUs: number): void {
    if (!this.#hearing.covers(window.startUs(nowUs))) {
      out.fill(Number.NaN, at, at + PER_WINDOW)
      return
    }
    const bought = window.sum(nowUs, BOUGHT)
    const sold = window.sum(nowUs, SOLD)
    const volume = window.sum(nowUs, VOLUME)
    const count = window.sum(nowUs, COUNT)
    out[at] = bought - sold
    out[at + 1] = bought + sold > 0 ? (bought - sold) / (bought + sold) : Number.NaN
    out[at + 2] = volume
    out[at + 3] = count
    out[at + 4] = count > 0 ? volume / count : Number.NaN
    out[at + 5] = count > 0 ? window.greatest(nowUs, LARGEST) : Number.NaN
  }
}

export const TRADE_FLOW: FeatureFamily = {
  name: 'trade-flow',
  summary: 'Signed volume, its imbalance, counts and sizes of trades in windows; the run of one side under way.',
  version: 1,
  settings: SETTINGS,
  outputs(given) {
    const { windowsSeconds } = readSettings(OWNER, SETTINGS, given)
    const windows = numberList(OWNER, 'windowsSeconds', windowsSeconds, 0.001).flatMap((seconds) => {
      const span = spanName(seconds)
      return [
        { name: `signed-${span}`, unit: 'lots', doc: `Volume bought less volume sold by aggressors over ${span}.` },
        { name: `imbalance-${span}`, unit: '', doc: 'The same over their sum.' },
        { name: `volume-${span}`, unit: 'lots', doc: 'Volume traded, whatever its side.' },
        { name: `count-${span}`, unit: '', doc: 'Number of trades.' },
        { name: `size-${span}`, unit: 'lots', doc: 'Mean size of a trade.' },
        { name: `largest-${span}`, unit: 'lots', doc: 'Largest trade.' },
      ]
    })
    return [
      ...windows,
      { name: 'run', unit: '', doc: 'Trades of one side in a row up to now: positive for buys, negative for sells.' },
      { name: 'run-lots', unit: 'lots', doc: 'Their volume, with the same sign.' },
    ]
  },
  suits: (tape) => targetHas(tape, 'trade'),
  build: (settings, context) => new TradeFlow(readSettings(OWNER, SETTINGS, settings), context),
}
