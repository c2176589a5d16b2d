/**
 * @file Binance's names: markets, symbols, events and contract definitions (developers.binance.com, public streams).
 */

import { HOUR_US } from '../../core/clock.ts'
import type { SketchedInstrument } from '../../store/importer.ts'
import { dayOfDigits, type ReadDefinitions, readDefinitions, step } from '../definitions.ts'
import { type Fields, list, record, text } from '../fields.ts'
import { refuse } from '../frame.ts'

/** The three books Binance keeps apart, each with its own sequence rules. */
export type BinanceMarket = 'spot' | 'usdm' | 'coinm'

/** Our venue name of each market. */
export const VENUES: Readonly<Record<BinanceMarket, string>> = {
  spot: 'binance',
  usdm: 'binance-usdm',
  coinm: 'binance-coinm',
}

/** Quote currencies, longest first, to part `ETHUSDT` where no exchangeInfo is at hand. */
const QUOTES = [
  'FDUSD',
  'USDT',
  'USDC',
  'BUSD',
  'TUSD',
  'USDP',
  'USD1',
  'DAI',
  'EUR',
  'GBP',
  'TRY',
  'BRL',
  'JPY',
  'BTC',
  'ETH',
  'BNB',
  'USD',
]

/** Binance's perpetuals of the recorded years pay every 8 hours; some have paid every 4 or 1 since 2023. */
const FUNDING_INTERVAL_US = 8 * HOUR_US

/**
 * What a symbol's name tells: `BTCUSDT`, `BTCUSDT_240927`, `BTCUSD_PERP`, `ETHUSD_240927`.
 *
 * Contracts of the coin-margined market are worth 100 USD for BTC and 10 USD for every other coin.
 */
export function sketchSymbol(market: BinanceMarket, symbol: string): SketchedInstrument {
  const parts = /^([A-Z0-9]{2,24})(?:_(PERP|\d{6}))?$/.exec(symbol)
  if (!parts) return refuse('symbol-unknown', symbol.slice(0, 40))
  const pair = parts[1]!
  const suffix = parts[2]
  const quote = QUOTES.find((name) => pair.endsWith(name) && pair.length > name.length)
  if (!quote || (market === 'spot' && suffix) || (market === 'coinm' && (quote !== 'USD' || !suffix))) {
    return refuse('symbol-unknown', symbol)
  }
  const base = pair.slice(0, -quote.length)
  const dated = suffix !== undefined && suffix !== 'PERP'
  return {
    base,
    quote,
    kind: market === 'spot' ? 'spot' : dated ? 'future' : 'perp',
    venue: VENUES[market],
    venueSymbol: symbol,
    payoff: market === 'coinm' ? 'inverse' : 'linear',
    settle: market === 'coinm' ? base : quote,
    multiplier: market === 'coinm' ? (base === 'BTC' ? '100' : '10') : '1',
    ...(dated ? { expiry: dayOfDigits(suffix) } : {}),
    ...(market !== 'spot' && !dated ? { fundingIntervalUs: FUNDING_INTERVAL_US } : {}),
  }
}

/** Definitions in an `exchangeInfo` reply. */
export function definitionsOf(market: BinanceMarket, reply: unknown, source: string): ReadDefinitions {
  return readDefinitions(list(record(reply, 'reply')['symbols'], 'symbols'), (symbol: Fields) => {
    const name = text(symbol['symbol'], 'symbol')
    const quote = text(symbol['quoteAsset'], 'quoteAsset')
    const filters = list(symbol['filters'], 'filters').map((filter) => record(filter, 'filter'))
    const filter = (type: string) => filters.find((each) => each['filterType'] === type) ?? {}
    const suffix = /_(\d{6})$/.exec(name)?.[1]
    return {
      base: text(symbol['baseAsset'], 'baseAsset'),
      quote,
      kind: market === 'spot' ? 'spot' : suffix ? 'future' : 'perp',
      venue: VENUES[market],
      venueSymbol: name,
      payoff: market === 'coinm' ? 'inverse' : 'linear',
      settle: market === 'spot' ? quote : text(symbol['marginAsset'], 'marginAsset'),
      tickSize: step(filter('PRICE_FILTER')['tickSize'], 'tickSize'),
      lotSize: step(filter('LOT_SIZE')['stepSize'], 'stepSize'),
      multiplier: market === 'coinm' ? step(symbol['contractSize'], 'contractSize') : '1',
      ...(suffix ? { expiry: dayOfDigits(suffix) } : {}),
      ...(market !== 'spot' && !suffix ? { fundingIntervalUs: FUNDING_INTERVAL_US } : {}),
      source,
    }
  })
}

/** Events read and deliberately not stored: rolling statistics and composites that our rows do not describe. */
export const EVENTS_SKIPPED: ReadonlySet<string> = new Set([
  '24hrTicker',
  '24hrMiniTicker',
  '1hTicker',
  '4hTicker',
  '1dTicker',
  'avgPrice',
  'compositeIndex',
  'continuous_kline',
  'contractInfo',
  'assetIndexUpdate',
  'indexPriceUpdate',
  'indexPrice_kline',
  'markPrice_kline',
  'tradingSession',
])
