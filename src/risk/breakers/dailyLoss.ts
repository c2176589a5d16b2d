/** @file Breaker: too much was lost since midnight UTC. */

import { startOfDayUs } from '../../core/clock.ts'

/** Loss since the start of the UTC day, as a fraction of the equity with which the day began. */
export class DailyLoss {
  readonly allowed: number
  measured = 0
  /** Equity in dollars when the day began. */
  opening = Number.NaN
  #dayUs = Number.NaN

  /** @param limit Fraction of the day's opening equity. */
  constructor(limit: number) {
    this.allowed = limit
  }

  /** @param settled A new day opens at it; see `DrawdownFromPeak.observe`. */
  observe(equity: number, settled: number, nowUs: number): boolean {
    const dayUs = startOfDayUs(nowUs)
    if (dayUs !== this.#dayUs || Number.isNaN(this.opening)) {
      this.#dayUs = dayUs
      this.opening = settled
    }
    this.measured = this.opening > 0 ? (this.opening - equity) / this.opening : Number.POSITIVE_INFINITY
    if (Number.isNaN(equity) || Number.isNaN(this.opening)) this.measured = Number.NaN
    return !(this.measured <= this.allowed)
  }

  transfer(dollars: number): void {
    this.opening += dollars
  }

  /** The rest of the day is measured from the next value. */
  rebase(): void {
    this.opening = Number.NaN
  }
}
