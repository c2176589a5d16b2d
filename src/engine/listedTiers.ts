/**
 * @file Margin by the tiers that instruments list: the rules of every venue that has no engine of its own.
 *
 * Slice by slice, so that a position just above a floor does not jump (Binance's and Hyperliquid's "maintenance amount" do the
 * same). The replayed exchange takes positions away by the same figures (`sim/marginRules.ts`): a ratio of 1 is where it acts.
 *
 * Where it is optimistic: nothing is added for concentration. Where it is pessimistic: no offsets between instruments, and where
 * an instrument lists no tiers those of a small listing are taken. Options are not carried: their margin needs a model.
 */

import { dollarLike, type MarginTier, type Universe } from '../market/instrument.ts'
import type { VenueAccount } from '../portfolio/book.ts'
import { futureProfit } from '../portfolio/margin/deribitStandard.ts'
import type { MarginEngine, MarginLine, MarginReport } from '../portfolio/margin/marginEngine.ts'
import { marginReport, placedName, pooled, refusePosition } from '../portfolio/margin/marginReport.ts'
import { WatchedView } from '../portfolio/margin/watchedView.ts'
import type { MarketView } from '../portfolio/marketView.ts'
import { futureMark } from '../portfolio/valuation.ts'

/** For instruments that come without tiers: the terms of a smaller listing, so harsher than the truth for BTC or ETH. */
export const DEFAULT_TIERS: readonly MarginTier[] = [{ notionalFloor: 0, leverageMax: 20, maintenanceRate: 0.025 }]

/** A rate over all slices of a position, as a fraction of its notional. @param notional In units of the quote. */
export function tierFraction(
  tiers: readonly MarginTier[],
  notional: number,
  rate: (tier: MarginTier) => number,
): number {
  if (notional === 0 || tiers.length === 1) return rate(tiers[0]!)
  let sum = 0
  for (let i = 0; i < tiers.length; i++) {
    const floor = tiers[i]!.notionalFloor
    if (notional <= floor) break
    const ceiling = i + 1 < tiers.length ? Math.min(notional, tiers[i + 1]!.notionalFloor) : notional
    sum += (ceiling - floor) * rate(tiers[i]!)
  }
  return sum / notional
}

/** Name of the engine. */
export const LISTED_TIERS = 'listed-tiers'

/** The engine for instruments of a universe. One pool a currency: its balance and the profits settled in it. */
export function listedTiers(universe: Universe): MarginEngine {
  return {
    name: LISTED_TIERS,
    source: 'tiers listed with the instruments; 20x and 2.5 % where none are',
    assess(account: VenueAccount, market: MarketView): MarginReport {
      const view = new WatchedView(market)
      const pools = new Map<string, { equity: number; lines: MarginLine[] }>()
      for (const [currency, equity] of Object.entries(account.balances)) pools.set(currency, { equity, lines: [] })
      for (const position of account.positions) {
        const { venue } = account
        if (position.kind !== 'perp' && position.kind !== 'future')
          return refusePosition(LISTED_TIERS, position, venue, 'only perpetuals and futures are')
        const named = position.instrument !== undefined && universe.has(position.instrument)
        const spec = named ? universe.at(universe.index(position.instrument!)).spec : undefined
        if (spec !== undefined && !dollarLike(spec.quote))
          return refusePosition(LISTED_TIERS, position, venue, `it is quoted in ${spec.quote}`)
        const mark = futureMark(position, venue, view)
        const inverse = position.payoff === 'inverse'
        const amount = Math.abs(position.size)
        const notional = inverse ? amount : amount * mark
        const inCurrency = inverse ? amount / mark : notional
        const tiers = spec?.margin?.tiers ?? DEFAULT_TIERS
        const pool = pools.get(position.settle) ?? { equity: 0, lines: [] }
        pools.set(position.settle, pool)
        pool.equity += futureProfit(position, mark)
        pool.lines.push({
          what: placedName(position, venue),
          initial: inCurrency * tierFraction(tiers, notional, ({ leverageMax }) => 1 / leverageMax),
          maintenance: inCurrency * tierFraction(tiers, notional, ({ maintenanceRate }) => maintenanceRate),
        })
      }
      return marginReport(
        LISTED_TIERS,
        [...pools].map(([currency, { equity, lines }]) => pooled(currency, currency, equity, lines)),
        view,
      )
    },
  }
}
