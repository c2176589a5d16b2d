/** @file Breaker: equity fell too far below the highest it has been. */

/** Loss from the highest settled equity, as a fraction of that peak. */
export class DrawdownFromPeak {
  readonly allowed: number
  measured = 0
  /** Highest settled equity in dollars; NaN before the first. */
  peak = Number.NaN

  /** @param limit Fraction of the peak. */
  constructor(limit: number) {
    this.allowed = limit
  }

  /**
   * @param equity What is measured, in dollars.
   * @param settled What moves the peak: a median of late reads, so that one misprint upwards does not make every
   *   true value after it look like a loss.
   */
  observe(equity: number, settled: number): boolean {
    // Written so that an unknown peak takes the first value.
    if (!(settled <= this.peak)) this.peak = settled
    this.measured = (this.peak - equity) / this.peak
    // An account at or below zero has no fraction to lose; it is past any limit.
    if (this.peak <= 0) this.measured = Number.POSITIVE_INFINITY
    return !(this.measured <= this.allowed)
  }

  /** A transfer is not a profit: the peak moves with it. */
  transfer(dollars: number): void {
    this.peak += dollars
  }

  /** The next value becomes the peak. */
  rebase(): void {
    this.peak = Number.NaN
  }
}
