/** @file The breakers over one instrument: what is read of its market at each message, each sample and each deadline. */

import { HOUR_US } from '../core/clock.ts'
import { ASK, BID, isLevel, type Side } from '../market/book.ts'
import { atomsPerUnit, dollarLike } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { PortfolioView } from '../portfolio/portfolio.ts'
import { DepthCollapse } from './breakers/depthCollapse.ts'
import { FundingExtreme } from './breakers/fundingExtreme.ts'
import { GappedData } from './breakers/gappedData.ts'
import { MarkDivergence } from './breakers/markDivergence.ts'
import { MarketHealthFloor } from './breakers/marketHealthFloor.ts'
import { SpreadShock } from './breakers/spreadShock.ts'
import { StaleData } from './breakers/staleData.ts'
import { TradeLoss } from './breakers/tradeLoss.ts'
import { VolatilityJump } from './breakers/volatilityJump.ts'
import type { Guard, Guards } from './guard.ts'
import type { Watched } from './limits.ts'
import type { DepthCollapseRule, RiskConfig, VolatilityJumpRule } from './riskConfig.ts'
import { Turbulence } from './sizing.ts'
import { MarketHealth } from './systemic/marketHealth.ts'

interface DepthGuard extends Guard<DepthCollapse> {
  readonly levels: number
}

interface VolatilityGuard extends Guard<VolatilityJump> {
  readonly sampleUs: number
  nextUs: number
}

export class InstrumentWatch {
  /** Earliest time at which `onClock` may find a breach without any message. Never later than the truth. */
  deadlineUs = Number.POSITIVE_INFINITY
  /** Of a perpetual's or future's market, where a rule or the sizing asks for it. */
  readonly health: MarketHealth | undefined
  /** Where the sizing asks for it. */
  readonly turbulence: Turbulence | undefined
  readonly #index: number
  readonly #market: MarketState
  readonly #parts: Watched
  readonly #checkUs: number
  readonly #confirmUs: number
  readonly #stale: Guard<StaleData>[] = []
  readonly #gapped: Guard<GappedData>[] = []
  readonly #spread: Guard<SpreadShock>[] = []
  readonly #divergence: Guard<MarkDivergence>[] = []
  readonly #depth: DepthGuard[] = []
  readonly #funding: Guard<FundingExtreme>[] = []
  readonly #volatility: VolatilityGuard[] = []
  readonly #trade: Guard<TradeLoss>[] = []
  readonly #unwell: Guard<MarketHealthFloor>[] = []
  /** Instruments on the same coin, this one included. */
  readonly #sameBase: number[] = []
  #armed = false
  #broken = false
  #markUs = Number.NEGATIVE_INFINITY
  #indexUs = Number.NEGATIVE_INFINITY
  #nextSampleUs = Number.NEGATIVE_INFINITY
  #fundedUs = Number.NEGATIVE_INFINITY
  #forecast = Number.NaN
  #forecastUs = Number.NEGATIVE_INFINITY
  /** Coins of the base in cash when last looked at, their price then, and what they have gained until then, in dollars. */
  #coins = 0
  #coinRate = Number.NaN
  #coinsGained = 0

  constructor(index: number, config: RiskConfig, parts: Watched, guards: Guards) {
    this.#index = index
    this.#market = parts.markets[index]!
    this.#parts = parts
    const { base } = this.#market.instrument.spec
    for (const [other, { spec }] of parts.universe.instruments.entries())
      if (spec.base === base) this.#sameBase.push(other)
    this.#checkUs = config.checkUs
    this.#confirmUs = config.confirmUs
    const { kind } = this.#market.instrument
    const asked = config.sizing !== undefined || config.breakers.some(({ breaker }) => breaker === 'market-health')
    this.health = asked && (kind === 'perp' || kind === 'future') ? new MarketHealth() : undefined
    this.turbulence = config.sizing && kind !== 'option' ? new Turbulence() : undefined
    for (const rule of config.breakers) this.#post(rule, guards)
  }

  #post(rule: RiskConfig['breakers'][number], guards: Guards): void {
    const scope = { of: 'position', instrument: this.#index } as const
    switch (rule.breaker) {
      case 'stale-data':
        // An option is quoted when there is something to say: orders on old quotes are refused one by one (`quote-age`).
        if (this.#market.instrument.kind === 'option') break
        this.#stale.push(guards.post(new StaleData(rule.ageMaxUs), rule, scope, 'µs'))
        break
      case 'gapped-data':
        this.#gapped.push(guards.post(new GappedData(rule.graceUs), rule, scope, 'µs'))
        break
      case 'spread-shock': {
        const breaker = new SpreadShock(rule)
        this.#spread.push(guards.post(breaker, rule, scope, 'ticks'))
        break
      }
      case 'mark-divergence':
        // The mark of an option is a premium, its index the price of what it is on: the one follows the other nowhere near.
        if (this.#market.instrument.kind === 'option') break
        this.#divergence.push(guards.post(new MarkDivergence(rule.divergenceMaxBps), rule, scope, 'bps'))
        break
      case 'depth-collapse':
        this.#depth.push(depthGuard(rule, guards, this.#index))
        break
      case 'funding-extreme':
        this.#funding.push(guards.post(new FundingExtreme(rule.rateMax), rule, scope, 'fraction per 8 h'))
        break
      case 'volatility-jump':
        this.#volatility.push(volatilityGuard(rule, guards, this.#index))
        break
      case 'market-health':
        if (this.health)
          this.#unwell.push(guards.post(new MarketHealthFloor(rule.healthMin, rule.partsMin), rule, scope, 'score'))
        break
      case 'trade-loss':
        this.#trade.push(guards.post(new TradeLoss(rule.limit), rule, scope, 'fraction of equity'))
        break
    }
  }

  /** End of a message about this instrument. No allocation while nothing breaches. */
  onMessage(nowUs: number): void {
    const market = this.#market
    const broken = market.down || (market.hasBook && market.book.status === 'gap')
    if (broken || this.#broken) this.#observeGap(broken, nowUs)
    if (market.quotedUs > Number.NEGATIVE_INFINITY) {
      if (!this.#armed) this.#arm()
      if (!broken) this.#observeSpread(market, nowUs)
    }
    if (market.markUs !== this.#markUs || market.indexUs !== this.#indexUs) this.#observeMark(market, nowUs)
    if (nowUs >= this.#nextSampleUs) this.#sample(market, nowUs)
  }

  /** Equity was read: the trade under way is judged on the prices of the same moment. */
  onChecked(nowUs: number, equity: number): void {
    if (this.#parts.ledger.lots(this.#index) !== 0) this.#observeTrade(nowUs, equity)
  }

  /** A fill, liquidation or funding changed what is held or earned here. */
  onBooked(nowUs: number, equity: number): void {
    this.#observeTrade(nowUs, equity)
  }

  /** A deadline passed: judges silence and gaps, and sets the next deadline. */
  onClock(nowUs: number): void {
    const market = this.#market
    if (this.#broken) this.#observeGap(true, nowUs)
    let next = Number.POSITIVE_INFINITY
    for (const { breaker, trip } of this.#stale) {
      if (trip.latched || !this.#armed) continue
      const breached = breaker.observe(market.quotedUs, market.barDurationUs, nowUs)
      if (trip.read(breached, breaker.measured, breaker.allowed, nowUs)) continue
      // A breach that wants further confirmation is looked at again after the usual time between checks.
      next = Math.min(next, breached ? nowUs + this.#checkUs : breaker.deadlineUs(market.quotedUs))
    }
    for (const { breaker, trip } of this.#gapped) {
      if (trip.latched) continue
      next = Math.min(next, trip.count > 0 ? nowUs + this.#checkUs : breaker.deadlineUs)
    }
    this.deadlineUs = next
  }

  #arm(): void {
    this.#armed = true
    for (const { breaker } of this.#stale) {
      const deadlineUs = breaker.deadlineUs(this.#market.quotedUs)
      if (deadlineUs < this.deadlineUs) this.deadlineUs = deadlineUs
    }
  }

  #observeGap(broken: boolean, nowUs: number): void {
    // A run that comes back after an hour says so by an outage: what it heard before has no age to be judged by.
    if (broken && !this.#broken) for (const { breaker } of this.#stale) breaker.rebase(nowUs)
    this.#broken = broken
    const guards = this.#gapped
    for (let i = 0; i < guards.length; i++) {
      const { breaker, trip } = guards[i]!
      const breached = breaker.observe(broken, nowUs)
      trip.read(breached, breaker.measured, breaker.allowed, nowUs)
      if (!trip.latched && breaker.deadlineUs > nowUs && breaker.deadlineUs < this.deadlineUs)
        this.deadlineUs = breaker.deadlineUs
    }
  }

  #observeSpread(market: MarketState, nowUs: number): void {
    const guards = this.#spread
    if (guards.length === 0 || !quotes(market)) return
    const bid = market.bestBid
    const ask = market.bestAsk
    const spread = bid === -0x7fffffff || ask === 0x7fffffff ? Number.POSITIVE_INFINITY : ask - bid
    for (let i = 0; i < guards.length; i++) {
      const { breaker, trip } = guards[i]!
      const breached = breaker.observe(spread, bid, nowUs)
      trip.readFresh(breached, breaker.measured, breaker.allowed, nowUs, market.quotedUs, this.#confirmUs)
    }
  }

  #observeMark(market: MarketState, nowUs: number): void {
    this.#markUs = market.markUs
    this.#indexUs = market.indexUs
    const olderUs = Math.min(market.markUs, market.indexUs)
    if (olderUs === Number.NEGATIVE_INFINITY) return
    const guards = this.#divergence
    for (let i = 0; i < guards.length; i++) {
      const { breaker, trip } = guards[i]!
      const breached = breaker.observe(market.mark, market.index)
      trip.readFresh(breached, breaker.measured, breaker.allowed, nowUs, olderUs, this.#confirmUs)
    }
  }

  #sample(market: MarketState, nowUs: number): void {
    this.#nextSampleUs = nowUs + this.#checkUs
    this.#observeDepth(market, nowUs)
    this.#observeFunding(market, nowUs)
    this.turbulence?.observe(market.referenceTick, nowUs)
    if (this.health?.observe(market, nowUs)) this.#observeHealth(this.health, nowUs)
    const volatility = this.#volatility
    for (let i = 0; i < volatility.length; i++) {
      const guard = volatility[i]!
      if (nowUs < guard.nextUs) continue
      // Without a sound price this sample is left out; the next return then spans two.
      const tick = market.referenceTick
      if (Number.isNaN(tick)) continue
      guard.nextUs = nowUs + guard.sampleUs
      const breached = guard.breaker.observe(tick, nowUs)
      guard.trip.read(breached, guard.breaker.measured, guard.breaker.allowed, nowUs)
    }
  }

  #observeDepth(market: MarketState, nowUs: number): void {
    const guards = this.#depth
    if (guards.length === 0 || this.#broken || !quotes(market)) return
    for (let i = 0; i < guards.length; i++) {
      const { breaker, trip, levels } = guards[i]!
      const bids = depth(market, BID, levels)
      const asks = depth(market, ASK, levels)
      const breached = breaker.observe(Math.min(bids, asks), nowUs)
      trip.readFresh(breached, breaker.measured, breaker.allowed, nowUs, market.quotedUs, this.#confirmUs)
    }
  }

  #observeHealth(health: MarketHealth, nowUs: number): void {
    const guards = this.#unwell
    for (let i = 0; i < guards.length; i++) {
      const { breaker, trip } = guards[i]!
      trip.read(breaker.observe(health), breaker.measured, breaker.allowed, nowUs)
    }
  }

  /** Funding is read once for each thing the venue says about it. */
  #observeFunding(market: MarketState, nowUs: number): void {
    const settled = market.fundedUs !== this.#fundedUs
    // A forecast without a due time was never made.
    const forecast =
      !Number.isNaN(market.fundingDueUs) &&
      (market.fundingDueUs !== this.#forecastUs || market.fundingForecast !== this.#forecast)
    if (!settled && !forecast) return
    this.#fundedUs = market.fundedUs
    this.#forecast = market.fundingForecast
    this.#forecastUs = market.fundingDueUs
    const rate = Math.max(settled ? Math.abs(market.fundingRate) : 0, forecast ? Math.abs(market.fundingForecast) : 0)
    const intervalUs = market.fundingIntervalUs || market.instrument.spec.fundingIntervalUs || 8 * HOUR_US
    for (const { breaker, trip } of this.#funding)
      trip.read(breaker.observe(rate, intervalUs), breaker.measured, breaker.allowed, nowUs)
  }

  /**
   * What coins of this base held as cash have gained since they were first looked at: a hedge of them loses just that. Each move of the
   * price counts for the coins that were there, so what comes or goes brings neither a gain nor a loss with it.
   */
  #onCoins(ledger: PortfolioView): number {
    const { base } = this.#market.instrument.spec
    const rate = ledger.rate(base)
    if (dollarLike(base) || Number.isNaN(rate)) return this.#coinsGained
    if (this.#coins !== 0) this.#coinsGained += this.#coins * (rate - this.#coinRate)
    this.#coinRate = rate
    // Coins that trading earned or cost are in `earned` already, at today's price.
    this.#coins = ledger.cashAtoms(base) / atomsPerUnit(base)
    for (const index of this.#sameBase) {
      const { settle, kind } = this.#parts.universe.at(index)
      if (settle === base && kind !== 'spot') this.#coins -= bookedUnits(ledger, settle, index)
    }
    return this.#coinsGained
  }

  #observeTrade(nowUs: number, equity: number): void {
    const guards = this.#trade
    if (guards.length === 0) return
    const { ledger } = this.#parts
    const holding = ledger.holding(this.#index)
    // Legs of a hedge are one trade: what the perpetual loses the spot of the same coin has gained.
    let profit = 0
    for (const index of this.#sameBase) profit += earned(ledger, this.#parts.universe.at(index).settle, index)
    const coins = this.#onCoins(ledger)
    // A profit that cannot be computed makes equity unknown too, and `equity-nan` answers for both.
    if (Number.isNaN(profit)) return
    const heardUs = ledger.marks.heardUs(this.#index)
    for (let i = 0; i < guards.length; i++) {
      const { breaker, trip } = guards[i]!
      const breached = breaker.observe(holding.lots, profit, equity, coins)
      const { measured, allowed } = breaker
      if (breached && breaker.closed) trip.certain(measured, allowed, nowUs)
      else trip.readFresh(breached, measured, allowed, nowUs, heardUs, this.#confirmUs)
    }
  }
}

/** What an instrument has moved into or out of the cash of its settlement currency, in its units. */
function bookedUnits(ledger: PortfolioView, settle: string, index: number): number {
  const { realisedAtoms, feesAtoms, fundingAtoms } = ledger.holding(index)
  return (realisedAtoms - feesAtoms + fundingAtoms) / atomsPerUnit(settle)
}

/** Everything an instrument has earned since the start, open profit included, in dollars. */
function earned(ledger: PortfolioView, settle: string, index: number): number {
  const { fills, lots, realisedAtoms, feesAtoms, fundingAtoms } = ledger.holding(index)
  if (fills === 0 && lots === 0 && realisedAtoms === 0 && fundingAtoms === 0) return 0
  const atoms = realisedAtoms - feesAtoms + fundingAtoms + ledger.unrealisedAtoms(index)
  return (atoms / atomsPerUnit(settle)) * ledger.rate(settle)
}

/** Whether there is, or was, a touch to speak of, rather than only bars. */
function quotes(market: MarketState): boolean {
  return market.hasBook || market.bidTick !== 0 || market.askTick !== 0
}

/** Lots on the best levels of a side. */
function depth(market: MarketState, side: Side, levels: number): number {
  if (!market.hasBook) return side === BID ? market.bidLots : market.askLots
  const { book } = market
  let lots = 0
  let tick = book.best(side)
  for (let i = 0; i < levels && isLevel(side, tick); i++) {
    lots += book.lotsAt(side, tick)
    tick = book.nextTick(side, tick)
  }
  return lots
}

function depthGuard(rule: DepthCollapseRule, guards: Guards, instrument: number): DepthGuard {
  const breaker = new DepthCollapse(rule.ratioMin, rule.samples, rule.sampleUs)
  return { ...guards.post(breaker, rule, { of: 'position', instrument }, 'lots'), levels: rule.levels }
}

function volatilityGuard(rule: VolatilityJumpRule, guards: Guards, instrument: number): VolatilityGuard {
  const breaker = new VolatilityJump(rule.ratioMax, rule.shortUs, rule.longUs, rule.warmupUs)
  const guard = guards.post(breaker, rule, { of: 'position', instrument }, 'ratio')
  return { ...guard, sampleUs: rule.sampleUs, nextUs: Number.NEGATIVE_INFINITY }
}
