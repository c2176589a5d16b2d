/**
 * @file A small run made by the real engine, for testing reports and for looking at them.
 *
 * The market is a seeded random walk with a crash in its middle, on a linear and an inverse perpetual; the venue fills
 * whatever a trade goes through, two milliseconds late, without margin or queues; the policy quotes both sides of the first
 * and now and then takes on the second. It shows every part of a report and nothing about any market.
 */

import { HOUR_US, SECOND_US } from '../core/clock.ts'
import { hash32, Random } from '../core/random.ts'
import { Engine, type EngineParts } from '../engine/engine.ts'
import { NoJournal } from '../journal/journal.ts'
import { Instrument, type InstrumentSpec, Universe } from '../market/instrument.ts'
import type { AccountEvent, Intent, Order, OrderEvent, OrderEventKind } from '../market/order.ts'
import { Flag, Kind, MemoryTape, MergedTape, type TapeBatch } from '../market/tape.ts'
import type { Policy, PolicyContext } from '../policies/policy.ts'
import type { TrialEvidence } from '../research/sharpe.ts'
import { type GateAct, OpenGate } from '../risk/gate.ts'
import { runBacktest, type SimulatedVenue } from '../sim/backtest.ts'
import { type CollectedRun, RunCollector } from './collector.ts'
import { buildRunReport, type RunReport } from './runReport.ts'

const FEES = { makerBps: -0.5, takerBps: 4.5, source: 'scripted' }
const LINEAR: InstrumentSpec = {
  base: 'ETH',
  quote: 'USDT',
  kind: 'perp',
  venue: 'scripted',
  venueSymbol: 'ETHUSDT',
  payoff: 'linear',
  settle: 'USDT',
  tickSize: '0.01',
  lotSize: '0.001',
  multiplier: '1',
  fees: FEES,
  source: 'scripted',
}
const INVERSE: InstrumentSpec = {
  ...LINEAR,
  base: 'BTC',
  quote: 'USD',
  venue: 'scripted-coinm',
  venueSymbol: 'BTCUSD',
  payoff: 'inverse',
  settle: 'BTC',
  tickSize: '0.1',
  lotSize: '1',
  multiplier: '100',
}

/** 1 July 2024, midnight UTC. */
const START_US = 1_719_792_000_000_000
const FUNDING_INTERVAL_US = 8 * HOUR_US
const LATENCY_US = 2_000

/** Settings of {@link scriptedRun}. */
export interface Script {
  readonly seed: number
  /** Messages per instrument. */
  readonly messages: number
  /** Mean time between them, µs. */
  readonly paceUs: number
  readonly bucketsMax?: number
  /** How far from the mid the policy quotes, ticks. */
  readonly halfSpread: number
}

/** Runs the script and hands over what was collected, with the engine for checking against. */
export function scriptedRun(script: Script): { run: CollectedRun; engine: Engine; rows: number } {
  const universe = new Universe([new Instrument(LINEAR), new Instrument(INVERSE)])
  const tape = scriptedTape(script)
  const venue = new ScriptedVenue(universe)
  const collector = new RunCollector(script.bucketsMax === undefined ? {} : { bucketsMax: script.bucketsMax })
  const engine = new Engine({
    universe,
    policies: [new ScriptedPolicy(script.halfSpread)],
    gate: (parts) => new ScriptedGate(parts),
    journal: new NoJournal(),
    venue,
    cash: { USDT: 50_000, BTC: 0.5 },
    seed: script.seed,
    observer: collector,
  })
  collector.attach(engine)
  venue.markets = engine.markets
  const counts = runBacktest(
    engine,
    venue,
    new MergedTape([{ source: tape.reader() }], 'venue'),
    new MergedTape([{ source: tape.reader() }]),
  )
  return { run: collector.finish(engine.clock.nowUs), engine, rows: counts.rows }
}

/** The script's run as a report. */
export function scriptedReport(script: Script, title: string, trials: TrialEvidence): RunReport {
  const { run, rows } = scriptedRun(script)
  return buildRunReport(run, {
    title,
    mode: 'backtest',
    gimbalVersion: '0.1.0',
    seed: script.seed,
    policies: [{ name: 'scripted-quoter', settings: { halfSpread: script.halfSpread, everySeconds: 10 } }],
    cash: { USDT: 50_000, BTC: 0.5 },
    sources: [{ name: `scripted market, seed ${script.seed}`, kind: 'synthetic', sha256: scriptHash(script), rows }],
    dataHash: scriptHash(script),
    journal: null,
    rows,
    assumptions: [
      {
        about: 'queue',
        text: 'A resting order fills as soon as a trade goes through its price, never at it: pessimistic.',
      },
      { about: 'latency', text: 'Orders take 2 to 6 ms to the venue and answers 2 ms back, whatever the load.' },
      { about: 'fees', text: 'Makers are paid 0.5 bps and takers pay 4.5 bps, at every volume.' },
      { about: 'impact', text: 'Our orders move nobody: optimistic for large ones.' },
    ],
    limits: { 'position (lots)': 8000, 'drawdown from peak': 0.0625 },
    trials,
  })
}

/** Hash naming the generated data, as a catalog would. */
export function scriptHash(script: Script): string {
  return hash32(JSON.stringify(script)).toString(16).padStart(64, '0')
}

/** Quotes and trades of both instruments: a random walk that falls by a fifth within two hundredths of the run. */
function scriptedTape(script: Script): MemoryTape {
  const random = new Random(script.seed).fork('market')
  const tape = new MemoryTape()
  const mids = [3_400_00, 62_000_0]
  let timeUs = START_US
  for (let i = 0; i < script.messages; i++) {
    timeUs += Math.ceil(random.exponential(script.paceUs))
    const crash = i > script.messages * 0.6 && i < script.messages * 0.62 ? -0.2 / (script.messages * 0.02) : 0
    const shared = random.normal()
    for (let instrument = 0; instrument < 2; instrument++) {
      const move = (0.8 * shared + 0.6 * random.normal()) * 0.000015 + crash
      const mid = (mids[instrument] = mids[instrument]! * Math.exp(move))
      const receivedUs = timeUs + Math.ceil(random.exponential(900)) + instrument
      const half = instrument === 0 ? 1 + Math.floor(random.uniform() * 3) : 5
      const tick = Math.round(mid)
      const row = (kind: number, side: number, at: number, lots: number, flags: number) =>
        tape.push(receivedUs, timeUs, kind, instrument, side, at, lots, 0, flags)
      if (random.uniform() < 0.3) {
        const side = random.uniform() < 0.5 ? 1 : -1
        const reach = half + Math.floor(random.exponential(14))
        row(Kind.TRADE, side, tick + side * reach, random.integer(10, 4000), Flag.END)
      }
      row(Kind.QUOTE, 1, tick - half, random.integer(500, 9000), 0)
      row(Kind.QUOTE, -1, tick + half, random.integer(500, 9000), Flag.END)
    }
  }
  return tape
}

/** Quotes the first instrument around its mid every ten seconds and turns the second over every few hours. */
class ScriptedPolicy implements Policy {
  readonly name = 'scripted-quoter'
  readonly settings: Readonly<Record<string, number>>
  readonly #halfSpread: number
  #context!: PolicyContext
  #turn = 0

  constructor(halfSpread: number) {
    this.#halfSpread = halfSpread
    this.settings = { halfSpread, everySeconds: 10 }
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    context.schedule(START_US + 10 * SECOND_US, 'quote')
    return []
  }

  onMarket(): void {}

  onTimer(): void {
    const { clock, portfolio } = this.#context
    this.#context.schedule(clock.nowUs + 10 * SECOND_US, 'quote')
    const mid = this.#context.market(0).referenceTick
    if (Number.isNaN(mid)) return
    this.#turn++
    const { bestBid, bestAsk } = this.#context.market(0)
    const skew = -portfolio.lots(0) / 1000
    const wanted = {
      1: Math.min(bestAsk - 1, Math.round(mid + skew - this.#halfSpread)),
      '-1': Math.max(bestBid + 1, Math.round(mid + skew + this.#halfSpread)),
    }
    const open = this.#context.orders().filter((order) => order.instrument === 0 && order.state === 'open')
    for (const side of [1, -1] as const) {
      const resting = open.find((order) => order.side === side)
      if (resting && this.#turn % 3 === 0) this.#context.amend(resting.id, wanted[side], 1000)
      else {
        if (resting) this.#context.cancel(resting.id)
        const tag = this.#turn % 2 === 0 ? 'quote' : 'quote <&>'
        this.#context.submit({
          instrument: 0,
          side,
          lots: 1000,
          type: 'limit',
          tick: wanted[side],
          postOnly: true,
          tag,
        })
      }
    }
    if (this.#turn % 600 === 300) {
      const side = portfolio.lots(1) > 0 ? -1 : 1
      this.#context.submit({ instrument: 1, side, lots: 40, type: 'market', tick: 0, tag: 'turn' })
    }
  }
}

/** Refuses to hold more than eight coins and closes everything, once, when a sixteenth has been lost. */
class ScriptedGate extends OpenGate {
  readonly #parts: EngineParts
  #peak = 0
  #tripped = false
  #acts: GateAct[] = []

  constructor(parts: EngineParts) {
    super()
    this.#parts = parts
  }

  override onMarket(instrument?: number, nowUs = 0): void {
    if (this.#tripped || instrument !== 0) return
    const equity = this.#parts.ledger.equity
    if (equity > this.#peak) this.#peak = equity
    const fall = 1 - equity / this.#peak
    if (fall > 0.0625) {
      this.#tripped = true
      this.#acts.push({
        act: 'flatten',
        breaker: 'drawdown-from-peak',
        scope: { of: 'position', instrument: 0 },
        timeUs: nowUs,
        measured: fall,
        allowed: 0.0625,
        unit: 'fraction of peak',
        confirmations: 1,
      })
    }
  }

  override judge(intent?: Intent): string {
    if (intent?.instrument !== 0 || intent.reduceOnly) return ''
    return Math.abs(this.#parts.ledger.lots(0) + intent.side * intent.lots) > 8000 ? 'position' : ''
  }

  override takeActs(): undefined {
    const acts = this.#acts
    if (acts.length === 0) return undefined
    this.#acts = []
    // `OpenGate` promises never to act; this one does.
    return acts as unknown as undefined
  }
}

interface Resting {
  readonly order: Order
  tick: number
  leavesLots: number
  queueLots: number
}

type Answer = { readonly order?: OrderEvent; readonly account?: AccountEvent }

/** Fills a resting order when a trade goes through its price, and a taker at the touch; pays funding. */
class ScriptedVenue implements SimulatedVenue {
  markets: EngineParts['markets'] = []
  readonly #universe: Universe
  readonly #resting = new Map<number, Resting>()
  readonly #arrivals: { readonly atUs: number; readonly act: () => void }[] = []
  readonly #answers: { readonly atUs: number; readonly answer: Answer }[] = []
  readonly #positions = [0, 0]
  #fundedUs = START_US
  #nowUs = START_US
  #fillId = 0

  constructor(universe: Universe) {
    this.#universe = universe
  }

  get nextInternalUs(): number {
    return this.#arrivals[0]?.atUs ?? Number.POSITIVE_INFINITY
  }

  get nextDeliveryUs(): number {
    return this.#answers[0]?.atUs ?? Number.POSITIVE_INFINITY
  }

  takeDelivery(): Answer {
    return this.#answers.shift()!.answer
  }

  advanceTo(timeUs: number): void {
    while (this.nextInternalUs <= timeUs) {
      const { atUs, act } = this.#arrivals.shift()!
      this.#nowUs = atUs
      act()
    }
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    this.#nowUs = timeUs
    if (timeUs - this.#fundedUs >= FUNDING_INTERVAL_US) this.#payFunding(timeUs)
    if (batch.kind[row] !== Kind.TRADE) return
    const tick = batch.tick[row]!
    for (const resting of this.#resting.values()) {
      const { order } = resting
      const through = order.side * (tick - resting.tick) < 0
      if (order.instrument === instrument && batch.side[row] !== order.side && through) {
        const lots = Math.min(resting.leavesLots, batch.lots[row]!)
        this.#fill(order, resting.tick, lots, (resting.leavesLots -= lots), 'maker', resting.queueLots >> 2)
        if (resting.leavesLots === 0) this.#resting.delete(order.id)
      }
    }
  }

  submit(order: Order): void {
    this.#arrive(order.sentUs, () => {
      const market = this.markets[order.instrument]!
      const touch = order.side > 0 ? market.bestAsk : market.bestBid
      if (order.type === 'market') this.#fill(order, touch, order.lots, 0, 'taker', -1)
      else if (order.side * (order.tick - touch) >= 0) this.#answer('rejected', order, order.tick, 0, 'post-only')
      else {
        const queueLots = order.side > 0 ? market.bestBidLots : market.bestAskLots
        this.#resting.set(order.id, { order, tick: order.tick, leavesLots: order.lots, queueLots })
        this.#answer('accepted', order, order.tick, order.lots, '', queueLots)
      }
    })
  }

  cancel(orderId: number, _instrument: number, nowUs: number): void {
    this.#arrive(nowUs, () => {
      const resting = this.#resting.get(orderId)
      if (!resting) return
      this.#resting.delete(orderId)
      this.#answer('cancelled', resting.order, resting.tick, 0)
    })
  }

  amend(orderId: number, _instrument: number, tick: number, lots: number, nowUs: number): void {
    this.#arrive(nowUs, () => {
      const resting = this.#resting.get(orderId)
      if (!resting) return
      resting.tick = tick
      resting.leavesLots = lots
      this.#answer('amended', resting.order, tick, lots)
    })
  }

  /** Orders take between the latency and thrice it, depending on nothing but their time. */
  #arrive(sentUs: number, act: () => void): void {
    const atUs = Math.max(sentUs + LATENCY_US + (hash32(String(sentUs)) % (2 * LATENCY_US)), this.#nowUs)
    this.#arrivals.push({ atUs, act })
    this.#arrivals.sort((a, b) => a.atUs - b.atUs)
  }

  #fill(order: Order, tick: number, lots: number, leavesLots: number, liquidity: 'maker' | 'taker', queue: number) {
    const instrument = this.#universe.at(order.instrument)
    const feeAtoms = instrument.feeAtoms(tick, lots, liquidity === 'maker' ? instrument.makerBps : instrument.takerBps)
    this.#positions[order.instrument]! += order.side * lots
    this.#answer('filled', order, tick, leavesLots, '', queue, { lots, feeAtoms, liquidity, fillId: ++this.#fillId })
  }

  #answer(
    kind: OrderEventKind,
    order: Order,
    tick: number,
    leavesLots: number,
    reason: OrderEvent['reason'] = '',
    queueAheadLots = -1,
    more: Partial<OrderEvent> = {},
  ): void {
    const { id: orderId, instrument, side, lots } = order
    const times = { timeUs: this.#nowUs + LATENCY_US, venueTimeUs: this.#nowUs }
    const base = { feeAtoms: 0, liquidity: '', fillId: 0 } as const
    const event = { ...base, ...times, kind, orderId, instrument, side, tick, lots, leavesLots, reason, queueAheadLots }
    this.#deliver(times.timeUs, { order: { ...event, ...more } })
  }

  #payFunding(timeUs: number): void {
    this.#fundedUs = timeUs - ((timeUs - START_US) % FUNDING_INTERVAL_US)
    for (const [instrument, lots] of this.#positions.entries()) {
      const { settle } = this.#universe.at(instrument)
      const value = this.#universe.at(instrument).valueAtoms(Math.round(this.markets[instrument]!.referenceTick), lots)
      if (lots === 0) continue
      this.#deliver(timeUs + LATENCY_US, {
        account: {
          kind: 'funding',
          timeUs: timeUs + LATENCY_US,
          venueTimeUs: timeUs,
          instrument,
          side: 0,
          tick: 0,
          lots: 0,
          cashAtoms: -Math.round(Math.abs(value) * Math.sign(lots) * 0.0001),
          currency: settle,
        },
      })
    }
  }

  #deliver(atUs: number, answer: Answer): void {
    this.#answers.push({ atUs, answer })
    this.#answers.sort((a, b) => a.atUs - b.atUs)
  }
}
