/**
 * @file GMX v2: every position stands for itself, with what closing it would cost.
 *
 * A position is liquidated when collateral plus profit, less the fee of closing and what closing would move the price against it,
 * falls below a share of its size, or below a least amount of dollars. The impact counted is capped, and never in favour; the fee
 * of liquidation itself is charged afterwards and decides nothing.
 *
 * Sources: gmx-io/gmx-synthetics, PositionUtils.isPositionLiquidatable for the rules, config/markets.ts and config/general.ts for the
 * parameters of Arbitrum, read November 2026; not verified against the chain. Pass what it says today.
 */

import type { FuturePosition, Position, VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'
import { futureDollars, futureMark } from '../valuation.ts'
import type { MarginEngine, MarginPool, MarginReport } from './marginEngine.ts'
import { marginReport, placedName, pooled, refuseDebts, refusePosition, requireNumbers } from './marginReport.ts'
import { WatchedView } from './watchedView.ts'

/** Terms of one market, fractions of position size unless said otherwise. */
export interface GmxTerms {
  /** Least share of size that must remain, to open and to keep. */
  readonly minCollateralFactor: number
  readonly minCollateralFactorForLiquidation: number
  /** Least dollars that must remain. */
  readonly minCollateralUsd: number
  /** Fee of a close that leaves the market less balanced: the worse of the two. */
  readonly positionFee: number
  /** Price impact of closing: `impactFactor × size^impactExponent` dollars, at most `impactMax` of size in a liquidation. */
  readonly impactFactor: number
  readonly impactExponent: number
  readonly impactMax: number
}

const MAJOR: GmxTerms = {
  minCollateralFactor: 0.005,
  minCollateralFactorForLiquidation: 0.005,
  minCollateralUsd: 1,
  positionFee: 0.0006,
  impactFactor: 0,
  impactExponent: 2,
  impactMax: 0,
}

/**
 * By asset, without impact: these markets' `maxPositionImpactFactorForLiquidations` is 0, so none counts against a position.
 */
export const GMX_TERMS: Readonly<Record<string, GmxTerms>> = { BTC: MAJOR, ETH: MAJOR, SOL: MAJOR, LINK: MAJOR }

/** Dollars lost to price impact when a position of `size` dollars is closed by liquidation. */
export function gmxImpact(size: number, terms: GmxTerms): number {
  return Math.min(terms.impactFactor * size ** terms.impactExponent, terms.impactMax * size)
}

/** What must remain after costs, dollars: to open more, and to keep. `size` is the position's dollars at entry. */
export function gmxMinCollateral(size: number, terms: GmxTerms): { initial: number; maintenance: number } {
  const maintenance = Math.max(terms.minCollateralFactorForLiquidation * size, terms.minCollateralUsd)
  return { initial: Math.max(terms.minCollateralFactor * size, maintenance), maintenance }
}

/** A position as its liquidation price sees it. */
export interface GmxPosition {
  /** +1 long, −1 short. */
  readonly side: 1 | -1
  /** Base units, above 0. */
  readonly tokens: number
  /** Average entry, dollars per base. */
  readonly entry: number
  /** Units of the collateral, and whether they are of the same asset as the position or dollars. */
  readonly collateral: number
  readonly collateralIsBase: boolean
  /** Borrowing and funding owed, dollars. */
  readonly owed: number
}

/**
 * Price at which what remains meets what must: linear in price, for size is counted in dollars at entry.
 *
 * @returns Dollars per base; NaN where no price above 0 does it, as for a long backed by more dollars than its size.
 */
export function gmxLiquidationPrice(position: GmxPosition, terms: GmxTerms): number {
  const { side, tokens, entry, collateral, collateralIsBase, owed } = position
  const size = tokens * entry
  const needed = gmxMinCollateral(size, terms).maintenance + size * terms.positionFee + gmxImpact(size, terms) + owed
  // collateral × (p or 1) + side × (tokens p − size) = needed
  const perDollar = side * tokens + (collateralIsBase ? collateral : 0)
  const price = (needed + side * size - (collateralIsBase ? 0 : collateral)) / perDollar
  return price > 0 && perDollar !== 0 && Number.isFinite(price) ? price : Number.NaN
}

const NAME = 'gmx-v2'

function perpetual(position: Position, venue: string, terms: Readonly<Record<string, GmxTerms>>): FuturePosition {
  if (position.kind !== 'perp' || position.payoff !== 'linear') {
    return refusePosition(NAME, position, venue, 'only linear perpetuals are')
  }
  if (position.isolatedMargin === undefined) {
    return refusePosition(NAME, position, venue, 'every position has collateral of its own (isolatedMargin)')
  }
  if (!Object.hasOwn(terms, position.asset))
    return refusePosition(NAME, position, venue, 'its asset has no listed terms')
  if (position.size !== 0 && !(position.entry > 0))
    return refusePosition(NAME, position, venue, 'its size is counted at its entry, which is no price')
  return position
}

/**
 * The engine: a pool per position, in dollars. Its collateral is `isolatedMargin` units of `settle`, a dollar coin or the asset itself;
 * what closing costs is part of what is asked. Profit is dollars whatever the collateral; where that is a dollar coin off its peg it is
 * counted in that coin, as everywhere in a book, while the contract would count dollars.
 */
export function gmxV2(terms: Readonly<Record<string, GmxTerms>> = GMX_TERMS): MarginEngine {
  return {
    name: NAME,
    source: 'gmx-io/gmx-synthetics, PositionUtils and config/markets.ts, November 2026',
    assess(account: VenueAccount, market: MarketView): MarginReport {
      requireNumbers(account)
      refuseDebts(NAME, account, () => false)
      const view = new WatchedView(market)
      const pools: MarginPool[] = account.positions.map((each) => {
        const position = perpetual(each, account.venue, terms)
        const listed = terms[position.asset]!
        const size = Math.abs(position.size) * position.entry
        const profit = size === 0 ? 0 : futureDollars(position, futureMark(position, account.venue, view), view)
        const equity = position.isolatedMargin! * view.spot(position.settle) + profit
        const least = gmxMinCollateral(size, listed)
        const closing = size * listed.positionFee
        const impact = gmxImpact(size, listed)
        const name = placedName(position, account.venue)
        // Profit above is at the mark; nothing is asked of a position that is none.
        if (size === 0) return pooled(name, 'USD', equity, [])
        return pooled(name, 'USD', equity, [
          { what: `least collateral ${name}`, ...least },
          { what: `closing fee ${name}`, initial: closing, maintenance: closing },
          { what: `price impact of closing ${name}`, initial: impact, maintenance: impact },
        ])
      })
      return marginReport(NAME, pools, view)
    },
  }
}
