/**
 * @file Margin calls: money from accounts that can spare it to those that cannot do without, if it can get there.
 *
 * It takes time, costs a fee and a transaction at either end, and while it is under way it backs neither account.
 */

import { dollarLike } from '../../market/instrument.ts'
import type { LendingPosition } from '../../portfolio/book.ts'
import { HeldAccount } from './heldBook.ts'
import { assess, marginRatio } from './marginRatio.ts'
import type { StressMoment } from './stressMoment.ts'
import { routeOf } from './stressSettings.ts'

/** Most attempts at a smaller sum when the source's own engine says the first would hurt it. */
const HALVINGS_MAX = 12

/** Money that is due arrives, unless a bridge holds it or the venue is down. */
export function receiveTransfers(moment: StressMoment): void {
  const nowUs = moment.market.timeUs
  const { book } = moment
  const waiting: typeof book.inTransit = []
  for (const transfer of book.inTransit) {
    const { from, to, currency, units, arrivesUs } = transfer
    const account = book.accounts.find(({ venue }) => venue === to)
    if (arrivesUs > nowUs || !account) {
      waiting.push(transfer)
      continue
    }
    const dollars = units * moment.market.spot(currency)
    const held = moment.timeline.bridgeStuck(from, moment.index) || moment.timeline.bridgeStuck(to, moment.index)
    if (held || moment.timeline.venueState(to, moment.index) === 'down') {
      moment.note(
        'stuck',
        to,
        currency,
        dollars,
        held ? `from ${from}: the bridge is stuck` : `from ${from}: it is down`,
      )
      waiting.push(transfer)
      continue
    }
    deposit(moment, account, currency, units)
    moment.note('arrived', to, currency, dollars, `from ${from}`)
  }
  book.inTransit = waiting
}

/** Money sent to a borrower repays; to anyone else it is a balance. */
function deposit(moment: StressMoment, account: HeldAccount, currency: string, units: number): void {
  account.balances[currency] = (account.balances[currency] ?? 0) + units
  if (borrows(account)) repayFromBalances(moment, account, units * moment.market.spot(currency))
}

export function borrows(account: HeldAccount): boolean {
  return account.positions.some(({ kind }) => kind === 'debt')
}

/** Repays up to so many dollars of debts from balances of the same currency, or any dollar coin for a dollar coin. */
export function repayFromBalances(moment: StressMoment, account: HeldAccount, most: number): number {
  const { market } = moment
  let left = most
  for (const debt of account.positions.filter((each): each is LendingPosition => each.kind === 'debt')) {
    for (const [currency, units] of Object.entries(account.balances)) {
      const paid = Math.min(left, units * market.spot(currency), account.owed(debt.asset) * market.spot(debt.asset))
      if (!(paid > 0) || !fits(currency, debt.asset)) continue
      account.balances[currency] = units - paid / market.spot(currency)
      account.repay(debt.asset, paid / market.spot(debt.asset))
      left -= paid
    }
  }
  return most - left
}

/** Sends money to every account whose margin has become thin, worst first. */
export function meetCalls(moment: StressMoment): void {
  const { callBelow } = moment.settings
  const thin = moment.book.accounts
    .map((account) => ({ account, report: moment.report(account) }))
    .filter(({ report }) => report !== undefined && report.pools.length > 0)
    .map(({ account, report }) => ({ account, ratio: marginRatio(report!) }))
    .filter(({ ratio }) => !(ratio >= callBelow))
    .sort((a, b) => (Number.isNaN(a.ratio) ? -1 : a.ratio - b.ratio))
  for (const { account } of thin) meetCall(moment, account)
}

interface Need {
  readonly currency: string
  /** Dollars, at true prices. */
  dollars: number
}

/** What would bring the weakest pool to where it should be, less what is already coming. */
function needOf(moment: StressMoment, account: HeldAccount): Need | undefined {
  const report = moment.report(account)!
  let need: Need | undefined
  let least = moment.settings.callBelow
  for (const { equity, maintenance, currency } of report.pools) {
    const ratio =
      maintenance > 0 ? equity / maintenance : equity < 0 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY
    if (!(ratio < least)) continue
    least = ratio
    const short = moment.settings.callTo * maintenance - equity
    const dollars = short * (currency === 'USD' ? 1 : moment.market.spot(currency))
    need = { currency: currency === 'USD' ? 'USDC' : currency, dollars }
  }
  if (!need) return undefined
  for (const { to, currency, units } of moment.book.inTransit)
    if (to === account.venue && fits(currency, need.currency)) need.dollars -= units * moment.market.spot(currency)
  return need.dollars > 0 ? need : undefined
}

/** Any dollar coin helps where dollars are asked. */
const fits = (held: string, wanted: string) => held === wanted || (dollarLike(held) && dollarLike(wanted))

function meetCall(moment: StressMoment, account: HeldAccount): void {
  const need = needOf(moment, account)
  if (!need) return
  const asked = need.dollars
  if (moment.reachable(account.venue) && borrows(account))
    need.dollars -= repayFromBalances(moment, account, need.dollars)
  if (!moment.reachable(account.venue)) {
    moment.note('call-unmet', account.venue, need.currency, asked, 'the venue cannot be reached')
    return
  }
  let why = 'no account can spare any'
  for (const source of moment.book.accounts) {
    if (source === account || need.dollars <= 0) continue
    const refusal = send(moment, source, account, need)
    if (refusal) why = refusal
  }
  if (need.dollars > 0.01 * asked) moment.note('call-unmet', account.venue, need.currency, need.dollars, why)
}

/** Sends what a source can spare of what is needed; returns why it sent nothing, '' when there was nothing to send. */
function send(moment: StressMoment, source: HeldAccount, target: HeldAccount, need: Need): string {
  const route = routeOf(moment.settings, source.venue, target.venue)
  const { timeline, index, market } = moment
  const currency = Object.keys(source.balances)
    .filter((held) => fits(held, need.currency) && source.balances[held]! > 0)
    .sort((a, b) => Number(b === need.currency) - Number(a === need.currency))[0]
  if (currency === undefined) return ''
  if (!route) return `no way from ${source.venue}`
  if (!moment.reachable(source.venue)) return `${source.venue} cannot be reached`
  if (timeline.bridgeStuck(source.venue, index) || timeline.bridgeStuck(target.venue, index))
    return 'the bridge is stuck'
  const gas = market.transactionCost(source.venue) + market.transactionCost(target.venue)
  const price = market.spot(currency)
  const most = Math.min(need.dollars, source.balances[currency]! * price - gas - route.fee)
  const dollars = spareable(moment, source, currency, most)
  if (!(dollars > gas + route.fee))
    return most > gas + route.fee ? `${source.venue} needs it itself` : 'it costs more than it brings'
  source.balances[currency] = source.balances[currency]! - (dollars + gas + route.fee) / price
  source.cover(market)
  moment.book.losses.gas += gas
  moment.book.losses.transfers += route.fee
  need.dollars -= dollars
  const arrivesUs = market.timeUs + route.timeUs
  const units = dollars / price
  const { venue: from } = source
  const { venue: to } = target
  moment.note('sent', to, currency, dollars, `from ${from}`)
  if (route.timeUs === 0) deposit(moment, target, currency, units)
  else moment.book.inTransit.push({ from, to, currency, units, arrivesUs })
  return ''
}

/** The most of a sum a source can send and still stand where we want it to: by its own engine, halved until it agrees. */
function spareable(moment: StressMoment, source: HeldAccount, currency: string, most: number): number {
  if (source.margin === undefined || !(most > 0)) return most
  const shown = moment.shown(source.venue)
  let dollars = most
  for (let i = 0; i < HALVINGS_MAX; i++) {
    const left = new HeldAccount(source)
    left.balances[currency] = left.balances[currency]! - dollars / moment.market.spot(currency)
    const report = assess(left, moment.engines, shown, moment.levels)!
    if (marginRatio(report) >= moment.settings.callTo) return dollars
    dollars /= 2
  }
  return 0
}
