/**
 * Goal: the level, skew and term structure read off option quotes are those the quotes were made with, and nothing is read off
 * options that say nothing.
 *
 * Method: chains priced from known smiles, in coins and in dollars, quoted so finely that ticks do not matter; interpolation by
 * hand; what silence, gaps and one-sided quotes do; and random chains against the batch definition under every source.
 */

import { describe, expect, test } from 'vitest'
import { compare, WrittenTape } from '../../tests/features/againstOracle.ts'
import { impliedVolatilityLevel as oracle } from '../../tests/features/oracles/impliedVolatilityLevel.ts'
import { Random } from '../core/random.ts'
import type { InstrumentSpec } from '../market/instrument.ts'
import { Flag, Kind } from '../market/tape.ts'
import { black76Price } from '../pricing/black76.ts'
import { IMPLIED_VOLATILITY } from './impliedVolatilityLevel.ts'

const DAY = 86_400
const FORWARD = 100_000
/** Expiries at 08:00 after the written tape's start, 1 June 2025 00:00, in days. */
const EXPIRIES = [
  { expiry: '2025-06-04', days: 3 + 1 / 3 },
  { expiry: '2025-06-20', days: 19 + 1 / 3 },
  { expiry: '2025-07-25', days: 54 + 1 / 3 },
  { expiry: '2025-09-26', days: 117 + 1 / 3 },
]

function option(expiry: string, strike: number, right: 'call' | 'put', inCoin: boolean): Partial<InstrumentSpec> {
  return {
    base: 'BTC',
    quote: inCoin ? 'USD' : 'USDC',
    settle: inCoin ? 'BTC' : 'USDC',
    kind: 'option',
    payoff: inCoin ? 'inverse' : 'linear',
    tickSize: inCoin ? '0.000000001' : '0.0001',
    lotSize: '0.1',
    expiry,
    strike: String(strike),
    right,
  }
}

/** The perpetual, then a call and a put a strike and expiry. */
class Chain {
  readonly tape: WrittenTape
  readonly options: { expiryDays: number; strike: number; right: 1 | -1 }[] = []
  readonly #inCoin: boolean

  constructor(inCoin = true, ratios: readonly number[] = [0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 1.05, 1.1, 1.2, 1.4, 1.7]) {
    this.#inCoin = inCoin
    const specs: Partial<InstrumentSpec>[] = [{ base: 'BTC' }]
    for (const { expiry, days } of EXPIRIES)
      for (const ratio of ratios)
        for (const right of ['call', 'put'] as const) {
          const strike = Math.round(FORWARD * ratio)
          specs.push(option(expiry, strike, right, inCoin))
          this.options.push({ expiryDays: days, strike, right: right === 'call' ? 1 : -1 })
        }
    this.tape = new WrittenTape(...specs)
  }

  /** Every option quoted both ways around the price that a smile gives it. */
  quote(seconds: number, smile: (k: number, days: number) => number): void {
    for (const [i, { expiryDays, strike, right }] of this.options.entries()) {
      const volatility = smile(Math.log(strike / FORWARD), expiryDays)
      const years = (expiryDays - seconds / DAY) / 365
      if (years <= 0) continue
      const price = black76Price({ right, forward: FORWARD, strike, years, volatility })
      const tick = Math.round(this.#inCoin ? price / FORWARD / 1e-9 : price / 0.0001)
      if (tick < 3) continue
      const row = (kind: number, columns: object) =>
        this.tape.row(seconds, kind, { instrument: i + 1, flags: 0, ...columns })
      row(Kind.QUOTE, { side: 1, tick: tick - 1, lots: 5 })
      row(Kind.QUOTE, { side: -1, tick: tick + 1, lots: 5 })
      row(Kind.FORWARD, { value: FORWARD, flags: Flag.END })
    }
  }
}

describe.each([
  ['in coins', true],
  ['in dollars', false],
])('options priced %s', (_, inCoin) => {
  test('where every option has the same volatility so have all tenors, without skew or slope', () => {
    const chain = new Chain(inCoin)
    chain.quote(10, () => 0.6)
    const [figures] = chain.tape.ask(IMPLIED_VOLATILITY, {}, 20)
    for (const days of [7, 30, 90]) {
      expect(figures![`level-${days}d`]).toBeCloseTo(0.6, 5)
      expect(figures![`skew-${days}d`]).toBeCloseTo(0, 5)
      expect(figures![`butterfly-${days}d`]).toBeCloseTo(0, 5)
    }
    expect(figures!['slope']).toBeCloseTo(0, 5)
  })
})

test('a smile that falls with the strike has a negative skew, a curved one a butterfly', () => {
  const chain = new Chain(true, [0.6, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 0.98, 1.02, 1.05, 1.1, 1.15, 1.2, 1.3, 1.5])
  chain.quote(10, (k, days) => 0.6 - (0.2 * k) / Math.sqrt(days / 30))
  chain.quote(2 * 3600, (k, days) => 0.6 + (0.5 * k * k) / (days / 30))
  const [falling, curved] = chain.tape.ask(IMPLIED_VOLATILITY, {}, 20, 2 * 3600)
  // At 30 days and σ 0.6 the deltas of 25 % lie at k ≈ ∓0.116 + 0.015: σ differs by some 0.2 × 0.232 there.
  expect(falling!['skew-30d']).toBeGreaterThan(-0.052)
  expect(falling!['skew-30d']).toBeLessThan(-0.042)
  expect(Math.abs(falling!['butterfly-30d']!)).toBeLessThan(0.006)
  expect(curved!['butterfly-30d']).toBeGreaterThan(0.004)
  expect(curved!['butterfly-30d']).toBeLessThan(0.012)
})

test('between expiries total variance is linear in time, beyond them nothing is known', () => {
  const chain = new Chain()
  chain.quote(0, (_, days) => (days < 30 ? 0.8 : 0.5))
  const [figures] = chain.tape.ask(IMPLIED_VOLATILITY, { tenorDays: '2,19.5,30,130' }, 0)
  const [near, far] = [19 + 1 / 3, 54 + 1 / 3]
  const total = 0.64 * near + ((0.25 * far - 0.64 * near) * (30 - near)) / (far - near)
  expect(figures!['level-30d']).toBeCloseTo(Math.sqrt(total / 30), 5)
  expect(figures!['level-2d']).toBeNaN()
  expect(figures!['level-130d']).toBeNaN()
  expect(figures!['slope']).toBeNaN()
})

test("the venue's own volatility comes before that of its quotes, unless quotes are asked for", () => {
  const chain = new Chain()
  for (let i = 1; i <= chain.options.length; i++)
    chain.tape.row(5, Kind.IMPLIED_VOLATILITY, { instrument: i, value: 0.9 })
  chain.quote(10, () => 0.6)
  const of = (source: string) => chain.tape.ask(IMPLIED_VOLATILITY, { source }, 20)[0]!['level-30d']
  expect(of('auto')).toBeCloseTo(0.9, 9)
  expect(of('venue')).toBeCloseTo(0.9, 9)
  expect(of('quotes')).toBeCloseTo(0.6, 5)
})

test('the premium is what options imply over what the target did', () => {
  const chain = new Chain()
  const prices = Array.from({ length: 8 * 24 + 1 }, (_, hour) => (hour % 2 === 0 ? 1_000_000 : 1_010_000))
  for (const [hour, price] of prices.entries()) {
    const end = hour === 8 * 24
    for (let minute = 0; minute < (end ? 1 : 60); minute++) chain.tape.quote(hour * 3600 + minute * 60 - 30, price)
    if (end) chain.quote(hour * 3600, () => 0.6)
  }
  const [figures] = chain.tape.ask(IMPLIED_VOLATILITY, { tenorDays: '12' }, 8 * DAY)
  const realised = Math.log(1.01) ** 2 * 24 * 365
  expect(figures!['premium-12d']).toBeCloseTo(0.36 - realised, 4)
  // Of a month only a week is known: less than half.
  expect(chain.tape.ask(IMPLIED_VOLATILITY, { tenorDays: '12,30' }, 8 * DAY)[0]!['premium-30d']).toBeNaN()
})

test('a level that rose has changed, but not across a gap', () => {
  const broken = new Chain()
  const whole = new Chain()
  for (const chain of [broken, whole]) {
    for (let minute = 0; minute <= 60; minute += 10) chain.quote(minute * 60, () => 0.5)
    if (chain === broken) chain.tape.row(3650, Kind.GAP, { instrument: 3 })
    chain.quote(3700, () => 0.6)
  }
  expect(whole.tape.ask(IMPLIED_VOLATILITY, {}, 3700)[0]!['change-1h']).toBeCloseTo(0.1, 5)
  expect(whole.tape.ask(IMPLIED_VOLATILITY, {}, 3000)[0]!['change-1h']).toBeNaN()
  expect(broken.tape.ask(IMPLIED_VOLATILITY, {}, 3700)[0]!['change-1h']).toBeNaN()
  expect(broken.tape.ask(IMPLIED_VOLATILITY, {}, 3700 + 2 * 3600)[0]!['change-1h']).toBeCloseTo(0, 5)
})

test('what options said is forgotten, and taken back by an outage', () => {
  const chain = new Chain()
  chain.quote(0, () => 0.6)
  const [fresh, old] = chain.tape.ask(IMPLIED_VOLATILITY, { memoryHours: 1 }, 3600, 3601)
  expect(fresh!['level-30d']).toBeCloseTo(0.6, 5)
  expect(old!['level-30d']).toBeNaN()
  for (let i = 1; i <= chain.options.length; i++) chain.tape.row(10, Kind.OUTAGE, { instrument: i, value: 1 })
  chain.quote(20, () => 0.6)
  expect(chain.tape.ask(IMPLIED_VOLATILITY, {}, 30)[0]!['level-30d']).toBeNaN()
})

test('options quoted on one side, crossed, or at prices no volatility gives say nothing', () => {
  const chain = new Chain()
  chain.quote(0, () => 0.6)
  const level = () => chain.tape.ask(IMPLIED_VOLATILITY, {}, 100)[0]!['level-30d']
  expect(level()).toBeCloseTo(0.6, 5)
  for (const [i, { expiryDays }] of chain.options.entries()) {
    if (expiryDays < 19 || expiryDays > 55) continue
    const [tick, lots] = i % 3 === 0 ? [2_000_000_000, 5] : i % 3 === 1 ? [1, 5] : [0, 0]
    chain.tape.row(50, Kind.QUOTE, { instrument: i + 1, side: -1, tick, lots })
    if (i % 3 === 0) chain.tape.row(50, Kind.QUOTE, { instrument: i + 1, side: 1, tick, lots })
  }
  // The expiries around 30 days are silent: the level comes from those beside them.
  expect(level()).toBeCloseTo(0.6, 5)
  expect(chain.tape.ask(IMPLIED_VOLATILITY, {}, 100)[0]!['level-7d']).toBeCloseTo(0.6, 5)
})

test('a target without options is refused', () => {
  expect(() => new WrittenTape({}).ask(IMPLIED_VOLATILITY, {}, 1)).toThrow(
    expect.objectContaining({ code: 'config-invalid' }),
  )
})

test.each(['auto', 'quotes', 'venue'])('random chains read from %s equal the batch definition', (source) => {
  const random = new Random(3)
  const chain = new Chain(true, [0.7, 0.8, 0.9, 1, 1.1, 1.3])
  const { tape, options } = chain
  for (let seconds = 0; seconds < 6 * 3600; seconds += 1 + random.integer(0, 8)) {
    const instrument = random.integer(0, options.length)
    if (instrument === 0) {
      tape.quote(seconds, 1_000_000 + random.integer(-2000, 2000))
      continue
    }
    const { expiryDays, strike, right } = options[instrument - 1]!
    const forward = FORWARD * (1 + 0.04 * random.normal())
    const years = (expiryDays - seconds / DAY) / 365
    const volatility = 0.6 + 0.05 * random.normal()
    const tick = Math.round(black76Price({ right, forward, strike, years, volatility }) / forward / 1e-9)
    const pick = random.uniform()
    const row = (kind: number, columns: object) => tape.row(seconds, kind, { instrument, flags: 0, ...columns })
    if (pick < 0.003) row(Kind.GAP, { flags: Flag.END })
    else if (pick < 0.005) row(Kind.OUTAGE, { value: random.integer(0, 1), flags: Flag.END })
    else {
      if (pick < 0.9)
        row(Kind.QUOTE, { side: 1, tick: tick - random.integer(-1000, 100_000), lots: random.integer(0, 5) })
      row(Kind.QUOTE, { side: -1, tick: tick + 1000, lots: 5 })
      if (pick < 0.3) row(Kind.IMPLIED_VOLATILITY, { value: pick < 0.02 ? 0 : volatility })
      row(pick < 0.8 ? Kind.FORWARD : Kind.INDEX, { value: forward, flags: Flag.END })
    }
  }
  const settings = { source, tenorDays: '4,19.4,60', changeHours: '0.2,1', memoryHours: 1.5, realisedSeconds: 1800 }
  const { differences, known } = compare(IMPLIED_VOLATILITY, oracle, settings, tape.whole, 0, 60)
  expect(differences).toEqual([])
  expect(known['level-19.4d']).toBeGreaterThan(30)
  expect(known['skew-60d']).toBeGreaterThan(5)
  expect(known['change-0.2h']).toBeGreaterThan(0)
})
