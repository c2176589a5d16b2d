/**
 * Goal: a digital option is worth what its spread and its density say, smile included.
 *
 * Method: against the integral of the surface's density, against spreads of narrowing width, and on a flat smile by hand.
 */

import { expect, test } from 'vitest'
import { normalCdf } from '../core/errorFunction.ts'
import { GimbalError } from '../core/errors.ts'
import { digitalBySpread, digitalOption } from './digital.ts'
import { ForwardCurve } from './forwardCurve.ts'
import type { Right } from './right.ts'
import { ssviRaw } from './ssvi.ts'
import { SviSurface } from './sviSurface.ts'
import type { VolatilitySurface } from './volatilitySurface.ts'

const YEAR_US = 365 * 86_400e6
const expiryUs = 0.25 * YEAR_US
const surface = new SviSurface('BTC', new ForwardCurve(0, [{ expiryUs, forward: 100, source: 'venue' }]), [
  { expiryUs, svi: ssviRaw({ theta: 0.09, rho: -0.6, phi: 2.2 }) },
])
/** The same, for those who only ask what every surface promises. */
const plain: VolatilitySurface = {
  asset: 'BTC',
  timeUs: 0,
  expiriesUs: [expiryUs],
  forward: (expiry) => surface.forward(expiry),
  totalVariance: (expiry, k) => surface.totalVariance(expiry, k),
  volatility: (expiry, strike) => surface.volatility(expiry, strike),
}

test('cash above a strike is the density beyond it, and the base is its mean there', () => {
  for (const strike of [70, 100, 130]) {
    let chance = 0
    let mean = 0
    const step = 0.001
    for (let x = Math.log(strike) + 0.5 * step; x < Math.log(strike) + 12; x += step) {
      const at = Math.exp(x)
      const share = surface.density(expiryUs, at) * at * step
      chance += share
      mean += share * at
    }
    const { cash, asset } = digitalOption(surface, { right: 1, expiryUs, strike })
    expect(cash).toBeCloseTo(chance, 6)
    expect(asset).toBeCloseTo(mean, 4)
  }
})

test('above and below are certain together, discounted; the skew is what a flat volatility misses', () => {
  const terms = { expiryUs, strike: 85, rate: 0.04 }
  const above = digitalOption(surface, { ...terms, right: 1 })
  const below = digitalOption(surface, { ...terms, right: -1 })
  const discount = Math.exp(-0.04 * 0.25)
  expect(above.cash + below.cash).toBeCloseTo(discount, 14)
  expect(above.asset + below.asset).toBeCloseTo(100 * discount, 12)
  // A smile that falls with the strike makes what pays above it dearer, here by more than a tenth.
  expect(above.skew / above.cash).toBeGreaterThan(0.1)
})

test('a spread tends to it with the square of its width, for any surface', () => {
  for (const right of [1, -1] as Right[]) {
    const terms = { right, expiryUs, strike: 110, rate: 0.04 }
    const { cash } = digitalOption(surface, terms)
    const off = (width: number) => digitalBySpread(surface, terms, width) - cash
    expect(off(4) / off(2)).toBeCloseTo(4, 1)
    expect(Math.abs(off(0.05))).toBeLessThan(1e-6)
    expect(digitalOption(plain, terms).cash).toBeCloseTo(cash, 9)
  }
})

test('a flat smile gives Black: N(d₂), and F N(d₁)', () => {
  const flat = new SviSurface('BTC', new ForwardCurve(0, [{ expiryUs, forward: 100, source: 'venue' }]), [
    { expiryUs, svi: { a: 0.09, b: 0, rho: 0, m: 0, sigma: 0.1 } },
  ])
  const { cash, asset, skew } = digitalOption(flat, { right: 1, expiryUs, strike: 120 })
  const d2 = Math.log(100 / 120) / 0.3 - 0.15
  expect(Math.abs(skew)).toBe(0)
  expect(cash).toBeCloseTo(normalCdf(d2), 15)
  expect(asset).toBeCloseTo(100 * normalCdf(d2 + 0.3), 13)
})

test('what the surface knows nothing of is refused', () => {
  const terms = { right: 1 as Right, expiryUs, strike: 100 }
  for (const bad of [
    { expiryUs: 0 },
    { strike: -1 },
    { strike: Number.NaN },
    { right: 0 as Right },
    { rate: Number.NaN },
  ])
    expect(() => digitalOption(surface, { ...terms, ...bad })).toThrow(GimbalError)
  expect(() => digitalBySpread(surface, terms, 0)).toThrow(GimbalError)
})
