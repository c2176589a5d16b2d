/**
 * Goal: a Sharpe ratio is worth what the formulas say, to the ninth digit.
 *
 * Method: figures of the papers' own examples; every case of the reference vectors (40-digit arithmetic), where the shared
 * reference data are at hand.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { expectedBestSharpe, minimumBacktestLength, minimumTrackRecord, probabilisticSharpe } from './sharpe.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t04_psr_dsr_minbtl.json')

test('the example of the deflated Sharpe ratio: 2.5 a year, best of a hundred, is barely above chance', () => {
  const best = expectedBestSharpe(100, 0.5 / 250)
  expect(best).toBeCloseTo(0.1132, 4)
  expect(probabilisticSharpe(2.5 / Math.sqrt(250), best, 1250, -3, 10)).toBeCloseTo(0.9004, 4)
})

test('five years of data are not enough for more than 45 trials', () => {
  expect(minimumBacktestLength(45, 1)).toBeLessThan(5)
  expect(minimumBacktestLength(46, 1)).toBeGreaterThan(5)
  expect(minimumBacktestLength(1, 1)).toBe(0)
  for (const trials of [2, 10, 1000]) expect(minimumBacktestLength(trials, 2)).toBeLessThan((2 * Math.log(trials)) / 4)
})

interface Case {
  readonly kind: string
  readonly [figure: string]: number | string
}

describe.skipIf(!existsSync(VECTORS))('reference vectors (skipped where the shared reference data are absent)', () => {
  const cases = existsSync(VECTORS) ? (JSON.parse(readFileSync(VECTORS, 'utf8')) as { cases: Case[] }).cases : []
  const of = (...kinds: string[]) =>
    cases.filter(({ kind }) => kinds.includes(kind)) as unknown as Record<string, number>[]
  const near = (found: number, wanted: number) =>
    expect(Math.abs(found - wanted) / Math.max(1, Math.abs(wanted))).toBeLessThan(1e-9)

  test('probabilistic and deflated Sharpe ratio', () => {
    expect(of('psr').length + of('dsr', 'dsr_paper').length).toBeGreaterThan(40)
    for (const { sr, sr_star, T, skew, kurt, PSR } of of('psr'))
      near(probabilisticSharpe(sr!, sr_star!, T!, skew!, kurt!), PSR!)
    for (const { N, annual_sr, annual_var_trials, q, T, skew, kurt, SR0, DSR } of of('dsr', 'dsr_paper')) {
      const best = expectedBestSharpe(N!, annual_var_trials! / q!)
      near(best, SR0!)
      near(probabilisticSharpe(annual_sr! / Math.sqrt(q!), best, T!, skew!, kurt!), DSR!)
    }
  })

  test('minimum track record', () => {
    expect(of('min_trl').length).toBeGreaterThan(10)
    for (const { sr, sr_star, skew, kurt, alpha, minTRL_obs } of of('min_trl'))
      near(minimumTrackRecord(sr!, sr_star!, skew!, kurt!, alpha!) / minTRL_obs!, 1)
  })

  test('minimum backtest length', () => {
    expect(of('min_btl').length).toBeGreaterThan(2)
    for (const { N, E_max_SR, minBTL_years_exact, upper_bound_2lnN } of of('min_btl')) {
      near(minimumBacktestLength(N!, E_max_SR!) / minBTL_years_exact!, 1)
      expect(minimumBacktestLength(N!, E_max_SR!)).toBeLessThan(upper_bound_2lnN!)
    }
  })
})

test('a thousand million trials are counted as exactly as ten', () => {
  // scipy 1.17: (1 − γ) norm.isf(1e-9) + γ norm.isf(1e-9 / e).
  expect(Math.abs(expectedBestSharpe(1e9, 1) / 6.090388996413457 - 1)).toBeLessThan(1e-12)
})

test('skew and kurtosis no distribution has give no track record', () => {
  expect(probabilisticSharpe(1, 0, 100, 3, 2)).toBeNaN()
  expect(minimumTrackRecord(1, 0, 3, 2, 0.05)).toBeNaN()
})
