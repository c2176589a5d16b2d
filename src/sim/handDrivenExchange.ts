/**
 * @file A replayed exchange driven by hand, for tests: rows and orders are given one by one, answers are read back.
 *
 * Its instrument is as plain as can be, one tick a dollar, one lot a coin, no fees, so that money is tick × lots.
 */

import type { Side } from '../market/book.ts'
import { Instrument, type InstrumentSpec, Universe } from '../market/instrument.ts'
import type { AccountEvent, Intent, Order, OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import { constantLatency } from './latencyModels.ts'
import { ReplayedExchange } from './replayedExchange.ts'
import type { VenueSettings } from './venueRules.ts'

/** A perpetual whose tick is a dollar and whose lot is a coin. */
export const PLAIN_PERP: InstrumentSpec = {
  base: 'BTC',
  quote: 'USDT',
  kind: 'perp',
  venue: 'test',
  venueSymbol: 'BTC',
  payoff: 'linear',
  settle: 'USDT',
  tickSize: '1',
  lotSize: '1',
  multiplier: '1',
  source: 'test',
}

type Level = readonly [tick: number, lots: number]

export class HandDrivenExchange {
  readonly exchange: ReplayedExchange
  readonly universe: Universe
  readonly #batch = new TapeBatch(8)
  #lastId = 0
  #sequence = 0

  /** Without settings orders and answers take no time and margin is not asked for. */
  constructor(
    settings: VenueSettings = {},
    specs: readonly InstrumentSpec[] = [PLAIN_PERP],
    cash: Readonly<Record<string, number>> = { USDT: 1_000_000 },
  ) {
    this.universe = new Universe(specs.map((spec) => new Instrument(spec)))
    this.exchange = new ReplayedExchange({
      universe: this.universe,
      cash,
      settings: { latency: constantLatency(0), margin: 'none', ...settings },
    })
  }

  row(timeUs: number, kind: number, side: number, tick: number, lots: number, value = 0, flags = 1, at = 0): this {
    this.#batch.count = 0
    this.#batch.push(timeUs, timeUs, kind, at, side, tick, lots, value, flags)
    this.exchange.onRow(this.#batch, 0, at, timeUs)
    return this
  }

  /** Replaces the book. */
  book(timeUs: number, bids: readonly Level[], asks: readonly Level[], at = 0): this {
    const rows = [
      ...bids.map(([tick, lots]) => [1, tick, lots] as const),
      ...asks.map(([tick, lots]) => [-1, tick, lots] as const),
    ]
    for (const [index, [side, tick, lots]] of rows.entries()) {
      const first = index === 0 ? Flag.RESET : 0
      const last = index === rows.length - 1 ? Flag.END : 0
      this.row(timeUs, Kind.DEPTH, side, tick, lots, 0, Flag.SNAPSHOT | first | last, at)
    }
    return this
  }

  depth(timeUs: number, side: Side, tick: number, lots: number, at = 0): this {
    return this.row(timeUs, Kind.DEPTH, side, tick, lots, 0, Flag.END, at)
  }

  /** @param side Of the aggressor. */
  trade(timeUs: number, side: Side | 0, tick: number, lots: number, at = 0): this {
    return this.row(timeUs, Kind.TRADE, side, tick, lots, ++this.#sequence, Flag.END, at)
  }

  bar(closeUs: number, [open, high, low, close]: readonly number[], lots: number, durationUs: number, at = 0): this {
    this.row(closeUs, Kind.BAR_OPEN, 0, open!, 0, 0, 0, at)
    this.row(closeUs, Kind.BAR_HIGH, 0, high!, 0, 0, 0, at)
    this.row(closeUs, Kind.BAR_LOW, 0, low!, 0, 0, 0, at)
    return this.row(closeUs, Kind.BAR_CLOSE, 0, close!, lots, durationUs, Flag.END, at)
  }

  mark(timeUs: number, price: number, at = 0): this {
    return this.row(timeUs, Kind.MARK, 0, 0, 0, price, Flag.END, at)
  }

  /** Sends an order at `timeUs` and lets it arrive, if it takes no time; a limit order unless said otherwise. */
  send(timeUs: number, side: Side, lots: number, tick: number, more: Partial<Intent> = {}): number {
    const id = ++this.#lastId
    const type = more.type ?? 'limit'
    const order: Order = {
      id,
      instrument: 0,
      side,
      lots,
      tick,
      type,
      timeInForce: type === 'market' ? 'IOC' : 'GTC',
      policy: 0,
      sentUs: timeUs,
      decisionTick: Number.NaN,
      ...more,
    }
    this.exchange.submit(order)
    this.exchange.advanceTo(timeUs)
    return id
  }

  cancel(timeUs: number, id: number, at = 0): this {
    this.exchange.cancel(id, at, timeUs)
    this.exchange.advanceTo(timeUs)
    return this
  }

  amend(timeUs: number, id: number, tick: number, lots: number, at = 0): this {
    this.exchange.amend(id, at, tick, lots, timeUs)
    this.exchange.advanceTo(timeUs)
    return this
  }

  /** All answers on their way, in order of delivery. */
  answers(): { order?: OrderEvent; account?: AccountEvent }[] {
    const all: { order?: OrderEvent; account?: AccountEvent }[] = []
    while (this.exchange.nextDeliveryUs < Number.POSITIVE_INFINITY) all.push(this.exchange.takeDelivery())
    return all
  }

  /** The answers in a few words each: `1 accepted`, `1 filled 3@100 maker`, `2 rejected post-only`, `funding -5`. */
  said(): string[] {
    return this.answers().map(({ order, account }) => {
      if (account) {
        const traded = account.side === 0 ? '' : ` ${account.side > 0 ? '+' : '-'}${account.lots}@${account.tick}`
        return `${account.kind}${traded}${account.cashAtoms === 0 ? '' : ` ${account.cashAtoms}`}`
      }
      const { orderId, kind, lots, tick, liquidity, reason } = order!
      if (kind === 'filled') return `${orderId} filled ${lots}@${tick} ${liquidity}`
      return `${orderId} ${kind}${reason === '' ? '' : ` ${reason}`}`
    })
  }

  /** The fills among the answers. */
  fills(): OrderEvent[] {
    return this.answers().flatMap(({ order }) => (order?.kind === 'filled' ? [order] : []))
  }
}
