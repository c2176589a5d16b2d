/** @file Time as the engine sees it: an input like any other, never something to go and read. */

/**
 * The engine's only notion of now.
 *
 * In a backtest it is the time of the event being processed; live, it is the operating system's clock read
 * once per event, at the edge, and recorded with the event for replay.
 */
export interface Clock {
  /** Microseconds since 1970-01-01 UTC, never decreasing: the finest unit a number holds exactly (until 2255). */
  readonly nowUs: number
}

export const SECOND_US = 1_000_000
export const MINUTE_US = 60 * SECOND_US
export const HOUR_US = 60 * MINUTE_US
export const DAY_US = 24 * HOUR_US

/** Start of the UTC day holding `timeUs`, in microseconds since 1970. */
export function startOfDayUs(timeUs: number): number {
  return Math.floor(timeUs / DAY_US) * DAY_US
}

/**
 * Microseconds since 1970 of a UTC day or an ISO time, `2026-01-30` or `2026-01-30T08:00:00Z` (UTC where no offset is written);
 * undefined for every other text.
 *
 * Read by its form before it is parsed: left to itself the runtime takes 30 February for 2 March and `5` for May 2001.
 *
 * @param dayHour Hour of the day meant by a day alone.
 */
export function readUtc(text: string, dayHour = 0): number | undefined {
  const form = /^(\d{4})-(\d\d)-(\d\d)([T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?$/.exec(text)
  if (!form) return undefined
  const [, year, month, day, timeOfDay, , , offset] = form
  const dayMs = Date.UTC(Number(year), Number(month) - 1, Number(day))
  if (new Date(dayMs).toISOString().slice(0, 10) !== `${year}-${month}-${day}`) return undefined
  if (timeOfDay === undefined) return dayMs * 1000 + dayHour * HOUR_US
  const ms = Date.parse(offset === undefined ? `${text}Z` : text)
  return Number.isNaN(ms) ? undefined : ms * 1000
}

/** `2025-10-10T21:20:00.123456Z` for a time in microseconds. */
export function isoTime(timeUs: number): string {
  const seconds = Math.floor(timeUs / SECOND_US)
  const micros = Math.round(timeUs - seconds * SECOND_US)
  return `${new Date(seconds * 1000).toISOString().slice(0, 19)}.${String(micros).padStart(6, '0')}Z`
}

/** `2025-10-10` for a time in microseconds. */
export function isoDay(timeUs: number): string {
  return new Date(Math.floor(timeUs / 1000)).toISOString().slice(0, 10)
}
