/** @file `gimbal demo`, which is `npm start`: two policies on one market, and a page to look at. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { GimbalError } from '../../core/errors.ts'
import { renderReport } from '../../report/html.ts'
import { reportJson } from '../../report/runReport.ts'
import { defaultCash, type RunOutcome, runBacktestJob } from '../backtestRun.ts'
import { runData } from '../runData.ts'
import { completePlan, type DataPlan, DEFAULT_EXCHANGE, type RunPlan, riskFrom } from '../runPlan.ts'
import { count, EXIT, interruptible, lengthOption, numberOption, type Terminal, thousands } from '../terminal.ts'
import { gimbalVersion } from '../version.ts'
import { outcomeJson, printOutcome, progressText } from './backtest.ts'

interface DemoOptions {
  readonly catalog?: string
  readonly bars?: string
  readonly out: string
  readonly seed: string
  readonly minutes: string
}

export async function demo(terminal: Terminal, options: DemoOptions): Promise<number> {
  const seed = numberOption(options.seed, '--seed', 0)
  const hours = numberOption(options.minutes, '--minutes', 1) / 60
  const selection: DataPlan = options.catalog
    ? {
        from: 'catalog',
        instruments: [],
        fromUs: null,
        toUs: null,
        ...(options.bars ? { barUs: lengthOption(options.bars, '--bars') } : {}),
      }
    : { from: 'generated', seed, hours }
  const data = await runData(selection, options.catalog ?? '', (tape, rows) =>
    terminal.progress(`building the tape ${tape} of ${thousands(rows)} rows (once)`),
  )
  const instruments = data.universe.instruments
  terminal.notice(
    options.catalog
      ? `data: ${options.catalog}, ${count(instruments.length, 'instrument')}, ${count(data.rows ?? 0, 'row')} [${data.kind.toUpperCase()}]`
      : `data: a generated market of ${count(Number(options.minutes), 'minute')}, seed ${seed} [SYNTHETIC]; --catalog DIR runs on imported data`,
  )
  const cash = defaultCash(data)
  const outcomes: RunOutcome[] = []
  // In the generated market each has an instrument of its own; carry finds its pair of spot and perpetual by itself.
  const generated: Record<string, Record<string, string | number>> = {
    'market-maker': { instruments: 'ETH-USDC-PERP@generated-south' },
    carry: { fundingsMin: 2, capitalShare: 0.4 },
  }
  const plans = suitablePlans(
    data.quotable ? ['market-maker', 'carry', 'volatility-target'] : ['carry', 'volatility-target'],
    (policy) =>
      completePlan(
        {
          data: selection,
          policies: [{ name: policy, settings: options.catalog ? {} : (generated[policy] ?? {}) }],
          risk: riskFrom([]),
          exchange: DEFAULT_EXCHANGE,
          cash,
          seed,
        },
        data.universe,
      ),
  )
  await interruptible(async (signal) => {
    for (const [policy, plan] of plans) {
      if (signal.aborted) break
      const outcome = await runBacktestJob(plan, data, {
        title: `${policy} on ${options.catalog ? `${instruments.length} instruments` : 'a generated market'}`,
        gimbalVersion: gimbalVersion(),
        folder: join(options.out, policy),
        ledgerPath: join(options.out, 'trials.jsonl'),
        date: new Date().toISOString(),
        shuffleIo: false,
        signal,
        onProgress: (rows, share) => terminal.progress(progressText(policy, rows, share)),
      })
      terminal.progress('', true)
      printOutcome(terminal, outcome)
      outcomes.push(outcome)
    }
  })
  const interrupted = outcomes.some((outcome) => outcome.interrupted) || outcomes.length < plans.length
  mkdirSync(options.out, { recursive: true })
  const page = resolve(options.out, 'report.html')
  writeFileSync(page, renderReport(outcomes.map(({ report }) => report)))
  writeFileSync(join(options.out, 'report.json'), reportJson(outcomes.map(({ report }) => report)))
  terminal.line()
  terminal.line(`Open ${pathToFileURL(page)}`)
  terminal.line(
    'Every decision can be checked: npx gimbal replay ' +
      join(options.out, plans[0]![0], 'journal') +
      (options.catalog ? ` --catalog ${options.catalog}` : ''),
  )
  terminal.result({ page, runs: outcomes.map(outcomeJson) })
  return interrupted ? EXIT.interrupted : EXIT.ok
}

/** The first two of these policies that the data have instruments for; the reasons why not, when there is none. */
function suitablePlans(names: readonly string[], build: (name: string) => RunPlan): (readonly [string, RunPlan])[] {
  const plans: [string, RunPlan][] = []
  let reason: unknown
  for (const name of names) {
    if (plans.length === 2) break
    try {
      plans.push([name, build(name)])
    } catch (error) {
      // A policy that finds nothing to trade here is not one to show here; any other error is one.
      if (!(error instanceof GimbalError) || error.code !== 'config-invalid') throw error
      reason = error
    }
  }
  if (plans.length === 0) throw reason
  return plans
}
