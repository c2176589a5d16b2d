/**
 * @file What we own: positions, cash, and where the profit came from, in integers that balance to zero.
 *
 * Derivatives are kept by cost: a position of L lots whose fills cost C atoms is worth value(mark, L) − C, where
 * `Instrument.valueAtoms` makes linear and inverse contracts alike. Spot is paid for: buying moves cash into lots.
 * Equity per currency = cash + Σ derivatives (value − cost) + Σ spot value, at the prices of marks.ts.
 *
 * Every fill splits its profit at the reference price of that moment: the spread part is what we gained against it,
 * fees are fees, funding is funding, and what remains of the total is inventory: the market moving on what we held.
 */

import type { Clock } from '../core/clock.ts'
import { roundHalfAway } from '../core/decimal.ts'
import { assert } from '../core/errors.ts'
import { atomsPerUnit, dollarLike, type Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { AccountEvent, OrderEvent } from '../market/order.ts'
import { Marks } from './marks.ts'

/** Running totals of one instrument; all money in atoms of its settlement currency. */
export interface Holding {
  /** Signed lots held. */
  lots: number
  /** Sum of value(fill price, signed lots) over the open position. */
  costAtoms: number
  realisedAtoms: number
  /** Paid: positive is a cost. */
  feesAtoms: number
  /** Received: positive is income. */
  fundingAtoms: number
  /** Gained against the reference price at the moment of each fill; slippage of takers is its negative part. */
  spreadAtoms: number
  slippageAtoms: number
  /** Sum of notional traded. */
  turnoverAtoms: number
  fills: number
  makerFills: number
  lotsTraded: number
}

/** What a policy, the gate and the report may read of a portfolio. */
export interface PortfolioView {
  readonly universe: Universe
  /** The prices positions are reckoned at. */
  readonly marks: Marks
  lots(instrument: number): number
  holding(instrument: number): Readonly<Holding>
  /** Indexes of the instruments ever traded, in order of their first fill: what is held is among them. */
  readonly traded: readonly number[]
  /** Cash in atoms of a currency. */
  cashAtoms(currency: string): number
  readonly currencies: readonly string[]
  /** Profit not yet realised on a position at the current mark, in atoms of its settlement currency. */
  unrealisedAtoms(instrument: number): number
  /** Signed worth of a position at the current mark, in dollars. */
  exposure(instrument: number): number
  /** Cash plus positions at mark, in atoms of one currency. */
  equityAtoms(currency: string): number
  /** Equity over all currencies in dollars; NaN while a needed price is unknown. */
  readonly equity: number
  /** Dollars per unit of a currency; NaN unknown. */
  rate(currency: string): number
  /** Sum over instruments of |exposure|, in dollars. */
  readonly grossExposure: number
}

export type Portfolio = PortfolioView

/** The account's ledger: the engine writes, everyone else reads through {@link PortfolioView}. */
export class Ledger implements PortfolioView {
  readonly universe: Universe
  readonly marks: Marks
  readonly #markets: readonly MarketState[]
  readonly #holdings: Holding[]
  readonly traded: number[] = []
  readonly #cash = new Map<string, number>()
  /** For each currency, the instruments whose marks price it in dollars, best first. */
  readonly #pricedBy = new Map<string, number[]>()

  /**
   * @param cash Opening balances by currency, in whole units (dollars, coins).
   * @param clock What time it is for options between two messages; without one they stay as they were told.
   */
  constructor(
    universe: Universe,
    markets: readonly MarketState[],
    cash: Readonly<Record<string, number>>,
    clock?: Clock,
  ) {
    this.universe = universe
    this.#markets = markets
    this.marks = new Marks(universe, markets, (asset) => this.#pricer(asset), clock)
    this.#holdings = universe.instruments.map(() => ({
      lots: 0,
      costAtoms: 0,
      realisedAtoms: 0,
      feesAtoms: 0,
      fundingAtoms: 0,
      spreadAtoms: 0,
      slippageAtoms: 0,
      turnoverAtoms: 0,
      fills: 0,
      makerFills: 0,
      lotsTraded: 0,
    }))
    for (const [currency, units] of Object.entries(cash))
      this.#cash.set(currency, Math.round(units * atomsPerUnit(currency)))
    for (const [index, instrument] of universe.instruments.entries()) {
      if (!this.#cash.has(instrument.settle)) this.#cash.set(instrument.settle, 0)
      const { base, quote, kind } = instrument.spec
      if ((kind === 'spot' || kind === 'perp' || kind === 'future') && dollarLike(quote)) {
        const known = this.#pricedBy.get(base)
        if (known === undefined) this.#pricedBy.set(base, [index])
        else known.push(index)
      }
    }
    // Spot prices a coin better than a perpetual, a perpetual better than a dated future.
    const order = { spot: 0, perp: 1, future: 2, option: 3, pool: 3 }
    const rank = (index: number) => order[universe.at(index).kind]
    for (const known of this.#pricedBy.values()) known.sort((a, b) => rank(a) - rank(b) || a - b)
  }

  get currencies(): readonly string[] {
    return [...this.#cash.keys()]
  }

  lots(instrument: number): number {
    return this.#holdings[instrument]!.lots
  }

  holding(instrument: number): Readonly<Holding> {
    return this.#holdings[instrument]!
  }

  cashAtoms(currency: string): number {
    return this.#cash.get(currency) ?? 0
  }

  unrealisedAtoms(instrument: number): number {
    const holding = this.#holdings[instrument]!
    if (holding.lots === 0) return 0
    const price = this.marks.price(instrument)
    return this.universe.at(instrument).valueAtPrice(price, holding.lots) - holding.costAtoms
  }

  exposure(instrument: number): number {
    const lots = this.#holdings[instrument]!.lots
    if (lots === 0) return 0
    const { inverse, settle } = this.universe.at(instrument)
    const price = this.marks.price(instrument)
    const atoms = this.universe.at(instrument).valueAtPrice(price, lots)
    if (inverse) return (-atoms / atomsPerUnit(settle)) * price
    // Coin-priced options are worth coins; everything else linear is worth quote units.
    return (atoms / atomsPerUnit(settle)) * this.rate(settle)
  }

  equityAtoms(currency: string): number {
    let sum = this.cashAtoms(currency)
    for (let i = 0; i < this.#holdings.length; i++) {
      const instrument = this.universe.at(i)
      const holding = this.#holdings[i]!
      if (instrument.settle !== currency || holding.lots === 0) continue
      sum += this.unrealisedAtoms(i)
      if (instrument.kind === 'spot') sum += holding.costAtoms
    }
    return sum
  }

  rate(currency: string): number {
    if (dollarLike(currency)) return 1
    return this.#pricer(currency)?.markPrice ?? Number.NaN
  }

  /** The market that prices a coin now. One that is listed and was not heard of yet prices nothing, while another may. */
  #pricer(currency: string): MarketState | undefined {
    for (const by of this.#pricedBy.get(currency) ?? []) {
      const market = this.#markets[by]!
      // A mark that was told and is no number is a fault to be seen, not silence.
      if (!Number.isNaN(market.markPrice) || market.markUs > Number.NEGATIVE_INFINITY) return market
    }
    return undefined
  }

  get equity(): number {
    let sum = 0
    for (const currency of this.#cash.keys()) {
      const atoms = this.equityAtoms(currency)
      if (atoms !== 0) sum += (atoms / atomsPerUnit(currency)) * this.rate(currency)
    }
    return sum
  }

  get grossExposure(): number {
    let sum = 0
    for (let i = 0; i < this.#holdings.length; i++) sum += Math.abs(this.exposure(i))
    return sum
  }

  /** Books a fill. `referenceTick` is the mid at that moment (NaN unknown: the spread part is then zero). */
  applyFill(event: OrderEvent, referenceTick: number): void {
    assert(event.kind === 'filled' && event.lots > 0, 'a fill has lots')
    this.#trade(event.instrument, event.side * event.lots, event.tick, event.feeAtoms)
    const instrument = this.universe.at(event.instrument)
    const holding = this.#holdings[event.instrument]!
    holding.fills++
    if (event.liquidity === 'maker') holding.makerFills++
    if (!Number.isNaN(referenceTick)) {
      const signed = event.side * event.lots
      const gain =
        instrument.valueAtPrice(referenceTick * instrument.ticks.size, signed) -
        instrument.valueAtoms(event.tick, signed)
      if (event.liquidity === 'taker') holding.slippageAtoms += gain
      else holding.spreadAtoms += gain
    }
  }

  /** Books funding, liquidation, deleveraging, settlement or a transfer. */
  applyAccount(event: AccountEvent): void {
    if (event.side !== 0 && event.lots > 0) this.#trade(event.instrument, event.side * event.lots, event.tick, 0)
    if (event.cashAtoms !== 0) {
      this.#cash.set(event.currency, this.cashAtoms(event.currency) + event.cashAtoms)
      if (event.instrument >= 0) {
        const holding = this.#holdings[event.instrument]!
        if (event.kind === 'funding') holding.fundingAtoms += event.cashAtoms
        else if (event.kind !== 'transfer') holding.feesAtoms -= event.cashAtoms
      }
    }
  }

  #trade(index: number, signedLots: number, tick: number, feeAtoms: number): void {
    const instrument = this.universe.at(index)
    const holding = this.#holdings[index]!
    const value = instrument.valueAtoms(tick, signedLots)
    if (holding.lotsTraded === 0) this.traded.push(index)
    const currency = instrument.settle
    const before = holding.lots
    const after = before + signedLots
    let realised = 0
    if (before === 0 || before > 0 === signedLots > 0) holding.costAtoms += value
    else if (Math.abs(signedLots) <= Math.abs(before)) {
      // Closing part of a position releases its share of the cost; the last lot releases the rest, so nothing is lost to rounding.
      const released = after === 0 ? holding.costAtoms : roundHalfAway((holding.costAtoms * -signedLots) / before)
      holding.costAtoms -= released
      realised = -value - released
    } else {
      // Through zero: the old position closes at this price and the remainder opens at it.
      const opened = instrument.valueAtoms(tick, after)
      realised = -(value - opened) - holding.costAtoms
      holding.costAtoms = opened
    }
    holding.lots = after
    holding.realisedAtoms += realised
    holding.feesAtoms += feeAtoms
    holding.turnoverAtoms += Math.abs(value)
    holding.lotsTraded += Math.abs(signedLots)
    const paid = instrument.kind === 'spot' ? -value : realised
    this.#cash.set(currency, this.cashAtoms(currency) + paid - feeAtoms)
  }
}
