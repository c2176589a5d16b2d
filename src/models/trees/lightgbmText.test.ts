/**
 * Goal: models move between LightGBM and gimbal without loss, and no damaged file is taken for a model.
 *
 * Method: models LightGBM trained (tests/models/lightgbmCases.ts) are written back byte for byte; random trees survive
 * writing and reading; every kind of damage is refused by name, and arbitrary damage either is refused or leaves a whole model.
 */

import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { LIGHTGBM_CASES, lightgbmCase } from '../../../tests/models/lightgbmCases.ts'
import { randomEnsemble } from '../../../tests/models/randomTrees.ts'
import { GimbalError } from '../../core/errors.ts'
import { Random } from '../../core/random.ts'
import type { TreeEnsemble } from './ensemble.ts'
import { FlatPredictor } from './flatPredictor.ts'
import { readLightgbmModel, writeLightgbmModel } from './lightgbmText.ts'

test('there are models to compare with', () => {
  expect(LIGHTGBM_CASES.length).toBe(17)
})

test.each(LIGHTGBM_CASES)('$name: what LightGBM wrote is written back byte for byte', ({ model }) => {
  expect(writeLightgbmModel(readLightgbmModel(model))).toBe(model)
})

test.each(LIGHTGBM_CASES)('$name: importances counted here are those LightGBM counted', ({ model }) => {
  const read = readLightgbmModel(model)
  const { importances: _, ...without } = read
  expect(writeLightgbmModel(without)).toBe(model)
})

test('an ensemble without remarks is written, read and written the same, to the last bit of every figure', () => {
  fc.assert(
    fc.property(
      fc.integer(),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 3 }),
      (seed, leaves, classes) => {
        const shape = { columns: 4, trees: 2 * classes, leaves, splits: 'all', classCount: classes } as const
        const ensemble = randomEnsemble(new Random(seed), shape)
        const text = writeLightgbmModel(ensemble)
        const read = readLightgbmModel(text)
        // A tree of one leaf is written without its weight, as LightGBM does unless there is one.
        expect(read).toMatchObject(ensemble)
        expect(writeLightgbmModel(read)).toBe(text)
      },
    ),
    { numRuns: 60 },
  )
})

test('extreme figures keep every bit', () => {
  const values = [
    0,
    -0,
    5e-324,
    -1.7976931348623157e308,
    1e300,
    1e16,
    1e17,
    123456,
    1234567,
    1e6,
    0.0001,
    0.00001,
    1 / 3,
  ]
  for (const value of values) {
    const ensemble = randomEnsemble(new Random(1), { columns: 1, trees: 1, leaves: 2, splits: 'plain' })
    const tree = ensemble.trees[0]!
    tree.leafValue[0] = tree.threshold[0] = tree.gain[0] = tree.nodeValue[0] = value
    const [read] = readLightgbmModel(writeLightgbmModel(ensemble)).trees
    for (const figure of [read!.leafValue[0], read!.threshold[0], read!.gain[0], read!.nodeValue[0]])
      expect(Object.is(figure, value)).toBe(true)
  }
})

test('LightGBM is told the classes of multiclass and the slope of binary, also where they go without saying', () => {
  const shape = { columns: 2, trees: 2, leaves: 3, splits: 'plain' } as const
  const several = randomEnsemble(new Random(1), { ...shape, classCount: 2 })
  expect(writeLightgbmModel(several)).toContain('\nobjective=multiclass num_class:2\n')
  const binary = { ...randomEnsemble(new Random(1), shape), objective: 'binary' } as const
  expect(writeLightgbmModel(binary)).toContain('\nobjective=binary sigmoid:1\n')
})

test('a figure exactly between two of 17 digits is rounded to the even one, as C does', () => {
  const ensemble = randomEnsemble(new Random(1), { columns: 1, trees: 1, leaves: 2, splits: 'plain' })
  const tree = ensemble.trees[0]!
  tree.leafValue[0] = 95 + 0.9115142822265625
  tree.leafValue[1] = -95.5 - 0.4115142822265625 - 2 ** -30
  expect(writeLightgbmModel(ensemble)).toContain('leaf_value=95.911514282226562 -95.911514283157885\n')
})

test('a split of known from missing figures has an infinite threshold', () => {
  const { trees } = readLightgbmModel(lightgbmCase('missingOnly').model)
  expect(trees.some(({ threshold }) => threshold.includes(Number.POSITIVE_INFINITY))).toBe(true)
})

test('qlike is custom to LightGBM and qlike to us', () => {
  const ensemble: TreeEnsemble = {
    ...randomEnsemble(new Random(3), { columns: 2, trees: 1, leaves: 3, splits: 'plain' }),
    objective: 'qlike',
  }
  const text = writeLightgbmModel(ensemble)
  expect(text).toContain('\nobjective=custom\ngimbal_objective=qlike\n')
  expect(readLightgbmModel(text).objective).toBe('qlike')
})

test('parameters of objectives are kept', () => {
  expect(readLightgbmModel(lightgbmCase('binary').model).objectiveParameters).toEqual({ sigmoid: 1.5 })
  const quantile = lightgbmCase('quantile').model.replace('=quantile', '=quantile alpha:0.8')
  expect(readLightgbmModel(quantile).objectiveParameters).toEqual({ alpha: 0.8 })
  expect(readLightgbmModel(lightgbmCase('regressionSqrt').model).objectiveParameters).toEqual({ sqrt: 1 })
  expect(readLightgbmModel(lightgbmCase('multiclass').model)).toMatchObject({ classCount: 3, objective: 'multiclass' })
  expect(readLightgbmModel(lightgbmCase('randomForest').model).averaged).toBe(true)
  expect(readLightgbmModel(lightgbmCase('monotone').model).monotone).toEqual([0, 1, -1, 0, 0])
})

describe('what is refused, by line and field', () => {
  const { model } = lightgbmCase('categorical')
  const changes: [what: string, from: string | RegExp, to: string, field: string][] = [
    ['another version', 'version=v4', 'version=v2', 'version'],
    ['an objective we lack', 'objective=regression', 'objective=tweedie', 'objective'],
    ['a custom loss', 'objective=regression\n', '', 'objective'],
    ['an unknown parameter', 'objective=regression', 'objective=regression power:2', 'objective'],
    ['classes without multiclass', /(num_class|iteration)=1/g, '$1=2', 'objective'],
    ['a linear tree', 'is_linear=0', 'is_linear=1', 'is_linear'],
    ['a linear tree’s fields', 'is_linear=0', 'leaf_const=1\nis_linear=0', 'is_linear'],
    ['a name too few', 'feature_names=move ', 'feature_names=', 'feature_names'],
    ['a name twice', 'feature_names=move hour', 'feature_names=hour hour', 'feature_names'],
    ['a field missing', /leaf_value=.*\n/, '', 'leaf_value'],
    ['a field twice', 'num_cat=4\n', 'num_cat=4\nnum_cat=4\n', 'num_cat'],
    ['an unknown field', 'num_cat=4\n', 'num_cats=4\n', 'num_cats'],
    ['a figure too few', 'leaf_value=0.20728054350793373 ', 'leaf_value=', 'leaf_value'],
    ['a figure that is none', 'threshold=0 ', 'threshold=zero ', 'threshold'],
    ['a figure that is not finite', 'threshold=0 ', 'threshold=nan ', 'threshold'],
    ['a column that is not there', 'split_feature=1 ', 'split_feature=4 ', 'split_feature'],
    ['a node hanging twice', 'left_child=2 6', 'left_child=2 2', 'left_child'],
    ['a ring of nodes', 'right_child=1 3', 'right_child=3 1', 'left_child'],
    ['an unknown way with missing values', 'decision_type=9 1 1 2', 'decision_type=9 1 1 14', 'decision_type'],
    ['a set that is not there', 'threshold=0 1 2', 'threshold=9 1 2', 'threshold'],
    ['sets out of order', 'cat_boundaries=0 3 4', 'cat_boundaries=0 4 3', 'cat_boundaries'],
    ['sizes that are wrong', 'tree_sizes=9', 'tree_sizes=8', 'tree_sizes'],
    ['a tree less than said', / \d+\n\nTree=0/, '\n\nTree=0', 'end of trees'],
    ['an importance of no column', 'move=19', 'speed=19', 'feature_importances'],
    ['parameters without end', 'end of parameters\n', '', 'parameters'],
  ]
  test.each(changes)('%s', (_, from, to, field) => {
    const damaged = model.replace(from, to)
    expect(damaged).not.toBe(model)
    expect(() => readLightgbmModel(damaged)).toThrow(
      expect.objectContaining({
        code: 'model-invalid',
        facts: expect.objectContaining({ field, line: expect.any(Number) }),
      }),
    )
  })

  test('the line named is the line to look at', () => {
    const damaged = model.replace('leaf_count=36', 'leaf_count=x')
    const line = damaged.slice(0, damaged.indexOf('leaf_count=x')).split('\n').length
    expect(() => readLightgbmModel(damaged)).toThrow(
      expect.objectContaining({ facts: expect.objectContaining({ line }) }),
    )
  })

  test.each(['', 'tree', 'tree\n', '{"name":"tree"}\n', '\u0000'])('%j is no model', (text) => {
    expect(() => readLightgbmModel(text)).toThrow(expect.objectContaining({ code: 'model-invalid' }))
  })

  test('a figure that is none is not written, whoever made the tree', () => {
    const ensemble = randomEnsemble(new Random(1), { columns: 1, trees: 1, leaves: 2, splits: 'plain' })
    ensemble.trees[0]!.leafValue[0] = Number.NaN
    expect(() => writeLightgbmModel(ensemble)).toThrow(expect.objectContaining({ code: 'model-invalid' }))
  })

  test('names with white space cannot be written', () => {
    const ensemble = randomEnsemble(new Random(1), { columns: 1, trees: 1, leaves: 2, splits: 'plain' })
    expect(() => writeLightgbmModel({ ...ensemble, names: ['mid price'] })).toThrow(
      expect.objectContaining({ code: 'model-invalid' }),
    )
  })
})

describe('damage nobody thought of', () => {
  const models = ['regression', 'multiclass', 'categorical', 'stump'].map((name) => lightgbmCase(name).model)

  /** Whether a text is refused as it should be; anything else it does must leave a model that can be used. */
  function refused(text: string): boolean {
    try {
      const read = readLightgbmModel(text)
      new FlatPredictor(read).rawClasses(new Float64Array(read.names.length), new Float64Array(read.classCount))
      return false
    } catch (error) {
      if (error instanceof GimbalError && error.code === 'model-invalid') return true
      throw error
    }
  }

  test('a file cut off anywhere before the last remark is refused', () => {
    for (const model of models) {
      const end = model.indexOf('end of parameters')
      const importances = model.indexOf('\nfeature_importances:')
      for (let length = 0; length < end; length += 7) {
        // Cut off between two importances it is a whole file: LightGBM saves no other sections for a model it loaded.
        const text = model.slice(0, length)
        const whole = length > importances && /(=\d+|:)\n$/.test(text) && !text.includes('parameters:')
        expect([length, refused(text)]).toEqual([length, !whole])
      }
    }
  })

  test('swapped, doubled and dropped lines, changed characters', () => {
    const damage = fc.record({
      model: fc.constantFrom(...models),
      kind: fc.constantFrom('swap', 'double', 'drop', 'change'),
      at: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      other: fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true }),
      character: fc.constantFrom('0', '9', '-', ' ', '=', '\n', 'e', 'x', '\u0000', 'é'),
    })
    let refusals = 0
    fc.assert(
      fc.property(damage, ({ model, kind, at, other, character }) => {
        // Remarks hold no figures that decide anything: the damage is done to the header and the trees.
        const body = model.slice(0, model.indexOf('end of trees'))
        const lines = body.split('\n')
        const [a, b] = [Math.floor(at * lines.length), Math.floor(other * lines.length)] as [number, number]
        if (kind === 'swap') [lines[a], lines[b]] = [lines[b]!, lines[a]!]
        if (kind === 'double') lines.splice(b, 0, lines[a]!)
        if (kind === 'drop') lines.splice(a, 1)
        const place = Math.floor(at * body.length)
        const damaged = kind === 'change' ? body.slice(0, place) + character + body.slice(place + 1) : lines.join('\n')
        if (refused(damaged + model.slice(body.length))) refusals++
      }),
      { numRuns: 400 },
    )
    // Lines within a tree may come in any order, and another digit is another model: not all damage can be seen.
    expect(refusals).toBeGreaterThan(200)
  })
})
