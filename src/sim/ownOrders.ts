/** @file Our orders as the venue holds them: by price, then by arrival. */

import type { Side } from '../market/book.ts'
import type { Order, OrderType, TimeInForce } from '../market/order.ts'
import type { QueuePlace } from './queueModels.ts'

/** One of our orders at the venue. */
export class OwnOrder implements QueuePlace {
  readonly id: number
  readonly instrument: number
  readonly side: Side
  readonly policy: number
  readonly arrivedUs: number
  /** When it left us: bars judge by it. */
  readonly sentUs: number
  tick: number
  /** Total size, filled part included. */
  lots: number
  leavesLots: number
  type: OrderType
  timeInForce: TimeInForce
  triggerTick: number
  expiresUs: number
  postOnly: boolean
  reduceOnly: boolean
  state: 'arriving' | 'waiting' | 'resting' | 'done' = 'arriving'
  frontLots = 0
  tradedLots = 0
  /** Exact queue only: number of the next venue order at the moment we joined. */
  joinedAt = 0
  /** Exact queue only: lots ahead that left in this very microsecond, which a trade print may still explain. */
  leftLots = 0
  leftUs = Number.NEGATIVE_INFINITY
  /** Size of its level before a snapshot replaced the book. */
  levelLots = 0

  constructor(order: Order, arrivedUs: number) {
    this.id = order.id
    this.instrument = order.instrument
    this.side = order.side
    this.policy = order.policy
    this.arrivedUs = arrivedUs
    this.sentUs = order.sentUs
    this.tick = order.tick
    this.lots = order.lots
    this.leavesLots = order.lots
    this.type = order.type
    this.timeInForce = order.timeInForce
    this.triggerTick = order.triggerTick ?? 0
    this.expiresUs = order.expiresUs ?? Number.POSITIVE_INFINITY
    this.postOnly = order.postOnly ?? false
    this.reduceOnly = order.reduceOnly ?? false
  }

  /** Greater is better for whoever hits it. */
  get key(): number {
    return this.side * this.tick
  }
}

const NO_KEY = -0x7fffffff

/** Our resting orders of one side: best price first, first come first served within a price. */
export class OwnSide {
  readonly side: Side
  readonly orders: OwnOrder[] = []
  /** Keys (side × tick) of our best and worst order; nothing lies between them when there is none. */
  bestKey = NO_KEY
  worstKey = -NO_KEY

  constructor(side: Side) {
    this.side = side
  }

  add(order: OwnOrder): void {
    this.orders.splice(this.from(order.key - 1), 0, order)
    this.#bounds()
  }

  remove(order: OwnOrder): void {
    const at = this.orders.indexOf(order)
    if (at >= 0) this.orders.splice(at, 1)
    this.#bounds()
  }

  /** Index of the first order at `key` or worse. */
  from(key: number): number {
    const orders = this.orders
    let low = 0
    let high = orders.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (orders[middle]!.key > key) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Lots still open on this side. */
  get openLots(): number {
    let sum = 0
    for (const order of this.orders) sum += order.leavesLots
    return sum
  }

  #bounds(): void {
    const count = this.orders.length
    this.bestKey = count > 0 ? this.orders[0]!.key : NO_KEY
    this.worstKey = count > 0 ? this.orders[count - 1]!.key : -NO_KEY
  }
}
