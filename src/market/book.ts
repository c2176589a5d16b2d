/**
 * @file Level-2 order book replica: one venue's resting liquidity, as it last told us.
 *
 * Prices are integer ticks and sizes integer lots, so equality is exact. Each side keeps a window of prices around
 * the touch as a plain array indexed by price, with two levels of occupancy bits to find the next level without
 * walking the gaps; prices outside the window wait in a map and move in when the market comes near them. An update
 * therefore costs the same wherever it lands in the window, and nothing is ever dropped for being far away (the
 * weakness of hftbacktest's `ROIVectorMarketDepth`, which ignores what falls outside its range).
 *
 * What an update costs at several distances from the touch: book.bench.ts.
 */

import { GimbalError } from '../core/errors.ts'

/** Side of the book, as the sign that makes "better" mean "greater key" on both sides. */
export type Side = 1 | -1
export const BID: Side = 1
export const ASK: Side = -1

/** Key of an absent level: infinitely bad, so comparisons need no special case. */
const NO_KEY = -0x7fffffff

/** Where a replica stands with its venue. */
export type BookStatus = 'empty' | 'live' | 'gap'

/** Replica of the book of one instrument on one venue. */
export class Book {
  #status: BookStatus = 'empty'
  readonly bids = new Ladder()
  readonly asks = new Ladder()

  /** `empty` before the first snapshot, `gap` after lost updates until the next one. */
  get status(): BookStatus {
    return this.#status
  }

  /** Empties both sides: a snapshot follows. */
  reset(): void {
    this.bids.clear()
    this.asks.clear()
    this.#status = 'live'
  }

  /** Says that updates were lost. What is shown stays, and is no longer to be trusted. */
  markGap(): void {
    if (this.#status === 'live') this.#status = 'gap'
  }

  /**
   * Sets the size resting at a price; zero removes the level, present or not.
   *
   * @param tick Price, in ticks.
   * @param lots Total size at that price, in lots: the new amount, not the change.
   * @returns The size that was there before.
   * @throws {GimbalError} `level-invalid`.
   */
  set(side: Side, tick: number, lots: number): number {
    if ((tick | 0) !== tick || !(lots >= 0) || lots === Number.POSITIVE_INFINITY) {
      throw new GimbalError('level-invalid', 'Impossible level', { side, tick, lots })
    }
    return side === BID ? this.bids.set(tick, lots) : this.asks.set(-tick, lots)
  }

  /** Best price of a side, in ticks; infinitely bad when absent (very low for bids, very high for asks). */
  best(side: Side): number {
    return side === BID ? this.bids.bestKey : -this.asks.bestKey
  }

  get bestBid(): number {
    return this.bids.bestKey
  }

  get bestAsk(): number {
    return -this.asks.bestKey
  }

  /** Size resting at a price, in lots. */
  lotsAt(side: Side, tick: number): number {
    return side === BID ? this.bids.get(tick) : this.asks.get(-tick)
  }

  /** Size at the touch, in lots. */
  bestLots(side: Side): number {
    const ladder = side === BID ? this.bids : this.asks
    return ladder.bestKey === NO_KEY ? 0 : ladder.get(ladder.bestKey)
  }

  has(side: Side): boolean {
    return (side === BID ? this.bids : this.asks).bestKey !== NO_KEY
  }

  /** Whether both sides have a level. */
  get twoSided(): boolean {
    return this.bids.bestKey !== NO_KEY && this.asks.bestKey !== NO_KEY
  }

  /** Whether the best bid is at or above the best ask: normal for an instant on some venues. */
  get crossed(): boolean {
    return this.twoSided && this.bids.bestKey >= -this.asks.bestKey
  }

  /** Average of the touch in ticks; NaN without two sides. */
  get midTick(): number {
    return this.twoSided ? (this.bestBid + this.bestAsk) / 2 : Number.NaN
  }

  /** Number of levels on a side. */
  levels(side: Side): number {
    return (side === BID ? this.bids : this.asks).count
  }

  /** The next worse occupied price after `tick` on a side, in ticks; infinitely bad when there is none. */
  nextTick(side: Side, tick: number): number {
    return side === BID ? this.bids.nextKey(tick) : -this.asks.nextKey(-tick)
  }

  /**
   * Copies the best levels outwards from the touch.
   *
   * Shapes: `ticks` and `lots` have room for `levelsMax` entries.
   *
   * @returns How many levels were copied.
   */
  top(side: Side, levelsMax: number, ticks: Int32Array | Float64Array, lots: Float64Array): number {
    let count = 0
    for (let tick = this.best(side); count < levelsMax && isLevel(side, tick); tick = this.nextTick(side, tick)) {
      ticks[count] = tick
      lots[count] = this.lotsAt(side, tick)
      count++
    }
    return count
  }
}

/** Whether `tick` is a price and not the sentinel of an absent level. */
export function isLevel(side: Side, tick: number): boolean {
  return side * tick !== NO_KEY
}

const WINDOW = 1 << 15
const NO_SIZES = new Float64Array(0)
const NO_BITS = new Int32Array(0)
const MASK = WINDOW - 1

/** One side: sizes by key, where key = side × tick, hence the best level has the greatest key. */
export class Ladder {
  /** Greatest occupied key. */
  bestKey = NO_KEY
  /** Occupied keys, inside the window and out. */
  count = 0
  #low = 0
  /** Sizes of keys [low, low + WINDOW), at key & MASK. Allocated with the first level: most options never have a book. */
  #sizes = NO_SIZES
  /** A bit for each slot, and a bit for each non-zero word of those. */
  #bits = NO_BITS
  #words = NO_BITS
  readonly #outside = new Map<number, number>()

  clear(): void {
    if (this.count > 0) {
      this.#sizes.fill(0)
      this.#bits.fill(0)
      this.#words.fill(0)
      this.#outside.clear()
    }
    this.bestKey = NO_KEY
    this.count = 0
  }

  get(key: number): number {
    if (this.count === 0) return 0
    const offset = key - this.#low
    if (offset >= 0 && offset < WINDOW) return this.#sizes[key & MASK]!
    return this.#outside.get(key) ?? 0
  }

  /** Sets the size at a key and returns the one before. */
  set(key: number, size: number): number {
    if (this.bestKey === NO_KEY) {
      if (size === 0) return 0
      if (this.#sizes.length === 0) {
        this.#sizes = new Float64Array(WINDOW)
        this.#bits = new Int32Array(WINDOW >> 5)
        this.#words = new Int32Array(WINDOW >> 10)
      }
      this.#low = key - (WINDOW >> 1)
    }
    // A better price outside the window draws the window with it; a worse one waits outside.
    if (size > 0 && key >= this.#low + WINDOW && key > this.bestKey) this.#recentre(key)
    return this.#store(key, size)
  }

  #store(key: number, size: number): number {
    const offset = key - this.#low
    if (offset < 0 || offset >= WINDOW) return this.#storeOutside(key, size)
    const slot = key & MASK
    const before = this.#sizes[slot]!
    this.#sizes[slot] = size
    if (size > 0) {
      if (before === 0) {
        this.count++
        this.#bits[slot >> 5]! |= 1 << (slot & 31)
        this.#words[slot >> 10]! |= 1 << ((slot >> 5) & 31)
        if (key > this.bestKey) this.bestKey = key
      }
    } else if (before > 0) {
      this.count--
      const word = (this.#bits[slot >> 5]! &= ~(1 << (slot & 31)))
      if (word === 0) this.#words[slot >> 10]! &= ~(1 << ((slot >> 5) & 31))
      if (key === this.bestKey) this.#dropBest(key)
    }
    return before
  }

  /** The greatest occupied key below `key`. */
  nextKey(key: number): number {
    const low = this.#low
    let found = NO_KEY
    if (key > low && this.bestKey !== NO_KEY) found = this.#scanDown(Math.min(key, low + WINDOW) - 1)
    // Keys outside the window all lie below it: the window always reaches past the best.
    if (found === NO_KEY && this.#outside.size > 0) {
      for (const outside of this.#outside.keys()) if (outside < key && outside > found) found = outside
    }
    return found
  }

  /** Greatest occupied key in [low, from], by the bits; NO_KEY when none. */
  #scanDown(from: number): number {
    const low = this.#low
    const bits = this.#bits
    const words = this.#words
    let key = from
    while (key >= low) {
      const slot = key & MASK
      // Bits of this word at or below the slot.
      const below = slot & 31
      const word = bits[slot >> 5]! & (below === 31 ? -1 : (1 << (below + 1)) - 1)
      if (word !== 0) {
        const candidate = key - below + (31 - Math.clz32(word))
        return candidate >= low ? candidate : NO_KEY
      }
      key -= below + 1
      if (key < low) break
      // Skip empty words a summary word (32 words, 1024 keys) at a time.
      const place = ((key & MASK) >> 5) & 31
      const summary = words[(key & MASK) >> 10]! & (place === 31 ? -1 : (1 << (place + 1)) - 1)
      key = summary === 0 ? key - (key & 1023) - 1 : (key | 31) - ((place - (31 - Math.clz32(summary))) << 5)
    }
    return NO_KEY
  }

  #dropBest(key: number): void {
    this.bestKey = this.#scanDown(key - 1)
    if (this.#outside.size === 0) return
    if (this.bestKey === NO_KEY) {
      let best = NO_KEY
      for (const outside of this.#outside.keys()) if (outside > best) best = outside
      this.#recentre(best)
    } else if (this.bestKey < this.#low + (WINDOW >> 3)) this.#recentre(this.bestKey)
  }

  #storeOutside(key: number, size: number): number {
    const before = this.#outside.get(key) ?? 0
    if (size > 0) {
      this.#outside.set(key, size)
      if (before === 0) this.count++
      if (key > this.bestKey) this.bestKey = key
    } else if (before > 0) {
      this.#outside.delete(key)
      this.count--
      if (key === this.bestKey) this.#dropBest(key)
    }
    return before
  }

  /** Moves the window so that `key` lies in its middle. Rare: once per half window of market movement. */
  #recentre(key: number): void {
    const levels: [number, number][] = [...this.#outside]
    for (let at = this.#scanDown(this.#low + WINDOW - 1); at !== NO_KEY; at = this.#scanDown(at - 1)) {
      levels.push([at, this.#sizes[at & MASK]!])
    }
    this.clear()
    this.#low = key - (WINDOW >> 1)
    for (const [each, size] of levels) this.#store(each, size)
  }
}
