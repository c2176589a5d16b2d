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
import { addGreeks, type Greeks, noGreeks } from './greeks.ts'
import type { MarketView } from './marketView.ts'
import { missingPrices, noPositionGreeks, positionGreeks, positionName } from './positionGreeks.ts'

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

/** Rows under construction, by a key of what they have in common. */
class Rows<Row extends GreeksRow> {
  readonly #rows = new Map<string, Row>()
  readonly #make: (...parts: string[]) => Row

  constructor(make: (...parts: string[]) => Row) {
    this.#make = make
  }

  of(...parts: string[]): Greeks {
    const key = parts.join('\n')
    let row = this.#rows.get(key)
    if (row === undefined) {
      row = this.#make(...parts)
      this.#rows.set(key, row)
    }
    return row.greeks
  }

  get all(): Row[] {
    return [...this.#rows.values()]
  }
}

const blank = (): CashGreeks => ({ ...noGreeks(), deltaDollars: 0, gammaDollars: 0 })

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

/** A bucket's name and its place among its like. */
interface Bucket {
  readonly name: string
  readonly order: number
}

const NO_BUCKET: Bucket = { name: '', order: Number.NEGATIVE_INFINITY }

function expiryBucket(expiryUs: number, market: MarketView, days: readonly number[] | undefined): Bucket {
  if (days === undefined) return { name: isoDay(expiryUs), order: expiryUs }
  const band = days.findIndex((bound) => expiryUs - market.timeUs <= bound * DAY_US)
  return band < 0
    ? { name: `after ${days.at(-1)} d`, order: days.length }
    : { name: `up to ${days[band]} d`, order: band }
}

const percent = (bound: number) => `${Number((100 * bound).toPrecision(6))}%`

function strikeBucket(option: OptionPosition, market: MarketView, strikes: BucketSettings['strikes']): Bucket {
  const { asset, strike, expiryUs, instrument } = option
  if (strikes?.by === 'strike') return { name: String(strike), order: strike }
  const years = (expiryUs - market.timeUs) / YEAR_US
  const forward = years > 0 ? market.forward(asset, expiryUs, instrument) : market.spot(asset)
  if (strikes?.by === 'moneyness') {
    const order = bandOf(strike / forward - 1, strikes.bounds)
    return { name: bandName(order, strikes.bounds, percent), order }
  }
  const bounds = strikes?.bounds ?? DELTA_BANDS
  const s = years > 0 ? market.volatility(asset, expiryUs, strike, instrument) * Math.sqrt(years) : 0
  // Without time or volatility a call is all or nothing.
  const delta = s > 0 ? normalCdf(Math.log(forward / strike) / s + s / 2) : forward > strike ? 1 : 0
  const order = bandOf(delta, bounds)
  return { name: `${bandName(order, bounds, String)} Δ`, order }
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
  const assets = new Rows<GreeksRow>((asset) => ({ asset: asset!, greeks: blank() }))
  const venues = new Rows<VenueRow>((venue, asset) => ({ venue: venue!, asset: asset!, greeks: blank() }))
  const accounts = new Rows<AccountRow>((account, venue, asset) => ({
    account: Number(account),
    venue: venue!,
    asset: asset!,
    greeks: blank(),
  }))
  const places = new Map<BucketRow, readonly [expiry: number, strike: number]>()
  const buckets = new Rows<BucketRow>((asset, expiry, strike, expiryOrder, strikeOrder) => {
    const row = { asset: asset!, expiry: expiry!, strike: strike!, greeks: blank() }
    places.set(row, [Number(expiryOrder), Number(strikeOrder)])
    return row
  })
  const unpriced: UnpricedHolding[] = []
  const scratch = noPositionGreeks()
  const single = noGreeks()

  const add = (account: number, venue: string, asset: string, expiry: Bucket, strike: Bucket, greeks: Greeks) => {
    addGreeks(assets.of(asset), greeks)
    addGreeks(venues.of(venue, asset), greeks)
    addGreeks(accounts.of(String(account), venue, asset), greeks)
    addGreeks(buckets.of(asset, expiry.name, strike.name, String(expiry.order), String(strike.order)), greeks)
  }
  const addUnits = (account: number, venue: string, currency: string, units: number, what: string) => {
    if (units === 0) return
    const price = market.spot(currency)
    if (!Number.isFinite(price * units)) {
      unpriced.push({ account, venue, name: `${what} of ${currency}`, missing: [`price of ${currency}`] })
      return
    }
    Object.assign(single, noGreeks())
    single.value = units * price
    single.delta = units
    add(account, venue, currency, NO_BUCKET, NO_BUCKET, single)
  }
  const addPosition = (account: number, venue: string, position: Position) => {
    positionGreeks(position, venue, market, scratch)
    if (Number.isNaN(scratch.value)) {
      unpriced.push({ account, venue, name: positionName(position), missing: missingPrices(position, venue, market) })
      return
    }
    const expires = (position.kind === 'option' || position.kind === 'future') && position.expiryUs !== undefined
    const expiry = expires ? expiryBucket(position.expiryUs!, market, expiryDays) : NO_BUCKET
    const strike = position.kind === 'option' ? strikeBucket(position, market, strikes) : NO_BUCKET
    add(account, venue, position.asset, expiry, strike, scratch)
    if (scratch.other !== '' && (scratch.otherDelta !== 0 || scratch.otherGamma !== 0)) {
      Object.assign(single, noGreeks())
      single.delta = scratch.otherDelta
      single.gamma = scratch.otherGamma
      add(account, venue, scratch.other, expiry, strike, single)
    }
  }

  for (const [index, { venue, balances, positions }] of book.accounts.entries()) {
    for (const currency in balances) addUnits(index, venue, currency, balances[currency]!, 'balance')
    for (const position of positions) {
      addPosition(index, venue, position)
      if ('isolatedMargin' in position && position.isolatedMargin)
        addUnits(index, venue, position.settle, position.isolatedMargin, 'isolated margin')
    }
  }
  for (const { from, to, currency, units } of book.inTransit)
    addUnits(-1, `${from} to ${to}`, currency, units, 'transfer')

  const all = { assets: assets.all, venues: venues.all, accounts: accounts.all, buckets: buckets.all }
  for (const rows of Object.values(all)) for (const { asset, greeks } of rows) toDollars(greeks, market.spot(asset))
  all.assets.sort((a, b) => Math.abs(b.greeks.deltaDollars) - Math.abs(a.greeks.deltaDollars))
  all.buckets.sort((a, b) => {
    const [expiry, strike] = places.get(a)!
    const [otherExpiry, otherStrike] = places.get(b)!
    if (a.asset !== b.asset) return a.asset < b.asset ? -1 : 1
    // Not by difference: infinite minus infinite is no order.
    return expiry === otherExpiry ? ascending(strike, otherStrike) : ascending(expiry, otherExpiry)
  })
  return { timeUs: market.timeUs, ...all, total: totalOf(all.assets), unpriced }
}

function toDollars(greeks: CashGreeks, price: number): void {
  greeks.deltaDollars = greeks.delta * price
  greeks.gammaDollars = (greeks.gamma * price * price) / 100
}

function ascending(a: number, b: number): number {
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
