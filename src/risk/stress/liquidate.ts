/**
 * @file What venues do to accounts that fall short: positions sold from the worst, accounts taken over, loans called.
 *
 * A venue decides by the prices it sees and trades at true ones. It stops as soon as the account meets its maintenance again, also
 * after a part of a large position, where it sells that first.
 */

import type { LendingPosition, Position } from '../../portfolio/book.ts'
import { aaveCloseFactor } from '../../portfolio/margin/aaveV3.ts'
import type { MarginReport } from '../../portfolio/margin/marginEngine.ts'
import { placedName } from '../../portfolio/margin/marginReport.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { positionValue } from '../../portfolio/valuation.ts'
import { closingCost } from './closingCost.ts'
import { HeldAccount } from './heldBook.ts'
import { assess, marginRatio } from './marginRatio.ts'
import { isolatedDollars, repaidNote, type StressMoment } from './stressMoment.ts'
import { termsOf } from './stressSettings.ts'

/** A loan is called again and again until it is sound; each call halves it at least, so more would be dust. */
const LOAN_CALLS_MAX = 40
const DUST_DOLLARS = 1e-6

/** Dollars by which pools miss their maintenance. */
export function shortfall(report: MarginReport, market: MarketView): number {
  let sum = 0
  for (const { equity, maintenance, currency } of report.pools) {
    const short = maintenance - equity
    // What is not a number is as short as can be.
    if (Number.isNaN(short)) return Number.POSITIVE_INFINITY
    if (short > 0) sum += short * dollars(market, currency)
  }
  return sum
}

const dollars = (market: MarketView, currency: string) => (currency === 'USD' ? 1 : market.spot(currency))

/**
 * Positions in the order in which closing them helps the account most, by its own engine: what remains missing without each. Ties
 * (an account that misses nothing) go by the maintenance that is left.
 */
export function worstFirst(moment: StressMoment, account: HeldAccount, among: readonly Position[]): Position[] {
  const market = moment.shown(account.venue)
  const ranked = among.map((position, place) => {
    const without = new HeldAccount(account)
    without.close(position, 1, market)
    without.cover(market)
    const report = assess(without, moment.engines, market, moment.levels)!
    return { position, place, missing: shortfall(report, market), maintenance: report.maintenance }
  })
  ranked.sort((a, b) => a.missing - b.missing || a.maintenance - b.maintenance || a.place - b.place)
  return ranked.map(({ position }) => position)
}

/** Lets the venue do what it does to an account now. Returns whether it did anything. */
export function liquidateAccount(moment: StressMoment, account: HeldAccount): boolean {
  if (moment.timeline.venueState(account.venue, moment.index) === 'down') return false
  const report = moment.report(account)
  if (!report?.liquidatable) return false
  if (account.positions.length === 0 && !(report.equity < 0)) return false
  if (account.positions.some(({ kind }) => kind === 'debt')) callLoan(moment, account)
  else sellPositions(moment, account, report)
  writeOff(moment, account)
  return true
}

function sellPositions(moment: StressMoment, account: HeldAccount, report: MarginReport): void {
  const { takeover } = termsOf(moment.settings, account.margin)
  if (takeover > 0 && !(marginRatio(report) >= takeover)) {
    takeOver(moment, account, report, 'too far gone')
    return
  }
  for (const first of worstFirst(moment, account, account.positions)) {
    const position = sellPart(moment, account, first)
    const eased = position === first ? undefined : moment.report(account)
    if (eased !== undefined && !eased.liquidatable) return
    if (eased !== undefined && takeover > 0 && !(marginRatio(eased) >= takeover)) {
      takeOver(moment, account, eased, 'too far gone')
      return
    }
    if (!moment.close(account, position, 1, 'venue')) {
      takeOver(moment, account, report, 'no book is known to sell on')
      return
    }
    const now = moment.report(account)
    if (!now?.liquidatable) return
    if (takeover > 0 && account.positions.length > 0 && !(marginRatio(now) >= takeover)) {
      takeOver(moment, account, now, 'too far gone')
      return
    }
  }
}

/** Sells the first part of a large position where the venue does that; returns what is left of it, or the position untouched. */
function sellPart(moment: StressMoment, account: HeldAccount, position: Position): Position {
  const { partial } = termsOf(moment.settings, account.margin)
  if (partial === undefined || moment.atUs - account.soldPartlyUs < partial.coolDownUs) return position
  const notional = closingCost(position, account.venue, moment.market, moment.settings)?.notional ?? 0
  if (!(notional > partial.above)) return position
  const at = account.positions.indexOf(position)
  moment.close(account, position, partial.share, 'venue')
  account.soldPartlyUs = moment.atUs
  return account.positions[at]!
}

/** The venue keeps the broken pools: their positions and what backed them. */
function takeOver(moment: StressMoment, account: HeldAccount, report: MarginReport, why: string): void {
  const broken = report.pools.filter(({ equity, maintenance }) => !(equity >= maintenance))
  const names = new Set(broken.map(({ name }) => name))
  const before = account.value(moment.market)
  const isolated = (position: Position) => 'isolatedMargin' in position && position.isolatedMargin !== undefined
  const apart = account.positions.filter(isolated)
  const own = new Set(apart.map((position) => placedName(position, account.venue)))
  const cross = broken.filter(({ name }) => !own.has(name))
  let beyond = 0
  for (const position of apart)
    if (names.has(placedName(position, account.venue)))
      beyond += Math.min(0, isolatedDollars(position, account.venue, moment.market) ?? 0)
  account.positions = account.positions.filter((position) =>
    isolated(position) ? !names.has(placedName(position, account.venue)) : cross.length === 0,
  )
  for (const { currency } of cross) {
    if (currency === 'USD') for (const held of Object.keys(account.balances)) account.balances[held] = 0
    else account.balances[currency] = 0
  }
  const lost = before - account.value(moment.market)
  const { recourse } = termsOf(moment.settings, account.margin)
  // What an isolated position owes beyond its own margin is asked of nobody, whatever the venue may ask of the rest.
  moment.book.losses.writtenOff += beyond
  const rest = lost - beyond
  if (rest >= 0) moment.book.losses.liquidation += rest
  else if (recourse) account.debit(-rest, moment.market)
  else moment.book.losses.writtenOff += rest
  account.cover(moment.market)
  moment.note('taken-over', account.venue, [...names].join(', '), lost, why)
}

/** Liquidators repay parts of the largest debt and take the largest collateral with a bonus, until the loan is sound. */
function callLoan(moment: StressMoment, account: HeldAccount): void {
  const shown = moment.shown(account.venue)
  const fallback = termsOf(moment.settings, account.margin).penalty
  for (let call = 0; call < LOAN_CALLS_MAX; call++) {
    const report = moment.report(account)
    if (!report?.liquidatable) return
    const debt = largest(account, 'debt', shown)
    const supply = largest(account, 'supply', shown)
    if (!debt || !supply) return
    const bonus = supply.liquidationBonus ?? fallback
    const owed = debt.amount * shown.spot(debt.asset)
    const held = supply.amount * shown.spot(supply.asset)
    const share = aaveCloseFactor(healthFactor(account, report, shown))
    const repaid = Math.min(owed < 1 ? owed : owed * share, held / (1 + bonus))
    const before = account.value(moment.market)
    account.repay(debt.asset, repaid / shown.spot(debt.asset))
    account.withdraw(supply.asset, (repaid * (1 + bonus)) / shown.spot(supply.asset))
    const lost = before - account.value(moment.market)
    moment.book.losses.liquidation += lost
    moment.note('loan-liquidated', account.venue, `${supply.asset} for ${debt.asset}`, lost, repaidNote(repaid))
  }
}

/** Borrowing power over debt: what the report's equity (collateral − debt) and maintenance (collateral not to be borrowed) say. */
function healthFactor(account: HeldAccount, report: MarginReport, market: MarketView): number {
  let owed = 0
  for (const position of account.positions)
    if (position.kind === 'debt') owed += position.amount * market.spot(position.asset)
  return (report.equity + owed - report.maintenance) / owed
}

function largest(account: HeldAccount, kind: 'supply' | 'debt', market: MarketView): LendingPosition | undefined {
  let found: LendingPosition | undefined
  let most = DUST_DOLLARS
  for (const position of account.positions) {
    if (position.kind !== kind) continue
    const worth = Math.abs(positionValue(position, account.venue, market))
    if (worth > most) [found, most] = [position, worth]
  }
  return found
}

/**
 * An account with nothing left to sell that still owes. A loan is backed by its collateral alone, and some venues ask no more
 * than was deposited: there the debt is theirs. Elsewhere it stays, a negative balance.
 */
function writeOff(moment: StressMoment, account: HeldAccount): void {
  const { market } = moment
  const owes = account.positions.some(({ kind }) => kind === 'debt')
  const backed = account.positions.some(({ kind }) => kind !== 'debt')
  if (backed || termsOf(moment.settings, account.margin).recourse) return
  const value = account.value(market)
  if (!(value < 0) || !(owes || account.positions.length === 0)) return
  account.positions = []
  for (const currency of Object.keys(account.balances)) account.balances[currency] = 0
  moment.book.losses.writtenOff += value
  moment.note('written-off', account.venue, 'debt beyond collateral', value)
}
