/**
 * Goal: the slopes we hedge by are the slopes of what we own.
 * Method: every figure of every kind of position against central differences of `positionValue` through `ShiftedView`, refined by
 * Richardson's extrapolation, over random positions and markets; the few surprising ones (an inverse perpetual has no dollar gamma)
 * by hand; unknown prices one at a time.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { powerPerpetual, SQUEETH } from '../pricing/powerPerpetual.ts'
import type { FuturePosition, OptionPosition, PoolPosition, Position, PowerPosition } from './book.ts'
import { positionName } from './book.ts'
import { type MarketFacts, type MarketView, type Shift, ShiftedView, SnapshotView } from './marketView.ts'
import { missingPrices, type PositionGreeks, positionGreeks } from './positionGreeks.ts'
import { positionValue } from './valuation.ts'

const DAY_US = 86_400e6
const NOW_US = Date.UTC(2026, 0, 15) * 1000
const FACTS: MarketFacts = {
  timeUs: NOW_US,
  spot: { BTC: 90_000, ETH: 3_000, USDC: 0.998 },
  volatility: { BTC: 0.5, ETH: 0.7 },
  basis: { BTC: 0.06, ETH: 0.03 },
  perpetual: { 'venue BTC': 90_040, 'venue ETH': 2_998 },
  fundingPerDay: { 'venue BTC': 0.0003, 'venue ETH': -0.0001 },
  dollarRate: 0.04,
}

/** Central difference at `step` and half of it, extrapolated. */
function slope(at: (shift: number) => number, step: number): number {
  const difference = (h: number) => (at(h) - at(-h)) / (2 * h)
  return (4 * difference(step / 2) - difference(step)) / 3
}

function curvature(at: (shift: number) => number, step: number): number {
  const middle = at(0)
  const difference = (h: number) => (at(h) - 2 * middle + at(-h)) / (h * h)
  return (4 * difference(step / 2) - difference(step)) / 3
}

function cross(at: (a: number, b: number) => number, a: number, b: number): number {
  const difference = (f: number) =>
    (at(a * f, b * f) - at(-a * f, b * f) - at(a * f, -b * f) + at(-a * f, -b * f)) / (4 * a * b * f * f)
  return (4 * difference(0.5) - difference(1)) / 3
}

/** A market whose marks and forwards stand `tilt` further from spot. */
function tilted(market: MarketView, tilt: number): MarketView {
  return Object.assign(Object.create(market) as MarketView, {
    forward: (asset: string, expiryUs: number) => market.forward(asset, expiryUs) + tilt * market.spot(asset),
    perpetual: (venue: string, asset: string) => market.perpetual(venue, asset) + tilt * market.spot(asset),
  })
}

/** The figures of {@link positionGreeks}, by differences of value. `width` is the scale on which value bends, relative to the price. */
function bumped(position: Position, facts: MarketFacts, width: number, other: string): Omit<PositionGreeks, 'carry'> {
  const market = new SnapshotView(facts)
  const { asset } = position
  const spot = market.spot(asset)
  const price = other === '' ? 1 : market.spot(other)
  const value = (shift: Shift, from: MarketView = market) =>
    positionValue(position, 'venue', new ShiftedView(from, shift))
  const dS = 0.02 * width
  const dU = 0.01
  const volatility = position.kind === 'option' ? market.volatility(asset, 0, 0) : 1
  const dV = 0.02 * volatility
  const days = position.kind === 'option' ? (position.expiryUs - NOW_US) / DAY_US : 30
  const dT = 0.02 * days
  const move = (s: number, v = 0, t = 0) =>
    value({ spot: { [asset]: 1 + s }, volatility: { [asset]: { add: v } }, laterUs: t * DAY_US })
  const both = (s: number, u: number) => value({ spot: { [asset]: 1 + s, [other]: 1 + u } })
  const lent = (r: number) => value({}, new SnapshotView({ ...facts, dollarRate: facts.dollarRate! + r }))
  return {
    value: value({}),
    delta: slope((s) => move(s), dS) / spot,
    gamma: curvature((s) => move(s), dS) / (spot * spot),
    vega: 0.01 * slope((v) => move(0, v), dV),
    theta: slope((t) => move(0, 0, t), dT),
    rho: 0.01 * slope(lent, 0.01),
    vanna: (0.01 * cross((s, v) => move(s, v), dS, dV)) / spot,
    volga: 1e-4 * curvature((v) => move(0, v), dV),
    charm: cross((s, t) => move(s, 0, t), dS, dT) / spot,
    other,
    otherDelta: other === '' ? 0 : slope((u) => both(0, u), dU) / price,
    otherGamma: other === '' ? 0 : curvature((u) => both(0, u), dU) / (price * price),
    crossGamma: other === '' ? 0 : cross(both, Math.min(dS, dU), dU) / (spot * price),
    basis: 0.01 * slope((tilt) => positionValue(position, 'venue', tilted(market, tilt)), 0.02 * width),
  }
}

/**
 * Compares to 1e-6 of each figure, or of the part of its natural size that differences of doubles can resolve: a second
 * difference over a 50th of the width loses eight digits of the position's gross worth, and where a figure crosses zero (vanna at
 * d2 = 0) what the extrapolation leaves behind, 4e-8 of that size, is all there is.
 */
function expectSlopes(position: Position, facts: MarketFacts, width: number, gross: number, other: string): void {
  const exact = positionGreeks(position, 'venue', new SnapshotView(facts))
  const found = bumped(position, facts, width, other)
  const { asset } = position
  const spot = facts.spot[asset]!
  const price = facts.spot[other] ?? 1
  const volatility = position.kind === 'option' ? (facts.volatility![asset] as number) : 1
  const days = position.kind === 'option' ? (position.expiryUs - NOW_US) / DAY_US : 30
  const noise = (parts: number) => gross * parts
  const [S, V, T, U] = [0.01 * width, 0.01 * volatility, 0.01 * days, 0.005]
  const floors: Record<keyof typeof found, number> = {
    value: 0,
    delta: noise(1e-15) / (S * spot),
    gamma: noise(4e-15 + 1e-12 * width) / (S * spot) ** 2,
    vega: (0.01 * noise(1e-15)) / V,
    theta: noise(1e-15) / T,
    rho: (0.01 * noise(1e-15)) / 0.005,
    vanna: (0.01 * noise(4e-15 + 1e-12 * width)) / (S * spot * V),
    volga: (1e-4 * noise(4e-15 + 1e-12 * width)) / V ** 2,
    charm: noise(4e-15 + 1e-12 * width) / (S * spot * T),
    other: 0,
    otherDelta: noise(1e-15) / (U * price),
    otherGamma: noise(4e-15 + 1e-12 * width) / (U * price) ** 2,
    crossGamma: noise(4e-15 + 1e-12 * width) / (Math.min(S, U) * spot * U * price),
    basis: (0.01 * noise(1e-15)) / S,
  }
  expect(exact.other).toBe(other)
  for (const [name, floor] of Object.entries(floors) as [keyof typeof floors, number][]) {
    if (name === 'other') continue
    const tolerance = 1e-6 * Math.abs(found[name]) + floor * 4
    expect(Math.abs(exact[name] - found[name]), `${name}: ${exact[name]} against ${found[name]}`).toBeLessThanOrEqual(
      tolerance,
    )
  }
  expect(exact.value).toBeCloseTo(found.value, 9 - Math.ceil(Math.log10(gross + 1)))
}

const size = fc.double({ min: 0.01, max: 50, noNaN: true }).chain((n) => fc.constantFrom(n, -n))
const asset = fc.constantFrom('BTC', 'ETH')
const near = (spot: number) => fc.double({ min: 0.7, max: 1.4, noNaN: true }).map((factor) => factor * spot)

describe('closed forms are slopes', () => {
  test('of options in dollars and in coins, with and without a premium owed', () => {
    const positions = fc
      .record({
        asset,
        size,
        right: fc.constantFrom(1 as const, -1 as const),
        deviations: fc.double({ min: -2.5, max: 2.5, noNaN: true }),
        days: fc.double({ min: 0.5, max: 400, noNaN: true }),
        volatility: fc.double({ min: 0.15, max: 1.6, noNaN: true }),
        inCoin: fc.boolean(),
        entry: fc.option(fc.double({ min: 0, max: 0.2, noNaN: true }), { nil: undefined }),
      })
      .map(({ deviations, days, volatility, inCoin, entry, ...held }) => {
        const deviation = volatility * Math.sqrt(days / 365)
        const spot = FACTS.spot[held.asset]!
        const position: OptionPosition = {
          kind: 'option',
          ...held,
          strike: spot * Math.exp(deviations * deviation),
          expiryUs: NOW_US + days * DAY_US,
          settle: inCoin ? held.asset : 'USDC',
          ...(entry === undefined ? {} : { entry: inCoin ? entry : entry * spot }),
        }
        return { position, deviation, facts: { ...FACTS, volatility: { [held.asset]: volatility } } }
      })
    fc.assert(
      fc.property(positions, ({ position, deviation, facts }) => {
        const gross = Math.abs(position.size) * Math.max(position.strike, facts.spot[position.asset]!)
        const other = position.settle === position.asset ? '' : 'USDC'
        expectSlopes(position, facts, Math.min(deviation, 0.5), gross, other)
      }),
      { numRuns: 300 },
    )
  })

  test('of perpetuals and futures, linear and inverse, margined in dollars, in their asset and in another coin', () => {
    const positions = fc
      .record({
        kind: fc.constantFrom('perp' as const, 'future' as const),
        asset,
        size,
        payoff: fc.constantFrom('linear' as const, 'inverse' as const),
        settle: fc.constantFrom('USDC', 'BTC', 'ETH'),
        days: fc.double({ min: 1, max: 200, noNaN: true }),
      })
      .chain(({ days, ...held }) =>
        near(FACTS.spot[held.asset]!).map(
          (entry): FuturePosition => ({ ...held, entry, expiryUs: NOW_US + days * DAY_US }),
        ),
      )
    fc.assert(
      fc.property(positions, (position) => {
        const spot = FACTS.spot[position.asset]!
        // A linear one backed by coins owes dollars, and hangs on no second price.
        const dollars = position.payoff === 'linear' && position.settle !== 'USDC'
        const settle = dollars ? 1 : FACTS.spot[position.settle]!
        const gross = Math.abs(position.size) * (position.payoff === 'linear' ? spot : 1 / spot) * settle
        const other = dollars || position.settle === position.asset ? '' : position.settle
        expectSlopes(position, FACTS, 1, gross, other)
      }),
      { numRuns: 200 },
    )
  })

  test('of liquidity over all prices, in range, and with the price outside on either side', () => {
    const positions = fc.record({
      liquidity: size,
      quote: fc.constantFrom('USDC', 'BTC'),
      range: fc.constantFrom(
        [0, Number.POSITIVE_INFINITY],
        [0.6, 1.5],
        [0.2, 0.8],
        [1.25, 3],
        [0, 1.2],
        [0.8, Infinity],
      ),
      feesBase: fc.double({ min: 0, max: 1, noNaN: true }),
      feesQuote: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    fc.assert(
      fc.property(positions, ({ range, ...held }) => {
        const price = 3_000 / FACTS.spot[held.quote]!
        const position: PoolPosition = {
          kind: 'pool',
          asset: 'ETH',
          ...held,
          lower: range[0]! * price,
          upper: range[1]! * price,
        }
        const gross =
          2 * Math.abs(held.liquidity) * Math.sqrt(price) * FACTS.spot[held.quote]! +
          held.feesBase * 3_000 +
          held.feesQuote * FACTS.spot[held.quote]!
        expectSlopes(position, FACTS, 1, gross, held.quote)
      }),
      { numRuns: 200 },
    )
  })

  test('of power perpetuals, supplies and debts', () => {
    const power = fc.record({
      size,
      normalisation: fc.double({ min: 0.2, max: 1, noNaN: true }),
      settle: fc.constantFrom('USDC', 'ETH'),
    })
    fc.assert(
      fc.property(power, (held) => {
        const position: PowerPosition = { kind: 'power', asset: 'ETH', scale: 1e-4, entry: 700, ...held }
        const gross = Math.abs(held.size) * 900 * FACTS.spot[held.settle]!
        expectSlopes(position, FACTS, 1, gross, held.settle === 'ETH' ? '' : held.settle)
      }),
    )
    for (const kind of ['supply', 'debt'] as const)
      expectSlopes({ kind, asset: 'BTC', amount: 3, rate: 0.05 }, FACTS, 1, 270_000, '')
  })
})

describe('by hand', () => {
  const market = new SnapshotView(FACTS)

  test('a long power perpetual pays the variance it is worth more for, as its own formula has it, and no rate of another contract', () => {
    const position: PowerPosition = {
      kind: 'power', asset: 'ETH', size: 2, scale: 1e-4, normalisation: 0.5, entry: 400, settle: 'USDT',
    } // biome-ignore format: a table row
    const { price, theta, vega } = powerPerpetual(SQUEETH, {
      spot: FACTS.spot['ETH']!, normalisation: 0.5, volatility: 0.7, rate: 0.04,
    }) // biome-ignore format: a table row
    const greeks = positionGreeks(position, 'venue', market)
    expect(greeks.value).toBeCloseTo(2 * (price - 400), 8)
    expect(greeks.carry).toBeCloseTo((2 * theta) / 365, 8)
    expect(greeks.vega).toBeCloseTo(0.02 * vega, 8)
    expect(greeks.theta).toBe(0)
    // Beyond a mark of 1.4 times the index the contract takes no more.
    const wild = positionGreeks(position, 'venue', new SnapshotView({ ...FACTS, volatility: { ETH: 4 } }))
    const marked = wild.value + 2 * 400
    expect(wild.carry).toBeCloseTo((-marked * Math.log(1.4)) / 17.5, 8)
    const dark = new SnapshotView({ ...FACTS, volatility: {} })
    expect(missingPrices(position, 'venue', dark)).toEqual(['volatility of ETH at the money in 17.5 days'])
  })

  test('an inverse perpetual margined in its coin is a straight line in dollars: delta size over entry, no gamma', () => {
    const position: FuturePosition = {
      kind: 'perp',
      asset: 'BTC',
      size: 9_000,
      payoff: 'inverse',
      entry: 90_000,
      settle: 'BTC',
    }
    const greeks = positionGreeks(position, 'venue', market)
    expect(greeks.delta).toBe(0.1)
    expect(greeks.gamma).toBe(0)
    // Long pays: 9,000 dollars of notional at 3 basis points, reckoned in coins at the mark.
    expect(greeks.carry).toBeCloseTo(-9_000 * 0.0003 * (90_000 / 90_040), 10)
  })

  test('a linear perpetual pays funding on its notional at the mark, and its short receives it', () => {
    const position: FuturePosition = {
      kind: 'perp',
      asset: 'BTC',
      size: -2,
      payoff: 'linear',
      entry: 1,
      settle: 'USDC',
    }
    expect(positionGreeks(position, 'venue', market).carry).toBeCloseTo(2 * 90_040 * 0.998 * 0.0003, 8)
  })

  test('a coin-settled call deep in the money has the delta of a coin, less the coins paid for it', () => {
    const position: OptionPosition = {
      kind: 'option',
      asset: 'BTC',
      size: 1,
      right: 1,
      strike: 1_000,
      expiryUs: NOW_US + DAY_US,
      settle: 'BTC',
      entry: 0.9,
    }
    expect(positionGreeks(position, 'venue', market).delta).toBeCloseTo(0.1, 12)
  })

  test('an expired option is its exercise, with no time or volatility left in it', () => {
    const base = { kind: 'option', asset: 'BTC', size: 2, strike: 80_000, expiryUs: NOW_US } as const
    const call = positionGreeks({ ...base, right: 1, settle: 'USDC' }, 'venue', market)
    expect(call).toMatchObject({
      value: 20_000 * 0.998,
      delta: 2 * 0.998,
      gamma: 0,
      vega: 0,
      theta: 0,
      otherDelta: 20_000,
    })
    const put = positionGreeks({ ...base, right: -1, settle: 'BTC', entry: 0.01 }, 'venue', market)
    expect(put).toMatchObject({ value: -1_800, delta: -0.02, gamma: 0, other: '' })
  })

  test('liquidity earns its fees in range and none outside; lenders earn, borrowers owe', () => {
    const pool = { kind: 'pool', asset: 'ETH', liquidity: 100, quote: 'USDC', feeYieldPerDay: 0.001 } as const
    const whole = positionGreeks({ ...pool, lower: 0, upper: Number.POSITIVE_INFINITY }, 'venue', market)
    expect(whole.carry).toBeCloseTo(0.001 * 2 * 100 * Math.sqrt(3_000 / 0.998) * 0.998, 8)
    expect(positionGreeks({ ...pool, lower: 4_000, upper: 5_000 }, 'venue', market).carry).toBe(0)
    expect(positionGreeks({ kind: 'supply', asset: 'ETH', amount: 10, rate: 0.0365 }, 'v', market).carry).toBeCloseTo(
      3,
      12,
    )
    expect(positionGreeks({ kind: 'debt', asset: 'ETH', amount: 10, rate: 0.0365 }, 'v', market).carry).toBeCloseTo(
      -3,
      12,
    )
  })
})

describe('what is not known', () => {
  const call: OptionPosition = {
    kind: 'option',
    asset: 'BTC',
    size: 1,
    right: 1,
    strike: 90_000,
    expiryUs: NOW_US + 10 * DAY_US,
    settle: 'USDC',
  }
  const without = (facts: Partial<MarketFacts>) => new SnapshotView({ ...FACTS, ...facts })
  const perp: FuturePosition = { kind: 'perp', asset: 'SOL', size: 1, payoff: 'linear', entry: 100, settle: 'USDC' }
  const pool: PoolPosition = {
    kind: 'pool',
    asset: 'ETH',
    liquidity: 1,
    quote: 'PEPE',
    lower: 0,
    upper: Number.POSITIVE_INFINITY,
  }

  test.each<[string, Position, MarketView, string[]]>([
    ['a volatility', call, without({ volatility: {} }), ['volatility of BTC 2026-01-25 90000']],
    ['a volatility below zero', call, without({ volatility: { BTC: -0.1 } }), ['volatility of BTC 2026-01-25 90000']],
    ['a forward', call, without({ basis: { BTC: Number.NaN } }), ['forward of BTC 2026-01-25']],
    ['a price', perp, without({}), ['price of SOL', 'mark of SOL perp at venue']],
    [
      'a funding rate',
      { ...perp, asset: 'BTC' },
      without({ fundingPerDay: { 'venue BTC': Number.NaN } }),
      ['funding of BTC at venue'],
    ],
    ['the other token', pool, without({}), ['price of PEPE']],
    [
      'a third coin',
      { ...call, settle: 'ETH' },
      without({}),
      ['a way to settle in ETH: neither BTC nor a dollar coin'],
    ],
    ['a sound entry', { ...perp, asset: 'BTC', entry: Number.NaN }, without({}), ['figures of the position itself']],
  ])('%s makes every figure a NaN and is named', (_, position, market, missing) => {
    const greeks = positionGreeks(position, 'venue', market)
    const figures = Object.entries(greeks).filter(([name]) => name !== 'other')
    expect(figures.filter(([, figure]) => !Number.isNaN(figure))).toEqual([])
    expect(missingPrices(position, 'venue', market)).toEqual(missing)
  })

  test('a position of no size has no Greeks at any price, and nothing is missing in a whole market', () => {
    expect(positionGreeks({ ...call, size: 0 }, 'venue', without({ volatility: {} }))).toMatchObject({
      value: 0,
      delta: 0,
      vega: 0,
    })
    expect(missingPrices(call, 'venue', without({}))).toEqual([])
    expect(positionName(call)).toBe('BTC 2026-01-25 90000 call')
  })

  test('an expiry that no date can be written of is named by its figure', () => {
    const call: OptionPosition = {
      kind: 'option',
      asset: 'BTC',
      right: 1,
      strike: 90_000,
      expiryUs: 8.64e18,
      size: 1,
      settle: 'BTC',
    }
    expect(positionName(call)).toContain('275760-09')
    // Nanoseconds handed in for microseconds.
    for (const expiryUs of [8.65e18, 1.769e20, Number.NaN, Number.NEGATIVE_INFINITY])
      expect(positionName({ ...call, expiryUs })).toBe(`BTC ${expiryUs} 90000 call`)
  })
})
