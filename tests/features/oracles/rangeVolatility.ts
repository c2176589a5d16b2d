/** @file Range estimators over lists of bars. */

import type { Oracle } from '../oracle.ts'
import { type Cell, CellHistory, columns, instrumentOf, mean, steps, sum } from '../replayedMarket.ts'

const variance = (figures: readonly number[]) =>
  sum(figures.map((each) => (each - mean(figures)) ** 2)) / (figures.length - 1)
const satchell = ({ open: o, high: h, low: l, close: c }: Cell) =>
  Math.log(h / c) * Math.log(h / o) + Math.log(l / c) * Math.log(l / o)

export const rangeVolatility: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const windows = steps(settings['windowsSeconds'], intervalUs)
  const cells = new CellHistory(rows, instrumentOf(universe, settings['instrument'], target), intervalUs)
  return columns(4 * windows.length, timesUs, (nowUs) => {
    const last = Math.floor(nowUs / intervalUs)
    return windows.flatMap((count) => {
      const all = Array.from({ length: count + 1 }, (_, i) => cells.at(last - count + i))
      const bars = all.slice(1).filter((each) => each !== undefined && each.open > 0) as Cell[]
      const pairs = all
        .slice(1)
        .map((bar, i) => [all[i], bar] as const)
        .filter(([before, bar]) => before && bar && before.close > 0 && bar.open > 0) as [Cell, Cell][]
      const average = (f: (bar: Cell) => number) =>
        2 * bars.length >= count ? (sum(bars.map(f)) * count) / bars.length : Number.NaN
      const n = pairs.length
      const k = 0.34 / (1.34 + (n + 1) / (n - 1))
      const yangZhang =
        variance(pairs.map(([before, bar]) => Math.log(bar.open / before.close))) +
        k * variance(pairs.map(([, bar]) => Math.log(bar.close / bar.open))) +
        (1 - k) * mean(pairs.map(([, bar]) => satchell(bar)))
      return [
        average(({ high, low }) => Math.log(high / low) ** 2 / (4 * Math.log(2))),
        average(
          ({ open, high, low, close }) =>
            0.5 * Math.log(high / low) ** 2 - (2 * Math.log(2) - 1) * Math.log(close / open) ** 2,
        ),
        average(satchell),
        2 * n >= count && n >= 2 ? count * yangZhang : Number.NaN,
      ]
    })
  })
}
