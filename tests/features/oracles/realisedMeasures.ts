/** @file Realised measures as their papers write them: sums of products over slices of the array of returns. */

import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, known, PriceHistory, steps, sum } from '../replayedMarket.ts'

/** E|z|^p of a standard normal z by Lanczos's gamma function of (p + 1)/2. */
const MU1 = Math.sqrt(2 / Math.PI)
/** 2^(2/3) Γ(7/6)/Γ(1/2) in decimals. */
const MU43 = 0.830860925029559

/** Σ over runs of `width` known neighbours of f, times n over the number of runs. */
function tuples(returns: readonly number[], width: number, f: (run: number[]) => number): number {
  const values: number[] = []
  for (let i = width; i <= returns.length; i++) {
    const run = returns.slice(i - width, i)
    if (known(run).length === width) values.push(f(run.map(Math.abs)))
  }
  return values.length === 0 ? Number.NaN : (sum(values) * known(returns).length) / values.length
}

export const realisedMeasures: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const windows = steps(settings['windowsSeconds'], intervalUs)
  const price = new PriceHistory(rows, instrumentOf(universe, settings['instrument'], target), intervalUs)
  return columns(12 * windows.length, timesUs, (nowUs) =>
    windows.flatMap((count) => {
      const all = price.returns(price.pointAt(nowUs), count)
      const r = known(all)
      const n = r.length
      if (2 * n < count) return new Array<number>(12).fill(Number.NaN)
      const scale = count / n
      const rv = sum(r.map((x) => x ** 2))
      const bv = tuples(all, 2, ([a, b]) => a! * b!) / MU1 ** 2
      const tq = n * tuples(all, 3, ([a, b, c]) => (a! * b! * c!) ** (4 / 3)) * MU43 ** -3
      const med = tuples(all, 3, (run) => run.toSorted((x, y) => x - y)[1]! ** 2)
      const min = tuples(all, 2, (run) => Math.min(...run) ** 2)
      const z = (Math.sqrt(n) * (rv - bv)) / rv / Math.sqrt((MU1 ** -4 + 2 * MU1 ** -2 - 5) * Math.max(1, tq / bv ** 2))
      const still = rv === 0
      return [
        scale * rv,
        scale * bv,
        (scale * med * Math.PI) / (6 - 4 * Math.sqrt(3) + Math.PI),
        (scale * min * Math.PI) / (Math.PI - 2),
        still ? Number.NaN : Math.max(0, 1 - bv / rv),
        still || !(bv > 0) ? Number.NaN : z,
        scale ** 2 * tq,
        (scale ** 2 * n * sum(r.map((x) => x ** 4))) / 3,
        scale * sum(r.filter((x) => x > 0).map((x) => x ** 2)),
        scale * sum(r.filter((x) => x < 0).map((x) => x ** 2)),
        still ? Number.NaN : (Math.sqrt(n) * sum(r.map((x) => x ** 3))) / rv ** 1.5,
        still ? Number.NaN : (n * sum(r.map((x) => x ** 4))) / rv ** 2,
      ]
    }),
  )
}
