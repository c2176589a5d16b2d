/**
 * Goal: whatever a policy asks for, in whatever order the venue answers, what the gate let through keeps every promise.
 * Method: random orders, amendments, cancellations, fills and market moves against the real engine; after each step
 * the worst case is added up anew by the slowest code that could be right, and every order that left is looked at.
 */

import fc from 'fast-check'
import { expect, test } from 'vitest'
import { SECOND_US } from '../core/clock.ts'
import { Engine, type VenuePort } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { ASK, BID, type Side } from '../market/book.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import type { Order, OrderEvent, OrderEventKind } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { Policy, PolicyContext } from '../policies/policy.ts'
import { DEFAULT_RISK, type RiskConfig } from './riskConfig.ts'
import { RiskGate } from './riskGate.ts'

const universe = new Universe(
  ['BTC', 'ETH'].map(
    (base) =>
      new Instrument({
        base,
        quote: 'USDT',
        kind: 'perp',
        venue: 'test',
        venueSymbol: base,
        payoff: 'linear',
        settle: 'USDT',
        tickSize: '1',
        lotSize: '1',
        multiplier: '1',
        source: 'test',
      }),
  ),
)

const COLLAR_BPS = 500
const POSITION_MAX = 20
const ORDER_MAX = 9
const OPEN_MAX = 5
const CONFIG: RiskConfig = {
  ...DEFAULT_RISK,
  limits: {
    ...DEFAULT_RISK.limits,
    instrument: {
      ...DEFAULT_RISK.limits.instrument,
      collarBps: COLLAR_BPS,
      takerCollarBps: COLLAR_BPS,
      orderLotsMax: ORDER_MAX,
      positionLotsMax: POSITION_MAX,
      openOrdersMax: OPEN_MAX,
    },
    grossExposureMax: 35_000,
    messageRate: { perSecond: 1e6, burst: 1e6, reserve: 0 },
  },
  breakers: [],
}

/** What the venue knows of an order: it may be asked to change it before it has told anyone about the last change. */
interface Resting {
  readonly order: Order
  tick: number
  total: number
  filled: number
}

/** A venue that does nothing until told to, and then one thing at a time. */
class SlowVenue implements VenuePort {
  readonly inbox: (() => void)[] = []
  readonly resting = new Map<number, Resting>()
  readonly sent: Order[] = []
  readonly amended: { readonly id: number; readonly tick: number; readonly lots: number }[] = []
  readonly lots = [0, 0]
  answer: (event: OrderEvent) => void = () => {}
  #fills = 0

  submit(order: Order): void {
    this.sent.push(order)
    this.inbox.push(() => {
      this.resting.set(order.id, { order, tick: order.tick, total: order.lots, filled: 0 })
      this.#tell('accepted', order.id)
    })
  }

  cancel(id: number): void {
    this.inbox.push(() => {
      if (!this.resting.has(id)) return
      this.#tell('cancelled', id)
      this.resting.delete(id)
    })
  }

  amend(id: number, _instrument: number, tick: number, lots: number): void {
    this.amended.push({ id, tick, lots })
    this.inbox.push(() => {
      const resting = this.resting.get(id)
      if (!resting) return
      const refused = lots <= resting.filled
      if (!refused) Object.assign(resting, { tick, total: lots })
      this.#tell(refused ? 'amend-rejected' : 'amended', id)
    })
  }

  /** Fills some of the nth resting order, as much as it holds and reduce-only permits. */
  fill(nth: number, wanted: number): void {
    const resting = [...this.resting.values()][nth % Math.max(1, this.resting.size)]
    if (!resting) return
    const { order } = resting
    const closable = Math.max(0, -order.side * this.lots[order.instrument]!)
    const left = resting.total - resting.filled
    const lots = Math.min(wanted, left, order.reduceOnly ? closable : left)
    if (lots <= 0) return
    resting.filled += lots
    this.lots[order.instrument]! += order.side * lots
    this.#tell('filled', order.id, lots)
    if (resting.filled === resting.total) this.resting.delete(order.id)
  }

  #tell(kind: OrderEventKind, orderId: number, filled = 0): void {
    const { order, tick, total, filled: done } = this.resting.get(orderId)!
    this.answer({
      kind,
      timeUs: 0,
      venueTimeUs: 0,
      orderId,
      instrument: order.instrument,
      side: order.side,
      tick,
      lots: kind === 'filled' ? filled : total,
      leavesLots: kind === 'cancelled' ? 0 : total - done,
      feeAtoms: 0,
      liquidity: kind === 'filled' ? 'maker' : '',
      reason: '',
      fillId: kind === 'filled' ? ++this.#fills : 0,
      queueAheadLots: -1,
    })
  }
}

class Puppet implements Policy {
  readonly name = 'puppet'
  readonly settings = {}
  context!: PolicyContext
  start(context: PolicyContext): readonly number[] {
    this.context = context
    return [0, 1]
  }
  onMarket(): void {}
}

const instrument = fc.integer({ min: 0, max: 1 })
const side = fc.constantFrom<Side>(BID, ASK)
/** Mostly sensible, sometimes a slip of a digit, sometimes no number at all. */
const lots = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: 1, max: 10 }) },
  fc.constantFrom(0, -5, 100, 2.5, Number.NaN),
)
const shift = fc.oneof(
  { weight: 9, arbitrary: fc.integer({ min: -70, max: 70 }) },
  fc.constantFrom(-900, 9_000, 0.5, Number.NaN),
)
const nth = fc.integer({ min: 0, max: 9 })
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('order' as const),
      instrument,
      side,
      lots,
      shift,
      reduceOnly: fc.boolean(),
    }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('amend' as const), nth, lots, shift }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('cancel' as const), nth }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constant('venue' as const) }) },
  { weight: 5, arbitrary: fc.record({ do: fc.constant('fill' as const), nth, lots: fc.integer({ min: 1, max: 10 }) }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constant('market' as const), instrument, mid: fc.integer({ min: 950, max: 1_050 }) }),
  },
)

test('position and open orders never exceed the limit, no order leaves the collar, no number is NaN', () => {
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 120 }), (steps) => {
      const venue = new SlowVenue()
      const puppet = new Puppet()
      const engine = new Engine({
        universe,
        policies: [puppet],
        gate: (parts) => new RiskGate(CONFIG, parts),
        journal: new NoJournal(),
        venue,
        cash: { USDT: 1_000_000 },
        seed: 1,
      })
      venue.answer = (event) => engine.stepOrder(event)
      let nowUs = SECOND_US
      const mids = [1_000, 1_000]
      const quote = (index: number, mid: number) => {
        const batch = new TapeBatch(8)
        mids[index] = mid
        batch.push(nowUs, nowUs, Kind.DEPTH, index, BID, mid - 1, 500, 0, Flag.RESET)
        batch.push(nowUs, nowUs, Kind.DEPTH, index, ASK, mid + 1, 500, 0, Flag.END)
        for (let row = 0; row < 2; row++) engine.stepRow(batch, row, index, nowUs)
      }
      quote(0, 1_000)
      quote(1, 1_000)
      const { context } = puppet
      const within = (tick: number, index: number) =>
        Math.abs(tick - mids[index]!) * 10_000 <= COLLAR_BPS * mids[index]!

      for (const each of steps) {
        nowUs += 1_000
        const own = context.orders()
        const [sent, amended] = [venue.sent.length, venue.amended.length]
        if (each.do === 'order')
          context.submit({
            instrument: each.instrument,
            side: each.side,
            lots: each.lots,
            type: 'limit',
            tick: mids[each.instrument]! + each.shift,
            reduceOnly: each.reduceOnly,
          })
        else if (each.do === 'venue') venue.inbox.shift()?.()
        else if (each.do === 'fill') venue.fill(each.nth, each.lots)
        else if (each.do === 'market') quote(each.instrument, each.mid)
        else {
          const order = own[each.nth % Math.max(1, own.length)]
          if (order && each.do === 'cancel') context.cancel(order.id)
          else if (order && each.do === 'amend')
            context.amend(order.id, mids[order.instrument]! + each.shift, each.lots)
        }

        for (const order of venue.sent.slice(sent)) {
          expect(within(order.tick, order.instrument)).toBe(true)
          expect(order.lots).toBeLessThanOrEqual(ORDER_MAX)
        }
        for (const { id, tick, lots: total } of venue.amended.slice(amended)) {
          expect(within(tick, engine.order(id)!.instrument)).toBe(true)
          expect(Number.isSafeInteger(total)).toBe(true)
        }
        // The truth is the venue's: what rests there, and what is still on its way to it.
        for (const index of [0, 1]) {
          const open = context.orders().filter((order) => order.instrument === index)
          expect(open.length).toBeLessThanOrEqual(OPEN_MAX)
          for (const way of [BID, ASK]) {
            let worst = way * venue.lots[index]!
            for (const order of open) if (order.side === way) worst += worstLeaves(venue, order.id, order.lots)
            expect(worst).toBeLessThanOrEqual(POSITION_MAX)
          }
        }
      }
    }),
    { numRuns: 300, seed: 20260115 },
  )
})

/** Most that may still fill of an order: at its size at the venue, or as last asked for. */
function worstLeaves(venue: SlowVenue, id: number, lots: number): number {
  const resting = venue.resting.get(id)
  const filled = resting?.filled ?? 0
  const asked = venue.amended.findLast((amendment) => amendment.id === id)?.lots ?? 0
  return Math.max(resting?.total ?? lots, asked) - filled
}
