/**
 * Goal: a forecast learns what can be learnt, from the samples it was given and from nothing else, and says how sure it is.
 *
 * Method: markets made so that the answer is known: variance that follows from features, times chi-squared noise. What the
 * learner may not see is changed beyond recognition, and nothing may change; what it claims of itself (scale, interval, loss)
 * is reckoned again by definition, and held against fresh draws of the same market.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { qlike } from '../models/volatility/qlike.ts'
import {
  DEFAULT_LEARNER,
  type FittedForecast,
  type ForecastSamples,
  fitForecast,
  forecastRows,
  gathered,
  type LearnerSpec,
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

/** Everything that was learnt but functions. */
const data = ({ model: _model, ...rest }: FittedForecast) => rest

const whole = market(1, 2000)
const fitted = fitForecast(whole, first(2000), QUICK, 1)
/** A fifth of 2,000 is held back: samples from 1,600 on. */
const HELD_FROM = 1600

describe('what may not be seen', () => {
  test('labels that reach into the samples held back are left out: absurd ones change nothing', () => {
    const label = whole.label.slice()
    // Samples 1,591 to 1,599 end after the first held one was taken; 1,590 ends as it is taken.
    for (let i = HELD_FROM - HORIZON + 1; i < HELD_FROM; i++) label[i] = 1e12
    expect(data(fitForecast({ ...whole, label }, first(2000), QUICK, 1))).toEqual(data(fitted))
    expect(fitted.trained).toBe(HELD_FROM - HORIZON + 1)
    label[HELD_FROM - HORIZON] = 1e12
    expect(data(fitForecast({ ...whole, label }, first(2000), QUICK, 1))).not.toEqual(data(fitted))
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

  test('samples held back choose the number of trees, the scale and the interval, and no split of any tree', () => {
    const always = { ...QUICK, trees: { ...QUICK.trees, earlyStopRounds: 0 } }
    const label = whole.label.map((value, i) => (i >= HELD_FROM ? 7 * value : value))
    const [one, other] = [whole, { ...whole, label }].map((samples) => fitForecast(samples, first(2000), always, 1))
    expect(one!.base).toEqual(other!.base)
    const shared = Math.min(one!.rounds, other!.rounds)
    expect(shared).toBeGreaterThan(0)
    expect(one!.ensemble!.trees.slice(0, shared)).toEqual(other!.ensemble!.trees.slice(0, shared))
    expect(other!.scale).not.toBeCloseTo(one!.scale, 1)
    // Split conformal: of 400 scores at most 20 lie beyond each bound.
    const { low, high } = other!
    const ratios = [...forecasts(other!, whole)].map((said, i) => label[i]! / said).slice(HELD_FROM)
    expect(ratios.filter((ratio) => ratio < low)).toHaveLength(19)
    expect(ratios.filter((ratio) => ratio > high)).toHaveLength(19)
  })
})

describe('what it says of itself', () => {
  const held = first(2000).slice(HELD_FROM)
  const answers = forecasts(fitted, whole)

  test('on the samples held back the mean of truth over forecast is one', () => {
    expect(mean(held.map((i) => whole.label[i]! / answers[i]!))).toBeCloseTo(1, 12)
  })

  test('its loss is the mean QLIKE there', () => {
    expect(fitted.heldLoss).toBeCloseTo(mean(held.map((i) => qlike(whole.label[i]!, answers[i]!))), 12)
    expect([fitted.held, fitted.level]).toEqual([400, 0.9])
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
  const startOnly = { ...QUICK, trees: { ...QUICK.trees, rounds: 0 } }

  test('trees find what the start cannot say, and come near the truth', () => {
    const start = fitForecast(whole, first(2000), startOnly, 1)
    expect([start.ensemble, start.rounds]).toEqual([null, 0])
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

  test('without columns to start from it starts from the mean', () => {
    const { base, scale } = fitForecast(whole, first(2000), { ...startOnly, baseColumns: [] }, 1)
    const learnt = whole.label.subarray(0, HELD_FROM - HORIZON + 1)
    expect(Math.exp(base.intercept)).toBeCloseTo(mean([...learnt]), 9)
    expect(Math.exp(base.intercept) * scale).toBeCloseTo(mean([...whole.label.subarray(HELD_FROM)]), 9)
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

  test('too few samples, or too few that the start can speak of, are refused', () => {
    expect(() => fitForecast(whole, first(100), QUICK, 1)).toThrow(code('table-invalid'))
    // A fifth of 140 is 28.
    expect(() => fitForecast(whole, first(140), QUICK, 1)).toThrow(code('table-invalid'))
    // Of the 200 held back all but ten have no level.
    const samples: ForecastSamples = {
      ...whole,
      table: {
        ...whole.table,
        columns: whole.table.columns.map((column, at) =>
          at === 0 ? Float64Array.from(column, (value, i) => (i >= 810 ? Number.NaN : value)) : column,
        ),
      },
    }
    expect(() => fitForecast(samples, first(1000), QUICK, 1)).toThrow(code('table-invalid'))
    expect(() => fitForecast(whole, first(2000), { ...QUICK, baseColumns: ['nothing'] }, 1)).toThrow(/nothing/)
    expect(() => fitForecast(whole, first(2000), { ...QUICK, trees: { leafs: 3 } }, 1)).toThrow(code('config-invalid'))
  })
})

test('rows gathered are those asked for, in their order', () => {
  const { columns } = gathered(whole.table, [5, 2])
  expect(columns.map((column) => [...column])).toEqual(whole.table.columns.map((column) => [column[5], column[2]]))
})
