/**
 * @file Perpetual options made of pool liquidity, as Panoptic's: no expiry, no premium up front; while the price is in the range of
 * the option, the buyer pays the seller the fees of the liquidity that the option is.
 *
 * Sold: the seller's token is put into a range [a, b] of a Uniswap v3 pool. A put puts in quote and a call base, both lent; what the
 * liquidity is worth less what is owed is the payoff of a sold option at strike K = √(ab), rounded over the range. Bought: the
 * liquidity is taken out, and owed. With q = L(1/√a − 1/√b) the size in base and qK the same in quote,
 *
 *     sold put V(P) − qK,   sold call V(P) − qP,   bought: the negative.
 *
 * The premium streams like theta, ½σ²P²|Γ| in range where fees pay for the volatility σ, and nothing outside. Summed over a time
 * T it is expected to be what an option that expires at T and pays the same is worth above its exercise: perpetual options cost what
 * others do, paid as it is used up.
 *
 * Buyers of a range pay more than its fees when much of it is taken out: with N the liquidity left in the pool, R what was taken
 * out and ν the protocol's (¼ in Panoptic), a unit bought pays (1 + νR/N) times the fees of a unit left, and what N collects
 * and R pays is shared by the N + R sold.
 *
 * Sources: G. Lambert, J. Kristensen, "Panoptic: a perpetual, oracle-free options protocol", arXiv 2204.14232; Panoptic v1 core,
 * SemiFungiblePositionManager, comments on equations 3 and 4 of the premium (only the formulae are used).
 */

import { GimbalError } from '../core/errors.ts'
import {
  expectedPoolValue,
  lossVersusRebalancing,
  type PoolRange,
  type PoolTrading,
  poolFees,
  poolGreeks,
} from './poolLiquidity.ts'
import { CALL, type Right } from './right.ts'

/** Panoptic's ν: spread of buyers over fees. */
export const PANOPTIC_SPREAD = 0.25

/** One leg. */
export interface PerpetualLeg {
  readonly right: Right
  /** Base units; positive bought, negative sold. */
  readonly size: number
  /** Quote per base; √(lower × upper). */
  readonly strike: number
  /** √(upper/lower), above 1: the range is [strike/factor, strike × factor]. */
  readonly factor: number
}

/** Liquidity of a leg's range: what is left in the pool, and what buyers took out. */
export interface RangeUse {
  /** N, above 0. */
  readonly left: number
  /** R, at least 0. */
  readonly taken: number
  /** ν; {@link PANOPTIC_SPREAD} when absent. */
  readonly spread?: number
}

/** A leg's worth and Greeks in quote; premium that has streamed apart. Volatility does not move the worth, only the premium. */
export interface PerpetualGreeks {
  /** Payoff at the price: what closing it gives. */
  readonly value: number
  readonly delta: number
  readonly gamma: number
  readonly speed: number
  /** Premium received a year (negative: paid) if fees pay for the volatility. */
  readonly theta: number
  /** ∂theta/∂σ, a year and per 1.00 of volatility. */
  readonly thetaVega: number
}

function requireLeg({ right, size, strike, factor }: PerpetualLeg): void {
  if (
    (right !== 1 && right !== -1) ||
    !([size, strike, factor].every(Number.isFinite) && strike > 0 && factor > 1 && Number.isFinite(strike * factor))
  )
    throw new GimbalError('argument-invalid', 'A leg needs right ±1, a size, a strike above 0 and a factor above 1', {
      right,
      size,
      strike,
      factor,
    })
}

/**
 * The liquidity a leg is: positive where it was sold (it lies in the pool), negative where it was bought (it is owed).
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function perpetualRange(leg: PerpetualLeg): PoolRange {
  requireLeg(leg)
  const lower = leg.strike / leg.factor
  const upper = leg.strike * leg.factor
  return { liquidity: -leg.size / (1 / Math.sqrt(lower) - 1 / Math.sqrt(upper)), lower, upper }
}

/**
 * Fees a unit of liquidity bought pays, and one sold receives, over the fees of a unit left in the pool.
 *
 * Nothing is lost: (N + R) × sold = N + R × bought.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function premiumMultiples({ left, taken, spread = PANOPTIC_SPREAD }: RangeUse): {
  bought: number
  sold: number
} {
  if (!([left, taken, spread].every(Number.isFinite) && left > 0 && taken >= 0 && spread >= 0))
    throw new GimbalError('argument-invalid', 'A range needs liquidity left in it', { left, taken, spread })
  const bought = 1 + (spread * taken) / left
  return { bought, sold: (left + taken * bought) / (left + taken) }
}

/**
 * Worth and Greeks of a leg at a price.
 *
 * @param volatility That fees pay for (`feeImpliedVolatility`), a fraction a year.
 * @param use Absent: buyers pay, and sellers get, just the fees.
 * @throws {GimbalError} `argument-invalid`.
 */
export function perpetualOption(leg: PerpetualLeg, price: number, volatility: number, use?: RangeUse): PerpetualGreeks {
  const range = perpetualRange(leg)
  const { value, base, gamma, speed } = poolGreeks(range, price)
  const call = leg.right === CALL
  // What was lent: the base of a call moves with the price, the quote of a put does not.
  const premium = streamMultiple(leg, use) * lossVersusRebalancing(range, price, volatility)
  return {
    value: value + leg.size * (call ? price : leg.strike),
    delta: base + (call ? leg.size : 0),
    gamma,
    speed,
    theta: premium,
    thetaVega: volatility === 0 ? 0 : (2 * premium) / volatility,
  }
}

function streamMultiple(leg: PerpetualLeg, use: RangeUse | undefined): number {
  if (use === undefined) return 1
  const { bought, sold } = premiumMultiples(use)
  return leg.size > 0 ? bought : sold
}

/**
 * Premium a leg is expected to receive until a time (negative: pay), quote, if fees pay for the volatility at which the price,
 * a martingale, moves: the worth of its liquidity now less what is expected of it.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function expectedPremium(
  leg: PerpetualLeg,
  price: number,
  volatility: number,
  years: number,
  use?: RangeUse,
): number {
  const range = perpetualRange(leg)
  const lost = poolGreeks(range, price).value - expectedPoolValue(range, price, volatility, years)
  return streamMultiple(leg, use) * lost
}

/** A stretch of a pool's history: the price moved from one to another, and so much was traded on the way. */
export interface PoolStretch {
  /** Quote per base. */
  readonly from: number
  readonly to: number
  /** Quote traded. */
  readonly volume: number
  /** L active, the leg's own included. */
  readonly poolLiquidity: number
}

/** What a leg came to along a path. */
export interface PerpetualRun {
  /** Change of worth. */
  readonly payoff: number
  /** Premium received; negative: paid. */
  readonly premium: number
  /** Share of stretches the price spent in range, at least in part. */
  readonly inRange: number
}

/** Share of the way between two prices that lies in a range; volume goes with √P, as the pool trades it. */
function shareInside({ lower, upper }: PoolRange, from: number, to: number): number {
  const low = Math.sqrt(Math.min(from, to))
  const high = Math.sqrt(Math.max(from, to))
  if (low === high) return from > lower && from < upper ? 1 : 0
  return Math.max(0, Math.min(high, Math.sqrt(upper)) - Math.max(low, Math.sqrt(lower))) / (high - low)
}

/**
 * Runs a leg along a pool's history: fees its liquidity would have collected, stretch by stretch, and what it is worth at the end.
 *
 * @param fee The pool's, a fraction of what is traded.
 * @throws {GimbalError} `argument-invalid`; also for no stretches.
 */
export function runPerpetual(
  leg: PerpetualLeg,
  fee: number,
  path: readonly PoolStretch[],
  use?: RangeUse,
): PerpetualRun {
  const first = path[0]
  const last = path.at(-1)
  if (first === undefined || last === undefined)
    throw new GimbalError('argument-invalid', 'A path needs a stretch', { stretches: 0 })
  const range = perpetualRange(leg)
  const multiple = streamMultiple(leg, use)
  let premium = 0
  let inside = 0
  for (const { from, to, volume, poolLiquidity } of path) {
    if (!(Number.isFinite(from) && Number.isFinite(to) && from > 0 && to > 0))
      throw new GimbalError('argument-invalid', 'Prices of a path must be above 0', { from, to })
    const share = shareInside(range, from, to)
    const trading: PoolTrading = { fee, volumePerYear: volume, poolLiquidity }
    // Fees are those of any price within; the share says how much of the volume was traded there.
    premium += multiple * share * poolFees(range, leg.strike, trading)
    if (share > 0) inside++
  }
  const payoff = perpetualOption(leg, last.to, 0).value - perpetualOption(leg, first.from, 0).value
  return { payoff, premium, inRange: inside / path.length }
}
