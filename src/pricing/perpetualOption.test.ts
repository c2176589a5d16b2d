/**
 * Goal: a perpetual option pays like an option and costs, over time, what an option costs.
 *
 * Method: payoffs and Greeks by hand; narrow ranges against Black-76 at every horizon; conservation of the premium between buyers,
 * sellers and the pool; simulated pools whose arbitrage is worked out step by step.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { GimbalError } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import { black76Price } from './black76.ts'
import {
  expectedPremium,
  type PerpetualLeg,
  type PoolStretch,
  perpetualOption,
  perpetualRange,
  premiumMultiples,
  runPerpetual,
} from './perpetualOption.ts'
import type { Right } from './right.ts'

const leg: PerpetualLeg = { right: -1, size: -2, strike: 2000, factor: 1.1 }

test('outside its range a leg is its payoff; sold and bought cancel', () => {
  for (const right of [1, -1] as Right[])
    for (const price of [1000, 1500, 2500, 4000]) {
      const exercise = Math.max(0, right * (price - 2000))
      const bought = perpetualOption({ ...leg, right, size: 2 }, price, 0.5)
      const sold = perpetualOption({ ...leg, right, size: -2 }, price, 0.5)
      expect(bought.value).toBeCloseTo(2 * exercise, 9)
      expect(bought.delta).toBeCloseTo(exercise > 0 ? 2 * right : 0, 12)
      expect(sold.value).toBeCloseTo(-bought.value, 9)
      expect(Math.abs(bought.gamma) + Math.abs(bought.theta)).toBe(0)
    }
})

test('in its range what is sold is short of gamma and paid for it: ½σ²P²|Γ|; Greeks are differences', () => {
  for (const right of [1, -1] as Right[]) {
    const at = (price: number, volatility = 0.6) => perpetualOption({ ...leg, right }, price, volatility)
    const { delta, gamma, theta, thetaVega } = at(2050)
    expect(gamma).toBeLessThan(0)
    expect(theta).toBeCloseTo(-0.5 * gamma * (0.6 * 2050) ** 2, 9)
    expect(delta).toBeCloseTo((at(2050.01).value - at(2049.99).value) / 0.02, 6)
    expect(gamma).toBeCloseTo((at(2050.01).delta - at(2049.99).delta) / 0.02, 8)
    expect(thetaVega).toBeCloseTo((at(2050, 0.601).theta - at(2050, 0.599).theta) / 0.002, 6)
  }
  // Calls and puts of a strike differ by a forward at it.
  const call = perpetualOption({ ...leg, right: 1 }, 2050, 0.6)
  const put = perpetualOption(leg, 2050, 0.6)
  expect(call.value - put.value).toBeCloseTo(-2 * (2050 - 2000), 9)
})

test('the premium expected until a time is the time value of the option that expires then', () => {
  fc.assert(
    fc.property(
      fc.constantFrom<Right>(1, -1),
      fc.double({ min: 1500, max: 2600, noNaN: true }),
      fc.double({ min: 0.3, max: 1, noNaN: true }),
      fc.double({ min: 0.02, max: 0.5, noNaN: true }),
      (right, price, volatility, years) => {
        const option = black76Price({ right, forward: price, strike: 2000, years, volatility })
        const timeValue = option - Math.max(0, right * (price - 2000))
        // A range of 0.2 %: nearly a strike. What is off is the width of the range at the money.
        const narrow = { right, size: -1, strike: 2000, factor: 1.002 }
        const premium = expectedPremium(narrow, price, volatility, years)
        expect(Math.abs(premium - timeValue)).toBeLessThan(1.1)
        const narrower = expectedPremium({ ...narrow, factor: 1.00002 }, price, volatility, years)
        expect(Math.abs(narrower - timeValue)).toBeLessThan(0.012)
        expect(expectedPremium({ ...narrow, size: 3 }, price, volatility, years)).toBeCloseTo(-3 * premium, 9)
      },
    ),
    { numRuns: 60 },
  )
})

test('what buyers pay and the pool collects is what sellers get', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 0.01, max: 1e6, noNaN: true }),
      fc.double({ min: 0, max: 1e6, noNaN: true }),
      fc.double({ min: 0, max: 2, noNaN: true }),
      (left, taken, spread) => {
        const { bought, sold } = premiumMultiples({ left, taken, spread })
        expect(((left + taken) * sold) / (left + taken * bought)).toBeCloseTo(1, 12)
        expect(bought).toBeGreaterThanOrEqual(sold)
        expect(sold).toBeGreaterThanOrEqual(1 - 1e-12)
      },
    ),
  )
  // A quarter of 9 over 1: buyers of nine tenths of a range pay 3.25 times its fees.
  expect(premiumMultiples({ left: 1, taken: 9 }).bought).toBe(3.25)
})

test('along simulated paths premium and payoff cancel in the mean where fees pay for the volatility', () => {
  const random = new Random(7)
  const volatility = 0.7
  const steps = 400
  const years = 0.1
  const step = years / steps
  const results: number[] = []
  let premiums = 0
  const runs = 800
  for (let run = 0; run < runs; run++) {
    const path: PoolStretch[] = []
    let price = 2000
    for (let i = 0; i < steps; i++) {
      const to = price * Math.exp(volatility * Math.sqrt(step) * random.normal() - 0.5 * volatility ** 2 * step)
      // Volume whose fees (0.3 %) pay for the volatility: γ × volume = σ² L √P/4.
      const volume = (volatility ** 2 * 1e5 * Math.sqrt(price) * step) / (4 * 0.003)
      path.push({ from: price, to, volume, poolLiquidity: 1e5 })
      price = to
    }
    const { payoff, premium, inRange } = runPerpetual(leg, 0.003, path)
    expect(inRange).toBeGreaterThan(0)
    results.push(payoff + premium)
    premiums += premium / runs
  }
  const mean = results.reduce((sum, one) => sum + one, 0) / runs
  const deviation = Math.sqrt(results.reduce((sum, one) => sum + (one - mean) ** 2, 0) / (runs - 1) / runs)
  expect(Math.abs(mean)).toBeLessThan(4 * deviation)
  // And the premium alone is what was expected: within 4 % for the steps and the luck.
  expect(premiums / expectedPremium(leg, 2000, volatility, years)).toBeCloseTo(1, 1)
  expect(Math.abs(premiums / expectedPremium(leg, 2000, volatility, years) - 1)).toBeLessThan(0.04)
})

test('fees of a stretch that leaves the range are those of the way within', () => {
  const { lower, upper, liquidity } = perpetualRange(leg)
  const whole = 0.003 * 1e6 * (liquidity / 1e5)
  const once = (from: number, to: number) =>
    runPerpetual(leg, 0.003, [{ from, to, volume: 1e6, poolLiquidity: 1e5 }]).premium
  expect(once(2000, 2010)).toBeCloseTo(whole, 9)
  expect(once(2000, 2000)).toBeCloseTo(whole, 9)
  expect(once(upper, upper * 2)).toBe(0)
  const beyond = (2 * Math.sqrt(upper) - Math.sqrt(lower)) ** 2
  expect(once(lower, beyond)).toBeCloseTo(0.5 * whole, 9)
  const use = { left: 1, taken: 1 }
  expect(
    runPerpetual({ ...leg, size: 2 }, 0.003, [{ from: 2000, to: 2010, volume: 1e6, poolLiquidity: 1e5 }], use).premium,
  ).toBeCloseTo(-1.25 * whole, 9)
})

test('what is no leg is refused', () => {
  for (const bad of [{ factor: 1 }, { strike: 0 }, { size: Number.NaN }, { right: 0 as Right }])
    expect(() => perpetualOption({ ...leg, ...bad }, 2000, 0.5)).toThrow(GimbalError)
  expect(() => perpetualOption(leg, -1, 0.5)).toThrow(GimbalError)
  expect(() => runPerpetual(leg, 0.003, [])).toThrow(GimbalError)
  expect(() => premiumMultiples({ left: 0, taken: 1 })).toThrow(GimbalError)
})
