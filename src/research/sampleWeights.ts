/**
 * @file How much a sample counts when labels overlap: forty labels over the same hour are not forty observations.
 *
 * Time is cut at every sample and every label's end; between two cuts the same labels are under way. Weighting by the length of
 * these stretches, instead of by bars of equal length, gives the book's figures on bars, and exact ones on samples taken at
 * any time.
 *
 * Source: M. López de Prado, "Advances in financial machine learning" (2018), chapter 4.
 */

import { GimbalError } from '../core/errors.ts'
import type { Random } from '../core/random.ts'
import type { Spans } from './splits.ts'

/**
 * Average uniqueness of every label: the mean over its span of one over the number of labels under way. 1 where it is alone;
 * NaN where its end is unknown.
 *
 * @throws {GimbalError} `argument-invalid` when times do not ascend or an end is not after its time.
 */
export function averageUniqueness(spans: Spans): Float64Array {
  const { first, last, lengths, cuts } = stretches(spans)
  const underWay = new Float64Array(lengths.length + 1)
  for (const [i, from] of first.entries()) {
    if (last[i]! === 0) continue
    underWay[from]!++
    underWay[last[i]!]!--
  }
  const running = new Float64Array(lengths.length + 1)
  let count = 0
  for (let s = 0; s < lengths.length; s++) {
    count += underWay[s]!
    running[s + 1] = running[s]! + (count > 0 ? lengths[s]! / count : 0)
  }
  return Float64Array.from(first, (from, i) =>
    last[i]! === 0 ? Number.NaN : (running[last[i]!]! - running[from]!) / (cuts[last[i]!]! - cuts[from]!),
  )
}

/**
 * Draws samples one after another, each with a probability proportional to how unique its label would be among those drawn
 * already: a bootstrap whose draws overlap less.
 *
 * Cost: a draw looks at the labels that overlap the one drawn.
 *
 * @param draws How many; as many as there are known labels unless told.
 * @returns Numbers of samples in the order drawn, with repetition. @throws {GimbalError} `argument-invalid`.
 */
export function sequentialBootstrap(spans: Spans, random: Random, draws?: number): Uint32Array {
  const { first, last, lengths, cuts } = stretches(spans)
  const samples = Uint32Array.from(first.keys()).filter((i) => last[i]! > 0)
  if (samples.length === 0) throw new GimbalError('argument-invalid', 'No label is known: nothing to draw from', {})
  const drawn = new Float64Array(lengths.length)
  const uniqueness = new DrawTable(samples.length)
  for (let k = 0; k < samples.length; k++) uniqueness.set(k, 1)
  // Latest end among the first k known samples: those that end before a stretch need not be looked at.
  const latest = new Uint32Array(samples.length)
  for (const [k, i] of samples.entries()) latest[k] = Math.max(last[i]!, k > 0 ? latest[k - 1]! : 0)
  const running = new Float64Array(lengths.length + 1)
  return Uint32Array.from({ length: draws ?? samples.length }, () => {
    const sample = samples[uniqueness.draw(random.uniform())]!
    const [from, to] = [first[sample]!, last[sample]!]
    for (let s = from; s < to; s++) drawn[s]!++
    const low = lowerBound(latest.length, (k) => latest[k]! > from)
    const high = lowerBound(samples.length, (k) => first[samples[k]!]! >= to)
    let [start, end] = [from, to]
    for (let k = low; k < high; k++) {
      start = Math.min(start, first[samples[k]!]!)
      end = Math.max(end, last[samples[k]!]!)
    }
    running[start] = 0
    for (let s = start; s < end; s++) running[s + 1] = running[s]! + lengths[s]! / (1 + drawn[s]!)
    for (let k = low; k < high; k++) {
      const [a, b] = [first[samples[k]!]!, last[samples[k]!]!]
      if (b > from) uniqueness.set(k, (running[b]! - running[a]!) / (cuts[b]! - cuts[a]!))
    }
    return sample
  })
}

/**
 * Weights that fall linearly with age, age being counted in uniqueness rather than in time.
 *
 * @param uniqueness {@link averageUniqueness}, in order of time; samples that are NaN weigh NaN.
 * @param oldest Weight of the oldest sample, the newest having 1. Below 0, −c: the oldest share c of all weighs nothing.
 * @throws {GimbalError} `argument-invalid` unless −1 < oldest <= 1.
 *
 * Source: López de Prado (2018), section 4.7.
 */
export function timeDecay(uniqueness: Float64Array, oldest: number): Float64Array {
  if (!(oldest > -1 && oldest <= 1))
    throw new GimbalError('argument-invalid', 'The weight of the oldest sample lies between -1 and 1', { oldest })
  const total = uniqueness.reduce((sum, value) => sum + (Number.isNaN(value) ? 0 : value), 0)
  const slope = oldest >= 0 ? (1 - oldest) / total : 1 / ((1 + oldest) * total)
  let age = 0
  return uniqueness.map((value) => {
    if (Number.isNaN(value)) return Number.NaN
    age += value
    return Math.max(0, 1 - slope * (total - age))
  })
}

interface Stretches {
  /** Cuts of time, ascending; stretch s lies between cuts s and s + 1. */
  readonly cuts: Float64Array
  readonly lengths: Float64Array
  /** Per sample: its stretches are [first, last); last is 0 where its end is unknown. */
  readonly first: Uint32Array
  readonly last: Uint32Array
}

function stretches({ timesUs, endsUs }: Spans): Stretches {
  if (timesUs.length !== endsUs.length)
    throw new GimbalError('argument-invalid', 'There is not one end a time', {
      times: timesUs.length,
      ends: endsUs.length,
    })
  const known = [...timesUs.keys()].filter((i) => !Number.isNaN(endsUs[i]!))
  for (const [place, i] of known.entries())
    if (!(endsUs[i]! > timesUs[i]!) || (place > 0 && timesUs[i]! < timesUs[known[place - 1]!]!))
      throw new GimbalError('argument-invalid', 'Times do not ascend, or a label ends before it begins', { sample: i })
  const all = Float64Array.from(known.flatMap((i) => [timesUs[i]!, endsUs[i]!])).sort()
  const cuts = all.filter((cut, i) => i === 0 || cut !== all[i - 1])
  const lengths = new Float64Array(Math.max(0, cuts.length - 1)).map((_, s) => cuts[s + 1]! - cuts[s]!)
  const place = (timeUs: number) => lowerBound(cuts.length, (s) => cuts[s]! >= timeUs)
  const first = new Uint32Array(timesUs.length)
  const last = new Uint32Array(timesUs.length)
  for (const i of known) {
    first[i] = place(timesUs[i]!)
    last[i] = place(endsUs[i]!)
  }
  return { cuts, lengths, first, last }
}

/** First of 0 … count − 1 for which the condition, false and then true, is true; count when it never is. */
function lowerBound(count: number, condition: (at: number) => boolean): number {
  let [low, high] = [0, count]
  while (low < high) {
    const middle = (low + high) >>> 1
    if (condition(middle)) high = middle
    else low = middle + 1
  }
  return low
}

/** Weights that change one at a time, and draws in proportion to them: sums over a binary tree in an array. */
class DrawTable {
  readonly #size: number
  readonly #sums: Float64Array

  constructor(count: number) {
    this.#size = 2 ** Math.ceil(Math.log2(Math.max(2, count)))
    this.#sums = new Float64Array(2 * this.#size)
  }

  set(index: number, weight: number): void {
    const sums = this.#sums
    let node = this.#size + index
    sums[node] = weight
    // Sums are added afresh on the way up, so that rounding does not pile up.
    for (node >>= 1; node >= 1; node >>= 1) sums[node] = sums[2 * node]! + sums[2 * node + 1]!
  }

  draw(uniform: number): number {
    const sums = this.#sums
    let left = uniform * sums[1]!
    let node = 1
    while (node < this.#size) {
      node *= 2
      // Where rounding leaves nothing on the right, stay on the left: a weight of 0 is never drawn.
      if (left >= sums[node]! && sums[node + 1]! > 0) left -= sums[node++]!
    }
    return node - this.#size
  }
}
