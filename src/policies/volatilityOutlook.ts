/** @file What policies on options expect volatility to be: a model's forecast, or the past's where they are told so. */

import { HOUR_US, MINUTE_US } from '../core/clock.ts'
import type { SettingsOf } from '../core/settings.ts'
import { perRootSecond, requireForecast } from './modelled.ts'
import type { PolicyContext } from './policy.ts'
import { EwmaVolatility } from './volatilityTarget.ts'

export const VOLATILITY_SETTINGS = {
  volatilityFrom: {
    default: 'past',
    choices: ['past', 'model'],
    doc: 'Whether the volatility to come is taken from the past, exponentially weighted, or from a model’s forecast of variance.',
  },
  forecastHours: { default: 24, min: 0.01, doc: 'Horizon of the forecasts asked for.' },
  sampleMinutes: { default: 15, min: 1, doc: 'Sampling interval of the past’s volatility.' },
  halfLifeHours: { default: 72, min: 0.1, doc: 'Memory of the past’s volatility.' },
  warmupHours: { default: 24, min: 0.1, doc: 'Past heard before its volatility is believed.' },
} as const

const ROOT_SECONDS_PER_YEAR = Math.sqrt(365 * 86_400)

/** Volatility expected of one instrument. */
export class VolatilityOutlook {
  readonly #settings: SettingsOf<typeof VOLATILITY_SETTINGS>
  readonly #past: EwmaVolatility

  /** @throws {GimbalError} `config-invalid` when the memory is no longer than the sampling. */
  constructor(settings: SettingsOf<typeof VOLATILITY_SETTINGS>) {
    this.#settings = settings
    const { sampleMinutes, halfLifeHours, warmupHours } = settings
    this.#past = new EwmaVolatility(sampleMinutes * MINUTE_US, halfLifeHours * HOUR_US, warmupHours * HOUR_US)
  }

  /** @throws {GimbalError} `config-invalid` when a forecast is wanted that no model of the run makes. */
  start(policy: string, context: PolicyContext, instrument: number): void {
    if (this.#settings.volatilityFrom === 'model')
      requireForecast(policy, context, 'variance', instrument, this.#settings.forecastHours * HOUR_US)
  }

  /** Takes a price of the instrument, valid from `timeUs` on. */
  update(instrument: number, timeUs: number, price: number): void {
    this.#past.update(instrument, timeUs, price)
  }

  /** A year, a fraction; NaN while too little was heard or the model is silent. */
  yearly(context: PolicyContext, instrument: number): number {
    if (this.#settings.volatilityFrom === 'past') return this.#past.yearly(instrument)
    const forecast = context.forecasts.latest('variance', instrument, this.#settings.forecastHours * HOUR_US)
    return perRootSecond(forecast, context.clock.nowUs) * ROOT_SECONDS_PER_YEAR
  }
}
