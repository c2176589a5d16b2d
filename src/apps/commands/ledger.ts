/** @file `gimbal ledger`: every trial so far, by family, and what that makes of the best of them. */

import { existsSync, readFileSync } from 'node:fs'
import { z } from 'zod'
import { GimbalError } from '../../core/errors.ts'
import type { TrialEvidence } from '../../research/sharpe.ts'
import { lowerIsBetter, type Trial, TrialLedger } from '../../research/trialLedger.ts'
import { count, EXIT, type Terminal } from '../terminal.ts'

interface LedgerOptions {
  readonly ledger: string
  readonly family?: string
  readonly report?: string
}

/** One family of trials, summed up. */
interface FamilySummary {
  readonly family: string
  readonly metric: string
  readonly trials: number
  readonly lines: number
  readonly best: number | null
  readonly bestBy: string
  readonly last: string
}

export async function ledger(terminal: Terminal, options: LedgerOptions): Promise<number> {
  if (!existsSync(options.ledger))
    throw new GimbalError('file-missing', 'No ledger of trials there', {
      path: options.ledger,
      remedy: 'it is written by every run that scores something, beside its report',
    })
  const kept = new TrialLedger(options.ledger)
  if (options.report) return confirm(terminal, kept, options.report)
  const trials = kept.trials().filter(({ family }) => !options.family || family.includes(options.family))
  const families = summarise(trials)
  const openings = kept.holdOutOpenings()
  terminal.line(
    `${count(trials.length, 'line')} of ${count(families.length, 'family', 'families')}; the chain of hashes is whole`,
  )
  terminal.table(
    ['family', 'metric', 'trials', 'best', 'by', 'last'],
    families.map(({ family, metric, trials: n, best, bestBy, last }) => [
      family,
      metric,
      n,
      best === null ? '–' : best.toPrecision(5),
      bestBy,
      last.slice(0, 19),
    ]),
  )
  for (const { name, by, date, again } of openings)
    terminal.line(`hold-out ${name} opened ${date.slice(0, 19)} by ${by}${again ? ', NOT for the first time' : ''}`)
  terminal.result({ ledger: options.ledger, lines: trials.length, families, openings })
  return EXIT.ok
}

/** Whether a report's number of trials is what the ledger said at the time. */
function confirm(terminal: Terminal, kept: TrialLedger, path: string): number {
  const evidence = evidenceOf(path)
  const confirmed = kept.confirms(evidence)
  terminal.line(
    confirmed
      ? `${path} tells of ${count(evidence.trialCount, 'trial')} of ${evidence.family}: the ledger had no more when it was written`
      : `${path} is NOT what this ledger said: there were more trials of ${evidence.family} than ${evidence.trialCount}, or the ledger was cut, or it is another one`,
  )
  terminal.result({ report: path, confirmed, evidence })
  return confirmed ? EXIT.ok : EXIT.found
}

const RunEvidence = z.object({
  facts: z.object({
    trials: z.object({ family: z.string(), trialCount: z.number(), ledgerHead: z.string().nullable() }),
  }),
})
const ResearchEvidence = z.object({ family: z.string(), trialCount: z.number(), ledgerHead: z.string().nullable() })

/** @throws {GimbalError} `file-missing`, `file-invalid`. */
function evidenceOf(path: string): TrialEvidence {
  if (!existsSync(path)) throw new GimbalError('file-missing', 'No report there', { path })
  const invalid = (reason: string) =>
    new GimbalError('file-invalid', 'Not a report that tells of trials', { file: path, reason })
  let report: unknown
  try {
    report = JSON.parse(readFileSync(path, 'utf8'))
  } catch {
    throw invalid('it is not JSON')
  }
  const found = RunEvidence.safeParse(report).data?.facts.trials ?? ResearchEvidence.safeParse(report).data
  if (!found) throw invalid('it quotes no ledger')
  // What `confirms` goes by; the spread of ratios is reckoned from the ledger alone.
  return { ...found, sharpeVariance: null, clockUs: 1 }
}

function summarise(trials: readonly Trial[]): FamilySummary[] {
  const groups = new Map<string, Trial[]>()
  for (const trial of trials) {
    const key = `${trial.family}\n${trial.metric}`
    const group = groups.get(key) ?? []
    groups.set(key, group)
    group.push(trial)
  }
  return [...groups.values()].map((group) => {
    const { family, metric } = group[0]!
    const lower = lowerIsBetter(metric)
    const scored = group.filter(({ score }) => score !== null)
    const best = scored.reduce<Trial | undefined>(
      (kept, trial) => (!kept || (lower ? trial.score! < kept.score! : trial.score! > kept.score!) ? trial : kept),
      undefined,
    )
    const distinct = new Set(
      group.map(({ policy, settingsHash, dataHash, seed }) => `${policy} ${settingsHash} ${dataHash} ${seed}`),
    )
    return {
      family,
      metric,
      trials: distinct.size,
      lines: group.length,
      best: best?.score ?? null,
      bestBy: best?.policy ?? '',
      last: group.at(-1)!.date,
    }
  })
}
