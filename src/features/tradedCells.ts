/**
 * @file What was traded in every cell of a clock: open, high, low, close and volume, from bars or from trades.
 *
 * Cell i holds what was received after (i − 1) × interval and up to i × interval. Where bars fill it exactly (their
 * durations add up to the interval) their figures count; bars longer than a cell are not cut up, they are left out. Without
 * bars the trades count.
 *
 * A cell is unknown
 * - while it is not over, and before the first trade or bar was heard;
 * - when a `GAP` or an `OUTAGE` lies in it, or the venue is down;
 * - of trades: when nothing at all was heard of the instrument for more than a minute (and a cell) before its end;
 * - of bars: when one is missing.
 *
 * A cell of trades without a trade is known and has volume 0, but no prices.
 */

import { MINUTE_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { MarketState } from '../market/marketState.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'

/** Columns of a cell: those of trades, then those of bars. */
const OPEN = 0
const HIGH = 1
const LOW = 2
const CLOSE = 3
const LOTS = 4
/** Sum of price × size, of bars their close × size. */
const TICK_LOTS = 5
const TRADES = 6
const BARS = 6
/** µs of bars in the cell. */
const COVERED = 12
/** When the instrument was last heard, as of the end of the cell. */
const HEARD = 13
const BROKEN = 14
const WIDTH = 15
/** Figures of a cell that nothing will be added to: open, high, low, close, lots, ticks × lots; NaN where unknown. */
const SEALED = 6
const COLUMN = { open: OPEN, high: HIGH, low: LOW, close: CLOSE, lots: LOTS } as const

export class TradedCells {
  readonly intervalUs: number
  readonly #market: MarketState
  readonly #silenceUs: number
  readonly #capacity: number
  readonly #cells: Float64Array
  readonly #sealed: Float64Array
  #current = Number.NEGATIVE_INFINITY
  #endUs = Number.NEGATIVE_INFINITY
  #heardUs = Number.NEGATIVE_INFINITY
  /** First trade heard. */
  #startUs = Number.POSITIVE_INFINITY
  #down = false

  /**
   * @param cells Whole cells remembered.
   * @throws {GimbalError} `config-invalid` unless the interval is a positive whole number of µs and `cells` in 1 … 2^20.
   */
  constructor(market: MarketState, intervalUs: number, cells: number) {
    if (!Number.isSafeInteger(intervalUs) || intervalUs < 1 || !(cells >= 1 && cells <= 2 ** 20))
      throw new GimbalError('config-invalid', 'Trades cannot be put into such cells', { intervalUs, cells })
    this.intervalUs = intervalUs
    this.#market = market
    this.#silenceUs = Math.max(MINUTE_US, intervalUs)
    this.#capacity = cells + 2
    this.#cells = new Float64Array(this.#capacity * WIDTH)
    this.#sealed = new Float64Array(this.#capacity * SEALED).fill(Number.NaN)
  }

  /** A row of the instrument, already applied to its market. */
  onRow(batch: TapeBatch, row: number, timeUs: number): void {
    if (timeUs > this.#endUs) this.#advance(timeUs)
    const at = this.#offset(this.#current)
    this.#heardUs = timeUs
    this.#cells[at + HEARD] = timeUs
    const kind = batch.kind[row]!
    if (kind === Kind.TRADE) {
      if (this.#startUs === Number.POSITIVE_INFINITY) this.#startUs = timeUs
      const tick = batch.tick[row]!
      this.#add(at, tick, tick, tick, tick, batch.lots[row]!)
    } else if (kind === Kind.BAR_CLOSE) {
      const market = this.#market
      const durationUs = batch.value[row]!
      if (!(durationUs > 0 && durationUs <= this.intervalUs)) return
      this.#add(at + BARS, market.barOpen, market.barHigh, market.barLow, batch.tick[row]!, batch.lots[row]!)
      this.#cells[at + COVERED]! += durationUs
    } else if (kind === Kind.GAP || kind === Kind.OUTAGE) {
      this.#down = this.#market.down
      this.#cells[at + BROKEN] = 1
    }
  }

  #add(at: number, open: number, high: number, low: number, close: number, lots: number): void {
    const cells = this.#cells
    // Open is 0 until the first price came: prices of trades are not.
    if (cells[at + OPEN] === 0) {
      cells[at + OPEN] = open
      cells[at + HIGH] = high
      cells[at + LOW] = low
    } else {
      if (high > cells[at + HIGH]!) cells[at + HIGH] = high
      if (low < cells[at + LOW]!) cells[at + LOW] = low
    }
    cells[at + CLOSE] = close
    cells[at + LOTS]! += lots
    cells[at + TICK_LOTS]! += close * lots
  }

  #advance(timeUs: number): void {
    const next = Math.ceil(timeUs / this.intervalUs)
    if (this.#current > Number.NEGATIVE_INFINITY)
      for (let cell = Math.max(this.#current, next - this.#capacity + 1); cell < next; cell++) this.#seal(cell)
    for (let cell = Math.max(this.#current + 1, next - this.#capacity + 1); cell <= next; cell++) {
      const at = this.#offset(cell)
      this.#cells.fill(0, at, at + TRADES + BARS + 1)
      this.#cells[at + HEARD] = this.#heardUs
      this.#cells[at + BROKEN] = this.#down ? 1 : 0
    }
    this.#current = next
    this.#endUs = next * this.intervalUs
  }

  /** Writes down what is known of a cell that is over: the current one, or an empty one after it. */
  #seal(cell: number): void {
    const at = this.#slot(cell) * SEALED
    for (let column = OPEN; column <= CLOSE; column++) this.#sealed[at + column] = this.#price(cell, column)
    this.#sealed[at + LOTS] = this.#sum(cell, LOTS)
    this.#sealed[at + TICK_LOTS] = this.#sum(cell, TICK_LOTS)
  }

  #slot(cell: number): number {
    const rest = cell % this.#capacity
    return rest < 0 ? rest + this.#capacity : rest
  }

  #offset(cell: number): number {
    return this.#slot(cell) * WIDTH
  }

  /** The last cell that is over at a time. */
  lastAt(nowUs: number): number {
    return Math.floor(nowUs / this.intervalUs)
  }

  #barred(cell: number): boolean {
    return this.#cells[this.#offset(cell) + COVERED] === this.intervalUs
  }

  /** Whether it is known what was traded in the current cell, or in an empty one after it, once it is over. */
  #known(cell: number): boolean {
    const endUs = cell * this.intervalUs
    // Nothing was heard since the current cell: what came after is empty, and known only as long as silence is believed.
    if (cell > this.#current)
      return !this.#down && endUs - this.#heardUs < this.#silenceUs && endUs - this.intervalUs >= this.#startUs
    const at = this.#offset(cell)
    if (this.#cells[at + BROKEN] !== 0) return false
    const covered = this.#cells[at + COVERED]!
    if (covered > 0) return covered === this.intervalUs
    return endUs - this.#cells[at + HEARD]! < this.#silenceUs && endUs - this.intervalUs >= this.#startUs
  }

  #sum(cell: number, column: number): number {
    if (!this.#known(cell)) return Number.NaN
    if (cell > this.#current) return 0
    return this.#cells[this.#offset(cell) + column + (this.#barred(cell) ? BARS : 0)]!
  }

  #price(cell: number, column: number): number {
    if (cell > this.#current || !this.#known(cell)) return Number.NaN
    const at = this.#offset(cell) + (this.#barred(cell) ? BARS : 0)
    return this.#cells[at + LOW]! > 0 ? this.#cells[at + column]! : Number.NaN
  }

  #read(cell: number, column: number): number {
    // Also before the first row, when there is no current cell.
    if (!(cell > this.#current - this.#capacity) || this.#current === Number.NEGATIVE_INFINITY) return Number.NaN
    if (cell < this.#current) return this.#sealed[this.#slot(cell) * SEALED + column]!
    return column >= LOTS ? this.#sum(cell, column) : this.#price(cell, column)
  }

  /** Traded in a cell that is over, in lots; NaN when unknown. */
  lotsAt(cell: number): number {
    return this.#read(cell, LOTS)
  }

  /** First price of a cell that is over, in ticks; NaN when unknown or nothing was traded. So are the other three. */
  openAt(cell: number): number {
    return this.#read(cell, OPEN)
  }

  highAt(cell: number): number {
    return this.#read(cell, HIGH)
  }

  lowAt(cell: number): number {
    return this.#read(cell, LOW)
  }

  closeAt(cell: number): number {
    return this.#read(cell, CLOSE)
  }

  /**
   * Copies one figure of the `count` cells that end with `last`, oldest first; NaN where unknown.
   *
   * @param out At least `count` long.
   */
  copy(figure: keyof typeof COLUMN, last: number, count: number, out: Float64Array): void {
    const column = COLUMN[figure]
    const first = last - count + 1
    // Sealed cells lie in the ring one after another; the rest is asked for singly.
    const from = Math.max(first, this.#current - this.#capacity + 1)
    const to = Math.min(last, this.#current - 1)
    if (!(from <= to)) {
      for (let i = 0; i < count; i++) out[i] = this.#read(first + i, column)
      return
    }
    for (let cell = first; cell < from; cell++) out[cell - first] = Number.NaN
    let slot = this.#slot(from)
    for (let at = from - first; at <= to - first; at++) {
      out[at] = this.#sealed[slot * SEALED + column]!
      slot++
      if (slot === this.#capacity) slot = 0
    }
    for (let cell = to + 1; cell <= last; cell++) out[cell - first] = this.#read(cell, column)
  }

  /**
   * Traded in the `count` cells that end with `last`, in lots: the sum over those known, scaled to all of them; NaN when
   * fewer than half are known.
   */
  volume(last: number, count: number): number {
    return this.#over(last, count, LOTS)
  }

  /** As {@link volume}, each lot times its price: in ticks × lots. */
  turnover(last: number, count: number): number {
    return this.#over(last, count, TICK_LOTS)
  }

  #over(last: number, count: number, column: number): number {
    let sum = 0
    let known = 0
    for (let cell = last - count + 1; cell <= last; cell++) {
      const own = this.#read(cell, column)
      if (Number.isNaN(own)) continue
      sum += own
      known++
    }
    return 2 * known >= count ? (sum * count) / known : Number.NaN
  }
}
