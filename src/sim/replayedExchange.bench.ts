/**
 * What it measures: engine, replayed exchange and a quoting policy over one tape row, the unit every backtest pays
 * for; and the exchange alone, without and with own orders. The bar is 3 million rows a second (333 ns a row) on one
 * core with flat memory. A regression slows every backtest in proportion; allocating per row shows as bytes.
 *
 * The market is a random walk with ten levels a side, made beforehand and looped: 60 % of rows are depth in messages of
 * four, like Binance's; the policy keeps one quote a side and moves it with the touch.
 */

import { bench } from '../../tests/bench.ts'
import { Random } from '../core/random.ts'
import { Engine } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { Instrument, Universe } from '../market/instrument.ts'
import { Flag, Kind, MemoryTape, MergedTape, TapeBatch, type TapeSource } from '../market/tape.ts'
import type { OpenOrder, Policy, PolicyContext } from '../policies/policy.ts'
import { OpenGate } from '../risk/gate.ts'
import { runBacktest } from './backtest.ts'
import { PLAIN_PERP } from './handDrivenExchange.ts'
import { constantLatency } from './latencyModels.ts'
import { powerProbability } from './queueModels.ts'
import { ReplayedExchange } from './replayedExchange.ts'

const SPEC = { ...PLAIN_PERP, tickSize: '0.1', lotSize: '0.001', fees: { makerBps: 2, takerBps: 5, source: 'bench' } }

/** One lap of the market. It ends with the book it began with, so laps join. */
function lap(): MemoryTape {
  const random = new Random(42)
  const tape = new MemoryTape()
  let mid = 600_000
  let venueUs = 0
  const push = (kind: number, side: number, tick: number, lots: number, flags: number) =>
    tape.push(venueUs + 2000, venueUs, kind, 0, side, tick, lots, 0, flags)
  for (let message = 0; message < 50_000; message++) {
    venueUs += 2500
    if (message === 0) {
      for (let level = 0; level < 200; level++) {
        push(Kind.DEPTH, 1, mid - 1 - level, random.integer(1, 5000), level === 0 ? Flag.RESET : 0)
        push(Kind.DEPTH, -1, mid + 1 + level, random.integer(1, 5000), level === 199 ? Flag.END : 0)
      }
    } else if (random.integer(0, 2) === 0) {
      const side = random.bits() > 0 ? 1 : -1
      push(Kind.TRADE, side, mid + side, random.integer(1, 400), Flag.END)
    } else if (random.integer(0, 40) === 0) {
      // The market moves a tick: the touch is eaten and a new one posted behind it.
      const up = random.bits() > 0 ? 1 : -1
      push(Kind.DEPTH, -up, mid + up, 0, 0)
      mid += up
      push(Kind.DEPTH, up, mid - up, random.integer(1, 5000), 0)
      push(Kind.DEPTH, -up, mid + up, random.integer(1, 5000), Flag.END)
    } else {
      for (let row = 0; row < 4; row++) {
        const side = random.bits() > 0 ? 1 : -1
        push(Kind.DEPTH, side, mid - side * random.integer(1, 60), random.integer(1, 5000), row === 3 ? Flag.END : 0)
      }
    }
  }
  return tape
}

/** The lap again and again, its times shifted, until `rows` were given. */
class Looped implements TapeSource {
  readonly #lap: MemoryTape
  readonly #lapUs = 50_001 * 2500
  #left: number
  #reader: TapeSource
  #laps = 0

  constructor(tape: MemoryTape, rows: number) {
    this.#lap = tape
    this.#left = rows
    this.#reader = tape.reader()
  }

  next(): TapeBatch | undefined {
    if (this.#left <= 0) return undefined
    let batch = this.#reader.next()
    if (!batch) {
      this.#reader = this.#lap.reader()
      this.#laps++
      batch = this.#reader.next()!
    }
    this.#left -= batch.count
    const shifted = this.#out
    shifted.count = 0
    shifted.pushRows(batch, 0, batch.count)
    for (let row = 0; row < shifted.count; row++) {
      shifted.timeUs[row]! += this.#laps * this.#lapUs
      shifted.venueTimeUs[row]! += this.#laps * this.#lapUs
    }
    return shifted
  }

  readonly #out = new TapeBatch(4096)

  close(): void {}
}

/** One quote a side, two ticks behind the touch, moved when the touch moves. */
class Quoter implements Policy {
  readonly name = 'quoter'
  readonly settings = {}
  #context!: PolicyContext
  #orders: [bid: number, ask: number] = [0, 0]
  #bid = 0
  #ask = 0

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    return [0]
  }

  onMarket(): void {
    const market = this.#context.market(0)
    const bid = market.bestBid
    const ask = market.bestAsk
    if (bid === this.#bid && ask === this.#ask) return
    this.#bid = bid
    this.#ask = ask
    this.#place(0, 1, bid)
    this.#place(1, -1, ask)
  }

  #place(at: 0 | 1, side: 1 | -1, tick: number): void {
    const working: OpenOrder | undefined = this.#context.order(this.#orders[at])
    if (working?.tick === tick || working?.state === 'sent' || working?.state === 'cancelling') return
    if (working) this.#context.cancel(working.id)
    else {
      const type = 'limit'
      this.#orders[at] = this.#context.submit({ instrument: 0, side, lots: 50, type, tick, postOnly: true })
    }
  }
}

function backtest(rows: number): number {
  const universe = new Universe([new Instrument(SPEC)])
  const cash = { USDT: 10_000_000 }
  const settings = { latency: constantLatency(5000, 5000), queue: powerProbability(3) }
  const exchange = new ReplayedExchange({ universe, cash, settings })
  const engine = new Engine({
    universe,
    policies: [new Quoter()],
    gate: () => new OpenGate(),
    journal: new NoJournal(),
    venue: exchange,
    cash,
    seed: 1,
  })
  const tape = lap()
  const venue = new MergedTape([{ source: new Looped(tape, rows) }], 'venue')
  const received = new MergedTape([{ source: new Looped(tape, rows) }], 'received')
  runBacktest(engine, exchange, venue, received)
  return engine.ledger.holding(0).fills * 31 + engine.ledger.cashAtoms('USDT')
}

/** The exchange alone, with `orders` resting a side, none of them near. */
function alone(orders: number): (rows: number) => number {
  return (rows) => {
    const universe = new Universe([new Instrument(SPEC)])
    const exchange = new ReplayedExchange({ universe, cash: { USDT: 1e9 }, settings: { latency: constantLatency(0) } })
    const merged = new MergedTape([{ source: new Looped(lap(), rows) }], 'venue')
    let seen = 0
    while (merged.advance()) {
      exchange.onRow(merged.batch, merged.row, merged.instrument, merged.timeUs)
      if (++seen !== 1000) continue
      for (let id = 1; id <= 2 * orders; id++) {
        const side = id & 1 ? 1 : -1
        const tick = 600_000 - side * (20 + (id >> 1))
        exchange.submit({
          id,
          instrument: 0,
          side,
          lots: 5,
          type: 'limit',
          tick,
          timeInForce: 'GTC',
          policy: 0,
          sentUs: merged.timeUs,
          decisionTick: tick,
        }) // prettier-ignore
      }
    }
    return exchange.ledger('test').holding(0).fills + exchange.market(0).book.levels(1)
  }
}

bench('backtest: engine, exchange and a quoting policy', [20_000, 20_000_000], backtest)
bench('replayed exchange: no own orders', [20_000, 10_000_000], alone(0))
bench('replayed exchange: five own orders a side', [20_000, 10_000_000], alone(5))
