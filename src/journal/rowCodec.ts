/**
 * @file Tape rows inside the journal: about ten bytes each instead of {@link ROW_BYTES}, without allocating.
 *
 * Rows of one record are written as differences from the row before, fixed widths chosen by two-bit codes: reading a
 * width from a code is cheaper in V8 than a variable-length integer a byte at a time. Every value comes back bit for
 * bit (NaN as the one NaN); what a short form cannot express exactly is written as the double it is.
 *
 *   codes u16 | flags u8 | kind u8, instrument u16 | time | venue time | own time f64 | tick | side i8 | lots | value
 *
 *   bits 0-1   time: 0 same as the row before, 1 +u16, 2 +u32, 3 f64
 *   bits 2-3   venue time: 0 same, 1 +i16, 2 +i32, 3 f64
 *   bits 4-5   tick: 0 same, 1 +i8, 2 +i16, 3 i32 itself
 *   bits 6-7   lots: 0 zero, 1 u16, 2 u32, 3 f64
 *   bits 8-9   value: 0 zero, 1 same, 2 +i16, 3 f64
 *   bit  10    the row's own time differs from the engine's (which never runs backwards) and follows
 *   bit  11    kind and instrument are those of the row before
 *   bits 12-13 side: 0, 1, 3 for -1; 2 anything else, which follows
 */

import { TapeBatch } from '../market/tape.ts'
import type { RecordBuffer, RecordCursor } from './recordBuffer.ts'

/** The most bytes a row can need. */
export const ROW_BYTES_MAX = 3 + 3 + 8 + 8 + 8 + 4 + 1 + 8 + 8

/** Rows in one record at most: small enough to be lost in a crash without regret, large enough to share its frame. */
export const ROWS_PER_RECORD = 512

/** Slots of the state that carries over from row to row. */
const TIME = 0
const VENUE = 1
const VALUE = 2

/** Whether `x` is zero and not minus zero, which must come back as itself. */
function plainZero(x: number): boolean {
  return x === 0 && 1 / x > 0
}

/** Writes rows; `reset` before the first of each record. */
export class RowEncoder {
  /** In a typed array, so that doubles are never boxed. */
  readonly #last = new Float64Array(3)
  #tick = 0
  #kind = 0
  #instrument = 0

  reset(): void {
    this.#last.fill(0)
    this.#tick = 0
    this.#kind = 0
    this.#instrument = 0
  }

  /** Appends one row. `nowUs` is the engine's time for it. */
  encode(out: RecordBuffer, batch: TapeBatch, row: number, instrument: number, nowUs: number): void {
    out.reserve(ROW_BYTES_MAX)
    const view = out.view
    const last = this.#last
    const start = out.at
    let at = start + 3
    let codes = 0

    const kind = batch.kind[row]!
    if (kind === this.#kind && instrument === this.#instrument) codes |= 1 << 11
    else {
      view.setUint8(at, kind)
      view.setUint16(at + 1, instrument, true)
      at += 3
      this.#kind = kind
      this.#instrument = instrument
    }

    const timeBase = last[TIME]!
    const timeStep = nowUs - timeBase
    if (timeStep !== 0) {
      const exact = timeBase + timeStep === nowUs
      if (exact && timeStep === (timeStep & 0xffff)) {
        codes |= 1
        view.setUint16(at, timeStep, true)
        at += 2
      } else if (exact && timeStep === timeStep >>> 0) {
        codes |= 2
        view.setUint32(at, timeStep, true)
        at += 4
      } else {
        codes |= 3
        view.setFloat64(at, nowUs, true)
        at += 8
      }
      last[TIME] = nowUs
    }

    const venueUs = batch.venueTimeUs[row]!
    const venueBase = last[VENUE]!
    const venueStep = venueUs - venueBase
    if (venueStep !== 0) {
      const exact = venueBase + venueStep === venueUs
      if (exact && venueStep === (venueStep << 16) >> 16) {
        codes |= 1 << 2
        view.setInt16(at, venueStep, true)
        at += 2
      } else if (exact && venueStep === (venueStep | 0)) {
        codes |= 2 << 2
        view.setInt32(at, venueStep, true)
        at += 4
      } else {
        codes |= 3 << 2
        view.setFloat64(at, Number.isNaN(venueUs) ? Number.NaN : venueUs, true)
        at += 8
      }
      last[VENUE] = venueUs
    }

    const ownUs = batch.timeUs[row]!
    if (ownUs !== nowUs) {
      codes |= 1 << 10
      view.setFloat64(at, Number.isNaN(ownUs) ? Number.NaN : ownUs, true)
      at += 8
    }

    const tick = batch.tick[row]!
    const tickStep = tick - this.#tick
    if (tickStep !== 0) {
      if (tickStep === (tickStep << 24) >> 24) {
        codes |= 1 << 4
        view.setInt8(at, tickStep)
        at += 1
      } else if (tickStep === (tickStep << 16) >> 16) {
        codes |= 2 << 4
        view.setInt16(at, tickStep, true)
        at += 2
      } else {
        codes |= 3 << 4
        view.setInt32(at, tick, true)
        at += 4
      }
      this.#tick = tick
    }

    const side = batch.side[row]!
    if (side >= -1 && side <= 1) codes |= (side & 3) << 12
    else {
      codes |= 2 << 12
      view.setInt8(at, side)
      at += 1
    }

    const lots = batch.lots[row]!
    if (!plainZero(lots)) {
      if (lots !== 0 && lots === (lots & 0xffff)) {
        codes |= 1 << 6
        view.setUint16(at, lots, true)
        at += 2
      } else if (lots !== 0 && lots === lots >>> 0) {
        codes |= 2 << 6
        view.setUint32(at, lots, true)
        at += 4
      } else {
        codes |= 3 << 6
        view.setFloat64(at, Number.isNaN(lots) ? Number.NaN : lots, true)
        at += 8
      }
    }

    const value = batch.value[row]!
    if (!plainZero(value)) {
      const valueBase = last[VALUE]!
      const valueStep = value - valueBase
      if (valueStep === 0 && value !== 0) codes |= 1 << 8
      else if (value !== 0 && valueStep === (valueStep << 16) >> 16 && valueBase + valueStep === value) {
        codes |= 2 << 8
        view.setInt16(at, valueStep, true)
        at += 2
      } else {
        codes |= 3 << 8
        view.setFloat64(at, Number.isNaN(value) ? Number.NaN : value, true)
        at += 8
      }
      last[VALUE] = value
    }

    view.setUint16(start, codes, true)
    view.setUint8(start + 2, batch.flags[row]!)
    out.at = at
  }
}

/** Reads rows back, one at a time, into row 0 of its own batch. */
export class RowDecoder {
  /** Holds the row read last. */
  readonly batch = new TapeBatch(8)
  readonly #last = new Float64Array(3)

  reset(): void {
    this.#last.fill(0)
    this.batch.count = 1
    this.batch.tick[0] = 0
    this.batch.kind[0] = 0
    this.batch.instrument[0] = 0
  }

  /** The engine's time for the row read last. */
  get nowUs(): number {
    return this.#last[TIME]!
  }

  decode(cursor: RecordCursor): void {
    const batch = this.batch
    const last = this.#last
    const view = cursor.view
    const codes = cursor.u16()
    batch.flags[0] = cursor.u8()
    // From here on widths are known to lie inside the record: its checksum and its row count were right.
    let at = cursor.at
    if ((codes & (1 << 11)) === 0) {
      batch.kind[0] = view.getUint8(at)
      batch.instrument[0] = view.getUint16(at + 1, true)
      at += 3
    }
    switch (codes & 3) {
      case 1:
        last[TIME]! += view.getUint16(at, true)
        at += 2
        break
      case 2:
        last[TIME]! += view.getUint32(at, true)
        at += 4
        break
      case 3:
        last[TIME] = view.getFloat64(at, true)
        at += 8
    }
    switch ((codes >> 2) & 3) {
      case 1:
        last[VENUE]! += view.getInt16(at, true)
        at += 2
        break
      case 2:
        last[VENUE]! += view.getInt32(at, true)
        at += 4
        break
      case 3:
        last[VENUE] = view.getFloat64(at, true)
        at += 8
    }
    batch.venueTimeUs[0] = last[VENUE]!
    if ((codes & (1 << 10)) !== 0) {
      batch.timeUs[0] = view.getFloat64(at, true)
      at += 8
    } else batch.timeUs[0] = last[TIME]!
    switch ((codes >> 4) & 3) {
      case 1:
        batch.tick[0]! += view.getInt8(at)
        at += 1
        break
      case 2:
        batch.tick[0]! += view.getInt16(at, true)
        at += 2
        break
      case 3:
        batch.tick[0] = view.getInt32(at, true)
        at += 4
    }
    const side = (codes >> 12) & 3
    if (side === 2) {
      batch.side[0] = view.getInt8(at)
      at += 1
    } else batch.side[0] = side === 3 ? -1 : side
    switch ((codes >> 6) & 3) {
      case 0:
        batch.lots[0] = 0
        break
      case 1:
        batch.lots[0] = view.getUint16(at, true)
        at += 2
        break
      case 2:
        batch.lots[0] = view.getUint32(at, true)
        at += 4
        break
      default:
        batch.lots[0] = view.getFloat64(at, true)
        at += 8
    }
    switch ((codes >> 8) & 3) {
      case 0:
        batch.value[0] = 0
        break
      case 1:
        batch.value[0] = last[VALUE]!
        break
      case 2:
        last[VALUE]! += view.getInt16(at, true)
        batch.value[0] = last[VALUE]!
        at += 2
        break
      default:
        last[VALUE] = view.getFloat64(at, true)
        batch.value[0] = last[VALUE]!
        at += 8
    }
    cursor.at = at
  }
}

/**
 * A running 64-bit digest of rows: proof, in journals that name their tapes instead of copying them, that a replay
 * saw the same rows. Every step is a bijection of each half, so two tapes that differ in one number differ here; it
 * is no defence against someone who looks for collisions (the tapes' SHA-256 in the header is).
 */
export class RowDigest {
  #low = 0x243f6a88
  #high = 0x85a308d3 | 0
  /** A row's doubles, and the same as 32-bit words. */
  readonly #doubles = new Float64Array(4)
  readonly #words = new Int32Array(this.#doubles.buffer)

  /** The two halves as unsigned 32-bit integers. */
  get low(): number {
    return this.#low >>> 0
  }

  get high(): number {
    return this.#high >>> 0
  }

  /** 16 hexadecimal digits. */
  get text(): string {
    return this.high.toString(16).padStart(8, '0') + this.low.toString(16).padStart(8, '0')
  }

  /** Continues from a digest written down earlier. */
  resume(low: number, high: number): void {
    this.#low = low | 0
    this.#high = high | 0
  }

  add(batch: TapeBatch, row: number, instrument: number, nowUs: number): void {
    const doubles = this.#doubles
    const words = this.#words
    doubles[0] = nowUs
    doubles[1] = batch.venueTimeUs[row]!
    doubles[2] = batch.lots[row]!
    doubles[3] = batch.value[row]!
    const what = batch.kind[row]! | (instrument << 8)
    const how = (batch.side[row]! & 0xff) | (batch.flags[row]! << 8)
    let low = this.#low
    let high = this.#high
    low = Math.imul(low ^ words[0]!, 0x9e3779b1)
    high = Math.imul(high ^ words[1]!, 0x85ebca77)
    low = Math.imul(((low << 13) | (low >>> 19)) ^ words[2]!, 0x9e3779b1)
    high = Math.imul(((high << 17) | (high >>> 15)) ^ words[3]!, 0x85ebca77)
    low = Math.imul(((low << 13) | (low >>> 19)) ^ words[4]!, 0x9e3779b1)
    high = Math.imul(((high << 17) | (high >>> 15)) ^ words[5]!, 0x85ebca77)
    low = Math.imul(((low << 13) | (low >>> 19)) ^ words[6]!, 0x9e3779b1)
    high = Math.imul(((high << 17) | (high >>> 15)) ^ words[7]!, 0x85ebca77)
    low = Math.imul(((low << 13) | (low >>> 19)) ^ batch.tick[row]!, 0x9e3779b1)
    high = Math.imul(((high << 17) | (high >>> 15)) ^ what, 0x85ebca77)
    low = Math.imul(((low << 13) | (low >>> 19)) ^ how, 0x9e3779b1)
    // Each half spreads into the other once a row.
    low = (low + high) | 0
    high ^= (low << 15) | (low >>> 17)
    this.#low = low
    this.#high = high
  }
}
