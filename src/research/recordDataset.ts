/** @file Recording a dataset: one pass over a tape, features by the code the engine runs, and the target's path beside them. */

import { GimbalError } from '../core/errors.ts'
import { ClockedPrice } from '../features/clockedPrice.ts'
import { FeatureSet, type FeatureSetSpec } from '../features/featureSet.ts'
import { ASK, BID, isLevel } from '../market/book.ts'
import { quoteWorth, type Universe } from '../market/instrument.ts'
import { MarketState } from '../market/marketState.ts'
import { Flag, Kind, type MergedTape, type TapeBatch } from '../market/tape.ts'
import { completeDataset, type Dataset, type DatasetSource, type TargetPath } from './dataset.ts'

/** What to record. */
export interface RecordPlan {
  readonly features: FeatureSetSpec
  /** Step of the target's path. Labels are made of whole steps, so the horizon should be many of them. */
  readonly stepUs: number
  readonly source: DatasetSource
}

/** Records a dataset a stretch at a time, so that the caller can listen to the world in between. */
export class DatasetRecorder {
  rows = 0
  readonly #plan: RecordPlan
  readonly #tape: MergedTape
  readonly #markets: readonly MarketState[]
  readonly #set: FeatureSet
  readonly #path: PathRecorder
  readonly #samples: GrowingColumns
  readonly #untilUs: number
  #heardUs = Number.NEGATIVE_INFINITY

  /**
   * @param untilUs Rows later than this are not heard; what is due by then is still looked at.
   * @throws {GimbalError} `config-invalid`, `instrument-unknown`.
   */
  constructor(plan: RecordPlan, universe: Universe, received: MergedTape, untilUs = Number.POSITIVE_INFINITY) {
    this.#plan = plan
    this.#untilUs = untilUs
    this.#tape = received
    this.#markets = universe.instruments.map((instrument) => new MarketState(instrument))
    this.#set = new FeatureSet(plan.features, universe, this.#markets)
    this.#path = new PathRecorder(this.#markets[this.#set.target]!, plan.stepUs)
    this.#samples = new GrowingColumns(1 + this.#set.names.length)
  }

  /** Time of the last row heard. */
  get timeUs(): number {
    return this.#heardUs
  }

  /** Reads up to `rowsMax` rows; false at the end of the tape. */
  run(rowsMax: number): boolean {
    const tape = this.#tape
    const set = this.#set
    const path = this.#path
    const markets = this.#markets
    const target = set.target
    for (let left = rowsMax; left > 0; left--) {
      if (!tape.advance()) return false
      const { timeUs, batch, row, instrument } = tape
      if (timeUs > this.#untilUs) {
        this.#heardUs = this.#untilUs
        return false
      }
      // Whatever is due before this row was heard is looked at before it is heard.
      path.advance(timeUs - 1)
      while (set.sampleDue(timeUs - 1)) this.#keep()
      this.#heardUs = timeUs
      markets[instrument]!.apply(batch, row, timeUs)
      if (instrument === target) path.onRow(batch, row, timeUs)
      if (set.onRow(batch, row, instrument, timeUs)) this.#keep()
      this.rows++
    }
    return true
  }

  /** @throws {GimbalError} `catalog-empty` when the tape was too short for a single sample. */
  finish(): Dataset {
    const { features, source, stepUs } = this.#plan
    // What is due at the very last moment: everything of it has been heard.
    this.#path.advance(this.#heardUs)
    while (this.#set.sampleDue(this.#heardUs)) this.#keep()
    const [timesUs, ...columns] = this.#samples.columns()
    if (timesUs!.length === 0)
      throw new GimbalError('catalog-empty', 'The tape holds no sample: it is shorter than the sampling interval', {
        rows: this.rows,
        sampling: JSON.stringify(features.sampling),
      })
    return completeDataset({
      features,
      schemaHash: this.#set.schemaHash,
      timesUs: timesUs!,
      table: { rows: timesUs!.length, names: this.#set.names, columns },
      path: this.#path.finish(stepUs),
      source: { ...source, rows: this.rows },
    })
  }

  #keep(): void {
    this.#samples.push(this.#set.sampledUs, this.#set.values)
  }
}

/** Records a whole tape at once. @throws as {@link DatasetRecorder}. */
export function recordDataset(plan: RecordPlan, universe: Universe, received: MergedTape): Dataset {
  const recorder = new DatasetRecorder(plan, universe, received)
  while (recorder.run(1 << 20));
  return recorder.finish()
}

/** Depth within this share of the mid counts as displayed. */
const DEPTH_SHARE = 0.001

/** The target's price, volumes and liquidity on a grid. */
class PathRecorder {
  readonly #market: MarketState
  readonly #stepUs: number
  readonly #points = new GrowingColumns(6)
  readonly #point = new Float64Array(5)
  #startUs = Number.NaN
  #dueUs = Number.NEGATIVE_INFINITY
  #buyVolume = 0
  #sellVolume = 0
  #funding = 0
  /** Since the last point: traded by side, in bars, and how much time those bars cover. */
  #stepBuys = 0
  #stepSells = 0
  #stepBars = 0
  #stepCoveredUs = 0
  /** The rules by which features trust a price: what is learnt and what is learnt from must be the same quantity. */
  readonly #price: ClockedPrice

  constructor(market: MarketState, stepUs: number) {
    if (!(stepUs > 0) || !Number.isSafeInteger(stepUs))
      throw new GimbalError('config-invalid', 'The path’s step is a whole number of microseconds above 0', { stepUs })
    this.#market = market
    this.#stepUs = stepUs
    this.#price = new ClockedPrice(market, stepUs, 1)
  }

  /** Everything up to `heardUs` has been heard: writes the points that are due. */
  advance(heardUs: number): void {
    while (this.#dueUs <= heardUs && this.#dueUs > Number.NEGATIVE_INFINITY) this.#write()
  }

  onRow(batch: TapeBatch, row: number, timeUs: number): void {
    if (Number.isNaN(this.#startUs)) {
      this.#startUs = Math.ceil(timeUs / this.#stepUs) * this.#stepUs
      this.#dueUs = this.#startUs
    }
    this.#price.onRow(batch, row, timeUs)
    const kind = batch.kind[row]!
    if (kind === Kind.TRADE) {
      const worth = quoteWorth(this.#market.instrument, batch.tick[row]!, batch.lots[row]!)
      const side = batch.side[row]!
      this.#stepBuys += side > 0 ? worth : side < 0 ? 0 : worth / 2
      this.#stepSells += side < 0 ? worth : side > 0 ? 0 : worth / 2
    } else if (kind === Kind.BAR_CLOSE) {
      this.#stepBars += quoteWorth(this.#market.instrument, batch.tick[row]!, batch.lots[row]!)
      this.#stepCoveredUs += batch.value[row]!
    } else if (kind === Kind.FUNDING && (batch.flags[row]! & Flag.SUSPECT) === 0) this.#funding += batch.value[row]!
  }

  finish(stepUs: number): TargetPath {
    const [price, buyVolume, sellVolume, spread, depth, funding] = this.#points.columns()
    return {
      startUs: Number.isNaN(this.#startUs) ? 0 : this.#startUs,
      stepUs,
      points: price!.length,
      price: price!,
      buyVolume: buyVolume!,
      sellVolume: sellVolume!,
      spread: spread!,
      depth: depth!,
      funding: funding!,
    }
  }

  #write(): void {
    const market = this.#market
    const point = this.#point
    // Recordings may hold a step twice, as trades and as bars; bars that do not fill the step say nothing of it.
    const barred = this.#stepCoveredUs === this.#stepUs
    this.#buyVolume += barred ? this.#stepBars / 2 : this.#stepBuys
    this.#sellVolume += barred ? this.#stepBars / 2 : this.#stepSells
    this.#stepBuys = this.#stepSells = this.#stepBars = this.#stepCoveredUs = 0
    point[0] = this.#buyVolume
    point[1] = this.#sellVolume
    point[2] = market.quoted ? (2 * (market.bestAsk - market.bestBid)) / (market.bestAsk + market.bestBid) : Number.NaN
    point[3] = market.quoted && market.hasBook ? displayedDepth(market) : Number.NaN
    point[4] = this.#funding
    this.#points.push(this.#price.valueAt(this.#dueUs / this.#stepUs) * market.instrument.ticks.size, point)
    this.#dueUs += this.#stepUs
  }
}

function displayedDepth(market: MarketState): number {
  const { book, instrument } = market
  const mid = book.midTick
  let worth = 0
  for (let tick = book.bestBid; isLevel(BID, tick) && tick >= mid * (1 - DEPTH_SHARE); tick = book.nextTick(BID, tick))
    worth += quoteWorth(instrument, tick, book.lotsAt(BID, tick))
  for (let tick = book.bestAsk; isLevel(ASK, tick) && tick <= mid * (1 + DEPTH_SHARE); tick = book.nextTick(ASK, tick))
    worth += quoteWorth(instrument, tick, book.lotsAt(ASK, tick))
  return worth
}

/** Columns that grow together. */
class GrowingColumns {
  #columns: Float64Array[]
  #count = 0

  constructor(columns: number) {
    this.#columns = Array.from({ length: columns }, () => new Float64Array(1024))
  }

  push(first: number, rest: Float64Array): void {
    const at = this.#count++
    if (at === this.#columns[0]!.length) this.#grow()
    this.#columns[0]![at] = first
    for (let i = 0; i < rest.length; i++) this.#columns[i + 1]![at] = rest[i]!
  }

  columns(): Float64Array[] {
    return this.#columns.map((column) => column.slice(0, this.#count))
  }

  #grow(): void {
    this.#columns = this.#columns.map((column) => {
      const longer = new Float64Array(2 * column.length)
      longer.set(column)
      return longer
    })
  }
}
