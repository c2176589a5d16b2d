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
export type { ProtectiveDemand, ProtectiveRule, ProtectiveWatch, StressReading } from './stress/protectiveRules.ts'
export { deleverageRule, pegRule, protectiveRules } from './stress/protectiveRules.ts'
export { type ReverseOptions, type ReverseStress, reverseStress } from './stress/reverseStress.ts'
export type * from './stress/scenario.ts'
export { checkScenario } from './stress/scenario.ts'
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
export type { BreachRecord } from './trip.ts'
