/** @file What every account's venue asks of it, where it is liquidated, and how that changes as coins move. */

import { DAY_US } from '../../core/clock.ts'
import { GimbalError } from '../../core/errors.ts'
import { dollarLike } from '../../market/instrument.ts'
import type { Book, VenueAccount } from '../../portfolio/book.ts'
import { positionName } from '../../portfolio/book.ts'
import { exposedAssets, liquidationDistance, liquidationPrices } from '../../portfolio/margin/liquidation.ts'
import type { MarginEngine, MarginReport } from '../../portfolio/margin/marginEngine.ts'
import { freeCollateral } from '../../portfolio/margin/marginReport.ts'
import { marginEngine } from '../../portfolio/margin/registry.ts'
import { marginalMargins } from '../../portfolio/margin/whatIf.ts'
import { type MarketView, ShiftedView } from '../../portfolio/marketView.ts'
import { accountValue } from '../../portfolio/valuation.ts'
import type { AccountFacts, LiquidationFacts, MarginLadder, PoolFacts } from '../../report/deskReport.ts'
import { marginRatio } from '../../risk/stress/marginRatio.ts'

/** Volatility of an asset without options, a fraction a year: a coin's in a lively year; ours. */
const VOLATILITY_ASSUMED = 0.8
/** Days ahead at which options are asked for it. */
const VOLATILITY_DAYS = 30
/** Lines of a pool that are shown. */
const LINES_SHOWN = 8

/** Prices over today's at which margin is looked at: half to one and a half. */
export const MARGIN_FACTORS: readonly number[] = Array.from({ length: 101 }, (_, i) => 0.5 + i / 100)

/** Each account; the rules of a venue that cannot carry a position are quoted, not raised. */
export function accountFacts(book: Book, view: MarketView): AccountFacts[] {
  return book.accounts.map((account, index) => factsOf(account, index, view))
}

function factsOf(account: VenueAccount, index: number, view: MarketView): AccountFacts {
  const shared = {
    account: index,
    venue: account.venue,
    value: accountValue(account, view),
    balances: Object.entries(account.balances).map(([currency, units]) => {
      return { currency, units, dollars: units * view.spot(currency) }
    }),
  }
  const nothing = {
    ...{ equity: Number.NaN, initial: Number.NaN, maintenance: Number.NaN, free: Number.NaN },
    ...{ ratio: Number.NaN, liquidatable: false, missing: [], refusal: '' },
    ...{ pools: [], liquidations: [], shares: [] },
  }
  if (account.margin === undefined)
    return { ...shared, ...nothing, engine: '', source: '', ratio: Number.POSITIVE_INFINITY }
  const engine = marginEngine(account.margin)
  let report: MarginReport
  try {
    report = engine.assess(account, view)
  } catch (error) {
    if (!(error instanceof GimbalError) || error.code !== 'margin-unsupported') throw error
    const facts = Object.entries(error.facts).map(([name, value]) => `${name} ${value}`)
    const refusal = `${error.message.split('\n')[0]} (${facts.join(', ')})`
    return { ...shared, ...nothing, engine: engine.name, source: engine.source, refusal }
  }
  const { equity, initial, maintenance, liquidatable, missing, pools } = report
  const known = missing.length === 0
  return {
    ...shared,
    engine: engine.name,
    source: engine.source,
    equity,
    initial,
    maintenance,
    free: pools.reduce((sum, pool) => sum + freeCollateral(pool) * view.spot(pool.currency), 0),
    ratio: marginRatio(report),
    liquidatable,
    missing,
    refusal: '',
    pools: pools.map(poolOf),
    liquidations: known ? liquidationsOf(engine, account, view) : [],
    shares: known
      ? marginalMargins(engine, account, view).map(({ position, ...sums }) => ({
          name: positionName(position),
          ...sums,
        }))
      : [],
  }
}

function poolOf(pool: MarginReport['pools'][number]): PoolFacts {
  const { name, currency, equity, initial, maintenance } = pool
  const lines = [...pool.lines].sort((a, b) => Math.abs(b.initial) - Math.abs(a.initial)).slice(0, LINES_SHOWN)
  const linesLeftOut = pool.lines.length - lines.length
  return { name, currency, equity, initial, maintenance, free: freeCollateral(pool), lines, linesLeftOut }
}

/** Of every coin the account depends on and the market has a price of. */
function liquidationsOf(engine: MarginEngine, account: VenueAccount, view: MarketView): LiquidationFacts[] {
  return (
    exposedAssets(account)
      // What venues take no account of may be unpriced without a margin being unknown.
      .filter((asset) => !dollarLike(asset) && view.spot(asset) > 0)
      .map((asset) => {
        const { price, down, up } = liquidationPrices(engine, account, asset, view)
        const said = impliedVolatility(asset, view)
        const volatility = said > 0 ? said : VOLATILITY_ASSUMED
        const below = liquidationDistance(price, down, volatility)
        const above = liquidationDistance(price, up, volatility)
        return {
          ...{ asset, price, volatility, volatilityAssumed: !(said > 0), down, up },
          ...{ downPercent: below.percent, upPercent: above.percent },
          ...{ downDeviations: below.daily, upDeviations: above.daily },
        }
      })
  )
}

/** At the money, thirty days ahead; NaN where no options are known. */
export function impliedVolatility(asset: string, view: MarketView): number {
  const expiryUs = view.timeUs + VOLATILITY_DAYS * DAY_US
  return view.volatility(asset, expiryUs, view.forward(asset, expiryUs))
}

/** Margin ratios as all coins move together; volatility sticks to the strike. NaN for an account its venue's rules refuse. */
export function marginLadder(book: Book, view: MarketView, accounts: readonly AccountFacts[]): MarginLadder {
  const coins = [...new Set(book.accounts.flatMap(exposedAssets))].filter((asset) => !dollarLike(asset))
  const moved = MARGIN_FACTORS.map(
    (factor) => new ShiftedView(view, { spot: Object.fromEntries(coins.map((asset) => [asset, factor])) }),
  )
  return {
    factors: MARGIN_FACTORS,
    ratios: book.accounts.map((account, index) => {
      if (account.margin === undefined) return MARGIN_FACTORS.map(() => Number.POSITIVE_INFINITY)
      if (accounts[index]!.refusal !== '') return MARGIN_FACTORS.map(() => Number.NaN)
      const engine = marginEngine(account.margin)
      return moved.map((market) => marginRatio(engine.assess(account, market)))
    }),
  }
}
