/**
 * @file Returns of the target over several horizons, also in units of its own volatility, and how far it stands from its
 * rolling high and low.
 *
 * Prices are those of the clock of clockedPrice.ts; a return needs both ends known and no break between them. Volatility is the
 * root of the mean squared return a step over `volatilitySeconds`, times the root of the steps in the horizon: without half
 * of those returns, or without movement, scaled returns are NaN. High and low are taken over the points of the window on
 * this side of the last break; unless half of the window's points are there, they are not known.
 */

import type { SettingValue } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice, logReturn } from './clockedPrice.ts'
import type { Feature, FeatureFamily } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { priced } from './priced.ts'
import { intervalOf, readStep, readSteps, secondsLabel } from './secondsList.ts'
import { INSTRUMENT_SETTING, namedInstrument } from './settingLists.ts'

interface Steps {
  readonly intervalUs: number
  readonly horizons: readonly number[]
  readonly volatility: number
  readonly extremes: number
}

class Returns implements Feature {
  readonly instruments: readonly number[]
  readonly #price: ClockedPrice
  readonly #steps: Steps

  constructor(instrument: number, market: MarketState, steps: Steps) {
    this.instruments = [instrument]
    this.#steps = steps
    const most = Math.max(...steps.horizons, steps.volatility, steps.extremes)
    this.#price = new ClockedPrice(market, steps.intervalUs, most + 1)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#price.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const last = this.#price.pointAt(nowUs)
    const { horizons } = this.#steps
    const step = this.#volatility(last)
    for (let i = 0; i < horizons.length; i++) {
      const change = this.#price.change(last - horizons[i]!, last)
      out[at + 2 * i] = change
      out[at + 2 * i + 1] = step > 0 ? change / (step * Math.sqrt(horizons[i]!)) : Number.NaN
    }
    this.#writeExtremes(last, out, at + 2 * horizons.length)
  }

  /** Root mean square of the returns of the volatility window. */
  #volatility(last: number): number {
    const count = this.#steps.volatility
    let squares = 0
    let known = 0
    for (let point = last - count + 1; point <= last; point++) {
      const r = this.#price.returnAt(point)
      if (Number.isNaN(r)) continue
      squares += r * r
      known++
    }
    return 2 * known >= count ? Math.sqrt(squares / known) : Number.NaN
  }

  #writeExtremes(last: number, out: Float64Array, at: number): void {
    const price = this.#price
    const now = price.valueAt(last)
    const count = this.#steps.extremes
    let high = now
    let low = now
    let known = 0
    for (let point = last; point > last - count && price.breaksAt(point) === price.breaksAt(last); point--) {
      const value = price.valueAt(point)
      if (!(value > 0)) continue
      if (value > high) high = value
      if (value < low) low = value
      known++
    }
    const enough = now > 0 && 2 * known >= count
    out[at] = enough ? logReturn(high, now) : Number.NaN
    out[at + 1] = enough ? logReturn(low, now) : Number.NaN
  }
}

function stepsOf(settings: Readonly<Record<string, SettingValue>>): Steps {
  const intervalUs = intervalOf(settings)
  const read = (name: string) => readStep(`feature returns ${name}`, settings[name], intervalUs, 2)
  return {
    intervalUs,
    horizons: readSteps('feature returns horizonsSeconds', settings['horizonsSeconds'], intervalUs),
    volatility: read('volatilitySeconds'),
    extremes: read('extremesSeconds'),
  }
}

export const RETURNS: FeatureFamily = {
  name: 'returns',
  summary: 'Returns over several horizons, also in units of volatility; distance from rolling high and low.',
  version: 1,
  settings: {
    instrument: INSTRUMENT_SETTING,
    intervalSeconds: {
      default: 300,
      min: 1e-3,
      max: 86_400,
      doc: 'Step of the clock prices are taken on, in seconds.',
    },
    horizonsSeconds: { default: '300,3600,14400,86400', doc: 'Horizons in seconds, between commas: whole steps.' },
    volatilitySeconds: { default: '86400', doc: 'Window of the volatility returns are divided by, in seconds.' },
    extremesSeconds: { default: '86400', doc: 'Window of the high and the low, in seconds.' },
  },
  outputs(settings) {
    const { intervalUs, horizons, extremes } = stepsOf(settings)
    const window = secondsLabel(extremes * intervalUs)
    return [
      ...horizons.flatMap((steps) => {
        const label = secondsLabel(steps * intervalUs)
        return [
          { name: `return-${label}`, unit: 'fraction', doc: `Logarithmic return over ${label}.` },
          { name: `scaled-${label}`, unit: '', doc: `The same in deviations of a return over ${label}.` },
        ]
      }),
      {
        name: `from-high-${window}`,
        unit: 'fraction',
        doc: `Logarithmic distance from the high of ${window}; at most 0.`,
      },
      {
        name: `from-low-${window}`,
        unit: 'fraction',
        doc: `Logarithmic distance from the low of ${window}; at least 0.`,
      },
    ]
  },
  suits: (tape) => priced(tape, tape.target),
  build(settings, context) {
    const instrument = namedInstrument(context, settings['instrument'])
    const feature = new Returns(instrument, context.markets[instrument]!, stepsOf(settings))
    return new OncePerPoint(feature, stepsOf(settings).intervalUs, this.outputs(settings).length)
  },
}
