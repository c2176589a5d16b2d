/**
 * @file Tapes as flat files: blocks that are read straight into a `TapeBatch`, for replay at the speed of the disk.
 *
 *   0       8  "GIMBTAPE"
 *   8       4  format version, little-endian
 *   12      4  length of the header in bytes
 *   16         header, JSON padded with spaces so that the blocks begin at a multiple of 4,096
 *              blocks of 4,096 rows, each the whole buffer of a `TapeBatch`; the last is filled up with zeros
 *
 * Rows are in order of receipt. The file is a cache: it appears whole, by a rename, or not at all, and is valid on
 * machines of the same byte order (little-endian, as all that run Node today).
 */

import { createHash } from 'node:crypto'
import { closeSync, mkdirSync, openSync, readSync, renameSync, rmSync, statSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { assert, GimbalError } from '../core/errors.ts'
import type { InstrumentSpec } from '../market/instrument.ts'
import { Kind, ROW_BYTES, TapeBatch, type TapeSource } from '../market/tape.ts'

/** Raised whenever older files can no longer be read. */
export const FLAT_TAPE_VERSION = 2
const MAGIC = 'GIMBTAPE'
const BLOCK_ROWS = 4096
const BLOCK_BYTES = BLOCK_ROWS * ROW_BYTES
const PAGE = 4096
/** Most lengths of bars a header lists: room is kept for them before they are known. */
const DURATIONS_LISTED = 16

/** What a flat tape says of itself. */
export interface FlatTapeHeader {
  readonly rows: number
  readonly firstUs: number
  readonly lastUs: number
  /** SHA-256 of the blocks. */
  readonly sha256: string
  /** Specs by the tape's own instrument index, and rows of each. */
  readonly instruments: readonly InstrumentSpec[]
  readonly instrumentRows: readonly number[]
  /** Rows flagged `SUSPECT` whose price or size lay between two steps and was moved to the nearest. */
  readonly suspectRounded: number
  /** Lengths of the bars on it, in µs, ascending; the first sixteen that were met. */
  readonly barDurationsUs: readonly number[]
}

/** Writes a flat tape. Nothing is to be seen under its name until `commit`. */
export class FlatTapeWriter {
  readonly #path: string
  readonly #draft: string
  readonly #file: number
  readonly #instruments: readonly InstrumentSpec[]
  readonly #instrumentRows: number[]
  readonly #batch = new TapeBatch(BLOCK_ROWS)
  readonly #bytes: Uint8Array
  readonly #hash = createHash('sha256')
  readonly #start: number
  readonly #durations = new Set<number>()
  #rows = 0
  #firstUs = 0
  #lastUs = Number.NEGATIVE_INFINITY
  /** See {@link FlatTapeHeader}; counted by the caller. */
  suspectRounded = 0

  /** @param unique Tells drafts of several writers apart: a process id. */
  constructor(path: string, instruments: readonly InstrumentSpec[], unique: string | number = process.pid) {
    this.#path = path
    this.#draft = `${path}.${unique}.draft`
    this.#instruments = instruments
    this.#instrumentRows = instruments.map(() => 0)
    this.#bytes = new Uint8Array(this.#batch.buffer)
    mkdirSync(dirname(path), { recursive: true })
    this.#file = openSync(this.#draft, 'w')
    // Numbers of rows are not known yet; none prints longer than 16 digits.
    const longest = this.#header('f'.repeat(64), Number.MAX_SAFE_INTEGER)
    this.#start = Math.ceil((16 + Buffer.byteLength(JSON.stringify(longest))) / PAGE) * PAGE
  }

  get rows(): number {
    return this.#rows
  }

  /** Appends a row. Times must not decrease. */
  push(
    timeUs: number,
    venueTimeUs: number,
    kind: number,
    instrument: number,
    side: number,
    tick: number,
    lots: number,
    value: number,
    flags: number,
  ): void {
    assert(timeUs >= this.#lastUs, 'a flat tape is in order of receipt')
    if (this.#rows === 0) this.#firstUs = timeUs
    this.#lastUs = timeUs
    this.#instrumentRows[instrument]!++
    if (kind === Kind.BAR_CLOSE && this.#durations.size < DURATIONS_LISTED) this.#durations.add(value)
    this.#batch.push(timeUs, venueTimeUs, kind, instrument, side, tick, lots, value, flags)
    this.#rows++
    if (this.#batch.count === BLOCK_ROWS) this.#flush()
  }

  /** Completes the file and gives it its name. */
  commit(): FlatTapeHeader {
    if (this.#batch.count > 0) {
      const used = this.#batch.count
      const { timeUs, venueTimeUs, lots, value, tick, instrument, kind, side, flags } = this.#batch
      for (const column of [timeUs, venueTimeUs, lots, value, tick, instrument, kind, side, flags]) column.fill(0, used)
      this.#flush()
    }
    const header = this.#header(this.#hash.digest('hex'))
    const json = Buffer.alloc(this.#start - 16, ' ')
    json.write(JSON.stringify(header))
    const head = Buffer.alloc(16)
    head.write(MAGIC, 'latin1')
    head.writeUInt32LE(FLAT_TAPE_VERSION, 8)
    head.writeUInt32LE(json.length, 12)
    writeAll(this.#file, head, 0)
    writeAll(this.#file, json, 16)
    closeSync(this.#file)
    renameSync(this.#draft, this.#path)
    return header
  }

  /** Gives up: removes the draft. */
  abandon(): void {
    closeSync(this.#file)
    rmSync(this.#draft, { force: true })
  }

  #header(sha256: string, fill?: number): FlatTapeHeader {
    return {
      rows: fill ?? this.#rows,
      firstUs: fill ?? this.#firstUs,
      lastUs: fill ?? (this.#rows === 0 ? 0 : this.#lastUs),
      sha256,
      suspectRounded: fill ?? this.suspectRounded,
      instrumentRows: this.#instrumentRows.map((rows) => fill ?? rows),
      instruments: this.#instruments,
      barDurationsUs:
        fill === undefined ? [...this.#durations].sort((a, b) => a - b) : Array(DURATIONS_LISTED).fill(fill),
    }
  }

  #flush(): void {
    const block = Math.ceil(this.#rows / BLOCK_ROWS) - 1
    writeAll(this.#file, this.#bytes, this.#start + block * BLOCK_BYTES)
    this.#hash.update(this.#bytes)
    this.#batch.count = 0
  }
}

function writeAll(file: number, bytes: Uint8Array, position: number): void {
  for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at, bytes.length - at, position + at)
}

/** Reads a flat tape. Every batch handed out is the same object, refilled. */
export class FlatTape implements TapeSource {
  readonly path: string
  readonly header: FlatTapeHeader
  readonly #start: number
  readonly #batch = new TapeBatch(BLOCK_ROWS)
  readonly #bytes: Uint8Array
  #file: number | undefined
  #first = 0
  #end: number
  #next = 0

  /** @throws {GimbalError} `file-missing`; `file-invalid` when it is not a flat tape of this version, or cut short. */
  constructor(path: string) {
    this.path = path
    this.#bytes = new Uint8Array(this.#batch.buffer)
    const { header, start } = readHeader(path)
    this.header = header
    this.#start = start
    this.#end = header.rows
  }

  /** Rows between the bounds set by `limit`. */
  get rows(): number {
    return this.#end - this.#first
  }

  /** Restricts the tape to rows received in [fromUs, toUs). Rows of one message share their time: none is parted. */
  limit(fromUs: number, toUs: number): this {
    this.#first = this.#firstRowAt(fromUs)
    this.#end = Math.max(this.#first, this.#firstRowAt(toUs))
    this.#next = this.#first
    return this
  }

  /** Starts again from the first row. */
  rewind(): this {
    this.#next = this.#first
    return this
  }

  next(): TapeBatch | undefined {
    if (this.#next >= this.#end) return undefined
    const batch = this.#batch
    const block = Math.floor(this.#next / BLOCK_ROWS)
    const skipped = this.#next - block * BLOCK_ROWS
    this.#read(this.#bytes, BLOCK_BYTES, this.#start + block * BLOCK_BYTES)
    batch.count = Math.min(this.#end - block * BLOCK_ROWS, BLOCK_ROWS) - skipped
    if (skipped > 0) shiftRows(batch, skipped)
    this.#next += batch.count
    return batch
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  /**
   * Reads everything and compares it with the hash in the header.
   *
   * @throws {GimbalError} `file-invalid`.
   */
  verify(): void {
    const hash = createHash('sha256')
    for (let block = 0; block * BLOCK_ROWS < this.header.rows; block++) {
      this.#read(this.#bytes, BLOCK_BYTES, this.#start + block * BLOCK_BYTES)
      hash.update(this.#bytes)
    }
    if (hash.digest('hex') !== this.header.sha256) {
      throw new GimbalError('file-invalid', 'A flat tape differs from its hash; delete it', { file: this.path })
    }
  }

  /** Index of the first row at or after a time. */
  #firstRowAt(timeUs: number): number {
    const time = new Float64Array(1)
    const bytes = new Uint8Array(time.buffer)
    let low = 0
    let high = this.header.rows
    while (low < high) {
      const middle = Math.floor((low + high) / 2)
      const block = Math.floor(middle / BLOCK_ROWS)
      this.#read(bytes, 8, this.#start + block * BLOCK_BYTES + (middle - block * BLOCK_ROWS) * 8)
      if (time[0]! < timeUs) low = middle + 1
      else high = middle
    }
    return low
  }

  #read(bytes: Uint8Array, length: number, position: number): void {
    this.#file ??= openSync(this.path, 'r')
    for (let at = 0; at < length; ) {
      const got = readSync(this.#file, bytes, at, length - at, position + at)
      if (got === 0) throw new GimbalError('file-invalid', 'A flat tape is cut short', { file: this.path })
      at += got
    }
  }
}

function readHeader(path: string): { header: FlatTapeHeader; start: number } {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new GimbalError('file-missing', 'No such tape', { file: path }, { cause })
  }
  try {
    const head = Buffer.alloc(16)
    const sound = readSync(file, head, 0, 16, 0) === 16 && head.toString('latin1', 0, 8) === MAGIC
    if (!sound || head.readUInt32LE(8) !== FLAT_TAPE_VERSION) {
      throw new GimbalError('file-invalid', 'Not a flat tape of this version', { file: path })
    }
    const json = Buffer.alloc(head.readUInt32LE(12))
    readSync(file, json, 0, json.length, 16)
    const header = JSON.parse(json.toString('utf8')) as FlatTapeHeader
    const start = 16 + json.length
    const bytes = start + Math.ceil(header.rows / BLOCK_ROWS) * BLOCK_BYTES
    if (statSync(path).size === bytes) return { header, start }
    throw new GimbalError('file-invalid', 'A flat tape is cut short', { file: path, bytes: statSync(path).size })
  } catch (cause) {
    if (cause instanceof GimbalError) throw cause
    throw new GimbalError('file-invalid', 'A flat tape has an unreadable header', { file: path }, { cause })
  } finally {
    closeSync(file)
  }
}

/** Moves the rows from `skipped` on to the start of the batch. */
function shiftRows(batch: TapeBatch, skipped: number): void {
  const end = skipped + batch.count
  batch.timeUs.copyWithin(0, skipped, end)
  batch.venueTimeUs.copyWithin(0, skipped, end)
  batch.lots.copyWithin(0, skipped, end)
  batch.value.copyWithin(0, skipped, end)
  batch.tick.copyWithin(0, skipped, end)
  batch.instrument.copyWithin(0, skipped, end)
  batch.kind.copyWithin(0, skipped, end)
  batch.side.copyWithin(0, skipped, end)
  batch.flags.copyWithin(0, skipped, end)
}

/**
 * A tape repeated, every time later by the length of the loop: a recording of minutes as a load of hours.
 *
 * For measuring speed, never for research: what repeats can be learnt by heart.
 */
export class LoopedTape implements TapeSource {
  readonly #open: () => TapeSource
  readonly #times: number
  readonly #loopUs: number
  #source: TapeSource | undefined
  #loop = 0
  #out = new TapeBatch(BLOCK_ROWS)

  /**
   * @param open Opens the tape anew for every loop.
   * @param loopUs Length of the loop: longer than the tape lasts, equal for all tapes merged with this one.
   */
  constructor(open: () => TapeSource, times: number, loopUs: number) {
    this.#open = open
    this.#times = times
    this.#loopUs = loopUs
  }

  next(): TapeBatch | undefined {
    while (this.#loop < this.#times) {
      this.#source ??= this.#open()
      const batch = this.#source.next()
      if (batch) return this.#loop === 0 ? batch : this.#shifted(batch)
      this.#source.close()
      this.#source = undefined
      this.#loop++
    }
    return undefined
  }

  close(): void {
    this.#source?.close()
    this.#source = undefined
    this.#loop = this.#times
  }

  /** Copied, because a source may hand out the same batch again. */
  #shifted(batch: TapeBatch): TapeBatch {
    if (this.#out.capacity < batch.count) this.#out = new TapeBatch(batch.count)
    const out = this.#out
    const shiftUs = this.#loop * this.#loopUs
    out.count = 0
    out.pushRows(batch, 0, batch.count)
    for (let row = 0; row < out.count; row++) {
      out.timeUs[row]! += shiftUs
      out.venueTimeUs[row]! += shiftUs
    }
    return out
  }
}
