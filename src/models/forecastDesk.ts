/**
 * @file The desk: runs forecasters inside the engine, on the same features they were trained on.
 *
 * Forecasters that were trained on the same features share one running set of them. Whoever feeds the desk calls, for every
 * row: `sampleDue` for what lies before it, then applies the row to the markets, then `onRow`. Both return true when there
 * is something new in {@link fresh}.
 */

import { GimbalError } from '../core/errors.ts'
import { FeatureSet, type FeatureSetSpec, schemaHash } from '../features/featureSet.ts'
import type { Universe } from '../market/instrument.ts'
import type { MarketState } from '../market/marketState.ts'
import type { TapeBatch } from '../market/tape.ts'
import type { Forecast, Forecasts, Quantity } from './forecast.ts'

/** A forecast as its forecaster overwrites it. */
export interface ForecastSlot extends Forecast {
  timeUs: number
  value: number
  low: number
  high: number
  outside: number
}

/** What the desk runs: a model with everything that says what it is about. */
export interface Forecaster {
  /** For messages. */
  readonly name?: string
  readonly quantity: Quantity
  /** Instrument id. */
  readonly target: string
  readonly horizonUs: number
  /** Probability its interval is calibrated for. */
  readonly level: number
  readonly features: FeatureSetSpec
  /** Of the features it was trained on. */
  readonly schemaHash: string
  /** Writes value, low, high and outside for one sample, that of `into.timeUs`; allocates nothing. */
  forecast(sample: Float64Array, into: ForecastSlot): void
}

interface Group {
  readonly set: FeatureSet
  readonly forecasters: readonly Forecaster[]
  readonly slots: readonly ForecastSlot[]
}

/** Of two that forecast the same, policies would hear one and the other would be given for nothing. */
function requireDistinct(forecasters: readonly Forecaster[]): void {
  const named = forecasters.map(({ name }, index) => name ?? `model ${index + 1}`)
  for (const [index, { quantity, target, horizonUs }] of forecasters.entries()) {
    const first = forecasters.findIndex(
      (other) => other.quantity === quantity && other.target === target && other.horizonUs === horizonUs,
    )
    if (first === index) continue
    throw new GimbalError('config-invalid', 'Two models of a run forecast the same: give it one of them', {
      first: named[first]!,
      second: named[index]!,
      quantity,
      target,
      horizonSeconds: horizonUs / 1e6,
    })
  }
}

export class ForecastDesk implements Forecasts {
  readonly #groups: readonly Group[]
  readonly #slots: readonly ForecastSlot[]
  /** Forecasts made by the last call that returned true; overwritten by the next. */
  readonly fresh: ForecastSlot[] = []
  /** Earliest moment at which {@link sampleDue} has something to do; infinite while all wait for events. */
  dueUs = Number.POSITIVE_INFINITY

  /**
   * @throws {GimbalError} `schema-mismatch` when this version would compute other features than a forecaster was trained
   *   on; `config-invalid` when two forecast the same; `instrument-unknown`.
   */
  constructor(forecasters: readonly Forecaster[], universe: Universe, markets: readonly MarketState[]) {
    requireDistinct(forecasters)
    const bySchema = new Map<string, Forecaster[]>()
    for (const forecaster of forecasters) {
      const computed = schemaHash(forecaster.features)
      if (computed !== forecaster.schemaHash)
        throw new GimbalError('schema-mismatch', 'A model was trained on features this version no longer computes', {
          target: forecaster.target,
          trainedOn: forecaster.schemaHash,
          computed,
          remedy: 'train it again',
        })
      const group = bySchema.get(computed) ?? []
      bySchema.set(computed, group)
      group.push(forecaster)
    }
    this.#groups = [...bySchema.values()].map((members) => {
      const set = new FeatureSet(members[0]!.features, universe, markets)
      const slots = members.map((member) => ({
        model: forecasters.indexOf(member),
        quantity: member.quantity,
        instrument: universe.index(member.target),
        horizonUs: member.horizonUs,
        level: member.level,
        timeUs: Number.NEGATIVE_INFINITY,
        value: Number.NaN,
        low: Number.NaN,
        high: Number.NaN,
        outside: Number.NaN,
      }))
      return { set, forecasters: members, slots }
    })
    this.#slots = this.#groups.flatMap(({ slots }) => slots)
    this.#plan()
  }

  latest(quantity: Quantity, instrument: number, horizonUs: number): Forecast | undefined {
    let best: ForecastSlot | undefined
    let distance = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#slots.length; i++) {
      const slot = this.#slots[i]!
      if (slot.quantity !== quantity || slot.instrument !== instrument) continue
      const away = Math.abs(Math.log(slot.horizonUs / horizonUs))
      if (away < distance) {
        best = slot
        distance = away
      }
    }
    return best
  }

  /** Everything up to `heardUs` has been heard and the next row lies later: takes the samples that are due. */
  sampleDue(heardUs: number): boolean {
    if (!(this.dueUs <= heardUs)) return false
    this.fresh.length = 0
    for (let i = 0; i < this.#groups.length; i++) {
      const group = this.#groups[i]!
      // Of several samples missed in a silence only the last says something about now.
      let taken = false
      while (group.set.sampleDue(heardUs)) taken = true
      if (taken) this.#forecast(group)
    }
    this.#plan()
    return true
  }

  /** A row, already applied to the markets. */
  onRow(batch: TapeBatch, row: number, instrument: number, timeUs: number): boolean {
    let any = false
    for (let i = 0; i < this.#groups.length; i++) {
      const group = this.#groups[i]!
      if (!group.set.onRow(batch, row, instrument, timeUs)) continue
      if (!any) this.fresh.length = 0
      any = true
      this.#forecast(group)
    }
    if (any || this.dueUs === Number.POSITIVE_INFINITY) this.#plan()
    return any
  }

  #forecast({ set, forecasters, slots }: Group): void {
    for (let i = 0; i < forecasters.length; i++) {
      const slot = slots[i]!
      slot.timeUs = set.sampledUs
      forecasters[i]!.forecast(set.values, slot)
      this.fresh.push(slot)
    }
  }

  #plan(): void {
    let due = Number.POSITIVE_INFINITY
    for (let i = 0; i < this.#groups.length; i++) due = Math.min(due, this.#groups[i]!.set.sampler.dueUs)
    this.dueUs = due
  }
}
