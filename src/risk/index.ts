/** @file What `gimbal/risk` promises to the outside. */

export { checkRiskConfig } from './checkRiskConfig.ts'
export type { BreachRead, Gate, GateAct, GateActKind, GateReset, LatchView, Scope } from './gate.ts'
export { OpenGate } from './gate.ts'
export type { Watched } from './limits.ts'
export type * from './riskConfig.ts'
export { DEFAULT_RISK } from './riskConfig.ts'
export { GATE_EXCEPTION, RiskGate } from './riskGate.ts'
export type { BreachRecord } from './trip.ts'
