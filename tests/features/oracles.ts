/** @file The batch definition of every family, by the family's name: a family without one fails the joint test. */

import type { Oracle } from './oracle.ts'
import { bookImbalance } from './oracles/bookImbalance.ts'
import { depthProfile } from './oracles/depthProfile.ts'
import { microprice } from './oracles/microprice.ts'
import { orderFlowImbalance } from './oracles/orderFlowImbalance.ts'
import { spread } from './oracles/spread.ts'
import { timeOfDay } from './oracles/timeOfDay.ts'
import { tradeFlow } from './oracles/tradeFlow.ts'

export const ORACLES: Readonly<Record<string, Oracle>> = {
  'book-imbalance': bookImbalance,
  'depth-profile': depthProfile,
  spread: spread,
  'order-flow-imbalance': orderFlowImbalance,
  'trade-flow': tradeFlow,
  microprice: microprice,
  'time-of-day': timeOfDay,
}
