/**
 * @file The body of `gimbal research`, which the demonstration runs too: data to verdict, page, models and runs.
 */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GimbalError } from '../core/errors.ts'
import { ArtifactForecaster } from '../models/artifact.ts'
import type { Quantity } from '../models/forecast.ts'
import { TreeThreads } from '../models/trees/treeThreads.ts'
import { renderResearch } from '../report/researchPage.ts'
import { type Dataset, saveDataset } from '../research/dataset.ts'
import { HOLD_OUT_OPENINGS, openHoldOut } from '../research/holdOut.ts'
import type { Question, ResearchPlan } from '../research/researchRun.ts'
import { TrialLedger } from '../research/trialLedger.ts'
import { type BacktestComparison, judge, type ResearchResult } from '../research/verdict.ts'
import { Catalog } from '../store/catalog.ts'
import type { RunOutcome } from './backtestRun.ts'
import {
  artifactOf,
  configurationsFor,
  defaultQuestions,
  type FittedRegimes,
  fitRegimes,
  leaksOf,
  noisePlacebo,
  regimeTimeline,
  register,
  runResearch,
} from './researchJob.ts'
import { featuresFor, openStudyData, recordStudy, type StudyData, type StudyDataOptions } from './studyData.ts'
import { count, lengthOption, shareOption, span, type Terminal, wholeOption } from './terminal.ts'
import { type TradedPair, tradeOnModels } from './tradedOnModels.ts'
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

/**
 * From data to verdict. Undefined when it was interrupted: the ledger keeps every trial that was finished.
 *
 * @throws {GimbalError} whatever opening data, recording, learning and trading throw.
 */
export async function investigate(
  terminal: Terminal,
  options: ResearchOptions,
  signal: AbortSignal,
): Promise<Investigation | undefined> {
  const threadCount = wholeOption(options.threads, '--threads', 1)
  const asked = options.forecast.map(questionOf)
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
  mkdirSync(options.out, { recursive: true })
  const ledgerPath = join(options.out, 'trials.jsonl')
  const date = new Date().toISOString()
  const opened = options.holdOut ? openAsked(options, ledgerPath, date) : undefined
  const study = await openStudyData(terminal, options)
  const threads = threadCount > 1 ? await TreeThreads.open(threadCount) : undefined
  try {
    const turn = async (text: string) => {
      terminal.progress(text)
      // Signals are heard between turns of the event loop only.
      await new Promise((done) => setImmediate(done))
      if (signal.aborted) throw new Interrupted()
    }
    const questions = asked.length > 0 ? asked : defaultQuestions(study)
    const shortest = Math.min(...questions.map(({ horizonUs }) => horizonUs))
    const samplingUs = everyUs ?? samplingFor(study, shortest)
    const stepUs = study.barUs || Math.min(1_000_000, shortest)
    requireGrid(questions, stepUs)
    const wish = { samplingUs, stepUs, horizonUs: shortest }
    const recorded = await recordWithRegimes(terminal, study, options, wish, plan, signal)
    if (!recorded) throw new Interrupted()
    const { dataset, regimes } = recorded
    saveDataset(dataset, join(options.out, 'datasets', `${dataset.hash}.dataset`))
    terminal.notice(
      `${count(dataset.table.rows, 'sample')} of ${count(dataset.table.names.length, 'figure')}; ${count(questions.length, 'question')}, ${count(plan.configurations.length, 'configuration')}`,
    )
    const leaks = await leaksOf(terminal, study, dataset, stepUs, cuts, turn)
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
    if (options.placebos)
      placebos.push(await noisePlacebo(study, dataset.features, stepUs, questions[0]!, plan, turn, threads))
    const kept = outcome.results.map((result) =>
      artifactOf(dataset, result, result.final, rowsWithLabel(result.labels.label), {
        name: modelName(dataset.features.target, result.question),
        seed,
        gimbal: gimbalVersion(),
      }),
    )
    const early = outcome.results.map((result) =>
      artifactOf(dataset, result, result.walk.fits[0]!, result.walk.windows[0]!.train, {
        name: `${modelName(dataset.features.target, result.question)}-before-judged`,
        seed,
        gimbal: gimbalVersion(),
      }),
    )
    const models = register(options.models, [...kept, ...early])
    const backtests: BacktestComparison[] = []
    const outcomes: RunOutcome[] = []
    if (options.trade) {
      for (const pair of pairsFor(
        study,
        outcome.results.map(({ question }) => question),
      )) {
        const traded = await tradeOnModels({
          pair,
          risk: options.risk,
          dataPlan: study.plan,
          data: study.data,
          forecasters: early.map((artifact) => new ArtifactForecaster(artifact)),
          modelIds: early.map(({ id }) => id),
          judgedFromUs: Math.max(...outcome.results.map(({ skill }) => skill.fromUs)),
          seed,
          folder: join(options.out, 'runs'),
          ledgerPath,
          date,
          gimbalVersion: gimbalVersion(),
          signal,
          onProgress: (text) => terminal.progress(text),
        })
        if (signal.aborted) throw new Interrupted()
        backtests.push(traded.comparison)
        outcomes.push(...traded.outcomes)
      }
    }
    const found = {
      skill: outcome.results.map(({ skill }) => skill),
      placebos,
      overfitting: outcome.results.map(({ overfitting }) => overfitting),
      leaks,
      backtests,
    }
    const first = outcome.results[0]!
    const result: ResearchResult = {
      title: `Forecasts of ${dataset.features.target}`,
      provenance: dataset.source.kind,
      target: dataset.features.target,
      fromUs: dataset.timesUs[0]!,
      toUs: dataset.timesUs.at(-1)!,
      seed,
      gimbalVersion: gimbalVersion(),
      datasetHash: dataset.hash,
      dataHash: dataset.source.dataHash,
      schemaHash: dataset.schemaHash,
      samples: dataset.table.rows,
      columns: dataset.table.names.length,
      learner: 'log-linear start and boosted trees',
      settings: { ...first.chosen.trees, ridge: first.chosen.ridge, validationShare: first.chosen.validationShare },
      ...found,
      calibration: outcome.results.map(({ calibration }) => calibration),
      importances: first.importances.slice(0, 30),
      drift: outcome.results.flatMap(({ drift }) => drift),
      regimes: regimes ? regimeTimeline(dataset.path, regimes) : null,
      paths: first.paths,
      family: outcome.family,
      trialCount: outcome.trialCount,
      ledgerHead: outcome.ledgerHead,
      models,
      verdict: judge(found),
      notes: [
        ...(opened ? [opened] : []),
        `Every model was judged on samples after the first ${(100 * firstShare).toFixed(0)} % of the history only, window by window, by a fit to what was known before.`,
        ...outcome.results
          .filter(({ unfitted }) => unfitted.length > 0)
          .map(
            ({ question, unfitted }) =>
              `${question.quantity} over ${span(question.horizonUs)}: these data are too few to fit ${unfitted.join(', ')}, which judge nothing.`,
          ),
        ...(options.trade ? ['Trading used models fitted before the judged span and kept unchanged through it.'] : []),
        // A verdict is worth what it was put through: what was left out is said beside it.
        ...(options.placebos
          ? []
          : ['No placebos were run (--no-placebos): skill found in nothing would not have shown.']),
        ...(cuts > 0 ? [] : ['No column was checked for knowledge of the future (--check 0).']),
      ],
    }
    const page = join(options.out, 'research.html')
    writeFileSync(page, renderResearch(result))
    writeFileSync(join(options.out, 'research.json'), `${JSON.stringify(result, jsonNumber, 1)}\n`)
    terminal.progress('', true)
    return { result, outcomes, study, page, ledgerPath }
  } catch (error) {
    if (!(error instanceof Interrupted)) throw error
    terminal.notice('interrupted; the ledger keeps every trial that was finished')
    return undefined
  } finally {
    threads?.close()
  }
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
  const { sentence } = openHoldOut(catalog, kept, options.holdOut!, opener, options.again === true)
  openHoldOut(catalog, new TrialLedger(ledgerPath), options.holdOut!, opener, true)
  return sentence
}

/**
 * Records what a study learns from, regimes fitted to its beginning included. Undefined when it was interrupted.
 *
 * @throws {GimbalError} `config-invalid`, `catalog-empty`.
 */
export async function recordWithRegimes(
  terminal: Terminal,
  study: StudyData,
  options: StudyDataOptions,
  wish: Parameters<typeof featuresFor>[2],
  { firstShare, seed }: Pick<ResearchPlan, 'firstShare' | 'seed'>,
  signal: AbortSignal,
): Promise<{ readonly dataset: Dataset; readonly regimes: FittedRegimes | undefined } | undefined> {
  // The path alone first: regimes are fitted to its beginning, and their parameters are settings of a feature.
  const wanted = featuresFor(study, options, wish)
  let regimes: FittedRegimes | undefined
  let features = wanted
  if (wanted.features.some(({ family }) => family === 'regime')) {
    const clockOnly = { ...wanted, features: [{ family: 'time-of-day' }], normaliseOver: 0 }
    const path = await recordStudy(terminal, study, clockOnly, wish.stepUs, signal)
    if (!path) return undefined
    regimes = fitRegimes(path.path, firstShare, study.barUs || 10e6, seed)
    const settings = regimes?.settings
    features = {
      ...wanted,
      features: wanted.features
        .filter(({ family }) => family !== 'regime' || settings)
        .map((each) => (each.family === 'regime' ? { ...each, settings: { ...each.settings, ...settings } } : each)),
    }
  }
  const dataset = await recordStudy(terminal, study, features, wish.stepUs, signal)
  return dataset && { dataset, regimes }
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

/** `eth-usdc-perp-variance-10s`. */
export function modelName(target: string, { quantity, horizonUs }: Question): string {
  return `${target.split('@')[0]!.toLowerCase()}-${quantity}-${span(horizonUs).replaceAll(/[ ,]/g, '')}`
}

function rowsWithLabel(label: Float64Array): number[] {
  const rows: number[] = []
  for (let i = 0; i < label.length; i++) if (label[i]! > 0) rows.push(i)
  return rows
}

/** Policies that can use the forecasts made. */
function pairsFor(study: StudyData, questions: readonly Question[]): TradedPair[] {
  const target = study.data.universe.at(study.target)
  const longest = questions.filter(({ quantity }) => quantity === 'variance').map(({ horizonUs }) => horizonUs)
  if (longest.length === 0 || target.kind === 'option' || target.kind === 'pool') return []
  if (study.barsOnly) {
    const hours = Math.max(...longest) / 3600e6
    return [
      {
        policy: 'volatility-target',
        settings: { instruments: target.id, targetYearly: 0.05 },
        modelSettings: { volatilityFrom: 'model', forecastHours: hours },
      },
    ]
  }
  const volume = questions.some(({ quantity }) => quantity === 'volume')
  return [
    {
      policy: 'market-maker',
      settings: { instruments: target.id },
      modelSettings: {
        volatilityFrom: 'model',
        forecastSeconds: Math.min(...longest) / 1e6,
        ...(volume ? { sizeByDemand: 0.5 } : {}),
      },
    },
  ]
}
