/**
 * @file Reads a journal, record by record, and believes nothing: checksums, chain and rotation are verified on the way.
 *
 * A segment is read whole (64 MiB unless configured otherwise), so memory does not grow with the journal.
 */

import { closeSync, fstatSync, openSync, readdirSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { type Facts, GimbalError } from '../core/errors.ts'
import type { AccountEvent, Order, OrderEvent } from '../market/order.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { GateAct, GateReset } from '../risk/gate.ts'
import { crc32 } from './crc32.ts'
import {
  Chain,
  FORMAT,
  FRAME_HEAD,
  FRAME_TAIL,
  frameCheck,
  hex,
  LinkCause,
  MAGIC,
  PAYLOAD_MAX,
  type ResumePoint,
  segmentName,
} from './frame.ts'
import type { JournalHeader } from './header.ts'
import { RecordCursor } from './recordBuffer.ts'
import {
  type AmendRecord,
  type CancelRecord,
  type NoteRecord,
  RECORD_NAMES,
  RecordType,
  type RefusalRecord,
  readAccountEvent,
  readAmend,
  readCancel,
  readGateAct,
  readGateReset,
  readNote,
  readOrder,
  readOrderEvent,
  readRefusal,
} from './recordCodec.ts'
import { RowDecoder } from './rowCodec.ts'

/** The unfinished end of a journal whose writer died: not an error, it holds nothing that was acted upon. */
export interface TornTail {
  readonly segment: string
  /** Where the unfinished record begins, and how many bytes of it there are. */
  readonly byte: number
  readonly bytes: number
}

/** A link of the chain, as far as replays need it. */
export interface LinkRecord {
  readonly cause: number
  readonly rows: number
  readonly digestLow: number
  readonly digestHigh: number
}

/** One record as an object: for people, tests and everything that is not hot. */
export type JournalRecord =
  | { readonly type: 'ROWS'; readonly rows: number }
  | { readonly type: 'CLOCK'; readonly timeUs: number }
  | { readonly type: 'ORDER_EVENT'; readonly event: OrderEvent }
  | { readonly type: 'ACCOUNT_EVENT'; readonly event: AccountEvent }
  | { readonly type: 'ORDER'; readonly order: Order }
  | ({ readonly type: 'CANCEL' } & CancelRecord)
  | ({ readonly type: 'AMEND' } & AmendRecord)
  | ({ readonly type: 'REFUSAL' } & RefusalRecord)
  | { readonly type: 'GATE_ACT'; readonly act: GateAct }
  | { readonly type: 'GATE_RESET'; readonly reset: GateReset }
  | ({ readonly type: 'NOTE' } & NoteRecord)
  | ({ readonly type: 'LINK' } & LinkRecord)
  | { readonly type: 'SEGMENT' | 'HEADER' }

/** A cursor over the records of a journal directory. */
export class JournalReader {
  readonly directory: string
  readonly header: JournalHeader
  /** Type of the current record (see {@link RecordType}); its number, counted from 1 over the whole journal. */
  type = 0
  record = 0
  /** Number of the current segment, and the byte at which the current record begins in it. */
  segment = 0
  byte = 0
  /** In journals whose rows lie in tapes: rows taken between the previous record and this one. */
  rowsBefore = 0
  /** Rows of the current ROWS record not yet read. */
  rowsLeft = 0
  /** Rows seen inside the journal, or vouched for by the last link. */
  rows = 0
  /** The unfinished tail, once the end was reached. */
  torn: TornTail | undefined
  readonly #lastSegment: number
  readonly #chain = new Chain()
  readonly #cursor = new RecordCursor()
  readonly #rowDecoder = new RowDecoder()
  #bytes = new Uint8Array(0)
  #size = 0
  /** Where the next frame begins, and from where on bytes are not yet in the chain's hash. */
  #at = 0
  #hashedTo = 0
  #payloadAt = 0
  #payloadEnd = 0
  #recordsSinceLink = 0
  #bytesBefore = 0
  #link: LinkRecord | undefined
  #ended = false
  #rowsUntouched = false

  private constructor(directory: string, segments: number) {
    this.directory = directory
    this.#lastSegment = segments
    this.#load(1)
    if (!this.next() || !this.next() || this.type !== RecordType.HEADER) {
      if (this.#ended) throw new TornBeginning()
      throw this.#invalid('A journal begins with its header', { found: RECORD_NAMES[this.type] ?? this.type })
    }
    try {
      const text = new TextDecoder().decode(this.#bytes.subarray(this.#payloadAt, this.#payloadEnd))
      this.header = JSON.parse(text) as JournalHeader
    } catch (error) {
      throw this.#invalid('The header cannot be read', { reason: (error as Error).message })
    }
  }

  /**
   * Opens the journal in a directory; undefined when there is none, or one whose very header was never completed.
   *
   * @throws {GimbalError} `journal-invalid`.
   */
  static open(directory: string): JournalReader | undefined {
    let names: string[]
    try {
      names = readdirSync(directory)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined
      throw error
    }
    const present = names
      .filter((name) => /^\d{6,}\.journal$/.test(name))
      .sort((a, b) => parseInt(a, 10) - parseInt(b, 10))
    if (present.length === 0) return undefined
    for (const [index, name] of present.entries()) {
      if (name !== segmentName(index + 1))
        throw new GimbalError('journal-invalid', 'A segment of the journal is missing', {
          directory,
          expected: segmentName(index + 1),
          found: name,
        })
    }
    try {
      return new JournalReader(directory, present.length)
    } catch (error) {
      if (error instanceof TornBeginning && present.length === 1) return undefined
      throw error
    }
  }

  /** The batch whose row 0 is the row read last, and the engine's time for it. */
  get batch(): TapeBatch {
    return this.#rowDecoder.batch
  }

  get rowUs(): number {
    return this.#rowDecoder.nowUs
  }

  /** Whether the writer ended the journal in good order: the last record is a closing link. */
  get closed(): boolean {
    return this.#ended && !this.torn && this.type === RecordType.LINK && this.#link?.cause === LinkCause.CLOSE
  }

  /** SHA-256 of the last link seen, hex: the journal's hash once it ended and is `closed`. */
  get hash(): string {
    return hex(this.#chain.previous)
  }

  /** Segments of the journal, and bytes read so far. */
  get segments(): number {
    return this.#lastSegment
  }

  get bytesRead(): number {
    return this.#bytesBefore + this.#at
  }

  /**
   * Moves to the next record; false at the end, when `torn` says whether something unfinished was left there.
   *
   * @throws {GimbalError} `journal-invalid` naming segment, byte and record.
   */
  next(): boolean {
    if (this.#ended) return false
    while (this.#at === this.#size && this.#size > 0) {
      const ended = this.type === RecordType.LINK && this.#link?.cause === LinkCause.SEGMENT_END
      if (this.segment === this.#lastSegment) return this.#end()
      if (!ended) throw this.#invalid('The segment ends without the link to the next')
      this.#load(this.segment + 1)
      if (this.#ended) return false
    }
    if (this.#size === 0) return this.#end()
    return this.#frame()
  }

  /** Reads the next row of the current ROWS record into `batch`; false when there is none left. */
  nextRow(): boolean {
    if (this.rowsLeft === 0) return false
    // Not before: until now `batch` showed the last row of the record before.
    if (this.#rowsUntouched) this.#rowDecoder.reset()
    this.#rowsUntouched = false
    this.#rowDecoder.decode(this.#cursor)
    this.rows++
    if (--this.rowsLeft === 0 && this.#cursor.at !== this.#payloadEnd)
      throw this.#invalid('A record of rows is longer or shorter than its rows')
    return true
  }

  /** Whether the current record's bytes, behind the count of rows, equal bytes [start, end) of `other`. */
  payloadEquals(other: Uint8Array, start: number, end: number): boolean {
    const at = this.#cursor.at
    if (this.#payloadEnd - at !== end - start) return false
    for (let i = start; i < end; i++) if (other[i] !== this.#bytes[at + i - start]) return false
    return true
  }

  /** The current record as an object. Rows are only counted: read them with `nextRow`. */
  read(): JournalRecord {
    const cursor = this.#cursor
    const at = cursor.at
    try {
      switch (this.type) {
        case RecordType.ROWS:
          return { type: 'ROWS', rows: this.rowsLeft }
        case RecordType.CLOCK:
          return { type: 'CLOCK', timeUs: cursor.f64() }
        case RecordType.ORDER_EVENT:
          return { type: 'ORDER_EVENT', event: readOrderEvent(cursor) }
        case RecordType.ACCOUNT_EVENT:
          return { type: 'ACCOUNT_EVENT', event: readAccountEvent(cursor) }
        case RecordType.ORDER:
          return { type: 'ORDER', order: readOrder(cursor) }
        case RecordType.CANCEL:
          return { type: 'CANCEL', ...readCancel(cursor) }
        case RecordType.AMEND:
          return { type: 'AMEND', ...readAmend(cursor) }
        case RecordType.REFUSAL:
          return { type: 'REFUSAL', ...readRefusal(cursor) }
        case RecordType.GATE_ACT:
          return { type: 'GATE_ACT', act: readGateAct(cursor) }
        case RecordType.GATE_RESET:
          return { type: 'GATE_RESET', reset: readGateReset(cursor) }
        case RecordType.NOTE:
          return { type: 'NOTE', ...readNote(cursor) }
        case RecordType.LINK:
          return { type: 'LINK', ...this.#link! }
        case RecordType.SEGMENT:
          return { type: 'SEGMENT' }
        case RecordType.HEADER:
          return { type: 'HEADER' }
        default:
          throw this.#invalid('A record of a type this version of gimbal does not know', { type: this.type })
      }
    } finally {
      // A record may be read twice; only rows move the cursor for good.
      cursor.at = at
    }
  }

  /** Where a writer goes on. Only at the end, and only once: the writer takes the chain over. */
  resumePoint(): ResumePoint {
    if (!this.#ended) throw new GimbalError('argument-invalid', 'A journal is continued from its end', {})
    // A segment whose first record is torn is begun anew; one that was ended is followed by another.
    const begun = this.#at > MAGIC.length
    const finished = begun && this.type === RecordType.LINK && this.#link?.cause === LinkCause.SEGMENT_END && !this.torn
    this.#chain.add(this.#bytes.subarray(this.#hashedTo, begun ? this.#at : 0))
    return {
      segment: finished ? this.segment + 1 : this.segment,
      byte: finished || !begun ? 0 : this.#at,
      tornBytes: this.torn?.bytes ?? 0,
      chain: this.#chain,
      records: this.record,
      recordsSinceLink: this.#recordsSinceLink,
      rows: this.rows,
    }
  }

  #frame(): boolean {
    const bytes = this.#bytes
    const at = this.#at
    this.byte = at
    const left = this.#size - at
    if (left < FRAME_HEAD) return this.#tornAt(at, 'The segment ends within a record')
    const length = (bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)) >>> 0
    const check = bytes[at + 5]! | (bytes[at + 6]! << 8) | (bytes[at + 7]! << 16)
    if (check !== frameCheck(bytes, at) || length > PAYLOAD_MAX) {
      if (this.#zeroFrom(at)) return this.#tornAt(at, 'The segment ends in zeros')
      throw this.#invalid('The head of a record is damaged')
    }
    const end = at + FRAME_HEAD + length
    if (end + FRAME_TAIL > this.#size) return this.#tornAt(at, 'The segment ends within a record')
    const stored = (bytes[end]! | (bytes[end + 1]! << 8) | (bytes[end + 2]! << 16) | (bytes[end + 3]! << 24)) >>> 0
    if (stored !== crc32(bytes, at, end)) {
      if (this.#zeroFrom(end)) return this.#tornAt(at, 'The segment ends in zeros')
      throw this.#invalid('A record is damaged: its checksum differs')
    }
    this.#payloadAt = at + FRAME_HEAD
    this.#payloadEnd = end
    this.#at = end + FRAME_TAIL
    this.type = bytes[at + 4]!
    this.record++
    const cursor = this.#cursor.over(bytes, this.#payloadAt, end)
    const prefixed = this.record > 2 && this.header.rows === 'reference'
    this.rowsBefore = prefixed ? cursor.varint() : 0
    if (this.type > RecordType.LINK) this.#recordsSinceLink++
    if (this.record === 1 && this.type !== RecordType.SEGMENT)
      throw this.#invalid('A journal begins with a segment record')
    switch (this.type) {
      case RecordType.SEGMENT:
        this.#checkSegment(cursor)
        break
      case RecordType.LINK:
        this.#checkLink(cursor, at)
        break
      case RecordType.ROWS:
        this.rowsLeft = cursor.u16()
        this.#rowsUntouched = true
    }
    return true
  }

  #checkSegment(cursor: RecordCursor): void {
    const format = cursor.u32()
    const number = cursor.u32()
    const previous = hex(cursor.raw(32))
    const records = cursor.f64()
    if (format !== FORMAT) throw this.#invalid('The journal is of another format', { format, known: FORMAT })
    if (number !== this.segment) throw this.#invalid('A segment carries another number than its file', { number })
    if (previous !== this.hash || records !== this.record - 1)
      throw this.#invalid('A segment does not follow the one before it', { records, expected: this.record - 1 })
  }

  #checkLink(cursor: RecordCursor, at: number): void {
    this.#recordsSinceLink = 0
    this.#chain.add(this.#bytes.subarray(this.#hashedTo, at))
    this.#hashedTo = at
    const cause = cursor.u8()
    const stored = hex(cursor.raw(32))
    const computed = hex(this.#chain.link())
    if (stored !== computed) throw this.#invalid('The hash chain is broken', { stored, computed })
    this.#link = { cause, rows: cursor.f64(), digestLow: cursor.u32(), digestHigh: cursor.u32() }
    if (this.header.rows === 'reference') this.rows = this.#link.rows
  }

  /** Reads a segment into memory and checks its first bytes. */
  #load(number: number): void {
    this.#chain.add(this.#bytes.subarray(this.#hashedTo, this.#at))
    this.#bytesBefore += this.#at
    const file = openSync(join(this.directory, segmentName(number)), 'r')
    try {
      const size = fstatSync(file).size
      if (this.#bytes.length < size) this.#bytes = new Uint8Array(size)
      let read = 0
      while (read < size) {
        const count = readSync(file, this.#bytes, read, size - read, read)
        if (count === 0) break
        read += count
      }
      this.#size = read
    } finally {
      closeSync(file)
    }
    this.segment = number
    this.#at = 0
    this.#hashedTo = 0
    this.byte = 0
    const bytes = this.#bytes
    const present = Math.min(MAGIC.length, this.#size)
    const wrong = MAGIC.findIndex((letter, at) => at < present && bytes[at] !== letter)
    if (wrong >= 0 && !this.#zeroFrom(0)) throw this.#invalid('Not a segment of a gimbal journal, or of another format')
    if (wrong >= 0 || present < MAGIC.length) this.#tornAt(0, 'The segment ends within its first bytes')
    else this.#at = MAGIC.length
  }

  /** What a dying process leaves; anywhere but at the very end it is damage. */
  #tornAt(byte: number, what: string): false {
    if (this.segment !== this.#lastSegment) throw this.#invalid(what)
    const from = byte === MAGIC.length ? 0 : byte
    this.torn = { segment: segmentName(this.segment), byte: from, bytes: this.#size - from }
    return this.#end()
  }

  #end(): false {
    this.#ended = true
    return false
  }

  /** Whether there is something from `at` to the end of the file, and all of it zero: space that was never written. */
  #zeroFrom(at: number): boolean {
    for (let i = at; i < this.#size; i++) if (this.#bytes[i] !== 0) return false
    return at < this.#size
  }

  #invalid(what: string, facts: Facts = {}): GimbalError {
    return new GimbalError('journal-invalid', what, {
      journal: this.directory,
      segment: segmentName(this.segment),
      byte: this.byte,
      record: this.record + 1,
      ...facts,
    })
  }
}

/** Thrown inside `open` only. */
class TornBeginning extends Error {}

/** What a whole journal looks like. */
export interface JournalSummary {
  readonly header: JournalHeader
  readonly segments: number
  readonly bytes: number
  readonly records: number
  readonly rows: number
  /** How many records of each type, by name. */
  readonly counts: Readonly<Record<string, number>>
  /** Whether it was closed in good order; then `hash` is its hash, else that of its last link. */
  readonly closed: boolean
  readonly hash: string
  readonly torn: TornTail | undefined
}

/**
 * Reads a journal from end to end: checksums, hash chain, rotation, every row.
 *
 * @throws {GimbalError} `journal-invalid`; `file-missing` when there is no journal.
 */
export function verifyJournal(directory: string): JournalSummary {
  const reader = JournalReader.open(directory)
  if (!reader) throw new GimbalError('file-missing', 'There is no journal in this directory', { directory })
  const counts: Record<string, number> = { SEGMENT: 1, HEADER: 1 }
  while (reader.next()) {
    const name = RECORD_NAMES[reader.type] ?? `type ${reader.type}`
    counts[name] = (counts[name] ?? 0) + 1
    if (reader.type === RecordType.ROWS) while (reader.nextRow());
    else reader.read()
  }
  return {
    header: reader.header,
    segments: reader.segments,
    bytes: reader.bytesRead,
    records: reader.record,
    rows: reader.rows,
    counts,
    closed: reader.closed,
    hash: reader.hash,
    torn: reader.torn,
  }
}
