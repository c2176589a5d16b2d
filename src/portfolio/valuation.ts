/**
 * @file What positions, accounts and books are worth, in dollars.
 *
 * An account's equity is its balances, what is set aside for isolated positions, and its positions. Derivatives whose profit is
 * owed (futures, options with an `entry`) count their profit; everything else counts its worth, debts negative. What a venue
 * accepts as margin is another matter (`margin/`).
 *
 * An unknown price makes a NaN, never an error and never a zero; a position of no size is worth nothing at any price.
 */

import { dollarLike } from '../market/instrument.ts'
import { black76Price } from '../pricing/black76.ts'
import { type PowerGreeks, powerPerpetual, SQUEETH } from '../pricing/powerPerpetual.ts'
import type {
  Book,
  FuturePosition,
  OptionPosition,
  PoolPosition,
  Position,
  PowerPosition,
  VenueAccount,
} from './book.ts'
import type { MarketView } from './marketView.ts'

const YEAR_US = 365 * 86_400_000_000

/** Whether Black's formula has a price for these; what a broken feed says (a forward below zero) is no price. */
function priceable(forward: number, strike: number, years: number, volatility: number, rate = 0): boolean {
  return (
    Math.abs(rate * years) < 700 &&
    forward > 1e-100 &&
    forward < 1e100 &&
    strike > 1e-100 &&
    strike < 1e100 &&
    years >= 0 &&
    years < Number.POSITIVE_INFINITY &&
    volatility >= 0 &&
    volatility < Number.POSITIVE_INFINITY
  )
}

/**
 * Price of one contract in dollars, at its forward and volatility; what exercise gives at or after expiry. NaN where a price is
 * unknown, and for an option that settles in neither its own asset nor a dollar coin.
 */
export function optionDollars(position: OptionPosition, market: MarketView): number {
  const { asset, expiryUs, strike, right, settle, instrument } = position
  const spot = market.spot(asset)
  const inDollars = dollarLike(settle)
  if (!inDollars && settle !== asset) return Number.NaN
  const years = (expiryUs - market.timeUs) / YEAR_US
  if (years <= 0) return Math.max(0, right * (spot - strike)) * (inDollars ? market.spot(settle) : 1)
  const forward = market.forward(asset, expiryUs, instrument)
  const volatility = market.volatility(asset, expiryUs, strike, instrument)
  const rate = inDollars ? market.dollarRate : 0
  if (!priceable(forward, strike, years, volatility, rate)) return Number.NaN
  if (inDollars) return black76Price({ right, forward, strike, years, volatility, rate }) * market.spot(settle)
  // A coin's worth of premium is worth spot dollars, while the formula prices in units of the forward.
  return (black76Price({ right, forward, strike, years, volatility }) / forward) * spot
}

/** Mark of a future or perpetual, dollars per base. */
export function futureMark(position: FuturePosition, venue: string, market: MarketView): number {
  if (position.kind === 'perp') return market.perpetual(venue, position.asset, position.instrument)
  return market.forward(position.asset, position.expiryUs ?? Number.NaN, position.instrument)
}

/**
 * Dollars of a unit of what a future owes. It owes coins of `settle`, but for a linear one that settles in no dollar coin (GMX): that owes
 * dollars, and pays them at its coin's price, whatever it is.
 */
export function owedUnit({ payoff, settle }: FuturePosition, market: MarketView): number {
  return payoff === 'linear' && !dollarLike(settle) ? 1 : market.spot(settle)
}

/** Profit of a future or perpetual since its entry, dollars, at a mark in dollars per base. */
export function futureDollars(position: FuturePosition, mark: number, market: MarketView): number {
  const { payoff, size, entry } = position
  const owed = payoff === 'linear' ? size * (mark - entry) : size * (1 / entry - 1 / mark)
  return owed * owedUnit(position, market)
}

/**
 * Volatility a power perpetual is worth its mark at, a fraction a year: the market's at the money over the time its premium is paid
 * in, 420 hours. Squared it stands for the mean over all strikes and terms, which a smile puts somewhat higher.
 */
export function powerVolatility({ asset, instrument }: PowerPosition, market: MarketView): number {
  const expiryUs = market.timeUs + SQUEETH.periodYears * YEAR_US
  return market.volatility(asset, expiryUs, market.spot(asset), instrument)
}

/**
 * Worth and slopes of one unit of a power perpetual, in units of `settle`, by the conventions of `pricing/powerPerpetual.ts`;
 * undefined where the spot or the volatility is unknown.
 */
export function powerFigures(position: PowerPosition, market: MarketView): PowerGreeks | undefined {
  const { asset, scale, normalisation } = position
  const spot = market.spot(asset)
  const volatility = powerVolatility(position, market)
  const known = volatility >= 0 && volatility < 1e3 && spot > 0 && spot < 1e100 && scale > 0 && normalisation > 0
  if (!known || !Number.isFinite(market.dollarRate)) return undefined
  return powerPerpetual({ ...SQUEETH, scale }, { spot, normalisation, volatility, rate: market.dollarRate })
}

/** Amounts of both tokens that liquidity holds at a price (quote per base). Source: Uniswap v3 whitepaper, eq. 6.29 and 6.30. */
export function poolAmounts(position: PoolPosition, price: number): { base: number; quote: number } {
  const { liquidity, lower, upper } = position
  const root = Math.sqrt(Math.min(Math.max(price, lower), upper))
  const rootLower = Math.sqrt(lower)
  return { base: liquidity * (1 / root - 1 / Math.sqrt(upper)), quote: liquidity * (root - rootLower) }
}

/** Worth of one position in dollars; for derivatives with an entry, the profit since. NaN where a price is unknown. */
export function positionValue(position: Position, venue: string, market: MarketView): number {
  switch (position.kind) {
    case 'perp':
    case 'future':
      return position.size === 0 ? 0 : futureDollars(position, futureMark(position, venue, market), market)
    case 'option': {
      if (position.size === 0) return 0
      const price = optionDollars(position, market)
      const paid = position.entry === undefined ? 0 : position.entry * market.spot(position.settle)
      return position.size * (price - paid)
    }
    case 'pool': {
      if (position.liquidity === 0 && !position.feesBase && !position.feesQuote) return 0
      const spot = market.spot(position.asset)
      const other = market.spot(position.quote)
      const held = poolAmounts(position, spot / other)
      return (held.base + (position.feesBase ?? 0)) * spot + (held.quote + (position.feesQuote ?? 0)) * other
    }
    case 'power': {
      if (position.size === 0) return 0
      const mark = powerFigures(position, market)?.price ?? Number.NaN
      return position.size * (mark - position.entry) * market.spot(position.settle)
    }
    case 'supply':
      return position.amount === 0 ? 0 : position.amount * market.spot(position.asset)
    case 'debt':
      return position.amount === 0 ? 0 : -position.amount * market.spot(position.asset)
  }
}

/** Balances, isolated margins and positions of an account, in dollars. */
export function accountValue(account: VenueAccount, market: MarketView): number {
  let sum = 0
  for (const [currency, units] of Object.entries(account.balances)) {
    if (units !== 0) sum += units * market.spot(currency)
  }
  for (const position of account.positions) {
    sum += positionValue(position, account.venue, market)
    if ('isolatedMargin' in position && position.isolatedMargin)
      sum += position.isolatedMargin * market.spot(position.settle)
  }
  return sum
}

/** All accounts and what is on its way between them, in dollars. */
export function bookValue(book: Book, market: MarketView): number {
  let sum = 0
  for (const account of book.accounts) sum += accountValue(account, market)
  for (const transfer of book.inTransit) sum += transfer.units * market.spot(transfer.currency)
  return sum
}
