/**
 * @file The body of `gimbal research`, which the demonstration runs too: data to verdict, page, models and runs.
 *
 * {@link investigate} has four parts, each a function that takes what those before it made: record, learn, trade, report.
 */

import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GimbalError } from '../core/errors.ts'
import type { Artifact } from '../models/artifact.ts'
import type { Quantity } from '../models/forecast.ts'
import { TreeThreads } from '../models/trees/treeThreads.ts'
import { renderResearch } from '../report/researchPage.ts'
import { type Dataset, saveDataset } from '../research/dataset.ts'
import { HOLD_OUT_OPENINGS, openHoldOut } from '../research/holdOut.ts'
import type { Question, ResearchPlan } from '../research/researchRun.ts'
import type { Turn } from '../research/study.ts'
import { TrialLedger } from '../research/trialLedger.ts'
import { type BacktestComparison, judge, type PlaceboRow, type ResearchResult } from '../research/verdict.ts'
import { Catalog } from '../store/catalog.ts'
import type { RunOutcome } from './backtestRun.ts'
import {
  configurationsFor,
  defaultQuestions,
  type Leak,
  leaksOf,
  noisePlacebo,
  type ResearchOutcome,
  runResearch,
} from './researchJob.ts'
import { finalModel, register, trainingsOf, walkModelOf } from './researchModels.ts'
import { holdResults, openResults, requireThreads } from './resultFolder.ts'
import { riskFrom } from './runPlan.ts'
import { openStudyData, type StudyData, type StudyDataOptions } from './studyData.ts'
import {
  type FittedRegimes,
  recordWithRegimes,
  regimeTimeline,
  type TurbulenceModels,
  turbulenceModels,
  turbulenceNote,
} from './studyRegimes.ts'
import { count, lengthOption, shareOption, span, type Terminal, wholeOption } from './terminal.ts'
import { pairsFor, tradeOnModels } from './tradedOnModels.ts'
import { gimbalVersion } from './version.ts'

export interface ResearchOptions extends StudyDataOptions {
  readonly forecast: readonly string[]
  readonly configurations: string
  readonly windows: string
  readonly first: string
  readonly slide: string
  readonly groups: string
  readonly placebos: boolean
  readonly trade: boolean
  readonly threads: string
  readonly out: string
  readonly models: string
  readonly again?: boolean
  readonly check: string
  readonly risk: readonly string[]
}

/** Groups of combinatorial cross-validation tested at a time. */
const TEST_GROUPS = 2

/** Raised to leave the work when the user interrupts it. */
class Interrupted extends Error {}

/** What came of it. */
export interface Investigation {
  readonly result: ResearchResult
  /** Runs of the policies, with and without models. */
  readonly outcomes: readonly RunOutcome[]
  readonly study: StudyData
  /** The page. */
  readonly page: string
  readonly ledgerPath: string
}

/** What was asked for, read before anything is opened. */
interface Wish {
  readonly plan: ResearchPlan
  /** None: those that suit the data. */
  readonly questions: readonly Question[]
  readonly threads: number
  /** Cut tapes that columns are recorded again from; 0 leaves the look for leaks out. */
  readonly cuts: number
  readonly everyUs: number | undefined
}

/** What every part of an investigation needs. */
interface Inquiry {
  readonly terminal: Terminal
  readonly options: ResearchOptions
  readonly wish: Wish
  readonly study: StudyData
  readonly threads: TreeThreads | undefined
  readonly ledgerPath: string
  /** ISO time for the ledger. */
  readonly date: string
  readonly signal: AbortSignal
  /** Shows what is being done, hears signals, and leaves by throwing {@link Interrupted}. */
  readonly turn: Turn
}

interface Recorded {
  readonly questions: readonly Question[]
  readonly stepUs: number
  readonly dataset: Dataset
  readonly regimes: FittedRegimes | undefined
}

interface Learnt extends ResearchOutcome {
  readonly placebos: readonly PlaceboRow[]
  readonly leaks: readonly Leak[] | null
  readonly turbulence: TurbulenceModels | undefined
  /** The walk-forwards as models: what was judged, and is traded. */
  readonly walked: readonly Artifact[]
  /** Everything the registry was given. */
  readonly models: ResearchResult['models']
}

interface Traded {
  readonly comparisons: readonly BacktestComparison[]
  readonly outcomes: readonly RunOutcome[]
}

/**
 * From data to verdict. Undefined when it was interrupted: the ledger keeps every trial that was finished.
 *
 * @throws {GimbalError} `folder-busy` while another process writes to the same folder; whatever opening data, recording, learning
 *   and trading throw.
 */
export async function investigate(
  terminal: Terminal,
  options: ResearchOptions,
  signal: AbortSignal,
): Promise<Investigation | undefined> {
  const wish = wishOf(options)
  const ledgerPath = openResults(options.out, options.models)
  const release = holdResults(options.out)
  try {
    return await investigateHeld(terminal, options, wish, ledgerPath, signal)
  } finally {
    release()
  }
}

/** The same, in a folder that is this process's alone. */
async function investigateHeld(
  terminal: Terminal,
  options: ResearchOptions,
  wish: Wish,
  ledgerPath: string,
  signal: AbortSignal,
): Promise<Investigation | undefined> {
  const date = new Date().toISOString()
  const opened = options.holdOut ? openAsked(options, ledgerPath, date) : undefined
  const study = await openStudyData(terminal, options)
  const threads = wish.threads > 1 ? await TreeThreads.open(wish.threads) : undefined
  const turn = async (text: string) => {
    terminal.progress(text)
    // Signals are heard between turns of the event loop only.
    await new Promise((done) => setImmediate(done))
    if (signal.aborted) throw new Interrupted()
  }
  const inquiry: Inquiry = { terminal, options, wish, study, threads, ledgerPath, date, signal, turn }
  try {
    const recorded = await record(inquiry)
    const learnt = await learn(inquiry, recorded)
    const traded = options.trade ? await trade(inquiry, learnt) : { comparisons: [], outcomes: [] }
    const result = resultOf(inquiry, recorded, learnt, traded, opened)
    const page = write(options.out, result)
    terminal.progress('', true)
    return { result, outcomes: traded.outcomes, study, page, ledgerPath }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    terminal.notice('interrupted; the ledger keeps every trial that was finished')
    return undefined
  } finally {
    threads?.close()
  }
}

/** @throws {GimbalError} `argument-invalid` for a wish that makes no sense whatever the data are. */
function wishOf(options: ResearchOptions): Wish {
  const threads = wholeOption(options.threads, '--threads', 1)
  requireThreads(threads)
  riskFrom(options.risk)
  const questions = options.forecast.map(questionOf)
  const twice = options.forecast.find((_, index) =>
    questions.some((each, other) => other < index && sameQuestion(each, questions[index]!)),
  )
  if (twice !== undefined)
    throw new GimbalError('argument-invalid', '--forecast asks the same question twice', { given: twice })
  const firstShare = shareOption(options.first, '--first', 0.05)
  const seed = wholeOption(options.seed, '--seed', 0)
  const cuts = wholeOption(options.check, '--check', 0)
  const groups = wholeOption(options.groups, '--groups', 0)
  if (groups > 0 && groups <= TEST_GROUPS)
    throw new GimbalError('argument-invalid', '--groups takes 0, or more groups than are tested at a time', {
      given: groups,
      testedAtATime: TEST_GROUPS,
    })
  const everyUs = options.every ? lengthOption(options.every, '--every') : undefined
  const plan: ResearchPlan = {
    firstShare,
    windows: wholeOption(options.windows, '--windows', 1),
    slideShare: shareOption(options.slide, '--slide', 0),
    configurations: configurationsFor(wholeOption(options.configurations, '--configurations', 1)),
    placebos: options.placebos,
    groups,
    testGroups: TEST_GROUPS,
    seed,
  }
  return { plan, questions, threads, cuts, everyUs }
}

/** Records the features of the study, and keeps the dataset. */
async function record({ terminal, options, wish, study, signal }: Inquiry): Promise<Recorded> {
  const questions = wish.questions.length > 0 ? wish.questions : defaultQuestions(study)
  const horizonUs = Math.min(...questions.map((question) => question.horizonUs))
  const samplingUs = wish.everyUs ?? samplingFor(study, horizonUs)
  const stepUs = study.barUs || Math.min(1_000_000, horizonUs)
  requireGrid(questions, stepUs)
  const recording = { samplingUs, stepUs, horizonUs }
  const recorded = await recordWithRegimes(terminal, study, options, recording, wish.plan, signal)
  if (!recorded) throw new Interrupted()
  const { dataset } = recorded
  saveDataset(dataset, join(options.out, 'datasets', `${dataset.hash}.dataset`))
  terminal.notice(
    `${count(dataset.table.rows, 'sample')} of ${count(dataset.table.names.length, 'figure')}; ${count(questions.length, 'question')}, ${count(wish.plan.configurations.length, 'configuration')}`,
  )
  return { questions, stepUs, ...recorded }
}

/** Looks for leaks, walks every question with its placebos, and keeps the models that come of it. */
async function learn(inquiry: Inquiry, { questions, stepUs, dataset, regimes }: Recorded): Promise<Learnt> {
  const { terminal, options, wish, study, threads, ledgerPath, date, turn } = inquiry
  const { plan } = wish
  const leaks = wish.cuts > 0 ? await leaksOf(terminal, study, dataset, stepUs, wish.cuts, turn) : null
  const outcome = await runResearch({
    dataset,
    questions,
    plan,
    ledgerPath,
    date,
    turn,
    ...(threads ? { threads } : {}),
  })
  const placebos = [...outcome.placebos]
  if (plan.placebos)
    placebos.push(await noisePlacebo(study, dataset.features, stepUs, questions[0]!, plan, turn, threads))
  const turbulence =
    regimes && (await turbulenceModels(dataset, regimes, trainingsOf(outcome.results[0]!), plan.seed, 'research', turn))
  // Their features hold the parameters of the first fit.
  const details = { seed: plan.seed, parents: turbulence ? [turbulence.walk.id] : [] }
  const final = outcome.results.map((result) => finalModel(dataset, result, { ...details, madeBy: 'research' }))
  const walked = outcome.results.map((result) => walkModelOf(dataset, result, { ...details, madeBy: 'research-walk' }))
  const models = register(options.models, [
    ...final,
    ...walked,
    ...(turbulence ? [turbulence.final, turbulence.walk] : []),
  ])
  return { ...outcome, placebos, leaks, turbulence, walked, models }
}

/** Runs the policies that can use the models, with and without them, and compares them over the judged span. */
async function trade(inquiry: Inquiry, { results, walked, turbulence }: Learnt): Promise<Traded> {
  const { terminal, options, wish, study, ledgerPath, date, signal } = inquiry
  const judgedFromUs = Math.max(...results.map(({ skill }) => skill.fromUs))
  const questions = results.map(({ question }) => question)
  const traded = await tradeOnModels({
    pairs: pairsFor(study, questions, turbulence?.walk.horizonUs),
    risk: options.risk,
    dataPlan: study.plan,
    data: study.data,
    models: [...walked, ...(turbulence ? [turbulence.walk] : [])],
    judgedFromUs,
    seed: wish.plan.seed,
    folder: join(options.out, 'runs'),
    ledgerPath,
    date,
    gimbalVersion: gimbalVersion(),
    signal,
    onProgress: (text) => terminal.progress(text),
  })
  if (signal.aborted) throw new Interrupted()
  return traded
}

/** Everything that was found, with the verdict on it. */
function resultOf(
  { options, wish }: Inquiry,
  { dataset, regimes }: Recorded,
  learnt: Learnt,
  { comparisons }: Traded,
  opened: string | undefined,
): ResearchResult {
  const { results, leaks, placebos, turbulence } = learnt
  const found = {
    skill: results.map(({ skill }) => skill),
    placebos,
    overfitting: results.map(({ overfitting }) => overfitting),
    leaks,
    backtests: comparisons,
  }
  const first = results[0]!
  return {
    title: `Forecasts of ${dataset.features.target}`,
    provenance: dataset.source.kind,
    target: dataset.features.target,
    fromUs: dataset.timesUs[0]!,
    toUs: dataset.timesUs.at(-1)!,
    seed: wish.plan.seed,
    gimbalVersion: gimbalVersion(),
    datasetHash: dataset.hash,
    dataHash: dataset.source.dataHash,
    schemaHash: dataset.schemaHash,
    samples: dataset.table.rows,
    columns: dataset.table.names.length,
    learner: 'log-linear start and boosted trees',
    settings: { ...first.chosen.trees, ridge: first.chosen.ridge, validationShare: first.chosen.validationShare },
    ...found,
    calibration: results.map(({ calibration }) => calibration),
    importances: first.importances.slice(0, 30),
    drift: results.flatMap(({ drift }) => drift),
    regimes: regimes ? regimeTimeline(dataset.path, regimes) : null,
    paths: first.paths,
    family: learnt.family,
    trialCount: learnt.trialCount,
    ledgerHead: learnt.ledgerHead,
    models: learnt.models,
    verdict: judge(found),
    notes: [
      ...(opened ? [opened] : []),
      `Every model was judged on samples after the first ${(100 * wish.plan.firstShare).toFixed(0)} % of the history only, window by window, by a fit to what was known before.`,
      ...results
        .filter(({ unfitted }) => unfitted.length > 0)
        .map(
          ({ question, unfitted }) =>
            `${question.quantity} over ${span(question.horizonUs)}: these data are too few to fit ${unfitted.join(', ')}, which judge nothing.`,
        ),
      ...(turbulence ? [turbulenceNote(turbulence, turbulence.walk.name)] : []),
      ...(options.trade
        ? [
            'Trading used the fits that were judged: each from the moment it was trained until the next. Before the first nothing was forecast: a policy goes by the past then, or holds nothing.',
          ]
        : []),
      // A verdict is worth what it was put through: what was left out is said beside it.
      ...(wish.plan.placebos
        ? []
        : ['No placebos were run (--no-placebos): skill found in nothing would not have shown.']),
      ...(wish.cuts > 0 ? [] : ['No column was checked for knowledge of the future (--check 0).']),
    ],
  }
}

/** Writes the page and its JSON twin; returns the page. */
function write(out: string, result: ResearchResult): string {
  const page = join(out, 'research.html')
  writeFileSync(page, renderResearch(result))
  writeFileSync(join(out, 'research.json'), `${JSON.stringify(result, jsonNumber, 1)}\n`)
  return page
}

/** NaN and infinities have no place in JSON: they are null. */
export function jsonNumber(_key: string, value: unknown): unknown {
  return typeof value === 'number' && !Number.isFinite(value) ? null : value
}

function openAsked(options: ResearchOptions, ledgerPath: string, date: string): string {
  if (!options.catalog)
    throw new GimbalError('argument-invalid', 'A hold-out is declared in a catalog: name one with --catalog', {
      holdOut: options.holdOut ?? '',
    })
  const catalog = new Catalog(options.catalog)
  const opener = { by: `gimbal research --out ${options.out}`, date }
  // The catalog's own list decides: a ledger is as many files as there are folders to write to. The run's ledger remembers, too.
  const kept = new TrialLedger(catalog.path(HOLD_OUT_OPENINGS))
  const { sentence } = rememberedIn(catalog, () =>
    openHoldOut(catalog, kept, options.holdOut!, opener, options.again === true),
  )
  openHoldOut(catalog, new TrialLedger(ledgerPath), options.holdOut!, opener, true)
  return sentence
}

/** An opening that cannot be written down does not happen: seen where nobody can tell, a hold-out would judge twice. */
function rememberedIn<Opened>(catalog: Catalog, open: () => Opened): Opened {
  try {
    return open()
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException
    if (error instanceof GimbalError || code === undefined) throw error
    throw new GimbalError(
      'file-refused',
      'The opening of a hold-out cannot be written down in its catalog, so no row of it is read',
      {
        path: catalog.path(HOLD_OUT_OPENINGS),
        reason: message,
        remedy: 'make the catalog writable, or copy it to where it is',
      },
      { cause: error },
    )
  }
}

/** As many samples as teach something: a fifth of the horizon for books, a quarter for bars; whole seconds or bars. */
export function samplingFor({ barUs }: StudyData, horizonUs: number): number {
  if (barUs > 0) return Math.max(barUs, Math.round(horizonUs / 4 / barUs) * barUs)
  return Math.max(1_000_000, Math.round(horizonUs / 5 / 1e6) * 1e6)
}

/** @throws {GimbalError} `argument-invalid` unless every horizon is made of whole steps of the data. */
export function requireGrid(questions: readonly Question[], stepUs: number): void {
  for (const { horizonUs, quantity } of questions) {
    if (horizonUs % stepUs === 0 && horizonUs >= stepUs) continue
    throw new GimbalError('argument-invalid', 'A horizon must be a multiple of the step of the data', {
      forecast: `${quantity}:${horizonUs / 1e6}s`,
      stepSeconds: stepUs / 1e6,
    })
  }
}

function sameQuestion(a: Question, b: Question): boolean {
  return a.quantity === b.quantity && a.horizonUs === b.horizonUs
}

/** Reads `variance:1h`. @throws {GimbalError} `argument-invalid`. */
export function questionOf(text: string): Question {
  const [quantity, horizon, ...rest] = text.split(':')
  if (!quantity || !horizon || rest.length > 0 || !['variance', 'volume', 'demand'].includes(quantity))
    throw new GimbalError('argument-invalid', '--forecast takes quantity:horizon', {
      given: text,
      example: 'variance:1h, volume:10s, demand:10s',
    })
  return { quantity: quantity as Quantity, horizonUs: lengthOption(horizon, '--forecast') }
}
