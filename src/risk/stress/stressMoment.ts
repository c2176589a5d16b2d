/** @file What every act of a cascade works on: the book as it is, the market as it is, and the record being written. */

import type { Position } from '../../portfolio/book.ts'
import { positionName } from '../../portfolio/book.ts'
import type { MarginReport } from '../../portfolio/margin/marginEngine.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { positionValue } from '../../portfolio/valuation.ts'
import { closingCost } from './closingCost.ts'
import { type HeldAccount, type HeldBook, scaled } from './heldBook.ts'
import { assess, type EngineByName } from './marginRatio.ts'
import type { Levels, Timeline } from './scenario.ts'
import type { ShockedView } from './shockedView.ts'
import { type StressSettings, termsOf } from './stressSettings.ts'

export type CascadeEventKind =
  /** An expired derivative was paid out. */
  | 'settled'
  /** Money was sent to an account short of margin, and came; or could not be sent or did not come. */
  | 'sent'
  | 'arrived'
  | 'stuck'
  | 'call-unmet'
  /** A protective rule asked for something, in time or after the venue had its turn. */
  | 'protective'
  | 'protective-late'
  /** Closed by us; closed by a venue; taken whole by a venue; sold by a lender. */
  | 'closed'
  | 'liquidated'
  | 'taken-over'
  | 'loan-liquidated'
  | 'written-off'
  /** An account owes more than it has. */
  | 'insolvent'
  /** Could not be closed by us: the venue does not answer, or nothing is known of its book. */
  | 'blocked'
  | 'hedged'
  | 'hedge-priced-out'
  | 'hedge-unavailable'

/** One thing that happened. */
export interface CascadeEvent {
  readonly atUs: number
  readonly kind: CascadeEventKind
  readonly venue: string
  /** Position, currency, asset or rule. */
  readonly what: string
  /** What it cost, or how much was sent; dollars. */
  readonly dollars: number
  /** A few words: why. */
  readonly note: string
}

const LASTING: ReadonlySet<CascadeEventKind> = new Set([
  'stuck',
  'call-unmet',
  'insolvent',
  'blocked',
  'hedge-priced-out',
  'hedge-unavailable',
])

/** Of a loan, for the note of an event: whole dollars, in groups of three as the events' own are shown. */
export function repaidNote(dollars: number): string {
  return `${dollars.toFixed(0).replace(/\B(?=(\d{3})+$)/g, ',')} repaid`
}

/** What an isolated position is worth with the margin set aside for it, dollars; undefined for one that is not isolated. */
export function isolatedDollars(position: Position, venue: string, market: MarketView): number | undefined {
  if (!('isolatedMargin' in position) || position.isolatedMargin === undefined) return undefined
  return positionValue(position, venue, market) + position.isolatedMargin * market.spot(position.settle)
}

/** One moment of a cascade, and the means to act in it. */
export class StressMoment {
  readonly atUs: number
  readonly index: number
  /** True prices, our own pushes included. */
  readonly market: ShockedView
  readonly levels: Levels
  readonly book: HeldBook
  readonly timeline: Timeline
  readonly engines: EngineByName
  readonly settings: StressSettings
  /** Log moves left in prices by our trades, by asset; {@link market} reads it. */
  readonly pushed: Map<string, number>
  readonly events: CascadeEvent[]
  /** When each lasting state was last seen, by number of the moment. */
  readonly lasting: Map<string, number>
  readonly #shown: (venue: string) => { market: MarketView; levels: Levels }

  constructor(
    parts: Pick<
      StressMoment,
      'index' | 'market' | 'levels' | 'book' | 'timeline' | 'engines' | 'settings' | 'pushed' | 'events' | 'lasting'
    >,
    shown: (venue: string) => { market: MarketView; levels: Levels },
  ) {
    this.index = parts.index
    this.atUs = parts.timeline.moments[parts.index]!.atUs
    this.market = parts.market
    this.levels = parts.levels
    this.book = parts.book
    this.timeline = parts.timeline
    this.engines = parts.engines
    this.settings = parts.settings
    this.pushed = parts.pushed
    this.events = parts.events
    this.lasting = parts.lasting
    this.#shown = shown
  }

  /** The market as a venue sees it: an older one while its oracle is frozen or late. */
  shown(venue: string): MarketView {
    return this.#shown(venue).market
  }

  /** What the venue's engine says of an account now. */
  report(account: HeldAccount): MarginReport | undefined {
    // Haircuts are decisions, not prices: they hold from when they are made, whatever the oracle shows.
    return assess(account, this.engines, this.shown(account.venue), this.levels)
  }

  /** Whether we can act there. */
  reachable(venue: string): boolean {
    return this.timeline.venueState(venue, this.index) === 'up'
  }

  note(kind: CascadeEventKind, venue: string, what: string, dollars: number, note = ''): void {
    if (LASTING.has(kind)) {
      // A state that lasts is noted when it begins.
      const key = `${kind} ${venue} ${what}`
      const since = this.lasting.get(key)
      this.lasting.set(key, this.index)
      if (since !== undefined && this.index - since <= 1) return
    }
    this.events.push({ atUs: this.atUs, kind, venue, what, dollars, note })
  }

  /** Equity of everything, at true prices. */
  value(): number {
    return this.book.value(this.market)
  }

  /**
   * Closes a share of a position at stressed prices: its worth and costs go to the account, its trade moves the price of what is
   * left. False, and nothing done, where nothing is known of the book it would be traded on.
   *
   * @param by Who closes: a venue adds its penalty.
   */
  close(account: HeldAccount, position: Position, share: number, by: 'us' | 'venue'): boolean {
    const part = share >= 1 ? position : scaled(position, share)
    const cost = closingCost(part, account.venue, this.market, this.settings)
    if (!cost) return false
    const terms = termsOf(this.settings, account.margin)
    const penalty = by === 'venue' ? cost.notional * (cost.option ? terms.optionPenalty : terms.penalty) : 0
    const gas = this.market.transactionCost(account.venue)
    const settle = 'settle' in position ? position.settle : position.asset
    const own = isolatedDollars(part, account.venue, this.market)
    const { losses } = this.book
    let beyond = account.close(position, Math.min(1, share), this.market)
    const paid = cost.slippage + cost.fees + penalty + gas
    // An isolated position pays its own costs as far as it can.
    const unpaid = own === undefined ? 0 : Math.min(0, Math.max(0, own) - paid)
    beyond += unpaid
    account.credit(settle, -(paid + unpaid), this.market)
    account.cover(this.market)
    if (beyond < 0) {
      losses.writtenOff += beyond
      this.note('written-off', account.venue, positionName(position), beyond, 'debt beyond its own margin')
    }
    losses.slippage += cost.slippage
    losses.fees += cost.fees
    losses.liquidation += penalty
    losses.gas += gas
    this.push(account.venue, position.asset, cost.pressure)
    const kind = by === 'venue' ? 'liquidated' : 'closed'
    this.note(kind, account.venue, positionName(position), paid, share < 1 ? `${Math.round(share * 100)} %` : '')
    return true
  }

  /** A trade of signed dollars moves the price of an asset, for everything still held. */
  push(venue: string, asset: string, dollars: number): void {
    const { impactShare } = this.settings
    const depth = this.market.liquidity(venue, asset)?.depth
    if (impactShare === 0 || dollars === 0 || depth === undefined) return
    const before = this.value()
    // A percent of price for `depth` dollars, as the cost of buying grows; a sale divides by what a purchase multiplies by, so that it
    // never pushes a price to zero, nor a book of no depth anything to infinity.
    const move = (impactShare * 0.01 * Math.abs(dollars)) / depth
    this.pushed.set(asset, (this.pushed.get(asset) ?? 0) + Math.sign(dollars) * Math.log1p(move))
    this.book.losses.impact += before - this.value()
  }
}
