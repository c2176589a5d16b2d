/**
 * @file Open interest: its change over windows, against what was traded meanwhile, and against its own history.
 *
 * Open interest lies on the clock of clockedPrice.ts and is trusted for `silenceSeconds`, because venues publish it rarely.
 * - `change-w` = ln(now / w ago);
 * - `of-volume-w` = change in lots over lots traded in the window: 1 when every trade opened, −1 when every trade closed;
 *   NaN without trades. Volume is that of the whole cells of tradedCells.ts;
 * - `scaled-w` = `change-w` in units of history: over the root mean square of the changes a step of `historySeconds`
 *   times the root of the steps in w; NaN unless half of those are known, or when nothing changed;
 * - `level` = ln of now over the mean of that history.
 */

import { SECOND_US } from '../core/clock.ts'
import type { SettingValue } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice } from './clockedPrice.ts'
import type { Feature, FeatureFamily, FeatureOutput } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { intervalOf, readStep, readSteps, secondsLabel } from './secondsList.ts'
import { INSTRUMENT_SETTING, namedInstrument } from './settingLists.ts'
import { TradedCells } from './tradedCells.ts'

interface Steps {
  readonly intervalUs: number
  readonly silenceUs: number
  readonly windows: readonly number[]
  readonly history: number
}

class OpenInterest implements Feature {
  readonly instruments: readonly number[]
  readonly #interest: ClockedPrice
  readonly #cells: TradedCells
  readonly #steps: Steps

  constructor(index: number, market: MarketState, steps: Steps) {
    this.instruments = [index]
    this.#steps = steps
    const most = Math.max(...steps.windows, steps.history)
    this.#interest = new ClockedPrice(market, steps.intervalUs, most + 1, 'interest', steps.silenceUs)
    this.#cells = new TradedCells(market, steps.intervalUs, Math.max(...steps.windows))
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#interest.onRow(batch, row, timeUs)
    this.#cells.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const interest = this.#interest
    const last = interest.pointAt(nowUs)
    const { windows, history } = this.#steps
    let sum = 0
    let points = 0
    let squares = 0
    let returns = 0
    for (let point = last - history + 1; point <= last; point++) {
      const value = interest.valueAt(point)
      if (value > 0) {
        sum += value
        points++
      }
      const change = interest.returnAt(point)
      if (!Number.isNaN(change)) {
        squares += change * change
        returns++
      }
    }
    const step = 2 * returns >= history ? Math.sqrt(squares / returns) : Number.NaN
    out[at] = 2 * points >= history ? Math.log(interest.valueAt(last) / (sum / points)) : Number.NaN
    for (let i = 0; i < windows.length; i++) {
      const count = windows[i]!
      const change = interest.change(last - count, last)
      const volume = this.#cells.volume(last, count)
      const opened = interest.valueAt(last) - interest.valueAt(last - count)
      out[at + 1 + 3 * i] = change
      out[at + 2 + 3 * i] = !Number.isNaN(change) && volume > 0 ? opened / volume : Number.NaN
      out[at + 3 + 3 * i] = step > 0 ? change / (step * Math.sqrt(count)) : Number.NaN
    }
  }
}

function stepsOf(settings: Readonly<Record<string, SettingValue>>): Steps {
  const intervalUs = intervalOf(settings)
  return {
    intervalUs,
    silenceUs: Math.round(Number(settings['silenceSeconds']) * SECOND_US),
    windows: readSteps('feature open-interest windowsSeconds', settings['windowsSeconds'], intervalUs),
    history: readStep('feature open-interest historySeconds', settings['historySeconds'], intervalUs, 2),
  }
}

export const OPEN_INTEREST: FeatureFamily = {
  name: 'open-interest',
  summary: 'Change of open interest over windows, against volume and against its history.',
  version: 1,
  settings: {
    instrument: INSTRUMENT_SETTING,
    intervalSeconds: { default: 60, min: 1e-3, max: 86_400, doc: 'Step of the clock it is taken on, in seconds.' },
    silenceSeconds: { default: 900, min: 1, max: 604_800, doc: 'How long a figure is trusted unrepeated, in seconds.' },
    windowsSeconds: { default: '300,3600', doc: 'Windows in seconds, between commas: whole steps.' },
    historySeconds: { default: '86400', doc: 'History compared with, in seconds.' },
  },
  outputs(settings) {
    const { intervalUs, windows, history } = stepsOf(settings)
    const past = secondsLabel(history * intervalUs)
    const outputs: FeatureOutput[] = [{ name: 'level', unit: '', doc: `Logarithm over its mean of ${past}.` }]
    for (const steps of windows) {
      const label = secondsLabel(steps * intervalUs)
      outputs.push(
        { name: `change-${label}`, unit: 'fraction', doc: `Logarithmic change over ${label}.` },
        { name: `of-volume-${label}`, unit: 'fraction', doc: 'Change in lots over lots traded meanwhile.' },
        { name: `scaled-${label}`, unit: '', doc: `Change in deviations of such a change in ${past}.` },
      )
    }
    return outputs
  },
  suits: (tape) => tape.streams[tape.target]?.includes('interest') ?? false,
  build(settings, context) {
    const index = namedInstrument(context, settings['instrument'])
    const feature = new OpenInterest(index, context.markets[index]!, stepsOf(settings))
    return new OncePerPoint(feature, stepsOf(settings).intervalUs, this.outputs(settings).length)
  },
}
