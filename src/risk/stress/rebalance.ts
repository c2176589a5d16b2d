/**
 * @file Hedges put right after prices moved and positions were taken: where a venue answers, and only if it is worth it.
 *
 * The benefit of a hedge is the loss it saves on average: half of a normal move over the horizon, E max(0, −σ√h N) = σ√h/√(2π) of
 * the dollars at risk. The cost is half the spread, impact, fee and gas. When gas or thin books make the cost the larger, the book
 * stays unhedged, and the record says so.
 */

import { DAY_US } from '../../core/clock.ts'
import { dollarLike } from '../../market/instrument.ts'
import type { FuturePosition } from '../../portfolio/book.ts'
import type { MarketView } from '../../portfolio/marketView.ts'
import { noPositionGreeks, positionGreeks } from '../../portfolio/positionGreeks.ts'
import { positionValue } from '../../portfolio/valuation.ts'
import { tradeCost } from './closingCost.ts'
import { HeldAccount, type HeldBook } from './heldBook.ts'
import { assess, marginRatio } from './marginRatio.ts'
import type { StressMoment } from './stressMoment.ts'
import type { HedgePlace } from './stressSettings.ts'

const YEAR_US = 365 * DAY_US
const ROOT_TWO_PI = Math.sqrt(2 * Math.PI)
/** A hedge smaller than this is not worth a line in the record. */
const DELTA_DOLLARS_MIN = 1

/** Base units of each asset the book is long or short, coins held and money under way included; dollar coins left out. */
export function bookDeltas(book: HeldBook, market: MarketView): Map<string, number> {
  const deltas = new Map<string, number>()
  const add = (asset: string, units: number) => {
    if (units !== 0 && asset !== '' && !dollarLike(asset)) deltas.set(asset, (deltas.get(asset) ?? 0) + units)
  }
  const greeks = noPositionGreeks()
  for (const account of book.accounts) {
    for (const [currency, units] of Object.entries(account.balances)) add(currency, units)
    for (const position of account.positions) {
      positionGreeks(position, account.venue, market, greeks)
      add(position.asset, greeks.delta)
      add(greeks.other, greeks.otherDelta)
    }
  }
  for (const { currency, units } of book.inTransit) add(currency, units)
  return deltas
}

/** Perpetuals the book holds; only those of cross margin, where deltas can be put right, are `tradable`. */
export function heldPerpetuals(book: HeldBook, tradable = false): HedgePlace[] {
  const places: HedgePlace[] = []
  for (const { venue, positions } of book.accounts)
    for (const position of positions) {
      const { kind, asset } = position
      if (tradable && 'isolatedMargin' in position && position.isolatedMargin !== undefined) continue
      if (kind === 'perp' && !places.some((each) => each.venue === venue && each.asset === asset))
        places.push({ asset, venue })
    }
  return places
}

/**
 * Brings the deltas of assets that have a hedge back between zero and what the book began with.
 *
 * @param reducingOnly Where only trades are allowed that make a position smaller: what a paused account still may.
 */
export function rebalance(
  moment: StressMoment,
  places: readonly HedgePlace[],
  targets: ReadonlyMap<string, number>,
  reducingOnly: (venue: string) => boolean,
): void {
  const deltas = bookDeltas(moment.book, moment.market)
  for (const asset of new Set(places.map((place) => place.asset))) {
    const delta = deltas.get(asset) ?? 0
    const target = targets.get(asset) ?? 0
    // A position that was taken was not a hedge that failed: exposure that shrank towards zero is not bought back.
    const wanted = Math.min(Math.max(delta, Math.min(0, target)), Math.max(0, target)) - delta
    const dollars = wanted * moment.market.spot(asset)
    if (!(Math.abs(dollars) >= DELTA_DOLLARS_MIN)) continue
    hedge(
      moment,
      places.filter((place) => place.asset === asset),
      asset,
      dollars,
      reducingOnly,
    )
  }
}

interface Candidate {
  readonly account: HeldAccount
  readonly slippage: number
  readonly fees: number
  readonly gas: number
}

const costOf = ({ slippage, fees, gas }: Candidate) => slippage + fees + gas

function hedge(
  moment: StressMoment,
  places: readonly HedgePlace[],
  asset: string,
  dollars: number,
  reducingOnly: (venue: string) => boolean,
): void {
  const candidates: Candidate[] = []
  let why = 'no venue'
  for (const { venue } of places) {
    const account = moment.book.accounts.find((each) => each.venue === venue)
    if (!account) continue
    if (!moment.reachable(venue)) {
      why = `${venue} cannot be reached`
      continue
    }
    const cost = tradeCost(moment.market, venue, asset, dollars)
    if (!cost) {
      why = `no book is known at ${venue}`
      continue
    }
    if (!allowed(moment, account, asset, dollars, reducingOnly(venue))) {
      why = reducingOnly(venue) ? 'only reducing trades are allowed' : `${venue} has no margin for it`
      continue
    }
    candidates.push({ account, ...cost, gas: moment.market.transactionCost(venue) })
  }
  candidates.sort((a, b) => costOf(a) - costOf(b))
  const [best] = candidates
  if (!best) {
    moment.note('hedge-unavailable', places[0]!.venue, asset, dollars, why)
    return
  }
  const saved = benefit(moment, asset, dollars)
  const cost = costOf(best)
  if (!(saved > cost)) {
    const reason = saved > cost - best.gas ? 'gas' : 'spread and impact'
    const figures = `costs ${cost.toFixed(2)}, saves ${saved.toFixed(2)}: ${reason}`
    moment.note('hedge-priced-out', best.account.venue, asset, dollars, figures)
    return
  }
  trade(moment, best.account, asset, dollars)
  best.account.debit(cost, moment.market)
  best.account.cover(moment.market)
  moment.book.losses.slippage += best.slippage
  moment.book.losses.fees += best.fees
  moment.book.losses.gas += best.gas
  moment.push(best.account.venue, asset, dollars)
  moment.note('hedged', best.account.venue, asset, dollars)
}

/** Mean loss of carrying signed dollars of an asset unhedged over the horizon. */
function benefit(moment: StressMoment, asset: string, dollars: number): number {
  const { hedgeHorizonUs, hedgeVolatility } = moment.settings
  const { market } = moment
  const known = market.volatility(asset, market.timeUs + 30 * DAY_US, market.spot(asset))
  const volatility = Number.isNaN(known) ? hedgeVolatility : known
  return (Math.abs(dollars) * volatility * Math.sqrt(hedgeHorizonUs / YEAR_US)) / ROOT_TWO_PI
}

function perpetualOf(account: HeldAccount, asset: string): FuturePosition | undefined {
  return account.positions.find(
    (each): each is FuturePosition => each.kind === 'perp' && each.asset === asset && each.isolatedMargin === undefined,
  )
}

/** Whether the account may make the trade: it reduces, or leaves margin above where a call would begin. */
function allowed(
  moment: StressMoment,
  account: HeldAccount,
  asset: string,
  dollars: number,
  reducingOnly: boolean,
): boolean {
  const held = perpetualOf(account, asset)
  const market = moment.shown(account.venue)
  const mark = market.perpetual(account.venue, asset)
  const exposure = held === undefined ? 0 : held.payoff === 'linear' ? held.size * mark : held.size
  if (exposure * dollars < 0 && Math.abs(dollars) <= Math.abs(exposure)) return true
  if (reducingOnly) return false
  const after = new HeldAccount(account)
  setPerpetual(after, asset, dollars, market)
  const report = assess(after, moment.engines, market, moment.levels)
  return report === undefined || marginRatio(report) >= moment.settings.callBelow
}

function trade(moment: StressMoment, account: HeldAccount, asset: string, dollars: number): void {
  setPerpetual(account, asset, dollars, moment.market)
}

/** Books a trade at the mark: profit so far becomes a balance, and the position begins anew at the mark. Worth is unchanged. */
function setPerpetual(account: HeldAccount, asset: string, dollars: number, market: MarketView): void {
  const held = perpetualOf(account, asset)
  const mark = market.perpetual(account.venue, asset)
  const payoff = held?.payoff ?? 'linear'
  const settle = held?.settle ?? 'USDC'
  if (held) account.credit(settle, positionValue(held, account.venue, market), market)
  const size = (held?.size ?? 0) + (payoff === 'linear' ? dollars / mark : dollars)
  const at = held ? account.positions.indexOf(held) : account.positions.length
  const next: FuturePosition = { ...(held ?? { kind: 'perp', asset }), kind: 'perp', size, payoff, entry: mark, settle }
  if (size === 0) account.positions.splice(at, 1)
  else account.positions[at] = next
}
