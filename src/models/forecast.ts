/**
 * @file A forecast: what, about which instrument, over which horizon, in which unit, and how sure.
 *
 * Policies read forecasts through {@link Forecasts}; the desk (forecastDesk.ts) writes them. A forecast object is kept and
 * overwritten by the next one of its kind: whoever needs it later copies it.
 */

/** What can be forecast, with its unit. */
export const QUANTITIES = {
  /** Variance of the log return over the horizon (not per year). */
  variance: 'variance of the log return over the horizon',
  /** Volume that will be traded over the horizon, in the quote currency. */
  volume: 'quote currency traded over the horizon',
  /** The larger side's aggressive volume over the horizon, as a multiple of what is displayed within 10 bps. */
  demand: 'multiples of displayed depth',
  /** Log return over the horizon. */
  return: 'log return over the horizon',
  /** Probability that the market is in its most turbulent regime now; the horizon is that of the regime's clock. */
  turbulence: 'probability',
} as const

export type Quantity = keyof typeof QUANTITIES

/** One forecast. */
export interface Forecast {
  /** Number of the model that makes it, in the order the run names its models. */
  readonly model: number
  readonly quantity: Quantity
  /** Index of the instrument. */
  readonly instrument: number
  readonly horizonUs: number
  /** When it was made; everything received up to then is in it. */
  readonly timeUs: number
  /** NaN while the model has nothing to say. */
  readonly value: number
  /** Bounds that should hold the truth with probability `level`, as calibrated on data the model had not seen. */
  readonly low: number
  readonly high: number
  readonly level: number
  /** Share of the model's inputs outside the range of its training, 0 to 1. */
  readonly outside: number
}

/** What policies may ask. */
export interface Forecasts {
  /**
   * The latest forecast, or undefined when no model makes such. With several horizons the one nearest to `horizonUs` (on a
   * logarithmic scale) is given; the caller scales, if it dares.
   */
  latest(quantity: Quantity, instrument: number, horizonUs: number): Forecast | undefined
}

/** Forecasts of nothing: an engine without models. */
export const NO_FORECASTS: Forecasts = { latest: () => undefined }
