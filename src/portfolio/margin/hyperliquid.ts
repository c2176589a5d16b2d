/**
 * @file Margin of perpetuals on Hyperliquid: tiers, cross and isolated, liquidation and funding.
 *
 * Maintenance is half the initial margin at the greatest leverage of the tier, applied so that it is continuous in size:
 * notional × rate − deduction. Cross positions share the account's dollars; an isolated one stands for itself alone.
 *
 * Sources: hyperliquid.gitbook.io, "Margin tiers", read November 2026; "Liquidations" and "Funding" as the reference notes quote them. The thresholds
 * of partial liquidation and the constants of funding have changed before (funding's clamp was 0.0003 in May 2023): they are
 * arguments with today's values.
 */

import type { FuturePosition, Position, VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'
import { type HeldContract, holdContract } from './heldContracts.ts'
import type { MarginEngine, MarginLine, MarginPool, MarginReport } from './marginEngine.ts'
import { marginReport, placedName, pooled, refuseDebts, refusePosition, requireNumbers } from './marginReport.ts'
import { WatchedView } from './watchedView.ts'

/** One tier as the venue lists it in `meta.marginTables`. */
export interface LeverageTier {
  /** Dollars of notional from which it applies; 0 for the first. */
  readonly lowerBound: number
  readonly maxLeverage: number
}

const MAJOR: readonly LeverageTier[] = [
  { lowerBound: 0, maxLeverage: 10 },
  { lowerBound: 20e6, maxLeverage: 5 },
]
const MINOR: readonly LeverageTier[] = [
  { lowerBound: 0, maxLeverage: 10 },
  { lowerBound: 3e6, maxLeverage: 5 },
]

function each(assets: string, tiers: readonly LeverageTier[]): Record<string, readonly LeverageTier[]> {
  return Object.fromEntries(assets.split(' ').map((asset) => [asset, tiers]))
}

/** Tiers of the main net. Source: "Margin tiers", read November 2026. An asset that is not listed here has to be given. */
export const HYPERLIQUID_TIERS: Readonly<Record<string, readonly LeverageTier[]>> = {
  BTC: [
    { lowerBound: 0, maxLeverage: 40 },
    { lowerBound: 150e6, maxLeverage: 20 },
  ],
  ETH: [
    { lowerBound: 0, maxLeverage: 25 },
    { lowerBound: 100e6, maxLeverage: 15 },
  ],
  SOL: [
    { lowerBound: 0, maxLeverage: 20 },
    { lowerBound: 70e6, maxLeverage: 10 },
  ],
  XRP: [
    { lowerBound: 0, maxLeverage: 20 },
    { lowerBound: 40e6, maxLeverage: 10 },
  ],
  ...each(
    'DOGE kPEPE SUI WLD TRUMP LTC ENA POPCAT WIF AAVE kBONK LINK CRV AVAX ADA UNI NEAR TIA APT BCH HYPE FARTCOIN',
    MAJOR,
  ),
  ...each('OP ARB LDO TON MKR ONDO JUP INJ kSHIB SEI TRX BNB DOT', MINOR),
}

/** What a notional is asked: maintenance is `notional × rate − deduction`. */
export interface TierTerms {
  readonly rate: number
  /** Dollars. */
  readonly deduction: number
  readonly maxLeverage: number
}

/** The terms of a notional in dollars; at a bound the upper tier's, which ask the same there. */
export function hyperliquidTier(tiers: readonly LeverageTier[], notional: number): TierTerms {
  let rate = 1 / (2 * tiers[0]!.maxLeverage)
  let deduction = 0
  let maxLeverage = tiers[0]!.maxLeverage
  for (let i = 1; i < tiers.length; i++) {
    const tier = tiers[i]!
    if (notional < tier.lowerBound) break
    const next = 1 / (2 * tier.maxLeverage)
    deduction += tier.lowerBound * (next - rate)
    rate = next
    maxLeverage = tier.maxLeverage
  }
  return { rate, deduction, maxLeverage }
}

/** Maintenance margin of a position, dollars. */
export function hyperliquidMaintenance(tiers: readonly LeverageTier[], notional: number): number {
  const { rate, deduction } = hyperliquidTier(tiers, notional)
  return notional * rate - deduction
}

/**
 * Initial margin, dollars: notional over the leverage chosen, at most the tier's. It may jump at a bound, where the tier's
 * leverage does; maintenance does not.
 */
export function hyperliquidInitial(tiers: readonly LeverageTier[], notional: number, leverage?: number): number {
  const { maxLeverage } = hyperliquidTier(tiers, notional)
  return notional / Math.min(leverage ?? maxLeverage, maxLeverage)
}

/** A position as its liquidation price sees it. */
export interface LiquidationTerms {
  /** Base units, signed. */
  readonly size: number
  /** Mark now, dollars per base. */
  readonly price: number
  /** Account value that stands behind it now: all of it under cross margin, its own margin and profit when isolated. Dollars. */
  readonly equity: number
  /** Maintenance of the other positions that share that value, whose prices are taken to stay. */
  readonly otherMaintenance?: number
  readonly tiers: readonly LeverageTier[]
}

/**
 * Mark at which account value equals maintenance: `price − side × available / size / (1 − rate × side)`, with the tier that
 * holds at that mark.
 *
 * @returns Dollars per base; 0 where a long survives any fall, Infinity where there is no position.
 */
export function hyperliquidLiquidationPrice(terms: LiquidationTerms): number {
  const { size, price, equity, otherMaintenance = 0, tiers } = terms
  if (size === 0) return Number.POSITIVE_INFINITY
  const amount = Math.abs(size)
  for (let i = 0; i < tiers.length; i++) {
    const { rate, deduction } = hyperliquidTier(tiers, tiers[i]!.lowerBound)
    // Written as a move from today's price, so that small distances keep their digits.
    const available = equity - otherMaintenance - (amount * price * rate - deduction)
    const at = price - (Math.sign(size) * available) / amount / (1 - rate * Math.sign(size))
    const upper = i + 1 < tiers.length ? tiers[i + 1]!.lowerBound : Number.POSITIVE_INFINITY
    // Maintenance is continuous and equity less maintenance monotone, so exactly one tier holds its own solution.
    if (at <= 0) return 0
    if (amount * at <= upper) return at
  }
  return Number.NaN
}

/** What the venue does with a pool. */
export type HyperliquidLiquidation =
  | { readonly kind: 'none' }
  /** Sold on the book: this fraction of the position at first, and the whole of it if within the cool-down it still must. */
  | { readonly kind: 'market'; readonly fraction: number; readonly coolDownSeconds: number }
  /** Taken over whole by the liquidator vault, maintenance margin lost. */
  | { readonly kind: 'backstop' }

/** When and how positions are taken away. */
export interface HyperliquidLiquidationRules {
  /** Dollars of notional above which only a part is sent at first. */
  readonly partialAbove: number
  readonly partialFraction: number
  readonly coolDownSeconds: number
  /** Share of maintenance below which the backstop takes over. */
  readonly backstopShare: number
}

/** Source: "Liquidations", second-hand. */
export const HYPERLIQUID_LIQUIDATION: HyperliquidLiquidationRules = {
  partialAbove: 100_000,
  partialFraction: 0.2,
  coolDownSeconds: 30,
  backstopShare: 2 / 3,
}

/** @param notional Of the position to be sold, dollars. A figure that is not a number is taken over. */
export function hyperliquidLiquidation(
  equity: number,
  maintenance: number,
  notional: number,
  rules: HyperliquidLiquidationRules = HYPERLIQUID_LIQUIDATION,
): HyperliquidLiquidation {
  if (equity >= maintenance) return { kind: 'none' }
  if (!(equity >= rules.backstopShare * maintenance)) return { kind: 'backstop' }
  const fraction = notional > rules.partialAbove ? rules.partialFraction : 1
  return { kind: 'market', fraction, coolDownSeconds: rules.coolDownSeconds }
}

/** Constants of funding, all fractions. */
export interface HyperliquidFundingRules {
  /** Interest in eight hours. */
  readonly interest: number
  /** How far interest may pull the premium, either way. */
  readonly clamp: number
  readonly hourlyMax: number
}

/** Source: "Funding", second-hand. */
export const HYPERLIQUID_FUNDING: HyperliquidFundingRules = { interest: 0.0001, clamp: 0.0005, hourlyMax: 0.04 }

/** Funding of one hour. */
export interface HyperliquidFunding {
  /** Of the perpetual over the oracle. */
  readonly premium: number
  readonly rate8h: number
  /** What is paid on the hour, a fraction of the oracle notional; long pays when positive. */
  readonly hourly: number
}

/** @param impactBid Average prices at which the impact notional trades, dollars per base. */
export function hyperliquidFunding(
  oracle: number,
  impactBid: number,
  impactAsk: number,
  rules: HyperliquidFundingRules = HYPERLIQUID_FUNDING,
): HyperliquidFunding {
  const premium = (Math.max(impactBid - oracle, 0) - Math.max(oracle - impactAsk, 0)) / oracle
  const rate8h = premium + Math.min(Math.max(rules.interest - premium, -rules.clamp), rules.clamp)
  const hourly = Math.min(Math.max(rate8h / 8, -rules.hourlyMax), rules.hourlyMax)
  return { premium, rate8h, hourly }
}

const NAME = 'hyperliquid'
const CURRENCY = 'USDC'

function perpetual(position: Position, venue: string, tiers: Readonly<Record<string, unknown>>): FuturePosition {
  if (position.kind !== 'perp' || position.payoff !== 'linear') {
    return refusePosition(NAME, position, venue, 'only linear perpetuals are')
  }
  if (position.settle !== CURRENCY) return refusePosition(NAME, position, venue, `it settles in ${position.settle}`)
  if (!Object.hasOwn(tiers, position.asset))
    return refusePosition(NAME, position, venue, 'its asset has no listed tiers')
  return position
}

/** Share of notional that must be left by whoever withdraws. Source: hyperliquid.gitbook.io, "Margining", as two sites quote it. */
const LEFT_BY_WITHDRAWALS = 0.1

/**
 * The engine. The account's USDC backs its cross positions; an isolated one has what was set aside for it. Spot coins back
 * nothing.
 *
 * @param tiers By asset; {@link HYPERLIQUID_TIERS} unless the venue's `meta` says otherwise.
 */
export function hyperliquid(
  tiers: Readonly<Record<string, readonly LeverageTier[]>> = HYPERLIQUID_TIERS,
): MarginEngine {
  return {
    name: NAME,
    source: 'hyperliquid.gitbook.io, Margin tiers and Margining, November 2026',
    assess(account: VenueAccount, market: MarketView): MarginReport {
      requireNumbers(account)
      refuseDebts(NAME, account, (currency) => currency === CURRENCY)
      const view = new WatchedView(market)
      let crossEquity = account.balances[CURRENCY] ?? 0
      const cross = new Map<string, HeldContract<FuturePosition>>()
      const isolated: MarginPool[] = []
      const markOf = (position: FuturePosition) => view.perpetual(account.venue, position.asset, position.instrument)
      const poolOf = (name: string, equity: number, held: Iterable<HeldContract<FuturePosition>>): MarginPool => {
        const lines: MarginLine[] = []
        let notionals = 0
        for (const { position, size, leverage } of held) {
          const notional = size === 0 ? 0 : Math.abs(size) * markOf(position)
          notionals += notional
          lines.push({
            what: placedName(position, account.venue),
            initial: hyperliquidInitial(tiers[position.asset]!, notional, leverage),
            maintenance: hyperliquidMaintenance(tiers[position.asset]!, notional),
          })
        }
        const pool = pooled(name, CURRENCY, equity, lines)
        return { ...pool, toWithdraw: Math.max(pool.initial, LEFT_BY_WITHDRAWALS * notionals) }
      }
      for (const each of account.positions) {
        const position = perpetual(each, account.venue, tiers)
        const profit = position.size === 0 ? 0 : position.size * (markOf(position) - position.entry)
        if (position.isolatedMargin === undefined) {
          crossEquity += profit
          holdContract(cross, position)
        } else {
          const { size, leverage, isolatedMargin } = position
          const held = { position, size, ...(leverage !== undefined && { leverage }) }
          isolated.push(poolOf(placedName(position, account.venue), isolatedMargin + profit, [held]))
        }
      }
      return marginReport(NAME, [poolOf(CURRENCY, crossEquity, cross.values()), ...isolated], view)
    },
  }
}
