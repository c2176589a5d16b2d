/** @file The breakers over the account and its policies: losses, unknown equity, everything moving as one. */

import { atomsPerUnit, dollarLike } from '../market/instrument.ts'
import { CorrelationToOne } from './breakers/correlationToOne.ts'
import { DailyLoss } from './breakers/dailyLoss.ts'
import { DrawdownFromPeak } from './breakers/drawdownFromPeak.ts'
import { DrawdownFromStart } from './breakers/drawdownFromStart.ts'
import { EquityNan } from './breakers/equityNan.ts'
import { middleOfThree } from './breakers/runningMedian.ts'
import { TailLimit } from './breakers/tailLimit.ts'
import type { Scope } from './gate.ts'
import type { Guard, Guards } from './guard.ts'
import { notionalDollars, type Watched } from './limits.ts'
import type { PolicyProfit } from './policyProfit.ts'
import type { CorrelationToOneRule, LossRule, RiskConfig } from './riskConfig.ts'

type LossBreaker = DrawdownFromPeak | DrawdownFromStart | DailyLoss

/** Whose equity some loss breakers watch: the account's (policy -1), or a policy's capital plus its own profit. */
class Purse {
  readonly policy: number
  readonly capital: number
  readonly losses: Guard<LossBreaker>[] = []
  #older = Number.NaN
  #middle = Number.NaN
  #latest = Number.NaN
  #keptUs = Number.NEGATIVE_INFINITY

  constructor(policy: number, capital: number) {
    this.policy = policy
    this.capital = capital
  }

  /** The median of the last three reads of distinct prices: what references are taken from. */
  settled(equity: number, nowUs: number, evidenceUs: number, confirmUs: number): number {
    if (evidenceUs > this.#keptUs || nowUs - this.#keptUs >= confirmUs) {
      this.#keptUs = nowUs
      this.#older = this.#middle
      this.#middle = this.#latest
      this.#latest = equity
    }
    if (Number.isNaN(this.#middle)) return this.#latest
    if (Number.isNaN(this.#older)) return this.#middle
    return middleOfThree(this.#older, this.#middle, this.#latest)
  }

  transfer(dollars: number): void {
    this.#older += dollars
    this.#middle += dollars
    this.#latest += dollars
    for (const { breaker } of this.losses) breaker.transfer(dollars)
  }
}

interface CorrelationGuard extends Guard<CorrelationToOne> {
  readonly instruments: readonly number[]
  readonly prices: Float64Array
  readonly sampleUs: number
  nextUs: number
}

export class AccountWatch {
  /** Equity in dollars as last read; NaN unknown. */
  equity = Number.NaN
  /** Loss from the peak of settled equity, for the sizing; 0 before equity was read. */
  drawdown = 0
  readonly #parts: Watched
  readonly #profit: PolicyProfit
  readonly #confirmUs: number
  readonly #unknown: Guard<EquityNan>[] = []
  readonly #purses: Purse[] = []
  readonly #correlation: CorrelationGuard[] = []
  readonly #tails: Guard<TailLimit>[] = []
  readonly #peak = new DrawdownFromPeak(1)
  readonly #purse = new Purse(-1, 0)

  constructor(config: RiskConfig, parts: Watched, profit: PolicyProfit, guards: Guards) {
    this.#parts = parts
    this.#profit = profit
    this.#confirmUs = config.confirmUs
    const scope = { of: 'account' } as const
    for (const rule of config.breakers) {
      if (rule.breaker === 'equity-nan')
        this.#unknown.push(guards.post(new EquityNan(rule.startupUs), rule, scope, 'dollars'))
      else if (rule.breaker === 'correlation-to-one') this.#postCorrelation(rule, guards)
      else if (rule.breaker === 'value-at-risk' || rule.breaker === 'expected-shortfall')
        this.#tails.push(guards.post(new TailLimit(rule.breaker, rule), rule, scope, 'fraction of equity'))
      else if (
        rule.breaker === 'drawdown-from-peak' ||
        rule.breaker === 'drawdown-from-start' ||
        rule.breaker === 'daily-loss'
      )
        this.#postLoss(rule, guards)
    }
  }

  #postLoss(rule: LossRule, guards: Guards): void {
    const policy = rule.policy ?? -1
    const capital = rule.capital ?? 0
    let purse = this.#purses.find((each) => each.policy === policy && each.capital === capital)
    if (!purse) this.#purses.push((purse = new Purse(policy, capital)))
    const scope: Scope = policy < 0 ? { of: 'account' } : { of: 'policy', policy }
    purse.losses.push(guards.post(lossBreaker(rule), rule, scope, 'fraction'))
  }

  #postCorrelation(rule: CorrelationToOneRule, guards: Guards): void {
    const instruments = correlated(rule, this.#parts)
    if (instruments.length < 2) return
    const breaker = new CorrelationToOne(instruments.length, rule.correlationMax, rule.halfLife, rule.warmup)
    this.#correlation.push({
      ...guards.post(breaker, rule, { of: 'account' }, 'correlation'),
      instruments,
      prices: new Float64Array(instruments.length),
      sampleUs: rule.sampleUs,
      nextUs: Number.NEGATIVE_INFINITY,
    })
  }

  /** Reads equity and everything that hangs on it. */
  check(nowUs: number): void {
    const { equity } = this.#parts.ledger
    this.equity = equity
    for (const { breaker, trip } of this.#unknown) {
      const breached = breaker.observe(equity, nowUs)
      trip.read(breached, breaker.measured, breaker.allowed, nowUs)
    }
    // Unknown equity is `equity-nan`'s case, and no configuration with loss rules comes without it.
    if (Number.isFinite(equity)) this.#observeLosses(equity, nowUs)
    for (const guard of this.#correlation) if (nowUs >= guard.nextUs) this.#observeCorrelation(guard, nowUs)
  }

  /** Money came or went that is neither profit nor loss. */
  transfer(dollars: number): void {
    for (const purse of this.#purses) if (purse.policy < 0) purse.transfer(dollars)
    for (const { breaker } of this.#tails) breaker.transfer(dollars)
    this.#purse.transfer(dollars)
    this.#peak.transfer(dollars)
  }

  #observeLosses(equity: number, nowUs: number): void {
    const evidenceUs = this.#evidenceUs(nowUs)
    const calm = this.#purse.settled(equity, nowUs, evidenceUs, this.#confirmUs)
    this.#peak.observe(calm, calm)
    this.drawdown = this.#peak.measured
    // One misprint would stay in the window for days as the worst loss there is.
    this.#observeTails(calm, nowUs)
    for (const purse of this.#purses) {
      const worth = purse.policy < 0 ? equity : purse.capital + this.#profit.profit(purse.policy)
      if (Number.isNaN(worth)) continue
      const settled = purse.settled(worth, nowUs, evidenceUs, this.#confirmUs)
      for (const { breaker, trip } of purse.losses) {
        const breached = breaker.observe(worth, settled, nowUs)
        trip.readFresh(breached, breaker.measured, breaker.allowed, nowUs, evidenceUs, this.#confirmUs)
      }
    }
  }

  #observeTails(equity: number, nowUs: number): void {
    const tails = this.#tails
    const exposure = tails.length > 0 ? this.#atRisk() : 0
    for (let i = 0; i < tails.length; i++) {
      const { breaker, trip } = tails[i]!
      if (!breaker.due(nowUs)) {
        breaker.look(exposure)
        continue
      }
      const breached = breaker.observe(equity, exposure, nowUs)
      trip.read(breached, breaker.measured, breaker.allowed, nowUs)
    }
  }

  /**
   * Dollars that prices move: what is held, options as their underlying, and coins in cash. A tail learnt per dollar of premium would
   * blame a small option for what the collateral does.
   */
  #atRisk(): number {
    const { ledger, markets } = this.#parts
    let sum = 0
    for (const index of ledger.traded)
      sum += notionalDollars(this.#parts, index, markets[index]!.markPrice, ledger.lots(index))
    for (const currency of ledger.currencies) {
      const atoms = ledger.cashAtoms(currency)
      if (atoms !== 0 && !dollarLike(currency))
        sum += (Math.abs(atoms) / atomsPerUnit(currency)) * ledger.rate(currency)
    }
    return sum
  }

  /** When the longest unheard price of anything held was heard. */
  #evidenceUs(nowUs: number): number {
    const { ledger, markets } = this.#parts
    let oldestUs = nowUs
    for (let i = 0; i < markets.length; i++) {
      if (ledger.lots(i) === 0) continue
      const heardUs = ledger.marks.heardUs(i)
      if (heardUs < oldestUs) oldestUs = heardUs
    }
    return oldestUs
  }

  #observeCorrelation(guard: CorrelationGuard, nowUs: number): void {
    guard.nextUs = nowUs + guard.sampleUs
    const { breaker, trip, prices, instruments } = guard
    for (const [at, index] of instruments.entries()) {
      const market = this.#parts.markets[index]!
      const tick = market.referenceTick
      prices[at] = Number.isNaN(tick) ? market.mark : tick * market.instrument.ticks.size
    }
    const breached = breaker.observe(prices)
    trip.read(breached, breaker.measured, breaker.allowed, nowUs)
  }
}

function lossBreaker(rule: LossRule): LossBreaker {
  switch (rule.breaker) {
    case 'drawdown-from-peak':
      return new DrawdownFromPeak(rule.limit)
    case 'drawdown-from-start':
      return new DrawdownFromStart(rule.limit)
    case 'daily-loss':
      return new DailyLoss(rule.limit)
  }
}

/** Most instruments compared when the rule names none: pairs grow with the square. */
const COMPARED_MAX = 32

/** Instruments whose correlation means something: those named, or the first of each base that is no option or pool. */
function correlated(rule: CorrelationToOneRule, { universe }: Watched): readonly number[] {
  if (rule.instruments) return rule.instruments.map((id) => universe.index(id))
  const bases = new Map<string, number>()
  for (const [index, { kind, spec }] of universe.instruments.entries()) {
    if (kind !== 'option' && kind !== 'pool' && !bases.has(spec.base)) bases.set(spec.base, index)
  }
  return [...bases.values()].slice(0, COMPARED_MAX)
}
