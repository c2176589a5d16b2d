/** @file `gimbal hedge`: a hedging study over a catalog or a generated market; with `--book`, hedges for a book. */

import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GimbalError } from '../../core/errors.ts'
import { hedgeVerdict, renderHedgeStudy } from '../../report/hedgePage.ts'
import type { HedgeStudyResult } from '../../report/hedgeResult.ts'
import { frameOf, openDesk, printFrame } from '../desk/deskInput.ts'
import { DEFAULT_WISH, type HedgeProposal, proposeHedges } from '../hedgeProposal.ts'
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
  readonly book?: string
  readonly chain?: string
  readonly market?: string
  readonly at?: string
  readonly target: readonly string[]
}

/** @throws {GimbalError} `argument-invalid` for options of the one question put to the other. */
export async function hedge(terminal: Terminal, options: HedgeOptions): Promise<number> {
  if (options.book !== undefined) return propose(terminal, options, options.book)
  for (const name of ['chain', 'market', 'at'] as const)
    if (options[name] !== undefined)
      throw new GimbalError('argument-invalid', `--${name} belongs to --book`, { given: options[name] })
  return study(terminal, options)
}

/** What to trade now to hedge a book. Exit code 3 when an account could be liquidated afterwards, or something cannot be hedged. */
async function propose(terminal: Terminal, options: HedgeOptions, path: string): Promise<number> {
  const { catalog, chain, market: given, at, bars, seed, out } = options
  const targets = Object.fromEntries(
    Object.entries(pairs(options.target, '--target')).map(([asset, units]) => [
      asset,
      numberOption(units, `--target ${asset}`),
    ]),
  )
  const desk = await openDesk(terminal, {
    book: path,
    ...(catalog === undefined ? {} : { catalog }),
    ...(chain === undefined ? {} : { chain }),
    ...(given === undefined ? {} : { market: given }),
    ...(at === undefined ? {} : { at }),
    ...(bars === undefined ? {} : { bars }),
    seed,
    out,
  })
  const { market, book } = desk
  const wish = { ...DEFAULT_WISH, targets }
  const proposal = proposeHedges(book, market.view, wish)
  printFrame(terminal, frameOf(market, desk))
  printProposal(terminal, proposal)
  terminal.result({ ...frameOf(market, desk), wish, proposal })
  const sound =
    proposal.unpriced.length === 0 &&
    proposal.margin.every(({ liquidatableAfter }) => !liquidatableAfter) &&
    proposal.assets.every(({ refusal }) => refusal === '')
  return sound ? EXIT.ok : EXIT.found
}

const figure = (value: number, digits = 5) => (Number.isFinite(value) ? String(Number(value.toPrecision(digits))) : '–')

function printProposal(terminal: Terminal, { assets, margin, cost, fundingPerDay }: HedgeProposal): void {
  terminal.line()
  terminal.table(
    ['asset', 'price', 'delta', 'after', 'wanted', 'gamma', 'vega', 'theta', 'σ a day $', 'after'],
    assets.map((each) => [
      each.asset,
      figure(each.price, 7),
      figure(each.before.delta),
      figure(each.after.delta),
      figure(each.target),
      figure(each.after.gamma),
      figure(each.after.vega),
      figure(each.after.theta),
      money(each.deviationBefore),
      money(each.deviationAfter),
    ]),
  )
  for (const { asset, refusal, volatilityAssumed, volatility } of assets) {
    if (refusal !== '') terminal.prose(`${asset} is not hedged: ${refusal}`, 2)
    else if (volatilityAssumed)
      terminal.prose(`${asset}: no options tell its volatility; ${volatility} a year is assumed`, 2)
  }
  const trades = assets.flatMap((each) => each.trades)
  terminal.line()
  if (trades.length === 0) terminal.line('Nothing is worth trading.')
  else
    terminal.table(
      ['trade', 'venue', 'units', 'dollars', 'price', 'spread', 'fee', 'impact', 'funding a day'],
      trades.map((each) => [
        `${each.units > 0 ? 'buy' : 'sell'} ${each.asset} perpetual`,
        each.venue,
        figure(Math.abs(each.units)),
        money(Math.abs(each.notional)),
        figure(each.price, 7),
        money(each.spread),
        money(each.fee),
        money(each.impact),
        money(each.fundingPerDay),
      ]),
    )
  terminal.line(`cost ${money(cost)} dollars; funding paid ${money(fundingPerDay)} dollars a day`)
  terminal.line()
  terminal.table(
    ['account', 'rules', 'initial $', 'after', 'maint $', 'after', 'equity $', 'after'],
    margin.map((each) => [
      each.venue,
      each.engine,
      money(each.initialBefore),
      money(each.initialAfter),
      money(each.maintenanceBefore),
      money(each.maintenanceAfter),
      money(each.equityBefore),
      money(each.equityAfter),
    ]),
  )
  for (const { venue, liquidatableAfter } of margin)
    if (liquidatableAfter) terminal.prose(`${venue} COULD BE LIQUIDATED after these trades`, 2)
}

/** Runs the study and writes its page. */
async function study(terminal: Terminal, options: HedgeOptions): Promise<number> {
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
