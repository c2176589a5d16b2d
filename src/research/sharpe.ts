/**
 * @file What a Sharpe ratio is worth, given how long it was watched and how many were tried.
 *
 * Sources: D. Bailey, M. López de Prado, "The Sharpe ratio efficient frontier", J. Risk 15(2) (2012); "The deflated
 * Sharpe ratio", J. Portfolio Management 40(5) (2014). D. Bailey, J. Borwein, M. López de Prado, Q. Zhu, "Pseudo-mathematics
 * and financial charlatanism", Notices of the AMS 61(5) (2014).
 */

import { normalCdf, normalQuantile } from '../core/errorFunction.ts'

/** How many tries stand behind a result, as the trial ledger counted them. */
export interface TrialEvidence {
  /** What was searched over: trials of one family compete for the same conclusion. */
  readonly family: string
  /** Different trials of this family so far, this one included: at least 1. */
  readonly trialCount: number
  /** Variance of the trials' Sharpe ratios per return of {@link clockUs}; null while fewer than two were scored. */
  readonly sharpeVariance: number | null
  readonly clockUs: number
  /** Hash of the ledger's last line, so that a later cut is noticed; null when no ledger was kept. */
  readonly ledgerHead: string | null
}

/**
 * Probability that the true Sharpe ratio exceeds `benchmark`, given the one observed.
 *
 * @param sharpe Per return, as is `benchmark`. @param count Number of returns.
 * @param kurtosis Raw (3 is normal); the formula with excess kurtosis gives other numbers.
 * @returns NaN where skew and kurtosis make the estimated variance negative.
 *
 * Accuracy: 1e-9 against 40-digit references (test "probabilistic and deflated Sharpe").
 * Source: Bailey & López de Prado (2012), equation 11.
 */
export function probabilisticSharpe(
  sharpe: number,
  benchmark: number,
  count: number,
  skew: number,
  kurtosis: number,
): number {
  const spread = 1 - skew * sharpe + ((kurtosis - 1) / 4) * sharpe * sharpe
  return spread > 0 ? normalCdf(((sharpe - benchmark) * Math.sqrt(count - 1)) / Math.sqrt(spread)) : Number.NaN
}

const EULER_MASCHERONI = 0.5772156649015329

/**
 * The best Sharpe ratio to be expected from `trialCount` trials that have no edge; 0 for a single one.
 *
 * @param variance Of the trials' Sharpe ratios, in the square of their unit.
 * Source: Bailey & López de Prado (2014), from the expected maximum of normal draws.
 */
export function expectedBestSharpe(trialCount: number, variance: number): number {
  if (trialCount <= 1) return 0
  // By the lower tail: 1 − 1/N keeps few digits of a small 1/N.
  const usual = -normalQuantile(1 / trialCount)
  const rare = -normalQuantile(1 / (trialCount * Math.E))
  return Math.sqrt(variance) * ((1 - EULER_MASCHERONI) * usual + EULER_MASCHERONI * rare)
}

/**
 * Returns needed for `sharpe` to be above `benchmark` with confidence 1 − `alpha`; infinite when it is not above, NaN where skew and
 * kurtosis make the estimated variance negative.
 *
 * Source: Bailey & López de Prado (2012), equation 13.
 */
export function minimumTrackRecord(
  sharpe: number,
  benchmark: number,
  skew: number,
  kurtosis: number,
  alpha: number,
): number {
  if (sharpe <= benchmark) return Number.POSITIVE_INFINITY
  const spread = 1 - skew * sharpe + ((kurtosis - 1) / 4) * sharpe * sharpe
  return spread > 0 ? 1 + spread * (normalQuantile(alpha) / (sharpe - benchmark)) ** 2 : Number.NaN
}

/**
 * Years of data needed so that the best of `trialCount` worthless trials is not expected to show an annual Sharpe ratio of
 * `annualSharpe`: shorter backtests find one by trying. 0 for a single trial.
 *
 * @param annualSharpe Above 0.
 *
 * Accuracy: 1e-9 against 40-digit references (test "minimum backtest length").
 * Source: Bailey, Borwein, López de Prado, Zhu (2014), theorem 1: below 2 ln N / S².
 */
export function minimumBacktestLength(trialCount: number, annualSharpe: number): number {
  return (expectedBestSharpe(trialCount, 1) / annualSharpe) ** 2
}
