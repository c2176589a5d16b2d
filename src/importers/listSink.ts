/**
 * @file An import sink that keeps everything in lists: what tests and `fuzz.ts` look at.
 *
 * It also polices the sink's contract, since a catalog would only notice much later: messages must be begun before
 * rows and ended after them, prices and sizes must be finite and not negative, and indexes must have been given out.
 */

import { assert } from '../core/errors.ts'
import { instrumentId } from '../market/instrument.ts'
import type { Stream } from '../market/message.ts'
import { Flag, Kind } from '../market/tape.ts'
import type { ImportSink, Place, SketchedInstrument } from '../store/importer.ts'

/** A row as the importer gave it. */
export interface ListedRow {
  readonly kind: number
  readonly side: number
  readonly price: number
  readonly size: number
  readonly value: number
  /** `END` included on the last row of a message. */
  readonly flags: number
}

/** A completed message. */
export interface ListedMessage {
  readonly stream: Stream
  /** `BTC-USDT-PERP@binance-usdm`. */
  readonly instrument: string
  readonly timeUs: number
  readonly venueTimeUs: number
  readonly rows: readonly ListedRow[]
}

/** A reject or a trap. */
export interface Finding {
  readonly name: string
  readonly place: Place
  readonly detail: string
}

/** A gap as the importer reported it. */
export interface ListedGap {
  readonly instrument: string
  readonly timeUs: number
  readonly place: Place
  readonly expected: number
  readonly received: number
}

/** Keeps every message, finding and count of one import; for files that fit in memory. */
export class ListSink implements ImportSink {
  /** Completed messages in the order given; a gap also leaves its GAP row here, as it does in a catalog. */
  readonly messages: ListedMessage[] = []
  readonly instruments: SketchedInstrument[] = []
  readonly rejects: Finding[] = []
  readonly traps: Finding[] = []
  readonly gaps: ListedGap[] = []
  /** Records skipped, by reason. */
  readonly skips = new Map<string, number>()
  /** What the importer vouches for, by name. */
  readonly counts = new Map<string, number>()
  readonly #indexes = new Map<string, number>()
  /** Notes from file to file: hand one map to the sinks of a pair. */
  readonly memory: Map<string, string>
  #open: (Omit<ListedMessage, 'rows'> & { rows: ListedRow[] }) | undefined

  constructor(memory = new Map<string, string>()) {
    this.memory = memory
  }

  /** Whether a message was begun and neither ended nor abandoned: an importer's mistake once it has returned. */
  get unfinished(): boolean {
    return this.#open !== undefined
  }

  instrument(spec: SketchedInstrument): number {
    const id = instrumentId({ tickSize: '1', lotSize: '1', source: '', ...spec })
    const known = this.#indexes.get(id)
    if (known !== undefined) return known
    const index = this.instruments.push(spec) - 1
    this.#indexes.set(id, index)
    return index
  }

  begin(stream: Stream, instrument: number, timeUs: number, venueTimeUs: number): void {
    assert(this.#open === undefined, 'a message is ended or abandoned before the next begins')
    assert(Number.isSafeInteger(timeUs) && timeUs > 0, `times are whole microseconds: received ${timeUs}`)
    assert(Number.isSafeInteger(venueTimeUs) && venueTimeUs > 0, `times are whole microseconds: venue ${venueTimeUs}`)
    this.#open = { stream, instrument: this.#id(instrument), timeUs, venueTimeUs, rows: [] }
  }

  row(kind: number, side: number, price: number, size: number, value: number, flags = 0): void {
    assert(this.#open !== undefined, 'a row belongs to a message')
    // A swap's flow, in `price` and `size` here, may go either way; so may a rate or a Greek, but those are in `value`.
    const signed = kind === Kind.POOL_SWAP || kind === Kind.POOL_STATE
    assert(Number.isFinite(price) && (signed || price >= 0), `a price is finite and not negative: ${price}`)
    assert(Number.isFinite(size) && (signed || size >= 0), `a size is finite and not negative: ${size}`)
    assert(Number.isFinite(value), `a value is finite: ${value}`)
    assert(side === 1 || side === -1 || side === 0, `a side is 1, -1 or 0: ${side}`)
    this.#open.rows.push({ kind, side, price, size, value, flags })
  }

  end(): void {
    const open = this.#open
    assert(open !== undefined, 'a message is begun before it is ended')
    this.#open = undefined
    const last = open.rows.pop()
    if (!last) return
    open.rows.push({ ...last, flags: last.flags | Flag.END })
    this.messages.push(open)
  }

  abandon(): void {
    this.#open = undefined
  }

  reject(reason: string, place: Place, detail = ''): void {
    this.rejects.push({ name: reason, place, detail })
  }

  trap(name: string, place: Place, detail = ''): void {
    this.traps.push({ name, place, detail })
  }

  gap(instrument: number, timeUs: number, venueTimeUs: number, place: Place, expected: number, received: number): void {
    assert(this.#open === undefined, 'a gap lies between messages')
    const id = this.#id(instrument)
    this.gaps.push({ instrument: id, timeUs, place, expected, received })
    const row = { kind: Kind.GAP, side: 0, price: 0, size: 0, value: 0, flags: Flag.END }
    this.messages.push({ stream: 'book', instrument: id, timeUs, venueTimeUs, rows: [row] })
  }

  skip(reason: string): void {
    this.skips.set(reason, (this.skips.get(reason) ?? 0) + 1)
  }

  count(what: string, by = 1): void {
    this.counts.set(what, (this.counts.get(what) ?? 0) + by)
  }

  recall(key: string): string | undefined {
    return this.memory.get(key)
  }

  remember(key: string, note: string): void {
    this.memory.set(key, note)
  }

  /** Rows of one kind over all messages, or of every kind. */
  rows(kind?: number): ListedRow[] {
    const rows = this.messages.flatMap((message) => message.rows)
    return kind === undefined ? rows : rows.filter((row) => row.kind === kind)
  }

  #id(instrument: number): string {
    const spec = this.instruments[instrument]
    assert(spec !== undefined, `an instrument's index is one the sink gave: ${instrument}`)
    return instrumentId({ tickSize: '1', lotSize: '1', source: '', ...spec })
  }
}
