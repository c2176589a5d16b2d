/**
 * Goal: the no-trade bands are the ones that cost least, and say what they cost.
 *
 * Method: figures worked by hand; the equations the band solves; and the oracle of a policy's long-run cost, computed from the
 * ergodic equation for any pair of points, which no other pair may undercut.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  bandTrade,
  gammaBand,
  holdingBand,
  lelandVolatility,
  whalleyWilmottHalfWidth,
  widerBand,
} from './hedgeBands.ts'

/**
 * Long-run cost a unit of variance of trading from ±B back to ±A, with v = Γ²/a = 1 and a = 1: risk (1/2)E[x²] plus cost of trades.
 * A diffusion with unit variance between trades, from the renewal argument: expected time from A to ±B is B² − A², and the
 * expected ∫x² on the way (B⁴ − A⁴)/6.
 */
function longRunCost(inner: number, outer: number, proportional: number, fixed: number): number {
  const time = outer ** 2 - inner ** 2
  return ((outer ** 4 - inner ** 4) / 12 + fixed + proportional * (outer - inner)) / time
}

const price = fc.double({ min: 0.1, max: 1e5, noNaN: true })
const positive = (min: number, max: number) => fc.double({ min, max, noNaN: true })

test('one bitcoin option, 5 bps, a risk aversion of 1e-4 per dollar: traded beyond 0.0932 bitcoin', () => {
  // 1.5 × 0.0005 × 90,000 × (3.46e-5)² / 1e-4 = 8.0808e-4, whose cube root is 0.09314.
  expect(whalleyWilmottHalfWidth(0.0005, 90_000, 3.46e-5, 1e-4)).toBeCloseTo(0.09314, 5)
})

test('without fixed costs the band is that of Whalley and Wilmott; without proportional ones it is (12 k Γ²/a)^¼ to 0', () => {
  const half = whalleyWilmottHalfWidth(0.001, 100, 0.02, 0.5)
  expect(gammaBand({ proportional: 0.001, fixed: 0 }, 100, 0.02, 0.5)).toEqual({ inner: half, outer: half })
  const fixedOnly = gammaBand({ proportional: 0, fixed: 0.3 }, 100, 0.02, 0.5)
  expect(fixedOnly.inner).toBe(0)
  expect(fixedOnly.outer).toBeCloseTo(((12 * 0.3 * 0.02 ** 2) / 0.5) ** 0.25, 12)
})

test('both points solve both equations', () => {
  fc.assert(
    fc.property(
      positive(1e-6, 0.05),
      positive(1e-4, 50),
      price,
      positive(1e-9, 1),
      positive(1e-7, 10),
      (proportional, fixed, s, gamma, riskAversion) => {
        const { inner: a, outer: b } = gammaBand({ proportional, fixed }, s, gamma, riskAversion)
        const v = gamma ** 2 / riskAversion
        expect(b).toBeGreaterThan(a)
        expect(((a + b) * (b - a) ** 3) / (12 * fixed * v)).toBeCloseTo(1, 6)
        // Where gas dwarfs the spread, A is a small difference of large numbers: the equation is held relative to B³.
        expect(Math.abs(a * b * (a + b) - 3 * proportional * s * v) / b ** 3).toBeLessThan(1e-9)
      },
    ),
  )
})

test('no other pair of points costs less', () => {
  fc.assert(
    fc.property(
      positive(1e-3, 5),
      positive(1e-4, 5),
      positive(-0.3, 0.3),
      positive(-0.3, 0.3),
      (p, k, moveA, moveB) => {
        const { inner, outer } = gammaBand({ proportional: p, fixed: k }, 1, 1, 1)
        const best = longRunCost(inner, outer, p, k)
        const other = [Math.max(0, inner * (1 + moveA)), outer * (1 + moveB)] as const
        fc.pre(other[1] > other[0] + 1e-6)
        expect(longRunCost(...other, p, k)).toBeGreaterThanOrEqual(best * (1 - 1e-9))
      },
    ),
  )
})

test('dearer trades and less aversion widen the band; more gamma does too', () => {
  const width = (proportional: number, fixed: number, gamma: number, aversion: number) =>
    gammaBand({ proportional, fixed }, 100, gamma, aversion).outer
  const here = width(0.001, 1, 0.02, 0.5)
  expect(width(0.002, 1, 0.02, 0.5)).toBeGreaterThan(here)
  expect(width(0.001, 2, 0.02, 0.5)).toBeGreaterThan(here)
  expect(width(0.001, 1, 0.03, 0.5)).toBeGreaterThan(here)
  expect(width(0.001, 1, 0.02, 1)).toBeLessThan(here)
})

describe('a deviation without gamma', () => {
  test('is traded only when the risk it takes away pays for the trade', () => {
    // Risk a σ²S²τ = 1e-4 × (0.5 × 90,000)² / 365 = 554.8; inner 0.0005 × 90,000 / 554.8 = 0.08111.
    const band = holdingBand({ proportional: 0.0005, fixed: 20 }, 90_000, 0.5, 1 / 365, 1e-4)
    expect(band.inner).toBeCloseTo(0.08111, 5)
    // At the outer point the risk saved by trading back to the inner one is the cost of doing so, gas included.
    const risk = (x: number) => 0.5 * 1e-4 * (0.5 * 90_000) ** 2 * (1 / 365) * x * x
    const saved = risk(band.outer) - risk(band.inner)
    expect(saved).toBeCloseTo(20 + 0.0005 * 90_000 * (band.outer - band.inner), 9)
  })

  test('the wider of two bands rules at either point', () => {
    expect(widerBand({ inner: 1, outer: 2 }, { inner: 0.5, outer: 3 })).toEqual({ inner: 1, outer: 3 })
  })
})

test('within the band nothing is traded, beyond it back to the inner point', () => {
  const band = { inner: 1, outer: 2 }
  expect([-3, -2, -1, 0, 2, 2.5].map((deviation) => bandTrade(deviation, band))).toEqual([2, 0, 0, 0, 0, -1.5])
})

test('who sells needs more volatility than is realised, who buys less, by Leland’s number', () => {
  // √(8/π) × 0.001 / (0.2 √(1/250)) = 0.12616.
  expect(lelandVolatility(0.2, 0.001, 1 / 250, -1)).toBeCloseTo(0.2 * Math.sqrt(1.12616), 5)
  expect(lelandVolatility(0.2, 0.001, 1 / 250, 1)).toBeCloseTo(0.2 * Math.sqrt(0.87384), 5)
  expect(lelandVolatility(0.2, 0.05, 1 / 250, 1)).toBe(0)
})

test.each([
  [{ proportional: -1, fixed: 0 }, 1, 1],
  [{ proportional: 0, fixed: Number.NaN }, 1, 1],
  [{ proportional: 0, fixed: 0 }, 0, 1],
  [{ proportional: 0, fixed: 0 }, 1, 0],
])('costs %j, price %d, aversion %d make no band', (costs, price, aversion) => {
  expect(() => gammaBand(costs, price, 1, aversion)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})
