/** @file `gimbal replay`: a journal fed back; every decision must come out as it was written. */

import { existsSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { isoTime } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { replayJournal } from '../../engine/replayJournal.ts'
import { JournalReader } from '../../journal/journalReader.ts'
import { Instrument, Universe } from '../../market/instrument.ts'
import { MergedTape } from '../../market/tape.ts'
import { runData } from '../runData.ts'
import { loadForecasters } from '../runModels.ts'
import { buildEngine, planFromJson } from '../runPlan.ts'
import { count, EXIT, money, type Terminal } from '../terminal.ts'

export async function replay(
  terminal: Terminal,
  options: { readonly catalog: string; readonly models: string },
  args: string[],
): Promise<number> {
  const given = args[0]!
  const folder = existsSync(join(given, 'journal')) ? join(given, 'journal') : given
  if (!existsSync(folder) || !statSync(folder).isDirectory())
    throw new GimbalError('file-missing', 'No journal there', { path: given })
  const reader = JournalReader.open(folder)
  if (!reader) throw new GimbalError('journal-invalid', 'This directory holds no journal', { path: folder })
  const plan = planFromJson(reader.header.settings)
  let tape: MergedTape | undefined
  if (reader.header.rows === 'reference') {
    const data = await runData(plan.data, options.catalog, (name) => terminal.progress(`building the tape ${name}`))
    const expected = reader.header.tapes.map(({ sha256 }) => sha256).join(' ')
    if (data.dataHash !== expected) {
      throw new GimbalError('replay-diverged', 'These are not the data the journal was written from', {
        expected,
        found: data.dataHash,
        catalog: options.catalog,
      })
    }
    tape = new MergedTape(data.inputs(), 'received')
  }
  const started = performance.now()
  try {
    const result = replayJournal(
      reader,
      // A paper run’s balances are what its venue said at the start, and stand in the header alone.
      (header, ports) =>
        buildEngine(
          { ...plan, cash: header.cash, seed: header.seed },
          new Universe(header.instruments.map((spec) => new Instrument(spec))),
          { ...ports, ...loadForecasters(plan.models, options.models) },
        ),
      tape,
    )
    const seconds = (performance.now() - started) / 1000
    const { ledger, clock } = result.engine
    terminal.line(
      `${count(result.rows, 'row')} and ${count(result.records, 'record')} in ${seconds.toFixed(1)} s; ${result.acts === 0 ? 'no acts, as recorded' : `all ${count(result.acts, 'act')} as recorded`}`,
    )
    if (result.torn) terminal.line('  the last record was cut off by a crash and is not counted')
    else if (!result.closed) terminal.line('  the journal was not closed: its run died, or still goes on')
    terminal.line(`  until ${isoTime(clock.nowUs)}, equity ${money(ledger.equity)} dollars`)
    terminal.line(`  journal ${result.hash}`)
    terminal.line(`  state   ${result.state}`)
    terminal.result({
      rows: result.rows,
      records: result.records,
      acts: result.acts,
      closed: result.closed,
      journal: result.hash,
      state: result.state,
      equity: ledger.equity,
    })
    return EXIT.ok
  } catch (error) {
    if (!(error instanceof GimbalError) || error.code !== 'replay-diverged') throw error
    terminal.notice(error.message)
    terminal.result({ error: { code: error.code, message: error.message, facts: error.facts } })
    return EXIT.found
  } finally {
    tape?.close()
  }
}
