/**
 * @file The book of a generated market: sizes by price, made to be changed millions of times.
 *
 * Prices are indices into plain arrays, so every change costs the same and finding the next level is a short scan: a
 * generated book has few gaps. A side never loses its last levels: `take` and `remove` leave `LEVELS_MIN` of them.
 */

import { assert } from '../../core/errors.ts'
import { ASK, BID, type Side } from '../../market/book.ts'

/** Levels that neither cancellations nor trades may use up. */
export const LEVELS_MIN = 5

export class FlowBook {
  readonly #bids: Float64Array
  readonly #asks: Float64Array
  bestBid = 0
  bestAsk: number
  /** Farthest price that may hold something. */
  #worstBid: number
  #worstAsk = 0
  bidLevels = 0
  askLevels = 0
  /** Ticks below this exist. */
  readonly ticksMax: number

  constructor(ticksMax: number) {
    this.ticksMax = ticksMax
    this.#bids = new Float64Array(ticksMax)
    this.#asks = new Float64Array(ticksMax)
    this.bestAsk = ticksMax
    this.#worstBid = ticksMax
  }

  levels(side: Side): number {
    return side === BID ? this.bidLevels : this.askLevels
  }

  best(side: Side): number {
    return side === BID ? this.bestBid : this.bestAsk
  }

  lotsAt(side: Side, tick: number): number {
    return side === BID ? this.#bids[tick] : this.#asks[tick]
  }

  /** Mid in ticks. */
  get mid(): number {
    return (this.bestBid + this.bestAsk) / 2
  }

  /** Adds size at a price, which must not cross; returns the new total. */
  add(side: Side, tick: number, lots: number): number {
    if (side === BID) {
      assert(tick < this.bestAsk && tick > 0, 'a bid rests below the best ask')
      const before = this.#bids[tick]
      this.#bids[tick] = before + lots
      if (before === 0) {
        this.bidLevels++
        if (tick > this.bestBid) this.bestBid = tick
        if (tick < this.#worstBid) this.#worstBid = tick
      }
      return before + lots
    }
    assert(tick > this.bestBid && tick < this.ticksMax, 'an ask rests above the best bid')
    const before = this.#asks[tick]
    this.#asks[tick] = before + lots
    if (before === 0) {
      this.askLevels++
      if (tick < this.bestAsk) this.bestAsk = tick
      if (tick > this.#worstAsk) this.#worstAsk = tick
    }
    return before + lots
  }

  /** Takes size away from an occupied price; returns what is left there. The last levels of a side cannot be emptied. */
  remove(side: Side, tick: number, lots: number): number {
    const sizes = side === BID ? this.#bids : this.#asks
    const left = sizes[tick] - lots
    assert(left >= 0, 'no more is taken from a level than it shows')
    sizes[tick] = left
    if (left > 0) return left
    if (side === BID) {
      this.bidLevels--
      if (tick === this.bestBid) while (sizes[this.bestBid] === 0) this.bestBid--
    } else {
      this.askLevels--
      if (tick === this.bestAsk) while (sizes[this.bestAsk] === 0) this.bestAsk++
    }
    assert(this.levels(side) >= LEVELS_MIN, 'a side keeps its last levels')
    return left
  }

  /** The first occupied price at `tick` or worse, at most `reach` ticks on; −1 when there is none. */
  occupiedFrom(side: Side, tick: number, reach: number): number {
    const sizes = side === BID ? this.#bids : this.#asks
    const best = this.best(side)
    const start = side === BID ? Math.min(tick, best) : Math.max(tick, best)
    for (let away = 0; away <= reach; away++) {
      const at = start - side * away
      if (at <= 0 || at >= this.ticksMax) return -1
      if (sizes[at] > 0) return at
    }
    return -1
  }

  /** A price farther than `reach` ticks from the touch that still holds something; −1 when there is none. */
  farthest(side: Side, reach: number): number {
    if (side === BID) {
      while (this.#worstBid < this.bestBid - reach) {
        if (this.#bids[this.#worstBid] > 0) return this.#worstBid
        this.#worstBid++
      }
    } else {
      while (this.#worstAsk > this.bestAsk + reach) {
        if (this.#asks[this.#worstAsk] > 0) return this.#worstAsk
        this.#worstAsk--
      }
    }
    return -1
  }

  /** Size resting on a side within `reach` ticks of the touch. */
  depth(side: Side, reach: number): number {
    const sizes = side === BID ? this.#bids : this.#asks
    const best = this.best(side)
    let sum = 0
    for (let away = 0; away <= reach; away++) sum += sizes[best - side * away]
    return sum
  }

  /** Whether a level may be emptied. */
  spare(side: Side): boolean {
    return (side === ASK ? this.askLevels : this.bidLevels) > LEVELS_MIN
  }
}
