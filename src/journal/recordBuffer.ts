/** @file Bytes being written and bytes being read: the alphabet all journal records are spelled in. Little-endian. */

import { GimbalError } from '../core/errors.ts'

/** A growing run of bytes. Writers `reserve` what they may need, then write without further checks. */
export class RecordBuffer {
  bytes: Uint8Array
  view: DataView
  /** Where the next byte goes. */
  at = 0

  constructor(capacity: number) {
    this.bytes = new Uint8Array(capacity)
    this.view = new DataView(this.bytes.buffer)
  }

  /** Makes sure `count` more bytes fit. */
  reserve(count: number): void {
    if (this.at + count > this.bytes.length) this.#grow(count)
  }

  u8(value: number): void {
    this.bytes[this.at++] = value
  }

  u16(value: number): void {
    this.view.setUint16(this.at, value, true)
    this.at += 2
  }

  u32(value: number): void {
    this.view.setUint32(this.at, value, true)
    this.at += 4
  }

  /** NaN is always written with the same bits, whatever bits it came with. */
  f64(value: number): void {
    this.view.setFloat64(this.at, Number.isNaN(value) ? Number.NaN : value, true)
    this.at += 8
  }

  /** A non-negative integer below 2^53, seven bits a byte, lowest first. */
  varint(value: number): void {
    this.reserve(8)
    let rest = value
    while (rest >= 128) {
      this.bytes[this.at++] = (rest % 128) | 128
      rest = Math.floor(rest / 128)
    }
    this.bytes[this.at++] = rest
  }

  /** UTF-8 behind its length. @throws {GimbalError} `argument-invalid` above 65,535 bytes. */
  text(value: string): void {
    this.reserve(2 + 3 * value.length)
    const lengthAt = this.at
    let at = lengthAt + 2
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i)
      if (code > 127) {
        at = lengthAt + 2 + ENCODER.encodeInto(value, this.bytes.subarray(lengthAt + 2)).written
        break
      }
      this.bytes[at++] = code
    }
    const length = at - lengthAt - 2
    if (length > 0xffff) throw new GimbalError('argument-invalid', 'Text too long for a journal record', { length })
    this.view.setUint16(lengthAt, length, true)
    this.at = at
  }

  raw(source: Uint8Array): void {
    this.reserve(source.length)
    this.bytes.set(source, this.at)
    this.at += source.length
  }

  #grow(count: number): void {
    const larger = new Uint8Array(Math.max(this.bytes.length * 2, this.at + count))
    larger.set(this.bytes.subarray(0, this.at))
    this.bytes = larger
    this.view = new DataView(larger.buffer)
  }
}

const ENCODER = new TextEncoder()
const DECODER = new TextDecoder()

/** Reads what {@link RecordBuffer} wrote, inside [at, end) and never beyond. */
export class RecordCursor {
  bytes: Uint8Array = NOTHING
  view: DataView = new DataView(NOTHING.buffer)
  at = 0
  end = 0

  /** Looks at part of a byte array that starts its own buffer. */
  over(bytes: Uint8Array, start: number, end: number): this {
    if (this.bytes !== bytes) {
      this.bytes = bytes
      this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    }
    this.at = start
    this.end = end
    return this
  }

  u8(): number {
    return this.bytes[this.#take(1)]!
  }

  u16(): number {
    return this.view.getUint16(this.#take(2), true)
  }

  u32(): number {
    return this.view.getUint32(this.#take(4), true)
  }

  f64(): number {
    return this.view.getFloat64(this.#take(8), true)
  }

  varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8()
      value += (byte & 127) * scale
      if (byte < 128) return value
    }
  }

  text(): string {
    const length = this.u16()
    const start = this.#take(length)
    return DECODER.decode(this.bytes.subarray(start, start + length))
  }

  /** A copy. */
  raw(length: number): Uint8Array {
    const start = this.#take(length)
    return this.bytes.slice(start, start + length)
  }

  #take(count: number): number {
    const at = this.at
    // The checksum was right, so this is a record of another format and not a damaged one.
    if (at + count > this.end)
      throw new GimbalError('journal-invalid', 'A record is shorter than its type demands', { byte: at })
    this.at = at + count
    return at
  }
}

const NOTHING = new Uint8Array(0)
