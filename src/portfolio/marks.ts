/**
 * @file The price each instrument is reckoned at now: what its venue said last, and of an option that was not heard for a while what
 * it is worth by what it said last.
 *
 * Recorded chains come a few times a day and an illiquid option is quoted when someone asks, while what it is on moves all the time.
 * A mark left standing makes an equity that is none: a hedge is at today's price and what it hedges at this morning's, and a breaker
 * sees a loss that is not, or none where there is one. So between two messages an option is carried: at the volatility its last mark
 * implies (sticky strike), at its last forward moved in the ratio of today's spot to the index told with it, at today's time to
 * expiry. An expired option not settled yet is its exercise at the spot. The next message replaces all of it.
 *
 * Carried is only what can be: the venue told forward and index within a minute of the mark, and something prices the coin. Anything
 * else stays as it was told. Within {@link FRESH_US} of its message an option is worth what was said, and while nothing was heard of
 * the coin since, its forward is the last one and only time runs.
 *
 * Everything follows from what was heard and from the clock, whoever asks and however often: a replay comes to the same prices.
 *
 * What this assumes: the smile does not follow the spot. Where it does, the price is off by vega times what it has moved, until
 * the next message says so.
 */

import { type Clock, DAY_US, MINUTE_US } from '../core/clock.ts'
import { dollarLike, type Instrument, type Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import { black76Price } from '../pricing/black76.ts'
import { impliedVolatilityBatch, VolatilityStatus } from '../pricing/impliedVolatility.ts'
import { CALL, PUT } from '../pricing/right.ts'

/** How long what an option said is its price whatever its underlying does; how far its mark may lie from its index in time. */
const FRESH_US = MINUTE_US
const YEAR_US = 365 * DAY_US

/** An option between two messages. Live: overwritten by the next question about the same option. */
export interface CarriedOption {
  /** In quote per base; in coins per base where it is settled in them. */
  readonly price: number
  /** Dollars per base; the spot once it has expired. */
  readonly forward: number
  /** A fraction a year. */
  readonly volatility: number
  /** When the later of its own message and its underlying's price was heard. */
  readonly heardUs: number
}

class Carried implements CarriedOption {
  price = Number.NaN
  forward = Number.NaN
  volatility = Number.NaN
  heardUs = Number.NEGATIVE_INFINITY
  /** What the volatility was taken from. */
  toldUs = Number.NaN
  told = Number.NaN
  toldForward = Number.NaN
  toldVolatility = Number.NaN
  /** What the price was taken from. */
  nowUs = Number.NaN
  spot = Number.NaN
  spotUs = Number.NaN
}

/** Price in the unit the option is quoted in; NaN where the forward is no price. */
function worth(instrument: Instrument, forward: number, years: number, volatility: number): number {
  if (!(forward > 1e-100 && forward < 1e100)) return Number.NaN
  const { strike, settle } = instrument
  const right = instrument.right === 'put' ? PUT : CALL
  const exercised = Math.max(0, right * (forward - strike))
  const price = years > 0 ? black76Price({ right, forward, strike, years, volatility }) : exercised
  return dollarLike(settle) ? price : price / forward
}

const ASKED = {
  right: new Int8Array(1),
  forward: new Float64Array(1),
  strike: new Float64Array(1),
  years: new Float64Array(1),
  price: new Float64Array(1),
}
const ANSWER = new Float64Array(1)
const STATUS = new Uint8Array(1)

export class Marks {
  readonly #universe: Universe
  readonly #markets: readonly MarketState[]
  readonly #pricedBy: (asset: string) => MarketState | undefined
  readonly #clock: Clock | undefined
  readonly #carried: Carried[] = []

  /**
   * @param pricedBy Market whose mark is an asset's price in dollars now; undefined where there is none.
   * @param clock Without one no time passes, and every price stays as it was told.
   */
  constructor(
    universe: Universe,
    markets: readonly MarketState[],
    pricedBy: (asset: string) => MarketState | undefined,
    clock?: Clock,
  ) {
    this.#universe = universe
    this.#markets = markets
    this.#pricedBy = pricedBy
    this.#clock = clock
  }

  /** Price to reckon with, as {@link MarketState.markPrice}; NaN unknown. */
  price(instrument: number): number {
    return this.carried(instrument)?.price ?? this.#markets[instrument]!.markPrice
  }

  /** When what {@link price} follows from was heard. */
  heardUs(instrument: number): number {
    return this.carried(instrument)?.heardUs ?? this.#markets[instrument]!.pricedUs
  }

  /** An option priced by a model now; undefined for what is as it was told. */
  carried(index: number): CarriedOption | undefined {
    const instrument = this.#universe.at(index)
    if (this.#clock === undefined || instrument.kind !== 'option') return undefined
    const market = this.#markets[index]!
    const { pricedUs } = market
    const { nowUs } = this.#clock
    if (!(nowUs - pricedUs > FRESH_US) || !(market.forward > 0) || !(market.index > 0)) return undefined
    if (Math.abs(pricedUs - market.indexUs) > FRESH_US) return undefined
    const underlying = this.#pricedBy(instrument.spec.base)
    if (underlying === undefined) return undefined
    const known = (this.#carried[index] ??= new Carried())
    const told = market.markPrice
    const said = known.toldUs === pricedUs && known.told === told && known.toldForward === market.forward
    if (!said || !Object.is(known.toldVolatility, market.impliedVolatility)) this.#invert(index, market, told, known)
    // A mark that is no number is a fault to be seen, and one no volatility gives is all there is.
    if (Number.isNaN(told) || Number.isNaN(known.volatility)) return undefined
    const spot = underlying.markPrice
    if (known.nowUs === nowUs && known.spot === spot && known.spotUs === underlying.pricedUs) return known
    known.nowUs = nowUs
    known.spot = spot
    known.spotUs = underlying.pricedUs
    known.heardUs = Math.max(pricedUs, known.spotUs)
    // What was heard before the option's own message is in its forward already.
    const moved = known.spotUs > pricedUs ? spot / market.index : 1
    const years = (instrument.expiryUs - nowUs) / YEAR_US
    known.forward = years > 0 ? market.forward * moved : spot
    known.price = worth(instrument, known.forward, years, known.volatility)
    return known
  }

  /**
   * The volatility a mark implies, whose last digit is finer than that of the volatility a venue writes beside it; the venue's where
   * none gives the mark; 0 for a mark below exercise of which nothing else is known.
   */
  #invert(index: number, market: MarketState, told: number, into: Carried): void {
    const { right, strike, expiryUs, settle } = this.#universe.at(index)
    const { forward, pricedUs, impliedVolatility } = market
    into.toldUs = pricedUs
    into.told = told
    into.toldForward = forward
    into.toldVolatility = impliedVolatility
    ASKED.right[0] = right === 'put' ? PUT : CALL
    ASKED.forward[0] = forward
    ASKED.strike[0] = strike
    ASKED.years[0] = (expiryUs - pricedUs) / YEAR_US
    ASKED.price[0] = dollarLike(settle) ? told : told * forward
    impliedVolatilityBatch(ASKED, ANSWER, STATUS)
    into.nowUs = Number.NaN
    into.volatility = ANSWER[0]!
    if (STATUS[0] === VolatilityStatus.SOLVED) return
    if (impliedVolatility > 0 && impliedVolatility < 1e3) into.volatility = impliedVolatility
    else if (STATUS[0] === VolatilityStatus.BELOW_INTRINSIC && told >= 0) into.volatility = 0
  }
}
