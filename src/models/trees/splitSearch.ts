/**
 * @file The best split of one column, from the histogram of a leaf.
 *
 * A split is worth G_left² / (H_left + λ) + G_right² / (H_right + λ) - G² / (H + λ), G and H the sums of gradients and
 * hessians: twice what a Newton step lowers the second-order loss by (T. Chen, C. Guestrin, "XGBoost", KDD 2016, eq. 7,
 * without its ½, as LightGBM reports it). Order of the search, treatment of ties, missing figures and categories follow
 * LightGBM (src/treelearner/feature_histogram.hpp; MIT), so that equal data grow equal trees.
 */

import { CELLS, type TreeKernel } from './kernel.ts'
import { RECORD, type TreePlan } from './treePlan.ts'

/** Where a record holds what. Doubles, but for the set: eight 32-bit words from double {@link Found.SET} on. */
export const Found = {
  /** Gain above `gainMin`; -Infinity when there is no split. */
  GAIN: 0,
  /** Greatest bin that goes left; -1 when the set says which do. */
  BIN: 1,
  /** 1 when missing figures go left. */
  MISSING_LEFT: 2,
  /** Sums of the left half. */
  GRADIENT: 3,
  HESSIAN: 4,
  ROWS: 5,
  /** Added to lambdaL2 in the values of both halves. */
  EXTRA_L2: 6,
  /** Bins that go left, a bit each. */
  SET: 8,
} as const

/** What every split must respect; see treeSettings.ts. */
export interface SplitRules {
  readonly lambdaL1: number
  readonly lambdaL2: number
  readonly gainMin: number
  readonly rowsPerLeafMin: number
  readonly hessianPerLeafMin: number
  readonly categorySmooth: number
  readonly categoryL2: number
  readonly categoriesPerSplitMax: number
  readonly categoriesOneHotMax: number
  readonly rowsPerCategoryGroupMin: number
  /** Whether the rows of a half are estimated from its hessians, as by LightGBM, whose histograms do not count. */
  readonly rowsEstimated: boolean
}

/** A leaf about to be split: its sums, and the range a monotone forecast leaves to the values below it. */
export interface LeafSums {
  gradient: number
  hessian: number
  rows: number
  low: number
  high: number
}

/** |gradient| less the L1 penalty, sign kept. */
function shrunk(gradient: number, lambdaL1: number): number {
  if (lambdaL1 === 0) return gradient
  return Math.sign(gradient) * Math.max(0, Math.abs(gradient) - lambdaL1)
}

/** Value of a leaf: the Newton step, within its range. */
export function leafOutput(
  gradient: number,
  hessian: number,
  lambdaL1: number,
  lambdaL2: number,
  low: number,
  high: number,
): number {
  const step = hessian + lambdaL2 > 0 ? -shrunk(gradient, lambdaL1) / (hessian + lambdaL2) : 0
  return Math.max(low, Math.min(high, step))
}

/** Gain of a leaf whose value is the unhindered Newton step. */
export function freeGain(gradient: number, hessian: number, lambdaL1: number, lambdaL2: number): number {
  const step = shrunk(gradient, lambdaL1)
  return (step * step) / (hessian + lambdaL2)
}

/** Gain of a leaf with a given value. */
export function gainAt(gradient: number, hessian: number, lambdaL1: number, lambdaL2: number, output: number): number {
  return -(2 * shrunk(gradient, lambdaL1) * output + (hessian + lambdaL2) * output * output)
}

/** Searches histograms; one for each thread. Allocates nothing once made. */
export class SplitSearch {
  readonly #rules: SplitRules
  readonly #monotone: Int8Array
  readonly #categorical: Uint8Array
  readonly #hessianMin: number
  readonly #wide: boolean
  readonly #countBits: number
  readonly #low: Uint32Array
  readonly #high: Int32Array
  readonly #records: Float64Array
  readonly #sets: Uint32Array
  readonly #binCounts: Int32Array
  readonly #missingBins: Int32Array
  readonly #gradient = new Float64Array(CELLS)
  readonly #hessian = new Float64Array(CELLS)
  readonly #rows = new Float64Array(CELLS)
  /** Rows as the least of a leaf is judged by: those of the bins, or what their hessians make of them. */
  readonly #judged: Float64Array
  readonly #order = new Int32Array(CELLS)
  readonly #kernel: TreeKernel
  readonly #out: number
  readonly #scanned: Float64Array
  /** What one unit of a fixed-point gradient or hessian is; set each round. */
  gradientUnit = 1
  hessianUnit = 1

  constructor(
    buffer: SharedArrayBuffer,
    plan: TreePlan,
    rules: SplitRules,
    monotone: Int8Array,
    categorical: Uint8Array,
    kernel: TreeKernel,
    lane: number,
  ) {
    this.#kernel = kernel
    this.#out = plan.scanned + lane * 64
    this.#scanned = new Float64Array(buffer, this.#out, 4)
    this.#rules = rules
    this.#monotone = monotone
    this.#categorical = categorical
    this.#hessianMin = Math.max(rules.hessianPerLeafMin, Number.MIN_VALUE) // A leaf without hessian has no value.
    this.#wide = plan.wide
    this.#judged = plan.wide && rules.rowsEstimated ? new Float64Array(CELLS) : this.#rows
    this.#countBits = plan.countBits
    this.#low = new Uint32Array(buffer)
    this.#high = new Int32Array(buffer)
    this.#records = new Float64Array(buffer, plan.records, 2 * plan.features * RECORD)
    this.#sets = new Uint32Array(buffer, plan.records, 4 * plan.features * RECORD)
    this.#binCounts = new Int32Array(buffer, plan.binCounts, plan.features)
    this.#missingBins = new Int32Array(buffer, plan.missingBins, plan.features)
  }

  /**
   * Writes the best split of a leaf by one column to a record.
   *
   * @param histogram Byte address of the column's cells.
   * @param record Number of the record.
   */
  search(feature: number, histogram: number, leaf: LeafSums, record: number): void {
    const at = record * RECORD
    this.#records[at + Found.GAIN] = Number.NEGATIVE_INFINITY
    const bins = this.#binCounts[feature]!
    if (bins < 2) return
    const { lambdaL1, lambdaL2, gainMin } = this.#rules
    const free = leaf.low === Number.NEGATIVE_INFINITY && leaf.high === Number.POSITIVE_INFINITY
    const output = leafOutput(leaf.gradient, leaf.hessian, lambdaL1, lambdaL2, leaf.low, leaf.high)
    const before = free
      ? freeGain(leaf.gradient, leaf.hessian, lambdaL1, lambdaL2)
      : gainAt(leaf.gradient, leaf.hessian, lambdaL1, lambdaL2, output)
    // Both sides of the comparison are rounded: in a leaf of equal gradients no split may win by that.
    const gainToBeat = before + 1e-14 * Math.abs(before) + gainMin
    if (this.#categorical[feature] === 1) {
      this.#unpack(histogram, bins)
      if (this.#judged !== this.#rows) this.#estimateRows(leaf, bins)
      this.#searchCategories(leaf, bins, gainToBeat, at)
    } else this.#searchThresholds(feature, histogram, leaf, bins, gainToBeat, at, free)
  }

  /** Cells to sums of gradients, hessians and rows by bin, all exact. */
  #unpack(histogram: number, bins: number): void {
    const countBits = this.#countBits
    const mask = 2 ** countBits - 1
    const highUnits = 2 ** (32 - countBits)
    const gradientUnit = this.gradientUnit
    if (this.#wide) {
      const hessianUnit = this.hessianUnit
      for (let bin = 0, at = histogram / 4; bin < bins; bin++, at += 4) {
        const last = this.#low[at + 2]!
        this.#gradient[bin] = (this.#high[at + 1]! * 4294967296 + this.#low[at]!) * gradientUnit
        this.#hessian[bin] = (this.#high[at + 3]! * highUnits + (last >>> countBits)) * hessianUnit
        this.#rows[bin] = last & mask
      }
    } else {
      for (let bin = 0, at = histogram / 4; bin < bins; bin++, at += 2) {
        const last = this.#low[at]!
        const rows = last & mask
        this.#gradient[bin] = (this.#high[at + 1]! * highUnits + (last >>> countBits)) * gradientUnit
        this.#hessian[bin] = rows
        this.#rows[bin] = rows
      }
    }
  }

  #estimateRows(leaf: LeafSums, bins: number): void {
    const perHessian = leaf.rows / leaf.hessian
    for (let bin = 0; bin < bins; bin++) this.#judged[bin] = Math.floor(this.#hessian[bin]! * perHessian + 0.5)
  }

  #searchThresholds(
    feature: number,
    histogram: number,
    leaf: LeafSums,
    bins: number,
    gainToBeat: number,
    at: number,
    free: boolean,
  ): void {
    const missing = this.#missingBins[feature]!
    const last = missing < 0 ? bins - 1 : bins - 2
    const estimated = this.#judged !== this.#rows
    const simple = free && this.#monotone[feature] === 0 && this.#rules.lambdaL1 === 0 && !estimated
    if (!simple || missing >= 0) this.#unpack(histogram, bins)
    if (estimated) this.#estimateRows(leaf, bins)
    const best = simple
      ? this.#scanDown(histogram, leaf, last, gainToBeat, at)
      : this.#scanDownGeneral(feature, leaf, last, gainToBeat, at)
    if (missing >= 0 && this.#rows[missing]! > 0) this.#scanUp(feature, leaf, last, best, gainToBeat, at)
  }

  /** Thresholds from the greatest down, missing figures to the left: unhindered values, no L1 penalty. Returns the best gain. */
  #scanDown(histogram: number, leaf: LeafSums, last: number, gainToBeat: number, at: number): number {
    const { lambdaL2, rowsPerLeafMin } = this.#rules
    const { gradient, hessian, rows } = leaf
    const [countBits, unit, hessianMin, out] = [this.#countBits, this.gradientUnit, this.#hessianMin, this.#out]
    const bin = this.#wide
      ? this.#kernel.scanWide(
          histogram,
          last,
          countBits,
          unit,
          this.hessianUnit,
          gradient,
          hessian,
          rows,
          lambdaL2,
          rowsPerLeafMin,
          hessianMin,
          gainToBeat,
          out,
        )
      : this.#kernel.scanPacked(
          histogram,
          last,
          countBits,
          unit,
          gradient,
          hessian,
          rows,
          lambdaL2,
          rowsPerLeafMin,
          hessianMin,
          gainToBeat,
          out,
        )
    if (bin < 0) return gainToBeat
    const found = this.#scanned
    this.#write(at, found[0]! - gainToBeat, bin, 1, found[1]!, found[2]!, found[3]!, 0)
    return found[0]!
  }

  #scanDownGeneral(feature: number, leaf: LeafSums, last: number, gainToBeat: number, at: number): number {
    const { rowsPerLeafMin } = this.#rules
    let gradient = leaf.gradient
    let hessian = leaf.hessian
    let rows = leaf.rows
    let judged = leaf.rows
    let best = gainToBeat
    for (let bin = last; bin >= 1; bin--) {
      if (this.#rows[bin] === 0) continue
      gradient -= this.#gradient[bin]!
      hessian -= this.#hessian[bin]!
      rows -= this.#rows[bin]!
      judged -= this.#judged[bin]!
      if (leaf.rows - judged < rowsPerLeafMin || leaf.hessian - hessian < this.#hessianMin) continue
      if (judged < rowsPerLeafMin || hessian < this.#hessianMin) break
      const gain = this.#gain(feature, leaf, gradient, hessian)
      if (!(gain > best)) continue
      best = gain
      this.#write(at, gain - gainToBeat, bin - 1, 1, gradient, hessian, rows, 0)
    }
    return best
  }

  /** Thresholds from the least up, missing figures to the right, up to sending only those right. */
  #scanUp(feature: number, leaf: LeafSums, last: number, bestBefore: number, gainToBeat: number, at: number): void {
    const { rowsPerLeafMin } = this.#rules
    let gradient = 0
    let hessian = 0
    let rows = 0
    let judged = 0
    let best = bestBefore
    for (let bin = 0; bin <= last; bin++) {
      if (this.#rows[bin] === 0) continue
      gradient += this.#gradient[bin]!
      hessian += this.#hessian[bin]!
      rows += this.#rows[bin]!
      judged += this.#judged[bin]!
      if (judged < rowsPerLeafMin || hessian < this.#hessianMin) continue
      if (leaf.rows - judged < rowsPerLeafMin || leaf.hessian - hessian < this.#hessianMin) break
      const gain = this.#gain(feature, leaf, gradient, hessian)
      if (!(gain > best)) continue
      best = gain
      this.#write(at, gain - gainToBeat, bin, 0, gradient, hessian, rows, 0)
    }
  }

  /** Gain of both halves within the leaf's range; none when their values run against the column's direction. */
  #gain(feature: number, leaf: LeafSums, gradient: number, hessian: number): number {
    const { lambdaL1, lambdaL2 } = this.#rules
    const rightGradient = leaf.gradient - gradient
    const rightHessian = leaf.hessian - hessian
    const direction = this.#monotone[feature]!
    if (direction === 0 && leaf.low === Number.NEGATIVE_INFINITY && leaf.high === Number.POSITIVE_INFINITY)
      return freeGain(gradient, hessian, lambdaL1, lambdaL2) + freeGain(rightGradient, rightHessian, lambdaL1, lambdaL2)
    const left = leafOutput(gradient, hessian, lambdaL1, lambdaL2, leaf.low, leaf.high)
    const right = leafOutput(rightGradient, rightHessian, lambdaL1, lambdaL2, leaf.low, leaf.high)
    if ((right - left) * direction < 0) return Number.NEGATIVE_INFINITY
    return (
      gainAt(gradient, hessian, lambdaL1, lambdaL2, left) +
      gainAt(rightGradient, rightHessian, lambdaL1, lambdaL2, right)
    )
  }

  #searchCategories(leaf: LeafSums, bins: number, gainToBeat: number, at: number): void {
    const categories = bins - 1 // The last bin holds rare and missing ones, which go right: a set cannot name them.
    if (categories <= this.#rules.categoriesOneHotMax) this.#oneAgainstRest(leaf, categories, gainToBeat, at)
    else this.#sortedCategories(leaf, categories, gainToBeat, at)
  }

  #oneAgainstRest(leaf: LeafSums, categories: number, gainToBeat: number, at: number): void {
    const { rowsPerLeafMin } = this.#rules
    let best = gainToBeat
    for (let bin = 0; bin < categories; bin++) {
      const rows = this.#rows[bin]!
      const hessian = this.#hessian[bin]!
      const judged = this.#judged[bin]!
      if (judged < rowsPerLeafMin || hessian < this.#hessianMin) continue
      if (leaf.rows - judged < rowsPerLeafMin || leaf.hessian - hessian < this.#hessianMin) continue
      const gain = this.#categoryGain(leaf, this.#gradient[bin]!, hessian, 0)
      if (!(gain > best)) continue
      best = gain
      this.#write(at, gain - gainToBeat, -1, 0, this.#gradient[bin]!, hessian, rows, 0)
      this.#sets[at * 2 + Found.SET * 2 + (bin >>> 5)]! |= 1 << (bin & 31)
    }
  }

  /** Categories in order of gradient over hessian: some optimal set is a run from one end (W. Fisher, JASA 53, 1958). */
  #sortedCategories(leaf: LeafSums, categories: number, gainToBeat: number, at: number): void {
    const { rowsPerLeafMin, categorySmooth, categoryL2, categoriesPerSplitMax, rowsPerCategoryGroupMin } = this.#rules
    const order = this.#order
    let used = 0
    const key = (bin: number) => this.#gradient[bin]! / (this.#hessian[bin]! + categorySmooth)
    for (let bin = 0; bin < categories; bin++) {
      if (this.#rows[bin] === 0 || this.#judged[bin]! < categorySmooth) continue
      let place = used++
      for (; place > 0 && key(order[place - 1]!) > key(bin); place--) order[place] = order[place - 1]!
      order[place] = bin
    }
    const most = Math.min(categoriesPerSplitMax, (used + 1) >> 1)
    let best = gainToBeat
    for (let direction = 1; direction >= -1; direction -= 2) {
      let gradient = 0
      let hessian = 0
      let rows = 0
      let judged = 0
      let group = 0
      for (let i = 0; i < most; i++) {
        const bin = order[direction > 0 ? i : used - 1 - i]!
        gradient += this.#gradient[bin]!
        hessian += this.#hessian[bin]!
        rows += this.#rows[bin]!
        judged += this.#judged[bin]!
        group += this.#judged[bin]!
        if (judged < rowsPerLeafMin || hessian < this.#hessianMin) continue
        const rowsRight = leaf.rows - judged
        if (rowsRight < rowsPerLeafMin || rowsRight < rowsPerCategoryGroupMin) break
        if (leaf.hessian - hessian < this.#hessianMin) break
        if (group < rowsPerCategoryGroupMin) continue
        group = 0
        const gain = this.#categoryGain(leaf, gradient, hessian, categoryL2)
        if (!(gain > best)) continue
        best = gain
        this.#write(at, gain - gainToBeat, -1, 0, gradient, hessian, rows, categoryL2)
        for (let j = 0; j <= i; j++) {
          const member = order[direction > 0 ? j : used - 1 - j]!
          this.#sets[at * 2 + Found.SET * 2 + (member >>> 5)]! |= 1 << (member & 31)
        }
      }
    }
  }

  #categoryGain(leaf: LeafSums, gradient: number, hessian: number, extraL2: number): number {
    const { lambdaL1 } = this.#rules
    const lambdaL2 = this.#rules.lambdaL2 + extraL2
    const rightGradient = leaf.gradient - gradient
    const rightHessian = leaf.hessian - hessian
    const left = leafOutput(gradient, hessian, lambdaL1, lambdaL2, leaf.low, leaf.high)
    const right = leafOutput(rightGradient, rightHessian, lambdaL1, lambdaL2, leaf.low, leaf.high)
    return (
      gainAt(gradient, hessian, lambdaL1, lambdaL2, left) +
      gainAt(rightGradient, rightHessian, lambdaL1, lambdaL2, right)
    )
  }

  /** Writes a record with an empty set. */
  #write(
    at: number,
    gain: number,
    bin: number,
    missingLeft: number,
    gradient: number,
    hessian: number,
    rows: number,
    extraL2: number,
  ): void {
    const records = this.#records
    records[at + Found.GAIN] = gain
    records[at + Found.BIN] = bin
    records[at + Found.MISSING_LEFT] = missingLeft
    records[at + Found.GRADIENT] = gradient
    records[at + Found.HESSIAN] = hessian
    records[at + Found.ROWS] = rows
    records[at + Found.EXTRA_L2] = extraL2
    for (let word = 0; word < 8; word++) this.#sets[at * 2 + Found.SET * 2 + word] = 0
  }
}
