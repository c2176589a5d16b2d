/**
 * Goal: what an importer says goes into the catalog and comes back as ticks, bit for bit, or nothing changes at all.
 *
 * Method: importers scripted by the test read generated files; what comes out through Parquet, DuckDB and flat tapes is
 * compared with what went in, message by message. Then everything that may go wrong, with the directory compared byte
 * by byte before and after.
 */

import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DuckDBInstance } from '@duckdb/node-api'
import fc from 'fast-check'
import { afterAll, beforeEach, describe, expect, test } from 'vitest'
import { DAY_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import type { Stream } from '../market/message.ts'
import { Flag, Kind, MergedTape } from '../market/tape.ts'
import { Catalog, describeCatalog, verifyCatalog } from './catalog.ts'
import { CatalogLock, lockHolder } from './catalogLock.ts'
import type { Importer, ImportSink, SketchedInstrument } from './importer.ts'
import { recoverCatalog, runImport } from './importRun.ts'
import { openInput } from './inputFile.ts'
import { openTapes, STREAM_ORDER } from './openTapes.ts'

const root = mkdtempSync(join(tmpdir(), 'gimbal-catalog-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

let catalog: Catalog
let made = 0
beforeEach(() => {
  catalog = new Catalog(join(root, `catalog-${++made}`))
})

const T0 = Date.UTC(2024, 6, 18, 23, 59, 50) * 1000

const PERP: SketchedInstrument = {
  base: 'XYZ',
  quote: 'USDT',
  kind: 'perp',
  venue: 'test',
  venueSymbol: 'XYZUSDT',
  payoff: 'linear',
  settle: 'USDT',
  multiplier: '1',
}
const XYZ = 'XYZ-USDT-PERP@test'

interface Row {
  readonly kind: number
  readonly side: number
  readonly price: number
  readonly size: number
  readonly value: number
  readonly flags?: number
}
interface Message {
  readonly instrument?: SketchedInstrument
  readonly stream: Stream
  readonly timeUs: number
  readonly venueTimeUs?: number
  readonly rows: readonly Row[]
}

/** An importer of files whose lines are messages as JSON; a line `{"reject":…}` and the like calls the sink. */
function importer(overrides: Partial<Importer> = {}): Importer {
  return {
    name: 'scripted',
    version: 1,
    summary: 'Reads what the test wrote.',
    example: 'none',
    options: { depth: 'not used' },
    provenance: 'synthetic',
    recognise: () => 0,
    async read(file, sink) {
      await file.lines((text, line, byte) => obey(JSON.parse(text), sink, { line, byte }))
    },
    ...overrides,
  }
}

function obey(said: Message & Record<string, unknown>, sink: ImportSink, place: { line: number; byte: number }): void {
  if (said['crash']) throw new GimbalError('file-invalid', 'As the test wished')
  if (said['reject']) sink.reject(String(said['reject']), place)
  if (said['trap']) sink.trap(String(said['trap']), place)
  if (said['skip']) sink.skip(String(said['skip']))
  if (said['note']) sink.remember?.('chain', String(said['note']))
  if (said['ask']) sink.count(`recalled ${sink.recall?.('chain')}`)
  if (said.timeUs === undefined) return
  const instrument = sink.instrument(said.instrument ?? PERP)
  const venueTimeUs = said.venueTimeUs ?? said.timeUs - 2000
  if (said['gap']) {
    sink.gap(instrument, said.timeUs, venueTimeUs, place, 10, 15)
    return
  }
  sink.begin(said.stream, instrument, said.timeUs, venueTimeUs)
  for (const { kind, side, price, size, value, flags } of said.rows) sink.row(kind, side, price, size, value, flags)
  if (said['abandon']) sink.abandon()
  else sink.end()
}

let written = 0
async function file(lines: readonly unknown[]) {
  const path = join(root, `input-${++written}.jsonl`)
  writeFileSync(path, lines.map((line) => `${JSON.stringify(line)}\n`).join(''))
  return openInput(path)
}

const trade = (timeUs: number, price: number, size: number, more: object = {}) => ({
  stream: 'trade' as const,
  timeUs,
  rows: [{ kind: Kind.TRADE, side: 1, price, size, value: 0 }],
  ...more,
})

/** Everything below the catalog's directory, with its hash. */
function everything(): Record<string, string> {
  if (!existsSync(catalog.directory)) return {}
  const found: Record<string, string> = {}
  for (const path of readdirSync(catalog.directory, { recursive: true, encoding: 'utf8' })) {
    const full = join(catalog.directory, path)
    if (statSync(full).isFile()) found[path] = createHash('sha256').update(readFileSync(full)).digest('hex')
  }
  return found
}

/** The messages of opened tapes in merged order, prices and sizes recomputed from ticks and lots. */
async function replay(selection = {}): Promise<Message[]> {
  const { inputs, universe } = await openTapes(catalog, selection)
  const tape = new MergedTape(inputs)
  const messages: { timeUs: number; venueTimeUs: number; id: string; rows: Row[] }[] = []
  let open: (typeof messages)[number] | undefined
  while (tape.advance()) {
    const { batch, row } = tape
    const instrument = universe.at(tape.instrument)
    open ??= { timeUs: tape.timeUs, venueTimeUs: batch.venueTimeUs[row]!, id: instrument.id, rows: [] }
    const off = [Kind.FUNDING, Kind.GAP].includes(batch.kind[row] as never)
    open.rows.push({
      kind: batch.kind[row]!,
      side: batch.side[row]!,
      price: off ? batch.tick[row]! : instrument.ticks.value(batch.tick[row]!),
      size: off ? batch.lots[row]! : instrument.lots.value(batch.lots[row]!),
      value: batch.value[row]!,
      flags: batch.flags[row]!,
    })
    if ((batch.flags[row]! & Flag.END) === 0) continue
    messages.push(open)
    open = undefined
  }
  tape.close()
  return messages as unknown as Message[]
}

describe('what goes in comes out', () => {
  test('any messages of several instruments, days and streams, in order of receipt', async () => {
    const ABC: SketchedInstrument = { ...PERP, base: 'ABC', venueSymbol: 'ABCUSDT', tickSize: '0.025', lotSize: '5' }
    const streams: Stream[] = ['book', 'trade', 'mark', 'funding']
    const kinds: Record<string, number> = {
      book: Kind.DEPTH,
      trade: Kind.TRADE,
      mark: Kind.MARK,
      funding: Kind.FUNDING,
    }
    const message = fc.record({
      other: fc.boolean(),
      stream: fc.constantFrom(...streams),
      stepUs: fc.oneof(fc.nat(3), fc.nat(20_000_000)),
      latencyUs: fc.nat(50_000),
      rows: fc.array(
        fc.record({
          side: fc.constantFrom(1, -1, 0),
          tick: fc.integer({ min: 1, max: 2_000_000_000 }),
          lots: fc.nat(1_000_000),
          // A zero has no sign in Parquet statistics and dictionaries: −0 may come back as 0, which is the same value.
          value: fc.double({ noNaN: true, noDefaultInfinity: true }).map((value) => value + 0),
        }),
        { minLength: 1, maxLength: 5 },
      ),
    })
    await fc.assert(
      fc.asyncProperty(fc.array(message, { minLength: 1, maxLength: 60 }), async (generated) => {
        catalog = new Catalog(join(root, `catalog-${++made}`))
        let timeUs = T0
        const said = generated.map(({ other, stream, stepUs, latencyUs, rows }) => {
          timeUs += stepUs
          const plain = stream === 'mark' || stream === 'funding'
          return {
            instrument: other ? ABC : { ...PERP, tickSize: '0.01', lotSize: '0.001' },
            stream,
            timeUs,
            venueTimeUs: timeUs - latencyUs,
            rows: rows.map(({ side, tick, lots, value }) => ({
              kind: kinds[stream]!,
              side,
              // As the venue's decimal text would be read.
              price: plain ? 0 : Number(other ? (tick * 0.025).toFixed(3) : (tick / 100).toFixed(2)),
              size: plain ? 0 : Number(other ? lots * 5 : (lots / 1000).toFixed(3)),
              value,
            })),
          }
        })
        await runImport(catalog, importer(), await file(said))
        const rank = (each: (typeof said)[number]) =>
          (each.instrument.base === 'ABC' ? 0 : 100) + STREAM_ORDER.indexOf(each.stream)
        // Rows of equal time: by instrument, then stream, then as they came.
        const expected = said
          .map((each, index) => ({ each, index }))
          .sort((a, b) => a.each.timeUs - b.each.timeUs || rank(a.each) - rank(b.each) || a.index - b.index)
          .map(({ each }) => ({
            timeUs: each.timeUs,
            venueTimeUs: each.venueTimeUs,
            id: `${each.instrument.base}-USDT-PERP@test`,
            rows: each.rows.map((row, at) => ({ ...row, flags: at === each.rows.length - 1 ? Flag.END : 0 })),
          }))
        expect(await replay()).toEqual(expected)
      }),
      { numRuns: 12 },
    )
  }, 20_000)

  test('many rows, more than fit in memory blocks, keep their order and their days', async () => {
    const random = new Random(3)
    const count = 60_000
    const bulk = importer({
      async read(_file, sink) {
        const index = sink.instrument({ ...PERP, tickSize: '0.1', lotSize: '1' })
        for (let i = 0; i < count; i++) {
          sink.begin('trade', index, T0 + i * 1000, T0 + i * 1000 - 5)
          sink.row(Kind.TRADE, 1, random.integer(1, 99) / 10, 1, i)
          sink.end()
        }
      },
    })
    const { manifest } = await runImport(catalog, bulk, await file(['bulk']))
    expect(manifest.rows).toBe(count)
    expect(manifest.files.map(({ day }) => day)).toEqual(['2024-07-18', '2024-07-19'])
    const { inputs, rows } = await openTapes(catalog)
    expect(rows).toBe(count)
    let expected = 0
    let wrong = 0
    const check = new Random(3)
    for (let batch = inputs[0]!.source.next(); batch; batch = inputs[0]!.source.next()) {
      for (let row = 0; row < batch.count; row++) {
        if (batch.value[row] !== expected || batch.tick[row] !== check.integer(1, 99)) wrong++
        if (batch.timeUs[row] !== T0 + expected * 1000) wrong++
        expected++
      }
    }
    expect([expected, wrong]).toEqual([count, 0])
  })

  test('a time range takes whole messages, from included, to excluded', async () => {
    const said = [0, 10, 10, 20, 30].map((at, i) => trade(T0 + at, 1 + i, 1))
    await runImport(catalog, importer(), await file(said))
    const times = (await replay({ fromUs: T0 + 10, toUs: T0 + 30 })).map(({ timeUs }) => timeUs - T0)
    expect(times).toEqual([10, 10, 20])
  })

  test('options of a family share a file and come apart again', async () => {
    const option = (strike: string): SketchedInstrument => ({
      ...PERP,
      base: 'BTC',
      quote: 'USD',
      kind: 'option',
      venue: 'deribit',
      venueSymbol: `BTC-16JAN26-${strike}-C`,
      payoff: 'inverse',
      settle: 'BTC',
      expiry: '2026-01-16',
      strike,
      right: 'call',
    })
    const quote = (timeUs: number, strike: string, price: number) => ({
      instrument: option(strike),
      stream: 'quote' as const,
      timeUs,
      rows: [{ kind: Kind.QUOTE, side: 1, price, size: 0.5, value: 0.6 }],
    })
    const said = [quote(T0, '80000', 0.0125), quote(T0, '90000', 0.0035), quote(T0 + 1, '80000', 0.013)]
    const { manifest } = await runImport(catalog, importer(), await file(said))
    expect(manifest.files).toHaveLength(1)
    expect(manifest.files[0]!.path).toContain('instrument=BTC-USD-OPTION/')
    const [entry] = describeCatalog(catalog)
    expect(entry).toMatchObject({ instrument: 'BTC-USD-OPTION@deribit', contracts: 2, rows: 3 })
    const one = await replay({ instruments: ['BTC-USD-OPTION-20260116-80000-C@deribit'] })
    expect(one.map(({ rows }) => rows[0]!.price)).toEqual([0.0125, 0.013])
    expect(await replay({ instruments: ['BTC-USD-OPTION-*@deribit'] })).toHaveLength(3)
  })

  test('rows out of order are counted, kept, and replayed in order of receipt', async () => {
    const said = [trade(T0 + 20, 1, 1), trade(T0 + 10, 2, 1), trade(T0 + 30, 3, 1)]
    const { manifest } = await runImport(catalog, importer(), await file(said))
    expect(manifest.streams[0]).toMatchObject({ outOfOrderRows: 1, venueOutOfOrderRows: 1, rows: 3 })
    expect((await replay()).map(({ rows }) => rows[0]!.price)).toEqual([2, 1, 3])
  })

  test('two imports overlapping in time are merged, the earlier import first at equal times', async () => {
    await runImport(catalog, importer(), await file([trade(T0, 1, 1), trade(T0 + 20, 2, 1)]))
    await runImport(catalog, importer(), await file([trade(T0 + 10, 3, 1), trade(T0 + 20, 4, 1)]))
    expect((await replay()).map(({ rows }) => rows[0]!.price)).toEqual([1, 3, 2, 4])
  })

  test('plain DuckDB reads the catalog by its partitions, with its metadata', async () => {
    await runImport(catalog, importer(), await file([trade(T0, 12.5, 3), trade(T0 + 20_000_000, 13, 1)]))
    const connection = await (await DuckDBInstance.create(':memory:')).connect()
    const rows = await connection.runAndReadAll(
      `SELECT kind, row_kind, venue, instrument, day::VARCHAR AS day, contract, price, size, "sequence"::INT AS "sequence"
       FROM read_parquet('${catalog.directory}/kind=*/**/*.parquet', hive_partitioning = true) ORDER BY time_us`,
    )
    const place = { kind: 'trade', row_kind: Kind.TRADE, venue: 'test', instrument: 'XYZ-USDT-PERP', contract: '' }
    expect(rows.getRowObjectsJS()).toMatchObject([
      { ...place, day: '2024-07-18', price: 12.5, size: 3, sequence: 0 },
      { ...place, day: '2024-07-19', price: 13, size: 1, sequence: 1 },
    ])
    const [path] = Object.keys(everything()).filter((each) => each.endsWith('.parquet'))
    const metadata = await connection.runAndReadAll(
      `SELECT decode(key) AS key, decode(value) AS value FROM parquet_kv_metadata('${join(catalog.directory, path!)}')`,
    )
    const facts = Object.fromEntries(metadata.getRowObjectsJS().map(({ key, value }) => [key, value]))
    expect(facts).toMatchObject({
      gimbal_provenance: 'synthetic',
      gimbal_importer: 'scripted@1',
      gimbal_stream: 'trade',
    })
    expect(JSON.parse(String(facts['gimbal_columns']))).toHaveProperty('time_us')
    expect(JSON.parse(String(facts['gimbal_instrument']))).toMatchObject({ base: 'XYZ', tickSize: '0.5' })
  })
})

describe('steps', () => {
  test('are inferred, and refined by a later import that needs a finer one', async () => {
    await runImport(catalog, importer(), await file([trade(T0, 100, 3), trade(T0 + 1, 102.5, 6)]))
    expect(catalog.instruments().get(XYZ)!.spec).toMatchObject({ tickSize: '2.5', lotSize: '1' })
    const first = await openTapes(catalog)
    await runImport(catalog, importer(), await file([trade(T0 + 5, 101.2, 0.5)]))
    expect(catalog.instruments().get(XYZ)!.spec).toMatchObject({ tickSize: '0.1', lotSize: '0.5' })
    const second = await openTapes(catalog)
    expect(second.contentHash).not.toBe(first.contentHash)
    expect((await replay()).map(({ rows }) => rows[0]!.price)).toEqual([100, 102.5, 101.2])
  })

  test('an import that saw only coarse prices does not coarsen the step', async () => {
    await runImport(catalog, importer(), await file([trade(T0, 100.1, 1)]))
    await runImport(catalog, importer(), await file([trade(T0 + 9, 200, 10)]))
    expect(catalog.instruments().get(XYZ)!.spec).toMatchObject({ tickSize: '0.1', lotSize: '1' })
  })

  test('a step the venue declared gives way to the data, under a name', async () => {
    const declared = { ...PERP, tickSize: '0.5', lotSize: '1' }
    const said = [trade(T0, 100.5, 1, { instrument: declared }), trade(T0 + 1, 100.2, 1, { instrument: declared })]
    const { manifest } = await runImport(catalog, importer(), await file(said))
    expect(manifest.traps.map(({ name }) => name)).toEqual(['finer-than-declared'])
    expect(catalog.instruments().get(XYZ)!.spec.tickSize).toBe('0.1')
  })

  test('a price no 32-bit tick can share a grid with is kept, suspected and named', async () => {
    const said = [trade(T0, 63_000.1, 1), trade(T0 + 1, 63_000.123456789, 1), trade(T0 + 2, 63_000.2, 1)]
    const { manifest } = await runImport(catalog, importer(), await file(said))
    expect(manifest.traps).toMatchObject([{ name: 'off-grid', count: 1, first: [{ line: 2 }] }])
    expect(catalog.instruments().get(XYZ)!.spec.tickSize).toBe('0.1')
    const opened = await openTapes(catalog)
    expect(opened.suspectRounded).toBe(1)
    const rows = (await replay()).map((message) => message.rows[0]!)
    expect(rows[1]).toMatchObject({ flags: Flag.SUSPECT | Flag.END })
    expect(rows[1]!.price).toBeCloseTo(63_000.1, 9)
  })

  test('invented prices, flagged by the importer, do not shape the grid', async () => {
    const invented = { rows: [{ kind: Kind.TRADE, side: 1, price: 10.123, size: 1, value: 0, flags: Flag.SUSPECT }] }
    await runImport(catalog, importer(), await file([trade(T0, 10.5, 1), { ...trade(T0 + 1, 0, 0), ...invented }]))
    expect(catalog.instruments().get(XYZ)!.spec.tickSize).toBe('0.5')
    expect((await verifyCatalog(catalog)).findings).toEqual([])
  })

  test('well-known instruments come with steps, fees and margin tiers', async () => {
    const btc = { ...PERP, base: 'BTC', venue: 'binance-usdm', venueSymbol: 'BTCUSDT' }
    await runImport(catalog, importer(), await file([trade(T0, 63_000, 1, { instrument: btc })]))
    const { spec } = catalog.instruments().get('BTC-USDT-PERP@binance-usdm')!
    expect(spec).toMatchObject({ tickSize: '0.1', lotSize: '0.001', fees: { makerBps: 2, takerBps: 5 } })
    expect(spec.margin!.tiers[0]).toMatchObject({ leverageMax: 125 })
  })

  test('importers that contradict each other on what a contract is worth are stopped', async () => {
    await runImport(catalog, importer(), await file([trade(T0, 1, 1)]))
    const other = trade(T0 + 1, 1, 1, { instrument: { ...PERP, multiplier: '100' } })
    await expect(runImport(catalog, importer(), await file([other]))).rejects.toMatchObject({
      code: 'instrument-invalid',
    })
  })
})

describe('what is reported', () => {
  test('rejects, traps, gaps, skips, duplicates and clocks, with their places', async () => {
    const gap = { gap: true, timeUs: T0 + 5 }
    const said = [
      trade(T0, 1, 1, { venueTimeUs: T0 + 1_300_000 }),
      trade(T0 + 1, 1, 1, { venueTimeUs: T0 + 1_300_000 }),
      { reject: 'bad-json' },
      { reject: 'bad-json' },
      { trap: 'odd' },
      { skip: 'heartbeat' },
      gap,
      trade(T0 + 9, 1, 1, { abandon: true }),
    ]
    const { manifest } = await runImport(catalog, importer(), await file(said))
    expect(manifest.rejects).toMatchObject([{ name: 'bad-json', count: 2, first: [{ line: 3 }, { line: 4 }] }])
    expect(manifest.traps).toMatchObject([{ name: 'odd' }, { name: 'clock-behind', count: 2 }])
    expect(manifest.gaps).toMatchObject({ count: 1, first: [{ instrument: XYZ, line: 7, expected: 10, received: 15 }] })
    expect(manifest.skips).toEqual({ heartbeat: 1 })
    expect(manifest.rows).toBe(3)
    const trades = manifest.streams.find(({ stream }) => stream === 'trade')!
    expect(trades).toMatchObject({ rows: 2, duplicateRows: 1, negativeDelays: 2 })
    expect(trades.delayUs).toEqual({ min: -1_300_000, median: -1_299_999, max: -1_299_999 })
    expect(describeCatalog(catalog).map(({ stream, gaps }) => [stream, gaps])).toEqual([
      ['book', 1],
      ['trade', 0],
    ])
  })

  test('a clock behind the venue is undone by the shift that makes the quickest row take the floor', async () => {
    const behind = trade(T0, 1, 1, { venueTimeUs: T0 + 1_300_000 })
    const sound = trade(T0, 1, 1, { instrument: { ...PERP, venue: 'other' } })
    await runImport(catalog, importer(), await file([behind, trade(T0 + 5, 1, 1, { venueTimeUs: T0 + 1 }), sound]))
    const opened = await openTapes(catalog)
    expect(opened.venueShiftUs).toEqual({ test: -1_301_000, other: 0 })
    expect(opened.labels.map(({ venue }) => venue)).toEqual(['other', 'test'])
    expect(opened.inputs.map(({ venueShiftUs }) => venueShiftUs)).toEqual([0, -1_301_000])
    // The touch came without a time of the venue's: receive time stands in and stays.
    const touch = { ...trade(T0 + 3, 1, 1, { venueTimeUs: T0 + 3 }), stream: 'quote' }
    await runImport(catalog, importer(), await file([touch]))
    expect((await openTapes(catalog)).labels.map(({ stream, venueShiftUs }) => [stream, venueShiftUs])).toEqual([
      ['trade', 0],
      ['quote', 0],
      ['trade', -1_301_000],
    ])
    const floor = await openTapes(catalog, {}, { latencyFloorUs: 50 })
    expect(floor.venueShiftUs['test']).toBe(-1_300_050)
  })

  test('impossible numbers are rejected with their whole message', async () => {
    const bulk = importer({
      async read(source, sink) {
        await source.lines(() => {})
        const index = sink.instrument(PERP)
        const say = (timeUs: number, price: number, size: number) => {
          sink.begin('trade', index, timeUs, timeUs)
          sink.row(Kind.TRADE, 1, 5, 1, 0)
          sink.row(Kind.TRADE, 1, price, size, 0)
          sink.end()
        }
        for (const price of [Number.NaN, Number.POSITIVE_INFINITY, -1]) say(T0, price, 1)
        for (const timeUs of [Number.NaN, -5, 0.5, 1e300]) say(timeUs, 1, 1)
        say(T0, 5, 1)
        say(T0, 5e12, 1)
      },
    })
    const { manifest } = await runImport(catalog, bulk, await file(new Array(20).fill('line')))
    const rejects = Object.fromEntries(manifest.rejects.map(({ name, count }) => [name, count]))
    expect(rejects).toEqual({ 'number-invalid': 3, 'time-invalid': 4, 'number-out-of-range': 1 })
    expect(manifest.rows).toBe(2)
  })

  test('a note left by one import is there for the next', async () => {
    await runImport(catalog, importer(), await file([trade(T0, 1, 1), { note: 'u=17' }]))
    const { manifest } = await runImport(catalog, importer(), await file([{ ask: true }, trade(T0 + 1, 1, 1)]))
    expect(manifest.counts).toEqual({ 'recalled u=17': 1 })
    expect(manifest.recalled).toEqual({ chain: 'u=17' })
  })

  test('the same time of the same stream from two sources, which would be told twice', async () => {
    const start = 1_721_347_200_000_000
    const span = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, i) => trade(start + (from + i) * 1e6, 100, 1))
    await runImport(catalog, importer(), await file(span(0, 10)))
    const apart = await runImport(catalog, importer(), await file(span(10, 20)))
    const across = await runImport(catalog, importer(), await file(span(5, 8)))
    expect(apart.manifest.traps.map(({ name }) => name)).not.toContain('overlaps-import')
    const trap = across.manifest.traps.find(({ name }) => name === 'overlaps-import')
    expect(trap).toMatchObject({
      count: 1,
      first: [{ detail: expect.stringMatching(/^trade of .* is also in input-/) }],
    })
  })
})

describe('all or nothing', () => {
  test('the same file imported twice is imported once, wherever it lies', async () => {
    const said = [trade(T0, 1, 1)]
    expect((await runImport(catalog, importer(), await file(said))).status).toBe('imported')
    const before = everything()
    expect((await runImport(catalog, importer(), await file(said))).status).toBe('already-imported')
    expect(everything()).toEqual(before)
    expect((await runImport(catalog, importer(), await file(said), { depth: '5' })).status).toBe('imported')
  })

  test('a newer importer replaces its older import when asked to, and only then', async () => {
    const said = [trade(T0, 1, 1)]
    await runImport(catalog, importer(), await file(said))
    const newer = importer({ version: 2 })
    expect((await runImport(catalog, newer, await file(said))).status).toBe('outdated')
    const { status, manifest } = await runImport(catalog, newer, await file(said), {}, { redo: true })
    expect(status).toBe('imported')
    expect(catalog.manifests()).toEqual([manifest])
    expect(await verifyCatalog(catalog)).toMatchObject({ files: 1, rows: 1, findings: [] })
  })

  test('an import that fails leaves no trace, not even of the directory', async () => {
    await expect(runImport(catalog, importer(), await file([trade(T0, 1, 1), { crash: true }]))).rejects.toMatchObject({
      code: 'file-invalid',
    })
    expect(existsSync(catalog.directory)).toBe(false)
    await runImport(catalog, importer(), await file([trade(T0, 1, 1)]))
    const before = everything()
    const worse = [trade(T0, 1.25, 1), { crash: true }]
    await expect(runImport(catalog, importer(), await file(worse))).rejects.toThrow(GimbalError)
    expect(everything()).toEqual(before)
  })

  test('a file of which too little can be read is refused as a whole', async () => {
    const reject = { reject: 'bad-json' }
    const mostly = [reject, reject, reject, trade(T0, 1, 1)]
    await expect(runImport(catalog, importer(), await file(mostly))).rejects.toMatchObject({
      code: 'import-rejected',
      facts: { rejected: 3, percent: 75, reason: 'bad-json', line: 1 },
    })
    await expect(runImport(catalog, importer(), await file([reject]))).rejects.toMatchObject({
      code: 'import-rejected',
    })
    await expect(runImport(catalog, importer(), await file([]))).rejects.toMatchObject({ code: 'import-rejected' })
    expect(everything()).toEqual({})
    const kept = await runImport(catalog, importer(), await file(mostly), {}, { rejectsMaxPercent: 80 })
    expect(kept.manifest.rows).toBe(1)
  })

  test('an option nobody takes is refused', async () => {
    const input = await file([trade(T0, 1, 1)])
    await expect(runImport(catalog, importer(), input, { dept: '5' })).rejects.toMatchObject({
      code: 'argument-invalid',
    })
  })

  test('one writer at a time; a dead one does not count', async () => {
    const slow = importer({
      async read(source, sink, options) {
        await expect(runImport(catalog, importer(), await file([trade(T0 + 7, 1, 1)]))).rejects.toMatchObject({
          code: 'catalog-busy',
          facts: { process: process.pid },
        })
        await importer().read(source, sink, options)
      },
    })
    await runImport(catalog, slow, await file([trade(T0, 1, 1)]))
    expect(lockHolder(catalog.directory)).toBeUndefined()
    // A number beyond the largest process id, and this process's own number from before a restart.
    for (const holder of [
      { pid: 2 ** 22 + 1, started: '' },
      { pid: process.pid, started: '1' },
    ]) {
      const { hostname } = await import('node:os')
      writeFileSync(catalog.path('lock'), JSON.stringify({ ...holder, host: hostname(), turn: 1 }))
      expect(lockHolder(catalog.directory)).toMatchObject({ alive: false })
      expect((await verifyCatalog(catalog)).findings).toMatchObject([{ path: 'lock' }])
      const lock = CatalogLock.acquire(catalog.directory)
      expect(lock.lost).toBe(false)
      lock.release()
    }
    writeFileSync(catalog.path('lock'), JSON.stringify({ pid: 1, host: 'another machine', started: '', turn: 1 }))
    expect(() => CatalogLock.acquire(catalog.directory)).toThrow(expect.objectContaining({ code: 'catalog-busy' }))
  })
})

describe('verification', () => {
  test.each<[string, (path: string) => void, string]>([
    ['a file gone', (path) => rmSync(path), 'missing'],
    ['a file cut short', (path) => writeFileSync(path, readFileSync(path).subarray(0, 100)), 'bytes instead of'],
    [
      'one bit flipped',
      (path) => {
        const bytes = readFileSync(path)
        bytes[20]! ^= 4
        writeFileSync(path, bytes)
      },
      'hash',
    ],
  ])('finds %s', async (_, damage, problem) => {
    await runImport(catalog, importer(), await file([trade(T0, 1, 1)]))
    expect(await verifyCatalog(catalog)).toEqual({ imports: 1, files: 1, rows: 1, findings: [] })
    const path = catalog.manifests()[0]!.files[0]!.path
    damage(catalog.path(path))
    expect((await verifyCatalog(catalog)).findings).toEqual([{ path, problem: expect.stringContaining(problem) }])
  })

  test('finds strangers, leftovers, and prices off the grid', async () => {
    await runImport(catalog, importer(), await file([trade(T0, 1.5, 1)]))
    const text = readFileSync(catalog.path('instruments.json'), 'utf8')
    writeFileSync(catalog.path('instruments.json'), text.replace('"tickSize": "0.5"', '"tickSize": "1"'))
    const stranger = catalog.path('kind=trade', 'venue=test', 'stranger.parquet')
    writeFileSync(stranger, 'x')
    mkdirSync(catalog.path('staging', 'dead'), { recursive: true })
    const problems = (await verifyCatalog(catalog)).findings.map(({ problem }) => problem)
    expect(problems).toEqual([
      '1 rows off the grid of their instrument',
      'belongs to no import',
      expect.stringContaining('did not finish'),
    ])
    await expect(openTapes(catalog)).rejects.toMatchObject({ code: 'off-grid', facts: { price: 1.5, tickSize: '1' } })
    await recoverCatalog(catalog)
    expect(existsSync(catalog.path('staging'))).toBe(false)
  })
})

describe('what must be refused on opening', () => {
  test('an empty catalog, an unknown instrument, a time without rows', async () => {
    await expect(openTapes(catalog)).rejects.toMatchObject({ code: 'catalog-empty' })
    await runImport(catalog, importer(), await file([trade(T0, 1, 1)]))
    await expect(openTapes(catalog, { instruments: ['ABC-USDT-PERP@test'] })).rejects.toMatchObject({
      code: 'instrument-unknown',
      facts: { known: XYZ },
    })
    await expect(openTapes(catalog, { fromUs: T0 + DAY_US })).rejects.toMatchObject({ code: 'catalog-empty' })
    await expect(openTapes(catalog, { streams: ['book'], instruments: [XYZ] })).rejects.toMatchObject({
      code: 'catalog-empty',
    })
  })
})
