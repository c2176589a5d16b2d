/** @file `gimbal research`: data to verdict in one command. */

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { ResearchResult } from '../../research/verdict.ts'
import { investigate, type ResearchOptions } from '../investigation.ts'
import { count, EXIT, interruptible, span, type Terminal } from '../terminal.ts'

export async function research(terminal: Terminal, options: ResearchOptions): Promise<number> {
  const found = await interruptible((signal) => investigate(terminal, options, signal))
  if (!found) return EXIT.interrupted
  printResearch(terminal, found.result)
  terminal.line()
  terminal.line(`Open ${pathToFileURL(resolve(found.page))}`)
  terminal.result(found.result)
  return EXIT.ok
}

/** Verdict, skill and reasons in a page of text. */
export function printResearch(terminal: Terminal, result: ResearchResult): void {
  terminal.line(`${result.title}  [${result.provenance.toUpperCase()}]`)
  terminal.prose(result.verdict.sentence, 2)
  for (const table of result.skill) {
    terminal.line()
    terminal.line(
      `${table.quantity} over ${span(table.horizonUs)}: mean ${table.loss} on ${count(table.samples, 'sample')}`,
    )
    terminal.table(
      ['forecast', 'loss', '95 % interval', 'worse by', 't', 'log R²'],
      table.rows.map((row) => [
        row.role === 'model' ? `${row.name} *` : row.name,
        row.loss.toFixed(4),
        `${row.low.toFixed(4)} to ${row.high.toFixed(4)}`,
        row.role === 'model' ? '' : `${(100 * row.excess).toFixed(1)} %`,
        row.role === 'model' ? '' : row.dieboldMariano.toFixed(2),
        table.logR2[row.name]!.toFixed(3),
      ]),
    )
  }
  terminal.line()
  for (const reason of result.verdict.reasons) terminal.prose(`– ${reason}`, 2)
  terminal.line()
  terminal.line(`  trials  ${result.trialCount} of this family in the ledger`)
  for (const { id, name } of result.models) terminal.line(`  model   ${id.slice(0, 12)} ${name}`)
}
