/** @file `gimbal paper`: a policy, live, against the simulated venue; the journal is continued where there is one. */

import { isoTime } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { JournalReader } from '../../journal/journalReader.ts'
import { Instrument, Universe } from '../../market/instrument.ts'
import { SimulatedVenueClient } from '../../venues/simulated/client.ts'
import { parseBreaker, type ResetWish, type ScopeNames, spellScope } from '../breakerNames.ts'
import { runPaper, wallClockUs } from '../paper.ts'
import { runData } from '../runData.ts'
import { loadForecasters, modelIds } from '../runModels.ts'
import {
  buildEngine,
  completePlan,
  DEFAULT_EXCHANGE,
  marginsFrom,
  planFromJson,
  planToJson,
  requireRunnable,
  riskFrom,
} from '../runPlan.ts'
import { count, EXIT, numberOption, pairs, type Terminal } from '../terminal.ts'
import { gimbalVersion } from '../version.ts'
import { venueData } from './venue.ts'

interface PaperCommandOptions {
  readonly venue: string
  readonly policy: string
  readonly set: readonly string[]
  readonly risk: readonly string[]
  readonly margin: readonly string[]
  readonly catalog?: string
  readonly account: string
  readonly journal: string
  readonly seed: string
  readonly seconds?: string
  readonly model: readonly string[]
  readonly models: string
  readonly reset: readonly string[]
  readonly who?: string
  readonly reason?: string
}

/** Status lines, one a second, as against what is out of the ordinary. */
const STATUS = /^(up|down) · /

export async function paper(terminal: Terminal, options: PaperCommandOptions): Promise<number> {
  const seed = numberOption(options.seed, '--seed', 0)
  const signed = signature(options)
  const abort = new AbortController()
  const universe = await universeOf(options)
  const names: ScopeNames = { universe, policyNames: [options.policy] }
  const resets: ResetWish[] = options.reset.map((text) => ({ ...parseBreaker(text, names), ...signed }))
  const models = modelIds(options.model, options.models)
  const plan = completePlan(
    {
      data: { from: 'feed' },
      policies: [{ name: options.policy, settings: pairs(options.set, '--set') }],
      risk: riskFrom(options.risk),
      exchange: DEFAULT_EXCHANGE,
      // Balances are what the venue says when the journal begins: they stand in its header.
      cash: {},
      seed,
      ...(models.length > 0 ? { models } : {}),
      ...marginsFrom(options.margin, universe),
    },
    universe,
  )
  // A run that will not start must not leave a journal that the next has to agree with.
  requireRunnable(plan, universe, loadForecasters(models, options.models).forecasters)
  const seconds = options.seconds === undefined ? undefined : numberOption(options.seconds, '--seconds', 0)
  const timer = seconds === undefined ? undefined : setTimeout(() => abort.abort(), seconds * 1000)
  try {
    const result = await runPaper({
      directory: options.journal,
      gimbalVersion: gimbalVersion(),
      universe,
      seed,
      settings: planToJson(plan),
      build: (header, ports) => {
        const recorded = planFromJson(header.settings)
        return buildEngine(
          { ...recorded, cash: header.cash, seed: header.seed },
          new Universe(header.instruments.map((spec) => new Instrument(spec))),
          { ...ports, ...loadForecasters(recorded.models, options.models) },
        )
      },
      venue: (run) =>
        new SimulatedVenueClient({ url: options.venue, account: options.account, run, universe, clock: wallClockUs }),
      durability: 'process',
      cancelOnExit: true,
      resets,
      print: (line) => (STATUS.test(line) ? terminal.progress(line) : terminal.notice(line)),
      signal: abort.signal,
      clock: wallClockUs,
    })
    terminal.progress('', true)
    terminal.line(`${options.policy} on ${options.venue}, until ${isoTime(wallClockUs()).slice(0, 19)}Z`)
    terminal.line(
      `  ${count(result.rows, 'row')}, ${count(result.orders, 'order')}, ${count(result.fills, 'fill')}; reconciled ${count(result.reconciliations.length, 'time')}`,
    )
    terminal.line(`  journal ${result.hash}`)
    terminal.line(`  state   ${result.state}`)
    terminal.line(`  check   gimbal replay ${options.journal}`)
    terminal.result({
      venue: options.venue,
      policy: options.policy,
      rows: result.rows,
      orders: result.orders,
      fills: result.fills,
      reconciliations: result.reconciliations.length,
      latched: result.latched.map(({ breaker, scope, act, sinceUs, measured, allowed, unit }) => ({
        breaker,
        scope: spellScope(scope, names),
        act,
        sinceUs,
        measured,
        allowed,
        unit,
      })),
      continued: result.recovered !== undefined,
      journal: { sha256: result.hash, directory: options.journal },
      state: result.state,
    })
    return EXIT.ok
  } finally {
    clearTimeout(timer)
  }
}

/** Who puts breakers back, and why. @throws {GimbalError} `argument-invalid` when one is there without the other. */
function signature({ reset, who = '', reason = '' }: PaperCommandOptions): Pick<ResetWish, 'who' | 'reason'> {
  const complete = reset.length > 0 ? who !== '' && reason !== '' : who === '' && reason === ''
  if (complete) return { who, reason }
  throw new GimbalError(
    'argument-invalid',
    'A reset is signed and explained: --reset NAME[:SCOPE] --who PERSON --reason TEXT',
    {
      reset: reset.join(' '),
      who,
      reason,
    },
  )
}

/** The instruments of the run: those of its journal, else those the venue plays, as `gimbal venue` would find them. */
async function universeOf(options: PaperCommandOptions): Promise<Universe> {
  const recorded = JournalReader.open(options.journal)?.header
  if (recorded) return new Universe(recorded.instruments.map((spec) => new Instrument(spec)))
  return (await runData(venueData(options.catalog, 0, 1), options.catalog ?? '')).universe
}
