/**
 * Goal: the estimators that markets are judged by are those of the literature.
 *
 * Method: public reference vectors where they are at hand; processes whose facts are known; and a few figures by hand.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import {
  absolutePowerLaw,
  aggregateReturns,
  autocorrelation,
  excessKurtosis,
  hillIndex,
  kurtosisByAggregation,
  leverageCorrelation,
  skewness,
  varianceRatio,
  volumeVolatilityCorrelation,
} from './stylisedFacts.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors')

interface FactsCase {
  r: number[]
  hill: Record<string, number>
  acf_abs_1_5_20_100: number[]
  acf_sq_1_10: number[]
  acf_ret_1: number
  acf_abs_powerlaw_slope: number
  n_pos_lags: number
  excess_kurtosis_biased: number
  skew_biased: number
  leverage_corr_1_2_5: number[]
  kurtosis_aggregated_1_5_20: number[]
  variance_ratio_q5: number
}

const there = existsSync(VECTORS)
describe.skipIf(!there)(there ? 'reference vectors' : 'reference vectors: none here (GIMBAL_SHARED)', () => {
  test('t09: every estimator to 1e-10', () => {
    const { cases } = JSON.parse(readFileSync(join(VECTORS, 't09_stylised_facts.json'), 'utf8')) as {
      cases: FactsCase[]
    }
    expect(cases.length).toBeGreaterThan(0)
    const findings: string[] = []
    for (const [index, each] of cases.entries()) {
      const { r } = each
      const sizes = r.map(Math.abs)
      const squares = r.map((x) => x * x)
      const pairs: [string, number, number][] = [
        ...Object.entries(each.hill).map(([k, v]): [string, number, number] => [`hill ${k}`, hillIndex(r, +k), v]),
        ...[1, 5, 20, 100].map((lag, i): [string, number, number] => [
          `acf |r| ${lag}`,
          autocorrelation(sizes, lag),
          each.acf_abs_1_5_20_100[i]!,
        ]),
        ...[1, 10].map((lag, i): [string, number, number] => [
          `acf r² ${lag}`,
          autocorrelation(squares, lag),
          each.acf_sq_1_10[i]!,
        ]),
        ['acf r', autocorrelation(r, 1), each.acf_ret_1],
        ['power law', absolutePowerLaw(r).exponent, each.acf_abs_powerlaw_slope],
        ['positive lags', absolutePowerLaw(r).positiveLags, each.n_pos_lags],
        ['kurtosis', excessKurtosis(r), each.excess_kurtosis_biased],
        ['skew', skewness(r), each.skew_biased],
        ...[1, 2, 5].map((lag, i): [string, number, number] => [
          `leverage ${lag}`,
          leverageCorrelation(r, lag),
          each.leverage_corr_1_2_5[i]!,
        ]),
        ...kurtosisByAggregation(r, [1, 5, 20]).map((value, i): [string, number, number] => [
          `aggregated ${i}`,
          value,
          each.kurtosis_aggregated_1_5_20[i]!,
        ]),
        ['variance ratio', varianceRatio(r, 5), each.variance_ratio_q5],
      ]
      for (const [name, given, wanted] of pairs)
        if (!(Math.abs(given - wanted) <= 1e-10 * Math.max(1, Math.abs(wanted))))
          findings.push(`case ${index} ${name}: ${given}, wanted ${wanted}`)
    }
    expect(findings).toEqual([])
  })
})

test('the tail index of Pareto returns is their exponent', () => {
  const random = new Random(2)
  const r = Array.from({ length: 50_000 }, () => (random.bits() > 0 ? 1 : -1) * (1 - random.uniform()) ** (-1 / 3))
  expect(Math.abs(hillIndex(r, 2000) - 3)).toBeLessThan(0.2)
})

test('a random walk has variance ratio 1, a trend more, a bounce less', () => {
  const random = new Random(4)
  const noise = Array.from({ length: 20_000 }, () => random.normal())
  const trend = noise.map((x, i) => x + 0.3 * (noise[i - 1] ?? 0))
  const bounce = noise.map((x, i) => x - 0.3 * (noise[i - 1] ?? 0))
  expect(Math.abs(varianceRatio(noise, 5) - 1)).toBeLessThan(0.05)
  // VR(5) = 1 + 2 Σ (1 − k/5) ρ_k with ρ_1 = ±0.3/1.09.
  expect(Math.abs(varianceRatio(trend, 5) - (1 + (1.6 * 0.3) / 1.09))).toBeLessThan(0.05)
  expect(Math.abs(varianceRatio(bounce, 5) - (1 - (1.6 * 0.3) / 1.09))).toBeLessThan(0.05)
})

test('clustered volatility: absolute returns remember, returns do not, kurtosis falls as they are summed', () => {
  const random = new Random(6)
  let state = 0
  const r: number[] = []
  const volumes: number[] = []
  for (let i = 0; i < 30_000; i++) {
    state = 0.98 * state + 0.2 * random.normal()
    volumes.push(Math.exp(state / 2))
    r.push(Math.exp(state / 2) * random.normal())
  }
  expect(Math.abs(autocorrelation(r, 1))).toBeLessThan(0.05)
  expect(autocorrelation(r.map(Math.abs), 10)).toBeGreaterThan(0.1)
  const [one, twenty] = kurtosisByAggregation(r, [1, 500])
  expect(one!).toBeGreaterThan(twenty! + 0.5)
  expect(volumeVolatilityCorrelation(volumes, r)).toBeGreaterThan(0.3)
})

test('falls that raise volatility show as a negative leverage correlation', () => {
  const random = new Random(8)
  const r = [0]
  for (let i = 1; i < 20_000; i++) r.push(random.normal() * Math.exp(-0.2 * r[i - 1]!))
  expect(leverageCorrelation(r, 1)).toBeLessThan(-0.1)
  expect(Math.abs(leverageCorrelation(r, 5))).toBeLessThan(0.03)
})

test('aggregation sums steps and leaves an incomplete one out', () => {
  expect([...aggregateReturns([1, 2, 3, 4, 5], 2)]).toEqual([3, 7])
})

test('what is not defined is not a number', () => {
  expect(hillIndex([0, 0, 0, 0], 2)).toBeNaN()
  expect(hillIndex([1, 2], 2)).toBeNaN()
  expect(autocorrelation([1, 1, 1], 1)).toBeNaN()
  expect(excessKurtosis([1, 1])).toBeNaN()
  expect(varianceRatio([1, 2], 5)).toBeNaN()
})

test('a price that never moves has no facts, whatever its returns add up to by rounding', () => {
  for (const each of [0, 0.1, 1e-9, 1.1e12]) {
    const flat = new Float64Array(1000).fill(each)
    for (const figure of [
      autocorrelation(flat, 1),
      excessKurtosis(flat),
      skewness(flat),
      varianceRatio(flat, 5),
      leverageCorrelation(flat, 1),
      volumeVolatilityCorrelation(flat, flat),
    ])
      expect(figure).toBeNaN()
    expect(absolutePowerLaw(flat)).toEqual({ exponent: Number.NaN, positiveLags: 0 })
  }
})
