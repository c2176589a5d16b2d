/**
 * Goal: a dataset holds what was known, when it was known: every point of the path and every sample is made of the rows
 * received up to it, and of no other.
 *
 * Method: a written tape whose points are worked out by hand; then tapes that do everything recordings do to a listener, each
 * column of the path against a walk over the whole tape for every point anew, with a book of plain maps. Samples are compared
 * with features asked at the same moments, and with recordings of the same tape cut short.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { ask, WrittenTape } from '../../tests/features/againstOracle.ts'
import type { Rows } from '../../tests/features/oracle.ts'
import { PriceHistory } from '../../tests/features/replayedMarket.ts'
import { barTape, nastyTape, type WholeTape } from '../../tests/features/tapes.ts'
import { Random } from '../core/random.ts'
import { SPREAD } from '../features/spread.ts'
import { type Instrument, quoteWorth } from '../market/instrument.ts'
import { Flag, Kind, MemoryTape, MergedTape, RecutTape, type TapeSource } from '../market/tape.ts'
import { PATH_COLUMNS, type TargetPath } from './dataset.ts'
import { DatasetRecorder, type RecordPlan, recordDataset } from './recordDataset.ts'

const SOURCE = { kind: 'synthetic', name: 'test', dataHash: 'd', rows: 0 } as const

function plan(tape: WholeTape, target: number, stepUs: number, intervalUs = stepUs): RecordPlan {
  return {
    features: {
      target: tape.universe.at(target).id,
      sampling: { every: 'time', intervalUs },
      normaliseOver: 0,
      features: [{ family: 'spread' }, { family: 'time-of-day' }],
    },
    stepUs,
    source: SOURCE,
  }
}

function sourceOf({ rows }: WholeTape): MemoryTape {
  const tape = new MemoryTape()
  for (let i = 0; i < rows.count; i++)
    tape.push(
      rows.timeUs[i]!,
      rows.venueTimeUs?.[i] ?? rows.timeUs[i]!,
      rows.kind[i]!,
      rows.instrument[i]!,
      rows.side[i]!,
      rows.tick[i]!,
      rows.lots[i]!,
      rows.value[i]!,
      rows.flags[i]!,
    )
  return tape
}

/** Figures that rounding may move by a hair; what is unknown is unknown. */
const about = (values: readonly number[], digits = 9) =>
  values.map((value) => (Number.isNaN(value) ? value : expect.closeTo(value, digits)))

const merged = (source: TapeSource) => new MergedTape([{ source }])

function record(tape: WholeTape, target: number, stepUs: number, intervalUs?: number) {
  return recordDataset(plan(tape, target, stepUs, intervalUs), tape.universe, merged(sourceOf(tape)))
}

describe('points worked out by hand', () => {
  /** Three seconds of a book, a hole, and a book again; ticks of 0.1 and lots of 0.001. */
  const tape = new WrittenTape({ fundingIntervalUs: 8 * 3600e6 })
  const depth = (seconds: number, side: number, tick: number, lots: number, flags: number) =>
    tape.row(seconds, Kind.DEPTH, { side, tick, lots, flags })
  const snapshot = (seconds: number, mid: number) => {
    depth(seconds, 1, mid - 1, 5, Flag.RESET | Flag.SNAPSHOT)
    depth(seconds, 1, mid - 200, 7, Flag.SNAPSHOT)
    depth(seconds, -1, mid + 1, 6, Flag.SNAPSHOT | Flag.END)
  }
  snapshot(0.4, 10_000)
  tape.trade(0.7, 10_001, 1000)
  tape.trade(1, 9_999, 2000, -1)
  tape.row(1.000001, Kind.FUNDING, { value: 2e-4, lots: 8 * 3600e6 })
  depth(1.5, -1, 10_003, 4, 0)
  depth(1.5, -1, 10_001, 0, Flag.END)
  tape.trade(1.9, 10_003, 10, 0)
  tape.row(2.2, Kind.GAP, { value: 3 })
  tape.row(2.4, Kind.FUNDING, { value: 9, lots: 1, flags: Flag.SUSPECT | Flag.END })
  tape.row(2.5, Kind.FUNDING, { value: -1e-4, lots: 8 * 3600e6 })
  snapshot(3.5, 20_000)
  tape.row(5.5, Kind.MARK, { value: 1000 })
  const { path } = record(tape.whole, 0, 1e6)

  test('the path begins at the first point that is not before the first row', () => {
    expect([path.startUs, path.stepUs, path.points]).toEqual([tape.startUs + 1e6, 1e6, 5])
  })

  test('a point holds what its own microsecond brought, and nothing later', () => {
    // Points at 1, 2, 3, 4 and 5 s. The mid moves to 1000.1 at 1.5 s, is lost at 2.2 s and is back at 3.5 s.
    expect([...path.price]).toEqual(about([1000, 1000.1, Number.NaN, 2000, 2000]))
    // 1 × 1000.1 bought; 2 × 999.9 sold at 1 s itself; 0.01 × 1000.3 of unknown side, half each.
    expect([...path.buyVolume]).toEqual(about([1000.1, ...Array(4).fill(1000.1 + 5.0015)]))
    expect([...path.sellVolume]).toEqual(about([1999.8, ...Array(4).fill(1999.8 + 5.0015)]))
    // Funding came a microsecond after the first point; a doubtful settlement does not count.
    expect([...path.funding]).toEqual(about([0, 2e-4, 1e-4, 1e-4, 1e-4], 15))
  })

  test('so does a sample, in a recording that ends with it, too', () => {
    const quotes = new WrittenTape()
    for (const [seconds, width] of [
      [0.5, 1],
      [1, 2],
      [1.000001, 3],
      [2, 4],
      [4, 5],
    ] as const) {
      quotes.row(seconds, Kind.QUOTE, { side: 1, tick: 10_000 - width, lots: 5, flags: 0 })
      quotes.row(seconds, Kind.QUOTE, { side: -1, tick: 10_000 + width, lots: 5 })
    }
    const whole = quotes.whole
    const recorder = new DatasetRecorder(
      plan(whole, 0, 1e6),
      whole.universe,
      merged(sourceOf(whole)),
      quotes.startUs + 2e6,
    )
    while (recorder.run(100));
    for (const { table, timesUs, path: points } of [record(whole, 0, 1e6), recorder.finish()]) {
      const widths = [2, 4, 4, 5].slice(0, timesUs.length)
      const ticks = table.columns[table.names.indexOf('spread/ticks')]!
      expect([...ticks]).toEqual(about(widths.map((width) => 2 * width)))
      expect([...points.spread]).toEqual(about(widths.map((width) => (2 * width) / 10_000)))
    }
  })

  test('spread and depth are those of a sound book, the depth within ten basis points of the mid', () => {
    expect([...path.spread]).toEqual(about([2 / 10_000, 4 / 10_001, Number.NaN, 2 / 20_000, 2 / 20_000], 12))
    // The bid 200 ticks below is 2 % away at first and 1 % later: never near enough.
    const near = [0.005 * 999.9 + 0.006 * 1000.1, 0.005 * 999.9 + 0.004 * 1000.3]
    const later = 0.005 * 1999.9 + 0.006 * 2000.1
    expect([...path.depth]).toEqual(about([...near, Number.NaN, later, later]))
  })

  test('bars count half to each side, and not besides the trades they were made of', () => {
    const both = new WrittenTape()
    both.trade(10, 1000, 1000)
    both.bar(60, 60, [1000, 1000, 1000, 1000], 3000)
    both.trade(70, 1000, 500)
    both.bar(180, 60, [1000, 1000, 1000, 2000], 1000)
    both.bar(240, 30, [2000, 2000, 2000, 2000], 1000)
    both.trade(241, 1000, 7)
    const { path: bars } = record(both.whole, 0, 60e6)
    // The first minute by its bar; the second by its trade; the third by its bar; of the fourth only half is told.
    expect([...bars.buyVolume]).toEqual(about([150, 200, 300, 300]))
    expect([...bars.sellVolume]).toEqual(about([150, 150, 250, 250]))
  })

  test('a contract that settles in its coin is worth its face', () => {
    const inverse = new WrittenTape({ payoff: 'inverse', settle: 'BTC', quote: 'USD', lotSize: '1', multiplier: '100' })
    const linear = new WrittenTape({ multiplier: '0.01' })
    expect(quoteWorth(inverse.universe.at(0), 500_000, 3)).toBe(300)
    expect(quoteWorth(linear.universe.at(0), 500_000, 3000)).toBeCloseTo(3 * 0.01 * 50_000, 9)
  })
})

describe('on any tape', () => {
  /** The naive path: for every point, the whole tape up to it is walked again. */
  function naive({ universe, rows }: WholeTape, target: number, { startUs, stepUs, points }: TargetPath) {
    const instrument = universe.at(target)
    const history = new PriceHistory(rows, target, stepUs)
    const size = instrument.ticks.size
    return Array.from({ length: points }, (_, i) => {
      const pointUs = startUs + i * stepUs
      const price = history.value(pointUs / stepUs) * size
      return { price, ...walked(rows, target, instrument, startUs, stepUs, pointUs) }
    })
  }

  function walked(
    rows: Rows,
    target: number,
    instrument: Instrument,
    startUs: number,
    stepUs: number,
    pointUs: number,
  ) {
    const sides = { 1: new Map<number, number>(), [-1]: new Map<number, number>() }
    const quotes: Record<number, [tick: number, lots: number]> = { 1: [0, 0], [-1]: [0, 0] }
    const steps = new Map<number, { buys: number; sells: number; bars: number; coveredUs: number }>()
    let [live, seen, down, funding] = [false, false, false, 0]
    for (let i = 0; i < rows.count && rows.timeUs[i]! <= pointUs; i++) {
      if (rows.instrument[i] !== target) continue
      const [kind, side, tick, lots] = [rows.kind[i]!, rows.side[i]! as 1 | -1, rows.tick[i]!, rows.lots[i]!]
      // What came before the first point belongs to its step.
      const step = Math.max(startUs / stepUs, Math.ceil(rows.timeUs[i]! / stepUs))
      const traded = steps.get(step) ?? { buys: 0, sells: 0, bars: 0, coveredUs: 0 }
      steps.set(step, traded)
      if (kind === Kind.DEPTH) {
        seen = true
        if (rows.flags[i]! & Flag.RESET) {
          sides[1].clear()
          sides[-1].clear()
          live = true
        }
        if (lots > 0) sides[side].set(tick, lots)
        else if (tick !== 0) sides[side].delete(tick)
      } else if (kind === Kind.QUOTE) quotes[side] = [tick, lots]
      else if (kind === Kind.GAP) live = false
      else if (kind === Kind.OUTAGE) {
        down = rows.value[i] !== 0
        if (down) live = false
      } else if (kind === Kind.FUNDING) funding += rows.value[i]!
      else if (kind === Kind.TRADE) {
        const worth = quoteWorth(instrument, tick, lots)
        traded.buys += worth * (side === 1 ? 1 : side === -1 ? 0 : 0.5)
        traded.sells += worth * (side === -1 ? 1 : side === 1 ? 0 : 0.5)
      } else if (kind === Kind.BAR_CLOSE) {
        traded.bars += quoteWorth(instrument, tick, lots)
        traded.coveredUs += rows.value[i]!
      }
    }
    let [buyVolume, sellVolume] = [0, 0]
    for (const [step, { buys, sells, bars, coveredUs }] of steps) {
      if (step * stepUs > pointUs) continue
      buyVolume += coveredUs === stepUs ? bars / 2 : buys
      sellVolume += coveredUs === stepUs ? bars / 2 : sells
    }
    const bid = seen ? Math.max(...sides[1].keys()) : quotes[1]![1] > 0 ? quotes[1]![0] : Number.NEGATIVE_INFINITY
    const ask = seen ? Math.min(...sides[-1].keys()) : quotes[-1]![1] > 0 ? quotes[-1]![0] : Number.POSITIVE_INFINITY
    const quoted = !down && (!seen || live) && Number.isFinite(bid) && Number.isFinite(ask) && bid < ask
    const mid = (bid + ask) / 2
    let depth = quoted && seen ? 0 : Number.NaN
    for (const [tick, lots] of [...sides[1], ...sides[-1]])
      if (tick >= mid * 0.999 && tick <= mid * 1.001) depth += quoteWorth(instrument, tick, lots)
    return { buyVolume, sellVolume, funding, spread: quoted ? (ask - bid) / mid : Number.NaN, depth }
  }

  const near = (found: number, wanted: number) =>
    Number.isNaN(wanted) ? Number.isNaN(found) : Math.abs(found - wanted) <= 1e-9 * Math.max(1e-3, Math.abs(wanted))

  test('every point is what a walk over the rows up to it finds', () => {
    let [known, unknown] = [0, 0]
    for (const [tape, target, stepUs] of [
      [nastyTape(1, 700), 0, 10e6],
      [nastyTape(2, 700), 0, 60e6],
      [nastyTape(3, 500), 2, 60e6],
      [nastyTape(4, 500), 4, 300e6],
      [barTape(5), 0, 300e6],
      [barTape(6), 1, 900e6],
    ] as const) {
      const { path } = record(tape, target, stepUs)
      const wanted = naive(tape, target, path)
      for (let i = 0; i < path.points; i++) {
        for (const name of PATH_COLUMNS)
          if (!near(path[name][i]!, wanted[i]![name]))
            expect.fail(`${tape.name}, step ${stepUs}: ${name} ${i} is ${path[name][i]}, not ${wanted[i]![name]}`)
        if (path.price[i]! > 0) known++
        else unknown++
      }
    }
    // Both are to be found in plenty, or nothing was shown.
    expect(Math.min(known, unknown)).toBeGreaterThan(100)
  })

  test('samples are the figures a feature has at the same moments, from the first row of any instrument on', () => {
    const tape = nastyTape(7, 600)
    const { timesUs, table } = record(tape, 0, 10e6, 7e6)
    const { rows } = tape
    const [firstUs, lastUs] = [rows.timeUs[0]!, rows.timeUs[rows.count - 1]!]
    const expected = []
    for (let at = Math.ceil(firstUs / 7e6) * 7e6; at <= lastUs; at += 7e6) expected.push(at)
    expect([...timesUs]).toEqual(expected)
    const asked = ask(SPREAD, {}, tape, 0, expected)
    for (const [column, name] of table.names.entries()) {
      if (!name.startsWith('spread/')) continue
      expect([...table.columns[column]!]).toEqual(asked.map((figures) => figures[name.slice('spread/'.length)]))
    }
  })

  test('however it is cut into batches and stretches, it is the same dataset', () => {
    const tape = nastyTape(8, 400)
    const whole = record(tape, 0, 5e6)
    fc.assert(
      fc.property(fc.nat(1e6), fc.integer({ min: 1, max: 5000 }), (seed, stretch) => {
        const random = new Random(seed)
        const recut = new RecutTape(sourceOf(tape), () => random.integer(1, 50))
        const recorder = new DatasetRecorder(plan(tape, 0, 5e6), tape.universe, merged(recut))
        while (recorder.run(stretch));
        expect(recorder.rows).toBe(tape.rows.count)
        expect(recorder.finish()).toEqual(whole)
      }),
      { numRuns: 15 },
    )
  })

  test('a recording that ends early is the beginning of the one that does not', () => {
    const tape = nastyTape(9, 400)
    const whole = record(tape, 0, 5e6)
    const samples = whole.timesUs.length
    fc.assert(
      fc.property(fc.integer({ min: 0, max: samples - 2 }), (last) => {
        const cutUs = whole.timesUs[last]!
        const recorder = new DatasetRecorder(plan(tape, 0, 5e6), tape.universe, merged(sourceOf(tape)), cutUs)
        while (recorder.run(100));
        expect(recorder.timeUs).toBe(cutUs)
        const { timesUs, table, path } = recorder.finish()
        expect(timesUs).toEqual(whole.timesUs.slice(0, last + 1))
        expect(table.columns).toEqual(whole.table.columns.map((column) => column.slice(0, last + 1)))
        for (const name of PATH_COLUMNS) expect(path[name]).toEqual(whole.path[name].slice(0, path.points))
        expect(path.startUs + path.points * path.stepUs).toBeGreaterThan(cutUs)
      }),
      { numRuns: 15 },
    )
  })
})

describe('what must be refused', () => {
  test('a tape too short for a sample, a step that is none, a target nobody knows', () => {
    const tape = new WrittenTape()
    tape.quote(0.5, 1000)
    const code = (expected: string) => expect.objectContaining({ code: expected })
    expect(() => record(tape.whole, 0, 1e6)).toThrow(code('catalog-empty'))
    expect(() => record(tape.whole, 0, 0.5, 1e6)).toThrow(code('config-invalid'))
    expect(() => record(tape.whole, 0, 0, 1e6)).toThrow(code('config-invalid'))
    const { features, ...rest } = plan(tape.whole, 0, 1e6)
    const unknown = { ...rest, features: { ...features, target: 'DOGE-USDT-PERP@nowhere' } }
    expect(() => recordDataset(unknown, tape.universe, merged(sourceOf(tape.whole)))).toThrow(
      code('instrument-unknown'),
    )
  })
})
