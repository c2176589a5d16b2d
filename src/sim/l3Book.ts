/**
 * @file Exact queue: the venue's single orders, where a recording carries them (ORDER_ADD, ORDER_CHANGE, ORDER_REMOVE).
 *
 * Strict first-come-first-served within a price: what stands ahead of us are the orders that were there before us, and
 * it shrinks when they shrink, for whatever reason. A venue order that grows or changes its price goes to the back.
 *
 * A trade and the shrinking of the order it hit come as two rows, in either order. Lots already counted by one are not
 * counted again by the other: a trade print is remembered until order rows explain it, and lots that left ahead of us
 * are remembered for the rest of that microsecond, in case a print explains them.
 *
 * Where it is optimistic: venues with pro-rata or size priority do not queue like this; hidden orders are not seen.
 * Where it is pessimistic: a cancellation ahead of us in the very microsecond of a trade counts as part of the trade.
 */

import type { Book, Side } from '../market/book.ts'
import { Flag, Kind, type TapeBatch } from '../market/tape.ts'
import type { OwnOrder, OwnSide } from './ownOrders.ts'

interface VenueOrder {
  side: Side
  tick: number
  lots: number
  /** Place in time: greater is later. */
  number: number
}

export class L3Book {
  readonly #orders = new Map<number, VenueOrder>()
  #next = 1

  /** Marks our order as joining now, behind everything present at its price. */
  join(order: OwnOrder): void {
    order.joinedAt = this.#next
    order.leftLots = 0
  }

  /** Takes an ORDER_ row into account: keeps `book`, the totals by price, and the places of our own orders. */
  apply(batch: TapeBatch, row: number, timeUs: number, book: Book, bids: OwnSide, asks: OwnSide): void {
    if ((batch.flags[row]! & Flag.RESET) !== 0 || book.status === 'empty') {
      this.#orders.clear()
      book.reset()
    }
    const kind = batch.kind[row]!
    const id = batch.value[row]!
    const side = batch.side[row] as Side
    const tick = batch.tick[row]!
    const lots = kind === Kind.ORDER_REMOVE ? 0 : batch.lots[row]!
    const known = this.#orders.get(id)
    if (known) {
      const stays = lots > 0 && known.tick === tick && known.side === side && lots <= known.lots
      const left = stays ? known.lots - lots : known.lots
      if (left > 0) this.#leave(known, left, timeUs, book, known.side > 0 ? bids : asks)
      if (stays) {
        known.lots = lots
        return
      }
      this.#orders.delete(id)
    }
    if (lots > 0 && tick > 0) {
      this.#orders.set(id, { side, tick, lots, number: this.#next++ })
      book.set(side, tick, book.lotsAt(side, tick) + lots)
    }
  }

  #leave(order: VenueOrder, lots: number, timeUs: number, book: Book, own: OwnSide): void {
    book.set(order.side, order.tick, Math.max(0, book.lotsAt(order.side, order.tick) - lots))
    const key = order.side * order.tick
    for (let i = own.from(key); i < own.orders.length && own.orders[i]!.key === key; i++) {
      const mine = own.orders[i]!
      const explained = Math.min(lots, mine.tradedLots)
      mine.tradedLots -= explained
      if (order.number >= mine.joinedAt || lots === explained) continue
      mine.frontLots = Math.max(0, mine.frontLots - (lots - explained))
      if (mine.leftUs !== timeUs) mine.leftLots = 0
      mine.leftUs = timeUs
      mine.leftLots += lots - explained
    }
  }
}
