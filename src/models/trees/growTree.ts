/**
 * @file Growing one tree, leaf by leaf: the leaf whose best split gains most is split next (H. Shi, "Best-first decision tree
 * learning", 2007; LightGBM's order). Of the two halves only the smaller is counted; the larger is the parent less it.
 */

import { Missing, type Tree } from './ensemble.ts'
import { CELLS } from './kernel.ts'
import { Found, type LeafSums, leafOutput, type SplitRules } from './splitSearch.ts'
import { COLUMNS_PER_CHUNK, Figure, Job, type TreeJobs, Word } from './treeJobs.ts'
import { RECORD, ROWS_PER_CHUNK, ROWS_PER_TILE, type TreePlan } from './treePlan.ts'

/** Figures (rows × columns) below which calling other threads costs more than they bring. */
const WORTH_SHARING = 30_000

/** Does a job with all threads. */
export type RunJob = (job: number, chunks: number) => void

/** How a leaf would be split. */
interface Candidate {
  gain: number
  feature: number
  bin: number
  missingLeft: boolean
  gradient: number
  hessian: number
  rows: number
  extraL2: number
  /** Bins that go left, when `bin` is -1. */
  readonly set: Uint32Array
}

/** A leaf of the tree being grown. */
interface Leaf extends LeafSums {
  depth: number
  begin: number
  /** Histogram it owns, -1 for none. */
  slot: number
  /** Node it hangs on, -1 for the root, and whether to the left. */
  parent: number
  isLeft: boolean
  extraL2: number
  best: Candidate
}

/** A split made, in order; enough to send any other row the same way. */
export interface GrownSplit {
  readonly leaf: number
  readonly feature: number
  readonly bin: number
  readonly missingLeft: boolean
  readonly set: Uint32Array | undefined
}

/** What tells one tree's growth from another's. */
export interface GrowOrder {
  readonly leavesMax: number
  readonly depthMax: number
  readonly learningRate: number
  /** Draws the columns of the next node; absent when it may use all of the tree's. */
  readonly nodeColumns: (() => Int32Array) | undefined
  /** Columns this tree may use, ascending. */
  readonly columns: Int32Array
  /** Rows at the head of the index that this tree learns from. */
  readonly rows: number
}

/** Grows trees over the memory of a fit. */
export class TreeGrower {
  readonly #jobs: TreeJobs
  readonly #plan: TreePlan
  readonly #rules: SplitRules
  readonly #run: RunJob
  readonly #bytes: Uint8Array
  readonly #records: Float64Array
  readonly #sets: Uint32Array
  readonly #allowed: Uint8Array
  readonly #goesLeft: Uint8Array
  readonly #leafBegin: Int32Array
  readonly #leafCount: Int32Array
  readonly #freeSlots: number[] = []
  #leaves: Leaf[] = []
  #splits: GrownSplit[] = []
  #serial = 0

  constructor(jobs: TreeJobs, run: RunJob) {
    const { plan, rules } = jobs.terms
    const { buffer } = jobs
    this.#jobs = jobs
    this.#plan = plan
    this.#rules = rules
    this.#run = run
    this.#bytes = new Uint8Array(buffer)
    this.#records = new Float64Array(buffer, plan.records, 2 * plan.features * RECORD)
    this.#sets = new Uint32Array(buffer, plan.records, 4 * plan.features * RECORD)
    this.#allowed = new Uint8Array(buffer, plan.allowed, 2 * plan.features)
    this.#goesLeft = new Uint8Array(buffer, plan.goesLeft, CELLS)
    this.#leafBegin = new Int32Array(buffer, plan.leafBegin, 2 * plan.leaves)
    this.#leafCount = new Int32Array(buffer, plan.leafCount, 2 * plan.leaves)
  }

  /** Splits made by the last {@link grow}, in order. */
  get splits(): readonly GrownSplit[] {
    return this.#splits
  }

  /**
   * Grows a tree on the fixed-point gradients as they stand. Its leaves keep their rows in the index; values are for
   * {@link TreeBuilder} to give.
   *
   * @returns Leaves grown: 1 when no split was worth it.
   */
  grow(order: GrowOrder): number {
    const plan = this.#plan
    const { words } = this.#jobs
    this.#splits = []
    this.#builder = new TreeBuilder(order.leavesMax)
    this.#freeSlots.length = 0
    for (let slot = plan.slots - 1; slot >= 0; slot--) this.#freeSlots.push(slot)
    words[Word.GROUPS] = this.#groupColumns(order.columns)
    words[Word.ACTIVE] = order.columns.length
    new Int32Array(this.#jobs.buffer, plan.active, plan.features).set(order.columns)
    this.#leaves = [newLeaf(0, order.rows)]
    this.#startRoot(order)
    while (this.#leaves.length < order.leavesMax) {
      const next = this.#mostGain()
      if (next < 0) break
      this.#split(next, order)
    }
    for (const [number, leaf] of this.#leaves.entries()) {
      this.#leafBegin[number] = leaf.begin
      this.#leafCount[number] = leaf.rows
    }
    return this.#leaves.length
  }

  #builder = new TreeBuilder(2)

  /** The tree grown last; leaf values as in `values`, sums of hessians as in `weights`. */
  tree(values: Float64Array, weights: Float64Array, learningRate: number, bias: number, bounds: ColumnBounds): Tree {
    return this.#builder.build(this.#leaves, this.#splits, values, weights, learningRate, bias, bounds)
  }

  /** Range a monotone forecast leaves to a leaf, and its L2 penalty beyond the general one. */
  leafTerms(leaf: number): { readonly low: number; readonly high: number; readonly extraL2: number } {
    return this.#leaves[leaf]!
  }

  /** Groups of eight neighbours, where enough of them are used, and single columns. Returns how many. */
  #groupColumns(columns: Int32Array): number {
    const groups = new Int32Array(this.#jobs.buffer, this.#plan.groups, 2 * this.#plan.features)
    let count = 0
    for (let i = 0; i < columns.length; ) {
      const first = columns[i]! & ~7
      let next = i
      while (next < columns.length && columns[next]! < first + 8) next++
      if (next - i > 2) {
        groups[2 * count] = first
        groups[2 * count++ + 1] = 8
      } else
        for (let j = i; j < next; j++) {
          groups[2 * count] = columns[j]!
          groups[2 * count++ + 1] = 1
        }
      i = next
    }
    return count
  }

  #startRoot(order: GrowOrder): void {
    const root = this.#leaves[0]!
    if (!this.#maySplit(root, order)) return
    root.slot = this.#freeSlots.pop()!
    this.#countRows(root, order)
    this.#collectRoot(root, order)
    this.#searchBoth(root, undefined, false, order)
  }

  /** Sums of the root: those of any one column. */
  #collectRoot(root: Leaf, order: GrowOrder): void {
    const plan = this.#plan
    const { words, figures, buffer } = this.#jobs
    const feature = order.columns[0]!
    const columnBytes = CELLS * plan.wordBytes
    const low = new Uint32Array(buffer)
    const high = new Int32Array(buffer)
    const mask = 2 ** plan.countBits - 1
    root.gradient = 0
    root.hessian = 0
    for (let lane = 0; lane < plan.lanes; lane++) {
      if (lane > 0 && words[Word.USED + lane] !== this.#serial) continue
      const begin =
        lane > 0 ? plan.laneHistograms + lane * plan.slotBytes : plan.histograms + root.slot * plan.slotBytes
      for (let cell = 0; cell < CELLS; cell++) {
        const at = (begin + feature * columnBytes + cell * plan.wordBytes) / 4
        const last = plan.wide ? at + 2 : at
        const sum = high[last + 1]! * 2 ** (32 - plan.countBits) + (low[last]! >>> plan.countBits)
        root.gradient += plan.wide ? high[at + 1]! * 2 ** 32 + low[at]! : sum
        root.hessian += plan.wide ? sum : low[last]! & mask
      }
    }
    root.gradient /= figures[Figure.SCALE]!
    if (plan.wide) root.hessian /= figures[Figure.HESSIAN_SCALE]!
  }

  #maySplit(leaf: Leaf, order: GrowOrder): boolean {
    if (leaf.rows < 2 * this.#rules.rowsPerLeafMin) return false
    return order.depthMax < 0 || leaf.depth < order.depthMax
  }

  #mostGain(): number {
    let most = 0
    let found = -1
    for (const [number, leaf] of this.#leaves.entries())
      if (leaf.best.gain > most) {
        most = leaf.best.gain
        found = number
      }
    return found
  }

  /** Histogram of a leaf's rows into its slot, and into those of the threads that helped. */
  #countRows(leaf: Leaf, order: GrowOrder): void {
    const plan = this.#plan
    const { words } = this.#jobs
    const at = plan.histograms + leaf.slot * plan.slotBytes
    this.#clear(at, order.columns)
    words[Word.SERIAL] = ++this.#serial
    words[Word.SLOT] = leaf.slot
    words[Word.BEGIN] = leaf.begin
    words[Word.COUNT] = leaf.rows
    const share = Math.ceil(leaf.rows / (4 * plan.lanes) / ROWS_PER_TILE) * ROWS_PER_TILE
    const alone = plan.lanes === 1 || leaf.rows * order.columns.length < WORTH_SHARING
    const rowsEach = alone ? leaf.rows : Math.min(share, 8 * ROWS_PER_TILE)
    words[Word.ROWS_PER_CHUNK] = rowsEach
    this.#run(Job.HISTOGRAM, Math.ceil(leaf.rows / rowsEach))
  }

  /** Of wide tables most of the time of a small leaf would go into zeros of columns the tree does not see. */
  #clear(histogram: number, columns: Int32Array): void {
    const plan = this.#plan
    if (columns.length === plan.features) {
      this.#bytes.fill(0, histogram, histogram + plan.slotBytes)
      return
    }
    const each = CELLS * plan.wordBytes
    for (const column of columns) this.#bytes.fill(0, histogram + column * each, histogram + (column + 1) * each)
  }

  #takeSlot(keep: Leaf | undefined): number {
    const free = this.#freeSlots.pop()
    if (free !== undefined) return free
    // Out of room: the leaf least likely to be split loses its histogram, and is counted again if it is.
    let least: Leaf | undefined
    for (const leaf of this.#leaves)
      if (leaf.slot >= 0 && leaf !== keep && (!least || leaf.best.gain < least.best.gain)) least = leaf
    const { slot } = least!
    least!.slot = -1
    return slot
  }

  #release(leaf: Leaf): void {
    if (leaf.slot < 0) return
    this.#freeSlots.push(leaf.slot)
    leaf.slot = -1
  }

  #split(number: number, order: GrowOrder): void {
    const left = this.#leaves[number]!
    const { best } = left
    const { lambdaL1, lambdaL2 } = this.#rules
    const right = newLeaf(left.begin + best.rows, left.rows - best.rows)
    const node = this.#splits.length
    this.#builder.addNode(left, best, lambdaL1, lambdaL2)
    this.#splits.push({
      leaf: number,
      feature: best.feature,
      bin: best.bin,
      missingLeft: best.missingLeft,
      set: best.bin < 0 ? best.set.slice() : undefined,
    })
    this.divide(0, best, left.begin, left.rows)
    right.gradient = left.gradient - best.gradient
    right.hessian = left.hessian - best.hessian
    right.depth = left.depth + 1
    right.parent = node
    right.extraL2 = best.extraL2
    const bounds = this.#boundsBelow(left, best, right)
    left.rows = best.rows
    left.gradient = best.gradient
    left.hessian = best.hessian
    left.depth++
    left.parent = node
    left.isLeft = true
    left.extraL2 = best.extraL2
    left.high = bounds.leftHigh
    left.low = bounds.leftLow
    left.best = newCandidate()
    this.#leaves.push(right)
    this.#prepare(left, right, order)
  }

  /** A monotone split leaves each half its side of the middle between both values ("basic" method of LightGBM). */
  #boundsBelow(leaf: Leaf, best: Candidate, right: Leaf): { leftLow: number; leftHigh: number } {
    const direction = this.#jobs.terms.monotone[best.feature]!
    right.low = leaf.low
    right.high = leaf.high
    let leftLow = leaf.low
    let leftHigh = leaf.high
    if (direction !== 0 && best.bin >= 0) {
      const { lambdaL1, lambdaL2 } = this.#rules
      const middle =
        (leafOutput(best.gradient, best.hessian, lambdaL1, lambdaL2, leaf.low, leaf.high) +
          leafOutput(right.gradient, right.hessian, lambdaL1, lambdaL2, leaf.low, leaf.high)) /
        2
      if (direction > 0) {
        leftHigh = middle
        right.low = middle
      } else {
        leftLow = middle
        right.high = middle
      }
    }
    return { leftLow, leftHigh }
  }

  /** Gives two new leaves their histograms and best splits. The left one holds the parent's histogram, if any is left. */
  #prepare(left: Leaf, right: Leaf, order: GrowOrder): void {
    const full = this.#leaves.length >= order.leavesMax
    const leftMay = !full && this.#maySplit(left, order)
    const rightMay = !full && this.#maySplit(right, order)
    if (!leftMay && !rightMay) {
      this.#release(left)
      return
    }
    const [smaller, larger] = left.rows < right.rows ? [left, right] : [right, left]
    const parentSlot = left.slot
    left.slot = -1
    if (parentSlot >= 0) {
      larger.slot = parentSlot
      smaller.slot = this.#takeSlot(larger)
      this.#countRows(smaller, order)
      this.#searchBoth(smaller, larger, true, order, smaller === left ? [leftMay, rightMay] : [rightMay, leftMay])
    } else
      for (const [leaf, may] of [
        [smaller, smaller === left ? leftMay : rightMay],
        [larger, larger === left ? leftMay : rightMay],
      ] as const)
        if (may) {
          leaf.slot = this.#takeSlot(leaf)
          this.#countRows(leaf, order)
          this.#searchBoth(leaf, undefined, false, order)
        } else order.nodeColumns?.()
    for (const leaf of [left, right]) if (!(leaf.best.gain > 0)) this.#release(leaf)
  }

  #searchBoth(
    smaller: Leaf,
    larger: Leaf | undefined,
    subtract: boolean,
    order: GrowOrder,
    may: readonly [boolean, boolean] = [true, false],
  ): void {
    const plan = this.#plan
    const { words, figures } = this.#jobs
    writeSums(figures, Figure.SMALLER, smaller)
    words[Word.SLOT] = smaller.slot
    words[Word.SEARCH_SMALLER] = may[0] ? 1 : 0
    words[Word.SEARCH_LARGER] = may[1] ? 1 : 0
    words[Word.SUBTRACT] = subtract ? 1 : 0
    if (larger) {
      writeSums(figures, Figure.LARGER, larger)
      words[Word.LARGER_SLOT] = larger.slot
    }
    // Columns are drawn for both halves, though one be too small to split, and for the smaller first: LightGBM's order.
    this.#allow(0, order)
    if (larger) this.#allow(plan.features, order)
    const { columns } = order
    this.#run(Job.SEARCH, Math.ceil(columns.length / COLUMNS_PER_CHUNK))
    if (may[0]) this.#readBest(smaller, 0, order)
    if (larger && may[1]) this.#readBest(larger, plan.features, order)
  }

  #allow(from: number, order: GrowOrder): void {
    const drawn = order.nodeColumns?.()
    this.#allowed.fill(drawn ? 0 : 1, from, from + this.#plan.features)
    for (const feature of drawn ?? []) this.#allowed[from + feature] = 1
  }

  /** The best of the columns' records; of equal gains the first column's. */
  #readBest(leaf: Leaf, from: number, order: GrowOrder): void {
    const records = this.#records
    let most = 0
    let at = -1
    for (const feature of order.columns) {
      if (this.#allowed[from + feature] !== 1) continue
      const gain = records[(from + feature) * RECORD + Found.GAIN]!
      if (!(gain > most)) continue
      most = gain
      at = (from + feature) * RECORD
      leaf.best.feature = feature
    }
    if (at < 0) return
    const { best } = leaf
    best.gain = most
    best.bin = records[at + Found.BIN]!
    best.missingLeft = records[at + Found.MISSING_LEFT] === 1
    best.gradient = records[at + Found.GRADIENT]!
    best.hessian = records[at + Found.HESSIAN]!
    best.rows = records[at + Found.ROWS]!
    best.extraL2 = records[at + Found.EXTRA_L2]!
    best.set.set(this.#sets.subarray(2 * (at + Found.SET), 2 * (at + Found.SET) + 8))
  }

  /**
   * Divides listed rows of a set by a split, keeping their order.
   *
   * @param set 0 for the rows learnt from, 1 for those validated on.
   * @returns Rows that went left.
   */
  divide(
    set: 0 | 1,
    split: Pick<Candidate, 'feature' | 'bin' | 'missingLeft'> & { set: Uint32Array | undefined },
    begin: number,
    count: number,
  ): number {
    if (count === 0) return 0
    const { words, terms, buffer } = this.#jobs
    const missing = new Int32Array(buffer, terms.plan.missingBins)[split.feature]!
    for (let bin = 0; bin < CELLS; bin++)
      this.#goesLeft[bin] =
        split.bin < 0
          ? (split.set![bin >>> 5]! >>> (bin & 31)) & 1
          : bin === missing
            ? Number(split.missingLeft)
            : Number(bin <= split.bin)
    const rows = set === 0 ? terms.plan.training : terms.plan.validation
    words[Word.SET] = set
    words[Word.COLUMN] = split.feature
    words[Word.BEGIN] = begin
    words[Word.COUNT] = count
    const chunks = Math.ceil(count / ROWS_PER_CHUNK)
    this.#run(Job.PARTITION, chunks)
    this.#run(Job.PLACE, chunks)
    const lefts = new Int32Array(buffer, rows.lefts, chunks)
    let sum = 0
    for (const each of lefts) sum += each
    return sum
  }

  /** Sends rows `begin` to `begin + count` of a set's index through the last tree; their leaves are written from entry `leaves` on. */
  route(set: 0 | 1, begin: number, count: number, leavesFrom: number): void {
    this.#leafBegin[leavesFrom] = begin
    this.#leafCount[leavesFrom] = count
    for (const [node, split] of this.#splits.entries()) {
      const at = leavesFrom + split.leaf
      const all = this.#leafCount[at]!
      const lefts = this.divide(set, { ...split, set: split.set }, this.#leafBegin[at]!, all)
      this.#leafCount[at] = lefts
      this.#leafBegin[leavesFrom + node + 1] = this.#leafBegin[at]! + lefts
      this.#leafCount[leavesFrom + node + 1] = all - lefts
    }
  }
}

function newCandidate(): Candidate {
  return {
    gain: 0,
    feature: -1,
    bin: 0,
    missingLeft: false,
    gradient: 0,
    hessian: 0,
    rows: 0,
    extraL2: 0,
    set: new Uint32Array(8),
  }
}

function newLeaf(begin: number, rows: number): Leaf {
  return {
    gradient: 0,
    hessian: 0,
    rows,
    low: Number.NEGATIVE_INFINITY,
    high: Number.POSITIVE_INFINITY,
    depth: 0,
    begin,
    slot: -1,
    parent: -1,
    isLeft: false,
    extraL2: 0,
    best: newCandidate(),
  }
}

function writeSums(figures: Float64Array, at: number, leaf: LeafSums): void {
  figures[at] = leaf.gradient
  figures[at + 1] = leaf.hessian
  figures[at + 2] = leaf.rows
  figures[at + 3] = leaf.low
  figures[at + 4] = leaf.high
}

/** What bins of columns mean in figures. */
export interface ColumnBounds {
  /** 256 per column: upper bound of each bin, or the category it holds. */
  readonly bounds: Float64Array
  /** Bin of missing figures, -1 when training saw none. */
  readonly missingBins: Int32Array
  readonly binCounts: Int32Array
}

/** Collects the nodes of a tree as they are made. */
class TreeBuilder {
  readonly #feature: Int32Array
  readonly #left: Int32Array
  readonly #right: Int32Array
  readonly #gain: Float64Array
  readonly #value: Float64Array
  readonly #weight: Float64Array
  readonly #count: Int32Array

  constructor(leavesMax: number) {
    this.#feature = new Int32Array(leavesMax)
    this.#left = new Int32Array(leavesMax)
    this.#right = new Int32Array(leavesMax)
    this.#gain = new Float64Array(leavesMax)
    this.#value = new Float64Array(leavesMax)
    this.#weight = new Float64Array(leavesMax)
    this.#count = new Int32Array(leavesMax)
  }

  #nodes = 0

  /** Turns a leaf into a node. */
  addNode(leaf: Leaf, best: Candidate, lambdaL1: number, lambdaL2: number): void {
    const node = this.#nodes++
    this.#feature[node] = best.feature
    this.#gain[node] = best.gain
    this.#value[node] = leafOutput(leaf.gradient, leaf.hessian, lambdaL1, lambdaL2 + leaf.extraL2, leaf.low, leaf.high)
    this.#weight[node] = leaf.hessian
    this.#count[node] = leaf.rows
    if (leaf.parent >= 0) (leaf.isLeft ? this.#left : this.#right)[leaf.parent] = node
  }

  build(
    leaves: readonly Leaf[],
    splits: readonly GrownSplit[],
    values: Float64Array,
    weights: Float64Array,
    learningRate: number,
    bias: number,
    columns: ColumnBounds,
  ): Tree {
    for (const [number, leaf] of leaves.entries())
      if (leaf.parent >= 0) (leaf.isLeft ? this.#left : this.#right)[leaf.parent] = ~number
    const nodes = splits.length
    const threshold = new Float64Array(nodes)
    const decision = new Uint8Array(nodes)
    const categoryBounds = [0]
    const categoryWords: number[] = []
    for (const [node, split] of splits.entries()) {
      const missing = columns.missingBins[split.feature]!
      if (split.set) {
        decision[node] = 1 | (Missing.NAN << 2)
        threshold[node] = categoryBounds.length - 1
        categoryWords.push(...categorySet(split, columns))
        categoryBounds.push(categoryWords.length)
      } else {
        decision[node] = (split.missingLeft ? 2 : 0) | ((missing < 0 ? Missing.NONE : Missing.NAN) << 2)
        // All figures left, only missing ones right: every finite one is below the greatest there is.
        const bound = columns.bounds[split.feature * CELLS + split.bin]!
        threshold[node] = bound === Number.POSITIVE_INFINITY ? Number.MAX_VALUE : bound
      }
    }
    return {
      leafCount: leaves.length,
      feature: this.#feature.slice(0, nodes),
      threshold,
      decision,
      left: this.#left.slice(0, nodes),
      right: this.#right.slice(0, nodes),
      gain: this.#gain.slice(0, nodes),
      nodeValue: this.#value.slice(0, nodes).map((value) => value * learningRate + bias),
      nodeWeight: this.#weight.slice(0, nodes),
      nodeCount: this.#count.slice(0, nodes),
      leafValue: values.slice(0, leaves.length),
      leafWeight: weights.slice(0, leaves.length),
      leafCounts: Int32Array.from(leaves, (leaf) => leaf.rows),
      categoryBounds: Int32Array.from(categoryBounds),
      categoryWords: Uint32Array.from(categoryWords),
      shrinkage: learningRate,
    }
  }
}

/** Words whose bits are the categories of a split's bins. */
function categorySet(split: GrownSplit, columns: ColumnBounds): number[] {
  const words: number[] = []
  for (let bin = 0; bin < columns.binCounts[split.feature]!; bin++) {
    if (((split.set![bin >>> 5]! >>> (bin & 31)) & 1) === 0) continue
    const category = columns.bounds[split.feature * CELLS + bin]!
    while (words.length <= category >>> 5) words.push(0)
    words[category >>> 5] = (words[category >>> 5]! | (1 << (category & 31))) >>> 0
  }
  return words
}
