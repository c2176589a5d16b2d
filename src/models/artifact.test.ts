/**
 * Goal: what was trained is what runs: a file holds a model whole, tells when it was touched, and is refused by whoever would
 * feed it other figures.
 *
 * Method: one small artifact of every kind of model, written, read back and asked again; then every field damaged in turn.
 */

import { describe, expect, test } from 'vitest'
import { artificialContent, artificialModel, clockFeatures, linear } from '../../tests/models/artificialModels.ts'
import { randomEnsemble, randomRow } from '../../tests/models/randomTrees.ts'
import { Random } from '../core/random.ts'
import { FAMILIES } from '../features/families.ts'
import { featureNames } from '../features/featureSet.ts'
import {
  type Artifact,
  type ArtifactContent,
  ArtifactForecaster,
  artifactText,
  completeArtifact,
  type FittedSpec,
  loadModel,
  type ModelSpec,
  parseArtifact,
  type SequenceStep,
} from './artifact.ts'
import type { ForecastSlot } from './forecastDesk.ts'
import { writeLightgbmModel } from './trees/lightgbmText.ts'

const FEATURES = clockFeatures('BTC-USDT-PERP@test', 1_000_000)
const NAMES = featureNames(FEATURES)
const LINEAR = linear(FEATURES, 0.2, { [NAMES[0]!]: 0.1, [NAMES[3]!]: -0.03 })

const ensemble = () => ({
  ...randomEnsemble(new Random(7), { columns: NAMES.length, trees: 12, leaves: 8, splits: 'plain' }),
  names: NAMES,
})

const KINDS: Record<FittedSpec['kind'], FittedSpec> = {
  trees: { kind: 'trees', text: writeLightgbmModel(ensemble()) },
  linear: LINEAR,
  boosted: {
    kind: 'boosted',
    base: (linear(FEATURES, -1, { [NAMES[1]!]: 0.2 }, 'exp') as Extract<ModelSpec, { kind: 'linear' }>).parameters,
    text: writeLightgbmModel({ ...ensemble(), objective: 'qlike' }),
    guard: null,
  },
  column: { kind: 'column', names: NAMES, column: NAMES[2]! },
}

const content = (given: Partial<ArtifactContent> = {}) =>
  artificialContent(FEATURES, { quantity: 'return', horizonUs: 10_000_000, model: LINEAR, ...given })

const slot = (): ForecastSlot => ({
  model: 0,
  quantity: 'variance',
  instrument: 0,
  horizonUs: 0,
  level: 0,
  timeUs: 0,
  value: 0,
  low: 0,
  high: 0,
  outside: 0,
})

function ask(artifact: Artifact, row: Float64Array): ForecastSlot {
  const into = slot()
  new ArtifactForecaster(artifact).forecast(row, into)
  return into
}

const refused = (code: string, message = '') =>
  expect.objectContaining({ code, message: expect.stringContaining(message) })

describe('written and read back', () => {
  test.each(Object.entries(KINDS))('%s says the same of every row, to the last bit', (_, model) => {
    const artifact = completeArtifact(content({ model }))
    const again = parseArtifact(artifactText(artifact), 'file')
    expect(again).toEqual(artifact)
    const random = new Random(11)
    const [before, after] = [loadModel(model), new ArtifactForecaster(again)]
    let told = 0
    for (let i = 0; i < 500; i++) {
      const row = randomRow(random, NAMES.length)
      const into = slot()
      after.forecast(row, into)
      const answer = before.predict(row)
      expect(into.value).toBe(Number.isFinite(answer) ? answer : Number.NaN)
      if (Number.isFinite(answer)) told++
    }
    expect(told).toBeGreaterThan(50)
  })

  test('the name is the content: the same however it was put together, another for any other figure', () => {
    const one = completeArtifact(content())
    const reordered = Object.fromEntries(Object.entries(content()).reverse()) as unknown as ArtifactContent
    expect(completeArtifact(reordered).id).toBe(one.id)
    expect(one.id).toMatch(/^[0-9a-f]{64}$/)
    expect(completeArtifact(content({ scale: 1 + Number.EPSILON })).id).not.toBe(one.id)
    expect(completeArtifact(content({ parents: [one.id] })).id).not.toBe(one.id)
  })

  test('what was left undefined is left out, and -0 is 0: the identity survives the file', () => {
    const model = { ...LINEAR, parameters: { ...(LINEAR as { parameters: object }).parameters, intercept: -0 } }
    const features = { ...FEATURES, features: [{ family: 'time-of-day', as: undefined }] }
    const artifact = completeArtifact(content({ features, model } as unknown as Partial<ArtifactContent>))
    expect(parseArtifact(artifactText(artifact), 'file')).toEqual(artifact)
  })

  test('one made from another by spreading it is itself, and not the other’s name within', () => {
    const one = completeArtifact(content())
    expect(completeArtifact(one)).toEqual(one)
    const next = completeArtifact({ ...one, parents: [one.id] })
    expect(parseArtifact(artifactText(next), 'file')).toEqual(next)
  })

  test('metrics that came to no number are left out, and bounds that did are none', () => {
    const { metrics } = completeArtifact(
      content({
        metrics: [
          { name: 'qlike', value: 0.2, low: Number.NaN, high: 0.3, on: 'x' },
          { name: 't', value: Number.NaN, low: null, high: null, on: 'x' },
        ],
      }),
    )
    expect(metrics).toEqual([{ name: 'qlike', value: 0.2, low: null, high: 0.3, on: 'x' }])
  })
})

describe('a file that was touched', () => {
  test('is refused whichever byte it was', () => {
    const text = artifactText(completeArtifact(content()))
    const random = new Random(2)
    let tried = 0
    for (let i = 0; i < 300; i++) {
      const at = random.integer(0, text.length - 2)
      const other = String.fromCharCode(text.charCodeAt(at) ^ (1 << random.integer(0, 3)))
      const touched = text.slice(0, at) + other + text.slice(at + 1)
      // White space between the parts is no content.
      if (/\s/.test(text[at]!) && /\s/.test(other)) continue
      tried++
      expect(() => parseArtifact(touched, 'the-file'), `byte ${at}: ${text[at]} → ${other}`).toThrow(
        refused('model-invalid', 'file: the-file'),
      )
    }
    expect(tried).toBeGreaterThan(250)
  })

  test.each(['', 'null', '[]', '{}', '3', '"x"', '{"format":2,"id":"x"}', '{"format":1}', '{"format":1,"id":"x"'])(
    '%j is no model',
    (text) => {
      expect(() => parseArtifact(text, 'the-file')).toThrow(refused('model-invalid', 'file: the-file'))
    },
  )

  test('one cut off anywhere is refused', () => {
    const text = artifactText(completeArtifact(content()))
    for (let at = 0; at < text.length - 2; at += 97)
      expect(() => parseArtifact(text.slice(0, at), 'f')).toThrow(refused('model-invalid'))
  })
})

describe('a model that contradicts itself is neither written nor, however well signed, read', () => {
  test.each<[string, object]>([
    ['another quantity', { quantity: 'mood' }],
    ['one that every object has', { quantity: 'toString' }],
    ['no horizon', { horizonUs: 0 }],
    ['a negative scale', { scale: -1 }],
    ['a scale that is none', { scale: Number.NaN }],
    ['an interval upside down', { interval: { of: 'ratio', level: 0.9, low: 2, high: 1 } }],
    ['a certain interval', { interval: { of: 'ratio', level: 1, low: 1, high: 2 } }],
    ['a ratio below nothing', { interval: { of: 'ratio', level: 0.9, low: -1, high: 2 } }],
    ['an interval of something else', { interval: { of: 'sum', level: 0.9, low: 1, high: 2 } }],
    ['features about another instrument', { target: 'ETH-USDT-PERP@test' }],
    ['an infinite coefficient', { model: linear(FEATURES, Number.POSITIVE_INFINITY) }],
    ['figures in an array that JSON does not know', { range: { names: NAMES, columns: new Float64Array(4) } }],
    ['an unknown transform', { transform: 'log' }],
    ['no name', { name: '' }],
    ['a span that ends before it begins', { trained: { ...content().trained, toUs: 0 } }],
  ])('%s', (_, given) => {
    expect(() => completeArtifact(content(given as Partial<ArtifactContent>))).toThrow(refused('model-invalid'))
  })
})

describe('what would be fed other figures is refused by name', () => {
  test('features that this version computes differently', () => {
    const artifact = completeArtifact(content({ name: 'old-model', schemaHash: 'f'.repeat(64) }))
    expect(() => new ArtifactForecaster(artifact)).toThrow(refused('schema-mismatch', 'model: old-model'))
  })

  test('a family of a newer version', () => {
    const artifact = completeArtifact(content())
    const family = FAMILIES['time-of-day']!
    try {
      ;(FAMILIES as Record<string, unknown>)['time-of-day'] = { ...family, version: family.version + 1 }
      expect(() => new ArtifactForecaster(artifact)).toThrow(refused('schema-mismatch', 'computes differently'))
    } finally {
      ;(FAMILIES as Record<string, unknown>)['time-of-day'] = family
    }
    new ArtifactForecaster(artifact)
  })

  test('a family, or a setting, that is no more: it can be listed, and not be run', () => {
    for (const feature of [{ family: 'astrology' }, { family: 'time-of-day', settings: { zone: 'CET' } }]) {
      const features = { ...FEATURES, features: [feature] }
      const artifact = parseArtifact(artifactText(completeArtifact(content({ features }))), 'file')
      expect(() => new ArtifactForecaster(artifact)).toThrow(refused('schema-mismatch', 'does not have'))
    }
  })

  test('a model of other columns, of fewer, or of the same in another order', () => {
    const parameters = (LINEAR as Extract<ModelSpec, { kind: 'linear' }>).parameters
    for (const names of [['x', ...NAMES.slice(1)], NAMES.slice(0, 3), [...NAMES].reverse(), [...NAMES, 'x']]) {
      const model: ModelSpec = { kind: 'linear', parameters: { ...parameters, names, columns: [0, 1] } }
      expect(() => new ArtifactForecaster(completeArtifact(content({ model })))).toThrow(refused('schema-mismatch'))
    }
  })

  test('a training range of other columns', () => {
    const { range } = content()
    const reversed = { names: [...range.names].reverse(), columns: range.columns }
    expect(() => new ArtifactForecaster(completeArtifact(content({ range: reversed })))).toThrow(
      refused('schema-mismatch'),
    )
  })

  test('a start and trees of different columns', () => {
    const other = { ...ensemble(), names: NAMES.map((name) => `${name}-x`) }
    const model = { ...KINDS.boosted, text: writeLightgbmModel(other) } as FittedSpec
    expect(() => loadModel(model)).toThrow(refused('schema-mismatch'))
  })

  test.each<[string, unknown]>([
    ['trees that are no trees', { kind: 'trees', text: 'tree\nversion=v9\n' }],
    [
      'a linear model with a coefficient too many',
      { kind: 'linear', parameters: { ...(LINEAR as { parameters: object }).parameters, coefficients: [1, 2, 3] } },
    ],
    ['a column that is not there', { kind: 'column', names: NAMES, column: 'x' }],
    ['a kind nobody knows', { kind: 'oracle' }],
    [
      'classes',
      {
        kind: 'trees',
        text: writeLightgbmModel({
          ...randomEnsemble(new Random(1), { columns: 4, trees: 6, leaves: 4, splits: 'plain', classCount: 3 }),
          names: NAMES,
        }),
      },
    ],
  ])('%s', (_, model) => {
    const artifact = completeArtifact(content({ model: model as ModelSpec }))
    expect(() => new ArtifactForecaster(artifact)).toThrow(refused('model-invalid'))
  })
})

describe('a forecast', () => {
  const at = (value: number) => Float64Array.from(NAMES, () => value)
  const of = (intercept: number, given: Partial<ArtifactContent> = {}) =>
    artificialModel(FEATURES, {
      quantity: 'variance',
      horizonUs: 1_000_000,
      model: linear(FEATURES, intercept),
      ...given,
    })

  test('is the answer, transformed and then scaled, with its bounds as ratios', () => {
    const interval = { of: 'ratio', level: 0.9, low: 0.25, high: 3 } as const
    expect(ask(of(Math.log(2), { transform: 'exp', scale: 1.5, interval }), at(0))).toMatchObject({
      value: expect.closeTo(3, 12),
      low: expect.closeTo(0.75, 12),
      high: expect.closeTo(9, 12),
    })
  })

  test('or as differences, for what may be negative', () => {
    const interval = { of: 'difference', level: 0.9, low: -0.5, high: 0.25 } as const
    expect(ask(of(-2, { quantity: 'return', interval, scale: 2 }), at(0))).toMatchObject({
      value: -4,
      low: -4.5,
      high: -3.75,
    })
  })

  test('of a positive quantity is none where the model answers nothing, less or no number', () => {
    for (const quantity of ['variance', 'volume', 'demand'] as const)
      for (const intercept of [0, -1])
        expect(ask(of(intercept, { quantity }), at(0))).toMatchObject({
          value: Number.NaN,
          low: Number.NaN,
          high: Number.NaN,
        })
    const overflow = of(1000, { transform: 'exp' })
    expect(ask(overflow, at(0)).value).toBeNaN()
  })

  test('says what share of its inputs lies outside the range of training, known or not', () => {
    const columns = NAMES.map((_, i) => ({ low: 0, high: 1, categories: null, missing: i === 0 }))
    const model = of(1, { range: { names: NAMES, columns } })
    expect(ask(model, at(0.5)).outside).toBe(0)
    expect(ask(model, at(2)).outside).toBe(1)
    expect(ask(model, Float64Array.of(2, 0.5, 0.5, 0.5)).outside).toBe(0.25)
    // Missing is ordinary in the first column, and in the first only.
    expect(ask(model, at(Number.NaN)).outside).toBe(0.75)
  })

  test('is made without touching the sample', () => {
    const row = Float64Array.from(NAMES, (_, i) => i)
    ask(of(1), row)
    expect([...row]).toEqual([0, 1, 2, 3])
  })
})

describe('a sequence', () => {
  const T = 1_700_000_000_000_000
  const HOUR = 3_600e6
  const { range } = content()
  const learnt = (untilUs: number) => ({ fromUs: T - 9 * HOUR, toUs: untilUs - 3e6, knownUs: untilUs - 2e6, rows: 9 })
  /** Answers `value`, from `fromUs` on, times 1 to 3. */
  const step = (fromUs: number, value: number, given: Partial<SequenceStep> = {}): SequenceStep => ({
    fromUs,
    model: linear(FEATURES, value),
    scale: 1,
    interval: { of: 'ratio', level: 0.9, low: 1, high: 3 },
    range,
    learnt: learnt(fromUs),
    ...given,
  })
  const narrow = { names: NAMES, columns: NAMES.map(() => ({ low: 0, high: 1, categories: null, missing: false })) }
  const STEPS = [
    step(T, 5),
    step(T + HOUR, 7, { scale: 2, interval: { of: 'ratio', level: 0.9, low: 0.5, high: 2 } }),
    step(T + 2 * HOUR, 11, { range: narrow }),
  ]
  const sequence = (steps: readonly SequenceStep[], given: Partial<ArtifactContent> = {}) => {
    const { scale, interval, range } = steps.at(-1) ?? STEPS[0]!
    const trained = { ...content().trained, fromUs: T - 9 * HOUR, toUs: T + 9 * HOUR }
    return completeArtifact(
      content({ quantity: 'variance', model: { kind: 'sequence', steps }, scale, interval, range, trained, ...given }),
    )
  }
  const at = (forecaster: ArtifactForecaster, timeUs: number) => {
    const into = { ...slot(), timeUs }
    forecaster.forecast(
      Float64Array.from(NAMES, () => 4),
      into,
    )
    return into
  }

  test('answers by the fit of the moment, with its own scale, interval and range, in whatever order it is asked', () => {
    const forecaster = new ArtifactForecaster(parseArtifact(artifactText(sequence(STEPS)), 'file'))
    const expected = new Map([
      [T, { value: 5, low: 5, high: 15, outside: 0 }],
      [T + HOUR - 1, { value: 5, low: 5, high: 15, outside: 0 }],
      [T + HOUR, { value: 14, low: 7, high: 28, outside: 0 }],
      [T + 2 * HOUR, { value: 11, low: 11, high: 33, outside: 1 }],
      [T + 999 * HOUR, { value: 11, low: 11, high: 33, outside: 1 }],
    ])
    const times = [...expected.keys()]
    for (const timeUs of [...times, ...times.toReversed(), times[4]!, times[0]!, times[3]!])
      expect(at(forecaster, timeUs), `at ${timeUs - T}`).toMatchObject(expected.get(timeUs)!)
  })

  test('says nothing before its first fit, and trips nobody’s range', () => {
    const forecaster = new ArtifactForecaster(sequence([step(T, 5, { range: narrow })]))
    const nothing = { value: Number.NaN, low: Number.NaN, high: Number.NaN, outside: 0 }
    for (const timeUs of [Number.NEGATIVE_INFINITY, 0, T - 1]) expect(at(forecaster, timeUs)).toMatchObject(nothing)
    expect(at(forecaster, T)).toMatchObject({ value: 5, outside: 1 })
    expect(at(forecaster, T - 1)).toMatchObject(nothing)
  })

  test('of which a fit would answer before what it learnt from was known is refused, however well signed', () => {
    const at = (knownUs: number) => step(T + HOUR, 7, { learnt: { ...learnt(T), knownUs } })
    expect(() => sequence([STEPS[0]!, at(T + HOUR - 1)])).not.toThrow()
    for (const knownUs of [T + HOUR, T + 2 * HOUR, Number.MAX_SAFE_INTEGER])
      expect(() => sequence([STEPS[0]!, at(knownUs)])).toThrow(refused('model-invalid', 'before all it learnt from'))
  })

  test.each<[string, readonly SequenceStep[], Partial<ArtifactContent>?]>([
    ['of nothing', []],
    ['of a hole', [null as unknown as SequenceStep, STEPS[2]!]],
    ['out of order', [STEPS[1]!, STEPS[0]!]],
    ['two of one moment', [STEPS[0]!, STEPS[0]!]],
    ['of sequences', [step(T, 5, { model: { kind: 'sequence', steps: STEPS } as unknown as FittedSpec })]],
    ['of a scale that is none', [step(T, 5, { scale: 0 }), STEPS[2]!]],
    ['of intervals of two levels', [step(T, 5, { interval: { of: 'ratio', level: 0.8, low: 1, high: 3 } }), STEPS[2]!]],
    ['that does not say what it learnt from', [step(T, 5, { learnt: undefined as never }), STEPS[2]!]],
    ['whose labels were known before their samples', [step(T, 5, { learnt: { ...learnt(T), knownUs: 0 } })]],
    ['that learnt later than it tells', STEPS, { trained: { ...content().trained, fromUs: 0, toUs: T } }],
    ['that shows another scale than its last', STEPS, { scale: 7 }],
    ['that shows another range than its last', STEPS, { range }],
  ])('%s is refused', (_, steps, given) => {
    expect(() => sequence(steps, given)).toThrow(refused('model-invalid'))
  })

  test('of models of other columns is refused by name', () => {
    const other = linear({ ...FEATURES, features: [{ family: 'ewma-variance' }] }, 1)
    expect(() => new ArtifactForecaster(sequence([step(T, 5, { model: other }), STEPS[2]!]))).toThrow(
      refused('schema-mismatch'),
    )
  })
})

test('a probability has bounds between nothing and certainty', () => {
  const wide = { of: 'difference', level: 0.9, low: -1, high: 1 } as const
  const given = { quantity: 'turbulence', horizonUs: 1e6, interval: wide, model: linear(FEATURES, 0.25) } as const
  const model = artificialModel(FEATURES, given)
  expect(ask(model, new Float64Array(NAMES.length))).toMatchObject({ value: 0.25, low: 0, high: 1 })
})
