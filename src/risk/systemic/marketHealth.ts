/**
 * @file The health of a derivative market: four parts of 0 (as bad as 10 October 2025) to 1 (as usual), and one score.
 *
 *   depth      open interest over the book's depth, against its own past: 1 as usual, 0 at fifty times that (that day 2 % of the depth
 *              was left)
 *   funding    distance of the funding rate from its own past in deviations: 1 up to 2, 0 from 8 on
 *   clusters   share of the open interest a move of 2 % would liquidate (`liquidationMap.ts`, with its assumptions): 0 at 33.5 %,
 *              which is what that day took
 *   insurance  insurance fund over 1 % of the open interest: a stated need, not a measured one
 *
 * A part whose data are absent, not yet understood or old is NaN: unknown, neither well nor ill. The score is the geometric mean of
 * the known parts, so that one part at 0 is a score of 0; unknown when none is. Causal: a sample never depends on a later row, and
 * what is usual is taken from before the sample. Allocates nothing after construction.
 */

import { DAY_US, HOUR_US, MINUTE_US, SECOND_US } from '../../core/clock.ts'
import { ASK, BID, isLevel, type Side } from '../../market/book.ts'
import type { MarketState } from '../../market/marketState.ts'
import { LiquidationMap } from './liquidationMap.ts'

export interface HealthSettings {
  /** Time between samples. */
  readonly sampleUs: number
  /** Half-life of what is usual, for depth and for funding, and of the age of positions. */
  readonly depthHalfLifeUs: number
  readonly fundingHalfLifeUs: number
  readonly entryHalfLifeUs: number
  /** Observation before depth, funding and clusters are judged. */
  readonly depthWarmupUs: number
  readonly fundingWarmupUs: number
  readonly clustersWarmupUs: number
  /** Age beyond which a venue's open interest, funding or fund is no longer known. */
  readonly staleUs: number
  /** Price range whose lots count as depth, and the move whose liquidations count, as fractions. */
  readonly depthRange: number
  readonly reach: number
}

export const DEFAULT_HEALTH: HealthSettings = {
  sampleUs: 10 * SECOND_US,
  depthHalfLifeUs: DAY_US,
  fundingHalfLifeUs: 7 * DAY_US,
  entryHalfLifeUs: DAY_US,
  depthWarmupUs: HOUR_US,
  fundingWarmupUs: 2 * DAY_US,
  clustersWarmupUs: HOUR_US,
  // Funding is settled every eight hours, and open interest told at least as often.
  staleUs: 8 * HOUR_US + 10 * MINUTE_US,
  depthRange: 0.01,
  reach: 0.02,
}

/** Multiple of the usual open interest per depth that is the end, and of the open interest lost on 10 October 2025. */
const DEPTH_RATIO_END = 50
const LIQUIDATED_END = 0.335
const STRETCH_BEGIN = 2
const STRETCH_END = 8
const FUND_NEED = 0.01
/** Least deviation of funding per eight hours: venues hold it at one basis point for weeks, and a half more is no stretch. */
const FUNDING_DEVIATION_MIN = 5e-5

/** Mean and deviation of a figure by exponential weights in time; while young it weighs all it has seen alike. */
class Usual {
  mean = 0
  readonly #halfLifeUs: number
  #square = 0
  #firstUs = Number.NaN
  #lastUs = Number.NaN

  constructor(halfLifeUs: number) {
    this.#halfLifeUs = halfLifeUs
  }

  get deviation(): number {
    return Math.sqrt(Math.max(0, this.#square - this.mean * this.mean))
  }

  ageUs(nowUs: number): number {
    return Number.isNaN(this.#firstUs) ? 0 : nowUs - this.#firstUs
  }

  observe(figure: number, nowUs: number): void {
    if (Number.isNaN(this.#firstUs)) {
      this.#firstUs = nowUs
      this.mean = figure
      this.#square = figure * figure
    } else if (nowUs > this.#lastUs) {
      const elapsedUs = nowUs - this.#lastUs
      const weight = Math.max(1 - 0.5 ** (elapsedUs / this.#halfLifeUs), elapsedUs / (nowUs - this.#firstUs))
      this.mean += weight * (figure - this.mean)
      this.#square += weight * (figure * figure - this.#square)
    }
    this.#lastUs = nowUs
  }
}

/** Health of one perpetual or future. */
export class MarketHealth {
  /** Parts, 0 to 1; NaN unknown. */
  depth = Number.NaN
  funding = Number.NaN
  clusters = Number.NaN
  insurance = Number.NaN
  /** Geometric mean of the known parts; NaN when none is. */
  score = Number.NaN
  /** How many parts are known. */
  known = 0
  readonly map: LiquidationMap
  readonly #settings: HealthSettings
  readonly #usualDepth: Usual
  readonly #usualFunding: Usual
  #nextUs = Number.NEGATIVE_INFINITY
  #openInterest = Number.NaN
  #openInterestUs = Number.NEGATIVE_INFINITY
  #firstInterestUs = Number.NaN
  #fund = Number.NaN
  #fundUs = Number.NEGATIVE_INFINITY
  #forecast = Number.NaN
  #forecastDueUs = Number.NaN
  #forecastUs = Number.NEGATIVE_INFINITY

  constructor(settings: HealthSettings = DEFAULT_HEALTH) {
    this.#settings = settings
    this.map = new LiquidationMap(settings.entryHalfLifeUs)
    this.#usualDepth = new Usual(settings.depthHalfLifeUs)
    this.#usualFunding = new Usual(settings.fundingHalfLifeUs)
  }

  /**
   * The venue's insurance fund in dollars, for a study that has it from elsewhere: no row of a tape and no importer carries it (BitMEX
   * and Bybit have streams of it, of which no recording is at hand), so in the gate this part is unknown. NaN: not known any more.
   */
  reportInsuranceFund(dollars: number, nowUs: number): void {
    this.#fund = dollars
    this.#fundUs = nowUs
  }

  /** Looks at the market when a sample is due; returns whether it did. */
  observe(market: MarketState, nowUs: number): boolean {
    if (nowUs < this.#nextUs) return false
    this.#nextUs = nowUs + this.#settings.sampleUs
    // A venue that repeats a figure cannot be told from one that fell silent: what does not change grows old.
    if (market.openInterest !== this.#openInterest) {
      this.#openInterest = market.openInterest
      this.#openInterestUs = nowUs
    }
    const tick = market.referenceTick
    const fresh = nowUs - this.#openInterestUs <= this.#settings.staleUs
    const lots = fresh && this.#openInterest > 0 ? this.#openInterest : Number.NaN
    this.#observeDepth(market, tick, lots, nowUs)
    this.#observeFunding(market, nowUs)
    this.#observeClusters(tick, lots, nowUs)
    this.#observeInsurance(market, tick, lots, nowUs)
    this.#summarise()
    return true
  }

  #observeDepth(market: MarketState, tick: number, openInterest: number, nowUs: number): void {
    this.depth = Number.NaN
    if (!market.hasBook || !market.trusted || !(tick > 0) || Number.isNaN(openInterest)) return
    const { depthRange, depthWarmupUs } = this.#settings
    const lots = Math.min(lotsWithin(market, BID, tick, depthRange), lotsWithin(market, ASK, tick, depthRange))
    const ratio = Math.log(openInterest / lots)
    const usual = this.#usualDepth
    if (usual.ageUs(nowUs) >= depthWarmupUs) this.depth = depthHealth(Math.exp(ratio - usual.mean))
    // An empty side is no measure of what is usual.
    if (ratio < Number.POSITIVE_INFINITY) usual.observe(ratio, nowUs)
  }

  #observeFunding(market: MarketState, nowUs: number): void {
    this.funding = Number.NaN
    const { staleUs, fundingWarmupUs } = this.#settings
    if (market.fundingForecast !== this.#forecast || market.fundingDueUs !== this.#forecastDueUs) {
      this.#forecast = market.fundingForecast
      this.#forecastDueUs = market.fundingDueUs
      this.#forecastUs = nowUs
    }
    const forecast = !Number.isNaN(this.#forecast) && nowUs - this.#forecastUs <= staleUs
    if (!forecast && !(nowUs - market.fundedUs <= staleUs)) return
    const intervalUs = market.fundingIntervalUs || market.instrument.spec.fundingIntervalUs || 8 * HOUR_US
    const rate = ((forecast ? this.#forecast : market.fundingRate) * 8 * HOUR_US) / intervalUs
    if (!Number.isFinite(rate)) return
    const usual = this.#usualFunding
    if (usual.ageUs(nowUs) >= fundingWarmupUs) {
      this.funding = fundingHealth(rate, usual.mean, usual.deviation)
    }
    usual.observe(rate, nowUs)
  }

  #observeClusters(tick: number, openInterest: number, nowUs: number): void {
    this.clusters = Number.NaN
    if (!(tick > 0) || Number.isNaN(openInterest)) return
    if (Number.isNaN(this.#firstInterestUs)) this.#firstInterestUs = nowUs
    this.map.observe(tick, openInterest, nowUs)
    if (nowUs - this.#firstInterestUs < this.#settings.clustersWarmupUs) return
    this.clusters = fraction(1 - this.map.within(this.#settings.reach) / openInterest / LIQUIDATED_END)
  }

  #observeInsurance(market: MarketState, tick: number, openInterest: number, nowUs: number): void {
    this.insurance = Number.NaN
    if (!(nowUs - this.#fundUs <= this.#settings.staleUs) || !(this.#fund >= 0) || !(tick > 0)) return
    const { instrument } = market
    const contracts = openInterest * instrument.lots.size * Number(instrument.spec.multiplier)
    const dollars = instrument.inverse ? contracts : contracts * tick * instrument.ticks.size
    if (!Number.isNaN(dollars)) this.insurance = fraction(this.#fund / (FUND_NEED * dollars))
  }

  #summarise(): void {
    let product = 1
    this.known = 0
    if (!Number.isNaN(this.depth)) {
      product *= this.depth
      this.known++
    }
    if (!Number.isNaN(this.funding)) {
      product *= this.funding
      this.known++
    }
    if (!Number.isNaN(this.clusters)) {
      product *= this.clusters
      this.known++
    }
    if (!Number.isNaN(this.insurance)) {
      product *= this.insurance
      this.known++
    }
    this.score = this.known === 0 ? Number.NaN : product ** (1 / this.known)
  }
}

/** Part `depth`: 1 as usual to 0. @param ratio Open interest per depth, over what is usual. */
export function depthHealth(ratio: number): number {
  return fraction(1 - Math.log(ratio) / Math.log(DEPTH_RATIO_END))
}

/** Part `funding`, 1 to 0, of a rate per eight hours, given its usual mean and deviation. */
export function fundingHealth(rate: number, mean: number, deviation: number): number {
  const stretch = Math.abs(rate - mean) / Math.max(deviation, FUNDING_DEVIATION_MIN)
  return fraction((STRETCH_END - stretch) / (STRETCH_END - STRETCH_BEGIN))
}

function fraction(x: number): number {
  return Math.min(1, Math.max(0, x))
}

/** Lots resting on a side within a fraction of the reference price. */
function lotsWithin({ book }: MarketState, side: Side, reference: number, range: number): number {
  let lots = 0
  for (let tick = book.best(side); isLevel(side, tick); tick = book.nextTick(side, tick)) {
    if (Math.abs(tick - reference) > range * reference) break
    lots += book.lotsAt(side, tick)
  }
  return lots
}
