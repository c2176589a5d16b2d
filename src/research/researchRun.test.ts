/**
 * Goal: research finds what is there and finds nothing where there is nothing.
 *
 * Method: a market whose variance one column knows before it happens, while its past says nothing, and the same market with
 * constant variance: the verdict on both, by the ordinary rules. Then what the answer promises of itself: that configurations
 * are chosen before anything is judged, that placebos know no more than the model, that everything follows from the seed.
 */

import { beforeAll, describe, expect, test } from 'vitest'
import { HORIZON_US, plantedMarket } from '../../tests/research/plantedMarket.ts'
import { completeDataset, type Dataset } from './dataset.ts'
import { DEFAULT_LEARNER, forecastRows, type LearnerSpec } from './forecastLearner.ts'
import { type QuestionResult, type ResearchPlan, researchQuestion } from './researchRun.ts'
import { labelsOf, walkOf } from './study.ts'
import { bestBaseline, judge } from './verdict.ts'

const quiet = async () => {}
const QUESTION = { quantity: 'variance', horizonUs: HORIZON_US } as const
const learner = (change: LearnerSpec['trees'], baseColumns: readonly string[] = []): LearnerSpec => ({
  ...DEFAULT_LEARNER,
  baseColumns,
  trees: { ...DEFAULT_LEARNER.trees, rounds: 60, learningRate: 0.1, rowsPerLeafMin: 30, featureShare: 1, ...change },
})
const PLAN: ResearchPlan = {
  firstShare: 0.4,
  windows: 3,
  slideShare: 0,
  configurations: [learner({}), learner({ leaves: 4 })],
  placebos: true,
  groups: 0,
  testGroups: 2,
  seed: 1,
}

function verdictOn(result: QuestionResult) {
  const { skill, placebos, overfitting } = result
  return judge({ skill: [skill], placebos, overfitting: [overfitting], leaks: [], backtests: [] })
}

/** The same market, moving 0.6 times as far once it is judged. */
function calmer(dataset: Dataset): Dataset {
  const { path } = dataset
  const price = path.price.slice()
  for (let i = 1; i < price.length; i++) {
    const moved = path.price[i]! / path.price[i - 1]!
    price[i] = price[i - 1]! * (i > 0.4 * price.length ? moved ** 0.6 : moved)
  }
  return completeDataset({ ...dataset, path: { ...path, price } })
}

const told = plantedMarket({ seed: 1, samples: 1000, told: 1 })
let found: QuestionResult

beforeAll(async () => {
  found = await researchQuestion(told, QUESTION, PLAN, quiet)
})

describe('a market that can be forecast', () => {
  test('is found to be one: every baseline is beaten by far', () => {
    const best = bestBaseline(found.skill)!
    expect(best.name).toBe(found.best)
    expect(best.dieboldMariano).toBeLessThan(-5)
    // The truth itself loses a tenth; the mean, which is the best of all that do not know, half a unit more.
    expect(found.skill.rows[0]!.loss).toBeLessThan(0.16)
    expect(best.loss).toBeGreaterThan(0.45)
    expect(found.overfitting!.spaConsistent).toBeLessThan(0.01)
    expect(found.unfitted).toEqual([])
  })

  test('shows what the forecast stands on, and that it is right where it is high and where it is low', () => {
    expect(found.importances[0]!.name).toBe('next')
    expect(found.importances[0]!.share).toBeGreaterThan(0.9)
    expect(found.importances.reduce((sum, { share }) => sum + share, 0)).toBeCloseTo(1, 9)
    const { bins, level, covered } = found.calibration
    expect(bins.reduce((sum, { count }) => sum + count, 0)).toBe(found.skill.samples)
    for (const { forecast, truth } of bins) expect(Math.abs(Math.log(truth / forecast))).toBeLessThan(0.35)
    expect(bins.at(-1)!.truth / bins[0]!.truth).toBeGreaterThan(10)
    expect(Math.abs(covered - level)).toBeLessThan(0.05)
  })

  test('does not let its placebos claim anything: what is learnt from other labels, or other times, loses', () => {
    expect(found.placebos.map(({ name }) => name)).toEqual(['labels permuted, variance', 'features shifted, variance'])
    for (const { claims, excess, dieboldMariano: t } of found.placebos) {
      expect(claims).toBe(false)
      expect(t).toBeGreaterThan(-1)
      expect(excess).toBeGreaterThan(-0.02)
    }
  })

  test('is written down with every configuration tried, the chosen one scored as judged', () => {
    expect(found.trials).toHaveLength(2)
    const chosen = found.trials.find(({ learner: each }) => each === found.chosen)!
    expect(chosen.score).toBeCloseTo(found.skill.rows[0]!.loss, 12)
    expect(PLAN.configurations).toContain(found.chosen)
  })

  test('is asked again with the same answer; another seed gives another', async () => {
    const short = plantedMarket({ seed: 2, samples: 620, told: 1 })
    const [a, b, c] = await Promise.all(
      [1, 1, 2].map((seed) => researchQuestion(short, QUESTION, { ...PLAN, seed }, quiet)),
    )
    const plain = (result: QuestionResult) => JSON.stringify(result)
    expect(plain(b!)).toBe(plain(a!))
    expect(plain(c!)).not.toBe(plain(a!))
  })

  test('is judged as it would have been at the time: a model of each window says the same of its samples alone', () => {
    const labels = labelsOf(told, 'variance', HORIZON_US)
    const windows = walkOf(told.timesUs, labels, PLAN)
    for (const [index, window] of windows.entries()) {
      const out = new Float64Array(told.timesUs.length)
      forecastRows(found.walk.fits[index]!, told.table, window.test, out)
      for (const row of window.test) expect(out[row]).toBe(found.walk.forecast[row])
    }
  })
})

describe('a market grown calmer since', () => {
  test('lends its placebo no skill: a lower level, met by chance, is none', async () => {
    for (const seed of [1, 8]) {
      const { placebos } = await researchQuestion(
        calmer(plantedMarket({ seed, samples: 700, told: 1 })),
        QUESTION,
        { ...PLAN, configurations: [learner({}, ['next'])], seed },
        quiet,
      )
      // Judged against the mean of what was learnt from, as it stands, the first has t of −5.9 and the last of −6.5.
      for (const { dieboldMariano: t } of placebos) expect(t).toBeGreaterThan(-1.65)
    }
  })
})

describe('a market that cannot be forecast', () => {
  test('is found to be one, and its placebos are as good as the study', async () => {
    for (const seed of [1, 2, 3]) {
      const result = await researchQuestion(plantedMarket({ seed, samples: 700, told: 0 }), QUESTION, PLAN, quiet)
      expect(verdictOn(result).finding).toBe('no-edge')
      expect(bestBaseline(result.skill)!.dieboldMariano).toBeGreaterThan(-1.65)
    }
  })
})

describe('what is judged', () => {
  const spoil = (dataset: Dataset, fromUs: number): Dataset =>
    completeDataset({
      ...dataset,
      path: {
        ...dataset.path,
        price: dataset.path.price.map((price, i) =>
          dataset.path.startUs + i * dataset.path.stepUs > fromUs ? price ** (1 + 0.01 * Math.sin(i * i)) : price,
        ),
      },
    })

  test('does not choose the configuration: another future, the same choice', async () => {
    // Without anything to learn from the one, or from the other, which of two is better is clear.
    const market = plantedMarket({ seed: 4, samples: 620, told: 1 })
    const plan = {
      ...PLAN,
      placebos: false,
      configurations: [learner({ rounds: 1 }), learner({}), learner({ rounds: 2 })],
    }
    const first = walkOf(market.timesUs, labelsOf(market, 'variance', HORIZON_US), plan)[0]!
    for (const dataset of [market, spoil(market, first.trainedUs)]) {
      const { chosen, walk } = await researchQuestion(dataset, QUESTION, plan, quiet)
      expect(chosen).toBe(plan.configurations[1])
      expect(walk.fits[0]!.trained).toBeLessThanOrEqual(first.train.length)
    }
  })

  test('may be interrupted between any two fits, by whoever is told of progress', async () => {
    const said: string[] = []
    const stop = researchQuestion(plantedMarket({ seed: 4, samples: 620, told: 1 }), QUESTION, PLAN, async (text) => {
      said.push(text)
      if (said.length === 4) throw new Error('enough')
    })
    await expect(stop).rejects.toThrow('enough')
    expect(said).toHaveLength(4)
  })

  test('is compared along other histories with the start alone, where they are asked for', async () => {
    const plan = { ...PLAN, configurations: [learner({}, ['noise-0'])], placebos: false, groups: 4 }
    const { paths, overfitting, trials } = await researchQuestion(
      plantedMarket({ seed: 5, samples: 620, told: 1 }),
      QUESTION,
      plan,
      quiet,
    )
    expect([paths!.groups, paths!.testGroups, paths!.excess.length]).toEqual([4, 2, 3])
    for (const excess of paths!.excess) expect(excess).toBeLessThan(-0.5)
    expect([overfitting, trials.length]).toEqual([null, 1])
  })
})

describe('placebos', () => {
  test('of labels learn nothing of the span they are judged on: a future level they never saw is missed', async () => {
    // Calm while the first window learns, then a hundred times the variance: a placebo that met it would be a hundred times off
    // the past.
    const market = plantedMarket({ seed: 6, samples: 620, told: 0 })
    const labels = labelsOf(market, 'variance', HORIZON_US)
    const plan = { ...PLAN, windows: 1, configurations: [learner({})] }
    const { trainedUs } = walkOf(market.timesUs, labels, plan)[0]!
    let log = 0
    const wild = market.path.price.map((price, i, all) => {
      const step = i === 0 ? 0 : Math.log(price / all[i - 1]!)
      log += (market.path.startUs + i * market.path.stepUs > trainedUs ? 10 : 1) * step
      return 1000 * Math.exp(log)
    })
    const { placebos, skill } = await researchQuestion(
      completeDataset({ ...market, path: { ...market.path, price: wild } }),
      QUESTION,
      plan,
      quiet,
    )
    expect(skill.rows.find(({ name }) => name === 'mean')!.loss).toBeGreaterThan(50)
    // As far off as the mean, which knows the same past.
    expect(Math.abs(placebos[0]!.excess)).toBeLessThan(0.3)
  })

  test('that cannot be run say why and claim nothing', async () => {
    // A column that is missing for a while, and barely enough samples held back: a block of those that are missing,
    // moved among them, leaves too few.
    const market = plantedMarket({ seed: 7, samples: 620, told: 1 })
    const columns = market.table.columns.map((column, at) =>
      at === 0 ? Float64Array.from(column, (value, i) => (i >= 445 && i < 495 ? Number.NaN : value)) : column,
    )
    const dataset = completeDataset({ ...market, table: { ...market.table, columns } })
    const reasons: string[] = []
    for (let seed = 1; seed <= 6 && reasons.length === 0; seed++) {
      const plan = {
        ...PLAN,
        seed,
        windows: 1,
        configurations: [{ ...learner({ rounds: 2 }, ['next']), validationShare: 0.13 }],
      }
      const { placebos } = await researchQuestion(dataset, QUESTION, plan, quiet)
      for (const { doc, dieboldMariano: t, claims } of placebos) {
        if (!Number.isNaN(t)) continue
        expect(claims).toBe(false)
        reasons.push(doc)
      }
    }
    expect(reasons[0]).toMatch(/^features of other times.*it could not be run: Too few/)
  })

  test('of features do not learn the hour of a market that follows it', async () => {
    // Days of 24 samples; the variance rises and falls with the hour, which two columns tell.
    const market = plantedMarket({ seed: 8, samples: 720, told: 0, noise: 1 })
    const turn = (sample: number) => (2 * Math.PI * sample) / 24
    let log = 0
    const price = market.path.price.map((price, i, all) => {
      const step = i === 0 ? 0 : Math.log(price / all[i - 1]!)
      log += Math.exp(Math.sin(turn(Math.floor((i - 1) / 10)))) * step
      return 1000 * Math.exp(log)
    })
    const columns = [Math.sin, Math.cos].map((wave) => market.timesUs.map((_, i) => wave(turn(i))))
    const dataset = completeDataset({ ...market, table: { ...market.table, columns }, path: { ...market.path, price } })
    const clock = learner({ rounds: 0 }, market.table.names)
    for (let seed = 1; seed <= 2; seed++) {
      const plan = { ...PLAN, seed, windows: 2, configurations: [clock] }
      const { placebos, skill } = await researchQuestion(dataset, QUESTION, plan, quiet)
      expect(bestBaseline(skill)!.dieboldMariano).toBeLessThan(-2.5)
      expect(placebos[1]!.name).toContain('features shifted')
      expect(placebos[1]!.dieboldMariano).toBeGreaterThan(0)
    }
  })

  test('of labels claim nothing where a column tells much: a slope given by chance is not rewarded', async () => {
    for (let seed = 1; seed <= 8; seed++) {
      const market = plantedMarket({ seed, samples: 620, told: 1 })
      const plan = { ...PLAN, seed, windows: 2, configurations: [learner({ rounds: 0 }, ['next'])] }
      const { placebos } = await researchQuestion(market, QUESTION, plan, quiet)
      expect(placebos[0]!.dieboldMariano).toBeGreaterThan(-2.5)
    }
  })
})
