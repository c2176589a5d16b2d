/**
 * What it measures: one portfolio margin, which optimisers, liquidation searches and stress grids ask for thousands of times. A
 * hundred options over eight expiries and a perpetual, thirty-one scenarios: some three thousand option prices an event.
 */

import { bench } from '../../../tests/bench.ts'
import { Random } from '../../core/random.ts'
import type { Position, VenueAccount } from '../book.ts'
import { SnapshotView } from '../marketView.ts'
import { derivePortfolio, type PmrmPortfolio, PortfolioScan, pmrmPortfolio } from './derivePortfolio.ts'

const DAY_US = 86_400e6

function account(): VenueAccount {
  const random = new Random(7)
  const options = Array.from({ length: 100 }, (_, i): Position => {
    const strike = 1_000 * Math.round(60 + 70 * random.uniform())
    return {
      kind: 'option',
      asset: 'BTC',
      size: Math.round(40 * random.uniform() - 20) + 0.5,
      right: random.bits() > 0 ? 1 : -1,
      strike,
      expiryUs: [1, 3, 7, 14, 30, 60, 120, 250][i % 8]! * DAY_US,
      settle: 'USDC',
    }
  })
  const perp: Position = { kind: 'perp', asset: 'BTC', size: 3, entry: 9e4, payoff: 'linear', settle: 'USDC' }
  return { venue: 'derive', margin: 'derive-portfolio', balances: { USDC: 1e6, BTC: 2 }, positions: [...options, perp] }
}

const market = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000 }, volatility: { BTC: 0.55 } })

bench('margin: derive-portfolio, 100 options, scan', [20, 20_000], (events) => {
  const scan = new PortfolioScan()
  const portfolio: PmrmPortfolio = pmrmPortfolio(account(), market)
  let hash = 0
  for (let i = 0; i < events; i++) hash ^= scan.assess({ ...portfolio, cash: i }).initial
  return hash
})

bench('margin: derive-portfolio, 100 options, account', [20, 10_000], (events) => {
  const engine = derivePortfolio()
  const held = account()
  let hash = 0
  for (let i = 0; i < events; i++) hash ^= engine.assess(held, market).initial + i
  return hash
})
