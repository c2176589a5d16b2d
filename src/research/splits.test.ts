/**
 * Goal: nothing learnt from knows anything of the time judged, whatever the samples and labels.
 *
 * Method: reference vectors where the shared reference data are at hand; properties over random samples with labels of
 * different lengths and holes, overlap recounted pair by pair.
 */

import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import {
  combinatorialSplits,
  overlapping,
  purgedKFold,
  recombine,
  type Spans,
  type Split,
  walkForward,
} from './splits.ts'

const VECTORS = join(process.env['GIMBAL_SHARED'] ?? '../shared', 'reference/vectors/t04_cpcv_purge.json')

/** Samples at every whole number with labels of equal length. */
function regular(count: number, horizon: number): Spans {
  const timesUs = Float64Array.from({ length: count }, (_, i) => i)
  return { timesUs, endsUs: timesUs.map((time) => time + horizon) }
}

/** Samples at random times, labels of random lengths, some unknown. */
function irregular(seed: number, count: number): Spans {
  const random = new Random(seed)
  let time = 0
  const timesUs = Float64Array.from({ length: count }, () => (time += random.integer(0, 5)))
  const endsUs = timesUs.map((at) => (random.uniform() < 0.1 ? Number.NaN : at + random.integer(1, 20)))
  return { timesUs, endsUs }
}

describe.skipIf(!existsSync(VECTORS))('reference vectors (skipped where the shared reference data are absent)', () => {
  interface Case {
    readonly kind: string
    readonly N: number
    readonly k: number
    readonly splits: number
    readonly paths: number
    readonly T: number
    readonly label_horizon: number
    readonly embargo_frac: number
    readonly folds: { test: [number, number]; train_n: number; train: number[] | null }[]
  }
  const cases = existsSync(VECTORS) ? (JSON.parse(readFileSync(VECTORS, 'utf8')) as { cases: Case[] }).cases : []

  test('numbers of splits and paths', () => {
    const counts = cases.filter(({ kind }) => kind === 'cpcv_counts')
    expect(counts.length).toBeGreaterThan(2)
    for (const { N, k, splits, paths } of counts) {
      const found = combinatorialSplits(regular(200, 1), N, k, 0)
      expect([found.count, found.paths.length]).toEqual([splits, paths])
    }
  })

  test('purged folds with embargo', () => {
    const folded = cases.filter(({ kind }) => kind === 'purged_kfold')
    expect(folded.length).toBeGreaterThan(1)
    for (const { T, label_horizon, k, embargo_frac, folds } of folded) {
      const found = purgedKFold(regular(T, label_horizon), k, Math.floor(T * embargo_frac))
      folds.forEach(({ test, train_n, train }, i) => {
        expect([found[i]!.test[0], found[i]!.test.at(-1)]).toEqual(test)
        expect(found[i]!.train.length).toBe(train_n)
        if (train) expect([...found[i]!.train]).toEqual(train)
      })
    }
  })
})

/** Pairs of a training and a test label that share time, the slow way. */
function sharing({ timesUs, endsUs }: Spans, { train, test }: Split): number {
  return [...train].filter((a) => [...test].some((b) => timesUs[a]! < endsUs[b]! && timesUs[b]! < endsUs[a]!)).length
}

/** No shared time, the embargo kept, nothing both learnt from and judged on, unknown labels in neither. */
function expectClean(spans: Spans, split: Split, embargoUs: number): void {
  const { timesUs, endsUs } = spans
  expect(sharing(spans, split)).toBe(0)
  expect(overlapping(spans, split)).toBe(0)
  const judged = new Set(split.test)
  for (const sample of split.train) {
    expect(judged.has(sample)).toBe(false)
    for (const test of split.test)
      if (timesUs[sample]! >= endsUs[test]!) expect(timesUs[sample]!).toBeGreaterThan(endsUs[test]! + embargoUs)
  }
  for (const sample of [...split.train, ...split.test]) expect(endsUs[sample]).not.toBeNaN()
}

const world = fc.tuple(fc.nat(1e6), fc.integer({ min: 30, max: 80 }), fc.integer({ min: 0, max: 15 }))
const known = ({ endsUs }: Spans) => [...endsUs.keys()].filter((i) => !Number.isNaN(endsUs[i]!))

describe('whatever the samples and their labels', () => {
  test('k folds are clean, test every known sample once, and drop no more than they must', () => {
    fc.assert(
      fc.property(world, fc.integer({ min: 2, max: 6 }), ([seed, count, embargoUs], folds) => {
        const spans = irregular(seed, count)
        const splits = purgedKFold(spans, folds, embargoUs)
        expect(splits.flatMap(({ test }) => [...test])).toEqual(known(spans))
        for (const split of splits) {
          expectClean(spans, split, embargoUs)
          const first = spans.timesUs[split.test[0]!]!
          const last = Math.max(...[...split.test].map((i) => spans.endsUs[i]!))
          const kept = known(spans).filter((i) => spans.endsUs[i]! < first || spans.timesUs[i]! > last + embargoUs)
          expect([...split.train]).toEqual(kept)
        }
      }),
      { numRuns: 60 },
    )
  })

  test('combinations are clean, test every known sample as often as there are paths, and join into whole paths', () => {
    fc.assert(
      fc.property(
        world,
        fc.constantFrom([4, 2], [5, 2], [5, 3], [4, 1]),
        ([seed, count, embargoUs], [groups, tested]) => {
          const spans = irregular(seed, count)
          const splits = combinatorialSplits(spans, groups!, tested!, embargoUs)
          const times = new Map<number, number>()
          const answers: Float64Array[] = []
          for (let index = 0; index < splits.count; index++) {
            const split = splits.split(index)
            expectClean(spans, split, embargoUs)
            for (const sample of split.test) times.set(sample, (times.get(sample) ?? 0) + 1)
            answers.push(Float64Array.from(split.test, (sample) => index * 1000 + sample))
          }
          expect([...times.keys()].sort((a, b) => a - b)).toEqual(known(spans))
          expect(new Set(times.values())).toEqual(new Set([splits.paths.length]))
          const paths = recombine(splits, answers, count)
          const used = new Set<number>()
          for (const path of paths) {
            for (let i = 0; i < count; i++) {
              if (Number.isNaN(spans.endsUs[i]!)) expect(path[i]).toBeNaN()
              else {
                expect(path[i]! % 1000).toBe(i)
                expect(used.has(path[i]!)).toBe(false)
                used.add(path[i]!)
              }
            }
          }
          expect(used.size).toBe(answers.reduce((sum, each) => sum + each.length, 0))
        },
      ),
      { numRuns: 40 },
    )
  })

  test('a walk forward learns from the past alone and tests every later sample once', () => {
    fc.assert(
      fc.property(world, fc.integer({ min: 5, max: 40 }), fc.boolean(), ([seed, count], retrainUs, sliding) => {
        const spans = irregular(seed, count)
        const samples = known(spans)
        const firstUs = spans.timesUs[samples[0]!]!
        const schedule = { firstTrainUs: 60, retrainUs, ...(sliding ? { windowUs: 60 } : {}) }
        let splits: ReturnType<typeof walkForward>
        try {
          splits = walkForward(spans, schedule)
        } catch (error) {
          // Few samples with long labels: nothing is known at the first training.
          expect(error).toMatchObject({ code: 'argument-invalid' })
          return
        }
        expect(splits.flatMap(({ test }) => [...test])).toEqual(
          samples.filter((i) => spans.timesUs[i]! >= firstUs + 60),
        )
        for (const split of splits) {
          const { trainedUs } = split
          expect(overlapping(spans, split)).toBe(0)
          const kept = samples.filter(
            (i) => spans.endsUs[i]! < trainedUs && (!sliding || spans.timesUs[i]! >= trainedUs - 60),
          )
          expect([...split.train]).toEqual(kept)
          for (const i of split.test) {
            expect(spans.timesUs[i]!).toBeGreaterThanOrEqual(trainedUs)
            expect(spans.timesUs[i]!).toBeLessThan(trainedUs + retrainUs)
          }
        }
      }),
      { numRuns: 100 },
    )
  })

  test('splits inside a split never see its test', () => {
    fc.assert(
      fc.property(world, ([seed, count, embargoUs]) => {
        const spans = irregular(seed, count)
        for (const outer of purgedKFold(spans, 3, embargoUs)) {
          if (outer.train.length < 4) continue
          const inner = purgedKFold(spans, 2, embargoUs, outer.train)
          expect(inner.flatMap(({ test }) => [...test])).toEqual([...outer.train])
          for (const split of inner) {
            expectClean(spans, split, embargoUs)
            expect(sharing(spans, { train: split.train, test: outer.test })).toBe(0)
            expect(sharing(spans, { train: split.test, test: outer.test })).toBe(0)
          }
        }
      }),
      { numRuns: 40 },
    )
  })

  test('shared time is counted as pair by pair', () => {
    fc.assert(
      fc.property(world, ([seed, count]) => {
        const spans = irregular(seed, count)
        const random = new Random(seed).fork('split')
        const samples = known(spans)
        const side = samples.map(() => random.uniform() < 0.5)
        const split = {
          train: Uint32Array.from(samples.filter((_, i) => side[i])),
          test: Uint32Array.from(samples.filter((_, i) => !side[i])),
        }
        expect(overlapping(spans, split)).toBe(sharing(spans, split))
      }),
      { numRuns: 60 },
    )
  })
})

test('a label as long as the embargo is not forgotten: the worked case of overlapping hours', () => {
  const [first, second] = purgedKFold(regular(12, 3), 2, 2)
  // The test of the first fold ends with sample 5, its label at 8: samples up to 8 + 2 are out.
  expect([...first!.train]).toEqual([11])
  // Labels of samples 0 to 2 end before 6.
  expect([...second!.train]).toEqual([0, 1, 2])
})

test('samples that make no sense are refused', () => {
  const invalid = expect.objectContaining({ code: 'argument-invalid' })
  const spans = regular(10, 2)
  expect(() => purgedKFold(spans, 11, 0)).toThrow(invalid)
  expect(() => purgedKFold(spans, 1, 0)).toThrow(invalid)
  expect(() => purgedKFold(spans, 2, -1)).toThrow(invalid)
  expect(() => purgedKFold(spans, 2, 0, Uint32Array.of(3, 1))).toThrow(invalid)
  expect(() => purgedKFold({ ...spans, endsUs: spans.timesUs }, 2, 0)).toThrow(invalid)
  expect(() => purgedKFold({ ...spans, endsUs: spans.endsUs.map(() => Number.NaN) }, 2, 0)).toThrow(invalid)
  expect(() => combinatorialSplits(spans, 4, 4, 0)).toThrow(invalid)
  expect(() => walkForward(spans, { firstTrainUs: 1, retrainUs: 5 })).toThrow(invalid)
  expect(() => recombine(combinatorialSplits(spans, 4, 2, 0), [], 10)).toThrow(invalid)
})
