/**
 * Goal: bars of volume, money and imbalance end where the book says.
 *
 * Method: written tapes, one idea each, and the rule of the book worked through by hand on random trades.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { WrittenTape } from '../../tests/features/againstOracle.ts'
import { Random } from '../core/random.ts'
import { MarketState } from '../market/marketState.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { buildSampler, type SamplerSpec, samplingIdentity } from './samplers.ts'

/** Seconds after the start at which samples are taken. */
function samples(spec: SamplerSpec, tape: WrittenTape): number[] {
  const { rows, universe } = tape.whole
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const sampler = buildSampler(spec, { universe, markets, target: 0 })
  const batch = new TapeBatch(8)
  const taken: number[] = []
  for (let row = 0; row < rows.count; row++) {
    const { timeUs, kind, side, tick, lots, value, flags } = rows
    const at = timeUs[row]!
    const instrument = rows.instrument[row]!
    batch.count = 0
    batch.push(at, at, kind[row]!, instrument, side[row]!, tick[row]!, lots[row]!, value[row]!, flags[row]!)
    if (!sampler.onRow(batch, 0, instrument, at)) continue
    taken.push((at - tape.startUs) / 1e6)
    sampler.taken(at)
  }
  return taken
}

describe('volume and dollar bars', () => {
  test('end with the trade that fills them, and begin empty', () => {
    const tape = new WrittenTape()
    for (const [second, lots] of [400, 500, 700, 300, 900, 100].entries()) tape.trade(second, 1000, lots)
    // Lots of 0.001: a contract is a thousand lots.
    expect(samples({ every: 'volume', contracts: 1 }, tape)).toEqual([2, 4])
  })

  test('a message that fills one twice makes one sample, at its end', () => {
    const tape = new WrittenTape()
    tape.row(1, Kind.TRADE, { tick: 1000, lots: 3000, flags: 0 })
    tape.row(1, Kind.TRADE, { tick: 1000, lots: 1000, flags: Flag.END })
    tape.trade(2, 1000, 500)
    expect(samples({ every: 'volume', contracts: 1 }, tape)).toEqual([1])
  })

  test('only the target counts', () => {
    const tape = new WrittenTape({}, {})
    tape.trade(1, 1000, 5000, 1, 1)
    tape.trade(2, 1000, 1000)
    expect(samples({ every: 'volume', contracts: 1 }, tape)).toEqual([2])
  })

  test('money is price times size for linear contracts, face value for inverse ones', () => {
    const linear = new WrittenTape()
    const inverse = new WrittenTape({ payoff: 'inverse', settle: 'BTC', quote: 'USD', lotSize: '1', multiplier: '100' })
    for (let second = 1; second <= 4; second++) {
      linear.trade(second, 5000 * second, 1000)
      inverse.trade(second, 5000 * second, 3)
    }
    // 500, 1000, 1500, 2000 a trade; and 300 each.
    expect(samples({ every: 'dollar', quote: 1500 }, linear)).toEqual([2, 3, 4])
    expect(samples({ every: 'dollar', quote: 600 }, inverse)).toEqual([2, 4])
  })

  test('bars count where there are no trades, and not beside them', () => {
    const tape = new WrittenTape()
    tape.bar(60, 60, [10, 10, 10, 10], 1000)
    tape.trade(100, 10, 1000)
    tape.bar(120, 60, [10, 10, 10, 10], 1000)
    tape.bar(240, 60, [10, 10, 10, 10], 1000)
    expect(samples({ every: 'volume', contracts: 1 }, tape)).toEqual([60, 100, 240])
  })
})

describe('imbalance bars', () => {
  const spec = { every: 'imbalance', of: 'tick', trades: 20, memoryBars: 5, memoryTrades: 50 } as const

  /** A trade a second, bought with the given probability. */
  function flow(tape: WrittenTape, from: number, to: number, bought: number, random: Random): void {
    for (let second = from; second < to; second++) tape.trade(second, 1000, 100, random.uniform() < bought ? 1 : -1)
  }

  test('match the rule of the book worked through trade by trade', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 1e6 }), fc.constantFrom('tick', 'volume'), (seed, of) => {
        const random = new Random(seed)
        const tape = new WrittenTape()
        const trades = Array.from({ length: 600 }, (_, second) => {
          const side = random.uniform() < 0.5 + 0.3 * Math.sin(second / 40) ? 1 : -1
          const lots = random.integer(1, 900)
          tape.trade(second, 1000, lots, side)
          return side * (of === 'tick' ? 1 : lots * 0.001)
        })
        const wanted: number[] = []
        let [start, length, mean] = [0, 20, trades[0]!]
        for (const [i, signed] of trades.entries()) {
          if (i > 0) mean = mean * (1 - 2 / 51) + signed * (2 / 51)
          const bar = trades.slice(start, i + 1)
          const theta = Math.abs(bar.reduce((sum, each) => sum + each, 0))
          const full = wanted.length === 0 ? bar.length >= 20 : bar.length >= 2 && theta >= length * Math.abs(mean)
          if (!full) continue
          if (wanted.length > 0) length = Math.min(200, Math.max(2, length * (1 - 2 / 6) + bar.length * (2 / 6)))
          wanted.push(i)
          start = i + 1
        }
        // A sum that meets its threshold to the last digit may fall on either side of it.
        expect(samples({ ...spec, of }, tape).slice(0, 5)).toEqual(wanted.slice(0, 5))
      }),
      { numRuns: 30 },
    )
  })

  test('come faster when one side rushes in', () => {
    const random = new Random(4)
    const tape = new WrittenTape()
    flow(tape, 0, 2000, 0.55, random)
    flow(tape, 2000, 2100, 1, random)
    const taken = samples(spec, tape)
    const calm = taken.filter((second) => second < 2000).length / 2000
    const rush = taken.filter((second) => second >= 2000).length / 100
    expect(rush).toBeGreaterThan(calm)
    expect(taken[0]).toBe(19)
  })

  test('trades of unknown side take the sign of the price change, then the last one', () => {
    const said = new WrittenTape()
    const guessed = new WrittenTape()
    const random = new Random(5)
    let tick = 1000
    let side = 0
    for (let second = 0; second < 400; second++) {
      const move = random.integer(-1, 1)
      tick += move
      if (move !== 0) side = move
      said.trade(second, tick, 100, second === 0 ? 0 : side)
      guessed.trade(second, tick, 100, 0)
    }
    expect(samples(spec, guessed)).toEqual(samples(spec, said))
    expect(samples(spec, guessed).length).toBeGreaterThan(3)
  })

  test('never have fewer than a tenth of the trades expected at first', () => {
    const tape = new WrittenTape()
    flow(tape, 0, 500, 0.5, new Random(6))
    const taken = samples({ ...spec, trades: 100 }, tape)
    for (let i = 1; i < taken.length; i++) expect(taken[i]! - taken[i - 1]!).toBeGreaterThanOrEqual(10)
  })
})

test('samplings that make no sense are refused', () => {
  const wrong = [
    { every: 'volume', contracts: 0 },
    { every: 'dollar', quote: Number.NaN },
    { every: 'imbalance', of: 'tick', trades: 1, memoryBars: 5, memoryTrades: 5 },
    { every: 'moon' },
  ] as unknown as SamplerSpec[]
  for (const spec of wrong)
    expect(() => samples(spec, new WrittenTape())).toThrow(expect.objectContaining({ code: 'config-invalid' }))
})

test('what decides the samples names the version of the sampler once it is not the first, and no order of settings', () => {
  const spec: SamplerSpec = { every: 'imbalance', of: 'tick', trades: 20, memoryBars: 10, memoryTrades: 100 }
  const turned = Object.fromEntries(Object.entries(spec).reverse()) as unknown as SamplerSpec
  expect(samplingIdentity(turned)).toEqual(samplingIdentity(spec))
  const raised = (imbalance: number) => samplingIdentity(spec, { time: 1, volume: 1, dollar: 1, imbalance })
  expect(raised(1)).toEqual(samplingIdentity(spec))
  expect(new Set([1, 2, 3].map((version) => JSON.stringify(raised(version)))).size).toBe(3)
  // Another sampler's change is none of this one's.
  expect(samplingIdentity(spec, { time: 5, volume: 5, dollar: 5, imbalance: 1 })).toEqual(samplingIdentity(spec))
})
