/**
 * @file Volatility target: hold so much of an instrument that the position is expected to move by a chosen amount.
 *
 * Position worth = equity × target ÷ forecast volatility, at most the leverage allowed, long always or with the sign of
 * the past return. It is the baseline that a learned forecast of volatility or direction has to beat. Several
 * instruments share the target equally, as if they always moved together, so the whole never exceeds it by adding up.
 *
 * The forecast is a part to be exchanged ({@link VolatilityForecaster}); by default the exponentially weighted past.
 *
 * Sources: C. R. Harvey et al., "The impact of volatility targeting", J. Portfolio Management 45 (2018) 14; T. Moskowitz,
 * Y. H. Ooi, L. H. Pedersen, "Time series momentum", J. Financial Economics 104 (2012) 228.
 */

import { HOUR_US, MINUTE_US, SECOND_US } from '../core/clock.ts'
import { readSettings, type SettingsOf, type SettingValue } from '../core/settings.ts'
import { RealisedVolatility } from '../features/realisedVolatility.ts'
import type { Instrument, Universe } from '../market/instrument.ts'
import type { Forecast } from '../models/forecast.ts'
import { chooseInstruments, lotWorth } from './instrumentChoice.ts'
import { freshValue, perRootSecond, requireForecast } from './modelled.ts'
import type { Policy, PolicyContext } from './policy.ts'

export const VOLATILITY_TARGET_SETTINGS = {
  instruments: {
    default: '',
    doc: 'Names, comma-separated; empty: every perpetual, or every spot where there is none.',
  },
  targetYearly: {
    default: 0.2,
    min: 0.001,
    max: 10,
    doc: 'Volatility aimed at, yearly, as a fraction of equity: 0.2 is 20 %.',
  },
  direction: {
    default: 'long',
    choices: ['long', 'momentum'],
    doc: 'Always long, or with the sign of the past return.',
  },
  momentumHours: { default: 168, min: 1, max: 100_000, doc: 'How far back the return of direction momentum reaches.' },
  leverageMax: {
    default: 2,
    min: 0.01,
    max: 100,
    doc: 'Most worth held over all instruments, in multiples of equity.',
  },
  rebalanceBand: {
    default: 0.1,
    min: 0,
    max: 1,
    doc: 'A position is left alone while it is off by at most this share.',
  },
  decisionMinutes: { default: 60, min: 0.01, doc: 'Time between decisions on one instrument.' },
  halfLifeHours: { default: 24, min: 0.1, doc: 'Memory of the volatility estimate.' },
  sampleMinutes: { default: 5, min: 0.01, doc: 'Sampling interval of the volatility estimate.' },
  warmupHours: { default: 24, min: 0, doc: 'Nothing is held before volatility was watched for this long.' },
  volatilityFrom: {
    default: 'past',
    choices: ['past', 'model'],
    doc: 'Whether the volatility aimed with is the past’s or a model’s forecast; without a fresh one no decision is made.',
  },
  forecastHours: { default: 24, min: 0.001, doc: 'Horizon of the forecasts asked for.' },
  turbulenceCut: {
    default: 0,
    min: 0,
    max: 1,
    doc: 'Share of the position given up when a regime model is sure of the most turbulent regime; in proportion before.',
  },
} as const

type Settings = SettingsOf<typeof VOLATILITY_TARGET_SETTINGS>

/** Says how much a price will move. Must be a deterministic function of what it was told. */
export interface VolatilityForecaster {
  /** The price in quote per base, as known at `timeUs`; called for every message, so it should cost little. */
  update(instrument: number, timeUs: number, price: number): void
  /** Forecast volatility per year of 365 days as a fraction; NaN while unknown, and then no decision is made. */
  yearly(instrument: number): number
}

/** How long to wait before looking again while a forecast or a price is missing. */
const UNKNOWN_PAUSE_US = SECOND_US
const ROOT_SECONDS_PER_YEAR = Math.sqrt(365 * 86_400)

/** The past's volatility, exponentially weighted, taken for the future's. */
export class EwmaVolatility implements VolatilityForecaster {
  readonly #estimates: RealisedVolatility[] = []
  readonly #make: () => RealisedVolatility

  constructor(sampleUs: number, halfLifeUs: number, warmupUs: number) {
    this.#make = () => new RealisedVolatility(sampleUs, halfLifeUs, Math.max(2, Math.ceil(warmupUs / sampleUs)))
    this.#make() // Refuses impossible settings now and not at the first price.
  }

  update(instrument: number, timeUs: number, price: number): void {
    const estimate = (this.#estimates[instrument] ??= this.#make())
    estimate.update(timeUs, Math.log(price))
  }

  yearly(instrument: number): number {
    return (this.#estimates[instrument]?.perRootSecond ?? Number.NaN) * ROOT_SECONDS_PER_YEAR
  }
}

/** Sign of the return over a number of hours, from a ring of hourly prices. */
class Momentum {
  readonly #prices: Float64Array
  #hour = Number.NaN
  #price = Number.NaN

  constructor(hours: number) {
    this.#prices = new Float64Array(Math.ceil(hours) + 1).fill(Number.NaN)
  }

  update(timeUs: number, price: number): void {
    const hour = Math.floor(timeUs / HOUR_US)
    const prices = this.#prices
    // An hour's price is the last before its end; hours of silence repeat it.
    if (hour > this.#hour) {
      const first = Math.max(this.#hour, hour - prices.length)
      for (let each = first; each < hour; each++) prices[each % prices.length] = this.#price
    }
    this.#hour = hour
    this.#price = price
  }

  /** +1, 0 or −1; NaN until the past reaches far enough. */
  get sign(): number {
    const prices = this.#prices
    return Math.sign(this.#price - prices[(this.#hour + 1) % prices.length])
  }
}

export class VolatilityTarget implements Policy {
  readonly name = 'volatility-target'
  readonly #horizonUs: number
  /** Present only when models are traded on: decides at once where a decision is due. */
  readonly onForecast?: (forecast: Forecast) => void
  readonly settings: Settings
  readonly #instruments: readonly number[]
  readonly #forecaster: VolatilityForecaster
  readonly #momentum: Momentum[] = []
  readonly #nextUs: number[] = []
  readonly #orderIds: number[] = []
  #context!: PolicyContext

  private constructor(settings: Settings, instruments: readonly number[], forecaster: VolatilityForecaster) {
    this.settings = settings
    this.#instruments = instruments
    this.#forecaster = forecaster
    this.#horizonUs = settings.forecastHours * HOUR_US
    if (settings.volatilityFrom === 'model' || settings.turbulenceCut > 0) {
      // A forecast comes after the row it was made of: without this, a policy on bars would trade one bar late.
      this.onForecast = ({ instrument, timeUs }) => this.#consider(instrument, timeUs)
    }
  }

  /**
   * @param forecaster What to believe of the future; the settings' exponentially weighted past when absent.
   * @throws {GimbalError} `config-invalid`, `instrument-unknown`.
   */
  static fromSettings(
    given: Readonly<Record<string, SettingValue>>,
    universe: Universe,
    forecaster?: VolatilityForecaster,
  ): VolatilityTarget {
    const settings = readSettings('policy volatility-target', VOLATILITY_TARGET_SETTINGS, given)
    const perps = universe.instruments.some(({ kind }) => kind === 'perp')
    const suits = ({ kind }: Instrument) =>
      settings.instruments === '' ? kind === (perps ? 'perp' : 'spot') : kind !== 'option' && kind !== 'pool'
    const instruments = chooseInstruments(
      'volatility-target',
      universe,
      settings.instruments,
      suits,
      'perpetuals, dated futures or spot',
    )
    const { sampleMinutes, halfLifeHours, warmupHours } = settings
    const ewma = new EwmaVolatility(sampleMinutes * MINUTE_US, halfLifeHours * HOUR_US, warmupHours * HOUR_US)
    return new VolatilityTarget(settings, instruments, forecaster ?? ewma)
  }

  start(context: PolicyContext): readonly number[] {
    this.#context = context
    const { volatilityFrom, turbulenceCut } = this.settings
    for (const index of this.#instruments) {
      if (volatilityFrom === 'model') requireForecast(this.name, context, 'variance', index, this.#horizonUs)
      if (turbulenceCut > 0) requireForecast(this.name, context, 'turbulence', index, this.#horizonUs)
      this.#momentum[index] = new Momentum(this.settings.momentumHours)
      this.#nextUs[index] = Number.NEGATIVE_INFINITY
      this.#orderIds[index] = -1
    }
    return this.#instruments
  }

  onMarket(index: number): void {
    const context = this.#context
    const market = context.market(index)
    const nowUs = context.clock.nowUs
    const price = market.referenceTick * market.instrument.ticks.size
    if (!(price > 0) || market.down || (market.hasBook && !market.quoted)) return
    this.#forecaster.update(index, nowUs, price)
    this.#momentum[index].update(nowUs, price)
    if (!this.onForecast && nowUs >= this.#nextUs[index]) this.#decide(index, nowUs, price)
  }

  /**
   * @param madeUs When the forecast was made. Decisions are counted from it and not from when we hear of it: live, a
   *   forecast heard a millisecond earlier than the last would otherwise come too soon, and its turn be skipped.
   */
  #consider(index: number, madeUs: number): void {
    const market = this.#context.market(index)
    const price = market.referenceTick * market.instrument.ticks.size
    if (!(price > 0) || market.down || (market.hasBook && !market.quoted)) return
    if (madeUs >= this.#nextUs[index]) this.#decide(index, madeUs, price)
  }

  /** Volatility per year; NaN while unknown. */
  #yearly(index: number): number {
    if (this.settings.volatilityFrom === 'past') return this.#forecaster.yearly(index)
    const forecast = this.#context.forecasts.latest('variance', index, this.#horizonUs)
    return perRootSecond(forecast, this.#context.clock.nowUs) * ROOT_SECONDS_PER_YEAR
  }

  /** Share of the position that the regime leaves; NaN while the regime is unknown. */
  #calm(index: number): number {
    const { turbulenceCut } = this.settings
    if (turbulenceCut === 0) return 1
    const forecast = this.#context.forecasts.latest('turbulence', index, this.#horizonUs)
    const probability = freshValue(forecast, this.#context.clock.nowUs)
    // A probability is one only as far as its model was made to give one.
    return 1 - turbulenceCut * Math.max(0, Math.min(1, probability))
  }

  /** @param nowUs The moment this decision is counted from. */
  #decide(index: number, nowUs: number, price: number): void {
    const context = this.#context
    // An order of before a restart is not continued: it was decided on another forecast.
    if (this.#orderIds[index] === -1) {
      this.#orderIds[index] = 0
      context.cancelAll(index)
    }
    const target = this.#targetLots(index, price)
    if (Number.isNaN(target)) {
      this.#nextUs[index] = nowUs + Math.min(this.settings.decisionMinutes * MINUTE_US, UNKNOWN_PAUSE_US)
      return
    }
    if (context.orders().some((order) => order.instrument === index)) return
    this.#nextUs[index] = nowUs + this.settings.decisionMinutes * MINUTE_US

    const held = context.portfolio.lots(index)
    const change = target - held
    const size = Math.max(Math.abs(target), Math.abs(held))
    if (change === 0 || Math.abs(change) <= this.settings.rebalanceBand * size) return
    const reduces = Math.abs(target) < Math.abs(held) && target * held >= 0
    context.submit({
      instrument: index,
      side: change > 0 ? 1 : -1,
      lots: Math.abs(change),
      type: 'market',
      tick: 0,
      reduceOnly: reduces && context.universe.at(index).kind !== 'spot',
      tag: 'volatility target',
    })
  }

  /** Signed lots wanted, rounded towards zero; NaN while something needed is unknown. */
  #targetLots(index: number, price: number): number {
    const { targetYearly, leverageMax, direction } = this.settings
    const instrument = this.#context.universe.at(index)
    const volatility = this.#yearly(index)
    const calm = this.#calm(index)
    const equity = this.#context.portfolio.equity
    const sign = direction === 'long' ? 1 : this.#momentum[index].sign
    if (!(volatility >= 0) || !(equity > 0) || Number.isNaN(sign) || Number.isNaN(calm)) return Number.NaN
    const count = this.#instruments.length
    const spot = instrument.kind === 'spot'
    // Spot is bought with money that is there and cannot be sold short.
    const leverage = Math.min(targetYearly / volatility, spot ? Math.min(leverageMax, 1) : leverageMax) / count
    const signed = spot ? Math.max(0, sign) : sign
    return Math.trunc((signed * calm * equity * leverage) / lotWorth(instrument, price))
  }
}
