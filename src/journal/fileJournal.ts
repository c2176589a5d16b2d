/**
 * @file The journal on disk: append-only, checksummed, hash-chained, rotated. frame.ts describes the format.
 *
 * Rows are gathered into one record until something else is written, so a row costs no frame of its own and nothing
 * is allocated for it. Everything is gathered in one buffer until `commit` or until enough has come together.
 */

import { closeSync, fdatasyncSync, fsyncSync, ftruncateSync, mkdirSync, openSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { assert, GimbalError } from '../core/errors.ts'
import type { AccountEvent, Intent, Order, OrderEvent } from '../market/order.ts'
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
  LINK_EVERY,
  LinkCause,
  MAGIC,
  PAYLOAD_MAX,
  type ResumePoint,
  segmentName,
} from './frame.ts'
import { canonicalJson, type JournalHeader } from './header.ts'
import type { Journal } from './journal.ts'
import { JournalReader } from './journalReader.ts'
import { lockJournal } from './lock.ts'
import { RecordBuffer } from './recordBuffer.ts'
import {
  RecordType,
  writeAccountEvent,
  writeAmend,
  writeCancel,
  writeGateAct,
  writeGateReset,
  writeNote,
  writeOrder,
  writeOrderEvent,
  writeRefusal,
} from './recordCodec.ts'
import { ROWS_PER_RECORD, RowDigest, RowEncoder } from './rowCodec.ts'

/**
 * What `commit` promises: `buffered` nothing (backtests, which can be run again); `process` that what was written
 * survives the death of the process, since the operating system has it; `power` that it survives the machine's,
 * since the disk has it (milliseconds for each commit on most disks).
 */
export type Durability = 'buffered' | 'process' | 'power'

export interface FileJournalOptions {
  readonly durability: Durability
  /** A segment is closed once it is at least this long. */
  readonly segmentBytes?: number
}

const SEGMENT_BYTES = 64 * 1024 * 1024
const FLUSH_BYTES = 256 * 1024

/** Writes a journal directory. */
export class FileJournal implements Journal {
  readonly directory: string
  readonly header: JournalHeader
  readonly #durability: Durability
  readonly #segmentBytes: number
  readonly #inline: boolean
  readonly #unlock: () => void
  readonly #encoder = new RowEncoder()
  readonly #digest = new RowDigest()
  readonly #out = new RecordBuffer(FLUSH_BYTES + 64 * 1024)
  #chain: Chain
  #file = -1
  #segment: number
  /** Bytes of the segment already handed to the operating system. */
  #written = 0
  /** Bytes of the buffer already in the chain's hash, and already written: both 0 but within a failed write. */
  #hashedTo = 0
  #writtenTo = 0
  /** Start of the frame being written. */
  #frameAt = 0
  #rowsInFrame = 0
  #records: number
  #recordsSinceLink: number
  #rows: number
  #rowsSinceRecord = 0
  #hash = ''

  private constructor(directory: string, header: JournalHeader, options: FileJournalOptions, resume: ResumePoint) {
    this.directory = directory
    this.header = header
    this.#durability = options.durability
    this.#segmentBytes = options.segmentBytes ?? SEGMENT_BYTES
    this.#inline = header.rows === 'inline'
    this.#chain = resume.chain
    this.#segment = resume.segment
    this.#records = resume.records
    this.#recordsSinceLink = resume.recordsSinceLink
    this.#rows = resume.rows
    this.#unlock = lockJournal(directory)
  }

  /**
   * Begins a journal in a directory that is absent or holds none. Its header survives the process when this returns.
   *
   * @throws {GimbalError} `journal-busy`, or `journal-invalid` when there is already one.
   */
  static create(directory: string, header: JournalHeader, options: FileJournalOptions): FileJournal {
    mkdirSync(directory, { recursive: true })
    const fresh = { segment: 1, byte: 0, tornBytes: 0, chain: new Chain(), records: 0, recordsSinceLink: 0, rows: 0 }
    const journal = new FileJournal(directory, header, options, fresh)
    try {
      if (JournalReader.open(directory))
        throw new GimbalError('journal-invalid', 'There is already a journal in this directory', { directory })
      // What may lie there is a first segment cut off before its header was whole: nothing had happened yet.
      journal.#begin(openSync(join(directory, segmentName(1)), 'w'))
    } catch (error) {
      journal.#unlock()
      throw error
    }
    return journal
  }

  /**
   * Goes on with a journal that was read to its end; what the last crash tore is cut off.
   *
   * @throws {GimbalError} `journal-busy`; `argument-invalid` for a journal whose rows lie in tapes: such a run is
   * repeated and not continued.
   */
  static reopen(reader: JournalReader, options: FileJournalOptions): FileJournal {
    const { header, directory } = reader
    if (header.rows !== 'inline')
      throw new GimbalError('argument-invalid', 'A backtest is run again, not continued', { directory })
    const resume = reader.resumePoint()
    const journal = new FileJournal(directory, header, options, resume)
    try {
      const path = join(directory, segmentName(resume.segment))
      if (resume.byte === 0) journal.#begin(openSync(path, 'w'))
      else {
        journal.#file = openSync(path, 'r+')
        ftruncateSync(journal.#file, resume.byte)
        journal.#written = resume.byte
      }
    } catch (error) {
      journal.#unlock()
      throw error
    }
    return journal
  }

  /** Records so far, structure included. */
  get records(): number {
    return this.#records
  }

  /** Rows taken so far, inline or from tapes. */
  get rows(): number {
    return this.#rows
  }

  /** Bytes of the current segment, those still in the buffer included. */
  get bytes(): number {
    return this.#written + this.#out.at - this.#writtenTo
  }

  /** SHA-256 at the end of the chain, hex; '' until `close`. */
  get hash(): string {
    return this.#hash
  }

  row(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    this.#rows++
    if (!this.#inline) {
      this.#rowsSinceRecord++
      this.#digest.add(batch, row, instrument, timeUs)
      return
    }
    if (this.#rowsInFrame === 0) {
      this.#openFrame()
      this.#out.at += 2 // The count, once it is known.
      this.#encoder.reset()
    }
    this.#encoder.encode(this.#out, batch, row, instrument, timeUs)
    if (++this.#rowsInFrame === ROWS_PER_RECORD) this.#closeRows()
  }

  clock(timeUs: number): void {
    const out = this.#openRecord()
    out.reserve(8)
    out.f64(timeUs)
    this.#closeRecord(RecordType.CLOCK)
  }

  orderEvent(event: OrderEvent): void {
    writeOrderEvent(this.#openRecord(), event)
    this.#closeRecord(RecordType.ORDER_EVENT)
  }

  accountEvent(event: AccountEvent): void {
    writeAccountEvent(this.#openRecord(), event)
    this.#closeRecord(RecordType.ACCOUNT_EVENT)
  }

  gateReset(reset: GateReset): void {
    writeGateReset(this.#openRecord(), reset)
    this.#closeRecord(RecordType.GATE_RESET)
  }

  order(order: Order): void {
    writeOrder(this.#openRecord(), order)
    this.#closeRecord(RecordType.ORDER)
  }

  cancel(orderId: number, policy: number, timeUs: number): void {
    writeCancel(this.#openRecord(), orderId, policy, timeUs)
    this.#closeRecord(RecordType.CANCEL)
  }

  amend(orderId: number, tick: number, lots: number, policy: number, timeUs: number): void {
    writeAmend(this.#openRecord(), orderId, tick, lots, policy, timeUs)
    this.#closeRecord(RecordType.AMEND)
  }

  refusal(intent: Intent, policy: number, limit: string, timeUs: number): void {
    writeRefusal(this.#openRecord(), intent, policy, limit, timeUs)
    this.#closeRecord(RecordType.REFUSAL)
  }

  gateAct(act: GateAct): void {
    writeGateAct(this.#openRecord(), act)
    this.#closeRecord(RecordType.GATE_ACT)
  }

  /** A remark for whoever reads the journal; no part of the engine's state. */
  note(text: string, timeUs: number): void {
    writeNote(this.#openRecord(), text, timeUs)
    this.#closeRecord(RecordType.NOTE)
  }

  commit(): void {
    if (this.#durability === 'buffered') return
    if (this.#rowsInFrame > 0) this.#closeRows()
    this.#flush()
    if (this.#durability === 'power') fdatasyncSync(this.#file)
  }

  /** Ends the chain, writes everything and lets go of the directory. Returns {@link hash}; safe to call twice. */
  close(): string {
    if (this.#file < 0) return this.#hash
    if (this.#rowsInFrame > 0) this.#closeRows()
    this.#link(LinkCause.CLOSE)
    this.#flush()
    if (this.#durability === 'power') fdatasyncSync(this.#file)
    closeSync(this.#file)
    this.#file = -1
    this.#hash = hex(this.#chain.previous)
    this.#unlock()
    return this.#hash
  }

  /** Starts a segment in a new file; the first one with the header. */
  #begin(file: number): void {
    this.#file = file
    this.#written = 0
    const out = this.#out
    out.raw(MAGIC)
    this.#openFrame()
    if (!this.#inline && this.#segment > 1) this.#takeRows()
    out.reserve(48)
    out.u32(FORMAT)
    out.u32(this.#segment)
    out.raw(this.#chain.previous)
    out.f64(this.#records)
    this.#closeFrame(RecordType.SEGMENT)
    if (this.#segment === 1) {
      this.#openFrame()
      out.raw(new TextEncoder().encode(canonicalJson(this.header)))
      this.#closeFrame(RecordType.HEADER)
    }
    this.#flush()
    if (this.#durability === 'power') {
      fdatasyncSync(file)
      // A new file is only there after a power cut if its directory was synchronised too.
      const directory = openSync(this.directory, 'r')
      fsyncSync(directory)
      closeSync(directory)
    }
  }

  #openFrame(): void {
    this.#out.reserve(64)
    this.#frameAt = this.#out.at
    this.#out.at += FRAME_HEAD
  }

  /** Opens a frame for anything but rows. */
  #openRecord(): RecordBuffer {
    assert(this.#file >= 0, 'a closed journal is not written to')
    if (this.#rowsInFrame > 0) this.#closeRows()
    this.#openFrame()
    if (!this.#inline) this.#takeRows()
    return this.#out
  }

  #takeRows(): void {
    this.#out.varint(this.#rowsSinceRecord)
    this.#rowsSinceRecord = 0
  }

  #closeRows(): void {
    const rows = this.#rowsInFrame
    this.#rowsInFrame = 0
    this.#out.view.setUint16(this.#frameAt + FRAME_HEAD, rows, true)
    this.#closeRecord(RecordType.ROWS)
  }

  /** Closes a record's frame, and sees to the chain, the rotation and the buffer. */
  #closeRecord(type: number): void {
    this.#closeFrame(type)
    if (++this.#recordsSinceLink >= LINK_EVERY) this.#link(LinkCause.COUNT)
    if (this.bytes >= this.#segmentBytes) this.#rotate()
    else if (this.#out.at >= FLUSH_BYTES) this.#flush()
  }

  #closeFrame(type: number): void {
    const out = this.#out
    const at = this.#frameAt
    const length = out.at - at - FRAME_HEAD
    assert(length <= PAYLOAD_MAX, 'a journal record fits its frame')
    out.reserve(FRAME_TAIL)
    out.view.setUint32(at, length, true)
    out.bytes[at + 4] = type
    const check = frameCheck(out.bytes, at)
    out.bytes[at + 5] = check
    out.bytes[at + 6] = check >>> 8
    out.bytes[at + 7] = check >>> 16
    out.u32(crc32(out.bytes, at, out.at))
    this.#records++
  }

  #link(cause: number): void {
    this.#recordsSinceLink = 0
    const out = this.#out
    this.#hash256()
    const digest = this.#chain.link()
    this.#openFrame()
    if (!this.#inline) this.#takeRows()
    out.reserve(64)
    out.u8(cause)
    out.raw(digest)
    out.f64(this.#rows)
    out.u32(this.#inline ? 0 : this.#digest.low)
    out.u32(this.#inline ? 0 : this.#digest.high)
    this.#closeFrame(RecordType.LINK)
  }

  #rotate(): void {
    this.#link(LinkCause.SEGMENT_END)
    this.#flush()
    if (this.#durability === 'power') fdatasyncSync(this.#file)
    closeSync(this.#file)
    this.#segment++
    this.#begin(openSync(join(this.directory, segmentName(this.#segment)), 'wx'))
  }

  /** Takes what is new in the buffer into the chain's hash. */
  #hash256(): void {
    this.#chain.add(this.#out.bytes.subarray(this.#hashedTo, this.#out.at))
    this.#hashedTo = this.#out.at
  }

  /** Hands the buffer to the operating system. After a failure (a full disk) the next call goes on where it stopped. */
  #flush(): void {
    const out = this.#out
    this.#hash256()
    while (this.#writtenTo < out.at) {
      const done = writeSync(this.#file, out.bytes, this.#writtenTo, out.at - this.#writtenTo, this.#written)
      this.#writtenTo += done
      this.#written += done
    }
    out.at = 0
    this.#hashedTo = 0
    this.#writtenTo = 0
  }
}
