/**
 * Goal: prices of Heston's model are right to eight digits and better, whatever the parameters.
 *
 * Method: published vectors; Black's formula, which the model becomes without volatility of variance; the series of the price in ξ
 * told by its own moments; parity and bounds over random markets; strikes integrated back into the moments of the price.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GimbalError } from '../core/errors.ts'
import { black76Price } from './black76.ts'
import { type HestonOption, hestonEstimate, hestonMeanVariance, hestonPrice } from './heston.ts'

const file = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t05_hedging_paths_risk.json')
const present = existsSync(file)

test(`prices of the reference vectors are met to 1e-8${present ? '' : ' (not checked: no reference vectors here)'}`, () => {
  if (!present) return
  const { cases } = JSON.parse(readFileSync(file, 'utf8')) as { cases: Record<string, number | string>[] }
  const options = cases.filter(({ kind }) => kind === 'heston_call') as unknown as Record<
    'S0' | 'K' | 'T_days' | 'kappa' | 'theta' | 'xi' | 'rho' | 'v0' | 'price',
    number
  >[]
  expect(options.length).toBeGreaterThan(2)
  for (const { S0, K, T_days, kappa, theta, xi, rho, v0, price } of options) {
    const option: HestonOption = { right: 1, forward: S0, strike: K, years: T_days / 365, kappa, theta, xi, rho, v0 }
    const told = hestonEstimate(option)
    expect(Math.abs(told.price - price)).toBeLessThan(1e-11 * S0)
    expect(told.error).toBeLessThan(1e-11 * S0)
    expect(told.evaluations).toBeLessThan(20_000)
  }
})

const anyOption = fc.record({
  right: fc.constantFrom<1 | -1>(1, -1),
  forward: fc.constant(100),
  strike: fc.double({ min: 50, max: 200, noNaN: true }),
  years: fc.double({ min: 0.02, max: 3, noNaN: true }),
  v0: fc.double({ min: 0.01, max: 1, noNaN: true }),
  kappa: fc.double({ min: 0, max: 5, noNaN: true }),
  theta: fc.double({ min: 0.01, max: 1, noNaN: true }),
  xi: fc.double({ min: 0.05, max: 2, noNaN: true }),
  rho: fc.double({ min: -0.95, max: 0.95, noNaN: true }),
})

test('without volatility of variance it is Black at the mean variance, and near there the limit is smooth', () => {
  const option: HestonOption = {
    right: -1, forward: 100, strike: 90, years: 0.5, v0: 0.09, kappa: 2, theta: 0.25, xi: 0, rho: -0.5, rate: 0.05,
  } // biome-ignore format: one line
  const black = black76Price({
    right: -1,
    forward: 100,
    strike: 90,
    years: 0.5,
    volatility: Math.sqrt(hestonMeanVariance(option, 0.5) / 0.5),
    rate: 0.05,
  })
  expect(hestonPrice(option)).toBeCloseTo(black, 13)
  // First order in ξ: the difference falls in proportion, down to where doubles end.
  const lean = (hestonPrice({ ...option, xi: 1e-4 }) - black) / 1e-4
  for (const xi of [1e-5, 1e-6, 1e-7])
    expect((hestonPrice({ ...option, xi }) - black) / (lean * xi)).toBeCloseTo(1, xi > 5e-6 ? 3 : 2)
  expect(hestonPrice({ ...option, xi: 1e-30 })).toBeCloseTo(black, 11)
  expect(hestonPrice({ ...option, kappa: 0, xi: 1e-30 })).toBeGreaterThan(0)
})

test('calls and puts keep parity and bounds in any market, and more strike is a cheaper, convex call', () => {
  fc.assert(
    fc.property(anyOption, (option) => {
      const { forward, strike } = option
      const call = hestonPrice({ ...option, right: 1 })
      const put = hestonPrice({ ...option, right: -1 })
      expect(call - put).toBeCloseTo(forward - strike, 9)
      const up = hestonPrice({ ...option, right: 1, strike: strike * 1.02 })
      const down = hestonPrice({ ...option, right: 1, strike: strike * 0.98 })
      expect(down).toBeGreaterThanOrEqual(call - 1e-10)
      expect(call).toBeGreaterThanOrEqual(up - 1e-10)
      expect(down + up - 2 * call).toBeGreaterThan(-1e-9)
    }),
    { numRuns: 40 },
  )
})

test('puts and calls over all strikes add up to the mean variance: the log contract is worth half of it', () => {
  const model = { forward: 1, years: 0.5, v0: 0.2, kappa: 1.5, theta: 0.3, xi: 0.9, rho: -0.6 }
  let sum = 0
  const step = 0.02
  for (let i = -350; i <= 250; i++) {
    const k = i * step
    sum += hestonPrice({ ...model, right: i < 0 ? -1 : 1, strike: Math.exp(k) }) * Math.exp(-k) * step
  }
  // Trapezoids cut the corner at the money, where the slope falls by 1: step²/12 too much.
  expect(2 * (sum - (step * step) / 12)).toBeCloseTo(hestonMeanVariance(model, 0.5), 6)
})

test('what is no market is refused', () => {
  const good: HestonOption = {
    right: 1, forward: 100, strike: 90, years: 0.5, v0: 0.09, kappa: 2, theta: 0.25, xi: 0.5, rho: 0,
  } // biome-ignore format: one line
  for (const bad of [{ v0: -0.1 }, { rho: 1.1 }, { xi: Number.NaN }, { strike: 0 }, { years: -1 }, { right: 0 as 1 }])
    expect(() => hestonPrice({ ...good, ...bad })).toThrow(GimbalError)
  expect(hestonPrice({ ...good, years: 0 })).toBe(10)
  expect(hestonPrice({ ...good, v0: 0, theta: 0 })).toBe(10)
})

test('a model that moves more than its mean returns answers in time, and figures beyond all bounds are refused by name', () => {
  // Hundreds of millions of looks before.
  const wild = {
    v0: 0.8914253687098126,
    kappa: 0.018142727726685584,
    theta: 0.03766137803513814,
    xi: 3.885714584669395,
  }
  const terms = { rho: -0.3294955905527146, right: -1, forward: 100, strike: 78.25518382582472 } as const
  const found = hestonEstimate({ ...wild, ...terms, years: 3.6156628507407764, rate: 0.08768100181576582 })
  // By 24-point Gauss-Legendre over panels, agreed to 1e-11.
  expect(Math.abs(found.price - 9.088289380318285)).toBeLessThan(1e-9)
  expect(found.evaluations).toBeLessThan(1_500_000)
  const plain = {
    right: 1,
    forward: 100,
    strike: 100,
    years: 1,
    v0: 0.04,
    kappa: 1,
    theta: 0.04,
    xi: 0.5,
    rho: -0.5,
  } as const
  for (const name of ['forward', 'strike', 'years', 'v0', 'kappa', 'theta', 'xi'] as const) {
    try {
      expect(hestonEstimate({ ...plain, [name]: 1e308 }).price).toBeGreaterThanOrEqual(0)
    } catch (error) {
      expect((error as { code?: string }).code).toMatch(/^(argument-invalid|fit-failed)$/)
    }
  }
})
