/** @file What the layer promises to users of the package: the policies, their settings, and the contract to write one. */

export { CARRY_SETTINGS, Carry, type CarryOutlook, carryOutlook, deleveragingCut } from './carry.ts'
export { MARKET_MAKER_SETTINGS, MarketMaker } from './marketMaker.ts'
export type { OpenOrder, Policy, PolicyContext } from './policy.ts'
export {
  finiteHorizonBidDistance,
  monopolyHalfSpread,
  type QuoteParameters,
  steadyStateBidDistance,
  steadyStateSkew,
} from './quoteFormulas.ts'
export { buildPolicy, POLICIES, type PolicyOffer } from './registry.ts'
export {
  EwmaVolatility,
  VOLATILITY_TARGET_SETTINGS,
  type VolatilityForecaster,
  VolatilityTarget,
} from './volatilityTarget.ts'
