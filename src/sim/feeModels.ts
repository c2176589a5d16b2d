/**
 * @file Trading fees: what a venue takes from a fill, by tier of traded volume.
 *
 * Fees are rounded up to the atom, rebates down: against us. Options pay a share of the underlying, not of the
 * premium, capped at a share of the premium (Deribit's and Derive's rule).
 *
 * Where they are optimistic: none of the venues' minimum fees per order is charged, and the tier of a new account is
 * reckoned from this run's own volume and `volumeBefore`, so state the latter honestly.
 */

import { DAY_US, startOfDayUs } from '../core/clock.ts'
import { atomsPerUnit, dollarLike, type Instrument } from '../market/instrument.ts'

/** Fees from a volume upwards. */
export interface FeeTier {
  /** Traded in the last 30 days before today, in dollars. */
  readonly volumeFloor: number
  readonly makerBps: number
  /** Negative makers are rebates. */
  readonly takerBps: number
}

/** Settings of a venue's fees. */
export interface FeeSettings {
  /** By rising floor; absent: each instrument's own `fees`. */
  readonly tiers?: readonly FeeTier[]
  /** Dollars traded in the 30 days before the run. */
  readonly volumeBefore?: number
  /** Cap of an option's fee as a fraction of its premium. */
  readonly optionCap?: number
}

const DAYS = 30

/** Notional of a trade or position in units of the quote currency. */
export function quoteNotional(instrument: Instrument, price: number, lots: number): number {
  const contracts = Math.abs(lots) * instrument.lots.size * Number(instrument.spec.multiplier)
  return instrument.inverse ? contracts : contracts * price
}

/** Reckons fees of one venue and remembers what was traded there. */
export class FeeModel {
  readonly #settings: FeeSettings
  /** Dollars by day, a ring of the last 31. */
  readonly #days = new Float64Array(DAYS + 1)
  #todayUs = Number.NEGATIVE_INFINITY
  #firstUs = Number.NEGATIVE_INFINITY
  #tier: FeeTier | undefined

  constructor(settings: FeeSettings = {}) {
    this.#settings = settings
    this.#tier = settings.tiers?.[0]
  }

  get assumption(): string {
    const tiers = this.#settings.tiers
    return tiers
      ? `fees: ${tiers.length} tiers by 30-day volume, ${this.#settings.volumeBefore ?? 0} dollars before the run`
      : `fees: each instrument's own maker and taker rate, one tier`
  }

  /** Fee of a fill in atoms of the settlement currency; negative is a rebate. `underlying` is NaN where unknown. */
  feeAtoms(instrument: Instrument, tick: number, lots: number, maker: boolean, underlying: number): number {
    const bps = this.#tier
      ? maker
        ? this.#tier.makerBps
        : this.#tier.takerBps
      : maker
        ? instrument.makerBps
        : instrument.takerBps
    if (instrument.kind !== 'option') return instrument.feeAtoms(tick, lots, bps)
    const contracts = Math.abs(lots) * instrument.lots.size * Number(instrument.spec.multiplier)
    // A coin-settled option is on one coin, whatever that is worth; a dollar-settled one needs the coin's price.
    const worth = dollarLike(instrument.settle) ? contracts * underlying : contracts
    const premium = instrument.notionalAtoms(tick, lots)
    const cap = premium * (this.#settings.optionCap ?? 0.125)
    const fee = (worth * atomsPerUnit(instrument.settle) * bps) / 10_000
    return Math.ceil(Math.min(Number.isNaN(fee) ? cap : fee, cap) - 1e-9)
  }

  /** Counts a fill towards the tier, which is settled anew each midnight UTC. */
  onFill(nowUs: number, dollars: number): void {
    const tiers = this.#settings.tiers
    if (!tiers) return
    const todayUs = startOfDayUs(nowUs)
    if (this.#firstUs === Number.NEGATIVE_INFINITY) {
      this.#firstUs = todayUs
      this.#todayUs = todayUs
      this.#choose(tiers)
    }
    this.roll(nowUs)
    this.#days[(todayUs / DAY_US) % this.#days.length]! += dollars
  }

  /** Moves on to the day of `nowUs`. */
  roll(nowUs: number): void {
    const tiers = this.#settings.tiers
    const todayUs = startOfDayUs(nowUs)
    if (!tiers || todayUs <= this.#todayUs || this.#todayUs === Number.NEGATIVE_INFINITY) return
    const passed = Math.min(this.#days.length, (todayUs - this.#todayUs) / DAY_US)
    for (let i = 0; i < passed; i++) this.#days[(todayUs / DAY_US - i) % this.#days.length] = 0
    this.#todayUs = todayUs
    this.#choose(tiers)
  }

  #choose(tiers: readonly FeeTier[]): void {
    // What was traded before the run fades out evenly over its first 30 days.
    const age = (this.#todayUs - this.#firstUs) / DAY_US
    let volume = (this.#settings.volumeBefore ?? 0) * Math.max(0, 1 - age / DAYS)
    for (const dollars of this.#days) volume += dollars
    let tier = tiers[0]
    for (const each of tiers) if (volume >= each.volumeFloor) tier = each
    this.#tier = tier
  }
}
