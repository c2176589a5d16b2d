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
  const ratio = (a: number, b: number) => (a > 0 && b > 0 ? Math.log(a / b) : Number.NaN)
  return columns(4 * windows.length, timesUs, (nowUs) => {
    const last = Math.floor(nowUs / intervalUs)
    const past = cells.volume(last, history!)
    return windows.flatMap((count) => {
      const now = cells.volume(last, count)
      const earlier = known(
        Array.from({ length: days }, (_, day) => cells.volume(last - ((day + 1) * 86_400e6) / intervalUs, count)),
      )
      return [
        now * universe.at(index).lots.size,
        ratio(now * universe.at(index).lots.size, 1),
        ratio(now, (past * count) / history!),
        2 * earlier.length >= days ? ratio(now, mean(earlier)) : Number.NaN,
      ]
    })
  })
}
