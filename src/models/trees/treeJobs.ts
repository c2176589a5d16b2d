/**
 * @file The pieces of work threads share. A job is a kind and a number of chunks; any thread may do any chunk, in any order,
 * and the outcome is the same to the bit: chunks write to places of their own or add whole numbers.
 *
 * What a job is about stands in the control block, written by the leading thread before it calls for help.
 */

import { binBounds, binBoundsOfLightgbm } from './binBounds.ts'
import { CELLS, type KernelMemory, kernelOf, type TreeKernel } from './kernel.ts'
import { bestConstant, fillGradients, type LabelledRows, lossSum, type ObjectiveSettings } from './objectives.ts'
import { RadixSorter } from './radixSort.ts'
import { type LeafSums, type SplitRules, SplitSearch } from './splitSearch.ts'
import { ROWS_PER_CHUNK, ROWS_PER_TILE, type RowsPlan, type TreePlan } from './treePlan.ts'
import { weightedQuantile } from './weightedQuantile.ts'

/** Kinds of jobs. */
export const Job = {
  /** Chunk: a staged column. Finds its bounds and bins every row. */
  BIN: 1,
  /** Chunk: a staged column of the other set of rows, binned by the bounds found before. */
  BIN_ALIKE: 2,
  /** Chunk of rows: bins by column to bins by row. */
  INTERLEAVE: 3,
  /** Chunk of rows: gradients, hessians, and their absolute sums per class. */
  GRADIENT: 4,
  /** Chunk of rows: fixed-point words of one class. */
  QUANTISE: 5,
  /** Chunk of a leaf's rows: adds them to a histogram, the thread's own unless it leads. */
  HISTOGRAM: 6,
  /** Chunk: some columns. Collects the threads' histograms, takes them from the parent's, searches both halves. */
  SEARCH: 7,
  /** Chunk of a leaf's rows: divides them. */
  PARTITION: 8,
  /** Chunk of a leaf's rows: puts the divided rows where they belong. */
  PLACE: 9,
  /** Chunk: a leaf. Sums gradients and hessians in order of rows, or takes the quantile of the residuals. */
  LEAF_SUMS: 10,
  /** Chunk: a leaf. Adds its value to the scores of its rows. */
  ADD: 11,
  /** Chunk of rows: sum of losses. */
  LOSS: 12,
} as const

/** Whole-number words of the control block. The first are apart, each in a cache line of its own: threads meet there. */
export const Word = {
  TICKET: 0,
  NEXT: 16,
  INSIDE: 32,
  SLEEPING: 48,
  ATTENDING: 64,
  FIT: 80,
  FAILED: 81,
  LEAD_WAITS: 82,
  JOB: 96,
  CHUNKS: 97,
  /** Which rows: 0 those learnt from, 1 those validated on. */
  SET: 98,
  BEGIN: 99,
  COUNT: 100,
  ROWS_PER_CHUNK: 101,
  COLUMN: 102,
  CLASS: 103,
  /** Histogram the job fills (the smaller half's), and that of the larger half, which holds the parent's. */
  SLOT: 104,
  LARGER_SLOT: 105,
  GROUPS: 106,
  ACTIVE: 107,
  /** Number of the histogram being made; a thread whose word says the same has added to its own. */
  SERIAL: 108,
  SEARCH_SMALLER: 109,
  SEARCH_LARGER: 110,
  /** 1 when the larger half is the parent less the smaller. */
  SUBTRACT: 111,
  /** First leaf entry (see leafBegin) of the rows a job touches. */
  LEAVES_FROM: 112,
  /** 1 when scores are set rather than added to. */
  ASSIGN: 113,
  /** 1 when leaves are quantiles. */
  RENEW: 114,
  /** Bit per staged column: 1 when it holds singles. */
  SINGLE: 115,
  /** Rows sampled for bounds. */
  SAMPLED: 116,
  /** Per thread: serial of the histogram it has added to. */
  USED: 128,
} as const

/** Doubles of the control block. */
export const Figure = {
  SCALE: 0,
  HESSIAN_SCALE: 1,
  /** Sums of the smaller half, then of the larger: gradient, hessian, rows, low, high. */
  SMALLER: 2,
  LARGER: 7,
} as const

const FIGURES_AT = 2048
/** Bytes of the control block. */
export const CONTROL_BYTES = 4096
/** Most threads: the control block has a word for each. */
export const LANES_MAX = 128

/** Columns a thread searches before it looks for more work. */
export const COLUMNS_PER_CHUNK = 4

/** Everything about a fit that does not change, sent to every thread. */
export interface FitTerms {
  readonly plan: TreePlan
  readonly objective: ObjectiveSettings
  readonly rules: SplitRules
  readonly bins: number
  readonly minDataInBin: number
  /** Whether bins end where LightGBM's do. */
  readonly lightgbmBounds: boolean
  readonly monotone: Int8Array
  readonly categorical: Uint8Array
}

/** Views of a set of rows. */
class Rows {
  readonly plan: RowsPlan
  readonly labelled: LabelledRows
  readonly index: Uint32Array
  readonly ascending: Uint32Array

  constructor(buffer: SharedArrayBuffer, plan: RowsPlan, classes: number) {
    this.plan = plan
    this.index = new Uint32Array(buffer, plan.index, plan.rows)
    this.ascending = new Uint32Array(buffer, plan.ascending, plan.rows)
    this.labelled = {
      rows: plan.rows,
      label: new Float64Array(buffer, plan.label, plan.rows),
      weight: plan.weight > 0 ? new Float64Array(buffer, plan.weight, plan.rows) : undefined,
      score: new Float64Array(buffer, plan.score, plan.rows * classes),
    }
  }
}

/** One thread's means of doing jobs. */
export class TreeJobs {
  readonly terms: FitTerms
  readonly buffer: SharedArrayBuffer
  readonly words: Int32Array
  readonly figures: Float64Array
  readonly sets: readonly [Rows, Rows]
  readonly gradient: Float64Array
  readonly hessian: Float64Array | undefined
  readonly #lane: number
  readonly #kernel: TreeKernel
  readonly #search: SplitSearch
  readonly #sums: Float64Array
  readonly #groups: Int32Array
  readonly #active: Int32Array
  readonly #allowed: Uint8Array
  readonly #binCounts: Int32Array
  readonly #missingBins: Int32Array
  readonly #ranges: Float64Array
  readonly #bounds: Float64Array
  readonly #leafBegin: Int32Array
  readonly #leafCount: Int32Array
  readonly #leafSums: Float64Array
  readonly #leafValue: Float64Array
  readonly #bytes: Uint8Array
  readonly #smaller: LeafSums = { gradient: 0, hessian: 0, rows: 0, low: 0, high: 0 }
  readonly #larger: LeafSums = { gradient: 0, hessian: 0, rows: 0, low: 0, high: 0 }
  #sorter: RadixSorter | undefined
  #figures: Float64Array = new Float64Array(0)

  /** @param lane Number of the thread; the leading one is 0. */
  constructor(memory: KernelMemory, control: SharedArrayBuffer, terms: FitTerms, lane: number) {
    const { plan } = terms
    const { buffer } = memory
    this.terms = terms
    this.buffer = buffer
    this.words = new Int32Array(control, 0, FIGURES_AT / 4)
    this.figures = new Float64Array(control, FIGURES_AT)
    this.sets = [new Rows(buffer, plan.training, plan.classes), new Rows(buffer, plan.validation, plan.classes)]
    this.gradient = new Float64Array(buffer, plan.gradient, plan.rows * plan.classes)
    this.hessian = plan.wide ? new Float64Array(buffer, plan.hessian, plan.rows * plan.classes) : undefined
    this.#lane = lane
    this.#kernel = kernelOf(memory)
    this.#search = new SplitSearch(buffer, plan, terms.rules, terms.monotone, terms.categorical, this.#kernel, lane)
    this.#sums = new Float64Array(buffer, plan.sums)
    this.#groups = new Int32Array(buffer, plan.groups, 2 * plan.features)
    this.#active = new Int32Array(buffer, plan.active, plan.features)
    this.#allowed = new Uint8Array(buffer, plan.allowed, 2 * plan.features)
    this.#binCounts = new Int32Array(buffer, plan.binCounts, plan.features)
    this.#missingBins = new Int32Array(buffer, plan.missingBins, plan.features)
    this.#ranges = new Float64Array(buffer, plan.ranges, 2 * plan.features)
    this.#bounds = new Float64Array(buffer, plan.bounds, CELLS * plan.features)
    this.#leafBegin = new Int32Array(buffer, plan.leafBegin, 2 * plan.leaves)
    this.#leafCount = new Int32Array(buffer, plan.leafCount, 2 * plan.leaves)
    this.#leafSums = new Float64Array(buffer, plan.leafSums, 2 * plan.leaves)
    this.#leafValue = new Float64Array(buffer, plan.leafValue, plan.leaves)
    this.#bytes = new Uint8Array(buffer)
  }

  run(job: number, chunk: number): void {
    switch (job) {
      case Job.BIN:
        this.#bin(chunk)
        break
      case Job.BIN_ALIKE:
        this.#binAlike(chunk)
        break
      case Job.INTERLEAVE:
        this.#interleave(chunk)
        break
      case Job.GRADIENT:
        this.#fillGradient(chunk)
        break
      case Job.QUANTISE:
        this.#quantise(chunk)
        break
      case Job.HISTOGRAM:
        this.#histogram(chunk)
        break
      case Job.SEARCH:
        this.#searchColumns(chunk)
        break
      case Job.PARTITION:
        this.#partition(chunk)
        break
      case Job.PLACE:
        this.#place(chunk)
        break
      case Job.LEAF_SUMS:
        this.#sumLeaf(chunk)
        break
      case Job.ADD:
        this.#add(chunk)
        break
      case Job.LOSS:
        this.#loss(chunk)
        break
    }
  }

  #rows(): Rows {
    return this.sets[this.words[Word.SET]!]!
  }

  // Binning.

  #bin(chunk: number): void {
    const { plan, categorical } = this.terms
    const feature = this.words[Word.COLUMN]! + chunk
    const values = this.#staged(chunk, plan.rows)
    if (categorical[feature] === 1) this.#findCategories(feature, values)
    else this.#findBounds(feature, values)
    this.#binColumn(feature, chunk, plan.training, values)
  }

  #binAlike(chunk: number): void {
    const { plan } = this.terms
    const feature = this.words[Word.COLUMN]! + chunk
    this.#binColumn(feature, chunk, plan.validation, this.#staged(chunk, plan.validationRows))
  }

  #stagedAt(chunk: number): number {
    const { plan } = this.terms
    return plan.staging + chunk * Math.max(plan.rows, plan.validationRows) * 8
  }

  /** Staged figures; singles or doubles as the column has them. */
  #staged(chunk: number, rows: number): Float64Array | Float32Array {
    const at = this.#stagedAt(chunk)
    return this.#isSingle(chunk) ? new Float32Array(this.buffer, at, rows) : new Float64Array(this.buffer, at, rows)
  }

  /** Bit per staged column. */
  #isSingle(chunk: number): boolean {
    return ((this.words[Word.SINGLE]! >>> chunk) & 1) === 1
  }

  #findBounds(feature: number, values: Float64Array | Float32Array): void {
    const { plan, bins, minDataInBin, lightgbmBounds } = this.terms
    let least = Number.POSITIVE_INFINITY
    let greatest = Number.NEGATIVE_INFINITY
    let missing = 0
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!
      if (value < least) least = value
      if (value > greatest) greatest = value
      if (Number.isNaN(value)) missing++
    }
    const sampled = this.words[Word.SAMPLED]!
    const sample = new Uint32Array(this.buffer, plan.sample, sampled)
    this.#sorter ??= new RadixSorter(sampled)
    if (this.#figures.length < sampled) this.#figures = new Float64Array(sampled)
    let count = 0
    for (let i = 0; i < sampled; i++) {
      const value = values[sample[i]!]!
      if (!Number.isNaN(value)) this.#figures[count++] = value
    }
    const sorted = this.#figures.subarray(0, count)
    this.#sorter.sort(sorted)
    const find = lightgbmBounds ? binBoundsOfLightgbm : binBounds
    const bounds = find(sorted, Math.max(1, missing > 0 ? bins - 1 : bins), minDataInBin)
    const at = feature * CELLS
    this.#bounds.fill(Number.POSITIVE_INFINITY, at, at + CELLS)
    this.#bounds.set(bounds, at)
    const numbers = missing === values.length ? 0 : bounds.length + 1
    this.#binCounts[feature] = numbers + (missing > 0 ? 1 : 0)
    this.#missingBins[feature] = missing > 0 ? numbers : -1
    this.#ranges[2 * feature] = least
    this.#ranges[2 * feature + 1] = greatest
  }

  /** Most frequent categories get a bin each; all others share the last. */
  #findCategories(feature: number, values: Float64Array | Float32Array): void {
    const counts = new Map<number, number>()
    for (let i = 0; i < values.length; i++) {
      const value = values[i]!
      if (!Number.isNaN(value)) counts.set(value, (counts.get(value) ?? 0) + 1)
    }
    const { bins, minDataInBin } = this.terms
    const kept = [...counts]
      .sort(([a, countA], [b, countB]) => countB - countA || a - b)
      .slice(0, bins - 1)
      .filter(([, count], rank) => rank < 2 || count >= minDataInBin)
    const at = feature * CELLS
    this.#bounds.fill(Number.POSITIVE_INFINITY, at, at + CELLS)
    for (const [bin, [category]] of kept.entries()) this.#bounds[at + bin] = category
    this.#binCounts[feature] = kept.length + 1
    this.#missingBins[feature] = kept.length
  }

  #binColumn(feature: number, chunk: number, rows: RowsPlan, values: Float64Array | Float32Array): void {
    const target = rows.columns + feature * rows.columnStride
    const at = feature * CELLS
    if (this.terms.categorical[feature] === 1) {
      const others = this.#missingBins[feature]!
      const binOf = new Map<number, number>()
      for (let bin = 0; bin < others; bin++) binOf.set(this.#bounds[at + bin]!, bin)
      for (let i = 0; i < rows.rows; i++) this.#bytes[target + i] = binOf.get(values[i]!) ?? others
      return
    }
    let missing = this.#missingBins[feature]!
    // A column complete in training takes a missing figure for 0: see Missing.NONE.
    if (missing < 0) for (missing = 0; this.#bounds[at + missing]! < 0; ) missing++
    const bounds = this.terms.plan.bounds + at * 8
    if (this.#isSingle(chunk)) this.#kernel.bin32(this.#stagedAt(chunk), rows.rows, bounds, missing, target)
    else this.#kernel.bin64(this.#stagedAt(chunk), rows.rows, bounds, missing, target)
  }

  #interleave(chunk: number): void {
    const { plan } = this.terms
    const { training } = plan
    const last = Math.min(plan.rows, (chunk + 1) * ROWS_PER_CHUNK)
    for (let from = chunk * ROWS_PER_CHUNK; from < last; from += ROWS_PER_TILE) {
      const count = Math.min(ROWS_PER_TILE, last - from)
      const out = plan.byRow + from * plan.stride
      this.#kernel.interleave(training.columns + from, training.columnStride, count, plan.features, out, plan.stride)
    }
  }

  // Gradients.

  #fillGradient(chunk: number): void {
    const { plan, objective } = this.terms
    const from = chunk * ROWS_PER_CHUNK
    const to = Math.min(plan.rows, from + ROWS_PER_CHUNK)
    fillGradients(objective, this.sets[0].labelled, this.gradient, this.hessian, from, to)
    for (let k = 0; k < plan.classes; k++) {
      let gradient = 0
      let hessian = 0
      for (let i = k * plan.rows + from; i < k * plan.rows + to; i++) gradient += Math.abs(this.gradient[i]!)
      if (this.hessian) for (let i = k * plan.rows + from; i < k * plan.rows + to; i++) hessian += this.hessian[i]!
      const at = 2 * (chunk * plan.classes + k)
      this.#sums[at] = gradient
      this.#sums[at + 1] = hessian
    }
  }

  #quantise(chunk: number): void {
    const { plan } = this.terms
    const from = chunk * ROWS_PER_CHUNK
    const count = Math.min(plan.rows - from, ROWS_PER_CHUNK)
    const source = plan.gradient + (this.words[Word.CLASS]! * plan.rows + from) * 8
    const out = plan.fixed + from * plan.wordBytes
    const scale = this.figures[Figure.SCALE]!
    if (plan.wide) {
      const hessians = plan.hessian + (this.words[Word.CLASS]! * plan.rows + from) * 8
      const hessianScale = this.figures[Figure.HESSIAN_SCALE]!
      this.#kernel.quantiseWide(source, hessians, count, scale, hessianScale, plan.countBits, out)
    } else this.#kernel.quantisePacked(source, count, scale, plan.countBits, out)
  }

  // Histograms and splits.

  #histogram(chunk: number): void {
    const { plan } = this.terms
    const { words } = this
    const lane = this.#lane
    const serial = words[Word.SERIAL]!
    let target = plan.histograms + words[Word.SLOT]! * plan.slotBytes
    if (lane > 0) {
      target = plan.laneHistograms + lane * plan.slotBytes
      if (words[Word.USED + lane] !== serial) {
        this.#bytes.fill(0, target, target + plan.slotBytes)
        words[Word.USED + lane] = serial
      }
    }
    const rowsEach = words[Word.ROWS_PER_CHUNK]!
    const end = Math.min(words[Word.COUNT]!, (chunk + 1) * rowsEach)
    const addresses = plan.addresses + lane * ROWS_PER_TILE * 4
    const gathered = plan.gathered + lane * ROWS_PER_TILE * 16
    const columnBytes = CELLS * plan.wordBytes
    const kernel = this.#kernel
    const groups = words[Word.GROUPS]!
    for (let from = chunk * rowsEach; from < end; from += ROWS_PER_TILE) {
      const rows = plan.training.index + (words[Word.BEGIN]! + from) * 4
      const count = Math.min(ROWS_PER_TILE, end - from)
      if (plan.wide) kernel.gatherWide(rows, count, plan.byRow, plan.stride, plan.fixed, addresses, gathered)
      else kernel.gatherPacked(rows, count, plan.byRow, plan.stride, plan.fixed, addresses, gathered)
      for (let group = 0; group < groups; group++) {
        const feature = this.#groups[2 * group]!
        const at = target + feature * columnBytes
        if (this.#groups[2 * group + 1] === 8) {
          if (plan.wide) kernel.histogramWide8(addresses, gathered, count, feature, at)
          else kernel.histogramPacked8(addresses, gathered, count, feature, at)
        } else if (plan.wide) kernel.histogramWide1(addresses, gathered, count, feature, at)
        else kernel.histogramPacked1(addresses, gathered, count, feature, at)
      }
    }
  }

  #searchColumns(chunk: number): void {
    const { plan } = this.terms
    const { words, figures } = this
    const columnBytes = CELLS * plan.wordBytes
    const smallerAt = plan.histograms + words[Word.SLOT]! * plan.slotBytes
    const largerAt = plan.histograms + words[Word.LARGER_SLOT]! * plan.slotBytes
    const search = this.#search
    search.gradientUnit = 1 / figures[Figure.SCALE]!
    search.hessianUnit = 1 / figures[Figure.HESSIAN_SCALE]!
    this.#readSums(Figure.SMALLER, this.#smaller)
    this.#readSums(Figure.LARGER, this.#larger)
    const last = Math.min(words[Word.ACTIVE]!, (chunk + 1) * COLUMNS_PER_CHUNK)
    for (let i = chunk * COLUMNS_PER_CHUNK; i < last; i++) {
      const feature = this.#active[i]!
      const bytes = Math.ceil((this.#binCounts[feature]! * plan.wordBytes) / 16) * 16
      const smaller = smallerAt + feature * columnBytes
      const larger = largerAt + feature * columnBytes
      for (let lane = 1; lane < plan.lanes; lane++)
        if (words[Word.USED + lane] === words[Word.SERIAL])
          this.#kernel.addInto(smaller, plan.laneHistograms + lane * plan.slotBytes + feature * columnBytes, bytes)
      if (words[Word.SUBTRACT] === 1) this.#kernel.subtractFrom(larger, smaller, bytes)
      if (words[Word.SEARCH_SMALLER] === 1 && this.#allowed[feature] === 1)
        search.search(feature, smaller, this.#smaller, feature)
      if (words[Word.SEARCH_LARGER] === 1 && this.#allowed[plan.features + feature] === 1)
        search.search(feature, larger, this.#larger, plan.features + feature)
    }
  }

  #readSums(at: number, sums: LeafSums): void {
    sums.gradient = this.figures[at]!
    sums.hessian = this.figures[at + 1]!
    sums.rows = this.figures[at + 2]!
    sums.low = this.figures[at + 3]!
    sums.high = this.figures[at + 4]!
  }

  #partition(chunk: number): void {
    const { words } = this
    const rows = this.#rows().plan
    const from = chunk * ROWS_PER_CHUNK
    const count = Math.min(ROWS_PER_CHUNK, words[Word.COUNT]! - from)
    const at = (words[Word.BEGIN]! + from) * 4
    const lefts = this.#kernel.partition(
      rows.index + at,
      count,
      rows.columns + words[Word.COLUMN]! * rows.columnStride,
      this.terms.plan.goesLeft,
      rows.left + at,
      rows.right + at,
    )
    this.#leftCounts(rows)[chunk] = lefts
  }

  #leftCounts(rows: RowsPlan): Int32Array {
    return new Int32Array(this.buffer, rows.lefts, Math.ceil(rows.rows / ROWS_PER_CHUNK) + 1)
  }

  #place(chunk: number): void {
    const { words } = this
    const rows = this.#rows().plan
    const lefts = this.#leftCounts(rows)
    const begin = words[Word.BEGIN]!
    const count = words[Word.COUNT]!
    const from = chunk * ROWS_PER_CHUNK
    const here = Math.min(ROWS_PER_CHUNK, count - from)
    let before = 0
    let all = 0
    for (let i = 0; i * ROWS_PER_CHUNK < count; i++) {
      if (i < chunk) before += lefts[i]!
      all += lefts[i]!
    }
    const left = rows.left + (begin + from) * 4
    const right = rows.right + (begin + from) * 4
    const leftTo = rows.index + (begin + before) * 4
    const rightTo = rows.index + (begin + all + from - before) * 4
    this.#bytes.copyWithin(leftTo, left, left + lefts[chunk]! * 4)
    this.#bytes.copyWithin(rightTo, right, right + (here - lefts[chunk]!) * 4)
  }

  // Leaves.

  #sumLeaf(leaf: number): void {
    const begin = this.#leafBegin[leaf]!
    const end = begin + this.#leafCount[leaf]!
    const { index } = this.sets[0]
    const offset = this.words[Word.CLASS]! * this.terms.plan.rows
    let gradient = 0
    for (let i = begin; i < end; i++) gradient += this.gradient[offset + index[i]!]!
    let hessian = end - begin
    if (this.hessian) {
      hessian = 0
      for (let i = begin; i < end; i++) hessian += this.hessian[offset + index[i]!]!
    }
    this.#leafSums[2 * leaf] = gradient
    this.#leafSums[2 * leaf + 1] = hessian
    if (this.words[Word.RENEW] === 1) this.#leafValue[leaf] = this.#residualQuantile(begin, end)
  }

  #residualQuantile(begin: number, end: number): number {
    const { index, labelled } = this.sets[0]
    const { label, score, weight } = labelled
    const residuals = new Float64Array(end - begin)
    const weights = weight ? new Float64Array(end - begin) : undefined
    for (let i = begin; i < end; i++) {
      const row = index[i]!
      residuals[i - begin] = label[row]! - score[row]!
      if (weight) weights![i - begin] = weight[row]!
    }
    const { objective, alpha } = this.terms.objective
    return weightedQuantile(residuals, weights, objective === 'quantile' ? alpha : 0.5)
  }

  #add(leaf: number): void {
    const { plan } = this.terms
    const entry = this.words[Word.LEAVES_FROM]! + leaf
    const begin = this.#leafBegin[entry]!
    const end = begin + this.#leafCount[entry]!
    const { index, labelled } = this.#rows()
    const { score } = labelled
    const offset = this.words[Word.CLASS]! * labelled.rows
    const value = this.#leafValue[leaf % plan.leaves]!
    if (this.words[Word.ASSIGN] === 1) for (let i = begin; i < end; i++) score[offset + index[i]!] = value
    else for (let i = begin; i < end; i++) score[offset + index[i]!]! += value
  }

  #loss(chunk: number): void {
    const { labelled } = this.#rows()
    const from = chunk * ROWS_PER_CHUNK
    this.#sums[chunk] = lossSum(this.terms.objective, labelled, from, Math.min(labelled.rows, from + ROWS_PER_CHUNK))
  }

  /** Best constant score, class by class, of the rows learnt from. */
  constant(): number[] {
    return bestConstant(this.terms.objective, this.sets[0].labelled)
  }
}
