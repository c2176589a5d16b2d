/**
 * @file Aave v3: health factor, and what a liquidation takes.
 *
 * A loan is sound while Σ collateral × liquidation threshold is at least what is owed (health factor 1). Below, a liquidator
 * repays up to half of the debt, all of it once the health factor is at most 0.95, and takes collateral with a bonus; that mends the loan
 * only while the health factor is above threshold × (1 + bonus), and worsens it beneath (a toxic liquidation).
 *
 * Source: behaviour of aave/aave-v3-core, LiquidationLogic (v3.0), as the reference vectors hold it. Thresholds are of the position or given by
 * the caller: they differ by market and change by vote, so none are built in.
 */

import type { LendingPosition, Position, VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'
import type { MarginEngine, MarginLine, MarginReport } from './marginEngine.ts'
import { marginReport, placedName, refuseDebts, refusePosition, requireNumbers } from './marginReport.ts'
import { WatchedView } from './watchedView.ts'

/** One collateral in dollars. */
export interface AaveCollateral {
  readonly value: number
  readonly liquidationThreshold: number
}

/** Σ value × threshold over debt; Infinity without debt. */
export function aaveHealthFactor(collaterals: readonly AaveCollateral[], debt: number): number {
  if (debt === 0) return Number.POSITIVE_INFINITY
  let backed = 0
  for (const { value, liquidationThreshold } of collaterals) backed += value * liquidationThreshold
  return backed / debt
}

/** Threshold of the whole collateral, weighted by value; NaN without any. */
export function aaveAverageThreshold(collaterals: readonly AaveCollateral[]): number {
  let backed = 0
  let value = 0
  for (const each of collaterals) {
    backed += each.value * each.liquidationThreshold
    value += each.value
  }
  return backed / value
}

/** Rules of liquidation. */
export interface AaveLiquidationRules {
  readonly closeFactor: number
  /** Health factor at or below which everything may be repaid. */
  readonly fullBelow: number
  /** Share of the bonus that the protocol keeps. */
  readonly protocolShare: number
}

/** Source: aave-v3-core, LiquidationLogic (v3.0); the protocol's share is per reserve, 10 % is usual. */
export const AAVE_LIQUIDATION: AaveLiquidationRules = { closeFactor: 0.5, fullBelow: 0.95, protocolShare: 0.1 }

/** Share of the debt a liquidator may repay: 0 while the loan is sound, all of it when the health factor is not a number. */
export function aaveCloseFactor(healthFactor: number, rules: AaveLiquidationRules = AAVE_LIQUIDATION): number {
  if (healthFactor >= 1) return 0
  return healthFactor > rules.fullBelow ? rules.closeFactor : 1
}

/** What one liquidation does, dollars. */
export interface AaveLiquidation {
  /** Debt repaid. */
  readonly repaid: number
  /** Collateral taken, bonus included. */
  readonly seized: number
  readonly protocolFee: number
  readonly liquidatorProfit: number
  readonly healthFactorAfter: number
  /** Whether the loan is worse off than before. */
  readonly toxic: boolean
}

/**
 * The largest liquidation against one collateral: as much debt as the close factor allows, or as that collateral covers.
 *
 * @param seizedFrom Index of the collateral taken.
 * @param bonus 0.05 pays the liquidator 5 %.
 */
export function aaveLiquidate(
  collaterals: readonly AaveCollateral[],
  debt: number,
  seizedFrom: number,
  bonus: number,
  rules: AaveLiquidationRules = AAVE_LIQUIDATION,
): AaveLiquidation {
  const before = aaveHealthFactor(collaterals, debt)
  const allowed = debt * aaveCloseFactor(before, rules)
  const available = collaterals[seizedFrom]!.value
  const short = allowed * (1 + bonus) > available
  const repaid = short ? available / (1 + bonus) : allowed
  const seized = short ? available : allowed * (1 + bonus)
  const protocolFee = (seized - repaid) * rules.protocolShare
  const left = collaterals.map((each, i) => (i === seizedFrom ? { ...each, value: each.value - seized } : each))
  const healthFactorAfter = aaveHealthFactor(left, debt - repaid)
  return {
    repaid,
    seized,
    protocolFee,
    liquidatorProfit: seized - repaid - protocolFee,
    healthFactorAfter,
    toxic: healthFactorAfter < before,
  }
}

/** Health factor below which liquidating a collateral makes the loan worse. */
export function aaveToxicBelow(liquidationThreshold: number, bonus: number): number {
  return liquidationThreshold * (1 + bonus)
}

/** Risk parameters of a reserve. */
export interface AaveReserve {
  readonly loanToValue: number
  readonly liquidationThreshold: number
}

const NAME = 'aave-v3'

function lent(position: Position, venue: string): LendingPosition {
  if (position.kind !== 'supply' && position.kind !== 'debt') {
    return refusePosition(NAME, position, venue, 'only what is supplied and borrowed is')
  }
  if (position.amount < 0)
    return refusePosition(NAME, position, venue, 'its amount is below zero; a debt is a position')
  return position
}

/**
 * The engine, in dollars: equity is collateral less debt, and what is asked is what collateral may not be borrowed against,
 * value × (1 − loan-to-value) to open and value × (1 − threshold) to keep. So equity less maintenance is Σ value × threshold − debt, and the
 * health factor is 1 where they meet. Wallet balances are no collateral.
 *
 * @param reserves By asset, for supplies that do not carry their own threshold.
 */
export function aaveV3(reserves: Readonly<Record<string, AaveReserve>> = {}): MarginEngine {
  return {
    name: NAME,
    source: 'aave-v3-core (v3.0), LiquidationLogic; thresholds as the positions carry them',
    assess(account: VenueAccount, market: MarketView): MarginReport {
      requireNumbers(account)
      refuseDebts(NAME, account, () => false)
      const view = new WatchedView(market)
      const lines: MarginLine[] = []
      let equity = 0
      let owed = 0
      let initial = 0
      let maintenance = 0
      for (const each of account.positions) {
        const position = lent(each, account.venue)
        const value = position.amount === 0 ? 0 : position.amount * view.spot(position.asset)
        if (position.kind === 'debt') {
          equity -= value
          owed += value
          continue
        }
        const reserve = Object.hasOwn(reserves, position.asset) ? reserves[position.asset] : undefined
        const threshold = position.liquidationThreshold ?? reserve?.liquidationThreshold
        const loanToValue = Math.min(position.loanToValue ?? reserve?.loanToValue ?? 0, threshold ?? 0)
        if (threshold === undefined)
          refusePosition(NAME, position, account.venue, 'it carries no liquidation threshold and none is given')
        equity += value
        const line = {
          what: `supplied ${placedName(position, account.venue)}`,
          initial: value * (1 - loanToValue),
          maintenance: value * (1 - threshold!),
        }
        initial += line.initial
        maintenance += line.maintenance
        lines.push(line)
      }
      // Nobody liquidates a supplier who owes nothing, and everything may be withdrawn.
      const pool =
        owed === 0
          ? { name: 'loan', currency: 'USD', equity, initial: 0, maintenance: 0, lines: [] }
          : { name: 'loan', currency: 'USD', equity, initial, maintenance, lines }
      return marginReport(NAME, [pool], view)
    },
  }
}
