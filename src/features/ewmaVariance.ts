/**
 * @file Exponentially weighted variance of returns on a clock, after RiskMetrics.
 *
 * With r_0 the latest known return, r_1 the one before and so on: Σ λ^i r_i² / Σ λ^i, per step of the clock, as a fraction
 * squared. Dividing by the weights makes it unbiased from the first return on, where RiskMetrics starts from a guess; after
 * a few memories both are the same. A return that is unknown takes no part and lets nothing be forgotten. NaN before
 * 1/(1 − λ) returns (one memory) were seen, and when as many steps have gone by without one.
 *
 * Source: J.P. Morgan/Reuters, "RiskMetrics: technical document", 4th edition (1996), section 5.2 (λ 0.94 a day, 0.97 a month).
 */

import { DAY_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { SettingValue } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice } from './clockedPrice.ts'
import type { Feature, FeatureFamily } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { priced } from './priced.ts'
import { intervalOf } from './secondsList.ts'
import { INSTRUMENT_SETTING, namedInstrument } from './settingLists.ts'

class EwmaVariance implements Feature {
  readonly instruments: readonly number[]
  readonly #price: ClockedPrice
  readonly #lambdas: readonly number[]
  readonly #squares: Float64Array
  readonly #weights: Float64Array
  /** Steps taken at once after a silence: no bar is longer than a day, so no price is trusted longer. */
  readonly #catchUp: number
  #known = 0
  /** Step of the last known return, and the last step taken in. */
  #lastKnown = Number.NEGATIVE_INFINITY
  #taken = Number.NaN

  constructor(instrument: number, market: MarketState, intervalUs: number, lambdas: readonly number[]) {
    this.instruments = [instrument]
    this.#lambdas = lambdas
    this.#catchUp = Math.ceil(DAY_US / intervalUs) + 2
    this.#price = new ClockedPrice(market, intervalUs, this.#catchUp)
    this.#squares = new Float64Array(lambdas.length)
    this.#weights = new Float64Array(lambdas.length)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    // Steps that ended before this row are certain now, and are read before it: a clock forgets them over a long silence.
    const certain = Math.ceil(timeUs / this.#price.intervalUs) - 1
    if (Number.isNaN(this.#taken)) this.#taken = certain
    const last = this.#lastTrusted(certain)
    for (let step = this.#taken + 1; step <= last; step++) {
      const r = this.#price.returnAt(step)
      if (Number.isNaN(r)) continue
      for (let i = 0; i < this.#lambdas.length; i++) {
        this.#squares[i] = this.#squares[i]! * this.#lambdas[i]! + r * r
        this.#weights[i] = this.#weights[i]! * this.#lambdas[i]! + 1
      }
      this.#known++
      this.#lastKnown = step
    }
    this.#taken = certain
    this.#price.onRow(batch, row, timeUs)
  }

  /** The last step up to `to` that a price of before may still reach. */
  #lastTrusted(to: number): number {
    return Math.min(to, this.#taken + this.#catchUp)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const last = this.#price.pointAt(nowUs)
    for (let i = 0; i < this.#lambdas.length; i++) {
      const lambda = this.#lambdas[i]!
      let squares = this.#squares[i]!
      let weights = this.#weights[i]!
      let known = this.#known
      let lastKnown = this.#lastKnown
      const trusted = this.#lastTrusted(last)
      for (let step = this.#taken + 1; step <= trusted; step++) {
        const r = this.#price.returnAt(step)
        if (Number.isNaN(r)) continue
        squares = squares * lambda + r * r
        weights = weights * lambda + 1
        known++
        lastKnown = step
      }
      const memory = Math.ceil(1 / (1 - lambda) - 1e-9)
      out[at + i] = known >= memory && last - lastKnown < memory ? squares / weights : Number.NaN
    }
  }
}

function lambdasOf(settings: Readonly<Record<string, SettingValue>>): readonly number[] {
  const lambdas = String(settings['lambdas']).split(',').map(Number)
  if (lambdas.some((each) => !(each > 0 && each < 1)) || new Set(lambdas).size !== lambdas.length)
    throw new GimbalError('config-invalid', 'Feature ewma-variance needs different lambdas between 0 and 1', {
      given: String(settings['lambdas']),
    })
  return lambdas
}

export const EWMA_VARIANCE: FeatureFamily = {
  name: 'ewma-variance',
  summary: 'Exponentially weighted variance of returns on a clock (RiskMetrics).',
  version: 1,
  settings: {
    instrument: INSTRUMENT_SETTING,
    intervalSeconds: { default: 300, min: 1, max: 86_400, doc: 'Step of the clock returns are taken on, in seconds.' },
    lambdas: { default: '0.94,0.97', doc: 'Weight of a return relative to the next one, between commas.' },
  },
  outputs: (settings) =>
    lambdasOf(settings).map((lambda) => ({
      name: `variance-${lambda}`,
      unit: 'fraction²',
      doc: `Variance per step, a return counting ${lambda} of the next.`,
    })),
  suits: (tape) => priced(tape, tape.target),
  build(settings, context) {
    const instrument = namedInstrument(context, settings['instrument'])
    const intervalUs = intervalOf(settings)
    const feature = new EwmaVariance(instrument, context.markets[instrument]!, intervalUs, lambdasOf(settings))
    return new OncePerPoint(feature, intervalUs, this.outputs(settings).length)
  },
}
