/**
 * @file Tails scaled to the volatility of the moment: filtered historical simulation and the conditional tail of McNeil and Frey.
 *
 * Returns are divided by the volatility forecast for them before they came; the tail of what is left, times the forecast for the
 * next step, is the tail of the next step. Sources: G. Barone-Adesi, K. Giannopoulos, L. Vosper, J. Futures Markets 19 (1999);
 * J. Hull, A. White, J. Risk 1 (1998); A. McNeil, R. Frey, J. Empirical Finance 7 (2000) 271.
 */

import { GimbalError } from '../../core/errors.ts'
import { RISK_METRICS_LAMBDA } from '../../models/volatility/ewma.ts'
import { fitGarch, GarchFilter, type GarchParameters } from '../../models/volatility/garch.ts'
import { type ParetoMethod, peaksOverThreshold, type ThresholdRule } from './generalisedPareto.ts'
import { historicalTail, type Tail } from './historicalTail.ts'

/** Where the volatility comes from. */
export type VolatilityFilter =
  | { readonly kind: 'ewma'; readonly lambda?: number }
  /** Fitted to the returns where no parameters are given. */
  | { readonly kind: 'garch'; readonly parameters?: GarchParameters }

/** Returns without the volatility that was expected of them. */
export interface Residuals {
  /** Losses (positive) in units of the deviation forecast for their step; steps without a forecast are left out. */
  readonly losses: Float64Array
  /** Deviation forecast for the step after the last return, and its mean return. */
  readonly deviation: number
  readonly mean: number
}

/** Returns an exponential mean of squares sees before its forecasts are used. */
const WARMUP = 20

/**
 * @param returns Simple or log, positive is a gain, oldest first, all finite.
 * @throws {GimbalError} `argument-invalid`; `fit-failed` by the GARCH, or where returns never move.
 */
export function filterReturns(returns: Float64Array, filter: VolatilityFilter): Residuals {
  for (const [at, value] of returns.entries()) {
    if (!Number.isFinite(value))
      throw new GimbalError('argument-invalid', 'A return is not a finite number', { at, value })
  }
  return filter.kind === 'ewma' ? byMean(returns, filter.lambda ?? RISK_METRICS_LAMBDA) : byGarch(returns, filter)
}

function byMean(returns: Float64Array, lambda: number): Residuals {
  if (!(lambda > 0 && lambda < 1))
    throw new GimbalError('argument-invalid', 'A lambda lies between 0 and 1', { lambda })
  const losses = new Float64Array(returns.length)
  let count = 0
  let sum = 0
  let weight = 0
  for (let t = 0; t < returns.length; t++) {
    const value = returns[t]!
    if (t >= WARMUP && sum > 0) losses[count++] = -value / Math.sqrt(sum / weight)
    sum = lambda * sum + value * value
    weight = lambda * weight + 1
  }
  if (!(sum > 0)) throw new GimbalError('fit-failed', 'Returns that never move have no volatility', { count })
  return { losses: losses.slice(0, count), deviation: Math.sqrt(sum / weight), mean: 0 }
}

function byGarch(returns: Float64Array, filter: { readonly parameters?: GarchParameters }): Residuals {
  const parameters = filter.parameters ?? fitGarch(returns).parameters
  const garch = new GarchFilter(parameters)
  const losses = new Float64Array(returns.length)
  for (let t = 0; t < returns.length; t++) {
    losses[t] = (parameters.mu - returns[t]!) / Math.sqrt(garch.variance)
    garch.update(returns[t]!)
  }
  return { losses, deviation: Math.sqrt(garch.variance), mean: parameters.mu }
}

/** What the tail of the residuals is taken from: themselves, or a Pareto tail fitted to the worst of them. */
export type ResidualTail =
  | { readonly kind: 'historical' }
  | { readonly kind: 'pareto'; readonly method?: ParetoMethod; readonly threshold?: ThresholdRule }

/**
 * Tail of the next step, in units of the returns: filtered historical simulation, or McNeil and Frey's with `pareto`, whose
 * expected shortfall is Infinity where the residuals have no mean.
 *
 * @throws {GimbalError} `argument-invalid`, `fit-failed`.
 */
export function filteredTail(
  returns: Float64Array,
  level: number,
  filter: VolatilityFilter = { kind: 'ewma' },
  tail: ResidualTail = { kind: 'historical' },
): Tail {
  const { losses, deviation, mean } = filterReturns(returns, filter)
  const standard =
    tail.kind === 'historical'
      ? historicalTail(losses, level)
      : peaksOverThreshold(losses, level, tail.method, tail.threshold)
  return {
    valueAtRisk: deviation * standard.valueAtRisk - mean,
    expectedShortfall: deviation * standard.expectedShortfall - mean,
  }
}
