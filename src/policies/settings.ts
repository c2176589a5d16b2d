/**
 * @file Settings of policies: plain data that is checked once, documented where it is declared, and enough to build the
 * policy again. The command line prints `SettingsShape`s and passes text; the journal keeps what `readSettings` returns.
 */

import { GimbalError } from '../core/errors.ts'
import type { Instrument, Universe } from '../market/instrument.ts'

export type SettingValue = string | number | boolean

/** One setting: its default, which values make sense, and a sentence with the unit for `--help`. */
export interface Setting<Value extends SettingValue = SettingValue> {
  readonly default: Value
  readonly doc: string
  /** Least and greatest value of a number, both allowed. */
  readonly min?: number
  readonly max?: number
  /** All values of a text, where it is a choice. */
  readonly choices?: readonly string[]
}

export type SettingsShape = Readonly<Record<string, Setting>>

type Widened<Value> = Value extends number ? number : Value extends boolean ? boolean : string

/** Values by name, typed by the defaults of a shape. */
export type SettingsOf<Shape extends SettingsShape> = {
  readonly [Name in keyof Shape]: Widened<Shape[Name]['default']>
}

/**
 * Checks settings against a shape and fills in defaults. Numbers and flags may come as text, as from a command line.
 *
 * @throws {GimbalError} `config-invalid`, naming policy, setting and what would be allowed.
 */
export function readSettings<Shape extends SettingsShape>(
  policy: string,
  shape: Shape,
  given: Readonly<Record<string, SettingValue>>,
): SettingsOf<Shape> {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(shape, name))
      throw new GimbalError('config-invalid', `Policy ${policy} has no such setting`, {
        setting: name,
        known: Object.keys(shape).join(' '),
      })
  const values: Record<string, SettingValue> = {}
  for (const [name, setting] of Object.entries(shape)) values[name] = readOne(policy, name, setting, given[name])
  return values as SettingsOf<Shape>
}

function readOne(policy: string, name: string, setting: Setting, given: SettingValue | undefined): SettingValue {
  if (given === undefined) return setting.default
  const fail = (allowed: string): never => {
    throw new GimbalError('config-invalid', `Setting ${name} of policy ${policy} makes no sense`, { given, allowed })
  }
  if (typeof setting.default === 'boolean') {
    if (given === true || given === 'true') return true
    if (given === false || given === 'false') return false
    return fail('true or false')
  }
  if (typeof setting.default === 'string') {
    const text = String(given)
    if (setting.choices && !setting.choices.includes(text)) return fail(setting.choices.join(' or '))
    return text
  }
  const number = typeof given === 'string' && given.trim() !== '' ? Number(given) : given
  const min = setting.min ?? Number.NEGATIVE_INFINITY
  const max = setting.max ?? Number.POSITIVE_INFINITY
  if (typeof number !== 'number' || !Number.isFinite(number) || number < min || number > max)
    return fail(`a number from ${min} to ${max}`)
  return number
}

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
