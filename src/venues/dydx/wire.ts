/** @file dYdX's markets, of the v3 exchange and of the v4 chain's indexer (docs.dydx.xyz). */

import { HOUR_US } from '../../core/clock.ts'
import type { SketchedInstrument } from '../../store/importer.ts'
import { type ReadDefinitions, readDefinitions, step } from '../definitions.ts'
import { type Fields, record, text } from '../fields.ts'
import { refuse } from '../frame.ts'

/** `BTC-USD`, and on v4 also `BUFFI,UNISWAP_V3,0X4C…-USD`: perpetuals quoted in USD, settled in USDC, funded hourly. */
export function sketchMarket(market: string): SketchedInstrument {
  const parts = /^([A-Za-z0-9,_.]{1,80})-USD$/.exec(market)
  if (!parts) return refuse('symbol-unknown', market.slice(0, 40))
  return {
    base: parts[1]!,
    quote: 'USD',
    kind: 'perp',
    venue: 'dydx',
    venueSymbol: market,
    payoff: 'linear',
    settle: 'USDC',
    multiplier: '1',
    fundingIntervalUs: HOUR_US,
  }
}

/** Definitions in a reply of `/v3/markets` or `/v4/perpetualMarkets`, or the contents of a `markets` subscription. */
export function definitionsOf(reply: unknown, source: string): ReadDefinitions {
  const markets = record(record(reply, 'reply')['markets'], 'markets')
  return readDefinitions(Object.values(markets), (entry: Fields) => ({
    ...sketchMarket(text(entry['market'] ?? entry['ticker'], 'market')),
    tickSize: step(entry['tickSize'], 'tickSize'),
    lotSize: step(entry['stepSize'], 'stepSize'),
    source,
  }))
}
