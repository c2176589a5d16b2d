/** @file What was learnt as files: a fit, the sequence of fits that was judged, and names no two commands share. */

import { type Artifact, type ArtifactContent, completeArtifact, type Metric } from '../models/artifact.ts'
import { trainingRange } from '../models/calibration/range.ts'
import { QUANTITIES } from '../models/forecast.ts'
import { ModelRegistry } from '../models/modelRegistry.ts'
import type { Dataset } from '../research/dataset.ts'
import { type FittedForecast, fittedSpec, gathered } from '../research/forecastLearner.ts'
import type { Question, QuestionResult } from '../research/researchRun.ts'
import { span } from './terminal.ts'
import { gimbalVersion } from './version.ts'

/**
 * What made a model, at the end of its name: `research` and `train` fit to everything they were given; `research-walk` is the
 * sequence of fits that research judged and traded on.
 */
export type MadeBy = 'research' | 'research-walk' | 'train'

/** `eth-usdc-perp@generated-north-variance-10s-research`. */
export function modelName(target: string, { quantity, horizonUs }: Question, madeBy: MadeBy): string {
  return `${target.toLowerCase()}-${quantity}-${span(horizonUs).replaceAll(/[ ,]/g, '')}-${madeBy}`
}

interface ModelDetails {
  readonly seed: number
  readonly madeBy: MadeBy
  /** Identities of the models it descends from. */
  readonly parents: readonly string[]
}

/** The fit to every sample with a label: the one to use on what comes. */
export function finalModel(dataset: Dataset, result: QuestionResult, details: ModelDetails): Artifact {
  const { final, labels } = result
  const rows = Array.from(labels.label.keys()).filter((row) => labels.label[row]! > 0)
  return completeArtifact({
    ...contentOf(dataset, result, details, final),
    ...answerOf(dataset, final, rows),
    model: fittedSpec(final),
    trained: trainedOn(dataset, result, rows, details, {
      learner: final.ensemble ? `log-linear start and ${final.rounds} boosted trees` : 'log-linear',
      rows: final.trained,
    }),
  })
}

/**
 * The walk-forward as a model: every fit from the moment it was trained until the next, so that a run hears at each sample what
 * was judged there. A fit knows no label that was not known when it began to answer.
 */
export function walkModelOf(dataset: Dataset, result: QuestionResult, details: ModelDetails): Artifact {
  const { walk, labels, chosen } = result
  const { timesUs } = dataset
  const steps = walk.fits.map((fit, index) => {
    const { trainedUs, train } = walk.windows[index]!
    const rows = Array.from(train).filter((row) => labels.label[row]! > 0)
    return {
      fromUs: trainedUs,
      model: fittedSpec(fit),
      ...answerOf(dataset, fit, rows),
      learnt: {
        fromUs: timesUs[rows[0]!]!,
        toUs: timesUs[rows.at(-1)!]!,
        knownUs: rows.reduce((latest, row) => Math.max(latest, labels.endsUs[row]!), 0),
        rows: fit.trained,
      },
    }
  })
  const { scale, interval, range, learnt } = steps.at(-1)!
  const rows = Array.from(walk.windows.at(-1)!.train).filter((row) => labels.label[row]! > 0)
  return completeArtifact({
    ...contentOf(dataset, result, details, walk.fits.at(-1)!),
    ...{ scale, interval, range },
    model: { kind: 'sequence', steps },
    trained: trainedOn(dataset, result, rows, details, {
      learner: `log-linear start${Number(chosen.trees['rounds'] ?? 1) > 0 ? ' and boosted trees' : ''}, fitted ${steps.length} times`,
      rows: learnt.rows,
    }),
  })
}

/** Moments at which the fits of a walk were trained. */
export function trainingsOf({ walk }: Pick<QuestionResult, 'walk'>): number[] {
  return walk.windows.map(({ trainedUs }) => trainedUs)
}

function answerOf(dataset: Dataset, fitted: FittedForecast, rows: readonly number[]) {
  return {
    scale: fitted.scale,
    interval: { of: 'ratio' as const, level: fitted.level, low: fitted.low, high: fitted.high },
    range: trainingRange(gathered(dataset.table, rows)),
  }
}

type Content = Omit<ArtifactContent, 'model' | 'scale' | 'interval' | 'range' | 'trained'>

/** What a fit says of itself, weight 0 being a forecast that is the log-linear start and nothing else. */
function heldMetrics({ weight, heldLoss, startLoss, judged }: FittedForecast): Metric[] {
  const on = `blocks of its training, each forecast by what was known before it, ${judged} samples`
  return [
    { name: 'weight of the trees', value: weight, low: null, high: null, on },
    { name: 'qlike on blocks', value: heldLoss, low: null, high: null, on },
    { name: 'qlike on blocks of the start alone', value: startLoss, low: null, high: null, on },
  ]
}

/** @param last The fit whose own measurements are told beside those of the walk. */
function contentOf(
  dataset: Dataset,
  { question, skill, best }: QuestionResult,
  details: ModelDetails,
  last: FittedForecast,
): Content {
  const own = skill.rows[0]!
  const rival = skill.rows.find(({ name }) => name === best)!
  const on = `walk-forward, ${skill.samples} samples`
  return {
    format: 1,
    name: modelName(dataset.features.target, question, details.madeBy),
    quantity: question.quantity,
    unit: QUANTITIES[question.quantity],
    target: dataset.features.target,
    horizonUs: question.horizonUs,
    features: dataset.features,
    schemaHash: dataset.schemaHash,
    transform: 'identity',
    metrics: [
      { name: 'qlike', value: own.loss, low: own.low, high: own.high, on },
      { name: `qlike of ${best}`, value: rival.loss, low: rival.low, high: rival.high, on },
      { name: `t against ${best}`, value: rival.dieboldMariano, low: null, high: null, on },
      ...heldMetrics(last),
    ],
    parents: details.parents,
  }
}

function trainedOn(
  { timesUs, hash, source }: Dataset,
  { chosen }: QuestionResult,
  rows: readonly number[],
  { seed }: ModelDetails,
  fitted: { readonly learner: string; readonly rows: number },
): ArtifactContent['trained'] {
  return {
    fromUs: timesUs[rows[0]!]!,
    toUs: timesUs[rows.at(-1)!]!,
    rows: fitted.rows,
    datasetHash: hash,
    dataHash: source.dataHash,
    dataKind: source.kind,
    seed,
    learner: fitted.learner,
    settings: { ...chosen.trees, ridge: chosen.ridge },
    gimbal: gimbalVersion(),
  }
}

/** Keeps artifacts in a registry; returns what a report lists. */
export function register(folder: string, artifacts: readonly Artifact[]): { id: string; name: string }[] {
  const registry = new ModelRegistry(folder)
  return artifacts.map((artifact) => {
    registry.add(artifact)
    return { id: artifact.id, name: artifact.name }
  })
}
