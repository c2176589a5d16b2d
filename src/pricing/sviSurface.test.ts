/**
 * Goal: the surface keeps what `VolatilitySurface` promises: at, between, before and after its slices.
 *
 * Method: two slices worked by hand; densities integrated; the arbitrage report on surfaces with a planted fault of each kind.
 */

import { expect, test } from 'vitest'
import { DAY_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { ForwardCurve } from './forwardCurve.ts'
import { ssviRaw } from './ssvi.ts'
import { surfaceArbitrage } from './surfaceArbitrage.ts'
import { type RawSvi, sviPoint, sviVariance } from './svi.ts'
import { butterflyFree, calendarFree } from './sviArbitrage.ts'
import { SviSurface } from './sviSurface.ts'

const NOW = 1_767_000_000_000_000
const NEAR = NOW + 30 * DAY_US
const FAR = NOW + 90 * DAY_US
const near = ssviRaw({ theta: 0.02, rho: -0.3, phi: 3 })
const far = ssviRaw({ theta: 0.05, rho: -0.2, phi: 2 })

function surfaceOf(slices: readonly [number, RawSvi][]): SviSurface {
  const nodes = slices.map(([expiryUs], i) => ({ expiryUs, forward: 101 + i, source: 'venue' as const }))
  return new SviSurface(
    'BTC',
    new ForwardCurve(NOW, nodes, 100),
    slices.map(([expiryUs, svi]) => ({ expiryUs, svi })),
  )
}

const surface = surfaceOf([
  [NEAR, near],
  [FAR, far],
])

test('at an expiry it is the slice; volatility is by the strike and the forward of the expiry', () => {
  expect(surface.expiriesUs).toEqual([NEAR, FAR])
  for (const k of [-1, -0.1, 0, 0.4]) {
    expect(surface.totalVariance(NEAR, k)).toBe(sviVariance(near, k))
    expect(surface.totalVariance(FAR, k)).toBe(sviVariance(far, k))
  }
  expect(surface.forward(NEAR)).toBe(101)
  expect(surface.volatility(NEAR, 110)).toBeCloseTo(Math.sqrt((sviVariance(near, Math.log(110 / 101)) * 365) / 30), 14)
})

test('between expiries variance is linear in time at constant log-moneyness', () => {
  const k = 0.2
  for (const share of [0.1, 0.5, 0.9]) {
    const expiry = NEAR + share * (FAR - NEAR)
    const mix = (1 - share) * sviVariance(near, k) + share * sviVariance(far, k)
    expect(surface.totalVariance(expiry, k)).toBeCloseTo(mix, 14)
    expect(surface.point(expiry, k).variance).toBe(surface.totalVariance(expiry, k))
  }
})

test('before the first the smile of volatility stays; after the last volatility at the money stays and wings keep their slope', () => {
  const half = NOW + 15 * DAY_US
  for (const k of [-0.5, 0, 0.5]) {
    expect(surface.totalVariance(half, k)).toBeCloseTo(0.5 * sviVariance(near, k), 15)
    const twice = NOW + 180 * DAY_US
    expect(surface.totalVariance(twice, k)).toBeCloseTo(sviVariance(far, k) + sviVariance(far, 0), 14)
    expect(surface.point(twice, k).slope).toBe(sviPoint(far, k).slope)
  }
  expect(surface.volatility(NOW + 360 * DAY_US, surface.forward(NOW + 360 * DAY_US))).toBeCloseTo(
    Math.sqrt((0.05 * 365) / 90),
    10,
  )
})

test('points carry the derivatives of the variance they carry, wherever they are', () => {
  const h = 1e-5
  for (const expiry of [NOW + DAY_US, NEAR, NOW + 50 * DAY_US, FAR, NOW + 400 * DAY_US])
    for (const k of [-0.7, 0.01, 0.3]) {
      const w = (at: number) => surface.totalVariance(expiry, at)
      const { variance, slope, curvature } = surface.point(expiry, k)
      expect(variance).toBeCloseTo(w(k), 15)
      expect(slope).toBeCloseTo((w(k + h) - w(k - h)) / (2 * h), 8)
      expect(curvature).toBeCloseTo((w(k + h) - 2 * w(k) + w(k - h)) / (h * h), 4)
    }
})

test('nothing is known at or before its moment, or at a strike that is none', () => {
  for (const expiry of [NOW, NOW - DAY_US, Number.NaN]) {
    expect(surface.forward(expiry)).toBeNaN()
    expect(surface.totalVariance(expiry, 0)).toBeNaN()
    expect(surface.volatility(expiry, 100)).toBeNaN()
    expect(surface.point(expiry, 0).g).toBeNaN()
    expect(surface.density(expiry, 100)).toBeNaN()
  }
  for (const strike of [0, -1, Number.NaN]) expect(surface.volatility(NEAR, strike)).toBeNaN()
})

test('the density of a price integrates to one and to the forward, between expiries too', () => {
  for (const days of [10, 30, 55, 90, 200]) {
    const expiry = NOW + days * DAY_US
    let [mass, mean] = [0, 0]
    for (let k = -8; k < 8; k += 1e-3) {
      const strike = surface.forward(expiry) * Math.exp(k)
      const weight = surface.density(expiry, strike) * strike * 1e-3
      mass += weight
      mean += weight * strike
    }
    expect(mass).toBeCloseTo(1, 5)
    expect(mean / surface.forward(expiry)).toBeCloseTo(1, 5)
  }
})

test('columns are filled as single options are asked', () => {
  const expiryUs = Float64Array.of(NEAR, FAR, NOW + 40 * DAY_US, NOW)
  const strike = Float64Array.of(90, 100, 120, 100)
  const out = new Float64Array(4)
  surface.fillVolatility(expiryUs, strike, out)
  expect([...out]).toEqual([...expiryUs].map((expiry, i) => surface.volatility(expiry, strike[i]!)))
  expect(() => surface.fillVolatility(expiryUs, strike, new Float64Array(3))).toThrow(
    expect.objectContaining({ code: 'argument-invalid' }),
  )
})

test('it survives being written down', () => {
  const back = SviSurface.fromJSON(JSON.parse(JSON.stringify(surface)))
  expect(back.volatility(NOW + 44 * DAY_US, 97)).toBe(surface.volatility(NOW + 44 * DAY_US, 97))
  expect(back.forward(NOW + 500 * DAY_US)).toBe(surface.forward(NOW + 500 * DAY_US))
})

test('slices out of order, expired or no slices are refused', () => {
  const refused = expect.objectContaining({ code: 'argument-invalid' })
  const { curve } = surface
  expect(() => new SviSurface('BTC', curve, [])).toThrow(refused)
  expect(() => new SviSurface('BTC', curve, [{ expiryUs: NOW, svi: near }])).toThrow(refused)
  expect(() => new SviSurface('BTC', curve, [surface.slices[1]!, surface.slices[0]!])).toThrow(refused)
  expect(() => new SviSurface('BTC', curve, [{ expiryUs: NEAR, svi: { ...near, sigma: -1 } }])).toThrow(refused)
})

test('the report finds a butterfly in its slice, a crossing in its pair, and nothing where nothing is', () => {
  const sound = surfaceArbitrage(surface)
  expect(sound.free).toBe(true)
  expect(sound.between).toHaveLength(1)
  const vogt = { a: -0.041, b: 0.1331, rho: 0.306, m: 0.3586, sigma: 0.4153 }
  const bent = surfaceArbitrage(surfaceOf([[NOW + 365 * DAY_US, vogt]]))
  expect(bent.free).toBe(false)
  expect(bent.butterflies[0]).toMatchObject({ verdict: 'arbitrage', expiryUs: NOW + 365 * DAY_US })
  expect(bent.butterflies[0]!.gLeast).toBeLessThan(-0.03)
  const crossed = surfaceArbitrage(
    surfaceOf([
      [NEAR, far],
      [FAR, near],
    ]),
  )
  expect(crossed.free).toBe(false)
  expect(crossed.calendars[0]).toMatchObject({ verdict: 'arbitrage', earlierUs: NEAR, laterUs: FAR })
  expect(crossed.butterflies.map(({ verdict }) => verdict)).toEqual(['free', 'free'])
})

test('the report looks between slices: a fault of the later one reaches back', () => {
  const vogt = { a: -0.041, b: 0.1331, rho: 0.306, m: 0.3586, sigma: 0.4153 }
  const { between, calendars } = surfaceArbitrage(
    surfaceOf([
      [NEAR, { a: 0.001, b: 1e-3, rho: 0.3, m: 0, sigma: 0.1 }],
      [FAR, vogt],
    ]),
  )
  expect(calendars[0]!.verdict).toBe('free')
  expect(between[0]!.gLeast).toBeLessThan(0)
  expect(between[0]!.expiryUs).toBeGreaterThan(NEAR)
  expect(between[0]!.expiryUs).toBeLessThan(FAR)
  expect(surface.point(between[0]!.expiryUs, 0).g).toBeGreaterThan(0)
})

test('of random slices that are free and do not cross, no mixture has a butterfly', () => {
  const random = new Random(21)
  const free = () => {
    for (;;) {
      const rho = 1.9 * random.uniform() - 0.95
      const b = 1.5 * random.uniform() ** 2
      const sigma = 0.02 * 100 ** random.uniform()
      const least = 0.001 * 500 ** random.uniform()
      const slice = {
        a: least - b * sigma * Math.sqrt(1 - rho * rho),
        b,
        rho,
        m: 2 * (random.uniform() - 0.5),
        sigma,
      }
      if (butterflyFree(slice)) return slice
    }
  }
  let pairs = 0
  for (let i = 0; i < 3000; i++) {
    const earlier = free()
    const later = free()
    if (!calendarFree(earlier, later)) continue
    pairs++
    const { between, beyond } = surfaceArbitrage(
      surfaceOf([
        [NEAR, earlier],
        [FAR, later],
      ]),
    )
    expect(between[0]!.gLeast).toBeGreaterThan(0)
    expect(beyond.gLeast).toBeGreaterThan(0)
  }
  expect(pairs).toBeGreaterThan(100)
})
