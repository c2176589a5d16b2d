/**
 * @file Pre-trade limits: what an order must satisfy to leave, judged as if everything already open were filled too.
 *
 * Names of the limits, stable because journals and reports count by them:
 *
 *   order-malformed           a number is NaN, or not one an order can have
 *   unknown-order             the order to amend is not open
 *   reference-unknown         no price to measure the order against
 *   price-collar              limit price too far from the reference price (stop-limits: from their trigger)
 *   taker-collar              as above for a price that would trade at once
 *   quote-age                 an option last quoted too long ago
 *   order-size                lots
 *   order-notional            dollars
 *   market-depth              market, stop or take-profit order larger than its share of the visible size opposite
 *   open-orders-instrument    orders open in the instrument
 *   open-orders               orders open in all
 *   message-rate              no token left in the venue's bucket
 *   position-size             lots held plus all open on the same side
 *   position-notional         the same in dollars
 *   equity-unknown            equity or an exposure cannot be computed
 *   gross-exposure            Σ |worst case of each instrument|
 *   net-exposure              |Σ|, puts bought as sold, with either all that lengthens filled or all that shortens
 *   leverage                  gross exposure over equity
 *   margin                    initial margin of positions and open orders over equity
 *
 * A reduce-only order that is no larger than what is left of the position once every open order of its side has filled
 * can only make it smaller, and passes from `position-size` on. Dollars of an option are those of its underlying (the
 * forward the ledger carries it at), so that a short option is not small because it is cheap. In turbulence, ill health
 * and drawdown the sizes (`order-size`, `order-notional`, `position-size`, `position-notional`) shrink for orders that
 * add risk: `sizing.ts`.
 */

import { isLevel, type Side } from '../market/book.ts'
import { atomsPerUnit, dollarLike, type Instrument, type MarginTier, type Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { Intent } from '../market/order.ts'
import type { OpenOrder } from '../policies/policy.ts'
import type { PortfolioView } from '../portfolio/portfolio.ts'
import type { InstrumentLimits, LimitsConfig, MessageRate } from './riskConfig.ts'

/** What the gate watches; the engine is one. */
export interface Watched {
  readonly universe: Universe
  readonly markets: readonly MarketState[]
  readonly ledger: PortfolioView
  /** Every open order of every policy, those being cancelled included: they may still fill. */
  openOrders(): Iterable<OpenOrder>
}

/** Judges orders against limits. Holds no breaker. */
export class Limits {
  readonly #config: LimitsConfig
  readonly #parts: Watched
  readonly #byInstrument: InstrumentLimits[]
  readonly #tiers: (readonly MarginTier[] | undefined)[]
  /** Venue number of each instrument, and the buckets of the venues. */
  readonly #venue: number[] = []
  readonly #buckets: TokenBucket[] = []
  /** New total sizes of orders being amended, by order: until the venue answers either size may fill. */
  readonly #amending = new Map<number, number>()
  /** Lots open on each side of each instrument; filled by `#gather`. */
  readonly #buying: Float64Array
  readonly #selling: Float64Array
  #openHere = 0
  #openInAll = 0

  constructor(config: LimitsConfig, parts: Watched) {
    this.#config = config
    this.#parts = parts
    const { instruments } = parts.universe
    this.#byInstrument = instruments.map(({ id }) => ({ ...config.instrument, ...config.byInstrument[id] }))
    this.#tiers = instruments.map(({ spec }) =>
      spec.margin?.tiers.toSorted((a, b) => a.notionalFloor - b.notionalFloor),
    )
    this.#buying = new Float64Array(instruments.length)
    this.#selling = new Float64Array(instruments.length)
    const venues = [...new Set(instruments.map(({ venue }) => venue))]
    for (const venue of venues)
      this.#buckets.push(new TokenBucket(config.messageRateByVenue[venue] ?? config.messageRate))
    for (const { venue } of instruments) this.#venue.push(venues.indexOf(venue))
  }

  /** A message left. */
  onSent(instrument: number, nowUs: number): void {
    this.#buckets[this.#venue[instrument]!]!.take(nowUs)
  }

  /** The order's amendment was let through: until it is answered, the larger size counts. */
  amending(orderId: number, lots: number): void {
    this.#amending.set(orderId, lots)
  }

  /** The venue answered about the order, or it is gone. */
  settled(orderId: number): void {
    this.#amending.delete(orderId)
  }

  /** Whether the intent's numbers are ones an order can have. */
  wellFormed(intent: Intent): boolean {
    const { instrument, side, lots, type, tick, triggerTick, expiresUs } = intent
    if (!(Number.isInteger(instrument) && instrument >= 0 && instrument < this.#parts.universe.size)) return false
    if ((side !== 1 && side !== -1) || !(Number.isSafeInteger(lots) && lots > 0)) return false
    const triggered = type !== 'limit' && type !== 'market'
    if (priced(type) ? !isPrice(tick) : Number.isNaN(tick)) return false
    if (triggered ? !isPrice(triggerTick) : triggerTick !== undefined && !isPrice(triggerTick)) return false
    return expiresUs === undefined || Number.isFinite(expiresUs)
  }

  /**
   * Whether an order can only make the position smaller, whatever else fills first.
   *
   * @param besides Order to leave out of account, because this one replaces it; 0 for none.
   */
  reduces(instrument: number, side: Side, lots: number, reduceOnly: boolean, besides: number): boolean {
    if (!reduceOnly) return false
    const closable = -side * this.#parts.ledger.lots(instrument)
    let ahead = 0
    for (const order of this.#parts.openOrders()) {
      if (order.instrument === instrument && order.side === side && order.id !== besides) ahead += this.#leaves(order)
    }
    return lots > 0 && ahead + lots <= closable
  }

  /**
   * Lets a well-formed order through (''), or names the limit it would break.
   *
   * @param lots Lots it would leave open.
   * @param besides Order it replaces; 0 for a new one.
   * @param reduces What `reduces` said.
   * @param size Factor on the sizes of orders and positions that add risk, 0 to 1 (`sizing.ts`); NaN lets nothing through.
   */
  judge(intent: Intent, lots: number, besides: number, reduces: boolean, nowUs: number, size = 1): string {
    const market = this.#parts.markets[intent.instrument]!
    const limits = this.#byInstrument[intent.instrument]!
    const { instrument } = market
    // The flatten of the gate itself (reduce-only, at market) must not wait for a snapshot.
    const reference = market.trusted || intent.reduceOnly === true ? market.referenceTick : Number.NaN
    if (!(reference > 0 && reference < Number.POSITIVE_INFINITY)) return 'reference-unknown'

    if (instrument.kind === 'option' && intent.reduceOnly !== true)
      if (!(nowUs - market.quotedUs <= limits.optionQuoteAgeMaxUs)) return 'quote-age'
    const refusal = this.#judgePrice(intent, reference, market, limits)
    if (refusal !== '') return refusal
    const scale = reduces ? 1 : size
    if (!(lots <= limits.orderLotsMax * scale)) return 'order-size'
    const price = (priced(intent.type) ? intent.tick : reference) * instrument.ticks.size
    if (!(notionalDollars(this.#parts, intent.instrument, price, lots) <= limits.orderNotionalMax * scale))
      return 'order-notional'
    if (!priced(intent.type) && !(lots <= limits.marketDepthShareMax * visibleLots(market, intent.side, limits)))
      return 'market-depth'

    this.#gather(intent.instrument, besides)
    if (besides === 0) {
      if (!(this.#openHere < limits.openOrdersMax)) return 'open-orders-instrument'
      if (!(this.#openInAll < this.#config.openOrdersMax)) return 'open-orders'
    }
    if (!this.#buckets[this.#venue[intent.instrument]!]!.has(nowUs)) return 'message-rate'
    return reduces ? '' : this.#judgeExposure(intent.instrument, intent.side, lots, market, limits, scale)
  }

  #judgePrice(intent: Intent, reference: number, market: MarketState, limits: InstrumentLimits): string {
    if (!priced(intent.type)) return ''
    const { side, tick } = intent
    const room = this.#optionRoom(intent.instrument, limits)
    if (intent.type !== 'limit') return within(tick, intent.triggerTick!, limits.collarBps, room) ? '' : 'price-collar'
    const opposite = side > 0 ? market.bestAsk : market.bestBid
    const takes = side > 0 ? tick >= opposite : tick <= opposite
    if (takes && intent.postOnly !== true && !within(tick, reference, limits.takerCollarBps, room))
      return 'taker-collar'
    return within(tick, reference, limits.collarBps, room) ? '' : 'price-collar'
  }

  /** Ticks an option's price may lie from its reference whatever its premium; 0 of anything else, and while the underlying is unknown. */
  #optionRoom(index: number, limits: InstrumentLimits): number {
    const market = this.#parts.markets[index]!
    const { kind, settle, ticks } = market.instrument
    if (kind !== 'option') return 0
    // A premium in coins is a share of one coin; one in dollars of its forward.
    const underlying = dollarLike(settle) ? optionForward(market, this.#parts.ledger.marks.carried(index)?.forward) : 1
    return Math.max((limits.optionCollarBps * underlying) / (10_000 * ticks.size), 0)
  }

  #judgeExposure(
    index: number,
    side: Side,
    lots: number,
    market: MarketState,
    limits: InstrumentLimits,
    scale: number,
  ): string {
    const { ledger } = this.#parts
    const open = side > 0 ? this.#buying : this.#selling
    open[index]! += lots
    const worst = Math.max(0, side * ledger.lots(index) + open[index]!)
    if (!(worst <= limits.positionLotsMax * scale)) return 'position-size'
    const notional = notionalDollars(this.#parts, index, market.markPrice, worst)
    if (!(notional <= limits.positionNotionalMax * scale))
      return Number.isNaN(notional) ? 'equity-unknown' : 'position-notional'
    return this.#judgeAccount()
  }

  /** Exposure, leverage and margin with everything open filled in the worst way. */
  #judgeAccount(): string {
    const { ledger, markets } = this.#parts
    let gross = 0
    let bought = 0
    let sold = 0
    let margin = 0
    for (let i = 0; i < markets.length; i++) {
      const held = ledger.lots(i)
      const high = held + this.#buying[i]!
      const low = held - this.#selling[i]!
      if (high === 0 && low === 0) continue
      const market = markets[i]!
      const { markPrice } = market
      const long = notionalDollars(this.#parts, i, markPrice, high)
      const short = notionalDollars(this.#parts, i, markPrice, low)
      const worst = Math.max(long, short)
      gross += worst
      // A put bought is exposure to a fall: what lengthens the account is selling it.
      const put = market.instrument.kind === 'option' && market.instrument.right === 'put'
      bought += put ? -Math.sign(low) * short : Math.sign(high) * long
      sold += put ? -Math.sign(high) * long : Math.sign(low) * short
      margin += worst * this.#initialRate(i, market.instrument, worst)
    }
    const { equity } = ledger
    const net = Math.max(Math.abs(bought), Math.abs(sold))
    if (!Number.isFinite(gross) || !Number.isFinite(equity)) return 'equity-unknown'
    if (!(gross <= this.#config.grossExposureMax)) return 'gross-exposure'
    if (!(net <= this.#config.netExposureMax)) return 'net-exposure'
    if (!(gross <= this.#config.leverageMax * equity)) return 'leverage'
    return margin <= this.#config.marginUseMax * equity ? '' : 'margin'
  }

  /** Initial margin as a fraction of notional. The tier of the whole notional sets the leverage allowed on all of it. */
  #initialRate(index: number, instrument: Instrument, notional: number): number {
    if (instrument.kind === 'spot') return 1
    const tiers = this.#tiers[index]
    if (!tiers || tiers.length === 0) return this.#config.initialMarginRate
    let leverage = tiers[0]!.leverageMax
    for (const tier of tiers) if (notional > tier.notionalFloor) leverage = tier.leverageMax
    return 1 / leverage
  }

  #gather(instrument: number, besides: number): void {
    this.#buying.fill(0)
    this.#selling.fill(0)
    this.#openHere = 0
    this.#openInAll = 0
    for (const order of this.#parts.openOrders()) {
      if (order.id === besides) continue
      this.#openInAll++
      if (order.instrument === instrument) this.#openHere++
      const side = order.side > 0 ? this.#buying : this.#selling
      side[order.instrument]! += this.#leaves(order)
    }
  }

  /** Most lots of an order that may still fill, also when it is being amended. */
  #leaves(order: OpenOrder): number {
    const amended = this.#amending.get(order.id)
    if (amended === undefined) return order.leavesLots
    return Math.max(order.leavesLots, amended - (order.lots - order.leavesLots))
  }
}

/** Tokens of one venue on the engine's clock. Every message takes one; the balance may go below zero. */
class TokenBucket {
  readonly #perUs: number
  readonly #burst: number
  readonly #reserve: number
  #tokens: number
  #atUs = Number.NaN

  constructor(rate: MessageRate) {
    this.#perUs = rate.perSecond / 1e6
    this.#burst = rate.burst
    this.#reserve = rate.reserve
    this.#tokens = rate.burst
  }

  has(nowUs: number): boolean {
    this.#refill(nowUs)
    return this.#tokens >= 1 + this.#reserve
  }

  take(nowUs: number): void {
    this.#refill(nowUs)
    this.#tokens -= 1
  }

  #refill(nowUs: number): void {
    if (nowUs > this.#atUs) this.#tokens = Math.min(this.#burst, this.#tokens + (nowUs - this.#atUs) * this.#perUs)
    this.#atUs = nowUs
  }
}

/** Whether an order of this type has a limit price. */
function priced(type: Intent['type']): boolean {
  return type === 'limit' || type === 'stop-limit' || type === 'take-profit-limit'
}

function isPrice(tick: number | undefined): boolean {
  return Number.isInteger(tick) && tick! > 0 && tick! < 0x7fffffff
}

/** @param room Ticks that are allowed anyhow. */
function within(tick: number, reference: number, bps: number, room = 0): boolean {
  const away = Math.abs(tick - reference)
  return away * 10_000 <= bps * reference || away <= room
}

/** What an option is on, in dollars: where the ledger carries the option its forward moves along; else as last told, NaN unknown. */
function optionForward({ forward, index }: MarketState, carried = Number.NaN): number {
  if (carried > 0) return carried
  return Number.isNaN(forward) ? index : forward
}

/** Absolute worth of lots at a price in dollars; for options that of as much underlying. NaN while a price is unknown. */
export function notionalDollars(
  { markets, ledger }: Pick<Watched, 'markets' | 'ledger'>,
  index: number,
  price: number,
  lots: number,
): number {
  const market = markets[index]!
  const { instrument } = market
  if (lots === 0) return 0
  if (instrument.kind === 'option') {
    const known = optionForward(market, ledger.marks.carried(index)?.forward)
    const underlying = Number.isNaN(known) ? instrument.strike : known
    return Math.abs(lots) * instrument.lots.size * Number(instrument.spec.multiplier) * underlying
  }
  // An inverse contract is a number of dollars, whatever its price; through its worth in coins it would be rounded.
  if (instrument.inverse) return Math.abs(lots) * instrument.lots.size * Number(instrument.spec.multiplier)
  const units = Math.abs(instrument.valueAtPrice(price, lots)) / atomsPerUnit(instrument.settle)
  return units * ledger.rate(instrument.settle)
}

/** Lots resting against a market order within the taker collar; the touch, or the last bar, where there is no book. */
function visibleLots(market: MarketState, side: Side, limits: InstrumentLimits): number {
  if (!market.hasBook) {
    const touch = side > 0 ? market.askLots : market.bidLots
    return touch > 0 ? touch : market.barLots
  }
  const opposite = -side as Side
  const reference = market.referenceTick
  let lots = 0
  for (let tick = market.book.best(opposite); isLevel(opposite, tick); tick = market.book.nextTick(opposite, tick)) {
    if (!within(tick, reference, limits.takerCollarBps)) break
    lots += market.book.lotsAt(opposite, tick)
  }
  return lots
}
