/**
 * Goal: a table of Greeks is the whole book, cut three ways, or says what is not in it.
 * Method: a hand-worked book over three venues; then random books, whose cuts must each add up to the same sums, to the book's
 * worth and to the slope of the book's worth; bands against hand-worked deltas.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Book, OptionPosition, Position } from './book.ts'
import type { CashGreeks } from './greeksTable.ts'
import { greeksTable } from './greeksTable.ts'
import { ShiftedView, SnapshotView } from './marketView.ts'
import { bookValue } from './valuation.ts'

const DAY_US = 86_400e6
const NOW_US = Date.UTC(2026, 0, 15) * 1000
const market = new SnapshotView({
  timeUs: NOW_US,
  spot: { BTC: 90_000, ETH: 3_000, USDC: 0.999 },
  volatility: { BTC: 0.5, ETH: 0.7 },
  basis: { BTC: 0.05 },
})
const call: OptionPosition = {
  kind: 'option',
  asset: 'BTC',
  size: 5,
  right: 1,
  strike: 90_000,
  expiryUs: NOW_US + 10 * DAY_US,
  settle: 'USDC',
}
const BOOK: Book = {
  accounts: [
    { venue: 'derive', balances: { USDC: 10_000 }, positions: [call, { ...call, right: -1, strike: 80_000 }, { ...call, size: -5, expiryUs: NOW_US + 40 * DAY_US, settle: 'BTC' }] },
    { venue: 'hyperliquid', balances: { USDC: 5_000 }, positions: [{ kind: 'perp', asset: 'BTC', size: -2, payoff: 'linear', entry: 85_000, settle: 'USDC', isolatedMargin: 1_000 }] },
    { venue: 'uniswap', balances: {}, positions: [{ kind: 'pool', asset: 'ETH', liquidity: 500, quote: 'BTC', lower: 0, upper: Number.POSITIVE_INFINITY }] },
    { venue: 'derive', balances: { BTC: 1 }, positions: [] },
  ],
  inTransit: [{ from: 'derive', to: 'hyperliquid', currency: 'USDC', units: 700, arrivesUs: NOW_US }],
} // biome-ignore format: an account a line
const rows = (all: readonly { greeks: CashGreeks }[], name: keyof CashGreeks) =>
  all.reduce((sum, { greeks }) => sum + greeks[name], 0)

test('the same book by asset, venue, account and bucket', () => {
  const table = greeksTable(BOOK, market)
  expect(table.unpriced).toEqual([])
  expect(table.assets.map(({ asset }) => asset)).toEqual(
    ['ETH', 'BTC', 'USDC'].sort(
      (a, b) => Math.abs(greeksOf(table, b).deltaDollars) - Math.abs(greeksOf(table, a).deltaDollars),
    ),
  )
  expect(table.venues.map(({ venue, asset }) => `${venue} ${asset}`)).toEqual([
    'derive USDC', 'derive BTC', 'hyperliquid USDC', 'hyperliquid BTC', 'uniswap ETH', 'uniswap BTC', 'derive to hyperliquid USDC',
  ]) // biome-ignore format: one list
  expect(
    table.accounts.filter(({ venue, asset }) => venue === 'derive' && asset === 'BTC').map(({ account }) => account),
  ).toEqual([0, 3])
  // A short perpetual of two coins, at par; a pool of two coins holds as much of one as of the other.
  const short = table.venues.find(({ venue, asset }) => venue === 'hyperliquid' && asset === 'BTC')!.greeks
  expect([short.delta, short.deltaDollars]).toEqual([-2 * 0.999, -180_000 * 0.999])
  const [eth, btc] = table.venues.filter(({ venue }) => venue === 'uniswap').map(({ greeks }) => greeks)
  expect(eth!.deltaDollars).toBeCloseTo(btc!.deltaDollars, 6)
  // 1 % up moves half of 1 % of the position from one coin to the other's account: −½ × 1 % × half of the worth.
  expect(eth!.gammaDollars).toBeCloseTo(-0.005 * eth!.deltaDollars, 6)
  expect(btc!.gammaDollars).toBeCloseTo(-0.005 * btc!.deltaDollars, 6)
  const usdc = greeksOf(table, 'USDC')
  expect(usdc.value).toBeCloseTo(0.999 * 16_700, 8)
  expect(table.total.value).toBeCloseTo(bookValue(BOOK, market), 6)
  expect(table.total.deltaDollars).toBeCloseTo(greeksOf(table, 'BTC').deltaDollars + eth!.deltaDollars, 6)
  expect(table.total.grossDeltaDollars).toBeGreaterThanOrEqual(Math.abs(table.total.deltaDollars))
})

function greeksOf(table: ReturnType<typeof greeksTable>, asset: string): CashGreeks {
  return table.assets.find((row) => row.asset === asset)!.greeks
}

const NAMES = [
  'value',
  'delta',
  'gamma',
  'vega',
  'theta',
  'rho',
  'vanna',
  'volga',
  'charm',
  'carry',
  'deltaDollars',
] as const

test('every cut of any book adds up to the same, and its deltas are the slope of its worth', () => {
  const size = fc.double({ min: -20, max: 20, noNaN: true })
  const asset = fc.constantFrom('BTC', 'ETH')
  const position = fc.oneof(
    fc.record({ asset, size, right: fc.constantFrom(1 as const, -1 as const), strikes: fc.double({ min: 0.8, max: 1.25, noNaN: true }), days: fc.integer({ min: -3, max: 60 }), inCoin: fc.boolean() }).map(
      ({ strikes, days, inCoin, ...held }): Position => ({
        kind: 'option',
        ...held,
        strike: Math.round(strikes * market.spot(held.asset)),
        expiryUs: NOW_US + days * DAY_US,
        settle: inCoin ? held.asset : 'USDC',
      }),
    ),
    fc.record({ asset, size }).map((held): Position => ({ kind: 'perp', payoff: 'linear', entry: 1_000, settle: 'USDC', ...held })),
    fc.record({ asset, amount: fc.double({ min: 0, max: 9, noNaN: true }) }).map((held): Position => ({ kind: 'debt', rate: 0.1, ...held })),
  ) // biome-ignore format: one kind each
  const account = fc.record({
    venue: fc.constantFrom('a', 'b'),
    balances: fc.dictionary(fc.constantFrom('BTC', 'USDC'), size),
    positions: fc.array(position, { maxLength: 6 }),
  })
  const settings = fc.constantFrom(
    {},
    { expiryDays: [0, 7, 30] },
    { strikes: { by: 'moneyness' as const, bounds: [-0.1, 0, 0.1] } },
    { strikes: { by: 'strike' as const } },
  )
  fc.assert(
    fc.property(fc.array(account, { maxLength: 4 }), settings, (accounts, buckets) => {
      const book: Book = { accounts, inTransit: [] }
      const table = greeksTable(book, market, buckets)
      for (const { asset: name, greeks } of table.assets) {
        const of = (all: readonly { asset: string; greeks: CashGreeks }[]) => all.filter((row) => row.asset === name)
        for (const figure of NAMES) {
          const scale =
            1e-9 * (1 + Math.abs(greeks[figure]) + 1e6 * Number(figure === 'value' || figure === 'deltaDollars'))
          for (const cut of [table.venues, table.accounts, table.buckets])
            expect(Math.abs(rows(of(cut), figure) - greeks[figure])).toBeLessThan(scale)
        }
        const moved = (factor: number) => bookValue(book, new ShiftedView(market, { spot: { [name]: factor } }))
        const step = 1e-4
        const slope = (moved(1 + step) - moved(1 - step)) / (2 * step * market.spot(name))
        expect(Math.abs(slope - greeks.delta)).toBeLessThan(1e-5 * (1 + accounts.length * 60))
      }
      expect(Math.abs(table.total.value - bookValue(book, market))).toBeLessThan(1e-3)
    }),
    { numRuns: 60 },
  )
})

describe('buckets', () => {
  const strip = (...options: OptionPosition[]): Book => ({
    accounts: [{ venue: 'v', balances: {}, positions: options }],
    inTransit: [],
  })
  const named = (book: Book, settings: Parameters<typeof greeksTable>[2] = {}) =>
    greeksTable(book, market, settings)
      .buckets.filter(({ asset }) => asset === 'BTC')
      .map(({ expiry, strike }) => [expiry, strike])

  test('of delta put a call and a put of one strike together: low strikes are deltas near one', () => {
    const put = { ...call, right: -1 as const }
    expect(named(strip(call, put))).toEqual([['2026-01-25', '0.45 to 0.55 Δ']])
    expect(named(strip({ ...put, strike: 70_000 }))).toEqual([['2026-01-25', 'from 0.9 Δ']])
    expect(named(strip({ ...call, strike: 120_000 }))).toEqual([['2026-01-25', 'below 0.1 Δ']])
    expect(named(strip({ ...call, strike: 80_000, expiryUs: NOW_US }))).toEqual([['2026-01-15', 'from 0.9 Δ']])
  })

  test('of moneyness, of strikes and of days go by what they are told, and come in order', () => {
    const book = strip(
      call,
      { ...call, strike: 100_000 },
      { ...call, expiryUs: NOW_US + 3 * DAY_US },
      { ...call, expiryUs: NOW_US + 90 * DAY_US },
    )
    const strikes = { by: 'moneyness', bounds: [0, 0.1] } as const
    expect(named(book, { expiryDays: [7, 30], strikes })).toEqual([
      ['up to 7 d', 'below 0%'],
      ['up to 30 d', 'below 0%'],
      ['up to 30 d', 'from 10%'],
      ['after 30 d', 'below 0%'],
    ])
    expect(named(book, { strikes: { by: 'strike' } }).slice(0, 3)).toEqual([
      ['2026-01-18', '90000'],
      ['2026-01-25', '90000'],
      ['2026-01-25', '100000'],
    ])
  })

  test.each([[{ expiryDays: [7, 7] }], [{ strikes: { by: 'delta', bounds: [0.5, 0.2] } as const }]])(
    'bounds that do not ascend are refused: %j',
    (settings) => {
      expect(() => greeksTable(BOOK, market, settings)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
    },
  )
})

test('what has no price is in no sum and is named with what is missing', () => {
  const blind = new SnapshotView({ timeUs: NOW_US, spot: { BTC: 90_000 }, basis: {} })
  const table = greeksTable(BOOK, blind)
  expect(table.unpriced.map(({ account, name, missing }) => [account, name, missing])).toEqual([
    [0, 'BTC 2026-01-25 90000 call', ['volatility of BTC 2026-01-25 90000']],
    [0, 'BTC 2026-01-25 80000 put', ['volatility of BTC 2026-01-25 80000']],
    [0, 'BTC 2026-02-24 90000 call', ['volatility of BTC 2026-02-24 90000']],
    [2, 'ETH/BTC pool 0 to Infinity', ['price of ETH']],
  ])
  expect(greeksOf(table, 'BTC').delta).toBe(-2 + 1)
  expect(table.assets.every(({ greeks }) => Object.values(greeks).every(Number.isFinite))).toBe(true)
})
