/** @file A book of the size and shape the desk runs, for tests and benchmarks: short variance on Deribit, hedges, a loan. */

import { DAY_US } from '../../core/clock.ts'
import type { Book, OptionPosition, Position } from '../../portfolio/book.ts'
import { SnapshotView } from '../../portfolio/marketView.ts'

/** 5 January 2026, 08:00 UTC. */
const NOW_US = 1_767_600_000_000_000

const deep = { halfSpread: 0.0001, depth: 20e6, takerFee: 0.00045 }
const fair = { halfSpread: 0.0003, depth: 5e6, takerFee: 0.0005 }

/** BTC at 92,000 and ETH at 3,150, flat surfaces, books of usual depth. */
export const CALM = new SnapshotView({
  timeUs: NOW_US,
  spot: { BTC: 92_000, ETH: 3150 },
  volatility: { BTC: 0.48, ETH: 0.68 },
  basis: { BTC: 0.05, ETH: 0.04 },
  fundingPerDay: { 'hyperliquid BTC': 0.0003, 'hyperliquid ETH': 0.0003, 'deribit BTC': 0.0002 },
  liquidity: {
    'deribit BTC': deep,
    'deribit ETH': fair,
    'hyperliquid BTC': deep,
    'hyperliquid ETH': deep,
    'aave ETH': fair,
    'aave BTC': fair,
  },
  transactionCost: { aave: 3 },
})

function option(asset: 'BTC' | 'ETH', days: number, moneyness: number, right: 1 | -1, size: number): OptionPosition {
  const strike = Math.round(CALM.spot(asset) * moneyness)
  return { kind: 'option', asset, size, right, strike, expiryUs: NOW_US + days * DAY_US, settle: asset }
}

/** Strangles and butterflies over five expiries: 56 options. */
function options(scale: number): OptionPosition[] {
  const positions: OptionPosition[] = []
  for (const days of [4, 11, 25, 53, 81]) {
    for (const moneyness of [0.85, 0.92, 1.08, 1.15]) {
      const right = moneyness < 1 ? -1 : 1
      positions.push(
        option('BTC', days, moneyness, right, -2 * scale),
        option('ETH', days, moneyness, right, -20 * scale),
      )
    }
  }
  for (const days of [11, 25, 53, 81])
    for (const moneyness of [0.7, 1.3])
      for (const asset of ['BTC', 'ETH'] as const)
        positions.push(option(asset, days, moneyness, moneyness < 1 ? -1 : 1, (asset === 'BTC' ? 3 : 30) * scale))
  return positions
}

const perp = (asset: string, size: number): Position => ({
  kind: 'perp',
  asset,
  size,
  payoff: 'linear',
  entry: CALM.spot(asset),
  settle: 'USDC',
})

/**
 * 56 options and an inverse perpetual on Deribit, two perpetuals on Hyperliquid, ETH lent against USDC.
 *
 * @param leverage 1 is a book with room; 4 is over-levered.
 */
export function deskBook(leverage = 1): Book {
  return {
    accounts: [
      {
        venue: 'deribit',
        margin: 'deribit-standard',
        balances: { BTC: 12, ETH: 200, USDC: 200_000 },
        positions: [
          ...options(leverage),
          { kind: 'perp', asset: 'BTC', size: -500_000, payoff: 'inverse', entry: 92_000, settle: 'BTC' },
        ],
      },
      {
        venue: 'hyperliquid',
        margin: 'hyperliquid',
        balances: { USDC: 600_000 },
        positions: [perp('BTC', -5 * leverage), perp('ETH', -150 * leverage)],
      },
      {
        venue: 'aave',
        margin: 'aave-v3',
        balances: {},
        positions: [
          {
            kind: 'supply',
            asset: 'ETH',
            amount: 300,
            rate: 0.02,
            loanToValue: 0.8,
            liquidationThreshold: 0.83,
            liquidationBonus: 0.05,
          },
          { kind: 'debt', asset: 'USDC', amount: 150_000 + 100_000 * Math.min(3, leverage), rate: 0.06 },
        ],
      },
      { venue: 'wallet', balances: { USDC: 300_000, ETH: 20 }, positions: [] },
    ],
    inTransit: [],
  }
}
