/**
 * Goal: trees are the best their rules allow, and what training believes is what prediction does.
 *
 * Method: brute force in exact arithmetic for a single split; closed forms for constants; planted structure that must be
 * found (missing figures, categories, monotone columns); forecasts walked node by node on raw figures, against the loss
 * training saw; and properties: weights are repetitions, a column's scale does not matter, nor does the kernel.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Random } from '../../core/random.ts'
import { readSettings, type SettingValue } from '../../core/settings.ts'
import type { TrainingSet } from '../learner.ts'
import type { Tree, TreeEnsemble } from './ensemble.ts'
import { fitTrees, fitTreesIn, type TreeFit } from './fitTrees.ts'
import { newMemory, takeMemory } from './kernelMemory.ts'
import { lossSum, type ObjectiveSettings } from './objectives.ts'
import { OBJECTIVES, TREE_SETTINGS, type TreeSettings } from './treeSettings.ts'

function settingsOf(given: Readonly<Record<string, SettingValue>>): TreeSettings {
  return readSettings('trees', TREE_SETTINGS, given)
}

function setOf(
  columns: readonly (readonly number[])[],
  label: readonly number[],
  more: Partial<TrainingSet> = {},
  categorical: readonly number[] = [],
): TrainingSet {
  return {
    table: {
      rows: label.length,
      names: columns.map((_, i) => `x${i}`),
      columns: columns.map((column) => Float64Array.from(column)),
      categorical,
    },
    label: Float64Array.from(label),
    ...more,
  }
}

function train(set: TrainingSet, given: Readonly<Record<string, SettingValue>> = {}, options = {}): TreeFit {
  return fitTrees(set, settingsOf(given), options)
}

/** Leaf a row of raw figures comes to, by the rules of LightGBM's model format, one node at a time. */
function leafOf(tree: Tree, figure: (column: number) => number): number {
  let node = tree.leafCount > 1 ? 0 : -1
  while (node >= 0) {
    let value = figure(tree.feature[node]!)
    const decision = tree.decision[node]!
    const missing = decision >> 2
    let left: boolean
    if ((decision & 1) === 1) {
      const from = tree.categoryBounds[tree.threshold[node]!]!
      const to = tree.categoryBounds[tree.threshold[node]! + 1]!
      const word = from + (value >>> 5)
      left = value >= 0 && word < to && ((tree.categoryWords[word]! >>> (value & 31)) & 1) === 1
    } else if (Number.isNaN(value) && missing === 2) left = (decision & 2) !== 0
    else {
      if (Number.isNaN(value)) value = 0
      left = value <= tree.threshold[node]!
    }
    node = left ? tree.left[node]! : tree.right[node]!
  }
  return ~node
}

/** Raw scores on raw figures, class by class, trees added in their order. */
function scores(ensemble: TreeEnsemble, { table }: TrainingSet): Float64Array {
  const out = new Float64Array(table.rows * ensemble.classCount)
  for (const [number, tree] of ensemble.trees.entries())
    for (let row = 0; row < table.rows; row++) {
      const leaf = leafOf(tree, (column) => table.columns[column]![row]!)
      out[(number % ensemble.classCount) * table.rows + row]! += tree.leafValue[leaf]!
    }
  return out
}

function meanLoss(settings: TreeSettings, ensemble: TreeEnsemble, set: TrainingSet): number {
  const labelled = { rows: set.table.rows, label: set.label, weight: set.weight, score: scores(ensemble, set) }
  let weight = 0
  for (let row = 0; row < set.table.rows; row++) weight += set.weight ? set.weight[row]! : 1
  return lossSum(settings as unknown as ObjectiveSettings, labelled, 0, set.table.rows) / weight
}

/** Rows with a signal in waves, steps, products, holes and categories, labelled as the objective likes. */
function market(seed: number, rows: number, objective: string, weighted = false): TrainingSet {
  const random = new Random(seed)
  const columns = Array.from({ length: 11 }, (_, column) =>
    Array.from({ length: rows }, () => {
      if (column === 9) return random.integer(0, 30)
      if (column === 10) return random.integer(0, 2)
      return column % 3 === 2 && random.uniform() < 0.2 ? Number.NaN : random.normal()
    }),
  )
  const label = Array.from({ length: rows }, (_, i) => {
    const x = (column: number) => columns[column]![i]!
    const signal =
      x(0) * x(1) +
      Math.sin(2 * x(3)) +
      (Number.isNaN(x(2)) ? 1 : 0) +
      (x(9) % 3 === 0 ? 1 : 0) +
      (x(10) === 1 ? -1 : 0)
    const y = signal + 0.3 * random.normal()
    if (objective === 'binary') return y > 0.3 ? 1 : 0
    if (objective === 'multiclass') return y < -0.5 ? 0 : y < 0.8 ? 1 : 2
    if (objective === 'poisson') return Math.floor(random.exponential(Math.exp(y / 2)))
    if (objective === 'gamma' || objective === 'qlike') return random.exponential(Math.exp(y / 2))
    return y
  })
  const weight = Float64Array.from(label, () => random.integer(1, 4) / 2)
  return setOf(columns, label, weighted ? { weight } : {}, [9, 10])
}

/** Settings under which an objective learns something from 600 rows of {@link market}. */
function learnable(objective: string): Record<string, SettingValue> {
  return {
    objective,
    rounds: 12,
    leaves: 9,
    rowsPerLeafMin: 5,
    rowsPerCategoryGroupMin: 10,
    classCount: objective === 'multiclass' ? 3 : 1,
    alpha: objective === 'quantile' ? 0.7 : 0.9,
  }
}

/** Everything about the trees but where their bounds lie. */
function shape(ensemble: TreeEnsemble) {
  return ensemble.trees.map(({ threshold: _, ...rest }) => rest)
}

describe('a single split', () => {
  const table = fc.integer({ min: 6, max: 40 }).chain((rows) =>
    fc.record({
      columns: fc.array(fc.array(fc.integer({ min: -4, max: 4 }), { minLength: rows, maxLength: rows }), {
        minLength: 1,
        maxLength: 4,
      }),
      label: fc.array(fc.integer({ min: -50, max: 50 }), { minLength: rows, maxLength: rows }),
      rowsMin: fc.integer({ min: 1, max: 5 }),
    }),
  )

  test('is the best of all splits, found by brute force over whole numbers', () => {
    fc.assert(
      fc.property(table, ({ columns, label, rowsMin }) => {
        const given = {
          rounds: 1,
          leaves: 2,
          learningRate: 1,
          boostFromAverage: false,
          rowsPerLeafMin: rowsMin,
          minDataInBin: 1,
        }
        const tree = train(setOf(columns, label), given).ensemble.trees[0]!
        // Gain of a split times nL nR n, in exact whole numbers: (GL n - G nL)².
        const rows = label.length
        const total = label.reduce((a, b) => a + b, 0)
        let best = 0
        for (const column of columns)
          for (const bound of new Set(column)) {
            const left = label.filter((_, i) => column[i]! <= bound)
            const nL = left.length
            if (nL < rowsMin || rows - nL < rowsMin) continue
            const sum = left.reduce((a, b) => a + b, 0)
            best = Math.max(best, (sum * rows - total * nL) ** 2 / (nL * (rows - nL) * rows))
          }
        if (best === 0) {
          expect(tree.leafCount).toBe(1)
          return
        }
        expect(tree.gain[0]).toBeCloseTo(best, 9)
        const column = columns[tree.feature[0]!]!
        const left = label.filter((_, i) => column[i]! <= tree.threshold[0]!)
        const right = label.filter((_, i) => column[i]! > tree.threshold[0]!)
        expect([...tree.leafCounts]).toEqual([left.length, right.length])
        for (const [leaf, side] of [left, right].entries())
          expect(tree.leafValue[leaf]).toBeCloseTo(side.reduce((a, b) => a + b, 0) / side.length, 12)
      }),
      { numRuns: 60 },
    )
  })

  test('pays for its penalties: soft-thresholded sums, a larger denominator, a least gain', () => {
    const set = setOf([[1, 1, 2, 2]], [3, 5, -1, -5])
    const given = { rounds: 1, leaves: 2, learningRate: 1, boostFromAverage: false, rowsPerLeafMin: 1, minDataInBin: 1 }
    // Left sum of gradients -8, right 6, all -2; two rows a side.
    const l1 = 1
    const l2 = 2
    const gain = (8 - l1) ** 2 / (2 + l2) + (6 - l1) ** 2 / (2 + l2) - (2 - l1) ** 2 / (4 + l2)
    const tree = train(set, { ...given, lambdaL1: l1, lambdaL2: l2 }).ensemble.trees[0]!
    expect(tree.gain[0]).toBeCloseTo(gain, 12)
    expect([...tree.leafValue]).toEqual([7 / 4, -5 / 4])
    expect(train(set, { ...given, gainMin: 47 }).ensemble.trees[0]!.leafCount).toBe(2) // 64/2 + 36/2 - 4/4 = 49.
    expect(train(set, { ...given, gainMin: 50 }).ensemble.trees[0]!.leafCount).toBe(1)
  })

  test('in a leaf of equal labels there is none, whatever rounding says', () => {
    const column = Array.from({ length: 50 }, (_, i) => i)
    const steps = (low: number, high: number) =>
      setOf(
        [column],
        column.map((x) => (x < 20 ? low : high)),
      )
    const given = { learningRate: 1, rowsPerLeafMin: 1, minDataInBin: 1, boostFromAverage: false }
    expect(train(steps(0.1, 0.7), { ...given, rounds: 1 }).ensemble.trees[0]!.leafCount).toBe(2)
    // Where figures are exact nothing is left, and no further tree is grown.
    expect(train(steps(0.25, 0.75), { ...given, rounds: 9 })).toMatchObject({ rounds: 1, bestRound: 1 })
  })
})

describe('every objective', () => {
  test.each(OBJECTIVES)('%s: its loss falls round by round, on rows not learnt from as well', (objective) => {
    const losses: number[] = []
    const validation = market(99, 400, objective)
    const { validationLoss } = train(market(1, 1500, objective), learnable(objective), {
      validation,
      onRound: (_round: number, loss: number) => void losses.push(loss),
    })
    expect(losses).toHaveLength(12)
    for (let i = 1; i < losses.length; i++) expect(losses[i]).toBeLessThan(losses[i - 1]!)
    expect(validationLoss.at(-1)).toBeLessThan(0.98 * validationLoss[0]!)
  })

  const constant = (objective: string, label: number[], more: Record<string, SettingValue> = {}, weight?: number[]) =>
    train(setOf([label.map((_, i) => i)], label, weight ? { weight: Float64Array.from(weight) } : {}), {
      objective,
      gainMin: 1e300,
      ...more,
    }).ensemble.trees.map((tree) => tree.leafValue[0])

  test('starts from its closed form: mean, median, quantile, log-odds, log-mean', () => {
    const label = [4, 1, 2, 10, 3, 7]
    expect(constant('regression', label)).toEqual([4.5])
    expect(constant('huber', label)).toEqual([4.5])
    expect(constant('regression_l1', label)).toEqual([3.5])
    expect(constant('regression_l1', label, {}, [1, 1, 1, 5, 1, 1])).toEqual([8.5]) // Half the weight lies at 7 and below.
    expect(constant('quantile', label, { alpha: 0.9 })).toEqual([10])
    expect(constant('quantile', label, { alpha: 0.2 })).toEqual([2])
    expect(constant('binary', [1, 0, 0, 0])[0]).toBeCloseTo(Math.log(1 / 3), 14)
    expect(constant('binary', [1, 0, 0, 0], { sigmoid: 2 })[0]).toBeCloseTo(Math.log(1 / 3) / 2, 14)
    expect(constant('binary', [1, 0, 0, 0], {}, [3, 1, 1, 1])[0]).toBeCloseTo(0, 14)
    for (const objective of ['poisson', 'gamma', 'qlike'])
      expect(constant(objective, label)[0]).toBeCloseTo(Math.log(4.5), 14)
    const classes = constant('multiclass', [0, 1, 1, 2, 2, 2], { classCount: 3 })
    expect(classes.map((each) => Math.exp(each!))).toEqual([
      expect.closeTo(1 / 6),
      expect.closeTo(1 / 3),
      expect.closeTo(1 / 2),
    ])
  })

  test('from 0 when told, or when rows bring scores of their own, which the trees then leave out', () => {
    const label = [4, 1, 2, 10, 3, 7]
    expect(constant('regression', label, { boostFromAverage: false })).toEqual([0])
    const columns = [[1, 1, 1, 2, 2, 2]]
    const given = { rounds: 1, leaves: 2, learningRate: 1, rowsPerLeafMin: 1, minDataInBin: 1 }
    const initScore = Float64Array.of(1, 1, 1, 2, 2, 2)
    const { ensemble } = train(setOf(columns, label, { initScore }), given)
    expect([...ensemble.trees[0]!.leafValue]).toEqual([expect.closeTo(7 / 3 - 1, 12), expect.closeTo(20 / 3 - 2, 12)])
  })

  test('rows validated on may start from scores of their own, with the constant or without', () => {
    const column = Array.from({ length: 40 }, (_, i) => i)
    const label = column.map((x) => (x < 20 ? 10 : 14))
    const initScore = Float64Array.from(column, (x) => x / 10)
    const validation = setOf(
      [column],
      label.map((y, i) => y + initScore[i]!),
      { initScore },
    )
    const given = { rounds: 1, leaves: 2, learningRate: 1, rowsPerLeafMin: 1, minDataInBin: 1 }
    for (const boostFromAverage of [true, false]) {
      const { validationLoss } = train(setOf([column], label), { ...given, boostFromAverage }, { validation })
      expect(validationLoss[0]).toBeCloseTo(0, 12)
    }
  })

  test('leaf values of the absolute and the quantile loss are the medians and quantiles of their rows', () => {
    const columns = [[1, 1, 1, 1, 1, 2, 2, 2, 2, 2]]
    const label = [1, 2, 3, 4, 100, 11, 12, 13, 14, -100]
    const given = { rounds: 1, leaves: 2, learningRate: 1, rowsPerLeafMin: 1, minDataInBin: 1 }
    expect([
      ...train(setOf(columns, label), { ...given, objective: 'regression_l1' }).ensemble.trees[0]!.leafValue,
    ]).toEqual([3, 12])
    const upper = train(setOf(columns, label), { ...given, objective: 'quantile', alpha: 0.7 }).ensemble.trees[0]!
    expect([...upper.leafValue].map((value) => Number(value.toFixed(9)))).toEqual([4, 13])
  })
})

describe('training and prediction agree', () => {
  test.each(OBJECTIVES)(
    '%s: the loss training saw is that of the raw figures walked node by node, to the bit',
    (objective) => {
      for (const more of [{}, { rowShare: 0.6, rowShareEvery: 2, featureShare: 0.7, featureShareNode: 0.7, seed: 4 }]) {
        const set = market(2, 700, objective, objective !== 'huber')
        const validation = market(3, 300, objective, true)
        const settings = settingsOf({ ...learnable(objective), ...more })
        let seen = Number.NaN
        const { ensemble, validationLoss } = fitTrees(set, settings, {
          validation,
          onRound: (_round, loss) => {
            seen = loss
          },
        })
        expect(ensemble.trees.some((tree) => tree.decision.some((decision) => (decision & 1) === 1))).toBe(true)
        expect(meanLoss(settings, ensemble, set)).toBe(seen)
        expect(meanLoss(settings, ensemble, validation)).toBe(validationLoss.at(-1))
      }
    },
  )

  test('bounds tell apart neighbours among doubles, zeros of both signs, and the largest figures', () => {
    const next = 1 + Number.EPSILON
    const figures = [1, next, -0, 0, 5e-324, 1e308, 1.7e308, -1.7e308, 3, 1e-300]
    const column = figures.flatMap((figure) => Array<number>(6).fill(figure))
    const label = column.map((_, i) => [5, -3, 2, 2, -7, 9, -4, 6, 1, 8][Math.floor(i / 6)]!)
    const { ensemble } = train(setOf([column], label), {
      rounds: 1,
      learningRate: 1,
      rowsPerLeafMin: 1,
      minDataInBin: 1,
    })
    const answers = scores(ensemble, setOf([column], label))
    for (const [i, answer] of answers.entries()) expect(answer).toBeCloseTo(label[i]!, 9)
  })

  test('counts, weights and values of the nodes are those of their rows', () => {
    const set = market(5, 500, 'regression')
    const tree = train(set, { ...learnable('regression'), rounds: 1, learningRate: 1 }).ensemble.trees[0]!
    const counts = new Int32Array(tree.leafCount)
    for (let row = 0; row < 500; row++) counts[leafOf(tree, (column) => set.table.columns[column]![row]!)]!++
    expect([...tree.leafCounts]).toEqual([...counts])
    expect([...tree.leafWeight]).toEqual([...counts])
    expect(tree.nodeCount[0]).toBe(500)
    expect(tree.nodeValue[0]).toBeCloseTo(set.label.reduce((a, b) => a + b, 0) / 500, 6)
    const below = (child: number): number => (child < 0 ? tree.leafCounts[~child]! : tree.nodeCount[child]!)
    for (let node = 0; node < tree.leafCount - 1; node++)
      expect(below(tree.left[node]!) + below(tree.right[node]!)).toBe(tree.nodeCount[node])
  })
})

describe('missing figures', () => {
  const holes = (labelMissing: number, labelLow: number, labelHigh: number) => {
    const column = Array.from({ length: 90 }, (_, i) => (i % 3 === 0 ? Number.NaN : i))
    const label = column.map((x) => (Number.isNaN(x) ? labelMissing : x < 45 ? labelLow : labelHigh))
    const set = setOf([column], label)
    return { set, ...train(set, { rounds: 1, leaves: 3, learningRate: 1, rowsPerLeafMin: 1 }) }
  }

  test.each([
    [-1, -1, 4],
    [4, -1, 4],
    [9, -1, 4],
    [2, 0, 0],
  ])('labelled %d go where they belong, beside figures labelled %d and %d', (missing, low, high) => {
    const { set, ensemble } = holes(missing, low, high)
    for (const [i, score] of scores(ensemble, set).entries()) expect(score).toBeCloseTo(set.label[i]!, 9)
    expect(ensemble.trees[0]!.threshold.every(Number.isFinite)).toBe(true)
  })

  test('a column complete in training takes one for 0, in validation as in prediction', () => {
    const column = Array.from({ length: 60 }, (_, i) => i - 30)
    const set = setOf(
      [column],
      column.map((x) => (x < 0 ? 5 : 1)),
    )
    const validation = setOf([[Number.NaN, Number.NaN]], [1, 1])
    const { ensemble, validationLoss } = train(
      set,
      { rounds: 1, learningRate: 1, leaves: 2, rowsPerLeafMin: 1, minDataInBin: 1 },
      { validation },
    )
    expect(ensemble.trees[0]!.decision[0]! >> 2).toBe(0)
    expect(validationLoss[0]).toBeCloseTo(0, 12)
  })

  test('a column of nothing else is never used', () => {
    const set = setOf(
      [Array<number>(60).fill(Number.NaN), Array.from({ length: 60 }, (_, i) => i)],
      Array.from({ length: 60 }, (_, i) => i),
    )
    const { ensemble } = train(set, { rounds: 2 })
    expect(ensemble.trees.every((tree) => tree.feature.every((feature) => feature === 1))).toBe(true)
    expect(ensemble.columnInfos).toEqual(['none', '[0:59]'])
  })
})

describe('categories', () => {
  const venues = (count: number, high: readonly number[]) => {
    const random = new Random(8)
    const column = Array.from({ length: 3000 }, () => random.integer(0, count - 1))
    return setOf(
      [column],
      column.map((venue) => (high.includes(venue) ? 2 : -1)),
      {},
      [0],
    )
  }
  const given = { rounds: 1, leaves: 2, learningRate: 1, categoryL2: 0, rowsPerCategoryGroupMin: 1 }

  test('many are split into the set that differs, whatever their numbers; unknown ones go right', () => {
    const high = [3, 17, 40, 41, 66]
    const { ensemble } = train(venues(70, high), given)
    const tree = ensemble.trees[0]!
    const value = (venue: number) => tree.leafValue[leafOf(tree, () => venue)]!
    for (let venue = 0; venue < 70; venue++) expect(value(venue)).toBeCloseTo(high.includes(venue) ? 2 : -1, 9)
    for (const unknown of [70, 1000, Number.NaN, -3]) expect(value(unknown)).toBe(tree.leafValue[1])
    expect(ensemble.columnInfos[0]!.split(':')).toHaveLength(70)
  })

  test('few are split one against the rest, without the penalty of ordered ones', () => {
    const tree = train(venues(4, [2]), { ...given, categoryL2: 1000 }).ensemble.trees[0]!
    expect([...tree.leafValue].map((value) => Number(value.toFixed(9)))).toEqual([2, -1])
    const many = train(venues(5, [2]), { ...given, categoryL2: 1000 }).ensemble.trees[0]!
    expect(many.leafValue[0]).toBeLessThan(1.5) // The penalty counts for five, which are ordered.
  })

  test('a set grows by whole groups of rows, and leaves as many behind', () => {
    const chain = (counts: readonly number[]) => {
      const column = counts.flatMap((count, venue) => Array<number>(count).fill(venue))
      return setOf(
        [column],
        column.map((venue) => (venue < 3 ? 0 : 10) + venue / 100),
        {},
        [0],
      )
    }
    const groups = { ...given, categoriesOneHotMax: 1, categorySmooth: 1, rowsPerLeafMin: 1 }
    const leaves = (counts: readonly number[], rowsPerCategoryGroupMin: number) =>
      [...train(chain(counts), { ...groups, rowsPerCategoryGroupMin }).ensemble.trees[0]!.leafCounts].sort(
        (a, b) => a - b,
      )
    // Three against three is best; in steps of fifty rows sets have two categories or, next, four.
    expect(leaves([30, 30, 30, 30, 30, 30], 1)).toEqual([90, 90])
    expect(leaves([30, 30, 30, 30, 30, 30], 50)).toEqual([60, 120])
    // The last two have twenty rows together.
    expect(leaves([100, 100, 100, 10, 10], 1)).toEqual([20, 300])
    expect(leaves([100, 100, 100, 10, 10], 90)[0]).toBeGreaterThanOrEqual(90)
  })

  test('what is not a whole number of at least 0 is refused', () => {
    for (const bad of [0.5, -1, 2 ** 21])
      expect(() => train(setOf([[1, bad]], [1, 2], {}, [0]))).toThrow(
        expect.objectContaining({ code: 'table-invalid' }),
      )
  })
})

test('a monotone forecast never turns, along the whole grid, though the labels do', () => {
  const random = new Random(3)
  const columns = Array.from({ length: 3 }, () => Array.from({ length: 2000 }, () => random.uniform()))
  const label = columns[0]!.map(
    (x, i) => Math.sin(12 * x) + x - 2 * columns[1]![i]! + Math.cos(9 * columns[1]![i]!) + columns[2]![i]! * x,
  )
  for (const objective of ['regression', 'qlike'])
    for (const monotone of ['+x0,-x1', '']) {
      const set = setOf(columns, objective === 'qlike' ? label.map(Math.exp) : label)
      const { ensemble } = train(set, { objective, monotone, rounds: 30, leaves: 15, rowsPerLeafMin: 5 })
      const at = (...row: number[]) =>
        ensemble.trees.reduce((sum, tree) => sum + tree.leafValue[leafOf(tree, (column) => row[column]!)]!, 0)
      let turns = 0
      for (let other = 0; other <= 1; other += 0.1)
        for (let third = 0; third <= 1; third += 0.2)
          for (let x = 0; x < 1; x += 0.02) {
            if (at(x + 0.02, other, third) < at(x, other, third) - 1e-12) turns++
            if (at(other, x + 0.02, third) > at(other, x, third) + 1e-12) turns++
          }
      if (monotone) expect(turns).toBe(0)
      else expect(turns).toBeGreaterThan(50)
    }
})

test('a split against a monotone direction is not made', () => {
  const column = Array.from({ length: 60 }, (_, i) => i)
  const set = setOf(
    [column],
    column.map((x) => -x),
  )
  expect(train(set, { monotone: '+x0', rounds: 1 }).ensemble.trees[0]!.leafCount).toBe(1)
  expect(train(set, { monotone: '-x0', rounds: 1 }).ensemble.trees[0]!.leafCount).toBe(2)
})

test.each(['regression', 'binary', 'qlike', 'regression_l1', 'multiclass'])(
  '%s: a row of weight 3 is three rows',
  (objective) => {
    const random = new Random(12)
    const rows = 160
    const columns = Array.from({ length: 3 }, () => Array.from({ length: rows }, () => random.integer(0, 12)))
    const label = columns[0]!.map((x, i) => {
      const y = x - columns[1]![i]! + 5 * random.uniform()
      if (objective === 'binary') return y > 2 ? 1 : 0
      if (objective === 'multiclass') return y > 4 ? 2 : y > 0 ? 1 : 0
      return objective === 'qlike' ? Math.exp(y / 5) : y
    })
    const times = columns[0]!.map(() => random.integer(1, 3))
    const repeat = (values: readonly number[]) => values.flatMap((value, i) => Array<number>(times[i]!).fill(value))
    const given = {
      objective,
      rounds: 6,
      leaves: 6,
      rowsPerLeafMin: 1,
      minDataInBin: 1,
      hessianPerLeafMin: 2,
      classCount: objective === 'multiclass' ? 3 : 1,
    }
    const weighted = train(setOf(columns, label, { weight: Float64Array.from(times) }), given)
    const repeated = train(setOf(columns.map(repeat), repeat(label)), given)
    const set = setOf(columns, label)
    const [one, two] = [scores(weighted.ensemble, set), scores(repeated.ensemble, set)]
    expect(new Set(one).size).toBeGreaterThan(10)
    for (const [i, score] of one.entries()) expect(score).toBeCloseTo(two[i]!, 9)
  },
)

describe('stopping', () => {
  const noise = (seed: number, rows: number) => {
    const random = new Random(seed)
    const column = Array.from({ length: rows }, () => random.normal())
    return setOf(
      [column],
      column.map((x) => Math.sign(x) + 3 * random.normal()),
    )
  }

  test('early keeps the round of the least validation loss, ups and downs on the way notwithstanding', () => {
    const validation = noise(2, 500)
    const given = { rounds: 200, rowsPerLeafMin: 2, learningRate: 0.3, rowShare: 0.5 }
    let ups = 0
    for (let seed = 1; seed <= 8; seed++) {
      const stopped = train(noise(1, 300), { ...given, seed, earlyStopRounds: 7 }, { validation })
      const { ensemble, rounds, bestRound, validationLoss } = stopped
      expect(rounds).toBe(bestRound + 7)
      expect(rounds).toBeLessThan(200)
      expect(validationLoss).toHaveLength(rounds)
      expect(validationLoss.indexOf(Math.min(...validationLoss)) + 1).toBe(bestRound)
      expect(ensemble.trees).toHaveLength(bestRound)
      for (let i = bestRound + 1; i < rounds; i++) if (validationLoss[i]! < validationLoss[i - 1]!) ups++
    }
    expect(ups).toBeGreaterThan(0)
    const whole = train(noise(1, 300), { ...given, rounds: 40 }, { validation })
    expect(whole.ensemble.trees).toHaveLength(40)
    expect(whole.bestRound).toBeLessThan(40)
  })

  test('whoever watches may stop it', () => {
    const { rounds, ensemble } = train(noise(1, 300), { rounds: 50 }, { onRound: (round: number) => round < 4 })
    expect(rounds).toBe(4)
    expect(ensemble.trees).toHaveLength(4)
  })
})

describe('limits', () => {
  test('on depth, leaves and rows hold', () => {
    const set = market(6, 800, 'regression')
    const { ensemble } = train(set, { rounds: 5, leaves: 40, depthMax: 3, rowsPerLeafMin: 30 })
    for (const tree of ensemble.trees) {
      expect(tree.leafCount).toBeLessThanOrEqual(8)
      expect(Math.min(...tree.leafCounts)).toBeGreaterThanOrEqual(30)
      const depth = (child: number): number =>
        child < 0 ? 0 : 1 + Math.max(depth(tree.left[child]!), depth(tree.right[child]!))
      expect(depth(0)).toBeLessThanOrEqual(3)
    }
    const wide = train(set, { rounds: 1, leaves: 13, rowsPerLeafMin: 1 }).ensemble.trees[0]!
    expect(wide.leafCount).toBe(13)
  })

  test('a tree that may see few columns uses no other, and not always the same', () => {
    const { ensemble } = train(market(6, 800, 'regression'), { rounds: 20, featureShare: 0.2, rowsPerLeafMin: 5 })
    const used = ensemble.trees.map((tree) => new Set(tree.feature).size)
    expect(Math.max(...used)).toBeLessThanOrEqual(2)
    expect(new Set(ensemble.trees.flatMap((tree) => [...tree.feature])).size).toBeGreaterThan(5)
  })

  test('more bins than rows, one row, one column: all is well', () => {
    expect(train(setOf([[1]], [7])).ensemble.trees[0]!.leafValue[0]).toBe(7)
    expect(train(setOf([], [7, 9])).ensemble.trees[0]!.leafValue[0]).toBe(8)
  })
})

describe('nothing but data, settings and seed matters', () => {
  test('the same seed draws the same trees, another others', () => {
    const set = market(7, 600, 'binary')
    const given = { ...learnable('binary'), rowShare: 0.5, featureShare: 0.6 }
    const [one, two, other] = [1, 1, 2].map((seed) => train(set, { ...given, seed }).ensemble)
    expect(one).toEqual(two)
    expect(one).not.toEqual(other)
  })

  test.each(OBJECTIVES)('%s: both kernels grow identical trees', (objective) => {
    const plain = {
      takeMemory: (bytes: number) => ({ memory: newMemory(bytes, true), giveBack: () => {} }),
      histogramBytes: 2 ** 29,
    }
    for (const weighted of [false, true]) {
      const set = market(10, 400, objective, weighted)
      const settings = settingsOf({ ...learnable(objective), rounds: 5, rowShare: 0.8 })
      expect(fitTreesIn(plain, set, settings).ensemble).toEqual(fitTrees(set, settings).ensemble)
    }
  })

  test('trees are the same when histograms must be thrown away and counted again', () => {
    for (const objective of ['regression', 'binary']) {
      const set = market(11, 900, objective)
      const settings = settingsOf({ ...learnable(objective), leaves: 40, rowsPerLeafMin: 2 })
      const narrow = fitTreesIn({ takeMemory, histogramBytes: 0 }, set, settings)
      expect(narrow.ensemble).toEqual(fitTrees(set, settings).ensemble)
    }
  })

  test('a strictly increasing transform of the columns moves bounds, not trees', () => {
    const increasing: ((x: number) => number)[] = [(x) => Math.exp(x), (x) => x ** 3 + x, (x) => 1e6 * x - 5, Math.atan]
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1000 }), fc.constantFrom(...OBJECTIVES), (seed, objective) => {
        const set = market(seed, 300, objective)
        const moved: TrainingSet = {
          ...set,
          table: {
            ...set.table,
            columns: set.table.columns.map((column, i) =>
              i > 8 ? column : Float64Array.from(column, (x) => increasing[i % increasing.length]!(x)),
            ),
          },
        }
        const settings = settingsOf({ ...learnable(objective), rounds: 3 })
        const [one, two] = [fitTrees(set, settings).ensemble, fitTrees(moved, settings).ensemble]
        expect(shape(two)).toEqual(shape(one))
      }),
      { numRuns: 20 },
    )
  })

  test('32-bit figures are the doubles they stand for', () => {
    const set = market(13, 500, 'regression')
    const single: TrainingSet = {
      ...set,
      table: { ...set.table, columns: set.table.columns.map((column) => Float32Array.from(column)) },
    }
    const double: TrainingSet = {
      ...set,
      table: { ...set.table, columns: single.table.columns.map((column) => Float64Array.from(column)) },
    }
    expect(train(single).ensemble).toEqual(train(double).ensemble)
  })
})

describe('what must be refused', () => {
  const set = setOf([[1, 2, 3]], [1, 0, 1])
  test.each([
    ['a class of no number', setOf([[1, 2]], [0, 2]), { objective: 'multiclass', classCount: 2 }, 'table-invalid'],
    ['a binary label of 2', setOf([[1, 2]], [0, 2]), { objective: 'binary' }, 'table-invalid'],
    ['a negative variance', setOf([[1, 2]], [1, -1]), { objective: 'qlike' }, 'table-invalid'],
    ['nothing but zeros to take the logarithm of', setOf([[1, 2]], [0, 0]), { objective: 'poisson' }, 'table-invalid'],
    ['weights of 0 alone', { ...set, weight: new Float64Array(3) }, {}, 'table-invalid'],
    ['scores of another class', { ...set, initScore: new Float64Array(6) }, {}, 'table-invalid'],
    ['a score that is no number', { ...set, initScore: Float64Array.of(0, Number.NaN, 0) }, {}, 'table-invalid'],
    [
      'gradients beyond all numbers',
      { ...set, initScore: Float64Array.of(0, 800, 0) },
      { objective: 'poisson' },
      'table-invalid',
    ],
    ['a column of categories that is not there', setOf([[1, 2, 3]], [1, 0, 1], {}, [4]), {}, 'table-invalid'],
    ['a monotone column nobody knows', set, { monotone: '+x7' }, 'config-invalid'],
    ['a monotone column without a sign', set, { monotone: 'x0' }, 'config-invalid'],
    ['monotone medians', set, { monotone: '+x0', objective: 'regression_l1' }, 'config-invalid'],
    ['one class of many', set, { objective: 'multiclass' }, 'config-invalid'],
    ['a quantile above all', set, { objective: 'quantile', alpha: 1.5 }, 'config-invalid'],
  ] as const)('%s', (_, bad, given, code) => {
    expect(() => train(bad, given)).toThrow(expect.objectContaining({ code }))
  })

  test('validation rows of other columns', () => {
    const validation = { ...set, table: { ...set.table, names: ['y0'] } }
    expect(() => train(set, {}, { validation })).toThrow(expect.objectContaining({ code: 'schema-mismatch' }))
  })

  test('a table beyond 4 GB, before any memory is taken', () => {
    const rows = 250_000
    const large = setOf(
      [],
      Array.from({ length: rows }, (_, i) => i % 900),
    )
    const untaken = { takeMemory: () => expect.unreachable('memory was taken'), histogramBytes: 2 ** 20 }
    const settings = settingsOf({ objective: 'multiclass', classCount: 900 })
    expect(() => fitTreesIn(untaken, large, settings)).toThrow(expect.objectContaining({ code: 'table-too-large' }))
  })
})
