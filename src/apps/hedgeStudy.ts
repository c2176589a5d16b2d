/**
 * @file The hedging study: one policy that sells variance, run again and again over one tape, hedged differently each time.
 *
 * The subject is the hedge, so the policy sells whatever the price: its edges are set so that timing plays no part, unless told
 * otherwise. The book left alone trades the same options and never a hedge. Coins the account begins with are no part of it: they
 * are not hedged, and their price is taken out of every figure.
 */

import { join, relative } from 'node:path'
import { SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { SettingValue } from '../core/settings.ts'
import { atomsPerUnit, dollarLike, type Universe } from '../market/instrument.ts'
import { MergedTape } from '../market/tape.ts'
import type { HedgeStudyResult, HedgeVariant } from '../report/hedgeResult.ts'
import type { Assumption } from '../report/runReport.ts'
import { expectedShortfall } from '../research/hedging/riskMeasures.ts'
import { defaultCash, type RunData, runBacktestJob } from './backtestRun.ts'
import { HedgeRecorder, type OpeningCash } from './hedgeStudyRecorder.ts'
import { completePlan, type DataPlan, DEFAULT_EXCHANGE, type RunPlan, riskFrom } from './runPlan.ts'

/** The policy that is hedged. */
export const STUDY_POLICY = 'variance-premium'

/** Its settings in a study, under those given: sell at any price, never close for price, leave the collateral alone. */
export const STUDY_SETTINGS: Readonly<Record<string, SettingValue>> = {
  direction: 'sell',
  entryEdge: -1,
  exitEdge: 1,
  collateral: 'keep',
}

/** Rows of options further apart than this belong to two chains. */
const CHAIN_GAP_US = 120 * SECOND_US
const TAIL = 0.05

/** How one run hedges. */
export interface HedgeRule {
  readonly name: string
  readonly label: string
  readonly settings: Readonly<Record<string, SettingValue>>
  readonly hedges: readonly string[]
}

/**
 * The asset of a study: the one named, or the first that has options and something in dollars to hedge them with.
 *
 * @throws {GimbalError} `config-invalid`.
 */
export function studyAsset(universe: Universe, named?: string): string {
  const { instruments } = universe
  const bases = [...new Set(instruments.filter(({ kind }) => kind === 'option').map(({ spec }) => spec.base))]
  const found = bases.find((asset) => (named === undefined || asset === named) && hedgesOf(universe, asset).length > 0)
  if (found !== undefined) return found
  throw new GimbalError(
    'config-invalid',
    'A hedging study needs options of an asset and a perpetual or spot market of it',
    {
      asset: named ?? 'any',
      options: bases.join(' ') || 'none',
    },
  )
}

/** Instruments to hedge with: the first perpetual of each venue, then spot. */
function hedgesOf(universe: Universe, asset: string): string[] {
  const { instruments } = universe
  const suits = instruments.filter(({ spec }) => spec.base === asset && dollarLike(spec.quote))
  const perps = suits.filter(
    ({ kind, venue }, i) =>
      kind === 'perp' && suits.findIndex((each) => each.kind === 'perp' && each.venue === venue) === i,
  )
  return [...perps, ...suits.filter(({ kind }) => kind === 'spot')].map(({ id }) => id)
}

/** The runs of a study: left alone, then three rules over one hedge venue and over two. */
export function hedgeRules(universe: Universe, asset: string): HedgeRule[] {
  const known = hedgesOf(universe, asset)
  const one = known.slice(0, 1)
  const two = known.slice(0, 2)
  const rules = [
    { name: 'daily', label: 'daily', settings: { rule: 'interval', hedgeMinutes: 1440 } },
    { name: 'band', label: 'delta band', settings: { rule: 'band', bandShare: 0.02 } },
    { name: 'whalley-wilmott', label: 'Whalley-Wilmott', settings: { rule: 'whalley-wilmott' } },
  ]
  const over = (hedges: readonly string[], where: string, more: Readonly<Record<string, SettingValue>>): HedgeRule[] =>
    rules.map(({ name, label, settings }) => ({
      name: `${name}-${where}`,
      label: `${label}, ${where} venue${where === 'one' ? '' : 's'}`,
      settings: { ...settings, ...more, hedges: hedges.join(',') },
      hedges,
    }))
  return [
    {
      name: 'unhedged',
      label: 'left alone',
      // Ten times everything held: a band delta never reaches.
      settings: { rule: 'band', bandShare: 10, hedges: one.join(',') },
      hedges: [],
    },
    ...over(one, 'one', {}),
    ...(two.length > 1 ? over(two, 'two', { allocation: 'minimum-variance' }) : []),
  ]
}

/** Moments at which a chain of an asset had been told whole. */
export function chainTimes(data: RunData, asset: string): number[] {
  const option = data.universe.instruments.map(({ kind, spec }) => kind === 'option' && spec.base === asset)
  const times: number[] = []
  const tape = new MergedTape(data.inputs(), 'received')
  while (tape.advance()) {
    if (!option[tape.instrument]) continue
    const last = times.at(-1)
    if (last !== undefined && tape.timeUs - last <= CHAIN_GAP_US) times[times.length - 1] = tape.timeUs
    else times.push(tape.timeUs)
  }
  tape.close()
  return times
}

/** The opening balances as the replayed exchange deals them out: evenly over the venues that settle in a currency. */
export function openingCash(universe: Universe, cash: Readonly<Record<string, number>>): OpeningCash {
  const venues = [...new Set(universe.instruments.map(({ venue }) => venue))]
  const parts: Record<string, Record<string, number>> = {}
  for (const [currency, units] of Object.entries(cash)) {
    const settling = venues.filter((venue) =>
      universe.instruments.some((each) => each.venue === venue && each.settle === currency),
    )
    const takers = settling.length > 0 ? settling : venues.slice(0, 1)
    const atoms = Math.round(units * atomsPerUnit(currency))
    const even = Math.floor(atoms / takers.length)
    for (const [rank, venue] of takers.entries()) {
      const part = rank === 0 ? atoms - even * (takers.length - 1) : even
      parts[venue] = { ...parts[venue], [currency]: part / atomsPerUnit(currency) }
    }
  }
  return parts
}

/** What a study is asked. */
export interface StudyRequest {
  readonly data: RunData
  readonly dataPlan: DataPlan
  readonly asset: string
  /** Settings of the policy, over those of the study. */
  readonly settings: Readonly<Record<string, SettingValue>>
  /** Changes of the gate, as `--risk` takes them. */
  readonly risk: readonly string[]
  readonly cash?: Readonly<Record<string, number>>
  readonly seed: number
  readonly gimbalVersion: string
  readonly date: string
  /** Runs go to `FOLDER/<variant>`; the page lies in FOLDER. */
  readonly folder: string
  readonly ledgerPath: string
  readonly onProgress?: (variant: string, rows: number, share: number) => void
  readonly signal?: AbortSignal
}

/**
 * Runs a study.
 *
 * @throws {GimbalError} `config-invalid` for settings or data that do not suit; `run-interrupted` is not thrown: see `undefined`.
 * @returns Undefined when it was interrupted: half a study compares nothing.
 */
export async function runHedgeStudy(request: StudyRequest): Promise<HedgeStudyResult | undefined> {
  const { data, asset } = request
  const cash = request.cash ?? defaultCash(data)
  const opening = openingCash(data.universe, cash)
  const snapshotsUs = chainTimes(data, asset)
  if (snapshotsUs.length < 3)
    throw new GimbalError('config-invalid', 'A hedging study needs at least three chains to measure between', {
      asset,
      chains: snapshotsUs.length,
    })
  const risk = riskFrom(request.risk)
  const rules = hedgeRules(data.universe, asset)
  // Every plan is made before any is run: a setting that makes no sense is found at once.
  const plans = rules.map(({ settings }) =>
    completePlan(
      {
        data: request.dataPlan,
        policies: [{ name: STUDY_POLICY, settings: { ...STUDY_SETTINGS, ...request.settings, asset, ...settings } }],
        risk,
        exchange: DEFAULT_EXCHANGE,
        cash,
        seed: request.seed,
      },
      data.universe,
    ),
  )
  const variants: HedgeVariant[] = []
  let trials = 0
  let seconds = 0
  let assumptions: readonly Assumption[] = []
  for (const [i, rule] of rules.entries()) {
    const ran = await runVariant(request, rule, plans[i]!, snapshotsUs, opening, variants[0])
    if (ran === undefined) return undefined
    variants.push(ran.variant)
    trials = ran.trials
    seconds += ran.variant.seconds
    assumptions = ran.assumptions
  }
  return {
    schema: 'gimbal-hedge-study',
    schemaVersion: 1,
    gimbalVersion: request.gimbalVersion,
    title: `Short variance on ${asset}, hedged ${variants.length} ways`,
    provenance: data.kind,
    asset,
    snapshotsUs,
    seed: request.seed,
    dataHash: data.dataHash,
    sources: data.sources,
    trials,
    variants,
    assumptions: [...STUDY_ASSUMPTIONS, ...assumptions],
    seconds,
  }
}

const STUDY_ASSUMPTIONS: readonly Assumption[] = [
  {
    about: 'profit',
    text: 'change of equity beyond that of the coins the account began with, from the first chain of the run to the last',
  },
  {
    about: 'two venues',
    text: 'the mixture of least variance at the policy’s aversion to risk, learnt from the run’s own prices: it trades only where the variance taken away is worth the cost, so in a quiet span it may hold nothing and equal the book left alone',
  },
  {
    about: 'explanation',
    text: 'each hour and at each chain, with the marks the ledger reckons with; between chains options move with the coin and with time at the volatility last told, so what volatility did shows at the chain that tells it. The index of a chain and the spot price are neither of one venue nor of the same second: the difference shows as basis',
  },
  {
    about: 'margin',
    text: 'Deribit’s standard and portfolio margin on the options account with premiums paid and received; perpetuals by the tiers of their instruments; no transfers between venues',
  },
  {
    about: 'gate',
    text: 'limits and breakers at their defaults, unless told otherwise; the policy trades on quotes of the last seconds only',
  },
]

async function runVariant(
  request: StudyRequest,
  rule: HedgeRule,
  plan: RunPlan,
  snapshotsUs: readonly number[],
  opening: OpeningCash,
  alone: HedgeVariant | undefined,
): Promise<{ variant: HedgeVariant; trials: number; assumptions: readonly Assumption[] } | undefined> {
  const { data, asset, signal } = request
  const recorder = new HedgeRecorder({ asset, snapshotsUs, openingCash: opening })
  const folder = join(request.folder, rule.name)
  const outcome = await runBacktestJob(plan, data, {
    title: `${STUDY_POLICY} on ${asset}, ${rule.label}`,
    gimbalVersion: request.gimbalVersion,
    folder,
    ledgerPath: request.ledgerPath,
    date: request.date,
    shuffleIo: false,
    watcher: recorder,
    onProgress: (rows, share) => request.onProgress?.(rule.label, rows, share),
    ...(signal ? { signal } : {}),
  })
  if (outcome.interrupted) return undefined
  const { report } = outcome
  const recorded = recorder.finish()
  const { equity, own, costs } = recorded
  const first = own.find((each) => !Number.isNaN(each)) ?? Number.NaN
  const curve = own.map((each) => (Number.isNaN(each) ? null : each - first))
  const changes = changesOf(curve)
  const variance = varianceOf(changes)
  const known = equity.filter((each) => !Number.isNaN(each))
  return {
    trials: report.facts.trials.trialCount,
    assumptions: report.facts.assumptions,
    variant: {
      name: rule.name,
      label: rule.label,
      rule: String(plan.policies[0]!.settings['rule']),
      hedges: rule.hedges,
      settings: plan.policies[0]!.settings,
      journal: outcome.journalHash,
      folder: relative(request.folder, folder),
      seconds: outcome.seconds,
      equityStart: known[0] ?? Number.NaN,
      equityEnd: known.at(-1) ?? Number.NaN,
      profit: curve.findLast((each) => each !== null) ?? Number.NaN,
      curve,
      variance,
      varianceShare: alone === undefined ? 1 : variance / alone.variance,
      expectedShortfall: changes.length > 0 ? expectedShortfall(changes, TAIL) : Number.NaN,
      worst: changes.length > 0 ? Math.min(...changes) : Number.NaN,
      costs,
      hedgeCost: costs.hedgeFees + costs.hedgeSlippage + costs.funding,
      optionTurnover: recorded.optionTurnover,
      hedgeTurnover: recorded.hedgeTurnover,
      hedgeTrades: recorded.hedgeTrades,
      soldMax: recorded.soldMax,
      optionsCarriedShare: report.run.optionsCarriedShare,
      explanation: recorded.explanation,
      margin: recorded.margin,
      riskEvents: report.run.riskEvents,
      refused: report.run.orders.refusalsByLimit,
    },
  }
}

/** Changes from one snapshot to the next, where both are known. */
export function changesOf(curve: readonly (number | null)[]): number[] {
  return curve.slice(1).flatMap((each, i) => (each === null || curve[i] === null ? [] : [each - curve[i]!]))
}

/** Sample variance; NaN of fewer than two. */
export function varianceOf(changes: readonly number[]): number {
  const mean = changes.reduce((sum, each) => sum + each, 0) / changes.length
  return changes.reduce((sum, each) => sum + (each - mean) ** 2, 0) / (changes.length - 1)
}
