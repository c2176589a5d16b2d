/**
 * @file Profit explained: how much of the change of a book's worth between two moments came from which Greek, from trading, funding
 * and fees, and how much nobody can explain.
 *
 * Over a step in which spot moves by dS, volatility at the strike by dσ, time by dt, an option's change is, to second order,
 *
 *   δ dS + ½ γ dS² + ν dσ + θ dt + ρ dr + vanna dS dσ + ½ volga dσ² + charm dS dt + basis dR  (R: forward over spot)
 *
 * with Greeks of the start (Taylor from there), of the end (Taylor from there backwards, so second-order parts change sign), or of
 * both. Both, the default, is Hermite's rule along the straight line between the two markets: first-order parts are the trapezoid
 * ½(g₀ + g₁)Δ less what the second-order parts already count, second-order parts use ⅔H₀ + ⅓H₁. It catches what no column is kept
 * for (time decay of theta, of vega, basis against everything), and its error is of fourth order in spot where one-sided Greeks err
 * in the third. Measured over 200 books of everything and days of one deviation, the median residual is 0.004 % of gross against
 * 0.3 % (95th of 100: 0.06 % against 3 %; test "both ends leave least unexplained").
 *
 * What is exact is not approximated: of a perpetual or future everything that the spot does not explain is basis, and an option
 * that expires within a step goes to its payoff: theta is the time value it began with, delta that of the start, gamma the rest.
 *
 * Trades and cash flows carry the market at their moment: a trade's part is its value there (slippage against the mark), and from
 * there on what was traded is explained as if held. Source of the decomposition: N. Taleb, "Dynamic hedging" (1997), chapters 7-11;
 * of the rule: E. Hairer, S. Nørsett, G. Wanner, "Solving ordinary differential equations I", II.13 (two-derivative quadrature).
 */

import { GimbalError } from '../core/errors.ts'
import { dollarLike } from '../market/instrument.ts'
import type { Book, FuturePosition, OptionPosition, Position } from './book.ts'
import { positionName } from './book.ts'
import type { MarketView } from './marketView.ts'
import { missingPrices, noPositionGreeks, type PositionGreeks, positionGreeks } from './positionGreeks.ts'
import { bookValue, positionValue, powerVolatility } from './valuation.ts'

const DAY_US = 86_400_000_000

/** Where a change of worth came from, in dollars. Their sum is the profit, to rounding. */
export interface ProfitParts {
  delta: number
  gamma: number
  vega: number
  theta: number
  rho: number
  vanna: number
  /** Half of volga times the square of the move. */
  volga: number
  charm: number
  /** Interest and pool fees received less paid. */
  carry: number
  funding: number
  /** Trading fees and gas; negative is paid. */
  fees: number
  /** Trades against the mark of their moment: slippage is negative. */
  trading: number
  /** Perpetuals and forwards moving against spot. */
  basis: number
  /** What the book handed in as `after` is worth beyond what trades and flows made of the first. */
  unbooked: number
  residual: number
}

/** All zero. */
export function noProfit(): ProfitParts {
  return {
    delta: 0,
    gamma: 0,
    vega: 0,
    theta: 0,
    rho: 0,
    vanna: 0,
    volga: 0,
    charm: 0,
    carry: 0,
    funding: 0,
    fees: 0,
    trading: 0,
    basis: 0,
    unbooked: 0,
    residual: 0,
  }
}

/** Something traded: what came in, what was paid for it. */
export interface Trade {
  /** Place in `book.accounts`. */
  readonly account: number
  /** What was added, at its traded price as `entry` where profit is owed since; absent for coins, which are `paid`. */
  readonly position?: Position
  /** What it moved of the balances, units by currency, without the fee: premiums, coins bought (positive) and paid (negative). */
  readonly paid?: Readonly<Record<string, number>>
  /** Units; positive is a cost. */
  readonly fee?: { readonly currency: string; readonly units: number }
  /** The market of that moment: what slippage is measured against. */
  readonly at: MarketView
}

/** Money that came or went without a trade. */
export interface CashFlow {
  readonly account: number
  /** `carry`: interest, pool fees. `deposit`: from or to outside; no profit. */
  readonly kind: 'funding' | 'carry' | 'fees' | 'deposit'
  readonly currency: string
  /** Positive is received. */
  readonly units: number
  readonly at: MarketView
  /** The position it belongs to, which gives its asset; the balance of its currency when absent. */
  readonly position?: Position
}

/** What is to be explained. */
export interface ExplainRequest {
  /** As it was held at `from`. */
  readonly book: Book
  readonly from: MarketView
  readonly to: MarketView
  /** Markets in between, ascending in time: each cuts a step, and the residual with it. */
  readonly through?: readonly MarketView[]
  readonly trades?: readonly Trade[]
  readonly flows?: readonly CashFlow[]
  /** Where Greeks are taken: see the header. `average` when absent. */
  readonly greeks?: 'start' | 'end' | 'average'
  /**
   * Settlement price by asset and expiry, dollars per unit; where absent or undefined: spot of the first market at or after it. The
   * instrument is told where the position names one: a venue settles each at what it last heard with it.
   */
  readonly settlement?: (asset: string, expiryUs: number, instrument: string | undefined) => number | undefined
  /** The book as it is at `to`, where known: what it is worth beyond what was told becomes `unbooked`. */
  readonly after?: Book
}

/** One holding, explained. */
export interface ExplainedHolding {
  readonly account: number
  readonly venue: string
  readonly asset: string
  /** Name of the position, or of the currency for a balance. */
  readonly name: string
  /** Sum of the parts. */
  profit: number
  readonly parts: ProfitParts
}

/** Sums over the holdings of one asset. */
export interface ExplainedAsset {
  readonly asset: string
  profit: number
  readonly parts: ProfitParts
}

export interface Explanation {
  readonly fromUs: number
  readonly toUs: number
  /** Worth of what has prices at both ends, dollars. */
  readonly valueBefore: number
  readonly valueAfter: number
  /** Received from outside less paid to it, dollars of their moment. */
  readonly deposits: number
  /** `valueAfter` − `valueBefore` − `deposits`: the sum of the parts. */
  readonly profit: number
  readonly parts: ProfitParts
  /** Sum of the absolute parts, without residual. */
  readonly gross: number
  /** |residual| / gross; 0 when both are. */
  readonly residualShare: number
  readonly assets: readonly ExplainedAsset[]
  readonly positions: readonly ExplainedHolding[]
  /** Held and without a price at some moment: in no sum above, from that moment's step on. */
  readonly unpriced: readonly { readonly name: string; readonly account: number; readonly missing: readonly string[] }[]
}

/** Something held from some moment on: a position, or units of a currency. */
interface Item {
  readonly row: ExplainedHolding
  readonly position: Position | undefined
  readonly currency: string
  readonly units: number
}

const start = noPositionGreeks()
const end = noPositionGreeks()

/**
 * Explains the change of a book's worth between two markets.
 *
 * @throws {GimbalError} `argument-invalid` when markets do not ascend in time, or a trade or flow lies outside them or in no account.
 */
export function explainProfit(request: ExplainRequest): Explanation {
  return new Explainer(request).explain()
}

class Explainer {
  readonly #request: ExplainRequest
  readonly #method: 'start' | 'end' | 'average'
  readonly #rows = new Map<string, ExplainedHolding>()
  #items: Item[] = []
  readonly #unpriced: { name: string; account: number; missing: readonly string[] }[] = []
  #deposits = 0
  #before = 0

  constructor(request: ExplainRequest) {
    this.#request = request
    this.#method = request.greeks ?? 'average'
  }

  explain(): Explanation {
    const { book, from, to, through = [], trades = [], flows = [], after } = this.#request
    const markets = [from, ...through, to]
    markets.forEach((market, i) => {
      if (i === 0 || market.timeUs >= markets[i - 1]!.timeUs) return
      throw new GimbalError('argument-invalid', 'Markets to explain between do not ascend in time', {
        before: markets[i - 1]!.timeUs,
        after: market.timeUs,
      })
    })
    for (const event of [...trades, ...flows]) this.#requireInside(event)
    this.#open(book, from)
    for (let step = 1; step < markets.length; step++) {
      const [left, right] = [markets[step - 1]!, markets[step]!]
      const inside = ({ at: { timeUs } }: Trade | CashFlow) =>
        timeUs <= right.timeUs && (timeUs > left.timeUs || step === 1)
      const born: [Item, MarketView][] = []
      for (const trade of trades) if (inside(trade)) this.#trade(trade, born)
      for (const flow of flows) if (inside(flow)) this.#flow(flow, born)
      const held = this.#items
      this.#items = []
      for (const item of held) this.#move(item, left, right)
      for (const [item, at] of born) this.#move(item, at, right)
      this.#mergeUnits()
    }
    return this.#report(from, to, after)
  }

  #requireInside({ at, account }: Trade | CashFlow): void {
    const { from, to, book } = this.#request
    if (at.timeUs >= from.timeUs && at.timeUs <= to.timeUs && book.accounts[account] !== undefined) return
    throw new GimbalError('argument-invalid', 'A trade or cash flow lies outside the time or the book explained', {
      timeUs: at.timeUs,
      fromUs: from.timeUs,
      toUs: to.timeUs,
      account,
      accounts: book.accounts.length,
    })
  }

  #open(book: Book, market: MarketView): void {
    for (const [account, { balances, positions }] of book.accounts.entries()) {
      for (const currency in balances) this.#hold(this.#units(account, currency, balances[currency]!), market)
      for (const position of positions) {
        this.#hold(this.#held(account, position), market)
        if ('isolatedMargin' in position && position.isolatedMargin)
          this.#hold(this.#units(account, position.settle, position.isolatedMargin), market)
      }
    }
    for (const { currency, units } of book.inTransit) this.#hold(this.#units(-1, currency, units), market)
  }

  /** Holds an item from the first market on, if it has a price there. */
  #hold(item: Item, market: MarketView): void {
    if (item.units === 0 && item.position === undefined) return
    const value = this.#valueOf(item, market)
    if (!Number.isFinite(value)) {
      this.#lose(item, market)
      return
    }
    this.#before += value
    this.#items.push(item)
  }

  #valueOf({ position, currency, units, row }: Item, market: MarketView): number {
    return position === undefined ? units * market.spot(currency) : positionValue(position, row.venue, market)
  }

  #lose({ position, currency, row }: Item, market: MarketView): void {
    const missing = position === undefined ? [`price of ${currency}`] : missingPrices(position, row.venue, market)
    this.#unpriced.push({ name: row.name, account: row.account, missing })
  }

  #row(account: number, asset: string, name: string): ExplainedHolding {
    const key = `${account}\n${asset}\n${name}`
    let row = this.#rows.get(key)
    if (row === undefined) {
      const venue = account < 0 ? 'in transit' : this.#request.book.accounts[account]!.venue
      row = { account, venue, asset, name, profit: 0, parts: noProfit() }
      this.#rows.set(key, row)
    }
    return row
  }

  #units(account: number, currency: string, units: number): Item {
    return { row: this.#row(account, currency, currency), position: undefined, currency, units }
  }

  #held(account: number, position: Position): Item {
    return { row: this.#row(account, position.asset, positionName(position)), position, currency: '', units: 0 }
  }

  #trade({ account, position, paid = {}, fee, at }: Trade, born: [Item, MarketView][]): void {
    const items: Item[] = Object.entries(paid).map(([currency, units]) => this.#units(account, currency, units))
    const first = position === undefined ? items[0] : this.#held(account, position)
    if (position !== undefined) items.unshift(first!)
    if (fee !== undefined) {
      const item = this.#units(account, fee.currency, -fee.units)
      this.#book(first?.row ?? item.row, 'fees', -fee.units * at.spot(fee.currency), item, at, born)
    }
    for (const item of items) this.#book(first!.row, 'trading', this.#valueOf(item, at), item, at, born)
  }

  #flow({ account, kind, currency, units, at, position }: CashFlow, born: [Item, MarketView][]): void {
    const item = this.#units(account, currency, units)
    const row = position === undefined ? item.row : this.#row(account, position.asset, positionName(position))
    if (kind !== 'deposit') this.#book(row, kind, units * at.spot(currency), item, at, born)
    else if (this.#book(row, undefined, 0, item, at, born)) this.#deposits += units * at.spot(currency)
  }

  /** Counts what an item brought at its moment, and holds it from there; false when it has no price. */
  #book(
    row: ExplainedHolding,
    part: 'trading' | 'fees' | 'funding' | 'carry' | undefined,
    dollars: number,
    item: Item,
    at: MarketView,
    born: [Item, MarketView][],
  ): boolean {
    if (!Number.isFinite(this.#valueOf(item, at))) {
      this.#lose(item, at)
      return false
    }
    if (part !== undefined) row.parts[part] += dollars
    born.push([item, at])
    return true
  }

  /**
   * Explains an item over a step, and keeps what became of it. One that loses its price leaves the sums with the worth it last
   * had, so that what is left still adds up: its earlier parts stay explained.
   */
  #move(item: Item, left: MarketView, right: MarketView): void {
    const { position, row, currency, units } = item
    if (position === undefined) {
      const change = units * (right.spot(currency) - left.spot(currency))
      if (!Number.isFinite(change)) {
        this.#before -= this.#valueOf(item, left)
        this.#lose(item, right)
        return
      }
      row.parts.delta += change
      this.#items.push(item)
      return
    }
    const expires = position.kind === 'option' || position.kind === 'future' ? position.expiryUs : undefined
    if (expires !== undefined && expires <= right.timeUs) this.#expire(item, position as Dated, left, right)
    else if (explainPosition(position, row.venue, left, right, this.#method, row.parts)) this.#items.push(item)
    else {
      this.#before -= this.#valueOf(item, left)
      this.#lose(item, right)
    }
  }

  /** Takes a dated position to its settlement and holds the cash. */
  #expire(item: Item, position: Dated, left: MarketView, right: MarketView): void {
    const { row } = item
    const { asset, expiryUs, settle, instrument } = position
    const before = positionValue(position, row.venue, left)
    const late = expiryUs! <= left.timeUs
    const market = late ? left : right
    const price = this.#request.settlement?.(asset, expiryUs!, instrument) ?? market.spot(asset)
    const units = settlementUnits(position, price)
    const value = units * market.spot(settle)
    if (!Number.isFinite(before + value + units * right.spot(settle))) {
      this.#before -= before
      this.#lose(item, right)
      return
    }
    // Expired before this step: what is owed is cash already, and a settlement price told corrects what spot had made of it.
    if (late) row.parts.basis += value - before
    else if (position.kind === 'option')
      explainExpiry(position, row.venue, left, right, before, value, price, row.parts)
    else explainFuture(position, row.venue, left, right, value - before, this.#method, row.parts)
    const cash = this.#units(row.account, settle, units)
    if (late) this.#move(cash, left, right)
    else this.#items.push(cash)
  }

  /** One item a currency and account, so that steps do not cost more with every trade before them. */
  #mergeUnits(): void {
    const sums = new Map<ExplainedHolding, Item>()
    const items: Item[] = []
    for (const item of this.#items) {
      if (item.position !== undefined) {
        items.push(item)
        continue
      }
      const known = sums.get(item.row)
      sums.set(item.row, known === undefined ? item : { ...item, units: known.units + item.units })
    }
    this.#items = [...items, ...sums.values()]
  }

  #report(from: MarketView, to: MarketView, after: Book | undefined): Explanation {
    let valueAfter = 0
    for (const item of this.#items) valueAfter += this.#valueOf(item, to)
    const parts = noProfit()
    const assets = new Map<string, ExplainedAsset>()
    const positions = [...this.#rows.values()].filter(({ parts: each }) =>
      Object.values(each).some((part) => part !== 0),
    )
    for (const row of positions) {
      row.profit = sumOf(row.parts)
      const asset = assets.get(row.asset) ?? { asset: row.asset, profit: 0, parts: noProfit() }
      assets.set(row.asset, asset)
      asset.profit += row.profit
      for (const name in parts) {
        const part = name as keyof ProfitParts
        asset.parts[part] += row.parts[part]
        parts[part] += row.parts[part]
      }
    }
    if (after !== undefined) {
      parts.unbooked = bookValue(after, to) - valueAfter
      valueAfter += parts.unbooked
    }
    const profit = valueAfter - this.#before - this.#deposits
    const gross = Object.entries(parts).reduce(
      (sum, [name, part]) => sum + (name === 'residual' ? 0 : Math.abs(part)),
      0,
    )
    return {
      fromUs: from.timeUs,
      toUs: to.timeUs,
      valueBefore: this.#before,
      valueAfter,
      deposits: this.#deposits,
      profit,
      parts,
      gross,
      residualShare: parts.residual === 0 ? 0 : Math.abs(parts.residual) / gross,
      assets: [...assets.values()],
      positions,
      unpriced: this.#unpriced,
    }
  }
}

type Dated = OptionPosition | (FuturePosition & { kind: 'future' })

function sumOf(parts: ProfitParts): number {
  let sum = 0
  for (const name in parts) sum += parts[name as keyof ProfitParts]
  return sum
}

/** What a dated position pays at a settlement price, in units of `settle`. */
function settlementUnits(position: Dated, price: number): number {
  const { size, settle, entry } = position
  if (position.kind === 'option') {
    const exercise = Math.max(0, position.right * (price - position.strike))
    return size * ((dollarLike(settle) ? exercise : exercise / price) - (entry ?? 0))
  }
  return position.payoff === 'linear' ? size * (price - entry!) : size * (1 / entry! - 1 / price)
}

/** Adds a position's parts over a step in which it does not expire; false, and nothing added, when it has no price. */
function explainPosition(
  position: Position,
  venue: string,
  left: MarketView,
  right: MarketView,
  method: 'start' | 'end' | 'average',
  parts: ProfitParts,
): boolean {
  positionGreeks(position, venue, left, start)
  positionGreeks(position, venue, right, end)
  const change = end.value - start.value
  if (!Number.isFinite(change)) return false
  if (position.kind === 'perp' || position.kind === 'future') {
    explainFuture(position, venue, left, right, change, method, parts)
    return true
  }
  const { asset } = position
  const dS = right.spot(asset) - left.spot(asset)
  const other = start.other
  const dU = other === '' ? 0 : right.spot(other) - left.spot(other)
  let dV = 0
  let dT = 0
  let dr = 0
  let dR = 0
  if (position.kind === 'option') {
    const { expiryUs, strike, instrument } = position
    const sigma = (market: MarketView) => market.volatility(asset, expiryUs, strike, instrument)
    const ratio = (market: MarketView) => market.forward(asset, expiryUs, instrument) / market.spot(asset)
    dV = 100 * (sigma(right) - sigma(left))
    dT = (right.timeUs - left.timeUs) / DAY_US
    dr = 100 * (right.dollarRate - left.dollarRate)
    dR = 100 * (ratio(right) - ratio(left))
  } else if (position.kind === 'power') {
    dV = 100 * (powerVolatility(position, right) - powerVolatility(position, left))
    dr = 100 * (right.dollarRate - left.dollarRate)
  }
  const first = FIRST_ORDER[method]
  const second = SECOND_ORDER[method]
  const g = (name: keyof PositionGreeks & Figure) => first[0] * start[name] + first[1] * end[name]
  const h = (name: keyof PositionGreeks & Figure) => second[0] * start[name] + second[1] * end[name]
  // What the trapezoid of first-order parts counts of each second-order one.
  const twice = (name: keyof PositionGreeks & Figure) => (method === 'average' ? 0.25 * (start[name] + end[name]) : 0)
  const gammaTwice = twice('gamma') * dS * dS
  const vannaTwice = twice('vanna') * dS * dV
  const volgaTwice = twice('volga') * dV * dV
  const charmTwice = twice('charm') * dS * dT
  const crossTwice = 2 * twice('crossGamma') * dS * dU + twice('otherGamma') * dU * dU
  const delta = g('delta') * dS + g('otherDelta') * dU - gammaTwice - vannaTwice - charmTwice - crossTwice
  const gamma = h('gamma') * dS * dS + 2 * h('crossGamma') * dS * dU + h('otherGamma') * dU * dU
  const vega = g('vega') * dV - vannaTwice - volgaTwice
  const theta = g('theta') * dT - charmTwice
  const rho = g('rho') * dr
  const basis = g('basis') * dR
  const vanna = 2 * h('vanna') * dS * dV
  const volga = h('volga') * dV * dV
  const charm = 2 * h('charm') * dS * dT
  parts.delta += delta
  parts.gamma += gamma
  parts.vega += vega
  parts.theta += theta
  parts.rho += rho
  parts.basis += basis
  parts.vanna += vanna
  parts.volga += volga
  parts.charm += charm
  parts.residual += change - (delta + gamma + vega + theta + rho + basis + vanna + volga + charm)
  return true
}

type Figure = Exclude<keyof PositionGreeks, 'other'>

/** Weights of start and end in first-order parts, and in half the second-order ones. */
const FIRST_ORDER = { start: [1, 0], end: [0, 1], average: [0.5, 0.5] } as const
const SECOND_ORDER = { start: [0.5, 0], end: [0, -0.5], average: [1 / 3, 1 / 6] } as const

/** A perpetual or future: the spot's part, the settlement currency's, and the rest is basis. */
function explainFuture(
  position: FuturePosition,
  venue: string,
  left: MarketView,
  right: MarketView,
  change: number,
  method: 'start' | 'end' | 'average',
  parts: ProfitParts,
): void {
  positionGreeks(position, venue, left, start)
  positionGreeks(position, venue, right, end)
  const { asset, settle } = position
  const dS = right.spot(asset) - left.spot(asset)
  const dU = settle === asset ? 0 : right.spot(settle) - left.spot(settle)
  const [a, b] = FIRST_ORDER[method]
  const [c, d] = SECOND_ORDER[method]
  // Both ends together already hold the bend of an inverse contract.
  const bend = method === 'average' ? 0 : 1
  const delta = (a * start.delta + b * end.delta) * dS + (a * start.otherDelta + b * end.otherDelta) * dU
  const gamma =
    bend * ((c * start.gamma + d * end.gamma) * dS * dS + 2 * (c * start.crossGamma + d * end.crossGamma) * dS * dU)
  parts.delta += delta
  parts.gamma += gamma
  parts.basis += change - delta - gamma
}

/** An option that expires in the step: time value decays, the forward becomes the spot, and the spot goes to its settlement. */
function explainExpiry(
  position: OptionPosition,
  venue: string,
  left: MarketView,
  right: MarketView,
  before: number,
  after: number,
  price: number,
  parts: ProfitParts,
): void {
  const { size, right: sign, strike, asset, settle, expiryUs, instrument } = position
  positionGreeks(position, venue, left, start)
  const inDollars = dollarLike(settle)
  const spot = left.spot(asset)
  const unit = left.spot(settle)
  const entry = position.entry ?? 0
  // Dollars at the start's prices of what it would pay were its price at settlement `at`.
  const worth = (at: number) =>
    size * (Math.max(0, sign * (at - strike)) * (inDollars ? unit : spot / at) - entry * unit)
  const forward = left.forward(asset, expiryUs, instrument)
  const theta = worth(forward) - before
  const basis = worth(spot) - worth(forward)
  const dU = start.other === '' ? 0 : right.spot(start.other) - left.spot(start.other)
  const delta = start.delta * (price - spot) + start.otherDelta * dU
  parts.theta += theta
  parts.basis += basis
  parts.delta += delta
  parts.gamma += after - before - theta - basis - delta
}
