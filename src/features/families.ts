/** @file The feature families that come with gimbal, by name. A new family is a file beside this one and a line here. */

import { BOOK_IMBALANCE } from './bookImbalance.ts'
import { DEPTH_PROFILE } from './depthProfile.ts'
import type { FeatureFamily } from './feature.ts'
import { MICROPRICE } from './microprice.ts'
import { ORDER_FLOW_IMBALANCE } from './orderFlowImbalance.ts'
import { SPREAD } from './spread.ts'
import { TIME_OF_DAY } from './timeOfDay.ts'
import { TRADE_FLOW } from './tradeFlow.ts'

const ALL: readonly FeatureFamily[] = [
  TIME_OF_DAY,
  BOOK_IMBALANCE,
  DEPTH_PROFILE,
  SPREAD,
  ORDER_FLOW_IMBALANCE,
  TRADE_FLOW,
  MICROPRICE,
]

export const FAMILIES: Readonly<Record<string, FeatureFamily>> = Object.fromEntries(
  ALL.map((family) => [family.name, family]),
)
