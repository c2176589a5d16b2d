/**
 * @file One account at the simulated venue: its exchange, its orders by client order id, its fills and its money.
 *
 * An account outlives every connection. All it says is as of what its exchange has answered so far, so that open
 * orders, fills, positions and cash always belong to the same moment.
 */

import type { Universe } from '../../market/instrument.ts'
import type { MarketState } from '../../market/marketState.ts'
import type { AccountEvent, Order, OrderEvent } from '../../market/order.ts'
import { Ledger } from '../../portfolio/portfolio.ts'
import type { SimulatedVenue } from '../../sim/backtest.ts'
import type { VenueFrame, WireAccountEvent, WireOrder, WireOrderEvent, WireSnapshot } from './wire.ts'

/** An order as the venue holds it. */
interface Held {
  readonly clientId: string
  readonly id: number
  readonly instrument: number
  readonly side: 1 | -1
  tick: number
  lots: number
  leavesLots: number
  open: boolean
}

export class SimulatedAccount {
  readonly exchange: SimulatedVenue
  /** Takes frames for the client; does nothing while none is connected. */
  send: (frame: VenueFrame) => void = () => {}
  /** Submissions under a client order id seen before: none of them became an order. */
  repeated = 0
  readonly #universe: Universe
  readonly #ledger: Ledger
  readonly #byClientId = new Map<string, Held>()
  readonly #byId = new Map<number, Held>()
  readonly #fills: WireOrderEvent[] = []
  readonly #events: WireAccountEvent[] = []

  /** @param cash Opening balances in whole units by currency; those the exchange was opened with. */
  constructor(
    universe: Universe,
    markets: readonly MarketState[],
    cash: Readonly<Record<string, number>>,
    exchange: SimulatedVenue,
  ) {
    this.#universe = universe
    this.#ledger = new Ledger(universe, markets, cash)
    this.exchange = exchange
  }

  /** Every client order id ever taken, in order. */
  get clientIds(): string[] {
    return [...this.#byClientId.keys()]
  }

  /** Takes an order, unless its client order id was seen before. */
  submit(clientId: string, order: WireOrder, nowUs: number): void {
    if (this.#byClientId.has(clientId)) {
      this.repeated++
      return
    }
    const { instrument, side, tick, lots } = order
    const id = this.#byClientId.size + 1
    const held: Held = { clientId, id, instrument, side, tick, lots, leavesLots: lots, open: true }
    this.#byClientId.set(clientId, held)
    this.#byId.set(id, held)
    // Absent fields stay absent: the exchange tells `undefined` from a value.
    const given = Object.fromEntries(Object.entries(order).filter(([, value]) => value !== undefined)) as WireOrder
    this.exchange.submit({ ...given, id, policy: 0, sentUs: nowUs, decisionTick: Number.NaN } as Order)
  }

  cancel(clientId: string, nowUs: number): void {
    const held = this.#byClientId.get(clientId)
    if (held) this.exchange.cancel(held.id, held.instrument, nowUs)
    else this.#unknown('cancel-rejected', clientId, nowUs)
  }

  amend(clientId: string, tick: number, lots: number, nowUs: number): void {
    const held = this.#byClientId.get(clientId)
    if (held) this.exchange.amend(held.id, held.instrument, tick, lots, nowUs)
    else this.#unknown('amend-rejected', clientId, nowUs)
  }

  /** Lets everything inside happen that is due, and tells the client what has come of it. */
  advanceTo(nowUs: number): void {
    const { exchange } = this
    for (;;) {
      if (exchange.nextDeliveryUs <= nowUs && exchange.nextDeliveryUs <= exchange.nextInternalUs) {
        const { order, account } = exchange.takeDelivery()
        if (order) this.#onOrder(order)
        if (account) this.#onAccount(account)
      } else if (exchange.nextInternalUs <= nowUs) exchange.advanceTo(exchange.nextInternalUs)
      else return
    }
  }

  snapshot(request: number, fillId: number, accountUs: number, venueTimeUs: number): WireSnapshot {
    const open = [...this.#byClientId.values()].filter((held) => held.open)
    return {
      type: 'snapshot',
      request,
      venueTimeUs,
      openOrders: open.map(({ clientId, instrument, side, tick, lots, leavesLots }) => ({
        clientId,
        instrument,
        side,
        tick,
        lots,
        leavesLots,
      })),
      // Fills are numbered from 1 without gaps.
      fills: this.#fills.slice(Math.min(fillId, this.#fills.length)),
      accountEvents: this.#events.filter((event) => event.venueTimeUs >= accountUs),
      fillId: this.#fills.length,
      accountUs: this.#events.reduce((latest, event) => Math.max(latest, event.venueTimeUs), 0),
      lots: this.#universe.instruments.map((_, index) => this.#ledger.lots(index)),
      cashAtoms: Object.fromEntries(this.#ledger.currencies.map((each) => [each, this.#ledger.cashAtoms(each)])),
    }
  }

  #onOrder(event: OrderEvent): void {
    const held = this.#byId.get(event.orderId)
    if (!held) return
    switch (event.kind) {
      case 'filled':
        held.leavesLots = event.leavesLots
        if (event.leavesLots <= 0) held.open = false
        break
      case 'amended':
        held.tick = event.tick
        held.lots = event.lots
        held.leavesLots = event.leavesLots
        break
      case 'rejected':
      case 'cancelled':
      case 'expired':
        held.open = false
    }
    const { timeUs: _received, orderId: _theirs, ...said } = event
    const filled = event.kind === 'filled'
    const wire = { ...said, clientId: held.clientId, fillId: filled ? this.#fills.length + 1 : 0 }
    if (filled) {
      this.#fills.push(wire)
      this.#ledger.applyFill(event, Number.NaN)
    }
    this.send({ type: 'order', event: wire })
  }

  #onAccount(event: AccountEvent): void {
    const { timeUs: _received, ...wire } = event
    this.#events.push(wire)
    this.#ledger.applyAccount(event)
    this.send({ type: 'account', event: wire })
  }

  #unknown(kind: 'cancel-rejected' | 'amend-rejected', clientId: string, venueTimeUs: number): void {
    const nothing = { instrument: 0, side: 1, tick: 0, lots: 0, leavesLots: 0, feeAtoms: 0 } as const
    const rest = { liquidity: '', reason: 'unknown-order', fillId: 0, queueAheadLots: -1 } as const
    this.send({ type: 'order', event: { clientId, kind, venueTimeUs, ...nothing, ...rest } })
  }
}
