/**
 * @file dYdX v4: cross margin of perpetuals in whole quantums, as the chain computes it.
 *
 * Initial margin grows with the open interest of the market, maintenance is a fixed share of the initial margin it starts
 * from. Below maintenance a position is sold at a price that leaves the account the worse, the less there is left (`fillable`).
 *
 * Two layers: functions of `bigint` quantums, exact; and the engine, which reckons the same fractions in doubles.
 *
 * Source: behaviour of v4-chain commit 84d4664b (x/perpetuals, x/clob), as the reference vectors hold it.
 */

import type { FuturePosition, Position, VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'
import { type HeldContract, holdContract } from './heldContracts.ts'
import type { MarginEngine, MarginLine, MarginPool, MarginReport } from './marginEngine.ts'
import { marginReport, placedName, pooled, refuseDebts, refusePosition, requireNumbers } from './marginReport.ts'
import { WatchedView } from './watchedView.ts'

const MILLION = 1_000_000n
/** Exponent of a quote quantum: a millionth of a dollar. */
const QUOTE_EXPONENT = -6

function magnitude(x: bigint): bigint {
  return x < 0n ? -x : x
}

/** Quotient rounded up, of numbers at least 0 over one above 0. */
function divideUp(numerator: bigint, denominator: bigint): bigint {
  return (numerator + denominator - 1n) / denominator
}

/** A market's terms as the chain holds them. */
export interface DydxMarket {
  /** 10^this base units a quantum: −10 for BTC. */
  readonly atomicResolution: number
  readonly initialMarginPpm: bigint
  /** Share of the base initial margin that is maintenance. */
  readonly maintenanceFractionPpm: bigint
  /** Open interest in quote quantums between which initial margin goes from its base to the whole notional; 0 and 0: it does not. */
  readonly openInterestLower: bigint
  readonly openInterestUpper: bigint
}

/**
 * Notional of a position in quote quantums, signed, rounded towards zero.
 *
 * @param price Integer price at `priceExponent`: 6500000000 at −5 is 65,000.
 */
export function dydxNotional(
  baseQuantums: bigint,
  price: bigint,
  priceExponent: number,
  atomicResolution: number,
): bigint {
  const exponent = priceExponent + atomicResolution - QUOTE_EXPONENT
  const product = baseQuantums * price
  return exponent >= 0 ? product * 10n ** BigInt(exponent) : product / 10n ** BigInt(-exponent)
}

/** Requirements in quote quantums. */
export interface DydxRequirement {
  readonly initial: bigint
  readonly maintenance: bigint
}

/**
 * Requirements of a position, rounded up.
 *
 * @param notional Quote quantums, of either sign.
 * @param openInterest Of the market, quote quantums.
 */
export function dydxRequirement(notional: bigint, market: DydxMarket, openInterest: bigint): DydxRequirement {
  const amount = magnitude(notional)
  const { initialMarginPpm: base, openInterestLower: lower, openInterestUpper: upper } = market
  const floor = divideUp(amount * base, MILLION)
  // Rounded up twice, as the chain does: maintenance is a share of the rounded initial margin.
  const maintenance = divideUp(floor * market.maintenanceFractionPpm, MILLION)
  if (upper === 0n || openInterest <= lower) return { initial: floor, maintenance }
  if (openInterest >= upper) return { initial: amount, maintenance }
  // base + (1 − base) × share of the way between the bounds, over one denominator so that nothing is rounded twice.
  const span = upper - lower
  const numerator = base * span + (MILLION - base) * (openInterest - lower)
  return { initial: divideUp(amount * numerator, MILLION * span), maintenance }
}

/** Total net collateral: quote balance and notionals, in quote quantums. Below the sum of maintenances an account is liquidatable. */
export function dydxNetCollateral(quoteBalance: bigint, notionals: readonly bigint[]): bigint {
  return notionals.reduce((sum, notional) => sum + notional, quoteBalance)
}

/** What liquidation prices depend on. */
export interface DydxLiquidationTerms {
  /** Position in base quantums, signed, not 0; its notional and maintenance in quote quantums. */
  readonly baseQuantums: bigint
  readonly notional: bigint
  readonly maintenance: bigint
  /** Of the whole account. */
  readonly netCollateral: bigint
  readonly totalMaintenance: bigint
  /** How fast the price worsens as collateral runs out; 1,000,000 is as fast as it does. At least that. */
  readonly bankruptcyAdjustmentPpm: bigint
  /** Largest spread to the oracle price as a share of maintenance. */
  readonly spreadToMaintenancePpm: bigint
}

/** A price as an exact fraction of quote quantums per base quantum; the denominator is positive. */
export interface ExactPrice {
  readonly numerator: bigint
  readonly denominator: bigint
}

function reduced(numerator: bigint, denominator: bigint): ExactPrice {
  let [a, b] = [magnitude(numerator), magnitude(denominator)]
  while (b !== 0n) [a, b] = [b, a % b]
  const divisor = denominator < 0n ? -a : a
  return { numerator: numerator / divisor, denominator: denominator / divisor }
}

/**
 * Price at which a liquidated position may be filled: `(notional − ABR × spread × maintenance) / size`, where
 * ABR = adjustment × (1 − net collateral / total maintenance), between 0 and 1. Quote quantums per base quantum.
 */
export function dydxFillablePrice(terms: DydxLiquidationTerms): ExactPrice {
  const { baseQuantums, notional, maintenance, netCollateral, totalMaintenance } = terms
  // ABR as a fraction over MILLION × totalMaintenance.
  const whole = MILLION * totalMaintenance
  const exact = terms.bankruptcyAdjustmentPpm * (totalMaintenance - netCollateral)
  const ratio = totalMaintenance === 0n ? whole : exact < 0n ? 0n : exact > whole ? whole : exact
  const scale = whole === 0n ? 1n : whole
  const spread = ratio * terms.spreadToMaintenancePpm * maintenance
  return reduced(notional * scale * MILLION - spread, baseQuantums * scale * MILLION)
}

/**
 * Price at which closing the position takes its share of what the account has left, so that nothing is lost to others:
 * `(notional − net collateral × maintenance / total maintenance) / size`.
 */
export function dydxBankruptcyPrice(terms: DydxLiquidationTerms): ExactPrice {
  const { baseQuantums, notional, maintenance, netCollateral, totalMaintenance } = terms
  const total = totalMaintenance === 0n ? 1n : totalMaintenance
  return reduced(notional * total - netCollateral * maintenance, baseQuantums * total)
}

/** Dollars per base unit of an exact price. */
export function dydxHumanPrice({ numerator, denominator }: ExactPrice, atomicResolution: number): number {
  // Scaled to whole numbers before it becomes a double, so that 1203/400 quantums are 3007.5 dollars.
  const exponent = QUOTE_EXPONENT - atomicResolution
  const shift = 10n ** BigInt(Math.abs(exponent))
  const [top, bottom] = exponent >= 0 ? [numerator * shift, denominator] : [numerator, denominator * shift]
  const whole = top / bottom
  return Number(whole) + Number(top - whole * bottom) / Number(bottom)
}

/**
 * How much the funding index moves: quote quantums per million base quantums, rounded towards zero. A position owes
 * −delta × base quantums millionths of quote quantums.
 *
 * @param rate8hPpm Of eight hours.
 */
export function dydxFundingIndexDelta(
  rate8hPpm: bigint,
  seconds: bigint,
  price: bigint,
  priceExponent: number,
  atomicResolution: number,
): bigint {
  const product = rate8hPpm * seconds * price
  const exponent = priceExponent + atomicResolution - QUOTE_EXPONENT
  const eightHours = 28_800n
  return exponent >= 0
    ? (product * 10n ** BigInt(exponent)) / eightHours
    : product / (eightHours * 10n ** BigInt(-exponent))
}

/** Greatest funding of eight hours either way, ppm: factor × (initial − maintenance margin fraction). */
export function dydxFundingLimit(initialPpm: bigint, maintenanceFractionPpm: bigint, factorPpm = 6_000_000n): bigint {
  const gap = initialPpm - (initialPpm * maintenanceFractionPpm) / MILLION
  return (factorPpm * gap) / MILLION
}

/** A rate held within a limit. */
export function dydxClampFunding(ratePpm: bigint, limitPpm: bigint): bigint {
  if (ratePpm > limitPpm) return limitPpm
  return ratePpm < -limitPpm ? -limitPpm : ratePpm
}

/** A market's terms in doubles. */
export interface DydxTerms {
  readonly initial: number
  readonly maintenance: number
  /** Dollars of open interest between which initial margin grows to the whole notional; absent: it does not. */
  readonly openInterestLower?: number
  readonly openInterestUpper?: number
  /** Dollars, of today; 0 when absent. */
  readonly openInterest?: number
}

const LARGE: DydxTerms = { initial: 0.02, maintenance: 0.012 }

/** Source: the indexer's answer to `GET /v4/perpetualMarkets`, recorded early in 2026; open interest is of that moment. */
export const DYDX_TERMS: Readonly<Record<string, DydxTerms>> = {
  BTC: LARGE,
  ETH: LARGE,
  SOL: {
    initial: 0.05,
    maintenance: 0.03,
    openInterestLower: 40e6,
    openInterestUpper: 100e6,
    openInterest: 41_917.9 * 135.3,
  },
}

/** Initial margin fraction at an open interest. */
export function dydxInitialFraction(terms: DydxTerms): number {
  const { initial, openInterestLower: lower, openInterestUpper: upper, openInterest = 0 } = terms
  if (lower === undefined || upper === undefined || openInterest <= lower) return initial
  return Math.min(1, initial + (1 - initial) * ((openInterest - lower) / (upper - lower)))
}

const NAME = 'dydx-v4'
const CURRENCY = 'USDC'

function perpetual(position: Position, venue: string, terms: Readonly<Record<string, DydxTerms>>): FuturePosition {
  if (position.kind !== 'perp' || position.payoff !== 'linear' || position.settle !== CURRENCY) {
    return refusePosition(NAME, position, venue, 'only linear perpetuals in USDC are')
  }
  if (!Object.hasOwn(terms, position.asset))
    return refusePosition(NAME, position, venue, 'its asset has no listed terms')
  return position
}

/** The engine. Isolated markets are subaccounts of their own: an isolated position has the collateral set aside for it. */
export function dydxV4(terms: Readonly<Record<string, DydxTerms>> = DYDX_TERMS): MarginEngine {
  return {
    name: NAME,
    source: 'dydxprotocol/v4-chain commit 84d4664b; indexer terms of early 2026',
    assess(account: VenueAccount, market: MarketView): MarginReport {
      requireNumbers(account)
      refuseDebts(NAME, account, (currency) => currency === CURRENCY)
      const view = new WatchedView(market)
      let equity = account.balances[CURRENCY] ?? 0
      const cross = new Map<string, HeldContract<FuturePosition>>()
      const isolated: MarginPool[] = []
      // The chain reckons with the oracle price; venues' marks are what stands for it here.
      const markOf = (position: FuturePosition) => view.perpetual(account.venue, position.asset, position.instrument)
      const asked = (position: FuturePosition, size: number): MarginLine => {
        const notional = size === 0 ? 0 : Math.abs(size) * markOf(position)
        const listed = terms[position.asset]!
        return {
          what: placedName(position, account.venue),
          initial: notional * dydxInitialFraction(listed),
          maintenance: notional * listed.maintenance,
        }
      }
      for (const each of account.positions) {
        const position = perpetual(each, account.venue, terms)
        const profit = position.size === 0 ? 0 : position.size * (markOf(position) - position.entry)
        if (position.isolatedMargin === undefined) {
          equity += profit
          holdContract(cross, position)
        } else {
          const line = asked(position, position.size)
          isolated.push(pooled(line.what, CURRENCY, position.isolatedMargin + profit, [line]))
        }
      }
      const lines = [...cross.values()].map(({ position, size }) => asked(position, size))
      return marginReport(NAME, [pooled(CURRENCY, CURRENCY, equity, lines), ...isolated], view)
    },
  }
}
