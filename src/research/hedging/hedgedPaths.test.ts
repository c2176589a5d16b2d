/**
 * Goal: hedges and the figures they are judged by are those of the literature, to the last digit where paths are given and
 * within sampling error where they are not.
 *
 * Method: reference paths and profits; pfhedge's million-path runs against our own paths (`FULL=1`: a million too); identities
 * of the risk measures on any profits. Where the reference (`GIMBAL_SHARED`) is absent its tests say so and compare nothing.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { type HedgeStudy, hedgePath, simulateHedges } from './hedgedPaths.ts'
import {
  conditionalValueAtRisk,
  entropicRisk,
  entropicStandardError,
  expectedShortfall,
  meanVarianceRisk,
} from './riskMeasures.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors')

function cases<Case>(name: string): Case[] {
  const path = join(VECTORS, `${name}.json`)
  return existsSync(path) ? (JSON.parse(readFileSync(path, 'utf8')) as { cases: Case[] }).cases : []
}

interface Hedged {
  readonly hedge: number[]
  readonly gain: number
  readonly cost: number
  readonly pnl: number
}
interface PathCase {
  readonly kind: 'hedge_path'
  readonly S: number[]
  readonly sigma: number
  readonly dt: number
  readonly K: number
  readonly cost: number
  readonly a: number
  readonly payoff: number
  readonly bs: Hedged
  readonly ww: Hedged
}
interface MeasureCase {
  readonly kind: 'risk_measures'
  readonly pnl: number[]
  readonly a: number
  readonly entropic: number
  readonly es_level: number
  readonly es_mean_worst_ceil_pn: number
  readonly cvar_rockafellar_uryasev: number
  readonly oce_mean_variance: number
}
interface RunCase {
  readonly model: string
  readonly cost: number
  readonly entropic_a1: number
  readonly entropic_se: number
  readonly es10: number
  readonly mean: number
  readonly std: number
  readonly N: number
}

const vectors = cases<PathCase | MeasureCase>('t05_hedging_paths_risk')
const absent = vectors.length > 0 ? '' : ' (reference absent: nothing compared)'

test(`hedges along given paths${absent}`, () => {
  const paths = vectors.filter((each) => each.kind === 'hedge_path')
  expect(paths.length).toBeGreaterThanOrEqual(absent === '' ? 4 : 0)
  for (const { S, sigma, dt, K, cost, a, payoff, bs, ww } of paths) {
    const study = { strike: K, volatility: sigma, stepYears: dt, cost, riskAversion: a }
    for (const [rule, known] of [
      ['delta', bs],
      ['band', ww],
    ] as const) {
      const path = hedgePath({ ...study, rule }, S)
      for (const [step, units] of known.hedge.entries()) expect(Math.abs(path.hedge[step]! - units)).toBeLessThan(1e-12)
      expect(Math.abs(path.gain - known.gain)).toBeLessThan(1e-12)
      expect(Math.abs(path.cost - known.cost)).toBeLessThan(1e-12)
      expect(Math.abs(path.profit - known.pnl)).toBeLessThan(1e-12)
      expect(Math.abs(path.payoff - payoff)).toBeLessThan(1e-12)
    }
  }
})

test(`risk measures of given profits${absent}`, () => {
  const measured = vectors.filter((each) => each.kind === 'risk_measures')
  expect(measured.length).toBeGreaterThanOrEqual(absent === '' ? 7 : 0)
  for (const each of measured) {
    const within = (value: number, known: number) =>
      expect(Math.abs(value - known)).toBeLessThan(1e-12 * Math.max(1, Math.abs(known)))
    within(entropicRisk(each.pnl, each.a), each.entropic)
    within(expectedShortfall(each.pnl, each.es_level), each.es_mean_worst_ceil_pn)
    within(conditionalValueAtRisk(each.pnl, each.es_level), each.cvar_rockafellar_uryasev)
    within(meanVarianceRisk(each.pnl, each.a), each.oce_mean_variance)
  }
})

const runs = cases<RunCase>('t05_pfhedge_reference_runs').filter(({ model }) => model === 'bs' || model === 'ww')
const full = process.env['FULL'] === '1'
const PATHS = full ? 1_000_000 : 20_000

test(`a million reference runs of delta and band hedges, against ${PATHS} of ours${absent}`, {
  timeout: 300_000,
}, () => {
  expect(runs.length).toBeGreaterThanOrEqual(absent === '' ? 10 : 0)
  for (const { model, cost, entropic_a1, entropic_se, es10, mean, std, N } of runs) {
    const study: HedgeStudy = {
      strike: 1,
      volatility: 0.2,
      stepYears: 1 / 250,
      cost,
      riskAversion: 1,
      rule: model === 'bs' ? 'delta' : 'band',
    }
    const profits = simulateHedges(study, 1, 20, PATHS, new Random(20))
    const error = Math.hypot(entropic_se, entropicStandardError(profits, 1))
    const entropic = entropicRisk(profits, 1)
    // Against the reference's own error too, as the bar is stated, when the sample is as large.
    expect(Math.abs(entropic - entropic_a1)).toBeLessThan(4 * error)
    let sum = 0
    for (const profit of profits) sum += profit
    expect(Math.abs(sum / PATHS - mean)).toBeLessThan(4 * std * Math.sqrt(1 / N + 1 / PATHS))
    // Of a tenth of the paths: their own deviation is less than that of all.
    expect(Math.abs(expectedShortfall(profits, 0.1) - es10)).toBeLessThan(4 * std * Math.sqrt(10 / PATHS + 10 / N))
  }
})

describe('any profits', () => {
  const profits = fc.array(fc.double({ min: -50, max: 50, noNaN: true }), { minLength: 1, maxLength: 60 })

  test('a certain gain lowers every measure by itself, and more aversion never lowers risk', () => {
    fc.assert(
      fc.property(profits, fc.double({ min: -20, max: 20, noNaN: true }), (paths, gift) => {
        const richer = paths.map((each) => each + gift)
        for (const measure of [
          (x: number[]) => entropicRisk(x, 0.7),
          (x: number[]) => expectedShortfall(x, 0.3),
          (x: number[]) => conditionalValueAtRisk(x, 0.3),
          (x: number[]) => meanVarianceRisk(x, 0.7),
        ])
          expect(measure(richer)).toBeCloseTo(measure(paths) - gift, 9)
        expect(entropicRisk(paths, 2)).toBeGreaterThanOrEqual(entropicRisk(paths, 0.5) - 1e-9)
      }),
    )
  })

  test('the conditional value at risk is the least of w + mean((−x − w)⁺)/level over all w', () => {
    fc.assert(
      fc.property(profits, fc.double({ min: 0.01, max: 1, noNaN: true }), (paths, level) => {
        const bound = (w: number) =>
          w + paths.reduce((sum, each) => sum + Math.max(0, -each - w), 0) / (level * paths.length)
        expect(conditionalValueAtRisk(paths, level)).toBeCloseTo(Math.min(...paths.map((each) => bound(-each))), 8)
      }),
    )
  })

  test.each([
    [[], 1],
    [[Number.NaN], 1],
    [[1], 0],
    [[1], -1],
  ])('%j with parameter %d is refused', (paths, parameter) => {
    for (const measure of [entropicRisk, expectedShortfall, conditionalValueAtRisk])
      expect(() => measure(paths, parameter)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  })

  test('a path without a step is refused', () => {
    const study = { strike: 1, volatility: 0.2, stepYears: 0.1, cost: 0, riskAversion: 1, rule: 'delta' } as const
    expect(() => hedgePath(study, [1])).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  })
})
