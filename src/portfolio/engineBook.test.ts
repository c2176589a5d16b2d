/**
 * Goal: a policy that asks for its Greeks is told those of what the ledger holds, at prices that were heard, or told what is missing.
 * Method: a generated run over spot, linear and inverse perpetuals, a future and options in coins and in dollars on two venues,
 * traded at random, funded and settled: its book is worth the ledger's equity to the atom after every step. Then by hand: deltas that
 * follow the spot between two messages of a chain, whose money is whose, and each thing that may be missing.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { atomsPerUnit, Instrument, type InstrumentSpec, Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { black76Price } from '../pricing/black76.ts'
import { BookOfRun, type BookOfRunSettings, UNASSIGNED } from './engineBook.ts'
import { Ledger } from './portfolio.ts'
import { bookValue } from './valuation.ts'

const DAY_US = 86_400e6
const START_US = Date.UTC(2026, 0, 5, 8) * 1000
const perp: InstrumentSpec = {
  base: 'BTC',
  quote: 'USDC',
  kind: 'perp',
  venue: 'hyperliquid',
  venueSymbol: 'BTC',
  payoff: 'linear',
  settle: 'USDC',
  tickSize: '0.1',
  lotSize: '0.001',
  multiplier: '1',
  fundingIntervalUs: 3_600e6,
  source: 'test',
}
const coins: InstrumentSpec = {
  ...perp,
  quote: 'USD',
  venue: 'deribit',
  kind: 'option',
  payoff: 'inverse',
  settle: 'BTC',
  tickSize: '0.0001',
  lotSize: '0.1',
  expiry: '2026-01-16',
  strike: '92000',
  right: 'call',
}
const SPECS: InstrumentSpec[] = [
  { ...perp, kind: 'spot', lotSize: '0.00001', tickSize: '0.01' },
  perp,
  { ...perp, quote: 'USD', venue: 'deribit', payoff: 'inverse', settle: 'BTC', lotSize: '1', multiplier: '10', tickSize: '0.5' },
  { ...perp, quote: 'USD', venue: 'deribit', kind: 'future', payoff: 'inverse', settle: 'BTC', lotSize: '1', multiplier: '10', tickSize: '0.5', expiry: '2026-03-27' },
  coins,
  { ...coins, right: 'put', strike: '88000' },
  { ...perp, base: 'ETH' },
  { ...perp, base: 'ETH', kind: 'option', lotSize: '1', expiry: '2026-01-30', strike: '3100', right: 'put' },
] // biome-ignore format: one instrument a line
const [SPOT, PERP, INVERSE, FUTURE, CALL, PUT, ETH, ETH_PUT] = [0, 1, 2, 3, 4, 5, 6, 7]

function run(
  settings: BookOfRunSettings = {},
  cash: Record<string, number> = { USDC: 1_000_000, BTC: 20 },
  specs = SPECS,
) {
  const universe = new Universe(specs.map((spec) => new Instrument(spec)))
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const ledger = new Ledger(universe, markets, cash)
  const batch = new TapeBatch(8)
  let nowUs = START_US
  const hear = (instrument: number, rows: [kind: number, value: number, lots?: number][]) => {
    batch.count = 0
    rows.forEach(([kind, value, lots = 0], i) => {
      batch.push(nowUs, nowUs, kind, instrument, 0, 0, lots, value, i === rows.length - 1 ? Flag.END : 0)
      markets[instrument]!.apply(batch, i, nowUs)
    })
  }
  let fillId = 0
  const trade = (instrument: number, signedLots: number, price: number, feeAtoms = 0) => {
    const tick = Math.max(1, Math.round(price / universe.at(instrument).ticks.size))
    const event: OrderEvent = {
      kind: 'filled', timeUs: nowUs, venueTimeUs: nowUs, orderId: 1, instrument, side: signedLots > 0 ? 1 : -1, tick,
      lots: Math.abs(signedLots), leavesLots: 0, feeAtoms, liquidity: 'taker', reason: '', fillId: ++fillId, queueAheadLots: -1,
    } // biome-ignore format: one event
    ledger.applyFill(event, Number.NaN)
  }
  const account = (event: Partial<AccountEvent>) =>
    ledger.applyAccount({
      kind: 'funding', timeUs: nowUs, venueTimeUs: nowUs, instrument: -1, side: 0, tick: 0, lots: 0, cashAtoms: 0, currency: 'USDC', ...event,
    }) // biome-ignore format: one event
  const book = new BookOfRun(universe, ledger, (i) => markets[i]!, settings)
  return {
    universe, markets, ledger, hear, trade, account, book,
    at: (timeUs: number) => {
      nowUs = timeUs
    },
    refresh: () => book.refresh(nowUs),
  } // biome-ignore format: what a test needs
}

/** Says what a venue says of an option: its mark on the grid of its prices, its volatility to four decimals. */
function quoteOption(
  desk: ReturnType<typeof run>,
  index: number,
  volatility: number,
  spot: number,
  nowUs: number,
): number {
  const { strike, expiryUs, right, settle, ticks } = desk.universe.at(index)
  const forward = spot * (1 + (0.03 * (expiryUs - nowUs)) / (365 * DAY_US))
  const years = (expiryUs - nowUs) / (365 * DAY_US)
  const price = black76Price({ right: right === 'put' ? -1 : 1, forward, strike, years, volatility })
  const exact = settle === 'BTC' ? price / forward : price
  const mark = Math.max(ticks.size, Math.round(exact / ticks.size) * ticks.size)
  desk.hear(index, [
    [Kind.MARK, mark],
    [Kind.IMPLIED_VOLATILITY, Math.round(volatility * 1e4) / 1e4],
    [Kind.FORWARD, forward],
    [Kind.INDEX, spot],
  ])
  return mark
}

test('through a generated run the book is worth what the ledger says, to the atom, and money lies where it was made', () => {
  const opening = { hyperliquid: { USDC: 1_000_000 }, deribit: { BTC: 20 } }
  for (let seed = 1; seed <= 12; seed++) {
    const random = new Random(seed)
    const desk = run({ options: 'marks', openingCash: opening })
    let btc = 90_000
    let eth = 3_000
    let traded = 0
    for (let step = 0; step < 120; step++) {
      const nowUs = START_US + step * 0.08 * DAY_US
      desk.at(nowUs)
      btc *= Math.exp(0.01 * random.normal())
      eth *= Math.exp(0.012 * random.normal())
      const marks: number[] = []
      for (const [index, { kind, spec, expiryUs }] of desk.universe.instruments.entries()) {
        const spot = spec.base === 'BTC' ? btc : eth
        if (kind === 'option') marks[index] = quoteOption(desk, index, 0.45 + 0.1 * random.uniform(), spot, nowUs)
        else {
          marks[index] = spot * (1 + 0.001 * random.normal() + (kind === 'future' ? 0.01 : 0))
          desk.hear(index, [[Kind.MARK, marks[index]!]])
        }
        expect(expiryUs).toBeGreaterThan(nowUs)
      }
      for (let n = 0; n < 2; n++) {
        const index = random.integer(0, SPECS.length - 1)
        const slip = 1 + 0.002 * random.normal()
        desk.trade(
          index,
          random.integer(1, 40) * (random.uniform() < 0.5 ? 1 : -1),
          marks[index]! * slip,
          random.integer(-50, 900),
        )
        traded++
      }
      const funded = random.uniform() < 0.5 ? PERP! : INVERSE!
      if (desk.ledger.traded.includes(funded))
        desk.account({
          instrument: funded,
          cashAtoms: random.integer(-9_999, 9_999),
          currency: desk.universe.at(funded).settle,
        })
      desk.refresh()

      const { ledger, book } = desk
      // Each position's worth is rounded to whole atoms by the ledger and not by the book.
      const atoms = book.held.reduce((sum, i) => {
        const { settle } = desk.universe.at(i)
        return sum + 0.51 * (ledger.rate(settle) / atomsPerUnit(settle))
      }, 1e-9 * Math.abs(ledger.equity))
      expect(Math.abs(book.equity - ledger.equity)).toBeLessThan(atoms + 1e-5)
      expect(book.unpriced()).toEqual([])
      for (const { venue, balances } of book.book.accounts)
        if (venue === UNASSIGNED)
          for (const units of Object.values(balances)) expect(Math.abs(units)).toBeLessThan(1e-6)
      // Frozen, it is worth the same, and stays so.
      if (step % 40 === 0) {
        const frozen = book.freeze()
        expect(bookValue(frozen.book, frozen.view)).toBeCloseTo(book.equity, 6)
      }
    }
    expect(traded).toBe(240)
    expect(desk.book.held.length).toBeGreaterThan(6)
  }
})

describe('between two messages of a chain', () => {
  const desk = run()
  desk.hear(SPOT!, [[Kind.MARK, 90_000]])
  const mark = quoteOption(desk, CALL!, 0.5, 90_000, START_US)
  desk.trade(CALL!, 10, mark)
  desk.refresh()

  test('at the moment it was heard an option is worth its mark, to half a step of its price', () => {
    expect(desk.book.view.volatility('BTC', desk.universe.at(CALL!).expiryUs, 92_000)).toBe(0.5)
    expect(Math.abs(desk.book.equity - desk.ledger.equity)).toBeLessThan(0.5 * 0.0001 * 90_000)
  })

  test('its delta follows the spot, and its time runs', () => {
    const before = desk.book.greeks('BTC', 'deribit')
    desk.at(START_US + DAY_US)
    desk.hear(SPOT!, [[Kind.MARK, 95_000]])
    desk.refresh()
    const after = desk.book.greeks('BTC', 'deribit')
    expect(before.delta - 20).toBeCloseTo(0.4, 0)
    expect(after.delta).toBeGreaterThan(before.delta + 0.2)
    const { forward } = desk.markets[CALL!]!
    expect(desk.book.view.forward('BTC', desk.universe.at(CALL!).expiryUs)).toBeCloseTo((forward * 95_000) / 90_000, 8)
    // Gamma and the passing of time against the same formula at the moved forward.
    const years = (desk.universe.at(CALL!).expiryUs - START_US - DAY_US) / (365 * DAY_US)
    const price = black76Price({
      right: 1,
      forward: (forward * 95_000) / 90_000,
      strike: 92_000,
      years,
      volatility: 0.5,
    })
    const worth = desk.book.positionGreeks(CALL!).value + mark * 95_000
    expect(worth).toBeCloseTo((price * 90_000) / forward, 6)
  })

  test('an option silent for longer than allowed is unpriced, by name, and makes the delta of its asset a NaN', () => {
    const stale = new BookOfRun(desk.universe, desk.ledger, (i) => desk.markets[i]!, { optionsStaleUs: 3_600e6 })
    stale.refresh(START_US + DAY_US)
    expect(stale.unpriced()).toMatchObject([
      {
        instrument: CALL,
        name: 'BTC-USD-OPTION-20260116-92000-C@deribit',
        missing: ['volatility of BTC 2026-01-16 92000'],
      },
    ])
    expect(stale.greeks('BTC').delta).toBeNaN()
    expect(stale.greeks('USDC').delta).toBe(1_000_000)
  })
})

describe('what was heard', () => {
  test('a volatility nobody gave is read off the mark; with neither the option is unpriced', () => {
    const desk = run()
    desk.hear(SPOT!, [[Kind.MARK, 90_000]])
    const forward = 90_500
    const years = (desk.universe.at(PUT!).expiryUs - START_US) / (365 * DAY_US)
    const mark = black76Price({ right: -1, forward, strike: 88_000, years, volatility: 0.6 }) / forward
    desk.hear(PUT!, [[Kind.MARK, mark], [Kind.FORWARD, forward], [Kind.INDEX, 90_000]]) // biome-ignore format: rows
    desk.trade(PUT!, -5, mark)
    desk.refresh()
    const { view } = desk.book
    expect(view.volatility('BTC', desk.universe.at(PUT!).expiryUs, 88_000)).toBeCloseTo(0.6, 10)
    desk.hear(CALL!, [[Kind.INDEX, 90_000]])
    desk.trade(CALL!, 1, 0.01)
    desk.refresh()
    expect(desk.book.unpriced().map(({ missing }) => missing)).toEqual([
      ['forward of BTC 2026-01-16', 'volatility of BTC 2026-01-16 92000'],
    ])
  })

  test('with no market for the coin its price is the index heard with its options', () => {
    const desk = run()
    const mark = quoteOption(desk, CALL!, 0.5, 91_000, START_US)
    expect(desk.refresh().view.spot('BTC')).toBeNaN()
    desk.trade(CALL!, 10, mark)
    expect(desk.refresh().view.spot('BTC')).toBe(91_000)
  })

  test('funding is the forecast until it is due, then the last rate, a day', () => {
    const desk = run()
    desk.hear(PERP!, [[Kind.MARK, 90_000], [Kind.FUNDING, 0.0001, 3_600e6], [Kind.FUNDING_FORECAST, 0.0002, 3_600e6]]) // biome-ignore format: rows
    const { view } = desk.refresh()
    expect(view.fundingPerDay('hyperliquid', 'BTC')).toBeCloseTo(0.0048, 12)
    desk.at(START_US + 2 * 3_600e6)
    desk.refresh()
    expect(view.fundingPerDay('hyperliquid', 'BTC')).toBeCloseTo(0.0024, 12)
    expect(view.fundingPerDay('deribit', 'BTC')).toBe(0)
  })
})

test('money no venue can claim lies apart, and all of it is counted', () => {
  const desk = run({}, { USDC: 1_000, BTC: 2, DAI: 50 })
  desk.hear(SPOT!, [[Kind.MARK, 90_000]])
  desk.account({ kind: 'transfer', cashAtoms: 5_000_000, currency: 'USDC' })
  const { accounts } = desk.refresh().book
  expect(accounts.map(({ venue, balances }) => [venue, balances])).toEqual([
    ['hyperliquid', { USDC: 1_005 }],
    ['deribit', { BTC: 2 }],
    [UNASSIGNED, { DAI: 50 }],
  ])
  expect(desk.book.equity).toBe(desk.ledger.equity)
})

test('two venues in one coin each keep what they began with, their profits, fees and funding', () => {
  const specs = [perp, { ...perp, venue: 'derive' }]
  const desk = run({ openingCash: { hyperliquid: { USDC: 600 }, derive: { USDC: 300 } } }, { USDC: 1_000 }, specs)
  desk.hear(0, [[Kind.MARK, 90_000]])
  desk.hear(1, [[Kind.MARK, 90_000]])
  desk.trade(0, 10, 90_000, 2_000_000)
  desk.trade(0, -10, 91_000, 1_000_000)
  desk.trade(1, -10, 90_000)
  desk.account({ instrument: 1, cashAtoms: 7_000_000 })
  const { accounts } = desk.refresh().book
  // 0.01 bitcoins gained a thousand each; what nobody claimed at the start lies apart.
  expect(accounts.map(({ venue, balances }) => [venue, balances])).toEqual([
    ['hyperliquid', { USDC: 607 }],
    ['derive', { USDC: 307 }],
    [UNASSIGNED, { USDC: 100 }],
  ])
  expect(desk.book.equity).toBeCloseTo(desk.ledger.equity, 9)
})

test('a short future and spot of the same coin cancel, across venues', () => {
  const desk = run()
  desk.hear(SPOT!, [[Kind.MARK, 90_000]])
  desk.hear(FUTURE!, [[Kind.MARK, 91_000]])
  desk.hear(ETH!, [[Kind.MARK, 3_000]])
  desk.trade(SPOT!, 100_000, 90_000)
  desk.trade(FUTURE!, -9_100, 91_000)
  desk.trade(ETH!, 1_000, 3_000)
  desk.refresh()
  expect(desk.book.greeks('BTC', 'hyperliquid').delta).toBeCloseTo(1, 12)
  expect(desk.book.greeks('BTC').delta).toBeCloseTo(20 + 1 - 1, 12)
  expect(desk.book.greeks('ETH').delta).toBeCloseTo(1, 12)
  expect(desk.book.held).toEqual([SPOT, FUTURE, ETH])
  desk.trade(FUTURE!, 9_100, 91_000)
  desk.refresh()
  expect(desk.book.held).toEqual([SPOT, ETH])
  expect(desk.book.book.accounts[1]!.positions).toEqual([])
  expect(ETH_PUT).toBe(7)
})
