/**
 * Goal: engine and venue never call each other in a circle, however stubborn a policy; and an answer about an order
 * that was forgotten is money all the same: the ledger has it, and the gate judges what comes after by it.
 *
 * Method: a policy that answers every rejection with the same order, at the replayed exchange, with and without
 * latency; then fills of orders that had ended, told to the engine under the real gate.
 */

import { expect, test } from 'vitest'
import { SECOND_US } from '../src/core/clock.ts'
import { Engine, type VenuePort } from '../src/engine/engine.ts'
import { MuteVenue } from '../src/engine/replayJournal.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { Instrument, Universe } from '../src/market/instrument.ts'
import type { Intent, OrderEvent } from '../src/market/order.ts'
import { Flag, Kind, MemoryTape, MergedTape } from '../src/market/tape.ts'
import type { Policy, PolicyContext } from '../src/policies/policy.ts'
import { type Gate, OpenGate } from '../src/risk/gate.ts'
import { DEFAULT_RISK, type RiskConfig } from '../src/risk/riskConfig.ts'
import { RiskGate } from '../src/risk/riskGate.ts'
import { runBacktest } from '../src/sim/backtest.ts'
import { constantLatency } from '../src/sim/latencyModels.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

const universe = new Universe([
  new Instrument({
    base: 'BTC',
    quote: 'USDT',
    kind: 'perp',
    venue: 'test',
    venueSymbol: 'BTCUSDT',
    payoff: 'linear',
    settle: 'USDT',
    tickSize: '1',
    lotSize: '0.001',
    multiplier: '1',
    source: 'test',
  }),
])
const cash = { USDT: 100_000 }
const START_US = 1_720_000_000_000_000

/** Post-only, and through the market: rejected for as long as the book stands. */
const CROSSING: Intent = { instrument: 0, side: 1, lots: 1, type: 'limit', tick: 50_010, postOnly: true }

/** Sends one order at the first book, and again whenever it is rejected. */
class Stubborn implements Policy {
  readonly name = 'stubborn'
  readonly settings = {}
  context!: PolicyContext
  rejected = 0
  refused = ''
  deepest = 0
  #depth = 0
  #begun = false

  start(context: PolicyContext): number[] {
    this.context = context
    return [0]
  }

  onMarket(): void {
    if (!this.#begun) this.#insist()
    this.#begun = true
  }

  onOrder(event: OrderEvent): void {
    this.deepest = Math.max(this.deepest, ++this.#depth)
    if (event.kind === 'rejected') {
      this.rejected++
      this.#insist()
    }
    this.#depth--
  }

  #insist(): void {
    if (this.context.submit(CROSSING) === 0) this.refused = this.context.lastRefusal
  }
}

/** A standing book, repeated every second. */
function standing(seconds: number): MemoryTape {
  const tape = new MemoryTape()
  for (let second = 0; second <= seconds; second++) {
    const timeUs = START_US + second * SECOND_US
    tape.push(timeUs, timeUs, Kind.DEPTH, 0, 1, 49_999, 100, 0, Flag.RESET)
    tape.push(timeUs, timeUs, Kind.DEPTH, 0, -1, 50_001, 100, 0, Flag.END)
  }
  return tape
}

function insist(latencyUs: number, gate: (parts: ConstructorParameters<typeof RiskGate>[1]) => Gate): Stubborn {
  const policy = new Stubborn()
  const venue = new ReplayedExchange({ universe, cash, settings: { latency: constantLatency(latencyUs) } })
  const engine = new Engine({ universe, policies: [policy], gate, journal: new NoJournal(), venue, cash, seed: 1 })
  runBacktest(
    engine,
    venue,
    new MergedTape([{ source: standing(2).reader() }], 'venue'),
    new MergedTape([{ source: standing(2).reader() }], 'received'),
  )
  return policy
}

test('an order sent in answer to a rejection is answered in its turn, never from within', () => {
  const policy = insist(500, () => new OpenGate())
  // A millisecond there and back, for two seconds and the minute in which answers still come; no deeper than one.
  expect(policy.rejected).toBeGreaterThan(60_000)
  expect(policy.deepest).toBe(1)
})

test('at a venue without latency, where no time passes, the message rate ends it', () => {
  const risk: RiskConfig = { ...DEFAULT_RISK, breakers: [] }
  const policy = insist(0, (parts) => new RiskGate(risk, parts))
  const { burst, reserve } = risk.limits.messageRate
  expect(policy.rejected).toBe(burst - reserve)
  expect(policy.refused).toBe('message-rate')
  expect(policy.deepest).toBe(1)
})

test('a venue that answers from inside a call is a broken contract, not a recursion', () => {
  for (const what of ['submit', 'cancel', 'amend'] as const) {
    let engine: Engine | undefined
    let id = 0
    class Rude extends MuteVenue implements VenuePort {
      #answer(): void {
        engine!.stepOrder({ ...fillOf(id, 1, 1), kind: 'rejected' })
      }
      override submit(): void {
        if (what === 'submit') this.#answer()
      }
      override cancel(): void {
        if (what === 'cancel') this.#answer()
      }
      override amend(): void {
        if (what === 'amend') this.#answer()
      }
    }
    const policy = new Stubborn()
    engine = new Engine({
      universe,
      policies: [policy],
      gate: () => new OpenGate(),
      journal: new NoJournal(),
      venue: new Rude(),
      cash,
      seed: 1,
    })
    engine.start()
    const { context } = policy
    const act = () => {
      id = context.submit(CROSSING)
      context.amend(id, 50_000, 2)
      context.cancel(id)
    }
    expect(act, what).toThrow('a venue answers later')
    expect(policy.rejected).toBe(0)
  }
})

function fillOf(orderId: number, lots: number, fillId: number): OrderEvent {
  return {
    kind: 'filled',
    timeUs: START_US + 10,
    venueTimeUs: START_US,
    orderId,
    instrument: 0,
    side: 1,
    tick: 50_000,
    lots,
    leavesLots: 0,
    feeAtoms: 25,
    liquidity: 'maker',
    reason: '',
    fillId,
    queueAheadLots: -1,
  }
}

test.each(['cancelled', 'expired', 'cancel-rejected', 'never sent'] as const)(
  'a fill of an order that is no longer known (%s) is booked once, and the gate counts it',
  (ending) => {
    const idle: Policy = { name: 'idle', settings: {}, start: () => [0], onMarket: () => {} }
    const risk: RiskConfig = {
      ...DEFAULT_RISK,
      limits: { ...DEFAULT_RISK.limits, instrument: { ...DEFAULT_RISK.limits.instrument, positionLotsMax: 10 } },
      breakers: [],
    }
    const told: (number | undefined)[] = []
    const engine = new Engine({
      universe,
      policies: [idle],
      gate: (parts) => new RiskGate(risk, parts),
      journal: new NoJournal(),
      venue: new MuteVenue(),
      cash,
      seed: 1,
      observer: { onOrderEvent: (event, order) => event.kind === 'filled' && told.push(order?.id) },
    })
    const tape = new MergedTape([{ source: standing(0).reader() }])
    while (tape.advance()) engine.stepRow(tape.batch, tape.row, tape.instrument, tape.timeUs)
    const buy = (lots: number) => engine.submit({ instrument: 0, side: 1, lots, type: 'limit', tick: 49_990 }, 0)
    let id = 99
    if (ending !== 'never sent') {
      ;({ id } = buy(10))
      expect(buy(1).refusal).toBe('position-size')
      engine.cancel(id, 0)
      const reason = ending === 'cancel-rejected' ? 'unknown-order' : ''
      engine.stepOrder({ ...fillOf(id, 10, 0), kind: ending, feeAtoms: 0, reason })
    }
    expect(engine.order(id)).toBeUndefined()

    const before = engine.ledger.cashAtoms('USDT')
    engine.stepOrder(fillOf(id, 10, 7))
    engine.stepOrder(fillOf(id, 10, 7))
    expect(engine.ledger.lots(0)).toBe(10)
    expect(engine.ledger.cashAtoms('USDT')).toBe(before - 25)
    expect(engine.ledger.holding(0)).toMatchObject({ fills: 1, feesAtoms: 25 })
    expect(told).toEqual([undefined])
    // The limit sees the position; closing it is let through.
    expect(buy(1).refusal).toBe('position-size')
    expect(engine.submit({ instrument: 0, side: -1, lots: 10, type: 'limit', tick: 50_010 }, 0).refusal).toBe('')
  },
)
