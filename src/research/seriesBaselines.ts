/** @file What a forecast of variance, volume or demand has to beat: the long-run mean, the last value, and the field's standards. */

import { DAY_US, HOUR_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { Quantity } from '../models/forecast.ts'
import { volatilityBaselines } from '../models/volatility/baselines.ts'
import { DiurnalForecaster } from '../models/volatility/diurnal.ts'
import { EwmaForecaster, RISK_METRICS_LAMBDA } from '../models/volatility/ewma.ts'
import type { SeriesForecaster, VarianceSeries } from '../models/volatility/forecaster.ts'
import { qlike } from '../models/volatility/qlike.ts'
import type { TargetPath } from './dataset.ts'
import type { Labels } from './labels.ts'

/**
 * The path as a series of steps: what happened in (i − 1, i], at place i. Place 0 is unknown.
 *
 * @throws {GimbalError} `argument-invalid` for a quantity that does not add up over steps.
 */
export function stepSeries(path: TargetPath, quantity: Quantity): VarianceSeries {
  const { points } = path
  const figures = new Float64Array(points).fill(Number.NaN)
  const returns = new Float64Array(points).fill(Number.NaN)
  const quarticity = new Float64Array(points).fill(Number.NaN)
  for (let i = 1; i < points; i++) {
    const r = Math.log(path.price[i]! / path.price[i - 1]!)
    const buys = path.buyVolume[i]! - path.buyVolume[i - 1]!
    const sells = path.sellVolume[i]! - path.sellVolume[i - 1]!
    returns[i] = r
    quarticity[i] = r ** 4 / 3
    if (quantity === 'variance') figures[i] = r * r
    else if (quantity === 'volume') figures[i] = buys + sells
    else throw new GimbalError('argument-invalid', 'This quantity has no series of its own', { quantity })
  }
  return { returns, variance: figures, quarticity }
}

/** The mean of everything so far: all there is to say of a market without memory. */
class MeanForecaster implements SeriesForecaster<{ mean: number }> {
  readonly name = 'mean'

  stepsMin(horizon: number): number {
    return horizon + 2
  }

  fit({ variance }: VarianceSeries, start: number, end: number): { mean: number } {
    let sum = 0
    let count = 0
    for (let i = start; i < end; i++) {
      if (Number.isNaN(variance[i]!)) continue
      sum += variance[i]!
      count++
    }
    return { mean: sum / count }
  }

  forecast(
    { mean }: { mean: number },
    _series: VarianceSeries,
    from: number,
    to: number,
    horizon: number,
    out: Float64Array,
  ): void {
    for (let i = 0; i < to - from; i++) out[i] = mean > 0 ? mean * horizon : Number.NaN
  }
}

/** The last horizon again; NaN where it holds a hole. */
class LastForecaster implements SeriesForecaster<Record<string, never>> {
  readonly name = 'last'

  stepsMin(horizon: number): number {
    return 2 * horizon
  }

  fit(): Record<string, never> {
    return {}
  }

  forecast(
    _fit: unknown,
    { variance }: VarianceSeries,
    from: number,
    to: number,
    horizon: number,
    out: Float64Array,
  ): void {
    for (let i = 0; i < to - from; i++) {
      let sum = 0
      for (let k = 0; k < horizon; k++) sum += from + i - k >= 0 ? variance[from + i - k]! : Number.NaN
      out[i] = sum > 0 ? sum : Number.NaN
    }
  }
}

/** Days that must be known before the first forecast for a week to be among the spans. */
const DAYS_FOR_A_WEEK = 10

/**
 * Spans of the HAR family in steps: the horizon, a day and a week where enough days are known before the first forecast; else
 * multiples of the horizon, since there is no week to look back on.
 *
 * @param known Steps before the first forecast.
 */
export function harSpans(stepUs: number, horizonUs: number, known: number): readonly number[] {
  const horizon = Math.max(1, Math.round(horizonUs / stepUs))
  const day = Math.round(DAY_US / stepUs)
  const spans = known >= DAYS_FOR_A_WEEK * day ? [horizon, day, 7 * day] : [horizon, 5 * horizon, 22 * horizon]
  return [...new Set(spans)].sort((a, b) => a - b)
}

/**
 * Everything a forecast of this quantity is held against.
 *
 * @param path Its clock: where hours can be told apart and the horizon is shorter than a day, some of them know the hour.
 * @param known Steps before the first forecast.
 */
export function baselinesFor(
  quantity: Quantity,
  { startUs, stepUs }: Pick<TargetPath, 'startUs' | 'stepUs'>,
  horizonUs: number,
  known: number,
): SeriesForecaster[] {
  const general = [new MeanForecaster(), new LastForecaster()] as SeriesForecaster[]
  const byHour = (inner: SeriesForecaster) =>
    HOUR_US % stepUs === 0 && horizonUs < DAY_US && known >= DAYS_FOR_A_WEEK * (DAY_US / stepUs)
      ? [
          new DiurnalForecaster(
            inner,
            // Step i holds what happened from point i − 1 to point i.
            (step) => Math.floor((startUs + (step - 0.5) * stepUs) / HOUR_US) % 24,
            DAY_US / stepUs,
          ) as SeriesForecaster,
        ]
      : []
  if (quantity !== 'variance') {
    const fitted = new EwmaForecaster() as SeriesForecaster
    return [...general, new EwmaForecaster(RISK_METRICS_LAMBDA) as SeriesForecaster, fitted, ...byHour(fitted)]
  }
  const spans = harSpans(stepUs, horizonUs, known)
  // The first of them, the random walk of single steps, is `last` where the horizon is a step, and hopeless elsewhere.
  const standards = volatilityBaselines(spans, true).slice(1)
  return [...general, ...standards, ...standards.filter(({ name }) => name === 'log-har').flatMap(byHour)]
}

/** Memories tried for the past labels of {@link labelBaselines}. */
const LAMBDAS = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998]

/**
 * The same for a quantity that does not add up over steps: from past labels alone, each used once it was known.
 *
 * @param first Sample from which on there are forecasts; the memory is chosen by QLIKE on the samples before it.
 * @returns Forecasts by name, one a sample; NaN before `first`.
 */
export function labelBaselines(
  { label, endsUs }: Labels,
  timesUs: Float64Array,
  first: number,
): ReadonlyMap<string, Float64Array> {
  const samples = timesUs.length
  const blank = () => new Float64Array(samples).fill(Number.NaN)
  const [mean, last] = [blank(), blank()]
  const averages = LAMBDAS.map(blank)
  const states = LAMBDAS.map(() => ({ sum: 0, weight: 0 }))
  let known = 0
  let total = 0
  let count = 0
  let latest = Number.NaN
  for (let i = 0; i < samples; i++) {
    for (; known < i && !(endsUs[known]! > timesUs[i]!); known++) {
      const value = label[known]!
      if (!(value > 0)) continue
      latest = value
      total += value
      count++
      for (const [k, state] of states.entries()) {
        state.sum = state.sum * LAMBDAS[k]! + value
        state.weight = state.weight * LAMBDAS[k]! + 1
      }
    }
    mean[i] = total / count
    last[i] = latest
    for (const [k, { sum, weight }] of states.entries()) averages[k]![i] = sum / weight
  }
  const scores = averages.map((forecast) => {
    let sum = 0
    let judged = 0
    for (let i = 0; i < first; i++) {
      // Of the last samples before the first forecast the labels were not known then.
      if (!(endsUs[i]! <= timesUs[first]!)) continue
      const loss = qlike(label[i]!, forecast[i]!)
      if (!Number.isFinite(loss)) continue
      sum += loss
      judged++
    }
    return judged > 0 ? sum / judged : Number.POSITIVE_INFINITY
  })
  const ewma = averages[scores.indexOf(Math.min(...scores))]!
  for (const each of [mean, last, ewma]) each.fill(Number.NaN, 0, first)
  return new Map([
    ['mean', mean],
    ['last', last],
    ['ewma', ewma],
  ])
}

/**
 * Baselines of demand: those of the label as it is, and (`…-of-volume`) those of what was traded, over the depth that stands there
 * now. Half of what makes demand is known when it is asked for: who forecasts the other half by its mean has not been beaten by one
 * who merely looked at the book.
 */
export function demandBaselines(
  { label, endsUs }: Labels,
  path: TargetPath,
  timesUs: Float64Array,
  first: number,
): ReadonlyMap<string, Float64Array> {
  const depth = timesUs.map((timeUs) => path.depth[Math.floor((timeUs - path.startUs) / path.stepUs)] ?? Number.NaN)
  const traded = label.map((value, i) => value * depth[i]!)
  const found = new Map(labelBaselines({ label, endsUs }, timesUs, first))
  for (const [name, forecast] of labelBaselines({ label: traded, endsUs }, timesUs, first))
    found.set(
      `${name}-of-volume`,
      forecast.map((value, i) => value / depth[i]!),
    )
  return found
}
