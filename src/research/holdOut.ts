/**
 * @file Opening a hold-out: once, by name, written down before a row of it is read.
 *
 * The span itself is declared in the catalog (`store/holdOuts.ts`), which gives its rows only to a selection that names it.
 * Here the two meet: whoever wants to judge on a hold-out asks for it, the ledger of trials remembers, and the result says
 * how often it was opened before.
 */

import type { Catalog } from '../store/catalog.ts'
import { type HoldOut, holdOutNamed } from '../store/holdOuts.ts'
import type { HoldOutOpening, TrialLedger } from './trialLedger.ts'

/**
 * File of a catalog in which openings of its hold-outs are remembered, whichever run opened them: a ledger of trials lies beside
 * its report, and there are as many as there are folders to write to.
 */
export const HOLD_OUT_OPENINGS = 'hold-out-openings.jsonl'

/** A hold-out whose rows may now be read, and what a result on it must say. */
export interface OpenedHoldOut {
  readonly holdOut: HoldOut
  readonly opening: HoldOutOpening
  /** Openings before this one, oldest first: none is what makes a result out of sample. */
  readonly before: readonly HoldOutOpening[]
  /** For reports: opened for the first time, or how often and by what it had been before. */
  readonly sentence: string
}

/**
 * Opens a declared hold-out: call it before `openTapes` with `holdOut: name`.
 *
 * @param opener `by`: what wants to see it, as a command with its arguments; `date`: ISO 8601 UTC, read at the edge.
 * @param again Open it although it was opened before.
 * @throws {GimbalError} `hold-out-invalid` for a name that was not declared; `hold-out-opened` for the second opening,
 *   unless `again`; `ledger-busy`, `ledger-invalid`.
 */
export function openHoldOut(
  catalog: Catalog,
  ledger: TrialLedger,
  name: string,
  opener: { readonly by: string; readonly date: string },
  again = false,
): OpenedHoldOut {
  const holdOut = holdOutNamed(catalog, name)
  const { fromUs, toUs } = holdOut
  const { opening, before } = ledger.openHoldOut({ ...opener, name, fromUs, toUs }, again)
  return { holdOut, opening, before, sentence: sentenceOn(name, before) }
}

function sentenceOn(name: string, before: readonly HoldOutOpening[]): string {
  const first = before[0]
  if (!first) return `The hold-out ${name} was opened for this result, for the first time.`
  const times = before.length === 1 ? 'once' : `${before.length} times`
  return (
    `The hold-out ${name} had been opened ${times} before (first at ${first.date} by ${first.by}): ` +
    'this result is not out of sample.'
  )
}
