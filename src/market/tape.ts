/**
 * @file The tape: everything that happened, as rows in typed-array columns, a batch at a time.
 *
 * A venue message is one or more rows of one instrument; the last carries `END`, and only there may a policy act.
 * Every row has two times: when the venue says it happened, and when we learned of it. Decisions may depend only
 * on the second; the simulated exchange matches on the first.
 *
 * What a row's `side`, `tick`, `lots` and `value` mean depends on its kind and is listed at each kind below; a
 * column a kind does not mention is zero. Prices that need not lie on the tick grid (marks, indices) are in `value`.
 */

/** Row kinds. Numbers are stored in files: add, never renumber. */
export const Kind = {
  /** Level-2 update. side, tick, lots: the new total at that price, 0 removes it. value: venue sequence number or 0. */
  DEPTH: 1,
  /** Trade. side of the aggressor (0 unknown), tick, lots. value: venue trade id (0 unknown). */
  TRADE: 2,
  /** One side of the touch. side, tick, lots (0: no level). value: implied volatility for options, else 0. */
  QUOTE: 3,
  /** A completed bar is four rows sharing both times, which are those of its CLOSE: tick is the price ... */
  BAR_OPEN: 4,
  BAR_HIGH: 5,
  BAR_LOW: 6,
  /** ... and its close carries volume in lots and the bar's duration in µs in value. */
  BAR_CLOSE: 7,
  /** Mark price in value. */
  MARK: 8,
  /** Extreme of the mark since the last MARK: side +1 highest, -1 lowest, value the price. Liquidation is checked on it. */
  MARK_EXTREME: 9,
  /** Index (reference basket) price in value; oracle prices of on-chain venues too. */
  INDEX: 10,
  /** Funding settled now: value is the rate per interval (longs pay when positive), lots the interval in µs. */
  FUNDING: 11,
  /** The venue's forecast of the next funding rate in value, lots the µs until it is due. */
  FUNDING_FORECAST: 12,
  /** Open interest in lots; value is its worth in the quote currency when the venue says (else 0). */
  OPEN_INTEREST: 13,
  /** Forced order executed: side of that order, tick, lots. */
  LIQUIDATION: 14,
  /** Auto-deleveraging of a winner: side of the order that closed them, tick, lots. */
  DELEVERAGING: 15,
  /** Option figures in value: mark implied volatility as a fraction; Greeks as the venue gives them; forward price. */
  IMPLIED_VOLATILITY: 16,
  DELTA: 17,
  GAMMA: 18,
  VEGA: 19,
  THETA: 20,
  RHO: 21,
  FORWARD: 22,
  /** Rolling 24 h volume in lots as the venue gives it; value in quote when known. */
  VOLUME: 23,
  /** Pool state after the block or minute: tick is the pool's own tick, value the active liquidity. */
  POOL_STATE: 24,
  /** Net flow through a pool: lots is token0 in (negative: out), value token1 in, both in smallest units, rounded to doubles. */
  POOL_SWAP: 25,
  /** Lending reserve, in value: yearly supply rate, yearly borrow rate, cumulative indices. */
  SUPPLY_RATE: 26,
  BORROW_RATE: 27,
  SUPPLY_INDEX: 28,
  BORROW_INDEX: 29,
  /** A block: value is its number. */
  BLOCK: 30,
  /** Base fee per gas in wei in value; GAS_PRICE likewise, as observed. */
  BASE_FEE: 31,
  GAS_PRICE: 32,
  /** Pending transaction: value is the tip per gas in wei, lots the gas limit. */
  PENDING_TRANSACTION: 33,
  /** Market by order: value is the venue's order id; side, tick, lots as left standing (0 removes). */
  ORDER_ADD: 34,
  ORDER_CHANGE: 35,
  ORDER_REMOVE: 36,
  /** The feed lost updates: the book is stale until the next snapshot. value: how many, when known. */
  GAP: 37,
  /** The connection dropped or the venue went down (value 1), or came back (value 0). */
  OUTAGE: 38,
  /** Any further scalar of a protocol in value; lots is its number in the importer's documented list. */
  SCALAR: 39,
  /** Own order events, as recorded live: value is our order id. */
  OWN_ACCEPTED: 48,
  OWN_REJECTED: 49,
  OWN_FILLED: 50,
  OWN_CANCELLED: 51,
  OWN_AMENDED: 52,
} as const

/** Name of each kind number, for people. */
export const KIND_NAMES: readonly string[] = (() => {
  const names: string[] = []
  for (const [name, number] of Object.entries(Kind)) names[number] = name
  return names
})()

/** Row flags, a bit each. Stored in files: add, never renumber. */
export const Flag = {
  /** Last row of its message. */
  END: 1,
  /** First row of a snapshot: forget the book before applying it. A lone RESET row with lots 0 and tick 0 only clears. */
  RESET: 2,
  /** Belongs to a snapshot. */
  SNAPSHOT: 4,
  /** The importer doubts it (named in the import's report). */
  SUSPECT: 8,
  /** A block trade or one against a liquidation, where the venue says. */
  SPECIAL: 16,
} as const

/** A batch of rows in columns. Reused: whoever keeps a row must copy it. */
export class TapeBatch {
  readonly capacity: number
  count = 0
  readonly timeUs: Float64Array
  readonly venueTimeUs: Float64Array
  readonly lots: Float64Array
  readonly value: Float64Array
  readonly tick: Int32Array
  readonly instrument: Uint16Array
  readonly kind: Uint8Array
  readonly side: Int8Array
  readonly flags: Uint8Array
  /** All columns, one after another as listed above: what a flat file stores. */
  readonly buffer: ArrayBuffer

  /** @param capacity Rows; rounded up to a multiple of 8 so that every column is aligned. */
  constructor(capacity = 4096) {
    const rows = Math.ceil(capacity / 8) * 8
    this.capacity = rows
    this.buffer = new ArrayBuffer(rows * ROW_BYTES)
    let at = 0
    const f64 = () => new Float64Array(this.buffer, (at += rows * 8) - rows * 8, rows)
    this.timeUs = f64()
    this.venueTimeUs = f64()
    this.lots = f64()
    this.value = f64()
    this.tick = new Int32Array(this.buffer, (at += rows * 4) - rows * 4, rows)
    this.instrument = new Uint16Array(this.buffer, (at += rows * 2) - rows * 2, rows)
    this.kind = new Uint8Array(this.buffer, (at += rows) - rows, rows)
    this.side = new Int8Array(this.buffer, (at += rows) - rows, rows)
    this.flags = new Uint8Array(this.buffer, (at += rows) - rows, rows)
  }

  /** Appends a row; the caller knows there is room. */
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
    const row = this.count++
    this.timeUs[row] = timeUs
    this.venueTimeUs[row] = venueTimeUs
    this.kind[row] = kind
    this.instrument[row] = instrument
    this.side[row] = side
    this.tick[row] = tick
    this.lots[row] = lots
    this.value[row] = value
    this.flags[row] = flags
  }

  /** Appends rows [start, end) of another batch; the caller knows there is room. */
  pushRows(source: TapeBatch, start: number, end: number): void {
    const at = this.count
    this.timeUs.set(source.timeUs.subarray(start, end), at)
    this.venueTimeUs.set(source.venueTimeUs.subarray(start, end), at)
    this.kind.set(source.kind.subarray(start, end), at)
    this.instrument.set(source.instrument.subarray(start, end), at)
    this.side.set(source.side.subarray(start, end), at)
    this.tick.set(source.tick.subarray(start, end), at)
    this.lots.set(source.lots.subarray(start, end), at)
    this.value.set(source.value.subarray(start, end), at)
    this.flags.set(source.flags.subarray(start, end), at)
    this.count = at + end - start
  }
}

/** Bytes of one row over all columns. */
export const ROW_BYTES = 41

/** A stream of rows in order of receipt. Batch sizes carry no meaning: any cut of the same rows is the same tape. */
export interface TapeSource {
  /** The next rows, or undefined at the end. The batch is valid until the next call. */
  next(): TapeBatch | undefined
  /** Frees files; safe to call twice. */
  close(): void
}

/** A tape held in memory: for tests, examples and generated markets. */
export class MemoryTape implements TapeSource {
  readonly #batches: TapeBatch[] = []
  #at = 0

  /** Batch with room for at least one more row. */
  get #open(): TapeBatch {
    const last = this.#batches.at(-1)
    if (last && last.count < last.capacity) return last
    const batch = new TapeBatch(4096)
    this.#batches.push(batch)
    return batch
  }

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
    this.#open.push(timeUs, venueTimeUs, kind, instrument, side, tick, lots, value, flags)
  }

  get rows(): number {
    return this.#batches.reduce((sum, batch) => sum + batch.count, 0)
  }

  /** Starts again from the first row. */
  rewind(): this {
    this.#at = 0
    return this
  }

  /** A second, independent reader of the same rows. */
  reader(): TapeSource {
    const batches = this.#batches
    let at = 0
    return { next: () => batches[at++], close: () => {} }
  }

  next(): TapeBatch | undefined {
    return this.#batches[this.#at++]
  }

  close(): void {}
}

/** Cuts a tape into batches of random sizes: proves that results do not depend on how it was read. */
export class RecutTape implements TapeSource {
  readonly #source: TapeSource
  readonly #size: () => number
  readonly #out: TapeBatch
  #batch: TapeBatch | undefined
  #row = 0

  /** @param size Called for each batch: how many rows it may hold, 1 to 4096. */
  constructor(source: TapeSource, size: () => number) {
    this.#source = source
    this.#size = size
    this.#out = new TapeBatch(4096)
  }

  next(): TapeBatch | undefined {
    const wanted = Math.max(1, Math.min(this.#out.capacity, this.#size()))
    this.#out.count = 0
    while (this.#out.count < wanted) {
      if (!this.#batch || this.#row >= this.#batch.count) {
        this.#batch = this.#source.next()
        this.#row = 0
        if (!this.#batch) break
      }
      const end = Math.min(this.#batch.count, this.#row + wanted - this.#out.count)
      this.#out.pushRows(this.#batch, this.#row, end)
      this.#row = end
    }
    return this.#out.count > 0 ? this.#out : undefined
  }

  close(): void {
    this.#source.close()
  }
}

/** A tape whose venue times are moved: whoever reads it downstream sees corrected times only. */
class ShiftedTape implements TapeSource {
  readonly #source: TapeSource
  readonly #shiftUs: number
  #out = new TapeBatch(4096)

  constructor(source: TapeSource, shiftUs: number) {
    this.#source = source
    this.#shiftUs = shiftUs
  }

  next(): TapeBatch | undefined {
    const batch = this.#source.next()
    if (!batch) return undefined
    // Copied, because the source's batch may be shared with another reader.
    if (this.#out.capacity < batch.count) this.#out = new TapeBatch(batch.count)
    const out = this.#out
    out.count = 0
    out.pushRows(batch, 0, batch.count)
    for (let row = 0; row < out.count; row++) out.venueTimeUs[row]! += this.#shiftUs
    return out
  }

  close(): void {
    this.#source.close()
  }
}

/** How a tape is ordered: by when we learned of a row, or by when the venue says it happened. */
export type TapeView = 'received' | 'venue'

/** One input of a merge. */
export interface MergeInput {
  readonly source: TapeSource
  /** Index in the run's universe for each instrument index of the source; identity when absent. */
  readonly instruments?: Uint16Array
  /** Added to venue times: undoes a known difference between the venue's clock and ours. */
  readonly venueShiftUs?: number
}

/** Cursor over one input, with its sort key. */
class Head {
  readonly rank: number
  readonly source: TapeSource
  readonly instruments: Uint16Array | undefined
  batch: TapeBatch | undefined
  row = -1
  key = Number.NEGATIVE_INFINITY

  constructor(input: MergeInput, rank: number) {
    this.rank = rank
    this.source = input.venueShiftUs ? new ShiftedTape(input.source, input.venueShiftUs) : input.source
    this.instruments = input.instruments
  }

  /** Moves to the next row; false at the end. The key never decreases: within one source order of arrival wins. */
  advance(byVenue: boolean): boolean {
    let batch = this.batch
    let row = this.row + 1
    while (!batch || row >= batch.count) {
      batch = this.source.next()
      this.batch = batch
      row = 0
      if (!batch) return false
    }
    this.row = row
    const time = byVenue ? batch.venueTimeUs[row]! : batch.timeUs[row]!
    if (time > this.key) this.key = time
    return true
  }
}

/**
 * K-way merge of tapes, read as a cursor: `advance`, then look at `batch` and `row`. Nothing is copied.
 *
 * Order: by time of the view, then by position in `inputs`, then by order within the input; the rows of one message
 * are never parted. A time that runs backwards within one input is treated as the latest time seen there.
 */
export class MergedTape {
  readonly #heads: Head[]
  readonly #byVenue: boolean
  #current: Head | undefined
  #limitKey = Number.POSITIVE_INFINITY
  #limitRank = 0
  #inMessage = false
  /** Batch holding the current row. */
  batch: TapeBatch = EMPTY
  /** Index of the current row in `batch`. */
  row = 0
  /** Time of the current row in this view, never decreasing within one input. */
  timeUs = Number.NEGATIVE_INFINITY
  /** The current row's venue time, corrected for the clock difference. */
  get venueTimeUs(): number {
    return this.batch.venueTimeUs[this.row]!
  }
  /** Index of the current row's instrument in the universe of the run. */
  get instrument(): number {
    const index = this.batch.instrument[this.row]!
    const map = this.#current!.instruments
    return map ? map[index]! : index
  }
  /** Rank of the input the current row comes from. */
  get rank(): number {
    return this.#current!.rank
  }

  constructor(inputs: readonly MergeInput[], view: TapeView = 'received') {
    this.#byVenue = view === 'venue'
    this.#heads = inputs.map((input, rank) => new Head(input, rank)).filter((head) => head.advance(this.#byVenue))
  }

  /** Moves to the next row in order; false at the end, when `timeUs` becomes infinite. */
  advance(): boolean {
    let head = this.#current
    if (head) {
      if (!head.advance(this.#byVenue)) {
        this.#heads.splice(this.#heads.indexOf(head), 1)
        head = undefined
      } else if (
        !this.#inMessage &&
        (head.key > this.#limitKey || (head.key === this.#limitKey && head.rank > this.#limitRank))
      ) {
        head = undefined
      }
    }
    if (!head) {
      head = this.#select()
      this.#current = head
      if (!head) {
        this.timeUs = Number.POSITIVE_INFINITY
        this.batch = EMPTY
        return false
      }
    }
    const batch = head.batch!
    this.batch = batch
    this.row = head.row
    if (!this.#inMessage) this.timeUs = head.key
    this.#inMessage = (batch.flags[head.row]! & Flag.END) === 0
    return true
  }

  /** The head with the least (key, rank); remembers the runner-up, below which it may run on without comparing. */
  #select(): Head | undefined {
    const heads = this.#heads
    let best: Head | undefined
    let next: Head | undefined
    for (let i = 0; i < heads.length; i++) {
      const head = heads[i]!
      if (!best || head.key < best.key || (head.key === best.key && head.rank < best.rank)) {
        next = best
        best = head
      } else if (!next || head.key < next.key || (head.key === next.key && head.rank < next.rank)) next = head
    }
    this.#limitKey = next ? next.key : Number.POSITIVE_INFINITY
    this.#limitRank = next ? next.rank : 0
    return best
  }

  close(): void {
    for (const head of this.#heads) head.source.close()
  }
}

const EMPTY = new TapeBatch(8)
