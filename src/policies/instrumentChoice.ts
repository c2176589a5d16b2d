/** @file What the settings of several policies share: choosing instruments by name, and sizing by worth. */

import { GimbalError } from '../core/errors.ts'
import type { Instrument, Universe } from '../market/instrument.ts'

/**
 * Indices of the instruments named in a comma-separated list, or, for an empty one, of all that `suits` accepts.
 *
 * @throws {GimbalError} `config-invalid` when none is left or a named one does not suit, `instrument-unknown`.
 */
export function chooseInstruments(
  policy: string,
  universe: Universe,
  names: string,
  suits: (instrument: Instrument) => boolean,
  wanted: string,
): number[] {
  const named = names
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
  const indices = named.length > 0 ? named.map((name) => universe.index(name)) : [...universe.instruments.keys()]
  const suitable = indices.filter((index) => suits(universe.at(index)))
  if (suitable.length === 0 || (named.length > 0 && suitable.length < named.length))
    throw new GimbalError('config-invalid', `Policy ${policy} finds nothing to trade`, {
      wanted,
      named: named.join(' ') || 'nothing: any that suits',
      known: universe.instruments.map(({ id }) => id).join(' '),
    })
  return [...new Set(suitable)]
}

/** Worth of one lot in the quote currency at a price in quote per base. Inverse contracts are worth the same at any. */
export function lotWorth(instrument: Instrument, price: number): number {
  const contract = instrument.lots.size * Number(instrument.spec.multiplier)
  return instrument.inverse ? contract : contract * price
}
