/**
 * @file Watches a run of options and hedges and explains its profit hour by hour. An observer: it changes nothing.
 *
 * A step ends with every hour and at the moment a chain had been told whole. Marks are the ledger's own (portfolio/marks.ts), so the
 * worth explained is its equity to the atom: between two chains options move with the coin and with time at the volatility last told,
 * and what volatility did in the meantime is the vega of the step in which it is told. Curves, their variance and margins are taken
 * at chains, where marks are the venue's.
 *
 * An option that is settled is taken to its payoff by the explanation itself, at the price the venue settled it at: the index last
 * told with that very option, which of an option missing from the last chains is an older one.
 */

import { HOUR_US, isoDay } from '../core/clock.ts'
import { assert } from '../core/errors.ts'
import type { EngineParts, Observer } from '../engine/engine.ts'
import { atomsPerUnit, type Instrument } from '../market/instrument.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import type { Book, Position } from '../portfolio/book.ts'
import { BookOfRun } from '../portfolio/engineBook.ts'
import {
  type CashFlow,
  type Explanation,
  explainProfit,
  noProfit,
  type ProfitParts,
  type Trade,
} from '../portfolio/explain.ts'
import type { MarketView } from '../portfolio/marketView.ts'
import { CALL, PUT } from '../pricing/right.ts'
import type { ExplainedShare, StudyCosts, StudyExplanation, StudyMargin, StudyParts } from '../report/hedgeResult.ts'
import { MarginWatch } from './hedgeStudyMargin.ts'

/** What venues hold at the start, units by venue and currency. */
export type OpeningCash = Readonly<Record<string, Readonly<Record<string, number>>>>

export interface RecorderSettings {
  readonly asset: string
  /** Moments at which a chain had been told whole, ascending. */
  readonly snapshotsUs: readonly number[]
  readonly openingCash: OpeningCash
}

/** What one run came to; times are those of the settings. */
export interface RecordedRun {
  readonly equity: readonly number[]
  /** Equity less what the opening coins are worth then. */
  readonly own: readonly number[]
  readonly explanation: StudyExplanation
  readonly costs: StudyCosts
  readonly optionTurnover: number
  readonly hedgeTurnover: number
  readonly hedgeTrades: number
  readonly soldMax: number
  readonly margin: readonly StudyMargin[]
}

type Frozen = { readonly book: Book; readonly view: MarketView }

function noParts(): StudyParts {
  return { ...noProfit(), collateral: 0 }
}

const names = Object.keys(noProfit()) as (keyof ProfitParts)[]

function addParts(sum: StudyParts, parts: Readonly<ProfitParts>): void {
  for (const name of names) sum[name] += parts[name]
}

function shareOf(name: string, parts: StudyParts): ExplainedShare {
  return { name, parts, profit: Object.values(parts).reduce((sum, each) => sum + each, 0) }
}

/** What a fill or a forced close added: the position, or the coins of spot. */
function traded(
  instrument: Instrument,
  lots: number,
  tick: number,
): { readonly position?: Position; readonly paid?: Readonly<Record<string, number>>; readonly dollarsAt: number } {
  const size = lots * instrument.lots.size * Number(instrument.spec.multiplier)
  const price = tick * instrument.ticks.size
  const { id, kind, settle, strike, expiryUs, inverse } = instrument
  const asset = instrument.spec.base
  if (kind === 'spot') return { paid: { [asset]: size, [settle]: -size * price }, dollarsAt: Math.abs(size) * price }
  if (kind === 'option') {
    const right = instrument.right === 'put' ? PUT : CALL
    return {
      position: { kind, asset, instrument: id, size, right, strike, expiryUs, settle, entry: price },
      dollarsAt: Number.NaN,
    }
  }
  assert(kind === 'perp' || kind === 'future', 'what is traded here is spot, a perpetual, a future or an option')
  const future = { asset, instrument: id, size, payoff: inverse ? 'inverse' : 'linear', entry: price, settle } as const
  const position: Position = kind === 'perp' ? { kind, ...future } : { kind, ...future, expiryUs }
  return { position, dollarsAt: inverse ? Math.abs(size) : Math.abs(size) * price }
}

export class HedgeRecorder implements Observer {
  /** Every moment is offered, so that none between a chain and the first order on it is missed. */
  readonly sampleUs = 1
  readonly #settings: RecorderSettings
  #parts!: EngineParts
  #book!: BookOfRun
  #margin!: MarginWatch
  #next = 0
  #nextHourUs = Number.NEGATIVE_INFINITY
  #from: (Frozen & { readonly equity: number }) | undefined
  #trades: Trade[] = []
  #flows: CashFlow[] = []
  readonly #settled = new Map<string, number>()
  readonly #equity: number[] = []
  readonly #own: number[] = []
  readonly #total = noParts()
  readonly #days = new Map<string, StudyParts>()
  readonly #venues = new Map<string, StudyParts>()
  #steps = 0
  #gross = 0
  #residual = 0
  #ledgerGap = 0
  #unpriced = 0
  readonly #costs = { optionFees: 0, optionSlippage: 0, hedgeFees: 0, hedgeSlippage: 0, funding: 0 }
  #optionTurnover = 0
  #hedgeTurnover = 0
  #hedgeTrades = 0
  #soldMax = 0

  constructor(settings: RecorderSettings) {
    this.#settings = settings
  }

  attach(parts: EngineParts): void {
    this.#parts = parts
    this.#book = new BookOfRun(parts.universe, parts.ledger, (index) => parts.markets[index]!, {
      options: 'marks',
      openingCash: this.#settings.openingCash,
    })
    this.#margin = new MarginWatch(parts.universe, this.#settings.asset)
  }

  onSample(timeUs: number): void {
    const { snapshotsUs } = this.#settings
    // Before the first chain there is nothing to explain from, after the last nothing to measure to.
    const chain = this.#next < snapshotsUs.length && timeUs >= snapshotsUs[this.#next]!
    const begun = this.#next > 0 && this.#next < snapshotsUs.length
    if (!chain && !(begun && timeUs >= this.#nextHourUs)) return
    this.#nextHourUs = (Math.floor(timeUs / HOUR_US) + 1) * HOUR_US
    const now = this.#frozen(timeUs)
    if (chain) {
      this.#next++
      this.#measure(now)
    }
    this.#explain(now)
  }

  onOrderEvent(event: OrderEvent): void {
    if (event.kind !== 'filled' || this.#from === undefined) return
    const instrument = this.#parts.universe.at(event.instrument)
    const at = this.#frozen(event.timeUs)
    const { position, paid, dollarsAt } = traded(instrument, event.side * event.lots, event.tick)
    const fee = event.feeAtoms / atomsPerUnit(instrument.settle)
    this.#trades.push({
      account: this.#account(at.book, instrument.venue),
      ...(position === undefined ? {} : { position }),
      ...(paid === undefined ? {} : { paid }),
      ...(fee === 0 ? {} : { fee: { currency: instrument.settle, units: fee } }),
      at: at.view,
    })
    if (instrument.kind === 'option') {
      const size = event.lots * instrument.lots.size * Number(instrument.spec.multiplier)
      // Premium traded, not what it is written on: that is what passes through the market.
      this.#optionTurnover += size * event.tick * instrument.ticks.size * at.view.spot(instrument.settle)
    } else {
      this.#hedgeTrades++
      this.#hedgeTurnover += dollarsAt
    }
  }

  onAccountEvent(event: AccountEvent): void {
    if (this.#from === undefined) return
    const instrument = event.instrument < 0 ? undefined : this.#parts.universe.at(event.instrument)
    const at = this.#frozen(event.timeUs)
    if (event.kind === 'settlement' && instrument !== undefined) {
      const { index, forward } = this.#parts.markets[event.instrument]!
      const price = index > 0 ? index : forward
      this.#settled.set(instrument.id, price)
      return
    }
    const account = this.#account(at.book, instrument?.venue ?? at.book.accounts[0]!.venue)
    if (event.side !== 0 && event.lots > 0 && instrument !== undefined) {
      const { position, paid } = traded(instrument, event.side * event.lots, event.tick)
      this.#trades.push({
        account,
        ...(position === undefined ? {} : { position }),
        ...(paid === undefined ? {} : { paid }),
        at: at.view,
      })
    }
    if (event.cashAtoms === 0) return
    const position =
      instrument !== undefined && instrument.kind !== 'spot' ? traded(instrument, 1, 1).position : undefined
    this.#flows.push({
      account,
      kind: event.kind === 'funding' ? 'funding' : event.kind === 'transfer' ? 'deposit' : 'fees',
      currency: event.currency,
      units: event.cashAtoms / atomsPerUnit(event.currency),
      at: at.view,
      ...(position === undefined ? {} : { position }),
    })
  }

  #frozen(timeUs: number): Frozen {
    return this.#book.refresh(timeUs).freeze()
  }

  #account(book: Book, venue: string): number {
    const found = book.accounts.findIndex((each) => each.venue === venue)
    assert(found >= 0, 'every venue of a run has an account')
    return found
  }

  /** What is known at a chain. */
  #measure({ book, view }: Frozen): void {
    const { equity } = this.#parts.ledger
    this.#equity.push(equity)
    this.#own.push(equity - this.#openingWorth(view))
    let sold = 0
    for (const { positions } of book.accounts)
      for (const each of positions) if (each.kind === 'option' && each.size < 0) sold -= each.size
    this.#soldMax = Math.max(this.#soldMax, sold)
    this.#margin.look(book, view)
  }

  /** Explains the step that ends now. */
  #explain(now: Frozen): void {
    const { equity } = this.#parts.ledger
    const from = this.#from
    // Nothing can be explained before every coin has a price.
    if (Number.isNaN(equity)) return
    if (from !== undefined) {
      const explained = explainProfit({
        book: from.book,
        from: from.view,
        to: now.view,
        trades: this.#trades,
        flows: this.#flows,
        after: now.book,
        settlement: (_asset, _expiryUs, name) => (name === undefined ? undefined : this.#settled.get(name)),
      })
      // What trades and flows made of the book, against what the ledger says: the book handed in as `after` must change nothing.
      const booked = explained.profit + explained.deposits - explained.parts.unbooked
      this.#ledgerGap = Math.max(this.#ledgerGap, Math.abs(booked - (equity - from.equity)))
      this.#take(explained, from.view, now.view)
    }
    this.#from = { ...now, equity }
    this.#trades = []
    this.#flows = []
  }

  /** Dollars of everything that was there at the start, at a market. */
  #openingWorth(view: MarketView): number {
    let sum = 0
    for (const balances of Object.values(this.#settings.openingCash))
      for (const [currency, units] of Object.entries(balances)) sum += units * view.spot(currency)
    return sum
  }

  #take(explained: Explanation, from: MarketView, to: MarketView): void {
    const { universe } = this.#parts
    const step = noParts()
    const within = (map: Map<string, StudyParts>, name: string): StudyParts => {
      const parts = map.get(name) ?? noParts()
      map.set(name, parts)
      return parts
    }
    addParts(step, explained.parts)
    for (const { venue, name, parts } of explained.positions) {
      addParts(within(this.#venues, venue), parts)
      const option = universe.has(name) && universe.at(universe.index(name)).kind === 'option'
      this.#costs[option ? 'optionFees' : 'hedgeFees'] -= parts.fees
      this.#costs[option ? 'optionSlippage' : 'hedgeSlippage'] -= parts.trading
      this.#costs.funding -= parts.funding
    }
    for (const [venue, balances] of Object.entries(this.#settings.openingCash)) {
      let moved = 0
      for (const [currency, units] of Object.entries(balances))
        moved += units * (to.spot(currency) - from.spot(currency))
      const place = within(this.#venues, venue)
      for (const parts of [step, place]) {
        parts.delta -= moved
        parts.collateral += moved
      }
    }
    // What no holding accounts for belongs to no venue; it is kept in sight.
    if (explained.parts.unbooked !== 0) within(this.#venues, 'not booked').unbooked += explained.parts.unbooked
    const day = within(this.#days, isoDay(to.timeUs - 1))
    for (const sum of [this.#total, day]) {
      addParts(sum, step)
      sum.collateral += step.collateral
    }
    for (const name of names) if (name !== 'residual') this.#gross += Math.abs(step[name])
    this.#residual += Math.abs(step.residual)
    this.#unpriced += explained.unpriced.length
    this.#steps++
  }

  finish(): RecordedRun {
    const total = this.#total
    const absolute = names.reduce((sum, name) => sum + (name === 'residual' ? 0 : Math.abs(total[name])), 0)
    const shares = (map: ReadonlyMap<string, StudyParts>) => [...map].map(([name, parts]) => shareOf(name, parts))
    return {
      equity: this.#equity,
      own: this.#own,
      explanation: {
        total: shareOf('total', total),
        days: shares(this.#days),
        venues: shares(this.#venues),
        steps: this.#steps,
        gross: this.#gross,
        residual: this.#residual,
        residualShare: this.#residual === 0 ? 0 : this.#residual / this.#gross,
        netResidualShare: total.residual === 0 ? 0 : Math.abs(total.residual) / absolute,
        ledgerGap: this.#ledgerGap,
        unpriced: this.#unpriced,
      },
      costs: { ...this.#costs },
      optionTurnover: this.#optionTurnover,
      hedgeTurnover: this.#hedgeTurnover,
      hedgeTrades: this.#hedgeTrades,
      soldMax: this.#soldMax,
      margin: this.#margin.finish(),
    }
  }
}
