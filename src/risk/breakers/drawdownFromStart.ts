/** @file Breaker: equity fell too far below where the run, or the last reset, began. */

/** Loss from the starting equity, as a fraction of it; gains made in between do not raise the mark. */
export class DrawdownFromStart {
  readonly allowed: number
  measured = 0
  /** Equity in dollars at the start; NaN before the first read. */
  start = Number.NaN

  /** @param limit Fraction of the start. */
  constructor(limit: number) {
    this.allowed = limit
  }

  /** @param equity In dollars. @param settled The start is taken from it; see `DrawdownFromPeak.observe`. */
  observe(equity: number, settled: number): boolean {
    if (Number.isNaN(this.start)) this.start = settled
    this.measured = this.start > 0 ? (this.start - equity) / this.start : Number.POSITIVE_INFINITY
    if (Number.isNaN(equity) || Number.isNaN(this.start)) this.measured = Number.NaN
    return !(this.measured <= this.allowed)
  }

  transfer(dollars: number): void {
    this.start += dollars
  }

  /** The next value becomes the start. */
  rebase(): void {
    this.start = Number.NaN
  }
}
