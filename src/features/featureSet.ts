/**
 * @file A list of features over one target, as plain data and as the running thing, with the hash that says which.
 *
 * The hash covers everything that decides the figures: families, their versions, settings with defaults filled in, names
 * of the figures, the sampler with its version, and normalisation. A model keeps the hash of what it was trained on, and the engine
 * refuses to feed it anything else.
 */

import { createHash } from 'node:crypto'
import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingValue } from '../core/settings.ts'
import type { Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { FAMILIES } from './families.ts'
import type { Feature, FeatureContext, FeatureFamily, FeatureOutput } from './feature.ts'
import { NORMALISER_VERSION, RollingNormaliser } from './rollingNormaliser.ts'
import type { Sampler } from './sampler.ts'
import { buildSampler, type SamplerSpec, samplingIdentity } from './samplers.ts'

/** One family with its settings. */
export interface FeatureSpec {
  readonly family: string
  readonly settings?: Readonly<Record<string, SettingValue>>
  /** Put before the names of its figures, so that a family can be used twice: `eth` gives `eth/microprice`. */
  readonly as?: string
}

/** Everything that decides what is written down and when. */
export interface FeatureSetSpec {
  /** Instrument id. */
  readonly target: string
  readonly sampling: SamplerSpec
  /** Looks the rolling median and interquartile range of every figure reach back; 0 leaves figures as they are. */
  readonly normaliseOver: number
  readonly features: readonly FeatureSpec[]
}

/** Settings filled in, families looked up: what {@link schemaHash} hashes. */
interface Resolved {
  readonly family: FeatureFamily
  readonly settings: Readonly<Record<string, SettingValue>>
  readonly prefix: string
  readonly outputs: readonly FeatureOutput[]
}

function resolve(spec: FeatureSetSpec): Resolved[] {
  if (!Number.isSafeInteger(spec.normaliseOver) || spec.normaliseOver < 0)
    throw new GimbalError('config-invalid', 'Normalisation reaches back a whole number of looks, or 0 for none', {
      normaliseOver: String(spec.normaliseOver),
    })
  const seen = new Set<string>()
  return spec.features.map(({ family: name, settings = {}, as = '' }) => {
    const family = Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : undefined
    if (!family)
      throw new GimbalError('config-invalid', 'No such feature family', {
        asked: name,
        known: Object.keys(FAMILIES).join(' '),
      })
    const complete = readSettings(`feature ${name}`, family.settings, settings)
    const prefix = as === '' ? '' : `${as}/`
    const outputs = family.outputs(complete)
    for (const output of outputs) {
      const full = `${prefix}${name}/${output.name}`
      if (seen.has(full))
        throw new GimbalError('config-invalid', 'Two figures would have the same name: give one of them an `as`', {
          name: full,
        })
      seen.add(full)
    }
    return { family, settings: complete, prefix, outputs }
  })
}

/** Names of the figures a spec gives, in order. @throws {GimbalError} `config-invalid`. */
export function featureNames(spec: FeatureSetSpec): readonly string[] {
  return resolve(spec).flatMap(({ family, prefix, outputs }) =>
    outputs.map(({ name }) => `${prefix}${family.name}/${name}`),
  )
}

/** Unit and sentence of every figure, in order. @throws {GimbalError} `config-invalid`. */
export function describeFeatures(spec: FeatureSetSpec): readonly FeatureOutput[] {
  return resolve(spec).flatMap(({ family, prefix, outputs }) =>
    outputs.map((output) => ({ ...output, name: `${prefix}${family.name}/${output.name}` })),
  )
}

/** SHA-256, hex, over everything that decides the figures. @throws {GimbalError} `config-invalid`. */
export function schemaHash(spec: FeatureSetSpec): string {
  const rows = resolve(spec).map(({ family, settings, prefix, outputs }) => [
    family.name,
    family.version,
    prefix,
    Object.entries(settings).sort(([a], [b]) => (a < b ? -1 : 1)),
    outputs.map(({ name }) => name),
  ])
  const { target, sampling, normaliseOver } = spec
  return createHash('sha256')
    .update(
      JSON.stringify([
        target,
        samplingIdentity(sampling),
        normaliseOver > 0 ? [normaliseOver, NORMALISER_VERSION] : 0,
        rows,
      ]),
    )
    .digest('hex')
}

/**
 * The running features of one target. Feed it every row (`onRow`, after the markets have it); it says when a sample was
 * taken. Before a row later than `sampler.dueUs` is applied to the markets, `sampleDue` must be called.
 */
export class FeatureSet {
  readonly spec: FeatureSetSpec
  readonly names: readonly string[]
  readonly schemaHash: string
  readonly target: number
  readonly sampler: Sampler
  /** The latest sample; overwritten by the next. */
  readonly values: Float64Array
  /** Time of the latest sample. */
  sampledUs = Number.NEGATIVE_INFINITY
  readonly #features: readonly Feature[]
  readonly #offsets: readonly number[]
  readonly #listeners: readonly (readonly Feature[])[]
  readonly #normaliser: RollingNormaliser | undefined

  /** @throws {GimbalError} `config-invalid`, `instrument-unknown`. */
  constructor(spec: FeatureSetSpec, universe: Universe, markets: readonly MarketState[]) {
    this.spec = spec
    this.target = universe.index(spec.target)
    this.names = featureNames(spec)
    this.schemaHash = schemaHash(spec)
    const context: FeatureContext = { universe, markets, target: this.target }
    const resolved = resolve(spec)
    this.#features = resolved.map(({ family, settings }) => family.build(settings, context))
    let at = 0
    this.#offsets = resolved.map(({ outputs }) => (at += outputs.length) - outputs.length)
    this.values = new Float64Array(at).fill(Number.NaN)
    this.#listeners = universe.instruments.map((_, index) =>
      this.#features.filter(({ instruments }) => instruments.includes(index)),
    )
    this.sampler = buildSampler(spec.sampling, context)
    this.#normaliser = spec.normaliseOver > 0 ? new RollingNormaliser(at, spec.normaliseOver) : undefined
  }

  /** A row, already applied to the markets. Returns true when it made a sample. */
  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): boolean {
    const listeners = this.#listeners[instrument]!
    for (let i = 0; i < listeners.length; i++) listeners[i]!.onRow(batch, row, instrument, timeUs)
    if (!this.sampler.onRow(batch, row, instrument, timeUs)) return false
    this.#sample(timeUs)
    this.sampler.taken(timeUs)
    return true
  }

  /**
   * Takes the sample that is due when everything up to `heardUs` has been heard; returns whether there was one. Call again
   * until it returns false.
   */
  sampleDue(heardUs: number): boolean {
    const dueUs = this.sampler.dueUs
    if (!(dueUs <= heardUs)) return false
    this.#sample(dueUs)
    this.sampler.taken(dueUs)
    return true
  }

  /** Writes the figures of now, not normalised, anywhere; changes nothing. */
  write(out: Float64Array, at: number, nowUs: number): void {
    for (let i = 0; i < this.#features.length; i++) this.#features[i]!.write(out, at + this.#offsets[i]!, nowUs)
  }

  #sample(nowUs: number): void {
    this.write(this.values, 0, nowUs)
    this.#normaliser?.apply(this.values)
    this.sampledUs = nowUs
  }
}
