/** @file Lengths of time and names of instruments as comma text, the way settings carry several of them. */

import { SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { SettingsShape, SettingValue } from '../core/settings.ts'
import type { FeatureContext, FeatureOutput } from './feature.ts'
import { INSTRUMENT_SETTING } from './settingLists.ts'

/**
 * Reads `60,300` as microseconds, in the order given.
 *
 * @param owner Whose setting, for messages: `returns horizonsSeconds`.
 * @throws {GimbalError} `config-invalid` when empty, repeated or not above 0.
 */
export function readSeconds(owner: string, text: SettingValue | undefined): readonly number[] {
  const lengths = String(text ?? '')
    .split(',')
    .map((part) => (part.trim() === '' ? Number.NaN : Math.round(Number(part) * SECOND_US)))
  if (lengths.some((each) => !(each > 0) || !Number.isSafeInteger(each)) || new Set(lengths).size !== lengths.length)
    throw new GimbalError('config-invalid', `${owner} needs different numbers of seconds above 0, between commas`, {
      given: String(text),
    })
  return lengths
}

/**
 * Lengths of windows in steps of a grid.
 *
 * @returns One count of steps a window.
 * @throws {GimbalError} `config-invalid` unless every window is a whole number of steps, from `least` to 2^20.
 */
export function readSteps(
  owner: string,
  text: SettingValue | undefined,
  intervalUs: number,
  least = 1,
): readonly number[] {
  return readSeconds(owner, text).map((windowUs) => {
    const steps = windowUs / intervalUs
    if (!Number.isInteger(steps) || steps < least || steps > 2 ** 20)
      throw new GimbalError('config-invalid', `${owner} needs windows of whole sampling intervals`, {
        windowSeconds: windowUs / SECOND_US,
        intervalSeconds: intervalUs / SECOND_US,
        intervals: `${least} to ${2 ** 20}`,
      })
    return steps
  })
}

/** The one window of a setting that takes no more. @throws {GimbalError} `config-invalid`, as {@link readSteps}. */
export function readStep(owner: string, text: SettingValue | undefined, intervalUs: number, least = 1): number {
  const steps = readSteps(owner, text, intervalUs, least)
  if (steps.length > 1)
    throw new GimbalError('config-invalid', `${owner} is one number of seconds`, { given: String(text) })
  return steps[0]!
}

type Settings = Readonly<Record<string, SettingValue>>

/** Step of the clock that the setting `intervalSeconds` names, whole µs. */
export function intervalOf(settings: Settings): number {
  return Math.round(Number(settings['intervalSeconds']) * SECOND_US)
}

/** That step, and the windows of the setting `windowsSeconds` in such steps. @throws {GimbalError} `config-invalid`. */
export function windowsOf(
  owner: string,
  settings: Settings,
  least = 1,
): { readonly intervalUs: number; readonly windows: readonly number[] } {
  const intervalUs = intervalOf(settings)
  return { intervalUs, windows: readSteps(`${owner} windowsSeconds`, settings['windowsSeconds'], intervalUs, least) }
}

/** The same figures for each window, named after it. */
export function perWindow(
  figures: readonly FeatureOutput[],
  { intervalUs, windows }: { readonly intervalUs: number; readonly windows: readonly number[] },
): FeatureOutput[] {
  return windows.flatMap((steps) =>
    figures.map((figure) => ({ ...figure, name: `${figure.name}-${secondsLabel(steps * intervalUs)}` })),
  )
}

/** Settings of a family on a clock that watches one instrument. */
export const CLOCK_SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  intervalSeconds: {
    default: 300,
    min: 1e-3,
    max: 86_400,
    doc: 'Step of the clock returns are taken on, in seconds.',
  },
} as const satisfies SettingsShape

/** How a length is written in the name of a figure: `300s`. */
export function secondsLabel(us: number): string {
  return `${us / SECOND_US}s`
}

/** Names between commas; none for an empty text. */
export function readNames(text: SettingValue | undefined): readonly string[] {
  return String(text ?? '')
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '')
}

/** Most instruments compared with the target when none are named. */
const RELATIVES_MAX = 8
const RELATIVE_KINDS = ['spot', 'perp', 'future', 'pool']

/**
 * Instruments a setting names; for '' the first eight others of the universe that are no options.
 *
 * @throws {GimbalError} `instrument-unknown`; `config-invalid` when one is the target or named twice.
 */
export function namedOthers(owner: string, text: SettingValue | undefined, context: FeatureContext): readonly number[] {
  const { universe, target } = context
  const names = readNames(text)
  if (names.length === 0)
    return universe.instruments
      .map((_, index) => index)
      .filter((index) => index !== target && RELATIVE_KINDS.includes(universe.at(index).kind))
      .slice(0, RELATIVES_MAX)
  const others = names.map((name) => universe.index(name))
  if (others.includes(target) || new Set(others).size !== others.length)
    throw new GimbalError('config-invalid', `${owner} needs different instruments besides the target`, {
      given: names.join(' '),
    })
  return others
}
