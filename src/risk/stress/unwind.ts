/** @file Getting out ourselves, at stressed prices, where the venue answers: what protective rules ask for. */

import { dollarLike } from '../../market/instrument.ts'
import type { FuturePosition, LendingPosition, Position } from '../../portfolio/book.ts'
import { positionName } from '../../portfolio/book.ts'
import { positionGreeks } from '../../portfolio/positionGreeks.ts'
import { futureMark, positionValue } from '../../portfolio/valuation.ts'
import type { FlattenLeaves } from '../riskConfig.ts'
import { underlyingOf } from '../underlying.ts'
import { tradeCost } from './closingCost.ts'
import type { HeldAccount } from './heldBook.ts'
import { worstFirst } from './liquidate.ts'
import { borrows, repayFromBalances } from './marginCalls.ts'
import { marginRatio } from './marginRatio.ts'
import { repaidNote, type StressMoment } from './stressMoment.ts'

/** Equity over maintenance an account must have for a hedge to be left in it: below, what is nearest to it is closed until it has. */
const KEPT_RATIO_MIN = 1.2
const KEPT_RATIO_TO = 1.5
/** A hedge this much too large is a hedge. */
const SLACK = 0.01

/** What is to be closed: everything, or only what one account holds, or what is held of one asset. */
export interface Flatten {
  readonly leaves: FlattenLeaves
  readonly asset?: string
  readonly account?: HeldAccount
}

/**
 * Closes what the book holds, or the part of it that is asked. Coins stay, being no position; a loan is repaid by selling
 * collateral and what is left of that stays supplied. What `coin-hedges` leaves is said in `../coinHedges.ts`: the part of
 * perpetuals and futures that offsets coins, and whatever else could not be closed, where the account can carry it.
 *
 * To be called again at each moment that follows: what could not be closed is tried again, and a hedge is never left larger than
 * what it hedges, nor in an account that can no longer carry it.
 *
 * @returns Whether everything asked for is closed.
 */
export function flatten(moment: StressMoment, asked: Flatten): boolean {
  const { asset, leaves } = asked
  const covered = (account: HeldAccount) => asked.account === undefined || asked.account === account
  let done = true
  for (const account of moment.book.accounts) if (covered(account) && !closeOthers(moment, account, asset)) done = false
  const kept = leaves === 'coin-hedges' ? keptShares(moment, asked) : new Map<Position, number>()
  for (const account of byMargin(moment))
    if (covered(account) && !closeHedges(moment, account, asset, kept)) done = false
  for (const account of moment.book.accounts)
    if (covered(account) && account.positions.some((position) => hedgeOf(position, asset)))
      if (moment.reachable(account.venue) && needsRelief(moment, account)) deleverage(moment, account, KEPT_RATIO_TO)
  return done
}

const hedgeOf = (position: Position, asset: string | undefined): position is FuturePosition =>
  (position.kind === 'perp' || position.kind === 'future') && (asset === undefined || position.asset === asset)

const owes = (account: HeldAccount, asset: string | undefined) =>
  borrows(account) &&
  (asset === undefined ||
    account.positions.some((each) => (each.kind === 'supply' || each.kind === 'debt') && each.asset === asset))

/** Everything but perpetuals and futures; loans last. */
function closeOthers(moment: StressMoment, account: HeldAccount, asset: string | undefined): boolean {
  const open = account.positions.filter(
    (each) =>
      !['supply', 'debt', 'perp', 'future'].includes(each.kind) && (asset === undefined || each.asset === asset),
  )
  if (open.length === 0 && !owes(account, asset)) return true
  if (!reaches(moment, account, open)) return false
  const done = closeAll(moment, account, open, new Map())
  return owes(account, asset) ? repayLoan(moment, account, 1) && done : done
}

function closeHedges(
  moment: StressMoment,
  account: HeldAccount,
  asset: string | undefined,
  kept: ReadonlyMap<Position, number>,
): boolean {
  const open = account.positions.filter((each) => hedgeOf(each, asset) && 1 - (kept.get(each) ?? 0) > SLACK)
  return open.length === 0 || (reaches(moment, account, open) && closeAll(moment, account, open, kept))
}

function closeAll(
  moment: StressMoment,
  account: HeldAccount,
  open: readonly Position[],
  kept: ReadonlyMap<Position, number>,
): boolean {
  let done = true
  for (const position of account.margin === undefined ? open : worstFirst(moment, account, open)) {
    if (moment.close(account, position, 1 - (kept.get(position) ?? 0), 'us')) continue
    moment.note('blocked', account.venue, positionName(position), 0, 'nothing is known of its book')
    done = false
  }
  return done
}

function reaches(moment: StressMoment, account: HeldAccount, open: readonly Position[]): boolean {
  if (moment.reachable(account.venue)) return true
  if (open.length > 0)
    moment.note('blocked', account.venue, `${open.length} positions`, 0, 'the venue cannot be reached')
  return false
}

/** Equity over maintenance; Infinity where nothing can be liquidated. */
function ratioOf(moment: StressMoment, account: HeldAccount): number {
  const report = moment.report(account)
  return report === undefined ? Number.POSITIVE_INFINITY : marginRatio(report)
}

const needsRelief = (moment: StressMoment, account: HeldAccount) => !(ratioOf(moment, account) >= KEPT_RATIO_MIN)

/** Accounts, the thinnest margin first. */
function byMargin(moment: StressMoment): HeldAccount[] {
  const rated = moment.book.accounts.map((account) => ({ account, ratio: ratioOf(moment, account) }))
  return rated.sort((a, b) => order(a.ratio) - order(b.ratio)).map(({ account }) => account)
}

/** What is not a number comes first; the sort is stable, so equals stay in the book's order. */
const order = (ratio: number) => (Number.isNaN(ratio) ? -Number.MAX_VALUE : Math.min(ratio, Number.MAX_VALUE))

interface Hedge {
  readonly position: FuturePosition
  readonly account: HeldAccount
  /** Signed dollars of the asset. */
  readonly dollars: number
}

/** The share of each perpetual and future that offsets what stays. */
function keptShares(moment: StressMoment, asked: Flatten): Map<Position, number> {
  const naked = new Map<string, number>()
  const add = (held: string, dollars: number) => {
    if (dollarLike(held) || !Number.isFinite(dollars)) return
    const underlying = underlyingOf(held)
    naked.set(underlying, (naked.get(underlying) ?? 0) + dollars)
  }
  const { market, book } = moment
  const hedges: Hedge[] = []
  for (const account of byMargin(moment).reverse()) {
    for (const [currency, units] of Object.entries(account.balances)) add(currency, units * market.spot(currency))
    for (const position of account.positions) {
      const closes =
        hedgeOf(position, asked.asset) &&
        (asked.account === undefined || asked.account === account) &&
        moment.reachable(account.venue) &&
        market.liquidity(account.venue, position.asset) !== undefined
      if (!closes) {
        const { delta, other, otherDelta } = positionGreeks(position, account.venue, market)
        add(position.asset, delta * market.spot(position.asset))
        if (other !== '') add(other, otherDelta * market.spot(other))
        if ('isolatedMargin' in position && position.isolatedMargin)
          add(position.settle, position.isolatedMargin * market.spot(position.settle))
        continue
      }
      // Closed or not, what it has earned and what is set aside for it are units of what it settles in.
      const earned = positionValue(position, account.venue, market)
      add(position.settle, earned + (position.isolatedMargin ?? 0) * market.spot(position.settle))
      const { size, payoff } = position
      const dollars = payoff === 'inverse' ? size : size * futureMark(position, account.venue, market)
      hedges.push({ position, account, dollars })
    }
  }
  for (const { currency, units } of book.inTransit) add(currency, units * market.spot(currency))
  const inCoin = ({ position }: Hedge) => Number(underlyingOf(position.settle) === underlyingOf(position.asset))
  hedges.sort((a, b) => inCoin(b) - inCoin(a))
  const kept = new Map<Position, number>()
  for (const { position, dollars } of hedges) {
    const underlying = underlyingOf(position.asset)
    const left = naked.get(underlying) ?? 0
    if (!(left * dollars < 0)) continue
    const share = Math.min(1, Math.abs(left / dollars))
    kept.set(position, share)
    naked.set(underlying, left + share * dollars)
  }
  return kept
}

/**
 * Closes positions, the worst for the account's margin first, until equity over maintenance is what it should be.
 *
 * @returns Whether it is.
 */
export function deleverage(moment: StressMoment, account: HeldAccount, toRatio: number): boolean {
  const safe = () => {
    const report = moment.report(account)
    return report === undefined || marginRatio(report) >= toRatio
  }
  if (safe()) return true
  if (!moment.reachable(account.venue)) {
    moment.note('blocked', account.venue, 'deleverage', 0, 'the venue cannot be reached')
    return false
  }
  if (borrows(account)) {
    const report = moment.report(account)!
    // Equity over (1 − threshold) × collateral: selling the share 1 − ratio / toRatio of the collateral brings it there, and a
    // twentieth more pays for the sale.
    const owed = account.positions.reduce(
      (sum, each) => sum - Math.min(0, positionValue(each, account.venue, moment.market)),
      0,
    )
    const sold = (report.equity + owed) * (1 - Math.max(0, marginRatio(report)) / toRatio) * 1.05
    const share = Math.min(1, sold / owed)
    return (repayLoan(moment, account, share) && safe()) || (repayLoan(moment, account, 1) && safe())
  }
  for (const position of worstFirst(moment, account, account.positions)) {
    if (!moment.close(account, position, 1, 'us')) {
      moment.note('blocked', account.venue, positionName(position), 0, 'nothing is known of its book')
      continue
    }
    if (safe()) return true
  }
  return safe()
}

/** Repays a share of every debt, from balances first and then by selling the largest collateral where the loan is. */
function repayLoan(moment: StressMoment, account: HeldAccount, share: number): boolean {
  const { market } = moment
  const debts = account.positions.filter(({ kind }) => kind === 'debt')
  const owed = -debts.reduce((sum, debt) => sum + positionValue(debt, account.venue, market), 0) * share
  let left = owed - repayFromBalances(moment, account, owed)
  for (let i = 0; i < account.positions.length + 1 && left > 1e-6; i++) {
    const sold = sellCollateral(moment, account, left)
    if (sold === undefined) return false
    left -= sold
  }
  return left <= 1e-6
}

/** Sells enough of the largest collateral to repay up to so many dollars, and repays. Undefined where it cannot. */
function sellCollateral(moment: StressMoment, account: HeldAccount, wanted: number): number | undefined {
  const { market, book } = moment
  const worth = (asset: string, amount: number) => amount * market.spot(asset)
  const [supply] = account.positions
    .filter((each): each is LendingPosition => each.kind === 'supply')
    .sort((a, b) => worth(b.asset, b.amount) - worth(a.asset, a.amount))
  const debt = account.positions.find((each) => each.kind === 'debt')
  if (!supply || !debt) return undefined
  const owed = Math.min(wanted, worth(debt.asset, account.owed(debt.asset)))
  const held = worth(supply.asset, supply.amount)
  const same = supply.asset === debt.asset || (dollarLike(supply.asset) && dollarLike(debt.asset))
  const costs = (dollars: number) =>
    same ? { slippage: 0, fees: 0 } : tradeCost(market, account.venue, supply.asset, -dollars)
  const gas = market.transactionCost(account.venue)
  // What is sold has to pay for its own sale: solved by repetition, for the cost grows with the sale.
  let sold = Math.min(owed, held)
  for (let i = 0; i < 30; i++) {
    const cost = costs(sold)
    if (!cost) {
      moment.note('blocked', account.venue, supply.asset, 0, 'nothing is known of its book')
      return undefined
    }
    sold = Math.min(held, owed + cost.slippage + cost.fees + gas)
  }
  const cost = costs(sold)!
  const repaid = Math.min(owed, sold - cost.slippage - cost.fees - gas)
  if (!(repaid > 0)) return undefined
  account.withdraw(supply.asset, sold / market.spot(supply.asset))
  account.repay(debt.asset, repaid / market.spot(debt.asset))
  account.credit(debt.asset, sold - repaid - cost.slippage - cost.fees - gas, market)
  account.cover(market)
  book.losses.slippage += cost.slippage
  book.losses.fees += cost.fees
  book.losses.gas += gas
  moment.push(account.venue, supply.asset, same ? 0 : -sold)
  moment.note(
    'closed',
    account.venue,
    `${supply.asset} for ${debt.asset}`,
    cost.slippage + cost.fees + gas,
    repaidNote(repaid),
  )
  return repaid
}
