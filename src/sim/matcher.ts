/**
 * @file One instrument at its venue: the market as it was there, our orders in it, and which of them it would fill.
 *
 * Rows arrive in venue order. Our resting orders are filled as makers
 *
 * - by trades at their price, once what stood ahead of them has traded (queueModels.ts, l3Book.ts);
 * - by trades beyond their price, which must have passed them;
 * - when the opposite best comes to their price or beyond it: whoever quotes there would have met us first.
 *
 * Arriving orders take from the opposite side, level by level. What we took of a level is remembered until the venue
 * says something new about it, so no lot is sold to us twice; a trade's size is shared out once over all our orders.
 *
 * `hftbacktest` compatibility drops this care where that program does without it: the opposite best fills us whole
 * whatever its size, trades beyond our price fill us whole, each own order sees the whole trade, what we take stays
 * in the book, and the rest of a limit order that crosses is filled at its limit.
 *
 * Where the default is optimistic: nobody reacts to our orders; a maker fill takes nothing away from others; the
 * touch is all we see of recordings without a book.
 */

import { assert } from '../core/errors.ts'
import { BID, isLevel, type Side } from '../market/book.ts'
import type { Instrument } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { OrderEventKind, RejectReason } from '../market/order.ts'
import { Flag, Kind, type TapeBatch } from '../market/tape.ts'
import { type Bar, type BarModel, barOf } from './barFills.ts'
import type { ImpactModel } from './impactModels.ts'
import { L3Book } from './l3Book.ts'
import { type OwnOrder, OwnSide } from './ownOrders.ts'
import type { QueueModel } from './queueModels.ts'

/** How a venue matches. */
export interface MatchingRules {
  readonly queue: QueueModel
  readonly impact: ImpactModel
  readonly bars: BarModel
  /** False: a resting order fills whole at the first chance, whatever the size that came. Optimistic. */
  readonly partialFills: boolean
  readonly compatibility: 'none' | 'hftbacktest'
  readonly postOnly: 'reject' | 'slide'
  readonly selfTrade: 'cancel-newest' | 'cancel-oldest' | 'cancel-both'
  /**
   * When lots we took of a level may be taken again: at its next update, or only as far as it grows. The first is the
   * custom; the second assumes that nobody ever refills what we took.
   */
  readonly takenUntil: 'update' | 'increase'
  /** Most lots to be had at a touch without a book behind it (option snapshots), whatever the quote says. */
  readonly touchLotsMax: number
  /** Limit prices, and how far market orders reach, in basis points from the mark; infinite for none. */
  readonly priceBandBps: number
}

/** Whom the matcher tells; it answers for accounts, fees and messages. */
export interface Desk {
  onFill(order: OwnOrder, tick: number, lots: number, maker: boolean, aheadLots: number): void
  onEnd(order: OwnOrder, kind: OrderEventKind, reason: RejectReason | ''): void
  /** A trigger was reached. Returns why the order may not enter after all, else ''. */
  onTriggered(order: OwnOrder): RejectReason | ''
  positionLots(instrument: number): number
}

const UNATTACHED: Desk = {
  onFill: () => assert(false, 'a matcher has a desk'),
  onEnd: () => assert(false, 'a matcher has a desk'),
  onTriggered: () => '',
  positionLots: () => 0,
}

/** What a recording tells of an instrument, and hence how orders in it are judged. */
export type MarketDetail = 'book' | 'touch' | 'bars' | 'trades' | 'none'

/** A piece taken from the book. */
export interface Taken {
  readonly tick: number
  readonly lots: number
}

export class Matcher {
  readonly index: number
  readonly instrument: Instrument
  readonly market: MarketState
  readonly rules: MatchingRules
  readonly bids = new OwnSide(1)
  readonly asks = new OwnSide(-1)
  /** Stops and take-profits not yet triggered, by arrival. */
  readonly triggers: OwnOrder[] = []
  /** Bars only: orders that want the next open. */
  readonly #atOpen: OwnOrder[] = []
  readonly #takenBids = new Map<number, number>()
  readonly #takenAsks = new Map<number, number>()
  #desk: Desk = UNATTACHED
  readonly #careful: boolean
  readonly #queue: QueueModel
  readonly #lotSize: number
  #l3: L3Book | undefined
  #touchSeen = false
  #resetting = false
  #requeue = false
  /** All we took: bought less sold. */
  #netTaken = 0
  /** Whether rows concern anything of ours: else the book is all that is kept. */
  #busy = false

  constructor(index: number, instrument: Instrument, rules: MatchingRules) {
    this.index = index
    this.instrument = instrument
    this.market = new MarketState(instrument)
    this.rules = rules
    this.#careful = rules.compatibility === 'none'
    this.#queue = rules.queue
    this.#lotSize = instrument.lots.size
  }

  /** Names whom to tell; once, before anything happens. */
  attach(desk: Desk): void {
    this.#desk = desk
  }

  get detail(): MarketDetail {
    if (this.market.hasBook || this.#l3) return 'book'
    if (this.#touchSeen) return 'touch'
    if (this.market.barUs > Number.NEGATIVE_INFINITY) return 'bars'
    return this.market.tradedUs > Number.NEGATIVE_INFINITY ? 'trades' : 'none'
  }

  get exactQueue(): boolean {
    return this.#l3 !== undefined
  }

  /** Best price of a side in ticks; infinitely bad when absent. */
  best(side: Side): number {
    if (this.#l3) return this.market.book.best(side)
    return side === BID ? this.market.bestBid : this.market.bestAsk
  }

  /** Average of the touch in ticks; NaN without two sides. */
  get midTick(): number {
    const bid = this.best(1)
    const ask = this.best(-1)
    return isLevel(1, bid) && isLevel(-1, ask) ? (bid + ask) / 2 : Number.NaN
  }

  /** One row in venue order. Returns true when it ends its message. */
  onRow(batch: TapeBatch, row: number, timeUs: number): boolean {
    const kind = batch.kind[row]!
    if (kind === Kind.DEPTH) {
      if (this.#busy) return this.#onDepth(batch, row, timeUs)
      if ((batch.flags[row]! & Flag.RESET) !== 0) this.#requeue = false
      return this.market.apply(batch, row, timeUs)
    }
    if (kind === Kind.TRADE) {
      const ends = this.market.apply(batch, row, timeUs)
      // Where bars judge fills, trades must not do so as well: their volume is the same.
      if (this.#busy && this.detail !== 'bars') this.#onTrade(batch, row, timeUs)
      return ends
    }
    return this.#onOther(kind, batch, row, timeUs)
  }

  #onOther(kind: number, batch: TapeBatch, row: number, timeUs: number): boolean {
    if (kind === Kind.ORDER_ADD || kind === Kind.ORDER_CHANGE || kind === Kind.ORDER_REMOVE) {
      this.#l3 ??= new L3Book()
      const side = batch.side[row] as Side
      this.#forget(side, batch.tick[row]!, Number.POSITIVE_INFINITY)
      this.#l3.apply(batch, row, timeUs, this.market.book, this.bids, this.asks)
      const ends = this.market.apply(batch, row, timeUs)
      if (ends && this.#busy) this.#cross()
      return ends
    }
    if (kind === Kind.QUOTE) return this.#onQuote(batch, row, timeUs)
    if (kind === Kind.GAP || kind === Kind.OUTAGE) this.#requeue = true
    const ends = this.market.apply(batch, row, timeUs)
    if (kind === Kind.BAR_CLOSE && this.#busy && this.detail === 'bars') this.#onBar(timeUs)
    else if ((kind === Kind.MARK || kind === Kind.MARK_EXTREME) && this.triggers.length > 0) {
      this.onPrice(batch.value[row]! / this.instrument.ticks.size)
    }
    return ends
  }

  // ── the book moves ────────────────────────────────────────────────────────────────────────────────────────────

  #onDepth(batch: TapeBatch, row: number, timeUs: number): boolean {
    const side = batch.side[row] as Side
    const tick = batch.tick[row]!
    const lots = batch.lots[row]!
    const book = this.market.book
    const own = side === BID ? this.bids : this.asks
    const reset = (batch.flags[row]! & Flag.RESET) !== 0
    if (reset) this.#beforeReset()
    const bestBefore = reset ? -side * 0x7fffffff : book.best(side)
    const key = side * tick
    const mine = key <= own.bestKey && key >= own.worstKey
    const before = reset ? 0 : book.lotsAt(side, tick)
    this.#forget(side, tick, lots)
    const ends = this.market.apply(batch, row, timeUs)
    if (mine && !(this.#resetting && this.#careful)) this.#onLevel(own, key, before, lots)
    if (!this.#careful) {
      // The published rule: judged row by row, and only when this side's best improved.
      if (side * (book.best(side) - bestBefore) > 0) this.#crossWhole(side)
    } else if (ends) {
      if (this.#resetting) this.#afterReset()
      if (this.#atOpen.length > 0) this.#leaveBars()
      this.#cross()
    }
    return ends
  }

  /** A book or touch has come up where bars were all there was: what waited for an open meets the market now. */
  #leaveBars(): void {
    for (const order of this.#atOpen.splice(0)) {
      order.state = 'arriving'
      this.enter(order)
    }
  }

  /** Our orders at one level see it go from `before` to `after` lots. */
  #onLevel(own: OwnSide, key: number, before: number, after: number): void {
    const orders = own.orders
    for (let i = own.from(key); i < orders.length && orders[i]!.key === key; i++) {
      const order = orders[i]!
      if (order.frontLots === Number.POSITIVE_INFINITY) {
        order.frontLots = after
        continue
      }
      this.#queue.depth(order, before, after, this.#lotSize)
      // A place cannot be better than the first, nor owe us lots that never traded.
      if (this.#careful && order.frontLots < 0) order.frontLots = 0
    }
  }

  #beforeReset(): void {
    this.#resetting = true
    this.#takenBids.clear()
    this.#takenAsks.clear()
    const book = this.market.book
    for (const own of [this.bids, this.asks]) {
      for (const order of own.orders) order.levelLots = book.lotsAt(order.side, order.tick)
    }
  }

  /** A snapshot replaced the book: each level is compared with what it was before. */
  #afterReset(): void {
    this.#resetting = false
    const book = this.market.book
    for (const own of [this.bids, this.asks]) {
      for (const order of own.orders) {
        const after = book.lotsAt(order.side, order.tick)
        if (this.#requeue) {
          // Nobody knows what happened in between, so our place is the last.
          order.frontLots = after
          order.tradedLots = 0
        } else {
          this.#queue.depth(order, order.levelLots, after, this.#lotSize)
          if (order.frontLots < 0) order.frontLots = 0
        }
      }
    }
    this.#requeue = false
  }

  #onQuote(batch: TapeBatch, row: number, timeUs: number): boolean {
    this.#touchSeen = true
    const side = batch.side[row] as Side
    const tick = batch.tick[row]!
    const lots = batch.lots[row]!
    const market = this.market
    if (market.hasBook || this.#l3) return market.apply(batch, row, timeUs)
    const oldTick = side === BID ? market.bidTick : market.askTick
    const oldLots = side === BID ? market.bidLots : market.askLots
    const ends = market.apply(batch, row, timeUs)
    this.#requeue = false
    if (!this.#busy) return ends
    this.#forget(side, tick, lots)
    if (oldTick !== tick) this.#forget(side, oldTick, 0)
    const own = side === BID ? this.bids : this.asks
    const key = side * tick
    if (lots > 0 && key <= own.bestKey && key >= own.worstKey) {
      // Only the touch shows sizes: an order that waited behind it learns its place when the touch comes to it.
      this.#onLevel(own, key, oldTick === tick ? oldLots : lots, lots)
    }
    if (ends && this.#atOpen.length > 0) this.#leaveBars()
    if (ends) this.#cross()
    if (ends && this.triggers.length > 0 && Number.isNaN(market.mark) && market.tradedUs === Number.NEGATIVE_INFINITY) {
      this.onPrice(this.midTick)
    }
    return ends
  }

  /** A level was told anew: what we had taken of it counts no longer, or only as far as it did not grow. */
  #forget(side: Side, tick: number, lots: number): void {
    const taken = side === BID ? this.#takenBids : this.#takenAsks
    if (taken.size === 0) return
    const was = taken.get(tick)
    if (was === undefined) return
    if (this.rules.takenUntil === 'update' || lots === 0) taken.delete(tick)
    else if (was > lots) taken.set(tick, lots)
    if (taken.size === 0) this.refresh()
  }

  #availableLots(side: Side, tick: number): number {
    let lots: number
    if (this.detail === 'book') lots = this.market.book.lotsAt(side, tick)
    else lots = Math.min(this.rules.touchLotsMax, side === BID ? this.market.bidLots : this.market.askLots)
    if (this.#careful) {
      const taken = side === BID ? this.#takenBids : this.#takenAsks
      if (taken.size > 0) lots -= taken.get(tick) ?? 0
    }
    return lots > 0 ? Math.floor(lots) : 0
  }

  #nextLevel(side: Side, tick: number): number {
    if (this.detail === 'book') return this.market.book.nextTick(side, tick)
    return -side * 0x7fffffff
  }

  #take(side: Side, tick: number, lots: number): void {
    const taken = side === BID ? this.#takenBids : this.#takenAsks
    taken.set(tick, (taken.get(tick) ?? 0) + lots)
    this.#busy = true
  }

  /** Fills our orders that the opposite best has come to, as far as what is offered there goes. */
  #cross(): void {
    if (this.market.down || (this.detail === 'book' && this.market.book.status !== 'live')) return
    if (this.bids.orders.length > 0 && this.bids.bestKey >= this.best(-1)) this.#crossSide(this.bids)
    if (this.asks.orders.length > 0 && this.asks.bestKey >= -this.best(1)) this.#crossSide(this.asks)
  }

  #crossSide(own: OwnSide): void {
    const opposite = -own.side as Side
    let tick = this.best(opposite)
    let i = 0
    while (i < own.orders.length && isLevel(opposite, tick)) {
      const order = own.orders[i]!
      if (order.key < own.side * tick) return
      const offered = this.#availableLots(opposite, tick)
      if (offered === 0) {
        tick = this.#nextLevel(opposite, tick)
        continue
      }
      const lots = this.rules.partialFills ? Math.min(order.leavesLots, offered) : order.leavesLots
      // The level was crossed, so nothing is left ahead of us.
      order.frontLots = 0
      const filled = this.#fill(order, order.tick, lots, true, 0)
      if (filled > 0) this.#take(opposite, tick, Math.min(filled, offered))
      if (order.state !== 'done') i++
    }
  }

  /** hftbacktest: the improved best of `side` fills every order opposite that it reached, whole. */
  #crossWhole(side: Side): void {
    const own = side === BID ? this.asks : this.bids
    const best = this.market.book.best(side)
    while (own.orders.length > 0 && own.bestKey >= own.side * best) {
      const order = own.orders[0]!
      this.#fill(order, order.tick, order.leavesLots, true, Math.max(0, order.frontLots))
    }
  }

  // ── trades ────────────────────────────────────────────────────────────────────────────────────────────────────

  #onTrade(batch: TapeBatch, row: number, timeUs: number): void {
    const tick = batch.tick[row]!
    const lots = batch.lots[row]!
    const aggressor = batch.side[row]! || this.#aggressor(tick)
    if (!this.#careful) {
      if (aggressor !== 0) this.#tradeWhole(aggressor > 0 ? this.asks : this.bids, tick, lots)
    } else if (
      // Trades off the book, or doubted by the importer, promise us nothing.
      (batch.flags[row]! & (Flag.SPECIAL | Flag.SUSPECT)) === 0 &&
      lots > 0
    ) {
      if (aggressor > 0 && this.asks.bestKey >= -tick) this.#tradeShared(this.asks, tick, lots, timeUs)
      if (aggressor < 0 && this.bids.bestKey >= tick) this.#tradeShared(this.bids, tick, lots, timeUs)
    }
    if (this.triggers.length > 0 && Number.isNaN(this.market.mark)) this.onPrice(tick)
  }

  /** The quote rule (Lee and Ready 1991) for venues that do not name the aggressor; 0 between the quotes. */
  #aggressor(tick: number): number {
    if (tick >= this.best(-1)) return 1
    return tick <= this.best(1) ? -1 : 0
  }

  /** A trade's size goes first to our orders it passed, then to the queue at its price, each lot once. */
  #tradeShared(own: OwnSide, tick: number, lots: number, timeUs: number): void {
    const key = own.side * tick
    const whole = !this.rules.partialFills
    let left = lots
    let i = 0
    while (i < own.orders.length) {
      const order = own.orders[i]!
      if (order.key < key) return
      const ahead = Math.max(0, order.frontLots)
      let fillable: number
      if (order.key > key) {
        // Whoever traded beyond our price had to clear it first.
        order.frontLots = 0
        fillable = left
      } else {
        const explained = order.leftUs === timeUs ? Math.min(order.leftLots, left) : 0
        order.leftLots -= explained
        order.frontLots -= left - explained
        order.tradedLots += lots - explained
        fillable = Math.min(left, Math.floor(1e-9 - order.frontLots))
        if (fillable > 0) order.frontLots = 0
      }
      if (fillable > 0) {
        const filled = this.#fill(
          order,
          order.tick,
          whole ? order.leavesLots : Math.min(order.leavesLots, fillable),
          true,
          ahead,
        )
        left = Math.max(0, left - filled)
      }
      if (order.state !== 'done') i++
    }
  }

  /** hftbacktest: each own order sees the whole trade, and one it passed is filled whole. */
  #tradeWhole(own: OwnSide, tick: number, lots: number): void {
    const key = own.side * tick
    let i = 0
    while (i < own.orders.length) {
      const order = own.orders[i]!
      if (order.key < key) return
      const ahead = Math.max(0, order.frontLots)
      let fillable = order.leavesLots
      if (order.key === key) {
        order.frontLots -= lots
        order.tradedLots += lots
        fillable = Math.floor(0.5 - order.frontLots)
        if (fillable > 0) order.frontLots = 0
        if (!this.rules.partialFills && fillable > 0) fillable = order.leavesLots
      }
      if (fillable > 0) this.#fill(order, order.tick, Math.min(order.leavesLots, fillable), true, ahead)
      if (order.state !== 'done') i++
    }
  }

  // ── orders arrive ─────────────────────────────────────────────────────────────────────────────────────────────

  /** Why the matching engine will not take this order; '' when it will. Slides a post-only order where the venue does. */
  refusal(order: OwnOrder): RejectReason | '' {
    if (this.detail === 'none') return 'instrument-closed'
    if (order.state === 'arriving' && order.triggerTick > 0)
      return this.#triggerMet(order, this.#triggerPrice()) ? 'trigger-crossed' : ''
    const opposite = -order.side as Side
    const detail = this.detail
    if (order.type === 'market') {
      if (detail === 'bars') return ''
      const touch = detail === 'trades' ? -opposite * 0x7fffffff : this.best(opposite)
      return isLevel(opposite, touch) ? '' : 'no-liquidity'
    }
    if (detail === 'bars') return ''
    if (order.postOnly && this.crosses(order)) {
      if (this.rules.postOnly === 'reject') return 'post-only'
      const own = order.side > 0 ? this.asks : this.bids
      const ownTick = own.orders.length > 0 ? own.orders[0]!.tick : -opposite * 0x7fffffff
      const best = order.side > 0 ? Math.min(this.best(-1), ownTick) : Math.max(this.best(1), ownTick)
      order.tick = best - order.side
    }
    if (order.timeInForce === 'FOK' && this.#takeableLots(order) < order.leavesLots) return 'fill-or-kill'
    return ''
  }

  /** Whether an order's limit reaches the opposite best, or an opposite order of our own. */
  crosses(order: OwnOrder): boolean {
    const own = order.side > 0 ? this.asks : this.bids
    if (this.#careful && own.orders.length > 0 && -own.bestKey * order.side <= order.key) return true
    const best = this.detail === 'trades' ? order.side * 0x7fffffff : this.best(-order.side as Side)
    return isLevel(-order.side as Side, best) && order.side * best <= order.key
  }

  /** Lots of others that an arriving limit order would join behind; -1 when it would trade, or is not for the book. */
  aheadLots(order: OwnOrder): number {
    if (order.type === 'market' || order.triggerTick > 0 || this.detail === 'bars' || this.crosses(order)) return -1
    const front = this.#frontLots(order)
    return front === Number.POSITIVE_INFINITY ? -1 : front
  }

  #frontLots(order: OwnOrder): number {
    const { side, tick } = order
    switch (this.detail) {
      case 'book':
        return this.market.book.lotsAt(side, tick)
      case 'touch': {
        const touch = this.best(side)
        if (tick === touch) return side === BID ? this.market.bidLots : this.market.askLots
        return side * (tick - touch) > 0 ? 0 : Number.POSITIVE_INFINITY
      }
      default:
        return Number.POSITIVE_INFINITY
    }
  }

  /** An accepted order enters: takes what it may, and rests, waits or ends. */
  enter(order: OwnOrder): void {
    if (order.triggerTick > 0) {
      order.state = 'waiting'
      this.triggers.push(order)
      this.#busy = true
      return
    }
    const market = order.type === 'market'
    // Judged at arrival already; a triggered order meets another market.
    if (order.postOnly && !market && this.detail !== 'bars' && this.crosses(order)) {
      this.#end(order, 'cancelled', 'post-only')
      return
    }
    if (order.timeInForce === 'FOK' && this.detail !== 'bars' && this.#takeableLots(order) < order.leavesLots) {
      this.#end(order, 'expired', 'fill-or-kill')
      return
    }
    if (this.detail === 'bars') {
      if (market || order.timeInForce === 'IOC' || order.timeInForce === 'FOK') {
        order.state = 'resting'
        this.#atOpen.push(order)
        this.#busy = true
      } else this.#rest(order)
      return
    }
    if (market || this.crosses(order)) this.#takeFrom(order)
    if (order.state === 'done') return
    if (market || order.timeInForce === 'IOC' || order.timeInForce === 'FOK') {
      this.#end(order, 'expired', 'no-liquidity')
    } else this.#rest(order)
  }

  #rest(order: OwnOrder): void {
    order.state = 'resting'
    order.tradedLots = 0
    order.leftLots = 0
    order.frontLots = this.#frontLots(order)
    this.#l3?.join(order)
    const own = order.side > 0 ? this.bids : this.asks
    own.add(order)
    this.#busy = true
  }

  /** Worst price in ticks an order may trade at; infinite for a market order without a price band. */
  #limitTick(order: OwnOrder): number {
    if (order.type !== 'market') return order.tick
    const mark = this.market.markPrice / this.instrument.ticks.size
    const band = (mark * this.rules.priceBandBps) / 10_000
    if (!Number.isFinite(band)) return order.side * 0x7ffffffe
    return order.side > 0 ? Math.floor(mark + band) : Math.ceil(mark - band)
  }

  /** A level's price for us: moved by our own earlier taking, when that is against us. */
  #pricedTick(side: Side, tick: number): number {
    const shift = side * this.rules.impact.shiftTicks(this.#netTaken)
    return shift > 0 ? tick + side * Math.ceil(shift - 1e-9) : tick
  }

  /** Lots an order could take at once, ignoring our own orders opposite. */
  #takeableLots(order: OwnOrder): number {
    const opposite = -order.side as Side
    const limit = order.side * this.#limitTick(order)
    if (this.detail === 'trades') return 0
    if (!this.#careful && !this.rules.partialFills) return this.crosses(order) ? order.leavesLots : 0
    const own = order.side > 0 ? this.asks : this.bids
    const blocked =
      this.#careful && this.rules.selfTrade !== 'cancel-oldest' && own.orders.length > 0
        ? order.side * own.orders[0]!.tick
        : Number.POSITIVE_INFINITY
    let lots = 0
    for (let tick = this.best(opposite); isLevel(opposite, tick); tick = this.#nextLevel(opposite, tick)) {
      const priced = order.side * this.#pricedTick(order.side, tick)
      if (priced > limit || priced >= blocked) break
      lots += this.#availableLots(opposite, tick)
      if (lots >= order.leavesLots) break
    }
    return lots
  }

  #takeFrom(order: OwnOrder): void {
    const side = order.side
    const opposite = -side as Side
    const limit = side * this.#limitTick(order)
    if (!this.#careful) {
      this.#takeWhole(order, limit)
      return
    }
    if (this.detail === 'trades') {
      this.#avoidSelfTrade(order, limit)
      return
    }
    let tick = this.best(opposite)
    for (;;) {
      const here = isLevel(opposite, tick) ? side * this.#pricedTick(side, tick) : Number.POSITIVE_INFINITY
      this.#avoidSelfTrade(order, Math.min(here, limit))
      if (order.state === 'done' || here > limit) return
      const offered = this.#availableLots(opposite, tick)
      if (offered > 0) {
        const filled = this.#fill(order, side * here, Math.min(offered, order.leavesLots), false, -1)
        if (filled > 0) {
          this.#take(opposite, tick, filled)
          this.#netTaken += side * filled
        }
        if (order.leavesLots === 0 || filled === 0) return
      }
      tick = this.#nextLevel(opposite, tick)
    }
  }

  /** Before trading at `reach` (side × price): our own orders standing there or better are in the way. */
  #avoidSelfTrade(order: OwnOrder, reach: number): void {
    const own = order.side > 0 ? this.asks : this.bids
    const limit = order.side * this.#limitTick(order)
    while (order.state !== 'done' && own.orders.length > 0) {
      const resting = own.orders[0]!
      const at = order.side * resting.tick
      if (at > reach || at > limit) return
      if (this.rules.selfTrade !== 'cancel-newest') this.#end(resting, 'cancelled', 'self-trade')
      if (this.rules.selfTrade !== 'cancel-oldest') this.#end(order, 'cancelled', 'self-trade')
    }
  }

  /** hftbacktest: level sizes are taken as shown and stay there; the rest of a crossing limit fills at its limit. */
  #takeWhole(order: OwnOrder, limit: number): void {
    const side = order.side
    const opposite = -side as Side
    const best = this.best(opposite)
    if (!this.rules.partialFills) {
      this.#fill(order, best, order.leavesLots, false, -1)
      return
    }
    const market = order.type === 'market'
    // Market orders reach 100 ticks there, and no further.
    const reach = market ? side * best + 99 : limit
    const stays = !market && order.timeInForce !== 'IOC' && order.timeInForce !== 'FOK'
    for (let tick = best; isLevel(opposite, tick) && side * tick <= reach; tick = this.#nextLevel(opposite, tick)) {
      if (stays && side * tick === reach) break
      const lots = Math.min(order.leavesLots, this.#availableLots(opposite, tick))
      if (lots > 0) this.#fill(order, tick, lots, false, -1)
      if (order.leavesLots === 0) return
    }
    if (stays) this.#fill(order, order.tick, order.leavesLots, false, -1)
  }

  /**
   * Takes up to `lots` from the opposite side for a forced closing, down to `limit` (side × price).
   *
   * @returns The pieces, best first; fewer lots than asked when the book ends.
   */
  takeForced(side: Side, lots: number, limit: number): Taken[] {
    const pieces: Taken[] = []
    if (this.detail !== 'book' && this.detail !== 'touch') return pieces
    if (this.market.down || (this.detail === 'book' && this.market.book.status !== 'live')) return pieces
    const opposite = -side as Side
    let left = lots
    for (let tick = this.best(opposite); left > 0 && isLevel(opposite, tick); tick = this.#nextLevel(opposite, tick)) {
      const priced = this.#pricedTick(side, tick)
      if (side * priced > limit) break
      const piece = Math.min(left, this.#availableLots(opposite, tick))
      if (piece === 0) continue
      pieces.push({ tick: priced, lots: piece })
      this.#take(opposite, tick, piece)
      left -= piece
    }
    this.#netTaken += side * (lots - left)
    return pieces
  }

  // ── triggers ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** What triggers are judged on, in ticks: the mark where the venue has one, else the last trade, else the mid. */
  #triggerPrice(): number {
    const market = this.market
    if (!Number.isNaN(market.mark)) return market.mark / this.instrument.ticks.size
    if (market.tradedUs > Number.NEGATIVE_INFINITY) return market.tradeTick
    return this.detail === 'bars' ? market.barClose : this.midTick
  }

  #triggerMet(order: OwnOrder, tick: number): boolean {
    return rising(order) ? tick >= order.triggerTick : tick <= order.triggerTick
  }

  /** Triggers what the price `tick` (possibly between ticks) reaches, in order of arrival. */
  onPrice(tick: number): void {
    // Bars judge triggers by their own extremes; while the book is unknown nothing can be executed, so nothing fires.
    const { detail } = this
    if (detail === 'bars' || this.market.down || (detail === 'book' && this.market.book.status !== 'live')) return
    for (let i = 0; i < this.triggers.length; ) {
      const order = this.triggers[i]!
      if (this.#triggerMet(order, tick)) {
        this.triggers.splice(i, 1)
        if (this.#trigger(order)) this.enter(order)
      } else i++
    }
    this.refresh()
  }

  /** Turns a triggered order into what it stands for; false when the venue ends it instead. */
  #trigger(order: OwnOrder): boolean {
    order.state = 'arriving'
    order.type = order.type === 'stop' || order.type === 'take-profit' ? 'market' : 'limit'
    order.triggerTick = 0
    const reason = this.#desk.onTriggered(order)
    if (reason !== '') this.#end(order, 'cancelled', reason)
    return reason === ''
  }

  // ── bars ──────────────────────────────────────────────────────────────────────────────────────────────────────

  #onBar(closeUs: number): void {
    const model = this.rules.bars
    const bar = barOf(this.market, closeUs)
    let left = model.lotsMax(bar)
    const used = () => model.lotsMax(bar) - left
    // First whoever wants the open: market orders, and limits it already satisfies.
    const waiting = this.#atOpen.splice(0)
    for (const order of waiting) {
      if (order.state === 'done') continue
      if (!model.inTime(order.arrivedUs, bar)) {
        this.#atOpen.push(order)
        continue
      }
      const lots = Math.min(order.leavesLots, left)
      const tick = model.takerTick(order.side, bar.open, used() + lots, bar)
      const within = order.type === 'market' || order.side * tick <= order.key
      const whole = order.timeInForce !== 'FOK' || lots === order.leavesLots
      if (lots > 0 && within && whole) left -= this.#fill(order, tick, lots, false, -1)
      if ((order.state as string) !== 'done') this.#end(order, 'expired', 'no-liquidity')
    }
    // Then stops: the adverse extreme is assumed to come first.
    let side = 0
    for (let i = 0; i < this.triggers.length; ) {
      const order = this.triggers[i]!
      if (!model.inTime(order.arrivedUs, bar) || !model.reached(order.triggerTick, rising(order), bar)) {
        i++
        continue
      }
      this.triggers.splice(i, 1)
      const trigger = order.triggerTick
      const protective = order.type === 'stop' || order.type === 'stop-limit'
      if (!this.#trigger(order)) continue
      // A take-profit that the bar opened beyond is not credited with the better open.
      const from = protective ? model.triggeredTick(order.side, trigger, bar) : trigger
      const lots = Math.min(order.leavesLots, left)
      const tick = model.takerTick(order.side, from, used() + lots, bar)
      if (order.type === 'market') {
        if (lots > 0) left -= this.#fill(order, tick, lots, false, -1)
        if ((order.state as string) !== 'done') this.#end(order, 'expired', 'no-liquidity')
        side = order.side
      } else if (order.timeInForce === 'IOC' || order.timeInForce === 'FOK') {
        const whole = order.timeInForce === 'IOC' || lots === order.leavesLots
        if (lots > 0 && whole && order.side * tick <= order.key) left -= this.#fill(order, tick, lots, false, -1)
        if ((order.state as string) !== 'done') this.#end(order, 'expired', 'no-liquidity')
      } else this.#rest(order)
    }
    this.#restingInBar(bar, left, side)
    this.refresh()
  }

  /** Limits: one side of a bar at most, and where both were traded through, the one that looks worse at the close. */
  #restingInBar(bar: Bar, lotsLeft: number, firstSide: number): void {
    const model = this.rules.bars
    const eligible = (own: OwnSide) =>
      own.orders.filter((order) => model.inTime(order.arrivedUs, bar) && model.tradedThrough(own.side, order.tick, bar))
    const bids = eligible(this.bids)
    const asks = eligible(this.asks)
    let chosen = bids.length > 0 ? bids : asks
    if (bids.length > 0 && asks.length > 0) {
      const side = firstSide || (bar.close - bids[0]!.tick < asks[0]!.tick - bar.close ? 1 : -1)
      chosen = side > 0 ? bids : asks
    }
    let left = lotsLeft
    const limit = model.lotsMax(bar)
    for (const order of chosen) {
      const lots = Math.min(order.leavesLots, left)
      if (lots === 0 || order.state === 'done') continue
      // Marketable at the open: it takes there, if that is within its limit; else it made a market at its limit.
      const opened = model.takerTick(order.side, bar.open, limit - left + lots, bar)
      const takes = order.side * bar.open <= order.key && !order.postOnly
      if (takes && order.side * opened <= order.key) left -= this.#fill(order, opened, lots, false, -1)
      else left -= this.#fill(order, order.tick, lots, !takes, -1)
    }
  }

  // ── ends ──────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Books a fill, no more than a reduce-only order may have; returns the lots filled. */
  #fill(order: OwnOrder, tick: number, lots: number, maker: boolean, aheadLots: number): number {
    let filled = lots
    if (order.reduceOnly) {
      const room = Math.max(0, -order.side * this.#desk.positionLots(this.index))
      if (filled > room) filled = room
      if (filled === 0) {
        this.#end(order, 'cancelled', 'reduce-only')
        return 0
      }
    }
    order.leavesLots -= filled
    const over = order.leavesLots === 0
    if (over) this.#drop(order)
    this.#desk.onFill(order, tick, filled, maker, aheadLots)
    return filled
  }

  #end(order: OwnOrder, kind: OrderEventKind, reason: RejectReason | ''): void {
    this.#drop(order)
    this.#desk.onEnd(order, kind, reason)
  }

  /** Takes an order away, wherever it stands. */
  #drop(order: OwnOrder): void {
    if (order.state === 'resting') {
      const own = order.side > 0 ? this.bids : this.asks
      own.remove(order)
      const at = this.#atOpen.indexOf(order)
      if (at >= 0) this.#atOpen.splice(at, 1)
    } else if (order.state === 'waiting') {
      const at = this.triggers.indexOf(order)
      if (at >= 0) this.triggers.splice(at, 1)
    }
    order.state = 'done'
    this.refresh()
  }

  /** Ends an order with an event. */
  end(order: OwnOrder, kind: OrderEventKind, reason: RejectReason | ''): void {
    this.#end(order, kind, reason)
  }

  /** Ends every order of the instrument. */
  endAll(kind: OrderEventKind, reason: RejectReason | ''): void {
    for (const list of [this.bids.orders, this.asks.orders, this.triggers, this.#atOpen]) {
      for (const order of [...list]) this.#end(order, kind, reason)
    }
  }

  /** Moves a resting or waiting order to a new price and total size; the place is kept only when nothing grows. */
  amend(order: OwnOrder, tick: number, lots: number): void {
    const filled = order.lots - order.leavesLots
    const keeps = tick === order.tick && lots <= order.lots
    order.lots = lots
    if (keeps || order.state === 'waiting') {
      order.tick = tick
      order.leavesLots = lots - filled
      return
    }
    this.#drop(order)
    order.state = 'arriving'
    order.tick = tick
    order.leavesLots = lots - filled
  }

  /** Reckons anew whether rows concern anything of ours. */
  refresh(): void {
    this.#busy =
      this.bids.orders.length > 0 ||
      this.asks.orders.length > 0 ||
      this.triggers.length > 0 ||
      this.#atOpen.length > 0 ||
      this.#takenBids.size > 0 ||
      this.#takenAsks.size > 0
  }
}

/** Whether an order triggers at its price or above: buying stops and selling take-profits. */
function rising(order: OwnOrder): boolean {
  const stop = order.type === 'stop' || order.type === 'stop-limit'
  return stop === order.side > 0
}
