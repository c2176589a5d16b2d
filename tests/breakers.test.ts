/**
 * Goal: every breaker, fired through the real engine and the real backtest loop, does what it says: it cancels, closes
 * by a reduce-only market order, refuses what follows, stays so until a person resets it, and covers no more than its
 * scope. And none of them fires for what it should bear: a single bad tick, a profit, an ordinary spread.
 *
 * Method: two policies quote one instrument each on two venues. A scene is a tape; calm scenes must leave no latch,
 * shock scenes exactly one. `BENCH=1` prints how long each took from the first bad row to the act: messages, engine
 * time, and wall time of all the processing in between.
 */

import { afterAll, describe, expect, test } from 'vitest'
import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../src/core/clock.ts'
import { Random } from '../src/core/random.ts'
import { Engine } from '../src/engine/engine.ts'
import { NoJournal } from '../src/journal/journal.ts'
import { ASK, BID } from '../src/market/book.ts'
import { Instrument, Universe } from '../src/market/instrument.ts'
import { MarketState } from '../src/market/marketState.ts'
import type { AccountEvent, Intent, Order, OrderEvent, OrderEventKind, RejectReason } from '../src/market/order.ts'
import { Flag, Kind, MemoryTape, MergedTape, type TapeBatch } from '../src/market/tape.ts'
import type { Policy, PolicyContext } from '../src/policies/policy.ts'
import { EquityNan } from '../src/risk/breakers/equityNan.ts'
import { FeedLatency } from '../src/risk/breakers/feedLatency.ts'
import { StaleData } from '../src/risk/breakers/staleData.ts'
import type { GateAct, GateActKind, Scope } from '../src/risk/gate.ts'
import { type BreakerRule, DEFAULT_RISK, type RiskConfig } from '../src/risk/riskConfig.ts'
import { GATE_EXCEPTION, RiskGate } from '../src/risk/riskGate.ts'
import { runBacktest, type SimulatedVenue } from '../src/sim/backtest.ts'
import { ReplayedExchange } from '../src/sim/replayedExchange.ts'

const BTC = 0
const ETH = 1
const START_US = Date.UTC(2026, 0, 15, 12) * 1000
/** What each policy buys before it quotes: 0.1 BTC, 1 ETH, both 5,000 dollars. */
const BOUGHT = [100, 1_000]
const MIDS = [50_000, 5_000]

const universe = new Universe([perp('BTC', 'alpha', '1'), perp('ETH', 'beta', '0.1')])

function perp(base: string, venue: string, tickSize: string): Instrument {
  return new Instrument({
    base,
    quote: 'USDT',
    kind: 'perp',
    venue,
    venueSymbol: base,
    payoff: 'linear',
    settle: 'USDT',
    tickSize,
    lotSize: '0.001',
    multiplier: '1',
    source: 'test',
  })
}

interface Quote {
  readonly spread?: number
  readonly lots?: number
  /** Receive time less venue time. */
  readonly lagUs?: number
}

/** A tape being written, with the time it has reached. */
class Scene {
  readonly tape = new MemoryTape()
  timeUs: number

  constructor(timeUs: number) {
    this.timeUs = timeUs
  }

  wait(us: number): this {
    this.timeUs += us
    return this
  }

  /** A full book around a mid in ticks, three levels a side. */
  quote(instrument: number, mid: number, { spread = 2, lots = 5_000, lagUs = 1_000 }: Quote = {}): this {
    for (let level = 0; level < 3; level++) {
      for (const side of [BID, ASK]) {
        const flags = level === 0 && side === BID ? Flag.RESET : level === 2 && side === ASK ? Flag.END : 0
        const tick = mid - side * (Math.ceil(spread / 2) + level)
        this.#row(Kind.DEPTH, instrument, side, tick, lots, 0, flags, lagUs)
      }
    }
    return this
  }

  value(kind: number, instrument: number, value: number, lots = 0): this {
    return this.#row(kind, instrument, 0, 0, lots, value, Flag.END, 1_000)
  }

  /** Both instruments at their usual mids for a while. */
  calm(us: number, stepUs = SECOND_US, mids: readonly number[] = MIDS): this {
    for (const endUs = this.timeUs + us; this.timeUs < endUs; this.wait(stepUs))
      this.quote(BTC, mids[BTC]!).quote(ETH, mids[ETH]! * 10)
    return this
  }

  #row(
    kind: number,
    instrument: number,
    side: number,
    tick: number,
    lots: number,
    value: number,
    flags: number,
    lagUs: number,
  ): this {
    this.tape.push(this.timeUs, this.timeUs - lagUs, kind, instrument, side, tick, lots, value, flags)
    return this
  }
}

/**
 * A small honest venue: orders arrive at once, answers take half a millisecond, market orders fill at the touch it sees
 * itself, reduce-only is held to, nothing that rests is ever filled.
 */
class SmallVenue implements SimulatedVenue {
  readonly nextInternalUs = Number.POSITIVE_INFINITY
  readonly orders: Order[] = []
  /** Reason with which every limit order is refused; '' accepts. */
  refusing: RejectReason | '' = ''
  /** Market orders refused before the venue works again. */
  outOfLiquidity = 0
  latencyUs = 500
  readonly lots = universe.instruments.map(() => 0)
  readonly #markets = universe.instruments.map((instrument) => new MarketState(instrument))
  readonly #resting = new Map<number, Order>()
  readonly #answers: OrderEvent[] = []
  #nowUs = 0
  #fills = 0

  get resting(): readonly Order[] {
    return [...this.#resting.values()]
  }

  get nextDeliveryUs(): number {
    return this.#answers[0]?.timeUs ?? Number.POSITIVE_INFINITY
  }

  takeDelivery(): { readonly order?: OrderEvent; readonly account?: AccountEvent } {
    return { order: this.#answers.shift()! }
  }

  advanceTo(): void {}

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    this.#nowUs = timeUs
    this.#markets[instrument]!.apply(batch, row, timeUs)
  }

  submit(order: Order): void {
    this.orders.push(order)
    this.#nowUs = Math.max(this.#nowUs, order.sentUs)
    if (order.type === 'market') this.#execute(order)
    else if (this.refusing !== '') this.#answer(order, 'rejected', 0, this.refusing)
    else {
      this.#resting.set(order.id, order)
      this.#answer(order, 'accepted', order.lots)
    }
  }

  cancel(orderId: number, _instrument: number, nowUs: number): void {
    this.#nowUs = Math.max(this.#nowUs, nowUs)
    const order = this.#resting.get(orderId)
    this.#resting.delete(orderId)
    if (order) this.#answer(order, 'cancelled', 0)
  }

  amend(): void {
    throw new Error('The policies of this test do not amend')
  }

  #execute(order: Order): void {
    const book = this.#markets[order.instrument]!
    const closable = Math.max(0, -order.side * this.lots[order.instrument]!)
    const lots = order.reduceOnly ? Math.min(order.lots, closable) : order.lots
    if (this.outOfLiquidity > 0) {
      this.outOfLiquidity--
      this.#answer(order, 'rejected', 0, 'no-liquidity')
    } else if (lots === 0) this.#answer(order, 'rejected', 0, 'reduce-only')
    else {
      this.lots[order.instrument]! += order.side * lots
      const tick = order.side > 0 ? book.bestAsk : book.bestBid
      this.#answer(order, 'filled', 0, '', { tick, lots, fillId: ++this.#fills })
    }
  }

  #answer(order: Order, kind: OrderEventKind, leavesLots: number, reason: RejectReason | '' = '', fill = {}): void {
    const { id: orderId, instrument, side, tick, lots } = order
    this.#answers.push({
      kind,
      timeUs: this.#nowUs + this.latencyUs,
      venueTimeUs: this.#nowUs,
      orderId,
      instrument,
      side,
      tick,
      lots,
      leavesLots,
      feeAtoms: 0,
      liquidity: kind === 'filled' ? 'taker' : '',
      reason,
      fillId: 0,
      queueAheadLots: -1,
      ...fill,
    })
  }
}

/** Buys once, then keeps one order a side well away from the touch, whatever happens: the gate must be the one to stop it. */
class Quoter implements Policy {
  readonly name = 'quoter'
  readonly settings = {}
  readonly refusals: string[] = []
  readonly #instrument: number
  #context!: PolicyContext
  #bought = false

  constructor(instrument: number) {
    this.#instrument = instrument
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    return [this.#instrument]
  }

  onMarket(instrument: number): void {
    const market = this.#context.market(instrument)
    if (!market.quoted) return
    if (!this.#bought) {
      this.#bought = this.#want({ instrument, side: 1, lots: BOUGHT[instrument]!, type: 'market', tick: 0 })
      return
    }
    const sides = this.#context.orders().map(({ side }) => side)
    for (const side of [BID, ASK]) {
      if (sides.includes(side)) continue
      const tick = (side === BID ? market.bestBid : market.bestAsk) - side * 50
      this.#want({ instrument, side, lots: 10, type: 'limit', tick })
    }
  }

  #want(intent: Intent): boolean {
    if (this.#context.submit(intent) > 0) return true
    this.refusals.push(this.#context.lastRefusal)
    return false
  }
}

/** Counts what the engine takes in and when it acts. Wall time is the test's business, never the engine's. */
class Stopwatch extends NoJournal {
  triggerUs = Number.POSITIVE_INFINITY
  readonly acts: { readonly act: GateAct; readonly events: number; readonly wallUs: number }[] = []
  #events = 0
  #startedAt = 0

  override row(batch?: TapeBatch, row?: number, _instrument?: number, timeUs?: number): void {
    if (timeUs! >= this.triggerUs && (batch!.flags[row!]! & Flag.END) !== 0) this.#count()
  }

  override clock(timeUs?: number): void {
    if (timeUs! >= this.triggerUs) this.#count()
  }

  override orderEvent(event?: OrderEvent): void {
    if (event!.timeUs >= this.triggerUs) this.#count()
  }

  override gateAct(act?: GateAct): void {
    this.acts.push({ act: act!, events: this.#events, wallUs: (performance.now() - this.#startedAt) * 1e3 })
  }

  #count(): void {
    if (this.#events++ === 0) this.#startedAt = performance.now()
  }
}

class World {
  readonly venue = new SmallVenue()
  readonly watch = new Stopwatch()
  readonly quoters = [new Quoter(BTC), new Quoter(ETH)]
  readonly gate: RiskGate
  readonly engine: Engine
  readonly port: SimulatedVenue
  timeUs = START_US

  /** @param port The venue to use in place of the small one. */
  constructor(breakers: readonly BreakerRule[], cash = 10_000, port?: SimulatedVenue) {
    this.port = port ?? this.venue
    const config: RiskConfig = { ...DEFAULT_RISK, breakers }
    let gate: RiskGate | undefined
    this.engine = new Engine({
      universe,
      policies: this.quoters,
      gate: (parts) => (gate = new RiskGate(config, parts)),
      journal: this.watch,
      venue: this.port,
      cash: { USDT: cash },
      seed: 1,
    })
    this.gate = gate!
  }

  /** Plays what `write` puts on the tape after the last scene, followed by `quietUs` of nothing new but ETH. */
  play(write: (scene: Scene, world: World) => void): this {
    const scene = new Scene(this.timeUs)
    write(scene, this)
    // Answers still under way are delivered before a row that means nothing to any breaker.
    scene.wait(MINUTE_US / 60_000).value(Kind.OPEN_INTEREST, ETH, 0)
    runBacktest(
      this.engine,
      this.port,
      new MergedTape([{ source: scene.tape.reader() }], 'venue'),
      new MergedTape([{ source: scene.tape.reader() }], 'received'),
    )
    this.timeUs = scene.timeUs + 1
    expect(this.engine.nextClockUs, 'the clock is never asked for in the past').toBeGreaterThan(this.engine.clock.nowUs)
    return this
  }

  get refusals(): readonly string[] {
    return this.quoters.flatMap(({ refusals }) => refusals)
  }

  restingOf(instrument: number): number {
    return this.venue.resting.filter((order) => order.instrument === instrument).length
  }
}

const BASE = { act: 'flatten' as GateActKind, confirmations: 3, cooldownUs: 0 }
const EQUITY_NAN: BreakerRule = { ...BASE, breaker: 'equity-nan', confirmations: 1, startupUs: MINUTE_US }
const SPREAD: BreakerRule = {
  ...BASE,
  breaker: 'spread-shock',
  blowoutRatio: 20,
  blowoutBpsMin: 0,
  collapseRatio: 0.2,
  samples: 20,
  sampleUs: SECOND_US,
}

interface Case {
  readonly rule: BreakerRule
  readonly others?: readonly BreakerRule[]
  readonly scope: Scope
  readonly warmup?: (scene: Scene) => void
  /** What it must bear without acting. */
  readonly calm: (scene: Scene, world: World) => void
  /** What it must act on. */
  readonly shock: (scene: Scene, world: World) => void
  /** What is ordinary after a reset; the usual mids when absent. */
  readonly after?: (scene: Scene, world: World) => void
  /** Title of the calm scene. */
  readonly bears: string
  readonly cash?: number
}

const position: Scope = { of: 'position', instrument: BTC }
const account: Scope = { of: 'account' }

/** BTC falls and stays there. */
function crash(scene: Scene, mid: number): void {
  for (let i = 0; i < 10; i++) scene.quote(BTC, mid).wait(200_000).quote(ETH, 50_000)
}

/** One absurd quote, put right by the next message half a second later; ETH keeps talking meanwhile. */
function badTick(scene: Scene, mid: number): void {
  scene.quote(BTC, mid)
  for (let i = 0; i < 4; i++) scene.wait(120_000).quote(ETH, 50_000)
  scene.wait(20_000).calm(2 * SECOND_US)
}

const CASES: Readonly<Record<string, Case>> = {
  'drawdown from peak': {
    rule: { ...BASE, breaker: 'drawdown-from-peak', limit: 0.05 },
    others: [EQUITY_NAN],
    scope: account,
    bears: 'a bad tick down, a bad tick up, a gain',
    calm: (scene) => {
      badTick(scene, 30_000)
      badTick(scene, 80_000)
      scene.calm(5 * SECOND_US, SECOND_US, [53_000, 5_000])
    },
    // 600 dollars below the peak of 10,300 and only 300 below the start.
    shock: (scene) => crash(scene, 47_000),
    after: (scene) => scene.calm(5 * SECOND_US, SECOND_US, [47_000, 5_000]),
  },
  'drawdown from start': {
    rule: { ...BASE, breaker: 'drawdown-from-start', limit: 0.05 },
    others: [EQUITY_NAN],
    scope: account,
    bears: 'a bad tick, and giving back a gain larger than the limit',
    calm: (scene) => {
      badTick(scene, 30_000)
      scene.calm(5 * SECOND_US, SECOND_US, [60_000, 5_000]).calm(5 * SECOND_US)
    },
    shock: (scene) => crash(scene, 44_000),
    after: (scene) => scene.calm(5 * SECOND_US, SECOND_US, [44_000, 5_000]),
  },
  'daily loss': {
    rule: { ...BASE, breaker: 'daily-loss', limit: 0.05 },
    others: [EQUITY_NAN],
    scope: account,
    bears: 'a bad tick, and losses of two days that each stay below the limit',
    calm: (scene) => {
      badTick(scene, 30_000)
      scene.calm(2 * SECOND_US, SECOND_US, [46_000, 5_000]).wait(DAY_US / 2)
      scene.calm(2 * SECOND_US, SECOND_US, [46_000, 5_000]).calm(2 * SECOND_US, SECOND_US, [43_000, 5_000])
    },
    shock: (scene) => crash(scene, 40_000),
    after: (scene) => scene.calm(5 * SECOND_US, SECOND_US, [40_000, 5_000]),
  },
  'loss of a trade': {
    rule: { ...BASE, breaker: 'trade-loss', limit: 0.05 },
    others: [EQUITY_NAN],
    scope: position,
    bears: 'a bad tick and a gain',
    calm: (scene) => {
      badTick(scene, 30_000)
      scene.calm(2 * SECOND_US, SECOND_US, [56_000, 5_000])
    },
    shock: (scene) => crash(scene, 44_000),
  },
  'drawdown of a policy, on its own capital': {
    rule: { ...BASE, breaker: 'drawdown-from-start', limit: 0.2, policy: 0, capital: 1_000 },
    others: [EQUITY_NAN],
    scope: { of: 'policy', policy: 0 },
    bears: 'a bad tick, and the other policy losing more than that',
    calm: (scene) => {
      badTick(scene, 30_000)
      scene.calm(5 * SECOND_US, SECOND_US, [50_000, 4_500])
    },
    shock: (scene) => crash(scene, 47_000),
    after: (scene) => scene.calm(5 * SECOND_US, SECOND_US, [47_000, 5_000]),
    cash: 100_000,
  },
  'equity unknown': {
    rule: EQUITY_NAN,
    scope: account,
    bears: 'prices not yet heard at the start',
    calm: (scene) => scene.calm(SECOND_US),
    // A venue that says its mark is not a number has no price for what is held there.
    shock: (scene) => scene.value(Kind.MARK, BTC, Number.NaN).wait(SECOND_US).quote(ETH, 50_000),
    after: (scene) => scene.value(Kind.MARK, BTC, 50_000).calm(5 * SECOND_US),
  },
  'stale data': {
    rule: { ...BASE, confirmations: 1, breaker: 'stale-data', ageMaxUs: 5 * SECOND_US },
    scope: position,
    bears: 'silence of just as long as allowed',
    calm: (scene) => scene.calm(15 * SECOND_US, 5 * SECOND_US).calm(1),
    shock: (scene) => {
      for (let i = 0; i < 10; i++) scene.wait(SECOND_US).quote(ETH, 50_000)
    },
  },
  'gapped data': {
    rule: { ...BASE, confirmations: 1, breaker: 'gapped-data', graceUs: 2 * SECOND_US },
    scope: position,
    bears: 'a gap mended within its grace',
    calm: (scene) =>
      scene
        .value(Kind.GAP, BTC, 3)
        .wait(2 * SECOND_US)
        .calm(3 * SECOND_US),
    shock: (scene) => {
      scene.value(Kind.GAP, BTC, 3)
      for (let i = 0; i < 10; i++) scene.wait(500_000).quote(ETH, 50_000)
    },
  },
  'feed latency': {
    rule: { ...BASE, breaker: 'feed-latency', latencyMaxUs: SECOND_US },
    scope: { of: 'venue', venue: 'alpha' },
    bears: 'single late messages among prompt ones',
    calm: (scene) => {
      for (let i = 0; i < 5; i++)
        scene
          .quote(BTC, 50_000, { lagUs: 3 * SECOND_US })
          .wait(SECOND_US)
          .calm(2 * SECOND_US)
    },
    shock: (scene) => {
      for (let i = 0; i < 10; i++)
        scene
          .quote(BTC, 50_000, { lagUs: 3 * SECOND_US })
          .wait(SECOND_US)
          .quote(ETH, 50_000)
    },
  },
  "a venue's clock ahead of ours": {
    rule: {
      ...BASE,
      breaker: 'clock-skew',
      aheadMaxUs: SECOND_US,
      behindMaxUs: SECOND_US,
      driftMaxUs: SECOND_US / 2,
      windowUs: 10 * SECOND_US,
    },
    scope: { of: 'venue', venue: 'alpha' },
    bears: 'single messages from the future among sane ones',
    calm: (scene) => {
      for (let i = 0; i < 5; i++)
        scene
          .quote(BTC, 50_000, { lagUs: -2 * SECOND_US })
          .wait(2 * SECOND_US)
          .calm(SECOND_US)
    },
    shock: (scene) => {
      for (let i = 0; i < 10; i++)
        scene
          .quote(BTC, 50_000, { lagUs: -2 * SECOND_US })
          .wait(SECOND_US)
          .quote(ETH, 50_000)
    },
  },
  "a venue's clock drifting": {
    rule: {
      ...BASE,
      confirmations: 1,
      breaker: 'clock-skew',
      aheadMaxUs: SECOND_US,
      behindMaxUs: 5 * SECOND_US,
      driftMaxUs: SECOND_US / 2,
      windowUs: 5 * SECOND_US,
    },
    scope: { of: 'venue', venue: 'alpha' },
    bears: 'latency that varies but returns',
    warmup: (scene) => scene.calm(12 * SECOND_US),
    calm: (scene) => {
      for (let i = 0; i < 20; i++)
        scene
          .quote(BTC, 50_000, { lagUs: (i % 4) * 300_000 })
          .wait(SECOND_US)
          .quote(ETH, 50_000)
    },
    shock: (scene) => {
      for (let i = 0; i < 20; i++) scene.quote(BTC, 50_000, { lagUs: 700_000 }).wait(SECOND_US).quote(ETH, 50_000)
    },
  },
  "a venue's clock behind ours": {
    rule: {
      ...BASE,
      confirmations: 2,
      breaker: 'clock-skew',
      aheadMaxUs: SECOND_US,
      behindMaxUs: SECOND_US,
      driftMaxUs: MINUTE_US,
      windowUs: 3 * SECOND_US,
    },
    scope: { of: 'venue', venue: 'alpha' },
    bears: 'a slow network that is fast now and then',
    calm: (scene) => {
      for (let i = 0; i < 20; i++)
        scene
          .quote(BTC, 50_000, { lagUs: i % 3 === 0 ? SECOND_US : 3 * SECOND_US })
          .wait(SECOND_US)
          .quote(ETH, 50_000)
    },
    shock: (scene) => {
      for (let i = 0; i < 20; i++) scene.quote(BTC, 50_000, { lagUs: 1_000_001 }).wait(SECOND_US).quote(ETH, 50_000)
    },
  },
  'spread blowing out': {
    rule: SPREAD,
    scope: position,
    bears: 'a single wide quote and a doubled spread',
    warmup: (scene) => scene.calm(30 * SECOND_US),
    calm: (scene) => {
      scene.quote(BTC, 50_000, { spread: 400 }).wait(SECOND_US).calm(SECOND_US)
      for (let i = 0; i < 5; i++) scene.quote(BTC, 50_000, { spread: 4 }).wait(SECOND_US).quote(ETH, 50_000)
    },
    shock: (scene) => {
      for (let i = 0; i < 5; i++) scene.quote(BTC, 50_000, { spread: 400 }).wait(50_000).quote(ETH, 50_000)
    },
  },
  'spread collapsing': {
    rule: SPREAD,
    scope: position,
    bears: 'a single crossed quote',
    warmup: (scene) => {
      for (let i = 0; i < 30; i++) scene.quote(BTC, 50_000, { spread: 20 }).wait(SECOND_US).quote(ETH, 50_000)
    },
    calm: (scene) => {
      for (let i = 0; i < 5; i++)
        scene
          .quote(BTC, 50_000, { spread: i === 2 ? 2 : 20 })
          .wait(SECOND_US)
          .quote(ETH, 50_000)
    },
    shock: (scene) => {
      for (let i = 0; i < 5; i++) scene.quote(BTC, 50_000, { spread: 2 }).wait(50_000).quote(ETH, 50_000)
    },
  },
  'depth collapsing': {
    rule: { ...BASE, breaker: 'depth-collapse', ratioMin: 0.1, levels: 3, samples: 20, sampleUs: SECOND_US },
    scope: position,
    bears: 'a single thin book and half the usual depth',
    warmup: (scene) => scene.calm(30 * SECOND_US),
    calm: (scene) => {
      scene.quote(BTC, 50_000, { lots: 100 }).wait(SECOND_US).calm(SECOND_US)
      for (let i = 0; i < 5; i++) scene.quote(BTC, 50_000, { lots: 2_500 }).wait(SECOND_US).quote(ETH, 50_000)
    },
    shock: (scene) => {
      for (let i = 0; i < 8; i++) scene.quote(BTC, 50_000, { lots: 100 }).wait(150_000).quote(ETH, 50_000)
    },
  },
  'mark leaving the index': {
    rule: { ...BASE, breaker: 'mark-divergence', divergenceMaxBps: 100 },
    scope: position,
    bears: 'a single bad mark while the index moves on',
    calm: (scene) => {
      const pair = (mark: number) => scene.value(Kind.MARK, BTC, mark).value(Kind.INDEX, BTC, 50_000).wait(SECOND_US)
      pair(50_010)
      pair(52_000)
      for (let i = 0; i < 5; i++) scene.value(Kind.INDEX, BTC, 50_000 + i).wait(SECOND_US)
      pair(50_010)
      scene.calm(SECOND_US)
    },
    shock: (scene) => {
      for (let i = 0; i < 5; i++) scene.value(Kind.MARK, BTC, 52_000).value(Kind.INDEX, BTC, 50_000).wait(SECOND_US)
    },
    after: (scene) => {
      scene
        .value(Kind.MARK, BTC, 50_000)
        .value(Kind.INDEX, BTC, 50_000)
        .calm(5 * SECOND_US)
    },
  },
  'extreme funding': {
    rule: { ...BASE, confirmations: 1, breaker: 'funding-extreme', rateMax: 0.005 },
    scope: position,
    bears: 'ordinary funding, and the same yearly rate paid hourly',
    calm: (scene) =>
      scene
        .value(Kind.FUNDING, BTC, 0.0001, 8 * HOUR_US)
        .wait(SECOND_US)
        .calm(SECOND_US)
        .value(Kind.FUNDING, BTC, 0.0006, HOUR_US)
        .wait(SECOND_US)
        .calm(SECOND_US),
    shock: (scene) =>
      scene
        .value(Kind.FUNDING, BTC, -0.0007, HOUR_US)
        .wait(SECOND_US)
        .calm(2 * SECOND_US),
  },
  'volatility jumping': {
    rule: {
      ...BASE,
      breaker: 'volatility-jump',
      ratioMax: 3,
      shortUs: 5 * SECOND_US,
      longUs: 5 * MINUTE_US,
      warmupUs: MINUTE_US,
      sampleUs: SECOND_US,
    },
    scope: position,
    bears: 'a single bad tick after an hour of small moves',
    warmup: (scene) => wander(scene, 120, 5),
    calm: (scene) => {
      scene.quote(BTC, 40_000).wait(SECOND_US)
      wander(scene, 20, 5)
    },
    shock: (scene) => wander(scene, 20, 500),
  },
  'everything moving as one': {
    rule: {
      ...BASE,
      breaker: 'correlation-to-one',
      correlationMax: 0.7,
      halfLife: 20,
      warmup: 20,
      sampleUs: SECOND_US,
    },
    scope: account,
    bears: 'two markets that each go their way',
    calm: (scene) => {
      const random = new Random(7)
      const mids = [50_000, 50_000]
      for (let i = 0; i < 600; i++) {
        for (const each of [BTC, ETH]) scene.quote(each, (mids[each]! += random.integer(-20, 20)))
        scene.wait(SECOND_US / 10)
      }
    },
    shock: (scene) => together(scene, 60),
  },
  'a storm of rejections': {
    rule: {
      ...BASE,
      confirmations: 1,
      breaker: 'reject-storm',
      rejectsMax: 8,
      windowUs: 10 * SECOND_US,
      ignore: ['post-only'],
    },
    scope: { of: 'venue', venue: 'alpha' },
    bears: 'any number of post-only rejections',
    calm: (scene, world) => {
      world.venue.refusing = 'post-only'
      for (const order of world.venue.resting) world.engine.cancel(order.id, order.policy)
      scene.calm(15 * SECOND_US)
    },
    shock: (scene, world) => {
      world.venue.refusing = 'margin'
      for (const order of world.venue.resting) if (order.instrument === BTC) world.engine.cancel(order.id, order.policy)
      for (let i = 0; i < 8; i++) scene.quote(BTC, 50_000).wait(SECOND_US)
      scene.quote(ETH, 50_000)
    },
    after: (scene, world) => {
      world.venue.refusing = ''
      scene.calm(5 * SECOND_US)
    },
  },
  'a tail too long for the equity': {
    rule: {
      ...BASE,
      breaker: 'expected-shortfall',
      limit: 0.05,
      level: 0.975,
      horizonUs: 25 * SECOND_US,
      sampleUs: SECOND_US,
      window: 100,
      warmup: 40,
    },
    others: [EQUITY_NAN],
    scope: account,
    bears: 'a bad tick down and one up among small moves',
    warmup: (scene) => wander(scene, 60, 5),
    calm: (scene) => {
      badTick(scene, 30_000)
      badTick(scene, 80_000)
      wander(scene, 20, 5)
    },
    shock: (scene) => wander(scene, 40, 3_000),
  },
  'a market unwell': {
    rule: { ...BASE, breaker: 'market-health', healthMin: 0.3, partsMin: 2 },
    scope: position,
    bears: 'a book that is thin for a moment, and half the usual depth',
    warmup: (scene) => {
      scene.value(Kind.OPEN_INTEREST, BTC, 0, 1e6)
      scene.calm(HOUR_US + MINUTE_US, 10 * SECOND_US)
    },
    calm: (scene) => {
      scene.quote(BTC, 50_000, { lots: 50 }).wait(10 * SECOND_US)
      for (let i = 0; i < 10; i++)
        scene
          .quote(BTC, 50_000, { lots: 2_500 })
          .wait(10 * SECOND_US)
          .quote(ETH, 50_000)
    },
    shock: (scene) => {
      for (let i = 0; i < 10; i++)
        scene
          .quote(BTC, 50_000, { lots: 50 })
          .wait(10 * SECOND_US)
          .quote(ETH, 50_000)
    },
    after: (scene) => scene.calm(MINUTE_US, 10 * SECOND_US),
  },
  "a venue's margin nearly used up": {
    rule: { ...BASE, breaker: 'margin-ratio', ratioMax: 0.9 },
    scope: { of: 'venue', venue: 'alpha' },
    bears: 'two high readings in a row',
    calm: (scene, { gate }) => {
      for (const ratio of [0.95, 0.95, 0.9, 0.95, 0.95, 0.2]) gate.reportMargin('alpha', ratio, scene.timeUs)
      scene.calm(2 * SECOND_US)
    },
    shock: (scene, { gate }) => {
      for (let i = 0; i < 3; i++) gate.reportMargin('alpha', 0.91, scene.timeUs)
      scene.calm(SECOND_US)
    },
  },
  'a model out of its training range': {
    rule: { ...BASE, breaker: 'model-range', shareMax: 0.2 },
    scope: { of: 'policy', policy: 0 },
    bears: 'strange inputs twice in a row',
    calm: (scene, { gate }) => {
      for (const share of [0.5, 0.5, 0.2, 0.5, 0.5, 0]) gate.reportRange(0, share, scene.timeUs)
      scene.calm(2 * SECOND_US)
    },
    shock: (scene, { gate }) => {
      for (let i = 0; i < 3; i++) gate.reportRange(0, 0.21, scene.timeUs)
      scene.calm(SECOND_US)
    },
  },
}

function wander(scene: Scene, steps: number, size: number): void {
  const random = new Random(11)
  for (let i = 0; i < steps; i++)
    scene
      .quote(BTC, 50_000 + random.integer(-size, size))
      .wait(SECOND_US)
      .quote(ETH, 50_000)
}

/** Both walk by the same steps, ten between two samples: what one hears a moment after the other is then a small part. */
function together(scene: Scene, seconds: number): void {
  const random = new Random(13)
  let change = 0
  for (let i = 0; i < 10 * seconds; i++) {
    change += random.integer(-20, 20)
    scene
      .quote(BTC, 50_000 + change)
      .quote(ETH, 50_000 + change)
      .wait(SECOND_US / 10)
  }
}

const table: string[] = []

describe.each(Object.entries(CASES))('%s', (title, subject) => {
  const { rule, scope } = subject
  const quiet = () =>
    new World([rule, ...(subject.others ?? [])], subject.cash)
      .play((scene) => scene.calm(3 * SECOND_US))
      .play((scene) => subject.warmup?.(scene))

  test(`bears ${subject.bears}`, () => {
    const world = quiet()
    expect(world.venue.lots).toEqual(BOUGHT)
    world.play(subject.calm)
    expect(world.gate.latched).toEqual([])
    expect(world.watch.acts).toEqual([])
    expect(world.venue.lots).toEqual(BOUGHT)
    expect(world.refusals.filter((name) => name.startsWith('breaker-'))).toEqual([])
  })

  test('cancels, closes, refuses, stays so, and is reset by a person', () => {
    const world = quiet()
    const { gate, venue, watch, quoters } = world
    expect([world.restingOf(BTC), world.restingOf(ETH)]).toEqual([2, 2])
    if (title === 'drawdown from peak') world.play((scene) => scene.calm(5 * SECOND_US, SECOND_US, [53_000, 5_000]))

    watch.triggerUs = world.timeUs
    world.play(subject.shock)
    const { act, events, wallUs } = watch.acts[0]!
    expect(act).toMatchObject({ breaker: rule.breaker, act: 'flatten', scope, confirmations: rule.confirmations })
    expect(act.reads).toHaveLength(rule.confirmations)
    if (!Number.isNaN(act.measured)) expect(act.measured).not.toBe(act.allowed)
    table.push(
      `${title.padEnd(42)} ${String(events).padStart(6)} ${String(act.timeUs - watch.triggerUs).padStart(12)} ${wallUs.toFixed(0).padStart(10)}`,
    )

    // The gate's own order closed it, at market and reduce-only, and only what the scope covers.
    const closing = venue.orders.filter((order) => order.policy === -1)
    const covered = scope.of === 'account' ? [BTC, ETH] : [BTC]
    expect(closing.map(({ instrument }) => instrument)).toEqual(covered)
    for (const order of closing)
      expect(order).toMatchObject({ type: 'market', reduceOnly: true, side: -1, tag: rule.breaker })
    expect(venue.lots).toEqual(BOUGHT.map((lots, i) => (covered.includes(i) ? 0 : lots)))
    expect(world.engine.ledger.lots(BTC)).toBe(0)
    for (const instrument of covered) expect(world.restingOf(instrument)).toBe(0)

    // Latched: an ordinary market changes nothing, and every new order is refused by name.
    const before = venue.orders.length
    world.play((scene) => (subject.after ?? ((s: Scene) => s.calm(5 * SECOND_US)))(scene, world))
    expect(gate.latched.map(({ breaker, act: severity }) => [breaker, severity])).toEqual([[rule.breaker, 'flatten']])
    expect(quoters[BTC]!.refusals.at(-1)).toBe(`breaker-${rule.breaker}`)
    expect(venue.orders.slice(before).filter(({ instrument }) => covered.includes(instrument))).toEqual([])
    if (scope.of !== 'account') expect(world.restingOf(ETH)).toBe(2)

    // Nobody, or without a reason, cannot reset it; a person with one can, and it holds.
    for (const [who, reason] of [
      ['', 'looked at it'],
      ['Ada', ' '],
    ] as const) {
      expect(() => gate.reset(rule.breaker, scope, who, reason, world.timeUs)).toThrow(
        expect.objectContaining({ code: 'reset-refused' }),
      )
    }
    const record = gate.reset(rule.breaker, scope, 'Ada', 'feed checked, loss understood', world.timeUs)
    expect(record).toMatchObject({ breaker: rule.breaker, scope, act: 'flatten', latchedUs: act.timeUs, who: 'Ada' })
    expect(gate.latched).toEqual([])
    world.play((scene) => (subject.after ?? ((s: Scene) => s.calm(5 * SECOND_US)))(scene, world))
    expect(gate.latched).toEqual([])
    expect(world.restingOf(BTC)).toBe(2)
  })
})

describe('each act does its own thing and no more', () => {
  const act = (kind: GateActKind) => {
    const world = new World([{ ...BASE, act: kind, breaker: 'drawdown-from-start', limit: 0.05 }, EQUITY_NAN])
    world.play((scene) => scene.calm(3 * SECOND_US))
    world.play((scene) => crash(scene, 44_000))
    expect(world.gate.latched.map((latch) => latch.act)).toEqual([kind])
    return world
  }
  const reducing: Intent = { instrument: BTC, side: -1, lots: 100, type: 'market', tick: 0, reduceOnly: true }

  test('pause keeps what rests and what is held, and lets a position be reduced', () => {
    const world = act('pause')
    expect([world.restingOf(BTC), world.venue.lots[BTC]]).toEqual([2, 100])
    expect(world.engine.submit({ ...reducing, reduceOnly: false }, 0).refusal).toBe('breaker-drawdown-from-start')
    // Its own sell order rests, and both together are more than the position: that would not only reduce.
    expect(world.engine.submit(reducing, 0).refusal).toBe('breaker-drawdown-from-start')
    expect(world.engine.submit({ ...reducing, lots: 90 }, 0).refusal).toBe('')
  })

  test.each(['cancel', 'reduce-only'] as const)('%s takes away what rests, keeps what is held', (kind) => {
    const world = act(kind)
    expect([world.restingOf(BTC), world.venue.lots[BTC]]).toEqual([0, 100])
    expect(world.engine.submit({ ...reducing, side: 1 }, 0).refusal).toBe('breaker-drawdown-from-start')
    expect(world.engine.submit({ ...reducing, lots: 101 }, 0).refusal).toBe('breaker-drawdown-from-start')
    expect(world.engine.submit(reducing, 0).refusal).toBe('')
  })

  test('halt takes away what rests, keeps what is held, and lets nothing through', () => {
    const world = act('halt')
    expect([world.restingOf(BTC), world.venue.lots[BTC]]).toEqual([0, 100])
    expect(world.engine.submit(reducing, 0).refusal).toBe('breaker-drawdown-from-start')
    expect(world.engine.submit(reducing, -1).refusal).toBe('not-a-flatten')
  })
})

test('steps of one breaker escalate, and never back', () => {
  const step = (act: GateActKind, limit: number): BreakerRule => ({
    ...BASE,
    act,
    breaker: 'drawdown-from-start',
    limit,
  })
  const world = new World([step('pause', 0.03), step('flatten', 0.06), EQUITY_NAN])
  world.play((scene) => scene.calm(3 * SECOND_US))
  world.play((scene) => crash(scene, 46_000))
  expect(world.gate.latched.map(({ act }) => act)).toEqual(['pause'])
  world.play((scene) => crash(scene, 43_000))
  world.play((scene) => crash(scene, 46_000))
  expect(world.gate.latched.map(({ act }) => act)).toEqual(['flatten'])
  expect(world.watch.acts.map(({ act }) => act.act)).toEqual(['pause', 'flatten'])
  expect(world.venue.lots).toEqual([0, 0])
  // Everything demanded was done, so nothing is left to wake up for.
  world.play((scene) => scene.calm(2 * SECOND_US, SECOND_US, [46_000, 5_000]))
  expect(world.engine.nextClockUs).toBe(Number.POSITIVE_INFINITY)
})

test('a closing order under way is waited for, however slow the venue', () => {
  const world = new World([{ ...BASE, breaker: 'drawdown-from-start', limit: 0.05 }, EQUITY_NAN])
  world.play((scene) => scene.calm(3 * SECOND_US))
  world.venue.latencyUs = 10 * SECOND_US
  world.play((scene) => crash(scene, 44_000)).play((scene) => scene.calm(20 * SECOND_US, SECOND_US, [44_000, 5_000]))
  expect(world.engine.ledger.lots(BTC)).toBe(0)
  expect(world.venue.orders.filter(({ policy }) => policy < 0)).toHaveLength(2)
  expect(world.watch.acts).toHaveLength(1)
})

test('money taken out is not a loss, and what is lost afterwards is measured on what was left', () => {
  const world = new World([
    { ...BASE, breaker: 'drawdown-from-peak', limit: 0.05 },
    { ...BASE, breaker: 'daily-loss', limit: 0.05 },
    EQUITY_NAN,
  ])
  world.play((scene) => scene.calm(3 * SECOND_US))
  world.engine.stepAccount({
    kind: 'transfer',
    timeUs: world.timeUs,
    venueTimeUs: world.timeUs,
    instrument: -1,
    side: 0,
    tick: 0,
    lots: 0,
    cashAtoms: -6_000 * 1e6,
    currency: 'USDT',
  })
  world.play((scene) => scene.calm(5 * SECOND_US))
  expect(world.gate.latched).toEqual([])
  // 250 of 4,000 dollars: 6 %, which of 10,000 would have been 2.5 %.
  world.play((scene) => crash(scene, 47_500))
  expect(world.gate.latched.map(({ breaker }) => breaker)).toEqual(['drawdown-from-peak', 'daily-loss'])
})

test('a loss that was taken needs no second look', () => {
  const world = new World([{ ...BASE, act: 'pause', breaker: 'trade-loss', limit: 0.05 }, EQUITY_NAN])
  world.play((scene) => scene.calm(3 * SECOND_US)).play((scene) => scene.quote(BTC, 44_000))
  expect(world.gate.latched).toEqual([])
  world.engine.submit({ instrument: BTC, side: -1, lots: 100, type: 'market', tick: 0 }, 0)
  world.play((scene) => scene.wait(SECOND_US).quote(ETH, 50_000))
  expect(world.engine.ledger.lots(BTC)).toBe(0)
  expect(world.gate.latched).toMatchObject([{ breaker: 'trade-loss', scope: position }])
})

test('NaN is not waited for, and what was reset fires again after as many reads as before', () => {
  const world = new World([{ ...BASE, act: 'pause', breaker: 'model-range', shareMax: 0.2 }])
  const { gate } = world
  const scope: Scope = { of: 'policy', policy: 0 }
  gate.reportRange(0, Number.NaN, START_US)
  expect(gate.latched).toMatchObject([{ breaker: 'model-range', act: 'pause', measured: Number.NaN }])
  gate.reset('model-range', scope, 'Ada', 'model replaced', START_US)
  for (const latched of [0, 0, 1]) {
    gate.reportRange(0, 0.3, START_US)
    expect(gate.latched).toHaveLength(latched)
  }
  expect(gate.breaches.map(({ count, measured }) => [count, measured])).toEqual([
    [1, Number.NaN],
    [1, 0.3],
    [2, 0.3],
    [3, 0.3],
  ])
})

test('what a venue shows while it is down teaches and trips nothing but the gap', () => {
  const world = new World([SPREAD])
  world.play((scene) => scene.calm(30 * SECOND_US))
  world.play((scene) => {
    scene.value(Kind.OUTAGE, BTC, 1)
    for (let i = 0; i < 8; i++) scene.wait(SECOND_US).quote(BTC, 50_000, { spread: 900 })
    scene.value(Kind.OUTAGE, BTC, 0).calm(2 * SECOND_US)
  })
  expect(world.gate.latched).toEqual([])
})

test('a position the venue would not close is closed when it can be', () => {
  const world = new World([{ ...BASE, breaker: 'drawdown-from-start', limit: 0.05 }, EQUITY_NAN])
  world.play((scene) => scene.calm(3 * SECOND_US))
  world.venue.outOfLiquidity = 4
  world.play((scene) => crash(scene, 44_000))
  expect(world.venue.lots).toEqual(BOUGHT)
  world.play((scene) => scene.calm(10 * SECOND_US, SECOND_US, [44_000, 5_000]))
  expect(world.venue.lots).toEqual([0, 0])
  // Two instruments were asked for three times: at once, a second later, and two seconds after that.
  expect(world.watch.acts.map(({ act }) => act.act)).toEqual(['flatten', 'flatten', 'flatten'])
})

test('a reset waits for the cool-down', () => {
  const world = new World([{ ...BASE, cooldownUs: MINUTE_US, breaker: 'drawdown-from-start', limit: 0.05 }, EQUITY_NAN])
  world.play((scene) => scene.calm(3 * SECOND_US)).play((scene) => crash(scene, 44_000))
  const { actUs } = world.gate.latched[0]!
  const reset = (atUs: number) => world.gate.reset('drawdown-from-start', account, 'Ada', 'understood', atUs)
  expect(() => reset(actUs + MINUTE_US - 1)).toThrow(expect.objectContaining({ code: 'reset-refused' }))
  expect(reset(actUs + MINUTE_US).timeUs).toBe(actUs + MINUTE_US)
})

test('what crashes inside the gate halts the account', () => {
  for (const planted of ['market', 'clock', 'equity', 'judge'] as const) {
    const rules: BreakerRule[] = [
      { ...BASE, breaker: 'stale-data', ageMaxUs: 5 * SECOND_US },
      { ...BASE, breaker: 'feed-latency', latencyMaxUs: SECOND_US },
      { ...EQUITY_NAN, act: 'pause' },
    ]
    const world = new World(rules)
    world.play((scene) => scene.calm(3 * SECOND_US))
    expect(world.restingOf(BTC)).toBe(2)
    const fault = new Error(`planted in ${planted}`)
    const fail = (): never => {
      throw fault
    }
    const { ledger } = world.engine
    let repair = () => {}
    if (planted === 'equity') repair = plant(EquityNan.prototype, 'observe', fail)
    else if (planted === 'clock') repair = plant(StaleData.prototype, 'observe', fail)
    else if (planted === 'market') repair = plant(FeedLatency.prototype, 'observe', fail)
    else repair = plant(ledger, 'lots', (instrument) => (instrument === BTC ? fail() : BOUGHT[instrument]!))
    if (planted === 'judge')
      expect(
        world.engine.submit({ instrument: BTC, side: 1, lots: 1, type: 'limit', tick: 49_000, reduceOnly: true }, 0)
          .refusal,
      ).toBe(GATE_EXCEPTION)
    world.play((scene) => {
      if (planted === 'clock') for (let i = 0; i < 8; i++) scene.wait(SECOND_US).value(Kind.OPEN_INTEREST, ETH, 1)
      else scene.calm(2 * SECOND_US)
    })
    repair()
    expect(world.gate.failure).toBe(fault)
    expect(world.watch.acts, planted).toHaveLength(1)
    expect(world.gate.latched, planted).toMatchObject([{ breaker: GATE_EXCEPTION, act: 'halt', scope: account }])
    expect([world.restingOf(BTC), world.restingOf(ETH)], planted).toEqual([0, 0])
    const intent: Intent = { instrument: ETH, side: 1, lots: 1, type: 'limit', tick: 49_000 }
    expect(world.engine.submit(intent, 1).refusal).toBe(`breaker-${GATE_EXCEPTION}`)
    world.gate.reset(GATE_EXCEPTION, account, 'Ada', 'fault repaired', world.timeUs)
    expect(world.engine.submit(intent, 1).refusal).toBe('')
  }
})

/** Puts a fault where a method or field of an object was; returns what takes it out again. */
function plant<T extends object>(target: T, name: keyof T, fault: (argument: number) => unknown): () => void {
  const own = Object.getOwnPropertyDescriptor(target, name)
  const method =
    typeof (own?.value ?? Reflect.get(Object.getPrototypeOf(target) as object, name, target)) === 'function'
  Object.defineProperty(
    target,
    name,
    method ? { value: fault, configurable: true } : { get: () => fault(0), configurable: true },
  )
  return () => {
    if (own) Object.defineProperty(target, name, own)
    else Reflect.deleteProperty(target, name)
  }
}

test('at the replayed exchange, with its latency and its thin book, a position is out after as many tries as it takes', () => {
  const port = new ReplayedExchange({ universe, cash: { USDT: 10_000 } })
  const world = new World([{ ...BASE, breaker: 'drawdown-from-start', limit: 0.05 }, EQUITY_NAN], 10_000, port)
  const { engine, gate } = world
  const held = () => [engine.ledger.lots(BTC), engine.ledger.lots(ETH)]
  world.play((scene) => scene.calm(5 * SECOND_US))
  expect(held()).toEqual(BOUGHT)
  expect([...engine.openOrders()]).toHaveLength(4)
  // Three levels of 10 lots: no try can close more than 30 of 100, and the next waits a second.
  world.play((scene) => {
    for (let i = 0; i < 10; i++) scene.quote(BTC, 44_000, { lots: 10 }).wait(200_000).quote(ETH, 50_000)
  })
  expect(gate.latched.map(({ act }) => act)).toEqual(['flatten'])
  expect(engine.ledger.lots(BTC)).toBeLessThan(100)
  expect(engine.ledger.lots(BTC)).toBeGreaterThanOrEqual(40)
  expect([...engine.openOrders()]).toEqual([])
  world.play((scene) => scene.calm(30 * SECOND_US, SECOND_US, [44_000, 5_000]))
  expect(held()).toEqual([0, 0])
  expect([...engine.openOrders()]).toEqual([])
  expect(engine.nextClockUs).toBe(Number.POSITIVE_INFINITY)
})

test('the same scene twice gives the same acts', () => {
  const run = () => {
    const world = new World([{ ...BASE, breaker: 'drawdown-from-peak', limit: 0.05 }, EQUITY_NAN, SPREAD])
    world.play((scene) => scene.calm(30 * SECOND_US)).play((scene) => crash(scene, 44_000))
    return world.watch.acts.map(({ act }) => act)
  }
  expect(run()).toEqual(run())
})

test('the default rules bear an hour of an ordinary market', () => {
  const world = new World(DEFAULT_RISK.breakers)
  world.play((scene) => {
    const random = new Random(3)
    let btc = 50_000
    let eth = 50_000
    for (let i = 0; i < 7_200; i++) {
      btc += random.integer(-8, 8)
      eth += random.integer(-8, 8)
      scene.quote(BTC, btc, {
        spread: random.integer(1, 8),
        lots: random.integer(500, 9_000),
        lagUs: random.integer(1_000, 400_000),
      })
      scene.quote(ETH, eth).wait(SECOND_US / 2)
    }
  })
  expect(world.gate.latched).toEqual([])
})

afterAll(() => {
  if (process.env['BENCH'] !== '1') return
  console.log(['from trigger to act'.padEnd(42) + ' events    engine µs    wall µs', ...table].join('\n'))
})
