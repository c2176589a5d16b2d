/**
 * Goal: policies do what models say, by as much as was asked and no more, at once; they fall back where that is harmless, wait
 * where it is not, and refuse a run that lacks the model they were told to trade on.
 *
 * Method: the real engine in the ideal market (idealVenue.ts) with forecasters whose answers the test sets; sizes worked by
 * hand, widths compared with each other.
 */

import { describe, expect, test } from 'vitest'
import { SaidForecaster } from '../../tests/models/saidForecaster.ts'
import { DAY_US, HOUR_US, SECOND_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import type { SettingValue } from '../core/settings.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { Universe } from '../market/instrument.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { Forecast } from '../models/forecast.ts'
import type { Forecaster } from '../models/forecastDesk.ts'
import { OpenGate } from '../risk/gate.ts'
import { IdealVenue, idealInstrument } from './idealVenue.ts'
import { freshValue, perRootSecond } from './modelled.ts'
import { buildPolicy } from './registry.ts'

const universe = new Universe([idealInstrument('perp')])
const ETH = universe.at(0).id

function rig(policy: string, settings: Record<string, SettingValue>, ...forecasters: Forecaster[]) {
  const venue = new IdealVenue()
  const engine = new Engine({
    universe,
    policies: [buildPolicy(policy, settings, universe)],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue,
    cash: { USDC: 100_000, ETH: 0 },
    seed: 1,
    forecasters,
  })
  venue.drive(engine)
  return { venue, engine }
}

const forecast = (value: number, timeUs: number, horizonUs: number): Forecast => ({
  model: 0,
  quantity: 'variance',
  instrument: 0,
  horizonUs,
  timeUs,
  value,
  low: 0,
  high: 0,
  level: 0.9,
  outside: 0,
})

describe('a forecast', () => {
  test('is fresh for half its horizon, and unknown when it is no number', () => {
    expect(freshValue(forecast(3, 100, 50), 125)).toBe(3)
    expect(freshValue(forecast(3, 100, 50), 126)).toBeNaN()
    expect(freshValue(undefined, 0)).toBeNaN()
    expect(freshValue(forecast(3, Number.NEGATIVE_INFINITY, 50), 0)).toBeNaN()
    expect(freshValue(forecast(Number.POSITIVE_INFINITY, 100, 50), 100)).toBeNaN()
  })

  test('of variance over a horizon is volatility per root of a second: 4 % over a quarter of an hour is 0.4 % over nine seconds', () => {
    const overNine = perRootSecond(forecast(0.04 ** 2, 0, 900 * SECOND_US), 0) * 3
    expect(overNine).toBeCloseTo(0.004, 15)
    for (const value of [0, -1, Number.NaN, Number.POSITIVE_INFINITY])
      expect(perRootSecond(forecast(value, 0, SECOND_US), 0)).toBeNaN()
  })
})

describe('a policy told to trade on models refuses a run without them', () => {
  const variance = new SaidForecaster('variance', ETH, DAY_US, HOUR_US, 1)

  test.each<[string, Record<string, SettingValue>, Forecaster[], string]>([
    ['volatility-target', { volatilityFrom: 'model' }, [], 'variance'],
    ['volatility-target', { turbulenceCut: 0.5 }, [variance], 'turbulence'],
    ['volatility-target', { volatilityFrom: 'model', turbulenceCut: 0.5 }, [variance], 'turbulence'],
    ['market-maker', { volatilityFrom: 'model' }, [new SaidForecaster('volume', ETH, DAY_US, HOUR_US, 1)], 'variance'],
    ['market-maker', { sizeByDemand: 0.5 }, [variance], 'volume'],
  ])('%s with %j', (policy, settings, forecasters, quantity) => {
    const { engine } = rig(policy, settings, ...forecasters)
    expect(() => engine.start()).toThrow(
      expect.objectContaining({
        code: 'config-invalid',
        facts: expect.objectContaining({ quantity, instrument: ETH }),
        message: expect.stringContaining(policy),
      }),
    )
  })

  test.each(['volatility-target', 'market-maker'])('%s runs without when it was not told to', (policy) => {
    rig(policy, {}).engine.start()
    rig(policy, { volatilityFrom: 'model' }, variance).engine.start()
  })
})

describe('volatility target: equity 100,000, price 3,000, lots of 0.01 worth 30, target 20 %', () => {
  /** Variance of the log return over a day, at a volatility per year. */
  const daily = (yearly: number) => yearly ** 2 / 365
  const bar = (venue: IdealVenue, hour: number) => {
    venue.waitUntil(hour * HOUR_US)
    venue.bar(0, 30_000, HOUR_US)
  }

  test.each([
    { yearly: 0.4, lots: 1666 },
    { yearly: 0.8, lots: 833 },
    // 4 times equity is more than the leverage allowed.
    { yearly: 0.05, lots: 6666 },
  ])('a forecast of $yearly a year: $lots lots', ({ yearly, lots }) => {
    const { venue, engine } = rig(
      'volatility-target',
      { volatilityFrom: 'model' },
      new SaidForecaster('variance', ETH, DAY_US, HOUR_US, daily(yearly)),
    )
    bar(venue, 1)
    venue.waitUntil(1.5 * HOUR_US)
    expect(engine.ledger.lots(0)).toBe(lots)
  })

  test('a forecast over another horizon than asked for is brought to a year by its own', () => {
    const { venue, engine } = rig(
      'volatility-target',
      { volatilityFrom: 'model', forecastHours: 24 },
      new SaidForecaster('variance', ETH, 4 * HOUR_US, HOUR_US, daily(0.4) / 6),
    )
    bar(venue, 1)
    venue.waitUntil(1.5 * HOUR_US)
    expect(engine.ledger.lots(0)).toBe(1666)
  })

  test('it trades at the forecast, a microsecond after the bar it was made of, and follows every one', () => {
    const said = new SaidForecaster('variance', ETH, DAY_US, HOUR_US, 0)
    const { venue, engine } = rig('volatility-target', { volatilityFrom: 'model' }, said)
    const held: number[] = []
    for (let hour = 1; hour <= 8; hour++) {
      said.value = daily(hour % 2 === 0 ? 0.4 : 0.8)
      bar(venue, hour)
      venue.waitUntil(hour * HOUR_US + 1)
      held.push(engine.ledger.lots(0))
    }
    expect(held).toEqual([833, 1666, 833, 1666, 833, 1666, 833, 1666])
    expect(venue.sent.map(({ timeUs }) => timeUs)).toEqual([1, 2, 3, 4, 5, 6, 7, 8].map((hour) => hour * HOUR_US + 1))
  })

  test('live, forecasts heard now sooner and now later are all followed: none is taken for early', () => {
    const said = new SaidForecaster('variance', ETH, DAY_US, HOUR_US, 0)
    const { venue, engine } = rig('volatility-target', { volatilityFrom: 'model' }, said)
    const random = new Random(6)
    const batch = new TapeBatch(8)
    for (let hour = 1; hour <= 30; hour++) {
      venue.nowUs = hour * HOUR_US - 1000
      batch.count = 0
      for (const kind of [Kind.BAR_OPEN, Kind.BAR_HIGH, Kind.BAR_LOW, Kind.BAR_CLOSE])
        batch.push(
          venue.nowUs,
          venue.nowUs,
          kind,
          0,
          0,
          30_000,
          kind === Kind.BAR_CLOSE ? 10 : 0,
          kind === Kind.BAR_CLOSE ? HOUR_US : 0,
          kind === Kind.BAR_CLOSE ? Flag.END : 0,
        )
      for (let row = 0; row < 4; row++) engine.stepRow(batch, row, 0, venue.nowUs)
      said.value = daily(hour % 2 === 0 ? 0.4 : 0.8)
      // The timer of a live run fires up to some milliseconds late.
      venue.nowUs = hour * HOUR_US + random.integer(1, 20_000)
      engine.stepClock(venue.nowUs)
      venue.deliver()
    }
    expect(venue.sent.length).toBe(30)
  })

  test('decisions are as far apart as they were asked to be, however often the model speaks', () => {
    const said = new SaidForecaster('variance', ETH, DAY_US, 600 * SECOND_US, 0)
    const { venue } = rig('volatility-target', { volatilityFrom: 'model', decisionMinutes: 120 }, said)
    for (let hour = 1; hour <= 8; hour++) {
      bar(venue, hour)
      said.value = daily(hour % 4 < 2 ? 0.4 : 0.8)
    }
    const apart = venue.sent.map(({ timeUs }, i) => timeUs - (venue.sent[i - 1]?.timeUs ?? Number.NEGATIVE_INFINITY))
    expect(venue.sent.length).toBeGreaterThan(2)
    expect(Math.min(...apart)).toBeGreaterThanOrEqual(2 * HOUR_US)
  })

  test('while the model says nothing, or nothing lately, what is held is left alone', () => {
    const said = new SaidForecaster('variance', ETH, DAY_US, HOUR_US, Number.NaN)
    const { venue, engine } = rig('volatility-target', { volatilityFrom: 'model' }, said)
    for (let hour = 1; hour <= 3; hour++) bar(venue, hour)
    expect(venue.sent).toEqual([])
    said.value = daily(0.4)
    bar(venue, 4)
    bar(venue, 5)
    expect(engine.ledger.lots(0)).toBe(1666)
    said.value = Number.NaN
    for (let hour = 6; hour <= 40; hour++) bar(venue, hour)
    expect(venue.sent.length).toBe(1)
  })

  test('nothing is decided while the market is down', () => {
    const { venue } = rig(
      'volatility-target',
      { volatilityFrom: 'model' },
      new SaidForecaster('variance', ETH, DAY_US, HOUR_US, daily(0.4)),
    )
    venue.waitUntil(HOUR_US)
    venue.bar(0, 30_000, HOUR_US)
    venue.message(0, [[Kind.OUTAGE, 0, 0, 0, 1, 0]])
    venue.waitUntil(2.5 * HOUR_US)
    expect(venue.sent).toEqual([])
    venue.message(0, [[Kind.OUTAGE, 0, 0, 0, 0, 0]])
    venue.waitUntil(3 * HOUR_US + 1)
    expect(venue.sent.length).toBe(1)
  })

  describe('turbulence', () => {
    test.each([
      { cut: 1, probability: 0, lots: 1666 },
      { cut: 1, probability: 0.5, lots: 833 },
      { cut: 0.5, probability: 1, lots: 833 },
      { cut: 1, probability: 1, lots: 0 },
      // A model that was made for something else can take nothing but what there is, and add nothing.
      { cut: 1, probability: 1.5, lots: 0 },
      { cut: 1, probability: -3, lots: 1666 },
    ])('a cut of $cut at probability $probability leaves $lots lots', ({ cut, probability, lots }) => {
      const turbulence = new SaidForecaster('turbulence', ETH, DAY_US, HOUR_US, probability)
      const variance = new SaidForecaster('variance', ETH, DAY_US, HOUR_US, daily(0.4))
      for (const forecasters of [
        [variance, turbulence],
        [turbulence, variance],
      ]) {
        const { venue, engine } = rig(
          'volatility-target',
          { volatilityFrom: 'model', turbulenceCut: cut },
          ...forecasters,
        )
        bar(venue, 1)
        venue.waitUntil(1.5 * HOUR_US)
        expect(Math.abs(engine.ledger.lots(0) - lots)).toBe(0)
      }
    })

    test('when it comes what is held is sold, when it goes it is bought again', () => {
      const turbulence = new SaidForecaster('turbulence', ETH, DAY_US, HOUR_US, 0)
      const { venue, engine } = rig(
        'volatility-target',
        { volatilityFrom: 'model', turbulenceCut: 1 },
        new SaidForecaster('variance', ETH, DAY_US, HOUR_US, daily(0.4)),
        turbulence,
      )
      const held: number[] = []
      for (const [at, probability] of [0, 0.5, 1, 0].entries()) {
        turbulence.value = probability
        bar(venue, at + 1)
        venue.waitUntil((at + 1.5) * HOUR_US)
        held.push(engine.ledger.lots(0))
      }
      expect(held).toEqual([1666, 833, 0, 1666])
    })

    test('unknown turbulence decides nothing', () => {
      const { venue } = rig(
        'volatility-target',
        { volatilityFrom: 'model', turbulenceCut: 0.5 },
        new SaidForecaster('variance', ETH, DAY_US, HOUR_US, daily(0.4)),
        new SaidForecaster('turbulence', ETH, DAY_US, HOUR_US, Number.NaN),
      )
      for (let hour = 1; hour <= 3; hour++) bar(venue, hour)
      expect(venue.sent).toEqual([])
    })
  })
})

describe('market maker', () => {
  const SETTINGS = { staleMs: 1_000_000, orderLots: 100, inventoryOrders: 20, requoteShare: 0 }

  /** Two minutes of quiet market around 30,000 ticks, as in marketMaker.test.ts. Returns the last mid. */
  function teach(venue: IdealVenue, seconds = 120): number {
    const random = new Random(5)
    const depth = random.fork('depth')
    let mid = 30_000
    for (let i = 0; i < seconds * 4; i++) {
      venue.waitUntil(venue.nowUs + SECOND_US / 4)
      mid += Math.round(1.5 * random.normal())
      venue.book(0, mid - 2, mid + 2)
      const side = random.bits() > 0 ? 1 : -1
      if (i % 2 === 0) venue.message(0, [[Kind.TRADE, side, mid + side * Math.ceil(depth.exponential(4)), 1, 0, 0]])
    }
    return mid
  }
  const quotes = (venue: IdealVenue) => {
    const [bid, ask] = [1, -1].map((side) => [...venue.resting.values()].find(({ order }) => order.side === side)!)
    return { width: ask!.tick - bid!.tick, bidLots: bid!.leavesLots, askLots: ask!.leavesLots }
  }
  /** Variance over ten seconds of a volatility in ticks per √second, at 30,000 ticks. */
  const tenSeconds = (ticks: number) => 10 * (ticks / 30_000) ** 2

  test('quotes widen with the forecast variance, and forget what the past’s was', () => {
    const width = (...forecasters: Forecaster[]) => {
      const { venue } = rig(
        'market-maker',
        { ...SETTINGS, riskAversion: 1, volatilityFrom: forecasters.length > 0 ? 'model' : 'past' },
        ...forecasters,
      )
      teach(venue)
      return quotes(venue).width
    }
    const at = (ticks: number) =>
      width(new SaidForecaster('variance', ETH, 10 * SECOND_US, SECOND_US, tenSeconds(ticks)))
    const widths = [1, 3, 9, 27].map(at)
    expect(widths).toEqual([...widths].sort((a, b) => a - b))
    // The premium is in proportion to volatility: three times as wide apart each time, but for whole ticks.
    expect(widths[3]! - widths[2]!).toBeGreaterThan(2.5 * (widths[2]! - widths[1]!))
    expect(widths[2]! - widths[1]!).toBeGreaterThan(2)
    // This market has about 3 ticks per √second: whoever forecasts that quotes as the past does.
    expect(Math.abs(at(3) - width())).toBeLessThanOrEqual(2)
  })

  test('while the model is silent, or answers nonsense, the past’s volatility serves', () => {
    const { venue: past } = rig('market-maker', SETTINGS)
    teach(past)
    for (const value of [Number.NaN, 0, -1, Number.POSITIVE_INFINITY]) {
      const { venue } = rig(
        'market-maker',
        { ...SETTINGS, volatilityFrom: 'model' },
        new SaidForecaster('variance', ETH, 10 * SECOND_US, SECOND_US, value),
      )
      teach(venue)
      expect(quotes(venue)).toEqual(quotes(past))
    }
  })

  test.each([
    // Over its own mean to the power: 2, 2² and ½; never by more than 4 either way.
    { power: 1, times: 2, lots: 200 },
    { power: 2, times: 2, lots: 400 },
    { power: 1, times: 0.5, lots: 50 },
    { power: 1, times: 100, lots: 400 },
    { power: 1, times: 0.001, lots: 25 },
    { power: 0.5, times: 4, lots: 200 },
    { power: 0, times: 100, lots: 100 },
  ])(
    'sizes follow the forecast volume: $times times the usual, to the power $power, is $lots lots',
    ({ power, times, lots }) => {
      const said = new SaidForecaster('volume', ETH, 10 * SECOND_US, SECOND_US, 50_000)
      const { venue } = rig('market-maker', { ...SETTINGS, sizeByDemand: power }, said)
      const mid = teach(venue)
      expect(quotes(venue)).toMatchObject({ bidLots: 100, askLots: 100 })
      said.value = 50_000 * times
      // The market moves, so that quotes are made anew.
      for (let i = 1; i <= 8; i++) {
        venue.waitUntil(venue.nowUs + SECOND_US / 2)
        venue.book(0, mid + 10 * i - 2, mid + 10 * i + 2)
      }
      const { bidLots, askLots } = quotes(venue)
      // The usual has moved a little towards the new.
      for (const size of [bidLots, askLots]) expect(Math.abs(size / lots - 1)).toBeLessThan(0.07)
    },
  )

  test('a forecast that wobbles by a few per cent costs few messages; one that halves cuts what rests at once', () => {
    const sent = (power: number) => {
      const said = new SaidForecaster('volume', ETH, 10 * SECOND_US, SECOND_US, 50_000)
      const { venue } = rig('market-maker', { ...SETTINGS, requoteShare: 0.2, sizeByDemand: power }, said)
      const mid = teach(venue)
      const before = venue.sent.length
      const random = new Random(3)
      for (let i = 0; i < 200; i++) {
        said.value = 50_000 * Math.exp(0.05 * random.normal())
        venue.waitUntil(venue.nowUs + SECOND_US)
        venue.book(0, mid - 2, mid + 2)
      }
      const wobbles = venue.sent.length - before
      said.value = 20_000
      venue.waitUntil(venue.nowUs + 2 * SECOND_US)
      venue.book(0, mid - 2, mid + 2)
      return { wobbles, bidLots: quotes(venue).bidLots }
    }
    expect(sent(1).wobbles).toBeLessThanOrEqual(sent(0).wobbles + 10)
    expect(sent(1).bidLots).toBeLessThan(50)
  })

  test('a second volume model, over another horizon, does not disturb what is usual of the first', () => {
    const said = new SaidForecaster('volume', ETH, 10 * SECOND_US, SECOND_US, 50_000)
    const hourly = new SaidForecaster('volume', ETH, HOUR_US, SECOND_US, 18_000_000)
    const { venue } = rig('market-maker', { ...SETTINGS, sizeByDemand: 1 }, hourly, said)
    teach(venue)
    expect(quotes(venue)).toMatchObject({ bidLots: 100, askLots: 100 })
  })

  test('however large the demand, no fill takes the inventory beyond its limit', () => {
    const said = new SaidForecaster('volume', ETH, 10 * SECOND_US, SECOND_US, 50_000)
    const { venue, engine } = rig(
      'market-maker',
      { ...SETTINGS, requoteShare: 0.2, inventoryOrders: 3, sizeByDemand: 1 },
      said,
    )
    let mid = teach(venue)
    said.value = 50_000 * 100
    let most = 0
    for (let i = 0; i < 40; i++) {
      venue.waitUntil(venue.nowUs + SECOND_US / 2)
      mid -= 3
      venue.book(0, mid - 2, mid + 2)
      venue.trade(0, -1, mid - 40)
      most = Math.max(most, engine.ledger.lots(0))
      const open = [...venue.resting.values()].filter(({ order }) => order.side === 1)
      expect(engine.ledger.lots(0) + open.reduce((sum, { leavesLots }) => sum + leavesLots, 0)).toBeLessThanOrEqual(300)
    }
    expect(most).toBe(300)
  })
})
