/** @file OKX's instruments (okx.com/docs-v5, "Get instruments"). */

import { HOUR_US } from '../../core/clock.ts'
import type { SketchedInstrument } from '../../store/importer.ts'
import { dayOf, dayOfDigits, type ReadDefinitions, readDefinitions, step, times } from '../definitions.ts'
import { type Fields, list, record, text, timeMs } from '../fields.ts'
import { refuse } from '../frame.ts'

const DERIVATIVE = /^([A-Z0-9]{1,20})-([A-Z0-9]{2,8})-(?:(SWAP)|(\d{6})(?:-(\d+(?:\.\d+)?)-([CP]))?)$/

/**
 * What a name tells without a definition: spot pairs only. Contracts are worth what the venue says (`ctVal`), not
 * what the name does, so a contract without a definition is refused.
 */
export function sketchName(name: string): SketchedInstrument {
  const parts = /^([A-Z0-9]{1,20})-([A-Z0-9]{2,8})$/.exec(name)
  if (!parts) {
    return DERIVATIVE.test(name) ? refuse('instrument-undefined', name) : refuse('symbol-unknown', name.slice(0, 40))
  }
  const [, base, quote] = parts
  return {
    base: base!,
    quote: quote!,
    kind: 'spot',
    venue: 'okx',
    venueSymbol: name,
    payoff: 'linear',
    settle: quote!,
    multiplier: '1',
  }
}

/** Definitions in a `/api/v5/public/instruments` reply. Sizes are in contracts of `ctVal` × `ctMult`. */
export function definitionsOf(reply: unknown, source: string): ReadDefinitions {
  return readDefinitions(list(record(reply, 'reply')['data'], 'data'), (entry: Fields) => {
    const name = text(entry['instId'], 'instId')
    const steps = { tickSize: step(entry['tickSz'], 'tickSz'), lotSize: step(entry['lotSz'], 'lotSz'), source }
    if (entry['instType'] === 'SPOT' || entry['instType'] === 'MARGIN') return { ...sketchName(name), ...steps }
    const parts = DERIVATIVE.exec(name)
    if (!parts) return refuse('symbol-unknown', name)
    const [, base, quote, swap, digits, strike, right] = parts
    const settle = text(entry['settleCcy'], 'settleCcy')
    const contract = times(step(entry['ctVal'], 'ctVal'), step(entry['ctMult'], 'ctMult'))
    const head = {
      base: base!,
      quote: quote!,
      venue: 'okx',
      venueSymbol: name,
      payoff: settle === base ? 'inverse' : 'linear',
      settle,
      multiplier: contract,
      ...steps,
    } as const
    if (swap) return { ...head, kind: 'perp', fundingIntervalUs: 8 * HOUR_US }
    const expiryUs = timeMs(entry['expTime'], 'expTime')
    const dated = { ...head, expiry: dayOf(expiryUs), expiryUs }
    if (dayOfDigits(digits!) !== dated.expiry) return refuse('field-invalid', `expTime of ${name}`)
    if (strike === undefined) return { ...dated, kind: 'future' }
    return { ...dated, kind: 'option', strike, right: right === 'P' ? 'put' : 'call' }
  })
}
