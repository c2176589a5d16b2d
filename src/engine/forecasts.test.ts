/**
 * Goal: models hear what policies hear, speak before the policies decide and after the gate has judged, stop a policy whose
 * model is lost, and are an exact function of the rows: the run replays to the same journal.
 *
 * Method: the real engine and gate, forecasters that answer what a test wants, policies that write down what they are told,
 * bars and books by hand; a file journal fed back.
 */

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { artificialModel, clockFeatures, linear } from '../../tests/models/artificialModels.ts'
import { testPerpetual } from '../../tests/testPerpetual.ts'
import { SECOND_US } from '../core/clock.ts'
import { type FeatureSetSpec, featureNames, schemaHash } from '../features/featureSet.ts'
import { FileJournal } from '../journal/fileJournal.ts'
import { type Journal, NoJournal } from '../journal/journal.ts'
import { JournalReader } from '../journal/journalReader.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { type Artifact, ArtifactForecaster } from '../models/artifact.ts'
import type { Forecast, Quantity } from '../models/forecast.ts'
import type { Forecaster, ForecastSlot } from '../models/forecastDesk.ts'
import type { Policy, PolicyContext } from '../policies/policy.ts'
import type { Gate } from '../risk/gate.ts'
import { OpenGate } from '../risk/gate.ts'
import { DEFAULT_RISK, type ModelRangeRule } from '../risk/riskConfig.ts'
import { RiskGate } from '../risk/riskGate.ts'
import { Engine } from './engine.ts'
import { type BuildEngine, MuteVenue, replayJournal } from './replayJournal.ts'

const ROOT = mkdtempSync(join(tmpdir(), 'gimbal-forecasts-'))
afterAll(() => rmSync(ROOT, { recursive: true, force: true }))

const universe = new Universe(['BTC', 'ETH'].map((base) => new Instrument(testPerpetual(base))))
const [BTC, ETH] = universe.instruments.map(({ id }) => id) as [string, string]
const START = 1_700_000_000 * SECOND_US
const CASH = { USDT: 100_000 }

/** Says and reports what the test sets. */
class Said implements Forecaster {
  readonly quantity: Quantity
  readonly target: string
  readonly horizonUs = 10 * SECOND_US
  readonly level = 0.9
  readonly features: FeatureSetSpec
  readonly schemaHash: string
  outside = 0

  constructor(features: FeatureSetSpec, quantity: Quantity = 'variance') {
    this.features = features
    this.target = features.target
    this.quantity = quantity
    this.schemaHash = schemaHash(features)
  }

  forecast(_sample: Float64Array, into: ForecastSlot): void {
    into.value = into.timeUs
    into.outside = this.outside
  }
}

/** Writes down what it hears; trades on models when it has `onForecast`. */
class Listening implements Policy {
  readonly name: string
  readonly settings = {}
  readonly log: string[]
  readonly instruments: readonly number[]
  readonly onForecast?: (forecast: Forecast) => void
  /** What it does on hearing of a forecast, or at the end of a message. */
  act: (context: PolicyContext) => void = () => {}
  context!: PolicyContext

  constructor(log: string[], trades = true, instruments: readonly number[] = [0], name = 'listening') {
    this.log = log
    this.name = name
    this.instruments = instruments
    if (trades)
      this.onForecast = ({ quantity, instrument, timeUs, value }) => {
        log.push(`${name} hears ${quantity} ${instrument} of ${(timeUs - START) / SECOND_US}`)
        if (quantity !== 'turbulence') expect(value).toBe(timeUs)
        this.act(this.context)
      }
  }

  start(context: PolicyContext): readonly number[] {
    this.context = context
    return this.instruments
  }

  onMarket(instrument: number): void {
    const seen = this.context.forecasts.latest('variance', instrument, SECOND_US)?.timeUs ?? Number.NaN
    this.log.push(`${this.name} sees market ${instrument}, forecast of ${(seen - START) / SECOND_US}`)
  }

  onTimer(): void {
    this.log.push(`${this.name} timer`)
  }
}

/** Writes down when it judges. */
class LoggingGate extends OpenGate {
  readonly log: string[]
  constructor(log: string[]) {
    super()
    this.log = log
  }
  override onMarket(): void {
    this.log.push('gate judges market')
  }
  override onClock(): void {
    this.log.push('gate judges clock')
  }
  override reportRange(policy?: number, share?: number, _nowUs?: number, model?: number): void {
    this.log.push(`gate hears model ${model} of policy ${policy}: ${share}`)
  }
}

interface Rig {
  readonly engine: Engine
  book(timeUs: number, instrument?: number, mid?: number): void
}

function rig(
  forecasters: readonly Forecaster[],
  policies: readonly Policy[],
  gate: (parts: Engine) => Gate = () => new OpenGate(),
  journal: Journal = new NoJournal(),
  onForecast?: (forecast: Forecast) => void,
): Rig {
  const engine = new Engine({
    universe,
    policies,
    gate: (parts) => gate(parts as Engine),
    journal,
    venue: new MuteVenue(),
    cash: CASH,
    seed: 1,
    forecasters,
    ...(onForecast ? { observer: { onForecast } } : {}),
  })
  const batch = new TapeBatch(8)
  return {
    engine,
    book(timeUs, instrument = 0, mid = 1000) {
      batch.count = 0
      batch.push(timeUs, timeUs, Kind.DEPTH, instrument, 1, mid - 1, 5000, 0, Flag.RESET | Flag.SNAPSHOT)
      batch.push(timeUs, timeUs, Kind.DEPTH, instrument, -1, mid + 1, 5000, 0, Flag.END)
      engine.stepRow(batch, 0, instrument, timeUs)
      engine.stepRow(batch, 1, instrument, timeUs)
    },
  }
}

const everySecond = clockFeatures(BTC, SECOND_US)
const everyContract: FeatureSetSpec = { ...everySecond, sampling: { every: 'volume', contracts: 1 } }

describe('the order of a moment', () => {
  test('the clock: forecasts are made, the gate hears their range and judges, the policies are told, timers run', () => {
    const log: string[] = []
    const policy = new Listening(log)
    const { engine, book } = rig([new Said(everySecond)], [policy], () => new LoggingGate(log))
    book(START + 400_000)
    policy.context.schedule(START + SECOND_US, 'now')
    // A timer is due at the second itself; the sample holds all of that moment, so it is taken a microsecond later.
    expect(engine.nextClockUs).toBe(START + SECOND_US)
    engine.stepClock(engine.nextClockUs)
    expect(engine.nextClockUs).toBe(START + SECOND_US + 1)
    policy.context.schedule(START + SECOND_US + 1, 'now')
    log.length = 0
    engine.stepClock(engine.nextClockUs)
    expect(log).toEqual([
      'gate hears model 0 of policy 0: 0',
      'gate judges clock',
      'listening hears variance 0 of 1',
      'listening timer',
    ])
    expect(engine.nextClockUs).toBe(START + 2 * SECOND_US + 1)
  })

  test('a row that comes later than a sample was due: the forecast first, of the market before it', () => {
    const log: string[] = []
    const policy = new Listening(log)
    let mid = 0
    policy.act = (context) => {
      mid = context.market(0).referenceTick
    }
    const { book } = rig([new Said(everySecond)], [policy], () => new LoggingGate(log))
    book(START + 400_000)
    log.length = 0
    book(START + SECOND_US + 5, 0, 2000)
    expect(log).toEqual([
      'gate hears model 0 of policy 0: 0',
      'listening hears variance 0 of 1',
      'gate judges market',
      'listening sees market 0, forecast of 1',
    ])
    expect(mid).toBe(1000)
  })

  test('a row of the very moment is in the sample, so it waits', () => {
    const log: string[] = []
    const { book } = rig([new Said(everySecond)], [new Listening(log)])
    book(START + 400_000)
    book(START + SECOND_US)
    expect(log.filter((line) => line.includes('hears'))).toEqual([])
    book(START + SECOND_US + 1)
    expect(log.filter((line) => line.includes('hears'))).toEqual(['listening hears variance 0 of 1'])
  })

  test('a sample that a trade brings: the gate judges the trade before anyone acts on the forecast', () => {
    const log: string[] = []
    const policy = new Listening(log)
    const { engine, book } = rig([new Said(everyContract)], [policy], () => new LoggingGate(log))
    book(START)
    expect(engine.nextClockUs).toBe(Number.POSITIVE_INFINITY)
    log.length = 0
    const batch = new TapeBatch(8)
    batch.push(START + 7, START + 7, Kind.TRADE, 0, 1, 1000, 2000, 0, Flag.END)
    engine.stepRow(batch, 0, 0, START + 7)
    expect(log).toEqual([
      'gate hears model 0 of policy 0: 0',
      'gate judges market',
      'listening hears variance 0 of 0.000007',
      'listening sees market 0, forecast of 0.000007',
    ])
  })

  test('what a breaker forbids on hearing of a row, a policy cannot do on the forecast made of it', () => {
    const policy = new Listening([])
    policy.act = (context) => context.submit({ instrument: 0, side: 1, lots: 1, type: 'limit', tick: 999 })
    const spread = {
      breaker: 'mark-divergence',
      act: 'cancel',
      confirmations: 1,
      cooldownUs: 0,
      divergenceMaxBps: 300,
    } as const
    const { engine, book } = rig(
      [new Said(everyContract)],
      [policy],
      (parts) => new RiskGate({ ...DEFAULT_RISK, breakers: [spread] }, parts),
    )
    book(START)
    const batch = new TapeBatch(8)
    const hear = (timeUs: number, kind: number, lots: number, value: number, flags: number) => {
      batch.count = 0
      batch.push(timeUs, timeUs, kind, 0, 0, kind === Kind.TRADE ? 1000 : 0, lots, value, flags)
      engine.stepRow(batch, 0, 0, timeUs)
    }
    hear(START + 1, Kind.TRADE, 1000, 0, Flag.END)
    expect(policy.context.orders().length).toBe(1)
    // One message: the index jumps away from the mark, and a trade brings a forecast.
    hear(START + 2, Kind.MARK, 0, 100, Flag.END)
    hear(START + 3, Kind.INDEX, 0, 200, 0)
    hear(START + 3, Kind.TRADE, 1000, 0, Flag.END)
    expect(engine.gate.latched).toMatchObject([{ breaker: 'mark-divergence' }])
    expect(engine.lastOrderId).toBe(1)
    expect(policy.context.lastRefusal).toBe('breaker-mark-divergence')
  })
})

describe('who is told', () => {
  test('every policy that trades the instrument hears all forecasts of the moment, when all have been made', () => {
    const log: string[] = []
    const both = new Listening(log, true, [0, 1], 'both')
    both.act = (context) => {
      const values = (['variance', 'volume'] as const).map(
        (quantity) => context.forecasts.latest(quantity, 0, 1)?.timeUs,
      )
      expect(new Set(values).size).toBe(1)
    }
    const policies = [both, new Listening(log, true, [1], 'eth'), new Listening(log, false, [0], 'deaf')]
    const reported: string[] = []
    const { book } = rig(
      [new Said(everySecond), new Said(everySecond, 'volume'), new Said(clockFeatures(ETH, SECOND_US), 'demand')],
      policies,
      () => new LoggingGate(reported),
    )
    book(START + 1)
    log.length = 0
    reported.length = 0
    book(START + SECOND_US + 1)
    expect(log.filter((line) => line.includes('hears'))).toEqual([
      'both hears variance 0 of 1',
      'both hears volume 0 of 1',
      'both hears demand 1 of 1',
      'eth hears demand 1 of 1',
    ])
    // The policy that does not trade on models is not watched for them.
    expect(reported.filter((line) => line.includes('model'))).toEqual([
      'gate hears model 0 of policy 0: 0',
      'gate hears model 1 of policy 0: 0',
      'gate hears model 2 of policy 0: 0',
      'gate hears model 2 of policy 1: 0',
    ])
  })

  test('observers hear every forecast, and an engine without models has nothing to say', () => {
    const heard: Forecast[] = []
    const { book } = rig([new Said(everySecond)], [], undefined, undefined, (forecast) => heard.push({ ...forecast }))
    book(START + 1)
    book(START + SECOND_US + 1)
    expect(heard).toMatchObject([{ quantity: 'variance', timeUs: START + SECOND_US, value: START + SECOND_US }])
    const without = rig([], [])
    without.book(START)
    expect(without.engine.nextClockUs).toBe(Number.POSITIVE_INFINITY)
    expect(without.engine.forecasts.latest('variance', 0, 1)).toBeUndefined()
  })
})

describe('a model far from home', () => {
  const rule: ModelRangeRule = {
    breaker: 'model-range',
    act: 'reduce-only',
    confirmations: 3,
    cooldownUs: 0,
    shareMax: 0.2,
  }

  function watched(forecasters: readonly Forecaster[]) {
    const policy = new Listening([])
    const { engine, book } = rig(
      forecasters,
      [policy],
      (parts) => new RiskGate({ ...DEFAULT_RISK, breakers: [rule] }, parts),
    )
    const buy = () => policy.context.submit({ instrument: 0, side: 1, lots: 1, type: 'limit', tick: 999 })
    return { engine, book, buy, policy }
  }

  /** A model of the time of day whose training saw the first hour of a day only. */
  const ofTheNight = (): Artifact => {
    const [sine, cosine, ...week] = featureNames(everySecond).map(() => ({
      low: -1,
      high: 1,
      categories: null,
      missing: false,
    }))
    const range = {
      names: featureNames(everySecond),
      columns: [{ ...sine!, low: 0, high: 0.26 }, { ...cosine!, low: 0.96 }, ...week],
    }
    return artificialModel(everySecond, {
      quantity: 'turbulence',
      horizonUs: SECOND_US,
      model: linear(everySecond, 0.5),
      range,
    })
  }

  test('inputs inside the range of training never trip it; far outside, the third in a row does', () => {
    // 1,700,000,000 is 22:13:20 UTC; midnight is 6400 s later.
    const [night, evening] = [START + 6400 * SECOND_US, START]
    for (const [from, trips] of [
      [night, false],
      [evening, true],
    ] as const) {
      const { engine, book, buy, policy } = watched([new ArtifactForecaster(ofTheNight())])
      book(from + 1)
      for (let second = 1; second <= 2; second++) book(from + second * SECOND_US + 1)
      expect(engine.gate.latched).toEqual([])
      expect(buy()).toBeGreaterThan(0)
      for (let second = 3; second <= 60; second++) book(from + second * SECOND_US + 1)
      expect(engine.gate.latched).toMatchObject(
        trips
          ? [
              {
                breaker: 'model-range',
                scope: { of: 'policy', policy: 0 },
                measured: 0.5,
                allowed: 0.2,
                sinceUs: from + 3 * SECOND_US + 1,
              },
            ]
          : [],
      )
      expect(buy() > 0).toBe(!trips)
      expect(policy.context.lastRefusal).toBe(trips ? 'breaker-model-range' : '')
    }
  })

  test('a share that nobody knows trips at once', () => {
    const lost = new Said(everySecond)
    lost.outside = Number.NaN
    const { engine, book } = watched([lost])
    book(START + 1)
    book(START + SECOND_US + 1)
    expect(engine.gate.latched).toMatchObject([{ breaker: 'model-range', measured: Number.NaN }])
  })

  test('one model at home does not hide another that is not, nor do two confirm for each other', () => {
    const [home, lost] = [new Said(everySecond), new Said(everySecond, 'volume')]
    lost.outside = 0.9
    for (const forecasters of [
      [home, lost],
      [lost, home],
    ]) {
      const { engine, book } = watched(forecasters)
      book(START + 1)
      for (let second = 1; second <= 2; second++) book(START + second * SECOND_US + 1)
      expect(engine.gate.latched).toEqual([])
      book(START + 3 * SECOND_US + 1)
      expect(engine.gate.latched).toMatchObject([{ breaker: 'model-range', measured: 0.9 }])
    }
    const both = [new Said(everySecond), new Said(everySecond, 'volume')]
    for (const each of both) each.outside = 0.5
    const { engine, book } = watched(both)
    book(START + 1)
    for (let second = 1; second <= 2; second++) book(START + second * SECOND_US + 1)
    expect(engine.gate.latched).toEqual([])
  })

  test('put back by a person it counts anew, whichever model it was', () => {
    const [home, lost] = [new Said(everySecond), new Said(everySecond, 'volume')]
    lost.outside = 0.9
    const { engine, book } = watched([home, lost])
    book(START + 1)
    for (let second = 1; second <= 3; second++) book(START + second * SECOND_US + 1)
    engine.resetBreaker('model-range', { of: 'policy', policy: 0 }, 'Ada', 'model replaced', START + 4 * SECOND_US)
    for (let second = 4; second <= 5; second++) book(START + second * SECOND_US + 1)
    expect(engine.gate.latched).toEqual([])
    book(START + 6 * SECOND_US + 1)
    expect(engine.gate.latched.length).toBe(1)
  })
})

describe('turbulence', () => {
  /** Sees what the test says, over a horizon of its own. */
  class Seeing extends Said {
    override readonly horizonUs: number
    probability = 0

    constructor(seconds: number, target = BTC) {
      super(clockFeatures(target, seconds * SECOND_US), 'turbulence')
      this.horizonUs = seconds * SECOND_US
    }

    override forecast(_sample: Float64Array, into: ForecastSlot): void {
      into.value = this.probability
      into.outside = 0
    }
  }

  class TurbulenceGate extends LoggingGate {
    override reportTurbulence(instrument?: number, probability?: number): void {
      this.log.push(`gate hears turbulence ${instrument}: ${probability}`)
    }
  }

  test('the gate hears of it before the policies do, whoever trades on it', () => {
    const log: string[] = []
    const { book } = rig([new Seeing(1)], [new Listening(log)], () => new TurbulenceGate(log))
    book(START + 1)
    log.length = 0
    book(START + SECOND_US + 1)
    expect(log.slice(0, 3)).toEqual([
      'gate hears turbulence 0: 0',
      'gate hears model 0 of policy 0: 0',
      'listening hears turbulence 0 of 1',
    ])
    const alone: string[] = []
    const unheard = rig([new Seeing(1, ETH)], [new Listening(alone)], () => new TurbulenceGate(alone))
    unheard.book(START + 1)
    unheard.book(START + SECOND_US + 1)
    expect(alone).toContain('gate hears turbulence 1: 0')
  })

  test('of several models of a market the one that sees the most is believed, whichever spoke last', () => {
    const log: string[] = []
    const [second, other, fourth] = [new Seeing(2), new Seeing(1, ETH), new Seeing(4)]
    const { book } = rig([second, other, fourth], [], () => new TurbulenceGate(log))
    const heard = (timeUs: number) => {
      log.length = 0
      book(timeUs)
      return log.filter((line) => line.startsWith('gate hears turbulence 0')).map((line) => line.split(': ')[1])
    }
    second.probability = 0.2
    fourth.probability = 0.9
    other.probability = 1
    heard(START + 1)
    expect(heard(START + 2 * SECOND_US + 1)).toEqual(['0.2'])
    expect(heard(START + 4 * SECOND_US + 1).at(-1)).toBe('0.9')
    // The first speaks again and the other does not: its last word holds.
    expect(heard(START + 6 * SECOND_US + 1)).toEqual(['0.9'])
    fourth.probability = 0.1
    expect(heard(START + 8 * SECOND_US + 1).at(-1)).toBe('0.2')
    second.probability = Number.NaN
    expect(heard(START + 10 * SECOND_US + 1)).toEqual(['NaN'])
  })

  test('it halves what may be added, from the forecast on and by default', () => {
    const seeing = new Seeing(1)
    const policy = new Listening([])
    const { instrument } = DEFAULT_RISK.limits
    const limits = { ...DEFAULT_RISK.limits, instrument: { ...instrument, positionLotsMax: 100, orderLotsMax: 100 } }
    const { sizing: _sizing, ...unsized } = { ...DEFAULT_RISK, limits }
    for (const config of [{ ...DEFAULT_RISK, limits }, unsized]) {
      const { book } = rig([seeing], [policy], (parts) => new RiskGate(config, parts))
      const refusal = (lots: number) => {
        policy.context.submit({ instrument: 0, side: 1, lots, type: 'limit', tick: 999 })
        return policy.context.lastRefusal
      }
      seeing.probability = 0
      book(START + 1)
      book(START + SECOND_US + 1)
      expect(refusal(20)).toBe('')
      seeing.probability = 1
      const heard: string[] = []
      policy.act = () => heard.push(refusal(60))
      book(START + 2 * SECOND_US + 1)
      policy.act = () => {}
      expect(heard.length).toBe(1)
      expect(heard[0] === '').toBe(config === unsized)
    }
  })
})

describe('a run on models replays', () => {
  /** Buys while the forecast of the night is high, sells while it is low; sends at the forecast and never else. */
  const policy = () => {
    const made = new Listening([])
    made.act = (context) => {
      const forecast = context.forecasts.latest('turbulence', 0, 1)!
      const side = forecast.value > 0.5 ? 1 : -1
      context.submit({ instrument: 0, side, lots: 1, type: 'limit', tick: 1000 - side * 3, postOnly: true })
      for (const order of context.orders().slice(0, -2)) context.cancel(order.id)
    }
    return made
  }
  const artifact = (sign = 1) =>
    artificialModel(everySecond, {
      quantity: 'turbulence',
      horizonUs: SECOND_US,
      // Changes side within the minute: the sine of the day crosses a level on the way.
      model: linear(everySecond, 0.5 + sign * 100 * 0.4474, { [featureNames(everySecond)[0]!]: sign * 100 }),
    })
  const build =
    (forecasters: readonly Forecaster[]): BuildEngine =>
    (header, { journal, venue }) =>
      new Engine({
        universe,
        policies: [policy()],
        gate: (parts) => new RiskGate(DEFAULT_RISK, parts),
        journal,
        venue,
        cash: header.cash,
        seed: header.seed,
        forecasters,
      })

  function record(name: string): string {
    const folder = join(ROOT, name)
    const header = {
      gimbal: 'test',
      rows: 'inline',
      run: 'x',
      seed: 1,
      cash: CASH,
      since: { fillId: 0, accountUs: 0 },
      instruments: universe.instruments.map(({ spec }) => spec),
      settings: {},
      tapes: [],
    } as const
    const journal = FileJournal.create(folder, header, { durability: 'buffered' })
    const engine = build([new ArtifactForecaster(artifact())])(header, { journal, venue: new MuteVenue() })
    const batch = new TapeBatch(8)
    for (let i = 0; i < 120; i++) {
      const timeUs = START + 1 + i * 370_000
      // Now the clock says that a sample is due, now a row comes first, as it happens on a live feed.
      if (i % 3 === 0 && engine.nextClockUs <= timeUs)
        engine.stepClock(Math.max(engine.clock.nowUs, engine.nextClockUs))
      batch.count = 0
      batch.push(timeUs, timeUs, Kind.DEPTH, 0, 1, 999, 5000, 0, Flag.RESET | Flag.SNAPSHOT)
      batch.push(timeUs, timeUs, Kind.DEPTH, 0, -1, 1001, 5000, 0, Flag.END)
      engine.stepRow(batch, 0, 0, timeUs)
      engine.stepRow(batch, 1, 0, timeUs)
    }
    journal.close()
    return folder
  }

  function sides(folder: string): Set<number> {
    const found = new Set<number>()
    const reader = JournalReader.open(folder)!
    while (reader.next()) {
      const record = reader.read()
      if (record.type === 'ORDER') found.add(record.order.side)
      while (reader.nextRow());
    }
    return found
  }

  test('act for act, with the same model; the same run again is the same journal', () => {
    const folder = record('run')
    const reader = JournalReader.open(folder)!
    const replayed = replayJournal(reader, build([new ArtifactForecaster(artifact())]))
    expect(replayed).toMatchObject({ closed: true, rows: 240 })
    expect(replayed.acts).toBeGreaterThan(60)
    // It changed its mind on the way: what is replayed is the model's, and not only that it spoke.
    expect(sides(folder)).toEqual(new Set([1, -1]))
    const again = JournalReader.open(record('again'))!
    while (again.next()) while (again.nextRow());
    expect(again.hash).toBe(reader.hash)
  })

  test('and says where it parts with another model, or with none', () => {
    const folder = record('other')
    for (const forecasters of [[new ArtifactForecaster(artifact(-1))], []])
      expect(() => replayJournal(JournalReader.open(folder)!, build(forecasters))).toThrow(
        expect.objectContaining({ code: 'replay-diverged' }),
      )
  })
})
