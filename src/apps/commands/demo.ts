/** @file `gimbal demo`, which is `npm start`: two policies on one market, and a page to look at. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { renderReport } from '../../report/html.ts'
import { reportJson } from '../../report/runReport.ts'
import { defaultCash, type RunOutcome, runBacktestJob } from '../backtestRun.ts'
import { runData } from '../runData.ts'
import { completePlan, type DataPlan, DEFAULT_EXCHANGE, riskFrom } from '../runPlan.ts'
import { count, EXIT, interruptible, numberOption, type Terminal, thousands } from '../terminal.ts'
import { gimbalVersion } from '../version.ts'
import { outcomeJson, printOutcome, progressText } from './backtest.ts'

interface DemoOptions {
  readonly catalog?: string
  readonly out: string
  readonly seed: string
  readonly minutes: string
}

export async function demo(terminal: Terminal, options: DemoOptions): Promise<number> {
  const seed = numberOption(options.seed, '--seed', 0)
  const hours = numberOption(options.minutes, '--minutes', 1) / 60
  const selection: DataPlan = options.catalog
    ? { from: 'catalog', instruments: [], fromUs: null, toUs: null }
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
  await interruptible(async (signal) => {
    for (const policy of ['market-maker', 'carry']) {
      if (signal.aborted) break
      const plan = completePlan(
        {
          data: selection,
          policies: [{ name: policy, settings: options.catalog ? {} : generated[policy]! }],
          risk: riskFrom([]),
          exchange: DEFAULT_EXCHANGE,
          cash,
          seed,
        },
        data.universe,
      )
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
  const interrupted = outcomes.some((outcome) => outcome.interrupted) || outcomes.length < 2
  mkdirSync(options.out, { recursive: true })
  const page = resolve(options.out, 'report.html')
  writeFileSync(page, renderReport(outcomes.map(({ report }) => report)))
  writeFileSync(join(options.out, 'report.json'), reportJson(outcomes.map(({ report }) => report)))
  terminal.line()
  terminal.line(`Open ${pathToFileURL(page)}`)
  terminal.line(
    'Every decision can be checked: gimbal replay ' +
      join(options.out, 'market-maker', 'journal') +
      (options.catalog ? ` --catalog ${options.catalog}` : ''),
  )
  terminal.result({ page, runs: outcomes.map(outcomeJson) })
  return interrupted ? EXIT.interrupted : EXIT.ok
}
