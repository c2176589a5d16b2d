/**
 * @file CRC-32 (IEEE 802.3, the one of zlib and PNG) over part of a byte array.
 *
 * Node's native routine is several times faster per byte but costs a view and a call; most records are shorter than
 * what that buys, so short ranges are done here by table, four bytes a turn (M. Kounavis, F. Berry, "A systematic
 * approach to building high performance software-based CRC generators", 2005).
 */

import { crc32 as nativeCrc32 } from 'node:zlib'

/** Ranges up to this many bytes are done by table. Measured crossover on Node 20: 100 to 200 bytes. */
const SHORT = 128

/** TABLES[k × 256 + b]: the remainder of byte b followed by k zero bytes. */
const TABLES = (() => {
  const tables = new Int32Array(4 * 256)
  for (let byte = 0; byte < 256; byte++) {
    let rest = byte
    for (let bit = 0; bit < 8; bit++) rest = (rest >>> 1) ^ ((rest & 1) === 1 ? 0xedb88320 : 0)
    tables[byte] = rest
  }
  for (let at = 256; at < tables.length; at++) {
    const rest = tables[at - 256]!
    tables[at] = (rest >>> 8) ^ tables[rest & 0xff]!
  }
  return tables
})()

/** CRC-32 of bytes [start, end), as an unsigned 32-bit integer. */
export function crc32(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > SHORT) return nativeCrc32(bytes.subarray(start, end))
  const tables = TABLES
  let rest = -1
  let at = start
  for (const whole = end - ((end - start) & 3); at < whole; at += 4) {
    rest ^= bytes[at]! | (bytes[at + 1]! << 8) | (bytes[at + 2]! << 16) | (bytes[at + 3]! << 24)
    rest =
      tables[768 + (rest & 0xff)]! ^
      tables[512 + ((rest >>> 8) & 0xff)]! ^
      tables[256 + ((rest >>> 16) & 0xff)]! ^
      tables[rest >>> 24]!
  }
  for (; at < end; at++) rest = (rest >>> 8) ^ tables[(rest ^ bytes[at]!) & 0xff]!
  return ~rest >>> 0
}
