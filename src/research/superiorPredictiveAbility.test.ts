/**
 * Goal: the best of many worthless models is called better than the benchmark as often as the level says, and not more.
 *
 * Method: reference vectors with a reproducible stream where the shared reference data are at hand; the size of the test over
 * many worlds without an edge, and its power in one with; block lengths against their theory.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { automaticBlockMean, blockShortfall, fewBlocks, resampledMeans, stationaryRows } from './stationaryBootstrap.ts'
import { superiorPredictiveAbility } from './superiorPredictiveAbility.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t04_spa_reality_check.json')
const FULL = process.env['FULL'] === '1'

/** The 48-bit congruential stream of the reference data. */
function stream(seed: number): () => number {
  let state = (BigInt(seed) << 16n) + 0x330en
  return () => {
    state = (0x5deece66dn * state + 0xbn) & 0xffffffffffffn
    return (Number(state) + 0.5) / 2 ** 48
  }
}

interface Case {
  readonly T: number
  readonly B: number
  readonly q: number
  readonly seed: number
  readonly d: number[][]
  readonly first_index_row: number[]
  readonly index_checksum: number
  readonly V_rc: number
  readonly p_reality_check: number
  readonly omega: number[]
  readonly T_spa: number
  readonly p_spa_lower: number
  readonly p_spa_consistent: number
  readonly p_spa_upper: number
}

describe.skipIf(!existsSync(VECTORS))('reference vectors (skipped where the shared reference data are absent)', () => {
  const cases = existsSync(VECTORS) ? (JSON.parse(readFileSync(VECTORS, 'utf8')) as { cases: Case[] }).cases : []
  test.each(cases.map((each) => [each.seed, each] as const))('seed %i', (_, each) => {
    const rows = new Uint32Array(each.T)
    const uniform = stream(each.seed)
    stationaryRows(rows, 1 / each.q, uniform)
    expect([...rows.subarray(0, 20)]).toEqual(each.first_index_row)
    let checksum = rows.reduce((sum, row) => sum + row, 0)
    for (let b = 1; b < each.B; b++) {
      stationaryRows(rows, 1 / each.q, uniform)
      checksum += rows.reduce((sum, row) => sum + row, 0)
    }
    expect(checksum).toBe(each.index_checksum)

    const differences = each.d[0]!.map((_value, k) => Float64Array.from(each.d, (row) => row[k]!))
    const found = superiorPredictiveAbility(differences, stream(each.seed), {
      resamples: each.B,
      blockMean: 1 / each.q,
    })
    expect(found.realityCheck.statistic).toBeCloseTo(each.V_rc, 10)
    expect(found.realityCheck.p).toBe(each.p_reality_check)
    each.omega.forEach((deviation, k) => {
      expect(found.deviation[k]).toBeCloseTo(deviation, 10)
    })
    expect(found.statistic).toBeCloseTo(each.T_spa, 10)
    expect(found.lower).toBe(each.p_spa_lower)
    expect(found.consistent).toBe(each.p_spa_consistent)
    expect(found.upper).toBe(each.p_spa_upper)
  })
})

function noise(random: Random, models: number, rows: number, edge = 0): Float64Array[] {
  return Array.from({ length: models }, (_, k) =>
    Float64Array.from({ length: rows }, () => random.normal() + (k === 0 ? edge : 0)),
  )
}

test('of models without an edge, the best is called better in 3 to 7 of 100 worlds at the 5 % level', () => {
  // At full size the standard error is 0.5 %; the small one only finds a test that is wholly off.
  const worlds = FULL ? 2000 : 150
  let [rejected, realityRejected] = [0, 0]
  for (let world = 0; world < worlds; world++) {
    const random = new Random(world).fork('no edge')
    const differences = noise(random, 10, 250)
    const found = superiorPredictiveAbility(differences, () => random.uniform(), { resamples: FULL ? 500 : 200 })
    if (found.consistent < 0.05) rejected++
    if (found.realityCheck.p < 0.05) realityRejected++
  }
  const [spa, reality] = [rejected / worlds, realityRejected / worlds]
  if (FULL) console.log(`rejected at 5 % under the null, ${worlds} worlds: SPA ${spa}, reality check ${reality}`)
  const [low, high] = FULL ? [0.03, 0.07] : [0.005, 0.11]
  expect(spa).toBeGreaterThan(low)
  expect(spa).toBeLessThan(high)
})

test('models that hang together in time are not mistaken for better ones', () => {
  const worlds = FULL ? 2000 : 150
  let [rejected, asPublished, oneByOne] = [0, 0, 0]
  for (let world = 0; world < worlds; world++) {
    const random = new Random(world).fork('no edge, autocorrelated')
    const differences = noise(random, 5, 250).map((series) => autoregression(series, 0.5))
    const p = (settings: object) =>
      superiorPredictiveAbility(differences, () => random.uniform(), { resamples: 300, ...settings })
    const found = p({})
    if (found.consistent < 0.05) rejected++
    if (p({ blockMean: found.blockMean }).consistent < 0.05) asPublished++
    if (p({ blockMean: 1 }).consistent < 0.05) oneByOne++
  }
  const [own, published, rows] = [rejected / worlds, asPublished / worlds, oneByOne / worlds]
  if (FULL)
    console.log(
      `rejected at 5 % under a null with autocorrelation 0.5, 250 rows, 5 models: SPA ${own}, as published ${published}, row by row ${rows}`,
    )
  expect(own).toBeLessThan(FULL ? 0.07 : 0.1)
  expect(own).toBeGreaterThan(FULL ? 0.03 : 0.005)
  expect(published).toBeGreaterThan(own)
  expect(rows).toBeGreaterThan(0.25)
})

test('blocks of an automatic length are no shorter than the rows overlap', () => {
  const differences = noise(new Random(8), 3, 200)
  const uniform = () => new Random(1).uniform()
  expect(superiorPredictiveAbility(differences, uniform, { resamples: 10, horizon: 24 }).blockMean).toBe(24)
  expect(superiorPredictiveAbility(differences, uniform, { resamples: 10 }).blockMean).toBeLessThan(24)
})

test('one better model among nine is found; hopeless company does not save the others', () => {
  const random = new Random(5)
  const better = superiorPredictiveAbility(noise(random, 10, 250, 0.3), () => random.uniform())
  expect(better.best).toBe(0)
  expect(better.consistent).toBeLessThan(0.01)
  // The reality check is dulled by models far worse than the benchmark and wildly spread; Hansen's is not.
  const crowd = noise(random, 40, 250).map((series, k) =>
    k === 0 ? series.map((x) => x * 0.2 + 0.04) : series.map((x) => 3 * x - 2),
  )
  const found = superiorPredictiveAbility(crowd, () => random.uniform())
  expect(found.consistent).toBeLessThan(0.05)
  expect(found.realityCheck.p).toBeGreaterThan(0.3)
  expect(found.lower).toBeLessThanOrEqual(found.consistent)
  expect(found.consistent).toBeLessThanOrEqual(found.upper)
})

test('a model equal to the benchmark is no better than it', () => {
  const random = new Random(6)
  const found = superiorPredictiveAbility([new Float64Array(50)], () => random.uniform(), { resamples: 50 })
  expect([found.statistic, found.consistent, found.realityCheck.p]).toEqual([0, 1, 1])
})

function autoregression(shocks: Float64Array, memory: number): Float64Array {
  let value = 0
  return shocks.map((shock) => (value = memory * value + shock))
}

describe('the stationary bootstrap', () => {
  test('block length is that of theory for autoregressions', () => {
    const random = new Random(11)
    const rows = 4000
    for (const memory of [0.3, 0.5, 0.7]) {
      let sum = 0
      for (let i = 0; i < 40; i++) sum += automaticBlockMean(autoregression(noise(random, 1, rows)[0]!, memory))
      const theory = ((2 * memory) / (1 - memory ** 2)) ** (2 / 3) * rows ** (1 / 3)
      expect(Math.abs(sum / 40 / theory - 1)).toBeLessThan(0.15)
    }
    expect(automaticBlockMean(new Float64Array(100).fill(3))).toBe(1)
  })

  test('means by blocks are the means of the rows drawn', () => {
    fc.assert(
      fc.property(
        fc.nat(1e6),
        fc.integer({ min: 3, max: 50 }),
        fc.double({ min: 1, max: 200, noNaN: true }),
        (seed, rows, block) => {
          const series = noise(new Random(seed), 2, rows)
          const draws = new Random(seed).fork('rows')
          const means = resampledMeans(series, 3, block, () => draws.uniform())
          const again = new Random(seed).fork('rows')
          const picked = new Uint32Array(rows)
          for (const mean of means) {
            stationaryRows(picked, block, () => again.uniform())
            for (const [k, values] of series.entries())
              expect(mean[k]).toBeCloseTo(picked.reduce((sum, row) => sum + values[row]!, 0) / rows, 10)
          }
        },
      ),
      { numRuns: 50 },
    )
  })

  test('what blocks cut of an autoregression is put back, and nothing where nothing hangs together', () => {
    const random = new Random(12)
    const rows = 500
    for (const [memory, block] of [
      [0, 1],
      [0.5, 4],
      [0.5, 12],
      [0.8, 10],
    ] as const) {
      let sum = 0
      for (let i = 0; i < 200; i++)
        sum += blockShortfall(autoregression(noise(random, 1, rows)[0]!, memory), block) ** 2
      // What the bootstrap's weights leave of Σ memory^|lag|, and the part lost to the fitted mean.
      const kept = memory * (1 - 1 / block)
      const theory = ((1 + memory) / (1 - memory) / ((1 + kept) / (1 - kept))) * (rows / (rows - 2 * block + 1))
      expect(Math.abs(sum / 200 / theory - 1)).toBeLessThan(0.12)
    }
    expect(blockShortfall(new Float64Array(100).fill(3), 5)).toBe(1)
    // Rows that overlap over twelve steps: blocks of twelve keep five eighths of their variance, and twice as much is not wanted.
    let sum = 0
    for (let i = 0; i < 200; i++) {
      const running = autoregression(noise(random, 1, 1012)[0]!, 1)
      const overlapping = running.subarray(12).map((value, row) => value - running[row]!)
      sum += blockShortfall(overlapping, 12, 12)
    }
    expect(sum / 200).toBeGreaterThan(1.1)
    expect(sum / 200).toBeLessThan(1.35)
  })

  test('ratios to a deviation known from few blocks spread as Student’s t does', () => {
    const random = new Random(13)
    for (const [freedom, quantile] of [
      [10, 1.812461],
      [30, 1.697261],
    ] as const) {
      let beyond = 0
      const draws = 100_000
      for (let i = 0; i < draws; i++)
        if (random.normal() * fewBlocks(5 * freedom, 5, () => random.uniform()) > quantile) beyond++
      expect(Math.abs(beyond / draws - 0.05)).toBeLessThan(0.003)
    }
    expect(fewBlocks(10, 5, () => 0)).toBeLessThan(100)
  })
})
