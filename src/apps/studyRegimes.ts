/** @file Regimes of a study: fitted to its beginning, recorded as features, drawn over its path, and kept as a model of turbulence. */

import { isoTime } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import type { SettingValue } from '../core/settings.ts'
import { type FeatureSetSpec, featureNames, schemaHash } from '../features/featureSet.ts'
import { regimeSettings } from '../features/regime.ts'
import { HiddenMarkovFilter, type HiddenMarkovParameters } from '../features/regimeFilter.ts'
import { type Artifact, completeArtifact } from '../models/artifact.ts'
import { QUANTITIES } from '../models/forecast.ts'
import { fitBreaks } from '../models/regime/changePoint.ts'
import { fitHiddenMarkov } from '../models/regime/hiddenMarkov.ts'
import type { Dataset, TargetPath } from '../research/dataset.ts'
import { judgeRegimes, type RegimeSkill } from '../research/regimeSkill.ts'
import type { ResearchPlan } from '../research/researchRun.ts'
import { judgedFromUs } from '../research/study.ts'
import type { RegimeTimeline } from '../research/verdict.ts'
import { type MadeBy, modelName } from './researchModels.ts'
import { featuresFor, recordStudy, type StudyData, type StudyDataOptions } from './studyData.ts'
import { count, span, type Terminal } from './terminal.ts'
import { gimbalVersion } from './version.ts'

const STATES = 3
const RESTARTS = 3
const DAY_US = 86_400e6

/** Regimes of the target, fitted to the beginning of its path. */
export interface FittedRegimes {
  readonly settings: Readonly<Record<string, SettingValue>>
  readonly parameters: HiddenMarkovParameters
  /** Clock of the returns. */
  readonly stepUs: number
  /** Returns fitted to, from the path's first on, and when the last of them was known. */
  readonly returns: number
  readonly untilUs: number
}

/**
 * Three regimes of the returns of the first part of the path; undefined where it has too few, or they do not differ.
 *
 * @param untilUs No return that ended later is looked at.
 * @param stepUs Clock of the returns: a multiple of the path's step.
 */
export function fitRegimes(path: TargetPath, untilUs: number, stepUs: number, seed: number): FittedRegimes | undefined {
  const every = stepsOf(path, stepUs)
  const clockUs = every * path.stepUs
  const count = Math.max(0, Math.floor((untilUs - path.startUs) / clockUs))
  const returns = everyReturn(path, every).subarray(0, count)
  try {
    const { parameters } = fitHiddenMarkov(
      returns,
      { states: STATES, means: 'zero', restarts: RESTARTS },
      new Random(seed).fork('regimes'),
    )
    const breaks = fitBreaks(returns).parameters
    return {
      settings: { ...regimeSettings(parameters, breaks), intervalSeconds: clockUs / 1e6 },
      parameters,
      stepUs: clockUs,
      returns: returns.length,
      untilUs: path.startUs + returns.length * clockUs,
    }
  } catch (error) {
    if (error instanceof GimbalError && error.code === 'fit-failed') return undefined
    throw error
  }
}

function stepsOf(path: TargetPath, stepUs: number): number {
  return Math.max(1, Math.round(stepUs / path.stepUs))
}

function everyReturn(path: TargetPath, every: number): Float64Array {
  const count = Math.floor((path.points - 1) / every)
  return Float64Array.from({ length: count }, (_, i) => Math.log(path.price[(i + 1) * every]! / path.price[i * every]!))
}

/**
 * Records what a study learns from, regimes fitted to its beginning included. Undefined when it was interrupted.
 *
 * @throws {GimbalError} `config-invalid`, `catalog-empty`.
 */
export async function recordWithRegimes(
  terminal: Terminal,
  study: StudyData,
  options: StudyDataOptions,
  wish: Parameters<typeof featuresFor>[2],
  { firstShare, seed }: Pick<ResearchPlan, 'firstShare' | 'seed'>,
  signal: AbortSignal,
): Promise<{ readonly dataset: Dataset; readonly regimes: FittedRegimes | undefined } | undefined> {
  // The path alone first: regimes are fitted to its beginning, and their parameters are settings of a feature.
  const wanted = featuresFor(study, options, wish)
  let regimes: FittedRegimes | undefined
  let features = wanted
  if (wanted.features.some(({ family }) => family === 'regime')) {
    const clockOnly = { ...wanted, features: [{ family: 'time-of-day' }], normaliseOver: 0 }
    const beginning = await recordStudy(terminal, study, clockOnly, wish.stepUs, signal)
    if (!beginning) return undefined
    // To what was known before any sample is judged, and not a step further.
    const untilUs = judgedFromUs(beginning.timesUs, firstShare)
    regimes = fitRegimes(beginning.path, untilUs, study.barUs || 10e6, seed)
    const settings = regimes?.settings
    features = {
      ...wanted,
      features: wanted.features
        .filter(({ family }) => family !== 'regime' || settings)
        .map((each) => (each.family === 'regime' ? { ...each, settings: { ...each.settings, ...settings } } : each)),
    }
  }
  const dataset = await recordStudy(terminal, study, features, wish.stepUs, signal)
  return dataset && { dataset, regimes }
}

const TIMELINE_POINTS = 600

/** Filtered probabilities over the path, thinned for drawing. */
export function regimeTimeline(path: TargetPath, { parameters, stepUs }: FittedRegimes): RegimeTimeline {
  const every = stepsOf(path, stepUs)
  const returns = everyReturn(path, every)
  const filter = new HiddenMarkovFilter(parameters)
  const keep = Math.max(1, Math.ceil(returns.length / TIMELINE_POINTS))
  const timesUs: number[] = []
  const probabilities = parameters.means.map(() => [] as number[])
  for (let i = 0; i < returns.length; i++) {
    filter.update(returns[i]!)
    if (i % keep !== keep - 1) continue
    timesUs.push(path.startUs + (i + 1) * every * path.stepUs)
    for (const [state, list] of probabilities.entries()) list.push(filter.probabilities[state]!)
  }
  const yearly = (variance: number) => Math.sqrt((variance * 365 * DAY_US) / (every * path.stepUs))
  return { timesUs, probabilities, volatilities: parameters.variances.map(yearly) }
}

/** A model of turbulence, with what it said of the returns after its training. */
export interface TurbulenceModel {
  readonly artifact: Artifact
  /** Null when too few returns were left to judge it on. */
  readonly skill: RegimeSkill | null
  /** When the last return it was fitted to was known. */
  readonly untilUs: number
}

/**
 * The regimes as a model of their own: the causal probability of the most turbulent one, told once a step. It hears nothing but
 * prices, and reads one column of its own features as it is: normalised, a probability would be none.
 */
export function turbulenceModel(
  dataset: Dataset,
  regimes: FittedRegimes,
  seed: number,
  madeBy: MadeBy,
): TurbulenceModel {
  const { path, source } = dataset
  const { target } = dataset.features
  const recorded = dataset.features.features.find(({ family }) => family === 'regime')
  const features: FeatureSetSpec = {
    target,
    sampling: { every: 'time', intervalUs: regimes.stepUs },
    normaliseOver: 0,
    features: [{ family: 'regime', settings: { ...recorded?.settings, ...regimes.settings, instrument: '' } }],
  }
  const names = featureNames(features)
  const returns = everyReturn(path, stepsOf(path, regimes.stepUs))
  const skill = judgeRegimes(regimes.parameters, returns, regimes.returns, new Random(seed).fork('regime skill'))
  const on = `returns of ${span(regimes.stepUs)} after its training${skill ? `, ${skill.steps} of them` : ''}`
  const told = { low: null, high: null, on }
  const artifact = completeArtifact({
    format: 1,
    name: modelName(target, { quantity: 'turbulence', horizonUs: regimes.stepUs }, madeBy),
    quantity: 'turbulence',
    unit: QUANTITIES.turbulence,
    target,
    horizonUs: regimes.stepUs,
    features,
    schemaHash: schemaHash(features),
    model: { kind: 'column', names, column: `regime/state-${regimes.parameters.variances.length}` },
    transform: 'identity',
    scale: 1,
    // The state is hidden: no truth can be held against the probability, so its bounds are those of all probabilities.
    interval: { of: 'difference', level: 0.9, low: -1, high: 1 },
    // Wilder than ever is what the last state is for; a breaker that trips on it would stop the run this model is to calm.
    range: {
      names,
      columns: names.map(() => ({ low: 0, high: Number.MAX_VALUE, categories: null, missing: true })),
    },
    trained: {
      fromUs: path.startUs,
      toUs: regimes.untilUs,
      rows: regimes.returns,
      datasetHash: dataset.hash,
      dataHash: source.dataHash,
      dataKind: source.kind,
      seed,
      learner: `hidden Markov model of ${STATES} states`,
      settings: { states: STATES, means: 'zero', restarts: RESTARTS },
      gimbal: gimbalVersion(),
    },
    metrics: skill
      ? [
          { name: 'log density over one variance', ...figures(skill.overOne), on },
          { name: 'log density over EWMA 0.94', ...figures(skill.overMoving), on },
          { name: 'variance when turbulent over when not', value: skill.spread, ...told },
          { name: 'mean probability', value: skill.turbulent, ...told },
        ]
      : [],
    parents: [],
  })
  return { artifact, skill, untilUs: regimes.untilUs }
}

const figures = ({ mean, low, high }: RegimeSkill['overOne']) => ({ value: mean, low, high })

/** What a model of turbulence was fitted to and what it knew, for the notes of a report. */
export function turbulenceNote({ artifact, skill, untilUs }: TurbulenceModel): string {
  const fitted = `The model of turbulence (${artifact.name}) was fitted to ${count(artifact.trained.rows, 'return')} of ${span(artifact.horizonUs)}, the last known at ${isoTime(untilUs).slice(0, 19)}, and kept unchanged`
  if (!skill) return `${fitted}; too few returns were left to judge it on.`
  const gain = ({ mean, low, high }: RegimeSkill['overOne']) =>
    `${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`
  return `${fitted}. On the ${count(skill.steps, 'return')} after it the mean log density it gave to the next was higher by ${gain(skill.overOne)} than one variance gave, and by ${gain(skill.overMoving)} than an exponentially weighted one; the variance of the next return, each counted by the probability before it, was ${skill.spread.toFixed(1)} times as high in turbulence as out of it; ${(100 * skill.turbulent).toFixed(0)} % of the time was turbulent.`
}
