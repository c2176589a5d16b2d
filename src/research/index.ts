/** @file What `gimbal/research` promises to the outside. */

export { expectedBestSharpe, minimumTrackRecord, probabilisticSharpe, type TrialEvidence } from './sharpe.ts'
export { settingsHash, type Trial, TrialLedger } from './trialLedger.ts'
