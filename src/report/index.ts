/** @file What the report layer promises to outsiders. */

export {
  COMPONENTS,
  type CollectedRun,
  type CollectorOptions,
  type Component,
  MARKOUT_HORIZONS_US,
  RunCollector,
} from './collector.ts'
export { renderReport } from './html.ts'
export {
  type Performance,
  performance,
  type ReturnMoments,
  type SharpeEvidence,
  score,
} from './performance.ts'
export {
  type Assumption,
  buildRunReport,
  type DataKind,
  parseReports,
  type ReportSource,
  type RunFacts,
  type RunReport,
  reportJson,
} from './runReport.ts'
