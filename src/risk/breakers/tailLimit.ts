/** @file Breaker: what is held could lose more than it may, before it has. */

import { quantileOfSorted, shortfallOfSorted } from '../tail/historicalTail.ts'
import { SortedWindow } from '../tail/sortedWindow.ts'

/** Share of equity below which what is held is dust: a change of equity is then not its doing, and over so little would be anything. */
const DUST = 1e-3

/** Weight of the last sample relative to this one in the present volatility; RiskMetrics'. */
const LAMBDA = 0.94

export interface TailLimitSettings {
  /** Largest tail over the horizon, as a fraction of equity. */
  readonly limit: number
  /** Share of samples that lose no more than the value at risk. */
  readonly level: number
  readonly sampleUs: number
  readonly horizonUs: number
  /** Samples kept, and samples before anything is judged. */
  readonly window: number
  readonly warmup: number
}

/**
 * Value at risk or expected shortfall of equity over a horizon.
 *
 * A sample is the change of equity over the most dollars that were at risk from its beginning to its end, so that what was learnt from
 * a small position holds for a large one, and a position grown within it teaches no more than it lost; the tail of the samples, times the exposure of now over equity, is what could be lost in a sample, and the root of the
 * number of samples takes it to the horizon (which understates it where moves feed on themselves). When volatility is above that
 * of the window the tail is scaled up to it (Hull & White 1998) and never down. Samples that begin
 * without exposure, or with dust, teach nothing.
 * Allocates nothing.
 */
export class TailLimit {
  readonly allowed: number
  /** The tail over the horizon as a fraction of equity. */
  measured = 0
  readonly #shortfall: boolean
  readonly #settings: TailLimitSettings
  readonly #root: number
  readonly #losses: SortedWindow
  #equity = Number.NaN
  #exposure = 0
  /** The most since the sample began. */
  #most = 0
  #nextUs = Number.NEGATIVE_INFINITY
  #square = 0
  #weight = 0

  constructor(kind: 'value-at-risk' | 'expected-shortfall', settings: TailLimitSettings) {
    this.allowed = settings.limit
    this.#shortfall = kind === 'expected-shortfall'
    this.#settings = settings
    this.#root = Math.sqrt(settings.horizonUs / settings.sampleUs)
    this.#losses = new SortedWindow(settings.window)
  }

  /** Whether a sample is due. */
  due(nowUs: number): boolean {
    return nowUs >= this.#nextUs
  }

  /** Dollars that prices move, between two samples. */
  look(exposure: number): void {
    // What is unknown is not the most of anything; the sample's own ends tell of it.
    if (exposure > this.#most) this.#most = exposure
  }

  /** @param equity Finite, dollars. @param exposure Dollars that prices move; NaN breaches. */
  observe(equity: number, exposure: number, nowUs: number): boolean {
    this.#nextUs = nowUs + this.#settings.sampleUs
    this.look(exposure)
    if (this.#exposure > DUST * Math.max(0, this.#equity)) this.#learn((this.#equity - equity) / this.#most)
    this.#equity = equity
    this.#exposure = exposure
    this.#most = exposure
    if (exposure === 0) this.measured = 0
    else if (Number.isNaN(exposure)) this.measured = Number.NaN
    else if (this.#losses.count < this.#settings.warmup) this.measured = 0
    else this.measured = this.#tail() * (equity > 0 ? exposure / equity : Number.POSITIVE_INFINITY)
    return !(this.measured <= this.allowed)
  }

  /** Money came or went that is neither profit nor loss. */
  transfer(dollars: number): void {
    this.#equity += dollars
  }

  #learn(loss: number): void {
    if (Number.isNaN(loss)) return
    this.#losses.push(loss)
    this.#square = LAMBDA * this.#square + loss * loss
    this.#weight = LAMBDA * this.#weight + 1
  }

  /** Of one unit of exposure over the horizon; not below 0. */
  #tail(): number {
    const { sorted, count, meanSquare } = this.#losses
    const of = this.#shortfall ? shortfallOfSorted : quantileOfSorted
    const scale = meanSquare > 0 ? Math.max(1, Math.sqrt(this.#square / this.#weight / meanSquare)) : 1
    return Math.max(0, of(sorted, count, this.#settings.level)) * scale * this.#root
  }

  /** What could be lost is learned again. */
  rebase(): void {
    this.#losses.clear()
    this.#square = 0
    this.#weight = 0
    this.#exposure = 0
    this.#most = 0
    this.measured = 0
  }
}
