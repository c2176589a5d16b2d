/**
 * @file Every price a book can depend on, at one moment: what valuation, margin, hedging and stress all take.
 *
 * A stress is not a different valuation but a different view: {@link ShiftedView} wraps one and moves it.
 */

import { GimbalError } from '../core/errors.ts'
import { dollarLike } from '../market/instrument.ts'
import type { VolatilitySurface } from '../pricing/volatilitySurface.ts'

/** How much can be traded, and what it costs, where an asset is traded on a venue. */
export interface Liquidity {
  /** Half the spread, as a fraction of the price. */
  readonly halfSpread: number
  /** Dollars that move the price by 1 %; cost of trading q dollars at once is halfSpread + 0.005 × q / depth, as a fraction. */
  readonly depth: number
  /** Taker fee, a fraction of notional. */
  readonly takerFee: number
}

/**
 * Prices at one moment. Whatever is unknown is NaN, and makes what is reckoned from it NaN.
 *
 * `instrument` is its name where the position has one: a view that knows that instrument's own figure gives it (a venue may list
 * two perpetuals of one asset, and two venues may see the volatility of one strike differently), others pass over it.
 */
export interface MarketView {
  readonly timeUs: number
  /** Dollars per unit of an asset or currency; dollar coins are 1 unless they lost their peg. */
  spot(asset: string): number
  /** Dollars per unit for delivery at `expiryUs`; spot for a time not after `timeUs`. */
  forward(asset: string, expiryUs: number, instrument?: string): number
  /** Black-76 volatility, a fraction a year. */
  volatility(asset: string, expiryUs: number, strike: number, instrument?: string): number
  /** Mark of a venue's perpetual, dollars per base. */
  perpetual(venue: string, asset: string, instrument?: string): number
  /** What a long position of that perpetual pays a day, as a fraction of its notional; 0 if unknown. */
  fundingPerDay(venue: string, asset: string, instrument?: string): number
  /** Undefined where nothing is known: nothing may be assumed tradable there. */
  liquidity(venue: string, asset: string): Liquidity | undefined
  /** Dollars for a transaction on a chain venue; 0 elsewhere. */
  transactionCost(venue: string): number
  /** Continuously compounded, for discounting option premiums; 0 for coins. */
  readonly dollarRate: number
}

/** A market as plain data. */
export interface MarketFacts {
  readonly timeUs: number
  /** Dollars per unit. Dollar coins may be left out. */
  readonly spot: Readonly<Record<string, number>>
  /** Volatility by asset: a surface, or one figure for all options. */
  readonly volatility?: Readonly<Record<string, VolatilitySurface | number>>
  /** Basis of forwards a year by asset, where no surface gives them: F = S exp(basis × T); 0 when absent. */
  readonly basis?: Readonly<Record<string, number>>
  /** Marks of perpetuals, funding and liquidity by `venue asset`: `hyperliquid BTC`. A perpetual without a mark is at spot. */
  readonly perpetual?: Readonly<Record<string, number>>
  readonly fundingPerDay?: Readonly<Record<string, number>>
  readonly liquidity?: Readonly<Record<string, Liquidity>>
  readonly transactionCost?: Readonly<Record<string, number>>
  readonly dollarRate?: number
}

const YEAR_US = 365 * 86_400_000_000

/** A {@link MarketView} of plain data. */
export class SnapshotView implements MarketView {
  readonly facts: MarketFacts

  constructor(facts: MarketFacts) {
    this.facts = facts
    for (const [asset, price] of Object.entries(facts.spot)) {
      if (price > 0 && Number.isFinite(price)) continue
      throw new GimbalError('argument-invalid', 'A price in a market is not a positive number', { asset, price })
    }
  }

  get timeUs(): number {
    return this.facts.timeUs
  }

  get dollarRate(): number {
    return this.facts.dollarRate ?? 0
  }

  spot(asset: string): number {
    return this.facts.spot[asset] ?? (dollarLike(asset) ? 1 : Number.NaN)
  }

  forward(asset: string, expiryUs: number): number {
    const { timeUs, basis, volatility } = this.facts
    const spot = this.spot(asset)
    if (expiryUs <= timeUs) return spot
    const surface = volatility?.[asset]
    if (typeof surface === 'object') return surface.forward(expiryUs)
    return spot * Math.exp(((basis?.[asset] ?? 0) * (expiryUs - timeUs)) / YEAR_US)
  }

  volatility(asset: string, expiryUs: number, strike: number): number {
    const known = this.facts.volatility?.[asset]
    if (known === undefined) return Number.NaN
    return typeof known === 'number' ? known : known.volatility(expiryUs, strike)
  }

  perpetual(venue: string, asset: string): number {
    return this.facts.perpetual?.[`${venue} ${asset}`] ?? this.spot(asset)
  }

  fundingPerDay(venue: string, asset: string): number {
    return this.facts.fundingPerDay?.[`${venue} ${asset}`] ?? 0
  }

  liquidity(venue: string, asset: string): Liquidity | undefined {
    return this.facts.liquidity?.[`${venue} ${asset}`]
  }

  transactionCost(venue: string): number {
    return this.facts.transactionCost?.[venue] ?? 0
  }
}

/** How a view is moved. Everything absent stays. */
export interface Shift {
  /** Price of an asset times this. */
  readonly spot?: Readonly<Record<string, number>>
  /** Volatility times `factor`, plus `add`: of an asset, at any expiry and strike. */
  readonly volatility?: Readonly<Record<string, { readonly factor?: number; readonly add?: number }>>
  /** Time passed, microseconds. */
  readonly laterUs?: number
}

/**
 * A view moved: forwards and perpetuals keep their ratio to spot, volatility sticks to the strike. With time passing, forwards
 * keep the ratio they had (`basis` does not run off), and a time to expiry is measured from the later moment.
 */
export class ShiftedView implements MarketView {
  readonly #base: MarketView
  readonly #shift: Shift

  constructor(base: MarketView, shift: Shift) {
    this.#base = base
    this.#shift = shift
  }

  get timeUs(): number {
    return this.#base.timeUs + (this.#shift.laterUs ?? 0)
  }

  get dollarRate(): number {
    return this.#base.dollarRate
  }

  #moved(asset: string): number {
    return this.#shift.spot?.[asset] ?? 1
  }

  spot(asset: string): number {
    return this.#base.spot(asset) * this.#moved(asset)
  }

  forward(asset: string, expiryUs: number, instrument?: string): number {
    // Time may have passed the expiry here and not there.
    if (expiryUs <= this.timeUs) return this.spot(asset)
    return this.#base.forward(asset, expiryUs, instrument) * this.#moved(asset)
  }

  volatility(asset: string, expiryUs: number, strike: number, instrument?: string): number {
    const moved = this.#shift.volatility?.[asset]
    const volatility = this.#base.volatility(asset, expiryUs, strike, instrument)
    return Math.max(0, volatility * (moved?.factor ?? 1) + (moved?.add ?? 0))
  }

  perpetual(venue: string, asset: string, instrument?: string): number {
    return this.#base.perpetual(venue, asset, instrument) * this.#moved(asset)
  }

  fundingPerDay(venue: string, asset: string, instrument?: string): number {
    return this.#base.fundingPerDay(venue, asset, instrument)
  }

  liquidity(venue: string, asset: string): Liquidity | undefined {
    return this.#base.liquidity(venue, asset)
  }

  transactionCost(venue: string): number {
    return this.#base.transactionCost(venue)
  }
}
