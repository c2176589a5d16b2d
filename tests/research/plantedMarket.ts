/** @file Datasets in which it is known what can be forecast, made without a tape: for tests of everything that judges forecasts. */

import { Random } from '../../src/core/random.ts'
import { completeDataset, type Dataset } from '../../src/research/dataset.ts'

export interface PlantedMarket {
  readonly seed: number
  readonly samples: number
  /**
   * How much of the coming block's log variance a column tells: 0, the variance is the same at every moment and nothing can be
   * forecast; 1, log variances are drawn anew for every block, with deviation 1, and one column knows the next.
   */
  readonly told: 0 | 1
  /** Columns of noise beside it. */
  readonly noise?: number
}

/** Steps of a block: samples are taken at the beginning of each, and the horizon of the question is one. */
export const BLOCK_STEPS = 10
export const STEP_US = 1e6
export const HORIZON_US = BLOCK_STEPS * STEP_US
export const START_US = Date.UTC(2025, 0, 1) * 1000

/** Steps of one second, samples every ten; the past says nothing of the future in either market. */
export function plantedMarket({ seed, samples, told, noise = 3 }: PlantedMarket): Dataset {
  const random = new Random(seed).fork('planted')
  const points = (samples + 1) * BLOCK_STEPS + 1
  const column = () => new Float64Array(samples)
  const next = column()
  const others = Array.from({ length: noise }, () => column().map(() => random.normal()))
  const price = new Float64Array(points)
  const volume = new Float64Array(points)
  let log = Math.log(1000)
  price[0] = 1000
  let level = 0
  for (let i = 1; i < points; i++) {
    if ((i - 1) % BLOCK_STEPS === 0) {
      level = told * random.normal()
      const sample = (i - 1) / BLOCK_STEPS
      // Where nothing is told the column is noise, too.
      if (sample < samples) next[sample] = told === 1 ? level : random.normal()
    }
    log += 1e-4 * Math.exp(level / 2) * random.normal()
    price[i] = Math.exp(log)
    volume[i] = volume[i - 1]! + random.exponential(1)
  }
  const zeros = new Float64Array(points)
  return completeDataset({
    features: {
      target: 'PLANTED-USD-PERP@nowhere',
      sampling: { every: 'time', intervalUs: HORIZON_US },
      normaliseOver: 0,
      features: [],
    },
    schemaHash: 'p'.repeat(64),
    timesUs: column().map((_, i) => START_US + i * HORIZON_US),
    table: { rows: samples, names: ['next', ...others.map((_, i) => `noise-${i}`)], columns: [next, ...others] },
    path: {
      startUs: START_US,
      stepUs: STEP_US,
      points,
      price,
      buyVolume: volume,
      sellVolume: volume,
      spread: zeros.fill(1e-4),
      depth: new Float64Array(points).fill(100),
      funding: new Float64Array(points),
    },
    source: { kind: 'synthetic', name: 'planted', dataHash: `planted ${seed}`, rows: 0 },
  })
}
