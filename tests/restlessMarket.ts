/** @file A small endless market and a policy that never rests: for tests of connections, crashes and recovery. */

import { Random } from '../src/core/random.ts'
import { Engine } from '../src/engine/engine.ts'
import type { BuildEngine } from '../src/engine/replayJournal.ts'
import { Instrument, type InstrumentSpec, Universe } from '../src/market/instrument.ts'
import { Flag, Kind, TapeBatch, type TapeSource } from '../src/market/tape.ts'
import type { Policy, PolicyContext } from '../src/policies/policy.ts'
import { OpenGate } from '../src/risk/gate.ts'

export const SPECS: readonly InstrumentSpec[] = ['BTC', 'ETH'].map((base) => ({
  base,
  quote: 'USDT',
  kind: 'perp',
  venue: 'simulated',
  venueSymbol: `${base}USDT`,
  payoff: 'linear',
  settle: 'USDT',
  tickSize: '0.1',
  lotSize: '0.001',
  multiplier: '1',
  fees: { makerBps: 1, takerBps: 4, source: 'test' },
  source: 'test',
}))

export const universe = new Universe(SPECS.map((spec) => new Instrument(spec)))

export const CASH = { USDT: 1_000_000 }

const LEVELS = 5

/** Books that wander, trades through them, and funding every few seconds; about 400 rows a second, without end. */
export class RestlessMarket implements TapeSource {
  readonly #random: Random
  readonly #batch = new TapeBatch(256)
  readonly #mids = [10_000, 5_000]
  #timeUs = 1_700_000_000_000_000
  #turn = 0

  constructor(seed: number) {
    this.#random = new Random(seed)
  }

  next(): TapeBatch {
    this.#batch.count = 0
    while (this.#batch.count < 200) this.#message()
    return this.#batch
  }

  close(): void {}

  #message(): void {
    const random = this.#random
    const instrument = this.#turn % 2
    const timeUs = (this.#timeUs += random.integer(1000, 20_000))
    const add = (kind: number, side: number, tick: number, lots: number, value: number, flags: number) =>
      this.#batch.push(timeUs, timeUs, kind, instrument, side, tick, lots, value, flags)
    const mid = (this.#mids[instrument]! += random.integer(-1, 1))
    if (this.#turn++ < 2 || random.uniform() < 0.3) {
      let flags: number = Flag.RESET | Flag.SNAPSHOT
      for (let level = 1; level <= LEVELS; level++) {
        for (const side of [1, -1]) {
          const last = level === LEVELS && side === -1 ? Flag.END : 0
          add(Kind.DEPTH, side, mid - side * level, random.integer(1, 400), 0, flags | last)
          flags = Flag.SNAPSHOT
        }
      }
    } else if (random.uniform() < 0.02) add(Kind.FUNDING, 0, 0, 8 * 3600e6, random.integer(-9, 9) / 1e5, Flag.END)
    else if (random.uniform() < 0.1) add(Kind.MARK, 0, 0, 0, mid / 10, Flag.END)
    else add(Kind.TRADE, random.bits() > 0 ? 1 : -1, mid + random.integer(-3, 3), random.integer(1, 300), 0, Flag.END)
  }
}

/** Sends, amends, cancels and sets timers at random, at nearly every message. */
class Restless implements Policy {
  readonly name = 'restless'
  readonly settings = {}
  #context!: PolicyContext

  start(context: PolicyContext): number[] {
    this.#context = context
    return [0, 1]
  }

  onMarket(instrument: number): void {
    const { random, clock } = this.#context
    const market = this.#context.market(instrument)
    if (!market.quoted) return
    const open = this.#context.orders()
    const draw = random.uniform()
    if (draw < 0.35 && open.length < 10) {
      // Towards the middle, so that positions stay small.
      const held = this.#context.portfolio.lots(instrument)
      const side = Math.abs(held) > 300 ? (held > 0 ? -1 : 1) : random.bits() > 0 ? 1 : -1
      const best = side === 1 ? market.bestBid : market.bestAsk
      const taking = random.uniform() < 0.3
      this.#context.submit({
        instrument,
        side,
        lots: random.integer(1, 60),
        type: 'limit',
        tick: taking ? best + 3 * side : best - side * random.integer(0, 2),
        timeInForce: taking ? 'IOC' : 'GTC',
        postOnly: !taking,
        tag: 'restless',
      })
    } else if (draw < 0.5 && open.length > 0) this.#context.cancel(open[0]!.id)
    else if (draw < 0.6 && open.length > 0) {
      const last = open.at(-1)!
      this.#context.amend(last.id, last.tick - last.side, last.lots + random.integer(0, 9))
    } else if (draw < 0.65) this.#context.schedule(clock.nowUs + random.integer(1000, 200_000), 'again')
  }

  onTimer(): void {
    this.onMarket(this.#context.random.integer(0, 1))
  }
}

/** The engine of a restless run. */
export const buildRestless: BuildEngine = (header, { journal, venue }) =>
  new Engine({
    universe,
    policies: [new Restless()],
    gate: () => new OpenGate(),
    journal,
    venue,
    cash: header.cash,
    seed: header.seed,
  })
