/**
 * @file Greeks of one position of any kind, in closed form and in the units of `greeks.ts`.
 *
 * A position depends on the price S of its asset, with forwards and marks at a constant ratio R to it, and, where it settles or
 * is paired in another currency, on that currency's price u. Worth knowing:
 *
 * - A coin-settled option is worth S × P(F)/F = P(RS)/R dollars: its dollar delta is the plain ±N(±d1), of which the premium
 *   owed in coins takes `entry` away. Holding the option's worth as coins instead is a matter of the balance beside it.
 * - An inverse perpetual, margined in its asset, owes size × (1/entry − 1/mark) coins: S × size/entry − size/R dollars. That is a
 *   straight line: delta size/entry and no gamma. Its gamma is in coins, where it is not what a dollar account lives on.
 * - Liquidity's delta is the amount of the base it holds: as price moves the exchange of one token for the other costs nothing to
 *   first order. To second order it always loses: gamma −L/(2 p^{3/2}) inside the range, none outside.
 * - A power perpetual is worth its mark, so it has the vega of its convexity; its funding is carry, for its normalisation is part of
 *   the position and does not shrink in a revaluation.
 *
 * Every figure is proven against bumping `positionValue` (test "closed forms are slopes").
 */

import { isoDay } from '../core/clock.ts'
import { dollarLike } from '../market/instrument.ts'
import { BLACK76_ROW, Black76At, black76Row, PriceStatus } from '../pricing/black76.ts'
import { powerFundingRate, SQUEETH } from '../pricing/powerPerpetual.ts'
import {
  type FuturePosition,
  type OptionPosition,
  type PoolPosition,
  type Position,
  type PowerPosition,
  positionName,
} from './book.ts'
import type { Greeks } from './greeks.ts'
import type { MarketView } from './marketView.ts'
import { futureMark, owedUnit, poolAmounts, powerFigures, powerVolatility } from './valuation.ts'

const YEAR_US = 365 * 86_400_000_000

/** The option in hand, and its figures: allocated once, because a hedger asks at every event. */
const ONE = {
  right: new Int8Array(1),
  forward: new Float64Array(1),
  strike: new Float64Array(1),
  years: new Float64Array(1),
  volatility: new Float64Array(1),
  rate: new Float64Array(1),
}
const ROW = new Float64Array(BLACK76_ROW)

/** Greeks by the position's asset, and what it owes to the price of a second currency and to the basis. */
export interface PositionGreeks extends Greeks {
  /** The currency it settles or is paired in, where that is not the asset itself; '' where there is none. */
  other: string
  /** ∂V/∂u: units of that currency. */
  otherDelta: number
  /** ∂²V/∂u². */
  otherGamma: number
  /** ∂²V/∂S∂u. */
  crossGamma: number
  /** Dollars for 0.01 of the ratio of the mark, or forward, to spot. */
  basis: number
}

/** All zero: what {@link positionGreeks} fills. */
export function noPositionGreeks(): PositionGreeks {
  return {
    value: 0,
    delta: 0,
    gamma: 0,
    vega: 0,
    theta: 0,
    rho: 0,
    vanna: 0,
    volga: 0,
    charm: 0,
    carry: 0,
    other: '',
    otherDelta: 0,
    otherGamma: 0,
    crossGamma: 0,
    basis: 0,
  }
}

function clear(out: PositionGreeks, figure: number): void {
  out.value = out.delta = out.gamma = out.vega = out.theta = figure
  out.rho = out.vanna = out.volga = out.charm = out.carry = figure
  out.other = ''
  out.otherDelta = out.otherGamma = out.crossGamma = out.basis = figure
}

/**
 * Greeks of a position; `value` is that of `positionValue`. All NaN where a price is unknown ({@link missingPrices} says which).
 *
 * At a kink (an option expiring exactly at its strike, a pool's price on the edge of its range) the slopes are those of the side
 * on which the position is out of the money, or in range.
 *
 * @param out Receives the figures, and is returned; a new one when absent.
 */
export function positionGreeks(
  position: Position,
  venue: string,
  market: MarketView,
  out: PositionGreeks = noPositionGreeks(),
): PositionGreeks {
  clear(out, 0)
  switch (position.kind) {
    case 'perp':
    case 'future':
      if (position.size !== 0) futureGreeks(position, venue, market, out)
      break
    case 'option':
      if (position.size !== 0) optionGreeks(position, market, out)
      break
    case 'pool':
      poolGreeks(position, market, out)
      break
    case 'power':
      if (position.size !== 0) powerGreeks(position, market, out)
      break
    case 'supply':
    case 'debt':
      if (position.amount !== 0) {
        out.delta = position.kind === 'supply' ? position.amount : -position.amount
        out.value = out.delta * market.spot(position.asset)
        out.carry = (out.value * position.rate) / 365
      }
      break
  }
  // One unknown price is enough: nobody should add up the figures that happened not to need it.
  if (!Number.isFinite(out.value + out.delta + out.carry)) clear(out, Number.NaN)
  return out
}

/** Turns what is owed, f(S) units of `settle` with its two slopes, into dollars. */
function settled(
  position: FuturePosition | PowerPosition,
  market: MarketView,
  owed: number,
  slope: number,
  curvature: number,
  out: PositionGreeks,
): void {
  const price = market.spot(position.settle)
  out.value = owed * price
  if (position.settle === position.asset) {
    out.delta = slope * price + owed
    out.gamma = curvature * price + 2 * slope
    return
  }
  out.delta = slope * price
  out.gamma = curvature * price
  out.other = position.settle
  out.otherDelta = owed
  out.crossGamma = slope
}

function futureGreeks(position: FuturePosition, venue: string, market: MarketView, out: PositionGreeks): void {
  const { size, entry, asset, settle } = position
  const spot = market.spot(asset)
  const mark = futureMark(position, venue, market)
  const ratio = mark / spot
  const price = owedUnit(position, market)
  let notional: number
  if (position.payoff === 'linear') {
    if (dollarLike(settle)) settled(position, market, size * (mark - entry), size * ratio, 0, out)
    else {
      out.value = size * (mark - entry)
      out.delta = size * ratio
    }
    out.basis = 0.01 * size * spot * price
    notional = size * mark * price
  } else {
    const coins = size / mark
    settled(position, market, size * (1 / entry - 1 / mark), coins / spot, (-2 * coins) / (spot * spot), out)
    if (settle === asset) {
      // What `settled` adds up to, without its rounding.
      out.delta = size / entry
      out.gamma = 0
    }
    out.basis = (0.01 * coins * price) / ratio
    notional = coins * price
  }
  if (position.kind === 'perp') out.carry = -notional * market.fundingPerDay(venue, asset, position.instrument)
}

function optionGreeks(position: OptionPosition, market: MarketView, out: PositionGreeks): void {
  const { size, asset, right, strike, expiryUs, settle, instrument, entry = 0 } = position
  const spot = market.spot(asset)
  const inDollars = dollarLike(settle)
  if (!inDollars && settle !== asset) {
    out.value = Number.NaN
    return
  }
  // Dollars of a unit of the formula's price, per contract: the coin-settled one is worth P(RS)/R.
  const price = inDollars ? market.spot(settle) : 1
  const years = (expiryUs - market.timeUs) / YEAR_US
  if (years <= 0) {
    const inside = right * (spot - strike)
    paid(position, size * Math.max(0, inside) * price, entry, spot, price, out)
    out.delta += inside > 0 ? size * right * price : 0
    if (inDollars) out.crossGamma = inside > 0 ? size * right : 0
    return
  }
  const forward = market.forward(asset, expiryUs, instrument)
  const volatility = market.volatility(asset, expiryUs, strike, instrument)
  const rate = inDollars ? market.dollarRate : 0
  ONE.right[0] = right
  ONE.forward[0] = forward
  ONE.strike[0] = strike
  ONE.years[0] = years
  ONE.volatility[0] = volatility
  ONE.rate[0] = rate
  if (black76Row(ONE, 0, ROW) !== PriceStatus.PRICED) {
    out.value = Number.NaN
    return
  }
  const ratio = forward / spot
  const perPrice = inDollars ? size * price : size / ratio
  const deltaForward = ROW[Black76At.deltaForward]!
  paid(position, ROW[Black76At.price]! * perPrice, entry, spot, price, out)
  out.delta += perPrice * ratio * deltaForward
  out.gamma = perPrice * ratio * ratio * ROW[Black76At.gamma]!
  out.vega = 0.01 * perPrice * ROW[Black76At.vega]!
  out.theta = (perPrice * ROW[Black76At.theta]!) / 365
  out.rho = inDollars ? 0.01 * perPrice * ROW[Black76At.rho]! : 0
  out.vanna = 0.01 * perPrice * ratio * ROW[Black76At.vanna]!
  out.volga = 1e-4 * perPrice * ROW[Black76At.volga]!
  out.charm = (perPrice * ratio * ROW[Black76At.charm]!) / 365
  if (inDollars) {
    out.crossGamma = size * ratio * deltaForward
    out.basis = 0.01 * perPrice * spot * deltaForward
  } else out.basis = 0.01 * perPrice * spot * ROW[Black76At.deltaPremiumAdjusted]!
}

/** Value and first slopes of an option from its worth in dollars, less the premium owed. */
function paid(
  position: OptionPosition,
  worth: number,
  entry: number,
  spot: number,
  price: number,
  out: PositionGreeks,
): void {
  const { size, settle, asset } = position
  if (settle === asset) {
    out.value = worth - size * entry * spot
    out.delta = -size * entry
    return
  }
  out.value = worth - size * entry * price
  out.other = settle
  out.otherDelta = worth / price - size * entry
}

function poolGreeks(position: PoolPosition, market: MarketView, out: PositionGreeks): void {
  const { liquidity, lower, upper, quote, feesBase = 0, feesQuote = 0 } = position
  if (liquidity === 0 && feesBase === 0 && feesQuote === 0) return
  const spot = market.spot(position.asset)
  const other = market.spot(quote)
  const price = spot / other
  const held = poolAmounts(position, price)
  out.delta = held.base + feesBase
  out.other = quote
  out.otherDelta = held.quote + feesQuote
  out.value = out.delta * spot + out.otherDelta * other
  if (!(price >= lower && price <= upper)) return
  const root = Math.sqrt(price)
  out.gamma = -liquidity / (2 * price * root * other)
  out.crossGamma = liquidity / (2 * root * other)
  out.otherGamma = (-liquidity * root) / (2 * other)
  // Out of range it earns nothing.
  out.carry = (position.feeYieldPerDay ?? 0) * (held.base * spot + held.quote * other)
}

function powerGreeks(position: PowerPosition, market: MarketView, out: PositionGreeks): void {
  const { size, entry, asset, settle } = position
  const figures = powerFigures(position, market)
  if (figures === undefined) {
    out.value = Number.NaN
    return
  }
  const { price, index, delta, gamma, vega, rho, vanna, volga } = figures
  settled(position, market, size * (price - entry), size * delta, size * gamma, out)
  const unit = size * market.spot(settle)
  out.vega = 0.01 * unit * vega
  out.rho = 0.01 * unit * rho
  out.volga = 1e-4 * unit * volga
  // Owed in the asset itself, the vega is worth more with it.
  out.vanna = 0.01 * (unit * vanna + (settle === asset ? size * vega : 0))
  // The contract pays by its normalisation, from the ratio of mark to index within its bounds: carry, not the passing of time.
  out.carry = (-powerFundingRate(SQUEETH, price / index) * price * unit) / 365
}

/**
 * What a position needs of the market and the market does not know, in words: `volatility of BTC 2026-01-30 90000`. Empty when
 * nothing is missing; `figures of the position itself` when the market is whole and the position makes no sense.
 */
export function missingPrices(position: Position, venue: string, market: MarketView): string[] {
  const missing: string[] = []
  const need = (what: string, figure: number, least = 0) => {
    if (!(figure > least && figure < Number.POSITIVE_INFINITY)) missing.push(what)
  }
  const { asset } = position
  need(`price of ${asset}`, market.spot(asset))
  if ('settle' in position && position.settle !== asset)
    need(`price of ${position.settle}`, market.spot(position.settle))
  if (position.kind === 'pool') need(`price of ${position.quote}`, market.spot(position.quote))
  if (position.kind === 'power')
    need(`volatility of ${asset} at the money in 17.5 days`, powerVolatility(position, market), -Number.MIN_VALUE)
  if (position.kind === 'perp') {
    const funding = market.fundingPerDay(venue, asset, position.instrument)
    need(`funding of ${asset} at ${venue}`, funding, Number.NEGATIVE_INFINITY)
  }
  if (position.kind === 'perp' || position.kind === 'future')
    need(`mark of ${positionName(position)} at ${venue}`, futureMark(position, venue, market))
  if (position.kind === 'option') {
    const { expiryUs, strike, settle, instrument } = position
    if (!dollarLike(settle) && settle !== asset)
      missing.push(`a way to settle in ${settle}: neither ${asset} nor a dollar coin`)
    if (expiryUs > market.timeUs) {
      const day = isoDay(expiryUs)
      need(`forward of ${asset} ${day}`, market.forward(asset, expiryUs, instrument))
      const volatility = market.volatility(asset, expiryUs, strike, instrument)
      need(`volatility of ${asset} ${day} ${strike}`, volatility, -Number.MIN_VALUE)
    }
  }
  if (missing.length === 0) {
    const { value, delta, carry } = positionGreeks(position, venue, market)
    if (!Number.isFinite(value + delta + carry)) missing.push('figures of the position itself')
  }
  return missing
}
