/** @file Breaker: a single trade, from opening a position to closing or turning it, lost too much. */

/**
 * Loss of the trade under way, fees and funding included, as a fraction of the account's equity when it was opened.
 *
 * What coins held as cash have gained since then excuses a loss: a hedge of them loses just that. What they have lost accuses
 * nobody: they were there before the trade, and would have lost it without.
 */
export class TradeLoss {
  readonly allowed: number
  measured = 0
  /** Whether the last observation ended a trade: its loss is then booked, and no longer a matter of marks. */
  closed = false
  #lots = 0
  #base = Number.NaN
  #baseCoins = 0
  #equity = Number.NaN

  /** @param limit Fraction of equity at opening. */
  constructor(limit: number) {
    this.allowed = limit
  }

  /**
   * @param lots Signed lots held now.
   * @param profit Everything earned on the underlying since the start, open profit included, in dollars.
   * @param equity The account's, in dollars; taken when a trade opens.
   * @param coins What coins of the underlying held as cash have gained since some moment before the trade, in dollars.
   */
  observe(lots: number, profit: number, equity: number, coins = 0): boolean {
    const before = this.#lots
    this.#lots = lots
    this.closed = false
    if (before === 0) {
      this.measured = 0
      // While flat the base follows the profit, so the fee that opens a trade belongs to that trade.
      if (lots === 0 || Number.isNaN(this.#base)) this.#base = profit
      // What coins gained before the trade, however long nobody looked, excuses nothing of it.
      this.#baseCoins = coins
      this.#equity = equity
      if (lots === 0) return false
    }
    const loss = this.#base - profit - Math.max(0, coins - this.#baseCoins)
    this.measured = this.#equity > 0 ? loss / this.#equity : Number.POSITIVE_INFINITY
    if (Number.isNaN(profit) || Number.isNaN(this.#equity)) this.measured = Number.NaN
    if (before !== 0 && (lots === 0 || before > 0 !== lots > 0)) {
      this.closed = true
      this.#base = profit
      this.#baseCoins = coins
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
