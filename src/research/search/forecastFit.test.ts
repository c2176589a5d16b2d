/**
 * Goal: a search for a learner scores it on what it had not learnt from, and sees nothing of the span it will be judged on.
 *
 * Method: a market in which one column knows the variance that comes; what lies beyond the share that may be seen is changed
 * beyond recognition, and no score may change; a learner that is told the column scores as the truth does.
 */

import { describe, expect, test } from 'vitest'
import { HORIZON_US, plantedMarket, START_US } from '../../../tests/research/plantedMarket.ts'
import { Random } from '../../core/random.ts'
import { qlike } from '../../models/volatility/qlike.ts'
import { completeDataset, type Dataset } from '../dataset.ts'
import { DEFAULT_LEARNER } from '../forecastLearner.ts'
import { labelsOf, walkOf } from '../study.ts'
import { FORECAST_FIT, LEARNER_SPACE, learnerOf } from './forecastFit.ts'
import { randomSearch } from './randomSearch.ts'
import { requireConfiguration } from './searchSpace.ts'

const FIXED = { quantity: 'variance', horizonUs: HORIZON_US, baseColumns: 'next', share: 0.5, folds: 4, rounds: 15 }
const market = plantedMarket({ seed: 1, samples: 600, told: 1 })

async function score(dataset: Dataset, change: Record<string, string | number> = {}, seed = 1) {
  const configuration = { ...FIXED, rowsPerLeafMin: 20, ...change }
  const task = {
    search: 's',
    number: 0,
    evaluator: 'forecast-fit',
    configuration,
    seed,
    dataHash: dataset.hash,
    version: '0',
  }
  return FORECAST_FIT.evaluate(task, () => dataset)
}

/** The dataset with other prices from a time on, and other figures of the samples taken then. */
function spoilt(dataset: Dataset, fromUs: number): Dataset {
  const random = new Random(9)
  const { path, timesUs, table } = dataset
  return completeDataset({
    ...dataset,
    path: {
      ...path,
      price: path.price.map((price, i) =>
        path.startUs + i * path.stepUs > fromUs ? price * Math.exp(random.normal()) : price,
      ),
    },
    table: {
      ...table,
      columns: table.columns.map((column) =>
        Float64Array.from(column, (value, i) => (timesUs[i]! > fromUs ? 100 * random.normal() : value)),
      ),
    },
  })
}

describe('a trial', () => {
  test('sees nothing after the share of the time that may be seen', async () => {
    const untilUs = START_US + 0.5 * 599 * HORIZON_US
    expect(await score(spoilt(market, untilUs))).toEqual(await score(market))
    expect(await score(spoilt(market, untilUs - 2 * HORIZON_US))).not.toEqual(await score(market))
  })

  test('of samples that come in bursts sees no sample the walk judges', async () => {
    // Half of the samples lie in the first fifth of the time.
    const burst = market.timesUs.map((_, i) => START_US + (i < 300 ? i * 1e6 : 300e6 + (i - 300) * 4e6))
    const dataset = { ...market, timesUs: burst }
    const labels = labelsOf(dataset, 'variance', HORIZON_US)
    const [window] = walkOf(burst, labels, { firstShare: 0.8, windows: 2, slideShare: 0 })
    const judgedUs = burst[window!.test[0]!]!
    const [all, changed] = [dataset, spoilt(dataset, judgedUs)]
    expect(await score(changed, { share: 0.8 })).toEqual(await score(all, { share: 0.8 }))
  })

  test('scores a learner that is told near the truth, one that is not far above, by the same folds', async () => {
    const told = await score(market)
    const blind = await score(market, { baseColumns: '', featureShare: 0.01 })
    // Ten squared draws: ψ-terms of a chi-squared of ten degrees, 0.1, is what is left of the loss for the truth itself.
    expect(told.score).toBeLessThan(0.13)
    expect(blind.score).toBeGreaterThan(0.4)
    // The last label of the half would reach beyond it.
    expect(told.metrics['judged']).toBe(299)
  })

  test('pays for what it does not answer as the walk does, and not for the time before columns are known', async () => {
    const name = market.table.names.indexOf('next')
    const silent = (from: number, to: number) =>
      completeDataset({
        ...market,
        table: {
          ...market.table,
          columns: market.table.columns.map((column, i) =>
            i === name
              ? Float64Array.from(column, (value, row) => (row >= from && row < to ? Number.NaN : value))
              : column,
          ),
        },
      })
    const change = { rounds: 0 }
    const whole = await score(market, change)
    const hole = await score(silent(100, 105), change)
    expect([whole.metrics['judged'], hole.metrics['judged']]).toEqual([299, 299])
    // Five of 299 cost as much as forecasts ten times too low.
    const paid = 5 * qlike(1, 0.1)
    expect(299 * hole.score! - paid).toBeGreaterThan(0.9 * 294 * whole.score!)
    expect(299 * hole.score! - paid).toBeLessThan(1.1 * 294 * whole.score!)
    const late = await score(silent(0, 5), change)
    expect(late.metrics['judged']).toBe(294)
    expect(late.score!).toBeLessThan(1.2 * whole.score!)
  })

  test('is a pure function of configuration, seed and data', async () => {
    expect(await score(market)).toEqual(await score(market))
    expect(await score(market, {}, 2)).not.toEqual(await score(market))
  })

  test('whose data hold too little is refused', async () => {
    const short = plantedMarket({ seed: 1, samples: 120, told: 1 })
    await expect(score(short)).rejects.toThrow(expect.objectContaining({ code: 'table-invalid' }))
  })
})

test('every point of the space is a learner, with what is fixed beside it', () => {
  const proposer = randomSearch(LEARNER_SPACE, 1)
  for (let number = 0; number < 30; number++) {
    const drawn = proposer.propose(number, [], [])
    requireConfiguration(LEARNER_SPACE, drawn)
    const { trees, ridge, baseColumns, ...rest } = learnerOf({ ...FIXED, ...drawn, baseColumns: 'a b' })
    const { ridge: _ridge, ...settings } = drawn
    expect(baseColumns).toEqual(['a', 'b'])
    expect(ridge).toBe(drawn['ridge'])
    expect(trees).toEqual({ ...DEFAULT_LEARNER.trees, ...settings, rounds: 15 })
    expect(rest).toEqual({ validationShare: DEFAULT_LEARNER.validationShare, level: DEFAULT_LEARNER.level })
  }
})
