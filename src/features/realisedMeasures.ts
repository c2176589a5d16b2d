/**
 * @file Realised measures of the target's returns on a clock, over windows: variance, its continuous and its jump part, its two
 * halves, its own spread, and the shape of the returns.
 *
 * Variances are those of the whole window, as fractions squared (quarticities to the fourth power): what n known returns of
 * N say is scaled by N/n (quarticities by its square). Where fewer than half of a window's returns are known, nothing is.
 * A break (lost updates, outage) leaves out the return across it and keeps the rest. Formulas and sources:
 * realisedFormulas.ts; the clock: clockedPrice.ts.
 */

import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice } from './clockedPrice.ts'
import type { Feature, FeatureFamily, FeatureOutput } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { priced } from './priced.ts'
import {
  bipowerVariation,
  jumpShare,
  jumpStatistic,
  knownCount,
  lowerSemivariance,
  medRealisedVariance,
  minRealisedVariance,
  realisedKurtosis,
  realisedQuarticity,
  realisedSkew,
  realisedVariance,
  tripowerQuarticity,
  upperSemivariance,
} from './realisedFormulas.ts'
import { CLOCK_SETTINGS, perWindow, windowsOf } from './secondsList.ts'
import { namedInstrument } from './settingLists.ts'

const OWNER = 'feature realised-measures'
const FIGURES: readonly FeatureOutput[] = [
  { name: 'variance', unit: 'fraction²', doc: 'Realised variance: sum of squared returns.' },
  { name: 'bipower', unit: 'fraction²', doc: 'Bipower variation: the part that is not jumps.' },
  { name: 'med-variance', unit: 'fraction²', doc: 'medRV: robust to jumps and to zero returns.' },
  { name: 'min-variance', unit: 'fraction²', doc: 'minRV: robust to jumps.' },
  { name: 'jump-share', unit: 'fraction', doc: 'Share of the variance made by jumps, at least 0.' },
  { name: 'jump-z', unit: '', doc: 'Ratio statistic of Huang & Tauchen; standard normal without jumps.' },
  { name: 'tripower-quarticity', unit: 'fraction⁴', doc: 'Integrated quarticity, robust to jumps.' },
  { name: 'quarticity', unit: 'fraction⁴', doc: 'Realised quarticity.' },
  { name: 'upper-semivariance', unit: 'fraction²', doc: 'Variance made by rises.' },
  { name: 'lower-semivariance', unit: 'fraction²', doc: 'Variance made by falls.' },
  { name: 'skew', unit: '', doc: 'Realised skewness.' },
  { name: 'kurtosis', unit: '', doc: 'Realised kurtosis; 3 for normal returns.' },
]

class RealisedMeasures implements Feature {
  readonly instruments: readonly number[]
  readonly #price: ClockedPrice
  readonly #windows: readonly number[]
  readonly #returns: Float64Array

  constructor(instrument: number, market: MarketState, intervalUs: number, windows: readonly number[]) {
    const most = Math.max(...windows)
    this.instruments = [instrument]
    this.#windows = windows
    this.#price = new ClockedPrice(market, intervalUs, most + 1)
    this.#returns = new Float64Array(most)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#price.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const returns = this.#returns
    const most = returns.length
    this.#price.copyReturns(nowUs, most, returns)
    for (let w = 0; w < this.#windows.length; w++) {
      const count = this.#windows[w]!
      writeMeasures(returns, most - count, most, out, at + w * FIGURES.length)
    }
  }
}

function writeMeasures(returns: Float64Array, from: number, to: number, out: Float64Array, at: number): void {
  const known = knownCount(returns, from, to)
  if (2 * known < to - from) {
    out.fill(Number.NaN, at, at + FIGURES.length)
    return
  }
  const scale = (to - from) / known
  const variance = realisedVariance(returns, from, to)
  const bipower = bipowerVariation(returns, from, to)
  const tripower = tripowerQuarticity(returns, from, to)
  out[at] = scale * variance
  out[at + 1] = scale * bipower
  out[at + 2] = scale * medRealisedVariance(returns, from, to)
  out[at + 3] = scale * minRealisedVariance(returns, from, to)
  out[at + 4] = jumpShare(variance, bipower)
  out[at + 5] = jumpStatistic(variance, bipower, tripower, known)
  out[at + 6] = scale * scale * tripower
  out[at + 7] = scale * scale * realisedQuarticity(returns, from, to)
  out[at + 8] = scale * upperSemivariance(returns, from, to)
  out[at + 9] = scale * lowerSemivariance(returns, from, to)
  out[at + 10] = realisedSkew(returns, from, to)
  out[at + 11] = realisedKurtosis(returns, from, to)
}

export const REALISED_MEASURES: FeatureFamily = {
  name: 'realised-measures',
  summary: 'Realised variance, bipower, medRV, minRV, jumps, quarticity, semivariances, skew, kurtosis over windows.',
  version: 1,
  settings: {
    ...CLOCK_SETTINGS,
    windowsSeconds: { default: '3600,86400', doc: 'Windows in seconds, between commas: whole steps, at least three.' },
  },
  outputs: (settings) => perWindow(FIGURES, windowsOf(OWNER, settings, 3)),
  suits: (tape) => priced(tape, tape.target),
  build(settings, context) {
    const instrument = namedInstrument(context, settings['instrument'])
    const { intervalUs, windows } = windowsOf(OWNER, settings, 3)
    const feature = new RealisedMeasures(instrument, context.markets[instrument]!, intervalUs, windows)
    return new OncePerPoint(feature, intervalUs, this.outputs(settings).length)
  },
}
