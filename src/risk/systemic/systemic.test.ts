/**
 * Goal: the systemic measures are those of their papers.
 * Method: reference vectors (read from GIMBAL_SHARED; the names say so where it is absent), closed forms, definitions by brute force.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { SnapshotView } from '../../portfolio/marketView.ts'
import { absorptionOf, absorptionRatio, covariance, turbulence } from './absorption.ts'
import { concentrationOf, crowding, herfindahl } from './concentration.ts'
import { coVar, interpolatedQuantile, marginalExpectedShortfall, systemReturns } from './contagion.ts'
import { CorrelationRegime } from './correlationRegime.ts'
import { type FireSaleSystem, fireSaleRounds } from './fireSale.ts'
import { clearingPrice } from './leverageClearing.ts'
import { quantileRegression } from './quantileRegression.ts'
import { symmetricEigen } from './symmetricEigen.ts'

function vectors<Case>(name: string): readonly Case[] | undefined {
  const path = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors', `${name}.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { cases: Case[] }).cases : undefined
}

interface SystemicCase {
  readonly X: readonly (readonly number[])[]
  readonly absorption_ratio: Readonly<Record<string, number>>
  readonly turbulence_first5: readonly number[]
  readonly qr: { readonly alpha: number; readonly beta: number; readonly objective: number }
  readonly VaR5: number
  readonly CoVaR5: number
  readonly DeltaCoVaR5: number
  readonly MES5: number
}

/** Within a relative distance. */
function near(found: number, expected: number, relative: number): void {
  expect(Math.abs(found - expected), `${found} for ${expected}`).toBeLessThanOrEqual(relative * Math.abs(expected))
}

const systemic = vectors<SystemicCase>('t09_systemic_measures')
test(`absorption, turbulence, CoVaR and MES match the vectors${systemic ? '' : ' (absent: not compared)'}`, () => {
  for (const each of systemic ?? []) {
    const returns = each.X[0]!.map((_, asset) => Float64Array.from(each.X, (row) => row[asset]!))
    for (const [components, ratio] of Object.entries(each.absorption_ratio))
      near(absorptionRatio(returns, Number(components)), ratio, 1e-12)
    const distances = turbulence(returns)
    for (const [t, distance] of each.turbulence_first5.entries()) near(distances[t]!, distance, 1e-11)
    const system = systemReturns(returns)
    const found = coVar(returns[0]!, system, 0.05)
    near(found.loss, each.qr.objective, 1e-12)
    near(found.intercept, each.qr.alpha, 1e-9)
    near(found.slope, each.qr.beta, 1e-9)
    near(found.valueAtRisk, each.VaR5, 1e-12)
    near(found.coVar, each.CoVaR5, 1e-9)
    near(found.deltaCoVar, each.DeltaCoVaR5, 1e-9)
    near(marginalExpectedShortfall(returns[0]!, system, 0.05), each.MES5, 1e-12)
  }
})

interface FireSaleCase {
  readonly kind: 'fire_sale'
  readonly Pi: number[][]
  readonly C: number[]
  readonly illiquid: number[]
  readonly lmax: number
  readonly ltarget: number
  readonly D: number[]
  readonly shock: number[]
  readonly rounds: readonly Readonly<Record<string, number[]>>[]
}

interface ClearingCase {
  readonly kind: 'tfg_clearing'
  readonly funds_W: number[]
  readonly beta: number[]
  readonly lambda_max: number
  readonly noise_dollar_demand: number
  readonly N: number
  readonly V: number
  readonly price: number
}

const firesale = vectors<FireSaleCase | ClearingCase>('t09_firesale_tfg')
test(`fire sales and clearing match the vectors${firesale ? '' : ' (absent: not compared)'}`, () => {
  for (const each of firesale ?? []) {
    if (each.kind === 'tfg_clearing') {
      const { funds_W: wealth, beta: aggression, lambda_max: leverageMax, N: supply, V: value } = each
      const market = { wealth, aggression, leverageMax, noiseDemand: each.noise_dollar_demand, supply, value }
      near(clearingPrice(market), each.price, 1e-13)
      continue
    }
    const { Pi: holdings, C: capital, illiquid, lmax: leverageMax, ltarget: leverageTarget, D: depth, shock } = each
    const rounds = fireSaleRounds({ holdings, capital, illiquid, leverageMax, leverageTarget, depth }, shock)
    expect(rounds.length).toBe(each.rounds.length)
    for (const [k, expected] of each.rounds.entries()) {
      for (const field of ['deleveraged', 'volume', 'impact', 'loss', 'capital', 'leverage'] as const) {
        for (const [i, value] of expected[field]!.entries())
          if (typeof value === 'string') expect(rounds[k]![field][i]).toBe(Number(value))
          else expect(rounds[k]![field][i], `${k} ${field} ${i}`).toBeCloseTo(value, 11)
      }
    }
  }
})

describe('eigenvalues', () => {
  const size = fc.integer({ min: 1, max: 9 })
  test('rebuild the matrix from orthogonal vectors, in descending order', () => {
    fc.assert(
      fc.property(size, fc.integer({ min: 0, max: 1e9 }), (n, seed) => {
        const random = new Random(seed)
        const matrix = new Float64Array(n * n)
        for (let i = 0; i < n; i++)
          for (let j = i; j < n; j++)
            matrix[i * n + j] = matrix[j * n + i] = random.normal() * 10 ** random.integer(-3, 3)
        const norm = Math.sqrt(matrix.reduce((sum, each) => sum + each * each, 0))
        const { values, vectors: rows } = symmetricEigen(matrix)
        for (let i = 0; i < n; i++) {
          if (i > 0) expect(values[i]!).toBeLessThanOrEqual(values[i - 1]!)
          for (let j = 0; j < n; j++) {
            let dot = 0
            let rebuilt = 0
            for (let k = 0; k < n; k++) {
              dot += rows[i * n + k]! * rows[j * n + k]!
              rebuilt += values[k]! * rows[k * n + i]! * rows[k * n + j]!
            }
            expect(Math.abs(dot - (i === j ? 1 : 0))).toBeLessThan(1e-12)
            expect(Math.abs(rebuilt - matrix[i * n + j]!)).toBeLessThan(1e-12 * norm)
          }
        }
      }),
      { numRuns: 60 },
    )
  })

  test('of equal correlations are known in closed form', () => {
    const n = 8
    const rho = 0.3
    const matrix = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1 : rho))
    const { values } = symmetricEigen(matrix)
    near(values[0]!, 1 + (n - 1) * rho, 1e-14)
    near(values[7]!, 1 - rho, 1e-13)
    near(absorptionOf(matrix, 1), (1 + (n - 1) * rho) / n, 1e-14)
  })

  test('refuse what is no matrix of numbers', () => {
    expect(() => symmetricEigen(Float64Array.of(1, 2, 3))).toThrow('argument-invalid')
    expect(() => symmetricEigen(Float64Array.of(Number.NaN))).toThrow('argument-invalid')
  })
})

describe('turbulence', () => {
  test('averages the number of assets times (n − 1)/n over its own sample', () => {
    const random = new Random(3)
    const returns = [0, 1, 2].map(() => Float64Array.from({ length: 200 }, () => random.normal()))
    const sum = turbulence(returns).reduce((total, each) => total + each, 0)
    near(sum, 3 * 199, 1e-12)
  })

  test('of assets in lockstep is refused and not infinite', () => {
    const row = Float64Array.of(1, -2, 3, 0.5)
    expect(() => turbulence([row, row.slice()])).toThrow('lockstep')
    expect(covariance([row, row])[1]).toBe(covariance([row, row])[0])
  })
})

describe('quantile regression', () => {
  test('is no worse than any line through two points, ties and repeated regressors included', () => {
    const figure = fc.integer({ min: -6, max: 6 })
    const points = fc.array(fc.tuple(figure, figure), { minLength: 3, maxLength: 14 })
    fc.assert(
      fc.property(points, fc.constantFrom(0.05, 0.25, 0.5, 0.9), (pairs, q) => {
        const x = Float64Array.from(pairs, ([each]) => each)
        const y = Float64Array.from(pairs, ([, each]) => each)
        fc.pre(x.some((each) => each !== x[0]))
        const loss = (a: number, b: number) =>
          y.reduce((sum, each, i) => {
            const error = each - a - b * x[i]!
            return sum + (error >= 0 ? q * error : (q - 1) * error)
          }, 0)
        let least = Number.POSITIVE_INFINITY
        for (let i = 0; i < x.length; i++)
          for (let j = 0; j < i; j++) {
            if (x[i] === x[j]) continue
            const slope = (y[i]! - y[j]!) / (x[i]! - x[j]!)
            least = Math.min(least, loss(y[i]! - slope * x[i]!, slope))
          }
        const line = quantileRegression(x, y, q)
        expect(line.loss).toBeLessThanOrEqual(least + 1e-9)
        expect(line.loss).toBeCloseTo(loss(line.intercept, line.slope), 9)
      }),
      { numRuns: 300 },
    )
  })

  test('refuses a regressor that never differs', () => {
    const flat = new Float64Array(5).fill(2)
    expect(() => quantileRegression(flat, Float64Array.of(1, 2, 3, 4, 5), 0.5)).toThrow('argument-invalid')
  })

  test('an interpolated quantile of 1 to 5 at 0.3 is 2.2', () => {
    expect(interpolatedQuantile(Float64Array.of(5, 1, 3, 2, 4), 0.3)).toBeCloseTo(2.2, 14)
  })
})

describe('fire sales', () => {
  const system: FireSaleSystem = {
    holdings: [[60, 40]],
    capital: [10],
    illiquid: [0],
    leverageMax: 33,
    leverageTarget: 30,
    depth: [1e4, 1e4],
  }

  test('a system within its limits sells nothing', () => {
    expect(fireSaleRounds(system, [0.01, 0.01])).toEqual([])
  })

  test('a shock beyond the capital sells everything', () => {
    expect(fireSaleRounds(system, [0.2, 0.2])[0]!.deleveraged).toEqual([1])
  })

  test('what is no system is refused', () => {
    expect(() => fireSaleRounds({ ...system, depth: [0, 1] }, [0, 0])).toThrow('argument-invalid')
    expect(() => fireSaleRounds(system, [Number.NaN, 0])).toThrow('argument-invalid')
  })

  test('leveraged funds clear where supply meets demand', () => {
    const wealth = fc.array(fc.double({ min: -1e6, max: 1e8, noNaN: true }), { minLength: 1, maxLength: 6 })
    fc.assert(
      fc.property(
        wealth,
        fc.double({ min: 0, max: 2e9, noNaN: true }),
        fc.integer({ min: 1, max: 20 }),
        (w, noise, l) => {
          const aggression = w.map((_, i) => 5 * (i + 1))
          const market = { wealth: w, aggression, leverageMax: l, noiseDemand: noise, supply: 1e9, value: 1 }
          const price = clearingPrice(market)
          const demand = w.reduce((sum, own, i) => {
            const leverage = Math.min(aggression[i]! * Math.max(1 - price, 0), l)
            return sum + leverage * Math.max(0, own)
          }, noise)
          expect(Math.abs(1e9 * price - demand)).toBeLessThan(1e-9 * (1e9 + demand))
        },
      ),
    )
  })
})

describe('concentration', () => {
  test('runs from one part in n to 1', () => {
    expect(herfindahl([5, -5, 5, 5])).toBeCloseTo(0.25, 14)
    expect(herfindahl([7, 0])).toBe(1)
    expect(herfindahl([])).toBeNaN()
    expect(() => herfindahl([Number.NaN])).toThrow('argument-invalid')
  })

  test('a hedge over two venues is spread over both and leans nowhere', () => {
    const market = new SnapshotView({ timeUs: 0, spot: { BTC: 50_000 } })
    const perp = (size: number) =>
      ({ kind: 'perp', asset: 'BTC', size, payoff: 'linear', entry: 50_000, settle: 'USDC' }) as const
    const account = (venue: string, size: number) => ({ venue, balances: {}, positions: [perp(size)] })
    const book = { accounts: [account('alpha', 1), account('beta', -1)], inTransit: [] }
    const found = concentrationOf(book, market)
    expect(found.gross).toBeCloseTo(100_000, 6)
    expect(found.oneSided).toBeCloseTo(0, 9)
    expect(found.venueIndex).toBeCloseTo(0.5, 9)
    expect(found.assetIndex).toBeCloseTo(1, 9)
    expect(crowding(-1e6, 1e7, 5e5)).toEqual({ openInterestShare: 0.1, depths: 2 })
    expect(crowding(1, Number.NaN, 0)).toEqual({ openInterestShare: Number.NaN, depths: Number.NaN })
  })
})

test('markets that fall together turn tight, then one, and are ordinary before', () => {
  const random = new Random(11)
  const regime = new CorrelationRegime(4, { halfLife: 30, usualHalfLife: 2_000, warmup: 60 })
  const prices = new Float64Array(4).fill(100)
  const step = (shared: number) => {
    const all = random.normal()
    for (let i = 0; i < 4; i++)
      prices[i]! *= Math.exp(0.001 * (shared * all + Math.sqrt(1 - shared * shared) * random.normal()))
    regime.observe(prices)
  }
  expect(regime.state).toBe('unknown')
  for (let t = 0; t < 2_000; t++) step(0.5)
  expect(Math.abs(regime.correlation - 0.25)).toBeLessThan(0.25)
  expect(regime.absorption).toBeGreaterThan(0.25)
  for (let t = 0; t < 40; t++) step(0.9)
  expect(regime.state).toBe('tight')
  for (let t = 0; t < 300; t++) step(0.999)
  expect(regime.state).toBe('one')
  expect(regime.absorption).toBeGreaterThan(0.97)
})

test('a return that is no number has no quantile and no shortfall', () => {
  const holed = Float64Array.of(0.1, Number.NaN, -0.2, 0.3)
  const whole = Float64Array.of(0.1, 0.2, -0.2, 0.3)
  expect(() => marginalExpectedShortfall(holed, whole, 0.5)).toThrow('argument-invalid')
  expect(() => marginalExpectedShortfall(whole, holed, 0.5)).toThrow('argument-invalid')
  expect(() => interpolatedQuantile(new Float64Array(0), 0.5)).toThrow('argument-invalid')
  expect(() => coVar(whole, holed, 0.05)).toThrow('argument-invalid')
})

test('no more than all of the variance is ever absorbed', () => {
  const random = new Random(3)
  for (let k = 0; k < 200; k++) {
    // Assets in lockstep: what is left over is rounding of either sign.
    const move = Float64Array.from({ length: 30 }, () => random.normal())
    const returns = Array.from({ length: 6 }, (_, i) => move.map((each) => each * (i + 0.1)))
    for (const components of [1, 3, 6]) expect(absorptionRatio(returns, components)).toBeLessThanOrEqual(1)
  }
})
