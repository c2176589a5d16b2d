/**
 * @file The tail of a book: every position valued anew under each shock that history has to offer.
 *
 * Full revaluation, so that options bend as they do. A shock moves all assets and volatilities as they moved together over one past
 * stretch; what it says nothing of stays where it is.
 */

import { GimbalError } from '../../core/errors.ts'
import type { Book } from '../../portfolio/book.ts'
import { type MarketView, type Shift, ShiftedView } from '../../portfolio/marketView.ts'
import { accountValue, bookValue } from '../../portfolio/valuation.ts'
import { historicalTail, requireLevel, type Tail } from './historicalTail.ts'

/** Histories in the same steps, oldest first; NaN is missing and drops the shocks that need it. */
export interface ShockHistory {
  /** Prices by asset, any unit. */
  readonly prices: Readonly<Record<string, Float64Array>>
  /** At-the-money volatilities by asset, fractions a year; moved by difference, at every expiry and strike alike. */
  readonly volatilities?: Readonly<Record<string, Float64Array>>
}

/**
 * The moves over each stretch of `horizon` steps, overlapping where the horizon is above 1 (such losses are no longer independent:
 * back-test with a horizon of 1).
 *
 * @throws {GimbalError} `argument-invalid` when lengths differ or nothing is left.
 */
export function shocksOf({ prices, volatilities = {} }: ShockHistory, horizon = 1): readonly Shift[] {
  const lengths = [...Object.values(prices), ...Object.values(volatilities)].map(({ length }) => length)
  const length = lengths[0] ?? 0
  if (!(horizon >= 1) || lengths.some((each) => each !== length) || length <= horizon)
    throw new GimbalError('argument-invalid', 'Histories of shocks need equal lengths above the horizon', {
      lengths: lengths.join(' '),
      horizon,
    })
  const shocks: Shift[] = []
  for (let t = horizon; t < length; t++) {
    const spot: Record<string, number> = {}
    const volatility: Record<string, { add: number }> = {}
    let whole = true
    for (const [asset, row] of Object.entries(prices)) {
      const factor = (spot[asset] = row[t]! / row[t - horizon]!)
      whole &&= factor > 0 && factor < Number.POSITIVE_INFINITY
    }
    for (const [asset, row] of Object.entries(volatilities)) {
      const { add } = (volatility[asset] = { add: row[t]! - row[t - horizon]! })
      whole &&= Number.isFinite(add)
    }
    if (whole) shocks.push({ spot, volatility })
  }
  if (shocks.length === 0) throw new GimbalError('argument-invalid', 'No stretch of the history is whole', { length })
  return shocks
}

/** Tail of a book in dollars over the horizon of the shocks. */
export interface BookTail extends Tail {
  readonly level: number
  /** Loss under each shock, in their order. // [shocks] */
  readonly losses: Float64Array
  /** Shocks that make up the tail, worst first. */
  readonly worst: readonly number[]
  /** Share of each account in the expected shortfall, in dollars (Euler's allocation: its mean loss in the tail). They sum to it. */
  readonly byAccount: readonly { readonly venue: string; readonly expectedShortfall: number }[]
}

/**
 * @param laterUs Time that passes over the horizon: options age by it; 0 when absent.
 * @throws {GimbalError} `argument-invalid`: too few shocks for the level, or a value that is not known (a price the market lacks).
 */
export function bookTail(
  book: Book,
  market: MarketView,
  shocks: readonly Shift[],
  level: number,
  laterUs = 0,
): BookTail {
  requireLevel(level)
  const before = bookValue(book, market)
  if (!Number.isFinite(before))
    throw new GimbalError('argument-invalid', 'A book of unknown worth has no tail', { value: before })
  const losses = new Float64Array(shocks.length)
  for (const [at, shock] of shocks.entries())
    losses[at] = before - bookValue(book, new ShiftedView(market, { ...shock, laterUs }))
  const tail = historicalTail(losses, level)
  const weight = shocks.length * (1 - level)
  const order = Array.from(losses.keys()).sort((a, b) => losses[b]! - losses[a]! || a - b)
  const worst = order.slice(0, Math.min(shocks.length, Math.ceil(weight - 1e-9)))
  const inTransit = { accounts: [], inTransit: book.inTransit }
  const shares = [...book.accounts.map(({ venue }) => venue), 'in transit'].map((venue, index) => {
    const account = book.accounts[index]
    const value = (view: MarketView) => (account ? accountValue(account, view) : bookValue(inTransit, view))
    const start = value(market)
    let sum = 0
    for (const [rank, at] of worst.entries()) {
      // The last one counts for the part of it that lies in the tail.
      const part = Math.min(1, weight - rank)
      sum += part * (start - value(new ShiftedView(market, { ...shocks[at]!, laterUs })))
    }
    return { venue, expectedShortfall: sum / weight }
  })
  if (book.inTransit.length === 0) shares.pop()
  return { ...tail, level, losses, worst, byAccount: shares }
}
