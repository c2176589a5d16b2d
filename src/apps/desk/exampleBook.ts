/**
 * @file A book to try the desk's commands on, made to fit whatever market they were given: a sold strangle of a month, coins as its
 * collateral, perpetuals at two venues that keep the whole flat, a loan, and liquidity in a pool.
 */

import { DAY_US, startOfDayUs } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import type { Book, FuturePosition, OptionPosition, Position } from '../../portfolio/book.ts'
import { greeksTable } from '../../portfolio/greeksTable.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { QuoteStatus } from '../../pricing/optionQuotes.ts'
import { CALL, PUT, type Right } from '../../pricing/right.ts'
import type { DeskChain, DeskMarket } from './deskMarket.ts'

/** What the strangle is worth in the asset, dollars a side, and what it is backed with; the desk of the example is small. */
const STRANGLE_DOLLARS = 1e6
const COLLATERAL_SHARE = 0.6
const PERP_MARGIN = 200_000
const SUPPLIED = 300_000
const BORROWED = 130_000
const POOLED = 150_000
const DAYS_WANTED = 30

/** Margin rules of venues by what they are called; those of Deribit for a venue of options that is not here. */
const OPTION_RULES: Readonly<Record<string, string>> = { derive: 'derive-standard' }
const PERP_RULES: Readonly<Record<string, string>> = { hyperliquid: 'hyperliquid', dydx: 'dydx-v4' }

/**
 * The example for a market.
 *
 * @throws {GimbalError} `argument-invalid` where no volatility of any asset is known.
 */
export function exampleBook(market: DeskMarket): Book {
  const { view } = market
  const chain = market.chains.find(({ asset }) => asset === 'BTC') ?? market.chains[0]
  const asset = chain?.asset ?? Object.keys(view.facts.volatility ?? {}).find((name) => view.spot(name) > 0)
  if (asset === undefined)
    throw new GimbalError(
      'argument-invalid',
      'An example book needs a market with options: give a book, or a moment at which some were quoted',
      {
        source: market.source,
      },
    )
  const spot = view.spot(asset)
  const other = asset !== 'ETH' && view.spot('ETH') > 0 ? 'ETH' : asset
  const size = rounded(STRANGLE_DOLLARS / spot)
  const { expiryUs, strikes } = strangleOf(view, asset, chain)
  const settle = chain?.quotes.settlement === 'quote' ? 'USDC' : asset
  const sold = (right: Right, strike: number): OptionPosition => {
    return { kind: 'option', asset, size: -size, right, strike, expiryUs, settle }
  }
  const venue = chain?.venue ?? 'deribit'
  const unhedged: Book = {
    accounts: [
      {
        venue,
        margin: OPTION_RULES[venue] ?? 'deribit-standard',
        balances:
          settle === 'USDC'
            ? { USDC: STRANGLE_DOLLARS * COLLATERAL_SHARE }
            : { [asset]: rounded(size * COLLATERAL_SHARE) },
        positions: [sold(PUT, strikes.put), sold(CALL, strikes.call)],
      },
      { venue: 'aave', margin: 'aave-v3', balances: {}, positions: loan(other, view.spot(other)) },
      { venue: 'uniswap', balances: { USDC: 50_000 }, positions: [pool(other, view.spot(other))] },
    ],
    inTransit: [],
  }
  return hedged(unhedged, view)
}

/** Three digits are enough for an example. */
function rounded(units: number): number {
  return Number(units.toPrecision(2))
}

/** Expiry nearest to a month, and the listed strikes nearest to one deviation either side. */
function strangleOf(view: MarketView, asset: string, chain: DeskChain | undefined) {
  const wantedUs = view.timeUs + DAYS_WANTED * DAY_US
  const eightUs = startOfDayUs(wantedUs) + DAY_US / 3
  const expiries = chain?.fit.surface.expiriesUs ?? [eightUs]
  const expiryUs = expiries.reduce((best, each) =>
    Math.abs(each - wantedUs) < Math.abs(best - wantedUs) ? each : best,
  )
  const forward = view.forward(asset, expiryUs)
  const deviation = view.volatility(asset, expiryUs, forward) * Math.sqrt((expiryUs - view.timeUs) / (365 * DAY_US))
  const strike = (right: Right) => {
    const wanted = forward * Math.exp(right * deviation)
    const listed = chain ? strikesOf(chain, expiryUs, right) : []
    if (listed.length === 0) return Number(wanted.toPrecision(2))
    return listed.reduce((best, each) => (Math.abs(each - wanted) < Math.abs(best - wanted) ? each : best))
  }
  return { expiryUs, strikes: { put: strike(PUT), call: strike(CALL) } }
}

function strikesOf({ quotes, fit }: DeskChain, expiryUs: number, right: Right): number[] {
  const strikes: number[] = []
  for (const [row, strike] of quotes.strike.entries())
    if (quotes.expiryUs[row] === expiryUs && quotes.right[row] === right && fit.clean.status[row] === QuoteStatus.USED)
      strikes.push(strike)
  return strikes
}

function loan(asset: string, price: number): Position[] {
  const terms = { loanToValue: 0.75, liquidationThreshold: 0.8, liquidationBonus: 0.05 }
  return [
    { kind: 'supply', asset, amount: rounded(SUPPLIED / price), rate: 0.015, ...terms },
    { kind: 'debt', asset: 'USDC', amount: BORROWED, rate: 0.05 },
  ]
}

/** Worth `POOLED` now, between a fifth below and a quarter above. */
function pool(asset: string, price: number): Position {
  const [lower, upper] = [Number((price * 0.8).toPrecision(3)), Number((price * 1.25).toPrecision(3))]
  const worthOfOne = 2 * Math.sqrt(price) - Math.sqrt(lower) - price / Math.sqrt(upper)
  const liquidity = rounded(POOLED / worthOfOne)
  return { kind: 'pool', asset, liquidity, quote: 'USDC', lower, upper, feeYieldPerDay: 0.0004 }
}

/** Sells perpetuals at two venues until no coin has a delta. */
function hedged(book: Book, view: DeskMarket['view']): Book {
  const known = Object.keys(view.facts.perpetual ?? {}).map((key) => key.split(' ')[0]!)
  const generated = [...new Set(known)].filter((venue) => venue.startsWith('generated'))
  const [first, second] = generated.length >= 2 ? [generated[0]!, generated[1]!] : ['hyperliquid', 'dydx']
  const perp = (asset: string, size: number, venue: string): FuturePosition => {
    const entry = view.perpetual(venue, asset)
    return { kind: 'perp', asset, size, payoff: 'linear', entry, settle: 'USDC' }
  }
  const deltas = greeksTable(book, view).assets.filter(({ asset }) => view.facts.spot[asset] !== undefined)
  const share = (delta: number, part: number) => Number((-delta * part).toPrecision(3))
  const positions = (venue: string, part: number) =>
    deltas
      .filter(({ greeks }) => greeks.delta !== 0)
      .map(({ asset, greeks }) => perp(asset, share(greeks.delta, part), venue))
  return {
    ...book,
    accounts: [
      ...book.accounts,
      {
        venue: first,
        margin: PERP_RULES[first] ?? 'hyperliquid',
        balances: { USDC: PERP_MARGIN },
        positions: positions(first, 0.6),
      },
      {
        venue: second,
        margin: PERP_RULES[second] ?? 'dydx-v4',
        balances: { USDC: PERP_MARGIN / 2 },
        positions: positions(second, 0.4),
      },
    ],
  }
}
