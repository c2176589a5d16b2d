/** @file Kraken Futures' products (docs.kraken.com/api, "Get instruments"). */

import { HOUR_US } from '../../core/clock.ts'
import { decimalText } from '../../core/decimal.ts'
import type { SketchedInstrument } from '../../store/importer.ts'
import { currency, dayOf, dayOfDigits, type ReadDefinitions, readDefinitions, step } from '../definitions.ts'
import { type Fields, list, record, text, timeIso, whole } from '../fields.ts'
import { refuse } from '../frame.ts'

/**
 * What a product's name tells: `PI_XBTUSD` (inverse perpetual, one contract is one dollar), `FI_ETHUSD_211231`
 * (inverse future), `PF_XBTUSD` and `FF_…` (linear, in base units, settled in dollars), `PV_XRPXBT` (quoted and
 * settled in bitcoin).
 */
export function sketchProduct(product: string): SketchedInstrument {
  const parts = /^([PF])([IFV])_([A-Z0-9]{2,20}?)(USD|XBT|EUR|GBP|USDT|USDC)(?:_(\d{6}))?$/.exec(product.toUpperCase())
  if (!parts) return refuse('symbol-unknown', product.slice(0, 40))
  const [, lifetime, payoff, base, quote, digits] = parts
  if ((lifetime === 'F') !== (digits !== undefined)) return refuse('symbol-unknown', product)
  const inverse = payoff === 'I'
  return {
    base: currency(base!),
    quote: currency(quote!),
    kind: lifetime === 'P' ? 'perp' : 'future',
    venue: 'kraken-futures',
    venueSymbol: product.toUpperCase(),
    payoff: inverse ? 'inverse' : 'linear',
    settle: currency(inverse ? base! : quote!),
    multiplier: '1',
    // Inverse perpetuals paid every four hours, linear ones pay every hour.
    ...(digits === undefined
      ? { fundingIntervalUs: inverse ? 4 * HOUR_US : HOUR_US }
      : { expiry: dayOfDigits(digits) }),
  }
}

/** Definitions in a `/derivatives/api/v3/instruments` reply; indices and reference rates among them are not tradable. */
export function definitionsOf(reply: unknown, source: string): ReadDefinitions {
  return readDefinitions(list(record(reply, 'reply')['instruments'], 'instruments'), (entry: Fields) => {
    const sketch = sketchProduct(text(entry['symbol'], 'symbol'))
    const decimals = entry['contractValueTradePrecision']
    const expiry = entry['lastTradingTime']
    const expiryUs = sketch.kind === 'future' && expiry !== undefined ? timeIso(expiry, 'lastTradingTime') : undefined
    return {
      ...sketch,
      tickSize: step(entry['tickSize'], 'tickSize'),
      lotSize:
        decimals === undefined
          ? step(entry['contractSize'], 'contractSize')
          : decimalText({ mantissa: 1, exponent: -whole(decimals, 'contractValueTradePrecision') }),
      ...(expiryUs === undefined ? {} : { expiry: dayOf(expiryUs), expiryUs }),
      source,
    }
  })
}
