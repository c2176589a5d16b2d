/** @file What `gimbal/risk` promises to the outside. */

export { checkRiskConfig } from './checkRiskConfig.ts'
export type { BreachRead, Gate, GateAct, GateActKind, GateReset, LatchView, Scope } from './gate.ts'
export { OpenGate } from './gate.ts'
export type { Watched } from './limits.ts'
export type * from './riskConfig.ts'
export { DEFAULT_RISK } from './riskConfig.ts'
export { GATE_EXCEPTION, RiskGate } from './riskGate.ts'
export { DEFAULT_SIZING, type SizingConfig } from './sizing.ts'
export type { CascadeCause, CascadeMoment, CascadeOptions, CascadeResult } from './stress/cascade.ts'
export { runCascade } from './stress/cascade.ts'
export { type FrontierRow, type HeatMap, type HeatMapOptions, heatMap } from './stress/frontier.ts'
export type { Losses } from './stress/heldBook.ts'
export { namedScenarios } from './stress/namedScenarios.ts'
export type {
  ProtectiveDemand,
  ProtectiveRule,
  ProtectiveWatch,
  StressReading,
  UnwatchedBreaker,
} from './stress/protectiveRules.ts'
export { deleverageRule, pegRule, protectiveRules, unwatchedBreakers } from './stress/protectiveRules.ts'
export { type ReverseOptions, type ReverseStress, reverseStress } from './stress/reverseStress.ts'
export { checkScenario, type Scenario, type ScenarioStep, type Shock, type Stickiness } from './stress/scenario.ts'
export { parseScenario, scenarioText } from './stress/scenarioText.ts'
export { ShockedView } from './stress/shockedView.ts'
export { type GridAxis, type GridOptions, type StressGrid, stressGrid } from './stress/stressGrid.ts'
export type { CascadeEvent, CascadeEventKind } from './stress/stressMoment.ts'
export {
  type ScenarioResult,
  type StressOptions,
  type StressReport,
  stressReport,
  usualProtection,
} from './stress/stressReport.ts'
export {
  DEFAULT_STRESS,
  type HedgePlace,
  type LiquidationTerms,
  type StressSettings,
  type TransferRoute,
} from './stress/stressSettings.ts'
export { type AssetReturns, absorptionRatio, covariance, turbulence } from './systemic/absorption.ts'
export { type Concentration, type Crowding, concentrationOf, crowding, herfindahl } from './systemic/concentration.ts'
export { type CoVar, coVar, marginalExpectedShortfall, systemReturns } from './systemic/contagion.ts'
export {
  CorrelationRegime,
  type CorrelationRegimeSettings,
  type CorrelationState,
} from './systemic/correlationRegime.ts'
export { type FireSaleRound, type FireSaleSystem, fireSaleRounds } from './systemic/fireSale.ts'
export { clearingPrice, type LeverageMarket } from './systemic/leverageClearing.ts'
export { type LiquidationCluster, LiquidationMap } from './systemic/liquidationMap.ts'
export { DEFAULT_HEALTH, type HealthSettings, MarketHealth } from './systemic/marketHealth.ts'
export { type QuantileLine, quantileRegression } from './systemic/quantileRegression.ts'
export {
  acerbiSzekely,
  type Breaches,
  christoffersen,
  conditionalCoverage,
  countBreaches,
  exceedanceResiduals,
  kupiec,
  type RatioTest,
  type ShortfallTest,
} from './tail/backtest.ts'
export { type BookTail, bookTail, type ShockHistory, shocksOf } from './tail/bookTail.ts'
export { filteredTail, type ResidualTail, type VolatilityFilter } from './tail/filteredTail.ts'
export {
  fitGeneralisedPareto,
  type ParetoFit,
  type ParetoMethod,
  type ParetoTail,
  peaksOverThreshold,
  type ThresholdRule,
} from './tail/generalisedPareto.ts'
export { historicalTail, type Tail } from './tail/historicalTail.ts'
export {
  type LiquidityCost,
  type LiquidityLeg,
  type LiquidityStress,
  liquidityAdjusted,
  liquidityCost,
  liquidityLegs,
} from './tail/liquidityAdjusted.ts'
export { LiveTail, type LiveTailSettings } from './tail/liveTail.ts'
export {
  TAIL_METHODS,
  type TailForecastSettings,
  type TailForecasts,
  type TailMethod,
  tailForecasts,
} from './tail/tailForecasts.ts'
export type { BreachRecord } from './trip.ts'
