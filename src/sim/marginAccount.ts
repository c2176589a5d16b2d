/**
 * @file Our account at one venue, as the venue sees it: ledger, margin in use, and whether it still suffices.
 *
 * Cross margin: every currency is one pool; its equity is cash plus the profit of all derivatives settled in it.
 * Isolated: each position has a sum of its own, set aside when it grows, given back in proportion when it shrinks,
 * and all that it can lose. Spot must be paid for, and sold only from what is held.
 *
 * All in atoms of the settlement currency.
 */

import type { Universe } from '../market/instrument.ts'
import { Ledger } from '../portfolio/portfolio.ts'
import { initialMarginAtoms, maintenanceMarginAtoms } from './marginRules.ts'
import type { Matcher } from './matcher.ts'
import type { OwnOrder } from './ownOrders.ts'
import type { VenueRules } from './venueRules.ts'

export class MarginAccount {
  readonly ledger: Ledger
  readonly #universe: Universe
  readonly #matchers: readonly Matcher[]
  readonly #rules: VenueRules
  /** Isolated margin set aside, by instrument. */
  readonly #setAside: Float64Array
  /** Position sizes the sums were set aside for. */
  readonly #lotsBefore: Float64Array
  /** Instruments with a derivative position, in order of opening. */
  readonly held: number[] = []

  /** @param matchers Of the whole universe by index; those of other venues are never touched. */
  constructor(
    universe: Universe,
    matchers: readonly Matcher[],
    rules: VenueRules,
    cash: Readonly<Record<string, number>>,
  ) {
    this.#universe = universe
    this.#matchers = matchers
    this.#rules = rules
    this.ledger = new Ledger(
      universe,
      matchers.map((matcher) => matcher.market),
      cash,
    )
    this.#setAside = new Float64Array(universe.size)
    this.#lotsBefore = new Float64Array(universe.size)
  }

  /** The price margin is reckoned at, in quote per base: mark, else mid, else last trade, else what was last paid. */
  price(instrument: number): number {
    const matcher = this.#matchers[instrument]!
    const mark = matcher.market.mark
    if (!Number.isNaN(mark)) return mark
    const tickSize = matcher.instrument.ticks.size
    const mid = matcher.midTick
    if (!Number.isNaN(mid)) return mid * tickSize
    return matcher.market.referenceTick * tickSize
  }

  /** Price of what an option is on, in quote per base; NaN unknown. */
  underlying(instrument: number): number {
    const market = this.#matchers[instrument]!.market
    if (!Number.isNaN(market.index)) return market.index
    return market.forward
  }

  /** After a position changed: keeps `held`, and the sums set aside. `price` is what was traded at. */
  onPosition(instrument: number, price: number): void {
    const lots = this.ledger.lots(instrument)
    const kind = this.#universe.at(instrument).kind
    if (kind === 'spot') return
    const at = this.held.indexOf(instrument)
    if (lots !== 0 && at < 0) this.held.push(instrument)
    else if (lots === 0 && at >= 0) this.held.splice(at, 1)
    if (this.#rules.margin !== 'isolated') return
    const before = this.#lotsBefore[instrument]!
    this.#lotsBefore[instrument] = lots
    const turned = before !== 0 && lots !== 0 && before > 0 !== lots > 0
    if (lots === 0) this.#setAside[instrument] = 0
    else if (turned || before === 0) this.#setAside[instrument] = this.#initial(instrument, price, lots)
    else if (Math.abs(lots) > Math.abs(before)) {
      this.#setAside[instrument]! += this.#initial(instrument, price, lots - before)
    } else this.#setAside[instrument]! *= lots / before
  }

  /** Funding of an isolated position comes out of what was set aside for it. */
  onFunding(instrument: number, cashAtoms: number): void {
    if (this.#rules.margin === 'isolated') this.#setAside[instrument]! += cashAtoms
  }

  setAsideAtoms(instrument: number): number {
    return this.#setAside[instrument]!
  }

  /** Profit not yet realised at `price`. */
  #unrealised(instrument: number, price: number): number {
    const holding = this.ledger.holding(instrument)
    return this.#universe.at(instrument).valueAtPrice(price, holding.lots) - holding.costAtoms
  }

  /** Cash plus profit of all derivatives of a currency, with one instrument's price replaced (-1: none). */
  equityAtoms(currency: string, instrument = -1, price = Number.NaN): number {
    let sum = this.ledger.cashAtoms(currency)
    for (const each of this.held) {
      if (this.#universe.at(each).settle !== currency) continue
      sum += this.#unrealised(each, each === instrument ? price : this.price(each))
    }
    return sum
  }

  /** Margin that must not be undercut, of all derivatives of a currency; as {@link equityAtoms}. */
  maintenanceAtoms(currency: string, instrument = -1, price = Number.NaN): number {
    let sum = 0
    for (const each of this.held) {
      if (this.#universe.at(each).settle !== currency) continue
      sum += this.maintenanceOf(each, each === instrument ? price : this.price(each))
    }
    return sum
  }

  maintenanceOf(instrument: number, price: number): number {
    const lots = this.ledger.lots(instrument)
    return maintenanceMarginAtoms(this.#universe.at(instrument), price, lots, this.underlying(instrument))
  }

  /** What stands behind one isolated position at `price`. */
  isolatedEquityAtoms(instrument: number, price: number): number {
    return this.#setAside[instrument]! + this.#unrealised(instrument, price)
  }

  #initial(instrument: number, price: number, lots: number): number {
    return initialMarginAtoms(
      this.#universe.at(instrument),
      price,
      lots,
      this.#rules.leverage,
      this.underlying(instrument),
    )
  }

  /**
   * Whether the account can carry a further order, on top of all that is open: each instrument is reckoned at the
   * worse of all its buys, or all its sells, being filled. Orders that only reduce a position always may.
   */
  allows(order: OwnOrder): boolean {
    if (this.#rules.margin === 'none') return true
    const matcher = this.#matchers[order.instrument]!
    const instrument = matcher.instrument
    const lots = this.ledger.lots(order.instrument)
    const own = order.side > 0 ? matcher.bids : matcher.asks
    const open = own.openLots
    if (instrument.kind === 'spot') return this.#paysSpot(order, matcher, lots, open)
    if (order.reduceOnly || (order.side * lots < 0 && open + order.leavesLots <= Math.abs(lots))) return true

    const currency = instrument.settle
    let required = 0
    for (const each of this.#matchers) {
      if (each.instrument.venue !== instrument.venue || each.instrument.settle !== currency) continue
      if (each.instrument.kind === 'spot') continue
      const extra = each === matcher ? order : undefined
      required += this.#worstCase(each, extra)
    }
    const paid = order.type === 'market' ? 0 : this.#openLoss(order, matcher)
    const free = this.#rules.margin === 'isolated' ? this.ledger.cashAtoms(currency) : this.equityAtoms(currency)
    return required + paid <= free
  }

  /** Margin of an instrument if everything open on its worse side were filled, and `extra` with it. */
  #worstCase(matcher: Matcher, extra: OwnOrder | undefined): number {
    const index = matcher.index
    const lots = this.ledger.lots(index)
    const buys = matcher.bids.openLots + (extra && extra.side > 0 ? extra.leavesLots : 0)
    const sells = matcher.asks.openLots + (extra && extra.side < 0 ? extra.leavesLots : 0)
    if (lots === 0 && buys === 0 && sells === 0) return 0
    let price = this.price(index)
    if (Number.isNaN(price) && extra) price = extra.tick * matcher.instrument.ticks.size
    const worst = Math.max(this.#initial(index, price, lots + buys), this.#initial(index, price, lots - sells))
    if (this.#rules.margin !== 'isolated') return worst
    return Math.max(this.#setAside[index]!, worst)
  }

  /** What filling a limit beyond the mark loses at once. */
  #openLoss(order: OwnOrder, matcher: Matcher): number {
    const signed = order.side * order.leavesLots
    const price = this.price(order.instrument)
    if (Number.isNaN(price)) return 0
    const loss = matcher.instrument.valueAtoms(order.tick, signed) - matcher.instrument.valueAtPrice(price, signed)
    return Math.max(0, loss)
  }

  #paysSpot(order: OwnOrder, matcher: Matcher, lots: number, open: number): boolean {
    if (this.#rules.spotShort) return true
    if (order.side < 0) return open + order.leavesLots <= lots
    const instrument = matcher.instrument
    let committed = 0
    for (const each of this.#matchers) {
      if (each.instrument.kind !== 'spot' || each.instrument.venue !== instrument.venue) continue
      if (each.instrument.settle !== instrument.settle) continue
      for (const bid of each.bids.orders) committed += each.instrument.notionalAtoms(bid.tick, bid.leavesLots)
    }
    const tick = order.type === 'market' ? matcher.best(-1) : order.tick
    const known = tick < 0x7fffffff ? tick : matcher.market.referenceTick
    const cost = instrument.notionalAtoms(known, order.leavesLots)
    const fee = Math.max(0, instrument.feeAtoms(known, order.leavesLots, instrument.takerBps))
    return committed + cost + fee <= this.ledger.cashAtoms(instrument.settle)
  }
}
