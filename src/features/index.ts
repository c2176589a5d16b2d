/** @file What `gimbal/features` promises to the outside: the families, sets of them, and the contract to write one. */

export { chooseFeatures, type FeatureChoice } from './chooseFeatures.ts'
export { FAMILIES } from './families.ts'
export type { Feature, FeatureContext, FeatureFamily, FeatureOutput, TapeContents } from './feature.ts'
export {
  describeFeatures,
  FeatureSet,
  type FeatureSetSpec,
  type FeatureSpec,
  featureNames,
  schemaHash,
} from './featureSet.ts'
export type { Sampler } from './sampler.ts'
export { buildSampler, type SamplerSpec } from './samplers.ts'
