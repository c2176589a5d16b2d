/**
 * @file VPIN: how one-sided trading is, in volume time. Volume is cut into equal buckets; the figure is the sum over the
 * last `buckets` of |bought − sold| over their volume.
 *
 * Two ways to tell bought from sold: by the side the venue gives (a trade of unknown side counts half and half), and by
 * bulk classification, where a bar of `barSeconds` is bought by the share Φ(ΔP / σ), ΔP being its change of price and σ²
 * the forgetting mean of the squared changes up to and including it. A bar counts once the first trade after it was heard.
 * The first bar after a `GAP` or an `OUTAGE` takes its change from its own first trade.
 *
 * The size of a bucket is `bucketLots`, or, where that is 0, what `bucketSeconds` bring at the forgetting mean rate of
 * trading, in whole lots, fixed when the bucket opens; nothing is put into buckets during the first `learnSeconds`.
 *
 * Source: D. Easley, M. López de Prado, M. O'Hara, "Flow toxicity and liquidity in a high-frequency world", Review of
 * Financial Studies 25 (2012) 1457. There a bucket is a fiftieth of a day's mean volume, bars are minutes, and σ is that
 * of the whole sample, which looks ahead.
 */

import { SECOND_US } from '../core/clock.ts'
import { normalCdf } from '../core/errorFunction.ts'
import { GimbalError } from '../core/errors.ts'
import { readSettings, type SettingsOf, type SettingsShape } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import { Kind, type TapeBatch } from '../market/tape.ts'
import type { Feature, FeatureContext, FeatureFamily } from './feature.ts'
import { INSTRUMENT_SETTING, namedInstrument, spanUs, targetHas } from './settingLists.ts'

/**
 * VPIN with bulk classification over whole arrays, as in the paper.
 *
 * Shapes: `volume` and `change` have one entry a trade or bar; the answer one entry for every bucket from the `window`-th on.
 *
 * @param change Of the price, in any unit. @param sigma Its deviation, same unit. @param bucketVolume In the unit of `volume`.
 * @throws {GimbalError} `argument-invalid` unless shapes fit, deviation, bucket and window are positive, volumes not negative
 *   and all finite.
 */
export function vpinBulk(
  volume: ArrayLike<number>,
  change: ArrayLike<number>,
  sigma: number,
  bucketVolume: number,
  window: number,
): Float64Array {
  if (
    volume.length !== change.length ||
    !(sigma > 0) ||
    !(bucketVolume > 0) ||
    !(Number.isSafeInteger(window) && window >= 1)
  )
    throw new GimbalError('argument-invalid', 'No VPIN can be made of this', {
      volumes: volume.length,
      changes: change.length,
      sigma,
      bucketVolume,
      window,
    })
  const imbalances: number[] = []
  // Sums of decimal volumes miss the bucket's by a rounding: it must neither stay open nor leave a crumb.
  const crumb = 1e-12 * bucketVolume
  let filled = 0
  let signed = 0
  for (let i = 0; i < volume.length; i++) {
    if (!(volume[i]! >= 0 && Number.isFinite(volume[i]! + change[i]!)))
      throw new GimbalError('argument-invalid', 'No VPIN can be made of this trade', {
        trade: i,
        volume: volume[i]!,
        change: change[i]!,
      })
    const lean = 2 * normalCdf(change[i]! / sigma) - 1
    for (let left = volume[i]!; left > crumb; ) {
      const part = Math.min(left, bucketVolume - filled)
      signed += lean * part
      filled += part
      left -= part
      if (filled < bucketVolume - crumb) continue
      imbalances.push(Math.abs(signed))
      filled = 0
      signed = 0
    }
  }
  const out = new Float64Array(Math.max(0, imbalances.length - window + 1))
  for (let i = 0; i < out.length; i++) {
    let sum = 0
    for (let bucket = i; bucket < i + window; bucket++) sum += imbalances[bucket]!
    out[i] = sum / (window * bucketVolume)
  }
  return out
}

const SETTINGS = {
  instrument: INSTRUMENT_SETTING,
  buckets: { default: 50, min: 1, max: 100_000, whole: true, doc: 'complete buckets summed' },
  bucketLots: { default: 0, min: 0, doc: 'lots in a bucket; 0 to learn it' },
  bucketSeconds: { default: 2, min: 0.001, doc: 'time a learnt bucket takes at the mean rate of trading, seconds' },
  learnSeconds: { default: 60, min: 0.001, doc: 'seconds of trading before the first learnt bucket' },
  halfLifeSeconds: {
    default: 3600,
    min: 0.001,
    doc: 'age at which trading counts half in rate and deviation, seconds',
  },
  barSeconds: { default: 1, min: 0.001, doc: 'length of the bars of bulk classification, seconds' },
  staleSeconds: {
    default: 600,
    min: 0.001,
    doc: 'seconds without a trade after which the figures are no longer known',
  },
} as const satisfies SettingsShape

const OWNER = 'feature vpin'

/** The last so many complete buckets, and the open one. */
class Buckets {
  readonly #count: number
  readonly #imbalance: Float64Array
  readonly #size: Float64Array
  #complete = 0
  #openSize = 0
  #filled = 0
  #signed = 0

  constructor(count: number) {
    this.#count = count
    this.#imbalance = new Float64Array(count)
    this.#size = new Float64Array(count)
  }

  /** Puts in volume that leans to the buying (+1) or the selling side (−1). @param size Of buckets opened by it. */
  put(lots: number, lean: number, size: number): void {
    let left = lots
    while (left > 0) {
      if (this.#filled === 0) {
        this.#openSize = size
        // Of a huge trade only the last buckets will ever be looked at.
        const whole = Math.floor(left / size)
        if (whole > this.#count + 1) left -= (whole - this.#count - 1) * size
      }
      const part = Math.min(left, this.#openSize - this.#filled)
      this.#signed += lean * part
      this.#filled += part
      left -= part
      if (this.#filled < this.#openSize) continue
      const slot = this.#complete % this.#count
      this.#imbalance[slot] = Math.abs(this.#signed)
      this.#size[slot] = this.#openSize
      this.#complete++
      this.#filled = 0
      this.#signed = 0
    }
  }

  /** Share of one-sided volume in the complete buckets; NaN until there are enough. */
  get share(): number {
    if (this.#complete < this.#count) return Number.NaN
    let imbalance = 0
    let size = 0
    for (let i = 0; i < this.#count; i++) {
      imbalance += this.#imbalance[i]!
      size += this.#size[i]!
    }
    return imbalance / size
  }
}

class Vpin implements Feature {
  readonly instruments: readonly number[]
  readonly #market: MarketState
  readonly #bySide: Buckets
  readonly #bulk: Buckets
  readonly #bucketLots: number
  readonly #bucketUs: number
  readonly #learnUs: number
  readonly #decayPerUs: number
  readonly #barUs: number
  readonly #staleUs: number
  #firstUs = Number.NaN
  #tradedUs = Number.NEGATIVE_INFINITY
  /** Forgetting sum of lots as of `tradedUs`, and the bucket size it gives; NaN while learning. */
  #lots = 0
  #size: number
  /** The open bar: its number, lots, and the price its change is taken from; lots 0 when there is none. */
  #bar = 0
  #barLots = 0
  #barFrom = Number.NaN
  #price = Number.NaN
  /** Forgetting sums of squared changes and of weights as of bar `squaredBar`. */
  #squares = 0
  #weight = 0
  #squaredBar = 0

  constructor(settings: SettingsOf<typeof SETTINGS>, context: FeatureContext) {
    const instrument = namedInstrument(context, settings.instrument)
    this.instruments = [instrument]
    this.#market = context.markets[instrument]!
    this.#bySide = new Buckets(settings.buckets)
    this.#bulk = new Buckets(settings.buckets)
    this.#bucketLots = settings.bucketLots
    this.#bucketUs = spanUs(settings.bucketSeconds)
    this.#learnUs = spanUs(settings.learnSeconds)
    this.#decayPerUs = Math.LN2 / (settings.halfLifeSeconds * SECOND_US)
    this.#barUs = spanUs(settings.barSeconds)
    this.#staleUs = spanUs(settings.staleSeconds)
    this.#size = settings.bucketLots > 0 ? settings.bucketLots : Number.NaN
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    const kind = batch.kind[row]!
    if (kind === Kind.GAP || kind === Kind.OUTAGE) {
      this.#closeBar()
      this.#price = Number.NaN
    }
    if (kind !== Kind.TRADE) return
    const lots = batch.lots[row]!
    const tick = batch.tick[row]!
    const bar = Math.floor(timeUs / this.#barUs)
    if (bar !== this.#bar) this.#closeBar()
    this.#learn(timeUs, lots)
    if (this.#size > 0) this.#bySide.put(lots, batch.side[row]!, this.#size)
    if (this.#barLots === 0) {
      this.#bar = bar
      this.#barFrom = Number.isNaN(this.#price) ? tick : this.#price
    }
    this.#barLots += lots
    this.#price = tick
  }

  #learn(timeUs: number, lots: number): void {
    if (Number.isNaN(this.#firstUs)) this.#firstUs = timeUs
    const decay = this.#lots === 0 ? 0 : Math.exp(-this.#decayPerUs * (timeUs - this.#tradedUs))
    this.#lots = this.#lots * decay + lots
    this.#tradedUs = timeUs
    const watchedUs = timeUs - this.#firstUs
    if (this.#bucketLots > 0 || watchedUs < this.#learnUs) return
    const weightUs = -Math.expm1(-this.#decayPerUs * watchedUs) / this.#decayPerUs
    this.#size = Math.max(1, Math.round((this.#lots / weightUs) * this.#bucketUs))
  }

  /** Classifies the open bar's volume by its change of price. */
  #closeBar(): void {
    if (this.#barLots === 0) return
    const change = this.#price - this.#barFrom
    const decay = Math.exp(-this.#decayPerUs * this.#barUs * (this.#bar - this.#squaredBar))
    this.#squares = this.#squares * decay + change * change
    this.#weight = this.#weight * decay + 1
    this.#squaredBar = this.#bar
    const sigma = Math.sqrt(this.#squares / this.#weight)
    const lean = sigma > 0 ? 2 * normalCdf(change / sigma) - 1 : 0
    if (this.#size > 0) this.#bulk.put(this.#barLots, lean, this.#size)
    this.#barLots = 0
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const known = nowUs - this.#tradedUs <= this.#staleUs && !this.#market.down
    out[at] = known ? this.#bySide.share : Number.NaN
    out[at + 1] = known ? this.#bulk.share : Number.NaN
  }
}

export const VPIN: FeatureFamily = {
  name: 'vpin',
  summary: 'How one-sided trading is in volume time, by the sides given and by bulk classification.',
  version: 1,
  settings: SETTINGS,
  outputs: () => [
    { name: 'by-side', unit: 'fraction', doc: 'VPIN by the sides of aggressors.' },
    { name: 'bulk', unit: 'fraction', doc: 'VPIN by bulk classification of bars.' },
  ],
  suits: (tape) => targetHas(tape, 'trade'),
  build: (settings, context) => new Vpin(readSettings(OWNER, SETTINGS, settings), context),
}
