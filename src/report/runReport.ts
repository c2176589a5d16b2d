/**
 * @file A run's report as plain data: the JSON twin of the page, and all the page is made from.
 *
 * Deterministic: the same run gives the same bytes, so neither wall time nor the machine is in it. Numbers are finite or
 * null, never NaN, and a null has its reason in `performance.notes`.
 */

import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { TrialEvidence } from '../research/sharpe.ts'
import type { CollectedRun } from './collector.ts'
import { percent } from './figures.ts'
import { type Performance, performance } from './performance.ts'

/** Raised when a field changes its meaning or goes; adding fields does not raise it. */
export const REPORT_SCHEMA_VERSION = 1

/** What the market data were: recorded from a market, recorded and served again, or generated. */
export type DataKind = 'real' | 'replayed' | 'synthetic'

/** One input of the run. */
export interface ReportSource {
  /** File or stream: `BTCUSDT_20240701.gz`, `BTC-USDT-PERP@binance-usdm/book`. */
  readonly name: string
  readonly kind: DataKind
  /** SHA-256 of the original file, hex; of the generator's settings for synthetic data. */
  readonly sha256: string
  readonly rows?: number
  /** Importer or generator, with its version: `binance-ws 1`. */
  readonly importer?: string
}

/** A sentence saying what was assumed, by the model that assumes it. */
export interface Assumption {
  /** `queue`, `latency`, `fees`, `funding`, `margin`, `bars`. */
  readonly about: string
  readonly text: string
}

/** What a run is, as its caller knows it. */
export interface RunFacts {
  /** Tells this run from others on the same page: `market-maker on BTC-USDT-PERP`. */
  readonly title: string
  readonly mode: 'backtest' | 'paper' | 'live'
  readonly gimbalVersion: string
  readonly seed: number
  readonly policies: readonly {
    readonly name: string
    readonly settings: Readonly<Record<string, string | number | boolean>>
  }[]
  /** Opening balances in whole units. */
  readonly cash: Readonly<Record<string, number>>
  readonly sources: readonly ReportSource[]
  /** SHA-256 over everything the run was fed, hex. */
  readonly dataHash: string
  readonly journal: { readonly sha256: string; readonly records?: number; readonly name?: string } | null
  /** Tape rows processed. */
  readonly rows: number
  /** From the exchange, latency, queue, fee and bars models, each in its own words. */
  readonly assumptions: readonly Assumption[]
  /** Limits and breakers in force, for the record. */
  readonly limits?: Readonly<Record<string, string | number | boolean>>
  /** From the trial ledger, after this run was added to it. */
  readonly trials: TrialEvidence
}

export interface RunReport {
  readonly schema: 'gimbal-run-report'
  readonly schemaVersion: number
  readonly facts: RunFacts
  /** `synthetic` as soon as one source is; else `replayed` as soon as one is. */
  readonly provenance: DataKind
  /** One or two sentences that claim no more than was measured. */
  readonly verdict: string
  readonly performance: Performance
  readonly run: CollectedRun
}

/**
 * Puts a report together.
 *
 * @throws {GimbalError} `argument-invalid` when the run saw no data at all, or for impossible trial evidence.
 */
export function buildRunReport(run: CollectedRun, facts: RunFacts): RunReport {
  if (!Number.isFinite(run.firstUs) || run.equity.close.every((value) => value === null)) {
    throw new GimbalError('argument-invalid', 'Nothing to report: equity was never known during this run', {
      rows: facts.rows,
      samples: run.samples,
    })
  }
  const judged = performance(
    {
      startEquity: run.startEquity,
      endEquity: run.endEquity,
      meanEquity: run.meanEquity,
      transfers: run.transfers,
      periodUs: run.lastUs - run.firstUs,
      clocks: run.clocks,
      drawdown: run.deepest,
      drawdownFromStart: run.deepestFromStart,
      longestUnderWaterUs: run.longestUnderWaterUs,
      turnover: run.turnover,
      costs: run.costs,
    },
    facts.trials,
  )
  const notes = [...judged.notes]
  if (run.unpricedSamples > 0) {
    notes.push(`Equity was unknown at ${run.unpricedSamples} of ${run.samples} samples, for want of a price.`)
  }
  if (run.optionsCarriedShare) {
    const share = percent(run.optionsCarriedShare, 1)
    notes.push(
      `Options were marked by a model ${share} of the time they were held: at the volatility of their last quote and the present price of their coin.`,
    )
  }
  const wrong = run.currencies.filter((each) => each.unexplainedAtoms !== 0)
  for (const { currency, unexplainedAtoms } of wrong) {
    notes.push(
      unexplainedAtoms === null
        ? `The books in ${currency} could not be closed: a position has no price.`
        : `The books in ${currency} do not add up: ${unexplainedAtoms} atoms are unexplained. Trust no figure here.`,
    )
  }
  const provenance = weakest(facts.sources.map((source) => source.kind))
  const performed = { ...judged, notes }
  return {
    schema: 'gimbal-run-report',
    schemaVersion: REPORT_SCHEMA_VERSION,
    facts,
    provenance,
    verdict: verdict(performed, run, provenance, facts),
    performance: performed,
    run,
  }
}

/** The report as JSON text, ending with a newline. The same report is always the same bytes. */
export function reportJson(reports: readonly RunReport[]): string {
  return `${JSON.stringify(reports)}\n`
}

/**
 * Reads {@link reportJson} back.
 *
 * @throws {GimbalError} `payload-invalid` when it is not one, or of another schema version.
 */
export function parseReports(text: string): readonly RunReport[] {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new GimbalError('payload-invalid', 'Not JSON', { start: text.slice(0, 40) }, { cause })
  }
  const reports = (Array.isArray(value) ? value : [value]) as Partial<RunReport>[]
  for (const report of reports) {
    if (report?.schema !== 'gimbal-run-report' || report.schemaVersion !== REPORT_SCHEMA_VERSION) {
      throw new GimbalError('payload-invalid', 'Not a run report this version can read', {
        schema: String(report?.schema),
        schemaVersion: String(report?.schemaVersion),
        expected: REPORT_SCHEMA_VERSION,
      })
    }
  }
  return reports as RunReport[]
}

function weakest(kinds: readonly DataKind[]): DataKind {
  // Unknown data are not presented as real.
  if (kinds.length === 0 || kinds.includes('synthetic')) return 'synthetic'
  return kinds.includes('replayed') ? 'replayed' : 'real'
}

/** `3 d 4 h`, `12 min`, `8.5 s`: two units at most. */
export function durationText(us: number): string {
  if (us < SECOND_US) return us < 1000 ? `${Math.round(us)} µs` : `${Math.round(us / 100) / 10} ms`
  if (us < MINUTE_US) return `${Math.round(us / 100_000) / 10} s`
  const units: [string, number][] = [
    ['d', DAY_US],
    ['h', HOUR_US],
    ['min', MINUTE_US],
    ['s', SECOND_US],
  ]
  const at = units.findIndex(([, size]) => us >= size)
  const [[unit, size], next] = [units[at]!, units[at + 1]]
  const fine = next ? next[1] : size
  // Rounded as a whole first, or 59 min 59.7 s would become 59 min 60 s.
  const whole = Math.round(us / fine) * fine
  if (at > 0 && whole >= units[at - 1]![1]) return durationText(whole)
  const head = Math.floor(whole / size)
  const rest = next ? Math.round((whole - head * size) / fine) : 0
  return rest > 0 && next ? `${head} ${unit} ${rest} ${next[0]}` : `${head} ${unit}`
}

/** Says what happened and what it is worth as evidence, in that order. */
function verdict(judged: Performance, run: CollectedRun, provenance: DataKind, facts: RunFacts): string {
  const period = durationText(judged.periodUs)
  const percent = Math.abs(judged.totalReturn) * 100
  const change = `${percent >= 0.01 ? percent.toFixed(2) : percent.toPrecision(2)} %`
  const moved = judged.profit > 0 ? `gained ${change}` : judged.profit < 0 ? `lost ${change}` : 'ended where it began'
  const what =
    run.fills.count === 0
      ? `No order was filled in ${period}.`
      : `After all costs the run ${moved} of its opening equity in ${period}.${held(judged, run)}`
  const generated =
    provenance === 'synthetic'
      ? ' The market was generated, so this shows how the machinery behaves and nothing about a real market.'
      : ''
  return `${what} ${evidence(judged, run)}${generated}${
    facts.mode === 'live' ? '' : ' Fills are simulated; the assumptions below say how.'
  }`
}

/** Smallest change of the opening coins' worth that is spoken of, as a share of opening equity. */
const COINS_SAID = 1e-4

/** What the opening coins did by themselves, and what is left without them: no trade earned the first. */
function held(judged: Performance, { totals: { collateral }, startEquity }: CollectedRun): string {
  if (Math.abs(collateral) < COINS_SAID * startEquity) return ''
  const rest = judged.profit - collateral
  const dollars = (value: number) =>
    `${Math.abs(value).toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 })} dollars`
  return ` The coins of the account ${collateral > 0 ? 'rose' : 'fell'} by ${dollars(collateral)}; all else ${rest < 0 ? 'lost' : 'gained'} ${dollars(rest)}.`
}

function evidence(judged: Performance, run: CollectedRun): string {
  const { sharpe } = judged
  if (run.fills.count === 0) return 'There is nothing to judge.'
  if (judged.profit <= 0) return 'No edge found.'
  if (judged.profit <= run.totals.collateral) return 'Trading itself earned nothing: no edge found.'
  if (!sharpe) return 'Whether that was more than luck cannot be told from this run.'
  const trials = sharpe.trialCount === 1 ? 'a single trial' : `the best of ${sharpe.trialCount} trials`
  // No run is certain; and the formula takes returns for independent, which trading makes them only roughly.
  const chance = sharpe.deflated > 0.999 ? 'over 99.9 %' : `${(sharpe.deflated * 100).toFixed(1)} %`
  if (sharpe.deflated >= 0.95) {
    return `Counted as ${trials}, its Sharpe ratio is above zero with probability ${chance}, taking its returns for independent: worth testing on data nothing was chosen on.`
  }
  return `Counted as ${trials}, its Sharpe ratio is above zero with probability ${chance}, short of 95 %: not told apart from luck.`
}
