/**
 * Goal: Hagan's volatility to the last digits, at the money as elsewhere, and parameters found again from volatilities.
 *
 * Method: the public vectors where they are; the expansion against itself a hair from the money; calibration to its own smiles.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { fitSabr, type Sabr, sabrVolatility } from './sabr.ts'

const vectors = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t02_sabr_hagan.json')
const away = (found: number, expected: number) => Math.abs(found / expected - 1)

describe.skipIf(!existsSync(vectors))('reference vectors (absent without the shared folder)', () => {
  test('volatility agrees to 1e-10, at the money too', () => {
    const { cases } = JSON.parse(readFileSync(vectors, 'utf8')) as {
      cases: (Sabr & { F: number; K: number; T: number; hagan_lognormal_vol: number })[]
    }
    expect(cases.length).toBeGreaterThan(20)
    for (const { F, K, T, hagan_lognormal_vol, ...sabr } of cases)
      expect(away(sabrVolatility(sabr, F, K, T), hagan_lognormal_vol)).toBeLessThan(1e-10)
  })
})

test('the smile passes through the money without a step, for any correlation', () => {
  for (const rho of [-0.999, -0.5, 0, 0.5, 0.999]) {
    const sabr = { alpha: 0.5, beta: 0.7, rho, nu: 1.5 }
    const money = sabrVolatility(sabr, 100, 100, 0.5)
    for (const hair of [1e-14, 1e-10, 1e-7]) {
      expect(away(sabrVolatility(sabr, 100, 100 * (1 + hair), 0.5), money)).toBeLessThan(100 * hair + 1e-14)
      expect(away(sabrVolatility(sabr, 100, 100 * (1 - hair), 0.5), money)).toBeLessThan(100 * hair + 1e-14)
    }
  }
})

test('with no volatility of volatility and β = 1 it is Black’s constant', () => {
  for (const strike of [20, 100, 400])
    expect(sabrVolatility({ alpha: 0.6, beta: 1, rho: 0.3, nu: 0 }, 100, strike, 2)).toBeCloseTo(0.6, 14)
})

test('parameters are found again from their own volatilities', () => {
  const strikes = [50, 65, 80, 90, 100, 110, 125, 150, 200]
  for (const [beta, rho, nu, years] of [
    [1, -0.4, 1.2, 0.1],
    [0.5, 0.3, 0.8, 1],
    [1, 0.05, 2.5, 0.02],
  ] as const) {
    const sabr = { alpha: 0.6 * 100 ** (1 - beta), beta, rho, nu }
    const smile = strikes.map((strike) => sabrVolatility(sabr, 100, strike, years))
    const fit = fitSabr(beta, 100, years, strikes, smile)
    expect(fit.distance).toBeLessThan(1e-9)
    expect(away(fit.sabr.alpha, sabr.alpha)).toBeLessThan(1e-6)
    expect(fit.sabr.rho).toBeCloseTo(rho, 6)
    expect(away(fit.sabr.nu, nu)).toBeLessThan(1e-6)
  }
})

test('what makes no sense is refused by name', () => {
  const refused = expect.objectContaining({ code: 'argument-invalid' })
  const sabr = { alpha: 0.5, beta: 0.7, rho: 0.1, nu: 1 }
  expect(() => sabrVolatility({ ...sabr, rho: 1 }, 100, 90, 1)).toThrow(refused)
  expect(() => sabrVolatility({ ...sabr, alpha: Number.NaN }, 100, 90, 1)).toThrow(refused)
  expect(() => sabrVolatility(sabr, 100, -90, 1)).toThrow(refused)
  expect(() => sabrVolatility(sabr, 100, 90, 0)).toThrow(refused)
  expect(() => fitSabr(1, 100, 1, [90, 100], [0.5, 0.5])).toThrow(refused)
  expect(() => fitSabr(1, 100, 1, [90, 100, 110], [0.5, Number.NaN, 0.5])).toThrow(refused)
})

test('where the expansion gives no volatility it gives no number', () => {
  const sabr = { alpha: 0.627, beta: 0.5, rho: 0.999, nu: 3.88 }
  expect(() => sabrVolatility(sabr, 3418, 1677, 3)).toThrow(expect.objectContaining({ code: 'fit-failed' }))
  const tame = { alpha: 0.6, beta: 0.5, rho: -0.3, nu: 1 }
  expect(() => sabrVolatility(tame, 1e200, 1e200, 1)).toThrow(expect.objectContaining({ code: 'fit-failed' }))
})
