/**
 * Goal: a label is what the market did after the sample, all of it and nothing before; what was not recorded is not a label.
 *
 * Method: windows recounted point by point on random paths with holes; paths worked by hand; a property that nothing up to the
 * sample and nothing after its end moves a label.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import type { TargetPath } from './dataset.ts'
import {
  forwardReturn,
  forwardVariance,
  forwardVolume,
  type Labels,
  liquidityDemand,
  metaLabel,
  trailingVolatility,
  tripleBarrier,
} from './labels.ts'

const START = 1_000_000_000
const STEP = 1_000_000

function pathOf(price: ArrayLike<number>, more: Partial<TargetPath> = {}): TargetPath {
  const points = price.length
  const zero = () => new Float64Array(points)
  return {
    startUs: START,
    stepUs: STEP,
    points,
    price: Float64Array.from(price),
    buyVolume: zero(),
    sellVolume: zero(),
    spread: zero().fill(0.0002),
    depth: zero().fill(1000),
    funding: zero(),
    ...more,
  }
}

/** A random path of cumulative volumes and, now and then, a hole in the price. */
function randomPath(random: Random, points: number, holes: number): TargetPath {
  let [price, bought, sold] = [100, 0, 0]
  const column = (next: () => number) => Float64Array.from({ length: points }, next)
  return pathOf(
    column(() => (price *= Math.exp(0.01 * random.normal()))).map((each) =>
      random.uniform() < holes ? Number.NaN : each,
    ),
    {
      buyVolume: column(() => (bought += random.exponential(10))),
      sellVolume: column(() => (sold += random.exponential(10))),
      depth: column(() => random.exponential(1000)),
    },
  )
}

const at = (point: number) => START + point * STEP
const times = (...points: number[]) => Float64Array.from(points, at)

describe('forward labels', () => {
  test('any path with holes: recounted point by point, long windows and short', () => {
    fc.assert(
      fc.property(
        fc.nat(1e6),
        fc.constantFrom(1, 3, 20, 700),
        fc.constantFrom(0, 0.001, 0.05),
        (seed, steps, holes) => {
          const path = randomPath(new Random(seed), 1500, holes)
          const samples = Float64Array.from({ length: 60 }, (_, i) => at(i * 26 - 10) + (i % 3) * 400_000)
          const horizonUs = steps * STEP
          const variance = forwardVariance(path, samples, { horizonUs })
          const volume = forwardVolume(path, samples, { horizonUs })
          const demand = liquidityDemand(path, samples, { horizonUs })
          samples.forEach((timeUs, i) => {
            let first = 0
            while (at(first) < timeUs) first++
            const last = first + steps
            const window = [...path.price.subarray(first, last + 1)]
            const known = timeUs > START - STEP && last < path.points && window.every((price) => price > 0)
            let squares = 0
            for (let j = 1; j < window.length; j++) squares += Math.log(window[j]! / window[j - 1]!) ** 2
            const bought = path.buyVolume[last]! - path.buyVolume[first]!
            const sold = path.sellVolume[last]! - path.sellVolume[first]!
            const near = (found: number, wanted: number) =>
              known ? expect(Math.abs(found / wanted - 1)).toBeLessThan(1e-12) : expect(found).toBeNaN()
            near(variance.label[i]!, squares)
            near(volume.label[i]!, bought + sold)
            near(demand.label[i]!, Math.max(bought, sold) / (path.depth[first]! / 2))
            for (const labels of [variance, volume, demand])
              expect(labels.endsUs[i]).toEqual(known ? at(last) : Number.NaN)
          })
        },
      ),
      { numRuns: 40 },
    )
  })

  test('a window begins strictly after the sample: a jump at the sample’s own moment is not in it', () => {
    const path = pathOf([100, 100, 120, 120, 120])
    const horizonUs = 2 * STEP
    const labels = forwardVariance(path, times(1, 2), { horizonUs })
    expect(labels.label[0]).toBeCloseTo(Math.log(1.2) ** 2, 14)
    expect(labels.label[1]).toBe(0)
    // Taken a moment before the jump is on the grid, it begins at the jump, and is known a step later.
    const between = forwardVariance(path, Float64Array.of(at(1) + 1), { horizonUs })
    expect([between.label[0], between.endsUs[0]]).toEqual([0, at(4)])
  })

  test('returns may be taken further apart than the path’s steps', () => {
    const path = pathOf([100, 101, 100, 101, 100, 110, 100])
    const bounce = forwardVariance(path, times(0), { horizonUs: 4 * STEP })
    const sparse = forwardVariance(path, times(0), { horizonUs: 4 * STEP, spacingUs: 2 * STEP })
    expect(bounce.label[0]).toBeCloseTo(4 * Math.log(1.01) ** 2, 14)
    expect(sparse.label[0]).toBe(0)
    const invalid = expect.objectContaining({ code: 'argument-invalid' })
    expect(() => forwardVariance(path, times(0), { horizonUs: 4 * STEP, spacingUs: 3 * STEP })).toThrow(invalid)
    expect(() => forwardVariance(path, times(0), { horizonUs: STEP / 2 })).toThrow(invalid)
  })

  test('without a book there is no demand for what it displays', () => {
    const depth = Float64Array.of(Number.NaN, 0, 1000, 1000)
    const path = pathOf([1, 1, 1, 1], { depth, buyVolume: Float64Array.of(0, 0, 0, 700) })
    const { label, endsUs } = liquidityDemand(path, times(0, 1, 2), { horizonUs: STEP })
    expect([...label]).toEqual([Number.NaN, Number.NaN, 1.4])
    expect(endsUs[0]).toBeNaN()
  })
})

describe('forward return net of cost', () => {
  test('bought at the ask, sold at the bid, a fee on each, and funding paid', () => {
    const path = pathOf([100, 110], {
      spread: Float64Array.of(0.002, 0.004),
      funding: Float64Array.of(0, 0.0001),
    })
    const long = forwardReturn(path, times(0), { horizonUs: STEP, side: 1, feeBps: 5 })
    expect(long.label[0]).toBeCloseTo((110 * 0.998 * 0.9995 - 100 * 1.001 * 1.0005) / 100 - 0.0001, 14)
    const short = forwardReturn(path, times(0), { horizonUs: STEP, side: -1, feeBps: 5 })
    expect(short.label[0]).toBeCloseTo((100 * 0.999 * 0.9995 - 110 * 1.002 * 1.0005) / 100 + 0.0001, 14)
    const bare = forwardReturn(path, times(0), { horizonUs: STEP, side: 1, feeBps: 0, spreadBps: 0 })
    expect(bare.label[0]).toBeCloseTo(0.1 - 0.0001, 14)
  })

  test('where no spread was recorded, there is no return net of it, unless one is given', () => {
    const path = pathOf([100, 110], { spread: new Float64Array(2).fill(Number.NaN) })
    expect(forwardReturn(path, times(0), { horizonUs: STEP, side: 1, feeBps: 0 }).label[0]).toBeNaN()
    const given = forwardReturn(path, times(0), { horizonUs: STEP, side: 1, feeBps: 0, spreadBps: 20 })
    expect(given.label[0]).toBeCloseTo(1.1 * 0.999 - 1.001, 14)
  })
})

describe('triple barrier', () => {
  const volatility = Float64Array.of(0.01)
  const barrier = (price: number[], more: object = {}) =>
    tripleBarrier(pathOf(price), times(0), { horizonUs: 4 * STEP, volatility, above: 2, below: 1, ...more })
  const told = ({ label, endsUs }: Labels) => [label[0], (endsUs[0]! - START) / STEP]

  test('which is touched first, and when', () => {
    expect(told(barrier([100, 101, 102.5, 90, 100]))).toEqual([1, 2])
    expect(told(barrier([100, 101, 98.9, 110, 100]))).toEqual([-1, 2])
    expect(told(barrier([100, 101, 101.9, 99.1, 101]))).toEqual([0, 4])
    expect(barrier([100, 101, 102.5, 90, 100]).returns[0]).toBeCloseTo(0.025, 12)
  })

  test('a barrier that is absent is never touched', () => {
    expect(told(barrier([100, 101, 98.9, 110, 100], { below: Number.POSITIVE_INFINITY }))).toEqual([1, 3])
  })

  test('what was touched before an outage is known; what was not, is not', () => {
    expect(told(barrier([100, 103, Number.NaN, 100, 100]))).toEqual([1, 1])
    expect(told(barrier([100, 101, Number.NaN, 103, 100]))).toEqual([Number.NaN, Number.NaN])
    // The recording ends first.
    expect(told(barrier([100, 103]))).toEqual([1, 1])
    expect(told(barrier([100, 101]))).toEqual([Number.NaN, Number.NaN])
  })

  test('any path: blocks passed over hide no touch', () => {
    fc.assert(
      fc.property(fc.nat(1e6), fc.constantFrom(0.5, 3, 15), fc.constantFrom(0, 0.0005), (seed, above, holes) => {
        const path = randomPath(new Random(seed), 2000, holes)
        const samples = Float64Array.from({ length: 30 }, (_, i) => at(i * 60))
        const width = new Float64Array(30).fill(0.02)
        const found = tripleBarrier(path, samples, { horizonUs: 900 * STEP, volatility: width, above, below: 10 })
        samples.forEach((_, i) => {
          const first = i * 60
          const start = path.price[first]!
          let wanted = [Number.NaN, Number.NaN]
          for (let j = first + 1; j < path.points && start > 0 && path.price[j]! > 0; j++) {
            const price = path.price[j]!
            const side = price >= start * (1 + above * 0.02) ? 1 : price <= start * (1 - 10 * 0.02) ? -1 : 0
            if (side !== 0 || j === first + 900) {
              wanted = [side, at(j)]
              break
            }
          }
          expect([found.label[i], found.endsUs[i]]).toEqual(wanted)
        })
      }),
      { numRuns: 30 },
    )
  })
})

describe('meta-label', () => {
  const settings = {
    horizonUs: 3 * STEP,
    volatility: Float64Array.of(0.01),
    above: 2,
    below: 1,
    feeBps: 5,
    spreadBps: 0,
  }
  const paid = (price: number[], side: number, more: object = {}) =>
    metaLabel(pathOf(price), times(0), Float64Array.of(side), { ...settings, ...more }).label[0]

  test('a short that takes its profit below paid; a long stopped there did not', () => {
    expect(paid([100, 97.9, 105, 105], -1)).toBe(1)
    expect(paid([100, 97.9, 105, 105], 1)).toBe(0)
    // For the short the stop lies above, one volatility away.
    expect(paid([100, 101.1, 90, 90], -1)).toBe(0)
  })

  test('a gain smaller than its costs did not pay', () => {
    expect(paid([100, 100, 100, 100.05], 1)).toBe(0)
    expect(paid([100, 100, 100, 100.05], 1, { feeBps: 1 })).toBe(1)
  })

  test('where the primary wanted nothing there is nothing to judge', () => {
    expect(paid([100, 110, 110, 110], 0)).toBeNaN()
  })
})

test('no label moves with what happened up to its sample or after its end', () => {
  fc.assert(
    fc.property(fc.nat(1e6), fc.integer({ min: 20, max: 60 }), (seed, sample) => {
      const path = randomPath(new Random(seed), 100, 0)
      const volatility = Float64Array.of(0.03)
      const horizonUs = 15 * STEP
      const labelled = (of: TargetPath): Labels[] => [
        forwardVariance(of, times(sample), { horizonUs }),
        forwardVolume(of, times(sample), { horizonUs }),
        liquidityDemand(of, times(sample), { horizonUs }),
        forwardReturn(of, times(sample), { horizonUs, side: 1, feeBps: 1 }),
        tripleBarrier(of, times(sample), { horizonUs, volatility, above: 1, below: 1 }),
      ]
      const before = labelled(path)
      before.forEach(({ label, endsUs }, kind) => {
        const last = (endsUs[0]! - START) / STEP
        const elsewhere = (column: Float64Array) =>
          column.map((value, i) => (i < sample || i > last ? value * 1.7 + 3 : value))
        const moved = {
          ...path,
          price: elsewhere(path.price),
          buyVolume: elsewhere(path.buyVolume),
          sellVolume: elsewhere(path.sellVolume),
          depth: elsewhere(path.depth),
        }
        expect(labelled(moved)[kind]!.label[0]).toBe(label[0])
      })
    }),
    { numRuns: 40 },
  )
})

test('trailing volatility ends at the sample and is scaled to the horizon', () => {
  const path = pathOf([100, 101, 103, 120, 90])
  const found = trailingVolatility(path, times(2, 1), { windowUs: 2 * STEP, horizonUs: 8 * STEP })
  const variance = Math.log(1.01) ** 2 + Math.log(103 / 101) ** 2
  expect(found[0]).toBeCloseTo(Math.sqrt(4 * variance), 14)
  expect(found[1]).toBeNaN()
})
