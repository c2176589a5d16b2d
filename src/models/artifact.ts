/**
 * @file A trained forecaster as one file, named after its own content.
 *
 * It holds everything the engine needs to run it and everything a person needs to judge it: what it forecasts and in which
 * unit, the features it wants with their hash, the model, its correction and interval, the range of its training, where its
 * data came from, how well it did on data it had not seen, and what it descends from. The file is JSON; its identity is the
 * SHA-256 of that JSON without the identity itself, so a changed file no longer is what it says it is.
 */

import { createHash } from 'node:crypto'
import { GimbalError } from '../core/errors.ts'
import type { FeatureSetSpec } from '../features/featureSet.ts'
import { featureNames, schemaHash } from '../features/featureSet.ts'
import { BoostedModel } from './boostedModel.ts'
import { type RangeSpec, TrainingRange } from './calibration/range.ts'
import { QUANTITIES, type Quantity } from './forecast.ts'
import type { Forecaster, ForecastSlot } from './forecastDesk.ts'
import { type Model, requireColumns } from './learner.ts'
import { LinearModel, type LinearParameters } from './linear/linearModel.ts'
import { CorrectionGuard, type GuardSpec } from './trees/correctionGuard.ts'
import { FlatPredictor } from './trees/flatPredictor.ts'
import { readLightgbmModel } from './trees/lightgbmText.ts'

/** One fitted model as plain data. */
export type FittedSpec =
  /** Boosted trees in LightGBM's text format: can be taken to LightGBM and back. */
  | { readonly kind: 'trees'; readonly text: string }
  | { readonly kind: 'linear'; readonly parameters: LinearParameters }
  /** Start × exp(trees), held back by a guard where there is one: what `gimbal train` makes for positive quantities. */
  | {
      readonly kind: 'boosted'
      readonly base: LinearParameters
      readonly text: string
      /** Null takes trees at their word. */
      readonly guard: GuardSpec | null
    }
  /** The figure of one column as it is: exponentially weighted variance, a regime's probability. */
  | { readonly kind: 'column'; readonly names: readonly string[]; readonly column: string }

/** A model as plain data. */
export type ModelSpec =
  | FittedSpec
  /**
   * The fits of a walk-forward, each answering from its own moment until the next: what was judged is what is traded. Before the
   * first it says nothing. The artifact's own scale, interval and range are those of the last.
   */
  | { readonly kind: 'sequence'; readonly steps: readonly SequenceStep[] }

/** One fit of a sequence. */
export interface SequenceStep {
  /** From this moment on it answers: later than everything it learnt from was known. */
  readonly fromUs: number
  readonly model: FittedSpec
  readonly scale: number
  readonly interval: ForecastInterval
  readonly range: RangeSpec
  /** What it learnt from: first and last sample, when the last label was known, and how many samples. */
  readonly learnt: { readonly fromUs: number; readonly toUs: number; readonly knownUs: number; readonly rows: number }
}

/**
 * Split-conformal interval: for `ratio` the truth lies between `low` and `high` times the forecast, for `difference` it
 * lies that far from it, with probability `level`.
 */
export interface ForecastInterval {
  readonly of: 'ratio' | 'difference'
  readonly level: number
  readonly low: number
  readonly high: number
}

/** A figure measured on data the model had not seen. */
export interface Metric {
  /** `qlike`, `mse`, `qlike over har`, … */
  readonly name: string
  readonly value: number
  /** 95 % interval; null where none was computed. */
  readonly low: number | null
  readonly high: number | null
  /** How it was measured: `walk-forward, 120 windows`. */
  readonly on: string
}

/** Everything but the identity. */
export interface ArtifactContent {
  readonly format: 1
  /** For people: `btc-usdt-perp@binance-usdm-variance-1h-train`. */
  readonly name: string
  readonly quantity: Quantity
  readonly unit: string
  /** Instrument id. */
  readonly target: string
  readonly horizonUs: number
  readonly features: FeatureSetSpec
  readonly schemaHash: string
  readonly model: ModelSpec
  /** The model's answer goes through this; then times `scale`, which makes the mean right on calibration data. */
  readonly transform: 'identity' | 'exp'
  readonly scale: number
  readonly interval: ForecastInterval
  readonly range: RangeSpec
  readonly trained: {
    readonly fromUs: number
    readonly toUs: number
    readonly rows: number
    /** Hashes of the dataset and of the tapes it was recorded from. */
    readonly datasetHash: string
    readonly dataHash: string
    readonly dataKind: 'replayed' | 'synthetic'
    readonly seed: number
    readonly learner: string
    readonly settings: Readonly<Record<string, string | number | boolean>>
    readonly gimbal: string
  }
  readonly metrics: readonly Metric[]
  /** Identities of the models it was made from or replaces. */
  readonly parents: readonly string[]
}

export interface Artifact extends ArtifactContent {
  /** SHA-256, hex, of the content. */
  readonly id: string
}

/**
 * Fills in the identity. Metrics that came to no number are left out; every other figure must be one, for a file cannot hold
 * what is none.
 *
 * @throws {GimbalError} `model-invalid` when the content contradicts itself or would not survive being written.
 */
export function completeArtifact(content: ArtifactContent): Artifact {
  // A model made from another by spreading it brings that one's identity along, which is no part of any content.
  const { id: _former, ...own } = content as Artifact
  const finite = (value: number | null) => (value !== null && Number.isFinite(value) ? value : null)
  const metrics = content.metrics
    .filter(({ value }) => Number.isFinite(value))
    .map((metric) => ({ ...metric, low: finite(metric.low), high: finite(metric.high) }))
  const plain = plainCopy({ ...own, metrics }, content.name) as ArtifactContent
  const artifact = { ...plain, id: identity(plain) }
  checkArtifact(artifact, '')
  return artifact
}

/** A copy as JSON would give it back: what is undefined is left out, what is not finite or no plain data is refused. */
function plainCopy(value: unknown, at: string): unknown {
  const refuse = (reason: string): never => {
    throw new GimbalError('model-invalid', `The model cannot be written: ${reason}`, { at, value: String(value) })
  }
  if (Array.isArray(value)) return value.map((each, index) => plainCopy(each, `${at}[${index}]`))
  if (typeof value === 'object' && value !== null) {
    if (Object.getPrototypeOf(value) !== Object.prototype) refuse('it holds something other than plain data')
    const entries = Object.entries(value).filter(([, each]) => each !== undefined)
    return Object.fromEntries(entries.map(([key, each]) => [key, plainCopy(each, `${at}.${key}`)]))
  }
  if (typeof value === 'number' && !Number.isFinite(value)) refuse('a figure is none')
  if (value !== null && !['string', 'number', 'boolean'].includes(typeof value)) refuse('it holds something unwritable')
  return Object.is(value, -0) ? 0 : value
}

/**
 * Reads an artifact.
 *
 * @param file Where the text came from, for messages.
 * @throws {GimbalError} `model-invalid` for text that is no artifact, or one that was changed.
 */
export function parseArtifact(text: string, file: string): Artifact {
  let artifact: Artifact
  try {
    artifact = JSON.parse(text) as Artifact
  } catch (cause) {
    throw new GimbalError('model-invalid', 'Not a model: the file is not JSON', { file }, { cause })
  }
  if (artifact?.format !== 1 || typeof artifact.id !== 'string')
    throw new GimbalError('model-invalid', 'Not a model of this version', { file, format: String(artifact?.format) })
  const { id, ...content } = artifact
  const found = identity(content)
  if (found !== id)
    throw new GimbalError('model-invalid', 'The model file was changed: its content does not match its identity', {
      file,
      identity: id,
      content: found,
    })
  checkArtifact(artifact, file)
  return artifact
}

/** The file's text: what {@link parseArtifact} reads. */
export function artifactText(artifact: Artifact): string {
  return `${JSON.stringify(artifact, null, 1)}\n`
}

function identity(content: ArtifactContent): string {
  return createHash('sha256').update(canonical(content)).digest('hex')
}

/** JSON with sorted keys: the same content gives the same text, however it was put together. */
function canonical(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`
  if (typeof value === 'object' && value !== null) {
    const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
    return `{${entries.map(([key, each]) => `${JSON.stringify(key)}:${canonical(each)}`).join(',')}}`
  }
  return JSON.stringify(value)
}

/** What is checked is what listing, showing and running rely on; the model itself is read when it is to run. */
function checkArtifact(artifact: Artifact, file: string): void {
  const { name, quantity, unit, target, horizonUs, transform, features } = artifact
  const { model, trained, metrics, parents } = artifact
  const require = (holds: boolean, reason: string) => {
    if (holds) return
    throw new GimbalError('model-invalid', `The model contradicts itself: ${reason}`, {
      ...(file === '' ? {} : { file }),
      model: String(name),
      id: artifact.id,
    })
  }
  const texts = (...values: unknown[]) => values.every((value) => typeof value === 'string' && value !== '')
  require(texts(name, unit, target, artifact.schemaHash), 'its name, unit, target or schema is missing')
  require(Object.hasOwn(
    QUANTITIES,
    quantity,
  ), `it forecasts ${quantity}, which is none of ${Object.keys(QUANTITIES).join(', ')}`)
  require(horizonUs > 0, 'its horizon is not positive')
  require(transform === 'identity' || transform === 'exp', 'its transform is unknown')
  checkAnswer(artifact, require)
  require(Array.isArray(features?.features), 'it has no features')
  require(features.target === target, 'its features are about another instrument')
  require(texts(model?.kind), 'it has no model')
  if (model.kind === 'sequence') checkSequence(artifact, model.steps, require)
  require(trained?.fromUs <= trained?.toUs, 'its training span is upside down')
  require(texts(trained.datasetHash, trained.dataHash, trained.learner, trained.gimbal), 'its training is not told')
  require(Array.isArray(metrics) && metrics.every(({ value }) => Number.isFinite(value)), 'a metric is no number')
  require(Array.isArray(parents), 'its parents are not told')
}

type Require = (holds: boolean, reason: string) => void

/** What turns a model's answer into a forecast. */
type Answer = Pick<ArtifactContent, 'scale' | 'interval' | 'range'>

function checkAnswer({ scale, interval, range }: Answer, require: Require): void {
  require(scale > 0, 'its scale is not positive')
  require(interval?.of === 'ratio' || interval?.of === 'difference', 'its interval is of nothing known')
  require(interval.low <= interval.high && interval.level > 0 && interval.level < 1, 'its interval is upside down')
  require(interval.of === 'difference' || interval.low >= 0, 'its interval would change the sign')
  require(Array.isArray(range?.names) && Array.isArray(range.columns), 'it has no training range')
}

/** A fit that answers while its labels are not known yet would trade on the future, whoever made the file. */
function checkSequence(artifact: ArtifactContent, steps: readonly SequenceStep[], require: Require): void {
  require(Array.isArray(steps) && steps.length > 0 && steps.every((step) => step), 'its sequence is empty')
  for (const [index, step] of steps.entries()) {
    const { fromUs, model, interval, learnt } = step
    const which = `fit ${index + 1} of its sequence`
    checkAnswer(step, (holds, reason) => require(holds, `${which}: ${reason}`))
    require(typeof model?.kind === 'string' && (model.kind as string) !== 'sequence', `${which} is no single model`)
    require(interval.level === artifact.interval.level, `${which} has an interval of another level`)
    require(learnt?.fromUs <= learnt?.toUs && learnt.toUs <= learnt.knownUs, `${which}: its training is upside down`)
    require(learnt.knownUs < fromUs, `${which} answers before all it learnt from was known`)
    require(fromUs >
      (steps[index - 1]?.fromUs ?? Number.NEGATIVE_INFINITY), `${which} answers before the one before it`)
    require(artifact.trained?.toUs >= learnt.toUs, `${which} learnt from what came after the training told of`)
  }
  const answer = ({ scale, interval, range }: Answer) => canonical({ scale, interval, range })
  require(answer(steps.at(-1)!) === answer(artifact), 'its scale, interval and range are not those of its last fit')
}

/** What can only be positive: any other answer is none. Research judges them alike (research/forecastLearner.ts). */
const POSITIVE: readonly Quantity[] = ['variance', 'volume', 'demand']

/** A model with what turns its answers into forecasts, and since when it gives them. */
interface Fit {
  readonly fromUs: number
  readonly model: Model
  readonly range: TrainingRange
  readonly scale: number
  readonly interval: ForecastInterval
}

/**
 * An artifact ready to run.
 *
 * @throws {GimbalError} `schema-mismatch` when this version would compute other features than it was trained on, or its
 *   model or range is about other columns; `model-invalid` when its model cannot be read.
 */
export class ArtifactForecaster implements Forecaster {
  readonly artifact: Artifact
  readonly name: string
  readonly quantity: Quantity
  readonly target: string
  readonly horizonUs: number
  readonly level: number
  readonly features: FeatureSetSpec
  readonly schemaHash: string
  /** In order of time; one alone has answered for ever. */
  readonly #fits: readonly Fit[]
  readonly #exp: boolean
  readonly #positive: boolean
  readonly #probability: boolean
  /** The fit that answered last. */
  #at = 0

  constructor(artifact: Artifact) {
    this.artifact = artifact
    this.name = artifact.name
    this.quantity = artifact.quantity
    this.target = artifact.target
    this.horizonUs = artifact.horizonUs
    this.features = artifact.features
    this.schemaHash = artifact.schemaHash
    const names = requireSchema(artifact)
    const { model } = artifact
    this.#fits =
      model.kind === 'sequence'
        ? model.steps.map((step) => loadFit(step.fromUs, step.model, step, names))
        : [loadFit(Number.NEGATIVE_INFINITY, model, artifact, names)]
    this.#positive = POSITIVE.includes(artifact.quantity)
    this.#probability = artifact.quantity === 'turbulence'
    this.#exp = artifact.transform === 'exp'
    this.level = artifact.interval.level
  }

  forecast(sample: Float64Array, into: ForecastSlot): void {
    const fit = this.#fitAt(into.timeUs)
    if (!fit) {
      // Before the first fit of a sequence nobody is asked: nothing is said, and nothing lies outside anyone's training.
      into.value = into.low = into.high = Number.NaN
      into.outside = 0
      return
    }
    const { interval } = fit
    const answer = fit.model.predict(sample)
    const scaled = (this.#exp ? Math.exp(answer) : answer) * fit.scale
    const value = Number.isFinite(scaled) && (!this.#positive || scaled > 0) ? scaled : Number.NaN
    const ratio = interval.of === 'ratio'
    into.value = value
    into.low = ratio ? value * interval.low : value + interval.low
    into.high = ratio ? value * interval.high : value + interval.high
    if (this.#probability) {
      into.low = Math.max(0, into.low)
      into.high = Math.min(1, into.high)
    }
    into.outside = fit.range.share(sample)
  }

  /** The last fit that answers at a moment; time may go either way, and next to always goes on by little. */
  #fitAt(timeUs: number): Fit | undefined {
    const fits = this.#fits
    let at = this.#at
    while (at + 1 < fits.length && fits[at + 1]!.fromUs <= timeUs) at++
    while (at > 0 && fits[at]!.fromUs > timeUs) at--
    this.#at = at
    const fit = fits[at]!
    return fit.fromUs <= timeUs ? fit : undefined
  }
}

function loadFit(fromUs: number, spec: FittedSpec, answer: Answer, names: readonly string[]): Fit {
  const model = loadModel(spec)
  requireColumns(model.names, names)
  const range = new TrainingRange(answer.range)
  requireColumns(range.names, names)
  return { fromUs, model, range, scale: answer.scale, interval: answer.interval }
}

/** Names of the features an artifact wants. @throws {GimbalError} `schema-mismatch` when this version has no such features. */
function requireSchema({ features, schemaHash: trainedOn, name, id, trained }: Artifact): readonly string[] {
  const refuse = (reason: string, options?: ErrorOptions): never => {
    throw new GimbalError(
      'schema-mismatch',
      `A model was trained on features ${reason}`,
      {
        model: name,
        id,
        trainedBy: `gimbal ${trained.gimbal}`,
        remedy: 'train it again, or run the version that trained it',
      },
      options,
    )
  }
  let computed: string
  try {
    computed = schemaHash(features)
  } catch (cause) {
    // A family or a setting that is no more.
    if (!(cause instanceof GimbalError)) throw cause
    return refuse('this version does not have', { cause })
  }
  return computed === trainedOn ? featureNames(features) : refuse('this version computes differently')
}

/**
 * The model of a spec, ready to predict. Which fit of a sequence answers depends on the moment: {@link ArtifactForecaster}.
 *
 * @throws {GimbalError} `model-invalid`; `schema-mismatch` when its own parts are about different columns.
 */
export function loadModel(spec: FittedSpec): Model {
  switch (spec.kind) {
    case 'trees': {
      const trees = new FlatPredictor(readLightgbmModel(spec.text))
      if (trees.classCount === 1) return trees
      throw new GimbalError('model-invalid', 'A forecast is one figure, and this model has classes', {
        classes: trees.classCount,
      })
    }
    case 'boosted':
      return new BoostedModel(
        linear(spec.base),
        new FlatPredictor(readLightgbmModel(spec.text)),
        spec.guard && new CorrectionGuard(spec.guard),
      )
    case 'linear':
      return linear(spec.parameters)
    case 'column': {
      const at = spec.names.indexOf(spec.column)
      if (at < 0)
        throw new GimbalError('model-invalid', 'A model reads a column it does not have', { column: spec.column })
      return { names: spec.names, predict: (row, offset = 0) => row[offset + at]! }
    }
    default:
      throw new GimbalError('model-invalid', 'No such kind of model', { kind: (spec as { kind: string }).kind })
  }
}

function linear(parameters: LinearParameters): LinearModel {
  try {
    return new LinearModel(parameters)
  } catch (cause) {
    // In a file it is the file that is wrong, and no argument of anyone's.
    if (!(cause instanceof GimbalError)) throw cause
    throw new GimbalError('model-invalid', 'The linear part of a model cannot be read', cause.facts, { cause })
  }
}
