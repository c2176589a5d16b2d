/** @file Bybit's symbols and definitions, v2 and v5 (bybit-exchange.github.io). */

import { HOUR_US } from '../../core/clock.ts'
import type { SketchedInstrument } from '../../store/importer.ts'
import { dayOf, fees, type ReadDefinitions, readDefinitions, step } from '../definitions.ts'
import { type Fields, isRecord, list, number, record, text, timeMs } from '../fields.ts'
import { refuse } from '../frame.ts'

/** v5 names the same symbol in several markets: which one a connection is for. */
export type BybitCategory = 'linear' | 'inverse' | 'spot'

const MONTHS: Readonly<Record<string, number>> = {
  F: 0,
  G: 1,
  H: 2,
  J: 3,
  K: 4,
  M: 5,
  N: 6,
  Q: 7,
  U: 8,
  V: 9,
  X: 10,
  Z: 11,
}

/** Last Friday of a month, the expiry of `BTCUSDM21`. */
function lastFriday(year: number, month: number): string {
  const last = new Date(Date.UTC(year, month + 1, 0))
  last.setUTCDate(last.getUTCDate() - ((last.getUTCDay() + 2) % 7))
  return last.toISOString().slice(0, 10)
}

/**
 * What a symbol's name tells: `BTCUSDT` (linear perpetual, or spot), `BTCPERP` (USDC), `BTCUSD` (inverse, one contract
 * is one dollar), `BTCUSDM21` (inverse future).
 */
export function sketchSymbol(symbol: string, category: BybitCategory = 'linear'): SketchedInstrument {
  const parts = /^([A-Z0-9]{1,20}?)(USDT|USDC|USD|PERP)([FGHJKMNQUVXZ])?(\d\d)?$/.exec(symbol)
  if (!parts || (parts[3] === undefined) !== (parts[4] === undefined))
    return refuse('symbol-unknown', symbol.slice(0, 40))
  const base = parts[1]!
  const quote = parts[2] === 'PERP' ? 'USDC' : parts[2]!
  const inverse = quote === 'USD'
  if (category === 'spot' && inverse) refuse('symbol-unknown', symbol)
  const dated = parts[3] !== undefined
  return {
    base,
    quote,
    kind: category === 'spot' ? 'spot' : dated ? 'future' : 'perp',
    venue: 'bybit',
    venueSymbol: symbol,
    payoff: inverse ? 'inverse' : 'linear',
    settle: inverse ? base : quote,
    multiplier: '1',
    ...(dated ? { expiry: lastFriday(2000 + Number(parts[4]), MONTHS[parts[3]!]!) } : {}),
    ...(category === 'spot' || dated ? {} : { fundingIntervalUs: 8 * HOUR_US }),
  }
}

/** Definitions in a reply of `/v2/public/symbols` or `/v5/market/instruments-info`. */
export function definitionsOf(reply: unknown, source: string): ReadDefinitions {
  const { result } = record(reply, 'reply')
  if (isRecord(result)) return definitionsOfV5(result, source)
  return readDefinitions(list(result, 'result'), (entry: Fields) => {
    const symbol = text(entry['alias'] ?? entry['name'], 'name')
    return {
      ...sketchSymbol(symbol),
      base: text(entry['base_currency'], 'base_currency'),
      venueSymbol: text(entry['name'], 'name'),
      tickSize: step(record(entry['price_filter'], 'price_filter')['tick_size'], 'tick_size'),
      lotSize: step(record(entry['lot_size_filter'], 'lot_size_filter')['qty_step'], 'qty_step'),
      ...fees(entry['maker_fee'], entry['taker_fee'], source),
      source,
    }
  })
}

function definitionsOfV5(result: Fields, source: string): ReadDefinitions {
  const category = text(result['category'], 'category')
  if (category !== 'linear' && category !== 'inverse' && category !== 'spot')
    return { instruments: new Map(), unreadable: 0 }
  return readDefinitions(list(result['list'], 'list'), (entry: Fields) => {
    const symbol = text(entry['symbol'], 'symbol')
    const lots = record(entry['lotSizeFilter'], 'lotSizeFilter')
    const delivery = entry['deliveryTime'] === undefined ? 0 : number(entry['deliveryTime'], 'deliveryTime')
    const base = text(entry['baseCoin'], 'baseCoin')
    const quote = text(entry['quoteCoin'], 'quoteCoin')
    const dated = delivery > 0
    const minutes = entry['fundingInterval']
    return {
      base,
      quote,
      kind: category === 'spot' ? 'spot' : dated ? 'future' : 'perp',
      venue: 'bybit',
      venueSymbol: symbol,
      payoff: category === 'inverse' ? 'inverse' : 'linear',
      settle: category === 'spot' ? quote : text(entry['settleCoin'], 'settleCoin'),
      multiplier: '1',
      tickSize: step(record(entry['priceFilter'], 'priceFilter')['tickSize'], 'tickSize'),
      lotSize: step(lots['qtyStep'] ?? lots['basePrecision'], 'qtyStep'),
      ...(dated ? { expiry: dayOf(timeMs(delivery, 'deliveryTime')), expiryUs: timeMs(delivery, 'deliveryTime') } : {}),
      ...(typeof minutes === 'number' && !dated ? { fundingIntervalUs: minutes * 60_000_000 } : {}),
      source,
    }
  })
}
