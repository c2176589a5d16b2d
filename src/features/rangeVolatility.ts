/**
 * @file Variance from the ranges of bars: of the tape's own bars, or of bars built of its trades.
 *
 * Each window holds whole cells of tradedCells.ts. Their variances are averaged over the cells with a price and multiplied by
 * the number of cells in the window: variances of the whole window, as fractions squared. Fewer than half with a price: NaN.
 * Yang and Zhang's also needs the close before, so it takes the cells whose predecessor has a price too, without a break
 * between (a break makes its cell unknown). Formulas and sources: realisedFormulas.ts.
 *
 * Ranges of few trades are too short: estimates from thin trading are biased down.
 */

import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureFamily, FeatureOutput } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { traded } from './priced.ts'
import { garmanKlass, parkinson, rogersSatchell, yangZhang } from './realisedFormulas.ts'
import { CLOCK_SETTINGS, perWindow, windowsOf } from './secondsList.ts'
import { namedInstrument } from './settingLists.ts'
import { TradedCells } from './tradedCells.ts'

const OWNER = 'feature range-volatility'
const FIGURES: readonly FeatureOutput[] = [
  { name: 'parkinson', unit: 'fraction²', doc: 'Variance from the range of bars.' },
  { name: 'garman-klass', unit: 'fraction²', doc: 'Variance from range and change; assumes no drift.' },
  { name: 'rogers-satchell', unit: 'fraction²', doc: 'Variance from all four prices, whatever the drift.' },
  { name: 'yang-zhang', unit: 'fraction²', doc: 'The same with jumps from close to open.' },
]

class RangeVolatility implements Feature {
  readonly instruments: readonly number[]
  readonly #cells: TradedCells
  readonly #windows: readonly number[]
  /** Of the cells of the longest window: change from the close before, from the open, and the three variances. */
  readonly #jumps: Float64Array
  readonly #changes: Float64Array
  readonly #satchells: Float64Array
  readonly #parkinsons: Float64Array
  readonly #klasses: Float64Array
  /** The cell each place holds, once it will not change any more. */
  readonly #held: Float64Array
  readonly #jumpList: Float64Array
  readonly #changeList: Float64Array
  readonly #rangeList: Float64Array

  constructor(instrument: number, market: MarketState, intervalUs: number, windows: readonly number[]) {
    const most = Math.max(...windows)
    this.instruments = [instrument]
    this.#windows = windows
    this.#cells = new TradedCells(market, intervalUs, most + 1)
    this.#jumps = new Float64Array(most)
    this.#changes = new Float64Array(most)
    this.#satchells = new Float64Array(most)
    this.#parkinsons = new Float64Array(most)
    this.#klasses = new Float64Array(most)
    this.#held = new Float64Array(most).fill(Number.NaN)
    this.#jumpList = new Float64Array(most)
    this.#changeList = new Float64Array(most)
    this.#rangeList = new Float64Array(most)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#cells.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const last = this.#cells.lastAt(nowUs)
    for (let w = 0; w < this.#windows.length; w++)
      this.#writeWindow(last, this.#windows[w]!, out, at + w * FIGURES.length)
  }

  /** Sees to it that a cell's figures are in their place, NaN where it has no price; returns the place. */
  #hold(cell: number, last: number): number {
    const cells = this.#cells
    const rest = cell % this.#held.length
    const place = rest < 0 ? rest + this.#held.length : rest
    if (this.#held[place] === cell) return place
    const open = cells.openAt(cell)
    const high = cells.highAt(cell)
    const low = cells.lowAt(cell)
    const close = cells.closeAt(cell)
    this.#jumps[place] = Math.log(open / cells.closeAt(cell - 1))
    this.#changes[place] = Math.log(close / open)
    this.#satchells[place] = rogersSatchell(open, high, low, close)
    this.#parkinsons[place] = parkinson(high, low)
    this.#klasses[place] = garmanKlass(open, high, low, close)
    // The last cell may still hear of another trade of its last microsecond.
    this.#held[place] = cell < last ? cell : Number.NaN
    return place
  }

  #writeWindow(last: number, count: number, out: Float64Array, at: number): void {
    let bars = 0
    let chained = 0
    let parkinsons = 0
    let klasses = 0
    let satchells = 0
    for (let cell = last - count + 1; cell <= last; cell++) {
      const place = this.#hold(cell, last)
      const range = this.#satchells[place]!
      if (Number.isNaN(range)) continue
      bars++
      parkinsons += this.#parkinsons[place]!
      klasses += this.#klasses[place]!
      satchells += range
      if (Number.isNaN(this.#jumps[place]!)) continue
      this.#jumpList[chained] = this.#jumps[place]!
      this.#changeList[chained] = this.#changes[place]!
      this.#rangeList[chained] = range
      chained++
    }
    const scale = 2 * bars >= count ? count / bars : Number.NaN
    out[at] = scale * parkinsons
    out[at + 1] = scale * klasses
    out[at + 2] = scale * satchells
    out[at + 3] =
      2 * chained >= count ? count * yangZhang(this.#jumpList, this.#changeList, this.#rangeList, chained) : Number.NaN
  }
}

export const RANGE_VOLATILITY: FeatureFamily = {
  name: 'range-volatility',
  summary: "Parkinson, Garman-Klass, Rogers-Satchell and Yang-Zhang variances of bars, the tape's or built of trades.",
  version: 1,
  settings: {
    ...CLOCK_SETTINGS,
    intervalSeconds: { ...CLOCK_SETTINGS.intervalSeconds, doc: 'Length of a bar, in seconds.' },
    windowsSeconds: { default: '3600,86400', doc: 'Windows in seconds, between commas: whole bars, at least two.' },
  },
  outputs: (settings) => perWindow(FIGURES, windowsOf(OWNER, settings, 2)),
  suits: (tape) => traded(tape, tape.target),
  build(settings, context) {
    const instrument = namedInstrument(context, settings['instrument'])
    const { intervalUs, windows } = windowsOf(OWNER, settings, 2)
    const feature = new RangeVolatility(instrument, context.markets[instrument]!, intervalUs, windows)
    return new OncePerPoint(feature, intervalUs, this.outputs(settings).length)
  },
}
