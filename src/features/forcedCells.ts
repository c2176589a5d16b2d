/** @file Forced orders in every cell of a clock: what liquidations sold and bought, at which prices, and deleveragings. */

import { GimbalError } from '../core/errors.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'

/** Columns of a cell. Worth is lots times ticks. */
export const SOLD = 0
export const BOUGHT = 1
export const SOLD_WORTH = 2
export const BOUGHT_WORTH = 3
export const ORDERS = 4
export const DELEVERAGED = 5
const WIDTH = 6

/** Cell i holds what was received after (i − 1) × interval and up to i × interval. */
export class ForcedCells {
  readonly intervalUs: number
  readonly #capacity: number
  readonly #cells: Float64Array
  #current = Number.NEGATIVE_INFINITY
  /** First and last row of the instrument, of any kind. */
  firstUs = Number.NaN
  lastUs = Number.NaN

  /** @param cells Cells remembered besides the one begun. @throws {GimbalError} `config-invalid`. */
  constructor(intervalUs: number, cells: number) {
    if (!Number.isSafeInteger(intervalUs) || intervalUs < 1 || !(cells >= 1 && cells <= 2 ** 20))
      throw new GimbalError('config-invalid', 'Forced orders cannot be put into such cells', { intervalUs, cells })
    this.intervalUs = intervalUs
    this.#capacity = cells + 2
    this.#cells = new Float64Array(this.#capacity * WIDTH)
  }

  /** A row of the instrument. */
  onRow(batch: TapeBatch, row: number, timeUs: number): void {
    if (Number.isNaN(this.firstUs)) this.firstUs = timeUs
    this.lastUs = timeUs
    const kind = batch.kind[row]!
    if (kind !== Kind.LIQUIDATION && kind !== Kind.DELEVERAGING) return
    const cell = Math.ceil(timeUs / this.intervalUs)
    for (let empty = Math.max(this.#current + 1, cell - this.#capacity + 1); empty <= cell; empty++)
      this.#cells.fill(0, this.#offset(empty), this.#offset(empty) + WIDTH)
    this.#current = Math.max(this.#current, cell)
    const at = this.#offset(cell)
    const lots = batch.lots[row]!
    if (kind === Kind.DELEVERAGING) {
      this.#cells[at + DELEVERAGED]! += lots
      return
    }
    this.#cells[at + ORDERS]! += 1
    const side = batch.side[row]!
    if (side === 0) return
    this.#cells[at + (side < 0 ? SOLD : BOUGHT)]! += lots
    this.#cells[at + (side < 0 ? SOLD_WORTH : BOUGHT_WORTH)]! += lots * batch.tick[row]!
  }

  #offset(cell: number): number {
    const rest = cell % this.#capacity
    return (rest < 0 ? rest + this.#capacity : rest) * WIDTH
  }

  /** Sum of a column over the `count` cells that were over at `nowUs` and the one begun. */
  sum(column: number, nowUs: number, count: number): number {
    const last = Math.floor(nowUs / this.intervalUs)
    const from = Math.max(last - count + 1, this.#current - this.#capacity + 1)
    let sum = 0
    for (let cell = from; cell <= Math.min(last + 1, this.#current); cell++)
      sum += this.#cells[this.#offset(cell) + column]!
    return sum
  }
}
