/**
 * Goal: the generated market is one that could be real in the ways that matter here: sound books, trades out of what was
 * shown, venues tied together, fat-tailed and clustered returns, a crash that is one; and it is the same every time.
 *
 * Method: read two hours of it once, keeping our own books, and look.
 */

import { describe, expect, test } from 'vitest'
import { HOUR_US, SECOND_US } from '../../core/clock.ts'
import { hash32 } from '../../core/random.ts'
import { MarketState } from '../../market/marketState.ts'
import { Flag, KIND_NAMES, Kind, MergedTape, RecutTape } from '../../market/tape.ts'
import { generateMarket } from './generatedMarket.ts'
import { BRANCHING_RATIO, fundingRate } from './marketSimulation.ts'

const MARKETS = 3

/** Reads a market in venue order and notes everything the tests below ask about. */
function watch(hours: number, seed: number) {
  const market = generateMarket({ hours, seed })
  const sources = market.sources()
  const tape = new MergedTape(sources.inputs, 'venue')
  const states = market.universe.instruments.map((instrument) => new MarketState(instrument))
  const mids: number[][] = [[], [], []]
  const kinds = new Map<string, number>()
  const faults: string[] = []
  const divergence: number[] = []
  let least = Number.POSITIVE_INFINITY
  let nextUs = market.facts.startUs + SECOND_US
  const before = { timeUs: [0, 0, 0], sequence: 0 }
  const interest: number[] = []
  const depths: number[] = []
  while (tape.advance()) {
    const { batch, row, instrument } = tape
    const kind = batch.kind[row]
    const state = states[instrument]
    kinds.set(`${instrument} ${KIND_NAMES[kind]}`, (kinds.get(`${instrument} ${KIND_NAMES[kind]}`) ?? 0) + 1)
    if (batch.timeUs[row] <= batch.venueTimeUs[row]) faults.push('heard before it happened')
    if (batch.timeUs[row] < before.timeUs[instrument]) faults.push('overtaken on one connection')
    before.timeUs[instrument] = batch.timeUs[row]
    if (kind === Kind.TRADE) {
      const shown = state.book.lotsAt(batch.side[row] === 1 ? -1 : 1, batch.tick[row])
      if (!(batch.lots[row] > 0 && batch.lots[row] <= shown))
        faults.push(`trade of ${batch.lots[row]} against ${shown}`)
    }
    if (kind === Kind.DEPTH && !(batch.lots[row] >= 0)) faults.push('negative depth')
    if (kind === Kind.OPEN_INTEREST && instrument === 2) interest.push(batch.lots[row])
    const ended = state.apply(batch, row, tape.timeUs)
    if (!ended) continue
    if (!state.quoted) faults.push('a book without a sound touch')
    least = Math.min(least, state.bestAsk - state.bestBid)
    if (kind === Kind.MARK || kind === Kind.INDEX) divergence.push(Math.abs(state.mark / state.index - 1))
    while (tape.timeUs >= nextUs) {
      for (let i = 0; i < MARKETS; i++) mids[i].push((states[i].bestBid + states[i].bestAsk) / 2)
      depths.push(states[1].bestBidLots + states[1].bestAskLots)
      nextUs += SECOND_US
    }
  }
  return { market, counts: sources.counts, mids, kinds, faults, least, divergence, interest, depths }
}

function logReturns(prices: readonly number[], step: number): number[] {
  const returns: number[] = []
  for (let i = step; i < prices.length; i += step) returns.push(Math.log(prices[i] / prices[i - step]))
  return returns
}

function kurtosis(values: readonly number[]): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  const moment = (power: number) => values.reduce((sum, each) => sum + (each - mean) ** power, 0) / values.length
  return moment(4) / moment(2) ** 2
}

function autocorrelation(values: readonly number[], lag: number): number {
  const mean = values.reduce((a, b) => a + b, 0) / values.length
  let covariance = 0
  let variance = 0
  for (let i = 0; i < values.length; i++) {
    variance += (values[i] - mean) ** 2
    if (i >= lag) covariance += (values[i] - mean) * (values[i - lag] - mean)
  }
  return covariance / variance
}

describe('two hours of it', () => {
  const seen = watch(2, 7)
  const crashSecond = 0.6 * 7200
  const calm = seen.mids.map((mids) => mids.slice(0, crashSecond - 1))

  test('every book is two-sided, uncrossed and at least a tick wide after every message; no trade exceeds what was shown', () => {
    expect(seen.faults).toEqual([])
    expect(seen.least).toBeGreaterThanOrEqual(1)
  })

  test('everything a derivative venue says is said, of spot only what spot has', () => {
    const all = ['DEPTH', 'TRADE', 'QUOTE']
    const perp = [...all, 'MARK', 'INDEX', 'FUNDING_FORECAST', 'FUNDING', 'OPEN_INTEREST', 'LIQUIDATION']
    const of = (i: number) => [...seen.kinds.keys()].filter((key) => key.startsWith(`${i} `)).map((key) => key.slice(2))
    expect(of(0).sort()).toEqual([...all].sort())
    expect(of(1).sort()).toEqual([...perp].sort())
    expect(of(2).sort()).toEqual([...perp].sort())
    expect(seen.kinds.get('1 FUNDING')).toBe(1)
  })

  test('seven in ten orders are caused by another', () => {
    const { events, immigrants } = seen.counts
    expect(events).toBeGreaterThan(500_000)
    expect(Math.abs(1 - immigrants / events - BRANCHING_RATIO)).toBeLessThan(0.01)
  })

  test('returns of a second have fat tails, and their sizes come in clusters, before the crash', () => {
    for (const mids of calm) {
      const returns = logReturns(mids, 1)
      expect(kurtosis(returns)).toBeGreaterThan(5)
      for (const lag of [1, 5, 20]) expect(autocorrelation(returns.map(Math.abs), lag)).toBeGreaterThan(0.05)
      expect(Math.abs(autocorrelation(logReturns(mids, 10), 1))).toBeLessThan(0.15)
    }
  })

  test('arbitrage keeps the venues within 12 bps of their usual difference, outside the crash', () => {
    const usual = [0, 0.001, 0.0009]
    for (const i of [1, 2]) {
      const off = calm[i].map((mid, second) => Math.abs(mid / calm[0][second] - 1 - usual[i])).sort((a, b) => a - b)
      expect(off.at(-1)).toBeLessThan(0.0012)
      expect(off[Math.floor(off.length / 2)]).toBeLessThan(0.0004)
    }
    expect(seen.counts.arbitrages).toBeGreaterThan(10)
  })

  test('the crash: price falls over 5 %, depth vanishes, longs are liquidated, mark and index part', () => {
    const after = seen.mids[2].slice(crashSecond, crashSecond + 300)
    expect(Math.min(...after) / seen.mids[2][crashSecond - 1]).toBeLessThan(0.95)
    const mean = (values: readonly number[]) => values.reduce((a, b) => a + b, 0) / values.length
    const calmDepth = mean(seen.depths.slice(crashSecond - 600, crashSecond))
    expect(mean(seen.depths.slice(crashSecond + 30, crashSecond + 170))).toBeLessThan(calmDepth / 2)
    expect(seen.interest.at(-1)).toBeLessThan(0.95 * seen.interest[0])
    expect(Math.max(...seen.divergence)).toBeGreaterThan(0.005)
    expect(Math.max(...seen.divergence.slice(0, 2 * crashSecond - 100))).toBeLessThan(0.003)
    expect(seen.kinds.get('2 LIQUIDATION')).toBeGreaterThan(50)
  })
})

describe('as a tape', () => {
  /** Hash over every column of every row, in the order of a merge. */
  function digest(tape: MergedTape): { rows: number; hash: number } {
    let rows = 0
    let hash = 0
    while (tape.advance()) {
      const { batch, row, instrument } = tape
      const text = [
        batch.timeUs,
        batch.venueTimeUs,
        batch.kind,
        batch.side,
        batch.tick,
        batch.lots,
        batch.value,
        batch.flags,
      ]
      hash = Math.imul(hash, 31) + hash32(`${instrument} ${text.map((column) => column[row]).join(' ')}`)
      rows++
    }
    return { rows, hash }
  }

  test('the same seed is the same market, row by row, however it is read; another seed is another', () => {
    const market = generateMarket({ hours: 0.05, seed: 3 })
    const once = digest(market.receivedTape())
    expect(digest(market.receivedTape())).toEqual(once)
    let turn = 0
    const recut = market
      .sources()
      .inputs.map((input) => ({ source: new RecutTape(input.source, () => 1 + (turn++ % 700)) }))
    expect(digest(new MergedTape(recut, 'received'))).toEqual(once)
    expect(digest(generateMarket({ hours: 0.05, seed: 4 }).receivedTape()).hash).not.toBe(once.hash)
    expect(digest(market.venueTape()).rows).toBe(once.rows)
  })

  test('each instrument begins with a snapshot and every message is ended', () => {
    const market = generateMarket({ hours: 0.01 })
    for (const { source } of market.sources().inputs) {
      const first = source.next()
      expect(first?.flags[0]).toBe(Flag.RESET | Flag.SNAPSHOT)
      let last = 0
      for (let batch = first; batch; batch = source.next()) last = batch.flags[batch.count - 1]
      expect(last & Flag.END).toBe(Flag.END)
    }
  })

  test('funding falls on the full hour of the venue’s clock, and a market without a crash has none', () => {
    const market = generateMarket({ hours: 1.02, crash: false, activity: 0.2 })
    const tape = market.venueTape()
    const times: number[] = []
    let lowest = Number.POSITIVE_INFINITY
    while (tape.advance()) {
      if (tape.batch.kind[tape.row] === Kind.FUNDING) times.push(tape.venueTimeUs)
      if (tape.batch.kind[tape.row] === Kind.MARK) lowest = Math.min(lowest, tape.batch.value[tape.row])
    }
    expect(times).toEqual([market.facts.startUs + HOUR_US, market.facts.startUs + HOUR_US])
    expect(market.facts.crashUs).toBeNaN()
    expect(lowest).toBeGreaterThan(2800)
  })

  test('an input nobody reads any more costs nothing', () => {
    const { inputs } = generateMarket({ hours: 0.02 }).sources()
    inputs[0].source.close()
    inputs[1].source.close()
    expect(inputs[0].source.next()).toBeUndefined()
    let rows = 0
    for (let batch = inputs[2].source.next(); batch; batch = inputs[2].source.next()) rows += batch.count
    expect(rows).toBeGreaterThan(1000)
  })
})

test('hourly funding is an eighth of premium and interest: 10 bps of premium pay 5 bps in eight hours', () => {
  expect(fundingRate(0.001)).toBeCloseTo(0.0005 / 8, 12)
  expect(fundingRate(0.0003)).toBeCloseTo(0.0001 / 8, 12)
  expect(fundingRate(-0.01)).toBeCloseTo(-0.0095 / 8, 12)
})

test.each([[{ hours: 0 }], [{ hours: Number.NaN }], [{ activity: -1 }], [{ seed: 0.5 }], [{ startUs: 1 }]])(
  '%j is refused',
  (options) => {
    expect(() => generateMarket(options)).toThrow(expect.objectContaining({ code: 'config-invalid' }))
  },
)
