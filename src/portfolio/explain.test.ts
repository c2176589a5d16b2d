/**
 * Goal: a day's profit falls apart into causes that add up to it exactly, and what nobody can explain is small and shown.
 * Method: hand-worked days of one cause each; random books, trades, flows and moves, whose parts must sum to the change of worth
 * reckoned by `bookValue`; residuals of start, end and both-ended Greeks compared over the same random days.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import type { Book, FuturePosition, OptionPosition, PoolPosition, Position } from './book.ts'
import { type ExplainRequest, explainProfit, noProfit, type ProfitParts, type Trade } from './explain.ts'
import { type MarketFacts, SnapshotView } from './marketView.ts'
import { bookValue } from './valuation.ts'

const DAY_US = 86_400e6
const NOW_US = Date.UTC(2026, 0, 15) * 1000
const FACTS: MarketFacts = {
  timeUs: NOW_US,
  spot: { BTC: 90_000, ETH: 3_000, USDC: 1 },
  volatility: { BTC: 0.5, ETH: 0.7 },
  basis: { BTC: 0.06, ETH: 0.03 },
  perpetual: { 'venue BTC': 90_040, 'venue ETH': 2_998 },
  dollarRate: 0.04,
}
const market = (facts: Partial<MarketFacts> = {}) => new SnapshotView({ ...FACTS, ...facts })
const later = (facts: Partial<MarketFacts> = {}) => market({ timeUs: NOW_US + DAY_US, ...facts })
const holding = (...positions: Position[]): Book => ({
  accounts: [{ venue: 'venue', balances: {}, positions }],
  inTransit: [],
})
const perp: FuturePosition = { kind: 'perp', asset: 'BTC', size: 2, payoff: 'linear', entry: 80_000, settle: 'USDC' }
const call: OptionPosition = {
  kind: 'option',
  asset: 'BTC',
  size: 10,
  right: 1,
  strike: 92_000,
  expiryUs: NOW_US + 15 * DAY_US,
  settle: 'USDC',
}
/** Parts that are not zero, to a millionth of a dollar. */
const told = (parts: ProfitParts) =>
  Object.fromEntries(
    Object.entries(parts)
      .map(([name, part]) => [name, Math.round(part * 1e6) / 1e6])
      .filter(([, part]) => part !== 0),
  )

describe('one cause at a time', () => {
  test('a perpetual that moves against spot earns the spot as delta and the rest as basis, and nothing is left over', () => {
    const to = later({ spot: { BTC: 91_000, ETH: 3_000 }, perpetual: { 'venue BTC': 91_140 } })
    const explained = explainProfit({ book: holding(perp), from: market(), to })
    expect(explained.profit).toBeCloseTo(2 * 1_100, 8)
    const ratio = (90_040 / 90_000 + 91_140 / 91_000) / 2
    expect(told(explained.parts)).toEqual({
      delta: Math.round(2e6 * 1_000 * ratio) / 1e6,
      basis: Math.round(1e6 * (2_200 - 2_000 * ratio)) / 1e6,
    })
    expect(explained.residualShare).toBe(0)
  })

  test('coins in the balance and on their way earn their price', () => {
    const book: Book = {
      accounts: [{ venue: 'venue', balances: { BTC: 1, USDC: 500, ETH: 0 }, positions: [] }],
      inTransit: [{ from: 'a', to: 'b', currency: 'ETH', units: 3, arrivesUs: 0 }],
    }
    const explained = explainProfit({ book, from: market(), to: later({ spot: { BTC: 91_000, ETH: 2_900 } }) })
    expect(told(explained.parts)).toEqual({ delta: 1_000 - 300 })
    expect(explained.assets.map(({ asset, profit }) => [asset, profit])).toEqual([
      ['BTC', 1_000],
      ['ETH', -300],
    ])
  })

  test('funding, fees, interest and slippage are counted at the market of their moment, deposits are no profit', () => {
    const at = market({
      timeUs: NOW_US + DAY_US / 2,
      spot: { BTC: 90_500, ETH: 3_000 },
      perpetual: { 'venue BTC': 90_500 },
    })
    const to = later({ perpetual: { 'venue BTC': 90_040 } })
    const sold: Trade = {
      account: 0,
      // Sold a dollar under the mark; the rest of the day it falls 460.
      position: { ...perp, size: -2, entry: 90_499 },
      fee: { currency: 'USDC', units: 30 },
      at,
    }
    const explained = explainProfit({
      book: holding(perp),
      from: market(),
      to,
      trades: [sold],
      flows: [
        { account: 0, kind: 'funding', currency: 'USDC', units: -12, at, position: perp },
        { account: 0, kind: 'carry', currency: 'BTC', units: 0.001, at },
        { account: 0, kind: 'deposit', currency: 'USDC', units: 10_000, at },
      ],
    })
    expect(explained.parts.trading).toBeCloseTo(-2, 9)
    expect(explained.parts.fees).toBe(-30)
    expect(explained.parts.funding).toBe(-12)
    expect(explained.parts.carry).toBeCloseTo(90.5, 9)
    expect(explained.deposits).toBe(10_000)
    // Bought back at the mark's height of noon: the long lost nothing, the short won the afternoon.
    expect(explained.profit).toBeCloseTo(2 * (90_499 - 90_040) - 30 - 12 + 0.001 * 90_000, 7)
    expect(explained.assets.find(({ asset }) => asset === 'BTC')!.parts.funding).toBe(-12)
  })

  test('a coin bought above its price is slippage, then delta', () => {
    const at = market({ timeUs: NOW_US + 1 })
    const trades = [{ account: 0, paid: { BTC: 1, USDC: -90_050 }, at }]
    const explained = explainProfit({
      book: holding(),
      from: market(),
      to: later({ spot: { BTC: 90_300, ETH: 1 } }),
      trades,
    })
    expect(told(explained.parts)).toEqual({ trading: -50, delta: 300 })
  })

  test.each([
    ['time', { spot: FACTS.spot }, ['theta']],
    ['volatility', { timeUs: NOW_US, volatility: { BTC: 0.52 } }, ['vega', 'volga']],
    ['spot', { timeUs: NOW_US, spot: { BTC: 91_500, ETH: 3_000 } }, ['delta', 'gamma']],
    ['the rate', { timeUs: NOW_US, dollarRate: 0.05 }, ['rho']],
    ['the forward', { timeUs: NOW_US, basis: { BTC: 0.08 } }, ['basis']],
  ] as [string, Partial<MarketFacts>, string[]][])(
    'when only %s moves an option earns by nothing else',
    (what, facts, names) => {
      // With time the forward's distance runs off too; held still here, so that only time moves.
      const basis = what === 'time' ? { BTC: (0.06 * 15) / 14 } : FACTS.basis!
      const explained = explainProfit({ book: holding(call), from: market(), to: later({ basis, ...facts }) })
      expect(Object.keys(told({ ...explained.parts, residual: 0 })).sort()).toEqual(names.sort())
      expect(explained.residualShare).toBeLessThan(0.003)
    },
  )
})

describe('an option that expires within the day', () => {
  const straddle = (['USDC', 'BTC'] as const).flatMap((settle) =>
    ([1, -1] as const).map(
      (right): OptionPosition => ({
        ...call,
        right,
        settle,
        strike: 90_000,
        expiryUs: NOW_US + DAY_US / 2,
        entry: settle === 'BTC' ? 0.01 : 900,
      }),
    ),
  )

  test('goes to its payoff: its time value is theta, its delta that of the start, gamma the rest, and nothing is left over', () => {
    const to = later({ spot: { BTC: 93_000, ETH: 3_000 } })
    for (const position of straddle) {
      const book = holding(position)
      const explained = explainProfit({ book, from: market(), to })
      expect(explained.profit).toBeCloseTo(bookValue(book, to) - bookValue(book, market()), 6)
      expect(explained.parts.residual).toBe(0)
      expect(explained.parts.theta).toBeLessThan(0)
      expect(explained.parts.gamma).toBeGreaterThan(10_000)
    }
  })

  test('a venue that settles two options of one expiry at what it last heard with each is believed of each', () => {
    const expiryUs = NOW_US + DAY_US / 2
    const each = (instrument: string): OptionPosition => ({ ...call, strike: 90_000, expiryUs, instrument, entry: 0 })
    const prices: Record<string, number> = { heard: 91_000, silent: 90_400 }
    const explained = explainProfit({
      book: holding(each('heard'), each('silent')),
      from: market(),
      to: later(),
      settlement: (_asset, _expiryUs, instrument) => prices[instrument!],
    })
    expect(explained.valueAfter).toBeCloseTo(10 * (1_000 + 400), 8)
  })

  test('is cash from the first market at or after its expiry on, and a settlement price goes before that', () => {
    const noon = market({ timeUs: NOW_US + DAY_US / 2, spot: { BTC: 91_000, ETH: 3_000 } })
    const to = later({ spot: { BTC: 95_000, ETH: 3_000 } })
    const [dollars, , coins] = straddle as [OptionPosition, OptionPosition, OptionPosition]
    const settledAt = (position: OptionPosition, price?: number) =>
      explainProfit({ book: holding(position), from: market(), to, through: [noon], settlement: () => price })
        .valueAfter
    expect(settledAt(dollars)).toBeCloseTo(10 * (1_000 - 900), 8)
    expect(settledAt(dollars, 90_800)).toBeCloseTo(10 * (800 - 900), 8)
    // Coins paid at noon are worth the evening's price.
    expect(settledAt(coins)).toBeCloseTo(10 * (1_000 / 91_000 - 0.01) * 95_000, 8)
    expect(settledAt(coins, 90_800)).toBeCloseTo(10 * (800 / 90_800 - 0.01) * 95_000, 8)
  })

  test('a future settles like it', () => {
    const future: FuturePosition = { ...perp, kind: 'future', expiryUs: NOW_US + DAY_US / 2 }
    const noon = market({ timeUs: NOW_US + DAY_US / 2, spot: { BTC: 91_000, ETH: 3_000 } })
    const to = later({ spot: { BTC: 95_000, ETH: 3_000 } })
    const explained = explainProfit({ book: holding(future), from: market(), to, through: [noon] })
    expect(explained.valueAfter).toBeCloseTo(2 * 11_000, 8)
    expect(explained.parts.residual).toBe(0)
  })
})

/** A book of everything, and a day in which everything moves by about one deviation times `size`. */
function randomDay(seed: number, size: number): ExplainRequest {
  const random = new Random(seed)
  const pick = <T>(...of: T[]): T => of[random.integer(0, of.length - 1)]!
  const sign = () => pick(1 as const, -1 as const)
  const facts = (timeUs: number, move: number): MarketFacts => {
    const jolt = (deviation: number) => Math.exp(move * deviation * random.normal())
    const spot = { BTC: 90_000 * jolt(0.03), ETH: 3_000 * jolt(0.04), USDC: jolt(0.0005) }
    return {
      timeUs,
      spot,
      volatility: { BTC: 0.5 * jolt(0.05), ETH: 0.7 * jolt(0.05) },
      basis: { BTC: 0.06 * jolt(0.1), ETH: 0.03 * jolt(0.1) },
      perpetual: { 'venue BTC': spot.BTC * jolt(0.0005), 'venue ETH': spot.ETH * jolt(0.0005) },
      dollarRate: 0.04 * jolt(0.01),
    }
  }
  const option = (): OptionPosition => {
    const asset = pick('BTC', 'ETH')
    const spot = FACTS.spot[asset]!
    const days = 4 + 60 * random.uniform()
    const inCoin = random.uniform() < 0.5
    return {
      kind: 'option',
      asset,
      size: sign() * (1 + 9 * random.uniform()) * (90_000 / spot),
      right: sign(),
      strike: spot * Math.exp(0.5 * Math.sqrt(days / 365) * random.normal()),
      expiryUs: NOW_US + days * DAY_US,
      settle: inCoin ? asset : 'USDC',
      ...(random.uniform() < 0.5 ? {} : { entry: inCoin ? 0.03 : 0.03 * spot }),
    }
  }
  const future = (): FuturePosition => {
    const asset = pick('BTC', 'ETH')
    const payoff = pick('linear' as const, 'inverse' as const)
    const entry = FACTS.spot[asset]! * (0.9 + 0.2 * random.uniform())
    const size = sign() * 100_000 * (payoff === 'linear' ? 1 / entry : 1)
    const settle = payoff === 'linear' ? 'USDC' : asset
    const kind = pick('perp' as const, 'future' as const)
    return { kind, asset, size, payoff, entry, settle, expiryUs: NOW_US + 40 * DAY_US }
  }
  const pool = (): PoolPosition => {
    const range = pick([0, Number.POSITIVE_INFINITY], [0.5, 2])
    return {
      kind: 'pool',
      asset: 'ETH',
      liquidity: 1_000,
      quote: 'USDC',
      lower: 3_000 * range[0]!,
      upper: 3_000 * range[1]!,
    }
  }
  const book: Book = {
    accounts: [
      {
        venue: 'venue',
        balances: { USDC: 10_000, BTC: 1 },
        positions: [...Array.from({ length: 6 }, option), future(), future(), pool()],
      },
      {
        venue: 'lender',
        balances: {},
        positions: [
          { kind: 'supply', asset: 'ETH', amount: 20, rate: 0.02 },
          { kind: 'debt', asset: 'USDC', amount: 20_000, rate: 0.05 },
          { kind: 'power', asset: 'ETH', size: 10, scale: 1e-4, normalisation: 0.6, entry: 500, settle: 'USDC' },
        ],
      },
    ],
    inTransit: [],
  }
  const noon = new SnapshotView(facts(NOW_US + 0.4 * DAY_US, size))
  return {
    book,
    from: new SnapshotView(facts(NOW_US, 0)),
    to: new SnapshotView(facts(NOW_US + size * DAY_US, size)),
    trades:
      size < 0.5
        ? []
        : [
            {
              account: 0,
              position: option(),
              paid: { USDC: -1_234, BTC: 0.01 },
              fee: { currency: 'BTC', units: 0.0003 },
              at: noon,
            },
            { account: 1, paid: { ETH: 2, USDC: -6_000 }, at: noon },
          ],
    flows:
      size < 0.5
        ? []
        : [
            { account: 0, kind: 'funding', currency: 'BTC', units: 0.002, at: noon },
            { account: 1, kind: 'deposit', currency: 'ETH', units: -1, at: noon },
          ],
  }
}

/** The book with everything added that was told. */
function settledBook({ book, trades = [], flows = [] }: ExplainRequest): Book {
  const accounts = book.accounts.map(({ venue, balances, positions }) => ({
    venue,
    balances: { ...balances } as Record<string, number>,
    positions: [...positions],
  }))
  const credit = (account: number, currency: string, units: number) => {
    const { balances } = accounts[account]!
    balances[currency] = (balances[currency] ?? 0) + units
  }
  for (const { account, position, paid = {}, fee } of trades) {
    if (position) accounts[account]!.positions.push(position)
    for (const [currency, units] of Object.entries(paid)) credit(account, currency, units)
    if (fee) credit(account, fee.currency, -fee.units)
  }
  for (const { account, currency, units } of flows) credit(account, currency, units)
  return { accounts, inTransit: book.inTransit }
}

test('parts add up to the change of worth, whatever is held, traded and paid, and however it is cut', () => {
  const cases = fc.record({
    seed: fc.integer({ min: 1, max: 1e6 }),
    method: fc.constantFrom('start', 'end', 'average'),
    cuts: fc.integer({ min: 0, max: 3 }),
  })
  fc.assert(
    fc.property(cases, ({ seed, method, cuts }) => {
      const request = randomDay(seed, 1)
      const through = Array.from({ length: cuts }, (_, i) => {
        const random = randomDay(seed * 7 + i, 1)
        return new SnapshotView({ ...(random.to as SnapshotView).facts, timeUs: NOW_US + 0.25 * (i + 1) * DAY_US })
      })
      const after = settledBook(request)
      const explained = explainProfit({ ...request, through, greeks: method as 'start', after })
      const change = bookValue(after, request.to) - bookValue(request.book, request.from)
      expect(explained.unpriced).toEqual([])
      expect(explained.profit).toBeCloseTo(change - explained.deposits, 5)
      expect(explained.parts.unbooked).toBeCloseTo(0, 5)
      const sum = (parts: ProfitParts) => Object.values(parts).reduce((a, b) => a + b, 0)
      expect(sum(explained.parts)).toBeCloseTo(explained.profit, 5)
      const byAsset = explained.assets.reduce((total, { parts }) => total + sum(parts), 0)
      const byPosition = explained.positions.reduce((total, { profit }) => total + profit, 0)
      expect(byAsset).toBeCloseTo(explained.profit, 5)
      expect(byPosition).toBeCloseTo(explained.profit, 5)
    }),
    { numRuns: 60 },
  )
})

test('both ends leave least unexplained, and a smaller step less again', () => {
  const shares = (method: 'start' | 'end' | 'average', size: number) => {
    const all = Array.from({ length: 200 }, (_, seed) =>
      explainProfit({ ...randomDay(seed + 1, size), greeks: method }),
    )
    all.sort((a, b) => a.residualShare - b.residualShare)
    return { median: all[100]!.residualShare, worst: all[190]!.residualShare }
  }
  const [start, end, average, quarter] = [
    shares('start', 1),
    shares('end', 1),
    shares('average', 1),
    shares('average', 0.25),
  ]
  expect(average.median).toBeLessThan(start.median / 5)
  expect(average.median).toBeLessThan(end.median / 5)
  expect(average.worst).toBeLessThan(0.02)
  expect(quarter.median).toBeLessThan(average.median / 2)
})

describe('what cannot be explained', () => {
  test('an option without volatility at one end is named, in no sum, and the rest still adds up', () => {
    const to = later({ volatility: { ETH: 0.7 }, perpetual: { 'venue BTC': 91_000 } })
    const explained = explainProfit({ book: holding(call, perp), from: market(), to })
    expect(explained.unpriced).toEqual([
      { name: 'BTC 2026-01-30 92000 call', account: 0, missing: ['volatility of BTC 2026-01-30 92000'] },
    ])
    expect(explained.profit).toBeCloseTo(2 * 960, 8)
    const before = explainProfit({ book: holding(call, perp), from: to, to: later({ timeUs: NOW_US + 2 * DAY_US }) })
    expect(before.unpriced).toHaveLength(1)
    expect(before.profit).toBeCloseTo(-2 * 960, 8)
  })

  test('worth nobody told of is unbooked, not residual', () => {
    const after = holding({ ...perp, size: 3 })
    const explained = explainProfit({ book: holding(perp), from: market(), to: later(), after })
    expect(told(explained.parts)).toEqual({ unbooked: 10_040 })
  })

  test('markets out of order and events outside them are refused', () => {
    const book = holding(perp)
    const refused = expect.objectContaining({ code: 'argument-invalid' })
    expect(() => explainProfit({ book, from: later(), to: market() })).toThrow(refused)
    expect(() =>
      explainProfit({
        book,
        from: market(),
        to: later(),
        trades: [{ account: 0, at: later({ timeUs: NOW_US + 2 * DAY_US }) }],
      }),
    ).toThrow(refused)
    expect(() => explainProfit({ book, from: market(), to: later(), trades: [{ account: 1, at: market() }] })).toThrow(
      refused,
    )
  })

  test('a book that does nothing explains nothing', () => {
    const explained = explainProfit({ book: holding(), from: market(), to: later() })
    expect(explained).toMatchObject({ profit: 0, gross: 0, residualShare: 0, parts: noProfit(), positions: [] })
  })
})

test('a power perpetual whose market grows wilder is explained by its vega', () => {
  const power: Position = {
    kind: 'power', asset: 'ETH', size: 10, scale: 1e-4, normalisation: 0.6, entry: 500, settle: 'USDC',
  } // biome-ignore format: a table row
  const book: Book = { accounts: [{ venue: 'chain', balances: {}, positions: [power] }], inTransit: [] }
  const at = (timeUs: number, ETH: number, volatility: number) =>
    new SnapshotView({ timeUs, spot: { ETH }, volatility: { ETH: volatility } })
  const { parts, profit, residualShare } = explainProfit({ book, from: at(0, 3_000, 0.6), to: at(DAY_US, 3_100, 0.9) })
  expect(parts.vega).toBeGreaterThan(0.01 * profit)
  expect(parts.delta).toBeGreaterThan(parts.vega)
  expect(residualShare).toBeLessThan(0.001)
})
