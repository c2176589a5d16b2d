/** @file Breaker: the mark we are margined on has left the index, or oracle price, it should follow. */

/** Distance of mark and index in basis points of the index. */
export class MarkDivergence {
  readonly allowed: number
  measured = 0

  constructor(divergenceMaxBps: number) {
    this.allowed = divergenceMaxBps
  }

  observe(mark: number, index: number): boolean {
    this.measured = Math.abs(mark - index) * (10_000 / index)
    if (!(index > 0)) this.measured = Number.NaN
    return !(this.measured <= this.allowed)
  }

  rebase(): void {}
}
