/**
 * @file What policies share that trade on models: asking for a forecast, refusing a run without one, and knowing when one
 * is too old.
 */

import { SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { Forecast, Quantity } from '../models/forecast.ts'
import type { PolicyContext } from './policy.ts'

/**
 * @throws {GimbalError} `config-invalid` when no model of the run forecasts it: a policy told to trade on models must not
 *   quietly trade without.
 */
export function requireForecast(
  policy: string,
  context: PolicyContext,
  quantity: Quantity,
  instrument: number,
  horizonUs: number,
): void {
  if (context.forecasts.latest(quantity, instrument, horizonUs)) return
  throw new GimbalError(
    'config-invalid',
    `Policy ${policy} is to trade on a forecast that no model of this run makes`,
    {
      quantity,
      instrument: context.universe.at(instrument).id,
      remedy: 'give the run a model with --model, or set what the forecast is taken from to `past`',
    },
  )
}

/** The value of a forecast, or NaN while there is none, it is not finite, or it is older than half its horizon. */
export function freshValue(forecast: Forecast | undefined, nowUs: number): number {
  if (!forecast || nowUs - forecast.timeUs > forecast.horizonUs / 2) return Number.NaN
  return Number.isFinite(forecast.value) ? forecast.value : Number.NaN
}

/** Volatility per √second as a fraction, from the variance over a horizon; NaN when unknown. */
export function perRootSecond(forecast: Forecast | undefined, nowUs: number): number {
  const variance = freshValue(forecast, nowUs)
  return forecast && variance > 0 ? Math.sqrt((variance * SECOND_US) / forecast.horizonUs) : Number.NaN
}
