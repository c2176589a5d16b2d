/**
 * @file Chance in training: which rows the trees of a round learn from, and which columns a tree and a node may use.
 *
 * Two ways. Gimbal's own draws shares exactly and each round from a stream of its own. LightGBM's is there for comparisons:
 * with the same settings and seed both libraries learn from the same rows and columns, and what is left between them is not
 * luck.
 */

import { GimbalError } from '../../core/errors.ts'
import { Random } from '../../core/random.ts'
import type { TreeSettings } from './treeSettings.ts'

/** What is drawn, asked for in the order of growth: rows, then for each class columns, then those of node after node. */
export interface Draws {
  /** Rows of the trees of a round, counted from 0, ascending; undefined when they stay as they were, at first all. */
  rows(round: number): Uint32Array | undefined
  /** Columns of the next tree, ascending. */
  columns(round: number, classNumber: number): Int32Array
  /** Columns a node of the tree begun last may use; undefined for all of the tree's. */
  readonly nodeColumns: (() => Int32Array) | undefined
}

/** Fills `out` with as many different numbers below `from`, ascending, all sets equally likely (selection sampling). */
export function drawSorted(random: Random, from: number, out: Uint32Array): void {
  let taken = 0
  for (let number = 0; taken < out.length; number++)
    if (random.uniform() * (from - number) < out.length - taken) out[taken++] = number
}

type Shares = Pick<TreeSettings, 'rowShare' | 'rowShareEvery' | 'featureShare' | 'featureShareNode' | 'seed'>

/** Shares to the nearest whole number, and at least one. */
export class OwnDraws implements Draws {
  readonly #random: Random
  readonly #shares: Shares
  readonly #rows: number
  readonly #all: Int32Array
  #tree: Int32Array
  #ofTree: Random
  readonly nodeColumns: (() => Int32Array) | undefined

  constructor(shares: Shares, rows: number, features: number) {
    this.#random = new Random(shares.seed)
    this.#shares = shares
    this.#rows = rows
    this.#all = Int32Array.from({ length: features }, (_, feature) => feature)
    this.#tree = this.#all
    this.#ofTree = this.#random
    if (shares.featureShareNode < 1) this.nodeColumns = () => this.#draw(this.#tree, shares.featureShareNode)
  }

  rows(round: number): Uint32Array | undefined {
    const { rowShare, rowShareEvery } = this.#shares
    if (rowShare >= 1 || round % rowShareEvery !== 0) return undefined
    const rows = new Uint32Array(Math.max(1, Math.round(this.#rows * rowShare)))
    drawSorted(this.#random.fork(`rows/${round}`), this.#rows, rows)
    return rows
  }

  columns(round: number, classNumber: number): Int32Array {
    this.#ofTree = this.#random.fork(`columns/${round}/${classNumber}`)
    if (this.#shares.featureShare < 1) this.#tree = this.#draw(this.#all, this.#shares.featureShare)
    return this.#tree
  }

  #draw(from: Int32Array, share: number): Int32Array {
    const places = new Uint32Array(Math.max(1, Math.round(from.length * share)))
    drawSorted(this.#ofTree, from.length, places)
    return Int32Array.from(places, (place) => from[place]!)
  }
}

/** Rows with a generator of their own. */
const BLOCK_ROWS = 1024

/**
 * What LightGBM 4.6 draws with the parameter `seed`, bagging_fraction, bagging_freq, feature_fraction and
 * feature_fraction_bynode.
 *
 * Rows are tossed one by one, so that their number varies. Source: include/LightGBM/utils/random.h, src/boosting/bagging.hpp,
 * src/treelearner/col_sampler.hpp, src/treelearner/serial_tree_learner.cpp, src/io/config.cpp (MIT), read for the rules; the
 * code is our own.
 */
export class LightgbmDraws implements Draws {
  readonly #shares: Shares
  readonly #rows: number
  readonly #blocks: Lcg[]
  readonly #random: Lcg
  readonly #candidates: Int32Array
  #tree: Int32Array
  #drawn = 0
  readonly nodeColumns: (() => Int32Array) | undefined

  /**
   * @param candidates Columns some split of all rows could use, ascending: LightGBM leaves the others out beforehand.
   * @throws {GimbalError} `config-invalid` for a seed LightGBM could not be given.
   */
  constructor(shares: Shares, rows: number, candidates: Int32Array) {
    const { seed, featureShare, featureShareNode } = shares
    if (!Number.isInteger(seed) || Math.abs(seed) >= 2 ** 31)
      throw new GimbalError('config-invalid', 'A seed of LightGBM is a whole number of 32 bits', { seed })
    const { bagging, features } = lightgbmSeeds(seed)
    this.#shares = shares
    this.#rows = rows
    this.#blocks = Array.from({ length: Math.ceil(rows / BLOCK_ROWS) }, (_, block) => new Lcg(bagging + block))
    this.#random = new Lcg(features)
    this.#candidates = candidates
    this.#tree = candidates
    // The sampler of columns draws once when it is made; nothing is grown on that draw.
    if (featureShare < 1) this.#draw(candidates, featureShare)
    if (featureShareNode < 1) this.nodeColumns = () => this.#draw(this.#tree, featureShareNode)
  }

  rows(round: number): Uint32Array | undefined {
    const { rowShare, rowShareEvery } = this.#shares
    if (rowShare >= 1 || round % rowShareEvery !== 0) return undefined
    if (round > 0 && this.#drawn === this.#rows) return undefined // Once all rows are in, none are tossed again.
    const rows = new Uint32Array(this.#rows)
    this.#drawn = 0
    for (let row = 0; row < this.#rows; row++)
      if (this.#blocks[Math.floor(row / BLOCK_ROWS)]!.uniform() < rowShare) rows[this.#drawn++] = row
    return rows.subarray(0, this.#drawn)
  }

  columns(): Int32Array {
    if (this.#shares.featureShare < 1) this.#tree = this.#draw(this.#candidates, this.#shares.featureShare)
    return this.#tree
  }

  #draw(from: Int32Array, share: number): Int32Array {
    const count = Math.max(Math.floor(from.length * share + 0.5), Math.min(1, from.length))
    return Int32Array.from(this.#random.sample(from.length, count), (place) => from[place]!)
  }
}

/** Seeds LightGBM derives from `seed`: the second of those it draws is bagging_seed, the fourth feature_fraction_seed. */
export function lightgbmSeeds(seed: number): { readonly bagging: number; readonly features: number } {
  const random = new Lcg(seed)
  const [, bagging, , features] = Array.from({ length: 4 }, () => random.bits15() % 32767)
  return { bagging: bagging!, features: features! }
}

/** LightGBM's generator: linear congruential, modulo 2^32. */
class Lcg {
  #state: number

  constructor(seed: number) {
    this.#state = seed | 0
  }

  #next(): number {
    this.#state = (Math.imul(this.#state, 214013) + 2531011) | 0
    return this.#state
  }

  bits15(): number {
    return (this.#next() >>> 16) & 0x7fff
  }

  /** In [0, 1), a multiple of 2^-15. */
  uniform(): number {
    return this.bits15() / 32768
  }

  /** `count` different numbers below `from`, ascending. */
  sample(from: number, count: number): number[] {
    if (count === from) return Array.from({ length: from }, (_, number) => number)
    const taken: number[] = []
    if (count > 1 && count > from / Math.log2(count)) {
      // Coarse chances may leave it short by some: so they do there.
      for (let number = 0; number < from; number++)
        if (this.uniform() < (count - taken.length) / (from - number)) taken.push(number)
      return taken
    }
    // R. Floyd's way (J. Bentley, "A sample of brilliance", CACM 30, 1987).
    const set = new Set<number>()
    for (let last = from - count; last < from; last++) {
      const number = (this.#next() & 0x7fffffff) % (last + 1)
      set.add(set.has(number) ? last : number)
    }
    return [...set].sort((a, b) => a - b)
  }
}
