/**
 * @file The replayed exchange: matches our orders against what a recording shows would have been possible.
 *
 * It never gives a fill the market would not have given. One instance holds every venue and instrument of a universe,
 * each with its own market state in venue order, so it knows nothing the venue did not yet know. What is assumed is
 * named in `assumptions` and documented, with where it is optimistic, at each model:
 *
 *   queueModels.ts l3Book.ts   our place in a level          latencyModels.ts connection.ts   the line both ways
 *   matcher.ts                 what fills and what does not  feeModels.ts                     fees by tier
 *   barFills.ts                when only bars are known      marginRules.ts venueDesk.ts      margin, liquidation
 *   impactModels.ts            our own footprint             venueRules.ts                    a venue's settings
 */

import { assert, GimbalError } from '../core/errors.ts'
import { atomsPerUnit, type Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { AccountEvent, Order, OrderEvent } from '../market/order.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { Ledger } from '../portfolio/portfolio.ts'
import type { SimulatedVenue } from './backtest.ts'
import { Matcher } from './matcher.ts'
import type { OwnOrder } from './ownOrders.ts'
import { Schedule } from './schedule.ts'
import { type Traffic, VenueDesk, type VenueTimer } from './venueDesk.ts'
import { assumptions, type VenueRules, type VenueSettings, venueRules } from './venueRules.ts'

export interface ReplayedExchangeOptions {
  readonly universe: Universe
  /** Opening balances in whole units by currency; shared out evenly over the venues that settle in each. */
  readonly cash: Readonly<Record<string, number>>
  /** Settings of every venue, and on top of them of single venues by name. */
  readonly settings?: VenueSettings
  readonly venues?: Readonly<Record<string, VenueSettings>>
}

interface DueTimer {
  /** Index of the desk. */
  readonly rank: number
  readonly timer: VenueTimer
}

export class ReplayedExchange implements SimulatedVenue {
  readonly universe: Universe
  nextInternalUs = Number.POSITIVE_INFINITY
  nextDeliveryUs = Number.POSITIVE_INFINITY
  readonly #desks: VenueDesk[] = []
  /** The desk of each instrument. */
  readonly #deskOf: VenueDesk[]
  readonly #matchers: Matcher[]
  readonly #timers = new Schedule<DueTimer>()
  readonly #traffic: Traffic = { sequence: 0, changed: false }
  #nextRequest: VenueDesk | undefined
  #nextAnswer: VenueDesk | undefined

  /** @throws {GimbalError} `config-invalid` when settings name a venue the universe does not have. */
  constructor(options: ReplayedExchangeOptions) {
    const { universe } = options
    this.universe = universe
    const names = [...new Set(universe.instruments.map((instrument) => instrument.venue))]
    for (const asked of Object.keys(options.venues ?? {})) {
      if (!names.includes(asked)) {
        throw new GimbalError('config-invalid', 'Settings for a venue that is not in this run', {
          asked,
          known: names.join(' '),
        })
      }
    }
    const rules = new Map<string, VenueRules>()
    for (const name of names) rules.set(name, venueRules({ ...options.settings, ...options.venues?.[name] }))
    this.#matchers = universe.instruments.map(
      (instrument, index) => new Matcher(index, instrument, rules.get(instrument.venue)!),
    )
    for (const [rank, name] of names.entries()) {
      const cash = options.venues?.[name]?.cash ?? options.settings?.cash ?? this.#share(name, names, options.cash)
      const schedule = (atUs: number, timer: VenueTimer) => {
        this.#timers.add(atUs, { rank, timer })
        this.#traffic.changed = true
      }
      const matchers = this.#matchers
      this.#desks.push(new VenueDesk(name, rules.get(name)!, universe, matchers, cash, this.#traffic, schedule))
    }
    this.#deskOf = universe.instruments.map((instrument) => this.#desks[names.indexOf(instrument.venue)]!)
    this.#refresh()
  }

  /** A venue's part of the cash: whole atoms, the first venue taking what does not divide. */
  #share(name: string, names: readonly string[], cash: Readonly<Record<string, number>>): Record<string, number> {
    const part: Record<string, number> = {}
    for (const [currency, units] of Object.entries(cash)) {
      const settling = names.filter((venue) =>
        this.universe.instruments.some((each) => each.venue === venue && each.settle === currency),
      )
      const takers = settling.length > 0 ? settling : [names[0]!]
      const rank = takers.indexOf(name)
      if (rank < 0) continue
      const atoms = Math.round(units * atomsPerUnit(currency))
      const even = Math.floor(atoms / takers.length)
      part[currency] = (rank === 0 ? atoms - even * (takers.length - 1) : even) / atomsPerUnit(currency)
    }
    return part
  }

  // ── what a report may ask ─────────────────────────────────────────────────────────────────────────────────────

  /** What is assumed, in sentences, by venue. */
  get assumptions(): Readonly<Record<string, readonly string[]>> {
    return Object.fromEntries(this.#desks.map((desk) => [desk.name, [...assumptions(desk.rules), desk.feeAssumption]]))
  }

  /** Our account as a venue keeps it. */
  ledger(venue: string): Ledger {
    return this.#desk(venue).ledger
  }

  /** What our liquidations brought a venue's insurance fund, in atoms; negative is what they cost it. */
  insuranceAtoms(venue: string, currency: string): number {
    return this.#desk(venue).insuranceAtoms.get(currency) ?? 0
  }

  /** Our orders as the venues hold them. */
  *openOrders(): Iterable<OwnOrder> {
    for (const desk of this.#desks) yield* desk.orders()
  }

  /** The market as the venue of an instrument knows it. */
  market(instrument: number): MarketState {
    return this.#matchers[instrument]!.market
  }

  #desk(venue: string): VenueDesk {
    const desk = this.#desks.find((each) => each.name === venue)
    if (!desk) throw new GimbalError('argument-invalid', 'No such venue in this run', { venue })
    return desk
  }

  // ── VenuePort ─────────────────────────────────────────────────────────────────────────────────────────────────

  submit(order: Order): void {
    this.#deskOf[order.instrument]!.send('submit', order, order.id, order.instrument, 0, 0, order.sentUs)
    this.#refresh()
  }

  cancel(orderId: number, instrument: number, nowUs: number): void {
    this.#deskOf[instrument]!.send('cancel', undefined, orderId, instrument, 0, 0, nowUs)
    this.#refresh()
  }

  amend(orderId: number, instrument: number, tick: number, lots: number, nowUs: number): void {
    this.#deskOf[instrument]!.send('amend', undefined, orderId, instrument, tick, lots, nowUs)
    this.#refresh()
  }

  // ── SimulatedVenue ────────────────────────────────────────────────────────────────────────────────────────────

  advanceTo(timeUs: number): void {
    while (this.nextInternalUs <= timeUs) this.#happen()
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    // Strictly before: at the venue, market rows come before arrivals of the same microsecond.
    while (this.nextInternalUs < timeUs) this.#happen()
    this.#deskOf[instrument]!.onRow(batch, row, instrument, timeUs)
    if (this.#traffic.changed) this.#refresh()
  }

  takeDelivery(): { readonly order?: OrderEvent; readonly account?: AccountEvent } {
    const answer = this.#nextAnswer?.connection.answers.take()
    assert(answer !== undefined, 'there is an answer to take')
    this.#refresh()
    if (answer.order) return { order: answer.order }
    return { account: answer.account! }
  }

  /** The next thing inside: a timer, or an arrival; timers first. */
  #happen(): void {
    const timerUs = this.#timers.nextUs
    const request = this.#nextRequest?.connection.requests.first
    if (request && request.atUs < timerUs) {
      this.#nextRequest!.connection.requests.take()
      this.#nextRequest!.arrive(request)
    } else {
      const { rank, timer } = this.#timers.take()!
      this.#desks[rank]!.onTimer(timer, timerUs)
    }
    this.#refresh()
  }

  /** Finds what is next again, after messages came or went. */
  #refresh(): void {
    this.#traffic.changed = false
    let requestUs = Number.POSITIVE_INFINITY
    let requestSequence = 0
    let answerUs = Number.POSITIVE_INFINITY
    let answerSequence = 0
    this.#nextRequest = undefined
    this.#nextAnswer = undefined
    for (const desk of this.#desks) {
      const request = desk.connection.requests.first
      if (request && (request.atUs < requestUs || (request.atUs === requestUs && request.sequence < requestSequence))) {
        requestUs = request.atUs
        requestSequence = request.sequence
        this.#nextRequest = desk
      }
      const answer = desk.connection.answers.first
      if (answer && (answer.atUs < answerUs || (answer.atUs === answerUs && answer.sequence < answerSequence))) {
        answerUs = answer.atUs
        answerSequence = answer.sequence
        this.#nextAnswer = desk
      }
    }
    const timerUs = this.#timers.nextUs
    this.nextInternalUs = Math.min(timerUs, requestUs)
    this.nextDeliveryUs = answerUs
  }
}
