/**
 * @file Funding of a perpetual: what it is, was, will be, when it is paid, and how it stands beside others.
 *
 * Rates are put on one scale, per day, because venues settle every 1, 4 or 8 hours. A settled rate is in force until two of
 * its intervals have gone by without another; after that, and while the venue is down, figures are NaN. Lost book updates do not
 * touch funding: a settlement is a fact by itself, and no difference is taken between two times. The last 8192 settlements are
 * remembered.
 * - `rate`, `scaled` (rate less the mean, over the deviation, of the settlements of `historyDays`; ten at least), `to-mean`
 *   (rate less that mean);
 * - `forecast`: the venue's forecast of the next rate until it is due (for one interval where it does not say when);
 *   `ahead` = forecast less rate;
 * - `clock-sine`, `clock-cosine`: where between two settlements we are, as a point on a circle;
 * - `paid-d`: what a long paid over the last d days, scaled where at least half of the time is covered by settlements;
 * - for each of `others`, by its place in the list: `spread-1` = rate less its rate, `spread-scaled-1` = that less its
 *   mean over its deviation, of the spreads at our settlements of `historyDays` (ten at least);
 * - with `others`: `across-mean` = rate less the mean of all that are known, `across-range` = highest less lowest.
 */

import { DAY_US } from '../core/clock.ts'
import { GimbalError } from '../core/errors.ts'
import type { SettingValue } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily, FeatureOutput } from './feature.ts'
import { readNames } from './secondsList.ts'
import { namedInstrument } from './settingLists.ts'

const REMEMBERED = 8192
const LEAST = 10
/** Deviations below this, per day, are rounding. */
const STILL = 1e-12
const TURN = 2 * Math.PI

/** What one perpetual settled, and what it forecasts. */
class SettledRates {
  readonly #market: MarketState
  readonly #specIntervalUs: number
  readonly #timesUs = new Float64Array(REMEMBERED)
  readonly #rates = new Float64Array(REMEMBERED)
  readonly #intervalsUs = new Float64Array(REMEMBERED)
  /** Settlements heard so far. */
  count = 0
  #forecast = Number.NaN
  #forecastUs = Number.NEGATIVE_INFINITY
  #dueUs = Number.NEGATIVE_INFINITY

  constructor(market: MarketState) {
    this.#market = market
    this.#specIntervalUs = market.instrument.spec.fundingIntervalUs ?? 0
  }

  onRow(batch: TapeBatch, row: number, timeUs: number): void {
    const kind = batch.kind[row]!
    const value = batch.value[row]!
    if (kind === Kind.FUNDING) {
      const intervalUs = batch.lots[row]! > 0 ? batch.lots[row]! : this.#specIntervalUs
      if (!(intervalUs > 0) || value - value !== 0) return
      const slot = this.count % REMEMBERED
      this.#timesUs[slot] = timeUs
      this.#rates[slot] = value
      this.#intervalsUs[slot] = intervalUs
      this.count++
    } else if (kind === Kind.FUNDING_FORECAST) {
      const lots = batch.lots[row]!
      this.#forecast = value - value === 0 ? value : Number.NaN
      this.#forecastUs = timeUs
      this.#dueUs = lots > 0 ? timeUs + lots : Number.NEGATIVE_INFINITY
    }
  }

  /** First settlement still remembered. */
  get first(): number {
    return Math.max(0, this.count - REMEMBERED)
  }

  timeUs(settlement: number): number {
    return this.#timesUs[settlement % REMEMBERED]!
  }

  intervalUs(settlement: number): number {
    return this.#intervalsUs[settlement % REMEMBERED]!
  }

  rate(settlement: number): number {
    return this.#rates[settlement % REMEMBERED]!
  }

  /** A settled rate per day. */
  daily(settlement: number): number {
    return (this.rate(settlement) * DAY_US) / this.intervalUs(settlement)
  }

  /** Whether a settlement is still in force. */
  inForce(settlement: number, nowUs: number): boolean {
    return settlement >= this.first && nowUs - this.timeUs(settlement) <= 2 * this.intervalUs(settlement)
  }

  /** Rate per day in force; NaN when there is none or the venue is down. */
  current(nowUs: number): number {
    const last = this.count - 1
    return !this.#market.down && this.inForce(last, nowUs) ? this.daily(last) : Number.NaN
  }

  /** Interval in force, in µs: the last one settled, else the one the instrument is defined with; 0 when unknown. */
  #interval(nowUs: number): number {
    const last = this.count - 1
    return this.inForce(last, nowUs) ? this.intervalUs(last) : this.#specIntervalUs
  }

  /** Forecast of the next rate, per day; NaN when there is none, it is past, or the venue is down. */
  forecast(nowUs: number): number {
    const intervalUs = this.#interval(nowUs)
    const untilUs = this.#dueUs > 0 ? this.#dueUs : this.#forecastUs + intervalUs
    if (this.#market.down || !(intervalUs > 0) || nowUs > untilUs) return Number.NaN
    return (this.#forecast * DAY_US) / intervalUs
  }

  /** Share of the interval that has gone by since the last settlement; NaN when unknown. */
  phase(nowUs: number): number {
    const last = this.count - 1
    const intervalUs = this.#interval(nowUs)
    if (this.#market.down || !(intervalUs > 0)) return Number.NaN
    if (this.#dueUs > nowUs) return 1 - (this.#dueUs - nowUs) / intervalUs
    return this.inForce(last, nowUs) ? ((nowUs - this.timeUs(last)) % intervalUs) / intervalUs : Number.NaN
  }
}

class Funding implements Feature {
  readonly instruments: readonly number[]
  /** The target's first, then the others'. */
  readonly #rates: readonly SettledRates[]
  readonly #historyUs: number
  readonly #paidUs: readonly number[]
  readonly #spreads = new Float64Array(REMEMBERED)
  #spreadCount = 0

  constructor(
    instruments: readonly number[],
    markets: readonly MarketState[],
    historyUs: number,
    paidUs: readonly number[],
  ) {
    this.instruments = instruments
    this.#rates = instruments.map((instrument) => new SettledRates(markets[instrument]!))
    this.#historyUs = historyUs
    this.#paidUs = paidUs
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    for (let i = 0; i < this.instruments.length; i++)
      if (this.instruments[i] === instrument) this.#rates[i]!.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const own = this.#rates[0]!
    const rate = own.current(nowUs)
    this.#gather(own, undefined, nowUs)
    const mean = this.#mean()
    const forecast = own.forecast(nowUs)
    const phase = own.phase(nowUs)
    out[at] = rate
    out[at + 1] = this.#scaled(rate, mean)
    out[at + 2] = rate - mean
    out[at + 3] = forecast
    out[at + 4] = forecast - rate
    out[at + 5] = Math.sin(TURN * phase)
    out[at + 6] = Math.cos(TURN * phase)
    let next = at + 7
    for (let i = 0; i < this.#paidUs.length; i++) out[next++] = this.#paid(own, rate, this.#paidUs[i]!, nowUs)
    if (this.#rates.length > 1) this.#writeOthers(own, rate, out, next, nowUs)
  }

  #writeOthers(own: SettledRates, rate: number, out: Float64Array, start: number, nowUs: number): void {
    let at = start
    let sum = rate
    let known = 1
    let highest = rate
    let lowest = rate
    for (let i = 1; i < this.#rates.length; i++) {
      const other = this.#rates[i]!
      const theirs = other.current(nowUs)
      this.#gather(own, other, nowUs)
      out[at++] = rate - theirs
      out[at++] = this.#scaled(rate - theirs, this.#mean())
      if (Number.isNaN(theirs)) continue
      sum += theirs
      known++
      if (theirs > highest) highest = theirs
      if (theirs < lowest) lowest = theirs
    }
    out[at] = known > 1 ? rate - sum / known : Number.NaN
    out[at + 1] = known > 1 ? highest - lowest : Number.NaN
    // The sum began with our own rate: unknown, it makes the mean so, and must make the range so too.
    if (Number.isNaN(rate)) out[at + 1] = Number.NaN
  }

  /** What a long paid in the window, scaled to it; NaN unless half of it is covered. */
  #paid(own: SettledRates, rate: number, windowUs: number, nowUs: number): number {
    let sum = 0
    let coveredUs = 0
    for (let i = own.count - 1; i >= own.first && own.timeUs(i) > nowUs - windowUs; i--) {
      sum += own.rate(i)
      coveredUs += own.intervalUs(i)
    }
    return !Number.isNaN(rate) && 2 * coveredUs >= windowUs ? (sum * windowUs) / coveredUs : Number.NaN
  }

  /** Collects the rates of the history, or their spreads over another's rate in force at the time. */
  #gather(own: SettledRates, other: SettledRates | undefined, nowUs: number): void {
    let count = 0
    let theirs = other ? other.count - 1 : 0
    for (let i = own.count - 1; i >= own.first && own.timeUs(i) > nowUs - this.#historyUs; i--) {
      if (!other) {
        this.#spreads[count++] = own.daily(i)
        continue
      }
      while (theirs >= other.first && other.timeUs(theirs) > own.timeUs(i)) theirs--
      if (other.inForce(theirs, own.timeUs(i))) this.#spreads[count++] = own.daily(i) - other.daily(theirs)
    }
    this.#spreadCount = count
  }

  /** Mean of what was gathered; NaN of fewer than ten. */
  #mean(): number {
    let sum = 0
    for (let i = 0; i < this.#spreadCount; i++) sum += this.#spreads[i]!
    return this.#spreadCount >= LEAST ? sum / this.#spreadCount : Number.NaN
  }

  #scaled(value: number, mean: number): number {
    let squares = 0
    for (let i = 0; i < this.#spreadCount; i++) squares += (this.#spreads[i]! - mean) ** 2
    const deviation = Math.sqrt(squares / this.#spreadCount)
    return deviation > STILL ? (value - mean) / deviation : Number.NaN
  }
}

function paidDays(settings: Readonly<Record<string, SettingValue>>): readonly number[] {
  const days = String(settings['paidDays']).split(',').map(Number)
  if (days.some((each) => !(each > 0)) || new Set(days).size !== days.length)
    throw new GimbalError('config-invalid', 'Feature funding needs different numbers of days above 0', {
      given: String(settings['paidDays']),
    })
  return days
}

export const FUNDING: FeatureFamily = {
  name: 'funding',
  summary: 'Funding rate, history, forecast, clock, sums over days; spreads to other instruments.',
  version: 1,
  settings: {
    instrument: { default: '', doc: 'Perpetual; the target when empty.' },
    others: { default: '', doc: 'Perpetuals its rate is set beside, between commas.' },
    historyDays: { default: 30, min: 0.01, max: 400, doc: 'History rates and spreads are compared with, in days.' },
    paidDays: { default: '1,7', doc: 'Windows over which payments are summed, in days, between commas.' },
  },
  outputs(settings) {
    const others = readNames(settings['others'])
    const outputs: FeatureOutput[] = [
      { name: 'rate', unit: '1/day', doc: 'Rate last settled, per day; longs pay when positive.' },
      { name: 'scaled', unit: '', doc: 'Rate in deviations from its mean.' },
      { name: 'to-mean', unit: '1/day', doc: 'Rate less its mean.' },
      { name: 'forecast', unit: '1/day', doc: "The venue's forecast of the next rate, per day." },
      { name: 'ahead', unit: '1/day', doc: 'Forecast less rate.' },
      { name: 'clock-sine', unit: '', doc: 'Sine of the time since the last settlement, a full turn an interval.' },
      { name: 'clock-cosine', unit: '', doc: 'Cosine of the same.' },
      ...paidDays(settings).map((days) => ({
        name: `paid-${days}d`,
        unit: 'fraction',
        doc: `What a long paid over ${days} days.`,
      })),
    ]
    for (const [index, other] of others.entries())
      outputs.push(
        { name: `spread-${index + 1}`, unit: '1/day', doc: `Rate less that of ${other}.` },
        { name: `spread-scaled-${index + 1}`, unit: '', doc: 'The spread in deviations from its mean.' },
      )
    if (others.length > 0)
      outputs.push(
        { name: 'across-mean', unit: '1/day', doc: 'Rate less the mean of all of them, itself included.' },
        { name: 'across-range', unit: '1/day', doc: 'Highest less lowest of them.' },
      )
    return outputs
  },
  suits: (tape) => tape.streams[tape.target]?.includes('funding') ?? false,
  build(settings: Readonly<Record<string, SettingValue>>, context: FeatureContext) {
    const own = namedInstrument(context, settings['instrument'])
    const others = readNames(settings['others']).map((name) => context.universe.index(name))
    return new Funding(
      [own, ...others],
      context.markets,
      Number(settings['historyDays']) * DAY_US,
      paidDays(settings).map((days) => days * DAY_US),
    )
  },
}
