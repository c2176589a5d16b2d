/**
 * @file Margin of a run's accounts as their venues would ask it: options by both modes of Deribit, perpetuals by the tiers their
 * instruments list (engine/listedTiers.ts), which is how Binance and the simulated exchange do it.
 */

import { listedTiers } from '../engine/listedTiers.ts'
import type { Universe } from '../market/instrument.ts'
import type { Book, Position, VenueAccount } from '../portfolio/book.ts'
import { liquidationDistance, liquidationPrices } from '../portfolio/margin/liquidation.ts'
import type { MarginEngine } from '../portfolio/margin/marginEngine.ts'
import { marginEngine } from '../portfolio/margin/registry.ts'
import type { MarketView } from '../portfolio/marketView.ts'
import type { StudyMargin } from '../report/hedgeResult.ts'

/**
 * An account whose premiums have changed hands. The ledger owes the profit of an option since it was traded; a venue pays the
 * premium at once and counts the option at its worth. Worth together they are the same.
 */
export function withPremiumsPaid(account: VenueAccount): VenueAccount {
  const balances = { ...account.balances }
  const positions = account.positions.map((position): Position => {
    if (position.kind !== 'option' || position.entry === undefined) return position
    const { entry, ...rest } = position
    balances[rest.settle] = (balances[rest.settle] ?? 0) - rest.size * entry
    return rest
  })
  return { ...account, balances, positions }
}

/** Engines that margin a venue of a run: by what it lists. */
export function enginesOf(universe: Universe, venue: string): readonly MarginEngine[] {
  const kinds = new Set(universe.instruments.filter((each) => each.venue === venue).map(({ kind }) => kind))
  if (kinds.has('option')) return [marginEngine('deribit-standard'), marginEngine('deribit-portfolio')]
  return kinds.has('perp') || kinds.has('future') ? [listedTiers(universe)] : []
}

/** Volatility of the option held nearest the money, a fraction a year; NaN without options. */
function moneyVolatility(book: Book, market: MarketView, asset: string): number {
  let [least, volatility] = [Number.POSITIVE_INFINITY, Number.NaN]
  for (const { positions } of book.accounts)
    for (const position of positions) {
      if (position.kind !== 'option' || position.asset !== asset) continue
      const away = Math.abs(Math.log(position.strike / market.spot(asset)))
      const { expiryUs, strike, instrument } = position
      const found = market.volatility(asset, expiryUs, strike, instrument)
      if (away < least && found > 0) [least, volatility] = [away, found]
    }
  return volatility
}

interface Tally {
  readonly engine: MarginEngine
  initialUseMax: number
  maintenanceUseMax: number
  initialMax: number
  distanceMin: number
  distanceMinUs: number
  liquidatable: number
  readonly use: (number | null)[]
}

/** Follows the margins of one run, snapshot by snapshot. */
export class MarginWatch {
  readonly #asset: string
  readonly #byVenue: ReadonlyMap<string, readonly Tally[]>

  constructor(universe: Universe, asset: string) {
    this.#asset = asset
    const venues = [...new Set(universe.instruments.map(({ venue }) => venue))]
    this.#byVenue = new Map(
      venues.map((venue) => [
        venue,
        enginesOf(universe, venue).map((engine) => ({
          engine,
          initialUseMax: Number.NaN,
          maintenanceUseMax: Number.NaN,
          initialMax: 0,
          distanceMin: Number.POSITIVE_INFINITY,
          distanceMinUs: Number.NaN,
          liquidatable: 0,
          use: [],
        })),
      ]),
    )
  }

  /** @throws {GimbalError} `margin-unsupported` for an asset the venue's rules do not name. */
  look(book: Book, market: MarketView): void {
    const volatility = moneyVolatility(book, market, this.#asset)
    for (const account of book.accounts) {
      const paid = withPremiumsPaid(account)
      for (const tally of this.#byVenue.get(account.venue) ?? []) {
        if (paid.positions.length === 0) {
          tally.use.push(null)
          continue
        }
        const { pools, liquidatable } = tally.engine.assess(paid, market)
        if (liquidatable) tally.liquidatable++
        // Pools do not help one another: the fullest is what counts.
        let used = 0
        for (const { equity, initial, maintenance, currency } of pools) {
          if (initial === 0 && maintenance === 0) continue
          const share = (asked: number) => (equity > 0 ? asked / equity : Number.POSITIVE_INFINITY)
          used = Math.max(used, share(maintenance))
          if (!(tally.initialUseMax >= share(initial))) tally.initialUseMax = share(initial)
          if (!(tally.maintenanceUseMax >= share(maintenance))) tally.maintenanceUseMax = share(maintenance)
          tally.initialMax = Math.max(tally.initialMax, initial * market.spot(currency))
        }
        tally.use.push(used)
        if (!(volatility > 0)) continue
        const { price, down, up } = liquidationPrices(tally.engine, paid, this.#asset, market)
        for (const at of [down, up]) {
          if (Number.isNaN(at)) continue
          const { daily } = liquidationDistance(price, at, volatility)
          if (daily >= tally.distanceMin) continue
          tally.distanceMin = daily
          tally.distanceMinUs = market.timeUs
        }
      }
    }
  }

  /** What was seen, engines that never had anything to margin left out. */
  finish(): StudyMargin[] {
    const known = (value: number) => (Number.isFinite(value) ? value : null)
    return [...this.#byVenue].flatMap(([venue, tallies]) =>
      tallies
        .filter(({ use }) => use.some((each) => each !== null))
        .map((each) => ({
          venue,
          engine: each.engine.name,
          initialUseMax: known(each.initialUseMax),
          maintenanceUseMax: known(each.maintenanceUseMax),
          initialMax: each.initialMax,
          distanceMin: known(each.distanceMin),
          distanceMinUs: known(each.distanceMinUs),
          liquidatable: each.liquidatable,
          use: each.use,
        })),
    )
  }
}
