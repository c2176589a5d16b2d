/**
 * Goal: what a forecast has to beat is what it is said to be, made of what was known at the time.
 *
 * Method: figures worked out by hand; past labels by an oracle that looks them all through for every sample; and the future
 * changed beyond recognition, which may change no forecast made before it.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { plantedMarket } from '../../tests/research/plantedMarket.ts'
import { DAY_US, HOUR_US, MINUTE_US } from '../core/clock.ts'
import { Random } from '../core/random.ts'
import { qlike } from '../models/volatility/qlike.ts'
import type { TargetPath } from './dataset.ts'
import { baselinesFor, demandBaselines, harSpans, labelBaselines, stepSeries } from './seriesBaselines.ts'

const NAN = Number.NaN
/** Points a second apart. */
const CLOCK = { startUs: 0, stepUs: 1e6 }

function path(price: readonly number[]): TargetPath {
  const points = price.length
  const rising = (by: number) => Float64Array.from({ length: points }, (_, i) => i * i * by)
  const none = new Float64Array(points)
  return {
    startUs: 0,
    stepUs: 1e6,
    points,
    price: Float64Array.from(price),
    buyVolume: rising(1),
    sellVolume: rising(10),
    spread: none,
    depth: none,
    funding: none,
  }
}

describe('the path in steps', () => {
  const prices = path([1, Math.E, Math.E, NAN, 1, Math.E ** 2])

  test('a step holds what happened up to its point; beside an unknown price nothing is known of it', () => {
    const { returns, variance, quarticity } = stepSeries(prices, 'variance')
    expect([...returns]).toEqual([NAN, 1, 0, NAN, NAN, 2])
    expect([...variance]).toEqual([NAN, 1, 0, NAN, NAN, 4])
    expect([...quarticity!]).toEqual([NAN, 1 / 3, 0, NAN, NAN, 16 / 3])
  })

  test('volume is what both sides traded in the step', () => {
    expect([...stepSeries(prices, 'volume').variance]).toEqual([NAN, 11, 33, 55, 77, 99])
  })

  test('a quantity that does not add up over steps has no series', () => {
    expect(() => stepSeries(prices, 'demand')).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
  })
})

describe('the mean and the last value', () => {
  const variance = Float64Array.of(NAN, 1, 2, 3, NAN, 5, 0, 7)
  const series = { variance, returns: variance, quarticity: variance }
  const [mean, last] = baselinesFor('volume', CLOCK, 2e6, 100)

  test('the mean is that of every known step of the past, over the horizon', () => {
    expect(mean!.name).toBe('mean')
    const fit = mean!.fit(series, 0, 6, 2)
    const out = new Float64Array(2)
    mean!.forecast(fit, series, 6, 8, 2, out)
    // (1 + 2 + 3 + 5) / 4 a step.
    expect([...out]).toEqual([5.5, 5.5])
  })

  test('the last value is the horizon just over, and unknown where a step of it is, or where nothing happened', () => {
    expect(last!.name).toBe('last')
    const out = new Float64Array(8)
    last!.forecast(last!.fit(series, 0, 8, 2), series, 0, 8, 2, out)
    expect([...out]).toEqual([NAN, NAN, 3, 5, NAN, NAN, 5, 7])
    last!.forecast({}, { ...series, variance: new Float64Array(8) }, 3, 5, 2, out)
    expect([...out.subarray(0, 2)]).toEqual([NAN, NAN])
  })
})

describe('what stands in the field', () => {
  const names = (quantity: 'variance' | 'volume') => baselinesFor(quantity, CLOCK, 10e6, 1e5).map(({ name }) => name)

  test('variance is held against exponential means, GARCH and the HAR family; volume against the first', () => {
    expect(names('variance')).toEqual([
      ...['mean', 'last', 'ewma-0.94', 'ewma-fitted', 'garch', 'gjr-garch'],
      ...['har', 'harq', 'log-har', 'har-leverage', 'log-har-leverage'],
    ])
    expect(names('volume')).toEqual(['mean', 'last', 'ewma-0.94', 'ewma-fitted'])
  })

  test('where hours can be told apart and ten days are known, one of each knows the hour; over a day there is none', () => {
    const bars = { startUs: 0, stepUs: 5 * MINUTE_US }
    const clocked = (quantity: 'variance' | 'volume', horizonUs: number, known: number) =>
      baselinesFor(quantity, bars, horizonUs, known).flatMap(({ name }) => (name.endsWith('-by-hour') ? [name] : []))
    expect(clocked('variance', HOUR_US, 2880)).toEqual(['log-har-by-hour'])
    expect(clocked('volume', HOUR_US, 2880)).toEqual(['ewma-fitted-by-hour'])
    expect([...clocked('variance', HOUR_US, 2879), ...clocked('volume', DAY_US, 1e5)]).toEqual([])
  })

  test('HAR looks back a day and a week where ten days are known before the first forecast, else over horizons', () => {
    const day = 288
    const bars = 5 * MINUTE_US
    expect(harSpans(bars, HOUR_US, 10 * day)).toEqual([12, day, 7 * day])
    expect(harSpans(bars, HOUR_US, 10 * day - 1)).toEqual([12, 60, 264])
    expect(harSpans(bars, DAY_US, 10 * day)).toEqual([day, 7 * day])
    expect(harSpans(1e6, 10e6, 3600)).toEqual([10, 50, 220])
    // A week is known: enough to fit every member of the family.
    for (const baseline of baselinesFor('variance', { startUs: 0, stepUs: bars }, HOUR_US, 10 * day))
      expect(baseline.stepsMin(12)).toBeLessThan(10 * day)
  })

  test('no forecast made at a step depends on a later one', () => {
    const { path: whole } = plantedMarket({ seed: 1, samples: 120, told: 1 })
    const cut = 800
    const random = new Random(2)
    const spoilt = {
      ...whole,
      price: whole.price.map((price, i) => (i > cut ? price * Math.exp(random.normal()) : price)),
    }
    for (const baseline of baselinesFor('variance', whole, 10e6, 700)) {
      const [a, b] = [whole, spoilt].map((each) => {
        const series = stepSeries(each, 'variance')
        const out = new Float64Array(cut + 1 - 600)
        baseline.forecast(baseline.fit(series, 0, 700, 10), series, 600, cut + 1, 10, out)
        return [...out]
      })
      expect(b, baseline.name).toEqual(a)
      expect(a!.every((value) => value > 0)).toBe(true)
    }
  })
})

describe('past labels', () => {
  const LAMBDAS = [0.5, 0.7, 0.8, 0.9, 0.95, 0.98, 0.99, 0.995, 0.998]

  /** By definition: for every sample anew, from all labels that had ended. */
  function oracle(label: Float64Array, endsUs: Float64Array, timesUs: Float64Array, first: number) {
    const known = (i: number) =>
      [...label.keys()].filter((k) => k < i && label[k]! > 0 && endsUs[k]! <= timesUs[i]!).map((k) => label[k]!)
    const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length
    const weighted = (values: readonly number[], lambda: number) => {
      const weights = values.map((_, k) => lambda ** (values.length - 1 - k))
      return values.reduce((sum, value, k) => sum + value * weights[k]!, 0) / weights.reduce((a, b) => a + b, 0)
    }
    const score = (lambda: number) => {
      const losses = [...label.keys()]
        .filter((i) => i < first && endsUs[i]! <= timesUs[first]!)
        .map((i) => qlike(label[i]!, known(i).length > 0 ? weighted(known(i), lambda) : NAN))
        .filter(Number.isFinite)
      return losses.length > 0 ? mean(losses) : Number.POSITIVE_INFINITY
    }
    const scores = LAMBDAS.map(score)
    const lambda = LAMBDAS[scores.indexOf(Math.min(...scores))]!
    const at = (of: (values: readonly number[]) => number) =>
      Array.from(label, (_, i) => (i >= first && known(i).length > 0 ? of(known(i)) : NAN))
    return {
      mean: at(mean),
      last: at((values) => values.at(-1)!),
      ewma: at((values) => weighted(values, lambda)),
      // Two memories may fit as well as one another but for rounding: then either will do.
      clear: scores.filter((each) => each < Math.min(...scores) * (1 + 1e-9)).length === 1,
    }
  }

  test('are used once they are known, and no sooner; the memory is chosen on those known at the first forecast', () => {
    let chosen = 0
    fc.assert(
      fc.property(fc.nat(1e6), fc.integer({ min: 1, max: 12 }), (seed, horizon) => {
        const random = new Random(seed)
        const count = random.integer(20, 60)
        const timesUs = Float64Array.from({ length: count }, (_, i) => i * 10 + random.integer(0, 9))
        let level = 0
        const label = timesUs.map(() => {
          level = 0.9 * level + random.normal()
          return random.uniform() < 0.1 ? NAN : random.uniform() < 0.05 ? 0 : Math.exp(level + 0.3 * random.normal())
        })
        const endsUs = timesUs.map((timeUs, i) => (Number.isNaN(label[i]!) ? NAN : timeUs + horizon * 10))
        const first = random.integer(5, count - 2)
        const found = labelBaselines({ label, endsUs }, timesUs, first)
        const wanted = oracle(label, endsUs, timesUs, first)
        for (const name of ['mean', 'last', 'ewma'] as const) {
          if (name === 'ewma' && !wanted.clear) continue
          if (name === 'ewma') chosen++
          for (let i = 0; i < count; i++) {
            const [a, b] = [found.get(name)![i]!, wanted[name][i]!]
            if (Number.isNaN(b)) expect(a).toBeNaN()
            else expect(a / b).toBeCloseTo(1, 12)
          }
        }
      }),
      { numRuns: 60 },
    )
    expect(chosen).toBeGreaterThan(20)
  })

  test('a label that ends after the first forecast does not choose the memory', () => {
    const random = new Random(3)
    const count = 80
    const timesUs = Float64Array.from({ length: count }, (_, i) => i)
    const endsUs = timesUs.map((timeUs) => timeUs + 30)
    const label = timesUs.map(() => random.exponential(1))
    const spoilt = label.map((value, i) => (i > 30 && i < 60 ? 1e6 * value : value))
    // At sample 60 the labels up to sample 30 are known.
    const [a, b] = [label, spoilt].map((each) => labelBaselines({ label: each, endsUs }, timesUs, 60).get('ewma')![60])
    expect(b).toBe(a)
  })
})

test('demand is also forecast by what trades over the depth that stands there, which is known', () => {
  const points = 200
  const shown = Float64Array.from({ length: points }, (_, i) => 50 + 40 * Math.sin(i * i))
  const market = { ...path(Array.from({ length: points }, () => 1)), depth: shown }
  const timesUs = Float64Array.from({ length: points - 1 }, (_, i) => i * 1e6)
  const label = timesUs.map((_, i) => 30 / (shown[i]! / 2))
  const labels = { label, endsUs: timesUs.map((each) => each + 1e6) }
  const found = demandBaselines(labels, market, timesUs, 50)
  const plain = labelBaselines(labels, timesUs, 50).get('mean')!
  expect([...found.keys()]).toEqual(['mean', 'last', 'ewma', 'mean-of-volume', 'last-of-volume', 'ewma-of-volume'])
  for (let i = 50; i < label.length; i++) {
    expect(found.get('mean-of-volume')![i]).toBeCloseTo(label[i]!, 9)
    expect(found.get('mean')![i]).toBe(plain[i])
  }
  // The deepest book is not the busiest: what was asked for last says nothing of it.
  expect(Math.abs(found.get('last')![120]! / label[120]! - 1)).toBeGreaterThan(0.1)
})
