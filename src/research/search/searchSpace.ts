/**
 * @file What may be tried: parameters as plain data, drawn from, checked against and hashed.
 *
 * A parameter may hang on another's choice (`when`): the depth of a tree is drawn only where the learner is a tree. A
 * configuration holds exactly the parameters that are in force, so two that do the same are equal, and hash alike.
 */

import { createHash } from 'node:crypto'
import { GimbalError } from '../../core/errors.ts'
import type { Random } from '../../core/random.ts'
import type { SettingValue } from '../../core/settings.ts'
import { settingsHash } from '../trialLedger.ts'

/** In force only where the choice `parameter` took one of the values `is`. */
export interface Condition {
  readonly parameter: string
  readonly is: readonly SettingValue[]
}

/** Any number from `min` to `max`, each as likely as the other. */
export interface UniformParameter {
  readonly kind: 'uniform'
  readonly min: number
  readonly max: number
  readonly when?: Condition
}

/** Any number from `min` > 0 to `max`, each order of magnitude as likely as the other. */
export interface LogUniformParameter {
  readonly kind: 'log-uniform'
  readonly min: number
  readonly max: number
  readonly when?: Condition
}

/** A whole number from `min` to `max`, both included; with `log`, as {@link LogUniformParameter}, rounded. */
export interface IntegerParameter {
  readonly kind: 'integer'
  readonly min: number
  readonly max: number
  readonly log?: boolean
  readonly when?: Condition
}

/** One of a few values, without order. */
export interface ChoiceParameter {
  readonly kind: 'choice'
  readonly values: readonly SettingValue[]
  readonly when?: Condition
}

export type Parameter = UniformParameter | LogUniformParameter | IntegerParameter | ChoiceParameter

/** Parameters by name. */
export type SearchSpace = Readonly<Record<string, Parameter>>

/** One point of a space: a value for every parameter in force. */
export type Configuration = Readonly<Record<string, SettingValue>>

/** SHA-256, hex, of a configuration, whatever the order of its keys: the hash the trial ledger counts by. */
export const configurationHash = settingsHash

/** SHA-256, hex, of a space, whatever the order of its parameters. */
export function spaceHash(space: SearchSpace): string {
  const sorted = (value: unknown): unknown =>
    value !== null && typeof value === 'object' && !Array.isArray(value)
      ? Object.entries(value)
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([key, each]) => [key, sorted(each)])
      : value
  return createHash('sha256')
    .update(JSON.stringify(sorted(space)))
    .digest('hex')
}

/**
 * Names of the parameters, each after the one it hangs on; otherwise by name, so that the order in which a space was
 * written down changes nothing.
 *
 * @throws {GimbalError} `config-invalid`, naming the parameter: bounds that make no sense, a condition on something that is
 *   not a choice or on a value it cannot take, conditions in a circle.
 */
export function orderedParameters(space: SearchSpace): readonly string[] {
  const names = Object.keys(space).sort()
  for (const name of names) checkParameter(name, space)
  const ordered: string[] = []
  const placed = new Set<string>()
  while (ordered.length < names.length) {
    const ready = names.filter((name) => {
      const when = space[name]!.when
      return !placed.has(name) && (when === undefined || placed.has(when.parameter))
    })
    if (ready.length === 0)
      throw invalid('Conditions of a search space go round in a circle', {
        parameters: names.filter((name) => !placed.has(name)).join(' '),
      })
    for (const name of ready) {
      placed.add(name)
      ordered.push(name)
    }
  }
  return ordered
}

/** Whether a parameter is in force, given the values chosen so far. */
export function inForce(parameter: Parameter, chosen: Configuration): boolean {
  const { when } = parameter
  return when === undefined || when.is.some((value) => value === chosen[when.parameter])
}

/**
 * Draws a configuration, every parameter from a stream of its own: adding one to the space moves no other.
 *
 * @throws {GimbalError} `config-invalid`, see {@link orderedParameters}.
 */
export function sampleConfiguration(space: SearchSpace, random: Random): Configuration {
  const configuration: Record<string, SettingValue> = {}
  for (const name of orderedParameters(space)) {
    const parameter = space[name]!
    if (inForce(parameter, configuration)) configuration[name] = sampleParameter(parameter, random.fork(name))
  }
  return configuration
}

/** Draws a value of one parameter. */
export function sampleParameter(parameter: Parameter, random: Random): SettingValue {
  if (parameter.kind === 'choice') return parameter.values[random.integer(0, parameter.values.length - 1)]!
  const { low, high } = scaleOf(parameter)
  return fromScale(parameter, low + random.uniform() * (high - low))
}

/**
 * Checks a configuration against a space.
 *
 * @throws {GimbalError} `config-invalid`, naming the parameter: missing, not in force, unknown or out of range.
 */
export function requireConfiguration(space: SearchSpace, configuration: Configuration): void {
  for (const name of Object.keys(configuration))
    if (!Object.hasOwn(space, name))
      throw invalid('A configuration has a parameter its search space does not have', { parameter: name })
  for (const name of orderedParameters(space)) {
    const parameter = space[name]!
    const value = configuration[name]
    if (!inForce(parameter, configuration)) {
      if (value !== undefined)
        throw invalid('A configuration sets a parameter that is not in force', { parameter: name, value })
    } else if (value === undefined) throw invalid('A configuration lacks a parameter', { parameter: name })
    else if (!allows(parameter, value))
      throw invalid('A configuration lies outside its search space', { parameter: name, value })
  }
}

function allows(parameter: Parameter, value: SettingValue): boolean {
  if (parameter.kind === 'choice') return parameter.values.includes(value)
  if (typeof value !== 'number' || !(value >= parameter.min) || !(value <= parameter.max)) return false
  return parameter.kind !== 'integer' || Number.isInteger(value)
}

/**
 * Ends of the scale a number is drawn on evenly: its logarithm where it is logarithmic. Integers own the half steps around
 * them, so that the first and the last are as likely as any.
 */
export function scaleOf(parameter: Exclude<Parameter, ChoiceParameter>): {
  readonly low: number
  readonly high: number
} {
  const half = parameter.kind === 'integer' ? 0.5 : 0
  return {
    low: toScale(parameter, parameter.min - half),
    high: toScale(parameter, parameter.max + half),
  }
}

/** Place of a value on its scale. */
export function toScale(parameter: Exclude<Parameter, ChoiceParameter>, value: number): number {
  return logarithmic(parameter) ? Math.log(value) : value
}

/** Value at a place on its scale, rounded to a whole number where it is one, never outside its bounds. */
export function fromScale(parameter: Exclude<Parameter, ChoiceParameter>, place: number): number {
  const value = logarithmic(parameter) ? Math.exp(place) : place
  const whole = parameter.kind === 'integer' ? Math.round(value) : value
  return Math.min(parameter.max, Math.max(parameter.min, whole))
}

function logarithmic(parameter: Exclude<Parameter, ChoiceParameter>): boolean {
  return parameter.kind === 'log-uniform' || (parameter.kind === 'integer' && parameter.log === true)
}

function checkParameter(name: string, space: SearchSpace): void {
  const parameter = space[name]!
  if (parameter.kind === 'choice') {
    if (parameter.values.length === 0 || new Set(parameter.values).size !== parameter.values.length)
      throw invalid('A choice needs values, each of them once', { parameter: name })
    if (parameter.values.some((value) => typeof value === 'number' && !Number.isFinite(value)))
      throw invalid('A choice among numbers needs finite ones', { parameter: name })
  } else {
    const { kind, min, max } = parameter
    const sound = Number.isFinite(min) && Number.isFinite(max) && min < max && (!logarithmic(parameter) || min > 0)
    if (!sound || (kind === 'integer' && !(Number.isSafeInteger(min) && Number.isSafeInteger(max))))
      throw invalid('A range needs min < max, whole numbers for integers, above 0 for logarithms', {
        parameter: name,
        kind,
        min,
        max,
      })
  }
  const { when } = parameter
  if (!when) return
  const other = Object.hasOwn(space, when.parameter) ? space[when.parameter] : undefined
  if (other?.kind !== 'choice' || when.is.length === 0 || when.is.some((value) => !other.values.includes(value)))
    throw invalid('A parameter can only hang on values another choice can take', {
      parameter: name,
      hangsOn: when.parameter,
      values: when.is.join(' '),
    })
}

function invalid(summary: string, facts: Record<string, SettingValue>): GimbalError {
  return new GimbalError('config-invalid', summary, facts)
}
