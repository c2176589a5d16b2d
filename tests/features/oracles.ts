/** @file The batch definition of every family, by the family's name: a family without one fails the joint test. */

import type { Oracle } from './oracle.ts'
import { bookImbalance } from './oracles/bookImbalance.ts'
import { depthProfile } from './oracles/depthProfile.ts'
import { timeOfDay } from './oracles/timeOfDay.ts'

export const ORACLES: Readonly<Record<string, Oracle>> = {
  'book-imbalance': bookImbalance,
  'depth-profile': depthProfile,
  'time-of-day': timeOfDay,
}
