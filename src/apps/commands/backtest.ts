/** @file `gimbal backtest`: a policy over a catalog, with journal and report. */

import { join } from 'node:path'
import { GimbalError } from '../../core/errors.ts'
import { readSettings } from '../../core/settings.ts'
import { POLICIES } from '../../policies/registry.ts'
import { queueModelNamed } from '../../sim/queueModels.ts'
import { defaultCash, type RunOutcome, runBacktestJob } from '../backtestRun.ts'
import { inSampleSentence } from '../inSample.ts'
import { runData } from '../runData.ts'
import { loadForecasters, modelIds } from '../runModels.ts'
import {
  completePlan,
  type DataPlan,
  DEFAULT_EXCHANGE,
  latencyNamed,
  marginsFrom,
  type RunPlan,
  riskFrom,
} from '../runPlan.ts'
import {
  count,
  EXIT,
  interruptible,
  lengthOption,
  money,
  numberOption,
  pairs,
  span,
  type Terminal,
  thousands,
  timeOption,
} from '../terminal.ts'
import { gimbalVersion } from '../version.ts'

interface BacktestOptions {
  readonly catalog: string
  readonly policy: string
  readonly instrument: readonly string[]
  readonly set: readonly string[]
  readonly cash: readonly string[]
  readonly from?: string
  readonly to?: string
  readonly bars?: string
  readonly seed: string
  readonly queue: string
  readonly latency: string
  readonly risk: readonly string[]
  readonly margin: readonly string[]
  readonly shuffleIo?: boolean
  readonly model: readonly string[]
  readonly models: string
  readonly out: string
}

export async function backtest(terminal: Terminal, options: BacktestOptions): Promise<number> {
  // Wrong settings are found before any tape is opened.
  const risk = riskFrom(options.risk)
  queueModelNamed(options.queue)
  latencyNamed(options.latency)
  const seed = numberOption(options.seed, '--seed', 0)
  checkPolicy(options.policy, pairs(options.set, '--set'))
  const models = modelIds(options.model, options.models)
  const selection: DataPlan = {
    from: 'catalog',
    instruments: options.instrument,
    fromUs: options.from ? timeOption(options.from, '--from') : null,
    toUs: options.to ? timeOption(options.to, '--to') : null,
    ...(options.bars ? { barUs: lengthOption(options.bars, '--bars') } : {}),
  }
  const data = await runData(selection, options.catalog, (tape, rows) =>
    terminal.progress(`building the tape ${tape} of ${thousands(rows)} rows (once)`),
  )
  const given = pairs(options.cash, '--cash')
  const cash =
    options.cash.length > 0
      ? Object.fromEntries(
          Object.entries(given).map(([currency, units]) => [currency, numberOption(units, `--cash ${currency}`, 0)]),
        )
      : defaultCash(data)
  const plan: RunPlan = completePlan(
    {
      data: selection,
      policies: [{ name: options.policy, settings: pairs(options.set, '--set') }],
      risk,
      exchange: { ...DEFAULT_EXCHANGE, queue: options.queue, latency: options.latency },
      cash,
      seed,
      ...(models.length > 0 ? { models } : {}),
      ...marginsFrom(options.margin, data.universe),
    },
    data.universe,
  )
  const instruments = data.universe.instruments.map(({ id }) => id)
  const outcome = await interruptible((signal) =>
    runBacktestJob(plan, data, {
      title: `${options.policy} on ${instruments.length > 3 ? `${instruments.length} instruments` : instruments.join(', ')}`,
      gimbalVersion: gimbalVersion(),
      folder: join(options.out, options.policy),
      ledgerPath: join(options.out, 'trials.jsonl'),
      date: new Date().toISOString(),
      shuffleIo: options.shuffleIo === true,
      ...loadForecasters(models, options.models),
      signal,
      onProgress: (rows, share) => terminal.progress(progressText(options.policy, rows, share)),
    }),
  )
  terminal.progress('', true)
  for (const part of outcome.inSample) terminal.notice(`IN SAMPLE: ${inSampleSentence(part)}`)
  printOutcome(terminal, outcome)
  terminal.line(`  check   gimbal replay ${outcome.folder} --catalog ${options.catalog}`)
  terminal.result(outcomeJson(outcome))
  return outcome.interrupted ? EXIT.interrupted : EXIT.ok
}

/** As `buildPolicy` would, as far as it can be judged without knowing the instruments. @throws {GimbalError} `config-invalid`. */
function checkPolicy(name: string, given: Readonly<Record<string, string>>): void {
  if (Object.hasOwn(POLICIES, name)) readSettings(`policy ${name}`, POLICIES[name]!.settings, given)
  else
    throw new GimbalError('config-invalid', 'No such policy', { asked: name, known: Object.keys(POLICIES).join(' ') })
}

export function progressText(policy: string, rows: number, share: number): string {
  return `${policy}: ${thousands(rows)} rows${Number.isNaN(share) ? '' : `, ${(share * 100).toFixed(0)} %`}`
}

/** A run in a few lines: what it was, what came of it, where to look. */
export function printOutcome(terminal: Terminal, outcome: RunOutcome): void {
  const { report, journalHash, rows, seconds } = outcome
  const { performance: judged, run } = report
  terminal.line(`${report.facts.title}  [${report.provenance.toUpperCase()}]`)
  terminal.prose(report.verdict, 2)
  terminal.line(
    `  equity  ${money(judged.startEquity)} → ${money(judged.endEquity)} dollars, worst drawdown ${(judged.drawdown.fraction * 100).toFixed(2)} %`,
  )
  terminal.line(
    `  traded  ${money(judged.turnover)} dollars, at a cost of ${money(run.costs)} dollars; ${count(run.riskEvents.count, 'risk event')}`,
  )
  if (judged.sharpe) {
    terminal.line(
      `  Sharpe  ${judged.sharpe.perReturn.toFixed(3)} per return of ${span(judged.sharpe.clockUs)}, over ${judged.sharpe.returns} of them; deflated probability ${judged.sharpe.deflated.toFixed(2)} after ${count(judged.sharpe.trialCount, 'trial')}`,
    )
  }
  terminal.line(
    `  run     ${count(rows, 'row')} in ${seconds.toFixed(1)} s (${thousands(Math.round(rows / seconds))} rows/s)${outcome.interrupted ? ', INTERRUPTED' : ''}`,
  )
  terminal.line(`  journal ${journalHash}`)
  terminal.line(`  report  ${join(outcome.folder, 'report.html')}`)
}

export function outcomeJson(outcome: RunOutcome): object {
  const { report, journalHash, rows, seconds, folder } = outcome
  return {
    title: report.facts.title,
    provenance: report.provenance,
    verdict: report.verdict,
    journal: { sha256: journalHash, directory: join(folder, 'journal') },
    report: { html: join(folder, 'report.html'), json: join(folder, 'report.json') },
    rows,
    seconds,
    interrupted: outcome.interrupted,
    inSample: outcome.inSample,
    performance: report.performance,
    seed: report.facts.seed,
    dataHash: report.facts.dataHash,
  }
}
