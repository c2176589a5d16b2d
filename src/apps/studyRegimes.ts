/**
 * @file Regimes of a study: fitted to its beginning, recorded as features, drawn over its path; and fitted again at every
 * training of the walk as a model of turbulence.
 */

import { isoTime } from '../core/clock.ts'
import { assert, GimbalError } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import type { SettingValue } from '../core/settings.ts'
import { type FeatureSetSpec, featureNames, schemaHash } from '../features/featureSet.ts'
import { regimeSettings } from '../features/regime.ts'
import { HiddenMarkovFilter, type HiddenMarkovParameters } from '../features/regimeFilter.ts'
import { type Artifact, type ArtifactContent, completeArtifact, type Metric } from '../models/artifact.ts'
import { QUANTITIES } from '../models/forecast.ts'
import { fitBreaks } from '../models/regime/changePoint.ts'
import { fitHiddenMarkov } from '../models/regime/hiddenMarkov.ts'
import type { Dataset, TargetPath } from '../research/dataset.ts'
import { judgeRegimeWalk, type RegimeSkill } from '../research/regimeSkill.ts'
import type { ResearchPlan } from '../research/researchRun.ts'
import { judgedFromUs, type Turn } from '../research/study.ts'
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
    const parameters = fitStates(returns, seed)
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

/** @throws {GimbalError} `fit-failed`: too few returns, or none that differ. */
function fitStates(returns: Float64Array, seed: number): HiddenMarkovParameters {
  const settings = { states: STATES, means: 'zero', restarts: RESTARTS } as const
  return fitHiddenMarkov(returns, settings, new Random(seed).fork('regimes')).parameters
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
    // To what was known before the first training, and not a step further: a fit answers later than all it learnt from was known.
    const untilUs = judgedFromUs(beginning.timesUs, firstShare) - 1
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

/** Models of turbulence, with what was said of the returns after the first training. */
export interface TurbulenceModels {
  /** The fits of the walk, each from its training until the next: what is judged is what is traded. */
  readonly walk: Artifact
  /** The fit to every return: the one to use on what comes. */
  readonly final: Artifact
  /** Of the walk; null when too few returns were left to judge it on. */
  readonly skill: RegimeSkill | null
}

/** States fitted to the returns known at one moment. */
interface StatesFit {
  /** When they begin to be heard: later than the last return they were fitted to was known. */
  readonly fromUs: number
  readonly untilUs: number
  readonly returns: number
  readonly parameters: HiddenMarkovParameters
}

/**
 * The regimes as models of their own: the causal probability of the most turbulent one, told once a step. They hear nothing but
 * prices, and read one column of their own features as it is: normalised, a probability would be none. The walk has features of
 * every fit; all hear the market from its beginning.
 *
 * @param trainedUs Moments of training, ascending: those of the forecasts' walk. A fit is to all returns known before, however
 *   short a past the forecasts learn from; where it fails the one before goes on.
 */
export async function turbulenceModels(
  dataset: Dataset,
  regimes: FittedRegimes,
  trainedUs: readonly number[],
  seed: number,
  madeBy: Exclude<MadeBy, 'research-walk'>,
  turn: Turn,
): Promise<TurbulenceModels> {
  const { path } = dataset
  const returns = everyReturn(path, stepsOf(path, regimes.stepUs))
  const fits: StatesFit[] = []
  for (const [index, fromUs] of trainedUs.entries()) {
    await turn(`regimes: window ${index + 1} of ${trainedUs.length}`)
    const fit = statesAt(path, regimes, returns, fromUs, seed)
    if (fit) fits.push(fit)
  }
  await turn('regimes: the model that is kept')
  const endUs = path.startUs + returns.length * regimes.stepUs
  const whole = statesAt(path, regimes, returns, endUs + 1, seed)
  assert(fits.length > 0 && whole !== undefined, 'regimes that could be fitted to the beginning can be fitted to more')
  const judged = fits.map(({ parameters, returns: fitted, fromUs }) => ({
    parameters,
    fitted,
    from: Math.ceil((fromUs - path.startUs) / regimes.stepUs),
  }))
  const skill = judgeRegimeWalk(judged, returns, new Random(seed).fork('regime skill'))
  const describe = (made: MadeBy, model: readonly StatesFit[]) =>
    turbulenceArtifact(dataset, regimes, model, metricsOf(skill, regimes.stepUs, fits.length), seed, made)
  return { walk: describe('research-walk', fits), final: describe(madeBy, [whole]), skill }
}

/** The states by all returns that were known before a moment; undefined where they cannot be fitted. */
function statesAt(
  path: TargetPath,
  regimes: FittedRegimes,
  returns: Float64Array,
  fromUs: number,
  seed: number,
): StatesFit | undefined {
  const known = Math.min(returns.length, Math.max(0, Math.ceil((fromUs - path.startUs) / regimes.stepUs) - 1))
  try {
    const parameters = known === regimes.returns ? regimes.parameters : fitStates(returns.subarray(0, known), seed)
    return { fromUs, untilUs: path.startUs + known * regimes.stepUs, returns: known, parameters }
  } catch (error) {
    if (error instanceof GimbalError && error.code === 'fit-failed') return undefined
    throw error
  }
}

/** @param fits One alone answers for ever; several are a sequence. */
function turbulenceArtifact(
  dataset: Dataset,
  regimes: FittedRegimes,
  fits: readonly StatesFit[],
  metrics: readonly Metric[],
  seed: number,
  madeBy: MadeBy,
): Artifact {
  const { path, source } = dataset
  const { target } = dataset.features
  const recorded = dataset.features.features.find(({ family }) => family === 'regime')
  const walk = madeBy === 'research-walk'
  const settings = { ...recorded?.settings, ...regimes.settings, instrument: '' }
  const features: FeatureSetSpec = {
    target,
    sampling: { every: 'time', intervalUs: regimes.stepUs },
    normaliseOver: 0,
    features: fits.map(({ parameters }, index) => ({
      family: 'regime',
      settings: { ...settings, ...regimeSettings(parameters) },
      ...(walk ? { as: `fit-${index + 1}` } : {}),
    })),
  }
  const names = featureNames(features)
  const column = (prefix: string) => ({ kind: 'column' as const, names, column: `${prefix}regime/state-${STATES}` })
  const answer: Pick<ArtifactContent, 'scale' | 'interval' | 'range'> = {
    scale: 1,
    // The state is hidden: no truth can be held against the probability, so its bounds are those of all probabilities.
    interval: { of: 'difference', level: 0.9, low: -1, high: 1 },
    // Wilder than ever is what the last state is for; a breaker that trips on it would stop the run this model is to calm.
    range: {
      names,
      columns: names.map(() => ({ low: 0, high: Number.MAX_VALUE, categories: null, missing: true })),
    },
  }
  const last = fits.at(-1)!
  return completeArtifact({
    format: 1,
    name: modelName(target, { quantity: 'turbulence', horizonUs: regimes.stepUs }, madeBy),
    quantity: 'turbulence',
    unit: QUANTITIES.turbulence,
    target,
    horizonUs: regimes.stepUs,
    features,
    schemaHash: schemaHash(features),
    ...answer,
    model: walk
      ? {
          kind: 'sequence',
          steps: fits.map(({ fromUs, untilUs, returns }, index) => ({
            fromUs,
            model: column(`fit-${index + 1}/`),
            ...answer,
            learnt: { fromUs: path.startUs, toUs: untilUs, knownUs: untilUs, rows: returns },
          })),
        }
      : column(''),
    transform: 'identity',
    trained: {
      fromUs: path.startUs,
      toUs: last.untilUs,
      rows: last.returns,
      datasetHash: dataset.hash,
      dataHash: source.dataHash,
      dataKind: source.kind,
      seed,
      learner: `hidden Markov model of ${STATES} states${walk ? `, fitted ${fits.length} times` : ''}`,
      settings: { states: STATES, means: 'zero', restarts: RESTARTS },
      gimbal: gimbalVersion(),
    },
    metrics,
    parents: [],
  })
}

function metricsOf(skill: RegimeSkill | null, stepUs: number, fits: number): Metric[] {
  if (!skill) return []
  const on = `walk-forward of ${count(fits, 'fit')}, ${skill.steps} returns of ${span(stepUs)}`
  const told = { low: null, high: null, on }
  return [
    { name: 'log density over one variance', ...figures(skill.overOne), on },
    { name: 'log density over EWMA 0.94', ...figures(skill.overMoving), on },
    { name: 'variance when turbulent over when not', value: skill.spread, ...told },
    { name: 'mean probability', value: skill.turbulent, ...told },
  ]
}

const figures = ({ mean, low, high }: RegimeSkill['overOne']) => ({ value: mean, low, high })

/**
 * What the fits of a walk were fitted to and what they knew, for the notes of a report.
 *
 * @param name Of the model that is spoken of.
 */
export function turbulenceNote({ walk, skill }: TurbulenceModels, name: string): string {
  const steps = walk.model.kind === 'sequence' ? walk.model.steps : []
  const first = steps[0]!.learnt
  const fitted = `The model of turbulence (${name}) was fitted ${count(steps.length, 'time')}, each time to all returns of ${span(walk.horizonUs)} known by then, the first time to ${first.rows} of them, the last known at ${isoTime(first.knownUs).slice(0, 19)}`
  if (!skill) return `${fitted}; too few returns were left to judge it on.`
  const gain = ({ mean, low, high }: RegimeSkill['overOne']) =>
    `${mean.toFixed(3)} (${low.toFixed(3)} to ${high.toFixed(3)})`
  return `${fitted}. On the ${count(skill.steps, 'return')} after it, each judged by the last fit before it, the mean log density given to the next was higher by ${gain(skill.overOne)} than one variance gave, and by ${gain(skill.overMoving)} than an exponentially weighted one; the variance of the next return, each counted by the probability before it, was ${skill.spread.toFixed(1)} times as high in turbulence as out of it; ${(100 * skill.turbulent).toFixed(0)} % of the time was turbulent.`
}
