/** @file Deribit's instrument names and definitions (docs.deribit.com, "Naming" and public/get_instruments). */

import { HOUR_US } from '../../core/clock.ts'
import type { SketchedInstrument } from '../../store/importer.ts'
import { dayOf, fees, type ReadDefinitions, readDefinitions, step } from '../definitions.ts'
import { type Fields, list, record, text, timeMs } from '../fields.ts'
import { refuse } from '../frame.ts'

const MONTHS = 'JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC'
const NAME = /^([A-Z0-9]{2,12})(?:_([A-Z]{3,5}))?-(?:(PERPETUAL)|(\d{1,2})([A-Z]{3})(\d\d)(?:-(\d+(?:d\d+)?)-([CP]))?)$/

/** Spreads and strategies traded as one: `BTC-CS-19MAY26-70000_75000`, `BTC-FS-27DEC24_PERP`. */
export function isCombo(name: string): boolean {
  return /^[A-Z0-9_]+-(?:[A-Z]{2,5})-\d{1,2}[A-Z]{3}\d\d[-_]/.test(name) && !NAME.test(name)
}

/**
 * What a name tells: `BTC-PERPETUAL`, `ETH-25MAR22`, `BTC-24SEP21-8000-P`, `XRP_USDC-30AUG24-0d62-C`.
 *
 * Inverse futures count in US dollars and inverse options in coin, so that one contract here is one dollar or one
 * coin; option prices are in coin. What is quoted in USDC is linear and settled in it.
 */
export function sketchName(name: string): SketchedInstrument {
  const parts = NAME.exec(name)
  if (!parts) return refuse('symbol-unknown', name.slice(0, 40))
  const [, base, quote, perpetual, dayOfMonth, month, year, strike, right] = parts
  const linear = quote !== undefined
  const head = {
    base: base!,
    quote: quote ?? 'USD',
    venue: 'deribit',
    venueSymbol: name,
    payoff: linear ? 'linear' : 'inverse',
    settle: quote ?? base!,
    multiplier: '1',
  } as const
  if (perpetual) return { ...head, kind: 'perp', fundingIntervalUs: 8 * HOUR_US }
  const monthIndex = MONTHS.indexOf(month!)
  const expiryMs = Date.UTC(2000 + Number(year), Math.floor(monthIndex / 3), Number(dayOfMonth), 8)
  if (monthIndex % 3 !== 0 || new Date(expiryMs).getUTCDate() !== Number(dayOfMonth)) {
    return refuse('symbol-unknown', name)
  }
  const dated = { ...head, expiry: dayOf(expiryMs * 1000) }
  if (strike === undefined) return { ...dated, kind: 'future' }
  return { ...dated, kind: 'option', strike: strike.replace('d', '.'), right: right === 'P' ? 'put' : 'call' }
}

/** Definitions in a `public/get_instruments` reply. */
export function definitionsOf(reply: unknown, source: string): ReadDefinitions {
  return readDefinitions(list(record(reply, 'reply')['result'], 'result'), (entry: Fields) => {
    const sketch = sketchName(text(entry['instrument_name'], 'instrument_name'))
    const perpetual = sketch.kind === 'perp'
    return {
      ...sketch,
      // The finest of an option's steps is the base one: coarser steps apply above the prices of tick_size_steps.
      tickSize: step(entry['tick_size'], 'tick_size'),
      lotSize: step(sketch.kind === 'option' ? entry['min_trade_amount'] : entry['contract_size'], 'lot'),
      ...(perpetual ? {} : { expiryUs: timeMs(entry['expiration_timestamp'], 'expiration_timestamp') }),
      ...fees(entry['maker_commission'], entry['taker_commission'], source),
      source,
    }
  })
}
