/**
 * Goal: what is traded is what was judged: the files that research makes say, inside a run, what its walk-forward said, and what
 * its regimes said, to the last bit; nothing in them knows what was judged.
 *
 * Method: a study of fifty-five minutes of the generated market with few features; its models through a forecast desk over the same
 * tape, sample against sample.
 */

import { beforeAll, describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { HiddenMarkovFilter } from '../features/regimeFilter.ts'
import { MarketState } from '../market/marketState.ts'
import { MergedTape } from '../market/tape.ts'
import { type Artifact, ArtifactForecaster, artifactText, parseArtifact } from '../models/artifact.ts'
import { ForecastDesk } from '../models/forecastDesk.ts'
import type { Dataset } from '../research/dataset.ts'
import { DEFAULT_LEARNER } from '../research/forecastLearner.ts'
import { type QuestionResult, researchQuestion } from '../research/researchRun.ts'
import { judgedFromUs } from '../research/study.ts'
import { startColumns } from './researchJob.ts'
import { finalModel, modelName, trainingsOf, walkModelOf } from './researchModels.ts'
import { openStudyData, type StudyData } from './studyData.ts'
import {
  type FittedRegimes,
  fitRegimes,
  recordWithRegimes,
  type TurbulenceModels,
  turbulenceModels,
  turbulenceNote,
} from './studyRegimes.ts'
import { Terminal } from './terminal.ts'

class Quiet extends Terminal {
  override notice(): void {}
  override progress(): void {}
}

const FIRST_SHARE = 0.65
const SEED = 3
const QUESTION = { quantity: 'variance', horizonUs: 10e6 } as const

let study: StudyData
let dataset: Dataset
let regimes: FittedRegimes
let result: QuestionResult
let walked: Artifact
let turbulence: TurbulenceModels

beforeAll(async () => {
  const options = { instrument: [], seed: String(SEED), minutes: '55', feature: [] }
  const only = 'har-ladder,ewma-variance,regime'
  const terminal = new Quiet(false)
  study = await openStudyData(terminal, options)
  const recorded = await recordWithRegimes(
    terminal,
    study,
    { ...options, only },
    { samplingUs: 4e6, stepUs: 1e6, horizonUs: QUESTION.horizonUs },
    { firstShare: FIRST_SHARE, seed: SEED },
    new AbortController().signal,
  )
  dataset = recorded!.dataset
  regimes = recorded!.regimes!
  const baseColumns = startColumns(QUESTION, dataset.table.names)
  const trees = { ...DEFAULT_LEARNER.trees, rounds: 20, leaves: 4, rowsPerLeafMin: 20 }
  const plan = { firstShare: FIRST_SHARE, windows: 3, slideShare: 0, placebos: false, groups: 0, testGroups: 2 }
  result = await researchQuestion(
    dataset,
    QUESTION,
    { ...plan, configurations: [{ ...DEFAULT_LEARNER, trees, baseColumns }], seed: SEED },
    async () => {},
  )
  turbulence = await turbulenceModels(dataset, regimes, trainingsOf(result), SEED, 'research', async () => {})
  walked = walkModelOf(dataset, result, { seed: SEED, madeBy: 'research-walk', parents: [turbulence.walk.id] })
}, 60_000)

/** What models say over the study's tape: for each, value by time of the sample. */
function said(...artifacts: Artifact[]): Map<number, number>[] {
  const { universe, inputs } = study.data
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const files = artifacts.map((artifact) => parseArtifact(artifactText(artifact), 'file'))
  const desk = new ForecastDesk(
    files.map((file) => new ArtifactForecaster(file)),
    universe,
    markets,
  )
  const found = artifacts.map(() => new Map<number, number>())
  const keep = () => {
    for (const { model, timeUs, value } of desk.fresh) found[model]!.set(timeUs, value)
  }
  const tape = new MergedTape(inputs())
  while (tape.advance()) {
    const { batch, row, instrument, timeUs } = tape
    if (desk.sampleDue(timeUs - 1)) keep()
    markets[instrument]!.apply(batch, row, timeUs)
    if (desk.onRow(batch, row, instrument, timeUs)) keep()
  }
  tape.close()
  return found
}

test('a run hears of each sample what the walk-forward was judged by there, and of its regimes what was recorded', () => {
  const [variance, probability] = said(walked, turbulence.walk) as [Map<number, number>, Map<number, number>]
  const { walk } = result
  const expected = (timeUs: number) => walk.forecast[dataset.timesUs.indexOf(timeUs)]!
  const firstUs = walk.windows[0]!.trainedUs
  let heard = 0
  for (const [timeUs, value] of variance) {
    const row = dataset.timesUs.indexOf(timeUs)
    expect(row, `a sample at ${timeUs}`).toBeGreaterThanOrEqual(0)
    if (timeUs < firstUs) expect(value).toBeNaN()
    // The last samples have no label, and so are in no window; the model answers them like any others.
    else if (result.labels.label[row]! > 0) {
      expect(value, `at ${timeUs}`).toBe(expected(timeUs))
      if (value > 0) heard++
    }
  }
  expect(heard).toBeGreaterThan(250)
  // Of the first fit what was recorded with it; of each later one what its own filter makes of the whole past.
  const column = dataset.table.columns[dataset.table.names.indexOf('regime/state-3')]!
  const fits = trainingsOf(result).map((fromUs) => ({ fromUs, turbulent: filtered(fromUs) }))
  const compared = fits.map(() => 0)
  for (const [timeUs, value] of probability) {
    const at = fits.findLastIndex(({ fromUs }) => fromUs <= timeUs)
    if (at < 0) expect(value, `at ${timeUs}`).toBeNaN()
    const row = dataset.timesUs.indexOf(timeUs)
    if (at === 0 && row >= 0) expect(value, `at ${timeUs}`).toBe(column[row])
    const expected = fits[at]?.turbulent.get(timeUs)
    if (expected === undefined) continue
    expect(Math.abs(value - expected), `at ${timeUs}`).toBeLessThan(1e-6)
    compared[at]!++
  }
  for (const each of compared) expect(each).toBeGreaterThan(20)
})

/** Probability of turbulence by time, from a filter of its own fitted to what was known before a moment. */
function filtered(fromUs: number): Map<number, number> {
  const { path } = dataset
  const { parameters } = fitRegimes(path, fromUs - 1, regimes.stepUs, SEED)!
  const filter = new HiddenMarkovFilter(parameters)
  const found = new Map<number, number>()
  const every = regimes.stepUs / path.stepUs
  // The engine's clock ticks at whole multiples of the step.
  const first = (regimes.stepUs - (path.startUs % regimes.stepUs)) / path.stepUs
  for (let at = first + every; at < path.points; at += every) {
    filter.update(Math.log(path.price[at]! / path.price[at - every]!))
    found.set(path.startUs + at * path.stepUs, filter.probabilities[2]!)
  }
  return found
}

describe('the fits of a walk', () => {
  test('answer from when they were trained, later than everything they learnt from was known', () => {
    const { model } = walked
    expect(model.kind).toBe('sequence')
    if (model.kind !== 'sequence') return
    expect(model.steps.map(({ fromUs }) => fromUs)).toEqual(result.walk.windows.map(({ trainedUs }) => trainedUs))
    for (const [index, { fromUs, learnt }] of model.steps.entries()) {
      const { train } = result.walk.windows[index]!
      const ends = Array.from(train, (row) => result.labels.endsUs[row]!)
      expect(learnt.knownUs).toBe(ends.reduce((a, b) => Math.max(a, b)))
      expect(learnt.knownUs).toBeLessThan(fromUs)
      expect(fromUs).toBeLessThanOrEqual(dataset.timesUs[result.walk.windows[index]!.test[0]!]!)
    }
    expect(walked.trained.toUs).toBe(model.steps.at(-1)!.learnt.toUs)
    expect(walked.metrics[0]).toMatchObject({ name: 'qlike', value: result.skill.rows[0]!.loss })
  })

  test('are another model than the one fitted to everything, under another name, of the same parents', () => {
    const final = finalModel(dataset, result, { seed: SEED, madeBy: 'research', parents: walked.parents })
    const trained = finalModel(dataset, result, { seed: SEED, madeBy: 'train', parents: walked.parents })
    const names = [final, trained, walked, turbulence.final, turbulence.walk].map(({ name }) => name)
    const target = 'eth-usdc-perp@generated-north'
    expect(names).toEqual([
      `${target}-variance-10s-research`,
      `${target}-variance-10s-train`,
      `${target}-variance-10s-research-walk`,
      `${target}-turbulence-10s-research`,
      `${target}-turbulence-10s-research-walk`,
    ])
    expect(walked.parents).toEqual([turbulence.walk.id])
    expect(final.trained.toUs).toBeGreaterThan(walked.trained.toUs)
  })

  test('no two targets, quantities, horizons or makers share a name', () => {
    const names = ['A-PERP@x', 'A-PERP@y', 'A@x'].flatMap((target) =>
      (['variance', 'turbulence'] as const).flatMap((quantity) =>
        [60e6, 3600e6, 1e6].flatMap((horizonUs) =>
          (['research', 'research-walk', 'train'] as const).map((madeBy) =>
            modelName(target, { quantity, horizonUs }, madeBy),
          ),
        ),
      ),
    )
    expect(new Set(names).size).toBe(names.length)
  })
})

describe('regimes', () => {
  test('are fitted to what was known before any sample is judged: what comes later changes nothing', () => {
    const untilUs = judgedFromUs(dataset.timesUs, FIRST_SHARE) - 1
    expect(regimes.untilUs).toBeLessThanOrEqual(untilUs)
    expect(untilUs - regimes.untilUs).toBeLessThan(regimes.stepUs)
    expect(result.skill.fromUs).toBeGreaterThanOrEqual(untilUs)
    expect(stepsOf(turbulence.walk)[0]!.learnt).toMatchObject({ knownUs: regimes.untilUs, rows: regimes.returns })
    const { path } = dataset
    const price = path.price.slice()
    const random = new Random(1)
    for (let i = Math.floor((untilUs - path.startUs) / path.stepUs) + 1; i < path.points; i++)
      price[i] = price[i]! * Math.exp(random.normal())
    expect(fitRegimes({ ...path, price }, untilUs, regimes.stepUs, SEED)).toEqual(regimes)
    // One point earlier, it is not the future.
    price[Math.floor((regimes.untilUs - path.startUs) / path.stepUs)]! *= 1.01
    expect(fitRegimes({ ...path, price }, untilUs, regimes.stepUs, SEED)).not.toEqual(regimes)
  })

  test('are none where their history is too short', () => {
    expect(fitRegimes(dataset.path, dataset.path.startUs - 1, regimes.stepUs, SEED)).toBeUndefined()
    expect(fitRegimes(dataset.path, dataset.path.startUs + 150 * 10e6, regimes.stepUs, SEED)).toBeUndefined()
  })

  test('are fitted again at every training of the walk, to what was known before and to nothing else', async () => {
    const steps = stepsOf(turbulence.walk)
    expect(steps.map(({ fromUs }) => fromUs)).toEqual(trainingsOf(result))
    const { path } = dataset
    for (const [index, { fromUs, learnt, model }] of steps.entries()) {
      expect(learnt.knownUs).toBeLessThan(fromUs)
      expect(fromUs - learnt.knownUs).toBeLessThanOrEqual(regimes.stepUs)
      expect(model).toMatchObject({ kind: 'column', column: `fit-${index + 1}/regime/state-3` })
    }
    const variances = turbulence.walk.features.features.map(({ settings }) => settings!['variances'])
    expect(new Set(variances).size).toBe(steps.length)
    // Other prices from the second training on: the third fit is another one, the first two are not.
    const price = path.price.map((value, at) =>
      path.startUs + at * path.stepUs >= steps[1]!.fromUs ? value ** 1.01 : value,
    )
    const other = await turbulenceModels(
      { ...dataset, path: { ...path, price } },
      regimes,
      trainingsOf(result),
      SEED,
      'research',
      async () => {},
    )
    const changed = other.walk.features.features.map(
      ({ settings }, index) => settings!['variances'] !== variances[index],
    )
    expect(changed).toEqual([false, false, true])
  })

  test('as models say what they were judged on, and never leave their range: the wildest moment is theirs', () => {
    const { walk, final, skill } = turbulence
    expect(walk.model.kind).toBe('sequence')
    expect(final.model).toMatchObject({ kind: 'column', column: 'regime/state-3' })
    expect(final.trained.rows).toBeGreaterThan(walk.trained.rows)
    expect(skill!.steps).toBe(final.trained.rows - Math.ceil((trainingsOf(result)[0]! - dataset.path.startUs) / 10e6))
    for (const artifact of [walk, final]) {
      expect(artifact).toMatchObject({
        quantity: 'turbulence',
        unit: 'probability',
        horizonUs: 10e6,
        trained: { datasetHash: dataset.hash, dataHash: dataset.source.dataHash },
      })
      expect(artifact.metrics.map(({ name, value }) => [name, value])).toEqual([
        ['log density over one variance', skill!.overOne.mean],
        ['log density over EWMA 0.94', skill!.overMoving.mean],
        ['variance when turbulent over when not', skill!.spread],
        ['mean probability', skill!.turbulent],
      ])
      const names = artifact.range.names.length
      const into = { timeUs: walk.trained.toUs + 1e9, value: 0, low: 0, high: 0, outside: 1 }
      const forecaster = new ArtifactForecaster(artifact)
      for (const figure of [0, 1, 1e9, Number.NaN]) {
        forecaster.forecast(new Float64Array(names).fill(figure), into as never)
        expect(into.outside).toBe(0)
      }
    }
    expect(turbulenceNote(turbulence, walk.name)).toContain(
      `was fitted 3 times, each time to all returns of 10 s known by then, the first time to ${regimes.returns} of them`,
    )
  })
})

function stepsOf({ model }: Artifact) {
  expect(model.kind).toBe('sequence')
  return model.kind === 'sequence' ? model.steps : []
}
