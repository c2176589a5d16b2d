/**
 * Goal: a study judges forecasts of what was not known, all of them on the same samples, and its figures are what they are
 * said to be.
 *
 * Method: the future of a window is changed beyond recognition, and the window's forecasts must not move; figures of the table
 * are reckoned again by definition; the statistic that decides is tried on losses without an edge that hang together, where it
 * must reject as seldom as it promises.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BLOCK_STEPS, HORIZON_US, plantedMarket, START_US } from '../../tests/research/plantedMarket.ts'
import { normalCdf } from '../core/errorFunction.ts'
import { Random } from '../core/random.ts'
import { qlike } from '../models/volatility/qlike.ts'
import { compareLosses } from './dieboldMariano.ts'
import { DEFAULT_LEARNER, type ForecastSamples, type LearnerSpec } from './forecastLearner.ts'
import { overlapping } from './splits.ts'
import {
  compare,
  judgeForecasts,
  labelsOf,
  type StudyPlan,
  skillTable,
  walkBaselines,
  walkModel,
  walkOf,
} from './study.ts'

const NAN = Number.NaN
const code = (expected: string) => expect.objectContaining({ code: expected })
const quiet = async () => {}
const LEARNER: LearnerSpec = {
  ...DEFAULT_LEARNER,
  baseColumns: ['next'],
  trees: { ...DEFAULT_LEARNER.trees, rounds: 20, rowsPerLeafMin: 30 },
}
const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

describe('labels', () => {
  const market = plantedMarket({ seed: 1, samples: 300, told: 1 })

  test('are variance, volume or demand; nothing else can be studied', () => {
    const { path } = market
    const [variance, volume, demand] = (['variance', 'volume', 'demand'] as const).map((quantity) =>
      labelsOf(market, quantity, HORIZON_US),
    )
    let squares = 0
    for (let i = 1; i <= BLOCK_STEPS; i++) squares += Math.log(path.price[i]! / path.price[i - 1]!) ** 2
    expect(variance!.label[0]).toBeCloseTo(squares, 15)
    expect(volume!.label[0]).toBeCloseTo(2 * path.buyVolume[BLOCK_STEPS]!, 9)
    expect(demand!.label[0]).toBeCloseTo(path.buyVolume[BLOCK_STEPS]! / 50, 9)
    expect(volume!.endsUs[3]).toBe(START_US + 4 * HORIZON_US)
    expect(() => labelsOf(market, 'return', HORIZON_US)).toThrow(code('argument-invalid'))
  })

  /** Trades in some blocks only, of a size of their own. */
  function volumes(of: (block: number) => number) {
    const { path } = market
    const each = path.buyVolume.map((_, i) => (i % BLOCK_STEPS === 1 ? of((i - 1) / BLOCK_STEPS) : 0))
    let sum = 0
    const traded = each.map((value) => (sum += value))
    const none = new Float64Array(path.points)
    return labelsOf({ ...market, path: { ...path, buyVolume: traded, sellVolume: none } }, 'volume', HORIZON_US).label
  }

  test('of nothing are raised to a tenth of the least of the beginning, whatever comes later', () => {
    // The first tenth of the samples, and fifty at least, trade 5 or nothing; later 0.6 and then as little as 1e-6.
    const label = volumes((block) => (block < 50 ? (block % 2) * 5 : block === 60 ? 0.6 : block === 70 ? 1e-6 : 0))
    expect([label[0], label[1], label[60], label[70], label[71]]).toEqual(
      [0.5, 5, 0.6, 0.5, 0.5].map((value) => expect.closeTo(value, 9)),
    )
  })

  test('of a market that begins in silence are raised by the first thing that happened; without any, nothing is known', () => {
    const label = volumes((block) => (block === 200 ? 3 : block === 250 ? 1 : 0))
    expect([label[0], label[200], label[250]]).toEqual([0.3, 3, 1].map((value) => expect.closeTo(value, 9)))
    expect(volumes(() => 0).every(Number.isNaN)).toBe(true)
  })
})

describe('a walk', () => {
  test('learns from labels that ended before its window, and tests every known label after the first share once', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 500, max: 900 }),
        fc.integer({ min: 1, max: 9 }),
        fc.constantFrom(0.4, 0.5, 0.7),
        fc.constantFrom(0, 0.3),
        fc.integer({ min: 1, max: 40 }),
        (samples, windows, firstShare, slideShare, horizon) => {
          const timesUs = Float64Array.from({ length: samples }, (_, i) => 1e6 * i)
          const endsUs = timesUs.map((timeUs, i) => (i + horizon < samples ? timeUs + 1e6 * horizon : NAN))
          const label = endsUs.map((endUs) => (Number.isNaN(endUs) ? NAN : 1))
          const walk = walkOf(timesUs, { label, endsUs }, { firstShare, windows, slideShare })
          const lastUs = timesUs[samples - 1]!
          let next = timesUs.findIndex((timeUs) => timeUs >= lastUs * firstShare)
          expect(walk.length).toBeLessThanOrEqual(windows)
          for (const { trainedUs, train, test } of walk) {
            for (const sample of test) expect(sample).toBe(next++)
            expect(timesUs[test[0]!]).toBeGreaterThanOrEqual(trainedUs)
            for (const sample of train) expect(endsUs[sample]).toBeLessThan(trainedUs)
            expect(overlapping({ timesUs, endsUs }, { train, test })).toBe(0)
            if (slideShare > 0) expect(timesUs[train[0]!]).toBeGreaterThanOrEqual(trainedUs - lastUs * slideShare)
            else expect(train[0]).toBe(0)
          }
          expect(next).toBe(samples - horizon)
        },
      ),
      { numRuns: 40 },
    )
  })

  test('is refused where fewer than two hundred samples come before the first forecast', () => {
    const walk = (samples: number) => {
      const timesUs = Float64Array.from({ length: samples }, (_, i) => 1e6 * i)
      const labels = { label: timesUs.map(() => 1), endsUs: timesUs.map((timeUs) => timeUs + 1) }
      return walkOf(timesUs, labels, { firstShare: 0.4, windows: 2, slideShare: 0 })
    }
    expect(() => walk(499)).toThrow(code('table-invalid'))
    expect(walk(500)).toHaveLength(2)
  })

  const market = plantedMarket({ seed: 2, samples: 700, told: 1 })
  const horizonUs = 3 * HORIZON_US
  const labels = labelsOf(market, 'variance', horizonUs)
  const { table, timesUs } = market
  const windows = walkOf(timesUs, labels, { firstShare: 0.4, windows: 3, slideShare: 0 })
  const samples: ForecastSamples = { table, timesUs, ...labels }
  const plan: StudyPlan = {
    ...{ quantity: 'variance', horizonUs, learner: LEARNER, seed: 1 },
    ...{ firstShare: 0.4, windows: 3, slideShare: 0 },
  }

  test('forecasts of a window do not depend on labels that ended in it or later', async () => {
    const honest = await walkModel(samples, windows, LEARNER, 1, quiet)
    expect(honest.fits).toHaveLength(3)
    for (const [index, { trainedUs, test: judged }] of windows.entries()) {
      const label = labels.label.map((value, i) => (labels.endsUs[i]! >= trainedUs ? 1e6 : value))
      const { forecast } = await walkModel({ ...samples, label }, windows.slice(0, index + 1), LEARNER, 1, quiet)
      for (const row of judged) expect(forecast[row]).toBe(honest.forecast[row])
    }
    expect(honest.forecast.slice(0, windows[0]!.test[0]).every(Number.isNaN)).toBe(true)
  })

  test('baselines of a sample do not depend on the path after it', async () => {
    const honest = await walkBaselines(market, labels, plan, windows, quiet)
    expect(honest.unfitted).toEqual([])
    expect(honest.forecasts.size).toBe(11)
    const random = new Random(3)
    for (const sample of [windows[0]!.test[0]!, windows[1]!.test[0]!, 500]) {
      const point = sample * BLOCK_STEPS
      const price = market.path.price.map((value, i) => (i > point ? value * Math.exp(random.normal()) : value))
      const { forecasts } = await walkBaselines(
        { ...market, path: { ...market.path, price } },
        labels,
        plan,
        windows,
        quiet,
      )
      for (const [name, forecast] of honest.forecasts) {
        expect(forecast[sample], name).toBeGreaterThan(0)
        expect(forecasts.get(name)!.slice(0, sample + 1), name).toEqual(forecast.slice(0, sample + 1))
      }
    }
  })

  test('a baseline that cannot be fitted to prices that stand still is named, and the others are kept', async () => {
    const still = { ...market.path, price: market.path.price.map(() => 1000) }
    const { unfitted, forecasts } = await walkBaselines({ ...market, path: still }, labels, plan, windows, quiet)
    expect(unfitted).toContain('garch')
    expect([...forecasts.keys()]).toContain('mean')
    expect(unfitted.filter((name) => forecasts.has(name))).toEqual([])
  })
})

describe('the judgement', () => {
  const timesUs = Float64Array.from({ length: 200 }, (_, i) => 2e6 * i)
  const random = new Random(4)
  const label = timesUs.map((_, i) => (i === 7 ? NAN : random.exponential(1)))
  const labels = { label, endsUs: timesUs.map((timeUs) => timeUs + 10e6) }
  const model = timesUs.map((_, i) => (i < 20 ? NAN : 1 + 0.1 * random.uniform()))
  const rival = timesUs.map((_, i) => (i === 30 ? NAN : i === 31 ? 0 : 1.5))
  const other = timesUs.map((_, i) => (i % 50 === 49 ? 40 : 0.9))
  const forecasts = new Map([
    ['rival', rival],
    ['model', model],
    ['other', other],
  ])
  const judged = judgeForecasts(labels, timesUs, forecasts, 10e6)
  const rows = [...timesUs.keys()].filter((i) => i >= 20 && i !== 30 && i !== 31)

  test('is on the samples where the truth and every forecast are known, for all of them', () => {
    expect(judged.rows).toEqual(rows)
    for (const [name, forecast] of forecasts)
      expect([...judged.losses.get(name)!]).toEqual(rows.map((i) => qlike(label[i]!, forecast[i]!)))
  })

  test('knows how many samples a forecast reaches over', () => {
    // Two of 180 places are empty: a step is a hair above two seconds.
    expect(judged.overlap).toBe(5)
    expect(judgeForecasts(labels, timesUs, forecasts, 1e6).overlap).toBe(1)
  })

  test('is refused on fewer than fifty samples', () => {
    const few = new Map([['model', model.map((value, i) => (i < 69 ? value : NAN))]])
    expect(() => judgeForecasts(labels, timesUs, few, 10e6)).toThrow(code('table-invalid'))
    few.set(
      'model',
      model.map((value, i) => (i < 70 ? value : NAN)),
    )
    expect(judgeForecasts(labels, timesUs, few, 10e6).rows).toHaveLength(50)
  })

  test('becomes a table: the model first, then baselines by their loss, each figure by its definition', () => {
    const plan = { quantity: 'variance', horizonUs: 10e6, seed: 1 } as const
    const table = skillTable(judged, labels, timesUs, forecasts, plan)
    const lossOf = (name: string) => [...judged.losses.get(name)!]
    expect(table.rows.map(({ name, role }) => [name, role])).toEqual([
      ['model', 'model'],
      ['rival', 'baseline'],
      ['other', 'baseline'],
    ])
    expect([table.samples, table.fromUs, table.toUs]).toEqual([rows.length, 40e6, 398e6])
    const own = mean(lossOf('model'))
    for (const { name, loss, low, high, excess, excessLow, excessHigh, dieboldMariano: t } of table.rows) {
      expect(loss).toBeCloseTo(mean(lossOf(name)), 12)
      expect(low).toBeLessThan(loss)
      expect(high).toBeGreaterThan(loss)
      const sorted = lossOf(name).sort((a, b) => a - b)
      // One of 178 is a hundredth, rounded down.
      expect(table.trimmed[name]).toBeCloseTo(mean(sorted.slice(0, sorted.length - 1)), 12)
      if (name === 'model') {
        expect([excess, excessLow, excessHigh, t]).toEqual([0, 0, 0, NAN])
        continue
      }
      expect(excess).toBeCloseTo(loss / own - 1, 12)
      expect(excessLow).toBeLessThan(excess)
      expect(excessHigh).toBeGreaterThan(excess)
      expect(Math.sign(t)).toBe(-Math.sign(excess))
      expect(t).toBe(compare(judged.losses.get('model')!, judged.losses.get(name)!, 5).t)
    }
    const logs = rows.map((i) => [Math.log(model[i]!), Math.log(label[i]!)] as const)
    const [x, y] = [mean(logs.map(([a]) => a)), mean(logs.map(([, b]) => b))]
    const moment = (of: (a: number, b: number) => number) => mean(logs.map(([a, b]) => of(a - x, b - y)))
    expect(table.logR2['model']).toBeCloseTo(
      moment((a, b) => a * b) ** 2 / (moment((a) => a * a) * moment((_, b) => b * b)),
      12,
    )
    expect(table.logR2['rival']).toBeNaN()
    expect(skillTable(judged, labels, timesUs, forecasts, plan)).toEqual(table)
  })
})

describe('the statistic', () => {
  /** Differences without an edge: sums of the last `overlap` draws, in storms and calms if asked. */
  function losses(random: Random, count: number, overlap: number, storms: boolean): [Float64Array, Float64Array] {
    let level = 0
    const draws = Float64Array.from({ length: count + overlap }, () => {
      level = storms ? 0.98 * level + 0.2 * random.normal() : 0
      return Math.exp(level) * random.normal()
    })
    const rival = new Float64Array(count).fill(10)
    const model = rival.map((value, i) => value + draws.subarray(i, i + overlap).reduce((sum, each) => sum + each, 0))
    return [model, rival]
  }

  test('is on the scale of the normal distribution, and its p says the same', () => {
    const random = new Random(5)
    const [model, rival] = losses(random, 60, 12, false)
    const { t, p } = compare(model, rival, 12)
    expect(2 * normalCdf(-Math.abs(t))).toBeCloseTo(p, 12)
    expect(t).toBe(compareLosses(model, rival, 12).score)
  })

  test('of losses without an edge that overlap, and come in storms, is below −1.65 in one study of twenty or little more', () => {
    for (const [overlap, storms] of [
      [1, false],
      [5, false],
      [5, true],
      [20, true],
    ] as const) {
      const random = new Random(6)
      let [below, tried] = [0, 0]
      for (; tried < 400; tried++) {
        const [model, rival] = losses(random, 600, overlap, storms)
        if (compare(model, rival, overlap).t < -1.65) below++
      }
      expect(below / tried, `overlap ${overlap}`).toBeLessThan(0.09)
      expect(below / tried, `overlap ${overlap}`).toBeGreaterThan(0.02)
    }
  })
})
