/** @file Forced volume by filtering all rows. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { columns, instrumentOf, rowsOf, steps, sum } from '../replayedMarket.ts'

export const liquidationFlow: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const windows = steps(settings['windowsSeconds'], intervalUs)
  const index = instrumentOf(universe, settings['instrument'], target)
  const own = rowsOf(rows, index)
  const size = universe.at(index).lots.size
  return columns(5 * windows.length, timesUs, (nowUs) => {
    const past = own.filter((row) => rows.timeUs[row]! <= nowUs)
    const outage = past.filter((row) => rows.kind[row] === Kind.OUTAGE).at(-1)
    const down = outage !== undefined && rows.value[outage] !== 0
    return windows.flatMap((count) => {
      const windowUs = count * intervalUs
      const heard = past.some((row) => rows.timeUs[row]! > nowUs - windowUs)
      const early = past.length === 0 || nowUs - rows.timeUs[past[0]!]! < windowUs / 2
      if (down || early || !heard) return new Array<number>(5).fill(Number.NaN)
      const startUs = Math.floor(nowUs / intervalUs) * intervalUs - windowUs
      const inside = past.filter((row) => rows.timeUs[row]! > startUs)
      const forced = inside.filter((row) => rows.kind[row] === Kind.LIQUIDATION)
      const lots = (list: readonly number[]) => sum(list.map((row) => rows.lots[row]!)) * size
      const sold = lots(forced.filter((row) => rows.side[row]! < 0))
      const bought = lots(forced.filter((row) => rows.side[row]! > 0))
      return [
        sold,
        bought,
        sold + bought > 0 ? (bought - sold) / (bought + sold) : Number.NaN,
        forced.length,
        lots(inside.filter((row) => rows.kind[row] === Kind.DELEVERAGING)),
      ]
    })
  })
}
