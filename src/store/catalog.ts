/**
 * @file The catalog: a directory of Parquet files that any tool can read, and what is known about them.
 *
 *   kind=book/venue=binance-usdm/instrument=BTC-USDT-PERP/day=2024-07-18/<import>.parquet
 *   instruments.json      specs, refined as data come in
 *   imports/<import>.json one manifest per import: it exists if and only if the import does
 *   hold-outs.json        spans nothing may be chosen on (`holdOuts.ts`); absent until one is declared
 *   staging/<import>/     an import under way, or what a killed one left
 *   cache/                flat tapes, rebuilt when missing
 *   lock                  who writes at the moment
 *
 * Options, futures and pools of one family share a directory (`instrument=BTC-USD-OPTION`) and are told apart by the
 * column `contract`: a chain of a thousand contracts a day would otherwise be a thousand files a day. The day is that
 * of receipt, UTC. Prices are decimals in doubles, not ticks, so that a step found finer later invalidates nothing.
 */

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'
import { Grid } from '../core/decimal.ts'
import { GimbalError } from '../core/errors.ts'
import type { InstrumentSpec } from '../market/instrument.ts'
import { offGrid, STREAMS, type Stream } from '../market/message.ts'
import { Flag, Kind } from '../market/tape.ts'
import { lockHolder } from './catalogLock.ts'
import { type InstrumentRecord, partitionName } from './importSink.ts'
import { sha256Of } from './inputFile.ts'
import { Database, parquetTable, quoted } from './parquet.ts'
import { CATALOG_SCHEMA, type FileFacts, type Manifest, parseJson, parseManifest } from './provenance.ts'

const Spec = z.custom<InstrumentSpec>((value) => {
  const spec = value as Partial<InstrumentSpec> | null
  return [
    spec?.base,
    spec?.quote,
    spec?.kind,
    spec?.venue,
    spec?.payoff,
    spec?.settle,
    spec?.tickSize,
    spec?.lotSize,
  ].every((field) => typeof field === 'string')
}, 'not an instrument spec')
const Instruments = z.object({
  schema: z.literal(CATALOG_SCHEMA),
  instruments: z.record(z.string(), z.object({ spec: Spec, priceMax: z.number(), sizeMax: z.number() })),
})

/** A catalog on disk. Reading takes no lock: what an import adds appears with its manifest, at once. */
export class Catalog {
  readonly directory: string
  /** Manifests never change, so each is read once. */
  readonly #manifests = new Map<string, Manifest>()

  /** @param directory Need not exist yet. */
  constructor(directory: string) {
    this.directory = directory
  }

  path(...parts: string[]): string {
    return join(this.directory, ...parts)
  }

  /**
   * Manifests of all imports, oldest first.
   *
   * @throws {GimbalError} `catalog-invalid` when one cannot be read.
   */
  manifests(): Manifest[] {
    const folder = this.path('imports')
    const names = existsSync(folder) ? readdirSync(folder).filter((name) => /^[0-9a-f]{16}\.json$/.test(name)) : []
    for (const known of this.#manifests.keys()) if (!names.includes(known)) this.#manifests.delete(known)
    for (const name of names) {
      if (this.#manifests.has(name)) continue
      const path = join(folder, name)
      this.#manifests.set(name, parseManifest(readFileSync(path, 'utf8'), path))
    }
    return [...this.#manifests.values()].sort((a, b) => a.ordinal - b.ordinal)
  }

  /** @throws {GimbalError} `catalog-invalid`. */
  manifest(id: string): Manifest | undefined {
    const path = this.path('imports', `${id}.json`)
    return existsSync(path) ? parseManifest(readFileSync(path, 'utf8'), path) : undefined
  }

  /**
   * Instruments by name.
   *
   * @throws {GimbalError} `catalog-invalid`.
   */
  instruments(): Map<string, InstrumentRecord> {
    const path = this.path('instruments.json')
    if (!existsSync(path)) return new Map()
    return new Map(Object.entries(parseJson(Instruments, readFileSync(path, 'utf8'), path).instruments))
  }

  /** An embedded DuckDB. @param temporary Where it may spill what does not fit in memory, inside the catalog. */
  openDatabase(temporary: string, threads?: number): Promise<Database> {
    return Database.open(temporary, threads)
  }
}

/** Text of `instruments.json`. */
export function instrumentsText(records: ReadonlyMap<string, InstrumentRecord>): string {
  const sorted = [...records].sort(([a], [b]) => (a < b ? -1 : 1))
  return `${JSON.stringify({ schema: CATALOG_SCHEMA, instruments: Object.fromEntries(sorted) }, null, 1)}\n`
}

/** One stream of one instrument, or of one family of contracts. */
export interface CatalogEntry {
  /** `BTC-USDT-PERP@binance-usdm`; for options, futures and pools the family, `BTC-USD-OPTION@deribit`. */
  readonly instrument: string
  readonly stream: Stream
  /** Contracts of the family known to the catalog; 1 otherwise. */
  readonly contracts: number
  readonly rows: number
  readonly firstUs: number
  readonly lastUs: number
  readonly days: number
  readonly gaps: number
  readonly bytes: number
  readonly imports: number
  readonly provenance: 'real' | 'synthetic' | 'mixed'
}

/** What a catalog holds, by instrument and stream. From the manifests alone. */
export function describeCatalog(catalog: Catalog): CatalogEntry[] {
  const families = new Map<string, number>()
  for (const { spec } of catalog.instruments().values()) {
    const family = `${partitionName(spec).family}@${spec.venue}`
    families.set(family, (families.get(family) ?? 0) + 1)
  }
  const found = new Map<string, { files: FileFacts[]; manifests: Set<Manifest> }>()
  for (const manifest of catalog.manifests()) {
    for (const file of manifest.files) {
      const key = `${file.family}@${file.venue} ${file.stream}`
      const entry = found.get(key) ?? { files: [], manifests: new Set() }
      found.set(key, entry)
      entry.files.push(file)
      entry.manifests.add(manifest)
    }
  }
  const entries = [...found.values()].map(({ files, manifests }): CatalogEntry => {
    const { family, venue, stream } = files[0]!
    const sum = (of: (file: FileFacts) => number) => files.reduce((total, file) => total + of(file), 0)
    const origins = new Set([...manifests].map(({ provenance }) => provenance))
    return {
      instrument: `${family}@${venue}`,
      stream,
      contracts: families.get(`${family}@${venue}`) ?? 1,
      rows: sum((file) => file.rows),
      firstUs: files.reduce((first, file) => Math.min(first, file.firstUs), Number.POSITIVE_INFINITY),
      lastUs: files.reduce((last, file) => Math.max(last, file.lastUs), Number.NEGATIVE_INFINITY),
      days: new Set(files.map(({ day }) => day)).size,
      gaps: sum((file) => file.gaps),
      bytes: sum((file) => file.bytes),
      imports: manifests.size,
      provenance: origins.size > 1 ? 'mixed' : [...origins][0]!,
    }
  })
  const place = (entry: CatalogEntry) => STREAMS.indexOf(entry.stream)
  return entries.sort((a, b) =>
    a.instrument === b.instrument ? place(a) - place(b) : a.instrument < b.instrument ? -1 : 1,
  )
}

/** Something wrong with a catalog. */
export interface CatalogFinding {
  readonly path: string
  readonly problem: string
}

/** What a check of a catalog found. */
export interface CatalogCheck {
  readonly imports: number
  readonly files: number
  readonly rows: number
  readonly findings: CatalogFinding[]
}

/**
 * Reads every byte: files present and as their manifests say (size, hash, rows, times), prices and sizes on their
 * grids, no file without a manifest, nothing left over by a killed import.
 */
export async function verifyCatalog(catalog: Catalog, onFile?: (path: string) => void): Promise<CatalogCheck> {
  const findings: CatalogFinding[] = []
  const manifests = catalog.manifests()
  const records = catalog.instruments()
  const expected = new Set<string>()
  let rows = 0
  const database = await catalog.openDatabase(catalog.path('cache', `duckdb-${process.pid}`))
  try {
    const groups = new Map<string, FileFacts[]>()
    for (const file of manifests.flatMap(({ files }) => files)) {
      onFile?.(file.path)
      expected.add(file.path)
      const problem = await checkBytes(catalog, file)
      if (problem) findings.push({ path: file.path, problem })
      else {
        const key = `${file.stream} ${file.family}@${file.venue}`
        const group = groups.get(key) ?? []
        groups.set(key, group)
        group.push(file)
      }
    }
    for (const group of groups.values()) {
      for (let start = 0; start < group.length; start += 128) {
        const some = group.slice(start, start + 128)
        const found = await checkRows(catalog, database, some, records)
        findings.push(...found)
        const wrong = new Set(found.map(({ path }) => path))
        for (const file of some) if (!wrong.has(file.path)) rows += file.rows
      }
    }
  } finally {
    database.close()
  }
  for (const path of parquetFiles(catalog)) {
    if (!expected.has(path)) findings.push({ path, problem: 'belongs to no import' })
  }
  const staging = catalog.path('staging')
  for (const name of existsSync(staging) ? readdirSync(staging) : []) {
    findings.push({
      path: `staging/${name}`,
      problem: 'left by an import that did not finish; the next import clears it',
    })
  }
  const holder = lockHolder(catalog.directory)
  if (holder && !holder.alive) findings.push({ path: 'lock', problem: `held by process ${holder.pid}, which is gone` })
  return { imports: manifests.length, files: expected.size, rows, findings }
}

async function checkBytes(catalog: Catalog, file: FileFacts): Promise<string | undefined> {
  const path = catalog.path(file.path)
  if (!existsSync(path)) return 'missing'
  const { size } = statSync(path)
  if (size !== file.bytes) return `${size} bytes instead of ${file.bytes}`
  return (await sha256Of(path)) === file.sha256 ? undefined : 'content differs from its hash in the manifest'
}

/** Rows, times and grids of files of one stream and family, by the rule of `Grid.index`, in one pass over them. */
async function checkRows(
  catalog: Catalog,
  database: Database,
  files: readonly FileFacts[],
  records: ReadonlyMap<string, InstrumentRecord>,
): Promise<CatalogFinding[]> {
  const { family, venue } = files[0]!
  const steps: string[] = []
  for (const { spec } of records.values()) {
    const name = partitionName(spec)
    if (name.family !== family || spec.venue !== venue) continue
    const [tick, lot] = [new Grid(spec.tickSize).step, new Grid(spec.lotSize).step]
    const factors = [tick, lot].map((step) => `1e${-step.exponent}::DOUBLE, ${step.mantissa}::DOUBLE`)
    steps.push(`(${quoted(name.contract)}, ${factors.join(', ')})`)
  }
  if (steps.length === 0)
    return files.map(({ path }) => ({ path, problem: `instruments.json knows no ${family}@${venue}` }))
  const off = (column: string, scale: string, mantissa: string) =>
    `abs(${column} * ${scale} / ${mantissa} - round(${column} * ${scale} / ${mantissa}))
       > 1e-6 + abs(${column} * ${scale} / ${mantissa}) * 1e-15`
  const kinds = Object.values(Kind).filter((kind) => !offGrid(kind))
  const paths = files.map(({ path }) => catalog.path(path))
  let results: Record<string, unknown>[]
  try {
    results = await database.query(
      `SELECT filename, count(*)::DOUBLE AS "rows", min(time_us)::DOUBLE AS first, max(time_us)::DOUBLE AS last,
         (count(*) FILTER (WHERE tick_scale IS NULL))::DOUBLE AS unknown,
         (count(*) FILTER (WHERE flags & ${Flag.SUSPECT} = 0 AND row_kind IN (${kinds.join(', ')})
           AND (${off('price', 'tick_scale', 'tick_mantissa')} OR ${off('size', 'lot_scale', 'lot_mantissa')})))::DOUBLE AS off_grid
       FROM ${parquetTable(paths, 'filename = true')}
       LEFT JOIN (VALUES ${steps.join(', ')}) s(contract, tick_scale, tick_mantissa, lot_scale, lot_mantissa) USING (contract)
       GROUP BY filename`,
    )
  } catch (error) {
    if (files.length === 1) {
      const problem = `unreadable: ${error instanceof Error ? error.message : String(error)}`
      return [{ path: files[0]!.path, problem }]
    }
    const each: CatalogFinding[] = []
    for (const file of files) each.push(...(await checkRows(catalog, database, [file], records)))
    return each
  }
  const byPath = new Map(results.map((result) => [String(result['filename']), result]))
  return files.flatMap((file, index) => {
    const problem = rowProblem(file, byPath.get(paths[index]!))
    return problem ? [{ path: file.path, problem }] : []
  })
}

function rowProblem(file: FileFacts, found: Record<string, unknown> | undefined): string | undefined {
  if (!found || found['rows'] !== file.rows) return `${found?.['rows'] ?? 0} rows instead of ${file.rows}`
  if (found['first'] !== file.firstUs || found['last'] !== file.lastUs) return 'times differ from the manifest'
  if (found['unknown'] !== 0) return `${found['unknown']} rows of contracts that instruments.json does not know`
  return found['off_grid'] === 0 ? undefined : `${found['off_grid']} rows off the grid of their instrument`
}

/** Every Parquet file under the partitions, with forward slashes. */
function parquetFiles(catalog: Catalog): string[] {
  if (!existsSync(catalog.directory)) return []
  return readdirSync(catalog.directory)
    .filter((name) => name.startsWith('kind='))
    .flatMap((name) =>
      readdirSync(catalog.path(name), { recursive: true, encoding: 'utf8' })
        .filter((path) => path.endsWith('.parquet'))
        .map((path) => `${name}/${path.replaceAll('\\', '/')}`),
    )
}

/** @throws {GimbalError} `catalog-empty` when the directory holds no import. */
export function requireImports(catalog: Catalog): Manifest[] {
  const manifests = catalog.manifests()
  if (manifests.length > 0) return manifests
  throw new GimbalError('catalog-empty', 'Nothing has been imported into this catalog', {
    catalog: catalog.directory,
    make: 'gimbal import FILE --catalog DIR',
  })
}
