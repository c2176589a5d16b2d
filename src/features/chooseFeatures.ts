/** @file Which families a tape can feed, and the feature set made of all of them. */

import { GimbalError } from '../core/errors.ts'
import type { SettingValue } from '../core/settings.ts'
import { FAMILIES } from './families.ts'
import type { TapeContents } from './feature.ts'
import type { FeatureSetSpec } from './featureSet.ts'
import type { SamplerSpec } from './samplers.ts'

export interface FeatureChoice {
  readonly sampling: SamplerSpec
  readonly normaliseOver?: number
  /** Only these families; every one the tape can feed when absent. */
  readonly only?: readonly string[]
  /** Settings by family, beyond its defaults. */
  readonly settings?: Readonly<Record<string, Readonly<Record<string, SettingValue>>>>
}

/**
 * Every family the tape can feed about its target.
 *
 * @throws {GimbalError} `config-invalid` for a family that does not exist or that the tape cannot feed, for settings of one that
 *   does not exist, and when none is left.
 */
export function chooseFeatures(tape: TapeContents, choice: FeatureChoice): FeatureSetSpec {
  const suitable = Object.values(FAMILIES).filter((family) => family.suits(tape))
  for (const name of choice.only ?? []) {
    if (suitable.some((family) => family.name === name)) continue
    throw new GimbalError(
      'config-invalid',
      Object.hasOwn(FAMILIES, name) ? 'The tape cannot feed this feature family' : 'No such feature family',
      {
        family: name,
        target: tape.universe.at(tape.target).id,
        streams: tape.streams[tape.target]!.join(' '),
        suitable: suitable.map((family) => family.name).join(' '),
      },
    )
  }
  // Settings of a family that is merely not chosen do no harm: callers give what suits a kind of tape for all at once.
  for (const name of Object.keys(choice.settings ?? {}))
    if (!Object.hasOwn(FAMILIES, name))
      throw new GimbalError('config-invalid', 'Settings for a feature family that does not exist', {
        family: name,
        known: Object.keys(FAMILIES).join(' '),
      })
  const chosen = suitable.filter(({ name }) => !choice.only || choice.only.includes(name))
  if (chosen.length === 0)
    throw new GimbalError('config-invalid', 'The tape can feed no feature family', {
      target: tape.universe.at(tape.target).id,
      streams: tape.streams[tape.target]!.join(' '),
    })
  return {
    target: tape.universe.at(tape.target).id,
    sampling: choice.sampling,
    normaliseOver: choice.normaliseOver ?? 0,
    features: chosen.map(({ name }) => ({ family: name, settings: choice.settings?.[name] ?? {} })),
  }
}
