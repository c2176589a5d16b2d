/** @file The feature families that come with gimbal, by name. A new family is a file beside this one and a line here. */

import { BASIS } from './basis.ts'
import { BOOK_IMBALANCE } from './bookImbalance.ts'
import { CORRELATION_STATE } from './correlationState.ts'
import { DEPTH_PROFILE } from './depthProfile.ts'
import { EWMA_VARIANCE } from './ewmaVariance.ts'
import type { FeatureFamily } from './feature.ts'
import { FUNDING } from './funding.ts'
import { GAS } from './gas.ts'
import { HAR_LADDER } from './harLadder.ts'
import { HAWKES } from './hawkes.ts'
import { IMPLIED_VOLATILITY } from './impliedVolatilityLevel.ts'
import { LEAD_LAG } from './leadLag.ts'
import { LIQUIDATION_CLUSTERS } from './liquidationClusters.ts'
import { LIQUIDATION_FLOW } from './liquidationFlow.ts'
import { MICROPRICE } from './microprice.ts'
import { OPEN_INTEREST } from './openInterest.ts'
import { ORDER_FLOW_IMBALANCE } from './orderFlowImbalance.ts'
import { PENDING_PRESSURE } from './pendingPressure.ts'
import { POOL_LIQUIDITY } from './poolLiquidity.ts'
import { PRICE_IMPACT } from './priceImpact.ts'
import { QUEUE_DYNAMICS } from './queueDynamics.ts'
import { RANGE_VOLATILITY } from './rangeVolatility.ts'
import { REALISED_MEASURES } from './realisedMeasures.ts'
import { REGIME } from './regime.ts'
import { RETURNS } from './returns.ts'
import { SPREAD } from './spread.ts'
import { SWAP_FLOW } from './swapFlow.ts'
import { TIME_OF_DAY } from './timeOfDay.ts'
import { TRADE_FLOW } from './tradeFlow.ts'
import { VENUE_HEALTH } from './venueHealth.ts'
import { VOLUME } from './volume.ts'
import { VPIN } from './vpin.ts'

const ALL: readonly FeatureFamily[] = [
  TIME_OF_DAY,
  BOOK_IMBALANCE,
  DEPTH_PROFILE,
  SPREAD,
  ORDER_FLOW_IMBALANCE,
  TRADE_FLOW,
  MICROPRICE,
  VPIN,
  HAWKES,
  REALISED_MEASURES,
  HAR_LADDER,
  RANGE_VOLATILITY,
  EWMA_VARIANCE,
  REGIME,
  RETURNS,
  VOLUME,
  FUNDING,
  BASIS,
  OPEN_INTEREST,
  LIQUIDATION_FLOW,
  LIQUIDATION_CLUSTERS,
  LEAD_LAG,
  CORRELATION_STATE,
  QUEUE_DYNAMICS,
  PRICE_IMPACT,
  IMPLIED_VOLATILITY,
  POOL_LIQUIDITY,
  SWAP_FLOW,
  GAS,
  PENDING_PRESSURE,
  VENUE_HEALTH,
]

export const FAMILIES: Readonly<Record<string, FeatureFamily>> = Object.fromEntries(
  ALL.map((family) => [family.name, family]),
)
