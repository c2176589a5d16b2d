/** @file The model of liquidation levels played forwards: positions are opened cell by cell, and forced out by later cells. */

import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { CellHistory, columns, instrumentOf, PriceHistory, rowsOf, steps, sum } from '../replayedMarket.ts'

export const liquidationClusters: Oracle = ({ rows, universe, target, settings, timesUs }) => {
  const intervalUs = Number(settings['intervalSeconds']) * 1e6
  const [lookback] = steps(settings['lookbackSeconds'], intervalUs)
  const leverages = String(settings['leverages']).split(',').map(Number)
  const weights = String(settings['weights']).split(',').map(Number)
  const rate = Number(settings['maintenanceRate'])
  const width = Number(settings['widthBps']) / 1e4
  const near = Number(settings['nearBps']) / 1e4
  const least = Number(settings['clusterShare'])
  const index = instrumentOf(universe, settings['instrument'], target)
  const price = new PriceHistory(rows, index, intervalUs)
  const cells = new CellHistory(rows, index, intervalUs)
  const forced = rowsOf(rows, index).filter((row) => rows.kind[row] === Kind.LIQUIDATION)
  return columns(8, timesUs, (nowUs) => {
    const last = Math.floor(nowUs / intervalUs)
    const now = price.value(last)
    const total = cells.volume(last, lookback!)
    if (!(now > 0) || !(total > 0)) return new Array<number>(8).fill(Number.NaN)
    const sides = [1, -1].flatMap((side) => {
      let open: { level: number; volume: number }[] = []
      for (let cell = last - lookback! + 1; cell <= last; cell++) {
        const bar = cells.at(cell)
        if (!bar || !(bar.low > 0)) continue
        open = open.filter(({ level }) => (side > 0 ? level < bar.low : level > bar.high))
        const entry = (bar.high + bar.low + bar.close) / 3
        for (const [i, leverage] of leverages.entries())
          open.push({ level: entry * (1 - side * (1 / leverage - rate)), volume: bar.lots * weights[i]! })
      }
      open = open.filter(({ level }) => (side > 0 ? level < now : level > now))
      const buckets = new Map<number, { distance: number; volume: number }[]>()
      let close = 0
      for (const { level, volume } of open) {
        const distance = Math.abs(Math.log(level / now))
        const bucket = Math.floor(distance / width)
        if (bucket >= Math.ceil(0.25 / width)) continue
        if (distance <= near) close += volume
        if (!buckets.has(bucket)) buckets.set(bucket, [])
        buckets.get(bucket)!.push({ distance, volume })
      }
      const found = [...buckets.keys()]
        .sort((a, b) => a - b)
        .map((bucket) => buckets.get(bucket)!)
        .find((list) => sum(list.map(({ volume }) => volume)) >= least * total)
      const size = found ? sum(found.map(({ volume }) => volume)) : 0
      const moment = found ? sum(found.map(({ volume, distance }) => volume * distance)) : Number.NaN
      return [found ? moment / size : Number.NaN, size / total, close / total]
    })
    const from = Math.floor(nowUs / intervalUs) * intervalUs - lookback! * intervalUs
    const averages = [-1, 1].map((side) => {
      const list = forced.filter(
        (row) => rows.timeUs[row]! > from && rows.timeUs[row]! <= nowUs && Math.sign(rows.side[row]!) === side,
      )
      const lots = sum(list.map((row) => rows.lots[row]!))
      return lots > 0 ? Math.log(sum(list.map((row) => rows.lots[row]! * rows.tick[row]!)) / lots / now) : Number.NaN
    })
    return [...sides, ...averages]
  })
}
