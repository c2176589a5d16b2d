/** @file Open interest from the list of what was published. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { CellHistory, columns, instrumentOf, known, mean, PriceHistory, steps } from '../replayedMarket.ts'

export const openInterest: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const windows = steps(settings['windowsSeconds'], intervalUs)
  const [history] = steps(settings['historySeconds'], intervalUs)
  const index = instrumentOf(universe, settings['instrument'], target)
  const silenceUs = Number(settings['silenceSeconds']) * 1e6
  const interest = new PriceHistory(rows, index, intervalUs, Kind.OPEN_INTEREST, silenceUs)
  const cells = new CellHistory(rows, index, intervalUs)
  return columns(1 + 3 * windows.length, timesUs, (nowUs) => {
    const last = interest.pointAt(nowUs)
    const now = interest.value(last)
    const values = known(Array.from({ length: history! }, (_, i) => interest.value(last - i)))
    const moves = known(interest.returns(last, history!))
    const step = 2 * moves.length >= history! ? Math.sqrt(mean(moves.map((x) => x * x))) : Number.NaN
    return [
      2 * values.length >= history! ? Math.log(now / mean(values)) : Number.NaN,
      ...windows.flatMap((count) => {
        const change = interest.change(last - count, last)
        const volume = cells.volume(last, count)
        return [
          change,
          !Number.isNaN(change) && volume > 0 ? (now - interest.value(last - count)) / volume : Number.NaN,
          step > 0 ? change / (step * Math.sqrt(count)) : Number.NaN,
        ]
      }),
    ]
  })
}
