/** @file Breaker: a model is asked about a world it was not trained on. */

/** Share of a model's inputs outside the range of its training data. */
export class ModelRange {
  readonly allowed: number
  measured = 0

  constructor(shareMax: number) {
    this.allowed = shareMax
  }

  observe(share: number): boolean {
    this.measured = share
    return !(share <= this.allowed)
  }

  rebase(): void {}
}
