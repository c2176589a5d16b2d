/**
 * @file A forecaster that knows the hour of the day: markets that never close have hours that are busier than others all the same.
 *
 * Figures are divided by what is usual at their hour, forecast by another forecaster, and the answer is multiplied by what is usual
 * over the hours ahead. Whoever forecasts with the hour among its features is to beat this, or it has found no more than a clock.
 *
 * Source: T. Andersen, T. Bollerslev, "Intraday periodicity and volatility persistence in financial markets", J. Empirical
 * Finance 4 (1997): intraday figures as a daily pattern times what persists. The pattern here is the plain mean of each hour.
 */

import { GimbalError } from '../../core/errors.ts'
import type { SeriesForecaster, VarianceSeries } from './forecaster.ts'

const HOURS = 24

/** A fit of the inner forecaster, and figures of each hour over their mean. */
export interface DiurnalFit<Fit> {
  readonly profile: readonly number[]
  readonly inner: Fit
}

export class DiurnalForecaster<Fit> implements SeriesForecaster<DiurnalFit<Fit>> {
  readonly name: string
  readonly #inner: SeriesForecaster<Fit>
  readonly #hourOf: (step: number) => number
  readonly #stepsPerDay: number

  /**
   * @param hourOf Hour of the day of a step, 0 to 23, for steps beyond the series too.
   * @param stepsPerDay A multiple of 24.
   */
  constructor(inner: SeriesForecaster<Fit>, hourOf: (step: number) => number, stepsPerDay: number) {
    this.name = `${inner.name}-by-hour`
    this.#inner = inner
    this.#hourOf = hourOf
    this.#stepsPerDay = stepsPerDay
  }

  stepsMin(horizon: number): number {
    return Math.max(DAYS_MIN * this.#stepsPerDay, this.#inner.stepsMin(horizon))
  }

  fit(series: VarianceSeries, start: number, end: number, horizon: number): DiurnalFit<Fit> {
    const profile = this.#profile(series.variance, start, end)
    return { profile, inner: this.#inner.fit(this.#levelled(series, profile), start, end, horizon) }
  }

  forecast(
    { profile, inner }: DiurnalFit<Fit>,
    series: VarianceSeries,
    from: number,
    to: number,
    horizon: number,
    out: Float64Array,
  ): void {
    this.#inner.forecast(inner, this.#levelled(series, profile), from, to, horizon, out)
    for (let i = 0; i < to - from; i++) {
      let usual = 0
      for (let k = 1; k <= horizon; k++) usual += profile[this.#hourOf(from + i + k)]!
      out[i]! *= usual / horizon
    }
  }

  #profile(figures: Float64Array, start: number, end: number): readonly number[] {
    const sums = new Float64Array(HOURS)
    const counts = new Float64Array(HOURS)
    for (let step = start; step < end; step++) {
      if (Number.isNaN(figures[step]!)) continue
      const hour = this.#hourOf(step)
      sums[hour]! += figures[step]!
      counts[hour]!++
    }
    const means = sums.map((sum, hour) => sum / counts[hour]!)
    const mean = means.reduce((sum, each) => sum + each, 0) / HOURS
    if (!(mean > 0) || means.some((each) => !(each > 0)))
      throw new GimbalError('fit-failed', 'Not every hour of the day is known to have anything in it', { start, end })
    return Array.from(means, (each) => each / mean)
  }

  /** The series as it would be without hours. */
  #levelled({ returns, variance, quarticity }: VarianceSeries, profile: readonly number[]): VarianceSeries {
    const usual = Float64Array.from(variance, (_, step) => profile[this.#hourOf(step)]!)
    return {
      returns: returns.map((value, step) => value / Math.sqrt(usual[step]!)),
      variance: variance.map((value, step) => value / usual[step]!),
      ...(quarticity ? { quarticity: quarticity.map((value, step) => value / usual[step]! ** 2) } : {}),
    }
  }
}

/** Days a pattern of the day is learnt from, at least. */
const DAYS_MIN = 7
