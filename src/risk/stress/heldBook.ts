/**
 * @file A book that changes under stress: the same accounts, with positions and balances that can be closed and moved, and where
 * every dollar of cost went.
 */

import type { Book, Position, Transfer, VenueAccount } from '../../portfolio/book.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { accountValue, poolAmounts, positionValue } from '../../portfolio/valuation.ts'

/** Where equity went, in dollars; positive is a loss. Their sum is the equity at the start less that at the end. */
export interface Losses {
  /** Prices, volatility and time moving on what was held. */
  market: number
  /** Our own trades moving the price of what we still hold, less what of it came back. */
  impact: number
  funding: number
  /** Interest and pool fees: negative when earned. */
  carry: number
  /** Half spreads and impact paid in our own trades, and in those a venue made for us. */
  slippage: number
  fees: number
  /** Penalties, bonuses of liquidators, and equity a venue kept. */
  liquidation: number
  gas: number
  /** Fees of moving money. */
  transfers: number
  /** What an account owed beyond its collateral and nobody can ask of us: negative, a loss of someone else. */
  writtenOff: number
}

export function noLosses(): Losses {
  return {
    market: 0,
    impact: 0,
    funding: 0,
    carry: 0,
    slippage: 0,
    fees: 0,
    liquidation: 0,
    gas: 0,
    transfers: 0,
    writtenOff: 0,
  }
}

/** One account under stress; reads as a {@link VenueAccount}. */
export class HeldAccount implements VenueAccount {
  readonly venue: string
  readonly margin?: string
  readonly balances: Record<string, number>
  positions: Position[]
  /** When its venue last sold part of a large position. */
  soldPartlyUs = Number.NEGATIVE_INFINITY

  constructor(account: VenueAccount) {
    this.venue = account.venue
    if (account.margin !== undefined) this.margin = account.margin
    this.balances = { ...account.balances }
    this.positions = [...account.positions]
  }

  /** Adds dollars' worth of a currency at its price. */
  credit(currency: string, dollars: number, market: MarketView): void {
    if (dollars === 0) return
    this.balances[currency] = (this.balances[currency] ?? 0) + dollars / market.spot(currency)
  }

  /** Takes costs from the dollar-richest balance: what a venue would debit. */
  debit(dollars: number, market: MarketView): void {
    let richest = 'USDC'
    let most = Number.NEGATIVE_INFINITY
    for (const [currency, units] of Object.entries(this.balances)) {
      const worth = units * market.spot(currency)
      if (worth > most) [richest, most] = [currency, worth]
    }
    this.credit(richest, -dollars, market)
  }

  /**
   * Pays what is owed in one currency from balances of others, at spot: no venue lets a balance stay below zero while another
   * can cover it. What cannot be covered stays.
   */
  cover(market: MarketView): void {
    for (const [owed, units] of Object.entries(this.balances)) {
      let short = -units * market.spot(owed)
      if (!(short > 0)) continue
      for (const [currency, held] of Object.entries(this.balances)) {
        const worth = held * market.spot(currency)
        if (!(worth > 0) || !(short > 0)) continue
        const paid = Math.min(worth, short)
        this.credit(currency, -paid, market)
        this.credit(owed, paid, market)
        short -= paid
      }
    }
    for (const [currency, units] of Object.entries(this.balances))
      if (Math.abs(units) * market.spot(currency) < 1e-9) this.balances[currency] = 0
  }

  /**
   * Closes a share of a position into the currency it settles in; its worth becomes a balance. Costs are another matter.
   *
   * @returns Dollars, not above 0, that an isolated position owes beyond its own margin: those are asked of nobody.
   */
  close(position: Position, share: number, market: MarketView): number {
    let beyond = 0
    const at = this.positions.indexOf(position)
    const worth = positionValue(position, this.venue, market) * share
    switch (position.kind) {
      case 'perp':
      case 'future': {
        const { isolatedMargin, settle } = position
        const left = worth + (isolatedMargin ?? 0) * share * market.spot(settle)
        if (isolatedMargin !== undefined) beyond = Math.min(0, left)
        this.credit(settle, left - beyond, market)
        break
      }
      case 'option':
      case 'power':
        this.credit(position.settle, worth, market)
        break
      case 'pool': {
        // Liquidity comes back as the two tokens it is.
        const held = poolAmounts(position, market.spot(position.asset) / market.spot(position.quote))
        const base = (held.base + (position.feesBase ?? 0)) * market.spot(position.asset) * share
        this.credit(position.asset, base, market)
        this.credit(position.quote, worth - base, market)
        break
      }
      case 'supply':
      case 'debt':
        this.credit(position.asset, worth, market)
        break
    }
    if (share >= 1) this.positions.splice(at, 1)
    else this.positions[at] = scaled(position, 1 - share)
    return beyond
  }

  /** Units of an asset owed. */
  owed(asset: string): number {
    let units = 0
    for (const position of this.positions)
      if (position.kind === 'debt' && position.asset === asset) units += position.amount
    return units
  }

  /** Makes debts in an asset smaller by so many units, first come first served. */
  repay(asset: string, units: number): void {
    this.#lessen('debt', asset, units)
  }

  /** Takes so many units out of what is supplied. */
  withdraw(asset: string, units: number): void {
    this.#lessen('supply', asset, units)
  }

  #lessen(kind: 'supply' | 'debt', asset: string, units: number): void {
    let left = units
    this.positions = this.positions.flatMap((position) => {
      if (position.kind !== kind || position.asset !== asset || left <= 0) return [position]
      const taken = Math.min(left, position.amount)
      left -= taken
      return taken === position.amount ? [] : [{ ...position, amount: position.amount - taken }]
    })
  }

  value(market: MarketView): number {
    return accountValue(this, market)
  }
}

/** A position of a fraction of the size. */
export function scaled(position: Position, factor: number): Position {
  switch (position.kind) {
    case 'perp':
    case 'future':
      return {
        ...position,
        size: position.size * factor,
        ...(position.isolatedMargin === undefined ? {} : { isolatedMargin: position.isolatedMargin * factor }),
      }
    case 'option':
    case 'power':
      return { ...position, size: position.size * factor }
    case 'pool':
      return {
        ...position,
        liquidity: position.liquidity * factor,
        feesBase: (position.feesBase ?? 0) * factor,
        feesQuote: (position.feesQuote ?? 0) * factor,
      }
    case 'supply':
    case 'debt':
      return { ...position, amount: position.amount * factor }
  }
}

/** All accounts and money under way, and the running sum of what was lost. */
export class HeldBook {
  readonly accounts: readonly HeldAccount[]
  inTransit: Transfer[]
  readonly losses: Losses = noLosses()

  constructor(book: Book) {
    this.accounts = book.accounts.map((account) => new HeldAccount(account))
    this.inTransit = [...book.inTransit]
  }

  value(market: MarketView): number {
    let sum = 0
    for (const account of this.accounts) sum += account.value(market)
    for (const { units, currency } of this.inTransit) sum += units * market.spot(currency)
    return sum
  }
}
