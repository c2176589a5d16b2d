/** @file What `gimbal/models` promises to the outside: learners, models as files, and how an engine runs them. */

export {
  type Artifact,
  type ArtifactContent,
  ArtifactForecaster,
  artifactText,
  completeArtifact,
  type FittedSpec,
  type ForecastInterval,
  loadModel,
  type ModelSpec,
  parseArtifact,
  type SequenceStep,
} from './artifact.ts'
export { type RangeSpec, TrainingRange, trainingRange } from './calibration/range.ts'
export { type Forecast, type Forecasts, QUANTITIES, type Quantity } from './forecast.ts'
export { ForecastDesk, type Forecaster, type ForecastSlot } from './forecastDesk.ts'
export {
  type Model,
  predictTable,
  requireColumns,
  requireTrainingSet,
  type Table,
  type TrainingSet,
} from './learner.ts'
export { ModelRegistry, type RegisteredModel } from './modelRegistry.ts'
export type { Tree, TreeEnsemble } from './trees/ensemble.ts'
export { type FitOptions, fitTrees, type TreeFit } from './trees/fitTrees.ts'
export { FlatPredictor } from './trees/flatPredictor.ts'
export { readLightgbmModel, writeLightgbmModel } from './trees/lightgbmText.ts'
export { TREE_SETTINGS, type TreeSettings } from './trees/treeSettings.ts'
export { shapImportance, TreeShap } from './trees/treeShap.ts'
export { TreeThreads } from './trees/treeThreads.ts'
export { qlike } from './volatility/qlike.ts'
