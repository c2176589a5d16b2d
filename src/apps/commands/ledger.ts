/** @file `gimbal ledger`: every trial so far, by family, and what that makes of the best of them. */

import { existsSync } from 'node:fs'
import { GimbalError } from '../../core/errors.ts'
import { lowerIsBetter, type Trial, TrialLedger } from '../../research/trialLedger.ts'
import { count, EXIT, type Terminal } from '../terminal.ts'

interface LedgerOptions {
  readonly ledger: string
  readonly family?: string
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
