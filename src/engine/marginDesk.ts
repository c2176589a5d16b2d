/**
 * @file The margin desk: what venues ask of the run's accounts, told to the gate before a venue acts on it.
 *
 * The run's book (`portfolio/engineBook.ts`) is put to the margin engine of each venue that has one:
 *
 * - each {@link LOOK_US} while something is held there, each {@link CLOSE_LOOK_US} once half the way to liquidation is gone, and after
 *   everything booked there, but never twice within {@link CLOSE_LOOK_US}: one bad tick must not confirm itself;
 * - when the moment is over: between two rows of one microsecond one leg of a hedge has its new price and the other its old one.
 *
 * Readings follow from the rows heard and the money booked. A replay makes them again, and no journal keeps them
 * (docs/decisions/006). Nothing held at these venues costs one comparison a message.
 *
 * Open orders need initial margin, never maintenance: no venue liquidates for what has not traded. Each instrument is reckoned as if
 * all its buys, all its sells or none had filled at the mark, whichever asks the most; orders that only reduce are left out. That
 * worst case is ours. Deribit asks initial margin for orders under both its modes (support.deribit.com, release of 18 August 2022)
 * and Derive does too, by sums they do not publish; Hyperliquid judges an order when it is placed and again when it matches
 * (hyperliquid.gitbook.io, "Order book") and dYdX when it matches (dydxprotocol/v4-chain, pull 1107): nothing is reserved there, and
 * the figure says whether those orders would still be let through.
 *
 * Where it is optimistic: what money lies where is not known, and opening balances are taken to be shared out evenly over the venues
 * that settle in each currency, as the replayed exchange does; an order is not charged for a price worse than the mark.
 * Where it is pessimistic: nothing is moved from a venue with plenty to one in need.
 */

import { MINUTE_US, SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { atomsPerUnit, type Instrument, type Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import type { OpenOrder } from '../policies/policy.ts'
import type { FuturePosition, OptionPosition, Position, VenueAccount } from '../portfolio/book.ts'
import { BookOfRun } from '../portfolio/engineBook.ts'
import { futureProfit } from '../portfolio/margin/deribitStandard.ts'
import type { MarginEngine, MarginReport } from '../portfolio/margin/marginEngine.ts'
import { MARGIN_ENGINES, marginEngine } from '../portfolio/margin/registry.ts'
import type { MarketView } from '../portfolio/marketView.ts'
import { Ledger, type PortfolioView } from '../portfolio/portfolio.ts'
import { futureMark, optionDollars } from '../portfolio/valuation.ts'
import { CALL, PUT } from '../pricing/right.ts'
import { LISTED_TIERS, listedTiers } from './listedTiers.ts'

/** Margin engine by venue. */
export type VenueMargins = Readonly<Record<string, string>>

/** Longest time between two looks while something is held and there are messages. */
export const LOOK_US = MINUTE_US
/** Time between two looks where margin is short, and the shortest there ever is: what the gate takes for fresh evidence of equity. */
export const CLOSE_LOOK_US = 10 * SECOND_US
/** Share of the way to liquidation from which margin is short. */
const CLOSE_RATIO = 0.5

/** What a venue asked at one look. */
export interface MarginReading {
  readonly venue: string
  /** Name of the margin engine. */
  readonly engine: string
  readonly timeUs: number
  /** Maintenance margin over equity of the fullest pool; 1 is liquidation, infinite without equity, NaN unknown. */
  readonly ratio: number
  /** The same of initial margin, open orders counted at their worst: above 1 the venue takes no more of them. */
  readonly initialRatio: number
  /** What was not known, by name; empty unless a ratio is NaN. */
  readonly missing: readonly string[]
}

/** The engine of a venue's own rules, for accounts that chose no other. The generated market of options is made after Deribit's. */
const OWN_MARGIN: VenueMargins = {
  deribit: 'deribit-standard',
  derive: 'derive-standard',
  dydx: 'dydx-v4',
  'generated-options': 'deribit-standard',
  hyperliquid: 'hyperliquid',
}

/** Engines a venue may have unless told otherwise, the first that carries all it lists: its own rules, then listed tiers. */
function candidates(venue: string): string[] {
  return Object.hasOwn(OWN_MARGIN, venue) ? [OWN_MARGIN[venue]!, LISTED_TIERS] : [LISTED_TIERS]
}

/** @throws {GimbalError} `argument-invalid` for an unknown name. */
function engineNamed(name: string, universe: Universe): MarginEngine {
  return name === LISTED_TIERS ? listedTiers(universe) : marginEngine(name)
}

/** Less than an atom is the rounding of doubles and no debt. */
function withoutDust(currency: string, units: number): number {
  return Math.abs(units) * atomsPerUnit(currency) < 0.5 ? 0 : units
}

/**
 * An account as its venue keeps it. The run's ledger owes the profit of an option since it was traded; a venue moved the premium at
 * once, and an option that has expired is the money it is exercised for, though the settlement may still be on its way.
 */
function asVenueKeeps(account: VenueAccount, market: MarketView): VenueAccount {
  const balances: Record<string, number> = {}
  for (const currency in account.balances) balances[currency] = withoutDust(currency, account.balances[currency]!)
  const positions: Position[] = []
  for (const position of account.positions) {
    if (position.kind !== 'option') {
      positions.push(position)
      continue
    }
    const { entry = 0, ...option } = position
    const { settle, size } = option
    let units = (balances[settle] ?? 0) - size * entry
    if (option.expiryUs > market.timeUs) positions.push(option)
    else units += (size * optionDollars(option, market)) / market.spot(settle)
    balances[settle] = units
  }
  return { venue: account.venue, balances, positions }
}

/**
 * Maintenance over equity of the pool nearest to liquidation: pools do not help one another, so their sum may look well while one
 * of them is taken away.
 *
 * @param asked Or initial margin over equity.
 * @returns 0 where nothing is asked, Infinity where nothing stands behind what is, NaN where a figure is unknown.
 */
export function marginRatio({ pools }: MarginReport, asked: 'initial' | 'maintenance' = 'maintenance'): number {
  let worst = 0
  for (const pool of pools) {
    const { equity } = pool
    const margin = pool[asked]
    if (margin === 0) continue
    const ratio = equity <= 0 ? Number.POSITIVE_INFINITY : margin / equity
    if (Number.isNaN(ratio)) return Number.NaN
    worst = Math.max(worst, ratio)
  }
  return worst
}

/** Opening balances shared out evenly over the venues that settle in each, to the atom, as `ReplayedExchange` does. */
function sharedOut(universe: Universe, cash: Readonly<Record<string, number>>): Record<string, Record<string, number>> {
  const shares: Record<string, Record<string, number>> = {}
  for (const [currency, units] of Object.entries(cash)) {
    const settling = universe.instruments.filter(({ settle }) => settle === currency)
    const venues = [...new Set(settling.map(({ venue }) => venue))]
    // Venues take part in order of their first instrument of any kind; the first takes what does not divide.
    const order = [...new Set(universe.instruments.map(({ venue }) => venue))].filter((venue) => venues.includes(venue))
    const atoms = Math.round(units * atomsPerUnit(currency))
    const even = Math.floor(atoms / order.length)
    for (const [rank, venue] of order.entries()) {
      const share = rank === 0 ? atoms - even * (order.length - 1) : even
      shares[venue] = { ...shares[venue], [currency]: share / atomsPerUnit(currency) }
    }
  }
  return shares
}

/** A price at which a lot of anything is worth more than an atom. */
const PROBE_PRICE = 1000

/** The account of a venue that has bought a lot of some instruments: what an engine is asked whether it carries. */
function accountHolding(universe: Universe, venue: string, instruments: readonly number[]): [VenueAccount, MarketView] {
  const markets = universe.instruments.map((instrument) => new MarketState(instrument))
  const ledger = new Ledger(universe, markets, {})
  for (const instrument of instruments) {
    const tick = Math.ceil(PROBE_PRICE / universe.at(instrument).ticks.size)
    const bought = { orderId: 0, timeUs: 0, venueTimeUs: 0, leavesLots: 0, fillId: 0, queueAheadLots: -1 } as const
    ledger.applyFill(
      { ...bought, kind: 'filled', instrument, side: 1, lots: 1, tick, feeAtoms: 0, liquidity: 'taker', reason: '' },
      Number.NaN,
    )
  }
  const run = new BookOfRun(universe, ledger, (index) => markets[index]!).refresh(0)
  const account = run.book.accounts.find((each) => each.venue === venue)!
  return [asVenueKeeps(account, run.view), run.view]
}

/** What keeps an engine from margining all that a run may trade at a venue; undefined when nothing does. */
export function marginObstacle(
  engine: MarginEngine,
  universe: Universe,
  venue: string,
): { readonly instrument: string; readonly reason: string } | undefined {
  const derivatives: number[] = []
  for (const [index, instrument] of universe.instruments.entries()) {
    if (instrument.venue !== venue || instrument.kind === 'spot') continue
    if (instrument.kind === 'pool') return { instrument: instrument.id, reason: 'positions in pools are not margined' }
    derivatives.push(index)
  }
  try {
    // All at once: some accounts are over one asset only.
    const [account, market] = accountHolding(universe, venue, derivatives)
    engine.assess(account, market)
    return undefined
  } catch (error) {
    if (!(error instanceof GimbalError) || error.code !== 'margin-unsupported') throw error
    return { instrument: String(error.facts?.['position'] ?? venue), reason: error.message.split('\n', 1)[0]! }
  }
}

/** Venues of a run in order. */
function venuesOf(universe: Universe): string[] {
  return [...new Set(universe.instruments.map(({ venue }) => venue))]
}

/** Whether a venue lists anything that is margined. */
function derivativesAt(universe: Universe, venue: string): boolean {
  return universe.instruments.some((each) => each.venue === venue && each.kind !== 'spot')
}

/**
 * Engine by venue of a run that named none: that of the venue's own rules where it carries every derivative listed, else
 * `listed-tiers` where that does. A venue neither carries is not watched, and {@link marginAssumptions} says why.
 */
export function ownMargins(universe: Universe): VenueMargins {
  return Object.fromEntries(
    venuesOf(universe).flatMap((venue): [string, string][] => {
      if (!derivativesAt(universe, venue)) return []
      const name = candidates(venue).find((each) => !marginObstacle(engineNamed(each, universe), universe, venue))
      return name === undefined ? [] : [[venue, name]]
    }),
  )
}

/** One sentence for each venue of a run on whether its margin is watched, for the assumptions of a report. */
export function marginAssumptions(universe: Universe, margins: VenueMargins): Record<string, string> {
  return Object.fromEntries(
    venuesOf(universe).flatMap((venue): [string, string][] => {
      if (!derivativesAt(universe, venue)) return []
      const name = margins[venue]
      if (name !== undefined) {
        const { source } = engineNamed(name, universe)
        const text = `${name} (${source}), once a minute, every ten seconds from half of the way to liquidation on, and after fills; opening balances shared out evenly over the venues that settle in each currency; open orders need initial margin only, as if the worse side of each instrument had filled at the mark`
        return [[venue, text]]
      }
      const obstacles = candidates(venue).map((each) => {
        const obstacle = marginObstacle(engineNamed(each, universe), universe, venue)
        return obstacle && `${each} does not carry ${obstacle.instrument} (${obstacle.reason})`
      })
      const why = obstacles.every((each) => each !== undefined) ? obstacles.join('; ') : 'switched off'
      return [[venue, `not watched, ${why}: margin-ratio cannot trip here`]]
    }),
  )
}

/** What is open on an instrument that may add to it, in base units (linear) or dollars (inverse). */
interface OpenSizes {
  readonly instrument: Instrument
  buys: number
  sells: number
}

/** A position of nothing in an instrument. */
function emptyPosition({
  id,
  kind,
  settle,
  expiryUs,
  strike,
  right,
  inverse,
  spec,
}: Instrument): FuturePosition | OptionPosition {
  const held = { asset: spec.base, instrument: id, size: 0, settle } as const
  if (kind === 'option') return { kind, ...held, right: right === 'put' ? PUT : CALL, strike, expiryUs }
  const payoff = inverse ? 'inverse' : 'linear'
  return kind === 'future' ? { kind, ...held, payoff, entry: 1, expiryUs } : { kind: 'perp', ...held, payoff, entry: 1 }
}

/**
 * An account as its venue keeps it after a trade at the mark: the same worth, another position. Where the mark is unknown no money
 * moves: the engine that is then asked for a margin will not know it either, and says of what.
 */
function afterTrade(account: VenueAccount, instrument: Instrument, size: number, market: MarketView): VenueAccount {
  const same = (each: Position) => each.instrument === instrument.id
  const before = account.positions.find(same) ?? emptyPosition(instrument)
  if (before.kind !== 'option' && before.kind !== 'perp' && before.kind !== 'future') return account
  const { settle } = before
  let units = account.balances[settle] ?? 0
  let after: FuturePosition | OptionPosition = { ...before, size: before.size + size }
  if (before.kind === 'option') {
    const premium = (optionDollars({ ...before, size: 1 }, market) * size) / market.spot(settle)
    if (!Number.isNaN(premium)) units -= premium
  } else {
    const mark = futureMark(before, account.venue, market)
    if (!Number.isNaN(mark)) {
      units += before.size === 0 ? 0 : futureProfit(before, mark)
      after = { ...before, size: before.size + size, entry: mark }
    }
  }
  const others = account.positions.filter((each) => !same(each))
  return {
    venue: account.venue,
    balances: { ...account.balances, [settle]: units },
    positions: after.size === 0 ? others : [...others, after],
  }
}

/** A venue that is watched. */
interface Watched {
  readonly venue: string
  readonly engine: MarginEngine
  /** Live: of the run's book. */
  readonly account: VenueAccount
  /** Of the last look; 0 when nothing was held or open. */
  ratio: number
  initialRatio: number
}

/** Looks at margins and says when it wants to: see the header. */
export class MarginDesk {
  /** When a look is due; infinite while none is. */
  dueUs = Number.POSITIVE_INFINITY
  /** From when on the end of a message asks for a look; infinite while nothing is held or a look is due. */
  askUs = Number.POSITIVE_INFINITY
  /** The last thing an engine threw, for the log of whoever runs it. Such a look reads NaN. */
  failure: unknown
  readonly #universe: Universe
  readonly #openOrders: () => Iterable<OpenOrder>
  readonly #run: BookOfRun
  readonly #watched: readonly Watched[]
  /** 1 for the instruments of watched venues. */
  readonly #concerns: Uint8Array
  #lookedUs = Number.NEGATIVE_INFINITY

  /**
   * @param margins Engine by venue. @param cash The run's opening balances in whole units. @param openOrders Of every policy.
   * @throws {GimbalError} `config-invalid` for a venue that is not in the run, an engine there is not, and an instrument the
   *   engine does not carry: by name, before anything is traded.
   */
  constructor(
    margins: VenueMargins,
    universe: Universe,
    portfolio: PortfolioView,
    markets: readonly MarketState[],
    cash: Readonly<Record<string, number>>,
    openOrders: () => Iterable<OpenOrder>,
  ) {
    this.#universe = universe
    this.#openOrders = openOrders
    const openingCash = sharedOut(universe, cash)
    this.#run = new BookOfRun(universe, portfolio, (index) => markets[index]!, { openingCash })
    const { accounts } = this.#run.book
    this.#watched = Object.entries(margins).map(([venue, name]) => {
      const account = accounts.find((each) => each.venue === venue)
      if (!account || !venuesOf(universe).includes(venue))
        throw new GimbalError('config-invalid', 'A margin engine for a venue that is not in this run', {
          asked: venue,
          known: venuesOf(universe).join(' '),
        })
      const known = [...MARGIN_ENGINES, LISTED_TIERS]
      if (!known.includes(name))
        throw new GimbalError('config-invalid', 'No margin engine of this name', {
          asked: `${venue}=${name}`,
          known: known.join(' '),
        })
      const engine = engineNamed(name, universe)
      const obstacle = marginObstacle(engine, universe, venue)
      if (obstacle)
        throw new GimbalError('config-invalid', 'A margin engine does not carry what this run may trade', {
          venue,
          engine: name,
          ...obstacle,
          remedy: `leave the instrument out, name another engine, or switch it off: --margin ${venue}=none`,
        })
      return { venue, engine, account, ratio: 0, initialRatio: 0 }
    })
    this.#concerns = Uint8Array.from(universe.instruments, ({ venue }) => (Object.hasOwn(margins, venue) ? 1 : 0))
  }

  /** The end of a message at or after {@link askUs}: a look is due when its moment is over. */
  ask(nowUs: number): void {
    this.askUs = Number.POSITIVE_INFINITY
    this.#want(nowUs + 1)
  }

  /** The ledger booked something; `instrument` is -1 for money that came or went by itself. */
  onBooked(instrument: number, nowUs: number): void {
    if (instrument >= 0 ? this.#concerns[instrument] === 1 : this.askUs < Number.POSITIVE_INFINITY)
      this.#want(nowUs + 1)
  }

  /** Assesses every watched venue where something is held or open, and once more where something was. */
  look(nowUs: number, tell: (reading: MarginReading) => void): void {
    this.dueUs = Number.POSITIVE_INFINITY
    this.#lookedUs = nowUs
    this.#run.refresh(nowUs)
    const open = this.#open()
    let held = false
    let calm = true
    for (const watched of this.#watched) {
      const orders = open.get(watched.venue) ?? []
      const holds = watched.account.positions.length > 0
      if (!holds && orders.length === 0 && watched.ratio === 0 && watched.initialRatio === 0) continue
      held ||= holds
      const reading = this.#read(watched, orders, nowUs)
      watched.ratio = reading.ratio
      watched.initialRatio = reading.initialRatio
      calm &&= reading.ratio < CLOSE_RATIO
      tell(reading)
    }
    this.askUs = held ? nowUs + (calm ? LOOK_US : CLOSE_LOOK_US) : Number.POSITIVE_INFINITY
  }

  /** What is open by venue and instrument, in order of the oldest order; an order on its way out may still trade. */
  #open(): Map<string, OpenSizes[]> {
    const byVenue = new Map<string, OpenSizes[]>()
    for (const { instrument: index, side, leavesLots, reduceOnly } of this.#openOrders()) {
      if (reduceOnly || this.#concerns[index] === 0) continue
      const instrument = this.#universe.at(index)
      if (instrument.kind === 'spot') continue
      const list = byVenue.get(instrument.venue) ?? []
      byVenue.set(instrument.venue, list)
      let sizes = list.find((each) => each.instrument === instrument)
      if (sizes === undefined) {
        sizes = { instrument, buys: 0, sells: 0 }
        list.push(sizes)
      }
      sizes[side > 0 ? 'buys' : 'sells'] += leavesLots * instrument.lots.size * Number(instrument.spec.multiplier)
    }
    return byVenue
  }

  #want(atUs: number): void {
    this.dueUs = Math.min(this.dueUs, Math.max(atUs, this.#lookedUs + CLOSE_LOOK_US))
  }

  #read({ venue, engine, account }: Watched, orders: readonly OpenSizes[], timeUs: number): MarginReading {
    const facts = { venue, engine: engine.name, timeUs }
    if (account.positions.length === 0 && orders.length === 0)
      return { ...facts, ratio: 0, initialRatio: 0, missing: [] }
    try {
      const { view } = this.#run
      const kept = asVenueKeeps(account, view)
      const report = engine.assess(kept, view)
      const ratio = marginRatio(report)
      const filled = withOrders(engine, kept, report, orders, view)
      const initialRatio = marginRatio(filled, 'initial')
      return { ...facts, ratio, initialRatio, missing: Number.isNaN(ratio + initialRatio) ? filled.missing : [] }
    } catch (error) {
      // A margin nobody can reckon is unknown, and what is unknown trips.
      this.failure = error
      const missing = [(error as Error).message.split('\n', 1)[0]!]
      return { ...facts, ratio: Number.NaN, initialRatio: Number.NaN, missing }
    }
  }
}

/** The report of an account whose open orders have filled as they would ask the most initial margin: see the header. */
function withOrders(
  engine: MarginEngine,
  account: VenueAccount,
  report: MarginReport,
  orders: readonly OpenSizes[],
  view: MarketView,
): MarginReport {
  let worst = { account, report }
  for (const { instrument, buys, sells } of orders) {
    const before = worst
    for (const size of [buys, -sells]) {
      if (size === 0) continue
      const filled = afterTrade(before.account, instrument, size, view)
      const asked = engine.assess(filled, view)
      // What is unknown is the worst there is.
      if (!(asked.initial <= worst.report.initial)) worst = { account: filled, report: asked }
    }
  }
  return worst.report
}
