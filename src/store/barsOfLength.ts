/** @file One length of bars out of a tape that holds several. */

import { Flag, Kind, TapeBatch, type TapeSource } from '../market/tape.ts'

/**
 * Passes on only bars of one duration; other rows pass as they are.
 *
 * Two lengths on one tape tell the same trades twice: an exchange that fills against both would use their volume twice.
 * A bar's length stands on its last row, so a message is held back until it is complete, over batches if need be.
 */
export class BarsOfLength implements TapeSource {
  readonly #source: TapeSource
  readonly #durationUs: number
  #out = new TapeBatch(8192)
  readonly #held = new TapeBatch(64)

  constructor(source: TapeSource, durationUs: number) {
    this.#source = source
    this.#durationUs = durationUs
  }

  next(): TapeBatch | undefined {
    for (;;) {
      const batch = this.#source.next()
      if (!batch) return undefined
      const out = this.#out
      out.count = 0
      for (let row = 0; row < batch.count; row++) this.#take(batch, row)
      if (out.count > 0) return out
    }
  }

  #take(batch: TapeBatch, row: number): void {
    const kind = batch.kind[row]!
    if (kind < Kind.BAR_OPEN || kind > Kind.BAR_CLOSE) {
      this.#room(1).pushRows(batch, row, row + 1)
      return
    }
    this.#held.pushRows(batch, row, row + 1)
    if ((batch.flags[row]! & Flag.END) === 0 && this.#held.count < this.#held.capacity) return
    const wanted = kind === Kind.BAR_CLOSE && batch.value[row] === this.#durationUs
    if (wanted) this.#room(this.#held.count).pushRows(this.#held, 0, this.#held.count)
    this.#held.count = 0
  }

  #room(rows: number): TapeBatch {
    if (this.#out.count + rows > this.#out.capacity) {
      const larger = new TapeBatch(this.#out.capacity * 2)
      larger.pushRows(this.#out, 0, this.#out.count)
      this.#out = larger
    }
    return this.#out
  }

  close(): void {
    this.#source.close()
  }
}
