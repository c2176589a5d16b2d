/**
 * @file Where the market would be liquidated: estimated from how open interest was built, since no venue says it.
 *
 * Everything below is assumed, and the map is worth what its assumptions are:
 * - every new contract of open interest was opened by a buyer and a seller at the price of that moment;
 * - their leverages are a fixed mix ({@link DEFAULT_LEVERAGES}); half the initial margin maintains a position, so that one of leverage
 *   L is liquidated a move of 1 / (2 L) against it, whatever else is in the account;
 * - positions are renewed at the market: half of them within `entryHalfLifeUs`, those at hand at first included;
 * - open interest that goes is first what the price ran over not long ago, then a bit of every position;
 * - a price that reaches a level has liquidated what lay there.
 */

/** Leverages opened at, with the share of positions at each. Shares sum to 1. */
export interface LeverageShare {
  readonly leverage: number
  readonly share: number
}

/** A guess, stated: nobody publishes the mix. Most margin is cross and low; the few high ones go first. */
export const DEFAULT_LEVERAGES: readonly LeverageShare[] = [
  { leverage: 3, share: 0.3 },
  { leverage: 5, share: 0.3 },
  { leverage: 10, share: 0.25 },
  { leverage: 20, share: 0.1 },
  { leverage: 50, share: 0.05 },
]

/** Width of a bin in the logarithm of the price, and their number: 1,024 of 0.25 % cover a factor of 12.9. */
const BIN = 0.0025
const BINS = 1024
const MASK = BINS - 1

/** One estimated level. */
export interface LiquidationCluster {
  readonly price: number
  /** Lots that would be liquidated there: longs below the market, shorts above. */
  readonly lots: number
  /** Of what would be liquidated: 1 longs, -1 shorts. */
  readonly side: 1 | -1
}

/** Allocates nothing in `observe` and `within`. */
export class LiquidationMap {
  readonly #leverages: readonly LeverageShare[]
  readonly #entryHalfLifeUs: number
  readonly #longs = new Float64Array(BINS)
  readonly #shorts = new Float64Array(BINS)
  #bin = 0
  #openInterest = Number.NaN
  #atUs = Number.NaN
  /** Run over by the price and not yet seen to leave the open interest. */
  #runOver = 0

  constructor(entryHalfLifeUs: number, leverages: readonly LeverageShare[] = DEFAULT_LEVERAGES) {
    this.#leverages = leverages
    this.#entryHalfLifeUs = entryHalfLifeUs
  }

  /** @param price Above 0. @param openInterest In lots, above 0. */
  observe(price: number, openInterest: number, nowUs: number): void {
    const bin = Math.round(Math.log(price) / BIN)
    if (Number.isNaN(this.#openInterest)) {
      this.#bin = bin
      this.#open(openInterest)
    } else {
      this.#sweep(bin)
      this.#renew(1 - 0.5 ** ((nowUs - this.#atUs) / this.#entryHalfLifeUs))
      this.#follow(openInterest)
    }
    this.#openInterest = openInterest
    this.#atUs = nowUs
  }

  /** Lots on the worse side that would be liquidated by a move of at most this fraction of the price. */
  within(reach: number): number {
    const bins = Math.min(BINS / 2, Math.round(Math.log1p(reach) / BIN))
    let longs = 0
    let shorts = 0
    for (let k = 0; k <= bins; k++) {
      longs += this.#longs[(this.#bin - k) & MASK]!
      shorts += this.#shorts[(this.#bin + k) & MASK]!
    }
    return Math.max(longs, shorts)
  }

  /** The largest levels within half the span either way, by price. Allocates. */
  clusters(most: number): readonly LiquidationCluster[] {
    const found: LiquidationCluster[] = []
    for (let k = 0; k < BINS / 2; k++) {
      for (const side of [1, -1] as const) {
        const bin = this.#bin - side * k
        const lots = (side > 0 ? this.#longs : this.#shorts)[bin & MASK]!
        if (lots > 0) found.push({ price: Math.exp(bin * BIN), lots, side })
      }
    }
    found.sort((a, b) => b.lots - a.lots || a.price - b.price)
    return found.slice(0, most).sort((a, b) => a.price - b.price)
  }

  #open(lots: number): void {
    for (let i = 0; i < this.#leverages.length; i++) {
      const { leverage, share } = this.#leverages[i]!
      const move = 0.5 / leverage
      this.#longs[(this.#bin + Math.round(Math.log1p(-move) / BIN)) & MASK]! += lots * share
      this.#shorts[(this.#bin + Math.round(Math.log1p(move) / BIN)) & MASK]! += lots * share
    }
  }

  /** The price went from its bin to another: what lay on the way is gone. */
  #sweep(bin: number): void {
    const steps = Math.min(BINS, Math.abs(bin - this.#bin))
    const down = bin < this.#bin
    for (let k = 1; k <= steps; k++) {
      const at = (down ? this.#bin - k : this.#bin + k) & MASK
      const levels = down ? this.#longs : this.#shorts
      this.#runOver += levels[at]!
      levels[at] = 0
    }
    this.#bin = bin
  }

  #renew(share: number): void {
    if (!(share > 0)) return
    this.#scale(1 - share)
    // Whose liquidation nobody saw leave was replaced like everyone else: interest that goes much later is not theirs.
    this.#runOver *= 1 - share
    this.#open(this.#openInterest * share)
  }

  #follow(openInterest: number): void {
    const change = openInterest - this.#openInterest
    if (change > 0) {
      this.#open(change)
      return
    }
    const liquidated = Math.min(this.#runOver, -change)
    this.#runOver -= liquidated
    const left = this.#openInterest - liquidated
    if (left > 0) this.#scale(openInterest / left)
  }

  #scale(factor: number): void {
    const longs = this.#longs
    const shorts = this.#shorts
    for (let i = 0; i < BINS; i++) {
      longs[i]! *= factor
      shorts[i]! *= factor
    }
  }
}
