/**
 * Goal: the loop lets neither the engine nor the venue see what has not reached it, ends with both ledgers equal, and
 * does not care how the tape was cut.
 *
 * Method: random markets with feed latency, a policy that quotes, takes, amends and cancels at random, and a watcher
 * on the wire between them. Named cases for what is easy to get wrong at the edges of time.
 */

import { describe, expect, test } from 'vitest'
import { Random } from '../core/random.ts'
import { Engine, type Observer } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { Instrument, type InstrumentSpec, Universe } from '../market/instrument.ts'
import type { AccountEvent, Order, OrderEvent } from '../market/order.ts'
import { Flag, Kind, MemoryTape, MergedTape, RecutTape } from '../market/tape.ts'
import type { Policy, PolicyContext } from '../policies/policy.ts'
import { OpenGate } from '../risk/gate.ts'
import { BacktestLoop, runBacktest } from './backtest.ts'
import { PLAIN_PERP } from './handDrivenExchange.ts'
import { constantLatency, feedLatency, type LatencyModel } from './latencyModels.ts'
import { ReplayedExchange } from './replayedExchange.ts'

const SPECS: InstrumentSpec[] = [
  { ...PLAIN_PERP, tickSize: '0.1', fees: { makerBps: -0.5, takerBps: 4, source: 'test' } },
  { ...PLAIN_PERP, venue: 'other', base: 'ETH', quote: 'USD', payoff: 'inverse', settle: 'ETH', multiplier: '10' },
]

/** Messages of depth and trades around tick 1000 on both instruments, heard 20 to 400 µs late. */
function market(seed: number, messages: number): MemoryTape {
  const random = new Random(seed)
  const tape = new MemoryTape()
  let venueUs = 1e6
  let heardUs = 0
  for (let message = 0; message < messages; message++) {
    venueUs += random.integer(1, 200)
    heardUs = Math.max(heardUs, venueUs + random.integer(20, 400))
    const instrument = message & 1
    const put = (kind: number, side: number, tick: number, lots: number, flags: number, value = 0) =>
      tape.push(heardUs, venueUs, kind, instrument, side, tick, lots, value, flags)
    if (message < 2 || random.integer(0, 400) === 0) {
      for (let level = 0; level < 8; level++) {
        put(Kind.DEPTH, 1, 999 - level, random.integer(1, 9), level === 0 ? Flag.RESET : 0)
        put(Kind.DEPTH, -1, 1001 + level, random.integer(1, 9), level === 7 ? Flag.END : 0)
      }
    } else if (random.integer(0, 2) === 0) {
      put(Kind.TRADE, random.bits() > 0 ? 1 : -1, 1000 + random.integer(-3, 3), random.integer(1, 6), Flag.END)
    } else if (random.integer(0, 60) === 0) {
      put(Kind.FUNDING, 0, 0, 1e6, Flag.END, (random.uniform() - 0.5) / 100)
    } else {
      for (let row = random.integer(0, 2); row >= 0; row--) {
        const side = random.bits() > 0 ? 1 : -1
        put(Kind.DEPTH, side, 1000 - side * random.integer(0, 6), random.integer(0, 9), row === 0 ? Flag.END : 0)
      }
    }
  }
  return tape
}

/** Does a bit of everything, at random. */
class Restless implements Policy {
  readonly name = 'restless'
  readonly settings = {}
  #context!: PolicyContext

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    return [0, 1]
  }

  onMarket(instrument: number): void {
    const { random } = this.#context
    const what = random.integer(0, 19)
    const side = random.bits() > 0 ? 1 : -1
    const own = this.#context.orders()
    if (what < 3) {
      const tick = 1000 - side * random.integer(-1, 4)
      this.#context.submit({ instrument, side, lots: random.integer(1, 5), type: 'limit', tick })
    } else if (what === 3) this.#context.submit({ instrument, side, lots: 2, type: 'market', tick: 0 })
    else if (what === 4 && own.length > 0) this.#context.amend(own[0]!.id, 1000 - own[0]!.side * 2, 3)
    else if (what < 7 && own.length > 3) this.#context.cancel(own[0]!.id)
  }
}

/** Hears everything and checks that it is not too early. */
class Watcher implements Observer {
  readonly sent = new Map<number, number>()
  readonly log: string[] = []
  fills = 0
  readonly #leastUs: number

  constructor(leastUs: number) {
    this.#leastUs = leastUs
  }

  onOrder(order: Order): void {
    this.sent.set(order.id, order.sentUs)
  }

  onOrderEvent(event: OrderEvent): void {
    // There, something at the venue, and back: nothing is known before the way back is over.
    expect(event.venueTimeUs).toBeGreaterThanOrEqual(this.sent.get(event.orderId)! + this.#leastUs)
    expect(event.timeUs).toBeGreaterThanOrEqual(event.venueTimeUs + this.#leastUs)
    if (event.kind === 'filled') this.fills++
    this.log.push(`${event.timeUs} ${event.orderId} ${event.kind} ${event.lots}@${event.tick} ${event.feeAtoms}`)
  }

  onAccountEvent(event: AccountEvent): void {
    this.log.push(`${event.timeUs} ${event.kind} ${event.cashAtoms}`)
  }
}

function run(
  tape: MemoryTape,
  latency: LatencyModel,
  leastUs: number,
  cut?: () => number,
  policy: Policy = new Restless(),
  stretch?: () => number,
) {
  const universe = new Universe(SPECS.map((spec) => new Instrument(spec)))
  const cash = { USDT: 100_000, ETH: 500 }
  const exchange = new ReplayedExchange({ universe, cash, settings: { latency } })
  const watcher = new Watcher(leastUs)
  const engine = new Engine({
    universe,
    policies: [policy],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue: exchange,
    cash,
    seed: 7,
    observer: watcher,
  })
  const source = () => (cut ? new RecutTape(tape.reader(), cut) : tape.reader())
  const venueTape = new MergedTape([{ source: source() }], 'venue')
  const received = new MergedTape([{ source: source() }], 'received')
  if (!stretch) return { engine, exchange, watcher, counts: runBacktest(engine, exchange, venueTape, received) }
  const loop = new BacktestLoop(engine, exchange, venueTape, received)
  while (loop.run(stretch()));
  return { engine, exchange, watcher, counts: loop.finish() }
}

describe.each([
  ['constant latency', () => constantLatency(300, 200), 200],
  ['the latency of the feed', () => feedLatency({ leastUs: 15 }), 15],
  ['no latency at all', () => constantLatency(0), 0],
])('with %s', (_name, latency, leastUs) => {
  test.each([1, 2, 3])('market %i: nothing is early, and both ledgers end equal to the atom', (seed) => {
    const { engine, exchange, watcher, counts } = run(market(seed, 3000), latency(), leastUs)
    expect(watcher.fills).toBeGreaterThan(50)
    expect(counts.rowsAhead).toBe(0)
    for (const [index, instrument] of engine.universe.instruments.entries()) {
      const { lots, costAtoms, realisedAtoms, feesAtoms, fundingAtoms, fills } = exchange
        .ledger(instrument.venue)
        .holding(index)
      expect(engine.ledger.holding(index)).toMatchObject({
        lots,
        costAtoms,
        realisedAtoms,
        feesAtoms,
        fundingAtoms,
        fills,
      })
      const currency = instrument.settle
      expect(engine.ledger.cashAtoms(currency)).toBe(exchange.ledger(instrument.venue).cashAtoms(currency))
    }
    // What the engine believes open is what the venue holds.
    const open = [...engine.openOrders()].map((order) => [order.id, order.leavesLots])
    expect(open).toEqual(
      [...exchange.openOrders()].map((order) => [order.id, order.leavesLots]).sort((a, b) => a[0]! - b[0]!),
    )
  })
})

test('an order sent on hearing an answer meets the venue as it was then, not as the next row finds it', () => {
  const tape = new MemoryTape()
  const push = (heardUs: number, venueUs: number, side: number, tick: number, lots: number, flags: number) =>
    tape.push(heardUs, venueUs, Kind.DEPTH, 0, side, tick, lots, 0, flags)
  push(1000, 1000, 1, 999, 5, Flag.RESET)
  push(1000, 1000, -1, 1001, 5, Flag.END)
  push(3000, 1040, -1, 1001, 0, Flag.END) // The ask goes at 1040, which we hear much later.
  const answering: Policy = {
    name: 'answering',
    settings: {},
    start(context) {
      this.onMarket = () => {
        if (context.clock.nowUs === 1000) {
          context.submit({ instrument: 0, side: 1, lots: 1, type: 'limit', tick: 990 })
        }
      }
      this.onOrder = (event) => {
        // Known at 1020, so there at 1030: the ask still stands.
        if (event.kind === 'accepted' && event.tick === 990) {
          context.submit({ instrument: 0, side: 1, lots: 1, type: 'market', tick: 0 })
        }
      }
      return [0]
    },
    onMarket() {},
  }
  const { watcher } = run(tape, constantLatency(10), 10, undefined, answering)
  expect(watcher.log.filter((line) => line.includes('filled'))).toEqual(['1040 2 filled 1@1001 40040'])
})

test('how the tape is cut into batches changes nothing', () => {
  const tape = market(5, 2000)
  const random = new Random(3)
  const whole = run(tape, constantLatency(100), 100)
  const cut = run(tape, constantLatency(100), 100, () => random.integer(1, 50))
  expect(whole.watcher.log.length).toBeGreaterThan(300)
  expect(cut.watcher.log).toEqual(whole.watcher.log)
})

test('stopping between any two rows to listen to the world changes nothing', () => {
  const tape = market(5, 2000)
  const random = new Random(4)
  const whole = run(tape, constantLatency(100), 100)
  const stretched = run(tape, constantLatency(100), 100, undefined, undefined, () => random.integer(1, 7))
  expect(stretched.watcher.log).toEqual(whole.watcher.log)
  expect(stretched.counts).toEqual(whole.counts)
})

test('the future of the tape changes nothing that was already said', () => {
  const short = run(market(6, 1500), constantLatency(100), 100)
  const long = run(market(6, 2500), constantLatency(100), 100)
  const until = short.counts.lastUs
  const said = (log: readonly string[]) => log.filter((line) => Number(line.split(' ')[0]) <= until)
  expect(said(short.watcher.log).length).toBeGreaterThan(200)
  expect(said(short.watcher.log)).toEqual(said(long.watcher.log))
})

test('rows whose venue clock runs ahead of ours are counted, for they could be traded on', () => {
  const tape = new MemoryTape()
  tape.push(1000, 900, Kind.TRADE, 0, 1, 1000, 1, 0, Flag.END)
  tape.push(1100, 1500, Kind.TRADE, 0, 1, 1000, 1, 0, Flag.END)
  expect(run(tape, constantLatency(1), 1).counts).toMatchObject({ rows: 2, rowsAhead: 1 })
})
