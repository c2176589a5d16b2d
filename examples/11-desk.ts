/**
 * @file One book over five venues and protocols: Greeks, margin, liquidation prices, and what would kill it.
 *
 * Options sold at one venue, hedged with perpetuals at two others, a loan and pool liquidity beside them: in price they cancel, but
 * each account is margined by its own venue's rules, and each can be liquidated alone. Nothing here trades: a book and a market
 * are data, and questions asked of them change nothing. `gimbal greeks`, `margin` and `stress` ask the same of a file.
 *
 * Run it: node examples/11-desk.ts
 * With the package installed, import from 'gimbal/portfolio', 'gimbal/risk' and so on.
 */

import { fileURLToPath } from 'node:url'
import { DAY_US } from '../src/core/clock.ts'
import type { Book, OptionPosition } from '../src/portfolio/book.ts'
import { greeksTable } from '../src/portfolio/greeksTable.ts'
import { exposedAssets, liquidationDistance, liquidationPrices } from '../src/portfolio/margin/liquidation.ts'
import { assessAccount, marginEngine } from '../src/portfolio/margin/registry.ts'
import { type MarketView, SnapshotView } from '../src/portfolio/marketView.ts'
import { ForwardCurve } from '../src/pricing/forwardCurve.ts'
import { CALL, PUT } from '../src/pricing/right.ts'
import { ssviRaw } from '../src/pricing/ssvi.ts'
import { SviSurface } from '../src/pricing/sviSurface.ts'
import { namedScenarios } from '../src/risk/stress/namedScenarios.ts'
import { parseScenario } from '../src/risk/stress/scenarioText.ts'
import { stressReport } from '../src/risk/stress/stressReport.ts'

const TIME_US = Date.UTC(2026, 0, 5, 8) * 1000
const EXPIRY_US = TIME_US + 25 * DAY_US
const SPOT = { BTC: 92_000, ETH: 3_150 }

/** Two smiles of SSVI: 50 % at the money, leaning to the puts. */
function surface(): SviSurface {
  const nodes = [EXPIRY_US, EXPIRY_US + 91 * DAY_US].map((expiryUs) => ({
    expiryUs,
    forward: SPOT.BTC * Math.exp((0.04 * (expiryUs - TIME_US)) / (365 * DAY_US)),
    source: 'venue' as const,
  }))
  const slices = nodes.map(({ expiryUs }) => {
    const theta = (0.5 ** 2 * (expiryUs - TIME_US)) / (365 * DAY_US)
    return { expiryUs, svi: ssviRaw({ theta, rho: -0.25, phi: 0.8 / Math.sqrt(theta) }) }
  })
  return new SviSurface('BTC', new ForwardCurve(TIME_US, nodes, SPOT.BTC), slices)
}

function market(): MarketView {
  const liquid = (takerFee: number, depth: number) => ({ halfSpread: 0.00005, takerFee, depth })
  return new SnapshotView({
    timeUs: TIME_US,
    spot: SPOT,
    volatility: { BTC: surface() },
    fundingPerDay: { 'hyperliquid BTC': 0.0003, 'dydx BTC': 0.0002 },
    liquidity: {
      'deribit BTC': liquid(0.0003, 10e6),
      'hyperliquid BTC': liquid(0.00045, 20e6),
      'dydx BTC': liquid(0.0005, 5e6),
      'uniswap BTC': liquid(0.0005, 3e6),
      'aave BTC': liquid(0.0005, 3e6),
    },
    transactionCost: { uniswap: 8, aave: 12 },
  })
}

const option = (size: number, right: OptionPosition['right'], strike: number): OptionPosition => ({
  kind: 'option',
  asset: 'BTC',
  size,
  right,
  strike,
  expiryUs: EXPIRY_US,
  settle: 'BTC',
})

/** @param hyperliquidCash Dollars behind the larger of the two hedges, which is what a rise breaks first. */
export function deskBook(hyperliquidCash: number): Book {
  const short = (size: number) =>
    ({ kind: 'perp', asset: 'BTC', size: -size, payoff: 'linear', entry: SPOT.BTC, settle: 'USDC' }) as const
  return {
    accounts: [
      {
        venue: 'deribit',
        margin: 'deribit-portfolio',
        balances: { BTC: 6 },
        positions: [option(-10, PUT, 80_000), option(-10, CALL, 104_000), option(10, PUT, 68_000)],
      },
      {
        venue: 'hyperliquid',
        margin: 'hyperliquid',
        balances: { USDC: hyperliquidCash },
        positions: [{ ...short(7), leverage: 10 }],
      },
      { venue: 'dydx', margin: 'dydx-v4', balances: { USDC: 80_000 }, positions: [short(2.5)] },
      {
        venue: 'aave',
        margin: 'aave-v3',
        balances: {},
        positions: [
          {
            kind: 'supply',
            asset: 'BTC',
            amount: 3,
            rate: 0.01,
            loanToValue: 0.73,
            liquidationThreshold: 0.78,
            liquidationBonus: 0.05,
          },
          { kind: 'debt', asset: 'USDC', amount: 120_000, rate: 0.055 },
        ],
      },
      {
        venue: 'uniswap',
        balances: {},
        positions: [
          {
            kind: 'pool',
            asset: 'BTC',
            liquidity: 4000,
            quote: 'USDC',
            lower: 80_000,
            upper: 106_000,
            feeYieldPerDay: 5e-4,
          },
        ],
      },
    ],
    inTransit: [],
  }
}

const dollars = (amount: number) => Math.round(amount).toLocaleString('en-US')

/** One book through everything. */
function examine(book: Book, view: MarketView, print: (line: string) => void) {
  const { total, assets, unpriced } = greeksTable(book, view)
  const bitcoin = assets.find(({ asset }) => asset === 'BTC')!.greeks
  print(
    `worth ${dollars(total.value)}; BTC delta ${bitcoin.delta.toFixed(2)}, $ a 1 % ${dollars(bitcoin.gammaDollars)}, ` +
      `vega ${dollars(bitcoin.vega)} a point, theta ${dollars(bitcoin.theta)} a day, carry ${dollars(total.carry)} a day`,
  )
  for (const account of book.accounts) {
    const report = assessAccount(account, view)
    if (report === undefined) continue
    const engine = marginEngine(account.margin!)
    const asset = exposedAssets(account).includes('BTC') ? 'BTC' : 'USDC'
    const { down, up } = liquidationPrices(engine, account, asset, view)
    const away = (price: number) =>
      Number.isNaN(price)
        ? 'never'
        : `${dollars(price)} (${liquidationDistance(SPOT.BTC, price, 0.5).daily.toFixed(1)} σ of a day)`
    print(
      `  ${account.venue}, ${account.margin}: ${dollars(report.equity)} behind ${dollars(report.maintenance)} of maintenance; ` +
        `liquidated below ${away(down)}, above ${away(up)}`,
    )
  }
  return { total, unpriced }
}

export function main(print: (line: string) => void) {
  const view = market()
  const book = deskBook(60_000)
  const { total, unpriced } = examine(book, view, print)

  const october = namedScenarios(book).filter(({ name }) => name === 'october-2025' || name === 'collateral-collapse')
  const own = parseScenario(
    'every 10m; at 1h: spot * +25%, vol +15, depth x0.3; at 2h: venue hyperliquid down 1h',
    'squeeze',
  )
  const report = stressReport(book, view, { scenarios: [...october, own] })
  for (const { protected: guarded, unprotected } of report.scenarios)
    print(
      `${guarded.scenario.name}: protected ${guarded.outcome}, ${dollars(guarded.end - guarded.start)} dollars, costs ` +
        `${dollars(guarded.losses.slippage + guarded.losses.fees + guarded.losses.impact)}; left alone ${unprotected.outcome}, ${dollars(unprotected.end - unprotected.start)}`,
    )
  const { down, up } = report.heatMap.frontier.reduce((near, row) =>
    Math.abs(row.volatility) < Math.abs(near.volatility) ? row : near,
  )
  for (const point of [down, up])
    if (point) print(`all coins x${point.factor.toFixed(3)}, volatility as it is: ${point.venue} is liquidated`)
  // What protects an account closes its positions; coins lent or held as collateral stay, and are hedged no longer.
  const { nearest } = report.reverse.liquidation
  print(
    `smallest shock that liquidates an account: ${nearest!.distance.toFixed(2)} σ, ${nearest!.text}: ${nearest!.venue}`,
  )
  return { book, view, total, unpriced, report, nearest }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) main(console.log)
