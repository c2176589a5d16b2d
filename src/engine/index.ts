/** @file What `gimbal/engine` promises to the outside: the loop, its ports, replay and recovery. */

export { Engine, type EngineOptions, type EngineParts, type Observer, type VenuePort } from './engine.ts'
export { DEFAULT_TIERS } from './listedTiers.ts'
export {
  MarginDesk,
  type MarginReading,
  marginAssumptions,
  marginRatio,
  ownMargins,
  type VenueMargins,
} from './marginDesk.ts'
export {
  type Reconciliation,
  type Recovery,
  reconcile,
  reconciliationText,
  type StartedEngine,
  type StartOptions,
  startEngine,
  type VenueOrder,
  type VenueSnapshot,
} from './recovery.ts'
export { AccountHistory } from './recoveryMark.ts'
export {
  type BuildEngine,
  type EnginePorts,
  engineState,
  engineStateDigest,
  type FoldResult,
  MuteVenue,
  type ReplayResult,
  replayJournal,
} from './replayJournal.ts'
