/**
 * @file An import sink that only counts: for files too large to keep, in tests and benchmarks.
 */

import { instrumentId } from '../market/instrument.ts'
import type { Stream } from '../market/message.ts'
import type { ImportSink, Place, SketchedInstrument } from '../store/importer.ts'

function add(map: Map<string, number>, key: string, by = 1): void {
  map.set(key, (map.get(key) ?? 0) + by)
}

/** Counts rows, messages and findings of one import, or of several one after another. */
export class TallySink implements ImportSink {
  rows = 0
  messages = 0
  gaps = 0
  /** Rows whose price, size or value is not finite: an importer's mistake. */
  unsound = 0
  /** Messages earlier than one before them of the same stream and instrument. */
  backwards = 0
  readonly rejects = new Map<string, number>()
  readonly traps = new Map<string, number>()
  readonly skips = new Map<string, number>()
  readonly counts = new Map<string, number>()
  readonly #indexes = new Map<string, number>()
  readonly #lastUs = new Map<string, number>()
  #open = 0
  #key = ''
  #timeUs = 0

  /** Number of instruments seen. */
  get instruments(): number {
    return this.#indexes.size
  }

  instrument(spec: SketchedInstrument): number {
    const id = instrumentId({ tickSize: '1', lotSize: '1', source: '', ...spec })
    const known = this.#indexes.get(id)
    if (known !== undefined) return known
    this.#indexes.set(id, this.#indexes.size)
    return this.#indexes.size - 1
  }

  begin(stream: Stream, instrument: number, timeUs: number): void {
    this.#open = 0
    this.#key = `${stream} ${instrument}`
    this.#timeUs = timeUs
  }

  row(_kind: number, _side: number, price: number, size: number, value: number): void {
    if (!Number.isFinite(price) || !Number.isFinite(size) || !Number.isFinite(value)) this.unsound++
    this.#open++
  }

  end(): void {
    if (this.#open === 0) return
    this.rows += this.#open
    this.messages++
    const lastUs = this.#lastUs.get(this.#key) ?? 0
    if (this.#timeUs < lastUs) this.backwards++
    else this.#lastUs.set(this.#key, this.#timeUs)
    this.#open = 0
  }

  abandon(): void {
    this.#open = 0
  }

  reject(reason: string, _place: Place): void {
    add(this.rejects, reason)
  }

  trap(name: string, _place: Place): void {
    add(this.traps, name)
  }

  gap(): void {
    this.gaps++
  }

  skip(reason: string): void {
    add(this.skips, reason)
  }

  count(what: string, by = 1): void {
    add(this.counts, what, by)
  }
}
