/**
 * @file Who moves first: covariance of prices heard at different times, and at which lag it is strongest.
 *
 * Prices are looked at on the fine clock of clockedPrice.ts; an observation is a point since whose predecessor the price was
 * confirmed. Between two observations of one instrument without a break lies a return. The estimator of Hayashi and Yoshida
 * multiplies every return of the target by every return of the other instrument whose time overlaps it: without bias from
 * filling in prices. At lag l > 0 the other's times are moved l later first: where that fits best, the other leads.
 *
 * For each of `others`, by its place in the list, over the last `windowSeconds`:
 * - `covariance-1`, `correlation-1` at lag 0 (covariance of the whole window; correlation = covariance over the root of both
 *   variances, which the overlap may carry a little beyond ±1);
 * - `lead-1`: the lag of the largest absolute correlation, in seconds, the shortest of equals, positive when the other leads;
 *   `peak-1`: the correlation there;
 * - `ratio-1` = ln of the squared correlations at lags > 0 over those at lags < 0: positive when the other leads.
 * Over all others: the leader is the one with the greatest absolute peak among those that lead; `leader-seconds` and
 * `leader-peak` are its (0 when nobody leads), `leader-gap` the move of the leader over its lead less the target's (NaN
 * when nobody leads), `leading-share` how many of those known lead.
 *
 * NaN for pairs of which either has fewer than ten returns in the window, or did not move.
 *
 * Sources: T. Hayashi, N. Yoshida, "On covariance estimation of non-synchronously observed diffusion processes", Bernoulli 11
 * (2005) 359; M. Hoffmann, M. Rosenbaum, N. Yoshida, Bernoulli 19 (2013) 426 (lags); N. Huth, F. Abergel, J. Empirical Finance 26
 * (2014) 41 (the ratio).
 */

import { SECOND_US } from '../core/clock.ts'
import type { SettingValue } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice, logReturn } from './clockedPrice.ts'
import type { Feature, FeatureFamily, FeatureOutput } from './feature.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { priced } from './priced.ts'
import { intervalOf, namedOthers, readNames, readStep } from './secondsList.ts'

const LEAST = 10

/** Returns between observations: from, to (points) and how much. */
class Intervals {
  readonly from: Float64Array
  readonly to: Float64Array
  readonly change: Float64Array
  count = 0
  /** Sum of squares. */
  variance = 0

  constructor(most: number) {
    this.from = new Float64Array(most)
    this.to = new Float64Array(most)
    this.change = new Float64Array(most)
  }

  /** Reads the returns between observations at points [first, last]. */
  read(price: ClockedPrice, first: number, last: number): void {
    this.count = 0
    this.variance = 0
    let from = Number.NaN
    let value = Number.NaN
    let breaks = Number.NaN
    for (let point = first; point <= last; point++) {
      if (!price.freshAt(point)) continue
      const next = price.valueAt(point)
      if (price.breaksAt(point) === breaks) {
        const change = logReturn(value, next)
        this.from[this.count] = from
        this.to[this.count] = point
        this.change[this.count] = change
        this.variance += change * change
        this.count++
      }
      from = point
      value = next
      breaks = price.breaksAt(point)
    }
  }

  get useful(): boolean {
    return this.count >= LEAST && this.variance > 0
  }
}

/**
 * Hayashi-Yoshida covariance of two runs of returns, the second moved `lag` later: Σ x_i y_j over overlapping (from, to].
 */
function overlapCovariance(x: Intervals, y: Intervals, lag: number): number {
  let sum = 0
  let first = 0
  for (let i = 0; i < x.count; i++) {
    const from = x.from[i]!
    const to = x.to[i]!
    while (first < y.count && y.to[first]! + lag <= from) first++
    for (let j = first; j < y.count && y.from[j]! + lag < to; j++) sum += x.change[i]! * y.change[j]!
  }
  return sum
}

class LeadLag implements Feature {
  readonly instruments: readonly number[]
  readonly #prices: readonly ClockedPrice[]
  readonly #window: number
  readonly #lags: number
  readonly #named: boolean
  readonly #target: Intervals
  readonly #other: Intervals

  /** @param instruments The target, then the others. @param named Whether figures of each are wanted. */
  constructor(
    instruments: readonly number[],
    markets: readonly MarketState[],
    intervalUs: number,
    window: number,
    lags: number,
    named: boolean,
  ) {
    this.instruments = instruments
    this.#prices = instruments.map((index) => new ClockedPrice(markets[index]!, intervalUs, window + 1))
    this.#window = window
    this.#lags = lags
    this.#named = named
    this.#target = new Intervals(window)
    this.#other = new Intervals(window)
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    for (let i = 0; i < this.instruments.length; i++)
      if (this.instruments[i] === instrument) this.#prices[i]!.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const price = this.#prices[0]!
    const last = price.pointAt(nowUs)
    const seconds = price.intervalUs / SECOND_US
    this.#target.read(price, last - this.#window, last)
    let known = 0
    let leading = 0
    let leaderPeak = 0
    let leaderLag = 0
    let leaderGap = Number.NaN
    let next = at
    for (let i = 1; i < this.#prices.length; i++) {
      const other = this.#prices[i]!
      this.#other.read(other, last - this.#window, last)
      const lag = this.#writePair(out, next)
      if (this.#named) next += 5
      if (Number.isNaN(lag)) continue
      known++
      if (lag <= 0) continue
      leading++
      if (Math.abs(this.#peak) <= Math.abs(leaderPeak)) continue
      leaderPeak = this.#peak
      leaderLag = lag
      leaderGap = other.change(last - lag, last) - price.change(last - lag, last)
    }
    out[next] = known > 0 ? leaderLag * seconds : Number.NaN
    out[next + 1] = known > 0 ? leaderPeak : Number.NaN
    out[next + 2] = leaderGap
    out[next + 3] = known > 0 ? leading / known : Number.NaN
  }

  #peak = 0

  /** Compares target and other; writes the five figures of a named one. Returns the lag of the peak, NaN when unknown. */
  #writePair(out: Float64Array, at: number): number {
    const x = this.#target
    const y = this.#other
    if (!x.useful || !y.useful) {
      if (this.#named) out.fill(Number.NaN, at, at + 5)
      return Number.NaN
    }
    const scale = Math.sqrt(x.variance * y.variance)
    const covariance = overlapCovariance(x, y, 0)
    let best = 0
    let peak = covariance / scale
    let ahead = 0
    let behind = 0
    for (let lag = 1; lag <= this.#lags; lag++) {
      const forward = overlapCovariance(x, y, lag) / scale
      const backward = overlapCovariance(x, y, -lag) / scale
      ahead += forward * forward
      behind += backward * backward
      if (Math.abs(forward) > Math.abs(peak)) {
        best = lag
        peak = forward
      }
      if (Math.abs(backward) > Math.abs(peak)) {
        best = -lag
        peak = backward
      }
    }
    this.#peak = peak
    if (this.#named) {
      out[at] = covariance
      out[at + 1] = covariance / scale
      out[at + 2] = (best * this.#prices[0]!.intervalUs) / SECOND_US
      out[at + 3] = peak
      out[at + 4] = ahead > 0 && behind > 0 ? Math.log(ahead / behind) : Number.NaN
    }
    return best
  }
}

function stepsOf(settings: Readonly<Record<string, SettingValue>>) {
  const intervalUs = intervalOf(settings)
  return {
    intervalUs,
    window: readStep('feature lead-lag windowSeconds', settings['windowSeconds'], intervalUs, 10),
    lags: readStep('feature lead-lag lagSeconds', settings['lagSeconds'], intervalUs),
  }
}

export const LEAD_LAG: FeatureFamily = {
  name: 'lead-lag',
  summary: 'Hayashi-Yoshida correlation with other instruments at several lags, and which of them leads.',
  version: 1,
  settings: {
    others: { default: '', doc: 'Instruments compared with the target, between commas; its neighbours when empty.' },
    intervalSeconds: {
      default: 1,
      min: 1e-3,
      max: 3600,
      doc: 'Step of the clock, in seconds: the finest lag told apart.',
    },
    windowSeconds: { default: '600', doc: 'Window in seconds: whole steps, at least ten.' },
    lagSeconds: { default: '10', doc: 'Longest lag tried, in seconds: whole steps.' },
  },
  outputs(settings) {
    stepsOf(settings)
    const outputs: FeatureOutput[] = []
    for (const [index, other] of readNames(settings['others']).entries()) {
      const k = index + 1
      outputs.push(
        { name: `covariance-${k}`, unit: 'fraction²', doc: `Covariance with ${other} over the window.` },
        { name: `correlation-${k}`, unit: '', doc: `Correlation with ${other}.` },
        { name: `lead-${k}`, unit: 's', doc: `By how much ${other} leads; negative when it follows.` },
        { name: `peak-${k}`, unit: '', doc: 'Correlation at that lag.' },
        { name: `ratio-${k}`, unit: '', doc: `Logarithm of how much more ${other} leads than follows.` },
      )
    }
    return [
      ...outputs,
      { name: 'leader-seconds', unit: 's', doc: 'Lead of the leader; 0 when nobody leads.' },
      { name: 'leader-peak', unit: '', doc: 'Its correlation at that lag; 0 when nobody leads.' },
      { name: 'leader-gap', unit: 'fraction', doc: "Its move over its lead less the target's." },
      { name: 'leading-share', unit: 'fraction', doc: 'Share of the others that lead.' },
    ]
  },
  suits: ({ universe, target, streams }) =>
    priced({ universe, target, streams }, target) &&
    universe.instruments.some(
      ({ kind }, index) => index !== target && kind !== 'option' && priced({ universe, target, streams }, index),
    ),
  build(settings, context) {
    const { intervalUs, window, lags } = stepsOf(settings)
    const others = namedOthers('Feature lead-lag', settings['others'], context)
    const instruments = [context.target, ...others]
    const feature = new LeadLag(
      instruments,
      context.markets,
      intervalUs,
      window,
      lags,
      readNames(settings['others']).length > 0,
    )
    return new OncePerPoint(feature, intervalUs, this.outputs(settings).length)
  },
}
