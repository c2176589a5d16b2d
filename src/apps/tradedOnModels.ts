/**
 * @file Policies with and without models, over the span the models were not fitted on.
 *
 * Both runs see the whole tape, so that every estimate has its past; only what happens from `judgedFromUs` on is compared, by
 * the change of equity between the same moments, after all costs.
 */

import { join } from 'node:path'
import { Random } from '../core/random.ts'
import { type Artifact, ArtifactForecaster } from '../models/artifact.ts'
import type { Quantity } from '../models/forecast.ts'
import type { CollectedRun } from '../report/collector.ts'
import type { RunReport } from '../report/runReport.ts'
import { meanInterval } from '../research/dieboldMariano.ts'
import type { Question } from '../research/researchRun.ts'
import { expectedBestSharpe, probabilisticSharpe } from '../research/sharpe.ts'
import { TrialLedger } from '../research/trialLedger.ts'
import type { BacktestComparison } from '../research/verdict.ts'
import { defaultCash, type RunData, type RunOutcome, runBacktestJob } from './backtestRun.ts'
import { completePlan, type DataPlan, DEFAULT_EXCHANGE, type RunPlan, riskFrom, type Setting } from './runPlan.ts'
import type { StudyData } from './studyData.ts'

/** A policy and what it is told with and without models. */
export interface TradedPair {
  readonly policy: string
  /** What its models forecast; it is given no others. */
  readonly told: readonly Quantity[]
  /** Settings of both. */
  readonly settings: Readonly<Record<string, Setting>>
  /** Settings of the run with models, beyond those. */
  readonly modelSettings: Readonly<Record<string, Setting>>
}

/** Share of the position that a run told of turbulence gives up when it is certain: half, fixed before anything was measured. */
const TURBULENCE_CUT = 0.5

/**
 * Policies that can use the models made.
 *
 * @param turbulenceStepUs Clock of the model of turbulence; undefined where there is none.
 */
export function pairsFor(
  study: StudyData,
  questions: readonly Question[],
  turbulenceStepUs: number | undefined,
): readonly TradedPair[] {
  const target = study.data.universe.at(study.target)
  if (target.kind === 'option' || target.kind === 'pool') return []
  const pairs: TradedPair[] = []
  const horizons = questions.filter(({ quantity }) => quantity === 'variance').map(({ horizonUs }) => horizonUs)
  const held = { instruments: target.id, targetYearly: 0.05 }
  if (horizons.length > 0 && study.barsOnly)
    pairs.push({
      policy: 'volatility-target',
      told: ['variance'],
      settings: held,
      modelSettings: { volatilityFrom: 'model', forecastHours: Math.max(...horizons) / 3600e6 },
    })
  if (horizons.length > 0 && !study.barsOnly) {
    const volume = questions.some(({ quantity }) => quantity === 'volume')
    pairs.push({
      policy: 'market-maker',
      told: volume ? ['variance', 'volume'] : ['variance'],
      settings: { instruments: target.id },
      modelSettings: {
        volatilityFrom: 'model',
        forecastSeconds: Math.min(...horizons) / 1e6,
        ...(volume ? { sizeByDemand: 0.5 } : {}),
      },
    })
  }
  if (turbulenceStepUs !== undefined)
    pairs.push({
      policy: 'volatility-target',
      told: ['turbulence'],
      settings: study.barsOnly ? held : { ...held, ...onClock(turbulenceStepUs) },
      modelSettings: { turbulenceCut: TURBULENCE_CUT },
    })
  return pairs
}

/** A volatility target for recordings of hours, whose defaults, made for bars, would still be warming up at their end. */
function onClock(stepUs: number): Readonly<Record<string, Setting>> {
  const memoryHours = Math.max(0.1, (60 * stepUs) / 3600e6)
  return {
    sampleMinutes: stepUs / 60e6,
    halfLifeHours: memoryHours,
    warmupHours: memoryHours,
    decisionMinutes: (6 * stepUs) / 60e6,
  }
}

export interface TradedJob {
  readonly pairs: readonly TradedPair[]
  /** Changes to the default limits, as `--risk` takes them. */
  readonly risk: readonly string[]
  readonly dataPlan: DataPlan
  readonly data: RunData
  /** Models to choose from: each pair is given those that forecast what it is told. */
  readonly models: readonly Artifact[]
  readonly judgedFromUs: number
  readonly seed: number
  readonly folder: string
  readonly ledgerPath: string
  readonly date: string
  readonly gimbalVersion: string
  readonly signal: AbortSignal
  readonly onProgress: (text: string) => void
}

interface TradedRuns {
  readonly pair: TradedPair
  readonly withModel: RunOutcome
  readonly without: RunOutcome
}

/** Runs every pair and compares what came of it; nothing is compared once the signal stopped a run. */
export async function tradeOnModels(
  job: TradedJob,
): Promise<{ comparisons: readonly BacktestComparison[]; outcomes: readonly RunOutcome[] }> {
  const { data, seed, signal } = job
  const cash = defaultCash(data)
  const run = (name: string, { policy }: TradedPair, settings: TradedPair['settings'], models: readonly Artifact[]) => {
    const plan: RunPlan = completePlan(
      {
        data: job.dataPlan,
        policies: [{ name: policy, settings }],
        risk: riskFrom(job.risk),
        exchange: DEFAULT_EXCHANGE,
        cash,
        seed,
        ...(models.length > 0 ? { models: models.map(({ id }) => id) } : {}),
      },
      data.universe,
    )
    return runBacktestJob(plan, data, {
      title: `${policy}, ${name}`,
      gimbalVersion: job.gimbalVersion,
      folder: join(job.folder, `${policy}-${name.replaceAll(' ', '-')}`),
      ledgerPath: job.ledgerPath,
      date: job.date,
      shuffleIo: false,
      signal,
      ...(models.length > 0 ? { forecasters: models.map((artifact) => new ArtifactForecaster(artifact)) } : {}),
      onProgress: (_rows, share) =>
        job.onProgress(`${policy} ${name}${Number.isNaN(share) ? '' : `: ${(100 * share).toFixed(0)} %`}`),
    })
  }
  const runs: TradedRuns[] = []
  // Pairs of one policy and the same settings have their run without models in common.
  const plain = new Map<string, RunOutcome>()
  for (const pair of job.pairs) {
    const key = JSON.stringify([pair.policy, pair.settings])
    const without = plain.get(key) ?? (await run('without the model', pair, pair.settings, []))
    plain.set(key, without)
    const models = job.models.filter(({ quantity }) => pair.told.includes(quantity))
    const name = pair.told.includes('turbulence') ? 'with the turbulence model' : 'with the model'
    const withModel = await run(name, pair, { ...pair.settings, ...pair.modelSettings }, models)
    if (signal.aborted) return { comparisons: [], outcomes: [] }
    runs.push({ pair, withModel, without })
  }
  return {
    // When all have run: the ledger then knows every trial there was.
    comparisons: runs.map((each) => comparisonOf(job, each)),
    outcomes: [...new Set(runs.flatMap(({ withModel, without }) => [withModel, without]))],
  }
}

function comparisonOf(job: TradedJob, { pair, withModel, without }: TradedRuns): BacktestComparison {
  const a = judgedSpan(withModel.report.run, job.judgedFromUs)
  const b = judgedSpan(without.report.run, job.judgedFromUs)
  const evidence = new TrialLedger(job.ledgerPath).evidence(familyOf(withModel.report), a.widthUs)
  const trialCount = evidence.trialCount
  const spread = evidence.sharpeVariance ?? 0
  return {
    policy: pair.policy,
    told: pair.told,
    setting: Object.entries(pair.modelSettings)
      .map(([name, value]) => `${name}=${value}`)
      .join(' '),
    fromUs: a.fromUs,
    toUs: a.toUs,
    profitWith: a.profit,
    profitWithout: b.profit,
    costsWith: a.costs,
    costsWithout: b.costs,
    drawdownWith: a.drawdown,
    drawdownWithout: b.drawdown,
    targetErrorWith: targetError(pair.settings, a),
    targetErrorWithout: targetError(pair.settings, b),
    sharpeWith: sharpe(a.returns),
    sharpeWithout: sharpe(b.returns),
    deflatedWith: deflated(a.returns, trialCount, spread),
    deflatedWithout: deflated(b.returns, trialCount, spread),
    trialCount,
    differenceT: differenceT(a.returns, b.returns, job.seed),
    reportWith: join(withModel.folder, 'report.html'),
    reportWithout: join(without.folder, 'report.html'),
  }
}

/** A run's family in the ledger, as `runBacktestJob` names it. */
function familyOf({ facts }: RunReport): string {
  return `${facts.policies.map(({ name }) => name).join(' + ')} on ${facts.dataHash.slice(0, 16)}`
}

/** What came of a run after a moment. */
export interface JudgedSpan {
  readonly fromUs: number
  readonly toUs: number
  readonly widthUs: number
  readonly profit: number
  readonly costs: number
  /** Deepest fall from peak within the span, as a fraction of the peak. */
  readonly drawdown: number
  /** Relative changes of equity, bucket by bucket of the run's timeline. */
  readonly returns: Float64Array
}

/** What is looked at of a run. */
type SpannedRun = Pick<CollectedRun, 'timeline' | 'equity' | 'attribution' | 'startEquity' | 'lastUs'>

/** A run from a moment on: from the close of the bucket of its timeline that the moment lies in. */
export function judgedSpan(run: SpannedRun, fromUs: number): JudgedSpan {
  const { startUs, widthUs } = run.timeline
  // That bucket counts as before: profit, costs and returns are all taken from its close.
  const begins = startUs.findIndex((us) => us + widthUs > fromUs)
  const first = begins < 0 ? startUs.length - 1 : begins
  const known = (values: readonly (number | null)[], until: number) =>
    values.slice(0, until + 1).findLast((value) => value !== null)
  const closes = [known(run.equity.close, first) ?? run.startEquity]
  for (let i = first + 1; i < startUs.length; i++) closes.push(run.equity.close[i] ?? closes.at(-1)!)
  let peak = closes[0]!
  let drawdown = 0
  for (const close of closes) {
    peak = Math.max(peak, close)
    drawdown = Math.max(drawdown, (peak - close) / peak)
  }
  const paid = (component: 'fees' | 'slippage') => {
    const values = run.attribution[component]
    return (known(values, first) ?? 0) - (known(values, values.length - 1) ?? 0)
  }
  return {
    fromUs: Math.min(startUs[first]! + widthUs, run.lastUs),
    toUs: run.lastUs,
    widthUs,
    profit: closes.at(-1)! - closes[0]!,
    costs: paid('fees') + paid('slippage'),
    drawdown,
    returns: Float64Array.from({ length: Math.max(0, closes.length - 1) }, (_, i) => closes[i + 1]! / closes[i]! - 1),
  }
}

const DAY_US = 86_400e6
/** Fewest returns from which anything is said. */
const RETURNS_LEAST = 30

/** How far the volatility of the account was from the one aimed at, as a fraction of it; null where none was aimed at. */
function targetError(settings: Readonly<Record<string, Setting>>, { returns, widthUs }: JudgedSpan): number | null {
  const target = settings['targetYearly']
  if (target === undefined || returns.length < RETURNS_LEAST) return null
  const mean = returns.reduce((sum, value) => sum + value, 0) / returns.length
  const variance = returns.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (returns.length - 1)
  return Math.sqrt((variance * 365 * DAY_US) / widthUs) / Number(target) - 1
}

function moments(returns: Float64Array) {
  const n = returns.length
  const mean = returns.reduce((sum, value) => sum + value, 0) / n
  let [m2, m3, m4] = [0, 0, 0]
  for (const value of returns) {
    const d = value - mean
    m2 += d * d
    m3 += d ** 3
    m4 += d ** 4
  }
  m2 /= n
  return { n, mean, deviation: Math.sqrt(m2), skew: m3 / n / m2 ** 1.5, kurtosis: m4 / n / (m2 * m2) }
}

function sharpe(returns: Float64Array): number | null {
  if (returns.length < RETURNS_LEAST) return null
  const { mean, deviation } = moments(returns)
  return deviation > 0 ? mean / deviation : null
}

function deflated(returns: Float64Array, trialCount: number, variance: number): number | null {
  const ratio = sharpe(returns)
  if (ratio === null || (trialCount > 1 && variance === 0)) return null
  const { n, skew, kurtosis } = moments(returns)
  const value = probabilisticSharpe(ratio, expectedBestSharpe(trialCount, variance), n, skew, kurtosis)
  return Number.isNaN(value) ? null : value
}

/** Mean difference of returns over its bootstrap deviation (a quarter of the 95 % interval's width); null when too short. */
function differenceT(a: Float64Array, b: Float64Array, seed: number): number | null {
  const n = Math.min(a.length, b.length)
  if (n < RETURNS_LEAST) return null
  const difference = Float64Array.from({ length: n }, (_, i) => a[i]! - b[i]!)
  if (difference.every((value) => value === 0)) return 0
  const random = new Random(seed).fork('difference of profits')
  const { mean, low, high } = meanInterval(difference, () => random.uniform(), { resamples: 1000 })
  return high > low ? mean / ((high - low) / (2 * 1.96)) : null
}
