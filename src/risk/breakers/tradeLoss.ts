/** @file Breaker: a single trade, from opening a position to closing or turning it, lost too much. */

/** Loss of the trade under way, fees and funding included, as a fraction of the account's equity when it was opened. */
export class TradeLoss {
  readonly allowed: number
  measured = 0
  /** Whether the last observation ended a trade: its loss is then booked, and no longer a matter of marks. */
  closed = false
  #lots = 0
  #base = Number.NaN
  #equity = Number.NaN

  /** @param limit Fraction of equity at opening. */
  constructor(limit: number) {
    this.allowed = limit
  }

  /**
   * @param lots Signed lots held now.
   * @param profit Everything earned on the underlying since the start, open profit included, in dollars.
   * @param equity The account's, in dollars; taken when a trade opens.
   */
  observe(lots: number, profit: number, equity: number): boolean {
    const before = this.#lots
    this.#lots = lots
    this.closed = false
    if (before === 0) {
      this.measured = 0
      // While flat the base follows the profit, so the fee that opens a trade belongs to that trade.
      if (lots === 0 || Number.isNaN(this.#base)) this.#base = profit
      this.#equity = equity
      if (lots === 0) return false
    }
    this.measured = this.#equity > 0 ? (this.#base - profit) / this.#equity : Number.POSITIVE_INFINITY
    if (Number.isNaN(profit) || Number.isNaN(this.#equity)) this.measured = Number.NaN
    if (before !== 0 && (lots === 0 || before > 0 !== lots > 0)) {
      this.closed = true
      this.#base = profit
      this.#equity = equity
    }
    return !(this.measured <= this.allowed)
  }

  /** The trade under way starts again at the next value. */
  rebase(): void {
    this.#lots = 0
    this.#base = Number.NaN
  }
}
