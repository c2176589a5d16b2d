/**
 * @file A market that remembers what it was asked and did not know, so that a margin that is not a number can say why.
 */

import type { Liquidity, MarketView } from '../marketView.ts'

/** Day of a moment, for names of what is missing. */
function day(timeUs: number): string {
  const date = new Date(timeUs / 1000)
  return Number.isNaN(date.getTime()) ? String(timeUs) : date.toISOString().slice(0, 10)
}

/** Passes every question on; names of those answered by NaN are kept. */
export class WatchedView implements MarketView {
  readonly #market: MarketView
  readonly #missing = new Set<string>()

  constructor(market: MarketView) {
    this.#market = market
  }

  /** What was asked and not known so far, in the order it was first asked. */
  get missing(): readonly string[] {
    return [...this.#missing]
  }

  get timeUs(): number {
    return this.#market.timeUs
  }

  get dollarRate(): number {
    return this.#market.dollarRate
  }

  spot(asset: string): number {
    const price = this.#market.spot(asset)
    if (Number.isNaN(price)) this.#missing.add(`spot ${asset}`)
    return price
  }

  forward(asset: string, expiryUs: number, instrument?: string): number {
    const price = this.#market.forward(asset, expiryUs, instrument)
    if (Number.isNaN(price)) this.#missing.add(`forward ${asset} ${day(expiryUs)}`)
    return price
  }

  volatility(asset: string, expiryUs: number, strike: number, instrument?: string): number {
    const volatility = this.#market.volatility(asset, expiryUs, strike, instrument)
    if (Number.isNaN(volatility)) this.#missing.add(`volatility ${asset} ${day(expiryUs)} ${strike}`)
    return volatility
  }

  perpetual(venue: string, asset: string, instrument?: string): number {
    const price = this.#market.perpetual(venue, asset, instrument)
    if (Number.isNaN(price)) this.#missing.add(`perpetual ${venue} ${asset}`)
    return price
  }

  fundingPerDay(venue: string, asset: string, instrument?: string): number {
    const rate = this.#market.fundingPerDay(venue, asset, instrument)
    if (Number.isNaN(rate)) this.#missing.add(`funding ${venue} ${asset}`)
    return rate
  }

  liquidity(venue: string, asset: string): Liquidity | undefined {
    return this.#market.liquidity(venue, asset)
  }

  transactionCost(venue: string): number {
    return this.#market.transactionCost(venue)
  }
}
