/** @file Models nobody trained: small artifacts that say what a test wants, over features that exist. */

import type { FeatureSetSpec } from '../../src/features/featureSet.ts'
import { featureNames, schemaHash } from '../../src/features/featureSet.ts'
import { type Artifact, type ArtifactContent, completeArtifact, type FittedSpec } from '../../src/models/artifact.ts'
import { QUANTITIES } from '../../src/models/forecast.ts'

/** Sine and cosine of the time of day and of the week, every so often: figures of any market at any time. */
export function clockFeatures(target: string, intervalUs: number): FeatureSetSpec {
  return {
    target,
    sampling: { every: 'time', intervalUs },
    normaliseOver: 0,
    features: [{ family: 'time-of-day' }],
  }
}

/** A linear model: an intercept and coefficients by the name of the column. */
export function linear(
  features: FeatureSetSpec,
  intercept: number,
  coefficients: Readonly<Record<string, number>> = {},
  link: 'identity' | 'exp' | 'sigmoid' = 'identity',
): FittedSpec {
  const names = featureNames(features)
  return {
    kind: 'linear',
    parameters: {
      names,
      columns: Object.keys(coefficients).map((name) => names.indexOf(name)),
      coefficients: Object.values(coefficients),
      intercept,
      link,
      correction: 0,
      floor: null,
      ceiling: null,
    },
  }
}

/** Content of an artifact over `features`; whatever is given replaces what is made up, and every row is in range. */
export function artificialContent(
  features: FeatureSetSpec,
  given: Partial<ArtifactContent> & Pick<ArtifactContent, 'quantity' | 'horizonUs' | 'model'>,
): ArtifactContent {
  const names = featureNames(features)
  return {
    format: 1,
    name: `artificial-${given.quantity}`,
    unit: QUANTITIES[given.quantity],
    target: features.target,
    features,
    schemaHash: schemaHash(features),
    transform: 'identity',
    scale: 1,
    interval: { of: 'ratio', level: 0.9, low: 0.5, high: 2 },
    range: { names, columns: names.map(() => ({ low: -1e300, high: 1e300, categories: null, missing: true })) },
    trained: {
      fromUs: 1_700_000_000_000_000,
      toUs: 1_700_086_400_000_000,
      rows: 1000,
      datasetHash: 'd'.repeat(64),
      dataHash: 'e'.repeat(64),
      dataKind: 'synthetic',
      seed: 1,
      learner: 'nobody',
      settings: { ridge: 0.1 },
      gimbal: 'test',
    },
    metrics: [{ name: 'qlike', value: 0.25, low: 0.2, high: 0.3, on: 'nothing' }],
    parents: [],
    ...given,
  }
}

/** {@link artificialContent}, complete. */
export function artificialModel(...content: Parameters<typeof artificialContent>): Artifact {
  return completeArtifact(artificialContent(...content))
}
