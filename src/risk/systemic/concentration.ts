/**
 * @file How few hands or places something lies in: Herfindahl-Hirschman index, by venue and asset, and how crowded we make it.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Book } from '../../portfolio/book.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { liquidityLegs } from '../tail/liquidityAdjusted.ts'

/**
 * Herfindahl-Hirschman index Σ share², of absolute amounts: 1 for all in one, 1/n for n alike; its inverse is the number of equal
 * parts it amounts to. NaN when there is nothing.
 *
 * @throws {GimbalError} `argument-invalid` for an amount that is not finite.
 */
export function herfindahl(amounts: Iterable<number>): number {
  let sum = 0
  let squares = 0
  for (const amount of amounts) {
    if (!Number.isFinite(amount)) throw new GimbalError('argument-invalid', 'A share of nothing known', { amount })
    sum += Math.abs(amount)
    squares += amount * amount
  }
  return sum === 0 ? Number.NaN : squares / (sum * sum)
}

/** Where a book's exposure lies. Dollars are of delta, absolute, netted within an account and asset. */
export interface Concentration {
  readonly gross: number
  /** |Σ signed| / Σ |each|: 1 when everything leans one way. */
  readonly oneSided: number
  readonly byVenue: ReadonlyMap<string, number>
  readonly byAsset: ReadonlyMap<string, number>
  readonly venueIndex: number
  readonly assetIndex: number
}

/** @throws {GimbalError} `argument-invalid` when an exposure is not known. */
export function concentrationOf(book: Book, market: MarketView): Concentration {
  const byVenue = new Map<string, number>()
  const byAsset = new Map<string, number>()
  let gross = 0
  let net = 0
  for (const { venue, asset, dollars } of liquidityLegs(book, market)) {
    const size = Math.abs(dollars)
    byVenue.set(venue, (byVenue.get(venue) ?? 0) + size)
    byAsset.set(asset, (byAsset.get(asset) ?? 0) + size)
    gross += size
    net += dollars
  }
  return {
    gross,
    oneSided: gross === 0 ? 0 : Math.abs(net) / gross,
    byVenue,
    byAsset,
    venueIndex: herfindahl(byVenue.values()),
    assetIndex: herfindahl(byAsset.values()),
  }
}

/** How much of a market a position is, all in dollars. NaN where the market's side is not known. */
export interface Crowding {
  /** Of the open interest. */
  readonly openInterestShare: number
  /** Multiple of what can be traded within 1 %. */
  readonly depths: number
}

/** @param depth Dollars that move the price by 1 %. */
export function crowding(position: number, openInterest: number, depth: number): Crowding {
  const size = Math.abs(position)
  return {
    openInterestShare: openInterest > 0 ? size / openInterest : Number.NaN,
    depths: depth > 0 ? size / depth : Number.NaN,
  }
}
