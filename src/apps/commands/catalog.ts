/** @file `gimbal catalog`: what a catalog holds, whether it is sound, what is held out of it, and SQL over it. */

import { existsSync } from 'node:fs'
import { isoTime } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { HOLD_OUT_OPENINGS } from '../../research/holdOut.ts'
import { TrialLedger } from '../../research/trialLedger.ts'
import { Catalog, describeCatalog, requireImports, verifyCatalog } from '../../store/catalog.ts'
import { declareHoldOut, holdOuts } from '../../store/holdOuts.ts'
import { count, EXIT, type Terminal, timeOption } from '../terminal.ts'

interface CatalogOptions {
  readonly catalog: string
  readonly name?: string
  readonly from?: string
  readonly to?: string
  readonly instrument: readonly string[]
}

export async function catalog(terminal: Terminal, options: CatalogOptions, args: string[]): Promise<number> {
  if (!existsSync(options.catalog))
    throw new GimbalError('file-missing', 'No such catalog', {
      path: options.catalog,
      make: 'gimbal import FILE --catalog DIR',
    })
  const store = new Catalog(options.catalog)
  switch (args[0] ?? 'show') {
    case 'show':
      return show(terminal, store)
    case 'verify':
      return verify(terminal, store)
    case 'imports':
      return imports(terminal, store)
    case 'sql':
      return sql(terminal, store, args[1])
    case 'hold-out':
      return holdOut(terminal, store, options)
    default:
      throw new GimbalError('argument-invalid', 'gimbal catalog knows show, verify, imports, sql and hold-out', {
        given: args[0]!,
      })
  }
}

function show(terminal: Terminal, store: Catalog): number {
  const entries = describeCatalog(store)
  terminal.table(
    ['instrument', 'stream', 'rows', 'gaps', 'from, UTC', 'to, UTC'],
    entries.map((entry) => [
      entry.instrument,
      entry.stream,
      entry.rows,
      entry.gaps,
      isoTime(entry.firstUs).slice(0, 19),
      isoTime(entry.lastUs).slice(0, 19),
    ]),
  )
  terminal.line(
    count(
      entries.reduce((sum, { rows }) => sum + rows, 0),
      'row',
    ),
  )
  terminal.line(`Next: gimbal backtest --catalog ${store.directory} --policy NAME; gimbal policies lists the names`)
  terminal.result(entries)
  return entries.length > 0 ? EXIT.ok : EXIT.found
}

async function verify(terminal: Terminal, store: Catalog): Promise<number> {
  const check = await verifyCatalog(store, (path) => terminal.progress(`reading ${path}`))
  terminal.progress('', true)
  for (const { path, problem } of check.findings) terminal.line(`${path}: ${problem}`)
  terminal.line(
    `${count(check.files, 'file')}, ${count(check.rows, 'row')}, ${check.findings.length === 0 ? 'all as their manifests say' : count(check.findings.length, 'finding')}`,
  )
  terminal.result(check)
  return check.findings.length === 0 ? EXIT.ok : EXIT.found
}

function imports(terminal: Terminal, store: Catalog): number {
  const manifests = store.manifests()
  terminal.table(
    ['id', 'source', 'importer', 'rows', 'gaps', 'rejects', 'provenance'],
    manifests.map((each) => [
      each.id,
      each.source.name,
      `${each.importer} ${each.version}`,
      each.rows,
      each.gaps.count,
      each.rejects.reduce((sum, { count }) => sum + count, 0),
      each.provenance,
    ]),
  )
  terminal.result(manifests)
  return EXIT.ok
}

/** Declares a hold-out, or lists those declared with how often each was opened. */
function holdOut(terminal: Terminal, store: Catalog, { name, from, to, instrument }: CatalogOptions): number {
  if (name !== undefined) {
    if (!from || !to)
      throw new GimbalError('argument-invalid', 'A hold-out has a beginning and an end: --from and --to', {
        name,
        example: 'gimbal catalog hold-out --name last-quarter --from 2025-10-01 --to 2026-01-01',
      })
    const [fromUs, toUs] = [timeOption(from, '--from'), timeOption(to, '--to')]
    declareHoldOut(store, { name, fromUs, toUs, ...(instrument.length > 0 ? { instruments: instrument } : {}) })
  } else if (from || to || instrument.length > 0)
    throw new GimbalError('argument-invalid', 'A hold-out is declared under a name: --name', { from: from ?? '' })
  const openings = new TrialLedger(store.path(HOLD_OUT_OPENINGS)).holdOutOpenings()
  const declared = holdOuts(store).map((each) => {
    const opened = openings.filter((opening) => opening.name === each.name)
    return { ...each, opened: opened.length, firstOpened: opened[0]?.date ?? null }
  })
  terminal.table(
    ['hold-out', 'from, UTC', 'to, UTC', 'instruments', 'opened'],
    declared.map((each) => [
      each.name,
      isoTime(each.fromUs).slice(0, 19),
      isoTime(each.toUs).slice(0, 19),
      each.instruments?.join(' ') ?? 'all',
      each.opened === 0 ? 'never' : `${count(each.opened, 'time')}, first ${each.firstOpened!.slice(0, 19)}`,
    ]),
  )
  terminal.line(`${count(declared.length, 'hold-out')}; gimbal research --hold-out NAME opens one`)
  terminal.result(declared)
  return EXIT.ok
}

async function sql(terminal: Terminal, store: Catalog, query: string | undefined): Promise<number> {
  if (!query)
    throw new GimbalError('argument-invalid', 'gimbal catalog sql needs a query', {
      example: 'gimbal catalog sql "select venue, instrument, count(*) from tape group by all"',
    })
  requireImports(store)
  const database = await store.openDatabase(store.path('cache', `duckdb-${process.pid}`))
  try {
    const files = store.path('kind=*', 'venue=*', 'instrument=*', 'day=*', '*.parquet').replaceAll("'", "''")
    // The column `row_kind` is a row's kind, `kind` its stream, from the folder.
    const source = `read_parquet('${files}', hive_partitioning = true, union_by_name = true)`
    await database.query(`create temp view tape as select * from ${source}`)
    const rows = await database.query(query)
    const columns = Object.keys(rows[0] ?? {})
    terminal.table(
      columns,
      rows.map((row) => columns.map((column) => shown(row[column]))),
      { plain: true },
    )
    terminal.line(count(rows.length, 'row'))
    terminal.result(rows)
  } catch (error) {
    if (error instanceof GimbalError) throw error
    // What DuckDB says about a query is for whoever wrote it.
    throw new GimbalError('argument-invalid', 'The query cannot be answered', { reason: (error as Error).message })
  } finally {
    database.close()
  }
  return EXIT.ok
}

function shown(value: unknown): string | number | bigint {
  if (typeof value === 'number' || typeof value === 'bigint') return value
  if (value === null || value === undefined) return ''
  if (value instanceof Date) return value.toISOString().replace('T00:00:00.000Z', '')
  return typeof value === 'object'
    ? JSON.stringify(value, (_key, each) => (typeof each === 'bigint' ? `${each}` : each))
    : String(value)
}
