/**
 * Goal: a surface fitted to a chain goes between its bids and asks, cannot be arbitraged at any strike, and hides nothing about
 * what it could not fit.
 *
 * Method: chains quoted from known surfaces, clean and spoilt; every property judged from total variance alone by finite
 * differences, which share nothing with the fit; recorded chains where they are (a dozen, spread over the folder; all of them:
 * bench/surfaces.mjs).
 */

import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync } from 'node:zlib'
import { describe, expect, test } from 'vitest'
import { DAY_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { deribitQuotes } from '../importers/deribitQuotes.ts'
import { black76, black76Price } from './black76.ts'
import { fitSurface } from './fitSurface.ts'
import { fitSlices, settleSlice } from './fitSvi.ts'
import { impliedVolatility } from './impliedVolatility.ts'
import { type OptionQuotes, QuoteStatus } from './optionQuotes.ts'
import { phiPowerLaw, ssviRaw } from './ssvi.ts'
import { surfaceArbitrage } from './surfaceArbitrage.ts'
import { durrleman, type RawSvi, sviVariance } from './svi.ts'
import { butterflyFree, calendarFree } from './sviArbitrage.ts'
import type { SviSurface } from './sviSurface.ts'

const NOW = 1_767_000_000_000_000
const YEAR_US = 365 * DAY_US
const SPOT = 91_000

interface Market {
  readonly days: readonly number[]
  readonly smile: (days: number) => RawSvi
  readonly strikes: number
  /** Half spread in volatility, at the money; wider further out. */
  readonly half: number
  /** Tick of prices, in coin; 0 for none. */
  readonly tick: number
}

const phi = phiPowerLaw(1.1, 0.42)
const RUN: Market = {
  days: [1, 2, 3, 7, 14, 30, 60, 90, 180, 360],
  smile: (days) => {
    const theta = (0.45 + 0.1 * Math.exp(-days / 30)) ** 2 * (days / 365)
    return ssviRaw({ theta, rho: -0.25, phi: phi(theta) })
  },
  strikes: 40,
  half: 0.005,
  tick: 0,
}

const forwardOf = (days: number) => SPOT * Math.exp((0.05 * days) / 365)

/** Calls and puts of a market: mids off by a share of the half spread. */
function quote({ days, smile, strikes, half, tick }: Market, noise: number, random = new Random(2)): OptionQuotes {
  const rows: { right: 1 | -1; strike: number; days: number; bid: number; ask: number }[] = []
  for (const each of days) {
    const years = each / 365
    const forward = forwardOf(each)
    const svi = smile(each)
    const reach = 2.5 * Math.sqrt(sviVariance(svi, 0))
    for (let i = 0; i < strikes; i++) {
      const strike = forward * Math.exp(reach * ((2 * i) / (strikes - 1) - 1))
      const volatility = Math.sqrt(sviVariance(svi, Math.log(strike / forward)) / years)
      for (const right of [1, -1] as const) {
        const wide = half * (1 + Math.abs((2 * i) / (strikes - 1) - 1) * 2)
        const off = noise * wide * (2 * random.uniform() - 1)
        const price = (vol: number) =>
          black76Price({ right, forward, strike, years, volatility: Math.max(0.01, vol) }) / forward
        const round = (value: number, to: (x: number) => number) => (tick > 0 ? to(value / tick) * tick : value)
        rows.push({
          right,
          strike,
          days: each,
          bid: round(price(volatility + off - wide), Math.floor),
          ask: round(price(volatility + off + wide), Math.ceil),
        })
      }
    }
  }
  return {
    asset: 'BTC',
    timeUs: NOW,
    settlement: 'coin',
    right: Int8Array.from(rows, (row) => row.right),
    strike: Float64Array.from(rows, (row) => row.strike),
    expiryUs: Float64Array.from(rows, (row) => NOW + row.days * DAY_US),
    bid: Float64Array.from(rows, (row) => row.bid),
    ask: Float64Array.from(rows, (row) => row.ask),
    forward: Float64Array.from(rows, (row) => forwardOf(row.days)),
  }
}

/** Spoils some rows of a snapshot. */
function spoil(
  quotes: OptionQuotes,
  change: (row: number, bid: number, ask: number) => [number, number],
): OptionQuotes {
  const bid = quotes.bid.slice()
  const ask = quotes.ask.slice()
  for (let i = 0; i < bid.length; i++) [bid[i], ask[i]] = change(i, bid[i]!, ask[i]!) as [number, number]
  return { ...quotes, bid, ask }
}

/** Least g by finite differences of total variance, and the greatest fall of variance from one time to the next, over a grid. */
function judge(surface: SviSurface, reach: number, points = 1000) {
  const { expiriesUs, timeUs } = surface
  const last = expiriesUs[expiriesUs.length - 1]!
  const times = [timeUs + 0.3 * (expiriesUs[0]! - timeUs)]
  expiriesUs.forEach((expiry, i) => {
    if (i > 0)
      for (const share of [0.2, 0.5, 0.8]) times.push(expiriesUs[i - 1]! + share * (expiry - expiriesUs[i - 1]!))
    times.push(expiry)
  })
  times.push(last + 0.5 * (last - timeUs), last + 3 * (last - timeUs))
  let [gLeast, fall] = [Number.POSITIVE_INFINITY, 0]
  let before = new Float64Array(points)
  const h = 1e-4
  for (const time of times) {
    const here = new Float64Array(points)
    for (let i = 0; i < points; i++) {
      const k = reach * ((2 * i) / (points - 1) - 1)
      const w = surface.totalVariance(time, k)
      const up = surface.totalVariance(time, k + h)
      const down = surface.totalVariance(time, k - h)
      here[i] = w
      gLeast = Math.min(gLeast, durrleman(k, w, (up - down) / (2 * h), (up - 2 * w + down) / (h * h)))
      fall = Math.max(fall, before[i]! - w)
    }
    before = here
  }
  return { gLeast, fall }
}

function truthDistance(surface: SviSurface, market: Market): number {
  let [squares, count] = [0, 0]
  for (const days of market.days) {
    const svi = market.smile(days)
    const reach = 2 * Math.sqrt(sviVariance(svi, 0))
    for (let i = 0; i <= 100; i++) {
      const k = reach * (i / 50 - 1)
      const found = Math.sqrt((surface.totalVariance(NOW + days * DAY_US, k) * 365) / days)
      squares += (found - Math.sqrt((sviVariance(svi, k) * 365) / days)) ** 2
      count++
    }
  }
  return Math.sqrt(squares / count)
}

describe('a chain of a known surface', () => {
  test('is met to a thirtieth of a volatility point where mids are exact', () => {
    const { surface, expiries } = fitSurface(quote(RUN, 0), { spot: SPOT })
    expect(truthDistance(surface, RUN)).toBeLessThan(3e-4)
    for (const { inside, used, outcome, distance } of expiries) {
      expect(inside).toBe(used)
      expect(['fitted', 'constrained']).toContain(outcome)
      expect(distance).toBeLessThan(1e-3)
    }
    expect(surfaceArbitrage(surface).free).toBe(true)
  })

  test('is met within a tenth of a point where mids are half a spread off', () => {
    const { surface, expiries } = fitSurface(quote(RUN, 0.5), { spot: SPOT })
    expect(truthDistance(surface, RUN)).toBeLessThan(1e-3)
    for (const { inside, used } of expiries) expect(inside).toBeGreaterThan(0.95 * used)
    const { gLeast, fall } = judge(surface, 3)
    expect(gLeast).toBeGreaterThan(-1e-6)
    expect(fall).toBe(0)
  })

  test('quotes that are plainly wrong, one in fifteen, hardly move it', () => {
    const clean = fitSurface(quote(RUN, 0.2), { spot: SPOT }).surface
    const random = new Random(8)
    const quotes = spoil(quote(RUN, 0.2), (_, bid, ask) => {
      if (random.uniform() > 1 / 15) return [bid, ask]
      return [0.8 * bid, 0.8 * ask]
    })
    const { surface } = fitSurface(quotes, { spot: SPOT })
    expect(truthDistance(surface, RUN)).toBeLessThan(0.004)
    expect(truthDistance(clean, RUN)).toBeLessThan(0.001)
  })

  test('without named forwards it finds them by parity', () => {
    const { forward: _, ...quotes } = quote(RUN, 0.1)
    const { surface } = fitSurface(quotes, { spot: SPOT })
    for (const days of RUN.days) expect(surface.forward(NOW + days * DAY_US) / forwardOf(days)).toBeCloseTo(1, 3)
    expect(truthDistance(surface, RUN)).toBeLessThan(2e-3)
    expect(surface.curve.nodes.every(({ source }) => source === 'parity')).toBe(true)
  })

  test('the same chain gives the same surface, digit for digit', () => {
    const once = JSON.stringify(fitSurface(quote(RUN, 0.5), { spot: SPOT }).surface)
    expect(JSON.stringify(fitSurface(quote(RUN, 0.5), { spot: SPOT }).surface)).toBe(once)
  })

  test('Greeks of its options are those of its volatilities', () => {
    const { surface } = fitSurface(quote(RUN, 0), { spot: SPOT })
    const expiryUs = NOW + 30 * DAY_US
    const terms = (volatility: number) =>
      ({ right: 1, forward: forwardOf(30), strike: 95_000, years: 30 / 365, volatility }) as const
    const truth = Math.sqrt((sviVariance(RUN.smile(30), Math.log(95_000 / forwardOf(30))) * 365) / 30)
    const found = surface.volatility(expiryUs, 95_000)
    expect(black76(terms(found)).deltaForward).toBeCloseTo(black76(terms(truth)).deltaForward, 4)
  })
})

describe('chains that can be arbitraged', () => {
  test('a market quoting Vogt’s slice is fitted by one that is free', () => {
    const vogt = { a: -0.041, b: 0.1331, rho: 0.306, m: 0.3586, sigma: 0.4153 }
    const market = { ...RUN, days: [365], smile: () => vogt, half: 0.002 }
    const { surface, expiries } = fitSurface(quote(market, 0), { spot: SPOT })
    expect(butterflyFree(vogt)).toBe(false)
    expect(butterflyFree(surface.slices[0]!.svi)).toBe(true)
    expect(expiries[0]!.distance).toBeLessThan(0.005)
    expect(judge(surface, 4).gLeast).toBeGreaterThan(-1e-6)
  })

  test('expiries quoted upside down end up in order', () => {
    const level = (days: number) => ({ 30: 0.8, 60: 0.5, 90: 0.35 })[days] ?? 0.5
    const market: Market = {
      ...RUN,
      days: [30, 60, 90],
      smile: (days) => ssviRaw({ theta: level(days) ** 2 * (days / 365), rho: 0.1 * (days / 30 - 2), phi: 2 }),
    }
    const { surface, expiries } = fitSurface(quote(market, 0), { spot: SPOT })
    const [p, q, r] = surface.slices.map(({ svi }) => svi) as [RawSvi, RawSvi, RawSvi]
    expect(calendarFree(p, q) && calendarFree(q, r)).toBe(true)
    expect(expiries.map(({ outcome }) => outcome)).not.toContain('fitted')
    const { gLeast, fall } = judge(surface, 3)
    expect(gLeast).toBeGreaterThan(-1e-6)
    expect(fall).toBe(0)
  })

  test('random nonsense with a bid and an ask still gives a surface free of arbitrage, or a named refusal', () => {
    let refused = 0
    for (let seed = 0; seed < 12; seed++) {
      const random = new Random(seed)
      const quotes = spoil(quote({ ...RUN, days: [2, 3, 10, 40], strikes: 12 }, 0), (_, bid, ask) => {
        const factor = Math.exp(0.6 * random.normal())
        return [bid * factor, ask * factor]
      })
      try {
        const { surface } = fitSurface(quotes, { spot: SPOT })
        const { butterflies, calendars } = surfaceArbitrage(surface)
        for (const { verdict } of [...butterflies, ...calendars]) expect(verdict).toBe('free')
      } catch (error) {
        expect(error).toMatchObject({ code: 'fit-failed' })
        refused++
      }
    }
    expect(refused).toBeLessThan(3)
  })

  test('columns of nonsense give a surface free of arbitrage, or a named refusal, and nothing else', () => {
    let fitted = 0
    for (let seed = 0; seed < Number(process.env['FUZZ'] ?? 100_000) / 12_500; seed++) {
      const random = new Random(seed)
      const strange = [0, -1, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 1e-320, 1e300, 5e-9]
      const column = (sound: () => number) =>
        Float64Array.from({ length: 4000 }, () =>
          random.uniform() < 0.05 ? strange[random.integer(0, strange.length - 1)]! : sound(),
        )
      const unit = seed % 2 ? 1 : SPOT
      const quotes: OptionQuotes = {
        asset: 'BTC',
        timeUs: NOW,
        settlement: seed % 2 ? 'coin' : 'quote',
        right: Int8Array.from({ length: 4000 }, () => random.integer(-1, 1) || 1),
        strike: column(() => 500 * Math.round((SPOT * Math.exp(3 * (random.uniform() - 0.5))) / 500)),
        expiryUs: column(() => NOW + random.integer(-1, 20) * 10 * DAY_US),
        bid: column(() => unit * 0.2 * random.uniform() ** 3),
        ask: column(() => unit * 0.25 * random.uniform() ** 3),
        ...(seed % 3 ? { forward: column(() => SPOT * (1 + 0.001 * random.normal())) } : {}),
      }
      try {
        const { surface } = fitSurface(quotes, { spot: SPOT })
        expect(surfaceArbitrage(surface).free).toBe(true)
        fitted++
      } catch (error) {
        expect(error).toMatchObject({ code: 'fit-failed' })
      }
    }
    expect(fitted).toBeGreaterThan(5)
  })

  test('quotes that end in a wing steeper than Lee allows get one that is not', () => {
    // Variance 2.6 per unit of log-moneyness: nobody's slice, but anybody's quotes.
    const market: Market = {
      ...RUN,
      days: [365],
      strikes: 60,
      smile: () => ({ a: 0.2, b: 1.3, rho: 0.999, m: 0.4, sigma: 0.1 }),
    }
    const { surface, expiries } = fitSurface(quote(market, 0), { spot: SPOT })
    const { svi } = surface.slices[0]!
    expect(svi.b * (1 + svi.rho)).toBeLessThan(2)
    expect(butterflyFree(svi)).toBe(true)
    expect(expiries[0]!.inside).toBeLessThan(expiries[0]!.used)
  })

  test('settling moves a crossing slice as little as lifts it clear', () => {
    const earlier = RUN.smile(30)
    const crossing = { ...RUN.smile(31), a: RUN.smile(31).a - 0.002 }
    expect(calendarFree(earlier, crossing)).toBe(false)
    const settled = settleSlice(crossing, 31 / 365, earlier)
    expect(calendarFree(earlier, settled) && butterflyFree(settled)).toBe(true)
    expect(sviVariance(settled, 0) - sviVariance(crossing, 0)).toBeLessThan(0.0021)
    expect(settleSlice(RUN.smile(31), 31 / 365, earlier)).toEqual(RUN.smile(31))
  })
})

describe('what cannot be fitted has a name', () => {
  const keepOnly = (days: number, strikes: number) => {
    const quotes = quote(RUN, 0.1)
    const kept = new Set<number>()
    const expiryUs = NOW + days * DAY_US
    const rows = [...quotes.strike.keys()].filter((i) => quotes.expiryUs[i] === expiryUs)
    const middle = rows.length >> 1
    for (const i of rows.slice(middle - strikes, middle + strikes)) kept.add(i)
    return spoil(quotes, (i, bid, ask) => (quotes.expiryUs[i] !== expiryUs || kept.has(i) ? [bid, ask] : [0, ask]))
  }

  test.each([1, 14, 360])('%i days out, two strikes: a slice between its neighbours, and said so', (days) => {
    const { surface, expiries } = fitSurface(keepOnly(days, 2), { spot: SPOT })
    const expiry = expiries.find((each) => each.expiryUs === NOW + days * DAY_US)!
    expect(expiry).toMatchObject({ outcome: 'ssvi-fallback', strikes: 2, rows: 80 })
    const truth = Math.sqrt((sviVariance(RUN.smile(days), 0) * 365) / days)
    expect(surface.volatility(expiry.expiryUs, forwardOf(days))).toBeCloseTo(truth, 1)
    expect(surfaceArbitrage(surface).free).toBe(true)
  })

  test.each([
    [14, 2],
    [60, 4],
    [360, 2],
  ])('%i days out, %i strikes of a smile that does not lean as its neighbours do: all are met', (days, strikes) => {
    // A slice that takes nothing but its level from its quotes leans as its neighbours do, and misses them.
    const leaning = (own: number) => ({ ...RUN.smile(own), m: 0.5 * RUN.smile(own).m, rho: 0.5 * RUN.smile(own).rho })
    const two = keepOnly(days, strikes)
    const other = quote({ ...RUN, smile: leaning }, 0)
    const expiryUs = NOW + days * DAY_US
    const quotes = spoil(two, (i, bid, ask) =>
      two.expiryUs[i] === expiryUs && bid > 0 ? [other.bid[i]!, other.ask[i]!] : [bid, ask],
    )
    const { surface, expiries } = fitSurface(quotes, { spot: SPOT })
    const expiry = expiries.find((each) => each.expiryUs === expiryUs)!
    expect(expiry).toMatchObject({ outcome: 'ssvi-fallback', strikes })
    expect(expiry.inside).toBe(expiry.used)
    expect(surfaceArbitrage(surface).free).toBe(true)
  })

  test('a chain of two strikes an expiry is a surface: level and skew from its quotes, free of arbitrage', () => {
    const all = quote(RUN, 0)
    const strikeOf = (i: number) => (i % 80) >> 1
    const quotes = spoil(all, (i, bid, ask) => (strikeOf(i) === 16 || strikeOf(i) === 22 ? [bid, ask] : [0, ask]))
    const { surface, expiries } = fitSurface(quotes, { spot: SPOT })
    for (const { expiryUs, strikes, used, inside, years } of expiries) {
      expect([strikes, inside]).toEqual([2, used])
      const truth = RUN.smile(years * 365)
      expect(surface.point(expiryUs, 0).variance / sviVariance(truth, 0)).toBeCloseTo(1, 1)
    }
    expect(surfaceArbitrage(surface).free).toBe(true)
    // One strike tells no skew: nothing is made of it.
    const lone = spoil(all, (i, bid, ask) => (strikeOf(i) === 20 ? [bid, ask] : [0, ask]))
    expect(() => fitSurface(lone, { spot: SPOT })).toThrow(expect.objectContaining({ code: 'fit-failed' }))
  })

  test('two strikes quoted below the expiry before: the level is the neighbours’, not theirs', () => {
    const expiryUs = NOW + 14 * DAY_US
    const low = quote({ ...RUN, smile: (days) => ({ ...RUN.smile(days), a: RUN.smile(days).a * 0.1, b: 0.001 }) }, 0)
    const two = keepOnly(14, 2)
    const quotes = spoil(two, (i, bid, ask) =>
      two.expiryUs[i] === expiryUs && bid > 0 ? [low.bid[i]!, low.ask[i]!] : [bid, ask],
    )
    const { surface, expiries } = fitSurface(quotes, { spot: SPOT })
    expect(expiries.find((each) => each.expiryUs === expiryUs)!.outcome).toBe('ssvi-fallback')
    expect(surfaceArbitrage(surface).free).toBe(true)
    expect(surface.volatility(expiryUs, forwardOf(14))).toBeGreaterThan(0.45)
  })

  test('an expiry nobody quotes is empty, and interpolated', () => {
    const { surface, expiries } = fitSurface(keepOnly(14, 0), { spot: SPOT })
    expect(expiries.find((each) => each.years > 0.03 && each.years < 0.05)!.outcome).toBe('empty')
    expect(surface.expiriesUs).not.toContain(NOW + 14 * DAY_US)
    expect(surface.volatility(NOW + 14 * DAY_US, SPOT)).toBeCloseTo(0.5, 1)
  })

  test('a chain without two strikes anywhere is refused, with the counts of its rows', () => {
    const quotes = spoil(quote(RUN, 0), (_, bid, ask) => [ask, bid])
    expect(() => fitSurface(quotes)).toThrow(expect.objectContaining({ code: 'fit-failed' }))
    try {
      fitSurface(quotes)
    } catch (error) {
      expect(error).toMatchObject({ facts: { crossed: quotes.bid.length, used: 0 } })
    }
  })

  test('bands out of order, or too few, are refused', () => {
    const column = Float64Array.of(0.1, 0.1, 0.1, 0.1, 0.1)
    const bands = {
      years: 1,
      logMoneyness: Float64Array.of(-0.2, -0.1, 0, 0.1, 0.2),
      low: column,
      high: column,
      mid: column,
    }
    const refused = expect.objectContaining({ code: 'argument-invalid' })
    expect(fitSlices([bands])).toHaveLength(1)
    expect(() => fitSlices([bands, bands])).toThrow(refused)
    expect(() => fitSlices([{ ...bands, years: Number.NaN }])).toThrow(refused)
    expect(() => fitSlices([{ ...bands, mid: column.subarray(1) }])).toThrow(refused)
  })
})

const folder = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'data/options/deribit')

describe.skipIf(!existsSync(folder))('recorded chains (absent without the shared folder)', () => {
  const files = existsSync(folder)
    ? readdirSync(folder)
        .filter((name) => name.endsWith('.csv.gz'))
        .sort()
    : []
  const dozen = Array.from({ length: 12 }, (_, i) => files[Math.floor((i * (files.length - 1)) / 11)]!)

  const short = 'chain_20260105T153329Z.csv.gz'
  test.skipIf(!files.includes(short))(
    'a slice held under a neighbour with flatter wings still goes through its own quotes',
    () => {
      // Seventeen hours to go, left wing steeper than the next expiry's: a straight line met 7 of these 13 quotes.
      const [{ quotes, index }] = deribitQuotes(gunzipSync(readFileSync(join(folder, short))).toString()) as [
        ReturnType<typeof deribitQuotes>[0],
      ]
      const { expiries, surface } = fitSurface(quotes, { spot: index })
      const [first] = expiries
      expect([first!.outcome, first!.used]).toEqual(['constrained', 13])
      expect(first!.inside).toBeGreaterThan(11)
      expect(first!.distance).toBeLessThan(0.01)
      expect(surfaceArbitrage(surface).free).toBe(true)
    },
  )

  const thinned = 'chain_20260314T153556Z.csv.gz'
  test.skipIf(!files.includes(thinned))(
    'with every second strike gone, no slice is lost to a descent that took a wrong turn',
    () => {
      // One quote of nine, and none of fourteen, were met at the first two expiries, which by themselves meet all.
      const text = gunzipSync(readFileSync(join(folder, thinned))).toString()
      const { quotes, index } = deribitQuotes(text).find(({ quotes: { asset } }) => asset === 'BTC')!
      const strikes = new Map<number, number[]>()
      for (const expiryUs of new Set(quotes.expiryUs)) {
        const own = [...new Set(quotes.strike.filter((_, i) => quotes.expiryUs[i] === expiryUs))].sort((p, q) => p - q)
        strikes.set(
          expiryUs,
          own.filter((_, j) => j % 2 === 0),
        )
      }
      const kept = spoil(quotes, (i, bid, ask) =>
        strikes.get(quotes.expiryUs[i]!)!.includes(quotes.strike[i]!) ? [bid, ask] : [Number.NaN, Number.NaN],
      )
      const { expiries, surface } = fitSurface(kept, { spot: index })
      for (const { used, inside } of expiries) expect(inside).toBeGreaterThan(0.8 * used)
      expect(surfaceArbitrage(surface).free).toBe(true)
    },
  )

  test.each(dozen)('%s: free of arbitrage, nine liquid quotes of ten met, the venue’s volatility found', (file) => {
    const chains = deribitQuotes(gunzipSync(readFileSync(join(folder, file))).toString())
    expect(chains.length).toBeGreaterThan(0)
    for (const { quotes, index } of chains) {
      const { surface, clean } = fitSurface(quotes, { spot: index })
      expect(surfaceArbitrage(surface).free).toBe(true)
      let reach = 0
      for (const k of clean.logMoneyness) if (Math.abs(k) > reach) reach = Math.abs(k)
      const { gLeast, fall } = judge(surface, 2 * reach)
      // Differences over 1e-4 of a variance rounded to 1e-16 tell g to 1e-7 or so.
      expect(gLeast).toBeGreaterThan(-1e-5)
      expect(fall).toBe(0)
      let [liquid, met] = [0, 0]
      const away: number[] = []
      const { bid, ask, delta, openInterest, mark, markVolatility, forward } = quotes
      for (let i = 0; i < bid.length; i++) {
        const size = Math.abs(delta[i]!)
        if (!(size >= 0.05 && size <= 0.95)) continue
        const years = (quotes.expiryUs[i]! - quotes.timeUs) / YEAR_US
        const right = quotes.right[i] === 1 ? 1 : -1
        const terms = { right, forward: forward[i]!, strike: quotes.strike[i]!, years } as const
        if (mark[i]! * forward[i]! > Math.max(0, right * (forward[i]! - terms.strike)))
          away.push(Math.abs(impliedVolatility({ ...terms, price: mark[i]! * forward[i]! }) - markVolatility[i]!))
        if (!(bid[i]! > 0 && ask[i]! >= bid[i]! && openInterest[i]! > 0)) continue
        if (ask[i]! - bid[i]! > 0.1 * (ask[i]! + bid[i]!)) continue
        liquid++
        const w = surface.totalVariance(quotes.expiryUs[i]!, clean.logMoneyness[i]!)
        if (clean.status[i] !== QuoteStatus.OUTSIDE_BOUNDS && w >= clean.bidVariance[i]! && w <= clean.askVariance[i]!)
          met++
      }
      expect(liquid).toBeGreaterThan(100)
      expect(met / liquid).toBeGreaterThan(0.9)
      away.sort((p, q) => p - q)
      // Rounded to 1e-4; the rest is the forward moving between mark and volatility.
      expect(away[away.length >> 1]).toBeLessThan(1e-3)
    }
  })
})
