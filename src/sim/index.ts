/** @file What `gimbal/sim` promises to the outside. */

export type { BacktestCounts, SimulatedVenue } from './backtest.ts'
export { BacktestLoop, runBacktest } from './backtest.ts'
export type { Bar, BarSettings } from './barFills.ts'
export { BarModel, DEFAULT_BARS } from './barFills.ts'
export type { Window } from './connection.ts'
export type { FeeSettings, FeeTier } from './feeModels.ts'
export type { ImpactModel } from './impactModels.ts'
export { noImpact, permanentLinearImpact } from './impactModels.ts'
export type { FeedLatencySettings, LatencyModel, RoundTrip } from './latencyModels.ts'
export { constantLatency, feedLatency, interpolatedLatency, resampledLatency } from './latencyModels.ts'
export { initialMarginAtoms, maintenanceMarginAtoms } from './marginRules.ts'
export {
  type GeneratedMarket,
  type GeneratedMarketFacts,
  type GeneratedMarketOptions,
  type GeneratedSources,
  generateMarket,
} from './market/generatedMarket.ts'
export { type NoiseMarketOptions, noiseMarket } from './market/noiseMarket.ts'
export { type OptionMarket, type OptionMarketOptions, optionMarket } from './market/optionMarket.ts'
export type { QueueModel, QueuePlace } from './queueModels.ts'
export {
  logProbability,
  logProbability2,
  powerProbability,
  powerProbability2,
  powerProbability3,
  queueModelNamed,
  riskAverse,
} from './queueModels.ts'
export type { ReplayedExchangeOptions } from './replayedExchange.ts'
export { ReplayedExchange } from './replayedExchange.ts'
export type { DeleveragingRules, LiquidationRules, RateLimit, VenueSettings } from './venueRules.ts'
export { PARTIAL_LIQUIDATION } from './venueRules.ts'
