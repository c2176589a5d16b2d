/**
 * Goal: the loop deals with one event completely before the next, writes before it acts, and lets nothing past the gate.
 * Method: a scripted policy, a recording venue port and a recording journal; the order of what they saw is the assertion.
 */

import { describe, expect, test } from 'vitest'
import { testPerpetual } from '../../tests/testPerpetual.ts'
import { type Journal, NoJournal } from '../journal/journal.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import type { Intent, Order, OrderEvent } from '../market/order.ts'
import { Flag, Kind, TapeBatch } from '../market/tape.ts'
import type { Policy, PolicyContext } from '../policies/policy.ts'
import { type GateAct, OpenGate } from '../risk/gate.ts'
import { Engine, type VenuePort } from './engine.ts'

const universe = new Universe(['BTC', 'ETH'].map((base) => new Instrument(testPerpetual(base))))

const INTENT: Intent = { instrument: 0, side: 1, lots: 10, type: 'limit', tick: 999 }

/** A policy whose every hook is a function of the test. */
class Scripted implements Policy {
  readonly name = 'scripted'
  readonly settings = {}
  context!: PolicyContext
  readonly heard: string[] = []
  market: (context: PolicyContext) => void = () => {}
  onTimerDo: (name: string) => void = () => {}
  readonly #instruments: number[]

  constructor(instruments: number[] = [0]) {
    this.#instruments = instruments
  }

  start(context: PolicyContext): number[] {
    this.context = context
    return this.#instruments
  }

  onMarket(instrument: number): void {
    this.heard.push(`market ${instrument}`)
    this.market(this.context)
  }

  onOrder(event: OrderEvent): void {
    this.heard.push(`${event.kind} ${event.orderId}`)
  }

  onTimer(name: string): void {
    this.heard.push(`timer ${name}`)
    this.onTimerDo(name)
  }
}

class RecordingVenue implements VenuePort {
  readonly log: string[]
  readonly orders: Order[] = []
  constructor(log: string[] = []) {
    this.log = log
  }
  submit(order: Order): void {
    this.orders.push(order)
    this.log.push(`venue submit ${order.id} ${order.type} ${order.side * order.lots}`)
  }
  cancel(id: number): void {
    this.log.push(`venue cancel ${id}`)
  }
  amend(id: number, _instrument: number, tick: number, lots: number): void {
    this.log.push(`venue amend ${id} ${tick} ${lots}`)
  }
}

class RecordingJournal extends NoJournal implements Journal {
  readonly log: string[]
  constructor(log: string[]) {
    super()
    this.log = log
  }
  override order(order?: Order): void {
    this.log.push(`journal order ${order!.id}`)
  }
  override commit(): void {
    this.log.push('journal commit')
  }
  override gateAct(act?: GateAct): void {
    this.log.push(`journal ${act!.act}`)
  }
  override refusal(_intent?: Intent, _policy?: number, limit?: string): void {
    this.log.push(`journal refusal ${limit}`)
  }
}

function setup(options: { policies?: Policy[]; gate?: OpenGate; log?: string[] } = {}) {
  const log = options.log ?? []
  const policy = new Scripted()
  const venue = new RecordingVenue(log)
  const engine = new Engine({
    universe,
    policies: options.policies ?? [policy],
    gate: () => options.gate ?? new OpenGate(),
    journal: new RecordingJournal(log),
    venue,
    cash: { USDT: 1_000 },
    seed: 1,
  })
  engine.start()
  return { engine, policy, venue, log }
}

const batch = new TapeBatch(16)
/** One message: a bid and an ask around `mid`. */
function message(engine: Engine, timeUs: number, instrument = 0, mid = 1_000): void {
  batch.count = 0
  batch.push(timeUs, timeUs - 10, Kind.DEPTH, instrument, 1, mid - 1, 5, 0, Flag.RESET)
  batch.push(timeUs, timeUs - 10, Kind.DEPTH, instrument, -1, mid + 1, 5, 0, Flag.END)
  engine.stepRow(batch, 0, instrument, timeUs)
  engine.stepRow(batch, 1, instrument, timeUs)
}

function answer(kind: OrderEvent['kind'], orderId: number, more: Partial<OrderEvent> = {}): OrderEvent {
  return {
    kind,
    timeUs: 0,
    venueTimeUs: 0,
    orderId,
    instrument: 0,
    side: 1,
    tick: 999,
    lots: 10,
    leavesLots: kind === 'filled' ? 0 : 10,
    feeAtoms: 0,
    liquidity: kind === 'filled' ? 'maker' : '',
    reason: '',
    fillId: 0,
    queueAheadLots: -1,
    ...more,
  }
}

test('a policy hears of its instruments only, once for each message', () => {
  const { engine, policy } = setup()
  message(engine, 1)
  message(engine, 2, 1)
  message(engine, 3)
  expect(policy.heard).toEqual(['market 0', 'market 0'])
})

test('an order is journaled and committed before it leaves', () => {
  const { engine, policy, log } = setup()
  policy.market = (context) => {
    if (context.orders().length === 0) context.submit(INTENT)
  }
  message(engine, 1)
  expect(log).toEqual(['journal order 1', 'journal commit', 'venue submit 1 limit 10'])
  expect(policy.context.order(1)).toMatchObject({ state: 'sent', leavesLots: 10 })
})

test('what the gate refuses never leaves, and the policy learns the limit’s name', () => {
  class ShutGate extends OpenGate {
    override judge(): string {
      return 'position-limit'
    }
  }
  const { engine, policy, log } = setup({ gate: new ShutGate() })
  message(engine, 1)
  expect(policy.context.submit(INTENT)).toBe(0)
  expect(policy.context.lastRefusal).toBe('position-limit')
  expect(log).toEqual(['journal refusal position-limit'])
})

test('time never runs backwards for a policy, whatever the feed says', () => {
  const { engine, policy } = setup()
  message(engine, 50)
  message(engine, 40)
  expect(policy.context.clock.nowUs).toBe(50)
})

describe('the life of an order', () => {
  test('sent, open, part filled, filled: then it is gone and the ledger has it', () => {
    const { engine, policy } = setup()
    message(engine, 1)
    const id = policy.context.submit(INTENT)
    engine.stepOrder(answer('accepted', id))
    expect(policy.context.order(id)?.state).toBe('open')
    engine.stepOrder(answer('filled', id, { lots: 4, leavesLots: 6, fillId: 1 }))
    expect(policy.context.order(id)?.leavesLots).toBe(6)
    engine.stepOrder(answer('filled', id, { lots: 6, leavesLots: 0, fillId: 2 }))
    expect(policy.context.order(id)).toBeUndefined()
    expect(engine.ledger.lots(0)).toBe(10)
  })

  test('a fill told twice is booked once', () => {
    const { engine, policy } = setup()
    message(engine, 1)
    const id = policy.context.submit(INTENT)
    const fill = answer('filled', id, { lots: 4, leavesLots: 6, fillId: 77 })
    engine.stepOrder(fill)
    engine.stepOrder(fill)
    expect(engine.ledger.lots(0)).toBe(4)
    expect(policy.heard.filter((each) => each.startsWith('filled'))).toHaveLength(1)
  })

  test('a fill that overtakes a cancellation still counts, and the late refusal of the cancel ends the order', () => {
    const { engine, policy, log } = setup()
    message(engine, 1)
    const id = policy.context.submit(INTENT)
    policy.context.cancel(id)
    policy.context.cancel(id)
    expect(log.filter((each) => each === `venue cancel ${id}`)).toHaveLength(1)
    engine.stepOrder(answer('filled', id, { fillId: 5 }))
    engine.stepOrder(answer('cancel-rejected', id, { reason: 'unknown-order' }))
    expect(engine.ledger.lots(0)).toBe(10)
    expect([...engine.openOrders()]).toEqual([])
  })

  test('an amended order keeps its id; while the venue has not answered it cannot be amended again', () => {
    const { engine, policy, log } = setup()
    message(engine, 1)
    const id = policy.context.submit(INTENT)
    engine.stepOrder(answer('accepted', id))
    policy.context.amend(id, 998, 20)
    policy.context.amend(id, 997, 20)
    expect(policy.context.lastRefusal).toBe('order-busy')
    engine.stepOrder(answer('amended', id, { tick: 998, lots: 20, leavesLots: 20 }))
    expect(policy.context.order(id)).toMatchObject({ state: 'open', tick: 998, leavesLots: 20 })
    expect(log.filter((each) => each.startsWith('venue amend'))).toEqual([`venue amend ${id} 998 20`])
  })

  test('one policy cannot touch another’s orders', () => {
    const first = new Scripted()
    const second = new Scripted()
    const { engine, log } = setup({ policies: [first, second] })
    message(engine, 1)
    const id = first.context.submit(INTENT)
    second.context.cancel(id)
    second.context.cancelAll()
    expect(second.context.order(id)).toBeUndefined()
    expect(log.some((each) => each.startsWith('venue cancel'))).toBe(false)
  })
})

describe('what the gate demands is done at once', () => {
  class DemandingGate extends OpenGate {
    demands: GateAct[] = []
    override takeActs(): undefined {
      const acts = this.demands
      this.demands = []
      return (acts.length > 0 ? acts : undefined) as undefined
    }
  }
  const act = (kind: GateAct['act'], scope: GateAct['scope'] = { of: 'account' }): GateAct => ({
    act: kind,
    breaker: 'drawdown',
    scope,
    timeUs: 0,
    measured: 2,
    allowed: 1,
    unit: '%',
    confirmations: 1,
  })

  test('flatten cancels what rests and closes what is held, at market and reduce-only', () => {
    const gate = new DemandingGate()
    const { engine, policy, venue, log } = setup({ gate })
    message(engine, 1)
    policy.context.submit(INTENT)
    engine.stepOrder(answer('filled', 1, { lots: 7, leavesLots: 3, fillId: 1 }))
    gate.demands = [act('flatten')]
    message(engine, 2)
    expect(log.slice(-5)).toEqual([
      'journal commit',
      'venue cancel 1',
      'journal order 2',
      'journal commit',
      'venue submit 2 market -7',
    ])
    expect(venue.orders[1]).toMatchObject({ reduceOnly: true, policy: -1, tag: 'drawdown', timeInForce: 'IOC' })
  })

  test('a position-wide act leaves other instruments alone; pause leaves what rests', () => {
    const gate = new DemandingGate()
    const policy = new Scripted([0, 1])
    const { engine, log } = setup({ gate, policies: [policy] })
    message(engine, 1)
    policy.context.submit(INTENT)
    policy.context.submit({ ...INTENT, instrument: 1 })
    gate.demands = [act('pause')]
    message(engine, 2)
    expect(log.some((each) => each.startsWith('venue cancel'))).toBe(false)
    gate.demands = [act('cancel', { of: 'position', instrument: 1 })]
    message(engine, 3)
    expect(log.filter((each) => each.startsWith('venue cancel'))).toEqual(['venue cancel 2'])
  })
})

describe('timers', () => {
  test('run in order of time, then of asking, once each', () => {
    const { engine, policy } = setup()
    message(engine, 1)
    policy.context.schedule(30, 'c')
    policy.context.schedule(10, 'a')
    policy.context.schedule(10, 'b')
    expect(engine.nextClockUs).toBe(10)
    engine.stepClock(25)
    engine.stepClock(40)
    expect(policy.heard.slice(1)).toEqual(['timer a', 'timer b', 'timer c'])
    expect(engine.nextClockUs).toBe(Number.POSITIVE_INFINITY)
  })

  test('a timer set for now by a timer runs in the same step', () => {
    const { engine, policy } = setup()
    policy.onTimerDo = (name) => {
      if (name === 'first') policy.context.schedule(5, 'second')
    }
    policy.context.schedule(5, 'first')
    engine.stepClock(5)
    expect(policy.heard).toEqual(['timer first', 'timer second'])
  })
})

test('a timer without a time is refused: before the first event there is no now to count from', () => {
  const { policy } = setup()
  const { context } = policy
  expect(() => context.schedule(context.clock.nowUs + 1_000, 'soon')).toThrow(
    expect.objectContaining({ code: 'argument-invalid' }),
  )
})

test('chance is a policy’s own: adding a policy does not move another’s draws', () => {
  const alone = new Scripted()
  setup({ policies: [alone] })
  const beside = new Scripted()
  setup({ policies: [beside, new Scripted()] })
  expect(alone.context.random.uniform()).toBe(beside.context.random.uniform())
})
