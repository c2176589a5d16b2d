/** @file Correlations of lists of returns; the largest eigenvalue by squaring the matrix until only its direction is left. */

import type { Oracle } from '../oracle.ts'
import { columns, known, mean, othersOf, PriceHistory, steps, sum } from '../replayedMarket.ts'

const product = (a: number[][], b: number[][]) =>
  a.map((row) => b[0]!.map((_, j) => sum(row.map((each, k) => each * b[k]![j]!))))
const trace = (a: number[][]) => sum(a.map((row, i) => row[i]!))

function largestEigenvalue(matrix: number[][]): number {
  // Moved by its size, every eigenvalue is positive and the largest stays the largest.
  const shift = matrix.length
  const moved = matrix.map((row, i) => row.map((each, j) => each + (i === j ? shift : 0)))
  let power = moved
  for (let i = 0; i < 60; i++) {
    const scale = trace(power)
    power = power.map((row) => row.map((each) => each / scale))
    power = product(power, power)
  }
  return trace(product(matrix, power)) / trace(power)
}

function correlation(x: readonly number[], y: readonly number[]): number {
  const both = x.map((_, i) => i).filter((i) => !Number.isNaN(x[i]! + y[i]!))
  const of = (a: readonly number[], b: readonly number[]) => sum(both.map((i) => a[i]! * b[i]!))
  const scale = of(x, x) > 0 && of(y, y) > 0 ? Math.sqrt(of(x, x) * of(y, y)) : Number.NaN
  return of(x, y) / scale
}

export const correlationState: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const windows = steps(settings['windowsSeconds'], intervalUs)
  const instruments = [target, ...othersOf(universe, settings['others'], target)]
  const prices = instruments.map((instrument) => new PriceHistory(rows, instrument, intervalUs))
  return columns(3 * windows.length, timesUs, (nowUs) =>
    windows.flatMap((count) => {
      const all = prices.map((price) => price.returns(price.pointAt(nowUs), count))
      const takesPart = (r: readonly number[]) => 2 * known(r).length >= count && known(r).some((each) => each !== 0)
      const present = all.filter(takesPart)
      const matrix = present.map((x, i) => present.map((y, j) => (i === j ? 1 : correlation(x, y))))
      const pairs = matrix.flatMap((row, i) => row.slice(i + 1))
      if (present.length < 2 || known(pairs).length < pairs.length) return [Number.NaN, Number.NaN, Number.NaN]
      return [
        mean(pairs),
        takesPart(all[0]!) ? mean(matrix[0]!.slice(1)) : Number.NaN,
        largestEigenvalue(matrix) / present.length,
      ]
    }),
  )
}
