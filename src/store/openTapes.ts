/**
 * @file From catalog to tapes: chooses rows, turns prices into ticks once, and keeps the result for the next run.
 *
 * For every stream of every instrument (or family of contracts) a flat tape lies in `cache/`, named after the hashes
 * of the Parquet files it was made from and the steps it was made with: it can be deleted at any time, and never be
 * out of date.
 *
 * Order of inputs, which decides between rows of equal time: by venue, then instrument, then stream in the order of
 * {@link STREAM_ORDER}: a book is brought up to date before the touch is compared with it, and both before the trade
 * of the same microsecond is heard of.
 */

import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { isoTime } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { Instrument, type InstrumentSpec, instrumentId, Universe } from '../market/instrument.ts'
import { offGrid, type Stream } from '../market/message.ts'
import { Flag, type MergeInput, type TapeSource } from '../market/tape.ts'
import { BarsOfLength } from './barsOfLength.ts'
import { type Catalog, requireImports } from './catalog.ts'
import { FLAT_TAPE_VERSION, FlatTape, FlatTapeWriter } from './flatTape.ts'
import { type HoldOut, holdOutNamed, holdOuts, holdsOut } from './holdOuts.ts'
import { type InstrumentRecord, partitionName } from './importSink.ts'
import { feesOf } from './instrumentTable.ts'
import type { Database, ReadRows } from './parquet.ts'
import type { FileFacts, Manifest } from './provenance.ts'
import { TICK_MAX } from './stepRefinement.ts'

/** Streams of one instrument in the order their rows of equal time are taken. */
export const STREAM_ORDER: readonly Stream[] = [
  'book',
  'quote',
  'option',
  'bar',
  'trade',
  'liquidation',
  'mark',
  'funding',
  'interest',
  'pool',
  'lending',
  'block',
  'gas',
  'pending',
  'scalar',
  'order',
]

/** What to replay. */
export interface TapeSelection {
  /** Names, in which `*` stands for anything: `BTC-USD-OPTION-*@deribit`. All instruments when absent. */
  readonly instruments?: readonly string[]
  /** All streams when absent. */
  readonly streams?: readonly Stream[]
  /** Time of receipt, from included, to excluded; unbounded when absent. */
  readonly fromUs?: number
  readonly toUs?: number
  /** Length of the bars to replay, in µs; needed only where an instrument has bars of several lengths. */
  readonly barUs?: number
  /**
   * Name of the hold-out whose rows may be among the chosen; without it, rows inside any declared span are refused. Whoever
   * opens one writes it into the ledger of trials first: `openHoldOut` of `research`.
   */
  readonly holdOut?: string
}

export interface TapeSettings {
  /**
   * Where a recording's clock lagged the venue's, so that some rows arrive before they happened, the venue's times are
   * moved back until the quickest row took this long; 1,000 µs unless told.
   */
  readonly latencyFloorUs?: number
  /** Called for every tape that has to be built, before it is. */
  readonly onBuild?: (tape: string, rows: number) => void
}

/** One input of a merge, in words. */
export interface TapeLabel {
  readonly venue: string
  /** `BTC-USDT-PERP`; the family for options, futures and pools. */
  readonly family: string
  readonly stream: Stream
  readonly rows: number
  /** Lengths of its bars, µs; empty where it holds none. */
  readonly barDurationsUs: readonly number[]
  /** Added to its venue times: the venue's shift, or 0 for rows that have none of their own. */
  readonly venueShiftUs: number
  readonly path: string
}

/** Tapes ready to be merged. */
export interface OpenedTapes {
  /** Instruments that have rows, by name. */
  readonly universe: Universe
  /** In the documented order. A second, independent set (the venue's view) comes from `reopen`. */
  readonly inputs: MergeInput[]
  readonly labels: readonly TapeLabel[]
  reopen(): MergeInput[]
  readonly rows: number
  /** Manifests of the imports the rows come from. */
  readonly imports: readonly Manifest[]
  readonly provenance: 'real' | 'synthetic' | 'mixed'
  /**
   * Added to venue times, by venue. Where the smallest difference of receive and venue time in the chosen files is
   * negative, the clock that recorded them was behind the venue's, and the shift makes that difference equal to
   * `latencyFloorUs`; elsewhere it is 0. Inputs in which receive time stands in for a venue time that was never sent
   * (all differences exactly 0: Binance's spot touch) are left where they are. It cannot tell a constant latency from a clock error: latencies after the
   * shift are a lower bound.
   */
  readonly venueShiftUs: Readonly<Record<string, number>>
  /** Rows flagged `SUSPECT` that were moved to the nearest step. */
  readonly suspectRounded: number
  /** SHA-256 over the tapes' contents, the bounds and the instruments' specs: equal hashes, equal input. */
  readonly contentHash: string
}

/** The files of one stream of one family, and the contracts wanted of it. */
interface Group {
  readonly venue: string
  readonly family: string
  readonly stream: Stream
  readonly files: { readonly facts: FileFacts; readonly rank: number }[]
  readonly contracts: readonly string[]
  readonly specs: readonly InstrumentSpec[]
}

/**
 * Opens tapes of a part of a catalog, building those that are not there yet.
 *
 * @throws {GimbalError} `catalog-empty` when nothing matches; `instrument-unknown` for a name the catalog does not
 *   know; `off-grid` when a stored price fits no step, which only damage explains; `hold-out-closed` when a chosen row lies in
 *   a declared hold-out that the selection does not name, `hold-out-invalid` when it names one that was never declared.
 */
export async function openTapes(
  catalog: Catalog,
  selection: TapeSelection = {},
  settings: TapeSettings = {},
): Promise<OpenedTapes> {
  const manifests = requireImports(catalog)
  const chosen = choose(catalog.instruments(), selection.instruments)
  const fromUs = selection.fromUs ?? Number.NEGATIVE_INFINITY
  const toUs = selection.toUs ?? Number.POSITIVE_INFINITY
  const groups = groupFiles(manifests, chosen, selection.streams, fromUs, toUs)
  const closed = closedSpans(catalog, selection)
  // Files that lie inside a span are refused before an hour is spent on building their tapes.
  for (const { files, specs } of groups) {
    for (const { facts } of files) refuseClosed(closed, specs, (from, to) => facts.firstUs >= from && facts.lastUs < to)
  }
  const paths = await buildMissing(catalog, groups, settings)

  const opened = groups
    .map((group, index) => ({ group, tape: new FlatTape(paths[index]!).limit(fromUs, toUs) }))
    .filter(({ tape }) => tape.rows > 0)
  for (const { tape } of opened) tape.close()
  for (const { group, tape } of opened) {
    refuseClosed(closed, group.specs, (from, to) => {
      const inside = new FlatTape(tape.path).limit(from, to)
      inside.close()
      return inside.rows > 0
    })
  }
  const specs = new Map<string, InstrumentSpec>()
  for (const { group, tape } of opened) {
    for (const [index, spec] of group.specs.entries()) {
      if (tape.header.instrumentRows[index]! > 0) specs.set(instrumentId(spec), spec)
    }
  }
  requireAll(selection, specs, opened.length)
  for (const { group, tape } of opened) requireOneLength(group, tape.header.barDurationsUs, selection.barUs)
  const sorted = [...specs].sort(([a], [b]) => (a < b ? -1 : 1))
  // A contract without known fees is not free: the venue's regular ones are charged, or high ones, and the report says so.
  const universe = new Universe(sorted.map(([, spec]) => new Instrument({ ...spec, fees: feesOf(spec) })))
  const venueShiftUs = venueShifts(
    opened.map(({ group }) => group),
    settings.latencyFloorUs ?? 1000,
  )
  const reopen = (): MergeInput[] =>
    opened.map(({ group, tape }) => ({
      source: ofLength(new FlatTape(tape.path).limit(fromUs, toUs), selection.barUs),
      instruments: Uint16Array.from(group.specs, (spec) => {
        const id = instrumentId(spec)
        return universe.has(id) ? universe.index(id) : 0
      }),
      venueShiftUs: shiftOf(group, venueShiftUs),
    }))
  const ranks = new Set(opened.flatMap(({ group }) => group.files.map(({ rank }) => rank)))
  const imports = manifests.filter(({ ordinal }) => ranks.has(ordinal))
  const origins = new Set(imports.map(({ provenance }) => provenance))
  return {
    universe,
    inputs: reopen(),
    reopen,
    labels: opened.map(({ group, tape }) => ({
      venue: group.venue,
      family: group.family,
      stream: group.stream,
      rows: tape.rows,
      barDurationsUs: tape.header.barDurationsUs,
      venueShiftUs: shiftOf(group, venueShiftUs),
      path: tape.path,
    })),
    rows: opened.reduce((sum, { tape }) => sum + tape.rows, 0),
    imports,
    provenance: origins.size > 1 ? 'mixed' : [...origins][0]!,
    venueShiftUs,
    suspectRounded: opened.reduce((sum, { tape }) => sum + tape.header.suspectRounded, 0),
    contentHash: hashOf([
      opened.map(({ group, tape }) => [group.venue, group.family, group.stream, tape.header.sha256]),
      [selection.fromUs ?? null, selection.toUs ?? null, selection.barUs ?? null],
      universe.instruments.map(({ spec }) => spec),
      venueShiftUs,
    ]),
  }
}

/** A hold-out the selection does not open, and the part of the chosen time it covers. */
interface ClosedSpan {
  readonly holdOut: HoldOut
  readonly fromUs: number
  readonly toUs: number
}

function closedSpans(catalog: Catalog, selection: TapeSelection): ClosedSpan[] {
  if (selection.holdOut !== undefined) holdOutNamed(catalog, selection.holdOut)
  return holdOuts(catalog)
    .filter(({ name }) => name !== selection.holdOut)
    .map((holdOut) => ({
      holdOut,
      fromUs: Math.max(holdOut.fromUs, selection.fromUs ?? Number.NEGATIVE_INFINITY),
      toUs: Math.min(holdOut.toUs, selection.toUs ?? Number.POSITIVE_INFINITY),
    }))
    .filter(({ fromUs, toUs }) => fromUs < toUs)
}

/**
 * Rows of a family of contracts are told apart by time alone: where a hold-out covers some of its chosen contracts, rows of
 * any of them in the span count.
 */
function refuseClosed(
  closed: readonly ClosedSpan[],
  specs: readonly InstrumentSpec[],
  holdsRows: (fromUs: number, toUs: number) => boolean,
): void {
  for (const { holdOut, fromUs, toUs } of closed) {
    const covered = specs.find((spec) => holdsOut(holdOut, instrumentId(spec)))
    if (!covered || !holdsRows(fromUs, toUs)) continue
    const [from, to] = [isoTime(holdOut.fromUs), isoTime(holdOut.toUs)]
    throw new GimbalError('hold-out-closed', `Some of these rows are held out, under the name ${holdOut.name}`, {
      instrument: instrumentId(covered),
      from,
      to,
      remedy: `end before the span with --to ${from}, begin after it with --from ${to}, or open it by its name`,
    })
  }
}

/** Records whose names match. */
function choose(
  records: ReadonlyMap<string, InstrumentRecord>,
  wanted: readonly string[] | undefined,
): Map<string, InstrumentRecord> {
  if (!wanted) return new Map(records)
  const chosen = new Map<string, InstrumentRecord>()
  for (const name of wanted) {
    const pattern = new RegExp(`^${name.split('*').map(escaped).join('.*')}$`)
    const found = [...records].filter(([id]) => pattern.test(id))
    if (found.length === 0) {
      const known = [...records.keys()]
      throw new GimbalError('instrument-unknown', 'The catalog knows no such instrument', {
        asked: name,
        known: `${known.slice(0, 20).join(' ')}${known.length > 20 ? ` and ${known.length - 20} more` : ''}`,
      })
    }
    for (const [id, record] of found) chosen.set(id, record)
  }
  return chosen
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
}

function groupFiles(
  manifests: readonly Manifest[],
  chosen: ReadonlyMap<string, InstrumentRecord>,
  streams: readonly Stream[] | undefined,
  fromUs: number,
  toUs: number,
): Group[] {
  const members = new Map<string, { contract: string; spec: InstrumentSpec }[]>()
  for (const { spec } of chosen.values()) {
    const { family, contract } = partitionName(spec)
    const key = `${family}@${spec.venue}`
    const list = members.get(key) ?? []
    members.set(key, list)
    list.push({ contract, spec })
  }
  const groups = new Map<string, Group>()
  for (const manifest of manifests) {
    for (const facts of manifest.files) {
      const member = members.get(`${facts.family}@${facts.venue}`)
      if (!member || (streams && !streams.includes(facts.stream))) continue
      if (facts.lastUs < fromUs || facts.firstUs >= toUs) continue
      const { venue, family, stream } = facts
      const key = `${venue} ${family} ${stream}`
      let group = groups.get(key)
      if (!group) {
        const sorted = member.sort((a, b) => (a.contract < b.contract ? -1 : 1))
        const contracts = sorted.map(({ contract }) => contract)
        group = { venue, family, stream, files: [], contracts, specs: sorted.map(({ spec }) => spec) }
        groups.set(key, group)
      }
      group.files.push({ facts, rank: manifest.ordinal })
    }
  }
  const place = ({ stream }: Group) => STREAM_ORDER.indexOf(stream)
  return [...groups.values()].sort(
    (a, b) => compare(a.venue, b.venue) || compare(a.family, b.family) || place(a) - place(b),
  )
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

/** An instrument asked for by its full name must be there: a run on less than was asked would be another run. */
function requireAll(selection: TapeSelection, specs: ReadonlyMap<string, InstrumentSpec>, tapes: number): void {
  const missing = (selection.instruments ?? []).filter((name) => !name.includes('*') && !specs.has(name))
  if (missing.length === 0 && tapes > 0) return
  throw new GimbalError('catalog-empty', 'The catalog holds no such rows', {
    instruments: missing.length > 0 ? missing.join(' ') : (selection.instruments?.join(' ') ?? 'any'),
    streams: selection.streams?.join(' ') ?? 'any',
    fromUs: selection.fromUs ?? 'the beginning',
    toUs: selection.toUs ?? 'the end',
  })
}

/** Bars of one length are replayed as they are; the filter costs only those who have to choose. */
function ofLength(tape: FlatTape, barUs: number | undefined): TapeSource {
  const lengths = tape.header.barDurationsUs
  return barUs === undefined || lengths.length === 0 || (lengths.length === 1 && lengths[0] === barUs)
    ? tape
    : new BarsOfLength(tape, barUs)
}

/** Two lengths of bars tell the same trades twice. */
function requireOneLength({ venue, family }: Group, lengths: readonly number[], barUs: number | undefined): void {
  const minutes = lengths.map((us) => `${us / 60e6} min`).join(', ')
  if (barUs === undefined && lengths.length > 1) {
    throw new GimbalError(
      'config-invalid',
      'The catalog holds bars of several lengths: choose one, or their volume counts twice',
      {
        instrument: `${family}@${venue}`,
        lengths: minutes,
        choose: '--bars 5m',
      },
    )
  }
  if (barUs !== undefined && lengths.length > 0 && !lengths.includes(barUs)) {
    throw new GimbalError('catalog-empty', 'The catalog holds no bars of this length', {
      instrument: `${family}@${venue}`,
      asked: `${barUs / 60e6} min`,
      lengths: minutes,
    })
  }
}

function venueShifts(groups: readonly Group[], floorUs: number): Record<string, number> {
  const smallest: Record<string, number> = {}
  for (const { venue, files } of groups) {
    for (const { facts } of files) {
      smallest[venue] = Math.min(smallest[venue] ?? Number.POSITIVE_INFINITY, facts.delayMinUs)
    }
  }
  return Object.fromEntries(
    Object.entries(smallest).map(([venue, delayUs]) => [venue, delayUs < 0 ? delayUs - floorUs : 0]),
  )
}

function shiftOf({ venue, files }: Group, shifts: Readonly<Record<string, number>>): number {
  const timeless = files.every(({ facts }) => facts.delayMinUs === 0 && facts.delayMaxUs === 0)
  return timeless ? 0 : shifts[venue]!
}

async function buildMissing(catalog: Catalog, groups: readonly Group[], settings: TapeSettings): Promise<string[]> {
  let database: Database | undefined
  const paths: string[] = []
  try {
    for (const group of groups) {
      const path = catalog.path('cache', `${keyOf(group)}.tape`)
      paths.push(path)
      if (existsSync(path)) continue
      const rows = group.files.reduce((sum, { facts }) => sum + facts.rows, 0)
      settings.onBuild?.(`${group.stream} of ${group.family}@${group.venue}`, rows)
      database ??= await catalog.openDatabase(catalog.path('cache', `duckdb-${process.pid}`))
      await build(catalog, database, group, path)
    }
  } finally {
    database?.close()
  }
  return paths
}

/** Names a tape after everything its content depends on. */
function keyOf(group: Group): string {
  return hashOf([
    FLAT_TAPE_VERSION,
    group.files.map(({ facts, rank }) => [facts.sha256, rank]),
    group.specs.map((spec) => [instrumentId(spec), spec.tickSize, spec.lotSize]),
  ]).slice(0, 32)
}

async function build(catalog: Catalog, database: Database, group: Group, path: string): Promise<void> {
  const writer = new FlatTapeWriter(path, group.specs)
  const contracts = group.contracts.length === 1 && group.contracts[0] === '' ? undefined : group.contracts
  try {
    for (const run of runs(group, contracts !== undefined)) {
      const files = run.files.map(({ facts, rank }) => ({ path: catalog.path(facts.path), rank }))
      await database.read(files, contracts, run.sorted, converter(group, writer))
    }
    writer.commit()
  } catch (error) {
    writer.abandon()
    throw error
  }
}

/**
 * Cuts the files, which may overlap in time, into runs that follow one another: files that do not overlap any other
 * and are in order themselves are read as they are; only the others cost a sort.
 */
function runs(group: Group, joined: boolean): { files: Group['files']; sorted: boolean }[] {
  const files = group.files.toSorted((a, b) => a.facts.firstUs - b.facts.firstUs || a.rank - b.rank)
  const out: { files: Group['files']; sorted: boolean; lastUs: number }[] = []
  for (const file of files) {
    const last = out.at(-1)
    // A join with the contracts wanted may change the order of rows.
    const sorted = joined || !file.facts.sorted
    if (last && file.facts.firstUs <= last.lastUs) {
      last.sorted = true
      last.files.push(file)
      last.lastUs = Math.max(last.lastUs, file.facts.lastUs)
    } else out.push({ files: [file], sorted, lastUs: file.facts.lastUs })
  }
  const merged: { files: Group['files']; sorted: boolean }[] = []
  for (const { files: each, sorted } of out) {
    const last = merged.at(-1)
    // One query for many files; sorting a bounded number of rows at a time.
    const roomy = !sorted || (last ? rowsOf(last.files) + rowsOf(each) < 2_000_000 : false)
    if (last && last.sorted === sorted && roomy && last.files.length < 256) last.files.push(...each)
    else merged.push({ files: [...each], sorted })
  }
  return merged
}

function rowsOf(files: Group['files']): number {
  return files.reduce((sum, { facts }) => sum + facts.rows, 0)
}

const OFF_GRID = Uint8Array.from({ length: 256 }, (_, kind) => (offGrid(kind) ? 1 : 0))

/** Turns rows as stored into rows of the tape. */
function converter(group: Group, writer: FlatTapeWriter): (rows: ReadRows) => void {
  const instruments = group.specs.map((spec) => new Instrument(spec))
  return (rows) => {
    for (let row = 0; row < rows.count; row++) {
      const index = rows.contract[row]!
      const kind = rows.kind[row]!
      const flags = rows.flags[row]!
      let tick = rows.price[row]!
      let lots = rows.size[row]!
      if (OFF_GRID[kind] === 0) {
        const { ticks, lots: lotGrid } = instruments[index]!
        if (tick !== 0) tick = ticks.index(tick)
        if (lots !== 0) lots = lotGrid.index(lots)
        if (!(Math.abs(tick) <= TICK_MAX) || Number.isNaN(lots)) {
          if ((flags & Flag.SUSPECT) === 0) refuse(group, index, rows, row)
          tick = nearest(ticks, rows.price[row]!)
          lots = nearest(lotGrid, rows.size[row]!)
          if (!(Math.abs(tick) <= TICK_MAX)) refuse(group, index, rows, row)
          writer.suspectRounded++
        }
      }
      writer.push(
        rows.timeUs[row]!,
        rows.venueTimeUs[row]!,
        kind,
        index,
        rows.side[row]!,
        tick,
        lots,
        rows.value[row]!,
        flags,
      )
    }
  }
}

function nearest(grid: Instrument['ticks'], value: number): number {
  return Math.round(value / grid.size)
}

function refuse(group: Group, index: number, rows: ReadRows, row: number): never {
  const spec = group.specs[index]!
  throw new GimbalError('off-grid', `A stored price or size lies between two steps of ${instrumentId(spec)}`, {
    stream: group.stream,
    price: rows.price[row]!,
    tickSize: spec.tickSize,
    size: rows.size[row]!,
    lotSize: spec.lotSize,
    timeUs: rows.timeUs[row]!,
    sequence: rows.sequence[row]!,
  })
}

function hashOf(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex')
}
