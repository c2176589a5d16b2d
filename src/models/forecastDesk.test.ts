/**
 * Goal: forecasters are asked once a sample, with figures of that moment; those of the same features share one running set of
 * them, and nobody is fed other features than its own.
 *
 * Method: forecasters that write down what they are given, over markets fed by hand as an engine does.
 */

import { describe, expect, test } from 'vitest'
import { clockFeatures } from '../../tests/models/artificialModels.ts'
import { testPerpetual } from '../../tests/testPerpetual.ts'
import { HOUR_US, SECOND_US } from '../core/clock.ts'
import { FAMILIES } from '../features/families.ts'
import type { Feature } from '../features/feature.ts'
import { type FeatureSetSpec, schemaHash } from '../features/featureSet.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { Quantity } from './forecast.ts'
import { ForecastDesk, type Forecaster, type ForecastSlot } from './forecastDesk.ts'

const universe = new Universe(['BTC', 'ETH'].map((base) => new Instrument(testPerpetual(base))))
const [BTC, ETH] = ['BTC-USDT-PERP@test', 'ETH-USDT-PERP@test']
const START = 1_700_000_000 * SECOND_US

/** Answers with its number and how often it was asked. */
class Counting implements Forecaster {
  readonly quantity: Quantity
  readonly target: string
  readonly horizonUs: number
  readonly level = 0.8
  readonly features: FeatureSetSpec
  readonly schemaHash: string
  readonly asked: { timeUs: number; sample: number[] }[] = []

  constructor(features: FeatureSetSpec, quantity: Quantity = 'variance', horizonUs = HOUR_US) {
    this.quantity = quantity
    this.target = features.target
    this.horizonUs = horizonUs
    this.features = features
    this.schemaHash = schemaHash(features)
  }

  forecast(sample: Float64Array, into: ForecastSlot): void {
    this.asked.push({ timeUs: into.timeUs, sample: [...sample] })
    into.value = this.asked.length
    into.outside = 0
  }
}

function desk(...forecasters: Forecaster[]) {
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const made = new ForecastDesk(forecasters, universe, markets)
  const batch = new TapeBatch(8)
  /** What was fresh, as an engine would have spread it: models by number. */
  const spread: number[][] = []
  const trade = (timeUs: number, lots = 1, instrument = 0) => {
    if (made.sampleDue(timeUs - 1)) spread.push(made.fresh.map(({ model }) => model))
    batch.count = 0
    batch.push(timeUs, timeUs, Kind.TRADE, instrument, 1, 1000, lots, 0, Flag.END)
    markets[instrument]!.apply(batch, 0, timeUs)
    if (made.onRow(batch, 0, instrument, timeUs)) spread.push(made.fresh.map(({ model }) => model))
  }
  return { made, trade, spread }
}

test('before anything is heard a forecast is there and says nothing', () => {
  const { made } = desk(new Counting(clockFeatures(BTC, SECOND_US)))
  expect(made.dueUs).toBe(Number.POSITIVE_INFINITY)
  expect(made.sampleDue(Number.MAX_SAFE_INTEGER)).toBe(false)
  expect(made.latest('variance', 0, HOUR_US)).toEqual({
    model: 0,
    quantity: 'variance',
    instrument: 0,
    horizonUs: HOUR_US,
    level: 0.8,
    timeUs: Number.NEGATIVE_INFINITY,
    value: Number.NaN,
    low: Number.NaN,
    high: Number.NaN,
    outside: Number.NaN,
  })
})

describe('several forecasters', () => {
  test('of the same features share them: every row is heard once', () => {
    let heard = 0
    const family = FAMILIES['time-of-day']!
    const counting: Feature = {
      instruments: [0, 1],
      onRow: () => heard++,
      write: (out, at) => out.fill(heard, at, at + 4),
    }
    try {
      ;(FAMILIES as Record<string, unknown>)['time-of-day'] = { ...family, build: () => counting }
      const forecasters = [
        new Counting(clockFeatures(BTC, SECOND_US)),
        new Counting(clockFeatures(BTC, SECOND_US), 'volume'),
        new Counting(JSON.parse(JSON.stringify(clockFeatures(BTC, SECOND_US))), 'variance', 2 * HOUR_US),
      ]
      const { trade, spread } = desk(...forecasters)
      for (let i = 0; i < 10; i++) trade(START + 1 + i * 400_000)
      expect(heard).toBe(10)
      for (const { asked } of forecasters) expect(asked).toEqual(forecasters[0]!.asked)
      // At 1, 2 and 3 seconds 3, 5 and 8 rows had been heard.
      expect(forecasters[0]!.asked.map(({ sample }) => sample[0])).toEqual([3, 5, 8])
      expect(spread).toEqual([
        [0, 1, 2],
        [0, 1, 2],
        [0, 1, 2],
      ])
    } finally {
      ;(FAMILIES as Record<string, unknown>)['time-of-day'] = family
    }
  })

  test('of different clocks are each asked at their own moments, and keep the numbers the run gave them', () => {
    const slow = new Counting(clockFeatures(BTC, 3 * SECOND_US))
    const eth = new Counting(clockFeatures(ETH, 2 * SECOND_US))
    const slowToo = new Counting(clockFeatures(BTC, 3 * SECOND_US), 'volume')
    const { made, trade, spread } = desk(slow, eth, slowToo)
    for (let i = 0; i <= 60; i++) trade(START + 1 + i * 100_000)
    const times = ({ asked }: Counting) => asked.map(({ timeUs }) => (timeUs - START) / SECOND_US)
    // 1,700,000,000 is two seconds after a multiple of three.
    expect(times(slow)).toEqual([1, 4])
    expect(times(slowToo)).toEqual([1, 4])
    expect(times(eth)).toEqual([2, 4, 6])
    expect(spread).toEqual([[0, 2], [1], [0, 2, 1], [1]])
    expect(made.dueUs).toBe(START + 7 * SECOND_US)
    expect(made.latest('variance', 1, HOUR_US)).toMatchObject({ model: 1, value: 3, instrument: 1 })
  })

  test('some by events and some by the clock: a row can bring both, one after the other', () => {
    const timed = new Counting(clockFeatures(BTC, SECOND_US))
    const counted = new Counting(
      { ...clockFeatures(BTC, SECOND_US), sampling: { every: 'volume', contracts: 5 } },
      'volume',
    )
    const { trade, spread } = desk(timed, counted)
    trade(START + 1, 4000)
    trade(START + SECOND_US + 1, 2000)
    expect(spread).toEqual([[0], [1]])
    expect(counted.asked[0]!.timeUs).toBe(START + SECOND_US + 1)
  })

  test('events alone make nothing due', () => {
    const counted = new Counting({ ...clockFeatures(BTC, SECOND_US), sampling: { every: 'volume', contracts: 5 } })
    const { made, trade, spread } = desk(counted)
    for (let i = 1; i <= 12; i++) trade(START + i * SECOND_US, 1000)
    expect(made.dueUs).toBe(Number.POSITIVE_INFINITY)
    expect(spread).toEqual([[0], [0]])
  })
})

test('after a silence the model is asked once, about the last moment that passed', () => {
  const forecaster = new Counting(clockFeatures(BTC, SECOND_US))
  const { made, trade } = desk(forecaster)
  trade(START + 1)
  trade(START + 100 * SECOND_US + 1)
  expect(forecaster.asked.map(({ timeUs }) => timeUs)).toEqual([START + 100 * SECOND_US])
  expect(made.dueUs).toBe(START + 101 * SECOND_US)
})

test('of several horizons the nearest by ratio is given, of two as near the first named', () => {
  const features = clockFeatures(BTC, SECOND_US)
  const { made } = desk(
    new Counting(features, 'variance', 60 * SECOND_US),
    new Counting(features, 'variance', HOUR_US),
    new Counting(features, 'variance', 15 * SECOND_US),
    new Counting(features, 'volume', 24 * HOUR_US),
  )
  const nearest = (horizonUs: number) => made.latest('variance', 0, horizonUs)?.model
  const asked = [SECOND_US, 30 * SECOND_US, 60 * SECOND_US, 400 * SECOND_US, 500 * SECOND_US, HOUR_US, 24 * HOUR_US]
  expect(asked.map(nearest)).toEqual([2, 0, 0, 0, 1, 1, 1])
  expect(made.latest('volume', 0, 1)?.model).toBe(3)
  expect(made.latest('variance', 1, HOUR_US)).toBeUndefined()
  expect(made.latest('return', 0, HOUR_US)).toBeUndefined()
})

describe('refused', () => {
  test('a forecaster trained on other features, also beside one that shares what it claims', () => {
    const honest = new Counting(clockFeatures(BTC, SECOND_US))
    const other = {
      ...new Counting(clockFeatures(BTC, 2 * SECOND_US), 'volume'),
      forecast: () => {},
      schemaHash: honest.schemaHash,
    }
    for (const forecasters of [[other], [honest, other]])
      expect(() => desk(...forecasters)).toThrow(
        expect.objectContaining({ code: 'schema-mismatch', facts: expect.objectContaining({ target: BTC }) }),
      )
  })

  test('one about an instrument the run does not have', () => {
    expect(() => desk(new Counting(clockFeatures('SOL-USDT-PERP@test', SECOND_US)))).toThrow(
      expect.objectContaining({ code: 'instrument-unknown' }),
    )
  })
  test('two that forecast the same, by name: one of them would not be heard', () => {
    const features = clockFeatures(BTC, SECOND_US)
    const named = (name: string, ...more: [Quantity?, number?]) =>
      Object.assign(new Counting(features, ...more), { name })
    const same = (...forecasters: Forecaster[]) =>
      expect(() => desk(...forecasters)).toThrow(
        expect.objectContaining({
          code: 'config-invalid',
          facts: expect.objectContaining({ quantity: 'variance', target: BTC, horizonSeconds: 3600 }),
          message: expect.stringMatching(/first: .*old\n.*second: .*new\n/),
        }),
      )
    same(named('old'), named('new'))
    same(named('old'), named('between', 'volume'), named('new'))
    // Trained on other features: still the same forecast.
    same(named('old'), Object.assign(new Counting(clockFeatures(BTC, 2 * SECOND_US)), { name: 'new' }))
    expect(() => desk(new Counting(features), new Counting(features))).toThrow(/model 1\n.*model 2/)
    for (const other of [
      named('b', 'volume'),
      named('b', 'variance', 2 * HOUR_US),
      new Counting(clockFeatures(ETH, 1e6)),
    ])
      expect(() => desk(named('a'), other)).not.toThrow()
  })
})
