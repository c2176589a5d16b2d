/**
 * @file How far an asset may move before an account is liquidated, whatever rules it.
 *
 * Price alone moves: forwards and perpetuals keep their ratio to it, volatility sticks to the strike, everything else stays.
 * The margin of options is not monotone in price, so the nearest crossing is looked for from today's price outwards, step by step,
 * and then pinned down. A pair of crossings within one step (0.2 % near today's price, growing to 4 % far out) can be missed.
 */

import { GimbalError } from '../../core/errors.ts'
import type { VenueAccount } from '../book.ts'
import { type MarketView, ShiftedView } from '../marketView.ts'
import type { MarginEngine, MarginPool, MarginReport } from './marginEngine.ts'
import { liquidatable } from './marginReport.ts'

/** Prices of one asset at which an account is liquidated. */
export interface LiquidationPrices {
  readonly asset: string
  /** Today's, dollars per unit. */
  readonly price: number
  /**
   * Nearest below and above at which some pool's equity meets its maintenance, dollars per unit. NaN where there is none between a
   * hundredth and a hundredfold of today's. Both are today's price where the account can be liquidated already.
   */
  readonly down: number
  readonly up: number
  /** Names of the pools that break there; absent with NaN. */
  readonly downPool?: string
  readonly upPool?: string
}

/** How far the search goes, as a logarithm of price. */
const REACH = Math.log(100)
const STEP_FIRST = 0.002
const STEP_GROWTH = 1.08
const STEP_MAX = 0.04

/** Pool with the least cushion and how much that is, as a share of the pool's size; a pool without a number comes first. */
function weakest(report: MarginReport): { pool: MarginPool | undefined; cushion: number } {
  let worst: MarginPool | undefined
  let cushion = Number.POSITIVE_INFINITY
  for (const pool of report.pools) {
    const scale = Math.abs(pool.equity) + Math.abs(pool.maintenance)
    // A pool that holds and is asked nothing cannot break; a cushion of 0 would pass for the crossing itself.
    if (scale === 0) continue
    const share = (pool.equity - pool.maintenance) / scale
    if (Number.isNaN(share)) return { pool, cushion: Number.NaN }
    if (share < cushion) {
      cushion = share
      worst = pool
    }
  }
  return { pool: worst, cushion }
}

/**
 * Where between a safe and a broken move the line is crossed: false position with Illinois' weights, halving where it
 * stalls. Both are logarithms of price; the answer is the broken end of an interval no wider than rounding.
 */
function pinDown(cushionAt: (move: number) => number, safe: number, broken: number): number {
  let [a, b] = [safe, broken]
  let [fa, fb] = [cushionAt(a), cushionAt(b)]
  for (let i = 0; i < 200 && Math.abs(b - a) > 4e-16 * Math.max(1e-3, Math.abs(b)); i++) {
    let at = b - (fb * (b - a)) / (fb - fa)
    // Every third step halves: false position alone can creep along a kink, and NaN has no slope.
    if (i % 3 === 2 || !(at > Math.min(a, b) && at < Math.max(a, b))) at = a + 0.5 * (b - a)
    if (at === a || at === b) break
    const f = cushionAt(at)
    if (f === 0) return at
    if (f > 0) {
      a = at
      fa = f
      fb *= 0.5
    } else {
      b = at
      fb = f
      fa *= 0.5
    }
  }
  return b
}

/**
 * Searches the liquidation prices of an account along one asset.
 *
 * @throws {GimbalError} `argument-invalid` when the asset has no price; as the engine does.
 */
export function liquidationPrices(
  engine: MarginEngine,
  account: VenueAccount,
  asset: string,
  market: MarketView,
): LiquidationPrices {
  const price = market.spot(asset)
  if (!(price > 0)) {
    throw new GimbalError('argument-invalid', 'No liquidation price of an asset without a price', { asset, price })
  }
  const at = (move: number) =>
    weakest(engine.assess(account, new ShiftedView(market, { spot: { [asset]: Math.exp(move) } })))
  const now = engine.assess(account, market)
  if (now.liquidatable) {
    const pool = now.pools.find(liquidatable)?.name
    return { asset, price, down: price, up: price, ...(pool !== undefined && { downPool: pool, upPool: pool }) }
  }
  const search = (side: 1 | -1): { at: number; pool?: string } => {
    let safe = 0
    let step = STEP_FIRST
    while (safe < REACH) {
      const next = Math.min(REACH, safe + step)
      const { cushion } = at(side * next)
      if (!(cushion >= 0)) {
        const move = pinDown((m) => at(m).cushion, side * safe, side * next)
        const pool = at(move).pool?.name
        return { at: price * Math.exp(move), ...(pool !== undefined && { pool }) }
      }
      safe = next
      step = Math.min(STEP_MAX, step * STEP_GROWTH)
    }
    return { at: Number.NaN }
  }
  const down = search(-1)
  const up = search(1)
  return {
    asset,
    price,
    down: down.at,
    up: up.at,
    ...(down.pool !== undefined && { downPool: down.pool }),
    ...(up.pool !== undefined && { upPool: up.pool }),
  }
}

/** Assets an account's margin can depend on: those of its positions and balances, dollar coins included, sorted. */
export function exposedAssets(account: VenueAccount): string[] {
  const assets = new Set<string>()
  for (const [currency, units] of Object.entries(account.balances)) if (units !== 0) assets.add(currency)
  for (const position of account.positions) {
    assets.add(position.asset)
    if ('settle' in position) assets.add(position.settle)
    if (position.kind === 'pool') assets.add(position.quote)
  }
  return [...assets].sort()
}

/** How far it is to a liquidation price. */
export interface LiquidationDistance {
  /** Percent of today's price, negative downwards; NaN where there is no liquidation price. */
  readonly percent: number
  /** Standard deviations of a day's move, unsigned: |ln(price there / price now)| over σ√(1/365). */
  readonly daily: number
  /** The same of the move over `horizonDays`. */
  readonly horizon: number
}

/**
 * @param volatility Of the asset, a fraction a year of 365 days.
 * @throws {GimbalError} `argument-invalid` unless volatility and horizon are above 0.
 */
export function liquidationDistance(
  price: number,
  liquidationPrice: number,
  volatility: number,
  horizonDays = 1,
): LiquidationDistance {
  if (!(volatility > 0) || !(horizonDays > 0)) {
    throw new GimbalError('argument-invalid', 'Distance in standard deviations needs volatility and time', {
      volatility,
      horizonDays,
    })
  }
  const move = Math.abs(Math.log(liquidationPrice / price))
  return {
    percent: 100 * (liquidationPrice / price - 1),
    daily: move / (volatility * Math.sqrt(1 / 365)),
    horizon: move / (volatility * Math.sqrt(horizonDays / 365)),
  }
}
