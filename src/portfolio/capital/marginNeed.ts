/**
 * @file What an account lacks under its venue's own margin engine, as a function of what is decided about it, and planes below it.
 *
 * The engine is asked, never copied: whatever it reckons (tiers, scenarios, haircuts, prices after a move) is in the figure.
 * A requirement less the equity behind it is, for nearly all rules, convex in sizes and balances: a greatest of linear scenario losses, or a
 * sum of rates on |size|. A plane that touches a convex function lies below it everywhere, so planes added where a program's
 * answer breaks the rule make the program exact in the end (Kelley, "The cutting-plane method for solving convex programs", 1960).
 */

import { GimbalError } from '../../core/errors.ts'
import type { VenueAccount } from '../book.ts'
import type { MarginEngine } from '../margin/marginEngine.ts'
import type { MarketView } from '../marketView.ts'

/** A market at which an account must hold, and what is asked there. */
export interface TestedView {
  /** `now`, `BTC −20 %`. */
  readonly name: string
  readonly market: MarketView
  /** Initial margin where something is to be opened, maintenance where it is to survive. */
  readonly asks: 'initial' | 'maintenance'
}

/** One thing decided about an account: `plus − minus` of two columns of a program. */
export interface NeedColumn {
  readonly plus: number
  readonly minus: number
  /** A contract's size after trading, whose margin may have a kink at zero; a balance has none. */
  readonly kind: 'size' | 'balance'
  /** How far it can go, for the length of differences. */
  readonly range: number
}

/** What one pool lacks at one view, dollars; negative is a cushion. */
export interface Shortfall {
  readonly view: number
  readonly pool: string
  readonly dollars: number
}

/** `constant + Σ plus × column + Σ minus × column`, below the shortfall everywhere if the engine is convex. */
export interface Plane {
  readonly constant: number
  readonly plus: readonly number[]
  readonly minus: readonly number[]
}

/**
 * Engines that add up positions one by one, so that a long and a short side may be bounded each by its own slope. (GMX does too, but its
 * positions have collateral of their own each: its engine refuses to have one traded here.)
 */
const ONE_BY_ONE: ReadonlySet<string> = new Set(['hyperliquid', 'dydx-v4', 'deribit-standard'])

/** Share of a range by which differences are taken, and by which a point is moved off a kink. */
const STEP = 1e-7
const ASIDE = 2e-6

export class MarginNeed {
  readonly name: string
  readonly columns: readonly NeedColumn[]
  readonly views: readonly TestedView[]
  readonly #engine: MarginEngine
  readonly #at: (values: readonly number[]) => VenueAccount
  #draw = 1

  /** @param at The account when its columns have these values. */
  constructor(
    name: string,
    engine: MarginEngine,
    columns: readonly NeedColumn[],
    views: readonly TestedView[],
    at: (values: readonly number[]) => VenueAccount,
  ) {
    this.name = name
    this.#engine = engine
    this.columns = columns
    this.views = views
    this.#at = at
  }

  account(values: readonly number[]): VenueAccount {
    return this.#at(values)
  }

  /** This need's part of a program's answer. */
  values(answer: Float64Array): number[] {
    return this.columns.map(({ plus, minus }) => answer[plus]! - answer[minus]!)
  }

  /**
   * Of every pool at every view, in order.
   *
   * @throws {GimbalError} `argument-invalid` where a price is unknown, naming it.
   */
  shortfalls(values: readonly number[]): Shortfall[] {
    const account = this.#at(values)
    return this.views.flatMap((_, view) => this.#assess(account, view))
  }

  #assess(account: VenueAccount, view: number): Shortfall[] {
    const { market, asks, name } = this.views[view]!
    const report = this.#engine.assess(account, market)
    return report.pools.map((pool) => {
      const dollars = (pool[asks] - pool.equity) * market.spot(pool.currency)
      if (Number.isNaN(dollars)) {
        throw new GimbalError('argument-invalid', 'A margin cannot be reckoned: prices are unknown', {
          account: this.name,
          pool: pool.name,
          view: name,
          unknown: report.missing.join(', '),
        })
      }
      return { view, pool: pool.name, dollars }
    })
  }

  /** Shortfall of one pool at one view; a pool that is not there lacks nothing. */
  shortfall(values: readonly number[], view: number, pool: string): number {
    return this.#assess(this.#at(values), view).find((each) => each.pool === pool)?.dollars ?? 0
  }

  /** Touches the shortfall at (or a hair beside) these values. */
  plane(values: readonly number[], view: number, pool: string): Plane {
    const split = ONE_BY_ONE.has(this.#engine.name)
    const point = values.map((value, j) => this.#beside(value, this.columns[j]!, split))
    const there = this.shortfall(point, view, pool)
    const plus: number[] = []
    const minus: number[] = []
    let constant = there
    for (const [j, { kind, range }] of this.columns.entries()) {
      const step = range * STEP
      const slope = (from: number, by: number) => {
        const near = point.with(j, from)
        const far = point.with(j, from + by)
        const base = from === point[j] ? there : this.shortfall(near, view, pool)
        return (this.shortfall(far, view, pool) - base) / by
      }
      const value = point[j]!
      let up: number
      let down: number
      if (split && kind === 'size') {
        up = slope(Math.max(value, 0), value > 0 && value < 2 * step ? value : step)
        down = -slope(Math.min(value, 0), value < 0 && value > -2 * step ? value : -step)
      } else {
        up = slope(value, step)
        down = -up
      }
      plus.push(up)
      minus.push(down)
      constant -= value > 0 ? up * value : -down * value
    }
    return { constant, plus, minus }
  }

  /** Rules of scenarios have kinks wherever a program likes to end: there a difference belongs to no plane. */
  #beside(value: number, { range, kind }: NeedColumn, split: boolean): number {
    if (split || kind === 'balance') return value
    // A Weyl sequence: spread evenly, the same every time.
    this.#draw = (this.#draw + 0.618_033_988_749_895) % 1
    return value + range * ASIDE * (this.#draw - 0.5)
  }
}
