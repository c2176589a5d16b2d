/**
 * @file What each method would have forecast, step by step, from the past alone: the input of every back-test of tails.
 */

import { GimbalError } from '../../core/errors.ts'
import { fitGarch, type GarchParameters } from '../../models/volatility/garch.ts'
import { filterReturns } from './filteredTail.ts'
import { peaksOverThreshold } from './generalisedPareto.ts'
import { historicalTail, requireLevel } from './historicalTail.ts'

/**
 * `historical`: the sample as it stands. `ewma-historical`, `garch-historical`: filtered historical simulation.
 * `pareto`: peaks over a threshold of the sample as it stands. `mcneil-frey`: of the residuals of a GARCH.
 */
export const TAIL_METHODS = ['historical', 'ewma-historical', 'garch-historical', 'pareto', 'mcneil-frey'] as const
export type TailMethod = (typeof TAIL_METHODS)[number]

export interface TailForecastSettings {
  /** Returns each forecast learns from. */
  readonly window: number
  /** Steps between fits of a GARCH. */
  readonly refitEvery: number
  /** Weight of yesterday relative to today in the exponential mean; RiskMetrics' 0.94 when absent. */
  readonly lambda?: number
}

/** Place t holds the forecast for step t made after step t − 1; NaN before there were `window` returns. */
export interface TailForecasts {
  readonly valueAtRisk: Float64Array
  readonly expectedShortfall: Float64Array
}

/**
 * @param returns Positive is a gain, oldest first.
 * @throws {GimbalError} `argument-invalid`; what fits throw.
 */
export function tailForecasts(
  returns: Float64Array,
  method: TailMethod,
  level: number,
  { window, refitEvery, lambda }: TailForecastSettings,
): TailForecasts {
  requireLevel(level)
  if (!(Number.isSafeInteger(window) && window >= 100 && Number.isSafeInteger(refitEvery) && refitEvery >= 1))
    throw new GimbalError('argument-invalid', 'Forecasts of tails need a window of at least 100 steps', {
      window,
      refitEvery,
    })
  const valueAtRisk = new Float64Array(returns.length).fill(Number.NaN)
  const expectedShortfall = new Float64Array(returns.length).fill(Number.NaN)
  let parameters: GarchParameters | undefined
  for (let t = window; t < returns.length; t++) {
    const known = returns.subarray(t - window, t)
    if (method.startsWith('garch') || method === 'mcneil-frey')
      if (!parameters || (t - window) % refitEvery === 0) parameters = fitGarch(known).parameters
    let deviation = 1
    let mean = 0
    let losses: Float64Array
    if (method === 'historical' || method === 'pareto') losses = known.map((each) => -each)
    else {
      const filter = parameters
        ? ({ kind: 'garch', parameters } as const)
        : ({ kind: 'ewma', ...(lambda === undefined ? {} : { lambda }) } as const)
      ;({ losses, deviation, mean } = filterReturns(known, filter))
    }
    const pareto = method === 'pareto' || method === 'mcneil-frey'
    const tail = pareto ? peaksOverThreshold(losses, level) : historicalTail(losses, level)
    valueAtRisk[t] = deviation * tail.valueAtRisk - mean
    expectedShortfall[t] = deviation * tail.expectedShortfall - mean
  }
  return { valueAtRisk, expectedShortfall }
}
