/**
 * @file Traded volume over windows, against what is usual at this time of day and against history.
 *
 * Volume is what was paid, in the quote currency (an inverse contract is worth its face; a bar was traded at its close): contracts
 * would make of every rise of the price a fall of volume. It is counted in whole cells of tradedCells.ts. For each window of w
 * that ends with the last whole cell:
 * - `volume` = what was traded in it; `log-volume` its natural logarithm;
 * - `against-history` = ln of it over the volume of `historySeconds` before the same moment, scaled to w;
 * - `against-profile` = ln of it over the mean of the same window on each of the last `profileDays` days.
 *
 * A window counts where at least half of its cells are known, scaled to all of them; the profile where half of its days
 * count. Logarithms of nothing are NaN.
 */

import { DAY_US, SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { SettingValue } from '../core/settings.ts'
import { type Instrument, quoteWorth } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureFamily } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { traded } from './priced.ts'
import { readStep, secondsLabel, windowsOf } from './secondsList.ts'
import { INSTRUMENT_SETTING, namedInstrument } from './settingLists.ts'
import { TradedCells } from './tradedCells.ts'

interface Windows {
  readonly intervalUs: number
  readonly windows: readonly number[]
  readonly history: number
  readonly days: number
  /** Cells in a day. */
  readonly day: number
}

/** Natural logarithm of a ratio of two volumes; NaN unless both are above 0. */
function logRatio(volume: number, usual: number): number {
  return volume > 0 && usual > 0 ? Math.log(volume / usual) : Number.NaN
}

class Volume implements Feature {
  readonly instruments: readonly number[]
  readonly #cells: TradedCells
  readonly #windows: Windows
  readonly #inverse: boolean
  /** Quote currency of a lot, and of a tick × lot where the contract is linear. */
  readonly #unit: number

  constructor(index: number, instrument: Instrument, market: MarketState, windows: Windows) {
    this.instruments = [index]
    this.#windows = windows
    this.#inverse = instrument.inverse
    this.#unit = quoteWorth(instrument, 1, 1)
    const most = Math.max(...windows.windows)
    this.#cells = new TradedCells(
      market,
      windows.intervalUs,
      Math.max(windows.history, most + windows.days * windows.day),
    )
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#cells.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const { windows, history } = this.#windows
    const last = this.#cells.lastAt(nowUs)
    const past = this.#traded(last, history)
    for (let i = 0; i < windows.length; i++) {
      const count = windows[i]!
      const volume = this.#traded(last, count)
      out[at + 4 * i] = volume
      out[at + 4 * i + 1] = logRatio(volume, 1)
      out[at + 4 * i + 2] = logRatio(volume, (past * count) / history)
      out[at + 4 * i + 3] = logRatio(volume, this.#usual(last, count))
    }
  }

  #traded(last: number, count: number): number {
    return this.#unit * (this.#inverse ? this.#cells.volume(last, count) : this.#cells.turnover(last, count))
  }

  /** Mean volume of the same cells on earlier days. */
  #usual(last: number, count: number): number {
    const { days, day } = this.#windows
    let sum = 0
    let known = 0
    for (let back = 1; back <= days; back++) {
      const volume = this.#traded(last - back * day, count)
      if (Number.isNaN(volume)) continue
      sum += volume
      known++
    }
    return 2 * known >= days ? sum / known : Number.NaN
  }
}

function stepsOf(settings: Readonly<Record<string, SettingValue>>): Windows {
  const { intervalUs, windows } = windowsOf('feature volume', settings)
  const days = Number(settings['profileDays'])
  const day = DAY_US / intervalUs
  if (!Number.isInteger(day) || (days + 1) * day > 2 ** 20)
    throw new GimbalError(
      'config-invalid',
      'Feature volume needs a day of whole intervals and whole days, not too many',
      {
        intervalSeconds: intervalUs / SECOND_US,
        profileDays: days,
        cellsMax: 2 ** 20,
      },
    )
  return {
    intervalUs,
    windows,
    history: readStep('feature volume historySeconds', settings['historySeconds'], intervalUs),
    days,
    day,
  }
}

export const VOLUME: FeatureFamily = {
  name: 'volume',
  summary: 'Traded volume over windows, against history and against what is usual at this time of day.',
  version: 3,
  settings: {
    instrument: INSTRUMENT_SETTING,
    intervalSeconds: {
      default: 300,
      min: 1e-3,
      max: 86_400,
      doc: 'Length of a cell, in seconds; a day is whole cells.',
    },
    windowsSeconds: { default: '300,3600', doc: 'Windows in seconds, between commas: whole cells.' },
    historySeconds: { default: '86400', doc: 'History compared with, in seconds.' },
    profileDays: { default: 14, min: 1, max: 60, whole: true, doc: 'Days the profile of the day is made of.' },
  },
  outputs(settings) {
    const { intervalUs, windows } = stepsOf(settings)
    return windows.flatMap((count) => {
      const label = secondsLabel(count * intervalUs)
      return [
        { name: `volume-${label}`, unit: 'quote', doc: `Traded in the last ${label}, in the quote currency.` },
        { name: `log-volume-${label}`, unit: '', doc: 'Its natural logarithm.' },
        { name: `against-history-${label}`, unit: '', doc: 'Logarithm of it over the same length of history.' },
        { name: `against-profile-${label}`, unit: '', doc: 'Logarithm of it over the usual at this time of day.' },
      ]
    })
  },
  suits: (tape) => traded(tape, tape.target),
  build(settings, context) {
    const index = namedInstrument(context, settings['instrument'])
    const feature = new Volume(index, context.universe.at(index), context.markets[index]!, stepsOf(settings))
    return new OncePerPoint(feature, stepsOf(settings).intervalUs, this.outputs(settings).length)
  },
}
