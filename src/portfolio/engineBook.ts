/**
 * @file A run's ledger as a book, and what the run has heard of the market as a view: the bridge from the engine to valuation,
 * Greeks, margin, hedging and stress.
 *
 * Both are live: `refresh` brings them up to date from the ledger and the markets by looking only at instruments that were ever
 * traded (thousands of listed options are never walked), and changes them in place. `freeze` copies them for later.
 *
 * - Contracts carry the average price the ledger paid as their `entry`, options too: the ledger keeps them by cost. Spot is coins
 *   among the balances. A position's money is in the account of its venue.
 * - Prices of coins are the ledger's (`PortfolioView.rate`), else the index heard with an option on that coin. Two spot markets
 *   of one coin are thus both valued at the one the ledger prices it by.
 * - Options are valued in one of two ways. `repriced`: by the volatility last heard, at today's time to expiry, at today's spot
 *   times the ratio of forward to index heard with it, so that deltas follow the spot between two messages of a chain. `marks`:
 *   at the mark the ledger reckons with (its volatility is that which gives the mark, its forward that of marks.ts), so that worth
 *   is the ledger's to the atom, between two messages too;
 *   a mark no volatility gives (none, or above the forward) is passed over for the venue's volatility.
 *   An expired option not yet settled is its exercise in both.
 */

import { DAY_US } from '../core/clock.ts'
import { ASK, BID } from '../market/book.ts'
import { atomsPerUnit, dollarLike, type Instrument, type Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import { impliedVolatilityBatch, VolatilityStatus } from '../pricing/impliedVolatility.ts'
import { CALL, PUT } from '../pricing/right.ts'
import type { Book, Position, VenueAccount } from './book.ts'
import { addGreeks, clearGreeks, type Greeks, noGreeks } from './greeks.ts'
import type { Liquidity, MarketView } from './marketView.ts'
import type { PortfolioView } from './portfolio.ts'
import { missingPrices, noPositionGreeks, type PositionGreeks, positionGreeks } from './positionGreeks.ts'
import { bookValue } from './valuation.ts'

const YEAR_US = 365 * DAY_US

/** Account of money that belongs to no venue in particular. */
export const UNASSIGNED = 'unassigned'

/** What a ledger does not say. */
export interface BookOfRunSettings {
  /** How options are valued: see the header. `repriced` when absent. */
  readonly options?: 'repriced' | 'marks'
  /** An option of which nothing was heard for longer is unpriced; never when absent. */
  readonly optionsStaleUs?: number
  /**
   * What each venue held at the start, in units by currency. Flows of later trades are each venue's own; money that neither
   * these nor the flows place goes to the only venue that deals in its currency, else to the account {@link UNASSIGNED}.
   */
  readonly openingCash?: Readonly<Record<string, Readonly<Record<string, number>>>>
  /** Margin engine by venue. */
  readonly margin?: Readonly<Record<string, string>>
  /** What {@link MarketView} asks and no tape says, as in `MarketFacts`; liquidity here replaces what a book shows. */
  readonly dollarRate?: number
  readonly transactionCost?: Readonly<Record<string, number>>
  readonly liquidity?: Readonly<Record<string, Liquidity>>
}

/** A position the market has no figures for. */
export interface Unpriced {
  /** Index in the universe. */
  readonly instrument: number
  readonly name: string
  /** What is missing, in words. */
  readonly missing: readonly string[]
}

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] }

interface LiveAccount {
  venue: string
  margin?: string
  balances: Record<string, number>
  positions: Position[]
}

/** An instrument once traded: its position, changed in place. */
class Line {
  readonly index: number
  readonly instrument: Instrument
  readonly account: LiveAccount
  /** Base units (linear) or dollars (inverse) of one lot. */
  readonly lotUnits: number
  /** Undefined for spot, which is a balance. */
  readonly position: Mutable<Extract<Position, { size: number }>> | undefined
  held = false

  constructor(index: number, instrument: Instrument, account: LiveAccount) {
    this.index = index
    this.instrument = instrument
    this.account = account
    this.lotUnits = instrument.lots.size * Number(instrument.spec.multiplier)
    const { id, kind, settle, expiryUs, strike } = instrument
    const asset = instrument.spec.base
    if (kind === 'spot') this.position = undefined
    else if (kind === 'option') {
      const right = instrument.right === 'put' ? PUT : CALL
      this.position = { kind, asset, instrument: id, size: 0, right, strike, expiryUs, settle, entry: 0 }
    } else {
      const payoff = instrument.inverse ? 'inverse' : 'linear'
      const future = { asset, instrument: id, size: 0, payoff, entry: 0, settle } as const
      this.position = kind === 'future' ? { kind, ...future, expiryUs } : { kind: 'perp', ...future }
    }
  }

  /** Takes size and entry from the ledger; true when it was opened or closed. */
  update(portfolio: PortfolioView): boolean {
    const lots = portfolio.lots(this.index)
    const was = this.held
    this.held = lots !== 0
    const position = this.position
    if (position !== undefined) {
      const size = lots * this.lotUnits
      const cost = portfolio.holding(this.index).costAtoms / atomsPerUnit(this.instrument.settle)
      position.size = size
      if (lots === 0) position.entry = 0
      else position.entry = this.instrument.inverse ? -size / cost : cost / size
    }
    return was !== this.held
  }
}

/** What an option last said. */
class OptionFigures {
  heardUs = Number.NEGATIVE_INFINITY
  volatility = Number.NaN
  forward = Number.NaN
  index = Number.NaN
  /** Forward over spot. */
  ratio = Number.NaN
  /** Moment for which volatility and this forward give the mark. */
  markedUs = Number.NEGATIVE_INFINITY
  markForward = Number.NaN
}

/** What a run has heard, as every price its book can depend on. Live: see {@link BookOfRun}. */
class RunView implements MarketView {
  timeUs = Number.NEGATIVE_INFINITY
  readonly dollarRate: number
  readonly #universe: Universe
  readonly #portfolio: PortfolioView
  readonly #market: (instrument: number) => MarketState
  readonly #settings: BookOfRunSettings
  readonly #figures = new Map<number, OptionFigures>()
  /** Perpetuals by venue and asset; dated instruments by asset and expiry. Dollar-quoted ones only. */
  readonly #perpetuals = new Map<string, Map<string, number>>()
  readonly #dated = new Map<string, Map<number, number[]>>()
  /** Latest index heard with an option, by asset. */
  readonly #indexes = new Map<string, { us: number; price: number }>()
  readonly #asked = {
    right: new Int8Array(1),
    forward: new Float64Array(1),
    strike: new Float64Array(1),
    years: new Float64Array(1),
    price: new Float64Array(1),
    rate: new Float64Array(1),
  }
  readonly #answer = new Float64Array(1)
  readonly #status = new Uint8Array(1)

  constructor(
    universe: Universe,
    portfolio: PortfolioView,
    market: (instrument: number) => MarketState,
    settings: BookOfRunSettings,
  ) {
    this.#universe = universe
    this.#portfolio = portfolio
    this.#market = market
    this.#settings = settings
    this.dollarRate = settings.dollarRate ?? 0
    for (const [index, { kind, venue, spec, expiryUs }] of universe.instruments.entries()) {
      if (!dollarLike(spec.quote)) continue
      if (kind === 'perp') {
        const known = this.#perpetuals.get(venue) ?? new Map<string, number>()
        if (!known.has(spec.base)) this.#perpetuals.set(venue, known.set(spec.base, index))
      } else if (kind === 'future' || kind === 'option') {
        const byExpiry = this.#dated.get(spec.base) ?? new Map<number, number[]>()
        const list = byExpiry.get(expiryUs) ?? []
        list.push(index)
        this.#dated.set(spec.base, byExpiry.set(expiryUs, list))
      }
    }
  }

  spot(asset: string): number {
    const price = this.#portfolio.rate(asset)
    return Number.isNaN(price) ? (this.#indexes.get(asset)?.price ?? Number.NaN) : price
  }

  forward(asset: string, expiryUs: number, instrument?: string): number {
    const index = this.#index(instrument)
    if (index >= 0) {
      const { kind } = this.#universe.at(index)
      if (kind === 'future') return this.#mark(index)
      if (kind === 'option') return this.#optionForward(index)
    }
    if (expiryUs <= this.timeUs) return this.spot(asset)
    const listed = this.#dated.get(asset)?.get(expiryUs) ?? []
    const future = this.#future(listed)
    if (future >= 0) return this.#mark(future)
    for (const option of listed) {
      const forward = this.#optionForward(option)
      if (!Number.isNaN(forward)) return forward
    }
    return Number.NaN
  }

  volatility(asset: string, expiryUs: number, strike: number, instrument?: string): number {
    const index = this.#index(instrument)
    if (index >= 0) return this.#optionVolatility(index)
    for (const option of this.#dated.get(asset)?.get(expiryUs) ?? []) {
      if (this.#universe.at(option).strike !== strike) continue
      const volatility = this.#optionVolatility(option)
      if (!Number.isNaN(volatility)) return volatility
    }
    return Number.NaN
  }

  perpetual(venue: string, asset: string, instrument?: string): number {
    const index = this.#perpetual(venue, asset, instrument)
    return index < 0 ? Number.NaN : this.#mark(index)
  }

  fundingPerDay(venue: string, asset: string, instrument?: string): number {
    const index = this.#perpetual(venue, asset, instrument)
    if (index < 0) return 0
    const market = this.#market(index)
    const intervalUs = market.fundingIntervalUs || (this.#universe.at(index).spec.fundingIntervalUs ?? 0)
    const foreseen = market.fundingDueUs >= this.timeUs ? market.fundingForecast : Number.NaN
    const rate = Number.isNaN(foreseen) ? market.fundingRate : foreseen
    return Number.isNaN(rate) || !(intervalUs > 0) ? 0 : (rate * DAY_US) / intervalUs
  }

  /** From a book's own levels within 1 % of the mid, the thinner side; undefined where no book is kept. */
  liquidity(venue: string, asset: string): Liquidity | undefined {
    const stated = this.#settings.liquidity?.[`${venue} ${asset}`]
    if (stated !== undefined) return stated
    const index = this.#perpetual(venue, asset, undefined)
    if (index < 0) return undefined
    const { book, quoted, hasBook, bestBid, bestAsk } = this.#market(index)
    if (!hasBook || !quoted) return undefined
    const mid = (bestBid + bestAsk) / 2
    const { inverse, settle, takerBps } = this.#universe.at(index)
    const perAtom = (inverse ? this.spot(settle) : this.#portfolio.rate(settle)) / atomsPerUnit(settle)
    const within = (side: 1 | -1) => {
      let atoms = 0
      for (let tick = book.best(side); Math.abs(tick - mid) <= 0.01 * mid; tick = book.nextTick(side, tick))
        atoms += this.#universe.at(index).notionalAtoms(tick, book.lotsAt(side, tick))
      return atoms * perAtom
    }
    const depth = Math.min(within(BID), within(ASK))
    return depth > 0 ? { halfSpread: (bestAsk - bestBid) / 2 / mid, depth, takerFee: takerBps / 10_000 } : undefined
  }

  transactionCost(venue: string): number {
    return this.#settings.transactionCost?.[venue] ?? 0
  }

  /** Index of a named instrument of this run; -1 when it has no name or is not of this run. */
  #index(instrument: string | undefined): number {
    return instrument !== undefined && this.#universe.has(instrument) ? this.#universe.index(instrument) : -1
  }

  #perpetual(venue: string, asset: string, instrument: string | undefined): number {
    const index = this.#index(instrument)
    return index >= 0 ? index : (this.#perpetuals.get(venue)?.get(asset) ?? -1)
  }

  /** Dollars per base: nothing is known of what is quoted in another coin. */
  #mark(index: number): number {
    const { kind, spec } = this.#universe.at(index)
    return dollarLike(spec.quote) && kind !== 'pool' ? this.#market(index).markPrice : Number.NaN
  }

  #future(listed: readonly number[]): number {
    for (const index of listed) if (this.#universe.at(index).kind === 'future') return index
    return -1
  }

  #optionForward(index: number): number {
    const figures = this.#heard(index)
    if (this.#settings.options === 'marks') return figures.markForward
    return figures.ratio * this.spot(this.#universe.at(index).spec.base)
  }

  #optionVolatility(index: number): number {
    const figures = this.#heard(index)
    return this.timeUs - figures.heardUs > (this.#settings.optionsStaleUs ?? Number.POSITIVE_INFINITY)
      ? Number.NaN
      : figures.volatility
  }

  /** Listens to an option, so that the index it came with is known to whoever asks first. */
  hear(index: number): void {
    this.#heard(index)
  }

  /** What an option said, brought up to date. */
  #heard(index: number): OptionFigures {
    let figures = this.#figures.get(index)
    if (figures === undefined) {
      figures = new OptionFigures()
      this.#figures.set(index, figures)
    }
    const market = this.#market(index)
    const marks = this.#settings.options === 'marks'
    const carried = marks ? this.#portfolio.marks.carried(index) : undefined
    const news = market.updatedUs !== figures.heardUs
    if (news) this.#hear(index, market, figures)
    if (carried !== undefined) {
      figures.volatility = carried.volatility
      figures.markForward = carried.forward
      figures.markedUs = Number.NEGATIVE_INFINITY
    } else if (marks ? news || figures.markedUs !== this.timeUs : news && !(market.impliedVolatility > 0)) {
      figures.markedUs = this.timeUs
      this.#invert(index, market.markPrice, figures, marks ? this.timeUs : market.updatedUs)
      if (Number.isNaN(figures.volatility) && market.impliedVolatility > 0)
        figures.volatility = market.impliedVolatility
    }
    return figures
  }

  #hear(index: number, market: MarketState, figures: OptionFigures): void {
    const { spec, expiryUs } = this.#universe.at(index)
    figures.heardUs = market.updatedUs
    if (market.index > 0) this.#hearIndex(spec.base, market)
    let forward = market.forward
    if (!(forward > 0)) {
      const future = this.#future(this.#dated.get(spec.base)?.get(expiryUs) ?? [])
      forward = future >= 0 ? this.#mark(future) : Number.NaN
    }
    if (forward !== figures.forward || market.index !== figures.index) {
      figures.forward = forward
      figures.index = market.index
      // Without an index beside it the forward is set against the spot of the moment we looked.
      figures.ratio = forward / (market.index > 0 ? market.index : this.spot(spec.base))
    }
    figures.volatility = market.impliedVolatility > 0 ? market.impliedVolatility : Number.NaN
  }

  #hearIndex(asset: string, market: MarketState): void {
    const known = this.#indexes.get(asset)
    if (known === undefined) this.#indexes.set(asset, { us: market.indexUs, price: market.index })
    else if (market.indexUs >= known.us) {
      known.us = market.indexUs
      known.price = market.index
    }
  }

  /**
   * The volatility at which Black's formula gives a mark; NaN where none does. A mark rounded to below its exercise is an option
   * without time value on a forward that little nearer: volatility 0, so that worth is the mark and delta is whole.
   */
  #invert(index: number, mark: number, figures: OptionFigures, saidUs: number): void {
    const { right, strike, expiryUs, settle } = this.#universe.at(index)
    const sign = right === 'put' ? PUT : CALL
    const inDollars = dollarLike(settle)
    const years = (expiryUs - saidUs) / YEAR_US
    const { forward } = figures
    const asked = this.#asked
    asked.right[0] = sign
    asked.forward[0] = forward
    asked.strike[0] = strike
    asked.years[0] = years
    asked.price[0] = inDollars ? mark : mark * forward
    asked.rate[0] = inDollars ? this.dollarRate : 0
    impliedVolatilityBatch(asked, this.#answer, this.#status)
    figures.volatility = this.#answer[0]!
    figures.markForward = forward
    if (this.#status[0] !== VolatilityStatus.BELOW_INTRINSIC || !(mark >= 0)) return
    figures.volatility = 0
    if (inDollars) figures.markForward = strike + sign * mark * Math.exp(this.dollarRate * years)
    else figures.markForward = strike / (1 - sign * mark)
  }
}

/**
 * The book of a run and its market, for policies, risk and reports.
 *
 * @example
 * const run = new BookOfRun(context.universe, context.portfolio, (i) => context.market(i))
 * run.refresh(context.clock.nowUs)
 * run.greeks('BTC').delta // NaN while something held is unpriced: see `unpriced`
 */
export class BookOfRun {
  readonly #universe: Universe
  readonly #portfolio: PortfolioView
  readonly #settings: BookOfRunSettings
  readonly #view: RunView
  readonly #accounts: LiveAccount[] = []
  readonly #lines: Line[] = []
  readonly #scratch = noPositionGreeks()
  /** Currency to the account its unplaced money lies in, and to what trades of the run moved of it, in atoms. */
  readonly #homes = new Map<string, LiveAccount>()
  readonly #moved = new Map<string, number>()

  /** @param market What is known of an instrument, by index: the engine's `markets[i]`, a policy's `context.market(i)`. */
  constructor(
    universe: Universe,
    portfolio: PortfolioView,
    market: (instrument: number) => MarketState,
    settings: BookOfRunSettings = {},
  ) {
    this.#universe = universe
    this.#portfolio = portfolio
    this.#settings = settings
    this.#view = new RunView(universe, portfolio, market, settings)
    for (const { venue } of universe.instruments) this.#account(venue)
    for (const venue of Object.keys(settings.openingCash ?? {})) this.#account(venue)
  }

  /** Live: changes with the next {@link refresh}. One account a venue. */
  get book(): Book {
    return { accounts: this.#accounts as readonly VenueAccount[], inTransit: [] }
  }

  /** Live: prices are those of this moment, times to expiry those of the last {@link refresh}. */
  get view(): MarketView {
    return this.#view
  }

  /**
   * Takes over what the ledger says now. Costs a few dozen nanoseconds for every instrument ever traded; allocates only when
   * one is traded for the first time.
   */
  refresh(nowUs: number): this {
    this.#view.timeUs = nowUs
    const { traded } = this.#portfolio
    let changed = false
    for (let i = this.#lines.length; i < traded.length; i++) {
      const instrument = this.#universe.at(traded[i]!)
      this.#lines.push(new Line(traded[i]!, instrument, this.#account(instrument.venue)))
    }
    for (const line of this.#lines) {
      if (line.update(this.#portfolio)) changed = true
      if (line.held && line.position?.kind === 'option') this.#view.hear(line.index)
    }
    if (changed) {
      for (const account of this.#accounts) account.positions.length = 0
      for (const { held, position, account } of this.#lines) if (held && position) account.positions.push(position)
    }
    this.#placeMoney()
    return this
  }

  /** Dollars. Equals the ledger's equity to the atom with options at `marks` and one spot market a coin. */
  get equity(): number {
    return bookValue(this.book, this.#view)
  }

  /** Indexes of what is held, spot included, in order of first trade. */
  get held(): readonly number[] {
    return this.#lines.filter(({ held }) => held).map(({ index }) => index)
  }

  /** Greeks of what is held of an instrument; all zero when nothing is, or it is spot (see {@link greeks}). */
  positionGreeks(instrument: number, out: PositionGreeks = noPositionGreeks()): PositionGreeks {
    const line = this.#lines.find(({ index }) => index === instrument)
    if (line?.position === undefined) return Object.assign(out, noPositionGreeks())
    return positionGreeks(line.position, line.instrument.venue, this.#view, out)
  }

  /**
   * Greeks of everything that depends on an asset: derivatives on it, coins of it on every venue, profits owed in it. `value` is
   * that of the derivatives on it and the coins. NaN while a position on it is {@link unpriced}: nothing should be hedged by half.
   *
   * @param venue Only of that venue, where given.
   */
  greeks(asset: string, venue?: string, out: Greeks = noGreeks()): Greeks {
    clearGreeks(out)
    const scratch = this.#scratch
    for (const line of this.#lines) {
      if (!line.held || line.position === undefined) continue
      if (venue !== undefined && line.instrument.venue !== venue) continue
      const ofAsset = line.position.asset === asset
      if (!ofAsset && line.position.settle !== asset) continue
      positionGreeks(line.position, line.instrument.venue, this.#view, scratch)
      if (ofAsset) addGreeks(out, scratch)
      else {
        out.delta += scratch.otherDelta
        out.gamma += scratch.otherGamma
      }
    }
    for (const account of this.#accounts) {
      if (venue !== undefined && account.venue !== venue) continue
      const units = account.balances[asset] ?? 0
      if (units === 0) continue
      out.delta += units
      out.value += units * this.#view.spot(asset)
    }
    return out
  }

  /** Bases and currencies of everything traded and owned. */
  get assets(): readonly string[] {
    const names = new Set(this.#lines.map(({ instrument }) => instrument.spec.base))
    for (const { balances } of this.#accounts) for (const currency of Object.keys(balances)) names.add(currency)
    return [...names]
  }

  /** What is held and has no price now, with what is missing. */
  unpriced(): Unpriced[] {
    return this.#lines.flatMap(({ held, index, instrument, position }) => {
      if (!held || position === undefined) return []
      const missing = missingPrices(position, instrument.venue, this.#view)
      return missing.length === 0 ? [] : [{ instrument: index, name: instrument.id, missing }]
    })
  }

  /** Book and market of this moment, for good: what an explanation, a stress or a journal may keep. Knows the traded instruments only. */
  freeze(): { book: Book; view: MarketView } {
    const book: Book = {
      accounts: this.#accounts.map(({ venue, margin, balances, positions }) => ({
        venue,
        ...(margin === undefined ? {} : { margin }),
        balances: { ...balances },
        positions: positions.map((position) => ({ ...position })),
      })),
      inTransit: [],
    }
    return { book, view: new FrozenView(this.#view, this.#lines, this.assets, this.#settings) }
  }

  #account(venue: string): LiveAccount {
    const known = this.#accounts.find((account) => account.venue === venue)
    if (known) return known
    const margin = this.#settings.margin?.[venue]
    const balances = { ...this.#settings.openingCash?.[venue] }
    const account: LiveAccount = { venue, ...(margin === undefined ? {} : { margin }), balances, positions: [] }
    this.#accounts.push(account)
    return account
  }

  /** Balances: what venues began with, what their trades moved, and the rest where it belongs. */
  #placeMoney(): void {
    const opening = this.#settings.openingCash
    for (const { venue, balances } of this.#accounts)
      for (const currency in balances) balances[currency] = opening?.[venue]?.[currency] ?? 0
    for (const currency of this.#moved.keys()) this.#moved.set(currency, 0)
    for (const { index, instrument, account, lotUnits, position } of this.#lines) {
      const { settle, spec } = instrument
      const { realisedAtoms, feesAtoms, fundingAtoms, costAtoms } = this.#portfolio.holding(index)
      const atoms = realisedAtoms - feesAtoms + fundingAtoms - (position === undefined ? costAtoms : 0)
      const { balances } = account
      balances[settle] = (balances[settle] ?? 0) + atoms / atomsPerUnit(settle)
      this.#moved.set(settle, (this.#moved.get(settle) ?? 0) + atoms)
      if (position === undefined)
        balances[spec.base] = (balances[spec.base] ?? 0) + this.#portfolio.lots(index) * lotUnits
    }
    for (const currency of this.#portfolio.currencies) {
      const { balances } = this.#home(currency)
      let placed = (this.#moved.get(currency) ?? 0) / atomsPerUnit(currency)
      if (opening !== undefined) for (const venue in opening) placed += opening[venue]![currency] ?? 0
      const rest = this.#portfolio.cashAtoms(currency) / atomsPerUnit(currency) - placed
      balances[currency] = (balances[currency] ?? 0) + rest
    }
  }

  /** The only venue that deals in a currency, else the account of no venue. */
  #home(currency: string): LiveAccount {
    let home = this.#homes.get(currency)
    if (home === undefined) {
      const venues = new Set<string>()
      for (const { venue, settle } of this.#universe.instruments) if (settle === currency) venues.add(venue)
      const only = venues.size === 1 ? [...venues][0]! : UNASSIGNED
      home = this.#account(only)
      this.#homes.set(currency, home)
    }
    return home
  }
}

interface FrozenFigures {
  readonly venue: string
  readonly asset: string
  readonly perpetual: boolean
  readonly expiryUs: number
  readonly strike: number
  readonly forward: number
  readonly volatility: number
  readonly mark: number
  readonly fundingPerDay: number
  readonly liquidity: Liquidity | undefined
}

/** A {@link RunView} of one moment, of the instruments the run had traded. */
class FrozenView implements MarketView {
  readonly timeUs: number
  readonly dollarRate: number
  readonly #spots = new Map<string, number>()
  readonly #figures = new Map<string, FrozenFigures>()
  readonly #settings: BookOfRunSettings

  constructor(view: MarketView, lines: readonly Line[], assets: readonly string[], settings: BookOfRunSettings) {
    this.timeUs = view.timeUs
    this.dollarRate = view.dollarRate
    this.#settings = settings
    for (const asset of assets) this.#spots.set(asset, view.spot(asset))
    for (const { instrument } of lines) {
      const { id, kind, venue, spec, expiryUs, strike } = instrument
      const asset = spec.base
      const perpetual = kind === 'perp' || kind === 'pool'
      this.#figures.set(id, {
        venue,
        asset,
        perpetual,
        expiryUs,
        strike,
        forward: kind === 'option' || kind === 'future' ? view.forward(asset, expiryUs, id) : Number.NaN,
        volatility: kind === 'option' ? view.volatility(asset, expiryUs, strike, id) : Number.NaN,
        mark: perpetual ? view.perpetual(venue, asset, id) : Number.NaN,
        fundingPerDay: perpetual ? view.fundingPerDay(venue, asset, id) : 0,
        liquidity: perpetual ? view.liquidity(venue, asset) : undefined,
      })
    }
  }

  spot(asset: string): number {
    return this.#spots.get(asset) ?? (dollarLike(asset) ? 1 : Number.NaN)
  }

  forward(asset: string, expiryUs: number, instrument?: string): number {
    const known = instrument === undefined ? undefined : this.#figures.get(instrument)
    if (known !== undefined) return known.forward
    if (expiryUs <= this.timeUs) return this.spot(asset)
    return this.#first((each) => each.asset === asset && each.expiryUs === expiryUs)?.forward ?? Number.NaN
  }

  volatility(asset: string, expiryUs: number, strike: number, instrument?: string): number {
    const known = instrument === undefined ? undefined : this.#figures.get(instrument)
    if (known !== undefined) return known.volatility
    const same = (each: FrozenFigures) => each.asset === asset && each.expiryUs === expiryUs && each.strike === strike
    return this.#first(same)?.volatility ?? Number.NaN
  }

  perpetual(venue: string, asset: string, instrument?: string): number {
    return this.#perpetual(venue, asset, instrument)?.mark ?? Number.NaN
  }

  fundingPerDay(venue: string, asset: string, instrument?: string): number {
    return this.#perpetual(venue, asset, instrument)?.fundingPerDay ?? 0
  }

  liquidity(venue: string, asset: string): Liquidity | undefined {
    return this.#settings.liquidity?.[`${venue} ${asset}`] ?? this.#perpetual(venue, asset, undefined)?.liquidity
  }

  transactionCost(venue: string): number {
    return this.#settings.transactionCost?.[venue] ?? 0
  }

  #first(matches: (each: FrozenFigures) => boolean): FrozenFigures | undefined {
    for (const each of this.#figures.values()) if (matches(each)) return each
    return undefined
  }

  #perpetual(venue: string, asset: string, instrument: string | undefined): FrozenFigures | undefined {
    const known = instrument === undefined ? undefined : this.#figures.get(instrument)
    return known ?? this.#first((each) => each.perpetual && each.venue === venue && each.asset === asset)
  }
}
