/**
 * @file Training gradient-boosted trees: bins once, then tree by tree on the gradients of what is still wrong.
 *
 * Gradients are turned into whole numbers each round, at a scale that makes their sums fill the bits there are (about 2^-26 of
 * the mean absolute gradient for a half a million rows, finer than the 32-bit floats usual elsewhere). Whole numbers add up
 * to the same sum in any order, so the same data and seed give the same trees, to the bit, on any number of threads. Values
 * of leaves are summed from the gradients themselves, in order of rows.
 *
 * Source: G. Ke et al., "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 2017.
 */

import { GimbalError } from '../../core/errors.ts'
import { Random } from '../../core/random.ts'
import { requireColumns, requireTrainingSet, type Table, type TrainingSet } from '../learner.ts'
import { type Draws, drawSorted, LightgbmDraws, OwnDraws } from './draws.ts'
import type { Objective, Tree, TreeEnsemble } from './ensemble.ts'
import { TreeGrower } from './growTree.ts'
import { CELLS, type KernelMemory } from './kernel.ts'
import { takeMemory } from './kernelMemory.ts'
import { requireLabels } from './objectives.ts'
import { leafOutput } from './splitSearch.ts'
import { Figure, type FitTerms, Job, TreeJobs, Word } from './treeJobs.ts'
import { HISTOGRAM_BYTES, planFit, ROWS_PER_CHUNK, type TreePlan } from './treePlan.ts'
import { hessianIsOne, monotoneDirections, renewsLeaves, type TreeSettings } from './treeSettings.ts'
import { TreeThreads } from './treeThreads.ts'

/** Beyond the settings: what to validate on, who helps, who watches. */
export interface FitOptions {
  /** Rows no tree learns from; with `earlyStopRounds` they say when to stop. Columns as in the training set. */
  readonly validation?: TrainingSet
  /** The caller's thread alone when absent. */
  readonly threads?: TreeThreads
  /**
   * Called after each round, the first being 1, with mean losses (see objectives.ts), NaN without validation. Returning
   * false stops after this round.
   */
  readonly onRound?: (round: number, trainLoss: number, validationLoss: number) => unknown
}

/** What training made. */
export interface TreeFit {
  /** Up to `bestRound` when `earlyStopRounds` is set and there was a validation set, else all rounds. */
  readonly ensemble: TreeEnsemble
  /** Rounds grown; fewer than asked for when stopped, or when no split was worth it any more. */
  readonly rounds: number
  /** Round of the least validation loss; the last without validation. */
  readonly bestRound: number
  /** Mean validation loss after each round; empty without validation. */
  readonly validationLoss: Float64Array
}

/**
 * Trains boosted trees. Deterministic in data and settings; the number of threads changes nothing but the time.
 *
 * @throws {GimbalError} `table-invalid` for tables nothing can be learnt from, `config-invalid` for settings that contradict
 *   one another, `schema-mismatch` when the validation set has other columns, `table-too-large` beyond 4 GB,
 *   `threads-unavailable` for threads that are closed or busy.
 */
export function fitTrees(set: TrainingSet, settings: TreeSettings, options: FitOptions = {}): TreeFit {
  return fitTreesIn({ takeMemory, histogramBytes: HISTOGRAM_BYTES }, set, settings, options)
}

/** What a fit works in; none of it changes a tree. */
export interface Workshop {
  readonly takeMemory: (bytes: number) => { readonly memory: KernelMemory; readonly giveBack: () => void }
  /** Histograms kept at most; see treePlan.ts. */
  readonly histogramBytes: number
}

/** {@link fitTrees} in a memory of the caller's choice. */
export function fitTreesIn(
  workshop: Workshop,
  set: TrainingSet,
  settings: TreeSettings,
  options: FitOptions = {},
): TreeFit {
  const { validation } = options
  const { table } = set
  const objective = settings.objective as Objective
  const categorical = table.categorical ?? []
  const monotone = monotoneDirections(settings, table.names, categorical)
  const terms = { ...settings, objective }
  for (const each of validation ? [set, validation] : [set]) {
    requireTrainingSet(each)
    requireLabels(terms, each.label, each.weight)
    requireScores(each, settings.classCount)
    requireCategories(each.table, categorical)
  }
  if (validation) requireColumns(table.names, validation.table.names)
  const threads = options.threads ?? TreeThreads.alone()
  const sampled = Math.min(table.rows, settings.binSampleRows)
  const plan = planFit(
    {
      rows: table.rows,
      validationRows: validation?.table.rows ?? 0,
      features: table.names.length,
      classes: settings.classCount,
      leaves: settings.leaves,
      lanes: threads.count,
      wide: !hessianIsOne(objective) || set.weight !== undefined,
      weighted: set.weight !== undefined,
      validationWeighted: validation?.weight !== undefined,
    },
    sampled,
    workshop.histogramBytes,
  )
  const fitTerms: FitTerms = {
    plan,
    objective: terms,
    rules: { ...settings, rowsEstimated: settings.manner === 'lightgbm' },
    bins: settings.bins,
    minDataInBin: settings.minDataInBin,
    lightgbmBounds: settings.manner === 'lightgbm',
    monotone,
    categorical: Uint8Array.from(table.names, (_, column) => Number(categorical.includes(column))),
  }
  const { memory, giveBack } = workshop.takeMemory(plan.bytes)
  threads.join({ memory, terms: fitTerms })
  try {
    return new Fit(set, settings, options, threads, memory, fitTerms).run(sampled)
  } finally {
    threads.leave()
    giveBack()
  }
}

function requireScores({ table, initScore }: TrainingSet, classes: number): void {
  if (initScore && initScore.length !== table.rows * classes)
    throw new GimbalError('table-invalid', 'There is not one starting score a row and class', {
      rows: table.rows,
      classes,
      scores: initScore.length,
    })
  const bad = initScore ? initScore.findIndex((score) => !Number.isFinite(score)) : -1
  if (bad >= 0)
    throw new GimbalError('table-invalid', 'A starting score is not a number', { row: bad, score: initScore![bad]! })
}

/** Greatest category a set of bits is kept for. */
const CATEGORY_MAX = 2 ** 20 - 1

function requireCategories({ columns, names }: Table, categorical: readonly number[]): void {
  for (const column of categorical) {
    const values = columns[column]
    if (!values)
      throw new GimbalError('table-invalid', 'There is no such column of categories', {
        column,
        columns: columns.length,
      })
    for (let row = 0; row < values.length; row++) {
      const value = values[row]!
      if (Number.isNaN(value) || (Number.isInteger(value) && value >= 0 && value <= CATEGORY_MAX)) continue
      throw new GimbalError('table-invalid', 'A category is a whole number', {
        column: names[column]!,
        row,
        value,
        allowed: `0 to ${CATEGORY_MAX}`,
      })
    }
  }
}

/** One call of {@link fitTrees}. */
class Fit {
  readonly #set: TrainingSet
  readonly #settings: TreeSettings
  readonly #options: FitOptions
  readonly #threads: TreeThreads
  readonly #plan: TreePlan
  readonly #jobs: TreeJobs
  readonly #grower: TreeGrower
  readonly #sums: Float64Array
  readonly #leafValue: Float64Array
  readonly #leafSums: Float64Array
  readonly #trees: Tree[] = []
  /** Rows at the head of the training index the trees learn from. */
  #seen: number
  #weight: readonly [number, number]

  constructor(
    set: TrainingSet,
    settings: TreeSettings,
    options: FitOptions,
    threads: TreeThreads,
    memory: KernelMemory,
    terms: FitTerms,
  ) {
    const { plan } = terms
    this.#set = set
    this.#settings = settings
    this.#options = options
    this.#threads = threads
    this.#plan = plan
    this.#jobs = new TreeJobs(memory, threads.control, terms, 0)
    this.#grower = new TreeGrower(this.#jobs, (job, chunks) => this.#share(job, chunks))
    this.#sums = new Float64Array(memory.buffer, plan.sums)
    this.#leafValue = new Float64Array(memory.buffer, plan.leafValue, plan.leaves)
    this.#leafSums = new Float64Array(memory.buffer, plan.leafSums, 2 * plan.leaves)
    this.#seen = plan.rows
    this.#weight = [totalWeight(set), options.validation ? totalWeight(options.validation) : 0]
  }

  #share(job: number, chunks: number): void {
    this.#threads.run(job, chunks, (kind, chunk) => this.#jobs.run(kind, chunk))
  }

  run(sampled: number): TreeFit {
    const { validation, onRound } = this.#options
    const { earlyStopRounds, rounds, classCount } = this.#settings
    this.#load(0, this.#set)
    if (validation) this.#load(1, validation)
    this.#binAll(sampled)
    const draws = this.#draws()
    const bias = this.#start()
    const losses: number[] = []
    let bestRound = 0
    let round = 0
    while (round < rounds) {
      if (!this.#grow(round, bias, draws)) break
      round++
      let loss = Number.NaN
      if (validation) {
        loss = this.#meanLoss(1)
        losses.push(loss)
        if (bestRound === 0 || loss < losses[bestRound - 1]!) bestRound = round
      } else bestRound = round
      if (onRound && onRound(round, this.#meanLoss(0), loss) === false) break
      if (validation && earlyStopRounds > 0 && round - bestRound >= earlyStopRounds) break
    }
    const kept = validation && earlyStopRounds > 0 ? bestRound : round
    return {
      ensemble: this.#ensemble(this.#trees.slice(0, kept * classCount)),
      rounds: round,
      bestRound,
      validationLoss: Float64Array.from(losses),
    }
  }

  // Loading and binning.

  #load(number: 0 | 1, { label, weight }: TrainingSet): void {
    const { labelled, index, ascending } = this.#jobs.sets[number]!
    labelled.label.set(label)
    if (weight) labelled.weight!.set(weight)
    for (let row = 0; row < index.length; row++) ascending[row] = row
  }

  #binAll(sampled: number): void {
    const plan = this.#plan
    const { buffer, words } = this.#jobs
    const sample = new Uint32Array(buffer, plan.sample, sampled)
    words[Word.SAMPLED] = sampled
    if (sampled === plan.rows) for (let row = 0; row < sampled; row++) sample[row] = row
    else drawSorted(new Random(this.#settings.seed).fork('bins'), plan.rows, sample)
    new Uint8Array(buffer, plan.byRow, plan.rows * plan.stride).fill(0)
    this.#binColumns(this.#set.table, Job.BIN)
    if (this.#options.validation) this.#binColumns(this.#options.validation.table, Job.BIN_ALIKE)
    this.#share(Job.INTERLEAVE, Math.ceil(plan.rows / ROWS_PER_CHUNK))
  }

  /** A few columns at a time: copied to shared memory, then binned by all threads. */
  #binColumns({ columns, rows }: Table, job: number): void {
    const plan = this.#plan
    const { buffer, words } = this.#jobs
    const each = Math.max(plan.rows, plan.validationRows) * 8
    for (let first = 0; first < columns.length; first += plan.stagedColumns) {
      const staged = columns.slice(first, first + plan.stagedColumns)
      words[Word.COLUMN] = first
      words[Word.SINGLE] = 0
      for (const [at, column] of staged.entries()) {
        const single = column instanceof Float32Array
        if (single) words[Word.SINGLE]! |= 1 << at
        const place = plan.staging + at * each
        const target = single ? new Float32Array(buffer, place, rows) : new Float64Array(buffer, place, rows)
        target.set(column)
      }
      this.#share(job, staged.length)
    }
  }

  /** Starting scores. Returns the constant each class starts from. */
  #start(): number[] {
    const { boostFromAverage, classCount } = this.#settings
    const { validation } = this.#options
    const constants =
      boostFromAverage && !this.#set.initScore ? this.#jobs.constant() : new Array<number>(classCount).fill(0)
    for (const [number, given] of [this.#set, validation].entries()) {
      if (!given) continue
      const { score, rows } = this.#jobs.sets[number]!.labelled
      // Rows to validate on may start from scores of their own: the constant then comes with the first tree.
      if (given.initScore) score.set(given.initScore)
      else for (const [k, constant] of constants.entries()) score.fill(constant, k * rows, (k + 1) * rows)
    }
    return constants
  }

  // Growing.

  /** One round. Returns false when no class found a split: then nothing was added, unless it would have been the first. */
  #grow(round: number, bias: readonly number[], draws: Draws): boolean {
    const { classCount } = this.#settings
    const plan = this.#plan
    const seen = draws.rows(round)
    if (seen) this.#see(seen)
    this.#share(Job.GRADIENT, Math.ceil(plan.rows / ROWS_PER_CHUNK))
    const scales = Array.from({ length: classCount }, (_, k) => this.#scales(k))
    const before = this.#trees.length
    let anySplit = false
    for (let k = 0; k < classCount; k++) {
      const leaves = this.#growOne(k, scales[k]!, draws.columns(round, k), draws.nodeColumns)
      if (leaves > 1) anySplit = true
      this.#finish(round, k, leaves, bias[k]!)
    }
    if (anySplit || round === 0) return true
    this.#trees.length = before
    return false
  }

  #growOne(
    k: number,
    [scale, hessianScale]: readonly [number, number],
    columns: Int32Array,
    nodeColumns: Draws['nodeColumns'],
  ): number {
    const { learningRate, leaves, depthMax } = this.#settings
    const plan = this.#plan
    const { words, figures } = this.#jobs
    words[Word.CLASS] = k
    figures[Figure.SCALE] = scale
    figures[Figure.HESSIAN_SCALE] = hessianScale
    // Each tree begins with rows in order: leaves then hold theirs in order, which caches like far better than any other.
    for (const { index, ascending } of this.#jobs.sets) index.set(ascending)
    this.#share(Job.QUANTISE, Math.ceil(plan.rows / ROWS_PER_CHUNK))
    return this.#grower.grow({ leavesMax: leaves, depthMax, learningRate, nodeColumns, columns, rows: this.#seen })
  }

  /**
   * Powers of two by which gradients and hessians are multiplied before rounding, so that no sum outgrows its bits: a sum of
   * parts is at most the sum of their magnitudes, plus half a unit for each.
   */
  #scales(k: number): readonly [number, number] {
    const plan = this.#plan
    const { classCount } = this.#settings
    let gradient = 0
    let hessian = 0
    for (let chunk = 0; chunk * ROWS_PER_CHUNK < plan.rows; chunk++) {
      gradient += this.#sums[2 * (chunk * classCount + k)]!
      hessian += this.#sums[2 * (chunk * classCount + k) + 1]!
    }
    if (!Number.isFinite(gradient + hessian))
      throw new GimbalError('table-invalid', 'Training diverged: gradients are no longer numbers', {
        objective: this.#settings.objective,
        class: k,
        round: Math.floor(this.#trees.length / classCount) + 1,
      })
    // Bits left beside the count; and sums must stay exact as doubles.
    const beside = Math.min(52, 63 - plan.countBits)
    const gradientBits = plan.wide ? 52 : beside
    return [scaleFor(gradient, gradientBits), plan.wide ? scaleFor(hessian, beside) : 1]
  }

  /** Gives the leaves of the tree just grown their values, adds it to all scores, and keeps it. */
  #finish(round: number, k: number, leaves: number, bias: number): void {
    const plan = this.#plan
    const { words, terms, buffer } = this.#jobs
    const { learningRate, lambdaL1, lambdaL2 } = this.#settings
    const first = round === 0 && bias !== 0
    words[Word.RENEW] = renewsLeaves(terms.objective.objective) ? 1 : 0
    words[Word.CLASS] = k
    this.#share(Job.LEAF_SUMS, leaves)
    const values = this.#leafValue
    const weights = new Float64Array(leaves)
    for (let leaf = 0; leaf < leaves; leaf++) {
      const { low, high, extraL2 } = this.#grower.leafTerms(leaf)
      const hessian = this.#leafSums[2 * leaf + 1]!
      weights[leaf] = hessian
      if (words[Word.RENEW] === 0)
        values[leaf] = leafOutput(this.#leafSums[2 * leaf]!, hessian, lambdaL1, lambdaL2 + extraL2, low, high)
      // Without a split there is nothing to learn: the constant is the tree.
      values[leaf] = leaves > 1 ? values[leaf]! * learningRate : 0
      if (first) values[leaf]! += bias
    }
    // The first tree carries the constant; setting scores rather than adding keeps them the sum of the trees to the bit.
    const assign = (given: TrainingSet | undefined) => (first && !given?.initScore ? 1 : 0)
    words[Word.ASSIGN] = assign(this.#set)
    this.#addTo(0, leaves, 0)
    if (this.#seen < plan.rows) {
      this.#grower.route(0, this.#seen, plan.rows - this.#seen, plan.leaves)
      this.#addTo(0, leaves, plan.leaves)
    }
    if (plan.validationRows > 0) {
      words[Word.ASSIGN] = assign(this.#options.validation)
      this.#grower.route(1, 0, plan.validationRows, plan.leaves)
      this.#addTo(1, leaves, plan.leaves)
    }
    this.#trees.push(
      this.#grower.tree(values, weights, learningRate, first ? bias : 0, {
        bounds: new Float64Array(buffer, plan.bounds, plan.features * CELLS),
        missingBins: new Int32Array(buffer, plan.missingBins, plan.features),
        binCounts: new Int32Array(buffer, plan.binCounts, plan.features),
      }),
    )
  }

  #addTo(set: 0 | 1, leaves: number, leavesFrom: number): void {
    const { words } = this.#jobs
    words[Word.SET] = set
    words[Word.LEAVES_FROM] = leavesFrom
    this.#share(Job.ADD, leaves)
  }

  #draws(): Draws {
    const { rows, features } = this.#plan
    return this.#settings.manner === 'lightgbm'
      ? new LightgbmDraws(this.#settings, rows, this.#divisibleColumns())
      : new OwnDraws(this.#settings, rows, features)
  }

  /** Columns with a split that leaves enough of all rows on both sides (LightGBM's feature_pre_filter). */
  #divisibleColumns(): Int32Array {
    const plan = this.#plan
    const { buffer, terms } = this.#jobs
    const { rowsPerLeafMin } = this.#settings
    const binCounts = new Int32Array(buffer, plan.binCounts, plan.features)
    const enough = (rows: number) => rows >= rowsPerLeafMin && plan.rows - rows >= rowsPerLeafMin
    const divisible = (feature: number) => {
      const counts = new Int32Array(CELLS)
      const bins = new Uint8Array(buffer, plan.training.columns + feature * plan.training.columnStride, plan.rows)
      for (const bin of bins) counts[bin]!++
      const used = counts.subarray(0, binCounts[feature])
      if (terms.categorical[feature] === 1) return divisibleCategories(used, plan.rows, enough)
      let rows = 0
      return used.subarray(0, -1).some((count) => enough((rows += count)))
    }
    return Int32Array.from({ length: plan.features }, (_, feature) => feature).filter(divisible)
  }

  /** Trees from now on learn from these rows: they come first in the index, the others after them, both ascending. */
  #see(seen: Uint32Array): void {
    const { ascending } = this.#jobs.sets[0]!
    let inside = 0
    let outside = seen.length
    for (let row = 0; row < this.#plan.rows; row++)
      if (inside < seen.length && seen[inside] === row) ascending[inside++] = row
      else ascending[outside++] = row
    this.#seen = seen.length
  }

  #meanLoss(set: 0 | 1): number {
    const rows = set === 0 ? this.#plan.rows : this.#plan.validationRows
    const chunks = Math.ceil(rows / ROWS_PER_CHUNK)
    this.#jobs.words[Word.SET] = set
    this.#share(Job.LOSS, chunks)
    let sum = 0
    for (let chunk = 0; chunk < chunks; chunk++) sum += this.#sums[chunk]!
    return sum / this.#weight[set]!
  }

  #ensemble(trees: Tree[]): TreeEnsemble {
    const { objective, alpha, sigmoid, classCount } = this.#settings
    const parameters: Record<string, number> = {}
    if (objective === 'huber' || objective === 'quantile') parameters['alpha'] = alpha
    if (objective === 'binary') parameters['sigmoid'] = sigmoid
    return {
      objective: objective as Objective,
      objectiveParameters: parameters,
      classCount,
      names: this.#set.table.names,
      columnInfos: this.#columnInfos(),
      trees,
      averaged: false,
    }
  }

  #columnInfos(): string[] {
    const plan = this.#plan
    const { buffer, terms } = this.#jobs
    const binCounts = new Int32Array(buffer, plan.binCounts, plan.features)
    const ranges = new Float64Array(buffer, plan.ranges, 2 * plan.features)
    const bounds = new Float64Array(buffer, plan.bounds, plan.features * CELLS)
    return this.#set.table.names.map((_, feature) => {
      if (binCounts[feature]! < 2) return 'none'
      if (terms.categorical[feature] === 1)
        return [...bounds.subarray(feature * CELLS, feature * CELLS + binCounts[feature]! - 1)].join(':')
      return `[${ranges[2 * feature]!}:${ranges[2 * feature + 1]!}]`
    })
  }
}

/** Greatest power of two by which a sum of this size stays below 2^(bits - 1). */
function scaleFor(sum: number, bits: number): number {
  if (!(sum > 0)) return 1
  return 2 ** Math.max(-1000, Math.min(1000, bits - 2 - Math.floor(Math.log2(sum))))
}

function totalWeight({ table, weight }: TrainingSet): number {
  if (!weight) return table.rows
  let total = 0
  for (const each of weight) total += each
  return total
}

/** Whether LightGBM keeps a column of categories; of two it takes the rarer for no category at all below one in a hundred. */
function divisibleCategories(counts: Int32Array, rows: number, enough: (rows: number) => boolean): boolean {
  const given = counts.filter((count) => count > 0)
  if (given.length !== 2) return given.length > 2
  const rarer = Math.min(...given)
  const noneMissing = counts.at(-1) === 0
  return enough(rarer) || (noneMissing && rows - rarer < Math.round(0.99 * rows))
}
