/**
 * @file A tail with the cost of getting out: the spread, which widens whatever we do, and our own push on the book.
 *
 * Exogenous: half the spread plus a multiple of its deviation (A. Bangia, F. Diebold, T. Schuermann, J. Stroughair, "Modeling
 * liquidity risk", Risk 12, 1999). Endogenous: linear impact of selling all at once, 0.005 × dollars / depth as everywhere in
 * gimbal. Both are added to the tail of the mark, as if the worst of prices and of liquidity came together, which they do.
 */

import type { Book, Position } from '../../portfolio/book.ts'
import { type MarketView, ShiftedView } from '../../portfolio/marketView.ts'
import { positionValue } from '../../portfolio/valuation.ts'
import type { Tail } from './historicalTail.ts'

/** What has to be traded to be out of an asset on a venue. */
export interface LiquidityLeg {
  readonly venue: string
  readonly asset: string
  /** Signed dollars of the asset held (delta); netted within an account, not between venues. */
  readonly dollars: number
}

/** Costs in dollars; NaN where a venue's liquidity is not known. */
export interface LiquidityCost {
  readonly exogenous: number
  readonly endogenous: number
  readonly fees: number
  readonly total: number
  /** Legs whose liquidity nothing is known of: `derive ETH`. */
  readonly unknown: readonly string[]
}

export interface LiquidityStress {
  /** Deviation of the half spread over time as a multiple of its mean; 1 when absent. */
  readonly spreadDeviation?: number
  /** Deviations added to the mean; 3 when absent (Bangia et al. take 2 to 4.5 with the market's kurtosis). */
  readonly deviations?: number
  /** Share of the depth that is left; 1 when absent. On 10 October 2025 it was 0.02. */
  readonly depthLeft?: number
}

const BUMP = 1e-4

/** Dollars of delta of each account by asset: what would be sold. Supplies and debts are repaid, and trade nothing. */
export function liquidityLegs(book: Book, market: MarketView): readonly LiquidityLeg[] {
  const legs: LiquidityLeg[] = []
  for (const { venue, positions } of book.accounts) {
    const byAsset = new Map<string, number>()
    for (const position of positions) {
      if (position.kind === 'supply' || position.kind === 'debt') continue
      byAsset.set(position.asset, (byAsset.get(position.asset) ?? 0) + deltaDollars(position, venue, market))
    }
    for (const [asset, dollars] of byAsset) if (dollars !== 0) legs.push({ venue, asset, dollars })
  }
  return legs
}

function deltaDollars(position: Position, venue: string, market: MarketView): number {
  const up = new ShiftedView(market, { spot: { [position.asset]: 1 + BUMP } })
  const down = new ShiftedView(market, { spot: { [position.asset]: 1 - BUMP } })
  return (positionValue(position, venue, up) - positionValue(position, venue, down)) / (2 * BUMP)
}

/** Cost of trading all legs at once. Selling cannot cost more than is sold. */
export function liquidityCost(
  legs: readonly LiquidityLeg[],
  market: MarketView,
  { spreadDeviation = 1, deviations = 3, depthLeft = 1 }: LiquidityStress = {},
): LiquidityCost {
  let exogenous = 0
  let endogenous = 0
  let fees = 0
  const unknown: string[] = []
  for (const { venue, asset, dollars } of legs) {
    const liquidity = market.liquidity(venue, asset)
    const size = Math.abs(dollars)
    if (!liquidity) unknown.push(`${venue} ${asset}`)
    const halfSpread = liquidity ? liquidity.halfSpread * (1 + deviations * spreadDeviation) : Number.NaN
    const spread = size * Math.min(1, halfSpread)
    const impact = liquidity ? (0.005 * size * size) / (liquidity.depth * depthLeft) : Number.NaN
    exogenous += spread
    endogenous += dollars > 0 ? Math.min(impact, size - spread) : impact
    fees += liquidity ? size * liquidity.takerFee : Number.NaN
  }
  return { exogenous, endogenous, fees, total: exogenous + endogenous + fees, unknown }
}

/** A tail in dollars and what getting out adds to it. */
export function liquidityAdjusted(tail: Tail, cost: LiquidityCost): Tail {
  return {
    valueAtRisk: tail.valueAtRisk + cost.total,
    expectedShortfall: tail.expectedShortfall + cost.total,
  }
}
