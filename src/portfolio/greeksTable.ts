/**
 * @file The Greeks of a whole book: per asset, venue and account, and bucketed by expiry and strike.
 *
 * A row sums what depends on one asset: derivatives on it, coins of it, and profits owed in it. What has no price is in no sum and
 * is listed in `unpriced` instead, with what is missing; a table with entries there describes part of a book and says so.
 *
 * Dollar coins are assets too (a balance of USDC has a delta, which is what losing the peg costs); the totals in dollars leave them
 * out, for a delta in dollars of dollars is only the cash.
 */

import { isoDay } from '../core/clock.ts'
import { normalCdf } from '../core/errorFunction.ts'
import { GimbalError } from '../core/errors.ts'
import { dollarLike } from '../market/instrument.ts'
import type { Book, OptionPosition, Position } from './book.ts'
import { positionName } from './book.ts'
import { addGreeks, clearGreeks, type Greeks, noGreeks } from './greeks.ts'
import type { MarketView } from './marketView.ts'
import { missingPrices, noPositionGreeks, positionGreeks } from './positionGreeks.ts'

const DAY_US = 86_400_000_000
const YEAR_US = 365 * DAY_US

/** Greeks with the sums that can be added over assets. */
export interface CashGreeks extends Greeks {
  /** Dollars: delta × price. */
  deltaDollars: number
  /** Dollars by which `deltaDollars` moves when the price moves 1 %, the move of the price itself left out: gamma × price² / 100. */
  gammaDollars: number
}

/** One sum; `value` is that of the derivatives on the asset and of its coins. */
export interface GreeksRow {
  readonly asset: string
  readonly greeks: CashGreeks
}

export interface VenueRow extends GreeksRow {
  readonly venue: string
}

export interface AccountRow extends VenueRow {
  /** Place in `book.accounts`; −1 for money in transit. */
  readonly account: number
}

/** What expires together at strikes alike. Coins, pools, perpetuals and loans are in the bucket of no expiry and no strike. */
export interface BucketRow extends GreeksRow {
  /** `2026-01-30`, `up to 7 d`, or '' for what never expires. */
  readonly expiry: string
  /** `0.25 to 0.45 Δ`, `-10% to 0%`, `90000`, or '' for what has no strike. */
  readonly strike: string
}

/** Something held that has no price. */
export interface UnpricedHolding {
  readonly account: number
  readonly venue: string
  readonly name: string
  /** In words: `volatility of BTC 2026-01-30 90000`. */
  readonly missing: readonly string[]
}

/** How a book is cut into buckets. */
export interface BucketSettings {
  /** Upper bounds in days, ascending; what expires later is in a last bucket. Each expiry by itself when absent. */
  readonly expiryDays?: readonly number[]
  /**
   * Bands of strikes. `delta`: by N(d1), the delta of a call of that strike, whichever right is held, so that a put is beside the
   * call of its strike; `moneyness`: by K/F − 1; `strike`: each by itself. Bounds ascending.
   */
  readonly strikes?:
    | { readonly by: 'delta' | 'moneyness'; readonly bounds: readonly number[] }
    | { readonly by: 'strike' }
}

/** Bands of delta as desks cut them: wings, quarters, the money. */
export const DELTA_BANDS: readonly number[] = [0.1, 0.25, 0.45, 0.55, 0.75, 0.9]

export interface GreeksTable {
  readonly timeUs: number
  /** Sums over every account, largest |deltaDollars| first. */
  readonly assets: readonly GreeksRow[]
  readonly venues: readonly VenueRow[]
  readonly accounts: readonly AccountRow[]
  /** By asset, then expiry, then band of strikes (of deltas the lowest first), what has none before all. */
  readonly buckets: readonly BucketRow[]
  /**
   * What can be added over assets, in dollars: of every asset that is no dollar coin, but `value`, `theta`, `rho` and `carry` of all.
   * Delta, gamma, vanna and charm in coins cannot be added and are not here.
   */
  readonly total: {
    readonly value: number
    readonly deltaDollars: number
    /** Sum of |deltaDollars| over assets. */
    readonly grossDeltaDollars: number
    readonly gammaDollars: number
    readonly vega: number
    readonly theta: number
    readonly rho: number
    readonly carry: number
  }
  /** Held and in no sum. Empty: the table is the whole book. */
  readonly unpriced: readonly UnpricedHolding[]
}

/** Written out, because a spread costs more than the option that is added. */
function blank(): CashGreeks {
  return {
    value: 0,
    delta: 0,
    gamma: 0,
    vega: 0,
    theta: 0,
    rho: 0,
    vanna: 0,
    volga: 0,
    charm: 0,
    carry: 0,
    deltaDollars: 0,
    gammaDollars: 0,
  }
}

function requireAscending(bounds: readonly number[], what: string): void {
  if (bounds.every((bound, i) => Number.isFinite(bound) && (i === 0 || bound > bounds[i - 1]!))) return
  throw new GimbalError('argument-invalid', 'Bounds of buckets must ascend', { what, bounds: bounds.join(' ') })
}

/** Number of the band holding a figure: how many bounds lie at or below it. */
function bandOf(figure: number, bounds: readonly number[]): number {
  let band = 0
  while (band < bounds.length && figure >= bounds[band]!) band++
  return band
}

function bandName(band: number, bounds: readonly number[], text: (bound: number) => string): string {
  if (bounds.length === 0) return 'all'
  if (band === 0) return `below ${text(bounds[0]!)}`
  if (band === bounds.length) return `from ${text(bounds.at(-1)!)}`
  return `${text(bounds[band - 1]!)} to ${text(bounds[band]!)}`
}

/** Place of what has no expiry, or no strike: before all. */
const NOWHERE = Number.NEGATIVE_INFINITY

const percent = (bound: number) => `${Number((100 * bound).toPrecision(6))}%`

/** N(d1): the delta of a call of this strike. Without time or volatility it is all or nothing. */
function callDelta(option: OptionPosition, market: MarketView): number {
  const { asset, strike, expiryUs, instrument } = option
  const years = (expiryUs - market.timeUs) / YEAR_US
  const forward = years > 0 ? market.forward(asset, expiryUs, instrument) : market.spot(asset)
  const s = years > 0 ? market.volatility(asset, expiryUs, strike, instrument) * Math.sqrt(years) : 0
  if (s > 0) return normalCdf(Math.log(forward / strike) / s + s / 2)
  return forward > strike ? 1 : 0
}

/**
 * Greeks of a book.
 *
 * @throws {GimbalError} `argument-invalid` for bounds that do not ascend.
 */
export function greeksTable(book: Book, market: MarketView, settings: BucketSettings = {}): GreeksTable {
  const { expiryDays, strikes } = settings
  if (expiryDays) requireAscending(expiryDays, 'days to expiry')
  if (strikes && 'bounds' in strikes) requireAscending(strikes.bounds, `strikes by ${strikes.by}`)
  const table = new TableInWork(market, settings)
  for (const [index, { venue, balances, positions }] of book.accounts.entries()) {
    table.open(index, venue)
    for (const currency in balances) table.addUnits(currency, balances[currency]!, 'balance')
    for (const position of positions) {
      table.addPosition(position)
      if ('isolatedMargin' in position && position.isolatedMargin)
        table.addUnits(position.settle, position.isolatedMargin, 'isolated margin')
    }
  }
  for (const { from, to, currency, units } of book.inTransit) {
    table.open(-1, `${from} to ${to}`)
    table.addUnits(currency, units, 'transfer')
  }
  return table.close()
}

/** A table being added to: rows of accounts and buckets; those of venues and assets are sums of accounts' rows. */
class TableInWork {
  readonly #market: MarketView
  readonly #settings: BucketSettings
  readonly #accounts: AccountRow[] = []
  readonly #buckets: { readonly row: BucketRow; readonly expiry: number; readonly strike: number }[] = []
  readonly #unpriced: UnpricedHolding[] = []
  /** Rows of the open account, by asset. */
  #open = new Map<string, AccountRow>()
  #account = -1
  #venue = ''
  /** Buckets by asset, place of the expiry, place of the strike. */
  readonly #places = new Map<string, Map<number, Map<number, BucketRow>>>()
  readonly #scratch = noPositionGreeks()
  readonly #single = noGreeks()

  constructor(market: MarketView, settings: BucketSettings) {
    this.#market = market
    this.#settings = settings
  }

  /** What is added from here on belongs to this account. */
  open(account: number, venue: string): void {
    this.#account = account
    this.#venue = venue
    this.#open = new Map()
  }

  addUnits(currency: string, units: number, what: string): void {
    if (units === 0) return
    const price = this.#market.spot(currency)
    if (!Number.isFinite(price * units)) {
      const name = `${what} of ${currency}`
      this.#unpriced.push({ account: this.#account, venue: this.#venue, name, missing: [`price of ${currency}`] })
      return
    }
    const single = clearGreeks(this.#single)
    single.value = units * price
    single.delta = units
    addGreeks(this.#ofAccount(currency), single)
    addGreeks(this.#bucket(currency, NOWHERE, NOWHERE, undefined), single)
  }

  addPosition(position: Position): void {
    const scratch = this.#scratch
    const market = this.#market
    positionGreeks(position, this.#venue, market, scratch)
    if (Number.isNaN(scratch.value)) {
      const missing = missingPrices(position, this.#venue, market)
      this.#unpriced.push({ account: this.#account, venue: this.#venue, name: positionName(position), missing })
      return
    }
    const expires = (position.kind === 'option' || position.kind === 'future') && position.expiryUs !== undefined
    const expiry = expires ? this.#expiryPlace(position.expiryUs!) : NOWHERE
    const strike = position.kind === 'option' ? this.#strikePlace(position) : NOWHERE
    addGreeks(this.#ofAccount(position.asset), scratch)
    addGreeks(this.#bucket(position.asset, expiry, strike, position), scratch)
    if (scratch.other === '' || (scratch.otherDelta === 0 && scratch.otherGamma === 0)) return
    const single = clearGreeks(this.#single)
    single.delta = scratch.otherDelta
    single.gamma = scratch.otherGamma
    addGreeks(this.#ofAccount(scratch.other), single)
    addGreeks(this.#bucket(scratch.other, expiry, strike, position), single)
  }

  close(): GreeksTable {
    const accounts = this.#accounts
    const venues = new Map<string, VenueRow>()
    const assets = new Map<string, GreeksRow>()
    for (const { venue, asset, greeks } of accounts) {
      const key = `${venue}\n${asset}`
      const ofVenue = venues.get(key) ?? { venue, asset, greeks: blank() }
      venues.set(key, ofVenue)
      addGreeks(ofVenue.greeks, greeks)
      const ofAsset = assets.get(asset) ?? { asset, greeks: blank() }
      assets.set(asset, ofAsset)
      addGreeks(ofAsset.greeks, greeks)
    }
    this.#buckets.sort(
      (a, b) => ascending(a.row.asset, b.row.asset) || ascending(a.expiry, b.expiry) || ascending(a.strike, b.strike),
    )
    const rows = {
      assets: [...assets.values()],
      venues: [...venues.values()],
      accounts,
      buckets: this.#buckets.map(({ row }) => row),
    }
    for (const all of Object.values(rows))
      for (const { asset, greeks } of all) toDollars(greeks, this.#market.spot(asset))
    rows.assets.sort((a, b) => Math.abs(b.greeks.deltaDollars) - Math.abs(a.greeks.deltaDollars))
    return { timeUs: this.#market.timeUs, ...rows, total: totalOf(rows.assets), unpriced: this.#unpriced }
  }

  #ofAccount(asset: string): Greeks {
    let row = this.#open.get(asset)
    if (row === undefined) {
      row = { account: this.#account, venue: this.#venue, asset, greeks: blank() }
      this.#open.set(asset, row)
      this.#accounts.push(row)
    }
    return row.greeks
  }

  #bucket(asset: string, expiry: number, strike: number, position: Position | undefined): Greeks {
    let byExpiry = this.#places.get(asset)
    if (byExpiry === undefined) this.#places.set(asset, (byExpiry = new Map()))
    let byStrike = byExpiry.get(expiry)
    if (byStrike === undefined) byExpiry.set(expiry, (byStrike = new Map()))
    let row = byStrike.get(strike)
    if (row === undefined) {
      const names = { expiry: this.#expiryName(expiry), strike: this.#strikeName(strike, position) }
      row = { asset, ...names, greeks: blank() }
      byStrike.set(strike, row)
      this.#buckets.push({ row, expiry, strike })
    }
    return row.greeks
  }

  #expiryPlace(expiryUs: number): number {
    const days = this.#settings.expiryDays
    // Expiries of one day are one line: their hour is in no name.
    if (days === undefined) return Math.floor(expiryUs / DAY_US)
    const band = days.findIndex((bound) => expiryUs - this.#market.timeUs <= bound * DAY_US)
    return band < 0 ? days.length : band
  }

  #expiryName(place: number): string {
    if (place === NOWHERE) return ''
    const days = this.#settings.expiryDays
    if (days === undefined) return isoDay(place * DAY_US)
    return place === days.length ? `after ${days.at(-1)} d` : `up to ${days[place]} d`
  }

  #strikePlace(option: OptionPosition): number {
    const { strikes } = this.#settings
    if (strikes?.by === 'strike') return option.strike
    if (strikes?.by !== 'moneyness') return bandOf(callDelta(option, this.#market), strikes?.bounds ?? DELTA_BANDS)
    const { asset, strike, expiryUs, instrument } = option
    const expired = expiryUs <= this.#market.timeUs
    const forward = expired ? this.#market.spot(asset) : this.#market.forward(asset, expiryUs, instrument)
    return bandOf(strike / forward - 1, strikes.bounds)
  }

  #strikeName(place: number, position: Position | undefined): string {
    if (position?.kind !== 'option') return ''
    const { strikes } = this.#settings
    if (strikes?.by === 'strike') return String(position.strike)
    if (strikes?.by === 'moneyness') return bandName(place, strikes.bounds, percent)
    return `${bandName(place, strikes?.bounds ?? DELTA_BANDS, String)} Δ`
  }
}

function toDollars(greeks: CashGreeks, price: number): void {
  // Nothing of what has no price is no dollars, as it is in `positionValue`.
  greeks.deltaDollars = greeks.delta === 0 ? 0 : greeks.delta * price
  greeks.gammaDollars = greeks.gamma === 0 ? 0 : (greeks.gamma * price * price) / 100
}

/** Not by difference: infinite minus infinite is no order. */
function ascending<T extends number | string>(a: T, b: T): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function totalOf(assets: readonly GreeksRow[]): GreeksTable['total'] {
  const total = {
    value: 0,
    deltaDollars: 0,
    grossDeltaDollars: 0,
    gammaDollars: 0,
    vega: 0,
    theta: 0,
    rho: 0,
    carry: 0,
  }
  for (const { asset, greeks } of assets) {
    total.value += greeks.value
    total.theta += greeks.theta
    total.rho += greeks.rho
    total.carry += greeks.carry
    if (dollarLike(asset)) continue
    total.deltaDollars += greeks.deltaDollars
    total.grossDeltaDollars += Math.abs(greeks.deltaDollars)
    total.gammaDollars += greeks.gammaDollars
    total.vega += greeks.vega
  }
  return total
}
