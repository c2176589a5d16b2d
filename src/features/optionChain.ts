/**
 * @file The options on one underlying as a smile an expiry: what each was last worth in volatility, and figures read off it.
 *
 * An option says something at the end of a message that brought its quotes or its volatility: the venue's own volatility where
 * it gives one, else the one at which Black-76 gives the middle of bid and ask. Both sides must be quoted and not crossed.
 * Moneyness k = ln(K/F), delta and time to expiry are those of that moment, so what an option said does not change by waiting; a
 * gap or an outage of its feed takes it back, and it is forgotten after a time. Only options out of the money count (calls with
 * k >= 0, puts with k < 0).
 *
 * Of an expiry, with total variance w = σ²T: at the money by interpolating σ² in k between the two strikes around the forward;
 * at a delta of ±25 % by interpolating σ² in N(d1) (¼ for the call, ¾ for the put) between neighbours, those nearest the forward.
 * Between expiries w is linear in T. Nothing is extrapolated.
 *
 * Turning prices into volatilities is put off until somebody asks.
 */

import { normalCdf } from '../core/errorFunction.ts'
import type { Universe } from '../market/instrument.ts'
import { Flag, Kind, type TapeBatch } from '../market/tape.ts'
import { impliedVolatilityBatch } from '../pricing/impliedVolatility.ts'

/** µs of a year of 365 days. */
export const YEAR_US = 365 * 86_400e6

/** Where volatilities come from: the venue's where it gives one, else quotes; or one of them only. */
export type VolatilitySource = 'auto' | 'quotes' | 'venue'

/** Points of a smile that are interpolated between expiries. */
export type SmilePoint = 'money' | 'put' | 'call'

/** Options of one expiry by ascending strike. */
interface Expiry {
  readonly expiryUs: number
  /** Numbers of options in the chain. */
  readonly options: Int32Array
}

/**
 * Options of a base on a venue, by index in the universe. Where several quote currencies have options, that with the most (the
 * first of them when equal).
 */
export function chainOf(universe: Universe, base: string, venue: string): readonly number[] {
  const byQuote = new Map<string, number[]>()
  for (const [index, { kind, spec }] of universe.instruments.entries()) {
    if (kind !== 'option' || spec.base !== base || spec.venue !== venue) continue
    const list = byQuote.get(spec.quote)
    if (list) list.push(index)
    else byQuote.set(spec.quote, [index])
  }
  let most: readonly number[] = []
  for (const list of byQuote.values()) if (list.length > most.length) most = list
  return most
}

export class OptionChain {
  /** Indexes in the universe. */
  readonly instruments: readonly number[]
  readonly #expiries: readonly Expiry[]
  readonly #numberOf: Int32Array
  readonly #source: VolatilitySource
  readonly #memoryUs: number
  // What was heard, per option; NaN until then.
  readonly #bid: Float64Array
  readonly #ask: Float64Array
  readonly #given: Float64Array
  readonly #forward: Float64Array
  readonly #index: Float64Array
  readonly #touched: Uint8Array
  readonly #down: Uint8Array
  // What was said at the end of the last message that said anything.
  readonly #saidUs: Float64Array
  readonly #moneyness: Float64Array
  readonly #variance: Float64Array
  readonly #delta: Float64Array
  /** Options whose price is not yet a volatility: their numbers, and places in the columns to invert. */
  readonly #waiting: Uint8Array
  readonly #queue: Int32Array
  #queued = 0
  readonly #columns
  readonly #answers: Float64Array
  readonly #outcomes: Uint8Array
  // Of each option, once and for all.
  readonly #strike: Float64Array
  readonly #right: Int8Array
  readonly #expiryUs: Float64Array
  readonly #tick: Float64Array
  readonly #inCoin: Uint8Array
  // Of each expiry, filled by a scan: σ² at the money and at both deltas.
  readonly #money: Float64Array
  readonly #put: Float64Array
  readonly #call: Float64Array
  /** Time of the latest gap or outage among the options. */
  brokenUs = Number.NEGATIVE_INFINITY

  /** @param memoryUs What an option said is forgotten after this long. */
  constructor(universe: Universe, instruments: readonly number[], source: VolatilitySource, memoryUs: number) {
    this.instruments = instruments
    this.#source = source
    this.#memoryUs = memoryUs
    const count = instruments.length
    const floats = () => new Float64Array(count).fill(Number.NaN)
    this.#bid = floats()
    this.#ask = floats()
    this.#given = floats()
    this.#forward = floats()
    this.#index = floats()
    this.#saidUs = new Float64Array(count).fill(Number.NEGATIVE_INFINITY)
    this.#moneyness = floats()
    this.#variance = floats()
    this.#delta = floats()
    this.#answers = floats()
    this.#touched = new Uint8Array(count)
    this.#down = new Uint8Array(count)
    this.#waiting = new Uint8Array(count)
    this.#outcomes = new Uint8Array(count)
    this.#queue = new Int32Array(count)
    this.#columns = {
      right: new Int8Array(count),
      forward: floats(),
      strike: floats(),
      years: floats(),
      price: floats(),
    }
    const options = instruments.map((index) => universe.at(index))
    this.#strike = Float64Array.from(options, ({ strike }) => strike)
    this.#right = Int8Array.from(options, ({ right }) => (right === 'call' ? 1 : -1))
    this.#expiryUs = Float64Array.from(options, ({ expiryUs }) => expiryUs)
    this.#tick = Float64Array.from(options, ({ ticks }) => ticks.size)
    this.#inCoin = Uint8Array.from(options, ({ spec }) => (spec.payoff === 'inverse' ? 1 : 0))
    this.#numberOf = new Int32Array(universe.size).fill(-1)
    for (const [number, index] of instruments.entries()) this.#numberOf[index] = number
    this.#expiries = [...new Set(this.#expiryUs)]
      .sort((a, b) => a - b)
      .map((expiryUs) => ({
        expiryUs,
        options: Int32Array.from(
          instruments
            .map((_, number) => number)
            .filter((number) => this.#expiryUs[number] === expiryUs)
            .sort((a, b) => this.#strike[a]! - this.#strike[b]! || this.#right[a]! - this.#right[b]!),
        ),
      }))
    this.#money = new Float64Array(this.#expiries.length)
    this.#put = new Float64Array(this.#expiries.length)
    this.#call = new Float64Array(this.#expiries.length)
  }

  /** A row of any instrument; others than the chain's are passed over. */
  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    const option = this.#numberOf[instrument]!
    if (option < 0) return
    const value = batch.value[row]!
    switch (batch.kind[row]) {
      case Kind.QUOTE: {
        const price = batch.lots[row]! > 0 ? batch.tick[row]! * this.#tick[option]! : Number.NaN
        if (batch.side[row]! > 0) this.#bid[option] = price
        else this.#ask[option] = price
        this.#touched[option] = 1
        break
      }
      case Kind.IMPLIED_VOLATILITY:
        this.#given[option] = value > 0 && value < Number.POSITIVE_INFINITY ? value : Number.NaN
        this.#touched[option] = 1
        break
      case Kind.FORWARD:
        this.#forward[option] = value
        break
      case Kind.INDEX:
        this.#index[option] = value
        break
      case Kind.GAP:
        this.#breakOff(option, timeUs)
        break
      case Kind.OUTAGE:
        this.#breakOff(option, timeUs)
        this.#down[option] = value !== 0 ? 1 : 0
        break
    }
    if ((batch.flags[row]! & Flag.END) !== 0 && this.#touched[option] === 1) {
      this.#touched[option] = 0
      if (this.#down[option] === 0) this.#say(option, timeUs)
    }
  }

  #breakOff(option: number, timeUs: number): void {
    this.brokenUs = timeUs
    this.#bid[option] = this.#ask[option] = this.#given[option] = Number.NaN
    this.#forward[option] = this.#index[option] = Number.NaN
    this.#saidUs[option] = Number.NEGATIVE_INFINITY
  }

  /** Writes down what an option says now. The price is turned into a volatility later, if ever. */
  #say(option: number, timeUs: number): void {
    const heard = this.#forward[option]!
    const forward = heard > 0 ? heard : this.#index[option]!
    const strike = this.#strike[option]!
    const years = (this.#expiryUs[option]! - timeUs) / YEAR_US
    const moneyness = Math.log(strike / forward)
    this.#saidUs[option] = timeUs
    this.#moneyness[option] = moneyness
    this.#variance[option] = Number.NaN
    const right = this.#right[option]!
    // One asked to be inverted before may have said something else since: its place in the queue is used again.
    this.#columns.price[option] = Number.NaN
    this.#columns.years[option] = years
    this.#columns.forward[option] = forward
    if (!(forward > 0 && years > 0) || (right > 0 ? !(moneyness >= 0) : !(moneyness < 0))) return
    const given = this.#given[option]!
    if (this.#source !== 'quotes' && given > 0) {
      this.#settle(option, given)
      return
    }
    const bid = this.#bid[option]!
    const ask = this.#ask[option]!
    if (this.#source === 'venue' || !(bid > 0 && ask >= bid)) return
    this.#columns.price[option] = 0.5 * (bid + ask) * (this.#inCoin[option] === 1 ? forward : 1)
    this.#columns.right[option] = right
    this.#columns.strike[option] = strike
    if (this.#waiting[option] === 1) return
    this.#waiting[option] = 1
    this.#queue[this.#queued++] = option
  }

  #settle(option: number, volatility: number): void {
    const s = volatility * Math.sqrt(this.#columns.years[option]!)
    this.#variance[option] = volatility * volatility
    this.#delta[option] = normalCdf(-this.#moneyness[option]! / s + 0.5 * s)
  }

  /** Turns the prices that wait into volatilities. */
  #invert(): void {
    const count = this.#queued
    if (count === 0) return
    this.#queued = 0
    const { right, forward, strike, years, price } = this.#columns
    const queue = this.#queue
    const gather = (column: Float64Array) => Float64Array.from({ length: count }, (_, i) => column[queue[i]!]!)
    impliedVolatilityBatch(
      {
        right: Int8Array.from({ length: count }, (_, i) => right[queue[i]!]!),
        forward: gather(forward),
        strike: gather(strike),
        years: gather(years),
        price: gather(price),
      },
      this.#answers.subarray(0, count),
      this.#outcomes.subarray(0, count),
    )
    for (let i = 0; i < count; i++) {
      const option = queue[i]!
      this.#waiting[option] = 0
      const volatility = this.#answers[i]!
      if (volatility > 0 && !Number.isNaN(price[option]!)) this.#settle(option, volatility)
    }
  }

  /** Reads the three points of every expiry off what is known at `nowUs`; {@link variance} interpolates them. */
  scan(nowUs: number): void {
    this.#invert()
    for (let expiry = 0; expiry < this.#expiries.length; expiry++) this.#scanExpiry(expiry, nowUs)
  }

  #scanExpiry(expiry: number, nowUs: number): void {
    const { options } = this.#expiries[expiry]!
    let money = Number.NaN
    let put = Number.NaN
    let call = Number.NaN
    let before = -1
    for (let i = 0; i < options.length; i++) {
      const option = options[i]!
      const variance = this.#variance[option]!
      if (Number.isNaN(variance) || nowUs - this.#saidUs[option]! > this.#memoryUs) continue
      if (before >= 0) {
        const from = this.#variance[before]!
        const k = this.#moneyness[before]!
        const next = this.#moneyness[option]!
        if (Number.isNaN(money) && k < 0 && next >= 0) money = from + ((variance - from) * -k) / (next - k)
        const high = this.#delta[before]!
        const low = this.#delta[option]!
        if (high > low) {
          // The last pair around ¾ and the first around ¼ are those nearest the forward.
          if (high >= 0.75 && low <= 0.75) put = from + ((variance - from) * (high - 0.75)) / (high - low)
          if (Number.isNaN(call) && high >= 0.25 && low <= 0.25)
            call = from + ((variance - from) * (high - 0.25)) / (high - low)
        }
      }
      before = option
    }
    this.#money[expiry] = money
    this.#put[expiry] = put
    this.#call[expiry] = call
  }

  /**
   * σ² a year at a tenor, as of the last {@link scan}: total variance interpolated between the expiries around it where the
   * point is known; NaN where there is none on one side.
   */
  variance(point: SmilePoint, nowUs: number, tenorUs: number): number {
    const figures = point === 'money' ? this.#money : point === 'put' ? this.#put : this.#call
    let shorterUs = Number.NaN
    let shorter = 0
    for (let expiry = 0; expiry < figures.length; expiry++) {
      const leftUs = this.#expiries[expiry]!.expiryUs - nowUs
      const variance = figures[expiry]!
      if (!(leftUs > 0) || Number.isNaN(variance)) continue
      const total = variance * leftUs
      if (leftUs === tenorUs) return variance
      if (leftUs > tenorUs)
        // NaN where nothing shorter is known.
        return (shorter + ((total - shorter) * (tenorUs - shorterUs)) / (leftUs - shorterUs)) / tenorUs
      shorterUs = leftUs
      shorter = total
    }
    return Number.NaN
  }
}
