/**
 * @file The one loop that backtest, paper and live trading share.
 *
 *   feed ──event──▶ portfolio, gate, policies ──intents──▶ gate ──orders──▶ journal ──▶ venue
 *     ▲                                                                                  │
 *     └──────────────────── order events, account events ◀───────────────────────────────┘
 *
 * What differs between the three is only who stands behind the two ports:
 *
 *            feed (calls step…)        venue (VenuePort)
 *   backtest a tape                    the replayed exchange
 *   paper    the market                the replayed exchange
 *   live     the market                the market
 *
 * Synchronous and single-threaded: an event is dealt with completely before the next is looked at. An event is
 * handed in by one of four methods, so that market rows need no object of their own: `stepRow`, `stepOrder`,
 * `stepAccount`, `stepClock`. Time never runs backwards; an event with an earlier time than the last is taken at the
 * last one's.
 */

import { assert, GimbalError } from '../core/errors.ts'
import { Random } from '../core/random.ts'
import type { Journal } from '../journal/journal.ts'
import type { Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { AccountEvent, Intent, Order, OrderEvent } from '../market/order.ts'
import { Flag, type TapeBatch } from '../market/tape.ts'
import { type Forecast, type Forecasts, NO_FORECASTS } from '../models/forecast.ts'
import { ForecastDesk, type Forecaster } from '../models/forecastDesk.ts'
import type { OpenOrder, Policy, PolicyContext } from '../policies/policy.ts'
import { Ledger } from '../portfolio/portfolio.ts'
import { type Gate, type GateAct, type GateReset, type Scope, stillToClose } from '../risk/gate.ts'
import { covers } from '../risk/latches.ts'
import { MarginDesk, type MarginReading, type VenueMargins } from './marginDesk.ts'

/** Port: where acts go. It answers later, and only through `stepOrder` and `stepAccount`. */
export interface VenuePort {
  submit(order: Order): void
  cancel(orderId: number, instrument: number, nowUs: number): void
  amend(orderId: number, instrument: number, tick: number, lots: number, nowUs: number): void
}

/** Watches what the engine does, for reports and tests; it cannot act. All optional. */
export interface Observer {
  onOrder?(order: Order): void
  /** We asked for a cancellation or an amendment; `policy` is -1 when the gate did. */
  onCancel?(orderId: number, policy: number, timeUs: number): void
  onAmend?(orderId: number, policy: number, timeUs: number): void
  onRefusal?(intent: Intent, policy: number, limit: string, timeUs: number): void
  /** After the ledger was updated. `referenceTick` is the mid at that moment, `order` what it answers. */
  onOrderEvent?(event: OrderEvent, order: Order | undefined, referenceTick: number): void
  onAccountEvent?(event: AccountEvent): void
  onGateAct?(act: GateAct): void
  onGateReset?(reset: GateReset): void
  /** A model spoke; the object is overwritten by its next forecast. */
  onForecast?(forecast: Forecast): void
  /** A margin engine looked at an account, and the gate has been told. */
  onMargin?(reading: MarginReading): void
  /** At most once per `sampleUs` of engine time, when a moment is over: every event of `timeUs` has been dealt with. */
  onSample?(timeUs: number): void
  readonly sampleUs?: number
}

export interface EngineOptions {
  readonly universe: Universe
  readonly policies: readonly Policy[]
  /** Built by the caller from the engine's own markets and ledger: `(parts) => new RiskGate(…)`. */
  readonly gate: (parts: EngineParts) => Gate
  readonly journal: Journal
  readonly venue: VenuePort
  /** Opening balances in whole units by currency. */
  readonly cash: Readonly<Record<string, number>>
  readonly seed: number
  /** Models to run; they hear every row before the policies do. */
  readonly forecasters?: readonly Forecaster[]
  /** Margin engine by venue: what the gate is told of margins. None when absent. */
  readonly margins?: VenueMargins
  readonly observer?: Observer
}

/** What a gate may watch. */
export interface EngineParts {
  readonly universe: Universe
  readonly markets: readonly MarketState[]
  readonly ledger: Ledger
  /** Every open order of every policy. */
  openOrders(): Iterable<OpenOrder>
}

/** An open order as the engine keeps it. */
interface Working extends OpenOrder {
  readonly order: Order
  tick: number
  lots: number
  leavesLots: number
  state: 'sent' | 'open' | 'cancelling' | 'amending'
}

/** How many fill numbers per venue are remembered to recognise one delivered twice. */
const FILLS_REMEMBERED = 8192

export class Engine implements EngineParts {
  readonly universe: Universe
  readonly markets: readonly MarketState[]
  readonly ledger: Ledger
  readonly gate: Gate
  readonly clock = { nowUs: Number.NEGATIVE_INFINITY }
  readonly #policies: readonly Policy[]
  readonly #journal: Journal
  readonly #venue: VenuePort
  readonly #observer: Observer | undefined
  readonly #desk: ForecastDesk | undefined
  readonly #margin: MarginDesk | undefined
  /** Forecasts of turbulence, one a model: each is overwritten by the next of its kind. */
  readonly #turbulence: Forecast[] = []
  readonly #contexts: Context[]
  /** Policies to call per instrument. */
  readonly #listeners: Policy[][]
  readonly #working = new Map<number, Working>()
  readonly #timers = new TimerQueue()
  readonly #seenFills = new Map<string, number[]>()
  readonly #sampleUs: number
  #nextSampleUs: number
  #lastOrderId = 0
  #started = false
  /** Whether a venue is being told something. Stays set when that throws: the run is over then. */
  #sending = false

  constructor(options: EngineOptions) {
    this.universe = options.universe
    this.markets = options.universe.instruments.map((instrument) => new MarketState(instrument))
    this.ledger = new Ledger(options.universe, this.markets, options.cash, this.clock)
    this.#policies = options.policies
    this.#journal = options.journal
    this.#venue = options.venue
    this.#observer = options.observer
    this.#sampleUs = options.observer?.sampleUs ?? Number.POSITIVE_INFINITY
    this.#nextSampleUs = this.#sampleUs < Number.POSITIVE_INFINITY ? Number.MIN_SAFE_INTEGER : Number.POSITIVE_INFINITY
    this.gate = options.gate(this)
    const { forecasters = [] } = options
    this.#desk = forecasters.length > 0 ? new ForecastDesk(forecasters, options.universe, this.markets) : undefined
    const { margins = {} } = options
    this.#margin =
      Object.keys(margins).length > 0
        ? new MarginDesk(margins, options.universe, this.ledger, this.markets, options.cash, () => this.openOrders())
        : undefined
    const random = new Random(options.seed)
    this.#contexts = options.policies.map(
      (policy, index) => new Context(this, index, random.fork(`policy/${index}/${policy.name}`)),
    )
    this.#listeners = options.universe.instruments.map(() => [])
  }

  /** Lets the policies subscribe. Called by the first event, or earlier by a caller that wants errors early. */
  start(): void {
    if (this.#started) return
    this.#started = true
    for (const [index, policy] of this.#policies.entries()) {
      for (const instrument of policy.start(this.#contexts[index]!)) this.#listeners[instrument]!.push(policy)
    }
  }

  /** Open orders of every policy, oldest first. */
  openOrders(): Iterable<OpenOrder> {
    return this.#working.values()
  }

  order(id: number): OpenOrder | undefined {
    return this.#working.get(id)
  }

  /** Names of the policies, in order of their numbers. */
  get policyNames(): readonly string[] {
    return this.#policies.map(({ name }) => name)
  }

  get lastOrderId(): number {
    return this.#lastOrderId
  }

  /** Timers not yet run, in the order in which they will be. */
  timers(): readonly { readonly atUs: number; readonly name: string; readonly policy: number }[] {
    return this.#timers.pending()
  }

  /** Earliest time at which `stepClock` has something to do; infinite when nothing is scheduled. */
  get nextClockUs(): number {
    const timer = this.#timers.nextUs
    const gate = this.gate.nextClockUs
    // A sample due at t holds everything of t: it is taken a microsecond later.
    const sample = this.#desk ? this.#desk.dueUs + 1 : Number.POSITIVE_INFINITY
    const next = Math.min(timer, gate, sample)
    return this.#margin === undefined ? next : Math.min(next, this.#margin.dueUs)
  }

  /** One tape row, `timeUs` being its time in order of receipt. Decisions happen only at the end of its message. */
  stepRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    if (!this.#started) this.start()
    this.#advance(timeUs)
    const nowUs = this.clock.nowUs
    this.#journal.row(batch, row, instrument, nowUs)
    // Due before this row: told of while the market is still what the forecasts were made of.
    if (this.#desk?.sampleDue(nowUs - 1)) {
      this.#reportForecasts()
      this.#carryOut()
      this.#tellForecasts()
    }
    this.markets[instrument]!.apply(batch, row, nowUs)
    const spoken = this.#desk?.onRow(batch, row, instrument, nowUs) === true
    if ((batch.flags[row]! & Flag.END) === 0) {
      assert(!spoken, 'a sample that follows an event is taken at the end of its message')
      return
    }
    if (this.#margin !== undefined && nowUs >= this.#margin.askUs) this.#margin.ask(nowUs)
    if (spoken) this.#reportForecasts()
    this.gate.onMarket(instrument, nowUs)
    this.#carryOut()
    if (spoken) this.#tellForecasts()
    const listeners = this.#listeners[instrument]!
    for (let i = 0; i < listeners.length; i++) listeners[i]!.onMarket(instrument)
  }

  /** The clock reached `timeUs`: runs due timers and lets the gate judge staleness. */
  stepClock(timeUs: number): void {
    if (!this.#started) this.start()
    this.#advance(timeUs)
    const nowUs = this.clock.nowUs
    this.#journal.clock(nowUs)
    const spoken = this.#desk?.sampleDue(nowUs - 1) === true
    let forGate = true
    if (this.#margin !== undefined && nowUs >= this.#margin.dueUs) {
      // A moment only margins asked for is none to the gate's own checks: a run without the desk does not have it.
      forGate = spoken || nowUs >= Math.min(this.gate.nextClockUs, this.#timers.nextUs)
      this.#margin.look(nowUs, this.#tellMargin)
      this.#carryOut()
    }
    if (spoken) this.#reportForecasts()
    if (forGate) this.gate.onClock(nowUs)
    this.#carryOut()
    if (spoken) this.#tellForecasts()
    for (let timer = this.#timers.take(nowUs); timer; timer = this.#timers.take(nowUs)) {
      this.#policies[timer.policy]!.onTimer?.(timer.name)
    }
  }

  /** A venue's answer about one of our orders. A fill already booked is ignored. */
  stepOrder(event: OrderEvent): void {
    assert(!this.#sending, 'a venue answers later, never from inside submit, cancel or amend')
    if (!this.#started) this.start()
    this.#advance(event.timeUs)
    this.#journal.orderEvent(event)
    const working = this.#working.get(event.orderId)
    const market = this.markets[event.instrument]!
    const referenceTick = market.referenceTick
    if (event.kind === 'filled') {
      if (this.#alreadySeen(event)) return
      this.ledger.applyFill(event, referenceTick)
      this.#margin?.onBooked(event.instrument, this.clock.nowUs)
    }
    if (working) this.#updateWorking(working, event)
    this.gate.onOrderEvent(event, working?.order)
    this.#observer?.onOrderEvent?.(event, working?.order, referenceTick)
    this.#carryOut()
    const policy = working && working.policy >= 0 ? this.#policies[working.policy] : undefined
    policy?.onOrder?.(event)
  }

  /** Something that happened to the account: funding, liquidation, settlement, venue up or down. */
  stepAccount(event: AccountEvent): void {
    assert(!this.#sending, 'a venue answers later, never from inside submit, cancel or amend')
    if (!this.#started) this.start()
    this.#advance(event.timeUs)
    this.#journal.accountEvent(event)
    this.ledger.applyAccount(event)
    this.#margin?.onBooked(event.instrument, this.clock.nowUs)
    this.gate.onAccountEvent(event)
    this.#observer?.onAccountEvent?.(event)
    this.#carryOut()
    for (const policy of this.#policies) policy.onAccount?.(event)
  }

  /**
   * A person puts a tripped breaker back, at `timeUs`. The record is made by the gate, for it says what was in force,
   * and is committed before anything can trade again.
   *
   * @param who The person who answers for it. @param reason Why it is safe to trade again.
   * @throws {GimbalError} `reset-refused`; then nothing has changed and nothing is written.
   */
  resetBreaker(breaker: string, scope: Scope, who: string, reason: string, timeUs: number): GateReset {
    if (!this.#started) this.start()
    const reset = this.gate.reset(breaker, scope, who, reason, Math.max(timeUs, this.clock.nowUs))
    // Only now, for a refusal leaves the clock alone too.
    this.#advance(timeUs)
    this.#journal.gateReset(reset)
    this.#journal.commit()
    this.#observer?.onGateReset?.(reset)
    this.#carryOut()
    return reset
  }

  /** @internal Used by the policies' contexts. */
  submit(intent: Intent, policy: number): { id: number; refusal: string } {
    const nowUs = this.clock.nowUs
    const refusal = this.gate.judge(intent, policy, nowUs)
    if (refusal !== '') {
      this.#journal.refusal(intent, policy, refusal, nowUs)
      this.#observer?.onRefusal?.(intent, policy, refusal, nowUs)
      return { id: 0, refusal }
    }
    const immediate = intent.type === 'market'
    const order: Order = {
      ...intent,
      id: ++this.#lastOrderId,
      timeInForce: intent.timeInForce ?? (immediate ? 'IOC' : 'GTC'),
      policy,
      sentUs: nowUs,
      decisionTick: this.markets[intent.instrument]!.referenceTick,
    }
    this.#working.set(order.id, {
      order,
      id: order.id,
      policy,
      instrument: order.instrument,
      side: order.side,
      tick: order.tick,
      lots: order.lots,
      leavesLots: order.lots,
      reduceOnly: order.reduceOnly ?? false,
      state: 'sent',
      sentUs: nowUs,
    })
    // Written down before it is sent: a crash leaves evidence, not a mystery.
    this.#journal.order(order)
    this.#journal.commit()
    this.gate.onSent('order', order.instrument, nowUs)
    this.#observer?.onOrder?.(order)
    this.#sending = true
    this.#venue.submit(order)
    this.#sending = false
    return { id: order.id, refusal: '' }
  }

  /** @internal */
  cancel(id: number, policy: number): void {
    const working = this.#working.get(id)
    if (!working || working.state === 'cancelling') return
    const nowUs = this.clock.nowUs
    working.state = 'cancelling'
    this.#journal.cancel(id, policy, nowUs)
    this.#journal.commit()
    this.gate.onSent('cancel', working.instrument, nowUs)
    this.#observer?.onCancel?.(id, policy, nowUs)
    this.#sending = true
    this.#venue.cancel(id, working.instrument, nowUs)
    this.#sending = false
  }

  /** @internal */
  amend(id: number, tick: number, lots: number, policy: number): string {
    const working = this.#working.get(id)
    if (!working || working.state === 'cancelling' || working.state === 'amending') return 'order-busy'
    const nowUs = this.clock.nowUs
    const refusal = this.gate.judgeAmend(working.order, tick, lots, nowUs)
    if (refusal !== '') {
      this.#journal.refusal({ ...working.order, tick, lots }, policy, refusal, nowUs)
      this.#observer?.onRefusal?.({ ...working.order, tick, lots }, policy, refusal, nowUs)
      return refusal
    }
    working.state = 'amending'
    this.#journal.amend(id, tick, lots, policy, nowUs)
    this.#journal.commit()
    this.gate.onSent('amend', working.instrument, nowUs)
    this.#observer?.onAmend?.(id, policy, nowUs)
    this.#sending = true
    this.#venue.amend(id, working.instrument, tick, lots, nowUs)
    this.#sending = false
    return ''
  }

  /** @internal */
  schedule(atUs: number, name: string, policy: number): void {
    if (!Number.isFinite(atUs)) {
      throw new GimbalError('argument-invalid', 'A timer needs a time, and the clock starts with the first event', {
        timer: name,
        remedy: 'schedule from onMarket, or name an absolute time in start',
      })
    }
    this.#timers.add(atUs, name, policy)
  }

  /**
   * Takes over an order the journal knew and the venue still holds, after a restart. Nothing is sent.
   */
  adopt(order: Order, leavesLots: number): void {
    this.#lastOrderId = Math.max(this.#lastOrderId, order.id)
    this.#working.set(order.id, {
      order,
      id: order.id,
      policy: order.policy,
      instrument: order.instrument,
      side: order.side,
      tick: order.tick,
      lots: order.lots,
      leavesLots,
      reduceOnly: order.reduceOnly ?? false,
      state: 'open',
      sentUs: order.sentUs,
    })
  }

  #updateWorking(working: Working, event: OrderEvent): void {
    switch (event.kind) {
      case 'accepted':
      case 'triggered':
        if (working.state === 'sent') working.state = 'open'
        break
      case 'amended':
        working.tick = event.tick
        working.lots = event.lots
        working.leavesLots = event.leavesLots
        if (working.state === 'amending') working.state = 'open'
        break
      case 'amend-rejected':
        if (working.state === 'amending') working.state = 'open'
        break
      case 'cancel-rejected':
        if (event.reason === 'unknown-order') this.#working.delete(working.id)
        else if (working.state === 'cancelling') working.state = 'open'
        break
      case 'filled':
        working.leavesLots = event.leavesLots
        if (event.leavesLots <= 0) this.#working.delete(working.id)
        else if (working.state === 'sent') working.state = 'open'
        break
      default:
        working.leavesLots = 0
        this.#working.delete(working.id)
    }
  }

  #alreadySeen(event: OrderEvent): boolean {
    if (event.fillId === 0) return false
    const venue = this.universe.at(event.instrument).venue
    let seen = this.#seenFills.get(venue)
    if (!seen) this.#seenFills.set(venue, (seen = new Array<number>(FILLS_REMEMBERED).fill(0)))
    const slot = event.fillId % FILLS_REMEMBERED
    if (seen[slot] === event.fillId) return true
    seen[slot] = event.fillId
    return false
  }

  /** Carries out what the gate demands, each act once, in the order demanded. */
  #carryOut(): void {
    const acts = this.gate.takeActs()
    if (!acts) return
    for (const act of acts) {
      this.#journal.gateAct(act)
      this.#observer?.onGateAct?.(act)
      if (act.act === 'pause') continue
      for (const working of [...this.#working.values()]) {
        // What closes a position for an earlier act is not called back; only a halt leaves positions to a person.
        if (working.policy < 0 && act.act !== 'halt') continue
        if (covers(act.scope, working.instrument, working.policy, this.universe)) this.cancel(working.id, -1)
      }
      if (act.act === 'flatten') this.#flatten(act)
    }
  }

  #flatten(act: GateAct): void {
    for (let instrument = 0; instrument < this.universe.size; instrument++) {
      const lots = this.ledger.lots(instrument)
      // A policy's own share of a position is not kept apart: a policy-wide flatten closes what its instruments hold.
      const covered =
        act.scope.of === 'policy'
          ? this.#listeners[instrument]!.includes(this.#policies[act.scope.policy]!)
          : covers(act.scope, instrument, -1, this.universe)
      if (lots === 0 || !covered) continue
      const position = { held: lots, left: this.gate.leaves(instrument) }
      const closing = stillToClose(position, instrument, this.openOrders())
      if (closing === 0) continue
      this.submit(
        {
          instrument,
          side: closing > 0 ? -1 : 1,
          lots: Math.abs(closing),
          type: 'market',
          tick: 0,
          reduceOnly: true,
          tag: act.breaker,
        },
        -1,
      )
    }
  }

  /**
   * New forecasts: the gate hears how far each model is from home; the policies are told only after it has judged the event.
   * Nothing of it is an input: forecasts are a function of the rows, and a replay makes them again.
   */
  #reportForecasts(): void {
    const nowUs = this.clock.nowUs
    for (const forecast of this.#desk!.fresh) {
      this.#observer?.onForecast?.(forecast)
      if (forecast.quantity === 'turbulence') this.#reportTurbulence(forecast)
      for (const [index, policy] of this.#policies.entries()) {
        if (!policy.onForecast || !this.#listeners[forecast.instrument]!.includes(policy)) continue
        this.gate.reportRange(index, forecast.outside, nowUs, forecast.model)
      }
    }
  }

  /**
   * The gate believes the last report on an instrument: of several models the one that sees the most turbulence speaks, whichever
   * spoke last. NaN, from a model that cannot say, is certainty to the gate.
   */
  #reportTurbulence(fresh: Forecast): void {
    const { instrument } = fresh
    this.#turbulence[fresh.model] = fresh
    let worst = fresh.value
    // A model that has not spoken yet left a hole, which is passed over.
    this.#turbulence.forEach((each) => {
      if (each.instrument === instrument) worst = Math.max(worst, each.value)
    })
    this.gate.reportTurbulence(instrument, worst, this.clock.nowUs)
  }

  /** What venues ask of accounts, for the gate: as with forecasts nothing of it is an input, a replay makes it again. */
  readonly #tellMargin = (reading: MarginReading): void => {
    this.gate.reportMargin(reading.venue, reading.ratio, reading.timeUs)
    this.#observer?.onMargin?.(reading)
  }

  /** The policies that trade the instrument of a new forecast hear of it, when all of the moment have been made. */
  #tellForecasts(): void {
    for (const forecast of this.#desk!.fresh) {
      for (const policy of this.#listeners[forecast.instrument]!) policy.onForecast?.(forecast)
    }
  }

  /** @internal What policies may ask of models. */
  get forecasts(): Forecasts {
    return this.#desk ?? NO_FORECASTS
  }

  /** Moves the clock. The moment that ends is shown to the observer first: all its events are in, on every instrument. */
  #advance(timeUs: number): void {
    const { nowUs } = this.clock
    if (timeUs <= nowUs) return
    if (nowUs >= this.#nextSampleUs) {
      this.#nextSampleUs = (Math.floor(nowUs / this.#sampleUs) + 1) * this.#sampleUs
      this.#observer?.onSample?.(nowUs)
    }
    this.clock.nowUs = timeUs
  }
}

/** What one policy may do: its own orders, its own chance, everyone's market. */
class Context implements PolicyContext {
  readonly clock: { readonly nowUs: number }
  readonly universe: Universe
  readonly portfolio: Ledger
  readonly random: Random
  readonly forecasts: Forecasts
  lastRefusal = ''
  readonly #engine: Engine
  readonly #policy: number

  constructor(engine: Engine, policy: number, random: Random) {
    this.clock = engine.clock
    this.universe = engine.universe
    this.portfolio = engine.ledger
    this.random = random
    this.forecasts = engine.forecasts
    this.#engine = engine
    this.#policy = policy
  }

  market(instrument: number): MarketState {
    return this.#engine.markets[instrument]!
  }

  orders(): readonly OpenOrder[] {
    const own: OpenOrder[] = []
    for (const order of this.#engine.openOrders()) if (order.policy === this.#policy) own.push(order)
    return own
  }

  order(id: number): OpenOrder | undefined {
    const order = this.#engine.order(id)
    return order?.policy === this.#policy ? order : undefined
  }

  submit(intent: Intent): number {
    const { id, refusal } = this.#engine.submit(intent, this.#policy)
    this.lastRefusal = refusal
    return id
  }

  cancel(id: number): void {
    if (this.order(id)) this.#engine.cancel(id, this.#policy)
  }

  amend(id: number, tick: number, lots: number): void {
    if (this.order(id)) this.lastRefusal = this.#engine.amend(id, tick, lots, this.#policy)
  }

  cancelAll(instrument?: number): void {
    for (const order of this.orders()) {
      if (instrument === undefined || order.instrument === instrument) this.#engine.cancel(order.id, this.#policy)
    }
  }

  schedule(atUs: number, name: string): void {
    this.#engine.schedule(atUs, name, this.#policy)
  }
}

interface Timer {
  readonly atUs: number
  readonly sequence: number
  readonly name: string
  readonly policy: number
}

/** Timers by time, then by order of asking: a binary heap. */
class TimerQueue {
  readonly #heap: Timer[] = []
  #sequence = 0

  get nextUs(): number {
    return this.#heap.length > 0 ? this.#heap[0]!.atUs : Number.POSITIVE_INFINITY
  }

  pending(): readonly Timer[] {
    return [...this.#heap].sort((a, b) => (earlier(a, b) ? -1 : 1))
  }

  add(atUs: number, name: string, policy: number): void {
    const heap = this.#heap
    const timer = { atUs, sequence: this.#sequence++, name, policy }
    let at = heap.push(timer) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (!earlier(timer, heap[parent]!)) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = timer
  }

  /** Removes and returns the first timer due at `nowUs`. */
  take(nowUs: number): Timer | undefined {
    const heap = this.#heap
    const first = heap[0]
    if (!first || first.atUs > nowUs) return undefined
    const last = heap.pop()!
    if (heap.length > 0) {
      let at = 0
      for (;;) {
        let child = 2 * at + 1
        if (child >= heap.length) break
        if (child + 1 < heap.length && earlier(heap[child + 1]!, heap[child]!)) child++
        if (!earlier(heap[child]!, last)) break
        heap[at] = heap[child]!
        at = child
      }
      heap[at] = last
    }
    return first
  }
}

function earlier(a: Timer, b: Timer): boolean {
  return a.atUs < b.atUs || (a.atUs === b.atUs && a.sequence < b.sequence)
}
