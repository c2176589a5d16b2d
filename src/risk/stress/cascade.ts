/**
 * @file A book taken through a scenario, moment by moment: everything revalued, margin called, positions taken, hedges redone.
 *
 * At each moment, in this order, because this is the order in which it happens:
 *
 *   time passes (funding, interest) ▸ prices move ▸ money arrives, options expire ▸ rules that saw it coming act ▸ calls are met
 *   ▸ venues liquidate, again and again while their own selling brings others down ▸ rules that saw it late act ▸ hedges
 *
 * Every dollar is accounted for: equity at the start less equity at the end is the sum of `losses`, to rounding. Deterministic:
 * nothing here draws a number or reads a clock.
 */

import { DAY_US } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { dollarLike } from '../../market/instrument.ts'
import type { Book, Position } from '../../portfolio/book.ts'
import { positionName } from '../../portfolio/book.ts'
import { marginEngine } from '../../portfolio/margin/registry.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { missingPrices } from '../../portfolio/positionGreeks.ts'
import { futureMark, owedUnit, positionValue } from '../../portfolio/valuation.ts'
import { HeldBook, type Losses } from './heldBook.ts'
import { liquidateAccount } from './liquidate.ts'
import { meetCalls, receiveTransfers } from './marginCalls.ts'
import { type EngineByName, marginRatio } from './marginRatio.ts'
import type { ProtectiveDemand, ProtectiveRule, ProtectiveWatch, StressReading } from './protectiveRules.ts'
import { bookDeltas, heldPerpetuals, rebalance } from './rebalance.ts'
import { type Levels, type Scenario, Timeline } from './scenario.ts'
import { ShockedView } from './shockedView.ts'
import { type CascadeEvent, StressMoment } from './stressMoment.ts'
import { DEFAULT_STRESS, type HedgePlace, type StressSettings } from './stressSettings.ts'
import { deleverage, type Flatten, flatten } from './unwind.ts'

const YEAR_DAYS = 365
const DUST_DOLLARS = 1e-6
/** Rounds of liquidation in one moment: each round at least one account loses a position, so few are ever needed. */
const ROUNDS_MAX = 50

export interface CascadeOptions {
  /** `margin/registry.ts` unless given. */
  readonly engines?: EngineByName
  readonly settings?: Partial<StressSettings>
  /** What protects us; none means that only venues act. */
  readonly rules?: readonly ProtectiveRule[]
}

/** One account at the end of a moment. */
export interface AccountMoment {
  readonly equity: number
  /** Equity over maintenance as its venue sees it, worst pool; Infinity where nothing can be liquidated. */
  readonly marginRatio: number
}

/** The book at the end of a moment, in dollars. */
export interface CascadeMoment {
  readonly atUs: number
  readonly equity: number
  /** Equity that is neither under way nor at a venue that does not answer. */
  readonly reachable: number
  /** In the book's order. */
  readonly accounts: readonly AccountMoment[]
}

/** Why a book was liquidated or ruined in spite of its rules; `unprotected` where it had none. */
export type CascadeCause = 'unprotected' | 'gap' | 'venue-down' | 'no-liquidity' | 'oracle' | 'costs' | 'already'

export interface CascadeResult {
  readonly scenario: Scenario
  readonly venues: readonly string[]
  readonly start: number
  readonly end: number
  /** Least equity seen, right after prices moved or at the end of a moment, and when. */
  readonly minimum: number
  readonly minimumAtUs: number
  readonly minimumReachable: number
  readonly path: readonly CascadeMoment[]
  readonly events: readonly CascadeEvent[]
  readonly losses: Readonly<Losses>
  /** Venues that took something, in order of time. */
  readonly liquidated: readonly string[]
  /** Venues where an account owed more than it had at the end of some moment, in order of time. */
  readonly insolvent: readonly string[]
  /** Names of rules that acted, in order of time. */
  readonly acted: readonly string[]
  /** Equity stayed above zero throughout, or was zero from the beginning and never less. */
  readonly survived: boolean
  /** `untouched`: nobody closed anything. `protected`: our rules did, no venue. `liquidated`: a venue did. `ruined`: equity was lost. */
  readonly outcome: 'untouched' | 'protected' | 'liquidated' | 'ruined'
  /** Absent when no venue took anything and equity stayed above zero. */
  readonly cause?: CascadeCause
  /** A sentence on the cause; empty without one. */
  readonly reason: string
}

/**
 * Runs a book through a scenario.
 *
 * @param market The market before the scenario.
 * @throws {GimbalError} `argument-invalid` when the market does not know a price the book or the scenario needs, naming each; as
 *   margin engines do.
 */
export function runCascade(
  book: Book,
  market: MarketView,
  scenario: Scenario,
  options: CascadeOptions = {},
): CascadeResult {
  requirePriced(book, market, scenario)
  return new Cascade(book, market, scenario, options).run()
}

function requirePriced(book: Book, market: MarketView, { steps }: Scenario): void {
  const missing: string[] = []
  for (const { venue, balances, positions } of book.accounts) {
    for (const [currency, units] of Object.entries(balances))
      if (units !== 0 && !(market.spot(currency) > 0)) missing.push(`price of ${currency}`)
    for (const position of positions)
      for (const what of missingPrices(position, venue, market)) missing.push(`${what} (${positionName(position)})`)
  }
  for (const { currency } of book.inTransit) if (!(market.spot(currency) > 0)) missing.push(`price of ${currency}`)
  const onChain = book.accounts.some(({ venue }) => market.transactionCost(venue) > 0)
  const inGwei = steps.some(({ shocks }) => shocks.some((each) => each.shock === 'gas' && each.mode === 'gwei'))
  if (onChain && inGwei && !(market.spot('ETH') > 0)) missing.push('price of ETH (gas is given in gwei)')
  if (missing.length === 0) return
  throw new GimbalError('argument-invalid', 'A book that cannot be priced cannot be stressed', {
    missing: [...new Set(missing)].join('; '),
  })
}

interface Guard {
  readonly rule: ProtectiveRule
  readonly watch: ProtectiveWatch
}

class Cascade {
  readonly #calm: MarketView
  readonly #engines: EngineByName
  readonly #settings: StressSettings
  readonly #timeline: Timeline
  readonly #book: HeldBook
  readonly #guards: readonly Guard[]
  readonly #places: readonly HedgePlace[]
  readonly #targets: ReadonlyMap<string, number>
  readonly #assets: readonly string[]
  readonly #pushed = new Map<string, number>()
  readonly #events: CascadeEvent[] = []
  readonly #lasting = new Map<string, number>()
  readonly #path: CascadeMoment[] = []
  readonly #profit = new Map<string, number>()
  /** Flattens asked for, and those of them not done: asked again at every moment, as the gate does. */
  readonly #flattens = new Map<string, Flatten>()
  readonly #pending = new Set<string>()
  readonly #acted: string[] = []
  #paused = false
  /** Venues where a rule about one account allows only what reduces. */
  readonly #pausedAt = new Set<string>()
  #halted = false
  #minimum = Number.POSITIVE_INFINITY
  #minimumAtUs = 0
  /** Moments at which a rule acted in time. */
  readonly #demandedUs = new Set<number>()
  #alreadyBroken = false

  constructor(book: Book, market: MarketView, scenario: Scenario, options: CascadeOptions) {
    this.#calm = market
    this.#engines = options.engines ?? marginEngine
    this.#settings = { ...DEFAULT_STRESS, ...options.settings }
    this.#timeline = new Timeline(scenario)
    this.#book = new HeldBook(book)
    this.#guards = (options.rules ?? []).map((rule) => ({ rule, watch: rule.watch() }))
    this.#places = this.#settings.hedges ?? heldPerpetuals(this.#book, true)
    this.#targets = bookDeltas(this.#book, market)
    this.#assets = assetsOf(this.#book)
  }

  run(): CascadeResult {
    const { moments } = this.#timeline
    const start = this.#book.value(this.#calm)
    const calm = new ShockedView(this.#calm, new Map(), 0, this.#timeline.scenario.sticky, this.#pushed)
    const before = this.#momentOf(0, calm, new Map())
    this.#alreadyBroken = this.#book.accounts.some((account) => before.report(account)?.liquidatable)
    // What already trips a rule is answered before anything happens; everything else gets its reference here.
    const reading = this.#reading(before, calm, 0)
    for (const { rule, watch } of this.#guards)
      for (const demand of watch.observe(reading)) this.#act(before, rule.name, demand, 'protective')
    let last = calm
    let lastUs = 0
    for (const [index, { atUs, levels }] of moments.entries()) {
      this.#accrue(last, atUs - lastUs)
      const market = new ShockedView(this.#calm, levels, atUs, this.#timeline.scenario.sticky, this.#pushed)
      this.#move(last, market)
      this.#live(this.#momentOf(index, market, levels), last, atUs - lastUs)
      last = market
      lastUs = atUs
    }
    return this.#result(start, last)
  }

  #momentOf(index: number, market: ShockedView, levels: Levels): StressMoment {
    const parts = {
      index,
      market,
      levels,
      book: this.#book,
      timeline: this.#timeline,
      engines: this.#engines,
      settings: this.#settings,
      pushed: this.#pushed,
      events: this.#events,
      lasting: this.#lasting,
    }
    return new StressMoment(parts, (venue) => {
      const shown = this.#timeline.oracleMoment(venue, index)
      if (shown === index) return { market, levels }
      // An old view never moves again, our pushes included: a frozen oracle does not see them.
      return shown < 0 ? { market: this.#calm, levels: new Map() } : { market: this.#frozen(shown), levels }
    })
  }

  #frozen(index: number): MarketView {
    const { atUs, levels } = this.#timeline.moments[index]!
    return new ShockedView(this.#calm, levels, atUs, this.#timeline.scenario.sticky)
  }

  /** Funding and interest of the time since the last moment, at its prices; and our pushes wear off. */
  #accrue(market: MarketView, elapsedUs: number): void {
    if (elapsedUs === 0) return
    const { losses } = this.#book
    const days = elapsedUs / DAY_US
    const before = this.#book.value(market)
    for (const account of this.#book.accounts) {
      account.positions = account.positions.map((position) => accrued(position, account.venue, market, days))
    }
    losses.carry += before - this.#book.value(market)
    for (const account of this.#book.accounts) {
      for (const [at, position] of account.positions.entries()) {
        const paid = fundingPaid(position, account.venue, market, days)
        if (paid === 0 || !('settle' in position)) continue
        if ('isolatedMargin' in position && position.isolatedMargin !== undefined)
          account.positions[at] = {
            ...position,
            isolatedMargin: position.isolatedMargin - paid / market.spot(position.settle),
          }
        else account.credit(position.settle, -paid, market)
        this.#profit.set(position.asset, (this.#profit.get(position.asset) ?? 0) - paid)
        losses.funding += paid
      }
    }
    const pushed = this.#book.value(market)
    const left = 0.5 ** (elapsedUs / this.#settings.impactHalfLifeUs)
    for (const [asset, move] of this.#pushed) this.#pushed.set(asset, move * left)
    losses.impact += pushed - this.#book.value(market)
  }

  #move(from: MarketView, to: MarketView): void {
    const gain = (asset: string, dollars: number) => this.#profit.set(asset, (this.#profit.get(asset) ?? 0) + dollars)
    let lost = 0
    for (const { venue, balances, positions } of this.#book.accounts) {
      for (const [currency, units] of Object.entries(balances)) {
        const change = units * (to.spot(currency) - from.spot(currency))
        lost -= change
        if (!dollarLike(currency)) gain(currency, change)
      }
      for (const position of positions) {
        const set = 'isolatedMargin' in position ? (position.isolatedMargin ?? 0) : 0
        const change =
          positionValue(position, venue, to) -
          positionValue(position, venue, from) +
          (set === 0 || !('settle' in position) ? 0 : set * (to.spot(position.settle) - from.spot(position.settle)))
        lost -= change
        gain(position.asset, change)
      }
    }
    for (const { currency, units } of this.#book.inTransit) lost -= units * (to.spot(currency) - from.spot(currency))
    this.#book.losses.market += lost
  }

  #live(moment: StressMoment, before: MarketView, elapsedUs: number): void {
    receiveTransfers(moment)
    this.#settleExpired(moment)
    this.#lowest(moment)
    const reading = this.#reading(moment, before, elapsedUs)
    // A jump is seen when it is over, by us as by venues, and venues act on the price itself.
    const jumped = elapsedUs === 0 || this.#timeline.scenario.everyUs === undefined
    const late: (readonly [Guard, ProtectiveDemand])[] = []
    this.#repeatFlattens(moment)
    for (const guard of this.#guards) {
      for (const demand of guard.watch.observe(reading)) {
        if (!jumped && elapsedUs >= guard.rule.reactionUs) this.#act(moment, guard.rule.name, demand, 'protective')
        else late.push([guard, demand])
      }
    }
    if (!this.#halted) meetCalls(moment)
    this.#liquidate(moment)
    for (const [{ rule }, demand] of late) this.#act(moment, rule.name, demand, 'protective-late')
    if (!this.#halted && !this.#pending.size) rebalance(moment, this.#places, this.#targets, this.#reducingOnly)
    this.#liquidate(moment)
    this.#lowest(moment)
    this.#record(moment)
  }

  #liquidate(moment: StressMoment): void {
    for (let round = 0; round < ROUNDS_MAX; round++) {
      let acted = false
      for (const account of this.#book.accounts) {
        const held = account.positions.length
        if (held > 0 && liquidateAccount(moment, account)) acted = true
      }
      if (!acted) return
    }
  }

  #act(moment: StressMoment, name: string, demand: ProtectiveDemand, kind: 'protective' | 'protective-late'): void {
    const { act, measured, allowed } = demand
    const asset = 'asset' in demand ? demand.asset : undefined
    const account = demand.account === undefined ? undefined : this.#book.accounts[demand.account]!
    // An account with nothing in it has nothing to be done about.
    if (account && account.positions.length === 0) return
    this.#acted.push(name)
    if (kind === 'protective') this.#demandedUs.add(moment.atUs)
    const figures = `${act}: ${measured.toPrecision(4)} against ${allowed.toPrecision(4)}`
    moment.note(kind, account?.venue ?? '', asset === undefined ? name : `${name} ${asset}`, 0, figures)
    if (demand.act === 'deleverage') {
      deleverage(moment, account!, demand.toRatio)
      return
    }
    if (account) this.#pausedAt.add(account.venue)
    else this.#paused = true
    if (act === 'halt') this.#halted = true
    if (act !== 'flatten') return
    const key = account ? `account ${demand.account}` : (asset ?? '')
    const { leaves = 'coin-hedges' } = demand
    this.#flattens.set(key, { leaves, ...(account && { account }), ...(asset !== undefined && { asset }) })
    this.#pending.add(key)
    this.#repeatFlattens(moment)
  }

  readonly #reducingOnly = (venue: string): boolean => this.#paused || this.#pausedAt.has(venue)

  #repeatFlattens(moment: StressMoment): void {
    for (const [key, asked] of this.#flattens) {
      if (!flatten(moment, asked)) {
        this.#pending.add(key)
        continue
      }
      // Nothing is left that a new hedge would answer; were it still pending, no hedge of other assets would be allowed either.
      this.#pending.delete(key)
      if (key === '') this.#halted = true
    }
  }

  #settleExpired(moment: StressMoment): void {
    const { market } = moment
    for (const account of this.#book.accounts) {
      for (const position of [...account.positions]) {
        if (!('expiryUs' in position) || position.expiryUs === undefined || position.expiryUs > market.timeUs) continue
        const worth = positionValue(position, account.venue, market)
        this.#book.losses.writtenOff += account.close(position, 1, market)
        account.cover(market)
        moment.note('settled', account.venue, positionName(position), worth)
      }
    }
  }

  #lowest(moment: StressMoment): void {
    const value = moment.value()
    // What is not a number stays the lowest: an account that cannot be priced did not survive.
    if (Number.isNaN(this.#minimum) || value >= this.#minimum) return
    this.#minimum = value
    this.#minimumAtUs = moment.atUs
  }

  #ratios(moment: StressMoment): number[] {
    return this.#book.accounts.map((account) => {
      const report = moment.report(account)
      return report ? marginRatio(report) : Number.POSITIVE_INFINITY
    })
  }

  #reading(moment: StressMoment, before: MarketView, elapsedUs: number): StressReading {
    return {
      timeUs: moment.market.timeUs,
      elapsedUs,
      equity: moment.value(),
      market: moment.market,
      before,
      calm: this.#calm,
      marginRatios: this.#guards.length > 0 ? this.#ratios(moment) : [],
      assets: this.#assets,
      perpetuals: heldPerpetuals(this.#book),
      venues: this.#book.accounts.map(({ venue }) => venue),
      profit: (asset) => this.#profit.get(asset) ?? 0,
    }
  }

  #record(moment: StressMoment): void {
    const ratios = this.#ratios(moment)
    const accounts = this.#book.accounts.map((account, index) => ({
      equity: account.value(moment.market),
      marginRatio: ratios[index]!,
    }))
    let reachable = 0
    for (const [index, { venue }] of this.#book.accounts.entries()) {
      const { equity } = accounts[index]!
      if (moment.reachable(venue)) reachable += equity
      if (equity < -DUST_DOLLARS) moment.note('insolvent', venue, 'account', equity, 'it owes more than it has')
    }
    this.#path.push({ atUs: moment.atUs, equity: moment.value(), reachable, accounts })
  }

  #result(start: number, market: MarketView): CascadeResult {
    const taken = this.#events.filter(({ kind }) => TAKEN.has(kind))
    const liquidated = [...new Set(taken.map(({ venue }) => venue))]
    // Who had nothing and owes nothing has lost nothing.
    const survived = this.#minimum > 0 || (start === 0 && this.#minimum === 0)
    const touched = this.#events.some(({ kind }) => kind === 'closed')
    const explained = survived && liquidated.length === 0 ? undefined : this.#explain(taken[0])
    return {
      scenario: this.#timeline.scenario,
      venues: this.#book.accounts.map(({ venue }) => venue),
      start,
      end: this.#book.value(market),
      minimum: this.#minimum,
      minimumAtUs: this.#minimumAtUs,
      minimumReachable: Math.min(...this.#path.map(({ reachable }) => reachable)),
      path: this.#path,
      events: this.#events,
      losses: this.#book.losses,
      liquidated,
      insolvent: [...new Set(this.#events.filter(({ kind }) => kind === 'insolvent').map(({ venue }) => venue))],
      acted: [...new Set(this.#acted)],
      survived,
      outcome: !survived ? 'ruined' : liquidated.length > 0 ? 'liquidated' : touched ? 'protected' : 'untouched',
      ...(explained ? { cause: explained.cause } : {}),
      reason: explained?.reason ?? '',
    }
  }

  /** Why protection, if there was any, came to nothing: looked at where the first venue acted, or where equity was gone. */
  #explain(first: CascadeEvent | undefined): { cause: CascadeCause; reason: string } {
    const atUs = first?.atUs ?? this.#path.find(({ equity }) => !(equity > 0))?.atUs ?? this.#minimumAtUs
    const index = this.#path.findIndex((each) => each.atUs === atUs)
    const seconds = atUs / 1e6
    const where = first ? `${first.venue} at ${seconds} s` : `the book at ${seconds} s`
    if (this.#alreadyBroken)
      return { cause: 'already', reason: 'an account is below its maintenance before anything happens' }
    const until = this.#events.filter((event) => event.atUs <= atUs)
    const unreachable = until.find(({ kind, note }) => UNMET.has(kind) && note.includes('cannot be reached'))
    if (unreachable) {
      const reason = `${unreachable.venue} cannot be reached when it should act (${unreachable.what}), then ${where} falls`
      return { cause: 'venue-down', reason }
    }
    if (this.#guards.length === 0)
      return { cause: 'unprotected', reason: `no rule protects the book; first to fall: ${where}` }
    if (until.some(({ kind }) => kind === 'blocked'))
      return { cause: 'no-liquidity', reason: `nothing is known of the book needed to get out, then ${where} falls` }
    // Rules that acted at some earlier moment left the account sound; what counts is whether they acted on this one.
    if (this.#demandedUs.has(atUs) || (first === undefined && this.#demandedUs.size > 0)) {
      const spent = this.#book.losses.slippage + this.#book.losses.fees
      const reason = `rules act in time and getting out costs ${spent.toFixed(0)} dollars, more than ${where} has`
      return { cause: 'costs', reason }
    }
    const at = first ? this.#book.accounts.findIndex(({ venue }) => venue === first.venue) : -1
    const earlier = index > 0 ? this.#path[index - 1]! : undefined
    const ratio = at >= 0 ? earlier?.accounts[at]?.marginRatio : undefined
    const from = ratio === undefined ? 'sound' : `${ratio.toFixed(2)} of maintenance`
    if (first && this.#timeline.oracleMoment(first.venue, Math.max(0, index - 1)) < index - 1)
      return {
        cause: 'oracle',
        reason: `${first.venue} sees the true price late, all at once: ${where} falls from ${from}`,
      }
    const stepUs = earlier ? atUs - earlier.atUs : 0
    const reason = `one step of ${stepUs / 1e6} s takes ${where} from ${from} below it: a gap larger than the cushion, before any rule can act`
    return { cause: 'gap', reason }
  }
}

const TAKEN: ReadonlySet<string> = new Set(['liquidated', 'taken-over', 'loan-liquidated'])
const UNMET: ReadonlySet<string> = new Set(['blocked', 'call-unmet'])

function assetsOf(book: HeldBook): string[] {
  const assets = new Set<string>()
  for (const { positions, balances } of book.accounts) {
    for (const { asset } of positions) if (!dollarLike(asset)) assets.add(asset)
    for (const currency of Object.keys(balances)) if (!dollarLike(currency)) assets.add(currency)
  }
  return [...assets].sort()
}

/** Dollars a position pays as funding in so many days; negative when it receives. */
function fundingPaid(position: Position, venue: string, market: MarketView, days: number): number {
  if (position.kind !== 'perp') return 0
  const rate = market.fundingPerDay(venue, position.asset, position.instrument)
  if (rate === 0) return 0
  const notional =
    position.payoff === 'linear'
      ? position.size * futureMark(position, venue, market) * owedUnit(position, market)
      : position.size
  return notional * rate * days
}

/** The position after interest and pool fees of so many days. */
function accrued(position: Position, venue: string, market: MarketView, days: number): Position {
  if (position.kind === 'supply' || position.kind === 'debt')
    return { ...position, amount: position.amount * Math.exp((position.rate * days) / YEAR_DAYS) }
  if (position.kind === 'pool' && position.feeYieldPerDay) {
    const earned =
      (positionValue(position, venue, market) * position.feeYieldPerDay * days) / market.spot(position.quote)
    return { ...position, feesQuote: (position.feesQuote ?? 0) + earned }
  }
  return position
}
