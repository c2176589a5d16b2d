/**
 * Goal: what was written is read back exactly, whatever happened to the file in between is noticed, and the two ways
 * a journal can end badly (cut off by a crash, damaged afterwards) are never taken for each other.
 *
 * Method: properties over every record type; then one small journal cut at every byte of its end, and damaged at a
 * thousand places.
 */

import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { crc32 as nativeCrc32 } from 'node:zlib'
import fc from 'fast-check'
import { afterAll, describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import type { AccountEvent, Intent, Order, OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { GateAct, GateReset, Scope } from '../risk/gate.ts'
import { crc32 } from './crc32.ts'
import { type Durability, FileJournal } from './fileJournal.ts'
import { frameCheck } from './frame.ts'
import { canonicalJson, type JournalHeader } from './header.ts'
import type { Journal } from './journal.ts'
import { JournalReader, type JournalRecord, verifyJournal } from './journalReader.ts'
import { RecordBuffer } from './recordBuffer.ts'
import { RowDigest } from './rowCodec.ts'

const ROOT = mkdtempSync(join(tmpdir(), 'gimbal-journal-'))
afterAll(() => rmSync(ROOT, { recursive: true, force: true }))
let directories = 0
const freshDirectory = () => join(ROOT, String(++directories))

const HEADER: JournalHeader = {
  gimbal: '0.0.0-test',
  rows: 'inline',
  run: 'r1',
  seed: 7,
  cash: { USDC: 1000 },
  since: { fillId: 0, accountUs: 0 },
  instruments: [],
  settings: { policy: 'none' },
  tapes: [],
}
const REFERENCE: JournalHeader = { ...HEADER, rows: 'reference', tapes: [{ name: 'a', sha256: '00' }] }

interface Row {
  timeUs: number
  ownUs: number
  venueUs: number
  kind: number
  instrument: number
  side: number
  tick: number
  lots: number
  value: number
  flags: number
}

type Entry = { type: 'ROW'; row: Row } | JournalRecord

const scratch = new TapeBatch(8)

function writeRow(journal: Journal, row: Row): void {
  scratch.count = 0
  scratch.push(row.ownUs, row.venueUs, row.kind, 0, row.side, row.tick, row.lots, row.value, row.flags)
  journal.row(scratch, 0, row.instrument, row.timeUs)
}

function write(journal: FileJournal, entry: Entry): void {
  switch (entry.type) {
    case 'ROW':
      writeRow(journal, entry.row)
      break
    case 'CLOCK':
      journal.clock(entry.timeUs)
      break
    case 'ORDER_EVENT':
      journal.orderEvent(entry.event)
      break
    case 'ACCOUNT_EVENT':
      journal.accountEvent(entry.event)
      break
    case 'ORDER':
      journal.order(entry.order)
      journal.commit()
      break
    case 'CANCEL':
      journal.cancel(entry.orderId, entry.policy, entry.timeUs)
      break
    case 'AMEND':
      journal.amend(entry.orderId, entry.tick, entry.lots, entry.policy, entry.timeUs)
      break
    case 'REFUSAL':
      journal.refusal(entry.intent, entry.policy, entry.limit, entry.timeUs)
      break
    case 'GATE_ACT':
      journal.gateAct(entry.act)
      break
    case 'GATE_RESET':
      journal.gateReset(entry.reset)
      break
    case 'NOTE':
      journal.note(entry.text, entry.timeUs)
  }
}

/** Everything in a journal but its structure. */
function readAll(directory: string): { entries: Entry[]; reader: JournalReader } {
  const reader = JournalReader.open(directory)!
  const entries: Entry[] = []
  while (reader.next()) {
    const record = reader.read()
    if (record.type === 'ROWS') {
      while (reader.nextRow()) {
        const b = reader.batch
        entries.push({
          type: 'ROW',
          row: {
            timeUs: reader.rowUs,
            ownUs: b.timeUs[0]!,
            venueUs: b.venueTimeUs[0]!,
            kind: b.kind[0]!,
            instrument: b.instrument[0]!,
            side: b.side[0]!,
            tick: b.tick[0]!,
            lots: b.lots[0]!,
            value: b.value[0]!,
            flags: b.flags[0]!,
          },
        })
      }
    } else if (!['LINK', 'SEGMENT', 'HEADER'].includes(record.type)) entries.push(record)
  }
  return { entries, reader }
}

const double = fc.oneof(fc.double(), fc.integer({ min: -70_000, max: 70_000 }), fc.maxSafeInteger(), fc.constant(0))
const timeUs = fc.oneof(fc.integer({ min: 1.7e15, max: 1.7e15 + 100_000 }), fc.integer({ min: 0, max: 2 ** 52 }))
const text = fc.string({ unit: 'binary', maxLength: 40 }).filter((value) => !/\p{Surrogate}/u.test(value))
const side = fc.constantFrom(1 as const, -1 as const)
const instrument = fc.integer({ min: 0, max: 300 })

const row: fc.Arbitrary<Row> = fc
  .record({
    timeUs,
    sameTime: fc.boolean(),
    ownUs: timeUs,
    venueUs: fc.oneof(timeUs, double),
    kind: fc.constantFrom(Kind.DEPTH, Kind.TRADE, Kind.MARK, 255),
    instrument: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 65_535 })),
    side: fc.oneof(fc.constantFrom(-1, 0, 1), fc.integer({ min: -128, max: 127 })),
    tick: fc.oneof(fc.integer({ min: 60_000, max: 60_010 }), fc.integer()),
    lots: double,
    value: double,
    flags: fc.integer({ min: 0, max: 255 }),
  })
  // Minus zero is no time: the engine's clock never shows it.
  .map(({ sameTime, ...each }) => ({
    ...each,
    venueUs: each.venueUs === 0 ? 0 : each.venueUs,
    ownUs: sameTime ? each.timeUs : each.ownUs,
  }))

const intent: fc.Arbitrary<Intent> = fc.record(
  {
    instrument,
    side,
    lots: double,
    type: fc.constantFrom(...(['limit', 'market', 'stop', 'stop-limit', 'take-profit', 'take-profit-limit'] as const)),
    tick: double,
    triggerTick: double,
    timeInForce: fc.constantFrom(...(['GTC', 'IOC', 'FOK', 'GTT'] as const)),
    expiresUs: timeUs,
    postOnly: fc.boolean(),
    reduceOnly: fc.boolean(),
    tag: text,
  },
  { requiredKeys: ['instrument', 'side', 'lots', 'type', 'tick'], noNullPrototype: true },
)
const policy = fc.integer({ min: -1, max: 20 })
const id = fc.integer({ min: 1, max: 2 ** 40 })
const order: fc.Arbitrary<Order> = fc
  .tuple(intent, id, policy, timeUs, double, fc.constantFrom(...(['GTC', 'IOC', 'FOK', 'GTT'] as const)))
  .map(([each, id, policy, sentUs, decisionTick, timeInForce]) => ({
    ...each,
    id,
    policy,
    sentUs,
    decisionTick,
    timeInForce,
  }))

const orderEvent: fc.Arbitrary<OrderEvent> = fc.record(
  {
    kind: fc.constantFrom(
      ...(['accepted', 'rejected', 'triggered', 'filled', 'amended', 'cancelled', 'expired'] as const),
      ...(['cancel-rejected', 'amend-rejected'] as const),
    ),
    timeUs,
    venueTimeUs: timeUs,
    orderId: id,
    instrument,
    side,
    tick: double,
    lots: double,
    leavesLots: double,
    feeAtoms: double,
    liquidity: fc.constantFrom('maker' as const, 'taker' as const, '' as const),
    reason: fc.constantFrom(
      ...(['', 'post-only', 'reduce-only', 'no-liquidity', 'fill-or-kill', 'margin', 'rate-limit'] as const),
      ...(['venue-down', 'off-grid', 'unknown-order', 'self-trade', 'expired', 'liquidation', 'other'] as const),
      ...(['trigger-crossed', 'size', 'price-band', 'instrument-closed'] as const),
    ),
    fillId: id,
    queueAheadLots: double,
  },
  { noNullPrototype: true },
)
const accountEvent: fc.Arbitrary<AccountEvent> = fc.record(
  {
    kind: fc.constantFrom(
      ...(['funding', 'liquidation', 'deleveraging', 'settlement', 'transfer', 'venue-down', 'venue-up'] as const),
    ),
    timeUs,
    venueTimeUs: timeUs,
    instrument: fc.integer({ min: -1, max: 300 }),
    side: fc.constantFrom(1 as const, 0 as const, -1 as const),
    tick: double,
    lots: double,
    cashAtoms: double,
    currency: text,
  },
  { noNullPrototype: true },
)
const actKind = fc.constantFrom(...(['pause', 'cancel', 'reduce-only', 'flatten', 'halt'] as const))
const scope: fc.Arbitrary<Scope> = fc.oneof(
  fc.constant({ of: 'account' as const }),
  text.map((venue) => ({ of: 'venue' as const, venue })),
  fc.integer({ min: 0, max: 9 }).map((policy) => ({ of: 'policy' as const, policy })),
  instrument.map((instrument) => ({ of: 'position' as const, instrument })),
)
const gateReset: fc.Arbitrary<GateReset> = fc.record(
  { act: actKind, breaker: text, scope, latchedUs: timeUs, who: text, reason: text, timeUs },
  { noNullPrototype: true },
)
const gateAct: fc.Arbitrary<GateAct> = fc.record(
  {
    act: actKind,
    breaker: text,
    scope,
    timeUs,
    measured: double,
    allowed: double,
    unit: text,
    confirmations: fc.nat(),
    reads: fc.array(fc.record({ timeUs, measured: double }, { noNullPrototype: true }), { maxLength: 3 }),
  },
  {
    requiredKeys: ['act', 'breaker', 'scope', 'timeUs', 'measured', 'allowed', 'unit', 'confirmations'],
    noNullPrototype: true,
  },
)

const entry: fc.Arbitrary<Entry> = fc.oneof(
  { weight: 8, arbitrary: row.map((row) => ({ type: 'ROW' as const, row })) },
  timeUs.map((timeUs) => ({ type: 'CLOCK' as const, timeUs })),
  orderEvent.map((event) => ({ type: 'ORDER_EVENT' as const, event })),
  accountEvent.map((event) => ({ type: 'ACCOUNT_EVENT' as const, event })),
  order.map((order) => ({ type: 'ORDER' as const, order })),
  fc.tuple(id, policy, timeUs).map(([orderId, policy, timeUs]) => ({
    type: 'CANCEL' as const,
    orderId,
    policy,
    timeUs,
  })),
  fc.tuple(id, policy, timeUs, double, double).map(([orderId, policy, timeUs, tick, lots]) => ({
    type: 'AMEND' as const,
    orderId,
    policy,
    timeUs,
    tick,
    lots,
  })),
  fc.tuple(intent, policy, text, timeUs).map(([intent, policy, limit, timeUs]) => ({
    type: 'REFUSAL' as const,
    intent,
    policy,
    limit,
    timeUs,
  })),
  gateAct.map((act) => ({ type: 'GATE_ACT' as const, act })),
  gateReset.map((reset) => ({ type: 'GATE_RESET' as const, reset })),
  fc.tuple(text, timeUs).map(([text, timeUs]) => ({ type: 'NOTE' as const, text, timeUs })),
)

/** Writes entries into a new journal and returns its directory. */
function journalOf(
  entries: readonly Entry[],
  options: { header?: JournalHeader; durability?: Durability; segmentBytes?: number; close?: boolean } = {},
): string {
  const directory = freshDirectory()
  const journal = FileJournal.create(directory, options.header ?? HEADER, {
    durability: options.durability ?? 'process',
    ...(options.segmentBytes && { segmentBytes: options.segmentBytes }),
  })
  for (const each of entries) write(journal, each)
  if (options.close === false) {
    journal.commit()
    // What a killed process leaves: no closing link, and a lock nobody owns.
    rmSync(join(directory, 'writer.lock'))
  } else journal.close()
  return directory
}

/** A plausible run: quotes, an order now and then, fills. */
function market(count: number, seed = 1): Entry[] {
  const random = new Random(seed)
  const entries: Entry[] = []
  let nowUs = 1_720_000_000_000_000
  for (let i = 0; i < count; i++) {
    nowUs += random.integer(0, 2000)
    if (i % 50 === 49) {
      entries.push({ type: 'ORDER', order: sample(order, i) })
      entries.push({ type: 'ORDER_EVENT', event: sample(orderEvent, i) })
    } else {
      const row = {
        timeUs: nowUs,
        ownUs: nowUs,
        venueUs: nowUs - random.integer(500, 1500),
        kind: Kind.DEPTH,
        instrument: random.integer(0, 1),
        side: random.bits() > 0 ? 1 : -1,
        tick: 640_000 + random.integer(-50, 50),
        lots: random.integer(0, 5000),
        value: i,
        flags: Flag.END,
      }
      entries.push({ type: 'ROW', row })
    }
  }
  return entries
}

function sample<T>(arbitrary: fc.Arbitrary<T>, seed: number): T {
  return fc.sample(arbitrary, { numRuns: 1, seed })[0]!
}

const segments = (directory: string) =>
  readdirSync(directory)
    .filter((name) => name.endsWith('.journal'))
    .sort()
const bytesOf = (directory: string) =>
  Buffer.concat(segments(directory).map((name) => readFileSync(join(directory, name))))

const invalid = expect.objectContaining({ code: 'journal-invalid' })

test('every record comes back as it was written, in its order', () => {
  fc.assert(
    fc.property(fc.array(entry, { maxLength: 60 }), fc.constantFrom(undefined, 700), (entries, segmentBytes) => {
      const directory = journalOf(entries, { ...(segmentBytes && { segmentBytes }) })
      const { entries: back, reader } = readAll(directory)
      expect(back).toEqual(entries)
      expect(reader.closed).toBe(true)
      expect(reader.torn).toBeUndefined()
      rmSync(directory, { recursive: true })
    }),
    { numRuns: 150 },
  )
})

test('a journal that leaves rows in their tapes says how many were taken before each record, and digests them', () => {
  const entries = market(3000)
  const directory = journalOf(entries, { header: REFERENCE, segmentBytes: 4000 })
  const reader = JournalReader.open(directory)!
  const digest = new RowDigest()
  let at = 0
  let rows = 0
  const takeRows = () => {
    for (let left = reader.rowsBefore; left > 0; left--, at++, rows++) {
      const each = entries[at]!
      if (each.type !== 'ROW') throw new Error(`entry ${at} is no row`)
      scratch.count = 0
      const { row } = each
      scratch.push(row.ownUs, row.venueUs, row.kind, 0, row.side, row.tick, row.lots, row.value, row.flags)
      digest.add(scratch, 0, row.instrument, row.timeUs)
    }
  }
  let links = 0
  while (reader.next()) {
    takeRows()
    const record = reader.read()
    if (record.type === 'LINK') {
      links++
      expect(record).toMatchObject({ rows, digestLow: digest.low, digestHigh: digest.high })
    } else if (record.type !== 'SEGMENT') expect(record).toEqual(entries[at++])
  }
  expect(at).toBe(entries.length)
  expect(links).toBeGreaterThan(2)
  expect(reader.rows).toBe(rows)
})

test('the digest of rows changes with any field of any row', () => {
  const base = market(10).filter((each) => each.type === 'ROW')
  const digestOf = (rows: { row: Row }[]) => {
    const digest = new RowDigest()
    for (const { row } of rows) {
      scratch.count = 0
      scratch.push(row.ownUs, row.venueUs, row.kind, 0, row.side, row.tick, row.lots, row.value, row.flags)
      digest.add(scratch, 0, row.instrument, row.timeUs)
    }
    return digest.text
  }
  const texts = new Set([digestOf(base)])
  const fields = ['timeUs', 'venueUs', 'kind', 'instrument', 'side', 'tick', 'lots', 'value', 'flags'] as const
  for (let at = 0; at < base.length; at++)
    for (const field of fields) {
      const changed = base.map((each, index) =>
        index === at
          ? { row: { ...each.row, [field]: field === 'side' ? -each.row.side : each.row[field] + 1 } }
          : each,
      )
      texts.add(digestOf(changed))
    }
  texts.add(digestOf([...base].reverse()))
  expect(texts.size).toBe(2 + base.length * fields.length)
})

test('the same run gives the same bytes, however its buffers were written out', () => {
  const entries = market(2000)
  const process = journalOf(entries, { durability: 'process', segmentBytes: 5000 })
  const buffered = journalOf(entries, { durability: 'buffered', segmentBytes: 5000 })
  const power = journalOf(entries.slice(0, 300), { durability: 'power' })
  expect(bytesOf(process).equals(bytesOf(buffered))).toBe(true)
  expect(verifyJournal(process).hash).toBe(verifyJournal(buffered).hash)
  expect(bytesOf(power).equals(bytesOf(journalOf(entries.slice(0, 300))))).toBe(true)
})

test('the hash does not depend on the order in which settings were listed, and does on what they say', () => {
  const hash = (header: JournalHeader) => verifyJournal(journalOf([], { header })).hash
  expect(hash({ ...HEADER, settings: { a: 1, b: 2 } })).toBe(hash({ ...HEADER, settings: { b: 2, a: 1 } }))
  expect(hash({ ...HEADER, settings: { a: 1 } })).not.toBe(hash({ ...HEADER, settings: { a: 2 } }))
  expect(() => canonicalJson({ limit: Number.POSITIVE_INFINITY })).toThrow(
    expect.objectContaining({ code: 'argument-invalid' }),
  )
})

describe('rotation', () => {
  const entries = market(4000)

  test('a journal in many segments reads as one', () => {
    const directory = journalOf(entries, { segmentBytes: 6000 })
    const summary = verifyJournal(directory)
    expect(summary.segments).toBeGreaterThan(5)
    expect(summary.rows).toBe(entries.filter((each) => each.type === 'ROW').length)
    expect(summary.bytes).toBe(bytesOf(directory).length)
    expect(readAll(directory).entries).toEqual(entries)
  })

  test('a missing, swapped or foreign segment is noticed', () => {
    const missing = journalOf(entries, { segmentBytes: 6000 })
    rmSync(join(missing, '000003.journal'))
    expect(() => verifyJournal(missing)).toThrow(invalid)

    const swapped = journalOf(entries, { segmentBytes: 6000 })
    const third = readFileSync(join(swapped, '000003.journal'))
    writeFileSync(join(swapped, '000003.journal'), readFileSync(join(swapped, '000004.journal')))
    writeFileSync(join(swapped, '000004.journal'), third)
    expect(() => verifyJournal(swapped)).toThrow(invalid)

    const foreign = journalOf(entries, { segmentBytes: 6000 })
    const other = journalOf(market(4000, 2), { segmentBytes: 6000 })
    writeFileSync(join(foreign, '000003.journal'), readFileSync(join(other, '000003.journal')))
    expect(() => verifyJournal(foreign)).toThrow(invalid)
  })

  test('a journal without its last segments is not closed, and one cut between segments goes on', () => {
    const directory = journalOf(entries, { segmentBytes: 6000 })
    const names = segments(directory)
    rmSync(join(directory, names.at(-1)!))
    expect(verifyJournal(directory)).toMatchObject({ closed: false, torn: undefined })
    const before = readAll(directory).entries
    const journal = reopen(directory)
    write(journal, { type: 'CLOCK', timeUs: 5 })
    journal.close()
    expect(readAll(directory).entries).toEqual([...before, { type: 'CLOCK', timeUs: 5 }])
    expect(segments(directory)).toEqual(names)
  })
})

function reopen(directory: string): FileJournal {
  const reader = JournalReader.open(directory)!
  while (reader.next()) if (reader.rowsLeft > 0) while (reader.nextRow());
  return FileJournal.reopen(reader, { durability: 'process' })
}

describe('a crash while writing', () => {
  const entries = [...market(120), { type: 'ORDER' as const, order: sample(order, 99) }]

  test('cut at every byte of the last record: the rest is there, the cut is named, and writing goes on', () => {
    const whole = journalOf(entries, { close: false })
    const path = (directory: string) => join(directory, '000001.journal')
    const bytes = readFileSync(path(whole))
    const shorter = journalOf(entries.slice(0, -1), { close: false })
    const start = readFileSync(path(shorter)).length
    expect(bytes.subarray(0, start).equals(readFileSync(path(shorter)))).toBe(true)
    for (let length = start; length < bytes.length; length++) {
      truncateSync(path(shorter), 0)
      appendFileSync(path(shorter), bytes.subarray(0, length))
      const summary = verifyJournal(shorter)
      expect(summary.torn).toEqual(
        length === start ? undefined : { segment: '000001.journal', byte: start, bytes: length - start },
      )
      expect(summary.closed).toBe(false)
      const journal = reopen(shorter)
      write(journal, entries.at(-1)!)
      journal.commit()
      expect(readFileSync(path(shorter)).equals(bytes)).toBe(true)
      journal.close()
    }
  })

  test('cut at any byte of a rotation: the journal goes on as if it had not been', () => {
    const reference = journalOf(market(600), { segmentBytes: 3000, close: false })
    const names = segments(reference)
    const last = names.at(-1)!
    const head = readFileSync(join(reference, last))
    const closed = journalOf(market(600), { segmentBytes: 3000 })
    for (let length = 0; length <= 70; length++) {
      writeFileSync(join(reference, last), head.subarray(0, length))
      const reader = JournalReader.open(reference)!
      while (reader.next()) while (reader.nextRow());
      const journal = FileJournal.reopen(reader, { durability: 'process', segmentBytes: 3000 })
      const already = readAll(reference).entries.length
      for (const each of market(600).slice(already)) write(journal, each)
      journal.close()
      expect(bytesOf(reference).equals(bytesOf(closed))).toBe(true)
    }
  })

  test('cut inside its very header: there is no journal yet, and one can be begun', () => {
    const directory = journalOf([], { close: false })
    const bytes = readFileSync(join(directory, '000001.journal'))
    for (let length = 0; length < bytes.length; length++) {
      writeFileSync(join(directory, '000001.journal'), bytes.subarray(0, length))
      expect(JournalReader.open(directory)).toBeUndefined()
    }
    FileJournal.create(directory, HEADER, { durability: 'process' }).close()
    expect(verifyJournal(directory).closed).toBe(true)
  })

  test('space reserved by the file system and never filled is a torn tail, not damage', () => {
    const directory = journalOf(entries, { close: false })
    const path = join(directory, '000001.journal')
    const bytes = readFileSync(path)
    appendFileSync(path, Buffer.alloc(512))
    expect(verifyJournal(directory).torn).toMatchObject({ byte: bytes.length, bytes: 512 })
    writeFileSync(path, Buffer.concat([bytes.subarray(0, bytes.length - 20), Buffer.alloc(512)]))
    // The last frame was cut, so the tail begins before the cut and runs over the zeros to the end of the file.
    const { torn } = verifyJournal(directory)
    expect(torn!.byte).toBeLessThanOrEqual(bytes.length - 20)
    expect(torn!.byte + torn!.bytes).toBe(bytes.length - 20 + 512)
  })
})

describe('damage', () => {
  test('a flipped byte at any of a thousand places is noticed, with segment, byte and record named', () => {
    const directory = journalOf(market(600), { segmentBytes: 3000 })
    const names = segments(directory)
    const contents = names.map((name) => readFileSync(join(directory, name)))
    const total = contents.reduce((sum, each) => sum + each.length, 0)
    const random = new Random(3)
    for (let i = 0; i < 1000; i++) {
      // Every tenth in the last bytes, where damage is most easily taken for a torn tail.
      let at = i % 10 === 0 ? total - random.integer(1, 90) : random.integer(0, total - 1)
      let file = 0
      while (at >= contents[file]!.length) at -= contents[file++]!.length
      const damaged = Buffer.from(contents[file]!)
      damaged[at]! ^= random.integer(1, 255)
      writeFileSync(join(directory, names[file]!), damaged)
      let error: unknown
      try {
        verifyJournal(directory)
      } catch (caught) {
        error = caught
      }
      expect(error, `byte ${at} of ${names[file]}`).toMatchObject({
        code: 'journal-invalid',
        facts: { segment: names[file], byte: expect.any(Number), record: expect.any(Number) },
      })
      expect((error as { facts: { byte: number } }).facts.byte).toBeLessThanOrEqual(at)
      writeFileSync(join(directory, names[file]!), contents[file]!)
    }
    expect(verifyJournal(directory).closed).toBe(true)
  })

  test('no change of one byte in a length or a type passes the 24 bits that vouch for them', () => {
    const bytes = new Uint8Array(5)
    const random = new Random(5)
    for (let round = 0; round < 10; round++) {
      for (let i = 0; i < 5; i++) bytes[i] = random.integer(0, 255)
      const check = frameCheck(bytes, 0)
      for (let at = 0; at < 5; at++)
        for (let change = 1; change < 256; change++) {
          bytes[at]! ^= change
          if (frameCheck(bytes, 0) === check) throw new Error(`${bytes} passes for what it was not`)
          bytes[at]! ^= change
        }
    }
  })

  test('a record replaced by another sound one breaks the chain', () => {
    const one = journalOf([{ type: 'CLOCK', timeUs: 1 }, ...market(10)])
    const two = journalOf([{ type: 'CLOCK', timeUs: 2 }, ...market(10)])
    const path = (directory: string) => join(directory, '000001.journal')
    const [a, b] = [readFileSync(path(one)), readFileSync(path(two))]
    const at = a.findIndex((byte, index) => byte !== b[index])
    // The CLOCK record: payload of 8 bytes and its checksum.
    b.copy(a, at, at, at + 16)
    writeFileSync(path(one), a)
    expect(() => verifyJournal(one)).toThrow(/hash chain is broken/)
  })

  test('random bytes are never a journal', () => {
    const directory = journalOf([])
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        writeFileSync(join(directory, '000001.journal'), bytes)
        let outcome: unknown
        try {
          outcome = JournalReader.open(directory)
        } catch (error) {
          outcome = error
        }
        // Nothing but zeros, or the beginning of the first bytes, is a journal about to be begun.
        if (outcome !== undefined) expect(outcome).toEqual(invalid)
      }),
    )
  })
})

test('two writers of one journal are kept apart, a dead one is not waited for', () => {
  const directory = freshDirectory()
  const journal = FileJournal.create(directory, HEADER, { durability: 'process' })
  expect(() => reopen(directory)).toThrow(expect.objectContaining({ code: 'journal-busy' }))
  journal.close()
  expect(() => FileJournal.create(directory, HEADER, { durability: 'process' })).toThrow(invalid)
  // A process number that was given to another process since: same number, other start.
  writeFileSync(join(directory, 'writer.lock'), `${process.pid} 1\n`)
  reopen(directory).close()
})

test('the checksum is the CRC-32 of zlib for every length and alignment', () => {
  const bytes = new Uint8Array(700)
  const random = new Random(1)
  for (let i = 0; i < bytes.length; i++) bytes[i] = random.integer(0, 255)
  for (let start = 0; start < 9; start++)
    for (let length = 0; length < 300; length++)
      expect(crc32(bytes, start, start + length)).toBe(nativeCrc32(bytes.subarray(start, start + length)))
})

test('text longer than a record can hold is refused', () => {
  const buffer = new RecordBuffer(16)
  expect(() => buffer.text('é'.repeat(40_000))).toThrow(expect.objectContaining({ code: 'argument-invalid' }))
})
