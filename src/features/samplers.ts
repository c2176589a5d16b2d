/** @file Samplers by plain data. */

import { GimbalError } from '../core/errors.ts'
import type { FeatureContext } from './feature.ts'
import { type Sampler, TimeSampler } from './sampler.ts'

/** When to look, as plain data. */
export type SamplerSpec = { readonly every: 'time'; readonly intervalUs: number }

/** @throws {GimbalError} `config-invalid`. */
export function buildSampler(spec: SamplerSpec, _context: FeatureContext): Sampler {
  if (spec.every === 'time') return new TimeSampler(spec.intervalUs)
  throw new GimbalError('config-invalid', 'No such sampling', {
    asked: String((spec as SamplerSpec).every),
    known: 'time',
  })
}
