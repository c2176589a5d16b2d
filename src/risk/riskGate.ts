/**
 * @file The gate that stands between policies and venues: limits before every order, breakers after every event.
 *
 *   market message ─▶ InstrumentWatch, VenueWatch ─┐
 *   order, account events ─▶ AccountWatch ─────────┼─▶ Trip ─▶ Latches ─▶ acts for the engine
 *   the clock ─▶ silence, gaps, unmet demands ─────┘              │
 *   intent ─▶ Latches.forbids ─▶ Limits.judge ─▶ '' or a name ◀───┘
 *
 * Whatever throws in here halts the account: a breaker that crashed is a breaker that tripped. What tripped stays so
 * until `reset`. `breaker-NAME` is the refusal of an order by the latched breaker NAME; the other names are listed in
 * limits.ts.
 */

import { atomsPerUnit } from '../market/instrument.ts'
import type { AccountEvent, Intent, Order, OrderEvent } from '../market/order.ts'
import type { OpenOrder } from '../policies/policy.ts'
import { AccountWatch } from './accountWatch.ts'
import { MarginRatio } from './breakers/marginRatio.ts'
import { ModelRange } from './breakers/modelRange.ts'
import { checkRiskConfig } from './checkRiskConfig.ts'
import { CoinHedges } from './coinHedges.ts'
import { type Gate, type GateAct, type GateReset, type LatchView, type Scope, stillToClose } from './gate.ts'
import { type Guard, Guards } from './guard.ts'
import { InstrumentWatch } from './instrumentWatch.ts'
import { covers, Latches, scopeKey, type Unmet } from './latches.ts'
import { Limits, type Watched } from './limits.ts'
import { PolicyProfit } from './policyProfit.ts'
import type { MarginRatioRule, ModelRangeRule, RiskConfig } from './riskConfig.ts'
import { sizeFactor } from './sizing.ts'
import type { MarketHealth } from './systemic/marketHealth.ts'
import { BreachLog, type BreachRecord } from './trip.ts'
import { VenueWatch } from './venueWatch.ts'

/** Name under which an exception inside the gate halts the account. */
export const GATE_EXCEPTION = 'gate-exception'

export class RiskGate implements Gate, Unmet {
  readonly config: RiskConfig
  /** Earliest time at which silence, a gap or an unmet demand is to be judged; infinite for none. */
  nextClockUs = Number.POSITIVE_INFINITY
  /** The last exception inside the gate, for the log of whoever runs it. */
  failure: unknown
  readonly #parts: Watched
  readonly #limits: Limits
  readonly #latches: Latches
  readonly #log = new BreachLog()
  readonly #guards: Guards
  readonly #account: AccountWatch
  readonly #instruments: InstrumentWatch[]
  /** The venue's watch for each instrument. */
  readonly #venues: VenueWatch[]
  readonly #profit: PolicyProfit
  readonly #rangeRules: readonly ModelRangeRule[]
  /** By policy and then by model. */
  readonly #ranges: Guard<ModelRange>[][][] = []
  readonly #marginRules: readonly MarginRatioRule[]
  readonly #margins = new Map<string, Guard<MarginRatio>[]>()
  readonly #hedges: CoinHedges
  /** Maintenance over equity from which a venue's hedges are not left. */
  readonly #marginDanger: number
  /** What was last told of each venue's margin, and when something was last booked there. */
  readonly #marginTold = new Map<string, { readonly ratio: number; readonly timeUs: number }>()
  readonly #bookedUs = new Map<string, number>()
  /** Turbulence as models reported it, by instrument; 0 where none did. */
  readonly #reported: Float64Array
  #nowUs = Number.NEGATIVE_INFINITY
  #nextCheckUs = Number.NEGATIVE_INFINITY
  /** When the check asked for is due: a microsecond after the message that asked. */
  #checkDueUs = Number.POSITIVE_INFINITY

  /**
   * @param parts What to watch: the engine's own.
   * @throws {GimbalError} `config-invalid`; `instrument-unknown` when a rule names an instrument not in the run.
   */
  constructor(config: RiskConfig, parts: Watched) {
    this.config = checkRiskConfig(config)
    this.#parts = parts
    const { instruments } = parts.universe
    this.#limits = new Limits(config.limits, parts)
    this.#latches = new Latches(parts.universe, config.redemandUs)
    this.#guards = new Guards(this.#latches, this.#log)
    this.#profit = new PolicyProfit(parts)
    this.#account = new AccountWatch(config, parts, this.#profit, this.#guards)
    this.#instruments = instruments.map((_, index) => new InstrumentWatch(index, config, parts, this.#guards))
    const venues = new Map<string, VenueWatch>()
    for (const { venue } of instruments)
      if (!venues.has(venue)) venues.set(venue, new VenueWatch(venue, config, this.#guards))
    this.#venues = instruments.map(({ venue }) => venues.get(venue)!)
    this.#reported = new Float64Array(instruments.length)
    this.#marginRules = config.breakers.filter((rule) => rule.breaker === 'margin-ratio')
    this.#hedges = new CoinHedges(parts)
    this.#marginDanger = Math.min(
      1,
      ...this.#marginRules.map(({ act, ratioMax }) => (act === 'flatten' ? ratioMax : 1)),
    )
    this.#rangeRules = config.breakers.filter((rule) => rule.breaker === 'model-range')
  }

  /** Everything tripped and not reset, oldest first. */
  get latched(): readonly LatchView[] {
    return this.#latches.view
  }

  /** The last reads that counted as breaches, also those that led to nothing. */
  get breaches(): readonly BreachRecord[] {
    return this.#log.list()
  }

  onMarket(instrument: number, nowUs: number): void {
    this.#nowUs = nowUs
    try {
      const watch = this.#instruments[instrument]!
      this.#venues[instrument]!.onMessage(nowUs, this.#parts.markets[instrument]!.venueUpdatedUs)
      if (nowUs >= this.#nextCheckUs) this.#askForCheck(nowUs)
      watch.onMessage(nowUs)
      if (watch.deadlineUs < this.nextClockUs) this.nextClockUs = Math.max(watch.deadlineUs, nowUs + 1)
    } catch (error) {
      this.#failClosed(error)
    }
  }

  onOrderEvent(event: OrderEvent, order: Order | undefined): void {
    const nowUs = this.#advance(event.timeUs)
    try {
      const { kind, instrument } = event
      const stillOpen = kind === 'accepted' || kind === 'triggered' || (kind === 'filled' && event.leavesLots > 0)
      if (!stillOpen) this.#limits.settled(event.orderId)
      if (kind === 'rejected' || kind === 'amend-rejected' || kind === 'cancel-rejected')
        this.#venues[instrument]!.onReject(event.reason, nowUs)
      if (kind === 'filled') {
        this.#profit.applyFill(event, order?.policy ?? -1)
        this.#booked(instrument, nowUs)
      } else if (this.#latches.any) this.#repeat(nowUs)
    } catch (error) {
      this.#failClosed(error)
    }
  }

  onAccountEvent(event: AccountEvent): void {
    const nowUs = this.#advance(event.timeUs)
    try {
      this.#profit.applyAccount(event)
      if (event.kind === 'transfer' && event.cashAtoms !== 0) {
        const { currency, cashAtoms } = event
        this.#account.transfer((cashAtoms / atomsPerUnit(currency)) * this.#parts.ledger.rate(currency))
      }
      this.#booked(event.instrument, nowUs)
    } catch (error) {
      this.#failClosed(error)
    }
  }

  onClock(nowUs: number): void {
    this.#advance(nowUs)
    try {
      if (nowUs >= this.#checkDueUs || nowUs >= this.#nextCheckUs) this.#check(nowUs)
      if (nowUs >= this.nextClockUs) {
        for (const watch of this.#instruments) if (watch.deadlineUs <= nowUs) watch.onClock(nowUs)
        if (this.#latches.any) this.#repeat(nowUs)
        this.#plan(nowUs)
      }
    } catch (error) {
      // The plan may be what failed, and a deadline left in the past would be asked for again at once, for ever.
      this.nextClockUs = nowUs + this.config.redemandUs
      this.#failClosed(error)
    }
  }

  judge(intent: Intent, policy: number, nowUs: number): string {
    try {
      if (!this.#limits.wellFormed(intent)) return 'order-malformed'
      if (policy < 0) return this.#judgeOwn(intent)
      const { instrument, side, lots } = intent
      const reduces = this.#limits.reduces(instrument, side, lots, intent.reduceOnly === true, 0)
      const breaker = this.#latches.any ? this.#latches.forbids(instrument, policy, reduces) : ''
      return breaker === ''
        ? this.#limits.judge(intent, lots, 0, reduces, nowUs, this.sizeFactor(instrument))
        : `breaker-${breaker}`
    } catch (error) {
      return this.#refuseAndHalt(error, nowUs)
    }
  }

  judgeAmend(order: Order, tick: number, lots: number, nowUs: number): string {
    try {
      const open = this.#find(order.id)
      if (!open) return 'unknown-order'
      const { id, instrument, side, policy } = order
      const intent: Intent = { ...order, tick, lots }
      const leaves = lots - (open.lots - open.leavesLots)
      if (!this.#limits.wellFormed(intent) || !(leaves > 0)) return 'order-malformed'
      const reduces = this.#limits.reduces(instrument, side, leaves, order.reduceOnly === true, id)
      const breaker = this.#latches.any ? this.#latches.forbids(instrument, policy, reduces) : ''
      if (breaker !== '') return `breaker-${breaker}`
      const refusal = this.#limits.judge(intent, leaves, id, reduces, nowUs, this.sizeFactor(instrument))
      if (refusal === '') this.#limits.amending(id, lots)
      return refusal
    } catch (error) {
      return this.#refuseAndHalt(error, nowUs)
    }
  }

  onSent(_kind: 'order' | 'cancel' | 'amend', instrument: number, nowUs: number): void {
    this.#limits.onSent(instrument, nowUs)
  }

  takeActs(): readonly GateAct[] | undefined {
    const acts = this.#latches.take()
    if (acts) this.#plan(this.#nowUs)
    return acts
  }

  /**
   * Tells the gate how far a policy's model is from home. Called by whoever runs the model; policies hold no reference.
   *
   * @param share Share of the model's inputs outside the range of its training data, 0 to 1; NaN trips at once.
   * @param model Number of the model: reads in a row are those of one model.
   */
  reportRange(policy: number, share: number, nowUs: number, model = 0): void {
    this.#advance(nowUs)
    try {
      const models = (this.#ranges[policy] ??= [])
      const guards = (models[model] ??= this.#rangeRules.map((rule) =>
        this.#guards.post(new ModelRange(rule.shareMax), rule, { of: 'policy', policy }, 'share of inputs'),
      ))
      for (const { breaker, trip } of guards)
        trip.read(breaker.observe(share), breaker.measured, breaker.allowed, nowUs)
    } catch (error) {
      this.#failClosed(error)
    }
    this.#hasten()
  }

  reportMargin(venue: string, ratio: number, nowUs: number): void {
    this.#advance(nowUs)
    try {
      this.#marginTold.set(venue, { ratio, timeUs: nowUs })
      let guards = this.#margins.get(venue)
      if (!guards) {
        guards = this.#marginRules.map((rule) =>
          this.#guards.post(new MarginRatio(rule.ratioMax), rule, { of: 'venue', venue }, 'maintenance over equity'),
        )
        this.#margins.set(venue, guards)
      }
      for (const { breaker, trip } of guards)
        trip.read(breaker.observe(ratio), breaker.measured, breaker.allowed, nowUs)
    } catch (error) {
      this.#failClosed(error)
    }
    this.#hasten()
  }

  reportTurbulence(instrument: number, probability: number, _nowUs: number): void {
    this.#reported[instrument] = Number.isNaN(probability) ? 1 : probability
  }

  leaves(instrument: number): number {
    if (this.config.flattenLeaves !== 'coin-hedges') return 0
    try {
      return this.#hedges.left(instrument, this.#nowUs, this.#flattened, this.#endangered)
    } catch (error) {
      this.#failClosed(error)
      this.#hasten()
      // Halted: what is held is a person's now.
      return this.#parts.ledger.lots(instrument)
    }
  }

  /**
   * What an instrument's size limits are multiplied by now, for orders that add risk: 0 to 1; 1 without a sizing in the
   * configuration.
   */
  sizeFactor(instrument: number): number {
    const { sizing } = this.config
    if (!sizing) return 1
    const { health, turbulence } = this.#instruments[instrument]!
    const probability = Math.max(turbulence?.probability ?? 0, this.#reported[instrument]!)
    return sizeFactor(sizing, probability, health?.score ?? Number.NaN, this.#account.drawdown)
  }

  /** Health of an instrument's market with its parts, for people; undefined where nobody asked for it or it has none. */
  healthOf(instrument: number): MarketHealth | undefined {
    return this.#instruments[instrument]!.health
  }

  /**
   * Takes a latch away and gives the breaker a new reference (peak, start, usual spread), or it would trip again on the
   * same loss. In a run it is asked for by `Engine.resetBreaker`, which writes the record to the journal.
   *
   * @param who The person who answers for it. @param reason Why it is safe to trade again.
   * @throws {GimbalError} `reset-refused` when nothing is latched there, the reason is empty, nobody signs, or the
   *   cool-down has not passed.
   */
  reset(breaker: string, scope: Scope, who: string, reason: string, nowUs: number): GateReset {
    const record = this.#latches.reset(breaker, scope, who, reason, nowUs)
    this.#advance(nowUs)
    try {
      for (const guard of this.#guards.of(breaker, scopeKey(scope), scopeKey)) {
        guard.breaker.rebase(nowUs)
        guard.trip.rearm()
      }
      for (const watch of this.#instruments) watch.onClock(this.#nowUs)
      this.#plan(this.#nowUs)
    } catch (error) {
      // The latch is gone, and its record must reach the journal: what failed halts the account instead.
      this.nextClockUs = this.#nowUs + this.config.redemandUs
      this.#failClosed(error)
    }
    return record
  }

  resting(scope: Scope, reducingToo: boolean): boolean {
    for (const order of this.#parts.openOrders()) {
      if (order.policy < 0 || order.state === 'cancelling' || (order.reduceOnly && !reducingToo)) continue
      if (covers(scope, order.instrument, order.policy, this.#parts.universe)) return true
    }
    return false
  }

  open(scope: Scope): boolean {
    const { ledger, universe } = this.#parts
    for (let i = 0; i < universe.size; i++) {
      if (ledger.lots(i) === 0) continue
      const covered =
        scope.of === 'policy' ? this.#profit.lots(scope.policy, i) !== 0 : covers(scope, i, Number.NaN, universe)
      if (covered && this.#toClose(i) !== 0) return true
    }
    return false
  }

  /** Signed lots of a position that no order of the gate is closing yet and no flatten leaves. */
  #toClose(instrument: number): number {
    const position = { held: this.#parts.ledger.lots(instrument), left: this.leaves(instrument) }
    return stillToClose(position, instrument, this.#parts.openOrders())
  }

  readonly #flattened = (instrument: number): boolean =>
    this.#latches.flattening(instrument, (policy) => this.#profit.lots(policy, instrument) !== 0)

  /**
   * Whether hedges at a venue must go with everything else: its margin is what the flatten is about, or as bad. They wait for what
   * else closes there, and for the look at the margin after it, unless liquidation is there already.
   */
  readonly #endangered = (venue: string): boolean => {
    const told = this.#marginTold.get(venue)
    if (told === undefined || told.ratio < this.#marginDanger) return false
    if (!(told.ratio < 1)) return true
    return (this.#bookedUs.get(venue) ?? Number.NEGATIVE_INFINITY) < told.timeUs && !this.#closesElsewise(venue)
  }

  /** Whether something at a venue is to be closed whatever its margin, and can be. */
  #closesElsewise(venue: string): boolean {
    const { ledger, universe } = this.#parts
    return ledger.traded.some((i) => {
      const lots = ledger.lots(i)
      if (lots === 0 || universe.at(i).venue !== venue || !this.#flattened(i) || !this.#hedges.closable(i)) return false
      return this.#hedges.left(i, this.#nowUs, this.#flattened, () => false) !== lots
    })
  }

  /** The gate's own orders close what a flatten demanded, and nothing else. */
  #judgeOwn(intent: Intent): string {
    const closable = -intent.side * this.#toClose(intent.instrument)
    const closes = intent.type === 'market' && intent.reduceOnly === true && intent.lots <= closable
    return closes && this.#latches.permitsFlatten(intent.instrument) ? '' : 'not-a-flatten'
  }

  #booked(instrument: number, nowUs: number): void {
    if (instrument >= 0) this.#bookedUs.set(this.#parts.universe.at(instrument).venue, nowUs)
    this.#check(nowUs)
    if (instrument >= 0) this.#instruments[instrument]!.onBooked(nowUs, this.#account.equity)
  }

  /**
   * Equity is read when the moment is over and not within it: between two rows of one microsecond one leg of a hedge
   * has its new price and the other still its old one, and the difference looks like a loss.
   */
  #askForCheck(nowUs: number): void {
    this.#nextCheckUs = nowUs + this.config.checkUs
    this.#checkDueUs = nowUs + 1
    if (this.#checkDueUs < this.nextClockUs) this.nextClockUs = this.#checkDueUs
  }

  #check(nowUs: number): void {
    this.#nextCheckUs = nowUs + this.config.checkUs
    this.#checkDueUs = Number.POSITIVE_INFINITY
    this.#account.check(nowUs)
    for (const watch of this.#instruments) watch.onChecked(nowUs, this.#account.equity)
    if (this.#latches.any) this.#repeat(nowUs)
  }

  #repeat(nowUs: number): void {
    this.#latches.repeat(this, nowUs)
  }

  #plan(nowUs: number): void {
    let next = Math.min(this.#latches.redemandAtUs, this.#checkDueUs)
    for (const watch of this.#instruments) if (watch.deadlineUs < next) next = watch.deadlineUs
    this.nextClockUs = Math.max(next, nowUs + 1)
  }

  /** Acts demanded between events are carried out at the next one: asks for it without delay. */
  #hasten(): void {
    if (this.#latches.pending) this.nextClockUs = this.#nowUs + 1
  }

  #advance(timeUs: number): number {
    if (timeUs > this.#nowUs) this.#nowUs = timeUs
    return this.#nowUs
  }

  #find(id: number): OpenOrder | undefined {
    for (const order of this.#parts.openOrders()) if (order.id === id) return order
    return undefined
  }

  #refuseAndHalt(error: unknown, nowUs: number): string {
    this.#advance(nowUs)
    this.#failClosed(error)
    this.#hasten()
    return GATE_EXCEPTION
  }

  #failClosed(error: unknown): void {
    this.failure = error
    const timeUs = this.#nowUs
    this.#latches.demand({
      breaker: GATE_EXCEPTION,
      scope: { of: 'account' },
      act: 'halt',
      timeUs,
      measured: Number.NaN,
      allowed: 0,
      unit: 'exception',
      reads: [{ timeUs, measured: Number.NaN }],
      cooldownUs: 0,
    })
    // Whatever crashed may have kept an earlier demand from being repeated; if this crashes too, the halt stands.
    try {
      this.#repeat(timeUs)
    } catch (again) {
      this.failure = again
    }
  }
}
