/**
 * @file Gathers, while a run is under way, everything its report needs; memory does not grow with the run.
 *
 * Series live in a {@link Timeline} whose buckets widen, distributions in sketches, lists keep their first, last and worst
 * entries. What is watched is only what the engine itself knew: order and account events as they reached us, and
 * markets and ledger at most once per `sampleUs` of engine time. So the collector cannot look ahead, except for markouts,
 * which are measured on later samples and fed back to nobody.
 *
 * Profit is split exactly: per settlement currency the components of all its instruments, plus cash that belongs to no
 * instrument, equal the change of equity less transfers, in atoms, without a remainder. `unexplainedAtoms` says so.
 */

import { MINUTE_US, SECOND_US } from '../core/clock.ts'
import { assert } from '../core/errors.ts'
import type { EngineParts, Observer } from '../engine/engine.ts'
import type { MarginReading } from '../engine/marginDesk.ts'
import { atomDecimals, atomsPerUnit, type Instrument } from '../market/instrument.ts'
import type { AccountEvent, Intent, Order, OrderEvent } from '../market/order.ts'
import type { GateAct, GateReset, Scope } from '../risk/gate.ts'
import { maintenanceMarginAtoms } from '../sim/marginRules.ts'
import { type Drawdown, DrawdownTracker, RETURN_CLOCKS_US, ReturnClock, type ReturnMoments } from './performance.ts'
import { FirstAndLast, Worst } from './shortList.ts'
import { type Distribution, distribution, rounded, Sketch } from './sketch.ts'
import { type LastColumn, type RangeColumn, type SumColumn, Timeline } from './timeline.ts'

/** After how long the market's move against or for a fill is measured, µs. */
export const MARKOUT_HORIZONS_US: readonly number[] = [SECOND_US, 5 * SECOND_US, 30 * SECOND_US, 5 * MINUTE_US]

/** Fills whose markout is still awaited, per horizon; beyond it they are counted as unmeasured. */
const AWAITED_MAX = 65_536
/** Instruments that get a price series when the universe is larger: those ordered first. */
const CHARTED_MAX = 24

/** Where profit comes from. Each is signed: costs are negative. */
export const COMPONENTS = [
  'spread',
  'slippage',
  'inventory',
  'fees',
  'funding',
  'liquidation',
  'other',
  'collateral',
] as const
export type Component = (typeof COMPONENTS)[number]

/**
 * Signed amounts by component:
 * `spread` gained by resting against the mid of the moment; `slippage` lost to it by taking; `inventory` the market moving on
 * what was held; `fees` of trades, rebates included; `funding`; `liquidation` penalties and settlement cash; `other` cash that
 * belongs to no instrument; `collateral` the dollar worth of coin balances changing (dollars only, zero in atoms).
 */
export type Attribution = Readonly<Record<Component, number>>

/** Values per bucket of the report's timeline; null where unknown. */
export interface RangeSeries {
  readonly open: readonly (number | null)[]
  readonly high: readonly (number | null)[]
  readonly low: readonly (number | null)[]
  readonly close: readonly (number | null)[]
}

/** Fills of one side per bucket: how many, base size (contracts), and average price. */
export interface FillSeries {
  readonly count: readonly number[]
  readonly size: readonly number[]
  readonly price: readonly (number | null)[]
}

/** One fill, listed. */
export interface ListedFill {
  readonly timeUs: number
  readonly orderId: number
  readonly instrument: string
  readonly side: 'buy' | 'sell'
  readonly price: number
  /** In contracts (base units where a contract is one). */
  readonly size: number
  /** Dollars; null while the settlement currency had no price. */
  readonly notional: number | null
  readonly fee: number | null
  readonly liquidity: 'maker' | 'taker' | ''
  /** Against the mid at that moment, bps of price, positive is good; null when there was no mid. */
  readonly edgeBps: number | null
  /** By horizon, as {@link MARKOUT_HORIZONS_US}; null: not measurable (no price near that time, or the run ended). */
  readonly markoutBps: readonly (number | null)[]
  readonly policy: number
  readonly tag: string
}

/** What the margin engine of one venue said over a run (engine/marginDesk.ts). */
export interface VenueMargin {
  readonly venue: string
  readonly engine: string
  readonly looks: number
  /** Looks at which the margin was unknown. */
  readonly unknown: number
  /** Highest maintenance margin over equity, and when; null where nothing stood behind it: liquidation. */
  readonly fullest: number | null
  readonly fullestUs: number
  /** Highest initial margin over equity with open orders at their worst; null as above. */
  readonly initialFullest: number | null
}

/** Markouts of all fills after one horizon. */
export interface Markout {
  readonly horizonUs: number
  /** Bps of the fill price, positive is good for us. */
  readonly maker: Distribution
  readonly taker: Distribution
  /** Mean weighted by notional; null without measurements. */
  readonly makerWeightedBps: number | null
  readonly takerWeightedBps: number | null
  /** Dollars made or lost by the market's move from fill price to that time, all fills. */
  readonly dollars: number
  readonly measured: number
  readonly unmeasured: number
}

export interface InstrumentReport {
  readonly id: string
  readonly settle: string
  readonly makerBps: number
  readonly takerBps: number
  readonly feeSource: string
  readonly fills: number
  readonly makerFills: number
  /** Contracts. */
  readonly sizeTraded: number
  readonly turnover: number
  readonly endPosition: number
  readonly endExposure: number | null
  readonly firstPrice: number | null
  readonly lastPrice: number | null
  /** Atoms of `settle`; and dollars at the closing rate. */
  readonly attributionAtoms: Attribution
  readonly attribution: Attribution
  readonly profitAtoms: number
  readonly profit: number
  /** Absent when the universe was too large to chart every instrument. */
  readonly price?: RangeSeries
  readonly position?: RangeSeries
  readonly buys?: FillSeries
  readonly sells?: FillSeries
  readonly feedLatency: Distribution
}

/** How one currency's equity came to change, in atoms: integers that add up. */
export interface CurrencyReport {
  readonly currency: string
  readonly decimals: number
  readonly openingAtoms: number
  readonly closingAtoms: number | null
  readonly transfersAtoms: number
  readonly attributionAtoms: Attribution
  /** Closing − opening − transfers − Σ components: zero, or the books are wrong. Null while a price is unknown. */
  readonly unexplainedAtoms: number | null
}

/** A demand of the gate, or (`act` is `reset`) a person putting a breaker back: then nothing was measured. */
export interface RiskEvent {
  readonly timeUs: number
  readonly breaker: string
  readonly act: string
  readonly scope: Scope
  /** Null when what was measured was not a number, which trips a breaker too. */
  readonly measured: number | null
  readonly allowed: number
  readonly unit: string
  readonly confirmations: number
  /** Of a reset: who answers for it, why, and what was in force until then. */
  readonly reset?: { readonly who: string; readonly reason: string; readonly lifted: string }
}

export interface ListedAccountEvent {
  readonly timeUs: number
  readonly kind: AccountEvent['kind']
  readonly instrument: string
  readonly side: 'buy' | 'sell' | ''
  readonly size: number
  readonly price: number | null
  /** Cash change in units of `currency`. */
  readonly cash: number
  readonly currency: string
}

/** A list cut in its middle: `count` happened, `entries` are the first and last of them. */
export interface CutList<T> {
  readonly count: number
  readonly entries: readonly T[]
}

/** Everything gathered, as plain data. Money is in dollars unless a name says atoms; times in µs since 1970. */
export interface CollectedRun {
  readonly firstUs: number
  readonly lastUs: number
  readonly sampleUs: number
  readonly samples: number
  /** Samples at which equity, once known, was unknown again for want of a price. */
  readonly unpricedSamples: number
  /** Share of the time positions in options were held at which their marks were carried (portfolio/marks.ts); null without options. */
  readonly optionsCarriedShare: number | null
  /** The shared time axis: starts of buckets. */
  readonly timeline: { readonly widthUs: number; readonly startUs: readonly number[] }
  readonly equity: RangeSeries
  /** Fall from peak as a fraction, the worst in each bucket, transfers taken out. */
  readonly drawdown: readonly (number | null)[]
  readonly grossExposure: RangeSeries
  readonly netExposure: RangeSeries
  /**
   * Gross exposure over equity, and maintenance margin over equity: the highest in each bucket. Margin by the rules of
   * the simulated exchange (sim/marginRules.ts), which also says what is assumed where a venue's tiers are unknown.
   */
  readonly leverage: readonly (number | null)[]
  readonly marginUse: readonly (number | null)[]
  /** What margin engines said, by venue in order of their first word; a page written before there was a watch has none. */
  readonly margins?: readonly VenueMargin[]
  /** Cumulative dollars by component. */
  readonly attribution: Readonly<Record<Component, readonly (number | null)[]>>
  readonly startEquity: number
  readonly endEquity: number
  readonly meanEquity: number
  readonly transfers: number
  readonly leverageMax: number | null
  readonly marginUseMax: number | null
  readonly grossExposureMax: number
  readonly clocks: readonly ReturnMoments[]
  readonly deepest: Drawdown
  readonly deepestFromStart: Drawdown
  readonly longestUnderWaterUs: number
  readonly turnover: number
  /** Fees less rebates, slippage where it cost, penalties, and funding where it was paid on balance. */
  readonly costs: number
  readonly totals: Attribution
  readonly instruments: readonly InstrumentReport[]
  readonly currencies: readonly CurrencyReport[]
  readonly fills: {
    readonly count: number
    readonly maker: number
    readonly taker: number
    readonly size: Distribution
    /** Against the mid at the fill, bps. */
    readonly edge: Distribution
    readonly first: readonly ListedFill[]
    readonly last: readonly ListedFill[]
    readonly worst: readonly ListedFill[]
    /** Horizon by whose markout `worst` was chosen; 0: against the mid at the fill. */
    readonly worstHorizonUs: number
  }
  readonly markouts: readonly Markout[]
  /** Believed queue ahead in multiples of the order's own size, when it came to rest and when it filled. */
  readonly queueAtRest: Distribution
  readonly queueAtFill: Distribution
  readonly latency: {
    /** From leaving us to acceptance at the venue; from leaving us to hearing of it; of cancellations; of answers. */
    readonly orderToVenue: Distribution
    readonly orderToAnswer: Distribution
    readonly cancelToAnswer: Distribution
    readonly answer: Distribution
    /** Receive time less venue time of market messages, sampled, all instruments. */
    readonly feed: Distribution
  }
  readonly orders: {
    readonly sent: number
    readonly cancelsAsked: number
    readonly amendsAsked: number
    readonly refused: number
    /** Venue answers by kind. */
    readonly answers: Readonly<Record<string, number>>
    readonly rejectsByReason: Readonly<Record<string, number>>
    readonly refusalsByLimit: Readonly<Record<string, number>>
  }
  readonly riskEvents: CutList<RiskEvent>
  readonly accountEvents: CutList<ListedAccountEvent>
  /** Dollars of funding and penalties at the rate of the moment, and counts, by kind. */
  readonly accountTotals: readonly { readonly kind: string; readonly count: number; readonly dollars: number }[]
}

export interface CollectorOptions {
  /** Shortest time between two samples. A tenth of a second suits books; bars come seldom enough anyway. */
  readonly sampleUs?: number
  /** Buckets of the time series; each keeps open, high, low and close. */
  readonly bucketsMax?: number
  /** Fills listed at each end, and as worst. */
  readonly fillsListed?: number
}

/** A fill on its way through the markout horizons. */
interface AwaitedFill {
  readonly timeUs: number
  readonly index: number
  readonly event: OrderEvent
  readonly dollars: number
  readonly fee: number
  readonly edgeBps: number | null
  readonly markoutBps: (number | null)[]
  readonly policy: number
  readonly tag: string
}

/** What is kept per instrument. */
interface Watched {
  readonly instrument: Instrument
  charted: { price: RangeColumn; position: RangeColumn; buys: Side; sells: Side } | undefined
  turnover: number
  firstPrice: number
  lastPrice: number
  barUs: number
  heardUs: number
  /** Cash that reached the ledger's fees by an account event: penalties and settlements; own currency and all. */
  penaltyAtoms: number
  penaltyAllAtoms: number
  foreignFundingAtoms: number
  readonly feed: Sketch
}

interface Side {
  readonly count: SumColumn
  readonly size: SumColumn
  readonly worth: SumColumn
}

/** Watches one engine; give it to the engine as observer, then `attach`. */
export class RunCollector implements Observer {
  readonly sampleUs: number
  readonly #timeline: Timeline
  readonly #equity: RangeColumn
  readonly #drawdown: RangeColumn
  readonly #gross: RangeColumn
  readonly #net: RangeColumn
  readonly #leverage: RangeColumn
  readonly #marginUse: RangeColumn
  readonly #margins = new Map<
    string,
    { engine: string; looks: number; unknown: number; fullest: number; fullestUs: number; initial: number }
  >()
  readonly #components: Record<Component, LastColumn>
  readonly #clocks = RETURN_CLOCKS_US.map((clockUs) => new ReturnClock(clockUs))
  readonly #falls = new DrawdownTracker()
  readonly #fills: FirstAndLast<AwaitedFill>
  /** Worst by the mid at the fill, then by each horizon. */
  readonly #worst: Worst<AwaitedFill>[]
  readonly #markouts = MARKOUT_HORIZONS_US.map((horizonUs) => new MarkoutTally(horizonUs))
  readonly #size = new Sketch()
  readonly #edge = new Sketch()
  readonly #queueAtRest = new Sketch()
  readonly #queueAtFill = new Sketch()
  readonly #orderToVenue = new Sketch()
  readonly #orderToAnswer = new Sketch()
  readonly #cancelToAnswer = new Sketch()
  readonly #answer = new Sketch()
  readonly #feed = new Sketch()
  readonly #cancelledAt = new Map<number, number>()
  readonly #answers = new Map<string, number>()
  readonly #rejects = new Map<string, number>()
  readonly #refusals = new Map<string, number>()
  readonly #riskEvents = new FirstAndLast<RiskEvent>(200)
  readonly #accountEvents = new FirstAndLast<ListedAccountEvent>(100)
  readonly #accountTotals = new Map<string, { count: number; dollars: number }>()
  readonly #openingAtoms = new Map<string, number>()
  readonly #transferAtoms = new Map<string, number>()
  readonly #otherAtoms = new Map<string, number>()
  #parts: EngineParts | undefined
  #watched: Watched[] = []
  /** Indices of instruments ever traded or touched by the account: the only ones that can have made or lost anything. */
  readonly #touched = new Set<number>()
  #charted = 0
  #sent = 0
  #cancelsAsked = 0
  #amendsAsked = 0
  #refused = 0
  #makerFills = 0
  #takerFills = 0
  #transfers = 0
  #startEquity = Number.NaN
  #endEquity = Number.NaN
  #equityTime = 0
  #pricedUs = 0
  #lastPricedUs = Number.NaN
  #leverageMax = Number.NaN
  #marginUseMax = Number.NaN
  #grossMax = 0
  #samples = 0
  #unpriced = 0
  /** Time positions in options were held, summed over positions, and the part of it they were marked by a model. */
  #optionsHeldUs = 0
  #optionsCarriedUs = 0
  #firstUs = Number.NaN
  #lastUs = Number.NEGATIVE_INFINITY

  constructor(options: CollectorOptions = {}) {
    this.sampleUs = options.sampleUs ?? 100_000
    this.#timeline = new Timeline(options.bucketsMax ?? 800, this.sampleUs)
    const listed = options.fillsListed ?? 20
    this.#fills = new FirstAndLast(listed)
    this.#worst = [0, ...MARKOUT_HORIZONS_US].map(() => new Worst<AwaitedFill>(listed))
    this.#equity = this.#timeline.range()
    this.#drawdown = this.#timeline.range()
    this.#gross = this.#timeline.range()
    this.#net = this.#timeline.range()
    this.#leverage = this.#timeline.range()
    this.#marginUse = this.#timeline.range()
    const columns = COMPONENTS.map((component) => [component, this.#timeline.last()] as const)
    this.#components = Object.fromEntries(columns) as Record<Component, LastColumn>
  }

  /** Says whose run this is; before its first event. */
  attach(parts: EngineParts): void {
    assert(this.#parts === undefined, 'a collector watches one run')
    this.#parts = parts
    for (const currency of parts.ledger.currencies) {
      this.#openingAtoms.set(currency, parts.ledger.cashAtoms(currency))
    }
    this.#watched = parts.universe.instruments.map((instrument) => ({
      instrument,
      charted: undefined,
      turnover: 0,
      firstPrice: Number.NaN,
      lastPrice: Number.NaN,
      barUs: Number.NEGATIVE_INFINITY,
      heardUs: Number.NEGATIVE_INFINITY,
      penaltyAtoms: 0,
      penaltyAllAtoms: 0,
      foreignFundingAtoms: 0,
      feed: new Sketch(),
    }))
    if (parts.universe.size <= CHARTED_MAX) for (const watched of this.#watched) this.#chart(watched)
  }

  onOrder(order: Order): void {
    this.#sent++
    const watched = this.#watched[order.instrument]!
    if (!watched.charted && this.#charted < CHARTED_MAX) this.#chart(watched)
  }

  onCancel(orderId: number, _policy: number, timeUs: number): void {
    this.#cancelsAsked++
    this.#cancelledAt.set(orderId, timeUs)
  }

  onAmend(): void {
    this.#amendsAsked++
  }

  onRefusal(_intent: Intent, _policy: number, limit: string): void {
    this.#refused++
    increment(this.#refusals, limit)
  }

  onOrderEvent(event: OrderEvent, order: Order | undefined, referenceTick: number): void {
    this.#passTime(event.timeUs)
    increment(this.#answers, event.kind)
    this.#answer.add(event.timeUs - event.venueTimeUs)
    if (event.reason !== '' && (event.kind === 'rejected' || event.kind.endsWith('-rejected'))) {
      increment(this.#rejects, event.kind === 'rejected' ? event.reason : `${event.kind}: ${event.reason}`)
    }
    const askedUs = this.#cancelledAt.get(event.orderId)
    if (askedUs !== undefined) {
      if (event.kind === 'cancelled') this.#cancelToAnswer.add(event.timeUs - askedUs)
      if (event.kind !== 'accepted' && event.kind !== 'amended' && !(event.kind === 'filled' && event.leavesLots > 0)) {
        this.#cancelledAt.delete(event.orderId)
      }
    }
    if (event.kind === 'accepted' && order) {
      this.#orderToVenue.add(event.venueTimeUs - order.sentUs)
      this.#orderToAnswer.add(event.timeUs - order.sentUs)
      if (event.queueAheadLots >= 0) this.#queueAtRest.add(event.queueAheadLots / order.lots)
    }
    if (event.kind === 'filled') this.#fill(event, order, referenceTick)
  }

  onAccountEvent(event: AccountEvent): void {
    this.#passTime(event.timeUs)
    const watched = event.instrument >= 0 ? this.#watched[event.instrument]! : undefined
    const units = event.cashAtoms / atomsPerUnit(event.currency || 'USD')
    const dollars = event.cashAtoms === 0 ? 0 : units * this.#ledger.rate(event.currency)
    if (watched) this.#touched.add(event.instrument)
    if (event.cashAtoms !== 0) this.#bookCash(event, watched, dollars)
    const totals = this.#accountTotals.get(event.kind) ?? { count: 0, dollars: 0 }
    totals.count++
    if (!Number.isNaN(dollars)) totals.dollars += dollars
    this.#accountTotals.set(event.kind, totals)
    this.#accountEvents.add({
      timeUs: event.timeUs,
      kind: event.kind,
      instrument: watched?.instrument.id ?? '',
      side: event.side === 0 ? '' : event.side > 0 ? 'buy' : 'sell',
      size: watched ? watched.instrument.lots.value(event.lots) : 0,
      price: watched && event.lots > 0 ? watched.instrument.ticks.value(event.tick) : null,
      cash: units,
      currency: event.currency,
    })
    // A liquidation must show in the curves even when nothing else is sampled near it.
    if (event.kind !== 'funding') this.#sample(this.#lastUs)
  }

  onMargin({ venue, engine, ratio, initialRatio, timeUs }: MarginReading): void {
    const seen = this.#margins.get(venue) ?? { engine, looks: 0, unknown: 0, fullest: 0, fullestUs: timeUs, initial: 0 }
    this.#margins.set(venue, seen)
    seen.looks++
    if (Number.isNaN(ratio)) seen.unknown++
    if (ratio > seen.fullest) {
      seen.fullest = ratio
      seen.fullestUs = timeUs
    }
    if (initialRatio > seen.initial) seen.initial = initialRatio
  }

  onGateAct(act: GateAct): void {
    this.#passTime(act.timeUs)
    this.#riskEvents.add({
      timeUs: act.timeUs,
      breaker: act.breaker,
      act: act.act,
      scope: act.scope,
      measured: rounded(act.measured),
      allowed: act.allowed,
      unit: act.unit,
      confirmations: act.confirmations,
    })
  }

  onGateReset({ timeUs, breaker, scope, act, who, reason }: GateReset): void {
    this.#passTime(timeUs)
    const unmeasured = { measured: null, allowed: 0, unit: '', confirmations: 0 }
    this.#riskEvents.add({ timeUs, breaker, act: 'reset', scope, ...unmeasured, reset: { who, reason, lifted: act } })
  }

  onSample(timeUs: number): void {
    this.#passTime(timeUs)
    this.#sample(timeUs)
  }

  /**
   * The run is over: takes a last sample and hands over everything.
   *
   * @param endUs Time of the last event.
   */
  finish(endUs: number): CollectedRun {
    this.#passTime(endUs)
    this.#sample(this.#lastUs)
    for (const tally of this.#markouts) tally.giveUp()
    return this.#collected()
  }

  get #ledger(): EngineParts['ledger'] {
    assert(this.#parts !== undefined, 'a collector is attached before the first event')
    return this.#parts.ledger
  }

  #passTime(timeUs: number): void {
    if (timeUs > this.#lastUs) this.#lastUs = timeUs
    if (Number.isNaN(this.#firstUs)) this.#firstUs = timeUs
    this.#timeline.moveTo(this.#lastUs)
  }

  #chart(watched: Watched): void {
    const side = (): Side => ({
      count: this.#timeline.sum(),
      size: this.#timeline.sum(),
      worth: this.#timeline.sum(),
    })
    watched.charted = {
      price: this.#timeline.range(),
      position: this.#timeline.range(),
      buys: side(),
      sells: side(),
    }
    this.#charted++
  }

  #fill(event: OrderEvent, order: Order | undefined, referenceTick: number): void {
    const watched = this.#watched[event.instrument]!
    const { instrument } = watched
    const perAtom = this.#ledger.rate(instrument.settle) / atomsPerUnit(instrument.settle)
    const dollars = instrument.notionalAtoms(event.tick, event.lots) * perAtom
    this.#touched.add(event.instrument)
    if (event.liquidity === 'maker') this.#makerFills++
    else this.#takerFills++
    if (Number.isFinite(dollars)) {
      watched.turnover += dollars
      this.#size.add(dollars)
    }
    const edgeBps = Number.isNaN(referenceTick) ? null : moveBps(event, referenceTick)
    if (edgeBps !== null) this.#edge.add(edgeBps)
    if (event.liquidity === 'maker' && event.queueAheadLots >= 0) {
      this.#queueAtFill.add(event.queueAheadLots / (order?.lots ?? event.lots + event.leavesLots))
    }
    if (watched.charted) {
      const side = event.side > 0 ? watched.charted.buys : watched.charted.sells
      const size = instrument.lots.value(event.lots)
      side.count.add(1)
      side.size.add(size)
      side.worth.add(size * instrument.ticks.value(event.tick))
      watched.charted.position.set(instrument.lots.value(this.#ledger.lots(event.instrument)))
    }
    const fill: AwaitedFill = {
      timeUs: event.timeUs,
      index: event.instrument,
      event,
      dollars,
      fee: event.feeAtoms * perAtom,
      edgeBps,
      markoutBps: MARKOUT_HORIZONS_US.map(() => null),
      policy: order?.policy ?? -1,
      tag: order?.tag ?? '',
    }
    this.#fills.add(fill)
    if (edgeBps !== null) this.#worst[0]!.add(fill, gainAtoms(instrument, event, referenceTick) * perAtom)
    for (const tally of this.#markouts) tally.await(fill)
  }

  #bookCash(event: AccountEvent, watched: Watched | undefined, dollars: number): void {
    const { currency, cashAtoms, kind } = event
    if (kind === 'transfer') {
      add(this.#transferAtoms, currency, cashAtoms)
      if (!Number.isNaN(this.#startEquity)) {
        this.#transfers += dollars
        for (const clock of this.#clocks) clock.transfer(dollars)
      }
    } else if (!watched) add(this.#otherAtoms, currency, cashAtoms)
    else {
      const own = currency === watched.instrument.settle
      // Cash in another currency than the instrument settles in cannot be added to its atoms.
      if (!own) add(this.#otherAtoms, currency, cashAtoms)
      if (kind === 'funding') watched.foreignFundingAtoms += own ? 0 : cashAtoms
      else {
        watched.penaltyAllAtoms += cashAtoms
        watched.penaltyAtoms += own ? cashAtoms : 0
      }
    }
  }

  #sample(timeUs: number): void {
    const { markets } = this.#parts!
    const ledger = this.#ledger
    this.#samples++
    for (let index = 0; index < markets.length; index++) this.#samplePrice(index)
    for (let h = 0; h < this.#markouts.length; h++) {
      const tally = this.#markouts[h]!
      const tolerance = Math.max(tally.horizonUs / 2, 2 * this.sampleUs)
      for (let fill = tally.due(timeUs); fill; fill = tally.due(timeUs)) {
        const { instrument } = this.#watched[fill.index]!
        const tick = markets[fill.index]!.referenceTick
        const late = timeUs - fill.timeUs - tally.horizonUs
        if (Number.isNaN(tick) || late > tolerance) {
          tally.unmeasured++
          continue
        }
        const bps = moveBps(fill.event, tick)
        const perAtom = ledger.rate(instrument.settle) / atomsPerUnit(instrument.settle)
        const dollars = gainAtoms(instrument, fill.event, tick) * perAtom
        fill.markoutBps[h] = bps
        tally.measure(fill, bps, dollars)
        this.#worst[h + 1]!.add(fill, dollars)
      }
    }
    this.#sampleMoney(timeUs)
  }

  #samplePrice(index: number): void {
    const market = this.#parts!.markets[index]!
    const watched = this.#watched[index]!
    const tick = market.referenceTick
    if (!Number.isNaN(tick)) {
      const { ticks } = watched.instrument
      watched.lastPrice = tick * ticks.size
      if (Number.isNaN(watched.firstPrice)) watched.firstPrice = watched.lastPrice
      const column = watched.charted?.price
      if (column && market.barUs > watched.barUs && !market.quoted) {
        column.set(ticks.value(market.barOpen))
        column.set(ticks.value(market.barHigh))
        column.set(ticks.value(market.barLow))
      }
      watched.barUs = market.barUs
      column?.set(watched.lastPrice)
    }
    if (watched.charted && (this.#touched.has(index) || market.updatedUs > watched.heardUs)) {
      watched.charted.position.set(watched.instrument.lots.value(this.#ledger.lots(index)))
    }
    if (market.updatedUs > watched.heardUs && market.venueUpdatedUs > Number.NEGATIVE_INFINITY) {
      const latency = market.updatedUs - market.venueUpdatedUs
      watched.feed.add(latency)
      this.#feed.add(latency)
      watched.heardUs = market.updatedUs
    }
  }

  #sampleMoney(timeUs: number): void {
    const ledger = this.#ledger
    const equity = ledger.equity
    if (!Number.isFinite(equity)) {
      // Before the first prices nothing can be known, and nothing is missed.
      if (!Number.isNaN(this.#startEquity)) this.#unpriced++
      return
    }
    if (Number.isNaN(this.#startEquity)) {
      this.#startEquity = 0
      for (const [currency, atoms] of this.#openingAtoms) {
        if (atoms !== 0) this.#startEquity += (atoms / atomsPerUnit(currency)) * ledger.rate(currency)
      }
    } else {
      this.#equityTime += this.#endEquity * (timeUs - this.#lastPricedUs)
      this.#pricedUs += timeUs - this.#lastPricedUs
      this.#passOptions(timeUs - this.#lastPricedUs)
    }
    this.#lastPricedUs = timeUs
    this.#endEquity = equity
    this.#equity.set(equity)
    this.#drawdown.set(this.#falls.add(timeUs, equity - this.#transfers))
    for (const clock of this.#clocks) clock.equity(timeUs, equity)

    let gross = 0
    let net = 0
    let maintenance = 0
    for (const index of this.#touched) {
      const exposure = ledger.exposure(index)
      if (exposure === 0) continue
      gross += Math.abs(exposure)
      net += exposure
      const { instrument } = this.#watched[index]!
      if (instrument.kind === 'spot') continue
      const market = this.#parts!.markets[index]!
      const atoms = maintenanceMarginAtoms(instrument, market.markPrice, ledger.lots(index), market.index)
      maintenance += (atoms / atomsPerUnit(instrument.settle)) * ledger.rate(instrument.settle)
    }
    this.#gross.set(gross)
    this.#net.set(net)
    if (gross > this.#grossMax) this.#grossMax = gross
    if (equity > 0) {
      const leverage = gross / equity
      this.#leverage.set(leverage)
      if (!(leverage <= this.#leverageMax)) this.#leverageMax = leverage
      const use = maintenance / equity
      this.#marginUse.set(use)
      if (!Number.isNaN(use) && !(use <= this.#marginUseMax)) this.#marginUseMax = use
    }
    const totals = this.#totals()
    for (const component of COMPONENTS) this.#components[component].set(totals[component])
  }

  /** How options were marked over a stretch of time: as they are at its end. */
  #passOptions(us: number): void {
    const ledger = this.#ledger
    for (const index of this.#touched) {
      if (this.#watched[index]!.instrument.kind !== 'option' || ledger.lots(index) === 0) continue
      this.#optionsHeldUs += us
      if (ledger.marks.carried(index) !== undefined) this.#optionsCarriedUs += us
    }
  }

  /** Dollars by component since the start, at present rates; `collateral` closes the sum to the change of equity. */
  #totals(): Record<Component, number> {
    const ledger = this.#ledger
    const totals = nothing()
    for (const index of this.#touched) {
      const { settle } = this.#watched[index]!.instrument
      const perAtom = ledger.rate(settle) / atomsPerUnit(settle)
      const atoms = this.#attribution(index)
      for (const component of COMPONENTS) if (atoms[component] !== 0) totals[component] += atoms[component] * perAtom
    }
    for (const [currency, atoms] of this.#otherAtoms) {
      totals.other += (atoms / atomsPerUnit(currency)) * ledger.rate(currency)
    }
    let sum = 0
    for (const component of COMPONENTS) sum += totals[component]
    const collateral = this.#endEquity - this.#startEquity - this.#transfers - sum
    // Below a thousandth of a cent it is the rounding of doubles, not coins changing in worth.
    totals.collateral = Math.abs(collateral) < 1e-5 ? 0 : collateral
    return totals
  }

  /** Where one instrument's profit came from, in atoms: integers whose sum is its whole profit. */
  #attribution(index: number): Record<Component, number> {
    const holding = this.#ledger.holding(index)
    const watched = this.#watched[index]!
    const parts = nothing()
    const total = holding.realisedAtoms + this.#ledger.unrealisedAtoms(index) - holding.feesAtoms + holding.fundingAtoms
    parts.spread = holding.spreadAtoms
    parts.slippage = holding.slippageAtoms
    parts.fees = -holding.feesAtoms - watched.penaltyAllAtoms
    parts.funding = holding.fundingAtoms - watched.foreignFundingAtoms
    parts.liquidation = watched.penaltyAtoms
    // What the ledger booked in a foreign currency is under `other` there, and so must not be part of this total.
    const foreign = watched.foreignFundingAtoms + watched.penaltyAllAtoms - watched.penaltyAtoms
    parts.inventory = total - foreign - parts.spread - parts.slippage - parts.fees - parts.funding - parts.liquidation
    return parts
  }

  #collected(): CollectedRun {
    const at = this.#timeline
    const range = (column: RangeColumn): RangeSeries => ({
      open: values(column.open, at.count),
      high: values(column.high, at.count),
      low: values(column.low, at.count),
      close: values(column.close, at.count),
    })
    const totals = this.#totals()
    const instruments = this.#watched.map((_, index) => this.#instrumentReport(index, range))
    // Taking better than the mid (on bars: the next open moved our way) is luck and lowers nobody's costs.
    const paid = totals.fees + Math.min(0, totals.slippage) + totals.liquidation + Math.min(0, totals.funding)
    const worst = this.#judgedWorst()
    const micros = (sketch: Sketch) => distribution(sketch, 'µs', 'log')
    return {
      firstUs: this.#firstUs,
      lastUs: this.#lastUs,
      sampleUs: this.sampleUs,
      samples: this.#samples,
      unpricedSamples: this.#unpriced,
      optionsCarriedShare: this.#optionsHeldUs > 0 ? rounded(this.#optionsCarriedUs / this.#optionsHeldUs) : null,
      timeline: { widthUs: at.widthUs, startUs: Array.from({ length: at.count }, (_, bucket) => at.startUs(bucket)) },
      equity: range(this.#equity),
      drawdown: values(this.#drawdown.high, at.count),
      grossExposure: range(this.#gross),
      netExposure: range(this.#net),
      leverage: values(this.#leverage.high, at.count),
      marginUse: values(this.#marginUse.high, at.count),
      margins: [...this.#margins].map(([venue, { engine, looks, unknown, fullest, fullestUs, initial }]) => ({
        venue,
        engine,
        looks,
        unknown,
        fullest: rounded(fullest),
        fullestUs,
        initialFullest: rounded(initial),
      })),
      attribution: Object.fromEntries(
        COMPONENTS.map((component) => [component, values(this.#components[component].values, at.count)]),
      ) as Record<Component, (number | null)[]>,
      startEquity: money(this.#startEquity),
      endEquity: money(this.#endEquity),
      meanEquity: money(this.#pricedUs > 0 ? this.#equityTime / this.#pricedUs : this.#endEquity),
      transfers: money(this.#transfers),
      leverageMax: rounded(this.#leverageMax),
      marginUseMax: rounded(this.#marginUseMax),
      grossExposureMax: money(this.#grossMax),
      clocks: this.#clocks.map((clock) => clock.moments),
      deepest: this.#falls.fromPeak,
      deepestFromStart: this.#falls.fromStart,
      longestUnderWaterUs: this.#falls.longestUs,
      turnover: money(this.#watched.reduce((sum, watched) => sum + watched.turnover, 0)),
      costs: money(-paid),
      totals: inMoney(totals),
      instruments,
      currencies: this.#currencyReports(),
      fills: {
        count: this.#fills.count,
        maker: this.#makerFills,
        taker: this.#takerFills,
        size: distribution(this.#size, 'USD', 'log'),
        edge: distribution(this.#edge, 'bps', 'linear'),
        first: this.#fills.first.map((fill) => this.#listed(fill)),
        last: this.#fills.last.map((fill) => this.#listed(fill)),
        worst: worst.entries.map((fill) => this.#listed(fill)),
        worstHorizonUs: worst.horizonUs,
      },
      markouts: this.#markouts.map((tally) => tally.collected()),
      queueAtRest: distribution(this.#queueAtRest, '× own order', 'log'),
      queueAtFill: distribution(this.#queueAtFill, '× own order', 'log'),
      latency: {
        orderToVenue: micros(this.#orderToVenue),
        orderToAnswer: micros(this.#orderToAnswer),
        cancelToAnswer: micros(this.#cancelToAnswer),
        answer: micros(this.#answer),
        feed: micros(this.#feed),
      },
      orders: {
        sent: this.#sent,
        cancelsAsked: this.#cancelsAsked,
        amendsAsked: this.#amendsAsked,
        refused: this.#refused,
        answers: byName(this.#answers),
        rejectsByReason: byName(this.#rejects),
        refusalsByLimit: byName(this.#refusals),
      },
      riskEvents: { count: this.#riskEvents.count, entries: this.#riskEvents.entries },
      accountEvents: { count: this.#accountEvents.count, entries: this.#accountEvents.entries },
      accountTotals: [...this.#accountTotals]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([kind, { count, dollars }]) => ({ kind, count, dollars: money(dollars) })),
    }
  }

  #instrumentReport(index: number, range: (column: RangeColumn) => RangeSeries): InstrumentReport {
    const watched = this.#watched[index]!
    const { instrument, charted } = watched
    const ledger = this.#ledger
    const holding = ledger.holding(index)
    const atoms = this.#attribution(index)
    const perAtom = ledger.rate(instrument.settle) / atomsPerUnit(instrument.settle)
    const dollars = nothing()
    let profitAtoms = 0
    for (const component of COMPONENTS) {
      dollars[component] = atoms[component] === 0 ? 0 : atoms[component] * perAtom
      profitAtoms += atoms[component]
    }
    const count = this.#timeline.count
    const side = ({ count: counts, size, worth }: Side): FillSeries => ({
      count: [...counts.values.subarray(0, count)],
      size: [...size.values.subarray(0, count)].map((value) => rounded(value) ?? 0),
      price: values(
        worth.values.map((value, i) => (counts.values[i]! > 0 ? value / size.values[i]! : Number.NaN)),
        count,
      ),
    })
    return {
      id: instrument.id,
      settle: instrument.settle,
      makerBps: instrument.makerBps,
      takerBps: instrument.takerBps,
      feeSource: instrument.spec.fees?.source ?? 'none given: fees as charged by the venue',
      fills: holding.fills,
      makerFills: holding.makerFills,
      sizeTraded: rounded(instrument.lots.value(holding.lotsTraded)) ?? 0,
      turnover: money(watched.turnover),
      endPosition: rounded(instrument.lots.value(holding.lots)) ?? 0,
      endExposure: rounded(ledger.exposure(index)),
      firstPrice: rounded(watched.firstPrice),
      lastPrice: rounded(watched.lastPrice),
      attributionAtoms: atoms,
      attribution: inMoney(dollars),
      profitAtoms,
      profit: money(profitAtoms === 0 ? 0 : profitAtoms * perAtom),
      ...(charted && {
        price: range(charted.price),
        position: range(charted.position),
        buys: side(charted.buys),
        sells: side(charted.sells),
      }),
      feedLatency: distribution(watched.feed, 'µs', 'log'),
    }
  }

  #currencyReports(): CurrencyReport[] {
    const ledger = this.#ledger
    return [...ledger.currencies].map((currency) => {
      const parts = nothing()
      for (const index of this.#touched) {
        if (this.#watched[index]!.instrument.settle !== currency) continue
        const atoms = this.#attribution(index)
        for (const component of COMPONENTS) parts[component] += atoms[component]
      }
      parts.other += this.#otherAtoms.get(currency) ?? 0
      const openingAtoms = this.#openingAtoms.get(currency) ?? 0
      const transfersAtoms = this.#transferAtoms.get(currency) ?? 0
      const closing = ledger.equityAtoms(currency)
      let explained = openingAtoms + transfersAtoms
      for (const component of COMPONENTS) explained += parts[component]
      return {
        currency,
        decimals: atomDecimals(currency),
        openingAtoms,
        closingAtoms: Number.isNaN(closing) ? null : closing,
        transfersAtoms,
        attributionAtoms: parts,
        unexplainedAtoms: Number.isNaN(closing) ? null : closing - explained,
      }
    })
  }

  /** The worst fills by the markout closest to half a minute that could be measured at all. */
  #judgedWorst(): { entries: readonly AwaitedFill[]; horizonUs: number } {
    for (const horizon of [2, 3, 1, 0]) {
      const entries = this.#worst[horizon + 1]!.entries
      if (entries.length > 0) return { entries, horizonUs: MARKOUT_HORIZONS_US[horizon]! }
    }
    return { entries: this.#worst[0]!.entries, horizonUs: 0 }
  }

  #listed(fill: AwaitedFill): ListedFill {
    const { instrument } = this.#watched[fill.index]!
    return {
      timeUs: fill.timeUs,
      orderId: fill.event.orderId,
      instrument: instrument.id,
      side: fill.event.side > 0 ? 'buy' : 'sell',
      price: instrument.ticks.value(fill.event.tick),
      size: instrument.lots.value(fill.event.lots),
      notional: rounded(fill.dollars),
      fee: rounded(fill.fee),
      liquidity: fill.event.liquidity,
      edgeBps: fill.edgeBps === null ? null : rounded(fill.edgeBps),
      markoutBps: fill.markoutBps.map((bps) => (bps === null ? null : rounded(bps))),
      policy: fill.policy,
      tag: fill.tag,
    }
  }
}

/** One horizon's markouts: fills awaited in order, and what was measured. */
class MarkoutTally {
  readonly horizonUs: number
  unmeasured = 0
  readonly #awaited: AwaitedFill[] = []
  #head = 0
  readonly #maker = new Sketch()
  readonly #taker = new Sketch()
  #makerWorth = 0
  #makerWeighted = 0
  #takerWorth = 0
  #takerWeighted = 0
  #dollars = 0

  constructor(horizonUs: number) {
    this.horizonUs = horizonUs
  }

  await(fill: AwaitedFill): void {
    if (this.#awaited.length - this.#head >= AWAITED_MAX) this.unmeasured++
    else this.#awaited.push(fill)
  }

  /** Removes and returns the next fill whose horizon has passed. */
  due(nowUs: number): AwaitedFill | undefined {
    const fill = this.#awaited[this.#head]
    if (!fill || fill.timeUs + this.horizonUs > nowUs) return undefined
    this.#head++
    if (this.#head >= 1024 && this.#head * 2 > this.#awaited.length) {
      this.#awaited.splice(0, this.#head)
      this.#head = 0
    }
    return fill
  }

  measure(fill: AwaitedFill, bps: number, dollars: number): void {
    const weight = Number.isFinite(fill.dollars) ? fill.dollars : 0
    if (fill.event.liquidity === 'maker') {
      this.#maker.add(bps)
      this.#makerWorth += weight
      this.#makerWeighted += weight * bps
    } else {
      this.#taker.add(bps)
      this.#takerWorth += weight
      this.#takerWeighted += weight * bps
    }
    if (Number.isFinite(dollars)) this.#dollars += dollars
  }

  /** The run ended: what is still awaited will not be measured. */
  giveUp(): void {
    this.unmeasured += this.#awaited.length - this.#head
    this.#awaited.length = 0
    this.#head = 0
  }

  collected(): Markout {
    return {
      horizonUs: this.horizonUs,
      maker: distribution(this.#maker, 'bps', 'linear'),
      taker: distribution(this.#taker, 'bps', 'linear'),
      makerWeightedBps: rounded(this.#makerWeighted / this.#makerWorth),
      takerWeightedBps: rounded(this.#takerWeighted / this.#takerWorth),
      dollars: money(this.#dollars),
      measured: this.#maker.count + this.#taker.count,
      unmeasured: this.unmeasured,
    }
  }
}

/** Move of the market from the fill's price to `tick`, in bps of it, positive when good for us. */
function moveBps(event: OrderEvent, tick: number): number {
  return event.tick === 0 ? 0 : (event.side * (tick - event.tick) * 10_000) / Math.abs(event.tick)
}

/** What the filled lots gained from their price to `tick`, in atoms. */
function gainAtoms(instrument: Instrument, event: OrderEvent, tick: number): number {
  const signed = event.side * event.lots
  return instrument.valueAtPrice(tick * instrument.ticks.size, signed) - instrument.valueAtoms(event.tick, signed)
}

function nothing(): Record<Component, number> {
  return { spread: 0, slippage: 0, inventory: 0, fees: 0, funding: 0, liquidation: 0, other: 0, collateral: 0 }
}

function inMoney(parts: Record<Component, number>): Attribution {
  return Object.fromEntries(COMPONENTS.map((component) => [component, money(parts[component])])) as Attribution
}

/** Dollars to the millionth; what is unknown is zero here and said to be so by `unpricedSamples` and `unexplainedAtoms`. */
function money(value: number): number {
  return Number.isFinite(value) ? Math.round(value * 1e6) / 1e6 + 0 : 0
}

function values(column: Float64Array, count: number): (number | null)[] {
  return Array.from(column.subarray(0, count), rounded)
}

function increment(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1)
}

function add(sums: Map<string, number>, name: string, value: number): void {
  sums.set(name, (sums.get(name) ?? 0) + value)
}

/** Counts, most frequent first, then by name: the same order every time. */
function byName(counts: Map<string, number>): Record<string, number> {
  return Object.fromEntries([...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1)))
}
