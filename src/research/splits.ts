/**
 * @file Splits of samples into those to learn from and those to judge on, such that no label learnt from knows anything of
 * the time judged.
 *
 * A sample spans from its time to the end of its label. A sample may be learnt from only if its label ended before the test
 * began, or if it was taken later than the last label of the test ended, and an embargo after that (what happened in the test
 * lives on in features that look back). Both strictly.
 *
 * Samples whose label's end is NaN are in no split: their future is not known. Split functions take the numbers of samples to
 * split (`within`, ascending), so that splits nest: those of `purgedKFold(spans, k, 0, outer.train)` never see the outer test,
 * and choose hyper-parameters.
 *
 * Sources: M. López de Prado, "Advances in financial machine learning" (2018), chapters 7 (purging, embargo) and 12
 * (combinatorial cross-validation, its paths).
 */

import { GimbalError } from '../core/errors.ts'
import { choose } from './overfitting.ts'

/** When samples were taken and when their labels were known, µs. Times ascend; an end is after its time, or NaN. */
export interface Spans {
  readonly timesUs: Float64Array
  readonly endsUs: Float64Array
}

/** Numbers of samples, ascending. */
export interface Split {
  readonly train: Uint32Array
  readonly test: Uint32Array
}

/**
 * K folds of consecutive samples, each tested once by what is left of the others. Sizes differ by one at most.
 *
 * @param embargoUs Time after a test in which no sample is learnt from.
 * @throws {GimbalError} `argument-invalid`: fewer than two folds, more folds than samples, spans that make no sense.
 */
export function purgedKFold(spans: Spans, folds: number, embargoUs: number, within?: Uint32Array): Split[] {
  const samples = usable(spans, within)
  const groups = groupsOf(samples, folds)
  requireEmbargo(embargoUs)
  return groups.map((test) => ({ test, train: purged(spans, samples, [test], embargoUs) }))
}

/** All ways to test some of the groups on the others, and how their answers join into whole paths. */
export interface CombinatorialSplits {
  /** Samples of each group. */
  readonly groups: readonly Uint32Array[]
  /** How many splits there are: C(groups, tested). */
  readonly count: number
  /** Groups that a split tests, ascending; splits are in lexicographic order of them. */
  readonly tested: readonly (readonly number[])[]
  /** A split, made when asked for: all of them at once may not fit in memory. Its test holds its groups' samples, ascending. */
  split(index: number): Split
  /** For every path, the split each group's answers come from. Every split's answer for every group is in one path exactly. */
  readonly paths: readonly Uint32Array[]
}

/**
 * Combinatorial purged cross-validation: instead of one walk through history, C(groups − 1, tested − 1) of them, each wholly
 * out of sample.
 *
 * @throws {GimbalError} `argument-invalid`.
 */
export function combinatorialSplits(
  spans: Spans,
  groups: number,
  tested: number,
  embargoUs: number,
  within?: Uint32Array,
): CombinatorialSplits {
  if (!Number.isSafeInteger(tested) || tested < 1 || tested >= groups || choose(groups, tested) > 100_000)
    throw new GimbalError('argument-invalid', 'So many groups cannot be tested at a time', { groups, tested })
  requireEmbargo(embargoUs)
  const samples = usable(spans, within)
  const parts = groupsOf(samples, groups)
  const combinations = combinationsOf(groups, tested)
  const paths = Array.from({ length: choose(groups - 1, tested - 1) }, () => new Uint32Array(groups))
  const filled = new Uint32Array(groups)
  for (const [index, combination] of combinations.entries())
    for (const group of combination) paths[filled[group]!++]![group] = index
  return {
    groups: parts,
    count: combinations.length,
    tested: combinations,
    paths,
    split(index) {
      const tests = combinations[index]!.map((group) => parts[group]!)
      const test = new Uint32Array(tests.reduce((sum, part) => sum + part.length, 0))
      let at = 0
      for (const part of tests) test.set(part, (at += part.length) - part.length)
      return { test, train: purged(spans, samples, tests, embargoUs) }
    },
  }
}

/**
 * Joins the answers of all splits into the paths through history.
 *
 * @param answers One array a split, one answer a sample of its test, in order.
 * @returns One array a path; one answer a sample of all spans, NaN for samples in no group.
 * @throws {GimbalError} `argument-invalid` unless there is one answer a tested sample.
 */
export function recombine(
  splits: CombinatorialSplits,
  answers: readonly Float64Array[],
  samples: number,
): Float64Array[] {
  for (const [index, combination] of splits.tested.entries()) {
    const wanted = combination.reduce((sum, group) => sum + splits.groups[group]!.length, 0)
    if (answers[index]?.length !== wanted)
      throw new GimbalError('argument-invalid', 'A split has not one answer a tested sample', {
        split: index,
        wanted,
        given: answers[index]?.length ?? 0,
      })
  }
  return splits.paths.map((path) => {
    const joined = new Float64Array(samples).fill(Number.NaN)
    for (const [group, index] of path.entries()) {
      let at = 0
      for (const earlier of splits.tested[index]!) {
        if (earlier === group) break
        at += splits.groups[earlier]!.length
      }
      for (const sample of splits.groups[group]!) joined[sample] = answers[index]![at++]!
    }
    return joined
  })
}

/** When to train anew, and on how much. */
export interface WalkForward {
  /** Time from the first sample to the first training, µs. */
  readonly firstTrainUs: number
  /** Time from one training to the next: each model is judged on the samples until the next one. */
  readonly retrainUs: number
  /** How far back a training reaches; to the first sample (anchored) when absent. */
  readonly windowUs?: number
}

/** A step of a walk-forward: the moment of training, and what it may use. */
export interface WalkForwardSplit extends Split {
  readonly trainedUs: number
}

/**
 * Walk-forward: trained at moments `retrainUs` apart on labels known before that moment, judged on the samples from it on until
 * the next. Every sample from the first training on is tested once. Stretches without samples are passed over.
 *
 * @throws {GimbalError} `argument-invalid`: lengths that are not positive, or a training with nothing to learn from.
 */
export function walkForward(spans: Spans, schedule: WalkForward, within?: Uint32Array): WalkForwardSplit[] {
  const { firstTrainUs, retrainUs, windowUs = Number.POSITIVE_INFINITY } = schedule
  if (!(firstTrainUs > 0 && retrainUs > 0 && windowUs > 0))
    throw new GimbalError('argument-invalid', 'A walk-forward needs lengths of time above 0', {
      firstTrainUs,
      retrainUs,
      windowUs,
    })
  const { timesUs, endsUs } = spans
  const samples = usable(spans, within)
  const startUs = timesUs[samples[0]!]! + firstTrainUs
  const splits: WalkForwardSplit[] = []
  let from = samples.findIndex((sample) => timesUs[sample]! >= startUs)
  while (from >= 0 && from < samples.length) {
    // The training the next sample falls under: whole intervals without samples are passed over.
    const step = Math.floor((timesUs[samples[from]!]! - startUs) / retrainUs)
    const trainedUs = startUs + step * retrainUs
    let to = from
    while (to < samples.length && timesUs[samples[to]!]! < trainedUs + retrainUs) to++
    const train = samples.filter((sample) => endsUs[sample]! < trainedUs && timesUs[sample]! >= trainedUs - windowUs)
    if (train.length === 0)
      throw new GimbalError('argument-invalid', 'A walk-forward has nothing to learn from at one of its trainings', {
        trainedUs,
        firstTrainUs,
        windowUs,
      })
    splits.push({ trainedUs, train, test: samples.slice(from, to) })
    from = to
  }
  return splits
}

/**
 * How many training labels span time that a test's samples span, too: 0 for every split of this file. For splits that come
 * from elsewhere, and for tests.
 */
export function overlapping({ timesUs, endsUs }: Spans, { train, test }: Split): number {
  // Tests by time; `latest[i]`: last end among the first i of them.
  const latest = new Float64Array(test.length + 1).fill(Number.NEGATIVE_INFINITY)
  for (let i = 0; i < test.length; i++) latest[i + 1] = Math.max(latest[i]!, endsUs[test[i]!]!)
  let count = 0
  for (const sample of train) {
    // Tests that begin before this label ends: among them, does one end after this sample was taken?
    let [low, high] = [0, test.length]
    while (low < high) {
      const middle = (low + high) >>> 1
      if (timesUs[test[middle]!]! < endsUs[sample]!) low = middle + 1
      else high = middle
    }
    if (latest[low]! > timesUs[sample]!) count++
  }
  return count
}

/** @throws {GimbalError} `argument-invalid`. */
function usable({ timesUs, endsUs }: Spans, within: Uint32Array | undefined): Uint32Array {
  const fail = (reason: string, facts: Record<string, number>): never => {
    throw new GimbalError('argument-invalid', `These samples cannot be split: ${reason}`, facts)
  }
  if (timesUs.length !== endsUs.length)
    fail('there is not one end a time', { times: timesUs.length, ends: endsUs.length })
  for (let i = 0; i < timesUs.length; i++) {
    if (i > 0 && !(timesUs[i]! >= timesUs[i - 1]!)) fail('their times do not ascend', { sample: i })
    if (endsUs[i]! <= timesUs[i]!) fail('a label is known no later than its sample was taken', { sample: i })
  }
  const all = within ?? Uint32Array.from(timesUs, (_, i) => i)
  for (let i = 0; i < all.length; i++)
    if (all[i]! >= timesUs.length || (i > 0 && all[i]! <= all[i - 1]!))
      fail('their numbers do not ascend', { place: i, sample: all[i]! })
  const known = all.filter((sample) => !Number.isNaN(endsUs[sample]!))
  if (known.length === 0) fail('no label is known', { samples: all.length })
  return known
}

function requireEmbargo(embargoUs: number): void {
  if (!(embargoUs >= 0 && embargoUs < Number.POSITIVE_INFINITY))
    throw new GimbalError('argument-invalid', 'An embargo is a length of time', { embargoUs })
}

function groupsOf(samples: Uint32Array, count: number): Uint32Array[] {
  if (!Number.isSafeInteger(count) || count < 2 || count > samples.length)
    throw new GimbalError('argument-invalid', 'So many parts cannot be made of these samples', {
      parts: count,
      samples: samples.length,
    })
  return Array.from({ length: count }, (_, i) =>
    samples.slice(Math.floor((i * samples.length) / count), Math.floor(((i + 1) * samples.length) / count)),
  )
}

/** Samples that may be learnt from when these parts are tested. */
function purged(spans: Spans, samples: Uint32Array, tests: readonly Uint32Array[], embargoUs: number): Uint32Array {
  const { timesUs, endsUs } = spans
  const closed = tests.map((test) => {
    let lastEndUs = Number.NEGATIVE_INFINITY
    for (const sample of test) if (endsUs[sample]! > lastEndUs) lastEndUs = endsUs[sample]!
    return { fromUs: timesUs[test[0]!]!, untilUs: lastEndUs + embargoUs }
  })
  return samples.filter((sample) => {
    for (let i = 0; i < closed.length; i++)
      if (!(endsUs[sample]! < closed[i]!.fromUs || timesUs[sample]! > closed[i]!.untilUs)) return false
    return true
  })
}

function combinationsOf(n: number, k: number): number[][] {
  const found: number[][] = []
  const picked = Array.from({ length: k }, (_, i) => i)
  for (;;) {
    found.push([...picked])
    let i = k - 1
    while (i >= 0 && picked[i] === n - k + i) i--
    if (i < 0) return found
    picked[i]!++
    for (let j = i + 1; j < k; j++) picked[j] = picked[j - 1]! + 1
  }
}
