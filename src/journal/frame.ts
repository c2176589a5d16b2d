/**
 * @file What holds records together: frames, segments and the hash chain. The format of a journal on disk.
 *
 * A journal is a directory of segments `000001.journal`, `000002.journal`, … A segment is eight bytes of MAGIC and
 * frames; its first frame is SEGMENT, and every segment but the last ends with a LINK. A frame is
 *
 *   length u32 | type u8 | check u24 | payload, `length` bytes | CRC-32 u32 of all before
 *
 * `check` is part of the CRC-32 of the first five bytes. It tells the two ways a journal can end badly apart: a frame
 * whose length is sound but reaches past the end of the file was being written when the process died (a torn tail,
 * cut off on reopening); a frame whose length makes no sense was damaged afterwards, and so may be what follows.
 *
 * LINK payload: cause u8 | SHA-256 | rows f64 | row digest u32, u32. A link's SHA-256 covers the previous link's and
 * every byte from that link's frame up to its own: records cannot be changed, dropped or reordered without changing
 * every later link. Links come every LINK_EVERY records, never by time or by how the file was written, so equal runs
 * give equal bytes. SEGMENT payload: format u32 | number u32 | SHA-256 of the last link | records before f64.
 *
 * In journals that leave rows in their tapes (`rows: 'reference'`), the payload of every record behind the header
 * starts with a varint: how many rows were taken since the record before.
 */

import { createHash, type Hash } from 'node:crypto'
import { crc32 } from './crc32.ts'

/** First bytes of every segment; the last one is the format's version. */
export const MAGIC = Uint8Array.from([...'gimbalJ'].map((letter) => letter.charCodeAt(0)).concat(1))
export const FORMAT = 1

/** Bytes of a frame before and after its payload. */
export const FRAME_HEAD = 8
export const FRAME_TAIL = 4

/** Longest payload: a header with tens of thousands of instruments. Anything longer is damage. */
export const PAYLOAD_MAX = 1 << 26

/** Records from one link of the chain to the next. */
export const LINK_EVERY = 1024

/** Why a link was written. */
export const LinkCause = { COUNT: 0, SEGMENT_END: 1, CLOSE: 2 } as const

/** The 24 bits that vouch for a frame's length and type. */
export function frameCheck(bytes: Uint8Array, at: number): number {
  return crc32(bytes, at, at + 5) >>> 8
}

/** `000001.journal` */
export function segmentName(number: number): string {
  return `${String(number).padStart(6, '0')}.journal`
}

/** The hash chain: SHA-256 over everything since the last link, seeded with that link's. */
export class Chain {
  /** Digest of the last link; zeros before the first. */
  previous: Uint8Array = new Uint8Array(32)
  #hash: Hash

  constructor() {
    this.#hash = createHash('sha256').update(this.previous)
  }

  add(bytes: Uint8Array): void {
    this.#hash.update(bytes)
  }

  /** Ends a block: returns its digest and begins the next. */
  link(): Uint8Array {
    this.previous = this.#hash.digest()
    this.#hash = createHash('sha256').update(this.previous)
    return this.previous
  }
}

/** Hexadecimal digits of a digest. */
export function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('hex')
}

/** Where appending to an existing journal goes on; made by the reader. */
export interface ResumePoint {
  readonly segment: number
  /** Bytes of that segment that are sound; 0 when it has yet to be begun. */
  readonly byte: number
  /** Bytes after them, to be cut off. */
  readonly tornBytes: number
  readonly chain: Chain
  readonly records: number
  readonly recordsSinceLink: number
  readonly rows: number
}
