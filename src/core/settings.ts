/**
 * @file Settings of policies, features and learners: plain data that is checked once, documented where it is declared, and
 * enough to build the thing again. The command line prints `SettingsShape`s and passes text; journals and model files keep
 * what `readSettings` returns.
 */

import { GimbalError } from './errors.ts'

export type SettingValue = string | number | boolean

/** One setting: its default, which values make sense, and a sentence with the unit for `--help`. */
export interface Setting<Value extends SettingValue = SettingValue> {
  readonly default: Value
  readonly doc: string
  /** Least and greatest value of a number, both allowed. */
  readonly min?: number
  readonly max?: number
  /** Whether a number must be a whole one. */
  readonly whole?: boolean
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
 * @param owner Whose settings, for messages: `policy carry`, `feature microprice`.
 * @throws {GimbalError} `config-invalid`, naming the owner, the setting and what would be allowed.
 */
export function readSettings<Shape extends SettingsShape>(
  owner: string,
  shape: Shape,
  given: Readonly<Record<string, SettingValue>>,
): SettingsOf<Shape> {
  for (const name of Object.keys(given))
    if (!Object.hasOwn(shape, name))
      throw new GimbalError('config-invalid', `${owner} has no such setting`, {
        setting: name,
        known: Object.keys(shape).join(' '),
      })
  const values: Record<string, SettingValue> = {}
  for (const [name, setting] of Object.entries(shape)) values[name] = readOne(owner, name, setting, given[name])
  return values as SettingsOf<Shape>
}

function readOne(owner: string, name: string, setting: Setting, given: SettingValue | undefined): SettingValue {
  if (given === undefined) return setting.default
  const fail = (allowed: string): never => {
    throw new GimbalError('config-invalid', `Setting ${name} of ${owner} makes no sense`, { given, allowed })
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
  const sound = typeof number === 'number' && Number.isFinite(number) && number >= min && number <= max
  if (!sound || (setting.whole === true && !Number.isInteger(number)))
    return fail(`a ${setting.whole === true ? 'whole ' : ''}number from ${min} to ${max}`)
  return number
}
