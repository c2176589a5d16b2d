/**
 * @file Times as tables write them, in microseconds since 1970 UTC. What cannot be read is NaN, never a guess.
 *
 * A count since 1970 tells its unit by its digits: between September 2001 and November 2286 seconds have 10,
 * milliseconds 13, microseconds 16 and nanoseconds 19. Nanoseconds are cut to microseconds, not rounded: a time may
 * not move forward.
 */

import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'

/** How a column writes its times. `auto`: by the number of digits; `iso`: as a date. */
export type StampUnit = 'auto' | 's' | 'ms' | 'us' | 'ns' | 'iso'
const UNITS: readonly string[] = ['auto', 's', 'ms', 'us', 'ns', 'iso']

/** Times outside [2001-09-09, 2100) are damage, not data: no market here is older, and flipped digits land there. */
const EARLIEST_US = 1e15
const LATEST_US = 4_102_444_800_000_000

const ISO = /^(\d{4})-(\d\d)-(\d\d)[T ](\d\d):(\d\d):(\d\d)(?:\.(\d{1,9}))?\s?(Z|UTC|[+-]\d\d:?\d\d)?$/
const DAY = /^(\d{4})-(\d\d)-(\d\d)$/

function plausible(timeUs: number): number {
  return timeUs >= EARLIEST_US && timeUs < LATEST_US ? timeUs : Number.NaN
}

/**
 * `2025-10-10 21:16:04.831874`, with `T` or blank, up to nine decimals, with zone or without; or a bare day.
 *
 * @param offsetUs Offset from UTC of the clock that wrote it, where the text names no zone: 3 h for UTC+3.
 */
export function parseIsoUs(text: string, offsetUs = 0): number {
  const match = ISO.exec(text) ?? DAY.exec(text)
  if (!match) return Number.NaN
  const year = Number(match[1])
  const month = Number(match[2])
  const day = Number(match[3])
  const hour = Number(match[4] ?? 0)
  const minute = Number(match[5] ?? 0)
  const second = Number(match[6] ?? 0)
  if (month < 1 || month > 12 || day < 1 || hour > 23 || minute > 59 || second > 59) return Number.NaN
  const dayMs = Date.UTC(year, month - 1, day)
  if (new Date(dayMs).getUTCDate() !== day) return Number.NaN
  const micros = Number((match[7] ?? '').padEnd(6, '0').slice(0, 6))
  const wallUs = dayMs * 1000 + hour * HOUR_US + minute * MINUTE_US + second * SECOND_US + micros
  const zone = match[8]
  if (zone === undefined) return plausible(wallUs - offsetUs)
  if (zone === 'Z' || zone === 'UTC') return plausible(wallUs)
  const sign = zone.startsWith('-') ? -1 : 1
  const zoneUs = Number(zone.slice(1, 3)) * HOUR_US + Number(zone.slice(-2)) * MINUTE_US
  return plausible(wallUs - sign * zoneUs)
}

/** A count since 1970 whose digits tell its unit; a fraction of zeros (`1586995200.0`) is allowed. */
export function parseEpochUs(text: string): number {
  const match = /^(\d{10}|\d{13}|\d{16}|\d{19})(?:\.0*)?$/.exec(text)
  if (!match) return Number.NaN
  const digits = match[1]!
  return plausible(Number(digits.slice(0, 16).padEnd(16, '0')))
}

/** A time in a declared unit. */
export function parseStampUs(text: string, unit: StampUnit, offsetUs = 0): number {
  if (unit === 'iso') return parseIsoUs(text, offsetUs)
  if (unit === 'auto') {
    const timeUs = parseEpochUs(text)
    return Number.isNaN(timeUs) ? parseIsoUs(text, offsetUs) : timeUs - offsetUs
  }
  const match = /^(\d{1,19})(?:\.0*)?$/.exec(text)
  if (!match) return Number.NaN
  const digits = match[1]!
  if (unit === 'ns') return plausible(Number(digits.slice(0, -3)) - offsetUs)
  const scale = unit === 's' ? SECOND_US : unit === 'ms' ? 1000 : 1
  return plausible(Number(digits) * scale - offsetUs)
}

/** A unit from the command line. @throws {GimbalError} `argument-invalid`. */
export function stampUnit(text: string): StampUnit {
  if (!UNITS.includes(text)) {
    throw new GimbalError('argument-invalid', 'Unknown time unit', { given: text, known: UNITS.join(' ') })
  }
  return text as StampUnit
}

/** An offset from UTC such as `+3`, `UTC+3`, `-05:30` or `0`, in µs. @throws {GimbalError} `argument-invalid`. */
export function zoneOffsetUs(text: string): number {
  const match = /^(?:UTC)?([+-]?)(\d{1,2})(?::?([0-5]\d))?$/i.exec(text)
  const hours = match ? Number(match[2]) : Number.NaN
  if (!match || hours > 14) {
    throw new GimbalError('argument-invalid', 'Not an offset from UTC', { given: text, expected: '+3, -05:30 or 0' })
  }
  return (match[1] === '-' ? -1 : 1) * (hours * HOUR_US + Number(match[3] ?? 0) * MINUTE_US)
}

const INTERVAL = /^(\d{1,4})(s|m|h|d|w|mo|M)$/

/** Length of `5m`, `1h`, `1d`, `1w` in µs; undefined when it is none or varies (`1mo`). */
export function intervalUs(text: string): number | undefined {
  const match = INTERVAL.exec(text)
  const count = Number(match?.[1] ?? 0)
  if (!match || count === 0) return undefined
  const unit = { s: SECOND_US, m: MINUTE_US, h: HOUR_US, d: DAY_US, w: 7 * DAY_US }[match[2]!]
  return unit === undefined ? undefined : count * unit
}

/** Start of the month after the one holding `timeUs`, in µs. */
export function nextMonthUs(timeUs: number): number {
  const date = new Date(Math.floor(timeUs / 1000))
  return Date.UTC(date.getUTCFullYear(), date.getUTCMonth() + 1, 1) * 1000
}

/**
 * Offset of New York's clock from UTC in µs at midday of a day: -4 h in daylight saving time, else -5 h.
 *
 * Rules (Uniform Time Act and the Energy Policy Act of 2005): since 2007 from the second Sunday of March to the
 * first Sunday of November; 1987 to 2006 from the first Sunday of April to the last Sunday of October.
 */
export function newYorkOffsetUs(year: number, month: number, day: number): number {
  const sunday = (inMonth: number, nth: number) => {
    const first = 1 + ((7 - new Date(Date.UTC(year, inMonth - 1, 1)).getUTCDay()) % 7)
    return first + 7 * (nth - 1)
  }
  const lastSundayOfOctober = 31 - new Date(Date.UTC(year, 9, 31)).getUTCDay()
  const start = year >= 2007 ? [3, sunday(3, 2)] : [4, sunday(4, 1)]
  const end = year >= 2007 ? [11, sunday(11, 1)] : [10, lastSundayOfOctober]
  const at = month * 100 + day
  const summer = at >= start[0]! * 100 + start[1]! && at < end[0]! * 100 + end[1]!
  return (summer ? -4 : -5) * HOUR_US
}
