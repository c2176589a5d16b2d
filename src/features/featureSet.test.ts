/**
 * Goal: the same list of features has one hash and another list another; samples lie where the sampling says and hold
 * everything of their moment and nothing later.
 *
 * Method: for the hash, one spec and every change of it that does or does not decide a figure; for samples, rows of a market
 * fed by hand around the moments that are due, with features whose value tells what they have heard.
 */

import { describe, expect, test } from 'vitest'
import { testPerpetual } from '../../tests/testPerpetual.ts'
import { SECOND_US } from '../core/clock.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { FAMILIES } from './families.ts'
import { describeFeatures, FeatureSet, type FeatureSetSpec, featureNames, schemaHash } from './featureSet.ts'
import { RollingNormaliser } from './rollingNormaliser.ts'

const BTC = 'BTC-USDT-PERP@test'
const universe = new Universe(['BTC', 'ETH'].map((base) => new Instrument(testPerpetual(base))))

const FEATURES: FeatureSetSpec = {
  target: BTC,
  sampling: { every: 'time', intervalUs: SECOND_US },
  normaliseOver: 0,
  features: [{ family: 'ewma-variance', settings: { intervalSeconds: 60 } }, { family: 'time-of-day' }],
}

describe('the schema hash', () => {
  const [ewma, clock] = FEATURES.features as [FeatureSetSpec['features'][0], FeatureSetSpec['features'][0]]

  test.each<[string, FeatureSetSpec]>([
    [
      'defaults written out',
      {
        ...FEATURES,
        features: [{ ...ewma, settings: { intervalSeconds: 60, lambdas: '0.94,0.97', instrument: '' } }, clock],
      },
    ],
    [
      'settings in another order',
      { ...FEATURES, features: [{ ...ewma, settings: { lambdas: '0.94,0.97', intervalSeconds: 60 } }, clock] },
    ],
    [
      'a number given as text, as on the command line',
      { ...FEATURES, features: [{ ...ewma, settings: { intervalSeconds: '60' } }, clock] },
    ],
    [
      'an empty prefix',
      {
        ...FEATURES,
        features: [
          { ...ewma, as: '' },
          { ...clock, settings: {} },
        ],
      },
    ],
    ['sampling spelt in another order', { ...FEATURES, sampling: { intervalUs: SECOND_US, every: 'time' } }],
    ['a journey through JSON', JSON.parse(JSON.stringify(FEATURES))],
  ])('does not mind %s', (_, spec) => {
    expect(schemaHash(spec)).toBe(schemaHash(FEATURES))
  })

  const others: [string, FeatureSetSpec][] = [
    ['the target', { ...FEATURES, target: 'ETH-USDT-PERP@test' }],
    ['the interval', { ...FEATURES, sampling: { every: 'time', intervalUs: 2 * SECOND_US } }],
    ['the kind of sampling', { ...FEATURES, sampling: { every: 'volume', contracts: 1 } }],
    ['what bars are measured in', { ...FEATURES, sampling: { every: 'dollar', quote: 1 } }],
    ['normalisation', { ...FEATURES, normaliseOver: 100 }],
    ['how far it reaches back', { ...FEATURES, normaliseOver: 101 }],
    ['a setting', { ...FEATURES, features: [{ ...ewma, settings: { intervalSeconds: 61 } }, clock] }],
    [
      'another setting',
      { ...FEATURES, features: [{ ...ewma, settings: { intervalSeconds: 60, lambdas: '0.94,0.96' } }, clock] },
    ],
    [
      'an instrument',
      { ...FEATURES, features: [{ ...ewma, settings: { intervalSeconds: 60, instrument: BTC } }, clock] },
    ],
    ['the order of the columns', { ...FEATURES, features: [clock, ewma] }],
    ['a family less', { ...FEATURES, features: [ewma] }],
    ['a family more', { ...FEATURES, features: [ewma, clock, { family: 'returns' }] }],
    ['a prefix', { ...FEATURES, features: [ewma, { ...clock, as: 'btc' }] }],
  ]

  test.each(others)('changes with %s', (_, spec) => {
    expect(schemaHash(spec)).not.toBe(schemaHash(FEATURES))
  })

  test('tells all of these apart', () => {
    expect(new Set(others.map(([, spec]) => schemaHash(spec))).size).toBe(others.length)
  })

  test('is that of models trained before samplers had versions, for samplers that have not changed since', () => {
    const spec: FeatureSetSpec = {
      target: 'A',
      sampling: { every: 'dollar', quote: 5 },
      normaliseOver: 0,
      features: [{ family: 'time-of-day' }],
    }
    expect(schemaHash(spec)).toBe('1448a6e304c215efc39d5bd4dbdca6b50807544146a61f1079e0c58a1077e72e')
  })

  test('changes with the version of a family, and of its figures’ names', () => {
    const before = schemaHash(FEATURES)
    const family = FAMILIES['time-of-day']!
    const families = FAMILIES as Record<string, typeof family>
    try {
      families['time-of-day'] = { ...family, version: family.version + 1 }
      expect(schemaHash(FEATURES)).not.toBe(before)
      families['time-of-day'] = {
        ...family,
        outputs: (settings) => family.outputs(settings).map((output) => ({ ...output, name: `${output.name}-x` })),
      }
      expect(schemaHash(FEATURES)).not.toBe(before)
    } finally {
      families['time-of-day'] = family
    }
    expect(schemaHash(FEATURES)).toBe(before)
  })
})

describe('names', () => {
  test('are family and figure, prefixed where a family is used twice, and described in the same order', () => {
    const twice: FeatureSetSpec = {
      ...FEATURES,
      features: [
        { family: 'ewma-variance', settings: { lambdas: '0.9' } },
        { family: 'ewma-variance', settings: { lambdas: '0.9', instrument: 'ETH-USDT-PERP@test' }, as: 'eth' },
      ],
    }
    expect(featureNames(twice)).toEqual(['ewma-variance/variance-0.9', 'eth/ewma-variance/variance-0.9'])
    expect(describeFeatures(twice).map(({ name }) => name)).toEqual(featureNames(twice))
    expect(describeFeatures(twice)[1]!.unit).toBe('fraction²')
  })

  test.each<[string, Partial<FeatureSetSpec>]>([
    ['a family that does not exist', { features: [{ family: 'astrology' }] }],
    ['one that every object has', { features: [{ family: 'constructor' }] }],
    ['a setting that does not exist', { features: [{ family: 'time-of-day', settings: { zone: 'CET' } }] }],
    ['two figures of one name', { features: [{ family: 'time-of-day' }, { family: 'time-of-day' }] }],
    ['normalisation over less than nothing', { normaliseOver: -5 }],
    ['normalisation over half a look', { normaliseOver: 20.5 }],
    ['normalisation nobody thought of', { normaliseOver: undefined as unknown as number }],
    ['normalisation over too few looks', { normaliseOver: 19 }],
    ['no interval', { sampling: { every: 'time', intervalUs: 0 } }],
    ['half a microsecond', { sampling: { every: 'time', intervalUs: 0.5 } }],
    ['a sampling that does not exist', { sampling: { every: 'whim' } as never }],
  ])('%s is refused', (_, wrong) => {
    const markets = universe.instruments.map((instrument) => new MarketState(instrument))
    expect(() => new FeatureSet({ ...FEATURES, ...wrong }, universe, markets)).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
  })

  test('a target that is not in the run is named', () => {
    expect(() => new FeatureSet({ ...FEATURES, target: 'SOL' }, universe, [])).toThrow(
      expect.objectContaining({ code: 'instrument-unknown' }),
    )
  })
})

/** A set over bars and the last trade, fed by hand as the desk and the recorder do. */
function fed(spec: FeatureSetSpec) {
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const set = new FeatureSet(spec, universe, markets)
  const batch = new TapeBatch(8)
  const samples: { timeUs: number; values: number[] }[] = []
  const keep = () => samples.push({ timeUs: set.sampledUs, values: [...set.values] })
  const trade = (timeUs: number, lots: number, side = 1, instrument = 0, flags: number = Flag.END) => {
    while (set.sampleDue(timeUs - 1)) keep()
    batch.count = 0
    batch.push(timeUs, timeUs, Kind.TRADE, instrument, side, 1000, lots, 0, flags)
    markets[instrument]!.apply(batch, 0, timeUs)
    if (set.onRow(batch, 0, instrument, timeUs)) keep()
  }
  return { set, samples, trade }
}

describe('samples in time', () => {
  // Contracts traded in the last second: says exactly which trades a sample has heard.
  const volume: FeatureSetSpec = {
    ...FEATURES,
    features: [
      {
        family: 'volume',
        settings: { intervalSeconds: 1, windowsSeconds: '1', historySeconds: '60', profileDays: 1 },
      },
    ],
  }
  const traded = featureNames(volume).indexOf('volume/volume-1s')

  test('lie on multiples of the interval from the first row on, with all of their moment and nothing later', () => {
    const { samples, trade, set } = fed(volume)
    const start = 1_700_000_000 * SECOND_US
    trade(start + 400_000, 1000)
    expect(set.sampler.dueUs).toBe(start + SECOND_US)
    trade(start + SECOND_US + 1, 2000)
    trade(start + 2 * SECOND_US, 4000)
    // The moment is not over: another row of the same microsecond may come.
    expect(samples.map(({ timeUs }) => timeUs - start)).toEqual([SECOND_US])
    trade(start + 2 * SECOND_US, 8000)
    expect(samples.length).toBe(1)
    trade(start + 2 * SECOND_US + 1, 16_000)
    expect(samples.map(({ timeUs }) => timeUs - start)).toEqual([SECOND_US, 2 * SECOND_US])
    // Dollars at a hundred a contract, of the second that ends with the moment: all of its rows, none of the microsecond after.
    expect(samples[1]!.values[traded]).toBe(14 * 100)
    trade(start + 3 * SECOND_US + 1, 1)
    expect(samples[2]!.values[traded]).toBe(16 * 100)
  })

  test('a row exactly on a multiple starts with a sample of itself', () => {
    const { samples, trade, set } = fed(FEATURES)
    const start = 1_700_000_000 * SECOND_US
    trade(start, 1)
    expect(set.sampler.dueUs).toBe(start)
    trade(start + 1, 1)
    expect(samples.map(({ timeUs }) => timeUs)).toEqual([start])
  })

  test('a silence is sampled all the same, once for every multiple', () => {
    const { samples, trade } = fed(FEATURES)
    const start = 1_700_000_000 * SECOND_US
    trade(start + 1, 1)
    trade(start + 5 * SECOND_US + 1, 1)
    expect(samples.map(({ timeUs }) => timeUs - start)).toEqual([1, 2, 3, 4, 5].map((n) => n * SECOND_US))
  })

  test('any instrument of the run starts the clock, and nothing is due before', () => {
    const { set, trade } = fed(FEATURES)
    expect(set.sampler.dueUs).toBe(Number.POSITIVE_INFINITY)
    expect(set.sampleDue(Number.MAX_SAFE_INTEGER)).toBe(false)
    trade(3 * SECOND_US + 1, 1, 1, 1)
    expect(set.sampler.dueUs).toBe(4 * SECOND_US)
  })

  test('looking in between changes no sample', () => {
    const start = 1_700_000_000 * SECOND_US
    const [watched, left] = [fed(volume), fed(volume)]
    const out = new Float64Array(watched.set.names.length)
    for (let i = 0; i < 60; i++) {
      for (const each of [watched, left]) each.trade(start + i * 333_333, 10 + i)
      watched.set.write(out, 0, start + i * 333_333)
    }
    expect(watched.samples).toEqual(left.samples)
    expect(watched.samples.length).toBe(20)
  })
})

describe('samples of events', () => {
  test('are taken at the end of the message that reached the threshold, and not within it', () => {
    const { samples, trade } = fed({ ...FEATURES, sampling: { every: 'volume', contracts: 5 } })
    trade(10, 3000)
    trade(20, 3000, 1, 0, 0)
    expect(samples).toEqual([])
    trade(20, 1000)
    expect(samples.map(({ timeUs }) => timeUs)).toEqual([20])
  })
})

test('normalised samples are those of the plain set put through the normaliser, one by one', () => {
  const spec: FeatureSetSpec = {
    ...FEATURES,
    features: [
      {
        family: 'volume',
        settings: { intervalSeconds: 1, windowsSeconds: '1', historySeconds: '60', profileDays: 1 },
      },
    ],
  }
  const [plain, normalised] = [fed(spec), fed({ ...spec, normaliseOver: 30 })]
  const start = 1_700_000_000 * SECOND_US
  for (let i = 0; i < 200; i++)
    for (const each of [plain, normalised]) each.trade(start + i * 700_000, 1 + ((i * i) % 37))
  const normaliser = new RollingNormaliser(featureNames(spec).length, 30)
  const expected = plain.samples.map(({ timeUs, values }) => {
    const row = Float64Array.from(values)
    normaliser.apply(row)
    return { timeUs, values: [...row] }
  })
  expect(normalised.samples).toEqual(expected)
  expect(expected.length).toBe(140)
  expect(expected.at(-1)!.values.some((value) => value !== 0 && !Number.isNaN(value))).toBe(true)
})
