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
