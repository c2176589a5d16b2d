/**
 * Goal: a forecast learns what can be learnt, from the samples it was given and from nothing else, and says how sure it is.
 *
 * Method: markets made so that the answer is known: variance that follows from features, times chi-squared noise. What the
 * learner may not see is changed beyond recognition, and nothing may change; what it claims of itself (weight, interval, loss)
 * is reckoned again by definition, block by block, and held against fresh draws of the same market; and crashes after calm.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { readSettings } from '../core/settings.ts'
import { type FittedSpec, loadModel } from '../models/artifact.ts'
import { BoostedModel } from '../models/boostedModel.ts'
import { predictTable } from '../models/learner.ts'
import { exponentiated, leastSquares } from '../models/linear/leastSquares.ts'
import { LinearModel, type LinearParameters } from '../models/linear/linearModel.ts'
import { CorrectionGuard, guardOf } from '../models/trees/correctionGuard.ts'
import { fitTrees } from '../models/trees/fitTrees.ts'
import { FlatPredictor } from '../models/trees/flatPredictor.ts'
import { TREE_SETTINGS } from '../models/trees/treeSettings.ts'
import { qlike } from '../models/volatility/qlike.ts'
import {
  DEFAULT_LEARNER,
  type FittedForecast,
  type ForecastSamples,
  fitForecast,
  fittedSpec,
  forecastRows,
  gathered,
  type LearnerSpec,
  readRow,
} from './forecastLearner.ts'

const HORIZON = 10
/** Quick to fit. */
const QUICK: LearnerSpec = {
  ...DEFAULT_LEARNER,
  baseColumns: ['level'],
  trees: { ...DEFAULT_LEARNER.trees, rounds: 60, learningRate: 0.1, rowsPerLeafMin: 30 },
}

interface Market extends ForecastSamples {
  readonly truth: Float64Array
}

/**
 * Variance exp(level + step): the level is in a column as it is, the step of 1 hides behind the sign of another, and a third
 * column is noise. What is seen of it is the mean square of eight draws.
 */
function market(seed: number, count: number, level = (random: Random) => random.normal()): Market {
  const random = new Random(seed)
  const columns = [0, 1, 2].map(() => new Float64Array(count))
  const truth = new Float64Array(count)
  const label = new Float64Array(count)
  for (let i = 0; i < count; i++) {
    columns[0]![i] = level(random)
    columns[1]![i] = random.normal()
    columns[2]![i] = random.normal()
    truth[i] = Math.exp(columns[0]![i]! + (columns[1]![i]! > 0 ? 1 : 0))
    let squares = 0
    for (let draw = 0; draw < 8; draw++) squares += random.normal() ** 2
    label[i] = (truth[i]! * squares) / 8
  }
  const timesUs = Float64Array.from({ length: count }, (_, i) => (i + 1) * 1e6)
  return {
    table: { rows: count, names: ['level', 'sign', 'noise'], columns },
    label,
    truth,
    timesUs,
    endsUs: timesUs.map((timeUs) => timeUs + HORIZON * 1e6),
  }
}

const first = (count: number) => Array.from({ length: count }, (_, i) => i)
const code = (expected: string) => expect.objectContaining({ code: expected })

function forecasts(fitted: FittedForecast, { table }: ForecastSamples, rows = first(table.rows)): Float64Array {
  const out = new Float64Array(table.rows).fill(Number.NaN)
  forecastRows(fitted, table, rows, out)
  return out
}

const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length

const startOnly = { ...QUICK, trees: { ...QUICK.trees, rounds: 0 } }
/** A tree that learns noise with the rest: a block believes some of what it says. */
const EAGER: LearnerSpec = {
  ...QUICK,
  trees: {
    ...QUICK.trees,
    rounds: 1,
    learningRate: 1,
    leaves: 31,
    lambdaL2: 0,
    rowsPerLeafMin: 20,
    rowShare: 1,
    featureShare: 1,
  },
}

/**
 * Truth, the start's forecast and that of the trees at full weight, sample by sample of the blocks: each block's trees are the
 * first of as many as were asked of all, fitted to the samples before it.
 */
function blockForecasts(samples: ForecastSamples, spec: LearnerSpec, { rounds }: FittedForecast) {
  return BLOCKS.flatMap(([from, to]) => {
    const known = first(from - HORIZON + 1)
    const logs = gathered(samples.table, known)
    const level = new LinearModel(startOf(samples, known, spec))
    const starts = predictTable(level, logs)
    const settings = readSettings('trees', TREE_SETTINGS, {
      ...spec.trees,
      ...{ rounds, earlyStopRounds: 0, objective: 'qlike', boostFromAverage: false, seed: 1 },
    })
    const label = Float64Array.from(known, (i) => samples.label[i]!)
    const { ensemble } = fitTrees({ table: logs, label, initScore: starts.map(Math.log) }, settings)
    const trees = new FlatPredictor(ensemble)
    const guard = new CorrectionGuard({ weight: 1, ...guardOf(ensemble, trees, logs) })
    const model = new BoostedModel(level, trees, guard)
    const row = new Float64Array(3)
    return first(to - from).map((at) => {
      readRow(samples.table, from + at, row)
      return { y: samples.label[from + at]!, start: level.predict(row), full: model.predict(row) }
    })
  })
}

/** The start from its definition: ridge regression of logs, bounds ten times beyond the labels, truth over forecast 1 in the mean. */
function startOf({ table, label }: ForecastSamples, known: readonly number[], spec: LearnerSpec): LinearParameters {
  const labels = known.map((i) => label[i]!)
  const fit = leastSquares(
    { table: gathered(table, known), label: Float64Array.from(labels, Math.log) },
    { columns: spec.baseColumns, missing: 'drop', ridge: spec.ridge },
  )
  const made = { ...exponentiated(fit, Math.min(...labels) / 10), ceiling: Math.max(...labels) * 10 }
  const said = predictTable(new LinearModel(made), gathered(table, known))
  return { ...made, correction: made.correction + Math.log(mean(labels.map((y, i) => y / said[i]!))) }
}

/** Everything that was learnt but functions. */
const data = ({ model: _model, ...rest }: FittedForecast) => rest

const whole = market(1, 2000)
const fitted = fitForecast(whole, first(2000), QUICK, 1)
/** The last three fifths of 2,000 in three blocks: each is forecast by what was known when it began. */
const BLOCKS = [
  [800, 1200],
  [1200, 1600],
  [1600, 2000],
] as const

describe('what may not be seen', () => {
  test('a block is judged by labels that had ended before it: absurd ones that reach into it change no loss', () => {
    const label = whole.label.slice()
    // Samples 1,591 to 1,599 end after sample 1,600 was taken; 1,590 ends as it is taken.
    for (let i = 1600 - HORIZON + 1; i < 1600; i++) label[i] = 1e-12
    const alone = { ...startOnly, baseColumns: [] }
    const blockLoss = (labels: Float64Array) => {
      const { heldLoss, judged } = fitForecast({ ...whole, label: labels }, first(2000), alone, 1)
      const own = (from: number, to: number, learnt: number) => {
        const level = mean([...labels.subarray(0, learnt)])
        return labels.subarray(from, to).reduce((sum, y) => sum + qlike(y, level), 0)
      }
      const wanted = BLOCKS.reduce((sum, [from, to]) => sum + own(from, to, from - HORIZON + 1), 0) / 1200
      return { heldLoss, judged, wanted }
    }
    for (const labels of [whole.label, label]) {
      const { heldLoss, judged, wanted } = blockLoss(labels)
      expect(judged).toBe(1200)
      expect(heldLoss / wanted).toBeCloseTo(1, 10)
    }
  })

  test('samples that are not named are not looked at, neither their figures nor their labels', () => {
    const rows = first(2000).filter((i) => i % 3 !== 1 && i < 1500)
    const own = fitForecast(whole, rows, QUICK, 1)
    const named = new Set(rows)
    const spoilt: ForecastSamples = {
      ...whole,
      label: whole.label.map((value, i) => (named.has(i) ? value : 1e9)),
      table: {
        ...whole.table,
        columns: whole.table.columns.map((column) => Float64Array.from(column, (v, i) => (named.has(i) ? v : -1e9))),
      },
    }
    expect(data(fitForecast(spoilt, rows, QUICK, 1))).toEqual(data(own))
  })

  test('a block chooses the number of trees, their weight and the interval, and no split of the trees before it', () => {
    const { rounds, weight, low, high } = fitted
    const [from, to] = BLOCKS[2]
    const label = whole.label.map((value, i) => (i >= from && i < to ? 7 * value : value))
    const other = fitForecast({ ...whole, label }, first(2000), QUICK, 1)
    expect([other.rounds, other.weight, other.low, other.high]).not.toEqual([rounds, weight, low, high])
    // What had been known before it forecasts the same of the second block, whatever came in the third.
    const known = first(1600 - HORIZON + 1)
    expect(data(fitForecast({ ...whole, label }, known, QUICK, 1))).toEqual(data(fitForecast(whole, known, QUICK, 1)))
  })
})

describe('what it says of itself', () => {
  test('its losses are those of the start, and of the start with as much of the trees as is believed', () => {
    const said = blockForecasts(whole, QUICK, fitted)
    expect(fitted.startLoss).toBeCloseTo(mean(said.map(({ y, start }) => qlike(y, start))), 12)
    expect(fitted.heldLoss).toBeCloseTo(
      mean(said.map(({ y, start, full }) => qlike(y, start * (full / start) ** fitted.weight))),
      12,
    )
    expect([fitted.judged, fitted.trained, fitted.level]).toEqual([1200, 2000, 0.9])
  })

  test('no other weight from none to all would have lost less on the blocks', () => {
    for (const spec of [QUICK, EAGER]) {
      const fit = fitForecast(whole, first(2000), spec, 1)
      if (spec === EAGER) expect(fit.weight > 0.3 && fit.weight < 0.9).toBe(true)
      const said = blockForecasts(whole, spec, fit)
      const lossAt = (share: number) =>
        mean(said.map(({ y, start, full }) => qlike(y, start * (full / start) ** share)))
      for (let share = 0; share <= 1; share += 0.05) expect(lossAt(share)).toBeGreaterThan(lossAt(fit.weight) - 1e-9)
    }
  })

  test('a market that has moved to another level is followed as far as its stretches agree, a crash is not', () => {
    const drifts = (label: Float64Array) =>
      BLOCKS.flatMap(([from, to]) => {
        const level = new LinearModel(startOf({ ...whole, label }, first(from - HORIZON + 1), startOnly))
        const row = new Float64Array(3)
        return first(to - from).map((at) => {
          readRow(whole.table, from + at, row)
          return Math.log(label[from + at]! / level.predict(row)) + level.parameters.correction
        })
      })
    const stretches = (label: Float64Array) => {
      const later = drifts(label).slice(600)
      return first(8).map((at) => mean(later.slice(at * 75, (at + 1) * 75)))
    }
    const scaleOn = (label: Float64Array) => fitForecast({ ...whole, label }, first(2000), startOnly, 1).scale
    expect(scaleOn(whole.label)).toBe(1)
    // From the first block on everything is five times as much, or a fifth: the starts of the later blocks have seen a part of it.
    const moved = (factor: number, from: number, to: number) =>
      whole.label.map((value, i) => (i >= from && i < to ? factor * value : value))
    const up = moved(5, 900, 2000)
    expect(scaleOn(up)).toBeCloseTo(Math.exp(Math.min(...stretches(up))), 9)
    expect(scaleOn(up)).toBeGreaterThan(1.3)
    const down = moved(0.2, 900, 2000)
    expect(scaleOn(down)).toBeCloseTo(Math.exp(Math.max(...stretches(down))), 9)
    expect(scaleOn(down)).toBeLessThan(0.8)
    // A crash of a sixth of that time: fifty times as much, three times as much in the mean of all, and the scale stays.
    expect(scaleOn(moved(50, 1800, 1900))).toBe(1)
    expect(
      mean(
        drifts(moved(50, 1800, 1900))
          .slice(600)
          .map(Math.exp),
      ),
    ).toBeGreaterThan(3)
  })

  test('its interval is the one that held the blocks: of 1,200 ratios at most 60 lie beyond each bound', () => {
    const said = blockForecasts(whole, QUICK, fitted)
    const ratios = said.map(({ y, start, full }) => y / (start * (full / start) ** fitted.weight) / fitted.scale)
    const slack = 1e-9
    for (const beyond of [
      ratios.filter((ratio) => ratio < fitted.low * (1 - slack)),
      ratios.filter((ratio) => ratio > fitted.high * (1 + slack)),
    ]) {
      expect(beyond.length).toBeGreaterThan(57)
      expect(beyond.length).toBeLessThanOrEqual(60)
    }
  })

  test('fresh samples of the same market lie within the interval as often as it says, and evenly beside it', () => {
    let [below, above, count] = [0, 0, 0]
    for (let seed = 10; seed < 14; seed++) {
      const past = market(seed, 1500)
      const { low, high, ...own } = fitForecast(past, first(1500), QUICK, seed)
      const fresh = market(100 + seed, 2000)
      const said = forecasts({ low, high, ...own }, fresh)
      for (let i = 0; i < 2000; i++) {
        if (fresh.label[i]! < low * said[i]!) below++
        if (fresh.label[i]! > high * said[i]!) above++
        count++
      }
    }
    // Four calibrations on 300 samples: the standard error of each tail is about 0.006.
    expect(below / count).toBeGreaterThan(0.03)
    expect(below / count).toBeLessThan(0.07)
    expect(above / count).toBeGreaterThan(0.03)
    expect(above / count).toBeLessThan(0.07)
  })

  test('fresh samples are forecast right in the mean', () => {
    const fresh = market(2, 4000)
    const said = forecasts(fitted, fresh)
    expect(mean(first(4000).map((i) => fresh.label[i]! / said[i]!))).toBeCloseTo(1, 1)
  })
})

describe('what is learnt', () => {
  /** Mean QLIKE on fresh samples; the noise of the labels alone costs about 0.13. */
  const loss = (fit: FittedForecast, on: Market) => {
    const said = forecasts(fit, on)
    return mean(first(on.table.rows).map((i) => qlike(on.label[i]!, said[i]!)))
  }
  const fresh = market(3, 3000)
  const best = mean(first(3000).map((i) => qlike(fresh.label[i]!, fresh.truth[i]!)))

  test('trees find what the start cannot say, and come near the truth', () => {
    const start = fitForecast(whole, first(2000), startOnly, 1)
    expect([start.ensemble, start.guard, start.rounds, start.weight]).toEqual([null, null, 0, 0])
    expect(start.heldLoss).toBe(start.startLoss)
    // A step of one unit missed costs about 0.12.
    expect(loss(start, fresh)).toBeGreaterThan(best + 0.08)
    expect(loss(fitted, fresh)).toBeLessThan(best + 0.02)
  })

  test('far outside what training saw, the start goes on where trees stand still', () => {
    const calm = market(4, 2000, (random) => random.uniform())
    const storm = market(5, 500, () => 4)
    const withStart = fitForecast(calm, first(2000), QUICK, 1)
    const without = fitForecast(calm, first(2000), { ...QUICK, baseColumns: [] }, 1)
    const ratio = (fit: FittedForecast) => {
      const said = forecasts(fit, storm)
      return mean(first(500).map((i) => said[i]! / storm.truth[i]!))
    }
    expect(ratio(withStart)).toBeGreaterThan(0.6)
    expect(ratio(withStart)).toBeLessThan(1.6)
    expect(ratio(without)).toBeLessThan(0.1)
  })

  test('after months of calm a storm is forecast as the start has it: trees have nothing to say there', () => {
    const calm = market(4, 2000, (random) => 0.3 * random.normal())
    const fit = fitForecast(calm, first(2000), QUICK, 1)
    expect(fit.weight).toBeGreaterThan(0.5)
    const start = new LinearModel(fit.base)
    const row = new Float64Array(3)
    const share = (level: number) => {
      const storm = market(5, 200, () => level)
      const said = forecasts(fit, storm)
      return mean(
        first(200).map((i) => {
          readRow(storm.table, i, row)
          return Math.abs(Math.log(said[i]! / fit.scale / start.predict(row)))
        }),
      )
    }
    expect(share(0)).toBeGreaterThan(0.3)
    const apart = { ...whole, table: { ...whole.table, columns: whole.table.columns.map((c) => c.map(() => 50)) } }
    const said = forecasts(fit, apart as ForecastSamples, [0])
    expect(said[0]).toBe(start.predict(Float64Array.of(50, 50, 50)) * fit.scale)
  })

  test('a forecast stays within ten times what was learnt from, whatever the start and the trees say', () => {
    const labels = [...whole.label]
    const [least, most] = [Math.min(...labels), Math.max(...labels)]
    for (const level of [-40, -10, 10, 40])
      for (const said of forecasts(
        fitted,
        market(8, 50, () => level),
      )) {
        expect(said / fitted.scale).toBeGreaterThanOrEqual((least / 10) * (1 - 1e-12))
        expect(said / fitted.scale).toBeLessThanOrEqual(most * 10 * (1 + 1e-12))
      }
  })

  test('where its columns tell nothing a start is the mean of what was learnt from, however skewed that is', () => {
    const random = new Random(14)
    const label = whole.label.map(() => Math.exp(-(random.exponential(1) ** 1.5)))
    const fit = fitForecast({ ...whole, label }, first(2000), startOnly, 1)
    expect(
      mean(first(2000).map((i) => label[i]! / fit.model.predict(Float64Array.from(whole.table.columns, (c) => c[i]!)))),
    ).toBeCloseTo(1, 12)
    expect(fit.model.predict(new Float64Array(3)) / mean([...label])).toBeCloseTo(1, 1)
  })

  test('without columns to start from it starts from the mean', () => {
    const { base, model } = fitForecast(whole, first(2000), { ...startOnly, baseColumns: [] }, 1)
    expect(base.intercept).toBeCloseTo(mean([...whole.label].map(Math.log)), 9)
    expect(model.predict(new Float64Array(3))).toBeCloseTo(mean([...whole.label]), 9)
  })

  test('trees that would have done harm in the blocks are left out: the forecast is the start alone', () => {
    // What the second column tells turns round before the first block.
    const turns = (i: number) => (i < 800 ? 1 : -1)
    const random = new Random(12)
    const [level, sign] = whole.table.columns
    const label = whole.label.map((_, i) =>
      Math.exp(level![i]! + 0.3 * turns(i) * Math.sign(sign![i]!) + 0.3 * random.normal()),
    )
    const fit = fitForecast({ ...whole, label }, first(2000), QUICK, 1)
    expect([fit.ensemble, fit.rounds, fit.weight]).toEqual([null, 0, 0])
    expect(fit.model.predict(Float64Array.of(1, 1, 0))).toBe(
      new LinearModel(fit.base).predict(Float64Array.of(1, 1, 0)),
    )
    expect(fittedSpec(fit)).toEqual({ kind: 'linear', parameters: fit.base })
  })

  test('as a file it says the same, to the last bit, inside training and outside', () => {
    const loaded = loadModel(JSON.parse(JSON.stringify(fittedSpec(fitted))) as FittedSpec)
    const random = new Random(13)
    for (let i = 0; i < 300; i++) {
      const row = Float64Array.from({ length: 3 }, () => 10 ** (2 * random.uniform() - 1) * random.normal())
      expect(loaded.predict(row)).toBe(fitted.model.predict(row))
    }
  })

  test('of noise nothing is learnt: the forecast stays within a tenth of the mean', () => {
    const random = new Random(6)
    const label = whole.label.map(() => (random.normal() ** 2 + random.normal() ** 2) / 2 + 0.1)
    const fit = fitForecast({ ...whole, label }, first(2000), { ...DEFAULT_LEARNER, baseColumns: ['level'] }, 1)
    const said = [...forecasts(fit, whole)]
    const usual = mean(said)
    expect(Math.sqrt(mean(said.map((value) => (value / usual - 1) ** 2)))).toBeLessThan(0.1)
  })

  test('the same samples, settings and seed give the same model; another seed draws other rows', () => {
    expect(data(fitForecast(whole, first(2000), QUICK, 1))).toEqual(data(fitted))
    expect(data(fitForecast(whole, first(2000), QUICK, 2)).ensemble).not.toEqual(fitted.ensemble)
  })

  test('a unit of the label is a unit of the forecast: a thousand times as much is forecast a thousand times as high', () => {
    fc.assert(
      fc.property(fc.integer({ min: -12, max: 12 }), (power) => {
        const factor = 2 ** power
        const label = whole.label.map((value) => value * factor)
        const scaled = fitForecast({ ...whole, label }, first(400), startOnly, 1)
        const plain = fitForecast(whole, first(400), startOnly, 1)
        const [a, b] = [forecasts(scaled, whole, first(400)), forecasts(plain, whole, first(400))]
        for (let i = 0; i < 400; i++) expect(a[i]! / b[i]! / factor).toBeCloseTo(1, 9)
        expect(scaled.heldLoss).toBeCloseTo(plain.heldLoss, 9)
      }),
      { numRuns: 5 },
    )
  })
})

describe('what is missing', () => {
  const holed = (every: number): ForecastSamples => ({
    ...whole,
    table: {
      ...whole.table,
      columns: whole.table.columns.map((column, at) =>
        at === 0 ? Float64Array.from(column, (value, i) => (i % every === 0 ? Number.NaN : value)) : column,
      ),
    },
  })

  test('where a column of the start is missing now and then there is no forecast, and elsewhere there is', () => {
    const samples = holed(20)
    const said = forecasts(fitForecast(samples, first(2000), QUICK, 1), samples)
    for (let i = 0; i < 2000; i++) expect(Number.isNaN(said[i]!)).toBe(i % 20 === 0)
  })

  test('a column of the start that is missing often is left out of it', () => {
    const samples = holed(7)
    const fit = fitForecast(samples, first(2000), QUICK, 1)
    expect(fit.base.columns).toEqual([])
    expect(forecasts(fit, samples).every((value) => value > 0)).toBe(true)
  })

  test('samples whose label is unknown or zero are left out', () => {
    const label = whole.label.map((value, i) => (i % 4 === 0 ? Number.NaN : i % 4 === 1 ? 0 : value))
    const known = first(2000).filter((i) => i % 4 > 1)
    expect(data(fitForecast({ ...whole, label }, first(2000), QUICK, 1))).toEqual(
      data(fitForecast({ ...whole, label }, known, QUICK, 1)),
    )
  })

  test('too few samples are refused', () => {
    // Before the last block of 48 samples 29 labels are known.
    expect(() => fitForecast(whole, first(48), QUICK, 1)).toThrow(code('table-invalid'))
    expect(() => fitForecast(whole, first(100), QUICK, 1)).not.toThrow()
    expect(() => fitForecast(whole, first(2000), { ...QUICK, baseColumns: ['nothing'] }, 1)).toThrow(/nothing/)
    expect(() => fitForecast(whole, first(2000), { ...QUICK, trees: { leafs: 3 } }, 1)).toThrow(code('config-invalid'))
  })
})

test('rows gathered are those asked for, in their order', () => {
  const { columns } = gathered(whole.table, [5, 2])
  expect(columns.map((column) => [...column])).toEqual(whole.table.columns.map((column) => [column[5], column[2]]))
})
