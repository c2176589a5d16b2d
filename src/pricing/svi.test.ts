/**
 * Goal: a slice of SVI, its derivatives, its density and its jump-wings are what the paper says they are.
 *
 * Method: the public vectors where they are; the density against second differences of call prices, and its integrals; jump-wings
 * there and back over many slices.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { black76Price } from './black76.ts'
import {
  fromJumpWings,
  jumpWings,
  leeSlopes,
  type RawSvi,
  requireSvi,
  sviDensity,
  sviDurrleman,
  sviLeastVariance,
  sviPoint,
  sviVariance,
} from './svi.ts'

const vectors = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t02_svi_ssvi.json')
const away = (found: number, expected: number) => (found === expected ? 0 : Math.abs(found / expected - 1))

interface RawCase {
  readonly kind: string
  readonly params: RawSvi & { readonly T: number }
  readonly min_w: number
  readonly lee_right: number
  readonly lee_left: number
  readonly jw: Record<'v' | 'psi' | 'p' | 'c' | 'vt', number>
  readonly grid: readonly Record<'k' | 'w' | 'dw' | 'd2w' | 'g', number>[]
}

/** Slices with some of everything: skewed, shifted, pointed, flat. */
const slice = fc
  .record({
    least: fc.double({ min: 1e-4, max: 0.5, noNaN: true }),
    b: fc.double({ min: 1e-3, max: 0.9, noNaN: true }),
    rho: fc.double({ min: -0.95, max: 0.95, noNaN: true }),
    m: fc.double({ min: -0.5, max: 0.5, noNaN: true }),
    sigma: fc.double({ min: 0.02, max: 1, noNaN: true }),
  })
  .map(({ least, b, rho, m, sigma }) => ({ a: least - b * sigma * Math.sqrt(1 - rho * rho), b, rho, m, sigma }))

describe.skipIf(!existsSync(vectors))('reference vectors (absent without the shared folder)', () => {
  const { cases } = JSON.parse(existsSync(vectors) ? readFileSync(vectors, 'utf8') : '{"cases":[]}') as {
    cases: RawCase[]
  }
  const raw = cases.filter(({ kind }) => kind === 'raw')

  test('variance, slopes, curvature, g and jump-wings agree to 1e-12', () => {
    expect(raw.length).toBeGreaterThan(10)
    let worst = 0
    for (const { params, min_w, lee_left, lee_right, jw, grid } of raw) {
      for (const { k, w, dw, d2w, g } of grid) {
        const point = sviPoint(params, k)
        expect(point.g).toBe(sviDurrleman(params, k))
        expect(point.variance).toBe(sviVariance(params, k))
        worst = Math.max(
          worst,
          away(point.variance, w),
          away(point.slope, dw),
          away(point.curvature, d2w),
          away(point.g, g),
        )
      }
      const wings = jumpWings(params, params.T)
      const { left, right } = leeSlopes(params)
      worst = Math.max(worst, away(left, lee_left), away(right, lee_right), away(sviLeastVariance(params), min_w))
      worst = Math.max(worst, away(wings.variance, jw.v), away(wings.skew, jw.psi), away(wings.putWing, jw.p))
      worst = Math.max(worst, away(wings.callWing, jw.c), away(wings.leastVariance, jw.vt))
    }
    expect(worst).toBeLessThan(1e-12)
  })
})

test('jump-wings say all there is: a slice comes back from them', () => {
  fc.assert(
    fc.property(slice, fc.double({ min: 0.003, max: 3, noNaN: true }), (svi, years) => {
      // Where the least variance is at the money its curvature is lost: the paper's degenerate case.
      fc.pre(Math.abs(svi.m / Math.hypot(svi.m, svi.sigma) - svi.rho) > 0.05)
      const back = fromJumpWings(jumpWings(svi, years), years)
      for (const k of [-1, -0.2, 0, 0.3, 2]) expect(away(sviVariance(back, k), sviVariance(svi, k))).toBeLessThan(1e-8)
    }),
  )
})

test('jump-wings of no slice, or of many, are refused by name', () => {
  const wings = { variance: 0.2, skew: 0.1, putWing: 0.5, callWing: 0.6, leastVariance: 0.1 }
  const refused = expect.objectContaining({ code: 'argument-invalid' })
  expect(() => fromJumpWings(wings, 0.5)).not.toThrow()
  expect(() => fromJumpWings({ ...wings, skew: 3 }, 0.5)).toThrow(refused)
  expect(() => fromJumpWings({ ...wings, leastVariance: 0.3 }, 0.5)).toThrow(refused)
  expect(() => fromJumpWings({ ...wings, leastVariance: 0.2 }, 0.5)).toThrow(refused)
  expect(() => fromJumpWings({ ...wings, putWing: -0.7 }, 0.5)).toThrow(refused)
  expect(() => fromJumpWings(wings, -1)).toThrow(refused)
  expect(() => fromJumpWings({ ...wings, skew: Number.NaN }, 0.5)).toThrow(refused)
})

test('parameters that are no slice are refused', () => {
  const sound = { a: 0.01, b: 0.1, rho: -0.3, m: 0, sigma: 0.1 }
  expect(() => requireSvi(sound)).not.toThrow()
  for (const fault of [
    { a: -0.02 },
    { b: -0.1 },
    { rho: 1.01 },
    { sigma: 0 },
    { m: Number.NaN },
    { a: Number.POSITIVE_INFINITY },
  ])
    expect(() => requireSvi({ ...sound, ...fault })).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})

test('the density is the second difference of call prices, and integrates to one and to the forward', () => {
  const svi = { a: 0.02, b: 0.12, rho: -0.35, m: 0.03, sigma: 0.2 }
  const call = (strike: number) =>
    black76Price({
      right: 1,
      forward: 1,
      strike,
      years: 1,
      volatility: Math.sqrt(sviVariance(svi, Math.log(strike))),
    })
  for (const strike of [0.5, 0.8, 1, 1.1, 1.6]) {
    const h = 1e-3
    const second = (call(strike + h) - 2 * call(strike) + call(strike - h)) / (h * h)
    // Of ln S: times the strike.
    expect(away(sviDensity(svi, Math.log(strike)), second * strike)).toBeLessThan(1e-4)
  }
  let [mass, mean] = [0, 0]
  const step = 1e-3
  for (let k = -30; k < 30; k += step) {
    const density = sviDensity(svi, k) * step
    mass += density
    mean += density * Math.exp(k)
  }
  expect(mass).toBeCloseTo(1, 8)
  expect(mean).toBeCloseTo(1, 8)
})

test('the flat side of the steepest wing keeps its digits (60-digit figures)', () => {
  const svi = { a: 1e-6, b: 1.3, rho: -1, m: -0.7, sigma: 0.0017 }
  expect(away(sviVariance(svi, 45), 1.0411050328085371e-6)).toBeLessThan(1e-14)
  expect(away(sviPoint(svi, 45).variance, 1.0411050328085371e-6)).toBeLessThan(1e-14)
  expect(away(sviPoint(svi, 45).slope, -8.994536713369152e-10)).toBeLessThan(1e-14)
  // The mirror image.
  expect(sviPoint({ ...svi, rho: 1, m: 0.7 }, -45).slope).toBeCloseTo(8.994536713369152e-10, 24)
})
