/**
 * @file The generated market itself: books, flow, arbitrage, marks, funding and liquidations, one moment after another.
 *
 * Order flow is one Hawkes process over six types (limit, cancel, market; two sides) of every market. What an order does
 * depends on the book and on the value as that market sees it: makers quote around it, withdraw quotes it has passed, and
 * lose those they were slow to withdraw to takers who saw it first. Each trade moves the market's own estimate; arbitrage
 * between markets, executed against both books, and time bring the estimates back together.
 *
 * It is a market for showing and testing the machinery, not a fitted model of a real one: sizes and rates are
 * plausible, latency is independent of load except in the crash, and nobody reacts to our own orders.
 */

import { HOUR_US, SECOND_US } from '../../core/clock.ts'
import type { Random } from '../../core/random.ts'
import { ASK, BID, type Side } from '../../market/book.ts'
import type { Instrument } from '../../market/instrument.ts'
import { Flag, Kind, TapeBatch } from '../../market/tape.ts'
import { FlowBook, LEVELS_MIN } from './flowBook.ts'
import { HawkesFlow } from './hawkesFlow.ts'
import { MarketWorld, meanRevert } from './marketWorld.ts'

/** Children per event of the flow: the branching ratio, whatever the type. */
export const BRANCHING_RATIO = 0.7

/** Order types of one side, in the flow's numbering: type = 6 × market + 2 × what + (0 buy, 1 sell). */
const LIMIT = 0
const CANCEL = 1
const MARKET = 2

/** Immigrants per second, by what they do, a side and market. */
const BASELINE = [3.3, 2.4, 0.35]
/**
 * Children per event, by cause: [own side limit, cancel, market, other side limit, cancel, market, other markets' same].
 * "Own side" of a purchase is: more bids, cancelled bids, more purchases. Each row adds up to BRANCHING_RATIO.
 */
const CHILDREN: readonly (readonly number[])[] = [
  [0.24, 0.2, 0.03, 0.1, 0.05, 0.02, 0.06],
  [0.3, 0.18, 0.02, 0.06, 0.05, 0.05, 0.04],
  [0.12, 0.02, 0.24, 0.06, 0.16, 0.02, 0.08],
]

/** Seconds between looks at value, stale quotes and arbitrage. */
const GRID_SECONDS = 0.05
/** Half the spread makers want, and the mean distances behind it of near and far quotes, in ticks. */
const HALF_SPREAD_TICKS = 1.2
const NEAR_TICKS = 3
const FAR_TICKS = 40
const FAR_SHARE = 0.3
/** Quotes farther from the touch than this are given up, in ticks. */
const REACH_TICKS = 400
const QUOTE_LOTS = 80
const TRADE_LOTS = 15
/** Tail exponent of the sizes of market orders, and the most they may take of the near depth. */
const TRADE_TAIL = 1.6
const TRADE_SHARE_MAX = 0.4
const NEAR_REACH_TICKS = 30
/** Move of the market's estimate by an order of TRADE_LOTS, and how much of it is believed by everyone. */
const IMPACT = 0.8e-5
const IMPACT_COMMON = 0.4
/** Half-life of a market's own estimate error, in seconds. */
const LOCAL_HALF_LIFE_SECONDS = 15
/** Arbitrage acts when books differ by more than this beyond the usual basis; in a crash capital is scarce. */
const ARBITRAGE_BAND = 2.5e-4
const ARBITRAGE_LOTS = 200
/** Share of open interest that a fall can liquidate, the fall it starts at, and the scale over which it happens. */
const LIQUIDATED_MAX = 0.3
const LIQUIDATION_FROM = 0.012
const LIQUIDATION_SCALE = 0.04

/** One instrument to generate. */
export interface SimulatedInstrument {
  readonly instrument: Instrument
  /** Usual premium over the value, and by how much it falls below that at the height of the crash. */
  readonly basis: number
  readonly crashDiscount: number
  /** Mean delay from venue to us, in µs. */
  readonly latencyUs: number
  /** Lots open at the start; perpetuals only. */
  readonly openInterest: number
}

/** Counts of what happened, for tests and descriptions. */
export interface MarketCounts {
  readonly rows: number
  readonly events: number
  readonly immigrants: number
  readonly trades: number
  readonly arbitrages: number
  readonly liquidations: number
}

/** One market: its book, its estimate, and the rows it has said so far. */
class Desk {
  readonly config: SimulatedInstrument
  readonly index: number
  readonly perp: boolean
  readonly tickSize: number
  readonly book: FlowBook
  /** Logarithm of this market's estimate over the common value; the usual premium now. */
  local = 0
  wander = 0
  basis = 0
  /** Estimate in ticks. */
  fair = 0
  premium = 0
  premiumSum = 0
  premiumCount = 0
  mark = 0
  markHigh = 0
  openInterest = 0
  liquidated = 0
  /** Rows said: full batches wait in `ready`. */
  readonly ready: TapeBatch[] = []
  readonly pool: TapeBatch[] = []
  open = new TapeBatch(BATCH_ROWS)
  wanted = true
  timeUs = 0
  venueTimeUs = 0

  constructor(config: SimulatedInstrument, index: number, startPrice: number) {
    this.config = config
    this.index = index
    this.perp = config.instrument.kind === 'perp'
    this.tickSize = config.instrument.ticks.size
    this.book = new FlowBook(Math.ceil((8 * startPrice) / this.tickSize))
    this.basis = config.basis
    this.openInterest = config.openInterest
  }

  row(kind: number, side: number, tick: number, lots: number, value: number, flags: number): void {
    if (this.open.count === this.open.capacity) {
      if (this.wanted) this.ready.push(this.open)
      else this.pool.push(this.open)
      this.open = this.pool.pop() ?? new TapeBatch(BATCH_ROWS)
      this.open.count = 0
    }
    this.open.push(this.timeUs, this.venueTimeUs, kind, this.index, side, tick, lots, value, flags)
  }
}

const BATCH_ROWS = 4096

export class MarketSimulation {
  readonly #desks: readonly Desk[]
  readonly #world: MarketWorld
  readonly #flow: HawkesFlow
  readonly #random: Random
  readonly #latencyRandom: Random
  readonly #startUs: number
  readonly #seconds: number
  #gridSeconds = 0
  #grids = 0
  #rows = 0
  #trades = 0
  #arbitrages = 0
  #liquidations = 0
  #done = false

  /** @param crashSeconds When the crash begins; infinite for none. @param activity Multiple of the usual order rates. */
  constructor(
    instruments: readonly SimulatedInstrument[],
    startPrice: number,
    startUs: number,
    seconds: number,
    crashSeconds: number,
    activity: number,
    random: Random,
  ) {
    this.#startUs = startUs
    this.#seconds = seconds
    this.#desks = instruments.map((config, index) => new Desk(config, index, startPrice))
    this.#world = new MarketWorld(startPrice, crashSeconds, random.fork('world'))
    this.#flow = new HawkesFlow(flowParameters(instruments.length, activity), random.fork('flow'))
    this.#random = random.fork('orders')
    this.#latencyRandom = random.fork('latency')
    for (const desk of this.#desks) this.#open(desk)
  }

  get counts(): MarketCounts {
    return {
      rows: this.#rows,
      events: this.#flow.events,
      immigrants: this.#flow.immigrants,
      trades: this.#trades,
      arbitrages: this.#arbitrages,
      liquidations: this.#liquidations,
    }
  }

  /** The next rows of one market, or undefined at the end; valid until asked again with `spent`. */
  next(market: number, spent: TapeBatch | undefined): TapeBatch | undefined {
    const desk = this.#desks[market]
    if (spent) desk.pool.push(spent)
    while (desk.ready.length === 0 && !this.#done) this.#step()
    return desk.ready.shift()
  }

  /** Nobody will ask for this market's rows any more. */
  drop(market: number): void {
    const desk = this.#desks[market]
    desk.wanted = false
    desk.ready.length = 0
  }

  /** One order, or one look at the world, whichever comes first. */
  #step(): void {
    const flow = this.#flow
    const wait = flow.wait()
    if (flow.timeSeconds + wait < this.#gridSeconds) {
      const type = flow.commit(wait)
      const market = Math.floor(type / 6)
      const what = (type - 6 * market) >> 1
      const side: Side = (type & 1) === 0 ? BID : ASK
      const desk = this.#desks[market]
      if (what === LIMIT) this.#limit(desk, side)
      else if (what === CANCEL) this.#cancel(desk, side)
      else this.#market(desk, side, this.#tradeLots(), false)
      return
    }
    if (this.#gridSeconds >= this.#seconds) {
      this.#finish()
      return
    }
    flow.advance(this.#gridSeconds - flow.timeSeconds)
    flow.timeSeconds = this.#gridSeconds // Exactly: a sum of many waits would miss full hours by a microsecond.
    this.#look()
    this.#gridSeconds = ++this.#grids * GRID_SECONDS
  }

  #finish(): void {
    this.#done = true
    for (const desk of this.#desks) if (desk.wanted && desk.open.count > 0) desk.ready.push(desk.open)
  }

  // Messages.

  /** Starts a message of a market: what the venue's clock says now, and when we will have heard it. */
  #begin(desk: Desk): void {
    const venueTimeUs = this.#startUs + Math.floor(this.#flow.timeSeconds * SECOND_US)
    const { latencyUs } = desk.config
    const slow = 1 + 5 * this.#world.stress
    const delayUs = (0.6 * latencyUs + this.#latencyRandom.exponential(0.4 * latencyUs)) * slow
    desk.venueTimeUs = venueTimeUs
    // One connection delivers in order: a message cannot overtake the one before it.
    const timeUs = Math.ceil(venueTimeUs + delayUs)
    if (timeUs > desk.timeUs) desk.timeUs = timeUs
  }

  #end(desk: Desk): void {
    desk.open.flags[desk.open.count - 1] |= Flag.END
  }

  #row(desk: Desk, kind: number, side: number, tick: number, lots: number, value = 0, flags = 0): void {
    this.#rows++
    desk.row(kind, side, tick, lots, value, flags)
  }

  /** A message of one row. */
  #say(desk: Desk, kind: number, side: number, tick: number, lots: number, value = 0): void {
    this.#begin(desk)
    this.#row(desk, kind, side, tick, lots, value, Flag.END)
  }

  // Orders.

  /** Opens a market: a book around its estimate, told as a snapshot. */
  #open(desk: Desk): void {
    this.#estimate(desk)
    const { book } = desk
    const middle = Math.round(desk.fair)
    for (const side of [BID, ASK] as const)
      for (let away = 2; away < 60; away++) book.add(side, middle - side * away, this.#quoteLots(away))
    this.#begin(desk)
    let flags: number = Flag.RESET | Flag.SNAPSHOT
    for (const side of [BID, ASK] as const)
      for (let away = 2; away < 60; away++) {
        const tick = middle - side * away
        this.#row(desk, Kind.DEPTH, side, tick, book.lotsAt(side, tick), 0, flags)
        flags = Flag.SNAPSHOT
      }
    this.#end(desk)
    desk.mark = desk.markHigh = desk.fair * desk.tickSize
  }

  #quoteLots(away: number): number {
    const size = QUOTE_LOTS * (0.4 + Math.min(2, away / 15)) * (1 - 0.8 * this.#world.stress)
    return 1 + Math.floor(this.#random.exponential(size))
  }

  #tradeLots(): number {
    return Math.ceil(TRADE_LOTS * 0.4 * (1 - this.#random.uniform()) ** (-1 / TRADE_TAIL))
  }

  /** Distance from the estimate at which a maker quotes, in ticks. */
  #away(): number {
    const random = this.#random
    const half = HALF_SPREAD_TICKS * (1 + 6 * this.#world.stress)
    return half + random.exponential(random.uniform() < FAR_SHARE ? FAR_TICKS : NEAR_TICKS)
  }

  #limit(desk: Desk, side: Side): void {
    const { book } = desk
    const away = this.#away()
    const price = desk.fair - side * away
    const tick =
      side === BID ? Math.min(Math.floor(price), book.bestAsk - 1) : Math.max(Math.ceil(price), book.bestBid + 1)
    if (tick < 1 || tick >= book.ticksMax) return
    const total = book.add(side, tick, this.#quoteLots(away))
    this.#say(desk, Kind.DEPTH, side, tick, total)
  }

  #cancel(desk: Desk, side: Side): void {
    const { book } = desk
    const best = book.best(side)
    // A quote that the estimate has come too near to is withdrawn first.
    const stale = side * (desk.fair - best) < 0.6
    const wanted = stale ? best : Math.round(desk.fair - side * this.#away())
    const tick = book.occupiedFrom(side, wanted, 60)
    if (tick < 0) return
    const size = book.lotsAt(side, tick)
    let lots = stale || this.#random.uniform() < 0.6 ? size : Math.ceil(size / 2)
    if (lots === size && !book.spare(side)) lots = size - 1
    if (lots > 0) this.#say(desk, Kind.DEPTH, side, tick, book.remove(side, tick, lots))
  }

  /** A market order; what it may take is bounded, so it can never be more than is shown. Returns the lots traded. */
  #market(desk: Desk, side: Side, wanted: number, special: boolean): number {
    const { book } = desk
    const resting: Side = side === BID ? ASK : BID
    const near = book.depth(resting, NEAR_REACH_TICKS)
    let left = Math.min(wanted, Math.max(1, Math.floor(near * TRADE_SHARE_MAX)))
    // Levels are looked at first, so that both messages can be written without keeping a list.
    const first = book.best(resting)
    let traded = 0
    this.#begin(desk)
    let last = first
    for (let levels = book.levels(resting); left > 0; ) {
      const tick = traded === 0 ? first : book.occupiedFrom(resting, last - resting, REACH_TICKS)
      if (tick < 0) break
      const size = book.lotsAt(resting, tick)
      const spare = levels > LEVELS_MIN ? size : size - 1
      const lots = Math.min(left, spare)
      if (lots === 0) break
      this.#row(desk, Kind.TRADE, side, tick, lots, ++this.#trades, special ? Flag.SPECIAL : 0)
      traded += lots
      left -= lots
      last = tick
      if (lots < size) break
      levels--
    }
    if (traded === 0) return 0
    this.#end(desk)
    this.#begin(desk)
    let taken = 0
    for (let tick = first; taken < traded; tick = book.occupiedFrom(resting, tick - resting, REACH_TICKS)) {
      const lots = Math.min(traded - taken, book.lotsAt(resting, tick))
      this.#row(desk, Kind.DEPTH, resting, tick, book.remove(resting, tick, lots))
      taken += lots
    }
    this.#end(desk)
    this.#impact(desk, side, traded)
    return traded
  }

  #impact(desk: Desk, side: Side, lots: number): void {
    const move = side * IMPACT * Math.min(3, Math.sqrt(lots / TRADE_LOTS))
    desk.local += move * (1 - IMPACT_COMMON)
    this.#world.logValue += move * IMPACT_COMMON
    this.#estimate(desk)
  }

  #estimate(desk: Desk): void {
    const discount = desk.config.crashDiscount * this.#world.stress
    desk.premium = desk.basis - discount
    desk.fair = (Math.exp(this.#world.logValue + desk.local) * (1 + desk.premium)) / desk.tickSize
  }

  // Looks.

  /** Twenty times a second: value moves, slow quotes are picked off, arbitrage is done; once a second the rest. */
  #look(): void {
    const seconds = this.#gridSeconds
    this.#world.advance(seconds, GRID_SECONDS)
    const keep = 0.5 ** (GRID_SECONDS / LOCAL_HALF_LIFE_SECONDS)
    for (const desk of this.#desks) {
      desk.local *= keep
      this.#estimate(desk)
      this.#pickOff(desk, BID)
      this.#pickOff(desk, ASK)
    }
    for (let i = 1; i < this.#desks.length; i++) this.#arbitrage(this.#desks[0], this.#desks[i])
    if (this.#grids % 20 === 0) this.#everySecond(Math.round(seconds))
    if (this.#grids % 4 === 0) for (const desk of this.#desks) if (desk.perp) this.#liquidate(desk)
  }

  /** Takers who know the estimate buy what is offered below it (and sell to what is bid above), if they come first. */
  #pickOff(desk: Desk, side: Side): void {
    const { book } = desk
    const resting: Side = side === BID ? ASK : BID
    const gain = side * (desk.fair - book.best(resting))
    if (gain < 0.5 || this.#random.uniform() > 0.6) return
    const lots = book.depth(resting, Math.floor(gain))
    if (this.#market(desk, side, Math.max(1, lots), false) > 0)
      this.#flow.excite(6 * desk.index + 2 * MARKET + (side === BID ? 0 : 1))
  }

  /** Buys where it is cheap and sells where it is dear, against both books, when the difference is unusual. */
  #arbitrage(one: Desk, other: Desk): void {
    const band = ARBITRAGE_BAND * (1 + 15 * this.#world.stress)
    const usual = (1 + other.premium) / (1 + one.premium)
    const bid = (desk: Desk) => desk.book.bestBid * desk.tickSize
    const ask = (desk: Desk) => desk.book.bestAsk * desk.tickSize
    if (bid(other) > ask(one) * usual * (1 + band)) this.#arbitrageBoth(one, other)
    else if (ask(other) < bid(one) * usual * (1 - band)) this.#arbitrageBoth(other, one)
  }

  #arbitrageBoth(cheap: Desk, dear: Desk): void {
    const shown = Math.min(cheap.book.lotsAt(ASK, cheap.book.bestAsk), dear.book.lotsAt(BID, dear.book.bestBid))
    const lots = Math.min(ARBITRAGE_LOTS, shown)
    this.#market(cheap, BID, lots, false)
    this.#market(dear, ASK, lots, false)
    this.#flow.excite(6 * cheap.index + 2 * MARKET)
    this.#flow.excite(6 * dear.index + 2 * MARKET + 1)
    this.#arbitrages++
  }

  #everySecond(second: number): void {
    const { stress, activity } = this.#world
    const flow = this.#flow
    for (const desk of this.#desks) {
      for (const side of [0, 1]) {
        flow.setScale(6 * desk.index + 2 * LIMIT + side, activity * (1 - 0.5 * stress))
        flow.setScale(6 * desk.index + 2 * CANCEL + side, activity * (1 + stress))
        flow.setScale(6 * desk.index + 2 * MARKET + side, activity * (1 + 2 * stress))
      }
      if (desk.perp) {
        desk.wander = meanRevert(desk.wander, 1800, 0.00015, this.#random)
        desk.basis = desk.config.basis + desk.wander
      }
      this.#tidy(desk)
      const { book } = desk
      this.#begin(desk)
      this.#row(desk, Kind.QUOTE, BID, book.bestBid, book.lotsAt(BID, book.bestBid))
      this.#row(desk, Kind.QUOTE, ASK, book.bestAsk, book.lotsAt(ASK, book.bestAsk), 0, Flag.END)
    }
    for (const desk of this.#desks) if (desk.perp) this.#derivative(desk, second)
  }

  /** Gives up quotes that the market has left far behind, in one message. */
  #tidy(desk: Desk): void {
    let begun = false
    for (const side of [BID, ASK] as const)
      for (let count = 0; count < 50 && desk.book.spare(side); count++) {
        const tick = desk.book.farthest(side, REACH_TICKS)
        if (tick < 0) break
        if (!begun) this.#begin(desk)
        begun = true
        this.#row(desk, Kind.DEPTH, side, tick, desk.book.remove(side, tick, desk.book.lotsAt(side, tick)))
      }
    if (begun) this.#end(desk)
  }

  /** Index, mark, open interest and funding of a perpetual. */
  #derivative(desk: Desk, second: number): void {
    const spot = this.#desks[0]
    // The index is a basket: half the spot market here, half others, who are at the value.
    const index = round6(0.5 * spot.book.mid * spot.tickSize + 0.5 * Math.exp(this.#world.logValue))
    const premium = (desk.book.mid * desk.tickSize) / index - 1
    // The mark follows the perpetual's premium with a half-life of 20 s, so one odd second cannot liquidate anyone.
    const smoothed = desk.mark === 0 ? premium : desk.mark / index - 1
    desk.mark = round6(index * (1 + smoothed + (premium - smoothed) * 0.034))
    desk.markHigh = Math.max(desk.mark, desk.markHigh * 0.5 ** (1 / 7200) + desk.mark * (1 - 0.5 ** (1 / 7200)))
    desk.premiumSum += premium
    desk.premiumCount++
    this.#begin(desk)
    this.#row(desk, Kind.MARK, 0, 0, 0, desk.mark)
    this.#row(desk, Kind.INDEX, 0, 0, 0, index, Flag.END)
    const sinceHour = second % 3600
    if (second > 0 && sinceHour === 0) {
      this.#say(desk, Kind.FUNDING, 0, 0, HOUR_US, fundingRate(desk.premiumSum / desk.premiumCount))
      desk.premiumSum = 0
      desk.premiumCount = 0
    } else if (second % 60 === 0 && desk.premiumCount > 0)
      this.#say(
        desk,
        Kind.FUNDING_FORECAST,
        0,
        0,
        (3600 - sinceHour) * SECOND_US,
        fundingRate(desk.premiumSum / desk.premiumCount),
      )
    if (second % 30 === 0) {
      // Positions come and go a little; liquidations take them away for good.
      desk.openInterest = Math.max(1000, Math.round(desk.openInterest * (1 + 0.0005 * this.#random.normal())))
      this.#say(desk, Kind.OPEN_INTEREST, 0, 0, desk.openInterest)
    }
  }

  /** Longs whose liquidation price the mark has passed are sold, a bite at a time, as the book allows. */
  #liquidate(desk: Desk): void {
    const fall = 1 - desk.mark / desk.markHigh - LIQUIDATION_FROM
    if (fall <= 0) return
    const share = LIQUIDATED_MAX * -Math.expm1(-((fall / LIQUIDATION_SCALE) ** 2))
    const due = Math.floor(share * desk.config.openInterest) - desk.liquidated
    if (due < 20) return
    const { book } = desk
    const tick = book.bestBid
    const lots = Math.min(due, Math.floor(book.depth(BID, NEAR_REACH_TICKS) * TRADE_SHARE_MAX))
    const traded = lots > 0 ? this.#market(desk, ASK, lots, true) : 0
    if (traded === 0) return
    desk.liquidated += traded
    desk.openInterest = Math.max(1000, desk.openInterest - traded)
    this.#liquidations++
    this.#say(desk, Kind.LIQUIDATION, ASK, tick, traded)
    this.#flow.excite(6 * desk.index + 2 * MARKET + 1)
  }
}

/**
 * Hourly funding from the hour's mean premium: an eighth of premium + clamp(0.01 % − premium, ±0.05 %).
 * Source: Hyperliquid docs, "Funding".
 */
export function fundingRate(premium: number): number {
  return (premium + Math.max(-0.0005, Math.min(0.0005, 0.0001 - premium))) / 8
}

function round6(value: number): number {
  return Math.round(value * 1e6) / 1e6
}

/** Baseline and offspring of `markets` equal markets. */
function flowParameters(markets: number, activity: number) {
  const n = 6 * markets
  const baseline: number[] = []
  const offspring = new Array<number>(n * n).fill(0)
  for (let market = 0; market < markets; market++)
    for (let what = 0; what < 3; what++)
      for (let side = 0; side < 2; side++) {
        const cause = 6 * market + 2 * what + side
        baseline[cause] = BASELINE[what] * activity
        const children = CHILDREN[what]
        for (let effect = 0; effect < 3; effect++) {
          offspring[(6 * market + 2 * effect + side) * n + cause] = children[effect]
          offspring[(6 * market + 2 * effect + (1 - side)) * n + cause] = children[3 + effect]
        }
        // What spills over to other markets; with none it stays here, so that the ratio is the same.
        for (let other = 0; other < markets; other++) {
          if (other === market && markets > 1) continue
          offspring[(6 * other + 2 * what + side) * n + cause] += children[6] / Math.max(1, markets - 1)
        }
      }
  return { baseline, offspring, decayFast: 12, decaySlow: 0.2, fastShare: 0.65 }
}
