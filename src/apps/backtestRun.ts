/** @file One backtest from tapes to journal and report: what `gimbal backtest` and `gimbal demo` share. */

import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Random } from '../core/random.ts'
import { bothObservers } from '../engine/bothObservers.ts'
import type { EngineParts, Observer } from '../engine/engine.ts'
import { marginAssumptions } from '../engine/marginDesk.ts'
import { FileJournal } from '../journal/fileJournal.ts'
import type { TapeIdentity } from '../journal/header.ts'
import { dollarLike, type Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import { MergedTape, type MergeInput, RecutTape } from '../market/tape.ts'
import type { Forecaster } from '../models/forecastDesk.ts'
import { RunCollector } from '../report/collector.ts'
import { renderReport } from '../report/html.ts'
import { score } from '../report/performance.ts'
import {
  type Assumption,
  buildRunReport,
  type DataKind,
  type ReportSource,
  type RunReport,
  reportJson,
} from '../report/runReport.ts'
import { settingsHash, TrialLedger } from '../research/trialLedger.ts'
import { BacktestLoop } from '../sim/backtest.ts'
import { type InSample, inSample, inSampleSentence, inSampleTitle } from './inSample.ts'
import { buildEngine, buildExchange, planToJson, type RunPlan, requireRunnable } from './runPlan.ts'

/** The data of a run, wherever they come from. */
export interface RunData {
  readonly universe: Universe
  /** A fresh set of readers, in the order of the merge; called once for each view. */
  inputs(): MergeInput[]
  readonly kind: DataKind
  /** Streams by instrument, in the order of the universe: what features can be made of. */
  readonly streams: readonly (readonly string[])[]
  /** Length of the bars replayed, µs; absent where there are none. */
  readonly barUs?: number
  /** Whether there are books or touches to quote on, rather than only bars. */
  readonly quotable: boolean
  readonly sources: readonly ReportSource[]
  readonly tapes: readonly TapeIdentity[]
  readonly dataHash: string
  /** Rows, when known beforehand: for progress. */
  readonly rows?: number
  readonly assumptions: readonly Assumption[]
}

export interface RunSettings {
  readonly title: string
  readonly gimbalVersion: string
  /** Folder of the run: `journal/`, `report.json`, `report.html`. Replaced when it holds an earlier run. */
  readonly folder: string
  readonly ledgerPath: string
  /** ISO time of the run for the trial ledger, read at the edge. */
  readonly date: string
  /** Cut tapes into batches of random sizes. */
  readonly shuffleIo: boolean
  /** Told now and then; the share of all rows is NaN where their number is not known. */
  readonly onProgress?: (rows: number, share: number) => void
  /** Ends the run early: what was run until then is journaled and reported. */
  readonly signal?: AbortSignal
  /** Models named by the plan, ready to run. */
  readonly forecasters?: readonly Forecaster[]
  /** Watches the run besides its report; told whose run it is before the first event. */
  readonly watcher?: Observer & { attach(parts: EngineParts): void }
}

export interface RunOutcome {
  readonly report: RunReport
  readonly journalHash: string
  readonly rows: number
  readonly seconds: number
  readonly folder: string
  readonly interrupted: boolean
  /** Which parts of the run its models were trained on; none is what makes it evidence. */
  readonly inSample: readonly InSample[]
}

/** Rows between two looks at the world: some fifty a second, and one where policies weigh chains of options. */
const ROWS_A_TURN = 1 << 12

/** Runs a plan over data and writes journal, JSON and page. */
export async function runBacktestJob(plan: RunPlan, data: RunData, settings: RunSettings): Promise<RunOutcome> {
  const { universe } = data
  // A run that will not start must not cost the journal of the one before.
  requireRunnable(plan, universe, settings.forecasters)
  mkdirSync(settings.folder, { recursive: true })
  const journalFolder = join(settings.folder, 'journal')
  if (existsSync(journalFolder)) rmSync(journalFolder, { recursive: true })
  const journal = FileJournal.create(
    journalFolder,
    {
      gimbal: settings.gimbalVersion,
      rows: 'reference',
      run: '',
      seed: plan.seed,
      cash: plan.cash,
      since: { fillId: 0, accountUs: 0 },
      instruments: universe.instruments.map(({ spec }) => spec),
      settings: planToJson(plan),
      tapes: data.tapes,
    },
    { durability: 'buffered' },
  )
  const exchange = buildExchange(plan, universe)
  const collector = new RunCollector()
  const engine = buildEngine(plan, universe, {
    journal,
    venue: exchange,
    observer: settings.watcher ? bothObservers(collector, settings.watcher) : collector,
    ...(settings.forecasters ? { forecasters: settings.forecasters } : {}),
  })
  collector.attach(engine)
  settings.watcher?.attach(engine)
  const cut = (inputs: MergeInput[], purpose: string): MergeInput[] => {
    if (!settings.shuffleIo) return inputs
    const random = new Random(plan.seed).fork(`shuffle-io/${purpose}`)
    return inputs.map((input) => ({ ...input, source: new RecutTape(input.source, () => random.integer(1, 4096)) }))
  }
  const venueTape = new MergedTape(cut(data.inputs(), 'venue'), 'venue')
  const received = new MergedTape(cut(data.inputs(), 'received'), 'received')
  const started = performance.now()
  const loop = new BacktestLoop(engine, exchange, venueTape, received)
  while (loop.run(ROWS_A_TURN) && !settings.signal?.aborted) {
    settings.onProgress?.(loop.rows, data.rows ? loop.rows / data.rows : Number.NaN)
    // Signals are heard between turns of the event loop only.
    await new Promise((resolve) => setImmediate(resolve))
  }
  const interrupted = settings.signal?.aborted === true
  const counts = loop.finish()
  const seconds = (performance.now() - started) / 1000
  venueTape.close()
  received.close()
  const journalHash = journal.close()
  const run = collector.finish(counts.lastUs)

  const names = plan.policies.map(({ name }) => name).join(' + ')
  const family = `${names} on ${data.dataHash.slice(0, 16)}`
  const ledger = new TrialLedger(settings.ledgerPath)
  const scored = score(run.clocks)
  const flat: Record<string, string | number | boolean> = {}
  for (const [index, policy] of plan.policies.entries()) {
    for (const [key, value] of Object.entries(policy.settings)) flat[`${index}.${policy.name}.${key}`] = value
  }
  flat['exchange'] = JSON.stringify(plan.exchange)
  flat['risk'] = JSON.stringify(planToJson(plan))
  ledger.append({
    date: settings.date,
    family,
    kind: 'backtest',
    policy: names,
    settingsHash: settingsHash(flat),
    dataHash: data.dataHash,
    seed: plan.seed,
    metric: 'sharpe',
    score: scored.sharpe,
    sharpe: scored.sharpe,
    returns: scored.returns,
    clockUs: scored.clockUs,
  })
  const assumptions: Assumption[] = [...data.assumptions]
  for (const [venue, sentences] of Object.entries(exchange.assumptions)) {
    for (const sentence of sentences) {
      const [about, ...rest] = sentence.split(': ')
      assumptions.push(
        rest.length > 0 ? { about: `${venue}: ${about}`, text: rest.join(': ') } : { about: venue, text: sentence },
      )
    }
  }
  for (const [venue, text] of Object.entries(marginAssumptions(universe, plan.margins ?? {})))
    assumptions.push({ about: `${venue}: margin watch`, text })
  const known = inSample(settings.forecasters ?? [], data.kind, run.firstUs, run.lastUs)
  for (const part of known) assumptions.unshift({ about: 'in sample', text: inSampleSentence(part) })
  const report = buildRunReport(run, {
    title: `${settings.title}${inSampleTitle(known)}${interrupted ? ', interrupted' : ''}`,
    mode: 'backtest',
    gimbalVersion: settings.gimbalVersion,
    seed: plan.seed,
    policies: plan.policies,
    cash: plan.cash,
    sources: data.sources,
    dataHash: data.dataHash,
    journal: { sha256: journalHash, records: journal.records, name: 'journal' },
    rows: counts.rows,
    assumptions,
    limits: flatLimits(plan),
    trials: ledger.evidence(family, scored.clockUs),
  })
  writeFileSync(join(settings.folder, 'report.json'), reportJson([report]))
  writeFileSync(join(settings.folder, 'report.html'), renderReport([report]))
  return { report, journalHash, rows: counts.rows, seconds, folder: settings.folder, interrupted, inSample: known }
}

/** Limits and breakers in force, one line each. */
function flatLimits(plan: RunPlan): Record<string, string | number> {
  const lines: Record<string, string | number> = {}
  const { limits, breakers } = plan.risk
  const shown = (value: number) => (Number.isFinite(value) ? value : 'none')
  for (const [key, value] of Object.entries(limits.instrument)) lines[`per instrument: ${key}`] = shown(value as number)
  for (const [key, value] of Object.entries(limits)) if (typeof value === 'number') lines[key] = shown(value)
  for (const { breaker, act, confirmations, cooldownUs: _, ...rest } of breakers) {
    const figures = Object.entries(rest).map(([key, value]) => `${key} ${value}`)
    lines[`breaker ${breaker}`] =
      `${act} after ${confirmations} read${confirmations === 1 ? '' : 's'}; ${figures.join(', ')}`
  }
  return lines
}

/**
 * Opening balances when none are given: 100,000 dollars in each dollar currency something settles in, and as much in
 * each coin, at the first price the tape shows for it.
 */
export function defaultCash(data: RunData): Record<string, number> {
  const { universe } = data
  const currencies = new Set(universe.instruments.map(({ settle }) => settle))
  const cash: Record<string, number> = {}
  for (const currency of currencies) if (dollarLike(currency)) cash[currency] = 100_000
  const coins = new Set([...currencies].filter((currency) => !dollarLike(currency)))
  if (coins.size === 0) return cash
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const tape = new MergedTape(data.inputs())
  while (coins.size > 0 && tape.advance()) {
    const index = tape.instrument
    const market = markets[index]!
    market.apply(tape.batch, tape.row, tape.timeUs)
    const { base, kind } = market.instrument.spec
    if (!coins.has(base) || kind === 'option' || !(market.markPrice > 0)) continue
    cash[base] = Number((100_000 / market.markPrice).toPrecision(3))
    coins.delete(base)
  }
  tape.close()
  return cash
}
