/**
 * @file From data to verdict: what `gimbal research`, `gimbal train` and the demonstration share.
 *
 * The order matters to a sceptic: regimes are fitted to the first part of the history; features are recorded, by the code the
 * engine runs; columns that know the future are looked for; every question is walked forward; the same study is made of a
 * market of noise; and only then is anything traded, by the fits that were judged, each after its own training.
 */

import { isoTime } from '../core/clock.ts'
import type { SettingValue } from '../core/settings.ts'
import type { FeatureSetSpec } from '../features/featureSet.ts'
import { Universe } from '../market/instrument.ts'
import { MergedTape } from '../market/tape.ts'
import type { TreeThreads } from '../models/trees/treeThreads.ts'
import type { Dataset } from '../research/dataset.ts'
import { DEFAULT_LEARNER, type LearnerSpec } from '../research/forecastLearner.ts'
import { checkColumns } from '../research/leakCheck.ts'
import { recordDataset } from '../research/recordDataset.ts'
import {
  type ConfigurationTrial,
  type Question,
  type QuestionResult,
  type ResearchPlan,
  researchQuestion,
} from '../research/researchRun.ts'
import type { Turn } from '../research/study.ts'
import { settingsHash, type Trial, TrialLedger } from '../research/trialLedger.ts'
import { bestBaseline, PLACEBO_T, type PlaceboRow } from '../research/verdict.ts'
import { noiseMarket } from '../sim/market/noiseMarket.ts'
import { causalityLeaks, type StudyData } from './studyData.ts'
import { span, type Terminal } from './terminal.ts'

const DAY_US = 86_400e6

/** Questions worth asking of the data when none are given. */
export function defaultQuestions({ barsOnly, barUs }: StudyData): readonly Question[] {
  if (barsOnly) {
    return [
      { quantity: 'variance', horizonUs: 12 * barUs },
      { quantity: 'variance', horizonUs: Math.max(288 * barUs, DAY_US) },
      { quantity: 'volume', horizonUs: 12 * barUs },
    ]
  }
  return [
    { quantity: 'variance', horizonUs: 10e6 },
    { quantity: 'volume', horizonUs: 10e6 },
  ]
}

/** Configurations tried unless told otherwise: small and large trees, slow and quick, and the log-linear start alone. */
export function configurationsFor(count: number): readonly LearnerSpec[] {
  const trees = DEFAULT_LEARNER.trees
  const variations: Readonly<Record<string, SettingValue>>[] = [
    {},
    { leaves: 7, rounds: 600 },
    { leaves: 31, rowsPerLeafMin: 200 },
    { learningRate: 0.1, rounds: 150 },
    { lambdaL2: 100, rowsPerLeafMin: 300 },
    { featureShare: 0.25, rounds: 500 },
    { leaves: 7, learningRate: 0.1, rounds: 200 },
    { leaves: 31, lambdaL2: 100, featureShare: 0.25 },
  ]
  return Array.from({ length: count }, (_, i) => ({
    ...DEFAULT_LEARNER,
    trees: { ...trees, ...variations[i % variations.length]! },
    ridge:
      i < variations.length
        ? DEFAULT_LEARNER.ridge
        : DEFAULT_LEARNER.ridge * 10 ** (1 + Math.floor(i / variations.length)),
  }))
}

/** Columns a forecast starts from: the ladder of log variances for variance, logs of past volume for volume. */
export function startColumns(question: Question, names: readonly string[]): readonly string[] {
  const wanted = START_COLUMNS[question.quantity]
  return wanted ? names.filter((name) => wanted.test(name)) : []
}

const START_COLUMNS: Readonly<Record<string, RegExp>> = {
  variance: /^har-ladder\/(day-)?log-rv-\d+$/,
  volume: /^volume\/(log-volume|against-history)-/,
  demand: /^(volume\/log-volume-\d|depth-profile\/log-within-10bps$)/,
}

/** Answers to all questions, with what the ledger was told. */
export interface ResearchOutcome {
  readonly results: readonly QuestionResult[]
  readonly placebos: readonly PlaceboRow[]
  /** Family of the trials, and the distinct ones of it so far. */
  readonly family: string
  readonly trialCount: number
  readonly ledgerHead: string | null
}

export interface ResearchJob {
  readonly dataset: Dataset
  readonly questions: readonly Question[]
  readonly plan: ResearchPlan
  readonly ledgerPath: string
  /** ISO time for the ledger. */
  readonly date: string
  readonly turn: Turn
  readonly threads?: TreeThreads
}

/** A column that knows the future, with what shows it. */
export interface Leak {
  readonly column: string
  readonly figure: number
  readonly doc: string
}

/**
 * Both checks of research/leakCheck.ts: recorded again from `cuts` cut tapes every figure must be the same, and no column may
 * say more of the next steps than an honest one can.
 *
 * @param cuts 0 looks for nothing and so finds nothing: a verdict wants null then.
 * @param turn Called now and then: stops by throwing.
 */
export async function leaksOf(
  terminal: Terminal,
  study: StudyData,
  dataset: Dataset,
  stepUs: number,
  cuts: number,
  turn: Turn = async () => {},
): Promise<readonly Leak[]> {
  if (cuts === 0) return []
  const exact = await causalityLeaks(study, dataset.features, stepUs, cuts, 1, async () => {
    terminal.progress('looking for columns that know the future')
    await new Promise((resolve) => setImmediate(resolve))
    await turn('looking for columns that know the future')
  })
  const statistical = checkColumns(dataset).filter(({ verdict }) => verdict === 'leaks')
  return [
    ...exact.map(({ column, whole, cut, timeUs }) => ({
      column,
      figure: whole,
      doc: `at ${isoTime(timeUs)} it is ${whole} with the future on the tape and ${cut} without`,
    })),
    ...statistical.map(({ column, about, steps, strength }) => ({
      column,
      figure: strength,
      doc: `rank correlation ${strength.toFixed(2)} with ${about} ${steps} samples ahead, the past taken out`,
    })),
  ]
}

/** Walks every question and writes every configuration down as a trial. */
export async function runResearch(job: ResearchJob): Promise<ResearchOutcome> {
  const { dataset, questions, plan, turn, threads } = job
  const ledger = new TrialLedger(job.ledgerPath)
  const family = forecastFamily(dataset.features.target, dataset.source.dataHash)
  const results: QuestionResult[] = []
  for (const question of questions) {
    const configurations = plan.configurations.map((learner) => ({
      ...learner,
      baseColumns: startColumns(question, dataset.table.names),
    }))
    const name = questionName(question)
    const result = await researchQuestion(
      dataset,
      question,
      { ...plan, configurations },
      (text) => turn(`${name}: ${text}`),
      threads,
    )
    results.push(result)
    for (const trial of result.trials) ledger.append(forecastTrial(dataset, trial, plan, 'research', job.date))
  }
  const { trialCount, ledgerHead } = ledger.evidence(family, 1)
  return { results, placebos: results.flatMap(({ placebos }) => placebos), family, trialCount, ledgerHead }
}

/** What forecasts of an instrument on the same data compete in: trials of research, training and search alike. */
export function forecastFamily(target: string, dataHash: string): string {
  return `forecasts of ${target} on ${dataHash.slice(0, 16)}`
}

function questionName({ quantity, horizonUs }: Question): string {
  return `${quantity} over ${span(horizonUs)}`
}

/** A configuration walked over a dataset as the ledger knows it: the same by whichever command it was tried. */
export function forecastTrial(
  dataset: Dataset,
  { question, learner, score }: ConfigurationTrial,
  { firstShare, windows, slideShare, seed }: ResearchPlan,
  kind: 'research' | 'fit',
  date: string,
): Trial {
  const name = questionName(question)
  return {
    date,
    family: forecastFamily(dataset.features.target, dataset.source.dataHash),
    kind,
    policy: `trees on ${name}`,
    settingsHash: settingsHash({
      ...learner.trees,
      ridge: learner.ridge,
      base: learner.baseColumns.join(' '),
      validationShare: learner.validationShare,
      firstShare,
      windows,
      slideShare,
      schema: dataset.schemaHash,
    }),
    dataHash: dataset.hash,
    seed,
    metric: `qlike/${name}`,
    score: Number.isFinite(score) ? score : null,
    sharpe: null,
    returns: 0,
    clockUs: 0,
  }
}

/** Samples of the noise market: enough to be fooled by, and more where the first share of them would be too few to learn from. */
const NOISE_SAMPLES = 2000

const NOISE_SAMPLES_FIRST = 250
/** Neighbours of the target that get noise of their own: a catalog of a thousand options would not fit in memory. */
const NOISE_NEIGHBOURS = 4

/** The target and its first neighbours that are traded at a price of their own: where each lies in the universe. */
function noisyInstruments({ data: { universe, streams }, target }: StudyData): readonly number[] {
  const priced = (index: number) =>
    !['option', 'pool'].includes(universe.at(index).kind) &&
    streams[index]!.some((stream) => ['book', 'quote', 'bar', 'trade'].includes(stream))
  const others = universe.instruments.map((_, index) => index).filter((index) => index !== target && priced(index))
  return [target, ...others.slice(0, NOISE_NEIGHBOURS)]
}

/** The first question asked of a market of noise over the same instruments, with the same features and learner. */
export async function noisePlacebo(
  study: StudyData,
  features: FeatureSetSpec,
  stepUs: number,
  question: Question,
  plan: ResearchPlan,
  turn: Turn,
  threads?: TreeThreads,
): Promise<PlaceboRow> {
  await turn('a market of noise')
  const { universe } = study.data
  const intervalUs = features.sampling.every === 'time' ? features.sampling.intervalUs : question.horizonUs
  const samples = Math.max(NOISE_SAMPLES, Math.ceil(NOISE_SAMPLES_FIRST / plan.firstShare))
  const noisy = noisyInstruments(study)
  const inputs = noiseMarket(new Universe(noisy.map((index) => universe.at(index))), {
    seed: plan.seed,
    startUs: Date.UTC(2025, 0, 1) * 1000,
    lengthUs: samples * intervalUs + 30 * question.horizonUs,
    ...(study.barsOnly ? { rows: 'bars' as const, barUs: study.barUs } : { rows: 'book' as const }),
  }).map((input, place) => ({ ...input, instruments: Uint16Array.of(noisy[place]!) }))
  const dataset = recordDataset(
    { features, stepUs, source: { kind: 'synthetic', name: 'noise', dataHash: `noise ${plan.seed}`, rows: 0 } },
    universe,
    new MergedTape(inputs),
  )
  const learner = { ...plan.configurations[0]!, baseColumns: startColumns(question, dataset.table.names) }
  const result = await researchQuestion(
    dataset,
    question,
    { ...plan, configurations: [learner], placebos: false, groups: 0 },
    (text) => turn(`a market of noise: ${text}`),
    threads,
  )
  const best = bestBaseline(result.skill)!
  return {
    name: 'pure-noise market',
    doc: `the same study of a generated market of independent draws, ${result.skill.samples} samples`,
    excess: -best.excess / (1 + best.excess),
    dieboldMariano: best.dieboldMariano,
    claims: best.dieboldMariano < PLACEBO_T,
  }
}
