/**
 * @file What a run's returns say, and how much of it chance alone would have said.
 *
 * A Sharpe ratio never stands alone here: {@link SharpeEvidence} carries its deflated value, the number of trials, the
 * costs and the period with it, and {@link performance} withholds it, with a reason, where there are too few returns.
 *
 * Sources: D. Bailey, M. López de Prado, "The Sharpe Ratio Efficient Frontier", J. Risk 15(2) (2012): probabilistic
 * Sharpe and minimum track record. The same, "The Deflated Sharpe Ratio", J. Portfolio Management 40(5) (2014).
 */

import { DAY_US, HOUR_US, MINUTE_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { expectedBestSharpe, minimumTrackRecord, probabilisticSharpe, type TrialEvidence } from '../research/sharpe.ts'

/** Fewest returns a Sharpe ratio is reckoned from. */
export const RETURNS_NEEDED = 30
/** Returns from which the coarser of two clocks is preferred. */
const RETURNS_PREFERRED = 60
/** Crypto trades at weekends: a year has 365 days. */
export const YEAR_US = 365 * DAY_US
/** Below these periods an annualised figure would be an extrapolation, and is withheld. */
const ANNUALISED_RETURN_NEEDS_US = 30 * DAY_US
const ANNUALISED_SHARPE_NEEDS_US = 7 * DAY_US

/** Moments of the returns on one clock, as plain data. */
export interface ReturnMoments {
  /** Length of the intervals, µs. */
  readonly clockUs: number
  readonly count: number
  readonly mean: number
  /** Sample standard deviation (n − 1). */
  readonly deviation: number
  readonly skew: number
  /** Raw: 3 for a normal distribution. */
  readonly kurtosis: number
  /** Root mean square of the negative returns, over all returns: the denominator of Sortino's ratio. */
  readonly downside: number
  readonly gains: number
  readonly losses: number
  readonly best: number
  readonly worst: number
}

/**
 * Returns of an equity curve on a fixed clock (aligned to UTC), reduced to their moments as they come.
 *
 * The first and last, incomplete intervals do not count. An interval without data yields no return of its own; the
 * next return spans it.
 *
 * Moments by P. Pébay, "Formulas for robust, one-pass parallel computation of covariances and arbitrary-order statistical
 * moments", Sandia report SAND2008-6212: stable, and no return is kept.
 */
export class ReturnClock {
  readonly clockUs: number
  #endUs = Number.NEGATIVE_INFINITY
  #base = Number.NaN
  #last = Number.NaN
  #n = 0
  #mean = 0
  #m2 = 0
  #m3 = 0
  #m4 = 0
  #below = 0
  #gains = 0
  #losses = 0
  #best = Number.NEGATIVE_INFINITY
  #worst = Number.POSITIVE_INFINITY

  constructor(clockUs: number) {
    this.clockUs = clockUs
  }

  /** The equity from `timeUs` on. */
  equity(timeUs: number, equity: number): void {
    if (timeUs >= this.#endUs) {
      if (this.#endUs > Number.NEGATIVE_INFINITY) {
        // What held until the boundary is what was known before it.
        if (this.#base > 0) this.add(this.#last / this.#base - 1)
        this.#base = this.#last
      }
      this.#endUs = (Math.floor(timeUs / this.clockUs) + 1) * this.clockUs
    }
    this.#last = equity
  }

  /** Money put in (or taken out) now: moves the base, so that it is not taken for a return. */
  transfer(amount: number): void {
    this.#base += amount
    this.#last += amount
  }

  /** Takes one return (a fraction) into account. */
  add(value: number): void {
    const before = this.#n
    const n = ++this.#n
    const delta = value - this.#mean
    const step = delta / n
    const square = step * step
    const term = delta * step * before
    this.#mean += step
    this.#m4 += term * square * (n * n - 3 * n + 3) + 6 * square * this.#m2 - 4 * step * this.#m3
    this.#m3 += term * step * (n - 2) - 3 * step * this.#m2
    this.#m2 += term
    if (value < 0) {
      this.#below += value * value
      this.#losses++
    } else if (value > 0) this.#gains++
    if (value > this.#best) this.#best = value
    if (value < this.#worst) this.#worst = value
  }

  get moments(): ReturnMoments {
    const n = this.#n
    const varied = this.#m2 > 0
    return {
      clockUs: this.clockUs,
      count: n,
      mean: this.#mean,
      deviation: n > 1 ? Math.sqrt(this.#m2 / (n - 1)) : 0,
      skew: varied ? (Math.sqrt(n) * this.#m3) / this.#m2 ** 1.5 : 0,
      kurtosis: varied ? (n * this.#m4) / (this.#m2 * this.#m2) : 3,
      downside: n > 0 ? Math.sqrt(this.#below / n) : 0,
      gains: this.#gains,
      losses: this.#losses,
      best: n > 0 ? this.#best : 0,
      worst: n > 0 ? this.#worst : 0,
    }
  }
}

/** The clocks on which returns are kept, coarsest first. */
export const RETURN_CLOCKS_US: readonly number[] = [DAY_US, HOUR_US, MINUTE_US]

/**
 * The clock to judge a run on: the coarsest with {@link RETURNS_PREFERRED} returns, else the coarsest with
 * {@link RETURNS_NEEDED}; undefined when every clock has fewer. Coarse returns are nearer to independent.
 */
export function judgedClock(clocks: readonly ReturnMoments[]): ReturnMoments | undefined {
  const coarsestFirst = [...clocks].sort((a, b) => b.clockUs - a.clockUs)
  return (
    coarsestFirst.find((moments) => moments.count >= RETURNS_PREFERRED) ??
    coarsestFirst.find((moments) => moments.count >= RETURNS_NEEDED)
  )
}

/** Largest fall of the profit curve; money put in or taken out is not a fall. */
export interface Drawdown {
  /** Deepest fall as a fraction of the peak (or of the start), 0 to 1 and beyond when more than everything was lost. */
  readonly fraction: number
  /** The same in dollars, at the same moment. */
  readonly dollars: number
  /** When it began (NaN-free: the start of the run when there was none) and was deepest. */
  readonly peakUs: number
  readonly troughUs: number
}

/** Follows a curve and remembers its deepest fall from peak and from start. */
export class DrawdownTracker {
  #startValue = Number.NaN
  #peak = Number.NaN
  #peakUs = 0
  #deepest: Drawdown = { fraction: 0, dollars: 0, peakUs: 0, troughUs: 0 }
  #fromStart: Drawdown = { fraction: 0, dollars: 0, peakUs: 0, troughUs: 0 }
  #longestUs = 0
  #nowUs = 0

  /** Returns the present fall from peak as a fraction, 0 at a new peak. */
  add(timeUs: number, value: number): number {
    if (Number.isNaN(this.#startValue)) {
      this.#startValue = value
      this.#peak = value
      this.#peakUs = timeUs
      this.#deepest = { fraction: 0, dollars: 0, peakUs: timeUs, troughUs: timeUs }
      this.#fromStart = this.#deepest
    }
    this.#nowUs = timeUs
    if (value >= this.#peak) {
      this.#longestUs = Math.max(this.#longestUs, timeUs - this.#peakUs)
      this.#peak = value
      this.#peakUs = timeUs
      return 0
    }
    const fall = this.#peak > 0 ? (this.#peak - value) / this.#peak : 0
    if (fall > this.#deepest.fraction)
      this.#deepest = { fraction: fall, dollars: this.#peak - value, peakUs: this.#peakUs, troughUs: timeUs }
    const lost = this.#startValue > 0 ? (this.#startValue - value) / this.#startValue : 0
    if (lost > this.#fromStart.fraction) {
      const dollars = this.#startValue - value
      this.#fromStart = { fraction: lost, dollars, peakUs: this.#fromStart.peakUs, troughUs: timeUs }
    }
    return fall
  }

  get fromPeak(): Drawdown {
    return this.#deepest
  }

  get fromStart(): Drawdown {
    return this.#fromStart
  }

  /** Longest time spent below an earlier peak, the present spell included, µs. */
  get longestUs(): number {
    return Math.max(this.#longestUs, this.#nowUs - this.#peakUs)
  }
}

/** A Sharpe ratio with everything it must not be shown without. */
export interface SharpeEvidence {
  /** Mean over deviation of the returns on the clock; no risk-free rate is subtracted. */
  readonly perReturn: number
  /** Times the root of the clock's intervals in a year; null under seven days, where it would be an extrapolation. */
  readonly annualised: number | null
  readonly clockUs: number
  readonly returns: number
  readonly periodUs: number
  /** Fees, slippage, funding paid and penalties already inside the returns, dollars. */
  readonly costs: number
  /** Probability that the true ratio exceeds zero, were this the only trial. */
  readonly probabilistic: number
  readonly trialCount: number
  readonly sharpeVariance: number | null
  /** Best ratio that `trialCount` trials without any edge would be expected to show, per return. */
  readonly expectedBest: number
  /** Probability that the true ratio exceeds zero, given that it is the best of `trialCount`. */
  readonly deflated: number
  /** Returns needed to tell a ratio of this size from zero at 95 %; null when it is not positive. */
  readonly returnsNeeded: number | null
}

/** Statistics of a run. Fractions unless named otherwise; money in dollars. Null: withheld, see `notes`. */
export interface Performance {
  readonly startEquity: number
  readonly endEquity: number
  readonly transfers: number
  /** End less start less transfers, after all costs. */
  readonly profit: number
  readonly totalReturn: number
  readonly periodUs: number
  /** The clock the returns below are on, and how many there are; null when no clock has enough. */
  readonly clockUs: number | null
  readonly returns: number
  readonly annualisedReturn: number | null
  /** Annualised deviation of returns. */
  readonly volatility: number | null
  readonly sharpe: SharpeEvidence | null
  /** Mean over downside deviation, annualised under the same rule as Sharpe. */
  readonly sortino: number | null
  readonly calmar: number | null
  readonly skew: number | null
  readonly kurtosis: number | null
  /** Gaining intervals over gaining and losing ones. */
  readonly hitRate: number | null
  readonly bestReturn: number | null
  readonly worstReturn: number | null
  readonly drawdown: Drawdown
  readonly drawdownFromStart: Drawdown
  readonly longestUnderWaterUs: number
  /** Dollars traded, and as a multiple of mean equity. */
  readonly turnover: number
  readonly turnoverOverEquity: number | null
  /** Profit per dollar traded, basis points. */
  readonly profitPerTurnoverBps: number | null
  /** Why a figure above is null, in sentences. */
  readonly notes: readonly string[]
}

/** What {@link performance} judges. */
export interface PerformanceInput {
  readonly startEquity: number
  readonly endEquity: number
  readonly meanEquity: number
  readonly transfers: number
  readonly periodUs: number
  readonly clocks: readonly ReturnMoments[]
  readonly drawdown: Drawdown
  readonly drawdownFromStart: Drawdown
  readonly longestUnderWaterUs: number
  readonly turnover: number
  /** Everything paid, dollars. */
  readonly costs: number
}

/** A run's score as the trial ledger wants it: Sharpe per return, or null when it cannot be told. */
export function score(clocks: readonly ReturnMoments[]): { sharpe: number | null; returns: number; clockUs: number } {
  const moments = judgedClock(clocks)
  if (!moments || !(moments.deviation > 0)) {
    return { sharpe: null, returns: moments?.count ?? 0, clockUs: moments?.clockUs ?? MINUTE_US }
  }
  return { sharpe: moments.mean / moments.deviation, returns: moments.count, clockUs: moments.clockUs }
}

/**
 * Judges a run.
 *
 * @param trials Required: there is no Sharpe ratio without the number of tries behind it.
 * @throws {GimbalError} `argument-invalid` when `trials.trialCount` is not a whole number of at least 1.
 */
export function performance(input: PerformanceInput, trials: TrialEvidence): Performance {
  if (!Number.isSafeInteger(trials.trialCount) || trials.trialCount < 1) {
    throw new GimbalError('argument-invalid', 'A result has at least one trial behind it: its own', {
      trialCount: trials.trialCount,
    })
  }
  const notes: string[] = []
  const moments = judgedClock(input.clocks)
  const profit = input.endEquity - input.startEquity - input.transfers
  const totalReturn = input.startEquity > 0 ? profit / input.startEquity : 0
  const longEnough = input.periodUs >= ANNUALISED_RETURN_NEEDS_US
  const annualisedReturn = longEnough && totalReturn > -1 ? (1 + totalReturn) ** (YEAR_US / input.periodUs) - 1 : null
  if (!longEnough) notes.push('No annualised return: under 30 days it would be an extrapolation.')
  else if (annualisedReturn === null) notes.push('No annualised return: everything was lost.')

  const varied = moments !== undefined && moments.deviation > 0
  const perYear = moments ? YEAR_US / moments.clockUs : 0
  const scale = input.periodUs >= ANNUALISED_SHARPE_NEEDS_US ? Math.sqrt(perYear) : null
  const sharpe = varied ? sharpeEvidence(moments, input, trials, scale, notes) : null
  if (!moments) {
    const most = Math.max(0, ...input.clocks.map((clock) => clock.count))
    notes.push(
      `No Sharpe ratio: the period holds ${most} whole-minute returns; under ${RETURNS_NEEDED} it would mean nothing.`,
    )
  } else if (!varied) notes.push('No Sharpe ratio: the equity never changed on the clock it is judged on.')

  const tried = moments ? moments.gains + moments.losses : 0
  return {
    startEquity: input.startEquity,
    endEquity: input.endEquity,
    transfers: input.transfers,
    profit,
    totalReturn,
    periodUs: input.periodUs,
    clockUs: moments?.clockUs ?? null,
    returns: moments?.count ?? 0,
    annualisedReturn,
    volatility: varied ? moments.deviation * Math.sqrt(perYear) : null,
    sharpe,
    sortino: varied && sharpe && moments.downside > 0 && scale ? (moments.mean / moments.downside) * scale : null,
    calmar:
      annualisedReturn !== null && input.drawdown.fraction > 0 ? annualisedReturn / input.drawdown.fraction : null,
    skew: varied ? moments.skew : null,
    kurtosis: varied ? moments.kurtosis : null,
    hitRate: tried > 0 && moments ? moments.gains / tried : null,
    bestReturn: moments ? moments.best : null,
    worstReturn: moments ? moments.worst : null,
    drawdown: input.drawdown,
    drawdownFromStart: input.drawdownFromStart,
    longestUnderWaterUs: input.longestUnderWaterUs,
    turnover: input.turnover,
    turnoverOverEquity: input.meanEquity > 0 ? input.turnover / input.meanEquity : null,
    profitPerTurnoverBps: input.turnover > 0 ? (profit / input.turnover) * 10_000 : null,
    notes,
  }
}

function sharpeEvidence(
  moments: ReturnMoments,
  input: PerformanceInput,
  trials: TrialEvidence,
  scale: number | null,
  notes: string[],
): SharpeEvidence | null {
  const { count, skew, kurtosis, clockUs } = moments
  const ratio = moments.mean / moments.deviation
  // The variance may have been gathered on another clock; a ratio grows with the root of its interval.
  const variance = trials.sharpeVariance === null ? null : (trials.sharpeVariance * clockUs) / trials.clockUs
  if (trials.trialCount > 1 && variance === null) {
    notes.push(
      `No Sharpe ratio: it is one of ${trials.trialCount} trials whose spread is unknown, so it cannot be deflated.`,
    )
    return null
  }
  const expectedBest = expectedBestSharpe(trials.trialCount, variance ?? 0)
  const probabilistic = probabilisticSharpe(ratio, 0, count, skew, kurtosis)
  const deflated = probabilisticSharpe(ratio, expectedBest, count, skew, kurtosis)
  if (Number.isNaN(probabilistic) || Number.isNaN(deflated)) {
    notes.push('No Sharpe ratio: the returns are too skewed for its error to be estimated.')
    return null
  }
  if (scale === null) notes.push('The Sharpe ratio is per return: under 7 days it is not annualised.')
  return {
    perReturn: ratio,
    annualised: scale === null ? null : ratio * scale,
    clockUs,
    returns: count,
    periodUs: input.periodUs,
    costs: input.costs,
    probabilistic,
    trialCount: trials.trialCount,
    sharpeVariance: variance,
    expectedBest,
    deflated,
    returnsNeeded: ratio > 0 ? minimumTrackRecord(ratio, 0, skew, kurtosis, 0.05) : null,
  }
}
