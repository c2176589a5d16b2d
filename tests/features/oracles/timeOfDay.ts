/** @file Time of day by calendar arithmetic of the standard library. */

import type { Oracle } from '../oracle.ts'

export const timeOfDay: Oracle = ({ timesUs }) => {
  const out = [0, 1, 2, 3].map(() => new Float64Array(timesUs.length))
  for (const [i, timeUs] of timesUs.entries()) {
    const date = new Date(Math.floor(timeUs / 1000))
    const seconds =
      date.getUTCHours() * 3600 + date.getUTCMinutes() * 60 + date.getUTCSeconds() + (timeUs % 1_000_000) / 1e6
    const day = (2 * Math.PI * seconds) / 86_400
    const monday = (date.getUTCDay() + 6) % 7
    const week = (2 * Math.PI * (monday * 86_400 + seconds)) / (7 * 86_400)
    out[0]![i] = Math.sin(day)
    out[1]![i] = Math.cos(day)
    out[2]![i] = Math.sin(week)
    out[3]![i] = Math.cos(week)
  }
  return out
}
