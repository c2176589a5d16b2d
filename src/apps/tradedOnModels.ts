/**
 * @file Policies with and without a model, over the span the model was not fitted on.
 *
 * Both runs see the whole tape, so that every estimate has its past; only what happens from `judgedFromUs` on is compared, by
 * the change of equity between the same moments, after all costs.
 */

import { join } from 'node:path'
import { Random } from '../core/random.ts'
import type { Forecaster } from '../models/forecastDesk.ts'
import type { CollectedRun } from '../report/collector.ts'
import type { RunReport } from '../report/runReport.ts'
import { meanInterval } from '../research/dieboldMariano.ts'
import { expectedBestSharpe, probabilisticSharpe } from '../research/sharpe.ts'
import { TrialLedger } from '../research/trialLedger.ts'
import type { BacktestComparison } from '../research/verdict.ts'
import { defaultCash, type RunData, type RunOutcome, runBacktestJob } from './backtestRun.ts'
import { completePlan, type DataPlan, DEFAULT_EXCHANGE, type RunPlan, riskFrom, type Setting } from './runPlan.ts'

/** A policy and what it is told with and without models. */
export interface TradedPair {
  readonly policy: string
  /** Settings of both. */
  readonly settings: Readonly<Record<string, Setting>>
  /** Settings of the run with models, beyond those. */
  readonly modelSettings: Readonly<Record<string, Setting>>
}

export interface TradedJob {
  readonly pair: TradedPair
  /** Changes to the default limits, as `--risk` takes them. */
  readonly risk: readonly string[]
  readonly dataPlan: DataPlan
  readonly data: RunData
  readonly forecasters: readonly Forecaster[]
  readonly modelIds: readonly string[]
  readonly judgedFromUs: number
  readonly seed: number
  readonly folder: string
  readonly ledgerPath: string
  readonly date: string
  readonly gimbalVersion: string
  readonly signal: AbortSignal
  readonly onProgress: (text: string) => void
}

/** Runs a pair and compares what came of it. */
export async function tradeOnModels(
  job: TradedJob,
): Promise<{ comparison: BacktestComparison; outcomes: RunOutcome[] }> {
  const { pair, data, seed } = job
  const cash = defaultCash(data)
  const plan = (settings: Readonly<Record<string, Setting>>, models: readonly string[]): RunPlan =>
    completePlan(
      {
        data: job.dataPlan,
        policies: [{ name: pair.policy, settings }],
        risk: riskFrom(job.risk),
        exchange: DEFAULT_EXCHANGE,
        cash,
        seed,
        ...(models.length > 0 ? { models } : {}),
      },
      data.universe,
    )
  const run = (name: string, runPlan: RunPlan, forecasters: readonly Forecaster[]) =>
    runBacktestJob(runPlan, data, {
      title: `${pair.policy}, ${name}`,
      gimbalVersion: job.gimbalVersion,
      folder: join(job.folder, `${pair.policy}-${name.replaceAll(' ', '-')}`),
      ledgerPath: job.ledgerPath,
      date: job.date,
      shuffleIo: false,
      signal: job.signal,
      ...(forecasters.length > 0 ? { forecasters } : {}),
      onProgress: (_rows, share) =>
        job.onProgress(`${pair.policy} ${name}${Number.isNaN(share) ? '' : `: ${(100 * share).toFixed(0)} %`}`),
    })
  const without = await run('without the model', plan(pair.settings, []), [])
  const withModel = await run(
    'with the model',
    plan({ ...pair.settings, ...pair.modelSettings }, job.modelIds),
    job.forecasters,
  )
  const a = judgedSpan(withModel.report.run, job.judgedFromUs)
  const b = judgedSpan(without.report.run, job.judgedFromUs)
  const evidence = new TrialLedger(job.ledgerPath).evidence(familyOf(withModel.report), a.widthUs)
  const trialCount = evidence.trialCount
  const spread = evidence.sharpeVariance ?? 0
  return {
    comparison: {
      policy: pair.policy,
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
      differenceT: differenceT(a.returns, b.returns, seed),
      reportWith: join(withModel.folder, 'report.html'),
      reportWithout: join(without.folder, 'report.html'),
    },
    outcomes: [withModel, without],
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
