/**
 * @file What a portfolio moves by with one asset: options, perpetuals, futures, spot and coins held as margin, over all venues.
 *
 * Profit that is owed in the coin moves with the coin: u coins owed have a delta of u. So a coin-settled option of delta Δ for
 * which e coins are owed has one of Δ − e, and an inverse perpetual of N dollars one of N/S + u.
 */

import { atomsPerUnit } from '../market/instrument.ts'
import type { OptionBoard, OptionSlopes } from './optionBoard.ts'
import type { PolicyContext } from './policy.ts'

/** Sums over everything held on an asset. */
export interface HeldGreeks {
  /** Base units. */
  delta: number
  /** Base units per dollar. */
  gamma: number
  /** Dollars per 1.00 of volatility. */
  vega: number
  /** Dollars a year. */
  theta: number
  /** Σ |size| of options and of everything that is no hedge, in base units. */
  gross: number
  /** Part of the delta that lies in the instruments named as hedges. */
  hedged: number
  /** Volatility of the options held, weighted by |gamma|; NaN without options. */
  volatility: number
}

const SLOPES: OptionSlopes = { price: 0, delta: 0, gamma: 0, vega: 0, theta: 0 }

/**
 * @param linear Instruments of the asset that are no options. @param hedges Those among them that hedge.
 * @param coins Whether coins held as margin count.
 * @param yearly Volatility for the options' slopes; absent, each option's own.
 * @returns False while something held cannot be valued.
 */
export function heldGreeks(
  context: PolicyContext,
  board: OptionBoard,
  linear: readonly number[],
  hedges: ReadonlySet<number>,
  coins: boolean,
  into: HeldGreeks,
  yearly?: number,
): boolean {
  into.delta = into.gamma = into.vega = into.theta = into.gross = into.hedged = 0
  const { portfolio, universe } = context
  const { spot, asset } = board
  let weighted = 0
  let weight = 0
  let known = spot > 0
  for (const option of board.options) {
    const lots = portfolio.lots(option.index)
    if (lots === 0) continue
    const size = lots * option.lotBase
    const own = board.volatility(option, spot)
    if (!board.slopes(option, SLOPES, yearly ?? own, spot)) known = false
    const owed = option.inCoin ? portfolio.holding(option.index).costAtoms / atomsPerUnit(asset) : 0
    into.delta += size * SLOPES.delta - owed
    into.gamma += size * SLOPES.gamma
    into.vega += size * SLOPES.vega
    into.theta += size * SLOPES.theta
    into.gross += Math.abs(size)
    weighted += Math.abs(size * SLOPES.gamma) * own
    weight += Math.abs(size * SLOPES.gamma)
  }
  for (const index of linear) {
    const lots = portfolio.lots(index)
    if (lots === 0) continue
    const instrument = universe.at(index)
    const contracts = lots * instrument.lots.size * Number(instrument.spec.multiplier)
    const owed = instrument.inverse ? portfolio.unrealisedAtoms(index) / atomsPerUnit(instrument.settle) : 0
    const delta = instrument.inverse ? contracts / spot + owed : contracts
    into.delta += delta
    if (hedges.has(index)) into.hedged += delta
    else into.gross += Math.abs(delta)
  }
  if (coins) {
    const units = portfolio.cashAtoms(asset) / atomsPerUnit(asset)
    into.delta += units
    into.gross += Math.abs(units)
  }
  into.volatility = weight > 0 ? weighted / weight : Number.NaN
  return known && !Number.isNaN(into.delta) && !Number.isNaN(into.gamma)
}

/** All zero. */
export function noHeldGreeks(): HeldGreeks {
  return { delta: 0, gamma: 0, vega: 0, theta: 0, gross: 0, hedged: 0, volatility: Number.NaN }
}
