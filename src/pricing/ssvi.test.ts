/**
 * Goal: SSVI is the paper's, and its conditions mean what they promise.
 *
 * Method: the public vectors where they are; raw form against the formula; slices that meet the sufficient conditions judged by
 * the verdict that needs no grid, and pairs of them likewise.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import {
  phiHeston,
  phiPowerLaw,
  type SsviSlice,
  ssviButterflySufficient,
  ssviCalendarFree,
  ssviPhiWithin,
  ssviRaw,
  ssviVariance,
} from './ssvi.ts'
import { sviVariance } from './svi.ts'
import { butterflyFree, calendarFree } from './sviArbitrage.ts'

const vectors = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t02_svi_ssvi.json')
const away = (found: number, expected: number) => Math.abs(found / expected - 1)

describe.skipIf(!existsSync(vectors))('reference vectors (absent without the shared folder)', () => {
  test('φ, variance and the sufficient conditions agree to 1e-12', () => {
    const { cases } = JSON.parse(readFileSync(vectors, 'utf8')) as {
      cases: {
        kind: string
        theta: number
        rho: number
        phi: 'heston' | 'power'
        lambda: number
        eta: number
        gamma: number
        phi_value: number
        butterfly_sufficient: { lt4: boolean; le4: boolean }
        w: { k: number; w: number }[]
      }[]
    }
    let checked = 0
    for (const each of cases) {
      if (each.kind !== 'ssvi') continue
      const { theta, rho } = each
      const phi = (each.phi === 'heston' ? phiHeston(each.lambda) : phiPowerLaw(each.eta, each.gamma))(theta)
      expect(away(phi, each.phi_value)).toBeLessThan(1e-12)
      for (const { k, w } of each.w) {
        expect(away(ssviVariance({ theta, rho, phi }, k), w)).toBeLessThan(1e-12)
        expect(away(sviVariance(ssviRaw({ theta, rho, phi }), k), w)).toBeLessThan(1e-12)
        checked++
      }
      const { lt4, le4 } = each.butterfly_sufficient
      expect(ssviButterflySufficient({ theta, rho, phi })).toBe(lt4 && le4)
    }
    expect(checked).toBeGreaterThan(30)
  })
})

test("Heston's φ goes over from its series without a step", () => {
  const phi = phiHeston(1)
  expect(away(phi(0.01 - 1e-12), phi(0.01 + 1e-12))).toBeLessThan(1e-10)
  expect(phi(1e-12)).toBeCloseTo(0.5, 11)
})

test('what meets the sufficient conditions is free of butterflies at every strike; much steeper slices are not', () => {
  const random = new Random(1)
  for (let i = 0; i < 300; i++) {
    const wild: SsviSlice = {
      theta: 0.001 * 2000 ** random.uniform(),
      rho: 1.9 * random.uniform() - 0.95,
      phi: 100 * random.uniform(),
    }
    const slice = { ...wild, phi: ssviPhiWithin(wild) }
    expect(ssviButterflySufficient(slice)).toBe(true)
    expect(butterflyFree(ssviRaw(slice))).toBe(true)
    const steep = { ...slice, phi: (2.05 * 2) / (slice.theta * (1 + Math.abs(slice.rho))) }
    expect(butterflyFree(ssviRaw(steep))).toBe(false)
  }
})

test('curves that meet the calendar condition have slices that do not cross, and one that does not has', () => {
  const phi = phiPowerLaw(1.2, 0.4)
  expect(ssviCalendarFree(-0.4, phi, 0.01, 1)).toBe(true)
  const slice = (theta: number) => ssviRaw({ theta, rho: -0.4, phi: phi(theta) })
  for (let theta = 0.01; theta < 1; theta *= 1.3) expect(calendarFree(slice(theta), slice(1.2 * theta))).toBe(true)
  // θφ falling: wings flatten while the money rises.
  const falling = (theta: number) => 0.5 / theta ** 1.5
  expect(ssviCalendarFree(-0.4, falling, 0.1, 1)).toBe(false)
  const bad = (theta: number) => ssviRaw({ theta, rho: -0.4, phi: falling(theta) })
  expect(calendarFree(bad(0.1), bad(0.11))).toBe(false)
})

test('figures that are no slice are refused', () => {
  for (const fault of [{ theta: 0 }, { phi: -1 }, { rho: 1 }, { theta: Number.NaN }])
    expect(() => ssviRaw({ theta: 0.1, rho: 0, phi: 1, ...fault })).toThrow(
      expect.objectContaining({ code: 'argument-invalid' }),
    )
})
