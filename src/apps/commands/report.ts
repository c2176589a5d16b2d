/** @file `gimbal report`: the page of one or several runs, from their JSON. */

import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GimbalError } from '../../core/errors.ts'
import { renderReport } from '../../report/html.ts'
import { parseReports } from '../../report/runReport.ts'
import { EXIT, type Terminal } from '../terminal.ts'

export async function report(terminal: Terminal, options: { readonly out: string }, args: string[]): Promise<number> {
  const reports = args.flatMap((path) => {
    const file = existsSync(path) && statSync(path).isDirectory() ? join(path, 'report.json') : path
    if (!existsSync(file))
      throw new GimbalError('file-missing', 'No run there', { path: file, make: 'gimbal backtest … --out DIR' })
    try {
      return parseReports(readFileSync(file, 'utf8'))
    } catch (cause) {
      if (!(cause instanceof GimbalError)) throw cause
      const reason = cause.message.split('\n', 1)[0]!
      throw new GimbalError('file-invalid', 'This is not the report of a run', { path: file, reason }, { cause })
    }
  })
  writeFileSync(options.out, renderReport(reports))
  terminal.line(`${reports.length} run${reports.length === 1 ? '' : 's'} in ${options.out}`)
  terminal.result({ page: options.out, runs: reports.map(({ facts, verdict }) => ({ title: facts.title, verdict })) })
  return EXIT.ok
}
