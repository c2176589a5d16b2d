/** @file Breaker: the account's equity cannot be computed, so no loss limit can see. */

/** NaN equity, once it was ever known or after a time to start up. */
export class EquityNan {
  readonly allowed = 0
  measured = 0
  readonly #startupUs: number
  #known = false
  #firstUs = Number.NaN

  /** @param startupUs How long after the first observation it may still be unknown, in µs. */
  constructor(startupUs: number) {
    this.#startupUs = startupUs
  }

  observe(equity: number, nowUs: number): boolean {
    if (Number.isNaN(this.#firstUs)) this.#firstUs = nowUs
    this.measured = equity
    if (Number.isFinite(equity)) {
      this.#known = true
      return false
    }
    return this.#known || nowUs - this.#firstUs > this.#startupUs
  }

  /** Nothing to forget: unknown stays unknown, and trips again. */
  rebase(): void {}
}
