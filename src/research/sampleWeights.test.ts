/**
 * Goal: a label that shares its time counts for its share.
 *
 * Method: the worked example of the source; the definition on bars of equal length as an oracle for any labels; frequencies of
 * draws against the probabilities they should have.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { averageUniqueness, sequentialBootstrap, timeDecay } from './sampleWeights.ts'

const spansOf = (...spans: [number, number][]) => ({
  timesUs: Float64Array.from(spans, ([from]) => from),
  endsUs: Float64Array.from(spans, ([, to]) => to),
})
/** The book's three labels: over bars 1 to 3, 3 to 4 and 5 to 6. */
const BOOK = spansOf([0, 3], [2, 4], [4, 6])

test('uniqueness of the worked example', () => {
  expect([...averageUniqueness(BOOK)]).toEqual([(1 + 1 + 0.5) / 3, (0.5 + 1) / 2, 1])
})

const random = fc.tuple(fc.nat(1e6), fc.integer({ min: 1, max: 30 })).map(([seed, count]) => {
  const draws = new Random(seed)
  let time = 0
  return spansOf(
    ...Array.from({ length: count }, (): [number, number] => {
      time += draws.integer(0, 3)
      return [time, draws.uniform() < 0.1 ? Number.NaN : time + draws.integer(1, 12)]
    }),
  )
})

/** Mean over its bars of one over the labels under way; `others`: how often each is there besides. */
function byBars({ timesUs, endsUs }: ReturnType<typeof spansOf>, i: number, times: (j: number) => number): number {
  let sum = 0
  for (let bar = timesUs[i]!; bar < endsUs[i]!; bar++) {
    let underWay = 0
    for (let j = 0; j < timesUs.length; j++) if (timesUs[j]! <= bar && endsUs[j]! > bar) underWay += times(j)
    sum += 1 / underWay
  }
  return sum / (endsUs[i]! - timesUs[i]!)
}

test('any labels: uniqueness is that of the definition on bars', () => {
  fc.assert(
    fc.property(random, (spans) => {
      const found = averageUniqueness(spans)
      spans.timesUs.forEach((_, i) => {
        if (Number.isNaN(spans.endsUs[i]!)) expect(found[i]).toBeNaN()
        else
          expect(found[i]).toBeCloseTo(
            byBars(spans, i, () => 1),
            12,
          )
      })
    }),
  )
})

test('the second draw follows the probabilities of the worked example: 5, 3 and 6 of 14 after the middle label', () => {
  const draws = new Random(1)
  const counts = [0, 0, 0]
  let firsts = 0
  for (let i = 0; i < 30_000; i++) {
    const [first, second] = sequentialBootstrap(BOOK, draws, 2)
    if (first !== 1) continue
    firsts++
    counts[second!]!++
  }
  expect(Math.abs(firsts / 30_000 - 1 / 3)).toBeLessThan(0.01)
  ;[5 / 14, 3 / 14, 6 / 14].forEach((share, i) => {
    expect(Math.abs(counts[i]! / firsts - share)).toBeLessThan(0.02)
  })
})

test('any labels: every draw is the one its probabilities and its number point to', () => {
  fc.assert(
    fc.property(random, fc.nat(1e6), (spans, seed) => {
      const known = [...spans.timesUs.keys()].filter((i) => !Number.isNaN(spans.endsUs[i]!))
      if (known.length === 0) {
        expect(() => sequentialBootstrap(spans, new Random(seed))).toThrow(
          expect.objectContaining({ code: 'argument-invalid' }),
        )
        return
      }
      const drawn = sequentialBootstrap(spans, new Random(seed), 40)
      const uniform = new Random(seed)
      const times = new Map<number, number>()
      for (const sample of drawn) {
        const weights = known.map((i) => byBars(spans, i, (j) => (times.get(j) ?? 0) + (i === j ? 1 : 0)))
        let left = uniform.uniform() * weights.reduce((sum, weight) => sum + weight, 0)
        const place = weights.findIndex((weight) => (left -= weight) < 1e-9)
        // A number on the edge of two may fall to either by rounding.
        if (Math.abs(left) > 1e-9) expect(sample).toBe(known[place])
        times.set(sample, (times.get(sample) ?? 0) + 1)
      }
    }),
    { numRuns: 60 },
  )
})

test('ten thousand overlapping labels are drawn in a moment, and overlap less than drawn at random', () => {
  const spans = spansOf(...Array.from({ length: 10_000 }, (_, i): [number, number] => [i, i + 24]))
  const before = process.cpuUsage()
  const drawn = sequentialBootstrap(spans, new Random(3))
  const { user, system } = process.cpuUsage(before)
  expect((user + system) / 1e6).toBeLessThan(3)
  const uniquenessOf = (samples: Uint32Array) => {
    const sorted = samples.slice().sort()
    const mean = averageUniqueness(spansOf(...Array.from(sorted, (i): [number, number] => [i, i + 24])))
    return mean.reduce((sum, value) => sum + value, 0) / mean.length
  }
  const draws = new Random(4)
  const plain = Uint32Array.from({ length: 10_000 }, () => draws.integer(0, 9_999))
  expect(uniquenessOf(drawn)).toBeGreaterThan(uniquenessOf(plain))
})

test('weights fall in a line from the newest to the oldest', () => {
  const uniqueness = Float64Array.of(1, 1, Number.NaN, 1, 1)
  expect([...timeDecay(uniqueness, 1)]).toEqual([1, 1, Number.NaN, 1, 1])
  expect([...timeDecay(uniqueness, 0)]).toEqual([0.25, 0.5, Number.NaN, 0.75, 1])
  // The oldest half weighs nothing.
  expect([...timeDecay(uniqueness, -0.5)]).toEqual([0, 0, Number.NaN, 0.5, 1])
  expect(() => timeDecay(uniqueness, -1)).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})
