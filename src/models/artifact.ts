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
import { FlatPredictor } from './trees/flatPredictor.ts'
import { readLightgbmModel } from './trees/lightgbmText.ts'

/** A model as plain data. */
export type ModelSpec =
  /** Boosted trees in LightGBM's text format: can be taken to LightGBM and back. */
  | { readonly kind: 'trees'; readonly text: string }
  | { readonly kind: 'linear'; readonly parameters: LinearParameters }
  /** Start × exp(trees): what `gimbal train` makes for positive quantities. */
  | { readonly kind: 'boosted'; readonly base: LinearParameters; readonly text: string }
  /** The figure of one column as it is: exponentially weighted variance, a regime's probability. */
  | { readonly kind: 'column'; readonly names: readonly string[]; readonly column: string }

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
  /** For people: `btc-variance-1h`. */
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
  /**
   * Split-conformal interval: for `ratio` the truth lies between `low` and `high` times the forecast, for `difference` it
   * lies that far from it, with probability `level`.
   */
  readonly interval: {
    readonly of: 'ratio' | 'difference'
    readonly level: number
    readonly low: number
    readonly high: number
  }
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

/** Fills in the identity. @throws {GimbalError} `model-invalid` when the content contradicts itself. */
export function completeArtifact(content: ArtifactContent): Artifact {
  const artifact = { ...content, id: identity(content) }
  checkArtifact(artifact)
  return artifact
}

/** @throws {GimbalError} `model-invalid` for text that is no artifact, or one that was changed. */
export function parseArtifact(text: string, file: string): Artifact {
  let artifact: Artifact
  try {
    artifact = JSON.parse(text) as Artifact
  } catch (cause) {
    throw new GimbalError('model-invalid', 'Not a model: the file is not JSON', { file }, { cause })
  }
  if (artifact?.format !== 1 || typeof artifact.id !== 'string' || !artifact.model || !artifact.trained)
    throw new GimbalError('model-invalid', 'Not a model of this version', { file, format: String(artifact?.format) })
  const { id, ...content } = artifact
  const found = identity(content)
  if (found !== id)
    throw new GimbalError('model-invalid', 'The model file was changed: its content does not match its identity', {
      file,
      identity: id,
      content: found,
    })
  checkArtifact(artifact)
  return artifact
}

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

function checkArtifact(artifact: Artifact): void {
  const { name, quantity, horizonUs, scale, interval, features } = artifact
  const fail = (reason: string): never => {
    throw new GimbalError('model-invalid', `The model contradicts itself: ${reason}`, { model: name, id: artifact.id })
  }
  if (!Object.hasOwn(QUANTITIES, quantity))
    fail(`it forecasts ${quantity}, which is none of ${Object.keys(QUANTITIES)}`)
  if (!(horizonUs > 0)) fail('its horizon is not positive')
  if (!(scale > 0)) fail('its scale is not positive')
  if (!(interval.low <= interval.high) || !(interval.level > 0 && interval.level < 1))
    fail('its interval is upside down')
  if (features.target !== artifact.target) fail('its features are about another instrument')
}

/**
 * An artifact ready to run.
 *
 * @throws {GimbalError} `schema-mismatch` when this version would compute other features than it was trained on;
 *   `model-invalid` when its model cannot be read.
 */
export class ArtifactForecaster implements Forecaster {
  readonly artifact: Artifact
  readonly quantity: Quantity
  readonly target: string
  readonly horizonUs: number
  readonly level: number
  readonly features: FeatureSetSpec
  readonly schemaHash: string
  readonly #model: Model
  readonly #range: TrainingRange
  readonly #exp: boolean
  readonly #scale: number
  readonly #ratio: boolean
  readonly #low: number
  readonly #high: number

  constructor(artifact: Artifact) {
    this.artifact = artifact
    this.quantity = artifact.quantity
    this.target = artifact.target
    this.horizonUs = artifact.horizonUs
    this.features = artifact.features
    this.schemaHash = artifact.schemaHash
    const names = featureNames(artifact.features)
    if (schemaHash(artifact.features) !== artifact.schemaHash)
      throw new GimbalError('schema-mismatch', 'A model was trained on features this version computes differently', {
        model: artifact.name,
        id: artifact.id,
        trainedBy: `gimbal ${artifact.trained.gimbal}`,
        remedy: 'train it again, or run the version that trained it',
      })
    this.#model = loadModel(artifact.model)
    requireColumns(this.#model.names, names)
    this.#range = new TrainingRange(artifact.range)
    this.#exp = artifact.transform === 'exp'
    this.#scale = artifact.scale
    const { of, level, low, high } = artifact.interval
    this.level = level
    this.#ratio = of === 'ratio'
    this.#low = low
    this.#high = high
  }

  forecast(sample: Float64Array, into: ForecastSlot): void {
    const answer = this.#model.predict(sample)
    const value = (this.#exp ? Math.exp(answer) : answer) * this.#scale
    into.value = value
    into.low = this.#ratio ? value * this.#low : value + this.#low
    into.high = this.#ratio ? value * this.#high : value + this.#high
    into.outside = this.#range.share(sample)
  }
}

/** @throws {GimbalError} `model-invalid`. */
export function loadModel(spec: ModelSpec): Model {
  switch (spec.kind) {
    case 'trees':
      return new FlatPredictor(readLightgbmModel(spec.text))
    case 'boosted':
      return new BoostedModel(new LinearModel(spec.base), new FlatPredictor(readLightgbmModel(spec.text)))
    case 'linear':
      return new LinearModel(spec.parameters)
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
