/**
 * @file The tail of an equity while it moves: historical and filtered historical, kept up to date sample by sample.
 *
 * Fed with the account's equity, or with `bookValue` of a book whenever it is revalued. What is kept are relative changes between
 * samples, so it describes what was held then as well as now: for what is held now alone, see {@link bookTail}. Allocates nothing
 * after construction.
 */

import { GimbalError } from '../../core/errors.ts'
import { RISK_METRICS_LAMBDA } from '../../models/volatility/ewma.ts'
import { quantileOfSorted, requireLevel, shortfallOfSorted } from './historicalTail.ts'
import { SortedWindow } from './sortedWindow.ts'

export interface LiveTailSettings {
  /** Share of samples that lose no more than the value at risk: 0.99. */
  readonly level: number
  /** Time between samples. */
  readonly sampleUs: number
  /** Samples kept. */
  readonly window: number
  /** Weight of the last sample relative to this one in the volatility; RiskMetrics' 0.94 when absent. */
  readonly lambda?: number
}

/** Figures are fractions of equity over one sample; NaN until 1 / (1 − level) samples are in. */
export class LiveTail {
  readonly #level: number
  readonly #sampleUs: number
  readonly #keep: number
  readonly #losses: SortedWindow
  readonly #residuals: SortedWindow
  #equity = Number.NaN
  #nextUs = Number.NEGATIVE_INFINITY
  #sum = 0
  #weight = 0
  /** Changes seen since the start. */
  samples = 0

  /** @throws {GimbalError} `argument-invalid`. */
  constructor({ level, sampleUs, window, lambda = RISK_METRICS_LAMBDA }: LiveTailSettings) {
    requireLevel(level)
    if (!(sampleUs > 0 && Number.isSafeInteger(window) && window * (1 - level) >= 1 && lambda > 0 && lambda < 1))
      throw new GimbalError('argument-invalid', 'A live tail needs a window that holds its level', {
        sampleUs,
        window,
        level,
        lambda,
      })
    this.#level = level
    this.#sampleUs = sampleUs
    this.#keep = lambda
    this.#losses = new SortedWindow(window)
    this.#residuals = new SortedWindow(window)
  }

  /**
   * Takes a reading; returns whether it became a sample. Readings that come sooner than a sample, and those that are no positive
   * number, are passed over: the next change then spans both.
   */
  observe(equity: number, nowUs: number): boolean {
    if (nowUs < this.#nextUs || !(equity > 0 && equity < Number.POSITIVE_INFINITY)) return false
    this.#nextUs = nowUs + this.#sampleUs
    // What a withdrawal took to 0 or below is nothing to measure a change against.
    const loss = this.#equity > 0 ? 1 - equity / this.#equity : Number.NaN
    this.#equity = equity
    if (Number.isNaN(loss)) return false
    const { deviation } = this
    if (deviation > 0 && this.samples >= 20) this.#residuals.push(loss / deviation)
    this.#losses.push(loss)
    this.#sum = this.#keep * this.#sum + loss * loss
    this.#weight = this.#keep * this.#weight + 1
    this.samples++
    return true
  }

  /** Money came or went that is neither profit nor loss, in the unit of the equity. */
  transfer(units: number): void {
    this.#equity += units
  }

  /** Volatility expected of the next sample. */
  get deviation(): number {
    return this.#weight === 0 ? Number.NaN : Math.sqrt(this.#sum / this.#weight)
  }

  get valueAtRisk(): number {
    return quantileOfSorted(this.#losses.sorted, this.#losses.count, this.#level)
  }

  get expectedShortfall(): number {
    return shortfallOfSorted(this.#losses.sorted, this.#losses.count, this.#level)
  }

  /** As `valueAtRisk`, scaled to the volatility of now. */
  get filteredValueAtRisk(): number {
    return this.deviation * quantileOfSorted(this.#residuals.sorted, this.#residuals.count, this.#level)
  }

  get filteredExpectedShortfall(): number {
    return this.deviation * shortfallOfSorted(this.#residuals.sorted, this.#residuals.count, this.#level)
  }
}
