/** @file A forecaster that says what a test sets. */

import type { FeatureSetSpec } from '../../src/features/featureSet.ts'
import { schemaHash } from '../../src/features/featureSet.ts'
import type { Quantity } from '../../src/models/forecast.ts'
import type { Forecaster, ForecastSlot } from '../../src/models/forecastDesk.ts'
import { clockFeatures } from './artificialModels.ts'

export class SaidForecaster implements Forecaster {
  readonly quantity: Quantity
  readonly target: string
  readonly horizonUs: number
  readonly level = 0.9
  readonly features: FeatureSetSpec
  readonly schemaHash: string
  value: number
  outside = 0

  /** Speaks about `target` every `intervalUs`. */
  constructor(quantity: Quantity, target: string, horizonUs: number, intervalUs: number, value: number) {
    this.quantity = quantity
    this.target = target
    this.horizonUs = horizonUs
    this.value = value
    this.features = clockFeatures(target, intervalUs)
    this.schemaHash = schemaHash(this.features)
  }

  forecast(_sample: Float64Array, into: ForecastSlot): void {
    into.value = this.value
    into.low = this.value / 2
    into.high = this.value * 2
    into.outside = this.outside
  }
}
