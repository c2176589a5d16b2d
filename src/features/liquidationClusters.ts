/**
 * @file Where forced orders wait: price levels at which positions opened lately would be liquidated.
 *
 * Nobody publishes positions, so this is a model, and its assumptions are:
 * 1. every contract traded in a cell of `lookbackSeconds` opened one long and one short, at the cell's typical price (high
 *    + low + close)/3, and nobody has closed by themselves since;
 * 2. a share `weights[i]` of them took the leverage `leverages[i]`, isolated margin, never topped up;
 * 3. a long of leverage L is liquidated at p (1 − 1/L + m), a short at p (1 + 1/L − m), m being `maintenanceRate`;
 * 4. levels that the price has reached since (low or high of a later cell, or now) are gone.
 *
 * It therefore says where the levels are denser, not how much is there: sizes are shares of the volume of the lookback. Levels
 * are put into buckets of `widthBps` of logarithmic distance from the present price, up to 25 %; a cluster is a bucket with at
 * least `clusterShare`.
 *
 * Forced orders that were seen (LIQUIDATION rows) enter by their mean price in the lookback: where stops ran before.
 *
 * NaN unless the price is known and at least half of the cells are. Without a cluster its distance is NaN and its size 0.
 */

import { GimbalError } from '../core/errors.ts'
import type { SettingValue } from '../core/settings.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import { ClockedPrice } from './clockedPrice.ts'
import type { Feature, FeatureFamily, FeatureOutput } from './feature.ts'
import { BOUGHT, BOUGHT_WORTH, ForcedCells, SOLD, SOLD_WORTH } from './forcedCells.ts'
import { OncePerPoint } from './oncePerPoint.ts'
import { traded } from './priced.ts'
import { intervalOf, readStep } from './secondsList.ts'
import { INSTRUMENT_SETTING, namedInstrument } from './settingLists.ts'
import { TradedCells } from './tradedCells.ts'

/** Levels farther away, as a logarithm of the price, are left out. */
const REACH = 0.25
/** Figures of the two sides, the first of them all. */
const SIDES = 6
const FIGURES: readonly FeatureOutput[] = [
  { name: 'below-distance', unit: 'fraction', doc: 'Logarithmic distance down to the nearest cluster of longs.' },
  { name: 'below-size', unit: 'fraction', doc: 'Its share of the volume of the lookback.' },
  { name: 'below-near', unit: 'fraction', doc: 'Share liquidated by a fall of `nearBps`.' },
  { name: 'above-distance', unit: 'fraction', doc: 'Logarithmic distance up to the nearest cluster of shorts.' },
  { name: 'above-size', unit: 'fraction', doc: 'Its share of the volume of the lookback.' },
  { name: 'above-near', unit: 'fraction', doc: 'Share liquidated by a rise of `nearBps`.' },
  {
    name: 'forced-sold-distance',
    unit: 'fraction',
    doc: 'Mean price of forced sales over the present one, as a logarithm.',
  },
  { name: 'forced-bought-distance', unit: 'fraction', doc: 'Likewise of forced purchases.' },
]

interface Model {
  readonly intervalUs: number
  readonly lookback: number
  readonly leverages: readonly number[]
  readonly weights: readonly number[]
  readonly maintenanceRate: number
  readonly width: number
  readonly clusterShare: number
  readonly near: number
}

/** The six figures of the two sides, which change only when a cell is over. */
class ModelledLevels implements Feature {
  readonly instruments: readonly number[]
  readonly #model: Model
  readonly #price: ClockedPrice
  readonly #cells: TradedCells
  /** Of the cells of the lookback, oldest first: prices in ticks, ln(entry/price), lots. */
  readonly #highs: Float64Array
  readonly #lows: Float64Array
  readonly #entries: Float64Array
  readonly #distances: Float64Array
  readonly #lots: Float64Array
  /** Level over entry by leverage, and its logarithm. */
  readonly #longs: readonly number[]
  readonly #shorts: readonly number[]
  readonly #longLogs: readonly number[]
  readonly #shortLogs: readonly number[]
  /** Volume and volume × distance by bucket; longs first, then shorts. */
  readonly #sizes: Float64Array
  readonly #moments: Float64Array
  readonly #buckets: number

  constructor(index: number, market: MarketState, price: ClockedPrice, model: Model) {
    this.instruments = [index]
    this.#model = model
    this.#price = price
    this.#cells = new TradedCells(market, model.intervalUs, model.lookback)
    this.#highs = new Float64Array(model.lookback)
    this.#lows = new Float64Array(model.lookback)
    this.#entries = new Float64Array(model.lookback)
    this.#distances = new Float64Array(model.lookback)
    this.#lots = new Float64Array(model.lookback)
    const margins = model.leverages.map((leverage) => 1 / leverage - model.maintenanceRate)
    this.#longs = margins.map((margin) => 1 - margin)
    this.#shorts = margins.map((margin) => 1 + margin)
    this.#longLogs = this.#longs.map(Math.log)
    this.#shortLogs = this.#shorts.map(Math.log)
    this.#buckets = Math.ceil(REACH / model.width)
    this.#sizes = new Float64Array(2 * this.#buckets)
    this.#moments = new Float64Array(2 * this.#buckets)
  }

  onRow(batch: TapeBatch, row: number, _instrument: number, timeUs: number): void {
    this.#price.onRow(batch, row, timeUs)
    this.#cells.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    const last = this.#cells.lastAt(nowUs)
    const price = this.#price.valueAt(last)
    const total = this.#cells.volume(last, this.#model.lookback)
    if (!(price > 0) || !(total > 0)) {
      out.fill(Number.NaN, at, at + SIDES)
      return
    }
    const { lookback } = this.#model
    this.#cells.copy('high', last, lookback, this.#highs)
    this.#cells.copy('low', last, lookback, this.#lows)
    this.#cells.copy('close', last, lookback, this.#entries)
    this.#cells.copy('lots', last, lookback, this.#lots)
    for (let i = 0; i < lookback; i++) {
      const entry = (this.#highs[i]! + this.#lows[i]! + this.#entries[i]!) / 3
      this.#entries[i] = entry
      this.#distances[i] = Math.log(entry / price)
    }
    const nearLong = this.#spread(price, 1)
    const nearShort = this.#spread(price, -1)
    this.#writeSide(0, total, nearLong, out, at)
    this.#writeSide(this.#buckets, total, nearShort, out, at + 3)
  }

  /** Fills the buckets of one side (1: longs, below; −1: shorts, above); returns the volume within `near`. */
  #spread(price: number, side: 1 | -1): number {
    const { weights, width, near } = this.#model
    const factors = side > 0 ? this.#longs : this.#shorts
    const logs = side > 0 ? this.#longLogs : this.#shortLogs
    const extremes = side > 0 ? this.#lows : this.#highs
    const from = side > 0 ? 0 : this.#buckets
    this.#sizes.fill(0, from, from + this.#buckets)
    this.#moments.fill(0, from, from + this.#buckets)
    let closeVolume = 0
    // The farthest the price has gone against this side since: from the present backwards.
    let reached = price
    for (let cell = extremes.length - 1; cell >= 0; cell--) {
      const extreme = extremes[cell]!
      if (Number.isNaN(extreme)) continue
      const entry = this.#entries[cell]!
      const above = this.#distances[cell]!
      const lots = this.#lots[cell]!
      for (let i = 0; i < factors.length; i++) {
        if (side * (reached - entry * factors[i]!) <= 0) continue
        const distance = Math.abs(above + logs[i]!)
        const bucket = Math.floor(distance / width)
        if (bucket >= this.#buckets) continue
        const volume = lots * weights[i]!
        this.#sizes[from + bucket]! += volume
        this.#moments[from + bucket]! += volume * distance
        if (distance <= near) closeVolume += volume
      }
      if (side * (reached - extreme) > 0) reached = extreme
    }
    return closeVolume
  }

  #writeSide(from: number, total: number, near: number, out: Float64Array, at: number): void {
    let bucket = from
    const end = from + this.#buckets
    while (bucket < end && !(this.#sizes[bucket]! >= this.#model.clusterShare * total)) bucket++
    out[at] = bucket < end ? this.#moments[bucket]! / this.#sizes[bucket]! : Number.NaN
    out[at + 1] = bucket < end ? this.#sizes[bucket]! / total : 0
    out[at + 2] = near / total
  }
}

class LiquidationClusters implements Feature {
  readonly instruments: readonly number[]
  readonly #levels: OncePerPoint
  /** The levels' own, which hear the rows for it. */
  readonly #price: ClockedPrice
  readonly #forced: ForcedCells
  readonly #lookback: number

  constructor(index: number, market: MarketState, model: Model) {
    this.instruments = [index]
    this.#price = new ClockedPrice(market, model.intervalUs, 2)
    this.#levels = new OncePerPoint(new ModelledLevels(index, market, this.#price, model), model.intervalUs, SIDES)
    this.#forced = new ForcedCells(model.intervalUs, model.lookback)
    this.#lookback = model.lookback
  }

  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): void {
    this.#levels.onRow(batch, row, instrument, timeUs)
    this.#forced.onRow(batch, row, timeUs)
  }

  write(out: Float64Array, at: number, nowUs: number): void {
    this.#levels.write(out, at, nowUs)
    // The size below is a number whenever price and volume are known.
    const price = Number.isNaN(out[at + 1]!) ? Number.NaN : this.#price.valueAt(this.#price.pointAt(nowUs))
    out[at + 6] = this.#distance(SOLD, SOLD_WORTH, price, nowUs)
    out[at + 7] = this.#distance(BOUGHT, BOUGHT_WORTH, price, nowUs)
  }

  /** Mean price of forced orders over the present one, as a logarithm; NaN without any. */
  #distance(lots: number, worth: number, price: number, nowUs: number): number {
    const size = this.#forced.sum(lots, nowUs, this.#lookback)
    return size > 0 ? Math.log(this.#forced.sum(worth, nowUs, this.#lookback) / size / price) : Number.NaN
  }
}

function modelOf(settings: Readonly<Record<string, SettingValue>>): Model {
  const intervalUs = intervalOf(settings)
  const leverages = String(settings['leverages']).split(',').map(Number)
  const weights = String(settings['weights']).split(',').map(Number)
  const maintenanceRate = Number(settings['maintenanceRate'])
  const sum = weights.reduce((total, weight) => total + weight, 0)
  if (
    leverages.some((each) => !(each >= 1) || 1 / each <= maintenanceRate) ||
    weights.length !== leverages.length ||
    weights.some((each) => !(each >= 0)) ||
    Math.abs(sum - 1) > 1e-9
  )
    throw new GimbalError('config-invalid', 'Feature liquidation-clusters needs a share for each leverage, 1 in all', {
      leverages: String(settings['leverages']),
      weights: String(settings['weights']),
      maintenanceRate,
      leverageMax: 1 / maintenanceRate,
    })
  return {
    intervalUs,
    lookback: readStep('feature liquidation-clusters lookbackSeconds', settings['lookbackSeconds'], intervalUs, 2),
    leverages,
    weights,
    maintenanceRate,
    width: Number(settings['widthBps']) / 10_000,
    clusterShare: Number(settings['clusterShare']),
    near: Number(settings['nearBps']) / 10_000,
  }
}

export const LIQUIDATION_CLUSTERS: FeatureFamily = {
  name: 'liquidation-clusters',
  summary: 'Modelled levels of forced orders: distance and size of the nearest cluster below and above.',
  version: 1,
  settings: {
    instrument: INSTRUMENT_SETTING,
    intervalSeconds: { default: 300, min: 1e-3, max: 86_400, doc: 'Length of a cell of past trading, in seconds.' },
    lookbackSeconds: { default: '259200', doc: 'How far back positions are assumed to be held, in seconds.' },
    leverages: { default: '5,10,20,50,100', doc: 'Leverages assumed, between commas.' },
    weights: { default: '0.3,0.3,0.2,0.15,0.05', doc: 'Share of the volume at each, 1 in all.' },
    maintenanceRate: { default: 0.005, min: 0, max: 0.5, doc: 'Maintenance margin, as a fraction of the notional.' },
    widthBps: { default: 25, min: 1, max: 1000, doc: 'Width of a bucket of levels, in basis points.' },
    clusterShare: { default: 0.02, min: 1e-6, max: 1, doc: 'Least share of the volume that makes a cluster.' },
    nearBps: { default: 100, min: 1, max: 2500, doc: 'How near is near, in basis points.' },
  },
  outputs(settings) {
    modelOf(settings)
    return FIGURES
  },
  suits: (tape) => traded(tape, tape.target),
  build(settings, context) {
    const index = namedInstrument(context, settings['instrument'])
    return new LiquidationClusters(index, context.markets[index]!, modelOf(settings))
  },
}
