/** @file A book under levels that hold now: what it is worth and how far each account is from liquidation, nothing traded. */

import type { Book } from '../../portfolio/book.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { bookValue } from '../../portfolio/valuation.ts'
import { assess, type EngineByName, marginRatio } from './marginRatio.ts'
import { type Levels, type Shock, type Stickiness, slotOf } from './scenario.ts'
import { ShockedView } from './shockedView.ts'

/** Levels of a list of shocks; later ones replace earlier ones of the same thing. */
export function levelsOf(shocks: readonly Shock[]): Levels {
  return new Map(shocks.map((shock) => [slotOf(shock), shock]))
}

/** The account nearest to liquidation. */
export interface Weakest {
  /** '' when nothing in the book can be liquidated. */
  readonly venue: string
  /** Equity over maintenance; below 1 it is liquidated. NaN counts as liquidated. */
  readonly marginRatio: number
}

/** One book, asked again and again under different levels. */
export class StaticShock {
  readonly #book: Book
  readonly #market: MarketView
  readonly #engines: EngineByName
  readonly #sticky: Stickiness

  constructor(book: Book, market: MarketView, engines: EngineByName, sticky: Stickiness) {
    this.#book = book
    this.#market = market
    this.#engines = engines
    this.#sticky = sticky
  }

  /** Dollars. */
  value(levels: Levels): number {
    return bookValue(this.#book, this.#view(levels))
  }

  weakest(levels: Levels): Weakest {
    const view = this.#view(levels)
    let venue = ''
    let least = Number.POSITIVE_INFINITY
    for (const account of this.#book.accounts) {
      const report = assess(account, this.#engines, view, levels)
      if (!report) continue
      const ratio = marginRatio(report)
      if (Number.isNaN(ratio)) return { venue: account.venue, marginRatio: ratio }
      if (ratio < least || venue === '') [venue, least] = [account.venue, ratio]
    }
    return { venue, marginRatio: least }
  }

  #view(levels: Levels): MarketView {
    return new ShockedView(this.#market, levels, 0, this.#sticky)
  }
}
