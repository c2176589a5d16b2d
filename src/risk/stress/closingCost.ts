/**
 * @file What it costs to get out of a position in a stressed market: spread, impact on a thin book, fees.
 *
 * Order books: `Liquidity` says it (half spread + 0.005 × dollars / depth, as fractions); a seller cannot lose more than the price.
 * Options: half the spread is given in volatility and paid as the difference between the price at the mark and at the volatility
 * beyond it; their maker hedges, so they also pay the impact of their delta.
 */

import type { OptionPosition, Position } from '../../portfolio/book.ts'
import { type MarketView, ShiftedView } from '../../portfolio/marketView.ts'
import { positionGreeks } from '../../portfolio/positionGreeks.ts'
import { futureMark, optionDollars, powerFigures } from '../../portfolio/valuation.ts'
import type { ShockedView } from './shockedView.ts'
import type { StressSettings } from './stressSettings.ts'

/** All in dollars; of closing the whole position. */
export interface ClosingCost {
  readonly slippage: number
  readonly fees: number
  /** Signed dollars of the asset traded: what moves its price. Positive is buying. */
  readonly pressure: number
  /** Notional closed, of the underlying. */
  readonly notional: number
  readonly option: boolean
}

const FREE: ClosingCost = { slippage: 0, fees: 0, pressure: 0, notional: 0, option: false }

/** Slippage of trading signed dollars of an asset on a book; undefined where nothing is known of one. */
export function tradeCost(
  market: MarketView,
  venue: string,
  asset: string,
  dollars: number,
): { slippage: number; fees: number } | undefined {
  const liquidity = market.liquidity(venue, asset)
  if (!liquidity) return undefined
  const size = Math.abs(dollars)
  const fraction = liquidity.halfSpread + (0.005 * size) / liquidity.depth
  return { slippage: size * (dollars < 0 ? Math.min(1, fraction) : fraction), fees: size * liquidity.takerFee }
}

/** Undefined where the position cannot be traded because nothing is known of its liquidity. */
export function closingCost(
  position: Position,
  venue: string,
  market: ShockedView,
  settings: StressSettings,
): ClosingCost | undefined {
  switch (position.kind) {
    case 'perp':
    case 'future': {
      const notional =
        position.payoff === 'linear' ? position.size * futureMark(position, venue, market) : position.size
      return ofBook(market, venue, position.asset, notional)
    }
    case 'power': {
      const mark = powerFigures(position, market)?.price ?? Number.NaN
      return ofBook(market, venue, position.asset, position.size * mark)
    }
    case 'option':
      return ofOption(position, venue, market, settings)
    // Liquidity is withdrawn, loans are repaid: a transaction, which the caller pays, and no trade.
    case 'pool':
    case 'supply':
    case 'debt':
      return FREE
  }
}

function ofBook(market: MarketView, venue: string, asset: string, held: number): ClosingCost | undefined {
  const cost = tradeCost(market, venue, asset, -held)
  return cost && { ...cost, pressure: -held, notional: Math.abs(held), option: false }
}

function ofOption(
  position: OptionPosition,
  venue: string,
  market: ShockedView,
  settings: StressSettings,
): ClosingCost | undefined {
  const { asset, size } = position
  const liquidity = market.liquidity(venue, asset)
  if (!liquidity) return undefined
  const half = settings.optionHalfSpread * market.spreadFactor(venue, asset)
  const price = optionDollars(position, market)
  const beyond = new ShiftedView(market, { volatility: { [asset]: { add: size > 0 ? -half : half } } })
  const spread = Math.abs(optionDollars(position, beyond) - price) * Math.abs(size)
  const spot = market.spot(asset)
  const delta = positionGreeks(position, venue, market).delta * spot
  const impact = (0.005 * delta * delta) / liquidity.depth
  const notional = Math.abs(size) * spot
  const worth = Math.abs(size) * price
  const fees = Math.min(notional * liquidity.takerFee, worth * settings.optionFeeCap)
  // Who sells an option loses at most its price.
  const slippage = size > 0 ? Math.min(worth, spread + impact) : spread + impact
  return { slippage, fees, pressure: -delta, notional, option: true }
}
