/**
 * @file Deribit's standard margin: every position by itself, every currency by itself.
 *
 * Coin-settled contracts are margined in their coin, those settled in USDC in USDC. A sold option is asked a share of its
 * underlying plus its mark price; a bought one was paid for and neither asks nor backs anything. Hence equity is balance plus
 * profit of futures, without the value of options. At the venue premiums are in the balance from the trade on: where a position
 * carries an `entry`, which says that they are still owed, equity counts them as paid.
 *
 * Sources: support.deribit.com, "Linear Perpetual" and "11 January 2022" (change of margins); for options doc.tslab.pro, "Deribit Margin
 * Requirements Calculation", and the equal table of Aevo; all read November 2026.
 */

import { dollarLike } from '../../market/instrument.ts'
import type { FuturePosition, OptionPosition, VenueAccount } from '../book.ts'
import type { MarketView } from '../marketView.ts'
import { futureMark, optionDollars } from '../valuation.ts'
import { type HeldContract, holdContract } from './heldContracts.ts'
import type { MarginEngine, MarginLine, MarginPool, MarginReport } from './marginEngine.ts'
import { marginReport, placedName, pooled, refuseDebts, refusePosition, requireNumbers } from './marginReport.ts'
import { WatchedView } from './watchedView.ts'

/** Margin rate of a future: base rate plus slope times position, a fraction of the position. */
export interface DeribitFutureTerms {
  readonly initial: number
  readonly maintenance: number
  /** More for every coin of position. */
  readonly perCoin: number
}

/** By asset. Sources: support.deribit.com, "Linear Perpetual" (BTC, SOL) and "11 January 2022" (BTC, ETH); read November 2026. */
export const DERIBIT_FUTURES: Readonly<Record<string, DeribitFutureTerms>> = {
  BTC: { initial: 0.02, maintenance: 0.01, perCoin: 0.005e-2 },
  ETH: { initial: 0.02, maintenance: 0.01, perCoin: 0.0004e-2 },
  SOL: { initial: 0.04, maintenance: 0.02, perCoin: 0.0005e-2 },
}

/** What a position or a unit of it is asked. */
export interface Requirement {
  readonly initial: number
  readonly maintenance: number
}

/** Of a future or perpetual of `coins` base units, in base units. */
export function deribitFutureMargin(coins: number, terms: DeribitFutureTerms): Requirement {
  const amount = Math.abs(coins)
  return {
    initial: amount * (terms.initial + amount * terms.perCoin),
    maintenance: amount * (terms.maintenance + amount * terms.perCoin),
  }
}

/**
 * Of one sold option beyond its mark price, as a share of its underlying:
 *
 *   call  initial max(0.15 − out-of-the-money share, 0.1)       maintenance 0.075
 *   put   initial the same, at least maintenance                 maintenance max(0.075, 0.075 × mark)
 *
 * @param right +1 call, −1 put.
 * @param underlying Price of it, dollars.
 * @param mark Of the option, in units of the underlying.
 */
export function deribitShortOptionShare(right: number, strike: number, underlying: number, mark: number): Requirement {
  const outOfTheMoney = Math.max(0, (right * (strike - underlying)) / underlying)
  const initial = Math.max(0.15 - outOfTheMoney, 0.1)
  if (right > 0) return { initial, maintenance: 0.075 }
  const maintenance = Math.max(0.075, 0.075 * mark)
  return { initial: Math.max(initial, maintenance), maintenance }
}

/** {@link deribitShortOptionShare} with the mark price, which is owed besides. */
export function deribitShortOption(right: number, strike: number, underlying: number, mark: number): Requirement {
  const share = deribitShortOptionShare(right, strike, underlying, mark)
  return { initial: share.initial + mark, maintenance: share.maintenance + mark }
}

/** Base units of a future: what it is of them when linear, its dollars over the mark when inverse. */
export function futureCoins(position: FuturePosition, mark: number): number {
  return position.payoff === 'linear' ? position.size : position.size / mark
}

/** Profit of a future since its entry, in its settlement currency. */
export function futureProfit(position: FuturePosition, mark: number): number {
  if (position.payoff === 'linear') return position.size * (mark - position.entry)
  return position.size * (1 / position.entry - 1 / mark)
}

/**
 * What Deribit carries: futures and options settled in their own coin or in a dollar coin.
 *
 * @throws {GimbalError} `margin-unsupported` for anything else.
 */
export function deribitPosition(
  engine: string,
  position: VenueAccount['positions'][number],
  venue: string,
): FuturePosition | OptionPosition {
  if (position.kind !== 'perp' && position.kind !== 'future' && position.kind !== 'option') {
    return refusePosition(engine, position, venue, 'only futures, perpetuals and options are')
  }
  const inverse = position.kind === 'option' ? !dollarLike(position.settle) : position.payoff === 'inverse'
  if (inverse ? position.settle !== position.asset : !dollarLike(position.settle)) {
    return refusePosition(engine, position, venue, `it settles in ${position.settle}`)
  }
  if (position.kind !== 'option' && position.isolatedMargin !== undefined) {
    return refusePosition(engine, position, venue, 'there is no isolated margin')
  }
  return position
}

const NAME = 'deribit-standard'

/** @param futures Terms by asset. Options are margined by one rule, for BTC and ETH and what else is in it. */
export function deribitStandard(futures: Readonly<Record<string, DeribitFutureTerms>> = DERIBIT_FUTURES): MarginEngine {
  return {
    name: NAME,
    source: 'support.deribit.com, Linear Perpetual; doc.tslab.pro, Deribit margin requirements; November 2026',
    assess(account: VenueAccount, market: MarketView): MarginReport {
      requireNumbers(account)
      refuseDebts(NAME, account, () => true) // Losses are booked to balances, so any may be below zero.
      const view = new WatchedView(market)
      const pools = new Map<string, { equity: number; lines: MarginLine[] }>()
      const pool = (currency: string) => {
        const known = pools.get(currency)
        if (known) return known
        const opened = { equity: 0, lines: [] }
        pools.set(currency, opened)
        return opened
      }
      for (const [currency, units] of Object.entries(account.balances)) pool(currency).equity += units
      const held = new Map<string, HeldContract<FuturePosition | OptionPosition>>()
      for (const each of account.positions) {
        const position = deribitPosition(NAME, each, account.venue)
        if (!Object.hasOwn(futures, position.asset)) {
          refusePosition(NAME, position, account.venue, 'its asset has no listed terms')
        }
        const sum = pool(position.settle)
        if (position.size === 0) continue
        if (position.kind === 'option') sum.equity -= position.size * (position.entry ?? 0)
        else sum.equity += futureProfit(position, futureMark(position, account.venue, view))
        holdContract(held, position)
      }
      for (const { position, size } of held.values()) {
        const { lines } = pool(position.settle)
        const what = placedName(position, account.venue)
        if (position.kind === 'option') {
          if (size >= 0) continue
          const underlying = view.forward(position.asset, position.expiryUs, position.instrument)
          view.volatility(position.asset, position.expiryUs, position.strike, position.instrument)
          const inUnderlying = optionDollars(position, view) / view.spot(position.asset)
          const asked = deribitShortOption(position.right, position.strike, underlying, inUnderlying)
          // Linear ones are asked in dollars: shares of the underlying become dollars of it.
          const unit = -size * (dollarLike(position.settle) ? view.spot(position.asset) : 1)
          lines.push({ what, initial: unit * asked.initial, maintenance: unit * asked.maintenance })
        } else {
          const mark = futureMark(position, account.venue, view)
          const asked = deribitFutureMargin(futureCoins({ ...position, size }, mark), futures[position.asset]!)
          const unit = position.payoff === 'linear' ? view.spot(position.asset) : 1
          lines.push({ what, initial: unit * asked.initial, maintenance: unit * asked.maintenance })
        }
      }
      const rows: MarginPool[] = [...pools].map(([currency, { equity, lines }]) =>
        pooled(currency, currency, equity, lines),
      )
      return marginReport(NAME, rows, view)
    },
  }
}
