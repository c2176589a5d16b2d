/** @file `gimbal catalog`: what a catalog holds, whether it is sound, and SQL over it. */

import { existsSync } from 'node:fs'
import { isoTime } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { Catalog, describeCatalog, verifyCatalog } from '../../store/catalog.ts'
import { EXIT, type Terminal, thousands } from '../terminal.ts'

interface CatalogOptions {
  readonly catalog: string
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
    default:
      throw new GimbalError('argument-invalid', 'gimbal catalog knows show, verify, imports and sql', {
        given: args[0]!,
      })
  }
}

function show(terminal: Terminal, store: Catalog): number {
  const entries = describeCatalog(store)
  terminal.table(
    ['instrument', 'stream', 'rows', 'gaps', 'from', 'to'],
    entries.map((entry) => [
      entry.instrument,
      entry.stream,
      entry.rows,
      entry.gaps,
      isoTime(entry.firstUs).slice(0, 19),
      isoTime(entry.lastUs).slice(0, 19),
    ]),
  )
  terminal.line(`${thousands(entries.reduce((sum, { rows }) => sum + rows, 0))} rows`)
  terminal.result(entries)
  return entries.length > 0 ? EXIT.ok : EXIT.found
}

async function verify(terminal: Terminal, store: Catalog): Promise<number> {
  const check = await verifyCatalog(store, (path) => terminal.progress(`reading ${path}`))
  terminal.progress('', true)
  for (const { path, problem } of check.findings) terminal.line(`${path}: ${problem}`)
  terminal.line(
    `${thousands(check.files)} files, ${thousands(check.rows)} rows, ${check.findings.length === 0 ? 'all as their manifests say' : `${check.findings.length} findings`}`,
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

async function sql(terminal: Terminal, store: Catalog, query: string | undefined): Promise<number> {
  if (!query)
    throw new GimbalError('argument-invalid', 'gimbal catalog sql needs a query', {
      example: 'gimbal catalog sql "select venue, instrument, count(*) from tape group by all"',
    })
  const database = await store.openDatabase(store.path('staging', 'sql'))
  try {
    const files = store.path('kind=*', 'venue=*', 'instrument=*', 'day=*', '*.parquet').replaceAll("'", "''")
    const source = `read_parquet('${files}', hive_partitioning = true, union_by_name = true)`
    // The column `kind` is the row's kind and the partition of the same name its stream: both are kept.
    const rows = await database.query(`with tape as (select * from ${source}) ${query}`)
    const columns = Object.keys(rows[0] ?? {})
    terminal.table(
      columns,
      rows.map((row) =>
        columns.map((column) => (typeof row[column] === 'number' ? (row[column] as number) : String(row[column]))),
      ),
    )
    terminal.result(rows)
  } finally {
    database.close()
  }
  return EXIT.ok
}
