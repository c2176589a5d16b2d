/**
 * @file Hyperliquid's names: coins and channels (hyperliquid.gitbook.io, "WebSocket subscriptions").
 */

import { HOUR_US } from '../../core/clock.ts'
import type { SketchedInstrument } from '../../store/importer.ts'
import { refuse } from '../frame.ts'

/**
 * What a coin's name tells: `BTC` and `kPEPE` are perpetuals, `xyz:TSLA` one of a builder's, `PURR/USDC` and `@107`
 * spot pairs. Perpetuals are quoted and settled in USDC, one contract is one unit of the base, funding is hourly.
 */
export function sketchCoin(coin: string): SketchedInstrument {
  const pair = /^([A-Za-z0-9]{1,20})\/([A-Za-z0-9]{1,20})$/.exec(coin)
  const numbered = /^@\d{1,6}$/.test(coin)
  if (!pair && !numbered && !/^(?:[a-z0-9]{1,12}:)?[A-Za-z0-9_]{1,24}$/.test(coin)) {
    return refuse('symbol-unknown', coin.slice(0, 40))
  }
  const spot = pair !== null || numbered
  const quote = pair?.[2] ?? 'USDC'
  return {
    base: pair?.[1] ?? coin,
    quote,
    kind: spot ? 'spot' : 'perp',
    venue: 'hyperliquid',
    venueSymbol: coin,
    payoff: 'linear',
    settle: quote,
    multiplier: '1',
    ...(spot ? {} : { fundingIntervalUs: HOUR_US }),
  }
}

/** Lengths of the candles Hyperliquid names, in µs; weeks and months are read by their own times. */
export const CANDLE_US: Readonly<Record<string, number>> = {
  '1m': HOUR_US / 60,
  '3m': HOUR_US / 20,
  '5m': HOUR_US / 12,
  '15m': HOUR_US / 4,
  '30m': HOUR_US / 2,
  '1h': HOUR_US,
  '2h': 2 * HOUR_US,
  '4h': 4 * HOUR_US,
  '8h': 8 * HOUR_US,
  '12h': 12 * HOUR_US,
  '1d': 24 * HOUR_US,
  '3d': 72 * HOUR_US,
  '1w': 168 * HOUR_US,
}

/** Channels about an account, never stored as market data. */
export const USER_CHANNELS: ReadonlySet<string> = new Set([
  'user',
  'userEvents',
  'userFills',
  'userFundings',
  'userNonFundingLedgerUpdates',
  'userTwapSliceFills',
  'userTwapHistory',
  'userHistoricalOrders',
  'orderUpdates',
  'openOrders',
  'clearinghouseState',
  'spotState',
  'webData2',
  'webData3',
  'twapStates',
  'activeAssetData',
  'allDexsClearinghouseState',
  'notification',
])

/** Channels read and deliberately not stored. */
export const CHANNELS_SKIPPED: ReadonlySet<string> = new Set([
  'subscriptionResponse',
  'pong',
  'post',
  'allMids',
  'allDexsAssetCtxs',
  'explorerBlock',
  'explorerTxs',
])
