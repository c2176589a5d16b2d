/**
 * @file A market too simple to be wrong: one person holds the book, every answer comes at once, and size is endless.
 *
 * For testing and explaining what policies want. It shows nothing about profit: use the replayed exchange for that.
 * The rules: a marketable order fills whole at the touch (or the last close, where there are only bars); a resting
 * limit order fills whole when `trade` is called at its price or beyond.
 */

import { Instrument, type InstrumentSpec } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { AccountEvent, Order, OrderEvent, OrderEventKind, RejectReason } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'

/** What the ideal venue drives: the engine, as far as it needs it. */
export interface Driven {
  readonly markets: readonly MarketState[]
  readonly nextClockUs: number
  stepRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void
  stepClock(timeUs: number): void
  stepOrder(event: OrderEvent): void
  stepAccount(event: AccountEvent): void
}

interface Resting {
  readonly order: Order
  tick: number
  lots: number
  leavesLots: number
}

export class IdealVenue {
  nowUs = 0
  /** Every order, amendment and cancellation sent, in order, for tests to look at. */
  readonly sent: { readonly kind: 'order' | 'amend' | 'cancel'; readonly timeUs: number; readonly order: Order }[] = []
  /** Says why an order is to be rejected, or ''. */
  refuse: (order: Order) => RejectReason | '' = () => ''
  /** The most lots one fill of a marketable order may have; what is left of it is cancelled. */
  lotsMax = Number.POSITIVE_INFINITY
  /** Whether marketable orders are accepted and then kept waiting, as where there are only bars. */
  slow = false
  readonly resting = new Map<number, Resting>()
  readonly #answers: OrderEvent[] = []
  readonly #batch = new TapeBatch(8)
  #fills = 0
  #engine!: Driven

  /** To be called once, after the engine was built with this venue as its port. */
  drive(engine: Driven): void {
    this.#engine = engine
  }

  submit(order: Order): void {
    this.sent.push({ kind: 'order', timeUs: this.nowUs, order })
    const refusal = this.refuse(order)
    const opposite = this.#opposite(order)
    const marketable = order.type === 'market' || order.side * (order.tick - opposite) >= 0
    if (refusal !== '') this.#answer('rejected', order, order.tick, order.lots, 0, refusal)
    else if (marketable && order.postOnly) this.#answer('rejected', order, order.tick, order.lots, 0, 'post-only')
    else {
      this.#answer('accepted', order, order.tick, order.lots, order.lots)
      const resting = { order, tick: order.tick, lots: order.lots, leavesLots: order.lots }
      this.resting.set(order.id, resting)
      if (!marketable || this.slow) return
      this.#fill(resting, opposite, Math.min(this.lotsMax, order.lots), 'taker')
      if (resting.leavesLots > 0) this.cancel(order.id)
    }
  }

  cancel(orderId: number): void {
    const resting = this.resting.get(orderId)
    if (!resting) return
    this.sent.push({ kind: 'cancel', timeUs: this.nowUs, order: resting.order })
    this.resting.delete(orderId)
    this.#answer('cancelled', resting.order, resting.tick, resting.lots, 0)
  }

  amend(orderId: number, _instrument: number, tick: number, lots: number): void {
    const resting = this.resting.get(orderId)
    if (!resting) return
    this.sent.push({ kind: 'amend', timeUs: this.nowUs, order: { ...resting.order, tick, lots } })
    resting.leavesLots += lots - resting.lots
    resting.lots = lots
    resting.tick = tick
    this.#answer('amended', resting.order, tick, lots, resting.leavesLots)
  }

  /** The clock moves to `timeUs`, firing timers on the way. */
  waitUntil(timeUs: number): void {
    while (this.#engine.nextClockUs <= timeUs) {
      this.nowUs = Math.max(this.nowUs, this.#engine.nextClockUs)
      this.#engine.stepClock(this.nowUs)
      this.deliver()
    }
    this.nowUs = timeUs
  }

  /** Sends one message of rows [kind, side, tick, lots, value, flags]. */
  message(instrument: number, rows: readonly (readonly [number, number, number, number, number, number])[]): void {
    this.#batch.count = 0
    for (const [at, [kind, side, tick, lots, value, flags]] of rows.entries()) {
      const end = at === rows.length - 1 ? Flag.END : 0
      this.#batch.push(this.nowUs, this.nowUs, kind, instrument, side, tick, lots, value, flags | end)
    }
    for (let row = 0; row < rows.length; row++) this.#engine.stepRow(this.#batch, row, instrument, this.nowUs)
    this.deliver()
  }

  /** Shows a book of one level a side. */
  book(instrument: number, bid: number, ask: number, lots = 1000): void {
    this.message(instrument, [
      [Kind.DEPTH, 1, bid, lots, 0, Flag.RESET | Flag.SNAPSHOT],
      [Kind.DEPTH, -1, ask, lots, 0, Flag.SNAPSHOT],
    ])
  }

  bar(instrument: number, tick: number, durationUs: number, lots = 1000): void {
    this.message(instrument, [
      [Kind.BAR_OPEN, 0, tick, 0, 0, 0],
      [Kind.BAR_HIGH, 0, tick, 0, 0, 0],
      [Kind.BAR_LOW, 0, tick, 0, 0, 0],
      [Kind.BAR_CLOSE, 0, tick, lots, durationUs, 0],
    ])
  }

  /** Someone trades at a price: whatever rests there or better on the other side fills, each order by `lots` at most. */
  trade(instrument: number, side: 1 | -1, tick: number, lots = Number.POSITIVE_INFINITY): void {
    this.message(instrument, [[Kind.TRADE, side, tick, Number.isFinite(lots) ? lots : 1, 0, 0]])
    for (const resting of [...this.resting.values()]) {
      const { order } = resting
      if (order.instrument !== instrument || order.side === side || side * (tick - resting.tick) < 0) continue
      this.#fill(resting, resting.tick, Math.min(lots, resting.leavesLots), 'maker')
    }
    this.deliver()
  }

  account(event: AccountEvent): void {
    this.#engine.stepAccount(event)
    this.deliver()
  }

  #opposite(order: Order): number {
    const market = this.#engine.markets[order.instrument]
    if (market.quoted) return order.side > 0 ? market.bestAsk : market.bestBid
    return Math.round(market.referenceTick)
  }

  #fill(resting: Resting, tick: number, lots: number, liquidity: 'maker' | 'taker'): void {
    const { order } = resting
    const instrument = this.#engine.markets[order.instrument].instrument
    if (lots === 0) return
    resting.leavesLots -= lots
    if (resting.leavesLots <= 0) this.resting.delete(order.id)
    const feeBps = liquidity === 'maker' ? instrument.makerBps : instrument.takerBps
    this.#answers.push({
      ...this.#event('filled', order, tick, lots, resting.leavesLots),
      feeAtoms: instrument.feeAtoms(tick, lots, feeBps),
      liquidity,
      fillId: ++this.#fills,
    })
  }

  #answer(
    kind: OrderEventKind,
    order: Order,
    tick: number,
    lots: number,
    leaves: number,
    why: RejectReason | '' = '',
  ): void {
    this.#answers.push({ ...this.#event(kind, order, tick, lots, leaves), reason: why })
  }

  #event(kind: OrderEventKind, order: Order, tick: number, lots: number, leavesLots: number): OrderEvent {
    return {
      kind,
      timeUs: this.nowUs,
      venueTimeUs: this.nowUs,
      orderId: order.id,
      instrument: order.instrument,
      side: order.side,
      tick,
      lots,
      leavesLots,
      feeAtoms: 0,
      liquidity: '',
      reason: '',
      fillId: 0,
      queueAheadLots: -1,
    }
  }

  /** Hands over the answers that wait; every call above does so by itself. */
  deliver(): void {
    for (let answer = this.#answers.shift(); answer; answer = this.#answers.shift()) this.#engine.stepOrder(answer)
  }
}

/** Contracts of the ideal market: a perpetual, its inverse and spot, all on one coin. */
export function idealInstrument(
  kind: 'spot' | 'perp' | 'inverse',
  base = 'ETH',
  overrides: Partial<InstrumentSpec> = {},
): Instrument {
  const inverse = kind === 'inverse'
  return new Instrument({
    base,
    quote: inverse ? 'USD' : 'USDC',
    kind: kind === 'spot' ? 'spot' : 'perp',
    venue: kind === 'spot' ? 'ideal-spot' : inverse ? 'ideal-coin' : 'ideal',
    venueSymbol: `${base}-${kind}`,
    payoff: inverse ? 'inverse' : 'linear',
    settle: inverse ? base : 'USDC',
    tickSize: '0.1',
    lotSize: inverse ? '1' : '0.01',
    multiplier: inverse ? '10' : '1',
    fees: { makerBps: 0, takerBps: 0, source: 'ideal' },
    source: 'ideal market',
    ...overrides,
  })
}
