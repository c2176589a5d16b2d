/**
 * @file Instruments as far as the names in tables tell: a symbol, a market, an option's parts.
 *
 * Steps are left to be inferred from the prices that follow, except where the venue's rule is one number for all.
 */

import { HOUR_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { parseInstrumentId } from '../market/instrument.ts'
import type { ImportOptions, SketchedInstrument } from '../store/importer.ts'
import { knownInstrument } from '../store/instrumentTable.ts'

/** Quote currencies a joined symbol may end in, longer ones first so that `FDUSD` wins over `USD`. */
const QUOTES = [
  'FDUSD', 'USDT', 'USDC', 'BUSD', 'TUSD', 'USDE', 'USDP', 'USDS', 'DAI', 'USD', 'EUR', 'GBP', 'JPY', 'TRY', 'BRL',
  'AUD', 'BTC', 'ETH', 'BNB', 'SOL',
] // biome-ignore format: a list is easier to check in two lines.

/** Base and quote of `BTCUSDT`, `BTC/USDT`, `BTC-USDT` or `BTC_USDT`; undefined when the quote is not a known one. */
export function splitPair(symbol: string): { base: string; quote: string } | undefined {
  const parted = /^([A-Za-z0-9]+)[/_-]([A-Za-z0-9]+)$/.exec(symbol)
  if (parted) return { base: parted[1]!, quote: parted[2]! }
  for (const quote of QUOTES) {
    if (symbol.length > quote.length && symbol.endsWith(quote) && /^[A-Z0-9]+$/.test(symbol)) {
      return { base: symbol.slice(0, -quote.length), quote }
    }
  }
  return undefined
}

/** A spot market. */
export function spot(venue: string, venueSymbol: string, base: string, quote: string): SketchedInstrument {
  return { base, quote, kind: 'spot', venue, venueSymbol, payoff: 'linear', settle: quote, multiplier: '1' }
}

/** A perpetual margined and settled in its quote currency (or in `settle`). */
export function linearPerp(
  venue: string,
  venueSymbol: string,
  base: string,
  quote: string,
  multiplier = '1',
  settle = quote,
): SketchedInstrument {
  return { base, quote, kind: 'perp', venue, venueSymbol, payoff: 'linear', settle, multiplier }
}

/** A perpetual margined in its base currency; `multiplier` is what one contract is worth in the quote. */
export function inversePerp(
  venue: string,
  venueSymbol: string,
  base: string,
  quote: string,
  multiplier: string,
): SketchedInstrument {
  return { base, quote, kind: 'perp', venue, venueSymbol, payoff: 'inverse', settle: base, multiplier }
}

/** The same contract with an expiry, an ISO day. */
export function dated(perp: SketchedInstrument, expiry: string): SketchedInstrument {
  return { ...perp, kind: 'future', expiry }
}

/** With the interval between funding payments. */
export function funded(perp: SketchedInstrument, hours: number): SketchedInstrument {
  return { ...perp, fundingIntervalUs: hours * HOUR_US }
}

/** Binance coin-margined contracts are worth 100 USD for BTC and 10 USD for every other coin (venue, "Contract specs"). */
export function coinMultiplier(base: string): string {
  return base === 'BTC' ? '100' : '10'
}

/** Binance's three markets, as its archive and as gimbal name them. */
export type BinanceMarket = 'spot' | 'um' | 'cm'
export const BINANCE_VENUES: Readonly<Record<BinanceMarket, string>> = {
  spot: 'binance',
  um: 'binance-usdm',
  cm: 'binance-coinm',
}

/** A Binance instrument from its symbol: `BTCUSDT`, `BTCUSDT_240927`, `BTCUSD_PERP`; undefined when unreadable. */
export function binanceInstrument(market: BinanceMarket, symbol: string): SketchedInstrument | undefined {
  const match = /^([A-Z0-9]+?)(?:_(PERP|\d{6}))?$/.exec(symbol)
  const pair = match ? splitPair(match[1]!) : undefined
  if (!match || !pair) return undefined
  const { base, quote } = pair
  const venue = BINANCE_VENUES[market]
  const tail = match[2]
  if (market === 'spot') return tail ? undefined : spot(venue, symbol, base, quote)
  if (market === 'cm' && (quote !== 'USD' || !tail)) return undefined
  const perp =
    market === 'um'
      ? linearPerp(venue, symbol, base, quote)
      : inversePerp(venue, symbol, base, quote, coinMultiplier(base))
  if (!tail || tail === 'PERP') return funded(perp, 8)
  return dated(perp, `20${tail.slice(0, 2)}-${tail.slice(2, 4)}-${tail.slice(4)}`)
}

const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC']

/** ISO day of Deribit's `9JUN20`; undefined when it is none. */
export function deribitDay(text: string): string | undefined {
  const match = /^(\d{1,2})([A-Z]{3})(\d\d)$/.exec(text)
  const month = match ? MONTHS.indexOf(match[2]!) + 1 : 0
  const day = Number(match?.[1] ?? 0)
  if (!match || month === 0 || day < 1 || day > 31) return undefined
  return `20${match[3]}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}`
}

/**
 * A Deribit instrument from its name.
 *
 *   BTC-PERPETUAL  BTC-27MAR26  BTC-16JAN26-82000-C   coin-margined, prices of options in coin
 *   BTC_USDC  SOL_USDC-PERPETUAL  XRP_USDC-16JAN26-0d55-P   in USDC
 *
 * Options of BTC and ETH settled in coin count sizes in coins, futures in dollars (multiplier 1).
 */
export function deribitInstrument(name: string): SketchedInstrument | undefined {
  const match = /^([A-Z0-9]+)(?:_([A-Z]+))?(?:-([A-Z0-9]+))?(?:-(\d+(?:d\d+)?)-([CP]))?$/.exec(name)
  if (!match) return undefined
  const [, base = '', coinQuote, date, strike, right] = match
  const quote = coinQuote ?? 'USD'
  const inverse = coinQuote === undefined
  if (!date) return inverse || strike ? undefined : spot('deribit', name, base, quote)
  const perp = inverse ? inversePerp('deribit', name, base, quote, '1') : linearPerp('deribit', name, base, quote)
  if (date === 'PERPETUAL') return strike ? undefined : funded(perp, 8)
  const expiry = deribitDay(date)
  if (!expiry) return undefined
  if (!strike) return dated(perp, expiry)
  return {
    ...perp,
    kind: 'option',
    expiry,
    strike: strike.replace('d', '.'),
    right: right === 'P' ? 'put' : 'call',
  }
}

/**
 * The instrument named by the option `instrument`, with `payoff`, `multiplier` and `settle` where they differ from a
 * linear contract of one base settled in its quote.
 *
 * @throws {GimbalError} `instrument-invalid`, `argument-invalid`.
 */
export function chosenInstrument(options: ImportOptions, venueSymbol = ''): SketchedInstrument | undefined {
  const id = options['instrument']
  if (id === undefined) return undefined
  const parsed = parseInstrumentId(id)
  // What a well-known contract is worth need not be said again; what is said is held against the table by the catalog.
  const known = knownInstrument(id)
  const payoff = options['payoff'] ?? known?.payoff ?? 'linear'
  if (payoff !== 'linear' && payoff !== 'inverse') {
    throw new GimbalError('argument-invalid', 'Unknown payoff', { given: payoff, known: 'linear inverse' })
  }
  const settle = options['settle'] ?? known?.settle ?? (payoff === 'inverse' ? parsed.base : parsed.quote)
  const multiplier = options['multiplier'] ?? known?.multiplier ?? '1'
  if (!(Number(multiplier) > 0)) {
    throw new GimbalError('argument-invalid', 'A multiplier must be a positive decimal', { given: multiplier })
  }
  return { ...parsed, venueSymbol: venueSymbol || id, payoff, settle, multiplier }
}

/** What the options of {@link chosenInstrument} mean, for `--help`. */
export const INSTRUMENT_OPTIONS: Readonly<Record<string, string>> = {
  instrument: 'name of the instrument, such as BTC-USDT-PERP@binance-usdm, where the file does not tell',
  payoff: 'linear or inverse, with instrument; as built in for well-known contracts, else linear',
  multiplier: 'base (inverse: quote) units per contract, with instrument; as built in, else 1',
  settle: 'currency of margin and profit, with instrument; as built in, else the quote (inverse: the base)',
}
