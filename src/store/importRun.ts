/**
 * @file One import, from foreign file to catalog, or to nothing at all.
 *
 * 1. Everything is written under `staging/<import>/`: spilled rows, then finished Parquet files, then a plan.
 * 2. The plan is carried out: files are renamed into place, then the instruments, and the manifest last.
 *
 * Killed before the plan is complete, an import leaves only its staging directory, which the next one removes. Killed
 * while the plan is carried out, the next import completes it first: every step of a plan may be repeated. An import
 * that fails removes its staging directory itself. Either way the catalog is as before, or as after, never between.
 */

import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import { z } from 'zod'
import { isoTime } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { InstrumentSpec } from '../market/instrument.ts'
import { type Catalog, instrumentsText } from './catalog.ts'
import { CatalogLock } from './catalogLock.ts'
import type { Importer, ImportOptions, Place } from './importer.ts'
import { CatalogSink, type StagedFile } from './importSink.ts'
import { type InputFile, sha256Of } from './inputFile.ts'
import { COLUMN_UNITS, type Database, smallFile } from './parquet.ts'
import { CATALOG_SCHEMA, type FileFacts, importId, type Manifest, parseJson } from './provenance.ts'
import { BLOCK_ROWS, type RowBlock, RowSpill } from './rowSpill.ts'

/** How far an import has come. */
export interface ImportProgress {
  readonly phase: 'reading' | 'writing'
  readonly lines: number
  readonly rows: number
}

export interface ImportSettings {
  /** Called about every 50,000 lines and for every file written. */
  readonly onProgress?: (progress: ImportProgress) => void
  /** Greatest share of rejected lines, in percent, before the file as a whole is refused; 50 unless told. */
  readonly rejectsMaxPercent?: number
  /** Replaces an import of the same file by an older version of the importer, instead of leaving it. */
  readonly redo?: boolean
}

export interface ImportResult {
  /** `outdated`: an older version of the importer has read this file; `redo` would replace its import. */
  readonly status: 'imported' | 'already-imported' | 'outdated'
  readonly manifest: Manifest
}

/** Files written at once: fewer than DuckDB keeps open (100), so that each gets one file. */
const SMALL_BATCH_MAX = 64

const Plan = z.object({
  schema: z.literal(CATALOG_SCHEMA),
  moves: z.array(z.object({ from: z.string(), to: z.string(), bytes: z.number() })),
  removes: z.array(z.string()),
})
type Plan = z.infer<typeof Plan>

/**
 * Imports one file, unless it is in the catalog already.
 *
 * @throws {GimbalError} `catalog-busy`; `import-rejected` when nothing or too little of the file could be read;
 *   `argument-invalid` for an option the importer does not take; and whatever the importer throws. The catalog is then
 *   as it was.
 */
export async function runImport(
  catalog: Catalog,
  importer: Importer,
  file: InputFile,
  options: ImportOptions = {},
  settings: ImportSettings = {},
): Promise<ImportResult> {
  for (const option of Object.keys(options)) {
    if (option in importer.options) continue
    const known = Object.keys(importer.options).join(' ') || 'none'
    throw new GimbalError('argument-invalid', 'The importer takes no such option', { option, known })
  }
  return exclusively(catalog, async (lock) => {
    const id = importId(importer, options, file)
    const present = catalog.manifest(id)
    if (present) return { status: 'already-imported', manifest: present }
    const older = catalog.manifests().find((manifest) => sameImport(manifest, importer, file, options))
    if (older && !settings.redo) return { status: 'outdated', manifest: older }
    const staging = catalog.path('staging', id)
    mkdirSync(staging, { recursive: true })
    try {
      const manifest = await stage(catalog, id, importer, file, options, settings, older)
      if (lock.lost) throw new GimbalError('catalog-busy', 'Another import took this catalog over', { import: id })
      renameSync(join(staging, 'plan.draft'), join(staging, 'plan.json'))
      carryOut(catalog, id)
      return { status: 'imported', manifest }
    } catch (error) {
      // A plan, once complete, is carried out: here or by the next import.
      if (!existsSync(join(staging, 'plan.json'))) rmSync(staging, { recursive: true, force: true })
      throw error
    }
  })
}

/** Completes or removes what killed imports left. Every import begins so; `gimbal doctor` may ask for it. */
export async function recoverCatalog(catalog: Catalog): Promise<void> {
  if (existsSync(catalog.directory)) await exclusively(catalog, async () => undefined)
}

async function exclusively<T>(catalog: Catalog, work: (lock: CatalogLock) => Promise<T>): Promise<T> {
  const fresh = mkdirSync(catalog.directory, { recursive: true }) !== undefined
  const lock = CatalogLock.acquire(catalog.directory)
  try {
    recover(catalog)
    return await work(lock)
  } finally {
    removeIfEmpty(catalog.path('staging'))
    lock.release()
    if (fresh) removeIfEmpty(catalog.directory)
  }
}

function sameImport(manifest: Manifest, importer: Importer, file: InputFile, options: ImportOptions): boolean {
  return (
    manifest.importer === importer.name &&
    importId({ name: importer.name, version: manifest.version }, options, file) === manifest.id
  )
}

/** Reads the file and lays everything out under staging; returns the manifest to be. */
async function stage(
  catalog: Catalog,
  id: string,
  importer: Importer,
  file: InputFile,
  options: ImportOptions,
  settings: ImportSettings,
  replaced: Manifest | undefined,
): Promise<Manifest> {
  const staging = catalog.path('staging', id)
  const spill = new RowSpill(join(staging, 'rows.spill'))
  const earlier = catalog.manifests().filter((manifest) => manifest !== replaced)
  const records = catalog.instruments()
  const reading = new Reading(file, (lines) => settings.onProgress?.({ phase: 'reading', lines, rows: sink.rows }))
  const recall = (key: string) => earlier.findLast(({ notes }) => key in notes)?.notes[key]
  const sink = new CatalogSink(spill, records, () => reading.place, recall)
  try {
    await importer.read(reading, sink, options)
    const found = sink.findings()
    refuseIfRejected(file, reading.lineCount, sink, found, settings.rejectsMaxPercent ?? 50)
    const origin = {
      id,
      importer: importer.name,
      version: importer.version,
      options,
      provenance: importer.provenance,
      source: {
        name: file.name,
        ...(file.member === undefined ? {} : { member: file.member }),
        sha256: file.sha256,
        bytes: file.bytes,
      },
    }
    const files = await writeFiles(catalog, origin, sink, spill, () =>
      settings.onProgress?.({ phase: 'writing', lines: reading.lineCount, rows: sink.rows }),
    )
    const manifest: Manifest = {
      schema: CATALOG_SCHEMA,
      ...origin,
      ordinal: earlier.reduce((last, { ordinal }) => Math.max(last, ordinal), replaced?.ordinal ?? 0) + 1,
      lines: reading.lineCount,
      ...found,
      traps: [...found.traps, ...overlaps(files, earlier)],
      files,
    }
    for (const [name, record] of sink.records()) records.set(name, record)
    writePlan(staging, manifest, instrumentsText(records), replaced)
    return manifest
  } finally {
    spill.close()
    rmSync(join(staging, 'rows.spill'), { force: true })
  }
}

/**
 * The trap of telling something twice: the same stream of the same instrument over the same time from two sources.
 *
 * Families of contracts are left out: their files hold different contracts at the same time as a rule.
 */
function overlaps(files: readonly FileFacts[], earlier: readonly Manifest[]): Manifest['traps'] {
  const key = ({ stream, venue, family }: FileFacts) => `${stream} of ${family}@${venue}`
  const wanted = new Set(files.filter(({ family }) => /-(SPOT|PERP)$/.test(family)).map(key))
  const told = new Map<string, { facts: FileFacts; source: string }[]>()
  for (const manifest of earlier) {
    for (const facts of manifest.files) {
      const name = key(facts)
      if (!wanted.has(name)) continue
      const list = told.get(name) ?? []
      told.set(name, list)
      list.push({ facts, source: manifest.source.name })
    }
  }
  const found: string[] = []
  for (const facts of files) {
    const same = told
      .get(key(facts))
      ?.find(({ facts: other }) => other.firstUs < facts.lastUs && other.lastUs > facts.firstUs)
    if (!same) continue
    const from = isoTime(Math.max(facts.firstUs, same.facts.firstUs)).slice(0, 19)
    found.push(`${key(facts)} from ${from} is also in ${same.source}`)
  }
  if (found.length === 0) return []
  return [
    {
      name: 'overlaps-import',
      count: found.length,
      first: found.slice(0, 5).map((detail) => ({ line: 1, byte: 0, detail })),
    },
  ]
}

function refuseIfRejected(
  file: InputFile,
  lines: number,
  sink: CatalogSink,
  found: ReturnType<CatalogSink['findings']>,
  percentMax: number,
): void {
  const rejected = sink.rejected
  const percent = (100 * rejected) / Math.max(1, lines > 0 ? lines : rejected + found.rows)
  const skipped = Object.values(found.skips).reduce((sum, count) => sum + count, 0)
  // A file of definitions or of nothing but heartbeats is read, and holds no rows; that is no failure.
  const nothing = found.rows === 0 && (rejected > 0 || (skipped === 0 && found.instruments === 0))
  if (!nothing && percent <= percentMax) return
  const first = found.rejects[0]
  throw new GimbalError(
    'import-rejected',
    nothing ? 'Nothing in this file could be read' : 'Too little of this file could be read',
    {
      file: file.name,
      lines,
      rejected,
      percent: Math.round(percent * 10) / 10,
      percentMax,
      ...(first
        ? {
            reason: first.name,
            line: first.first[0]?.line ?? 0,
            byte: first.first[0]?.byte ?? 0,
            detail: first.first[0]?.detail ?? '',
          }
        : {}),
    },
  )
}

/** Counts lines as the importer reads them, so that findings without a place of their own have one. */
class Reading implements InputFile {
  readonly path: string
  readonly name: string
  readonly member?: string
  readonly sha256: string
  readonly bytes: number
  readonly #file: InputFile
  readonly #onLines: (lines: number) => void
  #line = 1
  #byte = 0
  lineCount = 0

  constructor(file: InputFile, onLines: (lines: number) => void) {
    this.path = file.path
    this.name = file.name
    if (file.member !== undefined) this.member = file.member
    this.sha256 = file.sha256
    this.bytes = file.bytes
    this.#file = file
    this.#onLines = onLines
  }

  get place(): Place {
    return { line: this.#line, byte: this.#byte }
  }

  lines(onLine: (text: string, line: number, byte: number, complete: boolean) => void): Promise<void> {
    return this.#file.lines((text, line, byte, complete) => {
      this.#line = line
      this.#byte = byte
      this.lineCount++
      onLine(text, line, byte, complete)
      if (this.lineCount % 50_000 === 0) this.#onLines(this.lineCount)
    })
  }

  text(bytesMax?: number): Promise<string> {
    return this.#file.text(bytesMax)
  }
}

type Origin = Pick<Manifest, 'id' | 'importer' | 'version' | 'provenance' | 'source'>

async function writeFiles(
  catalog: Catalog,
  origin: Origin,
  sink: CatalogSink,
  spill: RowSpill,
  onFile: () => void,
): Promise<FileFacts[]> {
  const staged = sink.files()
  if (staged.length === 0) return []
  const files: FileFacts[] = []
  // One thread: writing is one stream of rows, and a second thread only costs buffers.
  const database = await catalog.openDatabase(catalog.path('staging', origin.id, 'duckdb'), 1)
  try {
    for (const batch of batches(staged)) {
      const name = (index: number) => `${files.length + index}.parquet`
      const paths = await writeBatch(database, catalog.path('staging', origin.id), batch, origin, sink, spill, name)
      for (const [index, file] of batch.entries()) files.push(await factsOf(file, paths[index]!, origin))
      onFile()
    }
    return files
  } finally {
    database.close()
  }
}

/** Small files of one stream and instrument are written together, as many as DuckDB keeps open; others by themselves. */
function batches(staged: readonly StagedFile[]): StagedFile[][] {
  const small = new Map<string, StagedFile[]>()
  const out: StagedFile[][] = []
  for (const file of staged) {
    if (file.rows.rows > BLOCK_ROWS || file.contracts.length > 1) {
      out.push([file])
      continue
    }
    // The metadata of a batch is that of its first file, so all must be of the same instrument.
    const key = `${file.stream} ${file.instruments[0]}`
    let batch = small.get(key)
    if (!batch || batch.length === SMALL_BATCH_MAX) {
      small.set(key, (batch = []))
      out.push(batch)
    }
    batch.push(file)
  }
  return out
}

async function writeBatch(
  database: Database,
  staging: string,
  batch: readonly StagedFile[],
  origin: Origin,
  sink: CatalogSink,
  spill: RowSpill,
  name: (index: number) => string,
): Promise<string[]> {
  const [first] = batch
  const facts = metadata(origin, sink, first!)
  const paths = batch.map((_, index) => join(staging, name(index)))
  let written: number
  if (batch.length === 1) {
    written = await database.write(paths[0]!, first!.contracts, facts, spill.reader(first!.rows))
  } else {
    const folder = join(staging, 'small')
    let at = 0
    let reader = spill.reader(first!.rows)
    const next = (): RowBlock | undefined => {
      for (;;) {
        const block = reader()
        if (block || at === batch.length - 1) return block
        reader = spill.reader(batch[++at]!.rows)
      }
    }
    written = await database.writeSmall(folder, first!.contracts[0]!, facts, next, () => at)
    for (const [index, path] of paths.entries()) renameSync(smallFile(folder, index), path)
    rmSync(folder, { recursive: true })
  }
  const given = batch.reduce((sum, { rows }) => sum + rows.rows, 0)
  if (written === given) return paths
  const figures = { import: origin.id, written, given }
  throw new GimbalError('catalog-invalid', 'Parquet holds another number of rows than were read', figures)
}

async function factsOf(file: StagedFile, path: string, { id }: Origin): Promise<FileFacts> {
  return {
    path: `kind=${file.stream}/venue=${file.venue}/instrument=${file.family}/day=${file.day}/${id}.parquet`,
    stream: file.stream,
    venue: file.venue,
    family: file.family,
    contracts: file.contracts.length,
    day: file.day,
    rows: file.rows.rows,
    bytes: statSync(path).size,
    sha256: await sha256Of(path),
    firstUs: file.firstUs,
    lastUs: file.lastUs,
    sorted: file.sorted,
    delayMinUs: file.delayMinUs,
    delayMaxUs: file.delayMaxUs,
    gaps: file.gaps,
  }
}

/** Key-value metadata of a Parquet file: enough to know, from the file alone, what it holds and where it came from. */
function metadata(origin: Origin, sink: CatalogSink, file: StagedFile): Record<string, string> {
  const { expiry, expiryUs, strike, right, detail, venueSymbol, ...family } = sink.spec(file.instruments[0]!)
  const spec: Partial<InstrumentSpec> = file.contracts.length === 1 ? sink.spec(file.instruments[0]!) : family
  return {
    gimbal_schema: String(CATALOG_SCHEMA),
    gimbal_columns: JSON.stringify(COLUMN_UNITS),
    gimbal_stream: file.stream,
    gimbal_instrument: JSON.stringify(spec),
    gimbal_import: origin.id,
    gimbal_importer: `${origin.importer}@${origin.version}`,
    gimbal_source: origin.source.name,
    gimbal_source_sha256: origin.source.sha256,
    gimbal_provenance: origin.provenance,
  }
}

function writePlan(staging: string, manifest: Manifest, instruments: string, replaced: Manifest | undefined): void {
  const moves = manifest.files.map(({ path, bytes }, index) => ({ from: `${index}.parquet`, to: path, bytes }))
  const text = `${JSON.stringify(manifest, null, 1)}\n`
  writeFileSync(join(staging, 'instruments.json'), instruments)
  writeFileSync(join(staging, 'manifest.json'), text)
  moves.push({ from: 'instruments.json', to: 'instruments.json', bytes: Buffer.byteLength(instruments) })
  moves.push({ from: 'manifest.json', to: `imports/${manifest.id}.json`, bytes: Buffer.byteLength(text) })
  const removes = replaced ? [`imports/${replaced.id}.json`, ...replaced.files.map(({ path }) => path)] : []
  const plan: Plan = { schema: CATALOG_SCHEMA, moves, removes }
  writeFileSync(join(staging, 'plan.draft'), JSON.stringify(plan))
}

/** Moves a staged import in, as far as that has not happened yet. */
function carryOut(catalog: Catalog, id: string): void {
  const staging = catalog.path('staging', id)
  const path = join(staging, 'plan.json')
  const plan = parseJson(Plan, readFileSync(path, 'utf8'), path)
  for (const { from, to } of plan.moves) {
    if (!existsSync(join(staging, from))) continue // Moved before the last attempt was killed.
    mkdirSync(dirname(catalog.path(to)), { recursive: true })
    renameSync(join(staging, from), catalog.path(to))
  }
  for (const each of plan.removes) rmSync(catalog.path(each), { force: true })
  rmSync(staging, { recursive: true, force: true })
}

/** Completes imports whose plan is complete and whole; removes the others. */
function recover(catalog: Catalog): void {
  const folder = catalog.path('staging')
  for (const id of existsSync(folder) ? readdirSync(folder) : []) {
    const staging = join(folder, id)
    const path = join(staging, 'plan.json')
    if (!existsSync(path)) {
      rmSync(staging, { recursive: true, force: true })
      continue
    }
    const plan = parseJson(Plan, readFileSync(path, 'utf8'), path)
    const whole = plan.moves.every(({ from, to, bytes }) => {
      const place = existsSync(join(staging, from)) ? join(staging, from) : catalog.path(to)
      return existsSync(place) && statSync(place).size === bytes
    })
    if (whole) {
      carryOut(catalog, id)
      continue
    }
    // The machine stopped before the disk had everything: undo what was moved, all of it named after this import.
    for (const { to } of plan.moves) if (to.includes(id)) rmSync(catalog.path(to), { force: true })
    rmSync(staging, { recursive: true, force: true })
  }
}

function removeIfEmpty(folder: string): void {
  try {
    rmdirSync(folder)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code !== 'ENOENT' && code !== 'ENOTEMPTY' && code !== 'EEXIST') throw error
  }
}
