/**
 * @file One portfolio margin, which optimisers, liquidation searches and stress grids ask for thousands of times.
 *
 *   npm run build && node bench/margin.mjs [--json]
 *
 * A hundred options over eight expiries and a perpetual under Derive's portfolio margin: thirty-one scenarios, some three thousand
 * option prices a margin. Microseconds of CPU, medians of nine rounds: of the scan alone, and from the account up.
 */

import { parseArgs } from 'node:util'
import { Random } from '../dist/core/random.js'
import { derivePortfolio, PortfolioScan, pmrmPortfolio } from '../dist/portfolio/margin/derivePortfolio.js'
import { SnapshotView } from '../dist/portfolio/marketView.js'

const { values } = parseArgs({ options: { json: { type: 'boolean' } } })
const EVENTS = 3000
const ROUNDS = 9
const DAYS = [1, 3, 7, 14, 30, 60, 120, 250]

const random = new Random(7)
const options = Array.from({ length: 100 }, (_, i) => ({
  kind: 'option',
  asset: 'BTC',
  size: Math.round(40 * random.uniform() - 20) + 0.5,
  right: random.bits() > 0 ? 1 : -1,
  strike: 1_000 * Math.round(60 + 70 * random.uniform()),
  expiryUs: DAYS[i % 8] * 86_400e6,
  settle: 'USDC',
}))
const perp = { kind: 'perp', asset: 'BTC', size: 3, entry: 9e4, payoff: 'linear', settle: 'USDC' }
const account = {
  venue: 'derive',
  margin: 'derive-portfolio',
  balances: { USDC: 1e6, BTC: 2 },
  positions: [...options, perp],
}
const market = new SnapshotView({ timeUs: 0, spot: { BTC: 90_000 }, volatility: { BTC: 0.55 } })

/** Median CPU microseconds an event. */
function measured(event) {
  const rounds = []
  for (let round = -1; round < ROUNDS; round++) {
    const from = process.cpuUsage()
    for (let i = 0; i < EVENTS; i++) event(i)
    const { user, system } = process.cpuUsage(from)
    // The first round warms up.
    if (round >= 0) rounds.push((user + system) / EVENTS)
  }
  return rounds.sort((a, b) => a - b)[ROUNDS >> 1]
}

const scan = new PortfolioScan()
const portfolio = pmrmPortfolio(account, market)
const engine = derivePortfolio()
let sum = 0
const found = {
  options: options.length,
  scanMicros: measured((i) => {
    sum += scan.assess({ ...portfolio, cash: i }).initial
  }),
  accountMicros: measured(() => {
    sum += engine.assess(account, market).initial
  }),
}
if (!Number.isFinite(sum)) throw new Error('a margin is no number')
if (values.json) console.log(JSON.stringify(found))
else
  console.log(
    `portfolio margin of ${found.options} options: ${found.scanMicros.toFixed(1)} µs the scan, ${found.accountMicros.toFixed(1)} µs from the account up`,
  )
