/**
 * @file The hour of the day and the day of the week as points on a circle, UTC: 23:59 lies beside 00:00.
 *
 * Activity on crypto venues follows the day of Asia, Europe and America, and is lower at week-ends.
 */

import { DAY_US } from '../core/clock.ts'
import type { Feature, FeatureFamily } from './feature.ts'

const TURN = 2 * Math.PI
/** 1 January 1970 was a Thursday: three days after the Monday the week is counted from. */
const WEEK_OFFSET_US = 3 * DAY_US

class TimeOfDay implements Feature {
  readonly instruments: readonly number[] = []
  onRow(): void {}
  write(out: Float64Array, at: number, nowUs: number): void {
    const day = (TURN * (nowUs % DAY_US)) / DAY_US
    const week = (TURN * ((nowUs + WEEK_OFFSET_US) % (7 * DAY_US))) / (7 * DAY_US)
    out[at] = Math.sin(day)
    out[at + 1] = Math.cos(day)
    out[at + 2] = Math.sin(week)
    out[at + 3] = Math.cos(week)
  }
}

export const TIME_OF_DAY: FeatureFamily = {
  name: 'time-of-day',
  summary: 'Hour of the day and day of the week, UTC, as points on a circle.',
  version: 1,
  settings: {},
  outputs: () => [
    { name: 'day-sine', unit: '', doc: 'Sine of the time of day, a full turn a day.' },
    { name: 'day-cosine', unit: '', doc: 'Cosine of the same.' },
    { name: 'week-sine', unit: '', doc: 'Sine of the time of the week, from Monday 00:00 UTC.' },
    { name: 'week-cosine', unit: '', doc: 'Cosine of the same.' },
  ],
  suits: () => true,
  build: () => new TimeOfDay(),
}
