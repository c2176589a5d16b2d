/** @file Volumes of lists of cells. */

import type { Oracle } from '../oracle.ts'
import { CellHistory, columns, instrumentOf, known, mean, steps } from '../replayedMarket.ts'

export const volume: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const windows = steps(settings['windowsSeconds'], intervalUs)
  const [history] = steps(settings['historySeconds'], intervalUs)
  const days = Number(settings['profileDays'])
  const index = instrumentOf(universe, settings['instrument'], target)
  const cells = new CellHistory(rows, index, intervalUs)
  const { inverse, lots, ticks, spec } = universe.at(index)
  const face = lots.size * Number(spec.multiplier)
  const money = (last: number, count: number) =>
    inverse ? cells.volume(last, count) * face : cells.turnover(last, count) * face * ticks.size
  const ratio = (a: number, b: number) => (a > 0 && b > 0 ? Math.log(a / b) : Number.NaN)
  return columns(4 * windows.length, timesUs, (nowUs) => {
    const last = Math.floor(nowUs / intervalUs)
    const past = money(last, history!)
    return windows.flatMap((count) => {
      const now = money(last, count)
      const earlier = known(
        Array.from({ length: days }, (_, day) => money(last - ((day + 1) * 86_400e6) / intervalUs, count)),
      )
      return [
        now,
        ratio(now, 1),
        ratio(now, (past * count) / history!),
        2 * earlier.length >= days ? ratio(now, mean(earlier)) : Number.NaN,
      ]
    })
  })
}
