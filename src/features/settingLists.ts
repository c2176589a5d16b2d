/** @file What settings of features have in common: an instrument by id, numbers as comma text, names of windows. */

import { SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { Setting, SettingValue } from '../core/settings.ts'
import type { Stream } from '../market/message.ts'
import type { FeatureContext, TapeContents } from './feature.ts'

/** The setting every family of one instrument has. */
export const INSTRUMENT_SETTING: Setting<string> = {
  default: '',
  doc: 'instrument whose market is watched, by id; the target when empty',
}

/** After how long a silent book is no longer known. */
export const STALE_SETTING: Setting<number> = {
  default: 60,
  min: 0.001,
  doc: 'seconds of silence after which book and touch are no longer known',
}

/** Whether a reset of the book is the next book, or a break. */
export const SNAPSHOTS_SETTING: Setting<boolean> = {
  default: false,
  doc: 'whether the venue sends the book as full snapshots: each is then compared with the one before, a reset is no break',
}

/** Index of the instrument a setting names; the target for ''. @throws {GimbalError} `instrument-unknown`. */
export function namedInstrument({ universe, target }: FeatureContext, id: SettingValue | undefined): number {
  return id === undefined || id === '' ? target : universe.index(String(id))
}

/**
 * Numbers of a comma text, ascending: `1,10,60`.
 *
 * @param owner Whose setting, for messages. @param least Smallest number allowed. @param whole Whether only whole numbers are.
 * @throws {GimbalError} `config-invalid` for no numbers, a number too small, or numbers that do not ascend.
 */
export function numberList(owner: string, setting: string, text: string, least: number, whole = false): number[] {
  const numbers = text.split(',').map((part) => (part.trim() === '' ? Number.NaN : Number(part)))
  const sound = numbers.every(
    (number, i) =>
      Number.isFinite(number) &&
      number >= least &&
      (!whole || Number.isInteger(number)) &&
      (i === 0 || number > numbers[i - 1]!),
  )
  if (!sound)
    throw new GimbalError('config-invalid', `Setting ${setting} of ${owner} makes no sense`, {
      given: text,
      allowed: `ascending ${whole ? 'whole ' : ''}numbers from ${least} on, parted by commas`,
    })
  return numbers
}

/** A span of time for the name of a figure: `10s`, `500ms`. */
export function spanName(seconds: number): string {
  return Number.isInteger(seconds) ? `${seconds}s` : `${Number((seconds * 1000).toPrecision(12))}ms`
}

/** Whole microseconds of a span, at least one. */
export function spanUs(seconds: number): number {
  return Math.max(1, Math.round(seconds * SECOND_US))
}

/** Whether a tape has one of the streams for its target. */
export function targetHas(tape: TapeContents, ...streams: readonly Stream[]): boolean {
  const has = tape.streams[tape.target] ?? []
  return streams.some((stream) => has.includes(stream))
}
