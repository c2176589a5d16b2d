/**
 * @file Looking after so much was traded, or after one side traded unusually much: information-driven bars.
 *
 * Both count the target's trades. Where no trade was heard for as long as a bar lasts (and a minute), completed bars count
 * instead, each as one trade of its volume at its close. Trades are taken as they come and samples at the end of a message,
 * so that a message that crosses a threshold twice makes one sample; what is beyond the threshold is not carried over.
 * Volume lost in a gap is not made up for.
 *
 * Source: M. López de Prado, "Advances in financial machine learning" (2018), chapter 2: volume and dollar bars 2.3.1, tick and
 * volume imbalance bars 2.3.2.
 */

import { MINUTE_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import { Flag, Kind, type TapeBatch } from '../market/tape.ts'
import type { FeatureContext } from './feature.ts'
import type { Sampler } from './sampler.ts'

/** Whether a row is a trade to count, or a bar that stands for trades. */
class CountedTrades {
  readonly #target: number
  #tradeUs = Number.NEGATIVE_INFINITY

  constructor(target: number) {
    this.#target = target
  }

  counts(batch: TapeBatch, row: number, instrument: number, timeUs: number): boolean {
    if (instrument !== this.#target) return false
    const kind = batch.kind[row]!
    if (kind === Kind.TRADE) {
      this.#tradeUs = timeUs
      return true
    }
    return kind === Kind.BAR_CLOSE && timeUs - this.#tradeUs > Math.max(batch.value[row]!, MINUTE_US)
  }
}

/** After a volume of the target: in contracts, or in the quote currency (dollar bars). */
export class VolumeSampler implements Sampler {
  readonly dueUs = Number.POSITIVE_INFINITY
  readonly #trades: CountedTrades
  readonly #target: number
  readonly #threshold: number
  /** Contracts a lot; quote per contract and unit of price, or per contract. */
  readonly #lotSize: number
  readonly #perPrice: number
  readonly #perContract: number
  #traded = 0

  /**
   * @param threshold In contracts, or in the quote currency.
   * @throws {GimbalError} `config-invalid` unless positive.
   */
  constructor({ universe, target }: FeatureContext, unit: 'contracts' | 'quote', threshold: number) {
    if (!(threshold > 0) || threshold === Number.POSITIVE_INFINITY)
      throw new GimbalError('config-invalid', 'A volume to sample at is above 0', { unit, threshold })
    const instrument = universe.at(target)
    const multiplier = Number(instrument.spec.multiplier)
    this.#trades = new CountedTrades(target)
    this.#target = target
    this.#threshold = threshold
    this.#lotSize = instrument.lots.size
    // Inverse contracts are worth a fixed amount of quote, linear ones their price times the multiplier.
    const priced = unit === 'quote' && !instrument.inverse
    this.#perPrice = priced ? multiplier * instrument.ticks.size : 0
    this.#perContract = unit === 'contracts' ? 1 : priced ? 0 : multiplier
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): boolean {
    if (this.#trades.counts(batch, row, instrument, timeUs)) {
      const contracts = batch.lots[row]! * this.#lotSize
      this.#traded += contracts * (this.#perContract + this.#perPrice * batch.tick[row]!)
    }
    return instrument === this.#target && (batch.flags[row]! & Flag.END) !== 0 && this.#traded >= this.#threshold
  }

  taken(): void {
    this.#traded = 0
  }
}

/** What an imbalance sampler goes by; see `SamplerSpec`. */
export interface ImbalanceSettings {
  readonly of: 'tick' | 'volume'
  /** Trades expected in a bar at first. */
  readonly trades: number
  /** Bars after which the weight of a bar's length has fallen to 1/e², as a span: α = 2/(span + 1). */
  readonly memoryBars: number
  /** Likewise of a trade's sign or signed volume, in trades. */
  readonly memoryTrades: number
}

/** Least and most trades expected in a bar, relative to the number at first. */
const BAND = 10

/**
 * When the sum θ of signs (or signed volumes) since the last sample reaches what is expected of a bar: E[T] · |E[b v]|, with
 * T the trades in a bar, b the sign of a trade and v its volume (1 for tick bars); both expectations are exponential means.
 *
 * The sign is the aggressor's where the venue says, else that of the price change, else the one before (the tick rule). The
 * first bar ends after `trades` trades, for want of an expectation.
 *
 * Departure from the book: expectations that feed on their own bars run away, to bars of one trade or to none. E[T] is kept
 * within a tenth and ten times of `trades`, and no bar has fewer than a tenth of them.
 */
export class ImbalanceSampler implements Sampler {
  readonly dueUs = Number.POSITIVE_INFINITY
  readonly #counted: CountedTrades
  readonly #target: number
  readonly #ofVolume: boolean
  readonly #lotSize: number
  readonly #first: number
  readonly #barWeight: number
  readonly #tradeWeight: number
  /** Trades in this bar, their signed sum, and the exponential means. */
  #trades = 0
  #sum = 0
  #expectedTrades: number
  #expectedSign = Number.NaN
  #bars = 0
  #tick = 0
  #sign = 0

  /** @throws {GimbalError} `config-invalid` for numbers that make no bar. */
  constructor({ universe, target }: FeatureContext, settings: ImbalanceSettings) {
    const { of, trades, memoryBars, memoryTrades } = settings
    if (
      !(trades >= BAND && trades <= 1e9) ||
      !(memoryBars >= 1) ||
      !(memoryTrades >= 1) ||
      !['tick', 'volume'].includes(of)
    )
      throw new GimbalError('config-invalid', 'Imbalance bars need ten trades at first and memories of at least 1', {
        of,
        trades,
        memoryBars,
        memoryTrades,
      })
    this.#counted = new CountedTrades(target)
    this.#target = target
    this.#ofVolume = of === 'volume'
    this.#lotSize = universe.at(target).lots.size
    this.#first = trades
    this.#expectedTrades = trades
    this.#barWeight = 2 / (memoryBars + 1)
    this.#tradeWeight = 2 / (memoryTrades + 1)
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): boolean {
    if (this.#counted.counts(batch, row, instrument, timeUs)) this.#count(batch, row)
    return instrument === this.#target && (batch.flags[row]! & Flag.END) !== 0 && this.#full
  }

  #count(batch: TapeBatch, row: number): void {
    const tick = batch.tick[row]!
    const side = batch.kind[row] === Kind.TRADE ? batch.side[row]! : 0
    if (side !== 0) this.#sign = Math.sign(side)
    else if (this.#tick !== 0 && tick !== this.#tick) this.#sign = Math.sign(tick - this.#tick)
    this.#tick = tick
    const signed = this.#sign * (this.#ofVolume ? batch.lots[row]! * this.#lotSize : 1)
    this.#trades++
    this.#sum += signed
    if (Number.isNaN(this.#expectedSign)) this.#expectedSign = signed
    else this.#expectedSign += this.#tradeWeight * (signed - this.#expectedSign)
  }

  get #full(): boolean {
    if (this.#bars === 0) return this.#trades >= this.#first
    if (this.#trades < this.#first / BAND) return false
    return Math.abs(this.#sum) >= this.#expectedTrades * Math.abs(this.#expectedSign)
  }

  taken(): void {
    const trades =
      this.#bars === 0 ? this.#first : this.#expectedTrades + this.#barWeight * (this.#trades - this.#expectedTrades)
    this.#expectedTrades = Math.min(BAND * this.#first, Math.max(this.#first / BAND, trades))
    this.#bars++
    this.#trades = 0
    this.#sum = 0
  }
}
