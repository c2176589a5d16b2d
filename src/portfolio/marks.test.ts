/**
 * Goal: between two messages of a chain an option is worth what its last message makes of the coin's price now, and nothing else is.
 * Method: a coin in spot, options settled in coins and in dollars, told by hand; prices against Black's formula on paper. Properties:
 * what it is worth does not depend on who asked before; never outside what an option can be worth. With `GIMBAL_SHARED` the carried
 * marks of recorded chains are held against the next chain; without, nothing of that is run, and its name says so.
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Instrument, type InstrumentSpec, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { black76Price } from '../pricing/black76.ts'
import { BookOfRun } from './engineBook.ts'
import { Ledger } from './portfolio.ts'

const HOUR_US = 3_600e6
const YEAR_US = 365 * 24 * HOUR_US
const START_US = Date.UTC(2026, 0, 5, 8) * 1000
const spot: InstrumentSpec = {
  base: 'BTC', quote: 'USDC', kind: 'spot', venue: 'spot', venueSymbol: 'BTC', payoff: 'linear', settle: 'USDC', tickSize: '0.01',
  lotSize: '0.0001', multiplier: '1', source: 'test',
} // biome-ignore format: one instrument
const option: InstrumentSpec = {
  ...spot, quote: 'USD', kind: 'option', venue: 'deribit', payoff: 'inverse', settle: 'BTC', tickSize: '0.0001', lotSize: '0.1',
  expiry: '2026-01-30', strike: '90000', right: 'call',
} // biome-ignore format: one instrument
const SPOT = 0
const CALL = 1
const PUT = 2
const DOLLARS = 3
const EXPIRY_US = Date.UTC(2026, 0, 30, 8) * 1000

function desk(specs: InstrumentSpec[] = [
  spot, option, { ...option, right: 'put', strike: '85000' },
  { ...option, quote: 'USDC', settle: 'USDC', payoff: 'linear', tickSize: '0.1', strike: '92000', venueSymbol: 'usdc' },
]) {
  const universe = new Universe(specs.map((spec) => new Instrument(spec)))
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const clock = { nowUs: START_US }
  const ledger = new Ledger(universe, markets, { USDC: 100_000, BTC: 1 }, clock)
  const tell = (instrument: number, rows: readonly (readonly [kind: number, value: number])[]) => {
    const batch = new TapeBatch(8)
    rows.forEach(([kind, value], i) => {
      batch.push(clock.nowUs, clock.nowUs, kind, instrument, 0, 0, 0, value, i === rows.length - 1 ? Flag.END : 0)
      markets[instrument]!.apply(batch, i, clock.nowUs)
    })
  }
  const worth = (index: number, forward: number, volatility: number, atUs = clock.nowUs) => {
    const { strike, right, settle } = universe.at(index)
    const years = (EXPIRY_US - atUs) / YEAR_US
    const price = black76Price({ right: right === 'put' ? -1 : 1, forward, strike, years, volatility })
    return settle === 'BTC' ? price / forward : price
  }
  return {
    universe, markets, clock, ledger, tell, worth,
    /** A chain's message; returns the mark told. */
    quote(index: number, volatility: number, forward: number, indexPrice: number, mark = worth(index, forward, volatility)) {
      tell(index, [[Kind.MARK, mark], [Kind.IMPLIED_VOLATILITY, Math.round(volatility * 1e4) / 1e4], [Kind.FORWARD, forward], [Kind.INDEX, indexPrice]])
      return mark
    },
    trade(index: number, lots: number, price: number) {
      const event: OrderEvent = {
        kind: 'filled', timeUs: clock.nowUs, venueTimeUs: clock.nowUs, orderId: 1, instrument: index, side: lots > 0 ? 1 : -1,
        tick: Math.round(price / universe.at(index).ticks.size), lots: Math.abs(lots), leavesLots: 0, feeAtoms: 0, liquidity: 'taker',
        reason: '', fillId: 0, queueAheadLots: -1,
      }
      ledger.applyFill(event, Number.NaN)
    },
  }
} // biome-ignore format: rows of what there is

test('an option is carried at the volatility its mark implied, its forward following the spot, its time running', () => {
  const { ledger, clock, tell, quote, worth } = desk()
  tell(SPOT, [[Kind.MARK, 90_000]])
  // The volatility told beside the mark is rounded; the mark's own is taken.
  const sigma = { [CALL]: 0.512345678, [PUT]: 0.55, [DOLLARS]: 0.487654321 }
  for (const index of [CALL, PUT, DOLLARS] as const) quote(index, sigma[index], 90_270, 90_050)
  clock.nowUs += 5 * HOUR_US
  tell(SPOT, [[Kind.MARK, 87_000]])
  const forward = (90_270 * 87_000) / 90_050
  for (const index of [CALL, PUT, DOLLARS] as const) {
    const expected = worth(index, forward, sigma[index])
    expect(Math.abs(ledger.marks.price(index) / expected - 1)).toBeLessThan(1e-12)
    expect(ledger.marks.carried(index)!.forward).toBeCloseTo(forward, 9)
    expect(ledger.marks.heardUs(index)).toBe(clock.nowUs)
  }
  clock.nowUs += HOUR_US
  expect(Math.abs(ledger.marks.price(CALL) / worth(CALL, forward, sigma[CALL]) - 1)).toBeLessThan(1e-12)
})

test('a message is worth what it says for a minute, and the next one replaces what was made of it', () => {
  const { ledger, clock, tell, quote } = desk()
  tell(SPOT, [[Kind.MARK, 90_000]])
  const mark = quote(CALL, 0.5, 90_000, 90_000)
  clock.nowUs += 60e6
  tell(SPOT, [[Kind.MARK, 80_000]])
  expect([ledger.marks.price(CALL), ledger.marks.carried(CALL)]).toEqual([mark, undefined])
  clock.nowUs += 1
  expect(ledger.marks.price(CALL)).toBeLessThan(0.5 * mark)
  const next = quote(CALL, 0.7, 80_100, 80_000)
  expect(ledger.marks.price(CALL)).toBe(next)
})

test('what the coin did before the option spoke is in its forward already: only time runs', () => {
  const { ledger, clock, tell, quote, worth } = desk()
  tell(SPOT, [[Kind.MARK, 88_000]])
  clock.nowUs += 240e6
  quote(CALL, 0.5, 90_100, 90_000)
  clock.nowUs += 120e6
  expect(Math.abs(ledger.marks.price(CALL) / worth(CALL, 90_100, 0.5) - 1)).toBeLessThan(1e-12)
  clock.nowUs += 1
  tell(SPOT, [[Kind.MARK, 90_000]])
  expect(Math.abs(ledger.marks.price(CALL) / worth(CALL, 90_100, 0.5) - 1)).toBeLessThan(1e-12)
})

test('a short straddle hedged between chains keeps its equity, where marks left standing lose the hedge', () => {
  const { ledger, clock, tell, quote, trade, markets } = desk([
    spot,
    option,
    { ...option, right: 'put' },
    { ...spot, kind: 'perp', settle: 'USDC', venue: 'perps' },
  ])
  tell(SPOT, [[Kind.MARK, 90_000]])
  tell(3, [[Kind.MARK, 90_000]])
  for (const index of [CALL, PUT]) trade(index, -100, quote(index, 0.5, 90_000, 90_000))
  clock.nowUs += 61e6
  // Ten calls and ten puts sold, a deep move up: short eight coins or so of delta, made good by a perpetual.
  tell(SPOT, [[Kind.MARK, 97_000]])
  tell(3, [[Kind.MARK, 97_000]])
  const delta = (price: (s: number) => number) => (price(97_010) - price(96_990)) / 20
  const equityAt = (s: number) => {
    tell(SPOT, [[Kind.MARK, s]])
    tell(3, [[Kind.MARK, s]])
    return ledger.equity
  }
  const coins = -delta(equityAt)
  equityAt(97_000)
  trade(3, Math.round(coins * 10_000), 97_000)
  const before = ledger.equity
  // Half a percent on: what is left is gamma, ten dollars or so a side.
  expect(Math.abs(equityAt(97_485) - before)).toBeLessThan(60)
  const hedge = (ledger.lots(3) / 10_000) * 485
  expect(Math.abs(hedge)).toBeGreaterThan(1_000)
  // A ledger without a clock leaves the marks standing, and sees the hedge's move alone.
  const still = new Ledger(ledger.universe, markets, {})
  expect(still.marks.price(CALL)).toBe(markets[CALL]!.mark)
})

describe('what cannot be carried stays as it was told', () => {
  const cases: [string, (d: ReturnType<typeof desk>) => void][] = [
    ['no index', (d) => d.tell(CALL, [[Kind.MARK, 0.05], [Kind.FORWARD, 90_000]])],
    ['no forward', (d) => d.tell(CALL, [[Kind.MARK, 0.05], [Kind.INDEX, 90_000]])],
    ['an index of another hour', (d) => {
      d.tell(CALL, [[Kind.FORWARD, 90_000], [Kind.INDEX, 90_000]])
      d.clock.nowUs += HOUR_US
      d.tell(CALL, [[Kind.MARK, 0.05]])
    }],
    ['a mark above the coin', (d) => d.tell(CALL, [[Kind.MARK, 1.05], [Kind.FORWARD, 90_000], [Kind.INDEX, 90_000]])],
  ] // biome-ignore format: one case a row
  for (const [what, told] of cases)
    test(what, () => {
      const d = desk()
      d.tell(SPOT, [[Kind.MARK, 90_000]])
      told(d)
      const mark = d.markets[CALL]!.mark
      d.clock.nowUs += HOUR_US
      d.tell(SPOT, [[Kind.MARK, 80_000]])
      expect([d.ledger.marks.price(CALL), d.ledger.marks.carried(CALL)]).toEqual([mark, undefined])
    })

  test('a coin nobody prices', () => {
    const d = desk([{ ...spot, base: 'ETH' }, option])
    const mark = d.quote(CALL, 0.5, 90_000, 90_000)
    d.clock.nowUs += HOUR_US
    expect(d.ledger.marks.price(CALL)).toBe(mark)
  })

  test('a mark that is no number is passed on, whatever else was told beside it', () => {
    const d = desk()
    d.tell(SPOT, [[Kind.MARK, 90_000]])
    d.quote(CALL, 0.5, 90_000, 90_000, Number.NaN)
    d.clock.nowUs += HOUR_US
    d.tell(SPOT, [[Kind.MARK, 80_000]])
    expect(d.ledger.marks.price(CALL)).toBeNaN()
  })

  test('a price of the coin that is no number makes none of the option', () => {
    const d = desk()
    d.tell(SPOT, [[Kind.MARK, 90_000]])
    d.quote(CALL, 0.5, 90_000, 90_000)
    d.clock.nowUs += HOUR_US
    d.tell(SPOT, [[Kind.MARK, Number.NaN]])
    expect(d.ledger.marks.price(CALL)).toBeNaN()
  })
})

test('an expired option not settled yet is its exercise, and its book is worth what the ledger says', () => {
  const d = desk()
  const book = new BookOfRun(d.universe, d.ledger, (i) => d.markets[i]!, { options: 'marks' })
  d.tell(SPOT, [[Kind.MARK, 90_000]])
  for (const index of [CALL, PUT, DOLLARS]) d.trade(index, -7, d.quote(index, 0.5, 90_300, 90_000))
  for (const [laterUs, price] of [[3 * HOUR_US, 83_000], [24 * HOUR_US, 95_000], [EXPIRY_US - START_US - 1, 96_000], [EXPIRY_US - START_US, 97_000], [EXPIRY_US - START_US + HOUR_US, 98_000]] as const) {
    d.clock.nowUs = START_US + laterUs
    d.tell(SPOT, [[Kind.MARK, price]])
    book.refresh(d.clock.nowUs)
    expect(Math.abs(book.equity - d.ledger.equity)).toBeLessThan(1e-4)
    expect(book.unpriced()).toEqual([])
  }
  expect(d.ledger.marks.price(CALL)).toBeCloseTo(1 - 90 / 98, 15)
  expect([d.ledger.marks.price(PUT), d.ledger.marks.price(DOLLARS)]).toEqual([0, 6_000])
}) // biome-ignore format: one moment a pair

test('what an option is worth does not depend on who asked before, and is what an option can be worth', () => {
  const event = fc.oneof(
    fc.record({ what: fc.constant('spot' as const), price: fc.double({ min: 20_000, max: 300_000, noNaN: true }) }),
    fc.record({
      what: fc.constant('option' as const),
      index: fc.constantFrom(CALL, PUT, DOLLARS),
      volatility: fc.double({ min: 0.05, max: 3, noNaN: true }),
      forward: fc.double({ min: 20_000, max: 300_000, noNaN: true }),
    }),
    fc.record({ what: fc.constant('wait' as const), us: fc.integer({ min: 1, max: 4 * 24 * 3_600e6 }) }),
  )
  fc.assert(
    fc.property(fc.array(event, { minLength: 1, maxLength: 25 }), (events) => {
      const asked = desk()
      const quiet = desk()
      for (const each of events) {
        for (const d of [asked, quiet]) {
          if (each.what === 'wait') d.clock.nowUs += each.us
          else if (each.what === 'spot') d.tell(SPOT, [[Kind.MARK, each.price]])
          else if (d.clock.nowUs < EXPIRY_US) d.quote(each.index, each.volatility, each.forward, each.forward * 0.998)
        }
        for (const index of [CALL, PUT, DOLLARS]) asked.ledger.marks.price(index)
      }
      for (const index of [CALL, PUT, DOLLARS]) {
        const price = asked.ledger.marks.price(index)
        expect(quiet.ledger.marks.price(index)).toEqual(price)
        const carried = asked.ledger.marks.carried(index)
        if (!carried) continue
        const { forward, heardUs } = carried
        const { strike, right } = asked.universe.at(index)
        const unit = index === DOLLARS ? 1 : forward
        const exercise = Math.max(0, (right === 'put' ? -1 : 1) * (forward - strike)) / unit
        const most = (right === 'put' ? strike : forward) / unit
        expect(price).toBeGreaterThanOrEqual(exercise * (1 - 1e-12))
        expect(price).toBeLessThanOrEqual(most * (1 + 1e-12))
        expect(heardUs).toBeLessThanOrEqual(asked.clock.nowUs)
      }
    }),
    { numRuns: 300 },
  )
})

const CHAINS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data/options/deribit')
const there = existsSync(CHAINS)

describe.skipIf(!there)(`recorded chains${there ? '' : ' (shared data absent: nothing run)'}`, () => {
  /** Options of a chain with 5 to 60 days left, within a fifth of the money. */
  function chain(name: string) {
    const [head, ...lines] = gunzipSync(readFileSync(join(CHAINS, name))).toString().trim().split('\n')
    const names = head!.split(',')
    const rows = lines.map((line) => Object.fromEntries(line.split(',').map((text, i) => [names[i]!, text])))
    return rows
      .map((row) => ({
        name: row['instrument_name']!,
        asset: row['currency']!,
        atUs: Date.parse(row['timestamp']!) * 1000,
        expiryUs: Date.parse(row['expiry_datetime']!) * 1000,
        strike: Number(row['strike']),
        right: row['option_type'] as 'call' | 'put',
        mark: Number(row['mark_price']),
        forward: Number(row['underlying']),
        index: Number(row['index_price']),
        volatility: Number(row['implied_volatility']),
      }))
      .filter(({ atUs, expiryUs, strike, index, mark }) => {
        const days = (expiryUs - atUs) / (24 * HOUR_US)
        return days > 5 && days < 60 && Math.abs(strike / index - 1) < 0.2 && mark > 0
      })
  }

  test('carried to the next chain, marks miss it by less than a fifth of what marks left standing do', () => {
    const files = readdirSync(CHAINS).filter((name) => /^chain_202601(1[0-9]|2[0-9])/.test(name)).sort().filter((_, i) => i % 8 < 2)
    expect(files.length).toBeGreaterThan(8)
    for (const asset of ['BTC', 'ETH']) {
      let carried = 0
      let standing = 0
      let count = 0
      for (let i = 0; i + 1 < files.length; i += 2) {
        const [from, to] = [chain(files[i]!), new Map(chain(files[i + 1]!).map((each) => [each.name, each]))]
        for (const each of from) {
          const next = to.get(each.name)
          if (each.asset !== asset || !next) continue
          const d = desk([
            { ...spot, base: asset },
            { ...option, base: asset, settle: asset, strike: String(each.strike), right: each.right, expiry: new Date(each.expiryUs / 1000).toISOString().slice(0, 10) },
          ])
          d.clock.nowUs = each.atUs
          d.quote(CALL, each.volatility, each.forward, each.index, each.mark)
          d.clock.nowUs = next.atUs
          d.tell(SPOT, [[Kind.MARK, next.index]])
          carried += ((d.ledger.marks.price(CALL) - next.mark) * next.index) ** 2
          standing += ((each.mark - next.mark) * next.index) ** 2
          count++
        }
      }
      expect(count).toBeGreaterThan(500)
      const ratio = Math.sqrt(carried / standing)
      console.log(`${asset}: ${count} marks, off the next chain by ${Math.sqrt(carried / count).toFixed(1)} dollars carried, ${Math.sqrt(standing / count).toFixed(1)} left standing`)
      expect(ratio).toBeLessThan(0.2)
    }
  })
}) // biome-ignore format: one column a row

test('a volatility told long after a mark that implies none is believed, whoever had asked before it came', () => {
  const worthOf = (asked: boolean) => {
    const { ledger, clock, tell } = desk()
    tell(SPOT, [[Kind.MARK, 90_000]])
    // A call worth more than the coin: no volatility gives it.
    tell(CALL, [[Kind.FORWARD, 90_500], [Kind.INDEX, 90_000], [Kind.MARK, 1.2]]) // biome-ignore format: rows
    clock.nowUs += 70e6
    if (asked) ledger.marks.price(CALL)
    clock.nowUs += 20e6
    tell(CALL, [[Kind.IMPLIED_VOLATILITY, 0.6]])
    clock.nowUs += 1e6
    return ledger.marks.price(CALL)
  }
  expect(worthOf(true)).toBe(worthOf(false))
  expect(worthOf(false)).toBeLessThan(0.1)
})
