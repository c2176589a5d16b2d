/** @file The batch definition of every family, by the family's name: a family without one fails the joint test. */

import type { Oracle } from './oracle.ts'
import { basis } from './oracles/basis.ts'
import { bookImbalance } from './oracles/bookImbalance.ts'
import { correlationState } from './oracles/correlationState.ts'
import { depthProfile } from './oracles/depthProfile.ts'
import { ewmaVariance } from './oracles/ewmaVariance.ts'
import { funding } from './oracles/funding.ts'
import { gas } from './oracles/gas.ts'
import { harLadder } from './oracles/harLadder.ts'
import { hawkes } from './oracles/hawkes.ts'
import { impliedVolatilityLevel } from './oracles/impliedVolatilityLevel.ts'
import { leadLag } from './oracles/leadLag.ts'
import { liquidationClusters } from './oracles/liquidationClusters.ts'
import { liquidationFlow } from './oracles/liquidationFlow.ts'
import { microprice } from './oracles/microprice.ts'
import { openInterest } from './oracles/openInterest.ts'
import { orderFlowImbalance } from './oracles/orderFlowImbalance.ts'
import { pendingPressure } from './oracles/pendingPressure.ts'
import { poolLiquidity } from './oracles/poolLiquidity.ts'
import { priceImpact } from './oracles/priceImpact.ts'
import { queueDynamics } from './oracles/queueDynamics.ts'
import { rangeVolatility } from './oracles/rangeVolatility.ts'
import { realisedMeasures } from './oracles/realisedMeasures.ts'
import { regime } from './oracles/regime.ts'
import { returns } from './oracles/returns.ts'
import { spread } from './oracles/spread.ts'
import { swapFlow } from './oracles/swapFlow.ts'
import { timeOfDay } from './oracles/timeOfDay.ts'
import { tradeFlow } from './oracles/tradeFlow.ts'
import { venueHealth } from './oracles/venueHealth.ts'
import { volume } from './oracles/volume.ts'
import { vpin } from './oracles/vpin.ts'

export const ORACLES: Readonly<Record<string, Oracle>> = {
  'book-imbalance': bookImbalance,
  'depth-profile': depthProfile,
  spread: spread,
  'order-flow-imbalance': orderFlowImbalance,
  'trade-flow': tradeFlow,
  microprice: microprice,
  vpin: vpin,
  hawkes: hawkes,
  'queue-dynamics': queueDynamics,
  'price-impact': priceImpact,
  'time-of-day': timeOfDay,
  'realised-measures': realisedMeasures,
  'har-ladder': harLadder,
  'range-volatility': rangeVolatility,
  'ewma-variance': ewmaVariance,
  regime,
  returns,
  volume,
  funding,
  basis,
  'open-interest': openInterest,
  'liquidation-flow': liquidationFlow,
  'liquidation-clusters': liquidationClusters,
  'lead-lag': leadLag,
  'correlation-state': correlationState,
  'implied-volatility': impliedVolatilityLevel,
  'pool-liquidity': poolLiquidity,
  'swap-flow': swapFlow,
  gas,
  'pending-pressure': pendingPressure,
  'venue-health': venueHealth,
}
