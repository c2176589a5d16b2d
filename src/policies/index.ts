/** @file What the layer promises to users of the package: the policies, their settings, and the contract to write one. */

export { CARRY_SETTINGS, Carry, type CarryOutlook, carryOutlook, deleveragingCut } from './carry.ts'
export { DELTA_HEDGER_SETTINGS, DeltaHedger } from './deltaHedger.ts'
export { GAMMA_SCALPER_SETTINGS, GammaScalper } from './gammaScalper.ts'
export { type HedgeInstrument, type HedgePlan, type HedgeProblem, hedgeRatios } from './hedgeRatios.ts'
export { MARKET_MAKER_SETTINGS, MarketMaker } from './marketMaker.ts'
export { OPTION_VAULT_SETTINGS, OptionVault } from './optionVault.ts'
export type { OpenOrder, Policy, PolicyContext } from './policy.ts'
export {
  finiteHorizonBidDistance,
  monopolyHalfSpread,
  type QuoteParameters,
  steadyStateBidDistance,
  steadyStateSkew,
} from './quoteFormulas.ts'
export { buildPolicy, POLICIES, type PolicyOffer } from './registry.ts'
export { type FitQuotes, RELATIVE_VALUE_SETTINGS, RelativeValue } from './relativeValue.ts'
export { VARIANCE_PREMIUM_SETTINGS, VariancePremium } from './variancePremium.ts'
export {
  EwmaVolatility,
  VOLATILITY_TARGET_SETTINGS,
  type VolatilityForecaster,
  VolatilityTarget,
} from './volatilityTarget.ts'
