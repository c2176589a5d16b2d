/**
 * @file Instruments as tardis.dev names them: the exchange's id and the venue's own symbol.
 *
 * Only what is certain is here: a contract whose multiplier is not known would be worth the wrong amount of money, so
 * an unknown symbol is refused and the option `instrument` names it.
 */

import type { SketchedInstrument } from '../store/importer.ts'
import {
  binanceInstrument,
  dated,
  deribitInstrument,
  funded,
  inversePerp,
  linearPerp,
  splitPair,
  spot,
} from './csvInstrument.ts'

/** Futures months of the CME alphabet, as BitMEX uses it: H is March. */
const MONTH_CODES = 'FGHJKMNQUVXZ'

type Reader = (symbol: string) => SketchedInstrument | undefined

function pairSpot(venue: string): Reader {
  return (symbol) => {
    const pair = splitPair(symbol.toUpperCase())
    return pair && spot(venue, symbol, pair.base, pair.quote)
  }
}

/** Last Friday of a month as an ISO day: when quarterly contracts of BitMEX expire. */
function lastFriday(year: number, month: number): string {
  const last = new Date(Date.UTC(year, month, 0))
  last.setUTCDate(last.getUTCDate() - ((last.getUTCDay() + 2) % 7))
  return last.toISOString().slice(0, 10)
}

/** BitMEX contracts worth one dollar each; its quanto and small linear ones have multipliers of their own. */
function bitmex(symbol: string): SketchedInstrument | undefined {
  const match = /^XBT(?:USD|([FGHJKMNQUVXZ])(\d\d))$/.exec(symbol)
  if (!match) return undefined
  const perp = inversePerp('bitmex', symbol, 'BTC', 'USD', '1')
  if (!match[1]) return funded(perp, 8)
  return dated(perp, lastFriday(2000 + Number(match[2]), MONTH_CODES.indexOf(match[1]) + 1))
}

function bybit(symbol: string): SketchedInstrument | undefined {
  const pair = splitPair(symbol)
  if (!pair || symbol.includes('-')) return undefined
  const { base, quote } = pair
  if (quote === 'USD') return funded(inversePerp('bybit', symbol, base, quote, '1'), 8)
  return quote === 'USDT' ? funded(linearPerp('bybit', symbol, base, quote), 8) : undefined
}

/** HTX coin-margined swaps: 100 dollars a contract of BTC, 10 of every other coin (venue, "Contract Trading Rules"). */
function huobiSwap(symbol: string): SketchedInstrument | undefined {
  const match = /^([A-Z0-9]+)-USD$/.exec(symbol)
  if (!match) return undefined
  return funded(inversePerp('huobi-swap', symbol, match[1]!, 'USD', match[1] === 'BTC' ? '100' : '10'), 8)
}

/** OKX coin-margined swaps: 100 dollars a contract of BTC, 10 of every other coin. Linear ones differ coin by coin. */
function okxSwap(symbol: string): SketchedInstrument | undefined {
  const inverse = /^([A-Z0-9]+)-USD-SWAP$/.exec(symbol)
  if (inverse) return funded(inversePerp('okx', symbol, inverse[1]!, 'USD', inverse[1] === 'BTC' ? '100' : '10'), 8)
  const linear = /^(BTC|ETH)-(USDT|USDC)-SWAP$/.exec(symbol)
  if (!linear) return undefined
  const [, base = '', quote = ''] = linear
  const multiplier = quote === 'USDC' ? (base === 'BTC' ? '0.0001' : '0.001') : base === 'BTC' ? '0.01' : '0.1'
  return funded(linearPerp('okx', symbol, base, quote, multiplier), 8)
}

function dydx(venue: string): Reader {
  return (symbol) => {
    const match = /^([A-Z0-9]+)-USD$/.exec(symbol)
    return match ? funded(linearPerp(venue, symbol, match[1]!, 'USD', '1', 'USDC'), 1) : undefined
  }
}

/** Hyperliquid perpetuals are named by their coin alone; spot markets by a pair or a number, which is not enough. */
function hyperliquid(symbol: string): SketchedInstrument | undefined {
  return /^[A-Za-z0-9]{1,20}$/.test(symbol) ? hyperliquidPerp(symbol) : undefined
}

/** A Hyperliquid perpetual from its coin: quoted and margined in USDC, paying every hour. */
export function hyperliquidPerp(coin: string): SketchedInstrument {
  return funded(linearPerp('hyperliquid', coin, coin, 'USDC'), 1)
}

/** Kraken Futures: `PI_` contracts are worth one dollar, `PF_` ones one coin. XBT is its name for BTC. */
function krakenFutures(symbol: string): SketchedInstrument | undefined {
  const match = /^(PI|PF)_([A-Z0-9]+)USD$/i.exec(symbol)
  if (!match) return undefined
  const base = match[2]!.toUpperCase() === 'XBT' ? 'BTC' : match[2]!.toUpperCase()
  const inverse = match[1]!.toUpperCase() === 'PI'
  const perp = inverse
    ? inversePerp('kraken-futures', symbol, base, 'USD', '1')
    : linearPerp('kraken-futures', symbol, base, 'USD')
  return funded(perp, inverse ? 4 : 1)
}

const READERS: Readonly<Record<string, Reader>> = {
  binance: (symbol) => binanceInstrument('spot', symbol.toUpperCase()),
  'binance-futures': (symbol) => binanceInstrument('um', symbol.toUpperCase()),
  'binance-delivery': (symbol) => binanceInstrument('cm', symbol.toUpperCase()),
  deribit: deribitInstrument,
  bitmex,
  bybit,
  'bybit-spot': pairSpot('bybit-spot'),
  'huobi-dm-swap': huobiSwap,
  okex: pairSpot('okx'),
  'okex-swap': okxSwap,
  coinbase: pairSpot('coinbase'),
  kraken: pairSpot('kraken'),
  bitstamp: pairSpot('bitstamp'),
  dydx: dydx('dydx'),
  'dydx-v4': dydx('dydx-v4'),
  hyperliquid,
  cryptofacilities: krakenFutures,
}

/** The instrument of a tardis.dev row; undefined when exchange or symbol are not known for certain. */
export function tardisInstrument(exchange: string, symbol: string): SketchedInstrument | undefined {
  return Object.hasOwn(READERS, exchange) ? READERS[exchange]!(symbol) : undefined
}
