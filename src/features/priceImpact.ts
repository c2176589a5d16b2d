/**
 * @file What trading does to the price, and what it costs: Kyle's λ, Amihud's illiquidity, Roll's spread, and the effective
 * and realised spread of trades. All forget exponentially; a trade half-life old counts half.
 *
 * Kyle and Amihud look at intervals of `intervalSeconds`: the change of the mid from the end of the interval before to its
 * own, against the lots traded in it. Whether the book or the trade tape tells of a trade first then does not matter. λ is
 * the least-squares slope through the origin of the change on signed lots; Amihud's is the mean of |change| over lots.
 * Roll's spread is 2 √(−c), c the mean product of successive changes of trade price: NaN where c is positive, or so small
 * against the products themselves (1e-6) that they cancel: its root would be rounding.
 *
 * The effective spread is twice the distance of a trade from the mid `quoteLagSeconds` before it was heard, in the
 * aggressor's direction; the lag is there because the book often tells of a trade before the trade tape does. The mids
 * remembered for it are the last {@link MIDS}. The realised spread takes the mid instead that stands `realisedSeconds` after
 * the end of the trade's interval: what was left to the maker. Both weigh trades by lots.
 *
 * Nothing bridges a `GAP`, an `OUTAGE` or a reset of the book: an interval that holds one gives no change, trades before it
 * get no realised spread. An interval counts once a row after its end was heard. Each figure is NaN with fewer than
 * {@link LEAST} intervals, pairs or trades behind it, after a half-life of silence, and while the venue is down.
 *
 * Sources: A. Kyle, Econometrica 53 (1985) 1315; Y. Amihud, J. Financial Markets 5 (2002) 31; R. Roll, J. Finance 39 (1984)
 * 1127; R. Huang, H. Stoll, J. Financial Economics 41 (1996) 313, for effective and realised spreads.
 */

import { SECOND_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { INSTRUMENT_SETTING, namedInstrument, SNAPSHOTS_SETTING, spanUs, targetHas } from './settingLists.ts'
import { TouchWatch } from './touchWatch.ts'

/** A least-squares slope through the origin, its standard error and their ratio. */
export interface KyleLambda {
  readonly lambda: number
  readonly error: number
  readonly t: number
}

/**
 * Kyle's λ over whole arrays: changes of price regressed on signed volume, without a constant. NaN where nothing was traded;
 * t is infinite where the line is exact, NaN where no price changed either.
 *
 * @throws {GimbalError} `argument-invalid` unless the arrays are equally long and finite, with two entries at least.
 */
export function kyleLambda(signedVolume: ArrayLike<number>, change: ArrayLike<number>): KyleLambda {
  requirePairs(signedVolume, change, 2)
  const n = change.length
  let xx = 0
  let xy = 0
  for (let i = 0; i < n; i++) {
    xx += signedVolume[i]! * signedVolume[i]!
    xy += signedVolume[i]! * change[i]!
  }
  const lambda = xy / xx
  let squares = 0
  for (let i = 0; i < n; i++) squares += (change[i]! - lambda * signedVolume[i]!) ** 2
  const error = Math.sqrt(squares / (n - 1) / xx)
  return { lambda, error, t: lambda / error }
}

/**
 * Roll's spread over whole arrays: 2 √(−covariance of successive changes), in the unit of the price; NaN where that is positive.
 *
 * @param price Of successive trades, at least four. @throws {GimbalError} `argument-invalid`.
 */
export function rollSpread(price: ArrayLike<number>): number {
  requirePairs(price, price, 4)
  const n = price.length - 2
  let early = 0
  let late = 0
  for (let i = 0; i < n; i++) {
    early += (price[i + 1]! - price[i]!) / n
    late += (price[i + 2]! - price[i + 1]!) / n
  }
  let sum = 0
  for (let i = 0; i < n; i++) sum += (price[i + 1]! - price[i]! - early) * (price[i + 2]! - price[i + 1]! - late)
  const covariance = sum / (n - 1)
  return covariance <= 0 ? 2 * Math.sqrt(-covariance) : Number.NaN
}

/**
 * Amihud's illiquidity over whole arrays: the mean of |log return| over the worth traded, price × volume, of the intervals in
 * which anything was; NaN where there are none.
 *
 * @param price At the end of each interval; the first only begins the first return. Above 0. @param volume In it.
 * @throws {GimbalError} `argument-invalid`.
 */
export function amihudIlliquidity(price: ArrayLike<number>, volume: ArrayLike<number>): number {
  requirePairs(price, volume, 2)
  let sum = 0
  let traded = 0
  for (let i = 0; i < price.length; i++) {
    if (!(price[i]! > 0 && volume[i]! >= 0))
      throw new GimbalError('argument-invalid', 'Illiquidity needs prices above 0 and volumes of at least 0', {
        at: i,
        price: price[i]!,
        volume: volume[i]!,
      })
    if (i === 0 || volume[i] === 0) continue
    traded++
    sum += Math.abs(Math.log(price[i]! / price[i - 1]!)) / (price[i]! * volume[i]!)
  }
  return sum / traded
}

function requirePairs(a: ArrayLike<number>, b: ArrayLike<number>, least: number): void {
  if (a.length !== b.length || a.length < least)
    throw new GimbalError('argument-invalid', 'Not enough pairs of figures', {
      first: a.length,
      second: b.length,
      least,
    })
  for (let i = 0; i < a.length; i++)
    if (!Number.isFinite(a[i]! + b[i]!))
      throw new GimbalError('argument-invalid', 'A figure is not a finite number', {
        at: i,
        first: a[i]!,
        second: b[i]!,
      })
}

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  snapshots: SNAPSHOTS_SETTING,
  intervalSeconds: { default: 1, min: 0.001, doc: 'intervals over which changes and volume are compared, seconds' },
  halfLifeSeconds: { default: 300, min: 0.001, doc: 'age at which an interval or a trade counts half, seconds' },
  realisedSeconds: { default: 5, min: 0, doc: 'time after which the realised spread looks, seconds; whole intervals' },
  quoteLagSeconds: {
    default: 0.01,
    min: 0,
    doc: 'how long before a trade the mid of its effective spread is, seconds',
  },
} as const satisfies SettingsShape

const OWNER = 'feature price-impact'

/** Intervals, pairs or trades behind a figure. */
const LEAST = 20
/** Share of the products of price changes below which their sum is taken for rounding. */
const CANCELLED = 1e-6
/** Changes of the mid remembered for effective spreads. */
const MIDS = 64

class PriceImpact implements Feature {
  readonly instruments: readonly number[]
  readonly #market: MarketState
  readonly #touch: TouchWatch
  readonly #intervalUs: number
  readonly #halfLifeUs: number
  readonly #decayPerUs: number
  readonly #ahead: number
  readonly #lagUs: number
  #heardUs = Number.NEGATIVE_INFINITY
  #breaks = 0
  /** The open interval, the last that held a break, and the mid at the end of the one before; NaN when not known. */
  #interval = Number.NaN
  #brokenInterval = Number.NEGATIVE_INFINITY
  #midBefore = Number.NaN
  /** Of the open interval: signed lots, lots, and of trades with a side: lots, and Σ side × lots × tick. */
  #signed = 0
  #lots = 0
  #sidedLots = 0
  #worth = 0
  /** Intervals waiting for their later mid, by interval modulo their number. */
  readonly #waiting: Float64Array
  readonly #waitingSigned: Float64Array
  readonly #waitingLots: Float64Array
  readonly #waitingWorth: Float64Array
  /** Forgetting sums as of the end of interval `decayedInterval`. */
  #decayedInterval = 0
  #xx = 0
  #xy = 0
  #kyleCount = 0
  #amihud = 0
  #amihudWeight = 0
  #amihudCount = 0
  #realised = 0
  #realisedLots = 0
  #realisedCount = 0
  /** Forgetting sums as of `tradedUs`. */
  #tradedUs = Number.NEGATIVE_INFINITY
  #products = 0
  #productSizes = 0
  #productWeight = 0
  #productCount = 0
  #effective = 0
  #effectiveLots = 0
  #effectiveCount = 0
  #tick = Number.NaN
  #change = Number.NaN
  /** The last mids and since when each stood; `midCount` counts all since the last break. */
  readonly #midUs = new Float64Array(MIDS)
  readonly #mids = new Float64Array(MIDS)
  #midCount = 0

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = namedInstrument(context, settings.instrument)
    this.instruments = [instrument]
    this.#market = context.markets[instrument]!
    this.#touch = new TouchWatch(this.#market, settings.snapshots)
    this.#intervalUs = spanUs(settings.intervalSeconds)
    this.#halfLifeUs = spanUs(settings.halfLifeSeconds)
    this.#decayPerUs = Math.LN2 / this.#halfLifeUs
    this.#ahead = Math.round((settings.realisedSeconds * SECOND_US) / this.#intervalUs)
    this.#lagUs = Math.round(settings.quoteLagSeconds * SECOND_US)
    const waiting = this.#ahead + 1
    this.#waiting = new Float64Array(waiting).fill(-1)
    this.#waitingSigned = new Float64Array(waiting)
    this.#waitingLots = new Float64Array(waiting)
    this.#waitingWorth = new Float64Array(waiting)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#heardUs = timeUs
    const interval = Math.floor(timeUs / this.#intervalUs)
    if (interval !== this.#interval) this.#closeUntil(interval)
    const touch = this.#touch
    const ended = touch.onRow(batch, row, timeUs)
    if (touch.breaks !== this.#breaks) {
      this.#breaks = touch.breaks
      this.#brokenInterval = interval
      this.#midBefore = Number.NaN
      this.#midCount = 0
      // A reset of the book loses no trades, a gap or an outage may.
      if (batch.kind[row] !== Kind.DEPTH) this.#tick = this.#change = Number.NaN
    }
    if (ended && touch.sound) this.#noteMid(timeUs, touch.mid)
    if (batch.kind[row] === Kind.TRADE) this.#trade(timeUs, batch.side[row]!, batch.tick[row]!, batch.lots[row]!)
  }

  #noteMid(timeUs: number, mid: number): void {
    const last = (this.#midCount + MIDS - 1) % MIDS
    if (this.#midCount > 0 && this.#mids[last] === mid) return
    const slot = this.#midCount % MIDS
    this.#midUs[slot] = timeUs
    this.#mids[slot] = mid
    this.#midCount++
  }

  /** The mid that stood at a time, or the oldest remembered where that is younger and older ones were forgotten; else NaN. */
  #midAt(timeUs: number): number {
    const held = Math.min(MIDS, this.#midCount)
    for (let back = 1; back <= held; back++) {
      const slot = (this.#midCount - back) % MIDS
      if (this.#midUs[slot]! <= timeUs) return this.#mids[slot]!
    }
    return this.#midCount > MIDS ? this.#mids[this.#midCount % MIDS]! : Number.NaN
  }

  #trade(timeUs: number, side: number, tick: number, lots: number): void {
    this.#signed += side * lots
    this.#lots += lots
    if (side !== 0) {
      this.#sidedLots += lots
      this.#worth += side * lots * tick
    }
    const decay =
      this.#tradedUs === Number.NEGATIVE_INFINITY ? 0 : Math.exp(-this.#decayPerUs * (timeUs - this.#tradedUs))
    this.#tradedUs = timeUs
    this.#products *= decay
    this.#productSizes *= decay
    this.#productWeight *= decay
    this.#effective *= decay
    this.#effectiveLots *= decay
    const change = tick - this.#tick
    if (!Number.isNaN(change * this.#change)) {
      this.#products += change * this.#change
      this.#productSizes += Math.abs(change * this.#change)
      this.#productWeight += 1
      this.#productCount++
    }
    this.#change = change
    this.#tick = tick
    if (side === 0) return
    const mid = this.#midAt(timeUs - this.#lagUs)
    if (Number.isNaN(mid)) return
    this.#effective += (lots * 2 * side * (tick - mid)) / mid
    this.#effectiveLots += lots
    this.#effectiveCount++
  }

  /** Closes the open interval and the empty ones before `next`, as far as they can matter. */
  #closeUntil(next: number): void {
    const open = this.#interval
    if (!Number.isNaN(open)) {
      this.#close(open)
      const last = Math.min(next - 1, open + this.#ahead + 1)
      for (let empty = open + 1; empty <= last; empty++) this.#close(empty)
    }
    this.#interval = next
  }

  #close(interval: number): void {
    const mid = this.#touch.mid
    const decay = Math.exp(-this.#decayPerUs * this.#intervalUs * (interval - this.#decayedInterval))
    this.#decayedInterval = interval
    this.#xx *= decay
    this.#xy *= decay
    this.#amihud *= decay
    this.#amihudWeight *= decay
    this.#realised *= decay
    this.#realisedLots *= decay
    const change = mid - this.#midBefore
    if (!Number.isNaN(change)) {
      this.#xx += this.#signed * this.#signed
      this.#xy += this.#signed * change
      if (this.#signed !== 0) this.#kyleCount++
      if (this.#lots > 0) {
        this.#amihud += Math.abs(change) / this.#midBefore / this.#lots
        this.#amihudWeight += 1
        this.#amihudCount++
      }
    }
    const slots = this.#waiting.length
    const slot = interval % slots
    this.#waiting[slot] = interval
    this.#waitingSigned[slot] = this.#signed
    this.#waitingLots[slot] = this.#sidedLots
    this.#waitingWorth[slot] = this.#worth
    this.#settle(interval - this.#ahead, mid)
    this.#midBefore = mid
    this.#signed = 0
    this.#lots = 0
    this.#sidedLots = 0
    this.#worth = 0
  }

  /** Takes an interval's trades into the realised spread, now that its later mid is known. */
  #settle(interval: number, mid: number): void {
    const slot = interval % this.#waiting.length
    if (this.#waiting[slot] !== interval || Number.isNaN(mid) || this.#brokenInterval >= interval) return
    const lots = this.#waitingLots[slot]!
    if (!(lots > 0)) return
    this.#realised += (2 * (this.#waitingWorth[slot]! - mid * this.#waitingSigned[slot]!)) / mid
    this.#realisedLots += lots
    this.#realisedCount++
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const known = nowUs - this.#heardUs <= this.#halfLifeUs && !this.#market.down
    out[at] = known && this.#kyleCount >= LEAST ? this.#xy / this.#xx : Number.NaN
    out[at + 1] = known && this.#amihudCount >= LEAST ? (10_000 * this.#amihud) / this.#amihudWeight : Number.NaN
    out[at + 2] = known && this.#productCount >= LEAST ? this.#rollSpread : Number.NaN
    out[at + 3] = known && this.#effectiveCount >= LEAST ? (10_000 * this.#effective) / this.#effectiveLots : Number.NaN
    out[at + 4] = known && this.#realisedCount >= LEAST ? (10_000 * this.#realised) / this.#realisedLots : Number.NaN
  }

  get #rollSpread(): number {
    if (this.#productSizes === 0) return 0
    return this.#products < -CANCELLED * this.#productSizes
      ? 2 * Math.sqrt(-this.#products / this.#productWeight)
      : Number.NaN
  }
}

export const PRICE_IMPACT: FeatureFamily = {
  name: 'price-impact',
  summary: "Kyle's lambda, Amihud's illiquidity, Roll's, effective and realised spread.",
  version: 1,
  settings: SETTINGS,
  outputs: () => [
    { name: 'kyle-lambda', unit: 'ticks/lot', doc: 'Change of the mid per signed lot traded.' },
    { name: 'amihud', unit: 'bps/lot', doc: 'Mean of the absolute change of the mid over the lots traded.' },
    { name: 'roll-spread', unit: 'ticks', doc: 'Spread implied by the bounce of trade prices.' },
    { name: 'effective-spread', unit: 'bps', doc: 'Twice the distance of trades from the mid before them.' },
    { name: 'realised-spread', unit: 'bps', doc: 'Twice their distance from the mid some time after them.' },
  ],
  suits: (tape) => targetHas(tape, 'book', 'quote') && targetHas(tape, 'trade'),
  build: (settings, context) => new PriceImpact(readSettings(OWNER, SETTINGS, settings), context),
}
