/**
 * Goal: the fair variance is that of the smile, to the digits a trader quotes and well beyond.
 * Method: a flat smile, whose fair variance is its own; and for curved ones another road to the same figure, Matytsin's mean of the
 * variance over the normal law of d₂, which shares neither prices nor weights with the replication.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ForwardCurve } from './forwardCurve.ts'
import { ssviPhiWithin, ssviRaw } from './ssvi.ts'
import type { RawSvi } from './svi.ts'
import { sviPoint } from './svi.ts'
import { SviSurface } from './sviSurface.ts'
import { fittedVolatilityIndex, varianceSwap, varianceSwapVolatility } from './varianceSwap.ts'

const YEAR_US = 365 * 86_400e6
const surfaceOf = (svi: RawSvi, years: number) =>
  new SviSurface('BTC', new ForwardCurve(0, [{ expiryUs: years * YEAR_US, forward: 90_000, source: 'venue' }]), [
    { expiryUs: years * YEAR_US, svi },
  ])

test('a flat smile has its own volatility', () => {
  for (const years of [0.003, 0.1, 2]) {
    const surface = surfaceOf({ a: 0.49 * years, b: 0, rho: 0, m: 0, sigma: 0.1 }, years)
    expect(varianceSwapVolatility(surface, years * YEAR_US)).toBeCloseTo(0.7, 8)
  }
})

/** ∫ n(d₂(k)) w(k) |d₂'(k)| dk: Gatheral, The Volatility Surface (2006), eq. 11.5. */
function overNormalLaw(svi: RawSvi, years: number): number {
  let sum = 0
  const steps = 100_000
  const reach = 40
  for (let i = 0; i <= steps; i++) {
    const k = reach * ((2 * i) / steps - 1)
    const { variance, slope } = sviPoint(svi, k)
    const root = Math.sqrt(variance)
    const lower = -k / root - 0.5 * root
    const fall = -1 / root + (k * slope) / (2 * variance * root) - slope / (4 * root)
    sum += (Math.exp(-0.5 * lower * lower) / Math.sqrt(2 * Math.PI)) * variance * -fall * ((2 * reach) / steps)
  }
  return Math.sqrt(sum / years)
}

test('a smile without butterflies has the mean of its variance over the normal law of d₂', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.004, max: 0.2, noNaN: true }),
      fc.double({ min: -0.7, max: 0.7, noNaN: true }),
      fc.double({ min: 0.5, max: 0.85, noNaN: true }),
      (theta, rho, share) => {
        const svi = ssviRaw({ theta, rho, phi: share * ssviPhiWithin({ theta, rho, phi: 1e9 }) })
        const years = 0.25
        const volatility = varianceSwapVolatility(surfaceOf(svi, years), years * YEAR_US)
        expect(volatility / overNormalLaw(svi, years)).toBeCloseTo(1, 5)
        expect(volatility).toBeGreaterThan(0)
      },
    ),
    { numRuns: 15 },
  )
})

test('the index is the swap over the days it names, and nothing is said of the past', () => {
  const surface = surfaceOf({ a: 0.02, b: 0.1, rho: -0.4, m: 0, sigma: 0.2 }, 0.2)
  expect(fittedVolatilityIndex(surface)).toBe(varianceSwapVolatility(surface, 30 * 86_400e6))
  expect(fittedVolatilityIndex(surface, 7)).toBeGreaterThan(0)
  expect(varianceSwapVolatility(surface, 0)).toBeNaN()
})

test('what strikes make up grows with them, from nothing to all; without skew each side is a half', () => {
  const surface = surfaceOf({ a: 0.04, b: 0, rho: 0, m: 0, sigma: 0.1 }, 0.2)
  const share = (from: number, to: number) => varianceSwap(surface, 0.2 * YEAR_US, from, to).quotedShare
  expect(share(0, 0)).toBe(0)
  expect(share(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)).toBe(1)
  expect(share(-0.2, 0.2)).toBeGreaterThan(share(-0.1, 0.2))
  // Puts weigh more: their log payoff is steeper. The flat smile splits as E[2(x − 1 − ln x)] does on either side of one.
  expect(share(-9, 0) + share(0, 9)).toBeCloseTo(1, 9)
  expect(share(-9, 0)).toBeGreaterThan(0.5)
})

test("wings at Lee's bound have no fair variance, and those below it do", () => {
  // Slope of the left wing b(1 − ρ): 2, then 1.2.
  const at = (b: number) =>
    varianceSwapVolatility(surfaceOf({ a: 0.01, b, rho: -0.5, m: 0, sigma: 0.2 }, 0.5), 0.5 * YEAR_US)
  expect(at(2 / 1.5)).toBeNaN()
  expect(at(0.8)).toBeGreaterThan(at(0.4))
})
