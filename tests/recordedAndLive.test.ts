/**
 * Goal: what a model was trained on is what it is fed: research and the engine take the same samples of the same tape, to the
 * last bit, however the tape is read and whatever else happens in the run.
 *
 * Method: minutes of the generated market, recorded by the research code and run through the backtest loop with a policy that
 * trades, the tape cut into batches at random for both; a forecaster in the engine keeps every sample it is given.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../src/core/random.ts'
import { Engine } from '../src/engine/engine.ts'
import { chooseFeatures } from '../src/features/chooseFeatures.ts'
import { type FeatureSetSpec, schemaHash } from '../src/features/featureSet.ts'
import type { SamplerSpec } from '../src/features/samplers.ts'
import { NoJournal } from '../src/journal/journal.ts'
import type { Universe } from '../src/market/instrument.ts'
import { streamOfKind } from '../src/market/message.ts'
import { MergedTape, type MergeInput, RecutTape, type TapeView } from '../src/market/tape.ts'
import type { Forecaster, ForecastSlot } from '../src/models/forecastDesk.ts'
import { buildPolicy } from '../src/policies/registry.ts'
import { recordDataset } from '../src/research/recordDataset.ts'
import { OpenGate } from '../src/risk/gate.ts'
import { BacktestLoop } from '../src/sim/backtest.ts'
import { generateMarket } from '../src/sim/market/generatedMarket.ts'
import { noiseMarket } from '../src/sim/market/noiseMarket.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

/** Keeps every sample with its time. */
class Keeping implements Forecaster {
  readonly quantity = 'variance'
  readonly horizonUs: number
  readonly level = 0.9
  readonly target: string
  readonly features: FeatureSetSpec
  readonly schemaHash: string
  readonly rows: number[][] = []

  constructor(features: FeatureSetSpec, horizonUs: number) {
    this.features = features
    this.horizonUs = horizonUs
    this.target = features.target
    this.schemaHash = schemaHash(features)
  }

  forecast(sample: Float64Array, into: ForecastSlot): void {
    this.rows.push([into.timeUs, ...sample])
    into.value = 1e-6
  }
}

interface Market {
  readonly universe: Universe
  inputs(): readonly MergeInput[]
}

/** The tape of a market, cut into batches of random sizes. */
function cut(market: Market, seed: number, view: TapeView): MergedTape {
  const random = new Random(seed)
  const inputs = market.inputs().map((input) => ({
    ...input,
    source: new RecutTape(input.source, () => random.integer(1, random.uniform() < 0.5 ? 3 : 400)),
  }))
  return new MergedTape(inputs, view)
}

function streamsOf(market: Market): readonly (readonly string[])[] {
  const found = market.universe.instruments.map(() => new Set<string>())
  const tape = new MergedTape(market.inputs())
  for (let rows = 0; rows < 50_000 && tape.advance(); rows++) {
    const stream = streamOfKind(tape.batch.kind[tape.row]!)
    if (stream) found[tape.instrument]!.add(stream)
  }
  return found.map((set) => [...set])
}

function recorded(market: Market, features: FeatureSetSpec, seed: number): number[][] {
  const source = { kind: 'synthetic', name: 'x', dataHash: 'x', rows: 0 } as const
  const plan = { features, stepUs: 1_000_000, source }
  const { timesUs, table } = recordDataset(plan, market.universe, cut(market, seed, 'received'))
  return Array.from(timesUs, (timeUs, row) => [timeUs, ...table.columns.map((column) => column[row]!)])
}

/** Samples as the engine takes them, one list for each set of features, and how many orders the run sent meanwhile. */
function live(market: Market, sets: readonly FeatureSetSpec[], seed: number, policy: string) {
  const { universe } = market
  const exchange = new ReplayedExchange({ universe, cash: { USDC: 100_000 } })
  // No two forecast the same: a run would refuse the second.
  const keeping = sets.map((features, index) => new Keeping(features, 10_000_000 + index))
  const engine = new Engine({
    universe,
    policies: [buildPolicy(policy, { instruments: sets[0]!.target, volatilityFrom: 'model' }, universe)],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue: exchange,
    cash: { USDC: 100_000 },
    seed: 1,
    forecasters: keeping,
  })
  const loop = new BacktestLoop(engine, exchange, cut(market, seed, 'venue'), cut(market, seed + 1, 'received'))
  const random = new Random(seed)
  while (loop.run(random.integer(1, 5000)));
  loop.finish()
  return { samples: keeping.map(({ rows }) => rows), orders: engine.lastOrderId }
}

/** Bit for bit: NaN is NaN and -0 is not 0. */
function expectSame(a: readonly number[][], b: readonly number[][]): void {
  expect(a.length).toBe(b.length)
  const bits = (rows: readonly number[][]) => Buffer.from(Float64Array.from(rows.flat()).buffer)
  if (bits(a).equals(bits(b))) return
  expect(a).toEqual(b)
  throw new Error('the samples differ in the sign of a zero')
}

describe('the generated market', () => {
  const generated = generateMarket({ seed: 5, hours: 0.1, crash: false })
  const market: Market = { universe: generated.universe, inputs: () => generated.sources().inputs }
  const target = 1
  const choose = (sampling: SamplerSpec, normaliseOver = 0): FeatureSetSpec =>
    chooseFeatures({ universe: generated.universe, target, streams: streamsOf(market) }, { sampling, normaliseOver })

  test('every family, sampled each second; normalised, every three; by contracts and by imbalance: all the same', () => {
    const sets = [
      choose({ every: 'time', intervalUs: 1_000_000 }),
      choose({ every: 'time', intervalUs: 3_000_000 }, 40),
      choose({ every: 'volume', contracts: 10 }),
      choose({ every: 'imbalance', of: 'tick', trades: 10, memoryBars: 10, memoryTrades: 100 }),
    ]
    expect(sets[0]!.features.length).toBeGreaterThan(12)
    const { samples, orders } = live(market, sets, 77, 'market-maker')
    // A run in which nothing is traded would show less.
    expect(orders).toBeGreaterThan(50)
    for (const [i, features] of sets.entries()) {
      expect(samples[i]!.length, `set ${i}`).toBeGreaterThan(20)
      expectSame(samples[i]!, recorded(market, features, 1000 + i))
    }
    const times = samples[0]!.map(([timeUs]) => timeUs!)
    expect(
      times.every((timeUs, i) => timeUs % 1_000_000 === 0 && (i === 0 || timeUs === times[i - 1]! + 1_000_000)),
    ).toBe(true)
  })
})

describe('bars', () => {
  const { universe } = generateMarket({ hours: 0.1 })
  const bars = (seed: number): Market => ({
    universe,
    inputs: () =>
      noiseMarket(universe, {
        seed,
        startUs: 1_700_000_000_000_000 - 800_000_000,
        lengthUs: 86_400e6,
        rows: 'bars',
        barUs: 300e6,
      }),
  })

  test.each([
    ['once a bar', 300e6],
    ['more often than bars come: most moments are silent', 70e6],
    ['less often', 900e6],
  ])('sampled %s', (_, intervalUs) => {
    const market = bars(3)
    const features = chooseFeatures(
      { universe, target: 1, streams: streamsOf(market) },
      { sampling: { every: 'time', intervalUs } },
    )
    const { samples } = live(market, [features], 5, 'volatility-target')
    expectSame(samples[0]!, recorded(market, features, 9))
    expect(samples[0]!.length).toBeGreaterThanOrEqual(Math.floor(86_100e6 / intervalUs))
    // The last moment counts: the bar that ends the tape is in a sample.
    const last = 1_700_000_000_000_000 - 800_000_000 + 86_400e6
    expect(samples[0]!.at(-1)![0]).toBe(Math.floor(last / intervalUs) * intervalUs)
  })
})
