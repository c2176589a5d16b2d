/**
 * Goal: a run on what its model was trained on is not taken for evidence, and one on what it was not is not accused.
 *
 * Method: artificial models of known training, runs of known spans.
 */

import { expect, test } from 'vitest'
import { artificialModel, clockFeatures, linear } from '../../tests/models/artificialModels.ts'
import { type ArtifactContent, ArtifactForecaster } from '../models/artifact.ts'
import { inSample, inSampleSentence, inSampleTitle } from './inSample.ts'

const DAY_US = 86_400e6
const FEATURES = clockFeatures('A-PERP@x', 60e6)
const fitted = linear(FEATURES, 1)
const trained = (kind: 'replayed' | 'synthetic', days: number) => ({
  ...artificialModel(FEATURES, { quantity: 'variance', horizonUs: DAY_US, model: fitted }).trained,
  fromUs: DAY_US,
  toUs: (1 + days) * DAY_US,
  dataKind: kind,
})

function forecaster(given: Partial<ArtifactContent>): ArtifactForecaster {
  return new ArtifactForecaster(
    artificialModel(FEATURES, { quantity: 'variance', horizonUs: DAY_US, model: fitted, ...given }),
  )
}

test('the part of a run inside the training of a model, its last label included, is told by model', () => {
  const models = [
    forecaster({ trained: trained('replayed', 9), name: 'long' }),
    forecaster({ trained: trained('replayed', 1), name: 'short' }),
  ]
  // Labels of the long one were known on day 11, of the short one on day 3.
  const found = inSample(models, 'replayed', 6 * DAY_US, 26 * DAY_US)
  expect(found).toMatchObject([{ model: 'long', fromUs: 6 * DAY_US, toUs: 11 * DAY_US, share: 0.25 }])
  expect(inSampleTitle(found)).toBe(', partly in sample')
  expect(inSampleSentence(found[0]!)).toContain(
    '25 % of the run lies inside its training, 1970-01-07T00:00 to 1970-01-12T00:00',
  )
  const whole = inSample(models, 'replayed', 1.5 * DAY_US, 3 * DAY_US)
  expect(whole.map(({ model, share }) => [model, share])).toEqual([
    ['long', 1],
    ['short', 1],
  ])
  expect(inSampleTitle(whole)).toBe(', IN SAMPLE')
  expect(inSampleSentence(whole[0]!)).toContain('THE WHOLE RUN')
})

test('nothing is in sample after the training, before it, or of data of another kind', () => {
  const models = [forecaster({ trained: trained('replayed', 9) })]
  expect(inSample(models, 'replayed', 11 * DAY_US, 20 * DAY_US)).toEqual([])
  expect(inSample(models, 'replayed', 0, DAY_US)).toEqual([])
  expect(inSample(models, 'synthetic', 2 * DAY_US, 3 * DAY_US)).toEqual([])
  expect(inSample([forecaster({ trained: trained('synthetic', 9) })], 'replayed', 2 * DAY_US, 3 * DAY_US)).toEqual([])
  expect(inSampleTitle([])).toBe('')
})

test('fits of a walk answer after what they learnt from, wherever the run lies', () => {
  const { scale, interval, range } = artificialModel(FEATURES, {
    quantity: 'variance',
    horizonUs: DAY_US,
    model: fitted,
  })
  const step = { fromUs: 5 * DAY_US, model: fitted, scale, interval, range }
  const learnt = { fromUs: DAY_US, toUs: 3 * DAY_US, knownUs: 4 * DAY_US, rows: 10 }
  const walk = forecaster({
    trained: trained('replayed', 9),
    model: { kind: 'sequence', steps: [{ ...step, learnt }] },
  })
  expect(inSample([walk], 'replayed', 2 * DAY_US, 9 * DAY_US)).toEqual([])
})
