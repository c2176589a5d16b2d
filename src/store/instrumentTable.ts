/**
 * @file What is known beforehand about well-known instruments: steps, fees, margin tiers, each with its date and source.
 *
 * Files rarely say what a contract costs to trade. Facts here are the venues' published ones for an account without
 * volume; whatever is not certain is left out, and then steps are inferred from the data and fees are the venue's regular
 * ones, or assumed high (see {@link feesOf}). Steps change over the years: data on a finer grid refine them (see
 * stepRefinement.ts).
 */

import { HOUR_US } from '../core/clock.ts'
import { type FeeSchedule, type InstrumentSpec, instrumentId, type MarginSchedule } from '../market/instrument.ts'

/** Raised with every change of a fact below. */
export const INSTRUMENT_TABLE_VERSION = 1

const TABLE = `built-in table ${INSTRUMENT_TABLE_VERSION}`

/** `[notional from which it holds, greatest leverage, maintenance rate]`, as venues print their tiers. */
type Tier = readonly [notionalFloor: number, leverageMax: number, maintenanceRate: number]

function margin(since: string, source: string, tiers: readonly Tier[]): MarginSchedule {
  return {
    since,
    source,
    tiers: tiers.map(([notionalFloor, leverageMax, maintenanceRate]) => ({
      notionalFloor,
      leverageMax,
      maintenanceRate,
    })),
  }
}

function fees(makerBps: number, takerBps: number, source: string): FeeSchedule {
  return { makerBps, takerBps, source }
}

const BINANCE_SPOT = fees(10, 10, 'Binance fee schedule, spot, regular user, 2024')
const BINANCE_USDM = fees(2, 5, 'Binance fee schedule, USD-M futures, regular user, 2024')
const BINANCE_COINM = fees(
  2,
  5,
  'Binance fee schedule, COIN-M futures, regular user (makers paid 1 bp in earlier years)',
)
const HYPERLIQUID = fees(1.5, 4.5, 'Hyperliquid docs, "Fees", perpetuals tier 0, since May 2025')
const DERIBIT = fees(0, 5, 'Deribit fee schedule, perpetual, 2024')
const DYDX = fees(1, 5, 'dYdX v4 protocol fee tier 1')
const BYBIT = fees(2, 5.5, 'Bybit fee schedule, perpetuals, non-VIP, 2024')

/** Options pay on the underlying, capped at a share of the premium: see sim/feeModels.ts. */
const DERIBIT_OPTIONS = fees(3, 3, 'Deribit fee schedule, options, on the underlying, 2024')

/** Regular fees by venue and kind, for contracts the table does not list. */
const REGULAR_FEES: Readonly<Record<string, FeeSchedule>> = {
  'binance spot': BINANCE_SPOT,
  'binance-usdm perp': BINANCE_USDM,
  'binance-usdm future': BINANCE_USDM,
  'binance-coinm perp': BINANCE_COINM,
  'binance-coinm future': BINANCE_COINM,
  'hyperliquid perp': HYPERLIQUID,
  'deribit perp': DERIBIT,
  'deribit future': DERIBIT,
  'deribit option': DERIBIT_OPTIONS,
  'dydx perp': DYDX,
  'bybit perp': BYBIT,
}

/** What is charged where nobody knows: more than any large venue does, because free trading flatters every policy. */
const ASSUMED_FEES = fees(10, 10, 'unknown: assumed, above what large venues charge')

/** Fees of an instrument: its own, else its venue's regular ones, else assumed high; the source says which. */
export function feesOf(spec: InstrumentSpec): FeeSchedule {
  return spec.fees ?? REGULAR_FEES[`${spec.venue} ${spec.kind}`] ?? ASSUMED_FEES
}

/** Published leverage brackets; continuous, with the cumulative amounts Binance prints (50, 950, 11,450 ...). */
const BINANCE_BTC = margin('2024-07-01', 'Binance USD-M leverage brackets, BTCUSDT, 2024', [
  [0, 125, 0.004],
  [50_000, 100, 0.005],
  [600_000, 75, 0.0065],
  [3_000_000, 50, 0.01],
  [12_000_000, 25, 0.02],
  [70_000_000, 20, 0.025],
  [100_000_000, 10, 0.05],
  [230_000_000, 5, 0.1],
  [480_000_000, 4, 0.125],
  [600_000_000, 3, 0.15],
  [800_000_000, 2, 0.25],
  [1_200_000_000, 1, 0.5],
])
const BINANCE_ETH = margin('2024-07-01', 'Binance USD-M leverage brackets, ETHUSDT, 2024', [
  [0, 125, 0.004],
  [50_000, 100, 0.005],
  [600_000, 75, 0.0065],
  [3_000_000, 50, 0.01],
  [12_000_000, 25, 0.02],
  [50_000_000, 20, 0.025],
  [65_000_000, 10, 0.05],
  [150_000_000, 5, 0.1],
  [320_000_000, 4, 0.125],
  [400_000_000, 3, 0.15],
  [530_000_000, 2, 0.25],
  [800_000_000, 1, 0.5],
])

/** Hyperliquid: maintenance is half the initial margin at the tier's greatest leverage. */
function hyperliquidMargin(coin: string, tiers: readonly (readonly [floor: number, leverage: number])[]) {
  return margin(
    '2025-05-01',
    `Hyperliquid docs, "Margin tiers", ${coin}`,
    tiers.map(([floor, leverage]) => [floor, leverage, 1 / (2 * leverage)]),
  )
}

type Facts = Omit<InstrumentSpec, 'source' | 'venue' | 'base'>

function linearPerp(venueSymbol: string, quote: string, settle: string, tickSize: string, lotSize: string): Facts {
  return { quote, kind: 'perp', venueSymbol, payoff: 'linear', settle, tickSize, lotSize, multiplier: '1' }
}

function entry(venue: string, base: string, source: string, facts: Facts): InstrumentSpec {
  return { base, venue, ...facts, source: `${TABLE}: ${source}` }
}

function binanceSpot(base: string, tickSize: string, lotSize: string): InstrumentSpec {
  return entry('binance', base, 'Binance exchangeInfo, 2024', {
    quote: 'USDT',
    kind: 'spot',
    venueSymbol: `${base}USDT`,
    payoff: 'linear',
    settle: 'USDT',
    tickSize,
    lotSize,
    multiplier: '1',
    fees: BINANCE_SPOT,
  })
}

function binanceUsdm(base: string, tickSize: string, lotSize: string, tiers?: MarginSchedule): InstrumentSpec {
  return entry('binance-usdm', base, 'Binance USD-M exchangeInfo, 2024', {
    ...linearPerp(`${base}USDT`, 'USDT', 'USDT', tickSize, lotSize),
    fees: BINANCE_USDM,
    ...(tiers ? { margin: tiers } : {}),
    fundingIntervalUs: 8 * HOUR_US,
  })
}

function binanceCoinm(base: string, tickSize: string, multiplier: string): InstrumentSpec {
  return entry('binance-coinm', base, 'Binance COIN-M exchangeInfo, 2024', {
    quote: 'USD',
    kind: 'perp',
    venueSymbol: `${base}USD_PERP`,
    payoff: 'inverse',
    settle: base,
    tickSize,
    lotSize: '1',
    multiplier,
    fees: BINANCE_COINM,
    fundingIntervalUs: 8 * HOUR_US,
  })
}

/** Prices of perpetuals have at most 6 - szDecimals decimals (and five significant figures, which no grid expresses). */
function hyperliquid(base: string, szDecimals: number, tiers: MarginSchedule): InstrumentSpec {
  const step = (decimals: number) => (decimals === 0 ? '1' : `0.${'0'.repeat(decimals - 1)}1`)
  return entry('hyperliquid', base, 'Hyperliquid docs, "Tick and lot size", 2025', {
    ...linearPerp(base, 'USDC', 'USDC', step(6 - szDecimals), step(szDecimals)),
    fees: HYPERLIQUID,
    margin: tiers,
    fundingIntervalUs: HOUR_US,
  })
}

/** Inverse; sizes are amounts in dollars, so a contract is one dollar and the smallest order is ten, or one. */
function deribit(base: string, tickSize: string, lotSize: string): InstrumentSpec {
  return entry('deribit', base, 'Deribit contract specifications, perpetual, 2024', {
    quote: 'USD',
    kind: 'perp',
    venueSymbol: `${base}-PERPETUAL`,
    payoff: 'inverse',
    settle: base,
    tickSize,
    lotSize,
    multiplier: '1',
    fees: DERIBIT,
  })
}

function dydx(base: string, tickSize: string, lotSize: string): InstrumentSpec {
  return entry('dydx', base, 'dYdX v4 indexer, perpetualMarkets, 2024', {
    ...linearPerp(`${base}-USD`, 'USD', 'USDC', tickSize, lotSize),
    fees: DYDX,
    fundingIntervalUs: HOUR_US,
  })
}

function bybit(base: string, tickSize: string, lotSize: string): InstrumentSpec {
  return entry('bybit', base, 'Bybit v5 instruments-info, linear, 2024', {
    ...linearPerp(`${base}USDT`, 'USDT', 'USDT', tickSize, lotSize),
    fees: BYBIT,
    fundingIntervalUs: 8 * HOUR_US,
  })
}

/** Every instrument of the table. */
export const INSTRUMENT_TABLE: readonly InstrumentSpec[] = [
  binanceSpot('BTC', '0.01', '0.00001'),
  binanceSpot('ETH', '0.01', '0.0001'),
  binanceSpot('SOL', '0.01', '0.001'),
  binanceUsdm('BTC', '0.1', '0.001', BINANCE_BTC),
  binanceUsdm('ETH', '0.01', '0.001', BINANCE_ETH),
  binanceUsdm('SOL', '0.01', '0.01'),
  binanceCoinm('BTC', '0.1', '100'),
  binanceCoinm('ETH', '0.01', '10'),
  hyperliquid(
    'BTC',
    5,
    hyperliquidMargin('BTC', [
      [0, 40],
      [150_000_000, 20],
    ]),
  ),
  hyperliquid(
    'ETH',
    4,
    hyperliquidMargin('ETH', [
      [0, 25],
      [100_000_000, 15],
    ]),
  ),
  hyperliquid(
    'SOL',
    2,
    hyperliquidMargin('SOL', [
      [0, 20],
      [70_000_000, 10],
    ]),
  ),
  deribit('BTC', '0.5', '10'),
  deribit('ETH', '0.05', '1'),
  dydx('BTC', '1', '0.0001'),
  dydx('ETH', '0.1', '0.001'),
  bybit('BTC', '0.1', '0.001'),
  bybit('ETH', '0.01', '0.01'),
]

/** Coin-priced options: all contracts of a family share their steps. */
const OPTION_STEPS: Readonly<Record<string, { readonly tickSize: string; readonly lotSize: string }>> = {
  'BTC-USD-OPTION@deribit': { tickSize: '0.0001', lotSize: '0.1' },
  'ETH-USD-OPTION@deribit': { tickSize: '0.0001', lotSize: '1' },
}

const BY_ID = new Map(INSTRUMENT_TABLE.map((spec) => [instrumentId(spec), spec]))

/** What the table holds about an instrument by its name, or undefined. */
export function knownInstrument(id: string): InstrumentSpec | undefined {
  return BY_ID.get(id)
}

/** Steps of a family of options, `BTC-USD-OPTION@deribit`, or undefined. */
export function knownSteps(
  family: string,
): { readonly tickSize: string; readonly lotSize: string; readonly source: string } | undefined {
  const steps = OPTION_STEPS[family]
  return steps && { ...steps, source: `${TABLE}: Deribit contract specifications, options, 2024` }
}
