/** @file What `gimbal/research` promises to the outside. */

export { completeDataset, type Dataset, loadDataset, saveDataset, type TargetPath } from './dataset.ts'
export {
  compareLosses,
  dieboldMariano,
  type ForecastComparison,
  type LossComparison,
  type MeanInterval,
  meanInterval,
} from './dieboldMariano.ts'
export {
  DEFAULT_LEARNER,
  type FittedForecast,
  type ForecastSamples,
  fitForecast,
  fittedSpec,
  forecastRows,
  gathered,
  type LearnerSpec,
} from './forecastLearner.ts'
export {
  bandTrade,
  gammaBand,
  type HedgeBand,
  type HedgeCosts,
  holdingBand,
  lelandVolatility,
  whalleyWilmottHalfWidth,
  widerBand,
} from './hedging/hedgeBands.ts'
export { type HedgedPath, type HedgeStudy, hedgePath, simulateHedges } from './hedging/hedgedPaths.ts'
export {
  conditionalValueAtRisk,
  entropicRisk,
  entropicStandardError,
  expectedShortfall,
  meanVarianceRisk,
} from './hedging/riskMeasures.ts'
export { type OpenedHoldOut, openHoldOut } from './holdOut.ts'
export {
  type BarrierLabels,
  type Barriers,
  forwardReturn,
  forwardVariance,
  forwardVolume,
  type Labels,
  liquidityDemand,
  metaLabel,
  type TradingCost,
  trailingVolatility,
  tripleBarrier,
} from './labels.ts'
export {
  type CausalityLeak,
  type ColumnFinding,
  checkCausality,
  checkColumns,
  type NamedLabel,
  type Recording,
} from './leakCheck.ts'
export { backtestOverfitting, type Overfitting, type Performance } from './overfitting.ts'
export { permuteLabels, shiftFeatures } from './placebo.ts'
export { DatasetRecorder, type RecordPlan, recordDataset } from './recordDataset.ts'
export { type Question, type QuestionResult, type ResearchPlan, researchQuestion } from './researchRun.ts'
export { averageUniqueness, sequentialBootstrap, timeDecay } from './sampleWeights.ts'
export {
  expectedBestSharpe,
  minimumBacktestLength,
  minimumTrackRecord,
  probabilisticSharpe,
  type TrialEvidence,
} from './sharpe.ts'
export {
  type CombinatorialSplits,
  combinatorialSplits,
  overlapping,
  purgedKFold,
  recombine,
  type Spans,
  type Split,
  type WalkForward,
  type WalkForwardSplit,
  walkForward,
} from './splits.ts'
export { automaticBlockMean, stationaryRows } from './stationaryBootstrap.ts'
export { type BootstrapSettings, type SuperiorAbility, superiorPredictiveAbility } from './superiorPredictiveAbility.ts'
export {
  type HoldOutOpening,
  lowerIsBetter,
  settingsHash,
  type Trial,
  type TrialKind,
  TrialLedger,
} from './trialLedger.ts'
export { judge, type ResearchResult, type SkillRow, type SkillTable, type Verdict } from './verdict.ts'
