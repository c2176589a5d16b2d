/**
 * Goal: what is held is worth what its contract pays, in dollars, whatever it settles in.
 * Method: a case worked by hand for every kind of position, with a dollar coin off its peg so that every conversion shows; then
 * properties: worth adds up, nothing is worth nothing, a hedge of identical legs is worth what was locked in, at any price.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import type { Book, FuturePosition, OptionPosition, PoolPosition, Position } from './book.ts'
import { type MarketFacts, type MarketView, ShiftedView, SnapshotView } from './marketView.ts'
import { accountValue, bookValue, futureMark, optionDollars, poolAmounts, positionValue } from './valuation.ts'

const DAY_US = 86_400e6
const NOW_US = Date.UTC(2026, 0, 15) * 1000
const FACTS: MarketFacts = {
  timeUs: NOW_US,
  spot: { BTC: 100_000, ETH: 4_000, USDC: 0.99 },
  volatility: { BTC: 0.5 },
  basis: { BTC: 0.1 },
  perpetual: { 'hyperliquid BTC': 100_100 },
  dollarRate: 0,
}
const market = new SnapshotView(FACTS)
const worth = (position: Position, at: MarketView = market) => positionValue(position, 'hyperliquid', at)

const perp: FuturePosition = { kind: 'perp', asset: 'BTC', size: 2, payoff: 'linear', entry: 99_000, settle: 'USDC' }
const inverse: FuturePosition = { ...perp, payoff: 'inverse', size: 100_000, entry: 80_000, settle: 'BTC' }
const option: OptionPosition = {
  kind: 'option',
  asset: 'BTC',
  size: 3,
  right: 1,
  strike: 90_000,
  expiryUs: NOW_US,
  settle: 'USDC',
}
const pool: PoolPosition = {
  kind: 'pool',
  asset: 'ETH',
  liquidity: 10,
  quote: 'USDT',
  lower: 0,
  upper: Number.POSITIVE_INFINITY,
}

describe('by hand', () => {
  test('a linear perpetual owes its move since entry in the coin it settles in', () => {
    expect(worth(perp)).toBeCloseTo(2 * 1_100 * 0.99, 9)
    expect(worth({ ...perp, size: -2 })).toBeCloseTo(-2 * 1_100 * 0.99, 9)
  })

  test('a linear perpetual backed by coins owes dollars, whatever its coin is worth', () => {
    expect(worth({ ...perp, settle: 'BTC' })).toBeCloseTo(2 * 1_100, 9)
    expect(worth({ ...perp, settle: 'ETH', isolatedMargin: 3 })).toBeCloseTo(2 * 1_100, 9)
  })

  test('an inverse perpetual owes coins: a hundred thousand dollars from 80,000 to 100,100 are 0.2510 bitcoins', () => {
    expect(worth(inverse)).toBeCloseTo((1.25 - 100_000 / 100_100) * 100_000, 8)
  })

  test('a dated future is worth its forward, and the spot once it has expired', () => {
    const future: FuturePosition = { ...perp, kind: 'future', expiryUs: NOW_US + 73 * DAY_US }
    expect(futureMark(future, 'any', market)).toBeCloseTo(100_000 * Math.exp(0.02), 8)
    expect(futureMark({ ...future, expiryUs: NOW_US }, 'any', market)).toBe(100_000)
    expect(futureMark(future, 'any', new ShiftedView(market, { laterUs: 73 * DAY_US }))).toBe(100_000)
    expect(worth({ ...perp, kind: 'future' })).toBeNaN()
  })

  test('a call at the money forward is worth F (2N(σ√T/2) − 1), in dollar coins or in coins', () => {
    const years = 0.25
    const expiryUs = NOW_US + years * 365 * DAY_US
    const forward = 100_000 * Math.exp(0.025)
    // 2N(0.125) − 1 from tables.
    const price = forward * 0.09947644966
    const linear: OptionPosition = { ...option, size: 1, strike: forward, expiryUs }
    expect(worth(linear)).toBeCloseTo(price * 0.99, 3)
    // In coins the same premium is price / F coins, each worth the spot.
    expect(worth({ ...linear, settle: 'BTC' })).toBeCloseTo((price / forward) * 100_000, 3)
    // With the premium still owed, profit since: 0.05 coins paid, or 5,000 units of the dollar coin.
    expect(worth({ ...linear, settle: 'BTC', entry: 0.05 })).toBeCloseTo((price / forward - 0.05) * 100_000, 3)
    expect(worth({ ...linear, entry: 5_000 })).toBeCloseTo((price - 5_000) * 0.99, 3)
  })

  test('premiums in dollars are discounted, premiums in coins are not', () => {
    const expiryUs = NOW_US + 365 * DAY_US
    const lent = new SnapshotView({ ...FACTS, dollarRate: 0.05 })
    const year = { ...option, expiryUs }
    expect(optionDollars(year, lent) / optionDollars(year, market)).toBeCloseTo(Math.exp(-0.05), 12)
    expect(optionDollars({ ...year, settle: 'BTC' }, lent)).toBe(optionDollars({ ...year, settle: 'BTC' }, market))
  })

  test('an expired option is its exercise at the spot, in the coin it settles in', () => {
    expect(worth(option)).toBeCloseTo(3 * 10_000 * 0.99, 9)
    expect(worth({ ...option, settle: 'BTC' })).toBeCloseTo(3 * 10_000, 9)
    expect(worth({ ...option, settle: 'BTC', entry: 0.02 })).toBeCloseTo(3 * (10_000 - 2_000), 9)
    expect(worth({ ...option, right: -1 })).toBe(0)
  })

  test('a pool over all prices holds L/√p of one token and L√p of the other, and fees besides', () => {
    expect(poolAmounts(pool, 4_000).base).toBeCloseTo(10 / Math.sqrt(4_000), 14)
    expect(poolAmounts(pool, 4_000).quote).toBeCloseTo(10 * Math.sqrt(4_000), 11)
    expect(worth(pool)).toBeCloseTo(2 * 10 * Math.sqrt(4_000), 9)
    expect(worth({ ...pool, liquidity: -10, feesBase: 0.5, feesQuote: 7 })).toBeCloseTo(
      -20 * Math.sqrt(4_000) + 2_007,
      9,
    )
  })

  test('a pool in a range is all of one token below it, all of the other above, and both within', () => {
    const range = { ...pool, lower: 2_500, upper: 6_400 }
    expect(poolAmounts(range, 3_600).base).toBeCloseTo(10 * (1 / 60 - 1 / 80), 12)
    expect(poolAmounts(range, 3_600).quote).toBeCloseTo(10 * (60 - 50), 12)
    expect(poolAmounts(range, 1_000)).toEqual({ base: 10 * (1 / 50 - 1 / 80), quote: 0 })
    expect(poolAmounts(range, 9_000)).toEqual({ base: 0, quote: 10 * (80 - 50) })
  })

  test('a pool of two coins goes by their ratio', () => {
    const pair = { ...pool, quote: 'BTC', lower: 0.01, upper: 0.09 }
    // 0.04 bitcoins an ether: 10 (5 − 10/3) ether and 10 (0.2 − 0.1) bitcoins.
    expect(worth(pair)).toBeCloseTo(10 * (5 - 10 / 3) * 4_000 + 1 * 100_000, 6)
  })

  test('a power perpetual, a supply and a debt', () => {
    const power: Position = {
      kind: 'power',
      asset: 'ETH',
      size: 5,
      scale: 1e-4,
      normalisation: 0.5,
      entry: 700,
      settle: 'USDC',
    }
    // Without volatility its index; with 0.8 what a seller gets: e^(0.64 × 420 hours) above it. Unknown where the market knows none.
    const at = (ETH: number) => new SnapshotView({ ...FACTS, volatility: { ETH } })
    expect(worth(power, at(0))).toBeCloseTo(5 * (800 - 700) * 0.99, 9)
    expect(worth(power, at(0.8))).toBeCloseTo(5 * (800 * Math.exp((0.64 * 17.5) / 365) - 700) * 0.99, 9)
    expect(worth(power)).toBeNaN()
    expect(worth({ ...power, size: 0 })).toBe(0)
    expect(worth({ kind: 'supply', asset: 'ETH', amount: 2, rate: 0.1 })).toBe(8_000)
    expect(worth({ kind: 'debt', asset: 'USDC', amount: 1_000, rate: 0.1 })).toBe(-990)
  })

  test('an account is its balances, what is set aside, and its positions; a book also what is on its way', () => {
    const account = {
      venue: 'hyperliquid',
      balances: { USDC: 1_000, BTC: -0.1, DAI: 5 },
      positions: [{ ...perp, isolatedMargin: 500 }],
    }
    expect(accountValue(account, market)).toBeCloseTo(990 - 10_000 + 5 + 495 + 2_178, 8)
    const book: Book = {
      accounts: [account, account],
      inTransit: [{ from: 'a', to: 'b', currency: 'ETH', units: 2, arrivesUs: 0 }],
    }
    expect(bookValue(book, market)).toBeCloseTo(2 * (990 - 10_000 + 5 + 495 + 2_178) + 8_000, 8)
  })
})

describe('what is unknown', () => {
  const later = { ...option, expiryUs: NOW_US + DAY_US }
  test.each<[string, Position, Partial<MarketFacts>]>([
    ['without a volatility', later, { volatility: {} }],
    ['with a volatility that is no number', later, { volatility: { BTC: Number.POSITIVE_INFINITY } }],
    ['with a rate that is no number', later, { dollarRate: Number.NaN }],
    ['with a forward that is no number', later, { basis: { BTC: Number.NaN } }],
    ['settled in a third coin', { ...later, settle: 'ETH' }, {}],
    ['without a spot', { ...perp, asset: 'SOL' }, {}],
    ['without the other token', { ...pool, quote: 'PEPE' }, {}],
  ])('a position %s is not a number, and no error', (_, position, facts) => {
    expect(worth(position, new SnapshotView({ ...FACTS, ...facts }))).toBeNaN()
    const account = { venue: 'hyperliquid', balances: {}, positions: [position, perp] }
    expect(accountValue(account, new SnapshotView({ ...FACTS, ...facts }))).toBeNaN()
  })

  test('nothing of something is worth nothing at any price', () => {
    const blind = new SnapshotView({ timeUs: NOW_US, spot: {} })
    const nothing: Position[] = [
      { ...perp, size: 0 },
      { ...inverse, size: 0 },
      { ...later, size: 0 },
      { ...pool, liquidity: 0 },
      { kind: 'power', asset: 'ETH', size: 0, scale: 1, normalisation: 1, entry: 1, settle: 'USDC' },
      { kind: 'supply', asset: 'ETH', amount: 0, rate: 0 },
      { kind: 'debt', asset: 'ETH', amount: 0, rate: 0 },
    ]
    for (const position of nothing) expect(worth(position, blind)).toBe(0)
    const account = { venue: 'hyperliquid', balances: { SOL: 0 }, positions: nothing }
    expect(accountValue(account, blind)).toBe(0)
  })
})

describe('at any price', () => {
  const moved = fc
    .record({
      spot: fc.double({ min: 0.2, max: 4, noNaN: true }),
      volatility: fc.double({ min: 0.3, max: 3, noNaN: true }),
    })
    .map(
      ({ spot, volatility }) =>
        new ShiftedView(market, { spot: { BTC: spot }, volatility: { BTC: { factor: volatility } } }),
    )

  test('worth is in proportion to size and adds up', () => {
    const sizes = fc.tuple(
      moved,
      fc.double({ min: -9, max: 9, noNaN: true }),
      fc.double({ min: -9, max: 9, noNaN: true }),
    )
    fc.assert(
      fc.property(sizes, ([view, a, b]) => {
        const kinds: ((size: number) => Position)[] = [
          (size) => ({ ...perp, size }),
          (size) => ({ ...inverse, size }),
          (size) => ({ ...option, expiryUs: NOW_US + 9 * DAY_US, size }),
          (size) => ({ ...option, expiryUs: NOW_US + 9 * DAY_US, settle: 'BTC', entry: 0.1, size }),
          (size) => ({ ...pool, asset: 'BTC', lower: 90_000, upper: 120_000, liquidity: size }),
        ]
        for (const of of kinds) {
          const parts = worth(of(a), view) + worth(of(b), view)
          expect(Math.abs(worth(of(a + b), view) - parts)).toBeLessThan(1e-6)
        }
      }),
    )
  })

  test('a call less a put of one strike is a forward, in dollars and in coins', () => {
    fc.assert(
      fc.property(moved, fc.double({ min: 30_000, max: 300_000, noNaN: true }), (view, strike) => {
        const expiryUs = NOW_US + 60 * DAY_US
        for (const settle of ['USDC', 'BTC']) {
          const of = (right: 1 | -1) => optionDollars({ ...option, right, strike, expiryUs, settle }, view)
          const forward = view.forward('BTC', expiryUs)
          const parity = settle === 'USDC' ? (forward - strike) * 0.99 : (1 - strike / forward) * view.spot('BTC')
          expect(Math.abs(of(1) - of(-1) - parity)).toBeLessThan(1e-9 * 300_000)
        }
      }),
    )
  })

  test('an inverse perpetual short of its own collateral is dollars: what was locked in, at any price', () => {
    fc.assert(
      fc.property(moved, (view) => {
        // A coin put up at 80,000 against 80,000 dollars of short contracts at that price: 80,000 dollars, less the basis.
        const account = { venue: 'elsewhere', balances: { BTC: 1 }, positions: [{ ...inverse, size: -80_000 }] }
        expect(accountValue(account, view)).toBeCloseTo(80_000, 6)
      }),
    )
  })
})
