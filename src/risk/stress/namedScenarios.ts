/** @file The worst cases by name: invented, each after one thing that can go wrong, written in the language users write in. */

import type { Book } from '../../portfolio/book.ts'
import { HISTORICAL_SCENARIOS } from './historicalScenarios.ts'
import type { Scenario } from './scenario.ts'
import { parseScenario } from './scenarioText.ts'

function named(name: string, about: string, text: string): Scenario {
  return { ...parseScenario(text, name), about }
}

const WORST_CASES: readonly Scenario[] = [
  named(
    'collateral-collapse',
    'Coins lose half and more of their value in four hours, lenders and venues cut what they count of them by a third.',
    'every 15m, hold 30m, sticky moneyness; at 4h: spot BTC -50%, spot ETH -60%, spot stETH -68%, spot * -65%, vol +60, term +20, ' +
      'haircut ETH 0.33, haircut stETH 0.33, haircut BTC 0.33, depth x0.2, spread x5',
  ),
  named(
    'sustained-high-gas',
    'Transactions cost fifty times as much for a day in which prices drift 20 % down: hedges and repayments are priced out.',
    'every 1h, sticky moneyness; at 1h: gas x50; at 24h: spot * -20%, gas x50, vol +15',
  ),
  named(
    'correlation-one',
    'BTC loses a third in two hours and everything follows, smaller coins further.',
    'every 10m, hold 30m, sticky moneyness; at 2h: spot BTC -35%, correlation BTC 1 ETH 1.2 SOL 1.5, vol +45, term +15, depth x0.3, spread x4',
  ),
  named(
    'usdc-depeg',
    'USDC falls to 0.87 and DAI to 0.89 in a day, as in March 2023, and comes back over two; coins fall first.',
    'every 2h; at 12h: depeg USDC 0.97, depeg DAI 0.98, spot * -6%, vol +10; at 24h: depeg USDC 0.87, depeg DAI 0.89, spot * -8%, ' +
      'vol +15, gas x10; at 72h: depeg USDC 0.998, depeg DAI 0.998, spot * -2%, vol +5, gas x1',
  ),
  named(
    'bridge-stuck',
    'A slow crash of 30 % in twelve hours during which no transfer arrives.',
    'every 30m, hold 1h, sticky moneyness; at 0s: bridge stuck; at 12h: spot * -30%, vol +35, depth x0.4, spread x3',
  ),
  named(
    'oracle-frozen',
    'Every oracle stops for an hour while prices fall 25 %: venues margin by the old price, then see the new one at once.',
    'every 10m, hold 1h, sticky moneyness; at 10m: oracle frozen 1h, spot * -3%; at 1h: spot * -25%, vol +30, depth x0.3, spread x4',
  ),
  named(
    'funding-spike',
    'Longs pay 2 % a day for three days in a rising market: what a short volatility or carry book must bear on its hedges.',
    'every 6h; at 6h: funding * 2%/d, spot * +5%; at 72h: funding * 2%/d, spot * +10%, vol +5',
  ),
  named(
    'funding-spike-negative',
    'Shorts pay 2 % a day for three days in a falling market.',
    'every 6h; at 6h: funding * -2%/d, spot * -5%; at 72h: funding * -2%/d, spot * -10%, vol +5',
  ),
  named(
    'melt-up',
    'Prices gain 45 % in six hours and volatility rises with them: the squeeze of everyone short.',
    'every 15m, hold 30m, sticky moneyness; at 6h: spot BTC +40%, spot * +45%, vol +35, term +20, depth x0.3, spread x4, funding * 1%/d',
  ),
  named(
    'gap-down',
    'A fifth of every price is gone between two trades: nothing and nobody can act on the way.',
    'sticky moneyness; at 1m: spot * -20%, vol +30, term +15, depth x0.2, spread x8; at 30m: spot * -22%',
  ),
  named(
    'gap-up',
    'Every price jumps a fifth between two trades.',
    'sticky moneyness; at 1m: spot * +20%, vol +25, term +15, depth x0.2, spread x8; at 30m: spot * +22%',
  ),
  named(
    'volatility-crush',
    'Volatility halves in two days without a move: what long volatility loses.',
    'every 6h; at 48h: vol x0.5',
  ),
]

/** Crashes in which one venue of the book cannot be reached, and goes on liquidating. */
function venueScenarios(book: Book): Scenario[] {
  const venues = [...new Set(book.accounts.filter(({ margin }) => margin !== undefined).map(({ venue }) => venue))]
  return venues.map((venue) =>
    named(
      `venue-down-${venue}`,
      `Prices fall 25 % in two hours while ${venue} cannot be reached for six, and liquidates all the same.`,
      `every 10m, hold 4h, sticky moneyness; at 0s: venue ${venue} unreachable 6h; at 2h: spot * -25%, vol +30, term +10, depth x0.3, spread x4`,
    ),
  )
}

/** Every scenario by name that suits a book: five that happened, the worst cases, one crash for each of its venues. */
export function namedScenarios(book: Book): readonly Scenario[] {
  return [...HISTORICAL_SCENARIOS, ...WORST_CASES, ...venueScenarios(book)]
}
