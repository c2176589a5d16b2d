/** @file Breaker: too much of a venue's margin used up. */

/** Maintenance margin over equity, as a margin engine reports it: 1 is liquidation. */
export class MarginRatio {
  readonly allowed: number
  measured = 0

  constructor(ratioMax: number) {
    this.allowed = ratioMax
  }

  /** @param ratio Negative for an account below 0 counts as beyond any limit; NaN breaches. */
  observe(ratio: number): boolean {
    this.measured = ratio < 0 ? Number.POSITIVE_INFINITY : ratio
    return !(this.measured <= this.allowed)
  }

  rebase(): void {}
}
