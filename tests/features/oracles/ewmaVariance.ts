/** @file Exponentially weighted variance as a weighted mean over all returns there ever were. */

import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, PriceHistory, rowsOf } from '../replayedMarket.ts'

export const ewmaVariance: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const lambdas = String(settings['lambdas']).split(',').map(Number)
  const instrument = instrumentOf(universe, settings['instrument'], target)
  const price = new PriceHistory(rows, instrument, intervalUs)
  const own = rowsOf(rows, instrument)
  const first = own.length === 0 ? 0 : Math.floor(rows.timeUs[own[0]!]! / intervalUs)
  return columns(lambdas.length, timesUs, (nowUs) => {
    const last = price.pointAt(nowUs)
    return lambdas.map((lambda) => {
      // Rounding of 1 − λ must not ask for one return more: 1 / (1 − 0.5) is 2.
      const memory = Math.ceil(1 / (1 - lambda) - 1e-9)
      const found: [point: number, square: number][] = []
      // What is older than 2000 memories weighs less than any double can show.
      for (let point = last; point > first && found.length < 2000 * memory; point--) {
        const change = price.change(point - 1, point)
        if (!Number.isNaN(change)) found.push([point, change * change])
      }
      if (found.length < memory || last - found[0]![0] >= memory) return Number.NaN
      let squares = 0
      let weights = 0
      for (const [i, [, square]] of found.entries()) {
        squares += lambda ** i * square
        weights += lambda ** i
      }
      return squares / weights
    })
  })
}
