/** @file `gimbal demo`, which is `npm start`: research on a market, policies with and without its models, pages to look at. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { GimbalError } from '../../core/errors.ts'
import { renderReport } from '../../report/html.ts'
import { reportJson } from '../../report/runReport.ts'
import { defaultCash, type RunOutcome, runBacktestJob } from '../backtestRun.ts'
import { type Investigation, investigate, type ResearchOptions } from '../investigation.ts'
import { completePlan, DEFAULT_EXCHANGE, type RunPlan, riskFrom } from '../runPlan.ts'
import { EXIT, interruptible, type Terminal } from '../terminal.ts'
import { gimbalVersion } from '../version.ts'
import { outcomeJson, printOutcome, progressText } from './backtest.ts'
import { printResearch } from './research.ts'

interface DemoOptions {
  readonly catalog?: string
  readonly bars?: string
  readonly out: string
  readonly seed: string
  readonly minutes: string
}

/** What the research of a demonstration leaves out, to be done in a minute: `gimbal research` does it all. */
function researchOptions(options: DemoOptions): ResearchOptions {
  return {
    ...(options.catalog ? { catalog: options.catalog } : {}),
    ...(options.bars ? { bars: options.bars } : {}),
    instrument: [],
    seed: options.seed,
    minutes: options.minutes,
    feature: [],
    forecast: options.catalog ? [] : ['variance:30s', 'volume:30s'],
    configurations: '2',
    windows: '4',
    first: '0.4',
    slide: '0',
    groups: '4',
    placebos: true,
    trade: true,
    threads: '2',
    check: '1',
    risk: [],
    out: options.out,
    models: join(options.out, 'models'),
  }
}

export async function demo(terminal: Terminal, options: DemoOptions): Promise<number> {
  return await interruptible(async (signal) => {
    const found = await investigate(terminal, researchOptions(options), signal)
    if (!found) return EXIT.interrupted
    printResearch(terminal, found.result)
    const outcomes: RunOutcome[] = [...found.outcomes]
    const carry = carryPlan(found, Number(options.seed))
    if (carry && !signal.aborted) {
      outcomes.push(
        await runBacktestJob(carry, found.study.data, {
          title: 'carry',
          gimbalVersion: gimbalVersion(),
          folder: join(options.out, 'runs', 'carry'),
          ledgerPath: found.ledgerPath,
          date: new Date().toISOString(),
          shuffleIo: false,
          signal,
          onProgress: (rows, share) => terminal.progress(progressText('carry', rows, share)),
        }),
      )
      terminal.progress('', true)
    }
    for (const outcome of outcomes) {
      terminal.line()
      printOutcome(terminal, outcome)
    }
    mkdirSync(options.out, { recursive: true })
    const runs = resolve(options.out, 'report.html')
    writeFileSync(runs, renderReport(outcomes.map(({ report }) => report)))
    writeFileSync(join(options.out, 'report.json'), reportJson(outcomes.map(({ report }) => report)))
    const page = resolve(found.page)
    terminal.line()
    terminal.line(`Open ${pathToFileURL(page)}  what was learnt, and whether to believe it`)
    terminal.line(`Open ${pathToFileURL(runs)}  what was traded, run by run`)
    terminal.line(
      `Every decision can be checked: npx gimbal replay ${join(outcomes[0]!.folder, 'journal')} --models ${join(options.out, 'models')}${options.catalog ? ` --catalog ${options.catalog}` : ''}`,
    )
    terminal.result({ page, report: runs, verdict: found.result.verdict, runs: outcomes.map(outcomeJson) })
    return outcomes.some(({ interrupted }) => interrupted) || signal.aborted ? EXIT.interrupted : EXIT.ok
  })
}

/** Carry, where the data have a pair of spot and perpetual for it. */
function carryPlan({ study }: Investigation, seed: number): RunPlan | undefined {
  const { data, plan } = study
  try {
    return completePlan(
      {
        data: plan,
        policies: [{ name: 'carry', settings: plan.from === 'generated' ? { fundingsMin: 2, capitalShare: 0.4 } : {} }],
        risk: riskFrom([]),
        exchange: DEFAULT_EXCHANGE,
        cash: defaultCash(data),
        seed,
      },
      data.universe,
    )
  } catch (error) {
    // A policy that finds nothing to trade here is not one to show here; any other error is one.
    if (!(error instanceof GimbalError) || error.code !== 'config-invalid') throw error
    return undefined
  }
}
