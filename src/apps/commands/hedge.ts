/** @file `gimbal hedge`: a hedging study over a catalog or a generated market; with `--book`, hedges for a book. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { hedgeVerdict, renderHedgeStudy } from '../../report/hedgePage.ts'
import type { HedgeStudyResult } from '../../report/hedgeResult.ts'
import { runHedgeStudy, studyAsset } from '../hedgeStudy.ts'
import { runData } from '../runData.ts'
import { type DataPlan, riskFrom } from '../runPlan.ts'
import {
  EXIT,
  interruptible,
  lengthOption,
  money,
  numberOption,
  pairs,
  type Terminal,
  thousands,
  timeOption,
  wholeOption,
} from '../terminal.ts'
import { gimbalVersion } from '../version.ts'
import { progressText } from './backtest.ts'

export interface HedgeOptions {
  readonly catalog?: string
  readonly asset?: string
  readonly from?: string
  readonly to?: string
  readonly bars?: string
  readonly days: string
  readonly seed: string
  readonly set: readonly string[]
  readonly cash: readonly string[]
  readonly risk: readonly string[]
  readonly out: string
}

/** Runs the study and writes its page. */
export async function hedge(terminal: Terminal, options: HedgeOptions): Promise<number> {
  riskFrom(options.risk)
  const seed = numberOption(options.seed, '--seed', 0)
  const settings = pairs(options.set, '--set')
  const given = Object.entries(pairs(options.cash, '--cash')).map(
    ([currency, units]) => [currency, numberOption(units, `--cash ${currency}`, 0)] as const,
  )
  const dataPlan: DataPlan =
    options.catalog === undefined
      ? { from: 'generated-options', seed, days: wholeOption(options.days, '--days', 3) }
      : {
          from: 'catalog',
          // Chains of other assets would be read for nothing.
          instruments: options.asset === undefined ? [] : [`${options.asset}-*`],
          fromUs: options.from ? timeOption(options.from, '--from') : null,
          toUs: options.to ? timeOption(options.to, '--to') : null,
          ...(options.bars ? { barUs: lengthOption(options.bars, '--bars') } : {}),
        }
  const tell = (tape: string, rows: number) =>
    terminal.progress(`building the tape ${tape} of ${thousands(rows)} rows (once)`)
  let plan = dataPlan
  let data = await runData(plan, options.catalog ?? '', tell)
  const asset = studyAsset(data.universe, options.asset)
  if (plan.from === 'catalog' && options.asset === undefined) {
    plan = { ...plan, instruments: [`${asset}-*`] }
    data = await runData(plan, options.catalog ?? '', tell)
  }
  const folder = join(options.out, 'hedge')
  mkdirSync(folder, { recursive: true })
  const result = await interruptible((signal) =>
    runHedgeStudy({
      data,
      dataPlan: plan,
      asset,
      settings,
      risk: options.risk,
      ...(given.length > 0 ? { cash: Object.fromEntries(given) } : {}),
      seed,
      gimbalVersion: gimbalVersion(),
      date: new Date().toISOString(),
      folder,
      ledgerPath: join(options.out, 'trials.jsonl'),
      onProgress: (variant, rows, share) => terminal.progress(progressText(variant, rows, share)),
      signal,
    }),
  )
  terminal.progress('', true)
  if (result === undefined) {
    terminal.notice('interrupted: half a study compares nothing, so no page was written')
    return EXIT.interrupted
  }
  writeFileSync(join(folder, 'study.json'), `${JSON.stringify(result)}\n`)
  writeFileSync(join(folder, 'study.html'), renderHedgeStudy(result))
  printStudy(terminal, result, folder)
  terminal.result({ ...result, verdict: hedgeVerdict(result), page: join(folder, 'study.html') })
  return EXIT.ok
}

function printStudy(terminal: Terminal, result: HedgeStudyResult, folder: string): void {
  terminal.line(`${result.title}  [${result.provenance.toUpperCase()}]`)
  terminal.prose(hedgeVerdict(result), 2)
  terminal.line()
  const percent = (value: number | null, digits = 1) =>
    value === null || !Number.isFinite(value) ? '–' : `${(100 * value).toFixed(digits)} %`
  terminal.table(
    [
      'run',
      'profit',
      'variance',
      'worst 5 %',
      'hedging cost',
      'hedges traded',
      'margin',
      'σ to liq.',
      'residual',
      'risk',
    ],
    result.variants.map((each) => {
      const used = each.margin.map(({ maintenanceUseMax }) => maintenanceUseMax ?? 0)
      const near = each.margin.flatMap(({ distanceMin }) => (distanceMin === null ? [] : [distanceMin]))
      return [
        each.label,
        money(each.profit),
        percent(each.varianceShare),
        money(each.expectedShortfall),
        money(each.hedgeCost),
        money(each.hedgeTurnover),
        percent(used.length > 0 ? Math.max(...used) : null, 0),
        near.length > 0 ? Math.min(...near).toFixed(1) : '–',
        percent(each.explanation.residualShare, 2),
        String(each.riskEvents.count),
      ]
    }),
  )
  terminal.line()
  terminal.line(`  journals  ${result.variants.map(({ journal }) => journal.slice(0, 12)).join(' ')}`)
  terminal.line(`  page      ${join(folder, 'study.html')}`)
}
