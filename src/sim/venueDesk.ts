/**
 * @file One simulated venue: takes orders off the line, judges them, keeps our account, and answers.
 *
 * What the matchers find out (fills, ends) becomes order events; what happens to the account without an order
 * (funding, liquidation, deleveraging, settlement) becomes account events. Both go into the venue's own ledger at the
 * moment they happen there, and onto the line in the same order, so once all is delivered the engine's ledger says the
 * same, to the atom.
 */

import { assert } from '../core/errors.ts'
import type { Side } from '../market/book.ts'
import { dollarLike, type Instrument, type Universe } from '../market/instrument.ts'
import type { AccountEvent, Order, OrderEvent, OrderEventKind, RejectReason } from '../market/order.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Ledger } from '../portfolio/portfolio.ts'
import { barOf } from './barFills.ts'
import { Connection, type Request, windowAt } from './connection.ts'
import { FeeModel, quoteNotional } from './feeModels.ts'
import { MarginAccount } from './marginAccount.ts'
import type { Desk, Matcher } from './matcher.ts'
import { OwnOrder } from './ownOrders.ts'
import type { VenueRules } from './venueRules.ts'

/** Numbers messages over all venues, and notes that some were added. */
export interface Traffic {
  sequence: number
  changed: boolean
}

/** Something a venue does by itself at a known time. */
export type VenueTimer =
  | { readonly of: 'order'; readonly order: OwnOrder; readonly expiresUs: number }
  | { readonly of: 'expiry'; readonly instrument: number }
  | { readonly of: 'down' | 'up' | 'cut' | 'reconnected' }

/** Longest pause within which deleveraging rows belong to one episode. */
const EPISODE_US = 600_000_000

export class VenueDesk implements Desk {
  readonly name: string
  readonly rules: VenueRules
  readonly connection: Connection
  readonly account: MarginAccount
  nowUs = Number.NEGATIVE_INFINITY
  /** Atoms by currency that our liquidations brought to the insurance fund (negative: cost it). */
  readonly insuranceAtoms = new Map<string, number>()
  readonly #universe: Universe
  readonly #matchers: readonly Matcher[]
  readonly #fees: FeeModel
  readonly #traffic: Traffic
  readonly #schedule: (atUs: number, timer: VenueTimer) => void
  readonly #orders = new Map<number, OwnOrder>()
  /** 1 where a position is marked on the mid, for want of a mark. */
  readonly #marked: Uint8Array
  /** Mid of the last check, which only a worse one can overturn. */
  readonly #checkedTick: Float64Array
  readonly #closed: Uint8Array
  readonly #outage: Uint8Array
  readonly #partialUs: Float64Array
  /** Lots deleveraged in the present episode, and when last, by instrument. */
  readonly #deleveragedLots: Float64Array
  readonly #deleveragedUs: Float64Array
  #fundDollars: number
  #lastFillId = 0
  #tokens: number
  #tokensUs = Number.NEGATIVE_INFINITY
  /** Reduce-only orders may have lost their position. */
  #trimDue = -1

  constructor(
    name: string,
    rules: VenueRules,
    universe: Universe,
    matchers: readonly Matcher[],
    cash: Readonly<Record<string, number>>,
    traffic: Traffic,
    schedule: (atUs: number, timer: VenueTimer) => void,
  ) {
    this.name = name
    this.rules = rules
    this.connection = new Connection(rules.latency, rules.disconnects)
    this.account = new MarginAccount(universe, matchers, rules, cash)
    this.#universe = universe
    this.#matchers = matchers
    this.#fees = new FeeModel(rules.fees)
    this.#traffic = traffic
    this.#schedule = schedule
    this.#marked = new Uint8Array(universe.size)
    this.#checkedTick = new Float64Array(universe.size).fill(Number.NaN)
    this.#closed = new Uint8Array(universe.size)
    this.#outage = new Uint8Array(universe.size)
    this.#partialUs = new Float64Array(universe.size).fill(Number.NEGATIVE_INFINITY)
    this.#deleveragedLots = new Float64Array(universe.size)
    this.#deleveragedUs = new Float64Array(universe.size).fill(Number.NEGATIVE_INFINITY)
    this.#fundDollars = rules.deleveraging.fundDollars
    this.#tokens = rules.rate?.burst ?? 0
    for (const matcher of matchers) if (matcher.instrument.venue === name) matcher.attach(this)
    for (const [index, instrument] of universe.instruments.entries()) {
      if (instrument.venue === name && instrument.expiryUs < Number.POSITIVE_INFINITY) {
        schedule(instrument.expiryUs, { of: 'expiry', instrument: index })
      }
    }
    for (const window of rules.downtime) {
      schedule(window.fromUs, { of: 'down' })
      schedule(window.toUs, { of: 'up' })
    }
    for (const window of rules.disconnects) {
      schedule(window.fromUs, { of: 'cut' })
      schedule(window.toUs, { of: 'reconnected' })
    }
  }

  get ledger(): Ledger {
    return this.account.ledger
  }

  get feeAssumption(): string {
    return this.#fees.assumption
  }

  /** Our orders at the venue, by arrival. */
  orders(): Iterable<OwnOrder> {
    return this.#orders.values()
  }

  // ── the line ──────────────────────────────────────────────────────────────────────────────────────────────────

  /** Something leaves us at `sentUs`. */
  send(
    kind: Request['kind'],
    order: Order | undefined,
    orderId: number,
    instrument: number,
    tick: number,
    lots: number,
    sentUs: number,
  ): void {
    this.#traffic.changed = true
    const cut = this.connection.lostAt(sentUs)
    if (cut) {
      // Nothing was sent; we find out for certain when the line is back.
      const lost = order ? new OwnOrder(order, sentUs) : undefined
      this.#answerOrder(lostKind(kind), 'venue-down', orderId, instrument, lost, cut.toUs)
      return
    }
    const sequence = this.#traffic.sequence++
    const atUs = this.connection.arrivalUs(sentUs)
    this.connection.requests.push({ atUs, sequence, kind, order, orderId, instrument, tick, lots })
  }

  /** Something of ours has arrived. */
  arrive(request: Request): void {
    this.nowUs = request.atUs
    if (request.kind === 'submit') this.#submitted(request.order!)
    else if (request.kind === 'cancel') this.#cancelAsked(request)
    else this.#amendAsked(request)
    if (this.#trimDue >= 0) this.#trim()
  }

  /** Order events made of an order as it stands. */
  #answerOrder(
    kind: OrderEventKind,
    reason: RejectReason | '',
    orderId: number,
    instrument: number,
    order: OwnOrder | undefined,
    venueTimeUs = this.nowUs,
    fill: { tick: number; lots: number; feeAtoms: number; maker: boolean; fillId: number } | undefined = undefined,
    aheadLots = -1,
  ): OrderEvent {
    const over = kind === 'rejected' || kind === 'cancelled' || kind === 'expired'
    const event: OrderEvent = {
      kind,
      timeUs: this.connection.answerUs(venueTimeUs),
      venueTimeUs,
      orderId,
      instrument,
      side: order?.side ?? 1,
      tick: fill ? fill.tick : (order?.tick ?? 0),
      lots: fill ? fill.lots : (order?.lots ?? 0),
      leavesLots: over ? 0 : (order?.leavesLots ?? 0),
      feeAtoms: fill ? fill.feeAtoms : 0,
      liquidity: fill ? (fill.maker ? 'maker' : 'taker') : '',
      reason,
      fillId: fill ? fill.fillId : 0,
      queueAheadLots: aheadLots,
    }
    this.#push(event, undefined, event.timeUs)
    return event
  }

  #answerAccount(
    kind: AccountEvent['kind'],
    instrument: number,
    side: Side | 0,
    tick: number,
    lots: number,
    cashAtoms: number,
    currency: string,
    atUs = this.connection.answerUs(this.nowUs),
  ): void {
    const event: AccountEvent = {
      kind,
      timeUs: atUs,
      venueTimeUs: this.nowUs,
      instrument,
      side,
      tick,
      lots,
      cashAtoms,
      currency,
    }
    this.ledger.applyAccount(event)
    this.#push(undefined, event, event.timeUs)
  }

  #push(order: OrderEvent | undefined, account: AccountEvent | undefined, atUs: number): void {
    this.connection.answers.push({ atUs, sequence: this.#traffic.sequence++, order, account })
    this.#traffic.changed = true
  }

  // ── orders ────────────────────────────────────────────────────────────────────────────────────────────────────

  /** Takes a token; false when none is left. */
  #token(cancel: boolean): boolean {
    const rate = this.rules.rate
    if (!rate || (cancel && !rate.cancelsCount)) return true
    if (this.#tokensUs > Number.NEGATIVE_INFINITY) {
      this.#tokens = Math.min(rate.burst, this.#tokens + ((this.nowUs - this.#tokensUs) * rate.perSecond) / 1e6)
    }
    this.#tokensUs = this.nowUs
    if (this.#tokens < 1) return false
    this.#tokens -= 1
    return true
  }

  /** Why nothing can be done in an instrument now; '' when something can. */
  #shut(instrument: number): RejectReason | '' {
    if (windowAt(this.rules.downtime, this.nowUs) || this.#outage[instrument] === 1) return 'venue-down'
    const market = this.#matchers[instrument]!.market
    // What happened in a gap is unknown, and nothing unknown may be traded against.
    if (market.book.status === 'gap') return 'venue-down'
    return this.#closed[instrument] === 1 ? 'instrument-closed' : ''
  }

  #submitted(sent: Order): void {
    const order = new OwnOrder(sent, this.nowUs)
    const matcher = this.#matchers[order.instrument]!
    const reason = this.#refusal(order, matcher)
    if (reason !== '') {
      this.#answerOrder('rejected', reason, order.id, order.instrument, order)
      return
    }
    const slid = order.tick !== sent.tick
    this.#orders.set(order.id, order)
    const ahead = matcher.aheadLots(order)
    this.#answerOrder('accepted', '', order.id, order.instrument, order, this.nowUs, undefined, ahead)
    if (slid) this.#answerOrder('amended', '', order.id, order.instrument, order, this.nowUs, undefined, ahead)
    if (order.timeInForce === 'GTT') {
      this.#schedule(order.expiresUs, { of: 'order', order, expiresUs: order.expiresUs })
    }
    matcher.enter(order)
  }

  #refusal(order: OwnOrder, matcher: Matcher): RejectReason | '' {
    const shut = this.#shut(order.instrument)
    if (shut !== '') return shut
    if (!this.#token(false)) return 'rate-limit'
    if (this.#orders.has(order.id)) return 'other'
    if (!(order.lots > 0) || !Number.isInteger(order.lots)) return 'size'
    const triggered = order.type !== 'limit' && order.type !== 'market'
    const priced = order.type === 'limit' || order.type === 'stop-limit' || order.type === 'take-profit-limit'
    if (priced && !validTick(order.tick)) return 'off-grid'
    if (triggered && !validTick(order.triggerTick)) return 'off-grid'
    if (!triggered) order.triggerTick = 0
    if (order.timeInForce === 'GTT' && order.expiresUs <= this.nowUs) return 'expired'
    if (priced && this.#outsideBand(order.tick, matcher)) return 'price-band'
    if (order.reduceOnly) {
      const room = -order.side * this.ledger.lots(order.instrument)
      if (room <= 0 || (this.rules.reduceOnly === 'reject' && order.lots > room)) return 'reduce-only'
      if (order.lots > room) {
        order.lots = room
        order.leavesLots = room
      }
    }
    const refusal = matcher.refusal(order)
    if (refusal !== '') return refusal
    // A waiting order ties up no margin; it is judged when it triggers.
    return triggered || this.account.allows(order) ? '' : 'margin'
  }

  #outsideBand(tick: number, matcher: Matcher): boolean {
    const mark = this.account.price(matcher.index) / matcher.instrument.ticks.size
    return Math.abs(tick - mark) > (mark * this.rules.priceBandBps) / 10_000
  }

  #cancelAsked({ orderId, instrument }: Request): void {
    const order = this.#orders.get(orderId)
    let reason = this.#shut(instrument)
    if (reason === 'instrument-closed') reason = ''
    if (reason === '' && !this.#token(true)) reason = 'rate-limit'
    if (reason === '' && !order) reason = 'unknown-order'
    if (reason !== '') this.#answerOrder('cancel-rejected', reason, orderId, instrument, order)
    else this.#matchers[instrument]!.end(order!, 'cancelled', '')
  }

  #amendAsked({ orderId, instrument, tick, lots }: Request): void {
    const order = this.#orders.get(orderId)
    const matcher = this.#matchers[instrument]!
    let reason = this.#shut(instrument)
    if (reason === '' && !this.#token(false)) reason = 'rate-limit'
    if (reason === '' && !order) reason = 'unknown-order'
    if (reason === '') reason = this.#amendRefusal(order!, matcher, tick, lots)
    if (reason !== '') {
      this.#answerOrder('amend-rejected', reason, orderId, instrument, order)
      return
    }
    matcher.amend(order!, tick, lots)
    const moved = order!.state === 'arriving'
    const ahead = moved ? matcher.aheadLots(order!) : order!.state === 'resting' ? order!.frontLots : -1
    const told = ahead === Number.POSITIVE_INFINITY ? -1 : Math.max(0, ahead)
    this.#answerOrder('amended', '', orderId, instrument, order, this.nowUs, undefined, ahead < 0 ? -1 : told)
    if (moved) matcher.enter(order!)
  }

  #amendRefusal(order: OwnOrder, matcher: Matcher, tick: number, lots: number): RejectReason | '' {
    if (!Number.isInteger(lots) || lots <= order.lots - order.leavesLots) return 'size'
    const priced = order.type === 'limit' || order.type === 'stop-limit' || order.type === 'take-profit-limit'
    if (priced && !validTick(tick)) return 'off-grid'
    if (priced && this.#outsideBand(tick, matcher)) return 'price-band'
    if (order.state !== 'resting' || order.reduceOnly) return ''
    const grown = Math.max(0, lots - order.lots)
    // As if it were a further order of the amended price and the grown size.
    const probe = new OwnOrder({ ...plain(order), tick, lots: Math.max(grown, 1) }, this.nowUs)
    const crosses = order.postOnly && tick !== order.tick && matcher.crosses(probe)
    if (crosses) return 'post-only'
    return grown === 0 || this.account.allows(probe) ? '' : 'margin'
  }

  // ── what the matchers find out ────────────────────────────────────────────────────────────────────────────────

  positionLots(instrument: number): number {
    return this.ledger.lots(instrument)
  }

  onFill(order: OwnOrder, tick: number, lots: number, maker: boolean, aheadLots: number): void {
    const instrument = this.#universe.at(order.instrument)
    this.#fees.roll(this.nowUs)
    const feeAtoms = this.#fees.feeAtoms(instrument, tick, lots, maker, this.account.underlying(order.instrument))
    const fillId = ++this.#lastFillId
    const fill = { tick, lots, feeAtoms, maker, fillId }
    const ahead = aheadLots === Number.POSITIVE_INFINITY ? -1 : aheadLots
    const event = this.#answerOrder('filled', '', order.id, order.instrument, order, this.nowUs, fill, ahead)
    this.ledger.applyFill(event, Number.NaN)
    this.#fees.onFill(this.nowUs, this.#dollars(instrument, tick * instrument.ticks.size, lots))
    if (order.leavesLots === 0) this.#orders.delete(order.id)
    this.#positionChanged(order.instrument, tick)
    this.#trimDue = order.instrument
  }

  onEnd(order: OwnOrder, kind: OrderEventKind, reason: RejectReason | ''): void {
    this.#orders.delete(order.id)
    this.#answerOrder(kind, reason, order.id, order.instrument, order)
  }

  onTriggered(order: OwnOrder): RejectReason | '' {
    this.#answerOrder('triggered', '', order.id, order.instrument, order)
    return this.account.allows(order) ? '' : 'margin'
  }

  #dollars(instrument: Instrument, price: number, lots: number): number {
    const notional = quoteNotional(instrument, price, lots)
    if (dollarLike(instrument.spec.quote)) return notional
    const rate = this.ledger.rate(instrument.spec.quote)
    return Number.isNaN(rate) ? 0 : notional * rate
  }

  #positionChanged(index: number, tick: number): void {
    const instrument = this.#universe.at(index)
    this.account.onPosition(index, tick * instrument.ticks.size)
    const marked = Number.isNaN(this.#matchers[index]!.market.mark) && instrument.kind !== 'spot'
    this.#marked[index] = marked && this.ledger.lots(index) !== 0 && this.rules.margin !== 'none' ? 1 : 0
    this.#checkedTick[index] = Number.NaN
  }

  /** Ends reduce-only orders that have nothing left to reduce. */
  #trim(): void {
    const instrument = this.#trimDue
    this.#trimDue = -1
    const lots = this.ledger.lots(instrument)
    for (const order of [...this.#orders.values()]) {
      if (!order.reduceOnly || order.instrument !== instrument || order.side * lots < 0) continue
      if (order.state === 'resting') this.#matchers[instrument]!.end(order, 'cancelled', 'reduce-only')
    }
  }

  // ── the market moves ──────────────────────────────────────────────────────────────────────────────────────────

  /** A row of one of the venue's instruments. */
  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    this.nowUs = timeUs
    if (this.rules.latency.fromFeed) this.connection.feedLatencyUs = batch.timeUs[row]! - timeUs
    const matcher = this.#matchers[instrument]!
    const ends = matcher.onRow(batch, row, timeUs)
    if (this.#trimDue >= 0) this.#trim()
    if (ends && this.#marked[instrument] === 1) this.#markOnMid(matcher)
    const kind = batch.kind[row]!
    if (kind > Kind.QUOTE) this.#onAccountRow(kind, batch, row, matcher)
  }

  #onAccountRow(kind: number, batch: TapeBatch, row: number, matcher: Matcher): void {
    const index = matcher.index
    const value = batch.value[row]!
    switch (kind) {
      case Kind.MARK:
      case Kind.MARK_EXTREME:
        this.#marked[index] = 0
        this.#checkMargin(index, value)
        break
      case Kind.FUNDING:
        this.#fund(matcher, value)
        break
      case Kind.OUTAGE:
        this.#onOutage(matcher, value !== 0)
        break
      case Kind.DELEVERAGING:
        this.#deleverage(matcher, batch.side[row] as Side, batch.tick[row]!, batch.lots[row]!)
        break
      case Kind.LIQUIDATION:
        this.#othersLiquidated(matcher, batch.side[row] as Side, batch.tick[row]!, batch.lots[row]!)
        break
    }
  }

  /** Judges margin on the mid, only when it is worse for us than at the last check. */
  #markOnMid(matcher: Matcher): void {
    const index = matcher.index
    const lots = this.ledger.lots(index)
    const tickSize = matcher.instrument.ticks.size
    if (matcher.detail === 'bars') {
      // Without a mark a bar's adverse extreme is what a venue may have judged by.
      this.#checkMargin(index, (lots > 0 ? matcher.market.barLow : matcher.market.barHigh) * tickSize)
      return
    }
    const tick = matcher.midTick
    const checked = this.#checkedTick[index]!
    if (Number.isNaN(tick) || (lots > 0 ? tick >= checked : tick <= checked)) return
    this.#checkedTick[index] = tick
    this.#checkMargin(index, tick * tickSize)
  }

  #fund(matcher: Matcher, rate: number): void {
    const lots = this.ledger.lots(matcher.index)
    if (lots === 0) return
    const index = matcher.market.index
    const price =
      this.rules.fundingPrice === 'index' && !Number.isNaN(index) ? index : this.account.price(matcher.index)
    assert(!Number.isNaN(price), 'a position has a price to pay funding on')
    const notional = Math.abs(matcher.instrument.valueAtPrice(price, lots))
    // Longs pay when the rate is positive; what is owed is rounded up, what is due to us down.
    const cashAtoms = Math.floor(-Math.sign(lots) * rate * notional + 1e-9)
    if (cashAtoms === 0) return
    this.account.onFunding(matcher.index, cashAtoms)
    this.#answerAccount('funding', matcher.index, 0, 0, 0, cashAtoms, matcher.instrument.settle)
    this.#checkedTick[matcher.index] = Number.NaN
  }

  #onOutage(matcher: Matcher, down: boolean): void {
    const was = this.#outage[matcher.index] === 1
    if (was === down) return
    this.#outage[matcher.index] = down ? 1 : 0
    if (down && this.rules.restingWhileDown === 'cancelled') matcher.endAll('cancelled', 'venue-down')
    this.#answerAccount(down ? 'venue-down' : 'venue-up', matcher.index, 0, 0, 0, 0, matcher.instrument.settle)
  }

  /** Something the venue does by itself is due. */
  onTimer(timer: VenueTimer, atUs: number): void {
    this.nowUs = atUs
    switch (timer.of) {
      case 'order':
        if (timer.order.state !== 'done' && timer.order.expiresUs === timer.expiresUs) {
          this.#matchers[timer.order.instrument]!.end(timer.order, 'expired', 'expired')
        }
        break
      case 'expiry':
        this.#settle(this.#matchers[timer.instrument]!)
        break
      case 'down':
      case 'cut': {
        const cancels =
          timer.of === 'down' ? this.rules.restingWhileDown === 'cancelled' : this.rules.cancelOnDisconnect
        // A cut is noticed on our side, so the news of it does not wait for the reconnect.
        const heardUs = timer.of === 'cut' ? this.connection.noticeUs(atUs) : this.connection.answerUs(atUs)
        this.#answerAccount('venue-down', -1, 0, 0, 0, 0, '', heardUs)
        if (cancels) this.#cancelAll('venue-down')
        break
      }
      case 'up':
      case 'reconnected':
        this.#answerAccount('venue-up', -1, 0, 0, 0, 0, '')
        break
    }
  }

  #cancelAll(reason: RejectReason): void {
    for (const order of [...this.#orders.values()]) {
      this.#matchers[order.instrument]!.end(order, 'cancelled', reason)
    }
  }

  // ── expiry ────────────────────────────────────────────────────────────────────────────────────────────────────

  /**
   * European cash settlement at the index as last heard, else the forward, else the mark. Optimistic where the venue
   * averages the index (Deribit: the last 30 minutes): a jump at the end counts in full here.
   */
  #settle(matcher: Matcher): void {
    const index = matcher.index
    this.#closed[index] = 1
    matcher.endAll('expired', 'instrument-closed')
    const lots = this.ledger.lots(index)
    if (lots === 0) return
    const { instrument, market } = matcher
    let price = this.account.underlying(index)
    if (instrument.kind === 'option' && !Number.isNaN(price)) {
      const right = instrument.right === 'put' ? -1 : 1
      const intrinsic = Math.max(0, right * (price - instrument.strike))
      price = dollarLike(instrument.settle) ? intrinsic : intrinsic / price
    } else if (Number.isNaN(price)) price = this.account.price(index)
    if (Number.isNaN(price)) price = market.referenceTick * instrument.ticks.size
    assert(!Number.isNaN(price), 'a position has a price to be settled at')
    // The event's price is on the grid; what the grid cannot say is paid in cash.
    const tick = instrument.inverse ? Math.max(1, instrument.ticks.floor(price)) : instrument.ticks.floor(price)
    const exact = instrument.valueAtPrice(price, lots)
    const cashAtoms = exact - instrument.valueAtoms(tick, lots)
    this.#answerAccount('settlement', index, lots > 0 ? -1 : 1, tick, Math.abs(lots), cashAtoms, instrument.settle)
    this.#positionChanged(index, tick)
  }

  // ── liquidation ───────────────────────────────────────────────────────────────────────────────────────────────

  /** Whether the margin behind a position still suffices with its mark at `price`; if not, the venue acts. */
  #checkMargin(index: number, price: number): void {
    if (this.rules.margin === 'none' || this.ledger.lots(index) === 0) return
    const instrument = this.#universe.at(index)
    if (instrument.kind === 'spot') return
    const { account } = this
    const currency = instrument.settle
    const isolated = this.rules.margin === 'isolated'
    const equity = isolated ? account.isolatedEquityAtoms(index, price) : account.equityAtoms(currency, index, price)
    const needed = isolated ? account.maintenanceOf(index, price) : account.maintenanceAtoms(currency, index, price)
    if (equity >= needed) return
    const all = equity < needed * this.rules.liquidation.backstopShare
    if (isolated) this.#liquidateIsolated(index, price, all)
    else this.#liquidateCross(currency, index, price, all)
  }

  #liquidateCross(currency: string, index: number, price: number, all: boolean): void {
    const { account } = this
    const priceOf = (each: number) => (each === index ? price : account.price(each))
    const order = account.held
      .filter((each) => this.#universe.at(each).settle === currency)
      .sort((a, b) => account.maintenanceOf(b, priceOf(b)) - account.maintenanceOf(a, priceOf(a)) || a - b)
    for (const matcher of this.#matchers) {
      const { venue, settle, kind } = matcher.instrument
      if (venue === this.name && settle === currency && kind !== 'spot') matcher.endAll('cancelled', 'liquidation')
    }
    for (const each of order) {
      this.#closeForced(each, priceOf(each), all)
      const equity = account.equityAtoms(currency, index, price)
      if (equity >= account.maintenanceAtoms(currency, index, price)) return
    }
    const held = account.held.some((each) => this.#universe.at(each).settle === currency)
    const cash = this.ledger.cashAtoms(currency)
    if (!held && cash < 0) this.#insure(index, -cash)
  }

  #liquidateIsolated(index: number, price: number, all: boolean): void {
    const currency = this.#universe.at(index).settle
    const behind = this.account.setAsideAtoms(index)
    const cashBefore = this.ledger.cashAtoms(currency)
    this.#matchers[index]!.endAll('cancelled', 'liquidation')
    this.#closeForced(index, price, all)
    if (this.ledger.lots(index) !== 0) return
    const lost = cashBefore - this.ledger.cashAtoms(currency)
    if (lost > behind) this.#insure(index, lost - Math.floor(behind))
  }

  /** The insurance fund pays what a closed position lost beyond what stood behind it. */
  #insure(index: number, atoms: number): void {
    const currency = this.#universe.at(index).settle
    this.insuranceAtoms.set(currency, (this.insuranceAtoms.get(currency) ?? 0) - atoms)
    this.#answerAccount('liquidation', index, 0, 0, 0, atoms, currency)
  }

  /** Closes a position by taking the book; what the book does not take goes to the backstop at the mark, worsened. */
  #closeForced(index: number, price: number, all: boolean): void {
    const matcher = this.#matchers[index]!
    const { instrument } = matcher
    const rules = this.rules.liquidation
    const lots = this.ledger.lots(index)
    let size = Math.abs(lots)
    if (!all && quoteNotional(instrument, price, lots) > rules.partialAbove) {
      if (this.nowUs - this.#partialUs[index]! < rules.cooldownUs) return
      this.#partialUs[index] = this.nowUs
      size = Math.ceil(size * rules.partialFraction)
    }
    const side: Side = lots > 0 ? -1 : 1
    let left = size
    for (const piece of matcher.takeForced(side, size, Number.POSITIVE_INFINITY)) {
      this.#closePiece(matcher, side, piece.tick, piece.lots)
      left -= piece.lots
    }
    if (left === 0) return
    const mark = price / instrument.ticks.size
    const from = side > 0 ? Math.ceil(mark - 1e-9) : Math.max(1, Math.floor(mark + 1e-9))
    const tick =
      matcher.detail === 'bars' ? this.rules.bars.takerTick(side, from, left, barOf(matcher.market, this.nowUs)) : from
    this.#closePiece(matcher, side, tick, left)
  }

  #closePiece(matcher: Matcher, side: Side, tick: number, lots: number): void {
    const { instrument, index } = matcher
    const fee = instrument.feeAtoms(tick, lots, this.rules.liquidation.feeBps)
    this.insuranceAtoms.set(instrument.settle, (this.insuranceAtoms.get(instrument.settle) ?? 0) + fee)
    this.#answerAccount('liquidation', index, side, tick, lots, -fee, instrument.settle)
    this.#positionChanged(index, tick)
  }

  // ── deleveraging ──────────────────────────────────────────────────────────────────────────────────────────────

  /** Winners were closed by orders of `side`: in the venue's ranking our turn comes sooner the more we won on leverage. */
  #deleverage(matcher: Matcher, side: Side, tick: number, lots: number): void {
    const { index } = matcher
    if (this.nowUs - this.#deleveragedUs[index]! > EPISODE_US) this.#deleveragedLots[index] = 0
    this.#deleveragedUs[index] = this.nowUs
    this.#deleveragedLots[index]! += lots
    const position = this.ledger.lots(index)
    if (this.rules.deleveraging.model === 'none' || position * side >= 0 || tick <= 0) return
    const { instrument } = matcher
    const cost = this.ledger.holding(index).costAtoms
    const value = instrument.valueAtoms(tick, position)
    if (value <= cost) return // Only winners are ranked.
    const equity = Math.max(1, this.account.equityAtoms(instrument.settle, index, tick * instrument.ticks.size))
    const score = ((value - cost) / Math.max(1, Math.abs(cost))) * (Math.abs(value) / equity)
    const ahead = Math.exp(-score / this.rules.deleveraging.othersScore)
    const interest = matcher.market.openInterest
    const reached = Number.isNaN(interest) || interest <= 0 ? 1 : this.#deleveragedLots[index]! / interest
    if (reached < ahead) return
    const closed = Math.min(lots, Math.abs(position))
    this.#answerAccount('deleveraging', index, side, tick, closed, 0, instrument.settle)
    this.#positionChanged(index, tick)
    this.#trimDue = index
    this.#trim()
  }

  /** Others' forced orders, where an insurance fund is modelled: what they lose beyond bankruptcy drains it. */
  #othersLiquidated(matcher: Matcher, side: Side, tick: number, lots: number): void {
    if (this.#fundDollars === Number.POSITIVE_INFINITY || tick <= 0) return
    const { instrument } = matcher
    const mark = this.account.price(matcher.index)
    if (Number.isNaN(mark)) return
    const tiers = instrument.spec.margin?.tiers
    const maintenance = tiers?.[0]?.maintenanceRate ?? 0.025
    // A loser is taken over with its maintenance margin left, so it is bankrupt that much beyond the mark.
    const bankrupt = mark * (1 + side * maintenance)
    const gained = side * (bankrupt - tick * instrument.ticks.size)
    this.#fundDollars += this.#dollars(instrument, mark, lots) * (gained / mark)
    if (this.#fundDollars < 0) this.#deleverage(matcher, -side as Side, tick, lots)
  }
}

function validTick(tick: number): boolean {
  return Number.isInteger(tick) && tick > 0 && tick < 0x7fffffff
}

function lostKind(kind: Request['kind']): OrderEventKind {
  return kind === 'submit' ? 'rejected' : kind === 'cancel' ? 'cancel-rejected' : 'amend-rejected'
}

/** An order as it was sent, from one as it stands. */
function plain(order: OwnOrder): Order {
  return {
    id: order.id,
    instrument: order.instrument,
    side: order.side,
    lots: order.lots,
    type: order.type,
    tick: order.tick,
    timeInForce: order.timeInForce,
    postOnly: order.postOnly,
    reduceOnly: order.reduceOnly,
    policy: order.policy,
    sentUs: order.sentUs,
    decisionTick: Number.NaN,
  }
}
