/**
 * @file The options of one expiry, laid out to be worth what they are under many shocks: the inner loop of scenario margins.
 *
 * A call is F N(d1) − K N(d2), a put the same less F − K; so the worth of a whole expiry is F Σ aN(d1) − Σ aK N(d2) less what the
 * puts are short of a forward. Undiscounted. Accuracy: 1e-15 of the notional, which is what a margin needs and a price does not.
 */

import { tabulatedNormalCdf } from './normalTable.ts'

/** One option as a scan sees it. */
export interface ScannedOption {
  /** Contracts of one base unit, signed. */
  readonly amount: number
  readonly strike: number
  /** +1 call, −1 put. */
  readonly right: number
  /** A fraction a year. */
  readonly volatility: number
}

/** Columns of options of one expiry, reused from scan to scan: `load`, `spread` for each way volatility moves, `worth` for each shock. */
export class OptionScan {
  /** Rows in use: options of one strike and volatility share one. */
  rows = 0
  /** Time value's horizon √T, years. */
  #root = 0
  #forwardAmount = 0
  #strikeAmount = 0
  #lengths = 0
  #strike = new Float64Array(0)
  #logStrike = new Float64Array(0)
  #amount = new Float64Array(0)
  #volatility = new Float64Array(0)
  readonly #inverse: Float64Array[] = []
  readonly #half: Float64Array[] = []

  /** Takes the options of one expiry, `years` away. Replaces what was loaded. */
  load(options: readonly ScannedOption[], years: number): void {
    if (options.length > this.#lengths) this.#grow(2 * options.length)
    this.#root = Math.sqrt(Math.max(0, years))
    this.#forwardAmount = 0
    this.#strikeAmount = 0
    let rows = 0
    for (let i = 0; i < options.length; i++) {
      const { amount, strike, right, volatility } = options[i]!
      if (right < 0) {
        this.#forwardAmount -= amount
        this.#strikeAmount -= amount * strike
      }
      let row = 0
      while (row < rows && !(this.#strike[row] === strike && this.#volatility[row] === volatility)) row++
      if (row < rows) this.#amount[row]! += amount
      else {
        this.#strike[row] = strike
        this.#logStrike[row] = Math.log(strike)
        this.#amount[row] = amount
        this.#volatility[row] = volatility
        rows++
      }
    }
    this.rows = rows
  }

  #grow(lengths: number): void {
    this.#lengths = lengths
    this.#strike = new Float64Array(lengths)
    this.#logStrike = new Float64Array(lengths)
    this.#amount = new Float64Array(lengths)
    this.#volatility = new Float64Array(lengths)
    this.#inverse.length = 0
    this.#half.length = 0
  }

  #spreadOf(way: number): { inverse: Float64Array; half: Float64Array } {
    while (this.#inverse.length <= way) {
      this.#inverse.push(new Float64Array(this.#lengths))
      this.#half.push(new Float64Array(this.#lengths))
    }
    return { inverse: this.#inverse[way]!, half: this.#half[way]! }
  }

  /** Volatility moved one way for all strikes: max(`least`, `factor` × volatility). `way` numbers it for {@link worth}. */
  spread(way: number, factor: number, least: number): void {
    const { inverse, half } = this.#spreadOf(way)
    for (let i = 0; i < this.rows; i++) {
      const s = Math.max(least, factor * this.#volatility[i]!) * this.#root
      inverse[i] = 1 / s
      half[i] = 0.5 * s
    }
  }

  /**
   * Volatility tilted by log-moneyness k = ln(K/F): times 1 + min(cap, cap × k/width), mirrored below the forward (`linear`) or
   * the same on both sides; not below 0.
   */
  tilt(way: number, forward: number, cap: number, width: number, linear: boolean): void {
    const { inverse, half } = this.#spreadOf(way)
    const logForward = Math.log(forward)
    for (let i = 0; i < this.rows; i++) {
      const k = this.#logStrike[i]! - logForward
      const shock = Math.min(cap, (Math.abs(k) * cap) / width)
      const s = this.#volatility[i]! * Math.max(0, 1 + (linear && k < 0 ? -shock : shock)) * this.#root
      inverse[i] = 1 / s
      half[i] = 0.5 * s
    }
  }

  /** Undiscounted worth of all options at a forward, with volatility as `way` has it; quote units. */
  worth(forward: number, way: number): number {
    const inverse = this.#inverse[way]!
    const half = this.#half[way]!
    const strikes = this.#strike
    const logStrikes = this.#logStrike
    const amounts = this.#amount
    const logForward = Math.log(forward)
    let inForwards = this.#forwardAmount
    let inStrikes = this.#strikeAmount
    for (let i = 0; i < this.rows; i++) {
      const t = half[i]!
      const amount = amounts[i]!
      if (t === 0) {
        // Neither time nor volatility: exercise. Written apart, because 0/0 at the strike is not a probability.
        if (forward > strikes[i]!) {
          inForwards += amount
          inStrikes += amount * strikes[i]!
        }
        continue
      }
      const h = (logForward - logStrikes[i]!) * inverse[i]!
      inForwards += amount * tabulatedNormalCdf(h + t)
      inStrikes += amount * strikes[i]! * tabulatedNormalCdf(h - t)
    }
    return forward * inForwards - inStrikes
  }
}
