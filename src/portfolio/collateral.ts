/**
 * @file All collateral at one glance: per account and currency what there is, what counts, what is asked for, what may be taken out, what a
 * move would cost in liquidations, and what is on its way.
 *
 * Nothing here knows a venue's rules: haircuts, free and idle amounts are found by asking its margin engine what changes when units are taken
 * out (`margin/`; the tables of haircuts lie with the engines).
 */

import { GimbalError } from '../core/errors.ts'
import type { Book, Transfer, VenueAccount } from './book.ts'
import type { MarginEngine, MarginReport } from './margin/marginEngine.ts'
import { freeCollateral, liquidatable } from './margin/marginReport.ts'
import { marginEngine } from './margin/registry.ts'
import { type MarketView, type Shift, ShiftedView } from './marketView.ts'
import { accountValue } from './valuation.ts'

/** A move of the market by name: `BTC −20 %`. */
export interface NamedMove {
  readonly name: string
  readonly shift: Shift
}

/** One currency in one account. Units are of the currency. */
export interface CurrencyCollateral {
  readonly currency: string
  readonly units: number
  readonly dollars: number
  /** What of the last unit counts towards initial and maintenance margin, a fraction of its worth: one less the haircut. 1 without rules. */
  readonly counted: { readonly initial: number; readonly maintenance: number }
  /** Units that may be withdrawn: no pool's equity falls below its initial margin, nor below what its venue asks of withdrawals. */
  readonly free: number
  /** Units that may be withdrawn and every move is still survived. Currencies are not free together: each is judged with the others left. */
  readonly idle: number
  /** units − free, at least 0. */
  readonly inUse: number
}

/** What a move would do to an account. */
export interface CollateralAtRisk {
  readonly move: string
  /** Names of the pools that would be liquidated. */
  readonly liquidated: readonly string[]
  /**
   * Dollars lost to liquidation beyond the move itself, at most: a liquidated pool's maintenance margin, or the equity it has left if that is
   * less. Venues that give some of it back are taken at their worst.
   */
  readonly lost: number
  /** Equity after the move, before liquidation, dollars. */
  readonly equity: number
}

/** One account. Figures without a unit are dollars; those of an account without margin rules are its worth and zeros. */
export interface AccountCollateral {
  readonly venue: string
  readonly engine?: string
  readonly equity: number
  readonly initial: number
  readonly maintenance: number
  /** Sum over pools of equity beyond initial margin. */
  readonly free: number
  readonly currencies: readonly CurrencyCollateral[]
  readonly atRisk: readonly CollateralAtRisk[]
  /** Coming here; not yet among the balances. */
  readonly arriving: readonly Transfer[]
}

/** One currency over all accounts, units. */
export interface CurrencyTotal {
  readonly currency: string
  readonly units: number
  readonly inTransit: number
  readonly free: number
  readonly idle: number
  readonly inUse: number
  readonly dollars: number
}

export interface CollateralView {
  readonly accounts: readonly AccountCollateral[]
  readonly totals: readonly CurrencyTotal[]
}

/** An account with so many units less. */
function without(account: VenueAccount, currency: string, units: number): VenueAccount {
  return { ...account, balances: { ...account.balances, [currency]: (account.balances[currency] ?? 0) - units } }
}

/**
 * The most units that can be taken out with `holds` still true, from 0 to `most`; 0 where it is not true to begin with. Halved down to the
 * last bits, for haircuts may step.
 */
function mostTaken(most: number, holds: (units: number) => boolean): number {
  if (!(most > 0) || !holds(0)) return 0
  if (holds(most)) return most
  let [kept, broken] = [0, most]
  while (broken - kept > 1e-12 * most) {
    const middle = kept + 0.5 * (broken - kept)
    if (holds(middle)) kept = middle
    else broken = middle
  }
  return kept
}

function mayLeave(report: MarginReport): boolean {
  return report.pools.every(({ equity, initial, toWithdraw = initial }) => equity >= Math.max(initial, toWithdraw))
}

/**
 * Units of a currency that a venue lets go: no pool is left with less than it asks of who withdraws. 0 where the account asks more already.
 *
 * @throws {GimbalError} as the engine does.
 */
export function withdrawable(
  engine: MarginEngine,
  account: VenueAccount,
  currency: string,
  market: MarketView,
): number {
  return mostTaken(account.balances[currency] ?? 0, (taken) =>
    mayLeave(engine.assess(without(account, currency, taken), market)),
  )
}

function currencyOf(
  account: VenueAccount,
  engine: MarginEngine | undefined,
  currency: string,
  market: MarketView,
  moves: readonly { readonly view: MarketView }[],
): CurrencyCollateral {
  const units = account.balances[currency] ?? 0
  const price = market.spot(currency)
  const dollars = units === 0 ? 0 : units * price
  if (!engine) {
    const free = Math.max(0, units)
    return { currency, units, dollars, counted: { initial: 1, maintenance: 1 }, free, idle: free, inUse: 0 }
  }
  // A coin's worth of change is enough for a difference and small enough for its place.
  const step = Math.max(1e-6, 1e-6 * Math.abs(units))
  const more = engine.assess(without(account, currency, -step), market)
  const now = engine.assess(account, market)
  const worth = step * price
  const counted = {
    initial: (more.equity - more.initial - (now.equity - now.initial)) / worth,
    maintenance: (more.equity - more.maintenance - (now.equity - now.maintenance)) / worth,
  }
  const lasts = (left: VenueAccount) => moves.every(({ view }) => !engine.assess(left, view).liquidatable)
  const free = withdrawable(engine, account, currency, market)
  const idle = mostTaken(free, (taken) => lasts(without(account, currency, taken)))
  return { currency, units, dollars, counted, free, idle, inUse: Math.max(0, units - free) }
}

/** What moves would take from an account. @throws {GimbalError} as the engine does. */
export function collateralAtRisk(
  engine: MarginEngine,
  account: VenueAccount,
  market: MarketView,
  moves: readonly NamedMove[],
): CollateralAtRisk[] {
  return moves.map(({ name, shift }) => {
    const view = new ShiftedView(market, shift)
    const report = engine.assess(account, view)
    const broken = report.pools.filter(liquidatable)
    let lost = 0
    for (const { equity, maintenance, currency } of broken) {
      // Comparisons would pass over what is not a number.
      lost += Number.isNaN(equity + maintenance)
        ? Number.NaN
        : Math.max(0, Math.min(equity, maintenance)) * view.spot(currency)
    }
    return { move: name, liquidated: broken.map((pool) => pool.name), lost, equity: report.equity }
  })
}

/**
 * The view over a book. Unknown prices make figures NaN, as everywhere in margins.
 *
 * @param moves Those the idle part and what is at risk are judged by.
 * @throws {GimbalError} `argument-invalid` for a transfer from or to an account that is not in the book, or as the engines do.
 */
export function collateralView(book: Book, market: MarketView, moves: readonly NamedMove[] = []): CollateralView {
  for (const { from, to, currency, units } of book.inTransit) {
    for (const end of [from, to]) {
      if (book.accounts.some(({ venue }) => venue === end)) continue
      throw new GimbalError('argument-invalid', 'Money is on its way from or to an account that is not in the book', {
        account: end,
        from,
        to,
        currency,
        units,
      })
    }
  }
  const views = moves.map(({ shift }) => ({ view: new ShiftedView(market, shift) }))
  const accounts = book.accounts.map((account): AccountCollateral => {
    const engine = account.margin === undefined ? undefined : marginEngine(account.margin)
    const currencies = Object.keys(account.balances).map((each) => currencyOf(account, engine, each, market, views))
    const arriving = book.inTransit.filter(({ to }) => to === account.venue)
    if (!engine) {
      const equity = accountValue(account, market)
      const free = currencies.reduce((sum, each) => sum + each.free * market.spot(each.currency), 0)
      return { venue: account.venue, equity, initial: 0, maintenance: 0, free, currencies, atRisk: [], arriving }
    }
    const { equity, initial, maintenance, pools } = engine.assess(account, market)
    const free = pools.reduce((sum, pool) => sum + freeCollateral(pool) * market.spot(pool.currency), 0)
    const atRisk = collateralAtRisk(engine, account, market, moves)
    return {
      venue: account.venue,
      engine: engine.name,
      equity,
      initial,
      maintenance,
      free,
      currencies,
      atRisk,
      arriving,
    }
  })
  return { accounts, totals: totals(accounts, book, market) }
}

function totals(accounts: readonly AccountCollateral[], book: Book, market: MarketView): CurrencyTotal[] {
  const names = new Set(accounts.flatMap(({ currencies }) => currencies.map(({ currency }) => currency)))
  for (const { currency } of book.inTransit) names.add(currency)
  return [...names].sort().map((currency) => {
    const sums = { units: 0, free: 0, idle: 0, inUse: 0 }
    for (const account of accounts) {
      for (const each of account.currencies) {
        if (each.currency !== currency) continue
        sums.units += each.units
        sums.free += each.free
        sums.idle += each.idle
        sums.inUse += each.inUse
      }
    }
    let inTransit = 0
    for (const transfer of book.inTransit) if (transfer.currency === currency) inTransit += transfer.units
    return { currency, ...sums, inTransit, dollars: (sums.units + inTransit) * market.spot(currency) }
  })
}
