/**
 * Goal: a column that holds a step of the future is found, and honest columns, however persistent or foresighted, are not
 * accused.
 *
 * Method: generated markets with clustering volatility, jumps, a daily rhythm, volume that follows volatility and a book that
 * leans before the price moves; kinds of leak planted in them; honest columns of every kind beside them. Real five-minute bars
 * where the shared data are at hand. For the exact check, recorders that peek.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { DAY_US, MINUTE_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import type { TargetPath } from './dataset.ts'
import { forwardVariance } from './labels.ts'
import { type ColumnFinding, checkCausality, checkColumns, type NamedLabel, type Recording } from './leakCheck.ts'

const FULL = process.env['FULL'] === '1'
const STEP = 5 * MINUTE_US

interface World {
  readonly timesUs: Float64Array
  readonly path: TargetPath
  /** Log prices and returns by sample. */
  readonly prices: Float64Array
  readonly returns: Float64Array
  readonly volumes: Float64Array
  /** What the book leans to: honest, and right about the next return with a correlation of a quarter. */
  readonly lean: Float64Array
}

/** A world on five-minute samples, its path on the same grid. */
function worldOf(returns: Float64Array, volumes: Float64Array, lean: Float64Array): World {
  let [price, traded] = [Math.log(50_000), 0]
  const prices = returns.map((value) => (price += value))
  const bought = volumes.map((value) => (traded += value / 2))
  const timesUs = returns.map((_, i) => 20_000 * DAY_US + i * STEP)
  const column = (value: number) => new Float64Array(returns.length).fill(value)
  const path: TargetPath = {
    startUs: timesUs[0]!,
    stepUs: STEP,
    points: returns.length,
    price: prices.map(Math.exp),
    buyVolume: bought,
    sellVolume: bought,
    spread: column(0.0001),
    depth: column(1e6),
    funding: column(0),
  }
  return { timesUs, path, prices, returns, volumes, lean }
}

function generated(seed: number, samples: number): World {
  const random = new Random(seed).fork('leak check')
  const returns = new Float64Array(samples)
  const volumes = new Float64Array(samples)
  const lean = new Float64Array(samples)
  let variance = 1
  let book = 0
  for (let i = 0; i < samples; i++) {
    const rhythm = 1 + 0.5 * Math.sin((2 * Math.PI * i) / 288)
    const jump = random.uniform() < 0.005 ? 4 * random.normal() : 0
    const shock = random.normal() + jump
    // The next return leans to where the book did before it.
    const pull = i > 0 ? 0.25 * lean[i - 1]! : 0
    returns[i] = 0.001 * Math.sqrt(variance * rhythm) * (shock * Math.sqrt(1 - 0.25 ** 2) + pull)
    volumes[i] = 1e6 * rhythm * Math.sqrt(variance) * (0.3 + Math.abs(shock)) * Math.exp(0.3 * random.normal())
    book = 0.6 * book + 0.8 * random.normal()
    lean[i] = book
    variance = 0.05 + 0.1 * Math.min(shock * shock, 25) * variance + 0.85 * variance + (shock < 0 ? 0.02 : 0)
  }
  return worldOf(returns, volumes, lean)
}

type Columns = Record<string, Float64Array>

const windowed = (figures: Float64Array, from: number, to: number, of: (window: Float64Array) => number) =>
  figures.map((_, i) =>
    i + from < 0 || i + to >= figures.length ? Number.NaN : of(figures.subarray(i + from, i + to + 1)),
  )
const mean = (window: Float64Array) => window.reduce((sum, value) => sum + value, 0) / window.length
const greatest = (window: Float64Array) => window.reduce((best, value) => Math.max(best, value))
const squares = (figures: Float64Array) => figures.map((value) => value * value)
const decayed = (figures: Float64Array, keep: number) => {
  let state = figures[0]!
  return figures.map((value) => (state = keep * state + (1 - keep) * value))
}

/** Columns anyone could have known. */
function honestColumns({ returns, prices, volumes, lean, timesUs }: World, random: Random): Columns {
  const variance = squares(returns)
  return {
    'realised variance, 30 min': windowed(variance, -5, 0, mean),
    'realised variance, 4 h': windowed(variance, -47, 0, mean),
    'realised variance, 1 d': windowed(variance, -287, 0, mean),
    'variance, half-life 10 h': decayed(variance, 0.5 ** (1 / 120)),
    'variance, half-life 15 min': decayed(variance, 0.5 ** (1 / 3)),
    'log variance': windowed(variance, -11, 0, mean).map((value) => Math.log(value + 1e-12)),
    'bipower variation': windowed(
      returns.map((value, i) => Math.abs(value * (returns[i - 1] ?? 0))),
      -11,
      0,
      mean,
    ),
    'size of the last return': returns.map(Math.abs),
    'last return': returns,
    'momentum, 1 h': windowed(returns, -11, 0, mean),
    'price over its mean': windowed(prices, -49, 0, (window) => window.at(-1)! - mean(window)),
    price: prices.map(Math.exp),
    'high of the day': windowed(prices, -287, 0, greatest),
    drawdown: windowed(prices, -99, 0, (window) => window.at(-1)! - greatest(window)),
    volume: volumes,
    'volume, 1 h': windowed(volumes, -11, 0, mean),
    'volume against its mean': windowed(volumes, -99, 0, (window) => Math.log(window.at(-1)! / mean(window))),
    illiquidity: windowed(
      returns.map((value, i) => Math.abs(value) / volumes[i]!),
      -11,
      0,
      mean,
    ),
    'lean of the book': lean,
    'lean of the book, averaged': decayed(lean, 0.8),
    'micro-price': prices.map((price, i) => Math.exp(price) * (1 + 2e-4 * lean[i]!)),
    'hour, sine': timesUs.map((timeUs) => Math.sin((2 * Math.PI * (timeUs % DAY_US)) / DAY_US)),
    'hour of the day': timesUs.map((timeUs) => Math.floor((timeUs % DAY_US) / (12 * STEP))),
    noise: returns.map(() => random.normal()),
    'random walk': decayed(
      returns.map(() => random.normal()),
      0.999,
    ),
    'funding, every 8 h': prices.map((_, i) => returns[i - (i % 96)]!),
    regime: windowed(variance, -23, 0, mean).map((value) => (value > 1.5e-6 ? 1 : 0)),
  }
}

/** Kinds of leak. Each holds one step of the future, or little more. */
function leakingColumns({ returns, prices, volumes }: World, random: Random): Columns {
  const variance = squares(returns)
  const next = (figures: Float64Array) => figures.map((_, i) => figures[i + 1] ?? Number.NaN)
  return {
    'sign of the next return': next(returns).map(Math.sign),
    'size of the next return': next(returns).map(Math.abs),
    'centred mean of the price': windowed(prices.map(Math.exp), -5, 5, mean),
    'mean of the price, a step late': windowed(prices.map(Math.exp), -10, 1, mean),
    'realised variance, a step late': windowed(variance, -46, 1, mean),
    'variance, half-life 10 h, a step late': next(decayed(variance, 0.5 ** (1 / 120))),
    'volume, a step late': next(volumes),
    'next return under as much noise': next(returns).map((value) => value + 0.001 * random.normal()),
    'greatest price of the next half hour': windowed(prices, 0, 6, greatest),
    'price filled backwards, known every fourth sample': prices.map((_, i) =>
      Math.exp(prices[i + ((4 - (i % 4)) % 4)] ?? Number.NaN),
    ),
    'the label under noise': windowed(variance, 1, 12, mean).map((value) => value * Math.exp(0.5 * random.normal())),
    'bar stamped with its open': prices.map((_, i) => Math.exp(prices[i + 1] ?? Number.NaN)),
  }
}

function check(world: World, columns: Columns): ColumnFinding[] {
  const names = Object.keys(columns)
  const hour: NamedLabel = {
    name: 'variance of the next hour',
    label: forwardVariance(world.path, world.timesUs, { horizonUs: 12 * STEP }).label,
    steps: 12,
  }
  const table = { rows: world.timesUs.length, names, columns: names.map((name) => columns[name]!) }
  return checkColumns({ timesUs: world.timesUs, path: world.path, table }, [hour])
}

const told = ({ column, about, steps, strength, lagged }: ColumnFinding) =>
  `${column}: ${about} of ${steps} ahead, ${strength.toFixed(2)} (lagged ${lagged.toFixed(2)})`

test('planted: every kind of leak is found, at every seed', () => {
  const seeds = FULL ? 20 : 1
  const weakest = new Map<string, ColumnFinding>()
  for (let seed = 1; seed <= seeds; seed++) {
    const world = generated(seed, 4000)
    for (const found of check(world, leakingColumns(world, new Random(seed)))) {
      if (!((weakest.get(found.column)?.strength ?? 2) <= found.strength)) weakest.set(found.column, found)
      expect.soft(`${found.verdict}: seed ${seed}, ${told(found)}`).toMatch(/^leaks/)
    }
  }
  expect(weakest.size).toBeGreaterThanOrEqual(10)
  if (FULL) console.log(`weakest of ${seeds} seeds\n${[...weakest.values()].map(told).join('\n')}`)
})

test('honest: no column anyone could have known is accused', () => {
  const seeds = FULL ? 20 : 1
  const strongest = new Map<string, ColumnFinding>()
  for (let seed = 101; seed <= 100 + seeds; seed++) {
    const world = generated(seed, seed % 2 === 0 ? 4000 : 1500)
    for (const found of check(world, honestColumns(world, new Random(seed)))) {
      if (!((strongest.get(found.column)?.strength ?? -1) >= found.strength)) strongest.set(found.column, found)
      expect.soft(`${found.verdict}: seed ${seed}, ${told(found)}`).toMatch(/^honest/)
    }
  }
  if (FULL) console.log(`strongest of ${seeds} seeds\n${[...strongest.values()].map(told).join('\n')}`)
})

const BARS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data/bars/BTC_USDT_USDT-5m-futures.csv.gz')

describe.skipIf(!existsSync(BARS))('real five-minute bars (skipped where the shared data are absent)', () => {
  const world = (from: number, samples: number) => {
    const rows = gunzipSync(readFileSync(BARS))
      .toString()
      .trim()
      .split('\n')
      .slice(1 + from, 2 + from + samples)
      .map((text) => text.split(',').map(Number))
    const closes = Float64Array.from(rows, (row) => Math.log(row[4]!))
    const returns = closes.subarray(1).map((value, i) => value - closes[i]!)
    const volumes = Float64Array.from(rows.slice(1), (row) => row[4]! * row[5]!)
    // Bars have no book; the place of the close between low and high stands in for one.
    const lean = Float64Array.from(rows.slice(1), (row) => (row[4]! - row[3]!) / (row[2]! - row[3]! || 1))
    return worldOf(returns, volumes, lean)
  }

  test('honest columns are not accused, planted leaks are found', () => {
    const strongest = new Map<string, ColumnFinding>()
    const weakest = new Map<string, ColumnFinding>()
    for (let part = 0; part < (FULL ? 16 : 1); part++) {
      const real = world(part * 6000, 4000)
      for (const found of check(real, honestColumns(real, new Random(part)))) {
        expect.soft(`${found.verdict}: part ${part}, ${told(found)}`).toMatch(/^honest/)
        if (!((strongest.get(found.column)?.strength ?? -1) >= found.strength)) strongest.set(found.column, found)
      }
      for (const found of check(real, leakingColumns(real, new Random(part)))) {
        expect.soft(`${found.verdict}: part ${part}, ${told(found)}`).toMatch(/^leaks/)
        if (!((weakest.get(found.column)?.strength ?? 2) <= found.strength)) weakest.set(found.column, found)
      }
    }
    if (FULL) console.log(`real, honest\n${[...strongest.values()].map(told).join('\n')}`)
    if (FULL) console.log(`real, planted\n${[...weakest.values()].map(told).join('\n')}`)
  })
})

test('a price heard between two points of the path is no leak', () => {
  // Path by five minutes, samples two minutes after each of its points: what was heard meanwhile is known to the sample.
  const fine = generated(7, 20_000)
  const every = (figures: Float64Array, from: number) => figures.filter((_, i) => i % 5 === from)
  const coarse = worldOf(every(fine.returns, 0), every(fine.volumes, 0), every(fine.lean, 0))
  const prices = every(fine.prices, 0)
  const path = { ...coarse.path, price: prices.map(Math.exp) }
  const timesUs = coarse.timesUs.map((timeUs) => timeUs + (2 * STEP) / 5)
  const found = check({ ...coarse, path, timesUs }, { 'price now': every(fine.prices, 2).map(Math.exp) })
  expect(found[0]!.verdict).toBe('honest')
  // The same column, had it been known at the path's point, would have been one.
  expect(check({ ...coarse, path }, { 'price later': every(fine.prices, 2).map(Math.exp) })[0]!.verdict).toBe('leaks')
})

test('a column that is mostly missing, or a recording too short, is not judged', () => {
  const world = generated(1, 1000)
  const sparse = world.returns.map((value, i) => (i < 700 ? Number.NaN : value))
  expect(check(world, { sparse })[0]!.verdict).toBe('too few samples to tell')
  const constant = world.returns.map(() => 3)
  expect(check(generated(1, 2000), { constant: new Float64Array(2000).fill(3) })[0]).toMatchObject({
    verdict: 'honest',
    strength: 0,
  })
  expect(check(world, { constant })[0]!.verdict).toBe('honest')
  const table = { rows: 3, names: [], columns: [] }
  const short = { name: 'short', label: new Float64Array(2), steps: 1 }
  expect(() => checkColumns({ timesUs: world.timesUs.subarray(0, 3), path: world.path, table }, [short])).toThrow(
    expect.objectContaining({ code: 'argument-invalid' }),
  )
})

describe('recording again from a cut tape', () => {
  const ticks = Float64Array.from({ length: 300 }, (_, i) => 100 + 10 * Math.sin(i * i))

  /** A recorder of one figure every ten ticks, computed by `of` from the ticks it was given. */
  const recorder =
    (of: (heard: Float64Array, now: number) => number) =>
    (untilUs: number): Recording => {
      const heard = ticks.subarray(0, Math.min(ticks.length, untilUs + 1))
      const timesUs = Float64Array.from({ length: Math.floor((heard.length - 1) / 10) + 1 }, (_, i) => i * 10)
      const columns = [timesUs.map((now) => now), timesUs.map((now) => of(heard, now))]
      return { timesUs, table: { rows: timesUs.length, names: ['clock', 'figure'], columns } }
    }

  test('an honest recorder says the same whatever comes later, unknowns included', async () => {
    const honest = recorder((heard, now) => (now < 20 ? Number.NaN : mean(heard.subarray(now - 20, now + 1))))
    expect(await checkCausality(honest, 10, new Random(1))).toEqual([])
  })

  const peeks: [string, (heard: Float64Array, now: number) => number][] = [
    ['the next tick', (heard, now) => heard[now + 1] ?? Number.NaN],
    ['a centred mean', (heard, now) => mean(heard.subarray(Math.max(0, now - 5), now + 6))],
    ['the mean of the whole sample', (heard, now) => heard[now]! - mean(heard)],
    ['the greatest yet to come', (heard, now) => greatest(heard.subarray(now))],
    ['the last of the day', (heard, now) => heard[Math.min(heard.length - 1, now - (now % 100) + 99)]!],
    ['how long the recording is', (heard, now) => now / heard.length],
  ]
  test.each(peeks)('%s is found', async (_, of) => {
    const leaks = await checkCausality(async (untilUs) => recorder(of)(untilUs), 10, new Random(1))
    expect(leaks.map(({ column }) => column)).toEqual(['figure'])
    expect(leaks[0]!.timeUs).toBeLessThanOrEqual(leaks[0]!.cutUs)
    expect(leaks[0]!.whole).not.toBe(leaks[0]!.cut)
  })

  test('a sample that would not have been taken is found', async () => {
    const late = (untilUs: number): Recording => {
      const found = recorder((heard, now) => heard[now]!)(untilUs)
      const count = untilUs === Number.POSITIVE_INFINITY ? found.timesUs.length : found.timesUs.length - 1
      const columns = found.table.columns.map((column) => column.subarray(0, count))
      return { timesUs: found.timesUs.subarray(0, count), table: { ...found.table, rows: count, columns } }
    }
    expect((await checkCausality(late, 5, new Random(2))).map(({ column }) => column)).toEqual(['sample times'])
  })
})
