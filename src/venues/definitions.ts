/** @file What venues' REST replies say about instruments, gathered by the venue's own symbol. */

import { decimalText, parseDecimal } from '../core/decimal.ts'
import { GimbalError } from '../core/errors.ts'
import type { FeeSchedule } from '../market/instrument.ts'
import type { SketchedInstrument } from '../store/importer.ts'
import { type Fields, number, record } from './fields.ts'
import { refuse } from './frame.ts'

/** Instruments by the venue's symbol. */
export type Definitions = ReadonlyMap<string, SketchedInstrument>

/** Definitions read from one reply. */
export interface ReadDefinitions {
  readonly instruments: Definitions
  /** Entries it could not make sense of: kinds of contract we have no words for, or damaged ones. */
  readonly unreadable: number
}

/** Reads each entry of a reply; `read` refuses those it cannot name. */
export function readDefinitions(
  entries: readonly unknown[],
  read: (entry: Fields) => SketchedInstrument,
): ReadDefinitions {
  const instruments = new Map<string, SketchedInstrument>()
  let unreadable = 0
  for (const entry of entries) {
    try {
      const instrument = read(record(entry, 'definition'))
      instruments.set(instrument.venueSymbol, instrument)
    } catch (error) {
      if (!(error instanceof GimbalError)) throw error
      unreadable++
    }
  }
  return { instruments, unreadable }
}

/** A step printed as number or text, as plain decimal text: `1e-8` becomes `0.00000001`. */
export function step(value: unknown, name: string): string {
  const read = number(value, name)
  if (!(read > 0)) refuse('field-invalid', `${name}: not a step`)
  return decimalText(parseDecimal(String(value)))
}

/** The product of two decimals, as plain text. */
export function times(a: string, b: string): string {
  const [left, right] = [parseDecimal(a), parseDecimal(b)]
  return decimalText(parseDecimal(`${left.mantissa * right.mantissa}e${left.exponent + right.exponent}`))
}

/** Fees printed as fractions of notional; absent ones leave the schedule out. */
export function fees(maker: unknown, taker: unknown, source: string): { fees?: FeeSchedule } {
  if (maker === undefined || taker === undefined || maker === null || taker === null) return {}
  const bps = (fraction: number) => Number((fraction * 1e4).toPrecision(12))
  return { fees: { makerBps: bps(number(maker, 'maker fee')), takerBps: bps(number(taker, 'taker fee')), source } }
}

/** `XBT` and `XDG` are what some venues call bitcoin and dogecoin. */
export function currency(name: string): string {
  const upper = name.toUpperCase()
  return upper === 'XBT' ? 'BTC' : upper === 'XDG' ? 'DOGE' : upper
}

/** ISO day of a time in µs. */
export function dayOf(timeUs: number): string {
  return new Date(timeUs / 1000).toISOString().slice(0, 10)
}

/** ISO day of `220527`; refuses what is no day. */
export function dayOfDigits(digits: string): string {
  const day = `20${digits.slice(0, 2)}-${digits.slice(2, 4)}-${digits.slice(4, 6)}`
  if (Number.isNaN(Date.parse(day))) refuse('symbol-unknown', `expiry ${digits}`)
  return day
}
