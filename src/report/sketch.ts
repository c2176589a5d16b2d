/**
 * @file Distributions of any number of values in fixed memory, with quantiles good to half a per cent.
 *
 * A DDSketch: values are counted in bins whose edges grow by a fixed factor, so every quantile is within
 * {@link ACCURACY} of the true one, relatively. Extremes, mean and count are exact.
 * Source: C. Masson, J. Rim, H. Lee, "DDSketch: a fast and fully-mergeable quantile sketch with relative-error
 * guarantees", PVLDB 12 (2019). Unlike theirs, bins are never collapsed: magnitudes below {@link SMALLEST} count as zero
 * and above {@link LARGEST} as the largest, which bounds the bins instead.
 */

import { assert } from '../core/errors.ts'

/** Relative error of quantiles. */
export const ACCURACY = 0.005
const GAMMA = (1 + ACCURACY) / (1 - ACCURACY)
const LOG_GAMMA = Math.log(GAMMA)
const SMALLEST = 1e-9
const LARGEST = 1e15

export class Sketch {
  count = 0
  min = Number.POSITIVE_INFINITY
  max = Number.NEGATIVE_INFINITY
  #sum = 0
  #zeros = 0
  readonly #positive = new Map<number, number>()
  readonly #negative = new Map<number, number>()

  /** Takes one finite value into account. */
  add(value: number): void {
    assert(Number.isFinite(value), 'only finite values have a distribution')
    this.count++
    this.#sum += value
    if (value < this.min) this.min = value
    if (value > this.max) this.max = value
    const magnitude = Math.abs(value)
    if (magnitude < SMALLEST) this.#zeros++
    else {
      const bin = Math.ceil(Math.log(Math.min(magnitude, LARGEST)) / LOG_GAMMA)
      const bins = value > 0 ? this.#positive : this.#negative
      bins.set(bin, (bins.get(bin) ?? 0) + 1)
    }
  }

  /** NaN when nothing was added. */
  get mean(): number {
    return this.count > 0 ? this.#sum / this.count : Number.NaN
  }

  /** The value below which a fraction `q` lies; NaN when nothing was added. */
  quantile(q: number): number {
    if (this.count === 0) return Number.NaN
    const rank = q * (this.count - 1)
    let seen = 0
    for (const [value, count] of this.bins()) {
      seen += count
      // The ends are known exactly; a bin's middle may lie beyond them.
      if (seen > rank) return Math.min(this.max, Math.max(this.min, value))
    }
    return this.max
  }

  /** Middle and count of every occupied bin, ascending. */
  bins(): [value: number, count: number][] {
    const middle = (bin: number): number => (2 * GAMMA ** bin) / (GAMMA + 1)
    const rows: [number, number][] = []
    for (const [bin, count] of [...this.#negative].sort(([a], [b]) => b - a)) rows.push([-middle(bin), count])
    if (this.#zeros > 0) rows.push([0, this.#zeros])
    for (const [bin, count] of [...this.#positive].sort(([a], [b]) => a - b)) rows.push([middle(bin), count])
    return rows
  }
}

/** A distribution as plain data, for JSON and charts. Figures are null when nothing was counted. */
export interface Distribution {
  readonly unit: string
  readonly count: number
  readonly mean: number | null
  readonly min: number | null
  readonly p05: number | null
  readonly p25: number | null
  readonly p50: number | null
  readonly p75: number | null
  readonly p95: number | null
  readonly p99: number | null
  readonly max: number | null
  readonly scale: 'linear' | 'log'
  /** Bin edges ascending, one more than `counts`; empty when nothing was counted. */
  readonly edges: readonly number[]
  readonly counts: readonly number[]
  /** Values left of the first edge (on a log scale: zero and less) and right of the last. */
  readonly below: number
  readonly above: number
}

const BINS = 32

/** Rounds to ten significant digits: enough for any chart, and the same text everywhere. */
export function rounded(value: number): number | null {
  return Number.isFinite(value) ? Number(value.toPrecision(10)) : null
}

/** A sketch as plain data, re-binned for drawing: at most {@link BINS} bins. */
export function distribution(sketch: Sketch, unit: string, scale: 'linear' | 'log'): Distribution {
  const rows = sketch.bins().filter(([value]) => scale === 'linear' || value > 0)
  let edges: number[] = []
  const counts: number[] = []
  let below = 0
  let above = 0
  if (rows.length > 0) {
    // A linear axis stops at the outermost hundredths, or one outlier would flatten the rest.
    const low = scale === 'linear' ? sketch.quantile(0.01) : rows[0]![0]
    const high = scale === 'linear' ? sketch.quantile(0.99) : rows.at(-1)![0]
    edges = scale === 'linear' ? linearEdges(low, high) : logEdges(low, high)
    for (let i = 1; i < edges.length; i++) counts.push(0)
    for (const [value, count] of sketch.bins()) {
      if (value < edges[0]! || (scale === 'log' && value <= 0)) below += count
      else if (value > edges.at(-1)!) above += count
      else {
        let bin = counts.length - 1
        while (bin > 0 && value < edges[bin]!) bin--
        counts[bin]! += count
      }
    }
  } else below = sketch.count
  const quantile = (q: number) => rounded(sketch.quantile(q))
  return {
    unit,
    count: sketch.count,
    mean: rounded(sketch.mean),
    min: rounded(sketch.min),
    p05: quantile(0.05),
    p25: quantile(0.25),
    p50: quantile(0.5),
    p75: quantile(0.75),
    p95: quantile(0.95),
    p99: quantile(0.99),
    max: rounded(sketch.max),
    scale,
    edges: edges.map((edge) => Number(edge.toPrecision(6))),
    counts,
    below,
    above,
  }
}

/** Edges on round numbers covering [low, high]. */
function linearEdges(low: number, high: number): number[] {
  const span = high - low > 0 ? high - low : Math.max(Math.abs(low) * 0.1, 1e-6)
  const rough = span / (BINS - 4)
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 2.5, 5, 10].find((factor) => factor * power >= rough) ?? 10)
  const first = Math.floor(low / step)
  const last = Math.max(first + 1, Math.ceil(high / step))
  return Array.from({ length: last - first + 1 }, (_, i) => (first + i) * step)
}

/** Edges at equal ratios covering [low, high], as many to a decade as fit, yet each far wider than a bin of the sketch. */
function logEdges(low: number, high: number): number[] {
  const decades = Math.log10(high / low)
  const perDecade = [20, 10, 8, 5, 4, 2, 1].find((each) => decades * each <= BINS - 2) ?? 1
  const first = Math.floor(Math.log10(low) * perDecade)
  const last = Math.max(first + 1, Math.ceil(Math.log10(high) * perDecade))
  return Array.from({ length: last - first + 1 }, (_, i) => 10 ** ((first + i) / perDecade))
}
