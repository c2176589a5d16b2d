/** @file BitMEX's instruments (bitmex.com/api/explorer, GET /instrument/active). */

import type { SketchedInstrument } from '../../store/importer.ts'
import { currency, dayOf, fees, type ReadDefinitions, readDefinitions, step, times } from '../definitions.ts'
import { type Fields, list, number, text, timeIso } from '../fields.ts'
import { refuse } from '../frame.ts'

/** Smallest units BitMEX settles in, as decimal text of the whole currency. */
const UNITS: Readonly<Record<string, string>> = { XBt: '0.00000001', USDt: '0.000001' }

/** Perpetual, future; inverse, quanto and linear alike. Spot pairs and indices are other types. */
const TYPES: Readonly<Record<string, 'perp' | 'future' | 'spot'>> = {
  FFWCSX: 'perp',
  FFWCSF: 'perp',
  FFCCSX: 'future',
  IFXXXP: 'spot',
}

/**
 * Definitions in an `instrument/active` reply. A symbol alone tells nothing of what a contract is worth, so there is
 * no way round them.
 *
 * Inverse contracts are worth |multiplier| of their smallest unit: one dollar for XBTUSD. All others earn
 * `multiplier` smallest units of the settlement coin for every unit of price; for quantos (quoted in dollars, settled
 * in bitcoin) that is bitcoin per dollar, which our linear arithmetic gets right.
 */
export function definitionsOf(reply: unknown, source: string): ReadDefinitions {
  return readDefinitions(list(reply, 'instruments'), (entry: Fields): SketchedInstrument => {
    const symbol = text(entry['symbol'], 'symbol')
    const kind = TYPES[text(entry['typ'], 'typ')]
    const unit = UNITS[text(entry['settlCurrency'], 'settlCurrency')]
    if (!kind || !unit) return refuse('symbol-unknown', symbol)
    const multiplier = number(entry['multiplier'], 'multiplier')
    const inverse = entry['isInverse'] === true
    if (inverse !== multiplier < 0 || multiplier === 0) return refuse('field-invalid', 'multiplier')
    const contract = times(step(Math.abs(multiplier), 'multiplier'), unit)
    const interval = /T(\d\d):(\d\d):/.exec(
      typeof entry['fundingInterval'] === 'string' ? entry['fundingInterval'] : '',
    )
    return {
      base: currency(text(entry['rootSymbol'], 'rootSymbol')),
      quote: currency(text(entry['quoteCurrency'], 'quoteCurrency')),
      kind,
      venue: 'bitmex',
      venueSymbol: symbol,
      payoff: inverse ? 'inverse' : 'linear',
      settle: currency(entry['settlCurrency'] === 'XBt' ? 'XBT' : 'USDT'),
      multiplier: contract,
      tickSize: step(entry['tickSize'], 'tickSize'),
      lotSize: step(entry['lotSize'], 'lotSize'),
      ...(kind === 'future' ? expiryOf(entry) : {}),
      ...(interval && kind === 'perp'
        ? { fundingIntervalUs: (Number(interval[1]) * 60 + Number(interval[2])) * 60_000_000 }
        : {}),
      ...fees(entry['makerFee'], entry['takerFee'], source),
      source,
    }
  })
}

function expiryOf(entry: Fields): { expiry: string; expiryUs: number } {
  const expiryUs = timeIso(entry['expiry'], 'expiry')
  return { expiry: dayOf(expiryUs), expiryUs }
}
