/** @file VPIN from the list of all trades: bucket sizes, bars and deviations made afresh, volume laid
 * end to end and cut. */

import { normalCdf } from '../../../src/core/errorFunction.ts'
import { Kind } from '../../../src/market/tape.ts'
import type { Oracle } from '../oracle.ts'
import { momentAt } from './replica.ts'

interface Trade {
  readonly timeUs: number
  readonly side: number
  readonly tick: number
  readonly lots: number
  /** Breaks before it. */
  readonly breaks: number
}
/** Volume that leans one way, and the size of the buckets it opens. */
interface Volume {
  readonly timeUs: number
  readonly lots: number
  readonly lean: number
  readonly size: number
}

export const vpin: Oracle = ({ rows, target, settings, timesUs }) => {
  const number = (name: string) => Number(settings[name])
  const trades: Trade[] = []
  const breakTimes: number[] = []
  const outages: { timeUs: number; down: boolean }[] = []
  for (let row = 0; row < rows.count; row++) {
    if (rows.instrument[row] !== target) continue
    const timeUs = rows.timeUs[row]!
    const kind = rows.kind[row]!
    if (kind === Kind.TRADE)
      trades.push({
        timeUs,
        side: rows.side[row]!,
        tick: rows.tick[row]!,
        lots: rows.lots[row]!,
        breaks: breakTimes.length,
      })
    if (kind === Kind.GAP || kind === Kind.OUTAGE) breakTimes.push(timeUs)
    if (kind === Kind.OUTAGE) outages.push({ timeUs, down: rows.value[row] !== 0 })
  }
  const rate = Math.log(2) / (number('halfLifeSeconds') * 1e6)
  // Weights are counted from the first trade, so that one running sum serves every moment.
  const grown = (timeUs: number) => Math.exp(rate * (timeUs - trades[0]!.timeUs))
  let lotsSoFar = 0
  const sizes = trades.map(({ timeUs, lots }) => {
    lotsSoFar += lots * grown(timeUs)
    if (number('bucketLots') > 0) return number('bucketLots')
    const watched = timeUs - trades[0]!.timeUs
    if (watched < number('learnSeconds') * 1e6) return Number.NaN
    const mean = lotsSoFar / grown(timeUs) / ((1 - Math.exp(-rate * watched)) / rate)
    return Math.max(1, Math.round(mean * number('bucketSeconds') * 1e6))
  })
  const bySide: Volume[] = trades.map(({ timeUs, lots, side }, i) => ({ timeUs, lots, lean: side, size: sizes[i]! }))

  // Bars: trades of one interval with no break between them.
  const barUs = number('barSeconds') * 1e6
  const bars: { first: number; last: number }[] = []
  const barOf = (i: number) => Math.floor(trades[i]!.timeUs / barUs)
  for (const [i, trade] of trades.entries()) {
    const together = i > 0 && barOf(i) === barOf(i - 1) && trades[i - 1]!.breaks === trade.breaks
    if (together) bars[bars.length - 1] = { first: bars.at(-1)!.first, last: i }
    else bars.push({ first: i, last: i })
  }
  let squares = 0
  let weight = 0
  const bulk: Volume[] = bars.map(({ first, last }) => {
    const [opened, closed] = [trades[first]!, trades[last]!]
    const before = trades[first - 1]
    const change = closed.tick - (before && before.breaks === opened.breaks ? before.tick : opened.tick)
    const w = Math.exp(rate * barUs * (barOf(last) - barOf(0)))
    squares += w * change ** 2
    weight += w
    return {
      timeUs: Math.min(
        breakTimes[closed.breaks] ?? Number.POSITIVE_INFINITY,
        trades[last + 1]?.timeUs ?? Number.POSITIVE_INFINITY,
      ),
      lots: trades.slice(first, last + 1).reduce((sum, each) => sum + each.lots, 0),
      lean: squares > 0 ? 2 * normalCdf(change / Math.sqrt(squares / weight)) - 1 : 0,
      size: sizes[last]!,
    }
  })

  return [bySide, bulk].map((volumes) => {
    const shares = cut(volumes, number('buckets'))
    return Float64Array.from(timesUs, (nowUs) => {
      const last = momentAt(trades, nowUs)
      const down = momentAt(outages, nowUs)?.down ?? false
      if (!last || down || nowUs - last.timeUs > number('staleSeconds') * 1e6) return Number.NaN
      return momentAt(shares, nowUs)?.share ?? Number.NaN
    })
  })
}

/** The share after every completed bucket from the `count`-th on. */
function cut(volumes: readonly Volume[], count: number): { timeUs: number; share: number }[] {
  const buckets: { timeUs: number; size: number; imbalance: number }[] = []
  let filled = 0
  let signed = 0
  let size = 0
  for (const { timeUs, lots, lean, size: wanted } of volumes) {
    if (timeUs === Number.POSITIVE_INFINITY) break
    if (Number.isNaN(wanted)) continue
    let left = lots
    while (left > 0) {
      if (filled === 0) size = wanted
      const part = Math.min(left, size - filled)
      filled += part
      signed += lean * part
      left -= part
      if (filled < size) continue
      buckets.push({ timeUs, size, imbalance: Math.abs(signed) })
      filled = signed = 0
    }
  }
  return buckets.flatMap(({ timeUs }, i) => {
    if (i + 1 < count) return []
    const last = buckets.slice(i + 1 - count, i + 1)
    const share = last.reduce((sum, each) => sum + each.imbalance, 0) / last.reduce((sum, each) => sum + each.size, 0)
    return [{ timeUs, share }]
  })
}
