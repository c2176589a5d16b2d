/**
 * Goal: realised measures are those of the papers.
 *
 * Method: public reference vectors where they are at hand; small cases reckoned by hand; limits (no jump, one jump, missing
 * returns); and range estimators on random walks of known variance.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import {
  bipowerVariation,
  garmanKlass,
  jumpShare,
  jumpStatistic,
  knownCount,
  lowerSemivariance,
  medRealisedVariance,
  minRealisedVariance,
  parkinson,
  realisedKurtosis,
  realisedQuarticity,
  realisedSkew,
  realisedVariance,
  rogersSatchell,
  tripowerQuarticity,
  upperSemivariance,
  yangZhang,
} from './realisedFormulas.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors')

interface RealisedCase {
  r: number[]
  RV: number
  BV_raw: number
  BV_adj_n_over_nm1: number
  TQ_adj: number
  RQ: number
  BNS_HT_ratio_z: number
  medRV: number
  minRV: number
  RSV_pos: number
  RSV_neg: number
}

function close(given: number, wanted: number, tolerance = 1e-12): void {
  expect(Math.abs(given / wanted - 1)).toBeLessThan(tolerance)
}

const there = existsSync(VECTORS)
describe.skipIf(!there)(there ? 'reference vectors' : 'reference vectors: none here (GIMBAL_SHARED)', () => {
  test('t03: realised variance, bipower, quarticities, jumps, semivariances to 1e-12', () => {
    const { cases } = JSON.parse(readFileSync(join(VECTORS, 't03_realised_measures.json'), 'utf8')) as {
      cases: RealisedCase[]
    }
    expect(cases.length).toBeGreaterThan(0)
    for (const each of cases) {
      const { r } = each
      const bipower = bipowerVariation(r)
      close(realisedVariance(r), each.RV)
      close(bipower, each.BV_adj_n_over_nm1)
      close((bipower * (r.length - 1)) / r.length, each.BV_raw)
      close(tripowerQuarticity(r), each.TQ_adj)
      close(realisedQuarticity(r), each.RQ)
      close(medRealisedVariance(r), each.medRV)
      close(minRealisedVariance(r), each.minRV)
      close(upperSemivariance(r), each.RSV_pos)
      close(lowerSemivariance(r), each.RSV_neg)
      const z = jumpStatistic(realisedVariance(r), bipower, tripowerQuarticity(r), r.length)
      close(z, each.BNS_HT_ratio_z, 1e-11)
    }
  })
})

test('four returns by hand', () => {
  const r = [0.01, -0.02, 0.01, 0.04]
  close(realisedVariance(r), 0.0022)
  close(bipowerVariation(r), ((Math.PI / 2) * (0.0002 + 0.0002 + 0.0004) * 4) / 3)
  close(minRealisedVariance(r), ((Math.PI / (Math.PI - 2)) * 0.0003 * 4) / 3)
  close(medRealisedVariance(r), ((Math.PI / (6 - 4 * Math.sqrt(3) + Math.PI)) * (0.0001 + 0.0004) * 4) / 2)
  close(realisedQuarticity(r), (4 / 3) * (1e-8 + 16e-8 + 1e-8 + 256e-8))
  close(lowerSemivariance(r), 0.0004)
  close(upperSemivariance(r), 0.0018)
  close(realisedKurtosis(r), (4 * 274e-8) / 0.0022 ** 2)
  close(realisedSkew(r), (2 * (1e-6 - 8e-6 + 1e-6 + 64e-6)) / 0.0022 ** 1.5)
})

test('one jump in normal returns raises variance and the statistic, and hardly the robust measures', () => {
  const random = new Random(7)
  const calm = Array.from({ length: 288 }, () => 0.001 * random.normal())
  const jumped = calm.with(100, 0.03)
  const z = (r: number[]) => jumpStatistic(realisedVariance(r), bipowerVariation(r), tripowerQuarticity(r), r.length)
  expect(Math.abs(z(calm))).toBeLessThan(3)
  expect(z(jumped)).toBeGreaterThan(5)
  expect(jumpShare(realisedVariance(jumped), bipowerVariation(jumped))).toBeGreaterThan(0.6)
  expect(medRealisedVariance(jumped) / medRealisedVariance(calm)).toBeLessThan(1.05)
  expect(minRealisedVariance(jumped) / minRealisedVariance(calm)).toBeLessThan(1.05)
})

test('every robust measure estimates the variance of normal returns', () => {
  const random = new Random(3)
  const r = Array.from({ length: 200_000 }, () => random.normal())
  for (const measure of [realisedVariance, bipowerVariation, medRealisedVariance, minRealisedVariance])
    expect(Math.abs(measure(r) / r.length - 1)).toBeLessThan(0.02)
  for (const measure of [realisedQuarticity, tripowerQuarticity])
    expect(Math.abs(measure(r) / r.length ** 2 - 1)).toBeLessThan(0.03)
  expect(Math.abs(realisedKurtosis(r) - 3)).toBeLessThan(0.05)
})

test('a missing return leaves no product across it', () => {
  const r = [0.01, Number.NaN, 0.02, 0.03]
  expect(knownCount(r)).toBe(3)
  close(bipowerVariation(r), ((Math.PI / 2) * 0.0006 * 3) / 1)
  expect(medRealisedVariance(r)).toBeNaN()
  expect(tripowerQuarticity(r)).toBeNaN()
  close(realisedVariance(r), 0.0014)
  expect(realisedVariance([Number.NaN])).toBeNaN()
})

test('a market that stands still has no jump share, skew or kurtosis', () => {
  const r = [0, 0, 0, 0]
  expect(realisedVariance(r)).toBe(0)
  for (const figure of [realisedSkew(r), realisedKurtosis(r), jumpShare(0, 0), jumpStatistic(0, 0, 0, 4)])
    expect(figure).toBeNaN()
})

test('range estimators recover the variance of a finely watched random walk', () => {
  const random = new Random(5)
  const bars = 400
  const steps = 1000
  const sums = { parkinson: 0, garmanKlass: 0, rogersSatchell: 0 }
  const changes: number[] = []
  const ranges: number[] = []
  for (let bar = 0; bar < bars; bar++) {
    let [price, high, low] = [0, 0, 0]
    for (let i = 0; i < steps; i++) {
      price += random.normal() / Math.sqrt(steps)
      high = Math.max(high, price)
      low = Math.min(low, price)
    }
    const [h, l, c] = [high, low, price].map((each) => 100 * Math.exp(0.01 * each)) as [number, number, number]
    sums.parkinson += parkinson(h, l)
    sums.garmanKlass += garmanKlass(100, h, l, c)
    sums.rogersSatchell += rogersSatchell(100, h, l, c)
    changes.push(Math.log(c / 100))
    ranges.push(rogersSatchell(100, h, l, c))
  }
  // A walk seen at 1000 points reaches a little less far than the diffusion: about 5 % of its variance.
  for (const sum of Object.values(sums)) expect(Math.abs(sum / bars / 1e-4 - 0.95)).toBeLessThan(0.08)
  const whole = yangZhang(new Array<number>(bars).fill(0), changes, ranges)
  expect(Math.abs(whole / 1e-4 - 0.95)).toBeLessThan(0.08)
})

test('drift misleads Garman and Klass, not Rogers and Satchell', () => {
  // A straight rise has no variance.
  expect(rogersSatchell(100, 110, 100, 110)).toBeCloseTo(0, 15)
  expect(garmanKlass(100, 110, 100, 110)).toBeGreaterThan(0.0009)
})
