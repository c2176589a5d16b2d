/**
 * Goal: grown in LightGBM's manner trees are LightGBM's, chance included; in our own, rows and columns get fair shares.
 *
 * Method: models LightGBM grew on shares of rows and columns (fixtures/draws, made by bench/peers/lightgbm/fixtures.py) are
 * grown again here, split for split and threshold for threshold to the bit, from the same figures and seed.
 */

import { readFileSync } from 'node:fs'
import { expect, test } from 'vitest'
import { readSettings, type SettingValue } from '../../core/settings.ts'
import type { TrainingSet } from '../learner.ts'
import { LightgbmDraws, lightgbmSeeds, OwnDraws } from './draws.ts'
import type { TreeEnsemble } from './ensemble.ts'
import { fitTrees, fitTreesIn } from './fitTrees.ts'
import { takeMemory } from './kernelMemory.ts'
import { readLightgbmModel } from './lightgbmText.ts'
import { TREE_SETTINGS, type TreeSettings } from './treeSettings.ts'

interface Fixture {
  readonly columns: number
  readonly categorical: readonly number[]
  /** Levels, column by column, a byte each; 255 is missing, and the ninth column counts eighths from 30. */
  readonly figures: string
  /** Whole numbers of 16 bits. */
  readonly labels: string
  readonly fits: readonly { rows: number; parameters: Record<string, SettingValue>; model: string }[]
}

const fixture = JSON.parse(readFileSync(new URL('./fixtures/draws/cases.json', import.meta.url), 'utf8')) as Fixture

/** Our names of LightGBM's parameters. */
const NAMES: Readonly<Record<string, keyof TreeSettings>> = {
  objective: 'objective',
  num_class: 'classCount',
  num_leaves: 'leaves',
  max_depth: 'depthMax',
  learning_rate: 'learningRate',
  min_data_in_leaf: 'rowsPerLeafMin',
  min_sum_hessian_in_leaf: 'hessianPerLeafMin',
  cat_smooth: 'categorySmooth',
  min_data_in_bin: 'minDataInBin',
  max_bin: 'bins',
  bagging_fraction: 'rowShare',
  bagging_freq: 'rowShareEvery',
  feature_fraction: 'featureShare',
  feature_fraction_bynode: 'featureShareNode',
  seed: 'seed',
}

function setOf(rows: number, objective: string): TrainingSet {
  const bytes = Buffer.from(fixture.figures, 'base64')
  const each = bytes.length / fixture.columns
  const labels = Buffer.from(fixture.labels, 'base64')
  const label = Float64Array.from({ length: rows }, (_, row) => labels.readInt16LE(2 * row))
  const targets: Record<string, (y: number) => number> = {
    regression: (y) => y,
    binary: (y) => Number(y > 60),
    multiclass: (y) => Number(y >= 40) + Number(y >= 75),
  }
  return {
    table: {
      rows,
      names: Array.from({ length: fixture.columns }, (_, column) => `Column_${column}`),
      columns: Array.from({ length: fixture.columns }, (_, column) =>
        Float64Array.from(bytes.subarray(column * each, column * each + rows), (level) => {
          if (level === 255) return NaN
          return column === 8 ? (level - 30) / 8 : level
        }),
      ),
      categorical: fixture.categorical,
    },
    label: label.map(targets[objective]!),
  }
}

function settingsOf(parameters: Readonly<Record<string, SettingValue>>, more: Record<string, SettingValue> = {}) {
  const ours = Object.entries(parameters).map(([name, value]) => [NAMES[name], value])
  return readSettings('trees', TREE_SETTINGS, { ...Object.fromEntries(ours), rounds: 8, manner: 'lightgbm', ...more })
}

/** What was split where, and how many rows came to each leaf. */
function splits({ trees }: TreeEnsemble) {
  return trees.map(({ feature, threshold, leafCounts }) => ({
    feature: [...feature],
    threshold: [...threshold],
    leafCounts: [...leafCounts],
  }))
}

const named = fixture.fits.map((fit) => ({
  ...fit,
  name: Object.entries(fit.parameters)
    .filter(([name]) => /fraction|freq|objective|seed/.test(name))
    .map((entry) => entry.join('='))
    .join(' '),
}))

test.each(named)('LightGBM grew these very trees: $name', ({ rows, parameters, model }) => {
  const theirs = readLightgbmModel(model)
  expect(theirs.trees.length).toBe(8 * Number(parameters['num_class'] ?? 1))
  expect(theirs.trees.every((tree) => tree.leafCount > 2)).toBe(true)
  const set = setOf(rows, String(parameters['objective']))
  const ours = fitTrees(set, settingsOf(parameters)).ensemble
  expect(splits(ours)).toEqual(splits(theirs))
  // LightGBM's gradients are 32-bit floats, ours are not: leaves agree to as many digits.
  for (const [number, { leafValue }] of ours.trees.entries())
    for (const [leaf, value] of leafValue.entries()) {
      const other = theirs.trees[number]!.leafValue[leaf]!
      expect(Math.abs(value - other)).toBeLessThan(2e-5 * Math.max(1e-3, Math.abs(other)))
    }
  // In our own manner they are others: it was not that none of it matters.
  expect(splits(fitTrees(set, settingsOf(parameters, { manner: 'gimbal' })).ensemble)).not.toEqual(splits(theirs))
})

test('the cases leave columns out and draw by every rule', () => {
  const used = (parameter: string) =>
    fixture.fits.filter(({ parameters }) => parameters[parameter] !== undefined).length
  for (const parameter of ['bagging_fraction', 'feature_fraction', 'feature_fraction_bynode'])
    expect(used(parameter)).toBeGreaterThan(2)
})

test.each(['gimbal', 'lightgbm'])('%s: nodes draw the same columns when histograms must be counted again', (draws) => {
  const { rows, parameters } = named[2]!
  const set = setOf(rows, 'regression')
  const settings = settingsOf(parameters, { manner: draws, leaves: 30, rowsPerLeafMin: 20 })
  expect(fitTreesIn({ takeMemory, histogramBytes: 0 }, set, settings).ensemble).toEqual(
    fitTrees(set, settings).ensemble,
  )
})

test.each(named)("seeds derived are those LightGBM's model lists: $parameters.seed", ({ parameters, model }) => {
  const listed = (name: string) => Number(model.match(new RegExp(`\\[${name}: (-?\\d+)\\]`))![1])
  const derived = { bagging: listed('bagging_seed'), features: listed('feature_fraction_seed') }
  expect(lightgbmSeeds(Number(parameters['seed']))).toEqual(derived)
})

test('a seed LightGBM cannot be given is refused', () => {
  const shares = { rowShare: 0.5, rowShareEvery: 1, featureShare: 1, featureShareNode: 1 }
  for (const seed of [0.5, 2 ** 31, Number.NaN])
    expect(() => new LightgbmDraws({ ...shares, seed }, 10, new Int32Array(2))).toThrow(
      expect.objectContaining({ code: 'config-invalid' }),
    )
})

test('a table no column of which can be split is learnt from all the same', () => {
  const rows = 50
  const table = {
    rows,
    names: ['one', 'none'],
    columns: [new Float64Array(rows).fill(1), new Float64Array(rows).fill(NaN)],
  }
  const label = Float64Array.from({ length: rows }, (_, row) => row % 2)
  const given = { manner: 'lightgbm', featureShare: 0.5, featureShareNode: 0.5, rowShare: 0.5, rounds: 3 }
  const { ensemble } = fitTrees({ table, label }, readSettings('trees', TREE_SETTINGS, given))
  expect(ensemble.trees.map(({ leafValue }) => [...leafValue])).toEqual([[0.5]])
})

test.each(['gimbal', 'lightgbm'])('%s: every row and column comes up as often as its share says', (draws) => {
  const [rows, features, rounds] = [3000, 40, 300]
  const shares = { rowShare: 0.3, rowShareEvery: 1, featureShare: 0.5, featureShareNode: 0.2, seed: 5 }
  const all = Int32Array.from({ length: features }, (_, feature) => feature)
  const drawing = draws === 'gimbal' ? new OwnDraws(shares, rows, features) : new LightgbmDraws(shares, rows, all)
  const seen = new Float64Array(rows)
  const used = new Float64Array(features)
  const atNodes = new Float64Array(features)
  for (let round = 0; round < rounds; round++) {
    for (const row of drawing.rows(round)!) seen[row]!++
    const columns = drawing.columns(round, 0)
    for (const column of columns) used[column]!++
    for (let node = 0; node < 10; node++)
      for (const column of drawing.nodeColumns!()) {
        expect(columns).toContain(column)
        atNodes[column]!++
      }
  }
  const mean = (counts: Float64Array) => counts.reduce((sum, count) => sum + count, 0) / counts.length
  expect(mean(seen) / rounds).toBeCloseTo(0.3, 2)
  expect(mean(used) / rounds).toBeCloseTo(0.5, 2)
  expect(mean(atNodes) / (10 * rounds)).toBeCloseTo(0.1, 2)
  // Five deviations of a binomial draw; nodes of a tree share its columns, so that trees are what counts.
  const within = (counts: Float64Array, times: number, share: number) => {
    const margin = 5 * Math.sqrt(times * share * (1 - share))
    for (const count of counts) expect(Math.abs(count - times * share)).toBeLessThan(margin)
  }
  within(seen, rounds, 0.3)
  within(used, rounds, 0.5)
})
