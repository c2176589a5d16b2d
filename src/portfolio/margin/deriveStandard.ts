/**
 * @file Derive's standard margin (SRM): positions by themselves, except that options of one expiry are asked no more than they can lose.
 *
 * Per expiry the lesser of two: the sum of what each sold option is asked by itself, and the greatest loss at expiry over all prices (at zero
 * and at every strike, plus a charge for every call sold beyond those bought, whose loss has no bound). Bought options are paid for and
 * back nothing but the options of their own expiry. Perpetuals are asked a share of their notional, coins back at a discount.
 *
 * Rows of one contract are one position. Figures are in stable coins; prices of underlyings are taken as they are.
 *
 * Source: docs.derive.xyz, "Standard Margin" and "Standard Margin Parameters" (crawled July 2026); behaviour of v2-core's StandardManager.
 * No reference cases were at hand: tests are by hand and by property.
 */

import { dollarLike } from '../../market/instrument.ts'
import { black76Price } from '../../pricing/black76.ts'
import type { FuturePosition, OptionPosition, VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'
import { type HeldContract, holdContract } from './heldContracts.ts'
import type { MarginEngine, MarginLine, MarginReport } from './marginEngine.ts'
import { marginReport, placedName, pooled, refuseDebts, refusePosition, requireNumbers } from './marginReport.ts'
import { WatchedView } from './watchedView.ts'

const YEAR_US = 365 * 86_400_000_000

/** Terms of one market, fractions of its spot price unless said otherwise. */
export interface DeriveStandardTerms {
  readonly perpInitial: number
  readonly perpMaintenance: number
  /** Of a sold option: `optionMax` less how far it is out of the money, at least `optionMin`. */
  readonly optionMax: number
  readonly optionMin: number
  readonly callMaintenance: number
  readonly putMaintenance: number
  /** Share of a put's mark, where that is more. */
  readonly putMarkMaintenance: number
  /** A put's initial margin is at least its maintenance times this. */
  readonly maintenanceScale: number
  /** Per call sold beyond those bought, times the forward. */
  readonly unpairedInitial: number
  readonly unpairedMaintenance: number
  /** Share of a coin's value that backs the account, and what is left of that share for initial margin; 0: not taken. */
  readonly baseFactor: number
  readonly baseInitialScale: number
  /** Price of the stable coin below which sold options and perpetuals are asked more, and how much of spot per unit below. */
  readonly pegThreshold: number
  readonly pegFactor: number
}

const BTC: DeriveStandardTerms = {
  perpInitial: 0.1,
  perpMaintenance: 0.065,
  optionMax: 0.15,
  optionMin: 0.13,
  callMaintenance: 0.09,
  putMaintenance: 0.09,
  putMarkMaintenance: 0.09,
  maintenanceScale: 1.05,
  unpairedInitial: 1.2,
  unpairedMaintenance: 1.1,
  baseFactor: 0.75,
  baseInitialScale: 0.93,
  pegThreshold: 0.99,
  pegFactor: 2,
}

/**
 * Source: docs.derive.xyz, "Standard Margin Parameters", crawled July 2026: the terms of v2-core. The generation announced since asks less of
 * perpetuals (BTC and ETH 0.066 and 0.05, SOL 0.077 and 0.067, HYPE 0.1 and 0.08); what it asks of options was not at hand.
 */
export const DERIVE_STANDARD_TERMS: Readonly<Record<string, DeriveStandardTerms>> = {
  BTC,
  ETH: { ...BTC, baseFactor: 0.8, baseInitialScale: 0.9375 },
  SOL: {
    ...BTC,
    perpInitial: 0.33,
    perpMaintenance: 0.067,
    optionMax: 0.24,
    optionMin: 0.18,
    callMaintenance: 0.14,
    putMaintenance: 0.14,
    putMarkMaintenance: 0.14,
    unpairedInitial: 1.25,
    unpairedMaintenance: 1.2,
    baseFactor: 0,
    baseInitialScale: 0,
  },
  HYPE: {
    ...BTC,
    perpInitial: 0.15,
    perpMaintenance: 0.1,
    optionMax: 0.3,
    optionMin: 0.25,
    callMaintenance: 0.18,
    putMaintenance: 0.18,
    putMarkMaintenance: 0.18,
    unpairedInitial: 1.3,
    unpairedMaintenance: 1.25,
    baseFactor: 0.55,
    baseInitialScale: 0.9,
  },
}

/** What is asked, in stable coins, at least 0. */
export interface Asked {
  readonly initial: number
  readonly maintenance: number
}

/**
 * Asked of sold contracts by themselves, their mark included: nothing of bought ones.
 *
 * @param size Contracts, signed.
 * @param mark Of one contract, dollars.
 */
export function deriveIsolatedOption(
  right: number,
  strike: number,
  size: number,
  spot: number,
  mark: number,
  terms: DeriveStandardTerms,
): Asked {
  if (size >= 0) return { initial: 0, maintenance: 0 }
  const sold = -size
  const outOfTheMoney = Math.max(0, (right * (strike - spot)) / spot)
  const initial = Math.max(terms.optionMin, terms.optionMax - outOfTheMoney) * spot + mark
  if (right > 0) return { initial: sold * initial, maintenance: sold * (terms.callMaintenance * spot + mark) }
  const maintenance = Math.max(terms.putMaintenance * spot, terms.putMarkMaintenance * mark) + mark
  return { initial: sold * Math.max(initial, terms.maintenanceScale * maintenance), maintenance: sold * maintenance }
}

/** One option of an expiry: its terms, size and mark of one contract in dollars. */
export interface MarkedOption {
  readonly right: number
  readonly strike: number
  readonly size: number
  readonly mark: number
}

/** Greatest loss at expiry over all prices where it is bounded above: at zero and at every strike. At least 0. */
export function deriveGreatestLoss(options: readonly MarkedOption[]): number {
  const lossAt = (price: number) => {
    let payoff = 0
    for (const { right, strike, size } of options) payoff += size * Math.max(0, right * (price - strike))
    return -payoff
  }
  let loss = Math.max(0, lossAt(0))
  for (const { strike } of options) loss = Math.max(loss, lossAt(strike))
  return loss
}

/** Asked of all options of one expiry: the lesser of the sum of isolated margins and the greatest loss. */
export function deriveExpiryMargin(
  options: readonly MarkedOption[],
  spot: number,
  forward: number,
  terms: DeriveStandardTerms,
): Asked {
  let initial = 0
  let maintenance = 0
  let calls = 0
  for (const { right, strike, size, mark } of options) {
    const asked = deriveIsolatedOption(right, strike, size, spot, mark, terms)
    initial += asked.initial
    maintenance += asked.maintenance
    if (right > 0) calls += size
  }
  const loss = deriveGreatestLoss(options)
  const unpaired = Math.max(0, -calls) * forward
  return {
    initial: Math.min(initial, loss + terms.unpairedInitial * unpaired),
    maintenance: Math.min(maintenance, loss + terms.unpairedMaintenance * unpaired),
  }
}

const NAME = 'derive-standard'
const CASH = 'USDC'

/** An option's mark, undiscounted as the manager prices it: Black-76 at the forward. */
function markOf(option: OptionPosition, market: MarketView): number {
  const { asset, expiryUs, strike, right, instrument } = option
  const years = (expiryUs - market.timeUs) / YEAR_US
  if (years <= 0) return Math.max(0, right * (market.spot(asset) - strike))
  const forward = market.forward(asset, expiryUs, instrument)
  const volatility = market.volatility(asset, expiryUs, strike, instrument)
  if (Number.isNaN(forward) || Number.isNaN(volatility)) return Number.NaN
  return black76Price({ right, forward, strike, years, volatility })
}

/** The engine. Coins count with their discounted value in equity's stead as a line: value less what of it backs. */
export function deriveStandard(
  terms: Readonly<Record<string, DeriveStandardTerms>> = DERIVE_STANDARD_TERMS,
): MarginEngine {
  return {
    name: NAME,
    source: 'docs.derive.xyz, Standard Margin Parameters, July 2026; v2-core StandardManager',
    assess(account: VenueAccount, market: MarketView): MarginReport {
      requireNumbers(account)
      refuseDebts(NAME, account, (currency) => currency === CASH)
      const view = new WatchedView(market)
      const stable = view.spot(CASH)
      const lines: MarginLine[] = []
      let equity = account.balances[CASH] ?? 0
      for (const [coin, units] of Object.entries(account.balances)) {
        const listed = Object.hasOwn(terms, coin) ? terms[coin]! : undefined
        if (coin === CASH || units === 0 || !listed?.baseFactor) continue
        // Taken at its dollars: the manager divides by the stable coin's price only to show what it is worth.
        const value = units * view.spot(coin)
        const backing = value * listed.baseFactor
        equity += value
        const initial = value - backing * listed.baseInitialScale
        lines.push({ what: `discount ${coin}`, initial, maintenance: value - backing })
      }
      const perps = new Map<string, HeldContract<FuturePosition>>()
      const options = new Map<string, HeldContract<OptionPosition>>()
      const perpMark = (position: FuturePosition) => view.perpetual(account.venue, position.asset, position.instrument)
      const pegCharge = (asset: string) =>
        terms[asset]!.pegFactor * Math.max(0, terms[asset]!.pegThreshold - stable) * view.spot(asset)
      for (const position of account.positions) {
        if (!Object.hasOwn(terms, position.asset)) {
          refusePosition(NAME, position, account.venue, 'its asset has no listed terms')
        }
        if (position.kind === 'perp' && position.payoff === 'linear' && dollarLike(position.settle)) {
          if (position.isolatedMargin !== undefined) {
            refusePosition(NAME, position, account.venue, 'there is no isolated margin')
          }
          if (position.size === 0) continue
          equity += position.size * (perpMark(position) - position.entry)
          holdContract(perps, position)
        } else if (position.kind === 'option' && dollarLike(position.settle)) {
          if (position.size === 0) continue
          equity -= position.size * (position.entry ?? 0)
          holdContract(options, position)
        } else refusePosition(NAME, position, account.venue, 'only options and linear perpetuals are')
      }
      for (const { position, size } of perps.values()) {
        const listed = terms[position.asset]!
        const amount = Math.abs(size)
        const notional = amount * perpMark(position)
        lines.push({
          what: placedName(position, account.venue),
          initial: notional * listed.perpInitial + amount * pegCharge(position.asset),
          maintenance: notional * listed.perpMaintenance,
        })
      }
      const expiries = new Map<string, { asset: string; expiryUs: number; forward: number; options: MarkedOption[] }>()
      for (const { position, size } of options.values()) {
        const { asset, expiryUs, right, strike, instrument } = position
        const key = `${asset} ${expiryUs}`
        const forward = view.forward(asset, expiryUs, instrument)
        const expiry = expiries.get(key) ?? { asset, expiryUs, forward, options: [] }
        expiries.set(key, expiry)
        expiry.options.push({ right, strike, size, mark: markOf(position, view) })
        const peg = pegCharge(asset)
        if (size < 0 && !(peg <= 0)) {
          const what = `stable coin below its peg ${placedName(position, account.venue)}`
          lines.push({ what, initial: -size * peg, maintenance: 0 })
        }
      }
      for (const { asset, expiryUs, forward, options } of expiries.values()) {
        const asked = deriveExpiryMargin(options, view.spot(asset), forward, terms[asset]!)
        const when = new Date(expiryUs / 1000).toISOString().slice(0, 16)
        lines.push({ what: `options ${asset} ${when}`, ...asked })
      }
      return marginReport(NAME, [pooled(CASH, CASH, equity, lines)], view)
    },
  }
}
