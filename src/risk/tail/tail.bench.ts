/**
 * What it measures: what tails and systemic measures cost. Those fed live (window, live tail, health, correlation) run at every sample
 * of every market; the others when a person or a report asks.
 */

import { bench } from '../../../tests/bench.ts'
import { Random } from '../../core/random.ts'
import { Turbulence } from '../sizing.ts'
import { CorrelationRegime } from '../systemic/correlationRegime.ts'
import { LiquidationMap } from '../systemic/liquidationMap.ts'
import { symmetricEigen } from '../systemic/symmetricEigen.ts'
import { peaksOverThreshold } from './generalisedPareto.ts'
import { historicalTail } from './historicalTail.ts'
import { LiveTail } from './liveTail.ts'
import { SortedWindow } from './sortedWindow.ts'

const draws = (count: number) => {
  const random = new Random(1)
  return Float64Array.from({ length: count }, () => random.normal())
}
const figures = draws(4_096)

bench('sorted window of 500: push', [2_000, 5_000_000], (events) => {
  const window = new SortedWindow(500)
  let hash = 0
  for (let i = 0; i < events; i++) {
    window.push(figures[i & 4_095]!)
    hash = (hash + window.sorted[i % window.count]! * 1e6) | 0
  }
  return hash
})

bench('the same 500 sorted anew', [20, 50_000], (events) => {
  const ring = draws(500)
  let hash = 0
  for (let i = 0; i < events; i++) {
    ring[i % 500] = figures[i & 4_095]!
    hash = (hash + ring.slice().sort()[i % 500]! * 1e6) | 0
  }
  return hash
})

bench('live tail: a sample and four figures', [2_000, 2_000_000], (events) => {
  const live = new LiveTail({ level: 0.975, sampleUs: 1, window: 500 })
  let hash = 0
  for (let i = 0; i < events; i++) {
    live.observe(1e6 * (1 + 0.01 * figures[i & 4_095]!), i)
    const sum = live.valueAtRisk + live.expectedShortfall + live.filteredValueAtRisk + live.filteredExpectedShortfall
    if (sum > 0) hash = (hash + sum * 1e6) | 0
  }
  return hash
})

bench('peaks over threshold, 1,000 losses', [5, 5_000], (events) => {
  let hash = 0
  for (let i = 0; i < events; i++)
    hash = (hash + peaksOverThreshold(figures.subarray(i & 1_023, (i & 1_023) + 1_000), 0.99).valueAtRisk * 1e9) | 0
  return hash
})

bench('historical tail, 1,000 losses', [20, 20_000], (events) => {
  let hash = 0
  for (let i = 0; i < events; i++)
    hash = (hash + historicalTail(figures.subarray(i & 1_023, (i & 1_023) + 1_000), 0.99).expectedShortfall * 1e9) | 0
  return hash
})

bench('eigenvalues of 32 assets', [2, 1_000], (events) => {
  const matrix = Float64Array.from({ length: 1_024 }, (_, at) => (at % 33 === 0 ? 2 : 0.3 + 0.1 * figures[at]!))
  let hash = 0
  for (let i = 0; i < events; i++) {
    matrix[0] = 2 + figures[i & 4_095]! / 10
    hash = (hash + symmetricEigen(matrix).values[0]! * 1e9) | 0
  }
  return hash
})

bench('correlation regime: a sample of 8 assets', [200, 200_000], (events) => {
  const regime = new CorrelationRegime(8, { halfLife: 60, usualHalfLife: 1_000, warmup: 60 })
  const prices = new Float64Array(8).fill(100)
  let hash = 0
  for (let i = 0; i < events; i++) {
    for (let k = 0; k < 8; k++) prices[k]! *= 1 + 1e-4 * (figures[(i + 513 * k) & 4_095]! + figures[i & 4_095]!)
    regime.observe(prices)
    if (regime.absorption > 0) hash = (hash + regime.absorption * 1e9) | 0
  }
  return hash
})

bench('liquidation map: a sample', [200, 200_000], (events) => {
  const map = new LiquidationMap(86_400e6)
  let hash = 0
  for (let i = 0; i < events; i++) {
    map.observe(100 + figures[i & 4_095]!, 1e6 + 1e3 * figures[(i + 7) & 4_095]!, i * 1e7)
    hash = (hash + map.within(0.02)) | 0
  }
  return hash
})

bench('turbulence: a sample', [2_000, 5_000_000], (events) => {
  const turbulence = new Turbulence()
  let hash = 0
  for (let i = 0; i < events; i++) {
    turbulence.observe(1e5 + 100 * figures[i & 4_095]!, i * 60e6)
    hash = (hash + turbulence.probability * 1e6) | 0
  }
  return hash
})
