/** @file Samplers by plain data. */

import { GimbalError } from '../core/errors.ts'
import type { FeatureContext } from './feature.ts'
import { type Sampler, TimeSampler } from './sampler.ts'
import { ImbalanceSampler, VolumeSampler } from './tradeSamplers.ts'

/** When to look, as plain data. */
export type SamplerSpec =
  /** At multiples of an interval. */
  | { readonly every: 'time'; readonly intervalUs: number }
  /** Whenever so many contracts of the target were traded. */
  | { readonly every: 'volume'; readonly contracts: number }
  /** Whenever so much of the target was traded, in the quote currency. */
  | { readonly every: 'dollar'; readonly quote: number }
  /**
   * Whenever purchases exceed sales, or the other way, by more than is usual: counted in trades or in contracts.
   * `trades` is the number of trades expected in a bar at first, `memoryBars` and `memoryTrades` the spans of the
   * exponential means of later expectations.
   */
  | {
      readonly every: 'imbalance'
      readonly of: 'tick' | 'volume'
      readonly trades: number
      readonly memoryBars: number
      readonly memoryTrades: number
    }

/** Raised whenever the same rows would give samples at other moments: part of the schema hash, as of families. */
const VERSIONS: Readonly<Record<SamplerSpec['every'], number>> = { time: 1, volume: 1, dollar: 1, imbalance: 1 }

/**
 * What decides when samples are taken, in one order: for the schema hash. Version 1 is not written down: models trained before
 * samplers had versions were trained on it, and their hashes stay what they are.
 */
export function samplingIdentity(spec: SamplerSpec, versions: typeof VERSIONS = VERSIONS): unknown[] {
  const sorted = Object.entries(spec).sort(([a], [b]) => (a < b ? -1 : 1))
  const version = versions[spec.every] ?? 1
  return version === 1 ? sorted : [...sorted, ['version', version]]
}

/** @throws {GimbalError} `config-invalid`. */
export function buildSampler(spec: SamplerSpec, context: FeatureContext): Sampler {
  switch (spec.every) {
    case 'time':
      return new TimeSampler(spec.intervalUs)
    case 'volume':
      return new VolumeSampler(context, 'contracts', spec.contracts)
    case 'dollar':
      return new VolumeSampler(context, 'quote', spec.quote)
    case 'imbalance':
      return new ImbalanceSampler(context, spec)
    default:
      throw new GimbalError('config-invalid', 'No such sampling', {
        asked: String((spec as SamplerSpec).every),
        known: 'time volume dollar imbalance',
      })
  }
}
