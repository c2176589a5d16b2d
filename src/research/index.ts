/** @file What `gimbal/research` promises to the outside. */

export { expectedBestSharpe, minimumTrackRecord, probabilisticSharpe, type TrialEvidence } from './sharpe.ts'
export {
  type HoldOutOpening,
  lowerIsBetter,
  settingsHash,
  type Trial,
  type TrialKind,
  TrialLedger,
} from './trialLedger.ts'
