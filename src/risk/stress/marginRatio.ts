/** @file How far an account is from its venue taking it: equity over maintenance, worst pool first. */

import type { VenueAccount } from '../../portfolio/book.ts'
import type { MarginEngine, MarginReport } from '../../portfolio/margin/marginEngine.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import type { HaircutShock, Levels } from './scenario.ts'

/** Gives the engine of a name: `margin/registry.ts`. */
export type EngineByName = (name: string) => MarginEngine

/** The least of equity / maintenance over pools: below 1 is liquidatable. Infinite where nothing is asked; NaN where unknown. */
export function marginRatio(report: MarginReport): number {
  let least = Number.POSITIVE_INFINITY
  for (const { equity, maintenance } of report.pools) {
    const ratio =
      maintenance > 0 ? equity / maintenance : equity >= 0 ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY
    if (Number.isNaN(equity) || Number.isNaN(maintenance)) return Number.NaN
    if (ratio < least) least = ratio
  }
  return least
}

/** The account as a venue sees it whose haircuts grew: collateral counts for less of its units, debts for all. */
export function haircutAccount(account: VenueAccount, levels: Levels): VenueAccount {
  const haircut = (asset: string) => (levels.get(`haircut ${asset}`) as HaircutShock | undefined)?.haircut ?? 0
  const touched =
    Object.keys(account.balances).some((currency) => haircut(currency) > 0) ||
    account.positions.some((position) => position.kind === 'supply' && haircut(position.asset) > 0)
  if (!touched) return account
  const balances: Record<string, number> = {}
  for (const [currency, units] of Object.entries(account.balances))
    balances[currency] = units > 0 ? units * (1 - haircut(currency)) : units
  const positions = account.positions.map((position) =>
    position.kind === 'supply' ? { ...position, amount: position.amount * (1 - haircut(position.asset)) } : position,
  )
  return { ...account, balances, positions }
}

/** What the account's engine says of it under these levels; undefined for an account nobody can liquidate. */
export function assess(
  account: VenueAccount,
  engines: EngineByName,
  market: MarketView,
  levels: Levels,
): MarginReport | undefined {
  if (account.margin === undefined) return undefined
  const { venue, margin, balances, positions } = account
  return engines(margin).assess(haircutAccount({ venue, margin, balances, positions }, levels), market)
}
