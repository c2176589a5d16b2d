/** @file Getting out ourselves, at stressed prices, where the venue answers: what protective rules ask for. */

import { dollarLike } from '../../market/instrument.ts'
import type { LendingPosition } from '../../portfolio/book.ts'
import { positionName } from '../../portfolio/positionGreeks.ts'
import { positionValue } from '../../portfolio/valuation.ts'
import { tradeCost } from './closingCost.ts'
import type { HeldAccount } from './heldBook.ts'
import { worstFirst } from './liquidate.ts'
import { borrows, repayFromBalances } from './marginCalls.ts'
import { marginRatio } from './marginRatio.ts'
import type { StressMoment } from './stressMoment.ts'

/**
 * Closes what an account holds: all of it, or what it holds of one asset. Coins stay, being no position; a loan is repaid by
 * selling collateral and what is left of that stays supplied.
 *
 * @returns Whether everything asked for is closed.
 */
export function flatten(moment: StressMoment, account: HeldAccount, asset?: string): boolean {
  const { reachable, open } = toClose(moment, account, asset)
  if (open.length === 0 && !owes(account, asset)) return true
  if (!reachable) return false
  let done = true
  for (const position of open) {
    if (moment.close(account, position, 1, 'us')) continue
    moment.note('blocked', account.venue, positionName(position), 0, 'nothing is known of its book')
    done = false
  }
  return owes(account, asset) ? repayLoan(moment, account, 1) && done : done
}

const owes = (account: HeldAccount, asset: string | undefined) =>
  borrows(account) &&
  (asset === undefined ||
    account.positions.some((each) => (each.kind === 'supply' || each.kind === 'debt') && each.asset === asset))

function toClose(moment: StressMoment, account: HeldAccount, asset: string | undefined) {
  const open = account.positions.filter(
    (each) => each.kind !== 'supply' && each.kind !== 'debt' && (asset === undefined || each.asset === asset),
  )
  const reachable = moment.reachable(account.venue)
  if (!reachable && open.length > 0)
    moment.note('blocked', account.venue, `${open.length} positions`, 0, 'the venue cannot be reached')
  if (!reachable || account.margin === undefined) return { reachable, open }
  return { reachable, open: worstFirst(moment, account, open) }
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
    `${repaid.toFixed(2)} repaid`,
  )
  return repaid
}
